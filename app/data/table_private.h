// The table file's layout, shared by its writer and its reader. Little-endian, as the machines are.
//
//   head      "CYTABLE1", zeros to 64 bytes
//   batch     batch head, then the parts of each column in order: validity, values, text bytes;
//             every part padded with zeros to a multiple of 64 bytes
//   footer    u32 version, u32 columns, u64 rows, u32 batches, u32 zero;
//             a column: u8 type, u8 role, u16 name size, name;
//             zeros to a multiple of 8; a batch: u64 offset, u64 size, u32 rows, u32 head CRC
//   tail      u64 footer size, u32 footer CRC, "CYTE"
//
//   batch head   "CYBATCH1", u32 rows, u32 columns, u64 first row, u64 size;
//                a column: u32 validity CRC, u32 values CRC, u32 text CRC, u32 flags,
//                u64 text bytes, u64 offset of its first part from the batch's start
//
// The layout follows from rows, types, flags and text sizes alone; a reader computes it again and
// compares. Depends on table.h only.
#pragma once

#include <string.h>

#include "data/table.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "table files are mapped as they are");

enum {
    TABLE_VERSION = 1,
    TABLE_ALIGN = 64,
    TABLE_HEAD_BYTES = 64,
    TABLE_TAIL_BYTES = 16,
    FOOTER_FIXED_BYTES = 24,
    FOOTER_BATCH_BYTES = 24,
    BATCH_HEAD_BYTES = 32,
    BATCH_COLUMN_BYTES = 32,
    COLUMN_HAS_MISSING = 1, // flag: there is a validity part
    // A footer holds 24 bytes a batch: more than 40 million batches are no table of ours.
    FOOTER_BYTES_MAX = 1 << 30,
};
#define TABLE_MAGIC "CYTABLE1"
#define BATCH_MAGIC "CYBATCH1"
#define TAIL_MAGIC "CYTE"

static inline uint64_t table_aligned(uint64_t size) {
    return (size + TABLE_ALIGN - 1) & ~(uint64_t)(TABLE_ALIGN - 1);
}
static inline uint64_t valid_bytes(uint32_t rows) {
    return ((uint64_t)rows + 7) / 8;
}
// Size of a column's values part: offsets for text, which come before its bytes.
static inline uint64_t values_bytes(enum column_type type, uint32_t rows) {
    if (type == COLUMN_TEXT) return ((uint64_t)rows + 1) * 4;
    return type == COLUMN_BOOLEAN ? rows : (uint64_t)rows * 8;
}
static inline uint64_t batch_head_bytes(uint32_t columns) {
    return table_aligned(BATCH_HEAD_BYTES + (uint64_t)columns * BATCH_COLUMN_BYTES);
}

static inline void store_u16(uint8_t *at, uint16_t value) {
    memcpy(at, &value, sizeof value);
}
static inline void store_u32(uint8_t *at, uint32_t value) {
    memcpy(at, &value, sizeof value);
}
static inline void store_u64(uint8_t *at, uint64_t value) {
    memcpy(at, &value, sizeof value);
}
static inline uint16_t load_u16(const uint8_t *at) {
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}
static inline uint32_t load_u32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}
static inline uint64_t load_u64(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}
