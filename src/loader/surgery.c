/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes to the bytes of an object before libbpf reads them. Each program of an object is to
 * be judged alone; but libbpf takes an object whole or not at all. So what only some of its
 * programs need, and what this libbpf is too old for, is put out of its sight: a section is
 * hidden by giving it another type, an unknown symbol is made weak.
 *
 * All of this runs on objects that check_object has found good.
 */
#include <elf.h>
#include <string.h>

#include "loader/parts.h"

struct elf {
	u8 *bytes;
	Elf64_Ehdr *ehdr;
	Elf64_Shdr *sections;
	u32 n;
};

/* False where tables are not aligned: no compiler writes such files. */
static bool open_elf(void *bytes, struct elf *elf)
{
	elf->bytes = bytes;
	elf->ehdr = bytes;
	if ((uintptr_t)bytes % 8 || elf->ehdr->e_shoff % 8)
		return false;
	elf->sections = (Elf64_Shdr *)(void *)(elf->bytes + elf->ehdr->e_shoff);
	elf->n = elf->ehdr->e_shnum;
	return true;
}

static const char *section_name(const struct elf *elf, u32 i)
{
	const Elf64_Shdr *names = &elf->sections[elf->ehdr->e_shstrndx];

	if (i >= elf->n || elf->sections[i].sh_name >= names->sh_size)
		return "";
	return (const char *)elf->bytes + names->sh_offset + elf->sections[i].sh_name;
}

static bool has_programs(const struct elf *elf, u32 i)
{
	return i < elf->n && elf->sections[i].sh_type == SHT_PROGBITS &&
	       (elf->sections[i].sh_flags & SHF_EXECINSTR) && elf->sections[i].sh_size &&
	       strcmp(section_name(elf, i), ".text") != 0;
}

static Elf64_Shdr *symbol_table(const struct elf *elf)
{
	for (u32 i = 1; i < elf->n; i++)
		if (elf->sections[i].sh_type == SHT_SYMTAB && elf->sections[i].sh_offset % 8 == 0)
			return &elf->sections[i];
	return NULL;
}

static Elf64_Sym *symbols_of(const struct elf *elf, u32 *n)
{
	const Elf64_Shdr *table = symbol_table(elf);

	*n = table ? (u32)(table->sh_size / sizeof(Elf64_Sym)) : 0;
	return table ? (Elf64_Sym *)(void *)(elf->bytes + table->sh_offset) : NULL;
}

static const char *symbol_name(const struct elf *elf, const Elf64_Sym *sym)
{
	const Elf64_Shdr *table = symbol_table(elf);

	return (const char *)elf->bytes + elf->sections[table->sh_link].sh_offset + sym->st_name;
}

void elf_hide_parts(void *bytes)
{
	struct elf elf;

	if (!open_elf(bytes, &elf))
		return;
	for (u32 i = 1; i < elf.n; i++) {
		Elf64_Shdr *section = &elf.sections[i];
		const char *name = section_name(&elf, i);

		/* Tables of functions: their programs are judged, the tables are not made. Of a
		 * version only four bytes are known, and no kernel asks for it any more. */
		if (strncmp(name, ".struct_ops", 11) == 0 ||
		    strncmp(name, "?.struct_ops", 12) == 0 || strcmp(name, "version") == 0)
			section->sh_type = SHT_NOTE;
	}
}

void elf_export_programs(void *bytes)
{
	struct elf elf;
	Elf64_Sym *syms;
	u32 n;

	if (!open_elf(bytes, &elf))
		return;
	syms = symbols_of(&elf, &n);
	for (u32 i = 1; i < n; i++)
		if (ELF64_ST_TYPE(syms[i].st_info) == STT_FUNC &&
		    ELF64_ST_BIND(syms[i].st_info) == STB_LOCAL &&
		    has_programs(&elf, syms[i].st_shndx))
			syms[i].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
}

void elf_weaken_externs(void *bytes)
{
	struct elf elf;
	Elf64_Sym *syms;
	u32 n;

	if (!open_elf(bytes, &elf))
		return;
	syms = symbols_of(&elf, &n);
	for (u32 i = 1; i < n; i++)
		if (syms[i].st_shndx == SHN_UNDEF && ELF64_ST_BIND(syms[i].st_info) == STB_GLOBAL)
			syms[i].st_info = ELF64_ST_INFO(STB_WEAK, ELF64_ST_TYPE(syms[i].st_info));
}

void elf_hide_symbol(void *bytes, const char *name)
{
	struct elf elf;
	Elf64_Sym *syms;
	u32 n;

	if (!open_elf(bytes, &elf))
		return;
	syms = symbols_of(&elf, &n);
	for (u32 i = 1; i < n; i++)
		if (syms[i].st_shndx == SHN_UNDEF && strcmp(symbol_name(&elf, &syms[i]), name) == 0)
			syms[i].st_info =
			    ELF64_ST_INFO(STB_LOCAL, ELF64_ST_TYPE(syms[i].st_info));
}

void elf_isolate(void *bytes, const char *keep)
{
	struct elf elf;

	if (!open_elf(bytes, &elf))
		return;
	for (u32 i = 1; i < elf.n; i++) {
		Elf64_Shdr *section = &elf.sections[i];

		if (section->sh_type == SHT_REL && has_programs(&elf, section->sh_info) &&
		    strcmp(section_name(&elf, section->sh_info), keep) != 0)
			section->sh_type = SHT_NOTE;
	}
}

static const Elf64_Sym *find_program(const struct elf *elf, const char *name)
{
	u32 n;
	const Elf64_Sym *syms = symbols_of(elf, &n);

	for (u32 i = 1; i < n; i++)
		if (ELF64_ST_TYPE(syms[i].st_info) == STT_FUNC &&
		    has_programs(elf, syms[i].st_shndx) &&
		    strcmp(symbol_name(elf, &syms[i]), name) == 0)
			return &syms[i];
	return NULL;
}

static const char *listed(const char *name, char names[][64], u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return names[i];
	return NULL;
}

const char *elf_strong_reference(const void *bytes, const char *program, char names[][64], u32 n)
{
	const Elf64_Sym *syms, *prog, *to;
	const char *found = NULL;
	struct elf elf;
	u32 n_syms;

	if (!n || !open_elf((void *)bytes, &elf))
		return NULL;
	syms = symbols_of(&elf, &n_syms);
	prog = find_program(&elf, program);
	for (u32 i = 1; prog && i < elf.n && !found; i++) {
		const Elf64_Shdr *section = &elf.sections[i];

		if (section->sh_type != SHT_REL || section->sh_info != prog->st_shndx)
			continue;
		for (u64 at = 0; at + sizeof(Elf64_Rel) <= section->sh_size && !found;
		     at += sizeof(Elf64_Rel)) {
			Elf64_Rel rel;

			memcpy(&rel, elf.bytes + section->sh_offset + at, sizeof(rel));
			to = &syms[ELF64_R_SYM(rel.r_info)];
			if (rel.r_offset - prog->st_value < prog->st_size &&
			    to->st_shndx == SHN_UNDEF && ELF64_ST_BIND(to->st_info) == STB_GLOBAL)
				found = listed(symbol_name(&elf, to), names, n);
		}
	}
	return found;
}

void elf_each_section(const void *bytes, void (*seen)(void *data, const char *section), void *data)
{
	struct elf elf;

	if (!open_elf((void *)bytes, &elf))
		return;
	for (u32 i = 1; i < elf.n; i++)
		if (has_programs(&elf, i))
			seen(data, section_name(&elf, i));
}

void elf_each_program(const void *bytes, const char *section,
		      void (*seen)(void *data, const char *name), void *data)
{
	const Elf64_Sym *syms;
	struct elf elf;
	u32 n;

	if (!open_elf((void *)bytes, &elf))
		return;
	syms = symbols_of(&elf, &n);
	for (u32 i = 1; i < n; i++)
		if (ELF64_ST_TYPE(syms[i].st_info) == STT_FUNC &&
		    has_programs(&elf, syms[i].st_shndx) &&
		    strcmp(section_name(&elf, syms[i].st_shndx), section) == 0)
			seen(data, symbol_name(&elf, &syms[i]));
}
