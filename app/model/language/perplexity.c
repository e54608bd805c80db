// Perplexity as llama.cpp's tool of that name defines it, so that figures can be compared: windows
// one behind the other, each begun anew, judged on its second half.
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "model/language/generate.h"

enum { LOGITS_BYTES_AIM = 64 << 20, CONTEXT_LEAST = 8 };

struct judging {
    struct network *network;
    const uint32_t *tokens;
    uint32_t begin; // stands first in each window; TOKEN_NONE: none does
    uint32_t context;
    float *logits; // (rows, V)
    uint32_t rows;
    double sum, squares; // of -log p
    uint64_t count;
};

// -log p of a token, from logits (V).
static double surprise_of(const float *logits, uint32_t vocabulary, uint32_t token) {
    float most = logits[0];
    double sum = 0;
    for (uint32_t i = 1; i < vocabulary; i++) most = logits[i] > most ? logits[i] : most;
    for (uint32_t i = 0; i < vocabulary; i++) sum += (double)expf(logits[i] - most);
    return log(sum) - (double)(logits[token] - most);
}

// Rows [from, to) of a window; those of its second half tell about the token behind.
static enum err rows_judge(struct judging *j, struct sequence *sequence, const uint32_t *window,
                           uint32_t from, uint32_t to) {
    struct batch_row rows[NETWORK_ROWS];
    uint32_t vocabulary = network_about(j->network)->vocabulary, first = j->context / 2;
    for (uint32_t i = from; i < to; i++) {
        bool begins = i == 0 && j->begin != TOKEN_NONE;
        bool judged = i >= first && i + 1 < j->context;
        rows[i - from] = (struct batch_row){sequence, i, begins ? j->begin : window[i], judged};
    }
    enum err err = network_step(j->network, rows, to - from, j->logits);
    const float *logits = j->logits;
    for (uint32_t i = from; i < to && err == OK; i++) {
        if (!rows[i - from].logits) continue;
        double surprise = surprise_of(logits, vocabulary, window[i + 1]);
        j->sum += surprise;
        j->squares += surprise * surprise;
        j->count++;
        logits += vocabulary;
    }
    return err;
}

static enum err window_judge(struct judging *j, struct cache *cache, const uint32_t *window,
                             struct progress *progress) {
    struct sequence sequence;
    enum err err = OK;
    sequence_open(cache, &sequence);
    for (uint32_t at = 0, end; at < j->context && err == OK; at = end) {
        end = j->context - at < j->rows ? j->context : at + j->rows;
        err = progress_cancelled(progress) ? ERR_CANCELLED
                                           : rows_judge(j, &sequence, window, at, end);
    }
    sequence_close(&sequence);
    return err;
}

static enum err windows_judge(struct judging *j, uint32_t windows, struct progress *progress) {
    struct cache *cache;
    uint32_t pages = (j->context + CACHE_PAGE_TOKENS - 1) / CACHE_PAGE_TOKENS;
    enum err err = cache_open(network_cache_shape(j->network), pages, &cache);
    if (err != OK) return err;
    for (uint32_t i = 0; i < windows && err == OK; i++) {
        progress_set(progress, PHASE_EVALUATE, i, windows);
        err = window_judge(j, cache, j->tokens + (size_t)i * j->context, progress);
    }
    cache_close(cache);
    return err;
}

// The token that the model wants in front of a text, or TOKEN_NONE.
static uint32_t begin_of(const struct tokenizer *tokenizer, const struct buf *tokens) {
    uint32_t begin = tokenizer_ends(tokenizer).begin, first = TOKEN_NONE;
    struct buf none;
    buf_open(&none, 64);
    if (tokenizer_encode(tokenizer, STR_NONE, TOKENIZE_ENDS, &none, NULL) == OK && none.size) {
        memcpy(&first, tokens->data, sizeof first);
    }
    buf_close(&none);
    return first == begin ? begin : TOKEN_NONE;
}

static enum err tokens_judge(struct judging *j, uint64_t count, uint32_t windows_most,
                             struct progress *progress, struct perplexity *out) {
    const struct network_about *about = network_about(j->network);
    uint64_t windows = count / j->context;
    if (windows_most && windows > windows_most) windows = windows_most;
    j->rows = (uint32_t)(LOGITS_BYTES_AIM / sizeof(float) / about->vocabulary);
    if (j->rows < 16) j->rows = 16;
    if (j->rows > network_rows_max(j->network)) j->rows = network_rows_max(j->network);
    j->logits = memory_take_unset((size_t)j->rows * about->vocabulary * sizeof *j->logits);
    enum err err = j->logits ? windows_judge(j, (uint32_t)windows, progress) : ERR_MEMORY;
    memory_give(j->logits);
    if (err != OK) return err;
    double n = (double)j->count, mean = j->sum / n, spread = j->squares / n - mean * mean;
    double deviation = n > 1 && spread > 0 ? sqrt(spread / (n - 1)) : 0;
    *out = (struct perplexity){exp(mean), deviation * exp(mean), (uint32_t)windows, j->count};
    return OK;
}

enum err perplexity_of(struct network *network, const struct tokenizer *tokenizer, struct str text,
                       uint32_t context, uint32_t windows_most, struct progress *progress,
                       struct perplexity *out, struct fault *fault) {
    struct judging j = {.network = network, .context = context};
    struct buf tokens;
    if (network_about(network)->encodes) {
        return fault_set(fault, ERR_INPUT, "generate.encodes", STR_NONE);
    }
    if (context < CONTEXT_LEAST || context > network_about(network)->context) {
        return fault_set(fault, ERR_LIMIT, "network.too_long", STR_NONE);
    }
    buf_open(&tokens, INT32_MAX);
    enum err err = prompt_encode(network, tokenizer, text, TOKENIZE_TEXT, &tokens, fault);
    uint64_t count = tokens.size / sizeof *j.tokens;
    if (err == OK && count < 2 * (uint64_t)context) {
        err = fault_set(fault, ERR_INPUT, "perplexity.short", STR_NONE);
    }
    if (err == OK) {
        j.tokens = (const uint32_t *)(const void *)tokens.data;
        j.begin = begin_of(tokenizer, &tokens);
        err = tokens_judge(&j, count, windows_most, progress, out);
    }
    buf_close(&tokens);
    if (err == ERR_MEMORY || err == ERR_LIMIT) {
        return fault_set(fault, err, "predict.no_memory", STR_NONE);
    }
    return err;
}
