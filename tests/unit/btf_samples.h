/* SPDX-License-Identifier: Apache-2.0 */
/* A BTF with every kind in it, and ways to damage it: what the BTF tests start from. */
#ifndef SKEP_TESTS_BTF_SAMPLES_H
#define SKEP_TESTS_BTF_SAMPLES_H

#include <stdlib.h>

#include "btf/btf.h"

/* The builder owns the bytes; ids are in the order of the calls. */
static inline struct btf_builder *sample_builder(void)
{
	struct btf_builder *b = btf_builder_new();
	s32 i32 = btf_add_int(b, "int", 4, BTF_INT_SIGNED);
	s32 chr = btf_add_int(b, "char", 1, BTF_INT_SIGNED);
	s32 u64t = btf_add_int(b, "unsigned long", 8, 0);
	s32 node = btf_add_struct(b, "node", 64, false); /* 4 */
	s32 color, cst, fwd, proto, func, var, u128, flt;

	btf_add_member(b, "next", 5, 0, 0); /* the pointer below */
	btf_add_member(b, "value", i32, 64, 0);
	btf_add_member(b, "low", i32, 96, 3);
	btf_add_member(b, "high", i32, 99, 5);
	btf_add_member(b, "comm", 7, 128, 0); /* the array below */
	btf_add_member(b, "color", 8, 256, 0);
	btf_add_member(b, NULL, 10, 320, 0);            /* the anonymous union below */
	btf_add_ptr(b, node);                           /* 5 */
	cst = btf_add_modifier(b, BTF_KIND_CONST, chr); /* 6 */
	btf_add_array(b, cst, i32, 16);                 /* 7 */
	color = btf_add_enum(b, "color", 4, false);     /* 8 */
	btf_add_enumerator(b, "RED", 0);
	btf_add_enumerator(b, "GREEN", 1);
	btf_add_typedef(b, "color_t", color); /* 9 */
	btf_add_struct(b, NULL, 8, true);     /* 10 */
	btf_add_member(b, "count", u64t, 0, 0);
	btf_add_member(b, "half", i32, 0, 0);
	fwd = btf_add_fwd(b, "opaque", false); /* 11 */
	btf_add_ptr(b, fwd);                   /* 12 */
	proto = btf_add_func_proto(b, i32);    /* 13 */
	btf_add_param(b, "ctx", 12);
	btf_add_param(b, "n", u64t);
	func = btf_add_func(b, "handler", proto, BTF_FUNC_GLOBAL); /* 14 */
	btf_add_enum(b, "big", 8, true);                           /* 15 */
	btf_add_enumerator(b, "HUGE", 1ll << 40);
	btf_add_enumerator(b, "MINUS", -1);
	var = btf_add_var(b, "counter", u64t, BTF_VAR_GLOBAL_ALLOCATED); /* 16 */
	btf_add_datasec(b, ".bss", 8);                                   /* 17 */
	btf_add_secinfo(b, var, 0, 8);
	flt = btf_add_float(b, "double", 8);  /* 18 */
	btf_add_struct(b, "wide", 32, false); /* 19 */
	btf_add_member(b, "d", flt, 0, 0);
	btf_add_member(b, "x", 20, 128, 0);
	u128 = btf_add_int(b, "__int128", 16, BTF_INT_SIGNED); /* 20 */
	btf_add_decl_tag(b, "tag", func, 1);                   /* 21 */
	btf_add_type_tag(b, "user", u128);                     /* 22 */
	btf_add_modifier(b, BTF_KIND_VOLATILE, u128);          /* 23 */
	btf_add_ptr(b, 22);                                    /* 24 */
	btf_add_array(b, 7, i32, 3);                           /* 25: char[3][16] */
	btf_add_modifier(b, BTF_KIND_RESTRICT, 5);             /* 26 */
	return b;
}

struct mutator {
	uint64_t state;
};

static inline uint32_t mutator_next(struct mutator *m, uint32_t below)
{
	m->state = m->state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(m->state >> 33) % below;
}

/* Changes a few bytes or words of the BTF; sometimes its length or header. */
static inline uint32_t mutate(struct mutator *m, uint8_t *bytes, uint32_t size)
{
	uint32_t changes = 1 + mutator_next(m, 3);

	while (changes--) {
		uint32_t at =
		    mutator_next(m, 8) ? 24 + mutator_next(m, size - 24) : mutator_next(m, size);

		switch (mutator_next(m, 6)) {
		case 0:
			bytes[at] ^= 1u << mutator_next(m, 8);
			break;
		case 1:
			bytes[at] = mutator_next(m, 256);
			break;
		case 2: /* a small number where a type id, count or offset may be */
		case 3:
			at &= ~3u;
			if (at + 4 <= size)
				memcpy(bytes + at, &(uint32_t){ mutator_next(m, 32) }, 4);
			break;
		case 4:
			at &= ~3u;
			if (at + 4 <= size)
				bytes[at + 3] = mutator_next(m, 24) | mutator_next(m, 2) << 7;
			break;
		case 5:
			if (!mutator_next(m, 8))
				size = mutator_next(m, size) + 1;
			break;
		}
		if (size <= 24)
			break;
	}
	return size;
}

#endif
