/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of kfuncs. What one must be is said by its C type and by the suffix of its name in
 * the kernel's BTF ("__sz": the size of the memory before it), as Linux writes them. kind_of()
 * finds that out; checks[] has one function a kind.
 *
 * Common to all pointers: a kfunc with TRUSTED_ARGS, and one that releases, gets pointers that
 * are alive and not NULL; with RCU also those that RCU protects.
 */
#include "verifier/args.h"
#include "verifier/ctx_type.h"
#include "verifier/kfunc.h"

/* ---- what an argument is ---- */

static const char *param_name(const struct kfunc_call *call, u32 index)
{
	return btf_name(call->btf, call->params[index].name_off);
}

bool karg_is_size_name(const char *name)
{
	return str_ends(name, "__sz") || str_ends(name, "__szk");
}

bool karg_has_suffix(const struct kfunc_call *call, u32 index, const char *suffix)
{
	return str_ends(param_name(call, index), suffix);
}

static bool is_scalar_type(const struct btf_type *type)
{
	return type && (btf_kind(type) == BTF_KIND_INT || btf_kind(type) == BTF_KIND_ENUM ||
			btf_kind(type) == BTF_KIND_ENUM64);
}

static const struct btf_type *param_type(const struct kfunc_call *call, u32 index)
{
	return btf_resolve(call->btf, call->params[index].type, NULL);
}

/* Is parameter index the size of the memory in the one before it? */
static bool is_size_param(const struct env *env, const struct kfunc_call *call, u32 index)
{
	return index < call->n_args && is_scalar_type(param_type(call, index)) &&
	       reg_is_scalar(&state_top(env->cur)->regs[index + 1]) &&
	       karg_is_size_name(param_name(call, index));
}

/* A struct of nothing but numbers, arrays of numbers and such structs: any bytes are a value. */
static bool is_plain_struct(const struct btf *btf, const struct btf_type *type, u32 depth)
{
	const struct btf_member *members = btf_members(type);

	if (depth >= 4 || !btf_is_composite(type))
		return false;
	for (u32 i = 0; i < btf_vlen(type); i++) {
		const struct btf_type *member = btf_resolve(btf, members[i].type, NULL);

		if (member && btf_kind(member) == BTF_KIND_ARRAY) {
			if (!btf_array_of(member)->nelems)
				return false;
			member = btf_resolve(btf, btf_array_of(member)->type, NULL);
		} else if (member && btf_is_composite(member)) {
			if (!is_plain_struct(btf, member, depth + 1))
				return false;
			continue;
		}
		if (!is_scalar_type(member))
			return false;
	}
	return true;
}

/* Structs that programs handle by rules of their own, by name. */
static const struct {
	const char *name;
	u8 kind;
} known_structs[] = {
	{ "bpf_dynptr", KARG_DYNPTR },	   { "bpf_dynptr_kern", KARG_DYNPTR },
	{ "bpf_list_head", KARG_LIST_HEAD }, { "bpf_list_node", KARG_LIST_NODE },
	{ "bpf_rb_root", KARG_RB_ROOT },   { "bpf_rb_node", KARG_RB_NODE },
	{ "bpf_wq", KARG_WORKQUEUE },	   { "bpf_timer", KARG_TIMER },
	{ "bpf_task_work", KARG_TASK_WORK }, { "bpf_res_spin_lock", KARG_RES_LOCK },
};

static const struct {
	const char *suffix;
	u8 kind;
} known_suffixes[] = {
	{ "__alloc", KARG_ALLOC_OBJ }, { "__refcounted_kptr", KARG_REFCOUNTED },
	{ "__str", KARG_CONST_STR },   { "__map", KARG_MAP },
	{ "__irq_flag", KARG_IRQ_FLAG },
};

static bool is_iter(const struct kfunc_call *call, u32 index)
{
	if (call->kfunc->flags & (KF_ITER_NEW | KF_ITER_NEXT | KF_ITER_DESTROY))
		return index == 0;
	return karg_has_suffix(call, index, "__iter");
}

/* From type and name alone; KARG_COUNT: the register decides, too. */
static u32 kind_by_declaration(const struct kfunc_call *call, const struct kfunc_arg *arg)
{
	for (u32 i = 0; i < ARRAY_SIZE(known_suffixes); i++)
		if (str_ends(arg->name, known_suffixes[i].suffix))
			return known_suffixes[i].kind;
	for (u32 i = 0; i < ARRAY_SIZE(known_structs); i++)
		if (arg->target && btf_kind(arg->target) == BTF_KIND_STRUCT &&
		    str_eq(arg->target_name, known_structs[i].name))
			return known_structs[i].kind;
	return is_iter(call, arg->index) ? KARG_ITER : KARG_COUNT;
}

static bool is_kernel_object(const struct reg *reg)
{
	return reg->kind == REG_BTF || reg->kind == REG_SOCKET || reg->kind == REG_SOCK_COMMON ||
	       reg->kind == REG_TCP_SOCK || reg->kind == REG_MAP;
}

static bool is_func_pointer(const struct kfunc_arg *arg)
{
	return arg->target && btf_kind(arg->target) == BTF_KIND_FUNC_PROTO;
}

static int kind_of(struct env *env, const struct kfunc_call *call, const struct kfunc_arg *arg,
		   u32 *kind)
{
	const struct btf_type *target = arg->target;
	bool is_null = reg_is_null(&arg->reg), sized;

	if (call->kfunc->id == KFUNC_bpf_cast_to_kern_ctx ||
	    (target && btf_kind(target) == BTF_KIND_STRUCT && ctx_is_struct(env, arg->target_name))) {
		*kind = KARG_CTX;
		return 0;
	}
	sized = is_size_param(env, call, arg->index + 1);
	*kind = str_ends(arg->name, "__nullable") && is_null && !sized
		    ? KARG_NULL
		    : kind_by_declaration(call, arg);
	if (*kind != KARG_COUNT)
		return 0;
	if (is_kernel_object(&arg->reg)) {
		*kind = KARG_BTF;
		if (target && btf_is_composite(target))
			return 0;
		return refuse(env, -EINVAL, "argument-type",
			      "kernel function %s args#%u pointer type %s %s is not supported",
			      call->kfunc->call.name, arg->index,
			      target ? btf_kind_name(btf_kind(target)) : "UNKNOWN", arg->target_name);
	}
	if (is_func_pointer(arg)) {
		*kind = KARG_CALLBACK;
		return 0;
	}
	*kind = sized ? KARG_MEM_SIZE : KARG_MEM;
	if (target ? is_scalar_type(target) || is_plain_struct(call->btf, target, 0) : sized)
		return 0;
	return refuse(env, -EINVAL, "argument-type",
		      "arg#%u pointer type %s %s must point to %sscalar, or struct with scalar",
		      arg->index, target ? btf_kind_name(btf_kind(target)) : "UNKNOWN",
		      arg->target_name, sized ? "void, " : "");
}

/* ---- numbers ---- */

static int set_constant(struct env *env, struct kfunc_call *call, u32 regno, const struct reg *reg)
{
	if (call->has_const)
		return refuse(env, -EFAULT, "bad-prototype", "only one constant argument permitted");
	if (!scalar_is_const(&reg->val))
		return refuse(env, -EINVAL, "not-constant", "R%u must be a known constant", regno);
	mark_precise(env, reg);
	call->has_const = true;
	call->constant = reg->val.umin;
	return 0;
}

static int check_scalar(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	bool rdonly = str_eq(arg->name, "rdonly_buf_size");

	if (!reg_is_scalar(&arg->reg))
		return refuse(env, -EINVAL, "argument-type", "R%u is not a scalar", arg->regno);
	if (str_ends(arg->name, "__k"))
		return set_constant(env, call, arg->regno, &arg->reg);
	if (!rdonly && !str_eq(arg->name, "rdwr_buf_size"))
		return 0;
	if (call->ret_size)
		return refuse(env, -EINVAL, "bad-prototype",
			      "2 or more rdonly/rdwr_buf_size parameters for kfunc");
	if (!scalar_is_const(&arg->reg.val))
		return refuse(env, -EINVAL, "not-constant", "R%u is not a const", arg->regno);
	if (arg->reg.val.umin > INT32_MAX)
		return refuse(env, -EINVAL, "out-of-bounds", "R%u: a buffer of %llu bytes", arg->regno,
			      (unsigned long long)arg->reg.val.umin);
	mark_precise(env, &arg->reg);
	call->ret_size = (u32)arg->reg.val.umin;
	call->ret_rdonly = rdonly;
	return 0;
}

/* ---- pointers ---- */

static int check_ignored(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	return 0;
}

static int check_null(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	mark_precise(env, &arg->reg);
	return 0;
}

static int check_ctx(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	char name[REG_NAME_SIZE];

	if (arg->reg.kind != REG_CTX)
		return refuse(env, -EINVAL, "argument-type",
			      "arg#%u expected pointer to ctx, but got %s", arg->index,
			      reg_name(env, &arg->reg, name));
	if (call->kfunc->id != KFUNC_bpf_cast_to_kern_ctx)
		return 0;
	call->ret_btf_id = ctx_kernel_type(env);
	return call->ret_btf_id ? 0
				: refuse(env, -EINVAL, "argument-type",
					 "no kernel type behind the context of this program");
}

static int check_const_str(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	if (arg->reg.kind != REG_MAP_VALUE || (arg->reg.flags & REG_MAYBE_NULL))
		return refuse(env, -EINVAL, "argument-type", "arg#%u doesn't point to a const string",
			      arg->index);
	return check_const_string(env, arg->regno, &arg->reg);
}

static int check_callback(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	if (arg->reg.kind != REG_FUNC)
		return refuse(env, -EINVAL, "argument-type", "arg%u expected pointer to func",
			      arg->index);
	call->has_callback = true;
	call->callback = arg->reg.subprog;
	return 0;
}

static int check_graph(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	return refuse(env, -EINVAL, "later-scope",
		      "kernel function %s: lists and trees of objects are not supported yet",
		      call->kfunc->call.name);
}

/* A memory argument may be NULL where it says so; Linux marks the rest checked as if it were not. */
static int check_mem(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	s64 size = btf_size(call->btf, arg->target_id);

	if (size < 0)
		return refuse(env, -EINVAL, "argument-type",
			      "arg#%u reference type('%s %s') size cannot be determined: %lld",
			      arg->index, arg->target ? btf_kind_name(btf_kind(arg->target)) : "UNKNOWN",
			      arg->target_name, (long long)size);
	return check_kfunc_mem(env, arg->regno, &arg->reg, size);
}

static int check_mem_size(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	struct reg size = *cur_reg(env, arg->regno + 1);
	bool absent = reg_is_null(&arg->reg) && str_ends(arg->name, "__opt");
	int err = 0;

	if (!absent) {
		err = check_kfunc_mem_size(env, arg->regno, &arg->reg, &size);
		if (err) {
			refuse_more(env,
				    "arg#%u arg#%u memory, len pair leads to invalid memory access",
				    arg->index, arg->index + 1);
			return err;
		}
	}
	arg->skip_next = true;
	if (!err && karg_has_suffix(call, arg->index + 1, "__szk"))
		err = set_constant(env, call, arg->regno + 1, &size);
	return err;
}

/* ---- all of them ---- */

static const karg_check checks[KARG_COUNT] = {
	[KARG_IGNORED] = check_ignored,
	[KARG_SCALAR] = check_scalar,
	[KARG_NULL] = check_null,
	[KARG_CTX] = check_ctx,
	[KARG_CONST_STR] = check_const_str,
	[KARG_DYNPTR] = kfunc_dynptr,
	[KARG_ITER] = kfunc_iter,
	[KARG_IRQ_FLAG] = kfunc_irq_flag,
	[KARG_BTF] = kfunc_btf_arg,
	[KARG_MAP] = kfunc_map,
	[KARG_RES_LOCK] = kfunc_res_lock,
	[KARG_ALLOC_OBJ] = kfunc_own_object,
	[KARG_REFCOUNTED] = kfunc_refcounted,
	[KARG_WORKQUEUE] = kfunc_async_field,
	[KARG_TASK_WORK] = kfunc_async_field,
	[KARG_LIST_HEAD] = check_graph,
	[KARG_LIST_NODE] = check_graph,
	[KARG_RB_ROOT] = check_graph,
	[KARG_RB_NODE] = check_graph,
	[KARG_CALLBACK] = check_callback,
	[KARG_MEM] = check_mem,
	[KARG_MEM_SIZE] = check_mem_size,
};

/* KF_TRUSTED_ARGS, which a releasing function has by itself. */
static bool wants_trusted(const struct kfunc_call *call)
{
	return call->kfunc->flags & (KF_TRUSTED_ARGS | KF_RELEASE);
}

static int check_null_arg(struct env *env, const struct kfunc_call *call,
			  const struct kfunc_arg *arg)
{
	if (!wants_trusted(call) && !(call->kfunc->flags & KF_RCU))
		return 0;
	if (!(arg->reg.flags & REG_MAYBE_NULL) && !reg_is_null(&arg->reg))
		return 0;
	if (str_ends(arg->name, "__nullable"))
		return 0;
	return refuse(env, -EACCES, "null-check", "Possibly NULL pointer passed to trusted arg%u",
		      arg->index);
}

static int check_trust(struct env *env, const struct kfunc_call *call, const struct kfunc_arg *arg,
		       u32 kind)
{
	bool rcu = call->kfunc->flags & KF_RCU;

	if ((kind != KARG_BTF && kind != KARG_ALLOC_OBJ && kind != KARG_MAP) ||
	    (!wants_trusted(call) && !rcu) || btf_is_trusted(&arg->reg))
		return 0;
	if (!rcu)
		return refuse(env, -EINVAL, "untrusted-pointer",
			      "R%u must be referenced or trusted", arg->regno);
	if (!(arg->reg.flags & REG_RCU))
		return refuse(env, -EINVAL, "untrusted-pointer", "R%u must be a rcu pointer",
			      arg->regno);
	return 0;
}

/* Which kinds of pointer may have been moved before they are passed. */
static int check_offset(struct env *env, const struct kfunc_call *call, const struct kfunc_arg *arg,
			u32 kind)
{
	const struct reg *reg = &arg->reg;

	if (!reg_is_pointer(reg) || kind == KARG_DYNPTR)
		return 0;
	if (call->release_reg == arg->regno && reg->off)
		return refuse(env, -EINVAL, "modified-pointer",
			      "R%u must have zero offset when passed to release func or trusted arg to kfunc",
			      arg->regno);
	switch (reg->kind) {
	case REG_STACK:
	case REG_PACKET:
	case REG_PACKET_META:
	case REG_MAP_KEY:
	case REG_MAP_VALUE:
	case REG_MEM:
		return 0;
	case REG_BTF:
		return btf_fixed_offset(env, arg->regno, reg);
	default:
		return check_pointer_off(env, arg->regno, reg);
	}
}

static int check_pointer_arg(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	u32 kind;
	int err = check_null_arg(env, call, arg);

	if (err)
		return err;
	if (reg_ref(&arg->reg)) {
		call->ref = arg->reg.ref;
		if (call->kfunc->flags & KF_RELEASE) {
			call->release_reg = arg->regno;
			call->release_ref = arg->reg.ref;
		}
	}
	err = kind_of(env, call, arg, &kind);
	if (!err)
		err = check_trust(env, call, arg, kind);
	if (!err)
		err = check_offset(env, call, arg, kind);
	if (err)
		return err;
	if (!checks[kind])
		return refuse(env, -EINVAL, "unsupported",
			      "kernel function %s: arguments like %s are not supported yet",
			      call->kfunc->call.name, arg->name);
	return checks[kind](env, call, arg);
}

static int check_arg(struct env *env, struct kfunc_call *call, struct kfunc_arg *arg)
{
	const struct btf_type *type = param_type(call, arg->index);

	if (str_ends(arg->name, "__ign") || str_ends(arg->name, "__prog"))
		return 0;
	arg->reg = *cur_reg(env, arg->regno);
	if (is_scalar_type(type))
		return check_scalar(env, call, arg);
	if (!type || btf_kind(type) != BTF_KIND_PTR)
		return refuse(env, -EINVAL, "bad-prototype", "Unrecognized arg#%u type %s", arg->index,
			      type ? btf_kind_name(btf_kind(type)) : "?");
	arg->target = btf_resolve(call->btf, type->type, &arg->target_id);
	if (arg->target && btf_kind(arg->target) == BTF_KIND_UNKN)
		arg->target = NULL;
	arg->target_name = arg->target ? btf_name(call->btf, arg->target->name_off) : "";
	return check_pointer_arg(env, call, arg);
}

int kfunc_args_check(struct env *env, struct kfunc_call *call)
{
	if (call->n_args > 5)
		return refuse(env, -EINVAL, "bad-prototype", "Function %s has %u > 5 args",
			      call->kfunc->call.name, call->n_args);
	for (u32 i = 0; i < call->n_args; i++) {
		struct kfunc_arg arg = { .index = i, .regno = i + 1, .param = &call->params[i],
					 .name = param_name(call, i) };
		int err = check_arg(env, call, &arg);

		if (err)
			return err;
		i += arg.skip_next;
	}
	if ((call->kfunc->flags & KF_RELEASE) && !call->release_reg)
		return refuse(env, -EINVAL, "release-unacquired",
			      "release kernel function %s expects refcounted PTR_TO_BTF_ID",
			      call->kfunc->call.name);
	return 0;
}
