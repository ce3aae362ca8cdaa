/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make bench-verifier: how long Skep's verifier takes, beside this machine's Linux. Both
 * tell their own verification time in the log (log_level 4: figures only); what stands here
 * are medians of several rounds.
 *
 *	bench-verifier [-v] [-e ENTRIES] FILE|DIRECTORY...
 *
 *	-v		a row for every program, not only for those that take Linux 1 ms
 *	-e ENTRIES	Linux's verifier tests, as `make check-selftests` prepares them
 *
 * A file is an object for eBPF, or anything that holds some (executables with skeletons). Some
 * big programs are always generated. Totals are over what both accept. Without permission
 * for the real bpf(2) the Linux columns stay empty.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/verifier_gen.h"
#include "isa/insn.h"
#include "kernel/kernel.h"
#include "loader/loader.h"
#include "verifier/selftests/entry.h"

#include <skep/bpf.h>

#define MAX_ROUNDS  9
#define ROUNDS_NS   200000000ull /* of one program, all rounds together */
#define WORTH_A_ROW 1000	 /* microseconds */

struct figures {
	bool accepted;
	double us;
	u64 insns, states, peak_states, memory;
};

/* One of the two kernels. */
struct side {
	int (*bpf)(void *data, int cmd, union bpf_attr *attr, unsigned int size);
	void *data;
	struct figures last; /* of the last PROG_LOAD that was measured */
};

struct totals {
	u32 programs, both, over_3x;
	double ours, theirs, worst;
	u64 our_insns, their_insns, memory;
	char worst_name[100];
};

static struct totals all, big, group;
static bool every_row, have_linux;
static struct side skep_side, linux_side;
static struct loader_kernel skep_kernel, linux_kernel;

/* ---- measuring one load ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static u64 number_after(const char *log, const char *words)
{
	const char *at = strstr(log, words);

	return at ? strtoull(at + strlen(words), NULL, 10) : 0;
}

static bool measure_once(struct side *side, const union bpf_attr *attr, unsigned int size,
			 struct figures *out)
{
	static char log[1 << 16];
	union bpf_attr copy;
	int fd;

	memset(&copy, 0, sizeof(copy));
	memcpy(&copy, attr, MIN((size_t)size, sizeof(copy)));
	copy.log_level = 4;
	copy.log_buf = (u64)(uintptr_t)log;
	copy.log_size = sizeof(log);
	log[0] = 0;
	fd = side->bpf(side->data, BPF_PROG_LOAD, &copy, MAX(size, 64u));
	if (fd < 0)
		return false;
	close(fd);
	*out = (struct figures){
		.accepted = true,
		.us = (double)number_after(log, "verification time "),
		.insns = number_after(log, "processed "),
		.states = number_after(log, "total_states "),
		.peak_states = number_after(log, "peak_states "),
		.memory = number_after(log, "peak memory "),
	};
	return true;
}

static void measure(struct side *side, const union bpf_attr *attr, unsigned int size)
{
	double rounds[MAX_ROUNDS];
	double spent = 0;
	int n = 0;

	side->last = (struct figures){ 0 };
	while (n < MAX_ROUNDS && (n < 3 || spent * 1000 < ROUNDS_NS) &&
	       measure_once(side, attr, size, &side->last)) {
		rounds[n++] = side->last.us;
		spent += side->last.us;
	}
	if (!n)
		return;
	qsort(rounds, (size_t)n, sizeof(*rounds), by_value);
	side->last.us = rounds[n / 2];
}

static int linux_bpf(void *data, int cmd, union bpf_attr *attr, unsigned int size)
{
	return (int)syscall(SYS_bpf, cmd, attr, size);
}

/* What libbpf calls: a program that loads is measured on the way. */
static int measuring_bpf(void *data, int cmd, union bpf_attr *attr, unsigned int size)
{
	struct side *side = data;
	int fd = side->bpf(side->data, cmd, attr, size);

	if (cmd == BPF_PROG_LOAD && fd >= 0)
		measure(side, attr, size);
	return fd;
}

/* ---- results ---- */

static void add(struct totals *t, const char *name, const struct figures *ours,
		const struct figures *theirs)
{
	double ratio = theirs->us > 0 ? ours->us / theirs->us : 0;

	t->programs++;
	if (!ours->accepted || (have_linux && !theirs->accepted))
		return;
	t->both++;
	t->ours += ours->us;
	t->theirs += theirs->us;
	t->our_insns += ours->insns;
	t->their_insns += theirs->insns;
	t->memory = MAX(t->memory, ours->memory);
	t->over_3x += ratio > 3;
	if (ratio > t->worst) {
		t->worst = ratio;
		snprintf(t->worst_name, sizeof(t->worst_name), "%s", name);
	}
}

static void print_row(const char *name, const struct figures *ours, const struct figures *theirs)
{
	size_t len = strlen(name);

	/* Programs of one object differ at the end of the name. */
	printf("%-50.50s", len > 50 ? name + len - 50 : name);
	if (ours->accepted)
		printf(" %9.0f us %8llu insns %6llu/%-6llu %6llu KiB", ours->us,
		       (unsigned long long)ours->insns, (unsigned long long)ours->states,
		       (unsigned long long)ours->peak_states, (unsigned long long)ours->memory);
	else
		printf(" %52s", "refused");
	if (theirs->accepted)
		printf(" | %9.0f us %8llu insns", theirs->us, (unsigned long long)theirs->insns);
	else if (have_linux)
		printf(" | %27s", "refused");
	if (ours->accepted && theirs->accepted && theirs->us > 0)
		printf(" %6.2fx", ours->us / theirs->us);
	putchar('\n');
}

static void record(const char *name, const struct figures *ours, const struct figures *theirs)
{
	bool long_enough = MAX(ours->us, theirs->us) >= WORTH_A_ROW;

	add(&all, name, ours, theirs);
	add(&group, name, ours, theirs);
	if (theirs->us >= WORTH_A_ROW)
		add(&big, name, ours, theirs);
	if (every_row || long_enough)
		print_row(name, ours, theirs);
}

static void print_totals(const char *what, const struct totals *t)
{
	printf("%-50.50s %9.1f ms %8llu insns", what, t->ours / 1000,
	       (unsigned long long)t->our_insns);
	if (have_linux)
		printf(" | Linux %9.1f ms %8llu insns %6.2fx; worst %.2fx (%s)", t->theirs / 1000,
		       (unsigned long long)t->their_insns, t->theirs > 0 ? t->ours / t->theirs : 0,
		       t->worst, t->worst_name);
	printf("; %u of %u programs, peak %llu KiB\n", t->both, t->programs,
	       (unsigned long long)t->memory);
}

static void end_group(const char *what)
{
	if (group.both || (every_row && group.programs))
		print_totals(what, &group);
	group = (struct totals){ 0 };
}

/* ---- programs as instructions ---- */

static void bench_attr(const char *name, union bpf_attr *attr)
{
	measure(&skep_side, attr, sizeof(*attr));
	if (have_linux)
		measure(&linux_side, attr, 120);
	record(name, &skep_side.last, &linux_side.last);
}

static void bench_generated(void)
{
	for (u32 i = 0; i < n_generators; i++) {
		insn_vec insns = { 0 };
		union bpf_attr attr = {
			.prog_type = BPF_PROG_TYPE_SCHED_CLS,
			.license = (u64)(uintptr_t)"GPL",
		};

		generators[i].emit(&insns);
		attr.insns = (u64)(uintptr_t)insns.data;
		attr.insn_cnt = (u32)insns.len;
		bench_attr(generators[i].name, &attr);
		vec_release(&insns);
	}
	end_group("generated programs");
}

/* ---- Linux's verifier tests: judged without bpf(2), so that absent map types are no obstacle ---- */

static void judge_rounds(struct subject *s, bool by_linux, struct figures *out)
{
	double rounds[3];

	*out = (struct figures){ 0 };
	for (int i = 0; i < 3; i++) {
		struct verdict v;

		if (by_linux)
			judge_linux(s, 4, &v);
		else
			judge_skep(s, 0, &v);
		if (!v.judged || v.err) {
			free(v.log);
			return;
		}
		rounds[i] = by_linux ? (double)number_after(v.log, "verification time ")
				     : (double)v.ns / 1000;
		*out = (struct figures){ .accepted = true, .insns = v.processed,
					 .states = v.states, .peak_states = v.peak_states,
					 .memory = (v.peak_memory + 1023) / 1024 };
		free(v.log);
	}
	qsort(rounds, 3, sizeof(*rounds), by_value);
	out->us = rounds[1];
}

static void bench_entries(const char *path)
{
	static struct selftest_entry e;
	FILE *in = fopen(path, "r");

	if (!in) {
		perror(path);
		return;
	}
	while (fread(&e, sizeof(e), 1, in) == 1) {
		struct figures ours, theirs = { 0 };

		e.subject.insns = calloc(e.subject.n_insns, sizeof(struct bpf_insn));
		if (fread(e.subject.insns, sizeof(struct bpf_insn), e.subject.n_insns, in) !=
		    e.subject.n_insns)
			break;
		judge_rounds(&e.subject, false, &ours);
		if (have_linux && ours.accepted)
			judge_rounds(&e.subject, true, &theirs);
		record(e.subject.name, &ours, &theirs);
		free(e.subject.insns);
	}
	fclose(in);
	end_group("Linux's verifier tests");
}

/* ---- objects ---- */

struct row {
	char name[256];
	struct figures ours, theirs;
};

struct object_rows {
	const char *file;
	VEC(struct row) rows;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void keep_ours(void *data, const struct loader_prog *prog)
{
	struct object_rows *o = data;
	struct row row = { .ours = skep_side.last };

	if (prog->verdict != LOADER_ACCEPTED)
		row.ours = (struct figures){ 0 };
	snprintf(row.name, sizeof(row.name), "%s %s", base_name(o->file), prog->name);
	(void)vec_push(&o->rows, row);
	skep_side.last = (struct figures){ 0 };
}

static void add_theirs(void *data, const struct loader_prog *prog)
{
	struct object_rows *o = data;
	struct figures theirs = linux_side.last;
	char name[sizeof(o->rows.data->name)];

	if (prog->verdict != LOADER_ACCEPTED)
		theirs = (struct figures){ 0 };
	snprintf(name, sizeof(name), "%s %s", base_name(o->file), prog->name);
	for (size_t i = 0; i < o->rows.len; i++)
		if (!strcmp(o->rows.data[i].name, name))
			o->rows.data[i].theirs = theirs;
	linux_side.last = (struct figures){ 0 };
}

static void bench_object(const char *path, const void *bytes, size_t size)
{
	struct object_rows o = { .file = path };
	struct loader_source source = { .path = path, .bytes = bytes, .size = size };
	struct loader_error error = { 0 };
	const struct loader_judge ours = { .seen = keep_ours, .data = &o };
	const struct loader_judge theirs = { .seen = add_theirs, .data = &o };

	if (loader_judge(&skep_kernel, &source, &ours, &error) && every_row)
		printf("%-50.50s skipped: %.*s\n", base_name(path),
		       (int)strcspn(error.text, "\n"), error.text);
	if (have_linux && o.rows.len)
		loader_judge(&linux_kernel, &source, &theirs, &error);
	for (size_t i = 0; i < o.rows.len; i++)
		record(o.rows.data[i].name, &o.rows.data[i].ours, &o.rows.data[i].theirs);
	vec_release(&o.rows);
}

/* The size of the object that begins here, 0 when none does. */
static size_t object_at(const u8 *bytes, size_t left)
{
	Elf64_Ehdr ehdr;
	size_t end;

	if (left < sizeof(ehdr) || memcmp(bytes, ELFMAG, SELFMAG))
		return 0;
	memcpy(&ehdr, bytes, sizeof(ehdr));
	if (ehdr.e_type != ET_REL || ehdr.e_machine != EM_BPF)
		return 0;
	end = ehdr.e_shoff + (size_t)ehdr.e_shnum * sizeof(Elf64_Shdr);
	return ehdr.e_shoff < left && end <= left ? end : 0;
}

static u8 *read_file(const char *path, size_t *size)
{
	FILE *in = fopen(path, "r");
	struct stat st;
	u8 *bytes = NULL;

	if (!in || fstat(fileno(in), &st) || !S_ISREG(st.st_mode) || !st.st_size)
		goto out;
	bytes = malloc((size_t)st.st_size);
	*size = bytes ? fread(bytes, 1, (size_t)st.st_size, in) : 0;
out:
	if (in)
		fclose(in);
	return bytes;
}

/* An object, or a file that holds some: skeletons end with their section headers. */
static void bench_file(const char *path)
{
	size_t size = 0;
	u8 *bytes = read_file(path, &size);

	for (size_t at = 0; bytes && at < size;) {
		const u8 *next = memchr(bytes + at, ELFMAG0, size - at);
		size_t len;

		if (!next)
			break;
		at = (size_t)(next - bytes);
		len = object_at(next, size - at);
		if (len) {
			/* Aligned, whatever it was in the file. */
			void *copy = malloc(len);

			if (copy) {
				memcpy(copy, next, len);
				bench_object(path, copy, len);
			}
			free(copy);
		}
		at += len ? len : 1;
	}
	free(bytes);
}

static void bench_path(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort);

	if (n < 0) {
		bench_file(path);
		return;
	}
	for (int i = 0; i < n; i++) {
		char *sub;

		if (names[i]->d_name[0] != '.' && asprintf(&sub, "%s/%s", path, names[i]->d_name) > 0) {
			bench_file(sub);
			free(sub);
		}
		free(names[i]);
	}
	free(names);
}

/* ---- ---- */

/* A kernel that verifies against this machine's BTF, or against what Skep presents. */
static struct skep *verifier_kernel(void)
{
	struct kernel_model *model = NULL;
	FILE *in = fopen("/sys/kernel/btf/vmlinux", "r");
	size_t room = (size_t)64 << 20, size = 0;
	void *btf = in ? malloc(room) : NULL;

	if (btf)
		size = fread(btf, 1, room, in);
	if (in)
		fclose(in);
	if (!size || model_linux_new(btf, (u32)size, NULL, &model))
		printf("without this machine's BTF: programs that attach by it are left out\n");
	free(btf);
	return skep_new_verifier(model);
}

static bool setup(void)
{
	struct skep *skep = verifier_kernel();
	const char *why = linux_unavailable();

	if (!skep) {
		perror("bench-verifier: no kernel");
		return false;
	}
	loader_kernel_of(skep, &skep_kernel);
	skep_side = (struct side){ .bpf = skep_kernel.bpf, .data = skep };
	skep_kernel.bpf = measuring_bpf;
	skep_kernel.data = &skep_side;
	skep_kernel.context = NULL;
	linux_kernel = loader_linux;
	linux_side = (struct side){ .bpf = linux_bpf };
	linux_kernel.bpf = measuring_bpf;
	linux_kernel.data = &linux_side;
	linux_kernel.context = NULL;
	have_linux = !why;
	if (why)
		printf("without Linux's figures: %s\n", why);
	return true;
}

int main(int argc, char **argv)
{
	const char *entries = NULL;
	int c;

	while ((c = getopt(argc, argv, "ve:")) != -1) {
		if (c == 'v')
			every_row = true;
		else if (c == 'e')
			entries = optarg;
		else
			return 2;
	}
	if (!setup())
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("%-50s %12s %14s %13s %10s\n", "program", "Skep", "processed", "states/peak", "memory");
	bench_generated();
	if (entries)
		bench_entries(entries);
	for (; optind < argc; optind++) {
		bench_path(argv[optind]);
		end_group(argv[optind]);
	}
	putchar('\n');
	print_totals("all", &all);
	if (have_linux)
		print_totals("those that take Linux 1 ms", &big);
	return 0;
}
