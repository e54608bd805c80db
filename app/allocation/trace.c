// Reading traces; see trace.h for the formats.
#include "allocation/trace.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/number.h"

enum { FIELDS_MAX = 32, TENANTS_MAX = 4096, TENANT_NAME_SIZE = 64 };

struct reader {
    struct trace *trace;
    struct fault *fault;
    uint64_t row;
    struct str fields[FIELDS_MAX];
    uint32_t field_count;
    int columns[FIELDS_MAX]; // own: what each field is
    char (*names)[TENANT_NAME_SIZE];
};

void trace_close(struct trace *trace) {
    memory_give(trace->jobs);
    *trace = (struct trace){0};
}

enum err trace_add(struct trace *trace, const struct trace_job *job) {
    if (trace->count == trace->room) {
        uint32_t room = trace->room ? trace->room * 2 : 4096;
        struct trace_job *jobs =
            memory_resize(trace->jobs, trace->room * sizeof *jobs, (size_t)room * sizeof *jobs);
        if (!jobs) return ERR_MEMORY;
        trace->jobs = jobs;
        trace->room = room;
    }
    trace->jobs[trace->count++] = *job;
    return OK;
}

// ---- fields ------------------------------------------------------------------------------------
static void split(struct reader *reader, struct str line, char separator) {
    reader->field_count = 0;
    struct str rest = line;
    while (rest.data && reader->field_count < FIELDS_MAX) {
        struct str field;
        if (separator == ' ') { // any white space, however much
            while (rest.size && (*rest.data == ' ' || *rest.data == '\t')) rest.data++, rest.size--;
            if (!rest.size) return;
            size_t size = 0;
            while (size < rest.size && rest.data[size] != ' ' && rest.data[size] != '\t') size++;
            field = (struct str){rest.data, size};
            rest = (struct str){rest.data + size, rest.size - size};
        } else {
            field = str_trim(str_cut(rest, separator, &rest));
        }
        reader->fields[reader->field_count++] = field;
    }
}

static bool field_number(const struct reader *reader, uint32_t index, double *out) {
    return index < reader->field_count && number_parse(reader->fields[index], out) &&
           *out > -1e15 && *out < 1e15;
}

static int64_t ms_of(double seconds) {
    double ms = seconds * 1000;
    return ms > 1e14 ? (int64_t)1e14 : ms < 0 ? 0 : (int64_t)(ms + 0.5);
}

static enum err bad_line(const struct reader *reader) {
    return fault_at(reader->fault, ERR_INPUT, "trace.bad_line", reader->row, 0, STR_NONE);
}

// The number of a tenant's name; the last one stands for all beyond the bound.
static uint32_t tenant_of(struct reader *reader, struct str name) {
    char text[TENANT_NAME_SIZE];
    if (name.size >= sizeof text) name.size = sizeof text - 1;
    memset(text, 0, sizeof text);
    if (name.size) memcpy(text, name.data, name.size);
    struct trace *trace = reader->trace;
    for (uint32_t i = trace->tenants; i-- > 0;) {
        if (memcmp(reader->names[i], text, sizeof text) == 0) return i + 1;
    }
    if (trace->tenants == TENANTS_MAX) return TENANTS_MAX;
    memcpy(reader->names[trace->tenants], text, sizeof text);
    return ++trace->tenants;
}

static enum err put(struct reader *reader, struct trace_job *job) {
    bool runs = job->run_ms > 0;
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        runs = runs && job->need.of[r] >= 0 && job->need.of[r] <= CORE_AMOUNT_MAX;
    }
    if (!runs || job->members < 1) {
        reader->trace->skipped++;
        return OK;
    }
    return trace_add(reader->trace, job);
}

// ---- formats -----------------------------------------------------------------------------------
static enum err line_sample(struct reader *reader) {
    double submit, run, devices;
    if (reader->field_count != 4 || !field_number(reader, 0, &submit) ||
        !field_number(reader, 1, &run) || !field_number(reader, 2, &devices)) {
        return bad_line(reader);
    }
    struct trace_job job = {.submit_ms = ms_of(submit),
                            .run_ms = run < 1 ? 1000 : ms_of(run),
                            .checkpoint_ms = -1,
                            .members = 1,
                            .tenant = tenant_of(reader, reader->fields[3]),
                            .need = {{0, 0, 0, (int64_t)devices * CORE_DEVICE_MILLI}}};
    return put(reader, &job);
}

static enum err line_philly(struct reader *reader) {
    double run, devices;
    int64_t submit;
    if (reader->row == 1) return OK;
    if (reader->field_count < 5 || !time_parse(reader->fields[0], &submit) ||
        !field_number(reader, 1, &run) || !field_number(reader, 2, &devices)) {
        return bad_line(reader);
    }
    struct trace_job job = {.submit_ms = submit * 1000,
                            .run_ms = ms_of(run),
                            .checkpoint_ms = -1,
                            .members = 1,
                            .tenant = tenant_of(reader, reader->fields[4]),
                            .need = {{0, 0, 0, (int64_t)devices * CORE_DEVICE_MILLI}}};
    if (devices < 1) job.run_ms = 0;
    return put(reader, &job);
}

// Fields of SWF 2.2: 2 submit, 4 run time, 5 processors, 7 memory a processor (KiB), 8 processors
// asked for, 9 time asked for, 12 user.
static enum err line_swf(struct reader *reader) {
    double values[18] = {0};
    if (reader->field_count < 18) return bad_line(reader);
    for (uint32_t i = 0; i < 18; i++) {
        if (!field_number(reader, i, &values[i])) return bad_line(reader);
    }
    double processors = values[7] > 0 ? values[7] : values[4];
    double asked = values[8] > 0 ? values[8] : 0;
    double memory = values[6] > 0 ? values[6] * processors / 1024 : 0;
    if (asked > 0 && asked < values[3]) asked = values[3]; // it did run longer
    struct trace_job job = {.submit_ms = ms_of(values[1]),
                            .run_ms = ms_of(values[3]),
                            .limit_ms = ms_of(asked),
                            .estimate_ms = ms_of(asked),
                            .checkpoint_ms = -1,
                            .members = 1,
                            .tenant = tenant_of(reader, reader->fields[11]),
                            .need = {{(int64_t)(processors * 1000), (int64_t)memory, 0, 0}}};
    if (processors <= 0) job.run_ms = 0;
    return put(reader, &job);
}

// name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation,deletion,scheduled
static enum err line_alibaba(struct reader *reader) {
    double cpu, memory, devices, milli, created, deleted, scheduled;
    if (reader->row == 1) return OK;
    if (reader->field_count < 11 || !field_number(reader, 1, &cpu) ||
        !field_number(reader, 2, &memory) || !field_number(reader, 3, &devices) ||
        !field_number(reader, 4, &milli)) {
        return bad_line(reader);
    }
    bool ended = field_number(reader, 8, &created) && field_number(reader, 9, &deleted);
    if (!ended) {
        reader->trace->skipped++;
        return OK;
    }
    if (!field_number(reader, 10, &scheduled) || scheduled < created) scheduled = created;
    int64_t device = devices > 1   ? (int64_t)devices * CORE_DEVICE_MILLI
                     : devices < 1 ? 0
                                   : (int64_t)milli;
    struct trace_job job = {.submit_ms = ms_of(created),
                            .run_ms = deleted > scheduled ? ms_of(deleted - scheduled) : 0,
                            .checkpoint_ms = -1,
                            .members = 1,
                            .tenant = tenant_of(reader, reader->fields[6]), // its class of service
                            .need = {{(int64_t)cpu, (int64_t)memory, 0, device}}};
    return put(reader, &job);
}

enum column {
    COLUMN_OTHER,
    COLUMN_SUBMIT,
    COLUMN_RUN,
    COLUMN_TENANT,
    COLUMN_CPU,
    COLUMN_MEMORY,
    COLUMN_DISK,
    COLUMN_DEVICE,
    COLUMN_MEMBERS,
    COLUMN_PRIORITY,
    COLUMN_LIMIT,
    COLUMN_ESTIMATE,
    COLUMN_CHECKPOINT,
    COLUMN_DEADLINE,
};

static enum err names_own(struct reader *reader) {
    static const char *const names[] = {
        "",           "submit_s",   "run_s",        "tenant",    "cpu_milli",
        "memory_mib", "disk_mib",   "device_milli", "members",   "priority",
        "limit_s",    "estimate_s", "checkpoint_s", "deadline_s"};
    bool submit = false, run = false;
    for (uint32_t i = 0; i < reader->field_count; i++) {
        reader->columns[i] = COLUMN_OTHER;
        for (int c = COLUMN_SUBMIT; c <= COLUMN_DEADLINE; c++) {
            if (str_is(reader->fields[i], names[c])) reader->columns[i] = c;
        }
        submit |= reader->columns[i] == COLUMN_SUBMIT;
        run |= reader->columns[i] == COLUMN_RUN;
    }
    return submit && run ? OK : bad_line(reader);
}

static enum err line_own(struct reader *reader) {
    if (reader->row == 1) return names_own(reader);
    struct trace_job job = {.checkpoint_ms = -1, .members = 1, .tenant = 0};
    for (uint32_t i = 0; i < reader->field_count; i++) {
        double value = 0;
        int column = reader->columns[i];
        if (column == COLUMN_OTHER || reader->fields[i].size == 0) continue;
        if (column == COLUMN_TENANT) {
            job.tenant = tenant_of(reader, reader->fields[i]);
            continue;
        }
        if (!field_number(reader, i, &value)) return bad_line(reader);
        switch (column) {
        case COLUMN_SUBMIT: job.submit_ms = ms_of(value); break;
        case COLUMN_RUN: job.run_ms = ms_of(value); break;
        case COLUMN_CPU: job.need.of[RESOURCE_CPU] = (int64_t)value; break;
        case COLUMN_MEMORY: job.need.of[RESOURCE_MEMORY] = (int64_t)value; break;
        case COLUMN_DISK: job.need.of[RESOURCE_DISK] = (int64_t)value; break;
        case COLUMN_DEVICE: job.need.of[RESOURCE_DEVICE] = (int64_t)value; break;
        case COLUMN_MEMBERS: job.members = value < 1 || value > 4096 ? 0 : (uint32_t)value; break;
        case COLUMN_PRIORITY: job.priority = (int32_t)value; break;
        case COLUMN_LIMIT: job.limit_ms = ms_of(value); break;
        case COLUMN_ESTIMATE: job.estimate_ms = ms_of(value); break;
        case COLUMN_CHECKPOINT: job.checkpoint_ms = ms_of(value); break;
        default: job.deadline_ms = ms_of(value); break;
        }
    }
    if (!job.tenant) job.tenant = tenant_of(reader, STR("-"));
    return put(reader, &job);
}

// ---- the file ----------------------------------------------------------------------------------
struct format {
    const char *name;
    char separator, comment;
    enum err (*line)(struct reader *reader);
};
static const struct format formats[] = {{"own", ',', '#', line_own},
                                        {"sample", ' ', '#', line_sample},
                                        {"philly", ',', '#', line_philly},
                                        {"swf", ' ', ';', line_swf},
                                        {"alibaba", ',', '#', line_alibaba}};

static const struct format *format_find(const char *name) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(formats[i].name, name) == 0) return &formats[i];
    }
    return NULL;
}

static const char *format_guess(struct str text) {
    struct str rest, first = str_trim(str_cut(text, '\n', &rest));
    if (str_starts(first, STR("timestamp,"))) return "philly";
    if (str_starts(first, STR("name,cpu_milli"))) return "alibaba";
    if (str_starts(first, STR(";"))) return "swf";
    if (first.size && memchr(first.data, ',', first.size)) return "own";
    struct reader reader = {0};
    split(&reader, first, ' ');
    return reader.field_count == 18 ? "swf" : "sample";
}

static enum err lines_read(struct reader *reader, struct str text, const struct format *format) {
    enum err err = OK;
    while (err == OK && text.data && text.size) {
        struct str line = str_trim(str_cut(text, '\n', &text));
        reader->row++;
        if (line.size == 0 || line.data[0] == format->comment) {
            if (reader->row == 1) reader->row = 0; // the line of names may come later
            continue;
        }
        split(reader, line, format->separator);
        err = format->line(reader);
    }
    return err;
}

enum err trace_read(const char *path, const char *format_name, struct trace *out,
                    struct fault *fault) {
    struct file_map map;
    struct trace trace = {0};
    enum err err = file_map(path, &map, fault);
    if (err != OK) return err;
    struct str text = {(const char *)map.data, map.size};
    const struct format *format = format_find(format_name ? format_name : format_guess(text));
    struct reader reader = {.trace = &trace, .fault = fault};
    reader.names = memory_take(sizeof *reader.names * TENANTS_MAX);
    if (!reader.names) err = ERR_MEMORY;
    if (err == OK && !format) {
        err = fault_set(fault, ERR_INPUT, "trace.unknown_format", str_of(format_name));
    }
    if (err == OK) err = lines_read(&reader, text, format);
    if (err == OK && trace.count == 0) {
        err = fault_set(fault, ERR_INPUT, "trace.no_jobs", str_of(path));
    }
    memory_give(reader.names);
    file_unmap(&map);
    if (err != OK) {
        trace_close(&trace);
        return err;
    }
    trace_settle(&trace);
    *out = trace;
    return OK;
}

// ---- after reading -----------------------------------------------------------------------------
static int by_time(const void *a, const void *b) {
    const struct trace_job *left = a, *right = b;
    if (left->submit_ms != right->submit_ms) return left->submit_ms < right->submit_ms ? -1 : 1;
    if (left->tenant != right->tenant) return left->tenant < right->tenant ? -1 : 1;
    if (left->run_ms != right->run_ms) return left->run_ms < right->run_ms ? -1 : 1;
    for (int r = 0; r < RESOURCE_COUNT; r++) {
        if (left->need.of[r] != right->need.of[r]) {
            return left->need.of[r] < right->need.of[r] ? -1 : 1;
        }
    }
    return 0;
}

void trace_settle(struct trace *trace) {
    bool sorted = true;
    for (uint32_t i = 1; i < trace->count; i++) {
        sorted = sorted && trace->jobs[i - 1].submit_ms <= trace->jobs[i].submit_ms;
    }
    if (!sorted) qsort(trace->jobs, trace->count, sizeof *trace->jobs, by_time);
    int64_t first = trace->count ? trace->jobs[0].submit_ms : 0;
    trace->largest = (struct core_amount){0};
    for (uint32_t i = 0; i < trace->count; i++) {
        struct trace_job *job = &trace->jobs[i];
        job->submit_ms -= first;
        for (int r = 0; r < RESOURCE_COUNT; r++) {
            int64_t total = job->need.of[r] * (int64_t)job->members;
            if (total > trace->largest.of[r]) trace->largest.of[r] = total;
        }
    }
    trace->span_ms = trace->count ? trace->jobs[trace->count - 1].submit_ms : 0;
}

static uint64_t mix(uint64_t z) { // splitmix64
    z += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

void trace_sample(struct trace *trace, double load, uint32_t devices, uint64_t seed) {
    double offered = 0;
    int64_t most = (int64_t)devices * CORE_DEVICE_MILLI;
    for (uint32_t i = 0; i < trace->count; i++) {
        const struct trace_job *job = &trace->jobs[i];
        int64_t need = job->need.of[RESOURCE_DEVICE] * (int64_t)job->members;
        if (need <= most) offered += (double)need / CORE_DEVICE_MILLI * (double)job->run_ms;
    }
    double average = trace->span_ms > 0 ? offered / (double)trace->span_ms : offered;
    double part = average > 0 ? load / average : 1;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < trace->count; i++) {
        const struct trace_job *job = &trace->jobs[i];
        if (job->need.of[RESOURCE_DEVICE] * (int64_t)job->members > most) continue;
        double draw = (double)(mix(mix(seed) ^ i) >> 11) * 0x1p-53;
        if (draw < part) trace->jobs[kept++] = *job;
    }
    trace->count = kept;
    trace_settle(trace);
}

// ---- generators --------------------------------------------------------------------------------
struct kueue_class {
    uint32_t count;
    int64_t every_ms, run_ms;
    int32_t priority;
    int64_t cpus;
};

static bool kueue_queue(struct trace *out, uint32_t tenant, const struct kueue_class *classes) {
    for (int c = 0; c < 3; c++) {
        for (uint32_t i = 0; i < classes[c].count; i++) {
            struct trace_job job = {.submit_ms = (int64_t)(i + 1) * classes[c].every_ms,
                                    .run_ms = classes[c].run_ms,
                                    .tenant = tenant,
                                    .members = 1,
                                    .priority = classes[c].priority,
                                    .need = {{classes[c].cpus * 1000, 0, 0, 0}}};
            if (trace_add(out, &job) != OK) return false;
        }
    }
    return true;
}

bool trace_generate(const char *name, struct trace *out) {
    static const struct kueue_class baseline[3] = {
        {350, 100, 200, 50, 1}, {100, 500, 500, 100, 5}, {50, 1200, 1000, 200, 20}};
    static const struct kueue_class large[3] = {
        {35, 60, 150, 50, 1}, {11, 300, 350, 100, 5}, {4, 700, 700, 200, 20}};
    bool small = strcmp(name, "kueue-baseline") == 0;
    if (!small && strcmp(name, "kueue-large") != 0) return false;
    *out = (struct trace){.tenants = small ? 30 : 1000};
    for (uint32_t tenant = 1; tenant <= out->tenants; tenant++) {
        if (!kueue_queue(out, tenant, small ? baseline : large)) {
            trace_close(out);
            return false;
        }
    }
    trace_settle(out);
    return true;
}
