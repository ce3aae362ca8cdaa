/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep prog dump xlated: the program as engines run it, beside its source, and what is known
 * of the values at each instruction (src/facts).
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "compile.h"
#include "facts/facts.h"
#include "isa/asm.h"
#include "kernel/kernel.h"
#include "loader/loader.h"

const char help_prog[] =
    "usage: skep prog dump xlated [-j] [-p NAME] [--no-facts] OBJECT|SOURCE\n"
    "\n"
    "Shows the programs of an object file (or C file) as the verifier leaves them for the\n"
    "engines, beside their source. Behind an instruction stands what is known of it whenever it\n"
    "runs: the value it writes, the memory it touches, which way a jump always goes.\n"
    "\n"
    "  -p, --prog NAME  only that program; may be given several times\n"
    "  -j, --json       as JSON: an object a program\n"
    "      --no-facts   only the instructions and the source\n"
    "\n"
    "A value is a number, a range (0..63), with &MASK where only these bits may be set; fp is\n"
    "the function's frame; ctx its context; value(MAP)+0..56 lies in an element of a map.\n"
    "The exit status is 1 when a program is refused or is not there, 2 for wrong usage.\n";

#define MAX_NAMES   64
#define FACT_COLUMN 46

struct options {
	bool json, no_facts;
	const char *names[MAX_NAMES];
	u32 n_names;
	const char *file;
};

/* One program being shown. */
struct listing {
	const struct options *opts;
	const struct prog_object *prog;
	const struct image *image;
	const struct btf *btf;
	struct facts *facts; /* NULL without */
	u32 next_line;       /* record of line_info that was not shown yet */
	u32 last_line;       /* source line shown last */
};

/* ---- names ---- */

/* In the image a call names its helper by index; people know the helper's own number. */
static const char *helper_name(void *data, const struct bpf_insn *insn)
{
	const struct image *image = data;
	static char name[80];

	for (u32 i = 0; i < image->n_calls; i++) {
		if (image->calls[i]->id != (u32)insn->imm)
			continue;
		snprintf(name, sizeof(name), "bpf_%s", image->calls[i]->name);
		return name;
	}
	return NULL;
}

static const char *imm64_name(void *data, const struct bpf_insn *insn, u64 value)
{
	const struct image *image = data;
	static char name[80];
	u32 map = (u32)insn->imm;

	if ((insn->src_reg != BPF_PSEUDO_MAP_IDX && insn->src_reg != BPF_PSEUDO_MAP_IDX_VALUE) ||
	    map >= image->n_maps || !image->maps[map])
		return NULL;
	snprintf(name, sizeof(name), "map[%.*s]", BPF_OBJ_NAME_LEN, image->maps[map]->facts.name);
	if (insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE)
		snprintf(name + strlen(name), sizeof(name) - strlen(name), "[0]+%d", insn[1].imm);
	return name;
}

static void put_insn(const struct listing *list, u32 at, struct text *out)
{
	struct disasm_names names = { (void *)list->image, helper_name, imm64_name };
	struct bpf_insn insn[2] = { list->image->insns[at] };

	if (insn_slots(insn) == 2)
		insn[1] = list->image->insns[at + 1];
	if (insn_is_call(insn) && !insn->src_reg)
		insn->imm = (s32)list->image->calls[insn->imm]->id;
	isa_disasm(out, insn, &names);
}

/* ---- source ---- */

static const struct bpf_line_info *line_at(struct listing *list, u32 at)
{
	const struct bpf_line_info *lines = list->prog->line_info;
	const struct bpf_line_info *found = NULL;
	u32 line;

	while (list->btf && list->next_line < list->prog->line_info_cnt &&
	       lines[list->next_line].insn_off <= list->image->orig_idx[at])
		found = &lines[list->next_line++];
	line = found ? BPF_LINE_INFO_LINE_NUM(found->line_col) : 0;
	if (!line || line == list->last_line)
		return NULL;
	list->last_line = line;
	return found;
}

static const char *without_indent(const char *s)
{
	return s + strspn(s, " \t");
}

static const char *func_name(const struct listing *list, u32 at)
{
	const struct bpf_func_info *info = list->prog->func_info;
	const struct btf_type *func;

	for (u32 i = 0; list->btf && i < list->prog->func_info_cnt; i++) {
		if (info[i].insn_off != list->image->orig_idx[at])
			continue;
		func = btf_type(list->btf, info[i].type_id);
		return func ? btf_name(list->btf, func->name_off) : NULL;
	}
	return NULL;
}

/* ---- facts ---- */

static void put_access(const struct listing *list, const struct fact_state *state, u32 at,
		       struct text *out)
{
	struct fact_access access;
	struct fact whole;

	if (!facts_access(list->facts, state, at, &access) || access.base.kind == FACT_ANY)
		return;
	whole = access.base;
	whole.val = scalar_srange(access.lo, access.hi);
	text_put(out, access.writes ? access.reads ? "updates " : "writes " : "reads ");
	fact_text(list->facts, &whole, out);
}

/* Which register the instruction gives a new value; -1: none. */
static int written(const struct bpf_insn *insn)
{
	switch (insn_class(insn)) {
	case BPF_ALU:
	case BPF_ALU64:
	case BPF_LDX:
		return insn->dst_reg;
	case BPF_LD:
		return insn_is_ldimm64(insn) ? insn->dst_reg : 0;
	case BPF_JMP:
		return insn_is_call(insn) ? 0 : -1;
	default:
		return -1;
	}
}

static void put_result(const struct listing *list, u32 at, struct text *out)
{
	const struct bpf_insn *insn = &list->image->insns[at];
	u32 after = at + insn_slots(insn);
	static struct fact_state state;
	int reg = written(insn);
	size_t len = out->len;

	if (reg < 0 || after >= list->image->len || !facts_at(list->facts, after, &state))
		return;
	if (len)
		text_put(out, ", ");
	text_printf(out, "r%d = ", reg);
	if (state.regs[reg].kind == FACT_ANY)
		out->len = len;
	else
		fact_text(list->facts, &state.regs[reg], out);
}

/* Into an empty text: nothing when there is nothing to say. */
static void put_facts(const struct listing *list, u32 at, struct text *out)
{
	static struct fact_state state;

	if (!list->facts)
		return;
	if (!facts_at(list->facts, at, &state)) {
		text_put(out, "never reached");
		return;
	}
	switch (facts_branch(list->facts, &state, at)) {
	case BRANCH_ALWAYS:
		text_put(out, "always taken");
		break;
	case BRANCH_NEVER:
		text_put(out, "never taken");
		break;
	default:
		put_access(list, &state, at, out);
		put_result(list, at, out);
	}
	out->buf[MIN(out->len, out->size - 1)] = 0;
}

/* ---- text and JSON ---- */

static void show_text(struct listing *list, u32 at)
{
	char insn[200], facts[300];
	struct text insn_text = text_in(insn, sizeof(insn));
	struct text fact_text = text_in(facts, sizeof(facts));
	const struct bpf_line_info *line = line_at(list, at);
	const char *func = func_name(list, at);

	if (func)
		printf("%s%s:\n", at ? "\n" : "", func);
	if (line)
		printf("; %s (%s:%u)\n", without_indent(btf_name(list->btf, line->line_off)),
		       btf_name(list->btf, line->file_name_off),
		       BPF_LINE_INFO_LINE_NUM(line->line_col));
	put_insn(list, at, &insn_text);
	put_facts(list, at, &fact_text);
	if (facts[0])
		printf("%4u: %-*s ; %s\n", at, FACT_COLUMN, insn, facts);
	else
		printf("%4u: %s\n", at, insn);
}

static void put_json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			printf("\\u%04x", *s);
		else
			putchar(*s);
	}
	putchar('"');
}

static void put_json_member(const char *name, const char *value)
{
	printf(",\"%s\":", name);
	put_json_string(value);
}

static void show_json(struct listing *list, u32 at)
{
	char insn[200], facts[300];
	struct text insn_text = text_in(insn, sizeof(insn));
	struct text fact_text = text_in(facts, sizeof(facts));
	const struct bpf_line_info *line = line_at(list, at);
	const char *func = func_name(list, at);

	put_insn(list, at, &insn_text);
	put_facts(list, at, &fact_text);
	printf("%s{\"insn\":%u", at ? "," : "", at);
	put_json_member("disasm", insn);
	if (func)
		put_json_member("function", func);
	if (line) {
		put_json_member("source", without_indent(btf_name(list->btf, line->line_off)));
		put_json_member("file", btf_name(list->btf, line->file_name_off));
		printf(",\"line\":%u", BPF_LINE_INFO_LINE_NUM(line->line_col));
	}
	if (facts[0])
		put_json_member("facts", facts);
	putchar('}');
}

static void show_insns(struct listing *list)
{
	const struct bpf_insn *insns = list->image->insns;

	for (u32 at = 0; at < list->image->len; at += insn_slots(&insns[at])) {
		if (list->opts->json)
			show_json(list, at);
		else
			show_text(list, at);
	}
}

static void show_prog(const struct options *opts, struct prog_object *prog,
		      const struct loader_prog *info, const struct ctx_layout *ctx, bool first)
{
	struct listing list = { .opts = opts,
				.prog = prog,
				.image = prog->prog.image,
				.btf = prog->btf ? prog->btf->btf : NULL };

	if (!opts->no_facts && facts_compute(list.image, ctx, 0, &list.facts))
		complain("%s: too large to be analysed; shown without facts", info->name);
	if (opts->json) {
		printf("%s{\"name\":", first ? "" : ",");
		put_json_string(info->name);
		put_json_member("section", info->section);
		printf(",\"xlated\":[");
	} else {
		printf("%sprogram %s (%s), %u instructions\n", first ? "" : "\n", info->name,
		       info->section, list.image->len);
	}
	show_insns(&list);
	if (opts->json)
		printf("]}");
	facts_free(list.facts);
}

/* ---- the command ---- */

static bool is_wanted(const struct options *opts, const char *name)
{
	for (u32 i = 0; i < opts->n_names; i++)
		if (strcmp(opts->names[i], name) == 0)
			return true;
	return !opts->n_names;
}

/* Loads the chosen programs; an exit status. */
static int choose_and_load(const struct options *opts, struct loader *loader)
{
	struct loader_error error = { 0 };

	for (u32 i = 0; i < opts->n_names; i++) {
		if (loader_find_prog(loader, opts->names[i]) >= 0)
			continue;
		complain("%s has no program '%s'", opts->file, opts->names[i]);
		return EXIT_PROBLEM;
	}
	for (u32 i = 0; i < loader_prog_count(loader); i++)
		loader_want(loader, i, is_wanted(opts, loader_prog(loader, i)->name));
	if (!loader_load(loader, &error))
		return EXIT_FINE;
	complain("%s", error.text);
	return EXIT_PROBLEM;
}

static int show_all(const struct options *opts, struct skep *skep, struct loader *loader)
{
	int status = choose_and_load(opts, loader), err;
	bool first = true;

	if (status)
		return status;
	if (opts->json)
		putchar('[');
	for (u32 i = 0; i < loader_prog_count(loader); i++) {
		const struct loader_prog *info = loader_prog(loader, i);
		const struct prog_type_model *type;
		struct prog_object *prog;

		if (info->fd < 0)
			continue;
		prog = prog_from_fd(skep, info->fd, &err);
		if (!prog)
			continue;
		type = model_prog_type(skep_model(skep), prog->prog.type);
		show_prog(opts, prog, info, prog->ctx ? prog->ctx : type ? type->ctx : NULL, first);
		first = false;
		object_put(&prog->base);
	}
	if (opts->json)
		puts("]");
	return fflush(stdout) ? EXIT_PROBLEM : EXIT_FINE;
}

static int open_and_show(const struct options *opts, struct skep *skep)
{
	struct loader_source source = { .path = opts->file };
	struct loader_error error = { 0 };
	struct loader_kernel kernel;
	struct loader *loader;
	void *bytes = NULL;
	int status = EXIT_PROBLEM;

	loader_kernel_of(skep, &kernel);
	if (is_source(opts->file)) {
		struct compile_opts how = { .btf = kernel.btf, .btf_size = kernel.btf_size };

		if (compile(opts->file, &how, &bytes, &source.size))
			return EXIT_PROBLEM;
		source.bytes = bytes;
	}
	if (loader_open(&kernel, &source, &loader, &error)) {
		complain("%s", error.text);
	} else {
		status = show_all(opts, skep, loader);
		loader_close(loader);
	}
	free(bytes);
	return status;
}

static int parse(int argc, char **argv, struct options *opts)
{
	static const struct option options[] = { { "prog", required_argument, NULL, 'p' },
						 { "json", no_argument, NULL, 'j' },
						 { "no-facts", no_argument, NULL, 'f' },
						 { NULL, 0, NULL, 0 } };
	int option;

	if (argc < 3 || strcmp(argv[1], "dump") || strcmp(argv[2], "xlated"))
		return bad_usage("prog", "say dump xlated");
	argc -= 2;
	argv += 2;
	argv[0] = "skep prog";
	while ((option = getopt_long(argc, argv, "p:j", options, NULL)) != -1) {
		if (option == '?')
			return EXIT_USAGE;
		opts->json |= option == 'j';
		opts->no_facts |= option == 'f';
		if (option == 'p' && opts->n_names == MAX_NAMES)
			return bad_usage("prog", "at most %d names", MAX_NAMES);
		if (option == 'p')
			opts->names[opts->n_names++] = optarg;
	}
	if (optind + 1 != argc)
		return bad_usage("prog", optind == argc ? "which file?" : "one file");
	opts->file = argv[optind];
	return 0;
}

int cmd_prog(int argc, char **argv)
{
	struct options opts = { 0 };
	struct skep *skep;
	int status = parse(argc, argv, &opts);

	if (status)
		return status;
	skep = skep_new(NULL);
	if (!skep) {
		complain("cannot make a kernel: %s", strerror(errno));
		return EXIT_PROBLEM;
	}
	status = open_and_show(&opts, skep);
	skep_free(skep);
	return status;
}
