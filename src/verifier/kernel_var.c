/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of the kernel's own variables and functions (extern ... __ksym), named in 64-bit
 * immediates by their ids in the kernel's BTF. A struct is a BTF pointer, a per-CPU variable one
 * that per_cpu_ptr takes; what else there is is read-only memory, and of a function only the
 * address. Programs that use them are for verifying only, so any address will do in the image.
 */
#include "btf/btf.h"
#include "verifier/step.h"

#define PERCPU_SECTION ".data..percpu"
#define ANY_ADDRESS    0xffffffff81000000ull

static const struct btf_type *var_type(const struct btf *btf, u32 id)
{
	const struct btf_type *type = btf ? btf_type(btf, id) : NULL;
	u32 kind = type ? btf_kind(type) : 0;

	return kind == BTF_KIND_VAR || kind == BTF_KIND_FUNC ? type : NULL;
}

int kernel_var_check(struct env *env, u32 at)
{
	const struct bpf_insn *insn = &env->insns[at];
	const struct btf *btf = env->req->model->btf;
	const struct btf_type *type;

	if (!env->req->model->is_linux)
		return refuse(env, -EINVAL, "unsupported",
			      "ldimm64 of a kernel variable: Skep's kernel has none");
	if (insn[1].imm)
		return refuse(env, -EINVAL, "unsupported",
			      "invalid module BTF object FD specified.");
	if (!btf_type(btf, (u32)insn->imm))
		return refuse(env, -ENOENT, "bad-ldimm64",
			      "ldimm64 insn specifies invalid btf_id %d.", insn->imm);
	type = var_type(btf, (u32)insn->imm);
	if (!type)
		return refuse(env, -EINVAL, "bad-ldimm64",
			      "pseudo btf_id %d in ldimm64 isn't KIND_VAR or KIND_FUNC.", insn->imm);
	if (btf_kind(type) == BTF_KIND_VAR && env->req->model->hides_variables)
		return refuse(env, -ENOENT, "unsupported",
			      "ldimm64 failed to find the address for kernel symbol '%s'.",
			      btf_name(btf, type->name_off));
	return 0;
}

static bool is_percpu(const struct btf *btf, u32 id)
{
	s32 section = btf_find(btf, PERCPU_SECTION, BTF_KIND_DATASEC);
	const struct btf_type *type = section > 0 ? btf_type(btf, (u32)section) : NULL;

	for (u32 i = 0; type && i < btf_vlen(type); i++)
		if (btf_var_secinfos(type)[i].type == id)
			return true;
	return false;
}

struct reg kernel_var_pointer(const struct env *env, const struct bpf_insn *insn)
{
	const struct btf *btf = env->req->model->btf;
	const struct btf_type *var = var_type(btf, (u32)insn->imm), *type;
	struct reg out = reg_pointer(REG_MEM, REG_RDONLY);
	u32 id;

	if (btf_kind(var) == BTF_KIND_FUNC)
		return out; /* of no bytes */
	type = btf_resolve(btf, var->type, &id);
	if (is_percpu(btf, (u32)insn->imm))
		out = reg_pointer(REG_BTF, REG_PERCPU);
	else if (type && btf_is_composite(type))
		out = reg_pointer(REG_BTF, 0);
	else
		out.size = (u32)btf_size(btf, id); /* BTF has no variable without one */
	if (out.kind == REG_BTF)
		out.btf_id = id;
	return out;
}

void kernel_var_fix(struct bpf_insn *insn)
{
	insn[0].src_reg = 0;
	insn[0].imm = (s32)(u32)ANY_ADDRESS;
	insn[1].imm = (s32)(ANY_ADDRESS >> 32);
}
