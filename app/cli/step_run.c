// One step of the flow in this process: the function a job's child runs, on a temporary folder.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_private.h"
#include "data/intake/intake.h"
#include "data/table.h"
#include "flow/flow.h"

enum { STEP_ARENA_BYTES = 1 << 30, SPEC_BYTES = LIMIT_JSON_BYTES };

static enum err folder_near(const char *near, char *out, size_t out_size, struct fault *fault) {
    const char *slash = strrchr(near, '/');
    int parent = slash ? (int)(slash - near) + 1 : 0;
    int size = snprintf(out, out_size, "%.*s.courtyard-XXXXXX", parent, near);
    if (size < 0 || (size_t)size >= out_size) {
        return fault_set(fault, ERR_LIMIT, "base.path_too_long", str_of(near));
    }
    return mkdtemp(out) ? OK : fault_errno(fault, errno, str_of(near));
}

static enum err spec_start(struct step_run *run, const char *step) {
    buf_clear(&run->spec);
    run->writer = json_writer_of(&run->spec);
    json_open_object(&run->writer);
    json_set_text(&run->writer, "step", str_of(step));
    return buf_err(&run->spec);
}

enum err step_run_open(struct step_run *run, const char *step, const char *near,
                       struct fault *fault) {
    *run = (struct step_run){.folder = ""};
    buf_open(&run->spec, SPEC_BYTES);
    char folder[sizeof run->folder];
    enum err err = folder_near(near, folder, sizeof folder, fault);
    if (err != OK) return err;
    memcpy(run->folder, folder, sizeof folder);
    return spec_start(run, step);
}

static enum err run_in(struct step_run *run, const struct step *step, const struct json *spec,
                       struct fault *fault) {
    struct arena *arena = NULL;
    struct buf summary;
    buf_open(&summary, LIMIT_JSON_BYTES);
    struct json_writer writer = json_writer_of(&summary);
    json_open_object(&writer);
    enum err err = arena_open(STEP_ARENA_BYTES, &arena);
    if (err == OK) {
        struct step_context context = {
            .spec = spec,
            .folder = run->folder,
            .progress = progress_of_process(),
            .arena = arena,
            .summary = &writer,
            .fault = fault,
        };
        err = step->run(&context);
    }
    json_close_object(&writer);
    if (err == OK) err = buf_err(&summary);
    if (err == OK) {
        json_close(run->summary);
        run->summary = NULL;
        err = json_parse(buf_str(&summary), &run->summary, fault);
    }
    arena_close(arena);
    buf_close(&summary);
    return err;
}

enum err step_run_go(struct step_run *run, struct fault *fault) {
    json_close_object(&run->writer);
    struct json *spec = NULL;
    enum err err = buf_err(&run->spec);
    if (err == OK) err = json_parse(buf_str(&run->spec), &spec, fault);
    if (err != OK) return err;
    const struct step *step = step_find(json_member_text(spec, "step"));
    if (!step) {
        err = fault_set(fault, ERR_NOT_FOUND, "cli.no_such_step", json_member_text(spec, "step"));
    }
    if (err == OK) err = progress_show_open();
    if (err == OK) {
        err = run_in(run, step, spec, fault);
        progress_show_close();
    }
    json_close(spec);
    return err;
}

enum err step_run_take(struct step_run *run, const char *name, const char *path,
                       struct fault *fault) {
    char from[LIMIT_PATH_BYTES];
    int size = snprintf(from, sizeof from, "%s/out/%s", run->folder, name);
    if (size < 0 || (size_t)size >= sizeof from) {
        return fault_set(fault, ERR_LIMIT, "base.path_too_long", str_of(path));
    }
    return file_rename(from, path, fault);
}

void step_run_close(struct step_run *run) {
    json_close(run->summary);
    buf_close(&run->spec);
    if (run->folder[0] == '\0') return;
    struct fault fault = {0};
    if (folder_remove(run->folder, &fault) != OK) say_fault(&fault);
}
