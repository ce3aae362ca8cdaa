/* SPDX-License-Identifier: Apache-2.0 */
#include "context.h"
#include "test_run.h"
#include "value.h"

#include "base/str.h"
#include "kernel/custom.h"
#include "kernel/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(struct loader_error *error, int err, const char *fmt, const char *what)
{
	error->err = err;
	snprintf(error->text, sizeof(error->text), fmt, what);
	return err;
}

/* ---- stand-ins for helpers ---- */

static struct test_setup *helper_setup; /* of this process: skep test runs one file at a time */

static u64 stand_in(u32 n, const u64 *args)
{
	const struct test_helper *h = NULL;

	for (u32 i = 0; i < helper_setup->n_helpers; i++)
		if (helper_setup->helpers[i].helper.n == n)
			h = &helper_setup->helpers[i];
	for (int i = 0; h && i < 5; i++) {
		if (h->helper.arg[i] == SKEP_ARG_WRITE)
			memset((void *)(uintptr_t)args[i], 0, args[i + 1]);
		if (h->helper.arg[i] == SKEP_ARG_WRITE_FIXED)
			memset((void *)(uintptr_t)args[i], 0, h->helper.arg_size[i]);
	}
	return h ? h->result : 0;
}

#define STAND_INS(X) \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define STAND_IN(n)                                                                           \
	static u64 stand_in_##n(u64 a1, u64 a2, u64 a3, u64 a4, u64 a5, struct skep_run *run) \
	{                                                                                     \
		const u64 args[] = { a1, a2, a3, a4, a5 };                                    \
		return stand_in(n, args);                                                     \
	}
STAND_INS(STAND_IN)

skep_helper_fn test_helper_function(u32 n)
{
#define STAND_IN_ADDRESS(n) stand_in_##n,
	static const skep_helper_fn functions[] = { STAND_INS(STAND_IN_ADDRESS) };

	return n < ARRAY_SIZE(functions) ? functions[n] : NULL;
}

/* ---- contexts of SEC("skep/NAME"), made from the program's own parameter ---- */

u32 test_ctx_type(const struct test_run *run, const char *program)
{
	return run->btf ? context_struct(run->btf, program) : 0;
}

static struct test_pointer *pointer_of(struct test_setup *setup, const char *context,
				       const char *member)
{
	for (u32 i = 0; i < setup->n_pointers; i++)
		if (str_eq(setup->pointers[i].context, context) &&
		    str_eq(setup->pointers[i].member, member))
			return &setup->pointers[i];
	return NULL;
}

/* Whole numbers, and pointers declared as such. */
static u32 fields_of(struct test_run *run, const char *context, u32 struct_id,
		     struct skep_field *fields, u32 max)
{
	u32 n = context_fields(run->btf, struct_id, fields, max), kept = 0;

	for (u32 i = 0; i < n; i++) {
		const struct test_pointer *pointer =
		    pointer_of(run->setup, context, fields[i].name);

		if (!fields[i].access && !pointer)
			continue;
		if (!fields[i].access) {
			fields[i].access = SKEP_READ | (pointer->writable ? SKEP_MEM_WRITE : 0);
			fields[i].points_to = pointer->size;
		}
		fields[kept++] = fields[i];
	}
	return kept;
}

static int add_context(struct test_run *run, u32 index, struct loader_error *error)
{
	const struct loader_prog *prog = loader_prog(run->loader, index);
	struct skep_field fields[CONTEXT_MAX_FIELDS];
	struct skep_context context = { .size = sizeof(context), .fields = fields };
	u32 type = test_ctx_type(run, prog->name);

	context.name = prog->section + strlen("skep/");
	if (!type)
		return fail(error, -EINVAL,
			    "program %s: its parameter is no pointer to a struct described by BTF; "
			    "compile with -g",
			    prog->name);
	context.ctx_size = (u32)btf_size(run->btf, type);
	context.n_fields = fields_of(run, context.name, type, fields, ARRAY_SIZE(fields));
	if (context.ctx_size > TEST_CTX_MAX)
		return fail(error, -E2BIG, "program %s: its context is larger than 65536 bytes",
			    prog->name);
	if (skep_add_context(run->skep, &context) && errno != EEXIST)
		return fail(error, -errno, "%s", skep_error());
	loader_set_type(run->loader, index, PROG_TYPE_CUSTOM,
			(u32)custom_find_context(skep_custom(run->skep), context.name));
	return 0;
}

/* ---- a test ---- */

static int extend_kernel(struct test_run *run, struct loader_error *error)
{
	int err;

	for (u32 i = 0; i < loader_prog_count(run->loader); i++) {
		const struct loader_prog *prog = loader_prog(run->loader, i);

		if (!str_starts(prog->section, "skep/"))
			continue;
		err = add_context(run, i, error);
		if (err)
			return err;
	}
	helper_setup = run->setup;
	for (u32 i = 0; i < run->setup->n_helpers; i++)
		if (skep_add_helper(run->skep, &run->setup->helpers[i].helper))
			return fail(error, -errno, "%s", skep_error());
	return 0;
}

/* Gives each declared pointer fresh memory. */
static int make_memory(struct test_run *run)
{
	for (u32 i = 0; i < run->setup->n_pointers; i++) {
		struct test_pointer *p = &run->setup->pointers[i];

		free(p->memory);
		p->memory = calloc(1, p->size);
		if (!p->memory)
			return -ENOMEM;
	}
	return 0;
}

int test_run_open(struct test_run *run, struct test_setup *setup, struct loader_error *error)
{
	struct loader_source source = { .path = setup->object_path };
	const void *raw;
	u32 size;
	int err;

	memset(run, 0, sizeof(*run));
	run->setup = setup;
	run->skep = skep_new(NULL);
	if (!run->skep || make_memory(run))
		return fail(error, -ENOMEM, "%s: out of memory", setup->object_path);
	value_more_enumerators = skep_model(run->skep)->btf;
	loader_kernel_of(run->skep, &run->kernel);
	err = loader_open(&run->kernel, &source, &run->loader, error);
	if (err)
		return err;
	raw = loader_btf(run->loader, &size);
	if (raw)
		btf_parse(raw, size, NULL, NULL, &run->btf);
	err = extend_kernel(run, error);
	return err ? err : loader_load(run->loader, error);
}

void test_run_close(struct test_run *run)
{
	value_more_enumerators = NULL;
	btf_free(run->btf);
	loader_close(run->loader);
	skep_free(run->skep);
	for (u32 i = 0; i < run->setup->n_pointers; i++) {
		free(run->setup->pointers[i].memory);
		run->setup->pointers[i].memory = NULL;
	}
}

static bool takes_packet(u32 type)
{
	return type == BPF_PROG_TYPE_XDP || type == BPF_PROG_TYPE_SCHED_CLS ||
	       type == BPF_PROG_TYPE_SCHED_ACT || type == BPF_PROG_TYPE_SOCKET_FILTER ||
	       type == BPF_PROG_TYPE_CGROUP_SKB;
}

/* Through PROG_TEST_RUN, which builds the packet's surroundings. */
static int run_packet(struct test_run *run, const struct loader_prog *prog,
		      struct loader_error *error)
{
	static u8 out[TEST_PACKET_MAX];
	union bpf_attr attr;
	u32 ctx_size =
	    prog->type == BPF_PROG_TYPE_XDP ? sizeof(struct xdp_md) : sizeof(struct __sk_buff);

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (u32)prog->fd;
	attr.test.data_in = (uintptr_t)run->packet;
	attr.test.data_size_in = run->packet_len;
	attr.test.data_out = (uintptr_t)out;
	attr.test.data_size_out = sizeof(out);
	if (run->ctx_set) {
		if (prog->type == BPF_PROG_TYPE_XDP)
			((struct xdp_md *)run->ctx)->data_end = run->packet_len;
		attr.test.ctx_in = attr.test.ctx_out = (uintptr_t)run->ctx;
		attr.test.ctx_size_in = attr.test.ctx_size_out = ctx_size;
	}
	if (skep_bpf(run->skep, BPF_PROG_TEST_RUN, &attr, sizeof(attr)) < 0)
		return fail(error, -errno, "the run failed: %s (a packet has at least 14 bytes, and room for the header its type names)",
			    strerror(errno));
	run->result = attr.test.retval;
	run->packet_len = attr.test.data_size_out;
	memcpy(run->packet, out, run->packet_len);
	return 0;
}

/* Every other type gets the context as it is. */
static int run_plain(struct test_run *run, const struct loader_prog *prog,
		     struct loader_error *error)
{
	static const struct run_params params;
	struct prog_object *object;
	int err = 0;

	object = prog_from_fd(run->skep, prog->fd, &err);
	if (!object)
		return fail(error, err, "the program %s is gone", prog->name);
	err = skep_run(run->skep, object, run->ctx, &params, &run->result);
	object_put(&object->base);
	return err ? fail(error, err, "the run failed: %s", strerror(-err)) : 0;
}

/* Pointer members of the context hold the test's memory. */
static void place_pointers(struct test_run *run, const struct loader_prog *prog)
{
	u32 type = test_ctx_type(run, prog->name);

	for (u32 i = 0; type && i < run->setup->n_pointers; i++) {
		struct test_pointer *p = &run->setup->pointers[i];
		struct btf_field field;

		if (str_eq(p->context, prog->section + strlen("skep/")) &&
		    !btf_find_member(run->btf, type, p->member, &field))
			memcpy(run->ctx + field.bit_offset / 8, &p->memory, sizeof(p->memory));
	}
}

int test_run_program(struct test_run *run, const char *name, struct loader_error *error)
{
	int index = loader_find_prog(run->loader, name);
	const struct loader_prog *prog;
	int err;

	if (index < 0)
		return fail(error, -ENOENT, "the object has no program %s", name);
	prog = loader_prog(run->loader, (u32)index);
	if (str_starts(prog->section, "skep/"))
		place_pointers(run, prog);
	err = takes_packet(prog->type) ? run_packet(run, prog, error) : run_plain(run, prog, error);
	run->has_run = !err;
	return err;
}
