// A target out of two dates: in time or not, how long it took, what nobody can know yet; dates as
// dates, as times and as texts; what is refused, and with which sentence.
#include "flow/steps/dates_target.h"

#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"
#include "check.h"

enum { ROWS_MAX = 400 };

static struct arena *arena;
static char folder[128], path[200], with[200]; // tables: as given, with the target
static struct table *made;                     // of the last dates()
static struct json *node;
static struct fault fault;
static struct dates_told told;

struct row {
    const char *start, *end, *due;
};

static bool cell_set(struct batch_builder *b, uint32_t column, enum column_type type,
                     const char *text) {
    int64_t value = 0;
    if (!text) return true;
    if (type == COLUMN_TEXT) return batch_set_text(b, column, str_of(text)) == OK;
    bool right =
        type == COLUMN_DATE ? date_parse(str_of(text), &value) : time_parse(str_of(text), &value);
    batch_set_integer(b, column, value);
    return right;
}

// start, due, end, n
static void table_make(enum column_type start, enum column_type end, const struct row *rows,
                       uint32_t count) {
    struct field fields[] = {{STR("start"), start, COLUMN_PLAIN},
                             {STR("due"), COLUMN_DATE, COLUMN_PLAIN},
                             {STR("end"), end, COLUMN_PLAIN},
                             {STR("n"), COLUMN_INTEGER, COLUMN_PLAIN}};
    struct schema schema = {fields, 4};
    struct batch_builder *builder;
    struct table_writer *writer;
    unlink(path);
    REQUIRE(batch_builder_open(&schema, &builder) == OK);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(cell_set(builder, 0, start, rows[i].start));
        CHECK(cell_set(builder, 1, COLUMN_DATE, rows[i].due));
        CHECK(cell_set(builder, 2, end, rows[i].end));
        batch_set_integer(builder, 3, i);
        batch_row_end(builder);
    }
    struct batch batch = batch_builder_view(builder);
    CHECK_EQ(table_writer_open(path, &schema, &writer, NULL), OK);
    CHECK_EQ(table_writer_add(writer, &batch, NULL), OK);
    CHECK_EQ(table_writer_finish(writer, NULL), OK);
    batch_builder_close(builder);
}

// Reads the wish ({"start":"start","end":"end"} and `more` behind it) and makes the table.
static enum err dates(const char *more, bool event) {
    char text[512];
    struct dates_target wish;
    struct table *table;
    bool has;
    if (made) table_close(made);
    made = NULL;
    json_close(node);
    node = NULL;
    fault = (struct fault){0};
    arena_reset(arena);
    unlink(with);
    snprintf(text, sizeof text, "{\"target\":{\"start\":\"start\",\"end\":\"end\"%s}}", more);
    enum err err = json_parse(str_of(text), &node, &fault);
    if (err == OK) err = dates_target_read(node, &wish, &has, &fault);
    if (err != OK) return err;
    CHECK(has);
    if (!CHECK(table_open(path, &table, NULL) == OK)) return ERR_IO;
    err = dates_target_table(&wish, STR("y"), event, table, with, arena, NULL, &told, &fault);
    table_close(table);
    if (err == OK) CHECK_EQ(table_open(with, &made, NULL), OK);
    CHECK_EQ(file_exists(with), err == OK);
    return err;
}

static const struct column *column_of(const char *name) {
    static struct batch batch;
    if (!CHECK(table_batch(made, 0, arena, &batch, NULL) == OK)) return NULL;
    int32_t at = schema_find(table_schema(made), str_of(name));
    return at < 0 ? NULL : &batch.columns[at];
}

// "yes no ? …" of a target of classes.
static void answers(const char *want) {
    char got[ROWS_MAX * 8] = "";
    const struct column *y = column_of("y");
    REQUIRE(y != NULL);
    for (uint32_t i = 0; i < table_rows(made); i++) {
        struct str word = column_valid(y, i) ? column_text(y, i) : STR("?");
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", i ? " " : "",
                 STR_ARG(word));
    }
    CHECK_STR(got, want);
}

static void in_time_or_not(void) {
    static const struct row rows[] = {
        {"2026-01-01 08:00", "2026-01-02 08:00", NULL}, // in exactly a day
        {"2026-01-01 08:00", "2026-01-02 08:01", NULL}, // a minute late
        {"2026-01-01 08:00", NULL, NULL},               // open, older than the limit
        {"2026-01-09 12:00", NULL, NULL},               // open, younger: unknown
        {"2026-01-09 12:00", "2026-01-09 13:00", NULL}, // ended, as young: the quick ones alone
        {NULL, "2026-01-05 00:00", NULL},               // nobody knows when it began
        {"2026-01-05 00:00", "2026-01-04 00:00", NULL}, // ended before it began
        {"2026-01-05 00:00", "2026-01-10 00:00", NULL}, // the last date of all
        {"2026-01-09 00:00", NULL, NULL},               // open, as old as the limit: may still do
    };
    table_make(COLUMN_TIME, COLUMN_TIME, rows, 9);
    REQUIRE(dates(",\"within\":1", false) == OK);
    answers("yes no no ? ? ? ? no ?");
    CHECK_EQ(told.known, 4);
    CHECK_EQ(told.young, 3);
    CHECK_EQ(told.backwards, 1);
    CHECK_EQ(told.unreadable, 0);
    CHECK_EQ(told.missing, 1);
    CHECK(told.clock && told.reach);
    CHECK_EQ(told.as_of_s, 20463 * (int64_t)86400); // 2026-01-10
    CHECK(column_of("end") == NULL && column_of("start") && column_of("n"));
    REQUIRE(dates(",\"within\":24,\"unit\":\"hours\",\"yes\":\"按时\",\"no\":\"超时\"", false) ==
            OK);
    answers("按时 超时 超时 ? ? ? ? 超时 ?");
    REQUIRE(dates(",\"within\":1,\"as_of\":\"2026-01-03\"", false) == OK);
    answers("yes no no ? ? ? ? ? ?"); // what begins after it is too young, too
    CHECK_EQ(dates(",\"within\":1,\"as_of\":\"2026-01-02 08:00\"", false), ERR_INPUT);
    CHECK_STR(fault.code, "train.all_too_young");
}

static void how_long_it_took(void) {
    static const struct row rows[] = {
        {"2026-01-01", "2026-01-11", "2026-01-05"},
        {"2026-01-01", NULL, "2026-01-05"},
        {"2026-01-03", "2026-01-03", "2026-01-03"},
        {NULL, NULL, NULL},
    };
    table_make(COLUMN_DATE, COLUMN_DATE, rows, 4);
    REQUIRE(dates("", false) == OK);
    const struct column *y = column_of("y");
    CHECK_EQ(y->type, COLUMN_NUMBER);
    CHECK_NEAR(column_number(y, 0), 10, 0);
    CHECK(isnan(column_number(y, 1)) && isnan(column_number(y, 3)));
    CHECK_NEAR(column_number(y, 2), 0, 0);
    CHECK(!told.reach && !told.clock);
    CHECK_EQ(told.missing, 2);
    REQUIRE(dates(",\"unit\":\"hours\"", true) == OK);
    y = column_of("y");
    const struct column *ended = column_of("end");
    REQUIRE(ended != NULL);
    CHECK_EQ(ended->type, COLUMN_BOOLEAN);
    CHECK_NEAR(column_number(y, 0), 240, 0);
    CHECK_NEAR(column_number(y, 1), 240, 0); // up to where the data reaches
    CHECK(ended->booleans[0] && !ended->booleans[1] && ended->booleans[2]);
    CHECK(!column_valid(y, 3));
    // Two of the three that have a start are due later.
    CHECK_EQ(told.after_count, 1);
    CHECK_TEXT(told.after[0], "due");
}

// A date beside a time of the day: both count in days, so that 10:00 does not end before it starts.
static void days_where_one_has_no_clock(void) {
    static const struct row rows[] = {
        {"2026-01-01 10:00", "2026-01-01", NULL},
        {"2026-01-01 23:00", "2026-01-03", NULL},
        {"2026-01-02 01:00", "2026-01-09", NULL},
    };
    table_make(COLUMN_TIME, COLUMN_DATE, rows, 3);
    REQUIRE(dates(",\"within\":2", false) == OK);
    answers("yes yes no");
    CHECK_EQ(told.backwards, 0);
    CHECK(!told.clock);
}

static void texts(void) {
    static const struct row rows[] = {
        {"3/1/2026 9:00", "3/1/2026 10:00", NULL}, {"3/14/2026 9:00", "", NULL},
        {"2026-03-02 9:00", "soon", NULL},         {"3/3/2026 9:00", "2026-03-20 9:00", NULL},
        {"yesterday", "2026-03-20 9:00", NULL},
    };
    table_make(COLUMN_TEXT, COLUMN_TEXT, rows, 5);
    REQUIRE(dates(",\"within\":3", false) == OK);
    // A day over 12 among the starts shows that the month stands first; among the ends none does.
    answers("? no ? no ?");
    CHECK_EQ(told.unreadable, 3);
    static const struct row known[] = {
        {"3/1/2026 9:00", "3/1/2026 10:00", NULL},
        {"3/14/2026 9:00", "3/15/2026 9:00", NULL},
        {"3/2/2026 9:00", "3/31/2026", NULL},
    };
    table_make(COLUMN_TEXT, COLUMN_TEXT, known, 3);
    REQUIRE(dates(",\"within\":3", false) == OK);
    answers("yes yes no");
    CHECK_EQ(told.unreadable, 0);
}

static void refused(const char *more, const char *code) {
    CHECK_EQ(dates(more, false), ERR_INPUT);
    CHECK_STR(fault.code, code);
}

static void what_cannot_be(void) {
    static const struct row swapped[] = {{"2026-01-02", "2026-01-03", NULL},
                                         {"2026-01-05", "2026-01-01", NULL},
                                         {"2026-01-05", "2026-01-02", NULL}};
    table_make(COLUMN_DATE, COLUMN_DATE, swapped, 3);
    refused(",\"within\":1", "train.end_before_start");
    CHECK_EQ(fault.row, 2);
    CHECK_TEXT(str_of(fault.detail), "end");
    refused(",\"within\":0", "train.bad_within");
    refused(",\"within\":-1", "train.bad_within");
    refused(",\"within\":\"soon\"", "train.bad_within");
    refused(",\"within\":2e6", "train.bad_within");
    refused(",\"unit\":\"weeks\"", "prepare.bad_option");
    refused(",\"as_of\":\"now\"", "prepare.bad_option");
    refused(",\"yes\":\"a\",\"no\":\"a\"", "prepare.bad_option");
    static const struct row words[] = {{"one", "2026-01-03", NULL}, {"two", NULL, NULL}};
    table_make(COLUMN_TEXT, COLUMN_DATE, words, 2);
    refused(",\"within\":1", "train.not_dates");
    CHECK_TEXT(str_of(fault.detail), "start");
    static const struct row ends[] = {{"2026-01-03", "one", NULL}, {"2026-01-03", NULL, NULL}};
    table_make(COLUMN_DATE, COLUMN_TEXT, ends, 2);
    refused(",\"within\":1", "train.not_dates");
    CHECK_TEXT(str_of(fault.detail), "end");
}

static void check_of(const char *options, const char *code) {
    static struct field fields[] = {{{"start", 5}, COLUMN_DATE, COLUMN_PLAIN},
                                    {{"end", 3}, COLUMN_TIME, COLUMN_PLAIN},
                                    {{"n", 1}, COLUMN_INTEGER, COLUMN_PLAIN}};
    const struct schema schema = {fields, 3};
    struct json *all = NULL;
    struct dates_target wish;
    bool has = false;
    fault = (struct fault){0};
    REQUIRE(json_parse(str_of(options), &all, &fault) == OK);
    enum err err = dates_target_read(json_member(all, "prepare"), &wish, &has, &fault);
    if (err == OK) err = dates_target_check(&wish, all, &schema, &fault);
    CHECK_EQ(err, code[0] ? ERR_INPUT : OK);
    CHECK_STR(fault.code, code);
    json_close(all);
}

#define DATES "\"prepare\":{\"target\":{\"start\":\"start\",\"end\":\"end\",\"within\":1}"
#define TIMES "\"prepare\":{\"target\":{\"start\":\"start\",\"end\":\"end\"}"

static void the_end_is_for_nothing_else(void) {
    check_of("{\"target\":\"y\"," DATES "}}", "");
    check_of("{\"target\":\"end\"," DATES "}}", ""); // it gives its name away
    check_of("{\"target\":\"n\"," DATES "}}", "train.target_taken");
    check_of("{\"target\":\"y\",\"series\":{}," DATES "}}", "prepare.bad_option");
    check_of("{\"target\":\"y\",\"features\":[\"n\",\"end\"]," DATES "}}", "train.end_known_later");
    check_of("{\"target\":\"y\",\"judge_by\":[{\"column\":\"end\"}]," DATES "}}",
             "train.end_known_later");
    check_of("{\"target\":\"y\",\"time\":\"end\"," DATES "}}", "train.end_known_later");
    check_of("{\"target\":\"y\"," DATES ",\"steps\":[{\"kind\":\"calendar\",\"column\":\"end\"}]}}",
             "train.end_known_later");
    check_of("{\"target\":\"y\",\"event\":\"end\"," TIMES "}}", "");
    check_of("{\"target\":\"y\",\"event\":\"end\"," DATES "}}", "train.end_known_later");
    check_of("{\"target\":\"end\",\"event\":\"end\"," TIMES "}}", "train.target_taken");
    check_of("{\"target\":\"y\",\"prepare\":{\"target\":{\"start\":\"n\",\"end\":\"end\"}}}",
             "train.not_dates");
    check_of("{\"target\":\"y\",\"prepare\":{\"target\":{\"start\":\"no\",\"end\":\"end\"}}}",
             "train.unknown_column");
}

int main(void) {
    snprintf(folder, sizeof folder, "/tmp/courtyard-dates-%d", (int)getpid());
    snprintf(path, sizeof path, "%s-table", folder);
    snprintf(with, sizeof with, "%s-with", folder);
    CHECK_EQ(arena_open((size_t)64 << 20, &arena), OK);
    CHECK_RUN(in_time_or_not);
    CHECK_RUN(how_long_it_took);
    CHECK_RUN(days_where_one_has_no_clock);
    CHECK_RUN(texts);
    CHECK_RUN(what_cannot_be);
    CHECK_RUN(the_end_is_for_nothing_else);
    if (made) table_close(made);
    json_close(node);
    arena_close(arena);
    unlink(path);
    unlink(with);
    return check_done();
}
