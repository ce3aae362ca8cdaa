/* SPDX-License-Identifier: Apache-2.0 */
/* Object files as bytes, and BTF as C. */
#define _GNU_SOURCE
#include "loader/parts.h"

#include <stdio.h>
#include <stdlib.h>

#include <bpf/btf.h>

#include "loader/loader.h"

#define MAX_OBJECT ((size_t)256 << 20)

int read_whole_file(const char *path, void **bytes, size_t *size)
{
	FILE *in = fopen(path, "re");
	size_t cap = 0, n;
	char *grown;
	int err = 0;

	*bytes = NULL;
	*size = 0;
	if (!in)
		return -errno;
	do {
		cap = cap ? 2 * cap : 1 << 16;
		grown = cap <= MAX_OBJECT ? realloc(*bytes, cap) : NULL;
		if (!grown) {
			err = cap <= MAX_OBJECT ? -ENOMEM : -EFBIG;
			break;
		}
		*bytes = grown;
		errno = 0;
		n = fread(grown + *size, 1, cap - *size, in);
		*size += n;
		if (ferror(in))
			err = errno ? -errno : -EIO;
	} while (!err && *size == cap);
	fclose(in);
	return err;
}

struct put_data {
	void (*put)(void *data, const char *text);
	void *data;
};

static void put_dump(void *ctx, const char *fmt, va_list args)
{
	struct put_data *to = ctx;
	char *text;

	if (vasprintf(&text, fmt, args) < 0)
		return;
	to->put(to->data, text);
	free(text);
}

int loader_btf_to_c(const void *bytes, size_t size, void (*put)(void *data, const char *text),
		    void *data)
{
	struct put_data to = { put, data };
	struct btf *btf = btf__new(bytes, (u32)size);
	struct btf_dump *dump;
	int err = 0;

	if (!btf)
		return -errno;
	dump = btf_dump__new(btf, put_dump, &to, NULL);
	if (!dump)
		err = -errno;
	for (u32 id = 1; !err && id < btf__type_cnt(btf); id++)
		err = btf_dump__dump_type(dump, id);
	btf_dump__free(dump);
	btf__free(btf);
	return err;
}
