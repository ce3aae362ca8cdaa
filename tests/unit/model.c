/* SPDX-License-Identifier: Apache-2.0 */
/* The model of Skep's own kernel: its BTF, program types and helpers hang together. */
#include <stdlib.h>
#include <unistd.h>

#include "btf/btf.h"
#include "helpers/helpers.h"
#include "lib/test.h"
#include "model/presented.h"
#include "os/os.h"

TEST(presented_btf_is_accepted)
{
	char line[512];
	struct text log = text_in(line, sizeof(line));
	struct btf *btf = NULL;
	void *data;
	uint32_t size;

	REQUIRE(!model_skep_btf(&data, &size));
	if (btf_parse(data, size, NULL, &log, &btf))
		test_fail(__FILE__, __LINE__, "%s", line);
	if (getenv("SKEP_WRITE_BTF")) {
		FILE *f = fopen(getenv("SKEP_WRITE_BTF"), "w");

		REQUIRE(f);
		CHECK_EQ(fwrite(data, 1, size, f), size);
		fclose(f);
	}
	btf_free(btf);
	os_free(data);
}

/* BTF and memory: every member is where the C struct has it, and as large. */
TEST(presented_btf_is_the_memory)
{
	struct kernel_model *model;

	REQUIRE(!model_skep_new(&model));
	for (u32 i = 0; i < KERNEL_STRUCT_COUNT; i++) {
		const struct kernel_struct_desc *desc = kernel_struct_desc(i);
		u32 kind = desc->is_typedef ? BTF_KIND_TYPEDEF :
			   desc->is_union   ? BTF_KIND_UNION :
					      BTF_KIND_STRUCT;
		s32 id = btf_find(model->btf, desc->name, kind);

		if (id < 0) {
			test_fail(__FILE__, __LINE__, "no %s", desc->name);
			continue;
		}
		CHECK_EQ(btf_size(model->btf, id), desc->size);
		for (u32 m = 0; m < desc->n_members; m++) {
			struct btf_field field;

			REQUIRE(!btf_find_member(model->btf, id, desc->members[m].name, &field));
			CHECK_EQ(field.bit_offset, desc->members[m].offset * 8);
			CHECK(field.bit_offset / 8 + btf_size(model->btf, field.type_id) <=
			      desc->size);
		}
	}
	model_skep_free(model);
}

/* Where programs rely on Linux's own layout. */
TEST(records_are_laid_out_as_linux_does)
{
	CHECK_EQ(offsetof(struct kernel_trace_event_raw_sys_enter, id), 8);
	CHECK_EQ(offsetof(struct kernel_trace_event_raw_sys_enter, args), 16);
	CHECK_EQ(sizeof(struct kernel_trace_event_raw_sys_enter), 64);
	CHECK_EQ(offsetof(struct kernel_trace_event_raw_sys_exit, ret), 16);
	CHECK_EQ(offsetof(struct kernel_syscall_trace_enter, args), 16);
	CHECK_EQ(offsetof(struct kernel_trace_event_raw_sched_process_exec, pid), 12);
	CHECK_EQ(offsetof(struct kernel_trace_event_raw_sched_switch, next_comm), 40);
	CHECK_EQ(offsetof(struct kernel_pt_regs, di), 112);
	CHECK_EQ(offsetof(struct kernel_pt_regs, sp), 152);
	CHECK_EQ(sizeof(struct kernel_pt_regs), 168);
}
