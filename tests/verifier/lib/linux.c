/* SPDX-License-Identifier: Apache-2.0 */
/* The Linux that this machine runs, as a judge. */
#include "verifier/lib/subject.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOG_SIZE (1u << 20)

/* Made once and kept; but prog arrays, which take on the type of the first program. */
static int map_fds[FIXTURE_COUNT];
static int vmlinux_btf = -2;

static int sys_bpf(int cmd, union bpf_attr *attr, u32 size)
{
	return (int)syscall(SYS_bpf, cmd, attr, size);
}

static int load_btf(const void *data, u32 size)
{
	union bpf_attr attr = { .btf = (u64)(uintptr_t)data, .btf_size = size };

	return sys_bpf(BPF_BTF_LOAD, &attr, 32);
}

static int create_map(const struct fixture_desc *desc)
{
	union bpf_attr attr = {
		.map_type = desc->type,
		.key_size = desc->key_size,
		.value_size = desc->value_size,
		.max_entries = desc->max_entries,
		.map_flags = desc->flags,
	};
	int inner = -1, btf = -1, fd;
	u32 size;

	if (desc->type == BPF_MAP_TYPE_ARRAY_OF_MAPS) {
		union bpf_attr in = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4,
				      .max_entries = 1 };

		inner = sys_bpf(BPF_MAP_CREATE, &in, 64);
		attr.inner_map_fd = (u32)inner;
	}
	if (desc->value_type_id) {
		const void *data = fixture_btf(&size);

		btf = load_btf(data, size);
		attr.btf_fd = (u32)btf;
		attr.btf_key_type_id = 1;
		attr.btf_value_type_id = desc->value_type_id;
	}
	fd = sys_bpf(BPF_MAP_CREATE, &attr, 64);
	if (inner >= 0)
		close(inner);
	if (btf >= 0)
		close(btf);
	return fd;
}

static int map_fd(u32 fixture)
{
	if (fixtures[fixture].type == BPF_MAP_TYPE_PROG_ARRAY)
		return create_map(&fixtures[fixture]);
	if (!map_fds[fixture])
		map_fds[fixture] = create_map(&fixtures[fixture]);
	return map_fds[fixture];
}

const char *linux_unavailable(void)
{
	static const struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K },
						 { .code = BPF_JMP | BPF_EXIT } };
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 2,
				.insns = (u64)(uintptr_t)insns, .license = (u64)(uintptr_t)"GPL" };
	static char why[100];
	int fd;

	if (getenv("SKEP_NO_LINUX"))
		return "SKEP_NO_LINUX is set";
	/* SOCKET_FILTER may be open to anyone; kprobe programs need the privilege. */
	attr.prog_type = BPF_PROG_TYPE_KPROBE;
	fd = sys_bpf(BPF_PROG_LOAD, &attr, 64);
	if (fd >= 0) {
		close(fd);
		return NULL;
	}
	snprintf(why, sizeof(why), "Linux lets this user load no programs (%s)", strerror(errno));
	return why;
}

/* The type id of that name and kind in the kernel's own BTF, 0 when there is none. */
static u32 kernel_id(const char *name, u32 want)
{
	static u8 *data;
	static const struct btf_header *header;
	const u32 *at, *end;
	u32 id = 1;

	if (vmlinux_btf == -2) {
		FILE *f = fopen("/sys/kernel/btf/vmlinux", "r");
		size_t size = 64 << 20, got;

		vmlinux_btf = -1;
		data = f ? malloc(size) : NULL;
		got = data ? fread(data, 1, size, f) : 0;
		if (f)
			fclose(f);
		if (got > sizeof(*header))
			vmlinux_btf = 0;
	}
	if (vmlinux_btf < 0)
		return 0;
	header = (const struct btf_header *)data;
	at = (const u32 *)(data + header->hdr_len + header->type_off);
	end = (const u32 *)((const u8 *)at + header->type_len);
	for (; at < end; id++) {
		u32 kind = BTF_INFO_KIND(at[1]), vlen = BTF_INFO_VLEN(at[1]);

		if (kind == want &&
		    !strcmp((char *)data + header->hdr_len + header->str_off + at[0], name))
			return id;
		at += 3;
		if (kind == BTF_KIND_INT || kind == BTF_KIND_VAR || kind == BTF_KIND_DECL_TAG)
			at += 1;
		else if (kind == BTF_KIND_ARRAY)
			at += 3;
		else if (kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION ||
			 kind == BTF_KIND_DATASEC || kind == 19 /* ENUM64 */)
			at += 3 * vlen;
		else if (kind == BTF_KIND_ENUM || kind == BTF_KIND_FUNC_PROTO)
			at += 2 * vlen;
	}
	return 0;
}

static u32 kernel_func_id(const char *name)
{
	return kernel_id(name, BTF_KIND_FUNC);
}

/* The last line that is about the program: not a register state, not the summary. */
static void find_message(const char *log, struct verdict *v)
{
	const char *line = log, *next, *best = NULL;
	size_t len = 0;

	v->insn = -1;
	for (; *line; line = next) {
		size_t n = strcspn(line, "\n");
		char *after;

		next = line + n + (line[n] == '\n');
		if (line[0] >= '0' && line[0] <= '9') {
			long at = strtol(line, &after, 10);

			if (*after == ':')
				v->insn = (s32)at;
			continue;
		}
		if (!strncmp(line, "processed ", 10)) {
			v->processed = strtoull(line + 10, NULL, 10);
			continue;
		}
		if (n && line[0] != ';' && strncmp(line, "verification time", 17) &&
		    strncmp(line, "stack depth", 11) && strncmp(line, "cur state", 9) &&
		    strncmp(line, "old state", 9) && strncmp(line, "mark_precise", 12))
			best = line, len = n;
	}
	snprintf(v->message, sizeof(v->message), "%.*s", (int)len, best ? best : "");
}

static int own_map_create(const struct subject *s, u32 index, int btf)
{
	const struct own_map *own = &s->own[index];
	union bpf_attr attr = { .map_type = own->type, .key_size = 4, .value_size = 4,
				.max_entries = own->max_entries, .map_flags = own->flags };
	int inner = -1, fd;

	memcpy(attr.map_name, own->name, sizeof(attr.map_name));
	for (u32 i = 0; own->inner[0] && i < index; i++)
		if (!strcmp(s->own[i].name, own->inner))
			attr.inner_map_fd = (u32)(inner = own_map_create(s, i, btf));
	if (own->value_type_id) {
		attr.btf_fd = (u32)btf;
		attr.btf_key_type_id = own->key_type_id;
		attr.btf_value_type_id = own->value_type_id;
		attr.value_size = own->value_size;
	}
	fd = sys_bpf(BPF_MAP_CREATE, &attr, 64);
	if (inner >= 0)
		close(inner);
	return fd;
}

static bool fill_maps(struct subject *s, int btf, struct verdict *v, int *own, u32 *n_own)
{
	for (u32 i = 0; i < s->n_maps; i++) {
		const struct subject_map *m = &s->maps[i];
		int fd = -1;

		/* The same array for all places that name it. */
		for (u32 j = 0; j < i; j++)
			if (s->maps[j].fixture == m->fixture)
				fd = s->insns[s->maps[j].insn].imm;
		if (fd < 0 && m->fixture >= FIXTURE_COUNT) {
			fd = own_map_create(s, m->fixture - FIXTURE_COUNT, btf);
			if (fd >= 0)
				own[(*n_own)++] = fd;
		} else if (fd < 0) {
			fd = map_fd(m->fixture);
			if (fixtures[m->fixture].type == BPF_MAP_TYPE_PROG_ARRAY && fd >= 0)
				own[(*n_own)++] = fd;
		}
		if (fd < 0) {
			snprintf(v->message, sizeof(v->message), "no map %s here",
				 m->fixture < FIXTURE_COUNT ? fixtures[m->fixture].name
							    : s->own[m->fixture - FIXTURE_COUNT].name);
			return false;
		}
		s->insns[m->insn].imm = fd;
	}
	return true;
}

static u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000ull + (u64)t.tv_nsec;
}

/* Ids of kernel functions that the program names; false when one is not in this kernel. */
static bool fill_functions(struct subject *s, union bpf_attr *attr, struct verdict *v)
{
	const char *missing = NULL;
	char lsm[80];

	if (s->attach_to[0]) {
		snprintf(lsm, sizeof(lsm), "bpf_lsm_%s", s->attach_to);
		attr->attach_btf_id = kernel_func_id(s->attach_to);
		if (!attr->attach_btf_id)
			attr->attach_btf_id = kernel_func_id(lsm);
		if (!attr->attach_btf_id)
			missing = s->attach_to;
	}
	for (u32 i = 0; i < s->n_kfuncs; i++) {
		s->insns[s->kfuncs[i].insn].imm = (s32)kernel_func_id(s->kfuncs[i].name);
		if (!s->insns[s->kfuncs[i].insn].imm)
			missing = s->kfuncs[i].name;
	}
	for (u32 i = 0; i < s->n_types; i++) {
		struct bpf_insn *insn = &s->insns[s->types[i].insn];
		bool is_var = BPF_CLASS(insn->code) == BPF_LD;

		insn->imm = (s32)kernel_id(s->types[i].name, is_var ? BTF_KIND_VAR : BTF_KIND_STRUCT);
		if (!insn->imm)
			missing = s->types[i].name;
	}
	if (missing)
		snprintf(v->message, sizeof(v->message), "no function %s in this kernel", missing);
	return !missing;
}

static void load(struct subject *s, int btf, u32 log_level, struct verdict *v)
{
	union bpf_attr attr = {
		.prog_type = s->prog_type,
		.insn_cnt = s->n_insns,
		.insns = (u64)(uintptr_t)s->insns,
		.license = (u64)(uintptr_t)(s->gpl ? "GPL" : "Proprietary"),
		.prog_flags = s->prog_flags,
		.expected_attach_type = s->attach_type,
	};
	int fd;

	if (!fill_functions(s, &attr, v))
		return;
	if (log_level) {
		v->log = calloc(1, LOG_SIZE);
		attr.log_buf = (u64)(uintptr_t)v->log;
		attr.log_size = LOG_SIZE;
		attr.log_level = log_level;
	}
	if (s->n_func_info) {
		attr.prog_btf_fd = (u32)btf;
		attr.func_info = (u64)(uintptr_t)s->func_info;
		attr.func_info_cnt = s->n_func_info;
		attr.func_info_rec_size = sizeof(s->func_info[0]);
	}
	v->ns = now();
	fd = sys_bpf(BPF_PROG_LOAD, &attr, 128);
	if (fd < 0 && errno == ENOSPC && log_level) {
		/* Only the log did not fit. */
		attr.log_level = attr.log_size = 0;
		attr.log_buf = 0;
		fd = sys_bpf(BPF_PROG_LOAD, &attr, 128);
	}
	v->err = fd < 0 ? -errno : 0;
	v->ns = now() - v->ns;
	v->judged = true;
	if (fd >= 0)
		close(fd);
	if (v->log)
		find_message(v->log, v);
}

/* Linux answers so before it looks at the program. */
static bool not_verified(const struct subject *s, const struct verdict *v)
{
	bool needs_target = s->prog_type == BPF_PROG_TYPE_TRACING ||
			    s->prog_type == BPF_PROG_TYPE_LSM || s->prog_type == BPF_PROG_TYPE_EXT;

	return (v->err == -EPERM && needs_target) || v->err == -ENOTSUP || v->err == -524;
}

void judge_linux(struct subject *s, u32 log_level, struct verdict *v)
{
	const char *why = linux_unavailable();
	int own[64], btf = -1;
	u32 n_own = 0;

	memset(v, 0, sizeof(*v));
	v->insn = -1;
	if (why || s->unprivileged) {
		snprintf(v->message, sizeof(v->message), "%s",
			 why ? why : "asked as root: no unprivileged verdict");
		return;
	}
	if (s->btf_size) {
		btf = load_btf(s->btf, s->btf_size);
		if (btf < 0) {
			v->err = -errno;
			snprintf(v->message, sizeof(v->message), "BTF_LOAD: %s", strerror(errno));
			return;
		}
	}
	if (fill_maps(s, btf, v, own, &n_own))
		load(s, btf, log_level, v);
	if (btf >= 0)
		close(btf);
	if (v->judged && not_verified(s, v)) {
		v->judged = false;
		snprintf(v->message, sizeof(v->message), "Linux does not verify it here (%s)",
			 strerror(-v->err));
	}
	for (u32 i = 0; i < n_own; i++)
		close(own[i]);
}
