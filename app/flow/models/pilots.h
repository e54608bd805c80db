// Inside of flow's pilots: a run goes its way by the same operations a person uses, asked for by
// the person who started it. The operation that makes something calls pilot_moved in its own
// transaction, so that the run knows of it or it was never made: after any cut the run goes on
// where its record stands. One thread (pilot_runs.c) takes the runs that are under way on whenever
// a job has ended or a release was decided. Depends on the other files of flow/ and on pilot/.
#pragma once

#include "flow/flow_private.h"
#include "pilot/template.h"

enum { PILOT_RUNS_MAX = 256 }; // under way at one time
struct pilots;
// Reads the templates and takes up the runs that are under way, before the runner begins; the
// thread, after it has; and the other way round at the end.
enum err pilots_open(struct flow *flow, struct fault *fault) MUST_USE;
enum err pilots_begin(struct flow *flow, struct fault *fault) MUST_USE;
void pilots_stop(struct flow *flow);
void pilots_close(struct flow *flow);
const struct templates *pilots_templates(const struct flow *flow);
void pilots_wake(struct flow *flow); // look again; any thread, cheap
// A run that was just recorded. False: too many are under way.
bool pilots_room(struct flow *flow);
void pilots_add(struct flow *flow, uint64_t run);

// Inside the transaction that makes something for call->pilot_run (0: nothing happens): the run is
// at `step` now, which waits for `job` (0: for something else); `subject` is the dataset, release
// or model. ERR_CANCELLED if a person has cancelled it: then nothing is made.
enum err pilot_moved(struct store_txn *txn, const struct call *call, enum pilot_step step,
                     uint64_t subject, uint64_t job) MUST_USE;

// ---- pilot_text.c: what a run hands to the operations -------------------------------------------
// A part's column in the data: by its own name in a file, which is renamed when it is read; by the
// release's name where the run began with one.
struct pilot_parts {
    const struct template *one;
    const struct json *mapping;
    bool released;
};
struct str pilot_part(void *ctx, struct str part); // of struct template_parts
// The words of that name in the run's language.
struct str pilot_words(const struct json *node, const char *name, struct str language);
// Appends the recipe.
void pilot_recipe_text(struct buf *out, const struct pilot_parts *parts);
// Bodies, as JSON: of an import, a cleansing, a release's request, a training.
void pilot_import_body(struct json_writer *out, const struct template *one,
                       const struct pilot_run *run);
void pilot_cleanse_body(struct json_writer *out, const struct pilot_parts *parts,
                        uint64_t revision);
void pilot_release_body(struct json_writer *out, const struct template *one,
                        const struct pilot_run *run);
void pilot_train_body(struct json_writer *out, const struct pilot_parts *parts,
                      const struct pilot_run *run);

// pilot_view.c
void view_pilot(struct flow *flow, struct json_writer *out, const struct template *one, bool whole);
// With its steps and how far they are.
enum err view_pilot_run(struct flow *flow, struct store_txn *txn, struct arena *arena,
                        struct json_writer *out, const struct pilot_run *run) MUST_USE;
// The member "pilot" of a model that a run has trained: which template, and "mapping", the data's
// own names of its parts where they are not the template's; else null.
enum err view_model_pilot(struct flow *flow, struct store_txn *txn, struct arena *arena,
                          struct json_writer *out, const struct model *model) MUST_USE;
// Where the template's demonstration lies on this machine; false if it does not.
bool pilot_demonstration_path(const struct flow *flow, const struct template *one,
                              char out[static LIMIT_PATH_BYTES]);
