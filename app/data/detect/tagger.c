// The tagger's core: scores of labels by looked-up rows, the best path, and how sure it is.
#include <string.h>

#include "data/detect/tagger_private.h"

// Sixteen scores: two of these, as the base line of both machines has eight in a register.
typedef int16_t lane __attribute__((vector_size(16)));
typedef int8_t octet __attribute__((vector_size(8)));

// Scores are kept within ±SCORE_MOST, paths within PATH_LEAST … 0, so that no sum of a path, a step
// (at least TAGGER_NEVER) and a score leaves 16 bits.
enum { SCORE_MOST = 4000, PATH_LEAST = -16000 };

struct scores {
    lane half[2];
};

// Chosen on text that people labelled: plain for the best F1, privacy for names above all.
const struct tagger_lean tagger_plain = {{60, 100, 50}};
const struct tagger_lean tagger_privacy = {{200, 100, 30}};

struct lattice {
    struct scores score[TAGGER_TOKENS_MAX + 2 * TAGGER_SLOTS]; // token k at k + TAGGER_SLOTS
    struct scores path[TAGGER_TOKENS_MAX];                     // best path up to here, by label
    uint8_t from[TAGGER_TOKENS_MAX][TAGGER_LABELS];
    uint8_t label[TAGGER_TOKENS_MAX];
};

static lane most_of(lane a, lane b) {
    lane greater = a > b;
    return (a & greater) | (b & ~greater);
}

static int16_t largest(struct scores scores) {
    int16_t most = INT16_MIN;
    for (uint32_t q = 0; q < 8; q++) {
        if (scores.half[0][q] > most) most = scores.half[0][q];
        if (scores.half[1][q] > most) most = scores.half[1][q];
    }
    return most;
}

static int16_t score_at(const struct scores *scores, uint32_t label) {
    return scores->half[label >> 3][label & 7];
}

// ---- scores -------------------------------------------------------------------------------------

static void add_row(struct scores *scores, const int8_t *row) {
    octet low, high;
    memcpy(&low, row, sizeof low);
    memcpy(&high, row + 8, sizeof high);
    scores->half[0] += __builtin_convertvector(low, lane);
    scores->half[1] += __builtin_convertvector(high, lane);
}

// N-grams are looked up a block at a time in three rounds, each of which asks memory for what the
// next one needs: keys that may be known; their entries; their rows. Most of the time would be
// waiting otherwise.
enum { BLOCK_TOKENS = 16, BLOCK_GRAMS = BLOCK_TOKENS * TAGGER_GRAMS };
struct block {
    uint32_t key[BLOCK_GRAMS + 1], row[BLOCK_GRAMS + 1]; // one more: written before it is counted
    uint16_t token[BLOCK_GRAMS + 1];
    uint8_t slots[BLOCK_GRAMS + 1];
    uint32_t count;
};

static void block_keys(const struct tagger *tagger, const struct tagger_tokens *tokens, size_t from,
                       size_t to, struct block *block) {
    block->count = 0;
    for (size_t j = from; j < to; j++) {
        uint32_t keys[TAGGER_GRAMS];
        tagger_grams(tokens, j, keys);
        for (uint32_t g = 0; g < TAGGER_GRAMS; g++) {
            uint32_t key = keys[g];
            block->key[block->count] = key;
            block->token[block->count] = (uint16_t)j;
            block->count += (uint32_t)(tagger->filter[key >> 8] >> (key >> 2 & 63) & 1);
        }
    }
    for (uint32_t k = 0; k < block->count; k++) {
        __builtin_prefetch(&tagger->index[block->key[k] >> tagger->index_shift]);
    }
}

static void block_entries(const struct tagger *tagger, struct block *block) {
    uint32_t found = 0;
    for (uint32_t k = 0; k < block->count; k++) {
        uint32_t key = block->key[k], at = key >> tagger->index_shift;
        uint64_t entry = tagger->index[at];
        while (entry != 0 && (entry & 0xFFFFFF) != key) {
            at = (at + 1) & tagger->index_mask;
            entry = tagger->index[at];
        }
        block->row[found] = (uint32_t)(entry >> 32);
        block->slots[found] = (uint8_t)(entry >> 24);
        block->token[found] = block->token[k];
        // The rows of one n-gram are up to 128 bytes.
        const int8_t *rows = tagger->rows[entry >> 32];
        for (uint32_t ahead = 0; ahead < 128; ahead += 48) __builtin_prefetch(rows + ahead);
        found += entry != 0;
    }
    block->count = found;
}

static void block_add(const struct tagger *tagger, const struct block *block,
                      struct scores *scores) {
    for (uint32_t k = 0; k < block->count; k++) {
        const int8_t *row = tagger->rows[block->row[k]];
        struct scores *here = scores + block->token[k] - TAGGER_SLOT_HERE;
        for (uint32_t slots = block->slots[k]; slots; slots &= slots - 1, row += TAGGER_LABELS) {
            add_row(here + __builtin_ctz(slots), row);
        }
    }
}

static void score(const struct tagger *tagger, const struct tagger_tokens *tokens,
                  struct tagger_lean lean, struct lattice *lattice) {
    memset(lattice->score, 0, (tokens->count + 2 * TAGGER_SLOTS) * sizeof lattice->score[0]);
    struct block block;
    size_t end = tokens->count + TAGGER_EDGE + 3;
    for (size_t j = TAGGER_EDGE - 3; j < end; j += BLOCK_TOKENS) {
        size_t to = end - j < BLOCK_TOKENS ? end : j + BLOCK_TOKENS;
        block_keys(tagger, tokens, j, to, &block);
        block_entries(tagger, &block);
        block_add(tagger, &block, lattice->score + TAGGER_SLOTS - TAGGER_EDGE);
    }
    struct scores given = {{{0}, {0}}};
    for (uint32_t kind = 0; kind < TAGGER_KINDS; kind++) {
        int16_t more = (int16_t)(lean.kind[kind] * (int)tagger->scale / 100);
        uint32_t first = 1 + 4 * kind + TAGGER_FIRST, single = 1 + 4 * kind + TAGGER_SINGLE;
        given.half[first >> 3][first & 7] = given.half[single >> 3][single & 7] = more;
    }
    const lane top = {SCORE_MOST, SCORE_MOST, SCORE_MOST, SCORE_MOST,
                      SCORE_MOST, SCORE_MOST, SCORE_MOST, SCORE_MOST};
    for (uint32_t k = 0; k < tokens->count; k++) {
        struct scores *scores = &lattice->score[k + TAGGER_SLOTS];
        for (uint32_t h = 0; h < 2; h++) {
            lane value = scores->half[h] + given.half[h];
            lane capped = -most_of(-value, -top);
            scores->half[h] = most_of(capped, -top);
        }
    }
}

// ---- the best path ------------------------------------------------------------------------------

static struct scores steps_from(const struct tagger *tagger, uint32_t label) {
    struct scores steps;
    memcpy(&steps, tagger->steps[label], sizeof steps);
    return steps;
}

static struct scores settled(struct scores path) {
    int16_t most = largest(path);
    const lane least = {PATH_LEAST, PATH_LEAST, PATH_LEAST, PATH_LEAST,
                        PATH_LEAST, PATH_LEAST, PATH_LEAST, PATH_LEAST};
    for (uint32_t h = 0; h < 2; h++) {
        // What lies further behind than that is lost already; keep the difference in 16 bits.
        lane value = most_of(path.half[h], least + (int16_t)(most > 0 ? most : 0));
        path.half[h] = most_of(value - most, least);
    }
    return path;
}

static void paths(const struct tagger *tagger, uint32_t count, struct lattice *lattice) {
    struct scores path = steps_from(tagger, TAGGER_OUTSIDE);
    for (uint32_t h = 0; h < 2; h++) path.half[h] += lattice->score[TAGGER_SLOTS].half[h];
    lattice->path[0] = settled(path);
    for (uint32_t k = 1; k < count; k++) {
        const struct scores *before = &lattice->path[k - 1];
        struct scores best = steps_from(tagger, 0);
        best.half[0] += score_at(before, 0);
        best.half[1] += score_at(before, 0);
        lane from[2] = {{0}, {0}};
        for (uint32_t p = 1; p < TAGGER_LABELS_USED; p++) {
            struct scores steps = steps_from(tagger, p);
            int16_t base = score_at(before, p);
            for (uint32_t h = 0; h < 2; h++) {
                lane sum = steps.half[h] + base, better = sum > best.half[h];
                best.half[h] = (sum & better) | (best.half[h] & ~better);
                from[h] = (((lane){0} + (int16_t)p) & better) | (from[h] & ~better);
            }
        }
        for (uint32_t h = 0; h < 2; h++) {
            best.half[h] += lattice->score[k + TAGGER_SLOTS].half[h];
            for (uint32_t q = 0; q < 8; q++) lattice->from[k][8 * h + q] = (uint8_t)from[h][q];
        }
        lattice->path[k] = settled(best);
    }
}

static bool label_path(uint32_t count, struct lattice *lattice) {
    uint32_t last = TAGGER_OUTSIDE;
    for (uint32_t q = 1; q < TAGGER_LABELS_USED; q++) {
        if (tagger_may_end(q) &&
            score_at(&lattice->path[count - 1], q) > score_at(&lattice->path[count - 1], last)) {
            last = q;
        }
    }
    bool any = false;
    for (uint32_t k = count; k-- > 0;) {
        lattice->label[k] = (uint8_t)last;
        any |= last != TAGGER_OUTSIDE;
        last = lattice->from[k][last];
    }
    return any;
}

// ---- how sure -----------------------------------------------------------------------------------

// margin[k]: how far the best path that has token k in no name of its kind lies behind the best.
static void margins(const struct tagger *tagger, uint32_t count, const struct lattice *lattice,
                    int16_t *margin) {
    struct scores behind; // best path from here to the end, by label
    for (uint32_t q = 0; q < TAGGER_LABELS; q++) {
        behind.half[q >> 3][q & 7] = q < TAGGER_LABELS_USED && tagger_may_end(q) ? 0 : TAGGER_NEVER;
    }
    for (uint32_t k = count; k-- > 0;) {
        uint32_t label = lattice->label[k];
        int best = score_at(&lattice->path[k], label) + score_at(&behind, label), other = -32000;
        for (uint32_t q = 0; q < TAGGER_LABELS_USED; q++) {
            if (q != TAGGER_OUTSIDE && label != TAGGER_OUTSIDE && (q - 1) / 4 == (label - 1) / 4) {
                continue;
            }
            int sum = score_at(&lattice->path[k], q) + score_at(&behind, q);
            if (sum > other) other = sum;
        }
        margin[k] = (int16_t)(best - other > 30000 ? 30000 : best - other);
        struct scores ahead, next;
        for (uint32_t h = 0; h < 2; h++) {
            ahead.half[h] = behind.half[h] + lattice->score[k + TAGGER_SLOTS].half[h];
        }
        for (uint32_t p = 0; p < TAGGER_LABELS; p++) {
            struct scores steps = steps_from(tagger, p);
            for (uint32_t h = 0; h < 2; h++) steps.half[h] += ahead.half[h];
            next.half[p >> 3][p & 7] = largest(steps);
        }
        behind = settled(next);
    }
}

// 1 … 99 from a margin: the logistic curve, by its value at every quarter.
static uint8_t confidence_of(int margin, int scale) {
    static const uint8_t curve[] = {50, 56, 62, 68, 73, 78, 82, 85, 88, 90, 92, 94, 95, 96, 97, 98};
    int quarters = margin < 0 ? 0 : margin * 4 / scale;
    return quarters < (int)sizeof curve ? curve[quarters] : 99;
}

size_t tagger_segment(const struct tagger *tagger, const struct tagger_tokens *tokens,
                      struct tagger_lean lean, struct personal_hit spans[TAGGER_TOKENS_MAX]) {
    struct lattice lattice;
    int16_t margin[TAGGER_TOKENS_MAX];
    if (tokens->count == 0) return 0;
    score(tagger, tokens, lean, &lattice);
    paths(tagger, tokens->count, &lattice);
    if (!label_path(tokens->count, &lattice)) return 0;
    margins(tagger, tokens->count, &lattice, margin);
    size_t found = 0;
    for (uint32_t k = 0; k < tokens->count;) {
        uint32_t label = lattice.label[k], end = k + 1;
        int least = margin[k];
        while (label != TAGGER_OUTSIDE && !tagger_may_end(lattice.label[end - 1])) {
            if (margin[end] < least) least = margin[end];
            end++;
        }
        if (label != TAGGER_OUTSIDE) {
            spans[found++] = (struct personal_hit){
                .start = tokens->start[k],
                .size = tokens->start[end] - tokens->start[k],
                .kind = (enum personal_kind)(PERSONAL_NAME + (label - 1) / 4),
                .confidence = confidence_of(least, (int)tagger->scale),
            };
        }
        k = end;
    }
    return found;
}
