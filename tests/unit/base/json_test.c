#include "base/json.h"

#include "base/limits.h"
#include "base/memory.h"
#include "check.h"

static void expect_refused(const char *text, enum err err, const char *code) {
    struct json *root = NULL;
    struct fault fault = {0};
    CHECK_EQ(json_parse(str_of(text), &root, &fault), err);
    CHECK_STR(fault.code, code);
    CHECK(root == NULL);
}

static void refuses_what_is_not_json(void) {
    expect_refused("", ERR_INPUT, "json.invalid");
    expect_refused("{\"a\":}", ERR_INPUT, "json.invalid");
    expect_refused("{} x", ERR_INPUT, "json.invalid");
    expect_refused("[1,2", ERR_INPUT, "json.invalid");
    expect_refused("\"\xff\"", ERR_INPUT, "json.not_utf8");
    expect_refused("\"\\u0000\"", ERR_INPUT, "json.has_nul");
    expect_refused("{\"a\":1,\"b\":[{\"c\":1,\"c\":2}]}", ERR_INPUT, "json.name_twice");
}

static void bounds_depth_and_width(void) {
    char deep[2 * LIMIT_JSON_DEPTH + 8];
    int depth = LIMIT_JSON_DEPTH;
    memset(deep, '[', (size_t)depth);
    memset(deep + depth, ']', (size_t)depth);
    deep[2 * depth] = '\0';
    struct json *root;
    REQUIRE(json_parse(str_of(deep), &root, NULL) == OK);
    json_close(root);
    memset(deep, '[', (size_t)depth + 1);
    memset(deep + depth + 1, ']', (size_t)depth + 1);
    deep[2 * depth + 2] = '\0';
    expect_refused(deep, ERR_LIMIT, "json.too_deep");
    REQUIRE(json_parse(STR("\"[[[[\\\"[[[\""), &root, NULL) == OK);
    json_close(root);

    struct buf wide;
    buf_open(&wide, LIMIT_JSON_BYTES);
    buf_add_char(&wide, '{');
    for (int i = 0; i < 20000; i++) buf_printf(&wide, "%s\"m%d\":1", i ? "," : "", i);
    buf_add_text(&wide, "}");
    buf_add_char(&wide, '\0');
    expect_refused(wide.data, ERR_LIMIT, "json.too_large");
    buf_close(&wide);
}

static void reads_and_writes_the_same(void) {
    static const char text[] =
        "{\"name\":\"张 \\\"三\\\"\\n\",\"n\":-1.5,\"list\":[1,true,null,{}],"
        "\"big\":9007199254740992}";
    struct json *root;
    REQUIRE(json_parse(STR(text), &root, NULL) == OK);
    CHECK_TEXT(json_member_text(root, "name"), "张 \"三\"\n");
    CHECK_NEAR(json_member_number(root, "n", 0), -1.5, 0);
    CHECK_EQ(json_member_u64(root, "n", 7), 7);
    CHECK_EQ(json_member_u64(root, "big", 7), 9007199254740992);
    CHECK_EQ(json_count(json_member(root, "list")), 4);
    CHECK(json_is_null(json_next(json_next(json_first(json_member(root, "list"))))));
    CHECK(json_member(json_member(root, "absent"), "x") == NULL);
    CHECK(json_member(root, "NAME") == NULL);
    struct buf out;
    buf_open(&out, 4096);
    json_write(&out, root);
    CHECK_TEXT(buf_str(&out), text);
    buf_close(&out);
    json_close(root);
}

static void writer_mends_bad_text(void) {
    struct buf out;
    buf_open(&out, 4096);
    struct json_writer writer = json_writer_of(&out);
    json_open_object(&writer);
    json_set_text(&writer, "t", STR("a\xff\x01z\0\xe5\x90"));
    json_set_number(&writer, "x", NAN);
    json_put_name(&writer, "fault");
    struct fault fault = {0};
    CHECK_EQ(fault_at(&fault, ERR_INPUT, "csv.bad", 3, 0, STR("列")), ERR_INPUT);
    json_put_fault(&writer, &fault);
    json_close_object(&writer);
    CHECK_TEXT(buf_str(&out), "{\"t\":\"a\uFFFD\\u0001z\uFFFD\uFFFD\uFFFD\",\"x\":null,"
                              "\"fault\":{\"code\":\"csv.bad\",\"row\":3,\"detail\":\"列\"}}");
    struct json *root;
    REQUIRE(json_parse(buf_str(&out), &root, NULL) == OK);
    struct fault again;
    json_read_fault(json_member(root, "fault"), &again);
    CHECK(memcmp(&again, &fault, sizeof fault) == 0);
    json_close(root);
    buf_close(&out);
}

// Nodes of a tree among what is written otherwise.
static void nodes_in_a_writer(void) {
    struct json *root;
    struct buf out;
    REQUIRE(json_parse(STR("{\"a\":[1,{\"b\":\"张\"}],\"c\":{}}"), &root, NULL) == OK);
    buf_open(&out, 4096);
    struct json_writer writer = json_writer_of(&out);
    json_open_object(&writer);
    json_put_member(&writer, json_member(root, "a"));
    json_set_bool(&writer, "between", true);
    json_set_node(&writer, "as", json_member(root, "c"));
    json_set_node(&writer, "none", NULL);
    json_put_name(&writer, "list");
    json_open_array(&writer);
    json_put_node(&writer, json_first(json_member(root, "a")));
    json_put_node(&writer, root);
    json_close_array(&writer);
    json_close_object(&writer);
    CHECK_TEXT(buf_str(&out), "{\"a\":[1,{\"b\":\"张\"}],\"between\":true,\"as\":{},\"none\":null,"
                              "\"list\":[1,{\"a\":[1,{\"b\":\"张\"}],\"c\":{}}]}");
    buf_close(&out);
    buf_open(&out, 8);
    writer = json_writer_of(&out);
    json_put_node(&writer, root);
    CHECK_EQ(buf_err(&out), ERR_LIMIT); // that of what is written to
    buf_close(&out);
    json_close(root);
}

int main(void) {
    CHECK_RUN(refuses_what_is_not_json);
    CHECK_RUN(bounds_depth_and_width);
    CHECK_RUN(reads_and_writes_the_same);
    CHECK_RUN(writer_mends_bad_text);
    CHECK_RUN(nodes_in_a_writer);
    return check_done();
}
