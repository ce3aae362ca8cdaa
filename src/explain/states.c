/* SPDX-License-Identifier: Apache-2.0 */
/* The abstract states that come by a line, in words. */
#include "base/str.h"
#include "explain/study.h"
#include "verifier/env.h"

#define SHOWN 12

struct states {
	const struct verify_request *request;
	u32 line, visits, shown;
	struct path path;
	char *seen[SHOWN];
	u32 times[SHOWN];
	u32 insns[SHOWN];
};

#define TEXT_SIZE 8192

/* The first instruction of the line, or of a part of it: line_info begins a record there. */
static bool is_wanted(const struct states *s, u32 insn)
{
	struct place at = place_of(s->request, insn), before;

	if (!s->request->line_info_cnt)
		return insn == s->line;
	if (at.line != s->line)
		return false;
	if (!insn)
		return true;
	before = place_of(s->request, insn - 1);
	return before.line != at.line;
}

static void keep(struct states *s, const struct env *env)
{
	char *buf = os_alloc(TEXT_SIZE);
	struct text text;

	if (!buf)
		return;
	text = text_in(buf, TEXT_SIZE);
	if (env->cur->depth)
		text_printf(&text, "      in call %u\n", env->cur->depth);
	describe_frame(&text, &s->path, env->cur->frames[env->cur->depth]);
	for (const struct ref *ref = env->cur->refs; ref; ref = ref->next)
		text_printf(&text, "      holds what instruction %d acquired\n", ref->insn);
	for (u32 i = 0; i < s->shown; i++)
		if (s->insns[i] == env->at && str_eq(s->seen[i], buf)) {
			s->times[i]++;
			os_free(buf);
			return;
		}
	if (s->shown == SHOWN) {
		os_free(buf);
		return;
	}
	s->times[s->shown] = 1;
	s->insns[s->shown] = env->at;
	s->seen[s->shown++] = buf;
}

static u32 watch(void *data, const struct env *env, u32 from)
{
	struct states *s = data;

	for (size_t i = s->path.maps.len; i < env->maps.len; i++)
		if (!vec_push(&s->path.maps,
			      (struct path_map){ env->maps.data[i].facts, env->maps.data[i].map }))
			break;
	if (is_wanted(s, env->at)) {
		s->visits++;
		keep(s, env);
	}
	return 1;
}

int study_states(const struct verify_request *request, u32 line, struct text *out)
{
	struct verify_request again = request_again(request);
	struct states *s = os_alloc(sizeof(*s));
	struct verify_result result;

	if (!s)
		return -ENOMEM;
	s->request = request;
	s->line = line;
	again.trace = watch;
	again.trace_data = s;
	verify(&again, &result);
	if (result.image)
		image_free(result.image);
	if (!s->visits)
		text_printf(out, "  No state comes to line %u.\n", line);
	else
		text_printf(out, "  States at line %u: %u came, these are the first different ones\n", line,
			    s->visits);
	for (u32 i = 0; i < s->shown; i++) {
		text_printf(out, "    at instruction %u", s->insns[i]);
		if (s->times[i] > 1)
			text_printf(out, ", %u times", s->times[i]);
		text_put(out, "\n");
		text_put(out, s->seen[i]);
		os_free(s->seen[i]);
	}
	vec_release(&s->path.maps);
	os_free(s);
	return 0;
}
