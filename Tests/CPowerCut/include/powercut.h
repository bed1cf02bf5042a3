#ifndef POWERCUT_H
#define POWERCUT_H
#include <stdint.h>

/* A disk in memory, registered as an SQLite VFS, that remembers across a power cut only what was synced.

   Each file has two contents: what its readers see, and what is on the medium. A sync of the file carries the sectors (512 bytes)
   written since over to the medium, and its name with them. A sync that fails carries nothing over and, like Linux, takes the
   sectors for clean from then on: a later sync does not make up for it. As with SQLite's own VFS, the first sync
   of a new journal or WAL is one of the folder too; a deletion before that may be undone by the cut. */
typedef struct powercut powercut;

/* `name` is that of the VFS, which lives as long as the process; `seed` decides what survives in sectors. */
powercut *powercut_new(const char *name, uint64_t seed);

/* Forgets everything, and begins again with another seed. No handle may be open. */
void powercut_format(powercut *, uint64_t seed);

/* Cuts the power: every open handle fails from now on, for good. */
void powercut_cut(powercut *);
/* Cuts it by itself at the n-th operation from now that changes something (write, truncate, sync, delete); 0: never. */
void powercut_cut_at(powercut *, long n);
/* Puts the power on again: what was not synced is forgotten. With `torn`, a random half of the unsynced sectors, lengths and
   deletions has made it to the medium all the same; a file that was shortened is so before what was written to it later. */
void powercut_restore(powercut *, int torn);
/* Undoes the cut as if only the process had been killed: nothing is forgotten, nothing is synced, the handles are dead. */
void powercut_revive(powercut *);
int powercut_is_cut(powercut *);

/* Fails the n-th sync from now, once; 0: none. */
void powercut_fail_sync(powercut *, long n);
/* Fails every write with this SQLite code (SQLITE_FULL, SQLITE_READONLY, ...) until it is set to 0. */
void powercut_fail_writes(powercut *, int code);

/* Lets every sync wait from now on until this is called with 0. */
void powercut_stall(powercut *, int stalls);
/* Threads that wait so. */
int powercut_held(powercut *);

/* Syncs that succeeded. */
long powercut_syncs(powercut *);
/* Operations so far that changed something. */
long powercut_operations(powercut *);
/* Sectors of the WALs that were written and not synced. */
long powercut_unsynced_wal(powercut *);
/* Overwrites bytes of a file, on the medium and off it. */
void powercut_damage(powercut *, const char *file, int64_t offset, int64_t count);

#endif
