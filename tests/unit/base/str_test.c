#include "base/str.h"

#include "check.h"

static void compares_bytes_then_length(void) {
    CHECK(str_equal(STR("合院"), str_of("合院")));
    CHECK(!str_equal(STR("a"), STR("ab")));
    CHECK(str_equal(STR_NONE, STR("")));
    CHECK(str_compare(STR("a"), STR("ab")) < 0);
    CHECK(str_compare(STR("b"), STR("ab")) > 0);
    CHECK(str_compare(STR("\xff"), STR("a")) > 0);
    CHECK_EQ(str_compare(STR("ab"), STR("ab")), 0);
    CHECK(str_starts(STR("abc"), STR("ab")));
    CHECK(!str_starts(STR("a"), STR("ab")));
    CHECK(str_ends(STR("abc"), STR("bc")));
    CHECK(!str_ends(STR("c"), STR("bc")));
}

static void cuts_and_trims(void) {
    struct str rest;
    CHECK_TEXT(str_cut(STR("a=b=c"), '=', &rest), "a");
    CHECK_TEXT(rest, "b=c");
    CHECK_TEXT(str_cut(STR("abc"), '=', &rest), "abc");
    CHECK(rest.data == NULL);
    CHECK_TEXT(str_cut(STR("abc="), '=', &rest), "abc");
    CHECK(rest.data != NULL && rest.size == 0);
    CHECK_TEXT(str_trim(STR(" \t a b\r\n")), "a b");
    CHECK_EQ(str_trim(STR("  ")).size, 0);
}

static void reads_whole_numbers_to_their_bounds(void) {
    uint64_t u = 7;
    int64_t i = 7;
    CHECK(str_to_u64(STR("18446744073709551615"), &u) && u == UINT64_MAX);
    u = 7;
    CHECK(!str_to_u64(STR("18446744073709551616"), &u));
    CHECK(!str_to_u64(STR(""), &u));
    CHECK(!str_to_u64(STR("1 "), &u));
    CHECK(!str_to_u64(STR("-1"), &u));
    CHECK_EQ(u, 7);
    CHECK(str_to_i64(STR("-9223372036854775808"), &i) && i == INT64_MIN);
    CHECK(str_to_i64(STR("9223372036854775807"), &i) && i == INT64_MAX);
    CHECK(!str_to_i64(STR("9223372036854775808"), &i));
    CHECK(!str_to_i64(STR("-"), &i));
}

static void copies_only_what_fits(void) {
    char out[4] = "xyz";
    CHECK(str_copy(out, sizeof out, STR("abc")));
    CHECK_STR(out, "abc");
    CHECK(!str_copy(out, sizeof out, STR("abcd")));
    CHECK_STR(out, "");
    CHECK(str_copy(out, sizeof out, STR_NONE));
}

int main(void) {
    CHECK_RUN(compares_bytes_then_length);
    CHECK_RUN(cuts_and_trims);
    CHECK_RUN(reads_whole_numbers_to_their_bounds);
    CHECK_RUN(copies_only_what_fits);
    return check_done();
}
