/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs/presented.md is made from the description of the presented structs and the sources
 * below; a member that can be reached from a task and has no source here fails the test.
 * SKEP_WRITE_DOCS=1 writes the file.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lib/test.h"
#include "model/presented.h"

#define STAT(field)   "/proc/PID/stat, " field
#define STATUS(field) "/proc/PID/status, " field

static const struct {
	const char *member, *source; /* "struct.member", or "struct" for all others of it */
} sources[] = {
	{ "thread_info.cpu", STAT("processor") },
	{ "task_struct.thread_info", "" },
	{ "task_struct.__state", STAT("state") "; 0 for the task that makes the call" },
	{ "task_struct.flags", STAT("flags") },
	{ "task_struct.prio", STAT("priority + 100") },
	{ "task_struct.static_prio", STAT("nice + 120") },
	{ "task_struct.policy", STAT("policy") },
	{ "task_struct.mm", "NULL for kernel threads and zombies" },
	{ "task_struct.active_mm", "as mm" },
	{ "task_struct.exit_signal", STAT("exit_signal") },
	{ "task_struct.pid", "thread id" },
	{ "task_struct.tgid", STATUS("Tgid") },
	{ "task_struct.real_parent",
	  STAT("ppid") ": the parent's leader; of pid 1 it is swapper/0, whose parent is itself" },
	{ "task_struct.parent", "as real_parent, under a tracer too" },
	{ "task_struct.group_leader", "the task of tgid, at its one address" },
	{ "task_struct.thread_pid", STATUS("NSpid") },
	{ "task_struct.utime", STAT("utime") },
	{ "task_struct.stime", STAT("stime") },
	{ "task_struct.nvcsw", STATUS("voluntary_ctxt_switches") },
	{ "task_struct.nivcsw", STATUS("nonvoluntary_ctxt_switches") },
	{ "task_struct.start_time", "start_boottime less the time the machine slept" },
	{ "task_struct.start_boottime", STAT("starttime") ", to a clock tick" },
	{ "task_struct.min_flt", STAT("minflt") },
	{ "task_struct.maj_flt", STAT("majflt") },
	{ "task_struct.real_cred", "as cred" },
	{ "task_struct.cred", STATUS("Uid, Gid, Cap*") },
	{ "task_struct.comm", "/proc/PID/comm at each call; of others stat" },
	{ "task_struct.fs", "" },
	{ "task_struct.nsproxy", "" },
	{ "task_struct.signal", "" },
	{ "fs_struct.umask", STATUS("Umask") },
	{ "fs_struct.pwd", "/proc/PID/cwd" },
	{ "signal_struct", STAT("num_threads") },
	{ "cred.user_ns", "/proc/PID/ns/user" },
	{ "cred", STATUS("Uid, Gid, CapInh, CapPrm, CapEff") },
	{ "mm_struct.total_vm", STAT("vsize") ", in pages" },
	{ "mm_struct.owner", "as group_leader" },
	{ "mm_struct.exe_file", "/proc/PID/exe; NULL when it may not be read" },
	{ "mm_struct", STAT("the field of that name") "; 0 when it may not be read" },
	{ "file", "/proc/PID/exe" },
	{ "inode", "stat(2) of /proc/PID/exe" },
	{ "path", "NULL for a path of more than 23 parts or 500 bytes" },
	{ "dentry", "a part of a path: one tree from \"/\" on, whatever is mounted where" },
	{ "qstr", "a part's name" },
	{ "nsproxy", "" },
	{ "uts_namespace", "/proc/PID/ns/uts" },
	{ "ipc_namespace", "/proc/PID/ns/ipc" },
	{ "mnt_namespace", "/proc/PID/ns/mnt" },
	{ "net", "/proc/PID/ns/net" },
	{ "time_namespace", "/proc/PID/ns/time" },
	{ "cgroup_namespace", "/proc/PID/ns/cgroup" },
	{ "user_namespace", "/proc/PID/ns/user" },
	{ "pid_namespace.level", "0, or 1 within a namespace" },
	{ "pid_namespace", "/proc/PID/ns/pid" },
	{ "pid", STATUS("NSpid") ": the outermost and the innermost level" },
	{ "upid", STATUS("NSpid") },
	{ "ns_common", "inode number of the link" },
	{ "kuid_t", "" },
	{ "kgid_t", "" },
	{ "kernel_cap_t", "" },
	{ "atomic_t", "" },
};

static const char *source_of(const char *tag, const char *member)
{
	char name[128];

	snprintf(name, sizeof(name), "%s.%s", tag, member);
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		if (!strcmp(sources[i].member, name) || !strcmp(sources[i].member, tag))
			return sources[i].source;
	return NULL;
}

static void reach(enum kernel_struct which, bool reached[KERNEL_STRUCT_COUNT])
{
	const struct kernel_struct_desc *desc = kernel_struct_desc(which);

	if (reached[which])
		return;
	reached[which] = true;
	for (u32 i = 0; i < desc->n_members; i++) {
		u8 kind = desc->members[i].kind;

		if (kind == MEMBER_OBJ || kind == MEMBER_PTR || kind == MEMBER_OBJS ||
		    kind == MEMBER_PTRS)
			reach(desc->members[i].type, reached);
	}
}

static void put_struct(struct text *out, const struct kernel_struct_desc *desc)
{
	for (u32 i = 0; i < desc->n_members; i++) {
		const char *name = desc->members[i].name, *source = source_of(desc->name, name);

		if (!source)
			test_fail(__FILE__, __LINE__, "%s.%s has no source", desc->name, name);
		else
			text_printf(out, "| `%s` | `%s` | %s |\n", desc->name, name, source);
	}
}

static void put_page(struct text *out)
{
	bool reached[KERNEL_STRUCT_COUNT] = { false };

	reach(KERNEL_STRUCT_task_struct, reached);
	text_put(
	    out,
	    "# The presented task\n\n"
	    "What programs of traced processes can read from `bpf_get_current_task()` on, and where each\n"
	    "value comes from. Other members are not in the presented BTF: CO-RE refuses a program that\n"
	    "needs them. Names and ids of users are read afresh; the rest is at most 0.1 s old. Times are\n"
	    "in clock ticks, as /proc has them. `PROG_TEST_RUN` knows ids, names and users of the task\n"
	    "that runs it, and of its parent the id. Made by `tests/unit/presented_doc.c`.\n\n"
	    "| struct | member | source |\n|---|---|---|\n");
	for (u32 i = 0; i < KERNEL_STRUCT_COUNT; i++)
		if (reached[i])
			put_struct(out, kernel_struct_desc(i));
}

TEST(the_page_is_in_step)
{
	static char made[32768], kept[32768];
	struct text out = text_in(made, sizeof(made));
	const char *path = test_source_path("docs/presented.md");
	FILE *f;
	size_t n;

	put_page(&out);
	f = fopen(path, getenv("SKEP_WRITE_DOCS") ? "w" : "r");
	REQUIRE(f);
	if (getenv("SKEP_WRITE_DOCS")) {
		fputs(made, f);
	} else {
		n = fread(kept, 1, sizeof(kept) - 1, f);
		kept[n] = 0;
		CHECK_STR(kept, made);
	}
	fclose(f);
}
