/* SPDX-License-Identifier: Apache-2.0 */
#include "explain.h"

#include <stdlib.h>

#include "explain/study.h"

#define TEXT_SIZE (64u << 10)

static char *render(const struct explanation *e,
		    void (*write)(const struct explanation *e, struct text *out))
{
	char *buf = malloc(TEXT_SIZE);
	struct text text;

	if (!buf)
		return NULL;
	text = text_in(buf, TEXT_SIZE);
	write(e, &text);
	if (text.len < TEXT_SIZE)
		return buf;
	/* It did not fit: once more with room for all of it. */
	free(buf);
	buf = malloc(text.len + 1);
	if (buf) {
		text = text_in(buf, text.len + 1);
		write(e, &text);
	}
	return buf;
}

void explainer_clear(struct explainer *ex)
{
	free(ex->text);
	free(ex->json);
	ex->text = ex->json = NULL;
}

/* What was asked for in particular comes in place of the explanation. */
static void study(struct explainer *ex, const struct verify_request *request)
{
	struct text text;

	ex->text = malloc(TEXT_SIZE);
	if (!ex->text)
		return;
	text = text_in(ex->text, TEXT_SIZE);
	if (ex->why_slow)
		study_slow(request, &text);
	if (ex->states_line)
		study_states(request, ex->states_line, &text);
}

/* Places point into the program's BTF, so the texts are made while it is there. */
void explainer_take(struct explainer *ex, const struct verify_request *request,
		    const struct verify_result *result, int err)
{
	struct explanation *e;

	explainer_clear(ex);
	if (ex->why_slow || ex->states_line)
		study(ex, request);
	if (!err || ex->text || explain(request, result, &ex->opts, &e))
		return;
	ex->text = render(e, explain_text);
	ex->json = render(e, explain_json);
	explain_free(e);
}
