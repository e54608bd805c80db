// Templates: one JSON text for each pilot, carried in the program (templates/*.json). A template
// says in a field's own words what its data looks like, how it is treated, what learns from it and
// how the result is judged; it is data alone. Depends on base/. A template is read once and never
// changes: any thread may look at it.
//
// {"id":"medical-diabetes", "field":"medical"|"drug"|"finance"|"transport"|"urban",
//  "title","summary","needs","row","purpose","limits": each {"zh-CN","en"},
//  "columns":[{"name":"glucose", "title":{…}, "unit"?, "names":["血糖","plasma glucose",…],
//    "type":"number", "needed":true, "use":"feature"|"target"|"event"|"group"|"time"|"judge"|
//    "identify"|"later",
//    "many"?:true,                  all numbers that are left, where no column is called so
//    "low"?,"high"?,
//    "values"?:[{"value":"1","title":{…},"names":["yes","是"]}]}],
//  "graph"?:{"title","explain"},       a second file may tell which series are neighbours
//  "layouts":[["pregnancies",…]],      known files without a header, by position
//  "positive"?:"1",                    of the outcome's values, the one to be found
//  "recipe":["check @glucose:1..600 action=missing",…],
//  "train":{…},                        the body of a training: @glucose stands for the column
//  "judge":{"headline":"auc","metrics":[{"name":"auc","title","explain","good":.9,"fair":.8,
//    "higher":true}]},
//  "result":["verdict","metrics","calibration",…],   sections of the page, in their order
//  "demonstration":{"kind":"package","package","file","header":true,"columns":[…],"positive"?,
//    "source":{…},"licence","synthetic"?:{…}} | {"kind":"synthetic",…}}   as synthetic.h
// "@NAME" in a recipe or in "train" is the column of the data that plays this part; a recipe's
// line, a member or an item whose column the data lacks is left out, an item that is an object as
// a whole. "@NAME:scaffold" is what is made of the column; {"any":[…]} the first of several that
// the data has whole.
#pragma once

#include "base/fault.h"
#include "base/json.h"
#include "base/memory.h"

enum { TEMPLATES_MAX = 64, TEMPLATE_COLUMNS_MAX = 256 };

enum template_use {
    USE_FEATURE,
    USE_TARGET,
    USE_GROUP,    // rows of one of them are never on both sides of a split
    USE_TIME,     // rows are split by it
    USE_JUDGE,    // errors are told by it, nothing is learned from it
    USE_IDENTIFY, // names a person: taken away by the recipe
    USE_EVENT,    // of survival: whether it was seen; the target is then a time
    USE_LATER,    // known only after what is to be predicted: taken away by the recipe
    USE_COUNT
};
const char *template_use_name(enum template_use use);

struct template_column {
    struct str name;
    struct str type; // "number", "text", … as columns of a table have them
    enum template_use use;
    bool needed;
    bool many;        // may be all columns of numbers that are left, each a series of its own
    double low, high; // values outside are none of this column's; NaN: no bound
    const struct json *node;
};
struct template {
    struct str id, field;
    const struct json *node; // the whole
    struct template_column *columns;
    uint32_t column_count;
    uint32_t target;     // index of its column
    uint32_t outcome;    // whose values say what happened: the event's column, else the target
    struct str positive; // "": none
    bool dated;          // the target is made out of two dates: its values stand in no file
};

// All of the program's, checked. ERR_INPUT "pilot.bad_template" (detail: which, and what in it).
struct templates;
enum err templates_open(struct templates **out, struct fault *fault) MUST_USE;
void templates_close(struct templates *templates);
uint32_t templates_count(const struct templates *templates);
const struct template *templates_at(const struct templates *templates, uint32_t index);
const struct template *template_find(const struct templates *templates, struct str id); // or NULL
const struct template_column *template_column_find(const struct template *one, struct str name);

// One from its text; `root` is the parsed tree, which must outlive it (json_close).
enum err template_read(struct str text, struct arena *arena, struct json **root,
                       struct template *out, struct fault *fault) MUST_USE;

// Puts the data's columns in place of "@NAME". name_of() gives the column that plays the part, or
// STR_NONE where the data has none.
struct template_parts {
    struct str (*name_of)(void *ctx, struct str part);
    void *ctx;
};
// A line of a recipe; false (and nothing added) if the data lacks a column of it.
bool template_line(struct str line, const struct template_parts *parts, struct buf *out);
// A JSON value, as text; false (and nothing added) if it is "@NAME" of a column the data lacks.
bool template_value(const struct json *node, const struct template_parts *parts, struct buf *out);

// ---- which column is which ---------------------------------------------------------------------
enum match_why {
    MATCH_NONE,
    MATCH_NAME,     // called so, or by another name that is known
    MATCH_SIMILAR,  // called nearly so
    MATCH_POSITION, // a file without a header that has this layout
    MATCH_VALUES,   // its values are those of this column
    MATCH_WHY_COUNT
};
const char *match_why_name(enum match_why why); // "", "name", "similar", "position", "values"

struct match_source {
    const struct str *names; // (columns)
    uint32_t columns;
    const struct str *cells; // (rows, columns) a sample, as text; may be NULL
    uint32_t rows;
    bool header; // the names are the file's own
};
enum { MATCH_NOWHERE = -1, MATCH_REST = -2 };
struct match {
    int32_t from;      // the source's column; MATCH_NOWHERE; MATCH_REST: of a part of many columns
    double confidence; // 0..1
    enum match_why why;
    bool doubtful; // its values do not look like this column's
};
// out: (column_count) of the template. No column is given twice. A part of many columns gets the
// numbers that are left where no column is called so and none tells the rows' groups apart.
// ERR_MEMORY.
enum err template_match(const struct template *one, const struct match_source *source,
                        struct arena *arena, struct match *out) MUST_USE;
// The value of the outcome's column that stands for the template's positive one; STR_NONE: none
// was seen. Of a target made out of two dates the template's own.
struct str match_positive(const struct template *one, const struct match_source *source,
                          int32_t column);
// As names are compared: small letters, half width, nothing in brackets, no signs and spaces.
void match_fold(struct str name, struct buf *out);
