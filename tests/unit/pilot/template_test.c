// Templates: the program's own are whole, a wrong one is told what is wrong in it, and columns are
// found by name, by nearly the name, by place and by values.
#include "pilot/template.h"

#include "check.h"
#include "pilot/synthetic.h"

static struct arena *arena;
static struct fault fault;

static void the_own_ones_are_whole(void) {
    struct templates *templates = NULL;
    fault = (struct fault){0};
    REQUIRE(templates_open(&templates, &fault) == OK);
    CHECK(templates_count(templates) >= 2);
    for (uint32_t i = 0; i < templates_count(templates); i++) {
        const struct template *one = templates_at(templates, i);
        CHECK(template_find(templates, one->id) == one);
        CHECK(one->columns[one->target].use == USE_TARGET);
        CHECK_STR(template_use_name(one->columns[one->target].use), "target");
    }
    CHECK(!templates_at(templates, templates_count(templates)));
    CHECK(!template_find(templates, STR("none")));
    templates_close(templates);
}

// clang-format off
#define BOTH "{\"zh-CN\":\"中\",\"en\":\"en\"}"
#define TITLE "\"title\":" BOTH ","
static const char whole_text[] =
    "{\"id\":\"a-test\",\"field\":\"medical\"," TITLE
    "\"summary\":" BOTH ",\"needs\":" BOTH ",\"row\":" BOTH ",\"purpose\":" BOTH ","
    "\"limits\":" BOTH ",\"columns\":["
    "{\"name\":\"age\"," TITLE "\"names\":[\"年龄\",\"years old\"],\"type\":\"number\","
    "\"needed\":true,\"use\":\"feature\",\"low\":0,\"high\":130},"
    "{\"name\":\"weight\"," TITLE "\"names\":[\"体重\"],\"type\":\"number\","
    "\"needed\":false,\"use\":\"feature\"},"
    "{\"name\":\"ill\"," TITLE "\"names\":[\"患病\"],\"type\":\"text\","
    "\"needed\":true,\"use\":\"target\",\"values\":[{\"value\":\"0\"," TITLE
    "\"names\":[\"否\"]},{\"value\":\"1\"," TITLE "\"names\":[\"是\"]}]}],"
    "\"layouts\":[[\"weight\",\"age\",\"ill\"]],\"positive\":\"1\","
    "\"recipe\":[\"drop missing=@ill\",\"check @weight:2..500 action=missing\"],"
    "\"train\":{\"target\":\"@ill\",\"options\":{\"monotone\":{\"@weight\":1,\"@age\":1}}},"
    "\"judge\":{\"headline\":\"auc\",\"metrics\":[{\"name\":\"auc\"," TITLE
    "\"explain\":" BOTH "}]},\"result\":[\"verdict\"]}";
// clang-format on
static struct json *root;
static struct template whole;

static bool read_text(const char *text) {
    struct json *node = NULL;
    struct template one;
    fault = (struct fault){0};
    arena_reset(arena);
    bool good = template_read(str_of(text), arena, &node, &one, &fault) == OK;
    json_close(node);
    return good;
}

// The whole text with one piece of it replaced.
static bool read_with(const char *piece, const char *other) {
    char text[sizeof whole_text + 256];
    const char *at = strstr(whole_text, piece);
    if (!at) return true;
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - whole_text), whole_text, other,
             at + strlen(piece));
    return read_text(text);
}

static void a_wrong_one_is_told(void) {
    static const struct {
        const char *piece, *other, *told;
    } wrongs[] = {
        {"a-test", "A test", "id"},
        {"\"medical\"", "\"kitchen\"", "field kitchen"},
        {"\"summary\":{\"zh-CN\":\"中\"", "\"summary\":{\"zh-CN\":\"\"", "summary"},
        {"\"name\":\"weight\"", "\"name\":\"age\"", "columns age"},
        {"\"use\":\"target\"", "\"use\":\"feature\"", "target"},
        {"\"type\":\"text\"", "\"type\":\"colour\"", "type ill"},
        {"@weight:2", "@height:2", "recipe height"},
        {"\"@age\"", "\"@page\"", "train page"},
        {"\"headline\":\"auc\"", "\"headline\":\"ks\"", "headline"},
        {"\"verdict\"", "\"poem\"", "result poem"},
        {"[\"weight\",\"age\",\"ill\"]", "[\"weight\",\"aged\"]", "layouts aged"},
        {"\"positive\":\"1\"", "\"positive\":\"2\"", "positive 2"},
        {"\"needed\":false,\"use\":\"feature\"", "\"needed\":false,\"use\":\"event\"",
         "event weight"},
        {"\"result\"",
         "\"demonstration\":{\"kind\":\"package\",\"package\":\"p\",\"file\":"
         "\"../secret\",\"source\":{\"zh-CN\":\"中\",\"en\":\"e\"}},\"result\"",
         "demonstration file"},
    };
    CHECK(read_text(whole_text));
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        CHECK(!read_with(wrongs[i].piece, wrongs[i].other));
        CHECK_STR(fault.code, "pilot.bad_template");
        if (!strstr(fault.detail, wrongs[i].told)) CHECK_STR(fault.detail, wrongs[i].told);
    }
    CHECK(!read_text("{"));
    CHECK(!read_text("[]"));
}

// The data has no column for the weight.
static struct str name_of(void *ctx, struct str part) {
    (void)ctx;
    if (str_is(part, "ill")) return STR("患 病\"?");
    return str_is(part, "weight") ? STR_NONE : part;
}

// Where an event says whether it happened, the value to be found is one of the event's.
static void an_event_has_the_positive_value(void) {
    struct json *node = NULL;
    struct template one;
    char text[sizeof whole_text + 256];
    const char *piece = "\"use\":\"target\"", *at = strstr(whole_text, piece);
    REQUIRE(at);
    snprintf(text, sizeof text, "%.*s\"use\":\"event\"%s", (int)(at - whole_text), whole_text,
             at + strlen(piece));
    char *age = strstr(text, "\"use\":\"feature\"");
    REQUIRE(age);
    memcpy(age, "\"use\":\"target\" ", strlen("\"use\":\"feature\"")); // the age
    arena_reset(arena);
    REQUIRE(template_read(str_of(text), arena, &node, &one, &fault) == OK);
    CHECK_EQ(one.target, 0);
    CHECK_EQ(one.outcome, 2);
    const struct str names[] = {STR("age"), STR("患病")}, cells[] = {STR("1"), STR("是")};
    const struct match_source source = {names, 2, cells, 1, true};
    CHECK_TEXT(match_positive(&one, &source, 1), "是");
    json_close(node);
}

// No file has the values of a target made out of two dates.
static void a_target_of_dates_has_its_own_values(void) {
    struct templates *templates = NULL;
    const struct str names[] = {STR("受理时间"), STR("办结时间"), STR("事项")};
    const struct str cells[] = {STR("2026-01-01 08:00"), STR(""), STR("停水")};
    const struct match_source source = {names, 3, cells, 1, true};
    struct match found[TEMPLATE_COLUMNS_MAX];
    REQUIRE(templates_open(&templates, NULL) == OK);
    const struct template *one = template_find(templates, STR("urban-closing"));
    if (CHECK(one != NULL)) {
        CHECK(one->dated && !whole.dated);
        CHECK_TEXT(one->columns[one->target].name, "closed");
        arena_reset(arena);
        CHECK_EQ(template_match(one, &source, arena, found), OK);
        CHECK_EQ(found[one->target].from, 1);
        CHECK_TEXT(match_positive(one, &source, 1), "late");
    }
    templates_close(templates);
}

static void columns_stand_in_place_of_parts(void) {
    const struct template_parts parts = {name_of, NULL};
    struct buf out;
    buf_open(&out, 4096);
    CHECK(template_line(STR("drop missing=@ill,@age"), &parts, &out));
    CHECK_TEXT(buf_str(&out), "drop missing=\"患 病\\\"?\",age\n");
    CHECK(!template_line(STR("check @age:1.. @weight:2.."), &parts, &out));
    CHECK_TEXT(buf_str(&out), "drop missing=\"患 病\\\"?\",age\n");
    buf_clear(&out);
    CHECK(template_value(json_member(whole.node, "train"), &parts, &out));
    CHECK_TEXT(buf_str(&out), "{\"target\":\"患 病\\\"?\",\"options\":{\"monotone\":{\"age\":1}}}");
    buf_clear(&out);
    struct json *node = NULL;
    REQUIRE(json_parse(
                STR("[\"@age:scaffold\",{\"any\":[[\"@weight\",\"@age\"],\"@weight\",[\"@age\"]]},"
                    "{\"any\":[\"@weight\"]},\"a@b\"]"),
                &node, NULL) == OK);
    CHECK(template_value(node, &parts, &out));
    CHECK_TEXT(buf_str(&out), "[\"age:scaffold\",[\"age\"],\"a@b\"]");
    json_close(node);
    buf_clear(&out);
    REQUIRE(
        json_parse(STR("[{\"kind\":\"calendar\",\"column\":\"@weight\"},{\"column\":\"@age\"}]"),
                   &node, NULL) == OK);
    CHECK(template_value(node, &parts, &out));
    CHECK_TEXT(buf_str(&out), "[{\"column\":\"age\"}]");
    json_close(node);
    buf_close(&out);
}

static void names_are_folded(void) {
    static const char *const pairs[][2] = {
        {"Ａｇｅ (years)", "age"},
        {"age_YEARS", "ageyears"},
        {"血糖（mg/dL）", "血糖"},
        {"体重指数 [kg/m²]", "体重指数"},
        {"(x)", "x"},
        {"　年 龄　", "年龄"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct buf out;
        buf_open(&out, 256);
        match_fold(str_of(pairs[i][0]), &out);
        CHECK_TEXT(buf_str(&out), pairs[i][1]);
        buf_close(&out);
    }
}

static struct match found[3];

static void look(const char *const *names, const char *const *cells, uint32_t columns,
                 uint32_t rows, bool header, struct match_source *source) {
    struct str *name = ARENA_ARRAY(arena, struct str, columns);
    struct str *cell = ARENA_ARRAY(arena, struct str, columns * rows + 1);
    for (uint32_t i = 0; i < columns; i++) name[i] = str_of(names[i]);
    for (uint32_t i = 0; i < columns * rows; i++) cell[i] = str_of(cells[i]);
    *source = (struct match_source){name, columns, rows ? cell : NULL, rows, header};
    CHECK_EQ(template_match(&whole, source, arena, found), OK);
}

static void columns_are_found(void) {
    struct match_source source;
    static const char *const names[] = {"No.", "患者年龄", "体重(kg)", "y"};
    static const char *const cells[] = {"1", "44", "70", "否", "2", "51", "66", "是"};
    look(names, cells, 4, 2, true, &source);
    CHECK(found[0].from == 1 && found[0].why == MATCH_SIMILAR && !found[0].doubtful);
    CHECK(found[1].from == 2 && found[1].why == MATCH_NAME && found[1].confidence == 1);
    CHECK(found[2].from == 3 && found[2].why == MATCH_VALUES);
    CHECK_TEXT(match_positive(&whole, &source, found[2].from), "是");
    CHECK_EQ(match_positive(&whole, &source, -1).size, 0);
    CHECK_EQ(match_positive(&whole, &source, 1).size, 0);
}

static void the_surer_one_gets_the_column(void) {
    struct match_source source;
    static const char *const names[] = {"年龄段", "年龄", "rownames"};
    look(names, NULL, 3, 0, true, &source);
    CHECK_EQ(found[0].from, 1);
    CHECK_EQ(found[1].from, -1);
    CHECK_EQ(found[2].from, -1);
}

static void values_that_do_not_fit_are_doubted(void) {
    struct match_source source;
    static const char *const names[] = {"年龄", "患病"};
    static const char *const cells[] = {"old", "是", "1987", "否", "NA", "是"};
    look(names, cells, 2, 3, true, &source);
    CHECK(found[0].from == 0 && found[0].doubtful && found[0].confidence == 0.5);
    CHECK(!found[2].doubtful);
    // One that may be missing is better left out than filled with what cannot be read.
    static const char *const others[] = {"体重", "患病"};
    static const char *const words[] = {"heavy", "是", "light", "否"};
    look(others, words, 2, 2, true, &source);
    CHECK_EQ(found[1].from, -1);
}

static void a_known_layout_needs_no_header(void) {
    struct match_source source;
    static const char *const names[] = {"column_1", "column_2", "column_3"};
    static const char *const cells[] = {"70", "44", "1", "66", "51", "0"};
    look(names, cells, 3, 2, false, &source);
    CHECK(found[0].from == 1 && found[0].why == MATCH_POSITION);
    CHECK(found[1].from == 0 && found[2].from == 2);
    static const char *const others[] = {"x", "999", "maybe", "y", "998", "no"};
    look(names, others, 3, 2, false, &source);
    CHECK(found[0].from == -1 && found[1].from == -1 && found[2].from == -1);
    look(names, cells, 2, 2, false, &source);
    CHECK(found[0].from == -1 && found[1].from == -1);
}

// A table of a column for each detector: what is left of its numbers is what the part holds.
static void the_rest_is_of_a_part_of_many(void) {
    static const char text[] =
        "{\"id\":\"many\",\"field\":\"transport\"," TITLE "\"summary\":" BOTH ",\"needs\":" BOTH
        ",\"row\":" BOTH ",\"purpose\":" BOTH ",\"limits\":" BOTH ",\"columns\":["
        "{\"name\":\"time\"," TITLE
        "\"names\":[\"时间\"],\"type\":\"time\",\"needed\":true,\"use\":\"time\"},"
        "{\"name\":\"place\"," TITLE
        "\"names\":[\"断面\"],\"type\":\"text\",\"needed\":false,\"use\":\"group\"},"
        "{\"name\":\"speed\"," TITLE "\"names\":[\"车速\"],\"type\":\"number\",\"needed\":true,"
        "\"many\":true,\"use\":\"target\",\"low\":0,\"high\":300}],"
        "\"recipe\":[\"drop missing=@time\"],\"train\":{\"target\":\"@speed\"},"
        "\"judge\":{\"headline\":\"mae\",\"metrics\":[{\"name\":\"mae\"," TITLE "\"explain\":" BOTH
        "}]},\"result\":[\"verdict\"]}";
    static const char *const wide[] = {"时间", "773869", "speed_2", "note"};
    static const char *const wide_cells[] = {"2012-03-01 00:00", "64", "67", "wet",
                                             "2012-03-01 00:05", "62", "68", "dry"};
    static const char *const tall[] = {"时间", "断面", "车速", "773869"};
    static const char *const named[] = {"时间", "车速", "773869"};
    struct json *node = NULL;
    struct template one;
    REQUIRE(template_read(str_of(text), arena, &node, &one, &fault) == OK);
    struct {
        const char *const *names, *const *cells;
        uint32_t columns, rows;
        int32_t from;
    } cases[] = {
        {wide, wide_cells, 4, 2, MATCH_REST}, {tall, NULL, 4, 0, 2}, {named, NULL, 3, 0, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str names[4], cells[8];
        for (uint32_t c = 0; c < cases[i].columns; c++) names[c] = str_of(cases[i].names[c]);
        for (uint32_t c = 0; c < cases[i].columns * cases[i].rows; c++) {
            cells[c] = str_of(cases[i].cells[c]);
        }
        struct match_source source = {names, cases[i].columns, cases[i].rows ? cells : NULL,
                                      cases[i].rows, true};
        CHECK_EQ(template_match(&one, &source, arena, found), OK);
        CHECK_EQ(found[0].from, 0);
        CHECK_EQ(found[2].from, cases[i].from);
    }
    json_close(node);
}

static void made_up_data_repeat(const struct template *one) {
    struct buf first, second;
    fault = (struct fault){0};
    buf_open(&first, 16 << 20);
    buf_open(&second, 16 << 20);
    enum err err = synthetic_write(one, &first, &fault);
    check_that(err == OK, __FILE__, __LINE__, "%.*s: %s", STR_ARG(one->id), fault.detail);
    CHECK_EQ(synthetic_write(one, &second, NULL), OK);
    CHECK(first.size > 1000 && str_equal(buf_str(&first), buf_str(&second)));
    uint64_t lines = 0;
    for (size_t i = 0; i < first.size; i++) lines += first.data[i] == '\n';
    CHECK_EQ(lines, json_member_u64(synthetic_of(one), "rows", 0) + 1);
    buf_close(&first);
    buf_close(&second);
}

static void demonstrations_are_made_up(void) {
    struct templates *templates = NULL;
    uint32_t made = 0;
    REQUIRE(templates_open(&templates, NULL) == OK);
    for (uint32_t i = 0; i < templates_count(templates); i++) {
        const struct template *one = templates_at(templates, i);
        if (!synthetic_of(one)) continue;
        made_up_data_repeat(one);
        made++;
    }
    CHECK(made >= 5);
    templates_close(templates);
}

// Of a whole template with this as its demonstration.
static bool makes(const char *columns, struct buf *out) {
    char text[sizeof whole_text + 1024];
    struct json *node = NULL;
    struct template one;
    size_t end = sizeof whole_text - 2; // before the closing brace
    snprintf(text, sizeof text,
             "%.*s,\"demonstration\":{\"kind\":\"synthetic\",\"rows\":3,\"seed\":1,"
             "\"source\":" BOTH ",\"columns\":[%s]}}",
             (int)end, whole_text, columns);
    arena_reset(arena);
    if (template_read(str_of(text), arena, &node, &one, &fault) != OK) return false;
    buf_clear(out);
    bool good = synthetic_write(&one, out, &fault) == OK;
    json_close(node);
    return good;
}

static void a_formula_is_followed(void) {
    struct buf out;
    buf_open(&out, 1 << 20);
    fault = (struct fault){0};
    CHECK(makes("{\"name\":\"age\",\"normal\":[40,0],\"digits\":1},{\"name\":\"weight\",\"sum\":"
                "{\"base\":10,\"terms\":{\"age\":[2,30]}},\"high\":29},{\"name\":\"ill\",\"odds\":"
                "{\"base\":-50},\"yes\":\"1\",\"no\":\"a,b\"}",
                &out));
    CHECK_TEXT(buf_str(&out),
               "age,weight,ill\n40.0,29,\"a,b\"\n40.0,29,\"a,b\"\n40.0,29,\"a,b\"\n");
    CHECK(makes(
        "{\"name\":\"a\",\"choice\":{\"x,\":1},\"hidden\":true},{\"name\":\"b\",\"choice\":"
        "{\"y\":1},\"hidden\":true},{\"name\":\"weight\",\"join\":[\"b\",\"b\"]},{\"name\":"
        "\"late\",\"lasts\":{\"base\":20},\"hidden\":true},{\"name\":\"soon\",\"normal\":[2,0],"
        "\"hidden\":true},{\"name\":\"age\",\"least\":[\"late\",\"soon\"]},{\"name\":\"ill\","
        "\"which\":{\"late\":\"1\",\"soon\":\"0\"}}",
        &out));
    CHECK_TEXT(buf_str(&out), "weight,age,ill\nyy,2,0\nyy,2,0\nyy,2,0\n");
    // Three rows, an hour apart: what ends behind the last has not ended yet.
    CHECK(makes(
        "{\"name\":\"age\",\"hours\":\"2026-01-01 00:00\"},{\"name\":\"wait\",\"normal\":[1.5,0],"
        "\"hidden\":true},{\"name\":\"ill\",\"after\":\"wait\"}",
        &out));
    CHECK_TEXT(buf_str(&out), "age,ill\n2026-01-01 00:00:00,2026-01-01 01:30:00\n"
                              "2026-01-01 01:00:00,\n2026-01-01 02:00:00,\n");
    CHECK(!makes("{\"name\":\"age\",\"after\":\"ill\"}", &out));
    CHECK(!makes("{\"name\":\"age\",\"join\":[\"ill\"]}", &out));
    CHECK(!makes("{\"name\":\"age\",\"least\":[\"ill\"]}", &out));
    CHECK(!makes("{\"name\":\"age\",\"which\":{\"ill\":\"1\"}}", &out));
    fault = (struct fault){0};
    CHECK(!makes("{\"name\":\"age\",\"sum\":{\"terms\":{\"ill\":[1,0]}}}", &out));
    CHECK_STR(fault.code, "pilot.bad_template");
    fault = (struct fault){0};
    CHECK(!makes("{\"name\":\"height\",\"normal\":[1,1]}", &out));
    CHECK(!makes("{\"name\":\"age\"}", &out));
    buf_close(&out);
}

// However little memory there is, it says so and leaks nothing.
static void memory_may_end(void) {
    bool done = false;
    for (uint64_t n = 0; !done && n < 1000; n++) {
        struct templates *templates = NULL;
        memory_fail_after(n);
        enum err err = templates_open(&templates, NULL);
        memory_fail_after(UINT64_MAX);
        done = err == OK;
        if (!done) CHECK_EQ(err, ERR_MEMORY);
        templates_close(templates);
    }
    CHECK(done);
}

int main(void) {
    struct arena *kept;
    if (arena_open(1 << 20, &arena) != OK || arena_open(1 << 20, &kept) != OK) return 1;
    if (template_read(STR(whole_text), kept, &root, &whole, &fault) != OK) {
        fprintf(stderr, "%s %s\n", fault.code, fault.detail);
        return 1;
    }
    CHECK_RUN(the_own_ones_are_whole);
    CHECK_RUN(a_wrong_one_is_told);
    CHECK_RUN(an_event_has_the_positive_value);
    CHECK_RUN(a_target_of_dates_has_its_own_values);
    CHECK_RUN(columns_stand_in_place_of_parts);
    CHECK_RUN(names_are_folded);
    CHECK_RUN(columns_are_found);
    CHECK_RUN(the_surer_one_gets_the_column);
    CHECK_RUN(values_that_do_not_fit_are_doubted);
    CHECK_RUN(the_rest_is_of_a_part_of_many);
    CHECK_RUN(a_known_layout_needs_no_header);
    CHECK_RUN(demonstrations_are_made_up);
    CHECK_RUN(a_formula_is_followed);
    CHECK_RUN(memory_may_end);
    json_close(root);
    arena_close(kept);
    arena_close(arena);
    return check_done();
}
