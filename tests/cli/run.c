/* SPDX-License-Identifier: Apache-2.0 */
/* The command line as users meet it: what `skep run` and `skep verify` print and return. */
#define _GNU_SOURCE
#include "cli/shell.h"

#include <stdlib.h>
#include <string.h>

#include "lib/test.h"

static void set_paths(void)
{
	static char test_objects[4096], test_sources[4096], hooks[4096], caller[4096];

	snprintf(test_objects, sizeof(test_objects), "%s", test_build_path("tests/cli"));
	snprintf(test_sources, sizeof(test_sources), "%s", test_source_path("tests/cli/bpf"));
	snprintf(hooks, sizeof(hooks), "%s", test_build_path("tests/hooks"));
	snprintf(caller, sizeof(caller), "%s", test_build_path("tests/cli/caller"));
	setenv("OBJECTS", test_objects, 1);
	setenv("TEST_SOURCES", test_sources, 1);
	setenv("HOOK_OBJECTS", hooks, 1);
	setenv("CALLER", caller, 1);
}

#define RUN(...) (set_paths(), shell(false, __VA_ARGS__))

TEST(maps_are_printed_for_people)
{
	struct ran ran = RUN("\"$SKEP\" run \"$OBJECTS/kinds.bpf.o\" -- \"$CALLER\" getppid 3");

	EXPECT_EXIT(&ran, 0);
	CHECK(ran.out_len == 0);
	CHECK(complains(&ran, "caller-"));
	CHECK(complains(&ran, ": seen 5\n") && complains(&ran, ": seen 15\n"));
	CHECK(complains(
	    &ran,
	    "records  number=7  negative=-3  colour=GREEN  yes=true  name=ab\\\"c  tail=[1, 2]\n"));
	CHECK(complains(&ran, "\ntable\nkey  value\n  3    300\n  2    200\n  1    100\n"));
	CHECK(complains(&ran, "\nsummed\ncount  max_seen\n    3         9\n"));
	CHECK(complains(&ran, "\nsize_bytes_hist\n  [  16,   32) bytes          6 |##########"));
	CHECK(!complains(&ran, "_private") && !complains(&ran, ".bss"));
	ran_free(&ran);
}

TEST(maps_are_printed_for_machines)
{
	struct ran ran =
	    RUN("\"$SKEP\" run \"$OBJECTS/kinds.bpf.o\" --json -o j -- \"$CALLER\" getppid 2; "
		"cat j; python3 -c \"import json,sys; [json.loads(l) for l in open('j')]\"");

	need("python3");
	EXPECT_EXIT(&ran, 0);
	CHECK(says(&ran, "{\"trace\":\"seen 10\",\"comm\":\"caller\",\"pid\":"));
	CHECK(says(
	    &ran,
	    "{\"record\":\"records\",\"data\":{\"number\":7,\"negative\":-3,\"colour\":\"GREEN\",\"yes\":true,"
	    "\"name\":\"ab\\\"c\",\"tail\":[1,2]}}\n"));
	CHECK(says(
	    &ran,
	    "\"table\":{\"type\":\"hash\",\"entries\":[{\"key\":3,\"value\":300},{\"key\":2,\"value\":200},"
	    "{\"key\":1,\"value\":100}]}"));
	CHECK(says(
	    &ran,
	    "\"summed\":{\"type\":\"percpu_array\",\"entries\":[{\"key\":0,\"value\":{\"count\":2,\"max_seen\":9}}]}"));
	ran_free(&ran);
}

TEST(maps_and_variables_by_name)
{
	struct ran ran = RUN(
	    "\"$SKEP\" run \"$OBJECTS/kinds.bpf.o\" --map _private --map .bss --map .rodata -- \"$CALLER\" getppid 2");

	EXPECT_EXIT(&ran, 0);
	CHECK(complains(&ran, "\n_private\nkey  value\n  0      0\n"));
	CHECK(complains(&ran, "global_seen = 10\n") && complains(&ran, "step = 5\n"));
	CHECK(!complains(&ran, "\ntable\n"));
	ran_free(&ran);
}

TEST(only_the_chosen_programs_are_loaded)
{
	struct ran ran =
	    RUN("\"$SKEP\" run \"$HOOK_OBJECTS/mixed.bpf.o\" --only good -- true; echo $?; "
		"\"$SKEP\" run \"$HOOK_OBJECTS/mixed.bpf.o\" --only nothing -- true; echo $?");

	CHECK(says(&ran, "0\n125\n"));
	CHECK(complains(&ran, "has no program 'nothing'"));
	ran_free(&ran);
}

TEST(c_is_compiled_and_clang_speaks_for_itself)
{
	struct ran fine = RUN(
	    "\"$SKEP\" run \"$TEST_SOURCES/kinds.bpf.c\" --map table -- \"$CALLER\" getppid 1; ls -A .cache/skep");
	struct ran again =
	    shell(false, "echo 'int broken(' >x.bpf.c; \"$SKEP\" run x.bpf.c -- true");
	struct ran macro = shell(
	    false,
	    "printf '#include \"one.h\"\\nint x = TWO;\\n' >x.bpf.c; mkdir d; echo '#define ONE' >d/one.h; "
	    "\"$SKEP\" run x.bpf.c -I d -D TWO=2 -- true; echo $?");

	EXPECT_EXIT(&fine, 0);
	CHECK(complains(&fine, "  3    300\n"));
	CHECK(fine.out_len > 10);
	EXPECT_EXIT(&again, 125);
	CHECK(complains(&again, "x.bpf.c:1:") && complains(&again, "error: "));
	CHECK(!complains(&macro, "error:"));
	ran_free(&fine);
	ran_free(&again);
	ran_free(&macro);
}

TEST(a_missing_clang_is_told)
{
	struct ran ran =
	    RUN("CLANG=/nonexistent/clang \"$SKEP\" run \"$TEST_SOURCES/kinds.bpf.c\" -- true");

	EXPECT_EXIT(&ran, 125);
	CHECK(complains(&ran, "install clang to compile C, or give a compiled .bpf.o"));
	ran_free(&ran);
}

TEST(records_may_be_sent_in_part_and_programs_left_out)
{
	struct ran ran = RUN("\"$SKEP\" run \"$OBJECTS/short.bpf.o\" -- \"$CALLER\" getppid 1");
	struct ran json =
	    shell(false, "\"$SKEP\" run \"$OBJECTS/short.bpf.o\" --json -- \"$CALLER\" getppid 1");
	struct ran asked =
	    shell(false, "\"$SKEP\" run \"$OBJECTS/short.bpf.o\" --only not_here -- true");

	EXPECT_EXIT(&ran, 0);
	CHECK(complains(&ran, "events  number=3  path=cut\n"));
	CHECK(
	    complains(&json, "{\"record\":\"events\",\"data\":{\"number\":3,\"path\":\"cut\"}}\n"));
	EXPECT_EXIT(&asked, 125);
	CHECK(complains(&asked, "SEC(\"tp/sched/sched_switch\") has no hook here"));
	ran_free(&ran);
	ran_free(&json);
	ran_free(&asked);
}

TEST(contexts_end_where_linux_ends_them)
{
	struct ran ran = RUN("\"$SKEP\" run \"$OBJECTS/short.bpf.o\" --only reads_too_far -- true");

	EXPECT_EXIT(&ran, 125);
	CHECK(complains(&ran, "cannot attach program reads_too_far"));
	ran_free(&ran);
}

TEST(output_that_cannot_be_written)
{
	struct ran full =
	    RUN("\"$SKEP\" run \"$OBJECTS/kinds.bpf.o\" -o /dev/full -- \"$CALLER\" getppid 1");
	struct ran gone = shell(
	    false,
	    "(\"$SKEP\" run \"$OBJECTS/kinds.bpf.o\" -o /dev/stdout -- "
	    "sh -c 'i=0; while [ $i -lt 300 ]; do \"$CALLER\" getppid 9; i=$((i+1)); done; echo whole >done'; "
	    "echo $? >status) | head -n 1 >first; cat done status");
	struct ran map =
	    shell(false, "\"$SKEP\" run \"$OBJECTS/kinds.bpf.o\" --map nonsense -- true");

	EXPECT_EXIT(&full, 125);
	CHECK(complains(&full, "cannot write /dev/full: No space left on device"));
	CHECK_STR(gone.out, "whole\n0\n");
	EXPECT_EXIT(&map, 125);
	CHECK(complains(&map, "has no map 'nonsense'"));
	ran_free(&full);
	ran_free(&gone);
	ran_free(&map);
}

TEST(refused_programs_name_the_line)
{
	struct ran ran = RUN("\"$SKEP\" run \"$HOOK_OBJECTS/mixed.bpf.o\" --only bad -- true");

	EXPECT_EXIT(&ran, 125);
	CHECK(complains(
	    &ran,
	    "program bad (raw_tracepoint/sys_enter) is refused: R0 invalid mem access 'map_value_or_null'"));
	CHECK(complains(&ran, "mixed.bpf.c:30: *value += 1"));
	ran_free(&ran);
}

TEST(sections_without_a_hook_are_told)
{
	struct ran ran = RUN("\"$SKEP\" run \"$HOOK_OBJECTS/mixed.bpf.o\" --only newer -- true");

	EXPECT_EXIT(&ran, 125);
	CHECK(complains(
	    &ran,
	    "SEC(\"tcx/ingress\") has no hook here: skep run can attach tracepoint/syscalls/"));
	ran_free(&ran);
}

TEST(a_budget_ends_long_runs)
{
	struct ran ran =
	    RUN("\"$SKEP\" run \"$OBJECTS/loops.bpf.o\" --budget 100000 -- \"$CALLER\" getppid 3");

	EXPECT_EXIT(&ran, 0);
	CHECK(complains(&ran, "program on_getppid was cut short 3 times"));
	ran_free(&ran);
}

TEST(the_interpreter_says_the_same)
{
	struct ran ran = RUN(
	    "\"$SKEP\" run \"$OBJECTS/kinds.bpf.o\" --no-jit --json --map table --map summed -o a -- \"$CALLER\" getppid 9 && "
	    "\"$SKEP\" run \"$OBJECTS/kinds.bpf.o\" --json --map table --map summed -o b -- \"$CALLER\" getppid 9 && "
	    "grep -o '\"maps\".*' a >c && grep -o '\"maps\".*' b >d && cmp c d");

	EXPECT_EXIT(&ran, 0);
	ran_free(&ran);
}

/* The line "name = value" pairs of the map: one row under a heading. */
static unsigned long cell(const char *json, const char *name)
{
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(json, key);
	return at ? strtoul(at + strlen(key), NULL, 10) : ~0ul;
}

static void check_task(bool nobody)
{
	struct ran ran;

	set_paths();
	ran = shell(
	    nobody,
	    "\"$SKEP\" run \"$OBJECTS/task.bpf.o\" --json -o j -- \"$CALLER\" thread-getpgid >ids; cat ids j");
	EXPECT_EXIT(&ran, 0);
	REQUIRE(ran.out_len > 0);
	CHECK_EQ(cell(ran.out, "pid"), cell(ran.out, "own_tid"));
	CHECK_EQ(cell(ran.out, "tgid"), cell(ran.out, "own_pid"));
	CHECK_EQ(cell(ran.out, "task_pid"), cell(ran.out, "own_tid"));
	CHECK_EQ(cell(ran.out, "task_tgid"), cell(ran.out, "own_pid"));
	CHECK_EQ(cell(ran.out, "leader"), cell(ran.out, "own_pid"));
	CHECK_EQ(cell(ran.out, "parent"), cell(ran.out, "own_ppid"));
	CHECK_EQ(cell(ran.out, "uid"), cell(ran.out, "own_uid"));
	CHECK_EQ(cell(ran.out, "gid"), cell(ran.out, "own_gid"));
	CHECK_EQ(cell(ran.out, "regs_arg"), 4242);
	CHECK(says(&ran, "\"comm\":\"a-thread\""));
	CHECK(says(&ran, "\"task_comm\":\"a-thread\""));
	CHECK(says(&ran, "\"read_bad\":-14,\"read_kernel_of_user\":-34"));
	ran_free(&ran);
}

TEST(the_stack_is_the_callers)
{
	struct ran ran;

	set_paths();
	ran = shell(false, "\"$SKEP\" run \"$OBJECTS/stack.bpf.o\" --json -o j -- \"$CALLER\" stack >ips; "
			   "cat ips j");
	EXPECT_EXIT(&ran, 0);
	REQUIRE(ran.out_len > 0);
	CHECK(cell(ran.out, "bytes") >= 3 * 8);
	CHECK_EQ(cell(ran.out, "ip1"), cell(ran.out, "return_1"));
	CHECK_EQ(cell(ran.out, "ip2"), cell(ran.out, "return_2"));
	CHECK(cell(ran.out, "ip0") != 0);
	CHECK(cell(ran.out, "id") < 16);
	CHECK_EQ(cell(ran.out, "same_id"), cell(ran.out, "id"));
	CHECK(says(&ran, "\"of_kernel\":-14"));
	ran_free(&ran);
}

TEST(the_task_is_the_caller)
{
	check_task(false);
}

TEST(the_task_is_the_caller_for_nobody_too)
{
	need_nobody();
	check_task(true);
}

TEST(exit_statuses)
{
	struct ran ran = RUN(
	    "R=\"$SKEP run $OBJECTS/kinds.bpf.o -o /dev/null\"; "
	    "$R -- sh -c 'exit 42'; echo $?; $R -- no-such-program; echo $?; $R -- /; echo $?; "
	    "$R -- sh -c 'kill -TERM $$'; echo $?; \"$SKEP\" run nothing.bpf.o -- true; echo $?; "
	    "\"$SKEP\" run; echo $?; \"$SKEP\" run x -p 1 -- true; echo $?; \"$SKEP\" nonsense; echo $?");

	CHECK_STR(ran.out, "42\n127\n126\n143\n125\n2\n2\n2\n");
	CHECK(complains(&ran, "cannot run no-such-program: No such file or directory"));
	CHECK(complains(&ran, "nothing.bpf.o: no such file"));
	ran_free(&ran);
}

TEST(processes_that_cannot_be_watched)
{
	struct ran ran = RUN("\"$SKEP\" run \"$OBJECTS/kinds.bpf.o\" -p 2147483646; echo $?");

	CHECK_STR(ran.out, "125\n");
	CHECK(complains(&ran, "there is no process 2147483646"));
	ran_free(&ran);
	need_nobody();
	ran = shell(true, "\"$SKEP\" run \"$OBJECTS/kinds.bpf.o\" -p $PPID; echo $?");
	CHECK_STR(ran.out, "125\n");
	CHECK(complains(&ran, "may not be traced: it belongs to someone else"));
	ran_free(&ran);
}

TEST(ptrace_and_setuid_are_told)
{
	struct ran ran =
	    RUN("\"$SKEP\" run \"$OBJECTS/kinds.bpf.o\" -o /dev/null -- \"$CALLER\" traceme");

	EXPECT_EXIT(&ran, 0);
	CHECK(complains(&ran, "skep: note: caller (pid "));
	CHECK(complains(&ran, "uses ptrace itself"));
	ran_free(&ran);
	need_nobody();
	ran = shell(
	    true,
	    "[ -u /bin/su ] && \"$SKEP\" run \"$OBJECTS/kinds.bpf.o\" -o /dev/null -- su --version");
	CHECK(exit_of(&ran) != 0 || complains(&ran, "runs a set-uid or set-gid program"));
	ran_free(&ran);
}

TEST(verdicts_in_text_and_tsv)
{
	struct ran text = RUN("\"$SKEP\" verify \"$HOOK_OBJECTS/mixed.bpf.o\"");
	struct ran tsv = shell(
	    false,
	    "\"$SKEP\" verify --tsv \"$HOOK_OBJECTS/mixed.bpf.o\" \"$OBJECTS/kinds.bpf.o\" | "
	    "sed \"1d; s,$HOOK_OBJECTS/,,; s,$OBJECTS/,,\" | awk -F'\\t' '{ print NF, $1, $2, $3, ($4 > 0), ($5 > 0), ($7 > 0), substr($8, 1, 12) }'");
	struct ran codes =
	    shell(false, "\"$SKEP\" verify \"$OBJECTS/kinds.bpf.o\" >/dev/null; echo $?; "
			 "\"$SKEP\" verify \"$HOOK_OBJECTS/mixed.bpf.o\" >/dev/null; echo $?; "
			 "\"$SKEP\" verify /etc/passwd; echo $?; \"$SKEP\" verify; echo $?; "
			 "\"$SKEP\" verify \"$TEST_SOURCES/loops.bpf.c\" >/dev/null; echo $?");

	EXPECT_EXIT(&text, 1);
	CHECK(says(&text, "accepted good (raw_tracepoint/sys_enter)") &&
	      says(&text, "REFUSED  bad"));
	CHECK(says(&text, "    R0 invalid mem access 'map_value_or_null'\n    at "));
	CHECK_STR(tsv.out,
		  "8 mixed.bpf.o good accepted 1 1 1 \n8 mixed.bpf.o bad refused 1 1 1 R0 invalid m\n"
		  "8 mixed.bpf.o newer accepted 1 1 1 \n8 kinds.bpf.o on_getppid accepted 1 1 1 \n"
		  "8 kinds.bpf.o on_exit accepted 1 1 1 \n");
	CHECK_STR(codes.out, "0\n1\n2\n2\n0\n");
	ran_free(&text);
	ran_free(&tsv);
	ran_free(&codes);
}

TEST(btf_is_shown)
{
	struct ran ran = RUN(
	    "\"$SKEP\" btf c | grep -c 'struct task_struct {'; \"$SKEP\" btf raw >b; \"$SKEP\" btf c \"$OBJECTS/kinds.bpf.o\" | grep 'struct record'; "
	    "od -An -tx1 -N2 b; \"$SKEP\" btf; echo $?");

	CHECK_STR(ran.out, "1\nstruct record {\n 9f eb\n2\n");
	ran_free(&ran);
}

TEST(programs_are_shown_beside_their_source)
{
	struct ran text = RUN("\"$SKEP\" prog dump xlated -p call_enter \"$SOURCES/syscount.bpf.c\"");
	struct ran json = RUN("\"$SKEP\" prog dump xlated -j \"$SOURCES/syscount.bpf.c\" | python3 -c "
			      "'import json, sys; p = json.load(sys.stdin); "
			      "print(len(p), p[0][\"name\"], p[0][\"xlated\"][1][\"facts\"])'");
	struct ran codes = shell(false, "\"$SKEP\" prog dump xlated -p none \"$SOURCES/syscount.bpf.c\"; "
					"echo $?; \"$SKEP\" prog dump xlated \"$HOOK_OBJECTS/mixed.bpf.o\"; "
					"echo $?; \"$SKEP\" prog dump; echo $?");

	CHECK(says(&text, "program call_enter (tracepoint/raw_syscalls/sys_enter)"));
	CHECK(says(&text, "; __u64 now = bpf_ktime_get_ns(); ("));
	CHECK(says(&text, "; r2 = fp-4\n") && says(&text, "; r1 = map(_started)\n"));
	CHECK_STR(json.out, "2 call_enter writes fp-4\n");
	CHECK_STR(codes.out, "1\n1\n2\n");
	CHECK(complains(&codes, "has no program 'none'"));
	ran_free(&text);
	ran_free(&json);
	ran_free(&codes);
}

TEST(help_is_there_for_every_command)
{
	struct ran ran = RUN(
	    "for c in run verify test prog btf; do \"$SKEP\" $c --help | head -1; \"$SKEP\" help $c | head -1; done; "
	    "\"$SKEP\" --help | head -1; \"$SKEP\" version; \"$SKEP\"; echo $?");

	CHECK(says(&ran, "usage: skep run PROG"));
	CHECK(says(&ran, "usage: skep verify"));
	CHECK(says(&ran, "usage: skep test"));
	CHECK(says(&ran, "usage: skep btf"));
	CHECK(says(&ran, "usage: skep COMMAND"));
	CHECK(says(&ran, "skep 0.") && says(&ran, "\n2\n"));
	ran_free(&ran);
}
