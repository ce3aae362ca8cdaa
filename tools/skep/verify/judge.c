/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge of one file after another. Skep's verdict comes from a kernel that only verifies:
 * the one that Skep presents, or a Linux made from --btf. Linux's own comes from the bpf(2)
 * of this machine, through an object opened for it: what is loaded there is closed at once.
 */
#define _GNU_SOURCE
#include "verify/verify.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "commands.h"
#include "compile.h"
#include "context.h"
#include "explain.h"
#include "kernel/custom.h"
#include "kernel/kernel.h"
#include "loader/loader.h"

#define MACHINE_BTF "/sys/kernel/btf/vmlinux"

/* What Linux said of a program, kept until Skep has judged it as well. */
struct linux_verdict {
	char *program;
	struct judged judged;
	char *reason;
};

struct judge {
	const struct verify_opts *opts;
	int out;
	struct skep *skep;
	struct loader_kernel kernel;
	const char *no_linux; /* why it cannot be asked */
	void *machine_btf;
	/* of the verdict being given */
	struct verify_stats stats;
	struct verify_refusal refusal;
	bool has_stats;
	struct explainer explainer;
	/* of the file */
	struct linux_verdict *said;
	u32 n_said;
	char *const *skip;
	u32 n_skip;
};

/* ---- making it ---- */

static void on_verified(void *data, const struct verify_request *request,
			const struct verify_result *result, int err)
{
	struct judge *judge = data;

	/* A second load is for the log alone. */
	if (judge->has_stats)
		return;
	judge->stats = result->stats;
	judge->refusal = result->refusal;
	judge->has_stats = true;
	if (judge->opts->format != VERIFY_TSV)
		explainer_take(&judge->explainer, request, result, err);
}

static bool is_machine_btf(const void *btf, size_t size)
{
	size_t machine_size;
	void *machine;
	bool same;

	if (read_file(MACHINE_BTF, &machine, &machine_size))
		return false;
	same = machine_size == size && memcmp(machine, btf, size) == 0;
	free(machine);
	return same;
}

static int linux_model(const char *path, struct kernel_model **model, bool *machine)
{
	char line[256] = "";
	struct text log = text_in(line, sizeof(line));
	struct machine settings;
	size_t size;
	void *btf;
	int err = read_file(path, &btf, &size);

	if (err) {
		complain("%s: %s", path, strerror(-err));
		return err;
	}
	err = model_linux_new(btf, (u32)size, &log, model);
	*machine = !err && is_machine_btf(btf, size);
	if (*machine) {
		machine_look(&settings);
		model_restrict(*model, settings.locked_down, settings.hides_variables);
	}
	free(btf);
	line[strcspn(line, "\n")] = 0;
	if (err)
		complain("%s is not the BTF of a kernel: %s", path,
			 line[0] ? line : strerror(-err));
	return err;
}

/*
 * The most that an embedding program can offer: all numbers of the struct, to be read and written.
 * Another program may have another context of that name.
 */
static int guess_context(void *data, const char *name, const char *program, const void *btf,
			 u32 size)
{
	struct skep_field fields[CONTEXT_MAX_FIELDS];
	struct skep_context context = { .size = sizeof(context), .fields = fields };
	struct custom_table *table = skep_custom(data);
	struct btf *types;
	char unique[128];
	u32 type, kept = 0;
	int id = btf_parse(btf, size, NULL, NULL, &types);

	if (id)
		return id;
	id = -EINVAL;
	type = context_struct(types, program);
	if (type) {
		u32 n = context_fields(types, type, fields, ARRAY_SIZE(fields));

		for (u32 i = 0; i < n; i++)
			if (fields[i].access)
				fields[kept++] = fields[i];
		snprintf(unique, sizeof(unique), "%s %u", name, table->n_contexts);
		context.name = unique;
		context.ctx_size = (u32)btf_size(types, type);
		context.n_fields = kept;
		id = skep_add_context(data, &context) ? -errno : custom_find_context(table, unique);
	}
	btf_free(types);
	return id;
}

/* Why this machine's Linux lets nobody like us load programs, or NULL. */
static const char *linux_unavailable(void)
{
	static const struct bpf_insn insns[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K },
						 { .code = BPF_JMP | BPF_EXIT } };
	/* Socket filters may be open to anybody; these need the privilege. */
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_KPROBE,
				.insn_cnt = 2,
				.insns = (u64)(uintptr_t)insns,
				.license = (u64)(uintptr_t) "GPL" };
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	static char why[128];

	if (fd < 0) {
		snprintf(why, sizeof(why), "it lets this user load no programs: %s",
			 strerror(errno));
		return why;
	}
	close(fd);
	return NULL;
}

/* One fd a map, and one a program, for as long as an object is open. */
static void allow_many_fds(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int judge_new(const struct verify_opts *opts, int out, struct judge **to)
{
	struct judge *judge = calloc(1, sizeof(*judge));
	struct kernel_model *model = NULL;
	bool machine = false;
	int err = judge ? 0 : -ENOMEM;

	allow_many_fds();
	if (!err && opts->btf)
		err = linux_model(opts->btf, &model, &machine);
	if (err) {
		free(judge);
		return err;
	}
	judge->opts = opts;
	judge->explainer.why_slow = opts->why_slow;
	judge->explainer.states_line = opts->states_line;
	judge->out = out;
	judge->skep = skep_new_verifier(model);
	if (!judge->skep) {
		err = -errno;
		complain("cannot make a kernel: %s", strerror(-err));
		free(judge);
		return err;
	}
	skep_on_verified(judge->skep, on_verified, judge);
	loader_kernel_of(judge->skep, &judge->kernel);
	judge->kernel.guess_context = guess_context;
	judge->kernel.machine_symbols = machine;
	if (machine)
		judge->kernel.release = NULL;
	if (opts->against_linux)
		judge->no_linux = linux_unavailable();
	*to = judge;
	return 0;
}

void judge_free(struct judge *judge)
{
	explainer_clear(&judge->explainer);
	skep_free(judge->skep);
	free(judge);
}

/* ---- one file: both kernels ---- */

static void begin_program(void *data, const struct loader_prog *prog)
{
	struct judge *judge = data;

	judge->has_stats = false;
	explainer_clear(&judge->explainer);
	record_write(judge->out, &(struct record){ .kind = RECORD_BEGIN, .program = prog->name });
}

static bool is_skipped(void *data, const char *name)
{
	struct judge *judge = data;

	for (u32 i = 0; i < judge->n_skip; i++)
		if (strcmp(judge->skip[i], name) == 0)
			return true;
	return false;
}

/* Linux answers so before it looks at the program. */
static bool is_unverified(const struct loader_prog *prog)
{
	bool has_target = prog->type == BPF_PROG_TYPE_TRACING || prog->type == BPF_PROG_TYPE_LSM ||
			  prog->type == BPF_PROG_TYPE_EXT;

	return prog->verdict == LOADER_REFUSED && !prog->insns &&
	       ((prog->err == -EPERM && has_target) || prog->err == -ENOTSUP || prog->err == -524);
}

static enum judgement judgement_of(const struct loader_prog *prog)
{
	return prog->verdict == LOADER_ACCEPTED  ? JUDGED_ACCEPTED
	       : prog->verdict == LOADER_REFUSED ? JUDGED_REFUSED
						 : JUDGED_NOT;
}

static struct judged judged_of(const struct loader_prog *prog)
{
	return (struct judged){
		.judgement = judgement_of(prog),
		.err = prog->err,
		.ns = prog->load_ns,
		.insns = prog->insns,
		.states = prog->states,
		.peak_states = prog->peak_states,
	};
}

static void keep_linux(void *data, const struct loader_prog *prog)
{
	struct judge *judge = data;
	struct linux_verdict *grown =
	    realloc(judge->said, (judge->n_said + 1) * sizeof(*judge->said));
	struct linux_verdict *kept;
	char reason[600];

	if (!grown)
		return;
	judge->said = grown;
	kept = &grown[judge->n_said++];
	snprintf(reason, sizeof(reason), "%s", prog->reason);
	*kept = (struct linux_verdict){ .judged = judged_of(prog) };
	if (is_unverified(prog)) {
		kept->judged.judgement = JUDGED_NOT;
		snprintf(reason, sizeof(reason), "not verified here: %s", strerror(-prog->err));
	}
	kept->program = strdup(prog->name);
	kept->reason = strdup(reason);
}

static void forget_linux(struct judge *judge)
{
	for (u32 i = 0; i < judge->n_said; i++) {
		free(judge->said[i].program);
		free(judge->said[i].reason);
	}
	free(judge->said);
	judge->said = NULL;
	judge->n_said = 0;
}

static void add_linux(const struct judge *judge, struct record *record)
{
	record->asked_linux = true;
	record->theirs.judgement = JUDGED_NOT;
	record->linux_reason = judge->no_linux ? judge->no_linux : "not asked";
	for (u32 i = 0; i < judge->n_said; i++) {
		const struct linux_verdict *kept = &judge->said[i];

		if (!kept->program || strcmp(kept->program, record->program) != 0)
			continue;
		record->theirs = kept->judged;
		record->linux_reason = kept->reason;
	}
}

/* ---- what Skep says ---- */

static void add_own(const struct judge *judge, struct record *record, char *where, size_t size)
{
	const struct verify_refusal *refusal = &judge->refusal;

	record->ours.ns = judge->stats.time_ns;
	record->ours.insns = judge->stats.insns_processed;
	record->ours.states = judge->stats.total_states;
	record->ours.peak_states = judge->stats.peak_states;
	record->ours.memory = judge->stats.peak_memory;
	record->explanation =
	    judge->opts->format == VERIFY_JSON ? judge->explainer.json : judge->explainer.text;
	if (record->ours.judgement != JUDGED_REFUSED)
		return;
	record->cause = refusal->cause;
	if (refusal->message[0])
		record->reason = refusal->message;
	record->line = refusal->line;
	if (refusal->line)
		snprintf(where, size, "%s:%u: %s", refusal->file, refusal->line, refusal->source);
}

/* Is it refused for what only the embedding program knows? Then there is no verdict. */
static void add_embedder(struct record *record, char *note, size_t size)
{
	static const char *const unknown[] = { "invalid bpf_context access", "invalid func unknown",
					       "unknown func" };
	bool guessed = false;

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		guessed |= strncmp(record->reason, unknown[i], strlen(unknown[i])) == 0;
	if (record->ours.judgement == JUDGED_ACCEPTED)
		snprintf(
		    note, size,
		    "with all numbers of its struct to be read and written: an embedding program may "
		    "offer less");
	else if (record->ours.judgement == JUDGED_REFUSED && guessed)
		snprintf(note, size, "only the embedding program knows: %.300s", record->reason);
	else
		return;
	if (record->ours.judgement == JUDGED_REFUSED) {
		record->ours.judgement = JUDGED_NOT;
		record->reason = note;
		record->explanation = "";
	} else {
		record->note = note;
	}
}

static void tell_verdict(void *data, const struct loader_prog *prog)
{
	struct judge *judge = data;
	struct record record = {
		.kind = RECORD_VERDICT,
		.ours = judged_of(prog),
		.program = prog->name,
		.section = prog->section,
		.reason = prog->reason,
		.log = judge->opts->log_level ? prog->log : NULL,
	};
	const struct prog_type_model *type = model_prog_type(skep_model(judge->skep), prog->type);
	char where[512], note[512];

	record.type = type ? type->name : "";
	snprintf(where, sizeof(where), "%s", prog->where);
	if (judge->has_stats)
		add_own(judge, &record, where, sizeof(where));
	if (prog->type == PROG_TYPE_CUSTOM)
		add_embedder(&record, note, sizeof(note));
	record.where = where;
	if (judge->opts->against_linux)
		add_linux(judge, &record);
	record_write(judge->out, &record);
	judge->has_stats = false;
}

static void tell_error(struct judge *judge, const char *reason)
{
	struct record record = { .kind = RECORD_VERDICT,
				 .reason = reason,
				 .ours = { .judgement = JUDGED_ERROR } };

	record_write(judge->out, &record);
}

static void ask_linux(struct judge *judge, const struct loader_source *source)
{
	struct loader_judge how = {
		.begin = begin_program,
		.seen = keep_linux,
		.skip = is_skipped,
		.data = judge,
	};
	struct loader_error ignored;

	if (!judge->no_linux)
		loader_judge(&loader_linux, source, &how, &ignored);
}

void judge_file(struct judge *judge, const struct files *files, u32 index, char *const *skip,
		u32 n_skip)
{
	const char *path = files->paths[index];
	struct compile_opts compile_opts = { .btf = judge->kernel.btf,
					     .btf_size = judge->kernel.btf_size };
	struct loader_source source = { .path = path };
	struct loader_judge how = {
		.log_level = judge->opts->log_level,
		.begin = begin_program,
		.seen = tell_verdict,
		.skip = is_skipped,
		.data = judge,
	};
	struct loader_error error = { 0 };
	void *bytes = NULL;
	int err = is_source(path) ? compile(path, &compile_opts, &bytes, &source.size) : 0;

	judge->skip = skip;
	judge->n_skip = n_skip;
	source.bytes = bytes;
	if (err) {
		tell_error(judge, "it does not compile");
		return;
	}
	if (judge->opts->against_linux)
		ask_linux(judge, &source);
	err = loader_judge(&judge->kernel, &source, &how, &error);
	if (err && !(err == -ENOENT && files->found[index]))
		tell_error(judge, error.text);
	forget_linux(judge);
	free(bytes);
}
