/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What PROG_LOAD brings along about the program's own types: which BTF function each
 * function is (func_info), which source line each instruction came from (line_info), and
 * from these the signatures of global functions. All of it is somebody's claim: checked as
 * Linux checks it, before anybody uses it.
 */
#include "btf/btf.h"
#include "verifier/env.h"

#define MAX_RECORD 252
#define GLOBAL_LINKAGE 1

static const void *record(const void *base, u32 size, u32 i)
{
	return (const u8 *)base + (size_t)i * size;
}

/* Records may be longer than what we know of them, if the rest is zero. */
static int check_tails(struct env *env, const void *base, u32 size, u32 count, u32 known,
		       const char *what)
{
	for (u32 i = 0; i < count; i++) {
		const u8 *bytes = record(base, size, i);

		for (u32 at = known; at < size; at++)
			if (bytes[at])
				return refuse(env, -E2BIG, "bad-btf-info",
					      "nonzero tailing record in %s", what);
	}
	return 0;
}

/* ---- func_info ---- */

static const struct btf_type *func_proto(const struct btf *btf, u32 func_id)
{
	const struct btf_type *func = btf_type(btf, func_id);
	const struct btf_type *proto;

	if (!func || btf_kind(func) != BTF_KIND_FUNC)
		return NULL;
	proto = btf_type(btf, func->type);
	return proto && btf_kind(proto) == BTF_KIND_FUNC_PROTO ? proto : NULL;
}

static bool is_scalar_type(const struct btf *btf, u32 id)
{
	const struct btf_type *type = btf_resolve(btf, id, NULL);

	return type && (btf_kind(type) == BTF_KIND_INT || btf_kind(type) == BTF_KIND_ENUM ||
			btf_kind(type) == BTF_KIND_ENUM64);
}

static int check_func(struct env *env, u32 i, const struct bpf_func_info *info, u32 prev)
{
	const struct btf *btf = env->req->btf;
	struct subprog *sub = &env->subprogs[i];
	const struct btf_type *func, *proto;

	if (!i && info->insn_off)
		return refuse(env, -EINVAL, "bad-btf-info",
			      "nonzero insn_off %u for the first func info record", info->insn_off);
	if (i && info->insn_off <= prev)
		return refuse(env, -EINVAL, "bad-btf-info",
			      "same or smaller insn offset (%u) than previous func info record (%u)",
			      info->insn_off, prev);
	if (info->insn_off != sub->start)
		return refuse(env, -EINVAL, "bad-btf-info",
			      "func_info BTF section doesn't match subprog layout in BPF program");
	proto = func_proto(btf, info->type_id);
	if (!proto)
		return refuse(env, -EINVAL, "bad-btf-info", "invalid type id %u in func info",
			      info->type_id);
	func = btf_type(btf, info->type_id);
	sub->btf_id = info->type_id;
	sub->name = btf_name(btf, func->name_off);
	sub->global = i && btf_vlen(func) == GLOBAL_LINKAGE;
	if (i && sub->has_ld_abs && !is_scalar_type(btf, proto->type))
		return refuse(env, -EINVAL, "legacy-packet",
			      "LD_ABS is only allowed in functions that return 'int'.");
	if (i && sub->has_tail_call && !is_scalar_type(btf, proto->type))
		return refuse(env, -EINVAL, "tail-call",
			      "tail_call is only allowed in functions that return 'int'.");
	return 0;
}

/* Without types, a function that may end early cannot be told to return a number. */
static int check_untyped(struct env *env)
{
	for (u32 i = 1; i < env->n_subprogs; i++) {
		if (env->subprogs[i].has_ld_abs)
			return refuse(env, -EINVAL, "legacy-packet",
				      "LD_ABS is not allowed in subprogs without BTF");
		if (env->subprogs[i].has_tail_call)
			return refuse(env, -EINVAL, "tail-call",
				      "tail_call is not allowed in subprogs without BTF");
	}
	return 0;
}

static int check_func_info(struct env *env)
{
	const struct verify_request *req = env->req;
	u32 size = req->func_info_rec_size, prev = 0;
	int err;

	if (!req->func_info_cnt)
		return check_untyped(env);
	if (req->func_info_cnt != env->n_subprogs)
		return refuse(env, -EINVAL, "bad-btf-info",
			      "number of funcs in func_info doesn't match number of subprogs");
	if (size < sizeof(struct bpf_func_info) || size > MAX_RECORD || size % 4)
		return refuse(env, -EINVAL, "bad-btf-info", "invalid func info rec size %u", size);
	err = check_tails(env, req->func_info, size, req->func_info_cnt,
			  sizeof(struct bpf_func_info), "func info");
	for (u32 i = 0; i < req->func_info_cnt && !err; i++) {
		struct bpf_func_info info;

		memcpy(&info, record(req->func_info, size, i), sizeof(info));
		err = check_func(env, i, &info, prev);
		prev = info.insn_off;
	}
	return err;
}

/* ---- line_info ---- */

static int check_line(struct env *env, u32 i, const struct bpf_line_info *line, u32 prev)
{
	const struct btf *btf = env->req->btf;

	if ((i && line->insn_off <= prev) || line->insn_off >= env->len)
		return refuse(env, -EINVAL, "bad-btf-info",
			      "Invalid line_info[%u].insn_off:%u (prev_offset:%u prog->len:%u)", i,
			      line->insn_off, prev, env->len);
	if (!env->insns[line->insn_off].code)
		return refuse(env, -EINVAL, "bad-btf-info", "Invalid insn code at line_info[%u].insn_off",
			      i);
	if (!btf_name(btf, line->line_off)[0] || !btf_name(btf, line->file_name_off)[0])
		if (line->line_off >= btf->strings_len || line->file_name_off >= btf->strings_len)
			return refuse(env, -EINVAL, "bad-btf-info",
				      "Invalid line_info[%u].line_off or .file_name_off", i);
	return 0;
}

static int check_line_info(struct env *env)
{
	const struct verify_request *req = env->req;
	u32 size = req->line_info_rec_size, prev = 0, sub = 0;
	int err;

	if (!req->line_info_cnt)
		return 0;
	if (size < 16 || size > MAX_RECORD || size % 4)
		return refuse(env, -EINVAL, "bad-btf-info", "invalid line info rec size %u", size);
	err = check_tails(env, req->line_info, size, req->line_info_cnt,
			  sizeof(struct bpf_line_info), "line_info");
	for (u32 i = 0; i < req->line_info_cnt && !err; i++) {
		struct bpf_line_info line;

		memcpy(&line, record(req->line_info, size, i), sizeof(line));
		err = check_line(env, i, &line, prev);
		if (err)
			return err;
		prev = line.insn_off;
		if (sub == env->n_subprogs)
			continue;
		if (line.insn_off == env->subprogs[sub].start)
			sub++;
		else if (line.insn_off > env->subprogs[sub].start)
			return refuse(env, -EINVAL, "bad-btf-info",
				      "missing bpf_line_info for func#%u", sub);
	}
	if (!err && sub != env->n_subprogs)
		return refuse(env, -EINVAL, "bad-btf-info", "missing bpf_line_info for func#%u", sub);
	env->lines_checked = !err;
	return err;
}

int btf_check_info(struct env *env)
{
	const struct verify_request *req = env->req;
	int err;

	if (!req->func_info_cnt && !req->line_info_cnt)
		return check_untyped(env);
	if (!req->btf)
		return refuse(env, -EINVAL, "bad-btf-info", "func_info or line_info without BTF");
	err = check_func_info(env);
	return err ? err : check_line_info(env);
}
