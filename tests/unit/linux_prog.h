/* SPDX-License-Identifier: Apache-2.0 */
/* Programs for the real kernel, from assembler text: loaded, run by PROG_TEST_RUN, closed. */
#ifndef SKEP_TESTS_UNIT_LINUX_PROG_H
#define SKEP_TESTS_UNIT_LINUX_PROG_H

#include "isa/asm.h"
#include "unit/maps_common.h"

/* "r1 = 0x1000000000 ll" stands for the first map, ...01 for the second. */
#define LINUX_PROG_MAP 0x1000000000ull

static inline void linux_prog_patch(insn_vec *insns, const int *maps, u32 n_maps)
{
	for (size_t i = 0; i + 1 < insns->len; i++) {
		struct bpf_insn *insn = &insns->data[i];
		u64 value;

		if (!insn_is_ldimm64(insn))
			continue;
		value = insn_imm64(insn) - LINUX_PROG_MAP;
		if (value < n_maps) {
			insn[0].src_reg = BPF_PSEUDO_MAP_FD;
			insn[0].imm = maps[value];
			insn[1].imm = 0;
		}
		i++;
	}
}

/* The fd or -errno; what the verifier objects to is printed. */
static inline int linux_prog_load(const char *text, const int *maps, u32 n_maps)
{
	static char log[1 << 16];
	insn_vec insns = { 0 };
	struct asm_error error;
	union bpf_attr attr;
	int fd = isa_assemble(text, &insns, &error);

	if (fd) {
		test_note("line %u: %s", error.line, error.message);
		return fd;
	}
	linux_prog_patch(&insns, maps, n_maps);
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	attr.insns = (u64)(uintptr_t)insns.data;
	attr.insn_cnt = (u32)insns.len;
	attr.license = (u64)(uintptr_t) "GPL";
	fd = linux_bpf(BPF_PROG_LOAD, &attr);
	if (fd < 0) {
		attr.log_buf = (u64)(uintptr_t)log;
		attr.log_size = sizeof(log);
		attr.log_level = 1;
		linux_bpf(BPF_PROG_LOAD, &attr);
		test_note("%s: %s", strerror(-fd), log);
	}
	vec_release(&insns);
	return fd;
}

/* 0 and what the program returned, or -errno. */
static inline int linux_prog_run(int fd, u32 repeat, u32 *result, u32 *duration_ns)
{
	u8 packet[64] = { 0 };
	union bpf_attr attr;
	int err;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (u32)fd;
	attr.test.data_in = (u64)(uintptr_t)packet;
	attr.test.data_size_in = sizeof(packet);
	attr.test.repeat = repeat;
	err = linux_bpf(BPF_PROG_TEST_RUN, &attr);
	*result = attr.test.retval;
	if (duration_ns)
		*duration_ns = attr.test.duration;
	return err;
}

#endif
