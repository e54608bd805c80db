#include "base/buf.h"

#include "base/memory.h"
#include "check.h"

static void grows_to_its_cap_and_says_so(void) {
    struct buf buf;
    buf_open(&buf, 1000);
    for (int i = 0; i < 100; i++) buf_add_text(&buf, "0123456789");
    CHECK_EQ(buf_err(&buf), OK);
    CHECK_EQ(buf.size, 1000);
    buf_add_char(&buf, 'x');
    CHECK_EQ(buf_err(&buf), ERR_LIMIT);
    buf_add_text(&buf, "");
    CHECK_EQ(buf.size, 1000);
    buf_clear(&buf);
    buf_add_char(&buf, 'x');
    CHECK_EQ(buf_err(&buf), OK);
    CHECK_TEXT(buf_str(&buf), "x");
    buf_close(&buf);
}

static void writes_numbers_that_read_back(void) {
    struct buf buf;
    buf_open(&buf, 4096);
    buf_add_i64(&buf, INT64_MIN);
    buf_add_char(&buf, ' ');
    buf_add_u64(&buf, UINT64_MAX);
    buf_printf(&buf, " %d-%s", 5, "合");
    CHECK_TEXT(buf_str(&buf), "-9223372036854775808 18446744073709551615 5-合");
    const char *known[][2] = {{"0.1", "0.1"}, {"-0", "0"},       {"1e300", "1e+300"},
                              {"3", "3"},     {"1e-7", "1e-07"}, {"123456.75", "123456.75"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        buf_clear(&buf);
        buf_add_double(&buf, strtod(known[i][0], NULL));
        CHECK_TEXT(buf_str(&buf), known[i][1]);
    }
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = check_random();
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) continue;
        buf_clear(&buf);
        buf_add_double(&buf, value);
        buf_add_char(&buf, '\0');
        CHECK(strtod(buf.data, NULL) == value);
    }
    buf_close(&buf);
}

static int fill(void *ctx) {
    struct buf *buf = ctx;
    buf_close(buf);
    for (int i = 0; i < 1000; i++) buf_add_text(buf, "0123456789");
    if (buf_err(buf) != OK) CHECK_EQ(buf_err(buf), ERR_MEMORY);
    return buf_err(buf) != OK;
}

static void a_failed_append_sticks(void) {
    struct buf buf;
    buf_open(&buf, 1 << 20);
    CHECK(check_faults(memory_fail_after, fill, &buf) > 3);
    CHECK_EQ(buf.size, 10000);
    buf_close(&buf);
}

int main(void) {
    CHECK_RUN(grows_to_its_cap_and_says_so);
    CHECK_RUN(writes_numbers_that_read_back);
    CHECK_RUN(a_failed_append_sticks);
    return check_done();
}
