/* SPDX-License-Identifier: Apache-2.0 */
/* Helper functions called directly, with a world made for the test. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "helpers/format.h"
#include "helpers/helpers.h"
#include "lib/test.h"
#include "model/arena.h"
#include "model/ctx.h"
#include "os/os.h"
#include "vm/prog.h"

static char traced[2048];

static int read_self(struct run_ctx *rc, void *dst, u64 src, u32 size)
{
	return os_copy_from(dst, src, size);
}

static int write_self(struct run_ctx *rc, u64 dst, const void *src, u32 size)
{
	return os_copy_to(dst, src, size);
}

static void trace(struct run_ctx *rc, const char *line, u32 len)
{
	snprintf(traced, sizeof(traced), "%.*s", (int)len, line);
}

static const struct world_ops world = {
	.read_user = read_self,
	.write_user = write_self,
	.read_kernel = kernel_arena_read,
	.trace = trace,
};

static const struct task_info task = { .pid = 12,
				       .tgid = 10,
				       .uid = 1000,
				       .gid = 100,
				       .comm = "fifteen_letters",
				       .task_addr = 0xffff888000002000,
				       .pidns_dev = 4,
				       .pidns_ino = 99,
				       .ns_pid = 3,
				       .ns_tgid = 2 };

static struct run_ctx run(void)
{
	return (struct run_ctx){
		.world = &world, .task = &task, .cpu = 5, .cookie = 77, .func_ip = 0x1234
	};
}

#define P(pointer) ((u64)(uintptr_t)(pointer))

TEST(who_and_where)
{
	struct run_ctx rc = run(), nobody = { 0 };
	struct bpf_pidns_info info = { 1, 1 };
	char comm[20];

	CHECK_EQ(helper_get_current_pid_tgid(0, 0, 0, 0, 0, &rc), 10ull << 32 | 12);
	CHECK_EQ(helper_get_current_uid_gid(0, 0, 0, 0, 0, &rc), 100ull << 32 | 1000);
	CHECK_EQ(helper_get_current_task(0, 0, 0, 0, 0, &rc), task.task_addr);
	CHECK_EQ(helper_get_smp_processor_id(0, 0, 0, 0, 0, &rc), 5);
	CHECK_EQ(helper_get_attach_cookie(0, 0, 0, 0, 0, &rc), 77);
	CHECK_EQ(helper_get_func_ip(0, 0, 0, 0, 0, &rc), 0x1234);
	memset(comm, 1, sizeof(comm));
	CHECK_EQ(helper_get_current_comm(P(comm), 16, 0, 0, 0, &rc), 0);
	CHECK_STR(comm, "fifteen_letters");
	CHECK_EQ(comm[16], 1);
	CHECK_EQ(helper_get_current_comm(P(comm), 4, 0, 0, 0, &rc), 0);
	CHECK_STR(comm, "fif");
	CHECK_EQ(helper_get_current_comm(P(comm), 20, 0, 0, 0, &rc), 0);
	CHECK_EQ(comm[19], 0);

	CHECK_EQ(helper_get_ns_current_pid_tgid(4, 99, P(&info), 8, 0, &rc), 0);
	CHECK_EQ(info.pid, 3);
	CHECK_EQ(info.tgid, 2);
	CHECK_EQ(helper_get_ns_current_pid_tgid(4, 98, P(&info), 8, 0, &rc), -EINVAL);
	CHECK_EQ(info.tgid, 0);

	CHECK_EQ(helper_get_current_pid_tgid(0, 0, 0, 0, 0, &nobody), -EINVAL);
	CHECK_EQ(helper_get_current_comm(P(comm), 20, 0, 0, 0, &nobody), -EINVAL);
	CHECK_EQ(comm[0], 0);
	CHECK_EQ(helper_get_current_task(0, 0, 0, 0, 0, &nobody), 0);
}

static const struct task_info late = { .pid = 1 };

static void load_late(struct run_ctx *rc)
{
	rc->task = &late;
}

TEST(a_task_is_loaded_when_asked_for)
{
	static const struct world_ops lazy = { .load_task = load_late };
	struct run_ctx rc = { .world = &lazy };

	CHECK_EQ(helper_get_current_pid_tgid(0, 0, 0, 0, 0, &rc), 1);
}

TEST(clocks_run)
{
	struct run_ctx rc = run();
	u64 mono = helper_ktime_get_ns(0, 0, 0, 0, 0, &rc);
	u64 jiffies = helper_jiffies64(0, 0, 0, 0, 0, &rc);

	CHECK(helper_ktime_get_ns(0, 0, 0, 0, 0, &rc) >= mono);
	CHECK(helper_ktime_get_boot_ns(0, 0, 0, 0, 0, &rc) >= mono);
	CHECK(helper_ktime_get_coarse_ns(0, 0, 0, 0, 0, &rc) >= mono);
	CHECK(helper_ktime_get_tai_ns(0, 0, 0, 0, 0, &rc) > 1500000000ull * 1000000000);
	CHECK(jiffies > 0xfffe0000ull);
}

TEST(random_numbers_are_the_runs_own)
{
	struct run_ctx a = run(), b = run(), c = run();
	u64 seen = 0;

	a.random = b.random = 42;
	for (int i = 0; i < 64; i++) {
		u64 x = helper_get_prandom_u32(0, 0, 0, 0, 0, &a);

		CHECK_EQ(x, helper_get_prandom_u32(0, 0, 0, 0, 0, &b));
		CHECK(x <= UINT32_MAX);
		seen |= x;
	}
	CHECK_EQ(seen, UINT32_MAX); /* every bit is used */
	helper_get_prandom_u32(0, 0, 0, 0, 0, &c);
	CHECK(c.random != 0);
}

/* A page that ends where nothing is mapped; the string is put at its very end. */
static char *edge(void)
{
	char *pages =
	    mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		return NULL;
	/* Unmapped, another mapping might come to lie there. */
	if (mprotect(pages + 4096, 4096, PROT_NONE))
		return NULL;
	return pages + 4096;
}

TEST(user_memory_is_probed)
{
	struct run_ctx rc = run(), blind = { 0 };
	char *end = edge(), buf[300];

	REQUIRE(end);
	memset(end - 4096, 'a', 4096);
	memcpy(end - 4, "end", 4);
	CHECK_EQ(helper_probe_read_user(P(buf), 4, P(end - 4), 0, 0, &rc), 0);
	CHECK_STR(buf, "end");
	memset(buf, 'x', sizeof(buf));
	CHECK_EQ(helper_probe_read_user(P(buf), 5, P(end - 4), 0, 0, &rc), -EFAULT);
	CHECK(!memcmp(buf, "\0\0\0\0\0x", 6)); /* zeroed, and no more than asked for */
	CHECK_EQ(helper_probe_read_user(P(buf), 0, 1, 0, 0, &rc), 0);
	CHECK_EQ(helper_probe_read_user(P(buf), 8, 0, 0, 0, &rc), -EFAULT);
	CHECK_EQ(helper_probe_read_user(P(buf), 8, UINT64_MAX - 3, 0, 0, &rc), -EFAULT);
	CHECK_EQ(helper_probe_read_user(P(buf), 8, KERNEL_ARENA_START, 0, 0, &rc), -EFAULT);
	CHECK_EQ(helper_probe_read_user(P(buf), 4, P(end - 4), 0, 0, &blind), -EFAULT);
	CHECK_EQ(helper_copy_from_user(P(buf), 5, P(end - 4), 0, 0, &rc), -EFAULT);

	/* strings: length with the NUL */
	memset(buf, 'x', sizeof(buf));
	CHECK_EQ(helper_probe_read_user_str(P(buf), 16, P(end - 4), 0, 0, &rc), 4);
	CHECK(!memcmp(buf, "end\0\0\0\0\0x", 9)); /* to the end of its word */
	CHECK_EQ(helper_probe_read_user_str(P(buf), 3, P(end - 4), 0, 0, &rc), 3);
	CHECK_STR(buf, "en");
	CHECK_EQ(helper_probe_read_user_str(P(buf), 300, P(end - 300), 0, 0, &rc), 300);
	CHECK_EQ(strlen(buf), 299);
	end[-1] = 'X'; /* no end any more */
	CHECK_EQ(helper_probe_read_user_str(P(buf), 16, P(end - 4), 0, 0, &rc), -EFAULT);
	CHECK_EQ(buf[0], 0);
	CHECK_EQ(helper_probe_read_user_str(P(buf), 4, P(end - 4), 0, 0, &rc), 4);
	CHECK_EQ(helper_probe_read_user_str(P(buf), 0, P(end - 4), 0, 0, &rc), 0);
	munmap(end - 4096, 4096);
}

TEST(kernel_memory_is_the_arena_and_the_programs_own)
{
	struct run_ctx rc = run();
	struct kernel_arena arena;
	char stack[32] = "on the stack", buf[32];

	REQUIRE(!kernel_arena_init(&arena, 0));
	kernel_arena_enter(&arena, &rc);
	strcpy((char *)arena.base + 100, "presented");
	CHECK_EQ(helper_probe_read_kernel_str(P(buf), 32, KERNEL_ARENA_START + 100, 0, 0, &rc), 10);
	CHECK_STR(buf, "presented");
	CHECK_EQ(
	    helper_probe_read_kernel(P(buf), 8, KERNEL_ARENA_START + arena.size - 7, 0, 0, &rc),
	    -EFAULT);
	CHECK_EQ(helper_probe_read_kernel(P(buf), 8, 0xffffffff81000000, 0, 0, &rc), -EFAULT);
	/* user addresses are not the kernel's */
	CHECK_EQ(helper_probe_read_kernel(P(buf), 8, P(&task), 0, 0, &rc), -ERANGE);
	CHECK_EQ(helper_probe_read_kernel(P(buf), 8, 0, 0, 0, &rc), -ERANGE);
	CHECK_EQ(helper_probe_read_kernel(P(buf), 8, 1ull << 60, 0, 0, &rc), -ERANGE);
	/* but the program's stack is */
	rc.stack_low = P(stack);
	rc.stack_high = P(stack + sizeof(stack));
	CHECK_EQ(helper_probe_read_kernel_str(P(buf), 32, P(stack), 0, 0, &rc), 13);
	CHECK_STR(buf, "on the stack");
	CHECK_EQ(helper_probe_read_kernel(P(buf), 32, P(stack + 8), 0, 0, &rc), -ERANGE);
	/* probe_read chooses by address */
	CHECK_EQ(helper_probe_read(P(buf), 4, P(&task), 0, 0, &rc), 0);
	CHECK_EQ(helper_probe_read(P(buf), 4, KERNEL_ARENA_START + 100, 0, 0, &rc), 0);
	CHECK(!memcmp(buf, "pres", 4));
	CHECK_EQ(helper_probe_read(P(buf), 4, 4, 0, 0, &rc), -EFAULT);
	kernel_arena_release(&arena);
}

TEST(writing_user_memory_needs_the_worlds_leave)
{
	static const struct world_ops read_only = { .read_user = read_self };
	struct run_ctx rc = run(), forbidden = { .world = &read_only };
	char to[8] = "old";

	CHECK_EQ(helper_probe_write_user(P(to), P("new"), 4, 0, 0, &forbidden), -EPERM);
	CHECK_STR(to, "old");
	CHECK_EQ(helper_probe_write_user(P(to), P("new"), 4, 0, 0, &rc), 0);
	CHECK_STR(to, "new");
	CHECK_EQ(helper_probe_write_user(8, P("new"), 4, 0, 0, &rc), -EFAULT);
	CHECK_EQ(helper_probe_write_user(KERNEL_ARENA_START, P("new"), 4, 0, 0, &rc), -EFAULT);
}

static s64 print(struct run_ctx *rc, const char *fmt, u64 a, u64 b, u64 c)
{
	traced[0] = 0;
	return helper_trace_printk(P(fmt), strlen(fmt) + 1, a, b, c, rc);
}

TEST(lines_are_traced)
{
	struct run_ctx rc = run();
	u64 args[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
	char long_fmt[1200];

	CHECK_EQ(print(&rc, "pid %d %s %x\n", -3, P("sh"), 0xabcd), 15);
	CHECK_STR(traced, "pid -3 sh abcd");
	CHECK_EQ(print(&rc, "100%% %llu", 1ull << 40, 0, 0), 18);
	CHECK_STR(traced, "100% 1099511627776");
	CHECK_EQ(print(&rc, "%d %d %d %d", 0, 0, 0), -EINVAL); /* four */
	CHECK_EQ(helper_trace_printk(P("no end"), 6, 0, 0, 0, &rc), -EINVAL);
	CHECK_EQ(helper_trace_vprintk(P("%d%d%d%d%d%d%d%d%d%d%d%d"), 25, P(args), 96, 0, &rc), 15);
	CHECK_STR(traced, "123456789101112");
	CHECK_EQ(helper_trace_vprintk(P("%d"), 3, P(args), 7, 0, &rc), -EINVAL);
	CHECK_EQ(helper_trace_vprintk(P("%d"), 3, P(args), 104, 0, &rc), -EINVAL);
	CHECK_EQ(helper_trace_vprintk(P("x"), 2, 0, 8, 0, &rc), -EINVAL);
	memset(long_fmt, 'y', sizeof(long_fmt));
	long_fmt[1199] = 0;
	CHECK_EQ(print(&rc, long_fmt, 0, 0, 0), 1199);
	CHECK_EQ(strlen(traced), 1023);
}

static u64 double_it(struct run_ctx *rc, u64 func, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	*(u64 *)(uintptr_t)r2 += r1;
	return func && r1 == func;
}

TEST(loops)
{
	struct run_ctx rc = run();
	u64 sum = 0;

	rc.call = double_it;
	CHECK_EQ(helper_loop(10, 0, P(&sum), 0, 0, &rc), 10);
	CHECK_EQ(sum, 45);
	CHECK_EQ(helper_loop(10, 3, P(&sum), 0, 0, &rc), 4);
	CHECK_EQ(helper_loop(0, 0, P(&sum), 0, 0, &rc), 0);
	CHECK_EQ(helper_loop(10, 0, P(&sum), 1, 0, &rc), -EINVAL);
	CHECK_EQ(helper_loop((8 << 20) + 1, 0, P(&sum), 0, 0, &rc), -E2BIG);
}

TEST(a_wide_field_is_cheap)
{
	struct run_ctx rc = run();
	char buf[16];
	u64 arg = 1;

	CHECK_EQ(helper_snprintf(P(buf), sizeof(buf), P("%99999d"), P(&arg), 8, &rc), 100000);
	CHECK_STR(buf, "               ");
	CHECK_EQ(helper_snprintf(0, 0, P("%d"), P(&arg), 8, &rc), 2);
}

static u8 room[256];

static struct xdp_run_ctx packet(void)
{
	memset(room, 7, sizeof(room));
	return (struct xdp_run_ctx){ .data = room + 64,
				     .data_end = room + 128,
				     .data_meta = room + 64,
				     .hard_start = room,
				     .hard_end = room + sizeof(room) };
}

TEST(xdp_packets_are_resized)
{
	struct run_ctx rc = run();
	struct xdp_run_ctx xdp = packet();
	u8 bytes[8];

	CHECK_EQ(helper_xdp_adjust_head(P(&xdp), (u32)-65, 0, 0, 0, &rc), -EINVAL);
	CHECK_EQ(helper_xdp_adjust_head(P(&xdp), 51, 0, 0, 0, &rc), -EINVAL); /* 13 left */
	CHECK_EQ(helper_xdp_adjust_meta(P(&xdp), (u32)-8, 0, 0, 0, &rc), 0);
	CHECK_EQ(helper_xdp_adjust_meta(P(&xdp), (u32)-2, 0, 0, 0, &rc), -EACCES);
	CHECK_EQ(helper_xdp_adjust_meta(P(&xdp), 9, 0, 0, 0, &rc), -EINVAL);
	xdp.data_meta[0] = 99;
	CHECK_EQ(helper_xdp_adjust_head(P(&xdp), (u32)-16, 0, 0, 0, &rc), 0);
	CHECK(xdp.data == room + 48 && xdp.data_meta == room + 40 && xdp.data_meta[0] == 99);
	CHECK_EQ(helper_xdp_adjust_head(P(&xdp), (u32)-41, 0, 0, 0, &rc), -EINVAL); /* meta */
	CHECK_EQ(helper_xdp_adjust_tail(P(&xdp), 129, 0, 0, 0, &rc), -EINVAL);
	CHECK_EQ(helper_xdp_adjust_tail(P(&xdp), 128, 0, 0, 0, &rc), 0);
	CHECK_EQ(room[128], 0);
	CHECK_EQ(room[255], 0);
	CHECK_EQ(helper_xdp_get_buff_len(P(&xdp), 0, 0, 0, 0, &rc), 208);
	CHECK_EQ(helper_xdp_adjust_tail(P(&xdp), (u32)-195, 0, 0, 0, &rc), -EINVAL);
	CHECK_EQ(helper_xdp_adjust_tail(P(&xdp), (u32)-194, 0, 0, 0, &rc), 0);

	CHECK_EQ(helper_xdp_load_bytes(P(&xdp), 6, P(bytes), 8, 0, &rc), 0);
	CHECK_EQ(helper_xdp_load_bytes(P(&xdp), 7, P(bytes), 8, 0, &rc), -EINVAL);
	CHECK_EQ(helper_xdp_load_bytes(P(&xdp), 0x10000, P(bytes), 8, 0, &rc), -EFAULT);
	CHECK_EQ(helper_xdp_store_bytes(P(&xdp), 0, P("stored!"), 8, 0, &rc), 0);
	CHECK(!memcmp(xdp.data, "stored!", 8));
}

TEST(skb_bytes)
{
	struct run_ctx rc = run();
	struct skb_run_ctx skb = { .data = room + 64,
				   .data_end = room + 128,
				   .hard_start = room,
				   .hard_end = room + sizeof(room) };
	u8 bytes[8];

	memset(room, 7, sizeof(room));
	CHECK_EQ(helper_skb_load_bytes(P(&skb), 56, P(bytes), 8, 0, &rc), 0);
	CHECK_EQ(bytes[7], 7);
	CHECK_EQ(helper_skb_load_bytes(P(&skb), 57, P(bytes), 8, 0, &rc), -EFAULT);
	CHECK_EQ(bytes[7], 0);
	CHECK_EQ(helper_skb_load_bytes(P(&skb), UINT32_MAX, P(bytes), 8, 0, &rc), -EFAULT);
	CHECK_EQ(helper_skb_load_bytes_relative(P(&skb), 42, P(bytes), 8, 1, &rc), 0);
	CHECK_EQ(helper_skb_load_bytes_relative(P(&skb), 43, P(bytes), 8, 1, &rc), -EFAULT);
	CHECK_EQ(helper_skb_load_bytes_relative(P(&skb), 0, P(bytes), 8, 2, &rc), -EFAULT);
	CHECK_EQ(helper_skb_store_bytes(P(&skb), 0, P("hello"), 6, 4, &rc), -EINVAL);
	skb.skb.hash = 5;
	CHECK_EQ(helper_skb_store_bytes(P(&skb), 60, P("abc"), 4, BPF_F_INVALIDATE_HASH, &rc), 0);
	CHECK(!memcmp(room + 124, "abc", 4));
	CHECK_EQ(skb.skb.hash, 0);
	CHECK_EQ(helper_skb_store_bytes(P(&skb), 61, P("abc"), 4, 0, &rc), -EFAULT);
	CHECK_EQ(helper_skb_pull_data(P(&skb), 64, 0, 0, 0, &rc), 0);
	CHECK_EQ(helper_skb_pull_data(P(&skb), 65, 0, 0, 0, &rc), -ENOMEM);
	CHECK_EQ(helper_skb_change_tail(P(&skb), 100, 0, 0, 0, &rc), 0);
	CHECK(skb.data_end == room + 164 && skb.skb.len == 100);
	CHECK_EQ(helper_skb_change_tail(P(&skb), 13, 0, 0, 0, &rc), -EINVAL);
	CHECK_EQ(helper_skb_change_tail(P(&skb), 20, 1, 0, 0, &rc), -EINVAL);
	CHECK_EQ(helper_skb_change_tail(P(&skb), 193, 0, 0, 0, &rc), -ENOMEM);
}

/* Everything that says HAVE has a function (tail_call is the engines'), the rest has none. */
TEST(the_table_tells_the_truth)
{
	for (u32 id = 1; id < HELPER_COUNT; id++) {
		const struct helper_proto *proto = helper_protos[id];
		bool absent = proto->flags & HELPER_ABSENT;

		CHECK_EQ(proto->id, id);
		CHECK((proto->fn != NULL) == (!absent && !(proto->flags & HELPER_TAIL_CALL)));
	}
}
