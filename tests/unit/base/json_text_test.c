#include "base/json_text.h"

#include "base/json.h"
#include "base/limits.h"
#include "check.h"

static void reads_what_is_asked_for(void) {
    struct json_text t = json_text_of(
        STR(" {\"a\" : [1, -2.5e1, NaN], \"skip\": {\"x\":[{}, \"]\\\"\", null]}, \"b\":\"\\u4e2d"
            "\\ud83d\\ude00\\n\", \"c\": true} "));
    double sum = 0;
    unsigned numbers = 0, names = 0;
    bool truth = false;
    struct buf out;
    buf_open(&out, 100);
    for (json_text_open(&t, '{'); json_text_more(&t); names++) {
        struct str name = json_text_name(&t);
        if (str_is(name, "a")) {
            for (json_text_open(&t, '['); json_text_more(&t); numbers++) {
                double value = json_text_number(&t);
                if (value == value) sum += value;
            }
        } else if (str_is(name, "b")) {
            json_text_string(&t, &out);
        } else if (str_is(name, "c")) {
            truth = json_text_bool(&t);
        } else {
            json_text_skip(&t);
        }
    }
    CHECK(json_text_end(&t));
    CHECK_EQ(numbers, 3);
    CHECK_EQ(names, 4);
    CHECK_NEAR(sum, -24, 0);
    CHECK(truth);
    CHECK_TEXT(out, "中😀\n");
    buf_close(&out);
}

static bool takes(const char *text) {
    struct json_text t = json_text_of(str_of(text));
    json_text_skip(&t);
    return json_text_end(&t);
}

static void errors_stick(void) {
    static const char *const bad[] = {
        "",           "{",     "[1,]",   "[,1]", "{\"a\"}", "{\"a\":}",  "[1 2]",
        "[1}",        "{1:2}", "\"open", "tru",  "nul",     "[+1]",      "1 2",
        "{\"a\":1,}", "]",     "[1]]",   "-",    "[1e]",    "{\"a\" 1}", "\"\\",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (!CHECK(!takes(bad[i]))) fprintf(stderr, "   %s\n", bad[i]);
    }
    CHECK(takes("[]") && takes("{}") && takes("[[],{},\"\\\"\",-1.5e-3,null,true,false,NaN]"));
    char deep[LIMIT_JSON_DEPTH + 8] = {0};
    memset(deep, '[', LIMIT_JSON_DEPTH + 1);
    CHECK(!takes(deep));
    struct json_text t = json_text_of(STR("[1,x,3]"));
    unsigned count = 0;
    for (json_text_open(&t, '['); json_text_more(&t); count++) (void)json_text_number(&t);
    CHECK_EQ(count, 2);
    CHECK(t.bad && !json_text_end(&t));
    CHECK_EQ(t.at - t.start, 3);
}

static void strings_are_checked(void) {
    static const char *const bad[] = {"\"\\ud800\"", "\"\\u12g4\"", "\"\\x\"",
                                      "\"\\u0000\"", "\"\xff\"",    "\"\\ude00\""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct json_text t = json_text_of(str_of(bad[i]));
        struct buf out;
        buf_open(&out, 100);
        json_text_string(&t, &out);
        if (!CHECK(t.bad)) fprintf(stderr, "   %s\n", bad[i]);
        buf_close(&out);
    }
}

// What the tree reader takes, this one takes; cut anywhere, neither does.
static void agrees_with_the_tree(void) {
    static const char text[] = "{\"a\":[1,2,{\"b\":null}],\"c\":\"d\\\\\",\"e\":-0.5e+3,\"f\":{}}";
    for (size_t size = 0; size < sizeof text; size++) {
        struct json *root = NULL;
        struct str part = {text, size};
        struct json_text t = json_text_of(part);
        json_text_skip(&t);
        bool tree = json_parse(part, &root, NULL) == OK;
        CHECK_EQ(json_text_end(&t), tree);
        if (tree) json_close(root);
    }
}

int main(void) {
    CHECK_RUN(reads_what_is_asked_for);
    CHECK_RUN(errors_stick);
    CHECK_RUN(strings_are_checked);
    CHECK_RUN(agrees_with_the_tree);
    return check_done();
}
