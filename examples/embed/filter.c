/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server whose request filter is eBPF: it declares a context and a helper, loads an object
 * file, asks the filter at each request, and swaps it while serving.
 *
 *	clang -target bpf -g -O2 -c filter.bpf.c -o filter.bpf.o
 *	cc filter.c $(pkg-config --cflags --libs skep) -o filter && ./filter filter.bpf.o
 */
#include "request.h"

#include <skep/skep.h>
#include <stdio.h>
#include <string.h>

static uint64_t server_log(uint64_t text, uint64_t size, uint64_t a3, uint64_t a4, uint64_t a5,
			   struct skep_run *run)
{
	const struct request *req = skep_run_ctx(run);

	(void)a3, (void)a4, (void)a5;
	printf("  log: %.*s for %s\n", (int)size, (const char *)(uintptr_t)text, req->url);
	return 0;
}

static const struct skep_field fields[] = {
	SKEP_FIELD(struct request, client, SKEP_READ),
	SKEP_FIELD(struct request, port, SKEP_READ),
	SKEP_FIELD(struct request, method, SKEP_READ),
	SKEP_FIELD(struct request, priority, SKEP_READ | SKEP_WRITE),
	SKEP_POINTER(struct request, url, SKEP_READ, URL_SIZE),
};

static const struct skep_context context = {
	.size = sizeof(context),
	.name = "request",
	.ctx_size = sizeof(struct request),
	.fields = fields,
	.n_fields = sizeof(fields) / sizeof(fields[0]),
	.ret_min = DENY,
	.ret_max = ALLOW,
};

static const struct skep_helper log_helper = {
	.size = sizeof(log_helper),
	.n = 0,
	.name = "server_log",
	.fn = server_log,
	.ret = SKEP_RET_VALUE,
	.arg = { SKEP_ARG_READ, SKEP_ARG_SIZE },
};

static void serve(skep_fn filter, uint32_t client, const char *path)
{
	char url[URL_SIZE] = "";
	struct request req = { .client = client, .port = 80, .method = 'G', .url = url };

	strncpy(url, path, sizeof(url) - 1);
	printf("%-8s client %x: %s", path, client, filter(&req) ? "allowed" : "denied");
	printf(", priority %u\n", req.priority);
}

int main(int argc, char **argv)
{
	/* No request may cost more than 10,000 loop iterations and calls. */
	const struct skep_opts opts = { .size = sizeof(opts), .budget = 10000 };
	struct skep *skep = skep_new(&opts);
	struct skep_object *object;
	struct skep_hook *hook;
	skep_fn filter;
	uint32_t client = 0x0a000001;
	uint64_t count;

	if (!skep || skep_add_context(skep, &context) || skep_add_helper(skep, &log_helper))
		goto fail;
	object = skep_object_load(skep, argc > 1 ? argv[1] : "filter.bpf.o");
	hook = skep_hook_new(skep, "request");
	if (!object || !hook || skep_hook_set(hook, skep_object_prog(object, "filter")))
		goto fail;
	filter = skep_hook_fn(hook);
	if (!filter)
		goto fail;

	for (int i = 0; i < 5; i++)
		serve(filter, client, "/");
	serve(filter, client, "/admin");
	serve(filter, 0x7f000001, "/admin");

	if (skep_map_lookup(skep, skep_object_map(object, "requests"), &client, &count))
		goto fail;
	printf("client %x made %llu requests\n", client, (unsigned long long)count);

	/* Another policy, while the server goes on: the same function pointer. */
	skep_hook_set(hook, skep_object_prog(object, "allow_all"));
	serve(filter, client, "/admin");

	skep_hook_free(hook);
	skep_object_free(object);
	skep_free(skep);
	return 0;

fail:
	fprintf(stderr, "%s\n", skep_error());
	return 1;
}
