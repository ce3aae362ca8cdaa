/* SPDX-License-Identifier: Apache-2.0 */
/* BTF from bytes, then everything one can ask of what was accepted. */
#include <stddef.h>
#include <stdint.h>

#include "btf/btf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The last byte decides how much of the rest is shown as a value of each type. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char out[4096];
	char line[256];
	struct text log = text_in(line, sizeof(line));
	struct btf_field field;
	struct btf *btf;

	if (size > 1 << 16 || btf_parse(data, size, NULL, &log, &btf))
		return 0;
	for (u32 id = 0; id < btf->n_types && id < 256; id++) {
		const struct btf_type *t = btf_type(btf, id);
		struct text text = text_in(out, sizeof(out));
		struct btf_show_opts opts = {
			.json = id & 1, .compact = id & 2, .names = id & 4, .zeroes = id & 8
		};

		btf_show(&text, btf, id, data, size ? data[size - 1] : 0, &opts);
		btf_type_text(&text, btf, id);
		btf_find(btf, btf_name(btf, t->name_off), 0);
		btf_find_member(btf, id, "x", &field);
	}
	btf_free(btf);
	return 0;
}
