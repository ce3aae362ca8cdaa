/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging each program of an object alone.
 *
 * libbpf loads an object as a whole and stops at the first thing that goes wrong. To have
 * every program judged in one pass, libbpf is told that all went well: judge_bpf stands
 * between it and the kernel. A map that cannot be made gets a stand-in fd, and only
 * programs that use it are refused for it; a program is judged, closed, and libbpf gets a stand-in
 * for it as well, whatever the verdict. Nothing is pinned or found by its pin.
 *
 * What libbpf itself refuses (no such attach point, a relocation) it blames on a program:
 * that one gets its verdict from the warning, and the object is loaded again for those
 * without one. If it takes an extern for missing, the next rounds are relaxed; programs that
 * need that extern themselves are refused. If the object does not even open, each
 * section of programs is tried without the relocations of the others.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "loader/check.h"
#include "loader/libbpf_os.h"
#include "loader/parts.h"
#include "loader/reason.h"

#define MAX_STAND_INS 512
#define MAX_MISSING   32

/* A map that the kernel below did not make. libbpf may move its fd: the inode is what stays. */
struct stand_in {
	dev_t dev;
	ino_t ino;
	u32 type;
	int err;
	char name[BPF_OBJ_NAME_LEN];
};

struct judging {
	const struct loader_judge *how;
	const struct loader_source *source;
	struct loader *loader; /* of this round */
	struct loader_error *error;
	struct open_how open;
	bool *done; /* by program */
	u32 n, n_done;
	struct stand_in stand_ins[MAX_STAND_INS];
	u32 n_stand_ins;
	char missing[MAX_MISSING][64]; /* externs that the kernel lacks */
	u32 n_missing;
	/* libbpf names the program of a PROG_LOAD by its log buffer: one of these. */
	char *tokens;
};

#define TOKEN_SIZE 128 /* the smallest log that Linux takes */

/* ---- the kernel that libbpf sees ---- */

static int below(struct loader *loader, int cmd, union bpf_attr *attr, unsigned int size)
{
	return loader->below->bpf(loader->below->data, cmd, attr, size);
}

static int stand_in_fd(void)
{
	return memfd_create("stand-in", MFD_CLOEXEC);
}

/*
 * Sizes that an object leaves to its loader, which knows how many CPUs there are or what was
 * asked for on the command line. Any that the kernel takes will do.
 */
static void complete_map(union bpf_attr *attr)
{
	bool sized_in_pages =
	    attr->map_type == BPF_MAP_TYPE_RINGBUF || attr->map_type == BPF_MAP_TYPE_USER_RINGBUF;

	if (!attr->max_entries)
		attr->max_entries = sized_in_pages ? 4096 : 1024;
	if (!attr->value_size && attr->map_type == BPF_MAP_TYPE_STACK_TRACE)
		attr->value_size = 127 * sizeof(u64);
	if (attr->map_type == BPF_MAP_TYPE_CPUMAP)
		attr->max_entries = 1; /* one a CPU: how many there may be, the kernel says */
}

static int judge_map_create(struct loader *loader, union bpf_attr *attr, unsigned int size)
{
	struct judging *judging = loader->judging;
	int fd = below(loader, BPF_MAP_CREATE, attr, size);
	struct stand_in *made;
	struct stat st;

	if (fd < 0 && (errno == EINVAL || errno == E2BIG)) {
		union bpf_attr whole = { 0 };

		memcpy(&whole, attr, MIN(size, sizeof(whole)));
		complete_map(&whole);
		fd = below(loader, BPF_MAP_CREATE, &whole, size);
	}
	/* libbpf tries again without the types of key and value. */
	if (fd >= 0 || attr->btf_key_type_id || attr->btf_value_type_id)
		return fd;
	if (judging->n_stand_ins == MAX_STAND_INS)
		return fd;
	made = &judging->stand_ins[judging->n_stand_ins];
	*made = (struct stand_in){ .type = attr->map_type, .err = -errno };
	memcpy(made->name, attr->map_name, sizeof(made->name));
	fd = stand_in_fd();
	if (fd < 0 || fstat(fd, &st))
		return fd;
	made->dev = st.st_dev;
	made->ino = st.st_ino;
	judging->n_stand_ins++;
	return fd;
}

static const struct stand_in *find_stand_in(const struct judging *judging, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return NULL;
	for (u32 i = judging->n_stand_ins; i > 0; i--)
		if (judging->stand_ins[i - 1].ino == st.st_ino &&
		    judging->stand_ins[i - 1].dev == st.st_dev)
			return &judging->stand_ins[i - 1];
	return NULL;
}

/* The first map the program names that could not be made. */
static const struct stand_in *needed_stand_in(const struct judging *judging,
					      const union bpf_attr *attr)
{
	const struct bpf_insn *insns = (const struct bpf_insn *)(uintptr_t)attr->insns;
	const struct stand_in *found = NULL;

	for (u32 i = 0; i + 1 < attr->insn_cnt && !found; i++) {
		if (insns[i].code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insns[i].src_reg == BPF_PSEUDO_MAP_FD ||
		    insns[i].src_reg == BPF_PSEUDO_MAP_VALUE)
			found = find_stand_in(judging, insns[i].imm);
		i++;
	}
	return found;
}

static void finish(struct judging *judging, u32 index)
{
	judging->done[index] = true;
	judging->n_done++;
	judging->how->seen(judging->how->data, &judging->loader->progs[index]);
}

static void blame_map(struct loader *loader, struct loader_prog *prog, const struct stand_in *map)
{
	prog->verdict = LOADER_REFUSED;
	prog->err = map->err;
	if (!has_map_type(loader, map->type))
		tell_lacking_map(map->name, map->type, prog->reason, sizeof(prog->reason));
	else
		snprintf(prog->reason, sizeof(prog->reason), "map '%s' cannot be made: %s",
			 map->name, strerror(-map->err));
}

/* A first load tells verdict, cause and figures; a second, for the log that is asked for. */
static int load_with(struct loader *loader, union bpf_attr *attr, unsigned int size, u32 level)
{
	union bpf_attr copy;

	memset(&copy, 0, sizeof(copy));
	memcpy(&copy, attr, MIN(size, sizeof(copy)));
	loader->log[0] = 0;
	copy.log_level = level;
	copy.log_buf = (u64)(uintptr_t)loader->log;
	copy.log_size = LOG_SIZE;
	return below(loader, BPF_PROG_LOAD, &copy, size);
}

static int load_for_verdict(struct loader *loader, union bpf_attr *attr, unsigned int size)
{
	u64 start = clock_ns();
	int fd = load_with(loader, attr, size, 4);

	loader->last_load_ns = clock_ns() - start;
	return fd;
}

static void take_log(struct judging *judging, struct loader_prog *prog, union bpf_attr *attr,
		     unsigned int size)
{
	struct loader *loader = judging->loader;
	u32 level = judging->how->log_level;
	int fd;

	if (level) {
		fd = load_with(loader, attr, size, level);
		if (fd >= 0)
			close(fd);
		free((char *)prog->log);
		prog->log = strdup(loader->log);
		if (prog->verdict == LOADER_REFUSED)
			reason_from_log(prog, prog->reason);
	}
}

static void judge_load(struct judging *judging, struct loader_prog *prog, union bpf_attr *attr,
		       unsigned int size)
{
	struct loader *loader = judging->loader;
	const struct stand_in *lacking = needed_stand_in(judging, attr);
	const char *extern_name = elf_strong_reference(judging->source->bytes, prog->name,
						       judging->missing, judging->n_missing);

	if (judging->how->begin)
		judging->how->begin(judging->how->data, prog);
	if (extern_name) {
		prog->verdict = LOADER_REFUSED;
		prog->err = -ESRCH;
		snprintf(prog->reason, sizeof(prog->reason), "extern '%s' is not in this kernel",
			 extern_name);
		return;
	}
	if (lacking) {
		blame_map(loader, prog, lacking);
		return;
	}
	loader->warnings[0] = 0;
	prog->fd = load_for_verdict(loader, attr, size);
	if (prog->fd < 0) {
		refuse(loader, prog, -errno);
	} else {
		prog->verdict = LOADER_ACCEPTED;
		prog->load_ns = loader->last_load_ns;
	}
	figures_from_log(prog, loader->log);
	take_log(judging, prog, attr, size);
}

static int judge_prog_load(struct loader *loader, union bpf_attr *attr, unsigned int size)
{
	struct judging *judging = loader->judging;
	u64 at = attr->log_buf - (u64)(uintptr_t)judging->tokens;
	u32 index = (u32)(at / TOKEN_SIZE);
	struct loader_prog *prog;

	/* libbpf's own questions to the kernel */
	if (!attr->log_buf || at >= (u64)judging->n * TOKEN_SIZE)
		return below(loader, BPF_PROG_LOAD, attr, size);
	prog = &loader->progs[index];
	if (!judging->done[index]) {
		judge_load(judging, prog, attr, size);
		finish(judging, index);
		if (prog->fd >= 0)
			close(prog->fd);
		prog->fd = -1;
	}
	return stand_in_fd();
}

int judge_bpf(struct loader *loader, int cmd, union bpf_attr *attr, unsigned int size)
{
	int ret;

	switch (cmd) {
	case BPF_MAP_CREATE:
		return judge_map_create(loader, attr, size);
	case BPF_PROG_LOAD:
		return judge_prog_load(loader, attr, size);
	case BPF_OBJ_GET:
		errno = ENOENT;
		return -1;
	case BPF_OBJ_PIN:
		return 0;
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_FREEZE:
	case BPF_PROG_BIND_MAP:
		ret = below(loader, cmd, attr, size);
		return ret < 0 ? 0 : ret; /* of a stand-in, most likely */
	default:
		return below(loader, cmd, attr, size);
	}
}

/* ---- rounds ---- */

/* "extern ... 'NAME' ... not resolved": remembered; true when that is news. */
static bool note_missing_extern(struct judging *judging, const char *text)
{
	const char *at = strstr(text, "extern ");
	const char *quote = at ? strchr(at, '\'') : NULL;
	char *name = judging->missing[judging->n_missing];

	if (!quote || judging->n_missing == MAX_MISSING)
		return false;
	snprintf(name, sizeof(judging->missing[0]), "%.*s", (int)strcspn(quote + 1, "'"),
		 quote + 1);
	for (u32 i = 0; i < judging->n_missing; i++)
		if (strcmp(judging->missing[i], name) == 0)
			return false;
	judging->n_missing++;
	judging->open.relaxed = true;
	return true;
}

void judge_note_extern(struct loader *loader, const char *text)
{
	if (loader->judging->open.relaxed && strstr(text, "not resolved"))
		note_missing_extern(loader->judging, text);
}

static void prepare_programs(struct judging *judging)
{
	struct loader *loader = judging->loader;

	for (u32 i = 0; i < judging->n; i++) {
		struct loader_prog *prog = &loader->progs[i];

		bpf_program__set_log_buf(loader->bpf_progs[i], judging->tokens + i * TOKEN_SIZE,
					 TOKEN_SIZE);
		bpf_program__set_log_level(loader->bpf_progs[i], 4);
		loader_want(loader, i, !judging->done[i]);
		if (!prog->type)
			section_guess_type(loader, i);
	}
}

static void unjudge(struct loader_prog *prog, const char *fmt, const char *what)
{
	prog->verdict = LOADER_UNJUDGED;
	snprintf(prog->reason, sizeof(prog->reason), fmt, what);
}

static void guess_context(struct loader *loader, u32 index)
{
	const struct loader_kernel *below = loader->below;
	const struct loader_prog *prog = &loader->progs[index];
	const void *btf;
	u32 size;
	int id;

	btf = loader_btf(loader, &size);
	if (!btf || !below->guess_context)
		return;
	id = below->guess_context(below->data, prog->section + strlen("skep/"), prog->name, btf,
				  size);
	if (id > 0)
		loader_set_type(loader, index, PROG_TYPE_CUSTOM, (u32)id);
}

/* Programs of which it is known before libbpf looks at them. */
static void settle_early(struct judging *judging)
{
	struct loader *loader = judging->loader;

	for (u32 i = 0; i < judging->n; i++) {
		struct loader_prog *prog = &loader->progs[i];

		if (judging->done[i])
			continue;
		if (judging->open.section && strcmp(prog->section, judging->open.section)) {
			judging->done[i] = true;
			judging->n_done++;
			continue;
		}
		if (prog->type == PROG_TYPE_CUSTOM && !prog->expected_attach_type)
			guess_context(loader, i);
		if (!prog->type) {
			unjudge(prog, "no program type goes with SEC(\"%s\")", prog->section);
		} else if (prog->type == PROG_TYPE_CUSTOM && !prog->expected_attach_type) {
			unjudge(prog,
				"SEC(\"%s\") needs an embedding program that adds this context",
				prog->section);
		} else {
			continue;
		}
		loader_want(loader, i, false);
		finish(judging, i);
	}
}

/* "failed to find kernel BTF type ID of 'NAME'" */
static bool lacks_target(const struct loader *loader, struct loader_prog *prog)
{
	const char *at = strstr(loader->warnings, "failed to find kernel BTF type ID of '");
	const char *name = at ? strchr(at, '\'') + 1 : NULL;

	if (!at)
		return false;
	prog->verdict = LOADER_REFUSED;
	prog->err = -ESRCH;
	snprintf(prog->reason, sizeof(prog->reason), "this kernel has no '%.*s' to attach to",
		 (int)strcspn(name, "'"), name);
	return true;
}

/* It replaces a function of a program that is loaded already, which its loader names. */
static void refuse_later(struct loader_prog *prog, int err)
{
	prog->verdict = LOADER_REFUSED;
	prog->err = err;
	snprintf(prog->reason, sizeof(prog->reason),
		 "freplace programs come later: Skep cannot judge them yet");
}

/* libbpf gave up at this program, before or instead of a PROG_LOAD. */
static void settle_refused(struct judging *judging, struct loader_prog *prog, int err)
{
	struct loader *loader = judging->loader;
	u32 index = (u32)(prog - loader->progs);

	if (loader->log)
		loader->log[0] = 0;
	loader->last_load_ns = 0;
	if (judging->how->begin)
		judging->how->begin(judging->how->data, prog);
	if (strstr(loader->warnings, "no BTF-based attach target"))
		unjudge(prog, "SEC(\"%s\") names no target: a loader sets it", prog->section);
	else if (prog->type == BPF_PROG_TYPE_EXT)
		refuse_later(prog, err);
	else if (!lacks_target(loader, prog))
		refuse(loader, prog, err);
	finish(judging, index);
}

static void settle_rest(struct judging *judging, int err)
{
	struct loader *loader = judging->loader;

	for (u32 i = 0; i < judging->n; i++) {
		struct loader_prog *prog = &loader->progs[i];

		if (judging->done[i])
			continue;
		prog->verdict = LOADER_REFUSED;
		prog->err = err;
		cause_of(loader, err, prog->reason, sizeof(prog->reason));
		finish(judging, i);
	}
}

static u32 programs_of(struct judging *judging, const struct loader *loader)
{
	if (judging->done)
		return judging->n;
	judging->n = loader->n_progs;
	judging->done = calloc(judging->n + 1, sizeof(bool));
	judging->tokens = calloc(judging->n + 1, TOKEN_SIZE);
	for (u32 i = 0; judging->done && i < judging->n; i++)
		if (judging->how->skip &&
		    judging->how->skip(judging->how->data, loader->progs[i].name)) {
			judging->done[i] = true;
			judging->n_done++;
		}
	return judging->done && judging->tokens ? judging->n : 0;
}

/* What libbpf made of a round. */
static int settle(struct judging *judging, u32 done_before, int err)
{
	struct loader_prog *refused = find_refused(judging->loader);

	if (!err)
		settle_rest(judging, -EINVAL);
	else if (refused && !judging->done[refused - judging->loader->progs])
		settle_refused(judging, refused, err);
	else if (!note_missing_extern(judging, judging->loader->warnings) &&
		 judging->n_done == done_before)
		settle_rest(judging, err);
	return 0;
}

static int one_round(struct judging *judging, const struct loader_kernel *kernel)
{
	u32 done_before = judging->n_done;
	struct loader *loader;
	struct scope scope;
	int err = open_loader(kernel, judging->source, &judging->open, &loader, judging->error);

	if (err)
		return err;
	judging->loader = loader;
	judging->n_stand_ins = 0;
	if (!programs_of(judging, loader)) {
		err = loader->n_progs ? -ENOMEM : -ENOENT;
		tell_error(judging->error, err, "%s %s", judging->source->path,
			   loader->n_progs ? "is too large" : "has no programs");
	}
	if (!err)
		err = log_make(loader);
	if (!err) {
		loader->judging = judging;
		loader->kernel.judging = true;
		prepare_programs(judging);
		settle_early(judging);
	}
	if (!err && judging->n_done < judging->n) {
		scope = scope_enter(loader);
		err = bpf_object__load(loader->object);
		scope_leave(scope);
		err = settle(judging, done_before, err);
	}
	loader_close(loader);
	return err;
}

static void judging_release(struct judging *judging)
{
	free(judging->done);
	free(judging->tokens);
	judging->done = NULL;
	judging->tokens = NULL;
	judging->n = judging->n_done = 0;
}

/* "failed to find BTF for extern 'NAME'": another object has it. True when that is news. */
static bool note_unlinked(struct judging *judging)
{
	const char *at = strstr(judging->error->text, "failed to find BTF for extern '");
	struct open_how *open = &judging->open;
	char *name = open->hidden[open->n_hidden];

	if (!at || open->n_hidden == ARRAY_SIZE(open->hidden))
		return false;
	at = strchr(at, '\'') + 1;
	snprintf(name, sizeof(open->hidden[0]), "%.*s", (int)strcspn(at, "'"), at);
	for (u32 i = 0; i < open->n_hidden; i++)
		if (strcmp(open->hidden[i], name) == 0)
			return false;
	open->n_hidden++;
	return true;
}

static int all_rounds(struct judging *judging, const struct loader_kernel *kernel)
{
	int err;

	do {
		err = one_round(judging, kernel);
	} while (err ? note_unlinked(judging) : judging->n_done < judging->n);
	judging_release(judging);
	return err;
}

/* ---- objects that do not open ---- */

struct by_section {
	struct judging *judging;
	const struct loader_kernel *kernel;
	const char *section;
	bool any; /* some section opens */
};

static void try_section(void *data, const char *section)
{
	struct by_section *by = data;
	struct open_how how = by->judging->open;
	struct loader_error ignored;
	struct loader *loader;

	how.relaxed = true;
	how.section = section;
	if (by->any || open_loader(by->kernel, by->judging->source, &how, &loader, &ignored))
		return;
	by->any = true;
	loader_close(loader);
}

static void tell_unopened(void *data, const char *name)
{
	struct by_section *by = data;
	const struct loader_judge *how = by->judging->how;
	struct loader_prog prog = { .name = name, .section = by->section, .fd = -1 };

	if (how->skip && how->skip(how->data, name))
		return;
	unjudge(&prog, "%.500s", by->judging->error->text);
	how->seen(how->data, &prog);
}

static void judge_section(void *data, const char *section)
{
	struct by_section *by = data;
	struct judging *judging = by->judging;

	by->section = judging->open.section = section;
	judging->open.relaxed = true;
	if (all_rounds(judging, by->kernel))
		elf_each_program(judging->source->bytes, section, tell_unopened, by);
}

static int judge_by_section(struct judging *judging, const struct loader_kernel *kernel, int err)
{
	struct by_section by = { .judging = judging, .kernel = kernel };
	char why[128];

	if (check_object(judging->source->bytes, judging->source->size, why, sizeof(why)))
		return err;
	elf_each_section(judging->source->bytes, try_section, &by);
	if (!by.any)
		return err;
	elf_each_section(judging->source->bytes, judge_section, &by);
	return 0;
}

int loader_judge(const struct loader_kernel *kernel, const struct loader_source *source,
		 const struct loader_judge *how, struct loader_error *error)
{
	struct loader_source whole = *source;
	struct judging judging = { .how = how, .source = &whole, .error = error };
	void *bytes = NULL;
	int err = 0;

	if (!source->bytes) {
		err = read_whole_file(source->path, &bytes, &whole.size);
		whole.bytes = bytes;
	}
	if (err) {
		free(bytes);
		return tell_error(error, err, "%s: %s", source->path, strerror(-err));
	}
	err = all_rounds(&judging, kernel);
	if (err && err != -ENOENT && err != -ENOMEM)
		err = judge_by_section(&judging, kernel, err);
	free(bytes);
	return err;
}
