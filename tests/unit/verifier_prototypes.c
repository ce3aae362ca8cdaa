/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels that Linux is not: kfuncs with prototypes that make no sense, or that nothing runs, and
 * no BTF at all. Each has one check of the verifier that refuses its calls.
 */
#include "btf/btf.h"
#include "isa/asm.h"
#include "lib/test.h"
#include "verifier/verifier.h"

/* Types of the kernels here; func: a pointer to a function. */
struct types {
	u32 number, any, numbers, func, object, timer, endless;
};

/* A kernel with one kfunc, and a program that calls it; %u in the program is the kfunc. */
struct kernel {
	const char *kfunc, *program;
	void (*params)(struct btf_builder *b, const struct types *t);
	size_t result; /* offset in struct types */
	bool runs;     /* the program is not only judged */
	bool no_btf;
};

static void add_types(struct btf_builder *b, struct types *t)
{
	t->number = (u32)btf_add_int(b, "long", 8, BTF_INT_SIGNED);
	t->any = (u32)btf_add_ptr(b, 0);
	t->numbers = (u32)btf_add_ptr(b, t->number);
	t->func = (u32)btf_add_ptr(b, (u32)btf_add_func_proto(b, t->number));
	t->object = (u32)btf_add_struct(b, "object", 8, false);
	btf_add_member(b, "m", t->number, 0, 0);
	t->timer = (u32)btf_add_struct(b, "bpf_timer", 16, false);
	btf_add_member(b, "m", t->number, 0, 0);
	btf_add_member(b, "n", t->number, 64, 0);
	t->timer = (u32)btf_add_ptr(b, t->timer);
	t->endless = (u32)btf_add_struct(b, "endless", BTF_NO_SIZE, false);
	btf_add_member(b, "m", t->number, 0, 0);
	t->endless = (u32)btf_add_ptr(b, t->endless);
}

/* The kfunc's id in *id. */
static struct kernel_model *make(const struct kernel *k, s32 *id)
{
	struct btf_builder *b = btf_builder_new();
	struct kernel_model *model;
	struct text log = { 0 };
	struct types t;
	const void *bytes;
	u32 size, result;
	s32 proto;

	add_types(b, &t);
	memcpy(&result, (const u8 *)&t + k->result, sizeof(result));
	proto = btf_add_func_proto(b, result);
	if (k->params)
		k->params(b, &t);
	*id = btf_add_func(b, k->kfunc, (u32)proto, BTF_FUNC_GLOBAL);
	bytes = btf_builder_data(b, &size);
	REQUIRE(!model_linux_new(bytes, size, &log, &model));
	btf_builder_free(b);
	return model;
}

/* words NULL: it is accepted. */
static void expect(const char *words, const struct kernel *k)
{
	insn_vec insns = { 0 };
	struct verify_result result;
	struct asm_error error;
	struct kernel_model without;
	char program[300];
	s32 id;
	struct kernel_model *model = make(k, &id);
	struct verify_request request = { .prog_type = BPF_PROG_TYPE_SCHED_CLS,
					  .gpl_compatible = true,
					  .privileged = true,
					  .verify_only = !k->runs,
					  .model = model };

	snprintf(program, sizeof(program), k->program, id);
	REQUIRE(!isa_assemble(program, &insns, &error));
	if (k->no_btf) {
		without = *model;
		without.btf = NULL;
		request.model = &without;
	}
	request.insns = insns.data;
	request.insn_cnt = (u32)insns.len;
	if (!verify(&request, &result)) {
		image_free(result.image);
		if (words)
			test_fail(__FILE__, __LINE__, "accepted; expected: %s", words);
	} else if (!words || !strstr(result.refusal.message, words)) {
		test_fail(__FILE__, __LINE__, "\"%s\", not \"%s\"", result.refusal.message,
			  words ? words : "accepted");
	}
	vec_release(&insns);
	model_free(model);
}

#define EXPECT(words, ...)  expect(words, &(struct kernel){ __VA_ARGS__ })
#define RESULT(type)        .result = offsetof(struct types, type)
#define PLAIN               .kfunc = "bpf_read_branch_snapshot"
#define CALL_WITH(argument) .program = argument "call kfunc#%d\nr0 = 0\nexit\n"

static void six_numbers(struct btf_builder *b, const struct types *t)
{
	for (u32 i = 0; i < 6; i++)
		btf_add_param(b, "n", t->number);
}

static void a_struct(struct btf_builder *b, const struct types *t)
{
	btf_add_param(b, "object", t->object);
}

static void a_timer(struct btf_builder *b, const struct types *t)
{
	btf_add_param(b, "timer", t->timer);
}

static void something_endless(struct btf_builder *b, const struct types *t)
{
	btf_add_param(b, "endless", t->endless);
}

static void two_constants(struct btf_builder *b, const struct types *t)
{
	btf_add_param(b, "a__k", t->number);
	btf_add_param(b, "b__k", t->number);
}

static void a_size(struct btf_builder *b, const struct types *t)
{
	btf_add_param(b, "rdonly_buf_size", t->number);
}

static void two_sizes(struct btf_builder *b, const struct types *t)
{
	btf_add_param(b, "rdonly_buf_size", t->number);
	btf_add_param(b, "rdwr_buf_size", t->number);
}

static void a_callback(struct btf_builder *b, const struct types *t)
{
	btf_add_param(b, "callback", t->func);
}

TEST(arguments_that_cannot_be_passed)
{
	EXPECT("Function bpf_read_branch_snapshot has 6 > 5 args", PLAIN, .params = six_numbers,
	       RESULT(number), CALL_WITH("r1 = 0\nr2 = 0\nr3 = 0\nr4 = 0\nr5 = 0\n"));
	EXPECT("Unrecognized arg#0 type STRUCT", PLAIN, .params = a_struct, RESULT(number),
	       CALL_WITH("r1 = 0\n"));
	EXPECT("arguments like timer are not supported yet", PLAIN, .params = a_timer,
	       RESULT(number), CALL_WITH("r1 = r10\nr1 += -16\n"));
	EXPECT("arg#0 reference type('STRUCT endless') size cannot be determined", PLAIN,
	       .params = something_endless, RESULT(number), CALL_WITH("r1 = 0\n"));
	EXPECT("callbacks of bpf_read_branch_snapshot are not supported yet", PLAIN,
	       .params = a_callback, RESULT(number),
	       .program = "r1 = func cb\ncall kfunc#%d\nr0 = 0\nexit\ncb:\nr0 = 0\nexit\n");
	EXPECT("only one constant argument permitted", PLAIN, .params = two_constants,
	       RESULT(number), CALL_WITH("r1 = 1\nr2 = 2\n"));
}

TEST(the_size_of_a_result)
{
	EXPECT(NULL, PLAIN, .params = a_size, RESULT(numbers), CALL_WITH("r1 = 8\n"));
	EXPECT("R1 is not a const", PLAIN, .params = a_size, RESULT(numbers),
	       CALL_WITH("r1 = *(u32 *)(r1 + 0)\n"));
	EXPECT("R1: a buffer of 2147483648 bytes", PLAIN, .params = a_size, RESULT(numbers),
	       CALL_WITH("w1 = 0x80000000\n"));
	EXPECT("2 or more rdonly/rdwr_buf_size parameters", PLAIN, .params = two_sizes,
	       RESULT(numbers), CALL_WITH("r1 = 8\nr2 = 8\n"));
}

TEST(results_that_cannot_be)
{
	EXPECT(NULL, PLAIN, RESULT(any), CALL_WITH(""));
	EXPECT("returns pointer type FUNC_PROTO", PLAIN, RESULT(func), CALL_WITH(""));
	EXPECT("acquire kernel function does not return PTR_TO_BTF_ID",
	       .kfunc = "bpf_task_from_pid", RESULT(number), CALL_WITH(""));
}

TEST(kernels_that_lack_it)
{
	EXPECT("calling kernel function bpf_read_branch_snapshot: Skep does not have it", PLAIN,
	       RESULT(number), CALL_WITH(""), .runs = true);
	EXPECT("calling kernel function is not supported without CONFIG_DEBUG_INFO_BTF", PLAIN,
	       RESULT(number), CALL_WITH(""), .no_btf = true);
}
