/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recording. Every step gets a number and remembers the number of the step before it, eight
 * bytes each; the refused step is the last one, and the path is read backwards from there.
 *
 * The verifier walks depth first, so the path it fails on need not be short. Walking again
 * with a bound on the length of paths, doubled until the same refusal comes, gives one that is
 * at most twice as long as the shortest. Pruning is off then: a state that was cut off proves
 * nothing. A budget of steps keeps that from taking long; without success the first path stays.
 *
 * Verifying is deterministic, so the third run gives the same numbers again, and knows which
 * steps to keep.
 */
#include "explain/path.h"

#include "os/os.h"
#include "verifier/env.h"

#define MAX_STEPS	(4u << 20)
#define MAX_CHANGES	200000
#define SHORTER_BUDGET	60000
#define MAX_CAPTURED	100000

struct step {
	u32 from, insn;
};

struct recorder {
	VEC(struct step) steps; /* step i has number i + 1 */
	VEC(u32) length;	/* by step, when bounded */
	u32 max_length;		/* 0: any */
	u32 max_steps;
	bool failed;		/* out of memory or over a bound: nothing here counts */
};

struct verify_request request_again(const struct verify_request *request)
{
	struct verify_request again = *request;

	again.log = NULL;
	again.log_level = 0;
	again.observe = NULL;
	again.trace = NULL;
	again.missed = NULL;
	return again;
}

/* ---- numbering steps ---- */

static u32 record_step(void *data, const struct env *env, u32 from)
{
	struct recorder *r = data;

	if (r->failed)
		return TRACE_STOP;
	if (r->max_length) {
		u32 length = from ? r->length.data[from - 1] + 1 : 1;

		if (length > r->max_length)
			return TRACE_STOP;
		if (!vec_push(&r->length, length))
			goto fail;
	}
	if (r->steps.len < r->max_steps && vec_push(&r->steps, (struct step){ from, env->at }))
		return (u32)r->steps.len;
fail:
	r->failed = true;
	return TRACE_STOP;
}

static void recorder_reset(struct recorder *r, u32 max_length, u32 max_steps)
{
	vec_clear(&r->steps);
	vec_clear(&r->length);
	r->max_length = max_length;
	r->max_steps = max_steps;
	r->failed = false;
}

static bool same_refusal(const struct verify_refusal *a, const struct verify_refusal *b)
{
	return a->insn == b->insn && !__builtin_strcmp(a->cause, b->cause);
}

/* Runs the verifier with this recorder; true when it came to that refusal. */
static bool record(struct recorder *r, const struct verify_request *request,
		   const struct verify_refusal *wanted)
{
	struct verify_request again = request_again(request);
	struct verify_result result;
	int err;

	again.trace = record_step;
	again.trace_data = r;
	if (r->max_length)
		again.no_pruning = true;
	err = verify(&again, &result);
	if (result.image)
		image_free(result.image);
	return err && !r->failed && r->steps.len && same_refusal(&result.refusal, wanted);
}

static u32 path_length(const struct recorder *r)
{
	u32 n = 0;

	for (u32 at = (u32)r->steps.len; at; at = r->steps.data[at - 1].from)
		n++;
	return n;
}

/* Causes that lie in the length of the path itself. */
static bool is_about_length(const char *cause)
{
	return !__builtin_strcmp(cause, "too-complex") || !__builtin_strcmp(cause, "infinite-loop") ||
	       !__builtin_strcmp(cause, "out-of-memory");
}

/* Tries to replace what is in r by a shorter path; answers the bound that worked, 0: none. */
static u32 find_shorter(struct recorder *r, const struct verify_request *request,
			const struct verify_refusal *wanted)
{
	u32 best = path_length(r);
	u32 spent = 0;

	if (is_about_length(wanted->cause))
		return 0;
	for (u32 bound = 16; bound < best && spent < SHORTER_BUDGET; bound += bound / 2) {
		struct recorder attempt = { 0 };
		bool found;

		recorder_reset(&attempt, bound, SHORTER_BUDGET - spent);
		found = record(&attempt, request, wanted);
		spent += (u32)attempt.steps.len;
		if (found) {
			vec_release(&r->steps);
			vec_release(&r->length);
			*r = attempt;
			return bound;
		}
		vec_release(&attempt.steps);
		vec_release(&attempt.length);
	}
	return 0;
}

/* ---- keeping states ---- */

struct capture {
	struct recorder numbers; /* the same numbering as before */
	struct path *path;
	u32 *on_path; /* numbers of its steps, ascending */
	u32 next;
	struct slot seen[BPF_MAX_FRAMES][LOC_SLOT + STACK_SLOTS];
	u32 stop_after; /* this many steps: the rest tells nothing more; 0: never */
	bool failed;
};

static bool same_reg(const struct reg *a, const struct reg *b)
{
	if (a->kind != b->kind)
		return false;
	return a->kind == REG_UNINIT ||
	       (a->flags == b->flags && a->frame == b->frame && a->off == b->off && a->id == b->id &&
		a->ref == b->ref && a->map == b->map && scalar_eq(&a->val, &b->val));
}

static void note(struct capture *c, u32 frame, u32 at, const struct slot *value)
{
	struct slot *seen = &c->seen[frame][at];
	struct change change = { .loc = { (u8)frame, (u8)at }, .step = c->next, .value = *value };

	if (same_reg(&seen->reg, &value->reg) && !memcmp(seen->kind, value->kind, SLOT_BYTES))
		return;
	*seen = *value;
	if (c->path->changes.len >= MAX_CHANGES || !vec_push(&c->path->changes, change))
		c->failed = true;
}

static void capture_frame(struct capture *c, u32 index, const struct frame *frame)
{
	static const struct slot none;

	for (u32 i = 0; i < BPF_REGS; i++) {
		struct slot value = none;

		value.reg = frame->regs[i];
		note(c, index, i, &value);
	}
	for (u32 i = 0; i < STACK_SLOTS; i++)
		note(c, index, LOC_SLOT + i, i < frame->n_slots ? &frame->slots[i] : &none);
}

static void capture_refs(struct path *path, const struct state *state)
{
	path->n_refs = 0;
	for (const struct ref *ref = state->refs; ref && path->n_refs < PATH_REFS; ref = ref->next) {
		path->refs[path->n_refs].id = ref->id;
		path->refs[path->n_refs++].insn = ref->insn;
	}
}

/* What the pass before exploration found; the tables are the same in each run. */
static void capture_tables(struct capture *c, const struct env *env)
{
	struct path *path = c->path;

	path->n_insns = env->len;
	path->live = os_alloc(env->len * sizeof(*path->live));
	path->results = os_alloc(env->len * sizeof(*path->results));
	if (!path->live || !path->results) {
		c->failed = true;
		return;
	}
	for (u32 i = 0; i < env->len; i++)
		path->live[i] = env->aux[i].live_regs;
	for (u32 i = 0; i < env->n_subprogs; i++) {
		const struct subprog *sub = &env->subprogs[i];

		c->failed |= !vec_push(&path->funcs,
				       (struct path_func){ sub->start, sub->end, sub->name,
							   sub->global });
	}
}

/* Maps inside of maps join the table while the program is walked. */
static void capture_maps(struct capture *c, const struct env *env)
{
	struct path *path = c->path;

	for (size_t i = path->maps.len; i < env->maps.len; i++)
		c->failed |= !vec_push(&path->maps, (struct path_map){ env->maps.data[i].facts,
								       env->maps.data[i].map });
}

/* What the instruction before left in its register: pointers tell the most. */
static void capture_result(struct path *path, const struct env *env, u32 from)
{
	const struct reg *reg;
	struct path_result *result;
	u32 dst;

	if (!from || env->prev >= path->n_insns || !path->results)
		return;
	dst = BPF_CLASS(env->insns[env->prev].code) == BPF_JMP ? 0 : env->insns[env->prev].dst_reg;
	reg = &state_top(env->cur)->regs[dst];
	result = &path->results[env->prev];
	if (result->kind == REG_UNINIT || result->kind == REG_SCALAR)
		*result = (struct path_result){ reg->kind, reg->flags, reg->size };
}

static u32 capture_step(void *data, const struct env *env, u32 from)
{
	struct capture *c = data;
	u32 number = record_step(&c->numbers, env, from);
	struct path *path = c->path;

	if (number == TRACE_STOP)
		return number;
	if (c->stop_after && number > c->stop_after) {
		c->failed = true;
		return TRACE_STOP;
	}
	if (!path->live)
		capture_tables(c, env);
	capture_maps(c, env);
	capture_result(path, env, from);
	if (c->failed || c->next == path->steps.len || number != c->on_path[c->next])
		return number;
	path->steps.data[c->next].depth = (u8)env->cur->depth;
	path->steps.data[c->next].n_refs = env->cur->n_refs;
	if (c->next >= path->captured)
		for (u32 f = 0; f <= env->cur->depth; f++)
			capture_frame(c, f, env->cur->frames[f]);
	if (++c->next == path->steps.len)
		capture_refs(path, env->cur);
	return number;
}

static int capture(struct path *path, const struct recorder *r, const struct verify_request *request,
		   u32 *on_path, bool about_length)
{
	struct verify_request again = request_again(request);
	struct verify_result result;
	struct capture *c = os_alloc(sizeof(*c));
	int err = 0;

	if (!c)
		return -ENOMEM;
	memset(c, 0, sizeof(*c));
	recorder_reset(&c->numbers, r->max_length, r->max_steps);
	c->path = path;
	c->on_path = on_path;
	again.trace = capture_step;
	again.trace_data = c;
	again.no_pruning |= r->max_length != 0;
	/* The states of a path that is just too long say little. */
	if (about_length)
		c->stop_after = 20000;
	verify(&again, &result);
	if (result.image)
		image_free(result.image);
	if (c->failed || c->numbers.failed)
		path->captured = (u32)path->steps.len;
	vec_release(&c->numbers.steps);
	vec_release(&c->numbers.length);
	os_free(c);
	return err;
}

/* ---- the whole ---- */

static int read_path(struct path *path, const struct recorder *r, u32 **numbers)
{
	u32 n = path_length(r), at = (u32)r->steps.len;
	u32 *on_path = os_alloc(n * sizeof(*on_path));

	if (!on_path || !vec_reserve(&path->steps, n)) {
		os_free(on_path);
		return -ENOMEM;
	}
	path->steps.len = n;
	for (u32 i = n; i-- > 0; at = r->steps.data[at - 1].from) {
		on_path[i] = at;
		path->steps.data[i] = (struct path_step){ .insn = r->steps.data[at - 1].insn };
	}
	path->captured = n > MAX_CAPTURED ? n - MAX_CAPTURED : 0;
	*numbers = on_path;
	return 0;
}

int path_record(struct path *path, const struct verify_request *request,
		const struct verify_result *refused)
{
	struct recorder r = { 0 };
	u32 *on_path = NULL;
	int err = 0;

	memset(path, 0, sizeof(*path));
	recorder_reset(&r, 0, MAX_STEPS);
	if (!record(&r, request, &refused->refusal) ||
	    vec_last(&r.steps)->insn != (u32)refused->refusal.insn)
		goto out;
	find_shorter(&r, request, &refused->refusal);
	err = read_path(path, &r, &on_path);
	if (!err)
		err = capture(path, &r, request, on_path, is_about_length(refused->refusal.cause));
	path->found = !err;
out:
	os_free(on_path);
	vec_release(&r.steps);
	vec_release(&r.length);
	return err;
}

void path_release(struct path *path)
{
	vec_release(&path->steps);
	vec_release(&path->changes);
	vec_release(&path->maps);
	vec_release(&path->funcs);
	os_free(path->live);
	os_free(path->results);
}

const struct change *path_change(const struct path *path, u32 step, struct loc loc)
{
	size_t lo = 0, hi = path->changes.len;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (path->changes.data[mid].step <= step)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo-- > 0) {
		const struct change *change = &path->changes.data[lo];

		if (change->loc.frame == loc.frame && change->loc.at == loc.at)
			return change;
	}
	return NULL;
}

const struct reg *path_reg(const struct path *path, u32 step, u32 frame, u32 reg)
{
	const struct change *change =
	    path_change(path, step, (struct loc){ (u8)frame, (u8)reg });

	return change ? &change->value.reg : NULL;
}

const struct path_func *path_func(const struct path *path, u32 insn)
{
	for (size_t i = 0; i < path->funcs.len; i++)
		if (insn >= path->funcs.data[i].start && insn < path->funcs.data[i].end)
			return &path->funcs.data[i];
	return NULL;
}
