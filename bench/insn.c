/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make bench-insn: what one instruction costs, interpreted and as native code, against the
 * same computation written in C, and what it costs to enter a program.
 *
 * Every figure is the median of many short rounds, so that another process on the machine
 * disturbs a few of them and not the result.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/asm.h"
#include "lib/image.h"
#include "lib/test.h"
#include "vm/interp.h"

#define ROUNDS       151
#define NS_PER_ROUND 50000

#define SCALAR __attribute__((noinline)) /* the build turns vectors off for this file */

struct memory {
	u64 n;
	u8 bytes[4096];
};

typedef u64 (*native_fn)(struct memory *m);

/* What tests/lib/image.c reports to, when there is no test. */
void test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

SCALAR static u64 native_mix(struct memory *m)
{
	u64 x = m->n;

	for (u64 i = 1000; i; i--) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	return x;
}

static const char mix[] = "r0 = *(u64 *)(r1 +0)\n"
			  "r2 = 1000\n"
			  "again: r3 = r0\n"
			  "r3 <<= 13\n"
			  "r0 ^= r3\n"
			  "r3 = r0\n"
			  "r3 >>= 7\n"
			  "r0 ^= r3\n"
			  "r3 = r0\n"
			  "r3 <<= 17\n"
			  "r0 ^= r3\n"
			  "r2 += -1\n"
			  "if r2 != 0 goto again\n"
			  "exit\n";

SCALAR static u64 native_fnv(struct memory *m)
{
	u64 x = 0xcbf29ce484222325;

	for (u32 i = 0; i < 1024; i++)
		x = (x ^ m->bytes[i]) * 0x100000001b3;
	return x;
}

static const char fnv[] = "r0 = 0xcbf29ce484222325 ll\n"
			  "r4 = 0x100000001b3 ll\n"
			  "r2 = 1024\n"
			  "again: r3 = *(u8 *)(r1 +8)\n"
			  "r0 ^= r3\n"
			  "r0 *= r4\n"
			  "r1 += 1\n"
			  "r2 += -1\n"
			  "if r2 != 0 goto again\n"
			  "exit\n";

/* The sum of 16-bit words, as IP has it. */
SCALAR static u64 native_checksum(struct memory *m)
{
	const u16 *words = (const u16 *)m->bytes;
	u32 sum = 0;

	for (u32 i = 0; i < 512; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

static const char checksum[] = "w0 = 0\n"
			       "w2 = 0\n"
			       "again: r3 = r1\n"
			       "r3 += r2\n"
			       "r3 = *(u16 *)(r3 +8)\n"
			       "w0 += w3\n"
			       "r2 += 2\n"
			       "if r2 != 1024 goto again\n"
			       "w3 = w0\nw0 &= 0xffff\nw3 >>= 16\nw0 += w3\n"
			       "w3 = w0\nw0 &= 0xffff\nw3 >>= 16\nw0 += w3\n"
			       "w0 ^= -1\nw0 &= 0xffff\n"
			       "exit\n";

/* Branches that depend on data. */
SCALAR static u64 native_collatz(struct memory *m)
{
	u64 x = 837799 + m->n % 2, steps = 0;

	for (; x != 1; steps++)
		x = x & 1 ? 3 * x + 1 : x >> 1;
	return steps;
}

static const char collatz[] = "r2 = *(u64 *)(r1 +0)\n"
			      "r2 %= 2\n"
			      "r2 += 837799\n"
			      "r0 = 0\n"
			      "again: if r2 == 1 goto end\n"
			      "r0 += 1\n"
			      "if r2 & 1 goto odd\n"
			      "r2 >>= 1\n"
			      "goto again\n"
			      "odd: r2 *= 3\n"
			      "r2 += 1\n"
			      "goto again\n"
			      "end: exit\n";

/* Stores and loads: primes below 4096. */
SCALAR static u64 native_sieve(struct memory *m)
{
	u64 found = 0;

	memset(m->bytes, 0, 4096);
	for (u32 i = 2; i < 4096; i++) {
		if (m->bytes[i])
			continue;
		found++;
		for (u32 j = i + i; j < 4096; j += i)
			m->bytes[j] = 1;
	}
	return found;
}

static const char sieve[] = "r0 = 0\n"
			    "r2 = 0\n"
			    "clear: r3 = r1\nr3 += r2\n*(u64 *)(r3 +8) = 0\nr2 += 8\n"
			    "if r2 != 4096 goto clear\n"
			    "r2 = 2\n"
			    "next: r3 = r1\n"
			    "r3 += r2\n"
			    "r4 = *(u8 *)(r3 +8)\n"
			    "if r4 != 0 goto composite\n"
			    "r0 += 1\n"
			    "r5 = r2\n"
			    "r5 += r2\n"
			    "cross: if r5 >= 4096 goto composite\n"
			    "r3 = r1\n"
			    "r3 += r5\n"
			    "*(u8 *)(r3 +8) = 1\n"
			    "r5 += r2\n"
			    "goto cross\n"
			    "composite: r2 += 1\n"
			    "if r2 < 4096 goto next\n"
			    "exit\n";

/* Calls: a small function called in a loop, with its stack used. */
static __attribute__((noinline)) u64 native_step(u64 x, u64 i)
{
	volatile u64 kept = x;

	return kept * 31 + i;
}

SCALAR static u64 native_calls(struct memory *m)
{
	u64 x = m->n;

	for (u64 i = 500; i; i--)
		x = native_step(x, i);
	return x;
}

static const char calls[] = "r1 = *(u64 *)(r1 +0)\n"
			    "r6 = 500\n"
			    "again: r2 = r6\n"
			    "call step\n"
			    "r1 = r0\n"
			    "r6 += -1\n"
			    "if r6 != 0 goto again\n"
			    "exit\n"
			    "step: *(u64 *)(r10 -8) = r1\n"
			    "r0 = *(u64 *)(r10 -8)\n"
			    "r0 *= 31\n"
			    "r0 += r2\n"
			    "exit\n";

static u64 native_nothing(struct memory *m)
{
	return 0;
}

static const struct bench {
	const char *name;
	const char *source;
	native_fn native;
	u32 stack_depth;
} benches[] = {
	{ "xorshift", mix, native_mix, 16 },
	{ "fnv-1a", fnv, native_fnv, 16 },
	{ "checksum", checksum, native_checksum, 16 },
	{ "collatz", collatz, native_collatz, 16 },
	{ "sieve", sieve, native_sieve, 16 },
	{ "calls", calls, native_calls, 16 },
	{ "empty", "r0 = 0\nexit\n", native_nothing, 16 },
};

/* Hides the function from the optimizer. */
static u64 run_native(void *fn, void *unused, struct memory *m)
{
	native_fn call = (native_fn)fn;

	__asm__ volatile("" : "+r"(call));
	return call(m);
}

static u64 run_prog(void *prog, void *rc, struct memory *m)
{
	return prog_run(prog, m, rc);
}

typedef u64 (*run_fn)(void *what, void *rc, struct memory *m);

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* ns for one call. */
static double measure(run_fn run, void *what, void *rc, struct memory *m)
{
	double rounds[ROUNDS];
	u64 calls_in_round = 1, start, ns;

	do {
		calls_in_round *= 2;
		start = os_clock_ns(OS_CLOCK_MONOTONIC);
		for (u64 i = 0; i < calls_in_round; i++)
			run(what, rc, m);
		ns = os_clock_ns(OS_CLOCK_MONOTONIC) - start;
	} while (ns < NS_PER_ROUND);
	for (u32 round = 0; round < ROUNDS; round++) {
		start = os_clock_ns(OS_CLOCK_MONOTONIC);
		for (u64 i = 0; i < calls_in_round; i++)
			run(what, rc, m);
		rounds[round] = (double)(os_clock_ns(OS_CLOCK_MONOTONIC) - start) / calls_in_round;
	}
	qsort(rounds, ROUNDS, sizeof(rounds[0]), compare);
	return rounds[ROUNDS / 2];
}

static void count_insn(void *data, const struct prog *prog, u32 index, const u64 *regs, u32 depth)
{
	(*(u64 *)data)++;
}

static u64 count(struct prog *prog, struct memory *m)
{
	u64 n = 0;
	struct interp_tracer tracer = { .insn = count_insn, .data = &n };
	struct run_ctx rc = { .budget = INT64_MAX };

	interp_trace(prog, m, &rc, &tracer);
	return n;
}

struct row {
	u64 insns;
	double native, interp, budget, jit; /* ns for one run; jit 0: there is none */
};

static struct prog prepared(const struct bench *b, u32 flags, int (*prepare)(struct prog *prog))
{
	struct test_image_opts opts = { .stack_depth = b->stack_depth, .flags = flags };
	struct prog prog = { .image = test_image_text(b->source, &opts) };

	if (!prog.image || prepare(&prog)) {
		image_free(prog.image);
		prog.image = NULL;
	}
	return prog;
}

static double measure_prog(const struct bench *b, u32 flags, int (*prepare)(struct prog *prog),
			   void (*release)(struct prog *prog), struct row *row)
{
	static struct memory m = { .n = 0x9e3779b97f4a7c15 };
	struct run_ctx rc = { .budget = INT64_MAX };
	struct prog prog = prepared(b, flags, prepare);
	u64 expected, got;
	double ns;

	if (!prog.image)
		return 0;
	expected = b->native(&m);
	got = prog_run(&prog, &m, &rc);
	if (got != expected) {
		fprintf(stderr, "%s: 0x%llx, not 0x%llx\n", b->name, (unsigned long long)got,
			(unsigned long long)expected);
		exit(1);
	}
	if (prepare == interp_prepare && !flags) {
		row->insns = count(&prog, &m);
		row->native = measure(run_native, (void *)b->native, NULL, &m);
	}
	ns = measure(run_prog, &prog, &rc, &m);
	release(&prog);
	image_free(prog.image);
	return ns;
}

static void print_row(const char *name, const struct row *row)
{
	printf("%-10s %8llu %9.2f %9.2f %9.2f", name, (unsigned long long)row->insns,
	       row->native / row->insns, row->interp / row->insns, row->budget / row->insns);
	if (row->jit)
		printf(" %9.2f %9.1fx %9.2fx\n", row->jit / row->insns, row->interp / row->native,
		       row->jit / row->native);
	else
		printf(" %9s %9.1fx %9s\n", "-", row->interp / row->native, "-");
}

int main(void)
{
	struct row row = { 0 };

	printf("%-10s %8s %9s %9s %9s %9s %10s %10s\n", "ns/insn", "insns", "native", "interp",
	       "+budget", "jit", "interp/nat", "jit/nat");
	for (u32 i = 0; i < ARRAY_SIZE(benches); i++) {
		const struct bench *b = &benches[i];

		row.interp = measure_prog(b, 0, interp_prepare, interp_release, &row);
		row.budget = measure_prog(b, IMAGE_BUDGET, interp_prepare, interp_release, &row);
		row.jit = measure_prog(b, 0, jit_prepare, jit_release, &row);
		if (strcmp(b->name, "empty") != 0)
			print_row(b->name, &row);
	}
	printf("\nentering and leaving a program: native call %.1f ns, interpreter %.1f ns, ",
	       row.native, row.interp);
	if (row.jit)
		printf("JIT %.1f ns\n", row.jit);
	else
		printf("JIT: none here\n");
	return 0;
}
