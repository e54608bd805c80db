// What stands around a vocabulary: the numbers of special tokens, whether a text begins and ends
// with them, and the templates of chats.
#include <stdio.h>

#include "model/language/import/import_private.h"
#include "model/language/tokenizer/tokenizer.h"

enum { TEMPLATE_BYTES_MAX = 1 << 22 };

static const struct special {
    const char *name; // "bos" of "bos_token" and "bos_token_id"
    const char *value;
    const char *instead; // in the vocabularies of encoders
} specials[] = {
    {"bos", "tokenizer.ggml.bos_token_id", "cls"},
    {"eos", "tokenizer.ggml.eos_token_id", "sep"},
    {"unk", "tokenizer.ggml.unknown_token_id", NULL},
    {"sep", "tokenizer.ggml.seperator_token_id", NULL}, // as GGUF spells it
    {"pad", "tokenizer.ggml.padding_token_id", NULL},
    {"cls", "tokenizer.ggml.cls_token_id", NULL},
    {"mask", "tokenizer.ggml.mask_token_id", NULL},
};
enum { BOS, EOS, SPECIALS = sizeof specials / sizeof *specials };

// ---- numbers -----------------------------------------------------------------------------------

static struct str text_told(const struct language_import *import, const char *name) {
    char key[32];
    snprintf(key, sizeof key, "%s_token", name);
    const struct json *entry = json_member(import->words_config, key);
    return json_is_object(entry) ? json_member_text(entry, "content") : json_text(entry);
}

static uint32_t number_told(const struct json *config, const char *name) {
    char key[32];
    uint64_t number;
    snprintf(key, sizeof key, "%s_token_id", name);
    const struct json *entry = json_member(config, key);
    if (json_is_array(entry)) entry = json_first(entry);
    return json_u64(entry, &number) && number < TOKENS_MAX ? (uint32_t)number : TOKEN_NONE;
}

static uint32_t token_of(const struct language_import *import, const struct import_words *words,
                         const struct special *special) {
    struct str text = text_told(import, special->name);
    if (!text.size && special->instead) text = text_told(import, special->instead);
    uint32_t token = text.size ? import_words_find(words, text) : TOKEN_NONE;
    if (token == TOKEN_NONE) token = number_told(import->config, special->name);
    if (token == TOKEN_NONE) token = number_told(import->generation, special->name);
    return token < import->vocabulary ? token : TOKEN_NONE;
}

// Further tokens that end an answer.
static void endings_put(struct language_import *import, uint32_t end) {
    static const char *const values[] = {"tokenizer.ggml.eot_token_id",
                                         "tokenizer.ggml.eom_token_id"};
    const struct json *list = json_member(import->generation, "eos_token_id");
    uint32_t count = 0;
    if (!json_is_array(list)) return;
    for (const struct json *item = json_first(list); item && count < 2; item = json_next(item)) {
        uint64_t token;
        if (!json_u64(item, &token) || token >= import->vocabulary || token == end) continue;
        gguf_head_whole(&import->head, values[count++], (uint32_t)token);
    }
}

// ---- where a text begins and ends --------------------------------------------------------------

// The single-text template's first or last part, where it is a special token.
static uint32_t template_token(const struct import_words *words, bool last) {
    const struct json *step = words->post_processor;
    struct str type = json_member_text(step, "type");
    if (str_is(type, "Sequence")) {
        const struct json *child = json_first(json_member(step, "processors"));
        while (child && !str_is(json_member_text(child, "type"), "TemplateProcessing")) {
            child = json_next(child);
        }
        step = child;
    }
    const struct json *part = json_first(json_member(step, "single"));
    for (const struct json *next; last && (next = json_next(part));) part = next;
    struct str text = json_member_text(json_member(part, "SpecialToken"), "id");
    return text.size ? import_words_find(words, text) : TOKEN_NONE;
}

static void adds_put(struct language_import *import, const struct import_words *words,
                     const uint32_t tokens[SPECIALS]) {
    static const char *const keys[] = {"add_bos_token", "add_eos_token"};
    static const char *const values[] = {"tokenizer.ggml.add_bos_token",
                                         "tokenizer.ggml.add_eos_token"};
    if (words->kind == IMPORT_WORDPIECE) return; // always with both
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t found = template_token(words, i == EOS);
        bool adds = found != TOKEN_NONE && found == tokens[i];
        const struct json *told = json_member(import->words_config, keys[i]);
        gguf_head_bool(&import->head, values[i], json_bool(told, adds));
    }
}

// ---- templates ---------------------------------------------------------------------------------

static void template_put(struct language_import *import, struct str name, struct str text) {
    struct buf key;
    buf_open(&key, 256);
    buf_add_text(&key, "tokenizer.chat_template");
    if (name.size && !str_is(name, "default")) {
        buf_add_char(&key, '.');
        buf_add_str(&key, name);
    }
    buf_add(&key, "", 1);
    if (buf_err(&key) == OK && text.size) gguf_head_text(&import->head, key.data, text);
    buf_close(&key);
}

static enum err templates_put(struct language_import *import) {
    const struct json *told = json_member(import->words_config, "chat_template");
    struct json *other = NULL;
    struct buf text;
    bool found = false;
    if (json_is_string(told)) template_put(import, STR_NONE, json_text(told));
    for (const struct json *one = json_is_array(told) ? json_first(told) : NULL; one;
         one = json_next(one)) {
        template_put(import, json_member_text(one, "name"), json_member_text(one, "template"));
    }
    if (told && !json_is_null(told)) return OK;
    buf_open(&text, TEMPLATE_BYTES_MAX);
    enum err err = import_text(import, "chat_template.jinja", false, &text, &found);
    if (err == OK && found) template_put(import, STR_NONE, buf_str(&text));
    if (err == OK && !found) err = import_json(import, "chat_template.json", false, &other);
    if (other) template_put(import, STR_NONE, json_member_text(other, "chat_template"));
    json_close(other);
    buf_close(&text);
    return err;
}

enum err import_special(struct language_import *import, const struct import_words *words) {
    uint32_t tokens[SPECIALS];
    for (uint32_t i = 0; i < SPECIALS; i++) {
        tokens[i] = token_of(import, words, &specials[i]);
        if (tokens[i] == TOKEN_NONE) continue;
        gguf_head_whole(&import->head, specials[i].value, tokens[i]);
    }
    endings_put(import, tokens[EOS]);
    adds_put(import, words, tokens);
    return templates_put(import);
}
