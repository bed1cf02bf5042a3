#include "powercut.h"
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512, NAMES = 32, NAME = 512 };

typedef struct {
    unsigned char *bytes;
    int64_t count;
} content;

/* A file, whatever name it has. */
typedef struct inode {
    content seen, medium;
    unsigned char *dirty; /* one byte a sector */
    int64_t sectors;
    int is_length_dirty;
    int64_t cut_to; /* the least length since the last sync, or -1: it was not shortened */
    struct inode *next; /* all of a disk */
} inode;

typedef struct {
    char name[NAME];
    inode *seen, *medium;
} entry;

struct powercut {
    sqlite3_vfs vfs;
    pthread_mutex_t lock;
    entry entries[NAMES];
    int entry_count;
    inode *inodes;
    uint64_t random;
    long life; /* counts restores: a handle of an earlier life is dead */
    int is_cut;
    long cut_at, fail_sync;
    int write_code;
    long syncs, operations;
    pthread_cond_t goes_on;
    int is_stalled, held; /* threads that a stalled disk keeps */
};

typedef struct {
    sqlite3_file base;
    powercut *disk;
    inode *node;
    long life;
    int syncs_folder;
    char delete_on_close[NAME];
} handle;

static uint64_t next_random(powercut *d) {
    uint64_t z = d->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void resize(content *c, int64_t count) {
    if (count > c->count) {
        c->bytes = realloc(c->bytes, (size_t)count);
        memset(c->bytes + c->count, 0, (size_t)(count - c->count));
    }
    c->count = count;
}

static void mark_dirty(inode *n, int64_t from, int64_t to) {
    int64_t last = (to + SECTOR - 1) / SECTOR;
    if (last > n->sectors) {
        n->dirty = realloc(n->dirty, (size_t)last);
        memset(n->dirty + n->sectors, 0, (size_t)(last - n->sectors));
        n->sectors = last;
    }
    for (int64_t s = from / SECTOR; s < last; s++) n->dirty[s] = 1;
}

static void carry_over(inode *n, int64_t sector) {
    int64_t from = sector * SECTOR, to = from + SECTOR;
    if (to > n->seen.count) to = n->seen.count;
    if (to > n->medium.count) to = n->medium.count;
    if (from < to) memcpy(n->medium.bytes + from, n->seen.bytes + from, (size_t)(to - from));
}

static inode *make(powercut *d) {
    inode *n = calloc(1, sizeof *n);
    n->cut_to = -1;
    n->next = d->inodes;
    return d->inodes = n;
}

static entry *find(powercut *d, const char *name, int create) {
    for (int i = 0; i < d->entry_count; i++)
        if (strcmp(d->entries[i].name, name) == 0) return &d->entries[i];
    if (!create || d->entry_count == NAMES || strlen(name) >= NAME) return NULL;
    entry *e = &d->entries[d->entry_count++];
    memset(e, 0, sizeof *e);
    strcpy(e->name, name);
    return e;
}

/* Counts an operation that changes something; whether the power is (still) on for it. */
static int changes(powercut *d) {
    if (d->is_cut) return 0;
    d->operations++;
    if (d->cut_at > 0 && --d->cut_at == 0) {
        d->is_cut = 1;
        return 0;
    }
    return 1;
}

static int is_dead(handle *h) { return h->disk->is_cut || h->life != h->disk->life; }

#define ENTER(h) pthread_mutex_lock(&(h)->disk->lock)
#define LEAVE(h, code) return pthread_mutex_unlock(&(h)->disk->lock), (code)

static int file_read(sqlite3_file *file, void *out, int count, sqlite3_int64 offset) {
    handle *h = (handle *)file;
    ENTER(h);
    if (is_dead(h)) LEAVE(h, SQLITE_IOERR_READ);
    int64_t there = h->node->seen.count - offset;
    if (there >= count) {
        memcpy(out, h->node->seen.bytes + offset, (size_t)count);
        LEAVE(h, SQLITE_OK);
    }
    memset(out, 0, (size_t)count);
    if (there > 0) memcpy(out, h->node->seen.bytes + offset, (size_t)there);
    LEAVE(h, SQLITE_IOERR_SHORT_READ);
}

static int file_write(sqlite3_file *file, const void *in, int count, sqlite3_int64 offset) {
    handle *h = (handle *)file;
    ENTER(h);
    if (is_dead(h)) LEAVE(h, SQLITE_IOERR_WRITE);
    if (h->disk->write_code) LEAVE(h, h->disk->write_code);
    /* The write at which the power goes may still be in the cache: it is lost, or torn, with the rest. */
    int goes_on = changes(h->disk);
    if (offset + count > h->node->seen.count) {
        resize(&h->node->seen, offset + count);
        h->node->is_length_dirty = 1;
    }
    memcpy(h->node->seen.bytes + offset, in, (size_t)count);
    mark_dirty(h->node, offset, offset + count);
    LEAVE(h, goes_on ? SQLITE_OK : SQLITE_IOERR_WRITE);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 count) {
    handle *h = (handle *)file;
    ENTER(h);
    if (is_dead(h)) LEAVE(h, SQLITE_IOERR_TRUNCATE);
    if (h->disk->write_code) LEAVE(h, h->disk->write_code);
    int goes_on = changes(h->disk);
    if (count < h->node->seen.count) {
        mark_dirty(h->node, count, h->node->seen.count);
        resize(&h->node->seen, count);
        h->node->is_length_dirty = 1;
        if (h->node->cut_to < 0 || count < h->node->cut_to) h->node->cut_to = count;
    }
    LEAVE(h, goes_on ? SQLITE_OK : SQLITE_IOERR_TRUNCATE);
}

static int file_sync(sqlite3_file *file, int flags) {
    (void)flags;
    handle *h = (handle *)file;
    powercut *d = h->disk;
    inode *n = h->node;
    ENTER(h);
    d->held++;
    while (d->is_stalled) pthread_cond_wait(&d->goes_on, &d->lock);
    d->held--;
    if (is_dead(h) || !changes(d)) LEAVE(h, SQLITE_IOERR_FSYNC);
    int fails = d->fail_sync > 0 && --d->fail_sync == 0;
    if (!fails) {
        resize(&n->medium, n->seen.count);
        for (int64_t s = 0; s < n->sectors; s++)
            if (n->dirty[s]) carry_over(n, s);
        for (int i = 0; i < d->entry_count; i++)
            if (h->syncs_folder || d->entries[i].seen == n) d->entries[i].medium = d->entries[i].seen;
        h->syncs_folder = 0;
        d->syncs++;
    }
    if (n->sectors) memset(n->dirty, 0, (size_t)n->sectors);
    n->is_length_dirty = 0;
    n->cut_to = -1;
    LEAVE(h, fails ? SQLITE_IOERR_FSYNC : SQLITE_OK);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    handle *h = (handle *)file;
    ENTER(h);
    if (is_dead(h)) LEAVE(h, SQLITE_IOERR_FSTAT);
    *size = h->node->seen.count;
    LEAVE(h, SQLITE_OK);
}

static int file_close(sqlite3_file *file) {
    handle *h = (handle *)file;
    ENTER(h);
    if (h->delete_on_close[0]) {
        entry *e = find(h->disk, h->delete_on_close, 0);
        if (e && !is_dead(h)) e->seen = e->medium = NULL;
    }
    LEAVE(h, SQLITE_OK);
}

/* One connection at a time is all there is. */
static int file_lock(sqlite3_file *file, int level) { (void)file, (void)level; return SQLITE_OK; }
static int file_reserved(sqlite3_file *file, int *out) { (void)file; *out = 0; return SQLITE_OK; }
static int file_control(sqlite3_file *file, int op, void *arg) { (void)file, (void)op, (void)arg; return SQLITE_NOTFOUND; }
static int file_sector(sqlite3_file *file) { (void)file; return SECTOR; }
static int file_traits(sqlite3_file *file) { (void)file; return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

static const sqlite3_io_methods methods = {
    1, file_close, file_read, file_write, file_truncate, file_sync, file_size, file_lock, file_lock, file_reserved,
    file_control, file_sector, file_traits,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
    powercut *d = (powercut *)vfs;
    handle *h = (handle *)file;
    memset(h, 0, sizeof *h);
    h->disk = d;
    ENTER(h);
    if (d->is_cut) LEAVE(h, SQLITE_CANTOPEN);
    inode *node = NULL;
    if (name) {
        entry *e = find(d, name, (flags & SQLITE_OPEN_CREATE) != 0);
        if (!e) LEAVE(h, SQLITE_CANTOPEN);
        if (!e->seen) {
            if (!(flags & SQLITE_OPEN_CREATE) || d->write_code) LEAVE(h, SQLITE_CANTOPEN);
            e->seen = make(d);
            h->syncs_folder = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
        }
        node = e->seen;
        if (flags & SQLITE_OPEN_DELETEONCLOSE) strcpy(h->delete_on_close, name);
    } else {
        node = make(d);
    }
    h->base.pMethods = &methods;
    h->node = node;
    h->life = d->life;
    if (out) *out = flags;
    LEAVE(h, SQLITE_OK);
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
    powercut *d = (powercut *)vfs;
    handle h = {.disk = d};
    ENTER(&h);
    entry *e = find(d, name, 0);
    if (!e || !e->seen) LEAVE(&h, SQLITE_IOERR_DELETE_NOENT);
    if (d->write_code || !changes(d)) LEAVE(&h, SQLITE_IOERR_DELETE);
    e->seen = NULL;
    if (sync_folder) e->medium = NULL;
    LEAVE(&h, SQLITE_OK);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
    (void)flags;
    handle h = {.disk = (powercut *)vfs};
    ENTER(&h);
    if (h.disk->is_cut) LEAVE(&h, SQLITE_IOERR_ACCESS);
    entry *e = find(h.disk, name, 0);
    /* SQLite takes an empty journal for none, as its own VFS does. */
    *out = e && e->seen && (flags != SQLITE_ACCESS_EXISTS || e->seen->seen.count > 0);
    LEAVE(&h, SQLITE_OK);
}

static int vfs_full(sqlite3_vfs *vfs, const char *name, int count, char *out) {
    (void)vfs;
    sqlite3_snprintf(count, out, "%s", name);
    return SQLITE_OK;
}

static int vfs_random(sqlite3_vfs *vfs, int count, char *out) {
    handle h = {.disk = (powercut *)vfs};
    ENTER(&h);
    for (int i = 0; i < count; i++) out[i] = (char)next_random(h.disk);
    LEAVE(&h, count);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) { (void)vfs; return microseconds; }
static int vfs_time(sqlite3_vfs *vfs, double *out) { (void)vfs; *out = 2460000.5; return SQLITE_OK; }

powercut *powercut_new(const char *name, uint64_t seed) {
    powercut *d = calloc(1, sizeof *d);
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->goes_on, NULL);
    d->random = seed;
    d->vfs = (sqlite3_vfs){
        .iVersion = 1, .szOsFile = sizeof(handle), .mxPathname = NAME - 16, .zName = strdup(name), .xOpen = vfs_open,
        .xDelete = vfs_delete, .xAccess = vfs_access, .xFullPathname = vfs_full, .xRandomness = vfs_random,
        .xSleep = vfs_sleep, .xCurrentTime = vfs_time,
    };
    sqlite3_vfs_register(&d->vfs, 0);
    return d;
}

void powercut_format(powercut *d, uint64_t seed) {
    pthread_mutex_lock(&d->lock);
    while (d->inodes) {
        inode *n = d->inodes;
        d->inodes = n->next;
        free(n->seen.bytes), free(n->medium.bytes), free(n->dirty), free(n);
    }
    d->entry_count = 0;
    d->random = seed;
    d->is_cut = d->write_code = 0;
    d->cut_at = d->fail_sync = d->syncs = d->operations = 0;
    pthread_mutex_unlock(&d->lock);
}

static int is_kept(powercut *d, int torn) { return torn && (next_random(d) & 1); }

/* What is left of a file after the cut. */
static void settle(powercut *d, inode *n, int torn) {
    /* File systems shorten a file in one step, before what is written to it later. */
    int is_shortened = n->cut_to >= 0 && n->cut_to < n->medium.count;
    if (!is_shortened || is_kept(d, torn)) {
        if (is_shortened) resize(&n->medium, n->cut_to);
        if (n->is_length_dirty && n->seen.count > n->medium.count && is_kept(d, torn))
            resize(&n->medium, n->medium.count + (int64_t)(next_random(d) % (uint64_t)(n->seen.count - n->medium.count + 1)));
        for (int64_t s = 0; s < n->sectors; s++)
            if (n->dirty[s] && is_kept(d, torn)) carry_over(n, s);
    }
    content kept = {malloc((size_t)n->medium.count + 1), n->medium.count};
    if (kept.count) memcpy(kept.bytes, n->medium.bytes, (size_t)kept.count);
    free(n->seen.bytes);
    n->seen = kept;
    if (n->sectors) memset(n->dirty, 0, (size_t)n->sectors);
    n->is_length_dirty = 0;
    n->cut_to = -1;
}

void powercut_revive(powercut *d) {
    pthread_mutex_lock(&d->lock);
    d->is_cut = 0;
    d->cut_at = d->fail_sync = 0;
    d->write_code = 0;
    d->life++;
    pthread_mutex_unlock(&d->lock);
}

void powercut_restore(powercut *d, int torn) {
    handle h = {.disk = d};
    ENTER(&h);
    for (int i = 0; i < d->entry_count; i++) {
        entry *e = &d->entries[i];
        if (e->seen != e->medium && is_kept(d, torn)) e->medium = e->seen;
        e->seen = e->medium;
        if (e->seen) settle(d, e->seen, torn);
    }
    pthread_mutex_unlock(&d->lock);
    powercut_revive(d);
}

#define SET(function, type, field) \
    void function(powercut *d, type value) { \
        pthread_mutex_lock(&d->lock); \
        d->field = value; \
        pthread_mutex_unlock(&d->lock); \
    }
#define GET(function, type, field) \
    type function(powercut *d) { \
        pthread_mutex_lock(&d->lock); \
        type value = d->field; \
        pthread_mutex_unlock(&d->lock); \
        return value; \
    }

SET(powercut_cut_at, long, cut_at)
SET(powercut_fail_sync, long, fail_sync)
SET(powercut_fail_writes, int, write_code)
GET(powercut_is_cut, int, is_cut)
GET(powercut_syncs, long, syncs)
GET(powercut_operations, long, operations)
GET(powercut_held, int, held)

void powercut_stall(powercut *d, int stalls) {
    pthread_mutex_lock(&d->lock);
    d->is_stalled = stalls;
    pthread_cond_broadcast(&d->goes_on);
    pthread_mutex_unlock(&d->lock);
}

void powercut_cut(powercut *d) {
    pthread_mutex_lock(&d->lock);
    d->is_cut = 1;
    pthread_mutex_unlock(&d->lock);
}

long powercut_unsynced_wal(powercut *d) {
    long sectors = 0;
    pthread_mutex_lock(&d->lock);
    for (int i = 0; i < d->entry_count; i++) {
        entry *e = &d->entries[i];
        size_t length = strlen(e->name);
        if (!e->seen || length < 4 || strcmp(e->name + length - 4, "-wal") != 0) continue;
        for (int64_t s = 0; s < e->seen->sectors; s++) sectors += e->seen->dirty[s];
    }
    pthread_mutex_unlock(&d->lock);
    return sectors;
}

void powercut_damage(powercut *d, const char *file, int64_t offset, int64_t count) {
    pthread_mutex_lock(&d->lock);
    entry *e = find(d, file, 0);
    if (e && e->seen)
        for (int64_t i = offset; i < offset + count; i++) {
            if (i < e->seen->seen.count) e->seen->seen.bytes[i] ^= 0x5a;
            if (i < e->seen->medium.count) e->seen->medium.bytes[i] ^= 0x5a;
        }
    pthread_mutex_unlock(&d->lock);
}
