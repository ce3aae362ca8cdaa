/* SPDX-License-Identifier: Apache-2.0 */
/* Helper names by id, as <linux/bpf.h> lists them. */
#include "base/str.h"
#include "isa/insn.h"

static const char *const helper_names[] = {
#define ISA_HELPER(name) [BPF_FUNC_##name] = #name
	__BPF_FUNC_MAPPER(ISA_HELPER)
};

const char *isa_helper_name(u32 id)
{
	return id && id < ARRAY_SIZE(helper_names) ? helper_names[id] : NULL;
}

s32 isa_helper_id(const char *name, size_t len)
{
	if (len > 4 && memcmp(name, "bpf_", 4) == 0) {
		name += 4;
		len -= 4;
	}
	for (u32 id = 1; id < ARRAY_SIZE(helper_names); id++) {
		const char *known = helper_names[id];

		if (known && str_len(known) == len && memcmp(known, name, len) == 0)
			return (s32)id;
	}
	return -ENOENT;
}
