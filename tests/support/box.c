#include "support/box.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"

#define ACTOR(id, text, bits) \
    { .person_id = (id), .name = {(text), sizeof(text) - 1}, .roles = (bits) }
const struct actor box_officer = ACTOR(1, "officer", ROLE_DATA);
const struct actor box_reviewer = ACTOR(2, "reviewer", ROLE_DATA);
const struct actor box_researcher = ACTOR(3, "researcher", ROLE_RESEARCH);
const struct actor box_auditor = ACTOR(4, "auditor", ROLE_AUDIT);
const struct actor box_stranger = {.person_id = 0};

bool box_folder(char out[static 128]) {
    const char *base = getenv("TMPDIR");
    snprintf(out, 128, "%s/courtyard-box-XXXXXX", base && strlen(base) < 90 ? base : "/tmp");
    return mkdtemp(out) != NULL;
}

void box_folder_remove(const char *dir) {
    enum err err = folder_remove(dir, NULL);
    if (err != OK) fprintf(stderr, "%s stays: %s\n", dir, err_name(err));
}

// Under an emulator the kernel cannot start this program by its file: a script beside it does.
static enum err program_find(char out[static LIMIT_PATH_BYTES]) {
    char self[LIMIT_PATH_BYTES - 16];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size <= 0) return ERR_IO;
    self[size] = '\0';
    const char *emulator = getenv("COURTYARD_EMULATOR");
    snprintf(out, LIMIT_PATH_BYTES, "%s%s", self, emulator ? ".start" : "");
    if (!emulator) return OK;
    FILE *script = fopen(out, "w");
    if (!script) return ERR_IO;
    fprintf(script, "#!/bin/sh\nexec %s '%s' \"$@\"\n", emulator, self);
    return fclose(script) == 0 && chmod(out, 0755) == 0 ? OK : ERR_IO;
}

enum err box_test_open(struct box_test *box, const char *dir) {
    static char program[LIMIT_PATH_BYTES];
    if (program_find(program) != OK) return ERR_IO;
    *box = (struct box_test){0};
    snprintf(box->dir, sizeof box->dir, "%s", dir);
    buf_open(&box->answer, 4 * (size_t)LIMIT_JSON_BYTES);
    enum err err = arena_open(64 << 20, &box->arena);
    struct store_options options = {.map_bytes = 1u << 30};
    if (err == OK) err = store_open(dir, &options, &box->store, &box->fault);
    struct flow_options flow_options = {.program = program};
    if (err == OK) err = flow_open(box->store, &flow_options, &box->flow, &box->fault);
    if (err != OK) box_test_close(box, true);
    return err;
}

void box_test_close(struct box_test *box, bool stop_children) {
    json_close(box->reply);
    if (box->flow) flow_close(box->flow, stop_children);
    if (box->store) store_close(box->store);
    arena_close(box->arena);
    buf_close(&box->answer);
    struct fault fault = box->fault;
    *box = (struct box_test){.fault = fault};
}

enum { QUERIES_MAX = 8 };
static uint32_t query_split(const char *query, struct call_query out[static QUERIES_MAX]) {
    uint32_t count = 0;
    struct str rest = str_of(query);
    while (rest.size > 0 && count < QUERIES_MAX) {
        struct str value, pair = str_cut(rest, '&', &rest);
        out[count].name = str_cut(pair, '=', &value);
        out[count++].value = value;
    }
    return count;
}

enum err box_do(struct box_test *box, const struct actor *actor,
                enum err (*operation)(struct flow *flow, struct call *call), uint64_t id,
                uint64_t number, const char *query, const char *body) {
    struct json *body_json = NULL;
    struct call_query queries[QUERIES_MAX];
    json_close(box->reply);
    box->reply = NULL;
    box->fault = (struct fault){0};
    buf_clear(&box->answer);
    arena_reset(box->arena);
    enum err err = body ? json_parse(str_of(body), &body_json, &box->fault) : OK;
    if (err != OK) return err;
    struct json_writer out = json_writer_of(&box->answer);
    struct call call = {.actor = *actor,
                        .id = id,
                        .number = number,
                        .query = queries,
                        .query_count = query_split(query, queries),
                        .body = body_json,
                        .arena = box->arena,
                        .out = &out,
                        .fault = &box->fault};
    err = operation(box->flow, &call);
    if (err == OK && box->answer.size) {
        err = json_parse(buf_str(&box->answer), &box->reply, &box->fault);
    }
    json_close(body_json);
    return err;
}

uint64_t box_u64(const struct box_test *box, const char *name) {
    return json_member_u64(box->reply, name, 0);
}

struct str box_text(const struct box_test *box, const char *name) {
    return json_member_text(box->reply, name);
}

static uint64_t import_try(struct box_test *box, const char *name, struct str content,
                           uint64_t *out_job) {
    char body[512];
    uint64_t received = 0;
    struct upload *upload;
    snprintf(body, sizeof body, "{\"name\":\"%s.csv\",\"size\":%zu}", name, content.size);
    if (box_do(box, &box_officer, flow_upload_create, 0, 0, NULL, body) != OK) return 0;
    uint64_t id = box_u64(box, "id");
    if (flow_upload_begin(box->flow, &box_officer, id, 0, &upload, &box->fault) != OK) return 0;
    enum err err = flow_upload_add(upload, content.data, content.size, &box->fault);
    enum err ended = flow_upload_end(upload, &received, &box->fault);
    if (err != OK || ended != OK || received != content.size) return 0;
    snprintf(body, sizeof body, "{\"name\":\"%s\",\"upload\":%llu}", name, (unsigned long long)id);
    if (box_do(box, &box_officer, flow_dataset_create, 0, 0, NULL, body) != OK) return 0;
    if (out_job) *out_job = json_member_u64(json_member(box->reply, "job"), "id", 0);
    return json_member_u64(json_member(box->reply, "dataset"), "id", 0);
}

uint64_t box_import(struct box_test *box, const char *name, struct str content, uint64_t *out_job) {
    uint64_t dataset = import_try(box, name, content, out_job);
    if (!dataset) fprintf(stderr, "no import: %s %s\n", box->fault.code, box->fault.detail);
    return dataset;
}

static void pause_ms(int ms) {
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

bool box_wait_for(struct box_test *box, uint64_t job, int timeout_ms, char state[static 16]) {
    uint64_t until_us = clock_monotonic_us() + (uint64_t)timeout_ms * 1000;
    struct actor all = box_auditor;
    while (clock_monotonic_us() < until_us) {
        if (box_do(box, &all, flow_job_show, job, 0, NULL, NULL) != OK) return false;
        str_copy(state, 16, box_text(box, "state"));
        if (strcmp(state, "queued") != 0 && strcmp(state, "running") != 0) return true;
        pause_ms(10);
    }
    return false;
}

static uint64_t jobs_in(struct box_test *box, const char *query) {
    if (box_do(box, &box_auditor, flow_job_list, 0, 0, query, NULL) != OK) return UINT64_MAX;
    return box_u64(box, "total");
}

bool box_settle(struct box_test *box, int timeout_ms) {
    uint64_t until_us = clock_monotonic_us() + (uint64_t)timeout_ms * 1000;
    while (clock_monotonic_us() < until_us) {
        if (jobs_in(box, "state=queued") == 0 && jobs_in(box, "state=running") == 0 &&
            jobs_in(box, "state=queued") == 0) {
            return true;
        }
        pause_ms(20);
    }
    return false;
}

static uint64_t mix(uint64_t *state) { // splitmix64
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

void box_patients(struct buf *out, unsigned rows, uint64_t seed) {
    static const char *const sexes[] = {"F", "M"};
    static const char *const wards[] = {"north", "south", "east"};
    buf_add_text(out, "name,mobile,sex,age,admitted,ward,pressure,outcome\n");
    for (unsigned i = 0; i < rows; i++) {
        unsigned age = (unsigned)(mix(&seed) % 80) + 10;
        unsigned pressure = 90 + (unsigned)(mix(&seed) % 90);
        // Three of ten outcomes are chance, so that no model can know them all.
        bool ill = mix(&seed) % 10 < 3 ? mix(&seed) % 2 == 0 : age + pressure > 195;
        buf_printf(out, "Person %u,138%08u,%s,%u,20%02u-%02u-%02u,%s,%u,%s\n", i,
                   (unsigned)(mix(&seed) % 100000000), sexes[mix(&seed) % 2], age,
                   (unsigned)(mix(&seed) % 20) + 5, (unsigned)(mix(&seed) % 12) + 1,
                   (unsigned)(mix(&seed) % 28) + 1, wards[mix(&seed) % 3], pressure,
                   ill ? "ill" : "well");
    }
}
