/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that attach by an id in a kernel's BTF: what they may attach to, what their contexts
 * hold, what they return. The kernel is a small one made here, and this machine's Linux.
 */
#include "btf/btf.h"
#include "isa/asm.h"
#include "kernel/kernel.h"
#include "kernel/small_kernel.h"
#include "kernel/support.h"
#include "lib/test.h"
#include "model/model.h"

#include <stdlib.h>
#include <unistd.h>

#define SLEEPABLE BPF_F_SLEEPABLE
#define ACCEPTED  NULL

static char log_text[1 << 16];

static struct world world_of(const void *btf, u32 size)
{
	struct world w = { .name = "verifier" };
	struct text log = text_in(log_text, sizeof(log_text));
	struct kernel_model *model;

	if (model_linux_new(btf, size, &log, &model)) {
		test_fail(__FILE__, __LINE__, "%s", log_text);
		test_stop();
	}
	w.skep = skep_new_verifier(model);
	REQUIRE(w.skep);
	return w;
}

/* ---- loading ---- */

/* Iterators have structs of the same name. */
static s32 find_target(const struct btf *btf, const char *name)
{
	s32 id = btf_find(btf, name, BTF_KIND_FUNC);

	return id > 0 ? id : btf_find(btf, name, 0);
}

static int load_id(const struct world *w, u32 type, u32 attach_type, u32 flags, u32 id, int prog,
		   const char *text)
{
	struct asm_error error;
	insn_vec insns = { 0 };
	int fd;

	REQUIRE(isa_assemble(text, &insns, &error) == 0);
	log_text[0] = 0;
	fd = BPF(w, BPF_PROG_LOAD, attr_prog_load, .prog_type = type, .insn_cnt = (u32)insns.len,
		 .insns = address(insns.data), .license = address("GPL"), .prog_flags = flags,
		 .expected_attach_type = attach_type, .attach_btf_id = id,
		 .attach_prog_fd = (u32)prog, .log_buf = address(log_text),
		 .log_size = sizeof(log_text), .log_level = 1);
	vec_release(&insns);
	return fd;
}

static int load(const struct world *w, u32 type, u32 attach_type, u32 flags, const char *target,
		const char *text)
{
	s32 id = find_target(skep_model(w->skep)->btf, target);
	int fd;

	if (id <= 0) {
		test_fail(__FILE__, __LINE__, "no %s in BTF", target);
		return -ENOENT;
	}
	fd = load_id(w, type, attach_type, flags, (u32)id, 0, text);
	if (fd >= 0)
		close(fd);
	return fd;
}

struct attempt {
	u32 type, attach_type, flags;
	const char *target, *text;
	const char *says; /* ACCEPTED, or what the log says */
};

static void try_all(const struct world *w, const struct attempt *attempts, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		const struct attempt *a = &attempts[i];
		int got = load(w, a->type, a->attach_type, a->flags, a->target, a->text);

		if (a->says ? got >= 0 || !strstr(log_text, a->says) : got < 0)
			test_fail(__FILE__, __LINE__, "%u: %s \"%s\": %d, expected %s\n%s", i,
				  a->target, a->text, got, a->says ? a->says : "to be accepted",
				  log_text);
	}
}

#define FENTRY BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY
#define FEXIT  BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT
#define FMOD   BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN
#define TP     BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP
#define ITER   BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER
#define LSM    BPF_PROG_TYPE_LSM, BPF_LSM_MAC
#define LSM_CG BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP
#define RET(n) "r0 = " #n "\nexit\n"

static const struct attempt targets[] = {
	{ FENTRY, 0, "plain", RET(0), ACCEPTED },
	{ FENTRY, 0, "plain", RET(1), "should have been in [0, 0]" },
	{ FENTRY, 0, "object", RET(0), "is not a function" },
	{ FENTRY, 0, "too_big", RET(0), "The function too_big arg0 type STRUCT is unsupported." },
	{ FENTRY, 0, "gives_struct", RET(0), "return type STRUCT is unsupported." },
	{ FENTRY, 0, "takes_empty", RET(0), "has malformed void argument" },
	{ FENTRY, 0, "varargs", RET(0), "with variable args is unsupported." },
	{ FENTRY, 0, "many", RET(0), "has 13 arguments. Too many." },
	{ FENTRY, 0, "migrate_disable", RET(0), "function 'migrate_disable' is rejected" },
	{ FENTRY, 0, "do_exit", RET(0), ACCEPTED },
	{ FEXIT, 0, "do_exit", RET(0), "__noreturn function 'do_exit' is rejected" },
	{ FENTRY, SLEEPABLE, "plain", RET(0), "plain is not sleepable" },
	{ FENTRY, SLEEPABLE, "__x64_sys_read", RET(0), ACCEPTED },
	{ FMOD, 0, "plain", RET(0), "plain() is not modifiable" },
	{ FMOD, 0, "security_file_open", RET(-7), ACCEPTED },
	{ FMOD, SLEEPABLE, "security_file_open", RET(0), "is not sleepable" },
	{ TP, 0, "plain", RET(0), "is not a typedef" },
	{ TP, 0, "not_a_trace", RET(0), "points to wrong type name not_a_trace" },
	{ TP, 0, "btf_trace_object", RET(0), "has no prototype" },
	{ TP, 0, "btf_trace_number", RET(0), "is not a tracepoint" },
	{ TP, 0, "btf_trace_event", RET(77), ACCEPTED },
	{ ITER, 0, "bpf_iter_task", RET(1), ACCEPTED },
	{ ITER, 0, "bpf_iter_task", RET(2), "should have been in [0, 1]" },
	{ ITER, 0, "bpf_iter_no_target", RET(0), "is not an iterator" },
	{ ITER, 0, "plain", RET(0), "is not an iterator" },
	{ LSM, 0, "bpf_lsm_file_open", RET(-1), ACCEPTED },
	{ LSM, 0, "bpf_lsm_file_open", RET(1), "should have been in [-4095, 0]" },
	{ LSM, 0, "bpf_lsm_file_open", "w0 = -1\nexit\n", ACCEPTED },
	{ LSM, 0, "bpf_lsm_inode_xattr_skipcap", RET(1), ACCEPTED },
	{ LSM, 0, "bpf_lsm_inode_xattr_skipcap", RET(-1), "should have been in [0, 1]" },
	{ LSM, 0, "bpf_lsm_task_free", RET(5), ACCEPTED },
	{ LSM, SLEEPABLE, "bpf_lsm_file_open", RET(0), ACCEPTED },
	{ LSM, SLEEPABLE, "bpf_lsm_task_free", RET(0), "bpf_lsm_task_free is not sleepable" },
	{ LSM, 0, "bpf_lsm_getprocattr", RET(0), "points to disabled hook bpf_lsm_getprocattr" },
	{ LSM, 0, "bpf_lsm_verify_prog", RET(0), "points to wrong type name bpf_lsm_verify_prog" },
	{ LSM, 0, "plain", RET(0), "points to wrong type name plain" },
	{ LSM_CG, 0, "bpf_lsm_file_open", RET(1), ACCEPTED },
	{ LSM_CG, 0, "bpf_lsm_file_open", RET(-1), "should have been in [0, 1]" },
	{ LSM_CG, SLEEPABLE, "bpf_lsm_file_open", RET(1), "programs can be sleepable" },
	{ TP, SLEEPABLE, "btf_trace_event", RET(0), "programs can be sleepable" },
	{ LSM_CG, 0, "bpf_lsm_file_open", "r1 = -13\ncall 187\n" RET(1), ACCEPTED },
	{ LSM_CG, 0, "bpf_lsm_file_open", "r1 = 1\ncall 187\n" RET(1), "should have been in [-4095, 0]" },
	{ LSM_CG, 0, "bpf_lsm_file_open", "call 7\nr1 = r0\ncall 187\n" RET(1), "At bpf_set_retval" },
	{ LSM_CG, 0, "bpf_lsm_inode_xattr_skipcap", "r1 = 1\ncall 187\n" RET(1), ACCEPTED },
	{ LSM_CG, 0, "bpf_lsm_task_free", "r1 = 1\ncall 187\n" RET(1), "void LSM hooks" },
	{ FENTRY, 0, "plain", "call 173\n" RET(0), ACCEPTED },
	{ TP, 0, "btf_trace_event", "call 173\n" RET(0), "only for fentry/fexit/fmod_ret" },
	{ LSM, 0, "bpf_lsm_file_open", "call 173\n" RET(0), "not supported for program type" },
	{ FENTRY, 0, "plain", "r2 = r10\nr2 += -8\ncall 184\n" RET(0), ACCEPTED },
	{ TP, 0, "btf_trace_event", "call 185\n" RET(0), "cannot use helper bpf_get_func_arg_cnt" },
	{ FENTRY, 0, "plain", "call 174\n" RET(0), ACCEPTED },
	{ ITER, 0, "bpf_iter_task", "call 174\n" RET(0), "cannot use helper bpf_get_attach_cookie" },
	{ LSM_CG, 0, "bpf_lsm_task_free", RET(0), "should have been in [1, 1]" },
};

#define LOAD(size, off, then) "r2 = *(" #size " *)(r1 +" #off ")\n" then RET(0)
#define DEREF		      "r3 = *(u32 *)(r2 +0)\n"
#define DEREF64		      "r3 = *(u64 *)(r2 +0)\n"
#define CHECKED64	      "if r2 == 0 goto end\nr3 = *(u64 *)(r2 +0)\nend:\n"
#define CHECKED		      "if r2 == 0 goto end\nr3 = *(u32 *)(r2 +0)\nend:\n"

static const struct attempt contexts[] = {
	{ FENTRY, 0, "plain", LOAD(u64, 0, ""), ACCEPTED },
	{ FENTRY, 0, "plain", LOAD(u32, 0, ""), ACCEPTED },
	{ FENTRY, 0, "plain", LOAD(u32, 4, ""), "offset 4 is not multiple of 8" },
	{ FENTRY, 0, "plain", LOAD(u64, 0, DEREF), "R2 invalid mem access 'scalar'" },
	{ FENTRY, 0, "plain", LOAD(u64, 8, DEREF), ACCEPTED },
	{ FENTRY, 0, "plain", LOAD(u32, 8, ""), "size 4 must be 8" },
	{ FENTRY, 0, "plain", LOAD(u64, 16, DEREF), "R2 invalid mem access 'scalar'" },
	{ FENTRY, 0, "plain", LOAD(u64, 24, ""), "func 'plain' doesn't have 4-th argument" },
	{ FENTRY, 0, "plain", LOAD(u64, 96, ""), "invalid bpf_context access off=96 size=8" },
	{ FENTRY, 0, "plain", "r2 = *(u64 *)(r1 -8)\n" RET(0), "invalid bpf_context access off=-8" },
	{ FENTRY, 0, "plain", "*(u64 *)(r1 +0) = r1\n" RET(0), "invalid bpf_context access" },
	{ LSM, 0, "bpf_lsm_file_open", "r2 = 1\n*(u64 *)(r1 +0) = r2\n" RET(0),
	  "invalid bpf_context access" },
	{ FEXIT, 0, "plain", LOAD(u64, 24, ""), ACCEPTED },
	{ FEXIT, 0, "plain", LOAD(u64, 32, ""), "doesn't have 5-th argument" },
	{ FEXIT, 0, "nothing", LOAD(u64, 8, ""), "Only pointer access is allowed" },
	{ FEXIT, 0, "nothing", LOAD(u64, 0, DEREF), "access user memory" },
	{ FMOD, 0, "security_file_open", LOAD(u64, 8, ""), ACCEPTED },
	{ FMOD, 0, "security_nothing", LOAD(u64, 8, ""), "not allowed for fmod_ret" },
	{ FENTRY, 0, "by_value", LOAD(u64, 8, ""), ACCEPTED },
	{ FENTRY, 0, "by_value", LOAD(u64, 16, ""), ACCEPTED },
	{ FENTRY, 0, "by_value", LOAD(u64, 24, ""), "doesn't have 3-th argument" },
	{ TP, 0, "btf_trace_event", LOAD(u64, 0, DEREF), ACCEPTED },
	{ TP, 0, "btf_trace_event", LOAD(u64, 8, ""), ACCEPTED },
	{ TP, 0, "btf_trace_event", LOAD(u64, 16, ""), "doesn't have 3-th argument" },
	{ TP, 0, "btf_trace_mm_page_alloc", LOAD(u64, 0, DEREF), "_or_null" },
	{ TP, 0, "btf_trace_mm_page_alloc", LOAD(u64, 0, CHECKED), ACCEPTED },
	{ TP, 0, "btf_trace_named", LOAD(u64, 0, DEREF), "_or_null" },
	{ ITER, 0, "bpf_iter_task", LOAD(u64, 0, DEREF), ACCEPTED },
	{ ITER, 0, "bpf_iter_task", LOAD(u64, 8, DEREF), "_or_null" },
	{ ITER, 0, "bpf_iter_task", LOAD(u64, 8, CHECKED), ACCEPTED },
	{ ITER, 0, "bpf_iter_bpf_map_elem", LOAD(u64, 16, DEREF), "_or_null" },
	{ ITER, 0, "bpf_iter_bpf_map_elem", LOAD(u64, 16, CHECKED), ACCEPTED },
	{ ITER, 0, "bpf_iter_bpf_map_elem",
	  "r2 = *(u64 *)(r1 +16)\nif r2 == 0 goto end\n*(u32 *)(r2 +0) = 1\nend:\n" RET(0),
	  "R2 cannot write into rdonly_buf" },
	{ ITER, 0, "bpf_iter_bpf_map_elem",
	  "r2 = *(u64 *)(r1 +24)\nif r2 == 0 goto end\n*(u32 *)(r2 +64) = 1\nend:\n" RET(0),
	  ACCEPTED },
	{ ITER, 0, "bpf_iter_bpf_map_elem",
	  "r2 = *(u64 *)(r1 +24)\nif r2 == 0 goto end\n*(u32 *)(r2 -4) = 1\nend:\n" RET(0),
	  "R2 invalid buf buffer access: off=-4" },
	{ LSM, 0, "bpf_lsm_file_open", LOAD(u64, 0, DEREF), ACCEPTED },
	{ LSM, 0, "bpf_lsm_file_open", "r0 = *(u64 *)(r1 +8)\nexit\n", ACCEPTED },
	{ LSM, 0, "bpf_lsm_mmap_file", LOAD(u64, 0, DEREF), "_or_null" },
	{ LSM, 0, "bpf_lsm_mmap_file", LOAD(u64, 0, CHECKED), ACCEPTED },
	{ LSM_CG, 0, "bpf_lsm_file_open", "r0 = *(u64 *)(r1 +8)\nexit\n",
	  "should have been in [0, 1]" },
};

TEST(targets_are_checked)
{
	struct btf_builder *b = small_kernel();
	struct world w;
	u32 size;
	const void *data = btf_builder_data(b, &size);

	REQUIRE(data);
	w = world_of(data, size);
	try_all(&w, targets, ARRAY_SIZE(targets));
	world_end(&w);
	btf_builder_free(b);
}

TEST(contexts_are_the_prototypes)
{
	struct btf_builder *b = small_kernel();
	struct world w;
	u32 size;
	const void *data = btf_builder_data(b, &size);

	REQUIRE(data);
	w = world_of(data, size);
	try_all(&w, contexts, ARRAY_SIZE(contexts));
	world_end(&w);
	btf_builder_free(b);
}

/* A type that nobody names. */
static u32 nameless(const struct btf *btf)
{
	u32 id = 1;

	while (btf_kind(btf_type(btf, id)) != BTF_KIND_PTR)
		id++;
	return id;
}

TEST(targets_are_named_functions_of_the_kernel)
{
	struct btf_builder *b = small_kernel();
	const struct btf *btf;
	struct world w;
	u32 size;
	const void *data = btf_builder_data(b, &size);
	int prog;

	REQUIRE(data);
	w = world_of(data, size);
	btf = skep_model(w.skep)->btf;
	CHECK_EQ(load_id(&w, FENTRY, 0, btf->n_types + 10, 0, RET(0)), -EINVAL);
	CHECK(strstr(log_text, "is invalid"));
	CHECK_EQ(load_id(&w, FENTRY, 0, nameless(btf), 0, RET(0)), -EINVAL);
	CHECK(strstr(log_text, "doesn't have a name"));
	prog = load_id(&w, BPF_PROG_TYPE_SOCKET_FILTER, 0, 0, 0, 0, RET(0));
	REQUIRE(prog >= 0);
	CHECK_EQ(load_id(&w, FENTRY, 0, (u32)find_target(btf, "plain"), prog, RET(0)), -EINVAL);
	CHECK(strstr(log_text, "tracing a BPF program comes later"));
	close(prog);
	world_end(&w);
	btf_builder_free(b);
}

/* ---- variables and functions of the kernel ---- */

#define NOT_READ -1

/* Reads there, with that size, through the address of that id of a module (0: of the kernel). */
static int load_address(const struct world *w, s32 id, int module, int size)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_BTF_ID, 0, id),
		INSN(0, 0, 0, 0, module),
		size >= 0 ? INSN((u8)(BPF_LDX | BPF_MEM | size), 2, 1, 0, 0) : MOV_IMM(2, 0),
		MOV_IMM(0, 0),
		EXIT,
	};
	int fd;

	log_text[0] = 0;
	fd = BPF(w, BPF_PROG_LOAD, attr_prog_load, .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
		 .insn_cnt = ARRAY_SIZE(insns), .insns = address(insns),
		 .license = address("GPL"), .log_buf = address(log_text),
		 .log_size = sizeof(log_text), .log_level = 1);
	if (fd >= 0)
		close(fd);
	return fd;
}

static int load_variable(const struct world *w, const char *name, u32 kind, int size)
{
	return load_address(w, btf_find(skep_model(w->skep)->btf, name, kind), 0, size);
}

TEST(variables_of_the_kernel)
{
	struct btf_builder *b = small_kernel();
	struct world w;
	u32 size;
	const void *data = btf_builder_data(b, &size);

	REQUIRE(data);
	w = world_of(data, size);
	CHECK(load_variable(&w, "a_number", BTF_KIND_VAR, BPF_W) >= 0);
	CHECK_EQ(load_variable(&w, "a_number", BTF_KIND_VAR, BPF_DW), -EACCES);
	CHECK(load_variable(&w, "an_object", BTF_KIND_VAR, BPF_W) >= 0);
	CHECK(load_variable(&w, "per_cpu_number", BTF_KIND_VAR, NOT_READ) >= 0);
	CHECK_EQ(load_variable(&w, "per_cpu_number", BTF_KIND_VAR, BPF_W), -EACCES);
	CHECK(load_variable(&w, "plain", BTF_KIND_FUNC, NOT_READ) >= 0);
	CHECK_EQ(load_variable(&w, "plain", BTF_KIND_FUNC, BPF_B), -EACCES);
	CHECK_EQ(load_variable(&w, "object", BTF_KIND_STRUCT, NOT_READ), -EINVAL);
	CHECK(strstr(log_text, "isn't KIND_VAR or KIND_FUNC"));
	CHECK_EQ(load_variable(&w, "nobody", BTF_KIND_VAR, NOT_READ), -ENOENT);
	CHECK_EQ(load_address(&w, btf_find(skep_model(w.skep)->btf, "a_number", BTF_KIND_VAR), 5,
			      NOT_READ), -EINVAL);
	CHECK(strstr(log_text, "invalid module BTF object FD"));
	world_end(&w);
	btf_builder_free(b);
}

TEST(variables_whose_addresses_a_kernel_hides)
{
	struct btf_builder *b = small_kernel();
	struct text log = text_in(log_text, sizeof(log_text));
	struct kernel_model *model;
	struct world w = { .name = "verifier" };
	u32 size;
	const void *data = btf_builder_data(b, &size);

	REQUIRE(data && !model_linux_new(data, size, &log, &model));
	model_restrict(model, false, true);
	w.skep = skep_new_verifier(model);
	REQUIRE(w.skep);
	CHECK(load_variable(&w, "plain", BTF_KIND_FUNC, NOT_READ) >= 0);
	CHECK_EQ(load_variable(&w, "a_number", BTF_KIND_VAR, BPF_W), -ENOENT);
	CHECK(strstr(log_text, "failed to find the address for kernel symbol 'a_number'"));
	world_end(&w);
	btf_builder_free(b);
}

/* ---- this machine's Linux ---- */

static const struct attempt real[] = {
	{ FENTRY, 0, "do_unlinkat", LOAD(u64, 8, DEREF64), ACCEPTED },
	{ FENTRY, 0, "tcp_connect", LOAD(u64, 0, DEREF64), ACCEPTED },
	{ FEXIT, 0, "tcp_connect", LOAD(u64, 8, ""), ACCEPTED },
	{ TP, 0, "btf_trace_sched_switch", LOAD(u64, 8, DEREF64), ACCEPTED },
	{ TP, 0, "btf_trace_sys_enter", LOAD(u64, 0, DEREF64), ACCEPTED },
	{ LSM, 0, "bpf_lsm_file_open", LOAD(u64, 0, DEREF), ACCEPTED },
	{ LSM, SLEEPABLE, "bpf_lsm_bprm_committed_creds", RET(0), ACCEPTED },
	{ ITER, 0, "bpf_iter_task", LOAD(u64, 8, CHECKED64), ACCEPTED },
};

static u8 *linux_btf(size_t *size)
{
	static u8 data[32 << 20];
	FILE *f = fopen("/sys/kernel/btf/vmlinux", "re");

	if (!f)
		SKIP("this kernel has no /sys/kernel/btf/vmlinux");
	*size = fread(data, 1, sizeof(data), f);
	fclose(f);
	return data;
}

TEST(this_machines_kernel_has_targets)
{
	size_t size;
	u8 *data = linux_btf(&size);
	struct world w;

	w = world_of(data, (u32)size);
	for (u32 i = 0; i < ARRAY_SIZE(real); i++) {
		if (find_target(skep_model(w.skep)->btf, real[i].target) > 0)
			try_all(&w, &real[i], 1);
		else
			test_note("this kernel has no %s", real[i].target);
	}
	world_end(&w);
}

/* ---- Linux as the oracle: it verifies typed tracepoints and iterators ---- */

struct answer {
	int err;
	char log[512];
};

static void ask(const struct world *w, u32 attach_type, u32 id, const struct bpf_insn *insns, u32 n,
		struct answer *out)
{
	log_text[0] = 0;
	out->err = BPF(w, BPF_PROG_LOAD, attr_prog_load, .prog_type = BPF_PROG_TYPE_TRACING,
		       .insn_cnt = n, .insns = address(insns), .license = address("GPL"),
		       .expected_attach_type = attach_type, .attach_btf_id = id,
		       .log_buf = address(log_text), .log_size = sizeof(log_text), .log_level = 1);
	if (out->err >= 0)
		close(out->err);
	snprintf(out->log, sizeof(out->log), "%s", log_text);
}

/* Reads 8 bytes of the context there and, with deref, a byte behind them. */
static bool same_answer(const struct world *ours, const struct world *theirs, u32 attach_type, u32 id,
			s32 off, bool deref)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 2, 1, (s16)off, 0),
		deref ? INSN(BPF_LDX | BPF_MEM | BPF_B, 3, 2, 0, 0) : MOV_IMM(3, 0),
		MOV_IMM(0, 0),
		EXIT,
	};
	struct answer a, b;

	ask(theirs, attach_type, id, insns, ARRAY_SIZE(insns), &b);
	if (b.err == -EPERM || b.err == -EBUSY)
		return true;
	ask(ours, attach_type, id, insns, ARRAY_SIZE(insns), &a);
	if ((a.err >= 0) == (b.err >= 0))
		return true;
	test_fail(__FILE__, __LINE__, "%s, context at %d%s: ours %d, Linux %d\n%s\n%s",
		  btf_name(skep_model(ours->skep)->btf,
			   btf_type(skep_model(ours->skep)->btf, id)->name_off),
		  off, deref ? ", followed" : "", a.err, b.err, a.log, b.log);
	return false;
}

/* SKEP_EVERY=1: all of them, 20,000 programs for each of the two. */
TEST(contexts_are_linux_s)
{
	size_t size;
	u8 *data = linux_btf(&size);
	u32 every = getenv("SKEP_EVERY") ? (u32)atoi(getenv("SKEP_EVERY")) : 10, seen = 0, asked = 0,
	    wrong = 0;
	struct world theirs = world_linux(), ours = world_of(data, (u32)size);
	const struct btf *btf = skep_model(ours.skep)->btf;

	for (u32 id = 1; id < btf->n_types && wrong < 20; id++) {
		const struct btf_type *type = btf_type(btf, id);
		const char *name = btf_name(btf, type->name_off);
		bool tracepoint = btf_kind(type) == BTF_KIND_TYPEDEF &&
				  !strncmp(name, "btf_trace_", 10);

		if (!tracepoint && (btf_kind(type) != BTF_KIND_FUNC || strncmp(name, "bpf_iter_", 9)))
			continue;
		if (tracepoint && seen++ % every)
			continue;
		for (s32 off = -8; off <= 96; off += 8)
			for (u32 deref = 0; deref < 2; deref++, asked++)
				wrong += !same_answer(&ours, &theirs,
						      tracepoint ? BPF_TRACE_RAW_TP : BPF_TRACE_ITER,
						      id, off, deref);
	}
	test_note("%u programs", asked);
	CHECK(asked > 1000);
	world_end(&ours);
	world_end(&theirs);
}
