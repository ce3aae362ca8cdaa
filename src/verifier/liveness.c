/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may still be read: registers and stack slots, for every instruction, before any
 * path is walked. Two passes over each function:
 *
 * forwards: which registers certainly hold r10 + constant, or possibly something derived
 * from r10 (a tiny lattice, joined where paths meet). With it the stack slots that each
 * instruction reads and overwrites are known. Unknown means: reads all, overwrites none.
 * Arguments are followed in the same way, so that callers know what of their stack a
 * function reads when it gets an address: functions come before those that call them.
 *
 * backwards: live before = (live after - overwritten) + read, until nothing changes.
 *
 * A slot is only reached through addresses derived from its own r10. What a called
 * function writes never counts as overwriting: it may tail call away before.
 */
#include "verifier/kfunc.h"
#include "verifier/stack_object.h"

#define ALL_SLOTS (~0ull)
/*
 * Passes over the program; then everything is live: sound, and no program of a compiler gets
 * there. Fewer for huge ones, whose passes take their time.
 */
#define MAX_ROUNDS 64
#define MAX_VISITS (20u << 20) /* of instructions, in all rounds */
#define N_BASES 6     /* the function's own r10, and its five arguments */
#define N_TRACKED 21  /* slots of a function for which it is known what addresses they hold */

enum origin {
	NONE,	 /* nothing yet: joins with nothing. Of a slot: no address of a stack */
	OTHER,	 /* anything that is not one of these */
	PTR,	 /* base + v, up to base + v + span; unsure: or OTHER */
	PTR_ANY, /* somewhere from one of the bases in mask v, or OTHER */
	CONST,	 /* v */
	MAP,	 /* the map of index v */
	FUNC,	 /* the function of index v */
};

/* What a register holds. Base 0 is the function's own r10, n its n-th argument as it came. */
struct fact {
	u8 origin, base;
	u16 span : 15, unsure : 1;
	s32 v;
};

struct facts {
	struct fact regs[BPF_REGS];
	struct fact slots[N_TRACKED]; /* live->tracked says which ones */
};

/* Which bytes at an argument a function may read: [lo, hi), or any. */
struct reach {
	bool any;
	s32 lo, hi;
};

struct effect {
	u64 use, def; /* slots of the function's own stack */
	u64 passed;   /* slots that the function called here may read */
};

struct live {
	struct env *env;
	struct arena arena; /* what is needed only here */
	int max_rounds;
	struct facts **at;	/* at jump targets and function starts */
	struct effect *effects; /* by instruction */
	struct reach (*reach)[5]; /* by function and argument */
	u32 sub;		/* the function being looked at */
	u8 tracked[STACK_SLOTS];  /* of it: index into facts.slots, + 1; 0: not tracked */
	u32 n_tracked;
	u64 spilled;		/* slots not tracked that may hold addresses of its own stack */
	bool changed;
};

static const struct fact other = { .origin = OTHER };

/* ---- slots ---- */

/* Slots that [off, off + size) overlaps, off relative to r10. */
static u64 slots_touched(s64 off, s64 size)
{
	s64 end = MIN(off + size, 0);
	u32 first, last;

	if (size <= 0 || off >= 0)
		return 0;
	if (off < -BPF_STACK_SIZE)
		return ALL_SLOTS;
	last = (u32)((-off - 1) / SLOT_BYTES);
	first = (u32)(-end / SLOT_BYTES);
	return (ALL_SLOTS >> (63 - last)) & (ALL_SLOTS << first);
}

/* Slots that lie wholly in it. */
static u64 slots_covered(s64 off, s64 size)
{
	s64 start = off + BPF_STACK_SIZE, end = start + size;

	if (start < 0 || end > BPF_STACK_SIZE || size <= 0)
		return 0;
	start = (s64)align_up((u64)start, SLOT_BYTES) - BPF_STACK_SIZE;
	end = (end & ~(s64)(SLOT_BYTES - 1)) - BPF_STACK_SIZE;
	return end > start ? slots_touched(start, end - start) : 0;
}

static bool is_ptr(struct fact f)
{
	return f.origin == PTR || f.origin == PTR_ANY;
}

static u32 bases_of(struct fact f)
{
	return f.origin == PTR ? 1u << f.base : f.origin == PTR_ANY ? (u32)f.v : 0;
}

static struct fact somewhere(u32 bases)
{
	return bases ? (struct fact){ .origin = PTR_ANY, .v = (s32)bases } : other;
}

static bool same(struct fact a, struct fact b)
{
	return a.origin == b.origin && a.base == b.base && a.v == b.v && a.span == b.span &&
	       a.unsure == b.unsure;
}

/* Two addresses from one base: everything between, unless that grows from round to round. */
static struct fact join_addresses(struct fact old, struct fact new)
{
	s64 lo = MIN(old.v, new.v);
	s64 hi = MAX((s64)old.v + old.span, (s64)new.v + new.span);
	bool grown = lo < old.v || hi > (s64)old.v + old.span;

	if ((old.span && grown) || hi - lo > BPF_STACK_SIZE)
		return somewhere(1u << old.base);
	old.v = (s32)lo;
	old.span = (u16)(hi - lo) & 0x7fff;
	old.unsure |= new.unsure;
	return old;
}

static struct fact join(struct fact old, struct fact new)
{
	if (old.origin == NONE || same(old, new))
		return new;
	if (new.origin == NONE)
		return old;
	if (old.origin == PTR && new.origin == PTR && old.base == new.base)
		return join_addresses(old, new);
	if (old.origin == PTR && !is_ptr(new)) {
		old.unsure = 1;
		return old;
	}
	if (new.origin == PTR && !is_ptr(old)) {
		new.unsure = 1;
		return new;
	}
	return somewhere(bases_of(old) | bases_of(new));
}

/* Exactly this address of the function's own stack. */
static bool is_certain(struct fact f)
{
	return f.origin == PTR && !f.base && !f.span && !f.unsure;
}

/* ---- what an access through a register reads and overwrites ---- */

static void widen_reach(struct live *live, u32 arg, bool any, s64 lo, s64 hi)
{
	struct reach *r = &live->reach[live->sub][arg];

	/* Farther than a stack is long: no matter where exactly. */
	if (any || lo < -BPF_STACK_SIZE || hi > BPF_STACK_SIZE) {
		r->any = true;
		return;
	}
	if (lo >= hi)
		return;
	r->lo = r->lo == r->hi ? (s32)lo : MIN(r->lo, (s32)lo);
	r->hi = MAX(r->hi, (s32)hi);
}

/* Reads [ptr + off, + size); size < 0: from there to the end of the stack. */
static u64 reads(struct live *live, struct fact ptr, s64 off, s64 size)
{
	u32 bases = bases_of(ptr);

	if (ptr.origin == PTR) {
		off += ptr.v;
		if (!ptr.base)
			return slots_touched(off, size < 0 ? -off : size + ptr.span);
		widen_reach(live, ptr.base - 1u, size < 0, off, off + size + ptr.span);
		return 0;
	}
	for (u32 i = 1; i < N_BASES; i++)
		if (bases >> i & 1)
			widen_reach(live, i - 1, true, 0, 0);
	return bases & 1 ? ALL_SLOTS : 0;
}

/* The address leaves our sight: whatever it leads to may be read by somebody. */
static void escapes(struct live *live, struct fact value)
{
	for (u32 i = 1; i < N_BASES; i++)
		if (bases_of(value) >> i & 1)
			widen_reach(live, i - 1, true, 0, 0);
}

/* ---- forwards ---- */

static struct fact moved(struct fact ptr, s64 by)
{
	s64 off = (s64)ptr.v + by;

	if (off != (s32)off)
		return somewhere(bases_of(ptr));
	ptr.v = (s32)off;
	return ptr;
}

static void alu_facts(struct facts *f, const struct bpf_insn *insn)
{
	u32 op = BPF_OP(insn->code);
	bool wide = insn_class(insn) == BPF_ALU64;
	bool reg = BPF_SRC(insn->code) == BPF_X && op != BPF_END;
	struct fact *dst = &f->regs[insn->dst_reg];
	struct fact src = reg ? f->regs[insn->src_reg]
			      : (struct fact){ .origin = CONST, .v = insn->imm };

	if (op == BPF_MOV && !insn->off && (wide || (src.origin == CONST && src.v >= 0)))
		*dst = src;
	else if (wide && op == BPF_ADD && dst->origin == PTR && src.origin == CONST)
		*dst = moved(*dst, src.v);
	else if (wide && op == BPF_SUB && dst->origin == PTR && src.origin == CONST)
		*dst = moved(*dst, -(s64)src.v);
	else if (wide && op == BPF_ADD && dst->origin == CONST && src.origin == PTR)
		*dst = moved(src, dst->v);
	else
		*dst = somewhere((op == BPF_MOV ? 0 : bases_of(*dst)) | (reg ? bases_of(src) : 0));
}

static u32 size_of(const struct bpf_insn *insn)
{
	u32 size = BPF_SIZE(insn->code);

	return size == BPF_B ? 1 : size == BPF_H ? 2 : size == BPF_W ? 4 : 8;
}

/* ---- addresses in slots ---- */

static struct fact *tracked_slot(struct live *live, struct facts *f, u32 slot)
{
	u32 index = live->tracked[slot];

	return index ? &f->slots[index - 1] : NULL;
}

/* What address may come back from these slots. */
static struct fact address_in(struct live *live, struct facts *f, u64 slots)
{
	struct fact found = { .origin = NONE };

	if (slots & live->spilled)
		found = somewhere(1);
	for (u32 i = 0; i < STACK_SLOTS; i++)
		if ((slots >> i & 1) && live->tracked[i])
			found = join(found, *tracked_slot(live, f, i));
	/* Something else may have been written there by a helper since. */
	found.unsure = 1;
	return found.origin == NONE ? other : found;
}

/* In these slots no address stands any more. */
static void clear_addresses(struct live *live, struct facts *f, u64 slots)
{
	for (u32 i = 0; i < STACK_SLOTS && slots; i++, slots >>= 1)
		if ((slots & 1) && live->tracked[i])
			*tracked_slot(live, f, i) = (struct fact){ .origin = NONE };
}

/* Somewhere in these slots the address is stored now. */
static void spill_untracked(struct live *live, struct fact value, u64 slots)
{
	escapes(live, value);
	if (!(bases_of(value) & 1))
		return;
	live->changed |= (slots & ~live->spilled) != 0;
	live->spilled |= slots;
}

/* Exactly this slot holds the address now. */
static void spill_tracked(struct live *live, struct facts *f, struct fact value, u32 slot)
{
	if (!live->tracked[slot] && live->n_tracked < N_TRACKED) {
		live->tracked[slot] = (u8)++live->n_tracked;
		live->changed = true;
	}
	if (live->tracked[slot])
		*tracked_slot(live, f, slot) = value;
	else
		spill_untracked(live, value, 1ull << slot);
}

static void load_facts(struct live *live, struct facts *f, const struct bpf_insn *insn, u32 dst,
		       struct effect *e)
{
	e->use = reads(live, f->regs[insn->src_reg], insn->off, size_of(insn));
	f->regs[dst] = size_of(insn) == SLOT_BYTES ? address_in(live, f, e->use) : other;
}

static void store_facts(struct live *live, struct facts *f, const struct bpf_insn *insn,
			struct effect *e)
{
	struct fact ptr = f->regs[insn->dst_reg];
	struct fact value = insn_class(insn) == BPF_STX ? f->regs[insn->src_reg] : other;
	s64 off = (s64)ptr.v + insn->off;
	u32 size = size_of(insn);
	u64 slots = ptr.origin == PTR && !ptr.base ? slots_touched(off, size + ptr.span) : ALL_SLOTS;

	if (is_certain(ptr))
		e->def = slots_covered(off, size);
	/* What stays of a slot decides whether an unprivileged store may be. */
	if (!live->env->req->privileged && !e->def)
		e->use = reads(live, ptr, insn->off, size);
	if (!is_ptr(value)) {
		if (is_certain(ptr))
			clear_addresses(live, f, slots);
	} else if (size == SLOT_BYTES && e->def) {
		spill_tracked(live, f, value, (u32)__builtin_ctzll(e->def));
	} else {
		spill_untracked(live, value, slots);
	}
}

static void atomic_facts(struct live *live, struct facts *f, const struct bpf_insn *insn,
			 struct effect *e)
{
	if (insn->imm == BPF_LOAD_ACQ) {
		load_facts(live, f, insn, insn->dst_reg, e);
		return;
	}
	if (insn->imm == BPF_STORE_REL) {
		store_facts(live, f, insn, e);
		return;
	}
	e->use = reads(live, f->regs[insn->dst_reg], insn->off, size_of(insn));
	if (is_ptr(f->regs[insn->src_reg]))
		escapes(live, f->regs[insn->src_reg]);
	if (insn->imm & BPF_FETCH)
		f->regs[insn->imm == BPF_CMPXCHG ? 0 : insn->src_reg] = address_in(live, f, e->use);
}

/* ---- calls ---- */

static const struct helper_proto *helper_of(const struct env *env, const struct bpf_insn *insn)
{
	if (insn->src_reg)
		return NULL;
	return model_prog_helper(env->req->model, env->type, env->req->expected_attach_type,
				 env->req->privileged ? PRIVILEGE_PERFMON : PRIVILEGE_NONE,
				 (u32)insn->imm);
}

/* Bytes of memory that argument i of a helper names; -1: not known. */
static s64 arg_bytes(const struct live *live, const struct facts *f,
		     const struct helper_proto *proto, u32 i)
{
	u32 base = proto->arg[i] & ARG_BASE_MASK;

	if (base == ARG_PTR_TO_MAP_KEY || base == ARG_PTR_TO_MAP_VALUE) {
		for (u32 k = 0; k < i; k++) {
			struct fact map = f->regs[k + 1];
			const struct map_facts *facts;

			if ((proto->arg[k] & ARG_BASE_MASK) != ARG_CONST_MAP_PTR || map.origin != MAP)
				continue;
			facts = live->env->maps.data[map.v].facts;
			return base == ARG_PTR_TO_MAP_KEY ? facts->key_size : facts->value_size;
		}
		return -1;
	}
	if (base == ARG_PTR_TO_DYNPTR)
		return DYNPTR_SLOTS * SLOT_BYTES;
	if (base == ARG_PTR_TO_MEM && (proto->arg[i] & ARG_MEM_FIXED_SIZE))
		return proto->arg_size[i];
	if (base == ARG_PTR_TO_MEM && i < 4 && f->regs[i + 2].origin == CONST && f->regs[i + 2].v >= 0)
		return f->regs[i + 2].v;
	return -1;
}

static void arg_effect(struct live *live, const struct facts *f, const struct helper_proto *proto,
		       u32 i, struct effect *e)
{
	struct fact arg = f->regs[i + 1];
	u32 type = proto->arg[i];
	s64 bytes;

	if (!is_ptr(arg) || (type & ARG_BASE_MASK) == ARG_DONTCARE)
		return;
	bytes = arg_bytes(live, f, proto, i);
	if (!(type & ARG_MEM_UNINIT) || (!live->env->req->privileged &&
					 (bytes < 0 || arg.origin == PTR_ANY))) {
		e->use |= reads(live, arg, 0, bytes);
		return;
	}
	/* Filled without being read. What of a slot is not filled stays, and matters to the
	 * unprivileged. */
	if (is_certain(arg))
		e->def |= slots_covered(arg.v, bytes);
	if (!live->env->req->privileged)
		e->use |= reads(live, arg, 0, bytes);
}

/* A function of the program gets this address as its argument i (0..4). */
static void pass(struct live *live, u32 callee, u32 i, struct fact ptr, struct effect *e)
{
	const struct reach *r = &live->reach[callee][i];

	if (!is_ptr(ptr))
		return;
	if (r->any) {
		escapes(live, ptr);
		e->passed |= bases_of(ptr) & 1 ? ALL_SLOTS : 0;
	} else if (r->lo < r->hi) {
		e->passed |= reads(live, ptr, r->lo, r->hi - r->lo);
	}
}

static void pass_all(struct live *live, const struct facts *f, struct effect *e)
{
	for (u32 i = 1; i <= 5; i++) {
		escapes(live, f->regs[i]);
		if (bases_of(f->regs[i]) & 1)
			e->passed = ALL_SLOTS;
	}
}

/* The argument of the callback that the helper's r3 becomes, from 0; -1: unknown. */
static s32 callback_ctx_arg(u32 helper)
{
	return helper == BPF_FUNC_loop || helper == BPF_FUNC_user_ringbuf_drain ? 1 : helper == BPF_FUNC_for_each_map_elem ? 3 : -1;
}

static void callback_facts(struct live *live, const struct facts *f,
			   const struct helper_proto *proto, struct effect *e)
{
	s32 arg = callback_ctx_arg(proto->id);
	struct fact func = f->regs[2];

	if (arg < 0 || func.origin != FUNC || is_ptr(f->regs[1]) || is_ptr(f->regs[4]))
		pass_all(live, f, e);
	else
		pass(live, (u32)func.v, (u32)arg, f->regs[3], e);
}

/*
 * Bytes that a kfunc reads behind its argument i: what its type says, or the size in the next
 * argument; -1: not known. *fills: it does not read them, but makes an object of them.
 */
static s64 kfunc_arg_bytes(const struct live *live, const struct facts *f,
			   const struct kfunc_proto *kfunc, const struct btf_type *proto, u32 i,
			   bool *fills)
{
	const struct btf *btf = live->env->req->model->btf;
	const struct btf_param *params = btf_params(proto);
	const struct btf_type *type = btf_resolve(btf, params[i].type, NULL);
	const char *name = btf_name(btf, params[i].name_off);
	struct fact next = i < 4 ? f->regs[i + 2] : other;
	u32 target;

	*fills = (kfunc && kfunc->flags & KF_ITER_NEW && !i) || str_ends(name, "__uninit");
	if (!type || btf_kind(type) != BTF_KIND_PTR || str_ends(name, "__ign"))
		return -1;
	if (i + 1 < btf_vlen(proto)) {
		const char *size = btf_name(btf, params[i + 1].name_off);

		if (karg_is_size_name(size))
			return next.origin == CONST && next.v >= 0 ? next.v : -1;
	}
	type = btf_resolve(btf, type->type, &target);
	if (type && str_eq(btf_name(btf, type->name_off), "bpf_dynptr"))
		return DYNPTR_SLOTS * SLOT_BYTES;
	return type ? btf_size(btf, target) : -1;
}

static void kfunc_effect(struct live *live, const struct facts *f, const struct kfunc_proto *kfunc,
			 const struct btf_type *proto, struct effect *e)
{
	u32 n = MIN(btf_vlen(proto), 5u);

	for (u32 i = 0; i < n; i++)
		if (f->regs[i + 1].origin == FUNC) {
			pass_all(live, f, e); /* to a function of the program */
			return;
		}
	for (u32 i = 0; i < n; i++) {
		struct fact arg = f->regs[i + 1];
		s64 bytes;
		bool fills;

		if (!is_ptr(arg))
			continue;
		bytes = kfunc_arg_bytes(live, f, kfunc, proto, i, &fills);
		if (!fills || bytes < 0 || arg.origin == PTR_ANY)
			e->use |= reads(live, arg, 0, bytes);
		else if (is_certain(arg))
			e->def |= slots_covered(arg.v, bytes);
	}
}

/* The function may follow the addresses that stand in what it was passed. */
static void pass_addresses(struct live *live, struct facts *f, struct effect *e)
{
	u32 bases = bases_of(address_in(live, f, e->passed));

	escapes(live, somewhere(bases));
	if (bases & 1)
		e->passed = ALL_SLOTS;
}

static void call_facts(struct live *live, u32 at, struct facts *f, struct effect *e)
{
	const struct bpf_insn *insn = &live->env->insns[at];
	const struct helper_proto *proto = helper_of(live->env, insn);
	const struct btf_type *kfunc = kfunc_prototype(live->env, insn);

	if (insn_is_subprog_call(insn))
		for (u32 i = 0; i < 5; i++)
			pass(live, live->env->aux[at].subprog, i, f->regs[i + 1], e);
	else if (kfunc)
		kfunc_effect(live, f, kfunc_of(live->env, insn), kfunc, e);
	else if (!proto)
		pass_all(live, f, e);
	else if (proto->flags & HELPER_CALLBACK)
		callback_facts(live, f, proto, e);
	else
		for (u32 i = 0; i < 5; i++)
			arg_effect(live, f, proto, i, e);
	if (e->passed)
		pass_addresses(live, f, e);
	e->use |= e->passed;
	for (u32 i = 0; i <= 5; i++)
		f->regs[i] = other;
}

static void ld_facts(struct live *live, u32 at, struct facts *f)
{
	const struct bpf_insn *insn = &live->env->insns[at];
	const struct insn_aux *aux = &live->env->aux[at];

	if (!insn_is_ldimm64(insn)) {
		for (u32 i = 0; i <= 5; i++)
			f->regs[i] = other;
	} else if (insn->src_reg == BPF_PSEUDO_MAP_IDX) {
		f->regs[insn->dst_reg] = (struct fact){ .origin = MAP, .v = (s32)aux->map };
	} else if (insn->src_reg == BPF_PSEUDO_FUNC) {
		f->regs[insn->dst_reg] = (struct fact){ .origin = FUNC, .v = (s32)aux->subprog };
	} else {
		f->regs[insn->dst_reg] = other;
	}
}

static void insn_facts(struct live *live, u32 at, struct facts *f)
{
	const struct bpf_insn *insn = &live->env->insns[at];
	struct effect *e = &live->effects[at];

	*e = (struct effect){ 0 };
	switch (insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64:
		alu_facts(f, insn);
		break;
	case BPF_LD:
		ld_facts(live, at, f);
		break;
	case BPF_LDX:
		load_facts(live, f, insn, insn->dst_reg, e);
		break;
	case BPF_ST:
		store_facts(live, f, insn, e);
		break;
	case BPF_STX:
		if (BPF_MODE(insn->code) == BPF_ATOMIC)
			atomic_facts(live, f, insn, e);
		else
			store_facts(live, f, insn, e);
		break;
	default:
		if (insn_is_call(insn))
			call_facts(live, at, f, e);
		break;
	}
}

/* ---- edges ---- */

/* Successors within the function: at most two. */
static u32 successors(const struct env *env, u32 at, u32 out[2])
{
	const struct bpf_insn *insn = &env->insns[at];
	u32 class = insn_class(insn), op = BPF_OP(insn->code);

	if (insn_is_exit(insn))
		return 0;
	out[0] = at + insn_slots(insn);
	if ((class != BPF_JMP && class != BPF_JMP32) || op == BPF_CALL)
		return 1;
	out[1] = at + 1 + (insn->code == (BPF_JMP32 | BPF_JA) ? insn->imm : insn->off);
	if (op != BPF_JA)
		return 2;
	out[0] = out[1];
	return 1;
}

static bool join_into(struct fact *there, struct fact from)
{
	struct fact joined = join(*there, from);

	if (same(joined, *there))
		return false;
	*there = joined;
	return true;
}

static int flow_into(struct live *live, u32 to, const struct facts *f)
{
	struct facts *there = live->at[to];

	if (!there) {
		there = live->at[to] = arena_new(&live->arena, struct facts);
		if (!there)
			return -ENOMEM;
	}
	for (u32 i = 0; i < BPF_REGS; i++)
		live->changed |= join_into(&there->regs[i], f->regs[i]);
	for (u32 i = 0; i < live->n_tracked; i++)
		live->changed |= join_into(&there->slots[i], f->slots[i]);
	return 0;
}

/* One pass over a function, in order. */
static int forward_round(struct live *live, const struct subprog *sub)
{
	struct env *env = live->env;
	struct facts f = { 0 };
	bool reached = false;

	for (u32 at = sub->start; at < sub->end; at += insn_slots(&env->insns[at])) {
		u32 next[2], n;

		if (live->at[at]) {
			f = *live->at[at];
			reached = true;
		}
		if (!reached)
			continue;
		insn_facts(live, at, &f);
		n = successors(env, at, next);
		reached = false;
		for (u32 i = 0; i < n; i++) {
			if (next[i] == at + insn_slots(&env->insns[at]) &&
			    !env->aux[next[i]].jump_target) {
				reached = true;
				continue;
			}
			if (flow_into(live, next[i], &f))
				return -ENOMEM;
		}
	}
	return 0;
}

/* Could not be found out in time: everything is read, nothing overwritten. */
static void give_up(struct live *live, const struct subprog *sub)
{
	for (u32 at = sub->start; at < sub->end; at++)
		live->effects[at] = (struct effect){ .use = ALL_SLOTS, .passed = ALL_SLOTS };
	for (u32 i = 0; i < 5; i++)
		live->reach[live->sub][i].any = true;
}

static s32 global_arg_bytes(const struct global_arg *arg)
{
	switch (arg->kind) {
	case GLOBAL_ARG_MEM:
		return (s32)MIN(arg->size, (u32)BPF_STACK_SIZE);
	case GLOBAL_ARG_DYNPTR:
		return DYNPTR_SLOTS * SLOT_BYTES;
	default:
		return 0;
	}
}

static int forward(struct live *live, const struct subprog *sub)
{
	struct facts entry = { 0 };
	int rounds = 0, err;

	for (u32 i = 0; i < BPF_REGS; i++)
		entry.regs[i] = other;
	for (u32 i = 1; i <= 5; i++)
		entry.regs[i] = (struct fact){ .origin = PTR, .base = (u8)i };
	entry.regs[10] = (struct fact){ .origin = PTR };
	live->spilled = 0;
	live->n_tracked = 0;
	memset(live->tracked, 0, sizeof(live->tracked));
	err = flow_into(live, sub->start, &entry);
	do {
		if (err)
			return err;
		live->changed = false;
		err = forward_round(live, sub);
	} while (!err && live->changed && ++rounds < live->max_rounds);
	if (!err && live->changed)
		give_up(live, sub);
	/* The types say what a global function may read, whatever its code does. */
	for (u32 i = 0; sub->global && i < 5; i++)
		live->reach[live->sub][i] =
		    (struct reach){ .hi = global_arg_bytes(&sub->args[i]) };
	return err;
}

/* Functions before those that call them; a function on the way (recursion) counts as unknown. */
static int forward_all(struct live *live, u32 index, u8 *state)
{
	struct env *env = live->env;
	const struct subprog *sub = &env->subprogs[index];
	int err = 0;

	if (state[index])
		return 0;
	state[index] = 1;
	for (u32 i = 0; i < 5; i++)
		live->reach[index][i].any = true;
	for (u32 at = sub->start; at < sub->end && !err; at += insn_slots(&env->insns[at]))
		if (insn_is_subprog_call(&env->insns[at]) ||
		    (insn_is_ldimm64(&env->insns[at]) &&
		     env->insns[at].src_reg == BPF_PSEUDO_FUNC))
			err = forward_all(live, env->aux[at].subprog, state);
	if (err)
		return err;
	memset(live->reach[index], 0, sizeof(live->reach[index]));
	live->sub = index;
	return forward(live, sub);
}

/* ---- registers ---- */

static void alu_regs(const struct bpf_insn *insn, u16 *use, u16 *def)
{
	u32 op = BPF_OP(insn->code);

	*def = (u16)(1u << insn->dst_reg);
	if (op != BPF_MOV)
		*use |= *def;
	if (BPF_SRC(insn->code) == BPF_X && op != BPF_END)
		*use |= (u16)(1u << insn->src_reg);
}

static void atomic_regs(const struct bpf_insn *insn, u16 *use, u16 *def)
{
	*use = (u16)(1u << insn->dst_reg | 1u << insn->src_reg);
	if (insn->imm == BPF_LOAD_ACQ) {
		*use = (u16)(1u << insn->src_reg);
		*def = (u16)(1u << insn->dst_reg);
	} else if (insn->imm == BPF_CMPXCHG) {
		*use |= 1;
		*def = 1;
	} else if (insn->imm != BPF_STORE_REL && (insn->imm & BPF_FETCH)) {
		*def = (u16)(1u << insn->src_reg);
	}
}

static u16 helper_args(const struct env *env, const struct bpf_insn *insn)
{
	const struct helper_proto *proto = helper_of(env, insn);
	const struct btf_type *kfunc = kfunc_prototype(env, insn);
	u16 use = 0;

	if (kfunc)
		return (u16)((2u << MIN(btf_vlen(kfunc), 5u)) - 2);
	if (!proto)
		return 0x3e;
	for (u32 i = 0; i < 5; i++)
		if ((proto->arg[i] & ARG_BASE_MASK) != ARG_DONTCARE)
			use |= (u16)(2u << i);
	return use;
}

static void jump_regs(const struct env *env, u32 at, u16 *use, u16 *def)
{
	const struct bpf_insn *insn = &env->insns[at];
	u32 op = BPF_OP(insn->code);

	if (insn_is_exit(insn)) {
		*use = 1;
	} else if (insn_is_call(insn)) {
		*def = 0x3f;
		if (insn_is_subprog_call(insn))
			*use = env->aux[env->subprogs[env->aux[at].subprog].start].live_regs & 0x3e;
		else
			*use = helper_args(env, insn);
		/* Also what a global function's types say, whether its code reads it or not. */
		if (insn_is_subprog_call(insn) && env->subprogs[env->aux[at].subprog].global)
			*use = 0x3e;
	} else if (op != BPF_JA && op != BPF_JCOND) {
		*use = (u16)(1u << insn->dst_reg);
		if (BPF_SRC(insn->code) == BPF_X)
			*use |= (u16)(1u << insn->src_reg);
	}
}

static void insn_regs(const struct env *env, u32 at, u16 *use, u16 *def)
{
	const struct bpf_insn *insn = &env->insns[at];

	*use = *def = 0;
	switch (insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64:
		alu_regs(insn, use, def);
		return;
	case BPF_LD:
		if (insn_is_ldimm64(insn)) {
			*def = (u16)(1u << insn->dst_reg);
			return;
		}
		*use = 1u << 6;
		if (BPF_MODE(insn->code) == BPF_IND)
			*use |= (u16)(1u << insn->src_reg);
		*def = 0x3f;
		return;
	case BPF_LDX:
		*use = (u16)(1u << insn->src_reg);
		*def = (u16)(1u << insn->dst_reg);
		return;
	case BPF_ST:
		*use = (u16)(1u << insn->dst_reg);
		return;
	case BPF_STX:
		if (BPF_MODE(insn->code) == BPF_ATOMIC)
			atomic_regs(insn, use, def);
		else
			*use = (u16)(1u << insn->dst_reg | 1u << insn->src_reg);
		return;
	default:
		jump_regs(env, at, use, def);
	}
}

u16 insn_writes(const struct env *env, u32 at)
{
	u16 use, def;

	insn_regs(env, at, &use, &def);
	return def;
}

/* ---- backwards ---- */

static void backward_insn(struct live *live, u32 at)
{
	struct env *env = live->env;
	struct insn_aux *aux = &env->aux[at];
	const struct effect *e = &live->effects[at];
	u16 regs = 0, use, def;
	u64 slots = 0;
	u32 next[2], n = successors(env, at, next);

	for (u32 i = 0; i < n; i++) {
		regs |= env->aux[next[i]].live_regs;
		slots |= env->aux[next[i]].live_slots;
	}
	aux->call_regs = regs & ~0x3fu;
	aux->call_slots = slots | e->passed;
	insn_regs(env, at, &use, &def);
	regs = (u16)((regs & ~def) | use);
	slots = (slots & ~e->def) | e->use;
	if (regs == aux->live_regs && slots == aux->live_slots)
		return;
	aux->live_regs = regs;
	aux->live_slots = slots;
	live->changed = true;
}

static void backward(struct live *live)
{
	struct env *env = live->env;
	int rounds = 0;

	do {
		live->changed = false;
		for (u32 at = env->len; at-- > 0;)
			if (!env->aux[at].ldimm64_second)
				backward_insn(live, at);
	} while (live->changed && ++rounds < live->max_rounds);
	if (!live->changed)
		return;
	for (u32 at = 0; at < env->len; at++) {
		env->aux[at].live_regs = env->aux[at].call_regs = 0x7ff;
		env->aux[at].live_slots = env->aux[at].call_slots = ALL_SLOTS;
	}
}

int liveness_compute(struct env *env)
{
	struct live live = { .env = env };
	u8 *state = arena_alloc(&live.arena, env->n_subprogs);
	int err = -ENOMEM;

	live.max_rounds = (int)MIN((u32)MAX_ROUNDS, MAX(MAX_VISITS / env->len, 8u));
	live.reach = arena_alloc_array(&live.arena, env->n_subprogs, sizeof(live.reach[0]));
	live.at = arena_array(&live.arena, struct facts *, env->len + 1);
	live.effects = arena_array(&live.arena, struct effect, env->len + 1);
	if (!live.at || !live.effects || !live.reach || !state)
		goto out;
	err = 0;
	for (u32 i = 0; i < env->n_subprogs && !err; i++)
		err = forward_all(&live, i, state);
	if (!err)
		backward(&live);
out:
	arena_release(&live.arena);
	return err;
}
