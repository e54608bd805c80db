// The box's operations from the console: any of the API's, and a file into a dataset.
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_private.h"
#include "flow/flow.h"
#include "people/people.h"
#include "server/server.h"

// Where an answer is a job, or has one, its id; else 0.
static uint64_t job_of(const struct json *reply) {
    if (json_is_string(json_member(reply, "step"))) return json_member_u64(reply, "id", 0);
    return json_member_u64(json_member(reply, "job"), "id", 0);
}

static enum err body_read(const char *told, struct json **out, struct fault *fault) {
    if (!told) return OK;
    return told[0] == '@' ? json_parse_file(told + 1, out, fault)
                          : json_parse(str_of(told), out, fault);
}

static enum err answer_show(struct box *box, const struct arguments *arguments, struct str file,
                            struct fault *fault) {
    const char *output = argument(arguments, "-o");
    if (file.size && !output) return fault_set(fault, ERR_INPUT, "cli.option_missing", STR("-o"));
    if (file.size) {
        char from[LIMIT_PATH_BYTES];
        if (!str_copy(from, sizeof from, file)) return ERR_LIMIT;
        enum err err = file_copy(from, output, fault);
        if (err == OK) SAY("cli.written", {"path", str_of(output)});
        return err;
    }
    if (output) return file_write(output, buf_str(&box->answer), fault);
    buf_add_char(&box->answer, '\n');
    return file_write_all(1, box->answer.data, box->answer.size, fault);
}

// Jobs live as long as the box is open: so the command waits for the one it has started, and shows
// it as it ended.
static enum err job_finish(struct box *box, struct str name, struct fault *fault) {
    enum err err = json_parse(buf_str(&box->answer), &box->reply, fault);
    uint64_t job = err == OK ? job_of(box->reply) : 0;
    if (err != OK || job == 0) return err;
    struct actor actor;
    err = people_console_actor(box->people, name, ROLE_ANYONE_SIGNED_IN, box->names, &actor, fault);
    if (err == OK) err = progress_signals_open();
    return err == OK ? box_wait(box, &actor, job, fault) : err;
}

enum err command_call(const struct command *command, const struct arguments *arguments,
                      struct fault *fault) {
    (void)command;
    const char *dir, *name;
    struct json *body = NULL;
    struct box box;
    enum err err = argument_needed(arguments, "--data", &dir, fault);
    if (err == OK) err = argument_needed(arguments, "--as", &name, fault);
    if (err == OK) err = body_read(argument(arguments, "--body"), &body, fault);
    if (err == OK) err = box_open(&box, dir, fault);
    if (err != OK) {
        json_close(body);
        return err;
    }
    struct console_call asked = {
        .flow = box.flow,
        .people = box.people,
        .name = str_of(name),
        .method = str_of(arguments->positional[0]),
        .path = str_of(arguments->positional[1]),
        .body = body,
    };
    struct json_writer out = json_writer_of(&box.answer);
    struct str file = STR_NONE;
    err = server_console_call(&asked, box.arena, &out, &file, fault);
    if (err == OK) err = buf_err(&box.answer);
    bool changes = !str_is(asked.method, "GET");
    if (err == OK && changes && box.answer.size) err = job_finish(&box, asked.name, fault);
    if (err == OK && (box.answer.size || file.size)) {
        err = answer_show(&box, arguments, file, fault);
    }
    json_close(body);
    box_close(&box);
    return err;
}

// ---- a file into a dataset -------------------------------------------------------------------

static enum err dataset_create(struct box *box, const struct actor *actor,
                               const struct arguments *arguments, uint64_t upload,
                               struct fault *fault) {
    const char *source = arguments->positional[0];
    const char *slash = strrchr(source, '/');
    const char *name = argument_or(arguments, "--name", slash ? slash + 1 : source);
    struct buf body;
    buf_open(&body, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&body);
    json_open_object(&out);
    json_set_text(&out, "name", str_of(name));
    json_set_u64(&out, "upload", upload);
    json_put_name(&out, "options");
    enum err err = intake_arguments_write(&out, arguments, source, fault);
    json_close_object(&out);
    buf_add_char(&body, '\0');
    if (err == OK) err = buf_err(&body);
    if (err == OK) err = box_call(box, actor, flow_dataset_create, 0, body.data, fault);
    buf_close(&body);
    return err;
}

enum err command_import_box(const struct command *command, const struct arguments *arguments,
                            struct fault *fault) {
    (void)command;
    const char *dir, *name;
    struct box box;
    struct actor actor;
    uint64_t upload = 0, dataset = 0;
    enum err err = argument_needed(arguments, "--data", &dir, fault);
    if (err == OK) err = argument_needed(arguments, "--as", &name, fault);
    if (err == OK && arguments->positional_count > 1) {
        err = fault_set(fault, ERR_INPUT, "cli.too_many", str_of(arguments->positional[1]));
    }
    if (err == OK) err = box_open(&box, dir, fault);
    if (err != OK) return err;
    err = people_console_actor(box.people, str_of(name), ROLE_DATA, box.names, &actor, fault);
    if (err == OK) err = progress_signals_open();
    if (err == OK) err = box_send(&box, &actor, arguments->positional[0], &upload, fault);
    if (err == OK) err = dataset_create(&box, &actor, arguments, upload, fault);
    if (err == OK) {
        dataset = json_member_u64(json_member(box.reply, "dataset"), "id", 0);
        err = box_settle(&box, &actor, dataset, fault);
    }
    if (err == OK) {
        SAY("cli.imported_box", {"id", count_text(dataset)},
            {"rows", count_text(json_member_u64(box.reply, "rows", 0))},
            {"columns", count_text(json_member_u64(box.reply, "columns", 0))});
    }
    box_close(&box);
    return err;
}
