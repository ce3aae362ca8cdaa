/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged BTF: Skep's answer against that of the running Linux. */
#include <errno.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "btf_samples.h"
#include "lib/test.h"
#include "model/model.h"
#include "os/os.h"

static int linux_load(const void *bytes, uint32_t size, char *log, uint32_t log_size)
{
	union bpf_attr attr = { .btf = (uintptr_t)bytes,
				.btf_size = size,
				.btf_log_buf = (uintptr_t)log,
				.btf_log_size = log_size,
				.btf_log_level = log ? 1 : 0 };
	long fd = syscall(__NR_bpf, BPF_BTF_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int our_load(const void *bytes, uint32_t size, char *line, size_t line_size)
{
	struct text log = text_in(line, line_size);
	struct btf *btf = NULL;
	int err = btf_parse(bytes, size, NULL, &log, &btf);

	btf_free(btf);
	return err;
}

/* The last line of Linux's log, which says why. */
static const char *last_line(char *log)
{
	size_t n = strlen(log);

	while (n && log[n - 1] == '\n')
		log[--n] = 0;
	while (n && log[n - 1] != '\n')
		n--;
	return log + n;
}

TEST(verdicts_agree)
{
	static char log[1 << 16], line[1024];
	struct btf_builder *b = sample_builder();
	struct mutator m = { 1 };
	uint32_t size, accepted = 0, differ = 0, rounds = 20000;
	const void *good = btf_builder_data(b, &size);
	uint8_t *bytes = malloc(size);
	const char *more = getenv("SKEP_BTF_ROUNDS");
	int err;

	REQUIRE(good);
	err = linux_load(good, size, NULL, 0);
	if (err == -EPERM || err == -ENOSYS)
		SKIP("Linux's bpf(2) is not ours to ask: %s", strerror(-err));
	CHECK_EQ(err, 0);
	if (our_load(good, size, line, sizeof(line)))
		test_fail(__FILE__, __LINE__, "%s", line);
	if (more)
		rounds = strtoul(more, NULL, 0), m.state = rounds;
	for (uint32_t i = 0; i < rounds && differ < 20; i++) {
		uint32_t cut;
		int ours, theirs;

		memcpy(bytes, good, size);
		cut = mutate(&m, bytes, size);
		ours = our_load(bytes, cut, line, sizeof(line));
		theirs = linux_load(bytes, cut, NULL, 0);
		accepted += !theirs;
		if (ours == theirs)
			continue;
		differ++;
		log[0] = 0;
		linux_load(bytes, cut, log, sizeof(log));
		test_fail(__FILE__, __LINE__, "round %u: ours %d (%s) Linux %d (%s)", i, ours, line,
			  theirs, last_line(log));
	}
	test_note("%u damaged BTFs, %u still accepted by Linux, %u differ", rounds, accepted,
		  differ);
	CHECK(accepted > rounds / 100 && accepted < rounds / 2);
	free(bytes);
	btf_builder_free(b);
}

TEST(the_presented_btf_is_fine_with_linux)
{
	static char log[1 << 16];
	uint32_t size;
	void *data;
	int err;

	REQUIRE(!model_skep_btf(&data, &size));
	err = linux_load(data, size, NULL, 0);
	if (err == -EPERM || err == -ENOSYS)
		SKIP("Linux's bpf(2) is not ours to ask: %s", strerror(-err));
	if (err) {
		linux_load(data, size, log, sizeof(log));
		test_fail(__FILE__, __LINE__, "%d: %s", err, last_line(log));
	}
	os_free(data);
}
