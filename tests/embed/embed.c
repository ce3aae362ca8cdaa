/* SPDX-License-Identifier: Apache-2.0 */
/* The embedding API as an embedding program uses it. */
#include "embed/thing.h"
#include "lib/test.h"

#include <errno.h>
#include <pthread.h>
#include <skep/skep.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct skep_field fields[] = {
	SKEP_FIELD(struct thing, a, SKEP_READ),
	SKEP_FIELD(struct thing, b, SKEP_READ),
	SKEP_FIELD(struct thing, out, SKEP_READ | SKEP_WRITE),
	SKEP_POINTER(struct thing, data, SKEP_READ | SKEP_NULLABLE | SKEP_MEM_WRITE, THING_DATA),
};

static const struct skep_context context = {
	.size = sizeof(context),
	.name = "thing",
	.ctx_size = sizeof(struct thing),
	.fields = fields,
	.n_fields = 4,
	.ret_min = 0,
	.ret_max = 2,
};

static uint64_t add_up(uint64_t bytes, uint64_t size, uint64_t a3, uint64_t a4, uint64_t a5,
		       struct skep_run *run)
{
	const uint8_t *p = (const uint8_t *)(uintptr_t)bytes;
	uint64_t sum = 0;

	(void)a3, (void)a4, (void)a5, (void)run;
	for (uint64_t i = 0; i < size; i++)
		sum += p[i];
	return sum;
}

static uint64_t scratch(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
			struct skep_run *run)
{
	(void)a1, (void)a2, (void)a3, (void)a4, (void)a5;
	return (uintptr_t)skep_run_data(run);
}

static uint64_t fill(uint64_t out, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
		     struct skep_run *run)
{
	const struct thing *t = skep_run_ctx(run);

	(void)a2, (void)a3, (void)a4, (void)a5;
	*(uint64_t *)(uintptr_t)out = t->a;
	return 0;
}

/* Starts another program from inside one. */
static struct skep_prog *nested_prog;
static uint64_t nested(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
		       struct skep_run *run)
{
	uint64_t result = 0;

	(void)a1, (void)a2, (void)a3, (void)a4, (void)a5;
	return skep_run_with(nested_prog, skep_run_ctx(run), NULL, &result) == SKEP_RUN_DONE
		   ? result
		   : 99;
}

static const struct skep_helper helpers[] = {
	{ sizeof(helpers[0]),
	  0,
	  "add_up",
	  add_up,
	  SKEP_RET_VALUE,
	  0,
	  { SKEP_ARG_READ, SKEP_ARG_SIZE },
	  { 0 } },
	{ sizeof(helpers[0]), 1, "scratch", scratch, SKEP_RET_MEM_OR_NULL, 8, { 0 }, { 0 } },
	{ sizeof(helpers[0]), 2, "fill", fill, SKEP_RET_VALUE, 0, { SKEP_ARG_WRITE_FIXED }, { 8 } },
	{ sizeof(helpers[0]), 3, "nested", nested, SKEP_RET_VALUE, 0, { 0 }, { 0 } },
};

static struct skep *kernel_with(const struct skep_opts *opts)
{
	struct skep *skep = skep_new(opts);

	REQUIRE(skep);
	REQUIRE(skep_add_context(skep, &context) == 0);
	for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++)
		REQUIRE(skep_add_helper(skep, &helpers[i]) == 0);
	return skep;
}

static struct skep_object *load(struct skep *skep)
{
	struct skep_object *object =
	    skep_object_load(skep, test_build_path("tests/embed/progs.bpf.o"));

	if (!object)
		test_note("%s", skep_error());
	REQUIRE(object);
	return object;
}

static struct skep_prog *open_prog(struct skep *skep, struct skep_object *object, const char *name)
{
	struct skep_prog *prog = skep_prog_open(skep, skep_object_prog(object, name));

	if (!prog)
		test_note("%s", skep_error());
	REQUIRE(prog);
	return prog;
}

static void runs_programs(uint32_t flags)
{
	struct skep_opts opts = { .size = sizeof(opts), .flags = flags };
	struct skep *skep = kernel_with(&opts);
	struct skep_object *object = load(skep);
	struct skep_prog *sum = open_prog(skep, object, "sum");
	struct skep_prog *with_helpers = open_prog(skep, object, "helpers");
	struct skep_prog *bytes = open_prog(skep, object, "bytes");
	struct thing t = { .a = 40, .b = 2, .hidden = 5 };
	uint8_t data[THING_DATA];
	uint64_t cell = 100, result = 0;
	uint32_t zero = 0;
	uint64_t bss = 0;

	CHECK_EQ(skep_run_with(sum, &t, NULL, &result), SKEP_RUN_DONE);
	CHECK_EQ(result, 1);
	CHECK_EQ(t.out, 42);

	CHECK_EQ(skep_run_with(with_helpers, &t, &cell, &result), SKEP_RUN_DONE);
	CHECK_EQ(result, 1);
	CHECK_EQ(t.out, 100 + 10 + 40);
	CHECK_EQ(skep_run_with(with_helpers, &t, NULL, &result), SKEP_RUN_DONE);
	CHECK_EQ(result, 0);

	memset(data, 3, sizeof(data));
	CHECK_EQ(skep_run_with(bytes, &t, NULL, &result), SKEP_RUN_DONE);
	CHECK_EQ(result, 0);
	t.data = data;
	CHECK_EQ(skep_run_with(bytes, &t, NULL, &result), SKEP_RUN_DONE);
	CHECK_EQ(t.out, 3 * THING_DATA);
	CHECK_EQ(data[0], 9);
	CHECK_EQ(t.hidden, 5);

	CHECK_EQ(skep_map_lookup(skep, skep_object_map(object, ".bss"), &zero, &bss), 0);
	CHECK_EQ(bss, 1);

	skep_prog_close(sum);
	skep_prog_close(with_helpers);
	skep_prog_close(bytes);
	skep_object_free(object);
	skep_free(skep);
}

TEST(runs_programs_with_helpers_and_contexts)
{
	runs_programs(0);
}

TEST(runs_them_in_the_interpreter_too)
{
	runs_programs(SKEP_NO_JIT);
}

TEST(a_program_is_a_plain_function)
{
	struct skep *skep = kernel_with(NULL);
	struct skep_object *object = load(skep);
	struct skep_prog *prog = open_prog(skep, object, "sum");
	struct thing t = { .a = 1, .b = 2 };
	skep_fn fn = skep_prog_fn(prog);

	/* Closing the object leaves what is still used. */
	skep_object_free(object);
	if (!fn) {
		skep_prog_close(prog);
		skep_free(skep);
		SKIP("%s", skep_error());
	}
	CHECK_EQ(fn(&t), 1);
	CHECK_EQ(t.out, 3);
	skep_prog_close(prog);
	skep_free(skep);
}

TEST(a_run_may_start_another)
{
	struct skep *skep = kernel_with(NULL);
	struct skep_object *object = load(skep);
	struct skep_prog *prog = open_prog(skep, object, "calls_itself");
	struct thing t = { 0 };

	nested_prog = open_prog(skep, object, "two");
	CHECK_EQ(skep_run_with(prog, &t, NULL, NULL), SKEP_RUN_DONE);
	CHECK_EQ(t.out, 2);
	/* Without end: every level takes a CPU slot, and there are so many. */
	skep_prog_close(nested_prog);
	nested_prog = prog;
	CHECK_EQ(skep_run_with(prog, &t, NULL, NULL), SKEP_RUN_DONE);
	{
		struct skep_stats stats = { .size = sizeof(stats) };

		CHECK_EQ(skep_prog_stats(prog, &stats), 0);
		CHECK_EQ(stats.misses, 1);
	}
	skep_prog_close(prog);
	skep_object_free(object);
	skep_free(skep);
}

/* -- a hook whose program is replaced while threads run it -- */

#define SWAPS 2000

static struct skep_hook *hook;
static int stop_threads;

static void *run_hook(void *arg)
{
	uint64_t *wrong = arg;
	struct thing t = { 0 };

	while (!__atomic_load_n(&stop_threads, __ATOMIC_RELAXED)) {
		uint64_t r = skep_hook_run(hook, &t);

		if (r != 1 && r != 2)
			(*wrong)++;
	}
	return NULL;
}

TEST(a_hook_is_replaced_while_threads_run_it)
{
	struct skep_opts opts = { .size = sizeof(opts), .cpus = 8 };
	struct skep *skep = kernel_with(&opts);
	struct skep_object *object = load(skep);
	int one = skep_object_prog(object, "one"), two = skep_object_prog(object, "two");
	pthread_t threads[3];
	uint64_t wrong[3] = { 0 };
	struct thing t = { 0 };

	hook = skep_hook_new(skep, "thing");
	REQUIRE(hook);
	CHECK_EQ(skep_hook_run(hook, &t), 0);
	REQUIRE(skep_hook_set(hook, one) == 0);
	__atomic_store_n(&stop_threads, 0, __ATOMIC_RELAXED);
	for (int i = 0; i < 3; i++)
		REQUIRE(pthread_create(&threads[i], NULL, run_hook, &wrong[i]) == 0);
	for (int i = 0; i < SWAPS; i++) {
		CHECK_EQ(skep_hook_set(hook, i % 2 ? one : two), 0);
		CHECK_EQ(skep_hook_run(hook, &t), i % 2 ? 1 : 2);
	}
	__atomic_store_n(&stop_threads, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		CHECK_EQ(wrong[i], 0);
	}
	errno = 0;
	CHECK_EQ(skep_hook_set(hook, 9999), -1);
	CHECK_EQ(errno, EBADF);
	{
		const struct bpf_insn xdp[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 },
						{ .code = BPF_JMP | BPF_EXIT } };
		struct skep_prog_opts xdp_opts = { .size = sizeof(xdp_opts),
						   .type = BPF_PROG_TYPE_XDP };
		int fd = skep_prog_load(skep, xdp, 2, &xdp_opts);

		/* It would take our context for a packet's. */
		REQUIRE(fd >= 0);
		CHECK_EQ(skep_hook_set(hook, fd), -1);
		CHECK_EQ(errno, EINVAL);
		close(fd);
		CHECK(!skep_hook_new(skep, "nothing"));
	}
	CHECK_EQ(skep_hook_set(hook, -1), 0);
	CHECK_EQ(skep_hook_run(hook, &t), 0);
	skep_hook_free(hook);
	skep_object_free(object);
	skep_free(skep);
}

/* -- bounds -- */

static uint64_t events_ready(struct skep *skep, struct skep_object *object)
{
	struct skep_prog *emits = open_prog(skep, object, "emits");
	struct thing t = { 0 };
	uint64_t result = 0;

	CHECK_EQ(skep_run_with(emits, &t, NULL, &result), SKEP_RUN_DONE);
	skep_prog_close(emits);
	return result;
}

TEST(a_budget_ends_a_run_and_gives_back_what_it_held)
{
	struct skep_opts opts = { .size = sizeof(opts), .budget = 100000 };

	for (uint32_t flags = 0; flags <= SKEP_NO_JIT; flags++) {
		struct skep *skep;
		struct skep_object *object;
		struct skep_prog *prog, *sum;
		struct skep_stats stats = { .size = sizeof(stats) };
		struct thing t = { 0 };
		uint64_t result = 77;

		opts.flags = flags;
		skep = kernel_with(&opts);
		object = load(skep);
		prog = open_prog(skep, object, "for_hours");
		sum = open_prog(skep, object, "sum");
		/* More often than the ring has room: each record must have been given back. */
		for (int i = 0; i < 400; i++)
			CHECK_EQ(skep_run_with(prog, &t, NULL, &result), SKEP_RUN_BUDGET);
		CHECK_EQ(result, 0);
		CHECK_EQ(skep_prog_stats(prog, &stats), 0);
		CHECK_EQ(stats.budget_ended, 400);
		CHECK_EQ(stats.cancelled, 0);
		CHECK_EQ(skep_run_with(sum, &t, NULL, &result), SKEP_RUN_DONE);
		CHECK_EQ(result, 1);
		skep_prog_close(prog);
		skep_prog_close(sum);
		skep_object_free(object);
		skep_free(skep);
	}
}

struct long_run {
	struct skep_prog *prog;
	enum skep_outcome outcome;
};

static void *run_long(void *arg)
{
	struct long_run *run = arg;
	struct thing t = { 0 };

	run->outcome = skep_run_with(run->prog, &t, NULL, NULL);
	return NULL;
}

TEST(a_run_is_cancelled_from_another_thread)
{
	struct skep_opts opts = { .size = sizeof(opts), .budget = 1ull << 62 };
	struct skep *skep = kernel_with(&opts);
	struct skep_object *object = load(skep);
	struct long_run run = { .prog = open_prog(skep, object, "for_hours"), .outcome = 99 };
	struct skep_stats stats = { .size = sizeof(stats) };
	uint64_t started = 0;
	uint32_t key = 0;
	pthread_t thread;

	REQUIRE(pthread_create(&thread, NULL, run_long, &run) == 0);
	while (!started) {
		REQUIRE(skep_map_lookup(skep, skep_object_map(object, "counts"), &key, &started) ==
			0);
		usleep(1000);
	}
	skep_prog_cancel(run.prog);
	pthread_join(thread, NULL);
	CHECK_EQ(run.outcome, SKEP_RUN_CANCELLED);
	CHECK_EQ(skep_prog_stats(run.prog, &stats), 0);
	CHECK_EQ(stats.cancelled, 1);
	/* The ring is usable: the record that the cancelled run held is not in the way. */
	CHECK_EQ(events_ready(skep, object), 1);
	skep_prog_close(run.prog);
	skep_object_free(object);
	skep_free(skep);
}

/* -- what programs say -- */

struct heard {
	uint64_t sum;
	int n;
	char line[64];
};

static void hear_record(void *data, const void *record, uint32_t size)
{
	struct heard *heard = data;

	CHECK_EQ(size, sizeof(uint64_t));
	heard->sum += *(const uint64_t *)record;
	heard->n++;
}

static void *emit_later(void *arg)
{
	struct thing t = { 0 };

	usleep(50000);
	skep_run_with(arg, &t, NULL, NULL);
	return NULL;
}

TEST(ring_buffers_are_waited_for_and_read)
{
	struct skep *skep = kernel_with(NULL);
	struct skep_object *object = load(skep);
	struct skep_prog *emits = open_prog(skep, object, "emits");
	struct skep_ring *ring = skep_ring_open(skep, skep_object_map(object, "events"));
	struct heard heard = { 0 };
	struct thing t = { 0 };
	pthread_t thread;

	REQUIRE(ring);
	CHECK_EQ(skep_ring_poll(ring, 0, hear_record, &heard), 0);
	/* More than the ring holds at once, so that it goes round. */
	for (int i = 0; i < 1000; i++) {
		CHECK_EQ(skep_run_with(emits, &t, NULL, NULL), SKEP_RUN_DONE);
		CHECK_EQ(skep_ring_poll(ring, 1000, hear_record, &heard), 1);
	}
	CHECK_EQ(heard.n, 1000);
	CHECK_EQ(heard.sum, 7000);
	/* Waking up a consumer that waits. */
	for (int i = 0; i < 3; i++) {
		REQUIRE(pthread_create(&thread, NULL, emit_later, emits) == 0);
		CHECK_EQ(skep_ring_poll(ring, 20000, hear_record, &heard), 1);
		pthread_join(thread, NULL);
	}
	CHECK(!skep_ring_open(skep, skep_object_map(object, "counts")));
	CHECK_EQ(errno, EINVAL);
	skep_ring_close(ring);
	skep_prog_close(emits);
	skep_object_free(object);
	skep_free(skep);
}

static void hear_line(void *data, const char *line, size_t len)
{
	struct heard *heard = data;

	heard->n++;
	snprintf(heard->line, sizeof(heard->line), "%.*s", (int)len, line);
}

TEST(trace_lines_reach_the_embedding_program)
{
	struct heard heard = { 0 };
	struct skep_opts opts = { .size = sizeof(opts), .trace = hear_line, .trace_data = &heard };
	struct skep *skep = kernel_with(&opts);
	struct skep_object *object = load(skep);
	struct skep_prog *prog = open_prog(skep, object, "says");
	struct thing t = { .a = 42 };

	CHECK_EQ(skep_run_with(prog, &t, NULL, NULL), SKEP_RUN_DONE);
	CHECK_EQ(heard.n, 1);
	CHECK_STR(heard.line, "a is 42");
	skep_prog_close(prog);
	skep_object_free(object);
	skep_free(skep);
}

/* -- processes -- */

TEST(a_forked_child_is_told_and_the_parent_goes_on)
{
	struct skep *skep = kernel_with(NULL);
	struct skep_object *object = load(skep);
	struct skep_prog *prog = open_prog(skep, object, "sum");
	struct thing t = { .a = 1, .b = 1 };
	uint64_t value = 5;
	uint32_t key = 1;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	REQUIRE(pid >= 0);
	if (!pid) {
		int map = skep_object_map(object, "counts");
		bool told = skep_map_update(skep, map, &key, &value, 0) == -1 && errno == EPERM;
		struct skep *own = skep_new(NULL);

		told = told && skep_run_with(prog, &t, NULL, NULL) == SKEP_RUN_MISSED;
		_exit(told && own ? 0 : 1);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(skep_run_with(prog, &t, NULL, NULL), SKEP_RUN_DONE);
	CHECK_EQ(skep_map_lookup(skep, skep_object_map(object, "counts"), &key, &value), 0);
	CHECK_EQ(value, 0);
	skep_prog_close(prog);
	skep_object_free(object);
	skep_free(skep);
}

/* -- what is refused -- */

static int bad_line(const char *define)
{
	/* Lines marked BAD, in the order of the file. */
	static const char *const order[] = { "READ_OUTSIDE", "WRITE_READONLY", "NO_NULL_CHECK",
					     "PAST_DATA",    "CTX_AS_MEMORY",  "UNKNOWN_HELPER",
					     "RETURN_RANGE" };
	FILE *f = fopen(test_source_path("tests/embed/bad.bpf.c"), "r");
	char line[256];
	int number = 0;
	size_t seen = 0;

	REQUIRE(f);
	while (fgets(line, sizeof(line), f)) {
		number++;
		if (strstr(line, "/* BAD */") && strcmp(order[seen++], define) == 0)
			break;
	}
	fclose(f);
	return number;
}

static void refused(void *arg)
{
	const char *define = arg;
	struct skep *skep = kernel_with(NULL);
	struct skep_object *object;
	char path[64], where[64];

	snprintf(path, sizeof(path), "tests/embed/bad-%s.bpf.o", define);
	errno = 0;
	object = skep_object_load(skep, test_build_path(path));
	CHECK(!object);
	CHECK(errno != 0);
	snprintf(where, sizeof(where), "bad.bpf.c:%d", bad_line(define));
	if (strcmp(define, "NO_CONTEXT") == 0)
		snprintf(where, sizeof(where), "nothing");
	if (!strstr(skep_error(), where))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say %s", skep_error(), where);
	skep_object_free(object);
	skep_free(skep);
}

TEST(for_each_bad_program)
{
	static const char *const bad[] = { "READ_OUTSIDE",  "WRITE_READONLY", "NO_NULL_CHECK",
					   "PAST_DATA",     "UNKNOWN_HELPER", "RETURN_RANGE",
					   "CTX_AS_MEMORY", "NO_CONTEXT" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char name[64];

		snprintf(name, sizeof(name), "refuses %s at its line", bad[i]);
		test_run_named(name, refused, (void *)bad[i]);
	}
}

TEST(bad_registrations_are_refused_with_a_message)
{
	struct skep *skep = kernel_with(NULL);
	struct skep_field overlapping[] = { { "a", 0, 8, SKEP_READ, 0 },
					    { "b", 4, 4, SKEP_READ, 0 } };
	struct skep_context c = context;
	struct skep_helper h = helpers[0];

	errno = 0;
	CHECK_EQ(skep_add_context(skep, &context), -1);
	CHECK_EQ(errno, EEXIST);
	CHECK(strstr(skep_error(), "thing"));
	c.name = "other";
	c.fields = overlapping;
	c.n_fields = 2;
	CHECK_EQ(skep_add_context(skep, &c), -1);
	CHECK(strstr(skep_error(), "overlaps"));
	c.fields = fields;
	c.n_fields = 4;
	c.ctx_size = 20;
	CHECK_EQ(skep_add_context(skep, &c), -1);
	CHECK(strstr(skep_error(), "outside"));
	CHECK_EQ(skep_add_helper(skep, &h), -1);
	CHECK_EQ(errno, EEXIST);
	h.n = SKEP_MAX_HELPERS;
	CHECK_EQ(skep_add_helper(skep, &h), -1);
	h.n = 9;
	h.arg[1] = SKEP_ARG_VALUE; /* memory without its size */
	CHECK_EQ(skep_add_helper(skep, &h), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK(!skep_prog_open(skep, 0));
	CHECK(!skep_object_load(skep, "/nonexistent.o"));
	CHECK(strstr(skep_error(), "/nonexistent.o"));
	CHECK(!skep_object_load_mem(skep, "not an object", 13, "junk"));
	CHECK(strstr(skep_error(), "junk"));
	skep_free(skep);
}

TEST(raw_instructions_load_and_run)
{
	const struct bpf_insn twice[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 0, .src_reg = 1 },
		{ .code = BPF_ALU64 | BPF_AND | BPF_K, .dst_reg = 0, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct skep *skep = kernel_with(NULL);
	struct skep_prog_opts opts = { .size = sizeof(opts), .context = "thing", .name = "parity" };
	int fd = skep_prog_load(skep, twice, 3, &opts);
	struct skep_prog *prog = skep_prog_open(skep, fd);
	struct thing t = { .a = 41 };
	uint64_t result = 0;

	REQUIRE(prog);
	close(fd);
	CHECK_EQ(skep_run_with(prog, &t, NULL, &result), SKEP_RUN_DONE);
	CHECK_EQ(result, 1);
	skep_prog_close(prog);
	/* Without its last instruction. */
	CHECK_EQ(skep_prog_load(skep, twice, 2, &opts), -1);
	CHECK(strstr(skep_error(), "parity"));
	opts.context = "nothing";
	CHECK_EQ(skep_prog_load(skep, twice, 3, &opts), -1);
	CHECK(strstr(skep_error(), "nothing"));
	skep_free(skep);
}
