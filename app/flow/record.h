// What flow remembers, as structs, and their way into the store and back. Each record's fields
// stand once, in one function that both writes and reads (records.c), so that the two cannot
// differ. Loading copies everything into the arena: nothing points into a transaction.
// Read or write inside a transaction of store.h; any thread.
#pragma once

#include "allocation/policy.h"
#include "base/fault.h"
#include "base/memory.h"
#include "base/sketch.h"
#include "data/table.h"
#include "store/store.h"

enum {
    RECORD_BYTES_MAX = 8 << 20, // the widest dataset with the longest names stays below
    REVISIONS_MAX = 1000,       // of one dataset
    INPUTS_MAX = 8,             // of one job or lineage record
};

struct who { // a person, as they were called then
    uint64_t id;
    struct str name;
};

struct upload_record {
    uint64_t id;
    struct who owner;
    struct str name;
    uint64_t size, received;
    int64_t created_ms, changed_ms;
    struct str origin; // of a pilot's demonstration: "package" or "synthetic"; else ""
};

enum dataset_state { DATASET_IMPORTING, DATASET_READY, DATASET_FAILED, DATASET_STATE_COUNT };
struct dataset {
    uint64_t id;
    struct str name, note;
    struct who owner;
    int64_t created_ms, changed_ms;
    enum dataset_state state;
    uint64_t rows, columns; // of the newest revision
    uint64_t revision;      // its number; 0: none yet
    uint64_t job;           // the newest job; 0: none
    bool deleted;
    uint64_t epsilon; // of the privacy budget, spent by noisy counts, in millionths (budget.c)
};

// A column of a revision: how it was treated tells whether a direct column may be published.
struct revision_column {
    struct str name;
    enum column_type type;
    enum column_role role;
    struct str treatment; // "" or what the cleansing report says: "pseudonym", "mask", …
    uint64_t fault_count; // of the import
};
// True if such a treatment takes the value itself away (a pseudonym, a mask), not only a part of
// it.
bool treatment_conceals(struct str treatment);
// What a cleansing set aside for people to look at (extracts.c).
enum extract_kind { EXTRACT_SAMPLING, EXTRACT_TECHNICAL, EXTRACT_WORDS, EXTRACT_COUNT };
enum revision_kind { REVISION_IMPORT, REVISION_CLEANSE, REVISION_RESTORE, REVISION_KIND_COUNT };
struct revision {
    uint64_t dataset, number;
    enum revision_kind kind;
    uint64_t parent; // 0: none
    uint64_t rows, bytes;
    struct revision_column *columns;
    uint32_t column_count;
    struct hash table;
    int64_t created_ms;
    struct who actor;
    struct str source_name;
    struct hash source_hash;
    uint64_t source_bytes;
    struct hash recipe;                  // all zero: none; so with the next three
    struct hash faults, profile, report; // blobs
    uint64_t fault_count;
    uint64_t lineage;
    int64_t deleted_ms; // its rows, profile, faults and extracts are gone; 0: not
    struct who deleted_by;
    struct hash extracts[EXTRACT_COUNT]; // blobs; gone with its rows
};

// One version of a recipe somebody keeps. Versions are records of their own that point back; a list
// shows the newest of each.
struct recipe_record {
    uint64_t id;
    struct str name, text;
    struct hash hash;
    struct who actor;
    int64_t changed_ms;
    uint64_t previous; // the version before; 0: none
    uint64_t version;  // from 1
    bool shared;       // with everybody who may cleanse; else its owner's own
    bool superseded;   // a newer version is kept
};

struct sheet {
    struct str title, purpose, source, licence, contact, limits, sensitivity;
};
struct warning {
    struct str code, detail;
};
enum release_state {
    RELEASE_PENDING,
    RELEASE_RELEASED,
    RELEASE_REJECTED,
    RELEASE_WITHDRAWN,
    RELEASE_STATE_COUNT
};
struct release {
    uint64_t id;
    struct str name; // of its dataset, then
    enum release_state state;
    uint64_t dataset, revision, rows, bytes;
    struct revision_column *columns;
    uint32_t column_count;
    struct hash table, manifest; // manifest: all zero until released
    struct sheet sheet;
    struct who requested_by, decided_by; // decided_by.id 0: not yet
    int64_t requested_ms, decided_ms;
    struct str reason;
    struct warning *warnings;
    uint32_t warning_count;
    uint64_t lineage;
};

enum model_state { MODEL_TRAINING, MODEL_READY, MODEL_FAILED, MODEL_STATE_COUNT };
struct model {
    uint64_t id;
    struct str name;
    uint64_t release;
    struct str release_title;
    struct str target, task, learner;
    enum model_state state;
    uint64_t job;
    int64_t created_ms;
    struct who actor;
    struct hash file, scorecard; // blobs; all zero until ready
    struct str headline;         // the first metric's name; "": none
    double value, low, high;
    bool deleted;
    uint64_t lineage;
    struct str purpose, not_for; // what its card says: written by a person
    uint64_t pilot_run;          // that had it trained; 0: none
};

// A language model: what its file says of itself, as a child has read it. It answers under its
// name, by a job that serves it while somebody asks (models/language.h).
struct language_model {
    uint64_t id;
    struct str name, source_name; // the file's
    enum model_state state;       // MODEL_TRAINING: its file is being read
    uint64_t job;                 // that reads it
    int64_t created_ms;
    struct who actor;
    struct hash file; // a blob; all zero until ready
    uint64_t bytes;
    struct str architecture, weights; // "llama", "Q4_K": most of its matrices
    uint64_t parameters, context, vocabulary;
    uint64_t token_bytes, work_bytes; // of memory: for a token remembered; besides
    bool embeds;                      // gives vectors, not text
    bool chats;                       // its file has a template of talk
    bool on, deleted;
    uint64_t serving; // the newest job that serves it; 0: none yet
};

enum input_kind {
    INPUT_BLOB,
    INPUT_UPLOAD,
    INPUT_KEY,
    INPUT_SIGN,
    INPUT_INCOMING, // DIR/incoming/NAME, NAME being the job's source_name
    INPUT_KIND_COUNT
};
struct job_input {
    struct str name; // as the step calls it: "source", "table", "model", "key"
    enum input_kind kind;
    uint64_t id; // of the upload, of the key
    struct hash hash;
};
// What a person said of when a job may run. An object of its own in bodies and answers: "schedule".
enum { WHEN_AFTER_MAX = 8, WHEN_PRIORITY_MAX = 100 };
struct job_when {
    int64_t priority;      // −WHEN_PRIORITY_MAX to WHEN_PRIORITY_MAX
    int64_t not_before_ms; // 0: at once
    int64_t deadline_ms;   // 0: none
    int64_t promised_ms;   // what the deadline was answered with: it will have started; 0: nothing
    int64_t estimate_ms;   // how long it is thought to run at most; 0: nobody knows
    uint64_t rows;         // that it reads; 0: not known before
    bool hold;             // waits until it is released
    uint64_t reservation;  // runs in its slots of the calendar; 0: none
    bool after_any;        // those it waits for need only end, however
    uint64_t after[WHEN_AFTER_MAX];
    uint32_t after_count;
};
// Of a job that asks for more than its tenant may have without being asked.
enum approval_state {
    APPROVAL_NONE,
    APPROVAL_WAITING,
    APPROVAL_APPROVED,
    APPROVAL_REJECTED,
    APPROVAL_STATE_COUNT
};
struct job_approval {
    enum approval_state state;
    int64_t most[THRESHOLD_COUNT]; // those it is over, then; −1: not over this one
    struct who by;                 // who decided
    int64_t decided_ms;            // 0: not yet
    struct str reason;
};
// What a person's own program asks for beyond processors, memory and time.
struct job_ask {
    uint64_t disk_bytes;   // it may hold in its folder; 0: no bound
    uint64_t device_milli; // of accelerators
    uint64_t members;      // processes of it that start together; 0: one
    uint64_t array;        // id of the first task of its array; 0: none
    uint64_t index, count; // its place among them
    uint64_t at_once;      // of them run at most; 0: no bound
    int64_t checkpoint_ms; // what giving way and going on costs; 0: it cannot
    bool own_cpus;         // nobody else runs on its processors
    bool lease;            // interactive: goes first and ends at its time
    bool restartable;      // may be stopped at any time and begun anew
};
// Where the newest attempt runs, if that was decided.
enum { PLACE_CPU_WORDS = 8 };
struct job_place {
    uint64_t devices;               // bit d: it has something of device d
    uint64_t cpus[PLACE_CPU_WORDS]; // its own: bit c of cpus[c / 64]
    uint32_t cpu_words;             // of those in use; 0: it has none of its own
};
struct job;
uint64_t job_members(const struct job *job); // at least 1
enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELLED, JOB_STATE_COUNT };
struct job {
    uint64_t id;
    struct str step;
    enum job_state state;
    struct who actor;
    uint64_t tenant;                          // whom its use is booked on
    int64_t created_ms, started_ms, ended_ms; // 0: not yet
    uint64_t attempt;                         // starts so far
    uint64_t lost;   // of those, how many were lost without its fault (a power cut, say)
    uint64_t paused; // and how many ended because it gave way to another
    bool cancel;     // a person asked for it
    struct str subject_kind, subject_name;
    uint64_t subject;  // id of the dataset, release or model
    uint64_t revision; // of the dataset: what is read
    struct job_input inputs[INPUTS_MAX];
    uint32_t input_count;
    struct str options; // JSON
    uint64_t cpu_milli, memory_bytes, time_limit_ms, memory_used_bytes;
    struct str confine;
    struct str phase;
    uint64_t done, total, rows;
    struct fault fault;
    struct str summary;     // JSON
    struct hash output;     // what the person may fetch; all zero: nothing
    struct str source_name; // of the file that was uploaded for it
    uint64_t lineage;
    struct job_when when;
    int64_t served_milli, ran_ms; // by attempts that have ended, in thousandths of a unit
    struct job_approval approval;
    struct job_ask ask;
    struct job_place place;
    struct str gave_way; // why it did so last: "right", "reservation", …; "" if never
};
// Done, failed or cancelled, for good.
static inline bool job_is_over(const struct job *job) {
    return job->state != JOB_QUEUED && job->state != JOB_RUNNING;
}

// Slots of the calendar that are kept for a tenant: one, or one each week.
struct reservation {
    uint64_t id, tenant;
    struct str title;
    struct who actor;
    int64_t created_ms, changed_ms;
    int64_t amount[SHARE_COUNT];
    int64_t from_ms, until_ms; // of the first
    int64_t weekly_until_ms;   // each begins before; 0: there is but one
};

// A model that answers under a name. A version is a model that was put into it, numbered from 1 in
// that order, and never changes; one of them is pinned: it answers whoever asks for no other.
enum { VERSIONS_MAX = 1000 };
struct endpoint_version {
    uint64_t model;
    struct who actor;
    int64_t put_ms;
    uint64_t before; // the version that was pinned when it was put in: where rolling back leads
    struct str note;
};
enum endpoint_audience { AUDIENCE_EVERYBODY, AUDIENCE_DEPARTMENT, AUDIENCE_COUNT };
struct endpoint {
    uint64_t id, tenant;
    struct str name, note;
    struct who owner;
    int64_t created_ms, changed_ms;
    bool on, deleted;
    enum endpoint_audience audience; // who may ask it, of those who may use models
    uint64_t version;                // pinned
    uint64_t shadow;                 // a model that answers too, unseen; 0: none
    struct endpoint_version *versions;
    uint32_t version_count;
};

// Training with many options, one of them the best on the validation side. Its tries are an array
// of jobs of the step "search"; the best so far is kept, and becomes a model when all have ended.
enum search_state {
    SEARCH_RUNNING,
    SEARCH_DONE,
    SEARCH_STOPPED,
    SEARCH_FAILED,
    SEARCH_STATE_COUNT
};
struct search {
    uint64_t id, tenant;
    struct str name;
    struct who actor;
    int64_t created_ms, ended_ms; // 0: not yet
    enum search_state state;
    uint64_t release;
    struct str release_title, target;
    struct str options; // JSON, as its tries read it
    uint64_t seed, tries;
    int64_t try_limit_ms;
    uint64_t first; // id of the first try's job; the others follow
    uint64_t done, failed, cancelled;
    uint64_t best; // job of the best try; 0: none yet
    double score;  // of it, higher is better
    struct hash file, scorecard;
    struct str task, learner, headline; // of the best, as of a model
    double value, low, high;
    uint64_t model; // that was made of the best; 0: none
};

// What an endpoint has done for a person of a department in a month.
struct served_sum {
    uint64_t endpoint, month, tenant; // month: 202611
    struct who person;
    uint64_t calls, rows, failed; // failed: calls whose rows were refused
    int64_t last_ms;
};
// How a version of an endpoint has answered, and how its shadow would have. Shadow 0: of all calls;
// else of those that this model answered too.
struct served_tally {
    uint64_t endpoint, version, shadow;
    int64_t first_ms, last_ms;
    uint64_t calls, rows;
    uint64_t failed, skipped; // calls that the shadow could not answer, was too busy to answer
    uint64_t differ;          // rows whose class was another
    double sum;               // of the shadow's number less the pinned one's
    struct sketch distance;   // |number less number|, or of the probability of the answered class
    struct sketch pinned_us, shadow_us; // of a call: its rows read and predicted
};

// A key of pseudonyms and sealed values: of a dataset ("dataset/7") or a project ("project/NAME").
struct key_record {
    uint64_t id;
    struct str name;
    uint64_t dataset; // 0: a project's
    int64_t created_ms;
    struct who actor;
    uint8_t mark[4];      // that sealed values carry
    int64_t destroyed_ms; // 0: it lives
    struct who destroyed_by;
    struct str reason; // why it was destroyed
};

// One run of a pilot (pilot_runs.c): from a file or a release to a model that answers. What it asks
// of the box moves it on in the same transaction, so that nothing is asked twice.
enum pilot_step {
    PILOT_IMPORT,
    PILOT_CHECK,
    PILOT_CLEANSE,
    PILOT_RECHECK,
    PILOT_PUBLISH,
    PILOT_TRAIN,
    PILOT_SERVE,
    PILOT_STEP_COUNT
};
enum pilot_state { PILOT_RUNNING, PILOT_DONE, PILOT_FAILED, PILOT_CANCELLED, PILOT_STATE_COUNT };
struct pilot_run {
    uint64_t id;
    struct str pilot;    // its template's id
    struct str name;     // of the run, and of all that it makes
    struct str language; // that the words it leaves in records are in
    struct who actor;
    uint64_t roles; // the actor's, when it was started
    int64_t created_ms, changed_ms, ended_ms;
    enum pilot_state state;
    enum pilot_step step;
    bool cancel;   // a person asked for it
    bool released; // it began with a release
    uint64_t upload;
    struct str source, origin; // the file's name; as an upload's origin
    struct str intake;         // JSON: how the file is read
    struct str mapping;        // JSON: {"glucose":"血糖"}: which column plays which part
    struct str positive;       // the target's value to be found; "": none
    uint64_t job;              // the one of the step; 0: not asked for yet
    uint64_t dataset, revision, release, model, endpoint;
    struct fault fault; // why it failed; while it runs: what it waits for
    struct str graph;   // JSON: [[from, to, weight], …] between series; "": none
};

struct lineage_end {
    struct str kind; // "source", "revision", "recipe", "release", "model", …: "lineage.kind.KIND"
    uint64_t id;
    struct hash hash;
};
struct lineage {
    uint64_t id;
    struct str step;
    int64_t time_ms;
    struct who actor;
    struct lineage_end inputs[INPUTS_MAX], outputs[INPUTS_MAX];
    uint32_t input_count, output_count;
    struct str options; // JSON
    uint64_t parents[INPUTS_MAX];
    uint32_t parent_count;
};

bool hash_none(const struct hash *hash);

// Loading: ERR_NOT_FOUND, ERR_CORRUPT, ERR_MEMORY. The reader's forms decode a record of a scan.
// Saving: as store_put. A new record gets its id by store_next_id first.
#define RECORD_DECLARE(type)                                                                  \
    enum err type##_read(struct record_reader *reader, struct arena *arena, struct type *out) \
        MUST_USE;                                                                             \
    enum err type##_load(struct store_txn *txn, struct arena *arena, uint64_t id,             \
                         struct type *out) MUST_USE;                                          \
    enum err type##_save(struct store_txn *txn, const struct type *record) MUST_USE;

RECORD_DECLARE(upload_record)
RECORD_DECLARE(dataset)
RECORD_DECLARE(recipe_record)
RECORD_DECLARE(release)
RECORD_DECLARE(model)
RECORD_DECLARE(job)
RECORD_DECLARE(reservation)
RECORD_DECLARE(lineage)
RECORD_DECLARE(key_record)
RECORD_DECLARE(pilot_run)
RECORD_DECLARE(endpoint)
RECORD_DECLARE(search)
RECORD_DECLARE(language_model)

// Revisions have a table of their own: the key is the dataset's id and the number, 16 bytes.
struct key revision_key(uint64_t dataset, uint64_t number);
enum err revision_load(struct store_txn *txn, struct arena *arena, uint64_t dataset,
                       uint64_t number, struct revision *out) MUST_USE;
enum err revision_save(struct store_txn *txn, const struct revision *revision) MUST_USE;

// In one table, under keys of their numbers: 'p' endpoint month tenant person, 's' endpoint version
// shadow. Adding: to what is kept, from nothing.
struct key served_sum_key(const struct served_sum *sum);
struct key served_tally_key(const struct served_tally *tally);
struct key served_key_begin(char letter, uint64_t endpoint); // before all of the endpoint's
bool served_key_of(struct str key, char letter, uint64_t endpoint);
enum err served_sum_read(struct record_reader *reader, struct arena *arena,
                         struct served_sum *out) MUST_USE;
enum err served_tally_read(struct record_reader *reader, struct arena *arena,
                           struct served_tally *out) MUST_USE;
enum err served_sum_add(struct store_txn *txn, struct arena *arena,
                        const struct served_sum *more) MUST_USE;
void served_tally_merge(struct served_tally *into, const struct served_tally *more);
enum err served_tally_add(struct store_txn *txn, struct arena *arena,
                          const struct served_tally *more) MUST_USE;
enum err served_tally_load(struct store_txn *txn, struct arena *arena, uint64_t endpoint,
                           uint64_t version, uint64_t shadow, struct served_tally *out) MUST_USE;

const char *search_state_name(enum search_state state);
const char *endpoint_audience_name(enum endpoint_audience audience);
const char *dataset_state_name(enum dataset_state state);
const char *revision_kind_name(enum revision_kind kind);
const char *release_state_name(enum release_state state);
bool release_state_from_name(struct str name, enum release_state *out);
const char *model_state_name(enum model_state state);
const char *approval_state_name(enum approval_state state);
const char *pilot_step_name(enum pilot_step step);
const char *pilot_state_name(enum pilot_state state);
const char *job_state_name(enum job_state state);
bool job_state_from_name(struct str name, enum job_state *out);
enum err revision_read(struct record_reader *reader, struct arena *arena,
                       struct revision *out) MUST_USE;
