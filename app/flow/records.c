// The fields of each record, once, for both ways. To add a field: append it at the end, raise
// RECORD_VERSION (store.h), and read it only from records whose version has it (reader->version).
#include "flow/record.h"

#include <string.h>

#include "base/assert.h"
#include "flow/flow.h"
#include "store/codec.h"

enum {
    VERSION_RECIPES_SHARED = 2,    // recipes have versions and are somebody's own or shared
    VERSION_REVISIONS_DELETED = 3, // a revision's rows may be gone
    VERSION_EXTRACTS = 4,          // a revision keeps what its cleansing set aside
    VERSION_PAUSES = 6,            // a job knows how often it was lost and how often it gave way
    VERSION_BUDGETS = 7,           // a dataset knows what noisy counts have spent
    VERSION_TENANTS = 8,           // a job knows its tenant
    VERSION_WHEN = 9,              // a job knows when it may run
    VERSION_SERVED = 10,           // and what it was served by the attempts that have ended
    VERSION_APPROVALS = 11,        // a job knows whether it is approved
    VERSION_ASK = 12,              // and what a person's own program asks for
    VERSION_PLACE = 13,            // and where it runs
    VERSION_CALENDAR = 14,         // and the reservation it runs in, and why it gave way
    VERSION_ORIGINS = 15,          // an upload knows whether it is a demonstration
    VERSION_CARDS = 16,            // a model keeps what people write on its card
    VERSION_GRAPHS = 17,           // a pilot's run knows which series are neighbours
    VERSION_PILOT_MODELS = 18,     // a model knows the pilot's run that had it trained
};

uint64_t job_members(const struct job *job) {
    return job->ask.members ? job->ask.members : 1;
}

bool hash_none(const struct hash *hash) {
    static const struct hash none;
    return memcmp(hash, &none, sizeof none) == 0;
}

static void who_fields(struct codec *c, struct who *who) {
    codec_u64(c, &who->id);
    codec_text(c, &who->name);
}

static void columns_fields(struct codec *c, struct revision_column **columns, uint32_t *count) {
    codec_count(c, count, LIMIT_COLUMNS);
    *columns = codec_array(c, *columns, count, sizeof **columns);
    for (uint32_t i = 0; i < *count; i++) {
        struct revision_column *column = &(*columns)[i];
        codec_text(c, &column->name);
        CODEC_ENUM(c, column->type, column_type, COLUMN_TYPE_COUNT);
        CODEC_ENUM(c, column->role, column_role, COLUMN_ROLE_COUNT);
        codec_text(c, &column->treatment);
        codec_u64(c, &column->fault_count);
    }
}

static void upload_record_fields(struct codec *c, struct upload_record *r) {
    codec_u64(c, &r->id);
    who_fields(c, &r->owner);
    codec_text(c, &r->name);
    codec_u64(c, &r->size);
    codec_u64(c, &r->received);
    codec_i64(c, &r->created_ms);
    codec_i64(c, &r->changed_ms);
    if (c->reader && c->reader->version < VERSION_ORIGINS) return;
    codec_text(c, &r->origin);
}

static void dataset_fields(struct codec *c, struct dataset *r) {
    codec_u64(c, &r->id);
    codec_text(c, &r->name);
    codec_text(c, &r->note);
    who_fields(c, &r->owner);
    codec_i64(c, &r->created_ms);
    codec_i64(c, &r->changed_ms);
    CODEC_ENUM(c, r->state, dataset_state, DATASET_STATE_COUNT);
    codec_u64(c, &r->rows);
    codec_u64(c, &r->columns);
    codec_u64(c, &r->revision);
    codec_u64(c, &r->job);
    codec_bool(c, &r->deleted);
    if (c->reader && c->reader->version < VERSION_BUDGETS) return;
    codec_u64(c, &r->epsilon);
}

static void revision_fields(struct codec *c, struct revision *r) {
    codec_u64(c, &r->dataset);
    codec_u64(c, &r->number);
    CODEC_ENUM(c, r->kind, revision_kind, REVISION_KIND_COUNT);
    codec_u64(c, &r->parent);
    codec_u64(c, &r->rows);
    codec_u64(c, &r->bytes);
    columns_fields(c, &r->columns, &r->column_count);
    codec_hash(c, &r->table);
    codec_i64(c, &r->created_ms);
    who_fields(c, &r->actor);
    codec_text(c, &r->source_name);
    codec_hash(c, &r->source_hash);
    codec_u64(c, &r->source_bytes);
    codec_hash(c, &r->recipe);
    codec_hash(c, &r->faults);
    codec_hash(c, &r->profile);
    codec_hash(c, &r->report);
    codec_u64(c, &r->fault_count);
    codec_u64(c, &r->lineage);
    if (c->reader && c->reader->version < VERSION_REVISIONS_DELETED) return;
    codec_i64(c, &r->deleted_ms);
    who_fields(c, &r->deleted_by);
    if (c->reader && c->reader->version < VERSION_EXTRACTS) return;
    for (uint32_t i = 0; i < EXTRACT_COUNT; i++) codec_hash(c, &r->extracts[i]);
}

static void recipe_record_fields(struct codec *c, struct recipe_record *r) {
    codec_u64(c, &r->id);
    codec_text(c, &r->name);
    codec_text(c, &r->text);
    codec_hash(c, &r->hash);
    who_fields(c, &r->actor);
    codec_i64(c, &r->changed_ms);
    if (c->reader && c->reader->version < VERSION_RECIPES_SHARED) {
        r->version = 1;
        r->shared = true;
        return;
    }
    codec_u64(c, &r->previous);
    codec_u64(c, &r->version);
    codec_bool(c, &r->shared);
    codec_bool(c, &r->superseded);
}

static void sheet_fields(struct codec *c, struct sheet *sheet) {
    codec_text(c, &sheet->title);
    codec_text(c, &sheet->purpose);
    codec_text(c, &sheet->source);
    codec_text(c, &sheet->licence);
    codec_text(c, &sheet->contact);
    codec_text(c, &sheet->limits);
    codec_text(c, &sheet->sensitivity);
}

static void release_fields(struct codec *c, struct release *r) {
    codec_u64(c, &r->id);
    codec_text(c, &r->name);
    CODEC_ENUM(c, r->state, release_state, RELEASE_STATE_COUNT);
    codec_u64(c, &r->dataset);
    codec_u64(c, &r->revision);
    codec_u64(c, &r->rows);
    codec_u64(c, &r->bytes);
    columns_fields(c, &r->columns, &r->column_count);
    codec_hash(c, &r->table);
    codec_hash(c, &r->manifest);
    sheet_fields(c, &r->sheet);
    who_fields(c, &r->requested_by);
    who_fields(c, &r->decided_by);
    codec_i64(c, &r->requested_ms);
    codec_i64(c, &r->decided_ms);
    codec_text(c, &r->reason);
    codec_count(c, &r->warning_count, LIMIT_COLUMNS);
    r->warnings = codec_array(c, r->warnings, &r->warning_count, sizeof *r->warnings);
    for (uint32_t i = 0; i < r->warning_count; i++) {
        codec_text(c, &r->warnings[i].code);
        codec_text(c, &r->warnings[i].detail);
    }
    codec_u64(c, &r->lineage);
}

static void model_fields(struct codec *c, struct model *r) {
    codec_u64(c, &r->id);
    codec_text(c, &r->name);
    codec_u64(c, &r->release);
    codec_text(c, &r->release_title);
    codec_text(c, &r->target);
    codec_text(c, &r->task);
    codec_text(c, &r->learner);
    CODEC_ENUM(c, r->state, model_state, MODEL_STATE_COUNT);
    codec_u64(c, &r->job);
    codec_i64(c, &r->created_ms);
    who_fields(c, &r->actor);
    codec_hash(c, &r->file);
    codec_hash(c, &r->scorecard);
    codec_text(c, &r->headline);
    codec_number(c, &r->value);
    codec_number(c, &r->low);
    codec_number(c, &r->high);
    codec_bool(c, &r->deleted);
    codec_u64(c, &r->lineage);
    if (c->reader && c->reader->version < VERSION_CARDS) return;
    codec_text(c, &r->purpose);
    codec_text(c, &r->not_for);
    if (c->reader && c->reader->version < VERSION_PILOT_MODELS) return;
    codec_u64(c, &r->pilot_run);
}

static void language_model_fields(struct codec *c, struct language_model *r) {
    codec_u64(c, &r->id);
    codec_text(c, &r->name);
    codec_text(c, &r->source_name);
    CODEC_ENUM(c, r->state, model_state, MODEL_STATE_COUNT);
    codec_u64(c, &r->job);
    codec_i64(c, &r->created_ms);
    who_fields(c, &r->actor);
    codec_hash(c, &r->file);
    codec_u64(c, &r->bytes);
    codec_text(c, &r->architecture);
    codec_text(c, &r->weights);
    codec_u64(c, &r->parameters);
    codec_u64(c, &r->context);
    codec_u64(c, &r->vocabulary);
    codec_u64(c, &r->token_bytes);
    codec_u64(c, &r->work_bytes);
    codec_bool(c, &r->embeds);
    codec_bool(c, &r->chats);
    codec_bool(c, &r->on);
    codec_bool(c, &r->deleted);
    codec_u64(c, &r->serving);
}

static void job_input_fields(struct codec *c, struct job_input *input) {
    codec_text(c, &input->name);
    CODEC_ENUM(c, input->kind, input_kind, INPUT_KIND_COUNT);
    codec_u64(c, &input->id);
    codec_hash(c, &input->hash);
}

static void when_fields(struct codec *c, struct job_when *when) {
    codec_i64(c, &when->priority);
    codec_i64(c, &when->not_before_ms);
    codec_i64(c, &when->deadline_ms);
    codec_i64(c, &when->promised_ms);
    codec_i64(c, &when->estimate_ms);
    codec_u64(c, &when->rows);
    codec_bool(c, &when->hold);
    codec_bool(c, &when->after_any);
    codec_count(c, &when->after_count, WHEN_AFTER_MAX);
    for (uint32_t i = 0; i < when->after_count; i++) codec_u64(c, &when->after[i]);
}

static void approval_fields(struct codec *c, struct job_approval *approval) {
    CODEC_ENUM(c, approval->state, approval_state, APPROVAL_STATE_COUNT);
    for (int i = 0; i < THRESHOLD_COUNT; i++) codec_i64(c, &approval->most[i]);
    who_fields(c, &approval->by);
    codec_i64(c, &approval->decided_ms);
    codec_text(c, &approval->reason);
}

static void ask_fields(struct codec *c, struct job_ask *ask) {
    codec_u64(c, &ask->disk_bytes);
    codec_u64(c, &ask->device_milli);
    codec_u64(c, &ask->members);
    codec_u64(c, &ask->array);
    codec_u64(c, &ask->index);
    codec_u64(c, &ask->count);
    codec_u64(c, &ask->at_once);
    codec_i64(c, &ask->checkpoint_ms);
    codec_bool(c, &ask->own_cpus);
    codec_bool(c, &ask->lease);
    codec_bool(c, &ask->restartable);
}

static void place_fields(struct codec *c, struct job_place *place) {
    codec_u64(c, &place->devices);
    codec_count(c, &place->cpu_words, PLACE_CPU_WORDS);
    for (uint32_t i = 0; i < place->cpu_words; i++) codec_u64(c, &place->cpus[i]);
}

static void job_fields(struct codec *c, struct job *r) {
    codec_u64(c, &r->id);
    codec_text(c, &r->step);
    CODEC_ENUM(c, r->state, job_state, JOB_STATE_COUNT);
    who_fields(c, &r->actor);
    codec_i64(c, &r->created_ms);
    codec_i64(c, &r->started_ms);
    codec_i64(c, &r->ended_ms);
    codec_u64(c, &r->attempt);
    codec_bool(c, &r->cancel);
    codec_text(c, &r->subject_kind);
    codec_text(c, &r->subject_name);
    codec_u64(c, &r->subject);
    codec_u64(c, &r->revision);
    codec_count(c, &r->input_count, INPUTS_MAX);
    for (uint32_t i = 0; i < r->input_count; i++) job_input_fields(c, &r->inputs[i]);
    codec_text(c, &r->options);
    codec_u64(c, &r->cpu_milli);
    codec_u64(c, &r->memory_bytes);
    codec_u64(c, &r->time_limit_ms);
    codec_u64(c, &r->memory_used_bytes);
    codec_text(c, &r->confine);
    codec_text(c, &r->phase);
    codec_u64(c, &r->done);
    codec_u64(c, &r->total);
    codec_u64(c, &r->rows);
    codec_fault(c, &r->fault);
    codec_text(c, &r->summary);
    codec_hash(c, &r->output);
    codec_text(c, &r->source_name);
    codec_u64(c, &r->lineage);
    if (c->reader && c->reader->version < VERSION_PAUSES) return;
    codec_u64(c, &r->lost);
    codec_u64(c, &r->paused);
    if (c->reader && c->reader->version < VERSION_TENANTS) return;
    codec_u64(c, &r->tenant);
    if (c->reader && c->reader->version < VERSION_WHEN) return;
    when_fields(c, &r->when);
    if (c->reader && c->reader->version < VERSION_SERVED) return;
    codec_i64(c, &r->served_milli);
    codec_i64(c, &r->ran_ms);
    if (c->reader && c->reader->version < VERSION_APPROVALS) return;
    approval_fields(c, &r->approval);
    if (c->reader && c->reader->version < VERSION_ASK) return;
    ask_fields(c, &r->ask);
    if (c->reader && c->reader->version < VERSION_PLACE) return;
    place_fields(c, &r->place);
    if (c->reader && c->reader->version < VERSION_CALENDAR) return;
    codec_u64(c, &r->when.reservation);
    codec_text(c, &r->gave_way);
}

static void reservation_fields(struct codec *c, struct reservation *r) {
    codec_u64(c, &r->id);
    codec_u64(c, &r->tenant);
    codec_text(c, &r->title);
    who_fields(c, &r->actor);
    codec_i64(c, &r->created_ms);
    codec_i64(c, &r->changed_ms);
    for (int i = 0; i < SHARE_COUNT; i++) codec_i64(c, &r->amount[i]);
    codec_i64(c, &r->from_ms);
    codec_i64(c, &r->until_ms);
    codec_i64(c, &r->weekly_until_ms);
}

static void endpoint_fields(struct codec *c, struct endpoint *r) {
    codec_u64(c, &r->id);
    codec_u64(c, &r->tenant);
    codec_text(c, &r->name);
    codec_text(c, &r->note);
    who_fields(c, &r->owner);
    codec_i64(c, &r->created_ms);
    codec_i64(c, &r->changed_ms);
    codec_bool(c, &r->on);
    codec_bool(c, &r->deleted);
    CODEC_ENUM(c, r->audience, endpoint_audience, AUDIENCE_COUNT);
    codec_u64(c, &r->version);
    codec_u64(c, &r->shadow);
    codec_count(c, &r->version_count, VERSIONS_MAX);
    r->versions = codec_array(c, r->versions, &r->version_count, sizeof *r->versions);
    for (uint32_t i = 0; i < r->version_count; i++) {
        codec_u64(c, &r->versions[i].model);
        who_fields(c, &r->versions[i].actor);
        codec_i64(c, &r->versions[i].put_ms);
        codec_u64(c, &r->versions[i].before);
        codec_text(c, &r->versions[i].note);
    }
}

static void search_fields(struct codec *c, struct search *r) {
    codec_u64(c, &r->id);
    codec_u64(c, &r->tenant);
    codec_text(c, &r->name);
    who_fields(c, &r->actor);
    codec_i64(c, &r->created_ms);
    codec_i64(c, &r->ended_ms);
    CODEC_ENUM(c, r->state, search_state, SEARCH_STATE_COUNT);
    codec_u64(c, &r->release);
    codec_text(c, &r->release_title);
    codec_text(c, &r->target);
    codec_text(c, &r->options);
    codec_u64(c, &r->seed);
    codec_u64(c, &r->tries);
    codec_i64(c, &r->try_limit_ms);
    codec_u64(c, &r->first);
    codec_u64(c, &r->done);
    codec_u64(c, &r->failed);
    codec_u64(c, &r->cancelled);
    codec_u64(c, &r->best);
    codec_number(c, &r->score);
    codec_hash(c, &r->file);
    codec_hash(c, &r->scorecard);
    codec_text(c, &r->task);
    codec_text(c, &r->learner);
    codec_text(c, &r->headline);
    codec_number(c, &r->value);
    codec_number(c, &r->low);
    codec_number(c, &r->high);
    codec_u64(c, &r->model);
}

static void served_sum_fields(struct codec *c, struct served_sum *r) {
    codec_u64(c, &r->endpoint);
    codec_u64(c, &r->month);
    codec_u64(c, &r->tenant);
    who_fields(c, &r->person);
    codec_u64(c, &r->calls);
    codec_u64(c, &r->rows);
    codec_u64(c, &r->failed);
    codec_i64(c, &r->last_ms);
}

// Only the buckets that hold something.
static void sketch_fields(struct codec *c, struct sketch *sketch) {
    uint32_t used = 0;
    codec_u64(c, &sketch->count);
    codec_number(c, &sketch->sum);
    codec_number(c, &sketch->most);
    for (uint32_t i = 0; i < SKETCH_BUCKETS; i++) used += sketch->buckets[i] > 0;
    codec_count(c, &used, SKETCH_BUCKETS);
    uint64_t at = 0;
    for (uint32_t i = 0; i < used; i++, at++) {
        while (c->writer && sketch->buckets[at] == 0) at++;
        at = codec_choice(c, at, SKETCH_BUCKETS);
        codec_u64(c, &sketch->buckets[at]);
    }
}

static void served_tally_fields(struct codec *c, struct served_tally *r) {
    codec_u64(c, &r->endpoint);
    codec_u64(c, &r->version);
    codec_u64(c, &r->shadow);
    codec_i64(c, &r->first_ms);
    codec_i64(c, &r->last_ms);
    codec_u64(c, &r->calls);
    codec_u64(c, &r->rows);
    codec_u64(c, &r->failed);
    codec_u64(c, &r->skipped);
    codec_u64(c, &r->differ);
    codec_number(c, &r->sum);
    sketch_fields(c, &r->distance);
    sketch_fields(c, &r->pinned_us);
    sketch_fields(c, &r->shadow_us);
}

static void key_record_fields(struct codec *c, struct key_record *r) {
    codec_u64(c, &r->id);
    codec_text(c, &r->name);
    codec_u64(c, &r->dataset);
    codec_i64(c, &r->created_ms);
    who_fields(c, &r->actor);
    uint64_t mark = 0;
    for (int i = 0; i < 4; i++) mark |= (uint64_t)r->mark[i] << 8 * i;
    codec_u64(c, &mark);
    for (int i = 0; i < 4; i++) r->mark[i] = (uint8_t)(mark >> 8 * i);
    codec_i64(c, &r->destroyed_ms);
    who_fields(c, &r->destroyed_by);
    codec_text(c, &r->reason);
}

static void pilot_run_fields(struct codec *c, struct pilot_run *r) {
    codec_u64(c, &r->id);
    codec_text(c, &r->pilot);
    codec_text(c, &r->name);
    codec_text(c, &r->language);
    who_fields(c, &r->actor);
    codec_u64(c, &r->roles);
    codec_i64(c, &r->created_ms);
    codec_i64(c, &r->changed_ms);
    codec_i64(c, &r->ended_ms);
    CODEC_ENUM(c, r->state, pilot_state, PILOT_STATE_COUNT);
    CODEC_ENUM(c, r->step, pilot_step, PILOT_STEP_COUNT);
    codec_bool(c, &r->cancel);
    codec_bool(c, &r->released);
    codec_u64(c, &r->upload);
    codec_text(c, &r->source);
    codec_text(c, &r->origin);
    codec_text(c, &r->intake);
    codec_text(c, &r->mapping);
    codec_text(c, &r->positive);
    codec_u64(c, &r->job);
    codec_u64(c, &r->dataset);
    codec_u64(c, &r->revision);
    codec_u64(c, &r->release);
    codec_u64(c, &r->model);
    codec_u64(c, &r->endpoint);
    codec_fault(c, &r->fault);
    if (c->reader && c->reader->version < VERSION_GRAPHS) return;
    codec_text(c, &r->graph);
}

static void lineage_end_fields(struct codec *c, struct lineage_end *end) {
    codec_text(c, &end->kind);
    codec_u64(c, &end->id);
    codec_hash(c, &end->hash);
}

static void lineage_fields(struct codec *c, struct lineage *r) {
    codec_u64(c, &r->id);
    codec_text(c, &r->step);
    codec_i64(c, &r->time_ms);
    who_fields(c, &r->actor);
    codec_count(c, &r->input_count, INPUTS_MAX);
    for (uint32_t i = 0; i < r->input_count; i++) lineage_end_fields(c, &r->inputs[i]);
    codec_count(c, &r->output_count, INPUTS_MAX);
    for (uint32_t i = 0; i < r->output_count; i++) lineage_end_fields(c, &r->outputs[i]);
    codec_text(c, &r->options);
    codec_count(c, &r->parent_count, INPUTS_MAX);
    for (uint32_t i = 0; i < r->parent_count; i++) codec_u64(c, &r->parents[i]);
}

// Writing never changes the record: the codec only fills it when it reads.
#define RECORD_DEFINE(type, table)                                                              \
    enum err type##_read(struct record_reader *reader, struct arena *arena, struct type *out) { \
        struct codec codec = {.reader = reader, .arena = arena};                                \
        struct type record = {0};                                                               \
        type##_fields(&codec, &record);                                                         \
        enum err err = codec_end(&codec);                                                       \
        if (err == OK) *out = record;                                                           \
        return err;                                                                             \
    }                                                                                           \
    static enum err type##_save_at(struct store_txn *txn, struct key key,                       \
                                   const struct type *record) {                                 \
        struct type copy = *record;                                                             \
        struct buf fields;                                                                      \
        buf_open(&fields, RECORD_BYTES_MAX);                                                    \
        struct codec codec = {.writer = &(struct record_writer){&fields}};                      \
        type##_fields(&codec, &copy);                                                           \
        enum err err = buf_err(&fields);                                                        \
        if (err == OK) err = store_put(txn, table, key, RECORD_VERSION, &fields);               \
        buf_close(&fields);                                                                     \
        return err;                                                                             \
    }                                                                                           \
    static enum err type##_load_at(struct store_txn *txn, struct arena *arena, struct key key,  \
                                   struct type *out) {                                          \
        struct record_reader reader;                                                            \
        enum err err = store_get(txn, table, key, &reader);                                     \
        return err == OK ? type##_read(&reader, arena, out) : err;                              \
    }

#define RECORD_DEFINE_BY_ID(type, table)                                          \
    RECORD_DEFINE(type, table)                                                    \
    enum err type##_load(struct store_txn *txn, struct arena *arena, uint64_t id, \
                         struct type *out) {                                      \
        return type##_load_at(txn, arena, key_of_id(id), out);                    \
    }                                                                             \
    enum err type##_save(struct store_txn *txn, const struct type *record) {      \
        cy_assert(record->id != 0);                                               \
        return type##_save_at(txn, key_of_id(record->id), record);                \
    }

RECORD_DEFINE_BY_ID(upload_record, TABLE_UPLOAD)
RECORD_DEFINE_BY_ID(dataset, TABLE_DATASET)
RECORD_DEFINE_BY_ID(recipe_record, TABLE_RECIPE)
RECORD_DEFINE_BY_ID(release, TABLE_RELEASE)
RECORD_DEFINE_BY_ID(model, TABLE_MODEL)
RECORD_DEFINE_BY_ID(job, TABLE_JOB)
RECORD_DEFINE_BY_ID(reservation, TABLE_RESERVATION)
RECORD_DEFINE_BY_ID(lineage, TABLE_LINEAGE)
RECORD_DEFINE_BY_ID(key_record, TABLE_KEY)
RECORD_DEFINE_BY_ID(pilot_run, TABLE_PILOT)
RECORD_DEFINE_BY_ID(endpoint, TABLE_ENDPOINT)
RECORD_DEFINE_BY_ID(search, TABLE_SEARCH)
RECORD_DEFINE_BY_ID(language_model, TABLE_LANGUAGE)
RECORD_DEFINE(revision, TABLE_REVISION)
RECORD_DEFINE(served_sum, TABLE_SERVED)
RECORD_DEFINE(served_tally, TABLE_SERVED)

#define FITS(table, type)                                 \
    case table: {                                         \
        struct type record;                               \
        return type##_read(reader, arena, &record) == OK; \
    }

bool flow_record_fits(enum store_table table, struct str key, struct record_reader *reader,
                      struct arena *arena) {
    switch (table) {
        FITS(TABLE_UPLOAD, upload_record)
        FITS(TABLE_DATASET, dataset)
        FITS(TABLE_RECIPE, recipe_record)
        FITS(TABLE_RELEASE, release)
        FITS(TABLE_MODEL, model)
        FITS(TABLE_JOB, job)
        FITS(TABLE_RESERVATION, reservation)
        FITS(TABLE_LINEAGE, lineage)
        FITS(TABLE_KEY, key_record)
        FITS(TABLE_PILOT, pilot_run)
        FITS(TABLE_ENDPOINT, endpoint)
        FITS(TABLE_SEARCH, search)
        FITS(TABLE_LANGUAGE, language_model)
        FITS(TABLE_REVISION, revision)
        FITS(TABLE_POLICY, policy)
    case TABLE_SERVED: {
        struct served_sum sum;
        struct served_tally tally;
        if (key.size > 0 && key.data[0] == 'p') return served_sum_read(reader, arena, &sum) == OK;
        return served_tally_read(reader, arena, &tally) == OK;
    }
    default: return record_fields_fit(reader); // others' records: fields of the kinds there are
    }
}

struct key revision_key(uint64_t dataset, uint64_t number) {
    struct key key = key_of_id(dataset), second = key_of_id(number);
    memcpy(key.bytes + key.size, second.bytes, second.size);
    key.size += second.size;
    return key;
}

enum err revision_load(struct store_txn *txn, struct arena *arena, uint64_t dataset,
                       uint64_t number, struct revision *out) {
    return revision_load_at(txn, arena, revision_key(dataset, number), out);
}

enum err revision_save(struct store_txn *txn, const struct revision *revision) {
    cy_assert(revision->dataset != 0 && revision->number != 0);
    return revision_save_at(txn, revision_key(revision->dataset, revision->number), revision);
}

// ---- what endpoints have done ------------------------------------------------------------------
static struct key served_key(char letter, const uint64_t *numbers, int count) {
    struct key key = {.bytes = {(uint8_t)letter}, .size = 1};
    for (int i = 0; i < count; i++) {
        struct key number = key_of_id(numbers[i]);
        memcpy(key.bytes + key.size, number.bytes, number.size);
        key.size += number.size;
    }
    return key;
}

struct key served_sum_key(const struct served_sum *sum) {
    return served_key('p', (uint64_t[]){sum->endpoint, sum->month, sum->tenant, sum->person.id}, 4);
}

struct key served_tally_key(const struct served_tally *tally) {
    return served_key('s', (uint64_t[]){tally->endpoint, tally->version, tally->shadow}, 3);
}

struct key served_key_begin(char letter, uint64_t endpoint) {
    return served_key(letter, &endpoint, 1);
}

bool served_key_of(struct str key, char letter, uint64_t endpoint) {
    struct key begin = served_key_begin(letter, endpoint);
    return key.size >= begin.size && memcmp(key.data, begin.bytes, begin.size) == 0;
}

enum err served_sum_add(struct store_txn *txn, struct arena *arena, const struct served_sum *more) {
    struct served_sum sum;
    struct key key = served_sum_key(more);
    enum err err = served_sum_load_at(txn, arena, key, &sum);
    if (err == ERR_NOT_FOUND) return served_sum_save_at(txn, key, more);
    if (err != OK) return err;
    sum.person.name = more->person.name;
    sum.calls += more->calls;
    sum.rows += more->rows;
    sum.failed += more->failed;
    if (more->last_ms > sum.last_ms) sum.last_ms = more->last_ms;
    return served_sum_save_at(txn, key, &sum);
}

void served_tally_merge(struct served_tally *into, const struct served_tally *more) {
    if (more->last_ms > into->last_ms) into->last_ms = more->last_ms;
    if (into->first_ms == 0) into->first_ms = more->first_ms;
    into->calls += more->calls;
    into->rows += more->rows;
    into->failed += more->failed;
    into->skipped += more->skipped;
    into->differ += more->differ;
    into->sum += more->sum;
    sketch_merge(&into->distance, &more->distance);
    sketch_merge(&into->pinned_us, &more->pinned_us);
    sketch_merge(&into->shadow_us, &more->shadow_us);
}

enum err served_tally_add(struct store_txn *txn, struct arena *arena,
                          const struct served_tally *more) {
    struct served_tally tally;
    struct key key = served_tally_key(more);
    enum err err = served_tally_load_at(txn, arena, key, &tally);
    if (err == ERR_NOT_FOUND) return served_tally_save_at(txn, key, more);
    if (err != OK) return err;
    served_tally_merge(&tally, more);
    return served_tally_save_at(txn, key, &tally);
}

enum err served_tally_load(struct store_txn *txn, struct arena *arena, uint64_t endpoint,
                           uint64_t version, uint64_t shadow, struct served_tally *out) {
    struct served_tally asked = {.endpoint = endpoint, .version = version, .shadow = shadow};
    return served_tally_load_at(txn, arena, served_tally_key(&asked), out);
}

const char *search_state_name(enum search_state state) {
    static const char *const names[] = {"running", "done", "stopped", "failed"};
    return names[state];
}

const char *endpoint_audience_name(enum endpoint_audience audience) {
    static const char *const names[] = {"everybody", "department"};
    return names[audience];
}

bool treatment_conceals(struct str treatment) {
    static const char *const names[] = {"pseudonym", "masked", "replaced", "encrypted", "removed"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (str_is(treatment, names[i])) return true;
    }
    return false;
}

const char *dataset_state_name(enum dataset_state state) {
    static const char *const names[] = {"importing", "ready", "failed"};
    return names[state];
}

const char *revision_kind_name(enum revision_kind kind) {
    static const char *const names[] = {"import", "cleanse", "restore"};
    return names[kind];
}

const char *release_state_name(enum release_state state) {
    static const char *const names[] = {"pending", "released", "rejected", "withdrawn"};
    return names[state];
}

bool release_state_from_name(struct str name, enum release_state *out) {
    for (int i = 0; i < RELEASE_STATE_COUNT; i++) {
        if (!str_is(name, release_state_name((enum release_state)i))) continue;
        *out = (enum release_state)i;
        return true;
    }
    return false;
}

const char *model_state_name(enum model_state state) {
    static const char *const names[] = {"training", "ready", "failed"};
    return names[state];
}

const char *approval_state_name(enum approval_state state) {
    static const char *const names[] = {"", "waiting", "approved", "rejected"};
    return names[state];
}

const char *pilot_step_name(enum pilot_step step) {
    static const char *const names[] = {"import",  "check", "cleanse", "recheck",
                                        "publish", "train", "serve"};
    return names[step];
}

const char *pilot_state_name(enum pilot_state state) {
    static const char *const names[] = {"running", "done", "failed", "cancelled"};
    return names[state];
}

const char *job_state_name(enum job_state state) {
    static const char *const names[] = {"queued", "running", "done", "failed", "cancelled"};
    return names[state];
}

bool job_state_from_name(struct str name, enum job_state *out) {
    for (int i = 0; i < JOB_STATE_COUNT; i++) {
        if (!str_is(name, job_state_name((enum job_state)i))) continue;
        *out = (enum job_state)i;
        return true;
    }
    return false;
}
