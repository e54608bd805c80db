// Byte pair encoding: again and again the pair of neighbours with the lowest rank becomes one, the
// leftmost of equals first. A short word is done by looking at all its pairs each time; a long one
// by a heap of candidates, of which those that a merge has made untrue are passed over.
#include "model/language/tokenizer/tokenizer_private.h"

#include <string.h>

struct line { // the symbols of one word, and where they may be merged
    struct work *work;
    struct str text;
    struct symbol *symbols;
    uint32_t count;
};

// The order of a piece's score: the highest first.
static uint32_t score_rank(float score) {
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    return bits & 0x80000000u ? bits : 0x7FFFFFFFu - bits;
}

static bool merge_of(const struct line *line, const struct symbol *a, const struct symbol *b,
                     uint32_t *rank, uint32_t *merged) {
    const struct tokenizer *t = line->work->tokenizer;
    if (t->kind == TOKENIZER_PIECES) {
        struct str both = {line->text.data + a->start, (size_t)a->size + b->size};
        *merged = both.size <= t->longest_bytes ? tokenizer_find(t, both) : TOKEN_NONE;
        if (*merged != TOKEN_NONE) *rank = t->scores ? score_rank(t->scores[*merged]) : 0;
        return *merged != TOKEN_NONE;
    }
    if (a->token == TOKEN_NONE || b->token == TOKEN_NONE) return false;
    const struct merge *merge = tokenizer_pair(t, a->token, b->token);
    *rank = merge->rank;
    *merged = merge->merged;
    return merge->left != TOKEN_NONE;
}

static void merge_do(struct line *line, uint32_t left, uint32_t merged) {
    struct symbol *a = &line->symbols[left], *b = &line->symbols[a->after];
    a->size += b->size;
    a->token = merged;
    a->after = b->after;
    b->size = 0;
    if (a->after != TOKEN_NONE) line->symbols[a->after].before = left;
}

static void merge_short(struct line *line) {
    for (;;) {
        uint32_t best = TOKEN_NONE, best_rank = 0, best_merged = 0, rank, merged;
        for (uint32_t i = 0; line->symbols[i].after != TOKEN_NONE; i = line->symbols[i].after) {
            const struct symbol *a = &line->symbols[i];
            if (!merge_of(line, a, &line->symbols[a->after], &rank, &merged)) continue;
            if (best != TOKEN_NONE && rank >= best_rank) continue;
            best = i, best_rank = rank, best_merged = merged;
        }
        if (best == TOKEN_NONE) return;
        merge_do(line, best, best_merged);
    }
}

// ---- the heap --------------------------------------------------------------------------------

static void candidate_add(struct line *line, uint32_t left) {
    struct buf *heap = &line->work->candidates;
    uint32_t rank, merged;
    if (left == TOKEN_NONE || line->symbols[left].after == TOKEN_NONE) return;
    const struct symbol *a = &line->symbols[left], *b = &line->symbols[a->after];
    if (!merge_of(line, a, b, &rank, &merged)) return;
    struct candidate one = {(uint64_t)rank << 32 | left, a->after, a->size + b->size};
    buf_add(heap, &one, sizeof one);
    struct candidate *items = (struct candidate *)(void *)heap->data;
    if (heap->err != OK) return;
    size_t at = heap->size / sizeof one - 1;
    for (; at > 0 && items[(at - 1) / 2].order > one.order; at = (at - 1) / 2) {
        items[at] = items[(at - 1) / 2];
    }
    items[at] = one;
}

static struct candidate candidate_take(struct buf *heap) {
    struct candidate *items = (struct candidate *)(void *)heap->data;
    struct candidate first = items[0];
    size_t count = heap->size / sizeof first - 1, at = 0;
    struct candidate last = items[count];
    heap->size -= sizeof first;
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && items[child + 1].order < items[child].order) child++;
        if (items[child].order >= last.order) break;
        items[at] = items[child];
    }
    items[at] = last;
    return first;
}

static enum err merge_long(struct line *line) {
    struct buf *heap = &line->work->candidates;
    buf_clear(heap);
    for (uint32_t i = 0; i + 1 < line->count; i++) candidate_add(line, i);
    while (heap->size > 0 && heap->err == OK) {
        struct candidate one = candidate_take(heap);
        uint32_t left = (uint32_t)one.order, rank, merged;
        struct symbol *a = &line->symbols[left], *b = &line->symbols[one.right];
        if (a->size == 0 || b->size == 0 || a->size + b->size != one.size) continue;
        if (!merge_of(line, a, b, &rank, &merged)) continue;
        merge_do(line, left, merged);
        candidate_add(line, a->before);
        candidate_add(line, left);
    }
    return buf_err(heap);
}

// ---- a word ----------------------------------------------------------------------------------

// Symbols to begin with: bytes, or characters of pieces.
static enum err symbols_make(struct line *line) {
    const struct tokenizer *t = line->work->tokenizer;
    struct buf *symbols = &line->work->symbols;
    buf_clear(symbols);
    for (size_t at = 0; at < line->text.size; line->count++) {
        size_t size = 1;
        if (t->kind == TOKENIZER_PIECES) {
            while (at + size < line->text.size &&
                   ((uint8_t)line->text.data[at + size] & 0xC0) == 0x80) {
                size++;
            }
        }
        struct symbol one = {.start = (uint32_t)at,
                             .size = (uint32_t)size,
                             .before = line->count ? line->count - 1 : TOKEN_NONE,
                             .after = at + size < line->text.size ? line->count + 1 : TOKEN_NONE};
        one.token = t->kind == TOKENIZER_PIECES
                        ? tokenizer_find(t, (struct str){line->text.data + at, size})
                        : t->bytes[(uint8_t)line->text.data[at]];
        buf_add(symbols, &one, sizeof one);
        at += size;
    }
    line->symbols = (struct symbol *)(void *)symbols->data;
    return buf_err(symbols);
}

// A symbol that is no token goes by its bytes; where the vocabulary has no bytes it is unknown.
static void symbol_put(struct line *line, const struct symbol *symbol) {
    const struct tokenizer *t = line->work->tokenizer;
    if (symbol->token != TOKEN_NONE) {
        work_put(line->work, symbol->token);
        return;
    }
    const uint8_t *bytes = (const uint8_t *)line->text.data + symbol->start;
    bool known = true;
    for (uint32_t i = 0; i < symbol->size; i++) known &= t->bytes[bytes[i]] != TOKEN_NONE;
    for (uint32_t i = 0; i < symbol->size && known; i++) work_put(line->work, t->bytes[bytes[i]]);
    if (!known && t->unknown != TOKEN_NONE) work_put(line->work, t->unknown);
}

enum err merge_encode_by(struct work *work, struct str text, uint32_t most_short) {
    struct line line = {.work = work, .text = text};
    if (text.size == 0) return OK;
    if (work->tokenizer->whole_words) {
        uint32_t token = tokenizer_find(work->tokenizer, text);
        if (token != TOKEN_NONE) {
            work_put(work, token);
            return OK;
        }
    }
    enum err err = symbols_make(&line);
    if (err == OK && line.count <= most_short) merge_short(&line);
    if (err == OK && line.count > most_short) err = merge_long(&line);
    if (err != OK) return err;
    for (uint32_t i = 0; i != TOKEN_NONE; i = line.symbols[i].after) {
        symbol_put(&line, &line.symbols[i]);
    }
    return OK;
}

enum err merge_encode(struct work *work, struct str text) {
    return merge_encode_by(work, text, MERGE_SHORT);
}
