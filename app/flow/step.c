// The table of steps, and what all of them read of their spec.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "flow/steps_private.h"

#define MIB ((uint64_t)1 << 20)
#define HOUR_MS ((uint64_t)3600 * 1000)

static const struct step steps[] = {
    {"import", step_import, 2000, 1024 * MIB, 24 * HOUR_MS},
    {"check", step_check, 2000, 2048 * MIB, 12 * HOUR_MS},
    {"cleanse", step_cleanse, 2000, 1024 * MIB, 24 * HOUR_MS},
    {"train", step_train, 4000, 4096 * MIB, 24 * HOUR_MS},
    {"predict", step_predict, 2000, 1024 * MIB, 12 * HOUR_MS},
    {"export", step_export, 1000, 512 * MIB, 12 * HOUR_MS},
};

const struct step *step_find(struct str name) {
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (str_is(name, steps[i].name)) return &steps[i];
    }
    return NULL;
}

enum err step_input(struct step_context *context, const char *name, const char **out) {
    struct str path = json_member_text(json_member(context->spec, "inputs"), name);
    if (path.size == 0 || path.size >= LIMIT_PATH_BYTES) {
        return fault_set(context->fault, ERR_INPUT, "job.input_missing", str_of(name));
    }
    char *copy = arena_take(context->arena, path.size + 1);
    if (!copy) return ERR_MEMORY;
    memcpy(copy, path.data, path.size);
    *out = copy;
    return OK;
}

enum err step_output(struct step_context *context, const char *name,
                     char out[static LIMIT_PATH_BYTES]) {
    char folder[LIMIT_PATH_BYTES];
    enum err err = path_join(folder, sizeof folder, context->folder, "out");
    if (err == OK) err = folder_make(folder, context->fault);
    if (err == OK) err = path_join(out, LIMIT_PATH_BYTES, folder, name);
    return err;
}

const struct json *step_options(const struct step_context *context) {
    return json_member(context->spec, "options");
}

uint32_t step_threads(const struct step_context *context) {
    uint64_t threads = json_member_u64(context->spec, "threads", 0);
    uint32_t usable = thread_count_usable();
    return threads == 0 || threads > usable ? usable : (uint32_t)threads;
}

static enum err hash_pieces(int fd, struct sha256 *sha, void *piece, size_t piece_bytes,
                            struct progress *progress, uint64_t *bytes) {
    for (;;) {
        if (progress_cancelled(progress)) return ERR_CANCELLED;
        ssize_t size = read(fd, piece, piece_bytes);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return ERR_IO;
        if (size == 0) return OK;
        sha256_add(sha, piece, (size_t)size);
        *bytes += (uint64_t)size;
        if (progress) atomic_store_explicit(&progress->done, *bytes, memory_order_relaxed);
    }
}

enum err file_hash(const char *path, struct progress *progress, struct hash *out,
                   uint64_t *out_bytes, struct fault *fault) {
    uint64_t total = 0, bytes = 0;
    enum err err = file_size(path, &total, fault);
    if (err != OK) return err;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fault_errno(fault, errno, str_of(path));
    enum { PIECE_BYTES = 1 << 20 };
    void *piece = memory_take(PIECE_BYTES);
    struct sha256 sha;
    sha256_start(&sha);
    if (progress) progress_set(progress, PHASE_HASH, 0, total);
    err = piece ? hash_pieces(fd, &sha, piece, PIECE_BYTES, progress, &bytes) : ERR_MEMORY;
    if (err == ERR_IO) err = fault_errno(fault, errno, str_of(path));
    memory_give(piece);
    close(fd);
    if (err != OK) return err;
    *out = sha256_finish(&sha);
    *out_bytes = bytes;
    return OK;
}
