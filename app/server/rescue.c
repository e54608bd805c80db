#include "server/rescue_private.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/memory.h"
#include "server/handlers_private.h"
#include "server/keeper_private.h"
#include "store/keep.h"

enum { FREE_FAILURES = 5, WAIT_MS_MAX = 60 * 1000, STATUS_BYTES = 64 * 1024, ASK_BYTES = 1024 };

struct rescue {
    char code[SHORT_CODE_SIZE]; // written once, in rescue_open
    pthread_mutex_t lock;       // protects what follows
    uint64_t failures;          // in a row
    int64_t until_ms;           // no try before it; monotonic
};

// ---- while the data cannot be opened ------------------------------------------------------------

static bool copy_kept(const char *dir) {
    struct kept *list = memory_take(KEEP_LIST_MAX * sizeof *list);
    size_t count = 0;
    bool found = false;
    if (list && keep_list(dir, list, KEEP_LIST_MAX, &count, NULL) == OK) {
        for (size_t i = 0; i < count && !found; i++) found = list[i].whole;
    }
    memory_give(list);
    return found;
}

void rescue_open(struct server *server, enum err err) {
    bool helps = err == ERR_CORRUPT || strcmp(server->unfit.code, "store.too_new") == 0;
    if (!helps || !copy_kept(server->dir)) return;
    struct rescue *rescue = memory_take(sizeof *rescue);
    if (!rescue) return;
    short_code_make(rescue->code);
    pthread_mutex_init(&rescue->lock, NULL);
    server->rescue = rescue;
}

void rescue_close(struct rescue *rescue) {
    if (!rescue) return;
    pthread_mutex_destroy(&rescue->lock);
    bytes_wipe(rescue, sizeof *rescue);
    memory_give(rescue);
}

const char *rescue_code(const struct rescue *rescue) {
    return rescue ? rescue->code : NULL;
}

// ---- the code -----------------------------------------------------------------------------------

static int64_t wait_ms(uint64_t failures) {
    if (failures < FREE_FAILURES) return 0;
    uint64_t doublings = failures - FREE_FAILURES + 1;
    int64_t wait = doublings < 10 ? ((int64_t)1 << doublings) * 1000 : WAIT_MS_MAX;
    return wait < WAIT_MS_MAX ? wait : WAIT_MS_MAX;
}

static enum err code_check(struct rescue *rescue, struct str typed, struct fault *fault) {
    char text[24];
    pthread_mutex_lock(&rescue->lock);
    int64_t now_ms = (int64_t)(clock_monotonic_us() / 1000);
    int64_t left_ms = rescue->until_ms - now_ms;
    bool fits = left_ms <= 0 && short_code_fits(rescue->code, typed);
    if (left_ms <= 0) {
        rescue->failures = fits ? 0 : rescue->failures + 1;
        rescue->until_ms = fits ? 0 : now_ms + wait_ms(rescue->failures);
    }
    uint64_t failures = rescue->failures;
    pthread_mutex_unlock(&rescue->lock);
    if (fits) return OK;
    if (left_ms > 0) {
        snprintf(text, sizeof text, "%" PRId64, (left_ms + 999) / 1000);
        return fault_set(fault, ERR_BUSY, "people.locked", str_of(text));
    }
    log_event(LOG_WARN, "server.rescue_refused", "failures=%" PRIu64, failures);
    return fault_set(fault, ERR_DENIED, "rescue.wrong_code", STR_NONE);
}

// ---- PID 1 --------------------------------------------------------------------------------------

// *out: json_close, also after an error.
static enum err keeper_status(struct server *server, struct json **out, struct fault *fault) {
    struct buf answer;
    *out = NULL;
    buf_open(&answer, STATUS_BYTES);
    enum err err = keeper_ask(server->keeper, STR("\"do\":\"status\""), &answer, fault);
    if (err == OK && json_parse(buf_str(&answer), out, NULL) != OK) {
        err = fault_set(fault, ERR_BUSY, "server.appliance_silent", STR_NONE);
    }
    buf_close(&answer);
    return err;
}

// The box's name, which PID 1 wants for what cannot be taken back, is what a person types who has
// no code.
static enum err restore_ask(struct server *server, const char *copy, struct fault *fault) {
    struct buf question, answer;
    struct json *status;
    enum err err = keeper_status(server, &status, fault);
    buf_open(&question, ASK_BYTES);
    buf_open(&answer, STATUS_BYTES);
    if (err == OK) {
        struct json_writer out = json_writer_of(&question);
        json_open_object(&out);
        json_set_text(&out, "do", STR("restore"));
        json_set_bool(&out, "stick", false);
        json_set_text(&out, "copy", str_of(copy));
        json_set_text(&out, "confirm",
                      json_member_text(json_member(status, "settings"), "hostname"));
        err = buf_err(&question); // an object that lacks its closing brace
    }
    if (err == OK) {
        struct str inside = {question.data + 1, question.size - 1};
        err = keeper_ask(server->keeper, inside, &answer, fault);
    }
    json_close(status);
    buf_close(&question);
    buf_close(&answer);
    return err;
}

// ---- the API ------------------------------------------------------------------------------------

static void copies_write(struct json_writer *out, const struct kept *list, size_t count) {
    json_put_name(out, "items");
    json_open_array(out);
    for (size_t i = 0; i < count; i++) {
        json_open_object(out);
        json_set_text(out, "name", str_of(list[i].name));
        json_set_i64(out, "made_ms", list[i].made_ms);
        json_set_u64(out, "bytes", list[i].bytes);
        json_set_bool(out, "whole", list[i].whole);
        json_set_text(out, "version", str_of(list[i].version));
        json_close_object(out);
    }
    json_close_array(out);
}

static void fault_write(struct json_writer *out, const char *name, const struct fault *fault) {
    json_put_name(out, name);
    if (fault->code[0]) {
        json_put_fault(out, fault);
    } else {
        json_put_null(out);
    }
}

enum err handle_rescue(struct server *server, struct request *request) {
    struct json_writer *out = &request->writer;
    struct kept *list = arena_take(request->call.arena, KEEP_LIST_MAX * sizeof *list);
    struct json *status = NULL;
    struct fault outcome = {0};
    size_t count = 0;
    if (!list) return ERR_MEMORY;
    enum err err = OK;
    if (server->rescue) err = keep_list(server->dir, list, KEEP_LIST_MAX, &count, &request->fault);
    if (err != OK) return err;
    // Without PID 1's answer the list is as good.
    if (server->rescue) (void)!keeper_status(server, &status, NULL);
    const struct json *work = json_member(status, "work");
    if (!str_is(json_member_text(work, "name"), "restore")) work = NULL;
    const struct json *told = json_member(work, "fault");
    if (told) json_read_fault(told, &outcome);
    json_open_object(out);
    json_set_bool(out, "needed", server->unfit.code[0] != '\0');
    fault_write(out, "fault", &server->unfit);
    json_set_bool(out, "offered", server->rescue != NULL);
    json_set_bool(out, "running", json_member_bool(work, "running", false));
    fault_write(out, "outcome", &outcome);
    copies_write(out, list, count);
    json_close_object(out);
    json_close(status);
    return OK;
}

enum err handle_rescue_restore(struct server *server, struct request *request) {
    struct str code, copy;
    struct kept kept = {0};
    char name[KEEP_NAME_BYTES] = "";
    struct fault *fault = &request->fault;
    if (!server->rescue) return fault_set(fault, ERR_CONFLICT, "rescue.not_offered", STR_NONE);
    enum err err = call_text(&request->call, "code", 1, 64, &code);
    if (err == OK) err = call_text(&request->call, "copy", 1, sizeof name - 1, &copy);
    if (err == OK) err = code_check(server->rescue, code, fault);
    if (err != OK) return err;
    (void)str_copy(name, sizeof name, copy);
    err = keep_look(server->dir, name, &kept, fault);
    if (err == OK) err = restore_ask(server, kept.name, fault);
    log_event(LOG_WARN, "server.rescue", "copy=%s err=%s code=%s", kept.name, err_name(err),
              fault->code);
    return err;
}
