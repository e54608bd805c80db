#include "base/number.h"

#include "check.h"

static bool parses(const char *text, double want) {
    double got = -12345;
    return number_parse(str_of(text), &got) && memcmp(&got, &want, sizeof got) == 0;
}

static bool refused(const char *text) {
    double got = 7;
    return !number_parse(str_of(text), &got) && got == 7;
}

static void numbers(void) {
    CHECK(parses("0", 0.0) && parses("-0", -0.0) && parses(" 42\t", 42) && parses("+1.5", 1.5));
    CHECK(parses("1.", 1) && parses(".5", 0.5) && parses("1e3", 1000) && parses("1E-3", 0.001));
    CHECK(parses("0.1", 0.1) && parses("123456789012345678", 123456789012345678.0));
    CHECK(parses("9007199254740993", 9007199254740992.0)); // a tie goes to even
    CHECK(parses("9007199254740993.0000000000000000001", 9007199254740994.0));
    CHECK(parses("1.7976931348623157e308", 1.7976931348623157e308));
    CHECK(parses("4.9e-324", 4.9e-324) &&
          parses("2.2250738585072011e-308", 2.2250738585072011e-308));
    CHECK(parses("1e-400", 0.0) && parses("0e999999999999", 0.0));
    CHECK(parses("0.000000000000000000000000000000000000001", 1e-39));
    CHECK(refused("") && refused(" ") && refused("-") && refused(".") && refused("1e") &&
          refused("1e+") && refused("e5") && refused("1.2.3") && refused("1,000") &&
          refused("0x10") && refused("inf") && refused("nan") && refused("1 2") &&
          refused("1e999") && refused("--1") && refused("１"));
}

// Shortest, longest and random forms against the C library's strtod.
static void numbers_equal_strtod(void) {
    char text[64];
    for (int i = 0; i < 300000; i++) {
        uint64_t bits = check_random();
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isnan(value) || isinf(value)) continue;
        if (check_below(2)) value = (double)(int64_t)bits / (double)(1 + check_below(100000));
        snprintf(text, sizeof text, "%.*g", 1 + (int)check_below(22), value);
        double want = strtod(text, NULL), got = 0;
        if (isinf(want)) continue;
        if (!CHECK(number_parse(str_of(text), &got)) || memcmp(&got, &want, 8) != 0) {
            fprintf(stderr, "%s\n", text);
            CHECK_NEAR(got, want, 0);
            return;
        }
    }
    // Halfway between two doubles, and one digit to either side.
    for (int i = 0; i < 20000; i++) {
        uint64_t half = (UINT64_C(1) << 53 | (check_random() >> 11)) * 2 + 1;
        snprintf(text, sizeof text, "%llu%s", (unsigned long long)half,
                 i % 3 == 0   ? ""
                 : i % 3 == 1 ? ".0000000000000000000001"
                              : "e0");
        double got = 0;
        REQUIRE(number_parse(str_of(text), &got));
        if (got != strtod(text, NULL)) {
            CHECK_NEAR(got, strtod(text, NULL), 0);
            return;
        }
    }
}

static void integers(void) {
    int64_t value = 5;
    CHECK(integer_parse(STR("-9223372036854775808"), &value) && value == INT64_MIN);
    CHECK(integer_parse(STR("9223372036854775807"), &value) && value == INT64_MAX);
    CHECK(integer_parse(STR(" +0000000000000000000000012 "), &value) && value == 12);
    value = 5;
    CHECK(!integer_parse(STR("9223372036854775808"), &value));
    CHECK(!integer_parse(STR("-9223372036854775809"), &value));
    CHECK(!integer_parse(STR(""), &value) && !integer_parse(STR("-"), &value));
    CHECK(!integer_parse(STR("1.0"), &value) && !integer_parse(STR("1234567x"), &value));
    CHECK_EQ(value, 5);
    char text[32];
    for (int i = 0; i < 100000; i++) {
        int64_t want = (int64_t)check_random() >> check_below(64);
        snprintf(text, sizeof text, "%lld", (long long)want);
        if (!CHECK(integer_parse(str_of(text), &value)) || !CHECK_EQ(value, want)) return;
    }
}

static bool is_day(const char *text, int64_t want) {
    int64_t got = -1;
    return date_parse(str_of(text), &got) && got == want;
}

static void months_that_stand_first(void) {
    static const struct {
        const char *text;
        int64_t seconds;
        bool clock, sure;
    } rights[] = {
        {"3/14/2025", 1741910400, false, true},
        {" 03/04/2025 ", 1741046400, false, false},
        {"3/14/2025 1:20", 1741915200, true, true},
        {"03/14/2025 01:20:05 PM", 1741958405, true, true},
        {"3/14/2025 12:00 AM", 1741910400, true, true},
        {"3/14/2025 12:30pm", 1741955400, true, true},
    };
    for (size_t i = 0; i < sizeof rights / sizeof rights[0]; i++) {
        int64_t seconds = 0;
        bool clock = false, sure = false;
        if (!CHECK(month_first_parse(str_of(rights[i].text), &seconds, &clock, &sure))) continue;
        CHECK_EQ(seconds, rights[i].seconds);
        CHECK(clock == rights[i].clock && sure == rights[i].sure);
    }
    static const char *const wrong[] = {
        "14/3/2025",         "2/30/2025", "3/14/25",         "3-14-2025",
        "3/14/2025x",        "3/14/",     "3/14/2025 25:00", "3/14/2025 13:00 PM",
        "3/14/2025 0:10 AM", "",          "3/14/2025T1:20",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int64_t got = 99;
        bool clock, sure;
        CHECK_STR(month_first_parse(str_of(wrong[i]), &got, &clock, &sure) ? wrong[i] : "refused",
                  "refused");
        CHECK_EQ(got, 99);
    }
}

static void dates(void) {
    CHECK(is_day("1970-01-01", 0) && is_day("2026-11-23", 20780) && is_day("2026/11/23", 20780));
    CHECK(is_day("20261123", 20780) && is_day("2026.11.23", 20780) &&
          is_day(" 2026-11-23 ", 20780));
    CHECK(is_day("2026年11月23日", 20780) && is_day("2026/1/3", 20456) &&
          is_day("2026年1月3号", 20456));
    CHECK(is_day("2024-02-29", 19782) && is_day("1000-01-01", -354285));
    static const char *const wrong[] = {
        "2023-02-29", "2026-13-01",  "2026-00-10", "2026-11-31", "0999-01-01",   "26-11-23",
        "2026-11/23", "2026-11-23x", "2026112",    "202611231",  "2026年11月23", "23/11/2026",
        "",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int64_t got = 99;
        CHECK_STR(date_parse(str_of(wrong[i]), &got) ? wrong[i] : "refused", "refused");
        CHECK_EQ(got, 99);
    }
    char text[16];
    for (int64_t day = -354285; day <= 2932896; day += 97) {
        date_write(day, text);
        if (!CHECK(is_day(text, day))) return;
    }
}

static bool is_time(const char *text, int64_t want) {
    int64_t got = -1;
    return time_parse(str_of(text), &got) && got == want;
}

static void times(void) {
    int64_t noon = INT64_C(20780) * 86400 + 12 * 3600;
    CHECK(is_time("2026-11-23 12:00", noon) && is_time("2026-11-23T12:00:00Z", noon));
    CHECK(is_time("2026/11/23 12:00:01.250", noon + 1) && is_time("20261123 12:00:59", noon + 59));
    CHECK(is_time("2026年11月23日 12时00分05秒", noon + 5) && is_time("2026年11月23日12:00", noon));
    CHECK(is_time("2026-11-23 9:05", noon - 3 * 3600 + 300));
    CHECK(!is_time("2026-11-23", -1) && !is_time("2026-11-23 24:00", -1));
    CHECK(!is_time("2026-11-23 12:60", -1) && !is_time("2026-11-23 12:00:", -1));
    CHECK(!is_time("2026-11-2312:00", -1) && !is_time("2026-11-23 12:00:00.", -1));
    char text[24];
    for (int i = 0; i < 100000; i++) {
        int64_t want = (int64_t)check_below(UINT64_C(284012524800)) - INT64_C(30610224000);
        time_write(want, text);
        if (!CHECK(is_time(text, want))) return;
    }
    time_write(-1, text);
    CHECK_STR(text, "1969-12-31 23:59:59");
    time_write(INT64_MIN, text);
    date_write(INT64_MAX, text);
    CHECK_STR(text, "9999-12-31");
}

int main(void) {
    CHECK_RUN(months_that_stand_first);
    CHECK_RUN(numbers);
    CHECK_RUN(numbers_equal_strtod);
    CHECK_RUN(integers);
    CHECK_RUN(dates);
    CHECK_RUN(times);
    return check_done();
}
