/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Could the differential test fail? Each case compiles random programs with one error planted
 * into the emitted code, as if that emitter were wrong, and the test must notice within a
 * bounded number of programs. A crash or a hang counts as noticed: in a campaign it would be.
 */
#include "jit/jit.h"

#include <Zydis/Zydis.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jit/world.h"
#include "lib/test.h"

#define PROGRAMS 2000
#define SECONDS  20

/* An instruction of emitted code, and where its parts are. */
struct site {
	u8 *bytes;
	ZydisDecodedInstruction insn;
	u8 *rex, *opcode, *modrm;
	bool w, memory;
};

/* Damages the instruction if it is of the kind; answers whether it was. */
typedef bool (*plant_fn)(struct site *site);

static bool is(const struct site *site, ZydisMnemonic mnemonic)
{
	return site->insn.mnemonic == mnemonic;
}

static bool set_opcode(struct site *site, u8 from, u8 to)
{
	if (*site->opcode != from)
		return false;
	*site->opcode = to;
	return true;
}

/* The /digit of opcodes that are told apart by ModRM. */
static bool set_digit(struct site *site, u8 to)
{
	*site->modrm = (u8)((*site->modrm & ~0x38) | to << 3);
	return true;
}

static bool narrow(struct site *site)
{
	if (!site->w)
		return false;
	*site->rex &= (u8)~8;
	return true;
}

static bool change_displacement(struct site *site)
{
	if (site->insn.raw.disp.size != 8)
		return false;
	site->bytes[site->insn.raw.disp.offset] ^= 8;
	return true;
}

static bool add_is_sub(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_ADD) && !s->memory && set_opcode(s, 0x01, 0x29);
}
static bool xor_is_or(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_XOR) && !s->memory && set_opcode(s, 0x31, 0x09);
}
static bool and_is_or(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_AND) && !s->memory && set_opcode(s, 0x21, 0x09);
}
static bool shr_is_sar(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_SHR) && set_digit(s, 7);
}
static bool sar_is_shr(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_SAR) && set_digit(s, 5);
}
static bool byte_load_extends_sign(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_MOVZX) && s->memory && set_opcode(s, 0xb6, 0xbe);
}
static bool signed_load_extends_zero(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_MOVSX) && set_opcode(s, 0xbf, 0xb7);
}
static bool movsxd_is_mov(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_MOVSXD) && set_opcode(s, 0x63, 0x8b);
}
static bool unsigned_jump_is_signed(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_JB) && (set_opcode(s, 0x72, 0x7c) || set_opcode(s, 0x82, 0x8c));
}
static bool greater_is_greater_or_equal(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_JNLE) &&
	       (set_opcode(s, 0x7f, 0x7d) || set_opcode(s, 0x8f, 0x8d));
}
static bool compare_is_narrow(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_CMP) && narrow(s);
}
static bool compare_is_test(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_CMP) && !s->memory && set_opcode(s, 0x39, 0x85);
}
static bool bswap_is_narrow(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_BSWAP) && narrow(s);
}
static bool multiply_is_narrow(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_IMUL) && narrow(s);
}
static bool unsigned_division_is_signed(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_DIV) && set_digit(s, 7);
}
static bool negation_is_complement(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_NEG) && set_digit(s, 2);
}
static bool store_is_narrow(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_MOV) && s->memory && *s->opcode == 0x89 && narrow(s);
}
static bool stack_offset_is_wrong(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_MOVZX) && s->memory && change_displacement(s);
}
static bool immediate_is_wrong(struct site *s)
{
	if (!is(s, ZYDIS_MNEMONIC_ADD) || s->insn.raw.imm[0].size != 8 ||
	    (*s->modrm & 7) == 4 /* rsp */)
		return false;
	s->bytes[s->insn.raw.imm[0].offset] ^= 1;
	return true;
}
static bool locked_add_is_or(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_ADD) && s->memory && set_opcode(s, 0x01, 0x09);
}
static bool xadd_is_cmpxchg(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_XADD) && set_opcode(s, 0xc1, 0xb1);
}
static bool upper_half_is_kept(struct site *s)
{
	bool to_itself = (*s->modrm >> 3 & 7) == (*s->modrm & 7);

	if (!is(s, ZYDIS_MNEMONIC_MOV) || s->memory || s->w || !to_itself || *s->opcode != 0x89 ||
	    (s->rex && (*s->rex & 5) != 0 && (*s->rex & 5) != 5))
		return false;
	memset(s->bytes, 0x90, s->insn.length);
	return true;
}
static bool rotation_is_wrong(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_ROR) && set_digit(s, 5);
}
static bool array_bound_is_inclusive(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_JNB) &&
	       (set_opcode(s, 0x73, 0x77) || set_opcode(s, 0x83, 0x87));
}
static bool saved_register_is_lost(struct site *s)
{
	if (!is(s, ZYDIS_MNEMONIC_POP) || *s->opcode != 0x5b)
		return false;
	*s->opcode = 0x59; /* pop rcx, not rbx */
	return true;
}
static bool budget_is_free(struct site *s)
{
	return is(s, ZYDIS_MNEMONIC_DEC) && s->w && set_digit(s, 0);
}

#define PLANT(fn)       \
	{               \
#fn, fn \
	}
static const struct plant {
	const char *name;
	plant_fn fn;
} plants[] = {
	PLANT(add_is_sub),
	PLANT(xor_is_or),
	PLANT(and_is_or),
	PLANT(shr_is_sar),
	PLANT(sar_is_shr),
	PLANT(byte_load_extends_sign),
	PLANT(signed_load_extends_zero),
	PLANT(movsxd_is_mov),
	PLANT(unsigned_jump_is_signed),
	PLANT(greater_is_greater_or_equal),
	PLANT(compare_is_narrow),
	PLANT(compare_is_test),
	PLANT(bswap_is_narrow),
	PLANT(multiply_is_narrow),
	PLANT(unsigned_division_is_signed),
	PLANT(negation_is_complement),
	PLANT(store_is_narrow),
	PLANT(stack_offset_is_wrong),
	PLANT(immediate_is_wrong),
	PLANT(locked_add_is_or),
	PLANT(xadd_is_cmpxchg),
	PLANT(upper_half_is_kept),
	PLANT(rotation_is_wrong),
	PLANT(array_bound_is_inclusive),
	PLANT(saved_register_is_lost),
	PLANT(budget_is_free),
};

/* Finds the parts of an instruction: prefixes, REX, opcode, ModRM. */
static void dissect(struct site *site, const ZydisDecodedOperand *ops)
{
	const ZydisDecodedInstruction *insn = &site->insn;
	u32 end = insn->length;

	if (insn->raw.imm[0].size)
		end = insn->raw.imm[0].offset;
	if (insn->raw.disp.size)
		end = MIN(end, insn->raw.disp.offset);
	if (insn->attributes & ZYDIS_ATTRIB_HAS_MODRM)
		end = insn->raw.modrm.offset;
	site->modrm = site->bytes + insn->raw.modrm.offset;
	site->opcode = site->bytes + end - 1;
	site->rex =
	    insn->attributes & ZYDIS_ATTRIB_HAS_REX ? site->bytes + insn->raw.rex.offset : NULL;
	site->w = site->rex && *site->rex & 8;
	site->memory = false;
	for (u32 i = 0; i < insn->operand_count_visible; i++)
		site->memory |= ops[i].type == ZYDIS_OPERAND_TYPE_MEMORY;
}

static void damage(struct jit_code *code, plant_fn plant)
{
	ZydisDecoder decoder;
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	struct site site;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (u32 at = 0; at < code->text_len; at += site.insn.length) {
		site.bytes = code->bytes + at;
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, site.bytes, code->text_len - at,
							 &site.insn, ops)))
			_exit(2); /* our own code does not decode */
		dissect(&site, ops);
		plant(&site);
	}
}

/* True when the engines differ on this seed. */
static bool notices(struct world *world, u64 seed, plant_fn plant)
{
	static struct gen_prog text;
	static struct outcome want, got;
	const struct jit_target *target = jit_host_target();
	struct gen_opts opts = world_gen_opts(seed);
	struct test_image_opts image_opts = world_image_opts(world);
	struct prog interp = { 0 }, jit = { 0 };
	struct jit_code code;
	s64 budget = (s64)(seed % 64);

	image_opts.flags = IMAGE_BUDGET;
	gen_program(&opts, &text);
	interp.image = jit.image = test_image(text.insns, text.len, &image_opts);
	if (interp_prepare(&interp) || jit_compile(target, jit.image, 0, &code))
		_exit(2);
	if (plant)
		damage(&code, plant);
	if (jit_install(target, &code, &jit))
		_exit(2);
	world_run(world, seed, &interp, budget, &want);
	world_run(world, seed, &jit, budget, &got);
	jit_code_release(&code);
	jit_release(&jit);
	interp_release(&interp);
	image_free(jit.image);
	return outcome_differs(&want, &got) != NULL;
}

static _Noreturn void search(plant_fn plant)
{
	static struct world world;

	alarm(SECONDS);
	world_init(&world);
	for (u64 seed = 1; seed <= PROGRAMS; seed++)
		if (notices(&world, seed, plant))
			_exit(1);
	_exit(0);
}

/* 1: noticed, 0: not, 2: could not try. In a child: damaged code may do anything. */
static int run_search(plant_fn plant)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (!pid)
		search(plant);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 2;
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	test_note("the next by signal %d", WTERMSIG(status));
	return 1;
}

static void check_noticed(void *arg)
{
	CHECK_EQ(run_search(((const struct plant *)arg)->fn), 1);
}

TEST(nothing_planted_nothing_noticed)
{
	CHECK_EQ(run_search(NULL), 0);
}

TEST(for_each_planted_error)
{
	for (u32 i = 0; i < ARRAY_SIZE(plants); i++)
		test_run_named(plants[i].name, check_noticed, (void *)&plants[i]);
}
