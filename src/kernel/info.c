/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OBJ_GET_INFO_BY_FD. The client passes a struct of its own version's size: of a longer one
 * the rest must be zero, of a shorter one it gets the beginning, and info_len says how much.
 *
 * Arrays (map ids, instructions, line info, ...) go to where the client's struct points; the
 * client says how much fits, and gets told how much there is.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel/commands.h"
#include "kernel/core.h"
#include "kernel/info_abi.h"
#include "kernel/sha256.h"

/* Reads what the client put into its struct. *len becomes what both sides know. */
static int info_begin(const struct bpf_call *call, void *info, u32 size, u32 known, u32 *len)
{
	const struct attr_info *a = &call->attr.info;
	int err = user_tail_is_zero(a->info, known, a->info_len);

	memset(info, 0, size);
	*len = MIN(size, a->info_len);
	return err ? err : user_read(info, a->info, *len);
}

static int info_end(const struct bpf_call *call, const void *info, u32 len)
{
	int err = user_write(call->attr.info.info, info, len);

	return err ? err : attr_answer(call, attr_info, info_len, len);
}

/* Copies as many elements as the client has room for; *count becomes how many there are. */
static int give_array(u64 user, u32 *count, const void *data, u32 n, u32 elem_size)
{
	u32 room = *count;

	*count = n;
	return n && room ? user_write(user, data, (size_t)MIN(room, n) * elem_size) : 0;
}

/* ---- programs ---- */

static u32 map_id(const struct prog_object *po, const struct map *map)
{
	for (u32 i = 0; i < po->n_maps; i++)
		if (po->maps[i]->map == map)
			return po->maps[i]->base.id;
	return 0;
}

/* Instructions as Linux shows them: maps by id, helpers by number, no engine's own forms. */
static void show_insn(const struct prog_object *po, struct bpf_insn *insn)
{
	const struct image *image = po->prog.image;

	if (insn->code == INSN_TAIL_CALL) {
		*insn = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call };
	} else if (insn_is_call(insn) && !insn->src_reg) {
		insn->imm = (s32)image->calls[insn->imm]->id;
	} else if (insn_class(insn) == BPF_LDX && BPF_MODE(insn->code) == INSN_MODE_PROBE) {
		insn->code = BPF_LDX | BPF_SIZE(insn->code) | BPF_MEM;
	} else if (insn_is_ldimm64(insn) && (insn->src_reg == BPF_PSEUDO_MAP_IDX ||
					     insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE)) {
		insn->src_reg =
		    insn->src_reg == BPF_PSEUDO_MAP_IDX ? BPF_PSEUDO_MAP_FD : BPF_PSEUDO_MAP_VALUE;
		insn->imm = (s32)map_id(po, image->maps[insn->imm]);
	}
}

static int give_xlated(const struct prog_object *po, struct abi_prog_info *info)
{
	const struct image *image = po->prog.image;
	u32 size = image->len * sizeof(struct bpf_insn), room = info->xlated_prog_len;
	struct bpf_insn *copy;
	int err;

	info->xlated_prog_len = size;
	if (!room)
		return 0;
	copy = malloc(size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, image->insns, size);
	for (u32 i = 0; i < image->len; i += insn_slots(&image->insns[i]))
		show_insn(po, &copy[i]);
	err = user_write(info->xlated_prog_insns, copy, MIN(room, size));
	free(copy);
	return err;
}

static int give_map_ids(struct prog_object *po, struct abi_prog_info *info)
{
	u32 room = info->nr_map_ids;
	int err = 0;

	pthread_mutex_lock(&po->maps_lock);
	info->nr_map_ids = po->n_maps;
	for (u32 i = 0; i < MIN(room, po->n_maps) && !err; i++)
		err =
		    user_write(info->map_ids + i * sizeof(u32), &po->maps[i]->base.id, sizeof(u32));
	pthread_mutex_unlock(&po->maps_lock);
	return err;
}

/* Functions of one program lie in one piece of code: the first has its whole length. */
static int give_functions(const struct prog_object *po, struct abi_prog_info *info)
{
	const struct image *image = po->prog.image;
	u32 n = image->n_subprogs;
	u64 *ksyms = calloc(n, sizeof(*ksyms));
	u32 *lens = calloc(n, sizeof(*lens));
	u8(*tags)[BPF_TAG_SIZE] = calloc(n, sizeof(*tags));
	int err = ksyms && lens && tags ? 0 : -ENOMEM;

	for (u32 i = 0; i < n && !err; i++) {
		const struct image_subprog *sub = &image->subprogs[i];
		u8 digest[SHA256_SIZE];

		ksyms[i] = po->prog.jited ? (u64)(uintptr_t)po->prog.code.rx : 0;
		lens[i] = po->prog.jited && !i ? po->prog.code_len : 0;
		sha256(digest, image->insns + sub->start, sub->len * sizeof(struct bpf_insn));
		memcpy(tags[i], i ? digest : po->tag, BPF_TAG_SIZE);
	}
	if (!err)
		err =
		    give_array(info->jited_ksyms, &info->nr_jited_ksyms, ksyms, n, sizeof(*ksyms));
	if (!err)
		err = give_array(info->jited_func_lens, &info->nr_jited_func_lens, lens, n,
				 sizeof(*lens));
	if (!err)
		err = give_array(info->prog_tags, &info->nr_prog_tags, tags, n, BPF_TAG_SIZE);
	free(ksyms);
	free(lens);
	free(tags);
	return err;
}

/* Where the instruction of that index in the loaded program went in the image. */
static u32 image_index(const struct image *image, u32 orig)
{
	u32 i = 0;

	while (i < image->len && image->orig_idx && image->orig_idx[i] < orig)
		i++;
	return i;
}

/* func_info and line_info both begin with the instruction's index. */
static int give_records(const struct image *image, u64 user, u32 *count, const void *records, u32 n,
			u32 size)
{
	u32 room = *count;
	u8 *copy;
	int err;

	*count = n;
	if (!room || !n)
		return 0;
	copy = malloc((size_t)n * size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, records, (size_t)n * size);
	for (u32 i = 0; i < n; i++) {
		u32 *insn = (u32 *)(copy + (size_t)i * size);

		*insn = image_index(image, *insn);
	}
	err = user_write(user, copy, (size_t)MIN(room, n) * size);
	free(copy);
	return err;
}

/* The client's record sizes are ours, or it asks for none and is told. */
static int check_record_sizes(struct abi_prog_info *info)
{
	if ((info->nr_func_info || info->func_info_rec_size) &&
	    info->func_info_rec_size != sizeof(struct bpf_func_info))
		return -EINVAL;
	if ((info->nr_line_info || info->line_info_rec_size) &&
	    info->line_info_rec_size != sizeof(struct bpf_line_info))
		return -EINVAL;
	if ((info->nr_jited_line_info || info->jited_line_info_rec_size) &&
	    info->jited_line_info_rec_size != sizeof(u64))
		return -EINVAL;
	info->func_info_rec_size = sizeof(struct bpf_func_info);
	info->line_info_rec_size = sizeof(struct bpf_line_info);
	info->jited_line_info_rec_size = sizeof(u64);
	return 0;
}

static void prog_basics(const struct prog_object *po, struct abi_prog_info *info)
{
	/* A custom type is the embedder's business: clients know Linux's numbers. */
	info->type = po->prog.type;
	info->id = po->base.id;
	memcpy(info->tag, po->tag, sizeof(info->tag));
	memcpy(info->name, po->name, sizeof(info->name));
	info->load_time = po->load_time;
	info->created_by_uid = po->uid;
	info->gpl_compatible = po->gpl;
	info->run_time_ns = load_relaxed(&po->prog.run_time_ns);
	info->run_cnt = load_relaxed(&po->prog.run_cnt);
	info->recursion_misses = load_relaxed(&po->prog.misses);
	info->verified_insns = (u32)po->verify_stats.insns_processed;
	info->btf_id = po->btf ? po->btf->base.id : info->btf_id;
	info->attach_btf_id = po->attach_btf_id;
}

static int prog_arrays(struct prog_object *po, struct abi_prog_info *info)
{
	u32 jited_room = info->jited_prog_len;
	int err = give_xlated(po, info);

	if (err)
		return err;
	info->jited_prog_len = po->prog.jited ? po->prog.code_len : 0;
	if (info->jited_prog_len && jited_room)
		err = user_write(info->jited_prog_insns, po->prog.code.rx,
				 MIN(jited_room, info->jited_prog_len));
	if (!err)
		err = give_functions(po, info);
	if (!err)
		err = give_records(po->prog.image, info->func_info, &info->nr_func_info,
				   po->func_info, po->func_info_cnt, sizeof(struct bpf_func_info));
	if (!err)
		err = give_records(po->prog.image, info->line_info, &info->nr_line_info,
				   po->line_info, po->line_info_cnt, sizeof(struct bpf_line_info));
	info->nr_jited_line_info = 0;
	return err;
}

static int prog_info(struct prog_object *po, const struct bpf_call *call)
{
	struct abi_prog_info info;
	u32 len;
	int err = info_begin(call, &info, sizeof(info),
			     offsetof(struct abi_prog_info, attach_btf_id) + sizeof(u32), &len);

	if (err)
		return err;
	prog_basics(po, &info);
	err = give_map_ids(po, &info);
	if (!err)
		err = check_record_sizes(&info);
	if (!err)
		err = prog_arrays(po, &info);
	return err ? err : info_end(call, &info, len);
}

/* ---- maps ---- */

static int map_info(const struct map_object *mo, const struct bpf_call *call)
{
	const struct map_facts *facts = &mo->map->facts;
	struct abi_map_info info;
	u32 len;
	int err = info_begin(call, &info, sizeof(info),
			     offsetof(struct abi_map_info, hash_size) + sizeof(u32), &len);

	if (err)
		return err;
	info = (struct abi_map_info){
		.type = facts->type,
		.id = mo->base.id,
		.key_size = facts->key_size,
		.value_size = facts->value_size,
		.max_entries = facts->max_entries,
		.map_flags = facts->flags,
		.map_extra = facts->extra,
		.btf_id = mo->btf ? mo->btf->base.id : 0,
		.btf_key_type_id = facts->btf_key_type_id,
		.btf_value_type_id = facts->btf_value_type_id,
	};
	memcpy(info.name, facts->name, sizeof(info.name));
	return info_end(call, &info, len);
}

/* ---- BTF ---- */

static int give_name(const char *name, struct abi_btf_info *info)
{
	u32 size = (u32)strlen(name) + 1, room = info->name_len;
	int err;

	info->name_len = size - 1;
	if (!info->name)
		return 0;
	err = user_write(info->name, name, MIN(room, size));
	if (!err && room < size)
		err = user_write(info->name + room - 1, "", 1) ? -EFAULT : -ENOSPC;
	return err;
}

static int btf_info(const struct btf_object *bo, const struct bpf_call *call)
{
	struct abi_btf_info info;
	u32 len, room;
	int err = info_begin(call, &info, sizeof(info), sizeof(info), &len), name_err;

	if (err)
		return err;
	info.id = bo->base.id;
	room = info.btf_size;
	info.btf_size = bo->btf->size;
	if (user_write(info.btf, bo->btf->data, MIN(room, bo->btf->size)))
		return -EFAULT;
	info.kernel_btf = bo->kernel_btf;
	if (!info.name != !info.name_len)
		return -EINVAL;
	name_err = give_name(bo->name, &info);
	if (name_err && name_err != -ENOSPC)
		return name_err;
	err = info_end(call, &info, len);
	return err ? err : name_err;
}

/* ---- links ---- */

static int link_info(struct link_object *lo, const struct bpf_call *call)
{
	struct abi_link_info info;
	u32 len;
	int err = info_begin(call, &info, sizeof(info), sizeof(info), &len);

	if (err)
		return err;
	info.type = lo->type;
	info.id = lo->base.id;
	pthread_mutex_lock(&lo->lock);
	info.prog_id = lo->prog->base.id;
	pthread_mutex_unlock(&lo->lock);
	if (lo->ops->fill_info)
		err = lo->ops->fill_info(lo, &info);
	else
		err = link_fill_info(lo, &info);
	return err ? err : info_end(call, &info, len);
}

int cmd_info(struct skep *skep, struct bpf_call *call)
{
	struct object *object;
	int err;

	object = object_from_fd(skep, (int)call->attr.info.bpf_fd, &err);
	if (!object)
		return err == -EBADF ? -EBADFD : err;
	switch (object->kind) {
	case OBJECT_PROG:
		err = prog_info(CONTAINER_OF(object, struct prog_object, base), call);
		break;
	case OBJECT_MAP:
		err = map_info(CONTAINER_OF(object, struct map_object, base), call);
		break;
	case OBJECT_BTF:
		err = btf_info(CONTAINER_OF(object, struct btf_object, base), call);
		break;
	case OBJECT_LINK:
		err = link_info(CONTAINER_OF(object, struct link_object, base), call);
		break;
	default:
		err = -EINVAL;
	}
	object_put(object);
	return err;
}
