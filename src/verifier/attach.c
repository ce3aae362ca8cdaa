/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program attaches to, where that is given when it is loaded: a function, a typed
 * tracepoint, a security hook or an iterator of the kernel, by its id in the kernel's BTF.
 *
 * Its prototype is the context: 8 bytes an argument, and behind them, where the program comes
 * last or decides, what the function returns. Pointers to structs become BTF pointers; how
 * far they can be relied upon depends on who calls. Pointers to numbers, and to what has no
 * type, are numbers themselves: no memory can be reached with one. Other pointers cannot be
 * read at all.
 *
 * BTF does not tell everything: model/hooks.h has the facts that it lacks.
 */
#include "btf/btf.h"
#include "helpers/helpers.h"
#include "model/hooks.h"
#include "verifier/step.h"

#define TRACEPOINT_PREFIX "btf_trace_"
#define TEMPLATE_PREFIX	  "__bpf_trace_"
#define ITER_PREFIX	  "bpf_iter_"
#define NULLABLE	  "__nullable"

#define MAX_ARGS	12
#define MAX_STRUCT_ARG	16
#define MAX_ERRNO	4095

static bool is_lsm(const struct env *env)
{
	return env->req->prog_type == BPF_PROG_TYPE_LSM;
}

/* ---- prototypes ---- */

/* Bytes of an argument or result: 0 for void, -EINVAL for what cannot be passed. */
static s64 passed_size(const struct btf *btf, u32 id, const struct btf_type **type)
{
	*type = id ? btf_resolve(btf, id, NULL) : NULL;
	if (!id || !*type)
		return id ? -EINVAL : 0;
	switch (btf_kind(*type)) {
	case BTF_KIND_PTR:
		return 8;
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return (*type)->size;
	default:
		return -EINVAL;
	}
}

static const char *kind_of(const struct btf_type *type)
{
	return type ? btf_kind_name(btf_kind(type)) : "VOID";
}

/* Can a trampoline pass all this on? */
static int check_prototype(struct env *env, const struct attach *at)
{
	const struct btf_param *params = btf_params(at->proto);
	u32 n = btf_vlen(at->proto);
	const struct btf_type *type;
	s64 size;

	if (n > MAX_ARGS)
		return refuse(env, -EINVAL, "attach-target",
			      "The function %s has %u arguments. Too many.", at->name, n);
	size = passed_size(at->btf, at->proto->type, &type);
	if (size < 0 || (type && btf_is_composite(type)))
		return refuse(env, -EINVAL, "attach-target",
			      "The function %s return type %s is unsupported.", at->name,
			      kind_of(type));
	for (u32 i = 0; i < n; i++) {
		if (i == n - 1 && !params[i].type)
			return refuse(env, -EINVAL, "attach-target",
				      "The function %s with variable args is unsupported.",
				      at->name);
		size = passed_size(at->btf, params[i].type, &type);
		if (size < 0 || size > MAX_STRUCT_ARG)
			return refuse(env, -EINVAL, "attach-target",
				      "The function %s arg%u type %s is unsupported.", at->name, i,
				      kind_of(type));
		if (!size)
			return refuse(env, -EINVAL, "attach-target",
				      "The function %s has malformed void argument.", at->name);
	}
	return 0;
}

/* ---- the kinds of targets ---- */

static int take_proto(struct env *env, struct attach *at, u32 id)
{
	at->proto = btf_type(at->btf, id);
	if (!at->proto || btf_kind(at->proto) != BTF_KIND_FUNC_PROTO)
		return refuse(env, -EINVAL, "attach-target", "attach_btf_id %u has no prototype",
			      env->req->attach_btf_id);
	return 0;
}

/*
 * A typed tracepoint: a typedef of a pointer to its probe function, which does not name the
 * arguments. The template that the kernel makes for it does, if it is this tracepoint's own.
 */
static int tracepoint_target(struct env *env, struct attach *at, const struct btf_type *type)
{
	char template[128] = TEMPLATE_PREFIX;
	const struct btf_type *ptr;
	s32 func;

	if (btf_kind(type) != BTF_KIND_TYPEDEF)
		return refuse(env, -EINVAL, "attach-target", "attach_btf_id %u is not a typedef",
			      env->req->attach_btf_id);
	if (!str_starts(at->name, TRACEPOINT_PREFIX))
		return refuse(env, -EINVAL, "attach-target",
			      "attach_btf_id %u points to wrong type name %s",
			      env->req->attach_btf_id, at->name);
	at->name += sizeof(TRACEPOINT_PREFIX) - 1;
	at->skip = 1; /* void *__data */
	str_copy(template + sizeof(TEMPLATE_PREFIX) - 1, at->name,
		 sizeof(template) - sizeof(TEMPLATE_PREFIX) + 1);
	func = btf_find(at->btf, template, BTF_KIND_FUNC);
	if (func > 0)
		return take_proto(env, at, btf_type(at->btf, (u32)func)->type);
	ptr = btf_type(at->btf, type->type);
	if (!ptr || btf_kind(ptr) != BTF_KIND_PTR)
		return refuse(env, -EINVAL, "attach-target", "attach_btf_id %u is not a tracepoint",
			      env->req->attach_btf_id);
	return take_proto(env, at, ptr->type);
}

static int function_target(struct env *env, struct attach *at, const struct btf_type *type)
{
	int err;

	if (btf_kind(type) != BTF_KIND_FUNC)
		return refuse(env, -EINVAL, "attach-target", "attach_btf_id %u is not a function",
			      env->req->attach_btf_id);
	err = take_proto(env, at, type->type);
	return err ? err : check_prototype(env, at);
}

static int iter_target(struct env *env, struct attach *at, const struct btf_type *type)
{
	int err = function_target(env, at, type);

	if (err)
		return err;
	if (!str_starts(at->name, ITER_PREFIX) ||
	    !hook_is_iter(at->name + sizeof(ITER_PREFIX) - 1))
		return refuse(env, -EINVAL, "attach-target", "%s is not an iterator", at->name);
	return 0;
}

/* Sleeping and changing results are allowed only where the caller is prepared for it. */
static int check_powers(struct env *env, const struct attach *at)
{
	const struct verify_request *req = env->req;
	u32 needed = is_lsm(env) ? HOOK_LSM_SLEEPABLE : HOOK_SLEEPABLE;

	if (req->prog_flags & BPF_F_SLEEPABLE) {
		if (!(at->facts & needed))
			return refuse(env, -EINVAL, "attach-target", "%s is not sleepable",
				      at->name);
	} else if (req->expected_attach_type == BPF_MODIFY_RETURN &&
		   !(at->facts & HOOK_MODIFIABLE)) {
		return refuse(env, -EINVAL, "attach-target", "%s() is not modifiable", at->name);
	}
	return 0;
}

static int check_lsm(struct env *env, const struct attach *at)
{
	u32 id = env->req->attach_btf_id;

	if (!env->req->gpl_compatible)
		return refuse(env, -EINVAL, "gpl-only",
			      "LSM programs must have a GPL compatible license");
	if (at->facts & HOOK_LSM_DISABLED)
		return refuse(env, -EINVAL, "attach-target",
			      "attach_btf_id %u points to disabled hook %s", id, at->name);
	if (!hook_is_lsm(at->btf, at->name))
		return refuse(env, -EINVAL, "attach-target",
			      "attach_btf_id %u points to wrong type name %s", id, at->name);
	return 0;
}

static int check_traced(struct env *env, const struct attach *at)
{
	u32 attach_type = env->req->expected_attach_type;

	if (at->facts & HOOK_TRACE_DENIED)
		return refuse(env, -EINVAL, "attach-target",
			      "Attaching tracing programs to function '%s' is rejected.", at->name);
	if ((attach_type == BPF_TRACE_FEXIT || attach_type == BPF_MODIFY_RETURN) &&
	    at->facts & HOOK_NORETURN)
		return refuse(env, -EINVAL, "attach-target",
			      "Attaching fexit/fmod_ret to __noreturn function '%s' is rejected.",
			      at->name);
	return 0;
}

static int find_target(struct env *env, struct attach *at)
{
	u32 id = env->req->attach_btf_id;
	const struct btf_type *type = at->btf ? btf_type(at->btf, id) : NULL;
	int err;

	if (!type)
		return refuse(env, -EINVAL, "attach-target", "attach_btf_id %u is invalid", id);
	at->name = btf_name(at->btf, type->name_off);
	if (!at->name[0])
		return refuse(env, -EINVAL, "attach-target", "attach_btf_id %u doesn't have a name",
			      id);
	switch (env->req->expected_attach_type) {
	case BPF_TRACE_RAW_TP:
		return tracepoint_target(env, at, type);
	case BPF_TRACE_ITER:
		return iter_target(env, at, type);
	case BPF_TRACE_FENTRY:
	case BPF_TRACE_FEXIT:
	case BPF_MODIFY_RETURN:
	case BPF_LSM_MAC:
	case BPF_LSM_CGROUP:
		at->facts = hook_facts(at->name);
		err = function_target(env, at, type);
		if (!err)
			err = check_powers(env, at);
		if (err)
			return err;
		return is_lsm(env) ? check_lsm(env, at) : check_traced(env, at);
	default:
		return refuse(env, -EINVAL, "attach-target",
			      "attach type %u does not go with an attach_btf_id",
			      env->req->expected_attach_type);
	}
}

/* What a security hook's result may be: yes or no, or an errno. */
static struct return_range hook_range(const struct attach *at)
{
	bool is_bool = at->facts & HOOK_LSM_BOOL;

	return (struct return_range){ .min = is_bool ? 0 : -MAX_ERRNO, .max = is_bool };
}

/* The kernel relies on security hooks' results. Of a cgroup's programs it asks only whether to go
 * on; what else they want they say with bpf_set_retval. */
static void note_result_range(struct env *env, struct attach *at)
{
	bool is_void = !at->proto->type;

	if (!is_lsm(env))
		return;
	if (env->req->expected_attach_type == BPF_LSM_CGROUP) {
		at->checks_result = true;
		at->result = (struct return_range){ .min = is_void, .max = 1 };
	} else if (is_void) {
		at->returns_nothing = true;
	} else {
		at->checks_result = at->result_is_32bit = true;
		at->result = hook_range(at);
	}
}

int attach_check(struct env *env)
{
	const struct verify_request *req = env->req;
	int err;

	env->at = 0;
	switch (req->prog_type) {
	case BPF_PROG_TYPE_EXT:
		return refuse(env, -EINVAL, "later-scope",
			      "freplace programs come later: Skep cannot judge them yet");
	case BPF_PROG_TYPE_STRUCT_OPS:
		return refuse(env, -EINVAL, "later-scope",
			      "struct_ops programs come later: Skep cannot judge them yet");
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_LSM:
		break;
	default:
		return 0;
	}
	if (!req->attach_btf_id)
		return refuse(env, -EINVAL, "attach-target", "Tracing programs must provide btf_id");
	if (req->attach_to_prog)
		return refuse(env, -EINVAL, "later-scope",
			      "tracing a BPF program comes later: Skep cannot judge it yet");
	env->attach.btf = req->attach_btf ? req->attach_btf : req->model->btf;
	err = find_target(env, &env->attach);
	if (!err)
		note_result_range(env, &env->attach);
	return err;
}

/* ---- the context ---- */

/* The visible parameter at that offset: its number, or how many there are when behind them. */
static u32 param_at(const struct attach *at, u64 off)
{
	const struct btf_param *params = btf_params(at->proto) + at->skip;
	u32 n = btf_vlen(at->proto) - at->skip;
	u64 end = 0;

	for (u32 i = 0; i < n; i++) {
		const struct btf_type *type;
		s64 size = passed_size(at->btf, params[i].type, &type);

		end += align_up(size > 0 ? (u64)size : 8, 8);
		if (off < end)
			return i;
	}
	return off < end + 8 ? n : n + 1;
}

static int bad_access(struct env *env, s64 off, u32 size)
{
	refuse_more(env, "invalid bpf_context access off=%lld size=%u", (long long)off, size);
	return -EACCES;
}

static int no_argument(struct env *env, u32 arg, s64 off, u32 size)
{
	refuse(env, -EACCES, "invalid-ctx-access", "func '%s' doesn't have %u-th argument",
	       env->attach.name, arg + 1);
	return bad_access(env, off, size);
}

static bool name_ends_with(const char *name, const char *end)
{
	size_t len = str_len(name), n = str_len(end);

	return len >= n && str_eq(name + len - n, end);
}

/* Are arguments objects that live as long as the program runs, and not NULL? */
static bool args_are_trusted(const struct env *env)
{
	u32 attach_type = env->req->expected_attach_type;

	if (is_lsm(env))
		return !(env->attach.facts & HOOK_LSM_UNTRUSTED);
	return attach_type == BPF_TRACE_RAW_TP || attach_type == BPF_TRACE_ITER;
}

/* enum hook_arg of an argument that is a pointer. */
static u32 facts_of_arg(const struct env *env, u32 arg)
{
	const struct attach *at = &env->attach;
	u32 n = btf_vlen(at->proto) - at->skip, facts = 0;

	if (env->req->expected_attach_type == BPF_TRACE_ITER)
		facts = hook_iter_arg(at->name + sizeof(ITER_PREFIX) - 1, arg);
	if (env->req->expected_attach_type == BPF_TRACE_RAW_TP)
		facts = hook_tracepoint_arg(at->name, arg);
	if (is_lsm(env))
		facts = hook_lsm_arg(at->name, arg);
	if (facts & HOOK_ARG_GIVEN)
		return facts;
	if (args_are_trusted(env))
		facts |= HOOK_ARG_TRUSTED;
	if (arg < n && name_ends_with(btf_name(at->btf, btf_params(at->proto)[at->skip + arg].name_off),
				      NULLABLE))
		facts |= HOOK_ARG_NULL;
	return facts;
}

/* Is the pointed-to type tagged as memory of another kind? 0 or a flag of REG_BTF. */
static u32 tag_flags(const struct btf *btf, u32 id)
{
	const struct btf_type *type = btf_type(btf, id);

	if (!type || btf_kind(type) != BTF_KIND_TYPE_TAG || btf_kflag(type))
		return 0;
	if (str_eq(btf_name(btf, type->name_off), "user"))
		return REG_USER;
	return str_eq(btf_name(btf, type->name_off), "percpu") ? REG_PERCPU : 0;
}

static int load_arg(struct env *env, const struct btf_type *ptr, u32 arg, struct reg *out)
{
	const struct btf *btf = env->attach.btf;
	u32 facts = facts_of_arg(env, arg), id;
	const struct btf_type *type = ptr->type ? btf_resolve(btf, ptr->type, &id) : NULL;

	if (facts & HOOK_ARG_BUF) {
		*out = reg_pointer(REG_BUF, facts & HOOK_ARG_RDONLY ? REG_RDONLY : 0);
	} else if (!type || btf_kind(type) == BTF_KIND_UNKN || btf_kind(type) == BTF_KIND_INT ||
		   facts & HOOK_ARG_ERRNO) {
		return 0; /* a number */
	} else if (btf_is_composite(type)) {
		*out = reg_pointer(REG_BTF, facts & HOOK_ARG_TRUSTED ? REG_TRUSTED : 0);
		out->flags |= (u16)tag_flags(btf, ptr->type);
		out->btf_id = id;
	} else {
		return refuse(env, -EACCES, "invalid-ctx-access",
			      "func '%s' arg%u type %s is not a struct", env->attach.name, arg,
			      kind_of(type));
	}
	if (facts & HOOK_ARG_NULL) {
		out->flags |= REG_MAYBE_NULL;
		out->id = new_id(env);
	}
	return 0;
}

/* What stands behind the arguments: the function's result, for those who see it. */
static int result_type(struct env *env, u32 arg, s64 off, u32 size, u32 *id)
{
	const struct attach *at = &env->attach;
	const struct btf_type *type;

	switch (env->req->expected_attach_type) {
	case BPF_LSM_MAC:
	case BPF_LSM_CGROUP:
	case BPF_TRACE_FEXIT:
		break;
	case BPF_MODIFY_RETURN:
		type = btf_resolve(at->btf, at->proto->type, NULL);
		if (type && btf_kind(type) == BTF_KIND_INT && type->size <= 8)
			break;
		refuse(env, -EACCES, "invalid-ctx-access", "ret type %s not allowed for fmod_ret",
		       kind_of(type));
		return bad_access(env, off, size);
	default:
		return no_argument(env, arg, off, size);
	}
	*id = at->proto->type;
	return 0;
}

/*
 * A security hook's result so far lies in the range that all of its programs keep to. (The
 * trampoline goes on to the next program only after a 0, and so that is all it sees.)
 */
static void load_result(const struct env *env, struct reg *out)
{
	if (env->req->expected_attach_type == BPF_LSM_MAC && env->attach.checks_result)
		out->val = scalar_srange(env->attach.result.min, env->attach.result.max);
}

static int access_arg(struct env *env, u32 arg, u32 id, s64 off, u32 size, struct reg *loaded)
{
	const struct attach *at = &env->attach;
	const struct btf_type *type;

	if (passed_size(at->btf, id, &type) <= 0) {
		refuse(env, -EACCES, "invalid-ctx-access",
		       "func '%s' arg%u '%s' has type %s. Only pointer access is allowed", at->name,
		       arg, type ? btf_name(at->btf, type->name_off) : "", kind_of(type));
		return bad_access(env, off, size);
	}
	if (btf_kind(type) != BTF_KIND_PTR)
		return 0;
	if (size != 8) {
		refuse(env, -EACCES, "invalid-ctx-access", "func '%s' size %u must be 8", at->name,
		       size);
		return bad_access(env, off, size);
	}
	return load_arg(env, type, arg, loaded) ? bad_access(env, off, size) : 0;
}

int attach_access(struct env *env, s64 off, u32 size, bool write, struct reg *loaded)
{
	const struct attach *at = &env->attach;
	u32 n = btf_vlen(at->proto) - at->skip, arg, id;
	int err;

	if (off < 0 || off >= MAX_ARGS * 8 || write)
		return refuse(env, -EACCES, "invalid-ctx-access",
			      "invalid bpf_context access off=%lld size=%u", (long long)off, size);
	if (off % 8) {
		refuse(env, -EACCES, "invalid-ctx-access",
		       "func '%s' offset %lld is not multiple of 8", at->name, (long long)off);
		return bad_access(env, off, size);
	}
	arg = param_at(at, (u64)off);
	if (arg > n)
		return no_argument(env, arg, off, size);
	if (arg < n)
		return access_arg(env, arg, btf_params(at->proto)[at->skip + arg].type, off, size,
				  loaded);
	err = result_type(env, arg, off, size, &id);
	if (!err)
		err = access_arg(env, arg, id, off, size, loaded);
	if (!err && loaded->kind == REG_SCALAR && size == 8)
		load_result(env, loaded);
	return err;
}

/* ---- helpers ---- */

static bool is_sockopt(u32 id)
{
	return id == BPF_FUNC_setsockopt || id == BPF_FUNC_getsockopt;
}

const struct helper_proto *attach_helper(const struct env *env, u32 id,
					 const struct helper_proto *proto)
{
	const struct attach *at = &env->attach;
	u32 attach_type = env->req->expected_attach_type;

	if (!at->proto || !is_sockopt(id))
		return proto;
	/* Only where the socket is locked, or nobody else has it yet. */
	if (is_lsm(env))
		return attach_type == BPF_LSM_CGROUP && at->facts & HOOK_LSM_SOCKOPT ? proto : NULL;
	if (attach_type == BPF_TRACE_ITER &&
	    (str_eq(at->name, ITER_PREFIX "tcp") || str_eq(at->name, ITER_PREFIX "unix")))
		return env->req->model->helper_variants[id == BPF_FUNC_setsockopt
							    ? VARIANT_setsockopt_sock
							    : VARIANT_getsockopt_sock];
	return proto;
}

/* The helpers' own functions may be traced: with the helper called there, for ever. */
static bool may_use_sk_storage(const struct env *env)
{
	switch (env->req->expected_attach_type) {
	case BPF_TRACE_ITER:
	case BPF_TRACE_RAW_TP:
		return true;
	case BPF_TRACE_FENTRY:
	case BPF_TRACE_FEXIT:
		return !str_starts(env->attach.name, "bpf_sk_storage");
	default:
		return false;
	}
}

bool attach_allows(const struct env *env, u32 id)
{
	const struct attach *at = &env->attach;

	if (!at->proto)
		return true;
	switch (id) {
	case BPF_FUNC_d_path:
		if (env->req->expected_attach_type == BPF_TRACE_ITER)
			return true;
		return at->facts & (is_lsm(env) ? HOOK_LSM_SLEEPABLE : HOOK_D_PATH);
	case BPF_FUNC_ima_inode_hash:
	case BPF_FUNC_ima_file_hash:
		return at->facts & HOOK_LSM_SLEEPABLE;
	case BPF_FUNC_sk_storage_get:
	case BPF_FUNC_sk_storage_delete:
		return is_lsm(env) || may_use_sk_storage(env);
	default:
		return true;
	}
}

/* A cgroup's program says what its hook answers: what the kernel relies on. */
static int check_set_retval(struct env *env)
{
	const struct reg *value = cur_reg(env, 1);
	struct return_range range = hook_range(&env->attach);

	if (!env->attach.proto->type)
		return refuse(env, -EINVAL, "return-range",
			      "BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!");
	mark_precise(env, value);
	if (reg_is_scalar(value) && value->val.smin32 >= range.min && value->val.smax32 <= range.max)
		return 0;
	return refuse(env, -EINVAL, "return-range",
		      "At bpf_set_retval the register R1 has smin=%d smax=%d should have been in [%lld, %lld]",
		      value->val.smin32, value->val.smax32, (long long)range.min,
		      (long long)range.max);
}

/* Only where a function is traced is there one to tell the address of. */
static int check_func_ip(struct env *env)
{
	u32 type = env->req->prog_type, attach_type = env->req->expected_attach_type;

	if (type == BPF_PROG_TYPE_KPROBE || type == PROG_TYPE_CUSTOM)
		return 0;
	if (type != BPF_PROG_TYPE_TRACING)
		return refuse(env, -ENOTSUPP, "helper-not-allowed",
			      "func bpf_get_func_ip#173 not supported for program type %u", type);
	if (attach_type == BPF_TRACE_FENTRY || attach_type == BPF_TRACE_FEXIT ||
	    attach_type == BPF_MODIFY_RETURN)
		return 0;
	return refuse(env, -ENOTSUPP, "helper-not-allowed",
		      "func bpf_get_func_ip#173 supported only for fentry/fexit/fmod_ret programs");
}

int attach_check_args(struct env *env, u32 id)
{
	if (id == BPF_FUNC_set_retval && is_lsm(env))
		return check_set_retval(env);
	return id == BPF_FUNC_get_func_ip ? check_func_ip(env) : 0;
}
