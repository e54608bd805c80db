// The operators and what runs them. An operator is one row of a table and one file: it reads its
// line of the recipe into settings, says how it changes the columns, and then works on parts of a
// table.
//
// A part is one batch on its way: rows and columns keep their places until the end, a row that is
// dropped is only marked, a column that leaves the table is only marked in the plan. So before and
// after stand side by side at any time, and the rows are copied once.
//
// Threads: parts run in parallel through operators that look at one part at a time. An operator
// that remembers (ordered) gets its parts one after another in the order of the table; its
// `prepare` runs in parallel before. An operator that must have seen the whole table (`observe`)
// makes the runner go through the table once more for it. Nothing depends on the number of threads.
//
// When you add an operator: its file, its row in operators.c, its messages ("operator.NAME",
// "operator.NAME.OPTION", the codes of its reasons), its test. Depends on base/, data/table.h.
#pragma once

#include "base/buf.h"
#include "data/cleanse/cleanse.h"

enum {
    // Longer recipes are no longer read by people.
    LIMIT_RECIPE_BYTES = 256 * 1024,
    LIMIT_RECIPE_LINES = 500,
    // Settings of one recipe; a line may name every column of a wide table.
    LIMIT_RECIPE_ARENA_BYTES = 32 << 20,
    // The name of a project in a recipe.
    LIMIT_PROJECT_BYTES = 100,
    // Faults told of one recipe.
    LIMIT_RECIPE_FAULTS = 100,
};

// ---- the words of a line -----------------------------------------------------------------------

enum sign {
    SIGN_NONE,
    SIGN_EQUAL,
    SIGN_COLON,
    SIGN_LESS,
    SIGN_LESS_EQUAL,
    SIGN_MORE,
    SIGN_MORE_EQUAL
};
const char *sign_text(enum sign sign);

struct item {
    struct str text;
    bool quoted;
    uint32_t column; // 1-based character of the line
};
// head[,head...] or head[,head...]<sign>value[,value...]
struct word {
    struct item *heads;
    uint32_t head_count;
    enum sign sign;
    struct item *values;
    uint32_t value_count;
};
struct line {
    uint32_t number;    // 1-based line of the text
    struct word *words; // the operator's name is the first
    uint32_t word_count;
};
// Cuts one line (no line break) into words; all memory from `arena`, names point into `text`
// except quoted ones with escapes. ERR_INPUT "recipe.unclosed_quote", "recipe.missing_value", …
enum err line_read(struct arena *arena, struct str text, uint32_t number, struct line *out,
                   struct fault *fault) MUST_USE;
// The line in its one canonical spelling, without a line break.
void line_write(struct buf *out, const struct line *line);
// A name as it must stand in a recipe: quoted where it has to be.
void name_write(struct buf *out, struct str name);

// ---- faults of a recipe -------------------------------------------------------------------------

struct teller {
    void (*tell)(void *ctx, const struct fault *fault); // may be NULL
    void *ctx;
    struct fault *first; // the first fault told; may be NULL
    uint32_t count;
    uint32_t line; // of the line being read
};
// Tells one fault of the current line; returns ERR_INPUT. The caller goes on to find more.
enum err tell_fault(struct teller *teller, const char *code, uint32_t column, struct str detail);
// Of several names the one nearest to `word` by edits of characters; STR_NONE if none is near.
struct nearest {
    struct str word, best;
    uint32_t best_edits;
};
struct nearest nearest_to(struct str word);
void nearest_offer(struct nearest *nearest, struct str name);

// ---- the plan: what the columns are at one line ------------------------------------------------

enum treatment {
    TREATMENT_NONE,
    TREATMENT_TEXT_MASKED,
    TREATMENT_COARSENED,
    TREATMENT_SHIFTED,
    TREATMENT_MASKED,
    TREATMENT_REPLACED,
    TREATMENT_PSEUDONYM,
    TREATMENT_ENCRYPTED,
    TREATMENT_REMOVED,
    TREATMENT_COUNT
};
const char *treatment_name(enum treatment treatment);

struct plan_column {
    struct str name;
    enum column_type type;
    enum column_role role;
    enum treatment treatment; // the strongest so far
    bool removed;             // no longer part of the table
    uint32_t removed_by;      // the step that removed it
    const char *removed_why;  // a reason's code
    bool free_text;           // named by `field text=`
    bool direct;              // named a person by itself before any line treated it
};
struct plan {
    struct plan_column *columns; // (count): the columns of the input, in their order
    uint32_t count;
    struct arena *arena; // for what operators keep of it
};
// Places of the named columns; tells "recipe.unknown_column" (detail: the nearest) or
// "recipe.no_such_column" (detail: the name) for each that is not there. Names come from heads or
// values of a word.
enum err plan_find(const struct plan *plan, const struct item *names, uint32_t name_count,
                   struct teller *teller, uint32_t **out_places) MUST_USE;
// Notes a treatment unless a stronger one stands.
void plan_treat(struct plan_column *column, enum treatment treatment);

// ---- parts --------------------------------------------------------------------------------------

struct reason {
    const char *code;  // "check.out_of_range": message "reason.check.out_of_range"
    struct str column; // STR_NONE: of the whole row
};
struct tally {
    uint64_t cells_changed;
    uint64_t *reasons; // (reason_count)
    uint64_t rows_in, rows_out, bytes_in;
    uint64_t time_us;
};
struct part {
    uint32_t row_count;
    uint64_t first_row;
    struct column *columns;      // (column_count); those removed may be read but are not written
    const struct column *before; // (column_count): as they came from the table
    uint32_t column_count;
    uint32_t *gone; // (row_count): 0, or (1 + step) << 16 | reason
    struct arena *arena;
    struct tally *tally; // of the operator that is running
    uint32_t step;       // its index
    uint64_t *scratch;   // what prepare leaves for run
};
// Marks the row as dropped by the running operator for its reason.
void part_drop_row(struct part *part, uint32_t row, uint32_t reason);

// A new text column in place of an old one: rows are added in order, then it is put in.
struct text_edit {
    struct part *part;
    uint32_t place;
    uint32_t *offsets;
    uint8_t *valid;
    struct buf bytes;
    uint32_t rows;
    bool any_missing;
};
enum err text_edit_open(struct text_edit *edit, struct part *part, uint32_t place) MUST_USE;
// ERR_LIMIT if the cell is over LIMIT_CELL_BYTES.
enum err text_edit_add(struct text_edit *edit, struct str cell) MUST_USE;
enum err text_edit_missing(struct text_edit *edit) MUST_USE;
// Puts the column into the part; the edit is over either way.
enum err text_edit_finish(struct text_edit *edit) MUST_USE;
void text_edit_close(struct text_edit *edit);
// A validity bitmap of its own for a column, to clear bits in; NULL without memory.
uint8_t *part_own_validity(struct part *part, uint32_t place);

// ---- operators ----------------------------------------------------------------------------------

struct operator_option {
    const char *name;   // "how"
    const char *values; // its choices, "mask|pseudonym|remove"; "" for anything; NULL: columns
};
// What an operator is once it knows its columns: made by bind, lives in the plan's arena.
struct bound {
    const struct operator* operator;
    uint32_t index; // its place among the steps
    const struct line *line;
    void *settings; // the operator's own, read-only while parts run
    void *state;    // the operator's own, changed by ordered run and observe only
    const struct reason *reasons;
    uint32_t reason_count;
};
struct operator{
    const char *name;
    const char *example;
    const struct operator_option *options; // ends with a NULL name
    bool bare_columns;                     // words without a sign name columns …
    const char *bare;                      // … or are some of these, "auto|trim"; NULL: none
    bool ordered;
    bool line_only; // declares something; has no run
    bool once;      // a recipe has one such line
    // Options of other names with a value in quotes are patterns of the site's own.
    bool named_patterns;
    // Reads the line, looks its columns up in the plan and changes the plan as the operator changes
    // the table. plan NULL: the line is read as far as it can be without columns. Tells all faults.
    enum err (*bind)(struct bound * bound, struct plan * plan, struct arena * arena,
                     struct teller * teller);
    // Once, before the first pass: reads files and thresholds. Faults go to options->fault.
    enum err (*open)(struct bound * bound, const struct cleanse_options *options);
    // Before each pass over the table: takes what it needs, forgets what it remembers. `plan` is
    // that of the last step; columns that a later step removes are still this one's.
    enum err (*start)(struct bound * bound, const struct plan *plan,
                      const struct cleanse_options *options);
    // Whether this line needs a pass of its own over the table. NULL: never.
    bool (*observes)(const struct bound *bound);
    // That pass, parts in order.
    enum err (*observe)(struct bound * bound, const struct part *part);
    // After that pass: may change the plan (columns that go).
    enum err (*settle)(struct bound * bound, struct plan * plan);
    // In parallel, before `observe` and before the run of an ordered one; may change columns.
    enum err (*prepare)(const struct bound *bound, struct part *part);
    enum err (*run)(const struct bound *bound, struct part *part);
    void (*stop)(struct bound * bound); // gives back what open and start took; after faults too
    // For a line that puts rows of its own in the place of all others, once these have passed: what
    // their columns are, and the rows themselves, as many as the builder takes; none: that was all.
    // No line that works on the table may follow it.
    enum err (*shape)(const struct bound *bound, struct arena *arena, struct schema *out);
    enum err (*rows)(struct bound * bound, struct batch_builder * builder);
    // Writes members into the operator's own object "detail" of the report. NULL: nothing to add.
    void (*report)(const struct bound *bound, struct json_writer *out);
    // Whether such a line writes this further file. NULL: none.
    bool (*makes)(const struct line *line, const char *file);
    // Whether such a line works with a key. NULL: never.
    bool (*keyed)(const struct line *line);
    // After the last pass: may write further files into options->folder, by further_write.
    enum err (*finish)(struct bound * bound, const struct cleanse_options *options);
    // Writes members of the report itself; each name belongs to one operator, whose first line
    // writes it. And objects of the report's "dictionaries".
    void (*members)(const struct bound *bound, struct json_writer *out);
    void (*dictionaries)(const struct bound *bound, struct json_writer *out);
};
extern const struct operator operator_decode, operator_html, operator_normalise, operator_check,
    operator_drop, operator_dedup, operator_mask, operator_date, operator_field, operator_source,
    operator_pack, operator_words, operator_sample, operator_kanon, operator_noise;
// By index; NULL behind the last.
const struct operator* operator_at(uint32_t index);
const struct operator* operator_find(struct str name);

// ---- recipes ------------------------------------------------------------------------------------

struct recipe {
    struct arena *arena;
    struct str text; // as it was written
    struct line *lines;
    uint32_t line_count;
    struct hash hash;
};
// The operators of a recipe with their columns known. All memory from `arena`.
struct bound_recipe {
    struct bound *steps; // (step_count)
    uint32_t step_count;
    struct plan before, after;
};
enum err recipe_bind(const struct recipe *recipe, const struct schema *schema, struct arena *arena,
                     struct teller *teller, struct bound_recipe *out) MUST_USE;

// The project whose key the line works with; STR_NONE: the dataset's own.
struct str line_project(const struct line *line);
// The key of a line: the dataset's or its project's. ERR_NOT_FOUND if there is none of that name.
enum err line_key(const struct line *line, const struct cleanse_options *options,
                  struct hash *out) MUST_USE;
// Tells of a project name that is none: "recipe.bad_project".
enum err line_check_project(const struct line *line, struct teller *teller) MUST_USE;
// Whether the option stands there with this value first.
bool line_option_is(const struct line *line, const char *name, const char *value);
// Takes an option of the line by its name: NULL if absent. Several: the last, and a fault is told.
const struct word *line_option(const struct line *line, const char *name);
// NAME="PATTERN" of an operator that takes patterns by name; heads before the name are its targets.
bool word_is_pattern(const struct operator* operator, const struct word * word);
// Tells "recipe.unknown_option" (or "…_or_pattern") for each word with a sign whose head is none of
// the operator's options, "recipe.option_twice" for those given twice.
enum err line_check_options(const struct line *line, const struct operator* operator,
                            struct teller * teller) MUST_USE;
// The index of the option's one value among `choices` (ends with NULL); otherwise if it is absent.
// Tells "recipe.bad_option" (detail: the nearest choice, or the option's name).
enum err line_choice(const struct line *line, const char *name, const char *const *choices,
                     uint32_t otherwise, struct teller *teller, uint32_t *out) MUST_USE;
