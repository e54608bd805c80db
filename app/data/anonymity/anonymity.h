// The anonymity of a table: value hierarchies, recoding to k-anonymity, l-diversity, t-closeness,
// the risk that remains, what is lost, and differentially private counts.
//
// Everything works on coded columns: a quasi-identifier's cell is the number of a leaf of its
// hierarchy, a sensitive cell the number of its value. Pure functions but for random noise: the
// same input gives the same output on any number of threads and any machine (no libm in what
// decides). Depends on base/ and data/table.h (for column types). Hierarchies live in the caller's
// arena; what *_open or a measure takes is given back by its *_close.
#pragma once

#include "base/buf.h"
#include "base/crypto.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/thread.h"
#include "data/table.h"

enum {
    LIMIT_QUASI = 32,                 // quasi-identifiers of one table; people reason about ten
    LIMIT_SENSITIVE = 8,              // sensitive columns guarded at once
    LIMIT_HIERARCHY_LEVELS = 16,      // heights of a tree, leaves and root included
    LIMIT_HIERARCHY_LEAVES = 1 << 20, // values of one quasi-identifier
    LIMIT_HIERARCHY_BYTES = 64 << 20, // of a hierarchy's text
};

// ---- hierarchies --------------------------------------------------------------------------------

enum hierarchy_kind {
    HIERARCHY_FILE,   // read from text
    HIERARCHY_FLAT,   // value, then *
    HIERARCHY_AGE,    // years: widths 5, 10, 20, 40; the end of life open: 90+
    HIERARCHY_NUMBER, // widths that double about, edges at multiples of the width
    HIERARCHY_DATE,   // day, month, quarter, year, decade
    HIERARCHY_REGION, // GB/T 2260: county, city, province
    HIERARCHY_PREFIX, // codes by their first characters
    HIERARCHY_KIND_COUNT
};
const char *hierarchy_kind_name(enum hierarchy_kind kind); // "file", "flat", "age", …
bool hierarchy_kind_from_name(struct str name, enum hierarchy_kind *out);

// A tree of levels: level 0 are the leaves, each a value; the last level is one node, the root.
// Nodes are numbered over all levels, leaf i is node i.
struct hierarchy {
    enum hierarchy_kind kind;
    uint32_t leaf_count, level_count, node_count;
    uint32_t *above;   // (level_count, leaf_count): the node over a leaf at a level
    uint32_t *leaves;  // (node_count): leaves below it
    uint32_t *place;   // (node_count): its number among its siblings, from 0
    uint32_t widest;   // the most children a node has
    struct str *names; // (node_count); a missing value is "" up to the root
};
static inline uint32_t hierarchy_node(const struct hierarchy *hierarchy, uint32_t level,
                                      uint32_t leaf) {
    return hierarchy->above[(size_t)level * hierarchy->leaf_count + leaf];
}
// How much is lost when a value becomes this node: 0 for a leaf, 1 for the root.
static inline double hierarchy_loss(const struct hierarchy *hierarchy, uint32_t node) {
    if (hierarchy->leaf_count < 2) return 0;
    return (double)(hierarchy->leaves[node] - 1) / (double)(hierarchy->leaf_count - 1);
}

// Building: begin, every level once from 0 up, finish. Names are copied. A last level of more than
// one node gets a root "*" above it. ERR_INPUT "hierarchy.empty", "hierarchy.value_twice" and
// "hierarchy.not_a_tree" (row: the leaf, from 1; column: the level); ERR_LIMIT
// "hierarchy.too_large"; ERR_MEMORY.
struct hierarchy_builder;
enum err hierarchy_begin(struct arena *arena, enum hierarchy_kind kind, uint32_t leaf_count,
                         uint32_t level_count, struct hierarchy_builder **out,
                         struct fault *fault) MUST_USE;
enum err hierarchy_level(struct hierarchy_builder *builder, const struct str *names,
                         struct fault *fault) MUST_USE;
enum err hierarchy_finish(struct hierarchy_builder *builder, struct hierarchy *out,
                          struct fault *fault) MUST_USE;

// The text form, ARX's: a line a leaf, leaf;level 1;…;* ("quotes" around a name that holds ; or ").
// ERR_INPUT "hierarchy.uneven", "hierarchy.not_text", "hierarchy.unclosed_quote" (row: the line).
enum err hierarchy_read(struct arena *arena, struct str text, struct hierarchy *out,
                        struct fault *fault) MUST_USE;
void hierarchy_write(struct buf *out, const struct hierarchy *hierarchy);

// What a recipe says of a hierarchy in one word: a kind and its steps, "age", "age,10,20,40",
// "number,1000,10000", "date,month,year,decade", "prefix,4,2", "region", "flat".
enum { HIERARCHY_STEPS = LIMIT_HIERARCHY_LEVELS - 3 };
struct hierarchy_rule {
    enum hierarchy_kind kind;
    uint32_t step_count;           // 0: the kind's own
    double steps[HIERARCHY_STEPS]; // widths, each a multiple of the one before; characters of a
                                   // prefix, falling; enum date_step, rising
};
enum date_step { DATE_DAY, DATE_MONTH, DATE_QUARTER, DATE_YEAR, DATE_DECADE, DATE_STEP_COUNT };
const char *date_step_name(enum date_step step); // "day", "month", …
// ERR_INPUT "hierarchy.unknown_kind", "hierarchy.bad_step" (detail: the word).
enum err hierarchy_rule_read(const struct str *words, uint32_t count, struct hierarchy_rule *out,
                             struct fault *fault) MUST_USE;
void hierarchy_rule_write(struct buf *out, const struct hierarchy_rule *rule);
// What fits the values best. `name` is the column's. Never fails: what is nothing else is flat.
struct hierarchy_rule hierarchy_guess(struct str name, enum column_type type,
                                      const struct str *values, uint32_t count);
// The hierarchy over these values (each once; a missing one is ""). leaf_of[i] becomes the leaf of
// values[i]: leaves stand in the order of what they mean.
enum err hierarchy_make(struct arena *arena, const struct hierarchy_rule *rule,
                        const struct str *values, uint32_t count, uint32_t *leaf_of,
                        struct hierarchy *out, struct fault *fault) MUST_USE;
// For a hierarchy that was read: finds each value's leaf; a missing value gets one if it has none
// (`out` may then be a new tree). ERR_INPUT "hierarchy.no_such_value" (row: the value, from 1).
enum err hierarchy_match(struct arena *arena, const struct hierarchy *hierarchy,
                         const struct str *values, uint32_t count, uint32_t *leaf_of,
                         struct hierarchy *out, struct fault *fault) MUST_USE;

// ---- coded tables -------------------------------------------------------------------------------

struct quasi {
    const uint32_t *codes; // (rows): leaves
    const struct hierarchy *hierarchy;
};
struct sensitive {
    const uint32_t *codes; // (rows): 0 … value_count - 1, in order where `ordered`
    uint32_t value_count;
    bool ordered; // t by how far values lie apart, else every two differ alike
};
struct coded_table {
    uint64_t rows; // up to 2^32 - 1
    uint32_t quasi_count, sensitive_count;
    struct quasi quasi[LIMIT_QUASI];
    struct sensitive sensitive[LIMIT_SENSITIVE];
};

// ---- recoding -----------------------------------------------------------------------------------

struct anonymity_goal {
    uint32_t k;           // rows a class has at least; 1: no bound
    uint32_t l;           // different sensitive values a class has at least; 0, 1: no bound
    bool l_entropy;       // l counts as 2^entropy instead
    double t;             // how far a class's sensitive values may lie from all; >= 1: no bound
    double suppress_most; // share of the rows that may be dropped
};
// How. LOCAL gives most: each class has levels of its own, and rows of values too rare to stand
// alone are gathered in remainder groups, so whoever knows the algorithm can rule out values there.
// STRICT has no remainder groups: every class holds all rows of what it says. OPTIMAL has one level
// for each column, the best of all such choices, proven.
enum recode_mode { RECODE_LOCAL, RECODE_STRICT, RECODE_OPTIMAL, RECODE_MODE_COUNT };
const char *recode_mode_name(enum recode_mode mode); // "local", "strict", "optimal"

enum { LEVEL_SUPPRESSED = 0xFF };
struct recoding {
    uint8_t *levels; // (rows, quasi_count); all LEVEL_SUPPRESSED in a dropped row
    uint64_t rows, suppressed;
    uint32_t quasi_count;
    double loss; // OPTIMAL: ARX's geometric loss; else the mean of hierarchy_loss over all cells
    uint8_t chosen[LIMIT_QUASI];    // OPTIMAL: the levels
    uint64_t checked, combinations; // OPTIMAL: how many were looked at, of how many
    bool proven;                    // OPTIMAL: nothing better exists
};
// `pool` NULL: one thread. Memory: 4 bytes a cell and 1 byte a cell of output beside the codes.
// ERR_INPUT "anonymity.too_few_rows" (than k), "anonymity.never_diverse" (all rows together do not
// reach l or t), "anonymity.no_quasi", ERR_LIMIT "anonymity.too_many_rows", ERR_CANCELLED,
// ERR_MEMORY.
enum err recode(const struct coded_table *table, const struct anonymity_goal *goal,
                enum recode_mode mode, struct pool *pool, struct progress *progress,
                struct recoding *out, struct fault *fault) MUST_USE;
void recoding_close(struct recoding *recoding);

// ---- coding -------------------------------------------------------------------------------------

enum {
    // Codes of one table, over all its coded columns: 1 GiB; recoding takes as much again.
    LIMIT_CODED_CELLS = 1 << 28,
};
// One column's cells as numbers in the order of their first appearance; a missing cell is the value
// "". Holds 4 bytes a row and each different value once. One thread at a time.
struct coder;
enum err coder_open(struct coder **out) MUST_USE;
void coder_close(struct coder *coder); // NULL is fine
// Rows whose `gone` is not 0 are left out (gone NULL: none). ERR_LIMIT beyond
// LIMIT_HIERARCHY_LEAVES values; ERR_MEMORY.
enum err coder_add(struct coder *coder, const struct column *column, uint32_t row_count,
                   const uint32_t *gone) MUST_USE;
uint64_t coder_rows(const struct coder *coder);
const uint32_t *coder_codes(const struct coder *coder); // until the next add
const struct str *coder_values(const struct coder *coder, uint32_t *count);
// Numbers the values anew: code c becomes leaf_of[c]. The values keep their places.
void coder_renumber(struct coder *coder, const uint32_t *leaf_of);
// Numbers the values by their order, in which coder_values gives them from now on: numbers by size,
// other text by its bytes; a missing one last. Nothing is added afterwards.
// True if all but the missing one are numbers or dates: then the order means something.
enum err coder_sort(struct coder *coder, bool *ordered) MUST_USE;
// Several at once: those opened are closed by coders_close, also after a failure.
enum err coders_open(struct coder **coders, uint32_t count) MUST_USE;
void coders_close(struct coder **coders, uint32_t count);
// Codes the columns at `places` of the first row_limit rows (0: all) of a table file. ERR_LIMIT
// "anonymity.too_many_values" (detail: the column), "anonymity.too_many_cells".
enum err coders_fill(struct table *table, const uint32_t *places, struct coder **coders,
                     uint32_t count, uint64_t row_limit, struct fault *fault) MUST_USE;

// ---- risk ---------------------------------------------------------------------------------------

enum { RISK_SIZES = 40 };
// What someone who knows a person's quasi-identifiers, and that the person is in the table (the
// prosecutor's view), can learn.
struct risk {
    uint64_t rows, classes, k, uniques;
    double highest, mean;         // 1/size of the smallest class; mean of 1/size over rows
    double threshold, share_over; // share of the rows whose 1/size is over the threshold
    // Rows by size of their class: sizes 1 to 20 by themselves, then by steps that grow; from size
    // sizes[i] up to the next.
    struct {
        uint64_t size, rows;
    } sizes[RISK_SIZES];
    uint32_t size_count, sensitive_count;
    struct {
        uint64_t distinct; // least of all classes
        double entropy;    // least effective number of values, 2^entropy
        double distance;   // farthest of all classes from the whole
    } sensitive[LIMIT_SENSITIVE];
};
// Of the table as it is (recoding NULL) or as it was recoded; suppressed rows are not there.
enum err risk_measure(const struct coded_table *table, const struct recoding *recoding,
                      double threshold, struct risk *out) MUST_USE;
// As {"rows","quasi","sensitive","classes","k","uniques","highest","mean","share_over_threshold",
// "threshold","k_histogram":[{"size","rows"}],"l":[{"column","distinct","entropy"}],
// "t":[{"column","distance"}]}.
struct risk_names {
    const struct str *quasi, *sensitive;
    uint32_t quasi_count, sensitive_count;
};
void risk_write(struct json_writer *out, const struct risk *risk, const struct risk_names *names);
// Of a table file, its columns by place. Values are taken as they stand.
// ERR_LIMIT "anonymity.too_many_values" (detail: the column), "anonymity.too_many_cells".
enum err risk_of_table(const char *table_path, const uint32_t *quasi, uint32_t quasi_count,
                       const uint32_t *sensitive, uint32_t sensitive_count, double threshold,
                       struct risk *out, struct fault *fault) MUST_USE;

// What is left of a table's use. Granularity: 1 - hierarchy_loss, the mean over cells (a suppressed
// row has none); entropy in bits of a column's values.
struct utility {
    double granularity;
    uint64_t suppressed;
    uint32_t column_count;
    struct {
        double granularity, entropy_before, entropy_after;
    } columns[LIMIT_QUASI];
};
enum err utility_measure(const struct coded_table *table, const struct recoding *recoding,
                         struct utility *out) MUST_USE;
// {"granularity","columns":[{"name","granularity","entropy_before","entropy_after"}],
//  "suppressed_rows"}
void utility_write(struct json_writer *out, const struct utility *utility, const struct str *names);

// ---- noise --------------------------------------------------------------------------------------

// Random bits for noise. NOISE_BOX draws from the kernel: not to be repeated, by anyone. NOISE_KEY
// expands a key and a label: whoever holds the key can repeat (and take away) the noise.
struct noise {
    bool keyed;
    struct hmac_key key;
    uint64_t counter;
    uint8_t bytes[32];
    uint32_t left;
};
void noise_from_box(struct noise *out);
void noise_from_key(struct noise *out, const struct hash *key, struct str label);
// A whole number from the discrete Laplace distribution: P(x) ~ exp(-epsilon·|x|) with
// epsilon = numerator/denominator, sampled exactly, without floating point.
// Source: Canonne, Kamath, Steinke 2020, "The discrete Gaussian for differential privacy", alg. 2.
int64_t noise_laplace(struct noise *noise, uint32_t numerator, uint32_t denominator);
// Adds such noise to every count (one row changes one count by one: sensitivity 1, or 2 where a row
// may change from one count to another), then takes what is below 0 as 0.
void noise_counts(struct noise *noise, uint32_t numerator, uint32_t denominator, int64_t *counts,
                  uint64_t count);
// Makes counts that are not negative add up to `total` (already noisy): the nearest such counts in
// the least-squares sense, rounded so that the sum stays. Post-processing: costs no epsilon.
void noise_consistent(int64_t *counts, uint64_t count, int64_t total);
