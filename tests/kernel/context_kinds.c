/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a load from a context yields, as the logs name it (scalar, pkt, sock_common_or_null,
 * trusted_ptr_sk_buff): the same here, by the BTF of this machine's kernel, and in Linux. Every
 * field of every program type; arguments of typed tracepoints and iterators.
 */
#include "btf/btf.h"
#include "kernel/kernel.h"
#include "kernel/support.h"
#include "lib/test.h"
#include "model/model.h"
#include "model/prog_types.h"

#include <stdlib.h>
#include <unistd.h>

struct load {
	u32 type, attach_type, flags, btf_id;
	u8 size;
	s16 off;
	s32 ret; /* what the program may return */
};

static char log_text[1 << 14];

/* The kind of R2 after the load, or "" when it is refused. */
static const char *kind_of(const struct world *w, const struct load *l, char out[128])
{
	static const u8 width[9] = { [1] = BPF_B, [2] = BPF_H, [4] = BPF_W, [8] = BPF_DW };
	const struct bpf_insn insns[] = { INSN(BPF_LDX | BPF_MEM | width[l->size], 2, 1, l->off, 0),
					  MOV_IMM(0, l->ret), EXIT };
	const char *at;
	int fd;

	log_text[0] = out[0] = 0;
	fd = BPF(w, BPF_PROG_LOAD, attr_prog_load, .prog_type = l->type,
		 .insn_cnt = ARRAY_SIZE(insns), .insns = address(insns), .license = address("GPL"),
		 .prog_flags = l->flags, .expected_attach_type = l->attach_type,
		 .attach_btf_id = l->btf_id, .log_buf = address(log_text),
		 .log_size = sizeof(log_text), .log_level = 2);
	at = strstr(log_text, " R2=");
	if (fd >= 0)
		close(fd);
	else
		return fd == -EPERM || !log_text[0] ? NULL : out;
	snprintf(out, 128, "%.*s", at ? (int)strcspn(at + 4, "( \n0123456789") : 0, at ? at + 4 : "");
	return out;
}

static u32 asked, wrong;

static bool compare(const struct world *ours, const struct world *theirs, const struct load *l,
		    const char *name)
{
	char a[128], b[128];

	if (!kind_of(theirs, l, b))
		return false; /* cannot be asked */
	if (!kind_of(ours, l, a))
		a[0] = 0;
	asked++;
	if (!strcmp(a, b) || wrong++ > 20)
		return true;
	test_fail(__FILE__, __LINE__, "%s (attach type %u): %u bytes at %d: ours %s, Linux %s", name,
		  l->attach_type, l->size, l->off, a[0] ? a : "refused", b[0] ? b : "refused");
	return true;
}

static struct world our_world(void)
{
	static u8 data[32 << 20];
	FILE *f = fopen("/sys/kernel/btf/vmlinux", "re");
	struct world w = { .name = "verifier" };
	struct kernel_model *model;
	size_t size;

	if (!f)
		SKIP("this kernel has no /sys/kernel/btf/vmlinux");
	size = fread(data, 1, sizeof(data), f);
	fclose(f);
	REQUIRE(model_linux_new(data, (u32)size, NULL, &model) == 0);
	w.skep = skep_new_verifier(model);
	REQUIRE(w.skep);
	return w;
}

/* Where layouts differ with the attach type, all are asked. */
static void compare_type(const struct world *ours, const struct world *theirs, u32 type)
{
	const struct prog_type_model *model = skep_prog_types[type];

	if (!model->ctx || !model->ctx->fields)
		return;
	for (u32 at = 0; at < 64; at++) {
		const struct return_range *range = model_return_range(model, at);
		struct load l = { .type = type, .attach_type = at, .ret = range ? (s32)range->min : 0 };

		if (!model_attach_type_fits(model, at) || (!model->attach_types && at))
			continue;
		for (s16 off = 0; off < (s16)model->ctx->size; off++)
			for (u32 size = 1; size <= 8; size *= 2) {
				/* pieces of the address of a writable tracepoint's buffer */
				if (type == BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE && off && off < 8)
					continue;
				l.size = (u8)size;
				l.off = off;
				if (off % (s16)size == 0 && !compare(ours, theirs, &l, model->name))
					return;
			}
	}
}

TEST(fields_yield_what_they_do_in_linux)
{
	struct world theirs = world_linux(), ours = our_world();

	for (u32 type = 1; type < PROG_TYPE_COUNT; type++)
		if (skep_prog_types[type])
			compare_type(&ours, &theirs, type);
	test_note("%u loads", asked);
	CHECK(asked > 2000);
	world_end(&ours);
	world_end(&theirs);
}

/* SKEP_EVERY=1: all of them. */
TEST(arguments_yield_what_they_do_in_linux)
{
	u32 every = getenv("SKEP_EVERY") ? (u32)atoi(getenv("SKEP_EVERY")) : 10, seen = 0;
	struct world theirs = world_linux(), ours = our_world();
	const struct btf *btf = skep_model(ours.skep)->btf;

	for (u32 id = 1; id < btf->n_types; id++) {
		const struct btf_type *type = btf_type(btf, id);
		const char *name = btf_name(btf, type->name_off);
		bool tracepoint = btf_kind(type) == BTF_KIND_TYPEDEF && !strncmp(name, "btf_trace_", 10);
		struct load l = { .type = BPF_PROG_TYPE_TRACING,
				  .attach_type = tracepoint ? BPF_TRACE_RAW_TP : BPF_TRACE_ITER,
				  .btf_id = id,
				  .size = 8 };

		if (!tracepoint && (btf_kind(type) != BTF_KIND_FUNC || strncmp(name, "bpf_iter_", 9)))
			continue;
		if (tracepoint && seen++ % every)
			continue;
		for (l.off = 0; l.off < 96; l.off = (s16)(l.off + 8))
			compare(&ours, &theirs, &l, name);
	}
	test_note("%u loads", asked);
	world_end(&ours);
	world_end(&theirs);
}
