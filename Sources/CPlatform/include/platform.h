#ifndef USHER_PLATFORM_H
#define USHER_PLATFORM_H
#include <stddef.h>
#include <stdint.h>

/* Overwrites memory with zeros, which the compiler cannot leave out: explicit_bzero(3). */
void usher_cleanse(void *memory, size_t size);

/* prctl(2) takes variable arguments, which Swift cannot call. */

/* No core dumps, and no other process of this user may read this one's memory. Returns -errno on failure. */
int usher_forbid_dumps(void);
/* As many descriptors as the hard limit allows: the soft one (1,024) is for programs that use select(2). */
void usher_raise_descriptor_limit(void);
/* Names the calling thread, as ps -L shows it; at most 15 bytes are kept. */
void usher_name_thread(const char *name);

/* Overwrites 64 KiB of the stack below the caller, and blocks that this thread has freed and that held `size` bytes, or one more: of one
   size, malloc(3) hands out those first that were freed last.

   To be called before a library handles a secret of that size, too: it leaves as many free blocks of that size with this thread as malloc(3)
   keeps for one, so that the library's come from there, and when it frees them go back there, not to where other threads take from. */
void usher_cleanse_remains(size_t size);
/* Sets the variables of a shared library back to the zeros that they were at the start: those without a value in its file. `within` points
   into its code or constants. Does nothing where that is this program itself. */
void usher_cleanse_variables(const void *within);

/* Which file a path leads to: the numbers of its device and its inode. Returns -errno on failure.

   Nothing is asked for that changes. Once somebody has seen a file's times, the next write gives it times that differ (Linux 6.13): after
   each stat(2) of a log, its next fdatasync(2) would write the inode besides the data, and take twice as long. */
int usher_file_identity(const char *path, uint64_t *device, uint64_t *inode);

/* Lets go of the mapped pages of code and constants, this program's and its libraries': most were needed by the start alone. They
   stay in the page cache, which can now be reclaimed, and those that are used are mapped again at their next use. Freed memory goes back, too. */
void usher_release_startup_pages(void);

#endif
