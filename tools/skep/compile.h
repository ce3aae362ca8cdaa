/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From C to an object: clang -target bpf, with the headers a program needs. <bpf/...> is
 * libbpf's; "vmlinux.h" is made of the BTF of the kernel that Skep presents, once, and kept
 * in the user's cache directory.
 */
#ifndef SKEP_TOOLS_COMPILE_H
#define SKEP_TOOLS_COMPILE_H

#include <stdio.h>

#include "base/types.h"

struct compile_opts {
	const void *btf; /* of the presented kernel; NULL: no vmlinux.h is made */
	size_t btf_size;
	char *const *flags; /* more for clang, NULL-terminated; may be NULL */
};

/* The types of raw BTF as the header that programs include: vmlinux.h. 0 or -errno. */
int write_types(const void *btf, size_t size, FILE *out);
/* A whole file: *bytes is malloc'ed. 0 or -errno. */
int read_file(const char *path, void **bytes, size_t *size);
/* Is it C that we should compile? By its name. */
bool is_source(const char *path);
/*
 * Compiles path; *bytes is malloc'ed. 0, or -errno after a message on standard error (what
 * clang has to say goes there as it is).
 */
int compile(const char *path, const struct compile_opts *opts, void **bytes, size_t *size);

#endif
