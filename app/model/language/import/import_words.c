// tokenizer.json, the form of Hugging Face's tokenizers library, as tables of a GGUF vocabulary.
// Its vocabulary and merges may be many megabytes and are read without a tree.
#include <stdio.h>
#include <string.h>

#include "model/language/import/import_private.h"
#include "model/language/tokenizer/tokenizer.h"

enum { TEXT_BYTES_MAX = 1 << 16, MERGES_BYTES_MAX = 1 << 28 };
#define TOKEN_SPACE "\xE2\x96\x81" // U+2581, a space within pieces
#define WIDE_BAR "\xEF\xBD\x9C"    // U+FF5C

static enum err wrong(struct import_words *words, const char *what) {
    return fault_set(words->fault, ERR_INPUT, "import.words", str_of(what));
}

// ---- texts -------------------------------------------------------------------------------------

static enum err text_keep(struct import_words *words, struct str text, struct str *out) {
    char *copy = arena_take(words->arena, text.size + 1);
    if (!copy) return ERR_MEMORY;
    if (text.size) memcpy(copy, text.data, text.size);
    *out = (struct str){copy, text.size};
    return OK;
}

// The next string, without its escapes.
static enum err string_read(struct import_words *words, struct json_text *text, struct str *out) {
    buf_clear(&words->scratch);
    json_text_string(text, &words->scratch);
    enum err err = buf_err(&words->scratch);
    if (err != OK) return err == ERR_LIMIT ? wrong(words, "model.vocab") : err;
    return text_keep(words, buf_str(&words->scratch), out);
}

// A member's name, likewise: read as it stands, then as the string it is.
static enum err name_read(struct import_words *words, struct json_text *text, struct str *out) {
    struct str raw = json_text_name(text);
    if (text->bad) return OK; // told where the text ends
    struct json_text again = json_text_of((struct str){raw.data - 1, raw.size + 2});
    enum err err = string_read(words, &again, out);
    text->bad |= again.bad;
    return err;
}

static bool number_read(struct json_text *text, uint32_t *out) {
    double number = json_text_number(text);
    if (!(number >= 0 && number < TOKENS_MAX) || number != (uint32_t)number) return false;
    *out = (uint32_t)number;
    return true;
}

// ---- the vocabulary ----------------------------------------------------------------------------

static enum err vocabulary_read(struct import_words *words, struct json_text *text) {
    if (json_text_peek(text) != '{') return wrong(words, "model.vocab");
    for (json_text_open(text, '{'); json_text_more(text);) {
        struct str token;
        uint32_t number;
        enum err err = name_read(words, text, &token);
        if (err != OK) return err;
        bool good = number_read(text, &number);
        if (text->bad) return OK;
        if (!good) return wrong(words, "model.vocab");
        if (words->added[number]) continue; // told before, and better
        if (words->texts[number].data) return wrong(words, "model.vocab");
        words->texts[number] = token;
        words->kinds[number] = TOKEN_NORMAL;
        if (number >= words->count) words->count = number + 1;
    }
    return OK;
}

// "left right", or ["left", "right"], where a space within is written as byte-level pieces do.
static enum err merge_read(struct import_words *words, struct json_text *text) {
    struct buf *out = &words->merges;
    size_t head = out->size;
    uint64_t size = 0;
    buf_add(out, &size, sizeof size);
    if (json_text_peek(text) == '"') {
        json_text_string(text, out);
    } else {
        uint32_t parts = 0;
        for (json_text_open(text, '['); json_text_more(text); parts++) {
            struct str part;
            enum err err = string_read(words, text, &part);
            if (err != OK) return err;
            if (parts == 1) buf_add_char(out, ' ');
            for (size_t i = 0; i < part.size; i++) {
                if (part.data[i] == ' ')
                    buf_add_text(out, "\xC4\xA0");
                else
                    buf_add_char(out, part.data[i]);
            }
        }
        if (parts != 2 && !text->bad) return wrong(words, "model.merges");
    }
    if (buf_err(out) != OK) return buf_err(out);
    size = out->size - head - sizeof size;
    memcpy(out->data + head, &size, sizeof size);
    words->merge_count++;
    return OK;
}

static enum err merges_read(struct import_words *words, struct json_text *text) {
    enum err err = OK;
    if (json_text_peek(text) != '[') return wrong(words, "model.merges");
    for (json_text_open(text, '['); err == OK && json_text_more(text);) {
        if (words->merge_count == TOKENS_MAX) return wrong(words, "model.merges");
        err = merge_read(words, text);
    }
    return err;
}

static enum err flag_read(struct json_text *text, bool *out) {
    char c = json_text_peek(text);
    if (c == 't' || c == 'f')
        *out = json_text_bool(text);
    else
        json_text_skip(text);
    return OK;
}

static enum err text_read(struct import_words *words, struct json_text *text, struct str *out) {
    if (json_text_peek(text) == '"') return string_read(words, text, out);
    json_text_skip(text);
    return OK;
}

static enum err model_read(struct import_words *words, struct json_text *text) {
    enum err err = OK;
    if (json_text_peek(text) != '{') return wrong(words, "model");
    for (json_text_open(text, '{'); err == OK && json_text_more(text);) {
        struct str name = json_text_name(text);
        if (str_is(name, "vocab"))
            err = vocabulary_read(words, text);
        else if (str_is(name, "merges"))
            err = merges_read(words, text);
        else if (str_is(name, "type"))
            err = text_read(words, text, &words->type);
        else if (str_is(name, "unk_token"))
            err = text_read(words, text, &words->unknown);
        else if (str_is(name, "byte_fallback"))
            err = flag_read(text, &words->byte_fallback);
        else if (str_is(name, "ignore_merges"))
            err = flag_read(text, &words->ignore_merges);
        else if (str_is(name, "continuing_subword_prefix"))
            err = text_read(words, text, &words->beginning);
        else
            json_text_skip(text);
    }
    return err;
}

// ---- added tokens ------------------------------------------------------------------------------

// Some makers forget to say so.
static bool looks_special(struct str text) {
    if (str_is(text, "<pad>") || str_is(text, "<mask>")) return true;
    return (str_starts(text, STR("<|")) && str_ends(text, STR("|>"))) ||
           (str_starts(text, STR("<" WIDE_BAR)) && str_ends(text, STR(WIDE_BAR ">")));
}

static enum err added_read(struct import_words *words, struct json_text *text) {
    struct str content = STR_NONE;
    uint32_t number = 0;
    bool special = false, numbered = false, left = false, right = false;
    enum err err = OK;
    if (json_text_peek(text) != '{') return wrong(words, "added_tokens");
    for (json_text_open(text, '{'); err == OK && json_text_more(text);) {
        struct str name = json_text_name(text);
        if (str_is(name, "id"))
            numbered = number_read(text, &number);
        else if (str_is(name, "content"))
            err = text_read(words, text, &content);
        else if (str_is(name, "special"))
            err = flag_read(text, &special);
        else if (str_is(name, "lstrip"))
            err = flag_read(text, &left);
        else if (str_is(name, "rstrip"))
            err = flag_read(text, &right);
        else
            json_text_skip(text);
    }
    if (err != OK || text->bad) return err;
    if (!numbered || !content.data) return wrong(words, "added_tokens");
    words->texts[number] = content;
    words->added[number] = 1;
    words->strips[number] = (uint8_t)(left | right << 1);
    words->strip_some |= left || right;
    words->kinds[number] = special || looks_special(content) ? TOKEN_CONTROL : TOKEN_OWN;
    if (number >= words->count) words->count = number + 1;
    return OK;
}

// ---- the file ----------------------------------------------------------------------------------

// A small part, as a tree.
static enum err part_read(struct import_words *words, struct json_text *text, const char *name,
                          struct json **out) {
    struct fault inner = {0};
    (void)json_text_peek(text);
    const char *first = text->at;
    json_text_skip(text);
    if (text->bad) return OK;
    json_close(*out);
    *out = NULL;
    enum err err = json_parse((struct str){first, (size_t)(text->at - first)}, out, &inner);
    return err == OK || err == ERR_MEMORY ? err : wrong(words, name);
}

static enum err member_read(struct import_words *words, struct json_text *text, struct str name) {
    enum err err = OK;
    if (str_is(name, "model")) return model_read(words, text);
    if (str_is(name, "normalizer")) return part_read(words, text, "normalizer", &words->normalizer);
    if (str_is(name, "pre_tokenizer")) {
        return part_read(words, text, "pre_tokenizer", &words->pre_tokenizer);
    }
    if (str_is(name, "post_processor")) {
        return part_read(words, text, "post_processor", &words->post_processor);
    }
    if (!str_is(name, "added_tokens") || json_text_peek(text) != '[') {
        json_text_skip(text);
        return OK;
    }
    for (json_text_open(text, '['); err == OK && json_text_more(text);) {
        err = added_read(words, text);
    }
    return err;
}

static enum err kind_find(struct import_words *words) {
    if (str_is(words->type, "WordPiece")) {
        words->kind = IMPORT_WORDPIECE;
        return str_is(words->beginning, "##") ? OK : wrong(words, "continuing_subword_prefix");
    }
    bool pairs = str_is(words->type, "BPE") || (!words->type.size && words->merge_count);
    if (pairs && words->byte_fallback) {
        words->kind = IMPORT_PIECES;
        return OK;
    }
    words->kind = IMPORT_BYTES;
    if (pairs && import_has_step(words->pre_tokenizer, "ByteLevel")) return OK;
    return fault_set(words->fault, ERR_INPUT, "import.words_kind", words->type);
}

static uint32_t *slot_of(const struct import_words *words, struct str text) {
    uint32_t slot = (uint32_t)(str_hash(text) * 0x9E3779B97F4A7C15u >> 32);
    for (;; slot++) {
        uint32_t *at = &words->slots[slot & (words->slot_count - 1)];
        if (*at == TOKEN_NONE || str_equal(words->texts[*at], text)) return at;
    }
}

uint32_t import_words_find(const struct import_words *words, struct str text) {
    return *slot_of(words, text);
}

static enum err texts_index(struct import_words *words) {
    for (words->slot_count = 16; words->slot_count < words->count * 2;) words->slot_count *= 2;
    words->slots = ARENA_ARRAY(words->arena, uint32_t, words->slot_count);
    if (!words->slots) return ERR_MEMORY;
    memset(words->slots, 0xFF, words->slot_count * sizeof *words->slots);
    for (uint32_t i = 0; i < words->count; i++) {
        if (!words->texts[i].data) continue;
        uint32_t *slot = slot_of(words, words->texts[i]);
        if (*slot == TOKEN_NONE) *slot = i;
    }
    return OK;
}

static enum err all_read(struct import_words *words, struct str bytes) {
    struct json_text text = json_text_of(bytes);
    enum err err = OK;
    for (json_text_open(&text, '{'); err == OK && json_text_more(&text);) {
        err = member_read(words, &text, json_text_name(&text));
    }
    if (err != OK) return err;
    if (!json_text_end(&text)) {
        uint64_t at = (uint64_t)(text.at - text.start) + 1;
        return fault_at(words->fault, ERR_INPUT, "import.json", 0, at, STR("tokenizer.json"));
    }
    if (words->count == 0) return wrong(words, "model.vocab");
    err = kind_find(words);
    return err == OK ? texts_index(words) : err;
}

enum err import_words_read(struct str text, struct import_words *out, struct fault *fault) {
    *out = (struct import_words){.fault = fault};
    enum err err = arena_open(IMPORT_ARENA_BYTES, &out->arena);
    buf_open(&out->scratch, TEXT_BYTES_MAX);
    buf_open(&out->merges, MERGES_BYTES_MAX);
    out->texts = memory_take((size_t)TOKENS_MAX * sizeof *out->texts);
    out->kinds = memory_take(TOKENS_MAX);
    out->added = memory_take(TOKENS_MAX);
    out->strips = memory_take(TOKENS_MAX);
    bool taken = out->texts && out->kinds && out->added && out->strips;
    if (err == OK && !taken) err = ERR_MEMORY;
    if (err == OK) err = all_read(out, text);
    if (err == ERR_LIMIT) return wrong(out, "model");
    return err == ERR_MEMORY ? fault_set(fault, err, "predict.no_memory", STR_NONE) : err;
}

void import_words_close(struct import_words *words) {
    struct json *trees[] = {words->normalizer, words->pre_tokenizer, words->post_processor};
    for (size_t i = 0; i < 3; i++) json_close(trees[i]);
    buf_close(&words->scratch);
    buf_close(&words->merges);
    memory_give(words->texts);
    memory_give(words->kinds);
    memory_give(words->added);
    memory_give(words->strips);
    arena_close(words->arena);
}

// ---- as GGUF's values --------------------------------------------------------------------------

static bool is_byte(struct str text) { // <0x0A>
    return text.size == 6 && str_starts(text, STR("<0x")) && text.data[5] == '>';
}

static int32_t kind_of(const struct import_words *words, uint32_t token) {
    if (!words->texts[token].data) return TOKEN_UNUSED;
    if (words->kind != IMPORT_PIECES) return words->kinds[token];
    if (is_byte(words->texts[token])) return TOKEN_BYTE;
    return str_equal(words->texts[token], words->unknown) ? TOKEN_UNKNOWN : words->kinds[token];
}

static void token_put(const struct import_words *words, uint32_t token, struct buf *out) {
    struct str text = words->texts[token];
    char fill[24];
    uint64_t size;
    struct str before = STR_NONE;
    if (!text.data) {
        snprintf(fill, sizeof fill, "[PAD%u]", (unsigned)token);
        text = str_of(fill);
    } else if (words->kind == IMPORT_WORDPIECE) {
        bool marked = str_starts(text, STR("[")) && str_ends(text, STR("]"));
        if (str_starts(text, STR("##")))
            text = (struct str){text.data + 2, text.size - 2};
        else if (!marked)
            before = STR(TOKEN_SPACE);
    }
    size = before.size + text.size;
    buf_add(out, &size, sizeof size);
    buf_add_str(out, before);
    buf_add_str(out, text);
}

// Pieces are merged by score: that of a piece is the rank of the first merge that makes it.
static enum err scores_fill(struct import_words *words, float *scores, uint64_t vocabulary) {
    for (uint64_t i = 0; i < vocabulary; i++) scores[i] = -1e9f;
    const char *at = words->merges.data;
    for (uint64_t rank = 0; rank < words->merge_count; rank++) {
        uint64_t size;
        memcpy(&size, at, sizeof size);
        struct str right, left = str_cut((struct str){at + sizeof size, size}, ' ', &right);
        at += sizeof size + size;
        buf_clear(&words->scratch);
        buf_add_str(&words->scratch, left);
        buf_add_str(&words->scratch, right);
        if (buf_err(&words->scratch) != OK) return wrong(words, "model.merges");
        uint32_t token = import_words_find(words, buf_str(&words->scratch));
        if (token == TOKEN_NONE || scores[token] > -1e9f) continue;
        scores[token] = -(float)rank;
    }
    for (uint32_t i = 0; i < words->count; i++) {
        if (words->kinds[i] != TOKEN_NORMAL || is_byte(words->texts[i])) scores[i] = 0;
    }
    return OK;
}

static enum err scores_put(struct import_words *words, uint64_t vocabulary,
                           struct gguf_head *head) {
    float *scores = memory_take_unset((size_t)vocabulary * sizeof *scores);
    if (!scores) return ERR_MEMORY;
    enum err err = scores_fill(words, scores, vocabulary);
    struct str bytes = {(const char *)scores, (size_t)vocabulary * sizeof *scores};
    if (err == OK) gguf_head_array(head, "tokenizer.ggml.scores", GGUF_F32, vocabulary, bytes);
    memory_give(scores);
    return err;
}

enum err import_words_put(struct import_words *words, uint64_t vocabulary, struct gguf_head *head) {
    static const char *const models[] = {"gpt2", "llama", "bert"};
    struct buf texts, kinds;
    if (words->count > vocabulary) return wrong(words, "vocab_size");
    gguf_head_text(head, "tokenizer.ggml.model", str_of(models[words->kind]));
    enum err err = import_patterns(words, head);
    if (err != OK) return err;
    buf_open(&texts, MERGES_BYTES_MAX);
    buf_open(&kinds, MERGES_BYTES_MAX);
    for (uint32_t i = 0; i < vocabulary; i++) {
        int32_t kind = kind_of(words, i);
        token_put(words, i, &texts);
        buf_add(&kinds, &kind, sizeof kind);
    }
    err = buf_err(&texts) != OK ? buf_err(&texts) : buf_err(&kinds);
    if (err == OK) {
        gguf_head_array(head, "tokenizer.ggml.tokens", GGUF_TEXT, vocabulary, buf_str(&texts));
        gguf_head_array(head, "tokenizer.ggml.token_type", GGUF_I32, vocabulary, buf_str(&kinds));
    }
    buf_close(&texts);
    buf_close(&kinds);
    if (err == OK && words->strip_some) {
        struct str strips = {(const char *)words->strips, (size_t)vocabulary};
        gguf_head_array(head, TOKENIZER_STRIPS, GGUF_U8, vocabulary, strips);
    }
    if (err == OK && words->kind == IMPORT_PIECES) return scores_put(words, vocabulary, head);
    if (err == OK && words->kind == IMPORT_BYTES) {
        gguf_head_array(head, "tokenizer.ggml.merges", GGUF_TEXT, words->merge_count,
                        buf_str(&words->merges));
    }
    return err;
}
