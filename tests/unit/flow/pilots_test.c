// The program's own templates against the wings they name: each recipe can run on the columns a
// file of the template's has, and each training's options are known.
#include "check.h"
#include "data/cleanse/cleanse.h"
#include "flow/models/pilots.h"
#include "model/tabular/tabular.h"

static struct templates *templates;
static struct arena *arena;

// Every part is there, under its own name.
static struct json *mapping_of(const struct template *one, bool needed_only) {
    struct buf text;
    struct json *mapping = NULL;
    buf_open(&text, 64 * 1024);
    struct json_writer out = json_writer_of(&text);
    json_open_object(&out);
    for (uint32_t i = 0; i < one->column_count; i++) {
        if (needed_only && !one->columns[i].needed) continue;
        json_put_name_str(&out, one->columns[i].name);
        json_put_text(&out, one->columns[i].name);
    }
    json_close_object(&out);
    CHECK_EQ(json_parse(buf_str(&text), &mapping, NULL), OK);
    buf_close(&text);
    return mapping;
}

static struct schema schema_of(const struct template *one, bool needed_only) {
    struct schema schema = {.fields = ARENA_ARRAY(arena, struct field, one->column_count)};
    for (uint32_t i = 0; i < one->column_count; i++) {
        if (needed_only && !one->columns[i].needed) continue;
        struct field *field = &schema.fields[schema.count++];
        field->name = one->columns[i].name;
        CHECK(column_type_from_name(one->columns[i].type, &field->type));
    }
    return schema;
}

static void recipe_runs(const struct template *one, bool needed_only) {
    struct buf text;
    struct json *body = NULL, *mapping = mapping_of(one, needed_only);
    struct recipe *recipe = NULL;
    struct fault fault = {0};
    struct schema schema = schema_of(one, needed_only);
    struct pilot_parts parts = {one, mapping, false};
    buf_open(&text, 64 * 1024);
    struct json_writer out = json_writer_of(&text);
    pilot_cleanse_body(&out, &parts, 1);
    CHECK_EQ(json_parse(buf_str(&text), &body, NULL), OK);
    struct str line = json_member_text(body, "recipe");
    enum err err = recipe_parse(line, &schema, NULL, NULL, &recipe, &fault);
    check_that(err == OK, __FILE__, __LINE__, "%.*s: line %u: %s %s", STR_ARG(one->id),
               (unsigned)fault.row, fault.code, fault.detail);
    recipe_close(recipe);
    json_close(body);
    json_close(mapping);
    buf_close(&text);
}

static void training_is_known(const struct template *one) {
    struct buf text;
    struct json *body = NULL, *mapping = mapping_of(one, false);
    struct fault fault = {0};
    struct tabular_options options;
    struct pilot_parts parts = {one, mapping, false};
    struct pilot_run run = {.name = STR("a name"), .positive = STR("yes")};
    buf_open(&text, 64 * 1024);
    struct json_writer out = json_writer_of(&text);
    pilot_train_body(&out, &parts, &run);
    REQUIRE(json_parse(buf_str(&text), &body, NULL) == OK);
    CHECK(str_equal(json_member_text(body, "target"), one->columns[one->target].name));
    CHECK_TEXT(json_member_text(body, "positive"), "yes");
    CHECK(json_first(json_member(body, "features")) || json_member(body, "series"));
    enum err err = tabular_options_read(json_member(body, "options"), &options, &fault);
    check_that(err == OK, __FILE__, __LINE__, "%.*s: %s %s", STR_ARG(one->id), fault.code,
               fault.detail);
    json_close(body);
    json_close(mapping);
    buf_close(&text);
}

static void every_recipe_runs(void) {
    for (uint32_t i = 0; i < templates_count(templates); i++) {
        arena_reset(arena);
        recipe_runs(templates_at(templates, i), false);
        recipe_runs(templates_at(templates, i), true);
    }
}

static void every_training_is_known(void) {
    for (uint32_t i = 0; i < templates_count(templates); i++) {
        training_is_known(templates_at(templates, i));
    }
}

// A table of a column for each detector: no column is called the target, and lines for one are left
// out; the graph goes into the wish.
static void many_columns_make_a_wide_series(void) {
    const struct template *one = template_find(templates, STR("transport-speeds"));
    struct json *mapping = NULL, *body = NULL;
    struct buf text;
    REQUIRE(one && json_parse(STR("{\"time\":\"t\",\"speed\":\"*\"}"), &mapping, NULL) == OK);
    struct pilot_parts parts = {one, mapping, false};
    struct pilot_run run = {.name = STR("a"), .graph = STR("[[\"a\",\"b\",1]]")};
    buf_open(&text, 64 * 1024);
    pilot_recipe_text(&text, &parts);
    CHECK_TEXT(buf_str(&text), "recipe 1\ndrop missing=time\n");
    buf_clear(&text);
    struct json_writer out = json_writer_of(&text);
    pilot_train_body(&out, &parts, &run);
    REQUIRE(json_parse(buf_str(&text), &body, NULL) == OK);
    const struct json *series = json_member(body, "series");
    CHECK_TEXT(json_member_text(body, "target"), "speed");
    CHECK(json_member_bool(series, "wide", false) && !json_member(series, "value"));
    CHECK_TEXT(json_text(json_first(json_first(json_member(series, "graph")))), "a");
    json_close(body);
    json_close(mapping);
    buf_close(&text);
}

// A release keeps its own names.
static void a_release_keeps_its_names(void) {
    struct json *mapping = NULL;
    REQUIRE(json_parse(STR("{\"glucose\":\"血糖\"}"), &mapping, NULL) == OK);
    struct pilot_parts parts = {templates_at(templates, 0), mapping, true};
    CHECK_TEXT(pilot_part(&parts, STR("glucose")), "血糖");
    CHECK_EQ(pilot_part(&parts, STR("age")).size, 0);
    parts.released = false;
    CHECK_TEXT(pilot_part(&parts, STR("glucose")), "glucose");
    CHECK_EQ(pilot_part(&parts, STR("age")).size, 0);
    json_close(mapping);
}

int main(void) {
    struct fault fault = {0};
    if (arena_open(1 << 20, &arena) != OK || templates_open(&templates, &fault) != OK) {
        fprintf(stderr, "%s %s\n", fault.code, fault.detail);
        return 1;
    }
    CHECK_RUN(every_recipe_runs);
    CHECK_RUN(every_training_is_known);
    CHECK_RUN(many_columns_make_a_wide_series);
    CHECK_RUN(a_release_keeps_its_names);
    templates_close(templates);
    arena_close(arena);
    return check_done();
}
