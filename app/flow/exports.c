// A release as CSV: made at the first download, kept beside the blobs (DIR/exports, named by the
// table's hash, so never out of date), removed when nobody asked for a week.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "data/intake/intake.h"
#include "flow/flow_private.h"

#define EXPORT_AGE_MS ((int64_t)7 * 24 * 3600 * 1000)

struct export_file {
    int fd;
    struct fault *fault;
};

static enum err piece_write(void *ctx, const void *data, size_t size) {
    struct export_file *file = ctx;
    return file_write_all(file->fd, data, size, file->fault);
}

static enum err export_make(struct flow *flow, const struct hash *hash, const char *path,
                            struct fault *fault) {
    char table_path[LIMIT_PATH_BYTES], temp[LIMIT_PATH_BYTES + 40];
    struct table *table;
    uint64_t mark; // two who ask at once write two files; the last one stands
    random_bytes(&mark, sizeof mark);
    snprintf(temp, sizeof temp, "%s.%016" PRIx64, path, mark);
    enum err err = blob_path(flow->store, hash, table_path, sizeof table_path, fault);
    if (err == OK) err = table_open(table_path, &table, fault);
    if (err != OK) return err;
    struct export_file file = {open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), fault};
    if (file.fd < 0) {
        err = fault_errno(fault, errno, str_of(temp));
    } else {
        err = table_export(table, EXPORT_CSV_MARK, piece_write, &file, NULL, fault);
        close(file.fd);
        if (err == OK) err = file_rename(temp, path, fault);
        if (err != OK) (void)!file_remove(temp, NULL);
    }
    table_close(table);
    return err;
}

enum err export_path(struct flow *flow, const struct hash *hash, char out[static LIMIT_PATH_BYTES],
                     struct fault *fault) {
    char hex[SHA256_HEX_SIZE];
    hash_hex(hash, hex);
    path_of(out, "%s/exports/%s.csv", store_dir(flow->store), hex);
    if (file_exists(out)) {
        utimensat(AT_FDCWD, out, NULL, 0); // asked for: it stays another week
        return OK;
    }
    return export_make(flow, hash, out, fault);
}

void exports_clean(struct flow *flow) {
    char folder[LIMIT_PATH_BYTES], path[LIMIT_PATH_BYTES];
    if (path_join(folder, sizeof folder, store_dir(flow->store), "exports") != OK) return;
    DIR *dir = opendir(folder);
    if (!dir) return;
    int64_t before_s = (clock_now_ms() - EXPORT_AGE_MS) / 1000;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        struct stat info;
        if (entry->d_name[0] == '.') continue;
        if (path_join(path, sizeof path, folder, entry->d_name) != OK) continue;
        if (stat(path, &info) != 0 || info.st_mtime >= before_s) continue;
        enum err err = file_remove(path, NULL);
        log_event(LOG_INFO, "export.expired", "result=%s", err_name(err));
    }
    closedir(dir);
}
