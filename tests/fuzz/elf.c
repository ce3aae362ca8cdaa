/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object files from bytes, through libbpf into a kernel: opened, described, loaded, each
 * program also judged alone. Seeds are the objects of a build: build/examples, build/tests.
 */
#include "kernel/kernel.h"
#include "loader/loader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seen(void *data, const struct loader_prog *prog)
{
	if (prog->verdict == LOADER_ACCEPTED && prog->fd < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct skep *skep;
	static struct loader_kernel kernel;
	struct loader_source source = { .path = "input", .bytes = data, .size = size };
	struct loader_judge how = { .log_level = 2, .seen = seen };
	struct loader_error error;
	struct loader *loader;
	u32 btf_size;

	/* Some MiB of maps are what a small file may ask for; more would only be slow. */
	if (!skep) {
		skep = skep_new(NULL);
		if (!skep)
			abort();
		loader_kernel_of(skep, &kernel);
	}
	if (loader_open(&kernel, &source, &loader, &error))
		return 0;
	loader_btf(loader, &btf_size);
	loader_load(loader, &error);
	loader_close(loader);
	loader_judge(&kernel, &source, &how, &error);
	return 0;
}
