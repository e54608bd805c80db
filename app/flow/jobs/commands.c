// A person's own program as a job: read from the body of POST /jobs, checked against what this box
// is and allows, made a job of the step "command" (step_command.c). Off unless the service was
// started with `--commands`; and never without a fence that holds (allocation/sandbox.h).
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "flow/flow_private.h"
#include "flow/steps/work_folder.h"

enum {
    WORDS_MAX = 256,         // of one command line
    WORDS_BYTES_MAX = 32768, // all of them
    FILES_MAX = INPUTS_MAX - 1,
};
#define MIB ((uint64_t)1 << 20)
#define MEMORY_LEAST (64 * MIB)
#define TIME_MS_LEAST ((uint64_t)1000)
#define TIME_MS_MOST ((uint64_t)30 * 24 * 3600 * 1000)
#define TIME_MS_USUAL ((uint64_t)3600 * 1000)
#define DISK_USUAL (1024 * MIB)
#define CHECKPOINT_MS_MOST ((uint64_t)3600 * 1000)

// ---- what this box allows ----------------------------------------------------------------------
// Others than root's programs pass through the data folder to their own, and can list nothing.
static bool folders_open(const struct flow *flow) {
    char jobs[LIMIT_PATH_BYTES];
    path_of(jobs, "%s/jobs", store_dir(flow->store));
    return chmod(store_dir(flow->store), 0711) == 0 && chmod(jobs, 0711) == 0;
}

void commands_begin(struct flow *flow, const struct flow_options *options) {
    flow->commands = options->commands;
    sandbox_probe(options->job_uid, options->job_gid, &flow->sandbox);
    flow->fence_lacks = sandbox_lacks(&flow->sandbox);
    if (!flow->commands) return;
    if (!flow->fence_lacks && !sandbox_outside(store_dir(flow->store))) flow->fence_lacks = "place";
    if (!flow->fence_lacks && flow->sandbox.uid && !folders_open(flow)) flow->fence_lacks = "place";
    log_event(LOG_INFO, "commands.open", "uid=%" PRIu32 " landlock=%" PRIu32 " lacks=%s",
              flow->sandbox.uid, flow->sandbox.landlock,
              flow->fence_lacks ? flow->fence_lacks : "nothing");
}

static enum err commands_allowed(struct flow *flow, const struct call *call) {
    enum err err = allow(call, ROLE_RESEARCH);
    if (err != OK) return err;
    if (!flow->commands) return fault_set(call->fault, ERR_DENIED, "command.closed", STR_NONE);
    if (!flow->fence_lacks) return OK;
    return fault_set(call->fault, ERR_DENIED, "command.no_fence", str_of(flow->fence_lacks));
}

void view_commands(struct json_writer *out, const struct flow *flow) {
    json_put_name(out, "commands");
    json_open_object(out);
    json_set_bool(out, "open", flow->commands && !flow->fence_lacks);
    json_set_bool(out, "allowed", flow->commands);
    json_set_text(out, "lacks", str_of(flow->fence_lacks ? flow->fence_lacks : ""));
    json_set_bool(out, "own_user", flow->sandbox.uid != 0);
    json_set_u64(out, "landlock", flow->sandbox.landlock);
    json_set_u64(out, "devices", flow->places.device_count);
    json_set_u64(out, "disk_bytes", flow->places.disk_bytes);
    json_set_text(out, "network", flow->sandbox.filter ? STR("none") : STR("open"));
    json_close_object(out);
}

// ---- reading -----------------------------------------------------------------------------------
struct asking {
    struct flow *flow;
    const struct call *call;
    struct release release; // id 0: none
    struct job job;
};

static enum err bad(const struct call *call, const char *name) {
    return fault_set(call->fault, ERR_INPUT, "command.bad", str_of(name));
}

static enum err number_read(const struct call *call, const struct json *node, const char *name,
                            uint64_t least, uint64_t most, uint64_t *out) {
    const struct json *member = json_member(node, name);
    uint64_t value;
    if (!member || json_is_null(member)) return OK;
    if (!json_u64(member, &value) || value < least || value > most) return bad(call, name);
    *out = value;
    return OK;
}

// A word may hold anything but the byte that ends it.
static enum err words_check(const struct call *call, const struct json *list) {
    size_t count = json_count(list), bytes = 0;
    if (!json_is_array(list) || count == 0 || count > WORDS_MAX) return bad(call, "command");
    for (const struct json *one = json_first(list); one; one = json_next(one)) {
        struct str word = json_text(one);
        bytes += word.size;
        if (!json_is_string(one) || memchr(word.data, '\0', word.size)) return bad(call, "command");
    }
    bool named = json_text(json_first(list)).size > 0;
    return named && bytes <= WORDS_BYTES_MAX ? OK : bad(call, "command");
}

// Parts of one device, or whole ones.
static enum err devices_ask(struct asking *asking, const struct json *node) {
    const struct call *call = asking->call;
    struct job_ask *ask = &asking->job.ask;
    const uint64_t most = CORE_DEVICES_MAX * CORE_DEVICE_MILLI;
    enum err err = number_read(call, node, "device_milli", 0, most, &ask->device_milli);
    if (err != OK) return err;
    ask->own_cpus = json_member_bool(node, "own_cpus", false);
    if (ask->device_milli > CORE_DEVICE_MILLI && ask->device_milli % CORE_DEVICE_MILLI) {
        return bad(call, "device_milli");
    }
    if (ask->own_cpus && asking->job.cpu_milli % 1000) return bad(call, "own_cpus");
    if (ask->device_milli == 0 || asking->flow->places.device_count > 0) return OK;
    return fault_set(call->fault, ERR_CONFLICT, "command.no_device", STR_NONE);
}

// Several processes of it, and a lease.
static enum err together_read(struct asking *asking) {
    const struct call *call = asking->call;
    struct job *job = &asking->job;
    enum err err =
        number_read(call, call->body, "members", 1, COMMAND_MEMBERS_MAX, &job->ask.members);
    if (err != OK) return err;
    bool parts = job->ask.device_milli > 0 && job->ask.device_milli < CORE_DEVICE_MILLI;
    if (job->ask.members > 1 && parts) return bad(call, "device_milli"); // whose part is whose?
    job->ask.lease = json_member_bool(call->body, "lease", false);
    if (job->ask.lease && job->time_limit_ms > LEASE_MS_MOST) return bad(call, "time_limit_ms");
    if (job->ask.lease && job->ask.checkpoint_ms) return bad(call, "checkpoint_ms");
    return OK;
}

// Said at once rather than by the scheduler.
static enum err fits(const struct asking *asking) {
    const struct flow *flow = asking->flow;
    const struct job *job = &asking->job;
    uint64_t members = job_members(job);
    const uint64_t of[] = {job->cpu_milli, job->memory_bytes, job->ask.disk_bytes,
                           job->ask.device_milli};
    const uint64_t most[] = {flow->largest.cpu_milli, flow->largest.memory_bytes,
                             flow->places.disk_bytes,
                             (uint64_t)flow->places.device_count * CORE_DEVICE_MILLI};
    for (int i = 0; i < 4; i++) {
        if (of[i] <= most[i] / members) continue;
        return fault_set(asking->call->fault, ERR_LIMIT, "job.too_large", STR_NONE);
    }
    return OK;
}

static enum err needs_read(struct asking *asking) {
    const struct call *call = asking->call;
    const struct json *node = json_member(call->body, "resources");
    struct job *job = &asking->job;
    job->cpu_milli = 1000;
    job->memory_bytes = 1024 * MIB;
    job->time_limit_ms = TIME_MS_USUAL;
    job->ask.disk_bytes = DISK_USUAL;
    uint64_t checkpoint_ms = 0, scratch = asking->flow->places.disk_bytes;
    if (job->ask.disk_bytes > scratch / 2) job->ask.disk_bytes = scratch / 2;
    enum err err = number_read(call, node, "cpu_milli", 10, INT32_MAX, &job->cpu_milli);
    if (err == OK) {
        err = number_read(call, node, "memory_bytes", MEMORY_LEAST, INT64_MAX, &job->memory_bytes);
    }
    if (err == OK) {
        err = number_read(call, node, "disk_bytes", MIB, INT64_MAX, &job->ask.disk_bytes);
    }
    if (err == OK) {
        err = number_read(call, call->body, "time_limit_ms", TIME_MS_LEAST, TIME_MS_MOST,
                          &job->time_limit_ms);
    }
    if (err == OK) {
        err = number_read(call, call->body, "checkpoint_ms", 0, CHECKPOINT_MS_MOST, &checkpoint_ms);
    }
    if (err != OK) return err;
    job->ask.checkpoint_ms = (int64_t)checkpoint_ms;
    job->ask.restartable = json_member_bool(call->body, "restartable", false);
    job->when.estimate_ms = (int64_t)job->time_limit_ms; // it is stopped then
    err = devices_ask(asking, node);
    if (err == OK) err = together_read(asking);
    return err == OK ? fits(asking) : err;
}

// As a file's name in one folder; not hidden from whoever lists it, and none of ours.
static bool name_usable(struct str name) {
    if (name.size == 0 || name.data[0] == '.' || str_is(name, "out")) return false;
    return !memchr(name.data, '/', name.size) && !memchr(name.data, '\0', name.size);
}

static enum err file_read_one(struct asking *asking, const struct json *item) {
    const struct call *call = asking->call;
    struct job *job = &asking->job;
    struct upload_record upload;
    uint64_t id;
    if (!json_u64(item, &id)) return bad(call, "files");
    enum err err = upload_ready(asking->flow, call, id, &upload);
    if (err != OK) return err;
    if (!name_usable(upload.name)) return bad(call, "files");
    char *title = arena_take(call->arena, upload.name.size + 6);
    if (!title) return ERR_MEMORY;
    memcpy(title, "file:", 5);
    memcpy(title + 5, upload.name.data, upload.name.size);
    struct str name = {title, upload.name.size + 5};
    for (uint32_t i = 0; i < job->input_count; i++) {
        if (str_equal(job->inputs[i].name, name)) return bad(call, "files");
    }
    job->inputs[job->input_count++] =
        (struct job_input){.name = name, .kind = INPUT_UPLOAD, .id = id};
    return OK;
}

static enum err files_read(struct asking *asking) {
    const struct json *list = json_member(asking->call->body, "files");
    enum err err = OK;
    if (!list || json_is_null(list)) return OK;
    if (!json_is_array(list) || json_count(list) > FILES_MAX) return bad(asking->call, "files");
    for (const struct json *one = json_first(list); one && err == OK; one = json_next(one)) {
        err = file_read_one(asking, one);
    }
    return err;
}

static enum err release_take(struct asking *asking) {
    const struct call *call = asking->call;
    struct store_txn *txn;
    uint64_t id = json_member_u64(call->body, "release", 0);
    if (id == 0) return OK;
    enum err err = store_read_begin(asking->flow->store, &txn);
    if (err != OK) return err;
    err = release_load(txn, call->arena, id, &asking->release);
    store_read_end(txn);
    if (err != OK) return missing(call, err, "release.not_found");
    if (asking->release.state != RELEASE_RELEASED) {
        return fault_set(call->fault, ERR_CONFLICT, "release.not_released", STR_NONE);
    }
    asking->job.inputs[asking->job.input_count++] = job_input_blob("table", &asking->release.table);
    return OK;
}

// What the step reads, and the page shows.
static struct str options_make(const struct asking *asking) {
    const struct call *call = asking->call;
    const struct job *job = &asking->job;
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    json_open_object(&out);
    json_set_node(&out, "command", json_member(call->body, "command"));
    json_set_u64(&out, "disk_bytes", job->ask.disk_bytes);
    json_set_i64(&out, "checkpoint_ms", job->ask.checkpoint_ms);
    json_set_bool(&out, "restartable", job->ask.restartable);
    json_set_u64(&out, "release", asking->release.id);
    json_set_u64(&out, "device_milli", job->ask.device_milli);
    json_set_bool(&out, "own_cpus", job->ask.own_cpus);
    json_set_u64(&out, "members", job_members(job));
    json_set_bool(&out, "lease", job->ask.lease);
    json_close_object(&out);
    bool whole = buf_err(&text) == OK;
    struct str copy = whole ? arena_text(call->arena, buf_str(&text)) : STR_NONE;
    buf_close(&text);
    return copy;
}

static enum err asking_read(struct asking *asking) {
    const struct call *call = asking->call;
    struct job *job = &asking->job;
    const struct json *words = json_member(call->body, "command");
    struct str name;
    enum err err = words_check(call, words);
    if (err == OK) err = call_text(call, "name", 0, LIMIT_NAME_BYTES, &name);
    if (err != OK) return err;
    struct str first = json_text(json_first(words));
    if (!name.size) name = first.size <= LIMIT_NAME_BYTES ? first : STR("…");
    *job = (struct job){
        .step = STR("command"),
        .actor = who_of(&call->actor),
        .subject_kind = STR("program"),
        .subject_name = name,
    };
    err = needs_read(asking);
    if (err == OK) err = files_read(asking);
    if (err == OK) err = release_take(asking);
    if (err != OK) return err;
    job->options = options_make(asking);
    return job->options.size ? array_read(call, job) : ERR_MEMORY;
}

// ---- making ------------------------------------------------------------------------------------
static enum err command_change(struct store_txn *txn, void *ctx) {
    struct asking *asking = ctx;
    struct job *job = &asking->job;
    enum err err = job_request(asking->flow, txn, asking->call, job);
    if (err == OK) err = array_begin(txn, job);
    return err == OK ? job_audit(txn, job, "queued") : err;
}

enum err flow_command_create(struct flow *flow, struct call *call) {
    struct asking asking = {.flow = flow, .call = call};
    enum err err = commands_allowed(flow, call);
    if (err == OK) err = asking_read(&asking);
    uint64_t tasks = asking.job.ask.count ? asking.job.ask.count : 1;
    if (err == OK && !runner_has_room(flow, tasks)) {
        err = fault_set(call->fault, ERR_LIMIT, "job.queue_full", STR_NONE);
    }
    if (err == OK) err = store_write(flow->store, command_change, &asking);
    if (err != OK) return err;
    // One alone is shown before the core knows it: no explanation is worked out for an answer.
    if (tasks == 1) view_job(flow, call->out, &asking.job);
    runner_add(flow, &asking.job);
    err = array_make(flow, call, &asking.job);
    if (err != OK) return err;
    if (tasks > 1) view_job(flow, call->out, &asking.job);
    return answer_end(call);
}

// ---- a lease's end ------------------------------------------------------------------------------
struct extending {
    const struct call *call;
    struct job job;
};

static enum err extend_change(struct store_txn *txn, void *ctx) {
    struct extending *extending = ctx;
    const struct call *call = extending->call;
    struct job *job = &extending->job;
    char detail[32];
    enum err err = job_load(txn, call->arena, call->id, job);
    if (err != OK) return err;
    if (!job->ask.lease || job_is_over(job)) {
        return fault_set(call->fault, ERR_CONFLICT, "lease.none", STR_NONE);
    }
    uint64_t least = job->state == JOB_RUNNING ? job->time_limit_ms : TIME_MS_LEAST;
    err = number_read(call, call->body, "time_limit_ms", least, LEASE_MS_MOST, &job->time_limit_ms);
    if (err == OK) err = job_save(txn, job);
    if (err != OK) return err;
    snprintf(detail, sizeof detail, "time_limit=%" PRIu64, job->time_limit_ms);
    return audit_put(txn, call->actor.name, "job.extend", "job", job->id, "ok", str_of(detail));
}

enum err lease_extend(struct flow *flow, struct call *call) {
    struct extending extending = {.call = call};
    uint64_t running, queued;
    enum err err = job_look(flow, call, &extending.job);
    if (err == OK && extending.job.actor.id != call->actor.person_id) {
        err = allow(call, ROLE_SYSTEM);
    }
    if (err != OK) return err;
    runner_counts(flow, &running, &queued);
    if (queued > 0 && extending.job.state == JOB_RUNNING) {
        return fault_set(call->fault, ERR_CONFLICT, "lease.wanted", STR_NONE);
    }
    err = store_write(flow->store, extend_change, &extending);
    if (err != OK) return missing(call, err, "job.not_found");
    pthread_mutex_lock(&flow->lock);
    struct active *active = active_find(flow, call->id);
    if (active) active->time_limit_ms = extending.job.time_limit_ms;
    pthread_mutex_unlock(&flow->lock);
    view_job(flow, call->out, &extending.job);
    return answer_end(call);
}
