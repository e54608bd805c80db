// safetensors files: what is written is read; every claim that is a lie is refused, and so is any
// file that ends early.
#include "model/language/import/safetensors.h"

#include "base/buf.h"
#include "check.h"
#include "model/tensor/tensor.h"

static struct buf bytes;

static enum err view(struct fault *fault) {
    struct safetensors *file;
    *fault = (struct fault){0};
    enum err err = safetensors_view(bytes.data, bytes.size, STR("x"), &file, fault);
    if (err == OK) safetensors_close(file);
    return err;
}

static void file_make(const char *head, size_t data_bytes) {
    uint64_t size = strlen(head);
    buf_clear(&bytes);
    buf_add(&bytes, &size, sizeof size);
    buf_add_text(&bytes, head);
    for (size_t i = 0; i < data_bytes; i++) buf_add_char(&bytes, (char)i);
}

static void what_is_there_is_read(void) {
    struct safetensors *file;
    struct fault fault = {0};
    file_make("{\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[5,17]},"
              "\"__metadata__\":{\"format\":\"pt\"},"
              "\"a\":{\"shape\":[5],\"data_offsets\":[0,5],\"dtype\":\"U8\",\"more\":[{}]},"
              "\"none\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[17,17]},"
              "\"one\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[17,25]}}  ",
              25);
    REQUIRE(safetensors_view(bytes.data, bytes.size, STR("x"), &file, &fault) == OK);
    REQUIRE(safetensors_count(file) == 4);
    const struct safetensor *a = safetensors_at(file, 0), *b = safetensors_at(file, 1);
    CHECK(str_is(a->name, "a") && a->type == SAFETENSOR_NO_TYPE && a->bytes == 5);
    CHECK(str_is(b->name, "b") && b->type == TENSOR_BF16 && b->dimensions == 2);
    CHECK(b->size[0] == 3 && b->size[1] == 2 && b->size[2] == 1 && b->data[0] == 5);
    CHECK(safetensors_at(file, 2)->bytes == 0 && safetensors_at(file, 3)->dimensions == 0);
    safetensors_close(file);
}

static void lies_are_refused(void) {
#define ONE(dtype, shape, first, last) \
    "{\"t\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" first "," last "]}}"
#define MORE(name, first, last) \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[" first "," last "]}"
    static const struct {
        const char *head, *code, *detail;
        size_t data;
    } all[] = {
        {ONE("F32", "2", "0", "8"), "safetensors.cut", "t", 7},
        {ONE("F32", "2", "0", "8"), "safetensors.rest", "x", 9},
        {ONE("F32", "2", "0", "7"), "safetensors.bad_tensor", "t", 8},
        {ONE("F32", "2", "8", "0"), "safetensors.bad_tensor", "t", 8},
        {ONE("F32", "-2", "0", "8"), "safetensors.bad_tensor", "t", 8},
        {ONE("F32", "2.5", "0", "8"), "safetensors.bad_tensor", "t", 8},
        {ONE("F32", "1,1,1,1,2", "0", "8"), "safetensors.bad_tensor", "t", 8},
        {ONE("F32", "2", "0", "18446744073709551615"), "safetensors.bad_tensor", "t", 8},
        {ONE("F32", "2", "-8", "0"), "safetensors.bad_tensor", "t", 8},
        {ONE("F32", "4294967296,4294967296", "0", "0"), "safetensors.bad_tensor", "t", 0},
        {ONE("F32", "4294967296,4294967296,0", "0", "4"), "safetensors.bad_tensor", "t", 4},
        {ONE("F4", "2", "0", "8"), "safetensors.dtype", "F4", 8},
        {"{\"t\":{\"dtype\":\"F32\",\"shape\":[2]}}", "safetensors.bad_tensor", "t", 8},
        {"{\"t\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "safetensors.bad_tensor", "t", 8},
        {"{\"t\":7}", "safetensors.header", "x", 8},
        {"{\"t\":{\"dtype\":\"F32\"", "safetensors.header", "x", 8},
        {"{}{}", "safetensors.header", "x", 0},
        {"[]", "safetensors.not_one", "x", 0},
        {"{" MORE("a", "0", "4") "," MORE("a", "4", "8") "}", "safetensors.twice", "a", 8},
        {"{" MORE("a", "0", "4") "," MORE("b", "2", "6") "}", "safetensors.order", "b", 6},
        {"{" MORE("a", "0", "4") "," MORE("b", "5", "9") "}", "safetensors.order", "b", 9},
        {"{" MORE("a", "0", "4") "," MORE("b", "0", "4") "}", "safetensors.order", "b", 4},
    };
    struct fault fault;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        file_make(all[i].head, all[i].data);
        enum err err = view(&fault);
        check_that(err == ERR_INPUT && strcmp(fault.code, all[i].code) == 0, __FILE__, __LINE__,
                   "%s: %s, not %s", all[i].head, fault.code, all[i].code);
        CHECK_STR(fault.detail, all[i].detail);
    }
    file_make(ONE("F32", "2", "0", "8"), 8);
    CHECK(view(&fault) == OK);
    for (uint32_t bit = 0; bit < 64; bit++) { // every length of the head but the true one
        uint64_t size;
        memcpy(&size, bytes.data, sizeof size);
        size ^= (uint64_t)1 << bit;
        memcpy(bytes.data, &size, sizeof size);
        CHECK(view(&fault) == ERR_INPUT && fault.code[0] != 0);
        size ^= (uint64_t)1 << bit;
        memcpy(bytes.data, &size, sizeof size);
    }
    size_t whole = bytes.size;
    for (bytes.size = 0; bytes.size < whole; bytes.size++) {
        CHECK(view(&fault) == ERR_INPUT && fault.code[0] != 0);
    }
}

// Some byte changed: refused or read, never worse.
static void changed_bytes_do_no_harm(void) {
    struct fault fault;
    for (int round = 0; round < 3000; round++) {
        file_make("{" MORE("a", "0", "4") "," MORE("b", "4",
                                                   "8") ",\"\\u00e9\":{\"dtype\":\"F16\","
                                                        "\"shape\":[1,2],\"data_offsets\":[8,12]}}",
                  12);
        for (int k = 0; k < 3; k++) {
            bytes.data[check_random() % bytes.size] = (char)check_random();
        }
        enum err err = view(&fault);
        CHECK(err == OK || fault.code[0] != 0);
    }
}

int main(void) {
    buf_open(&bytes, 1 << 20);
    CHECK_RUN(what_is_there_is_read);
    CHECK_RUN(lies_are_refused);
    CHECK_RUN(changed_bytes_do_no_harm);
    buf_close(&bytes);
    return check_done();
}
