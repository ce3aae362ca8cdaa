/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Global functions: verified once, alone, for any arguments that fit their signature. The
 * signature comes from the program's BTF and from declaration tags: numbers, the context,
 * dynptrs, memory of the size of the type that is pointed to, and kernel objects (__arg_trusted).
 * A function whose signature is none of these is refused when it is called, not before.
 */
#include "btf/btf.h"
#include "verifier/args.h"
#include "verifier/stack_object.h"

#define MAX_ARGS 5

/* ---- signatures ---- */

/* quiet: only find out; somebody else says why, if it matters. */
struct signature {
	struct env *env;
	struct subprog *sub;
	bool quiet;
};

#define wrong(s, err, ...)                                                                         \
	((s)->quiet ? (err) : refuse((s)->env, err, "global-function", __VA_ARGS__))

static const struct {
	const char *text;
	u8 tag;
} tags[] = {
	{ "arg:ctx", ARG_TAG_CTX },	      { "arg:nonnull", ARG_TAG_NONNULL },
	{ "arg:nullable", ARG_TAG_NULLABLE }, { "arg:trusted", ARG_TAG_TRUSTED },
	{ "arg:untrusted", ARG_TAG_UNTRUSTED }, { "arg:arena", ARG_TAG_ARENA },
};

static u8 tag_of(const char *text)
{
	for (u32 i = 0; i < ARRAY_SIZE(tags); i++)
		if (str_eq(tags[i].text, text))
			return tags[i].tag;
	return str_starts(text, "arg:") ? ARG_TAG_OTHER : 0;
}

/* Declaration tags ("arg:ctx") that this function's parameters carry. */
static void read_tags(const struct btf *btf, struct subprog *sub, const struct btf_type *tag)
{
	const struct btf_decl_tag *decl = (const void *)(tag + 1);

	if (decl->component_idx >= 0 && decl->component_idx < MAX_ARGS)
		sub->args[decl->component_idx].tags |= tag_of(btf_name(btf, tag->name_off));
}

/* One walk over the types for all functions. */
static void collect_tags(struct env *env)
{
	const struct btf *btf = env->req->btf;

	for (u32 id = 1; id < btf->n_types; id++) {
		const struct btf_type *type = btf_type(btf, id);

		if (!type || btf_kind(type) != BTF_KIND_DECL_TAG)
			continue;
		for (u32 i = 1; i < env->n_subprogs; i++)
			if (env->subprogs[i].global && env->subprogs[i].btf_id == type->type)
				read_tags(btf, &env->subprogs[i], type);
	}
}

static bool is_ctx_name(const struct env *env, const char *name)
{
	if (env->ctx && env->ctx->name && str_eq(name, env->ctx->name))
		return true;
	switch (env->type->type) {
	case BPF_PROG_TYPE_KPROBE:
		return str_eq(name, "bpf_user_pt_regs_t") || str_eq(name, "pt_regs") ||
		       str_eq(name, "user_pt_regs");
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
		return str_eq(name, "bpf_raw_tracepoint_args");
	default:
		return false;
	}
}

/* A pointer to the program's context: by the name of its type, also that of a typedef. */
static bool is_ctx(const struct env *env, u32 pointee)
{
	const struct btf *btf = env->req->btf;
	const struct btf_type *type = btf_type(btf, pointee);

	for (int hops = 0; type && hops < 32; hops++) {
		if (is_ctx_name(env, btf_name(btf, type->name_off)))
			return true;
		switch (btf_kind(type)) {
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_CONST:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_RESTRICT:
		case BTF_KIND_TYPE_TAG:
			type = btf_type(btf, type->type);
			break;
		default:
			return false;
		}
	}
	return false;
}

/* struct bpf_dynptr *, by whichever of its two names, const or not. */
static bool is_dynptr(const struct btf *btf, u32 pointee)
{
	const struct btf_type *type = btf_type(btf, pointee);

	for (int hops = 0; type && hops < 32; hops++) {
		const char *name = btf_name(btf, type->name_off);

		switch (btf_kind(type)) {
		case BTF_KIND_CONST:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_RESTRICT:
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_TYPE_TAG:
			type = btf_type(btf, type->type);
			break;
		default:
			return str_eq(name, "bpf_dynptr") || str_eq(name, "bpf_dynptr_kern");
		}
	}
	return false;
}

static int wrong_tags(const struct signature *s, u32 i)
{
	return wrong(s, -EINVAL, "arg#%u has invalid combination of tags", i);
}

/* Length of a name without what follows "___": struct task_struct___x is a task_struct. */
static size_t essential_length(const char *name)
{
	size_t n = str_len(name);

	for (size_t i = n; i-- > 4;)
		if (name[i] != '_' && name[i - 1] == '_' && name[i - 2] == '_' && name[i - 3] == '_' &&
		    name[i - 4] != '_')
			return i - 3;
	return n;
}

/* The kernel's struct of the name that the program's has. */
static int kernel_struct(const struct signature *s, u32 i, u32 pointee, u32 *id)
{
	const struct btf *btf = s->env->req->btf, *kernel = s->env->req->model->btf;
	const struct btf_type *type = btf_resolve(btf, pointee, NULL);
	const char *name = type ? btf_name(btf, type->name_off) : "";
	size_t n = essential_length(name);
	char essential[128];
	s32 found = -ENOENT;

	if (type && n && n < sizeof(essential) && kernel) {
		str_copy(essential, name, n + 1);
		found = btf_find(kernel, essential, btf_kind(type));
	}
	if (found <= 0)
		return wrong(s, -ENOENT, "arg#%u reference type('%s %s') has no matches", i,
			     type ? btf_kind_name(btf_kind(type)) : "?", name);
	*id = (u32)found;
	return 0;
}

static int prepare_trusted(const struct signature *s, u32 i, u32 pointee)
{
	struct global_arg *arg = &s->sub->args[i];

	if (arg->tags & ARG_TAG_NONNULL)
		return wrong_tags(s, i);
	arg->kind = GLOBAL_ARG_BTF;
	arg->nonnull = !(arg->tags & ARG_TAG_NULLABLE);
	return kernel_struct(s, i, pointee, &arg->btf_id);
}

static bool is_primitive(const struct btf_type *type)
{
	u32 kind = type ? btf_kind(type) : BTF_KIND_UNKN;

	return kind == BTF_KIND_UNKN || kind == BTF_KIND_INT || kind == BTF_KIND_ENUM ||
	       kind == BTF_KIND_ENUM64 || kind == BTF_KIND_FLOAT;
}

static int prepare_untrusted(const struct signature *s, u32 i, u32 pointee)
{
	const struct btf *btf = s->env->req->btf;
	const struct btf_type *type = btf_resolve(btf, pointee, NULL);
	struct global_arg *arg = &s->sub->args[i];

	if (arg->tags != ARG_TAG_UNTRUSTED)
		return wrong_tags(s, i);
	if (is_primitive(type)) {
		arg->kind = GLOBAL_ARG_UNTRUSTED_MEM;
		return 0;
	}
	arg->kind = GLOBAL_ARG_UNTRUSTED_BTF;
	if (!btf_is_composite(type))
		return wrong(s, -EINVAL,
			     "arg#%u has type %s '%s', but only struct or primitive types are allowed", i,
			     btf_kind_name(btf_kind(type)), btf_name(btf, type->name_off));
	return kernel_struct(s, i, pointee, &arg->btf_id);
}

static int prepare_memory(const struct signature *s, u32 i, u32 pointee)
{
	const struct btf *btf = s->env->req->btf;
	const struct btf_type *type = btf_resolve(btf, pointee, NULL);
	struct global_arg *arg = &s->sub->args[i];
	s64 size = btf_size(btf, pointee);

	if (arg->tags & ARG_TAG_NULLABLE)
		return wrong_tags(s, i);
	if (size < 0 || size > INT32_MAX)
		return wrong(s, -EINVAL, "arg#%u reference type('%s %s') size cannot be determined: %lld",
			     i, type ? btf_kind_name(btf_kind(type)) : "UNKNOWN",
			     type ? btf_name(btf, type->name_off) : "", (long long)size);
	arg->kind = GLOBAL_ARG_MEM;
	arg->nonnull = arg->tags & ARG_TAG_NONNULL;
	arg->size = (u32)size;
	return 0;
}

static int prepare_pointer(const struct signature *s, u32 i, u32 pointee)
{
	struct global_arg *arg = &s->sub->args[i];
	u8 own = arg->tags;

	if ((own & ARG_TAG_CTX) || is_ctx(s->env, pointee)) {
		arg->kind = GLOBAL_ARG_CTX;
		return own & ~ARG_TAG_CTX ? wrong_tags(s, i) : 0;
	}
	if (is_dynptr(s->env->req->btf, pointee)) {
		arg->kind = GLOBAL_ARG_DYNPTR;
		return own ? wrong_tags(s, i) : 0;
	}
	if (own & ARG_TAG_TRUSTED)
		return prepare_trusted(s, i, pointee);
	if (own & ARG_TAG_UNTRUSTED)
		return prepare_untrusted(s, i, pointee);
	if (own & ARG_TAG_ARENA)
		return wrong(s, -EINVAL, "arg#%u: arena is not supported yet", i);
	return prepare_memory(s, i, pointee);
}

static bool is_number(const struct btf_type *type)
{
	return type && (btf_kind(type) == BTF_KIND_INT || btf_kind(type) == BTF_KIND_ENUM ||
			btf_kind(type) == BTF_KIND_ENUM64);
}

static int prepare_arg(const struct signature *s, u32 i, u32 type_id)
{
	const struct btf_type *type = btf_resolve(s->env->req->btf, type_id, NULL);
	struct global_arg *arg = &s->sub->args[i];

	if (arg->tags & ARG_TAG_OTHER)
		return wrong(s, -EOPNOTSUPP, "arg#%u has unsupported set of tags", i);
	if (type && btf_kind(type) == BTF_KIND_PTR)
		return prepare_pointer(s, i, type->type);
	if (arg->tags)
		return wrong(s, -EINVAL, "arg#%u has pointer tag, but is not a pointer type", i);
	arg->kind = GLOBAL_ARG_SCALAR;
	if (is_number(type))
		return 0;
	return wrong(s, -EINVAL, "Arg#%u type %s in %s() is not supported yet.", i,
		     type ? btf_kind_name(btf_kind(type)) : "?", s->sub->name);
}

static int prepare(const struct signature *s)
{
	const struct btf *btf = s->env->req->btf;
	const struct btf_type *func = btf_type(btf, s->sub->btf_id), *proto;
	u32 n;

	proto = btf_type(btf, func->type);
	n = btf_vlen(proto);
	if (n > MAX_ARGS)
		return wrong(s, -EINVAL, "Global function %s() with %u > 5 args. Buggy compiler.",
			     s->sub->name, n);
	if (!is_number(btf_resolve(btf, proto->type, NULL)))
		return wrong(s, -EINVAL,
			     "Global function %s() doesn't return scalar. Only those are supported.",
			     s->sub->name);
	for (u32 i = 0; i < n; i++) {
		int err = prepare_arg(s, i, btf_params(proto)[i].type);

		if (err)
			return err;
	}
	s->sub->n_args = (u8)n;
	return 0;
}

int btf_prepare_globals(struct env *env)
{
	bool any = false;

	for (u32 i = 1; i < env->n_subprogs; i++)
		any |= env->subprogs[i].global;
	if (any)
		collect_tags(env);
	for (u32 i = 1; i < env->n_subprogs; i++) {
		struct subprog *sub = &env->subprogs[i];

		if (sub->global)
			sub->unusable = prepare(&(struct signature){ env, sub, true });
	}
	return 0;
}

/* ---- the function alone ---- */

void global_arg_reg(struct env *env, const struct global_arg *arg, struct reg *reg)
{
	u32 maybe_null = arg->nonnull ? 0 : REG_MAYBE_NULL;

	switch ((enum global_arg_kind)arg->kind) {
	case GLOBAL_ARG_SCALAR:
		*reg = reg_unknown();
		return;
	case GLOBAL_ARG_CTX:
		*reg = reg_pointer(REG_CTX, 0);
		return;
	case GLOBAL_ARG_DYNPTR:
		/* Whatever the caller has. Linux takes it for local memory; slices may be a packet's. */
		*reg = dynptr_const_reg(env, DYNPTR_LOCAL, REG_IN_PACKET);
		return;
	case GLOBAL_ARG_MEM:
		*reg = reg_pointer(REG_MEM, maybe_null);
		reg->size = arg->size;
		break;
	case GLOBAL_ARG_BTF:
		*reg = reg_pointer(REG_BTF, REG_TRUSTED | maybe_null);
		reg->btf_id = arg->btf_id;
		break;
	case GLOBAL_ARG_UNTRUSTED_BTF:
		*reg = reg_pointer(REG_BTF, REG_UNTRUSTED);
		reg->btf_id = arg->btf_id;
		return;
	case GLOBAL_ARG_UNTRUSTED_MEM:
		*reg = reg_pointer(REG_MEM, REG_RDONLY | REG_UNTRUSTED);
		return;
	}
	if (maybe_null)
		reg->id = new_id(env);
}

/* ---- calls ---- */

/* The function sees memory of that size, which it may write. */
static int check_memory(struct env *env, u32 regno, const struct reg *reg,
			const struct global_arg *arg)
{
	if (arg->nonnull && reg_is_null(reg))
		return refuse_kind(env, regno, reg, ARG_PTR_TO_MEM);
	if (arg->nonnull && (reg->flags & REG_MAYBE_NULL))
		return refuse(env, -EINVAL, "null-check", "arg#%u is expected to be non-NULL",
			      regno - 1);
	return check_kfunc_mem(env, regno, reg, arg->size);
}

static int check_object(struct env *env, u32 regno, const struct reg *reg,
			const struct global_arg *arg)
{
	u32 want = ARG_PTR_TO_BTF_ID | (arg->nonnull ? 0 : ARG_MAYBE_NULL);
	struct helper_proto as_helper = { .name = "?" };

	if (!arg->nonnull && reg_is_null(reg)) {
		mark_precise(env, reg);
		return 0;
	}
	as_helper.arg_btf[regno - 1] = btf_struct_name(env->req->model->btf, arg->btf_id);
	if (reg->kind != REG_BTF)
		return refuse_kind(env, regno, reg, ARG_PTR_TO_BTF_ID);
	return check_btf_kind(env, &as_helper, regno - 1, reg, want);
}

static int check_arg(struct env *env, u32 regno, const struct global_arg *arg)
{
	struct reg reg = *cur_reg(env, regno);
	struct dynptr_arg dynptr;
	int err;

	switch ((enum global_arg_kind)arg->kind) {
	case GLOBAL_ARG_SCALAR:
		if (!reg_is_scalar(&reg))
			return refuse(env, -EINVAL, "argument-type", "R%u is not a scalar", regno);
		return 0;
	case GLOBAL_ARG_CTX:
		if (reg.kind != REG_CTX)
			return refuse(env, -EINVAL, "argument-type", "arg#%u expects pointer to ctx",
				      regno - 1);
		return check_pointer_off(env, regno, &reg);
	case GLOBAL_ARG_DYNPTR:
		err = reg.kind == REG_DYNPTR ? check_pointer_off(env, regno, &reg) : 0;
		return err ? err : dynptr_arg_check(env, regno, ARG_MEM_RDONLY, 0, &dynptr);
	case GLOBAL_ARG_MEM:
		return check_memory(env, regno, &reg, arg);
	case GLOBAL_ARG_BTF:
		return check_object(env, regno, &reg, arg);
	case GLOBAL_ARG_UNTRUSTED_BTF:
	case GLOBAL_ARG_UNTRUSTED_MEM:
		/* It only reads, by loads that probe: any number will do, if it is one. */
		return check_read(env, regno);
	}
	return -EINVAL;
}

static int check_call(struct env *env, struct subprog *sub)
{
	int err = 0;

	if (sub->unusable)
		return prepare(&(struct signature){ env, sub, false });
	for (u32 i = 0; i < sub->n_args && !err; i++)
		err = check_arg(env, i + 1, &sub->args[i]);
	return err;
}

int global_call(struct env *env, struct subprog *sub)
{
	struct reg out = reg_unknown();
	int err = check_call(env, sub);

	if (err) {
		refuse_more(env, "Caller passes invalid args into func#%u ('%s')",
			    (u32)(sub - env->subprogs), sub->name);
		return err;
	}
	err = global_call_sections(env, sub);
	if (err)
		return err;
	sub->called = true;
	forget_caller_saved(env);
	set_reg(env, 0, &out);
	return sub->changes_packet ? forget_packet(env) : 0;
}
