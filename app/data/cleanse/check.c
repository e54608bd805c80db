// The profile of a table in one pass: waves of batches are loaded and scanned for personal data in
// parallel by batch, then each column takes them in order, in parallel by column; so no result
// depends on the number of threads. Then the few values that are shown are read from the table
// again.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/cleanse/fingerprint_private.h"
#include "data/cleanse/profile_private.h"

enum {
    WAVE_BATCHES = 16,
    WAVE_ARENA_BYTES = 64 << 20, // what table_batch takes of one batch
    // Different rows that are remembered one by one; beyond, a sample of them. 24 to 48 bytes each.
    DUPLICATES_MOST = 2 << 20,
};

struct check_batch {
    struct arena *arena;
    struct batch batch;
    uint64_t *row_hashes;             // (LIMIT_BATCH_ROWS)
    struct personal_counts *personal; // (columns)
    struct personal_seen *seen;       // (columns)
    enum err err;
};
struct check {
    struct table *table;
    const struct schema *schema;
    struct arena *arena;
    struct pool *pool;
    struct progress *progress;
    struct fault *fault;
    struct profile *profiles; // (columns)
    enum err *column_errs;    // (columns)
    struct shown *shown;      // (columns)
    struct check_batch batches[WAVE_BATCHES];
    uint32_t first_batch, wave; // the wave that is worked on
    struct values rows;         // a sample of all rows by their hash
    uint32_t rows_shift;        // hashes whose lowest bits are zero are in it
    uint64_t rows_sampled, rows_done;
};

// ---- opening ------------------------------------------------------------------------------------

static enum err take_memory(struct check *check, uint32_t threads) {
    uint32_t columns = check->schema->count;
    enum err err = arena_open((size_t)1 << 30, &check->arena);
    if (err != OK) return err;
    struct profile *profiles = ARENA_ARRAY(check->arena, struct profile, columns);
    check->column_errs = ARENA_ARRAY(check->arena, enum err, columns);
    check->shown = ARENA_ARRAY(check->arena, struct shown, columns);
    if (!profiles || !check->column_errs || !check->shown) return ERR_MEMORY;
    for (uint32_t i = 0; i < columns; i++) {
        profile_open(&profiles[i], &check->schema->fields[i], columns);
    }
    check->profiles = profiles;
    uint32_t wave = table_batches(check->table);
    if (wave > WAVE_BATCHES) wave = WAVE_BATCHES;
    for (uint32_t i = 0; i < wave; i++) {
        struct check_batch *batch = &check->batches[i];
        batch->row_hashes = ARENA_ARRAY(check->arena, uint64_t, LIMIT_BATCH_ROWS);
        batch->personal = ARENA_ARRAY(check->arena, struct personal_counts, columns);
        batch->seen = ARENA_ARRAY(check->arena, struct personal_seen, columns);
        if (!batch->row_hashes || !batch->personal || !batch->seen) return ERR_MEMORY;
        err = arena_open(WAVE_ARENA_BYTES, &batch->arena);
        if (err != OK) return err;
    }
    values_open(&check->rows, DUPLICATES_MOST);
    return pool_open(threads, &check->pool);
}

static void check_close(struct check *check) {
    pool_close(check->pool);
    for (uint32_t i = 0; check->profiles && i < check->schema->count; i++) {
        profile_close(&check->profiles[i]);
    }
    for (uint32_t i = 0; i < WAVE_BATCHES; i++) arena_close(check->batches[i].arena);
    values_close(&check->rows);
    arena_close(check->arena);
    table_close(check->table);
}

// ---- the pass -----------------------------------------------------------------------------------

static void hash_rows(const struct schema *schema, struct check_batch *own) {
    for (uint32_t row = 0; row < own->batch.row_count; row++) {
        struct fingerprint fingerprint = fingerprint_start();
        for (uint32_t i = 0; i < schema->count; i++) {
            fingerprint_add_cell(&fingerprint, &own->batch.columns[i], row);
        }
        own->row_hashes[row] = fingerprint_64(&fingerprint);
    }
}

static void work_batch(void *ctx, size_t index, uint32_t worker) {
    (void)worker;
    struct check *check = ctx;
    struct check_batch *own = &check->batches[index];
    struct fault ignored = {0};
    arena_reset(own->arena);
    own->err = progress_cancelled(check->progress) ? ERR_CANCELLED : OK;
    if (own->err == OK) {
        own->err = table_batch(check->table, check->first_batch + (uint32_t)index, own->arena,
                               &own->batch, &ignored);
    }
    if (own->err != OK) return;
    hash_rows(check->schema, own);
    memset(own->personal, 0, check->schema->count * sizeof *own->personal);
    memset(own->seen, 0, check->schema->count * sizeof *own->seen);
    for (uint32_t i = 0; i < check->schema->count; i++) {
        personal_profile(&own->batch.columns[i], own->batch.row_count,
                         check->schema->fields[i].name, &own->personal[i], &own->seen[i]);
    }
}

static void work_column(void *ctx, size_t index, uint32_t worker) {
    (void)worker;
    struct check *check = ctx;
    struct profile *profile = &check->profiles[index];
    enum err err = OK;
    for (uint32_t i = 0; i < check->wave && err == OK; i++) {
        const struct check_batch *own = &check->batches[i];
        if (progress_cancelled(check->progress)) err = ERR_CANCELLED;
        if (err == OK) {
            err = profile_add(profile, &own->batch.columns[index], own->batch.row_count,
                              own->batch.first_row);
        }
        if (err == OK) {
            err = profile_add_personal(profile, &own->batch.columns[index], &own->personal[index],
                                       &own->seen[index]);
        }
    }
    check->column_errs[index] = err;
}

// Rows in a sample: those whose hash ends in rows_shift zero bits, with all their repetitions.
static enum err add_row(struct check *check, uint64_t hash) {
    bool full = true;
    while (!(hash & (((uint64_t)1 << check->rows_shift) - 1))) {
        enum err err = values_add(&check->rows, hash, 0, &full);
        if (err != OK) return err;
        if (!full) {
            check->rows_sampled++;
            return OK;
        }
        check->rows_shift++;
        err = values_sample(&check->rows, check->rows_shift);
        if (err != OK) return err;
        check->rows_sampled = 0;
        for (uint64_t i = 0; i < check->rows.room; i++) {
            check->rows_sampled += check->rows.entries[i].count;
        }
    }
    return OK;
}

static enum err run_wave(struct check *check) {
    pool_run(check->pool, check->wave, work_batch, check);
    for (uint32_t i = 0; i < check->wave; i++) {
        if (check->batches[i].err != OK) return check->batches[i].err;
    }
    pool_run(check->pool, check->schema->count, work_column, check);
    for (uint32_t i = 0; i < check->schema->count; i++) {
        if (check->column_errs[i] != OK) return check->column_errs[i];
    }
    for (uint32_t i = 0; i < check->wave; i++) {
        const struct check_batch *own = &check->batches[i];
        for (uint32_t row = 0; row < own->batch.row_count; row++) {
            enum err err = add_row(check, own->row_hashes[row]);
            if (err != OK) return err;
        }
        check->rows_done += own->batch.row_count;
    }
    return OK;
}

static enum err run_pass(struct check *check) {
    uint32_t batches = table_batches(check->table);
    uint64_t rows = table_rows(check->table);
    enum err err = OK;
    for (uint32_t first = 0; first < batches && err == OK; first += check->wave) {
        check->first_batch = first;
        check->wave = batches - first < WAVE_BATCHES ? batches - first : WAVE_BATCHES;
        err = run_wave(check);
        progress_set(check->progress, PHASE_PROFILE, check->rows_done, rows);
        if (check->progress) {
            atomic_store_explicit(&check->progress->rows, check->rows_done, memory_order_relaxed);
        }
    }
    return err;
}

static void work_finish(void *ctx, size_t index, uint32_t worker) {
    (void)worker;
    struct check *check = ctx;
    struct profile *profile = &check->profiles[index];
    bool ordered = profile_is_number(profile);
    check->column_errs[index] = ordered ? quantiles_finish(&profile->quantiles) : OK;
}

// ---- the values that are shown ------------------------------------------------------------------

struct wanted {
    uint64_t row;
    uint32_t column;
    struct str *text;
};

static int by_row(const void *a, const void *b) {
    const struct wanted *one = a, *other = b;
    return (one->row > other->row) - (one->row < other->row);
}

static struct str text_of_cell(struct check *check, const struct column *column, uint32_t row,
                               uint32_t bytes_most, struct buf *scratch) {
    buf_clear(scratch);
    column_write(scratch, column, row);
    struct str text = buf_str(scratch);
    if (text.size > bytes_most) {
        size_t keep = bytes_most;
        while (keep > 0 && ((uint8_t)text.data[keep] & 0xC0) == 0x80) keep--;
        scratch->size = keep;
        buf_add_text(scratch, "…");
        text = buf_str(scratch);
    }
    char *copy = ARENA_ARRAY(check->arena, char, text.size + 1);
    if (!copy || buf_err(scratch) != OK) return STR_NONE;
    if (text.size) memcpy(copy, text.data, text.size);
    return (struct str){copy, text.size};
}

static enum err read_wanted(struct check *check, const struct wanted *wanted, size_t count,
                            uint32_t bytes_most) {
    struct buf scratch;
    buf_open(&scratch, LIMIT_CELL_BYTES + 8);
    uint32_t loaded = UINT32_MAX;
    struct batch batch = {0};
    enum err err = OK;
    for (size_t i = 0; i < count && err == OK; i++) {
        uint32_t index = table_batch_of_row(check->table, wanted[i].row);
        if (index != loaded) {
            arena_reset(check->batches[0].arena);
            err = table_batch(check->table, index, check->batches[0].arena, &batch, check->fault);
            loaded = index;
        }
        if (err != OK) break;
        uint32_t row = (uint32_t)(wanted[i].row - batch.first_row);
        *wanted[i].text =
            text_of_cell(check, &batch.columns[wanted[i].column], row, bytes_most, &scratch);
        if (!wanted[i].text->data) err = ERR_MEMORY;
    }
    buf_close(&scratch);
    return err;
}

static enum err read_shown(struct check *check, const struct profile_shape *shape) {
    uint32_t columns = check->schema->count;
    size_t room = (size_t)columns * (shape->top + shape->examples), count = 0;
    struct wanted *wanted = ARENA_ARRAY(check->arena, struct wanted, room + 1);
    if (!wanted) return ERR_MEMORY;
    for (uint32_t i = 0; i < columns; i++) {
        struct shown *shown = &check->shown[i];
        shown->top_count = values_top(&check->profiles[i].values, shown->top, shape->top);
        shown->first_count =
            values_first(&check->profiles[i].values, shown->first, shape->examples);
        for (uint32_t k = 0; k < shown->top_count; k++) {
            wanted[count++] = (struct wanted){shown->top[k].row, i, &shown->top_text[k]};
        }
        for (uint32_t k = 0; k < shown->first_count; k++) {
            wanted[count++] = (struct wanted){shown->first[k].row, i, &shown->first_text[k]};
        }
    }
    qsort(wanted, count, sizeof *wanted, by_row);
    return read_wanted(check, wanted, count, shape->value_bytes);
}

// ---- the end ------------------------------------------------------------------------------------

static void write_duplicates(struct json_writer *out, const struct check *check) {
    bool exact = check->rows_shift == 0;
    uint64_t duplicates = check->rows_sampled - check->rows.used;
    if (!exact && check->rows_sampled) {
        double share = (double)duplicates / (double)check->rows_sampled;
        duplicates = (uint64_t)llround(share * (double)check->rows_done);
    }
    json_put_name(out, "duplicates");
    json_open_object(out);
    json_set_u64(out, "rows", duplicates);
    json_set_bool(out, "exact", exact);
    json_close_object(out);
}

static enum err write_profile(const struct check *check, const struct profile_shape *shape,
                              const char *path) {
    struct buf text;
    buf_open(&text, LIMIT_JSON_BYTES);
    struct json_writer out = json_writer_of(&text);
    json_open_object(&out);
    json_set_u64(&out, "rows", table_rows(check->table));
    json_put_name(&out, "columns");
    json_open_array(&out);
    for (uint32_t i = 0; i < check->schema->count; i++) {
        profile_write(&out, &check->profiles[i], &check->shown[i], shape);
    }
    json_close_array(&out);
    write_duplicates(&out, check);
    json_close_object(&out);
    enum err err = buf_err(&text);
    if (err == ERR_LIMIT) {
        err = fault_set(check->fault, err, "check.profile_too_large", STR_NONE);
    }
    if (err == OK) err = file_write(path, buf_str(&text), check->fault);
    buf_close(&text);
    return err;
}

static enum err finish(struct check *check, const char *profile_path) {
    struct profile_shape shape = profile_shape_of(check->schema->count);
    pool_run(check->pool, check->schema->count, work_finish, check);
    enum err err = OK;
    for (uint32_t i = 0; i < check->schema->count && err == OK; i++) err = check->column_errs[i];
    if (err == OK) err = read_shown(check, &shape);
    if (err == OK) err = write_profile(check, &shape, profile_path);
    return err;
}

enum err check_run(const char *table_path, const char *profile_path, uint32_t threads,
                   struct progress *progress, struct fault *fault) {
    struct check check = {.progress = progress, .fault = fault};
    progress_set(progress, PHASE_START, 0, 0);
    enum err err = table_open(table_path, &check.table, fault);
    if (err != OK) return err;
    check.schema = table_schema(check.table);
    if (threads == 0) threads = thread_count_usable();
    err = take_memory(&check, threads);
    if (err == OK) err = run_pass(&check);
    if (err == OK) err = finish(&check, profile_path);
    if (err == OK) progress_set(progress, PHASE_DONE, check.rows_done, check.rows_done);
    check_close(&check);
    switch (err) {
    case ERR_MEMORY: return fault_set(fault, err, "base.no_memory", STR("check"));
    case ERR_CANCELLED: return fault_set(fault, err, "check.cancelled", STR_NONE);
    case ERR_CORRUPT: return fault_set(fault, err, "table.damaged", STR_NONE);
    default: return err;
    }
}
