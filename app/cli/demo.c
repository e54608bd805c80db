// The main job from end to end on one file, through the same operations the pages call: import,
// check, cleanse, publish with a second person's approval, train, judge, predict; then serve.
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cli/cli_private.h"
#include "flow/flow.h"
#include "people/people.h"
#include "server/server.h"

enum { BODY_BYTES = LIMIT_JSON_BYTES, SHOWN_CONTRIBUTIONS = 3 };

struct demo {
    struct box box;
    struct actor officer, reviewer, researcher;
    const char *file;
    char title[LIMIT_NAME_BYTES];
    char target[LIMIT_NAME_BYTES + 1];
    uint64_t dataset, release;
    struct buf body;
    struct json_writer out;
};

static struct json_writer *body_start(struct demo *demo) {
    buf_clear(&demo->body);
    demo->out = json_writer_of(&demo->body);
    json_open_object(&demo->out);
    return &demo->out;
}

// The body as a C string, closed.
static const char *body_end(struct demo *demo) {
    json_close_object(&demo->out);
    buf_add_char(&demo->body, '\0');
    return buf_err(&demo->body) == OK ? demo->body.data : NULL;
}

static enum err post(struct demo *demo, const struct actor *actor,
                     enum err (*operation)(struct flow *flow, struct call *call), uint64_t id,
                     struct fault *fault) {
    const char *body = body_end(demo);
    if (!body) return ERR_MEMORY;
    return box_call(&demo->box, actor, operation, id, body, fault);
}

static enum err actors_find(struct demo *demo, struct fault *fault) {
    struct people *people = demo->box.people;
    struct arena *names = demo->box.names;
    enum err err =
        people_console_actor(people, STR("demo-officer"), ROLE_DATA, names, &demo->officer, fault);
    if (err == OK) {
        err = people_console_actor(people, STR("demo-reviewer"), ROLE_DATA, names, &demo->reviewer,
                                   fault);
    }
    if (err == OK) {
        err = people_console_actor(people, STR("demo-researcher"), ROLE_RESEARCH, names,
                                   &demo->researcher, fault);
    }
    return err;
}

static enum err import(struct demo *demo, struct fault *fault) {
    uint64_t upload = 0;
    enum err err = box_send(&demo->box, &demo->officer, demo->file, &upload, fault);
    if (err != OK) return err;
    body_start(demo);
    json_set_text(&demo->out, "name", str_of(demo->title));
    json_set_u64(&demo->out, "upload", upload);
    err = post(demo, &demo->officer, flow_dataset_create, 0, fault);
    if (err != OK) return err;
    demo->dataset = json_member_u64(json_member(demo->box.reply, "dataset"), "id", 0);
    err = box_settle(&demo->box, &demo->officer, demo->dataset, fault);
    if (err != OK) return err;
    const struct json *revision = json_first(json_member(demo->box.reply, "revisions"));
    const struct json *column = json_first(json_member(revision, "columns"));
    struct str last = STR_NONE;
    for (; column; column = json_next(column)) last = json_member_text(column, "name");
    if (demo->target[0] == '\0' && !str_copy(demo->target, sizeof demo->target, last)) {
        return fault_set(fault, ERR_LIMIT, "cli.option_missing", STR("--target"));
    }
    SAY("cli.demo_imported", {"rows", count_text(json_member_u64(demo->box.reply, "rows", 0))},
        {"columns", count_text(json_member_u64(demo->box.reply, "columns", 0))});
    return OK;
}

static enum err cleanse(struct demo *demo, struct fault *fault) {
    body_start(demo);
    json_set_u64(&demo->out, "dataset", demo->dataset);
    enum err err = post(demo, &demo->officer, flow_recipe_propose, 0, fault);
    if (err != OK) return err;
    struct json *proposed = demo->box.reply; // kept past the next call
    demo->box.reply = NULL;
    body_start(demo);
    json_set_text(&demo->out, "recipe", json_member_text(proposed, "text"));
    err = post(demo, &demo->officer, flow_dataset_cleanse, demo->dataset, fault);
    json_close(proposed);
    if (err == OK) err = box_settle(&demo->box, &demo->officer, demo->dataset, fault);
    if (err != OK) return err;
    SAY("cli.demo_cleansed", {"rows", count_text(json_member_u64(demo->box.reply, "rows", 0))});
    return OK;
}

static enum err publish(struct demo *demo, struct fault *fault) {
    body_start(demo);
    json_put_name(&demo->out, "sheet");
    json_open_object(&demo->out);
    json_set_text(&demo->out, "title", str_of(demo->title));
    json_set_text(&demo->out, "purpose", STR("demonstration"));
    const char *slash = strrchr(demo->file, '/');
    json_set_text(&demo->out, "source", str_of(slash ? slash + 1 : demo->file));
    json_set_text(&demo->out, "licence", STR(""));
    json_set_text(&demo->out, "contact", STR(""));
    json_set_text(&demo->out, "limits", STR(""));
    json_set_text(&demo->out, "sensitivity", STR("internal"));
    json_close_object(&demo->out);
    enum err err = post(demo, &demo->officer, flow_release_request, demo->dataset, fault);
    if (err != OK) return err;
    demo->release = json_member_u64(demo->box.reply, "id", 0);
    err = box_call(&demo->box, &demo->reviewer, flow_release_approve, demo->release, NULL, fault);
    if (err != OK) return err;
    SAY("cli.demo_published", {"hash", json_member_text(demo->box.reply, "hash")},
        {"requested_by", demo->officer.name}, {"decided_by", demo->reviewer.name});
    return OK;
}

static enum err train(struct demo *demo, const char *learner, uint64_t *out_model,
                      struct fault *fault) {
    char name[LIMIT_NAME_BYTES + 32];
    snprintf(name, sizeof name, "%s %s", demo->title, learner);
    body_start(demo);
    json_set_text(&demo->out, "name", str_of(name));
    json_set_text(&demo->out, "target", str_of(demo->target));
    json_put_name(&demo->out, "options");
    json_open_object(&demo->out);
    json_set_text(&demo->out, "learner", str_of(learner));
    json_close_object(&demo->out);
    enum err err = post(demo, &demo->researcher, flow_model_train, demo->release, fault);
    if (err != OK) return err;
    *out_model = json_member_u64(json_member(demo->box.reply, "model"), "id", 0);
    uint64_t job = json_member_u64(json_member(demo->box.reply, "job"), "id", 0);
    err = box_wait(&demo->box, &demo->researcher, job, fault);
    if (err == OK) {
        err = box_call(&demo->box, &demo->researcher, flow_model_show, *out_model, NULL, fault);
    }
    if (err != OK) return err;
    SAY("cli.demo_trained", {"learner", str_of(learner)}, {"target", str_of(demo->target)});
    headline_say(json_member(demo->box.reply, "headline"), "cli.trained");
    return OK;
}

// A row made of each feature's typical value, as the form on the model's page starts with.
static void typical_row_write(struct json_writer *out, const struct json *features) {
    json_put_name(out, "rows");
    json_open_array(out);
    json_open_object(out);
    const struct json *feature = json_first(features);
    for (; feature; feature = json_next(feature)) {
        const struct json *typical = json_member(feature, "typical");
        json_put_name_str(out, json_member_text(feature, "name"));
        if (json_is_string(typical))
            json_put_text(out, json_text(typical));
        else if (json_is_number(typical))
            json_put_number(out, json_number(typical, 0));
        else
            json_put_null(out);
    }
    json_close_object(out);
    json_close_array(out);
}

static void prediction_say(const struct json *prediction) {
    struct buf value;
    buf_open(&value, 400);
    json_write(&value, json_member(prediction, "value"));
    const struct json *probability = json_member(prediction, "probability");
    SAY(probability ? "cli.demo_predicted_probability" : "cli.demo_predicted",
        {"value", buf_str(&value)}, {"probability", number_text(json_number(probability, 0))});
    const struct json *part = json_first(json_member(prediction, "contributions"));
    for (int shown = 0; part && shown < SHOWN_CONTRIBUTIONS; part = json_next(part), shown++) {
        SAY("cli.demo_contribution", {"feature", json_member_text(part, "feature")},
            {"contribution", number_text(json_member_number(part, "contribution", 0))});
    }
    buf_close(&value);
}

static enum err predict(struct demo *demo, uint64_t model, struct fault *fault) {
    enum err err = box_call(&demo->box, &demo->researcher, flow_model_show, model, NULL, fault);
    if (err != OK) return err;
    body_start(demo);
    typical_row_write(&demo->out, json_member(demo->box.reply, "features"));
    json_set_bool(&demo->out, "contributions", true);
    err = post(demo, &demo->researcher, flow_model_predict, model, fault);
    if (err == OK) prediction_say(json_first(json_member(demo->box.reply, "predictions")));
    return err;
}

static enum err walk(struct demo *demo, struct fault *fault) {
    enum err err = box_call(&demo->box, &demo->researcher, flow_model_list, 0, NULL, fault);
    if (err != OK) return err;
    if (json_member_u64(demo->box.reply, "total", 0) > 0) {
        SAY("cli.demo_there", {"", STR_NONE});
        return OK;
    }
    uint64_t boost = 0, linear = 0;
    err = import(demo, fault);
    if (err == OK) err = cleanse(demo, fault);
    if (err == OK) err = publish(demo, fault);
    if (err == OK) err = train(demo, "boost", &boost, fault);
    if (err == OK) err = train(demo, "linear", &linear, fault);
    if (err == OK) err = predict(demo, boost, fault);
    return err;
}

static void title_from(struct demo *demo, const char *path) {
    const char *slash = strrchr(path, '/');
    struct str rest, name = str_of(slash ? slash + 1 : path);
    name = str_cut(name, '.', &rest);
    if (!str_copy(demo->title, sizeof demo->title, name)) memcpy(demo->title, "demo", 5);
}

enum err command_demo(const struct command *command, const struct arguments *arguments,
                      struct fault *fault) {
    struct demo demo = {.file = arguments->positional[0]};
    const char *dir, *target = argument_or(arguments, "--target", "");
    enum err err = argument_needed(arguments, "--data", &dir, fault);
    if (err == OK && !str_copy(demo.target, sizeof demo.target, str_of(target))) {
        err = fault_set(fault, ERR_LIMIT, "call.too_long", STR("--target"));
    }
    if (err == OK) err = box_open(&demo.box, dir, fault);
    if (err != OK) return err;
    title_from(&demo, demo.file);
    buf_open(&demo.body, BODY_BYTES);
    err = actors_find(&demo, fault);
    if (err == OK) err = progress_signals_open();
    if (err == OK) err = walk(&demo, fault);
    buf_close(&demo.body);
    box_close(&demo.box);
    if (err != OK || argument(arguments, "--no-serve")) return err;
    return command_serve(command, arguments, fault);
}
