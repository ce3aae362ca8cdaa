/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suggestions. For each family of causes there is a maker that knows what people do about it:
 * it writes the change in C, for the reader, and in instructions, for the verifier, with the
 * registers, bounds and offsets of this very program. A change is called verified when the
 * program with it was accepted; when another refusal comes after it, that is said; else only
 * the words of causes.h are shown.
 *
 * What is put in leaves the function ("return XDP_PASS;") where the proof fails: always
 * possible, and what people write.
 */
#include "explain/fixer.h"

#include "base/str.h"

#define TIME_FOR_FIXES 1000000000ull

/* ---- writing code ---- */

static void put(struct code *c, struct bpf_insn insn)
{
	if (c->n < CODE_MAX)
		c->insns[c->n++] = insn;
}

void put_mov(struct code *c, u32 dst, u32 src)
{
	put(c, (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = dst & 15,
				  .src_reg = src & 15 });
}

void put_mov_imm(struct code *c, u32 dst, s32 imm)
{
	put(c, (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = dst & 15, .imm = imm });
}

void put_add_imm(struct code *c, u32 dst, s32 imm)
{
	put(c, (struct bpf_insn){ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = dst & 15, .imm = imm });
}

static u8 size_code(u32 size)
{
	return size == 1 ? BPF_B : size == 2 ? BPF_H : size == 4 ? BPF_W : BPF_DW;
}

void put_load(struct code *c, u32 size, u32 dst, u32 src, s32 off)
{
	put(c, (struct bpf_insn){ .code = (u8)(BPF_LDX | BPF_MEM | size_code(size)),
				  .dst_reg = dst & 15, .src_reg = src & 15, .off = (s16)off });
}

void put_store(struct code *c, u32 size, u32 dst, s32 off, u32 src)
{
	put(c, (struct bpf_insn){ .code = (u8)(BPF_STX | BPF_MEM | size_code(size)),
				  .dst_reg = dst & 15, .src_reg = src & 15, .off = (s16)off });
}

void put_jump_imm(struct code *c, u32 op, u32 reg, s32 imm, s32 off)
{
	put(c, (struct bpf_insn){ .code = (u8)(BPF_JMP | op | BPF_K), .dst_reg = reg & 15, .imm = imm,
				  .off = (s16)off });
}

void put_jump_reg(struct code *c, u32 op, u32 reg, u32 other, s32 off)
{
	put(c, (struct bpf_insn){ .code = (u8)(BPF_JMP | op | BPF_X), .dst_reg = reg & 15,
				  .src_reg = other & 15, .off = (s16)off });
}

void put_call(struct code *c, s32 helper)
{
	put(c, (struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = helper });
}

void put_return(struct code *c, const struct fixer *f)
{
	put_mov_imm(c, 0, plain_result(f));
	put(c, (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT });
}

void put_check_imm(struct code *c, const struct fixer *f, u32 op, u32 reg, s32 imm)
{
	put_jump_imm(c, op, reg, imm, 2);
	put_return(c, f);
}

s32 plain_result(const struct fixer *f)
{
	const struct prog_type_model *type =
	    model_prog_type(f->request->model, f->request->prog_type);
	const struct return_range *range =
	    type ? model_return_range(type, f->request->expected_attach_type) : NULL;

	if (f->depth)
		return 0;
	if (f->request->prog_type == BPF_PROG_TYPE_XDP)
		return XDP_PASS;
	if (range && (range->min > 0 || range->max < 0))
		return (s32)range->min;
	return 0;
}

const char *plain_result_name(const struct fixer *f, char buf[16])
{
	if (!f->depth && f->request->prog_type == BPF_PROG_TYPE_XDP)
		return "XDP_PASS";
	if (!f->depth && f->request->prog_type == BPF_PROG_TYPE_SCHED_CLS)
		return "TC_ACT_OK";
	text_format(buf, 16, "%d", plain_result(f));
	return buf;
}

/* ---- what is known ---- */

const struct reg *reg_before(const struct fixer *f, u32 step, u32 reg)
{
	return path_reg(f->path, step, f->path->steps.data[step].depth, reg);
}

int free_register(const struct fixer *f, u32 at, u32 not_these)
{
	if (!f->path->live || at >= f->path->n_insns)
		return -1;
	for (int i = 5; i >= 0; i--)
		if (!(f->path->live[at] >> i & 1) && !(not_these >> i & 1))
			return i;
	for (int i = 9; i > 5; i--)
		if (!(f->path->live[at] >> i & 1) && !(not_these >> i & 1) && !f->depth)
			return i;
	return -1;
}

u32 object_size(const struct fixer *f, const struct reg *reg)
{
	switch (reg->kind) {
	case REG_MAP_VALUE:
		return reg->map < f->path->maps.len ? f->path->maps.data[reg->map].facts->value_size
						    : 0;
	case REG_MAP_KEY:
		return reg->map < f->path->maps.len ? f->path->maps.data[reg->map].facts->key_size : 0;
	case REG_MEM:
		return reg->size;
	default:
		return 0;
	}
}

u32 function_end(const struct fixer *f, u32 at)
{
	const struct path_func *func = path_func(f->path, at);

	return func ? func->end : f->request->insn_cnt;
}

s32 stack_used(const struct fixer *f, u32 at)
{
	const struct path_func *func = path_func(f->path, at);
	u32 start = func ? func->start : 0, end = func ? func->end : f->request->insn_cnt;
	s32 lowest = 0;

	for (u32 i = start; i < end; i++) {
		const struct bpf_insn *insn = &f->request->insns[i];
		u32 class = BPF_CLASS(insn->code);

		if ((class == BPF_LDX && insn->src_reg == 10) ||
		    ((class == BPF_ST || class == BPF_STX) && insn->dst_reg == 10))
			lowest = MIN(lowest, (s32)insn->off);
		/* r2 = r10; r2 += -16 */
		if (insn->code == (BPF_ALU64 | BPF_ADD | BPF_K) && insn->imm < 0 &&
		    insn->imm >= -BPF_STACK_SIZE)
			lowest = MIN(lowest, insn->imm);
	}
	return lowest;
}

/* ---- names in the source ---- */

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static const char *word_before(const char *start, const char *end, const char *otherwise, char buf[48])
{
	const char *from;

	while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	from = end;
	while (from > start && is_word(from[-1]))
		from--;
	if (from == end || end - from > 47 || (*from >= '0' && *from <= '9'))
		return otherwise;
	memcpy(buf, from, (size_t)(end - from));
	buf[end - from] = 0;
	return buf;
}

const char *assigned_variable(const struct place *at, const char *otherwise, char buf[48])
{
	for (const char *s = at->text; *s; s++) {
		if (*s == '(')
			break;
		if (*s == '=' && s[1] != '=' && s > at->text && s[-1] != '=' && s[-1] != '!' &&
		    s[-1] != '<' && s[-1] != '>')
			return word_before(at->text, s, otherwise, buf);
	}
	return otherwise;
}

const char *index_variable(const struct place *at, const char *otherwise, char buf[48])
{
	for (const char *s = at->text; *s; s++) {
		const char *end = s + 1;

		if (*s != '[')
			continue;
		while (is_word(*end))
			end++;
		if (end > s + 1)
			return word_before(s + 1, end, otherwise, buf);
	}
	return otherwise;
}

const char *array_variable(const struct place *at, const char *otherwise, char buf[48])
{
	for (const char *s = at->text; *s; s++)
		if (*s == '[' && s > at->text && is_word(s[-1]))
			return word_before(at->text, s, otherwise, buf);
	return otherwise;
}

/* ---- proposing ---- */

bool fixes_done(const struct fixer *f)
{
	return f->e->n_fixes == EXPLAIN_FIXES || os_clock_ns(OS_CLOCK_MONOTONIC) > f->deadline;
}

static struct fix *add(struct fixer *f, s64 place, const char *title, const char *fmt, va_list args)
{
	struct fix *fix;
	struct text code;

	if (f->e->n_fixes == EXPLAIN_FIXES)
		return NULL;
	fix = &f->e->fixes[f->e->n_fixes++];
	memset(fix, 0, sizeof(*fix));
	fix->at = place_of(f->request, place);
	str_copy(fix->title, title, sizeof(fix->title));
	code = text_in(fix->code, sizeof(fix->code));
	text_vprintf(&code, fmt, args);
	return fix;
}

void advise(struct fixer *f, s64 place, const char *title, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(f, place, title, fmt, args);
	va_end(args);
}

static struct bpf_insn *keep(struct edit *edit)
{
	struct bpf_insn *insns = os_alloc(edit->insns.len * sizeof(*insns));

	if (insns)
		memcpy(insns, edit->insns.data, edit->insns.len * sizeof(*insns));
	return insns;
}

/* Is it another refusal, further on? What was put in belongs to the same line. */
static bool goes_further(const struct fixer *f, const struct verify_refusal *next)
{
	return next->insn >= 0 && next->line && next->line != f->e->at.line &&
	       next->insn > (s32)f->at;
}

static bool propose_va(struct fixer *f, struct edit *edit, s64 place, const char *title,
		       const char *fmt, va_list args)
{
	struct verify_result result;
	enum fix_state state = FIX_VERIFIED;
	struct fix *fix;
	bool ok = !edit->failed && !fixes_done(f);

	if (ok && edit_verify(edit, &result)) {
		ok = goes_further(f, &result.refusal);
		state = FIX_STEP;
	}
	fix = ok ? add(f, place, title, fmt, args) : NULL;
	if (fix) {
		fix->state = state;
		fix->gpl = edit->gpl;
		fix->insns = keep(edit);
		fix->n_insns = fix->insns ? (u32)edit->insns.len : 0;
		if (state == FIX_STEP)
			str_copy(fix->after, result.refusal.message, sizeof(fix->after));
	}
	edit_release(edit);
	return fix && state == FIX_VERIFIED;
}

bool propose(struct fixer *f, struct edit *edit, s64 place, const char *title, const char *fmt, ...)
{
	va_list args;
	bool ok;

	va_start(args, fmt);
	ok = propose_va(f, edit, place, title, fmt, args);
	va_end(args);
	return ok;
}

bool propose_before(struct fixer *f, u32 at, const struct code *c, enum edit_way way, s64 place,
		    const char *title, const char *fmt, ...)
{
	struct edit edit;
	va_list args;
	bool ok;

	edit_init(&edit, f->request);
	edit_insert(&edit, at, c->insns, c->n, way);
	va_start(args, fmt);
	ok = propose_va(f, &edit, place, title, fmt, args);
	va_end(args);
	return ok;
}

/* ---- which maker ---- */

static const struct {
	const char *cause;
	void (*make)(struct fixer *f);
	bool without_path; /* it needs no path */
} makers[] = {
	{ "null-check", fix_null, false },
	{ "packet-bounds", fix_packet, false },
	{ "invalid-access", fix_stale_packet, false },
	{ "invalid-access", fix_probe_read, false },
	{ "out-of-bounds", fix_bounds, false },
	{ "unbounded-access", fix_bounds, false },
	{ "unbounded-pointer", fix_bounds, false },
	{ "negative-offset", fix_bounds, false },
	{ "negative-offset", fix_packet, false },
	{ "stack-bounds", fix_bounds, false },
	{ "out-of-bounds", fix_length, false },
	{ "stack-bounds", fix_length, false },
	{ "packet-bounds", fix_length, false },
	{ "unbounded-size", fix_length, false },
	{ "negative-size", fix_length, false },
	{ "zero-size", fix_length, false },
	{ "return-range", fix_result, false },
	{ "unreleased-reference", fix_reference, false },
	{ "lock-held", fix_lock, false },
	{ "call-with-lock", fix_lock, false },
	{ "section", fix_section, false },
	{ "modified-pointer", fix_modified, false },
	{ "uninit-register", fix_unset, false },
	{ "uninit-stack", fix_unset_stack, false },
	{ "gpl-only", fix_licence, true },
	{ "sleep-in-atomic", fix_sleep, true },
	{ "infinite-loop", fix_loop, false },
	{ "too-complex", fix_loop, false },
	{ "invalid-ctx-access", fix_context, false },
	{ "helper-not-allowed", fix_helper, true },
	{ "map-type", fix_map_type, true },
};

void find_fixes(const struct verify_request *request, const struct path *path,
		struct explanation *e)
{
	struct fixer f = { .request = request, .path = path, .e = e,
			   .deadline = os_clock_ns(OS_CLOCK_MONOTONIC) + TIME_FOR_FIXES };
	bool verified = false;

	if (e->at.insn < 0 || e->at.insn >= (s64)request->insn_cnt)
		return;
	f.at = (u32)e->at.insn;
	f.insn = &request->insns[f.at];
	if (path->found) {
		f.last = (u32)path->steps.len - 1;
		f.depth = path->steps.data[f.last].depth;
		f.has_value = offending_value(request, path, e, &f.value);
	}
	for (u32 i = 0; i < ARRAY_SIZE(makers) && !verified; i++) {
		if (!str_eq(makers[i].cause, e->cause) || (!path->found && !makers[i].without_path))
			continue;
		makers[i].make(&f);
		for (u32 k = 0; k < e->n_fixes; k++)
			verified |= e->fixes[k].state == FIX_VERIFIED;
	}
}
