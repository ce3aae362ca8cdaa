/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions one by one: encodings are checked by the table of operations (isa_decode),
 * map fds in 64-bit immediates become indices into env->maps. Later passes need not check
 * encodings again.
 */
#include "verifier/kfunc.h"

#define MAX_USED_MAPS 64
#define MAX_VALUE_OFF (1 << 29)
#define MAP_TYPE_ARENA 33 /* newer than some systems' <linux/bpf.h> */

/* ---- 64-bit immediates ---- */

static s64 map_index(struct env *env, struct map *map)
{
	for (u32 i = 0; i < env->maps.len; i++)
		if (env->maps.data[i].map == map)
			return i;
	if (env->maps.len >= MAX_USED_MAPS)
		return refuse(env, -E2BIG, "too-many-maps",
			      "The total number of maps per program has reached the limit of %u",
			      MAX_USED_MAPS);
	if (!vec_push(&env->maps, (struct map_ref){ .map = map, .facts = &map->facts }))
		return -ENOMEM;
	return (s64)env->maps.len - 1;
}

/* Bytes of the one value that a 64-bit immediate may point into; 0: the type has none. */
static u32 direct_value_size(const struct map_facts *facts)
{
	return facts->type == BPF_MAP_TYPE_ARRAY && facts->max_entries == 1 ? facts->value_size : 0;
}

static int resolve_value(struct env *env, const struct map_facts *facts, u32 off)
{
	if (off >= MAX_VALUE_OFF)
		return refuse(env, -EINVAL, "out-of-bounds",
			      "direct value offset of %u is not allowed", off);
	if (facts->type != BPF_MAP_TYPE_ARRAY)
		return refuse(env, -EINVAL, "map-no-direct-value",
			      "no direct value access support for this map type");
	if (!direct_value_size(facts) || off >= facts->value_size)
		return refuse(env, -EINVAL, "out-of-bounds",
			      "invalid access to map value pointer, value_size=%u off=%u",
			      facts->value_size, off);
	return 0;
}

static bool is_tracing(u32 prog_type)
{
	return prog_type == BPF_PROG_TYPE_KPROBE || prog_type == BPF_PROG_TYPE_TRACEPOINT ||
	       prog_type == BPF_PROG_TYPE_PERF_EVENT ||
	       prog_type == BPF_PROG_TYPE_RAW_TRACEPOINT ||
	       prog_type == BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE;
}

#define TYPE(t) (1ull << BPF_MAP_TYPE_##t)
#define SLEEPABLE_MAPS                                                                             \
	(TYPE(HASH) | TYPE(LRU_HASH) | TYPE(ARRAY) | TYPE(PERCPU_HASH) | TYPE(PERCPU_ARRAY) |      \
	 TYPE(LRU_PERCPU_HASH) | TYPE(ARRAY_OF_MAPS) | TYPE(HASH_OF_MAPS) | TYPE(RINGBUF) |        \
	 TYPE(USER_RINGBUF) | TYPE(INODE_STORAGE) | TYPE(SK_STORAGE) | TYPE(TASK_STORAGE) |        \
	 TYPE(QUEUE) | TYPE(STACK) | 1ull << 32 /* CGRP_STORAGE */ | 1ull << 33 /* ARENA */)

/* May a program of this type have that map at all? */
static int check_map(struct env *env, const struct map_facts *facts)
{
	u32 type = env->req->prog_type;
	bool tracing = is_tracing(type);

	if (facts->type == MAP_TYPE_ARENA)
		return refuse(env, -EOPNOTSUPP, "later-scope",
			      "arenas come later: Skep cannot judge programs that use them yet");
	if (btf_record_has(&facts->record, SPECIAL_ROOTS) && tracing)
		return refuse(env, -EINVAL, "map-type",
			      "tracing progs cannot use bpf_{list_head,rb_root} yet");
	if (btf_record_has(&facts->record, SPECIAL_LOCKS) &&
	    (tracing || type == BPF_PROG_TYPE_SOCKET_FILTER))
		return refuse(env, -EINVAL, "map-type",
			      "%s progs cannot use bpf_spin_lock yet",
			      tracing ? "tracing" : "socket filter");
	if (btf_record_has(&facts->record, SPECIAL_BIT(SPECIAL_TIMER)) && tracing)
		return refuse(env, -EINVAL, "map-type", "tracing progs cannot use bpf_timer yet");
	if (btf_record_has(&facts->record, SPECIAL_BIT(SPECIAL_WORKQUEUE)) && tracing)
		return refuse(env, -EINVAL, "map-type", "tracing progs cannot use bpf_wq yet");
	/* The others' elements live as long as an RCU section, which such a program is not in. */
	if ((env->req->prog_flags & BPF_F_SLEEPABLE) &&
	    !(facts->type < 64 && SLEEPABLE_MAPS >> facts->type & 1))
		return refuse(env, -EINVAL, "map-type",
			      "Sleepable programs can only use array, hash, ringbuf and local storage maps");
	return 0;
}

static int resolve_map(struct env *env, u32 at)
{
	struct bpf_insn *insn = &env->insns[at];
	bool value = insn->src_reg == BPF_PSEUDO_MAP_VALUE ||
		     insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE;
	bool is_index = insn->src_reg == BPF_PSEUDO_MAP_IDX ||
			insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE;
	const struct verifier_resolver *resolver = &env->req->resolver;
	struct map *map = NULL;
	s64 index;
	int err;

	if (!value && insn[1].imm)
		return refuse(env, -EINVAL, "bad-ldimm64", "unrecognized bpf_ld_imm64 insn");
	err = resolver->map ? resolver->map(resolver->data, insn->imm, is_index, &map) : -EBADF;
	if (err == -EPROTO)
		return refuse(env, err, "bad-fd", "fd_idx without fd_array is invalid");
	if (err)
		return refuse(env, err, "bad-fd", "fd %d is not pointing to valid bpf_map",
			      insn->imm);
	err = check_map(env, &map->facts);
	if (err)
		return err;
	index = map_index(env, map);
	if (index < 0)
		return (int)index;
	env->aux[at].map = (u32)index;
	if (value) {
		err = resolve_value(env, &map->facts, (u32)insn[1].imm);
		if (err)
			return err;
	}
	/* The image's form: an index into its own table. */
	insn->src_reg = value ? BPF_PSEUDO_MAP_IDX_VALUE : BPF_PSEUDO_MAP_IDX;
	insn->imm = (s32)index;
	return 0;
}

static int resolve_ldimm64(struct env *env, u32 at)
{
	struct bpf_insn *insn = &env->insns[at];

	env->aux[at + 1].ldimm64_second = true;
	switch (insn->src_reg) {
	case 0:
	case BPF_PSEUDO_FUNC:
		return 0;
	case BPF_PSEUDO_MAP_FD:
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_MAP_IDX:
	case BPF_PSEUDO_MAP_IDX_VALUE:
		return resolve_map(env, at);
	case BPF_PSEUDO_BTF_ID:
		return kernel_var_check(env, at);
	default:
		return refuse(env, -EINVAL, "bad-ldimm64", "unrecognized bpf_ld_imm64 insn");
	}
}

/*
 * Linux looks at operation, registers and reserved fields of most instructions when a path
 * comes to them, and so accepts in dead code what it would refuse elsewhere. Here the passes
 * rely on operation and registers.
 */
static bool only_matters_when_run(const struct bpf_insn *insn)
{
	u32 class = insn_class(insn);

	return class != BPF_LD && class != BPF_LDX && isa_op_of(insn) != OP_INVALID &&
	       isa_code_known(insn->code) && insn->dst_reg < BPF_REGS && insn->src_reg < BPF_REGS &&
	       isa_ops[isa_op_of(insn)].form != FORM_CAST;
}

int insn_refuse(struct env *env)
{
	char words[120];
	struct text why = text_in(words, sizeof(words));
	int err = isa_decode(&env->insns[env->at], env->len - env->at, &why);

	return refuse(env, err, "bad-instruction", "%s", words);
}

int insns_check(struct env *env)
{
	for (u32 i = 0; i < env->len; i++) {
		const struct bpf_insn *insn = &env->insns[i];
		char words[120];
		struct text why = text_in(words, sizeof(words));
		int err;

		env->at = i;
		err = isa_decode(insn, env->len - i, &why);
		if (err < 0 && !only_matters_when_run(insn))
			return refuse(env, err, "bad-instruction", "%s", words);
		env->aux[i].bad_fields = err < 0;
		if (insn_is_call(insn) && insn->src_reg == BPF_PSEUDO_KFUNC_CALL) {
			err = kfunc_check_insn(env, insn);
			if (err)
				return err;
		}
		if (insn_is_ldimm64(insn)) {
			err = resolve_ldimm64(env, i++);
			if (err)
				return err;
		}
	}
	env->n_maps = (u32)env->maps.len;
	return 0;
}
