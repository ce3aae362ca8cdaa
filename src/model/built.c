/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Linux was built and started without. Helpers and program types depend on its
 * configuration; each one here comes with a function that is compiled exactly when it does,
 * so the BTF tells. What was decided when it started, only a running kernel tells
 * (model_restrict).
 */
#include "btf/btf.h"
#include "helpers/helpers.h"
#include "model/built.h"

/* X(BPF_FUNC_ suffix, function) */
#define OPTIONAL_HELPERS(X)                                 \
	X(override_return, "bpf_override_return")           \
	X(rc_repeat, "bpf_rc_repeat")                       \
	X(rc_keydown, "bpf_rc_keydown")                     \
	X(rc_pointer_rel, "bpf_rc_pointer_rel")             \
	X(skb_get_xfrm_state, "bpf_skb_get_xfrm_state")     \
	X(lwt_seg6_store_bytes, "bpf_lwt_seg6_store_bytes") \
	X(lwt_seg6_adjust_srh, "bpf_lwt_seg6_adjust_srh")   \
	X(lwt_seg6_action, "bpf_lwt_seg6_action")

/* X(BPF_PROG_TYPE_ suffix, function) */
#define OPTIONAL_TYPES(X)                               \
	X(LIRC_MODE2, "lirc_mode2_func_proto")          \
	X(CGROUP_DEVICE, "cgroup_dev_is_valid_access")  \
	X(CGROUP_SYSCTL, "sysctl_is_valid_access")      \
	X(CGROUP_SOCKOPT, "cg_sockopt_is_valid_access") \
	X(KPROBE, "kprobe_prog_is_valid_access")

static bool has_function(const struct btf *btf, const char *name)
{
	return btf_find(btf, name, BTF_KIND_FUNC) >= 0;
}

static void lack_helper(struct kernel_model *model, u32 id)
{
	model->lacks_helpers[id / 64] |= 1ull << id % 64;
}

void model_find_lacking(struct kernel_model *model)
{
	static const struct {
		u32 id;
		const char *function;
	} helpers[] = {
#define ENTRY(name, function) { BPF_FUNC_##name, function },
		OPTIONAL_HELPERS(ENTRY)
#undef ENTRY
	}, types[] = {
#define ENTRY(name, function) { BPF_PROG_TYPE_##name, function },
		OPTIONAL_TYPES(ENTRY)
#undef ENTRY
	};

	/* A BTF without one of what no Linux lacks is a small one, made for a test. */
	if (!has_function(model->btf, "bpf_map_lookup_elem"))
		return;
	for (u32 i = 0; i < ARRAY_SIZE(helpers); i++)
		if (!has_function(model->btf, helpers[i].function))
			lack_helper(model, helpers[i].id);
	for (u32 i = 0; i < ARRAY_SIZE(types); i++)
		if (!has_function(model->btf, types[i].function))
			model->lacks_types |= 1ull << types[i].id;
}

void model_restrict(struct kernel_model *model, bool locked_down, bool hides_variables)
{
	if (locked_down)
		lack_helper(model, BPF_FUNC_probe_write_user);
	model->hides_variables = hides_variables;
}
