/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoder and disassembler against the Linux below: the same encodings refused in the same
 * words, the same text in its verifier log.
 */
#include <glob.h>
#include <stdlib.h>
#include <unistd.h>

#include "insn/data.h"
#include "insn/kernel.h"
#include "lib/test.h"

static char log_text[1 << 20];

static struct kernel linux_kernel;

/* Does this Linux have indirect jumps, which came after all that ops.h holds? */
static bool is_newer(void)
{
	static const struct bpf_insn insns[] = { { .code = 0x0d }, { .code = 0x95 } };
	int fd = kernel_load(&linux_kernel, BPF_PROG_TYPE_XDP, insns, 2, 1, log_text,
			     sizeof(log_text));

	if (fd >= 0)
		close(fd);
	return !strstr(log_text, "unknown opcode 0d");
}

static void need_linux(void)
{
	const char *why = kernel_linux(&linux_kernel);

	if (!why && !linux_kernel.complete)
		why = "this Linux does not know all instructions";
	if (!why && is_newer())
		why = "this Linux knows instructions that are not in isa/ops.h";
	if (why)
		SKIP("%s", why);
}

/* What isa_decode may say; anything else Linux says is not about the encoding. */
static const char *const encoding_words[] = {
	"uses reserved fields",
	"unknown opcode",
	" is invalid",
	"uses invalid atomic opcode",
	"unrecognized bpf_ld_imm64",
	"invalid bpf_ld_imm64",
	"div by zero",
	"invalid shift",
	"invalid may_goto imm",
	"addr_space_cast insn",
};

static const char *encoding_complaint(const char *log)
{
	for (u32 i = 0; i < ARRAY_SIZE(encoding_words); i++)
		if (strstr(log, encoding_words[i]))
			return encoding_words[i];
	return NULL;
}

/* Words of ours that Linux has not: the explanation in brackets. */
static void cut_explanation(char *why)
{
	char *bracket = strstr(why, " (callx");

	if (bracket)
		*bracket = 0;
}

/*
 * What Linux looks at before it looks at the encoding of an instruction: where jumps and calls
 * go, kernel functions and what 64-bit immediates stand for (there is no such BTF or map here).
 */
static bool judged_earlier(const struct bpf_insn *insn)
{
	return strstr(log_text, "jump out of range") ||
	       strstr(log_text, "call to invalid destination") ||
	       strstr(log_text, "last insn is not an exit") ||
	       (insn_is_call(insn) && insn->src_reg == BPF_PSEUDO_KFUNC_CALL) ||
	       (insn_is_ldimm64(insn) && insn->src_reg != 0);
}

#define AT 11 /* where the instruction under test stands */

/*
 * All registers are 0, r6 is the context, and the instruction is executed; a jump around it, never
 * taken, keeps what follows reachable, and there is room for it to jump.
 */
static u32 surround(struct bpf_insn *prog, const struct bpf_insn *insn)
{
	u32 n = 0;

	prog[n++] = (struct bpf_insn){ .code = 0xbf, .dst_reg = 6, .src_reg = 1 };
	for (u8 reg = 0; reg < 10; reg++)
		if (reg != 6)
			prog[n++] = (struct bpf_insn){ .code = 0xb7, .dst_reg = reg };
	prog[n++] =
	    (struct bpf_insn){ .code = 0x15, .dst_reg = 9, .off = insn_slots(insn), .imm = 5 };
	prog[n++] = *insn;
	if (insn_is_ldimm64(insn))
		prog[n++] = (struct bpf_insn){ 0 };
	for (u32 i = 0; i < 20; i++)
		prog[n++] = (struct bpf_insn){ .code = 0xb7 };
	prog[n++] = (struct bpf_insn){ .code = 0x95 };
	return n;
}

static void compare_verdict(const struct bpf_insn *insn)
{
	struct bpf_insn prog[40];
	char buf[160];
	struct text why = text_in(buf, sizeof(buf));
	u32 n = surround(prog, insn);
	int op = isa_decode(&prog[AT], n - AT, &why), fd;
	const char *complaint;

	cut_explanation(buf);
	fd = kernel_load(&linux_kernel, BPF_PROG_TYPE_SOCKET_FILTER, prog, n, 1, log_text,
			 sizeof(log_text));
	if (fd >= 0)
		close(fd);
	complaint = fd < 0 ? encoding_complaint(log_text) : NULL;
	if (op > 0 && complaint)
		test_fail(__FILE__, __LINE__, "%02x %d %d %d %d: taken here, Linux: %s", insn->code,
			  insn->dst_reg, insn->src_reg, insn->off, insn->imm, complaint);
	if (op < 0 && (fd >= 0 || !strstr(log_text, buf)) && !judged_earlier(insn))
		test_fail(__FILE__, __LINE__, "%02x %d %d %d %d: refused here (%s), Linux: %.200s",
			  insn->code, insn->dst_reg, insn->src_reg, insn->off, insn->imm, buf,
			  log_text + MAX(0, (int)strlen(log_text) - 200));
}

TEST(encodings_are_refused_as_in_linux)
{
	static const u8 regs[] = { 0, 1, 11 };
	static const s16 offs[] = { 0, 1, 8 };
	static const s32 imms[] = { 0, 1, 16, 64 };
	u32 n = 0;

	need_linux();
	for (u32 code = 0; code < 256; code++)
		for (u32 i = 0; i < 3 * 3 * 3 * 4; i++, n++) {
			struct bpf_insn insn = { .code = code,
						 .dst_reg = regs[i % 3],
						 .src_reg = regs[i / 3 % 3],
						 .off = offs[i / 9 % 3],
						 .imm = imms[i / 27] };

			compare_verdict(&insn);
		}
	test_note("%u encodings", n);
}

static void compare_line(const struct bpf_insn *insns, u32 n, const char *line, u32 *compared)
{
	char buf[160], theirs[160];
	struct text ours = text_in(buf, sizeof(buf));
	unsigned index, code;
	int used;
	size_t len;

	if (sscanf(line, "%u: (%2x)%n", &index, &code, &used) != 2 || index >= n)
		return;
	line = strchr(line, '(');
	len = strcspn(line, ";\n");
	while (len && line[len - 1] == ' ')
		len--;
	snprintf(theirs, sizeof(theirs), "%.*s", (int)MIN(len, sizeof(theirs) - 1), line);
	isa_disasm(&ours, &insns[index], NULL);
	CHECK_STR(buf, theirs);
	(*compared)++;
}

static u32 compare_log(const struct bpf_insn *insns, u32 n, u32 type)
{
	int fd = kernel_load(&linux_kernel, type, insns, n, 2, log_text, sizeof(log_text));
	u32 compared = 0;

	if (fd >= 0)
		close(fd);
	for (const char *line = log_text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		compare_line(insns, n, line, &compared);
	}
	return compared;
}

static u32 compare_vector(const struct vector *v)
{
	char *source = vector_source(v, v->runs, 0);
	u32 compared = 0;
	insn_vec insns = { 0 };
	struct asm_error err;

	if (isa_assemble(source, &insns, &err))
		test_fail(v->name, (int)v->line, "%s", err.message);
	else
		compared = compare_log(insns.data, (u32)insns.len, BPF_PROG_TYPE_SCHED_CLS);
	vec_release(&insns);
	free(source);
	return compared;
}

TEST(the_verifier_log_has_the_same_text)
{
	struct vectors vectors = { 0 };
	glob_t files = { 0 };
	u32 lines = 0;

	need_linux();
	glob(test_source_path("tests/insn/*.data"), 0, NULL, &files);
	for (size_t i = 0; i < files.gl_pathc; i++)
		CHECK(vectors_read(&vectors, files.gl_pathv[i]));
	globfree(&files);
	for (u32 i = 0; i < vectors.n; i++)
		lines += compare_vector(&vectors.v[i]);
	test_note("%u lines of %u programs", lines, vectors.n);
	CHECK(lines > 1000);
	vectors_free(&vectors);
}
