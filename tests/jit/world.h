/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small world that generated programs run in: a context, a packet, maps and helpers, all
 * plain memory that can be filled from a seed and compared afterwards.
 */
#ifndef SKEP_TESTS_JIT_WORLD_H
#define SKEP_TESTS_JIT_WORLD_H

#include "lib/gen.h"
#include "lib/image.h"
#include "maps/map.h"
#include "vm/prog.h"

#define WORLD_PACKET 128
#define WORLD_MAPS   5
#define WORLD_CPUS   3

/* Everything a program can change. */
struct world_memory {
	struct {
		u8 *data, *data_end;
		u32 scalars[16];
	} ctx;
	u8 packet[WORLD_PACKET];
	u64 array[8][8];  /* map 0: 8 values of 64 bytes */
	u64 single[1][6]; /* map 1: one value, also by address */
	u64 odd[5][5];    /* map 2: values of 40 bytes */
	struct {
		u32 used, key;
		u64 value[4];
	} hash[8];                    /* map 3: a hash, if a slow one */
	u64 percpu[WORLD_CPUS][4][3]; /* map 4: 4 values of 24 bytes for each CPU */
};

struct world {
	struct world_memory memory;
	struct map maps[WORLD_MAPS];
	struct map *map_table[WORLD_MAPS];
};

void world_init(struct world *world);
/* Makes memory a function of the seed. */
void world_fill(struct world *world, u64 seed);
/* What tests/lib/gen.h needs to know of this world. */
struct gen_opts world_gen_opts(u64 seed);
struct test_image_opts world_image_opts(struct world *world);

struct outcome {
	u64 r0;
	u32 status;
	struct world_memory memory;
};
/* Fills the world from the seed, runs, and notes what came of it. */
void world_run(struct world *world, u64 seed, struct prog *prog, s64 budget, struct outcome *out);
/* NULL when equal, else what differs. */
const char *outcome_differs(const struct outcome *a, const struct outcome *b);

#endif
