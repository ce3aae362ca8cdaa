/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open-coded iterators over numbers and over set bits. The opaque bytes on the program's
 * stack are theirs; the verifier sees to it that each is made once, destroyed once, and
 * otherwise only asked for its next element.
 */
#include "helpers/kfuncs.h"
#include "helpers/probe.h"
#include "os/os.h"

#define KFUNC_FN(name)                                                                             \
	u64 kfunc_run_bpf_##name(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)

#define MAX_ROUNDS   (8 << 20) /* of a loop over numbers, as of bpf_loop */
#define MAX_WORDS    511
#define BITS_OF_WORD 64

/* ---- numbers ---- */

struct iter_num {
	s32 at, end; /* the element given last, and behind the last one */
};

static struct iter_num *num_of(u64 r)
{
	return (struct iter_num *)(uintptr_t)r;
}

/* (iterator, start, end) */
KFUNC_FN(iter_num_new)
{
	struct iter_num *it = num_of(r1);
	s64 start = (s32)r2, end = (s32)r3;

	*it = (struct iter_num){ 0 };
	if (start > end)
		return (u32)-EINVAL;
	if (end - start > MAX_ROUNDS)
		return (u32)-E2BIG;
	/* One before the lowest number wraps, and so does the step that comes first. */
	*it = (struct iter_num){ (s32)((u32)start - 1), (s32)end };
	return 0;
}

KFUNC_FN(iter_num_next)
{
	struct iter_num *it = num_of(r1);
	s32 next = (s32)((u32)it->at + 1);

	if (next >= it->end) {
		*it = (struct iter_num){ 0 };
		return 0;
	}
	it->at = next;
	return (u64)(uintptr_t)&it->at;
}

KFUNC_FN(iter_num_destroy)
{
	*num_of(r1) = (struct iter_num){ 0 };
	return 0;
}

/* ---- bits ---- */

struct iter_bits {
	union {
		u64 *words; /* a copy, when there are more than one */
		u64 word;
	};
	s32 n_bits; /* 0: there are none */
	s32 at;	    /* the element given last; -1 at first */
};

_Static_assert(sizeof(struct iter_bits) == 16, "the size of struct bpf_iter_bits");

static struct iter_bits *bits_of(u64 r)
{
	return (struct iter_bits *)(uintptr_t)r;
}

/* Entered into rc->held, so that a run which is ended early frees it. */
static void drop_words(void *words, struct run_ctx *rc)
{
	for (u32 i = rc->n_held; i-- > 0;) {
		if (rc->held[i].what != words)
			continue;
		rc->held[i] = rc->held[--rc->n_held];
		os_free(words);
		return;
	}
}

static s64 copy_words(struct iter_bits *it, u64 from, u32 n, struct run_ctx *rc)
{
	u64 *words;
	int err;

	if (rc->n_held >= RUN_MAX_HELD)
		return -ENOMEM;
	words = os_alloc(n * sizeof(*words));
	if (!words)
		return -ENOMEM;
	err = probe_kernel(rc, words, n * sizeof(*words), from);
	if (err) {
		os_free(words);
		return err;
	}
	rc->held[rc->n_held++] = (struct held){ words, drop_words, NULL };
	it->words = words;
	return 0;
}

/* (iterator, words, n) */
KFUNC_FN(iter_bits_new)
{
	struct iter_bits *it = bits_of(r1);
	u32 n = (u32)r3;
	s64 err;

	*it = (struct iter_bits){ .at = -1 };
	if (!r2 || !n)
		return (u32)-EINVAL;
	if (n > MAX_WORDS)
		return (u32)-E2BIG;
	if (n == 1)
		err = probe_kernel(rc, &it->word, sizeof(it->word), r2) ? -EFAULT : 0;
	else
		err = copy_words(it, r2, n, rc);
	if (!err)
		it->n_bits = (s32)n * BITS_OF_WORD;
	return (u32)err;
}

KFUNC_FN(iter_bits_next)
{
	struct iter_bits *it = bits_of(r1);
	const u64 *words = it->n_bits == BITS_OF_WORD ? &it->word : it->words;
	s32 bit = it->at + 1;

	while (bit < it->n_bits) {
		u64 word = words[bit / BITS_OF_WORD] >> bit % BITS_OF_WORD;

		if (word) {
			it->at = bit + __builtin_ctzll(word);
			return (u64)(uintptr_t)&it->at;
		}
		bit = (s32)align_up((u64)bit + 1, BITS_OF_WORD);
	}
	it->at = it->n_bits;
	return 0;
}

KFUNC_FN(iter_bits_destroy)
{
	struct iter_bits *it = bits_of(r1);

	if (it->n_bits > BITS_OF_WORD)
		drop_words(it->words, rc);
	*it = (struct iter_bits){ 0 };
	return 0;
}
