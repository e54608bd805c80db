// The vocabulary file of llama2.c: the longest token's size, then for each token its score, its
// size and its bytes; spaces stand for themselves. Tokens 0 to 2 are <unk>, <s> and </s>, the next
// 256 the bytes. Source: llama2.c's tokenizer.py, export().
#include <string.h>

#include "base/file.h"
#include "model/language/gguf_head.h"
#include "model/language/tokenizer/tokenizer_private.h"

enum { HEAD_BYTES = 4, TOKEN_HEAD_BYTES = 8, FIRST_BYTE = 3, FIRST_PLAIN = 259 };

struct reading {
    const uint8_t *at, *end;
    struct tokenizer *t;
};

static bool next(struct reading *r, float *score, struct str *text) {
    int32_t size;
    if (r->end - r->at < TOKEN_HEAD_BYTES) return false;
    memcpy(score, r->at, sizeof *score);
    memcpy(&size, r->at + 4, sizeof size);
    r->at += TOKEN_HEAD_BYTES;
    if (size < 0 || size > TOKEN_BYTES_MAX || size > r->end - r->at) return false;
    *text = (struct str){(const char *)r->at, (size_t)size};
    r->at += size;
    return true;
}

// Spaces are written as other vocabularies of pieces write them.
static enum err token_add(struct tokenizer *t, uint32_t token, struct str text) {
    static const char ends[][6] = {"<unk>", "<s>", "</s>"};
    if (token < FIRST_BYTE) text = str_of(ends[token]);
    size_t size = 0;
    char *copy = arena_take(t->arena, text.size * strlen(TOKEN_SPACE) + 1);
    if (!copy) return ERR_MEMORY;
    for (size_t i = 0; i < text.size; i++) {
        bool space = text.data[i] == ' ';
        memcpy(copy + size, space ? TOKEN_SPACE : &text.data[i], space ? strlen(TOKEN_SPACE) : 1);
        size += space ? strlen(TOKEN_SPACE) : 1;
    }
    t->texts[token] = (struct str){copy, size};
    t->kinds[token] = token == 0            ? TOKEN_UNKNOWN
                      : token < FIRST_BYTE  ? TOKEN_CONTROL
                      : token < FIRST_PLAIN ? TOKEN_BYTE
                                            : TOKEN_NORMAL;
    return OK;
}

static enum err all_read(struct tokenizer *t, const uint8_t *bytes, size_t size) {
    struct reading r = {bytes + HEAD_BYTES, bytes + size, t};
    struct str text;
    float score;
    if (size < HEAD_BYTES) return ERR_INPUT;
    while (t->count < TOKENS_MAX && next(&r, &score, &text)) t->count++;
    if (r.at != r.end || t->count <= FIRST_PLAIN) return ERR_INPUT;
    enum err err = arena_open(TOKENIZER_BYTES_MAX, &t->arena);
    if (err != OK) return err;
    t->texts = ARENA_ARRAY(t->arena, struct str, t->count);
    t->kinds = ARENA_ARRAY(t->arena, uint8_t, t->count);
    t->scores = ARENA_ARRAY(t->arena, float, t->count);
    if (!t->texts || !t->kinds || !t->scores) return ERR_MEMORY;
    r.at = bytes + HEAD_BYTES;
    for (uint32_t i = 0; i < t->count && err == OK; i++) {
        if (!next(&r, &t->scores[i], &text)) return ERR_INPUT;
        bool byte = i >= FIRST_BYTE && i < FIRST_PLAIN;
        err = byte && text.size != 6 ? ERR_INPUT : token_add(t, i, text);
    }
    return err == OK ? tokenizer_index(t) : err;
}

enum err tokenizer_view_llama2c(const void *bytes, size_t size, struct tokenizer **out,
                                struct fault *fault) {
    struct tokenizer *t = memory_take(sizeof *t);
    enum err err = t ? OK : ERR_MEMORY;
    if (err == OK) {
        t->kind = TOKENIZER_PIECES;
        t->begin = 1;
        t->end = 2;
        t->separator = TOKEN_NONE;
        t->add_begin = t->space_first = true;
        err = all_read(t, bytes, size);
    }
    if (err == OK) {
        *out = t;
        return OK;
    }
    tokenizer_close(t);
    bool input = err == ERR_INPUT;
    return fault_set(fault, err, input ? "tokenizer.not_llama2c" : "predict.no_memory", STR_NONE);
}

enum err tokenizer_open_llama2c(const char *path, struct tokenizer **out, struct fault *fault) {
    struct file_map map;
    enum err err = file_map(path, &map, fault);
    if (err != OK) return err;
    err = tokenizer_view_llama2c(map.data, map.size, out, fault);
    file_unmap(&map);
    return err;
}

void tokenizer_put_llama2c(const struct tokenizer *tokenizer, struct gguf_head *head) {
    struct buf texts, kinds;
    buf_open(&texts, TOKENIZER_BYTES_MAX);
    buf_open(&kinds, TOKENIZER_BYTES_MAX);
    for (uint32_t i = 0; i < tokenizer->count; i++) {
        int32_t kind = tokenizer->kinds[i];
        uint64_t size = tokenizer->texts[i].size;
        buf_add(&texts, &size, sizeof size);
        buf_add_str(&texts, tokenizer->texts[i]);
        buf_add(&kinds, &kind, sizeof kind);
    }
    struct str scores = {(const char *)tokenizer->scores, tokenizer->count * sizeof(float)};
    gguf_head_text(head, "tokenizer.ggml.model", STR("llama"));
    gguf_head_text(head, "tokenizer.ggml.pre", STR("default"));
    gguf_head_array(head, "tokenizer.ggml.tokens", GGUF_TEXT, tokenizer->count, buf_str(&texts));
    gguf_head_array(head, "tokenizer.ggml.scores", GGUF_F32, tokenizer->count, scores);
    gguf_head_array(head, "tokenizer.ggml.token_type", GGUF_I32, tokenizer->count, buf_str(&kinds));
    gguf_head_whole(head, "tokenizer.ggml.bos_token_id", tokenizer->begin);
    gguf_head_whole(head, "tokenizer.ggml.eos_token_id", tokenizer->end);
    gguf_head_whole(head, "tokenizer.ggml.unknown_token_id", 0);
    // Texts stand between beginnings: one ends an answer as well.
    gguf_head_whole(head, "tokenizer.ggml.eot_token_id", tokenizer->begin);
    gguf_head_bool(head, "tokenizer.ggml.add_bos_token", true);
    gguf_head_bool(head, "tokenizer.ggml.add_eos_token", false);
    // What did not fit would leave a value short: the head then tells of it.
    if (buf_err(&texts) != OK || buf_err(&kinds) != OK) head->values.err = ERR_MEMORY;
    buf_close(&texts);
    buf_close(&kinds);
}
