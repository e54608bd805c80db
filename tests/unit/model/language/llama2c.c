// llama2.c's files: seven numbers and floats, where every number may be a lie.
#include "model/language/llama2c.h"

#include <sys/mman.h>

#include "check.h"
#include "model/language/network.h"

enum { WIDTH = 8, INNER = 12, LAYERS = 2, HEADS = 2, KV_HEADS = 1, WORDS = 5, CONTEXT = 16 };

static size_t floats_of(bool own_output) {
    size_t keys = WIDTH / HEADS * KV_HEADS;
    size_t layer = 2 * WIDTH + 2 * WIDTH * WIDTH + 2 * keys * WIDTH + 3 * WIDTH * INNER;
    size_t turns = CONTEXT * (WIDTH / HEADS);
    return WORDS * WIDTH + LAYERS * layer + WIDTH + turns + (own_output ? WORDS * WIDTH : 0);
}

// A file in memory of its own, as if mapped: float i is i, behind these numbers.
static enum err taken(const int32_t numbers[7], size_t size, struct gguf **out,
                      struct fault *fault) {
    *fault = (struct fault){0};
    size_t room = size > 28 ? size : 28;
    void *bytes = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED) return ERR_MEMORY;
    for (size_t i = 0; 28 + i * 4 + 4 <= size; i++) {
        memcpy((char *)bytes + 28 + i * 4, &(float){(float)i}, 4);
    }
    memcpy(bytes, numbers, 28);
    struct file_map map = {bytes, size};
    return llama2c_take(&map, out, fault);
}

static void reads_each_tensor_where_it_lies(void) {
    struct gguf *file;
    struct fault fault;
    struct network_about about;
    for (int own = 0; own < 2; own++) {
        int32_t numbers[7] = {WIDTH, INNER, LAYERS, HEADS, KV_HEADS, own ? -WORDS : WORDS, CONTEXT};
        REQUIRE(taken(numbers, 28 + floats_of(own) * 4, &file, &fault) == OK);
        CHECK(network_look(file, &about, &fault) == OK);
        CHECK_EQ(about.vocabulary, WORDS);
        CHECK_EQ(about.kv_heads, KV_HEADS);
        const struct gguf_tensor *second = gguf_tensor_find(file, STR("blk.1.attn_norm.weight"));
        const struct gguf_tensor *head = gguf_tensor_find(file, STR("output.weight"));
        REQUIRE(second);
        float first;
        memcpy(&first, second->data, sizeof first);
        CHECK_NEAR(first, WORDS * WIDTH + WIDTH, 0);
        CHECK_EQ(head != NULL, own);
        if (head) memcpy(&first, head->data, sizeof first);
        if (head) CHECK_NEAR(first, floats_of(true) - WORDS * WIDTH, 0);
        gguf_close(file);
    }
}

static void refuses_lies(void) {
    static const int32_t good[7] = {WIDTH, INNER, LAYERS, HEADS, KV_HEADS, WORDS, CONTEXT};
    static const int32_t lies[] = {0, -1, INT32_MIN, INT32_MAX, 1 << 24, 3};
    struct gguf *file;
    struct fault fault;
    size_t size = 28 + floats_of(false) * 4;
    for (size_t i = 0; i < 7; i++) {
        for (size_t j = 0; j < sizeof lies / sizeof *lies; j++) {
            int32_t numbers[7];
            memcpy(numbers, good, sizeof numbers);
            numbers[i] = lies[j];
            enum err err = taken(numbers, size, &file, &fault);
            CHECK(err == ERR_INPUT && !file);
            CHECK(strncmp(fault.code, "llama2c.", 8) == 0);
        }
    }
    for (size_t cut = 0; cut < size; cut += 97) {
        CHECK(taken(good, cut, &file, &fault) == ERR_INPUT);
        CHECK_STR(fault.code, cut < 28 ? "llama2c.not_one" : "llama2c.size");
    }
    CHECK(taken(good, size + 4, &file, &fault) == ERR_INPUT);
}

int main(void) {
    CHECK_RUN(reads_each_tensor_where_it_lies);
    CHECK_RUN(refuses_lies);
    return check_done();
}
