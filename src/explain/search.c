/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search for an input on which the program fails. A run notes each conditional jump that
 * the input decides, and, where the refused instruction was executed without harm, what
 * would have made it fail. From there the next input is made by solving conditions:
 *
 *	- the instruction was reached: the jumps so far, and one of the wishes
 *	- the run left the path of the refusal: the jumps before, and that one the other way
 *	- else: the jumps before one whose other side is nearer to the instruction
 *
 * Without an idea left, a fresh input of another style is taken. What counts is only what the
 * machine then does: an input is found when running the program on it ends in a fault at the
 * refused instruction.
 */
#include "explain/search.h"

#include "base/str.h"
#include "explain/explain.h"
#include "explain/machine.h"
#include "explain/words.h"
#include "isa/insn.h"

#define MAX_CONDITIONS 4000
#define TRIED_SLOTS    1024
#define FAR	       UINT32_MAX

/* How the machine has to look at a cause. */
enum manner {
	MANNER_FAULT,	/* what is wrong shows while it runs */
	MANNER_LATER,	/* it makes a pointer with which something goes wrong later */
	MANNER_REACH,	/* coming to the instruction on this path is what is wrong, if nothing else */
	MANNER_ENDLESS, /* the program runs on and on */
	MANNER_STATIC,	/* it is wrong without running */
};

static const struct {
	const char *cause;
	enum manner manner;
} manners[] = {
	{ "too-complex", MANNER_ENDLESS },
	{ "infinite-loop", MANNER_ENDLESS },
	{ "back-edge", MANNER_STATIC },
	{ "invalid-ctx-access", MANNER_REACH },
	{ "variable-offset", MANNER_REACH },
	{ "readonly-memory", MANNER_REACH },
	{ "packet-readonly", MANNER_REACH },
	{ "map-access-mode", MANNER_REACH },
	{ "special-field", MANNER_REACH },
	{ "release-unacquired", MANNER_REACH },
	{ "modified-pointer", MANNER_REACH },
	{ "atomic-target", MANNER_REACH },
	{ "misaligned", MANNER_REACH },
	{ "invalid-socket-access", MANNER_REACH },
	{ "stack-depth", MANNER_STATIC },
	{ "recursion", MANNER_STATIC },
	{ "unbounded-pointer", MANNER_LATER },
	{ "pointer-arithmetic", MANNER_LATER },
	{ "sleep-in-atomic", MANNER_REACH },
	{ "lock-held", MANNER_REACH },
	{ "lock-not-held", MANNER_REACH },
	{ "lock-order", MANNER_REACH },
	{ "call-with-lock", MANNER_REACH },
	{ "argument-type", MANNER_REACH },
	{ "stack-escape", MANNER_REACH },
	{ "pointer-leak", MANNER_REACH },
	{ "dynptr-overwritten", MANNER_REACH },
	{ "dynptr-uninit", MANNER_REACH },
	{ "dynptr-init", MANNER_REACH },
	{ "dynptr-const", MANNER_REACH },
	{ "dynptr-kind", MANNER_REACH },
	{ "stack-object", MANNER_REACH },
	{ "object-offset", MANNER_REACH },
	{ "iter-init", MANNER_REACH },
	{ "untrusted-pointer", MANNER_REACH },
	{ "user-pointer", MANNER_REACH },
	{ "percpu-pointer", MANNER_REACH },
	{ "section", MANNER_REACH },
	{ "irq-flag", MANNER_REACH },
	{ "irq-disabled", MANNER_REACH },
	{ "partial-pointer", MANNER_REACH },
	{ "callback-result", MANNER_REACH },
	{ "helper-not-allowed", MANNER_STATIC },
	{ "unknown-kfunc", MANNER_STATIC },
	{ "kfunc-not-allowed", MANNER_STATIC },
	{ "kfunc-absent", MANNER_STATIC },
	{ "unknown-helper", MANNER_STATIC },
	{ "helper-absent", MANNER_STATIC },
	{ "gpl-only", MANNER_STATIC },
	{ "sleepable", MANNER_STATIC },
	{ "map-type", MANNER_STATIC },
	{ "map-no-direct-value", MANNER_STATIC },
	{ "const-string", MANNER_STATIC },
	{ "format", MANNER_STATIC },
	{ "legacy-packet", MANNER_STATIC },
	{ "tail-call", MANNER_STATIC },
	{ "callback", MANNER_STATIC },
	{ "global-function", MANNER_STATIC },
	{ "bad-call", MANNER_STATIC },
	{ "bad-prototype", MANNER_STATIC },
	{ "program-size", MANNER_STATIC },
	{ "too-many-maps", MANNER_STATIC },
	{ "too-many-subprogs", MANNER_STATIC },
	{ "unreachable-insn", MANNER_STATIC },
	{ "out-of-memory", MANNER_STATIC },
	{ "bad-instruction", MANNER_STATIC },
	{ "reserved-fields", MANNER_STATIC },
	{ "bad-ldimm64", MANNER_STATIC },
	{ "jump-into-ldimm64", MANNER_STATIC },
	{ "jump-out-of-range", MANNER_STATIC },
	{ "fall-through", MANNER_STATIC },
	{ "bad-fd", MANNER_STATIC },
	{ "bad-btf-info", MANNER_STATIC },
	{ "division-by-zero", MANNER_STATIC },
	{ "invalid-shift", MANNER_STATIC },
	{ "frame-pointer", MANNER_STATIC },
	{ "program-type", MANNER_STATIC },
	{ "attach-target", MANNER_STATIC },
	{ "later-scope", MANNER_STATIC },
	{ "unprivileged", MANNER_STATIC },
	{ "unsupported", MANNER_STATIC },
	{ "not-constant", MANNER_STATIC },
	{ "mixed-pointers", MANNER_STATIC },
};

static enum manner manner_of(const char *cause)
{
	for (u32 i = 0; i < ARRAY_SIZE(manners); i++)
		if (str_eq(manners[i].cause, cause))
			return manners[i].manner;
	return MANNER_FAULT;
}

struct search {
	const struct verify_request *request;
	const struct path *path;
	struct explanation *e;
	struct machine machine;
	enum manner manner;
	u32 target;
	u32 faults; /* that count: bits of enum fault_kind */
	u64 deadline, runs;
	u32 *distance; /* of each instruction to the target; NULL: not known */
	u8 *jumps;     /* on the path: 0 not taken, 1 taken */
	u32 *jump_at;
	u32 n_jumps;
	u16 tried[TRIED_SLOTS];
	struct condition *conditions;
};

/* ---- where is the target ---- */

static u32 min_distance(const struct search *s, u32 best, s64 to)
{
	if (to < 0 || to >= s->request->insn_cnt || s->distance[to] == FAR)
		return best;
	return MIN(best, s->distance[to] + 1);
}

static u32 distance_from(const struct search *s, u32 at, u32 after_return)
{
	const struct bpf_insn *insn = &s->request->insns[at];
	u32 class = BPF_CLASS(insn->code), best = FAR;

	if (insn_is_exit(insn))
		return after_return;
	if (insn_is_ldimm64(insn)) {
		if (insn->src_reg == BPF_PSEUDO_FUNC)
			best = min_distance(s, best, (s64)at + insn->imm + 1);
		return min_distance(s, best, (s64)at + 2);
	}
	if (class != BPF_JMP && class != BPF_JMP32)
		return min_distance(s, best, (s64)at + 1);
	if (insn_is_call(insn)) {
		if (insn_is_subprog_call(insn))
			best = min_distance(s, best, (s64)at + insn->imm + 1);
		return min_distance(s, best, (s64)at + 1);
	}
	if (BPF_OP(insn->code) == BPF_JA)
		return min_distance(s, best,
				    (s64)at + 1 + (class == BPF_JMP32 ? insn->imm : insn->off));
	best = min_distance(s, best, (s64)at + 1 + insn->off);
	return min_distance(s, best, (s64)at + 1);
}

/* A return may lead behind any call: the nearest one counts. */
static u32 nearest_return(const struct search *s)
{
	u32 best = FAR;

	for (u32 i = 0; i + 1 < s->request->insn_cnt; i++)
		if (insn_is_call(&s->request->insns[i]))
			best = min_distance(s, best, (s64)i + 1);
	return best == FAR ? FAR : best + 1;
}

static void find_distances(struct search *s)
{
	u32 n = s->request->insn_cnt;
	bool changed = true;

	s->distance = n <= 20000 ? os_alloc(n * sizeof(u32)) : NULL;
	if (!s->distance)
		return;
	memset(s->distance, 0xff, n * sizeof(u32));
	s->distance[s->target] = 0;
	for (u32 round = 0; changed && round < 60; round++) {
		u32 after_return = nearest_return(s);

		changed = false;
		for (u32 i = n; i-- > 0;) {
			u32 d = i == s->target ? 0 : distance_from(s, i, after_return);

			if (d < s->distance[i]) {
				s->distance[i] = d;
				changed = true;
			}
		}
	}
}

/* The conditional jumps of the refusal's path, in order. */
static bool find_jumps(struct search *s)
{
	const struct path *path = s->path;
	size_t n = path->steps.len;

	s->jumps = os_alloc(n + 1);
	s->jump_at = os_alloc((n + 1) * sizeof(u32));
	if (!s->jumps || !s->jump_at)
		return false;
	for (size_t i = 0; i + 1 < n; i++) {
		u32 at = path->steps.data[i].insn;
		const struct bpf_insn *insn = &s->request->insns[at];
		u32 class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

		if ((class != BPF_JMP && class != BPF_JMP32) || op == BPF_JA || op == BPF_CALL ||
		    op == BPF_EXIT || op == BPF_JCOND)
			continue;
		s->jump_at[s->n_jumps] = at;
		s->jumps[s->n_jumps++] = path->steps.data[i + 1].insn != at + 1;
	}
	return true;
}

/* ---- solving ---- */

/* The open jumps before number upto of the run, as they went. */
static u32 gather(struct search *s, u32 upto)
{
	const struct machine *m = &s->machine;
	u32 n = 0;

	for (u32 i = 0; i < upto && i < m->met.len && n < MAX_CONDITIONS; i++)
		if (m->met.data[i].open)
			s->conditions[n++] = m->met.data[i].condition;
	return n;
}

static bool solve_for(struct search *s, struct input *input, u32 upto,
		      const struct condition *also)
{
	struct exprs *e = &s->machine.exprs;
	u32 n = gather(s, upto);
	u32 tries = (u32)(3000000 / (e->all.len + 8 * n + 1000));

	s->conditions[n++] = *also;
	return solve(e, input, s->conditions, n, MIN(tries, 1000u));
}

/* ---- runs ---- */

static bool time_is_up(const struct search *s)
{
	return os_clock_ns(OS_CLOCK_MONOTONIC) >= s->deadline;
}

/* Where a cause says what goes wrong, only that counts. Bits of enum fault_kind. */
static u32 faults_of(const char *cause)
{
	static const struct {
		const char *cause;
		u32 faults;
	} table[] = {
		{ "null-check", 1u << FAULT_NULL },
		{ "invalid-access", 1u << FAULT_NULL | 1u << FAULT_NO_POINTER | 1u << FAULT_GONE |
				       1u << FAULT_FORBIDDEN },
		{ "packet-bounds", 1u << FAULT_BOUNDS },
		{ "out-of-bounds", 1u << FAULT_BOUNDS },
		{ "unbounded-access", 1u << FAULT_BOUNDS },
		{ "negative-offset", 1u << FAULT_BOUNDS },
		{ "stack-bounds", 1u << FAULT_BOUNDS },
		{ "unbounded-size", 1u << FAULT_BOUNDS },
		{ "negative-size", 1u << FAULT_BOUNDS },
		{ "zero-size", 1u << FAULT_ARGUMENT },
		{ "uninit-register", 1u << FAULT_UNSET },
		{ "uninit-stack", 1u << FAULT_UNSET_STACK },
		{ "unreleased-reference", 1u << FAULT_LEAK },
		{ "return-range", 1u << FAULT_RESULT },
		{ "call-depth", 1u << FAULT_DEPTH },
	};

	for (u32 i = 0; i < ARRAY_SIZE(table); i++)
		if (str_eq(table[i].cause, cause))
			return table[i].faults;
	return UINT32_MAX;
}

static bool is_found(const struct search *s)
{
	const struct machine *m = &s->machine;

	if (m->unsupported || m->out_of_memory || m->fault == FAULT_NONE)
		return false;
	if (s->manner == MANNER_ENDLESS)
		return m->fault == FAULT_ENDLESS;
	if (s->manner == MANNER_LATER)
		return m->reached && (m->fault == FAULT_BOUNDS || m->fault == FAULT_NO_POINTER);
	return m->fault != FAULT_ENDLESS && m->fault_insn == s->target &&
	       (s->faults >> m->fault & 1);
}

static bool run(struct search *s, struct input *input)
{
	s->runs++;
	machine_run(&s->machine, input);
	return is_found(s);
}

/* Would it fail where it stands if one of the wishes came true? */
static bool try_wishes(struct search *s, struct input *input)
{
	struct machine *m = &s->machine;
	struct input attempt = { 0 };
	struct condition wishes[MACHINE_WISHES];
	u32 after[MACHINE_WISHES], n = m->n_wishes;
	bool found = false;

	memcpy(wishes, m->wishes, sizeof(wishes));
	memcpy(after, m->wish_after, sizeof(after));
	for (u32 i = 0; i < n && !found && !time_is_up(s); i++) {
		if (!input_copy(&attempt, input))
			break;
		if (!solve_for(s, &attempt, after[i], &wishes[i]))
			continue;
		found = run(s, &attempt);
		if (found) {
			struct input swap = *input;

			*input = attempt;
			attempt = swap;
		} else {
			/* The expressions are of another run now: make this one's again. */
			run(s, input);
			if (m->n_wishes != n)
				break;
		}
	}
	input_release(&attempt);
	return found;
}

/* The first jump at which the run leaves the path; UINT32_MAX: it does not, or not there. */
static u32 leaves_path(const struct search *s)
{
	const struct machine *m = &s->machine;

	for (u32 i = 0; i < s->n_jumps && i < m->met.len; i++) {
		if (m->met.data[i].insn != s->jump_at[i])
			return UINT32_MAX;
		if (m->met.data[i].taken != s->jumps[i])
			return m->met.data[i].open ? i : UINT32_MAX;
	}
	return UINT32_MAX;
}

static u16 *tried(struct search *s, const struct met *met)
{
	u32 hash = met->insn * 2654435761u + MIN(met->visit, 8u) * 40503u + met->taken * 97u;

	return &s->tried[(hash >> 8) % TRIED_SLOTS];
}

static u32 other_side(const struct search *s, const struct met *met)
{
	u32 to = met->taken ? met->insn + 1
			    : met->insn + 1 + (u32)s->request->insns[met->insn].off;

	return s->distance && to < s->request->insn_cnt ? s->distance[to] : 1000;
}

/* The jump whose other side promises most. */
static u32 best_jump(struct search *s, struct input *input)
{
	const struct machine *m = &s->machine;
	u32 best = UINT32_MAX;
	u64 best_score = UINT64_MAX;

	for (u32 i = 0; i < m->met.len && i < MAX_CONDITIONS; i++) {
		const struct met *met = &m->met.data[i];
		u32 d = other_side(s, met);
		u64 score;

		if (!met->open || d == FAR)
			continue;
		score = (u64)*tried(s, met) * 64 + d * 4 + input_random(input) % 32;
		if (score < best_score) {
			best_score = score;
			best = i;
		}
	}
	return best;
}

static bool flip(struct search *s, struct input *input, u32 jump)
{
	struct condition other = s->machine.met.data[jump].condition;
	u16 *count = tried(s, &s->machine.met.data[jump]);

	if (*count < UINT16_MAX)
		++*count;
	other.want = !other.want;
	return solve_for(s, input, jump, &other);
}

/* Large numbers somewhere: loops that count up to them take long. */
static void exaggerate(struct input *input)
{
	const struct stream *s;
	u8 *bytes;
	u32 at, n;

	if (!input->streams.len)
		return;
	s = &input->streams.data[input_random(input) % input->streams.len];
	if (s->kind == STREAM_KINDS || s->kind == STREAM_PACKET_LEN || !s->used)
		return;
	bytes = input->bytes.data + s->first;
	n = MIN(s->used, 8u);
	at = s->used > n ? input_random(input) % (s->used - n + 1) & ~3u : 0;
	memset(bytes + at, 0xff, n);
	if (input_random(input) & 1)
		bytes[at + n - 1] = 0x7f;
}

/* From one fresh input as far as ideas go. */
static bool climb(struct search *s, struct input *input)
{
	if (run(s, input))
		return true;
	for (u32 i = 0; i < 60 && !time_is_up(s); i++) {
		u32 jump;

		if (s->machine.unsupported)
			return false;
		if (s->machine.reached && s->manner <= MANNER_REACH && try_wishes(s, input))
			return true;
		if (s->manner == MANNER_ENDLESS && s->machine.reached && (input_random(input) & 3)) {
			exaggerate(input);
		} else {
			jump = i < 40 ? leaves_path(s) : UINT32_MAX;
			if (jump == UINT32_MAX || *tried(s, &s->machine.met.data[jump]) > 12)
				jump = best_jump(s, input);
			if (jump == UINT32_MAX)
				return false;
			if (!flip(s, input, jump))
				s->runs++;
		}
		if (run(s, input))
			return true;
	}
	return false;
}

/* ---- making it plain ---- */

static bool still_fails(struct search *s, struct input *input, enum fault_kind kind)
{
	machine_run(&s->machine, input);
	return is_found(s) && s->machine.fault == kind;
}

/* Bytes that do not matter become 0, lengths ordinary. */
static void simplify(struct search *s, struct input *input)
{
	enum fault_kind kind = s->machine.fault;
	struct input attempt = { 0 };

	s->machine.exprs.off = true;
	for (u32 i = 0; i < input->streams.len && i < 64; i++) {
		struct stream *stream = &input->streams.data[i];
		u32 n = MIN(stream->used, 16u);

		if (stream->kind == STREAM_KINDS || stream->kind == STREAM_ENTRY ||
		    stream->kind == STREAM_PACKET_LEN || s->manner == MANNER_ENDLESS)
			continue;
		/* First all of them, then each. */
		for (u32 k = 0; k <= n && !time_is_up(s); k++) {
			if (!input_copy(&attempt, input))
				goto out;
			if (!k)
				memset(attempt.bytes.data + stream->first, 0, stream->size);
			else
				attempt.bytes.data[stream->first + k - 1] = 0;
			if (!still_fails(s, &attempt, kind))
				continue;
			if (!input_copy(input, &attempt) || !k)
				break;
			stream = &input->streams.data[i];
		}
	}
out:
	input_release(&attempt);
	still_fails(s, input, kind);
}

static const char *const fault_words[] = {
#define X(name, text) [name] = text,
	FAULTS(X)
#undef X
};

static void put_fault(const struct search *s, struct explanation *e)
{
	const struct machine *m = &s->machine;
	struct text text = text_in(e->fault, sizeof(e->fault));
	u32 line = machine_line(m, m->fault_insn);

	e->fault_insn = (s32)m->fault_insn;
	if (line)
		text_printf(&text, "line %u: ", line);
	else
		text_printf(&text, "instruction %u: ", m->fault_insn);
	if (s->manner == MANNER_REACH && m->fault == FAULT_FORBIDDEN)
		text_printf(&text, "it is executed: %s", e->what);
	else
		text_printf(&text, "%s (%s)", fault_words[m->fault], m->words);
}

/* ---- the whole ---- */

static u32 start_of(const struct search *s)
{
	return s->path->found && s->path->steps.len ? s->path->steps.data[0].insn : 0;
}

static int search_open(struct search *s, const struct verify_request *request,
		       const struct path *path, const char *cause, const char *message, s32 insn)
{
	int err;

	memset(s, 0, sizeof(*s));
	s->request = request;
	s->path = path;
	s->manner = manner_of(cause);
	s->target = (u32)insn;
	s->faults = faults_of(cause);
	s->conditions = os_alloc((MAX_CONDITIONS + 1) * sizeof(*s->conditions));
	err = machine_init(&s->machine, request, path);
	if (err || !s->conditions || !find_jumps(s))
		return -ENOMEM;
	s->machine.start = start_of(s);
	s->machine.watched = s->target;
	s->machine.reaching = s->manner == MANNER_REACH;
	s->machine.wishes_later = s->manner == MANNER_LATER;
	s->machine.path_jumps = s->jumps;
	s->machine.path_jump_at = s->jump_at;
	s->machine.n_path_jumps = s->n_jumps;
	s->machine.has_range = range_in_message(message, &s->machine.min, &s->machine.max);
	s->machine.no_null = str_eq(cause, "null-check") ? argument_in_message(message) : 0;
	s->machine.strict_stack = str_eq(cause, "uninit-stack");
	if (s->manner == MANNER_ENDLESS)
		s->machine.max_steps = 1000000;
	return 0;
}

static void search_close(struct search *s)
{
	machine_release(&s->machine);
	os_free(s->distance);
	os_free(s->jumps);
	os_free(s->jump_at);
	os_free(s->conditions);
	os_free(s);
}

int search_input(const struct verify_request *request, const struct path *path,
		 struct explanation *e, u32 milliseconds)
{
	u64 start = os_clock_ns(OS_CLOCK_MONOTONIC);
	struct search *s;
	int err;

	if (manner_of(e->cause) == MANNER_STATIC) {
		e->input_state = INPUT_ANY;
		return 0;
	}
	if (e->at.insn < 0 || e->at.insn >= request->insn_cnt || !path->found)
		return 0;
	s = os_alloc(sizeof(*s));
	e->input = os_alloc(sizeof(*e->input));
	if (!s || !e->input) {
		os_free(s);
		return -ENOMEM;
	}
	err = search_open(s, request, path, e->cause, e->message, e->at.insn);
	if (err) {
		search_close(s);
		return -ENOMEM;
	}
	s->e = e;
	s->deadline = start + (u64)milliseconds * 1000000;
	find_distances(s);
	e->input_state = INPUT_NOT_FOUND;
	for (u32 seed = 0; !time_is_up(s) && seed < 2000; seed++) {
		static const u8 styles[] = { STYLE_ZERO, STYLE_SMALL, STYLE_ONES, STYLE_RANDOM,
					     STYLE_RANDOM, STYLE_RANDOM };

		input_reset(e->input, styles[seed % ARRAY_SIZE(styles)], seed + 1);
		if (!climb(s, e->input))
			continue;
		e->input_state = INPUT_FOUND;
		s->deadline += 30000000;
		simplify(s, e->input);
		put_fault(s, e);
		break;
	}
	e->runs = s->runs;
	e->search_ns = os_clock_ns(OS_CLOCK_MONOTONIC) - start;
	search_close(s);
	return 0;
}

/* ---- running it again ---- */

bool explain_replay(const struct verify_request *request, const char *text, const char *cause,
		    s32 *insn, char *what, size_t size)
{
	struct verify_request again = request_again(request);
	struct verify_result result;
	struct input input = { 0 };
	struct search *s = NULL;
	struct path path = { 0 };
	bool fails = false;

	if (!verify(&again, &result)) {
		image_free(result.image);
		return false;
	}
	if (result.refusal.insn < 0 || path_record(&path, request, &result) || !path.found)
		goto out;
	s = os_alloc(sizeof(*s));
	if (!s || search_open(s, request, &path, cause, result.refusal.message,
			      result.refusal.insn))
		goto out;
	s->machine.exprs.off = true;
	if (input_parse(&input, text))
		goto out;
	machine_run(&s->machine, &input);
	fails = is_found(s);
	*insn = (s32)s->machine.fault_insn;
	text_format(what, size, "%s (%s)", fault_words[s->machine.fault], s->machine.words);
out:
	if (s)
		search_close(s);
	input_release(&input);
	path_release(&path);
	return fails;
}
