#include "data/similar/spool_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/similar/similar_private.h"

enum { SPOOL_FLUSH_BYTES = 4 << 20 };

enum err spool_open(struct spool *spool, const char *folder, size_t memory_most,
                    struct fault *fault) {
    *spool = (struct spool){.file = -1, .memory_most = memory_most};
    buf_open(&spool->held, SIZE_MAX / 2);
    if (!folder) return OK;
    if (str_copy(spool->folder, sizeof spool->folder, str_of(folder))) return OK;
    return fault_set(fault, ERR_LIMIT, "base.path_too_long", str_of(folder));
}

void spool_close(struct spool *spool) {
    if (spool->file >= 0) close(spool->file);
    buf_close(&spool->held);
    memory_give(spool->read);
    *spool = (struct spool){.file = -1};
}

// A file that no name leads to: it is gone with the process, whatever happens.
static enum err file_open(struct spool *spool) {
    char path[LIMIT_PATH_BYTES];
    enum err err = path_join(path, sizeof path, spool->folder, ".similar-XXXXXX");
    if (err != OK) return err;
    spool->file = mkostemp(path, O_CLOEXEC);
    if (spool->file < 0) return fault_errno(NULL, errno, STR_NONE);
    (void)unlink(path);
    return OK;
}

static enum err flush(struct spool *spool) {
    enum err err = spool->file < 0 ? file_open(spool) : OK;
    if (err == OK) err = file_write_all(spool->file, spool->held.data, spool->held.size, NULL);
    if (err != OK) return err;
    spool->written += spool->held.size;
    buf_clear(&spool->held);
    return OK;
}

enum err spool_add(struct spool *spool, struct str bytes, uint64_t *offset) {
    size_t most = spool->file < 0 ? spool->memory_most : SPOOL_FLUSH_BYTES;
    if (most > spool->memory_most) most = spool->memory_most;
    if (spool->folder[0] && spool->held.size && spool->held.size + bytes.size > most) {
        enum err err = flush(spool);
        if (err != OK) return err;
    }
    *offset = spool->written + spool->held.size;
    buf_add_str(&spool->held, bytes);
    return buf_err(&spool->held) == OK ? OK : ERR_MEMORY;
}

enum err spool_read(struct spool *spool, uint64_t offset, size_t size, struct str *out) {
    if (offset >= spool->written) {
        *out = (struct str){spool->held.data + (offset - spool->written), size};
        return OK;
    }
    enum err err = room_need((void **)&spool->read, &spool->read_bytes, size + 1);
    for (size_t done = 0; err == OK && done < size;) {
        ssize_t got = pread(spool->file, spool->read + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return ERR_IO;
        done += (size_t)got;
    }
    *out = (struct str){spool->read, size};
    return err;
}
