// One attempt's process and its folder. The folder's lock is taken before the fork and inherited:
// it is held without a gap until the child ends, so that whoever can take it knows that nobody
// works there, after a crash of the server too.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "flow/jobs/places.h"
#include "flow/steps/child.h"

enum {
    PROCESSES_MAX = 64, // of one job, its threads included
    PROCESSES_OF_COMMAND = 1024,
};

void job_folder(const struct flow *flow, uint64_t job, char out[static LIMIT_PATH_BYTES]) {
    path_of(out, "%s/jobs/%" PRIu64, store_dir(flow->store), job);
}

struct job_input job_input_blob(const char *name, const struct hash *hash) {
    return (struct job_input){.name = str_of(name), .kind = INPUT_BLOB, .hash = *hash};
}

static enum err input_path(struct flow *flow, const struct job *job, const struct job_input *input,
                           char out[static LIMIT_PATH_BYTES], struct fault *fault) {
    if (input->kind == INPUT_BLOB) {
        return blob_path(flow->store, &input->hash, out, LIMIT_PATH_BYTES, fault);
    }
    if (input->kind == INPUT_KEY) {
        key_path(flow, input->id, out);
        return file_exists(out) ? OK : fault_set(fault, ERR_NOT_FOUND, "key.gone", STR_NONE);
    }
    if (input->kind == INPUT_SIGN) {
        sign_path(flow, out);
        return file_exists(out) ? OK : fault_set(fault, ERR_NOT_FOUND, "key.gone", STR_NONE);
    }
    if (input->kind == INPUT_INCOMING) {
        return incoming_path(flow, job->source_name, out, fault);
    }
    upload_path(flow, input->id, out);
    if (file_exists(out)) return OK;
    return fault_set(fault, ERR_NOT_FOUND, "upload.missing", STR_NONE);
}

static enum err inputs_write(struct flow *flow, const struct job *job, struct json_writer *out,
                             struct fault *fault) {
    json_put_name(out, "inputs");
    json_open_object(out);
    for (uint32_t i = 0; i < job->input_count; i++) {
        char path[LIMIT_PATH_BYTES];
        enum err err = input_path(flow, job, &job->inputs[i], path, fault);
        if (err != OK) return err;
        json_put_name_str(out, job->inputs[i].name);
        json_put_text(out, str_of(path));
    }
    char rules[LIMIT_PATH_BYTES], words[LIMIT_PATH_BYTES];
    if (str_is(job->step, "cleanse")) {
        if (site_rules_path(flow, rules)) json_set_text(out, "rules", str_of(rules));
        site_words_folder(flow, words);
        json_set_text(out, "words", str_of(words));
    }
    json_close_object(out);
    return OK;
}

static enum err spec_make(struct flow *flow, const struct job *job, struct buf *text,
                          struct fault *fault) {
    struct json_writer out = json_writer_of(text);
    json_open_object(&out);
    json_set_text(&out, "step", job->step);
    json_set_u64(&out, "attempt", job->attempt);
    json_set_u64(&out, "memory_bytes", job->memory_bytes);
    // A lease may be extended while it runs: its time is ours to keep.
    uint64_t time_limit_ms = job->ask.lease ? LEASE_MS_MOST : job->time_limit_ms;
    json_set_u64(&out, "time_limit_ms", time_limit_ms);
    json_set_u64(&out, "threads", job->cpu_milli < 1000 ? 1 : job->cpu_milli / 1000);
    json_set_u64(&out, "uid", flow->sandbox.uid);
    json_set_u64(&out, "gid", flow->sandbox.gid);
    json_set_u64(&out, "members", job_members(job));
    if (job->ask.array) {
        json_set_u64(&out, "task", job->ask.index);
        json_set_u64(&out, "tasks", job->ask.count);
    }
    json_put_name(&out, "devices");
    json_open_array(&out);
    for (uint32_t d = 0; d < flow->places.device_count; d++) {
        const struct device *device = &flow->places.devices[d];
        if (!(job->place.devices >> d & 1)) continue;
        json_open_array(&out);
        for (uint32_t i = 0; i < device->node_count; i++) {
            json_put_text(&out, str_of(device->nodes[i]));
        }
        json_close_array(&out);
    }
    json_close_array(&out);
    if (job->source_name.size) json_set_text(&out, "source_name", job->source_name);
    enum err err = inputs_write(flow, job, &out, fault);
    if (job->options.size) json_set_raw(&out, "options", job->options);
    json_close_object(&out);
    return err == OK ? buf_err(text) : err;
}

// Into the folder, or where `out_fd` asks for it into memory alone: fewer files are made and
// removed for the many short jobs that people's own programs are.
static enum err spec_write(struct flow *flow, const struct job *job, const char *folder,
                           int *out_fd, struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    enum err err = spec_make(flow, job, &text, fault);
    if (err == OK && out_fd) {
        *out_fd = memfd_create("spec", MFD_CLOEXEC);
        if (*out_fd < 0) err = fault_errno(fault, errno, STR("memfd"));
        if (err == OK) err = file_write_all(*out_fd, text.data, text.size, fault);
        if (err == OK) lseek(*out_fd, 0, SEEK_SET);
    } else if (err == OK) {
        err = path_join(path, sizeof path, folder, "spec.json");
        if (err == OK) err = file_write_quick(path, buf_str(&text), fault);
    }
    buf_close(&text);
    return err;
}

static enum err member_remove(const char *folder, const char *name, bool whole,
                              struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    enum err err = path_join(path, sizeof path, folder, name);
    if (err != OK) return err;
    return whole ? folder_remove(path, fault) : file_remove(path, fault);
}

// What an earlier attempt left; its log stays.
static enum err folder_clear(const char *folder, struct fault *fault) {
    enum err err = folder_make(folder, fault);
    if (err == OK) err = member_remove(folder, "out", true, fault);
    if (err == OK) err = member_remove(folder, "result.json", false, fault);
    if (err == OK) err = member_remove(folder, "pid", false, fault);
    if (err == OK) err = member_remove(folder, "progress", false, fault);
    if (err == OK) err = member_remove(folder, CHILD_SLURM, false, fault);
    return err;
}

static int member_open(const char *folder, const char *name, int flags) {
    char path[LIMIT_PATH_BYTES];
    if (path_join(path, sizeof path, folder, name) != OK) return -1;
    return open(path, flags | O_CLOEXEC, 0600);
}

// -1 while somebody else works there.
static int folder_lock(const char *folder) {
    int fd = member_open(folder, "lock", O_RDWR | O_CREAT);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

bool job_folder_free(const char *folder) {
    int lock = folder_lock(folder);
    if (lock >= 0) close(lock);
    return lock >= 0;
}

// The lock's first line, before there is a process: which attempt this is (job_attempt_left).
static enum err attempt_note(int lock, uint64_t attempt, struct fault *fault) {
    char text[32];
    int size = snprintf(text, sizeof text, "%" PRIu64 "\n", attempt);
    if (ftruncate(lock, 0) != 0) return fault_errno(fault, errno, STR("lock"));
    lseek(lock, 0, SEEK_SET);
    return file_write_all(lock, text, (size_t)size, fault);
}

// A process that came to its work has put itself on the second line (or, where it could not tell
// who it is, left its result); until then nothing has run.
bool job_attempt_left(const char *folder, uint64_t attempt) {
    char path[LIMIT_PATH_BYTES];
    struct buf text;
    uint64_t noted = 0;
    struct str worker = STR_NONE;
    bool alive = !job_folder_free(folder); // asked first: it may name itself any moment
    buf_open(&text, 4096);
    if (path_join(path, sizeof path, folder, "lock") == OK && file_read(path, &text, NULL) == OK) {
        if (!str_to_u64(str_cut(buf_str(&text), '\n', &worker), &noted)) noted = 0;
    }
    bool named = worker.size > 0;
    buf_close(&text);
    if (noted != attempt) return false;
    return alive || named || folder_attempt(folder, "result.json") == attempt;
}

static enum err folder_begin(struct flow *flow, const struct job *job, const char *folder,
                             int *out_spec, int *out_lock, struct fault *fault) {
    enum err err = folder_make(folder, fault);
    if (err != OK) return err;
    int lock = folder_lock(folder);
    if (lock < 0) return fault_set(fault, ERR_BUSY, "job.folder_busy", STR_NONE);
    if (job->attempt > 1) err = folder_clear(folder, fault);
    if (err == OK) err = attempt_note(lock, job->attempt, fault);
    if (err == OK) err = spec_write(flow, job, folder, out_spec, fault);
    if (err != OK) {
        close(lock);
        return err;
    }
    *out_lock = lock;
    return OK;
}

enum err job_prepare(struct flow *flow, const struct job *job, const char *folder,
                     struct active *active, int *out_lock, struct fault *fault) {
    enum err err = folder_begin(flow, job, folder, NULL, out_lock, fault);
    if (err == OK) active->progress = progress_map(folder);
    return err;
}

struct launch {
    int input_fd, log_fd, lock_fd; // input: the spec in memory, or nothing
    bool quick;                    // a person's own program
};

// Between the birth and exec: only what may be called there.
static void child_files(void *ctx) {
    const struct launch *launch = ctx;
    // 3 may be one of the others: lift them out of the way first.
    int input_fd = fcntl(launch->input_fd, F_DUPFD, 10);
    int log_fd = fcntl(launch->log_fd, F_DUPFD, 10);
    int lock_fd = fcntl(launch->lock_fd, F_DUPFD, 10);
    dup2(input_fd, 0);
    dup2(log_fd, 1);
    dup2(log_fd, 2);
    dup2(lock_fd, CHILD_LOCK_FD);
    if (syscall(SYS_close_range, CHILD_LOCK_FD + 1, ~0u, 0) != 0) {
        for (int fd = CHILD_LOCK_FD + 1; fd < 4096; fd++) close(fd);
    }
}

// A hundred for each processor, at most the kernel's ten thousand.
static uint32_t weight_of(uint64_t cpu_milli) {
    return cpu_milli < 10 ? 1 : cpu_milli > 100000 ? 10000 : (uint32_t)(cpu_milli / 10);
}

// Far beyond what it may use before the runner stops it: for when there is no runner any more.
static uint64_t cpu_seconds_of(const struct job *job) {
    uint64_t cpu_milli = job->cpu_milli * job_members(job);
    uint64_t processors = cpu_milli < 1000 ? 1 : cpu_milli / 1000;
    if (job->time_limit_ms == 0 || job->time_limit_ms > (uint64_t)365 * 24 * 3600 * 1000) return 0;
    return (job->time_limit_ms / 1000 + 60) * processors * 2;
}

static enum err child_start(struct flow *flow, const struct job *job, char *folder,
                            struct launch *launch, struct active *active, struct fault *fault) {
    char word[] = "job", quick[] = "run";
    char *argv[] = {flow->program, launch->quick ? quick : word, folder, NULL};
    struct confine_device devices[CONFINE_DEVICES_MAX];
    uint64_t members = job_members(job), cpu_milli = job->cpu_milli * members;
    struct confine_limits limits = {
        .memory_bytes = job->memory_bytes * members,
        .processes =
            str_is(job->step, "command") ? PROCESSES_OF_COMMAND : PROCESSES_MAX + LIMIT_THREADS,
        .cpu_weight = weight_of(cpu_milli),
        .io_weight = weight_of(cpu_milli),
        .cpu_seconds = cpu_seconds_of(job),
        .devices_apart = true,
        .devices = devices,
        .device_count = place_devices(flow, &job->place, devices),
    };
    limits.exclusive = place_cpus(flow, &job->place, &limits.cpus);
    struct confine_spawn spawn = {argv, child_files, launch};
    active->confined = (struct confine_attempt){
        .tenant = job->actor.id,
        .job = job->id,
        .attempt = (uint32_t)job->attempt,
        .events_fd = -1,
    };
    enum err err = confine_launch(flow->confine, &active->confined, &limits, &spawn, fault);
    if (err != OK) return err;
    active->pid = active->confined.pid;
    active->pidfd = active->confined.pidfd;
    active->own_child = true;
    return OK;
}

enum err job_launch(struct flow *flow, const struct job *job, struct active *active,
                    struct fault *fault) {
    char folder[LIMIT_PATH_BYTES];
    job_folder(flow, job->id, folder);
    struct launch launch = {.input_fd = -1, .log_fd = -1, .lock_fd = -1};
    launch.quick = str_is(job->step, "command");
    enum err err = launch.quick
                       ? folder_begin(flow, job, folder, &launch.input_fd, &launch.lock_fd, fault)
                       : job_prepare(flow, job, folder, active, &launch.lock_fd, fault);
    if (err == OK && !launch.quick) launch.input_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (err == OK) launch.log_fd = member_open(folder, "log", O_WRONLY | O_CREAT | O_APPEND);
    if (err == OK && (launch.input_fd < 0 || launch.log_fd < 0)) {
        err = fault_errno(fault, errno, str_of(folder));
    }
    if (err == OK) err = child_start(flow, job, folder, &launch, active, fault);
    if (err != OK) {
        progress_unmap(active->progress);
        active->progress = NULL;
    }
    if (launch.input_fd >= 0) close(launch.input_fd);
    if (launch.log_fd >= 0) close(launch.log_fd);
    if (launch.lock_fd >= 0) close(launch.lock_fd); // the child holds it on
    return err;
}

// Whom FOLDER/NAME names, if that is still who it says.
static bool worker_find(const char *folder, const char *name, struct active *active) {
    char path[LIMIT_PATH_BYTES], now[CHILD_IDENTITY_SIZE];
    struct buf text;
    buf_open(&text, 4096);
    bool known = false;
    if (path_join(path, sizeof path, folder, name) == OK && file_read(path, &text, NULL) == OK) {
        struct str rest, then = str_trim(buf_str(&text));
        const char *last = memrchr(then.data, '\n', then.size); // after the attempt's line
        if (last) then = (struct str){last + 1, then.size - (size_t)(last + 1 - then.data)};
        uint64_t pid;
        if (str_to_u64(str_cut(then, ' ', &rest), &pid) && pid > 1 && pid < INT32_MAX) {
            int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
            // First the handle, then the proof that it is the one meant.
            known = fd >= 0 && process_identity((int)pid, now, sizeof now) &&
                    str_equal(str_of(now), then);
            if (known) {
                active->pid = (int)pid;
                active->pidfd = fd;
            } else if (fd >= 0) {
                close(fd);
            }
        }
    }
    buf_close(&text);
    return known;
}

bool job_adopt_again(struct flow *flow, struct active *active) {
    char folder[LIMIT_PATH_BYTES];
    job_folder(flow, active->job, folder);
    int lock = folder_lock(folder);
    if (lock >= 0) { // it has ended meanwhile
        close(lock);
        return true;
    }
    // "pid": what an older version of this program has started.
    return worker_find(folder, "lock", active) || worker_find(folder, "pid", active);
}

bool job_adopt(struct flow *flow, uint64_t job, struct active *active) {
    char folder[LIMIT_PATH_BYTES];
    job_folder(flow, job, folder);
    if (!file_exists(folder)) return false;
    int lock = folder_lock(folder);
    if (lock >= 0) {
        close(lock);
        return false;
    }
    active->pid = 0;
    active->pidfd = -1;
    active->own_child = false;
    active->progress = progress_map(folder);
    job_adopt_again(flow, active);
    return true;
}
