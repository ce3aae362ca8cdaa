/* SPDX-License-Identifier: Apache-2.0 */
/* The ptrace engine alone: what it sees of a tree, and that the tree does not notice. */
#define _GNU_SOURCE
#include "hooks/syscall/tracer.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/test.h"

struct seen {
	u32 enter[CALLS_MAX], exit[CALLS_MAX];
	u32 foreign, execs, gone, child_returns, notes;
	s64 last_ret;
	u64 last_arg0;
	char note[512];
};

static void on_enter(void *data, struct tracee *t)
{
	struct seen *seen = data;

	if (t->call.foreign)
		seen->foreign++;
	else if (t->call.nr >= 0 && t->call.nr < CALLS_MAX)
		seen->enter[t->call.nr]++;
	seen->last_arg0 = t->call.args[0];
}

static void on_exit_(void *data, struct tracee *t)
{
	struct seen *seen = data;

	if (t->call.foreign || t->call.nr < 0 || t->call.nr >= CALLS_MAX)
		return;
	seen->exit[t->call.nr]++;
	seen->last_ret = t->call.ret;
	if (t->child && t->call.ret == 0)
		seen->child_returns++;
}

static void on_exec(void *data, struct tracee *t)
{
	((struct seen *)data)->execs++;
}

static void on_gone(void *data, struct tracee *t)
{
	((struct seen *)data)->gone++;
}

static void on_note(void *data, const char *line)
{
	struct seen *seen = data;

	seen->notes++;
	snprintf(seen->note, sizeof(seen->note), "%s", line);
}

static const struct tracer_ops ops = {
	.enter = on_enter, .exit = on_exit_, .exec = on_exec, .gone = on_gone, .note = on_note
};

static struct tracer tracer;
static struct seen seen;

static void want(struct tracer_wants *wants, const char *const *names)
{
	*wants = (struct tracer_wants){ 0 };
	for (; *names; names++) {
		int nr = call_number(*names);

		if (nr >= 0) {
			call_set_add(&wants->enter, (u32)nr);
			call_set_add(&wants->exit, (u32)nr);
		}
	}
}

#define WANT(wants, ...) want(wants, (const char *const[]){ __VA_ARGS__, NULL })

/* Runs body under the tracer; its wait status. */
static int run(int (*body)(void *arg), const struct tracer_wants *wants)
{
	memset(&seen, 0, sizeof(seen));
	tracer_init(&tracer, &ops, &seen, wants);
	if (tracer_spawn_call(&tracer, body, NULL))
		SKIP("ptrace or seccomp is not allowed here: %s", strerror(errno));
	CHECK_EQ(tracer_loop(&tracer), 0);
	CHECK(tracer.root_ended);
	CHECK_EQ(tracer.n_tracees, 0);
	tracer_release(&tracer);
	return tracer.root_status;
}

static int calls_100(void *arg)
{
	for (int i = 0; i < 100; i++)
		syscall(SYS_getppid);
	for (int i = 0; i < 7; i++)
		syscall(SYS_close, -1);
	return 42;
}

TEST(every_call_is_seen_at_entry_and_exit)
{
	struct tracer_wants wants;
	int status;

	WANT(&wants, "getppid", "close");
	status = run(calls_100, &wants);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	CHECK_EQ(seen.enter[SYS_getppid], 100);
	CHECK_EQ(seen.exit[SYS_getppid], 100);
	CHECK_EQ(seen.enter[SYS_close], 7);
	CHECK_EQ(seen.exit[SYS_close], 7);
	CHECK_EQ(seen.last_ret, -EBADF);
	CHECK_EQ((int)seen.last_arg0, -1);
}

TEST(only_wanted_calls_stop)
{
	struct tracer_wants wants;

	WANT(&wants, "close");
	wants.exit = (struct call_set){ { 0 } };
	run(calls_100, &wants);
	CHECK_EQ(seen.enter[SYS_close], 7);
	CHECK_EQ(seen.exit[SYS_close], 0);
	CHECK_EQ(seen.enter[SYS_getppid], 0);
	CHECK_EQ(tracer.stops, 7);
}

TEST(all_calls)
{
	struct tracer_wants wants = { .all_enter = true, .all_exit = true };

	run(calls_100, &wants);
	CHECK_EQ(seen.enter[SYS_getppid], 100);
	CHECK_EQ(seen.exit[SYS_getppid], 100);
	CHECK_EQ(seen.enter[SYS_exit_group], 1);
	CHECK_EQ(seen.exit[SYS_exit_group], 0);
}

static void *thread_calls(void *arg)
{
	for (int i = 0; i < 50; i++)
		syscall(SYS_getppid);
	return NULL;
}

static int tree(void *arg)
{
	pthread_t threads[4];
	int ok = 0, status;

	for (int i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, thread_calls, NULL))
			return 1;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			thread_calls(NULL);
			_exit(i);
		}
		if (waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == i)
			ok++;
	}
	return ok == 3 ? 0 : 2;
}

TEST(threads_and_children_are_followed)
{
	struct tracer_wants wants;
	int status;

	WANT(&wants, "getppid", "clone", "clone3", "fork", "vfork");
	status = run(tree, &wants);
	CHECK_EQ(status, 0);
	CHECK_EQ(seen.enter[SYS_getppid], 7 * 50);
	CHECK_EQ(seen.exit[SYS_getppid], 7 * 50);
	CHECK_EQ(seen.gone, 8);
	/* A clone returns twice, as on Linux. */
	CHECK_EQ(seen.child_returns, 7);
}

static int exec_true(void *arg)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	execl("/bin/sh", "sh", "-c", "exit 9", NULL);
	return 1;
}

TEST(vfork_and_exec)
{
	struct tracer_wants wants;
	int status;

	WANT(&wants, "execve");
	status = run(exec_true, &wants);
	CHECK_EQ(WEXITSTATUS(status), 9);
	CHECK_EQ(seen.enter[SYS_execve], 2);
	CHECK_EQ(seen.exit[SYS_execve], 2);
	CHECK_EQ(seen.execs, 2);
	CHECK_EQ(seen.last_ret, 0);
}

static void *exec_from_thread(void *arg)
{
	execl("/bin/sh", "sh", "-c", "exit 5", NULL);
	return NULL;
}

static int exec_in_thread(void *arg)
{
	pthread_t thread, other;

	pthread_create(&other, NULL, (void *(*)(void *))(void *)pause, NULL);
	pthread_create(&thread, NULL, exec_from_thread, NULL);
	pthread_join(thread, NULL);
	return 1;
}

TEST(exec_of_a_thread_takes_the_leaders_place)
{
	struct tracer_wants wants;
	int status;

	WANT(&wants, "execve");
	status = run(exec_in_thread, &wants);
	CHECK_EQ(WEXITSTATUS(status), 5);
	CHECK_EQ(seen.enter[SYS_execve], 1);
	CHECK_EQ(seen.exit[SYS_execve], 1);
}

static volatile sig_atomic_t handled;

static void handler(int sig)
{
	handled++;
}

static int signals(void *arg)
{
	struct sigaction sa = { .sa_handler = handler };
	int status, go[2];
	pid_t pid;
	char byte;

	if (pipe(go))
		return 9;
	sigaction(SIGUSR1, &sa, NULL);
	for (int i = 0; i < 5; i++)
		raise(SIGUSR1);
	if (handled != 5)
		return 1;
	pid = fork();
	if (pid == 0) {
		raise(SIGSTOP);
		if (read(go[0], &byte, 1) == 1)
			kill(getpid(), SIGUSR2);
		_exit(0);
	}
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
	    WSTOPSIG(status) != SIGSTOP)
		return 2;
	/* Stopped it stays. */
	usleep(20000);
	if (waitpid(pid, &status, WNOHANG | WUNTRACED) != 0)
		return 3;
	kill(pid, SIGCONT);
	if (waitpid(pid, &status, WCONTINUED | WUNTRACED) != pid || !WIFCONTINUED(status))
		return 4;
	if (write(go[1], "", 1) != 1)
		return 8;
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGUSR2)
		return 5;
	kill(getpid(), SIGTERM);
	return 6;
}

TEST(signals_and_stops_are_delivered)
{
	struct tracer_wants wants;
	struct tracer_wants all = { .all_enter = true, .all_exit = true };
	int status;

	WANT(&wants, "getpid");
	status = run(signals, &wants);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	status = run(signals, &all);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

#if defined(__x86_64__)
static int foreign_calls(void *arg)
{
	for (int i = 0; i < 10; i++) {
		long nr = 64, ret; /* getppid of the 32-bit table, semget of ours */

		__asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr) : "memory");
		if (ret != getppid())
			return 77;
	}
	return 0;
}

TEST(calls_of_the_32_bit_table_are_not_taken_for_ours)
{
	struct tracer_wants wants, all = { .all_enter = true, .all_exit = true };
	int status;

	WANT(&wants, "semget", "getppid");
	status = run(foreign_calls, &wants);
	if (WIFSIGNALED(status) || WEXITSTATUS(status) == 77)
		SKIP("this kernel has no 32-bit system calls");
	CHECK_EQ(seen.enter[SYS_semget], 0);
	CHECK_EQ(seen.enter[SYS_getppid], 10);
	CHECK_EQ(seen.foreign, 0);
	run(foreign_calls, &all);
	CHECK_EQ(seen.foreign, 10);
}
#endif

static int untraced_child(void *arg)
{
	static char stack[65536] __attribute__((aligned(16)));
	int status;
	pid_t pid = clone(calls_100, stack + sizeof(stack), CLONE_UNTRACED | SIGCHLD, NULL);

	return waitpid(pid, &status, __WALL) == pid && status == 42 << 8 ? 0 : 1;
}

TEST(a_child_that_wants_no_tracer_can_live)
{
	struct tracer_wants wants, all = { .all_enter = true };

	WANT(&wants, "getppid");
	CHECK_EQ(run(untraced_child, &wants), 0);
	CHECK_EQ(seen.enter[SYS_getppid], 100);
	CHECK_EQ(run(untraced_child, &all), 0);
}

static int traces_itself(void *arg)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) ? 3 : 4;
}

TEST(a_tracee_that_uses_ptrace_is_told)
{
	struct tracer_wants wants;
	int status;

	WANT(&wants, "getpid");
	status = run(traces_itself, &wants);
	CHECK_EQ(WEXITSTATUS(status), 3);
	CHECK_EQ(seen.notes, 1);
	CHECK(strstr(seen.note, "uses ptrace itself"));
}

TEST(commands_start_or_tell_why_not)
{
	struct tracer_wants wants;
	char *none[] = { "no-such-command-anywhere", NULL };
	char *dir[] = { "/", NULL };
	char *fine[] = { "sh", "-c", "exit 3", NULL };

	WANT(&wants, "execve");
	tracer_init(&tracer, &ops, &seen, &wants);
	CHECK_EQ(tracer_spawn(&tracer, none), -ENOENT);
	CHECK(tracer.exec_failed);
	tracer_release(&tracer);

	tracer_init(&tracer, &ops, &seen, &wants);
	CHECK_EQ(tracer_spawn(&tracer, dir), 0);
	CHECK_EQ(tracer_loop(&tracer), -EACCES);
	CHECK(tracer.exec_failed);
	tracer_release(&tracer);

	tracer_init(&tracer, &ops, &seen, &wants);
	CHECK_EQ(tracer_spawn(&tracer, fine), 0);
	CHECK_EQ(tracer_loop(&tracer), 0);
	CHECK_EQ(WEXITSTATUS(tracer.root_status), 3);
	tracer_release(&tracer);
}

/*
 * A process that has not been started by the tracer: one thread in epoll_wait for ever, which
 * must not be told EINTR, one that makes calls, and children now and then.
 */
struct shared {
	u32 calls, wrong, waiting, stop, seen, forks;
};

static struct shared *shared;

static void *waits(void *arg)
{
	struct epoll_event event;
	int fd = epoll_create1(0);

	__atomic_store_n(&shared->waiting, 1, __ATOMIC_SEQ_CST);
	epoll_wait(fd, &event, 1, -1);
	__atomic_fetch_add(&shared->wrong, 1000, __ATOMIC_SEQ_CST);
	return NULL;
}

static int lives(void)
{
	pthread_t thread;
	struct timespec ms = { 0, 1000000 };

	pthread_create(&thread, NULL, waits, NULL);
	while (!__atomic_load_n(&shared->stop, __ATOMIC_SEQ_CST)) {
		pid_t pid;

		if (nanosleep(&ms, NULL))
			__atomic_fetch_add(&shared->wrong, 1, __ATOMIC_SEQ_CST);
		syscall(SYS_getppid);
		if (__atomic_add_fetch(&shared->calls, 1, __ATOMIC_SEQ_CST) % 16 || !shared->forks)
			continue;
		pid = fork();
		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	return 0;
}

static pid_t start_living(bool forks)
{
	pid_t pid;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(shared, 0, sizeof(*shared));
	shared->forks = forks;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(lives());
	}
	while (!__atomic_load_n(&shared->waiting, __ATOMIC_SEQ_CST))
		usleep(1000);
	usleep(5000);
	return pid;
}

/* It still makes calls, and then ends as if nothing had been. */
static void check_unharmed(pid_t pid)
{
	u32 before = __atomic_load_n(&shared->calls, __ATOMIC_SEQ_CST);
	int status = -1;

	usleep(100000);
	CHECK(__atomic_load_n(&shared->calls, __ATOMIC_SEQ_CST) > before);
	CHECK_EQ(__atomic_load_n(&shared->wrong, __ATOMIC_SEQ_CST), 0);
	__atomic_store_n(&shared->stop, 1, __ATOMIC_SEQ_CST);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	munmap(shared, 4096);
}

static void stop_soon(void *data)
{
	if (seen.enter[SYS_getppid] >= 50)
		tracer_stop(&tracer);
}

static void enter_and_stop(void *data, struct tracee *t)
{
	on_enter(data, t);
	stop_soon(data);
}

TEST(a_seized_process_is_seen_and_let_go_unharmed)
{
	struct tracer_ops stopping = ops;
	struct tracer_wants wants;
	pid_t pid = start_living(true);

	stopping.enter = enter_and_stop;
	WANT(&wants, "getppid", "exit_group");
	for (int round = 0; round < 5; round++) {
		memset(&seen, 0, sizeof(seen));
		tracer_init(&tracer, &stopping, &seen, &wants);
		REQUIRE(tracer_seize(&tracer, pid) == 0);
		CHECK_EQ(tracer_loop(&tracer), 0);
		CHECK(seen.enter[SYS_getppid] >= 50);
		CHECK(seen.enter[SYS_exit_group] >= 1);
		CHECK(!tracer.root_ended);
		tracer_release(&tracer);
	}
	check_unharmed(pid);
}

static void count_shared(void *data, struct tracee *t)
{
	__atomic_fetch_add(&shared->seen, 1, __ATOMIC_SEQ_CST);
}

TEST(a_seized_process_outlives_a_killed_tracer)
{
	static const struct tracer_ops counting = { .enter = count_shared };
	struct tracer_wants wants;
	/* Without children: their SIGCHLD, just being delivered, is what a kill can leave a trace
	 * of. */
	pid_t pid = start_living(false);

	WANT(&wants, "getppid");
	for (int round = 0; round < 10; round++) {
		pid_t killed = fork();

		if (killed == 0) {
			tracer_init(&tracer, &counting, &seen, &wants);
			if (tracer_seize(&tracer, pid) == 0)
				tracer_loop(&tracer);
			_exit(0);
		}
		/* Under way: then no thread is just being seized. */
		__atomic_store_n(&shared->seen, 0, __ATOMIC_SEQ_CST);
		for (int i = 0; i < 5000 && __atomic_load_n(&shared->seen, __ATOMIC_SEQ_CST) < 20;
		     i++)
			usleep(1000);
		usleep(300 * round);
		kill(killed, SIGKILL);
		waitpid(killed, NULL, 0);
	}
	check_unharmed(pid);
}

static int wait_for_kill(void *arg)
{
	while (syscall(SYS_getppid))
		;
	return 0;
}

static void *report_pid;

static void report(void *data, struct tracee *t)
{
	*(pid_t *)report_pid = t->tid;
}

TEST(a_spawned_tree_dies_with_its_tracer)
{
	struct tracer_ops reporting = { .enter = report };
	struct tracer_wants wants;
	pid_t tracer_pid, root = 0;
	int status = 0;

	WANT(&wants, "getppid");
	report_pid = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	tracer_pid = fork();
	if (tracer_pid == 0) {
		tracer_init(&tracer, &reporting, &seen, &wants);
		if (tracer_spawn_call(&tracer, wait_for_kill, NULL) == 0)
			tracer_loop(&tracer);
		_exit(0);
	}
	for (int i = 0; i < 1000 && !root; i++) {
		usleep(1000);
		root = __atomic_load_n((pid_t *)report_pid, __ATOMIC_SEQ_CST);
	}
	REQUIRE(root > 0);
	kill(tracer_pid, SIGKILL);
	waitpid(tracer_pid, NULL, 0);
	CHECK_EQ(waitpid(root, &status, 0), root);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	munmap(report_pid, 4096);
}

TEST(the_floor_is_measured)
{
	u64 floor = tracer_floor_ns();

	test_note("an empty traced call shows as %llu ns", (unsigned long long)floor);
	CHECK(floor > 500 && floor < 10000000);
}

TEST(tracepoint_names_are_the_kernels)
{
	const char *hint;

	CHECK_EQ(call_tracepoint("openat", &hint), SYS_openat);
	CHECK_EQ(call_tracepoint("newuname", &hint), SYS_uname);
	CHECK_EQ(call_tracepoint("uname", &hint), -ENOENT);
	CHECK_STR(hint, "newuname");
	CHECK_EQ(call_tracepoint("nonsense", &hint), -ENOENT);
	CHECK(!hint);
	CHECK_STR(call_name(SYS_openat), "openat");
	CHECK_STR(call_tracepoint_name(SYS_uname), "newuname");
}
