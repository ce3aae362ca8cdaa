/* SPDX-License-Identifier: Apache-2.0 */
/* What PROG_LOAD says of a program's functions and lines is somebody's claim: each way to lie. */
#include "btf/btf.h"
#include "isa/asm.h"
#include "lib/test.h"
#include "verifier/verifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* A program of two functions: 0 and 2. */
static const char two_functions[] = "call f\nexit\nf:\nr0 = 0\nexit\n";
static const char with_skb[] = "r6 = r1\ncall f\nexit\nf:\nr6 = r1\nr0 = *(u8 *)skb[0]\nexit\n";
static const char with_address[] = "r1 = 5 ll\ncall f\nexit\nf:\nr0 = 0\nexit\n";
static const char with_tail_call[] =
    "call f\nexit\nf:\nr1 = 0\nr2 = 0\nr3 = 0\ncall bpf_tail_call\nr0 = 0\nexit\n";

static struct kernel_model *model;
static struct btf *btf;
static s32 number, func, nothing;

static void setup(void)
{
	struct btf_builder *b;
	const void *bytes;
	u32 size;

	if (btf)
		return;
	b = btf_builder_new();
	REQUIRE(!model_skep_new(&model));
	number = btf_add_int(b, "int", 4, BTF_INT_SIGNED);
	func = btf_add_func(b, "f", (u32)btf_add_func_proto(b, (u32)number), 0);
	nothing = btf_add_func(b, "g", (u32)btf_add_func_proto(b, 0), 0);
	bytes = btf_builder_data(b, &size);
	REQUIRE(!btf_parse(bytes, size, NULL, NULL, &btf));
	btf_builder_free(b);
}

struct records {
	const char *program;
	u32 func_size, n_funcs, line_size, n_lines;
	u32 funcs[8], lines[20];
	bool no_btf;
};

static void expect(const struct records *r, const char *words)
{
	struct asm_error error;
	insn_vec insns = { 0 };
	struct verify_result result;
	struct verify_request request = {
		.prog_type = BPF_PROG_TYPE_SCHED_CLS, .gpl_compatible = true, .privileged = true,
		.func_info = r->funcs, .func_info_rec_size = r->func_size,
		.func_info_cnt = r->n_funcs, .line_info = r->lines,
		.line_info_rec_size = r->line_size, .line_info_cnt = r->n_lines,
	};

	setup();
	REQUIRE(!isa_assemble(r->program, &insns, &error));
	request.model = model;
	request.btf = r->no_btf ? NULL : btf;
	request.insns = insns.data;
	request.insn_cnt = (u32)insns.len;
	if (!verify(&request, &result))
		image_free(result.image);
	else if (!words)
		test_fail(__FILE__, __LINE__, "refused: %s", result.refusal.message);
	if (words && !result.image && !strstr(result.refusal.message, words))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", result.refusal.message,
			  words);
	if (words && result.image)
		test_fail(__FILE__, __LINE__, "accepted; expected: %s", words);
	vec_release(&insns);
}

#define EXPECT(words, ...) expect(&(struct records){ __VA_ARGS__ }, words)
#define TWO		   .program = two_functions
#define FUNCS(...)	   .func_size = 8, .n_funcs = 2, .funcs = { __VA_ARGS__ }
#define LINES(n, ...)	   .line_size = 16, .n_lines = (n), .lines = { __VA_ARGS__ }

TEST(records_of_functions)
{
	u32 f;

	setup();
	f = (u32)func;
	EXPECT(NULL, TWO, FUNCS(0, f, 2, f));
	EXPECT("without BTF", TWO, FUNCS(0, f, 2, f), .no_btf = true);
	EXPECT("nonzero insn_off 1 for the first", TWO, FUNCS(1, f, 2, f));
	EXPECT("same or smaller insn offset", TWO, FUNCS(0, f, 0, f));
	EXPECT("doesn't match subprog layout", TWO, FUNCS(0, f, 1, f));
	EXPECT("invalid type id", TWO, FUNCS(0, f, 2, (u32)number));
	EXPECT("invalid type id", TWO, FUNCS(0, f, 2, 1000));
	EXPECT("number of funcs in func_info doesn't match", TWO, .func_size = 8, .n_funcs = 1,
	       .funcs = { 0, f });
	EXPECT("invalid func info rec size 4", TWO, .func_size = 4, .n_funcs = 2, .funcs = { 0, f });
	EXPECT("nonzero tailing record in func info", TWO, .func_size = 12, .n_funcs = 2,
	       .funcs = { 0, f, 1, 2, f, 0 });
}

TEST(functions_that_may_end_early_return_a_number)
{
	u32 f, g;

	setup();
	f = (u32)func;
	g = (u32)nothing;
	EXPECT(NULL, .program = with_skb, FUNCS(0, f, 3, f));
	EXPECT("LD_ABS is only allowed in functions that return 'int'", .program = with_skb,
	       FUNCS(0, f, 3, g));
	EXPECT("LD_ABS is not allowed in subprogs without BTF", .program = with_skb);
	EXPECT("tail_call is only allowed in functions that return 'int'", .program = with_tail_call,
	       FUNCS(0, f, 2, g));
	EXPECT("tail_call is not allowed in subprogs without BTF", .program = with_tail_call);
}

TEST(records_of_lines)
{
	u32 f;

	setup();
	f = (u32)func;
	EXPECT(NULL, TWO, FUNCS(0, f, 2, f), LINES(2, 0, 1, 1, 0, 2, 1, 1, 0));
	EXPECT("missing bpf_line_info for func#1", TWO, FUNCS(0, f, 2, f), LINES(1, 0, 1, 1, 0));
	EXPECT("missing bpf_line_info for func#0", TWO, FUNCS(0, f, 2, f), LINES(1, 1, 1, 1, 0));
	EXPECT("Invalid line_info[1].insn_off:0", TWO, FUNCS(0, f, 2, f),
	       LINES(2, 0, 1, 1, 0, 0, 1, 1, 0));
	EXPECT("Invalid line_info[1].insn_off:99", TWO, FUNCS(0, f, 2, f),
	       LINES(2, 0, 1, 1, 0, 99, 1, 1, 0));
	EXPECT("Invalid line_info[0].line_off or .file_name_off", TWO, FUNCS(0, f, 2, f),
	       LINES(2, 0, 1, 100000, 0, 2, 1, 1, 0));
	EXPECT("Invalid insn code at line_info[1].insn_off", .program = with_address,
	       FUNCS(0, f, 4, f), LINES(3, 0, 1, 1, 0, 1, 1, 1, 0, 4, 1, 1, 0));
	EXPECT("invalid line info rec size 8", TWO, FUNCS(0, f, 2, f), .line_size = 8, .n_lines = 2);
	EXPECT("nonzero tailing record in line_info", TWO, FUNCS(0, f, 2, f), .line_size = 20,
	       .n_lines = 2, .lines = { 0, 1, 1, 0, 7, 2, 1, 1, 0, 0 });
}

/* ---- the program as a whole ---- */

/* Bytes that this process has. */
static size_t address_space(void)
{
	FILE *in = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	REQUIRE(in && fscanf(in, "%lu", &pages) == 1);
	fclose(in);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* That many instructions that do nothing, and an end; room: bytes that may be allocated, 0: any. */
static void expect_of_length(u32 type, u32 len, bool privileged, size_t room, const char *words)
{
	struct bpf_insn *insns = malloc(sizeof(*insns) * len);
	struct verify_result result;
	struct verify_request request = { .prog_type = type, .privileged = privileged };
	struct rlimit before, limit;

	setup();
	REQUIRE(insns && !getrlimit(RLIMIT_AS, &before));
	for (u32 i = 0; i < len; i++)
		insns[i] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K };
	insns[len - 1] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	request.model = model;
	request.insns = insns;
	request.insn_cnt = len;
	limit = before;
	if (room)
		limit.rlim_cur = address_space() + room;
	REQUIRE(!setrlimit(RLIMIT_AS, &limit));
	if (!verify(&request, &result))
		image_free(result.image);
	REQUIRE(!setrlimit(RLIMIT_AS, &before));
	CHECK(!result.image == (words != NULL));
	if (words && !strstr(result.refusal.message, words))
		test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", result.refusal.message,
			  words);
	free(insns);
}

TEST(a_program_has_a_known_type_and_so_many_instructions)
{
	expect_of_length(BPF_PROG_TYPE_SOCKET_FILTER, 4096, false, 0, NULL);
	expect_of_length(BPF_PROG_TYPE_SOCKET_FILTER, 4097, false, 0, "1 to 4096 instructions");
	expect_of_length(BPF_PROG_TYPE_SOCKET_FILTER, 4097, true, 0, NULL);
	expect_of_length(1000, 1, true, 0, "unknown program type 1000");
}

TEST(a_program_without_memory_to_judge_it_is_refused)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	SKIP("a sanitizer ends the program when there is no memory");
#endif
	expect_of_length(BPF_PROG_TYPE_SOCKET_FILTER, 1000000, true, 4 << 20,
			 "the verifier is out of memory");
}
