// Flow: the data's way as a table of steps, jobs, and one lineage record for each step.
//   import -> check -> cleanse -> publish -> train -> evaluate -> predict
// A step is a plain function on files (struct step): in -> out, with progress. On the command line
// it runs in this process; in the box it runs as a job: a child process `courtyard job FOLDER` of
// the same binary in its own cgroup, whose folder DIR/jobs/ID holds spec.json, progress (mapped by
// both), log, out/ and at its end result.json, written whole. The runner (one thread) starts what
// allocation/ decides, watches children by pidfd, and when one has ended well takes its files into
// the blobs and commits dataset, release, model, lineage and job in one transaction. After a
// restart it adopts children that still run (pid and start time fit), commits those that have
// ended, and queues again or fails those that were lost: never lost, never doubled. Depends on all
// wings, people/ excepted. Any thread may call.
#pragma once

#include "base/call.h"
#include "base/limits.h"
#include "base/thread.h"
#include "store/store.h"

// ---- steps ---------------------------------------------------------------------------------
// spec.json: {"step":"import","inputs":{"source":"/path"},"options":{…},"threads":2}
// Inputs are absolute paths; outputs are written below `folder`/out; the summary is small JSON that
// the commit reads. Same spec, same bytes.
struct step_context {
    const struct json *spec;
    const char *folder;
    struct progress *progress;
    struct arena *arena;
    struct json_writer *summary; // an open object
    struct fault *fault;
};
struct step {
    const char *name; // "import", "check", "cleanse", "train", "predict", "export", "command"
    enum err (*run)(struct step_context *context);
    uint32_t cpu_milli; // declared by default: at most what the box has
    uint64_t memory_bytes;
    uint64_t time_limit_ms;
    // What keeping a checkpoint and going on from it costs, about; 0: it cannot.
    int64_t checkpoint_ms;
    // Begun again from its start it makes the same: who has a right to its place may have it so.
    bool redoable;
};
const struct step *step_find(struct str name); // NULL if there is none
// Makes a key that signs bundles: `path`, and its open half as `path`.pub.
enum err sign_key_create(const char *path, struct fault *fault) MUST_USE;
// The child's main: reads FOLDER/spec.json, runs, writes FOLDER/result.json. Returns the exit code.
int step_main(const char *folder);
// The same of a person's own program, whose spec is handed over as the standard input; its progress
// nobody sees.
int step_main_handed(const char *folder);
// As step_main where a cluster started it, in no hurry and perhaps twice: takes the folder's lock
// itself, and does nothing where another holds it, where the folder has gone on to another attempt,
// or where this one has its result.
int step_main_away(const char *folder, const char *attempt);

// ---- the box -------------------------------------------------------------------------------
struct flow;
struct flow_options {
    const char *program; // path of this binary, for children
    // Who carries jobs out: "local" (or NULL), or "slurm", a cluster (allocation/slurm.h); then the
    // data folder and the program are on a file system that its nodes share. ERR_INPUT
    // "flow.no_executor"; the faults of slurm_pool_read.
    const char *executor;
    const char *slurm_partition; // NULL: Slurm's default
    const char *slurm_socket;    // of slurmrestd; NULL: the usual places; "": none
    // People may run programs of their own (step "command"), behind the fence of sandbox.h and,
    // where this process is root, as that user.
    bool commands;
    uint32_t job_uid, job_gid;
    // Called by the runner whenever a job changed; must return fast. May be NULL.
    void (*job_changed)(void *ctx, uint64_t job_id);
    // The roles that a person has now; 0: none any more. NULL: those they had.
    uint32_t (*roles_of)(void *ctx, uint64_t person);
    void *ctx;
};
enum err flow_open(struct store *store, const struct flow_options *options, struct flow **out,
                   struct fault *fault) MUST_USE;
// Leaves running children alone (they are adopted at the next start) unless `stop_children`.
void flow_close(struct flow *flow, bool stop_children);
struct store *flow_store(struct flow *flow);

// ---- uploads: a file comes in in pieces and can be resumed ------------------------------------
enum err flow_upload_create(struct flow *flow, struct call *call) MUST_USE; // body {name, size}
enum err flow_upload_show(struct flow *flow, struct call *call) MUST_USE;
enum err flow_upload_delete(struct flow *flow, struct call *call) MUST_USE;
enum err flow_upload_look(struct flow *flow, struct call *call) MUST_USE;   // body: intake options
enum err flow_incoming_list(struct flow *flow, struct call *call) MUST_USE; // files in DIR/incoming
// A complete upload of the actor's, as a file: for what is no step of the data's way. `name`
// lives in the call's arena. ERR_NOT_FOUND "upload.not_found", ERR_CONFLICT "upload.incomplete".
enum err flow_upload_file(struct flow *flow, struct call *call, uint64_t id, struct str *name,
                          char path[static LIMIT_PATH_BYTES]) MUST_USE;

struct upload; // an open piece; one at a time per upload: ERR_BUSY
// `offset` must be what has been received so far: ERR_CONFLICT "upload.offset" (detail: received).
enum err flow_upload_begin(struct flow *flow, const struct actor *actor, uint64_t id,
                           uint64_t offset, struct upload **out, struct fault *fault) MUST_USE;
enum err flow_upload_add(struct upload *upload, const void *data, size_t size,
                         struct fault *fault) MUST_USE;
// Syncs and records what has been received, complete or not. Frees `upload`.
enum err flow_upload_end(struct upload *upload, uint64_t *out_received,
                         struct fault *fault) MUST_USE;

// Whether a record of any table decodes as what it should be; of tables that are not flow's, that
// it is made of fields. What is read lies in the arena.
bool flow_record_fits(enum store_table table, struct str key, struct record_reader *record,
                      struct arena *arena);

// ---- operations (bodies and answers: the API's description) ------------------------------------
enum err flow_dataset_list(struct flow *flow, struct call *call) MUST_USE;
enum err flow_dataset_create(struct flow *flow, struct call *call) MUST_USE; // starts import
enum err flow_dataset_show(struct flow *flow, struct call *call) MUST_USE;
enum err flow_dataset_change(struct flow *flow, struct call *call) MUST_USE; // name, note, roles
// Into the bin; one that is in it already loses its rows for good.
enum err flow_dataset_delete(struct flow *flow, struct call *call) MUST_USE;
enum err flow_revision_rows(struct flow *flow, struct call *call) MUST_USE;
enum err flow_revision_faults(struct flow *flow, struct call *call) MUST_USE;
enum err flow_revision_profile(struct flow *flow, struct call *call) MUST_USE;
enum err flow_revision_report(struct flow *flow, struct call *call) MUST_USE;
// The sheet of samples, keyword hits: a page of what the cleansing set aside.
enum err flow_revision_extract(struct flow *flow, struct call *call) MUST_USE;
// The same table once more as the newest revision: takes back what came after it.
enum err flow_revision_restore(struct flow *flow, struct call *call) MUST_USE;
// Its rows, profile and faults go for good; the record of it stays.
enum err flow_revision_delete(struct flow *flow, struct call *call) MUST_USE;
enum err flow_revision_recipe(struct flow *flow, struct call *call) MUST_USE; // its text
enum err flow_dataset_check(struct flow *flow, struct call *call) MUST_USE;
enum err flow_dataset_preview(struct flow *flow, struct call *call) MUST_USE;
// Risk of re-identification by columns, what a k would cost, and the hierarchies guessed.
enum err flow_dataset_risk(struct flow *flow, struct call *call) MUST_USE;
enum err flow_dataset_cleanse(struct flow *flow, struct call *call) MUST_USE;
enum err flow_recipe_operators(struct flow *flow, struct call *call) MUST_USE;
enum err flow_recipe_check(struct flow *flow, struct call *call) MUST_USE;
enum err flow_recipe_propose(struct flow *flow, struct call *call) MUST_USE;
enum err flow_recipe_list(struct flow *flow, struct call *call) MUST_USE;
enum err flow_recipe_presets(struct flow *flow, struct call *call) MUST_USE;
enum err flow_recipe_save(struct flow *flow, struct call *call) MUST_USE;
enum err flow_recipe_versions(struct flow *flow, struct call *call) MUST_USE; // newest first
enum err flow_recipe_change(struct flow *flow, struct call *call) MUST_USE;   // visibility
enum err flow_recipe_delete(struct flow *flow, struct call *call) MUST_USE;
enum err flow_key_list(struct flow *flow, struct call *call) MUST_USE;
enum err flow_key_destroy(struct flow *flow, struct call *call) MUST_USE; // body {reason}; for good
enum err flow_key_bundle(struct flow *flow, struct call *call) MUST_USE;  // who signs our bundles
// Opens sealed values in texts: body {texts, reason}; every call stands in the audit chain.
enum err flow_key_open(struct flow *flow, struct call *call) MUST_USE;
enum err flow_release_request(struct flow *flow, struct call *call) MUST_USE;
enum err flow_release_list(struct flow *flow, struct call *call) MUST_USE;
enum err flow_release_show(struct flow *flow, struct call *call) MUST_USE;
enum err flow_release_approve(struct flow *flow, struct call *call) MUST_USE; // another person
enum err flow_release_reject(struct flow *flow, struct call *call) MUST_USE;
enum err flow_release_withdraw(struct flow *flow, struct call *call) MUST_USE;
enum err flow_release_rows(struct flow *flow, struct call *call) MUST_USE;
enum err flow_model_train(struct flow *flow, struct call *call) MUST_USE;
enum err flow_model_list(struct flow *flow, struct call *call) MUST_USE;
enum err flow_model_show(struct flow *flow, struct call *call) MUST_USE;   // with its scorecard
enum err flow_model_change(struct flow *flow, struct call *call) MUST_USE; // name, deleted
enum err flow_model_delete(struct flow *flow, struct call *call) MUST_USE;
enum err flow_model_import(struct flow *flow, struct call *call) MUST_USE;   // an upload as a model
enum err flow_model_predict(struct flow *flow, struct call *call) MUST_USE;  // rows in, rows out
enum err flow_model_forecast(struct flow *flow, struct call *call) MUST_USE; // history in
enum err flow_prediction_create(struct flow *flow, struct call *call) MUST_USE; // a file, as a job
// A release or an upload held against a model's training rows, as a job whose output is the report.
enum err flow_drift_create(struct flow *flow, struct call *call) MUST_USE;
enum err flow_search_list(struct flow *flow, struct call *call) MUST_USE;
enum err flow_search_create(struct flow *flow, struct call *call) MUST_USE; // an array of tries
enum err flow_search_show(struct flow *flow, struct call *call) MUST_USE;   // with its tries
enum err flow_search_stop(struct flow *flow, struct call *call) MUST_USE;   // keeps what is there
// ---- language models: taken in, switched on and off, put away -----------------------------------
enum err flow_language_list(struct flow *flow, struct call *call) MUST_USE;
enum err flow_language_import(struct flow *flow, struct call *call) MUST_USE; // a file, as a job
// {name, weights}: another one with its weights in fewer bits, as a job.
enum err flow_language_quantise(struct flow *flow, struct call *call) MUST_USE;
enum err flow_language_show(struct flow *flow, struct call *call) MUST_USE;
enum err flow_language_change(struct flow *flow, struct call *call) MUST_USE; // {name, on}
enum err flow_language_serve(struct flow *flow, struct call *call) MUST_USE;  // begun by hand
enum err flow_language_stop(struct flow *flow, struct call *call) MUST_USE;
enum err flow_language_delete(struct flow *flow, struct call *call) MUST_USE;
// What they have done in a month, by day, department, person and model: officers see everybody's,
// others their own. Query: month, tenant, person, model.
enum err flow_language_usage(struct flow *flow, struct call *call) MUST_USE;
// Those that may be asked, as OpenAI's API lists models.
enum err flow_openai_models(struct flow *flow, struct call *call) MUST_USE;
enum err flow_openai_model(struct flow *flow, struct call *call) MUST_USE; // call->word: its name
// A question to one of them, in OpenAI's form. The answer comes over time, from a job that serves
// the model, started where there is none: `wake` is called, on a thread of flow's own, whenever
// there is something to be taken; it must return at once. After flow_answer_close, which ends the
// work at the next token, it is called no more. An answer is closed before the flow.
struct flow_waker {
    void (*wake)(void *ctx);
    void *ctx;
};
struct flow_answer;
enum err flow_answer_chat(struct flow *flow, struct call *call, const struct flow_waker *waker,
                          struct flow_answer **out) MUST_USE;
enum err flow_answer_text(struct flow *flow, struct call *call, const struct flow_waker *waker,
                          struct flow_answer **out) MUST_USE;
enum err flow_answer_vectors(struct flow *flow, struct call *call, const struct flow_waker *waker,
                             struct flow_answer **out) MUST_USE;
enum flow_answer_state {
    FLOW_ANSWER_WAITS,  // nothing new
    FLOW_ANSWER_MORE,   // bytes were added, more may come
    FLOW_ANSWER_WHOLE,  // the last bytes were added
    FLOW_ANSWER_FAILED, // no more bytes: *out_err and *fault are the answer, or its end
};
bool flow_answer_streams(const struct flow_answer *answer); // server-sent events; else one JSON
enum flow_answer_state flow_answer_take(struct flow_answer *answer, struct buf *out,
                                        enum err *out_err, struct fault *fault) MUST_USE;
void flow_answer_close(struct flow_answer *answer); // NULL is fine

enum err flow_endpoint_list(struct flow *flow, struct call *call) MUST_USE;
enum err flow_endpoint_create(struct flow *flow, struct call *call) MUST_USE;
enum err flow_endpoint_show(struct flow *flow, struct call *call) MUST_USE;
enum err flow_endpoint_change(struct flow *flow, struct call *call) MUST_USE; // its shadow too
enum err flow_endpoint_delete(struct flow *flow, struct call *call) MUST_USE;
enum err flow_endpoint_version(struct flow *flow, struct call *call) MUST_USE;  // another model
enum err flow_endpoint_rollback(struct flow *flow, struct call *call) MUST_USE; // {version}
enum err flow_endpoint_promote(struct flow *flow, struct call *call) MUST_USE;  // its shadow
enum err flow_endpoint_predict(struct flow *flow, struct call *call) MUST_USE;  // rows in, rows out
enum err flow_endpoint_file(struct flow *flow, struct call *call) MUST_USE;     // a file, as a job
// Calls and rows by person and month; how each version and its shadows answered.
enum err flow_endpoint_usage(struct flow *flow, struct call *call) MUST_USE;
// Body as that of POST /policy: what it would do to what runs and waits now. Changes nothing.
enum err flow_policy_preview(struct flow *flow, struct call *call) MUST_USE;
// Body as a submission's, or plain amounts: what would come of it now. Changes nothing.
enum err flow_what_if(struct flow *flow, struct call *call) MUST_USE;
// A past week once more by the same scheduler, {from_ms, until_ms, policy, capacity}; ends one that
// this person runs already. May take a second.
enum err flow_replay(struct flow *flow, struct call *call) MUST_USE;
enum err flow_replay_cancel(struct flow *flow, struct call *call) MUST_USE; // this person's
// The same from a data folder, beside a running box. `capacity` NULL: this machine.
// `body` may be NULL.
struct core_capacity;
enum err flow_replay_box(struct store *store, const struct core_capacity *capacity,
                         const struct json *body, const struct progress *progress,
                         struct json_writer *out, struct fault *fault) MUST_USE;
// Who has what now: the machine, departments, what runs and what waits.
enum err flow_resources(struct flow *flow, struct call *call) MUST_USE;
// A person's own program as a job.
enum err flow_command_create(struct flow *flow, struct call *call) MUST_USE;
enum err flow_job_list(struct flow *flow, struct call *call) MUST_USE;
enum err flow_job_show(struct flow *flow, struct call *call) MUST_USE;
enum err flow_job_log(struct flow *flow, struct call *call) MUST_USE;
// Of one that has ended, for good; the record stays.
enum err flow_job_log_delete(struct flow *flow, struct call *call) MUST_USE;
enum err flow_job_change(struct flow *flow, struct call *call) MUST_USE; // {priority, hold}
enum err flow_job_approve(struct flow *flow,
                          struct call *call) MUST_USE;                   // another person; {reason}
enum err flow_job_reject(struct flow *flow, struct call *call) MUST_USE; // {reason}: it has failed
enum err flow_job_cancel(struct flow *flow, struct call *call) MUST_USE;
// Slots of the calendar kept for a department; answered at once: kept, or refused with the reason.
enum err flow_reservation_list(struct flow *flow, struct call *call) MUST_USE;
enum err flow_reservation_show(struct flow *flow, struct call *call) MUST_USE;
enum err flow_reservation_create(struct flow *flow, struct call *call) MUST_USE;
enum err flow_reservation_change(struct flow *flow, struct call *call) MUST_USE;
enum err flow_reservation_delete(struct flow *flow, struct call *call) MUST_USE;
// Of a span of time: slots, and what runs, is promised or waits for its time then.
enum err flow_calendar(struct flow *flow, struct call *call) MUST_USE;
// What a person may use and has used; usage by day and month; a month's report; the ledger. Units
// in millionths.
enum err flow_share(struct flow *flow, struct call *call) MUST_USE;
enum err flow_usage(struct flow *flow, struct call *call) MUST_USE;
enum err flow_usage_report(struct flow *flow, struct call *call) MUST_USE;
enum err flow_usage_ledger(struct flow *flow, struct call *call) MUST_USE;
enum err flow_usage_verify(struct flow *flow, struct call *call) MUST_USE;
// The report as CSV, without a flow. month 0: this one; department "": all.
enum err flow_usage_csv(struct store *store, uint64_t month, struct str department, struct buf *out,
                        struct fault *fault) MUST_USE;
enum err flow_voucher_list(struct flow *flow, struct call *call) MUST_USE;
enum err flow_voucher_issue(struct flow *flow, struct call *call) MUST_USE;
enum err flow_voucher_import(struct flow *flow, struct call *call) MUST_USE;
enum err flow_voucher_revoke(struct flow *flow, struct call *call) MUST_USE; // body {reason}
enum err flow_voucher_issuers(struct flow *flow, struct call *call) MUST_USE;
enum err flow_voucher_trust(struct flow *flow, struct call *call) MUST_USE; // {name, public_key}
// ---- pilots: templates, and their runs from a file or a release to a model that answers ---------
enum err flow_pilot_list(struct flow *flow, struct call *call) MUST_USE;
enum err flow_pilot_show(struct flow *flow, struct call *call) MUST_USE;
// Molecules: one drawn and described, the most similar of a release, those that hold a pattern, a
// prediction by atoms.
enum err flow_molecule_draw(struct flow *flow, struct call *call) MUST_USE;
enum err flow_release_similar(struct flow *flow, struct call *call) MUST_USE;
enum err flow_release_substructure(struct flow *flow, struct call *call) MUST_USE;
enum err flow_model_molecules(struct flow *flow, struct call *call) MUST_USE;
// Which column plays which part: body {upload} or {release}.
enum err flow_pilot_match(struct flow *flow, struct call *call) MUST_USE;
// The template's demonstration as an upload of this person's.
enum err flow_pilot_demonstrate(struct flow *flow, struct call *call) MUST_USE;
enum err flow_pilot_start(struct flow *flow, struct call *call) MUST_USE;
enum err flow_pilot_run_list(struct flow *flow, struct call *call) MUST_USE;
enum err flow_pilot_run_show(struct flow *flow, struct call *call) MUST_USE;
enum err flow_pilot_run_cancel(struct flow *flow, struct call *call) MUST_USE;
enum err flow_lineage_show(struct flow *flow, struct call *call) MUST_USE;
enum err flow_home(struct flow *flow, struct call *call) MUST_USE; // the next step, counts
// Machine, disk, store, queue; the server adds what only it knows.
enum err flow_system(struct flow *flow, struct call *call) MUST_USE;

// A file the API hands out: a release or a prediction as CSV, a report's JSON. The path is of a
// blob or a job's output; the name is what the browser saves it as. Checks what the actor may.
struct flow_download {
    char path[1024];
    char name[256];
    char content_type[64];
    bool part; // only `size` bytes of it from `offset`
    uint64_t offset, size;
};
enum err flow_release_download(struct flow *flow, struct call *call,
                               struct flow_download *out) MUST_USE;
// A model as XGBoost's JSON.
enum err flow_model_export(struct flow *flow, struct call *call,
                           struct flow_download *out) MUST_USE;
enum err flow_extract_download(struct flow *flow, struct call *call,
                               struct flow_download *out) MUST_USE;
enum err flow_usage_download(struct flow *flow, struct call *call,
                             struct flow_download *out) MUST_USE;
// The same query as flow_language_usage: CSV, a line a day, person and model.
enum err flow_language_usage_download(struct flow *flow, struct call *call,
                                      struct flow_download *out) MUST_USE;
enum err flow_prediction_download(struct flow *flow, struct call *call,
                                  struct flow_download *out) MUST_USE;
// One of the files that a person's own program left: query `name`.
enum err flow_output_download(struct flow *flow, struct call *call,
                              struct flow_download *out) MUST_USE;

// For the metrics page: appends Prometheus text lines.
void flow_metrics(struct flow *flow, struct buf *out);
