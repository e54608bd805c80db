// Room for deletions: on a full disk a person can still sign in and delete something.
//
// LMDB never writes where it has written: even a delete takes new pages before it gives old ones
// back, and leaves a line in the audit chain. So data.mdb owns blocks ahead of what it uses:
//
//   0          used                 +half                +room
//   |==pages===|--- any change -----|-- deletions only --|      blocks of data.mdb, beyond its end
//
// They are allocated without making the file longer (FALLOC_FL_KEEP_SIZE), so that nothing but the
// state can ever be written there. A separate file that is given up when the disk is full would be
// simpler to explain, but whoever filled the disk (a job, an upload, another program) would have
// that space within the same second; and there would be two states to keep right over a power cut.
// Here there is none: the blocks are the file's, whatever happens, and the next open asks again.
//
// Once less than half is left, and the disk, the map and the free pages inside the state give no
// more, ordinary changes are ERR_FULL before they begin; store_write_freeing goes on. When there is
// room on the disk again the blocks are taken back up to the whole, when half of it is used: one
// call in several megabytes of growth. Where the file system cannot allocate ahead (NFS 3, FAT),
// the same rule keeps half of it free on the disk, as far as others let it.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/file.h"
#include "base/log.h"
#include "store/store_private.h"

enum {
    ROOM_BYTES_MAX = 16 << 20, // some ten thousand deletions with their lines in the audit chain
    ROOM_BYTES_MIN = 256 << 10,
    ROOM_DISK_PART = 64, // of the disk, and
    ROOM_MAP_PART = 8,   // of the map, that it may take
};

struct extent {
    uint64_t used, map_bytes, page_bytes;
};

static bool extent_read(const struct store *store, struct extent *out) {
    MDB_envinfo info;
    MDB_stat stat;
    if (mdb_env_info(store->env, &info) != 0 || mdb_env_stat(store->env, &stat) != 0) return false;
    *out = (struct extent){.used = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize,
                           .map_bytes = info.me_mapsize,
                           .page_bytes = stat.ms_psize};
    return true;
}

// Blocks up to used + room_bytes; what there is of them already costs nothing.
static void take(struct store *store, const struct extent *extent) {
    mdb_filehandle_t fd;
    uint64_t end = extent->used + store->room_bytes;
    if (store->room_refused || mdb_env_get_fd(store->env, &fd) != 0) return;
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)extent->used, (off_t)store->room_bytes) == 0) {
        store->room_end = end;
    } else if (errno == EOPNOTSUPP || errno == ENOSYS) {
        store->room_refused = true;
        log_event(LOG_INFO, "store.no_room_ahead", "errno=%d", errno);
    }
}

void room_open(struct store *store, const char *folder) {
    char path[LIMIT_PATH_BYTES];
    struct statvfs disk;
    struct stat about;
    struct extent extent;
    mdb_filehandle_t fd;
    // LMDB's table of readers is written through a map: a hole in it would be a signal, not an
    // error, once the disk is full.
    if (path_join(path, sizeof path, folder, "lock.mdb") == OK && stat(path, &about) == 0) {
        // Not closed here: that would drop the locks this process has on it, which are LMDB's.
        store->readers_fd = open(path, O_RDWR | O_CLOEXEC);
        if (store->readers_fd >= 0) (void)!fallocate(store->readers_fd, 0, 0, about.st_size);
    }
    if (statvfs(store->dir, &disk) != 0 || !extent_read(store, &extent)) return;
    uint64_t room = (uint64_t)disk.f_blocks * disk.f_frsize / ROOM_DISK_PART;
    if (room > extent.map_bytes / ROOM_MAP_PART) room = extent.map_bytes / ROOM_MAP_PART;
    if (room > ROOM_BYTES_MAX) room = ROOM_BYTES_MAX;
    if (room < ROOM_BYTES_MIN) room = ROOM_BYTES_MIN;
    store->room_bytes = room / extent.page_bytes * extent.page_bytes;
    store->room_end = extent.used;
    take(store, &extent);
    if (store->room_end > extent.used) return;
    // The disk is full already: what an earlier start took is still the file's.
    if (mdb_env_get_fd(store->env, &fd) != 0 || fstat(fd, &about) != 0) return;
    uint64_t own = (uint64_t)about.st_blocks * 512;
    if (own > extent.used + room) own = extent.used + room;
    if (own > extent.used) store->room_end = own;
    log_event(LOG_WARN, "store.room_short", "bytes=%" PRIu64 " of=%" PRIu64,
              store->room_end - extent.used, store->room_bytes);
}

void room_keep(struct store *store) {
    struct extent extent;
    uint64_t left = 0;
    if (store->room_refused || !store->room_bytes || !extent_read(store, &extent)) return;
    if (store->room_end >= extent.used + store->room_bytes / 2) return;
    uint64_t there = store->room_end > extent.used ? store->room_end - extent.used : 0;
    bool fits = disk_free(store->dir, &left, NULL) == OK && left >= store->room_bytes - there;
    if (fits) take(store, &extent);
}

// Bytes of pages inside the state that the next changes will use.
static uint64_t pages_free(struct store *store, uint64_t page_bytes) {
    struct store_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    size_t count, pages = 0;
    if (store_read_begin(store, &txn) != OK) return 0;
    if (mdb_cursor_open(txn->mdb, 0, &cursor) == 0) { // LMDB's own table of free pages
        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
            if (value.mv_size < sizeof count) continue;
            memcpy(&count, value.mv_data, sizeof count);
            pages += count;
        }
        mdb_cursor_close(cursor);
    }
    store_read_end(txn);
    return pages * page_bytes;
}

bool room_is_short(struct store *store) {
    struct extent extent;
    uint64_t half = store->room_bytes / 2, left = 0;
    if (!half || !extent_read(store, &extent)) return false;
    bool map_has = extent.map_bytes >= extent.used + half;
    if (map_has && store->room_end >= extent.used + half) return false;
    if (map_has && disk_free(store->dir, &left, NULL) == OK && left >= half) return false;
    uint64_t ahead = store->room_end > extent.used ? store->room_end - extent.used : 0;
    return (map_has ? ahead : 0) + pages_free(store, extent.page_bytes) < half;
}
