// What a form leaves no choice about, as tokens: names in a schema, say. Its bytes can be cut into
// tokens in many ways, and only the model knows which one it takes: what it took there last, or at
// first what the tokenizer makes of them, is a guess.
#include "base/text.h"
#include "model/language/grammar/constraint_private.h"

enum { FORCED_BYTES_MAX = 64 }; // that are looked at; a longer one goes on behind its first tokens

// The only byte that may come at a place; -1: there are more, or none.
static int byte_forced(const struct constraint *c, uint32_t place) {
    const struct place *p = place_at(c, place);
    const uint32_t *tops = (const uint32_t *)(const void *)c->tops.data + p->first;
    const struct stack *stacks = (const struct stack *)(const void *)c->stacks.data;
    struct byte_set all = {{0}};
    int byte = -1, bytes = 0;
    if (p->may_end) return -1;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct element *element = &c->grammar->elements[stacks[tops[i]].element];
        for (int k = 0; k < 4; k++) all.bits[k] |= c->grammar->sets[element->index].bits[k];
    }
    for (int k = 0; k < 4; k++) {
        bytes += __builtin_popcountll(all.bits[k]);
        if (all.bits[k]) byte = 64 * k + __builtin_ctzll(all.bits[k]);
    }
    return bytes == 1 ? byte : -1;
}

// The bytes that must come from a place on, one after the other, up to `most`; how many.
static uint32_t bytes_forced(struct constraint *c, uint32_t place, uint32_t most, char *out) {
    uint32_t count = 0;
    for (; count < most && place != PLACE_NONE && !c->full; count++) {
        int byte = byte_forced(c, place);
        if (byte < 0) break;
        out[count] = (char)byte;
        place = step(c, place, (uint8_t)byte);
    }
    return count;
}

// Of tokens that end with these bytes, the first that is of them; TOKEN_NONE: it begins before
// them, or they are not all there.
static uint32_t token_of(const struct constraint *c, struct str bytes, const uint32_t *tokens,
                         size_t count) {
    size_t before = 0;
    for (size_t i = 0; i < count; i++) before += c->tree->texts[tokens[i]].size;
    if (before < bytes.size) return TOKEN_NONE;
    before -= bytes.size;
    for (size_t i = 0; i < count; i++) {
        struct str text = c->tree->texts[tokens[i]];
        if (before == 0 && text.size) return str_starts(bytes, text) ? tokens[i] : TOKEN_NONE;
        if (text.size > before) return TOKEN_NONE;
        before -= text.size;
    }
    return TOKEN_NONE;
}

// What the tokenizer cuts off first of these bytes. It is asked behind a line's end, for how it
// cuts within a text: some put a blank before one.
static uint32_t token_first(const struct constraint *c, const struct tokenizer *tokenizer,
                            struct str bytes) {
    uint32_t token = TOKEN_NONE;
    struct buf text, tokens;
    bytes.size = utf8_valid_prefix(bytes);
    if (!bytes.size) return TOKEN_NONE;
    buf_open(&text, 1 + FORCED_BYTES_MAX);
    buf_open(&tokens, (FORCED_BYTES_MAX + 4) * sizeof token);
    buf_add_char(&text, '\n');
    buf_add_str(&text, bytes);
    if (buf_err(&text) == OK &&
        tokenizer_encode(tokenizer, buf_str(&text), TOKENIZE_TEXT, &tokens, NULL) == OK) {
        token = token_of(c, bytes, (const uint32_t *)(const void *)tokens.data,
                         tokens.size / sizeof token);
    }
    buf_close(&text);
    buf_close(&tokens);
    return token;
}

static uint32_t token_forced(struct constraint *c, const struct tokenizer *tokenizer,
                             uint32_t place) {
    char bytes[FORCED_BYTES_MAX];
    if (place_at(c, place)->forced == FORCED_UNKNOWN) {
        uint32_t count = bytes_forced(c, place, FORCED_BYTES_MAX, bytes);
        uint32_t token = token_first(c, tokenizer, (struct str){bytes, count});
        place_at(c, place)->forced = token;
    }
    return place_at(c, place)->forced;
}

uint32_t constraint_forced(struct constraint *c, const struct tokenizer *tokenizer, uint32_t place,
                           uint32_t most, uint32_t *out) {
    uint32_t count = 0;
    for (; count < most && place != PLACE_NONE && !c->full; count++) {
        out[count] = token_forced(c, tokenizer, place);
        if (out[count] == TOKEN_NONE) break;
        place = constraint_next(c, place, out[count]);
    }
    return count;
}

void constraint_took(struct constraint *c, uint32_t place, uint32_t token) {
    char bytes[FORCED_BYTES_MAX];
    if (place == PLACE_NONE || token >= c->tree->tokens || c->full) return;
    struct str text = c->tree->texts[token];
    if (!text.size || text.size > FORCED_BYTES_MAX) return;
    uint32_t count = bytes_forced(c, place, (uint32_t)text.size, bytes);
    if (str_equal(text, (struct str){bytes, count})) place_at(c, place)->forced = token;
}
