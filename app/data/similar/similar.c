// The texts that were kept: bands lead to candidates, minima sort them, shingles decide.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "data/similar/similar_private.h"
#include "data/similar/spool_private.h"

enum {
    CHUNK_TEXTS = 4096,
    BAND_ROOM_START = 1024,
    // Texts of one band value that are looked at: more only where thousands of kept texts share a
    // form without being duplicates.
    CHAIN_MOST = LIMIT_SIMILAR_CANDIDATES,
    KEPT_MAX = UINT32_MAX - 1,
};

struct kept {
    uint64_t number, offset;
    uint32_t size, words;
    uint32_t mark;                // of the last text it was a candidate of
    uint32_t next[SIMILAR_BANDS]; // 1 + the text before it with the same band value
    uint8_t minima[SIMILAR_PERMUTATIONS];
};
// Open addressing by the band's value.
struct band {
    struct band_slot {
        uint32_t value, head; // head: 1 + the last text; 0: free
    } * slots;
    uint64_t room, count; // room is a power of two
};
struct candidate {
    uint32_t text, equal; // minima
};
struct similar_set {
    double jaccard;
    uint32_t equal_least; // minima that must be equal for a candidate to be verified
    struct kept **chunks; // (chunk_count)
    size_t chunk_count, chunks_bytes;
    uint32_t kept;
    uint32_t mark;
    struct band bands[SIMILAR_BANDS];
    struct spool spool;
    struct candidate *candidates; // (SIMILAR_BANDS * CHAIN_MOST)
    uint32_t candidate_count;
    struct shingles shingles;
    struct shingle_set shingle_set;
    struct similar_counts counts;
};

// ---- opening ------------------------------------------------------------------------------------

// Of two texts at least as similar as `jaccard`, fewer than this share of minima is equal with a
// chance below one in a million: five standard deviations. Lowest bytes agree by chance in 1 of
// 256.
static uint32_t equal_least_for(double jaccard) {
    double equal = jaccard + (1 - jaccard) / 256;
    double deviation = sqrt(SIMILAR_PERMUTATIONS * equal * (1 - equal));
    double least = SIMILAR_PERMUTATIONS * equal - 5 * deviation;
    return least > 1 ? (uint32_t)least : 1;
}

enum err similar_open(double jaccard, const char *folder, struct similar_set **out,
                      struct fault *fault) {
    struct similar_set *set = memory_take(sizeof *set);
    if (!set) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("similar"));
    set->jaccard = jaccard;
    set->equal_least = equal_least_for(jaccard);
    enum err err = spool_open(&set->spool, folder, LIMIT_SIMILAR_MEMORY_BYTES, fault);
    set->candidates = memory_take(sizeof *set->candidates * SIMILAR_BANDS * CHAIN_MOST);
    if (err == OK && !set->candidates) {
        err = fault_set(fault, ERR_MEMORY, "base.no_memory", STR("similar"));
    }
    if (err != OK) {
        similar_close(set);
        return err;
    }
    *out = set;
    return OK;
}

void similar_close(struct similar_set *set) {
    if (!set) return;
    for (size_t i = 0; i < set->chunk_count; i++) memory_give(set->chunks[i]);
    for (int i = 0; i < SIMILAR_BANDS; i++) memory_give(set->bands[i].slots);
    memory_give(set->chunks);
    memory_give(set->candidates);
    shingles_close(&set->shingles);
    shingle_set_close(&set->shingle_set);
    spool_close(&set->spool);
    memory_give(set);
}

static struct kept *kept_at(const struct similar_set *set, uint32_t text) {
    return &set->chunks[text / CHUNK_TEXTS][text % CHUNK_TEXTS];
}

// ---- bands --------------------------------------------------------------------------------------

static struct band_slot *band_slot(const struct band *band, uint32_t value) {
    uint64_t at = (value * UINT64_C(0x9E3779B97F4A7C15)) >> 32 & (band->room - 1);
    while (band->slots[at].head && band->slots[at].value != value) at = (at + 1) & (band->room - 1);
    return &band->slots[at];
}

// Room for one value more: at most four fifths full.
static enum err band_need(struct band *band) {
    if ((band->count + 1) * 5 <= band->room * 4) return OK;
    struct band grown = {.room = band->room ? band->room * 2 : BAND_ROOM_START,
                         .count = band->count};
    grown.slots = memory_take(grown.room * sizeof *grown.slots);
    if (!grown.slots) return ERR_MEMORY;
    for (uint64_t i = 0; i < band->room; i++) {
        if (band->slots[i].head) *band_slot(&grown, band->slots[i].value) = band->slots[i];
    }
    memory_give(band->slots);
    *band = grown;
    return OK;
}

// ---- candidates ---------------------------------------------------------------------------------

static uint32_t equal_minima(const uint8_t *a, const uint8_t *b) {
    uint32_t equal = 0;
    for (int i = 0; i < SIMILAR_PERMUTATIONS; i++) equal += a[i] == b[i];
    return equal;
}

static void gather_band(struct similar_set *set, const struct similar_text *text, int index) {
    const struct band *band = &set->bands[index];
    if (band->room == 0) return;
    uint32_t next = band_slot(band, text->bands[index])->head;
    for (uint32_t steps = 0; next; steps++) {
        if (steps == CHAIN_MOST) {
            set->counts.left_out++;
            return;
        }
        struct kept *kept = kept_at(set, next - 1);
        uint32_t candidate = next - 1;
        next = kept->next[index];
        if (kept->mark == set->mark || kept->words != text->words) continue;
        kept->mark = set->mark;
        set->counts.candidates++;
        uint32_t equal = equal_minima(kept->minima, text->minima);
        if (equal < set->equal_least) continue;
        set->candidates[set->candidate_count++] = (struct candidate){candidate, equal};
    }
}

// The closest first; of equals the earliest.
static int compare_candidates(const void *a, const void *b) {
    const struct candidate *left = a, *right = b;
    if (left->equal != right->equal) return left->equal > right->equal ? -1 : 1;
    return left->text < right->text ? -1 : 1;
}

static enum err verify(struct similar_set *set, const struct kept *kept, double *jaccard) {
    struct str units;
    enum err err = spool_read(&set->spool, kept->offset, kept->size, &units);
    if (err == OK) err = shingles_make(&set->shingles, units, kept->words);
    if (err == OK) err = shingle_set_jaccard(&set->shingle_set, &set->shingles, jaccard);
    set->counts.verified++;
    return err;
}

static enum err find(struct similar_set *set, const struct similar_text *text, bool *found,
                     struct similar_match *match) {
    set->mark++;
    set->candidate_count = 0;
    for (int i = 0; i < SIMILAR_BANDS; i++) gather_band(set, text, i);
    if (set->candidate_count == 0) return OK;
    qsort(set->candidates, set->candidate_count, sizeof *set->candidates, compare_candidates);
    struct str units = {text->units, text->size};
    enum err err = shingles_make(&set->shingles, units, text->words);
    if (err == OK) err = shingle_set_fill(&set->shingle_set, &set->shingles);
    uint32_t most = LIMIT_SIMILAR_CANDIDATES;
    for (uint32_t i = 0; i < set->candidate_count && err == OK && !*found; i++) {
        if (i == most) {
            set->counts.left_out++;
            break;
        }
        const struct kept *kept = kept_at(set, set->candidates[i].text);
        err = verify(set, kept, &match->jaccard);
        *found = err == OK && match->jaccard >= set->jaccard;
        match->of = kept->number;
    }
    return err;
}

// ---- keeping ------------------------------------------------------------------------------------

static enum err chunk_add(struct similar_set *set) {
    size_t wanted = (set->chunk_count + 1) * sizeof *set->chunks;
    if (wanted > set->chunks_bytes) {
        size_t bytes = wanted * 2;
        struct kept **chunks = memory_resize(set->chunks, set->chunks_bytes, bytes);
        if (!chunks) return ERR_MEMORY;
        set->chunks = chunks;
        set->chunks_bytes = bytes;
    }
    struct kept *chunk = memory_take(CHUNK_TEXTS * sizeof *chunk);
    if (!chunk) return ERR_MEMORY;
    set->chunks[set->chunk_count++] = chunk;
    return OK;
}

static enum err keep(struct similar_set *set, const struct similar_text *text, uint64_t number) {
    if (set->kept == KEPT_MAX) return ERR_LIMIT;
    enum err err = set->kept % CHUNK_TEXTS == 0 && set->kept / CHUNK_TEXTS == set->chunk_count
                       ? chunk_add(set)
                       : OK;
    for (int i = 0; i < SIMILAR_BANDS && err == OK; i++) err = band_need(&set->bands[i]);
    uint64_t offset = 0;
    if (err == OK) {
        err = spool_add(&set->spool, (struct str){text->units, text->size}, &offset);
    }
    if (err != OK) return err;
    struct kept *kept = kept_at(set, set->kept);
    *kept =
        (struct kept){.number = number, .offset = offset, .size = text->size, .words = text->words};
    memcpy(kept->minima, text->minima, sizeof kept->minima);
    set->kept++;
    for (int i = 0; i < SIMILAR_BANDS; i++) {
        struct band_slot *slot = band_slot(&set->bands[i], text->bands[i]);
        kept->next[i] = slot->head;
        set->bands[i].count += slot->head == 0;
        *slot = (struct band_slot){text->bands[i], set->kept};
    }
    return OK;
}

enum err similar_add(struct similar_set *set, const struct similar_text *text, uint64_t number,
                     bool *duplicate, struct similar_match *match) {
    struct similar_match nearest = {0};
    bool found = false;
    *duplicate = false;
    if (text->size == 0) return OK;
    enum err err = find(set, text, &found, &nearest);
    if (err != OK) return err;
    if (found) {
        *duplicate = true;
        *match = nearest;
        set->counts.duplicates++;
        return OK;
    }
    return keep(set, text, number);
}

struct similar_counts similar_counts_of(const struct similar_set *set) {
    struct similar_counts counts = set->counts;
    counts.kept = set->kept;
    counts.memory_bytes = sizeof *set + set->chunk_count * CHUNK_TEXTS * sizeof(struct kept) +
                          sizeof *set->candidates * SIMILAR_BANDS * CHAIN_MOST;
    for (int i = 0; i < SIMILAR_BANDS; i++) {
        counts.memory_bytes += set->bands[i].room * sizeof(struct band_slot);
    }
    counts.file_bytes = set->spool.written;
    counts.text_bytes = set->spool.written + set->spool.held.size;
    return counts;
}
