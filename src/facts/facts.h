/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts: what holds at an instruction of an accepted program whenever it is reached, for
 * the JIT and for tools.
 *
 * They do not come from the states that the verifier explored. Those are pruned: a path that
 * was cut because an earlier one proved it safe may carry other values, so the union of
 * explored states is too small to be a fact. This is an analysis of its own over the final
 * image, a fixpoint that joins where paths meet and widens where they go round (Cousot and
 * Cousot, "Abstract interpretation", 1977), over the verifier's numbers (verifier/scalar.h).
 *
 * What is known of a function is one set of facts for all its callers.
 */
#ifndef SKEP_FACTS_FACTS_H
#define SKEP_FACTS_FACTS_H

#include "base/text.h"
#include "model/image.h"
#include "verifier/scalar.h"

struct facts;

/* FACT_KIND(enumerator, how it is printed) */
#define FACT_KINDS(FACT_KIND)               \
	FACT_KIND(FACT_ANY, "")             \
	FACT_KIND(FACT_NUMBER, "")          \
	FACT_KIND(FACT_CTX, "ctx")          \
	FACT_KIND(FACT_STACK, "fp")         \
	FACT_KIND(FACT_MAP, "map")          \
	FACT_KIND(FACT_MAP_VALUE, "value")  \
	FACT_KIND(FACT_PACKET, "packet")    \
	FACT_KIND(FACT_PACKET_META, "meta") \
	FACT_KIND(FACT_PACKET_END, "end")   \
	FACT_KIND(FACT_FUNC, "func")

enum fact_kind {
#define FACT_KIND(name, text) name,
	FACT_KINDS(FACT_KIND)
#undef FACT_KIND
	    FACT_KIND_COUNT
};

/*
 * What is known of one value. FACT_ANY: nothing. FACT_NUMBER: it is in val, and no access
 * goes through it. The others: base of that kind + val, where the base is the context; the
 * function's own frame pointer; the start of some element of a map; the start (end) of the
 * packet or its metadata.
 */
struct fact {
	u8 kind;         /* enum fact_kind */
	bool maybe_null; /* or it is 0 */
	u32 map;         /* FACT_MAP, FACT_MAP_VALUE: index into image->maps */
	u32 id;          /* places with one id, not 0, hold one value */
	struct scalar val;
};

/* Of the eight bytes fp - 8(i+1): the number (or with all eight, anything) in bytes first.. */
struct fact_slot {
	struct fact value;
	u8 first, size; /* size 0: nothing is known */
};

#define FACT_SLOTS 64

struct fact_state {
	u32 n_slots;
	struct fact regs[BPF_REGS];
	struct fact_slot slots[FACT_SLOTS];
};

/* What a load, store or atomic operation touches: size bytes at base + [lo, hi]. */
struct fact_access {
	struct fact base; /* kind and map; FACT_ANY: unknown */
	s64 lo, hi;       /* offsets of the first byte */
	u32 size;
	bool reads, writes;
};

/*
 * Analyses an image. ctx tells what the context's fields are; NULL: plain bytes. limit: bytes
 * of memory it may use, 0 for 64 MiB. The image must outlive the facts. -ENOMEM: also when
 * the limit is reached; there are no facts then, and nothing else is wrong.
 */
int facts_compute(const struct image *image, const struct ctx_layout *ctx, size_t limit,
		  struct facts **out);
void facts_free(struct facts *facts);

/* Can the instruction be reached at all? */
bool facts_reachable(const struct facts *facts, u32 insn);
/* What holds just before it is executed; false when it is never reached. */
bool facts_at(const struct facts *facts, u32 insn, struct fact_state *out);
/* Is its jump taken? BRANCH_UNKNOWN for anything else than a conditional jump, too. */
enum branch facts_branch(const struct facts *facts, const struct fact_state *state, u32 insn);
/* What it touches; false when it is no memory access. */
bool facts_access(const struct facts *facts, const struct fact_state *state, u32 insn,
		  struct fact_access *out);
/* No byte is touched by both, as far as is known: they may be exchanged. */
bool facts_apart(const struct fact_access *a, const struct fact_access *b);

/* "5", "0..63", "fp-8", "value(counts)+0..56 or null". Writes nothing for FACT_ANY. */
void fact_text(const struct facts *facts, const struct fact *fact, struct text *out);

#endif
