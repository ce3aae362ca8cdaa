/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skep/skep.h: eBPF as a library.
 *
 * A struct skep is an eBPF kernel of one's own: its programs, maps, links and BTF. A program
 * that embeds one loads eBPF (an object file, or raw instructions), gives it helpers and
 * contexts, and runs it as a function. Everything loaded is verified; there is no other way.
 *
 *	struct skep *skep = skep_new(NULL);
 *	struct skep_object *obj = skep_object_load(skep, "filter.bpf.o");
 *	struct skep_hook *hook = skep_hook_new(skep, "request");
 *	skep_hook_set(hook, skep_object_prog(obj, "filter"));
 *	skep_fn filter = skep_hook_fn(hook);
 *	if (filter(&request) == 0) ...
 *
 * Errors: functions that return a pointer give NULL, the others a negative number, with
 * errno set; skep_error() has the message: what, where, what to do.
 *
 * Threads: any function may be called from any thread at any time, except that freeing
 * something must not race with its use. Programs run concurrently.
 *
 * fork: a kernel belongs to the process that made it. In a forked child its functions fail with
 * EPERM, programs do not run (hooks return 0), and the parent notices nothing; exec, _exit
 * and a new kernel of the child's own are fine there.
 */
#ifndef SKEP_H
#define SKEP_H

#include <stddef.h>
#include <stdint.h>

#include <skep/bpf.h>
#include <skep/prog.h>

#ifdef __cplusplus
extern "C" {
#endif

struct skep;
struct skep_object;
struct skep_prog;
struct skep_hook;

/* ---- the kernel ---- */

#define SKEP_NO_JIT  1u /* run everything in the interpreter */
#define SKEP_EXPLAIN 2u /* a verifier log, if asked for, ends with an explanation of the refusal */

struct skep_opts {
	size_t size;     /* sizeof(struct skep_opts): later versions may add members */
	uint32_t cpus;   /* CPUs that programs and per-CPU maps see; 0: twice the machine's */
	uint32_t flags;  /* SKEP_NO_JIT, SKEP_EXPLAIN */
	uint64_t budget; /* loop iterations and calls that one run may make; 0: no bound, and
			    runs cannot be cancelled */
	/* Receives each line of bpf_trace_printk, without its newline, on the thread that runs the
	 * program; NULL: they are dropped. */
	void (*trace)(void *data, const char *line, size_t len);
	void *trace_data;
};

/* A new kernel, or NULL with errno. opts may be NULL. */
SKEP_API struct skep *skep_new(const struct skep_opts *opts);
/* Frees it with all it holds. No program of it may be running. fds handed out stay open files,
 * and mean nothing any more. NULL is fine. */
SKEP_API void skep_free(struct skep *skep);

/* The message of the last failed call of this thread; "" when there was none. Valid until the
 * thread's next call. */
SKEP_API const char *skep_error(void);

/* ---- what the embedding program adds: do it before loading programs that use it ---- */

/* How a field of a context may be used. */
#define SKEP_READ      1u /* the program reads it */
#define SKEP_WRITE     2u /* the program writes it; not for pointers */
#define SKEP_NULLABLE  4u /* pointer: may be NULL, the program must check */
#define SKEP_MEM_WRITE 8u /* pointer: the memory behind it may be written */

struct skep_field {
	const char *name;
	uint32_t offset; /* in the struct; naturally aligned */
	uint32_t size;   /* 1, 2, 4 or 8 */
	uint32_t access; /* SKEP_READ | ... */
	uint32_t
	    points_to; /* not 0: a pointer (size 8) to that many bytes the program may access */
};

/* A field of a C struct: SKEP_FIELD(struct request, method, SKEP_READ). */
#define SKEP_FIELD(type, member, access)                                                          \
	{                                                                                         \
#member, (uint32_t)offsetof(type, member), (uint32_t)sizeof(((type *)0)->member), \
		    (access), 0                                                                   \
	}
/* A pointer member and how many bytes are behind it. */
#define SKEP_POINTER(type, member, access, bytes)                               \
	{                                                                       \
#member, (uint32_t)offsetof(type, member), 8, (access), (bytes) \
	}

struct skep_context {
	size_t size;                     /* sizeof(struct skep_context) */
	const char *name;                /* programs in SEC("skep/NAME") get this context */
	uint32_t ctx_size;               /* sizeof the C struct */
	const struct skep_field *fields; /* sorted by offset; what is not listed is out of bounds */
	uint32_t n_fields;
	int64_t ret_min, ret_max; /* allowed return values; both 0: any */
};

/* Registers a context. Everything is copied. 0, or -1: EINVAL, EEXIST, ENOSPC, ENOMEM. */
SKEP_API int skep_add_context(struct skep *skep, const struct skep_context *context);

/* What a helper's argument must be; the verifier holds programs to it. */
enum skep_arg {
	SKEP_ARG_NONE = 0,
	SKEP_ARG_VALUE,      /* a number (or any initialised value) */
	SKEP_ARG_CTX,        /* the program's own context */
	SKEP_ARG_MAP,        /* a map: the function gets an opaque pointer */
	SKEP_ARG_READ,       /* memory that the helper reads; its size is the next argument */
	SKEP_ARG_WRITE,      /* memory that the helper fills; its size is the next argument */
	SKEP_ARG_SIZE,       /* that size, > 0 */
	SKEP_ARG_SIZE_OR_0,  /* that size, may be 0 */
	SKEP_ARG_READ_FIXED, /* memory of arg_size[i] bytes that the helper reads */
	SKEP_ARG_WRITE_FIXED /* memory of arg_size[i] bytes that the helper fills */
};

enum skep_ret {
	SKEP_RET_VALUE = 0,
	SKEP_RET_VOID,
	SKEP_RET_MEM_OR_NULL /* pointer to ret_size bytes, or NULL; valid while the program runs */
};

/* The run a helper is called from: opaque. */
struct skep_run;

typedef uint64_t (*skep_helper_fn)(uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
				   struct skep_run *run);

/* Programs call helper n as:  static long (*name)(...) = (void *)SKEP_HELPER(n);
 * (skep/prog.h has the macro for them). */
#define SKEP_MAX_HELPERS 1024

struct skep_helper {
	size_t size; /* sizeof(struct skep_helper) */
	uint32_t n;  /* below SKEP_MAX_HELPERS */
	const char *name;
	skep_helper_fn fn;
	enum skep_ret ret;
	uint32_t ret_size;
	enum skep_arg arg[5];
	uint32_t arg_size[5];
};

/* Registers a helper for programs of type skep/NAME. 0, or -1: EINVAL, EEXIST, ENOMEM. */
SKEP_API int skep_add_helper(struct skep *skep, const struct skep_helper *helper);

/* Inside a helper: the context the program was started with; what skep_run_with passed as data. */
SKEP_API void *skep_run_ctx(const struct skep_run *run);
SKEP_API void *skep_run_data(const struct skep_run *run);

/* ---- loading ---- */

/*
 * Opens and loads an object file made by clang -target bpf, with libbpf: maps, global
 * variables, CO-RE relocations against the BTF that this kernel presents. NULL with errno and
 * skep_error(), which for a refused program has its verifier's words and the source line.
 */
SKEP_API struct skep_object *skep_object_load(struct skep *skep, const char *path);
/* The same from memory; name is for messages. The bytes may be freed afterwards. */
SKEP_API struct skep_object *skep_object_load_mem(struct skep *skep, const void *elf, size_t size,
						  const char *name);
/* fds of its programs and maps by name, owned by the object; -1 with ENOENT. */
SKEP_API int skep_object_prog(const struct skep_object *object, const char *name);
SKEP_API int skep_object_map(const struct skep_object *object, const char *name);
/* Closes its fds. What is still used (by a hook, a skep_prog) stays alive. NULL is fine. */
SKEP_API void skep_object_free(struct skep_object *object);

struct skep_prog_opts {
	size_t size;         /* sizeof(struct skep_prog_opts) */
	const char *context; /* of skep/NAME; or NULL, and then */
	uint32_t type;       /* enum bpf_prog_type */
	const char *name;    /* at most 15 characters; may be NULL */
	const char *license; /* NULL: "" */
	char *log;           /* receives the verifier's log; may be NULL */
	uint32_t log_size;
	uint32_t log_level; /* 1 or 2 with a log */
};

/* Loads raw instructions (struct bpf_insn). An fd to close(), or -1 with errno. */
SKEP_API int skep_prog_load(struct skep *skep, const struct bpf_insn *insns, size_t n,
			    const struct skep_prog_opts *opts);

/* ---- running ---- */

/* A program or hook as a plain function: takes the context, returns r0. */
typedef uint64_t (*skep_fn)(void *ctx);

/* A handle on a loaded program; keeps it alive until closed. NULL with errno EBADF. */
SKEP_API struct skep_prog *skep_prog_open(struct skep *skep, int fd);
SKEP_API void skep_prog_close(struct skep_prog *prog);

/*
 * The program as a function pointer, valid until skep_prog_close. ctx must point to a whole
 * context of the program's type (for skep/NAME: ctx_size bytes). NULL with errno ENOTSUP where
 * this system has no native code; skep_run_with works everywhere. A run that could not start
 * (no CPU slot free) or that was ended early returns 0 and is counted.
 */
SKEP_API skep_fn skep_prog_fn(struct skep_prog *prog);

enum skep_outcome {
	SKEP_RUN_DONE = 0,
	SKEP_RUN_MISSED,   /* no CPU slot was free: it did not run */
	SKEP_RUN_BUDGET,   /* ended: out of budget */
	SKEP_RUN_CANCELLED /* ended by skep_prog_cancel */
};

/* Runs it once. *result (may be NULL) receives r0, or 0 unless SKEP_RUN_DONE. data is for
 * skep_run_data. */
SKEP_API enum skep_outcome skep_run_with(struct skep_prog *prog, void *ctx, void *data,
					 uint64_t *result);

/* Ends the runs of prog that are going on now, in kernels with a budget: each at its next loop
 * iteration or call. Later runs are not affected. */
SKEP_API void skep_prog_cancel(struct skep_prog *prog);

struct skep_stats {
	size_t size;      /* sizeof(struct skep_stats), set by the caller */
	uint64_t runs;    /* counted while statistics are on (BPF_ENABLE_STATS) */
	uint64_t time_ns; /* likewise */
	uint64_t misses;
	uint64_t budget_ended;
	uint64_t cancelled;
};
SKEP_API int skep_prog_stats(const struct skep_prog *prog, struct skep_stats *stats);

/* ---- hooks: a place in the embedding program where programs come and go ---- */

/* A hook for programs of SEC("skep/CONTEXT"), which it is run with. Empty: running it returns 0.
 * NULL with ENOENT (no such context), ENOMEM. */
SKEP_API struct skep_hook *skep_hook_new(struct skep *skep, const char *context);
/* Puts the program of fd there instead of what was there; -1 empties the hook. May be called
 * while other threads run the hook: each run sees the old or the new program, and when this
 * returns no thread is in the old one. 0, or -1 with EBADF, EINVAL (a program of another
 * context). Not from inside a program's helper. */
SKEP_API int skep_hook_set(struct skep_hook *hook, int prog_fd);
/* Runs it. */
SKEP_API uint64_t skep_hook_run(struct skep_hook *hook, void *ctx);
/* The hook as a function pointer, valid until skep_hook_free; NULL with ENOTSUP as above. */
SKEP_API skep_fn skep_hook_fn(struct skep_hook *hook);
SKEP_API void skep_hook_free(struct skep_hook *hook);

/* ---- maps, by fd: as bpf(2)'s element commands. 0, or -1 with errno. ---- */

SKEP_API int skep_map_lookup(struct skep *skep, int map_fd, const void *key, void *value);
SKEP_API int skep_map_update(struct skep *skep, int map_fd, const void *key, const void *value,
			     uint64_t flags);
SKEP_API int skep_map_delete(struct skep *skep, int map_fd, const void *key);
/* key NULL: the first key. -1 with ENOENT after the last. */
SKEP_API int skep_map_next(struct skep *skep, int map_fd, const void *key, void *next);

/* ---- ring buffers ---- */

/*
 * An eventfd that becomes readable when a ringbuf map has something new for a consumer that had
 * read all of it: what epoll waits for in place of the map's own fd (with EPOLLET nothing need
 * be read from it). It belongs to the map: do not close it. -1 with EBADF, EINVAL (not a
 * ringbuf), EMFILE. With libbpf's ring_buffer__new, wrap epoll_ctl to pass this fd on.
 */
SKEP_API int skep_map_event_fd(struct skep *skep, int map_fd);

struct skep_ring;

/* A consumer of a ringbuf map; one a map, used by one thread at a time. NULL with errno. */
SKEP_API struct skep_ring *skep_ring_open(struct skep *skep, int map_fd);
/* Waits until there is something or timeout_ms passed (-1: for ever, 0: not at all), then calls
 * fn for each record. The number of records, or -1 with errno. The record is valid during fn. */
SKEP_API int skep_ring_poll(struct skep_ring *ring, int timeout_ms,
			    void (*fn)(void *data, const void *record, uint32_t size), void *data);
SKEP_API void skep_ring_close(struct skep_ring *ring);

#ifdef __cplusplus
}
#endif

#endif
