/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loader on top of libbpf. This file is linked with libbpf.a into one object whose
 * only global symbols are loader_* (privatise.sh), so it may use libbpf's names freely.
 *
 * libbpf tells causes as warnings through a process-wide callback. Each thread collects
 * what its own loader caused; the last warnings become the text of a loader_error. Of
 * bpf(2), one command is watched on its way down: PROG_LOAD of a program of ours, for the
 * time the verdict took.
 */
#define _GNU_SOURCE
#include "loader/libbpf_os.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "loader/check.h"
#include "loader/parts.h"

static _Thread_local struct loader *active;

u64 clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
}

/* Keeps the end of what is said: the last warning is nearest to the cause. */
static int keep_warning(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char line[1024];
	const char *text = line;
	size_t len, used;
	int n;

	if (!active || (level != LIBBPF_WARN && !active->judging))
		return 0;
	if (level != LIBBPF_WARN && strncmp(fmt, "libbpf: extern ", 15) && strncmp(fmt, "extern ", 7))
		return 0;
	n = vsnprintf(line, sizeof(line), fmt, args);
	if (level != LIBBPF_WARN) {
		judge_note_extern(active, line);
		return 0;
	}
	if (n <= 0 || strstr(line, "BEGIN PROG LOAD LOG"))
		return 0;
	if (strncmp(text, "libbpf: ", 8) == 0)
		text += 8;
	len = strlen(text);
	used = strlen(active->warnings);
	if (used + len + 1 > sizeof(active->warnings)) {
		active->warnings[0] = 0;
		used = 0;
	}
	memcpy(active->warnings + used, text, len + 1);
	return n;
}

/* The last warning that names a cause, without its newline. */
/* What libbpf says once more on its way out of a failure that it has told already. */
static bool is_consequence(const char *line, size_t len)
{
	static const char *const texts[] = { "failed to load object", "': failed to load: ",
					     "failed to prepare load attributes" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (memmem(line, len, texts[i], strlen(texts[i])))
			return true;
	return false;
}

void last_warning(const struct loader *loader, char *out, size_t size)
{
	const char *start = loader->warnings, *best = "";
	size_t best_len = 0;

	while (*start) {
		size_t len = strcspn(start, "\n");

		if (len && !is_consequence(start, len)) {
			best = start;
			best_len = len;
		}
		start += len + (start[len] == '\n');
	}
	snprintf(out, size, "%.*s", (int)best_len, best);
}

static int watch_bpf(void *data, int cmd, union bpf_attr *attr, unsigned int size)
{
	struct loader *loader = data;
	u64 start;
	int ret;

	if (loader->judging)
		return judge_bpf(loader, cmd, attr, size);
	if (cmd != BPF_PROG_LOAD)
		return loader->below->bpf(loader->below->data, cmd, attr, size);
	start = clock_ns();
	ret = loader->below->bpf(loader->below->data, cmd, attr, size);
	/* A refused program is loaded again for its log; the first time tells how long it took. */
	if (strncmp(loader->last_name, attr->prog_name, BPF_OBJ_NAME_LEN) || !loader->last_load_ns)
		loader->last_load_ns = clock_ns() - start;
	memcpy(loader->last_name, attr->prog_name, BPF_OBJ_NAME_LEN);
	return ret;
}

/* libbpf asks below of watch_bpf, with its data; these are asked by the loader itself. */
bool has_map_type(const struct loader *loader, u32 type)
{
	const struct loader_kernel *below = loader->below;

	return !below->has_map_type || below->has_map_type(below->data, type);
}

bool has_prog_type(const struct loader *loader, u32 type)
{
	const struct loader_kernel *below = loader->below;

	return !below->has_prog_type || below->has_prog_type(below->data, type);
}

static int watch_context(void *data, const char *name)
{
	const struct loader_kernel *below = ((struct loader *)data)->below;

	return below->context ? below->context(below->data, name) : -ENOENT;
}

static void prepare_libbpf(void)
{
	libbpf_set_print(keep_warning);
	sections_register();
}

struct scope scope_enter(struct loader *loader)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct scope scope;

	pthread_once(&once, prepare_libbpf);
	scope.before = active;
	active = loader;
	loader->warnings[0] = 0;
	scope.kernel_before = libbpf_enter(&loader->kernel);
	return scope;
}

void scope_leave(struct scope scope)
{
	libbpf_leave(scope.kernel_before);
	active = scope.before;
}

static int count_parts(struct loader *loader)
{
	struct bpf_program *prog;
	struct bpf_map *map;

	bpf_object__for_each_program(prog, loader->object) loader->n_progs++;
	bpf_object__for_each_map(map, loader->object) loader->n_maps++;
	loader->progs = calloc(loader->n_progs + 1, sizeof(*loader->progs));
	loader->bpf_progs = calloc(loader->n_progs + 1, sizeof(*loader->bpf_progs));
	loader->maps = calloc(loader->n_maps + 1, sizeof(*loader->maps));
	loader->bpf_maps = calloc(loader->n_maps + 1, sizeof(*loader->bpf_maps));
	return loader->progs && loader->bpf_progs && loader->maps && loader->bpf_maps ? 0 : -ENOMEM;
}

static void describe_prog(struct loader_prog *out, const struct bpf_program *prog)
{
	out->name = bpf_program__name(prog);
	out->section = bpf_program__section_name(prog);
	out->type = bpf_program__type(prog);
	out->expected_attach_type = bpf_program__expected_attach_type(prog);
	out->insn_cnt = (u32)bpf_program__insn_cnt(prog);
	out->optional = !bpf_program__autoload(prog);
	out->fd = -1;
}

/* "prog.bss" is ".bss" to people. */
static const char *map_name(const struct bpf_map *map)
{
	const char *name = bpf_map__name(map);
	const char *dot = bpf_map__is_internal(map) ? strchr(name, '.') : NULL;

	return dot ? dot : name;
}

void describe_map(struct loader_map *out, const struct bpf_map *map)
{
	int fd = bpf_map__fd(map);

	*out = (struct loader_map){
		.name = map_name(map),
		.type = bpf_map__type(map),
		.key_size = bpf_map__key_size(map),
		.value_size = bpf_map__value_size(map),
		.max_entries = bpf_map__max_entries(map),
		.flags = bpf_map__map_flags(map),
		.key_type = bpf_map__btf_key_type_id(map),
		.value_type = bpf_map__btf_value_type_id(map),
		.internal = bpf_map__is_internal(map),
		.fd = fd < 0 ? -1 : fd,
	};
}

static int describe(struct loader *loader)
{
	struct bpf_program *prog;
	struct bpf_map *map;
	u32 i = 0;
	int err = count_parts(loader);

	if (err)
		return err;
	bpf_object__for_each_program(prog, loader->object)
	{
		loader->bpf_progs[i] = prog;
		describe_prog(&loader->progs[i++], prog);
	}
	i = 0;
	bpf_object__for_each_map(map, loader->object)
	{
		loader->bpf_maps[i] = map;
		describe_map(&loader->maps[i++], map);
	}
	return 0;
}

int tell_error(struct loader_error *error, int err, const char *fmt, ...)
{
	va_list args;

	error->err = err;
	va_start(args, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, args);
	va_end(args);
	return err;
}

static int fail_open(const struct loader *loader, int err, const char *cause,
		     struct loader_error *error)
{
	if (err == -ENOMEM)
		return tell_error(error, err, "%s: out of memory", loader->name);
	return tell_error(error, err,
			  "%s: cannot be read as an eBPF object: %s\n"
			  "Compile it with: clang -target bpf -g -O2 -c prog.bpf.c -o prog.bpf.o",
			  loader->name, cause[0] ? cause : strerror(-err));
}

/* "dir/prog.bpf.o" is object "prog": what libbpf names .rodata and such after. */
static void object_name(const char *path, char *out, size_t size)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;

	snprintf(out, size, "%.*s", (int)strcspn(base, "."), base);
	if (!out[0])
		snprintf(out, size, "object");
}

/* libbpf copies what it keeps: the bytes are ours to change. */
static void *prepared_copy(const void *bytes, size_t size, const struct open_how *how)
{
	void *copy = malloc(size);

	if (!copy)
		return NULL;
	memcpy(copy, bytes, size);
	elf_hide_parts(copy);
	elf_export_programs(copy);
	if (how->relaxed)
		elf_weaken_externs(copy);
	for (u32 i = 0; i < how->n_hidden; i++)
		elf_hide_symbol(copy, how->hidden[i]);
	if (how->section)
		elf_isolate(copy, how->section);
	return copy;
}

static int open_libbpf(struct loader *loader, const void *bytes, size_t size,
		       const struct open_how *how)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .relaxed_maps = how != NULL);
	void *copy = how ? prepared_copy(bytes, size, how) : NULL;
	char name[BPF_OBJ_NAME_LEN];
	struct scope scope;
	int err = 0;

	if (how && !copy)
		return -ENOMEM;
	object_name(loader->name, name, sizeof(name));
	opts.object_name = name;
	scope = scope_enter(loader);
	loader->object = bpf_object__open_mem(copy ? copy : bytes, size, &opts);
	if (!loader->object)
		err = errno ? -errno : -EINVAL;
	if (!err)
		err = describe(loader);
	scope_leave(scope);
	free(copy);
	return err;
}

static int open_bytes(struct loader *loader, const void *bytes, size_t size,
		      const struct open_how *how, struct loader_error *error)
{
	char cause[512];
	int err;

	if (check_object(bytes, size, cause, sizeof(cause)))
		return fail_open(loader, -EINVAL, cause, error);
	err = open_libbpf(loader, bytes, size, how);
	if (!err)
		return 0;
	last_warning(loader, cause, sizeof(cause));
	return fail_open(loader, err, cause, error);
}

static int open_source(struct loader *loader, const struct loader_source *source,
		       const struct open_how *how, struct loader_error *error)
{
	void *bytes;
	size_t size;
	int err;

	if (source->bytes)
		return open_bytes(loader, source->bytes, source->size, how, error);
	err = read_whole_file(source->path, &bytes, &size);
	if (err == -ENOENT)
		tell_error(error, err, "%s: no such file", source->path);
	else if (err)
		tell_error(error, err, "%s: cannot be read: %s", source->path, strerror(-err));
	else
		err = open_bytes(loader, bytes, size, how, error);
	free(bytes);
	return err;
}

int open_loader(const struct loader_kernel *kernel, const struct loader_source *source,
		const struct open_how *how, struct loader **out, struct loader_error *error)
{
	struct loader *loader = calloc(1, sizeof(*loader));
	int err;

	*out = NULL;
	if (loader)
		loader->name = strdup(source->path);
	if (!loader || !loader->name) {
		free(loader);
		return tell_error(error, -ENOMEM, "%s: out of memory", source->path);
	}
	loader->below = kernel;
	loader->kernel = *kernel;
	loader->kernel.bpf = watch_bpf;
	loader->kernel.context = watch_context;
	loader->kernel.data = loader;
	err = open_source(loader, source, how, error);
	if (err) {
		loader_close(loader);
		return err;
	}
	*out = loader;
	return 0;
}

int loader_open(const struct loader_kernel *kernel, const struct loader_source *source,
		struct loader **out, struct loader_error *error)
{
	return open_loader(kernel, source, NULL, out, error);
}

void loader_close(struct loader *loader)
{
	struct scope scope;

	if (!loader)
		return;
	scope = scope_enter(loader);
	bpf_object__close(loader->object);
	scope_leave(scope);
	if (loader->log)
		munmap(loader->log, LOG_SIZE);
	for (u32 i = 0; i < loader->n_progs && loader->progs; i++)
		free((char *)loader->progs[i].log);
	free(loader->progs);
	free(loader->bpf_progs);
	free(loader->maps);
	free(loader->bpf_maps);
	free(loader->name);
	free(loader);
}

u32 loader_prog_count(const struct loader *loader)
{
	return loader->n_progs;
}

const struct loader_prog *loader_prog(const struct loader *loader, u32 index)
{
	return &loader->progs[index];
}

u32 loader_map_count(const struct loader *loader)
{
	return loader->n_maps;
}

const struct loader_map *loader_map(const struct loader *loader, u32 index)
{
	return &loader->maps[index];
}

/* libbpf calls .bss of x.bpf.o "x.bss"; both names will do. */
static bool map_is_named(const struct loader_map *map, const char *name)
{
	size_t len = strlen(map->name), wanted = strlen(name);

	if (strcmp(map->name, name) == 0)
		return true;
	return map->internal && *name == '.' && len > wanted &&
	       strcmp(map->name + len - wanted, name) == 0;
}

int loader_find_map(const struct loader *loader, const char *name)
{
	for (u32 i = 0; i < loader->n_maps; i++)
		if (map_is_named(&loader->maps[i], name))
			return (int)i;
	return -ENOENT;
}

int loader_find_prog(const struct loader *loader, const char *name)
{
	for (u32 i = 0; i < loader->n_progs; i++)
		if (strcmp(loader->progs[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

const void *loader_btf(const struct loader *loader, u32 *size)
{
	const struct btf *btf = bpf_object__btf(loader->object);

	*size = 0;
	return btf ? btf__raw_data(btf, size) : NULL;
}

void loader_want(struct loader *loader, u32 prog, bool wanted)
{
	bpf_program__set_autoload(loader->bpf_progs[prog], wanted);
}

void loader_set_type(struct loader *loader, u32 prog, u32 type, u32 expected_attach_type)
{
	bpf_program__set_type(loader->bpf_progs[prog], (enum bpf_prog_type)type);
	bpf_program__set_expected_attach_type(loader->bpf_progs[prog],
					      (enum bpf_attach_type)expected_attach_type);
	loader->progs[prog].type = type;
	loader->progs[prog].expected_attach_type = expected_attach_type;
}

void loader_set_log_level(struct loader *loader, u32 log_level)
{
	for (u32 i = 0; i < loader->n_progs; i++)
		bpf_program__set_log_level(loader->bpf_progs[i], log_level);
}
