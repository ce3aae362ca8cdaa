/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helper functions against the running Linux's: the same call with the same bytes, made there
 * by a SEC("syscall") program under PROG_TEST_RUN. Its context is one buffer: arguments in
 * front, memory behind; the program copies the memory to its stack, calls, and copies back.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "helpers/format.h"
#include "helpers/helpers.h"
#include "lib/test.h"
#include "os/os.h"

#define MEM 256 /* bytes of the buffer that become stack */

struct call_buffer {
	u64 result;
	u64 number[5];
	u8 mem[MEM];
};

/*
 * What each argument is: a number of the buffer (as it is; below a power of two; the same but
 * odd, for sizes that must not be 0), a constant, an address in mem, or the format map's.
 */
enum arg_source { NUMBER, BELOW, BELOW_ODD, CONSTANT, ADDRESS, FORMAT };

struct call {
	u32 id;
	u32 n;
	struct {
		enum arg_source from;
		u32 at; /* the bound, the constant, the offset in mem */
	} arg[5];
	const char *format;
};

struct code {
	struct bpf_insn insns[256];
	u32 n;
};

static void put(struct code *c, u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	c->insns[c->n++] = (struct bpf_insn){ code, dst, src, off, imm };
}

static long bpf(int cmd, union bpf_attr *attr)
{
	long ret = syscall(__NR_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : ret;
}

/* A frozen read-only array holding the text: what bpf_snprintf wants its format in. */
static int format_map(const char *format)
{
	u32 size = strlen(format) + 1, key = 0;
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY,
				.key_size = 4,
				.value_size = size,
				.max_entries = 1,
				.map_flags = BPF_F_RDONLY_PROG };
	int fd = bpf(BPF_MAP_CREATE, &attr);

	if (fd < 0)
		return fd;
	attr = (union bpf_attr){ .map_fd = fd, .key = (uintptr_t)&key, .value = (uintptr_t)format };
	bpf(BPF_MAP_UPDATE_ELEM, &attr);
	attr = (union bpf_attr){ .map_fd = fd };
	bpf(BPF_MAP_FREEZE, &attr);
	return fd;
}

static void put_arg(struct code *c, const struct call *call, u32 i, int map)
{
	s16 field = offsetof(struct call_buffer, number) + 8 * i;

	switch (call->arg[i].from) {
	case NUMBER:
		put(c, BPF_LDX | BPF_MEM | BPF_DW, i + 1, BPF_REG_6, field, 0);
		break;
	case BELOW:
	case BELOW_ODD:
		put(c, BPF_LDX | BPF_MEM | BPF_DW, i + 1, BPF_REG_6, field, 0);
		put(c, BPF_ALU64 | BPF_AND | BPF_K, i + 1, 0, 0, call->arg[i].at - 1);
		if (call->arg[i].from == BELOW_ODD)
			put(c, BPF_ALU64 | BPF_OR | BPF_K, i + 1, 0, 0, 1);
		break;
	case CONSTANT:
		put(c, BPF_ALU64 | BPF_MOV | BPF_K, i + 1, 0, 0, call->arg[i].at);
		break;
	case ADDRESS:
		put(c, BPF_ALU64 | BPF_MOV | BPF_X, i + 1, BPF_REG_10, 0, 0);
		put(c, BPF_ALU64 | BPF_ADD | BPF_K, i + 1, 0, 0, (s32)call->arg[i].at - MEM);
		break;
	case FORMAT:
		put(c, BPF_LD | BPF_IMM | BPF_DW, i + 1, BPF_PSEUDO_MAP_VALUE, 0, map);
		put(c, 0, 0, 0, 0, 0);
		break;
	}
}

static void build(struct code *c, const struct call *call, int map)
{
	s16 mem = offsetof(struct call_buffer, mem);

	c->n = 0;
	put(c, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0);
	for (s16 i = 0; i < MEM; i += 8) {
		put(c, BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_6, mem + i, 0);
		put(c, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, BPF_REG_0, i - MEM, 0);
	}
	for (u32 i = 0; i < call->n; i++)
		put_arg(c, call, i, map);
	put(c, BPF_JMP | BPF_CALL, 0, 0, 0, call->id);
	put(c, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_6, BPF_REG_0, 0, 0);
	for (s16 i = 0; i < MEM; i += 8) {
		put(c, BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_10, i - MEM, 0);
		put(c, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_6, BPF_REG_0, mem + i, 0);
	}
	put(c, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
	put(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static char log_text[1 << 16];

/* A program that makes this call; < 0 with log_text when Linux does not load it. */
static int load(const struct call *call, int map)
{
	struct code code;
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SYSCALL,
				.prog_flags = 1u << 4,
				.insns = (uintptr_t)code.insns,
				.license = (uintptr_t) "GPL",
				.log_buf = (uintptr_t)log_text,
				.log_size = sizeof(log_text),
				.log_level = 1 };

	build(&code, call, map);
	attr.insn_cnt = code.n;
	log_text[0] = 0;
	return bpf(BPF_PROG_LOAD, &attr);
}

static int run_linux(int prog, struct call_buffer *buffer)
{
	union bpf_attr attr = { .test = { .prog_fd = prog,
					  .ctx_in = (uintptr_t)buffer,
					  .ctx_size_in = sizeof(*buffer) } };

	return bpf(BPF_PROG_TEST_RUN, &attr);
}

static int read_self(struct run_ctx *rc, void *dst, u64 src, u32 size)
{
	return os_copy_from(dst, src, size);
}

static void run_ours(const struct call *call, struct call_buffer *buffer)
{
	static const struct world_ops world = { .read_user = read_self };
	struct run_ctx rc = { .world = &world };
	u64 arg[5] = { 0 };

	for (u32 i = 0; i < call->n; i++)
		switch (call->arg[i].from) {
		case NUMBER:
			arg[i] = buffer->number[i];
			break;
		case BELOW:
		case BELOW_ODD:
			arg[i] = (buffer->number[i] & (call->arg[i].at - 1)) |
				 (call->arg[i].from == BELOW_ODD);
			break;
		case CONSTANT:
			arg[i] = call->arg[i].at;
			break;
		case ADDRESS:
			arg[i] = (uintptr_t)(buffer->mem + call->arg[i].at);
			break;
		case FORMAT:
			arg[i] = (uintptr_t)call->format;
			break;
		}
	buffer->result = helper_protos[call->id]->fn(arg[0], arg[1], arg[2], arg[3], arg[4], &rc);
}

/* Runs both; says so when the result or the memory differ. */
static bool same(const struct call *call, int prog, const struct call_buffer *input,
		 const char *what)
{
	struct call_buffer ours = *input, theirs = *input;

	REQUIRE(!run_linux(prog, &theirs));
	run_ours(call, &ours);
	if (ours.result == theirs.result && !memcmp(ours.mem, theirs.mem, MEM))
		return true;
	test_fail(__FILE__, __LINE__, "%s(%s): ours %lld \"%.60s\", Linux %lld \"%.60s\"",
		  helper_protos[call->id]->name, what, (long long)ours.result, ours.mem,
		  (long long)theirs.result, theirs.mem);
	return false;
}

static int require_program(const struct call *call, int map)
{
	int prog = load(call, map);

	if (prog == -EPERM || prog == -ENOSYS)
		SKIP("Linux's bpf(2) is not ours to ask: %s", strerror(-prog));
	if (prog < 0) {
		test_fail(__FILE__, __LINE__, "Linux does not load a call of %s: %.300s",
			  helper_protos[call->id]->name, log_text);
		test_stop();
	}
	return prog;
}

static u32 next_random(u64 *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 33;
}

/* Texts that look like numbers, more or less. */
static void random_number_text(u64 *state, char *text, u32 size)
{
	static const char parts[] = "0123456789abcdefABCDEFxX-+ \t\nzg,";
	u32 len = next_random(state) % size, i = 0;

	memset(text, 0, size);
	if (next_random(state) % 2)
		i += snprintf(text, size, "%s",
			      (const char *[]){ " ", "-", "0x", "-0x", "0", "  -", "\xa0",
						"-0X" }[next_random(state) % 8]);
	for (; i < len; i++)
		text[i] = parts[next_random(state) % (next_random(state) % 4 ? 16 : 32)];
}

static void compare_numbers(u32 id)
{
	static const u64 bases[] = { 0, 8, 10, 16, 0, 10, 2, 0x20, 36, 1ull << 32 };
	struct call call = {
		.id = id,
		.n = 4,
		.arg = { { ADDRESS, 0 }, { BELOW_ODD, 128 }, { NUMBER }, { ADDRESS, 128 } }
	};
	int prog = require_program(&call, -1);
	u64 state = id;
	u32 wrong = 0;

	for (u32 i = 0; i < 20000 && wrong < 10; i++) {
		struct call_buffer buffer = { .number = { 0, 1 + next_random(&state) % 100,
							  bases[next_random(&state) % 10] } };

		random_number_text(&state, (char *)buffer.mem, 100);
		wrong += !same(&call, prog, &buffer, (char *)buffer.mem);
	}
	close(prog);
}

TEST(strtol_agrees)
{
	compare_numbers(HELPER_strtol);
}

TEST(strtoul_agrees)
{
	compare_numbers(HELPER_strtoul);
}

TEST(strncmp_agrees)
{
	static const char *const with[] = { "", "a", "abc", "abd", "\xff", "abcdefgh" };

	for (u32 w = 0; w < ARRAY_SIZE(with); w++) {
		struct call call = { .id = HELPER_strncmp,
				     .n = 3,
				     .arg = { { ADDRESS, 0 }, { BELOW_ODD, 16 }, { FORMAT } },
				     .format = with[w] };
		int map = format_map(with[w]), prog = require_program(&call, map);

		for (u32 i = 0; i < ARRAY_SIZE(with); i++)
			for (u32 n = 1; n < 10; n++) {
				struct call_buffer buffer = { .number = { 0, n } };

				strcpy((char *)buffer.mem, with[i]);
				same(&call, prog, &buffer, with[i]);
			}
		close(prog);
		close(map);
	}
}

/*
 * Formats: each with its arguments given as 64-bit numbers and, where it reads memory,
 * addresses of ours (user memory for Linux). %p itself is not here: Linux hashes it.
 */
static const char *const formats[] = {
	"plain",
	"%d",
	"%i",
	"%u",
	"%x",
	"%X",
	"%ld",
	"%lu",
	"%lx",
	"%lld",
	"%llu",
	"%llX",
	"%5d|",
	"%-5d|",
	"%05d|",
	"%+d",
	"% d",
	"%+5d|",
	"%-+5d|",
	"%0-5d|",
	"%+05d|",
	"% 05d|",
	"%20llx|",
	"%-20llx|",
	"%020llx|",
	"%c",
	"%5c|",
	"%-5c|",
	"%%",
	"100%% %d",
	"%s",
	"%10s|",
	"%-10s|",
	"%pus",
	"%pus|",
	"[%s]",
	"%s:%d",
	"%px",
	"%5px|",
	"%d %d %d %d",
	"%c%d%s%llx",
	"%s %s %s",
	"%pi4",
	"%pI4",
	"%pi6",
	"%pI6",
	"%d\n",
	"tab\t%d",
	"%1000d",
	"%00000d|",
	"%-0 +5d|",
	/* refused */
	"%",
	"%d %",
	"%f",
	"%n",
	"%hd",
	"%hhd",
	"%zu",
	"%.5d",
	"%*d",
	"%o",
	"%#x",
	"%e",
	"%lf",
	"%llld",
	"%sx",
	"%pusx",
	"%py",
	"%pi5",
	"%pI",
	"%puy",
	"%5",
	"%l",
	"%lls",
	"%D",
	"\x01",
	"\x7f",
	"\xc3\xa4 %d",
	"%\xc3",
	"%d%d%d%d%d%d%d%d%d",
};

static const char long_text[] =
    "a long text that goes on and on, so that it is more than the buffer takes, and then "
    "some more of it, to be sure, until it is really long enough for anybody, and longer.";

/* Arguments to try: numbers first, then addresses. */
static u64 argument(u32 set, u32 i)
{
	static const u64 numbers[] = { 0, 42, -1, 0x80000000, 0x123456789abcdef, 'x', 1ull << 63 };
	static const char *const texts[] = { "sh", "", long_text, NULL, "\x7f\x01" };

	if (set < 7)
		return numbers[(set + i) % 7];
	return (uintptr_t)texts[(set + i) % 5];
}

static u32 count_arguments(const char *format)
{
	u32 n = 0;

	for (const char *at = format; *at; at++) {
		if (*at != '%')
			continue;
		if (at[1] == '%')
			at++;
		else
			n++;
	}
	return n;
}

/* Both refuse the format, or both print the same with all kinds of arguments. */
static void compare_format(const char *format, u32 n)
{
	struct call call = { .id = HELPER_snprintf,
			     .n = 5,
			     .format = format,
			     .arg = { { ADDRESS, 0 },
				      { BELOW, 128 },
				      { FORMAT },
				      { ADDRESS, 128 },
				      { CONSTANT, n * 8 } } };
	static const u32 sizes[] = { 127, 16, 1, 0 };
	int map = format_map(format), prog = load(&call, map);
	bool ours = !format_check(format, strlen(format) + 1, n);

	if (ours != (prog >= 0))
		test_fail(__FILE__, __LINE__, "\"%s\" with %u: ours %d, Linux %d", format, n, ours,
			  prog);
	for (u32 i = 0; ours && prog >= 0 && i < 12 * ARRAY_SIZE(sizes); i++) {
		struct call_buffer buffer = { .number = { 0, sizes[i / 12] } };

		for (u32 k = 0; k < n && k < 16; k++) {
			u64 value = argument(i % 12, k);

			memcpy(buffer.mem + 128 + k * 8, &value, 8);
		}
		same(&call, prog, &buffer, format);
	}
	if (prog >= 0)
		close(prog);
	close(map);
}

TEST(snprintf_agrees)
{
	struct call call = { .id = HELPER_strtol,
			     .n = 4,
			     .arg = {
				 { ADDRESS, 0 }, { CONSTANT, 8 }, { NUMBER }, { ADDRESS, 128 } } };

	close(require_program(&call, -1)); /* or skip */
	for (u32 i = 0; i < ARRAY_SIZE(formats); i++) {
		u32 n = count_arguments(formats[i]);

		compare_format(formats[i], n);
		compare_format(formats[i], n + 1);
		if (n)
			compare_format(formats[i], n - 1);
	}
}

/* Any text at all: is it a format? */
TEST(formats_are_refused_alike)
{
	static const char parts[] = "%%%%%%%%%%dpsu kKxXiI46llc0-+ 5:9,\n\x80z#*.B";
	struct call call = { .id = HELPER_strtol,
			     .n = 4,
			     .arg = {
				 { ADDRESS, 0 }, { CONSTANT, 8 }, { NUMBER }, { ADDRESS, 128 } } };
	u64 state = 3;
	u32 accepted = 0;

	close(require_program(&call, -1));
	for (u32 i = 0; i < 3000; i++) {
		char format[16] = { 0 };
		u32 len = 1 + next_random(&state) % 8;
		int map, prog;

		for (u32 k = 0; k < len; k++)
			format[k] = parts[next_random(&state) % (sizeof(parts) - 1)];
		call = (struct call){ .id = HELPER_snprintf,
				      .n = 5,
				      .arg = { { ADDRESS, 0 },
					       { BELOW, 128 },
					       { FORMAT },
					       { ADDRESS, 128 },
					       { CONSTANT, 24 } } };
		map = format_map(format);
		prog = load(&call, map);
		accepted += prog >= 0;
		if ((prog >= 0) != !format_check(format, sizeof(format), 3))
			test_fail(__FILE__, __LINE__, "\"%s\": Linux %d", format, prog);
		if (prog >= 0)
			close(prog);
		close(map);
	}
	test_note("%u of 3000 are formats", accepted);
	CHECK(accepted > 300 && accepted < 2700);
}

TEST(probing_agrees)
{
	/* Not those that are canonical on a CPU with 57 bits of address and not with 48. */
	static const u64 addresses[] = { 0,
					 1,
					 0x1000,
					 0x7fffffffeff8,
					 0x7ffffffff000,
					 0x8000000000000000,
					 0xffff800000000000,
					 -1 };
	static const u32 ids[] = { HELPER_probe_read_user, HELPER_probe_read_user_str,
				   HELPER_probe_read_kernel, HELPER_probe_read_kernel_str,
				   HELPER_copy_from_user };

	for (u32 i = 0; i < ARRAY_SIZE(ids); i++) {
		struct call call = { .id = ids[i],
				     .n = 3,
				     .arg = { { ADDRESS, 0 }, { BELOW, 64 }, { NUMBER } } };
		int prog = require_program(&call, -1);
		bool user =
		    ids[i] == HELPER_probe_read_user || ids[i] == HELPER_probe_read_user_str;

		for (u32 a = 0; a < ARRAY_SIZE(addresses); a++)
			for (u32 size = 0; size < 64; size += 9) {
				struct call_buffer buffer = { .number = { 0, size, addresses[a] } };

				char what[32];

				memset(buffer.mem, 'x', MEM);
				snprintf(what, sizeof(what), "0x%llx", (long long)addresses[a]);
				same(&call, prog, &buffer, what);
			}
		for (u32 size = 0; user && size < 64; size++) {
			struct call_buffer buffer = { .number = { 0, size,
								  (uintptr_t)(long_text + 130) } };

			memset(buffer.mem, 'x', MEM);
			same(&call, prog, &buffer, "text");
		}
		close(prog);
	}
}
