/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs/helpers.md is made from the tables: this test makes it and compares. After a change of
 * the tables run it with SKEP_WRITE_DOCS=1 to write the file.
 */
#include <stdlib.h>

#include "base/text.h"
#include "helpers/helpers.h"
#include "helpers/kfuncs.h"
#include "lib/test.h"
#include "model/model.h"
#include "model/prog_types.h"

static const char *const arg_words[ARG_TYPE_COUNT] = {
	[ARG_ANYTHING] = "number",
	[ARG_CONST_MAP_PTR] = "map",
	[ARG_PTR_TO_MAP_KEY] = "key *",
	[ARG_PTR_TO_MAP_VALUE] = "value *",
	[ARG_PTR_TO_MEM] = "mem *",
	[ARG_CONST_SIZE] = "size",
	[ARG_CONST_SIZE_OR_ZERO] = "size?",
	[ARG_CONST_ALLOC_SIZE_OR_ZERO] = "size?",
	[ARG_PTR_TO_CTX] = "ctx",
	[ARG_PTR_TO_RINGBUF_MEM] = "record *",
	[ARG_PTR_TO_FUNC] = "callback",
	[ARG_PTR_TO_STACK] = "stack *",
	[ARG_PTR_TO_CONST_STR] = "const string",
	[ARG_PTR_TO_SPIN_LOCK] = "spin lock *",
	[ARG_PTR_TO_TIMER] = "timer *",
	[ARG_PTR_TO_KPTR] = "kptr *",
	[ARG_PTR_TO_DYNPTR] = "dynptr *",
	[ARG_PTR_TO_BTF_ID] = "object *",
	[ARG_PTR_TO_BTF_ID_SOCK_COMMON] = "sock_common *",
	[ARG_PTR_TO_SOCK_COMMON] = "sock_common *",
	[ARG_PTR_TO_SOCKET] = "sock *",
	[ARG_PTR_TO_PERCPU_BTF_ID] = "per-CPU object *",
};

static const char *const ret_words[] = {
	[RET_INTEGER] = "integer",
	[RET_VOID] = "nothing",
	[RET_PTR_TO_MAP_VALUE] = "value *",
	[RET_PTR_TO_MEM] = "mem *",
	[RET_PTR_TO_ALLOC_MEM] = "mem *",
	[RET_PTR_TO_RINGBUF_MEM] = "record *",
	[RET_PTR_TO_BTF_ID] = "object *",
	[RET_PTR_TO_SOCKET] = "sock *",
	[RET_PTR_TO_TCP_SOCK] = "tcp_sock *",
	[RET_PTR_TO_SOCK_COMMON] = "sock_common *",
	[RET_PTR_TO_DYNPTR_MEM] = "mem *",
	[RET_PTR_TO_MEM_OR_BTF_ID] = "object *",
};

static void put_arg(struct text *out, const struct helper_proto *proto, u32 i)
{
	u32 base = proto->arg[i] & ARG_BASE_MASK, flags = proto->arg[i] & ~ARG_BASE_MASK;

	if (base == ARG_PTR_TO_MEM || base == ARG_PTR_TO_MAP_VALUE)
		text_put(out, flags & ARG_MEM_UNINIT   ? "out "
			      : flags & ARG_MEM_WRITE  ? "in-out "
			      : flags & ARG_MEM_RDONLY ? "in "
						       : "");
	if (proto->arg_btf[i])
		text_printf(out, "%s *", proto->arg_btf[i]);
	else
		text_put(out, arg_words[base]);
	if (flags & ARG_MEM_FIXED_SIZE)
		text_printf(out, "[%u]", proto->arg_size[i]);
	if (flags & ARG_MAYBE_NULL)
		text_put(out, " or NULL");
}

static void put_prototype(struct text *out, const struct helper_proto *proto)
{
	text_put(out, "(");
	for (u32 i = 0; i < 5 && proto->arg[i]; i++) {
		text_put(out, i ? ", " : "");
		put_arg(out, proto, i);
	}
	text_printf(out, ") → ");
	if (proto->ret_btf_name)
		text_printf(out, "%s *", proto->ret_btf_name);
	else
		text_put(out, ret_words[proto->ret & RET_BASE_MASK]);
	if (proto->ret & RET_MAYBE_NULL)
		text_put(out, " or NULL");
}

/* With any attach type. */
static bool may_call(const struct kernel_model *model, const struct prog_type_model *type, u32 id)
{
	for (u32 attach = 0; attach < 64; attach++)
		if (model_prog_helper(model, type, attach, PRIVILEGE_PERFMON, id))
			return true;
	return false;
}

static void put_types(struct text *out, const struct kernel_model *model, u32 id)
{
	u32 n = 0, all = 0;

	for (u32 t = 1; t < PROG_TYPE_COUNT; t++)
		if (t != BPF_PROG_TYPE_LIRC_MODE2) {
			all++;
			n += may_call(model, skep_prog_types[t], id);
		}
	if (n == all) {
		text_put(out, "all");
		return;
	}
	n = 0;
	for (u32 t = 1; t < PROG_TYPE_COUNT; t++)
		if (may_call(model, skep_prog_types[t], id))
			text_printf(out, "%s%s", n++ ? ", " : "", skep_prog_types[t]->name);
	if (!n)
		text_put(out, "none");
}

static void put_document(struct text *out, const struct kernel_model *model)
{
	u32 have = 0;

	for (u32 id = 1; id < HELPER_COUNT; id++)
		have += !(helper_protos[id]->flags & HELPER_ABSENT);
	text_printf(
	    out,
	    "# Helpers\n\n"
	    "Made from src/helpers/defs.h, sets.c and src/model/prog_types.c by "
	    "tests/unit/helpers_doc.c; not to be edited.\n\n"
	    "Skep has %u of the %u helpers of Linux 6.18. The verifier knows the prototypes of "
	    "all; a program that calls one that Skep lacks is refused with a message that says "
	    "so. What each does: bpf-helpers(7).\n\n"
	    "In the prototypes `size` belongs to the memory before it, `?` means it may be 0; "
	    "*GPL*: only for programs with a compatible license; *sleeps*: only for sleepable "
	    "programs.\n\n"
	    "| id | helper | in Skep | prototype | program types |\n"
	    "|---|---|---|---|---|\n",
	    have, HELPER_COUNT - 1);
	for (u32 id = 1; id < HELPER_COUNT; id++) {
		const struct helper_proto *proto = helper_protos[id];

		text_printf(out, "| %u | `bpf_%s` | %s | `", id, proto->name,
			    proto->flags & HELPER_ABSENT ? "-" : "yes");
		put_prototype(out, proto);
		text_printf(out, "`%s%s | ", proto->flags & HELPER_GPL_ONLY ? " *GPL*" : "",
			    proto->flags & HELPER_MIGHT_SLEEP ? " *sleeps*" : "");
		put_types(out, model, id);
		text_put(out, " |\n");
	}
}

/* "int (struct x *p)" is written "int bpf_name(struct x *p)". */
static void put_kfuncs(struct text *out)
{
	const char *prototype;
	enum kfunc_id id;

	text_put(out, "\n## Kfuncs\n\n"
		      "Functions that programs call by their BTF id. The verifier knows those of "
		      "Linux 6.18 (src/model/kfuncs.def), which count with `--btf`; Skep's own kernel "
		      "has and runs these:\n\n```c\n");
	for (u32 i = 0; kfunc_run_at(i, &id, &prototype); i++) {
		const char *args = strchr(prototype, '(');
		int n = (int)(args - prototype);
		bool pointer = prototype[n - 1] == '*';

		text_printf(out, "%.*s%s%s%s;\n", pointer ? n : n - 1, prototype,
			    pointer ? "" : " ", kfunc_name(id), args);
	}
	text_put(out, "```\n");
}

static char made[1 << 17], committed[1 << 17];

TEST(the_document_is_in_step)
{
	const char *path = test_source_path("docs/helpers.md");
	struct text text = text_in(made, sizeof(made));
	struct kernel_model *model;
	FILE *f;

	REQUIRE(!model_skep_new(&model));
	put_document(&text, model);
	put_kfuncs(&text);
	model_free(model);
	REQUIRE(text.len < sizeof(made));
	if (getenv("SKEP_WRITE_DOCS")) {
		f = fopen(path, "w");
		REQUIRE(f);
		fputs(made, f);
		fclose(f);
	}
	f = fopen(path, "r");
	REQUIRE(f);
	committed[fread(committed, 1, sizeof(committed) - 1, f)] = 0;
	fclose(f);
	if (strcmp(made, committed))
		test_fail(
		    __FILE__, __LINE__,
		    "docs/helpers.md is not what the tables say; SKEP_WRITE_DOCS=1 writes it");
}
