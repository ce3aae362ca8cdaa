/* SPDX-License-Identifier: Apache-2.0 */
/* Skep's verifier as a judge: called directly, with maps that have facts but no elements. */
#include "verifier/lib/subject.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "btf/btf.h"
#include "verifier/verifier.h"

#define LOG_SIZE (4u << 20)

static struct kernel_model *model;
static struct btf *value_btf;
static struct map maps[FIXTURE_COUNT];
static struct map_facts inner = { .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4,
				  .max_entries = 1 };

static const struct kernel_model *model_of(const struct subject *s);

/* s: NULL for the fixtures. */
static void describe_value(const struct subject *s, struct map_facts *facts)
{
	const struct kernel_model *by = s ? model_of(s) : model;
	const struct record_kernel kernel = { by->btf, by->owned_types };

	if (btf_record_parse(facts->btf, facts->btf_value_type_id, SPECIAL_IN_VALUES, &kernel,
			     &facts->record))
		facts->record = (struct btf_record){ 0 };
}

static struct map *fixture_map(u32 i)
{
	const struct fixture_desc *desc = &fixtures[i];
	struct map *map = &maps[i];

	if (map->facts.type)
		return map;
	map->facts = (struct map_facts){
		.type = desc->type,
		.key_size = desc->key_size,
		.value_size = desc->value_size,
		.max_entries = desc->max_entries,
		.flags = desc->flags,
	};
	map->ops = map_ops_of(desc->type);
	snprintf(map->facts.name, sizeof(map->facts.name), "%s", desc->name);
	if (desc->type == BPF_MAP_TYPE_ARRAY_OF_MAPS)
		map->facts.inner = &inner;
	if (desc->value_type_id) {
		map->facts.btf = value_btf;
		map->facts.btf_key_type_id = 1;
		map->facts.btf_value_type_id = desc->value_type_id;
		describe_value(NULL, &map->facts);
	}
	return map;
}

/* Of the subject that is judged. */
static struct map own_maps[MAX_OWN_MAPS];
static u32 n_own_maps;

static void own_maps_describe(const struct subject *s, struct btf *btf)
{
	for (u32 n = 0; n < s->n_own; n++) {
		const struct own_map *own = &s->own[n];
		struct map_facts *facts = &own_maps[n].facts;

		*facts = (struct map_facts){ .type = own->type, .key_size = 4, .value_size = 4,
					     .max_entries = own->max_entries, .flags = own->flags };
		own_maps[n].ops = map_ops_of(own->type);
		snprintf(facts->name, sizeof(facts->name), "%s", own->name);
		for (u32 i = 0; own->inner[0] && i < n; i++)
			if (!strcmp(s->own[i].name, own->inner))
				facts->inner = &own_maps[i].facts;
		if (!own->value_type_id)
			continue;
		facts->btf = btf;
		facts->btf_key_type_id = own->key_type_id;
		facts->btf_value_type_id = own->value_type_id;
		facts->value_size = own->value_size;
		describe_value(s, facts);
	}
	n_own_maps = s->n_own;
}

/* By this machine's kernel, made once. */
static struct kernel_model *linux_model(void)
{
	static struct kernel_model *found;
	static bool tried;
	static u8 data[32 << 20];
	struct text log = { 0 };
	FILE *f = tried ? NULL : fopen("/sys/kernel/btf/vmlinux", "r");
	size_t size = f ? fread(data, 1, sizeof(data), f) : 0;

	tried = true;
	if (f)
		fclose(f);
	if (size && model_linux_new(data, (u32)size, &log, &found))
		found = NULL;
	return found;
}

static const struct kernel_model *model_of(const struct subject *s)
{
	return s->linux_model ? linux_model() : model;
}

/* The fd of a fixture is its number and 100: never one that a program names by chance. */
static int resolve(void *data, s32 number, bool is_index, struct map **map)
{
	if (is_index || number < SKEP_FIXTURE_FD(0) ||
	    number >= SKEP_FIXTURE_FD(FIXTURE_COUNT + n_own_maps))
		return is_index ? -EPROTO : -EBADF; /* there is no fd_array */
	if (number >= SKEP_FIXTURE_FD(FIXTURE_COUNT)) {
		*map = &own_maps[number - SKEP_FIXTURE_FD(FIXTURE_COUNT)];
		return 0;
	}
	*map = fixture_map((u32)(number - SKEP_FIXTURE_FD(0)));
	return 0;
}

static bool setup(struct verdict *v)
{
	u32 size;
	const void *data = fixture_btf(&size);

	if (model)
		return true;
	if (model_skep_new(&model) || btf_parse(data, size, NULL, NULL, &value_btf)) {
		snprintf(v->message, sizeof(v->message), "no kernel model");
		return false;
	}
	return true;
}

static u32 id_of(const struct subject *s, const char *name, u32 kind)
{
	const struct btf *btf = model_of(s)->btf;
	s32 id = btf ? btf_find(btf, name, kind) : -1;

	return id < 0 ? 0 : (u32)id;
}

/* A function, or what a tracepoint is in BTF, or anything else. */
static u32 target_id(const struct subject *s)
{
	static const u32 kinds[] = { BTF_KIND_FUNC, BTF_KIND_TYPEDEF, BTF_KIND_STRUCT };
	u32 id = 0;

	for (u32 i = 0; i < ARRAY_SIZE(kinds) && !id; i++)
		id = id_of(s, s->attach_to, kinds[i]);
	return id;
}

int kernel_member_offset(const char *struct_name, const char *member)
{
	const struct kernel_model *linux_kernel = linux_model();
	s32 id = linux_kernel ? btf_find(linux_kernel->btf, struct_name, BTF_KIND_STRUCT) : -1;
	struct btf_field field;

	if (id < 0 || btf_find_member(linux_kernel->btf, (u32)id, member, &field))
		return -1;
	return (int)(field.bit_offset / 8);
}

/* A name that this kernel does not have; NULL: all are there. */
static const char *fill_names(struct subject *s)
{
	const char *missing = NULL;

	for (u32 i = 0; i < s->n_kfuncs; i++) {
		s->insns[s->kfuncs[i].insn].imm = (s32)id_of(s, s->kfuncs[i].name, BTF_KIND_FUNC);
		if (!s->insns[s->kfuncs[i].insn].imm)
			missing = s->kfuncs[i].name;
	}
	for (u32 i = 0; i < s->n_types; i++) {
		struct bpf_insn *insn = &s->insns[s->types[i].insn];
		bool is_var = BPF_CLASS(insn->code) == BPF_LD;

		insn->imm = (s32)id_of(s, s->types[i].name, is_var ? BTF_KIND_VAR : BTF_KIND_STRUCT);
		if (!insn->imm)
			missing = s->types[i].name;
	}
	return missing;
}

static u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000ull + (u64)t.tv_nsec;
}

void judge_skep_with(struct subject *s, const struct judge_options *options, struct verdict *v)
{
	u32 log_level = options->log_level;
	struct kernel_model impatient;
	const char *missing;
	struct text log = { 0 };
	struct btf *btf = NULL;
	struct verify_result result = { 0 };
	struct verify_request request = {
		.prog_type = s->prog_type,
		.expected_attach_type = s->attach_type,
		.prog_flags = s->prog_flags,
		.insns = s->insns,
		.insn_cnt = s->n_insns,
		.gpl_compatible = s->gpl,
		.privileged = !s->unprivileged,
		.func_info = s->func_info,
		.func_info_cnt = s->n_func_info,
		.func_info_rec_size = s->n_func_info ? sizeof(s->func_info[0]) : 0,
		.resolver = { NULL, resolve },
		.verify_only = !s->to_run,
		.log_level = log_level,
		.log = &log,
		.no_pruning = options->no_pruning,
		.own_nodes = options->own_nodes,
		.always_induction = options->always_induction,
		.observe = options->observe,
		.observe_end = options->observe_end,
		.observe_data = options->data,
	};

	memset(v, 0, sizeof(*v));
	if (!setup(v))
		return;
	request.model = model;
	if (model_prog_type(model, s->prog_type))
		request.expected_attach_type =
		    model_attach_type(model_prog_type(model, s->prog_type), s->attach_type);
	if (s->linux_model)
		request.model = linux_model();
	if (!request.model) {
		snprintf(v->message, sizeof(v->message), "no BTF of a Linux here");
		return;
	}
	if (options->max_processed) {
		impatient = *model;
		impatient.max_insns_processed = options->max_processed;
		request.model = &impatient;
	}
	if (log_level) {
		v->log = malloc(LOG_SIZE);
		log = text_in(v->log, LOG_SIZE);
	}
	for (u32 i = 0; i < s->n_maps; i++)
		s->insns[s->maps[i].insn].imm = SKEP_FIXTURE_FD(s->maps[i].fixture);
	missing = fill_names(s);
	if (missing && s->linux_model) {
		snprintf(v->message, sizeof(v->message), "this machine's BTF has no %s", missing);
		return;
	}
	if (s->attach_to[0])
		request.attach_btf_id = target_id(s);
	v->judged = true;
	if (s->btf_size && btf_parse(s->btf, s->btf_size, NULL, NULL, &btf)) {
		v->err = -EINVAL;
		snprintf(v->message, sizeof(v->message), "BTF does not parse");
		return;
	}
	own_maps_describe(s, btf);
	request.btf = s->n_func_info ? btf : NULL;
	v->ns = now();
	v->err = verify(&request, &result);
	v->ns = now() - v->ns;
	v->processed = result.stats.insns_processed;
	v->states = result.stats.total_states;
	v->peak_states = result.stats.peak_states;
	v->peak_memory = result.stats.peak_memory;
	v->insn = result.refusal.insn;
	if (v->err)
		snprintf(v->message, sizeof(v->message), "%s", result.refusal.message);
	if (result.image && options->accepted)
		options->accepted(options->data, result.image);
	if (result.image)
		image_free(result.image);
	btf_free(btf);
}

void judge_skep(struct subject *s, u32 log_level, struct verdict *v)
{
	judge_skep_with(s, &(struct judge_options){ .log_level = log_level }, v);
}

void judge_skep_apart(struct subject *s, u32 seconds, struct verdict *v)
{
	int fds[2], status = 0;
	pid_t pid;

	memset(v, 0, sizeof(*v));
	if (!setup(v) || pipe(fds))
		return;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(seconds);
		judge_skep(s, 0, v);
		_exit(write(fds[1], v, sizeof(*v)) != sizeof(*v));
	}
	close(fds[1]);
	if (read(fds[0], v, sizeof(*v)) != sizeof(*v))
		memset(v, 0, sizeof(*v));
	close(fds[0]);
	waitpid(pid, &status, 0);
	if (v->judged)
		return;
	v->judged = true;
	v->insn = -1;
	v->err = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? -ETIME : -EFAULT;
	snprintf(v->message, sizeof(v->message), v->err == -ETIME ? "TIMEOUT after %u s" : "CRASH",
		 seconds);
}
