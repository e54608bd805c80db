// What a model is judged by, out of a table's columns: ranges, categories, time, entities.
#include "flow/steps/frame_judge.h"

#include <unistd.h>

#include "check.h"
#include "support/small_table.h"

static char path[64];
static struct arena *arena;
static struct table *table; // names live as long as it

static void table_make(void) {
    struct buf text;
    buf_open(&text, 1 << 20);
    buf_add_str(
        &text,
        STR("病案号:text|sex:text:sensitive|age:integer:quasi|seen:date|x:number|y:integer\n"));
    for (int i = 0; i < 200; i++) {
        char line[120];
        snprintf(line, sizeof line, "P%03d|%s|%d|2020-%02d-%02d|%d.5|%s\n", i / 4,
                 i % 10 == 0  ? ""
                 : i % 2 == 0 ? "f"
                              : "m",
                 18 + i % 60, 1 + i / 20, 1 + i % 20, i % 13,
                 i == 7  ? ""
                 : i % 2 ? "1"
                         : "0");
        buf_add_str(&text, str_of(line));
    }
    buf_add_char(&text, '\0');
    snprintf(path, sizeof path, "/tmp/courtyard_frame_judge_%d", (int)getpid());
    small_table_write(path, (const char *)text.data);
    buf_close(&text);
}

static enum err judge(const char *by, struct judge_wish wish, struct table_frame *frame,
                      struct tabular_judge *out, struct fault *fault) {
    struct json *node = NULL;
    struct frame_wish asked = {.target = STR("y")};
    enum err err = frame_of_table(table, &asked, arena, NULL, frame, fault);
    if (err == OK && by) err = json_parse(str_of(by), &node, fault);
    wish.by = node;
    if (err == OK) err = frame_judge(table, &wish, arena, NULL, frame, out, fault);
    json_close(node);
    return err;
}

static void columns_become_groups(void) {
    struct table_frame frame;
    struct tabular_judge out;
    struct fault fault = {0};
    const char *by = "[\"sex\",{\"column\":\"age\",\"edges\":[30,60]},\"age\"]";
    REQUIRE(judge(by, (struct judge_wish){.time = STR("seen")}, &frame, &out, &fault) == OK);
    CHECK_EQ(frame.frame.rows, 199);
    REQUIRE(out.by_count == 3);
    const struct judge_column *sex = &out.by[0], *age = &out.by[1], *quarters = &out.by[2];
    CHECK_EQ(sex->value_count, 3);
    CHECK_TEXT(sex->values[0], "f");
    CHECK_TEXT(sex->values[1], "m");
    CHECK_EQ(sex->values[2].size, 0); // missing
    CHECK_EQ(sex->value[0], 2);
    CHECK_EQ(sex->value[1], 1);
    CHECK_EQ(sex->value[7], 0); // the eighth row has no target: the ninth is here
    CHECK_EQ(age->value_count, 4);
    CHECK_TEXT(age->values[0], "< 30");
    CHECK_TEXT(age->values[1], "30 – < 60");
    CHECK_TEXT(age->values[2], "≥ 60");
    CHECK_EQ(age->value[0], 0);
    CHECK_EQ(age->value[13], 1); // 18 + 14
    CHECK_EQ(quarters->value_count, 5);
    uint64_t counts[5] = {0};
    for (uint64_t i = 0; i < 199; i++) counts[quarters->value[i]]++;
    for (int q = 0; q < 4; q++) CHECK_NEAR((double)counts[q], 50, 12);
    CHECK_EQ(counts[4], 0);
    CHECK(out.time_splits && out.time != NULL);
    CHECK_TEXT(out.time_name, "seen");
    CHECK(out.time[0] < out.time[30]);
    // The column that names patients was found by itself: four rows each.
    CHECK_TEXT(out.entity_name, "病案号");
    CHECK(out.entity[0] == out.entity[3] && out.entity[3] != out.entity[4]);
}

static void nothing_is_asked(void) {
    struct table_frame frame;
    struct tabular_judge out;
    struct fault fault = {0};
    REQUIRE(judge(NULL, (struct judge_wish){.group = STR("病案号")}, &frame, &out, &fault) == OK);
    CHECK_EQ(out.by_count, 0);
    CHECK(out.entity == NULL);                   // the split sees to it
    CHECK(out.time != NULL && !out.time_splits); // to warn of, not to split by
}

static void wrong_wishes_are_told(void) {
    struct table_frame frame;
    struct tabular_judge out;
    static const struct {
        const char *by, *time, *code;
    } cases[] = {
        {"[\"nobody\"]", "", "train.unknown_column"},
        {"[{\"column\":\"age\",\"edges\":[60,30]}]", "", "train.bad_edges"},
        {"[{\"column\":\"sex\",\"edges\":[1]}]", "", "train.bad_edges"},
        {NULL, "sex", "train.bad_time"},
        {NULL, "nothing", "train.unknown_column"},
        {"[\"x\",\"x\",\"x\",\"x\",\"x\",\"x\",\"x\",\"x\",\"x\"]", "", "train.bad_option"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault fault = {0};
        struct judge_wish wish = {.time = str_of(cases[i].time)};
        CHECK_EQ(judge(cases[i].by, wish, &frame, &out, &fault), ERR_INPUT);
        CHECK_STR(fault.code, cases[i].code);
    }
    struct fault fault = {0};
    REQUIRE(judge("[\"病案号\"]", (struct judge_wish){0}, &frame, &out, &fault) == OK);
    CHECK_EQ(out.by_count, 0); // fifty patients are no groups
    CHECK_STR(frame.warnings[frame.warning_count - 1].code, "train.judge_left_out");
}

int main(void) {
    table_make();
    CHECK(arena_open((size_t)64 << 20, &arena) == OK && table_open(path, &table, NULL) == OK);
    CHECK_RUN(columns_become_groups);
    CHECK_RUN(nothing_is_asked);
    CHECK_RUN(wrong_wishes_are_told);
    table_close(table);
    arena_close(arena);
    unlink(path);
    return check_done();
}
