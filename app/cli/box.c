// The box opened for one command: the same operations the API calls, by the same struct call.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_private.h"
#include "flow/flow.h"
#include "people/people.h"
#include "store/store.h"

enum {
    ANSWER_ARENA_BYTES = 64 << 20,
    NAMES_ARENA_BYTES = 1 << 20,
    WAIT_MS = 50,
    PIECE_BYTES = 1 << 20
};

const char *program_path(void) {
    static char path[LIMIT_PATH_BYTES];
    if (path[0]) return path;
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    path[size > 0 ? size : 0] = '\0';
    return path;
}

enum err box_open(struct box *box, const char *dir, struct fault *fault) {
    *box = (struct box){0};
    buf_open(&box->answer, 4 * (size_t)LIMIT_JSON_BYTES);
    enum err err = arena_open(ANSWER_ARENA_BYTES, &box->arena);
    if (err == OK) err = arena_open(NAMES_ARENA_BYTES, &box->names);
    if (err == OK) err = store_open(dir, NULL, &box->store, fault);
    if (err == OK) err = people_open(box->store, &box->people, fault);
    if (err == OK) {
        struct flow_options options = {.program = program_path()};
        err = flow_open(box->store, &options, &box->flow, fault);
    }
    if (err != OK) box_close(box);
    return err;
}

void box_close(struct box *box) {
    json_close(box->reply);
    if (box->flow) flow_close(box->flow, true);
    if (box->people) people_close(box->people);
    if (box->store) store_close(box->store);
    arena_close(box->arena);
    arena_close(box->names);
    buf_close(&box->answer);
    *box = (struct box){0};
}

// One call of either kind of operation; exactly one of the two is given.
struct door {
    enum err (*flow)(struct flow *flow, struct call *call);
    enum err (*people)(struct people *people, struct call *call);
};

static enum err door_call(struct box *box, const struct door *door, const struct actor *actor,
                          uint64_t id, const char *body, struct fault *fault) {
    struct json *body_json = NULL;
    json_close(box->reply);
    box->reply = NULL;
    buf_clear(&box->answer);
    arena_reset(box->arena);
    enum err err = body ? json_parse(str_of(body), &body_json, fault) : OK;
    if (err != OK) return err;
    struct json_writer out = json_writer_of(&box->answer);
    struct call call = {
        .actor = *actor,
        .id = id,
        .body = body_json,
        .arena = box->arena,
        .out = &out,
        .fault = fault,
    };
    err = door->flow ? door->flow(box->flow, &call) : door->people(box->people, &call);
    if (err == OK) err = buf_err(&box->answer);
    if (err == OK && box->answer.size > 0) {
        err = json_parse(buf_str(&box->answer), &box->reply, fault);
    }
    json_close(body_json);
    return err;
}

enum err box_call(struct box *box, const struct actor *actor,
                  enum err (*operation)(struct flow *flow, struct call *call), uint64_t id,
                  const char *body, struct fault *fault) {
    return door_call(box, &(struct door){.flow = operation}, actor, id, body, fault);
}

enum err box_people(struct box *box, const struct actor *actor,
                    enum err (*operation)(struct people *people, struct call *call), uint64_t id,
                    const char *body, struct fault *fault) {
    return door_call(box, &(struct door){.people = operation}, actor, id, body, fault);
}

static bool has_ended(struct str state) {
    return str_is(state, "done") || str_is(state, "failed") || str_is(state, "cancelled");
}

enum err box_wait(struct box *box, const struct actor *actor, uint64_t job, struct fault *fault) {
    uint64_t started_us = clock_monotonic_us();
    bool stopping = false;
    for (;;) {
        if (progress_cancelled(progress_of_process()) && !stopping) {
            stopping = true;
            enum err err = box_call(box, actor, flow_job_cancel, job, NULL, fault);
            if (err != OK) return err;
        }
        enum err err = box_call(box, actor, flow_job_show, job, NULL, fault);
        if (err != OK) return err;
        struct str state = json_member_text(box->reply, "state");
        if (has_ended(state)) break;
        progress_show_job(box->reply, started_us);
        nanosleep(&(struct timespec){.tv_nsec = WAIT_MS * 1000000L}, NULL);
    }
    progress_line_end();
    struct str state = json_member_text(box->reply, "state");
    if (str_is(state, "done")) return OK;
    if (str_is(state, "cancelled")) return fault_set(fault, ERR_CANCELLED, "cli.stopped", STR_NONE);
    struct fault failed;
    json_read_fault(json_member(box->reply, "fault"), &failed);
    if (fault && failed.code[0]) *fault = failed;
    return ERR_INPUT;
}

enum err box_settle(struct box *box, const struct actor *actor, uint64_t dataset,
                    struct fault *fault) {
    uint64_t last = 0;
    for (;;) {
        enum err err = box_call(box, actor, flow_dataset_show, dataset, NULL, fault);
        if (err != OK) return err;
        uint64_t job = json_member_u64(box->reply, "job", 0);
        if (job == 0 || job == last) return OK;
        err = box_wait(box, actor, job, fault);
        if (err != OK) return err;
        last = job;
    }
}

static enum err pieces_send(struct upload *upload, int fd, struct fault *fault) {
    char *piece = memory_take(PIECE_BYTES);
    if (!piece) return fault_errno(fault, ENOMEM, STR_NONE);
    enum err err = OK;
    while (err == OK) {
        ssize_t size = read(fd, piece, PIECE_BYTES);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) err = fault_errno(fault, errno, STR_NONE);
        if (size <= 0) break;
        err = flow_upload_add(upload, piece, (size_t)size, fault);
    }
    memory_give(piece);
    return err;
}

static enum err upload_create(struct box *box, const struct actor *actor, const char *path,
                              struct fault *fault) {
    uint64_t bytes = 0;
    enum err err = file_size(path, &bytes, fault);
    if (err != OK) return err;
    const char *slash = strrchr(path, '/');
    struct buf body;
    buf_open(&body, 4096);
    struct json_writer out = json_writer_of(&body);
    json_open_object(&out);
    json_set_text(&out, "name", str_of(slash ? slash + 1 : path));
    json_set_u64(&out, "size", bytes);
    json_close_object(&out);
    buf_add_char(&body, '\0');
    err = buf_err(&body);
    if (err == OK) err = box_call(box, actor, flow_upload_create, 0, body.data, fault);
    buf_close(&body);
    return err;
}

enum err box_send(struct box *box, const struct actor *actor, const char *path,
                  uint64_t *out_upload, struct fault *fault) {
    enum err err = upload_create(box, actor, path, fault);
    if (err != OK) return err;
    uint64_t id = json_member_u64(box->reply, "id", 0), received = 0;
    struct upload *upload = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fault_errno(fault, errno, str_of(path));
    err = flow_upload_begin(box->flow, actor, id, 0, &upload, fault);
    if (err == OK) {
        err = pieces_send(upload, fd, fault);
        enum err ended = flow_upload_end(upload, &received, fault);
        if (err == OK) err = ended;
    }
    close(fd);
    if (err == OK) *out_upload = id;
    return err;
}
