/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path in branches: each conditional jump on it, with the line it stands in and where it
 * went, and calls of the program's own functions. A branch that goes the same way round after
 * round is told once, with a count.
 */
#include "base/str.h"
#include "explain/origins.h"
#include "isa/insn.h"

static bool is_branch(const struct bpf_insn *insn)
{
	u32 class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_JA && op != BPF_CALL &&
	       op != BPF_EXIT;
}

static struct branch_taken *next(struct explanation *e)
{
	/* The end of the path matters most: make room at the beginning. */
	if (e->n_branches == EXPLAIN_BRANCHES) {
		memmove(&e->branches[0], &e->branches[1],
			(EXPLAIN_BRANCHES - 1) * sizeof(e->branches[0]));
		e->n_branches--;
		e->branches_left_out++;
	}
	memset(&e->branches[e->n_branches], 0, sizeof(e->branches[0]));
	return &e->branches[e->n_branches++];
}

/* Was the same sequence of branches just told? Counts it then. */
static bool repeats(struct explanation *e, s32 insn, bool taken)
{
	for (u32 back = 1; back <= 8 && back <= e->n_branches; back++) {
		struct branch_taken *b = &e->branches[e->n_branches - back];

		if (b->at.insn != insn)
			continue;
		if (b->taken != taken || b->enters || b->leaves)
			return false;
		b->times++;
		return true;
	}
	return false;
}

static void add_branch(const struct verify_request *request, const struct path *path, u32 i,
		       struct explanation *e)
{
	u32 at = path->steps.data[i].insn, to = path->steps.data[i + 1].insn;
	bool taken = to != at + 1;
	struct branch_taken *branch;
	struct text text;

	if (repeats(e, (s32)at, taken))
		return;
	branch = next(e);
	branch->at = place_of(request, at);
	branch->taken = taken;
	branch->times = 1;
	branch->to = (s32)place_of(request, to).line;
	text = text_in(branch->condition, sizeof(branch->condition));
	describe_condition(&text, &request->insns[at]);
}

static void add_call(const struct verify_request *request, const struct path *path, u32 i,
		     struct explanation *e, bool enters)
{
	struct branch_taken *branch = next(e);
	const struct path_func *func = path_func(path, path->steps.data[i + enters].insn);
	struct text text = text_in(branch->condition, sizeof(branch->condition));

	branch->at = place_of(request, path->steps.data[i].insn);
	branch->enters = enters;
	branch->leaves = !enters;
	branch->times = 1;
	branch->to = (s32)place_of(request, path->steps.data[i + 1].insn).line;
	text_printf(&text, "%s()", func && func->name && *func->name ? func->name : "a function");
}

/* Does the jump count rounds? A comparison with a large number does, one with 0 seldom. */
static u32 looks_like_count(const struct bpf_insn *insn)
{
	if (BPF_SRC(insn->code) == BPF_X)
		return 2;
	return insn->imm >= 64 ? 3 : insn->imm > 1 ? 1 : 0;
}

/*
 * Where a program that is too complex spends its time: of the jumps that are met most often on
 * the path the one that looks most like the end of a loop. Where the verifier gave up is a
 * matter of chance.
 */
static s64 busiest_jump(const struct verify_request *request, const struct path *path)
{
	u32 *visits = os_alloc(request->insn_cnt * sizeof(*visits)), most = 0;
	s64 best = -1;

	if (!visits)
		return -1;
	for (size_t i = 0; i < path->steps.len; i++) {
		u32 at = path->steps.data[i].insn;

		visits[at] += is_branch(&request->insns[at]);
		most = MAX(most, visits[at]);
	}
	for (u32 at = request->insn_cnt; at-- > 0 && most >= 10;) {
		if (visits[at] < most - most / 4)
			continue;
		if (best < 0 ||
		    looks_like_count(&request->insns[at]) >= looks_like_count(&request->insns[best]))
			best = at;
	}
	os_free(visits);
	return best;
}

void find_busy_place(const struct verify_request *request, const struct path *path,
		     struct explanation *e)
{
	s64 at = path->found && str_eq(e->cause, "too-complex") ? busiest_jump(request, path) : -1;

	if (at < 0)
		return;
	e->at = place_of(request, at);
	e->n_around = places_around(request, &e->at, e->around, EXPLAIN_AROUND);
}

void find_branches(const struct verify_request *request, const struct path *path,
		   struct explanation *e)
{
	for (u32 i = 0; i + 1 < path->steps.len; i++) {
		const struct bpf_insn *insn = &request->insns[path->steps.data[i].insn];

		if (is_branch(insn))
			add_branch(request, path, i, e);
		else if (path->steps.data[i + 1].depth > path->steps.data[i].depth)
			add_call(request, path, i, e, true);
		else if (path->steps.data[i + 1].depth < path->steps.data[i].depth)
			add_call(request, path, i, e, false);
	}
	e->path_steps = (u32)path->steps.len;
}
