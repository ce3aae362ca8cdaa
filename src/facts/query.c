/* SPDX-License-Identifier: Apache-2.0 */
/* What others ask. Facts are kept at the starts of blocks; the rest is followed from there. */
#include "facts/internal.h"
#include "maps/map.h"
#include "os/os.h"

#define DEFAULT_LIMIT ((size_t)64 << 20)

int facts_compute(const struct image *image, const struct ctx_layout *ctx, size_t limit,
		  struct facts **out)
{
	struct facts *facts = os_alloc(sizeof(*facts));
	int err;

	*out = NULL;
	if (!facts)
		return -ENOMEM;
	facts->image = image;
	facts->ctx = ctx;
	facts->arena.limit = limit ? limit : DEFAULT_LIMIT;
	err = facts_find_blocks(facts);
	if (!err)
		err = facts_solve(facts);
	if (err)
		facts_free(facts);
	else
		*out = facts;
	return err;
}

void facts_free(struct facts *facts)
{
	if (!facts)
		return;
	arena_release(&facts->arena);
	os_free(facts);
}

bool facts_at(const struct facts *facts, u32 insn, struct fact_state *out)
{
	const struct fact_block *block = facts_block_of(facts, insn);

	if (!block->in)
		return false;
	memcpy(out, block->in,
	       offsetof(struct fact_state, slots) +
		   block->in->n_slots * sizeof(block->in->slots[0]));
	return facts_replay(facts, block, insn, out);
}

bool facts_reachable(const struct facts *facts, u32 insn)
{
	struct fact_state state;

	return facts_at(facts, insn, &state);
}

enum branch facts_branch(const struct facts *facts, const struct fact_state *state, u32 insn)
{
	const struct bpf_insn *jump = &facts->image->insns[insn];
	struct fact_state side = *state;
	u32 class = insn_class(jump), op = BPF_OP(jump->code);

	if ((class != BPF_JMP && class != BPF_JMP32) || op == BPF_JA || op == BPF_CALL ||
	    op == BPF_EXIT || jump->code == INSN_TAIL_CALL || op == BPF_JCOND)
		return BRANCH_UNKNOWN;
	if (!facts_take(&side, jump, true))
		return BRANCH_NEVER;
	side = *state;
	return facts_take(&side, jump, false) ? BRANCH_UNKNOWN : BRANCH_ALWAYS;
}

bool facts_access(const struct facts *facts, const struct fact_state *state, u32 insn,
		  struct fact_access *out)
{
	static const u8 sizes[] = { 4, 2, 1, 8 };
	const struct bpf_insn *op = &facts->image->insns[insn];
	u32 class = insn_class(op);
	bool atomic = class == BPF_STX && BPF_MODE(op->code) == BPF_ATOMIC;
	bool load = class == BPF_LDX || (atomic && op->imm == BPF_LOAD_ACQ);
	const struct fact *base = &state->regs[load ? op->src_reg : op->dst_reg];

	if (class != BPF_LDX && class != BPF_ST && class != BPF_STX)
		return false;
	*out = (struct fact_access){ .base = *base, .size = sizes[BPF_SIZE(op->code) >> 3] };
	out->reads = load || (atomic && op->imm != BPF_STORE_REL);
	out->writes = !load;
	if (!fact_is_pointer(base) || base->val.smin < INT32_MIN || base->val.smax > INT32_MAX) {
		out->base = fact_any();
		return true;
	}
	out->lo = base->val.smin + op->off;
	out->hi = base->val.smax + op->off;
	return true;
}

/* May bytes at two bases be the same ones? Packet pointers of all kinds share one packet. */
static bool bases_apart(const struct fact *a, const struct fact *b)
{
	bool packet_a = a->kind >= FACT_PACKET && a->kind <= FACT_PACKET_END;
	bool packet_b = b->kind >= FACT_PACKET && b->kind <= FACT_PACKET_END;

	if (a->kind == FACT_ANY || b->kind == FACT_ANY || (packet_a && packet_b))
		return false;
	/* Two indices may name one map. */
	return a->kind != b->kind;
}

bool facts_apart(const struct fact_access *a, const struct fact_access *b)
{
	if (bases_apart(&a->base, &b->base))
		return true;
	/* Bases of one kind that are certainly one address. */
	if (a->base.kind != b->base.kind ||
	    (a->base.kind != FACT_STACK && a->base.kind != FACT_CTX))
		return false;
	return a->hi + a->size <= b->lo || b->hi + b->size <= a->lo;
}

/* ---- text ---- */

static void number_text(const struct scalar *val, struct text *out)
{
	struct scalar by_range;

	if (scalar_is_const(val)) {
		text_printf(out, val->umin > UINT32_MAX && (s64)val->umin > 0 ? "0x%llx" : "%lld",
			    (long long)val->umin);
		return;
	}
	if (val->smin >= 0 || val->umin > (u64)INT64_MAX) {
		by_range = scalar_urange(val->umin, val->umax);
		if (val->umax == ~0ull && !val->umin)
			text_put(out, "number");
		else if (val->umax > UINT32_MAX)
			text_printf(out, "0x%llx..0x%llx", (unsigned long long)val->umin,
				    (unsigned long long)val->umax);
		else
			text_printf(out, "%llu..%llu", (unsigned long long)val->umin,
				    (unsigned long long)val->umax);
	} else {
		by_range = scalar_srange(val->smin, val->smax);
		if (val->smin == INT64_MIN && val->smax == INT64_MAX)
			text_put(out, "number");
		else
			text_printf(out, "%lld..%lld", (long long)val->smin, (long long)val->smax);
	}
	if (val->bits.mask != by_range.bits.mask)
		text_printf(out, "&0x%llx", (unsigned long long)(val->bits.value | val->bits.mask));
}

static void offset_text(const struct scalar *val, struct text *out)
{
	if (scalar_is_const(val) && !val->umin)
		return;
	if (scalar_is_const(val)) {
		text_printf(out, "%+lld", (long long)val->smin);
		return;
	}
	text_put(out, "+");
	number_text(val, out);
}

void fact_text(const struct facts *facts, const struct fact *fact, struct text *out)
{
	static const char *const names[] = {
#define FACT_KIND(name, text) text,
		FACT_KINDS(FACT_KIND)
#undef FACT_KIND
	};
	const struct map *map;

	if (fact->kind == FACT_ANY)
		return;
	if (fact->kind == FACT_NUMBER) {
		number_text(&fact->val, out);
		return;
	}
	text_put(out, names[fact->kind]);
	map = fact->kind == FACT_MAP || fact->kind == FACT_MAP_VALUE ? facts->image->maps[fact->map]
								     : NULL;
	if (map && map->facts.name[0])
		text_printf(out, "(%.*s)", BPF_OBJ_NAME_LEN, map->facts.name);
	offset_text(&fact->val, out);
	if (fact->maybe_null)
		text_put(out, " or null");
}
