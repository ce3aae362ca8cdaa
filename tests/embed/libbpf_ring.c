/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program with its own, stock libbpf on top of a Skep kernel: only syscall() and epoll_ctl()
 * are wrapped (-Wl,--wrap). libbpf loads the object, its ring_buffer__poll consumes events, and its
 * user_ring_buffer__reserve makes requests that a program drains.
 */
#include "embed/thing.h"
#include "lib/test.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <skep/skep.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct skep *skep;

long __real_syscall(long nr, long a, long b, long c, long d, long e, long f);
int __real_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);
long __wrap_syscall(long nr, ...);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);

static _Thread_local bool inside; /* Skep's own system calls are real */

long __wrap_syscall(long nr, ...)
{
	long a[6], result;
	va_list args;

	va_start(args, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (nr != SYS_bpf || inside)
		return __real_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	inside = true;
	result = skep_bpf(skep, (int)a[0], (union bpf_attr *)a[1], (unsigned)a[2]);
	inside = false;
	return result;
}

int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
	int stand_in = skep_map_event_fd(skep, fd);

	if (stand_in < 0)
		return __real_epoll_ctl(epoll, op, fd, event);
	event->events |= EPOLLET;
	return __real_epoll_ctl(epoll, op, stand_in, event);
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

static int seen(void *ctx, void *data, size_t size)
{
	uint64_t *sum = ctx;

	CHECK_EQ(size, 8);
	*sum += *(uint64_t *)data;
	return 0;
}

struct emitter {
	struct skep_prog *prog;
	int n;
};

static void *emit_now_and_then(void *arg)
{
	struct emitter *emitter = arg;

	for (int i = 0; i < emitter->n; i++) {
		usleep(i % 10 ? 0 : 1000);
		skep_run_with(emitter->prog, NULL, NULL, NULL);
	}
	return NULL;
}

static struct bpf_object *load_rings(void)
{
	struct bpf_object *object;

	libbpf_set_print(quiet);
	skep = skep_new(NULL);
	REQUIRE(skep);
	object = bpf_object__open_file(test_build_path("tests/embed/ring.bpf.o"), NULL);
	REQUIRE(object);
	REQUIRE(bpf_object__load(object) == 0);
	return object;
}

TEST(ring_buffer__poll_consumes_events)
{
	struct emitter emitter = { .n = 400 };
	struct bpf_object *object;
	struct bpf_program *prog;
	struct ring_buffer *ring;
	struct bpf_map *map;
	uint64_t sum = 0, polls = 0;
	pthread_t thread;

	object = load_rings();
	prog = bpf_object__find_program_by_name(object, "emit");
	map = bpf_object__find_map_by_name(object, "events");
	REQUIRE(prog && map);
	ring = ring_buffer__new(bpf_map__fd(map), seen, &sum, NULL);
	REQUIRE(ring);
	emitter.prog = skep_prog_open(skep, bpf_program__fd(prog));
	REQUIRE(emitter.prog);
	CHECK_EQ(ring_buffer__poll(ring, 0), 0);
	REQUIRE(pthread_create(&thread, NULL, emit_now_and_then, &emitter) == 0);
	while (sum < 400 && polls++ < 10000)
		CHECK(ring_buffer__poll(ring, 2000) >= 0);
	pthread_join(thread, NULL);
	CHECK_EQ(sum, 400);
	ring_buffer__free(ring);
	skep_prog_close(emitter.prog);
	bpf_object__close(object);
	skep_free(skep);
}

/* As many as there is room for, of different sizes; answers how many, and adds up what they say. */
static int request(struct user_ring_buffer *ring, uint64_t *sum)
{
	uint64_t *sample;
	int n = 0;

	while ((sample = user_ring_buffer__reserve(ring, 8 + 24 * (n % 7)))) {
		*sample = n + 1;
		if (n % 5 == 4) {
			user_ring_buffer__discard(ring, sample);
		} else {
			*sum += *sample;
			user_ring_buffer__submit(ring, sample);
		}
		n++;
	}
	CHECK_EQ(errno, ENOSPC);
	return n;
}

TEST(user_ring_buffer__submit_makes_requests)
{
	struct bpf_object *object = load_rings();
	struct bpf_program *drain = bpf_object__find_program_by_name(object, "drain");
	struct bpf_map *map = bpf_object__find_map_by_name(object, "requests");
	uint64_t sum = 0, result = 0, requested = 0;
	struct user_ring_buffer *ring;
	struct skep_prog *prog;
	uint32_t key = 0;

	REQUIRE(drain && map);
	ring = user_ring_buffer__new(bpf_map__fd(map), NULL);
	REQUIRE(ring);
	prog = skep_prog_open(skep, bpf_program__fd(drain));
	REQUIRE(prog);
	for (int round = 0; round < 50; round++) {
		int n = request(ring, &sum);

		CHECK(n > 10);
		CHECK_EQ(skep_run_with(prog, NULL, NULL, &result), 0);
		CHECK_EQ(result, n - n / 5);
	}
	CHECK_EQ(skep_run_with(prog, NULL, NULL, &result), 0);
	CHECK_EQ(result, 0);
	map = bpf_object__find_map_by_name(object, ".bss");
	REQUIRE(map);
	CHECK_EQ(bpf_map_lookup_elem(bpf_map__fd(map), &key, &requested), 0);
	CHECK_EQ(requested, sum);
	user_ring_buffer__free(ring);
	skep_prog_close(prog);
	bpf_object__close(object);
	skep_free(skep);
}
