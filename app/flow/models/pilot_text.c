// What a run hands to the operations: the template's words and rules with the data's columns in
// their places.
#include "flow/models/pilots.h"
#include "pilot/synthetic.h"

struct str pilot_words(const struct json *node, const char *name, struct str language) {
    const struct json *words = json_member(node, name);
    struct str text = json_member_text(words, str_is(language, "en") ? "en" : "zh-CN");
    return text;
}

static const struct json *mapped(const struct pilot_parts *parts, struct str part) {
    const struct json *item = json_first(parts->mapping);
    while (item && !str_equal(json_name(item), part)) item = json_next(item);
    return item;
}

struct str pilot_part(void *ctx, struct str part) {
    const struct pilot_parts *parts = ctx;
    struct str column = json_text(mapped(parts, part));
    const struct template_column *known = template_column_find(parts->one, part);
    if (known && known->many && str_is(column, "*")) return STR_NONE; // no column is called so
    return column.size && !parts->released ? part : column;
}

static struct str source_words(const struct template *one, const struct pilot_run *run) {
    const struct json *demo = json_member(one->node, "demonstration");
    if (run->origin.size == 0) return run->source;
    if (str_is(run->origin, "synthetic")) demo = synthetic_of(one);
    return pilot_words(demo, "source", run->language);
}

void pilot_import_body(struct json_writer *out, const struct template *one,
                       const struct pilot_run *run) {
    json_open_object(out);
    json_set_text(out, "name", run->name);
    json_set_text(out, "note", source_words(one, run));
    json_set_u64(out, "upload", run->upload);
    json_set_raw(out, "options", run->intake);
    json_close_object(out);
}

void pilot_recipe_text(struct buf *out, const struct pilot_parts *parts) {
    struct pilot_parts copy = *parts;
    struct template_parts names = {pilot_part, &copy};
    buf_add_text(out, "recipe 1\n");
    const struct json *line = json_first(json_member(parts->one->node, "recipe"));
    for (; line; line = json_next(line)) (void)template_line(json_text(line), &names, out);
}

void pilot_cleanse_body(struct json_writer *out, const struct pilot_parts *parts,
                        uint64_t revision) {
    struct buf recipe;
    buf_open(&recipe, RECIPE_BYTES_MAX);
    pilot_recipe_text(&recipe, parts);
    json_open_object(out);
    json_set_u64(out, "revision", revision);
    json_set_text(out, "recipe", buf_str(&recipe));
    json_close_object(out);
    if (buf_err(&recipe) != OK) out->out->err = buf_err(&recipe);
    buf_close(&recipe);
}

void pilot_release_body(struct json_writer *out, const struct template *one,
                        const struct pilot_run *run) {
    const struct json *demo = json_member(one->node, "demonstration");
    bool package = str_is(run->origin, "package");
    json_open_object(out);
    json_set_u64(out, "revision", run->revision);
    json_put_name(out, "sheet");
    json_open_object(out);
    json_set_text(out, "title", run->name);
    json_set_text(out, "purpose", pilot_words(one->node, "purpose", run->language));
    json_set_text(out, "source", source_words(one, run));
    json_set_text(out, "licence", package ? json_member_text(demo, "licence") : STR(""));
    json_set_text(out, "contact", run->actor.name);
    json_set_text(out, "limits", pilot_words(one->node, "limits", run->language));
    json_set_text(out, "sensitivity", STR("internal"));
    json_close_object(out);
    json_close_object(out);
}

// Named one by one: the release may hold more than the template knows of.
static void features_put(struct json_writer *out, const struct pilot_parts *parts) {
    struct pilot_parts copy = *parts;
    json_put_name(out, "features");
    json_open_array(out);
    for (uint32_t i = 0; i < parts->one->column_count; i++) {
        const struct template_column *column = &parts->one->columns[i];
        struct str name = pilot_part(&copy, column->name);
        if (column->use == USE_FEATURE && name.size) json_put_text(out, name);
    }
    json_close_array(out);
}

// Into the wish for a forecast, an object with members.
static void graph_put(struct buf *wish, struct str graph) {
    wish->size--;
    buf_add_text(wish, ",\"graph\":");
    buf_add_str(wish, graph);
    buf_add_char(wish, '}');
}

void pilot_train_body(struct json_writer *out, const struct pilot_parts *parts,
                      const struct pilot_run *run) {
    struct buf text;
    struct pilot_parts copy = *parts;
    struct template_parts names = {pilot_part, &copy};
    buf_open(&text, LIMIT_JSON_BYTES);
    json_open_object(out);
    json_set_text(out, "name", run->name);
    // A forecast says itself what it learns from.
    if (!json_member(json_member(parts->one->node, "train"), "series")) features_put(out, parts);
    if (run->positive.size) json_set_text(out, "positive", run->positive);
    const struct json *member = json_first(json_member(parts->one->node, "train"));
    for (; member; member = json_next(member)) {
        buf_clear(&text);
        if (!template_value(member, &names, &text)) continue;
        bool series = str_is(json_name(member), "series");
        if (series && run->graph.size && buf_err(&text) == OK) graph_put(&text, run->graph);
        json_put_name_str(out, json_name(member));
        json_put_raw(out, buf_str(&text));
        if (buf_err(&text) != OK) out->out->err = buf_err(&text);
    }
    json_close_object(out);
    buf_close(&text);
}
