/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PROG_LOAD: from a client's attr to a program with an fd. The order of the checks is
 * Linux's: it decides which errno, and whether the verifier's log is written.
 *
 * A struct load holds all that a load has taken so far; load_release gives back whatever the
 * program object did not take over.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "btf/core.h"
#include "explain/explain.h"
#include "kernel/commands.h"
#include "kernel/map_obj.h"
#include "kernel/sha256.h"

/* Newer than some systems' <linux/bpf.h>. */
#define F_XDP_DEV_BOUND_ONLY  (1u << 6)
#define F_TEST_REG_INVARIANTS (1u << 7)
#define F_TOKEN_FD            (1u << 16)

#define LOAD_FLAGS                                                                                \
	(BPF_F_STRICT_ALIGNMENT | BPF_F_ANY_ALIGNMENT | BPF_F_TEST_STATE_FREQ | BPF_F_SLEEPABLE | \
	 BPF_F_TEST_RND_HI32 | BPF_F_XDP_HAS_FRAGS | F_XDP_DEV_BOUND_ONLY |                       \
	 F_TEST_REG_INVARIANTS | F_TOKEN_FD)

#define MAX_INSNS     1000000
#define MAX_USED_MAPS 64
#define MAX_REC_SIZE  252

/* Records of func_info and line_info as the kernel keeps them. */
struct records {
	void *data;
	u32 size, count;
};

struct load {
	struct skep *skep;
	struct bpf_call *call;
	const struct attr_prog_load *attr;
	char license[128];
	char name[BPF_OBJ_NAME_LEN];
	struct bpf_insn *insns;
	u8 digest[SHA256_SIZE];
	u32 attach_type; /* as meant */
	const struct ctx_layout *ctx;
	struct btf_object *btf;
	struct btf_object *attach_btf;	  /* that attach_btf_id is in; NULL: the kernel's */
	struct prog_object *attach_prog;  /* that the program replaces, or is to be called with */
	struct records func_info, line_info;
	struct map_object *maps[MAX_USED_MAPS];
	u32 n_maps;
	struct verify_result result;
};

static void load_release(struct load *load)
{
	for (u32 i = 0; i < load->n_maps; i++)
		object_put(&load->maps[i]->base);
	if (load->btf)
		object_put(&load->btf->base);
	if (load->attach_btf)
		object_put(&load->attach_btf->base);
	if (load->attach_prog)
		object_put(&load->attach_prog->base);
	free(load->insns);
	free(load->func_info.data);
	free(load->line_info.data);
	if (load->result.image)
		image_free(load->result.image);
}

static bool license_is_gpl(const char *license)
{
	static const char *const gpl[] = {
		"GPL",          "GPL v2",       "GPL and additional rights",
		"Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"
	};

	for (u32 i = 0; i < ARRAY_SIZE(gpl); i++)
		if (!strcmp(license, gpl[i]))
			return true;
	return false;
}

/* The tag and exclusive maps' hash: of the instructions as loaded, without fds. */
static int take_digest(struct load *load)
{
	u32 n = load->attr->insn_cnt;
	struct bpf_insn *copy = malloc(n * sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	memcpy(copy, load->insns, n * sizeof(*copy));
	for (u32 i = 0; i + 1 < n; i++) {
		struct bpf_insn *second = &copy[i + 1];

		if (!insn_is_ldimm64(&copy[i]) || (copy[i].src_reg != BPF_PSEUDO_MAP_FD &&
						   copy[i].src_reg != BPF_PSEUDO_MAP_VALUE))
			continue;
		copy[i].imm = 0;
		if (!second->code && !second->dst_reg && !second->src_reg && !second->off)
			second->imm = 0;
		i++;
	}
	sha256(load->digest, copy, n * sizeof(*copy));
	free(copy);
	return 0;
}

/* ---- what may be asked for ---- */

/* The program or the BTF that attach_btf_id is about. */
static int take_attach_target(struct load *load)
{
	int fd = (int)load->attr->attach_prog_fd, err;

	if (!fd)
		return 0;
	load->attach_prog = prog_from_fd(load->skep, fd, &err);
	if (load->attach_prog)
		return 0;
	load->attach_btf = btf_from_fd(load->skep, fd, &err);
	if (!load->attach_btf)
		return -EINVAL;
	return load->attach_btf->kernel_btf ? 0 : -ENOTSUPP;
}

static bool has_attach_point(u32 type)
{
	return type == BPF_PROG_TYPE_TRACING || type == BPF_PROG_TYPE_LSM ||
	       type == BPF_PROG_TYPE_STRUCT_OPS || type == BPF_PROG_TYPE_EXT;
}

/*
 * What the attach point is when it is given with the program. Whether it fits, the verifier
 * says; there is none in the kernel that Skep presents.
 */
static int check_attach(struct load *load)
{
	const struct attr_prog_load *a = load->attr;
	int err = take_attach_target(load);

	if (err)
		return err;
	if (a->attach_btf_id && !has_attach_point(a->prog_type))
		return -EINVAL;
	if (load->attach_btf && !a->attach_btf_id)
		return -EINVAL;
	if (load->attach_prog && a->prog_type != BPF_PROG_TYPE_TRACING &&
	    a->prog_type != BPF_PROG_TYPE_EXT)
		return -EINVAL;
	if (!load->skep->verify_only && (a->attach_prog_fd || a->attach_btf_id))
		return -EINVAL;
	return 0;
}

static int check_type(struct load *load)
{
	const struct attr_prog_load *a = load->attr;
	const struct prog_type_model *type = model_prog_type(&load->skep->model, a->prog_type);

	/* The model knows more types than Skep can do anything with but verify. */
	if (!type || (!type->can_attach && !load->skep->verify_only))
		return -EINVAL;
	load->attach_type = model_attach_type(type, a->expected_attach_type);
	if (!model_attach_type_fits(type, load->attach_type))
		return -EINVAL;
	if (a->prog_type == PROG_TYPE_CUSTOM) {
		load->ctx = custom_context(&load->skep->custom, a->expected_attach_type);
		if (!load->ctx)
			return -EINVAL;
	}
	return object_name_copy(load->name, a->prog_name);
}

static int take_insns(struct load *load)
{
	const struct attr_prog_load *a = load->attr;
	size_t size = (size_t)a->insn_cnt * sizeof(struct bpf_insn);

	load->insns = malloc(size);
	if (!load->insns)
		return -ENOMEM;
	if (user_read(load->insns, a->insns, size) ||
	    user_read_string(load->license, a->license, sizeof(load->license)))
		return -EFAULT;
	return 0;
}

/* Programs that run in a network device: there is none that offers it. */
static int offload_error(const struct attr_prog_load *a)
{
	return (a->prog_type == BPF_PROG_TYPE_XDP || a->prog_type == BPF_PROG_TYPE_SCHED_CLS) &&
		       device_exists(a->prog_ifindex)
		   ? -EOPNOTSUPP
		   : -EINVAL;
}

static int check_load(struct load *load)
{
	const struct attr_prog_load *a = load->attr;
	int err;

	if (a->prog_flags & ~LOAD_FLAGS)
		return -EINVAL;
	if (a->prog_flags & F_TOKEN_FD)
		return token_error(a->prog_token_fd);
	if (!a->insn_cnt || a->insn_cnt > MAX_INSNS)
		return -E2BIG;
	err = check_attach(load);
	if (!err)
		err = take_insns(load);
	if (!err && a->signature)
		err = -EOPNOTSUPP;
	if (!err && (a->prog_ifindex || (a->prog_flags & F_XDP_DEV_BOUND_ONLY)))
		err = offload_error(a);
	return err ? err : check_type(load);
}

/* ---- debug information ---- */

/* What a client of a later kernel has more in each record must be zero. */
static int cut_records(const u8 *from, u32 from_size, struct records *to)
{
	for (u32 i = 0; i < to->count; i++, from += from_size) {
		for (u32 at = to->size; at < from_size; at++)
			if (from[at])
				return -E2BIG;
		memcpy((u8 *)to->data + (size_t)i * to->size, from, MIN(to->size, from_size));
	}
	return 0;
}

static int take_records(struct load *load, u64 user, u32 size, u32 count, u32 smallest, u32 known,
			struct records *out)
{
	u8 *raw;
	int err;

	if (!count)
		return 0;
	if (size < smallest || size > MAX_REC_SIZE || size % 4 || count > load->attr->insn_cnt)
		return -EINVAL;
	out->size = known;
	out->count = count;
	out->data = calloc(count, known);
	raw = malloc((size_t)count * size);
	if (!raw || !out->data)
		err = -ENOMEM;
	else
		err = user_read(raw, user, (size_t)count * size);
	if (!err)
		err = cut_records(raw, size, out);
	free(raw);
	return err;
}

static int take_debug_info(struct load *load)
{
	const struct attr_prog_load *a = load->attr;
	int err;

	if (!a->func_info_cnt && !a->line_info_cnt)
		return 0;
	load->btf = btf_from_fd(load->skep, (int)a->prog_btf_fd, &err);
	if (!load->btf)
		return err;
	if (load->btf->kernel_btf)
		return -EACCES;
	err = take_records(load, a->func_info, a->func_info_rec_size, a->func_info_cnt, 8,
			   sizeof(struct bpf_func_info), &load->func_info);
	return err ? err
		   : take_records(load, a->line_info, a->line_info_rec_size, a->line_info_cnt, 16,
				  sizeof(struct bpf_line_info), &load->line_info);
}

/* CO-RE record number i; a newer client's longer ones must end in zeroes. */
static int read_core_relo(const struct attr_prog_load *a, u32 i, struct bpf_core_relo *relo)
{
	u8 raw[MAX_REC_SIZE];
	u32 size = a->core_relo_rec_size;

	if (user_read(raw, a->core_relos + (u64)i * size, size))
		return -EFAULT;
	for (u32 at = sizeof(*relo); at < size; at++)
		if (raw[at])
			return -E2BIG;
	memcpy(relo, raw, sizeof(*relo));
	if (relo->insn_off % sizeof(struct bpf_insn) ||
	    relo->insn_off / sizeof(struct bpf_insn) >= a->insn_cnt)
		return -EINVAL;
	return 0;
}

/* Light skeletons leave CO-RE to the kernel. */
static int apply_core_relos(struct load *load, struct user_log *log)
{
	const struct attr_prog_load *a = load->attr;
	u32 size = a->core_relo_rec_size;
	int err = 0;

	if (!load->btf || !a->core_relo_cnt)
		return 0;
	if (a->core_relo_cnt > INT32_MAX / sizeof(struct bpf_core_relo) ||
	    size < sizeof(struct bpf_core_relo) || size > MAX_REC_SIZE || size % 4)
		return -EINVAL;
	for (u32 i = 0; !err && i < a->core_relo_cnt; i++) {
		struct bpf_core_relo relo;

		err = read_core_relo(a, i, &relo);
		if (!err)
			err = core_relocate(load->btf->btf, load->skep->model.btf, &relo, i,
					    load->insns, a->insn_cnt,
					    log->level ? &log->text : NULL);
	}
	return err;
}

/* ---- maps ---- */

/* Adds the map to those of the program; the caller's reference is taken over. */
static int use_map(struct load *load, struct map_object *mo)
{
	int err = -E2BIG;

	for (u32 i = 0; i < load->n_maps; i++) {
		if (load->maps[i] == mo) {
			object_put(&mo->base);
			return 0;
		}
	}
	if (load->n_maps == MAX_USED_MAPS)
		goto fail;
	err = -EACCES;
	if (mo->exclusive && memcmp(mo->excl_hash, load->digest, SHA256_SIZE))
		goto fail;
	load->maps[load->n_maps++] = mo;
	return 0;

fail:
	object_put(&mo->base);
	return err;
}

static int resolve_map(void *data, s32 number, bool is_index, struct map **map)
{
	struct load *load = data;
	struct map_object *mo;
	s32 fd = number;
	int err;

	if (is_index) {
		if (!load->attr->fd_array || number < 0)
			return -EPROTO;
		if (user_read(&fd, load->attr->fd_array + (u64)(u32)number * sizeof(fd),
			      sizeof(fd)))
			return -EFAULT;
	}
	mo = map_from_fd(load->skep, fd, &err);
	if (!mo)
		return err;
	*map = mo->map;
	return use_map(load, mo);
}

/* With fd_array_cnt the whole array is the program's: maps are bound, BTF is looked at. */
static int take_fd_array(struct load *load)
{
	const struct attr_prog_load *a = load->attr;

	if (a->fd_array_cnt >= UINT32_MAX / sizeof(s32))
		return -EINVAL;
	for (u32 i = 0; i < a->fd_array_cnt; i++) {
		struct map_object *mo;
		struct object *btf;
		s32 fd;
		int err;

		if (user_read(&fd, a->fd_array + i * sizeof(fd), sizeof(fd)))
			return -EFAULT;
		btf = object_of_kind(load->skep, fd, OBJECT_BTF, &err);
		if (btf) {
			object_put(btf);
			continue;
		}
		mo = map_from_fd(load->skep, fd, &err);
		if (mo)
			err = use_map(load, mo);
		if (err)
			return err;
	}
	return 0;
}

/* ---- verification ---- */

/* Feature probes ask without a log, and want no explanation. */
static void log_explanation(struct load *load, const struct verify_request *request,
			 struct user_log *log)
{
	struct skep *skep = load->skep;
	struct explanation *e;

	if (!request->log)
		return;
	if (!(skep->flags & SKEP_EXPLAIN) ||
	    explain(request, &load->result, &(struct explain_opts){ 0 }, &e))
		return;
	explain_text(e, &log->text);
	explain_free(e);
}

static int run_verifier(struct load *load, struct user_log *log)
{
	const struct attr_prog_load *a = load->attr;
	struct verify_request request = {
		.model = &load->skep->model,
		.prog_type = a->prog_type,
		.expected_attach_type = load->attach_type,
		.prog_flags = a->prog_flags,
		.insns = load->insns,
		.insn_cnt = a->insn_cnt,
		.gpl_compatible = license_is_gpl(load->license),
		.privileged = true,
		.ctx = load->ctx,
		.btf = load->btf ? load->btf->btf : NULL,
		.func_info = load->func_info.data,
		.func_info_rec_size = load->func_info.size,
		.func_info_cnt = load->func_info.count,
		.line_info = load->line_info.data,
		.line_info_rec_size = load->line_info.size,
		.line_info_cnt = load->line_info.count,
		.attach_btf_id = a->attach_btf_id,
		.attach_btf = load->attach_btf ? load->attach_btf->btf : NULL,
		.attach_to_prog = load->attach_prog != NULL,
		.verify_only = load->skep->verify_only,
		.resolver = { load, resolve_map },
		.want_budget = load->skep->default_budget != 0,
		.log_level = log->level,
		.log = log->level ? &log->text : NULL,
		.test_state_freq = a->prog_flags & BPF_F_TEST_STATE_FREQ,
	};

	int err = verify(&request, &load->result);

	if (load->skep->verified)
		load->skep->verified(load->skep->verified_data, &request, &load->result, err);
	if (err)
		log_explanation(load, &request, log);
	return err;
}

/* Everything that happens between opening the log and closing it. */
static int check_program(struct load *load, struct user_log *log)
{
	int err = take_fd_array(load);

	if (!err)
		err = take_debug_info(load);
	if (!err)
		err = apply_core_relos(load, log);
	return err ? err : run_verifier(load, log);
}

static bool wants_true_size(const struct bpf_call *call)
{
	return call->user_size >= offsetof(struct attr_prog_load, log_true_size) + sizeof(u32);
}

static int load_verify(struct load *load)
{
	const struct attr_prog_load *a = load->attr;
	struct user_log log;
	u32 true_size;
	int err = user_log_open(&log, a->log_level, a->log_buf, a->log_size);

	if (err)
		return err;
	err = user_log_close(&log, check_program(load, &log), &true_size);
	if (wants_true_size(load->call) &&
	    attr_answer(load->call, attr_prog_load, log_true_size, true_size))
		err = -EFAULT;
	return err;
}

/* ---- the object ---- */

/* Of a program that nobody will run there is no engine. */
static void release_engine(struct skep *skep, struct prog *prog)
{
	if (skep->verify_only)
		return;
	if (prog->jited)
		jit_release(prog);
	else
		interp_release(prog);
}

/* ---- callbacks that run as programs of their own ---- */

static void release_callbacks(struct prog_object *po)
{
	for (u32 i = 0; po->callbacks && i < po->prog.image->n_subprogs; i++) {
		struct prog *callback = po->callbacks[i];

		if (!callback)
			continue;
		release_engine(po->base.skep, callback);
		image_free(callback->image);
		free(callback);
	}
	free(po->callbacks);
	po->callbacks = NULL;
}

static int prepare_engine(struct skep *skep, struct prog *prog);

static int prepare_callback(struct skep *skep, struct prog_object *po, u32 subprog)
{
	struct prog *callback = calloc(1, sizeof(*callback));
	int err = -ENOMEM;

	if (!callback)
		return err;
	*callback = (struct prog){ .owner = po, .type = po->prog.type,
				   .attach_type = po->prog.attach_type,
				   .image = image_of_callback(po->prog.image, subprog) };
	if (callback->image)
		err = prepare_engine(skep, callback);
	if (err) {
		image_free(callback->image);
		free(callback);
		return err;
	}
	po->callbacks[subprog] = callback;
	return 0;
}

static int prepare_callbacks(struct skep *skep, struct prog_object *po)
{
	const struct image *image = po->prog.image;
	int err = 0;

	for (u32 i = 0; i < image->n_subprogs && !err && !skep->verify_only; i++) {
		if (!image->subprogs[i].is_async)
			continue;
		if (!po->callbacks)
			po->callbacks = calloc(image->n_subprogs, sizeof(struct prog *));
		err = po->callbacks ? prepare_callback(skep, po, i) : -ENOMEM;
	}
	return err;
}

static void prog_object_free(void *what)
{
	struct prog_object *po = what;

	release_callbacks(po);
	release_engine(po->base.skep, &po->prog);
	image_free(po->prog.image);
	for (u32 i = 0; i < po->n_maps; i++)
		object_put(&po->maps[i]->base);
	if (po->btf)
		object_put(&po->btf->base);
	pthread_mutex_destroy(&po->maps_lock);
	free(po->maps);
	free(po->orig);
	free(po->func_info);
	free(po->line_info);
	free(po);
}

/* Runs that began before may still be in it, and tail calls may still find it. */
static void prog_destroy(struct object *object)
{
	struct prog_object *po = CONTAINER_OF(object, struct prog_object, base);
	struct skep *skep = object->skep;

	if (po->prog.table_index)
		store_release(&skep->progs[po->prog.table_index], NULL);
	skep_retire(skep, prog_object_free, po);
}

static int prepare_engine(struct skep *skep, struct prog *prog)
{
	if (skep->verify_only)
		return 0;
	if (!(skep->flags & SKEP_NO_JIT) && jit_prepare(prog) == 0) {
		prog->jited = true;
		return 0;
	}
	return interp_prepare(prog);
}

/* Moves what the load has taken into the object. */
static void fill_object(struct load *load, struct prog_object *po)
{
	const struct attr_prog_load *a = load->attr;

	memcpy(po->name, load->name, sizeof(po->name));
	memcpy(po->tag, load->digest, sizeof(po->tag));
	po->load_time = os_clock_ns(OS_CLOCK_BOOTTIME);
	po->uid = getuid();
	po->gpl = license_is_gpl(load->license);
	po->attach_btf_id = a->attach_btf_id;
	po->orig = load->insns;
	po->orig_cnt = a->insn_cnt;
	po->btf = load->btf;
	po->func_info = load->func_info.data;
	po->func_info_cnt = load->func_info.count;
	po->func_info_rec_size = load->func_info.size;
	po->line_info = load->line_info.data;
	po->line_info_cnt = load->line_info.count;
	po->line_info_rec_size = load->line_info.size;
	po->ctx = load->ctx;
	po->verify_stats = load->result.stats;
	memcpy(po->maps, load->maps, load->n_maps * sizeof(load->maps[0]));
	po->n_maps = load->n_maps;
	load->insns = NULL;
	load->btf = NULL;
	load->func_info.data = load->line_info.data = NULL;
	load->n_maps = 0;
	load->result.image = NULL;
}

static bool arrays_accept(const struct load *load, const struct prog_object *po)
{
	for (u32 i = 0; i < load->n_maps; i++)
		if (load->maps[i]->elems && !prog_array_accepts(load->maps[i], po))
			return false;
	return true;
}

static int make_object(struct load *load, struct prog_object **out)
{
	struct prog_object *po = calloc(1, sizeof(*po));
	int err = -ENOMEM;

	if (!po)
		return err;
	po->maps = calloc(load->n_maps + 1, sizeof(struct map_object *));
	if (!po->maps)
		goto fail;
	po->base.skep = load->skep;
	po->prog.owner = po;
	po->prog.image = load->result.image;
	po->prog.type = load->attr->prog_type;
	po->prog.attach_type = load->attach_type;
	err = prepare_engine(load->skep, &po->prog);
	if (err)
		goto fail;
	err = prepare_callbacks(load->skep, po);
	if (!err && !arrays_accept(load, po))
		err = -EINVAL;
	if (!err)
		err = object_init(load->skep, &po->base, OBJECT_PROG, "bpf-prog", -1);
	if (err)
		goto fail_engine;
	pthread_mutex_init(&po->maps_lock, NULL);
	po->base.destroy = prog_destroy;
	fill_object(load, po);
	*out = po;
	return 0;

fail_engine:
	release_callbacks(po);
	release_engine(load->skep, &po->prog);
fail:
	free(po->maps);
	free(po);
	return err;
}

int cmd_prog_load(struct skep *skep, struct bpf_call *call)
{
	struct load load = { .skep = skep, .call = call, .attr = &call->attr.load };
	struct prog_object *po = NULL;
	int err;

	err = check_load(&load);
	if (!err)
		err = take_digest(&load);
	if (!err)
		err = load_verify(&load);
	if (!err)
		err = make_object(&load, &po);
	load_release(&load);
	return err ? err : object_publish(&po->base, O_RDWR);
}

/* ---- PROG_BIND_MAP ---- */

static int bind_map(struct prog_object *po, struct map_object *mo)
{
	struct map_object **maps;

	for (u32 i = 0; i < po->n_maps; i++) {
		if (po->maps[i] == mo) {
			object_put(&mo->base);
			return 0;
		}
	}
	maps = realloc(po->maps, (po->n_maps + 1) * sizeof(struct map_object *));
	if (!maps) {
		object_put(&mo->base);
		return -ENOMEM;
	}
	maps[po->n_maps++] = mo;
	po->maps = maps;
	return 0;
}

int cmd_prog_bind_map(struct skep *skep, struct bpf_call *call)
{
	const struct attr_prog_bind_map *a = &call->attr.bind_map;
	struct prog_object *po;
	struct map_object *mo;
	int err;

	if (a->flags)
		return -EINVAL;
	po = prog_from_fd(skep, (int)a->prog_fd, &err);
	if (!po)
		return err;
	mo = map_from_fd(skep, (int)a->map_fd, &err);
	if (mo) {
		pthread_mutex_lock(&po->maps_lock);
		err = bind_map(po, mo);
		pthread_mutex_unlock(&po->maps_lock);
	}
	object_put(&po->base);
	return err;
}
