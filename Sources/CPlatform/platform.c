#define _GNU_SOURCE
#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

int usher_forbid_dumps(void)
{
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return -errno;
    return 0;
}

void usher_cleanse(void *memory, size_t size) { explicit_bzero(memory, size); }

void usher_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

int usher_file_identity(const char *path, uint64_t *device, uint64_t *inode)
{
    struct statx status;
    if (statx(AT_FDCWD, path, 0, STATX_INO, &status) < 0) return -errno;
    *device = (uint64_t)status.stx_dev_major << 32 | status.stx_dev_minor;
    *inode = status.stx_ino;
    return 0;
}

/* A frame of its own, over those that have returned. */
static __attribute__((noinline)) void cleanse_stack(void)
{
    char frame[65536];
    explicit_bzero(frame, sizeof frame);
}

static void cleanse_freed(size_t size)
{
    /* More than the 7 that a thread keeps for itself of each size. They are kept when this ends. */
    void *blocks[16];
    for (int index = 0; index < 16; index++) {
        blocks[index] = malloc(size);
        if (blocks[index]) explicit_bzero(blocks[index], malloc_usable_size(blocks[index]));
    }
    for (int index = 0; index < 16; index++) free(blocks[index]);
}

void usher_cleanse_remains(size_t size)
{
    cleanse_stack();
    /* A string of that length is a byte longer, and its block may be larger by what is too little for a block of its own. */
    for (size_t more = 0; more <= 32; more += 16) cleanse_freed(size + more);
}

static int cleanse_variables(struct dl_phdr_info *object, size_t size, void *context)
{
    (void)size;
    int is_its_own = 0;
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[index];
        uintptr_t start = object->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && (uintptr_t)context - start < segment->p_memsz) is_its_own = 1;
    }
    if (!is_its_own || !object->dlpi_name[0]) return is_its_own;
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[index];
        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_W)) continue;
        explicit_bzero((char *)object->dlpi_addr + segment->p_vaddr + segment->p_filesz, segment->p_memsz - segment->p_filesz);
    }
    return 1;
}

void usher_cleanse_variables(const void *within) { dl_iterate_phdr(cleanse_variables, (void *)within); }

static int release(struct dl_phdr_info *object, size_t size, void *context)
{
    (void)size;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < object->dlpi_phnum; index++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[index];
        /* What was ever writable holds relocations, which the file does not. */
        if (segment->p_type != PT_LOAD || segment->p_flags & PF_W) continue;
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_filesz;
        madvise((void *)start, end - start, MADV_DONTNEED);
    }
    (void)context;
    return 0;
}

void usher_release_startup_pages(void)
{
    dl_iterate_phdr(release, NULL);
    malloc_trim(0);
}

void usher_raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}
