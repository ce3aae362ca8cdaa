/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a stopped call to running programs: who is attached where, the contexts as Linux lays
 * them out, and the world that helpers see, which is the stopped thread's.
 */
#define _GNU_SOURCE
#include "hooks/syscall/hook.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hooks/syscall/target.h"
#include "hooks/syscall/task.h"

/* What programs of type tracepoint get: trace_event_raw_sys_enter and _exit, which begin like
 * every record of syscalls/sys_enter_NAME too. The first 8 bytes are not theirs to read. */
struct enter_record {
	u16 common_type;
	u8 common_flags, common_preempt_count;
	s32 common_pid;
	s64 id;
	u64 args[6];
};

struct exit_record {
	u16 common_type;
	u8 common_flags, common_preempt_count;
	s32 common_pid;
	s64 id;
	s64 ret;
};

/* The arguments of a raw tracepoint; programs may address twelve. */
struct raw_record {
	u64 args[12];
};

enum { LIST_ENTER, LIST_EXIT, LIST_SIDES };

struct syscall_hook {
	struct skep *skep;
	struct syscall_hook_events events;
	void *data;
	pthread_mutex_t lock; /* of who is attached */
	struct prog_list calls[LIST_SIDES][CALLS_MAX];
	struct prog_list every[LIST_SIDES]; /* raw_syscalls tracepoints */
	struct prog_list raw[LIST_SIDES];   /* raw tracepoints */
	bool running;
	bool shows_tasks; /* some program can look at task_struct */
	struct tracer tracer;
	struct tracee *current;
	struct task_info task;
	struct task_table tasks;
};

/* link->hook: where a link's program is listed. */
struct attachment {
	struct syscall_hook *hook;
	struct prog_list *list;
	char name[64];
};

/* ---- the world of a traced thread ---- */

static struct syscall_hook *hook_of(const struct run_ctx *rc)
{
	return rc->world_data;
}

static int traced_read_user(struct run_ctx *rc, void *dst, u64 src, u32 size)
{
	return tracee_read(hook_of(rc)->current, dst, src, size);
}

static int traced_write_user(struct run_ctx *rc, u64 dst, const void *src, u32 size)
{
	return tracee_write(hook_of(rc)->current, dst, src, size);
}

static int traced_user_frame(struct run_ctx *rc, u64 *ip, u64 *frame)
{
	return tracee_frame(hook_of(rc)->current, ip, frame);
}

static void traced_load_task(struct run_ctx *rc)
{
	struct syscall_hook *hook = hook_of(rc);

	task_load(&hook->tasks, hook->current, hook->shows_tasks ? skep_arena(hook->skep) : NULL,
		  &hook->task);
	rc->task = &hook->task;
}

static void traced_trace(struct run_ctx *rc, const char *line, u32 len)
{
	struct syscall_hook *hook = hook_of(rc);

	if (!hook->events.trace)
		return;
	if (!rc->task)
		traced_load_task(rc);
	hook->events.trace(hook->data, rc->task, line, len);
}

static void traced_notify(struct run_ctx *rc, u32 map_handle)
{
	hook_of(rc)->tracer.ticked = 1;
	map_event_notify(map_handle);
}

static const struct world_ops traced_world = {
	.read_user = traced_read_user,
	.write_user = traced_write_user,
	.user_frame = traced_user_frame,
	.load_task = traced_load_task,
	.trace = traced_trace,
	.read_kernel = kernel_arena_read,
	.notify = traced_notify,
};

/* ---- running programs ---- */

static void run_list(struct syscall_hook *hook, struct prog_list *list, void *record)
{
	struct run_params params = { .world = &traced_world, .world_data = hook };

	if (!prog_list_empty(list))
		prog_list_run_all(hook->skep, list, record, &params);
}

static void run_raw(struct syscall_hook *hook, struct prog_list *list, u64 second)
{
	struct raw_record raw = { { 0, second } };

	if (prog_list_empty(list))
		return;
	raw.args[0] = task_present_regs(&hook->tasks, hook->current, skep_arena(hook->skep));
	run_list(hook, list, &raw);
}

static void on_enter(void *data, struct tracee *tracee)
{
	struct syscall_hook *hook = data;
	const struct call *call = &tracee->call;
	struct enter_record record = { .common_pid = tracee->tid, .id = call->nr };

	memcpy(record.args, call->args, sizeof(record.args));
	hook->current = tracee;
	run_raw(hook, &hook->raw[LIST_ENTER], (u64)call->nr);
	run_list(hook, &hook->every[LIST_ENTER], &record);
	if (!call->foreign && call->nr >= 0 && call->nr < CALLS_MAX)
		run_list(hook, &hook->calls[LIST_ENTER][call->nr], &record);
	hook->current = NULL;
}

static void on_exit_call(void *data, struct tracee *tracee)
{
	struct syscall_hook *hook = data;
	const struct call *call = &tracee->call;
	struct exit_record record = { .common_pid = tracee->tid, .id = call->nr, .ret = call->ret };

	hook->current = tracee;
	run_raw(hook, &hook->raw[LIST_EXIT], (u64)call->ret);
	run_list(hook, &hook->every[LIST_EXIT], &record);
	if (!call->foreign && call->nr >= 0 && call->nr < CALLS_MAX)
		run_list(hook, &hook->calls[LIST_EXIT][call->nr], &record);
	hook->current = NULL;
}

static void on_exec(void *data, struct tracee *tracee)
{
	task_changed(tracee);
}

static void on_gone(void *data, struct tracee *tracee)
{
	struct syscall_hook *hook = data;

	task_forget(&hook->tasks, tracee, skep_arena(hook->skep));
}

static void on_tick(void *data)
{
	struct syscall_hook *hook = data;

	if (hook->events.tick)
		hook->events.tick(hook->data);
}

static void on_note(void *data, const char *line)
{
	struct syscall_hook *hook = data;

	if (hook->events.note)
		hook->events.note(hook->data, line);
}

static const struct tracer_ops tracer_callbacks = {
	.enter = on_enter,
	.exit = on_exit_call,
	.exec = on_exec,
	.gone = on_gone,
	.tick = on_tick,
	.note = on_note,
};

/* ---- attaching ---- */

/*
 * The verifier lets tracepoint programs address more than our records have, as Linux's does,
 * because it does not know to what they will be attached; so attaching has to look.
 */
static bool stays_inside(const struct syscall_hook *hook, const struct prog_list *list,
			 const struct prog_object *prog)
{
	const struct prog_list *exits = hook->calls[LIST_EXIT];
	u32 size = sizeof(struct enter_record);

	if (list == &hook->raw[LIST_ENTER] || list == &hook->raw[LIST_EXIT])
		size = sizeof(struct raw_record);
	else if (list == &hook->every[LIST_EXIT] || (list >= exits && list < exits + CALLS_MAX))
		size = sizeof(struct exit_record);
	return prog->prog.image->max_ctx_offset <= size;
}

/* Presenting a task costs: only for programs that get at it. */
static bool reads_tasks(const struct prog_object *prog)
{
	const struct image *image = prog->prog.image;

	if (image->flags & IMAGE_HAS_TAIL_CALL)
		return true; /* who knows what comes after it */
	for (u32 i = 0; i < image->n_calls; i++)
		if (image->calls[i]->id == BPF_FUNC_get_current_task ||
		    image->calls[i]->id == BPF_FUNC_get_current_task_btf)
			return true;
	return false;
}

static int link_update(struct link_object *link, struct prog_object *prog)
{
	struct attachment *at = link->hook;
	int err;

	if (!stays_inside(at->hook, at->list, prog))
		return -EACCES;
	pthread_mutex_lock(&at->hook->lock);
	at->hook->shows_tasks |= reads_tasks(prog);
	err = prog_list_replace(at->hook->skep, at->list, link, prog);
	pthread_mutex_unlock(&at->hook->lock);
	return err;
}

static void link_detach(struct link_object *link)
{
	struct attachment *at = link->hook;

	pthread_mutex_lock(&at->hook->lock);
	prog_list_remove(at->hook->skep, at->list, link);
	pthread_mutex_unlock(&at->hook->lock);
	link->hook = NULL;
	free(at);
}

static const struct link_ops link_ops = {
	.update = link_update,
	.detach = link_detach,
};

static int attach_to(struct syscall_hook *hook, struct prog_list *list, struct link_object *link,
		     const struct attach_target *target)
{
	struct prog_list_item item = { .prog = link->prog, .link = link, .cookie = target->cookie };
	struct attachment *at = calloc(1, sizeof(*at));
	int err;

	if (!stays_inside(hook, list, link->prog)) {
		free(at);
		return -EACCES;
	}
	if (!at)
		return -ENOMEM;
	at->hook = hook;
	at->list = list;
	snprintf(at->name, sizeof(at->name), "%s", target->name);
	pthread_mutex_lock(&hook->lock);
	/* The filter of a tree that runs cannot learn of another call. */
	err = hook->running ? -EBUSY : prog_list_add(hook->skep, list, &item);
	hook->shows_tasks |= reads_tasks(link->prog);
	pthread_mutex_unlock(&hook->lock);
	if (err) {
		free(at);
		return err;
	}
	link->hook = at;
	link->ops = &link_ops;
	return 0;
}

static bool knows_tracepoint(void *data, const struct attach_target *target)
{
	struct tracepoint point;
	const char *hint;

	return tracepoint_parse(target->name, &point, &hint) == 0;
}

static int attach_tracepoint(void *data, struct link_object *link,
			     const struct attach_target *target)
{
	struct syscall_hook *hook = data;
	struct tracepoint point;
	const char *hint;
	int err = tracepoint_parse(target->name, &point, &hint);

	if (err)
		return err;
	return attach_to(
	    hook, point.nr < 0 ? &hook->every[point.exit] : &hook->calls[point.exit][point.nr],
	    link, target);
}

static bool knows_raw(void *data, const struct attach_target *target)
{
	struct tracepoint point;

	return raw_tracepoint_parse(target->name, &point) == 0;
}

static int attach_raw(void *data, struct link_object *link, const struct attach_target *target)
{
	struct syscall_hook *hook = data;
	struct tracepoint point;
	int err = raw_tracepoint_parse(target->name, &point);

	return err ? err : attach_to(hook, &hook->raw[point.exit], link, target);
}

static const struct attacher tracepoint_attacher = {
	.name = "tracepoint/syscalls",
	.via = ATTACH_VIA_EVENT,
	.prog_type = BPF_PROG_TYPE_TRACEPOINT,
	.attach_type = -1,
	.link_type = BPF_LINK_TYPE_PERF_EVENT,
	.knows = knows_tracepoint,
	.attach = attach_tracepoint,
};

static const struct attacher raw_attacher = {
	.name = "raw_tracepoint/sys_*",
	.via = ATTACH_VIA_RAW_TRACEPOINT,
	.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
	.attach_type = -1,
	.link_type = BPF_LINK_TYPE_RAW_TRACEPOINT,
	.knows = knows_raw,
	.attach = attach_raw,
};

/* ---- the tree ---- */

int syscall_hook_new(struct skep *skep, const struct syscall_hook_events *events, void *data,
		     struct syscall_hook **out)
{
	struct syscall_hook *hook = calloc(1, sizeof(*hook));
	int err;

	if (!hook)
		return -ENOMEM;
	hook->skep = skep;
	hook->events = *events;
	hook->data = data;
	hook->tracer.told = -1;
	pthread_mutex_init(&hook->lock, NULL);
	err = skep_register_attacher(skep, &tracepoint_attacher, hook);
	if (!err)
		err = skep_register_attacher(skep, &raw_attacher, hook);
	/* The first attacher may be known already: hook stays until the kernel goes, at worst. */
	if (err)
		return err;
	*out = hook;
	return 0;
}

void syscall_hook_free(struct syscall_hook *hook)
{
	if (!hook)
		return;
	tracer_release(&hook->tracer);
	task_table_release(&hook->tasks);
	pthread_mutex_destroy(&hook->lock);
	free(hook);
}

static bool someone(struct syscall_hook *hook, int side)
{
	return !prog_list_empty(&hook->every[side]) || !prog_list_empty(&hook->raw[side]);
}

/* Collects what to stop at. False when nobody is attached. */
static bool collect_wants(struct syscall_hook *hook, struct tracer_wants *wants)
{
	bool any;

	*wants = (struct tracer_wants){ .all_enter = someone(hook, LIST_ENTER),
					.all_exit = someone(hook, LIST_EXIT) };
	any = wants->all_enter || wants->all_exit;
	for (u32 nr = 0; nr < CALLS_MAX; nr++) {
		if (!prog_list_empty(&hook->calls[LIST_ENTER][nr]))
			any = true, call_set_add(&wants->enter, nr);
		if (!prog_list_empty(&hook->calls[LIST_EXIT][nr]))
			any = true, call_set_add(&wants->exit, nr);
	}
	return any;
}

static int prepare(struct syscall_hook *hook)
{
	struct tracer_wants wants;

	pthread_mutex_lock(&hook->lock);
	hook->running = collect_wants(hook, &wants);
	pthread_mutex_unlock(&hook->lock);
	if (!hook->running)
		return -ENOENT;
	tracer_init(&hook->tracer, &tracer_callbacks, hook, &wants);
	return 0;
}

int syscall_hook_spawn(struct syscall_hook *hook, char *const argv[])
{
	int err = prepare(hook);

	return err ? err : tracer_spawn(&hook->tracer, argv);
}

int syscall_hook_seize(struct syscall_hook *hook, pid_t pid)
{
	int err = prepare(hook);

	return err ? err : tracer_seize(&hook->tracer, pid);
}

int syscall_hook_loop(struct syscall_hook *hook)
{
	return tracer_loop(&hook->tracer);
}

void syscall_hook_stop(struct syscall_hook *hook)
{
	tracer_stop(&hook->tracer);
}

const struct tracer *syscall_hook_tracer(const struct syscall_hook *hook)
{
	return &hook->tracer;
}
