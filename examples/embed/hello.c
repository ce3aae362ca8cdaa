/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest embedding: verified instructions as a C function.
 *
 *	cc hello.c $(pkg-config --cflags --libs skep) -o hello && ./hello
 */
#include <skep/skep.h>
#include <stdio.h>

int main(void)
{
	/* r0 = (u32)ctx[0] * 2 */
	const struct bpf_insn twice[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 0, .src_reg = 1 },
		{ .code = BPF_ALU64 | BPF_MUL | BPF_K, .dst_reg = 0, .imm = 2 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	const struct skep_field number = { "number", 0, 4, SKEP_READ, 0 };
	const struct skep_context context = { sizeof(context), "number", 4, &number, 1, 0, 0 };
	const struct skep_prog_opts opts = { .size = sizeof(opts), .context = "number" };
	struct skep *skep = skep_new(NULL);
	uint32_t n = 21;

	if (!skep || skep_add_context(skep, &context))
		return 1;
	struct skep_prog *prog = skep_prog_open(skep, skep_prog_load(skep, twice, 3, &opts));
	if (!prog)
		return fprintf(stderr, "%s\n", skep_error()), 1;
	printf("twice(%u) = %llu\n", n, (unsigned long long)skep_prog_fn(prog)(&n));
	skep_prog_close(prog);
	skep_free(skep);
	return 0;
}
