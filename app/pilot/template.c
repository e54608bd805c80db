// Reading and checking a template: everything a page or a run relies on is there, in both
// languages, and names only columns that it has.
#include "pilot/template.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "pilot/template_private.h"

#define TEMPLATES_BYTES ((size_t)4 << 20)

struct templates {
    struct arena *arena;
    struct json *roots[TEMPLATES_MAX];
    struct template list[TEMPLATES_MAX];
    uint32_t count;
};

const char *template_use_name(enum template_use use) {
    static const char *const names[] = {"feature", "target",   "group", "time",
                                        "judge",   "identify", "event", "later"};
    return names[use];
}

struct check {
    const struct template *one;
    struct fault *fault;
};

static enum err bad(const struct check *check, const char *where, struct str what) {
    char detail[FAULT_DETAIL_SIZE];
    snprintf(detail, sizeof detail, "%.*s: %s %.*s", STR_ARG(check->one->id), where, STR_ARG(what));
    return fault_set(check->fault, ERR_INPUT, "pilot.bad_template", str_of(detail));
}

// ---- pieces -------------------------------------------------------------------------------------

static bool is_plain(struct str name, const char *signs) {
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr(signs, c);
        if (!good) return false;
    }
    return name.size > 0 && name.size <= 64;
}

static enum err words_check(const struct check *check, const struct json *node, const char *name) {
    const struct json *words = json_member(node, name);
    bool both = json_member_text(words, "zh-CN").size > 0 && json_member_text(words, "en").size > 0;
    return both ? OK : bad(check, name, STR("in both languages"));
}

static enum err values_check(const struct check *check, const struct json *column) {
    const struct json *value = json_first(json_member(column, "values"));
    for (; value; value = json_next(value)) {
        if (json_member_text(value, "value").size == 0) {
            return bad(check, "values", json_member_text(column, "name"));
        }
        enum err err = words_check(check, value, "title");
        if (err != OK) return err;
    }
    return OK;
}

static bool use_from_name(struct str name, enum template_use *out) {
    for (int i = 0; i < USE_COUNT; i++) {
        if (!str_is(name, template_use_name((enum template_use)i))) continue;
        *out = (enum template_use)i;
        return true;
    }
    return false;
}

static bool is_type(struct str name) {
    static const char *const types[] = {"text", "integer", "number", "boolean", "date", "time"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (str_is(name, types[i])) return true;
    }
    return false;
}

static enum err column_read(const struct check *check, const struct json *node,
                            struct template_column *out) {
    *out = (struct template_column){
        .name = json_member_text(node, "name"),
        .type = json_member_text(node, "type"),
        .needed = json_member_bool(node, "needed", false),
        .many = json_member_bool(node, "many", false),
        .low = json_member_number(node, "low", NAN),
        .high = json_member_number(node, "high", NAN),
        .node = node,
    };
    if (!is_plain(out->name, "_")) return bad(check, "columns", out->name);
    if (!is_type(out->type)) return bad(check, "type", out->name);
    if (!use_from_name(json_member_text(node, "use"), &out->use)) {
        return bad(check, "use", out->name);
    }
    const struct json *names = json_first(json_member(node, "names"));
    if (!names) return bad(check, "names", out->name);
    for (; names; names = json_next(names)) {
        if (json_text(names).size == 0) return bad(check, "names", out->name);
    }
    enum err err = words_check(check, node, "title");
    return err == OK ? values_check(check, node) : err;
}

const struct template_column *template_column_find(const struct template *one, struct str name) {
    for (uint32_t i = 0; i < one->column_count; i++) {
        if (str_equal(one->columns[i].name, name)) return &one->columns[i];
    }
    return NULL;
}

static enum err columns_read(const struct check *check, struct arena *arena, struct template *out) {
    const struct json *list = json_member(out->node, "columns");
    size_t count = json_count(list);
    uint32_t targets = 0, events = 0;
    if (count == 0 || count > TEMPLATE_COLUMNS_MAX) return bad(check, "columns", STR_NONE);
    out->columns = ARENA_ARRAY(arena, struct template_column, count);
    if (!out->columns) return fault_set(check->fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    for (const struct json *node = json_first(list); node; node = json_next(node)) {
        struct template_column column;
        enum err err = column_read(check, node, &column);
        if (err != OK) return err;
        if (template_column_find(out, column.name)) return bad(check, "columns", column.name);
        if (column.use == USE_TARGET) {
            if (!column.needed || targets++) return bad(check, "target", column.name);
            out->target = out->column_count;
        }
        if (column.use == USE_EVENT) {
            if (!column.needed || events++) return bad(check, "event", column.name);
            out->outcome = out->column_count;
        }
        out->columns[out->column_count++] = column;
    }
    if (events == 0) out->outcome = out->target;
    return targets == 1 ? OK : bad(check, "target", STR_NONE);
}

// ---- @NAME --------------------------------------------------------------------------------------

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

// The part at the start of `text`, which begins with '@'; *rest is what follows.
static struct str part_take(struct str text, struct str *rest) {
    size_t size = 1;
    while (size < text.size && is_name_char(text.data[size])) size++;
    *rest = (struct str){text.data + size, text.size - size};
    return (struct str){text.data + 1, size - 1};
}

static bool is_part(struct str text) {
    struct str rest;
    return text.size > 1 && text.data[0] == '@' && part_take(text, &rest).size == text.size - 1;
}

static bool name_is_bare(struct str name) {
    for (size_t i = 0; i < name.size; i++) {
        if (!is_name_char(name.data[i])) return false;
    }
    return name.size > 0;
}

bool template_line(struct str line, const struct template_parts *parts, struct buf *out) {
    size_t start = out->size;
    while (line.size > 0) {
        if (line.data[0] != '@') {
            buf_add_char(out, line.data[0]);
            line = (struct str){line.data + 1, line.size - 1};
            continue;
        }
        struct str name = parts->name_of(parts->ctx, part_take(line, &line));
        if (name.size == 0) {
            out->size = start;
            return false;
        }
        struct json_writer writer = json_writer_of(out);
        if (name_is_bare(name)) {
            buf_add_str(out, name);
        } else {
            json_put_text(&writer, name); // the recipe's quotes are JSON's
        }
    }
    buf_add_char(out, '\n');
    return true;
}

// A member of the object is "@NAME" of a column the data lacks.
static bool object_lacks(const struct json *object, const struct template_parts *parts) {
    const struct json *member = json_first(object);
    for (; member; member = json_next(member)) {
        struct str rest, text = json_text(member);
        if (text.size < 2 || text.data[0] != '@') continue;
        if (parts->name_of(parts->ctx, part_take(text, &rest)).size == 0) return true;
    }
    return false;
}

static void items_add(const struct json *node, const struct template_parts *parts,
                      struct buf *out) {
    bool object = json_is_object(node), first = true;
    buf_add_char(out, object ? '{' : '[');
    for (const struct json *item = json_first(node); item; item = json_next(item)) {
        size_t start = out->size;
        struct str name = object ? json_name(item) : STR_NONE;
        if (!object && json_is_object(item) && object_lacks(item, parts)) continue;
        if (is_part(name)) {
            name = parts->name_of(parts->ctx, (struct str){name.data + 1, name.size - 1});
            if (name.size == 0) continue;
        }
        if (!first) buf_add_char(out, ',');
        if (object) {
            struct json_writer writer = json_writer_of(out);
            json_put_text(&writer, name);
            buf_add_char(out, ':');
        }
        if (template_value(item, parts, out)) {
            first = false;
        } else {
            out->size = start;
        }
    }
    buf_add_char(out, object ? '}' : ']');
}

// "@NAME", or "@NAME:what is made of it".
static bool text_add(struct str text, const struct template_parts *parts, struct buf *out) {
    struct str rest = STR_NONE, name = part_take(text, &rest);
    struct buf whole;
    name = parts->name_of(parts->ctx, name);
    if (name.size == 0) return false;
    buf_open(&whole, LIMIT_JSON_BYTES);
    buf_add_str(&whole, name);
    buf_add_str(&whole, rest);
    struct json_writer writer = json_writer_of(out);
    json_put_text(&writer, buf_str(&whole));
    if (buf_err(&whole) != OK) out->err = buf_err(&whole);
    buf_close(&whole);
    return true;
}

// The first of several of which the data has every column.
static bool any_add(const struct json *list, const struct template_parts *parts, struct buf *out) {
    for (const struct json *one = json_first(list); one; one = json_next(one)) {
        bool whole = true;
        size_t start = out->size;
        for (const struct json *item = json_first(one); item && whole; item = json_next(item)) {
            whole = template_value(item, parts, out);
            out->size = start;
        }
        if (whole && template_value(one, parts, out)) return true;
        out->size = start;
    }
    return false;
}

bool template_value(const struct json *node, const struct template_parts *parts, struct buf *out) {
    struct str text = json_text(node);
    const struct json *any = json_member(node, "any");
    if (any) return any_add(any, parts, out);
    if (json_is_object(node) || json_is_array(node)) {
        items_add(node, parts, out);
    } else if (text.size > 1 && text.data[0] == '@') {
        return text_add(text, parts, out);
    } else {
        json_write(out, node);
    }
    return true;
}

// ---- the rest -----------------------------------------------------------------------------------

// A part's own name; what is no column of the template stays in *missed.
struct known {
    const struct template *one;
    struct str missed;
};
static struct str own_name(void *ctx, struct str part) {
    struct known *known = ctx;
    if (template_column_find(known->one, part)) return part;
    known->missed = part.size ? part : STR("@");
    return STR_NONE;
}

static enum err parts_check(const struct check *check) {
    struct known known = {.one = check->one};
    struct template_parts parts = {own_name, &known};
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    const struct json *line = json_first(json_member(check->one->node, "recipe"));
    enum err err = line ? OK : bad(check, "recipe", STR_NONE);
    for (; line; line = json_next(line)) (void)template_line(json_text(line), &parts, &text);
    if (err == OK && known.missed.size) err = bad(check, "recipe", known.missed);
    const struct json *train = json_member(check->one->node, "train");
    if (err == OK && !json_is_object(train)) err = bad(check, "train", STR_NONE);
    if (err == OK) (void)template_value(train, &parts, &text);
    if (err == OK && known.missed.size) err = bad(check, "train", known.missed);
    if (err == OK) err = buf_err(&text);
    buf_close(&text);
    return err;
}

static enum err judge_check(const struct check *check) {
    const struct json *judge = json_member(check->one->node, "judge");
    const struct json *metric = json_first(json_member(judge, "metrics"));
    bool headline = false;
    if (!metric) return bad(check, "judge", STR("metrics"));
    for (; metric; metric = json_next(metric)) {
        struct str name = json_member_text(metric, "name");
        if (name.size == 0) return bad(check, "judge", STR("name"));
        headline = headline || str_equal(name, json_member_text(judge, "headline"));
        enum err err = words_check(check, metric, "title");
        if (err == OK) err = words_check(check, metric, "explain");
        if (err != OK) return err;
    }
    return headline ? OK : bad(check, "judge", STR("headline"));
}

static enum err result_check(const struct check *check) {
    static const char *const sections[] = {
        "verdict", "metrics",    "sensitivity", "calibration", "decision", "threshold",
        "groups",  "importance", "dependence",  "points",      "forecast", "survival",
        "drift",   "serve",      "gains",       "confusion",   "molecules"};
    const struct json *section = json_first(json_member(check->one->node, "result"));
    if (!section) return bad(check, "result", STR_NONE);
    for (; section; section = json_next(section)) {
        bool known = false;
        for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
            known = known || str_is(json_text(section), sections[i]);
        }
        if (!known) return bad(check, "result", json_text(section));
    }
    return OK;
}

static enum err names_check(const struct check *check, const struct json *list, const char *where) {
    for (const struct json *item = json_first(list); item; item = json_next(item)) {
        if (!template_column_find(check->one, json_text(item))) {
            return bad(check, where, json_text(item));
        }
    }
    return OK;
}

static enum err demonstration_check(const struct check *check) {
    const struct json *demo = json_member(check->one->node, "demonstration");
    if (!demo) return OK;
    struct str kind = json_member_text(demo, "kind");
    enum err err = words_check(check, demo, "source");
    if (err != OK) return err;
    if (str_is(kind, "package")) {
        struct str file = json_member_text(demo, "file");
        // Below a root that only the box's keeper writes to.
        bool good = file.size > 0 && file.data[0] != '/' && !memmem(file.data, file.size, "..", 2);
        if (!good || json_member_text(demo, "package").size == 0) {
            return bad(check, "demonstration", STR("file"));
        }
        return names_check(check, json_member(demo, "columns"), "demonstration");
    }
    return str_is(kind, "synthetic") ? OK : bad(check, "demonstration", kind);
}

static enum err layouts_check(const struct check *check) {
    const struct json *layout = json_first(json_member(check->one->node, "layouts"));
    for (; layout; layout = json_next(layout)) {
        enum err err = names_check(check, layout, "layouts");
        if (err != OK) return err;
    }
    return OK;
}

static enum err positive_check(const struct check *check) {
    const struct template *one = check->one;
    if (one->positive.size == 0) return OK;
    const struct json *value = json_first(json_member(one->columns[one->outcome].node, "values"));
    for (; value; value = json_next(value)) {
        if (str_equal(json_member_text(value, "value"), one->positive)) return OK;
    }
    return bad(check, "positive", one->positive);
}

static enum err graph_check(const struct check *check) {
    const struct json *graph = json_member(check->one->node, "graph");
    if (!graph) return OK;
    enum err err = words_check(check, graph, "title");
    return err == OK ? words_check(check, graph, "explain") : err;
}

static enum err heads_check(const struct check *check) {
    static const char *const fields[] = {"medical", "drug", "finance", "transport", "urban"};
    static const char *const words[] = {"title", "summary", "needs", "row", "purpose", "limits"};
    const struct template *one = check->one;
    bool known = false;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        known = known || str_is(one->field, fields[i]);
    }
    if (!is_plain(one->id, "-")) return bad(check, "id", STR_NONE);
    if (!known) return bad(check, "field", one->field);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        enum err err = words_check(check, one->node, words[i]);
        if (err != OK) return err;
    }
    return OK;
}

enum err template_read(struct str text, struct arena *arena, struct json **root,
                       struct template *out, struct fault *fault) {
    struct json *node = NULL;
    enum err err = json_parse(text, &node, fault);
    if (err != OK) return err;
    struct template one = {
        .id = json_member_text(node, "id"),
        .field = json_member_text(node, "field"),
        .positive = json_member_text(node, "positive"),
        .node = node,
    };
    const struct json *prepare = json_member(json_member(node, "train"), "prepare");
    one.dated = json_member(prepare, "target") != NULL;
    struct check check = {&one, fault};
    err = heads_check(&check);
    if (err == OK) err = columns_read(&check, arena, &one);
    if (err == OK) err = positive_check(&check);
    if (err == OK) err = layouts_check(&check);
    if (err == OK) err = graph_check(&check);
    if (err == OK) err = parts_check(&check);
    if (err == OK) err = judge_check(&check);
    if (err == OK) err = result_check(&check);
    if (err == OK) err = demonstration_check(&check);
    if (err != OK) {
        json_close(node);
        return err;
    }
    *root = node;
    *out = one;
    return OK;
}

// ---- the program's own --------------------------------------------------------------------------

enum err templates_open(struct templates **out, struct fault *fault) {
    struct str text = STR_NONE;
    uint32_t count = template_text(0, &text);
    struct templates *templates = memory_take(sizeof *templates);
    if (!templates) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    enum err err = arena_open(TEMPLATES_BYTES, &templates->arena);
    for (uint32_t i = 0; i < count && err == OK; i++) {
        struct template one;
        (void)template_text(i, &text);
        err = template_read(text, templates->arena, &templates->roots[i], &one, fault);
        if (err != OK) break;
        if (template_find(templates, one.id)) {
            err = fault_set(fault, ERR_INPUT, "pilot.bad_template", one.id);
        }
        templates->list[templates->count++] = one;
    }
    if (err != OK) {
        templates_close(templates);
        return err;
    }
    *out = templates;
    return OK;
}

void templates_close(struct templates *templates) {
    if (!templates) return;
    for (uint32_t i = 0; i < TEMPLATES_MAX; i++) json_close(templates->roots[i]);
    arena_close(templates->arena);
    memory_give(templates);
}

uint32_t templates_count(const struct templates *templates) {
    return templates->count;
}

const struct template *templates_at(const struct templates *templates, uint32_t index) {
    return index < templates->count ? &templates->list[index] : NULL;
}

const struct template *template_find(const struct templates *templates, struct str id) {
    for (uint32_t i = 0; i < templates->count; i++) {
        if (str_equal(templates->list[i].id, id)) return &templates->list[i];
    }
    return NULL;
}
