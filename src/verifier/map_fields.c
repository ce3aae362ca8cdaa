/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of a map's value that are not plain data: locks, timers, kernel pointers, lists.
 * A program that could write them would forge an object of the kernel, so loads, stores
 * and helpers' memory arguments must not touch them. Where they are is told by the value's BTF.
 */
#include "btf/btf.h"
#include "verifier/env.h"

#define MAX_NESTING 8
#define MAX_MEMBERS 4096

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

struct search {
	const struct btf *btf;
	s64 lo, hi;  /* the bytes asked for */
	u32 budget;  /* members left to look at: unions of unions could be endless */
};

/* Does [lo, hi) meet a special part of an object of that type, which stands at `at`? */
static const char *find_special(struct search *search, u32 id, s64 at, u32 depth)
{
	const struct btf *btf = search->btf;
	s64 lo = search->lo, hi = search->hi;
	const struct btf_type *type = btf_resolve(btf, id, &id);
	s64 size = type ? btf_size(btf, id) : -1;
	const struct btf_member *members;
	const char *found = NULL;
	struct search element;

	if (size <= 0 || hi <= at || lo >= at + size || depth > MAX_NESTING)
		return NULL;
	if (!search->budget--)
		return "a type too complex to look through";
	switch (btf_kind(type)) {
	case BTF_KIND_PTR:
		return is_tagged_pointer(btf, type) ? "kptr" : NULL;
	case BTF_KIND_ARRAY:
		/* Any element's part counts as a part of all: arrays of these are rare. */
		id = ((const struct btf_array *)(type + 1))->type;
		size = btf_size(btf, id);
		element = (struct search){ btf, at, at + size, search->budget };
		found = find_special(&element, id, at, depth + 1);
		search->budget = element.budget;
		return found;
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

			found = find_special(search, members[i].type, at + bit / 8, depth + 1);
		}
		return found;
	default:
		return NULL;
	}
}

const char *map_field_in(const struct map_facts *facts, s64 lo, s64 hi)
{
	struct search search;

	if (facts->spin_lock_off >= 0 && lo < (s64)facts->spin_lock_off + 4 &&
	    hi > facts->spin_lock_off)
		return "bpf_spin_lock";
	if (facts->timer_off >= 0 && lo < (s64)facts->timer_off + 16 && hi > facts->timer_off)
		return "bpf_timer";
	if (!facts->btf || !facts->btf_value_type_id)
		return NULL;
	search = (struct search){ facts->btf, lo, hi, MAX_MEMBERS };
	return find_special(&search, facts->btf_value_type_id, 0, 0);
}
