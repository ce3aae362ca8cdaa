/* SPDX-License-Identifier: Apache-2.0 */
/* The model of Skep's own kernel: its BTF, program types and helpers hang together. */
#include <stdlib.h>
#include <unistd.h>

#include "btf/btf.h"
#include "helpers/helpers.h"
#include "lib/test.h"
#include "model/arena.h"
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
		u32 kind = desc->is_typedef ? BTF_KIND_TYPEDEF
			   : desc->is_union ? BTF_KIND_UNION
					    : BTF_KIND_STRUCT;
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
	model_free(model);
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

TEST(tasks_live_in_the_arena)
{
	struct kernel_task_facts facts = {
		.info = { .pid = 12, .tgid = 10, .uid = 1000, .gid = 100, .comm = "worker" },
		.ppid = 7,
		.parent_comm = "sh",
		.leader_comm = "main",
		.euid = 1000,
		.start_time = 5,
		.exe_path = "/usr/bin/prog",
		.has_mm = true,
	};
	struct run_ctx rc = { 0 };
	struct kernel_arena arena;
	struct kernel_task *k, *other;
	const struct kernel_task_struct *task, *parent, *leader;
	const struct kernel_dentry *dentry, *root;
	char name[8];
	u64 address;
	s32 pid;

	CHECK_EQ(kernel_arena_init(&arena, 1ull << 40), -EINVAL);
	REQUIRE(!kernel_arena_init(&arena, 100000));
	CHECK_EQ(arena.size, 131072);
	kernel_arena_enter(&arena, &rc);
	k = kernel_task_alloc(&arena);
	REQUIRE(k);
	address = kernel_task_fill(&arena, k, &facts);
	CHECK(address > KERNEL_ARENA_START && address < KERNEL_ARENA_START + arena.size);
	task = kernel_host(&arena, address);
	CHECK(task == &k->task);
	CHECK_STR(task->comm, "worker");
	parent = kernel_host(&arena, task->real_parent);
	leader = kernel_host(&arena, task->group_leader);
	CHECK_EQ(parent->tgid, 7);
	CHECK_STR(parent->comm, "sh");
	CHECK_EQ(leader->pid, 10);
	CHECK_STR(leader->comm, "main");
	CHECK(leader->group_leader == task->group_leader);
	/* the chain of parents ends as Linux's does */
	CHECK_EQ(parent->real_parent, kernel_idle_task(&arena));
	parent = kernel_host(&arena, parent->real_parent);
	CHECK_EQ(parent->pid, 0);
	CHECK_STR(parent->comm, "swapper/0");
	CHECK_EQ(parent->real_parent, kernel_idle_task(&arena));
	CHECK_EQ(((struct kernel_task_struct *)kernel_host(&arena, 0))->comm[0], 0);

	/* a path is its dentries, up to the root, which is its own parent */
	dentry = kernel_host(&arena, k->exe_file.f_path.dentry);
	root = kernel_host(&arena, dentry->d_parent);
	CHECK_STR(kernel_host(&arena, root->d_name.name), "bin");
	root = kernel_host(&arena, root->d_parent);
	root = kernel_host(&arena, root->d_parent);
	CHECK_STR(kernel_host(&arena, root->d_name.name), "/");
	CHECK_EQ(root->d_name.len, 1);
	CHECK(kernel_host(&arena, root->d_parent) == root);

	/* probe_read_kernel's way */
	CHECK_EQ(
	    kernel_arena_read(&rc, &pid, address + offsetof(struct kernel_task_struct, pid), 4), 0);
	CHECK_EQ(pid, 12);
	CHECK_EQ(kernel_arena_read(&rc, name, dentry->d_name.name, 5), 0);
	CHECK_STR(name, "prog");
	CHECK_EQ(kernel_arena_read(&rc, name, KERNEL_ARENA_START - 1, 1), -EFAULT);
	CHECK_EQ(kernel_arena_read(&rc, name, KERNEL_ARENA_START + arena.size - 4, 4), 0);
	CHECK_EQ(kernel_arena_read(&rc, name, KERNEL_ARENA_START + arena.size - 4, 5), -EFAULT);
	CHECK_EQ(kernel_arena_read(&rc, name, UINT64_MAX, 8), -EFAULT);

	/* all slots but the first two can be had, once each */
	for (u32 i = 3; i < arena.n_slots; i++)
		CHECK(kernel_task_alloc(&arena) != NULL);
	CHECK(kernel_task_alloc(&arena) == NULL);
	kernel_task_free(&arena, k);
	other = kernel_task_alloc(&arena);
	CHECK(other == k);
	CHECK_EQ(other->task.pid, 0);
	kernel_arena_release(&arena);
}

/* Fields lie in their context, in order, without overlap; at run time likewise. */
TEST(context_tables_are_in_order)
{
	struct kernel_model *model;

	REQUIRE(!model_skep_new(&model));
	for (u32 t = 1; t < model->n_prog_types; t++) {
		const struct ctx_layout *ctx = model->prog_types[t]->ctx;
		u32 end = 0;

		CHECK_EQ(model->prog_types[t]->type, t);
		for (u32 i = 0; ctx && i < ctx->n_fields; i++) {
			const struct ctx_field *field = &ctx->fields[i];

			if (field->offset < end || field->offset + field->size > ctx->size)
				test_fail(__FILE__, __LINE__, "%s.%s", ctx->name, field->name);
			if (field->kind == FIELD_SCALAR)
				CHECK_EQ(field->run_size, field->size);
			end = field->offset + field->size;
		}
	}
	model_free(model);
}

TEST(custom_programs_and_helpers)
{
	static const struct helper_proto own = { .id = HELPER_FIRST_CUSTOM + 1, .name = "own" };
	static const struct helper_proto *const table[] = { NULL, &own };
	const struct prog_type_model *custom, *xdp;
	struct kernel_model *model;

	REQUIRE(!model_skep_new(&model));
	model->custom_helpers = table;
	model->n_custom_helpers = 2;
	custom = model_prog_type(model, PROG_TYPE_CUSTOM);
	xdp = model_prog_type(model, BPF_PROG_TYPE_XDP);
	REQUIRE(custom && xdp);
	CHECK(model_helper(model, own.id) == &own);
	CHECK(model_helper(model, HELPER_FIRST_CUSTOM) == NULL);
	CHECK(model_helper(model, HELPER_FIRST_CUSTOM + 2) == NULL);
	CHECK(model_prog_helper(model, custom, 0, PRIVILEGE_NONE, own.id) == &own);
	CHECK(model_prog_helper(model, xdp, 0, PRIVILEGE_PERFMON, own.id) == NULL);
	CHECK(model_prog_helper(model, custom, 0, PRIVILEGE_PERFMON, HELPER_trace_printk) != NULL);
	CHECK(model_prog_helper(model, custom, 0, PRIVILEGE_NONE, HELPER_trace_printk) == NULL);
	CHECK(model_prog_type(model, 33) == NULL);
	CHECK(model_prog_type(model, 0) == NULL);
	CHECK(model_helper(model, 0) == NULL);
	CHECK(model_helper(model, HELPER_COUNT) == NULL);
	model_free(model);
}
