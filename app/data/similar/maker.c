// From a text to what is looked up: its units, its bands and its minima.
#include "data/similar/similar_private.h"

struct similar_maker {
    enum similar_unit unit;
    struct buf units, other;
    struct shingles shingles;
    struct shingle_set set;
    minima_kernel *minima;
};

enum err similar_maker_open(enum similar_unit unit, struct similar_maker **out) {
    struct similar_maker *maker = memory_take(sizeof *maker);
    if (!maker) return ERR_MEMORY;
    maker->unit = unit;
    maker->minima = minima_best();
    buf_open(&maker->units, UINT32_MAX);
    buf_open(&maker->other, UINT32_MAX);
    *out = maker;
    return OK;
}

void similar_maker_close(struct similar_maker *maker) {
    if (!maker) return;
    buf_close(&maker->units);
    buf_close(&maker->other);
    shingles_close(&maker->shingles);
    shingle_set_close(&maker->set);
    memory_give(maker);
}

static uint32_t band_of(const uint32_t *minima) {
    uint64_t hash = 0x51ED270B6F8A2F5Bu;
    for (int i = 0; i < SIMILAR_BAND_ROWS; i++) {
        hash = (hash ^ minima[i]) * 0xD6E8FEB86659FD93u;
        hash ^= hash >> 32;
    }
    return (uint32_t)(hash >> 16);
}

enum err similar_make(struct similar_maker *maker, struct str text, struct similar_text *out) {
    uint32_t minima[SIMILAR_PERMUTATIONS];
    buf_clear(&maker->units);
    bool words = units_write(text, maker->unit, &maker->units);
    if (buf_err(&maker->units) != OK) return ERR_MEMORY;
    struct str units = buf_str(&maker->units);
    enum err err = shingles_make(&maker->shingles, units, words);
    if (err != OK) return err;
    *out = (struct similar_text){.units = units.data, .size = (uint32_t)units.size, .words = words};
    if (maker->shingles.count == 0) return OK;
    maker->minima(maker->shingles.hashes, maker->shingles.count, minima);
    for (int i = 0; i < SIMILAR_BANDS; i++) out->bands[i] = band_of(minima + i * SIMILAR_BAND_ROWS);
    for (int i = 0; i < SIMILAR_PERMUTATIONS; i++) out->minima[i] = (uint8_t)minima[i];
    return OK;
}

enum err similar_jaccard(struct similar_maker *maker, struct str a, struct str b, double *out) {
    buf_clear(&maker->units);
    buf_clear(&maker->other);
    bool words = units_write(a, maker->unit, &maker->units);
    bool other_words = units_write(b, maker->unit, &maker->other);
    if (buf_err(&maker->units) != OK || buf_err(&maker->other) != OK) return ERR_MEMORY;
    *out = 0;
    if (words != other_words || !maker->units.size || !maker->other.size) return OK;
    enum err err = shingles_make(&maker->shingles, buf_str(&maker->units), words);
    if (err == OK) err = shingle_set_fill(&maker->set, &maker->shingles);
    if (err == OK) err = shingles_make(&maker->shingles, buf_str(&maker->other), words);
    return err == OK ? shingle_set_jaccard(&maker->set, &maker->shingles, out) : err;
}
