/* SPDX-License-Identifier: Apache-2.0 */
/* Object files, through the private libbpf. */
#include "embed/embed.h"
#include "loader/loader.h"

#include <stdlib.h>
#include <string.h>

struct skep_object {
	struct loader *loader;
	struct loader_kernel kernel;
};

static struct skep_object *load(struct skep *skep, const struct loader_source *source)
{
	struct skep_object *object = calloc(1, sizeof(*object));
	struct loader_error error = { 0 };
	int err;

	if (!object)
		return embed_fail_ptr(-ENOMEM, "%s: out of memory", source->path);
	loader_kernel_of(skep, &object->kernel);
	err = loader_open(&object->kernel, source, &object->loader, &error);
	if (!err)
		err = loader_load(object->loader, &error);
	if (!err)
		return object;
	loader_close(object->loader);
	free(object);
	return embed_fail_ptr(err, "%s", error.text);
}

struct skep_object *skep_object_load(struct skep *skep, const char *path)
{
	struct loader_source source = { .path = path };

	return load(skep, &source);
}

struct skep_object *skep_object_load_mem(struct skep *skep, const void *elf, size_t size,
					 const char *name)
{
	struct loader_source source = { .path = name, .bytes = elf, .size = size };

	return load(skep, &source);
}

int skep_object_prog(const struct skep_object *object, const char *name)
{
	int index = loader_find_prog(object->loader, name);

	if (index < 0)
		return embed_fail(-ENOENT, "the object has no program '%s'", name);
	return loader_prog(object->loader, (u32)index)->fd;
}

int skep_object_map(const struct skep_object *object, const char *name)
{
	int index = loader_find_map(object->loader, name);

	if (index < 0)
		return embed_fail(-ENOENT, "the object has no map '%s'", name);
	return loader_map(object->loader, (u32)index)->fd;
}

void skep_object_free(struct skep_object *object)
{
	if (!object)
		return;
	loader_close(object->loader);
	free(object);
}
