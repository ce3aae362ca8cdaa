/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/lib/case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/asm.h"
#include "verifier/lib/value.h"

/* What stands for an instruction given raw until the text is assembled. */
#define RAW_MARK 0x7a510000
#define MAP_MARK 0x6d000000

struct reader {
	const char *path;
	u32 line;
	struct verifier_case c;
	char code[1 << 16];
	size_t code_len;
	struct bpf_insn raw[64];
	char raw_name[64][60]; /* of the kernel's function, struct or variable that it names */
	u32 n_raw;
	insn_vec insns;
	struct values values; /* BTF of its own maps and objects */
	char global[120];	 /* signature of the second function */
	bool has_case, has_verdict, wants_btf;
	void (*run)(struct verifier_case *c, void *arg);
	void *arg;
};

static const char *const type_names[] = {
	[BPF_PROG_TYPE_SOCKET_FILTER] = "socket_filter",
	[BPF_PROG_TYPE_KPROBE] = "kprobe",
	[BPF_PROG_TYPE_SCHED_CLS] = "sched_cls",
	[BPF_PROG_TYPE_SCHED_ACT] = "sched_act",
	[BPF_PROG_TYPE_TRACEPOINT] = "tracepoint",
	[BPF_PROG_TYPE_XDP] = "xdp",
	[BPF_PROG_TYPE_PERF_EVENT] = "perf_event",
	[BPF_PROG_TYPE_CGROUP_SKB] = "cgroup_skb",
	[BPF_PROG_TYPE_CGROUP_SOCK] = "cgroup_sock",
	[BPF_PROG_TYPE_CGROUP_SOCK_ADDR] = "cgroup_sock_addr",
	[BPF_PROG_TYPE_FLOW_DISSECTOR] = "flow_dissector",
	[BPF_PROG_TYPE_RAW_TRACEPOINT] = "raw_tracepoint",
	[BPF_PROG_TYPE_SYSCALL] = "syscall",
	[BPF_PROG_TYPE_TRACING] = "tracing",
	[BPF_PROG_TYPE_LSM] = "lsm",
	[BPF_PROG_TYPE_EXT] = "ext",
	[BPF_PROG_TYPE_STRUCT_OPS] = "struct_ops",
	[BPF_PROG_TYPE_LWT_IN] = "lwt_in",
	[32] = "netfilter",
};

static bool complain(const struct reader *r, const char *what)
{
	fprintf(stderr, "%s:%u: %s\n", r->path, r->line, what);
	return false;
}

static bool add_code(struct reader *r, const char *text)
{
	size_t n = strlen(text);

	if (r->code_len + n + 1 > sizeof(r->code))
		return complain(r, "too much code");
	memcpy(r->code + r->code_len, text, n + 1);
	r->code_len += n;
	return true;
}

static int fixture_of(const char *name, size_t len)
{
	for (u32 i = 0; i < FIXTURE_COUNT; i++)
		if (strlen(fixtures[i].name) == len && !memcmp(fixtures[i].name, name, len))
			return (int)i;
	return -1;
}

/* Fixtures first, then the case's own. */
static int map_of(const struct reader *r, const char *name, size_t len)
{
	int found = fixture_of(name, len);

	for (u32 i = 0; found < 0 && i < r->c.subject.n_own; i++)
		if (strlen(r->c.subject.own[i].name) == len &&
		    !memcmp(r->c.subject.own[i].name, name, len))
			found = (int)(FIXTURE_COUNT + i);
	return found;
}

/* An instruction that stands in the text as a mark. */
static bool add_raw(struct reader *r, struct bpf_insn insn, const char *name)
{
	char text[40];

	if (r->n_raw == ARRAY_SIZE(r->raw))
		return complain(r, "too many raw instructions");
	snprintf(text, sizeof(text), "\tr9 = %d\n", RAW_MARK + (int)r->n_raw);
	snprintf(r->raw_name[r->n_raw], sizeof(r->raw_name[0]), "%s", name);
	r->raw[r->n_raw++] = insn;
	return add_code(r, text);
}

static u32 object_id(const struct reader *r, const char *name, size_t len)
{
	for (u32 i = 0; i < r->values.n_named; i++)
		if (strlen(r->values.named[i].name) == len &&
		    !memcmp(r->values.named[i].name, name, len))
			return r->values.named[i].id;
	return 0;
}

/* off[STRUCT.MEMBER] becomes the member's offset in this machine's kernel. */
static void replace_offset(struct reader *r, const char *line, const char *at, char *out, size_t size)
{
	struct subject *s = &r->c.subject;
	char owner[60], member[60];
	int off = -1;

	if (sscanf(at, "off[%59[^.].%59[^]]]", owner, member) == 2)
		off = kernel_member_offset(owner, member);
	/* A name that is not there: nobody judges this case. */
	if (off < 0 && s->n_kfuncs < ARRAY_SIZE(s->kfuncs)) {
		s->kfuncs[s->n_kfuncs].insn = 0;
		snprintf(s->kfuncs[s->n_kfuncs++].name, sizeof(s->kfuncs[0].name), "%.56s()", member);
	}
	snprintf(out, size, "%.*s%d%s", (int)(at - line), line, off, at + strcspn(at, "]") + 1);
}

static bool add_code_line(struct reader *r, const char *line)
{
	const char *map = strstr(line, "map["), *type = strstr(line, "type[");
	char text[300];
	unsigned code, dst, src;
	int off, imm, fixture, len = 0;
	const char *offset = strstr(line, "off[");
	char replaced[200];
	size_t n;

	if (offset) {
		replace_offset(r, line, offset, replaced, sizeof(replaced));
		return add_code_line(r, replaced);
	}
	if (sscanf(line, " .raw %i %u %u %i %i%n", (int *)&code, &dst, &src, &off, &imm, &len) == 5 &&
	    len)
		return add_raw(r, (struct bpf_insn){ .code = (u8)code, .dst_reg = dst & 15,
						     .src_reg = src & 15, .off = (s16)off,
						     .imm = imm }, "");
	if (sscanf(line, " call kfunc %59s", text) == 1)
		return add_raw(r, (struct bpf_insn){ .code = BPF_JMP | BPF_CALL,
						     .src_reg = BPF_PSEUDO_KFUNC_CALL }, text);
	if (sscanf(line, " r%u = ktype[%59[^]]]", &dst, text) == 2)
		return add_raw(r, (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K,
						     .dst_reg = dst & 15 }, text);
	if (sscanf(line, " r%u = ksym[%59[^]]]", &dst, text) == 2)
		return add_raw(r, (struct bpf_insn){ .code = BPF_LD | BPF_IMM | BPF_DW,
						     .dst_reg = dst & 15,
						     .src_reg = BPF_PSEUDO_BTF_ID }, text) &&
		       add_raw(r, (struct bpf_insn){ 0 }, "");
	if (type) {
		n = strcspn(type + 5, "]");
		snprintf(text, sizeof(text), "%.*s%u%s\n", (int)(type - line), line,
			 object_id(r, type + 5, n), type + 5 + n + 1);
		return add_code(r, text);
	}
	if (map) {
		n = strcspn(map + 4, "]");
		fixture = map_of(r, map + 4, n);
		if (fixture < 0)
			return complain(r, "no such map");
		snprintf(text, sizeof(text), "%.*smap[fd:%d%s\n", (int)(map - line), line,
			 MAP_MARK + fixture, map + 4 + n);
		return add_code(r, text);
	}
	return add_code(r, line) && add_code(r, "\n");
}

/* ---- from assembled text to a subject ---- */

/* The instruction gets the id of that name when it is judged. */
static void name_insn(struct subject *s, u32 i, const char name[60])
{
	if (insn_is_call(&s->insns[i]) && s->n_kfuncs < ARRAY_SIZE(s->kfuncs)) {
		s->kfuncs[s->n_kfuncs].insn = i;
		memcpy(s->kfuncs[s->n_kfuncs++].name, name, sizeof(s->kfuncs[0].name));
	} else if (s->n_types < ARRAY_SIZE(s->types)) {
		s->types[s->n_types].insn = i;
		memcpy(s->types[s->n_types++].name, name, sizeof(s->types[0].name));
	}
}

static void replace_marks(struct reader *r)
{
	struct subject *s = &r->c.subject;

	s->insns = r->insns.data;
	for (u32 i = 0; i < r->insns.len; i++) {
		struct bpf_insn *insn = &r->insns.data[i];
		u32 mark = (u32)insn->imm - RAW_MARK;

		if (insn->code != (BPF_ALU64 | BPF_MOV | BPF_K) || mark >= r->n_raw)
			continue;
		*insn = r->raw[mark];
		if (r->raw_name[mark][0])
			name_insn(s, i, r->raw_name[mark]);
	}
	for (u32 i = 0; i < r->insns.len; i++) {
		struct bpf_insn *insn = &r->insns.data[i];
		u32 mark = (u32)insn->imm;

		if (!insn_is_ldimm64(insn))
			continue;
		if (insn->src_reg && mark - MAP_MARK < FIXTURE_COUNT + s->n_own && s->n_maps < 64)
			s->maps[s->n_maps++] = (struct subject_map){ i, mark - MAP_MARK };
		i++;
	}
	s->insns = r->insns.data;
	s->n_insns = (u32)r->insns.len;
}

/* Linux wants the functions of a program with callbacks described. */
static bool has_callbacks(const struct subject *s)
{
	for (u32 i = 0; i < s->n_insns; i += insn_slots(&s->insns[i]))
		if (insn_is_ldimm64(&s->insns[i]) && s->insns[i].src_reg == BPF_PSEUDO_FUNC)
			return true;
	return false;
}

/* int, void, float, fwd, the name of an object or of an empty struct; "*" before it: a pointer. */
static s32 parameter_type(struct reader *r, const char *name)
{
	struct btf_builder *b = r->values.builder;
	s32 id;

	if (name[0] == '*') {
		id = parameter_type(r, name + 1);
		return id < 0 ? id : btf_add_ptr(b, (u32)id);
	}
	if (!strcmp(name, "int"))
		return (s32)r->values.int_id;
	if (!strcmp(name, "void"))
		return 0;
	if (!strcmp(name, "float"))
		return btf_add_float(b, name, 4);
	if (!strcmp(name, "fwd"))
		return btf_add_fwd(b, name, false);
	id = (s32)object_id(r, name, strlen(name));
	return id ? id : btf_add_struct(b, name, 0, false);
}

/* The second function is global: its types first, then the prototype, then the tags. */
static bool add_global(struct reader *r)
{
	struct btf_builder *b = r->values.builder;
	char *tag[8], *rest = NULL, *word = strtok_r(r->global, " ", &rest), name[8];
	s32 result = word ? parameter_type(r, word) : -1, id[8], func;
	u32 n = 0;

	while (n < ARRAY_SIZE(id) && (word = strtok_r(NULL, " ", &rest))) {
		tag[n] = word;
		word = strsep(&tag[n], ":");
		id[n] = parameter_type(r, word);
		n++;
	}
	if (result < 0 || r->c.subject.n_func_info < 2)
		return false;
	func = btf_add_func_proto(b, (u32)result);
	for (u32 i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "a%u", i);
		btf_add_param(b, name, (u32)id[i]);
	}
	func = btf_add_func(b, "f", (u32)func, BTF_FUNC_GLOBAL);
	for (u32 i = 0; i < n; i++)
		while ((word = strsep(&tag[i], ","))) {
			char text[40];

			snprintf(text, sizeof(text), "arg:%s", word);
			btf_add_decl_tag(b, text, (u32)func, (s32)i);
		}
	r->c.subject.func_info[1].type_id = (u32)func;
	return true;
}

static bool finish_case(struct reader *r)
{
	struct asm_error err = { 0 };
	char what[200];

	if (!r->has_case)
		return true;
	if (!r->has_verdict)
		return complain(r, "the case before this line has no verdict");
	r->insns.len = 0;
	if (isa_assemble(r->code, &r->insns, &err)) {
		snprintf(what, sizeof(what), "code line %u of the case before: %s", err.line,
			 err.message);
		return complain(r, what);
	}
	replace_marks(r);
	if (r->wants_btf || has_callbacks(&r->c.subject) || r->values.n_named || r->global[0])
		subject_add_functions(&r->c.subject, r->values.builder, r->values.int_id);
	if (r->global[0] && !add_global(r))
		return complain(r, "global of the case before: RESULT PARAMETER...");
	if ((r->c.subject.n_func_info || r->c.subject.n_own) &&
	    !subject_take_btf(&r->c.subject, r->values.builder))
		return complain(r, "too much BTF");
	r->run(&r->c, r->arg);
	return true;
}

static bool begin_case(struct reader *r, const char *name)
{
	if (!finish_case(r))
		return false;
	btf_builder_free(r->values.builder);
	if (!values_begin(&r->values))
		return complain(r, "out of memory");
	memset(&r->c, 0, sizeof(r->c));
	snprintf(r->c.subject.name, sizeof(r->c.subject.name), "%.150s", name);
	r->c.subject.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	r->c.subject.gpl = true;
	r->c.at = -1;
	r->c.line = r->line;
	r->code_len = 0;
	r->code[0] = 0;
	r->n_raw = 0;
	r->has_case = true;
	r->global[0] = 0;
	r->has_verdict = r->wants_btf = false;
	return true;
}

static bool set_type(struct reader *r, const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(type_names); i++)
		if (type_names[i] && !strcmp(type_names[i], name)) {
			r->c.subject.prog_type = i;
			return true;
		}
	return complain(r, "no such program type");
}

static bool set_flags(struct reader *r, const char *name)
{
	u32 *flags = &r->c.subject.prog_flags;

	if (!strcmp(name, "strict"))
		*flags |= BPF_F_STRICT_ALIGNMENT;
	else if (!strcmp(name, "unaligned"))
		*flags |= BPF_F_ANY_ALIGNMENT;
	else if (!strcmp(name, "sleepable"))
		*flags |= BPF_F_SLEEPABLE;
	else
		return complain(r, "no such flag");
	return true;
}

static bool add_map(struct reader *r, const char *text)
{
	static const struct {
		const char *name;
		u32 type;
	} types[] = {
		{ "hash", BPF_MAP_TYPE_HASH },	   { "lru", BPF_MAP_TYPE_LRU_HASH },
		{ "array", BPF_MAP_TYPE_ARRAY },   { "array_of_maps", BPF_MAP_TYPE_ARRAY_OF_MAPS },
		{ "percpu", BPF_MAP_TYPE_PERCPU_ARRAY },
		{ "user_ringbuf", BPF_MAP_TYPE_USER_RINGBUF }, { "arena", 33 },
	};
	struct subject *s = &r->c.subject;
	struct own_map *map = &s->own[s->n_own];
	char type[20];
	int at = 0;

	if (s->n_own == MAX_OWN_MAPS ||
	    sscanf(text, "%15s %19s %u %n", map->name, type, &map->max_entries, &at) != 3 || !at)
		return complain(r, "map NAME TYPE ENTRIES VALUE");
	for (u32 i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i].name, type))
			map->type = types[i].type;
	if (!map->type)
		return complain(r, "no such type of map");
	if (map->type == BPF_MAP_TYPE_ARRAY_OF_MAPS)
		snprintf(map->inner, sizeof(map->inner), "%s", text + at);
	else if (!value_add(&r->values, NULL, text + at, &map->value_type_id, &map->value_size))
		return complain(r, "no such value");
	map->key_type_id = r->values.int_id;
	s->n_own++;
	return true;
}

static bool add_object(struct reader *r, const char *text)
{
	char name[32];
	u32 id, size;
	int at = 0;

	if (sscanf(text, "%31s %n", name, &at) != 1 || !at ||
	    !value_add(&r->values, name, text + at, &id, &size))
		return complain(r, "object NAME VALUE");
	return true;
}

static void set_refusal(struct reader *r, const char *text)
{
	int skip = 0;

	r->c.accept = false;
	r->has_verdict = true;
	if (sscanf(text, "@%d %n", &r->c.at, &skip) == 1)
		text += skip;
	snprintf(r->c.words, sizeof(r->c.words), "%s", text);
}

static bool read_directive(struct reader *r, const char *line)
{
	if (!strncmp(line, "case ", 5))
		return begin_case(r, line + 5);
	if (!r->has_case)
		return complain(r, "no case yet");
	if (!strncmp(line, "type ", 5))
		return set_type(r, line + 5);
	if (!strncmp(line, "flags ", 6))
		return set_flags(r, line + 6);
	if (!strncmp(line, "map ", 4))
		return add_map(r, line + 4);
	if (!strncmp(line, "object ", 7))
		return add_object(r, line + 7);
	if (!strncmp(line, "attach ", 7))
		r->c.subject.attach_type = (u32)atoi(line + 7);
	else if (!strncmp(line, "to ", 3))
		snprintf(r->c.subject.attach_to, sizeof(r->c.subject.attach_to), "%.59s",
			 line + 3);
	else if (!strncmp(line, "global ", 7))
		snprintf(r->global, sizeof(r->global), "%.119s", line + 7);
	else if (!strcmp(line, "license none"))
		r->c.subject.gpl = false;
	else if (!strcmp(line, "unprivileged"))
		r->c.subject.unprivileged = true;
	else if (!strcmp(line, "kernel linux"))
		r->c.subject.linux_model = true;
	else if (!strcmp(line, "runs"))
		r->c.subject.to_run = true;
	else if (!strcmp(line, "btf"))
		r->wants_btf = true;
	else if (!strcmp(line, "accept"))
		r->c.accept = r->has_verdict = true;
	else if (!strncmp(line, "refuse ", 7))
		set_refusal(r, line + 7);
	else if (!strncmp(line, "linux accepts: ", 15))
		r->c.linux_view = LINUX_ACCEPTS;
	else if (!strncmp(line, "linux refuses: ", 15))
		r->c.linux_view = LINUX_REFUSES;
	else if (!strncmp(line, "linux skipped: ", 15))
		r->c.linux_view = LINUX_SKIPPED;
	else if (!strncmp(line, "linux says ", 11))
		snprintf(r->c.linux_words, sizeof(r->c.linux_words), "%s", line + 11);
	else
		return complain(r, "what is this?");
	return true;
}

bool cases_read(const char *path, void (*run)(struct verifier_case *c, void *arg), void *arg)
{
	static struct reader r;
	char line[190];
	size_t len;
	FILE *in = fopen(path, "r");
	bool ok = in != NULL;

	r = (struct reader){ .path = path, .run = run, .arg = arg };
	if (!in)
		return complain(&r, "cannot be read");
	while (ok && fgets(line, sizeof(line), in)) {
		r.line++;
		line[strcspn(line, "\n")] = 0;
		len = strlen(line);
		if (line[0] == '\t' || (len && line[len - 1] == ':'))
			ok = add_code_line(&r, line);
		else if (line[0] && line[0] != '#')
			ok = read_directive(&r, line);
	}
	ok = ok && finish_case(&r);
	btf_builder_free(r.values.builder);
	fclose(in);
	vec_release(&r.insns);
	return ok;
}
