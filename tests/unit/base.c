/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/epoch.h"
#include "base/text.h"
#include "base/vec.h"
#include "lib/test.h"

/* printf of libc is the oracle for every format the core knows. */
#define SAME(...)                                                                                  \
	do {                                                                                       \
		char ours[128], theirs[128];                                                       \
		size_t n = text_format(ours, sizeof(ours), __VA_ARGS__);                           \
		size_t m = (size_t)snprintf(theirs, sizeof(theirs), __VA_ARGS__);                  \
		CHECK_STR(ours, theirs);                                                           \
		CHECK_EQ(n, m);                                                                    \
	} while (0)

TEST(text_formats_as_printf_does)
{
	static const long long values[] = { 0, 1, -1, 42, -42, 0x7fffffff, INT64_MIN, INT64_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		long long v = values[i];

		SAME("%lld|%5lld|%-5lld|%05lld|%+lld|% lld", v, v, v, v, v, v);
		SAME("%llx|%#llx|%016llx|%-8llxz|%llo|%llu|%llX", v, v, v, v, v, v, v);
		SAME("%d %u %x", (int)v, (unsigned)v, (unsigned)v);
		SAME("%hhd %hd %hhu %hu", (s8)v, (s16)v, (u8)v, (u16)v);
		SAME("%.3lld|%8.3lld|%-8.3lld|%.0lld", v, v, v, v);
	}
	SAME("%s|%10s|%-10s|%.2s|%c|%%|%.*s|%*d", "abc", "abc", "abc", "abc", 'x', 1, "zy", 4, 7);
	SAME("%zu %p", (size_t)12, (void *)&values);
}

TEST(text_counts_what_does_not_fit)
{
	char buf[4];

	CHECK_EQ(text_format(buf, sizeof(buf), "%s", "abcdef"), 6);
	CHECK_STR(buf, "abc");
	CHECK_EQ(text_format(NULL, 0, "abc"), 3);
}

TEST(text_keeps_the_end_when_asked)
{
	char buf[8];
	struct text text = text_in(buf, sizeof(buf));

	text.keep_end = true;
	text_put(&text, "abcdefghij");
	text_printf(&text, "%s", "klm");
	CHECK_EQ(text.len, 13);
	text_unroll(&text);
	CHECK_STR(buf, "ghijklm");

	text = text_in(buf, sizeof(buf));
	text.keep_end = true;
	text_put(&text, "0123456789");
	text.len = 5; /* what was kept began at 3: "34" is left */
	text_put(&text, "ab");
	text_unroll(&text);
	CHECK_STR(buf, "34ab");
	CHECK_EQ(text.peak, 10);

	text = text_in(buf, sizeof(buf));
	text.keep_end = true;
	text_put(&text, "0123456789abcdef");
	text.len = 2;
	text_put(&text, "xy");
	text_unroll(&text);
	CHECK_STR(buf, "xy");
	CHECK_EQ(text.len, 4);
}

TEST(arena_gives_zeroed_aligned_memory_and_keeps_its_limit)
{
	struct arena arena = { .limit = 1 << 20 };
	size_t got = 0;

	for (;;) {
		u8 *p = arena_alloc(&arena, 1000);

		if (!p)
			break;
		CHECK_EQ((uintptr_t)p % 16, 0);
		for (int i = 0; i < 1000; i++)
			REQUIRE(p[i] == 0);
		memset(p, 0xff, 1000);
		got++;
	}
	CHECK(got > 200 && arena.total <= 1 << 20);
	CHECK(!arena_alloc_array(&arena, SIZE_MAX / 2, 4));
	arena_release(&arena);
	CHECK_EQ(arena.total, 0);
}

TEST(vec_grows)
{
	VEC(u32) v = { 0 };
	u64 sum = 0;

	for (u32 i = 0; i < 1000; i++)
		REQUIRE(vec_push(&v, i));
	vec_for_each(item, &v)
		sum += *item;
	CHECK_EQ(sum, 499500);
	vec_release(&v);
}

TEST(epoch_waits_for_readers_of_before_only)
{
	static struct epoch epoch;
	int slot, other;
	u64 retired;

	epoch_init(&epoch, 2);
	slot = epoch_claim(&epoch, 0);
	other = epoch_claim(&epoch, 0);
	CHECK_EQ(slot, 0);
	CHECK_EQ(other, 1);
	CHECK_EQ(epoch_claim(&epoch, 0), -EBUSY);
	epoch_enter(&epoch, slot);
	retired = epoch_retire(&epoch);
	CHECK(!epoch_passed(&epoch, retired));
	epoch_enter(&epoch, other);
	epoch_leave(&epoch, slot);
	CHECK(epoch_passed(&epoch, retired));
	epoch_leave(&epoch, other);
	epoch_unclaim(&epoch, slot);
	CHECK_EQ(epoch_claim(&epoch, 1), 0);
	epoch_wait(&epoch);
}
