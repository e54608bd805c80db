// Loading: the packed dictionaries are unpacked and the words that one direction needs are put into
// a tree. Some 10 ms and 5 MB for simplified to traditional, 1 ms for the others.
#include <string.h>
#include <zlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/language/chinese_private.h"

enum { TEXT_BYTES_MAX = 4 << 20, EDGES_MAX = 1 << 20 };

// The dictionaries of each direction, step by step; the names are those of opencc.sh.
static const struct {
    const char *name;
    const char *steps[STEPS_MAX][2]; // words, characters
    bool cut_by_last;
} directions[CHINESE_DIRECTION_COUNT] = {
    [CHINESE_T2S] = {"t2s", {{"TSPhrases", "TSCharacters"}}, false},
    [CHINESE_S2T] = {"s2t", {{"STPhrases", "STCharacters"}}, false},
    [CHINESE_TW2S] = {"tw2s",
                      {{"TWVariantsRevPhrases", "TWVariants_rev"}, {"TSPhrases", "TSCharacters"}},
                      true},
    [CHINESE_HK2S] = {"hk2s",
                      {{"HKVariantsRevPhrases", "HKVariants_rev"}, {"TSPhrases", "TSCharacters"}},
                      true},
    [CHINESE_S2TW] = {"s2tw", {{"STPhrases", "STCharacters"}, {NULL, "TWVariants"}}, false},
    [CHINESE_S2HK] = {"s2hk", {{"STPhrases", "STCharacters"}, {NULL, "HKVariants"}}, false},
};

const char *chinese_direction_name(enum chinese_direction direction) {
    return directions[direction].name;
}

// ---- unpacking ----------------------------------------------------------------------------------

static enum err unpack(struct chinese *chinese) {
    struct str packed = chinese_dictionaries();
    z_stream stream = {0};
    cy_assert(packed.size > 18 && packed.size < TEXT_BYTES_MAX);
    // gzip closes with the size of what it holds.
    const uint8_t *tail = (const uint8_t *)packed.data + packed.size - 4;
    chinese->text_bytes =
        (size_t)tail[0] | (size_t)tail[1] << 8 | (size_t)tail[2] << 16 | (size_t)tail[3] << 24;
    cy_assert(chinese->text_bytes < TEXT_BYTES_MAX);
    chinese->text = memory_take(chinese->text_bytes + 1);
    if (!chinese->text || inflateInit2(&stream, 15 + 16) != Z_OK) return ERR_MEMORY;
    // zlib reads only, though its type does not say so.
    union {
        const char *read;
        Bytef *given;
    } in = {.read = packed.data};
    stream.next_in = in.given;
    stream.avail_in = (uInt)packed.size;
    stream.next_out = (Bytef *)chinese->text;
    stream.avail_out = (uInt)chinese->text_bytes;
    int status = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    if (status == Z_MEM_ERROR) return ERR_MEMORY;
    return status == Z_STREAM_END ? OK : ERR_CORRUPT;
}

// The lines of one dictionary.
static struct str section(const struct chinese *chinese, const char *name) {
    struct str rest = {chinese->text, chinese->text_bytes};
    struct str found = STR_NONE;
    while (rest.size) {
        struct str line = str_cut(rest, '\n', &rest);
        if (line.size == 0 || line.data[0] != '@') continue;
        if (found.data) {
            found.size = (size_t)(line.data - found.data);
            return found;
        }
        if (str_is((struct str){line.data + 1, line.size - 1}, name)) found = rest;
    }
    return found;
}

// ---- filling ------------------------------------------------------------------------------------

// The node that an edge leads to; 0 if there is none and `add` is 0, else the new edge leads to it.
static uint32_t edge_find(struct dictionary *dictionary, uint32_t node, uint32_t c, uint32_t add) {
    uint64_t key = (uint64_t)node << 21 | c;
    for (uint64_t slot = edge_hash(key);; slot++) {
        uint64_t *edge = &dictionary->edges[slot & dictionary->edge_mask];
        if (*edge >> 21 == key) return (uint32_t)(*edge & 0x1FFFFF);
        if (*edge != 0) continue;
        if (add) *edge = key << 21 | add;
        return add;
    }
}

static void add_word(struct dictionary *dictionary, struct str word, struct str value) {
    size_t at = 0;
    uint32_t first = utf8_next(word, &at), node = first;
    cy_assert(word.size <= WORD_BYTES_MAX && value.size <= 2 * word.size && value.size > 0);
    for (int i = 0; at < word.size; i++) {
        uint32_t c = utf8_next(word, &at);
        if (i == 0) {
            uint32_t bit = pair_bit(first, c);
            dictionary->pairs[bit / 8] |= (uint8_t)(1u << (bit % 8));
        }
        uint32_t fresh = NODE_FIRST + dictionary->node_count;
        node = edge_find(dictionary, node, c, fresh);
        if (node == fresh) dictionary->node_count++;
        cy_assert(dictionary->node_count < dictionary->node_room);
    }
    cy_assert(node >= NODE_FIRST && first <= 0xFFFF);
    dictionary->entries[first] |= ENTRY_STARTS;
    uint32_t *slot = &dictionary->values[node - NODE_FIRST];
    if (*slot == 0) *slot = (uint32_t)(value.data - dictionary->text) << 8 | (uint32_t)value.size;
}

static void add_character(struct dictionary *dictionary, struct str word, struct str value) {
    size_t at = 0, value_at = 0;
    uint32_t from = utf8_next(word, &at), to = utf8_next(value, &value_at);
    cy_assert(at == word.size && value_at == value.size);
    if (from == to) return;
    if (from > 0xFFFF) {
        uint32_t i = dictionary->wide_count++;
        cy_assert(i == 0 || dictionary->wide_from[i - 1] < from);
        dictionary->wide_from[i] = from;
        dictionary->wide_to[i] = to;
        return;
    }
    uint32_t *entry = &dictionary->entries[from];
    cy_assert(to <= 0xFFFF || to >> 16 == 2 || to >> 16 == 3);
    *entry |= to & CHARACTER_MASK;
    // Characters of plane 3 are few and rare: they stay with the wide ones.
    if (to > 0xFFFF) *entry |= ENTRY_WIDE * (to >> 16 == 2 ? 1u : 3u);
}

static void add_all(struct dictionary *dictionary, struct str lines,
                    void (*add)(struct dictionary *, struct str, struct str)) {
    while (lines.size) {
        struct str line = str_cut(lines, '\n', &lines);
        struct str value, word = str_cut(line, '\t', &value);
        if (word.size && value.size) add(dictionary, word, value);
    }
}

static uint32_t count_lines(struct str lines) {
    uint32_t count = 0;
    for (size_t i = 0; i < lines.size; i++) count += lines.data[i] == '\n';
    return count;
}

static enum err load(struct chinese *chinese, struct dictionary *dictionary,
                     const char *const names[2]) {
    struct str words = names[0] ? section(chinese, names[0]) : STR_NONE;
    struct str characters = section(chinese, names[1]);
    cy_assert(characters.data && (words.data || !names[0]));
    // Three bytes a character, half of a word's line its value: no word has more nodes than this.
    dictionary->node_room = (uint32_t)(words.size / 6) + 2;
    uint32_t edges = 64;
    while (edges < dictionary->node_room * 3 / 2) edges *= 2;
    cy_assert(edges <= EDGES_MAX);
    uint32_t wide = count_lines(characters) + 1;
    dictionary->text = chinese->text;
    dictionary->edge_mask = edges - 1;
    dictionary->entries = memory_take(65536 * sizeof *dictionary->entries);
    dictionary->wide_from = memory_take(wide * sizeof *dictionary->wide_from);
    dictionary->wide_to = memory_take(wide * sizeof *dictionary->wide_to);
    dictionary->edges = memory_take(edges * sizeof *dictionary->edges);
    dictionary->values = memory_take(dictionary->node_room * sizeof *dictionary->values);
    dictionary->pairs = memory_take(PAIR_BITS / 8);
    if (!dictionary->entries || !dictionary->wide_from || !dictionary->wide_to ||
        !dictionary->edges || !dictionary->values || !dictionary->pairs) {
        return ERR_MEMORY;
    }
    add_all(dictionary, words, add_word);
    add_all(dictionary, characters, add_character);
    return OK;
}

enum err chinese_open(enum chinese_direction direction, struct chinese **out) {
    struct chinese *chinese = memory_take(sizeof *chinese);
    if (!chinese) return ERR_MEMORY;
    chinese->direction = direction;
    chinese->cut_by_last = directions[direction].cut_by_last;
    enum err err = unpack(chinese);
    for (uint32_t step = 0; step < STEPS_MAX && err == OK; step++) {
        if (!directions[direction].steps[step][1]) break;
        chinese->step_count++;
        err = load(chinese, &chinese->steps[step], directions[direction].steps[step]);
    }
    if (err != OK) {
        chinese_close(chinese);
        return err;
    }
    *out = chinese;
    return OK;
}

void chinese_close(struct chinese *chinese) {
    if (!chinese) return;
    for (uint32_t step = 0; step < STEPS_MAX; step++) {
        struct dictionary *dictionary = &chinese->steps[step];
        memory_give(dictionary->entries);
        memory_give(dictionary->wide_from);
        memory_give(dictionary->wide_to);
        memory_give(dictionary->edges);
        memory_give(dictionary->values);
        memory_give(dictionary->pairs);
    }
    memory_give(chinese->text);
    memory_give(chinese);
}

// ---- looking up ---------------------------------------------------------------------------------

uint32_t dictionary_character(const struct dictionary *dictionary, uint32_t c) {
    if (c <= 0xFFFF) {
        uint32_t entry = dictionary->entries[c];
        uint32_t to = entry & CHARACTER_MASK;
        uint32_t plane = entry / ENTRY_WIDE & 3;
        if (plane) return (plane == 1 ? 0x20000u : 0x30000u) | to;
        return to ? to : c;
    }
    uint32_t low = 0, high = dictionary->wide_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (dictionary->wide_from[middle] == c) return dictionary->wide_to[middle];
        if (dictionary->wide_from[middle] < c)
            low = middle + 1;
        else
            high = middle;
    }
    return c;
}

size_t dictionary_word(const struct dictionary *dictionary, struct str text, uint32_t c,
                       size_t next, struct str *out) {
    size_t at = next, best = 0;
    uint32_t node = c;
    while (at < text.size) {
        uint32_t after = utf8_next(text, &at);
        if (node == c) {
            uint32_t bit = pair_bit(c, after);
            if (!(dictionary->pairs[bit / 8] >> (bit % 8) & 1)) break;
        }
        uint64_t key = (uint64_t)node << 21 | after;
        uint64_t slot = edge_hash(key);
        while (dictionary->edges[slot & dictionary->edge_mask] >> 21 != key &&
               dictionary->edges[slot & dictionary->edge_mask] != 0) {
            slot++;
        }
        uint64_t edge = dictionary->edges[slot & dictionary->edge_mask];
        if (edge == 0) break;
        node = (uint32_t)(edge & 0x1FFFFF);
        uint32_t value = dictionary->values[node - NODE_FIRST];
        if (value == 0) continue;
        best = at;
        *out = (struct str){dictionary->text + (value >> 8), value & 0xFF};
    }
    return best;
}
