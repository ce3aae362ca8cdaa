/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object lives as long as somebody has it open, by whatever way the fd got there, and no
 * longer: dup, fork, SCM_RIGHTS, kill -9.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/core.h"
#include "kernel/support.h"
#include "lib/test.h"

static int array(const struct world *w)
{
	return map_create(w, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
}

static bool map_lives(const struct world *w, u32 id)
{
	return id_is_listed(w, BPF_MAP_GET_NEXT_ID, id);
}

TEST(an_object_goes_with_its_last_dup)
{
	struct world w = world_skep();
	int fd = array(&w), other = dup(fd);
	u32 id = id_of(&w, fd);

	close(fd);
	CHECK(map_lives(&w, id));
	CHECK_EQ(id_of(&w, other), id);
	close(other);
	CHECK(!map_lives(&w, id));
	world_end(&w);
}

TEST(each_fd_by_id_holds_the_object)
{
	struct world w = world_skep();
	int fd = array(&w), again;
	u32 id = id_of(&w, fd);

	again = BPF(&w, BPF_MAP_GET_FD_BY_ID, attr_get_id, .id = id);
	close(fd);
	CHECK(map_lives(&w, id));
	close(again);
	CHECK(!map_lives(&w, id));
	CHECK_EQ(BPF(&w, BPF_MAP_GET_FD_BY_ID, attr_get_id, .id = id), -ENOENT);
	world_end(&w);
}

/* A child that waits to be killed; it closes the pipe's end when it is ready. */
static pid_t spawn_holder(int keep)
{
	int pipe_fds[2];
	pid_t pid;
	char c;

	REQUIRE(pipe(pipe_fds) == 0);
	pid = fork();
	if (!pid) {
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		dup2(keep, 100);
		pause();
		_exit(0);
	}
	close(pipe_fds[1]);
	while (read(pipe_fds[0], &c, 1) < 0)
		;
	close(pipe_fds[0]);
	return pid;
}

static void kill_and_wait(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST(an_object_goes_with_a_killed_holder)
{
	struct world w = world_skep();
	int fd = array(&w);
	u32 id = id_of(&w, fd);
	pid_t pid = spawn_holder(fd);

	close(fd);
	CHECK(map_lives(&w, id));
	kill_and_wait(pid);
	CHECK(!map_lives(&w, id));
	world_end(&w);
}

static void send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	CHECK_EQ(sendmsg(socket, &msg, 0), 1);
}

static int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fd = -1;

	CHECK_EQ(recvmsg(socket, &msg, 0), 1);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

TEST(an_fd_in_flight_holds_the_object)
{
	struct world w = world_skep();
	int fd = array(&w), sockets[2], there;
	u32 id = id_of(&w, fd);

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
	send_fd(sockets[0], fd);
	close(fd);
	CHECK(map_lives(&w, id));
	there = receive_fd(sockets[1]);
	CHECK_EQ(id_of(&w, there), id);
	send_fd(sockets[0], there);
	close(there);
	CHECK(map_lives(&w, id));
	close(sockets[0]);
	close(sockets[1]);
	CHECK(!map_lives(&w, id));
	world_end(&w);
}

/* As on Linux a mapping holds the file, and so the map. */
TEST(a_mapping_holds_the_map)
{
	struct world w = world_skep();
	int fd = map_create(&w, BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_MMAPABLE);
	u32 key = 0, value = 77, id = id_of(&w, fd), *shown;

	CHECK_EQ(map_update(&w, fd, &key, &value, 0), 0);
	shown = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(shown != MAP_FAILED);
	close(fd);
	CHECK(map_lives(&w, id)); /* the mapping keeps the description open */
	CHECK_EQ(*shown, 77);
	munmap(shown, 4096);
	CHECK(!map_lives(&w, id));
	world_end(&w);
}

TEST(a_program_holds_its_maps)
{
	struct world w = world_skep();
	int map = array(&w), prog;
	struct bpf_insn insns[] = { LD_MAP_FD(BPF_REG_1, map), MOV_IMM(BPF_REG_0, 0), EXIT };
	u32 id = id_of(&w, map);

	prog = prog_load(&w, BPF_PROG_TYPE_SOCKET_FILTER, insns, ARRAY_SIZE(insns));
	REQUIRE(prog >= 0);
	close(map);
	CHECK(map_lives(&w, id));
	close(prog);
	CHECK_EQ(count_ids(&w, BPF_PROG_GET_NEXT_ID), 0);
	CHECK(!map_lives(&w, id));
	world_end(&w);
}

/* ---- links ---- */

static u32 attached;

static void test_detach(struct link_object *link)
{
	attached--;
}

static int test_attach(void *data, struct link_object *link, const struct attach_target *target)
{
	static const struct link_ops ops = { .detach = test_detach };

	link->ops = &ops;
	attached++;
	return 0;
}

static bool test_knows(void *data, const struct attach_target *target)
{
	return !strcmp(target->name, "test_point");
}

static const struct attacher test_attacher = {
	.name = "test",
	.via = ATTACH_VIA_RAW_TRACEPOINT,
	.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
	.attach_type = -1,
	.link_type = BPF_LINK_TYPE_RAW_TRACEPOINT,
	.knows = test_knows,
	.attach = test_attach,
};

static int open_link(const struct world *w, int prog)
{
	return BPF(w, BPF_RAW_TRACEPOINT_OPEN, attr_raw_tracepoint, .prog_fd = (u32)prog,
		   .name = address("test_point"), .cookie = 5);
}

TEST(a_link_holds_its_program_and_detaches_with_its_last_fd)
{
	struct world w = world_skep();
	int prog = prog_load_return(&w, BPF_PROG_TYPE_RAW_TRACEPOINT, 0), link;
	struct abi_link_info info = { 0 };
	u32 prog_id = id_of(&w, prog), size = sizeof(info);
	char name[16] = "";

	skep_register_attacher(w.skep, &test_attacher, NULL);
	link = open_link(&w, prog);
	REQUIRE(link >= 0);
	CHECK_EQ(attached, 1);
	info.raw_tracepoint.tp_name = address(name);
	info.raw_tracepoint.tp_name_len = sizeof(name);
	CHECK_EQ(info_of(&w, link, &info, &size), 0);
	CHECK_EQ(info.type, BPF_LINK_TYPE_RAW_TRACEPOINT);
	CHECK_EQ(info.prog_id, prog_id);
	CHECK_EQ(info.raw_tracepoint.cookie, 5);
	CHECK_STR(name, "test_point");
	close(prog);
	CHECK(id_is_listed(&w, BPF_PROG_GET_NEXT_ID, prog_id));
	CHECK_EQ(BPF(&w, BPF_LINK_DETACH, attr_link_detach, .link_fd = (u32)link), -EOPNOTSUPP);
	close(link);
	skep_sweep(w.skep);
	CHECK_EQ(attached, 0);
	CHECK(!id_is_listed(&w, BPF_PROG_GET_NEXT_ID, prog_id));
	world_end(&w);
}

static const struct attacher event_attacher = {
	.name = "test events",
	.via = ATTACH_VIA_EVENT,
	.prog_type = BPF_PROG_TYPE_TRACEPOINT,
	.attach_type = -1,
	.link_type = BPF_LINK_TYPE_PERF_EVENT,
	.knows = test_knows,
	.attach = test_attach,
};

TEST(programs_are_attached_to_events)
{
	struct world w = world_skep();
	int prog = prog_load_return(&w, BPF_PROG_TYPE_TRACEPOINT, 0), event, unknown, link;
	struct abi_link_info info = { 0 };
	u32 size = sizeof(info);

#define LINK(event_fd)                                                   \
	BPF(&w, BPF_LINK_CREATE, attr_link_create, .prog_fd = (u32)prog, \
	    .target_fd = (u32)(event_fd), .attach_type = BPF_PERF_EVENT, .perf_event_cookie = 11)
	skep_register_attacher(w.skep, &event_attacher, NULL);
	event = skep_event_create(w.skep, "test_point", 0);
	unknown = skep_event_create(w.skep, "elsewhere", 0);
	REQUIRE(event >= 0 && unknown >= 0);
	CHECK_EQ(LINK(-1), -EBADF);
	CHECK_EQ(LINK(prog), -EBADF);
	CHECK_EQ(LINK(unknown), -EINVAL);
	link = LINK(event);
	REQUIRE(link >= 0);
#undef LINK
	CHECK_EQ(attached, 1);
	CHECK_EQ(info_of(&w, link, &info, &size), 0);
	CHECK_EQ(info.type, BPF_LINK_TYPE_PERF_EVENT);
	CHECK_EQ(info.perf_event.type, ABI_PERF_EVENT_TRACEPOINT);
	CHECK_EQ(info.perf_event.tracepoint.cookie, 11);
	CHECK_EQ(BPF(&w, BPF_LINK_UPDATE, attr_link_update, .link_fd = (u32)link,
		     .new_prog_fd = (u32)prog),
		 -EINVAL);
	close(event);
	CHECK_EQ(count_ids(&w, BPF_LINK_GET_NEXT_ID), 1);
	CHECK_EQ(attached, 1);
	close(link);
	CHECK_EQ(count_ids(&w, BPF_LINK_GET_NEXT_ID), 0);
	CHECK_EQ(attached, 0);
	world_end(&w);
}

/* ---- links that Linux lets clients change ---- */

static int test_update(struct link_object *link, struct prog_object *prog)
{
	return 0;
}

static int xdp_attach(void *data, struct link_object *link, const struct attach_target *target)
{
	static const struct link_ops ops = { .detach = test_detach, .update = test_update };

	link->ops = &ops;
	attached++;
	return 0;
}

static const struct attacher xdp_attacher = {
	.name = "test devices",
	.via = ATTACH_VIA_LINK,
	.prog_type = BPF_PROG_TYPE_XDP,
	.attach_type = BPF_XDP,
	.link_type = BPF_LINK_TYPE_XDP,
	.attach = xdp_attach,
};

TEST(a_link_is_updated_and_detached)
{
	struct world w = world_skep();
	int a = prog_load_return(&w, BPF_PROG_TYPE_XDP, 1),
	    b = prog_load_return(&w, BPF_PROG_TYPE_XDP, 2);
	int other = prog_load_return(&w, BPF_PROG_TYPE_TRACEPOINT, 2), link;
	u32 a_id = id_of(&w, a), b_id = id_of(&w, b);

#define UPDATE(...) BPF(&w, BPF_LINK_UPDATE, attr_link_update, .link_fd = (u32)link, __VA_ARGS__)
	skep_register_attacher(w.skep, &xdp_attacher, NULL);
	link = BPF(&w, BPF_LINK_CREATE, attr_link_create, .prog_fd = (u32)a, .target_fd = 1,
		   .attach_type = BPF_XDP);
	REQUIRE(link >= 0);
	CHECK_EQ(UPDATE(.new_prog_fd = (u32)other), -EINVAL);
	CHECK_EQ(UPDATE(.new_prog_fd = (u32)b, .old_prog_fd = (u32)b, .flags = BPF_F_REPLACE),
		 -EPERM);
	CHECK_EQ(UPDATE(.new_prog_fd = (u32)b, .old_prog_fd = (u32)a), -EINVAL);
	CHECK_EQ(UPDATE(.new_prog_fd = (u32)b, .old_prog_fd = (u32)a, .flags = BPF_F_REPLACE), 0);
	close(a);
	close(b);
	CHECK(!id_is_listed(&w, BPF_PROG_GET_NEXT_ID, a_id));
	CHECK(id_is_listed(&w, BPF_PROG_GET_NEXT_ID, b_id));
	CHECK_EQ(BPF(&w, BPF_LINK_DETACH, attr_link_detach, .link_fd = (u32)link), 0);
	CHECK_EQ(attached, 0);
	CHECK_EQ(count_ids(&w, BPF_LINK_GET_NEXT_ID), 1);
	close(link);
	CHECK_EQ(count_ids(&w, BPF_LINK_GET_NEXT_ID), 0);
	CHECK_EQ(attached, 0);
#undef UPDATE
	world_end(&w);
}

/* What an event loop waits on: no command comes along when a loader just dies. */
TEST(a_dead_loader_makes_the_close_fd_readable)
{
	struct world w = world_skep();
	int prog = prog_load_return(&w, BPF_PROG_TYPE_RAW_TRACEPOINT, 0), link;
	struct pollfd closes = { .fd = skep_close_fd(w.skep), .events = POLLIN };
	pid_t pid;

	if (closes.fd < 0)
		SKIP("this system has no inotify to spare: every command looks at every object");
	skep_register_attacher(w.skep, &test_attacher, NULL);
	link = open_link(&w, prog);
	pid = spawn_holder(link);
	close(link);
	skep_sweep(w.skep);
	CHECK_EQ(attached, 1);
	CHECK_EQ(poll(&closes, 1, 0), 0);
	kill_and_wait(pid);
	CHECK_EQ(poll(&closes, 1, 1000), 1);
	skep_sweep(w.skep);
	CHECK_EQ(attached, 0);
	world_end(&w);
}

TEST(without_inotify_everything_is_asked)
{
	struct world w = world_skep();
	int fd;
	u32 id;

	close(w.skep->notify_fd);
	w.skep->notify_fd = -1;
	w.skep->must_sweep_all = true;
	fd = array(&w);
	id = id_of(&w, fd);
	CHECK(map_lives(&w, id));
	close(fd);
	CHECK(!map_lives(&w, id));
	world_end(&w);
}

TEST(a_forked_child_may_not_use_the_kernel)
{
	struct world w = world_skep();
	int fd = array(&w), status = 0;
	u32 id = id_of(&w, fd);
	pid_t pid = fork();

	if (!pid) {
		u32 key = 0, value;
		int err = map_lookup(&w, fd, &key, &value);

		skep_free(w.skep);
		_exit(err == -EPERM ? 7 : 1);
	}
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	CHECK(map_lives(&w, id));
	close(fd);
	CHECK(!map_lives(&w, id));
	world_end(&w);
}

TEST(hundreds_of_objects_come_and_go)
{
	enum { N = 300 };
	struct world w = world_skep();
	u32 fds = count_fds();
	int fd[N];

	for (u32 i = 0; i < N; i++)
		REQUIRE((fd[i] = array(&w)) >= 0);
	CHECK_EQ(count_ids(&w, BPF_MAP_GET_NEXT_ID), N);
	for (u32 i = 0; i < N; i += 2)
		close(fd[i]);
	CHECK_EQ(count_ids(&w, BPF_MAP_GET_NEXT_ID), N / 2);
	for (u32 i = 1; i < N; i += 2)
		close(fd[i]);
	CHECK_EQ(count_ids(&w, BPF_MAP_GET_NEXT_ID), 0);
	CHECK_EQ(count_fds(), fds);
	world_end(&w);
}
