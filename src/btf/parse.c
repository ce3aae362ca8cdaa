/* SPDX-License-Identifier: Apache-2.0 */
/* From raw bytes to a checked struct btf: header, sections, descriptions, name table. */
#include "btf/check.h"
#include "base/str.h"

#define HASH_START 2166136261u /* FNV-1a */

static int refuse(struct btf_check *check, int err, const char *message)
{
	if (check->log)
		text_printf(check->log, "%s\n", message);
	return err;
}

static const char *encoding_name(u32 encoding)
{
	switch (encoding) {
	case 0:
		return "(none)";
	case BTF_INT_SIGNED:
		return "SIGNED";
	case BTF_INT_CHAR:
		return "CHAR";
	case BTF_INT_BOOL:
		return "BOOL";
	}
	return "UNKN";
}

/* The kind's own part of a log line, as Linux prints it. */
static void put_details(struct text *log, const struct btf_type *t)
{
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
		text_printf(log, "size=%u bits_offset=%u nr_bits=%u encoding=%s", t->size,
			    BTF_INT_OFFSET(btf_int_data(t)), BTF_INT_BITS(btf_int_data(t)),
			    encoding_name(BTF_INT_ENCODING(btf_int_data(t))));
		break;
	case BTF_KIND_ARRAY:
		text_printf(log, "type_id=%u index_type_id=%u nr_elems=%u", btf_array_of(t)->type,
			    btf_array_of(t)->index_type, btf_array_of(t)->nelems);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_DATASEC:
		text_printf(log, "size=%u vlen=%u", t->size, btf_vlen(t));
		break;
	case BTF_KIND_FLOAT:
		text_printf(log, "size=%u", t->size);
		break;
	case BTF_KIND_FWD:
		text_put(log, btf_kflag(t) ? "union" : "struct");
		break;
	case BTF_KIND_VAR:
		text_printf(log, "type_id=%u linkage=%u", t->type,
			    ((const struct btf_var *)(t + 1))->linkage);
		break;
	case BTF_KIND_DECL_TAG:
		text_printf(log, "type=%u component_idx=%d", t->type,
			    ((const struct btf_decl_tag *)(t + 1))->component_idx);
		break;
	default:
		text_printf(log, "type_id=%u", t->type);
	}
}

static void put_type(struct btf_check *check, const struct btf_type *t)
{
	text_printf(check->log, "[%u] ", check->id);
	if (!t)
		return;
	text_printf(check->log, "%s %s ", btf_kind_name(btf_kind(t)),
		    t->name_off ? btf_name(check->btf, t->name_off) : "(anon)");
	put_details(check->log, t);
	text_put(check->log, " ");
}

int btf_refuse(struct btf_check *check, const struct btf_type *t, const char *fmt, ...)
{
	va_list args;

	if (!check->log)
		return -EINVAL;
	put_type(check, t);
	va_start(args, fmt);
	text_vprintf(check->log, fmt, args);
	va_end(args);
	text_put(check->log, "\n");
	return -EINVAL;
}

int btf_refuse_member(struct btf_check *check, const struct btf_type *t, const struct btf_member *m,
		      const char *message)
{
	return btf_refuse(check, t, "\n\t%s type_id=%u bits_offset=%u %s",
			  m->name_off ? btf_name(check->btf, m->name_off) : "(anon)", m->type,
			  btf_member_bits(t, m), message);
}

/* The two sections must lie behind the header without gap, overlap or rest. */
static int check_sections(struct btf_check *check, const struct btf_header *hdr, u32 size)
{
	u32 all = size - hdr->hdr_len, seen = 0;
	bool types_first = hdr->type_off < hdr->str_off ||
			   (hdr->type_off == hdr->str_off && hdr->type_len <= hdr->str_len);
	u32 off[2] = { hdr->type_off, hdr->str_off };
	u32 len[2] = { hdr->type_len, hdr->str_len };

	for (u32 i = 0; i < 2; i++) {
		u32 n = types_first ? i : 1 - i;

		if (off[n] > all)
			return refuse(check, -EINVAL, "Invalid section offset");
		if (off[n] > seen)
			return refuse(check, -EINVAL, "Unsupported section found");
		if (off[n] < seen)
			return refuse(check, -EINVAL, "Section overlap found");
		if (len[n] > all - seen)
			return refuse(check, -EINVAL, "Total section length too long");
		seen += len[n];
	}
	return seen == all ? 0 : refuse(check, -EINVAL, "Unsupported section found");
}

static int check_header(struct btf_check *check, const u8 *data, u32 size, struct btf_header *hdr)
{
	u32 claimed;

	if (size < offsetof(struct btf_header, hdr_len) + sizeof(claimed))
		return refuse(check, -EINVAL, "hdr_len not found");
	memcpy(&claimed, data + offsetof(struct btf_header, hdr_len), sizeof(claimed));
	if (size < claimed)
		return refuse(check, -EINVAL, "btf_header not found");
	for (u32 i = sizeof(*hdr); i < claimed; i++)
		if (data[i])
			return refuse(check, -E2BIG, "Unsupported btf_header");
	/* A short header has zeroes behind it, hdr_len itself not excepted. */
	memcpy(hdr, data, MIN(claimed, (u32)sizeof(*hdr)));
	if (hdr->magic != BTF_MAGIC)
		return refuse(check, -EINVAL, "Invalid magic");
	if (hdr->version != BTF_VERSION)
		return refuse(check, -ENOTSUPP, "Unsupported version");
	if (hdr->flags)
		return refuse(check, -ENOTSUPP, "Unsupported flags");
	if (!check->btf->base && size == hdr->hdr_len)
		return refuse(check, -EINVAL, "No data");
	return check_sections(check, hdr, size);
}

/* Copies the bytes so that the type section lies at a multiple of 4. */
static int take_bytes(struct btf *btf, const void *data, u32 size, u32 types_at)
{
	u32 shift = -types_at & 3;

	btf->memory = os_alloc((size_t)size + 4);
	if (!btf->memory)
		return -ENOMEM;
	btf->data = (u8 *)btf->memory + shift;
	btf->size = size;
	memcpy(btf->data, data, size);
	return 0;
}

static int check_strings(struct btf_check *check, const struct btf_header *hdr)
{
	struct btf *btf = check->btf;
	u64 at = (u64)hdr->hdr_len + hdr->str_off;

	if (at + hdr->str_len != btf->size)
		return refuse(check, -EINVAL, "String section is not at the end");
	btf->strings = (const char *)btf->data + at;
	btf->strings_len = hdr->str_len;
	if (btf->base && !hdr->str_len)
		return 0;
	if (!hdr->str_len || hdr->str_len - 1 > BTF_MAX_NAME_OFFSET ||
	    btf->strings[hdr->str_len - 1])
		return refuse(check, -EINVAL, "Invalid string section");
	if (!btf->base && btf->strings[0])
		return refuse(check, -EINVAL, "Invalid string section");
	return 0;
}

static const struct btf_type void_type;

static int check_descriptions(struct btf_check *check, const struct btf_header *hdr)
{
	struct btf *btf = check->btf;
	const u8 *at = btf->data + hdr->hdr_len + hdr->type_off;
	const u8 *end = at + hdr->type_len;

	if (!btf->base && !vec_push(&check->types, &void_type))
		return -ENOMEM;
	while (at < end) {
		const struct btf_type *t = (const struct btf_type *)at;
		u32 left = end - at;
		s64 more;

		check->id = btf->start_id + check->types.len;
		if (left < sizeof(*t))
			return btf_refuse(check, NULL, "meta_left:%u meta_needed:12", left);
		if (t->info & ~BTF_INFO_MASK)
			return btf_refuse(check, NULL, "Invalid btf_info:%x", t->info);
		more = btf_describe(check, t, left - sizeof(*t));
		if (more < 0)
			return more;
		if (check->id >= BTF_MAX_TYPE)
			return refuse(check, -E2BIG, "Exceeded max num of types");
		if (!vec_push(&check->types, t))
			return -ENOMEM;
		at += sizeof(*t) + more;
	}
	return 0;
}

static int check_types(struct btf_check *check, const struct btf_header *hdr)
{
	struct btf *btf = check->btf;
	u32 n;
	int err;

	if (hdr->type_off & 3)
		return refuse(check, -EINVAL, "Unaligned type_off");
	if (!btf->base && !hdr->type_len)
		return refuse(check, -EINVAL, "No type found");
	err = check_descriptions(check, hdr);
	btf->types = check->types.data;
	n = check->types.len;
	btf->n_types = btf->start_id + n;
	if (err)
		return err;
	btf->resolved = os_alloc(sizeof(u32) * (n + 1));
	btf->sizes = os_alloc(sizeof(u32) * (n + 1));
	if (!btf->resolved || !btf->sizes)
		return -ENOMEM;
	return btf_resolve_all(check);
}

/* Of the essential name: CO-RE asks for all types that share it. */
static u32 hash_name(const char *name)
{
	size_t len = btf_essential_len(name);
	u32 hash = HASH_START;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (u8)name[i]) * 16777619u;
	return hash;
}

/*
 * Chains rather than open addressing: any number of types may share one name, and adding
 * them must not cost the square of it. Chains are in the order of ids.
 */
static int index_names(struct btf *btf)
{
	u32 n = btf->n_types - btf->start_id, buckets = 16;

	while (buckets < n)
		buckets *= 2;
	btf->bucket_mask = buckets - 1;
	btf->buckets = os_alloc(sizeof(u32) * buckets);
	btf->chain = os_alloc(sizeof(u32) * (n + 1));
	if (!btf->buckets || !btf->chain)
		return -ENOMEM;
	for (u32 i = n; i-- > 0;) {
		const char *name = btf_name(btf, btf->types[i]->name_off);
		u32 *bucket = &btf->buckets[hash_name(name) & btf->bucket_mask];

		if (!name[0])
			continue;
		btf->chain[i] = *bucket;
		*bucket = btf->start_id + i;
	}
	return 0;
}

u32 btf_first_alike(const struct btf *btf, const char *name)
{
	return btf->buckets[hash_name(name) & btf->bucket_mask];
}

static s32 find_own(const struct btf *btf, const char *name, u32 kind)
{
	u32 id = btf_first_alike(btf, name);

	for (; id; id = btf->chain[id - btf->start_id]) {
		const struct btf_type *t = btf->types[id - btf->start_id];

		if ((!kind || btf_kind(t) == kind) && str_eq(btf_name(btf, t->name_off), name))
			return id;
	}
	return -ENOENT;
}

s32 btf_find(const struct btf *btf, const char *name, u32 kind)
{
	for (; btf && name[0]; btf = btf->base) {
		s32 id = find_own(btf, name, kind);

		if (id > 0)
			return id;
	}
	return -ENOENT;
}

int btf_parse(const void *data, u32 size, const struct btf *base, struct text *log,
	      struct btf **out)
{
	struct btf_header hdr = { 0 };
	struct btf_check check = { .log = log };
	struct btf *btf;
	int err;

	if (size > BTF_MAX_SIZE)
		return -E2BIG;
	btf = check.btf = os_alloc(sizeof(*btf));
	if (!btf)
		return -ENOMEM;
	btf->base = base;
	btf->start_id = base ? base->n_types : 0;
	btf->start_str = base ? base->start_str + base->strings_len : 0;

	err = check_header(&check, data, size, &hdr);
	if (!err)
		err = take_bytes(btf, data, size, hdr.hdr_len + hdr.type_off);
	if (!err)
		err = check_strings(&check, &hdr);
	if (!err)
		err = check_types(&check, &hdr);
	if (!err)
		err = index_names(btf);
	if (err) {
		btf_free(btf);
		return err;
	}
	*out = btf;
	return 0;
}

void btf_free(struct btf *btf)
{
	if (!btf)
		return;
	os_free(btf->memory);
	os_free(btf->types);
	os_free(btf->resolved);
	os_free(btf->sizes);
	os_free(btf->buckets);
	os_free(btf->chain);
	os_free(btf);
}
