/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CO-RE records beside this machine's Linux: random views of its own types, with members
 * left out, of other sizes and kinds, are given to it with one record for one instruction.
 * What it makes of the instruction, or its errno, must be what core_relocate makes.
 * SKEP_CORE_ROUNDS sets their number.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "btf/core.h"
#include "base/str.h"
#include "isa/asm.h"
#include "lib/gen.h"
#include "lib/test.h"
#include "unit/maps_common.h"

#define MAX_DEPTH 4

static struct btf *vmlinux;
static struct gen_rng rng;

/* A record and the program around it. */
struct trial {
	struct btf_builder *builder;
	const void *bytes;
	u32 size;
	struct bpf_core_relo relo;
	char access[200];
	struct bpf_insn insns[4];
	u32 n_insns, main_id;
	char root[128];
};

static struct {
	u32 same, poisoned, failed, moved, differ;
} count;

static bool read_vmlinux(void)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY);
	size_t room = 64 << 20, size = 0;
	ssize_t n = 0;
	u8 *bytes;
	bool ok;

	if (fd < 0)
		return false;
	bytes = malloc(room);
	while (size < room && (n = read(fd, bytes + size, room - size)) > 0)
		size += (size_t)n;
	ok = n == 0 && !btf_parse(bytes, (u32)size, NULL, NULL, &vmlinux);
	free(bytes);
	close(fd);
	return ok;
}

/* ---- views of the kernel's types ---- */

static s32 view_of(struct btf_builder *b, u32 id, u32 depth);

static s32 view_of_int(struct btf_builder *b, const struct btf_type *t)
{
	static const u32 sizes[] = { 1, 2, 4, 8 };
	u32 size = gen_chance(&rng, 85) ? t->size : sizes[gen_below(&rng, 4)];
	u32 flags = gen_chance(&rng, 90) ? BTF_INT_ENCODING(btf_int_data(t))
					 : gen_below(&rng, 2) * BTF_INT_SIGNED;

	if (flags & BTF_INT_BOOL)
		size = 1;
	return btf_add_int(b, btf_name(vmlinux, t->name_off), MIN(size, 8u), flags);
}

/*
 * Not at the top: Linux remembers by its name alone which types of its own a type might be,
 * so the answer for an enum of 8 bytes would be the one for the next enum of that name, too.
 */
static s32 view_of_enum(struct btf_builder *b, const struct btf_type *t, u32 depth)
{
	s32 id = btf_add_enum(b, btf_name(vmlinux, t->name_off),
			      !depth || gen_chance(&rng, 90) ? t->size : 8, btf_kflag(t));

	if (btf_kind(t) == BTF_KIND_ENUM)
		for (u32 i = 0; i < MIN(btf_vlen(t), 5u); i++) {
			const struct btf_enum *e = &((const struct btf_enum *)(t + 1))[i];

			btf_add_enumerator(b, btf_name(vmlinux, e->name_off),
					   gen_chance(&rng, 80) ? e->val : e->val + 1);
		}
	return id;
}

/* A struct with some of the members; what is inside them is made first. */
static s32 view_of_struct(struct btf_builder *b, const struct btf_type *t, u32 depth)
{
	struct {
		s32 type;
		const char *name;
		u32 bits, width;
	} kept[4];
	u32 n = 0, want = 1 + gen_below(&rng, 3), size = t->size;
	const char *name = btf_name(vmlinux, t->name_off);
	char flavored[200];
	s32 id;

	for (u32 i = 0; btf_vlen(t) && i < 20 && n < want; i++) {
		const struct btf_member *m = &btf_members(t)[gen_below(&rng, btf_vlen(t))];
		bool twice = false;

		for (u32 k = 0; k < n; k++)
			twice |=
			    kept[k].name[0] && str_eq(kept[k].name, btf_name(vmlinux, m->name_off));
		if (twice)
			continue;
		kept[n].type = view_of(b, m->type, depth + 1);
		kept[n].name = btf_name(vmlinux, m->name_off);
		kept[n].bits = btf_member_bits(t, m);
		kept[n].width = btf_member_width(t, m);
		if (gen_chance(&rng, 4))
			kept[n].name = "no_such_member";
		n++;
	}
	snprintf(flavored, sizeof(flavored), "%s%s", name,
		 name[0] && gen_chance(&rng, 20) ? "___mine" : "");
	id = btf_add_struct(b, flavored, size, btf_kind(t) == BTF_KIND_UNION);
	/* Members must be in order. */
	for (u32 i = 0; i < n; i++)
		for (u32 k = i + 1; k < n; k++)
			if (kept[k].bits < kept[i].bits) {
				__typeof__(kept[0]) swap = kept[k];

				kept[k] = kept[i];
				kept[i] = swap;
			}
	for (u32 i = 0; i < n; i++)
		btf_add_member(b, kept[i].name, (u32)kept[i].type, kept[i].bits, kept[i].width);
	return id;
}

static s32 view_of(struct btf_builder *b, u32 id, u32 depth)
{
	const struct btf_type *t = btf_resolve(vmlinux, id, NULL);

	if (depth > MAX_DEPTH || gen_chance(&rng, 3))
		return btf_add_int(b, "other", 4, 0);
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
		return view_of_int(b, t);
	case BTF_KIND_ENUM:
		return view_of_enum(b, t, depth);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return view_of_struct(b, t, depth);
	case BTF_KIND_ARRAY: {
		u32 n = btf_array_of(t)->nelems;
		s32 elem = view_of(b, btf_array_of(t)->type, depth + 1);
		s32 index = btf_add_int(b, "index", 4, 0);

		return btf_add_array(b, (u32)elem, (u32)index,
				     gen_chance(&rng, 90) ? n : gen_below(&rng, 4));
	}
	default:
		return btf_add_ptr(b, 0);
	}
}

/* ---- records ---- */

/* A way into the view, and sometimes one step too many. */
static void random_access(struct trial *t, const struct btf *local, u32 id, u32 kind)
{
	struct text out = text_in(t->access, sizeof(t->access));

	text_printf(&out, "%u", gen_chance(&rng, 95) ? 0 : gen_below(&rng, 3));
	if (kind > BPF_CORE_FIELD_RSHIFT_U64 && gen_chance(&rng, 97))
		return;
	for (u32 n = 0; n < 6; n++) {
		const struct btf_type *type = btf_resolve(local, id, NULL);
		u32 index;

		if (type && btf_is_composite(type) && btf_vlen(type)) {
			index = gen_below(&rng, btf_vlen(type) + gen_chance(&rng, 2));
			id = btf_members(type)[MIN(index, btf_vlen(type) - 1)].type;
		} else if (type && btf_kind(type) == BTF_KIND_ARRAY) {
			index = gen_below(&rng, btf_array_of(type)->nelems + 1);
			id = btf_array_of(type)->type;
		} else {
			if (!gen_chance(&rng, 1))
				return;
			index = 0;
		}
		if (n && gen_chance(&rng, 8))
			return;
		text_printf(&out, ":%u", index);
	}
}

/* Any type of the kernel that has a name and is worth a view. */
static u32 random_root(u32 kind)
{
	for (;;) {
		u32 id = 1 + gen_below(&rng, vmlinux->n_types - 1);
		const struct btf_type *t = btf_type(vmlinux, id);
		bool is_enum = btf_kind(t) == BTF_KIND_ENUM;

		if (!t->name_off || !btf_vlen(t))
			continue;
		if (kind == BPF_CORE_ENUMVAL_EXISTS || kind == BPF_CORE_ENUMVAL_VALUE
			? is_enum
			: btf_is_composite(t))
			return id;
	}
}

static void make_local_types(struct trial *t, u32 kind)
{
	struct btf_builder *b = t->builder;
	u32 root = random_root(kind);
	s32 integer, proto, id = view_of(b, root, 0);

	snprintf(t->root, sizeof(t->root), "%s",
		 btf_name(vmlinux, btf_type(vmlinux, root)->name_off));
	integer = btf_add_int(b, "int", 4, BTF_INT_SIGNED);
	proto = btf_add_func_proto(b, (u32)integer);
	t->main_id = (u32)btf_add_func(b, "main", (u32)proto, 1);
	t->relo.type_id = (u32)id;
}

/* The access string must be in the BTF: a declaration tag holds it. */
static bool finish_types(struct trial *t, struct btf **local)
{
	const void *bytes = btf_builder_data(t->builder, &t->size);
	struct btf *first;
	s32 tag;

	if (!bytes || btf_parse(bytes, t->size, NULL, NULL, &first))
		return false;
	random_access(t, first, t->relo.type_id, t->relo.kind);
	btf_free(first);
	tag = btf_add_decl_tag(t->builder, t->access, t->main_id, -1);
	t->bytes = btf_builder_data(t->builder, &t->size);
	if (tag < 0 || !t->bytes || btf_parse(t->bytes, t->size, NULL, NULL, local))
		return false;
	t->relo.access_str_off = btf_type(*local, (u32)tag)->name_off;
	return true;
}

/* What the record comes to in the program's own types: what a compiler puts there. */
static u64 local_value(const struct trial *t, const struct btf *local)
{
	for (s32 guess = -1; guess < 2048; guess++) {
		struct bpf_insn probe[2] = { { .code = BPF_LD | BPF_IMM | BPF_DW, .imm = guess },
					     { .imm = guess < 0 ? -1 : 0 } };

		if (!core_relocate(local, local, &t->relo, 0, probe, 2, NULL))
			return insn_imm64(probe);
	}
	return 0;
}

static void make_insns(struct trial *t, const struct btf *local)
{
	static const u8 sizes[] = { BPF_B, BPF_H, BPF_W, BPF_DW };
	u64 value = gen_chance(&rng, 97) ? local_value(t, local) : 3;

	if (gen_chance(&rng, 70)) {
		t->insns[0] =
		    (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = (s32)value };
		t->n_insns = 2;
	} else if (gen_chance(&rng, 50)) {
		t->insns[0] =
		    (struct bpf_insn){ .code = BPF_LD | BPF_IMM | BPF_DW, .imm = (s32)value };
		t->insns[1].imm = (s32)(value >> 32);
		t->n_insns = 3;
	} else {
		t->insns[0] =
		    (struct bpf_insn){ .code = BPF_LDX | BPF_MEM | sizes[gen_below(&rng, 4)],
				       .dst_reg = 0,
				       .src_reg = 2,
				       .off = (s16)value };
		t->n_insns = 2;
	}
	t->insns[t->n_insns - 1] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
}

/* ---- Linux ---- */

static int load_btf(const struct trial *t)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.btf = (u64)(uintptr_t)t->bytes;
	attr.btf_size = t->size;
	return linux_bpf(BPF_BTF_LOAD, &attr);
}

/* What Linux's log says of the first instruction that it looks at: "0: (b7) r0 = 5". */
static int linux_says(const struct trial *t, int btf_fd, char *line, size_t size)
{
	static char log[1 << 16];
	struct bpf_func_info func = { 0, t->main_id };
	union bpf_attr attr;
	char *at;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	attr.insns = (u64)(uintptr_t)t->insns;
	attr.insn_cnt = t->n_insns;
	attr.license = (u64)(uintptr_t) "GPL";
	attr.log_level = 2;
	attr.log_buf = (u64)(uintptr_t)log;
	attr.log_size = sizeof(log);
	attr.prog_btf_fd = (u32)btf_fd;
	attr.func_info = (u64)(uintptr_t)&func;
	attr.func_info_cnt = 1;
	attr.func_info_rec_size = sizeof(func);
	attr.core_relos = (u64)(uintptr_t)&t->relo;
	attr.core_relo_cnt = 1;
	attr.core_relo_rec_size = sizeof(t->relo);
	log[0] = line[0] = 0;
	fd = linux_bpf(BPF_PROG_LOAD, &attr);
	if (fd >= 0)
		close(fd);
	at = strstr(log, "0: (");
	if (at)
		snprintf(line, size, "%.*s", (int)strcspn(at + 3, ";\n"), at + 3);
	while (line[0] && line[strlen(line) - 1] == ' ')
		line[strlen(line) - 1] = 0;
	return fd < 0 ? fd : 0;
}

/* ---- comparing ---- */

static void ours_as_line(const struct bpf_insn *insn, char *line, size_t size)
{
	struct text out = text_in(line, size);

	isa_disasm(&out, insn, NULL);
}

static void compare(struct trial *t, const struct btf *local)
{
	char linux_line[256], line[256], before[256];
	struct bpf_insn insns[4];
	int fd = load_btf(t), theirs, ours;

	if (fd < 0)
		return;
	memcpy(insns, t->insns, sizeof(insns));
	theirs = linux_says(t, fd, linux_line, sizeof(linux_line));
	close(fd);
	ours = core_relocate(local, vmlinux, &t->relo, 0, insns, t->n_insns, NULL);
	ours_as_line(t->insns, before, sizeof(before));
	ours_as_line(insns, line, sizeof(line));
	if (insns[0].code == (BPF_JMP | BPF_CALL) && !ours) {
		count.poisoned++;
		snprintf(line, sizeof(line), "(85) call unknown#%d", CORE_POISON);
	}
	count.failed += ours != 0;
	count.moved += !ours && strcmp(before, line) != 0;
	/* Without a look at an instruction it was the record that Linux refused. */
	if (linux_line[0] ? !ours && strcmp(linux_line, line) == 0 : ours == theirs) {
		count.same++;
		return;
	}
	if (count.differ++ < 10)
		test_note("%s kind %u access %s \"%s\": Linux %d \"%s\", Skep %d \"%s\"", t->root,
			  t->relo.kind, t->access, before, theirs, linux_line, ours, line);
}

TEST(records_come_to_what_linux_makes_of_them)
{
	const char *more = getenv("SKEP_CORE_ROUNDS");
	u32 rounds = more ? (u32)strtoul(more, NULL, 0) : 2500;
	const char *why = linux_refuses();

	if (why)
		SKIP("Linux's verifier cannot be asked: %s", why);
	if (!read_vmlinux())
		SKIP("this Linux shows no BTF of itself");
	rng.state = 1;
	for (u32 i = 0; i < rounds; i++) {
		struct trial t = { .builder = btf_builder_new() };
		struct btf *local = NULL;

		t.relo.kind = gen_below(&rng, 13);
		make_local_types(&t, t.relo.kind);
		if (finish_types(&t, &local)) {
			make_insns(&t, local);
			compare(&t, local);
		}
		btf_free(local);
		btf_builder_free(t.builder);
	}
	test_note("%u of %u records alike: %u changed an instruction, %u poisoned it, %u refused",
		  count.same, rounds, count.moved, count.poisoned, count.failed);
	CHECK_EQ(count.differ, 0);
	CHECK(count.same > rounds / 2 && count.moved > rounds / 10 && count.poisoned);
	btf_free(vmlinux);
}
