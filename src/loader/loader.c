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
#include "loader/reason.h"

#define LOG_SIZE   (16u << 20) /* the most libbpf itself would ask for */
#define MAX_OBJECT ((size_t)256 << 20)

struct loader {
	struct loader_kernel kernel; /* the caller's, with PROG_LOAD watched */
	const struct loader_kernel *below;
	struct bpf_object *object;
	char *name;
	struct bpf_program **bpf_progs;
	struct loader_prog *progs;
	u32 n_progs;
	struct bpf_map **bpf_maps;
	struct loader_map *maps;
	u32 n_maps;
	char *log; /* LOG_SIZE bytes, untouched until a log is written */
	u64 last_load_ns;
	char last_name[BPF_OBJ_NAME_LEN];
	char warnings[3072];
};

static _Thread_local struct loader *active;

static u64 now_ns(void)
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

	if (level != LIBBPF_WARN || !active)
		return 0;
	n = vsnprintf(line, sizeof(line), fmt, args);
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
static void last_warning(const struct loader *loader, char *out, size_t size)
{
	const char *start = loader->warnings, *best = "";
	size_t best_len = 0;

	while (*start) {
		size_t len = strcspn(start, "\n");

		if (len && strncmp(start, "failed to load object", 21)) {
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

	if (cmd != BPF_PROG_LOAD)
		return loader->below->bpf(loader->below->data, cmd, attr, size);
	start = now_ns();
	ret = loader->below->bpf(loader->below->data, cmd, attr, size);
	/* A refused program is loaded again for its log; the first time tells how long it took. */
	if (strncmp(loader->last_name, attr->prog_name, BPF_OBJ_NAME_LEN) || !loader->last_load_ns)
		loader->last_load_ns = now_ns() - start;
	memcpy(loader->last_name, attr->prog_name, BPF_OBJ_NAME_LEN);
	return ret;
}

/* libbpf asks below of watch_bpf, with its data; these are asked by the loader itself. */
static bool has_map_type(const struct loader *loader, u32 type)
{
	const struct loader_kernel *below = loader->below;

	return !below->has_map_type || below->has_map_type(below->data, type);
}

static bool has_prog_type(const struct loader *loader, u32 type)
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

/* Between these two, libbpf works for this loader. */
struct scope {
	struct loader *before;
	const struct loader_kernel *kernel_before;
};

static struct scope enter(struct loader *loader)
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

static void leave(struct scope scope)
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

static void describe_map(struct loader_map *out, const struct bpf_map *map)
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

static int fail(struct loader_error *error, int err, const char *fmt, ...) PRINTF_LIKE(3, 4);

static int fail(struct loader_error *error, int err, const char *fmt, ...)
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
		return fail(error, err, "%s: out of memory", loader->name);
	return fail(error, err,
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

static int open_bytes(struct loader *loader, const void *bytes, size_t size,
		      struct loader_error *error)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	char name[BPF_OBJ_NAME_LEN], cause[512];
	struct scope scope;
	int err = 0;

	if (check_object(bytes, size, cause, sizeof(cause)))
		return fail_open(loader, -EINVAL, cause, error);
	object_name(loader->name, name, sizeof(name));
	opts.object_name = name;
	scope = enter(loader);
	loader->object = bpf_object__open_mem(bytes, size, &opts);
	if (!loader->object)
		err = errno ? -errno : -EINVAL;
	if (!err)
		err = describe(loader);
	leave(scope);
	if (!err)
		return 0;
	last_warning(loader, cause, sizeof(cause));
	return fail_open(loader, err, cause, error);
}

static int open_source(struct loader *loader, const struct loader_source *source,
		       struct loader_error *error)
{
	void *bytes;
	size_t size;
	int err;

	if (source->bytes)
		return open_bytes(loader, source->bytes, source->size, error);
	err = loader_read_file(source->path, &bytes, &size);
	if (err == -ENOENT)
		fail(error, err, "%s: no such file", source->path);
	else if (err)
		fail(error, err, "%s: cannot be read: %s", source->path, strerror(-err));
	else
		err = open_bytes(loader, bytes, size, error);
	free(bytes);
	return err;
}

int loader_open(const struct loader_kernel *kernel, const struct loader_source *source,
		struct loader **out, struct loader_error *error)
{
	struct loader *loader = calloc(1, sizeof(*loader));
	int err;

	*out = NULL;
	if (loader)
		loader->name = strdup(source->path);
	if (!loader || !loader->name) {
		free(loader);
		return fail(error, -ENOMEM, "%s: out of memory", source->path);
	}
	loader->below = kernel;
	loader->kernel = *kernel;
	loader->kernel.bpf = watch_bpf;
	loader->kernel.context = watch_context;
	loader->kernel.data = loader;
	err = open_source(loader, source, error);
	if (err) {
		loader_close(loader);
		return err;
	}
	*out = loader;
	return 0;
}

void loader_close(struct loader *loader)
{
	struct scope scope;

	if (!loader)
		return;
	scope = enter(loader);
	bpf_object__close(loader->object);
	leave(scope);
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

/* One buffer serves all programs: loading stops at the first whose log matters. */
static int give_log(struct loader *loader)
{
	void *log = mmap(NULL, LOG_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (log == MAP_FAILED)
		return -ENOMEM;
	loader->log = log;
	for (u32 i = 0; i < loader->n_progs; i++)
		bpf_program__set_log_buf(loader->bpf_progs[i], loader->log, LOG_SIZE);
	return 0;
}

/* What the kernel says of an accepted program. */
static u64 verified_insns(const struct loader *loader, int fd)
{
	struct bpf_prog_info info = { 0 };
	union bpf_attr attr = { .info = { .bpf_fd = (u32)fd,
					  .info_len = sizeof(info),
					  .info = (u64)(uintptr_t)&info } };

	if (loader->below->bpf(loader->below->data, BPF_OBJ_GET_INFO_BY_FD, &attr,
			       sizeof(attr.info)))
		return 0;
	return info.verified_insns;
}

static void take_accepted(struct loader *loader)
{
	for (u32 i = 0; i < loader->n_progs; i++) {
		struct loader_prog *prog = &loader->progs[i];

		if (!bpf_program__autoload(loader->bpf_progs[i]))
			continue;
		prog->fd = bpf_program__fd(loader->bpf_progs[i]);
		if (prog->fd < 0)
			continue;
		prog->verdict = LOADER_ACCEPTED;
		prog->load_ns = loader->last_load_ns;
		prog->insns = verified_insns(loader, prog->fd);
		if (bpf_program__log_level(loader->bpf_progs[i]) && !prog->log)
			prog->log = strdup(loader->log);
	}
	for (u32 i = 0; i < loader->n_maps; i++)
		describe_map(&loader->maps[i], loader->bpf_maps[i]);
}

/* The program that libbpf was loading when it gave up, or NULL: then no program is to blame. */
static struct loader_prog *find_refused(struct loader *loader)
{
	for (u32 i = 0; i < loader->n_progs; i++) {
		struct loader_prog *prog = &loader->progs[i];
		char quoted[256];

		snprintf(quoted, sizeof(quoted), "prog '%s': ", prog->name);
		if (bpf_program__autoload(loader->bpf_progs[i]) && strstr(loader->warnings, quoted))
			return prog;
	}
	return NULL;
}

static const char *type_name(const char *name)
{
	return name ? name : "of a newer kernel";
}

/* Names the first map that cannot be created because the kernel below has no such type. */
static bool lacks_map(const struct loader *loader, char *out, size_t size)
{
	for (u32 i = 0; i < loader->n_maps; i++) {
		const struct loader_map *map = &loader->maps[i];

		if (has_map_type(loader, map->type))
			continue;
		snprintf(out, size,
			 "map '%s' has type %s, which Skep does not have yet (docs/STATUS.md)%s",
			 map->name,
			 type_name(libbpf_bpf_map_type_str((enum bpf_map_type)map->type)),
			 map->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY ? "; use a ringbuf" : "");
		return true;
	}
	return false;
}

static int refuse(struct loader *loader, struct loader_prog *prog, int err,
		  struct loader_error *error)
{
	char cause[512];

	prog->verdict = LOADER_REFUSED;
	prog->err = err;
	prog->load_ns = loader->last_load_ns;
	prog->log = loader->log[0] ? strdup(loader->log) : NULL;
	last_warning(loader, cause, sizeof(cause));
	if (!prog->type)
		snprintf(prog->reason, sizeof(prog->reason),
			 "no program type goes with SEC(\"%s\")", prog->section);
	else if (prog->type == PROG_TYPE_CUSTOM && !prog->expected_attach_type)
		snprintf(prog->reason, sizeof(prog->reason),
			 "SEC(\"%s\") needs an embedding program that adds this context",
			 prog->section);
	else if (!has_prog_type(loader, prog->type))
		snprintf(prog->reason, sizeof(prog->reason),
			 "program type %s is not supported by Skep yet (docs/STATUS.md)",
			 type_name(libbpf_bpf_prog_type_str((enum bpf_prog_type)prog->type)));
	else
		reason_from_log(prog, cause);
	return fail(error, err, "%s: program %s (%s) is refused: %s%s%s", loader->name, prog->name,
		    prog->section, prog->reason, prog->where[0] ? "\n    at " : "", prog->where);
}

/* Why the object cannot be loaded when no program is to blame. */
static void cause_of(const struct loader *loader, int err, char *out, size_t size)
{
	if (lacks_map(loader, out, size))
		return;
	last_warning(loader, out, size);
	if (!out[0])
		snprintf(out, size, "%s", strerror(-err));
}

int loader_load(struct loader *loader, struct loader_error *error)
{
	struct loader_prog *refused;
	struct scope scope;
	char cause[512];
	int err;

	if (!loader->log && give_log(loader))
		return fail(error, -ENOMEM, "%s: out of memory", loader->name);
	scope = enter(loader);
	err = bpf_object__load(loader->object);
	leave(scope);
	if (!err) {
		take_accepted(loader);
		return 0;
	}
	refused = find_refused(loader);
	if (refused)
		return refuse(loader, refused, err, error);
	cause_of(loader, err, cause, sizeof(cause));
	return fail(error, err, "%s: %s", loader->name, cause);
}

/* Opens the object afresh and loads nothing but program number index. */
static int judge_one(const struct loader_kernel *kernel, const struct loader_source *source,
		     u32 index, u32 log_level,
		     void (*seen)(void *data, const struct loader_prog *prog), void *data,
		     struct loader_error *error)
{
	struct loader *loader;
	int err = loader_open(kernel, source, &loader, error);

	if (err)
		return err;
	for (u32 i = 0; i < loader->n_progs; i++)
		loader_want(loader, i, i == index);
	loader_set_log_level(loader, log_level);
	err = loader_load(loader, error);
	if (err && loader->progs[index].verdict == LOADER_NOT_TRIED) {
		struct loader_prog *prog = &loader->progs[index];

		/* A map or the BTF is to blame: the program cannot be loaded either. */
		prog->verdict = LOADER_REFUSED;
		prog->err = err;
		cause_of(loader, err, prog->reason, sizeof(prog->reason));
	}
	seen(data, &loader->progs[index]);
	loader_close(loader);
	return 0;
}

int loader_judge(const struct loader_kernel *kernel, const struct loader_source *source,
		 u32 log_level, void (*seen)(void *data, const struct loader_prog *prog),
		 void *data, struct loader_error *error)
{
	struct loader *loader;
	u32 n;
	int err = loader_open(kernel, source, &loader, error);

	if (err)
		return err;
	n = loader->n_progs;
	loader_close(loader);
	if (!n)
		return fail(error, -ENOENT, "%s has no programs", source->path);
	for (u32 i = 0; i < n && !err; i++)
		err = judge_one(kernel, source, i, log_level, seen, data, error);
	return err;
}
