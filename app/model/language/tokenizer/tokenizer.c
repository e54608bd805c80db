#include "model/language/tokenizer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/unicode.h"
#include "model/language/tokenizer/tokenizer_private.h"

enum { TEXT_BYTES_MAX = 1 << 30, WORK_BYTES_MAX = INT32_MAX };

// ---- tables ----------------------------------------------------------------------------------

// FNV's low bits follow the last byte closely: the high ones are mixed in.
static uint32_t slot_for(struct str key, uint32_t slots) {
    uint64_t hash = str_hash(key);
    return (uint32_t)(hash ^ hash >> 32) & (slots - 1);
}

static uint32_t slots_for(uint64_t count) {
    uint32_t slots = 16;
    while (slots < count * 2) slots *= 2;
    return slots;
}

static uint32_t *slot_of(const struct tokenizer *t, struct str text) {
    uint32_t slot = slot_for(text, t->text_slots);
    while (t->by_text[slot] != TOKEN_NONE && !str_equal(t->texts[t->by_text[slot]], text)) {
        slot = (slot + 1) & (t->text_slots - 1);
    }
    return &t->by_text[slot];
}

uint32_t tokenizer_find(const struct tokenizer *tokenizer, struct str text) {
    return *slot_of(tokenizer, text);
}

struct merge *tokenizer_pair(const struct tokenizer *tokenizer, uint32_t left, uint32_t right) {
    const uint32_t pair[2] = {left, right};
    struct str key = {(const char *)pair, sizeof pair};
    uint32_t slot = slot_for(key, tokenizer->pair_slots);
    for (;; slot = (slot + 1) & (tokenizer->pair_slots - 1)) {
        struct merge *merge = &tokenizer->pairs[slot];
        if (merge->left == TOKEN_NONE || (merge->left == left && merge->right == right)) {
            return merge;
        }
    }
}

void work_put(struct work *work, uint32_t token) {
    buf_add(work->out, &token, sizeof token);
}

// ---- the bytes behind a byte-level vocabulary's characters -----------------------------------

// GPT-2 writes each byte as a character that can be seen: itself where it can, else the next free
// one from U+0100 on.
static void visible_bytes(uint16_t out[512]) { // character -> byte + 1; 0: none
    uint32_t next = 256;
    memset(out, 0, 512 * sizeof *out);
    for (uint32_t byte = 0; byte < 256; byte++) {
        bool seen = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
        out[seen ? byte : next++] = (uint16_t)(byte + 1);
    }
}

// False: the text holds a character that stands for no byte.
static bool visible_read(const uint16_t bytes[512], struct str text, char *out, size_t *size) {
    *size = 0;
    for (size_t at = 0; at < text.size;) {
        uint32_t c = utf8_next(text, &at);
        if (c >= 512 || bytes[c] == 0) return false;
        out[(*size)++] = (char)(bytes[c] - 1);
    }
    return true;
}

// ---- the vocabulary --------------------------------------------------------------------------

struct opening {
    struct tokenizer *t;
    const struct gguf *file;
    struct fault *fault;
    uint16_t visible[512];
};

static enum err missing(struct opening *o, const char *name) {
    return fault_set(o->fault, ERR_INPUT, "tokenizer.missing", str_of(name));
}

// An array of `count` numbers, or of any number of texts where count is 0.
static enum err array_find(struct opening *o, const char *name, uint64_t count,
                           const struct gguf_value **out) {
    const struct gguf_value *value = gguf_find(o->file, name);
    *out = NULL;
    if (!value) return OK;
    bool texts = count == 0;
    if (value->type != GGUF_ARRAY || (value->item == GGUF_TEXT) != texts ||
        (!texts && value->count != count)) {
        return fault_set(o->fault, ERR_INPUT, "gguf.bad_value", str_of(name));
    }
    *out = value;
    return OK;
}

static enum err token_read(struct opening *o, uint32_t token, struct str text) {
    struct tokenizer *t = o->t;
    size_t size = text.size;
    char *copy = arena_take(t->arena, text.size + 1);
    if (!copy) return ERR_MEMORY;
    if (text.size > TOKEN_BYTES_MAX) return missing(o, "tokenizer.ggml.tokens");
    bool visible = t->kind == TOKENIZER_BYTES && t->kinds[token] == TOKEN_NORMAL;
    if (visible && !visible_read(o->visible, text, copy, &size)) {
        visible = false; // no byte is written so: no text comes to it
        t->kinds[token] = TOKEN_UNUSED;
    }
    if (!visible) {
        memcpy(copy, text.data, text.size);
        size = text.size;
    }
    t->texts[token] = (struct str){copy, size};
    return OK;
}

static enum err tokens_read(struct opening *o) {
    const struct gguf_value *tokens, *kinds, *scores;
    struct tokenizer *t = o->t;
    enum err err = array_find(o, "tokenizer.ggml.tokens", 0, &tokens);
    if (err != OK) return err;
    if (!tokens || tokens->count == 0 || tokens->count > TOKENS_MAX) {
        return missing(o, "tokenizer.ggml.tokens");
    }
    t->count = (uint32_t)tokens->count;
    err = array_find(o, "tokenizer.ggml.token_type", t->count, &kinds);
    if (err == OK) err = array_find(o, "tokenizer.ggml.scores", t->count, &scores);
    if (err != OK) return err;
    t->texts = ARENA_ARRAY(t->arena, struct str, t->count);
    t->kinds = ARENA_ARRAY(t->arena, uint8_t, t->count);
    t->scores = scores ? ARENA_ARRAY(t->arena, float, t->count) : NULL;
    if (!t->texts || !t->kinds || (scores && !t->scores)) return ERR_MEMORY;
    struct str text;
    const uint8_t *at = NULL;
    for (uint64_t i = 0; err == OK && gguf_next_text(tokens, &i, &at, &text);) {
        uint32_t token = (uint32_t)i - 1;
        double kind = kinds ? gguf_item(kinds, token) : TOKEN_NORMAL;
        t->kinds[token] = kind >= 0 && kind <= TOKEN_BYTE ? (uint8_t)kind : TOKEN_NORMAL;
        if (scores) t->scores[token] = (float)gguf_item(scores, token);
        err = token_read(o, token, text);
    }
    return err;
}

static enum err strips_read(struct opening *o) {
    const struct gguf_value *strips;
    struct tokenizer *t = o->t;
    enum err err = array_find(o, TOKENIZER_STRIPS, t->count, &strips);
    if (err != OK || !strips) return err;
    t->strips = ARENA_ARRAY(t->arena, uint8_t, t->count);
    if (!t->strips) return ERR_MEMORY;
    for (uint32_t i = 0; i < t->count; i++) {
        double strip = gguf_item(strips, i);
        t->strips[i] = strip >= 0 && strip <= 3 ? (uint8_t)strip : 0;
    }
    return OK;
}

// What text without special meaning may become.
static bool is_plain(const struct tokenizer *t, uint32_t token) {
    uint8_t kind = t->kinds[token];
    if (t->kind == TOKENIZER_BYTES) return kind == TOKEN_NORMAL;
    return kind == TOKEN_NORMAL || kind == TOKEN_UNUSED || kind == TOKEN_OWN;
}

static enum err texts_index(struct tokenizer *t) {
    t->text_slots = slots_for(t->count);
    t->by_text = ARENA_ARRAY(t->arena, uint32_t, t->text_slots);
    if (!t->by_text) return ERR_MEMORY;
    memset(t->by_text, 0xFF, t->text_slots * sizeof *t->by_text);
    memset(t->bytes, 0xFF, sizeof t->bytes);
    for (uint32_t i = 0; i < t->count; i++) {
        struct str text = t->texts[i];
        if (is_plain(t, i) && text.size) {
            uint32_t *slot = slot_of(t, text);
            if (*slot == TOKEN_NONE) *slot = i;
            if (text.size > t->longest_bytes) t->longest_bytes = (uint32_t)text.size;
            if (t->kind == TOKENIZER_BYTES && text.size == 1) t->bytes[(uint8_t)*text.data] = i;
        }
        if (t->kinds[i] == TOKEN_BYTE && text.size == 6) { // <0x0A>
            char digits[3] = {text.data[3], text.data[4], 0};
            t->bytes[strtoul(digits, NULL, 16) & 0xFF] = i;
        }
    }
    return OK;
}

// ---- special tokens --------------------------------------------------------------------------

struct special {
    struct str text;
    uint32_t token;
};

// By first byte, the longest first.
static int special_compare(const void *a, const void *b) {
    struct str x = ((const struct special *)a)->text, y = ((const struct special *)b)->text;
    uint8_t first_x = (uint8_t)*x.data, first_y = (uint8_t)*y.data;
    if (first_x != first_y) return first_x < first_y ? -1 : 1;
    if (x.size != y.size) return x.size > y.size ? -1 : 1;
    return str_compare(x, y);
}

static enum err specials_index(struct tokenizer *t) {
    struct special *entries = ARENA_ARRAY(t->arena, struct special, t->count);
    t->special = ARENA_ARRAY(t->arena, uint32_t, t->count);
    if (!entries || !t->special) return ERR_MEMORY;
    for (uint32_t i = 0; i < t->count; i++) {
        uint8_t kind = t->kinds[i];
        bool special = kind == TOKEN_CONTROL || kind == TOKEN_OWN || kind == TOKEN_UNKNOWN;
        if (!special || t->texts[i].size == 0) continue;
        entries[t->special_count++] = (struct special){t->texts[i], i};
    }
    qsort(entries, t->special_count, sizeof *entries, special_compare);
    uint32_t at = 0;
    for (uint32_t byte = 0; byte < 256; byte++) {
        t->special_at[byte] = at;
        while (at < t->special_count && (uint8_t)*entries[at].text.data == byte) {
            t->special[at] = entries[at].token;
            at++;
        }
    }
    t->special_at[256] = at;
    return OK;
}

// The longest special token that stands at `at`.
static uint32_t special_find(const struct tokenizer *t, struct str text, size_t at, bool control) {
    uint8_t byte = (uint8_t)text.data[at];
    for (uint32_t i = t->special_at[byte]; i < t->special_at[byte + 1]; i++) {
        uint32_t token = t->special[i];
        struct str special = t->texts[token];
        if (t->kinds[token] != TOKEN_OWN && !control) continue;
        if (text.size - at < special.size) continue;
        if (memcmp(text.data + at, special.data, special.size) == 0) return token;
    }
    return TOKEN_NONE;
}

enum err tokenizer_index(struct tokenizer *tokenizer) {
    enum err err = texts_index(tokenizer);
    return err == OK ? specials_index(tokenizer) : err;
}

// ---- merges ----------------------------------------------------------------------------------

static void pair_add(struct tokenizer *t, struct merge merge) {
    struct merge *slot = tokenizer_pair(t, merge.left, merge.right);
    if (slot->left == TOKEN_NONE) *slot = merge; // the first of two counts
}

// "Ġth e": two tokens; a pair whose parts or whole the vocabulary lacks can never be used.
static void merge_read(struct opening *o, struct str text, uint32_t rank, char *scratch) {
    struct tokenizer *t = o->t;
    size_t cut = 1, first, second;
    while (cut < text.size && text.data[cut] != ' ') cut++;
    if (cut >= text.size || text.size > TOKEN_BYTES_MAX) return;
    struct str left = {text.data, cut}, right = {text.data + cut + 1, text.size - cut - 1};
    if (!visible_read(o->visible, left, scratch, &first)) return;
    if (!visible_read(o->visible, right, scratch + first, &second)) return;
    struct merge merge = {.left = tokenizer_find(t, (struct str){scratch, first}),
                          .right = tokenizer_find(t, (struct str){scratch + first, second}),
                          .rank = rank,
                          .merged = tokenizer_find(t, (struct str){scratch, first + second})};
    if (merge.left != TOKEN_NONE && merge.right != TOKEN_NONE && merge.merged != TOKEN_NONE) {
        pair_add(t, merge);
    }
}

static enum err merges_read(struct opening *o) {
    struct tokenizer *t = o->t;
    const struct gguf_value *merges;
    enum err err = array_find(o, "tokenizer.ggml.merges", 0, &merges);
    if (err != OK) return err;
    if (!merges || merges->count > TOKENS_MAX) return missing(o, "tokenizer.ggml.merges");
    t->pair_slots = slots_for(merges->count);
    t->pairs = ARENA_ARRAY(t->arena, struct merge, t->pair_slots);
    char *scratch = memory_take(TOKEN_BYTES_MAX);
    if (!t->pairs || !scratch) {
        memory_give(scratch);
        return ERR_MEMORY;
    }
    for (uint32_t i = 0; i < t->pair_slots; i++) t->pairs[i].left = TOKEN_NONE;
    struct str text;
    const uint8_t *at = NULL;
    for (uint64_t i = 0; gguf_next_text(merges, &i, &at, &text);) {
        merge_read(o, text, (uint32_t)i, scratch);
    }
    memory_give(scratch);
    return OK;
}

// ---- opening ---------------------------------------------------------------------------------

static const struct {
    const char *model, *name; // as GGUF has it; what we call it
} kinds[TOKENIZER_KIND_COUNT] = {
    [TOKENIZER_BYTES] = {"gpt2", "bytes"},
    [TOKENIZER_PIECES] = {"llama", "pieces"},
    [TOKENIZER_WORDS] = {"bert", "words"},
    [TOKENIZER_UNIGRAM] = {"t5", "unigram"},
};

static enum err kind_read(struct opening *o) {
    struct str model = gguf_text(o->file, "tokenizer.ggml.model", STR_NONE);
    if (!model.size) return missing(o, "tokenizer.ggml.model");
    for (uint32_t i = 0; i < TOKENIZER_KIND_COUNT; i++) {
        if (!str_is(model, kinds[i].model)) continue;
        o->t->kind = (enum tokenizer_kind)i;
        return OK;
    }
    return fault_set(o->fault, ERR_INPUT, "tokenizer.unknown_model", model);
}

static uint32_t token_named(struct opening *o, const char *name, uint32_t otherwise) {
    uint64_t token = gguf_whole(o->file, name, otherwise);
    return token < o->t->count ? (uint32_t)token : TOKEN_NONE;
}

static void settings_read(struct opening *o) {
    struct tokenizer *t = o->t;
    bool pieces = t->kind == TOKENIZER_PIECES, words = t->kind == TOKENIZER_WORDS;
    bool unigram = t->kind == TOKENIZER_UNIGRAM;
    t->begin = token_named(o, "tokenizer.ggml.bos_token_id", words ? 101 : pieces ? 1 : TOKEN_NONE);
    if (words) t->begin = token_named(o, "tokenizer.ggml.cls_token_id", t->begin);
    t->end = token_named(o, "tokenizer.ggml.eos_token_id", pieces ? 2 : unigram ? 1 : TOKEN_NONE);
    t->unknown = token_named(o, "tokenizer.ggml.unknown_token_id",
                             words     ? 100
                             : unigram ? 2
                             : pieces  ? 0
                                       : TOKEN_NONE);
    t->separator = token_named(o, "tokenizer.ggml.seperator_token_id", words ? 102 : TOKEN_NONE);
    t->add_begin |= pieces || words;
    t->add_separator |= words;
    t->add_end |= unigram;
    t->add_begin = gguf_bool(o->file, "tokenizer.ggml.add_bos_token", t->add_begin);
    t->add_end = gguf_bool(o->file, "tokenizer.ggml.add_eos_token", t->add_end);
    t->add_separator = gguf_bool(o->file, "tokenizer.ggml.add_sep_token", t->add_separator);
    t->space_first = gguf_bool(o->file, "tokenizer.ggml.add_space_prefix", pieces || unigram);
    t->one_space = gguf_bool(o->file, "tokenizer.ggml.remove_extra_whitespaces", unigram);
    t->small_letters = gguf_bool(o->file, "tokenizer.ggml.normalizer.lowercase", words);
    t->no_accents = gguf_bool(o->file, "tokenizer.ggml.normalizer.strip_accents", t->small_letters);
}

static enum err all_read(struct opening *o) {
    struct tokenizer *t = o->t;
    visible_bytes(o->visible);
    enum err err = kind_read(o);
    if (err == OK) err = tokens_read(o);
    if (err == OK) err = strips_read(o);
    if (err == OK) err = tokenizer_index(t);
    if (err == OK && t->kind == TOKENIZER_BYTES) {
        err = merges_read(o);
        struct str name = gguf_text(o->file, "tokenizer.ggml.pre", STR_NONE);
        if (err == OK) err = pretokenizer_open(t, name, o->fault);
    }
    if (err == OK) settings_read(o);
    if (err == OK && t->kind == TOKENIZER_UNIGRAM) err = unigram_open(t, o->file, o->fault);
    return err;
}

enum err tokenizer_open(const struct gguf *file, struct tokenizer **out, struct fault *fault) {
    struct opening opening = {
        .t = memory_take(sizeof(struct tokenizer)), .file = file, .fault = fault};
    *out = NULL;
    enum err err = opening.t ? arena_open(TOKENIZER_BYTES_MAX, &opening.t->arena) : ERR_MEMORY;
    if (err == OK) err = all_read(&opening);
    if (err == ERR_MEMORY) err = fault_set(fault, err, "predict.no_memory", STR_NONE);
    if (err == OK) {
        *out = opening.t;
    } else {
        tokenizer_close(opening.t);
    }
    return err;
}

void tokenizer_close(struct tokenizer *tokenizer) {
    if (!tokenizer) return;
    for (uint32_t i = 0; i < tokenizer->pattern_count; i++)
        word_pattern_close(tokenizer->patterns[i]);
    arena_close(tokenizer->arena);
    memory_give(tokenizer);
}

uint32_t tokenizer_count(const struct tokenizer *tokenizer) {
    return tokenizer->count;
}

const char *tokenizer_kind_name(const struct tokenizer *tokenizer) {
    return kinds[tokenizer->kind].name;
}

struct tokenizer_ends tokenizer_ends(const struct tokenizer *tokenizer) {
    return (struct tokenizer_ends){tokenizer->begin, tokenizer->end, tokenizer->unknown};
}

// ---- encoding --------------------------------------------------------------------------------

static enum err bytes_encode(struct work *work, struct str text) {
    if (work->tokenizer->composes && !unicode_is_composed(text)) {
        buf_clear(&work->text);
        unicode_compose(text, &work->text, &work->symbols);
        if (buf_err(&work->text) != OK) return buf_err(&work->text);
        text = buf_str(&work->text);
    }
    enum err err = pretokenize(work, text);
    const uint32_t *words = (const uint32_t *)(const void *)work->words.data;
    size_t count = work->words.size / (2 * sizeof *words);
    for (size_t i = 0; i < count && err == OK; i++) {
        uint32_t start = words[2 * i], end = words[2 * i + 1];
        err = merge_encode(work, (struct str){text.data + start, end - start});
    }
    return err;
}

static enum err pieces_encode(struct work *work, struct str text, bool space_first) {
    struct buf *out = &work->text;
    buf_clear(out);
    if (space_first) buf_add_text(out, TOKEN_SPACE);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == ' ') {
            buf_add_text(out, TOKEN_SPACE);
        } else {
            buf_add_char(out, text.data[i]);
        }
    }
    return buf_err(out) == OK ? merge_encode(work, buf_str(out)) : buf_err(out);
}

// Text between special tokens; `after_special`: or at the beginning.
static enum err plain_encode(struct work *work, struct str text, bool after_special) {
    const struct tokenizer *t = work->tokenizer;
    if (text.size == 0) return OK;
    switch (t->kind) {
    case TOKENIZER_BYTES: return bytes_encode(work, text);
    case TOKENIZER_PIECES: return pieces_encode(work, text, t->space_first && after_special);
    case TOKENIZER_WORDS: return wordpiece_encode(work, text);
    default: return unigram_encode(work, text);
    }
}

// Where the spaces at the end of text[start, end) begin, and where those at `at` end.
static size_t spaces_before(struct str text, size_t start, size_t end) {
    size_t found = start;
    for (size_t at = start; at < end;) {
        if (!unicode_space(utf8_next(text, &at))) found = at;
    }
    return found;
}
static size_t spaces_behind(struct str text, size_t at) {
    for (size_t next = at; next < text.size; at = next) {
        if (!unicode_space(utf8_next(text, &next))) break;
    }
    return at;
}

static enum err parts_encode(struct work *work, struct str text, bool control) {
    size_t start = 0, at = 0;
    bool after_special = true;
    enum err err = OK;
    while (at < text.size && err == OK) {
        uint32_t token = special_find(work->tokenizer, text, at, control);
        if (token == TOKEN_NONE) {
            at++;
            continue;
        }
        uint8_t strips = work->tokenizer->strips ? work->tokenizer->strips[token] : 0;
        size_t end = strips & TOKEN_STRIPS_LEFT ? spaces_before(text, start, at) : at;
        err = plain_encode(work, (struct str){text.data + start, end - start}, after_special);
        work_put(work, token);
        at += work->tokenizer->texts[token].size;
        if (strips & TOKEN_STRIPS_RIGHT) at = spaces_behind(text, at);
        start = at;
        after_special = true;
    }
    if (err != OK) return err;
    return plain_encode(work, (struct str){text.data + start, text.size - start}, after_special);
}

enum err tokenizer_encode(const struct tokenizer *tokenizer, struct str text, uint32_t flags,
                          struct buf *out, struct fault *fault) {
    struct work work = {.tokenizer = tokenizer, .out = out, .fault = fault};
    size_t valid = utf8_valid_prefix(text);
    if (valid < text.size) {
        return fault_at(fault, ERR_INPUT, "tokenizer.not_utf8", 0, valid + 1, STR_NONE);
    }
    if (text.size > TEXT_BYTES_MAX) {
        return fault_set(fault, ERR_LIMIT, "tokenizer.too_long", STR_NONE);
    }
    struct buf *bufs[] = {&work.text, &work.words, &work.symbols, &work.candidates};
    for (size_t i = 0; i < 4; i++) buf_open(bufs[i], WORK_BYTES_MAX);
    bool ends = flags & TOKENIZE_ENDS;
    if (ends && tokenizer->add_begin && tokenizer->begin != TOKEN_NONE) {
        work_put(&work, tokenizer->begin);
    }
    enum err err = parts_encode(&work, text, flags & TOKENIZE_CONTROL);
    uint32_t last = tokenizer->add_separator ? tokenizer->separator
                    : tokenizer->add_end     ? tokenizer->end
                                             : TOKEN_NONE;
    if (ends && last != TOKEN_NONE) work_put(&work, last);
    for (size_t i = 0; i < 4; i++) buf_close(bufs[i]);
    if (err == OK) err = buf_err(out);
    if (err == OK) return OK;
    return fault_set(fault, err, err == ERR_MEMORY ? "predict.no_memory" : "tokenizer.too_long",
                     STR_NONE);
}

// ---- decoding --------------------------------------------------------------------------------

void tokenizer_decode(const struct tokenizer *tokenizer, uint32_t token, bool control,
                      struct buf *out) {
    if (token >= tokenizer->count) return;
    struct str text = tokenizer->texts[token];
    uint8_t kind = tokenizer->kinds[token];
    // Unused ones of byte-level vocabularies only fill the model's table up.
    bool filler = kind == TOKEN_UNUSED && tokenizer->kind == TOKENIZER_BYTES;
    if (kind == TOKEN_CONTROL || kind == TOKEN_UNKNOWN || filler) {
        if (control) buf_add_str(out, text);
        return;
    }
    if (kind == TOKEN_BYTE && text.size == 6) {
        char digits[3] = {text.data[3], text.data[4], 0};
        buf_add_char(out, (char)strtoul(digits, NULL, 16));
        return;
    }
    if (tokenizer->kind == TOKENIZER_BYTES || kind == TOKEN_OWN) {
        buf_add_str(out, text);
        return;
    }
    for (size_t at = 0; at < text.size;) {
        struct str rest = {text.data + at, text.size - at};
        bool space = str_starts(rest, STR(TOKEN_SPACE));
        buf_add_char(out, space ? ' ' : text.data[at]);
        at += space ? strlen(TOKEN_SPACE) : 1;
    }
}
