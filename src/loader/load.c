/* SPDX-License-Identifier: Apache-2.0 */
/* Loading what was opened, and why it could not be. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/libbpf.h>

#include "loader/libbpf_os.h"
#include "loader/parts.h"
#include "loader/reason.h"

/* One buffer serves all programs: loading stops at the first whose log matters. */
int log_make(struct loader *loader)
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

struct loader_prog *find_refused(struct loader *loader)
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

void tell_lacking_map(const char *name, u32 type, char *out, size_t size)
{
	snprintf(out, size, "map '%s' has type %s, which Skep does not have yet (docs/STATUS.md)%s",
		 name, type_name(libbpf_bpf_map_type_str((enum bpf_map_type)type)),
		 type == BPF_MAP_TYPE_PERF_EVENT_ARRAY ? "; use a ringbuf" : "");
}

/* Names the first map that cannot be created because the kernel below has no such type. */
static bool lacks_map(const struct loader *loader, char *out, size_t size)
{
	for (u32 i = 0; i < loader->n_maps; i++) {
		const struct loader_map *map = &loader->maps[i];

		if (has_map_type(loader, map->type))
			continue;
		tell_lacking_map(map->name, map->type, out, size);
		return true;
	}
	return false;
}

void refuse(struct loader *loader, struct loader_prog *prog, int err)
{
	char cause[512];

	prog->verdict = LOADER_REFUSED;
	prog->err = err;
	prog->load_ns = loader->last_load_ns;
	prog->log = loader->log && loader->log[0] ? strdup(loader->log) : NULL;
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
}

void cause_of(const struct loader *loader, int err, char *out, size_t size)
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

	if (!loader->log && log_make(loader))
		return tell_error(error, -ENOMEM, "%s: out of memory", loader->name);
	scope = scope_enter(loader);
	err = bpf_object__load(loader->object);
	scope_leave(scope);
	if (!err) {
		take_accepted(loader);
		return 0;
	}
	refused = find_refused(loader);
	if (refused) {
		refuse(loader, refused, err);
		return tell_error(error, err, "%s: program %s (%s) is refused: %s%s%s",
				  loader->name, refused->name, refused->section, refused->reason,
				  refused->where[0] ? "\n    at " : "", refused->where);
	}
	cause_of(loader, err, cause, sizeof(cause));
	return tell_error(error, err, "%s: %s", loader->name, cause);
}
