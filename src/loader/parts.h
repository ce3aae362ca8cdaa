/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the private libbpf part share. privatise.sh hides all names but
 * loader_*; the others are free to be short.
 */
#ifndef SKEP_LOADER_PARTS_H
#define SKEP_LOADER_PARTS_H

#include "loader/loader.h"

/* As model.h has it: the program type of SEC("skep/NAME"). */
#define PROG_TYPE_CUSTOM 0x10000

#define LOG_SIZE (16u << 20) /* of the verifier; the most that libbpf itself would ask for */

struct bpf_object;
struct bpf_program;
struct bpf_map;
struct judging;

struct loader {
	struct loader_kernel kernel; /* the caller's, with bpf(2) watched */
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
	struct judging *judging; /* programs are judged, not loaded: judge.c */
};

/* ---- loader.c ---- */

/* Between these two, libbpf works for this loader. */
struct scope {
	struct loader *before;
	const struct loader_kernel *kernel_before;
};

struct scope scope_enter(struct loader *loader);
void scope_leave(struct scope scope);

u64 clock_ns(void);
/* The last warning that names a cause, without its newline; or "". */
void last_warning(const struct loader *loader, char *out, size_t size);
void describe_map(struct loader_map *out, const struct bpf_map *map);
bool has_map_type(const struct loader *loader, u32 type);
bool has_prog_type(const struct loader *loader, u32 type);
/* Fills error; returns err. */
int tell_error(struct loader_error *error, int err, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* How an object is opened that is to be judged: what concerns only some programs must not
 * keep the others from being looked at. */
struct open_how {
	bool relaxed;        /* externs that the kernel lacks are taken as weak */
	const char *section; /* only this section's relocations are read; NULL: all */
	char hidden[16][64];  /* symbols of other objects that this one is to be linked with */
	u32 n_hidden;
};

int open_loader(const struct loader_kernel *kernel, const struct loader_source *source,
		const struct open_how *how, struct loader **out, struct loader_error *error);

/* ---- load.c ---- */

/* Makes loader->log. 0 or -ENOMEM. */
int log_make(struct loader *loader);
/* The program that libbpf was at when it gave up, or NULL: then no program is to blame. */
struct loader_prog *find_refused(struct loader *loader);
/* Refused with err: fills verdict, reason and place from loader->log and the warnings. */
void refuse(struct loader *loader, struct loader_prog *prog, int err);
/* Why the object cannot be loaded when no program is to blame. */
void cause_of(const struct loader *loader, int err, char *out, size_t size);
/* "map 'x' has type ..., which Skep does not have": why a map of that type is not made. */
void tell_lacking_map(const char *name, u32 type, char *out, size_t size);

/* ---- judge.c ---- */

/* bpf(2) as the libbpf of a loader with judging set sees it. */
int judge_bpf(struct loader *loader, int cmd, union bpf_attr *attr, unsigned int size);
/* What libbpf says of an extern on its way through them. */
void judge_note_extern(struct loader *loader, const char *text);

/* ---- sections.c ---- */

/* Teaches libbpf the newer sections and SEC("skep/NAME"). Once a process. */
void sections_register(void);
/* The type of a program whose section says none, from the type of its argument. */
void section_guess_type(struct loader *loader, u32 prog);

/* ---- file.c ---- */

/* All of a file, which may be a pipe. 0 or -errno; *bytes is malloc'ed. */
int read_whole_file(const char *path, void **bytes, size_t *size);

/* ---- surgery.c: changes to the bytes of an object that check_object found good ---- */

/* Parts that this libbpf stumbles over, and that no program needs, are hidden from it. */
void elf_hide_parts(void *bytes);
/* Programs that are static, which libbpf has no use for, become global. */
void elf_export_programs(void *bytes);
/* Undefined symbols become weak: libbpf goes on without them. */
void elf_weaken_externs(void *bytes);
/* Hides an undefined symbol: what refers to it can no longer be read. */
void elf_hide_symbol(void *bytes, const char *name);
/* Hides the relocations of all sections with programs but that one (and .text). */
void elf_isolate(void *bytes, const char *section);
/*
 * The name of the symbol in names (n of them) that the program's own instructions refer to
 * and that the object declares as strong; NULL: none.
 */
const char *elf_strong_reference(const void *bytes, const char *program, char names[][64], u32 n);
/* Calls seen with the name of each section that holds programs. */
void elf_each_section(const void *bytes, void (*seen)(void *data, const char *section), void *data);
/* And with the name of each program in a section. */
void elf_each_program(const void *bytes, const char *section,
		      void (*seen)(void *data, const char *name), void *data);

#endif
