/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs every vector of tests/insn/ on the interpreter and the JIT alone, and as the same
 * bytecode through bpf(2) of a Skep, with its verifier, and of the Linux below us.
 *
 * For bpf(2) a vector is a function that a small XDP program calls with r1 = the packet behind
 * its first 8 bytes; the caller puts the 64-bit result into those.
 */
#include <glob.h>
#include <stdlib.h>
#include <unistd.h>

#include "insn/data.h"
#include "insn/kernel.h"
#include "lib/image.h"
#include "lib/test.h"
#include "model/ctx.h"
#include "vm/prog.h"

enum engine { INTERPRETER, JIT, SKEP, LINUX };

static const char *const engine_names[] = { "interpreter", "jit", "skep", "linux" };

/* Where a vector runs: through kernel with SKEP and LINUX. */
struct place {
	enum engine engine;
	struct kernel kernel;
	const char *unusable; /* why */
};

struct one {
	const struct vector *v;
	const struct place *place;
};

static void check_outcome(const struct vector *v, const struct vector_run *run, u64 r0,
			  const u8 *memory)
{
	if (r0 != run->r0)
		test_fail(v->name, (int)run->line, "r0 is 0x%llx, not 0x%llx",
			  (unsigned long long)r0, (unsigned long long)run->r0);
	for (u32 i = 0; i < run->size; i++)
		if (memory[i] != run->after[i])
			test_fail(v->name, (int)run->line, "memory[%u] is %02x, not %02x", i,
				  memory[i], run->after[i]);
}

static void run_here(const struct vector *v, const struct vector_run *run, enum engine engine,
		     const char *source)
{
	struct test_image_opts opts = { .load_packet = skb_load_packet };
	struct image *image = test_image_text(source, &opts);
	struct prog prog = { .image = image };
	struct run_ctx rc = { 0 };
	alignas(8) u8 memory[VECTOR_MEMORY];
	struct skb_run_ctx skb = { .data = memory,
				   .data_end = memory + run->size,
				   .mac = memory,
				   .network = memory + 14 };
	int err;

	if (!image)
		return;
	memcpy(memory, run->before, sizeof(memory));
	err = engine == JIT ? jit_prepare(&prog) : interp_prepare(&prog);
	if (err) {
		test_fail(v->name, (int)run->line, "not prepared: error %d", err);
	} else {
		void *ctx = v->mode == VECTOR_SKB ? (void *)&skb : memory;

		check_outcome(v, run, prog_run(&prog, ctx, &rc), memory);
		CHECK_EQ(rc.status, RUN_OK);
		if (engine == JIT)
			jit_release(&prog);
		else
			interp_release(&prog);
	}
	image_free(image);
}

static bool assemble(const struct vector *v, const char *source, insn_vec *out)
{
	struct asm_error err;

	if (isa_assemble(source, out, &err) == 0)
		return true;
	test_fail(v->name, (int)v->line, "line %u: %s", err.line, err.message);
	return false;
}

/* The caller: size bytes of packet must be there. */
static char *wrapped(const char *source, u32 size)
{
	static const char caller[] = "r7 = *(u32 *)(r1 +0)\n"
				     "r3 = *(u32 *)(r1 +4)\n"
				     "r4 = r7\n"
				     "r4 += %u\n"
				     "r0 = 1\n"
				     "if r4 > r3 goto caller_out\n"
				     "r1 = r7\n"
				     "r1 += 8\n"
				     "call callee\n"
				     "*(u64 *)(r7 +0) = r0\n"
				     "r0 = 2\n"
				     "caller_out: exit\n"
				     "callee:\n"
				     "%s";
	size_t room = sizeof(caller) + strlen(source) + 16;
	char *out = malloc(room);

	snprintf(out, room, caller, size, source);
	return out;
}

/* Says what the verifier says. */
static void fail_load(const struct kernel *kernel, const struct vector *v, u32 line, u32 type,
		      const insn_vec *insns)
{
	static char log[1 << 16];
	int err = kernel_load(kernel, type, insns->data, (u32)insns->len, 1, log, sizeof(log));
	size_t len = strlen(log);

	if (!kernel->complete)
		SKIP("this Linux is older than some instruction here");
	test_fail(v->name, (int)line, "refused (%d): ...%s", err,
		  log + (len > 500 ? len - 500 : 0));
}

static void run_loaded(const struct kernel *kernel, const struct vector *v,
		       const struct vector_run *run, int fd)
{
	u32 front = v->mode == VECTOR_SKB ? 0 : 8, result = 0;
	u32 size = v->mode == VECTOR_SKB ? run->size : VECTOR_MEMORY + front;
	u8 data[VECTOR_MEMORY + 8] = { 0 };
	int err;
	u64 r0;

	memcpy(data + front, run->before, VECTOR_MEMORY);
	err = kernel_run(kernel, fd, data, size, &result);
	if (err)
		test_fail(v->name, (int)run->line, "PROG_TEST_RUN: %d", err);
	memcpy(&r0, data, sizeof(r0));
	if (v->mode != VECTOR_FUNCTION)
		r0 = (run->r0 & ~(u64)UINT32_MAX) | result; /* all that TEST_RUN reports */
	else
		CHECK_EQ(result, 2);
	check_outcome(v, run, r0, data + front);
}

static void run_in_kernel(const struct kernel *kernel, const struct vector *v,
			  const struct vector_run *run, const char *source)
{
	u32 type = v->mode == VECTOR_SKB ? BPF_PROG_TYPE_SCHED_CLS : BPF_PROG_TYPE_XDP;
	char *text =
	    v->mode == VECTOR_FUNCTION ? wrapped(source, VECTOR_MEMORY + 8) : strdup(source);
	insn_vec insns = { 0 };
	int fd;

	if (assemble(v, text, &insns)) {
		fd = kernel_load(kernel, type, insns.data, (u32)insns.len, 0, NULL, 0);
		if (fd < 0) {
			fail_load(kernel, v, run->line, type, &insns);
		} else {
			run_loaded(kernel, v, run, fd);
			close(fd);
		}
	}
	vec_release(&insns);
	free(text);
}

static void run_variants(const struct vector *v, const struct vector_run *run,
			 const struct place *place)
{
	for (u32 i = 0; i < vector_variants(v); i++) {
		char *source = vector_source(v, run, i);

		if (place->engine >= SKEP)
			run_in_kernel(&place->kernel, v, run, source);
		else
			run_here(v, run, place->engine, source);
		free(source);
	}
}

static void run_one(void *arg)
{
	const struct one *one = arg;
	const struct vector *v = one->v;

	if (one->place->unusable)
		SKIP("%s", one->place->unusable);
	if (one->place->engine >= SKEP && v->no_linux[0])
		SKIP("not for a verifier: %s", v->no_linux);
	if (one->place->engine == SKEP && v->no_skep[0])
		SKIP("not for Skep's verifier: %s", v->no_skep);
	for (u32 i = 0; i < v->n_runs; i++)
		run_variants(v, &v->runs[i], one->place);
}

static void broken_file(void *path)
{
	test_fail(path, 0, "is not a file of vectors");
}

static void run_all(const struct vectors *vectors, const struct place *place)
{
	struct one one = { .place = place };
	u32 runs = 0;

	for (u32 i = 0; i < vectors->n; i++) {
		char name[160];

		one.v = &vectors->v[i];
		snprintf(name, sizeof(name), "%s: %s", engine_names[place->engine], one.v->name);
		runs += one.v->n_runs * vector_variants(one.v);
		test_run_named(name, run_one, &one);
	}
	test_note("%s: %u vectors, %u runs", engine_names[place->engine], vectors->n, runs);
}

static void read_all(struct vectors *vectors)
{
	glob_t files = { 0 };

	glob(test_source_path("tests/insn/*.data"), 0, NULL, &files);
	for (size_t i = 0; i < files.gl_pathc; i++)
		if (!vectors_read(vectors, files.gl_pathv[i]))
			test_run_named("files", broken_file, files.gl_pathv[i]);
	globfree(&files);
	if (!vectors->n)
		test_run_named("files", broken_file, (void *)"tests/insn");
}

TEST(for_each_vector)
{
	struct vectors vectors = { 0 };

	read_all(&vectors);
	for (enum engine engine = INTERPRETER; engine <= LINUX; engine++) {
		struct place place = { .engine = engine };

		if (engine == SKEP)
			place.unusable = kernel_skep(&place.kernel, true);
		else if (engine == LINUX)
			place.unusable = kernel_linux(&place.kernel);
		run_all(&vectors, &place);
		kernel_release(&place.kernel);
	}
	vectors_free(&vectors);
}

static void count_ops(const struct vector *v, u32 *seen)
{
	char *source = vector_source(v, v->runs, 0);
	insn_vec insns = { 0 };

	if (assemble(v, source, &insns))
		for (size_t i = 0; i < insns.len; i += insn_slots(&insns.data[i]))
			seen[isa_op_of(&insns.data[i])]++;
	vec_release(&insns);
	free(source);
}

/* Not run from text alone: needs maps, BTF or helpers, or is refused. */
static bool has_no_vector(enum isa_op op)
{
	return isa_ops[op].group == GROUP_image || op == OP_CALLX || op == OP_ADDR_CAST ||
	       op == OP_CALL || op == OP_CALL_KFUNC ||
	       (isa_ops[op].form == FORM_IMM64 && op != OP_IMM64);
}

TEST(every_operation_has_a_vector)
{
	struct vectors vectors = { 0 };
	u32 seen[OP_COUNT] = { 0 };

	read_all(&vectors);
	for (u32 i = 0; i < vectors.n; i++)
		count_ops(&vectors.v[i], seen);
	for (u32 op = 1; op < OP_COUNT; op++)
		if (!seen[op] && !has_no_vector(op))
			test_fail(__FILE__, __LINE__, "%s", isa_ops[op].name);
	vectors_free(&vectors);
}
