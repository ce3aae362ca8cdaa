/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ABI against the oracle: the same calls to a Skep kernel and to this machine's Linux must
 * get the same errno, the same answers in the attr, and the same bytes in the client's
 * buffers, or the difference is listed in differences.h with its reason.
 *
 * For each command there are some calls that work (or fail in the last step, where success
 * would attach something to this machine). From each the test derives: every size of attr; a
 * non-zero byte behind every size; each 32-bit word set to boundary values; attrs that are
 * not there or end at a page that is not there.
 *
 * Each world has its memory at an address of its own, 4 GiB apart from everything else: a
 * changed half of a pointer leads nowhere, and never into the test's own data.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "btf/btf.h"
#include "kernel/commands.h"
#include "kernel/differences.h"
#include "kernel/support.h"
#include "lib/test.h"

#define AREA_SIZE   (64u << 10)
#define WORLD_APART (1ull << 32)
#define FIRST_AREA  0x200010000000ull
#define OUT_SIZE    4096

/* What calls read and write: one page each, so that overruns show. */
struct area {
	union attr attr __attribute__((aligned(4096)));
	u8 attr_tail[4096 - ATTR_SIZE];
	u8 key[4096];
	u8 value[4096];
	u8 out[OUT_SIZE]; /* compared afterwards */
	u8 more[4096];    /* compared afterwards */
	char text[4096];
};

enum fixture_fd {
	FD_ARRAY,
	FD_HASH,
	FD_PERCPU,
	FD_PERCPU_HASH,
	FD_PROG_ARRAY,
	FD_RINGBUF,
	FD_RDONLY,
	FD_WRONLY,
	FD_FROZEN,
	FD_FILTER,
	FD_CLS,
	FD_XDP,
	FD_RAW_TP,
	FD_TRACEPOINT,
	FD_KPROBE,
	FD_SYSCALL,
	FD_BTF,
	FD_COUNT,
};

struct fixture {
	struct world world;
	struct area *area;
	int fd[FD_COUNT];
	int made; /* by the case itself; closed after each call */
};

struct abi_case {
	const char *name;
	int cmd;
	/* Fills f->area for a call. */
	void (*fill)(struct fixture *f);
	bool gives_fd;
	/* Words (4 bytes each) of the attr that no test may change: they keep Linux untouched. */
	u64 keep_words;
	/* Words whose answers differ by nature: ids, durations. */
	u64 own_words;
	bool own_out, own_more;    /* the same of the buffers */
	u64 own_out_words;         /* the same of some words in out */
	u32 min_size;              /* with less the call means something else in each world */
	u32 sweep_field, sweep_to; /* offset of an enumeration, to try all values of */
};

/* ---- fixtures ---- */

static void put32(void *at, u32 value)
{
	memcpy(at, &value, sizeof(value));
}

static void fixture_elements(struct fixture *f)
{
	const struct world *w = &f->world;
	u64 percpu[256] = { 1, 2, 3, 4 };

	for (u32 i = 0; i < 4; i++) {
		u64 value = 100 + i;

		map_update(w, f->fd[FD_ARRAY], &i, &value, 0);
		map_delete(w, f->fd[FD_HASH], &i);
		map_delete(w, f->fd[FD_PERCPU_HASH], &i);
		map_update(w, f->fd[FD_PERCPU], &i, percpu, 0);
	}
	for (u32 i = 1; i < 3; i++) {
		u64 value = 10 * i;

		map_update(w, f->fd[FD_HASH], &i, &value, 0);
		map_update(w, f->fd[FD_PERCPU_HASH], &i, percpu, 0);
		map_update(w, f->fd[FD_PROG_ARRAY], &i, &f->fd[FD_XDP], 0);
	}
}

static void fixture_maps(struct fixture *f)
{
	const struct world *w = &f->world;

	f->fd[FD_ARRAY] = map_create(w, BPF_MAP_TYPE_ARRAY, 4, 8, 4, 0);
	f->fd[FD_HASH] = map_create(w, BPF_MAP_TYPE_HASH, 4, 8, 4, 0);
	f->fd[FD_PERCPU] = map_create(w, BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 4, 0);
	f->fd[FD_PERCPU_HASH] = map_create(w, BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 4, 0);
	f->fd[FD_PROG_ARRAY] = map_create(w, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0);
	f->fd[FD_RINGBUF] = map_create(w, BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0);
	f->fd[FD_RDONLY] = map_create(w, BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_RDONLY);
	f->fd[FD_WRONLY] = map_create(w, BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_WRONLY);
	f->fd[FD_FROZEN] = map_create(w, BPF_MAP_TYPE_ARRAY, 4, 8, 4, BPF_F_RDONLY_PROG);
	map_freeze_fd(w, f->fd[FD_FROZEN]);
}

static void fixture_progs(struct fixture *f)
{
	const struct world *w = &f->world;

	f->fd[FD_FILTER] = prog_load_return(w, BPF_PROG_TYPE_SOCKET_FILTER, 5);
	f->fd[FD_CLS] = prog_load_return(w, BPF_PROG_TYPE_SCHED_CLS, 6);
	f->fd[FD_XDP] = prog_load_return(w, BPF_PROG_TYPE_XDP, 2);
	f->fd[FD_RAW_TP] = prog_load_return(w, BPF_PROG_TYPE_RAW_TRACEPOINT, 8);
	f->fd[FD_TRACEPOINT] = prog_load_return(w, BPF_PROG_TYPE_TRACEPOINT, 9);
	f->fd[FD_KPROBE] = prog_load_return(w, BPF_PROG_TYPE_KPROBE, 9);
	f->fd[FD_SYSCALL] = prog_load_return(w, BPF_PROG_TYPE_SYSCALL, 10);
	f->fd[FD_BTF] = btf_load(w);
}

static struct fixture fixture_new(struct world world, u32 nth)
{
	struct fixture f = { .world = world, .made = -1 };
	void *at = (void *)(uintptr_t)(FIRST_AREA + nth * WORLD_APART);

	f.area = mmap(at, AREA_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	REQUIRE(f.area == at);
	fixture_maps(&f);
	fixture_progs(&f);
	for (u32 i = 0; i < FD_COUNT; i++)
		if (f.fd[i] < 0)
			test_fail(__FILE__, __LINE__, "%s: fixture %u: %s", world.name, i,
				  strerror(-f.fd[i]));
	return f;
}

static void fixture_end(struct fixture *f)
{
	for (u32 i = 0; i < FD_COUNT; i++)
		close(f->fd[i]);
	munmap(f->area, AREA_SIZE);
	world_end(&f->world);
}

/* ---- the calls ---- */

#define FILL(name, member, ...)                                                     \
	static void name(struct fixture *f)                                         \
	{                                                                           \
		struct area *a = f->area;                                           \
		f->area->attr.member = (__typeof__(a->attr.member)){ __VA_ARGS__ }; \
	}

#define KEY       address(a->key)
#define VALUE     address(a->value)
#define OUT       address(a->out)
#define MORE      address(a->more)
#define TEXT      address(a->text)
#define FD(which) (u32) f->fd[which]

FILL(fill_array, map_create, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8,
     .max_entries = 4, .map_name = "name")
FILL(fill_hash, map_create, .map_type = BPF_MAP_TYPE_HASH, .key_size = 8, .value_size = 16,
     .max_entries = 16)
FILL(fill_percpu_array, map_create, .map_type = BPF_MAP_TYPE_PERCPU_ARRAY, .key_size = 4,
     .value_size = 8, .max_entries = 4)
FILL(fill_percpu_hash, map_create, .map_type = BPF_MAP_TYPE_PERCPU_HASH, .key_size = 4,
     .value_size = 8, .max_entries = 4)
FILL(fill_prog_array, map_create, .map_type = BPF_MAP_TYPE_PROG_ARRAY, .key_size = 4,
     .value_size = 4, .max_entries = 4)
FILL(fill_ringbuf, map_create, .map_type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096)
FILL(fill_btf_map, map_create, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8,
     .max_entries = 4, .btf_fd = FD(FD_BTF), .btf_key_type_id = 1, .btf_value_type_id = 2)
FILL(fill_exclusive, map_create, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8,
     .max_entries = 4, .excl_prog_hash = VALUE, .excl_prog_hash_size = 32)

#define ELEM(which, ...) \
	FILL(elem_##which, elem, .map_fd = FD(FD_##which), .key = KEY, .value = OUT, ##__VA_ARGS__)
ELEM(ARRAY)
ELEM(HASH)
FILL(first_HASH, elem, .map_fd = FD(FD_HASH), .value = OUT)
ELEM(PERCPU)
ELEM(PERCPU_HASH)
ELEM(PROG_ARRAY)
ELEM(RINGBUF)
ELEM(RDONLY)
ELEM(WRONLY)
ELEM(FROZEN)
#define KEY_ONLY(which) FILL(key_##which, elem, .map_fd = FD(FD_##which), .key = KEY)
KEY_ONLY(ARRAY)
KEY_ONLY(HASH)
KEY_ONLY(PERCPU_HASH)
KEY_ONLY(PROG_ARRAY)
KEY_ONLY(RINGBUF)
KEY_ONLY(FROZEN)

static void fill_set_prog(struct fixture *f)
{
	struct area *a = f->area;

	a->attr.elem =
	    (struct attr_map_elem){ .map_fd = FD(FD_PROG_ARRAY), .key = KEY, .value = VALUE };
	put32(a->value, FD(FD_XDP));
}

#define BATCH(which)                                                                          \
	FILL(batch_##which, batch, .map_fd = FD(FD_##which), .out_batch = VALUE, .keys = OUT, \
	     .values = MORE, .count = 4)
BATCH(ARRAY)
BATCH(HASH)
BATCH(PERCPU_HASH)
BATCH(PROG_ARRAY)

/* Keys and values of a batch that is written: 1 and 2 twice. */
static void fill_batch_in(struct fixture *f)
{
	struct area *a = f->area;

	a->attr.batch = (struct attr_map_batch){
		.map_fd = FD(FD_HASH), .keys = OUT, .values = MORE, .count = 4
	};
	for (u32 i = 0; i < 4; i++) {
		put32(a->out + 4 * i, 1 + i % 2);
		put32(a->more + 8 * i, 5 + i);
	}
}

static void fill_freeze(struct fixture *f)
{
	f->made = map_create(&f->world, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	f->area->attr.freeze.map_fd = (u32)f->made;
}
FILL(fill_freeze_again, freeze, .map_fd = FD(FD_FROZEN))

/* r0 = 0; exit at value */
static void put_program(struct area *a)
{
	struct bpf_insn insns[] = { MOV_IMM(BPF_REG_0, 0), EXIT };

	memcpy(a->value, insns, sizeof(insns));
	strcpy(a->text, "GPL");
}

static void fill_load(struct fixture *f)
{
	struct area *a = f->area;

	put_program(a);
	a->attr.load = (struct attr_prog_load){ .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
						.insn_cnt = 2,
						.insns = VALUE,
						.license = TEXT,
						.prog_name = "name" };
}

static void fill_load_log(struct fixture *f)
{
	struct area *a = f->area;

	fill_load(f);
	a->attr.load.log_level = 1;
	a->attr.load.log_size = OUT_SIZE;
	a->attr.load.log_buf = OUT;
}

static void fill_load_xdp(struct fixture *f)
{
	fill_load(f);
	f->area->attr.load.prog_type = BPF_PROG_TYPE_XDP;
}

static void fill_load_syscall(struct fixture *f)
{
	fill_load(f);
	f->area->attr.load.prog_type = BPF_PROG_TYPE_SYSCALL;
	f->area->attr.load.prog_flags = BPF_F_SLEEPABLE;
}

static void fill_load_fd_array(struct fixture *f)
{
	struct area *a = f->area;

	fill_load(f);
	put32(a->key, FD(FD_ARRAY));
	put32(a->key + 4, FD(FD_BTF));
	a->attr.load.fd_array = KEY;
	a->attr.load.fd_array_cnt = 2;
}

FILL(fill_pin, obj, .pathname = TEXT, .bpf_fd = FD(FD_ARRAY))
static void fill_pin_tmp(struct fixture *f)
{
	strcpy(f->area->text, "/tmp/skep-abi-test");
	fill_pin(f);
}
static void fill_pin_nowhere(struct fixture *f)
{
	strcpy(f->area->text, "/no/such/directory");
	fill_pin(f);
}
static void fill_pin_btf(struct fixture *f)
{
	fill_pin_tmp(f);
	f->area->attr.obj.bpf_fd = FD(FD_BTF);
}
FILL(fill_get_path, obj, .pathname = TEXT)
static void fill_get_tmp(struct fixture *f)
{
	strcpy(f->area->text, "/tmp");
	fill_get_path(f);
}
static void fill_get_nowhere(struct fixture *f)
{
	strcpy(f->area->text, "/no/such/file");
	fill_get_path(f);
}

/* Targets that are not there: nothing is ever attached. */
#define NO_DEVICE 0x7fffffff
FILL(fill_attach_filter, attach, .target_fd = NO_DEVICE, .attach_bpf_fd = FD(FD_FILTER))
FILL(fill_attach_cls, attach, .target_fd = NO_DEVICE, .attach_bpf_fd = FD(FD_CLS),
     .attach_type = 46)
FILL(fill_detach, attach, .target_fd = NO_DEVICE, .attach_type = 46)
FILL(fill_query, query, .target_fd = NO_DEVICE, .attach_type = 46, .prog_ids = OUT, .prog_cnt = 4)

FILL(fill_query_device, query, .target_fd = 1, .attach_type = 46, .prog_ids = OUT, .prog_cnt = 4)

FILL(fill_run_xdp, test, .prog_fd = FD(FD_XDP), .data_in = VALUE, .data_size_in = 64,
     .data_out = OUT, .data_size_out = 64, .repeat = 1)
FILL(fill_run_cls, test, .prog_fd = FD(FD_CLS), .data_in = VALUE, .data_size_in = 64,
     .data_out = OUT, .data_size_out = 64)
FILL(fill_run_filter, test, .prog_fd = FD(FD_FILTER), .data_in = VALUE, .data_size_in = 64,
     .data_out = OUT, .data_size_out = 64)
FILL(fill_run_cls_ctx, test, .prog_fd = FD(FD_CLS), .data_in = VALUE, .data_size_in = 64,
     .ctx_in = KEY, .ctx_size_in = 192, .ctx_out = OUT, .ctx_size_out = 192)
FILL(fill_run_xdp_ctx_, test, .prog_fd = FD(FD_XDP), .data_in = VALUE, .data_size_in = 64,
     .ctx_in = KEY, .ctx_size_in = 24, .ctx_out = OUT, .ctx_size_out = 24)
static void fill_run_xdp_ctx(struct fixture *f)
{
	fill_run_xdp_ctx_(f);
	memset(f->area->key, 0, sizeof(f->area->key));
	put32(f->area->key, 8);
	put32(f->area->key + 4, 64);
}
FILL(fill_run_raw_tp, test, .prog_fd = FD(FD_RAW_TP), .ctx_in = VALUE, .ctx_size_in = 16)
FILL(fill_run_syscall, test, .prog_fd = FD(FD_SYSCALL), .ctx_in = OUT, .ctx_size_in = 16)
FILL(fill_run_tracepoint, test, .prog_fd = FD(FD_TRACEPOINT))

FILL(fill_next_id, get_id, .id = 0)
FILL(fill_no_id, get_id, .id = 0x7ffffff0)
FILL(fill_bad_id, get_id, .id = 0x7fffffff)
FILL(fill_info_map, info, .bpf_fd = FD(FD_ARRAY), .info_len = 104, .info = OUT)
FILL(fill_info_prog, info, .bpf_fd = FD(FD_FILTER), .info_len = 232, .info = OUT)
FILL(fill_info_btf, info, .bpf_fd = FD(FD_BTF), .info_len = 32, .info = OUT)

/* With room for the arrays: instructions, map ids, tags. */
static void fill_info_all(struct fixture *f)
{
	struct area *a = f->area;
	struct abi_prog_info info = { .xlated_prog_len = 64,
				      .xlated_prog_insns = MORE,
				      .nr_map_ids = 4,
				      .map_ids = VALUE,
				      .nr_prog_tags = 1,
				      .prog_tags = MORE + 1024,
				      .nr_jited_ksyms = 1,
				      .jited_ksyms = MORE + 2048 };

	fill_info_prog(f);
	memcpy(a->out, &info, sizeof(info));
}

static void fill_raw_tp(struct fixture *f)
{
	struct area *a = f->area;

	strcpy(a->text, "no_such_tracepoint");
	a->attr.raw_tracepoint =
	    (struct attr_raw_tracepoint){ .name = TEXT, .prog_fd = FD(FD_RAW_TP) };
}

static void fill_raw_tp_filter(struct fixture *f)
{
	fill_raw_tp(f);
	f->area->attr.raw_tracepoint.prog_fd = FD(FD_FILTER);
}

static void fill_btf_load(struct fixture *f)
{
	static const struct btf_header empty = {
		.magic = BTF_MAGIC, .version = 1, .hdr_len = sizeof(empty), .str_len = 1
	};
	struct area *a = f->area;

	memcpy(a->value, &empty, sizeof(empty));
	a->value[sizeof(empty)] = 0;
	a->attr.btf_load = (struct attr_btf_load){ .btf = VALUE, .btf_size = sizeof(empty) + 1 };
}

static void fill_task_fd(struct fixture *f)
{
	struct area *a = f->area;

	a->attr.task_fd_query = (struct attr_task_fd_query){
		.pid = (u32)getpid(), .fd = FD(FD_FILTER), .buf = OUT, .buf_len = 64
	};
}

#define LINK(name, prog, type)                                                           \
	FILL(link_##name, link_create, .prog_fd = FD(FD_##prog), .target_fd = NO_DEVICE, \
	     .attach_type = type)
LINK(tracepoint, TRACEPOINT, BPF_PERF_EVENT)
LINK(kprobe, KPROBE, BPF_PERF_EVENT)
LINK(raw_tp, RAW_TP, BPF_TRACE_RAW_TP)
LINK(filter, FILTER, 0)
LINK(cls, CLS, 46)
LINK(syscall, SYSCALL, 0)

FILL(fill_update, link_update, .link_fd = FD(FD_FILTER), .new_prog_fd = FD(FD_FILTER))
FILL(fill_detach_link, link_detach, .link_fd = FD(FD_FILTER))
FILL(fill_stats, enable_stats, .type = BPF_STATS_RUN_TIME)
FILL(fill_iter, iter_create, .link_fd = FD(FD_FILTER))
FILL(fill_bind, bind_map, .prog_fd = FD(FD_FILTER), .map_fd = FD(FD_ARRAY))
FILL(fill_token, token_create, .bpffs_fd = NO_DEVICE)
FILL(fill_stream, stream_read, .stream_buf = OUT, .stream_buf_len = 16, .stream_id = 1,
     .prog_fd = FD(FD_FILTER))

#define WORD(n)                 (1ull << (n))
#define FIELD_WORD(type, field) (offsetof(struct type, field) / 4)
#define FIELD(type, field)      WORD(FIELD_WORD(type, field))

/* Of a program: its id, when it was loaded, what a JIT made of it. */
#define PROG_OWN_WORDS                                                     \
	(FIELD(abi_prog_info, id) | FIELD(abi_prog_info, jited_prog_len) | \
	 FIELD(abi_prog_info, load_time) | FIELD(abi_prog_info, load_time) << 1)
/* The client's own pointers. */
#define POINTER(field) (FIELD(abi_prog_info, field) | FIELD(abi_prog_info, field) << 1)
#define ALL_POINTERS \
	(POINTER(xlated_prog_insns) | POINTER(map_ids) | POINTER(prog_tags) | POINTER(jited_ksyms))

static const struct abi_case cases[] = {
	{ "array", BPF_MAP_CREATE, fill_array, .gives_fd = true, .sweep_to = 40 },
	{ "hash", BPF_MAP_CREATE, fill_hash, .gives_fd = true },
	{ "percpu array", BPF_MAP_CREATE, fill_percpu_array, .gives_fd = true },
	{ "percpu hash", BPF_MAP_CREATE, fill_percpu_hash, .gives_fd = true },
	{ "prog array", BPF_MAP_CREATE, fill_prog_array, .gives_fd = true },
	{ "ringbuf", BPF_MAP_CREATE, fill_ringbuf, .gives_fd = true },
	{ "with BTF", BPF_MAP_CREATE, fill_btf_map, .gives_fd = true },
	{ "exclusive", BPF_MAP_CREATE, fill_exclusive, .gives_fd = true },
	{ "array", BPF_MAP_LOOKUP_ELEM, elem_ARRAY },
	{ "hash", BPF_MAP_LOOKUP_ELEM, elem_HASH },
	{ "percpu array", BPF_MAP_LOOKUP_ELEM, elem_PERCPU },
	{ "percpu hash", BPF_MAP_LOOKUP_ELEM, elem_PERCPU_HASH },
	{ "prog array", BPF_MAP_LOOKUP_ELEM, elem_PROG_ARRAY, .own_out = true },
	{ "ringbuf", BPF_MAP_LOOKUP_ELEM, elem_RINGBUF },
	{ "read only", BPF_MAP_LOOKUP_ELEM, elem_RDONLY },
	{ "write only", BPF_MAP_LOOKUP_ELEM, elem_WRONLY },
	{ "frozen", BPF_MAP_LOOKUP_ELEM, elem_FROZEN },
	{ "array", BPF_MAP_UPDATE_ELEM, elem_ARRAY },
	{ "hash", BPF_MAP_UPDATE_ELEM, elem_HASH },
	{ "percpu array", BPF_MAP_UPDATE_ELEM, elem_PERCPU },
	{ "percpu hash", BPF_MAP_UPDATE_ELEM, elem_PERCPU_HASH },
	{ "prog array", BPF_MAP_UPDATE_ELEM, fill_set_prog },
	{ "ringbuf", BPF_MAP_UPDATE_ELEM, elem_RINGBUF },
	{ "read only", BPF_MAP_UPDATE_ELEM, elem_RDONLY },
	{ "write only", BPF_MAP_UPDATE_ELEM, elem_WRONLY },
	{ "frozen", BPF_MAP_UPDATE_ELEM, elem_FROZEN },
	{ "array", BPF_MAP_DELETE_ELEM, key_ARRAY },
	{ "hash", BPF_MAP_DELETE_ELEM, key_HASH },
	{ "percpu hash", BPF_MAP_DELETE_ELEM, key_PERCPU_HASH },
	{ "prog array", BPF_MAP_DELETE_ELEM, key_PROG_ARRAY },
	{ "ringbuf", BPF_MAP_DELETE_ELEM, key_RINGBUF },
	{ "frozen", BPF_MAP_DELETE_ELEM, key_FROZEN },
	{ "array", BPF_MAP_GET_NEXT_KEY, elem_ARRAY },
	{ "hash", BPF_MAP_GET_NEXT_KEY, first_HASH, .own_out = true },
	{ "prog array", BPF_MAP_GET_NEXT_KEY, elem_PROG_ARRAY },
	{ "ringbuf", BPF_MAP_GET_NEXT_KEY, elem_RINGBUF },
	{ "write only", BPF_MAP_GET_NEXT_KEY, elem_WRONLY },
	{ "array", BPF_MAP_LOOKUP_AND_DELETE_ELEM, elem_ARRAY },
	{ "hash", BPF_MAP_LOOKUP_AND_DELETE_ELEM, elem_HASH },
	{ "percpu hash", BPF_MAP_LOOKUP_AND_DELETE_ELEM, elem_PERCPU_HASH },
	{ "read only", BPF_MAP_LOOKUP_AND_DELETE_ELEM, elem_RDONLY },
	{ "array", BPF_MAP_LOOKUP_BATCH, batch_ARRAY },
	{ "hash", BPF_MAP_LOOKUP_BATCH, batch_HASH, .own_out = true, .own_more = true },
	{ "percpu hash", BPF_MAP_LOOKUP_BATCH, batch_PERCPU_HASH, .own_out = true,
	  .own_more = true },
	{ "prog array", BPF_MAP_LOOKUP_BATCH, batch_PROG_ARRAY },
	{ "array", BPF_MAP_LOOKUP_AND_DELETE_BATCH, batch_ARRAY },
	{ "hash", BPF_MAP_LOOKUP_AND_DELETE_BATCH, batch_HASH, .own_out = true, .own_more = true },
	{ "array", BPF_MAP_UPDATE_BATCH, batch_ARRAY },
	{ "hash", BPF_MAP_UPDATE_BATCH, fill_batch_in },
	{ "prog array", BPF_MAP_UPDATE_BATCH, batch_PROG_ARRAY },
	{ "array", BPF_MAP_DELETE_BATCH, batch_ARRAY },
	{ "hash", BPF_MAP_DELETE_BATCH, fill_batch_in },
	{ "array", BPF_MAP_FREEZE, fill_freeze },
	{ "again", BPF_MAP_FREEZE, fill_freeze_again },
	{ "socket filter", BPF_PROG_LOAD, fill_load, .gives_fd = true,
	  .own_words = FIELD(attr_prog_load, log_true_size), .sweep_to = 40 },
	{ "with log", BPF_PROG_LOAD, fill_load_log, .gives_fd = true, .own_out = true,
	  .own_words = FIELD(attr_prog_load, log_true_size) },
	{ "xdp", BPF_PROG_LOAD, fill_load_xdp, .gives_fd = true,
	  .own_words = FIELD(attr_prog_load, log_true_size),
	  .sweep_field = offsetof(struct attr_prog_load, expected_attach_type), .sweep_to = 60 },
	{ "syscall", BPF_PROG_LOAD, fill_load_syscall, .gives_fd = true,
	  .own_words = FIELD(attr_prog_load, log_true_size) },
	{ "fd array", BPF_PROG_LOAD, fill_load_fd_array, .gives_fd = true,
	  .own_words = FIELD(attr_prog_load, log_true_size) },
	{ "elsewhere", BPF_OBJ_PIN, fill_pin_tmp },
	{ "nowhere", BPF_OBJ_PIN, fill_pin_nowhere },
	{ "btf", BPF_OBJ_PIN, fill_pin_btf },
	{ "elsewhere", BPF_OBJ_GET, fill_get_tmp, .gives_fd = true },
	{ "nowhere", BPF_OBJ_GET, fill_get_nowhere, .gives_fd = true },
	{ "socket filter", BPF_PROG_ATTACH, fill_attach_filter,
	  .keep_words = FIELD(attr_prog_attach, target_fd),
	  .sweep_field = offsetof(struct attr_prog_attach, attach_type), .sweep_to = 60 },
	{ "sched cls", BPF_PROG_ATTACH, fill_attach_cls,
	  .keep_words = FIELD(attr_prog_attach, target_fd),
	  .sweep_field = offsetof(struct attr_prog_attach, attach_type), .sweep_to = 60 },
	{ "nothing", BPF_PROG_DETACH, fill_detach, .keep_words = FIELD(attr_prog_attach, target_fd),
	  .sweep_field = offsetof(struct attr_prog_attach, attach_type), .sweep_to = 60 },
	{ "nothing", BPF_PROG_QUERY, fill_query, .keep_words = FIELD(attr_prog_query, target_fd),
	  .sweep_field = offsetof(struct attr_prog_query, attach_type), .sweep_to = 60 },
	{ "loopback", BPF_PROG_QUERY, fill_query_device,
	  .keep_words = FIELD(attr_prog_query, target_fd),
	  .sweep_field = offsetof(struct attr_prog_query, attach_type), .sweep_to = 60 },
	{ "xdp", BPF_PROG_TEST_RUN, fill_run_xdp, .own_words = FIELD(attr_test_run, duration),
	  .keep_words = FIELD(attr_test_run, repeat) },
	{ "sched cls", BPF_PROG_TEST_RUN, fill_run_cls, .own_words = FIELD(attr_test_run, duration),
	  .keep_words = FIELD(attr_test_run, repeat) },
	{ "socket filter", BPF_PROG_TEST_RUN, fill_run_filter,
	  .own_words = FIELD(attr_test_run, duration), .keep_words = FIELD(attr_test_run, repeat) },
	{ "__sk_buff", BPF_PROG_TEST_RUN, fill_run_cls_ctx,
	  .own_words = FIELD(attr_test_run, duration), .keep_words = FIELD(attr_test_run, repeat) },
	{ "xdp_md", BPF_PROG_TEST_RUN, fill_run_xdp_ctx,
	  .own_words = FIELD(attr_test_run, duration), .keep_words = FIELD(attr_test_run, repeat) },
	{ "raw tracepoint", BPF_PROG_TEST_RUN, fill_run_raw_tp },
	{ "syscall", BPF_PROG_TEST_RUN, fill_run_syscall },
	{ "tracepoint", BPF_PROG_TEST_RUN, fill_run_tracepoint },
	{ "programs", BPF_PROG_GET_NEXT_ID, fill_next_id, .keep_words = WORD(0),
	  .own_words = WORD(1) },
	{ "no more programs", BPF_PROG_GET_NEXT_ID, fill_no_id, .keep_words = WORD(0),
	  .min_size = 4 },
	{ "programs, too large", BPF_PROG_GET_NEXT_ID, fill_bad_id, .keep_words = WORD(0),
	  .min_size = 4 },
	{ "maps", BPF_MAP_GET_NEXT_ID, fill_next_id, .keep_words = WORD(0), .own_words = WORD(1) },
	{ "no more maps", BPF_MAP_GET_NEXT_ID, fill_no_id, .keep_words = WORD(0), .min_size = 4 },
	{ "maps, too large", BPF_MAP_GET_NEXT_ID, fill_bad_id, .keep_words = WORD(0),
	  .min_size = 4 },
	{ "BTF", BPF_BTF_GET_NEXT_ID, fill_next_id, .keep_words = WORD(0), .own_words = WORD(1) },
	{ "no more BTF", BPF_BTF_GET_NEXT_ID, fill_no_id, .keep_words = WORD(0), .min_size = 4 },
	{ "BTF, too large", BPF_BTF_GET_NEXT_ID, fill_bad_id, .keep_words = WORD(0),
	  .min_size = 4 },
	{ "links", BPF_LINK_GET_NEXT_ID, fill_no_id, .keep_words = WORD(0), .own_words = WORD(1),
	  .min_size = 4 },
	{ "no more links", BPF_LINK_GET_NEXT_ID, fill_no_id, .keep_words = WORD(0), .min_size = 4 },
	{ "links, too large", BPF_LINK_GET_NEXT_ID, fill_bad_id, .keep_words = WORD(0),
	  .min_size = 4 },
	{ "unknown", BPF_PROG_GET_FD_BY_ID, fill_no_id, .gives_fd = true, .keep_words = WORD(0) },
	{ "unknown", BPF_MAP_GET_FD_BY_ID, fill_no_id, .gives_fd = true, .keep_words = WORD(0) },
	{ "unknown", BPF_BTF_GET_FD_BY_ID, fill_no_id, .gives_fd = true, .keep_words = WORD(0) },
	{ "unknown", BPF_LINK_GET_FD_BY_ID, fill_no_id, .gives_fd = true, .keep_words = WORD(0) },
	{ "map", BPF_OBJ_GET_INFO_BY_FD, fill_info_map, .keep_words = FIELD(attr_info, info),
	  .own_out_words = WORD(1) },
	{ "program", BPF_OBJ_GET_INFO_BY_FD, fill_info_prog, .keep_words = FIELD(attr_info, info),
	  .own_out_words = PROG_OWN_WORDS },
	{ "BTF", BPF_OBJ_GET_INFO_BY_FD, fill_info_btf, .keep_words = FIELD(attr_info, info),
	  .own_out_words = FIELD(abi_btf_info, id) },
	{ "program with all", BPF_OBJ_GET_INFO_BY_FD, fill_info_all,
	  .keep_words = FIELD(attr_info, info), .own_out_words = PROG_OWN_WORDS | ALL_POINTERS,
	  .own_more = true },
	{ "unknown", BPF_RAW_TRACEPOINT_OPEN, fill_raw_tp, .gives_fd = true },
	{ "socket filter", BPF_RAW_TRACEPOINT_OPEN, fill_raw_tp_filter, .gives_fd = true },
	{ "empty", BPF_BTF_LOAD, fill_btf_load, .gives_fd = true,
	  .own_words = FIELD(attr_btf_load, log_true_size) },
	{ "no event", BPF_TASK_FD_QUERY, fill_task_fd, .min_size = 4 },
	{ "tracepoint", BPF_LINK_CREATE, link_tracepoint, .gives_fd = true,
	  .sweep_field = offsetof(struct attr_link_create, attach_type), .sweep_to = 60 },
	{ "kprobe", BPF_LINK_CREATE, link_kprobe, .gives_fd = true,
	  .sweep_field = offsetof(struct attr_link_create, attach_type), .sweep_to = 60 },
	{ "raw tracepoint", BPF_LINK_CREATE, link_raw_tp, .gives_fd = true,
	  .sweep_field = offsetof(struct attr_link_create, attach_type), .sweep_to = 60 },
	{ "socket filter", BPF_LINK_CREATE, link_filter, .gives_fd = true,
	  .sweep_field = offsetof(struct attr_link_create, attach_type), .sweep_to = 60 },
	{ "sched cls", BPF_LINK_CREATE, link_cls, .gives_fd = true,
	  .keep_words = FIELD(attr_link_create, target_fd),
	  .sweep_field = offsetof(struct attr_link_create, attach_type), .sweep_to = 60 },
	{ "syscall", BPF_LINK_CREATE, link_syscall, .gives_fd = true,
	  .sweep_field = offsetof(struct attr_link_create, attach_type), .sweep_to = 60 },
	{ "no link", BPF_LINK_UPDATE, fill_update },
	{ "no link", BPF_LINK_DETACH, fill_detach_link },
	{ "run time", BPF_ENABLE_STATS, fill_stats, .gives_fd = true },
	{ "no link", BPF_ITER_CREATE, fill_iter, .gives_fd = true },
	{ "map", BPF_PROG_BIND_MAP, fill_bind },
	{ "no bpffs", 36 /* BPF_TOKEN_CREATE */, fill_token, .gives_fd = true },
	{ "nothing", 37 /* BPF_PROG_STREAM_READ_BY_FD */, fill_stream },
};

/* ---- one call in both worlds ---- */

struct outcome {
	int result; /* 0 for an fd */
	struct area before, after;
};

/* What is changed in the attr that a case filled in, and how much of it is passed. */
struct change {
	u32 size;
	s32 word; /* index, or -1 */
	u32 value;
	s32 tail; /* offset of a byte set to 1, or -1 */
};

static void close_made(struct fixture *f)
{
	if (f->made >= 0)
		close(f->made);
	f->made = -1;
}

/* The memory before the call. f->made is open afterwards. */
static void prepare(struct fixture *f, const struct abi_case *c, const struct change *change)
{
	struct area *a = f->area;

	memset(a, 0, sizeof(*a));
	put32(a->key, 1);
	c->fill(f);
	if (change->word >= 0)
		put32((u8 *)&a->attr + 4 * change->word, change->value);
	if (change->tail >= 0)
		((u8 *)&a->attr)[change->tail] = 1;
}

static bool works_on_elements(int cmd)
{
	return (cmd >= BPF_MAP_LOOKUP_ELEM && cmd <= BPF_MAP_GET_NEXT_KEY) ||
	       cmd == BPF_MAP_LOOKUP_AND_DELETE_ELEM ||
	       (cmd >= BPF_MAP_LOOKUP_BATCH && cmd <= BPF_MAP_DELETE_BATCH);
}

static void outcome_of(struct fixture *f, const struct abi_case *c, const struct change *change,
		       struct outcome *out)
{
	int result;

	if (works_on_elements(c->cmd))
		fixture_elements(f);
	prepare(f, c, change);
	out->before = *f->area;
	result = world_bpf(&f->world, c->cmd, &f->area->attr, change->size);
	if (c->gives_fd && result >= 0) {
		close(result);
		result = 0;
	}
	close_made(f);
	out->result = result;
	out->after = *f->area;
}

static bool is_known(const struct abi_case *c, const struct change *change, int skep, int oracle)
{
#define ANY (-1)
#define KNOWN(command, offset, skep_errno, oracle_errno, reason)      \
	if (!strcmp(skep_commands[c->cmd].name, #command) &&          \
	    ((offset) == ANY_WORD || change->word * 4 == (offset)) && \
	    ((skep_errno) == ANY || -(skep_errno) == skep) &&         \
	    ((oracle_errno) == ANY || -(oracle_errno) == oracle))     \
		return true;
	KNOWN_DIFFERENCES(KNOWN)
#undef KNOWN
#undef ANY
	return false;
}

#define NOTES 8 /* a case */

static u32 calls, known, differences;

static void complain(const struct abi_case *c, const struct change *change, const char *what,
		     long long skep, long long oracle)
{
	char where[96] = "";

	if (change->word >= 0)
		snprintf(where, sizeof(where), ", word at %d = 0x%x", change->word * 4,
			 change->value);
	if (change->tail >= 0)
		snprintf(where, sizeof(where), ", byte %d not zero", change->tail);
	if (differences++ < NOTES)
		test_note("%s %s, size %u%s: %s: skep %lld, linux %lld", skep_commands[c->cmd].name,
			  c->name, change->size, where, what, skep, oracle);
}

/* The words of the attr that hold different things in both worlds by nature are left alone. */
static void compare_answers(const struct abi_case *c, const struct change *change,
			    const struct outcome *skep, const struct outcome *oracle)
{
	for (u32 word = 0; word < ATTR_SIZE / 4; word++) {
		u32 s, l, s0, l0;

		memcpy(&s, &skep->after.attr.bytes[4 * word], 4);
		memcpy(&l, &oracle->after.attr.bytes[4 * word], 4);
		memcpy(&s0, &skep->before.attr.bytes[4 * word], 4);
		memcpy(&l0, &oracle->before.attr.bytes[4 * word], 4);
		if ((c->own_words >> word & 1) || (s == s0 && l == l0) || s == l)
			continue;
		complain(c, change, "answer in the attr", s, l);
	}
	for (u32 word = 0; word < OUT_SIZE / 4 && !c->own_out; word++) {
		u32 s, l;

		memcpy(&s, &skep->after.out[4 * word], 4);
		memcpy(&l, &oracle->after.out[4 * word], 4);
		if (s != l && !(word < 64 && c->own_out_words >> word & 1))
			complain(c, change, "bytes written", s, l);
	}
	if (!c->own_more && memcmp(skep->after.more, oracle->after.more, 4096))
		complain(c, change, "more bytes written", skep->after.more[0],
			 oracle->after.more[0]);
}

static struct fixture worlds[2];

static void try_change(const struct abi_case *c, const struct change *change)
{
	static struct outcome skep, oracle;

	outcome_of(&worlds[0], c, change, &skep);
	outcome_of(&worlds[1], c, change, &oracle);
	calls++;
	if (skep.result != oracle.result) {
		if (is_known(c, change, skep.result, oracle.result))
			known++;
		else
			complain(c, change, "result", skep.result, oracle.result);
		return;
	}
	compare_answers(c, change, &skep, &oracle);
}

/* ---- the changes ---- */

static void try_sizes(const struct abi_case *c)
{
	struct change change = { .word = -1, .tail = -1 };

	for (change.size = c->min_size; change.size <= ATTR_SIZE + 9; change.size++) {
		try_change(c, &change);
		if (!change.size)
			continue;
		change.tail = (s32)change.size - 1;
		if (!(c->keep_words >> change.tail / 4 & 1))
			try_change(c, &change);
		change.tail = -1;
	}
	for (change.size = 4095; change.size <= 4097; change.size++)
		try_change(c, &change);
}

/* Largest map that is made: more memory than this machine has would be tried otherwise. */
static bool is_too_much(const struct abi_case *c, u32 word, u32 value)
{
	if (c->cmd != BPF_MAP_CREATE || value <= 65536)
		return false;
	return word == FIELD_WORD(attr_map_create, max_entries) ||
	       (word < FIELD_WORD(attr_map_create, max_entries) && value < 0x80000000u);
}

/* A word that differs between the worlds is an fd or half a pointer: its neighbours would be
 * another thing in one of them. */
static void try_word(const struct abi_case *c, u32 word, u32 skep_now, u32 oracle_now)
{
	const u32 near[] = { skep_now + 1, skep_now - 1, skep_now ^ 0x10, skep_now | 0x100,
			     skep_now | 0x10000 };
	static const u32 fixed[] = { 0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };
	struct change change = { .size = ATTR_SIZE, .word = (s32)word, .tail = -1 };

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		change.value = fixed[i];
		if (!is_too_much(c, word, change.value))
			try_change(c, &change);
	}
	for (size_t i = 0; i < ARRAY_SIZE(near) && skep_now == oracle_now; i++) {
		change.value = near[i];
		if (!is_too_much(c, word, change.value))
			try_change(c, &change);
	}
}

static void try_words(const struct abi_case *c)
{
	struct change nothing = { .size = ATTR_SIZE, .word = -1, .tail = -1 };
	union attr now[2];

	for (u32 i = 0; i < 2; i++) {
		prepare(&worlds[i], c, &nothing);
		now[i] = worlds[i].area->attr;
	}
	for (u32 i = 0; i < 2; i++)
		close_made(&worlds[i]);
	for (u32 word = 0; word < ATTR_SIZE / 4; word++) {
		u32 s, l;

		memcpy(&s, &now[0].bytes[4 * word], 4);
		memcpy(&l, &now[1].bytes[4 * word], 4);
		if (!(c->keep_words >> word & 1))
			try_word(c, word, s, l);
	}
}

static void try_sweep(const struct abi_case *c)
{
	struct change change = { .size = ATTR_SIZE, .word = (s32)c->sweep_field / 4, .tail = -1 };

	for (change.value = 0; change.value < c->sweep_to; change.value++)
		try_change(c, &change);
}

static void case_body(void *arg)
{
	const struct abi_case *c = arg;

	differences = 0;
	try_sizes(c);
	try_words(c);
	try_sweep(c);
	if (differences)
		test_fail(__FILE__, __LINE__, "%u differences", differences);
}

/* The oracle of this table is Linux 6.18: another version differs in fields and commands. */
static bool is_618(void)
{
	struct utsname name;

	return !uname(&name) && !strncmp(name.release, "6.18", 4);
}

static void no_oracle(void *arg)
{
	test_skip("%s", (const char *)arg);
}

TEST(for_each_command)
{
	int probe = -1;
	struct world oracle = { .name = "linux" };

	if (geteuid() || !is_618())
		probe = -1;
	else
		probe = map_create(&oracle, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);
	if (probe < 0) {
		test_run_named("abi", no_oracle,
			       "needs root on Linux 6.18 with bpf(2), as the oracle");
		return;
	}
	close(probe);
	worlds[0] = fixture_new(world_skep(), 0);
	worlds[1] = fixture_new(oracle, 1);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char name[96];

		snprintf(name, sizeof(name), "%s %s", skep_commands[cases[i].cmd].name,
			 cases[i].name);
		test_run_named(name, case_body, (void *)&cases[i]);
	}
	test_note("%u calls in each world, %u known differences", calls, known);
	fixture_end(&worlds[0]);
	fixture_end(&worlds[1]);
}
