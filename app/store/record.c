// Records: the checked envelope and the fields inside.
//
//   offset 0  u16  kind: the table's number on the disk
//          2  u16  version of the fields, the writer's choice
//          4  u32  size of the fields in bytes
//          8  u32  CRC-32C of the eight bytes before, the key and the fields
//         12       fields: one letter for the kind, then the value; all little-endian
//                  'u' u64, 'i' i64, 'n' double, 's' u32 size and bytes, 'h' 32 bytes
// The key is in the checksum, so that a record that got to another key is found out.
#include <string.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "store/store_private.h"

static void put_le(uint8_t *at, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_le(const char *at, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value |= (uint64_t)(uint8_t)at[i] << (8 * i);
    return value;
}

struct key key_of_id(uint64_t id) {
    struct key key = {.size = 8};
    for (int i = 0; i < 8; i++) key.bytes[i] = (uint8_t)(id >> (56 - 8 * i));
    return key;
}

struct key key_of_str(struct str name) {
    cy_assert(name.size <= STORE_KEY_BYTES_MAX);
    struct key key = {.size = name.size};
    if (name.size > 0) memcpy(key.bytes, name.data, name.size);
    return key;
}

uint64_t key_id(struct str key) {
    cy_assert(key.size == 8);
    uint64_t id = 0;
    for (int i = 0; i < 8; i++) id = id << 8 | (uint8_t)key.data[i];
    return id;
}

// ---- the envelope ----------------------------------------------------------------------------

static uint32_t checksum(const uint8_t *head, struct str key, struct str fields) {
    uint32_t crc = crc32c(0, head, 8);
    crc = crc32c(crc, key.data, key.size);
    return crc32c(crc, fields.data, fields.size);
}

void record_seal(uint16_t kind, uint16_t version, struct str key, struct str fields,
                 uint8_t head[static RECORD_HEAD_BYTES]) {
    cy_assert(fields.size <= UINT32_MAX);
    put_le(head, kind, 2);
    put_le(head + 2, version, 2);
    put_le(head + 4, fields.size, 4);
    put_le(head + 8, checksum(head, key, fields), 4);
}

enum err record_open(uint16_t kind, struct str key, struct str value, struct record_reader *out) {
    if (value.size < RECORD_HEAD_BYTES) return ERR_CORRUPT;
    struct str fields = {value.data + RECORD_HEAD_BYTES, value.size - RECORD_HEAD_BYTES};
    if (get_le(value.data, 2) != kind) return ERR_CORRUPT;
    if (get_le(value.data + 4, 4) != fields.size) return ERR_CORRUPT;
    uint8_t head[8];
    memcpy(head, value.data, sizeof head);
    if (get_le(value.data + 8, 4) != checksum(head, key, fields)) return ERR_CORRUPT;
    *out = (struct record_reader){.rest = fields, .version = (uint16_t)get_le(value.data + 2, 2)};
    return OK;
}

// ---- writing fields --------------------------------------------------------------------------

static void put_field(struct record_writer *writer, char letter, uint64_t value) {
    uint8_t bytes[9] = {(uint8_t)letter};
    put_le(bytes + 1, value, 8);
    buf_add(writer->out, bytes, sizeof bytes);
}

void record_put_u64(struct record_writer *writer, uint64_t value) {
    put_field(writer, 'u', value);
}

void record_put_i64(struct record_writer *writer, int64_t value) {
    put_field(writer, 'i', (uint64_t)value);
}

void record_put_number(struct record_writer *writer, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_field(writer, 'n', bits);
}

void record_put_str(struct record_writer *writer, struct str value) {
    if (value.size > UINT32_MAX) {
        if (writer->out->err == OK) writer->out->err = ERR_LIMIT;
        return;
    }
    uint8_t head[5] = {'s'};
    put_le(head + 1, value.size, 4);
    buf_add(writer->out, head, sizeof head);
    buf_add_str(writer->out, value);
}

void record_put_hash(struct record_writer *writer, const struct hash *value) {
    buf_add_char(writer->out, 'h');
    buf_add(writer->out, value->bytes, sizeof value->bytes);
}

// ---- reading fields --------------------------------------------------------------------------

// The next `size` bytes after the letter, or NULL and broken for good.
static const char *get_field(struct record_reader *reader, char letter, size_t size) {
    if (reader->broken || reader->rest.size < size + 1 || reader->rest.data[0] != letter) {
        reader->broken = true;
        return NULL;
    }
    const char *value = reader->rest.data + 1;
    reader->rest.data += size + 1;
    reader->rest.size -= size + 1;
    return value;
}

uint64_t record_get_u64(struct record_reader *reader) {
    const char *at = get_field(reader, 'u', 8);
    return at ? get_le(at, 8) : 0;
}

int64_t record_get_i64(struct record_reader *reader) {
    const char *at = get_field(reader, 'i', 8);
    return at ? (int64_t)get_le(at, 8) : 0;
}

double record_get_number(struct record_reader *reader) {
    const char *at = get_field(reader, 'n', 8);
    uint64_t bits = at ? get_le(at, 8) : 0;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

struct str record_get_str(struct record_reader *reader) {
    const char *at = get_field(reader, 's', 4);
    if (!at) return STR_NONE;
    size_t size = (size_t)get_le(at, 4);
    if (size > reader->rest.size) {
        reader->broken = true;
        return STR_NONE;
    }
    struct str value = {reader->rest.data, size};
    reader->rest.data += size;
    reader->rest.size -= size;
    return value;
}

struct hash record_get_hash(struct record_reader *reader) {
    struct hash hash = {{0}};
    const char *at = get_field(reader, 'h', sizeof hash.bytes);
    if (at) memcpy(hash.bytes, at, sizeof hash.bytes);
    return hash;
}

bool record_fields_fit(struct record_reader *reader) {
    while (reader->rest.size > 0 && !reader->broken) {
        char letter = reader->rest.data[0];
        if (letter == 's') {
            (void)record_get_str(reader);
        } else if (letter == 'h') {
            (void)record_get_hash(reader);
        } else {
            bool number = letter == 'u' || letter == 'i' || letter == 'n';
            (void)get_field(reader, number ? letter : 'u', 8);
        }
    }
    return !reader->broken;
}

enum err record_end(const struct record_reader *reader) {
    return reader->broken ? ERR_CORRUPT : OK;
}
