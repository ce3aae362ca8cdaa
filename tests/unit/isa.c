/* SPDX-License-Identifier: Apache-2.0 */
/* The table of operations: decoding, printing and reading back what was printed. */
#include <stdlib.h>

#include "isa/asm.h"
#include "lib/test.h"

static const s32 imm_values[] = { 0, 1, -1, 2, 31, 63, 64, 127, 4096, INT32_MAX, INT32_MIN };
static const s16 off_values[] = { 0, 1, -1, 8, -512, INT16_MAX, INT16_MIN };

static bool code_is_wide(u8 code)
{
	return code == (BPF_LD | BPF_IMM | BPF_DW);
}

/* Prints, reads back, and compares. */
static void round_trip(const struct bpf_insn *insn)
{
	u32 n = code_is_wide(insn->code) ? 2 : 1;
	char buf[128];
	struct text out = text_in(buf, sizeof(buf));
	struct asm_error err;
	insn_vec read = { 0 };
	bool same;

	isa_disasm(&out, insn, NULL);
	if (isa_assemble(buf, &read, &err)) {
		test_fail(__FILE__, __LINE__, "%s: %s", buf, err.message);
		return;
	}
	same = read.len == n && memcmp(read.data, insn, n * sizeof(*insn)) == 0;
	if (!same)
		test_fail(
		    __FILE__, __LINE__,
		    "%s: %02x dst %d src %d off %d imm %d became %02x dst %d src %d off %d imm %d",
		    buf, insn->code, insn->dst_reg, insn->src_reg, insn->off, insn->imm,
		    read.data[0].code, read.data[0].dst_reg, read.data[0].src_reg, read.data[0].off,
		    read.data[0].imm);
	vec_release(&read);
}

/* What isa_decode takes, and likewise strict for what it refuses in a program. */
static bool valid(const struct bpf_insn *insn)
{
	const struct isa_op_info *info = &isa_ops[isa_op_of(insn)];
	bool registers = insn->dst_reg < BPF_REGS && insn->src_reg < BPF_REGS;

	if (info->form == FORM_CALLX || info->form == FORM_TAIL_CALL)
		return registers && !insn->src_reg && !insn->off && !insn->imm &&
		       (info->form == FORM_CALLX || !insn->dst_reg);
	if (info->form == FORM_CAST)
		return registers;
	if (info->group == GROUP_image)
		return registers && !insn->imm;
	return isa_decode(insn, 2, NULL) > 0;
}

/* All immediates and offsets of interest, and the selecting ones, for one opcode and registers. */
static void round_trip_fields(struct bpf_insn *insn, u32 *seen)
{
	static const s32 selectors[] = { 16,   0x40, 0x50,  0xa0,  0x41,    0x51, 0xa1,
					 0xe1, 0xf1, 0x100, 0x110, 0x10000, 32 };
	u32 n_imm = ARRAY_SIZE(imm_values) + ARRAY_SIZE(selectors);

	for (u32 i = 0; i < n_imm; i++) {
		insn->imm = i < ARRAY_SIZE(imm_values) ? imm_values[i]
						       : selectors[i - ARRAY_SIZE(imm_values)];
		for (u32 j = 0; j < ARRAY_SIZE(off_values) + 2; j++) {
			insn->off = j < ARRAY_SIZE(off_values)
					? off_values[j]
					: (j - ARRAY_SIZE(off_values) + 1) * 16;
			if (insn->code == (BPF_JMP | BPF_EXIT) && insn->off)
				continue; /* ignored by Linux and not printed */
			if (!valid(insn))
				continue;
			seen[isa_op_of(insn)]++;
			round_trip(insn);
		}
	}
}

TEST(disasm_and_asm_round_trip_over_all_valid_encodings)
{
	u32 seen[OP_COUNT] = { 0 };

	for (u32 code = 0; code < 256; code++)
		for (u32 regs = 0; regs < 256; regs += regs % 16 == 10 ? 6 : 1) {
			struct bpf_insn insn[2] = {
				{ .code = code, .dst_reg = regs & 15, .src_reg = regs >> 4 }, { 0 }
			};

			if (!isa_op_of(&(struct bpf_insn){ .code = code }) && !isa_code_known(code))
				continue;
			round_trip_fields(insn, seen);
		}
	for (u32 op = 1; op < OP_COUNT; op++)
		if (!seen[op])
			test_fail(__FILE__, __LINE__, "%s was not reached", isa_ops[op].name);
}

TEST(wide_immediates_keep_both_halves)
{
	static const u8 kinds[] = { 0, BPF_PSEUDO_MAP_VALUE, BPF_PSEUDO_BTF_ID,
				    BPF_PSEUDO_MAP_IDX_VALUE };

	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++)
		for (u32 i = 0; i < ARRAY_SIZE(imm_values) * ARRAY_SIZE(imm_values); i++) {
			struct bpf_insn insn[2] = {
				{ .code = 0x18,
				  .dst_reg = 3,
				  .src_reg = kinds[k],
				  .imm = imm_values[i % ARRAY_SIZE(imm_values)] },
				{ .imm = imm_values[i / ARRAY_SIZE(imm_values)] },
			};

			CHECK(isa_decode(insn, 2, NULL) > 0);
			round_trip(insn);
		}
}

static void check_text(struct bpf_insn insn, const char *expected)
{
	struct bpf_insn two[2] = { insn, { 0 } };
	char buf[128];
	struct text out = text_in(buf, sizeof(buf));

	isa_disasm(&out, two, NULL);
	CHECK_STR(buf, expected);
}

TEST(disasm_prints_as_linux_does)
{
	check_text((struct bpf_insn){ .code = 0xb7 }, "(b7) r0 = 0");
	check_text((struct bpf_insn){ .code = 0x85, .imm = 1 }, "(85) call bpf_map_lookup_elem#1");
	check_text((struct bpf_insn){ .code = 0x85, .src_reg = 1, .imm = 5 }, "(85) call pc+5");
	check_text((struct bpf_insn){ .code = 0x55, .dst_reg = 1, .off = 3 },
		   "(55) if r1 != 0x0 goto pc+3");
	check_text((struct bpf_insn){ .code = 0x56, .dst_reg = 1, .off = -3, .imm = -1 },
		   "(56) if w1 != 0xffffffff goto pc-3");
	check_text((struct bpf_insn){ .code = 0xdb, .dst_reg = 1, .src_reg = 2 },
		   "(db) lock *(u64 *)(r1 +0) += r2");
	check_text(
	    (struct bpf_insn){ .code = 0xdb, .dst_reg = 10, .src_reg = 2, .off = -8, .imm = 1 },
	    "(db) r2 = atomic64_fetch_add((u64 *)(r10 -8), r2)");
	check_text(
	    (struct bpf_insn){ .code = 0xc3, .dst_reg = 10, .src_reg = 2, .off = -8, .imm = 0xf1 },
	    "(c3) r0 = atomic_cmpxchg((u32 *)(r10 -8), r0, r2)");
	check_text((struct bpf_insn){ .code = 0xd3, .dst_reg = 0, .src_reg = 2, .imm = 0x100 },
		   "(d3) r0 = load_acquire((u8 *)(r2 +0))");
	check_text((struct bpf_insn){ .code = 0xbf, .dst_reg = 1, .src_reg = 2, .off = 8 },
		   "(bf) r1 = (s8)r2");
	check_text((struct bpf_insn){ .code = 0x9f, .dst_reg = 1, .src_reg = 2, .off = 1 },
		   "(9f) r1 s%= r2");
	check_text((struct bpf_insn){ .code = 0xe5, .off = 1 }, "(e5) may_goto pc+1");
	check_text((struct bpf_insn){ .code = 0x06, .imm = 70000 }, "(06) gotol pc+70000");
	check_text((struct bpf_insn){ .code = 0x91, .dst_reg = 1, .src_reg = 2, .off = 4 },
		   "(91) r1 = *(s8 *)(r2 +4)");
	check_text((struct bpf_insn){ .code = 0xd7, .dst_reg = 1, .imm = 16 },
		   "(d7) r1 = bswap16 r1");
	check_text((struct bpf_insn){ .code = 0x50, .src_reg = 3, .imm = 14 },
		   "(50) r0 = *(u8 *)skb[r3 + 14]");
	check_text((struct bpf_insn){ .code = 0x95 }, "(95) exit");
	check_text((struct bpf_insn){ .code = 0xff }, "(ff) BUG_ff");
}

static void check_refused(struct bpf_insn insn, const char *expected)
{
	struct bpf_insn two[2] = { insn, { 0 } };
	char buf[128];
	struct text why = text_in(buf, sizeof(buf));

	CHECK_EQ(isa_decode(two, 2, &why), -EINVAL);
	CHECK_STR(buf, expected);
}

TEST(decode_refuses_what_is_reserved)
{
	check_refused((struct bpf_insn){ .code = 0x07, .src_reg = 1 },
		      "BPF_ALU uses reserved fields");
	check_refused((struct bpf_insn){ .code = 0x07, .off = 1 }, "BPF_ALU uses reserved fields");
	check_refused((struct bpf_insn){ .code = 0x0f, .imm = 1 }, "BPF_ALU uses reserved fields");
	check_refused((struct bpf_insn){ .code = 0x37, .imm = 1, .off = 2 },
		      "BPF_ALU uses reserved fields");
	check_refused((struct bpf_insn){ .code = 0xbf, .off = 24 }, "BPF_MOV uses reserved fields");
	check_refused((struct bpf_insn){ .code = 0xbc, .off = 32 }, "BPF_MOV uses reserved fields");
	check_refused((struct bpf_insn){ .code = 0xd4, .imm = 8 }, "BPF_END uses reserved fields");
	check_refused((struct bpf_insn){ .code = 0x87, .imm = 1 }, "BPF_NEG uses reserved fields");
	check_refused((struct bpf_insn){ .code = 0x61, .imm = 1 }, "BPF_LDX uses reserved fields");
	check_refused((struct bpf_insn){ .code = 0xdb, .imm = 0x20 },
		      "BPF_ATOMIC uses invalid atomic opcode 20");
	check_refused((struct bpf_insn){ .code = 0x18, .src_reg = 9 },
		      "unrecognized bpf_ld_imm64 insn");
	check_refused((struct bpf_insn){ .code = 0xe5, .imm = 7 }, "invalid may_goto imm 7");
	check_refused((struct bpf_insn){ .code = 0x95, .imm = 7 }, "BPF_EXIT uses reserved fields");
	check_refused((struct bpf_insn){ .code = 0x8d },
		      "unknown opcode 8d (callx: calls through a "
		      "register are not supported)");
	check_refused((struct bpf_insn){ .code = INSN_TAIL_CALL }, "unknown opcode f5");
	check_refused((struct bpf_insn){ .code = BPF_LDX | INSN_MODE_PROBE | BPF_W },
		      "BPF_LDX uses reserved fields");
	check_refused((struct bpf_insn){ .code = 0xbf, .dst_reg = 11 }, "R11 is invalid");
	check_refused((struct bpf_insn){ .code = 0x37 }, "div by zero");
	check_refused((struct bpf_insn){ .code = 0x67, .imm = 64 }, "invalid shift 64");
}

static struct bpf_insn one(const char *source)
{
	struct asm_error err;
	insn_vec insns = { 0 };
	struct bpf_insn insn = { 0 };

	if (isa_assemble(source, &insns, &err))
		test_fail(__FILE__, __LINE__, "%s: %s", source, err.message);
	else
		insn = insns.data[0];
	vec_release(&insns);
	return insn;
}

TEST(asm_reads_what_people_write)
{
	CHECK_EQ(one("r1=5").imm, 5);
	CHECK_EQ(one("r1 = 5").code, 0xb7);
	CHECK_EQ(one("r1 = 5 ll").code, 0x18);
	CHECK_EQ(one("r1 = 0x123456789").code, 0x18);
	CHECK_EQ(one("(18) r1 = 0x5").code, 0x18);
	CHECK_EQ(one("r0 = *(u32*)(r1+4)").off, 4);
	CHECK_EQ(one("r0 = *(u32 *) (r1 - 4)").off, -4);
	CHECK_EQ(one("r0 = *(u32 *)(r1)").off, 0);
	CHECK_EQ(one("w1 = 0xffffffff").imm, -1);
	CHECK_EQ(one("goto +2").off, 2);
	CHECK_EQ(one("call 5").imm, 5);
	CHECK_EQ(one("call bpf_ktime_get_ns").imm, 5);
	CHECK_EQ(one("call map_update_elem").imm, 2);
	CHECK_EQ(one("gotol pc+1").code, 0x06);
	CHECK_EQ(one("  exit ; done").code, 0x95);
	CHECK_EQ(one("7: (95) exit // as in a log").code, 0x95);
}

static void check_error(const char *source, u32 line, const char *message)
{
	struct asm_error err;
	insn_vec insns = { 0 };

	CHECK_EQ(isa_assemble(source, &insns, &err), -EINVAL);
	CHECK_EQ(err.line, line);
	CHECK_STR(err.message, message);
	CHECK_EQ(insns.len, 0);
	vec_release(&insns);
}

TEST(asm_says_what_it_does_not_understand)
{
	check_error("r0 = 0\nr0 = frob\n", 2, "no such instruction: \"r0 = frob\"");
	check_error("goto nowhere\nexit", 1, "no such label: \"nowhere\"");
	check_error("a:\nexit\na: exit", 3, "label defined twice: \"a\"");
	check_error("r16 = 0", 1, "no such instruction: \"r16 = 0\"");
	check_error("r1 += 0x80000000", 1, "no such instruction: \"r1 += 0x80000000\"");
	check_error("r1 = r2 r3", 1, "no such instruction: \"r1 = r2 r3\"");
	check_error("(07) r1 = 2", 1, "no such instruction: \"(07) r1 = 2\"");
}

TEST(asm_resolves_labels)
{
	static const char source[] = "	r1 = 1 ll\n"
				     "again:	r1 += -1\n"
				     "	if r1 s> 0 goto again\n"
				     "	call sub\n"
				     "	gotol end\n"
				     "sub:	exit\n"
				     "end:	exit\n";
	struct asm_error err;
	insn_vec insns = { 0 };

	REQUIRE(isa_assemble(source, &insns, &err) == 0);
	REQUIRE(insns.len == 8);
	CHECK_EQ(insns.data[3].off, -2);
	CHECK_EQ(insns.data[4].src_reg, BPF_PSEUDO_CALL);
	CHECK_EQ(insns.data[4].imm, 1);
	CHECK_EQ(insns.data[5].imm, 1);
	vec_release(&insns);
}

TEST(helper_names_are_those_of_the_headers)
{
	CHECK_STR(isa_helper_name(1), "map_lookup_elem");
	CHECK(isa_helper_name(0) == NULL);
	CHECK(isa_helper_name(0x10000) == NULL);
	CHECK_EQ(isa_helper_id("loop", 4), BPF_FUNC_loop);
	CHECK_EQ(isa_helper_id("nonsense", 8), -ENOENT);
}

static u32 random_next(u64 *state)
{
	*state = *state * 6364136223846793005 + 1442695040888963407;
	return (u32)(*state >> 33);
}

/* A printed instruction, damaged in a few places. */
static void damaged_line(u64 *state, char *buf, size_t size)
{
	static const char chars[] = "r0123456789abcdefxlwgots =+-*/&|^%<>()[]:;#,.\n\t\xff";
	struct text out = text_in(buf, size);
	struct bpf_insn insn[2] = { { .code = random_next(state),
				      .dst_reg = random_next(state),
				      .src_reg = random_next(state),
				      .off = random_next(state),
				      .imm = random_next(state) },
				    { .imm = random_next(state) } };

	isa_disasm(&out, insn, NULL);
	for (u32 n = random_next(state) % 4; n; n--)
		buf[random_next(state) % out.len] = chars[random_next(state) % (sizeof(chars) - 1)];
}

/* SKEP_CAMPAIGN=1 tries more. Run under AddressSanitizer, this finds what reads too far. */
TEST(damaged_text_is_an_error_or_an_instruction)
{
	u32 n = getenv("SKEP_CAMPAIGN") ? 5000000 : 50000, taken = 0;
	u64 state = 1;

	for (u32 i = 0; i < n; i++) {
		char buf[128];
		insn_vec insns = { 0 };
		struct asm_error err;
		int result;

		damaged_line(&state, buf, sizeof(buf));
		result = isa_assemble(buf, &insns, &err);
		CHECK(result == 0 || result == -EINVAL);
		CHECK((result == 0) == !err.message[0]);
		taken += result == 0;
		vec_release(&insns);
	}
	CHECK(taken > n / 20);
	CHECK(taken < n / 2);
}

/* One line of the table in docs/isa.md. */
static void put_doc_line(struct text *out, enum isa_op op)
{
	const struct isa_op_info *info = &isa_ops[op];
	struct bpf_insn insn[2] = { { .code = info->code, .dst_reg = 1, .src_reg = 2 }, { 0 } };
	char line[128];
	struct text text = text_in(line, sizeof(line));

	switch (info->form) {
	case FORM_IMM64:
	case FORM_CALL:
	case FORM_KFUNC:
	case FORM_MAY_GOTO:
		insn->src_reg = info->select & 15;
		insn->imm = 1;
		break;
	case FORM_ALU_K:
	case FORM_ALU_X:
	case FORM_MOV_K:
	case FORM_MOV_X:
	case FORM_CAST:
		insn->off = (s16)info->select;
		insn->imm = 1;
		break;
	case FORM_END:
	case FORM_ATOMIC:
	case FORM_LOAD_ACQ:
	case FORM_STORE_REL:
		insn->imm = (s32)info->select;
		break;
	}
	isa_disasm(&text, insn, NULL);
	/* the text behind "(xx) "; a bar would end the cell */
	text_printf(out, "| %02x | `", info->code);
	for (const char *p = line + 5; *p; p++)
		text_printf(out, *p == '|' ? "\\%c" : "%c", *p);
	text_printf(out, "` | %s |\n", isa_group_names[info->group]);
}

static char *doc_table(void)
{
	size_t room = 1 << 16;
	char *buf = malloc(room);
	struct text out = text_in(buf, room);

	text_put(&out, "| code | text | group |\n|---|---|---|\n");
	for (u32 op = 1; op < OP_COUNT; op++)
		put_doc_line(&out, op);
	return buf;
}

/* SKEP_PRINT_TABLE=1 test-isa table: prints the table as it should be. */
TEST(the_table_in_the_documentation_is_this_one)
{
	char *table = doc_table(), doc[1 << 16];
	FILE *file = fopen(test_source_path("docs/isa.md"), "r");
	size_t n = file ? fread(doc, 1, sizeof(doc) - 1, file) : 0;

	if (file)
		fclose(file);
	doc[n] = 0;
	CHECK(strstr(doc, table) != NULL);
	if (!strstr(doc, table) && getenv("SKEP_PRINT_TABLE"))
		puts(table);
	free(table);
}
