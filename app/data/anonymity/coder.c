// Cells to numbers. Text is looked up by its bytes, other cells by their 64 bits, so that a number
// is written as text only the first time it is met.
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "data/anonymity/anonymity_private.h"

struct coder {
    struct arena *arena; // the values' text
    struct str *values;  // (value_room)
    uint64_t *bits;      // (value_room): of cells that are not text
    uint32_t value_count, value_room;
    uint32_t *slots; // (slot_mask + 1): value + 1
    uint32_t slot_mask;
    uint32_t missing; // its code + 1; 0: not met
    uint32_t *codes;  // (row_room)
    uint64_t row_count, row_room;
    struct buf text;
};

enum { CODER_VALUE_BYTES = 1 << 30 };

enum err coder_open(struct coder **out) {
    struct coder *coder = memory_take(sizeof *coder);
    if (!coder) return ERR_MEMORY;
    buf_open(&coder->text, LIMIT_CELL_BYTES + 64);
    coder->slot_mask = 255;
    coder->slots = memory_take((coder->slot_mask + 1) * sizeof *coder->slots);
    if (!coder->slots || arena_open(CODER_VALUE_BYTES, &coder->arena) != OK) {
        coder_close(coder);
        return ERR_MEMORY;
    }
    *out = coder;
    return OK;
}

void coder_close(struct coder *coder) {
    if (!coder) return;
    arena_close(coder->arena);
    memory_give(coder->values);
    memory_give(coder->bits);
    memory_give(coder->slots);
    memory_give(coder->codes);
    buf_close(&coder->text);
    memory_give(coder);
}

uint64_t coder_rows(const struct coder *coder) {
    return coder->row_count;
}

const uint32_t *coder_codes(const struct coder *coder) {
    return coder->codes;
}

const struct str *coder_values(const struct coder *coder, uint32_t *count) {
    *count = coder->value_count;
    return coder->values;
}

// ---- values -------------------------------------------------------------------------------------

static enum err grow_values(struct coder *coder) {
    if (coder->value_count == LIMIT_HIERARCHY_LEAVES) return ERR_LIMIT;
    if (coder->value_count < coder->value_room) return OK;
    uint32_t room = coder->value_room ? coder->value_room * 2 : 128, old = coder->value_room;
    struct str *values = memory_resize(coder->values, old * sizeof *values, room * sizeof *values);
    if (values) coder->values = values;
    uint64_t *bits = memory_resize(coder->bits, old * sizeof *bits, room * sizeof *bits);
    if (bits) coder->bits = bits;
    if (!values || !bits) return ERR_MEMORY;
    coder->value_room = room;
    return OK;
}

static uint64_t hash_of(const struct coder *coder, uint32_t value, bool text) {
    return text ? anonymity_hash(coder->values[value].data, coder->values[value].size)
                : anonymity_hash(&coder->bits[value], sizeof(uint64_t));
}

static enum err grow_slots(struct coder *coder, bool text) {
    if ((uint64_t)coder->value_count * 2 < coder->slot_mask) return OK;
    uint32_t mask = coder->slot_mask * 2 + 1;
    uint32_t *slots = memory_take(((size_t)mask + 1) * sizeof *slots);
    if (!slots) return ERR_MEMORY;
    for (uint32_t value = 0; value < coder->value_count; value++) {
        if (coder->missing == value + 1) continue;
        uint64_t at = hash_of(coder, value, text) & mask;
        while (slots[at]) at = (at + 1) & mask;
        slots[at] = value + 1;
    }
    memory_give(coder->slots);
    coder->slots = slots;
    coder->slot_mask = mask;
    return OK;
}

static enum err add_value(struct coder *coder, struct str text, uint64_t bits, uint32_t *out) {
    enum err err = grow_values(coder);
    if (err != OK) return err;
    char *copy = arena_take(coder->arena, text.size + 1);
    if (!copy) return ERR_MEMORY;
    if (text.size) memcpy(copy, text.data, text.size);
    coder->values[coder->value_count] = (struct str){copy, text.size};
    coder->bits[coder->value_count] = bits;
    *out = coder->value_count++;
    return OK;
}

static enum err code_missing(struct coder *coder, uint32_t *out) {
    if (!coder->missing) {
        enum err err = add_value(coder, STR(""), 0, out);
        if (err != OK) return err;
        coder->missing = *out + 1;
    }
    *out = coder->missing - 1;
    return OK;
}

static enum err code_text(struct coder *coder, struct str text, uint32_t *out) {
    if (text.size == 0) return code_missing(coder, out);
    uint64_t at = anonymity_hash(text.data, text.size) & coder->slot_mask;
    for (; coder->slots[at]; at = (at + 1) & coder->slot_mask) {
        *out = coder->slots[at] - 1;
        if (str_equal(coder->values[*out], text)) return OK;
    }
    enum err err = add_value(coder, text, 0, out);
    if (err != OK) return err;
    coder->slots[at] = *out + 1;
    return grow_slots(coder, true);
}

static uint64_t bits_of(const struct column *column, uint32_t row) {
    uint64_t bits;
    if (column->type == COLUMN_BOOLEAN) return column->booleans[row];
    if (column->type != COLUMN_NUMBER) return (uint64_t)column->integers[row];
    double number = column->numbers[row] == 0 ? 0 : column->numbers[row]; // -0 is 0
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static enum err code_bits(struct coder *coder, const struct column *column, uint32_t row,
                          uint32_t *out) {
    uint64_t bits = bits_of(column, row);
    uint64_t at = anonymity_hash(&bits, sizeof bits) & coder->slot_mask;
    for (; coder->slots[at]; at = (at + 1) & coder->slot_mask) {
        *out = coder->slots[at] - 1;
        if (coder->bits[*out] == bits) return OK;
    }
    buf_clear(&coder->text);
    column_write(&coder->text, column, row);
    if (buf_err(&coder->text) != OK) return ERR_MEMORY;
    enum err err = add_value(coder, buf_str(&coder->text), bits, out);
    if (err != OK) return err;
    coder->slots[at] = *out + 1;
    return grow_slots(coder, false);
}

// ---- rows ---------------------------------------------------------------------------------------

static enum err grow_rows(struct coder *coder, uint32_t more) {
    if (coder->row_count + more <= coder->row_room) return OK;
    uint64_t room = coder->row_room + coder->row_room / 2 + more + 1024;
    uint32_t *codes =
        memory_resize(coder->codes, coder->row_room * sizeof *codes, room * sizeof *codes);
    if (!codes) return ERR_MEMORY;
    coder->codes = codes;
    coder->row_room = room;
    return OK;
}

enum err coder_add(struct coder *coder, const struct column *column, uint32_t row_count,
                   const uint32_t *gone) {
    enum err err = grow_rows(coder, row_count);
    for (uint32_t row = 0; row < row_count && err == OK; row++) {
        if (gone && gone[row]) continue;
        uint32_t code;
        if (!column_valid(column, row)) {
            err = code_missing(coder, &code);
        } else if (column->type == COLUMN_TEXT) {
            err = code_text(coder, column_text(column, row), &code);
        } else {
            err = code_bits(coder, column, row, &code);
        }
        if (err == OK) coder->codes[coder->row_count++] = code;
    }
    return err;
}

void coder_renumber(struct coder *coder, const uint32_t *leaf_of) {
    for (uint64_t row = 0; row < coder->row_count; row++) {
        coder->codes[row] = leaf_of[coder->codes[row]];
    }
}

// ---- order --------------------------------------------------------------------------------------

struct sorted_value {
    struct str text;
    double number;
    uint32_t code;
    bool known;
};

static int by_order(const void *a, const void *b) {
    const struct sorted_value *left = a, *right = b;
    if (left->known != right->known) return left->known ? -1 : 1;
    if ((left->text.size == 0) != (right->text.size == 0)) return left->text.size == 0 ? 1 : -1;
    if (left->known && left->number != right->number) {
        return left->number < right->number ? -1 : 1;
    }
    return str_compare(left->text, right->text);
}

static bool read_order(struct str text, double *out) {
    int64_t whole;
    if (number_parse(text, out)) return true;
    if (!date_parse(text, &whole) && !time_parse(text, &whole)) return false;
    if (date_parse(text, &whole)) whole *= 86400;
    *out = (double)whole;
    return true;
}

enum err coder_sort(struct coder *coder, bool *ordered) {
    uint32_t count = coder->value_count;
    struct sorted_value *sorted = memory_take(((size_t)count + 1) * sizeof *sorted);
    uint32_t *place = memory_take(((size_t)count + 1) * sizeof *place);
    if (!sorted || !place) {
        memory_give(sorted);
        memory_give(place);
        return ERR_MEMORY;
    }
    *ordered = true;
    for (uint32_t i = 0; i < count; i++) {
        struct sorted_value *value = &sorted[i];
        *value = (struct sorted_value){.text = coder->values[i], .code = i};
        value->known = read_order(value->text, &value->number);
        if (!value->known && value->text.size) *ordered = false;
    }
    qsort(sorted, count, sizeof *sorted, by_order);
    for (uint32_t i = 0; i < count; i++) place[sorted[i].code] = i;
    coder_renumber(coder, place);
    for (uint32_t i = 0; i < count; i++) coder->values[i] = sorted[i].text;
    memory_give(sorted);
    memory_give(place);
    return OK;
}
