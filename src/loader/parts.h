/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the private libbpf part share. */
#ifndef SKEP_LOADER_PARTS_H
#define SKEP_LOADER_PARTS_H

#include "base/types.h"

/* As model.h has it: the program type of SEC("skep/NAME"). */
#define PROG_TYPE_CUSTOM 0x10000

/* Teaches libbpf the newer sections and SEC("skep/NAME"). Once a process. */
void sections_register(void);

/* All of a file, which may be a pipe. 0 or -errno; *bytes is malloc'ed. */
int loader_read_file(const char *path, void **bytes, size_t *size);

#endif
