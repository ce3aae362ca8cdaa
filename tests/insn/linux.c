/* SPDX-License-Identifier: Apache-2.0 */
#include "insn/linux.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long bpf(int cmd, union bpf_attr *attr)
{
	return syscall(__NR_bpf, cmd, attr, sizeof(*attr));
}

int linux_load(u32 prog_type, const struct bpf_insn *insns, u32 n, u32 log_level, char *log,
	       u32 log_size)
{
	union bpf_attr attr;
	long fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = prog_type;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = n;
	attr.license = (uintptr_t) "GPL";
	if (log) {
		log[0] = 0;
		attr.log_level = log_level;
		attr.log_buf = (uintptr_t)log;
		attr.log_size = log_size;
	}
	fd = bpf(BPF_PROG_LOAD, &attr);
	return fd < 0 ? -errno : (int)fd;
}

int linux_run(int fd, u8 *data, u32 size, u32 *result)
{
	union bpf_attr attr;
	u8 out[4096];

	if (size > sizeof(out))
		return -E2BIG;
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (u32)fd;
	attr.test.data_in = (uintptr_t)data;
	attr.test.data_size_in = size;
	attr.test.data_out = (uintptr_t)out;
	attr.test.data_size_out = sizeof(out);
	if (bpf(BPF_PROG_TEST_RUN, &attr) < 0)
		return -errno;
	*result = attr.test.retval;
	memcpy(data, out, size);
	return 0;
}

const char *linux_unusable(void)
{
	static const struct bpf_insn insns[] = { { .code = 0xb7, .imm = 2 }, { .code = 0x95 } };
	u8 data[64] = { 0 };
	u32 result = 0;
	int fd = linux_load(BPF_PROG_TYPE_XDP, insns, 2, 0, NULL, 0), err;

	if (fd < 0)
		return "this Linux refuses to load a program here";
	err = linux_run(fd, data, sizeof(data), &result);
	close(fd);
	return err || result != 2 ? "this Linux cannot run a program by PROG_TEST_RUN here" : NULL;
}
