#include "base/clock.h"

#include "check.h"

static void calendar_goes_both_ways(void) {
    CHECK_EQ(days_from_civil(1970, 1, 1), 0);
    CHECK_EQ(days_from_civil(2000, 3, 1), 11017);
    CHECK_EQ(days_from_civil(1969, 12, 31), -1);
    for (int64_t days = -800000; days < 800000; days += 1 + (int64_t)check_below(50)) {
        int64_t year;
        unsigned month, day;
        civil_from_days(days, &year, &month, &day);
        CHECK(month >= 1 && month <= 12 && day >= 1 && day <= 31);
        CHECK_EQ(days_from_civil(year, month, day), days);
    }
}

static void writes_iso_time(void) {
    struct buf buf;
    buf_open(&buf, 100);
    buf_add_time(&buf, 1772000000999);
    CHECK_TEXT(buf_str(&buf), "2026-02-25T06:13:20Z");
    buf_clear(&buf);
    buf_add_time(&buf, -1);
    CHECK_TEXT(buf_str(&buf), "1969-12-31T23:59:59Z");
    buf_close(&buf);
}

static void tests_may_set_the_clock(void) {
    clock_set_for_test(12345);
    CHECK_EQ(clock_now_ms(), 12345);
    clock_set_for_test(0);
    CHECK(clock_now_ms() > 1700000000000);
    uint64_t first = clock_monotonic_us();
    CHECK(clock_monotonic_us() >= first);
}

int main(void) {
    CHECK_RUN(calendar_goes_both_ways);
    CHECK_RUN(writes_iso_time);
    CHECK_RUN(tests_may_set_the_clock);
    return check_done();
}
