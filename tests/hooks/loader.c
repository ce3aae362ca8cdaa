/* SPDX-License-Identifier: Apache-2.0 */
/* The loader: libbpf as a private part, over a kernel that is a function of ours. */
#include "loader/loader.h"

#include <bpf/libbpf.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/test.h"

static int calls[64];

static int counted(void *data, int cmd, union bpf_attr *attr, unsigned int size)
{
	if (cmd >= 0 && cmd < 64)
		calls[cmd]++;
	return (int)syscall(SYS_bpf, cmd, attr, size);
}

static int refusing(void *data, int cmd, union bpf_attr *attr, unsigned int size)
{
	errno = EPERM;
	return -1;
}

static const struct loader_kernel counting = { .bpf = counted, .machine = true };

static struct loader_source object(void)
{
	return (struct loader_source){ .path = test_build_path("tests/hooks/mixed.bpf.o") };
}

static void need_linux_bpf(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
	};
	int fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));

	if (fd < 0)
		SKIP("this machine's bpf(2) refuses: %s", strerror(errno));
	close(fd);
}

TEST(object_is_described_before_loading)
{
	struct loader_error error;
	struct loader_source source = object();
	struct loader *loader;
	u32 btf_size;

	REQUIRE(loader_open(&counting, &source, &loader, &error) == 0);
	CHECK_EQ(loader_prog_count(loader), 3);
	CHECK_STR(loader_prog(loader, 0)->section, "raw_tracepoint/sys_enter");
	CHECK_STR(loader_prog(loader, 1)->name, "bad");
	CHECK_EQ(loader_prog(loader, 1)->type, BPF_PROG_TYPE_RAW_TRACEPOINT);
	CHECK_EQ(loader_prog(loader, 2)->type, BPF_PROG_TYPE_SCHED_CLS);
	CHECK(loader_find_map(loader, "counts") >= 0);
	CHECK_EQ(loader_map(loader, loader_find_map(loader, "counts"))->value_size, 8);
	CHECK(loader_btf(loader, &btf_size) && btf_size > 100);
	loader_close(loader);
}

TEST(bpf_reaches_only_the_given_kernel)
{
	struct loader_kernel kernel = { .bpf = refusing };
	struct loader_error error;
	struct loader_source source = object();
	struct loader *loader;

	REQUIRE(loader_open(&kernel, &source, &loader, &error) == 0);
	CHECK_EQ(loader_load(loader, &error), -EPERM);
	CHECK(strstr(error.text, "mixed.bpf.o: "));
	loader_close(loader);
}

TEST(linux_accepts_the_good_program)
{
	struct loader_error error;
	struct loader_source source = object();
	struct loader *loader;
	int bad;

	need_linux_bpf();
	REQUIRE(loader_open(&counting, &source, &loader, &error) == 0);
	bad = loader_find_prog(loader, "bad");
	loader_want(loader, (u32)bad, false);
	CHECK_EQ(loader_load(loader, &error), 0);
	CHECK_EQ(loader_prog(loader, 0)->verdict, LOADER_ACCEPTED);
	CHECK(loader_prog(loader, 0)->fd >= 0 && loader_prog(loader, 0)->load_ns > 0);
	CHECK_EQ(loader_prog(loader, (u32)bad)->verdict, LOADER_NOT_TRIED);
	CHECK(calls[BPF_PROG_LOAD] >= 2 && calls[BPF_MAP_CREATE] >= 1 && calls[BPF_BTF_LOAD] >= 1);
	loader_close(loader);
}

TEST(refusal_names_program_reason_and_source_line)
{
	struct loader_error error;
	struct loader_source source = object();
	struct loader *loader;
	const struct loader_prog *bad;

	need_linux_bpf();
	REQUIRE(loader_open(&counting, &source, &loader, &error) == 0);
	CHECK(loader_load(loader, &error) < 0);
	bad = loader_prog(loader, 1);
	CHECK_EQ(bad->verdict, LOADER_REFUSED);
	CHECK_EQ(bad->err, -EACCES);
	CHECK(strstr(bad->reason, "invalid mem access 'map_value_or_null'"));
	CHECK(strstr(bad->where, "*value += 1"));
	CHECK(bad->insns > 0 && bad->load_ns > 0);
	CHECK(strstr(error.text, "program bad (raw_tracepoint/sys_enter) is refused: R0 invalid"));
	loader_close(loader);
}

static void note_verdict(void *data, const struct loader_prog *prog)
{
	char *seen = data;

	strcat(seen, prog->name);
	strcat(seen, prog->verdict == LOADER_ACCEPTED ? "+ " : "- ");
}

TEST(each_program_is_judged_alone)
{
	struct loader_error error;
	struct loader_source source = object();
	char seen[128] = "";
	struct loader_judge how = { .seen = note_verdict, .data = seen };

	need_linux_bpf();
	CHECK_EQ(loader_judge(&counting, &source, &how, &error), 0);
	CHECK_STR(seen, "good+ bad- newer+ ");
}

TEST(what_is_not_an_object_is_told)
{
	struct loader_error error = { 0 };
	struct loader_source none = { .path = "/nonexistent.bpf.o" };
	struct loader_source text = { .path = "text", .bytes = "hello, world\n", .size = 13 };
	struct loader *loader;

	CHECK_EQ(loader_open(&counting, &none, &loader, &error), -ENOENT);
	CHECK_STR(error.text, "/nonexistent.bpf.o: no such file");
	CHECK(loader_open(&counting, &text, &loader, &error) < 0);
	CHECK(strstr(error.text, "text: cannot be read as an eBPF object: "));
	CHECK(strstr(error.text, "clang -target bpf"));
}

static u32 random_below(u32 *state, u32 n)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % n;
}

/* Answers so that libbpf goes on: the kernel behind it is not what is tested. */
static int agreeing(void *data, int cmd, union bpf_attr *attr, unsigned int size)
{
	if (cmd == BPF_MAP_CREATE || cmd == BPF_PROG_LOAD || cmd == BPF_BTF_LOAD)
		return (int)syscall(SYS_memfd_create, "object", 1);
	return 0;
}

static void damage(u8 *bytes, u32 size, u32 *state)
{
	for (u32 n = 1 + random_below(state, 4); n; n--) {
		u32 at = random_below(state, size - 8);

		switch (random_below(state, 4)) {
		case 0:
			bytes[at] ^= (u8)(1 << random_below(state, 8));
			break;
		case 1:
			bytes[at] = (u8)random_below(state, 256);
			break;
		case 2:
			memset(bytes + at, random_below(state, 2) ? 0xff : 0, 8);
			break;
		case 3: /* likely an id, an offset or a size */
			at &= ~3u;
			memcpy(bytes + at, &(u32){ random_below(state, 64) }, 4);
		}
	}
}

TEST(damaged_objects_are_errors_and_never_crashes)
{
	static u8 whole[1 << 16], damaged[1 << 16];
	struct loader_kernel kernel = { .bpf = agreeing };
	struct loader_error error;
	u32 state = 2463534242u, opened = 0, rounds = 3000;
	FILE *in = fopen(object().path, "rb");
	u32 size;

	REQUIRE(in);
	size = (u32)fread(whole, 1, sizeof(whole), in);
	fclose(in);
	REQUIRE(size > 1000 && size < sizeof(whole));
	for (u32 i = 0; i < rounds; i++) {
		struct loader_source source = { .path = "damaged", .bytes = damaged, .size = size };
		struct loader *loader;

		memcpy(damaged, whole, size);
		damage(damaged, size, &state);
		if (loader_open(&kernel, &source, &loader, &error)) {
			CHECK(error.err < 0 && strlen(error.text) > 10);
			continue;
		}
		opened++;
		loader_load(loader, &error);
		loader_close(loader);
	}
	test_note("%u of %u damaged objects opened", opened, rounds);
	CHECK(opened > rounds / 10 && opened < rounds - rounds / 10);
}

static void append(void *data, const char *text)
{
	FILE *out = data;

	fputs(text, out);
}

TEST(btf_becomes_c)
{
	struct loader_error error;
	struct loader_source source = object();
	struct loader *loader;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	const void *btf;
	u32 size;

	REQUIRE(loader_open(&counting, &source, &loader, &error) == 0);
	btf = loader_btf(loader, &size);
	CHECK_EQ(loader_btf_to_c(btf, size, append, out), 0);
	fclose(out);
	CHECK(strstr(text, "struct __sk_buff {"));
	free(text);
	loader_close(loader);
}

/* This test links with the system's libbpf too: its names must be that one's, not ours. */
static int own_print(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return 0;
}

TEST(a_libbpf_of_the_users_own_is_another_one)
{
	libbpf_print_fn_t before = libbpf_set_print(own_print);
	struct loader_error error;
	struct loader_source source = object();
	struct loader *loader;

	REQUIRE(loader_open(&counting, &source, &loader, &error) == 0);
	loader_close(loader);
	CHECK(libbpf_set_print(before) == own_print);
}
