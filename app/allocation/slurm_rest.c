#include "allocation/slurm_rest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

enum { VERSIONS_MAX = 1000, NODE_CPUS_MAX = 1 << 20, ENDED_ALREADY = 2021 };

// ---- the version -------------------------------------------------------------------------------

// 42 of "/slurm/v0.0.42/job/submit"; 0: another path.
static uint64_t version_in(struct str path) {
    const struct str before = STR("/slurm/v0.0."), after = STR("/job/submit");
    uint64_t version;
    if (path.size <= before.size + after.size) return 0;
    if (!str_starts(path, before) || !str_ends(path, after)) return 0;
    struct str number = {path.data + before.size, path.size - before.size - after.size};
    return str_to_u64(number, &version) && version < VERSIONS_MAX ? version : 0;
}

// Ours, else the next older, else the next newer.
static bool nearer(uint64_t version, uint64_t than) {
    if (than == 0) return true;
    if (version <= SLURM_REST_OURS) return than > SLURM_REST_OURS || version > than;
    return than > SLURM_REST_OURS && version < than;
}

uint32_t slurm_rest_version(struct str text) {
    struct json *root = NULL;
    uint64_t best = 0;
    if (json_parse(text, &root, NULL) != OK) return 0;
    for (const struct json *path = json_first(json_member(root, "paths")); path;
         path = json_next(path)) {
        uint64_t version = version_in(json_name(path));
        if (version >= SLURM_REST_OLDEST && nearer(version, best)) best = version;
    }
    json_close(root);
    return (uint32_t)best;
}

// ---- submitting --------------------------------------------------------------------------------

static void number_set(struct json_writer *out, const char *name, uint64_t number) {
    json_put_name(out, name);
    json_open_object(out);
    json_set_bool(out, "set", true);
    json_set_u64(out, "number", number);
    json_close_object(out);
}

static void word_list(struct json_writer *out, const char *name, struct str word) {
    json_put_name(out, name);
    json_open_array(out);
    json_put_text(out, word);
    json_close_array(out);
}

static void job_members(struct json_writer *json, const struct slurm_rest_job *job,
                        struct str script, struct str log) {
    char comment[SLURM_COMMENT_BYTES];
    const struct slurm_task *task = job->task;
    slurm_comment(task->job, task->attempt, comment);
    json_set_text(json, "script", script);
    json_set_text(json, "name", STR("courtyard"));
    json_set_text(json, "comment", str_of(comment));
    json_set_text(json, "current_working_directory", str_of(task->folder));
    json_set_text(json, "standard_output", log);
    word_list(json, "open_mode", STR("APPEND"));
    word_list(json, "environment", STR("PATH=/usr/bin:/bin")); // it may not be empty
    json_set_bool(json, "requeue", false); // another try is another attempt, and ours to decide
    json_set_u64(json, "minimum_nodes", 1);
    json_set_u64(json, "maximum_nodes", 1);
    json_set_u64(json, "tasks", 1);
    json_set_u64(json, "cpus_per_task", task->cpus);
    number_set(json, "memory_per_node", task->memory_mib);
    if (job->limit_minutes) number_set(json, "time_limit", job->limit_minutes);
    if (job->partition[0]) json_set_text(json, "partition", str_of(job->partition));
    if (job->account[0]) json_set_text(json, "account", str_of(job->account));
}

void slurm_rest_job_write(const struct slurm_rest_job *job, struct buf *out) {
    struct buf script, log;
    buf_open(&script, out->cap_bytes);
    buf_open(&log, out->cap_bytes);
    buf_add_text(&script, "#!/bin/sh\n");
    buf_add_str(&script, job->line);
    buf_add_char(&script, '\n');
    buf_printf(&log, "%s/log", job->task->folder);
    if (buf_err(&script) != OK || buf_err(&log) != OK) out->err = ERR_MEMORY;
    struct json_writer json = json_writer_of(out);
    json_open_object(&json);
    json_put_name(&json, "job");
    json_open_object(&json);
    job_members(&json, job, buf_str(&script), buf_str(&log));
    json_close_object(&json);
    json_close_object(&json);
    buf_close(&script);
    buf_close(&log);
}

// ---- answers -----------------------------------------------------------------------------------

// The first error of a list, as what a command would have said.
static enum err error_of(const struct json *root, bool *later, struct fault *fault) {
    const struct json *one = json_first(json_member(root, "errors"));
    if (!one) return OK;
    struct str said = json_member_text(one, "error");
    if (!said.size) said = json_member_text(one, "description");
    return slurm_refusal(said, later, fault);
}

enum err slurm_read_errors(struct str text, bool *out_later, struct fault *fault) {
    struct json *root = NULL;
    *out_later = false;
    if (json_parse(text, &root, NULL) != OK) return ERR_INPUT;
    enum err err =
        json_is_array(json_member(root, "errors")) ? error_of(root, out_later, fault) : ERR_INPUT;
    json_close(root);
    return err;
}

enum err slurm_read_submitted(struct str text, uint64_t *out_id, bool *out_later,
                              struct fault *fault) {
    struct json *root = NULL;
    *out_later = true;
    if (json_parse(text, &root, NULL) != OK) return ERR_IO;
    enum err err = error_of(root, out_later, fault);
    uint64_t id = json_member_u64(root, "job_id", 0);
    if (err == OK && id == 0) err = ERR_IO;
    if (err == OK) *out_id = id;
    json_close(root);
    return err;
}

// 5, or {"set": true, "number": 5}.
static uint64_t number_of(const struct json *node) {
    uint64_t number = 0;
    if (json_is_object(node)) {
        if (!json_member_bool(node, "set", true)) return 0;
        node = json_member(node, "number");
    }
    return json_u64(node, &number) ? number : 0;
}

static enum err no_partition(const struct slurm_pool *pool, struct fault *fault) {
    return fault_set(fault, ERR_NOT_FOUND, "slurm.no_partition", str_of(pool->partition));
}

enum err slurm_read_partitions(struct str text, struct slurm_pool *pool, struct fault *fault) {
    struct json *root = NULL;
    if (json_parse(text, &root, NULL) != OK) {
        return fault_set(fault, ERR_INPUT, "slurm.unreadable", STR("slurmrestd"));
    }
    const struct json *list = json_member(root, "partitions"), *found = NULL;
    for (const struct json *one = json_first(list); one; one = json_next(one)) {
        if (str_is(json_member_text(one, "name"), pool->partition)) found = one;
    }
    // It does not say which is the default one.
    if (!pool->partition[0] && json_count(list) == 1) found = json_first(list);
    struct str name = json_member_text(found, "name");
    struct str release =
        json_member_text(json_member(json_member(root, "meta"), "slurm"), "release");
    bool fits = name.size > 0 && str_copy(pool->partition, sizeof pool->partition, name);
    if (fits) {
        uint64_t minutes = number_of(json_member(json_member(found, "maximums"), "time"));
        pool->limit_minutes = minutes < UINT32_MAX ? minutes : 0;
        if (release.size > 32) release.size = 32;
        snprintf(pool->version, sizeof pool->version, "slurm %.*s", STR_ARG(release));
    }
    json_close(root);
    return fits ? OK : no_partition(pool, fault);
}

static bool lists(const struct json *words, const char *word) {
    for (const struct json *one = json_first(words); one; one = json_next(one)) {
        if (str_is(json_text(one), word)) return true;
    }
    return false;
}

enum err slurm_read_nodes(struct str text, struct slurm_pool *pool, struct fault *fault) {
    struct json *root = NULL;
    if (json_parse(text, &root, NULL) != OK) {
        return fault_set(fault, ERR_INPUT, "slurm.unreadable", STR("slurmrestd"));
    }
    const struct json *node = json_first(json_member(root, "nodes"));
    for (; node; node = json_next(node)) {
        uint64_t cpus = number_of(json_member(node, "cpus"));
        uint64_t memory = number_of(json_member(node, "real_memory"));
        if (!lists(json_member(node, "partitions"), pool->partition)) continue;
        if (cpus > NODE_CPUS_MAX || memory > (uint64_t)1 << 40) continue;
        pool->nodes++;
        pool->cpus += cpus;
        pool->memory_mib += memory;
        if (cpus > pool->node_cpus) pool->node_cpus = cpus;
        if (memory > pool->node_memory_mib) pool->node_memory_mib = memory;
    }
    json_close(root);
    return pool->nodes ? OK : no_partition(pool, fault);
}

bool slurm_read_account_json(struct str text, uint64_t id, struct slurm_seen *out) {
    struct json *root = NULL;
    bool found = false;
    if (json_parse(text, &root, NULL) != OK) return false;
    const struct json *job = json_first(json_member(root, "jobs"));
    for (; job && !found; job = json_next(job)) {
        if (json_member_u64(job, "job_id", 0) != id) continue;
        struct slurm_seen seen = {.id = id, .exit_status = -1};
        seen.state = slurm_state_of_json(json_member(json_member(job, "state"), "current"));
        if (slurm_state_ended(seen.state)) {
            seen.exit_status = slurm_exit_of_json(json_member(job, "exit_code"));
        }
        *out = seen;
        found = true;
    }
    json_close(root);
    return found;
}

bool slurm_read_associations(struct str text, uint64_t *out_count) {
    struct json *root = NULL;
    if (json_parse(text, &root, NULL) != OK) return false;
    const struct json *list = json_member(root, "associations");
    bool is = json_is_array(list) && !json_first(json_member(root, "errors"));
    if (is) *out_count = json_count(list);
    json_close(root);
    return is;
}

bool slurm_read_signalled(struct str text) {
    struct json *root = NULL;
    if (json_parse(text, &root, NULL) != OK) return false;
    bool well = !json_first(json_member(root, "errors"));
    const struct json *one = json_first(json_member(root, "status"));
    for (; one; one = json_next(one)) {
        uint64_t code = number_of(json_member(json_member(one, "error"), "code"));
        if (code != 0 && code != ENDED_ALREADY) well = false;
    }
    json_close(root);
    return well;
}
