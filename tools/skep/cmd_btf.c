/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "kernel/kernel.h"
#include "compile.h"
#include "loader/loader.h"

const char help_btf[] =
    "usage: skep btf c|raw [OBJECT.bpf.o]\n"
    "\n"
    "Writes the types of the kernel that Skep presents, or those of an object file, to standard\n"
    "output.\n"
    "\n"
    "  c    as C declarations: 'skep btf c > vmlinux.h' is what programs include\n"
    "  raw  as the bytes of /sys/kernel/btf/vmlinux, for other tools\n";

static int write_btf(const char *form, const void *btf, size_t size)
{
	int err = 0;

	if (!btf) {
		complain("there is no BTF in it: compile with -g");
		return EXIT_PROBLEM;
	}
	if (strcmp(form, "raw") == 0)
		err = fwrite(btf, 1, size, stdout) == size ? 0 : -EIO;
	else
		err = write_types(btf, size, stdout);
	if (fflush(stdout))
		err = -errno;
	if (err)
		complain("cannot write the types: %s", strerror(-err));
	return err ? EXIT_PROBLEM : EXIT_FINE;
}

static int of_object(const struct loader_kernel *kernel, const char *form, const char *path)
{
	struct loader_source source = { .path = path };
	struct loader_error error = { 0 };
	struct loader *loader;
	const void *btf;
	int status;
	u32 size;

	if (loader_open(kernel, &source, &loader, &error)) {
		complain("%s", error.text);
		return EXIT_PROBLEM;
	}
	btf = loader_btf(loader, &size);
	status = write_btf(form, btf, size);
	loader_close(loader);
	return status;
}

int cmd_btf(int argc, char **argv)
{
	struct loader_kernel kernel;
	struct skep *skep;
	int status;

	if (argc < 2 || argc > 3 || (strcmp(argv[1], "c") && strcmp(argv[1], "raw")))
		return bad_usage("btf", "say c or raw");
	if (strcmp(argv[1], "raw") == 0 && isatty(STDOUT_FILENO))
		return bad_usage("btf", "raw is not for a terminal: redirect it to a file");
	skep = skep_new(NULL);
	if (!skep) {
		complain("cannot make a kernel: %s", strerror(errno));
		return EXIT_PROBLEM;
	}
	loader_kernel_of(skep, &kernel);
	status = argc == 3 ? of_object(&kernel, argv[1], argv[2])
			   : write_btf(argv[1], kernel.btf, kernel.btf_size);
	skep_free(skep);
	return status;
}
