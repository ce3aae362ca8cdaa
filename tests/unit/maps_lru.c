/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How well LRU maps choose: hit rates on traces of keys, beside those of a true LRU of the
 * same size, and of Linux's map, in which a program replays the same trace.
 */
#include <math.h>
#include <sys/mman.h>

#include "unit/linux_prog.h"

#define KEYS 65536
#define CACHE 4096
#define TRACE 262144
#define BATCH 8192 /* of the trace, in one run of Linux's program */

static u32 trace[TRACE];

/* ---- traces ---- */

/* Keys by a Zipf distribution: the k-th most popular one comes k^-skew as often as the first. */
static void zipf(double skew, u64 random)
{
	static double sum[KEYS + 1];

	for (u32 k = 0; k < KEYS; k++)
		sum[k + 1] = sum[k] + pow(k + 1, -skew);
	for (u32 i = 0; i < TRACE; i++) {
		double at = (double)(rnd(&random) >> 11) / 9007199254740992.0 * sum[KEYS];
		u32 lo = 0, hi = KEYS;

		while (hi - lo > 1) {
			u32 mid = (lo + hi) / 2;

			*(sum[mid] <= at ? &lo : &hi) = mid;
		}
		trace[i] = lo * 2654435761u; /* neighbours in rank are no neighbours as keys */
	}
}

/* Now and then a stretch of keys that come once. */
static void scans(u32 length, u32 every)
{
	u32 fresh = 1u << 31;

	for (u32 i = every; i < TRACE; i += every)
		for (u32 j = 0; j < length && i < TRACE; j++, i++)
			trace[i] = 2 * fresh++ + 1;
}

/* ---- a true LRU ---- */

struct lru_model {
	u32 key[CACHE], prev[CACHE], next[CACHE]; /* a ring; newest first */
	u32 slot[4 * CACHE];			  /* open addressing: entry + 1 */
	u32 used, newest;
};

static u32 *model_slot(struct lru_model *m, u32 key)
{
	u32 at = (key * 2654435769u) >> 18;

	while (m->slot[at] && m->key[m->slot[at] - 1] != key)
		at = (at + 1) % (4 * CACHE);
	return &m->slot[at];
}

static void model_forget(struct lru_model *m, u32 entry)
{
	u32 at = (u32)(model_slot(m, m->key[entry]) - m->slot);

	m->slot[at] = 0;
	/* what had wandered behind it goes in again */
	for (at = (at + 1) % (4 * CACHE); m->slot[at]; at = (at + 1) % (4 * CACHE)) {
		u32 again = m->slot[at];

		m->slot[at] = 0;
		*model_slot(m, m->key[again - 1]) = again;
	}
}

static void model_to_front(struct lru_model *m, u32 entry)
{
	if (entry == m->newest)
		return;
	m->next[m->prev[entry]] = m->next[entry];
	m->prev[m->next[entry]] = m->prev[entry];
	m->next[entry] = m->newest;
	m->prev[entry] = m->prev[m->newest];
	m->next[m->prev[entry]] = entry;
	m->prev[m->newest] = entry;
	m->newest = entry;
}

static bool model_use(struct lru_model *m, u32 key)
{
	u32 *slot = model_slot(m, key), entry;

	if (*slot) {
		model_to_front(m, *slot - 1);
		return true;
	}
	if (m->used < CACHE) {
		entry = m->used++;
		m->key[entry] = key;
		m->next[entry] = entry ? m->newest : entry;
		m->prev[entry] = entry ? m->prev[m->newest] : entry;
		m->next[m->prev[entry]] = entry;
		m->prev[m->next[entry]] = entry;
		m->newest = entry;
	} else {
		entry = m->prev[m->newest];
		model_forget(m, entry);
		m->newest = entry;
		m->key[entry] = key;
	}
	*model_slot(m, key) = entry + 1;
	return false;
}

static u32 model_hits(void)
{
	static struct lru_model m;
	u32 hits = 0;

	memset(&m, 0, sizeof(m));
	for (u32 i = 0; i < TRACE; i++)
		hits += model_use(&m, trace[i]);
	return hits;
}

/* ---- the maps ---- */

static u32 skep_hits(u32 type, u32 flags)
{
	struct map *map = map_make(type, 4, 8, CACHE, flags, 2);
	struct run_ctx rc = { 0 };
	u64 value = 1;
	u32 hits = 0, full = 0;

	for (u32 i = 0; map && i < TRACE; i++) {
		if (map->ops->lookup(map, &trace[i], &rc))
			hits++;
		else
			full += map->ops->update(map, &trace[i], &value, BPF_ANY, &rc) != 0;
	}
	CHECK_EQ(full, 0);
	map_free(map);
	return hits;
}

/* The program: hits counts what of the window's keys is found; the rest is put in. */
static const char linux_replay[] =
	"*(u32 *)(r10 -4) = 0\n r1 = 0x1000000001 ll\n r2 = r10\n r2 += -4\n call 1\n"
	"if r0 != 0 goto begin\n exit\n"
	"begin:\n r6 = r0\n r7 = 0\n r9 = 0\n *(u64 *)(r10 -24) = 1\n"
	"loop:\n r1 = r9\n r1 <<= 2\n r2 = r6\n r2 += r1\n r1 = *(u32 *)(r2 +0)\n"
	"*(u32 *)(r10 -8) = r1\n"
	"r1 = 0x1000000000 ll\n r2 = r10\n r2 += -8\n call 1\n"
	"if r0 == 0 goto miss\n r7 += 1\n goto next\n"
	"miss:\n r1 = 0x1000000000 ll\n r2 = r10\n r2 += -8\n r3 = r10\n r3 += -24\n r4 = 0\n"
	"call 2\n"
	"next:\n r9 += 1\n if r9 < 8192 goto loop\n r0 = r7\n exit\n";

/* -1: Linux does not let us. */
static s64 linux_hits(void)
{
	int fds[2] = { linux_map(BPF_MAP_TYPE_LRU_HASH, 4, 8, CACHE, 0),
		       linux_map(BPF_MAP_TYPE_ARRAY, 4, BATCH * 4, 1, 0) };
	int prog = fds[0] < 0 || fds[1] < 0 ? -1 : linux_prog_load(linux_replay, fds, 2);
	u32 zero = 0, hits;
	s64 sum = 0;

	for (u32 i = 0; prog >= 0 && sum >= 0 && i < TRACE; i += BATCH) {
		if (linux_elem(BPF_MAP_UPDATE_ELEM, fds[1], &zero, &trace[i], 0) ||
		    linux_prog_run(prog, 1, &hits, NULL))
			sum = -1;
		else
			sum += hits;
	}
	if (prog < 0)
		sum = -1;
	for (u32 i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (prog >= 0)
		close(prog);
	return sum;
}

static double percent(s64 hits)
{
	return 100.0 * (double)hits / TRACE;
}

/* No worse than either by more than `slack` percent of all uses. */
static void compare(const char *name, double slack)
{
	double ours = percent(skep_hits(BPF_MAP_TYPE_LRU_HASH, 0));
	double own_lists = percent(skep_hits(BPF_MAP_TYPE_LRU_HASH, BPF_F_NO_COMMON_LRU));
	double percpu = percent(skep_hits(BPF_MAP_TYPE_LRU_PERCPU_HASH, 0));
	double best = percent(model_hits());
	s64 theirs = linux_hits();

	test_note("%-22s hits: %.2f%%, true LRU %.2f%%, Linux %.2f%%", name, ours, best,
		  theirs < 0 ? NAN : percent(theirs));
	CHECK(ours > best - slack);
	CHECK(theirs < 0 || ours > percent(theirs) - slack);
	CHECK(fabs(percpu - ours) < 0.5 && fabs(own_lists - ours) < 0.5);
}

TEST(zipf_traces_hit_as_often_as_in_a_true_lru)
{
	zipf(0.8, 1);
	compare("zipf 0.8", 0);
	zipf(1.0, 2);
	compare("zipf 1.0", 0);
	zipf(1.2, 3);
	compare("zipf 1.2", 0);
}

TEST(scans_do_not_sweep_away_what_is_used)
{
	zipf(1.0, 4);
	scans(2000, 10000);
	compare("zipf 1.0, short scans", 0);
	zipf(1.0, 5);
	scans(8000, 20000);
	compare("zipf 1.0, long scans", 0);
}

TEST(a_working_set_that_moves_is_followed)
{
	u64 random = 6;

	for (u32 i = 0; i < TRACE; i++)
		trace[i] = i / 16 + rnd_below(&random, CACHE * 3 / 4);
	compare("moving set", 5);
}

/* What fits stays, whatever else has been there before. */
TEST(a_set_that_fits_is_all_hits_in_the_end)
{
	u32 misses = 0;
	struct map *map = map_make(BPF_MAP_TYPE_LRU_HASH, 4, 8, CACHE, 0, 2);
	struct run_ctx rc = { 0 };
	u64 value = 1;

	REQUIRE(map);
	for (u32 i = 0; i < 100000; i++)
		CHECK_EQ(map->ops->update(map, &i, &value, BPF_ANY, &rc), 0);
	for (u32 round = 0; round < 8; round++) {
		misses = 0;
		for (u32 key = 0; key < CACHE / 2; key++) {
			if (map->ops->lookup(map, &key, &rc))
				continue;
			misses++;
			map->ops->update(map, &key, &value, BPF_ANY, &rc);
		}
	}
	CHECK_EQ(misses, 0);
	map_free(map);
}
