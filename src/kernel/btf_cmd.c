/* SPDX-License-Identifier: Apache-2.0 */
/* BTF_LOAD. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "btf/record.h"
#include "kernel/commands.h"
#include "kernel/core.h"

#define BTF_LARGEST (16u << 20)
#define F_TOKEN_FD  (1u << 16)

static void btf_destroy(struct object *object)
{
	struct btf_object *bo = CONTAINER_OF(object, struct btf_object, base);

	if (!bo->kernel_btf)
		btf_free(bo->btf); /* else it is the model's */
	free(bo);
}

static int parse(struct skep *skep, const struct attr_btf_load *a, struct text *log,
		 struct btf **out)
{
	const struct record_kernel kernel = { skep->model.btf, skep->model.owned_types };
	void *data = malloc(a->btf_size ? a->btf_size : 1);
	int err;

	if (!data)
		return -ENOMEM;
	err = user_read(data, a->btf, a->btf_size);
	if (!err)
		err = btf_parse(data, a->btf_size, NULL, log, out);
	if (!err)
		err = btf_check_objects(*out, &kernel);
	free(data);
	return err;
}

static int publish(struct skep *skep, struct btf *btf)
{
	struct btf_object *bo = calloc(1, sizeof(*bo));
	int err = -ENOMEM;

	if (!bo)
		goto fail;
	err = object_init(skep, &bo->base, OBJECT_BTF, "btf", -1);
	if (err)
		goto fail;
	bo->btf = btf;
	bo->base.destroy = btf_destroy;
	return object_publish(&bo->base, O_RDWR);

fail:
	free(bo);
	btf_free(btf);
	return err;
}

int btf_present(struct skep *skep)
{
	struct btf_object *bo;
	int err;

	if (!skep->model.btf)
		return 0;
	bo = calloc(1, sizeof(*bo));
	if (!bo)
		return -ENOMEM;
	err = object_init(skep, &bo->base, OBJECT_BTF, "btf", -1);
	if (err) {
		free(bo);
		return err;
	}
	bo->btf = skep->model.btf;
	bo->kernel_btf = true;
	str_copy(bo->name, "vmlinux", sizeof(bo->name));
	bo->base.destroy = btf_destroy;
	err = object_enter(&bo->base);
	if (err)
		object_put(&bo->base);
	else
		skep->vmlinux = bo;
	return err;
}

static bool wants_true_size(const struct bpf_call *call)
{
	return call->user_size >= offsetof(struct attr_btf_load, log_true_size) + sizeof(u32);
}

int cmd_btf_load(struct skep *skep, struct bpf_call *call)
{
	const struct attr_btf_load *a = &call->attr.btf_load;
	struct btf *btf = NULL;
	struct user_log log;
	u32 true_size;
	int err;

	if (a->btf_flags & ~F_TOKEN_FD)
		return -EINVAL;
	if (a->btf_flags & F_TOKEN_FD)
		return token_error(a->token_fd);
	if (a->btf_size > BTF_LARGEST)
		return -E2BIG;
	err = user_log_open(&log, a->log_level, a->log_buf, a->log_size);
	if (err)
		return err;
	err = parse(skep, a, log.level ? &log.text : NULL, &btf);
	err = user_log_close(&log, err, &true_size);
	if (wants_true_size(call) && attr_answer(call, attr_btf_load, log_true_size, true_size))
		err = -EFAULT;
	if (err) {
		btf_free(btf);
		return err;
	}
	return publish(skep, btf);
}
