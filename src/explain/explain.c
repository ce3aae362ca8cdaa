/* SPDX-License-Identifier: Apache-2.0 */
#include "explain/explain.h"

#include "base/str.h"
#include "explain/fixes.h"
#include "explain/input.h"
#include "explain/origins.h"
#include "explain/search.h"
#include "os/os.h"

#define DEFAULT_INPUT_MS 200

/*
 * An explanation verifies the program some more times. One that takes long to refuse gets less of
 * it: no changes are tried, or not even the path is recorded.
 */
#define HEAVY_NS     1500000000ull
#define TOO_HEAVY_NS 5000000000ull

static void fill_head(struct explanation *e, const struct verify_request *request,
		      const struct verify_refusal *refusal)
{
	const struct cause *cause = cause_find(refusal->cause);

	str_copy(e->cause, refusal->cause, sizeof(e->cause));
	str_copy(e->message, refusal->message, sizeof(e->message));
	e->what = cause ? cause->what : "the verifier could not prove that this is safe";
	e->advice = cause ? cause->advice : NULL;
	e->at = place_of(request, refusal->insn);
	e->n_around = places_around(request, &e->at, e->around, EXPLAIN_AROUND);
	e->fault_insn = -1;
}

int explain(const struct verify_request *request, const struct verify_result *refused,
	    const struct explain_opts *opts, struct explanation **out)
{
	struct explanation *e = os_alloc(sizeof(*e));
	struct path path = { .found = false };
	u64 ns = refused->stats.time_ns;
	int err = 0;

	*out = NULL;
	if (!e)
		return -ENOMEM;
	fill_head(e, request, &refused->refusal);
	if (ns < TOO_HEAVY_NS)
		err = path_record(&path, request, refused);
	if (!err) {
		find_busy_place(request, &path, e);
		find_branches(request, &path, e);
		find_origins(request, &path, e);
	}
	if (!err && !opts->no_input)
		err = search_input(request, &path, e,
				   opts->input_ms ? opts->input_ms : DEFAULT_INPUT_MS);
	if (!err && !opts->no_fixes && ns < HEAVY_NS)
		find_fixes(request, &path, e);
	path_release(&path);
	if (err)
		explain_free(e);
	else
		*out = e;
	return err;
}

void explain_free(struct explanation *e)
{
	if (!e)
		return;
	for (u32 i = 0; i < e->n_fixes; i++)
		os_free(e->fixes[i].insns);
	if (e->input) {
		input_release(e->input);
		os_free(e->input);
	}
	os_free(e);
}

void explain_input_text(const struct explanation *e, struct text *out)
{
	if (e->input)
		input_text(e->input, out);
}
