/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make bench-figures: the numbers that README quotes, each beside what it is to be compared
 * with, measured in one run. Medians of many short rounds.
 */
#include <skep/skep.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 41
#define LOOPS  1000
#define CALLS  2000

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	return values[n / 2];
}

static void die(const char *what)
{
	fprintf(stderr, "bench-figures: %s: %s\n", what,
		skep_error()[0] ? skep_error() : strerror(errno));
	exit(1);
}

/* ---- programs ---- */

#define INSN(c, d, s, o, i)                                                         \
	{                                                                           \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}

/* r0 = LOOPS rounds of xorshift: 8 instructions each. */
static const struct bpf_insn work[] = {
	INSN(BPF_LDX | BPF_MEM | BPF_W, 0, 1, 0, 0),
	INSN(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, LOOPS),
	INSN(BPF_ALU64 | BPF_MOV | BPF_X, 3, 0, 0, 0),
	INSN(BPF_ALU64 | BPF_LSH | BPF_K, 3, 0, 0, 13),
	INSN(BPF_ALU64 | BPF_XOR | BPF_X, 0, 3, 0, 0),
	INSN(BPF_ALU64 | BPF_MOV | BPF_X, 3, 0, 0, 0),
	INSN(BPF_ALU64 | BPF_RSH | BPF_K, 3, 0, 0, 7),
	INSN(BPF_ALU64 | BPF_XOR | BPF_X, 0, 3, 0, 0),
	INSN(BPF_ALU64 | BPF_SUB | BPF_K, 2, 0, 0, 1),
	INSN(BPF_JMP | BPF_JNE | BPF_K, 2, 0, -8, 0),
	INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
};

static const struct bpf_insn nothing[] = {
	INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
	INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
};

__attribute__((noinline)) static uint64_t native_work(void *ctx)
{
	uint64_t x = *(uint32_t *)ctx;

	for (int i = 0; i < LOOPS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		__asm__ volatile("" : "+r"(x)); /* one round after the other, as the program does */
	}
	return x;
}

__attribute__((noinline)) static uint64_t native_nothing(void *ctx)
{
	__asm__ volatile("" : : "r"(ctx));
	return 0;
}

static struct skep *kernel(uint32_t flags)
{
	static const struct skep_field field = { "seed", 0, 4, SKEP_READ, 0 };
	const struct skep_context context = { sizeof(context), "seed", 4, &field, 1, 0, 0 };
	struct skep_opts opts = { .size = sizeof(opts), .flags = flags };
	struct skep *skep = skep_new(&opts);

	if (!skep || skep_add_context(skep, &context))
		die("kernel");
	return skep;
}

static struct skep_prog *load(struct skep *skep, const struct bpf_insn *insns, size_t n)
{
	const struct skep_prog_opts opts = { .size = sizeof(opts), .context = "seed" };
	int fd = skep_prog_load(skep, insns, n, &opts);
	struct skep_prog *prog = skep_prog_open(skep, fd);

	if (!prog)
		die("load");
	close(fd);
	return prog;
}

static double time_fn(skep_fn fn, int calls)
{
	double rounds[ROUNDS];
	uint32_t seed = 12345;
	uint64_t sum = 0;

	for (int r = 0; r < ROUNDS; r++) {
		double start = now_ns();

		for (int i = 0; i < calls; i++)
			sum += fn(&seed);
		rounds[r] = (now_ns() - start) / calls;
	}
	__asm__ volatile("" : : "r"(sum));
	return median(rounds, ROUNDS);
}

static double time_interpreted(struct skep_prog *prog, int calls)
{
	double rounds[ROUNDS];
	uint32_t seed = 12345;

	for (int r = 0; r < ROUNDS; r++) {
		double start = now_ns();

		for (int i = 0; i < calls; i++)
			skep_run_with(prog, &seed, NULL, NULL);
		rounds[r] = (now_ns() - start) / calls;
	}
	return median(rounds, ROUNDS);
}

static void engines(void)
{
	struct skep *jit = kernel(0), *interpreter = kernel(SKEP_NO_JIT);
	struct skep_prog *jit_work = load(jit, work, 11), *jit_nothing = load(jit, nothing, 2);
	struct skep_prog *slow_work = load(interpreter, work, 11);
	double insns = 3 + 8.0 * LOOPS;
	double native = time_fn(native_work, 20);

	printf("%-52s %10.2f ns   native %.2f ns\n", "one interpreted instruction",
	       time_interpreted(slow_work, 20) / insns, native / insns);
	if (skep_prog_fn(jit_work)) {
		printf("%-52s %10.2f ns   native %.2f ns\n", "one compiled instruction",
		       time_fn(skep_prog_fn(jit_work), 20) / insns, native / insns);
		printf("%-52s %10.2f ns   native %.2f ns\n", "calling a program that does nothing",
		       time_fn(skep_prog_fn(jit_nothing), 20000), time_fn(native_nothing, 20000));
	}
	skep_prog_close(jit_work);
	skep_prog_close(jit_nothing);
	skep_prog_close(slow_work);
	skep_free(jit);
	skep_free(interpreter);
}

/* ---- loading ---- */

/* An example as an object file in the working folder. */
static void compile(const char *folder, char *object, size_t size)
{
	char command[4096];

	snprintf(object, size, "%s/syscount.bpf.o", folder);
	snprintf(command, sizeof(command),
		 FIGURES_SKEP
		 " btf c > %s/vmlinux.h && clang -target bpf -g -O2 -I%s -c " FIGURES_EXAMPLES
		 "/syscount.bpf.c -o %s",
		 folder, folder, object);
	if (system(command))
		die("compiling examples/syscount.bpf.c");
}

static void loading(const char *object_path)
{
	double verify[ROUNDS], object[9];
	struct skep *skep = kernel(0);

	for (int r = 0; r < ROUNDS; r++) {
		double start = now_ns();

		skep_prog_close(load(skep, nothing, 2));
		verify[r] = now_ns() - start;
	}
	printf("%-52s %10.1f us\n", "loading a program of two instructions",
	       median(verify, ROUNDS) / 1e3);
	for (int r = 0; r < 9; r++) {
		double start = now_ns();
		struct skep_object *o = skep_object_load(skep, object_path);

		object[r] = now_ns() - start;
		if (!o)
			die(object_path);
		skep_object_free(o);
	}
	printf("%-52s %10.2f ms\n", "loading examples/syscount.bpf.o, from the file on",
	       median(object, 9) / 1e6);
	skep_free(skep);
}

/* ---- system calls ---- */

/* In a process of its own: prints the cost of one getppid. */
static int call_often(void)
{
	double rounds[ROUNDS];

	for (int r = 0; r < ROUNDS; r++) {
		double start = now_ns();

		for (int i = 0; i < CALLS; i++)
			syscall(SYS_getppid);
		rounds[r] = (now_ns() - start) / CALLS;
	}
	printf("%f\n", median(rounds, ROUNDS));
	return 0;
}

static double cost_under(const char *self, const char *prefix)
{
	char command[8192];
	double cost = -1;
	FILE *p;

	snprintf(command, sizeof(command), "%s %s --calls 2>/dev/null", prefix, self);
	p = popen(command, "r");
	if (!p || fscanf(p, "%lf", &cost) != 1)
		cost = -1;
	if (p)
		pclose(p);
	return cost;
}

static void system_calls(const char *self, const char *object_path)
{
	char prefix[4096];
	double bare = cost_under(self, "");

	printf("%-52s %10.0f ns\n", "a system call (getppid)", bare);
	snprintf(prefix, sizeof(prefix),
		 "%s run -o /dev/null " FIGURES_EXAMPLES "/opensnoop.bpf.c --", FIGURES_SKEP);
	printf("%-52s %10.0f ns   bare %.0f ns\n", "the same, other calls being traced",
	       cost_under(self, prefix), bare);
	snprintf(prefix, sizeof(prefix), "%s run -o /dev/null %s --", FIGURES_SKEP, object_path);
	printf("%-52s %10.0f ns   bare %.0f ns\n", "the same, traced by syscount (enter and exit)",
	       cost_under(self, prefix), bare);
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/skep-figures-XXXXXX", object[64];

	if (argc > 1 && strcmp(argv[1], "--calls") == 0)
		return call_often();
	if (!mkdtemp(folder))
		die("a temporary folder");
	compile(folder, object, sizeof(object));
	engines();
	loading(object);
	system_calls(argv[0], object);
	unlink(object);
	snprintf(object, sizeof(object), "%s/vmlinux.h", folder);
	unlink(object);
	rmdir(folder);
	return 0;
}
