/* SPDX-License-Identifier: Apache-2.0 */
/* Which files are judged. */
#define _GNU_SOURCE
#include <elf.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "verify/verify.h"

static int grow(struct files *files)
{
	u32 cap = files->cap ? 2 * files->cap : 64;
	char **paths = realloc(files->paths, cap * sizeof(*paths));
	bool *found;

	if (!paths)
		return -ENOMEM;
	files->paths = paths;
	found = realloc(files->found, cap * sizeof(*found));
	if (!found)
		return -ENOMEM;
	files->found = found;
	files->cap = cap;
	return 0;
}

static int add(struct files *files, const char *path, bool found)
{
	int err = files->n == files->cap ? grow(files) : 0;

	if (err)
		return err;
	files->found[files->n] = found;
	files->paths[files->n] = strdup(path);
	return files->paths[files->n++] ? 0 : -ENOMEM;
}

static bool is_object(const char *path)
{
	size_t n = strlen(path);
	Elf64_Ehdr ehdr;
	FILE *in;
	bool is;

	if (n < 3 || strcmp(path + n - 2, ".o") != 0)
		return false;
	in = fopen(path, "re");
	if (!in)
		return false;
	is = fread(&ehdr, sizeof(ehdr), 1, in) == 1 && !memcmp(ehdr.e_ident, ELFMAG, SELFMAG) &&
	     ehdr.e_ident[EI_CLASS] == ELFCLASS64 && ehdr.e_type == ET_REL &&
	     ehdr.e_machine == EM_BPF;
	fclose(in);
	return is;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Links are not followed: what they lead to is found where it is, or is not below. */
static int add_tree(struct files *files, const char *path)
{
	char *roots[] = { (char *)path, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	FTSENT *at;
	int err = 0;

	if (!fts)
		return -errno;
	while (!err && (at = fts_read(fts)) != NULL) {
		if (at->fts_info == FTS_F && is_object(at->fts_path))
			err = add(files, at->fts_path, true);
		else if (at->fts_info == FTS_DNR || at->fts_info == FTS_ERR)
			complain("%s: %s", at->fts_path, strerror(at->fts_errno));
	}
	fts_close(fts);
	return err;
}

int files_add(struct files *files, const char *path)
{
	u32 before = files->n;
	struct stat st;
	int err;

	if (stat(path, &st) || !S_ISDIR(st.st_mode))
		err = add(files, path, false); /* what is wrong with it, its own row says */
	else
		err = add_tree(files, path);
	if (!err && files->n == before) {
		complain("there are no eBPF objects (*.o) below %s", path);
		return -ENOENT;
	}
	if (err)
		complain("%s: %s", path, strerror(-err));
	return err;
}

void files_release(struct files *files)
{
	for (u32 i = 0; i < files->n; i++)
		free(files->paths[i]);
	free(files->paths);
	free(files->found);
}
