/*
 * Loaded before a program by tests of memory that runs out: from where the
 * control block says so, the at-th allocation fails, or all from there on.
 * $OOM names the file of the block, which the test maps as well (support/
 * oom.py). Pages that are asked for without a file count as allocations.
 * $OOM_OBJECT: only the calls out of this library count (glibc's name service
 * and libpam end the process, or turn in circles, without memory).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct control {
	_Atomic int64_t armed;
	_Atomic int64_t at;  /* the first allocation that fails, from 1 */
	_Atomic int64_t all; /* those behind it fail too */
	_Atomic int64_t count;
	_Atomic int64_t live; /* blocks that were not freed yet */
};

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

#define CALLER __builtin_return_address(0)

static struct control *control;
static const char *object;

/* Maps without mmap(), which is ours. */
__attribute__((constructor)) static void
map_control(void)
{
	const char *path = getenv("OOM");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	long at;

	object = getenv("OOM_OBJECT");
	if (fd < 0)
		return;
	at = syscall(SYS_mmap, NULL, sizeof(*control), PROT_READ | PROT_WRITE,
		MAP_SHARED, fd, 0);
	(void)close(fd);
	if (at != -1)
		control = (struct control *)at;
}

static bool
is_of_object(const void *caller)
{
	Dl_info info;

	return object == NULL ||
		(dladdr(caller, &info) != 0 && info.dli_fname != NULL &&
			strstr(info.dli_fname, object) != NULL);
}

static bool
must_fail(const void *caller)
{
	int64_t n, at;

	if (control == NULL || !atomic_load(&control->armed) ||
		!is_of_object(caller))
		return false;
	n = atomic_fetch_add(&control->count, 1) + 1;
	at = atomic_load(&control->at);
	if (at == 0 || n < at || (n > at && !atomic_load(&control->all)))
		return false;
	errno = ENOMEM;
	return true;
}

static void *
counted(void *block)
{
	if (block != NULL && control != NULL)
		atomic_fetch_add(&control->live, 1);
	return block;
}

void *
malloc(size_t size)
{
	return must_fail(CALLER) ? NULL : counted(__libc_malloc(size));
}

void *
calloc(size_t n, size_t size)
{
	return must_fail(CALLER) ? NULL : counted(__libc_calloc(n, size));
}

void *
realloc(void *block, size_t size)
{
	void *fresh = must_fail(CALLER) ? NULL : __libc_realloc(block, size);

	return block == NULL ? counted(fresh) : fresh;
}

void *
memalign(size_t alignment, size_t size)
{
	return must_fail(CALLER) ? NULL
				 : counted(__libc_memalign(alignment, size));
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	return must_fail(CALLER) ? NULL
				 : counted(__libc_memalign(alignment, size));
}

int
posix_memalign(void **ret_block, size_t alignment, size_t size)
{
	void *block =
		must_fail(CALLER) ? NULL : __libc_memalign(alignment, size);

	if (counted(block) == NULL)
		return ENOMEM;
	*ret_block = block;
	return 0;
}

void
free(void *block)
{
	int before = errno;

	if (block != NULL && control != NULL)
		atomic_fetch_sub(&control->live, 1);
	__libc_free(block);
	errno = before;
}

void *
mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (fd < 0 && must_fail(CALLER))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, at, len, prot, flags, fd, offset);
}
