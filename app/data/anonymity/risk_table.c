// Risk of a table file, and risk and utility as JSON.
#include "data/anonymity/anonymity.h"

static void put_names(struct json_writer *out, const char *name, const struct str *names,
                      uint32_t count) {
    json_put_name(out, name);
    json_open_array(out);
    for (uint32_t i = 0; i < count; i++) json_put_text(out, names[i]);
    json_close_array(out);
}

static void put_sizes(struct json_writer *out, const struct risk *risk) {
    json_put_name(out, "k_histogram");
    json_open_array(out);
    for (uint32_t i = 0; i < risk->size_count; i++) {
        json_open_object(out);
        json_set_u64(out, "size", risk->sizes[i].size);
        json_set_u64(out, "rows", risk->sizes[i].rows);
        json_close_object(out);
    }
    json_close_array(out);
}

static void put_secrets(struct json_writer *out, const struct risk *risk,
                        const struct risk_names *names) {
    json_put_name(out, "l");
    json_open_array(out);
    for (uint32_t i = 0; i < risk->sensitive_count && i < names->sensitive_count; i++) {
        json_open_object(out);
        json_set_text(out, "column", names->sensitive[i]);
        json_set_u64(out, "distinct", risk->sensitive[i].distinct);
        json_set_number(out, "entropy", risk->sensitive[i].entropy);
        json_close_object(out);
    }
    json_close_array(out);
    json_put_name(out, "t");
    json_open_array(out);
    for (uint32_t i = 0; i < risk->sensitive_count && i < names->sensitive_count; i++) {
        json_open_object(out);
        json_set_text(out, "column", names->sensitive[i]);
        json_set_number(out, "distance", risk->sensitive[i].distance);
        json_close_object(out);
    }
    json_close_array(out);
}

void risk_write(struct json_writer *out, const struct risk *risk, const struct risk_names *names) {
    json_open_object(out);
    json_set_u64(out, "rows", risk->rows);
    put_names(out, "quasi", names->quasi, names->quasi_count);
    put_names(out, "sensitive", names->sensitive, names->sensitive_count);
    json_set_u64(out, "classes", risk->classes);
    json_set_u64(out, "k", risk->k);
    json_set_u64(out, "uniques", risk->uniques);
    json_set_number(out, "highest", risk->highest);
    json_set_number(out, "mean", risk->mean);
    json_set_number(out, "share_over_threshold", risk->share_over);
    json_set_number(out, "threshold", risk->threshold);
    put_sizes(out, risk);
    put_secrets(out, risk, names);
    json_close_object(out);
}

void utility_write(struct json_writer *out, const struct utility *utility,
                   const struct str *names) {
    json_open_object(out);
    json_set_number(out, "granularity", utility->granularity);
    json_put_name(out, "columns");
    json_open_array(out);
    for (uint32_t i = 0; i < utility->column_count; i++) {
        json_open_object(out);
        json_set_text(out, "name", names[i]);
        json_set_number(out, "granularity", utility->columns[i].granularity);
        json_set_number(out, "entropy_before", utility->columns[i].entropy_before);
        json_set_number(out, "entropy_after", utility->columns[i].entropy_after);
        json_close_object(out);
    }
    json_close_array(out);
    json_set_u64(out, "suppressed_rows", utility->suppressed);
    json_close_object(out);
}

// ---- table files --------------------------------------------------------------------------------

enum err coders_open(struct coder **coders, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        enum err err = coder_open(&coders[i]);
        if (err != OK) return err;
    }
    return OK;
}

void coders_close(struct coder **coders, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        coder_close(coders[i]);
        coders[i] = NULL;
    }
}

static enum err tell_coding(enum err err, struct str column, struct fault *fault) {
    if (err == ERR_LIMIT) {
        return fault_set(fault, err, "anonymity.too_many_values", column);
    }
    return err == OK ? OK : fault_set(fault, err, "base.no_memory", STR("anonymity"));
}

enum err coders_fill(struct table *table, const uint32_t *places, struct coder **coders,
                     uint32_t count, uint64_t row_limit, struct fault *fault) {
    uint64_t rows = table_rows(table);
    if (row_limit && row_limit < rows) rows = row_limit;
    if (rows * count > LIMIT_CODED_CELLS) {
        return fault_set(fault, ERR_LIMIT, "anonymity.too_many_cells", STR_NONE);
    }
    struct arena *arena;
    if (arena_open((size_t)1 << 30, &arena) != OK) {
        return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("anonymity"));
    }
    enum err err = OK;
    for (uint32_t index = 0; index < table_batches(table) && err == OK; index++) {
        struct batch batch;
        arena_reset(arena);
        err = table_batch(table, index, arena, &batch, fault);
        if (err != OK || batch.first_row >= rows) break;
        uint32_t here = batch.row_count;
        if (batch.first_row + here > rows) here = (uint32_t)(rows - batch.first_row);
        for (uint32_t i = 0; i < count && err == OK; i++) {
            err = coder_add(coders[i], &batch.columns[places[i]], here, NULL);
            err = tell_coding(err, table_schema(table)->fields[places[i]].name, fault);
        }
    }
    arena_close(arena);
    return err;
}

// Values as they stand are their own leaves: a tree of one level will do.
static enum err fill_table(struct coder **coders, uint32_t quasi_count, uint32_t sensitive_count,
                           struct coded_table *out) {
    *out = (struct coded_table){.rows = coder_rows(coders[0]),
                                .quasi_count = quasi_count,
                                .sensitive_count = sensitive_count};
    for (uint32_t i = 0; i < quasi_count; i++) out->quasi[i].codes = coder_codes(coders[i]);
    for (uint32_t i = 0; i < sensitive_count; i++) {
        struct sensitive *sensitive = &out->sensitive[i];
        enum err err = coder_sort(coders[quasi_count + i], &sensitive->ordered);
        if (err != OK) return err;
        sensitive->codes = coder_codes(coders[quasi_count + i]);
        (void)coder_values(coders[quasi_count + i], &sensitive->value_count);
    }
    return OK;
}

enum err risk_of_table(const char *table_path, const uint32_t *quasi, uint32_t quasi_count,
                       const uint32_t *sensitive, uint32_t sensitive_count, double threshold,
                       struct risk *out, struct fault *fault) {
    if (quasi_count == 0) return fault_set(fault, ERR_INPUT, "anonymity.no_quasi", STR_NONE);
    if (quasi_count > LIMIT_QUASI || sensitive_count > LIMIT_SENSITIVE) {
        return fault_set(fault, ERR_LIMIT, "anonymity.too_many_columns", STR_NONE);
    }
    struct table *table;
    enum err err = table_open(table_path, &table, fault);
    if (err != OK) return err;
    uint32_t places[LIMIT_QUASI + LIMIT_SENSITIVE], count = quasi_count + sensitive_count;
    for (uint32_t i = 0; i < quasi_count; i++) places[i] = quasi[i];
    for (uint32_t i = 0; i < sensitive_count; i++) places[quasi_count + i] = sensitive[i];
    struct coder *coders[LIMIT_QUASI + LIMIT_SENSITIVE] = {0};
    struct coded_table coded;
    err = coders_open(coders, count);
    if (err != OK) err = fault_set(fault, err, "base.no_memory", STR("anonymity"));
    if (err == OK) err = coders_fill(table, places, coders, count, 0, fault);
    if (err == OK) {
        err = fill_table(coders, quasi_count, sensitive_count, &coded);
        if (err == OK) err = risk_measure(&coded, NULL, threshold, out);
        if (err != OK) err = fault_set(fault, err, "base.no_memory", STR("anonymity"));
    }
    coders_close(coders, count);
    table_close(table);
    return err;
}
