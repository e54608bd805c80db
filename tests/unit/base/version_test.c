// Versions in the order of Semantic Versioning.
#include "base/version.h"

#include "check.h"

static void what_is_a_version(void) {
    static const char *const good[] = {
        "0.1.0",       "1.2.3",         "10.20.30",  "1.0.0-alpha",        "1.0.0-alpha.1",
        "1.0.0-0.3.7", "1.0.0-x-y-z.-", "1.0.0+001", "1.0.0-rc.1+build.5", "1.0.0--"};
    static const char *const bad[] = {"",         "1",        "1.2",    "1.2.3.4", "01.2.3",
                                      "1.2.x",    "v1.2.3",   "1.2.3-", "1.2.3+",  "1.2.3-a..b",
                                      "1.2.3-01", "1.2.3 ",   "1.2.-3", "1..3",    "1.2.3-a_b",
                                      "1.2.",     "1.2.3+a+b"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        check_that(version_is_one(str_of(good[i])), __FILE__, __LINE__, "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        check_that(!version_is_one(str_of(bad[i])), __FILE__, __LINE__, "%s", bad[i]);
    }
    char long_one[VERSION_BYTES_MAX + 2];
    memset(long_one, '1', sizeof long_one);
    memcpy(long_one, "1.2.3-", 6);
    CHECK(version_is_one((struct str){long_one, VERSION_BYTES_MAX}));
    CHECK(!version_is_one((struct str){long_one, VERSION_BYTES_MAX + 1}));
    CHECK(version_is_one(STR(COURTYARD_VERSION)));
}

static void the_order_is_total(void) {
    static const char *const order[] = {"0.1.0",
                                        "0.1.9",
                                        "0.1.10",
                                        "0.2.0",
                                        "1.0.0-0",
                                        "1.0.0-2",
                                        "1.0.0-10",
                                        "1.0.0-alpha",
                                        "1.0.0-alpha.1",
                                        "1.0.0-alpha.beta",
                                        "1.0.0-beta",
                                        "1.0.0-beta.2",
                                        "1.0.0-beta.11",
                                        "1.0.0-rc.1",
                                        "1.0.0",
                                        "1.0.1-a",
                                        "1.0.1",
                                        "2.0.0",
                                        "18446744073709551617.0.0"};
    size_t count = sizeof order / sizeof *order;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            int got = version_compare(str_of(order[i]), str_of(order[j]));
            int want = (i > j) - (i < j);
            check_that((got > 0) - (got < 0) == want, __FILE__, __LINE__, "%s, %s: %d", order[i],
                       order[j], got);
        }
    }
    CHECK_EQ(version_compare(STR("1.0.0+a"), STR("1.0.0+b")), 0);
    CHECK_EQ(version_compare(STR("1.0.0-rc+a"), STR("1.0.0-rc")), 0);
}

int main(void) {
    CHECK_RUN(what_is_a_version);
    CHECK_RUN(the_order_is_total);
    return check_done();
}
