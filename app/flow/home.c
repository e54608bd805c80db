// The start page's facts: what this person does best next, how much there is of everything.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>

#include "base/file.h"
#include "flow/jobs/executor.h"

enum { JOBS_SHOWN = 5, PENDING_SHOWN = 10 };

struct home {
    struct flow *flow;
    struct call *call;
    struct arena *scratch;
    uint64_t datasets, releases, releases_pending, models, approvals;
    // What the next step is found from.
    uint64_t dataset, dataset_revision; // the newest one that is ready
    uint64_t importing_job, pending_other, release, model;
    bool dataset_released;
    uint32_t shown;
};

static bool count_dataset(void *ctx, struct str key, struct record_reader *record) {
    struct home *home = ctx;
    struct dataset dataset;
    (void)key;
    arena_reset(home->scratch);
    if (dataset_read(record, home->scratch, &dataset) != OK) return true;
    if (dataset.deleted) return true;
    home->datasets++;
    if (home->dataset == 0 && dataset.state == DATASET_READY) {
        home->dataset = dataset.id;
        home->dataset_revision = dataset.revision;
    }
    if (home->importing_job == 0 && dataset.state == DATASET_IMPORTING) {
        home->importing_job = dataset.job;
    }
    return true;
}

static bool may_decide(const struct call *call, const struct release *release) {
    return release->state == RELEASE_PENDING &&
           (call->actor.roles & (ROLE_DATA | ROLE_SECURITY)) != 0 &&
           release->requested_by.id != call->actor.person_id;
}

static bool count_release(void *ctx, struct str key, struct record_reader *record) {
    struct home *home = ctx;
    struct release release;
    (void)key;
    arena_reset(home->scratch);
    if (release_read(record, home->scratch, &release) != OK) return true;
    home->releases += release.state == RELEASE_RELEASED;
    home->releases_pending += release.state == RELEASE_PENDING;
    if (home->release == 0 && release.state == RELEASE_RELEASED) home->release = release.id;
    bool counts = release.state == RELEASE_RELEASED || release.state == RELEASE_PENDING;
    if (release.dataset == home->dataset && counts) home->dataset_released = true;
    if (!may_decide(home->call, &release)) return true;
    if (home->pending_other == 0) home->pending_other = release.id;
    if (home->shown++ >= PENDING_SHOWN) return true;
    struct json_writer *out = home->call->out;
    json_open_object(out);
    json_set_u64(out, "id", release.id);
    json_set_text(out, "name", release.name);
    json_set_text(out, "title", release.sheet.title);
    json_set_u64(out, "rows", release.rows);
    json_set_text(out, "requested_by", release.requested_by.name);
    json_set_i64(out, "requested_ms", release.requested_ms);
    json_set_u64(out, "warning_count", release.warning_count);
    json_close_object(out);
    return true;
}

static bool count_model(void *ctx, struct str key, struct record_reader *record) {
    struct home *home = ctx;
    struct model model;
    (void)key;
    arena_reset(home->scratch);
    if (model_read(record, home->scratch, &model) != OK || model.deleted) return true;
    home->models++;
    if (home->model == 0 && model.state == MODEL_READY) home->model = model.id;
    return true;
}

static bool show_job(void *ctx, struct str key, struct record_reader *record) {
    struct home *home = ctx;
    struct job job;
    (void)key;
    arena_reset(home->scratch);
    if (job_read(record, home->scratch, &job) != OK) return true;
    const struct actor *actor = &home->call->actor;
    if (job.actor.id != actor->person_id && !(actor->roles & (ROLE_SYSTEM | ROLE_AUDIT))) {
        return true;
    }
    view_job(home->flow, home->call->out, &job);
    return ++home->shown < JOBS_SHOWN;
}

// The page is `before`, then the id unless it is 0, then `after`.
static void next_put(struct json_writer *out, const char *key, const char *before, uint64_t id,
                     const char *after) {
    char path[64];
    snprintf(path, sizeof path, "%s", before);
    if (id) snprintf(path, sizeof path, "%s%" PRIu64 "%s", before, id, after);
    json_put_name(out, "next");
    json_open_object(out);
    json_set_text(out, "key", str_of(key));
    json_set_text(out, "path", str_of(path));
    json_close_object(out);
}

static void next_of_data(const struct home *home, struct json_writer *out) {
    if (home->pending_other) {
        next_put(out, "home.next.approve", "/releases/", home->pending_other, "");
    } else if (home->dataset == 0 && home->importing_job) {
        next_put(out, "home.next.importing", "/jobs/", home->importing_job, "");
    } else if (home->dataset == 0) {
        next_put(out, "home.next.import", "/import", 0, "");
    } else if (home->dataset_revision == 1 && !home->dataset_released) {
        next_put(out, "home.next.cleanse", "/datasets/", home->dataset, "/cleanse");
    } else if (!home->dataset_released) {
        next_put(out, "home.next.publish", "/datasets/", home->dataset, "/publish");
    } else {
        next_put(out, "home.next.import_more", "/import", 0, "");
    }
}

static void next_write(const struct home *home, struct json_writer *out) {
    uint32_t roles = home->call->actor.roles;
    bool data_done = home->dataset_released && !home->pending_other;
    if ((roles & ROLE_RESEARCH) && home->release && (!(roles & ROLE_DATA) || data_done)) {
        if (home->model) {
            next_put(out, "home.next.predict", "/models/", home->model, "/try");
        } else {
            next_put(out, "home.next.train", "/train?release=", home->release, "");
        }
    } else if (roles & ROLE_DATA) {
        next_of_data(home, out);
    } else if ((roles & ROLE_SECURITY) && home->pending_other) {
        next_put(out, "home.next.approve", "/releases/", home->pending_other, "");
    } else if (roles & (ROLE_SYSTEM | ROLE_SECURITY)) {
        next_put(out, "home.next.people", "/people", 0, "");
    } else if (roles & ROLE_AUDIT) {
        next_put(out, "home.next.audit", "/audit", 0, "");
    } else {
        next_put(out, "home.next.look", "/releases", 0, "");
    }
}

static void counts_write(const struct home *home, struct json_writer *out) {
    uint64_t running, queued;
    runner_counts(home->flow, &running, &queued);
    json_put_name(out, "counts");
    json_open_object(out);
    json_set_u64(out, "datasets", home->datasets);
    json_set_u64(out, "releases_pending", home->releases_pending);
    json_set_u64(out, "releases", home->releases);
    json_set_u64(out, "models", home->models);
    json_set_u64(out, "jobs_running", running);
    json_set_u64(out, "jobs_queued", queued);
    json_set_u64(out, "approvals", home->approvals);
    json_close_object(out);
}

static enum err home_scan(struct home *home, struct store_txn *txn) {
    struct json_writer *out = home->call->out;
    struct key start = {.size = 0};
    enum err err = store_scan(txn, TABLE_DATASET, start, true, count_dataset, home);
    json_put_name(out, "pending");
    json_open_array(out);
    if (err == OK) err = store_scan(txn, TABLE_RELEASE, start, true, count_release, home);
    json_close_array(out);
    if (err == OK) err = store_scan(txn, TABLE_MODEL, start, true, count_model, home);
    if (err == OK) err = approval_count(txn, home->call, &home->approvals);
    home->shown = 0;
    json_put_name(out, "jobs");
    json_open_array(out);
    if (err == OK) err = store_scan(txn, TABLE_JOB, start, true, show_job, home);
    json_close_array(out);
    return err;
}

enum err flow_home(struct flow *flow, struct call *call) {
    struct home home = {.flow = flow, .call = call};
    struct store_txn *txn;
    enum err err = allow(call, ROLE_ANYONE_SIGNED_IN);
    if (err == OK) err = arena_open(SCRATCH_BYTES, &home.scratch);
    if (err != OK) return err;
    err = store_read_begin(flow->store, &txn);
    if (err == OK) {
        json_open_object(call->out);
        err = home_scan(&home, txn);
        store_read_end(txn);
        counts_write(&home, call->out);
        next_write(&home, call->out);
        json_close_object(call->out);
    }
    arena_close(home.scratch);
    return err == OK ? answer_end(call) : missing(call, err, "flow.not_found");
}

// ---- the machine ------------------------------------------------------------------------------

static uint64_t memory_free(void) {
    struct buf text;
    buf_open(&text, 64 * 1024);
    uint64_t kib = 0;
    if (file_read("/proc/meminfo", &text, NULL) == OK) {
        struct str rest = buf_str(&text);
        while (rest.size > 0) {
            struct str value, unit, line = str_cut(rest, '\n', &rest);
            if (!str_is(str_cut(line, ':', &value), "MemAvailable")) continue;
            (void)str_to_u64(str_cut(str_trim(value), ' ', &unit), &kib);
        }
    }
    buf_close(&text);
    return kib * 1024;
}

// Little is left: of a small disk a part, of a large one a sum.
static bool disk_is_low(const struct statvfs *disk) {
    enum { PART = 20 };
    static const uint64_t LOW_BYTES = (uint64_t)1 << 30;
    uint64_t left = (uint64_t)disk->f_bavail * disk->f_frsize;
    return disk->f_blocks > 0 && (left < LOW_BYTES || disk->f_bavail < disk->f_blocks / PART);
}

static void disk_write(const struct flow *flow, struct json_writer *out) {
    struct statvfs disk = {0};
    char path[LIMIT_PATH_BYTES];
    uint64_t state = 0;
    const char *dir = store_dir(flow->store);
    if (statvfs(dir, &disk) != 0) disk = (struct statvfs){0};
    json_set_u64(out, "disk_bytes", (uint64_t)disk.f_blocks * disk.f_frsize);
    json_set_u64(out, "disk_free_bytes", (uint64_t)disk.f_bavail * disk.f_frsize);
    json_set_bool(out, "disk_low", disk_is_low(&disk));
    path_of(path, "%s/state/data.mdb", dir);
    if (file_size(path, &state, NULL) != OK) state = 0;
    json_set_u64(out, "state_bytes", state);
}

struct blob_sum {
    struct store *store;
    uint64_t bytes, count;
};

static bool blob_visit(void *ctx, struct str key, struct record_reader *record) {
    struct blob_sum *sum = ctx;
    struct hash hash;
    char path[LIMIT_PATH_BYTES];
    uint64_t size = 0;
    (void)record;
    if (key.size != sizeof hash.bytes) return true;
    memcpy(hash.bytes, key.data, sizeof hash.bytes);
    if (blob_path(sum->store, &hash, path, sizeof path, NULL) == OK &&
        file_size(path, &size, NULL) == OK) {
        sum->bytes += size;
    }
    sum->count++;
    return true;
}

static enum err blobs_sum(struct flow *flow, struct blob_sum *sum) {
    struct store_txn *txn;
    sum->store = flow->store;
    enum err err = store_read_begin(flow->store, &txn);
    if (err != OK) return err;
    err = store_scan(txn, TABLE_BLOB, (struct key){.size = 0}, false, blob_visit, sum);
    store_read_end(txn);
    return err;
}

// What of the machine's means of confinement there is: controllers and the like, by name.
static void confine_write(const struct flow *flow, struct json_writer *out) {
    uint32_t parts = confine_parts(flow->confine);
    json_set_text(out, "confine", str_of(confine_level_name(confine_level(flow->confine))));
    json_put_name(out, "confine_parts");
    json_open_array(out);
    for (uint32_t i = 0; i < CONFINE_PARTS; i++) {
        if (parts & 1u << i) json_put_text(out, str_of(confine_part_name(1u << i)));
    }
    json_close_array(out);
}

enum err flow_system(struct flow *flow, struct call *call) {
    struct blob_sum blobs = {0};
    struct sysinfo info = {0};
    struct json_writer *out = call->out;
    uint64_t running, queued;
    enum err err = allow(call, ROLE_SYSTEM | ROLE_AUDIT);
    if (err == OK) err = blobs_sum(flow, &blobs);
    if (err != OK) return missing(call, err, "flow.not_found");
    sysinfo(&info);
    runner_counts(flow, &running, &queued);
    json_open_object(out);
    json_set_u64(out, "cpu_count", thread_count_usable());
    json_set_u64(out, "memory_bytes", (uint64_t)info.totalram * info.mem_unit);
    json_set_u64(out, "memory_free_bytes", memory_free());
    disk_write(flow, out);
    json_set_u64(out, "blob_bytes", blobs.bytes);
    json_set_u64(out, "blob_count", blobs.count);
    confine_write(flow, out);
    json_put_name(out, "executor");
    json_open_object(out);
    json_set_text(out, "name", str_of(flow->executor->name));
    if (flow->executor == &executor_slurm) slurm_view_pool(out, flow);
    json_close_object(out);
    json_put_name(out, "queue");
    json_open_object(out);
    json_set_u64(out, "running", running);
    json_set_u64(out, "queued", queued);
    json_close_object(out);
    json_put_name(out, "capacity");
    json_open_object(out);
    json_set_u64(out, "cpu_milli", flow->capacity.cpu_milli);
    json_set_u64(out, "memory_bytes", flow->capacity.memory_bytes);
    json_close_object(out);
    json_close_object(out);
    return answer_end(call);
}

void flow_metrics(struct flow *flow, struct buf *out) {
    uint64_t running, queued;
    runner_counts(flow, &running, &queued);
    buf_printf(out,
               "# HELP courtyard_jobs_running Jobs with a process.\n"
               "# TYPE courtyard_jobs_running gauge\n"
               "courtyard_jobs_running %" PRIu64 "\n",
               running);
    buf_printf(out,
               "# HELP courtyard_jobs_queued Jobs that wait for room.\n"
               "# TYPE courtyard_jobs_queued gauge\n"
               "courtyard_jobs_queued %" PRIu64 "\n",
               queued);
    buf_printf(out,
               "# HELP courtyard_jobs_ended_total Jobs ended since the start.\n"
               "# TYPE courtyard_jobs_ended_total counter\n"
               "courtyard_jobs_ended_total %" PRIu64 "\n",
               runner_ended(flow));
    buf_printf(out,
               "# HELP courtyard_capacity_cpu_milli Declared to the queue.\n"
               "# TYPE courtyard_capacity_cpu_milli gauge\n"
               "courtyard_capacity_cpu_milli %" PRIu64 "\n",
               flow->capacity.cpu_milli);
    buf_printf(out,
               "# HELP courtyard_capacity_memory_bytes Declared to the queue.\n"
               "# TYPE courtyard_capacity_memory_bytes gauge\n"
               "courtyard_capacity_memory_bytes %" PRIu64 "\n",
               flow->capacity.memory_bytes);
}
