// GGUF files written and read again: values and tensors as they were told, in pieces of any size; a
// model with its weights in fewer bits; what is refused; and that nothing is left of what failed.
#include "model/language/model_file.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "model/language/model_quantise.h"
#include "model/language/network.h"
#include "support/scratch.h"
#include "support/small_language.h"

static const char *folder;

static const char *path_of(const char *name) {
    return scratch_path(folder, name);
}

static uint32_t files_there(void) {
    DIR *list = opendir(folder);
    uint32_t count = 0;
    for (struct dirent *entry; list && (entry = readdir(list));) count += entry->d_name[0] != '.';
    if (list) closedir(list);
    return count;
}

// ---- the writer --------------------------------------------------------------------------------

static void values_put(struct model_file *file) {
    static const float reals[3] = {1, 2.5f, -3};
    gguf_head_text(model_file_head(file), "a.text", STR("合院"));
    gguf_head_whole(model_file_head(file), "a.whole", 77);
    gguf_head_real(model_file_head(file), "a.real", .25f);
    gguf_head_bool(model_file_head(file), "a.bool", true);
    gguf_head_array(model_file_head(file), "a.reals", GGUF_F32, 3,
                    (struct str){(const char *)reals, sizeof reals});
    gguf_head_array(model_file_head(file), "a.texts", GGUF_TEXT, 2,
                    STR("\1\0\0\0\0\0\0\0x\2\0\0\0\0\0\0\0yz"));
}

static void what_is_written_is_read(void) {
    struct model_file *file;
    struct gguf *read;
    struct fault fault = {0};
    float floats[3 * 5];
    uint8_t blocks[2 * 34];
    folder = scratch_folder();
    const char *path = path_of("a.gguf");
    for (int i = 0; i < 15; i++) floats[i] = (float)i;
    for (int i = 0; i < 68; i++) blocks[i] = (uint8_t)check_random();
    REQUIRE(model_file_open(path, &file, &fault) == OK);
    values_put(file);
    model_file_tensor(file, STR("floats"), TENSOR_F32, 2, (uint64_t[4]){5, 3, 1, 1});
    model_file_tensor(file, STR("blocks"), TENSOR_Q8_0, 1, (uint64_t[4]){64, 1, 1, 1});
    REQUIRE(model_file_begin(file, &fault) == OK);
    uint8_t all[60 + 68];
    memcpy(all, floats, 60);
    memcpy(all + 60, blocks, 68);
    for (size_t at = 0, piece; at < sizeof all; at += piece) { // across the border of tensors too
        piece = 1 + check_random() % 40;
        if (piece > sizeof all - at) piece = sizeof all - at;
        CHECK(model_file_bytes_put(file, all + at, piece, &fault) == OK);
    }
    CHECK(!file_exists(path));
    uint64_t told = model_file_bytes(file), size = 0;
    CHECK(model_file_keep(file, &fault) == OK);
    model_file_close(file);
    CHECK(file_size(path, &size, &fault) == OK && size == told);
    REQUIRE(gguf_open(path, &read, &fault) == OK);
    CHECK(str_is(gguf_text(read, "a.text", STR_NONE), "合院"));
    CHECK_EQ(gguf_whole(read, "a.whole", 0), 77);
    CHECK(gguf_number(read, "a.real", 0) == .25 && gguf_bool(read, "a.bool", false));
    CHECK(gguf_item(gguf_find(read, "a.reals"), 1) == 2.5);
    CHECK_EQ(gguf_find(read, "a.texts")->count, 2);
    const struct gguf_tensor *tensor = gguf_tensor_find(read, STR("floats"));
    REQUIRE(tensor && tensor->size[0] == 5 && tensor->size[1] == 3 && tensor->type == TENSOR_F32);
    CHECK(memcmp(tensor->data, floats, 60) == 0);
    tensor = gguf_tensor_find(read, STR("blocks"));
    REQUIRE(tensor && tensor->bytes == 68);
    CHECK(memcmp(tensor->data, blocks, 68) == 0);
    // What was read and is written again is the same file.
    REQUIRE(model_file_open(path_of("b.gguf"), &file, &fault) == OK);
    for (uint32_t i = 0; i < gguf_value_count(read); i++) {
        gguf_head_copy(model_file_head(file), gguf_value_at(read, i));
    }
    for (uint32_t i = 0; i < gguf_tensor_count(read); i++) {
        tensor = gguf_tensor_at(read, i);
        model_file_tensor(file, tensor->name, tensor->type, tensor->dimensions, tensor->size);
    }
    REQUIRE(model_file_begin(file, &fault) == OK);
    CHECK(model_file_bytes_put(file, all, sizeof all, &fault) == OK);
    CHECK(model_file_keep(file, &fault) == OK);
    model_file_close(file);
    gguf_close(read);
    struct buf first, second;
    buf_open(&first, 1 << 16);
    buf_open(&second, 1 << 16);
    CHECK(file_read(path_of("b.gguf"), &second, &fault) == OK);
    CHECK(file_read(path_of("a.gguf"), &first, &fault) == OK);
    CHECK(str_equal(buf_str(&first), buf_str(&second)));
    buf_close(&first);
    buf_close(&second);
}

static void what_is_not_kept_leaves_nothing(void) {
    struct model_file *file;
    struct fault fault = {0};
    folder = scratch_folder();
    CHECK(file_write(path_of("a.gguf"), STR("before"), &fault) == OK);
    REQUIRE(model_file_open(path_of("a.gguf"), &file, &fault) == OK);
    model_file_tensor(file, STR("t"), TENSOR_F32, 1, (uint64_t[4]){4, 1, 1, 1});
    REQUIRE(model_file_begin(file, &fault) == OK);
    CHECK_EQ(files_there(), 2);
    model_file_close(file);
    CHECK_EQ(files_there(), 1);
    uint64_t size = 0;
    CHECK(file_size(path_of("a.gguf"), &size, &fault) == OK && size == 6);
    // More than any disk has.
    const char *path = path_of("b.gguf");
    REQUIRE(model_file_open(path, &file, &fault) == OK);
    model_file_tensor(file, STR("t"), TENSOR_F32, 2,
                      (uint64_t[4]){(uint64_t)1 << 30, (uint64_t)1 << 26, 1, 1});
    CHECK(model_file_begin(file, &fault) == ERR_FULL);
    CHECK(strcmp(fault.code, "model_file.no_room") == 0);
    model_file_close(file);
    CHECK_EQ(files_there(), 1);
}

// A file of some 40 kB of which `most` bytes may be written (0: all but one): what it says, and
// nothing of it stays.
static void cut_off_at(uint64_t most, const char *code) {
    static const uint8_t bytes[40000];
    struct model_file *file;
    struct fault fault = {0};
    struct rlimit before, low;
    folder = scratch_folder();
    REQUIRE(model_file_open(path_of("c.gguf"), &file, &fault) == OK);
    model_file_tensor(file, STR("t"), TENSOR_F32, 1, (uint64_t[4]){10000, 1, 1, 1});
    getrlimit(RLIMIT_FSIZE, &before);
    low = before;
    low.rlim_cur = most ? most : model_file_bytes(file) - 1;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &low);
    enum err err = model_file_begin(file, &fault);
    if (err == OK) err = model_file_bytes_put(file, bytes, sizeof bytes, &fault);
    if (err == OK) err = model_file_keep(file, &fault);
    setrlimit(RLIMIT_FSIZE, &before);
    model_file_close(file);
    CHECK_EQ(err, code ? ERR_FULL : OK);
    CHECK_TEXT(str_of(fault.code), code ? code : "");
    CHECK_TEXT(str_of(fault.detail), code ? "1" : "");
    CHECK_EQ(files_there(), code ? 0 : 1);
}

static void a_limit_cuts_it_off_anywhere(void) {
    static const uint64_t most[] = {1, 20, 70, 96, 97, 4000, 39999, 0};
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        cut_off_at(most[i], "model_file.too_large");
    }
    cut_off_at(1 << 20, NULL);
}

// ---- fewer bits --------------------------------------------------------------------------------

static struct gguf *small_open(const char *name, struct buf *bytes) {
    struct gguf *file = NULL;
    struct fault fault = {0};
    buf_open(bytes, 1 << 28);
    small_language_write(small_language_find(name), bytes);
    CHECK(gguf_view(bytes->data, bytes->size, &file, &fault) == OK);
    return file;
}

// Root of the mean square that is lost, over that of the weights.
static double lost_of(const struct gguf *from, const struct gguf *to, const char *name) {
    enum { MOST = 1 << 18 };
    static float before[MOST], after[MOST];
    const struct gguf_tensor *a = gguf_tensor_find(from, str_of(name));
    const struct gguf_tensor *b = gguf_tensor_find(to, str_of(name));
    if (!a || !b) return INFINITY;
    size_t count = (size_t)(a->size[0] * a->size[1]);
    double difference = 0, size = 0;
    tensor_dequantise((enum tensor_type)a->type, a->data, count, before);
    tensor_dequantise((enum tensor_type)b->type, b->data, count, after);
    for (size_t i = 0; i < count; i++) {
        difference += pow((double)before[i] - after[i], 2);
        size += pow(before[i], 2);
    }
    return sqrt(difference / size);
}

static uint32_t type_in(const struct gguf *file, const char *name) {
    const struct gguf_tensor *tensor = gguf_tensor_find(file, str_of(name));
    return tensor ? tensor->type : 999;
}

static void weights_lose_what_their_bits_cost(void) {
    static const struct {
        const char *name;
        enum tensor_type type, query, down, head;
        double lost;
    } cases[] = {
        {"q8_0", TENSOR_Q8_0, TENSOR_Q8_0, TENSOR_Q8_0, TENSOR_Q8_0, .006},
        {"Q4_0", TENSOR_Q4_0, TENSOR_Q4_0, TENSOR_Q4_0, TENSOR_Q6_K, .09},
        {"q4_K", TENSOR_Q4_K, TENSOR_Q4_K, TENSOR_Q6_K, TENSOR_Q6_K, .07},
        {"q6_k", TENSOR_Q6_K, TENSOR_Q6_K, TENSOR_Q6_K, TENSOR_Q6_K, .02},
        {"bf16", TENSOR_BF16, TENSOR_BF16, TENSOR_BF16, TENSOR_BF16, .003},
    };
    struct buf bytes;
    folder = scratch_folder();
    struct gguf *from = small_open("llama-F32", &bytes);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum tensor_type type;
        struct quantised done;
        struct fault fault = {0};
        struct progress progress = {0};
        struct gguf *to;
        struct network *network;
        const char *path = path_of("small.gguf");
        REQUIRE(quantise_type_of(str_of(cases[i].name), &type) && type == cases[i].type);
        REQUIRE(model_quantise(from, path, type, 3, &progress, &done, &fault) == OK);
        CHECK(progress.done == progress.total && progress.total == done.bytes_before);
        REQUIRE(gguf_open(path, &to, &fault) == OK);
        CHECK_EQ(type_in(to, "blk.0.attn_q.weight"), cases[i].query);
        CHECK_EQ(type_in(to, "output.weight"), cases[i].head);
        CHECK_EQ(type_in(to, "blk.0.attn_norm.weight"), TENSOR_F32);
        // With two layers each of them is among the last eighth.
        CHECK_EQ(type_in(to, "blk.1.ffn_down.weight"), cases[i].down);
        double lost = lost_of(from, to, "blk.0.attn_q.weight");
        check_that(lost < cases[i].lost && lost > cases[i].lost / 8, __FILE__, __LINE__, "%s: %g",
                   cases[i].name, lost);
        CHECK_EQ(gguf_value_count(to), gguf_value_count(from) + 2);
        CHECK(network_open(to, 1, &network, &fault) == OK);
        network_close(network);
        gguf_close(to);
    }
    gguf_close(from);
    buf_close(&bytes);
}

static enum err quantised(const struct gguf *from, enum tensor_type type, struct progress *progress,
                          struct fault *fault) {
    struct quantised done;
    *fault = (struct fault){0};
    return model_quantise(from, path_of("x.gguf"), type, 2, progress, &done, fault);
}

// Rows that no super-block divides take the next best type: blocks of 32, or halves.
static void narrow_rows_take_another_type(void) {
    enum { HIGH = 8, WIDTHS = 3 };
    static const struct {
        enum tensor_type wanted, types[WIDTHS];
        double lost;
    } cases[] = {
        {TENSOR_Q4_K, {TENSOR_Q4_K, TENSOR_Q5_0, TENSOR_F16}, .05},
        {TENSOR_Q6_K, {TENSOR_Q6_K, TENSOR_Q8_0, TENSOR_F16}, .006},
        {TENSOR_Q8_0, {TENSOR_Q8_0, TENSOR_Q8_0, TENSOR_F16}, .006},
    };
    static const uint64_t widths[WIDTHS] = {256, 96, 40};
    static const char *const names[WIDTHS] = {"a.weight", "b.weight", "c.weight"};
    static float x[256 * HIGH];
    struct fault fault = {0};
    struct model_file *file;
    struct gguf *from, *to;
    folder = scratch_folder();
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = (float)(i * 7919 % 1999) / 999 - 1;
    REQUIRE(model_file_open(path_of("wide.gguf"), &file, &fault) == OK);
    for (int i = 0; i < WIDTHS; i++) {
        uint64_t size[4] = {widths[i], HIGH, 1, 1};
        model_file_tensor(file, str_of(names[i]), TENSOR_F32, 2, size);
    }
    REQUIRE(model_file_begin(file, &fault) == OK);
    for (int i = 0; i < WIDTHS; i++) {
        size_t bytes = (size_t)widths[i] * HIGH * sizeof *x;
        REQUIRE(model_file_bytes_put(file, x, bytes, &fault) == OK);
    }
    REQUIRE(model_file_keep(file, &fault) == OK);
    model_file_close(file);
    REQUIRE(gguf_open(path_of("wide.gguf"), &from, &fault) == OK);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        REQUIRE(quantised(from, cases[k].wanted, NULL, &fault) == OK);
        REQUIRE(gguf_open(path_of("x.gguf"), &to, &fault) == OK);
        for (int i = 0; i < WIDTHS; i++) CHECK_EQ(type_in(to, names[i]), cases[k].types[i]);
        CHECK(lost_of(from, to, names[1]) < cases[k].lost);
        gguf_close(to);
    }
    gguf_close(from);
}

static void what_cannot_be_is_refused(void) {
    struct buf bytes;
    struct fault fault;
    enum tensor_type type;
    folder = scratch_folder();
    CHECK(!quantise_type_of(STR("q5_k"), &type) && !quantise_type_of(STR_NONE, &type));
    struct gguf *from = small_open("llama-Q4_K", &bytes);
    CHECK(quantised(from, TENSOR_Q8_0, NULL, &fault) == ERR_INPUT);
    CHECK(strcmp(fault.code, "quantise.already") == 0);
    CHECK(quantised(from, TENSOR_F16, NULL, &fault) == ERR_INPUT);
    gguf_close(from);
    buf_close(&bytes);
    from = small_open("llama-F32", &bytes);
    struct progress progress = {.cancel = 1};
    CHECK(quantised(from, TENSOR_Q8_0, &progress, &fault) == ERR_CANCELLED);
    const struct gguf_tensor *tensor = gguf_tensor_find(from, STR("blk.1.ffn_up.weight"));
    size_t at = (size_t)(tensor->data - (const uint8_t *)bytes.data);
    memcpy(bytes.data + at + 400, "\0\0\x80\x7f", 4); // infinite
    CHECK(quantised(from, TENSOR_Q4_K, NULL, &fault) == ERR_INPUT);
    CHECK(strcmp(fault.code, "quantise.not_finite") == 0);
    CHECK(strcmp(fault.detail, "blk.1.ffn_up.weight") == 0);
    CHECK_EQ(files_there(), 0);
    gguf_close(from);
    buf_close(&bytes);
}

// Quantised weights in more room: the very same numbers.
static void floats_are_made_of_any_type(void) {
    struct buf bytes;
    struct fault fault;
    struct gguf *to;
    folder = scratch_folder();
    for (uint32_t i = 0; i < small_language_count; i++) {
        struct gguf *from = small_open(small_languages[i].name, &bytes);
        REQUIRE(quantised(from, TENSOR_F32, NULL, &fault) == OK);
        REQUIRE(gguf_open(path_of("x.gguf"), &to, &fault) == OK);
        CHECK_EQ(type_in(to, "blk.0.attn_q.weight"), TENSOR_F32);
        CHECK_EQ(type_in(to, "token_embd.weight"), TENSOR_F32);
        CHECK_EQ(gguf_whole(to, "general.file_type", 99), 0);
        CHECK(lost_of(from, to, "blk.0.attn_q.weight") == 0);
        CHECK(lost_of(from, to, "blk.1.ffn_down.weight") == 0);
        gguf_close(to);
        gguf_close(from);
        buf_close(&bytes);
    }
}

static void memory_that_fails_leaves_nothing(void) {
    struct buf bytes;
    struct fault fault;
    folder = scratch_folder();
    struct gguf *from = small_open("llama-F32", &bytes);
    for (uint64_t n = 0;; n++) {
        memory_fail_after(n);
        enum err err = quantised(from, TENSOR_Q8_0, NULL, &fault);
        memory_fail_after(UINT64_MAX);
        if (err == OK) break;
        CHECK(err == ERR_MEMORY || err == ERR_LIMIT);
        CHECK(fault.code[0] != 0);
        CHECK_EQ(files_there(), 0);
        REQUIRE(n < 1000);
    }
    CHECK_EQ(files_there(), 1);
    gguf_close(from);
    buf_close(&bytes);
}

int main(void) {
    CHECK_RUN(what_is_written_is_read);
    CHECK_RUN(what_is_not_kept_leaves_nothing);
    CHECK_RUN(a_limit_cuts_it_off_anywhere);
    CHECK_RUN(weights_lose_what_their_bits_cost);
    CHECK_RUN(narrow_rows_take_another_type);
    CHECK_RUN(what_cannot_be_is_refused);
    CHECK_RUN(floats_are_made_of_any_type);
    CHECK_RUN(memory_that_fails_leaves_nothing);
    return check_done();
}
