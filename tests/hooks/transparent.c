/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An observer changes nothing: real programs have the same exit status, output and signals
 * with `skep run` as without, for root and for nobody; and what is counted is what an
 * independent tracer counts.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/shell.h"
#include "lib/test.h"

struct subject {
	const char *name;
	const char *program; /* that must be installed */
	const char *prepare; /* shell commands before it, untraced; may be NULL */
	const char *command; /* for sh -c */
};

static const struct subject subjects[] = {
	{ "sqlite3", "sqlite3", NULL,
	  "sqlite3 t.db \"create table t(x); with recursive c(n) as (select 1 union all select n+1 "
	  "from c where n<500) insert into t select n from c; select sum(x), count(*) from t; "
	  "select * from nothing;\"" },
	{ "python3 with threads", "python3",
	  "cat >t.py <<'E'\n"
	  "import threading, subprocess, signal, os, sys\n"
	  "total = 0\n"
	  "lock = threading.Lock()\n"
	  "def work(n):\n"
	  "    global total\n"
	  "    for i in range(200):\n"
	  "        with lock:\n"
	  "            total += n\n"
	  "    open('f%d' % n, 'w').write('x' * n)\n"
	  "ts = [threading.Thread(target=work, args=(i,)) for i in range(8)]\n"
	  "[t.start() for t in ts]\n"
	  "[t.join() for t in ts]\n"
	  "got = []\n"
	  "signal.signal(signal.SIGUSR1, lambda s, f: got.append(s))\n"
	  "os.kill(os.getpid(), signal.SIGUSR1)\n"
	  "print(total, len(got), subprocess.run(['wc', '-c', 'f7'], capture_output=True).stdout)\n"
	  "sys.exit(3)\n"
	  "E\n",
	  "python3 t.py" },
	{ "git", "git", NULL,
	  "export GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' "
	  "GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'; git init -q -b main r && cd r && "
	  "git config user.name n && git config user.email e@e && echo hello >f && git add f && "
	  "git commit -q -m first && git log --format='%H %s' && git status --short && "
	  "git rev-parse nonsense" },
	{ "a pipeline of the shell", "sort", NULL,
	  "seq 1 2000 | sort -rn | (read a; read b; echo $a $b; wc -l); (exit 7) || echo $?; "
	  "f() { for i in 1 2 3; do echo $i | cat; done; }; f | tr 1 x; exit 11" },
	{ "standard input", "cat", NULL,
	  "printf 'one\\ntwo\\n' | cat -; cat </dev/null; head -c 5 /dev/zero | od -c" },
	{ "a static program", "sh", NULL, "\"$STATIC\"" },
	{ "exec after exec", "env", NULL,
	  "exec env A=1 sh -c 'echo $A; exec sh -c \"echo again; exec false\"'" },
	{ "killed by SIGSEGV", "sh", NULL, "echo before; kill -SEGV $$; echo never" },
	{ "killed by SIGKILL", "sh", NULL, "echo before; kill -9 $$; echo never" },
	{ "killed by SIGTERM under a trap of SIGINT", "sh", NULL,
	  "trap 'echo int' INT; kill -INT $$; kill -TERM $$; echo never" },
	{ "stops and is continued", "sleep", NULL,
	  "me=$$; (sleep 0.2; kill -CONT $me) & kill -STOP $me; wait; echo on" },
	{ "a child that stops is seen by its parent", "python3",
	  "cat >s.py <<'E'\n"
	  "import os, signal, time\n"
	  "r, w = os.pipe()\n"
	  "pid = os.fork()\n"
	  "if pid == 0:\n"
	  "    os.kill(os.getpid(), signal.SIGSTOP)\n"
	  "    os.read(r, 1)\n"
	  "    os._exit(5)\n"
	  "p, s = os.waitpid(pid, os.WUNTRACED)\n"
	  "print(os.WIFSTOPPED(s), os.WSTOPSIG(s))\n"
	  "os.kill(pid, signal.SIGCONT)\n"
	  "p, s = os.waitpid(pid, os.WCONTINUED)\n"
	  "print(os.WIFCONTINUED(s))\n"
	  "os.write(w, b'x')\n"
	  "p, s = os.waitpid(pid, 0)\n"
	  "print(os.WEXITSTATUS(s))\n"
	  "E\n",
	  "python3 s.py" },
	{ "alarms and interrupted sleeps", "python3",
	  "cat >a.py <<'E'\n"
	  "import signal, time, select\n"
	  "n = []\n"
	  "signal.signal(signal.SIGALRM, lambda s, f: n.append(s))\n"
	  "signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)\n"
	  "while len(n) < 10:\n"
	  "    select.select([], [], [], 1)\n"
	  "signal.setitimer(signal.ITIMER_REAL, 0)\n"
	  "print(len(n) >= 10)\n"
	  "E\n",
	  "python3 a.py" },
	{ "a script without an interpreter line", "sh",
	  "printf 'echo plain $1\\n' >p; chmod +x p\n", "./p arg" },
	{ "many short children", "true", NULL,
	  "i=0; while [ $i -lt 40 ]; do /bin/true & i=$((i+1)); done; wait; echo $i" },
	{ "reading the environment and arguments", "env", NULL,
	  "env | grep -c PATH; echo \"$@\"; cat /proc/self/cmdline | tr '\\0' ' '" },
};

static const char *const observers[] = { "syscount", "opensnoop" };

static bool same(const struct ran *a, const struct ran *b)
{
	return a->status == b->status && a->out_len == b->out_len && a->err_len == b->err_len &&
	       memcmp(a->out, b->out, a->out_len) == 0 && memcmp(a->err, b->err, a->err_len) == 0;
}

static void set_static(void)
{
	setenv("STATIC", test_build_path("tests/hooks/static-subject"), 1);
}

static struct ran run_subject(const struct subject *s, bool as_nobody, const char *observer)
{
	setenv("COMMAND", s->command, 1);
	if (!observer)
		return shell(as_nobody, "%s\nexec sh -c \"$COMMAND\"",
			     s->prepare ? s->prepare : "");
	return shell(
	    as_nobody,
	    "%s\nexec \"$SKEP\" run \"$EXAMPLES/%s.bpf.o\" -o /dev/null -- sh -c \"$COMMAND\"",
	    s->prepare ? s->prepare : "", observer);
}

static void compare(const struct subject *s, bool as_nobody)
{
	struct ran plain;

	need(s->program);
	set_static();
	plain = run_subject(s, as_nobody, NULL);
	for (size_t i = 0; i < sizeof(observers) / sizeof(observers[0]); i++) {
		struct ran traced = run_subject(s, as_nobody, observers[i]);

		if (!same(&plain, &traced)) {
			test_fail(__FILE__, __LINE__,
				  "%s under %s: wait status 0x%x, untraced 0x%x", s->name,
				  observers[i], traced.status, plain.status);
			test_note("out %.500s | untraced %.500s", traced.out, plain.out);
			test_note("err %.500s | untraced %.500s", traced.err, plain.err);
		}
		ran_free(&traced);
	}
	ran_free(&plain);
}

static void as_self(void *arg)
{
	compare(arg, false);
}

static void as_nobody(void *arg)
{
	need_nobody();
	compare(arg, true);
}

TEST(for_each_subject)
{
	char name[128];

	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
		snprintf(name, sizeof(name), "%s, observed", subjects[i].name);
		test_run_named(name, as_self, (void *)&subjects[i]);
		snprintf(name, sizeof(name), "%s, observed, as nobody", subjects[i].name);
		test_run_named(name, as_nobody, (void *)&subjects[i]);
	}
}

/* ---- counts ---- */

/* The count that strace -c has for a call: "% time seconds usecs/call calls [errors] name". */
static long strace_count(const char *table, const char *call)
{
	char name[64];
	const char *line = table;

	while (line && *line) {
		double percent, seconds;
		long per_call, calls, errors;

		if (sscanf(line, "%lf %lf %ld %ld %ld %63s", &percent, &seconds, &per_call, &calls,
			   &errors, name) != 6 &&
		    sscanf(line, "%lf %lf %ld %ld %63s", &percent, &seconds, &per_call, &calls,
			   name) != 5)
			name[0] = 0;
		if (strcmp(name, call) == 0)
			return calls;
		line = strchr(line, '\n');
		line += line != NULL;
	}
	return 0;
}

static long skep_count(const char *json, const char *call)
{
	char key[128];
	const char *at;

	snprintf(key, sizeof(key), "\"syscall\":\"%s\"},\"value\":{\"count\":", call);
	at = strstr(json, key);
	return at ? strtol(at + strlen(key), NULL, 10) : 0;
}

TEST(counts_are_those_of_strace)
{
	static const char *const calls[] = { "read",       "write", "openat", "close",
					     "newfstatat", "mmap",  "munmap", "mprotect",
					     "getdents64", "statx", "execve", "dup2",
					     "pread64",    "lseek", "fstat" };
	static const char *const commands[] = { "ls -la /usr",
						"dd if=/dev/zero of=/dev/null bs=7 count=1234",
						"find /etc/init.d -type f" };
	long total = 0;

	need("strace");
	for (size_t c = 0; c < sizeof(commands) / sizeof(commands[0]); c++) {
		struct ran theirs = shell(
		    false, "strace -f -c -o table %s >/dev/null 2>&1; cat table", commands[c]);
		struct ran ours = shell(
		    false,
		    "\"$SKEP\" run \"$EXAMPLES/syscount.bpf.o\" --json -o j -- %s >/dev/null 2>&1; cat j",
		    commands[c]);

		for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
			long a = strace_count(theirs.out, calls[i]),
			     b = skep_count(ours.out, calls[i]);

			if (a != b)
				test_fail(__FILE__, __LINE__, "%s: %s %ld times, strace has %ld",
					  commands[c], calls[i], b, a);
			total += b;
		}
		ran_free(&theirs);
		ran_free(&ours);
	}
	CHECK(total > 2500);
}

TEST(counts_of_known_loops)
{
	struct ran ran =
	    shell(false, "\"$SKEP\" run \"$EXAMPLES/syscount.bpf.o\" --json -o j -- "
			 "dd if=/dev/zero of=/dev/null bs=1 count=5000 2>/dev/null; cat j");

	EXPECT_EXIT(&ran, 0);
	CHECK(skep_count(ran.out, "read") >= 5000 && skep_count(ran.out, "read") < 5020);
	CHECK(skep_count(ran.out, "write") >= 5000 && skep_count(ran.out, "write") < 5020);
	ran_free(&ran);
}

/* ---- a process that runs already ---- */

#define VICTIM "sh -c 'while :; do sleep 0.01; done' & victim=$!; sleep 0.1; "
#define STILL_THERE \
	"kill -0 $victim && s=$(cut -d' ' -f3 /proc/$victim/stat) && echo alive $s; kill $victim"

/* Running, asleep, or waiting for a vfork()ed child: anything but stopped, traced or dead. */
static bool goes_on(const struct ran *ran)
{
	return says(ran, "alive S") || says(ran, "alive R") || says(ran, "alive D");
}

static void check_attach(bool nobody)
{
	struct ran ran =
	    shell(nobody, VICTIM "\"$SKEP\" run \"$EXAMPLES/syscount.bpf.o\" -d 1 -p $victim 2>&1; "
				 "echo status $?; " STILL_THERE);

	EXPECT_EXIT(&ran, 0);
	CHECK(says(&ran, "status 0"));
	CHECK(says(&ran, "wait4") && says(&ran, "execve"));
	CHECK(goes_on(&ran));
	ran_free(&ran);
}

TEST(attached_and_detached_by_time)
{
	check_attach(false);
}

TEST(attached_as_nobody)
{
	need_nobody();
	check_attach(true);
}

TEST(detached_by_a_signal)
{
	struct ran ran = shell(
	    false, VICTIM "\"$SKEP\" run \"$EXAMPLES/syscount.bpf.o\" -p $victim 2>&1 & skep=$!; "
			  "sleep 0.5; kill -TERM $skep; wait $skep; echo status $?; " STILL_THERE);

	EXPECT_EXIT(&ran, 0);
	CHECK(says(&ran, "status 0") && says(&ran, "wait4") && says(&ran, "alive "));
	ran_free(&ran);
}

TEST(killed_skep_leaves_the_process_alive)
{
	struct ran ran = shell(
	    false, VICTIM "\"$SKEP\" run \"$EXAMPLES/syscount.bpf.o\" -p $victim 2>&1 & skep=$!; "
			  "sleep 0.5; kill -9 $skep; wait $skep; echo status $?; sleep 0.1; "
			  "grep TracerPid /proc/$victim/status; " STILL_THERE);

	EXPECT_EXIT(&ran, 0);
	CHECK(says(&ran, "status 137"));
	CHECK(says(&ran, "TracerPid:\t0"));
	CHECK(goes_on(&ran));
	ran_free(&ran);
}

TEST(killed_skep_takes_its_own_tree_with_it)
{
	struct ran ran = shell(
	    false,
	    "\"$SKEP\" run \"$EXAMPLES/syscount.bpf.o\" -o /dev/null -- sh -c 'echo $$ >pid; while :; do sleep 0.01; done' & "
	    "skep=$!; i=0; while [ ! -s pid ] && [ $i -lt 500 ]; do sleep 0.01; i=$((i+1)); done; kill -9 $skep; wait $skep; sleep 0.2; "
	    "kill -0 $(cat pid) 2>/dev/null && ! grep -q 'State:.Z' /proc/$(cat pid)/status; echo gone $?");

	CHECK(says(&ran, "gone 1"));
	ran_free(&ran);
}

TEST(signals_sent_to_skep_reach_the_command)
{
	struct ran ran = shell(
	    false,
	    "\"$SKEP\" run \"$EXAMPLES/syscount.bpf.o\" -o maps -- sh -c 'trap \"echo got it; exit 4\" TERM; echo >ready; while :; do sleep 0.01; done' & "
	    "skep=$!; i=0; while [ ! -e ready ] && [ $i -lt 500 ]; do sleep 0.01; i=$((i+1)); done; kill -TERM $skep; wait $skep; echo status $?; grep -c execve maps");

	CHECK(says(&ran, "got it") && says(&ran, "status 4"));
	ran_free(&ran);
}
