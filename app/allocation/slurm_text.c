// Reading what Slurm's commands print, and what they say when they refuse. From Slurm 22.05 to
// 24.11: a job's state is a word there and an array of words here, a time a number or an object.
#include <stdio.h>
#include <string.h>

#include "allocation/slurm.h"
#include "base/json.h"

static const struct {
    const char *word, *name;
    enum slurm_state state;
} states[] = {
    {"PENDING", "pending", SLURM_PENDING},
    {"RUNNING", "running", SLURM_RUNNING},
    {"COMPLETING", "completing", SLURM_COMPLETING},
    {"COMPLETED", "completed", SLURM_COMPLETED},
    {"FAILED", "failed", SLURM_FAILED},
    {"CANCELLED", "cancelled", SLURM_CANCELLED},
    {"TIMEOUT", "timeout", SLURM_TIMEOUT},
    {"OUT_OF_MEMORY", "out_of_memory", SLURM_OUT_OF_MEMORY},
    {"NODE_FAIL", "lost", SLURM_LOST},
    // The same under other words.
    {"CONFIGURING", "", SLURM_PENDING},
    {"REQUEUED", "", SLURM_PENDING},
    {"REQUEUE_HOLD", "", SLURM_PENDING},
    {"REQUEUE_FED", "", SLURM_PENDING},
    {"RESV_DEL_HOLD", "", SLURM_PENDING},
    {"SUSPENDED", "", SLURM_RUNNING},
    {"STOPPED", "", SLURM_RUNNING},
    {"SIGNALING", "", SLURM_RUNNING},
    {"STAGE_OUT", "", SLURM_COMPLETING},
    {"DEADLINE", "", SLURM_TIMEOUT},
    {"BOOT_FAIL", "", SLURM_LOST},
    {"PREEMPTED", "", SLURM_LOST},
    {"REVOKED", "", SLURM_LOST},
    {"SPECIAL_EXIT", "", SLURM_FAILED},
};
enum { STATES = sizeof states / sizeof states[0] };

const char *slurm_state_name(enum slurm_state state) {
    for (size_t i = 0; i < STATES; i++) {
        if (states[i].state == state && states[i].name[0]) return states[i].name;
    }
    return state == SLURM_GONE ? "gone" : "unknown";
}

bool slurm_state_ended(enum slurm_state state) {
    return state >= SLURM_COMPLETED && state <= SLURM_LOST;
}

enum slurm_state slurm_state_of(struct str word) {
    struct str rest, first = str_cut(str_trim(word), ' ', &rest);
    if (str_ends(first, STR("+"))) first.size--; // cut to a column's width
    for (size_t i = 0; i < STATES; i++) {
        if (str_is(first, states[i].word)) return states[i].state;
    }
    return SLURM_UNKNOWN;
}

// Unless it is no job of ours or there is no room.
struct words {
    struct str comment, reason, account, folder;
};
static enum err seen_add(struct slurm_list *list, const struct slurm_seen *seen,
                         const struct words *words, struct fault *fault) {
    struct slurm_seen one = *seen;
    struct str comment = words->comment, reason = words->reason, account = words->account;
    if (seen->id == 0 || !str_starts(comment, STR("courtyard:"))) return OK;
    if (!str_copy(one.comment, sizeof one.comment, comment)) return OK;
    if (list->count == SLURM_SEEN_MAX) {
        return fault_set(fault, ERR_LIMIT, "slurm.too_many", STR_NONE);
    }
    if (str_is(reason, "None") || seen->state != SLURM_PENDING) reason = STR_NONE;
    if (reason.size >= sizeof one.reason) reason.size = sizeof one.reason - 1;
    for (size_t i = 0; i < reason.size; i++) { // a site may have words of its own: plain ones only
        bool plain = reason.data[i] >= ' ' && reason.data[i] < 0x7f;
        one.reason[i] = plain ? reason.data[i] : '?';
    }
    if (str_is(account, "(null)")) account = STR_NONE;
    if (account.size >= sizeof one.account) account.size = sizeof one.account - 1;
    (void)!str_copy(one.account, sizeof one.account, account);
    one.folder_hash = str_hash(words->folder);
    list->jobs[list->count++] = one;
    return OK;
}

// ---- squeue --json -----------------------------------------------------------------------------

// 5, or {"set": true, "number": 5}.
static bool number_of(const struct json *node, int64_t *out) {
    if (json_is_object(node)) {
        if (!json_member_bool(node, "set", true)) return false;
        node = json_member(node, "number");
    }
    return json_i64(node, out);
}

// The first word that is a state; COMPLETING beside another wins.
enum slurm_state slurm_state_of_json(const struct json *node) {
    enum slurm_state state = SLURM_UNKNOWN;
    if (json_is_string(node)) return slurm_state_of(json_text(node));
    for (const struct json *word = json_first(node); word; word = json_next(word)) {
        enum slurm_state one = slurm_state_of(json_text(word));
        if (one == SLURM_COMPLETING) return one;
        if (state == SLURM_UNKNOWN) state = one;
    }
    return state;
}

int slurm_exit_of_json(const struct json *node) {
    int64_t code = 0, number = 0;
    if (number_of(json_member(json_member(node, "signal"), "id"), &number) ||
        number_of(json_member(json_member(node, "signal"), "signal_id"), &number)) {
        if (number > 0 && number < 65) return 128 + (int)number;
    }
    if (number_of(json_member(node, "return_code"), &code)) {
        return code >= 0 && code < 256 ? (int)code : -1;
    }
    if (!json_is_number(node) || !json_i64(node, &code) || code < 0 || code > 65535) return -1;
    return code & 0x7f ? 128 + (int)(code & 0x7f) : (int)(code >> 8); // as wait gives it
}

enum err slurm_read_queue_json(struct str text, struct slurm_list *out, struct fault *fault) {
    struct json *root = NULL;
    enum err err = json_parse(text, &root, fault);
    if (err != OK) return err;
    const struct json *jobs = json_member(root, "jobs");
    if (!json_is_array(jobs)) err = fault_set(fault, ERR_INPUT, "slurm.unreadable", STR_NONE);
    out->count = 0;
    for (const struct json *job = json_first(jobs); job && err == OK; job = json_next(job)) {
        struct slurm_seen seen = {
            .id = json_member_u64(job, "job_id", 0),
            .state = slurm_state_of_json(json_member(job, "job_state")),
            .exit_status = -1,
        };
        if (!number_of(json_member(job, "start_time"), &seen.start_s) || seen.start_s < 0) {
            seen.start_s = 0;
        }
        if (slurm_state_ended(seen.state)) {
            seen.exit_status = slurm_exit_of_json(json_member(job, "exit_code"));
        }
        struct words words = {
            .comment = json_member_text(job, "comment"),
            .reason = json_member_text(job, "state_reason"),
            .account = json_member_text(job, "account"),
            .folder = json_member_text(job, "current_working_directory"),
        };
        err = seen_add(out, &seen, &words, fault);
    }
    json_close(root);
    return err;
}

// ---- squeue as text, sacct ---------------------------------------------------------------------

enum err slurm_read_queue_text(struct str text, struct slurm_list *out, struct fault *fault) {
    enum err err = OK;
    out->count = 0;
    while (text.size > 0 && err == OK) {
        struct str line = str_trim(str_cut(text, '\n', &text)), rest = line;
        struct slurm_seen seen = {.exit_status = -1};
        if (!str_to_u64(str_trim(str_cut(rest, '|', &rest)), &seen.id)) continue;
        seen.state = slurm_state_of(str_cut(rest, '|', &rest));
        if (!str_to_i64(str_cut(rest, '|', &rest), &seen.start_s) || seen.start_s < 0) {
            seen.start_s = 0;
        }
        struct words words = {0};
        words.reason = str_cut(rest, '|', &rest);
        words.comment = str_cut(rest, '|', &rest);
        words.account = str_cut(rest, '|', &rest);
        words.folder = rest;
        err = seen_add(out, &seen, &words, fault);
    }
    return err;
}

bool slurm_read_account(struct str text, uint64_t id, struct slurm_seen *out) {
    while (text.size > 0) {
        struct str line = str_trim(str_cut(text, '\n', &text)), rest = line;
        uint64_t found, code, number;
        if (!str_to_u64(str_cut(rest, '|', &rest), &found) || found != id) continue;
        struct slurm_seen seen = {.id = id, .exit_status = -1};
        seen.state = slurm_state_of(str_cut(rest, '|', &rest));
        struct str after, before = str_cut(rest, ':', &after);
        if (str_to_u64(before, &code) && str_to_u64(str_trim(after), &number) && code < 256 &&
            number < 65) {
            seen.exit_status = number ? 128 + (int)number : (int)code;
        }
        *out = seen;
        return true;
    }
    return false;
}

// ---- small things ------------------------------------------------------------------------------

uint64_t slurm_minutes(struct str text) {
    uint64_t days = 0, part[3] = {0}, count = 0;
    struct str rest = str_trim(text);
    if (memchr(rest.data ? rest.data : "", '-', rest.size)) {
        if (!str_to_u64(str_cut(rest, '-', &rest), &days) || days > 36500) return 0;
    }
    while (rest.data && count < 3) {
        if (!str_to_u64(str_cut(rest, ':', &rest), &part[count]) || part[count] > 100000) return 0;
        count++;
    }
    if (count == 0 || rest.data) return 0; // "infinite", "n/a", …
    uint64_t hours = count == 3 ? part[0] : 0;
    uint64_t minutes = count == 3 ? part[1] : part[0];
    return (days * 24 + hours) * 60 + minutes;
}

static bool holds(struct str text, const char *words) {
    return text.size > 0 && memmem(text.data, text.size, words, strlen(words)) != NULL;
}

enum err slurm_refusal(struct str said, bool *out_later, struct fault *fault) {
    static const struct {
        const char *words, *code;
        bool later;
    } table[] = {
        {"nvalid partition", "slurm.no_partition", false},
        {"Memory specification", "slurm.memory_too_large", false},
        {"CPU count", "slurm.cpus_too_many", false},
        {"More processors", "slurm.cpus_too_many", false},
        {"node configuration is not available", "slurm.too_large", false},
        {"ime limit", "slurm.time_too_long", false},
        {"nvalid account", "slurm.no_account", false},
        {"nvalid qos", "slurm.no_account", false},
        {"accounting/QOS policy", "slurm.site_limit", false},
        {"ermission denied", "slurm.denied", false},
        {"nable to contact", "slurm.not_reached", true},
        {"ocket timed out", "slurm.not_reached", true},
        {"onnection refused", "slurm.not_reached", true},
        {"ommunication", "slurm.not_reached", true},
        {"emporarily", "slurm.not_reached", true},
        {"not responding", "slurm.not_reached", true},
        {"queue is full", "slurm.not_reached", true},
    };
    // The last line says it; what stands before the reason does not.
    static const char *const before[] = {
        "sbatch: ", "sinfo: ", "squeue: ", "error: ", "Batch job submission failed: "};
    struct str line = STR_NONE, rest = str_trim(said);
    while (rest.size) line = str_trim(str_cut(rest, '\n', &rest));
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        if (str_starts(line, str_of(before[i]))) {
            line = (struct str){line.data + strlen(before[i]), line.size - strlen(before[i])};
        }
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!holds(said, table[i].words)) continue;
        *out_later = table[i].later;
        return fault_set(fault, table[i].later ? ERR_BUSY : ERR_INPUT, table[i].code, line);
    }
    *out_later = false;
    return fault_set(fault, ERR_IO, "slurm.refused", line);
}
