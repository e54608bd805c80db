// Inside of flow's steps: what a step reads of its spec, and a table's columns as a model's
// features. Steps know no store and no jobs. One thread each; workers inside the wings.
#pragma once

#include "data/table.h"
#include "flow/flow.h"
#include "model/tabular/tabular.h"

enum { CATEGORIES_MAX = 255 }; // distinct texts of one column that learning takes

enum err step_import(struct step_context *context) MUST_USE;
enum err step_check(struct step_context *context) MUST_USE;
enum err step_cleanse(struct step_context *context) MUST_USE;
enum err step_unmask(struct step_context *context) MUST_USE;
enum err step_train(struct step_context *context) MUST_USE;
enum err step_search(struct step_context *context) MUST_USE;
enum err step_predict(struct step_context *context) MUST_USE;
enum err step_drift(struct step_context *context) MUST_USE;
enum err step_export(struct step_context *context) MUST_USE;
enum err step_language(struct step_context *context) MUST_USE;
enum err step_serve(struct step_context *context) MUST_USE;
enum err step_command(struct step_context *context) MUST_USE;

// pack.c: writes out/bundle.tar. Input "sign": the key, ERR_INPUT "bundle.no_key" without it.
struct pack;
enum err step_pack(struct step_context *context, const struct pack *pack, const char *table,
                   const char *report) MUST_USE;
// step_train.c: trains and writes out/model and out/scorecard.json, by these options instead of the
// spec's.
enum err train_by(struct step_context *context, const struct json *options) MUST_USE;
// The path of an input; lives in the arena. ERR_INPUT "job.input_missing" (detail: the name).
enum err step_input(struct step_context *context, const char *name, const char **out) MUST_USE;
// FOLDER/out/NAME; makes the folder.
enum err step_output(struct step_context *context, const char *name,
                     char out[static LIMIT_PATH_BYTES]) MUST_USE;
const struct json *step_options(const struct step_context *context);
uint32_t step_threads(const struct step_context *context);

// ---- features.c: cells as what a model takes --------------------------------------------------
// Integers, numbers, booleans as they are; dates and times as days since 1970; texts as the index
// of their category. Missing, and a text never seen in training: NaN.
float feature_of_cell(const struct feature *feature, const struct column *column, uint32_t row,
                      struct buf *scratch);
// A cell as text, written into `scratch` where it is none; valid until that is changed.
struct str cell_text(const struct column *column, uint32_t row, struct buf *scratch);
// The same from text as a person writes it. False if it is none of the feature's type.
bool feature_of_text(const struct feature *feature, struct str text, float *out);
// The reverse, for people: dates and times as text, categories by name, null if missing.
void feature_put(struct json_writer *out, const struct feature *feature, float value);
// Index among the sorted categories, or -1.
int64_t category_find(const struct feature *feature, struct str text);
// What a column of this type becomes.
enum feature_kind feature_kind_of(enum column_type type);

// A set of at most `most` distinct texts, in an arena.
struct words {
    struct arena *arena;
    struct str *items; // (most), in the order met; words_sort sorts them
    uint32_t count, most;
    uint32_t *slots; // (slot_count) index + 1, 0: free
    uint32_t slot_count;
    bool over; // there are more than `most`
    bool no_memory;
};
enum err words_open(struct arena *arena, uint32_t most, struct words *out) MUST_USE;
void words_add(struct words *words, struct str text);
void words_sort(struct words *words); // by bytes; nothing may be added afterwards

// ---- predictions as text (used by the file's and the API's way alike) -------------------------
// The class a probability row stands for: binary by `threshold`, classes by the largest.
uint32_t predicted_class(const struct tabular_about *about, const double *row, double threshold);
// Where survival is to be told.
struct times {
    double items[TABULAR_TIMES_MAX];
    uint32_t count;
};
// A list of numbers, or absent: the model's own. ERR_INPUT "predict.bad_times".
enum err times_read(const struct json *node, const struct tabular_about *about, struct times *out,
                    struct fault *fault) MUST_USE;
// The member "survival": the probability at each time for a row of this relative risk.
void survival_put(struct json_writer *out, const struct tabular_model *model, double risk,
                  const struct times *times);
