// Unigram: of all ways through a text the one whose pieces have the highest scores together. A
// character no piece covers is unknown, at a price; unknowns in a row are one.
// Source: SentencePiece (its normal forms too: a trie of doubled arrays, as Darts-clone lays it).
#include "model/language/tokenizer/tokenizer_private.h"

#include <float.h>
#include <string.h>

enum { UNKNOWN_PRICE = 10 };

enum err unigram_open(struct tokenizer *tokenizer, const struct gguf *file, struct fault *fault) {
    const struct gguf_value *map = gguf_find(file, "tokenizer.ggml.precompiled_charsmap");
    float lowest = FLT_MAX;
    if (!tokenizer->scores) {
        return fault_set(fault, ERR_INPUT, "tokenizer.missing", STR("tokenizer.ggml.scores"));
    }
    for (uint32_t i = 0; i < tokenizer->count; i++) {
        bool normal = tokenizer->kinds[i] == TOKEN_NORMAL;
        if (normal && tokenizer->scores[i] < lowest) lowest = tokenizer->scores[i];
    }
    tokenizer->unknown_score = lowest - UNKNOWN_PRICE;
    if (!map || map->type != GGUF_ARRAY || (map->item != GGUF_U8 && map->item != GGUF_I8))
        return OK;
    char *copy = arena_take(tokenizer->arena, map->count + 1);
    if (!copy) return ERR_MEMORY;
    memcpy(copy, map->bytes, map->count);
    tokenizer->replacements = (struct str){copy, (size_t)map->count};
    return OK;
}

// ---- normal forms ----------------------------------------------------------------------------

struct forms {
    const char *units; // (unit_count) of four bytes
    uint32_t unit_count;
    struct str texts; // what stands for what, each ended by NUL
};

static bool forms_of(struct str map, struct forms *out) {
    uint32_t bytes;
    if (map.size < sizeof bytes) return false;
    memcpy(&bytes, map.data, sizeof bytes);
    if (bytes > map.size - sizeof bytes) return false;
    *out = (struct forms){map.data + sizeof bytes,
                          bytes / 4,
                          {map.data + sizeof bytes + bytes, map.size - sizeof bytes - bytes}};
    return out->unit_count > 0;
}

static uint32_t unit_at(const struct forms *forms, uint32_t index) {
    uint32_t unit = 0;
    if (index < forms->unit_count) memcpy(&unit, forms->units + (size_t)index * 4, sizeof unit);
    return unit;
}

static uint32_t unit_offset(uint32_t unit) {
    return unit >> 10 << ((unit & 1u << 9) >> 6);
}

// The longest beginning of `text` that has another form: its bytes, and the form; 0: none has.
static size_t form_find(const struct forms *forms, struct str text, struct str *form) {
    size_t longest = 0;
    uint32_t node = unit_offset(unit_at(forms, 0));
    for (size_t at = 0; at < text.size && text.data[at]; at++) {
        uint8_t c = (uint8_t)text.data[at];
        node ^= c;
        uint32_t unit = unit_at(forms, node);
        if ((unit & (1u << 31 | 0xFF)) != c) break;
        node ^= unit_offset(unit);
        if (!(unit >> 8 & 1)) continue;
        uint32_t offset = unit_at(forms, node) & ~(1u << 31);
        if (offset >= forms->texts.size) continue;
        const char *start = forms->texts.data + offset;
        const char *end = memchr(start, 0, forms->texts.size - offset);
        if (!end) continue;
        *form = (struct str){start, (size_t)(end - start)};
        longest = at + 1;
    }
    return longest;
}

// Spaces become TOKEN_SPACE, those in a row one.
static void normal_add(struct work *work, struct str piece, bool *space_before) {
    const struct tokenizer *t = work->tokenizer;
    for (size_t i = 0; i < piece.size; i++) {
        bool space = piece.data[i] == ' ';
        if (!space) {
            buf_add_char(&work->text, piece.data[i]);
        } else if (!t->one_space || !*space_before) {
            buf_add_text(&work->text, TOKEN_SPACE);
        }
        *space_before = space;
    }
}

static enum err normalise(struct work *work, struct str text) {
    const struct tokenizer *t = work->tokenizer;
    struct forms forms = {0};
    bool mapped = forms_of(t->replacements, &forms), space_before = t->one_space;
    struct buf *out = &work->text;
    buf_clear(out);
    if (t->space_first) {
        buf_add_text(out, TOKEN_SPACE);
        space_before = true;
    }
    for (size_t at = 0; at < text.size;) {
        struct str rest = {text.data + at, text.size - at}, form = {rest.data, 1};
        size_t size = mapped ? form_find(&forms, rest, &form) : 0;
        if (size == 0) {
            size = 1;
            while (size < rest.size && ((uint8_t)rest.data[size] & 0xC0) == 0x80) size++;
            form.size = size;
        }
        normal_add(work, form, &space_before);
        at += size;
    }
    while (t->one_space && str_ends(buf_str(out), STR(TOKEN_SPACE))) {
        out->size -= strlen(TOKEN_SPACE);
    }
    return buf_err(out);
}

// ---- the best way ----------------------------------------------------------------------------

struct step { // the best way to a place in the text: over which token, and from where
    double score;
    uint32_t token, from;
};

static void step_offer(struct step *to, double score, uint32_t token, size_t from) {
    if (score > to->score) *to = (struct step){score, token, (uint32_t)from};
}

static size_t character_bytes(struct str text, size_t at) {
    size_t end = at + 1;
    while (end < text.size && ((uint8_t)text.data[end] & 0xC0) == 0x80) end++;
    return end - at;
}

static void steps_from(const struct tokenizer *t, struct str text, size_t at, struct step *steps) {
    size_t one = character_bytes(text, at);
    size_t most = text.size - at < t->longest_bytes ? text.size - at : t->longest_bytes;
    bool covered = false;
    for (size_t size = one; size <= most;
         size = at + size < text.size ? size + character_bytes(text, at + size) : most + 1) {
        uint32_t token = tokenizer_find(t, (struct str){text.data + at, size});
        if (token == TOKEN_NONE) continue;
        double score = t->kinds[token] == TOKEN_OWN ? 0 : (double)t->scores[token];
        step_offer(&steps[at + size], steps[at].score + score, token, at);
        covered |= size == one;
    }
    if (!covered) {
        step_offer(&steps[at + one], steps[at].score + (double)t->unknown_score, t->unknown, at);
    }
}

enum err unigram_encode(struct work *work, struct str raw) {
    const struct tokenizer *t = work->tokenizer;
    enum err err = normalise(work, raw);
    struct str text = buf_str(&work->text);
    if (err != OK || text.size == 0) return err;
    struct step *steps = memory_take_unset((text.size + 1) * sizeof *steps);
    if (!steps) return ERR_MEMORY;
    for (size_t i = 0; i <= text.size; i++) steps[i] = (struct step){-DBL_MAX, t->unknown, 0};
    steps[0].score = 0;
    for (size_t at = 0; at < text.size; at += character_bytes(text, at)) {
        steps_from(t, text, at, steps);
    }
    size_t first = work->out->size;
    bool unknown_after = false;
    for (size_t at = text.size; at > 0; at = steps[at].from) {
        bool unknown = steps[at].token == t->unknown;
        bool again = unknown && unknown_after;
        if (!again && steps[at].token != TOKEN_NONE) work_put(work, steps[at].token);
        unknown_after = unknown;
    }
    memory_give(steps);
    // Without a token for what is unknown there may be none at all.
    if (buf_err(work->out) != OK || work->out->size == first) return buf_err(work->out);
    uint32_t *tokens = (uint32_t *)(void *)(work->out->data + first);
    size_t count = (work->out->size - first) / sizeof *tokens;
    for (size_t i = 0; i < count / 2; i++) {
        uint32_t other = tokens[i];
        tokens[i] = tokens[count - 1 - i];
        tokens[count - 1 - i] = other;
    }
    return OK;
}
