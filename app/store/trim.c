// Memory that LMDB's map holds: pages of the state that were looked at stay with the process until
// somebody lets go of them.
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "store/store_private.h"

enum { TRIM_BYTES = 16 << 20 };

// What lies in memory of files, LMDB's map among them: the third number of statm, in pages.
static uint64_t file_bytes_in_memory(void) {
    struct buf text;
    uint64_t pages = 0;
    buf_open(&text, 4096);
    if (file_read("/proc/self/statm", &text, NULL) == OK) {
        struct str rest = buf_str(&text);
        for (int i = 0; i < 2; i++) (void)str_cut(rest, ' ', &rest);
        (void)str_to_u64(str_cut(rest, ' ', &rest), &pages);
    }
    buf_close(&text);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

// Where LMDB has mapped its file; it tells only of maps at a fixed address.
static void *map_find(struct store *store) {
    struct buf text;
    mdb_filehandle_t fd;
    struct stat info;
    unsigned long found = 0;
    if (mdb_env_get_fd(store->env, &fd) != 0 || fstat(fd, &info) != 0) return NULL;
    buf_open(&text, 4 << 20);
    if (file_read("/proc/self/maps", &text, NULL) != OK) buf_clear(&text);
    for (struct str rest = buf_str(&text); rest.size > 0 && !found;) {
        // "7f00-7f10 r--s 00000000 fe:00 131 /path"
        struct str line = str_cut(rest, '\n', &rest), from = str_cut(line, '-', &line);
        for (int i = 0; i < 4; i++) (void)str_cut(line, ' ', &line);
        uint64_t inode = 0;
        bool same = str_to_u64(str_cut(str_trim(line), ' ', &line), &inode) &&
                    inode == (uint64_t)info.st_ino && from.size < 17;
        char digits[17] = "";
        if (same && str_copy(digits, sizeof digits, from)) found = strtoul(digits, NULL, 16);
    }
    buf_close(&text);
    return (void *)found;
}

void store_trim(struct store *store) {
    MDB_envinfo info;
    MDB_stat stat;
    if (file_bytes_in_memory() < TRIM_BYTES) return;
    if (mdb_env_info(store->env, &info) != 0 || mdb_env_stat(store->env, &stat) != 0) return;
    if (!store->map) store->map = map_find(store);
    if (!store->map) return;
    madvise(store->map, (info.me_last_pgno + 1) * stat.ms_psize, MADV_DONTNEED);
}
