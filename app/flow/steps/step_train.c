// Train and evaluate: a table becomes a model and its scorecard.
//   inputs  table
//   options target, features, group, task, positive, weight, event, class_weights, times (frame.h),
//           prepare (prepare.h, dates_target.h), judge_by, time, entity (frame_judge.h), and the
//           learner's own (tabular.h)
//           series: a forecast instead (series_train.c)
//           predictions: true writes predictions.csv as well
//   out     model, scorecard.json; predictions.csv (judged_rows.h)
#include "base/file.h"
#include "flow/steps/child.h"
#include "flow/steps/dates_target.h"
#include "flow/steps/frame_judge.h"
#include "flow/steps/judged_rows.h"
#include "flow/steps/series_data.h"

// The scorecard with the warnings of the table's way into the frame behind its own.
static void scorecard_write(struct json_writer *out, const struct json *scorecard,
                            const struct table_frame *frame) {
    json_open_object(out);
    for (const struct json *member = json_first(scorecard); member; member = json_next(member)) {
        if (!str_is(json_name(member), "warnings")) json_put_member(out, member);
    }
    json_put_name(out, "warnings");
    json_open_array(out);
    const struct json *warning = json_first(json_member(scorecard, "warnings"));
    for (; warning; warning = json_next(warning)) {
        json_open_object(out);
        json_set_text(out, "code", json_member_text(warning, "code"));
        json_set_text(out, "detail", json_member_text(warning, "detail"));
        json_close_object(out);
    }
    for (uint32_t i = 0; i < frame->warning_count; i++) {
        json_open_object(out);
        json_set_text(out, "code", str_of(frame->warnings[i].code));
        json_set_text(out, "detail", frame->warnings[i].detail);
        json_close_object(out);
    }
    json_close_array(out);
    json_close_object(out);
}

static void summary_write(struct json_writer *out, const struct json *scorecard) {
    json_set_text(out, "task", json_member_text(scorecard, "task"));
    json_set_text(out, "learner", json_member_text(scorecard, "learner"));
    const struct json *metric = json_first(json_member(scorecard, "metrics"));
    const struct json *validation = json_member(scorecard, "validation");
    if (validation) json_set_number(out, "validation", json_number(validation, 0));
    // Nothing was tested, or what was cannot tell (one class alone): no number is better than 0.
    if (!json_is_number(json_member(metric, "value"))) return;
    json_put_name(out, "headline");
    json_open_object(out);
    json_set_text(out, "name", json_member_text(metric, "name"));
    json_set_text(out, "better", json_member_text(metric, "better"));
    json_set_number(out, "value", json_member_number(metric, "value", 0));
    json_set_number(out, "low", json_member_number(metric, "low", 0));
    json_set_number(out, "high", json_member_number(metric, "high", 0));
    json_close_object(out);
}

static enum err results_write(struct step_context *context, const struct tabular_model *model,
                              struct str scorecard_text, const struct table_frame *frame) {
    char model_path[LIMIT_PATH_BYTES], scorecard_path[LIMIT_PATH_BYTES];
    struct json *scorecard = NULL;
    struct buf bytes, text;
    buf_open(&bytes, (size_t)1 << 30);
    buf_open(&text, 4 * (size_t)LIMIT_JSON_BYTES);
    enum err err = step_output(context, "model", model_path);
    if (err == OK) err = step_output(context, "scorecard.json", scorecard_path);
    if (err == OK) err = json_parse(scorecard_text, &scorecard, context->fault);
    if (err == OK) {
        tabular_save(model, &bytes);
        struct json_writer out = json_writer_of(&text);
        scorecard_write(&out, scorecard, frame);
        err = buf_err(&bytes) != OK ? buf_err(&bytes) : buf_err(&text);
        if (err != OK) err = fault_set(context->fault, err, "train.model_too_large", STR_NONE);
    }
    if (err == OK) err = file_write(model_path, buf_str(&bytes), context->fault);
    if (err == OK) err = file_write(scorecard_path, buf_str(&text), context->fault);
    if (err == OK) summary_write(context->summary, scorecard);
    json_close(scorecard);
    buf_close(&bytes);
    buf_close(&text);
    return err;
}

// The table, with a target made out of two dates where the preparation has one.
struct given {
    struct table *table;
    bool dated;
    struct dates_target dates;
    struct dates_told told;
};

static enum err given_date(struct step_context *context, const struct json *options,
                           struct given *given) {
    struct fault *fault = context->fault;
    struct str target = json_member_text(options, "target");
    const struct dates_target *dates = &given->dates;
    struct table *with;
    char path[LIMIT_PATH_BYTES];
    bool event = str_equal(json_member_text(options, "event"), dates->end);
    enum err err = dates_target_check(dates, options, table_schema(given->table), fault);
    if (err == OK) err = step_output(context, "dated", path);
    if (err != OK) return err;
    (void)!file_remove(path, NULL); // of a start before this one
    err = dates_target_table(dates, target, event, given->table, path, context->arena,
                             context->progress, &given->told, fault);
    if (err == OK) err = table_open(path, &with, fault);
    (void)!file_remove(path, NULL); // it stays mapped
    if (err != OK) return err;
    table_close(given->table);
    given->table = with;
    given->dated = true;
    return OK;
}

static enum err train(struct step_context *context, const struct json *options,
                      const struct given *given) {
    struct table *table = given->table;
    struct frame_wish wish = {
        .target = json_member_text(options, "target"),
        .features = json_member(options, "features"),
        .group = json_member_text(options, "group"),
        .task = json_member_text(options, "task"),
        .positive = json_member_text(options, "positive"),
        .prepare = json_member(options, "prepare"),
        .weight = json_member_text(options, "weight"),
        .event = json_member_text(options, "event"),
        .class_weights = json_member(options, "class_weights"),
        .times = json_member(options, "times"),
    };
    struct tabular_options tabular;
    struct table_frame frame;
    enum err err = tabular_options_read(json_member(options, "options"), &tabular, context->fault);
    if (err == OK) {
        wish.loss = tabular.loss;
        err =
            frame_of_table(table, &wish, context->arena, context->progress, &frame, context->fault);
    }
    if (err == OK) {
        struct judge_wish judge = {.by = json_member(options, "judge_by"),
                                   .time = json_member_text(options, "time"),
                                   .entity = json_member_text(options, "entity"),
                                   .group = wish.group};
        err = frame_judge(table, &judge, context->arena, context->progress, &frame, &tabular.judge,
                          context->fault);
    }
    if (err == OK && given->dated) {
        err = dates_target_warn(&given->dates, &given->told, context->arena, &frame);
    }
    if (err != OK) return err;
    tabular.threads = step_threads(context);
    tabular.group = frame.group;
    tabular.preparation = frame.preparation;
    char checkpoint[LIMIT_PATH_BYTES];
    err = path_join(checkpoint, sizeof checkpoint, context->folder, CHILD_CHECKPOINT);
    if (err != OK) return err;
    tabular.checkpoint = context->progress ? checkpoint : NULL;
    if (json_member_bool(options, "predictions", false)) {
        size_t outputs = frame.target.task == TASK_CLASSES ? frame.target.class_count : 1;
        tabular.side_told = ARENA_ARRAY(context->arena, uint8_t, frame.frame.rows + 1);
        tabular.judged = ARENA_ARRAY(context->arena, double, frame.frame.rows *outputs + 1);
        if (!tabular.side_told || !tabular.judged) return ERR_MEMORY;
    }
    struct tabular_model *model = NULL;
    struct buf scorecard;
    buf_open(&scorecard, LIMIT_JSON_BYTES);
    err = tabular_train(&frame.frame, &frame.target, &tabular, context->progress, &model,
                        &scorecard, context->fault);
    if (err == OK) err = results_write(context, model, buf_str(&scorecard), &frame);
    if (err == OK && tabular.side_told) {
        err = judged_rows_write(context, table, &frame, model, tabular.side_told, tabular.judged);
    }
    if (model) tabular_close(model);
    buf_close(&scorecard);
    if (err == OK) json_set_u64(context->summary, "rows", frame.frame.rows);
    return err;
}

enum err step_train(struct step_context *context) {
    return train_by(context, step_options(context));
}

enum err train_by(struct step_context *context, const struct json *options) {
    const char *path;
    struct given given = {0};
    bool dated = false, series = json_is_object(json_member(options, "series"));
    enum err err =
        dates_target_read(json_member(options, "prepare"), &given.dates, &dated, context->fault);
    if (err == OK) err = step_input(context, "table", &path);
    if (err == OK) err = table_open(path, &given.table, context->fault);
    if (err == OK && dated) err = given_date(context, options, &given);
    if (err == OK) {
        err =
            series ? series_train(context, options, given.table) : train(context, options, &given);
    }
    if (given.table) table_close(given.table);
    return err;
}
