/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/lib/subject.h"

#include <string.h>

#include "btf/btf.h"
#include "isa/insn.h"

const struct fixture_desc fixtures[FIXTURE_COUNT] = {
#define X(name, type, key, value, entries, flags, id)                                              \
	{ #name, type, key, value, entries, flags, id },
	FIXTURES(X)
#undef X
};

bool verdict_accepts(const struct verdict *verdict)
{
	return verdict->judged && verdict->err == 0;
}

/*
 *	[1] int
 *	[2] struct bpf_spin_lock { int val; }
 *	[3] struct guarded { int cnt; struct bpf_spin_lock lock; }
 *	[4] struct bpf_timer, 16 bytes
 *	[5] struct timed { struct bpf_timer timer; }
 *	[6] struct prog_test_ref_kfunc	[7] struct prog_test_member
 *	[8] untrusted kptr to [6]  [9] referenced kptr to [6]  [10] to [7]
 *	[11] [12] [13] pointers to these
 *	[14] struct pointers { three of them }
 */
#define KIND(kind, vlen) ((u32)(kind) << 24 | (vlen))

enum {
	S_LOCK = 1,
	S_VAL = 15,
	S_CNT = 19,
	S_GUARDED = 23,
	S_TIMER = 31,
	S_TIMED = 41,
	S_POINTERS = 47,
	S_REF = 56,
	S_MEMBER = 76,
	S_UNTRUSTED = 93,
	S_KPTR = 108,
};

static const char strings[] = "\0bpf_spin_lock\0val\0cnt\0guarded\0bpf_timer\0timed\0pointers\0"
			      "prog_test_ref_kfunc\0prog_test_member\0kptr_untrusted\0kptr";

static const u32 types[] = {
	0, KIND(BTF_KIND_INT, 0), 4, BTF_INT_SIGNED << 24 | 32,
	S_LOCK, KIND(BTF_KIND_STRUCT, 1), 4, S_VAL, 1, 0,
	S_GUARDED, KIND(BTF_KIND_STRUCT, 2), 8, S_CNT, 1, 0, S_VAL, 2, 32,
	S_TIMER, KIND(BTF_KIND_STRUCT, 0), 16,
	S_TIMED, KIND(BTF_KIND_STRUCT, 1), 16, S_VAL, 4, 0,
	S_REF, KIND(BTF_KIND_STRUCT, 0), 0,
	S_MEMBER, KIND(BTF_KIND_STRUCT, 0), 0,
	S_UNTRUSTED, KIND(BTF_KIND_TYPE_TAG, 0), 6,
	S_KPTR, KIND(BTF_KIND_TYPE_TAG, 0), 6,
	S_KPTR, KIND(BTF_KIND_TYPE_TAG, 0), 7,
	0, KIND(BTF_KIND_PTR, 0), 8,
	0, KIND(BTF_KIND_PTR, 0), 9,
	0, KIND(BTF_KIND_PTR, 0), 10,
	S_POINTERS, KIND(BTF_KIND_STRUCT, 3), 24,
	S_VAL, 11, 0, S_VAL, 12, 64, S_VAL, 13, 128,
};

const void *fixture_btf(u32 *size)
{
	static struct {
		struct btf_header header;
		u32 types[ARRAY_SIZE(types)];
		char strings[sizeof(strings)];
	} __attribute__((packed)) raw = {
		.header = {
			.magic = BTF_MAGIC,
			.version = BTF_VERSION,
			.hdr_len = sizeof(struct btf_header),
			.type_len = sizeof(types),
			.str_off = sizeof(types),
			.str_len = sizeof(strings),
		},
	};

	memcpy(raw.types, types, sizeof(types));
	memcpy(raw.strings, strings, sizeof(strings));
	*size = sizeof(struct btf_header) + sizeof(types) + sizeof(strings);
	return &raw;
}

/* Starts of functions: 0 and what is called or handed out as callback; sorted. */
static u32 function_starts(const struct subject *s, u32 *starts, u32 max)
{
	u32 n = 1;

	starts[0] = 0;
	for (u32 i = 0; i < s->n_insns; i += insn_slots(&s->insns[i])) {
		const struct bpf_insn *insn = &s->insns[i];
		u32 start = i + (u32)insn->imm + 1, at = n;

		if (!insn_is_subprog_call(insn) &&
		    !(insn_is_ldimm64(insn) && insn->src_reg == BPF_PSEUDO_FUNC))
			continue;
		while (at > 0 && starts[at - 1] > start)
			at--;
		if ((at > 0 && starts[at - 1] == start) || n == max)
			continue;
		memmove(&starts[at + 1], &starts[at], (n - at) * sizeof(*starts));
		starts[at] = start;
		n++;
	}
	return n;
}

void subject_add_functions(struct subject *s, struct btf_builder *b, u32 int_id)
{
	s32 proto = btf_add_func_proto(b, int_id);
	u32 starts[ARRAY_SIZE(s->func_info)];

	s->n_func_info = function_starts(s, starts, ARRAY_SIZE(starts));
	for (u32 i = 0; i < s->n_func_info; i++)
		s->func_info[i] = (struct bpf_func_info){
			starts[i], (u32)btf_add_func(b, "f", (u32)proto, BTF_FUNC_STATIC)
		};
}

bool subject_take_btf(struct subject *s, struct btf_builder *b)
{
	const void *raw = btf_builder_data(b, &s->btf_size);

	if (!raw || s->btf_size > sizeof(s->btf)) {
		s->btf_size = 0;
		return false;
	}
	memcpy(s->btf, raw, s->btf_size);
	return true;
}

void subject_describe_functions(struct subject *s)
{
	struct btf_builder *b = btf_builder_new();

	if (!b)
		return;
	subject_add_functions(s, b, (u32)btf_add_int(b, "int", 4, BTF_INT_SIGNED));
	subject_take_btf(s, b);
	btf_builder_free(b);
}
