// Records from arbitrary bytes: the envelope must refuse what does not fit, and the fields, read in
// whatever order, must stay inside the record and be broken for good after the first misfit. The
// first byte says how: an odd one takes the rest as fields (the envelope's checksum would stop
// nearly everything), an even one as a whole record.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold(bool good) {
    if (!good) abort();
}

// Reads fields in the order that the letters of the data itself ask for, then against it.
static void read_fields(struct record_reader reader, bool obedient) {
    const char *end = reader.rest.data + reader.rest.size;
    for (int i = 0; i < 1000 && reader.rest.size > 0 && !reader.broken; i++) {
        char letter = obedient ? reader.rest.data[0] : "uinsh"[i % 5];
        size_t before = reader.rest.size;
        struct str text = STR_NONE;
        if (letter == 'u')
            (void)record_get_u64(&reader);
        else if (letter == 'i')
            (void)record_get_i64(&reader);
        else if (letter == 'n')
            (void)record_get_number(&reader);
        else if (letter == 's')
            text = record_get_str(&reader);
        else if (letter == 'h')
            (void)record_get_hash(&reader);
        else
            break;
        hold(reader.rest.data + reader.rest.size == end);
        hold(reader.broken || reader.rest.size < before);
        uint8_t sum = 0;
        for (size_t at = 0; at < text.size; at++) sum ^= (uint8_t)text.data[at];
        (void)*(volatile uint8_t *)&sum;
    }
    if (reader.broken) {
        hold(record_end(&reader) == ERR_CORRUPT);
        hold(record_get_u64(&reader) == 0 && record_get_str(&reader).size == 0);
    }
}

// What is sealed opens again, and with one byte changed it does not.
static void seal_and_open(const uint8_t *data, size_t size) {
    static char record[1 << 16];
    if (size == 0 || size > sizeof record - RECORD_HEAD_BYTES) return;
    struct str key = {(const char *)data, size % 200 + 1 < size ? size % 200 + 1 : size};
    memcpy(record + RECORD_HEAD_BYTES, data, size);
    struct str whole = {record, size + RECORD_HEAD_BYTES};
    struct record_reader reader;
    record_seal(3, 7, key, (struct str){record + RECORD_HEAD_BYTES, size}, (uint8_t *)record);
    hold(record_open(3, key, whole, &reader) == OK && reader.version == 7);
    hold(record_open(4, key, whole, &reader) == ERR_CORRUPT);
    record[size * 7 % whole.size] ^= 0x10;
    hold(record_open(3, key, whole, &reader) == ERR_CORRUPT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    struct str rest = {(const char *)data + 1, size - 1};
    struct record_reader reader = {.rest = rest, .version = 1};
    if (data[0] & 1) {
        read_fields(reader, true);
        read_fields(reader, false);
        seal_and_open(data, size);
    } else if (record_open(data[0], STR("key"), rest, &reader) == OK) {
        read_fields(reader, true);
    }
    return 0;
}
