// The rule file: the program's own, a site's, and what is wrong with one.
#include "base/file.h"
#include "check.h"
#include "data/cleanse/rules_private.h"
#include "support/scratch.h"

static struct rules *open_site(const char *text, struct fault *fault) {
    static const char *folder;
    if (!folder) folder = scratch_folder();
    const char *path = scratch_path(folder, "rules.txt");
    struct rules *rules = NULL;
    *fault = (struct fault){0};
    if (!CHECK_EQ(file_write(path, str_of(text), NULL), OK)) return NULL;
    enum err err = rules_open(path, &rules, fault);
    CHECK_EQ(err == OK, fault->code[0] == '\0');
    return err == OK ? rules : NULL;
}

static void has_its_own(void) {
    struct rules *rules;
    struct fault fault = {0};
    REQUIRE(rules_open(NULL, &rules, &fault) == OK);
    CHECK_TEXT(rules_version(rules), "2026.1");
    CHECK_NEAR(rules_number(rules, "safety.illegal_share_most"), .05, 0);
    CHECK_NEAR(rules_number(rules, "safety.manual_sample_least"), 4000, 0);
    struct str own = embedded_rules_text();
    struct hash hash = rules_hash(rules), want = sha256_of(own.data, own.size);
    CHECK(hash_equal(&hash, &want));
    rules_close(rules);
}

static void a_site_changes_what_it_names(void) {
    struct fault fault;
    struct rules *rules = open_site(
        "\xEF\xBB\xBFrules 本院 3 # ours\r\n\n quality.han_least=.5 # higher\r\n", &fault);
    REQUIRE(rules);
    CHECK_TEXT(rules_version(rules), "本院 3");
    CHECK_NEAR(rules_number(rules, "quality.han_least"), .5, 0);
    CHECK_NEAR(rules_number(rules, "quality.length_least"), 10, 0);
    rules_close(rules);
}

static const char *wrong(const char *text) {
    static char out[512];
    struct fault fault;
    struct rules *rules = open_site(text, &fault);
    rules_close(rules);
    bool path = fault.detail[0] == '/'; // a path of the test's own
    snprintf(out, sizeof out, "%llu %s(%s)", (unsigned long long)fault.row, fault.code,
             path ? "" : fault.detail);
    return out;
}

static void says_what_is_wrong(void) {
    CHECK_STR(wrong(""), "1 rules.no_version()");
    CHECK_STR(wrong("# a\nquality.han_least = .3"), "2 rules.no_version()");
    CHECK_STR(wrong("rules 1\nquality.han_leest = .3"), "2 rules.unknown_name(quality.han_leest)");
    CHECK_STR(wrong("rules 1\nquality.han_least = a"), "2 rules.bad_number(quality.han_least)");
    CHECK_STR(wrong("rules 1\nquality.han_least = -1"), "2 rules.bad_number(quality.han_least)");
    CHECK_STR(wrong("rules 1\nquality.han_least"), "2 rules.not_a_rule()");
    CHECK_STR(wrong("rules 1\nnear.jaccard_least = 1\nnear.jaccard_least = 1"),
              "3 rules.name_twice(near.jaccard_least)");
    CHECK_STR(wrong("rules \xFF"), "0 rules.not_text()");
}

int main(void) {
    CHECK_RUN(has_its_own);
    CHECK_RUN(a_site_changes_what_it_names);
    CHECK_RUN(says_what_is_wrong);
    return check_done();
}
