/* SPDX-License-Identifier: Apache-2.0 */
/* skep verify: trees, rows, and programs that stand in each other's way. */
#define _GNU_SOURCE
#include "cli/shell.h"

#include <stdlib.h>

#include "lib/test.h"

#define RUN(...) (set_paths(), shell(false, __VA_ARGS__))

static void set_paths(void)
{
	setenv("OBJECTS", test_build_path("tests/cli"), 1);
	setenv("HOOK_OBJECTS", test_build_path("tests/hooks"), 1);
}

TEST(each_program_has_its_own_verdict)
{
	struct ran ran = RUN("\"$SKEP\" verify --tsv \"$OBJECTS/apart.bpf.o\" | cut -f 2,3,8");

	CHECK(says(&ran, "program\tverdict\treason\n"));
	CHECK(says(&ran, "good\taccepted\t\n"));
	CHECK(says(&ran, "lacks_map\trefused\tmap 'lacking' has type perf_event_array"));
	CHECK(says(&ran, "lacks_extern\trefused\textern 'bpf_not_there' is not in this kernel\n"));
	CHECK(says(&ran,
		   "lacks_target\trefused\tthis kernel has no 'not_there_at_all' to attach to\n"));
	CHECK(says(&ran, "lacks_type\tunjudged\tno program type goes with SEC("));
	CHECK(says(&ran, "guessed\taccepted\t\n"));
	CHECK(says(&ran, "lacks_name\tunjudged\tSEC(\"?fentry\") names no target") ||
	      says(&ran, "lacks_name\tunjudged\tSEC(\"fentry\") names no target"));
	CHECK(says(&ran, "optional\taccepted\t\n"));
	ran_free(&ran);
}

TEST(programs_of_embedders_are_judged_by_their_own_types)
{
	struct ran ran = RUN("cd \"$OBJECTS/../embed\"; \"$SKEP\" verify bad-RETURN_RANGE.bpf.o "
			     "bad-UNKNOWN_HELPER.bpf.o bad-PAST_DATA.bpf.o bad-NO_CONTEXT.bpf.o");

	CHECK(says(&ran, "accepted bad (skep/thing)"));
	CHECK(says(&ran, "an embedding program may offer less"));
	CHECK(says(&ran, "    only the embedding program knows: invalid func unknown#"));
	CHECK(says(&ran, "    only the embedding program knows: invalid bpf_context access"));
	CHECK(says(&ran, "1 accepted, 0 refused, 3 unjudged\n"));
	ran_free(&ran);
}

TEST(trees_are_walked_in_order)
{
	struct ran ran =
	    RUN("mkdir -p t/b/c t/a; cp \"$OBJECTS/kinds.bpf.o\" t/b/c/z.o; "
		"cp \"$OBJECTS/loops.bpf.o\" t/a/y.o; echo text >t/a/x.o; cp /bin/true t/b/true.o; "
		"ln -s ../b t/a/link; \"$SKEP\" verify --tsv t | cut -f 1-3; "
		"mkdir empty; \"$SKEP\" verify empty; echo $?");

	CHECK_STR(ran.out, "file\tprogram\tverdict\n"
			   "t/a/y.o\ton_getppid\taccepted\n"
			   "t/b/c/z.o\ton_getppid\taccepted\n"
			   "t/b/c/z.o\ton_exit\taccepted\n2\n");
	CHECK(complains(&ran, "there are no eBPF objects (*.o) below empty"));
	ran_free(&ran);
}

TEST(json_is_json)
{
	struct ran ran =
	    RUN("\"$SKEP\" verify --json --log-level 1 \"$HOOK_OBJECTS/mixed.bpf.o\" /etc/passwd | "
		"python3 -c 'import json, sys\n"
		"for o in json.load(sys.stdin):\n"
		"    print(o.get(\"program\"), o[\"verdict\"], o.get(\"type\"), o.get(\"cause\"), "
		"o.get(\"instructions\", 0) > 0, \"processed\" in o.get(\"log\", \"\"), "
		"o.get(\"explanation\", {}).get(\"cause\"))'");

	CHECK_STR(ran.out, "good accepted raw_tracepoint None True True None\n"
			   "bad refused raw_tracepoint null-check True True null-check\n"
			   "newer accepted sched_cls None True True None\n"
			   "None error None None False False None\n");
	ran_free(&ran);
}

/*
 * The worker waits for the pipe's other end when it is killed. (A sanitizer would take the
 * signal for the worker's own mistake and end it otherwise.)
 */
TEST(a_judge_that_dies_costs_one_file)
{
	struct ran ran =
	    RUN("export ASAN_OPTIONS=\"$ASAN_OPTIONS:handle_segv=0\"; mkfifo pipe.o; \"$SKEP\" verify --tsv pipe.o \"$OBJECTS/loops.bpf.o\" "
		">out & p=$!; for i in 1 2 3 4 5 6 7 8 9; do sleep 0.1; w=$(pgrep -P $p) "
		"&& break; done; sleep 0.3; kill -SEGV $w; wait $p; echo $?; "
		"cut -f 2,3,8 out");

	CHECK_STR(ran.out, "2\nprogram\tverdict\treason\n"
			   "-\terror\tjudging it crashed: Segmentation fault\n"
			   "on_getppid\taccepted\t\n");
	ran_free(&ran);
}

TEST(a_program_that_takes_too_long_is_told)
{
	struct ran ran = RUN("\"$SKEP\" verify --seconds 0 --tsv \"$OBJECTS/kinds.bpf.o\" | "
			     "cut -f 2,3,8; \"$SKEP\" verify --seconds x y; echo $?");

	CHECK(says(&ran, "program\tverdict\treason\n"));
	CHECK(!says(&ran, "refused"));
	CHECK(says(&ran, "\n2\n"));
	ran_free(&ran);
}

TEST(exit_status_says_what_there_was)
{
	struct ran ran = RUN(
	    "printf 'SEC(\"nobody_knows\") int f(void *ctx) { return 0; }\n' "
	    "| sed '1i #define SEC(x) __attribute__((section(x), used))' >u.c; "
	    "clang -target bpf -g -O2 -c u.c -o u.o; \"$SKEP\" verify u.o; echo $?; "
	    "\"$SKEP\" verify u.o \"$HOOK_OBJECTS/mixed.bpf.o\" | tail -n 1; "
	    "\"$SKEP\" verify --btf /nonexistent u.o; echo $?; \"$SKEP\" verify --btf u.c u.o; echo $?");

	CHECK(says(&ran, "u.o: UNJUDGED f (nobody_knows)\n"));
	CHECK(says(&ran, "\n3\n2 accepted, 1 refused, 1 unjudged\n2\n2\n"));
	CHECK(complains(&ran, "/nonexistent: No such file or directory"));
	CHECK(complains(&ran, "u.c is not the BTF of a kernel"));
	ran_free(&ran);
}

/* Any kernel's BTF will do: here the one that Skep presents. */
TEST(a_kernel_is_known_by_its_btf)
{
	struct ran ran = RUN("\"$SKEP\" btf raw >b && \"$SKEP\" verify --btf b "
			     "\"$OBJECTS/apart.bpf.o\" \"$OBJECTS/task.bpf.o\"");

	CHECK(says(&ran, "accepted good ("));
	CHECK(says(&ran, "accepted lacks_map ("));
	CHECK(says(&ran, "accepted on_enter ("));
	ran_free(&ran);
}

TEST(this_machines_linux_has_its_say)
{
	struct ran ran = RUN("\"$SKEP\" verify --against-linux --tsv "
			     "\"$HOOK_OBJECTS/mixed.bpf.o\" | cut -f 2,3,9,14; \"$SKEP\" verify "
			     "--against-linux \"$HOOK_OBJECTS/mixed.bpf.o\" | tail -n 1");

	CHECK(says(&ran, "program\tverdict\tlinux_verdict\tagreement\n"));
	if (says(&ran, "accepted\tunjudged")) {
		CHECK(says(&ran, "good\taccepted\tunjudged\t\n"));
		CHECK(says(&ran, "Linux: agree 0 of 0"));
	} else {
		CHECK(says(&ran, "good\taccepted\taccepted\tagree\n"));
		CHECK(says(&ran, "bad\trefused\trefused\tagree\n"));
		CHECK(says(&ran, "0 accepted that it refuses"));
	}
	ran_free(&ran);
}
