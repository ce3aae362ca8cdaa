/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String kfuncs at run time: random short strings of few letters in a map's value, every function
 * on them, on Linux and on Skep: the same result. PROGRAMS and SEED in the environment make a
 * longer campaign.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "btf/btf.h"
#include "kernel/support.h"
#include "lib/gen.h"
#include "lib/test.h"
#include "model/model.h"

#define VALUE 256

/* What an argument is. */
enum what { NONE, STRING, CHAR, COUNT };

static const struct {
	const char *name;
	u8 args[3];
} functions[] = {
	{ "bpf_strcmp", { STRING, STRING } },	{ "bpf_strcasecmp", { STRING, STRING } },
	{ "bpf_strchr", { STRING, CHAR } },	{ "bpf_strchrnul", { STRING, CHAR } },
	{ "bpf_strnchr", { STRING, COUNT, CHAR } }, { "bpf_strrchr", { STRING, CHAR } },
	{ "bpf_strlen", { STRING } },		{ "bpf_strnlen", { STRING, COUNT } },
	{ "bpf_strspn", { STRING, STRING } },	{ "bpf_strcspn", { STRING, STRING } },
	{ "bpf_strstr", { STRING, STRING } },	{ "bpf_strnstr", { STRING, STRING, COUNT } },
};

struct place {
	struct world world;
	u32 ids[ARRAY_SIZE(functions)];
	int map;
};

static bool open_place(struct place *place, const struct world *world, const struct btf *btf)
{
	place->world = *world;
	place->map = map_create(world, BPF_MAP_TYPE_ARRAY, 4, VALUE, 1, 0);
	for (u32 i = 0; i < ARRAY_SIZE(functions); i++) {
		s32 id = btf ? btf_find(btf, functions[i].name, BTF_KIND_FUNC) : -1;

		if (id < 0)
			return false;
		place->ids[i] = (u32)id;
	}
	return place->map >= 0;
}

static u32 put_arg(struct bpf_insn *insns, u32 reg, u8 what, struct gen_rng *rng, int map)
{
	static const s32 odd[] = { 0, 1, -1, 65535, 65536, 65537 };

	switch (what) {
	case STRING:
		/* Sometimes nowhere, sometimes near the end of the value. */
		if (!gen_below(rng, 30)) {
			insns[0] = MOV_IMM((u8)reg, gen_below(rng, 2) ? 0 : 4096);
			return 1;
		}
		insns[0] = INSN(BPF_LD | BPF_IMM | BPF_DW, (u8)reg, BPF_PSEUDO_MAP_VALUE, 0, map);
		insns[1] = INSN(0, 0, 0, 0, (s32)(16 * gen_below(rng, 15)));
		return 2;
	case CHAR:
		insns[0] = MOV_IMM((u8)reg, gen_below(rng, 8) ? (s32)('a' + gen_below(rng, 4))
							     : (s32)gen_below(rng, 128));
		return 1;
	default:
		insns[0] = MOV_IMM((u8)reg, gen_below(rng, 4) ? (s32)gen_below(rng, 20)
							     : odd[gen_below(rng, ARRAY_SIZE(odd))]);
		return 1;
	}
}

/* The function's result, or what went wrong. */
static s64 run(const struct place *place, u64 seed, const u8 *value)
{
	struct gen_rng rng = { seed };
	u32 which = gen_below(&rng, ARRAY_SIZE(functions)), n = 0, key = 0;
	struct bpf_insn insns[16];
	static const u8 packet[64];
	union attr attr = { 0 };
	int fd, err;

	for (u32 i = 0; i < 3; i++)
		if (functions[which].args[i])
			n += put_arg(insns + n, i + 1, functions[which].args[i], &rng, place->map);
	insns[n++] = INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, (s32)place->ids[which]);
	insns[n++] = EXIT;
	map_update(&place->world, place->map, &key, value, 0);
	fd = prog_load(&place->world, BPF_PROG_TYPE_SCHED_CLS, insns, n);
	if (fd < 0)
		return fd - 10000;
	attr.test = (struct attr_test_run){ .prog_fd = (u32)fd, .data_in = address(packet),
					    .data_size_in = sizeof(packet) };
	err = world_bpf(&place->world, BPF_PROG_TEST_RUN, &attr, sizeof(attr));
	close(fd);
	return err ? err - 20000 : (s64)(s32)attr.test.retval;
}

static void fill(struct gen_rng *rng, u8 *value)
{
	for (u32 i = 0; i < VALUE; i++)
		value[i] = gen_below(rng, 9) ? (u8)((gen_below(rng, 5) ? 'a' : 'A') + gen_below(rng, 3)) : 0;
	value[VALUE - 1] = 0;
}

static const struct btf *linux_btf(void)
{
	static struct kernel_model *model;
	FILE *f = fopen("/sys/kernel/btf/vmlinux", "r");
	size_t max = 64 << 20, size;
	void *data = f ? malloc(max) : NULL;

	if (!data)
		return NULL;
	size = fread(data, 1, max, f);
	fclose(f);
	if (model_linux_new(data, (u32)size, NULL, &model))
		model = NULL;
	free(data);
	return model ? model->btf : NULL;
}

TEST(strings_as_linux_sees_them)
{
	u64 n = getenv("PROGRAMS") ? strtoull(getenv("PROGRAMS"), NULL, 0) : 3000;
	u64 seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 1;
	struct world linux_world = world_linux(), skep = world_skep();
	struct kernel_model *model;
	struct place a, b;

	REQUIRE(!model_skep_new(&model));
	if (!open_place(&a, &linux_world, linux_btf()))
		SKIP("this machine's Linux has not all of the string kfuncs");
	REQUIRE(open_place(&b, &skep, model->btf));
	for (u64 i = 0; i < n; i++) {
		struct gen_rng rng = { seed + i };
		u8 value[VALUE];
		s64 want, got;

		fill(&rng, value);
		want = run(&a, seed + i, value);
		got = run(&b, seed + i, value);
		if (want != got) {
			struct gen_rng again = { seed + i };

			test_fail(__FILE__, __LINE__, "seed %llu: %s: linux %lld, skep %lld",
				  (unsigned long long)(seed + i),
				  functions[gen_below(&again, ARRAY_SIZE(functions))].name,
				  (long long)want, (long long)got);
			break;
		}
	}
	model_free(model);
	world_end(&skep);
}
