/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs/STATUS.md is made from the tables that the code itself runs on: commands, map types,
 * program types, attachers, and the differences from Linux that abi.c knows. This test makes
 * it and compares; SKEP_WRITE_DOCS=1 writes it instead.
 */
#include <stdlib.h>

#include "hooks/syscall/hook.h"
#include "kernel/commands.h"
#include "kernel/core.h"
#include "kernel/differences.h"
#include "kernel/support.h"
#include "lib/map_types.h"
#include "lib/test.h"

static void put_intro(struct text *out)
{
	text_put(
	    out,
	    "# Status\n\n"
	    "What of Linux 6.18's eBPF is in Skep. What is absent answers with the errno that Linux\n"
	    "has for it, so feature probes see it as absent. Made from the code's own tables by\n"
	    "`tests/kernel/status.c`, which also checks that this page is in step.\n");
}

static void put_commands(struct text *out)
{
	text_put(out, "\n## Commands of bpf(2)\n\n| number | command | state |\n|---|---|---|\n");
	for (u32 i = 0; i < SKEP_COMMAND_COUNT; i++) {
		const struct command *c = &skep_commands[i];

		text_printf(out, "| %u | `%s` | %s |\n", i, c->name,
			    *c->note ? c->note : "complete");
	}
	text_put(
	    out,
	    "\nNot in any command: tokens, offload to network devices, signatures of programs\n"
	    "and CO-RE relocation by the kernel (libbpf does it).\n");
}

static void put_map_types(struct text *out)
{
	text_put(out, "\n## Map types\n\n| number | type | state |\n|---|---|---|\n");
	for (u32 i = 1; i < ARRAY_SIZE(map_types); i++)
		text_printf(out, "| %u | %s | %s |\n", i, map_types[i],
			    map_ops_of(i) ? "complete" : "absent: EINVAL");
}

static const char *const vias[] = {
	[ATTACH_VIA_RAW_TRACEPOINT] = "RAW_TRACEPOINT_OPEN",
	[ATTACH_VIA_EVENT] = "LINK_CREATE on a perf event",
	[ATTACH_VIA_LINK] = "LINK_CREATE",
};

static void put_attachers(struct text *out, struct skep *skep, u32 prog_type)
{
	const char *comma = "";

	vec_for_each (r, &skep->attachers) {
		if (r->attacher->prog_type != prog_type)
			continue;
		text_printf(out, "%s`%s` by %s", comma, r->attacher->name, vias[r->attacher->via]);
		comma = ", ";
	}
	if (!*comma)
		text_put(out, "-");
}

static void put_prog_types(struct text *out, struct skep *skep)
{
	text_put(out,
		 "\n## Program types\n\n\"verify\": the verifier knows its context and helpers "
		 "(`skep verify`);\nPROG_LOAD answers EINVAL.\n\n"
		 "| number | type | PROG_LOAD | PROG_TEST_RUN | attaches to |\n"
		 "|---|---|---|---|---|\n");
	for (u32 i = 1; i < skep->model.n_prog_types; i++) {
		const struct prog_type_model *type = skep->model.prog_types[i];

		if (!type)
			continue;
		text_printf(out, "| %u | %s | %s | %s | ", i, type->name,
			    type->can_attach ? "yes"
			    : type->ctx      ? "verify"
					     : "absent: EINVAL",
			    type->can_attach && prog_type_has_test_run(i) ? "yes" : "-");
		put_attachers(out, skep, i);
		text_put(out, " |\n");
	}
	text_put(out,
		 "| - | skep/NAME | yes | by its bytes, without pointers | the embedding program's "
		 "hooks |\n");
}

static const char *errno_text(int err, const char *name)
{
	return err < 0 ? "(several)" : err ? name : "success";
}

static void put_differences(struct text *out)
{
	text_put(
	    out,
	    "\n## Answers that differ from Linux\n\n"
	    "Found by `tests/kernel/abi.c`, which makes about 100,000 calls to both and accepts\n"
	    "no others.\n\n| command | field at | Skep | Linux | why |\n|---|---|---|---|---|\n");
#define ANY (-1)
#define ROW(command, offset, skep_errno, linux_errno, reason)                             \
	if ((offset) == ANY_WORD)                                                         \
		text_printf(out, "| %s | - | %s | %s | %s |\n", #command,                 \
			    errno_text(skep_errno, #skep_errno),                          \
			    errno_text(linux_errno, #linux_errno), reason);               \
	else                                                                              \
		text_printf(out, "| %s | %u | %s | %s | %s |\n", #command, (u32)(offset), \
			    errno_text(skep_errno, #skep_errno),                          \
			    errno_text(linux_errno, #linux_errno), reason);
	KNOWN_DIFFERENCES(ROW)
#undef ROW
#undef ANY
	text_put(out, "\nBeyond errno:\n\n" OTHER_DIFFERENCES);
}

static char *make_status(void)
{
	static char page[64 << 10];
	struct text out = text_in(page, sizeof(page));
	struct world w = world_skep();
	struct syscall_hook_events events = { 0 };
	struct syscall_hook *hook;

	REQUIRE(!syscall_hook_new(w.skep, &events, NULL, &hook));
	put_intro(&out);
	put_commands(&out);
	put_map_types(&out);
	put_prog_types(&out, w.skep);
	put_differences(&out);
	world_end(&w);
	syscall_hook_free(hook);
	REQUIRE(out.len < sizeof(page));
	return page;
}

TEST(the_status_page_is_what_the_tables_say)
{
	const char *path = test_source_path("docs/STATUS.md");
	const char *made = make_status();
	bool same = false;
	FILE *file;

	if (getenv("SKEP_WRITE_DOCS")) {
		file = fopen(path, "w");
		REQUIRE(file);
		fputs(made, file);
		fclose(file);
		return;
	}
	file = fopen(path, "r");
	REQUIRE(file);
	for (same = true; *made && same; made++)
		same = fgetc(file) == (u8)*made;
	same = same && fgetc(file) == EOF;
	fclose(file);
	if (!same)
		test_fail(__FILE__, __LINE__,
			  "docs/STATUS.md is not what the tables say; SKEP_WRITE_DOCS=1 writes it");
}
