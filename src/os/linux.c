/* SPDX-License-Identifier: Apache-2.0 */
/* The port contract of os.h on Linux, with libc. */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

void *os_alloc(size_t size)
{
	return calloc(1, size ? size : 1);
}

void *os_realloc(void *ptr, size_t size)
{
	return realloc(ptr, size ? size : 1);
}

void os_free(void *ptr)
{
	free(ptr);
}

void *os_reserve(size_t size)
{
	void *addr = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return addr == MAP_FAILED ? NULL : addr;
}

void os_unreserve(void *addr, size_t size)
{
	if (addr)
		munmap(addr, size);
}

void os_prefer_large_pages(void *addr, size_t size)
{
	madvise(addr, size, MADV_HUGEPAGE);
}

int os_shm_attach(struct os_shm *shm, int fd, size_t size)
{
	struct stat st;
	void *addr;

	if (fstat(fd, &st))
		return -errno;
	if (st.st_size < 0 || (size_t)st.st_size < size)
		return -EINVAL; /* touching what is not there would be SIGBUS */
	addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (addr == MAP_FAILED)
		return -errno;
	*shm = (struct os_shm){ .fd = fd, .addr = addr, .size = size };
	return 0;
}

int os_shm_create(struct os_shm *shm, const char *name, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK)) {
		err = -errno;
		close(fd);
		return err;
	}
	err = os_shm_attach(shm, fd, size);
	if (err)
		close(fd);
	return err;
}

void os_shm_release(struct os_shm *shm)
{
	if (shm->addr)
		munmap(shm->addr, shm->size);
	if (shm->fd >= 0)
		close(shm->fd);
	*shm = (struct os_shm){ .fd = -1 };
}

/*
 * Two mappings of one memfd. The writable one is unmapped by os_code_publish, so no
 * page is ever writable and executable through the same address, and after publishing
 * none is writable at all.
 */
int os_code_create(struct os_code *code, size_t size)
{
	size_t bytes = align_up(size, 4096);
	int fd = memfd_create("skep-code", MFD_CLOEXEC);
	void *rw, *rx;
	int err;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes))
		goto fail_fd;
	rw = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (rw == MAP_FAILED)
		goto fail_fd;
	rx = mmap(NULL, bytes, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	if (rx == MAP_FAILED) {
		err = -errno;
		munmap(rw, bytes);
		close(fd);
		return err;
	}
	close(fd);
	*code = (struct os_code){ .rw = rw, .rx = rx, .size = bytes };
	return 0;

fail_fd:
	err = -errno;
	close(fd);
	return err;
}

int os_code_publish(struct os_code *code)
{
	if (code->rw && munmap(code->rw, code->size))
		return -errno;
	code->rw = NULL;
	__builtin___clear_cache((char *)code->rx, (char *)code->rx + code->size);
	return 0;
}

void os_code_release(struct os_code *code)
{
	if (code->rw)
		munmap(code->rw, code->size);
	if (code->rx)
		munmap(code->rx, code->size);
	*code = (struct os_code){ 0 };
}

u64 os_clock_ns(enum os_clock clock)
{
	static const clockid_t ids[] = {
		[OS_CLOCK_MONOTONIC] = CLOCK_MONOTONIC,
		[OS_CLOCK_BOOTTIME] = CLOCK_BOOTTIME,
		[OS_CLOCK_REALTIME] = CLOCK_REALTIME,
		[OS_CLOCK_TAI] = CLOCK_TAI,
	};
	struct timespec ts;

	clock_gettime(ids[clock], &ts);
	return (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
}

u32 os_cpu_id(void)
{
	int cpu = sched_getcpu();

	return cpu < 0 ? 0 : (u32)cpu;
}

u32 os_cpu_count(void)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);

	return n < 1 ? 1 : (u32)n;
}

u32 os_numa_node(void)
{
	unsigned cpu, node = 0;

	if (getcpu(&cpu, &node))
		return 0;
	return node;
}

u32 os_random_u32(void)
{
	u32 value;

	while (getrandom(&value, sizeof(value), 0) != sizeof(value))
		;
	return value;
}

int os_wait(const u32 *word, u32 expected, u64 timeout_ns)
{
	struct timespec ts = { .tv_sec = (time_t)(timeout_ns / 1000000000u),
			       .tv_nsec = (long)(timeout_ns % 1000000000u) };

	if (syscall(SYS_futex, word, FUTEX_WAIT, expected, timeout_ns ? &ts : NULL, NULL, 0))
		return errno == EINTR ? 0 : -errno;
	return 0;
}

void os_wake(const u32 *word, u32 waiters)
{
	syscall(SYS_futex, word, FUTEX_WAKE, waiters, NULL, NULL, 0);
}

void os_barrier_all_threads(void)
{
	static int registered;

	if (!__atomic_load_n(&registered, __ATOMIC_ACQUIRE)) {
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
		__atomic_store_n(&registered, 1, __ATOMIC_RELEASE);
	}
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/*
 * getpid without the system call. The note of it is on a page that a forked child finds
 * zeroed; where the system cannot do that, there is no page and no note.
 */
static pid_t own_pid(void)
{
	static pid_t *note;
	pid_t *page = __atomic_load_n(&note, __ATOMIC_ACQUIRE), *none = NULL, pid;

	if (!page) {
		page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (page == MAP_FAILED)
			return getpid();
		if (madvise(page, 4096, MADV_WIPEONFORK) ||
		    !__atomic_compare_exchange_n(&note, &none, page, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE)) {
			munmap(page, 4096);
			return getpid();
		}
	}
	pid = __atomic_load_n(page, __ATOMIC_RELAXED);
	if (!pid) {
		pid = getpid();
		__atomic_store_n(page, pid, __ATOMIC_RELAXED);
	}
	return pid;
}

int os_copy_from(void *dst, u64 src, size_t size)
{
	struct iovec local = { dst, size };
	struct iovec remote = { (void *)(uintptr_t)src, size };

	if (!size)
		return 0;
	return syscall(SYS_process_vm_readv, own_pid(), &local, 1, &remote, 1, 0L) == (long)size ? 0
											       : -EFAULT;
}

int os_copy_to(u64 dst, const void *src, size_t size)
{
	struct iovec local = { (void *)(uintptr_t)src, size };
	struct iovec remote = { (void *)(uintptr_t)dst, size };

	if (!size)
		return 0;
	return syscall(SYS_process_vm_writev, own_pid(), &local, 1, &remote, 1, 0L) == (long)size
		   ? 0
		   : -EFAULT;
}

void os_thread_name(char name[16])
{
	memset(name, 0, 16);
	prctl(PR_GET_NAME, name, 0, 0, 0);
}

_Noreturn void os_panic(const char *what)
{
	fprintf(stderr, "skep: internal error: %s\n", what);
	abort();
}
