#include "base/tar.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/file.h"

// Offsets and sizes of a header's fields (POSIX.1-2017, pax, "ustar Interchange Format").
enum {
    AT_MODE = 100,
    AT_SIZE = 124,
    AT_TIME = 136,
    AT_SUM = 148,
    AT_TYPE = 156,
    AT_MAGIC = 257,
    AT_PREFIX = 345,
    SUM_SIZE = 8,
    PAX_BYTES_MAX = 4096,
};
static const uint64_t OCTAL_SIZE_MAX = 077777777777; // eleven digits: 8 GiB - 1

static uint64_t padding_of(uint64_t size) {
    return (TAR_BLOCK_BYTES - size % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES;
}

static uint32_t sum_of(const uint8_t *header) {
    uint32_t sum = 0;
    for (int i = 0; i < TAR_BLOCK_BYTES; i++) {
        bool inside = i >= AT_SUM && i < AT_SUM + SUM_SIZE;
        sum += inside ? ' ' : header[i];
    }
    return sum;
}

// ---- writing ---------------------------------------------------------------------------------

static void put_octal(uint8_t *at, int digits, uint64_t value) {
    for (int i = digits - 1; i >= 0; i--, value >>= 3) at[i] = (uint8_t)('0' + (value & 7));
}

static void header_fill(uint8_t *header, struct str path, uint64_t size, char type, uint32_t mode,
                        int64_t time_ms) {
    memset(header, 0, TAR_BLOCK_BYTES);
    memcpy(header, path.data, path.size);
    put_octal(header + AT_MODE, 7, mode);
    put_octal(header + 108, 7, 0); // owner
    put_octal(header + 116, 7, 0); // group
    put_octal(header + AT_SIZE, 11, size > OCTAL_SIZE_MAX ? 0 : size);
    put_octal(header + AT_TIME, 11, time_ms > 0 ? (uint64_t)time_ms / 1000 : 0);
    header[AT_TYPE] = (uint8_t)type;
    memcpy(header + AT_MAGIC,
           "ustar\0"
           "00",
           8);
    put_octal(header + AT_SUM, 6, sum_of(header));
    header[AT_SUM + 6] = '\0';
    header[AT_SUM + 7] = ' ';
}

// "LENGTH size=NUMBER\n", where LENGTH counts itself too.
static int pax_size_record(char *out, size_t out_size, uint64_t size) {
    char body[40];
    int body_size = snprintf(body, sizeof body, " size=%llu\n", (unsigned long long)size);
    return snprintf(out, out_size, "%d%s", body_size + 2, body);
}

enum err tar_write_entry(struct tar_writer *writer, struct str path, uint64_t size, uint32_t mode,
                         int64_t time_ms) {
    cy_assert(writer->left == 0 && writer->padding == 0);
    if (path.size == 0 || path.size > TAR_PATH_BYTES_MAX) return ERR_LIMIT;
    uint8_t blocks[3 * TAR_BLOCK_BYTES] = {0};
    size_t used = 0;
    if (size > OCTAL_SIZE_MAX) {
        char record[64];
        int record_size = pax_size_record(record, sizeof record, size);
        cy_assert(record_size > 10 && record_size < 100); // two digits of length, as counted
        header_fill(blocks, path, (uint64_t)record_size, 'x', mode, time_ms);
        memcpy(blocks + TAR_BLOCK_BYTES, record, (size_t)record_size);
        used = 2 * TAR_BLOCK_BYTES;
    }
    header_fill(blocks + used, path, size, '0', mode, time_ms);
    used += TAR_BLOCK_BYTES;
    writer->left = size;
    writer->padding = padding_of(size);
    return writer->write(writer->ctx, blocks, used);
}

enum err tar_write_data(struct tar_writer *writer, const void *data, size_t size) {
    static const uint8_t zeros[TAR_BLOCK_BYTES];
    cy_assert(size <= writer->left);
    enum err err = size > 0 ? writer->write(writer->ctx, data, size) : OK;
    writer->left -= size;
    if (err != OK || writer->left > 0) return err;
    size_t padding = (size_t)writer->padding;
    writer->padding = 0;
    return padding > 0 ? writer->write(writer->ctx, zeros, padding) : OK;
}

enum err tar_write_end(struct tar_writer *writer) {
    static const uint8_t zeros[2 * TAR_BLOCK_BYTES];
    cy_assert(writer->left == 0 && writer->padding == 0);
    return writer->write(writer->ctx, zeros, sizeof zeros);
}

// ---- reading ---------------------------------------------------------------------------------

static bool get_octal(const uint8_t *at, int size, uint64_t *out) {
    uint64_t value = 0;
    int digits = 0;
    while (digits < size && at[digits] >= '0' && at[digits] <= '7') {
        value = value << 3 | (uint64_t)(at[digits++] - '0');
    }
    if (digits == 0 || (digits < size && at[digits] != ' ' && at[digits] != '\0')) return false;
    *out = value;
    return true;
}

static bool is_zero(const uint8_t *block) {
    for (int i = 0; i < TAR_BLOCK_BYTES; i++) {
        if (block[i]) return false;
    }
    return true;
}

// The size out of a pax header's records; others are passed over.
static enum err pax_read(struct tar_reader *reader, uint64_t size, bool *found,
                         uint64_t *out_size) {
    uint8_t data[PAX_BYTES_MAX];
    if (size > sizeof data) return ERR_CORRUPT;
    enum err err = file_read_all(reader->fd, data, (size_t)(size + padding_of(size)));
    if (err != OK) return err;
    struct str rest = {(const char *)data, (size_t)size};
    while (rest.size > 0) {
        struct str behind;
        uint64_t length;
        struct str digits = str_cut(rest, ' ', &behind);
        if (!str_to_u64(digits, &length) || length <= digits.size + 1 || length > rest.size ||
            rest.data[length - 1] != '\n') {
            return ERR_CORRUPT;
        }
        struct str record = {behind.data, (size_t)length - digits.size - 2};
        struct str value, name = str_cut(record, '=', &value);
        if (str_is(name, "size")) {
            if (!str_to_u64(value, out_size)) return ERR_CORRUPT;
            *found = true;
        }
        rest.data += length;
        rest.size -= (size_t)length;
    }
    return OK;
}

static enum err skip_rest(struct tar_reader *reader) {
    uint8_t scratch[16 * TAR_BLOCK_BYTES];
    uint64_t left = reader->left + reader->padding;
    while (left > 0) {
        size_t part = left < sizeof scratch ? (size_t)left : sizeof scratch;
        enum err err = file_read_all(reader->fd, scratch, part);
        if (err != OK) return err;
        left -= part;
    }
    reader->left = reader->padding = 0;
    return OK;
}

enum err tar_read_entry(struct tar_reader *reader, struct tar_entry *out) {
    enum err err = skip_rest(reader);
    bool pax_size = false;
    uint64_t size = 0, long_size = 0, sum;
    uint8_t header[TAR_BLOCK_BYTES];
    for (;;) {
        if (err == OK) err = file_read_all(reader->fd, header, sizeof header);
        if (err != OK) return err;
        if (is_zero(header)) break;
        if (!get_octal(header + AT_SUM, SUM_SIZE, &sum) || sum != sum_of(header) ||
            memcmp(header + AT_MAGIC, "ustar", 5) != 0 || header[AT_PREFIX] != '\0' ||
            !get_octal(header + AT_SIZE, 12, &size)) {
            return ERR_CORRUPT;
        }
        if (header[AT_TYPE] != 'x') break;
        err = pax_read(reader, size, &pax_size, &long_size);
    }
    if (is_zero(header)) {
        err = file_read_all(reader->fd, header, sizeof header);
        if (err != OK) return err;
        return is_zero(header) && !pax_size ? ERR_NOT_FOUND : ERR_CORRUPT;
    }
    if (header[AT_TYPE] != '0') return ERR_CORRUPT;
    if (pax_size) size = long_size;
    if (size > INT64_MAX) return ERR_CORRUPT;
    struct tar_entry entry = {.size = size};
    memcpy(entry.path, header, TAR_PATH_BYTES_MAX);
    reader->left = size;
    reader->padding = padding_of(size);
    *out = entry;
    return OK;
}

enum err tar_read_data(struct tar_reader *reader, void *out, size_t size, size_t *out_size) {
    if (size > reader->left) size = (size_t)reader->left;
    enum err err = file_read_all(reader->fd, out, size);
    if (err != OK) return err;
    reader->left -= size;
    *out_size = size;
    return OK;
}
