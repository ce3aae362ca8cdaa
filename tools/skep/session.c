/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "session.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "compile.h"
#include "explain.h"
#include "hooks/syscall/internal.h"

/* ---- what is said while it runs ---- */

/* trace_printk: the thread's name and id in front, as trace_pipe has them. */
static void on_trace(void *data, const struct task_info *task, const char *line, u32 len)
{
	struct session *session = data;

	if (!session->opts->json) {
		fprintf(session->out, "%s-%u: %.*s\n", task->comm, task->pid, (int)len, line);
		return;
	}
	fputs("{\"trace\":", session->out);
	show_json_string(session->out, line, len);
	fputs(",\"comm\":", session->out);
	show_json_string(session->out, task->comm, strlen(task->comm));
	fprintf(session->out, ",\"pid\":%u}\n", task->pid);
}

struct record_place {
	struct session *session;
	struct session_ring *ring;
};

/*
 * The members of a record, as far as it reaches: programs send the used part of a struct
 * that ends in a buffer. data is zero behind the record.
 */
static void put_members(FILE *out, const struct shown *what, const void *data, u32 size, bool json)
{
	struct shown parts[48];
	u32 n = show_parts(what, parts, ARRAY_SIZE(parts));

	for (u32 i = 0; i < n && i < ARRAY_SIZE(parts); i++) {
		const char *name = parts[i].name ? parts[i].name : "value";

		if (parts[i].bit_offset / 8 >= size)
			break;
		fprintf(out, json ? "%s\"%s\":" : "%s%s=", !json ? "  " : i ? "," : "", name);
		if (json)
			show_json(out, &parts[i], data);
		else
			show_text(out, &parts[i], data, true);
	}
}

static void put_record(FILE *out, const struct session_ring *ring, const void *data, u32 size,
		       bool json)
{
	struct shown raw = { .size = size };

	if (!json)
		fputs(ring->name, out);
	if (json) {
		fputs("{\"record\":", out);
		show_json_string(out, ring->name, strlen(ring->name));
		fputs(",\"data\":", out);
	}
	if (!ring->record.btf) {
		fputs(json ? "" : "  ", out);
		if (json)
			show_json(out, &raw, data);
		else
			show_text(out, &raw, data, true);
	} else {
		fputs(json ? "{" : "", out);
		put_members(out, &ring->record, data, size, json);
		fputs(json ? "}" : "", out);
	}
	fputs(json ? "}\n" : "\n", out);
}

static void on_record(void *data, const void *record, u32 size)
{
	struct record_place *place = data;
	struct session *session = place->session;
	const struct session_ring *ring = place->ring;
	s64 whole = ring->record.btf ? btf_size(ring->record.btf, ring->record.type) : 0;
	u8 *padded;

	if (whole <= (s64)size) {
		put_record(session->out, ring, record, size, session->opts->json);
		return;
	}
	padded = calloc(1, (size_t)whole);
	if (!padded)
		return;
	memcpy(padded, record, size);
	put_record(session->out, ring, padded, size, session->opts->json);
	free(padded);
}

static void drain(struct session *session)
{
	for (u32 i = 0; i < session->n_rings; i++) {
		struct record_place place = { session, &session->rings[i] };

		ring_drain(&session->rings[i].ring, on_record, &place);
	}
}

static void on_tick(void *data)
{
	struct session *session = data;

	drain(session);
	fflush(session->out);
}

static void on_note(void *data, const char *line)
{
	complain("note: %s", line);
}

/* ---- opening ---- */

static int open_object(struct session *session)
{
	struct loader_source source = { .path = session->opts->path };
	struct compile_opts compile_opts = { .btf = session->kernel.btf,
					     .btf_size = session->kernel.btf_size,
					     .flags = session->opts->flags };
	struct loader_error error = { 0 };
	void *bytes = NULL;
	int err = 0;

	if (is_source(source.path)) {
		err = compile(source.path, &compile_opts, &bytes, &source.size);
		source.bytes = bytes;
	}
	if (err)
		return err;
	err = loader_open(&session->kernel, &source, &session->loader, &error);
	free(bytes);
	if (err)
		complain("%s", error.text);
	return err;
}

static bool is_listed(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

static bool wants_prog(const struct session *session, const struct loader_prog *prog)
{
	return session->opts->only[0] ? is_listed(session->opts->only, prog->name)
				      : !prog->optional;
}

static int choose_programs(struct session *session)
{
	char why[512];
	int err = 0;

	if (!loader_prog_count(session->loader)) {
		complain("%s has no programs", session->opts->path);
		return -ENOENT;
	}
	for (const char *const *name = session->opts->only; *name; name++)
		if (loader_find_prog(session->loader, *name) < 0) {
			complain("%s has no program '%s'", session->opts->path, *name);
			return -ENOENT;
		}
	for (u32 i = 0; i < loader_prog_count(session->loader); i++) {
		const struct loader_prog *prog = loader_prog(session->loader, i);
		struct attach_target target;

		loader_want(session->loader, i, wants_prog(session, prog));
		if (!wants_prog(session, prog) ||
		    syscall_target(prog->section, prog->type, &target, why, sizeof(why)) == 0)
			continue;
		complain("%s: program %s: SEC(\"%s\") has no hook here: %s", session->opts->path,
			 prog->name, prog->section, why);
		err = -EOPNOTSUPP;
	}
	return err;
}

static int check_map_names(const struct session *session)
{
	for (const char *const *name = session->opts->maps; *name; name++)
		if (loader_find_map(session->loader, *name) < 0) {
			complain("%s has no map '%s'", session->opts->path, *name);
			return -ENOENT;
		}
	return 0;
}

/* libbpf asks for a log when a program was refused; its feature probes have none. */
static void on_verified(void *data, const struct verify_request *request,
			const struct verify_result *result, int err)
{
	if (err && request->log)
		explainer_take(data, request, result, err);
}

static int load_object(struct session *session)
{
	struct loader_error error = { 0 };
	const void *btf;
	u32 size;
	struct explainer explainer = { 0 };
	int err;

	skep_on_verified(session->skep, on_verified, &explainer);
	err = loader_load(session->loader, &error);
	skep_on_verified(session->skep, NULL, NULL);
	if (err) {
		complain("%s", error.text);
		if (explainer.text)
			fprintf(stderr, "\n%s\n", explainer.text);
		if (session->opts->verbose)
			for (u32 i = 0; i < loader_prog_count(session->loader); i++)
				if (loader_prog(session->loader, i)->log)
					fputs(loader_prog(session->loader, i)->log, stderr);
	}
	explainer_clear(&explainer);
	if (err)
		return err;
	btf = loader_btf(session->loader, &size);
	if (btf && btf_parse(btf, size, NULL, NULL, &session->btf))
		session->btf = NULL;
	return 0;
}

int session_open(struct session *session, const struct session_opts *opts)
{
	struct skep_opts kernel_opts = { .size = sizeof(kernel_opts),
					 .budget = opts->budget,
					 .flags = opts->no_jit ? SKEP_NO_JIT : 0 };
	static const struct syscall_hook_events events = { on_trace, on_tick, on_note };
	int err;

	*session = (struct session){ .opts = opts, .out = stderr };
	if (opts->output) {
		session->out = fopen(opts->output, "we");
		if (!session->out) {
			complain("cannot write %s: %s", opts->output, strerror(errno));
			return -errno;
		}
	}
	session->skep = skep_new(&kernel_opts);
	if (!session->skep) {
		complain("cannot make a kernel: %s", strerror(errno));
		return -errno;
	}
	loader_kernel_of(session->skep, &session->kernel);
	err = syscall_hook_new(session->skep, &events, session, &session->hook);
	if (err)
		complain("%s", strerror(-err));
	if (!err)
		err = open_object(session);
	if (!err)
		err = choose_programs(session);
	if (!err)
		err = check_map_names(session);
	return err ? err : load_object(session);
}

/* ---- attaching ---- */

/* The struct that a pointer variable of that name points to; 0: there is no such. */
static u32 pointed_to(const struct btf *btf, const char *variable)
{
	s32 id = btf_find(btf, variable, BTF_KIND_VAR);
	const struct btf_type *t = id > 0 ? btf_type(btf, (u32)id) : NULL;
	const struct btf_type *ptr = t ? btf_resolve(btf, t->type, NULL) : NULL;
	u32 target = 0;

	if (!ptr || btf_kind(ptr) != BTF_KIND_PTR)
		return 0;
	t = btf_resolve(btf, ptr->type, &target);
	return t && btf_kind(t) == BTF_KIND_STRUCT ? target : 0;
}

/* How programs tell what a ringbuf's records are: see docs/man/skep-run.1. */
static u32 record_type(const struct btf *btf, const char *map, bool only_one)
{
	char variable[128];
	u32 id;

	if (!btf)
		return 0;
	snprintf(variable, sizeof(variable), "%s_record", map);
	id = pointed_to(btf, variable);
	if (!id && only_one)
		id = pointed_to(btf, "unused");
	if (!id && only_one && btf_find(btf, "event", BTF_KIND_STRUCT) > 0)
		id = (u32)btf_find(btf, "event", BTF_KIND_STRUCT);
	return id;
}

static u32 count_rings(const struct session *session)
{
	u32 n = 0;

	for (u32 i = 0; i < loader_map_count(session->loader); i++)
		n += loader_map(session->loader, i)->type == BPF_MAP_TYPE_RINGBUF;
	return n;
}

static int open_rings(struct session *session)
{
	u32 n = count_rings(session);

	session->rings = calloc(n + 1, sizeof(*session->rings));
	if (!session->rings)
		return -ENOMEM;
	for (u32 i = 0; i < loader_map_count(session->loader); i++) {
		const struct loader_map *map = loader_map(session->loader, i);
		struct session_ring *ring = &session->rings[session->n_rings];
		int err;

		if (map->type != BPF_MAP_TYPE_RINGBUF)
			continue;
		err = ring_open(&ring->ring, map->fd, map->max_entries);
		if (err) {
			complain("cannot read ringbuf %s: %s", map->name, strerror(-err));
			return err;
		}
		ring->name = map->name;
		ring->record.type = record_type(session->btf, map->name, n == 1);
		ring->record.btf = ring->record.type ? session->btf : NULL;
		session->n_rings++;
	}
	return 0;
}

static int attach_one(struct session *session, u32 index)
{
	const struct loader_prog *prog = loader_prog(session->loader, index);
	struct attach_target target;
	char why[512];
	int fd;

	if (prog->fd < 0)
		return 0;
	syscall_target(prog->section, prog->type, &target, why, sizeof(why));
	fd = skep_attach(session->skep, prog->fd, &target);
	if (fd < 0) {
		complain("%s: cannot attach program %s to %s: %s", session->opts->path, prog->name,
			 prog->section, strerror(-fd));
		return fd;
	}
	session->links[index] = fd;
	return 0;
}

int session_attach(struct session *session)
{
	u32 n = loader_prog_count(session->loader);
	int err;

	session->links = malloc((n + 1) * sizeof(int));
	if (!session->links)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++)
		session->links[i] = -1;
	err = open_rings(session);
	for (u32 i = 0; i < n && !err; i++) {
		err = attach_one(session, i);
		session->attached |= session->links[i] >= 0;
	}
	if (!err && !session->attached) {
		complain("%s: its programs are all optional (SEC(\"?...\")): choose with --only",
			 session->opts->path);
		err = -ENOENT;
	}
	return err;
}

/* ---- tracing ---- */

static struct session *running; /* for the signal handlers */

/*
 * The loop notices a request when waitpid returns; a signal that comes just before waitpid
 * sleeps would be missed, so the timer repeats it.
 */
static void wake_again(void)
{
	struct itimerval soon = { { 0, 50000 }, { 0, 50000 } };

	setitimer(ITIMER_REAL, &soon, NULL);
}

static void end_trace(int sig)
{
	pid_t root = syscall_hook_tracer(running->hook)->root;

	if (!running->opts->pid) {
		kill(root, sig);
		return;
	}
	syscall_hook_stop(running->hook);
	wake_again();
}

/* What the terminal sends reaches the command by itself. */
static void on_signal(int sig, siginfo_t *info, void *ucontext)
{
	int saved = errno;

	if (running->opts->pid || info->si_code <= 0)
		end_trace(sig);
	errno = saved;
}

static void on_alarm(int sig)
{
	int saved = errno;

	end_trace(SIGTERM);
	errno = saved;
}

static void catch_signals(const struct session_opts *opts)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	struct sigaction alarm_action = { .sa_handler = on_alarm }, old;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		sigaction(signals[i], NULL, &old);
		if (old.sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
	}
	sigaction(SIGALRM, &alarm_action, NULL);
	/* Whoever reads our output may go away: that is no reason for the command to end. */
	signal(SIGPIPE, SIG_IGN);
	if (opts->seconds) {
		struct itimerval timer = { .it_value = { (time_t)opts->seconds, 0 } };

		setitimer(ITIMER_REAL, &timer, NULL);
	}
}

static void ignore_signals(void)
{
	struct itimerval off = { 0 };

	setitimer(ITIMER_REAL, &off, NULL);
	signal(SIGALRM, SIG_IGN);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
}

/* Why a process may not be traced: the one cause that can be seen, or those that cannot. */
static void explain_refusal(pid_t pid)
{
	long tracer = proc_status(pid, "TracerPid", 10), uid = proc_status(pid, "Uid", 10);

	if (tracer > 0)
		complain(
		    "process %d may not be traced: process %ld traces it already, and there can be "
		    "one only",
		    (int)pid, tracer);
	else if (uid >= 0 && (uid_t)uid != geteuid() && geteuid())
		complain(
		    "process %d may not be traced: it belongs to someone else (user %ld); run as that "
		    "user or as root",
		    (int)pid, uid);
	else
		complain(
		    "process %d may not be traced: kernel.yama.ptrace_scope forbids it, or it gave up "
		    "or gained privileges; run as root",
		    (int)pid);
}

static void explain_seize(pid_t pid, int err)
{
	if (err == -ESRCH)
		complain("there is no process %d", (int)pid);
	else if (err == -EPERM)
		explain_refusal(pid);
	else
		complain("cannot trace process %d: %s", (int)pid, strerror(-err));
}

static int start(struct session *session)
{
	const struct session_opts *opts = session->opts;
	int err;

	running = session;
	if (opts->pid) {
		err = syscall_hook_seize(session->hook, opts->pid);
		if (err)
			explain_seize(opts->pid, err);
		return err;
	}
	err = syscall_hook_spawn(session->hook, opts->argv);
	if (err)
		complain("cannot run %s: %s", opts->argv[0], strerror(-err));
	return err;
}

int session_trace(struct session *session)
{
	const struct tracer *tracer = syscall_hook_tracer(session->hook);
	int err;

	err = start(session);
	if (err)
		return err;
	catch_signals(session->opts);
	err = syscall_hook_loop(session->hook);
	ignore_signals();
	session->status = tracer->root_status;
	if (err && tracer->exec_failed)
		complain("cannot run %s: %s", session->opts->argv[0], strerror(-err));
	else if (err)
		complain("tracing failed: %s", strerror(-err));
	session->started = !err;
	/* Now, because the tracer has moved to the CPUs of what it traced. */
	if (!err)
		session->floor_ns = tracer_floor_ns();
	return err;
}

/* ---- reporting ---- */

static bool wants_map(const struct session *session, const struct loader_map *map)
{
	if (session->opts->maps[0])
		return is_listed(session->opts->maps, map->name);
	return !map->internal && map->name[0] != '_';
}

static void report_maps(struct session *session)
{
	struct print_opts print = { .out = session->out,
				    .top = session->opts->top,
				    .hists = session->opts->top ? MIN(session->opts->top, 5) : 0,
				    .floor_ns = session->floor_ns };
	bool json = session->opts->json, first = true;

	if (json)
		fprintf(session->out, "{\"floor_ns\":%llu,\"maps\":{",
			(unsigned long long)session->floor_ns);
	for (u32 i = 0; i < loader_map_count(session->loader); i++) {
		const struct loader_map *map = loader_map(session->loader, i);
		struct snapshot snapshot;

		if (!wants_map(session, map) || snapshot_take(&session->kernel, map, session->btf,
							      skep_cpus(session->skep), &snapshot))
			continue;
		if (json && !first)
			fputc(',', session->out);
		if (json)
			print_map_json(session->out, &snapshot);
		else if (map->internal)
			print_variables(session->out, &snapshot);
		else
			print_map(&print, &snapshot);
		first = false;
		snapshot_release(&snapshot);
	}
	if (json)
		fputs("}}\n", session->out);
}

/* What went wrong inside: only when something did. */
static void report_losses(struct session *session)
{
	for (u32 i = 0; i < loader_prog_count(session->loader); i++) {
		const struct loader_prog *info = loader_prog(session->loader, i);
		struct prog_object *prog;
		int err;

		prog = info->fd < 0 ? NULL : prog_from_fd(session->skep, info->fd, &err);
		if (!prog)
			continue;
		if (prog->prog.misses)
			complain("program %s missed %llu events: no CPU slot was free", info->name,
				 (unsigned long long)prog->prog.misses);
		if (prog->budget_ended)
			complain(
			    "program %s was cut short %llu times: more than %llu loop iterations "
			    "and calls (--budget)",
			    info->name, (unsigned long long)prog->budget_ended,
			    (unsigned long long)session->opts->budget);
		object_put(&prog->base);
	}
}

int session_report(struct session *session)
{
	int err = 0;

	drain(session);
	report_maps(session);
	errno = 0;
	if ((fflush(session->out) || ferror(session->out)) && errno != EPIPE) {
		err = errno ? -errno : -EIO;
		complain("cannot write %s: %s",
			 session->opts->output ? session->opts->output : "the report",
			 strerror(-err));
	}
	report_losses(session);
	if (session->opts->verbose)
		complain("%llu stops; an empty traced call takes %.1f us",
			 (unsigned long long)syscall_hook_tracer(session->hook)->stops,
			 (double)session->floor_ns / 1000);
	return err;
}

void session_close(struct session *session)
{
	for (u32 i = 0; i < session->n_rings; i++)
		ring_close(&session->rings[i].ring);
	free(session->rings);
	for (u32 i = 0; session->links && i < loader_prog_count(session->loader); i++)
		if (session->links[i] >= 0)
			close(session->links[i]);
	free(session->links);
	loader_close(session->loader);
	btf_free(session->btf);
	skep_free(session->skep);
	syscall_hook_free(session->hook);
	if (session->out && session->out != stderr)
		fclose(session->out);
}
