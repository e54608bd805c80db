// Records that are as they should be, some hundred at a time and column by column: the loop of one
// type stays in the processor's branch memory, and values go straight to their slots. What is not
// plain takes the way of single cells, so the result is that of parse.c's record by record.
#include "base/assert.h"
#include "data/intake/intake_private.h"

enum {
    BLOCK_ROWS = 512, // its text and its slots stay in the second-level cache
};

// One column of the block.
struct stripe {
    struct chunk *chunk;
    const struct plan *plan;
    struct batch_builder *builder;
    size_t at;       // ends[at] is the end of the block's first field
    uint32_t column; // of the file
    uint32_t rows;
};

// The field of this column in row `row`, as it stands.
static inline struct str field(const struct stripe *stripe, uint32_t row) {
    const struct chunk *chunk = stripe->chunk;
    size_t index = stripe->at + (size_t)row * stripe->plan->column_count + stripe->column;
    size_t start = index ? chunk->ends[index - 1] + (size_t)1 : 0, end = chunk->ends[index];
    if (stripe->column + 1 == stripe->plan->column_count && end > start &&
        chunk->text[end - 1] == '\r') {
        end--;
    }
    return (struct str){chunk->text + start, end - start};
}

// Is the byte among the first `size` (at most 16) bytes at `at`? 16 bytes must be readable.
static inline bool among_16(const char *at, size_t size, char byte) {
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
    uint64_t low, high, wanted = ones * (uint8_t)byte;
    memcpy(&low, at, 8);
    memcpy(&high, at + 8, 8);
    low ^= wanted, high ^= wanted;
    // The lowest marked byte is a true one; those above may be borrows of it.
    low = (low - ones) & ~low & tops;
    high = (high - ones) & ~high & tops;
    if (size <= 8) return size && (low << (64 - 8 * size)) != 0;
    return low || (high << (128 - 8 * size)) != 0;
}

// The same without quotes.
static inline struct cell cell_of(const struct stripe *stripe, uint32_t row) {
    struct str text = field(stripe, row);
    const struct dialect *dialect = &stripe->plan->dialect;
    if (!dialect->has_quote || text.size == 0 || text.data[0] != dialect->quote) {
        return (struct cell){text, CELL_PLAIN};
    }
    if (text.size >= 2 && text.size <= 18 && text.data[text.size - 1] == dialect->quote &&
        !among_16(text.data + 1, text.size - 2, dialect->quote)) {
        return (struct cell){{text.data + 1, text.size - 2}, CELL_QUOTED};
    }
    struct chunk *chunk = stripe->chunk;
    size_t start = (size_t)(text.data - chunk->text);
    bool unclosed;
    struct cell cell = csv_cell(dialect, chunk->text, start, start + text.size, &unclosed);
    if (unclosed) {
        chunk_fault(chunk, "csv.unclosed_quote", chunk->records + row, stripe->column + 1);
    }
    return cell;
}

static bool convert(const struct stripe *stripe, uint32_t row, union cell_value *value) {
    struct cell cell = cell_of(stripe, row);
    struct chunk *chunk = stripe->chunk;
    if (chunk_convert(chunk, stripe->plan, chunk->records + row, stripe->column, &cell, value)) {
        return true;
    }
    batch_slot_missing(stripe->builder, stripe->plan->columns[stripe->column].out, row);
    return false;
}

static void parse_numbers(const struct stripe *stripe, double *out) {
    static const double tens[16] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const bool fast = !stripe->plan->missing.any_number;
    uint64_t plain = 0;
    for (uint32_t row = 0; row < stripe->rows; row++) {
        int64_t mantissa;
        uint32_t decimals;
        union cell_value value;
        if (fast && cell_decimal(field(stripe, row), &mantissa, &decimals)) {
            // Both are exact doubles, so the quotient is the nearest one (Clinger 1990).
            out[row] = (double)mantissa / tens[decimals];
            plain++;
        } else if (convert(stripe, row, &value)) {
            out[row] = value.number;
        }
    }
    stripe->chunk->tallies[stripe->column].values += plain;
}

static void parse_integers(const struct stripe *stripe, int64_t *out) {
    const bool fast = !stripe->plan->missing.any_number &&
                      stripe->plan->columns[stripe->column].type == COLUMN_INTEGER;
    uint64_t plain = 0;
    for (uint32_t row = 0; row < stripe->rows; row++) {
        int64_t mantissa;
        uint32_t decimals;
        union cell_value value;
        if (fast && cell_decimal(field(stripe, row), &mantissa, &decimals) && decimals == 0) {
            out[row] = mantissa;
            plain++;
        } else if (convert(stripe, row, &value)) {
            out[row] = value.integer;
        }
    }
    stripe->chunk->tallies[stripe->column].values += plain;
}

static void parse_booleans(const struct stripe *stripe, uint8_t *out) {
    for (uint32_t row = 0; row < stripe->rows; row++) {
        union cell_value value;
        if (convert(stripe, row, &value)) out[row] = value.boolean;
    }
}

// Surely a value, and nothing in it to look at.
static inline bool plain_text(const struct stripe *stripe, struct str text) {
    const struct missing_words *words = &stripe->plan->missing;
    if (text.size == 0 || stripe->chunk->has_invalid) return false;
    if ((uint8_t)text.data[0] <= ' ' || (uint8_t)text.data[text.size - 1] <= ' ') return false;
    return text.size > words->longest || !words->first[(uint8_t)text.data[0]];
}

static void parse_texts(const struct stripe *stripe) {
    struct chunk *chunk = stripe->chunk;
    const struct plan *plan = stripe->plan;
    struct str values[BLOCK_ROWS];
    uint64_t plain = 0;
    for (uint32_t row = 0; row < stripe->rows; row++) {
        struct cell cell = cell_of(stripe, row);
        union cell_value value;
        uint64_t record = chunk->records + row;
        if (plain_text(stripe, cell.text)) {
            plain++;
        } else if (!chunk_convert(chunk, plan, record, stripe->column, &cell, &value)) {
            values[row] = STR_NONE;
            continue;
        }
        if (cell.text.size > LIMIT_CELL_BYTES) {
            chunk_fail(chunk, ERR_LIMIT, "intake.cell_too_long", record, stripe->column + 1);
            return;
        }
        values[row] = cell.text;
    }
    chunk->tallies[stripe->column].values += plain;
    enum err err =
        batch_set_texts(stripe->builder, plan->columns[stripe->column].out, values, stripe->rows);
    if (err) chunk_fail(chunk, err, "base.no_memory", chunk->records, 0);
}

// How many of the records from `at` on have a field for each column and no more.
static uint32_t regular_rows(const struct chunk *chunk, const struct plan *plan, size_t at,
                             uint32_t most) {
    const uint32_t columns = plan->column_count;
    const char newline = plan->dialect.newline;
    const char *text = chunk->text;
    uint32_t rows = 0;
    for (; rows < most && chunk->end_count - at >= columns; rows++, at += columns) {
        const uint32_t *ends = chunk->ends + at;
        if (text[ends[columns - 1]] != newline) break;
        uint32_t early = 0;
        for (uint32_t i = 0; i + 1 < columns; i++) early |= text[ends[i]] == newline;
        if (early) break;
        bool blank = columns == 1 && ends[0] - (at ? chunk->ends[at - 1] + 1 : 0) <= 1;
        if (blank && !plan->keep_blank) break;
    }
    return rows;
}

uint32_t chunk_parse_block(struct chunk *chunk, const struct plan *plan, size_t at) {
    if (regular_rows(chunk, plan, at, 1) == 0) return 0;
    struct batch_builder *builder = chunk_builder(chunk, plan);
    if (!builder) return 0;
    uint32_t most = batch_rows_left(builder);
    struct stripe stripe = {chunk, plan, builder, at, 0, 0};
    stripe.rows = regular_rows(chunk, plan, at, most < BLOCK_ROWS ? most : BLOCK_ROWS);
    cy_assert(stripe.rows > 0);
    for (; stripe.column < plan->column_count && !chunk->err; stripe.column++) {
        const struct plan_column *about = &plan->columns[stripe.column];
        if (about->skip) continue;
        if (about->type == COLUMN_TEXT) {
            parse_texts(&stripe);
        } else if (about->type == COLUMN_NUMBER) {
            parse_numbers(&stripe, batch_slots(builder, about->out));
        } else if (about->type == COLUMN_BOOLEAN) {
            parse_booleans(&stripe, batch_slots(builder, about->out));
        } else {
            parse_integers(&stripe, batch_slots(builder, about->out));
        }
    }
    batch_rows_end(builder, stripe.rows);
    return stripe.rows;
}
