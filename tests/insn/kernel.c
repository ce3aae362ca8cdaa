/* SPDX-License-Identifier: Apache-2.0 */
#include "insn/kernel.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <skep/skep.h>

#include "btf/btf.h"

int kernel_bpf(const struct kernel *kernel, int cmd, union bpf_attr *attr)
{
	long result = kernel->skep ? skep_bpf(kernel->skep, cmd, attr, sizeof(*attr))
				   : syscall(__NR_bpf, cmd, attr, sizeof(*attr));

	return result < 0 ? -errno : (int)result;
}

static void fill_load(union bpf_attr *attr, u32 prog_type, const struct bpf_insn *insns, u32 n,
		      u32 log_level, char *log, u32 log_size)
{
	memset(attr, 0, sizeof(*attr));
	attr->prog_type = prog_type;
	attr->insns = (uintptr_t)insns;
	attr->insn_cnt = n;
	attr->license = (uintptr_t) "GPL";
	if (log) {
		log[0] = 0;
		attr->log_level = log_level;
		attr->log_buf = (uintptr_t)log;
		attr->log_size = log_size;
	}
}

int kernel_load(const struct kernel *kernel, u32 prog_type, const struct bpf_insn *insns, u32 n,
		u32 log_level, char *log, u32 log_size)
{
	union bpf_attr attr;

	fill_load(&attr, prog_type, insns, n, log_level, log, log_size);
	return kernel_bpf(kernel, BPF_PROG_LOAD, &attr);
}

#define MAX_FUNCTIONS 16

static u32 find_functions(const struct bpf_insn *insns, u32 n, struct bpf_func_info *info, u32 type)
{
	u32 n_info = 0;

	for (u32 at = 0; at < n; at++) {
		bool starts = at == 0;

		for (u32 i = 0; i < n; i += insn_slots(&insns[i])) {
			enum isa_op op = isa_op_of(&insns[i]);

			starts |= (op == OP_CALL_FUNC || op == OP_IMM64_FUNC) &&
				  (s64)i + 1 + insns[i].imm == at;
		}
		if (starts && n_info < MAX_FUNCTIONS)
			info[n_info++] = (struct bpf_func_info){ .insn_off = at, .type_id = type };
	}
	return n_info;
}

/* BTF with "int function(void *ctx)"; the type id of that is *func. An fd or -errno. */
static int load_btf(const struct kernel *kernel, u32 *func)
{
	struct btf_builder *b = btf_builder_new();
	union bpf_attr attr;
	u32 size;
	s32 number, pointer, proto;
	int fd;

	if (!b)
		return -ENOMEM;
	number = btf_add_int(b, "int", 4, BTF_INT_SIGNED);
	pointer = btf_add_ptr(b, 0);
	proto = btf_add_func_proto(b, (u32)number);
	btf_add_param(b, "ctx", (u32)pointer);
	*func = (u32)btf_add_func(b, "function", (u32)proto, BTF_FUNC_STATIC);
	memset(&attr, 0, sizeof(attr));
	attr.btf = (uintptr_t)btf_builder_data(b, &size);
	attr.btf_size = size;
	fd = kernel_bpf(kernel, BPF_BTF_LOAD, &attr);
	btf_builder_free(b);
	return fd;
}

int kernel_load_functions(const struct kernel *kernel, u32 prog_type, const struct bpf_insn *insns,
			  u32 n, char *log, u32 log_size)
{
	struct bpf_func_info info[MAX_FUNCTIONS];
	union bpf_attr attr;
	u32 type;
	int btf = load_btf(kernel, &type), fd;

	if (btf < 0)
		return btf;
	fill_load(&attr, prog_type, insns, n, 1, log, log_size);
	attr.prog_btf_fd = (u32)btf;
	attr.func_info = (uintptr_t)info;
	attr.func_info_rec_size = sizeof(info[0]);
	attr.func_info_cnt = find_functions(insns, n, info, type);
	fd = kernel_bpf(kernel, BPF_PROG_LOAD, &attr);
	close(btf);
	return fd;
}

int kernel_run(const struct kernel *kernel, int fd, u8 *data, u32 size, u32 *result)
{
	union bpf_attr attr;
	u8 out[4096];
	int err;

	if (size > sizeof(out))
		return -E2BIG;
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (u32)fd;
	attr.test.data_in = (uintptr_t)data;
	attr.test.data_size_in = size;
	attr.test.data_out = (uintptr_t)out;
	attr.test.data_size_out = sizeof(out);
	err = kernel_bpf(kernel, BPF_PROG_TEST_RUN, &attr);
	if (err)
		return err;
	*result = attr.test.retval;
	memcpy(data, out, size);
	return 0;
}

/* Loads a program that returns 2, runs it, and says what went wrong. */
static const char *probe(const struct kernel *kernel)
{
	static const struct bpf_insn insns[] = { { .code = 0xb7, .imm = 2 }, { .code = 0x95 } };
	u8 data[64] = { 0 };
	u32 result = 0;
	int fd = kernel_load(kernel, BPF_PROG_TYPE_XDP, insns, 2, 0, NULL, 0), err;

	if (fd < 0)
		return "bpf(2) refuses to load a program here";
	err = kernel_run(kernel, fd, data, sizeof(data), &result);
	close(fd);
	return err || result != 2 ? "PROG_TEST_RUN does not run a program here" : NULL;
}

/* The newest instructions: with them all older ones are there. */
static bool knows_all(const struct kernel *kernel)
{
	static const struct bpf_insn insns[] = {
		{ .code = 0x7a, .dst_reg = 10, .off = -8 },
		{ .code = 0xdb, .dst_reg = 0, .src_reg = 10, .off = -8, .imm = BPF_LOAD_ACQ },
		{ .code = 0xe5 },
		{ .code = 0x95 },
	};
	int fd = kernel_load(kernel, BPF_PROG_TYPE_XDP, insns, ARRAY_SIZE(insns), 0, NULL, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

const char *kernel_linux(struct kernel *kernel)
{
	const char *why;

	*kernel = (struct kernel){ .name = "linux" };
	why = probe(kernel);
	kernel->complete = !why && knows_all(kernel);
	return why;
}

const char *kernel_skep(struct kernel *kernel, bool jit)
{
	struct skep_opts opts = { .size = sizeof(opts), .flags = jit ? 0 : SKEP_NO_JIT };
	const char *why;

	*kernel = (struct kernel){ .name = jit ? "skep" : "skep without JIT" };
	kernel->skep = skep_new(&opts);
	why = kernel->skep ? probe(kernel) : "skep_new failed";
	kernel->complete = true;
	return why;
}

void kernel_release(struct kernel *kernel)
{
	skep_free(kernel->skep);
	kernel->skep = NULL;
}
