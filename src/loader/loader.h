/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading eBPF object files. Stock libbpf does the work (ELF, BTF, CO-RE, map definitions)
 * as a private part of Skep: its symbols are hidden, so a program may link with its own
 * libbpf as well. Only this header is seen outside of that part.
 *
 *	loader_open	reads the object; programs and maps can be looked at and changed
 *	loader_load	creates the maps and loads the programs: fds are valid from here on
 *	loader_close	frees everything; fds that were not taken away by dup are closed
 *
 * A loader belongs to one thread at a time. Several may be in use at once.
 */
#ifndef SKEP_LOADER_LOADER_H
#define SKEP_LOADER_LOADER_H

#include <linux/bpf.h>

#include "base/types.h"

struct loader;
struct skep;

/* The kernel below libbpf: Skep's own, or any other that speaks bpf(2). */
struct loader_kernel {
	/* bpf(2): >= 0, or -1 and errno. */
	int (*bpf)(void *data, int cmd, union bpf_attr *attr, unsigned int size);
	/* The context id of SEC("skep/NAME"): -ENOENT when there is none. May be NULL. */
	int (*context)(void *data, const char *name);
	/*
	 * For judging: the context of such a program by the object's BTF, where nobody added it.
	 * Its id, or -errno. May be NULL.
	 */
	int (*guess_context)(void *data, const char *name, const char *program, const void *btf,
			     u32 btf_size);
	void *data;
	/* The BTF in force: what /sys/kernel/btf/vmlinux holds. NULL: there is none. */
	const void *btf;
	size_t btf_size;
	const char *release; /* of uname; NULL: the machine's */
	/* Does it have that type (enum bpf_map_type, bpf_prog_type) at all? NULL: who knows. */
	bool (*has_map_type)(void *data, u32 type);
	bool (*has_prog_type)(void *data, u32 type);
	/* This really is the kernel of the machine: files below /sys and /proc are its own. */
	bool machine;
	/* btf is that of the machine's kernel: so are the addresses in /proc/kallsyms. */
	bool machine_symbols;
	/* Only verdicts are wanted: no file is made or asked about, symbols that cannot be looked
	 * up are none. */
	bool judging;
};

/* The kernel of this machine, asked through the real bpf(2). */
extern const struct loader_kernel loader_linux;
/* Describes a Skep kernel; valid as long as skep is. */
void loader_kernel_of(struct skep *skep, struct loader_kernel *kernel);

/* What went wrong, where, and what to do: one message, several lines when a log belongs to it. */
struct loader_error {
	int err; /* negative errno */
	char text[4096];
};

enum loader_verdict {
	LOADER_NOT_TRIED,
	LOADER_ACCEPTED,
	LOADER_REFUSED,
	LOADER_UNJUDGED, /* by loader_judge: something is missing that a verdict needs */
};

struct loader_prog {
	const char *name;
	const char *section;
	u32 type; /* enum bpf_prog_type; 0: unknown section name */
	u32 expected_attach_type;
	u32 insn_cnt;
	bool optional; /* SEC("?..."): loaded only when asked for */
	int fd;        /* -1 unless accepted */
	enum loader_verdict verdict;
	int err;     /* refused: negative errno */
	u64 load_ns; /* the PROG_LOAD that decided */
	u64 insns;   /* instructions the verifier went through; 0: not told */
	u64 states, peak_states;
	const char *log;  /* the verifier's, or NULL */
	char reason[512]; /* refused, unjudged: one line */
	char where[512];  /* "file.c:12: source text", or "" */
};

struct loader_map {
	const char *name;
	u32 type, key_size, value_size, max_entries, flags;
	u32 key_type, value_type; /* ids in the object's BTF; 0: not described */
	bool internal;            /* .rodata, .data, .bss, .kconfig */
	int fd;                   /* -1 before loading */
};

struct loader_source {
	const char *path;  /* also names the object in messages */
	const void *bytes; /* NULL: read path */
	size_t size;
};

/* 0 or the error's err. Whatever opens is freed by loader_close. */
int loader_open(const struct loader_kernel *kernel, const struct loader_source *source,
		struct loader **out, struct loader_error *error);
void loader_close(struct loader *loader);

u32 loader_prog_count(const struct loader *loader);
const struct loader_prog *loader_prog(const struct loader *loader, u32 index);
u32 loader_map_count(const struct loader *loader);
const struct loader_map *loader_map(const struct loader *loader, u32 index);
/* Index by name, or -ENOENT. ".bss", ".data" and ".rodata" find the object's own. */
int loader_find_map(const struct loader *loader, const char *name);
int loader_find_prog(const struct loader *loader, const char *name);
/* The object's BTF as it lies in the file, or NULL. */
const void *loader_btf(const struct loader *loader, u32 *size);

/* Before loading. Programs that are not wanted are left out. */
void loader_want(struct loader *loader, u32 prog, bool wanted);
void loader_set_type(struct loader *loader, u32 prog, u32 type, u32 expected_attach_type);
/* log_level 0: a log only of what is refused. */
void loader_set_log_level(struct loader *loader, u32 log_level);

/* All wanted programs, or none: libbpf stops at the first that is refused. */
int loader_load(struct loader *loader, struct loader_error *error);

/* How loader_judge works, and whom it tells. */
struct loader_judge {
	u32 log_level; /* for prog->log; 0: what is refused has the verifier's message there */
	/* Before a program is judged; may be NULL. */
	void (*begin)(void *data, const struct loader_prog *prog);
	/* prog->fd is valid until it returns. */
	void (*seen)(void *data, const struct loader_prog *prog);
	/* A program that needs no verdict; may be NULL. */
	bool (*skip)(void *data, const char *name);
	void *data;
};

/*
 * Judges every program of an object alone: what is wrong with one hides no other. -errno when
 * the object cannot be read at all, -ENOENT when it has no programs.
 */
int loader_judge(const struct loader_kernel *kernel, const struct loader_source *source,
		 const struct loader_judge *how, struct loader_error *error);

/* C declarations of all types in raw BTF ("vmlinux.h"), through put. 0 or -errno. */
int loader_btf_to_c(const void *btf, size_t size, void (*put)(void *data, const char *text),
		    void *data);

#endif
