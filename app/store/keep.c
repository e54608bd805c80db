// Making, listing and removing the copies of the state; see keep.h.
#include "store/keep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/version.h"
#include "store/keep_private.h"

#define PART ".part"
#define GONE ".gone" PART
enum { ABOUT_BYTES_MAX = 4096, DAY_MS = 24 * 3600 * 1000 };

// ---- names -----------------------------------------------------------------------------------

static bool name_fits(const char *name) {
    size_t size = strlen(name);
    if (size == 0 || size >= KEEP_NAME_BYTES || name[0] == '.') return false;
    for (const char *at = name; *at; at++) {
        bool fits = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                    (*at >= '0' && *at <= '9') || *at == '-' || *at == '.' || *at == '+';
        if (!fits) return false;
    }
    return !str_ends(str_of(name), STR(PART));
}

enum err keep_path(const char *dir, const char *name, const char *file, char *out, size_t out_size,
                   struct fault *fault) {
    char folder[LIMIT_PATH_BYTES], path[LIMIT_PATH_BYTES];
    if (!name_fits(name)) return fault_set(fault, ERR_INPUT, "backup.bad_name", str_of(name));
    enum err err = path_join(folder, sizeof folder, dir, KEEP_FOLDER);
    if (err == OK && file) {
        err = path_join(path, sizeof path, folder, name);
        if (err == OK) err = path_join(out, out_size, path, file);
    } else if (err == OK) {
        err = path_join(out, out_size, folder, name);
    }
    return err == OK ? OK : fault_set(fault, err, "base.path_too_long", str_of(dir));
}

void keep_stamp(int64_t time_ms, char out[static KEEP_STAMP_BYTES]) {
    int64_t year;
    unsigned month, day, second = (unsigned)((uint64_t)time_ms / 1000 % 86400);
    civil_from_days(time_ms / DAY_MS, &year, &month, &day);
    snprintf(out, KEEP_STAMP_BYTES, "%04u%02u%02u-%02u%02u%02u", (unsigned)(year % 10000),
             month % 100, day % 100, second / 3600 % 24, second / 60 % 60, second % 60);
}

// ---- what a copy is --------------------------------------------------------------------------

struct str keep_line(struct str text, const char *key) {
    while (text.size > 0) {
        struct str value, line = str_cut(text, '\n', &text);
        if (str_is(str_cut(line, ' ', &value), key)) return str_trim(value);
    }
    return STR_NONE;
}

static enum err about_write(const char *folder, const struct kept *kept, struct fault *fault) {
    char path[LIMIT_PATH_BYTES], hex[SHA256_HEX_SIZE];
    struct buf text;
    hash_hex(&kept->hash, hex);
    buf_open(&text, ABOUT_BYTES_MAX);
    buf_printf(&text,
               "format 1\nversion %s\nnumber %" PRIu64 "\nmade_ms %" PRId64 "\nbytes %" PRIu64
               "\nsha256 %s\n",
               COURTYARD_VERSION, kept->number, kept->made_ms, kept->bytes, hex);
    enum err err = path_join(path, sizeof path, folder, KEEP_ABOUT);
    if (err == OK) err = buf_err(&text);
    if (err != OK) err = fault_set(fault, err, "base.path_too_long", str_of(folder));
    if (err == OK) err = file_write(path, buf_str(&text), fault);
    buf_close(&text);
    return err;
}

// What `about` says of the copy; `whole` only if data.mdb is as long as that.
static void about_read(const char *dir, const char *name, struct kept *out) {
    char path[LIMIT_PATH_BYTES];
    struct buf text;
    struct kept kept = {0};
    uint64_t bytes = 0;
    (void)str_copy(kept.name, sizeof kept.name, str_of(name));
    buf_open(&text, ABOUT_BYTES_MAX);
    bool good = keep_path(dir, name, KEEP_ABOUT, path, sizeof path, NULL) == OK &&
                file_read(path, &text, NULL) == OK;
    struct str lines = buf_str(&text);
    good = good && str_is(keep_line(lines, "format"), "1") &&
           str_to_i64(keep_line(lines, "made_ms"), &kept.made_ms) &&
           str_to_u64(keep_line(lines, "bytes"), &kept.bytes) &&
           hash_from_hex(keep_line(lines, "sha256"), &kept.hash);
    (void)str_copy(kept.version, sizeof kept.version, keep_line(lines, "version"));
    // Those from before there were numbers have 0, and stand in the order of their clock.
    if (!str_to_u64(keep_line(lines, "number"), &kept.number)) kept.number = 0;
    kept.whole = good && keep_path(dir, name, "data.mdb", path, sizeof path, NULL) == OK &&
                 file_size(path, &bytes, NULL) == OK && bytes == kept.bytes;
    buf_close(&text);
    *out = kept;
}

static int newest_first(const void *one, const void *other) {
    const struct kept *a = one, *b = other;
    if (a->number != b->number) return a->number < b->number ? 1 : -1;
    if (a->made_ms != b->made_ms) return a->made_ms < b->made_ms ? 1 : -1;
    return strcmp(a->name, b->name);
}

enum err keep_list(const char *dir, struct kept *out, size_t room, size_t *out_count,
                   struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    size_t count = 0;
    enum err err = path_join(path, sizeof path, dir, KEEP_FOLDER);
    if (err != OK) return fault_set(fault, err, "base.path_too_long", str_of(dir));
    DIR *list = opendir(path);
    if (!list && errno != ENOENT) return fault_errno(fault, errno, str_of(path));
    for (const struct dirent *entry; list && (entry = readdir(list));) {
        struct kept kept;
        if (!name_fits(entry->d_name)) continue;
        about_read(dir, entry->d_name, &kept);
        if (count < room) {
            out[count++] = kept;
        } else if (room > 0) { // the oldest gives way
            qsort(out, count, sizeof *out, newest_first);
            if (newest_first(&kept, &out[count - 1]) < 0) out[count - 1] = kept;
        }
    }
    if (list) closedir(list);
    qsort(out, count, sizeof *out, newest_first);
    *out_count = count;
    return OK;
}

enum err keep_look(const char *dir, const char *name, struct kept *out, struct fault *fault) {
    char folder[LIMIT_PATH_BYTES];
    struct kept kept;
    enum err err = keep_path(dir, name, NULL, folder, sizeof folder, fault);
    if (err != OK) return err;
    if (!file_exists(folder)) {
        return fault_set(fault, ERR_NOT_FOUND, "backup.no_copy", str_of(name));
    }
    about_read(dir, name, &kept);
    if (!kept.whole) return fault_set(fault, ERR_CORRUPT, "backup.copy_bad", str_of(name));
    *out = kept;
    return OK;
}

enum err keep_verify(const char *dir, const char *name, struct kept *out, struct fault *fault) {
    char folder[LIMIT_PATH_BYTES], path[LIMIT_PATH_BYTES];
    struct kept kept;
    struct hash hash;
    uint64_t bytes;
    enum err err = keep_look(dir, name, &kept, fault);
    if (err == OK) err = keep_path(dir, name, NULL, folder, sizeof folder, fault);
    if (err == OK) err = keep_path(dir, name, "data.mdb", path, sizeof path, fault);
    if (err != OK) return err;
    err = file_hash(path, NULL, &hash, &bytes, fault);
    if (err != OK) return err;
    if (!hash_equal(&hash, &kept.hash)) {
        return fault_set(fault, ERR_CORRUPT, "backup.copy_bad", str_of(name));
    }
    struct fault found = {0};
    err = state_check(folder, NULL, &found);
    if (err == ERR_CORRUPT) return fault_set(fault, err, "backup.copy_bad", str_of(name));
    if (err != OK) return fault_set(fault, err, found.code, str_of(found.detail));
    struct formats formats;
    err = formats_of_state(folder, &formats, fault);
    if (err == OK && formats.fit == FORMATS_NEWER) {
        err = fault_set(fault, ERR_INPUT, "store.too_new", str_of(formats.version));
    }
    if (err == OK) *out = kept;
    return err;
}

// ---- making ----------------------------------------------------------------------------------

enum err keep_room(const char *dir, uint64_t bytes, uint64_t reserve, struct fault *fault) {
    uint64_t left;
    char needed[32];
    enum err err = disk_free(dir, &left, fault);
    if (err != OK || (bytes <= left && reserve <= left - bytes)) return err;
    snprintf(needed, sizeof needed, "%" PRIu64, bytes + reserve - left);
    return fault_set(fault, ERR_FULL, "backup.no_room", str_of(needed));
}

static enum err state_bytes(struct store *store, uint64_t *out) {
    MDB_envinfo info;
    MDB_stat stat;
    int code = mdb_env_info(store->env, &info);
    if (code == 0) code = mdb_env_stat(store->env, &stat);
    if (code == 0) *out = (info.me_last_pgno + 1) * stat.ms_psize;
    return store_err(code);
}

static enum err file_synced(const char *path, struct fault *fault) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0 ? errno : 0;
    if (fd >= 0) close(fd);
    return failed ? fault_errno(fault, failed, str_of(path)) : OK;
}

// Into `folder`, which is there and empty.
static enum err copy_into(struct store *store, const char *folder, struct kept *kept,
                          struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    struct fault found = {0};
    enum err err = path_join(path, sizeof path, folder, "data.mdb");
    if (err != OK) return fault_set(fault, err, "base.path_too_long", str_of(folder));
    kept->made_ms = clock_now_ms();
    err = state_copy(store, folder, fault);
    if (err == OK) err = file_synced(path, fault);
    if (err == OK) err = state_check(folder, NULL, &found);
    if (err == ERR_CORRUPT) err = fault_set(fault, err, "backup.copy_bad", str_of(found.detail));
    if (err == OK) err = file_hash(path, NULL, &kept->hash, &kept->bytes, fault);
    if (err == OK) err = about_write(folder, kept, fault);
    if (err == OK) err = folder_sync(folder, fault);
    return store_explain(err, fault);
}

// What was cut short in the making.
static enum err parts_clear(const char *dir, struct fault *fault) {
    char folder[LIMIT_PATH_BYTES], path[LIMIT_PATH_BYTES];
    enum err err = path_join(folder, sizeof folder, dir, KEEP_FOLDER);
    if (err != OK) return fault_set(fault, err, "base.path_too_long", str_of(dir));
    DIR *list = opendir(folder);
    for (const struct dirent *entry; list && err == OK && (entry = readdir(list));) {
        if (!str_ends(str_of(entry->d_name), STR(PART))) continue;
        err = path_join(path, sizeof path, folder, entry->d_name);
        err = err == OK ? folder_remove(path, fault)
                        : fault_set(fault, err, "base.path_too_long", str_of(folder));
    }
    if (list) closedir(list);
    return err;
}

// A copy goes by losing its name first: never does half of one bear it.
static enum err kept_remove(const char *folder, struct fault *fault) {
    char gone[LIMIT_PATH_BYTES + sizeof GONE];
    snprintf(gone, sizeof gone, "%s" GONE, folder);
    if (!file_exists(folder)) return OK;
    enum err err = folder_remove(gone, fault);
    if (err == OK) err = file_rename(folder, gone, fault);
    return err == OK ? folder_remove(gone, fault) : err;
}

static enum err number_next(const char *dir, uint64_t *out, struct fault *fault) {
    struct kept *newest = memory_take(sizeof *newest);
    size_t count = 0;
    if (!newest) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    enum err err = keep_list(dir, newest, 1, &count, fault);
    if (err == OK) *out = count ? newest->number + 1 : 1;
    memory_give(newest);
    return err;
}

enum err keep_make(struct store *store, const char *name, uint64_t reserve, struct kept *out,
                   struct fault *fault) {
    char folder[LIMIT_PATH_BYTES], part[LIMIT_PATH_BYTES + sizeof PART];
    struct kept kept = {.whole = true};
    uint64_t bytes = 0;
    enum err err = keep_path(store->dir, name, NULL, folder, sizeof folder, fault);
    if (err != OK) return err;
    (void)str_copy(kept.name, sizeof kept.name, str_of(name));
    snprintf(part, sizeof part, "%s" PART, folder);
    err = store_explain(state_bytes(store, &bytes), fault);
    if (err == OK) err = keep_room(store->dir, bytes, reserve, fault);
    if (err == OK) err = parts_clear(store->dir, fault);
    if (err == OK) err = number_next(store->dir, &kept.number, fault);
    if (err == OK) err = folder_make(part, fault);
    if (err != OK) return err;
    err = copy_into(store, part, &kept, fault);
    if (err == OK) err = kept_remove(folder, fault);
    if (err == OK) err = file_rename(part, folder, fault);
    if (err != OK) {
        (void)!folder_remove(part, NULL);
        return err;
    }
    log_event(LOG_INFO, "store.kept", "name=%s bytes=%" PRIu64, name, kept.bytes);
    *out = kept;
    return OK;
}

// ---- before an update -----------------------------------------------------------------------

enum err keep_confirm(const char *dir, struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    enum err err =
        keep_path(dir, KEEP_BEFORE COURTYARD_VERSION, KEEP_ABOUT, path, sizeof path, fault);
    if (err != OK || !file_exists(path)) return err;
    err = keep_path(dir, KEEP_BEFORE COURTYARD_VERSION, KEEP_CONFIRMED, path, sizeof path, fault);
    if (err != OK || file_exists(path)) return err;
    return file_write(path, STR("1\n"), fault);
}

// ---- removing --------------------------------------------------------------------------------

void keep_choose(const int64_t *days, size_t count, bool *out_keep) {
    // 1970-01-01 was a Thursday: day 4 begins the first whole week.
    int64_t week_before = INT64_MIN;
    size_t weeks = 0;
    for (size_t i = 0; i < count; i++) out_keep[i] = i < KEEP_DAYS;
    for (size_t i = 0; i < count && weeks < KEEP_WEEKS; i++) {
        int64_t week = (days[i] + 3 + 7 * 1000000) / 7;
        bool oldest = i + 1 == count || (days[i + 1] + 3 + 7 * 1000000) / 7 != week;
        if (!oldest || out_keep[i] || week == week_before) continue;
        out_keep[i] = true;
        week_before = week;
        weeks++;
    }
}

static enum err name_remove(const char *dir, const char *name, struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    enum err err = keep_path(dir, name, NULL, path, sizeof path, fault);
    if (err == OK) err = kept_remove(path, fault);
    if (err == OK) log_event(LOG_INFO, "store.kept_removed", "name=%s", name);
    return err;
}

// One of before an update: confirmed, or another version's, and made long ago.
static bool before_is_old(const char *dir, const struct kept *kept) {
    char path[LIMIT_PATH_BYTES];
    if (!str_starts(str_of(kept->name), STR(KEEP_BEFORE))) return false;
    if (kept->made_ms > clock_now_ms() - KEEP_BEFORE_DAYS * (int64_t)DAY_MS) return false;
    if (strcmp(kept->name, KEEP_BEFORE COURTYARD_VERSION) != 0) return true;
    return keep_path(dir, kept->name, KEEP_CONFIRMED, path, sizeof path, NULL) == OK &&
           file_exists(path);
}

enum err keep_prune(const char *dir, const char *spared, struct fault *fault) {
    struct kept *list = memory_take(KEEP_LIST_MAX * sizeof *list);
    int64_t days[KEEP_LIST_MAX] = {0};
    size_t of[KEEP_LIST_MAX], count = 0, nightly = 0, wished = 0;
    bool stays[KEEP_LIST_MAX];
    if (!list) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    enum err err = keep_list(dir, list, KEEP_LIST_MAX, &count, fault);
    for (size_t i = 0; err == OK && i < count; i++) {
        bool is_spared = strcmp(list[i].name, spared) == 0;
        if (str_starts(str_of(list[i].name), STR(KEEP_NIGHTLY)) && list[i].whole) {
            days[nightly] = list[i].made_ms / DAY_MS;
            of[nightly++] = i;
        } else if (before_is_old(dir, &list[i])) {
            err = name_remove(dir, list[i].name, fault);
        } else if (str_starts(str_of(list[i].name), STR(KEEP_WISH)) && list[i].whole) {
            if (++wished > KEEP_WISHED && !is_spared) err = name_remove(dir, list[i].name, fault);
        }
    }
    keep_choose(days, nightly, stays);
    for (size_t i = 0; err == OK && i < nightly; i++) {
        const char *name = list[of[i]].name;
        if (!stays[i] && strcmp(name, spared) != 0) err = name_remove(dir, name, fault);
    }
    memory_give(list);
    return err;
}
