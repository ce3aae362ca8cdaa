/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of a map's value that are not plain data: locks, timers, kernel pointers, lists.
 * A program that could write them would forge an object of the kernel, so loads, stores
 * and helpers' memory arguments must not touch them. Where they are is told by the value's BTF.
 */
#include "btf/btf.h"
#include "verifier/env.h"

#define MAX_NESTING 8

static const char *const special_structs[] = {
	"bpf_spin_lock", "bpf_res_spin_lock", "bpf_timer", "bpf_wq", "bpf_task_work",
	"bpf_list_head", "bpf_list_node", "bpf_rb_root", "bpf_rb_node", "bpf_refcount",
};

/* const void __kptr *p: the pointer's target carries the tag. */
static bool is_tagged_pointer(const struct btf *btf, const struct btf_type *ptr)
{
	const struct btf_type *target = btf_type(btf, ptr->type);
	const char *tag;

	if (!target || btf_kind(target) != BTF_KIND_TYPE_TAG)
		return false;
	tag = btf_name(btf, target->name_off);
	return str_starts(tag, "kptr") || str_eq(tag, "percpu_kptr") || str_eq(tag, "uptr");
}

static bool is_special_struct(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(special_structs); i++)
		if (str_eq(name, special_structs[i]))
			return true;
	return false;
}

/* Does [lo, hi) of a value of that type, which stands at `at`, meet a special part? */
static const char *find_special(const struct btf *btf, u32 id, s64 at, s64 lo, s64 hi, u32 depth)
{
	const struct btf_type *type = btf_resolve(btf, id, &id);
	s64 size = type ? btf_size(btf, id) : -1;
	const struct btf_member *members;
	const char *found = NULL;

	if (size <= 0 || hi <= at || lo >= at + size || depth > MAX_NESTING)
		return NULL;
	switch (btf_kind(type)) {
	case BTF_KIND_PTR:
		return is_tagged_pointer(btf, type) ? "kptr" : NULL;
	case BTF_KIND_ARRAY:
		/* Any element's part counts as a part of all: arrays of these are rare. */
		id = ((const struct btf_array *)(type + 1))->type;
		return find_special(btf, id, at, at, at + btf_size(btf, id), depth + 1);
	case BTF_KIND_STRUCT:
		if (is_special_struct(btf_name(btf, type->name_off)))
			return btf_name(btf, type->name_off);
		FALLTHROUGH;
	case BTF_KIND_UNION:
		members = (const void *)(type + 1);
		for (u32 i = 0; i < btf_vlen(type) && !found; i++) {
			u32 bit = BTF_INFO_KFLAG(type->info)
				      ? BTF_MEMBER_BIT_OFFSET(members[i].offset)
				      : members[i].offset;

			found = find_special(btf, members[i].type, at + bit / 8, lo, hi, depth + 1);
		}
		return found;
	default:
		return NULL;
	}
}

const char *map_field_in(const struct map_facts *facts, s64 lo, s64 hi)
{
	if (facts->spin_lock_off >= 0 && lo < (s64)facts->spin_lock_off + 4 &&
	    hi > facts->spin_lock_off)
		return "bpf_spin_lock";
	if (facts->timer_off >= 0 && lo < (s64)facts->timer_off + 16 && hi > facts->timer_off)
		return "bpf_timer";
	if (!facts->btf || !facts->btf_value_type_id)
		return NULL;
	return find_special(facts->btf, facts->btf_value_type_id, 0, lo, hi, 0);
}
