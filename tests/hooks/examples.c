/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The examples are ordinary eBPF: the objects that were compiled against the kernel Skep
 * presents load into this machine's Linux unchanged (CO-RE relocates them to its types).
 * They are loaded only, and attached to nothing.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/test.h"
#include "loader/loader.h"

static const char *const examples[] = { "execsnoop", "opensnoop", "syscount", "writelat" };

static void need_linux(void)
{
	struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K },
				    { .code = BPF_JMP | BPF_EXIT } };
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_TRACEPOINT,
				.insns = (u64)(uintptr_t)insns,
				.insn_cnt = 2,
				.license = (u64)(uintptr_t) "GPL" };
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		SKIP("this machine's bpf(2) refuses tracepoint programs: %s", strerror(errno));
	close(fd);
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		SKIP("this machine's Linux has no BTF");
}

static void loads_into_linux(void *arg)
{
	char path[4096];
	struct loader_source source = { .path = path };
	struct loader_error error = { 0 };
	struct loader *loader;

	need_linux();
	snprintf(path, sizeof(path), "%s/%s.bpf.o", test_build_path("examples"), (const char *)arg);
	REQUIRE(loader_open(&loader_linux, &source, &loader, &error) == 0);
	if (loader_load(loader, &error))
		test_fail(__FILE__, __LINE__, "%s", error.text);
	for (u32 i = 0; i < loader_prog_count(loader); i++)
		CHECK_EQ(loader_prog(loader, i)->verdict, LOADER_ACCEPTED);
	loader_close(loader);
}

TEST(for_each_example)
{
	char name[64];

	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		snprintf(name, sizeof(name), "%s loads into Linux", examples[i]);
		test_run_named(name, loads_into_linux, (void *)examples[i]);
	}
}
