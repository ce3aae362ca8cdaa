/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "explain/explain.h"

const struct cause causes[] = {
#define CAUSE(id, what, doc, advice) { id, what, doc, advice },
#include "verifier/causes.h"
};

const u32 n_causes = ARRAY_SIZE(causes);

const struct cause *cause_find(const char *id)
{
	for (u32 i = 0; i < n_causes; i++)
		if (str_eq(causes[i].id, id))
			return &causes[i];
	return NULL;
}
