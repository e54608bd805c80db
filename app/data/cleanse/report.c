#include "data/cleanse/report_private.h"

#include <math.h>

#include "base/version.h"
#include "data/cleanse/further_private.h"
#include "data/cleanse/wording_private.h"
#include "data/language/language.h"

static void write_reasons(struct json_writer *out, const struct bound *bound,
                          const struct tally *tally) {
    json_put_name(out, "reasons");
    json_open_array(out);
    for (uint32_t i = 0; i < bound->reason_count; i++) {
        if (tally->reasons[i] == 0) continue;
        json_open_object(out);
        json_set_text(out, "code", str_of(bound->reasons[i].code));
        if (bound->reasons[i].column.size) {
            json_set_text(out, "column", bound->reasons[i].column);
        }
        json_set_u64(out, "count", tally->reasons[i]);
        json_close_object(out);
    }
    json_close_array(out);
}

static void write_operators(struct json_writer *out, const struct run *run) {
    json_put_name(out, "operators");
    json_open_array(out);
    for (uint32_t step = 0; step < run->bound.step_count; step++) {
        const struct bound *bound = &run->bound.steps[step];
        const struct tally *tally = &run->totals[step];
        if (bound->operator->line_only) continue;
        double seconds = (double)(tally->time_us + run->observe_us[step]) / 1e6;
        json_open_object(out);
        json_set_u64(out, "line", bound->line->number);
        json_set_text(out, "name", str_of(bound->operator->name));
        json_set_u64(out, "rows_in", tally->rows_in);
        json_set_u64(out, "rows_out", tally->rows_out);
        json_set_u64(out, "cells_changed", tally->cells_changed);
        write_reasons(out, bound, tally);
        if (bound->operator->report) {
            json_put_name(out, "detail");
            json_open_object(out);
            bound->operator->report(bound, out);
            json_close_object(out);
        }
        json_set_number(out, "seconds", seconds);
        json_set_number(out, "mb_per_s", seconds > 0 ? (double)tally->bytes_in / 1e6 / seconds : 0);
        json_close_object(out);
    }
    json_close_array(out);
}

static void write_kinds(struct json_writer *out, const char *name,
                        const struct personal_counts *columns, uint32_t count) {
    json_put_name(out, name);
    json_open_object(out);
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
        uint64_t cells = 0;
        for (uint32_t i = 0; i < count; i++) cells += columns[i].cells[kind];
        if (cells) json_set_u64(out, personal_kind_name((enum personal_kind)kind), cells);
    }
    json_close_object(out);
}

static void write_personal(struct json_writer *out, const struct report *report) {
    uint32_t count = report->run->bound.after.count;
    uint64_t checked = 0;
    for (uint32_t i = 0; i < count; i++) {
        for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
            bool counts = PERSONAL_CHECKED & PERSONAL_BIT(kind);
            if (counts) checked += report->remaining[i].cells[kind];
        }
    }
    json_put_name(out, "personal");
    json_open_object(out);
    write_kinds(out, "found", report->found, count);
    write_kinds(out, "remaining", report->remaining, count);
    json_set_u64(out, "checksum_remaining", checked);
    json_close_object(out);
}

static void write_file(struct json_writer *out, const struct cleanse_input *file) {
    char hex[SHA256_HEX_SIZE];
    hash_hex(&file->hash, hex);
    json_open_object(out);
    if (file->name.size) json_set_text(out, "name", file->name);
    json_set_text(out, "hash", str_of(hex));
    json_set_u64(out, "bytes", file->bytes);
    json_set_u64(out, "rows", file->rows);
    json_close_object(out);
}

static void write_files(struct json_writer *out, const struct report *report) {
    const struct cleanse_options *options = &report->run->options;
    bool named = options->input_count > 0;
    const struct cleanse_input *inputs = named ? options->inputs : &report->input;
    json_put_name(out, "inputs");
    json_open_array(out);
    for (uint32_t i = 0; i < (named ? options->input_count : 1); i++) write_file(out, &inputs[i]);
    json_close_array(out);
    json_put_name(out, "output");
    write_file(out, &report->output);
}

static uint64_t cells_of(const struct personal_counts *counts) {
    uint64_t cells = 0;
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) cells += counts->cells[kind];
    return cells;
}

static void write_columns(struct json_writer *out, const struct report *report) {
    const struct plan *plan = &report->run->bound.after;
    json_put_name(out, "columns");
    json_open_array(out);
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct plan_column *column = &plan->columns[i];
        json_open_object(out);
        json_set_text(out, "name", column->name);
        json_set_text(out, "type", str_of(column_type_name(column->type)));
        json_set_text(out, "role", str_of(column_role_name(column->role)));
        json_set_text(out, "treatment", str_of(treatment_name(column->treatment)));
        if (column->removed_why) json_set_text(out, "reason", str_of(column->removed_why));
        json_set_u64(out, "personal_found", cells_of(&report->found[i]));
        json_set_u64(out, "personal_remaining", cells_of(&report->remaining[i]));
        json_close_object(out);
    }
    json_close_array(out);
}

// The recipe's `source` line: where the data comes from, under which licence and legal basis.
static void write_source(struct json_writer *out, const struct recipe *recipe) {
    for (uint32_t i = 0; i < recipe->line_count; i++) {
        const struct line *line = &recipe->lines[i];
        if (!str_is(line->words[0].heads[0].text, "source")) continue;
        json_put_name(out, "source");
        json_open_object(out);
        for (uint32_t k = 1; k < line->word_count; k++) {
            const struct word *word = &line->words[k];
            bool named = word->sign == SIGN_NONE;
            json_put_name_str(out, named ? STR("name") : word->heads[0].text);
            json_put_text(out, named ? word->heads[0].text : word->values[0].text);
        }
        json_close_object(out);
        return;
    }
}

// What the output may be called. Nobody has looked through its text yet.
static void write_wording(struct json_writer *out, const struct report *report) {
    const struct run *run = report->run;
    struct wording_facts facts = {.key_forgotten = run->options.key_forgotten,
                                  .risk_highest = NAN,
                                  .risk_threshold = report->risk.threshold};
    if (report->measured) facts.risk_highest = report->risk.highest;
    if (run_shaper(run)) facts.risk_highest = 0; // noisy counts: no row is a person
    for (uint32_t i = 0; i < run->bound.after.count; i++) {
        if (run->bound.after.columns[i].removed) continue;
        facts.personal_left += cells_of(&report->remaining[i]);
    }
    struct wording wording = wording_of(&run->bound, &facts);
    json_set_text(out, "wording", str_of(wording.name));
    json_put_name(out, "wording_reasons");
    json_open_array(out);
    for (uint32_t i = 0; i < wording.reason_count; i++) {
        json_put_text(out, str_of(wording.reasons[i]));
    }
    json_close_array(out);
}

static void write_dictionary(struct json_writer *out, const char *name, struct str bytes) {
    char hex[SHA256_HEX_SIZE];
    struct hash hash = sha256_of(bytes.data, bytes.size);
    hash_hex(&hash, hex);
    json_open_object(out);
    json_set_text(out, "name", str_of(name));
    json_set_text(out, "version", STR(COURTYARD_VERSION));
    json_set_text(out, "hash", str_of(hex));
    json_close_object(out);
}

// Those the program carries, then those that a line of the recipe names.
static void write_dictionaries(struct json_writer *out, const struct run *run) {
    json_put_name(out, "dictionaries");
    json_open_array(out);
    write_dictionary(out, "tagger", detect_weights());
    write_dictionary(out, "opencc", chinese_dictionaries());
    for (uint32_t step = 0; step < run->bound.step_count; step++) {
        const struct bound *bound = &run->bound.steps[step];
        if (bound->operator->dictionaries) bound->operator->dictionaries(bound, out);
    }
    json_close_array(out);
}

static void write_rules(struct json_writer *out, const struct run *run) {
    char hex[SHA256_HEX_SIZE];
    struct hash hash = rules_hash(run->rules);
    hash_hex(&hash, hex);
    json_put_name(out, "rules");
    json_open_object(out);
    json_set_text(out, "version", rules_version(run->rules));
    json_set_text(out, "hash", str_of(hex));
    json_set_text(out, "detect", STR(DETECT_RULES));
    json_close_object(out);
}

// What operators add to the report itself; of several lines of one operator the first does.
static void write_members(struct json_writer *out, const struct run *run) {
    for (uint32_t step = 0; step < run->bound.step_count; step++) {
        const struct bound *bound = &run->bound.steps[step];
        bool first = true;
        for (uint32_t i = 0; i < step; i++) {
            first &= run->bound.steps[i].operator!= bound->operator;
        }
        if (first && bound->operator->members) bound->operator->members(bound, out);
    }
}

void report_write(const struct report *report, struct buf *out) {
    const struct run *run = report->run;
    struct json_writer writer = json_writer_of(out);
    char hex[SHA256_HEX_SIZE];
    hash_hex(&report->recipe->hash, hex);
    json_open_object(&writer);
    json_set_text(&writer, "recipe_hash", str_of(hex));
    json_set_text(&writer, "recipe", report->recipe->text);
    write_source(&writer, report->recipe);
    write_files(&writer, report);
    json_set_u64(&writer, "input_rows", run->rows_in);
    json_set_u64(&writer, "output_rows", run->rows_out);
    write_operators(&writer, run);
    write_personal(&writer, report);
    write_columns(&writer, report);
    write_wording(&writer, report);
    json_set_text(&writer, "program", STR("courtyard " COURTYARD_VERSION));
    write_dictionaries(&writer, run);
    write_rules(&writer, run);
    report_risk_write(report, &writer);
    write_members(&writer, run);
    further_report(run->options.further, &writer);
    json_close_object(&writer);
}
