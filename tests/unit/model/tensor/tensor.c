#include "model/tensor/tensor.h"

#include "base/memory.h"
#include "check.h"

static void halves_round_to_the_nearest(void) {
    for (uint32_t i = 0; i < 65536; i++) {
        float value = tensor_from_f16((uint16_t)i);
        if (!isnan(value)) CHECK_EQ(tensor_to_f16(value), i);
        value = tensor_from_bf16((uint16_t)i);
        if (!isnan(value)) CHECK_EQ(tensor_to_bf16(value), i);
    }
    CHECK_EQ(tensor_to_f16(65519.99f), 0x7BFF);
    CHECK_EQ(tensor_to_f16(65520), 0x7C00);
    CHECK_EQ(tensor_to_f16(-INFINITY), 0xFC00);
    CHECK_EQ(tensor_to_f16(0x1p-25f), 0);
    CHECK_EQ(tensor_to_f16(0x1.8p-24f), 2);
    CHECK_EQ(tensor_to_f16(1 + 0x1p-11f), 0x3C00);
    CHECK_EQ(tensor_to_f16(1 + 0x3p-11f), 0x3C02);
    CHECK(isnan(tensor_from_f16(tensor_to_f16(NAN))));
    CHECK(isnan(tensor_from_bf16(tensor_to_bf16(NAN))));
    CHECK_EQ(tensor_to_bf16(1 + 0x1p-8f), 0x3F80);
    CHECK_EQ(tensor_to_bf16(1 + 0x3p-8f), 0x3F82);
}

// What llama.cpp (ggml-base 0.27.0) makes of the same bytes: two sums over 512 weights,
// and three of them.
static const struct {
    enum tensor_type type;
    double sum, weighted;
    float first, middle, last;
} truth[] = {
    {TENSOR_Q8_0, -12.375, -60.3984375, 0.826171875, -0.966796875, -1.95117188},
    {TENSOR_Q4_0, -3.67382812, -12.2871094, 0.123046875, 0.123046875, 0.052734375},
    {TENSOR_Q4_1, 70.2558594, 210.936035, 0.113769531, 0.184082031, 0.148925781},
    {TENSOR_Q5_0, -3.4453125, -2.6015625, 0.0703125, -0.28125, -0.17578125},
    {TENSOR_Q5_1, 144.066406, 417.971191, 0.465332031, 0.342285156, 0.0786132812},
    {TENSOR_Q2_K, 77.1054688, 231.419434, 0.017578125, 0.0390625, 0.108398438},
    {TENSOR_Q3_K, 20.390625, 100.529297, 0.685546875, 1.01953125, 0.474609375},
    {TENSOR_Q4_K, 1540.81055, 4435.97412, -0.0732421875, 9.359375, 2.85546875},
    {TENSOR_Q5_K, 4164.625, 12657.4438, 0.348632812, 11.0175781, 10.8081055},
    {TENSOR_Q6_K, -584.419922, -1484.70117, 65.9355469, 4.5703125, 1.4765625},
    {TENSOR_IQ4_NL, -41.484375, -138.691406, 1.98632812, 1.98632812, 0.66796875},
};

// Where the two halves of a block stand that scale it, or one of them twice.
static void scales_at(enum tensor_type type, size_t at[2]) {
    size_t bytes = tensor_form_of(type)->block_bytes;
    at[0] = type == TENSOR_Q2_K ? 80 : type == TENSOR_Q3_K || type == TENSOR_Q6_K ? bytes - 2 : 0;
    at[1] = type == TENSOR_Q2_K ? 82 : at[0];
    if (type == TENSOR_Q4_1 || type == TENSOR_Q5_1 || type == TENSOR_Q4_K || type == TENSOR_Q5_K) {
        at[1] = 2;
    }
}

static void weights_equal_llama_cpp(void) {
    for (size_t i = 0; i < sizeof truth / sizeof *truth; i++) {
        enum tensor_type type = truth[i].type;
        uint8_t data[1024];
        float x[512];
        size_t bytes = tensor_bytes(type, 512), at[2];
        for (size_t k = 0; k < bytes; k++) data[k] = (uint8_t)((k * k * 7 + k * 101 + 13) >> 3);
        scales_at(type, at);
        for (size_t k = 0; k < bytes; k += tensor_form_of(type)->block_bytes) {
            memcpy(data + k + at[1], "\x40\x20", 2);
            memcpy(data + k + at[0], "\x80\x24", 2);
        }
        tensor_dequantise(type, data, 512, x);
        double sum = 0, weighted = 0;
        for (int k = 0; k < 512; k++) {
            sum += x[k];
            weighted += x[k] * (k % 7);
        }
        CHECK_NEAR(sum, truth[i].sum, 1e-5 * fabs(truth[i].sum));
        CHECK_NEAR(weighted, truth[i].weighted, 1e-5 * fabs(truth[i].weighted));
        CHECK_NEAR(x[1], truth[i].first, 1e-7);
        CHECK_NEAR(x[300], truth[i].middle, 1e-7);
        CHECK_NEAR(x[511], truth[i].last, 1e-7);
    }
}

// ---- quantising ------------------------------------------------------------------------------

enum { COUNT = 4096 };

static double lost_by(enum tensor_type type, const float *x, uint8_t *out) {
    float y[COUNT];
    double error = 0;
    tensor_quantise(type, x, COUNT, out);
    tensor_dequantise(type, out, COUNT, y);
    for (size_t k = 0; k < COUNT; k++) error += ((double)x[k] - y[k]) * ((double)x[k] - y[k]);
    return error;
}

static uint64_t hash_of(const uint8_t *bytes, size_t size) { // FNV-1a
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 1099511628211u;
    return hash;
}

// The same values through llama.cpp's reference quantiser gave these bytes, and these errors.
static void quantises_as_llama_cpp(void) {
    static float x[COUNT];
    static uint8_t out[4 * COUNT];
    for (size_t k = 0; k < COUNT; k++) {
        float u = (float)(k * 7919 % 1999) / 999 - 1, v = (float)(k * 104729 % 997) / 498 - 1;
        x[k] = k / 256 == 5 ? 0 : u * v * (k / 256 % 3 == 2 ? v * v + 0.25f : 1);
    }
    CHECK_NEAR(lost_by(TENSOR_Q8_0, x, out), 0.00904869, 1e-7);
    CHECK(hash_of(out, tensor_bytes(TENSOR_Q8_0, COUNT)) == 0x9425529106a9a757);
    CHECK_NEAR(lost_by(TENSOR_Q4_0, x, out), 2.17986, 1e-4);
    CHECK(hash_of(out, tensor_bytes(TENSOR_Q4_0, COUNT)) == 0xc1fef76ed8785c25);
    CHECK_NEAR(lost_by(TENSOR_Q5_0, x, out), 0.548313, 1e-5);
    CHECK(hash_of(out, tensor_bytes(TENSOR_Q5_0, COUNT)) == 0x529e0d3c6cf75e55);
    CHECK(lost_by(TENSOR_Q4_K, x, out) < 1.67275 * 0.97);
    CHECK(lost_by(TENSOR_Q6_K, x, out) < 0.0951704 * 0.97);
    CHECK_EQ(lost_by(TENSOR_F32, x, out) == 0, 1);
    CHECK(lost_by(TENSOR_F16, x, out) < 1e-4);
    CHECK(lost_by(TENSOR_BF16, x, out) < 1e-2);
}

// Blocks that leave nothing to divide by, or hold one size only.
static void quantises_flat_blocks(void) {
    static const enum tensor_type types[] = {TENSOR_Q8_0, TENSOR_Q4_0, TENSOR_Q5_0, TENSOR_Q4_K,
                                             TENSOR_Q6_K};
    static const float sizes[] = {0, 1, -1, 1e-30f, 3e4f, -1e-6f};
    static float x[COUNT];
    static uint8_t out[4 * COUNT];
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            for (size_t k = 0; k < COUNT; k++) x[k] = sizes[s];
            double whole = (double)sizes[s] * sizes[s] * COUNT;
            double tiny = fabs(sizes[s]) < 1e-4 ? 1 : 1e-4; // below what scales of 16 bits hold
            CHECK(lost_by(types[i], x, out) <= whole * tiny);
            for (size_t k = 1; k < COUNT; k += 2) x[k] = -sizes[s];
            CHECK(lost_by(types[i], x, out) <= whole * (tiny < 1 ? 0.02 : 1));
        }
    }
}

static void rows_keep_within_their_room(void) {
    struct rows rows;
    REQUIRE(rows_open(3, 100, &rows) == OK);
    CHECK_EQ(rows.stride, 128);
    for (size_t i = 0; i < 3 * 128; i++) rows.values[i] = 1;
    rows_shape(&rows, 2, 70);
    CHECK_EQ(rows.stride, 96);
    CHECK(rows.values[69] == 1 && rows.values[70] == 0 && rows.values[95] == 0);
    CHECK(rows.values[96] == 1 && rows.values[96 + 70] == 0);
    rows_close(&rows);
    memory_fail_after(0);
    CHECK_EQ(rows_open(3, 100, &rows), ERR_MEMORY);
    memory_fail_after(UINT64_MAX);
}

static void tables_are_chosen_by_name(void) {
    const char *before = getenv("COURTYARD_CPU");
    char *kept = before ? strdup(before) : NULL;
    setenv("COURTYARD_CPU", "reference", 1);
    CHECK_STR(kernels_for_cpu()->name, "reference");
    setenv("COURTYARD_CPU", "abacus", 1);
    CHECK(kernels_named("abacus") == NULL);
    unsetenv("COURTYARD_CPU");
    CHECK(kernels_for_cpu() == kernels_named(kernels_for_cpu()->name));
    if (kept) setenv("COURTYARD_CPU", kept, 1);
    free(kept);
}

int main(void) {
    CHECK_RUN(halves_round_to_the_nearest);
    CHECK_RUN(weights_equal_llama_cpp);
    CHECK_RUN(quantises_as_llama_cpp);
    CHECK_RUN(quantises_flat_blocks);
    CHECK_RUN(rows_keep_within_their_room);
    CHECK_RUN(tables_are_chosen_by_name);
    return check_done();
}
