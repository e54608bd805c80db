// What the guard does to what is answered: text held back and masked, calls of tools, and what the
// client is told of it.
#include "flow/models/language_guard.h"

#include "check.h"
#include "flow/models/language.h"
#include "flow/models/language_usage.h"

static struct flow_answer answer;
static struct answer_part *part = &answer.parts[0];

static void begin(enum guard_rule rule) {
    screen_close(part->screen);
    answer = (struct flow_answer){.parts_count = 1, .kind = ANSWER_CHAT};
    answer.guard.rule[GUARD_ANSWERS] = rule;
    if (rule != GUARD_OFF) CHECK_EQ(screen_open(rule == GUARD_REFUSE, &part->screen), OK);
}

// What has left after all of it; `pieces` end with NULL.
static const char *heard(const char *const *pieces) {
    static char text[512];
    struct buf out;
    buf_open(&out, sizeof text - 1);
    for (; *pieces && !part->filtered; pieces++) {
        guard_hear(&answer, part, str_of(*pieces), !pieces[1], &out);
    }
    memcpy(text, out.data ? out.data : "", out.size);
    text[out.size] = '\0';
    buf_close(&out);
    return text;
}

static const char *told(void) {
    static char text[512];
    struct buf out;
    buf_open(&out, sizeof text - 1);
    struct json_writer writer = json_writer_of(&out);
    json_open_object(&writer);
    guard_write(&answer, &writer);
    json_close_object(&writer);
    memcpy(text, out.data, out.size);
    text[out.size] = '\0';
    buf_close(&out);
    return text;
}

// Whether the call of a tool with these arguments may leave.
static bool called(const char *arguments) {
    char text[256];
    struct json *calls;
    bool may = false;
    snprintf(text, sizeof text,
             "[{\"index\":0,\"id\":\"one\",\"name\":\"find\"},"
             "{\"index\":0,\"arguments\":\"%s\"}]",
             arguments);
    if (!CHECK_EQ(json_parse(str_of(text), &calls, NULL), OK)) return false;
    may = guard_calls(&answer, part, calls);
    json_close(calls);
    return may;
}

static const char *const pieces[] = {"好的。", "电话", "138", "1234", "5678", "。", "再见。", NULL};

static void answers_follow_the_rule(void) {
    begin(GUARD_OFF);
    CHECK_STR(heard(pieces), "好的。电话13812345678。再见。");
    CHECK_STR(told(), "{}");
    begin(GUARD_COUNT);
    CHECK_STR(heard(pieces), "好的。电话13812345678。再见。");
    CHECK_STR(told(), "{\"courtyard\":{\"guard\":{\"answers\":{\"rule\":\"count\",\"found\":"
                      "{\"mobile\":1}}}}}");
    CHECK(!answer.guard.masked && !answer.guard.refused);
    begin(GUARD_MASK);
    CHECK_STR(heard(pieces), "好的。电话[手机号]。再见。");
    CHECK(answer.guard.masked && !part->filtered);
    begin(GUARD_REFUSE);
    CHECK_STR(heard(pieces), "好的。");
    CHECK(part->filtered && answer.guard.refused);
    struct language_counts counts = {0};
    guard_count_add(&answer, &counts);
    CHECK_EQ(counts.refused, 1);
    CHECK_EQ(counts.masked, 0);
    CHECK_EQ(counts.found[SIDE_ANSWER][PERSONAL_MOBILE], 1);
}

static void who_leaves_is_counted_to_the_end(void) {
    static const char *const first[] = {"电话", "13812345678", "", NULL};
    struct buf out;
    buf_open(&out, 256);
    begin(GUARD_COUNT);
    for (int i = 0; i < 2; i++) guard_hear(&answer, part, str_of(first[i]), false, &out);
    CHECK_EQ(screen_count(&answer.guard.found[GUARD_ANSWERS]), 0);
    guard_leave(&answer);
    CHECK_EQ(screen_count(&answer.guard.found[GUARD_ANSWERS]), 1);
    buf_close(&out);
}

static void calls_of_tools_are_kept_back(void) {
    static const char plain[] = "{\\\"city\\\":\\\"北京\\\",\\\"days\\\":3}";
    static const char text[] = "{\\\"phone\\\":\\\"13812345678\\\"}";
    static const char number[] = "{\\\"phone\\\":13812345678}";
    static const enum guard_rule held[] = {GUARD_MASK, GUARD_REFUSE};
    for (int i = 0; i < 2; i++) {
        begin(held[i]);
        CHECK(called(plain) && !part->filtered);
        CHECK(!called(text) && part->filtered && answer.guard.refused);
        CHECK(!called(plain)); // once it is ended, nothing more
        begin(held[i]);
        CHECK(!called(number));
        CHECK_EQ(answer.guard.found[GUARD_ANSWERS].of[PERSONAL_MOBILE], 1);
    }
    begin(GUARD_COUNT);
    CHECK(called(text) && !part->filtered);
    CHECK_EQ(answer.guard.found[GUARD_ANSWERS].of[PERSONAL_MOBILE], 1);
    begin(GUARD_OFF);
    CHECK(called(text));
    CHECK_STR(told(), "{}");
}

// What a child would be asked after the guard has seen it; NULL: it is not asked.
static const char *asked(enum guard_rule rule, const char *frame, const char *body) {
    static char text[1024];
    struct fault fault = {0};
    struct json *tree;
    begin(GUARD_OFF);
    answer.guard.rule[GUARD_PROMPTS] = rule;
    answer.guard.rule[GUARD_ANSWERS] = GUARD_OFF;
    answer.kind = strstr(frame, "texts") ? ANSWER_VECTORS : ANSWER_CHAT;
    buf_open(&answer.asked, sizeof text - 1);
    buf_add_text(&answer.asked, frame);
    if (!CHECK_EQ(json_parse(str_of(body), &tree, NULL), OK)) return NULL;
    const struct call call = {.body = tree, .fault = &fault};
    enum err err = guard_asked(&answer, &call);
    memcpy(text, answer.asked.data, answer.asked.size);
    text[answer.asked.size] = '\0';
    buf_close(&answer.asked);
    json_close(tree);
    return err == OK ? text : NULL;
}

static void questions_follow_the_rule(void) {
    static const char frame[] =
        "{\"tenant\":1,\"messages\":[{\"role\":\"user\",\"content\":\"电话13812345678\"}],"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"description\":\"打13812345678\"}}],\"stops\":[\"13812345678\"]}";
    static const char masked[] =
        "{\"tenant\":1,\"messages\":[{\"role\":\"user\",\"content\":\"电话[手机号]\"}],"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"description\":\"打[手机号]\"}}],\"stops\":[\"13812345678\"]}";
    CHECK_STR(asked(GUARD_OFF, frame, "{}"), frame);
    CHECK_EQ(screen_count(&answer.guard.found[GUARD_PROMPTS]), 0);
    CHECK_STR(asked(GUARD_COUNT, frame, "{}"), frame);
    CHECK_EQ(answer.guard.found[GUARD_PROMPTS].of[PERSONAL_MOBILE], 2);
    CHECK(!answer.guard.masked);
    CHECK_STR(asked(GUARD_MASK, frame, "{}"), masked);
    CHECK(answer.guard.masked);
    // Tokens are no text that anybody could look at.
    static const char tokens[] = "{\"texts\":[[1,2,3]]}";
    CHECK_STR(asked(GUARD_COUNT, tokens, "{\"input\":[[1,2,3]]}"), tokens);
    CHECK(asked(GUARD_MASK, tokens, "{\"input\":[[1,2,3]]}") == NULL);
    CHECK(asked(GUARD_REFUSE, tokens, "{\"input\":[1,2,3]}") == NULL);
    CHECK_STR(asked(GUARD_MASK, "{\"texts\":[\"电话13812345678\"]}", "{\"input\":[\"x\"]}"),
              "{\"texts\":[\"电话[手机号]\"]}");
}

int main(void) {
    CHECK_RUN(questions_follow_the_rule);
    CHECK_RUN(answers_follow_the_rule);
    CHECK_RUN(who_leaves_is_counted_to_the_end);
    CHECK_RUN(calls_of_tools_are_kept_back);
    screen_close(part->screen);
    return check_done();
}
