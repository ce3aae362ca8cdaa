/* SPDX-License-Identifier: Apache-2.0 */
#include "loader/check.h"

#include <elf.h>
#include <linux/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 64 /* of types inside each other; real ones stay far below */

struct check {
	const u8 *bytes;
	size_t size;
	char *why;
	size_t why_size;
	Elf64_Ehdr ehdr;
	Elf64_Shdr *sections;
	/* of the BTF */
	struct btf_header btf;
	const char *strings;
	const u8 **types; /* by id; [0] is void */
	u32 n_types;
	u8 *state; /* per type, while looking for one that contains itself */
};

static bool fail(struct check *check, const char *fmt, ...) PRINTF_LIKE(2, 3);

static bool fail(struct check *check, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(check->why, check->why_size, fmt, args);
	va_end(args);
	return false;
}

static bool inside(u64 offset, u64 len, u64 size)
{
	return offset <= size && len <= size - offset;
}

/* ---- ELF ---- */

static bool check_header(struct check *check)
{
	Elf64_Ehdr *ehdr = &check->ehdr;

	if (check->size < sizeof(*ehdr) || memcmp(check->bytes, ELFMAG, SELFMAG))
		return fail(check, "it is not an ELF file");
	memcpy(ehdr, check->bytes, sizeof(*ehdr));
	if (ehdr->e_ident[EI_CLASS] != ELFCLASS64 || ehdr->e_type != ET_REL ||
	    (ehdr->e_machine != EM_BPF && ehdr->e_machine != EM_NONE))
		return fail(check, "it is an ELF file, but not a relocatable one for BPF");
	if (ehdr->e_ident[EI_DATA] !=
	    (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB))
		return fail(check, "it is for machines of the other byte order");
	if (ehdr->e_shentsize != sizeof(Elf64_Shdr) || !ehdr->e_shnum ||
	    ehdr->e_shstrndx >= ehdr->e_shnum ||
	    !inside(ehdr->e_shoff, (u64)ehdr->e_shnum * sizeof(Elf64_Shdr), check->size))
		return fail(check, "its table of sections is broken");
	return true;
}

static bool check_string_table(struct check *check, u32 index)
{
	const Elf64_Shdr *section = index < check->ehdr.e_shnum ? &check->sections[index] : NULL;

	if (!section || section->sh_type != SHT_STRTAB || !section->sh_size ||
	    check->bytes[section->sh_offset + section->sh_size - 1])
		return fail(check, "section %u is not a proper string table", index);
	return true;
}

static u64 symbol_count(const struct check *check, u32 index)
{
	return check->sections[index].sh_size / sizeof(Elf64_Sym);
}

static bool check_symbols(struct check *check, u32 index)
{
	const Elf64_Shdr *section = &check->sections[index];

	if (section->sh_entsize != sizeof(Elf64_Sym) ||
	    !check_string_table(check, section->sh_link))
		return fail(check, "its symbol table is broken");
	for (u64 i = 0; i < symbol_count(check, index); i++) {
		Elf64_Sym sym;

		memcpy(&sym, check->bytes + section->sh_offset + i * sizeof(sym), sizeof(sym));
		if (sym.st_name >= check->sections[section->sh_link].sh_size ||
		    (sym.st_shndx >= check->ehdr.e_shnum && sym.st_shndx < SHN_LORESERVE))
			return fail(check, "symbol %llu is broken", (unsigned long long)i);
	}
	return true;
}

static bool check_relocations(struct check *check, u32 index)
{
	const Elf64_Shdr *section = &check->sections[index];
	u32 symbols = section->sh_link;

	if (section->sh_entsize != sizeof(Elf64_Rel) || section->sh_info >= check->ehdr.e_shnum ||
	    symbols >= check->ehdr.e_shnum || check->sections[symbols].sh_type != SHT_SYMTAB)
		return fail(check, "the relocations in section %u are broken", index);
	for (u64 i = 0; i < section->sh_size / sizeof(Elf64_Rel); i++) {
		Elf64_Rel rel;

		memcpy(&rel, check->bytes + section->sh_offset + i * sizeof(rel), sizeof(rel));
		if (ELF64_R_SYM(rel.r_info) >= symbol_count(check, symbols) ||
		    rel.r_offset >= check->sections[section->sh_info].sh_size)
			return fail(check, "relocation %llu of section %u is broken",
				    (unsigned long long)i, index);
	}
	return true;
}

static bool check_sections(struct check *check)
{
	u32 n = check->ehdr.e_shnum;

	check->sections = calloc(n, sizeof(*check->sections));
	if (!check->sections)
		return fail(check, "out of memory");
	memcpy(check->sections, check->bytes + check->ehdr.e_shoff, n * sizeof(*check->sections));
	for (u32 i = 1; i < n; i++)
		if (check->sections[i].sh_type != SHT_NOBITS &&
		    !inside(check->sections[i].sh_offset, check->sections[i].sh_size, check->size))
			return fail(check, "section %u lies outside of the file", i);
	if (!check_string_table(check, check->ehdr.e_shstrndx))
		return false;
	for (u32 i = 1; i < n; i++) {
		const Elf64_Shdr *section = &check->sections[i];

		if (section->sh_name >= check->sections[check->ehdr.e_shstrndx].sh_size)
			return fail(check, "section %u has no name", i);
		if (section->sh_type == SHT_SYMTAB && !check_symbols(check, i))
			return false;
	}
	for (u32 i = 1; i < n; i++)
		if (check->sections[i].sh_type == SHT_REL && !check_relocations(check, i))
			return false;
	return true;
}

static const Elf64_Shdr *find_section(const struct check *check, const char *name)
{
	const Elf64_Shdr *names = &check->sections[check->ehdr.e_shstrndx];

	for (u32 i = 1; i < check->ehdr.e_shnum; i++)
		if (check->sections[i].sh_type != SHT_NOBITS &&
		    strcmp((const char *)check->bytes + names->sh_offset +
			       check->sections[i].sh_name,
			   name) == 0)
			return &check->sections[i];
	return NULL;
}

/* ---- BTF ---- */

/* Bytes behind the struct btf_type, or -1 for a kind that does not exist. */
static s64 extra_size(u32 info)
{
	u64 vlen = BTF_INFO_VLEN(info);

	switch (BTF_INFO_KIND(info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return (s64)(vlen * sizeof(struct btf_member));
	case BTF_KIND_ENUM:
		return (s64)(vlen * sizeof(struct btf_enum));
	case BTF_KIND_ENUM64:
		return (s64)(vlen * sizeof(struct btf_enum64));
	case BTF_KIND_FUNC_PROTO:
		return (s64)(vlen * sizeof(struct btf_param));
	case BTF_KIND_DATASEC:
		return (s64)(vlen * sizeof(struct btf_var_secinfo));
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	}
	return -1;
}

static struct btf_type type_at(const struct check *check, u32 id)
{
	struct btf_type t;

	memcpy(&t, check->types[id], sizeof(t));
	return t;
}

/* Word w of what stands behind type id. */
static u32 word_of(const struct check *check, u32 id, u64 w)
{
	u32 word;

	memcpy(&word, check->types[id] + sizeof(struct btf_type) + w * 4, sizeof(word));
	return word;
}

static bool find_types(struct check *check, const u8 *data)
{
	const u8 *at = data + check->btf.hdr_len + check->btf.type_off;
	const u8 *end = at + check->btf.type_len;

	check->types =
	    calloc(check->btf.type_len / sizeof(struct btf_type) + 2, sizeof(*check->types));
	if (!check->types)
		return fail(check, "out of memory");
	check->n_types = 1;
	while (at < end) {
		struct btf_type t;
		s64 extra;

		if ((size_t)(end - at) < sizeof(t))
			return fail(check, "its BTF ends within a type");
		memcpy(&t, at, sizeof(t));
		extra = extra_size(t.info);
		if (extra < 0)
			return fail(check, "BTF type %u is of unknown kind %u", check->n_types,
				    BTF_INFO_KIND(t.info));
		if ((size_t)extra > (size_t)(end - at) - sizeof(t))
			return fail(check, "its BTF ends within a type");
		check->types[check->n_types++] = at;
		at += sizeof(t) + (size_t)extra;
	}
	return true;
}

static bool is_name(const struct check *check, u32 offset)
{
	return offset < check->btf.str_len;
}

static bool is_type(const struct check *check, u32 id)
{
	return id < check->n_types;
}

/* Names and type ids in the records behind a type: every stride words. */
static bool check_records(struct check *check, u32 id, u32 n, u32 stride, s32 name, s32 type)
{
	for (u32 i = 0; i < n; i++)
		if ((name >= 0 && !is_name(check, word_of(check, id, (u64)i * stride + name))) ||
		    (type >= 0 && !is_type(check, word_of(check, id, (u64)i * stride + type))))
			return fail(check, "BTF type %u refers to what is not there", id);
	return true;
}

static bool check_type(struct check *check, u32 id)
{
	struct btf_type t = type_at(check, id);
	u32 vlen = BTF_INFO_VLEN(t.info);

	if (!is_name(check, t.name_off))
		return fail(check, "BTF type %u has no name", id);
	switch (BTF_INFO_KIND(t.info)) {
	case BTF_KIND_PTR:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
	case BTF_KIND_TYPE_TAG:
		return is_type(check, t.type) || fail(check, "BTF type %u refers to no type", id);
	case BTF_KIND_FUNC_PROTO:
		if (!is_type(check, t.type))
			return fail(check, "BTF type %u returns no type", id);
		return check_records(check, id, vlen, 2, 0, 1);
	case BTF_KIND_ARRAY:
		return check_records(check, id, 1, 3, -1, 0) &&
		       check_records(check, id, 1, 3, -1, 1);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return check_records(check, id, vlen, 3, 0, 1);
	case BTF_KIND_ENUM:
		return check_records(check, id, vlen, 2, 0, -1);
	case BTF_KIND_ENUM64:
		return check_records(check, id, vlen, 3, 0, -1);
	case BTF_KIND_DATASEC:
		return check_records(check, id, vlen, 3, -1, 0);
	}
	return true;
}

static bool check_nesting(struct check *check, u32 id, u32 depth);

static bool check_members(struct check *check, u32 id, u32 vlen, u32 depth)
{
	for (u32 i = 0; i < vlen; i++)
		if (!check_nesting(check, word_of(check, id, (u64)i * 3 + 1), depth))
			return false;
	return true;
}

/* Follows what a value of the type is made of. */
static bool check_nesting(struct check *check, u32 id, u32 depth)
{
	enum { UNSEEN, OPEN, FINE };
	struct btf_type t;
	bool fine = true;

	if (!id || check->state[id] == FINE)
		return true;
	if (check->state[id] == OPEN || depth > MAX_DEPTH)
		return fail(check, "BTF type %u contains itself, or too much", id);
	check->state[id] = OPEN;
	t = type_at(check, id);
	switch (BTF_INFO_KIND(t.info)) {
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
	case BTF_KIND_VAR:
		fine = check_nesting(check, t.type, depth + 1);
		break;
	case BTF_KIND_ARRAY:
		fine = check_nesting(check, word_of(check, id, 0), depth + 1);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		fine = check_members(check, id, BTF_INFO_VLEN(t.info), depth + 1);
		break;
	}
	check->state[id] = FINE;
	return fine;
}

static bool check_btf(struct check *check, const Elf64_Shdr *section)
{
	const u8 *data = check->bytes + section->sh_offset;
	struct btf_header *btf = &check->btf;
	u64 body;

	if (section->sh_size < sizeof(*btf))
		return fail(check, "its BTF has no header");
	memcpy(btf, data, sizeof(*btf));
	if (btf->magic != BTF_MAGIC || btf->hdr_len < sizeof(*btf) ||
	    btf->hdr_len > section->sh_size)
		return fail(check, "its BTF has no proper header");
	body = section->sh_size - btf->hdr_len;
	if (btf->type_off % 4 || !inside(btf->type_off, btf->type_len, body) ||
	    !inside(btf->str_off, btf->str_len, body) || !btf->str_len)
		return fail(check, "its BTF lies outside of its section");
	check->strings = (const char *)data + btf->hdr_len + btf->str_off;
	if (check->strings[0] || check->strings[btf->str_len - 1])
		return fail(check, "the strings of its BTF do not end");
	if (!find_types(check, data))
		return false;
	for (u32 id = 1; id < check->n_types; id++)
		if (!check_type(check, id))
			return false;
	check->state = calloc(check->n_types, 1);
	if (!check->state)
		return fail(check, "out of memory");
	for (u32 id = 1; id < check->n_types; id++)
		if (!check_nesting(check, id, 0))
			return false;
	return true;
}

const char *check_object(const void *bytes, size_t size, char *why, size_t why_size)
{
	struct check check = { .bytes = bytes, .size = size, .why = why, .why_size = why_size };
	const Elf64_Shdr *btf;
	bool fine = check_header(&check) && check_sections(&check);

	if (fine) {
		btf = find_section(&check, ".BTF");
		fine = !btf || check_btf(&check, btf);
	}
	free(check.sections);
	free(check.types);
	free(check.state);
	return fine ? NULL : why;
}
