// Check and cleanse: what is in a table, where personal data hides, and a recipe that changes it.
// Depends on base/, data/table.h and the modules of the data wing. Same input, recipe and key give
// the same bytes on any number of threads.
#pragma once

#include "base/crypto.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/thread.h"
#include "data/detect/detect.h"
#include "data/table.h"

// ---- check ---------------------------------------------------------------------------------
// Profile of a table as JSON:
// {"rows", "columns":[{"name","type","role","role_proposed","missing","distinct","distinct_exact",
//   "minimum","maximum","mean","deviation","quantiles":[q00,q05,q25,q50,q75,q95,q100],
//   "histogram":{"edges":[…],"counts":[…]}, "top":[{"value","count"}], "examples":[…],
//   "length_minimum","length_maximum",
//   "personal":[{"kind","cells","share","where":"whole"|"inside","confidence":1..100,
//     "examples":["138****5678",…] (masked, three at most)}]}],
//  "duplicates":{"rows","exact"}}
// "minimum" to "histogram" stand only in number-like columns that have values ("quantiles_exact"
// beside them), lengths only in text ("length_mean" too). Numbers for number-like columns, dates as
// ISO text. Quantiles and distinct are exact up to a
// bound of memory, then by sketch ("distinct_exact": false). "top" and "examples" hold real values:
// whoever shows them hides them by default.
enum err check_run(const char *table_path, const char *profile_path, uint32_t threads,
                   struct progress *progress, struct fault *fault) MUST_USE;

// One piece of personal data as it may be shown: 138****5678. What a check shows as an example.
void personal_mask(enum personal_kind kind, struct str text, struct buf *out);
// The word that stands for a kind where nothing of it may be shown: [手机号].
void personal_word(enum personal_kind kind, struct buf *out);

// ---- recipe --------------------------------------------------------------------------------
// Plain text, one line an operator (see DESIGN.md and the operators' own table):
//   recipe 1
//   source  his-2026q3 licence=internal basis=IRB-17
//   field   direct=name,id quasi=birth,sex sensitive=diagnosis text=complaint
//   decode  auto mojibake width                (auto: control trim; columns=… else all text)
//   html    body,note                          (or html text, or all text)
//   normalise text width punct space lines nfc compat circled quotes repeats control
//             simplified|traditional region=standard|tw|hk
//                                              (no flag: control width space lines nfc)
//   check   age:0..130 id_number:id day:1990-01-01.. sex:男|女 action=report|missing|drop
//   drop    columns=note missing>.5 empty      (columns; columns by share; rows without a value)
//   drop    missing=diagnosis,day              (rows that lack one of them)
//   dedup   exact by=patient,day
//   mask    id_number,mobile how=mask|pseudonym|replace|encrypt|remove scope=dataset|project
//   mask    text=complaint kinds=id,mobile,card,email how=replace          (inside; text=*)
//   mask    id,name,mrn="MRN\d{8,10}" how=pseudonym    (kinds and patterns: inside all free text)
//   date    birth coarsen=year|quarter|month|week|decade oldest=89 at=2026-01-01
//   date    shift per=patient window=180 text=note     (every date of a person by the same days)
//   kanon   k=20 l=3 diversity=distinct|entropy t=.3 suppress<=.02 mode=local|strict|optimal
//           age:age|10|20 county:region born:date|month|year group:file|groups.csv
//   noise   by=county,diagnosis epsilon=1 rows=1 source=box|key as=count sex:male|female
//           (counts in the place of the rows: nothing that works on the table may follow)
// '#' begins a comment. A column name with spaces or signs stands in "quotes" (\" \\ \n \t in it);
// the signs of a Chinese keyboard count as theirs. A direct column that was masked becomes quasi,
// one with pseudonyms or replaced plain: what is direct in the output was not treated. ERR_INPUT
// faults carry the line as row and the character as column: "recipe.unknown_operator" and
// "recipe.unknown_column" (detail: the nearest name), "recipe.no_such_operator" and
// "recipe.no_such_column" where none is near (detail: the name), "recipe.bad_option", …
struct recipe;
// All faults of the text are given to tell(), the first one in *fault. `schema` NULL: no columns
// are checked. *out: recipe_close.
enum err recipe_parse(struct str text, const struct schema *schema,
                      void (*tell)(void *ctx, const struct fault *fault), void *ctx,
                      struct recipe **out, struct fault *fault) MUST_USE;
void recipe_close(struct recipe *recipe);
struct hash recipe_hash(const struct recipe *recipe); // of its canonical text
// Names of the projects whose keys the recipe needs (scope=project project=NAME; "default" without
// a name), each once; returns their number, at most `room` are stored. They live as long as it.
uint32_t recipe_projects(const struct recipe *recipe, struct str *names, uint32_t room);
// Whether a line makes this further file: "sampling.csv", "sampling_technical.csv" (`sample`),
// "words.csv" (`words action=flag`), "bundle.tar" (`pack`).
bool recipe_makes(const struct recipe *recipe, const char *file);
// Whether any line works with a key: pseudonyms, sealed values, shifted dates, noise source=key.
bool recipe_keyed(const struct recipe *recipe);
// Of the privacy budget (epsilon) what running it spends; 0 without a line noise. And how much of
// it all runs on a dataset may spend together, by the rule file (NULL: the program's own).
double recipe_epsilon(const struct recipe *recipe);
enum err cleanse_epsilon_most(const char *rules_path, double *out, struct fault *fault) MUST_USE;
// What a line `pack` asks for once the table is done; false without one. Lives as long as the
// recipe.
enum pack_format { PACK_CSV, PACK_JSON_LINES, PACK_TABLE };
struct pack {
    enum pack_format format;
    struct str name;     // of the bundle; may be empty
    bool recipe, report; // go along with the data
};
bool recipe_pack(const struct recipe *recipe, struct pack *out);
// A recipe proposed for a profile, for what the data is wanted: clinical research keeps people
// apart by pseudonyms and shifts their dates, statistics removes and coarsens, a corpus of a
// language model is repaired, sifted and masked inside its text, custom treats only what must be.
// Every line is one that the operators take for the profile's columns.
enum recipe_preset {
    PRESET_CUSTOM,
    PRESET_CLINICAL,
    PRESET_STATISTICS,
    PRESET_CORPUS,
    PRESET_COUNT
};
bool recipe_preset_from_name(struct str name, enum recipe_preset *out);
// [{"name","text_key","hint_key"}], in the order in which a page offers them.
void recipe_presets_write(struct json_writer *out);
enum err recipe_propose(const struct json *profile, enum recipe_preset preset, struct buf *out,
                        struct fault *fault) MUST_USE;
// The operators for a page's editor: [{"name","summary_key","example",
//   "options":[{"name","summary_key","columns":bool,"values":[…]}],
//   "bare":{"columns":bool,"values":[…]}}]: what words without a sign are.
void recipe_operators_write(struct json_writer *out);

// ---- cleanse -------------------------------------------------------------------------------
// A file the rows came from, as the report names it.
struct cleanse_input {
    struct str name;
    struct hash hash;
    uint64_t bytes, rows;
};
struct project_key {
    struct str name;
    struct hash key;
};
struct cleanse_options {
    struct hash key; // of the dataset: its pseudonyms, what it seals, its shifts
    // Of the projects that recipe_projects names; none: `key` is theirs too.
    const struct project_key *projects;
    uint32_t project_count;
    bool key_forgotten;   // nobody keeps these keys: what is said of the output depends on it
    double epsilon_spent; // by earlier tables of noisy counts of the same dataset
    uint32_t threads;
    uint64_t row_limit; // 0: all rows; else a preview of the first rows
    const struct cleanse_input *inputs;
    uint32_t input_count;     // 0: the table itself is named
    const char *rules_path;   // the site's rule file; NULL: the program's own
    const char *words_folder; // where files that a recipe names lie (keywords); NULL: nowhere
    // Where operators put further files ("sampling.csv") and scratch; NULL: nowhere, as in a
    // preview. cleanse_run takes the output's own folder.
    const char *folder;
    // For the operators; set by the run.
    const struct rules *rules;
    struct further *further; // the files they write
    struct hash recipe;
    struct fault *fault; // what is wrong, if it is more than memory
    struct progress *progress;
};
// Runs the recipe over a table into a new one and writes the report as JSON:
// {"recipe_hash","recipe" (its text),"inputs":[{"name","hash","bytes","rows"}],
//  "input_rows","output_rows","output":{"hash","bytes","rows"},
//  "operators":[{"line","name","rows_in","rows_out",
//   "cells_changed","reasons":[{"code","column"?,"count"}],"detail"?,"seconds","mb_per_s"}],
//  "personal":{"found":{kind: cells}, "remaining":{kind: cells},   (re-scan of the output)
//    "checksum_remaining": cells of kinds with a check digit},
//  "columns":[{"name","type","role","treatment","reason"?,"personal_found","personal_remaining"}],
//  "source"?, "wording":"deidentified"|"anonymised", "wording_reasons":[code…], "program",
//  "dictionaries":[{"name","version","hash"}], "rules":{"version","hash","detect"}, "risk" (of the
//  output, or null), "risk_fault"?, and what operators add: "sources", "sampling", "utility",
//  "budget":{"epsilon","before","total","most"} (of a line noise),
//  "files":[{"name","hash","bytes","rows"}] (sampling.csv, sampling_technical.csv, words.csv)}
// A reason's code is the key of its message; treatments: none, text_masked, coarsened,
// shifted, masked, replaced, pseudonym, encrypted, removed ("treatment.NAME").
// Seconds stay out of the bytes that are hashed. Never leaves a half-written table.
enum err cleanse_run(const char *table_path, const struct recipe *recipe,
                     const struct cleanse_options *options, const char *output_path,
                     const char *report_path, struct progress *progress,
                     struct fault *fault) MUST_USE;
// Before and after side by side for the first rows (at most 1000), as JSON: {"columns":[{"name",
// "type","type_after","role","treatment","removed"}], "rows":[{"before":[…],"after":[…]}|
// {"before":[…],"after":null,"reason":code,"line"}]}; both rows have all columns of the input,
// those that are removed are null. "lines" beside "after" says for each cell the last line that
// changed it, 0 if none (not for very wide tables). Nothing is written to disk. Lines that need the
// whole table see its first 100,000 rows. Where a line makes rows of its own: "counts":{"columns":
// [{"name","type"}], "rows":[…] (1000 at most), "total", "rows_seen", and its members, "budget"};
// their noise is drawn for the preview alone, always the same, and spends nothing.
enum err cleanse_preview(const char *table_path, const struct recipe *recipe,
                         const struct cleanse_options *options, uint32_t rows, struct buf *out,
                         struct fault *fault) MUST_USE;

// ---- the way back ------------------------------------------------------------------------------
// What `mask how=encrypt` sealed, opened again with the same key: exactly what was there, columns
// with their types, and what stands inside text. Sealed by another key it stays as it is.
enum { SEAL_MARK_BYTES = 4 };
struct unmask_counts {
    uint64_t opened, foreign;
    uint8_t foreign_mark[SEAL_MARK_BYTES]; // of the last one that another key sealed
};
// Writes a new table. ERR_INPUT "table.not_a_table", …; never leaves a half-written one.
enum err unmask_run(const char *table_path, const struct hash *key, const char *output_path,
                    struct unmask_counts *counts, struct progress *progress,
                    struct fault *fault) MUST_USE;
// Appends the text with all that the key opens; adds to *counts. ERR_LIMIT, ERR_MEMORY.
enum err unmask_text(const struct hash *key, struct str text, struct buf *out,
                     struct unmask_counts *counts) MUST_USE;
// The same with the key that find() has for each sealed value's mark; it fills *key and returns
// true, or false: the value stays sealed. Values within values are not opened: one layer at a time.
enum err unmask_text_by(struct str text,
                        bool (*find)(void *ctx, const uint8_t mark[static SEAL_MARK_BYTES],
                                     struct hash *key),
                        void *ctx, struct buf *out, struct unmask_counts *counts) MUST_USE;
// What every sealed value carries of its key, so that one can tell which it was.
void key_mark(const struct hash *key, uint8_t out[static SEAL_MARK_BYTES]);
