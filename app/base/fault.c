#include "base/fault.h"

#include <errno.h>
#include <string.h>

const char *err_name(enum err err) {
    static const char *const names[] = {
        [OK] = "ok",
        [ERR_INPUT] = "input",
        [ERR_LIMIT] = "limit",
        [ERR_MEMORY] = "memory",
        [ERR_IO] = "io",
        [ERR_FULL] = "full",
        [ERR_NOT_FOUND] = "not_found",
        [ERR_CONFLICT] = "conflict",
        [ERR_DENIED] = "denied",
        [ERR_CORRUPT] = "corrupt",
        [ERR_CANCELLED] = "cancelled",
        [ERR_BUSY] = "busy",
        [ERR_PAUSED] = "paused",
    };
    size_t index = (size_t)err;
    return index < sizeof names / sizeof names[0] ? names[index] : "unknown";
}

// Copies at most size-1 bytes and never splits a UTF-8 sequence.
static void copy_cut(char *out, size_t size, struct str s) {
    size_t keep = s.size < size - 1 ? s.size : size - 1;
    while (keep > 0 && keep < s.size && ((unsigned char)s.data[keep] & 0xC0) == 0x80) keep--;
    if (keep) memcpy(out, s.data, keep);
    out[keep] = '\0';
}

enum err fault_at(struct fault *fault, enum err err, const char *code, uint64_t row,
                  uint64_t column, struct str detail) {
    if (fault && fault->code[0] == '\0') {
        copy_cut(fault->code, sizeof fault->code, str_of(code));
        copy_cut(fault->detail, sizeof fault->detail, detail);
        fault->row = row;
        fault->column = column;
    }
    return err;
}

enum err fault_set(struct fault *fault, enum err err, const char *code, struct str detail) {
    return fault_at(fault, err, code, 0, 0, detail);
}

enum err fault_errno(struct fault *fault, int error_number, struct str path) {
    switch (error_number) {
    case ENOMEM: return fault_set(fault, ERR_MEMORY, "base.no_memory", path);
    case ENOSPC:
    case EDQUOT: return fault_set(fault, ERR_FULL, "base.disk_full", path);
    case ENOENT: return fault_set(fault, ERR_NOT_FOUND, "base.no_such_file", path);
    case EEXIST: return fault_set(fault, ERR_CONFLICT, "base.file_exists", path);
    case EACCES:
    case EPERM: return fault_set(fault, ERR_DENIED, "base.file_denied", path);
    case EISDIR: return fault_set(fault, ERR_INPUT, "base.is_folder", path);
    case EFBIG: return fault_set(fault, ERR_LIMIT, "base.file_too_large", path);
    default: return fault_set(fault, ERR_IO, "base.file_failed", path);
    }
}
