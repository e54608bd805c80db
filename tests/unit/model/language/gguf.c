// GGUF: what is in a file, and each way in which one can be wrong.
#include "check.h"
#include "support/gguf_writer.h"

static struct buf bytes;

static void good_file(void) {
    static const char *const words[] = {"one", "", "three"};
    buf_clear(&bytes);
    gguf_put_head(&bytes, 2, 5);
    gguf_value_text(&bytes, "general.architecture", "llama");
    gguf_value_whole(&bytes, "llama.block_count", 7);
    gguf_value_texts(&bytes, "words", words, 3);
    gguf_value_reals(&bytes, "numbers", (const float[]){1.5f, -2}, 2);
    gguf_put_text(&bytes, "yes");
    gguf_put(&bytes, GGUF_BOOL, 4);
    gguf_put(&bytes, 1, 1);
    gguf_put_tensor(&bytes, "b.weight", 4, 3, TENSOR_F32, 0);
    gguf_put_tensor(&bytes, "a.weight", 64, 2, TENSOR_Q8_0, 64);
    gguf_align(&bytes, 32);
    for (uint32_t i = 0; i < 12; i++) buf_add(&bytes, &(float){(float)i}, 4);
    gguf_align(&bytes, 32);
    for (uint32_t i = 0; i < 4 * 34; i++) buf_add_char(&bytes, (char)i);
}

static void reads_what_is_there(void) {
    struct gguf *file;
    struct fault fault = {0};
    good_file();
    REQUIRE(gguf_view(bytes.data, bytes.size, &file, &fault) == OK);
    CHECK_EQ(gguf_value_count(file), 5);
    CHECK(str_is(gguf_text(file, "general.architecture", STR_NONE), "llama"));
    CHECK(str_is(gguf_text(file, "llama.block_count", STR("none")), "none")); // of another kind
    CHECK_EQ(gguf_whole(file, "llama.block_count", 0), 7);
    CHECK_EQ(gguf_whole(file, "absent", 9), 9);
    CHECK(gguf_bool(file, "yes", false) && !gguf_bool(file, "absent", false));
    const struct gguf_value *words = gguf_find(file, "words");
    struct str text;
    const uint8_t *at;
    uint64_t i = 0;
    REQUIRE(words);
    CHECK(gguf_next_text(words, &i, &at, &text) && str_is(text, "one"));
    CHECK(gguf_next_text(words, &i, &at, &text) && text.size == 0);
    CHECK(gguf_next_text(words, &i, &at, &text) && str_is(text, "three"));
    CHECK(!gguf_next_text(words, &i, &at, &text));
    CHECK_NEAR(gguf_item(gguf_find(file, "numbers"), 1), -2, 0);
    const struct gguf_tensor *a = gguf_tensor_find(file, STR("a.weight"));
    const struct gguf_tensor *b = gguf_tensor_find(file, STR("b.weight"));
    REQUIRE(a && b);
    CHECK(!gguf_tensor_find(file, STR("c.weight")));
    CHECK_EQ(a->bytes, 4 * 34);
    CHECK_EQ(a->data[33], 33);
    CHECK_EQ(b->bytes, 48);
    CHECK_EQ((b->data - (const uint8_t *)bytes.data) % 32, 0);
    CHECK_EQ(b->size[0] * 10 + b->size[1], 43);
    gguf_close(file);
}

// Cut anywhere, it is refused with a sentence; whole, it is not.
static void refuses_what_is_cut(void) {
    good_file();
    for (size_t size = 0; size < bytes.size; size++) {
        struct gguf *file;
        struct fault fault = {0};
        char *copy =
            malloc(size + 1); // of just its size, so that the sanitizer sees what is beyond
        memcpy(copy, bytes.data, size);
        enum err err = gguf_view(copy, size, &file, &fault);
        CHECK(err == ERR_INPUT && strncmp(fault.code, "gguf.", 5) == 0);
        if (err == OK) gguf_close(file);
        free(copy);
    }
}

static void wrong(const char *code) {
    struct gguf *file;
    struct fault fault = {0};
    enum err err = gguf_view(bytes.data, bytes.size, &file, &fault);
    CHECK(err == ERR_INPUT || err == ERR_LIMIT);
    CHECK_STR(fault.code, code);
    if (err == OK) gguf_close(file);
}

static void tensor_wrong(uint64_t columns, uint64_t rows, uint32_t type, uint64_t offset,
                         const char *code) {
    buf_clear(&bytes);
    gguf_put_head(&bytes, 1, 0);
    gguf_put_tensor(&bytes, "t", columns, rows, type, offset);
    gguf_align(&bytes, 32);
    for (uint32_t i = 0; i < 1024; i++) buf_add_char(&bytes, 1);
    wrong(code);
}

static void refuses_what_is_wrong(void) {
    buf_clear(&bytes);
    buf_add_text(&bytes, "GGML and more");
    wrong("gguf.not_gguf");
    buf_clear(&bytes);
    buf_add_text(&bytes, "GGUF");
    gguf_put(&bytes, 0x03000000, 4); // big-endian
    gguf_put(&bytes, 0, 8);
    gguf_put(&bytes, 0, 8);
    wrong("gguf.version");
    buf_clear(&bytes);
    gguf_put_head(&bytes, UINT64_MAX, 0);
    wrong("gguf.too_many");
    buf_clear(&bytes);
    gguf_put_head(&bytes, 0, 1);
    gguf_put_text(&bytes, "deep");
    gguf_put(&bytes, GGUF_ARRAY, 4);
    gguf_put(&bytes, GGUF_ARRAY, 4); // arrays of arrays there are none
    gguf_put(&bytes, 1, 8);
    wrong("gguf.bad_value");
    tensor_wrong(1u << 31, 1ull << 33, TENSOR_F32, 0, "gguf.bad_tensor");
    tensor_wrong(0, 1, TENSOR_F32, 0, "gguf.bad_tensor");
    tensor_wrong(33, 1, TENSOR_Q8_0, 0, "gguf.bad_tensor");
    tensor_wrong(4, 1, TENSOR_F32, 7, "gguf.bad_tensor");
    tensor_wrong(4, 1, TENSOR_F32, UINT64_MAX & ~31ull, "gguf.tensor_cut");
    tensor_wrong(4, 100, TENSOR_F32, 0, "gguf.tensor_cut");
    buf_clear(&bytes);
    gguf_put_head(&bytes, 2, 0);
    gguf_put_tensor(&bytes, "t", 1, 1, TENSOR_F32, 0);
    gguf_put_tensor(&bytes, "t", 1, 1, TENSOR_F32, 0);
    wrong("gguf.twice");
}

// A type of a newer time is listed, and has no data that could be taken for another's.
static void lists_unknown_types(void) {
    struct gguf *file;
    buf_clear(&bytes);
    gguf_put_head(&bytes, 1, 0);
    gguf_put_tensor(&bytes, "t", 32, 1, 99, 0);
    gguf_align(&bytes, 32);
    REQUIRE(gguf_view(bytes.data, bytes.size, &file, NULL) == OK);
    CHECK(!gguf_tensor_at(file, 0)->data && !tensor_form_of(99)->name);
    gguf_close(file);
}

int main(void) {
    buf_open(&bytes, 1 << 20);
    CHECK_RUN(reads_what_is_there);
    CHECK_RUN(refuses_what_is_cut);
    CHECK_RUN(refuses_what_is_wrong);
    CHECK_RUN(lists_unknown_types);
    buf_close(&bytes);
    return check_done();
}
