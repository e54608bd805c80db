// The tagger's weights: from the compact file to tables that are fast to look up.
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include <zstd.h>

#include "base/memory.h"
#include "data/detect/tagger_private.h"

// File: a note in plain text, a line "UNPACKED PACKED" (bytes), then a zstd frame:
//   format, scale                                   u32 each
//   characters: count u32, then (code point gap, id) as varints; classes, name codes
//   words: count u32, gaps of keys as varints, classes
//   n-grams: keys, rows, weights u32; five streams, each with its size: gaps of keys (varints),
//   slots, labels (two streams), weights; then the steps, u32 each
enum { UNPACKED_MOST = 32 << 20, NOTE_MOST = 16 << 10, ROWS_MOST = 1 << 22, KEYS_MOST = 1 << 20 };

struct reader {
    const uint8_t *at, *end;
    bool short_of; // the data ended too early
};

static uint32_t take_byte(struct reader *reader) {
    if (reader->at < reader->end) return *reader->at++;
    reader->short_of = true;
    return 0;
}

static uint32_t take_32(struct reader *reader) {
    uint32_t value = 0;
    for (uint32_t k = 0; k < 4; k++) value |= take_byte(reader) << 8 * k;
    return value;
}

static uint32_t take_number(struct reader *reader) {
    uint32_t value = 0;
    for (uint32_t shift = 0; shift < 32; shift += 7) {
        uint32_t byte = take_byte(reader);
        value |= (byte & 127) << shift;
        if (byte < 128) break;
    }
    return value;
}

static struct reader take_part(struct reader *reader) {
    uint32_t size = take_32(reader);
    struct reader part = {reader->at, reader->at, false};
    if ((size_t)(reader->end - reader->at) < size) {
        reader->short_of = true;
        return part;
    }
    reader->at += size;
    part.end = reader->at;
    return part;
}

// ---- parts of the file --------------------------------------------------------------------------

static enum err characters_read(struct tagger_tables *tables, struct reader *reader) {
    uint32_t count = take_32(reader), code = 0;
    for (uint32_t k = 0; k < count && !reader->short_of; k++) {
        code += take_number(reader);
        uint32_t id = take_number(reader);
        if (code >= TAGGER_CODE_POINTS || id >= TAGGER_IDS_MAX) return ERR_CORRUPT;
        tables->id_of[code] = (uint16_t)id;
    }
    for (uint32_t k = 0; k < TAGGER_IDS_MAX; k++) tables->class_of[k] = (uint8_t)take_byte(reader);
    for (uint32_t k = 0; k < TAGGER_IDS_MAX; k++) tables->name_of[k] = (uint8_t)take_byte(reader);
    return reader->short_of ? ERR_CORRUPT : OK;
}

static uint32_t power_of_two(uint32_t least) {
    uint32_t power = 1;
    while (power < least) power *= 2;
    return power;
}

static enum err words_read(struct tagger_tables *tables, struct reader *reader) {
    uint32_t count = take_32(reader), key = 0;
    if (count > KEYS_MOST) return ERR_CORRUPT;
    uint32_t room = power_of_two(count * 2 + 2);
    tables->words = memory_take(room * sizeof *tables->words);
    if (!tables->words) return ERR_MEMORY;
    tables->words_mask = room - 1;
    struct reader classes = *reader;
    for (uint32_t k = 0; k < count; k++) (void)take_number(&classes);
    for (uint32_t k = 0; k < count; k++) {
        key += take_number(reader);
        uint32_t slot = key & tables->words_mask;
        while (tables->words[slot]) slot = (slot + 1) & tables->words_mask;
        tables->words[slot] = (key & 0xFFFFFF) << 8 | (take_byte(&classes) & 7);
    }
    *reader = classes;
    return reader->short_of ? ERR_CORRUPT : OK;
}

// Memory for the tables that are looked up all over, in large pages where the system has them to
// give. It comes written with zeros, in small pages; what lies in whole large ones is given back to
// come again as such, as zeros, at its first use.
static void *take_tables(size_t size, void **memory) {
    enum { LARGE = 2 << 20 };
    size_t whole = (size + LARGE - 1) / LARGE * LARGE;
    *memory = memory_take(whole + LARGE);
    if (!*memory) return NULL;
    char *tables = (char *)*memory + (LARGE - (uintptr_t)*memory % LARGE) % LARGE;
    if (madvise(tables, whole, MADV_HUGEPAGE) == 0) (void)madvise(tables, whole, MADV_DONTNEED);
    return tables;
}

static enum err rows_read(struct tagger *tagger, uint32_t count, struct reader *low,
                          struct reader *high, struct reader *weights) {
    for (uint32_t row = 0; row < count; row++) {
        uint32_t labels = take_byte(low) | take_byte(high) << 8;
        for (uint32_t q = 0; q < TAGGER_LABELS; q++) {
            if (labels >> q & 1) tagger->rows[row][q] = (int8_t)take_byte(weights);
        }
    }
    return low->short_of || high->short_of || weights->short_of ? ERR_CORRUPT : OK;
}

static void index_add(struct tagger *tagger, uint32_t key, uint32_t slots, uint32_t row) {
    uint32_t at = key >> tagger->index_shift;
    while (tagger->index[at]) at = (at + 1) & tagger->index_mask;
    tagger->index[at] = (uint64_t)row << 32 | slots << 24 | key;
    tagger->filter[key >> 8] |= UINT64_C(1) << (key >> 2 & 63);
}

static enum err grams_read(struct tagger *tagger, struct reader *reader) {
    uint32_t keys = take_32(reader), rows = take_32(reader), row = 0, key = 0;
    (void)take_32(reader);
    if (keys > KEYS_MOST || rows > ROWS_MOST) return ERR_CORRUPT;
    struct reader part[5];
    for (uint32_t k = 0; k < 5; k++) part[k] = take_part(reader);
    uint32_t bits = 10;
    while ((UINT32_C(1) << bits) < keys + keys / 4) bits++;
    tagger->index_shift = TAGGER_GRAM_BITS - bits;
    tagger->index_mask = (UINT32_C(1) << bits) - 1;
    size_t index_bytes = sizeof *tagger->index << bits, filter_bytes = 1 << (TAGGER_GRAM_BITS - 5);
    char *tables =
        take_tables(filter_bytes + index_bytes + rows * sizeof *tagger->rows, &tagger->memory);
    if (!tables) return ERR_MEMORY;
    tagger->filter = (uint64_t *)(void *)tables;
    tagger->index = (uint64_t *)(void *)(tables + filter_bytes);
    tagger->rows = (int8_t(*)[TAGGER_LABELS])(tables + filter_bytes + index_bytes);
    for (uint32_t k = 0; k < keys; k++) {
        uint32_t slots = take_byte(&part[1]);
        key += take_number(&part[0]);
        if (key >> TAGGER_GRAM_BITS || slots == 0) return ERR_CORRUPT;
        index_add(tagger, key, slots, row);
        row += (uint32_t)__builtin_popcount(slots);
    }
    if (row != rows || part[0].short_of || part[1].short_of) return ERR_CORRUPT;
    return rows_read(tagger, rows, &part[2], &part[3], &part[4]);
}

static enum err steps_read(struct tagger *tagger, struct reader *reader) {
    for (uint32_t from = 0; from < TAGGER_LABELS; from++) {
        for (uint32_t to = 0; to < TAGGER_LABELS; to++) {
            int32_t step = (int32_t)take_32(reader);
            bool may =
                from < TAGGER_LABELS_USED && to < TAGGER_LABELS_USED && tagger_may_follow(from, to);
            step = step > 4000 ? 4000 : step < -4000 ? -4000 : step;
            tagger->steps[from][to] = may ? (int16_t)step : TAGGER_NEVER;
            tagger->steps_back[to][from] = tagger->steps[from][to];
        }
    }
    return reader->short_of ? ERR_CORRUPT : OK;
}

// ---- open ---------------------------------------------------------------------------------------

static enum err unpacked_read(struct tagger *tagger, struct str data) {
    struct reader reader = {(const uint8_t *)data.data, (const uint8_t *)data.data + data.size,
                            false};
    if (take_32(&reader) != TAGGER_FORMAT) return ERR_CORRUPT;
    tagger->scale = take_32(&reader);
    if (tagger->scale == 0 || tagger->scale > 1000) return ERR_CORRUPT;
    enum err err = characters_read(&tagger->tables, &reader);
    if (err == OK) err = words_read(&tagger->tables, &reader);
    if (err == OK) err = grams_read(tagger, &reader);
    if (err == OK) err = steps_read(tagger, &reader);
    return err;
}

// The note ends at an empty line; the sizes stand on the line behind it.
static bool header_read(struct str file, struct str *note, uint64_t *unpacked, struct str *packed) {
    const char *end = memmem(file.data, file.size < NOTE_MOST ? file.size : NOTE_MOST, "\n\n", 2);
    if (!end) return false;
    *note = (struct str){file.data, (size_t)(end - file.data)};
    struct str rest = {end + 2, file.size - note->size - 2};
    struct str sizes = str_cut(rest, '\n', packed), size;
    uint64_t packed_size;
    struct str first = str_cut(sizes, ' ', &size);
    return packed->data && str_to_u64(first, unpacked) && str_to_u64(size, &packed_size) &&
           *unpacked <= UNPACKED_MOST && packed_size == packed->size;
}

enum err tagger_open(struct str file, struct tagger **out) {
    struct str note, packed;
    uint64_t size;
    if (!header_read(file, &note, &size, &packed)) return ERR_CORRUPT;
    char *data = memory_take(size + 1);
    struct tagger *tagger = memory_take(sizeof *tagger);
    enum err err = data && tagger ? OK : ERR_MEMORY;
    if (err == OK && ZSTD_decompress(data, size, packed.data, packed.size) != size) {
        err = ERR_CORRUPT;
    }
    if (err == OK) {
        tagger->note = note;
        err = unpacked_read(tagger, (struct str){data, size});
    }
    memory_give(data);
    if (err != OK) {
        tagger_close(tagger);
        return err;
    }
    *out = tagger;
    return OK;
}

void tagger_close(struct tagger *tagger) {
    if (!tagger) return;
    memory_give(tagger->tables.words);
    memory_give(tagger->memory);
    memory_give(tagger);
}

static pthread_once_t shared_once = PTHREAD_ONCE_INIT;
static struct tagger *shared;

static void shared_open(void) {
    struct tagger *tagger = NULL;
    if (tagger_open(detect_weights(), &tagger) == OK) shared = tagger;
}

const struct tagger *tagger_shared(void) {
    pthread_once(&shared_once, shared_open);
    return shared;
}
