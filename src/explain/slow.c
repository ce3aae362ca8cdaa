/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why verification is slow: the same instructions are walked again and again, because the states that
 * come there differ. Counted are visits and remembered states of each instruction, and, each
 * time that a remembered state does not cover the one that comes, the first location in
 * which they differ. The line with most visits is where the time goes; the location that differs
 * most often there is why.
 */
#include "base/str.h"
#include "explain/study.h"
#include "isa/insn.h"
#include "verifier/env.h"

#define LOCATIONS 8  /* of each prune point */
#define POINTS	  64
#define SHOWN	  5

struct difference {
	struct loc loc;
	u32 callers; /* it is in a frame below the running one */
	u64 count;
	struct slot old, new; /* the last two */
};

struct point {
	u32 insn;
	u64 misses;
	struct difference diffs[LOCATIONS];
	u32 n_diffs;
	u64 others; /* ids, references, or locations beyond those */
};

struct slow {
	const struct verify_request *request;
	u64 *visits, *states; /* by instruction */
	u64 total_visits, total_states, last_states;
	u32 last_at;
	struct point points[POINTS];
	u32 n_points;
	struct path path; /* names of maps */
};

/* ---- watching ---- */

static u32 watch_step(void *data, const struct env *env, u32 from)
{
	struct slow *slow = data;

	/* States are remembered behind this call: the growth belongs to the step before. */
	slow->states[slow->last_at] += env->stats.total_states - slow->last_states;
	slow->last_states = env->stats.total_states;
	slow->last_at = env->at;
	slow->visits[env->at]++;
	slow->total_visits++;
	for (size_t i = slow->path.maps.len; i < env->maps.len; i++)
		if (!vec_push(&slow->path.maps,
			      (struct path_map){ env->maps.data[i].facts, env->maps.data[i].map }))
			break;
	return from + 1 == TRACE_STOP ? 1 : from + 1;
}

/*
 * Does old not cover cur there? Numbers that nothing depends on count only in loops that are not
 * finished (all).
 */
static bool differs(const struct env *env, bool all, const struct reg *old, const struct reg *cur)
{
	if (old->kind == REG_UNINIT)
		return false;
	if (old->kind != cur->kind)
		return true;
	if (old->kind == REG_SCALAR)
		return (all || dep_is_precise(&env->deps, old->dep)) &&
		       !scalar_within(&cur->val, &old->val);
	return old->flags != cur->flags || old->off != cur->off ||
	       (reg_is_packet(old) ? old->range > cur->range : old->map != cur->map) ||
	       !scalar_within(&cur->val, &old->val);
}

static bool slots_differ(const struct env *env, bool all, const struct slot *old,
			 const struct slot *cur)
{
	if (slot_is_spill(old) && slot_is_spill(cur))
		return differs(env, all, &old->reg, &cur->reg);
	for (u32 i = 0; i < SLOT_BYTES; i++)
		if (old->kind[i] != BYTE_INVALID && old->kind[i] != cur->kind[i] &&
		    !(old->kind[i] == BYTE_MISC && cur->kind[i] != BYTE_INVALID))
			return true;
	return false;
}

/* The first location that keeps old from covering cur. */
static bool find_difference(const struct env *env, bool all, const struct state *old,
			    struct difference *out)
{
	static const struct slot none;

	for (u32 f = MIN(old->depth, env->cur->depth) + 1; f-- > 0;) {
		const struct frame *a = old->frames[f], *b = env->cur->frames[f];

		for (u32 i = 0; i < 10; i++) {
			if (!differs(env, all, &a->regs[i], &b->regs[i]))
				continue;
			*out = (struct difference){ .loc = { (u8)f, (u8)i }, .callers = f != old->depth };
			out->old.reg = a->regs[i];
			out->new.reg = b->regs[i];
			return true;
		}
		for (u32 i = 0; i < a->n_slots; i++) {
			const struct slot *slot = i < b->n_slots ? &b->slots[i] : &none;

			if (!slots_differ(env, all, &a->slots[i], slot))
				continue;
			*out = (struct difference){ .loc = { (u8)f, (u8)(LOC_SLOT + i) },
						    .callers = f != old->depth };
			out->old = a->slots[i];
			out->new = *slot;
			return true;
		}
	}
	return false;
}

static struct point *point_of(struct slow *slow, u32 insn)
{
	u32 least = 0;

	for (u32 i = 0; i < slow->n_points; i++) {
		if (slow->points[i].insn == insn)
			return &slow->points[i];
		if (slow->points[i].misses < slow->points[least].misses)
			least = i;
	}
	if (slow->n_points < POINTS)
		least = slow->n_points++;
	else if (slow->points[least].misses > 4)
		return NULL;
	memset(&slow->points[least], 0, sizeof(slow->points[0]));
	slow->points[least].insn = insn;
	return &slow->points[least];
}

static void watch_miss(void *data, const struct env *env, const struct state *old)
{
	struct slow *slow = data;
	struct point *point = point_of(slow, env->at);
	struct difference found;

	if (!point)
		return;
	point->misses++;
	if (!find_difference(env, false, old, &found) && !find_difference(env, true, old, &found)) {
		point->others++;
		return;
	}
	for (u32 i = 0; i < point->n_diffs; i++) {
		struct difference *d = &point->diffs[i];

		if (d->loc.frame != found.loc.frame || d->loc.at != found.loc.at)
			continue;
		found.count = d->count + 1;
		*d = found;
		return;
	}
	if (point->n_diffs == LOCATIONS) {
		point->others++;
		return;
	}
	found.count = 1;
	point->diffs[point->n_diffs++] = found;
}

/* ---- telling ---- */

static u64 line_key(const struct slow *slow, u32 insn)
{
	struct place at = place_of(slow->request, insn);

	return at.line ? at.line : (u64)insn | 1ull << 32;
}

struct line_sum {
	u64 key, visits, states;
	u32 insn; /* its busiest */
};

static u32 busiest_lines(const struct slow *slow, struct line_sum *out, u32 max)
{
	u32 n = 0;
	struct line_sum *all = os_alloc((slow->request->insn_cnt + 1) * sizeof(*all));
	u32 n_all = 0, shown;

	if (!all)
		return 0;
	for (u32 i = 0; i < slow->request->insn_cnt; i++) {
		u64 key = line_key(slow, i);
		u32 k = n_all;

		if (!slow->visits[i])
			continue;
		/* Instructions of a line are mostly neighbours. */
		while (k > 0 && n_all - k < 64 && all[k - 1].key != key)
			k--;
		if (!k || all[k - 1].key != key) {
			k = ++n_all;
			all[k - 1] = (struct line_sum){ .key = key, .insn = i };
		}
		k--;
		all[k].visits += slow->visits[i];
		all[k].states += slow->states[i];
		if (slow->visits[i] > slow->visits[all[k].insn])
			all[k].insn = i;
	}
	for (shown = 0; shown < max; shown++) {
		u32 best = n_all;

		for (u32 i = 0; i < n_all; i++)
			if (all[i].visits && (best == n_all || all[i].visits > all[best].visits))
				best = i;
		if (best == n_all)
			break;
		out[n++] = all[best];
		all[best].visits = 0;
	}
	os_free(all);
	return n;
}

static void put_lines(const struct slow *slow, struct text *out)
{
	struct line_sum lines[2 * SHOWN];
	u32 n = busiest_lines(slow, lines, 2 * SHOWN);

	text_put(out, "    instructions     states   times   line\n");
	for (u32 i = 0; i < n; i++) {
		struct place at = place_of(slow->request, lines[i].insn);

		text_printf(out, "    %12llu %10llu %7llu   ", (unsigned long long)lines[i].visits,
			    (unsigned long long)lines[i].states,
			    (unsigned long long)slow->visits[lines[i].insn]);
		if (at.line)
			text_printf(out, "%u: %s\n", at.line, at.text);
		else
			text_printf(out, "instruction %u\n", lines[i].insn);
	}
}

static bool is_counter(const struct difference *d)
{
	return reg_is_const(&d->old.reg) && reg_is_const(&d->new.reg);
}

static const char *advice_for(const struct difference *d)
{
	if (d->loc.at < LOC_SLOT || slot_is_spill(&d->old)) {
		if (is_counter(d))
			return "the proof depends on this number, so each value of it is another state: count with\n"
			       "      bpf_for(i, 0, n) or bpf_loop(), which are walked once, or use fewer rounds; keep it\n"
			       "      out of indexes, or mask the index where it is used";
		if (d->old.reg.kind != d->new.reg.kind)
			return "it is a pointer on one way and something else on the other: leave the function where the\n"
			       "      lookup fails, rather than carry both on";
		if (reg_is_packet(&d->old.reg))
			return "more of the packet is known on one way than on the other: check the largest header once,\n"
			       "      before the ways part";
		if (d->old.reg.kind == REG_SCALAR)
			return "its bounds differ from way to way, and something later depends on them: check or mask it\n"
			       "      once, right before it is used";
		return "the pointer has another offset each time: index from its start with a bounded number, or put\n"
		       "      the body into a global function (not static), which is verified once";
	}
	return "this variable is written on one way and not on the other: initialise it where it is declared";
}

static void put_difference(const struct slow *slow, const struct difference *d, struct text *out)
{
	text_put(out, "      ");
	describe_loc(out, d->loc);
	text_printf(out, "%s differs %llu times: ", d->callers ? " of a caller" : "",
		    (unsigned long long)d->count);
	if (d->loc.at < LOC_SLOT || slot_is_spill(&d->old))
		describe_reg(out, &slow->path, &d->old.reg);
	else
		text_put(out, "data");
	text_put(out, ", then ");
	if (d->loc.at < LOC_SLOT || slot_is_spill(&d->new))
		describe_reg(out, &slow->path, &d->new.reg);
	else
		text_put(out, "other data");
	text_printf(out, "\n      %s\n", advice_for(d));
}

static void put_points(struct slow *slow, struct text *out)
{
	for (u32 shown = 0; shown < SHOWN; shown++) {
		struct point *best = NULL;
		struct difference *d = NULL;
		struct place at;

		for (u32 i = 0; i < slow->n_points; i++)
			if (slow->points[i].misses && (!best || slow->points[i].misses > best->misses))
				best = &slow->points[i];
		if (!best)
			return;
		if (!shown)
			text_put(out, "\n  States that did not merge:\n");
		at = place_of(slow->request, best->insn);
		if (at.line)
			text_printf(out, "    line %u (instruction %u), %llu comparisons failed: %s\n", at.line,
				    best->insn, (unsigned long long)best->misses, at.text);
		else
			text_printf(out, "    instruction %u, %llu comparisons failed\n", best->insn,
				    (unsigned long long)best->misses);
		for (u32 i = 0; i < best->n_diffs; i++)
			if (!d || best->diffs[i].count > d->count)
				d = &best->diffs[i];
		if (d && d->count >= best->others)
			put_difference(slow, d, out);
		else
			text_put(out, "      what is linked, acquired or called differs\n");
		best->misses = 0;
	}
}

int study_slow(const struct verify_request *request, struct text *out)
{
	struct verify_request again = request_again(request);
	struct slow *slow = os_alloc(sizeof(*slow));
	struct verify_result result;
	int err = -ENOMEM;

	if (!slow)
		return err;
	slow->request = request;
	slow->visits = os_alloc((request->insn_cnt + 1) * sizeof(u64));
	slow->states = os_alloc((request->insn_cnt + 1) * sizeof(u64));
	if (!slow->visits || !slow->states)
		goto out;
	again.trace = watch_step;
	again.missed = watch_miss;
	again.trace_data = slow;
	verify(&again, &result);
	if (result.image)
		image_free(result.image);
	text_printf(out, "  Where verification goes: %llu instructions walked, of a program of %u; %llu states\n",
		    (unsigned long long)result.stats.insns_processed, request->insn_cnt,
		    (unsigned long long)result.stats.total_states);
	put_lines(slow, out);
	put_points(slow, out);
	err = 0;
out:
	vec_release(&slow->path.maps);
	os_free(slow->visits);
	os_free(slow->states);
	os_free(slow);
	return err;
}
