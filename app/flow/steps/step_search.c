// One try of a search: trains with the options drawn for its number.
//   inputs  table
//   options train (as of step_train.c), ranges, seed (draws.h)
//   spec    task: the try's number
//   out     model, scorecard.json; the summary tells the options drawn
#include "flow/steps/draws.h"
#include "flow/steps/steps_private.h"

// The options of step "train", with the learner's own as drawn.
static void try_write(const struct draws *draws, uint64_t try, const struct json *train,
                      struct json_writer *out) {
    json_open_object(out);
    for (const struct json *one = json_first(train); one; one = json_next(one)) {
        if (!str_is(json_name(one), "options")) json_put_member(out, one);
    }
    json_put_name(out, "options");
    draws_options_write(draws, try, json_member(train, "options"), out);
    json_close_object(out);
}

enum err step_search(struct step_context *context) {
    const struct json *options = step_options(context), *train = json_member(options, "train");
    uint64_t try = json_member_u64(context->spec, "task", 0);
    struct draws draws;
    struct json *drawn = NULL;
    struct buf text;
    enum err err = draws_read(json_member(options, "ranges"), json_member(train, "options"),
                              json_member_u64(options, "seed", 1), &draws, context->fault);
    if (err != OK) return err;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    try_write(&draws, try, train, &out);
    err =
        buf_err(&text) == OK ? json_parse(buf_str(&text), &drawn, context->fault) : buf_err(&text);
    if (err == OK) {
        json_put_name(context->summary, "drawn");
        draws_write(&draws, try, context->summary);
        err = train_by(context, drawn);
        json_close(drawn);
    }
    buf_close(&text);
    return err;
}
