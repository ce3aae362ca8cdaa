/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver. Passes, in order, and what each needs:
 *
 *	cfg_find_subprogs	functions: the instructions alone
 *	cfg_check_jumps		jumps stay inside their function
 *	btf_check_info		func_info, line_info: functions
 *	insns_check		encodings, map fds; makes 64-bit immediates image-like
 *	cfg_check_paths		reachability, loops, prune points: all of the above
 *	attach_check		what the program attaches to: the request alone
 *	liveness_compute	what may still be read
 *	counted_find		loops that count
 *	explore_subprog		the proof: main program, then each global function that is called
 *	stack_depth_check	needs the stack that exploration saw
 *	fixup_image		needs everything
 */
#include "verifier/step.h"

#define UNPRIVILEGED_MAX_INSNS 4096
#define DEFAULT_MEMORY ((size_t)256 << 20)

/* Programs that may run where sleeping is allowed. */
static bool may_sleep(u32 type, u32 attach_type)
{
	switch (type) {
	case BPF_PROG_TYPE_TRACING:
		return attach_type == BPF_TRACE_FENTRY || attach_type == BPF_TRACE_FEXIT ||
		       attach_type == BPF_MODIFY_RETURN || attach_type == BPF_TRACE_ITER;
	case BPF_PROG_TYPE_LSM: /* a cgroup's programs are called in an RCU section */
		return attach_type != BPF_LSM_CGROUP;
	case BPF_PROG_TYPE_SYSCALL:
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_STRUCT_OPS:
	case PROG_TYPE_CUSTOM:
		return true;
	default:
		return false;
	}
}

static int env_init(struct env *env, const struct verify_request *req, struct verify_result *result)
{
	env->req = req;
	env->result = result;
	env->type = model_prog_type(req->model, req->prog_type);
	env->log = req->log_level ? req->log : NULL;
	env->log_level = env->log ? req->log_level & (VERIFIER_LOG_LEVEL1 | VERIFIER_LOG_LEVEL2) : 0;
	if (!env->type)
		return refuse_at(env, -1, -EINVAL, "program-type", "unknown program type %u",
				 req->prog_type);
	if (req->prog_type == BPF_PROG_TYPE_SYSCALL && !(req->prog_flags & BPF_F_SLEEPABLE))
		return refuse_at(env, -1, -EINVAL, "sleepable",
				 "Syscall programs can only be sleepable");
	if ((req->prog_flags & BPF_F_SLEEPABLE) && 
	    !may_sleep(req->prog_type, req->expected_attach_type))
		return refuse_at(env, -1, -EINVAL, "sleepable",
				 "Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable");
	env->ctx = req->ctx ? req->ctx : env->type->ctx;
	env->allow_ptr_leaks = env->allow_uninit_stack = req->privileged;
	env->strict_alignment = req->prog_flags & BPF_F_STRICT_ALIGNMENT;
	env->memory_limit = req->memory_limit ? req->memory_limit : DEFAULT_MEMORY;
	env->pool.arena.limit = env->memory_limit / 4 * 3;
	env->deps.limit = env->memory_limit / 4 / (sizeof(struct dep_node) + sizeof(struct dep_edge));
	if (!req->insn_cnt || req->insn_cnt > (req->privileged ? req->model->max_insns
							       : UNPRIVILEGED_MAX_INSNS))
		return refuse_at(env, -1, -E2BIG, "program-size", "a program has 1 to %u instructions",
				 req->privileged ? req->model->max_insns : UNPRIVILEGED_MAX_INSNS);
	env->len = req->insn_cnt;
	env->insns = arena_array(&env->arena, struct bpf_insn, env->len);
	env->aux = arena_array(&env->arena, struct insn_aux, (size_t)env->len + 1);
	if (!env->insns || !env->aux)
		return -ENOMEM;
	memcpy(env->insns, req->insns, env->len * sizeof(*env->insns));
	return 0;
}

static void env_release(struct env *env)
{
	arena_release(&env->arena);
	arena_release(&env->pool.arena);
	deps_release(&env->deps);
	vec_release(&env->maps);
	vec_release(&env->calls);
	vec_release(&env->counted);
	vec_release(&env->asyncs);
	vec_release(&env->own_types);
	vec_release(&env->stack);
	os_free(env);
}

/* Callbacks that verified code has set, until no more turn up. */
static int explore_asyncs(struct env *env, bool *again)
{
	int err = 0;

	for (u32 i = 0; i < env->asyncs.len && !err; i++) {
		struct async_entry entry = env->asyncs.data[i];

		if (entry.verified)
			continue;
		env->asyncs.data[i].verified = *again = true;
		err = explore_async(env, &entry);
	}
	return err;
}

/* Global functions that verified code calls, the same. */
static int explore_globals(struct env *env, bool *again)
{
	for (u32 i = 1; i < env->n_subprogs; i++) {
		struct subprog *sub = &env->subprogs[i];
		int err;

		if (!sub->global || !sub->called || sub->verified)
			continue;
		log_line(env, "Validating %s() func#%u...\n", sub->name, i);
		sub->verified = *again = true;
		err = explore_subprog(env, i);
		if (err)
			return err;
		log_line(env, "Func#%u ('%s') is safe for any args that match its prototype\n", i,
			 sub->name);
	}
	return 0;
}

/* The program, then what it was found to call or set, and so on. */
static int explore_all(struct env *env)
{
	bool again = true;
	int err = explore_subprog(env, 0);

	while (!err && again) {
		again = false;
		err = explore_asyncs(env, &again);
		if (!err)
			err = explore_globals(env, &again);
	}
	return err;
}

static int run_passes(struct env *env)
{
	static int (*const before[])(struct env *env) = {
		cfg_find_subprogs, cfg_check_jumps, btf_check_info,   insns_check,
		cfg_check_paths,   attach_check, btf_prepare_globals, liveness_compute, counted_find,
	};
	int err;

	for (u32 i = 0; i < ARRAY_SIZE(before); i++) {
		err = before[i](env);
		if (err)
			return err;
	}
	err = explore_all(env);
	if (!err)
		err = stack_depth_check(env);
	return err ? err : fixup_image(env);
}

static void finish(struct env *env, u64 start, int err)
{
	struct verify_stats *stats = &env->stats;

	stats->time_ns = os_clock_ns(OS_CLOCK_MONOTONIC) - start;
	stats->peak_memory = env->arena.total + states_memory(env);
	env->result->stats = *stats;
	if (!env->req->log_level || !env->req->log)
		return;
	/* Of an accepted program level 1 shows only the figures. */
	if (!err)
		log_rewind(env, 0);
	env->log_level = env->req->log_level;
	log_stats(env);
}

int verify(const struct verify_request *request, struct verify_result *result)
{
	u64 start = os_clock_ns(OS_CLOCK_MONOTONIC);
	struct env *env = os_alloc(sizeof(*env));
	int err;

	memset(result, 0, sizeof(*result));
	result->refusal.insn = -1;
	if (!env)
		return -ENOMEM;
	err = env_init(env, request, result);
	if (!err)
		err = run_passes(env);
	if (!err && request->observe_end)
		request->observe_end(request->observe_data, env);
	if (err && !env->refused)
		refuse_at(env, -1, err, "out-of-memory", "the verifier is out of memory");
	finish(env, start, err);
	env_release(env);
	return err;
}
