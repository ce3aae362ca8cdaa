/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over all paths of one function: a state, an instruction, and a stack of paths
 * that branched off and wait.
 */
#include "verifier/stack_object.h"

#define MAX_PENDING 8192
/*
 * Registers and slots that may be copied and compared in all (state_pool.work). Programs that
 * people write need below 30 an instruction; at the limit of instructions that is a tenth of
 * this, which takes about a second.
 */
#define MAX_WORK 300000000ull

int explore_failed(struct env *env)
{
	if (env->refused)
		return env->push_refused ? -E2BIG : -EINVAL;
	return refuse(env, -ENOMEM, "out-of-memory",
		      "the verifier is out of memory: %llu MiB of at most %llu. Processed %llu insn",
		      (unsigned long long)states_memory(env) >> 20,
		      (unsigned long long)env->memory_limit >> 20,
		      (unsigned long long)env->stats.insns_processed);
}

int check_read(struct env *env, u32 n)
{
	if (LIKELY(cur_reg(env, n)->kind != REG_UNINIT))
		return 0;
	return refuse(env, -EACCES, "uninit-register", "R%u !read_ok", n);
}

int check_write(struct env *env, u32 n)
{
	if (LIKELY(n != 10))
		return 0;
	return refuse(env, -EACCES, "frame-pointer", "frame pointer is read only");
}

void set_reg(struct env *env, u32 n, const struct reg *value)
{
	*cur_reg(env, n) = *value;
	reg_changed(env, n);
}

struct state *push_path(struct env *env, u32 insn)
{
	struct pending *pending;

	if (env->stack.len >= MAX_PENDING) {
		env->push_refused = true;
		refuse(env, -E2BIG, "too-complex", "The sequence of %u jumps is too complex.",
		       (u32)env->stack.len);
		return NULL;
	}
	if (!vec_push(&env->stack, (struct pending){ .insn = insn, .prev = env->at }))
		return NULL;
	pending = vec_last(&env->stack);
	pending->jumps_since = env->jumps - env->jumps_then;
	pending->insns_since = env->stats.insns_processed - env->insns_then;
	pending->log_len = env->log ? env->log->len : 0;
	pending->step = env->step;
	state_share(&pending->state, env->cur);
	loops_path_pushed(&pending->state);
	return &pending->state;
}

/* Takes the path that waits on top; false: there is none. */
static bool next_path(struct env *env)
{
	struct pending pending;

	if (!env->stack.len)
		return false;
	pending = vec_pop(&env->stack);
	env->cur_state = pending.state;
	env->at = pending.insn;
	env->prev = pending.prev;
	env->step = pending.step;
	env->jumps_then = env->jumps - pending.jumps_since;
	env->insns_then = env->stats.insns_processed - pending.insns_since;
	env->print_full = true;
	log_rewind(env, pending.log_len);
	return true;
}

static int ldimm64_step(struct env *env, const struct bpf_insn *insn)
{
	const struct insn_aux *aux = &env->aux[env->at];
	struct reg out;
	int err = check_write(env, insn->dst_reg);

	if (err)
		return err;
	env->next = env->at + 2;
	switch (insn->src_reg) {
	case BPF_PSEUDO_FUNC:
		if (env->subprogs[aux->subprog].global)
			return refuse(env, -EINVAL, "callback", "callback function not static");
		out = reg_pointer(REG_FUNC, 0);
		out.subprog = aux->subprog;
		break;
	case BPF_PSEUDO_MAP_IDX:
		out = reg_pointer(REG_MAP, 0);
		out.map = aux->map;
		break;
	case BPF_PSEUDO_MAP_IDX_VALUE:
		out = reg_pointer(REG_MAP_VALUE, 0);
		out.map = aux->map;
		out.off = insn[1].imm;
		break;
	case BPF_PSEUDO_BTF_ID:
		out = kernel_var_pointer(env, insn);
		break;
	default:
		out = reg_const(insn_imm64(insn));
		break;
	}
	set_reg(env, insn->dst_reg, &out);
	return 0;
}

static int jump_step(struct env *env, const struct bpf_insn *insn)
{
	if (insn_is_call(insn))
		return call_step(env, insn);
	return insn_is_exit(insn) ? exit_step(env) : branch_step(env, insn);
}

static int step(struct env *env, const struct bpf_insn *insn)
{
	env->next = env->at + 1;
	switch (insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64:
		return alu_step(env, insn);
	case BPF_JMP:
	case BPF_JMP32:
		return jump_step(env, insn);
	case BPF_LD:
		return BPF_MODE(insn->code) == BPF_IMM ? ldimm64_step(env, insn)
						       : ld_packet_step(env, insn);
	case BPF_LDX:
		return load_step(env, insn);
	case BPF_ST:
		return store_step(env, insn);
	default:
		return BPF_MODE(insn->code) == BPF_ATOMIC ? atomic_step(env, insn)
							  : store_step(env, insn);
	}
}

static int too_large(struct env *env)
{
	int err = refuse(env, -E2BIG, "too-complex", "BPF program is too large. Processed %llu insn",
			 (unsigned long long)env->stats.insns_processed);

	if (env->pool.work > MAX_WORK)
		refuse_more(env, "its states are too large or too many: %llu registers and stack slots were compared",
			    (unsigned long long)env->pool.work);
	return err;
}

/* Numbers the step that is about to be made; true: the path shall not be followed. */
static bool trace(struct env *env)
{
	env->step = env->req->trace(env->req->trace_data, env, env->step);
	if (env->step != TRACE_STOP)
		return false;
	return env->path_done = true;
}

/* One instruction of the current path; sets path_done at its end. */
static int advance(struct env *env)
{
	const struct bpf_insn *insn = &env->insns[env->at];
	int err;

	if (UNLIKELY(env->req->trace) && trace(env))
		return 0;
	if (++env->stats.insns_processed > env->req->model->max_insns_processed ||
	    env->pool.work > MAX_WORK)
		return too_large(env);
	if (UNLIKELY(env->cur->counted))
		counted_leave(env);
	if (env->aux[env->at].prune_point) {
		err = loops_visit(env);
		if (err < 0)
			return err;
		if (err == VISIT_PRUNED) {
			log_pruned(env);
			env->path_done = true;
			return 0;
		}
	}
	if (UNLIKELY(env->log_level))
		log_insn(env);
	if (UNLIKELY(env->req->own_nodes && loops_own_nodes(env)))
		return -ENOMEM;
	if (UNLIKELY(env->req->observe))
		env->req->observe(env->req->observe_data, env->at, env->cur);
	if (!state_frame_rw(&env->pool, env->cur, env->cur->depth))
		return explore_failed(env);
	env->aux[env->at].seen = true;
	if (UNLIKELY(env->aux[env->at].bad_fields))
		return insn_refuse(env);
	err = step(env, insn);
	if (err)
		return err;
	if (env->deps.failed)
		return explore_failed(env);
	if (UNLIKELY(env->log_level))
		log_step(env);
	env->prev = env->at;
	env->at = env->next;
	return 0;
}

static int run_paths(struct env *env)
{
	int err;

	do {
		env->path_done = false;
		while (!env->path_done) {
			err = advance(env);
			if (err)
				return err;
		}
		loops_path_end(env);
		state_release(&env->pool, env->cur);
	} while (next_path(env));
	return 0;
}

/* A state with one frame, about to run that function. NULL: out of memory. */
static struct frame *enter(struct env *env, u32 index)
{
	struct frame *frame = frame_new(&env->pool);

	env->at = env->prev = env->subprogs[index].start;
	env->step = 0;
	if (!frame)
		return NULL;
	env->main_subprog = index;
	env->cur = &env->cur_state;
	env->cur_state = (struct state){ .frames = { frame }, .entry = ++env->entries };
	env->print_full = true;
	frame->subprog = index;
	frame->callsite = -1;
	frame->regs[10] = reg_pointer(REG_STACK, 0);
	return frame;
}

int explore_subprog(struct env *env, u32 index)
{
	struct subprog *sub = &env->subprogs[index];
	struct frame *frame = enter(env, index);

	if (!frame)
		return explore_failed(env);
	env->in_async = false;
	env->sleepable = env->req->prog_flags & BPF_F_SLEEPABLE;
	/* A global function alone, or the program with its context. */
	for (u32 i = 0; i < sub->n_args; i++)
		global_arg_reg(env, &sub->args[i], &frame->regs[i + 1]);
	if (!index && !sub->n_args)
		frame->regs[1] = reg_pointer(REG_CTX, 0);
	return run_paths(env);
}

int explore_async(struct env *env, const struct async_entry *entry)
{
	struct frame *frame = enter(env, entry->subprog);

	if (!frame)
		return explore_failed(env);
	env->in_async = true;
	env->sleepable = entry->sleepable;
	env->any_result = entry->any_result;
	frame->regs[1] = reg_pointer(REG_MAP, 0);
	frame->regs[2] = reg_pointer(REG_MAP_KEY, 0);
	frame->regs[3] = reg_pointer(REG_MAP_VALUE, 0);
	for (u32 i = 1; i <= 3; i++)
		frame->regs[i].map = entry->map;
	if (reg_has_lock(env, &frame->regs[3]))
		frame->regs[3].id = new_id(env);
	return run_paths(env);
}
