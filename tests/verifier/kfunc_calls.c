/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kfunc of this machine's Linux, called with arguments drawn from all that a program can
 * hold, by several program types: verdicts of Skep and of Linux. Arguments are chosen after the
 * prototype more often than not, so that a good part is accepted. PROGRAMS and SEED in the
 * environment make a longer campaign, VERBOSE=1 shows where Skep alone refuses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "btf/btf.h"
#include "lib/gen.h"
#include "lib/test.h"
#include "model/kfuncs.h"
#include "verifier/lib/subject.h"

static const struct btf *btf;
static struct gen_rng rng;

static u32 below(u32 n)
{
	return gen_below(&rng, n);
}

struct writer {
	struct subject subject;
	struct bpf_insn insns[128];
	bool has_value, has_task, has_acquired;
	u32 maker; /* of what is held */
};

/* What makes a reference, and what takes it back. */
static const char *const makers[] = { "bpf_task_from_pid", "bpf_cgroup_from_id",
				      "bpf_cpumask_create", "bpf_lookup_system_key" };
static const char *const releases[] = { "bpf_task_release", "bpf_cgroup_release",
					"bpf_cpumask_release", "bpf_key_put" };

static void put(struct writer *w, u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	w->insns[w->subject.n_insns++] =
	    (struct bpf_insn){ .code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm };
}

static void put_number(struct writer *w, u8 dst, s32 value)
{
	put(w, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value);
}

static void put_copy(struct writer *w, u8 dst, u8 src, s32 add)
{
	put(w, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
	if (add)
		put(w, BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, add);
}

static void put_map(struct writer *w, u8 dst, u32 fixture)
{
	w->subject.maps[w->subject.n_maps++] =
	    (struct subject_map){ w->subject.n_insns, fixture };
	put(w, BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_FD, 0, 0);
	put(w, 0, 0, 0, 0, 0);
}

static void put_kfunc(struct writer *w, const char *name)
{
	struct subject_kfunc *k = &w->subject.kfuncs[w->subject.n_kfuncs++];

	k->insn = w->subject.n_insns;
	snprintf(k->name, sizeof(k->name), "%s", name);
	put(w, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, 0);
}

/* r0 == 0: the end. */
static void put_null_check(struct writer *w)
{
	put(w, BPF_JMP | BPF_JNE | BPF_K, 0, 0, 2, 0);
	put_number(w, 0, 0);
	put(w, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* ---- what is at hand: r6 context, r7 a map's value, r8 the current task, r9 a held one ---- */

static void prelude(struct writer *w)
{
	put_copy(w, 6, 1, 0);
	for (s16 off = -64; off < 0; off = (s16)(off + 8))
		put(w, BPF_ST | BPF_MEM | BPF_DW, 10, 0, off, 0);
	if (below(2)) {
		put_map(w, 1, FIXTURE_array_48b);
		put_copy(w, 2, 10, -8);
		put(w, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
		put_null_check(w);
		put_copy(w, 7, 0, 0);
		w->has_value = true;
	}
	if (w->subject.prog_type == BPF_PROG_TYPE_TRACEPOINT ||
	    w->subject.prog_type == BPF_PROG_TYPE_SYSCALL) {
		put(w, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_current_task_btf);
		put_copy(w, 8, 0, 0);
		w->has_task = true;
	}
	if (!below(3)) {
		w->maker = below(ARRAY_SIZE(makers));
		if (w->maker == 2 && w->subject.prog_type == BPF_PROG_TYPE_SCHED_CLS)
			w->maker = 0;
		put_number(w, 1, 1);
		put_kfunc(w, makers[w->maker]);
		if (below(6))
			put_null_check(w);
		put_copy(w, 9, 0, 0);
		w->has_acquired = true;
	}
}

static void put_anything(struct writer *w, u8 reg)
{
	static const s32 numbers[] = { 0, 0, 1, 4, 8, 16, 64, -1 };

	switch (below(9)) {
	case 0:
		put_copy(w, reg, 6, 0);
		return;
	case 1:
		put_copy(w, reg, 10, -8 * (s32)(1 + below(8)));
		return;
	case 2:
		put_map(w, reg, below(2) ? FIXTURE_array_48b : FIXTURE_hash_8b);
		return;
	case 3:
		put_copy(w, reg, w->has_value ? 7 : 10, w->has_value ? (s32)below(5) * 8 : 0);
		return;
	case 4:
		put_copy(w, reg, w->has_task ? 8 : 6, below(8) ? 0 : 8);
		return;
	case 5:
	case 6:
		put_copy(w, reg, w->has_acquired ? 9 : 10, w->has_acquired ? 0 : -32);
		return;
	case 7:
		return; /* nothing */
	default:
		put_number(w, reg, numbers[below(ARRAY_SIZE(numbers))]);
	}
}

static void put_arg(struct writer *w, u8 reg, const struct btf_type *type)
{
	bool pointer = type && btf_kind(type) == BTF_KIND_PTR;

	if (!pointer && below(8)) {
		put_number(w, reg, (s32)below(4) * 8);
		return;
	}
	if (pointer && !below(3)) {
		put_copy(w, reg, 10, -8 * (s32)(1 + below(8)));
		return;
	}
	put_anything(w, reg);
}

/* Which of releases[] takes back what that function gives; any of them where none does. */
static u32 release_of(const char *name)
{
	return strstr(name, "cgroup")	 ? 1
	       : strstr(name, "cpumask") ? 2
	       : strstr(name, "task")	 ? 0
	       : strstr(name, "key")	 ? 3
					 : below(ARRAY_SIZE(releases));
}

static void put_release(struct writer *w, u8 reg, u32 which)
{
	put_copy(w, 1, reg, 0);
	put_kfunc(w, releases[below(12) ? which : below(ARRAY_SIZE(releases))]);
}

/* What the call gave is looked at, and given back, mostly; so is what was held. */
static void aftermath(struct writer *w, const char *name, u32 flags)
{
	bool acquires = flags & KF_ACQUIRE;

	if (w->has_acquired && below(12)) {
		put(w, BPF_STX | BPF_MEM | BPF_DW, 10, 0, -72, 0);
		put_release(w, 9, w->maker);
		put(w, BPF_LDX | BPF_MEM | BPF_DW, 0, 10, -72, 0);
	}
	if (acquires ? below(12) : below(2)) {
		put_null_check(w);
		if (below(2))
			put(w, BPF_LDX | BPF_MEM | BPF_W, 1, 0, (s16)(4 * below(3)), 0);
	}
	if (acquires ? below(12) : !below(8))
		put_release(w, 0, release_of(name));
	put_number(w, 0, 0);
	put(w, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Linux 6.18.44 dereferences NULL over maps without special fields here. */
static bool is_fragile(const char *name)
{
	return strstr(name, "wq") || strstr(name, "task_work");
}

static bool write_program(struct writer *w)
{
	static const u32 types[] = { BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_TRACEPOINT,
				     BPF_PROG_TYPE_SYSCALL };
	u32 kfunc = below(KFUNC_COUNT);
	const char *name = kfunc_name(kfunc);
	s32 id = btf_find(btf, name, BTF_KIND_FUNC);
	const struct btf_type *proto;
	u32 n;

	if (id < 0 || is_fragile(name) || kfunc == KFUNC_bpf_throw)
		return false;
	memset(w, 0, sizeof(*w));
	w->subject.insns = w->insns;
	w->subject.gpl = w->subject.linux_model = true;
	w->subject.prog_type = types[below(ARRAY_SIZE(types))];
	if (w->subject.prog_type == BPF_PROG_TYPE_SYSCALL)
		w->subject.prog_flags = BPF_F_SLEEPABLE;
	snprintf(w->subject.name, sizeof(w->subject.name), "%s", name);
	prelude(w);
	proto = btf_type(btf, btf_type(btf, (u32)id)->type);
	n = btf_vlen(proto);
	for (u32 i = 0; i < n && i < 5; i++)
		put_arg(w, (u8)(i + 1), btf_resolve(btf, btf_params(proto)[i].type, NULL));
	put_kfunc(w, name);
	if (!btf_resolve(btf, proto->type, NULL) || !proto->type)
		put_number(w, 0, 1);
	aftermath(w, name, kfunc_flags((enum kfunc_id)kfunc));
	return true;
}

/* ---- judging ---- */

struct outcome {
	u32 both_accept, both_refuse, stricter, holes;
};

/* What Linux refuses and Skep has reasons to take. */
static bool is_known(const char *linux_says)
{
	(void)linux_says;
	return false;
}

static void judge(struct writer *w, u64 seed, struct outcome *o)
{
	struct verdict ours, theirs;

	judge_skep(&w->subject, 0, &ours);
	judge_linux(&w->subject, 1, &theirs);
	if (ours.judged && theirs.judged) {
		o->both_accept += !ours.err && !theirs.err;
		o->both_refuse += ours.err && theirs.err;
		o->stricter += ours.err && !theirs.err;
		if (ours.err && !theirs.err && getenv("VERBOSE"))
			test_note("seed %llu: %s, type %u: Skep alone refuses at %d: %s",
				  (unsigned long long)seed, w->subject.name, w->subject.prog_type,
				  ours.insn, ours.message);
		if (!ours.err && theirs.err && !is_known(theirs.message)) {
			o->holes++;
			test_note("seed %llu: %s, type %u: Linux alone refuses: %s",
				  (unsigned long long)seed, w->subject.name, w->subject.prog_type,
				  theirs.message);
		}
	}
	free(theirs.log);
}

static const struct btf *kernel_btf(void)
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

TEST(calls_as_linux_judges_them)
{
	u64 n = getenv("PROGRAMS") ? strtoull(getenv("PROGRAMS"), NULL, 0) : 3000;
	u64 seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : 1;
	struct outcome o = { 0 };
	static struct writer w;

	if (linux_unavailable())
		SKIP("%s", linux_unavailable());
	btf = kernel_btf();
	if (!btf || btf_find(btf, "bpf_strcasecmp", BTF_KIND_FUNC) < 0)
		SKIP("this machine's Linux is older than the kfuncs' rules, which are 6.18's");
	for (u64 i = 0; i < n; i++) {
		rng.state = seed + i;
		if (write_program(&w))
			judge(&w, seed + i, &o);
	}
	test_note("both accept %u, both refuse %u, Skep alone refuses %u, Linux alone %u", o.both_accept,
		  o.both_refuse, o.stricter, o.holes);
	CHECK(!o.holes);
	CHECK(o.both_accept > n / 50);
}
