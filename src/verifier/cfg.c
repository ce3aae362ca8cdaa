/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shape of the program: where its functions begin, whether jumps stay inside them,
 * and a walk over all edges that finds unreachable code, loops, and the points where paths
 * join. Needs nothing but the instructions; later passes may then follow any jump blindly.
 */
#include "verifier/kfunc.h"

/* Index of the function that starts at an instruction, or -1. */
static s32 subprog_at(const struct env *env, s64 at)
{
	u32 lo = 0, hi = env->n_subprogs;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (env->subprogs[mid].start == at)
			return (s32)mid;
		if (env->subprogs[mid].start < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return -1;
}

static int subprog_add(struct env *env, s64 at)
{
	u32 i = env->n_subprogs;

	if (at < 0 || at >= env->len)
		return refuse(env, -EINVAL, "bad-call", "call to invalid destination");
	if (subprog_at(env, at) >= 0)
		return 0;
	while (i > 0 && env->subprogs[i - 1].start > at)
		i--;
	if (env->n_subprogs >= BPF_MAX_SUBPROGS)
		return refuse(env, -E2BIG, "too-many-subprogs", "too many subprograms");
	memmove(&env->subprogs[i + 1], &env->subprogs[i],
		(env->n_subprogs - i) * sizeof(env->subprogs[0]));
	env->subprogs[i] = (struct subprog){ .start = (u32)at };
	env->n_subprogs++;
	return 0;
}

static bool is_func_address(const struct bpf_insn *insn)
{
	return insn_is_ldimm64(insn) && insn->src_reg == BPF_PSEUDO_FUNC;
}

/* Finds all functions: the targets of calls and of ldimm64 with BPF_PSEUDO_FUNC. */
int cfg_find_subprogs(struct env *env)
{
	int err = subprog_add(env, 0);

	for (u32 i = 0; i < env->len && !err; i++) {
		const struct bpf_insn *insn = &env->insns[i];

		env->at = i;
		if (insn_is_subprog_call(insn) || is_func_address(insn)) {
			if (!env->req->privileged)
				return refuse(env, -EPERM, "unprivileged",
					      "loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN");
			err = subprog_add(env, (s64)i + insn->imm + 1);
		}
		if (insn_is_ldimm64(insn))
			i++;
	}
	if (err)
		return err;
	for (u32 i = 0; i < env->n_subprogs; i++)
		env->subprogs[i].end =
		    i + 1 < env->n_subprogs ? env->subprogs[i + 1].start : env->len;
	for (u32 i = 0; i < env->len; i++) {
		const struct bpf_insn *insn = &env->insns[i];

		if (insn_is_subprog_call(insn) || is_func_address(insn))
			env->aux[i].subprog = (u32)subprog_at(env, (s64)i + insn->imm + 1);
		if (insn_is_ldimm64(insn))
			i++;
	}
	return 0;
}

static bool is_jump(const struct bpf_insn *insn)
{
	u32 class = insn_class(insn);

	return (class == BPF_JMP || class == BPF_JMP32) && BPF_OP(insn->code) != BPF_CALL &&
	       BPF_OP(insn->code) != BPF_EXIT;
}

static s64 jump_target(const struct bpf_insn *insn, u32 at)
{
	/* gotol keeps its distance in imm. */
	return (s64)at + 1 + (insn->code == (BPF_JMP32 | BPF_JA) ? insn->imm : insn->off);
}

/* Jumps stay in their function, and a function ends with exit or a jump. */
int cfg_check_jumps(struct env *env)
{
	for (u32 s = 0; s < env->n_subprogs; s++) {
		struct subprog *sub = &env->subprogs[s];
		u32 last = sub->start;

		for (u32 i = sub->start; i < sub->end; i++) {
			const struct bpf_insn *insn = &env->insns[i];
			s64 target;

			env->at = i;
			last = i;
			if (insn_is_call(insn) && !insn->src_reg && insn->imm == BPF_FUNC_tail_call)
				sub->has_tail_call = true;
			if (insn_class(insn) == BPF_LD &&
			    (BPF_MODE(insn->code) == BPF_ABS || BPF_MODE(insn->code) == BPF_IND))
				sub->has_ld_abs = true;
			if (insn_is_ldimm64(insn)) {
				i++; /* its second half is data (insns.c refuses a missing one) */
				continue;
			}
			if (!is_jump(insn))
				continue;
			target = jump_target(insn, i);
			if (target < sub->start || target >= sub->end)
				return refuse(env, -EINVAL, "jump-out-of-range",
					      "jump out of range from insn %u to %lld", i,
					      (long long)target);
		}
		if (!insn_is_exit(&env->insns[last]) &&
		    env->insns[last].code != (BPF_JMP | BPF_JA) &&
		    env->insns[last].code != (BPF_JMP32 | BPF_JA))
			return refuse(env, -EINVAL, "fall-through",
				      "last insn is not an exit or jmp");
	}
	return 0;
}

/* ---- the walk ---- */

enum { NEW = 0, OPEN = 1, DONE = 2 }; /* OPEN: on the path being walked */

struct walk {
	struct env *env;
	u8 *mark;
	struct {
		u32 insn;
		u8 edge; /* how many of its edges were followed */
	} *stack;
	u32 depth;
};

static int walk_edge(struct walk *walk, u32 from, u32 to, bool branch)
{
	struct env *env = walk->env;

	if (branch)
		env->aux[to].jump_target = env->aux[to].prune_point = true;
	env->at = from;
	if (env->aux[to].ldimm64_second)
		return refuse(env, -EINVAL, "jump-into-ldimm64",
			      "jump into the middle of ldimm64 insn %u", to);
	if (walk->mark[to] == OPEN) {
		if (!env->req->privileged) {
			log_line(env, "back-edge from insn %u to %u\n", from, to);
			return refuse(env, -EINVAL, "back-edge", "back-edge from insn %u to %u",
				      from, to);
		}
		env->aux[to].loop_head = env->aux[to].prune_point = true;
		return 0;
	}
	if (walk->mark[to] == NEW) {
		walk->mark[to] = OPEN;
		walk->stack[walk->depth].insn = to;
		walk->stack[walk->depth++].edge = 0;
	}
	return 0;
}

/* The edges of an instruction, in order; false when there are no more. */
static bool edge_of(struct env *env, u32 at, u32 n, s64 *to, bool *branch)
{
	const struct bpf_insn *insn = &env->insns[at];

	*branch = false;
	if (insn_is_exit(insn))
		return false;
	if (is_jump(insn)) {
		bool always = BPF_OP(insn->code) == BPF_JA;

		if (n == 0 && !always) {
			*to = at + 1;
			return true;
		}
		*branch = true;
		*to = jump_target(insn, at);
		return n == (always ? 0 : 1);
	}
	if (n == 0) {
		*to = at + insn_slots(insn);
		return true;
	}
	if (n == 1 && (insn_is_subprog_call(insn) || is_func_address(insn))) {
		/* A function is reached through its call; recursion is found by depth.c. */
		*to = env->subprogs[env->aux[at].subprog].start;
		return true;
	}
	return false;
}

static int walk_from(struct walk *walk, u32 start)
{
	struct env *env = walk->env;

	if (walk->mark[start] != NEW)
		return 0;
	walk->mark[start] = OPEN;
	walk->stack[0].insn = start;
	walk->stack[0].edge = 0;
	walk->depth = 1;
	while (walk->depth) {
		u32 at = walk->stack[walk->depth - 1].insn;
		u8 edge = walk->stack[walk->depth - 1].edge++;
		bool branch;
		s64 to;
		int err;

		if (!edge_of(env, at, edge, &to, &branch)) {
			walk->mark[at] = DONE;
			walk->depth--;
			continue;
		}
		if (to >= env->len)
			return refuse_at(env, at, -EINVAL, "jump-out-of-range",
					 "jump out of range from insn %u to %lld", at, (long long)to);
		/* A call is no jump: entering a function that is open is recursion, not a loop. */
		if (edge == 1 && !is_jump(&env->insns[at]) && walk->mark[to] == OPEN)
			continue;
		err = walk_edge(walk, at, (u32)to, branch);
		if (err)
			return err;
	}
	return 0;
}

static bool moves_packet(const struct env *env, const struct bpf_insn *insn)
{
	const struct helper_proto *proto = NULL;

	if (insn_is_call(insn) && !insn->src_reg)
		proto = model_helper(env->req->model, (u32)insn->imm);
	/* Whoever a tail call leads to may move it, too. */
	if (proto)
		return proto->flags & (HELPER_CHANGES_PACKET | HELPER_TAIL_CALL);
	return kfunc_changes_packet(kfunc_of(env, insn));
}

static bool may_sleep(const struct env *env, const struct bpf_insn *insn)
{
	const struct kfunc_proto *kfunc = kfunc_of(env, insn);
	const struct helper_proto *proto = NULL;

	if (insn_is_call(insn) && !insn->src_reg)
		proto = model_helper(env->req->model, (u32)insn->imm);
	return (proto && (proto->flags & HELPER_MIGHT_SLEEP)) ||
	       (kfunc && (kfunc->flags & KF_SLEEPABLE));
}

#define FUNC_WORDS ((BPF_MAX_SUBPROGS + 63) / 64)

/* A set of functions, by index. */
struct func_set {
	u64 bits[FUNC_WORDS];
};

/* What a function does itself: which ones it calls, whether it moves the packet or may sleep. */
static void summarise(struct env *env, struct subprog *sub, struct func_set *callees)
{
	for (u32 i = sub->start; i < sub->end; i += insn_slots(&env->insns[i])) {
		const struct bpf_insn *insn = &env->insns[i];
		u32 callee = env->aux[i].subprog;

		if (insn_is_subprog_call(insn) || is_func_address(insn))
			callees->bits[callee / 64] |= 1ull << callee % 64;
		else if (insn_is_call(insn)) {
			sub->changes_packet |= moves_packet(env, insn);
			sub->might_sleep |= may_sleep(env, insn);
		}
	}
}

static bool calls_any(const struct func_set *callees, const struct func_set *of)
{
	for (u32 i = 0; i < FUNC_WORDS; i++)
		if (callees->bits[i] & of->bits[i])
			return true;
	return false;
}

/* Who calls one of them is one of them; true when there are new ones. */
static bool widen_set(struct func_set *set, const struct func_set *callees, u32 i, bool *member)
{
	*member |= calls_any(&callees[i], set);
	if (!*member || set->bits[i / 64] >> i % 64 & 1)
		return false;
	set->bits[i / 64] |= 1ull << i % 64;
	return true;
}

/* Which functions may move the packet, or sleep, themselves or through what they call. */
static int find_effects(struct env *env)
{
	struct func_set *callees = arena_array(&env->arena, struct func_set, env->n_subprogs);
	struct func_set movers = { 0 }, sleepers = { 0 };
	bool again;

	if (!callees)
		return -ENOMEM;
	for (u32 i = 0; i < env->n_subprogs; i++)
		summarise(env, &env->subprogs[i], &callees[i]);
	do {
		again = false;
		for (u32 i = 0; i < env->n_subprogs; i++) {
			struct subprog *sub = &env->subprogs[i];

			again |= widen_set(&movers, callees, i, &sub->changes_packet);
			again |= widen_set(&sleepers, callees, i, &sub->might_sleep);
		}
	} while (again);
	return 0;
}

#define LONG_RUN 32

/* A join before a long straight piece is worth a state: the piece is not walked twice then. */
static void mark_long_runs(struct env *env)
{
	u32 run = 0;

	for (u32 i = env->len; i-- > 0; run++) {
		if (!env->aux[i].prune_point)
			continue;
		env->aux[i].long_run = env->aux[i].jump_target && run >= LONG_RUN;
		run = 0;
	}
	/* So is the entry of a long function. */
	for (u32 i = 1; i < env->n_subprogs; i++)
		if (env->subprogs[i].end - env->subprogs[i].start >= LONG_RUN)
			env->aux[env->subprogs[i].start].long_run = true;
}

static bool calls_back(const struct env *env, const struct bpf_insn *insn)
{
	const struct helper_proto *proto = NULL;

	if (insn_is_call(insn) && !insn->src_reg)
		proto = model_helper(env->req->model, (u32)insn->imm);
	return proto && (proto->flags & HELPER_CALLBACK);
}

static bool gives_next_element(const struct env *env, const struct bpf_insn *insn)
{
	const struct kfunc_proto *kfunc = kfunc_of(env, insn);

	return kfunc && (kfunc->flags & KF_ITER_NEXT);
}

/* Where states are worth comparing, beyond jump targets: decisions and calls of functions. */
static void mark_prune_points(struct env *env)
{
	for (u32 i = 0; i < env->len; i += insn_slots(&env->insns[i])) {
		const struct bpf_insn *insn = &env->insns[i];

		if (is_jump(insn) && BPF_OP(insn->code) != BPF_JA)
			env->aux[i].prune_point = true;
		if (is_jump(insn) && BPF_OP(insn->code) == BPF_JCOND)
			env->aux[i].force_checkpoint = true;
		if (insn_is_subprog_call(insn)) {
			env->aux[i].prune_point = env->aux[i + 1].prune_point = true;
			env->aux[env->subprogs[env->aux[i].subprog].start].prune_point = true;
		}
		if (gives_next_element(env, insn)) {
			env->aux[i].prune_point = env->aux[i].force_checkpoint = true;
			env->aux[i].next_element = true;
		}
		if (calls_back(env, insn)) {
			env->aux[i].prune_point = env->aux[i].force_checkpoint = true;
			env->aux[i].calls_callback = true;
		}
	}
}

/* Every instruction is reachable; loops are marked, or refused for the unprivileged. */
int cfg_check_paths(struct env *env)
{
	struct walk walk = { .env = env };
	int err = -ENOMEM;

	walk.mark = os_alloc(env->len);
	walk.stack = os_alloc(((size_t)env->len + 1) * sizeof(walk.stack[0]));
	if (!walk.mark || !walk.stack)
		goto out;
	err = walk_from(&walk, 0);
	for (u32 i = 0; i < env->len && !err; i += insn_slots(&env->insns[i]))
		if (walk.mark[i] == NEW)
			err = refuse_at(env, i, -EINVAL, "unreachable-insn", "unreachable insn %u", i);
	if (!err) {
		mark_prune_points(env);
		mark_long_runs(env);
		if (env->n_subprogs > 1)
			err = find_effects(env);
	}
out:
	os_free(walk.mark);
	os_free(walk.stack);
	return err;
}
