/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model's tables against the running Linux: which helpers a program type may call with
 * which privilege, which need a GPL program, what a program may touch of its context. Tiny
 * programs are loaded and closed again; nothing is attached.
 */
#include <errno.h>
#include <stdlib.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "btf/btf.h"
#include "helpers/helpers.h"
#include "lib/test.h"
#include "model/model.h"
#include "model/prog_types.h"

struct load {
	u32 type, attach_type, flags;
	const char *license;
	const struct bpf_insn *insns;
	u32 n, attach_btf_id;
};

static char log_text[1 << 14];

static int linux_load(const struct load *load, bool want_log)
{
	union bpf_attr attr = {
		.prog_type = load->type,
		.expected_attach_type = load->attach_type,
		.prog_flags = load->flags,
		.insns = (uintptr_t)load->insns,
		.insn_cnt = load->n,
		.attach_btf_id = load->attach_btf_id,
		.license = (uintptr_t)load->license,
	};
	long fd;

	log_text[0] = 0;
	if (want_log) {
		attr.log_buf = (uintptr_t)log_text;
		attr.log_size = sizeof(log_text);
		attr.log_level = 1;
	}
	fd = syscall(__NR_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

#define MOV(dst, value)                                                           \
	{                                                                         \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = dst, .imm = value \
	}
#define EXIT                               \
	{                                  \
		.code = BPF_JMP | BPF_EXIT \
	}
#define SLEEPABLE (1u << 4)

/* Program types that Linux lets us load without a target, with an attach type that fits. */
static const struct {
	u32 type, attach_type, flags;
} listed[] = {
	{ BPF_PROG_TYPE_SOCKET_FILTER, 0, 0 },
	{ BPF_PROG_TYPE_KPROBE, 0, 0 },
	{ BPF_PROG_TYPE_SCHED_CLS, 0, 0 },
	{ BPF_PROG_TYPE_SCHED_ACT, 0, 0 },
	{ BPF_PROG_TYPE_TRACEPOINT, 0, 0 },
	{ BPF_PROG_TYPE_XDP, 0, 0 },
	{ BPF_PROG_TYPE_PERF_EVENT, 0, 0 },
	{ BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, 0 },
	{ BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK, 0, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_RELEASE, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET4_POST_BIND, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET6_POST_BIND, 0 },
	{ BPF_PROG_TYPE_LWT_IN, 0, 0 },
	{ BPF_PROG_TYPE_LWT_OUT, 0, 0 },
	{ BPF_PROG_TYPE_LWT_XMIT, 0, 0 },
	{ BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS, 0 },
	{ BPF_PROG_TYPE_SK_SKB, 0, 0 },
	{ BPF_PROG_TYPE_CGROUP_DEVICE, 0, 0 },
	{ BPF_PROG_TYPE_SK_MSG, 0, 0 },
	{ BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_BIND, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_CONNECT, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_SENDMSG, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP6_SENDMSG, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_RECVMSG, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP6_RECVMSG, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_GETPEERNAME, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_GETPEERNAME, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_GETSOCKNAME, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_GETSOCKNAME, 0 },
	/* BPF_CGROUP_UNIX_...: connect, sendmsg, recvmsg, getpeername, getsockname */
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 49, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 50, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 51, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 52, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 53, 0 },
	{ BPF_PROG_TYPE_LWT_SEG6LOCAL, 0, 0 },
	{ BPF_PROG_TYPE_SK_REUSEPORT, BPF_SK_REUSEPORT_SELECT, 0 },
	{ BPF_PROG_TYPE_FLOW_DISSECTOR, BPF_FLOW_DISSECTOR, 0 },
	{ BPF_PROG_TYPE_CGROUP_SYSCTL, 0, 0 },
	{ BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, 0, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_GETSOCKOPT, 0 },
	{ BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_SETSOCKOPT, 0 },
	{ BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP, 0 },
	{ BPF_PROG_TYPE_SYSCALL, 0, SLEEPABLE },
	{ BPF_PROG_TYPE_KPROBE, 56 /* BPF_TRACE_KPROBE_SESSION */, 0 },
	{ 32 /* netfilter */, 45 /* BPF_NETFILTER */, 0 },
	/* Linux takes any attach type with these, and may ask which when a helper is called */
	{ BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE, 0 },
	{ BPF_PROG_TYPE_CGROUP_SYSCTL, BPF_CGROUP_SYSCTL, 0 },
	{ BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_STREAM_PARSER, 0 },
	{ BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_VERDICT, 0 },
	{ BPF_PROG_TYPE_SK_MSG, BPF_SK_MSG_VERDICT, 0 },
	{ BPF_PROG_TYPE_XDP, BPF_XDP_DEVMAP, 0 },
	{ BPF_PROG_TYPE_XDP, BPF_XDP_CPUMAP, 0 },
	{ BPF_PROG_TYPE_XDP, BPF_XDP, 0 },
	{ BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI, 0 },
	{ BPF_PROG_TYPE_KPROBE, 48 /* BPF_TRACE_UPROBE_MULTI */, 0 },
	{ BPF_PROG_TYPE_KPROBE, 57 /* BPF_TRACE_UPROBE_SESSION */, 0 },
	{ BPF_PROG_TYPE_KPROBE, 0, SLEEPABLE },
	{ BPF_PROG_TYPE_PERF_EVENT, BPF_PERF_EVENT, 0 },
	{ BPF_PROG_TYPE_SCHED_CLS, 46 /* BPF_TCX_INGRESS */, 0 },
	{ BPF_PROG_TYPE_SK_REUSEPORT, BPF_SK_REUSEPORT_SELECT_OR_MIGRATE, 0 },
};

struct kind {
	u32 type, attach_type, flags;
};

#define TYPES_MAX	   32
#define ATTACH_TYPES_MAX   58 /* Linux 6.18's last is BPF_TRACE_UPROBE_SESSION, 57 */
static struct kind types[ARRAY_SIZE(listed) + TYPES_MAX * ATTACH_TYPES_MAX];
static u32 n_types;

static void add_type(u32 type, u32 attach_type, u32 flags)
{
	for (u32 i = 0; i < n_types; i++)
		if (types[i].type == type && types[i].attach_type == attach_type &&
		    types[i].flags == flags)
			return;
	types[n_types++] = (struct kind){ type, attach_type, flags };
}

/* Loaded with what they attach to: Linux does not let us ask. LIRC is not in every Linux. */
static bool cannot_be_asked(u32 type)
{
	return type == BPF_PROG_TYPE_LIRC_MODE2 || type == BPF_PROG_TYPE_TRACING || type == BPF_PROG_TYPE_LSM ||
	       type == BPF_PROG_TYPE_EXT || type == BPF_PROG_TYPE_STRUCT_OPS;
}

/* With SKEP_ALL_ATTACH_TYPES every type with every attach type: 20 s, 400,000 questions. */
__attribute__((constructor)) static void make_types(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(listed); i++)
		add_type(listed[i].type, listed[i].attach_type, listed[i].flags);
	for (u32 i = 0; getenv("SKEP_ALL_ATTACH_TYPES") && i < TYPES_MAX * ATTACH_TYPES_MAX; i++) {
		u32 type = 1 + i / ATTACH_TYPES_MAX;

		if (!cannot_be_asked(type) &&
		    model_attach_type_fits(skep_prog_types[type],
					   model_attach_type(skep_prog_types[type],
							     i % ATTACH_TYPES_MAX)))
			add_type(type, i % ATTACH_TYPES_MAX,
				 type == BPF_PROG_TYPE_SYSCALL ? SLEEPABLE : 0);
	}
}

/* The tables are those of one version; an older or newer Linux may answer differently. */
static void require_linux(void)
{
	struct bpf_insn nothing[] = { MOV(0, 0), EXIT };
	struct load load = { BPF_PROG_TYPE_SOCKET_FILTER, 0, 0, "GPL", nothing, 2 };
	struct utsname name;
	int err = linux_load(&load, false);

	if (err)
		SKIP("Linux's bpf(2) is not ours to ask: %s", strerror(-err));
	uname(&name);
	if (strncmp(name.release, "6.18", 4))
		SKIP("this is Linux %s, the tables are 6.18's", name.release);
}

/* What Linux answers differently for reasons of its own: lockdown, and configuration. */
static bool depends_on_machine(u32 id)
{
	return id == HELPER_probe_write_user || id == HELPER_override_return;
}

/* -1: Linux cannot be asked (the type is not there). */
static int linux_grants(u32 i, u32 id)
{
	struct bpf_insn insns[] = { { .code = BPF_JMP | BPF_CALL, .imm = id }, MOV(0, 0), EXIT };
	struct load load = { types[i].type, types[i].attach_type, types[i].flags, "GPL", insns, 3 };
	int err = linux_load(&load, true);

	if (err && !log_text[0])
		return -1;
	return !strstr(log_text, "cannot use helper") && !strstr(log_text, "invalid func") &&
	       !strstr(log_text, "unknown func");
}

/* The attach type that Linux takes it for. */
static u32 meant(u32 i)
{
	return model_attach_type(skep_prog_types[types[i].type], types[i].attach_type);
}

static u32 differences;

static u32 compare_grants(const struct kernel_model *model, u32 i, enum privilege privilege)
{
	const struct prog_type_model *type = model_prog_type(model, types[i].type);
	u32 asked = 0;

	REQUIRE(type);
	for (u32 id = 1; id < HELPER_COUNT; id++) {
		int theirs = depends_on_machine(id) ? -1 : linux_grants(i, id);
		bool ours = model_prog_helper(model, type, meant(i), privilege, id);

		if (theirs < 0)
			continue;
		asked++;
		if (ours == theirs)
			continue;
		differences++;
		test_fail(__FILE__, __LINE__,
			  "%s (attach type %u, privilege %d): %s: ours %d, Linux %d", type->name,
			  types[i].attach_type, privilege, helper_protos[id]->name, ours, theirs);
	}
	return asked;
}

TEST(attach_types_fit_as_in_linux)
{
	u32 asked = 0;

	require_linux();
	for (u32 type = 1; type <= TYPES_MAX; type++) {
		for (u32 at = 0; at < 64 && !cannot_be_asked(type); at++) {
			const struct prog_type_model *ours = skep_prog_types[type];
			bool fits = model_attach_type_fits(ours, model_attach_type(ours, at));
			struct bpf_insn insns[] = { MOV(0, 1), EXIT };
			struct load load = { type, at, 0, "GPL", insns, 2 };
			int err = linux_load(&load, true);

			/* a log is written when the verifier has begun */
			asked++;
			if (fits != (!err || log_text[0]))
				test_fail(__FILE__, __LINE__, "%s (attach type %u): ours %d, Linux %d",
					  ours->name, at, fits, err);
		}
	}
	test_note("%u pairs", asked);
	CHECK(asked > 1000);
}

TEST(helpers_are_granted_as_linux_does)
{
	struct kernel_model *model;
	u32 asked = 0;

	require_linux();
	REQUIRE(!model_skep_new(&model));
	for (u32 i = 0; i < n_types; i++) {
		u32 n = compare_grants(model, i, PRIVILEGE_PERFMON);

		if (!n)
			test_note("this Linux does not load %s",
				  model_prog_type(model, types[i].type)->name);
		asked += n;
	}
	test_note("%u questions", asked);
	CHECK(asked > 5000);
	model_free(model);
}

/* In a child that has given up all capabilities but CAP_BPF. */
static void compare_without_perfmon(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct caps[2] = { { 0 } };
	struct kernel_model *model;

	caps[1].effective = caps[1].permitted = 1u << (CAP_BPF - 32);
	if (syscall(SYS_capset, &header, caps) || model_skep_new(&model))
		_exit(1);
	if (compare_grants(model, 0, PRIVILEGE_BPF) < 200)
		_exit(2);
}

/* ---- programs with a target ---- */

/* What of them this Linux verifies: typed tracepoints and iterators. */
static const struct {
	const char *name, *target;
	u32 kind, attach_type, flags;
} targets[] = {
	{ "tp_btf", "btf_trace_sched_switch", BTF_KIND_TYPEDEF, BPF_TRACE_RAW_TP, 0 },
	{ "iter", "bpf_iter_task", BTF_KIND_FUNC, BPF_TRACE_ITER, 0 },
	{ "iter.s", "bpf_iter_task", BTF_KIND_FUNC, BPF_TRACE_ITER, SLEEPABLE },
};

static struct btf *linux_btf(void)
{
	FILE *f = fopen("/sys/kernel/btf/vmlinux", "re");
	u32 room = 64u << 20, size;
	u8 *data = malloc(room);
	struct btf *btf = NULL;

	if (f && data) {
		size = (u32)fread(data, 1, room, f);
		if (btf_parse(data, size, NULL, NULL, &btf))
			btf = NULL;
	}
	if (f)
		fclose(f);
	free(data);
	return btf;
}

static u32 compare_target_grants(const struct kernel_model *model, u32 t, s32 target)
{
	const struct prog_type_model *type = model_prog_type(model, BPF_PROG_TYPE_TRACING);
	u32 asked = 0;

	for (u32 id = 1; id < HELPER_COUNT; id++) {
		struct bpf_insn insns[] = { { .code = BPF_JMP | BPF_CALL, .imm = (s32)id },
					    MOV(0, 0),
					    EXIT };
		struct load load = { BPF_PROG_TYPE_TRACING,
				     targets[t].attach_type,
				     targets[t].flags,
				     "GPL",
				     insns,
				     3,
				     (u32)target };
		bool ours = model_prog_helper(model, type, targets[t].attach_type,
					      PRIVILEGE_PERFMON, id);
		bool theirs;

		if (depends_on_machine(id))
			continue;
		linux_load(&load, true);
		if (!log_text[0])
			return asked;
		theirs = !strstr(log_text, "cannot use helper") &&
			 !strstr(log_text, "invalid func") && !strstr(log_text, "unknown func");
		asked++;
		if (ours != theirs)
			test_fail(__FILE__, __LINE__, "%s: %s: ours %d, Linux %d", targets[t].name,
				  helper_protos[id]->name, ours, theirs);
	}
	return asked;
}

TEST(helpers_of_programs_with_targets)
{
	struct btf *btf = linux_btf();
	struct kernel_model *model;

	require_linux();
	if (!btf)
		SKIP("this kernel has no /sys/kernel/btf/vmlinux");
	REQUIRE(!model_skep_new(&model));
	for (u32 t = 0; t < ARRAY_SIZE(targets); t++) {
		s32 id = btf_find(btf, targets[t].target, targets[t].kind);

		if (id > 0)
			test_note("%s: %u questions", targets[t].name,
				  compare_target_grants(model, t, id));
	}
	model_free(model);
	btf_free(btf);
}

TEST(helpers_by_privilege)
{
	int status;
	pid_t child;

	require_linux();
	fflush(NULL);
	child = fork();
	if (!child) {
		/* what fails in here is printed, and tells the parent by the exit status */
		compare_without_perfmon();
		fflush(NULL);
		_exit(differences ? 3 : 0);
	}
	REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
	CHECK_EQ(status, 0);
}

TEST(gpl_and_sleeping_helpers)
{
	require_linux();
	for (u32 id = 1; id < HELPER_COUNT; id++) {
		struct bpf_insn insns[] = { { .code = BPF_JMP | BPF_CALL, .imm = id },
					    MOV(0, 0),
					    EXIT };

		for (u32 i = 0; i < n_types; i++) {
			struct load load = { types[i].type,  types[i].attach_type,
					     types[i].flags, "Proprietary",
					     insns,          3 };

			if (linux_grants(i, id) <= 0)
				continue;
			/* log_text is the GPL program's */
			if (!types[i].flags)
				CHECK_EQ(!!strstr(log_text, "might sleep"),
					 !!(helper_protos[id]->flags & HELPER_MIGHT_SLEEP));
			linux_load(&load, true);
			if (!!strstr(log_text, "GPL") !=
			    !!(helper_protos[id]->flags & HELPER_GPL_ONLY))
				test_fail(__FILE__, __LINE__, "%s: GPL only?",
					  helper_protos[id]->name);
			break;
		}
	}
}

static int linux_ctx_access(u32 i, const struct return_range *range, s32 offset, u32 size,
			    bool write)
{
	static const u8 width[9] = { [1] = BPF_B, [2] = BPF_H, [4] = BPF_W, [8] = BPF_DW };
	struct bpf_insn insns[] = {
		MOV(2, 0),
		{ .code = (write ? BPF_STX : BPF_LDX) | BPF_MEM | width[size],
		  .dst_reg = write ? 1 : 3,
		  .src_reg = write ? 2 : 1,
		  .off = offset },
		MOV(0, range ? (s32)range->min : 0),
		EXIT,
	};
	struct load load = { types[i].type, types[i].attach_type, types[i].flags, "GPL", insns, 4 };

	return linux_load(&load, false);
}

/*
 * Linux lets programs read before a tracepoint's record, and pieces of the address of a writable
 * tracepoint's buffer. Skep does not, and nobody needs it.
 */
static bool is_oddity(u32 i, s32 offset)
{
	return (types[i].type == BPF_PROG_TYPE_TRACEPOINT && offset < 0) ||
	       (types[i].type == BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE && offset > 0 && offset < 8);
}

/* All sizes and offsets of a type's context, and a little beyond. */
static u32 compare_ctx(const struct prog_type_model *type, u32 i)
{
	const struct return_range *range = model_return_range(type, meant(i));
	u32 end = type->ctx->size > 300 ? 300 : type->ctx->size + 16, asked = 0;

	for (s32 offset = -8; offset < (s32)end; offset++)
		for (u32 size = 1; size <= 8; size *= 2)
			for (u32 write = 0; write < 2; write++) {
				const struct ctx_field *field;
				bool ours;
				int theirs;

				if (is_oddity(i, offset))
					continue;
				ours = model_ctx_access(type->ctx, meant(i), offset,
							size, write, &field);
				theirs = linux_ctx_access(i, range, offset, size, write);

				if (theirs != 0 && theirs != -EACCES && theirs != -EINVAL)
					return asked; /* cannot be asked */
				asked++;
				if (ours != !theirs)
					test_fail(
					    __FILE__, __LINE__,
					    "%s (attach type %u): %s %u at %d (%s): ours %d, Linux %d",
					    type->name, types[i].attach_type,
					    write ? "write" : "read", size, offset,
					    field ? field->name : "-", ours, !theirs);
			}
	return asked;
}

TEST(contexts_are_as_accessible_as_in_linux)
{
	struct kernel_model *model;
	u32 asked = 0;

	require_linux();
	REQUIRE(!model_skep_new(&model));
	for (u32 i = 0; i < n_types; i++) {
		const struct prog_type_model *type = model_prog_type(model, types[i].type);
		u32 n = type->ctx ? compare_ctx(type, i) : 0;

		if (!n)
			test_note("%s (attach type %u): no context to compare", type->name,
				  types[i].attach_type);
		asked += n;
	}
	test_note("%u accesses", asked);
	CHECK(asked > 50000);
	model_free(model);
}

/* -1: cannot be asked. */
static int linux_takes_result(u32 i, s32 value)
{
	struct bpf_insn insns[] = { MOV(0, value), EXIT };
	struct load load = { types[i].type, types[i].attach_type, types[i].flags, "GPL", insns, 2 };
	int err = linux_load(&load, true);

	if (err && !strstr(log_text, "At program exit"))
		return -1;
	return !err;
}

TEST(results_are_as_bounded_as_in_linux)
{
	struct kernel_model *model;
	u32 asked = 0;

	require_linux();
	REQUIRE(!model_skep_new(&model));
	for (u32 i = 0; i < n_types; i++) {
		const struct prog_type_model *type = model_prog_type(model, types[i].type);
		const struct return_range *range = model_return_range(type, meant(i));

		for (s32 value = -2; value <= 5; value++) {
			bool ours = !range || (value >= range->min && value <= range->max);
			int theirs = linux_takes_result(i, value);

			if (theirs < 0)
				continue;
			asked++;
			if (ours != theirs)
				test_fail(__FILE__, __LINE__,
					  "%s (attach type %u) returns %d: ours %d, Linux %d",
					  type->name, types[i].attach_type, value, ours, theirs);
		}
	}
	test_note("%u results", asked);
	CHECK(asked > 300);
	model_free(model);
}
