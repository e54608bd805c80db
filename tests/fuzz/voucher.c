// A voucher's text: whatever it is, it reads or tells its fault; what reads is within its bounds,
// and nobody has signed it but who signs it here.
#include <stdlib.h>

#include "allocation/voucher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct sign_key key;
    struct str text = {(const char *)data, size};
    struct fault fault = {0};
    struct voucher voucher;
    struct arena *arena;
    if (key.open.point[0] == 0 && sign_key_make(&key) != OK) abort();
    if (arena_open(1 << 20, &arena) != OK) abort();
    enum err err = voucher_parse(text, arena, &voucher, &fault);
    if ((err == OK) != (fault.code[0] == '\0')) abort();
    if (voucher_verify(text, &key.open)) abort(); // a key made just now
    if (err == OK) {
        struct buf out;
        struct voucher again;
        if (voucher.units <= 0 || voucher.until_ms <= voucher.from_ms) abort();
        buf_open(&out, VOUCHER_TEXT_BYTES);
        // What was read and is signed anew reads the same.
        if (voucher_sign(&voucher, &key, &out) == OK) {
            if (!voucher_verify(buf_str(&out), &key.open)) abort();
            if (voucher_parse(buf_str(&out), arena, &again, NULL) != OK) abort();
            if (again.units != voucher.units || again.use != voucher.use) abort();
            if (!str_equal(again.holder_name, voucher.holder_name)) abort();
        }
        buf_close(&out);
    }
    arena_close(arena);
    return 0;
}
