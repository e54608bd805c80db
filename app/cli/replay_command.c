// simulate box: a past week from a data folder's own records; replay: what its scheduler was told,
// event by event. Both beside a running server.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "allocation/journal.h"
#include "allocation/policy.h"
#include "allocation/simulate.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/number.h"
#include "cli/cli_private.h"
#include "flow/flow.h"
#include "store/store.h"

enum { ARENA_BYTES = 64 << 20 };

// A day or a time as the box's people write it: by the policy's clock. Not told: *out stays.
static enum err time_read(const struct arguments *arguments, const char *option,
                          int64_t offset_minutes, int64_t *out, struct fault *fault) {
    const char *text = argument(arguments, option);
    int64_t seconds, days;
    if (!text) return OK;
    if (date_parse(str_of(text), &days)) {
        seconds = days * 24 * 3600;
    } else if (!time_parse(str_of(text), &seconds)) {
        return fault_set(fault, ERR_INPUT, "cli.no_time", str_of(text));
    }
    *out = (seconds - offset_minutes * 60) * 1000;
    return OK;
}

static enum err time_told(const struct arguments *arguments, const char *option,
                          int64_t offset_minutes, struct json_writer *out, const char *name,
                          struct fault *fault) {
    int64_t ms = 0;
    enum err err = time_read(arguments, option, offset_minutes, &ms, fault);
    if (err == OK && argument(arguments, option)) json_set_i64(out, name, ms);
    return err;
}

static enum err offset_read(struct store *store, int64_t *out, struct fault *fault) {
    struct store_txn *txn;
    const struct policy *policy;
    enum err err = store_explain(store_read_begin(store, &txn), fault);
    if (err != OK) return err;
    err = policy_borrow(txn, &policy);
    if (err == OK) *out = policy->utc_offset_minutes;
    policy_return(policy);
    store_read_end(txn);
    return store_explain(err, fault);
}

static enum err capacity_told(const struct arguments *arguments, struct json_writer *out,
                              struct fault *fault) {
    const char *text = argument(arguments, "--capacity");
    struct core_capacity told = {0};
    if (!text) return OK;
    enum err err = simulate_capacity_read(str_of(text), &told, fault);
    if (err != OK) return err;
    json_put_name(out, "capacity");
    json_open_object(out);
    int64_t cpu = told.amount.of[RESOURCE_CPU], memory = told.amount.of[RESOURCE_MEMORY];
    if (cpu) json_set_i64(out, "cpu_milli", cpu);
    if (memory) json_set_i64(out, "memory_bytes", memory << 20);
    json_close_object(out);
    return OK;
}

static enum err policy_told(const struct arguments *arguments, struct json_writer *out,
                            struct fault *fault) {
    const char *path = argument(arguments, "--policy");
    struct json *draft;
    if (!path) return OK;
    enum err err = json_parse_file(path, &draft, fault);
    if (err != OK) return err;
    json_put_name(out, "policy");
    json_write(out->out, draft);
    out->comma = true;
    json_close(draft);
    return OK;
}

// The body of POST /replay, from the options.
static enum err body_make(struct store *store, const struct arguments *arguments, struct json **out,
                          struct fault *fault) {
    int64_t offset_minutes = 0;
    struct buf text;
    enum err err = offset_read(store, &offset_minutes, fault);
    if (err != OK) return err;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer json = json_writer_of(&text);
    json_open_object(&json);
    err = time_told(arguments, "--from", offset_minutes, &json, "from_ms", fault);
    if (err == OK) err = time_told(arguments, "--until", offset_minutes, &json, "until_ms", fault);
    if (err == OK) err = capacity_told(arguments, &json, fault);
    if (err == OK) err = policy_told(arguments, &json, fault);
    json_close_object(&json);
    if (err == OK) err = buf_err(&text);
    if (err == OK) err = json_parse(buf_str(&text), out, fault);
    buf_close(&text);
    return err;
}

// ---- said --------------------------------------------------------------------------------------
static struct str number_of(const struct json *node, const char *name, int digits,
                            char out[static 32]) {
    int size = snprintf(out, 32, "%.*f", digits, json_member_number(node, name, 0));
    return (struct str){out, size > 0 ? (size_t)size : 0};
}

static void say_way(const struct json *way) {
    char texts[5][32], key[64];
    struct buf name;
    buf_open(&name, 1024);
    snprintf(key, sizeof key, "replay.way.%.*s", STR_ARG(json_member_text(way, "way")));
    message_write(&name, key, NULL, 0);
    SAY("cli.replay_line", {"way", buf_str(&name)},
        {"jobs", count_text(json_member_u64(way, "jobs", 0))},
        {"mean", number_of(way, "wait_mean_s", 1, texts[0])},
        {"most", number_of(way, "wait_p95_s", 1, texts[1])},
        {"longest", number_of(way, "wait_max_s", 1, texts[2])},
        {"use", number_of(way, "use", 3, texts[3])}, {"jain", number_of(way, "jain", 3, texts[4])},
        {"preemptions", count_text(json_member_u64(way, "preemptions", 0))},
        {"left", count_text(json_member_u64(way, "left_out", 0))},
        {"hash", json_member_text(way, "hash")});
    buf_close(&name);
    const struct json *one = json_first(json_member(way, "departments"));
    for (; one; one = json_next(one)) {
        double units = json_member_number(one, "units", 0) / MICRO;
        SAY("cli.replay_department", {"name", json_member_text(one, "name")},
            {"jobs", count_text(json_member_u64(one, "jobs", 0))},
            {"mean", number_of(one, "wait_mean_s", 1, texts[0])},
            {"most", number_of(one, "wait_p95_s", 1, texts[1])}, {"units", number_text(units)});
    }
}

static enum err answer_say(const struct arguments *arguments, struct str text,
                           struct fault *fault) {
    struct json *answer;
    if (argument(arguments, "--json")) {
        printf("%.*s\n", STR_ARG(text));
        return OK;
    }
    enum err err = json_parse(text, &answer, fault);
    if (err != OK) return err;
    SAY("cli.replay_about", {"jobs", count_text(json_member_u64(answer, "jobs", 0))},
        {"open", count_text(json_member_u64(answer, "open", 0))});
    const struct json *way = json_first(json_member(answer, "ways"));
    for (; way; way = json_next(way)) say_way(way);
    json_close(answer);
    return OK;
}

enum err command_simulate_box(const struct arguments *arguments, struct fault *fault) {
    const char *dir;
    struct store *store;
    struct json *body = NULL;
    struct buf text;
    enum err err = argument_needed(arguments, "--data", &dir, fault);
    if (err == OK) err = store_open(dir, &(struct store_options){.read_only = true}, &store, fault);
    if (err != OK) return err;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    err = body_make(store, arguments, &body, fault);
    if (err == OK) err = flow_replay_box(store, NULL, body, NULL, &out, fault);
    if (err == OK) err = buf_err(&text);
    if (err == OK) err = answer_say(arguments, buf_str(&text), fault);
    json_close(body);
    buf_close(&text);
    store_close(store);
    return err;
}

// ---- replay: the journal ------------------------------------------------------------------------
// As --from and --until take it: by the box's clock, to the second.
static void time_put(struct buf *out, int64_t ms, int64_t offset_minutes) {
    buf_clear(out);
    buf_add_time(out, ms + offset_minutes * 60000);
    if (out->size) out->size--; // the Z
}

static void gap_say(const struct journal_report *report, int64_t offset_minutes) {
    struct buf from, until;
    if (report->gaps == 0) return;
    buf_open(&from, 64);
    buf_open(&until, 64);
    time_put(&from, report->gap_from_ms, offset_minutes);
    time_put(&until, report->gap_until_ms, offset_minutes);
    struct str gaps = count_text(report->gaps);
    if (report->gap_until_ms) {
        SAY("cli.journal_gap", {"from", buf_str(&from)}, {"until", buf_str(&until)},
            {"gaps", gaps});
    } else {
        SAY("cli.journal_gap_lasts", {"from", buf_str(&from)});
    }
    buf_close(&from);
    buf_close(&until);
}

static enum err report_say(const struct arguments *arguments, const struct journal_report *report,
                           int64_t offset_minutes) {
    char hash[24], event[32];
    struct buf text;
    buf_open(&text, 4096);
    struct json_writer out = json_writer_of(&text);
    journal_report_write(&out, report);
    enum err err = buf_err(&text);
    bool json = argument(arguments, "--json") != NULL;
    if (err == OK && json) printf("%.*s\n", STR_ARG(buf_str(&text)));
    buf_close(&text);
    if (err != OK || json) return err;
    snprintf(hash, sizeof hash, "%016" PRIx64, report->hash);
    snprintf(event, sizeof event, "%" PRIu64, report->event);
    SAY("cli.journal_about", {"segments", count_text(report->segments)},
        {"events", count_text(report->events)}, {"decisions", count_text(report->decisions)},
        {"torn", count_text(report->torn)}, {"skipped", count_text(report->skipped)});
    gap_say(report, offset_minutes);
    if (report->differs) {
        SAY("cli.journal_differs", {"segment", str_of(report->segment)}, {"event", str_of(event)});
    } else {
        SAY("cli.journal_same", {"hash", str_of(hash)});
    }
    return OK;
}

enum err command_replay(const struct command *command, const struct arguments *arguments,
                        struct fault *fault) {
    (void)command;
    const char *dir;
    char folder[LIMIT_PATH_BYTES];
    struct store *store;
    struct journal_report report;
    int64_t offset_minutes = 0, from_ms = 0, until_ms = 0;
    enum err err = argument_needed(arguments, "--data", &dir, fault);
    if (err == OK) err = store_open(dir, &(struct store_options){.read_only = true}, &store, fault);
    if (err != OK) return err;
    err = offset_read(store, &offset_minutes, fault);
    store_close(store);
    if (err == OK) err = time_read(arguments, "--from", offset_minutes, &from_ms, fault);
    if (err == OK) err = time_read(arguments, "--until", offset_minutes, &until_ms, fault);
    if (err == OK) err = path_join(folder, sizeof folder, dir, "journal");
    if (err == OK) err = journal_replay(folder, from_ms, until_ms, &report, fault);
    if (err == OK) err = report_say(arguments, &report, offset_minutes);
    if (err == OK && report.differs) {
        err = fault_set(fault, ERR_CORRUPT, "journal.differs", str_of(report.segment));
    }
    return err;
}
