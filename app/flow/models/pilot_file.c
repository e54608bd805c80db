#include "flow/models/pilot_file.h"

#include "flow/models/pilots.h"

enum err pilot_file_look(const struct template *one, const struct pilot_wish *wish,
                         struct arena *arena, struct pilot_file *out, struct fault *fault) {
    *out = (struct pilot_file){.one = one};
    out->source = (struct pilot_source){.arena = arena, .name = wish->name};
    out->run = (struct pilot_run){
        .name = wish->name,
        .language = wish->language,
        .positive = wish->positive,
        .graph = wish->graph,
    };
    enum err err = pilot_source_look(one, wish->path, &wish->intake, &out->source, fault);
    if (err == OK) err = pilot_source_match(one, &out->source, &out->match);
    if (err != OK) return err;
    return pilot_source_correct(one, &out->source, wish->columns, false, out->match, fault);
}

enum err pilot_file_settle(struct pilot_file *file, const struct pilot_wish *wish,
                           struct fault *fault) {
    (void)wish;
    enum err err = pilot_source_settle(file->one, &file->source, file->match, file->source.arena,
                                       &file->run, fault);
    return err == OK ? json_parse(file->run.mapping, &file->mapping, fault) : err;
}

void pilot_file_close(struct pilot_file *file) {
    json_close(file->mapping);
    file->mapping = NULL;
}

static struct pilot_parts parts_of(const struct pilot_file *file) {
    return (struct pilot_parts){file->one, file->mapping, file->run.released};
}

enum err pilot_file_recipe(const struct pilot_file *file, struct buf *out) {
    struct pilot_parts parts = parts_of(file);
    pilot_recipe_text(out, &parts);
    return buf_err(out);
}

// The body as the box asks for it, with another seed.
static void seeded_write(const struct json *body, uint64_t seed, struct json_writer *out) {
    json_open_object(out);
    for (const struct json *one = json_first(body); one; one = json_next(one)) {
        if (!str_is(json_name(one), "options")) {
            json_put_member(out, one);
            continue;
        }
        json_put_name(out, "options");
        json_open_object(out);
        for (const struct json *inner = json_first(one); inner; inner = json_next(inner)) {
            if (!str_is(json_name(inner), "seed")) json_put_member(out, inner);
        }
        json_set_u64(out, "seed", seed);
        json_close_object(out);
    }
    json_set_bool(out, "predictions", true);
    json_close_object(out);
}

enum err pilot_file_train(const struct pilot_file *file, const struct pilot_wish *wish,
                          struct json_writer *out, struct fault *fault) {
    struct pilot_parts parts = parts_of(file);
    struct json *body = NULL;
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer writer = json_writer_of(&text);
    pilot_train_body(&writer, &parts, &file->run);
    enum err err = buf_err(&text);
    if (err == OK) err = json_parse(buf_str(&text), &body, fault);
    if (err == OK) {
        const struct json *seed = json_member(json_member(body, "options"), "seed");
        seeded_write(body, wish->seed ? *wish->seed : (uint64_t)json_number(seed, 1), out);
        err = buf_err(out->out);
    }
    json_close(body);
    buf_close(&text);
    return err;
}
