// Opening: the setup code of the first start.
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "people/people_private.h"

static enum err code_path(struct people *people, char *out, size_t out_size, struct fault *fault) {
    enum err err = path_join(out, out_size, store_dir(people->store), "keys/setup_code");
    return err == OK ? OK : fault_set(fault, err, "base.path_too_long", STR_NONE);
}

static enum err code_read_or_make(struct people *people, struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    enum err err = code_path(people, path, sizeof path, fault);
    if (err != OK) return err;
    struct buf file;
    buf_open(&file, 256);
    if (file_exists(path)) err = file_read(path, &file, NULL);
    struct str code = str_trim(buf_str(&file));
    if (err == OK && short_code_is_one(code)) {
        (void)str_copy(people->setup_code, sizeof people->setup_code, code);
    } else if (err == OK || err == ERR_LIMIT) {
        short_code_make(people->setup_code);
        err = file_write(path, str_of(people->setup_code), fault);
    } else {
        err = fault_set(fault, err, "base.file_failed", STR("keys/setup_code"));
    }
    if (file.data) bytes_wipe(file.data, file.size);
    buf_close(&file);
    return err;
}

void setup_done(struct people *people) {
    char path[LIMIT_PATH_BYTES];
    pthread_mutex_lock(&people->mutex);
    people->setup_needed = false;
    pthread_mutex_unlock(&people->mutex);
    if (code_path(people, path, sizeof path, NULL) != OK || file_remove(path, NULL) != OK) {
        // Without effect: a code opens nothing once there is an officer. Tried again at the start.
        log_event(LOG_WARN, "people.setup_code_left", "file=%s", "keys/setup_code");
    }
}

enum err people_open(struct store *store, struct people **out, struct fault *fault) {
    struct people *people = memory_take(sizeof *people);
    if (!people) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    people->store = store;
    pthread_mutex_init(&people->mutex, NULL);
    lockout_open(&people->lockout);
    struct store_txn *txn;
    struct officers officers;
    enum err err = store_read_begin(store, &txn);
    if (err == OK) {
        err = officers_count(txn, &officers);
        store_read_end(txn);
    }
    if (err == OK) err = tenants_begin(store);
    err = store_explain(err, fault);
    if (err == OK && officers.system_count == 0) {
        people->setup_needed = true;
        err = code_read_or_make(people, fault);
    } else if (err == OK) {
        setup_done(people);
    }
    if (err != OK) {
        people_close(people);
        return err;
    }
    *out = people;
    return OK;
}

void people_close(struct people *people) {
    if (!people) return;
    lockout_close(&people->lockout);
    pthread_mutex_destroy(&people->mutex);
    bytes_wipe(people, sizeof *people);
    memory_give(people);
}

const char *people_setup_code(const struct people *people) {
    // The mutex guards a flag, which is no part of what a const people promises to keep.
    pthread_mutex_t *mutex = (pthread_mutex_t *)(uintptr_t)&people->mutex;
    pthread_mutex_lock(mutex);
    bool needed = people->setup_needed;
    pthread_mutex_unlock(mutex);
    return needed ? people->setup_code : NULL;
}
