// Inside of flow/. Who calls what: operations (uploads.c, datasets.c, …) run on the caller's
// thread; the runner (runner.c) starts and watches children, the committer (commit.c) takes what
// they made. What changes a job leaves a short piece of news, which the runner tells the core of
// (news.c). The core alone holds the list of those that wait; what is here are attempts.
// Locks: `lock` of struct flow protects its attempts, the news and its open uploads and nothing
// else; no transaction is begun and no file is touched while it is held.
#pragma once

#include <pthread.h>

#include "allocation/capacity.h"
#include "allocation/confine.h"
#include "allocation/devices.h"
#include "allocation/sandbox.h"
#include "flow/flow.h"
#include "flow/jobs/schedule.h"
#include "flow/record.h"
#include "flow/steps/child.h"

enum {
    ACTIVE_MAX = 4096,     // attempts at one time, those included that wait for the committer
    WAITING_MAX = 131072,  // jobs that wait; of those that people ask for
    ASKED_MAX = 120000,    // so many; beyond: ERR_LIMIT "job.queue_full"
    STARTS_MAX = 128,      // begun in one go
    LOST_MAX = 3,          // starts of one job whose process was lost
    UPLOADS_OPEN_MAX = 64, // pieces being received at one time
    TICK_MS = 250,         // how often limits are looked at
    GRACE_MS = 5000,       // from SIGTERM to SIGKILL
    JOB_LOG_BYTES_MAX = 1 << 20,
    GUARD_MS = 15 * 60 * 1000,  // a job that waited so long gets a reservation
    PAUSE_GRACE_MS = 30 * 1000, // from being asked to give way to SIGKILL
    RECIPE_BYTES_MAX = 64 * 1024,
    RECIPE_VERSIONS_MAX = 1000, // of one kept recipe; a chain of them is walked in one go
    ROWS_PAGE_MAX = 200,
    PATH_BELOW_BYTES = 128,   // the longest path of ours below the data folder
    SCRATCH_BYTES = 48 << 20, // the arena of a scan or a commit: one record at a time
};
#define LEASE_MS_MOST ((uint64_t)12 * 3600 * 1000)
#define DISK_KEPT_BYTES ((uint64_t)64 << 20) // of the disk, for the state itself
#define KEPT_BYTES ((uint64_t)512 << 20)     // of the machine's memory, for the service itself
#define CORE_BYTES ((uint64_t)64 << 20) // of those, never taken from it however short memory is

// ---- attempts --------------------------------------------------------------------------------
enum active_state {
    ACTIVE_FREE,
    ACTIVE_STARTING, // the runner is making its process (or adopting it)
    ACTIVE_RUNNING,
    ACTIVE_ENDED, // waits for the committer
    ACTIVE_COMMITTING,
};
enum stop_cause { STOP_NONE, STOP_CANCEL, STOP_MEMORY, STOP_TIME, STOP_CLOSE, STOP_GIVE_WAY };
struct active {
    enum active_state state;
    uint64_t job, owner, tenant;
    uint64_t cpu_milli, memory_bytes, time_limit_ms;
    int64_t submitted_ms, started_ms, ended_ms;
    int64_t served_milli; // by this attempt and those before, once it has ended
    uint32_t attempt;
    const struct executor *executor; // who carries it out
    struct {                         // what a cluster's engine knows it by
        uint64_t id;                 // 0: not known (yet)
        uint8_t state;               // enum slurm_state as last seen
        char reason[48];             // why it waits there; "" if it does not
        char account[32];            // that it counts for there; "" if that is not known
        uint64_t look;               // the last one that was taken note of
        uint64_t try_us, result_us;  // not submitted again before; its result is awaited until
    } engine;
    int pid, pidfd; // pidfd -1: not known yet (adopted before it has written its pid)
    struct job_place place;
    struct confine_attempt confined; // the runner's alone
    struct confine_stop stopping;    // once `stop` says why
    bool own_child;                  // to be reaped; an adopted one is not ours
    int wait_status;                 // of an own child that has ended; -1: not known
    bool well;                       // it has ended well and left no result: so its executor says
    struct fault start_fault;        // why it could not start, or was ended there; "" otherwise
    struct progress *progress;       // mapped; NULL if that failed
    uint64_t memory_used_bytes;
    bool cancel;          // a person asked
    bool unrecorded;      // its begin has yet to be written (begin.c),
    bool unwanted;        // or was not: it was cancelled or put on hold just then
    enum stop_cause stop; // why it was told to stop
    bool killed, memory_ran_out;
    bool give_way, give_way_now; // asked to; its time for that is over
    bool keeps;                  // it can save what it has when asked to
    enum core_why give_why;      // what for
    uint64_t told_done;          // what job_changed has been called for
    uint32_t told_phase;
    uint64_t retry_us; // a commit that failed (full disk) is tried again then
};

// ---- news ------------------------------------------------------------------------------------
enum news_kind {
    NEWS_SUBMIT,   // a person or a commit has made a job
    NEWS_AGAIN,    // one that the core is to hear of once more: an attempt ended, or the box began
    NEWS_LATER,    // the same, but not at once: it could not be started now
    NEWS_LATE,     // the same, without its deadline, which can no longer be kept
    NEWS_PRIORITY, // the record of one that waits has another priority, or its reservation a slot,
    NEWS_HOLD,     // is held or no longer,
    NEWS_APPROVED, // is approved
    NEWS_CANCEL,   // it no longer waits
    NEWS_ENDED,    // for those that wait for it
};
struct news {
    enum news_kind kind;
    uint64_t job;
};
struct news_list {
    struct news *items; // first to first + count are news
    uint32_t first, count, room;
    uint32_t waiting; // of them, jobs that the core does not count yet
};
// A replay that a person has asked for and that runs now (replay.c); under the lock.
enum { REPLAYS_MAX = 4 };
struct replay_run {
    bool used;
    uint64_t person;
    struct progress progress;
};
// What this machine has beside processors and memory (places.c).
struct places {
    struct device devices[DEVICES_MAX];
    uint32_t device_count;
    uint64_t disk_bytes;                                    // of scratch, for all jobs together
    uint64_t cpus[PLACE_CPU_WORDS], owned[PLACE_CPU_WORDS]; // that may be one job's own; that are
    bool any_owned;
};

struct flow {
    struct store *store;
    char program[LIMIT_PATH_BYTES];
    void (*job_changed)(void *ctx, uint64_t job_id);
    uint32_t (*roles_of)(void *ctx, uint64_t person);
    void *ctx;
    int64_t started_ms;
    struct allocation_capacity capacity;
    struct places places;
    struct allocation_capacity largest; // that one job can have; the whole of it on one machine
    struct confine *confine;
    bool commands;                   // people's own programs may run
    struct sandbox sandbox;          // around them
    const char *fence_lacks;         // why they cannot, whoever may ask; NULL: nothing
    const struct executor *executor; // of new attempts
    struct slurm_site *slurm;        // executor_slurm.c
    struct schedule *schedule;
    pthread_mutex_t lock;
    struct active *active; // (ACTIVE_MAX)
    uint64_t *active_job;  // (ACTIVE_MAX): whose attempt it is, 0: free; to look through quickly
    struct active_index *active_index;
    struct news_list news;
    struct teller *teller; // the runner's thread alone
    uint64_t uploads_open[UPLOADS_OPEN_MAX];
    struct replay_run replays[REPLAYS_MAX];
    pthread_cond_t work; // the committer waits here
    bool closing, stop_children, committer_may_end, rescan, look_now;
    bool threads_run;
    uint64_t ended;                   // jobs committed since the start
    struct commits *committer_memory; // of that thread alone
    int wake_fd, watch_fd;            // the runner's eventfd and epoll
    pthread_t runner, committer;
    struct calendar *calendar; // calendar.c
    uint64_t policy_seen;      // versions of the policy that the core knows, and one; 0: none yet
    struct models *models;     // loaded ones (loaded.c)
    struct pilots *pilots;     // templates and the runs that are under way (pilot_runs.c)
    struct language *language; // who answers as a language model (models/language.h)
    struct language_usage *language_usage; // what they have done (models/language_usage.h)
    struct serving *serving;               // what endpoints do, and their shadows (serving.c)
};

enum err runner_open(struct flow *flow, struct fault *fault) MUST_USE;
void runner_close(struct flow *flow, bool stop_children);
void runner_wake(struct flow *flow);
uint64_t runner_ended(struct flow *flow); // since the start
void job_tell(struct flow *flow, uint64_t job);

// begin.c: what the core has decided to start, all at once. What cannot leaves the core again. The
// runner's thread.
void attempts_begin(struct flow *flow, const struct core_decision *starts, uint32_t count);
// In the record of a job that waited: an attempt begins.
void job_begun(struct job *job, int64_t started_ms, const struct job_place *place,
               const char *confinement);
// runner.c: its thread is woken when the attempt speaks.
void attempt_watch(struct flow *flow, const struct active *active);
// What it held is free; the committer takes what it made.
void attempt_leaves(struct flow *flow, struct active *active, uint32_t attempt);

// active.c: the list of attempts.
enum err active_open(struct flow *flow) MUST_USE;
void active_close(struct flow *flow);
// Callers of these hold the lock:
uint32_t active_room(const struct flow *flow);                  // free slots
struct active *active_find(struct flow *flow, uint64_t job);    // NULL: none
struct active *active_put(struct flow *flow, uint64_t job);     // NULL: no room
void active_fill(struct active *active, const struct job *job); // what its record says
void active_free(struct flow *flow, struct active *active);
// and of these do not. A copy of the attempt; false if there is none. `progress` of the copy is not
// to be used; its numbers come in `now`.
struct active_now {
    uint32_t phase;
    uint64_t done, total, rows;
};
bool active_look(struct flow *flow, uint64_t job, struct active *out, struct active_now *now);
// Copies of up to `room` attempts; returns how many. Without their progress.
uint32_t active_copy(struct flow *flow, struct active *out, uint32_t room);

// news.c: from any thread, after the commit of what it tells of.
void runner_add(struct flow *flow, const struct job *job); // it is queued
bool runner_has_room(struct flow *flow, uint64_t jobs);
void runner_cancel(struct flow *flow, uint64_t job);
// It waits, and its `when` is another.
void runner_change(struct flow *flow, const struct job *job, bool priority);
void runner_approve(struct flow *flow, uint64_t job); // it waited for that
void runner_counts(struct flow *flow, uint64_t *out_running, uint64_t *out_queued);
void news_put(struct flow *flow, enum news_kind kind, uint64_t job);
// What the core is told of a job.
struct schedule_job schedule_job_of(const struct job *job);
// The runner's thread: tells the core what is new and carries out what it decides.
enum err news_open(struct flow *flow) MUST_USE;
void news_run(struct flow *flow);
void news_close(struct flow *flow);

// launch.c: one attempt's process and its folder.
void job_folder(const struct flow *flow, uint64_t job, char out[static LIMIT_PATH_BYTES]);
// The folder made ready for an attempt: cleared, spec.json and the progress page written, mapped to
// active->progress. *out_lock: its lock, for whoever goes on to hold it.
enum err job_prepare(struct flow *flow, const struct job *job, const char *folder,
                     struct active *active, int *out_lock, struct fault *fault) MUST_USE;
// Whether that attempt was begun there: somebody works at it, or has done so.
bool job_attempt_left(const char *folder, uint64_t attempt);
// False while somebody works in the folder.
bool job_folder_free(const char *folder);
// Prepares, forks and execs; fills pid, pidfd and progress.
enum err job_launch(struct flow *flow, const struct job *job, struct active *active,
                    struct fault *fault) MUST_USE;
// Is a child of an earlier server still there? Fills pid, pidfd, progress as far as known.
bool job_adopt(struct flow *flow, uint64_t job, struct active *active);
// Once more for a child that had not written its pid yet; true when pidfd is known or it has ended.
bool job_adopt_again(struct flow *flow, struct active *active);

// ---- arrays.c ----------------------------------------------------------------------------------
enum { TASKS_MAX = 100000 };
// The body's "array", into job->ask.
enum err array_read(const struct call *call, struct job *job) MUST_USE;
// In the transaction that made the first task; then the others, in transactions of their own.
enum err array_begin(struct store_txn *txn, struct job *first) MUST_USE;
enum err array_make(struct flow *flow, const struct call *call, struct job *first) MUST_USE;
// All tasks of the array that this one belongs to.
enum err array_cancel(struct flow *flow, const struct call *call, const struct job *task) MUST_USE;
// Those that wait are held, or let go, as the body says.
enum err array_hold(struct flow *flow, const struct call *call, const struct job *task) MUST_USE;
// Those but the first that wait for approval are given that one.
enum err array_decide(struct flow *flow, const struct job *first,
                      const struct job_approval *approval) MUST_USE;
struct array_counts {
    uint64_t array, of[JOB_STATE_COUNT];
};
void array_count(struct array_counts *counts, const struct job *task); // another array begins anew
// `counts`: NULL where nobody has counted.
void view_array(struct json_writer *out, const struct job *job, const struct array_counts *counts);

// commands.c: whether this box can and may run people's own programs, found at its start.
void commands_begin(struct flow *flow, const struct flow_options *options);
// Another end of a lease, which its owner asks for while nobody waits.
enum err lease_extend(struct flow *flow, struct call *call) MUST_USE;
void view_commands(struct json_writer *out, const struct flow *flow);

// policy.c: tells the core of a new version of the policy. The runner's thread.
void policy_follow(struct flow *flow);
// A body's "capacity" over what stands in *out. ERR_INPUT "what_if.bad_amount".
enum err capacity_read(const struct json *node, struct core_capacity *out,
                       struct fault *fault) MUST_USE;
// calendar.c: slots of the calendar, as the core keeps them. The runner's thread:
enum err calendar_open(struct flow *flow) MUST_USE;
void calendar_close(struct flow *flow);
void calendar_follow(struct flow *flow); // tells the core of slots that are new, gone or over
void calendar_join(struct flow *flow, const struct job *job); // told again with every slot
bool calendar_lets(struct flow *flow, const struct job *job); // its slot is now, or it has none
// and any thread: the slot of the reservation that is now, or the next one; 0: none left.
uint64_t calendar_slot(struct flow *flow, uint64_t reservation, int64_t now_ms);
void calendar_changed(struct flow *flow); // after the commit of a reservation
// Why the core does not keep the slot; WHY_NONE if it does, or has not been told yet.
enum core_why calendar_why(struct flow *flow, uint64_t slot);
// The slots that the core has been told of and keeps, into out (SLOTS_MAX); returns how many. It is
// told of no other until calendar_let_go.
uint32_t calendar_hold(struct flow *flow, struct core_reservation *out);
void calendar_let_go(struct flow *flow);
enum { SLOTS_OF_ONE = 64 };               // of one reservation: a year of weeks, and some
uint64_t slot_reservation(uint64_t slot); // whose it is
struct core_reservation slot_of(const struct reservation *reservation, uint32_t number);
uint32_t slots_count(const struct reservation *reservation);
bool reservation_is_over(const struct reservation *reservation, int64_t now_ms);
bool slot_same(const struct core_reservation *a, const struct core_reservation *b);
bool slot_among(const struct core_reservation *slots, uint32_t count,
                const struct core_reservation *slot);
// The reservations that are not over yet.
enum err reservations_open(struct store_txn *txn, struct arena *arena, int64_t now_ms,
                           struct reservation **out, uint32_t *out_count) MUST_USE;
// calendar_view.c
enum err reservation_answer(struct flow *flow, struct call *call,
                            const struct reservation *reservation) MUST_USE;
// reservations.c: inside the transaction that has made a job which is to run in a reservation. It
// takes no more processors than that has; refused if it is not of its department or too large.
enum err reservation_admit(struct store_txn *txn, const struct call *call,
                           struct job *job) MUST_USE;
// The tenant itself, or one below it.
bool tenant_below(const struct policy *policy, uint64_t tenant, uint64_t above);
// commit.c
void *committer_main(void *flow);
enum err committer_open(struct flow *flow) MUST_USE;
void committer_close(struct flow *flow);
// ---- jobs.c ------------------------------------------------------------------------------------
// Inside a transaction, one that only reads will do: fills what the step declares, whose it is and
// how long it is thought to run.
enum err job_declare(struct flow *flow, struct store_txn *txn, struct job *job) MUST_USE;
// Inside a transaction: declares the job, gives it its id, saves it.
enum err job_create(struct flow *flow, struct store_txn *txn, struct job *job) MUST_USE;
// What a person submits, inside the transaction: job_create where they may, of an array for all its
// tasks; then whether it waits for approval, and what the body says of when it runs. ERR_LIMIT as
// jobs_allowed, refused as when_admit.
enum err job_request(struct flow *flow, struct store_txn *txn, const struct call *call,
                     struct job *job) MUST_USE;
// The check of a revision, to be submitted; and the one that follows an import or a cleansing.
struct job job_check_of(const struct revision *revision, const struct dataset *dataset,
                        const struct who *actor);
enum err job_create_check(struct flow *flow, struct store_txn *txn, const struct revision *revision,
                          const struct dataset *dataset, const struct who *actor,
                          struct job *out) MUST_USE;
struct job_input job_input_blob(const char *name, const struct hash *hash);
// Failed or cancelled, with what that means for its dataset or model, and the audit record.
enum err job_end_badly(struct store_txn *txn, struct arena *arena, struct job *job,
                       enum job_state state, const struct fault *fault) MUST_USE;
// One more job (+1) or one fewer (−1) of its person and tenants has not ended.
enum err job_count(struct store_txn *txn, const struct job *job, int change) MUST_USE;
// The call's job, if the person may see it: ERR_NOT_FOUND "job.not_found".
enum err job_look(struct flow *flow, const struct call *call, struct job *out) MUST_USE;
bool job_seen(const struct call *call, const struct job *job); // may this person see it?
enum err job_audit(struct store_txn *txn, const struct job *job, const char *result) MUST_USE;

// ---- when.c ------------------------------------------------------------------------------------
// How long it will run at most, by others of its kind that ran here: the longest of them and half
// as much again. Nothing is said where there was none.
enum err when_estimate(struct store_txn *txn, struct job *job) MUST_USE;
enum err when_ran(struct store_txn *txn,
                  const struct job *job) MUST_USE; // one more that ended well
// Inside the transaction that has made the job: takes the body's "schedule" for it, if there is
// one. Refused with the reason: a deadline that cannot be kept,
// a job to wait for that is not there or has failed, a priority the person may not give.
enum err when_admit(struct flow *flow, struct store_txn *txn, const struct call *call,
                    struct job *job) MUST_USE;
// The reading part of when_admit alone: what the body says and whether it makes sense. A deadline
// is not answered.
enum err when_take(struct store_txn *txn, const struct call *call, struct job *job) MUST_USE;
// How those stand that a job waits for. *out_job: one that has failed, else one that is open.
enum after_state { AFTER_ENDED, AFTER_OPEN, AFTER_FAILED };
enum err when_after_look(struct store_txn *txn, struct arena *arena, const struct job_when *when,
                         enum after_state *out, uint64_t *out_job) MUST_USE;
void view_when(struct json_writer *out, const struct job_when *when);

// ---- approval.c --------------------------------------------------------------------------------
// Whether a job asks for more than its tenant may have without: fills job->approval.
void approval_weigh(const struct policy *policy, struct job *job);
// Inside the transaction that has made the job: it waits for approval if it asks for more than its
// tenant may have without. Saves it.
enum err approval_ask(struct store_txn *txn, const struct call *call, struct job *job) MUST_USE;
// Inside the transaction that ends a job: nobody is asked any more.
enum err approval_forget(struct store_txn *txn, const struct job *job) MUST_USE;
void approval_give(struct job *job, const struct job_approval *approval); // who, when and why
// How many jobs of others wait for an approval that this person may give.
enum err approval_count(struct store_txn *txn, const struct call *call, uint64_t *out) MUST_USE;
void view_approval(struct flow *flow, struct json_writer *out, const struct job *job);

// ---- models.c ----------------------------------------------------------------------------------
uint64_t train_memory(const struct release *release); // bytes that training on it asks for
// What a body asks to be trained on a release, checked: the model to be and its job, not made yet.
struct training {
    struct flow *flow;
    const struct call *call;
    struct release release;
    struct model model;
    struct job job;
};
enum err training_read(struct flow *flow, const struct call *call, uint64_t release_id,
                       struct training *training) MUST_USE;

// ---- searches.c --------------------------------------------------------------------------------
// Inside the transaction that ends the job of a try, however: the search counts it, and is over
// with the last. `made`: what the try has made, its blobs registered; NULL: nothing.
struct search_made {
    struct hash model, scorecard;
    const struct json *summary;
};
enum err search_try_ended(struct store_txn *txn, struct arena *arena, const struct job *job,
                          const struct search_made *made) MUST_USE;

// storage.c: inside the transaction that makes so many jobs of a step, or stores so many bytes.
// ERR_LIMIT with a code of "limit." where the person or a tenant over them may not.
enum err jobs_allowed(struct store_txn *txn, const struct call *call, struct str step,
                      uint64_t jobs) MUST_USE;
enum err bytes_allowed(struct store_txn *txn, const struct call *call,
                       uint64_t more_bytes) MUST_USE;

// ---- views.c: records as the API shows them ---------------------------------------------------
void view_upload(struct json_writer *out, const struct upload_record *upload);
void view_dataset(struct json_writer *out, const struct dataset *dataset); // leaves it open
void view_revision(struct json_writer *out, const struct revision *revision);
void view_recipe(struct json_writer *out, const struct recipe_record *recipe);
void view_release(struct json_writer *out, const struct release *release); // leaves it open
void view_model(struct json_writer *out, const struct model *model);       // leaves it open
void view_job(struct flow *flow, struct json_writer *out, const struct job *job);
void view_job_counted(struct flow *flow, struct json_writer *out, const struct job *job,
                      const struct array_counts *counts);
void view_columns(struct json_writer *out, const struct revision_column *columns, uint32_t count);
// A department's path, or "#id" of one that was removed since.
void view_tenant_path(const struct policy *policy, uint64_t id, char out[static TENANT_PATH_BYTES]);
// In quotes, with a sign before what a spreadsheet would take for a formula.
void view_csv_cell(struct buf *out, struct str text);
void view_hash(struct json_writer *out, const char *name, const struct hash *hash); // null if none
void view_time(struct json_writer *out, const char *name, int64_t time_ms);         // null if 0
void view_sheet(struct json_writer *out, const struct sheet *sheet);

// ---- operations' common ground (common.c) -----------------------------------------------------
enum { ROLES_FLOW = ROLE_DATA | ROLE_RESEARCH };
// The system officer uploads what updates the machine.
enum { ROLES_UPLOAD = ROLES_FLOW | ROLE_SYSTEM };
enum err allow(const struct call *call, uint32_t roles) MUST_USE; // ERR_DENIED "flow.denied"
struct who who_of(const struct actor *actor);
// Appends inside the transaction. object: "kind/id".
enum err audit_put(struct store_txn *txn, struct str actor, const char *action, const char *kind,
                   uint64_t id, const char *result, struct str detail) MUST_USE;
// In a transaction of its own: for reads that must leave a trace.
enum err audit_note(struct flow *flow, const struct call *call, const char *action,
                    const char *kind, uint64_t id, struct str detail) MUST_USE;
// Fills a fault for what loading a record returned.
enum err missing(const struct call *call, enum err err, const char *code) MUST_USE;
enum err answer_end(const struct call *call) MUST_USE; // the writer's errors as a fault

// A page of a list: `page` and `size` of the query. The scan goes from the newest down; each record
// is decoded into a scratch arena, asked for by `wanted`, and shown if it is on the page.
struct list {
    struct flow *flow;
    struct call *call;
    enum store_table table;
    // Decodes, and says whether it belongs to the list; then shows it if `show`.
    enum err (*item)(struct list *list, struct store_txn *txn, struct record_reader *record,
                     bool show, bool *out_wanted);
    const void *filter; // of the list's own
    struct arena *scratch;
    struct store_txn *txn;
    uint64_t first, size, seen;
    enum err err;
};
enum err list_write(struct list *list) MUST_USE;

// A path below the data folder. Cannot fail: flow_open has seen that the folder's name leaves room.
void path_of(char out[static LIMIT_PATH_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// Parses the text of a blob (a profile, a report, a scorecard) as JSON; *out: json_close.
enum err blob_json(struct flow *flow, const struct hash *hash, struct json **out,
                   struct fault *fault) MUST_USE;
// Text into a new blob; to be registered in the transaction that names it.
enum err blob_put(struct flow *flow, struct str text, struct hash *out, uint64_t *out_size,
                  struct fault *fault) MUST_USE;
struct str arena_text(struct arena *arena, struct str text); // a copy; STR_NONE out of memory
// The same struct json as text in the arena; STR_NONE out of memory.
struct str arena_json(struct arena *arena, const struct json *node);
// DIR/uploads/ID
void upload_path(const struct flow *flow, uint64_t id, char out[static LIMIT_PATH_BYTES]);
// Room for a file that is about to come: name, size and origin are told, the rest is filled.
enum err upload_new(struct flow *flow, const struct call *call,
                    struct upload_record *record) MUST_USE;
// A complete upload the actor may use. ERR_CONFLICT "upload.incomplete".
enum err upload_ready(struct flow *flow, const struct call *call, uint64_t id,
                      struct upload_record *out) MUST_USE;
void uploads_clean(struct flow *flow); // removes those untouched for a week
// history.c: the rows of a dataset that is in the bin go for good, revision 1 to `newest`, but for
// those put up for release. ERR_CONFLICT "dataset.not_binned", "dataset.revision_busy".
enum err revisions_empty(struct flow *flow, const struct call *call, uint64_t newest) MUST_USE;
// incoming.c: DIR/incoming/NAME, an ordinary file that lies there (or on what is mounted there), or
// ERR_NOT_FOUND "incoming.not_found"; and the same for a call, with room for it on the disk:
// ERR_FULL "upload.no_room".
enum err incoming_path(const struct flow *flow, struct str name, char out[static LIMIT_PATH_BYTES],
                       struct fault *fault) MUST_USE;
enum err incoming_ready(struct flow *flow, const struct call *call, struct str name,
                        uint64_t *out_bytes) MUST_USE;
// exports.c: the CSV of a table, made if it is not there yet.
enum err export_path(struct flow *flow, const struct hash *hash, char out[static LIMIT_PATH_BYTES],
                     struct fault *fault) MUST_USE;
void exports_clean(struct flow *flow);
// True if this actor may know of the release.
bool release_visible(const struct call *call, const struct release *release);
// The site's own rule file, DIR/rules.txt; false where there is none. And DIR/words, where keyword
// files that recipes name lie.
bool site_rules_path(const struct flow *flow, char out[static LIMIT_PATH_BYTES]);
void site_words_folder(const struct flow *flow, char out[static LIMIT_PATH_BYTES]);

// ---- keys.c ------------------------------------------------------------------------------------
// DIR/keys/key-ID
void key_path(const struct flow *flow, uint64_t id, char out[static LIMIT_PATH_BYTES]);
// The living key of that name ("dataset/7", "project/NAME"), made if there is none.
enum err key_need(struct flow *flow, const struct call *call, struct str name, uint64_t dataset,
                  uint64_t *out_id) MUST_USE;
// Adds the keys a recipe needs as inputs: "key", and "key:NAME" for each project.
struct recipe;
enum err keys_of_recipe(struct flow *flow, const struct call *call, const struct recipe *recipe,
                        uint64_t dataset, struct job_input *inputs, uint32_t *count) MUST_USE;
// ---- budget.c ----------------------------------------------------------------------------------
struct budget {
    double asked, most; // epsilon of a recipe; what the dataset may spend in all
};
enum err budget_ask(struct flow *flow, const struct call *call, const struct recipe *recipe,
                    struct budget *out) MUST_USE;
// Inside the transaction that makes the job: adds to the dataset, which the caller saves, and
// writes the job's options. ERR_CONFLICT "noise.over_budget". A recipe that asks for nothing:
// nothing.
enum err budget_take(const struct call *call, const struct budget *budget, struct dataset *dataset,
                     struct str recipe, struct job *job) MUST_USE;
// Of a job that ended badly.
enum err budget_give_back(struct store_txn *txn, struct arena *arena,
                          const struct job *job) MUST_USE;
double budget_spent(const struct dataset *dataset);

// pack.c: the key that signs bundles, DIR/keys/bundle.pem, and bundle.pem.pub for receivers.
void sign_path(const struct flow *flow, char out[static LIMIT_PATH_BYTES]);
enum err sign_need(struct flow *flow, const struct call *call) MUST_USE; // makes it if absent
struct sign_key; // to be wiped by whoever asked for it
enum err sign_key_own(struct flow *flow, const struct call *call, struct sign_key *out) MUST_USE;
// Of a file; one longer than a key counts by its hash. ERR_NOT_FOUND "key.destroyed" (detail: by
// whom) if its key was destroyed.
enum err dataset_key_read(const char *path, struct hash *out, struct fault *fault) MUST_USE;
// `reveal` of the query; an actor who asks for it leaves a trace before anything is shown.
enum err reveal_ask(struct flow *flow, const struct call *call, const char *kind, struct str what,
                    bool *out) MUST_USE;
// extracts.c: the file of a cleansing's output that holds it.
const char *extract_file(enum extract_kind kind);
// Loads the call's dataset and its revision `number` (0: the newest); _find refuses one whose rows
// have been deleted.
enum err revision_look(struct flow *flow, const struct call *call, uint64_t number,
                       struct dataset *dataset, struct revision *out) MUST_USE;
enum err revision_find(struct flow *flow, const struct call *call, uint64_t number,
                       struct dataset *dataset, struct revision *out) MUST_USE;

// The same, refusing a dataset in the bin: for what makes something new of it.
enum err revision_use(struct flow *flow, const struct call *call, uint64_t number,
                      struct dataset *dataset, struct revision *out) MUST_USE;

// ---- rows of a table as JSON (rows.c) ---------------------------------------------------------
struct rows_page {
    uint64_t first, size;
    bool reveal;
    const struct revision_column *columns; // roles as they stand now; by position
    uint32_t column_count;
};
enum err rows_write(struct call *call, const char *table_path,
                    const struct rows_page *page) MUST_USE;

// A model that may be asked, of call->id. ERR_NOT_FOUND; ERR_CONFLICT "predict.not_ready".
enum err model_ready(struct flow *flow, const struct call *call, struct model *out) MUST_USE;

// ---- predictions of files (predict.c) ----------------------------------------------------------
struct prediction_asked {
    const struct model *model;
    uint64_t endpoint, version; // through which it was asked; 0: none
};
// The call's upload, as a job; answers with it.
enum err prediction_queue(struct flow *flow, struct call *call,
                          const struct prediction_asked *asked) MUST_USE;

// ---- models in memory (loaded.c) ---------------------------------------------------------------
enum err models_open(struct models **out) MUST_USE;
void models_close(struct models *models);
struct loaded; // a model in memory, counted
enum err models_take(struct flow *flow, const struct hash *file, struct loaded **out,
                     struct fault *fault) MUST_USE;
void models_give(struct models *models, struct loaded *loaded);
const struct tabular_model *loaded_model(const struct loaded *loaded);
struct asking;
const struct asking *loaded_asking(const struct loaded *loaded); // what it asks for

// The release of the call's {id} if the actor may look into it; "release.not_found".
enum err release_seen(struct flow *flow, const struct call *call, struct release *out) MUST_USE;
// The model of the call's {id}, ready to answer; "model.not_found", "predict.not_ready".
enum err model_ready(struct flow *flow, const struct call *call, struct model *out) MUST_USE;
