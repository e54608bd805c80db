// The tagger's core: scores of labels by looked-up rows, the best path, and how sure it is. It is
// compiled twice, in tagger.c for any processor and in tagger_avx2.c with wider registers; both
// give the same bits, as there are only whole numbers. Depends on tagger_private.h.
#pragma once

#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "data/detect/tagger_private.h"

// Sixteen scores, one for each label: in one register with AVX2, in two on the base lines.
#ifdef __AVX2__
enum { LANES = 16, PARTS = 1 };
#else
enum { LANES = 8, PARTS = 2 };
#endif
typedef int16_t lane __attribute__((vector_size(2 * LANES)));
typedef int8_t octet __attribute__((vector_size(LANES)));
typedef uint8_t label_octet __attribute__((vector_size(LANES)));

// Scores are kept within ±SCORE_MOST, paths within PATH_LEAST … 0, so that no sum of a path, a step
// (at least TAGGER_NEVER) and a score leaves 16 bits.
enum { SCORE_MOST = 4000, PATH_LEAST = -16000, MARGIN_NONE = -32000, MARGIN_MOST = 30000 };

struct scores {
    lane part[PARTS];
};

struct lattice {
    struct scores score[TAGGER_TOKENS_MAX + 2 * TAGGER_SLOTS]; // token k at k + TAGGER_SLOTS
    struct scores path[TAGGER_TOKENS_MAX];                     // best path up to here, by label
    uint8_t from[TAGGER_TOKENS_MAX][TAGGER_LABELS];
    uint8_t label[TAGGER_TOKENS_MAX];
};

static lane most_of(lane a, lane b) {
#if defined __AVX2__
    return (lane)_mm256_max_epi16((__m256i)a, (__m256i)b);
#elif defined __SSE2__
    return (lane)_mm_max_epi16((__m128i)a, (__m128i)b);
#else
    lane greater = a > b;
    return (a & greater) | (b & ~greater);
#endif
}

static lane all(int value) {
    return (lane){0} + (int16_t)value;
}

static int16_t largest(struct scores scores) {
    lane most = scores.part[0];
    if (PARTS == 2) most = most_of(most, scores.part[PARTS - 1]);
#ifdef __AVX2__
    most = most_of(most, __builtin_shufflevector(most, most, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2,
                                                 3, 4, 5, 6, 7));
    most = most_of(most, __builtin_shufflevector(most, most, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15,
                                                 8, 9, 10, 11));
    most = most_of(most, __builtin_shufflevector(most, most, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9,
                                                 14, 15, 12, 13));
#else
    most = most_of(most, __builtin_shufflevector(most, most, 4, 5, 6, 7, 0, 1, 2, 3));
    most = most_of(most, __builtin_shufflevector(most, most, 2, 3, 0, 1, 6, 7, 4, 5));
#endif
    return most[0] > most[1] ? most[0] : most[1];
}

// All lanes the score of label q, which is written as a number: no way round through memory.
#define AT(q) ((q) % LANES)
#ifdef __AVX2__
#define SPREAD(scores, q)                                                                        \
    __builtin_shufflevector((scores).part[0], (scores).part[0], q, q, q, q, q, q, q, q, q, q, q, \
                            q, q, q, q, q)
#else
#define SPREAD(scores, q)                                                                         \
    __builtin_shufflevector((scores).part[(q) / LANES], (scores).part[(q) / LANES], AT(q), AT(q), \
                            AT(q), AT(q), AT(q), AT(q), AT(q), AT(q))
#endif

static int16_t score_at(const struct scores *scores, uint32_t label) {
    return scores->part[label / LANES][label % LANES];
}

// ---- scores -------------------------------------------------------------------------------------

static void add_row(struct scores *scores, const int8_t *row) {
    for (uint32_t p = 0; p < PARTS; p++) {
        octet values;
        memcpy(&values, row + p * LANES, sizeof values);
        scores->part[p] += __builtin_convertvector(values, lane);
    }
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
        __builtin_prefetch(rows);
        __builtin_prefetch(rows + __builtin_popcount(block->slots[found]) * TAGGER_LABELS - 1);
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
    struct scores given = {{{0}}};
    for (uint32_t kind = 0; kind < TAGGER_KINDS; kind++) {
        int16_t more = (int16_t)(lean.kind[kind] * (int)tagger->scale / 100);
        uint32_t first = 1 + 4 * kind + TAGGER_FIRST, single = 1 + 4 * kind + TAGGER_SINGLE;
        given.part[first / LANES][first % LANES] = more;
        given.part[single / LANES][single % LANES] = more;
    }
    for (uint32_t k = 0; k < tokens->count; k++) {
        struct scores *scores = &lattice->score[k + TAGGER_SLOTS];
        for (uint32_t p = 0; p < PARTS; p++) {
            lane value = scores->part[p] + given.part[p];
            lane capped = -most_of(-value, all(-SCORE_MOST));
            scores->part[p] = most_of(capped, all(-SCORE_MOST));
        }
    }
}

// ---- the best path ------------------------------------------------------------------------------

static struct scores steps_of(const int16_t steps[TAGGER_LABELS]) {
    struct scores out;
    memcpy(&out, steps, sizeof out);
    return out;
}

static struct scores settled(struct scores path) {
    int16_t most = largest(path);
    for (uint32_t p = 0; p < PARTS; p++) {
        // What lies further behind than that is lost already; keep the difference in 16 bits.
        lane value = most_of(path.part[p], all(PATH_LEAST + (most > 0 ? most : 0)));
        path.part[p] = most_of(value - most, all(PATH_LEAST));
    }
    return path;
}

struct best {
    struct scores scores;
    lane from[PARTS];
};

// Goes on from label q, where the path before has `base`, to all labels.
static inline void better_of(struct best *best, const struct tagger *tagger, uint32_t q,
                             lane base) {
    struct scores steps = steps_of(tagger->steps[q]);
    for (uint32_t p = 0; p < PARTS; p++) {
        lane sum = steps.part[p] + base, better = sum > best->scores.part[p];
        best->scores.part[p] = most_of(sum, best->scores.part[p]);
        best->from[p] = (all((int)q) & better) | (best->from[p] & ~better);
    }
}

static void paths(const struct tagger *tagger, uint32_t count, struct lattice *lattice) {
    struct scores path = steps_of(tagger->steps[TAGGER_OUTSIDE]);
    for (uint32_t p = 0; p < PARTS; p++) path.part[p] += lattice->score[TAGGER_SLOTS].part[p];
    lattice->path[0] = path = settled(path);
    for (uint32_t k = 1; k < count; k++) {
        struct best best = {steps_of(tagger->steps[0]), {{0}}};
        for (uint32_t p = 0; p < PARTS; p++) best.scores.part[p] += SPREAD(path, 0);
        better_of(&best, tagger, 1, SPREAD(path, 1));
        better_of(&best, tagger, 2, SPREAD(path, 2));
        better_of(&best, tagger, 3, SPREAD(path, 3));
        better_of(&best, tagger, 4, SPREAD(path, 4));
        better_of(&best, tagger, 5, SPREAD(path, 5));
        better_of(&best, tagger, 6, SPREAD(path, 6));
        better_of(&best, tagger, 7, SPREAD(path, 7));
        better_of(&best, tagger, 8, SPREAD(path, 8));
        better_of(&best, tagger, 9, SPREAD(path, 9));
        better_of(&best, tagger, 10, SPREAD(path, 10));
        better_of(&best, tagger, 11, SPREAD(path, 11));
        better_of(&best, tagger, 12, SPREAD(path, 12));
        for (uint32_t p = 0; p < PARTS; p++) {
            best.scores.part[p] += lattice->score[k + TAGGER_SLOTS].part[p];
            label_octet narrow = __builtin_convertvector(best.from[p], label_octet);
            memcpy(lattice->from[k] + p * LANES, &narrow, sizeof narrow);
        }
        lattice->path[k] = path = settled(best.scores);
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

// MARGIN_NONE for the labels that are of this label's kind, or are none; 0 for the others.
static struct scores others_of(uint32_t label) {
    int16_t out[TAGGER_LABELS];
    for (uint32_t q = 0; q < TAGGER_LABELS; q++) {
        bool same =
            q != TAGGER_OUTSIDE && label != TAGGER_OUTSIDE && (q - 1) / 4 == (label - 1) / 4;
        out[q] = same || q >= TAGGER_LABELS_USED ? MARGIN_NONE : 0;
    }
    return steps_of(out);
}

// The same as better_of, from behind: to label q, whose path to the end has `ahead`.
static inline void farther_of(struct scores *next, const struct tagger *tagger, uint32_t q,
                              lane ahead) {
    struct scores steps = steps_of(tagger->steps_back[q]);
    for (uint32_t p = 0; p < PARTS; p++) {
        next->part[p] = most_of(next->part[p], steps.part[p] + ahead);
    }
}

// margin[k]: how far the best path that has token k in no name of its kind lies behind the best.
static void margins(const struct tagger *tagger, uint32_t count, const struct lattice *lattice,
                    int16_t *margin) {
    struct scores behind; // best path from here to the end, by label
    struct scores others[1 + TAGGER_KINDS];
    for (uint32_t k = 0; k <= TAGGER_KINDS; k++) others[k] = others_of(4 * k);
    for (uint32_t q = 0; q < TAGGER_LABELS; q++) {
        behind.part[q / LANES][q % LANES] =
            q < TAGGER_LABELS_USED && tagger_may_end(q) ? 0 : TAGGER_NEVER;
    }
    for (uint32_t k = count; k-- > 0;) {
        uint32_t label = lattice->label[k];
        struct scores through = lattice->path[k];
        for (uint32_t p = 0; p < PARTS; p++) through.part[p] += behind.part[p];
        int best = score_at(&through, label);
        const struct scores *mask = &others[(label + 3) / 4];
        for (uint32_t p = 0; p < PARTS; p++) {
            lane masked = mask->part[p] != 0;
            through.part[p] = (through.part[p] & ~masked) | (mask->part[p] & masked);
        }
        int other = largest(through);
        margin[k] = (int16_t)(best - other > MARGIN_MOST ? MARGIN_MOST : best - other);
        struct scores next;
        for (uint32_t p = 0; p < PARTS; p++) {
            behind.part[p] += lattice->score[k + TAGGER_SLOTS].part[p];
            next.part[p] = all(INT16_MIN);
        }
        farther_of(&next, tagger, 0, SPREAD(behind, 0));
        farther_of(&next, tagger, 1, SPREAD(behind, 1));
        farther_of(&next, tagger, 2, SPREAD(behind, 2));
        farther_of(&next, tagger, 3, SPREAD(behind, 3));
        farther_of(&next, tagger, 4, SPREAD(behind, 4));
        farther_of(&next, tagger, 5, SPREAD(behind, 5));
        farther_of(&next, tagger, 6, SPREAD(behind, 6));
        farther_of(&next, tagger, 7, SPREAD(behind, 7));
        farther_of(&next, tagger, 8, SPREAD(behind, 8));
        farther_of(&next, tagger, 9, SPREAD(behind, 9));
        farther_of(&next, tagger, 10, SPREAD(behind, 10));
        farther_of(&next, tagger, 11, SPREAD(behind, 11));
        farther_of(&next, tagger, 12, SPREAD(behind, 12));
        behind = settled(next);
    }
}

// 1 … 99 from a margin: the logistic curve, by its value at every quarter.
static uint8_t confidence_of(int margin, int scale) {
    static const uint8_t curve[] = {50, 56, 62, 68, 73, 78, 82, 85, 88, 90, 92, 94, 95, 96, 97, 98};
    int quarters = margin < 0 ? 0 : margin * 4 / scale;
    return quarters < (int)sizeof curve ? curve[quarters] : 99;
}

static size_t segment(const struct tagger *tagger, const struct tagger_tokens *tokens,
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
