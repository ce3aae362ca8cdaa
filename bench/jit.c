/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast is compiled code, and compiling? Each kernel of bench/jit/kernels.c runs as native
 * code, through the JIT and in the interpreter, on the same input; times are the minimum of
 * many short rounds that take turns. Then: a call of a program that does nothing, and the time
 * to compile.
 */
#include <elf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "jit/jit.h"
#include "jit/kernels.h"
#include "maps/map.h"

#define ROUNDS   40
#define ROUND_NS 300000

#define DECLARE(name) u64 native_##name(const struct input *in);
KERNELS(DECLARE)

static const struct {
	const char *name;
	u64 (*native)(const struct input *in);
} kernels[] = {
#define ENTRY(name) { #name, native_##name },
	KERNELS(ENTRY)
};

static struct input input;
u64 map_values[256];
static struct map map = { .facts = { .type = BPF_MAP_TYPE_ARRAY,
				     .key_size = 4,
				     .value_size = 8,
				     .max_entries = MAP_ENTRIES },
			  .values = (u8 *)map_values,
			  .stride = 8 };
static struct map *maps[] = { &map };

static u64 array_lookup(u64 r1, u64 key, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	u32 i = *(u32 *)(uintptr_t)key;

	return i < map.facts.max_entries ? (u64)(uintptr_t)&map_values[i] : 0;
}

static u64 mix(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return (r1 ^ r2) * 0x9e3779b97f4a7c15;
}

u64 native_mix(u64 x, u64 y)
{
	return mix(x, y, 0, 0, 0, NULL);
}

/* Helper n of the kernels is calls[n - 1]. */
static const struct helper_proto lookup = { .id = BPF_FUNC_map_lookup_elem, .fn = array_lookup };
static const struct helper_proto mixer = { .id = 0x10000, .fn = mix };
static const struct helper_proto *calls[] = { &lookup, &mixer };

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "bench-jit: %s\n", what);
	exit(1);
}

/* -- programs -- */

static u8 *read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	u8 *bytes = malloc(1 << 20);

	if (!file || !bytes || !fread(bytes, 1, 1 << 20, file))
		die(path);
	fclose(file);
	return bytes;
}

static const Elf64_Shdr *find_section(const u8 *elf, const char *name)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)elf;
	const Elf64_Shdr *sections = (const Elf64_Shdr *)(elf + header->e_shoff);
	const char *names = (const char *)elf + sections[header->e_shstrndx].sh_offset;

	for (u32 i = 0; i < header->e_shnum; i++)
		if (!strcmp(names + sections[i].sh_name, name))
			return &sections[i];
	die(name);
	return NULL;
}

static void add_subprog(struct image *image, u32 start)
{
	struct image_subprog *last = &image->subprogs[image->n_subprogs - 1];

	last->len = start - last->start;
	image->subprogs[image->n_subprogs++] =
	    (struct image_subprog){ .start = start, .len = image->len - start, .stack_depth = 512 };
}

/* At most one function is called, and it lies behind the program. */
static void lower(struct image *image)
{
	for (u32 i = 0; i < image->len; i += insn_slots(&image->insns[i])) {
		struct bpf_insn *insn = &image->insns[i];

		if (insn_is_ldimm64(insn) && insn_imm64(insn) == KERNEL_MAP) {
			insn[0].src_reg = BPF_PSEUDO_MAP_IDX;
			insn[0].imm = insn[1].imm = 0;
		} else if (insn_is_subprog_call(insn) && image->n_subprogs == 1) {
			add_subprog(image, i + 1 + (u32)insn->imm);
		} else if (insn_is_call(insn) && !insn->src_reg) {
			insn->imm--;
		}
	}
}

static struct image make_image(struct bpf_insn *insns, u32 len)
{
	static struct image_subprog subprogs[64][2];
	static u32 n;
	struct image image = { .insns = insns,
			       .len = len,
			       .subprogs = subprogs[n++],
			       .n_subprogs = 1,
			       .maps = maps,
			       .n_maps = 1,
			       .calls = calls,
			       .n_calls = ARRAY_SIZE(calls) };

	image.subprogs[0] = (struct image_subprog){ .len = len, .stack_depth = 512 };
	lower(&image);
	return image;
}

static void fill_input(void)
{
	u64 x = 88172645463325252;

	for (u32 i = 0; i < sizeof(input.quads) / 8; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		input.quads[i] = x;
	}
	for (u32 i = 0; i < sizeof(input.text); i++)
		input.text[i] = i % 7 ? (char)('0' + input.bytes[i] % 10) : ',';
	memcpy(input.bytes + 1024 + 12, "\x81\x00\x00\x05\x08\x00\x46", 7);
	input.bytes[1024 + 27] = 6;
	input.packet = input.bytes + 1024;
	input.packet_end = input.packet + 200;
	for (u32 i = 0; i < 256; i++)
		map_values[i] = i;
}

/* -- timing -- */

struct runner {
	struct prog *prog; /* NULL: native */
	u64 (*native)(const struct input *in);
	u64 result;
	double best; /* ns */
};

static u64 run_times(struct runner *runner, u64 n)
{
	struct run_ctx rc = { 0 };
	u64 start = now_ns();

	for (u64 i = 0; i < n; i++)
		runner->result =
		    runner->prog ? prog_run(runner->prog, &input, &rc) : runner->native(&input);
	return now_ns() - start;
}

static void run_round(struct runner *runner)
{
	u64 n = 1, ns;

	while ((ns = run_times(runner, n)) < ROUND_NS)
		n *= ns < ROUND_NS / 8 ? 4 : 2;
	if (!runner->best || (double)ns / (double)n < runner->best)
		runner->best = (double)ns / (double)n;
}

static void prepare(struct prog *prog, struct image *image, bool jit)
{
	*prog = (struct prog){ .image = image };
	if (jit ? jit_prepare(prog) : interp_prepare(prog))
		die("a kernel was refused");
}

/* One line; the ratio of JIT to native. */
static double measure(u32 i, struct image *image)
{
	struct prog jit, interp;
	struct runner runners[] = { { .native = kernels[i].native },
				    { .prog = &jit },
				    { .prog = &interp } };

	prepare(&jit, image, true);
	prepare(&interp, image, false);
	for (u32 round = 0; round < ROUNDS; round++)
		for (u32 r = 0; r < ARRAY_SIZE(runners); r++)
			run_round(&runners[r]);
	if (runners[0].result != runners[1].result || runners[0].result != runners[2].result)
		die("a kernel's results differ");
	printf("%-16s %6u %10.1f %10.1f %10.1f %8.2f %8.1f\n", kernels[i].name, image->len,
	       runners[0].best, runners[1].best, runners[2].best, runners[1].best / runners[0].best,
	       runners[2].best / runners[0].best);
	jit_release(&jit);
	interp_release(&interp);
	return runners[1].best / runners[0].best;
}

static void measure_call(void)
{
	struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K },
				    { .code = BPF_JMP | BPF_EXIT } };
	struct image image = make_image(insns, 2);
	struct prog jit, interp;
	struct runner runners[] = { { .prog = &jit }, { .prog = &interp } };

	prepare(&jit, &image, true);
	prepare(&interp, &image, false);
	for (u32 round = 0; round < ROUNDS; round++)
		for (u32 r = 0; r < 2; r++)
			run_round(&runners[r]);
	printf("a program that does nothing: %.1f ns a call (interpreter %.1f)\n", runners[0].best,
	       runners[1].best);
	jit_release(&jit);
	interp_release(&interp);
}

/* All kernels compiled (to relocatable code), and also installed. */
static void measure_compile(struct image *images)
{
	const struct jit_target *target = jit_host_target();
	u64 compile = UINT64_MAX, prepared = UINT64_MAX, insns = 0, bytes = 0;

	for (u32 round = 0; round < ROUNDS; round++) {
		u64 start = now_ns();

		insns = bytes = 0;
		for (u32 i = 0; i < ARRAY_SIZE(kernels); i++) {
			struct jit_code code;

			if (jit_compile(target, &images[i], 0, &code))
				die("a kernel was refused");
			insns += images[i].len;
			bytes += code.len;
			jit_code_release(&code);
		}
		compile = MIN(compile, now_ns() - start);
		start = now_ns();
		for (u32 i = 0; i < ARRAY_SIZE(kernels); i++) {
			struct prog prog;

			prepare(&prog, &images[i], true);
			jit_release(&prog);
		}
		prepared = MIN(prepared, now_ns() - start);
	}
	printf(
	    "compiling: %.0f ns an instruction, %.1f bytes each; installing: %.1f us a program\n",
	    (double)compile / (double)insns, (double)bytes / (double)insns,
	    (double)(prepared - compile) / 1000 / ARRAY_SIZE(kernels));
}

int main(void)
{
	static struct image images[ARRAY_SIZE(kernels)];
	u8 *elf = read_file(KERNELS_OBJECT);
	double log_sum = 0;

	if (!jit_host_target())
		die("no JIT on this CPU");
	fill_input();
	printf("%-16s %6s %10s %10s %10s %8s %8s\n", "ns a run", "insns", "native", "jit", "interp",
	       "jit/n", "interp/n");
	for (u32 i = 0; i < ARRAY_SIZE(kernels); i++) {
		const Elf64_Shdr *section = find_section(elf, kernels[i].name);

		images[i] = make_image((struct bpf_insn *)(elf + section->sh_offset),
				       (u32)(section->sh_size / 8));
		log_sum += log(measure(i, &images[i]));
	}
	printf("geometric mean: %.2f of native\n", exp(log_sum / ARRAY_SIZE(kernels)));
	measure_call();
	measure_compile(images);
	free(elf);
	return 0;
}
