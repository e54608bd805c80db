// Preparation: from a table's columns to a model's features. Most columns are features as they are;
// a preparation's steps replace a column (a time, a molecule) by features computed from it, in
// training and in every prediction alike, because the model keeps the preparation. So who asks a
// model gives the column, never the features.
//   {"steps":[{"kind":"calendar","column":"time", …the kind's own options}]}
// Its "target" makes the target out of two dates (dates_target.h).
// What an option is when absent must never change: models keep the text, not what came of it.
// Everything lives in the arena given; any thread may read it.
#pragma once

#include "flow/steps/steps_private.h"
#include "pilot/grams.h"

enum {
    PREPARE_STEPS_MAX = 16,
    PREPARE_SCRATCH_BYTES = 16 << 20, // for one text
};

struct prepare_step {
    const struct prepare_kind *kind;
    struct str column;        // what it is made from; unique among the steps
    void *plan;               // the kind's own
    struct feature *features; // (feature_count), named "COLUMN:…"
    uint32_t feature_count;
};
// When you add a kind, add it to the table in prepare.c, to README.md and to the API's description.
struct prepare_kind {
    const char *name;
    const char *type; // of the column, so that a form can ask for it: "time", "text", "smiles"
    // Reads the options and lists the features. ERR_INPUT "prepare.bad_option" (detail: the
    // member), ERR_MEMORY.
    enum err (*open)(const struct json *options, struct arena *arena, struct prepare_step *step,
                     struct fault *fault);
    // The features of one text, into columns (feature_count)[row]. False if the text is none of the
    // kind: the features are then missing. `scratch` is the caller's to reset.
    bool (*fill)(const struct prepare_step *step, struct str text, struct arena *scratch,
                 float *const *columns, uint64_t row);
    // Instead of it, of a kind with one feature that is a FEATURE_TEXT: its buckets.
    enum err (*grams)(const struct prepare_step *step, struct str text, struct arena *scratch,
                      struct gram **out, uint32_t *out_count);
};
extern const struct prepare_kind prepare_calendar, prepare_molecule, prepare_grams;

struct preparation {
    struct prepare_step *steps;
    uint32_t step_count;
};
// From {"steps":[…]}; none where the node is absent, or has a "target" and no steps. ERR_INPUT
// "prepare.unknown_kind", "prepare.column_twice" (detail), "prepare.bad_option", or a kind's;
// ERR_LIMIT "prepare.too_many".
enum err preparation_read(const struct json *node, struct arena *arena, struct preparation *out,
                          struct fault *fault) MUST_USE;
// The step a column belongs to, or NULL.
const struct prepare_step *preparation_of_column(const struct preparation *preparation,
                                                 struct str column);
// ---- rows of features, as they are read -------------------------------------------------------
struct text_rows { // a text's buckets; rows may come in any order, each once
    uint64_t *from;
    uint32_t *count;
    uint32_t *bucket;
    float *weight;
    uint64_t used, room;
};
struct cells {
    struct arena *arena;
    float **values;          // (F)(rows); of a text NaN
    struct text_rows *texts; // (F), NULL where no feature is a text
    struct sparse *sparse;   // (F), or NULL; as frames want it, once cells_frame was called
    uint32_t feature_count;
    bool no_memory; // sticky: a text found no room
};
// Room for `rows` rows. ERR_MEMORY.
enum err cells_take(const struct feature *features, uint32_t count, uint64_t rows,
                    struct arena *arena, struct cells *out) MUST_USE;
void cells_clear(struct cells *cells); // for other rows in the same room
// The first `rows` rows; valid until the cells change.
struct frame cells_frame(const struct cells *cells, const struct feature *features, uint64_t rows);

// Fills a row from its text, features from `first` on; missing where there is none. False if it
// could not be read.
bool prepare_fill(const struct prepare_step *step, struct str text, struct arena *scratch,
                  struct cells *cells, uint32_t first, uint64_t row);
enum err prepare_feature(struct prepare_step *step, struct arena *arena, const char *name,
                         const char *type) MUST_USE; // adds one; room for it is the kind's to take

// A column by which rows are kept together may be named "COLUMN:scaffold": molecules (SMILES) of
// one scaffold are then one group. Returns the column.
struct str group_column(struct str name, bool *by_scaffold);
// The scaffold of a SMILES, the text itself where it cannot be read. Lives as long as both.
struct str group_of_smiles(struct str smiles, struct arena *scratch, struct buf *room);
// The model forecasts series and keeps its plan there instead (series_data.h): it is asked with a
// history, and what it would ask for row by row are its features.
bool preparation_is_series(struct str preparation);

// What the atoms (atom_count) owe of the contributions of a "molecule" step's features: each set
// bit's is shared out over the atoms of the environments that set it. ERR_MEMORY.
struct molecule;
enum err prepare_molecule_atoms(const struct prepare_step *step, const struct molecule *molecule,
                                const double *contributions, double *out) MUST_USE;

// ---- what a model asks for --------------------------------------------------------------------
struct asked {
    struct str name, type; // of the column
    const struct feature *feature;
    const struct prepare_step *step; // NULL: the column is the feature itself
    uint32_t first, count;           // its features among the model's
};
struct asking {
    struct asked *items; // in the order of the model's features
    uint32_t count;
};
// ERR_CORRUPT "model.damaged" where the model's features are not what its preparation makes.
enum err asking_of_model(const struct tabular_about *about, struct arena *arena, struct asking *out,
                         struct fault *fault) MUST_USE;
// A row's features from what was given for the column. False: it is none of the type.
bool asked_text(const struct asked *asked, struct str text, struct arena *scratch,
                struct cells *cells, uint64_t row);
// From a cell; what cannot be read counts as missing.
void asked_cell(const struct asked *asked, const struct column *column, uint32_t row,
                struct buf *text, struct arena *scratch, struct cells *cells, uint64_t to);
