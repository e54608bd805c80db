#include "model/language/generate.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "model/language/draft.h"
#include "model/language/stream.h"

// ---- where an answer ends ----------------------------------------------------------------------

static void ending_add(struct endings *endings, uint64_t token, uint32_t vocabulary) {
    if (token >= vocabulary || endings->count == ENDINGS_MAX) return;
    if (!endings_hold(endings, (uint32_t)token))
        endings->tokens[endings->count++] = (uint32_t)token;
}

bool endings_hold(const struct endings *endings, uint32_t token) {
    for (uint32_t i = 0; i < endings->count; i++) {
        if (endings->tokens[i] == token) return true;
    }
    return false;
}

void endings_of(const struct gguf *file, const struct tokenizer *tokenizer, struct endings *out) {
    static const char *const values[] = {"tokenizer.ggml.eos_token_id",
                                         "tokenizer.ggml.eot_token_id",
                                         "tokenizer.ggml.eom_token_id"};
    static const char *const texts[] = {"<|im_end|>",
                                        "<|eot_id|>",
                                        "<|eom_id|>",
                                        "<|end_of_text|>",
                                        "<|endoftext|>",
                                        "<|end|>",
                                        "<EOT>",
                                        "<end_of_turn>",
                                        "<|end_of_turn|>",
                                        "<\xEF\xBD\x9C"
                                        "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>"};
    uint32_t vocabulary = tokenizer_count(tokenizer);
    struct buf tokens;
    *out = (struct endings){0};
    ending_add(out, tokenizer_ends(tokenizer).end, vocabulary);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        ending_add(out, gguf_whole(file, values[i], TOKEN_NONE), vocabulary);
    }
    buf_open(&tokens, 1 << 16);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        buf_clear(&tokens);
        enum err err =
            tokenizer_encode(tokenizer, str_of(texts[i]), TOKENIZE_CONTROL, &tokens, NULL);
        if (err != OK || tokens.size != sizeof(uint32_t)) continue; // just a text here
        uint32_t token;
        memcpy(&token, tokens.data, sizeof token);
        ending_add(out, token, vocabulary);
    }
    buf_close(&tokens);
    // llama2.c's vocabulary: stories stand between beginnings.
    if (!gguf_find(file, "tokenizer.ggml.model")) {
        ending_add(out, tokenizer_ends(tokenizer).begin, vocabulary);
    }
}

// ---- the prompt --------------------------------------------------------------------------------

enum err prompt_encode(const struct network *network, const struct tokenizer *tokenizer,
                       struct str prompt, uint32_t flags, struct buf *out, struct fault *fault) {
    if (tokenizer_count(tokenizer) > network_about(network)->vocabulary) {
        return fault_set(fault, ERR_INPUT, "network.words", STR_NONE);
    }
    size_t before = out->size;
    enum err err = tokenizer_encode(tokenizer, prompt, flags | TOKENIZE_ENDS, out, fault);
    if (err != OK || out->size > before) return err;
    uint32_t begin = tokenizer_ends(tokenizer).begin;
    if (begin == TOKEN_NONE) return fault_set(fault, ERR_INPUT, "generate.empty", STR_NONE);
    buf_add(out, &begin, sizeof begin);
    return buf_err(out);
}

// All of a text's tokens, with the logits of the last one.
static enum err prompt_run(struct network *network, struct sequence *sequence,
                           const uint32_t *tokens, uint32_t count, struct progress *progress,
                           float *logits) {
    struct batch_row rows[NETWORK_ROWS];
    uint32_t most = network_rows_max(network);
    enum err err = OK;
    for (uint32_t at = sequence->length, end; at < count && err == OK; at = end) {
        end = count - at < most ? count : at + most;
        for (uint32_t i = at; i < end; i++) {
            rows[i - at] = (struct batch_row){sequence, i, tokens[i], i + 1 == count};
        }
        err = progress_cancelled(progress) ? ERR_CANCELLED
                                           : network_step(network, rows, end - at, logits);
    }
    return err;
}

// ---- token by token ----------------------------------------------------------------------------

struct generation {
    const struct generating *g;
    struct sampler *sampler;
    struct sequence *sequence;
    struct text_stream stream;
    struct buf piece, out; // a token's bytes; what may be shown
    struct hold hold;      // where the text stands in the constraint
    struct draft *draft;   // or NULL
    struct draft_costs costs;
    uint32_t guesses[DRAFT_TOKENS], guess_count; // that the last step computed too
    float *logits;                               // (1 + guess_count, V)
    uint32_t last;                               // the token before
    bool over;
    struct fault *fault;
};

// The bytes of a token; a text's first word has no space in front.
static void piece_make(struct generation *gen, uint32_t token) {
    const struct tokenizer *tokenizer = gen->g->tokenizer;
    struct buf *piece = &gen->piece;
    buf_clear(piece);
    tokenizer_decode(tokenizer, token, gen->g->control, piece);
    bool first = gen->last == tokenizer_ends(tokenizer).begin &&
                 strcmp(tokenizer_kind_name(tokenizer), "pieces") == 0;
    if (first && piece->size && piece->data[0] == ' ') {
        memmove(piece->data, piece->data + 1, --piece->size);
    }
}

static void show(struct generation *gen) {
    if (gen->out.size) gen->g->text(gen->g->ctx, buf_str(&gen->out));
    buf_clear(&gen->out);
}

// A token's bytes, those of a control token too; valid until the next call.
static struct str bytes_of(struct generation *gen, uint32_t token) {
    buf_clear(&gen->piece);
    tokenizer_decode(gen->g->tokenizer, token, true, &gen->piece);
    return buf_str(&gen->piece);
}

// One that the constraint allows; TOKEN_NONE: none may come.
static enum err held_choose(struct generation *gen, float *logits, struct choice *out) {
    struct constraint *constraint = gen->g->constraint;
    struct sampler_filter filter;
    const uint64_t *mask;
    uint32_t place = gen->hold.place;
    *out = (struct choice){.token = TOKEN_NONE};
    if (constraint_must_end(constraint, place)) return OK;
    enum err err = constraint_filter(constraint, place, &filter, gen->fault);
    if (err != OK) return err;
    *out = sampler_choose_filtered(gen->sampler, logits, &filter);
    constraint_took(constraint, place, out->token);
    return out->token == TOKEN_NONE ? constraint_mask(constraint, place, &mask, gen->fault) : OK;
}

// The next token; TOKEN_NONE: none may come. *out_over: none may come behind it. In free text one
// that may not stand there is chosen anew.
static enum err token_next(struct generation *gen, float *logits, struct choice *out,
                           bool *out_over) {
    bool held = gen->g->constraint && gen->hold.held;
    enum err err = OK;
    *out_over = false;
    if (held) {
        err = held_choose(gen, logits, out);
    } else {
        *out = sampler_choose(gen->sampler, logits, NULL);
    }
    while (err == OK && gen->g->constraint && out->token != TOKEN_NONE &&
           !endings_hold(gen->g->endings, out->token)) {
        enum hold_step step = hold_next(&gen->hold, out->token, bytes_of(gen, out->token));
        *out_over = step == HOLD_OVER;
        if (step != HOLD_REFUSED) break;
        *out = sampler_choose_other(gen->sampler, logits, out);
    }
    return err;
}

// The token of one row's logits, and what it means for the text.
static enum err token_take(struct generation *gen, float *logits, uint32_t most,
                           struct generated *out) {
    const struct generating *g = gen->g;
    struct choice choice;
    bool over;
    enum err err = token_next(gen, logits, &choice, &over);
    if (err != OK) return err;
    uint32_t token = choice.token;
    gen->over = token == TOKEN_NONE || endings_hold(g->endings, token);
    if (gen->over) out->finish = FINISH_END;
    if (gen->over) return OK;
    sampler_see(gen->sampler, token);
    if (g->token) g->token(g->ctx, &choice);
    out->tokens++;
    piece_make(gen, token);
    bool stop = text_stream_put(&gen->stream, buf_str(&gen->piece), &gen->out);
    show(gen);
    if (over) out->finish = FINISH_END;
    if (stop) out->finish = FINISH_STOP;
    gen->over = over || stop || out->tokens == most;
    gen->last = token;
    return OK;
}

// The tokens of the last step's rows, as far as its draft held; what did not is taken back.
static enum err rows_take(struct generation *gen, uint32_t most, struct generated *out) {
    uint32_t vocabulary = network_about(gen->g->network)->vocabulary, held = 0;
    out->drafted += gen->guess_count;
    for (bool kept = true; kept;) {
        uint32_t before = out->tokens;
        enum err err = token_take(gen, gen->logits + (size_t)held * vocabulary, most, out);
        kept = out->tokens > before && held < gen->guess_count && gen->last == gen->guesses[held];
        out->held += kept;
        held += kept;
        if (err != OK || gen->over) return err;
        if (kept) draft_add(gen->draft, gen->last);
    }
    sequence_cut(gen->sequence, gen->sequence->length - (gen->guess_count - held));
    if (!gen->draft) return OK;
    draft_learn(gen->draft, held);
    draft_add(gen->draft, gen->last);
    return OK;
}

// How many of its guesses may stand there: behind one that may not, or that ends the text, no row
// is computed.
static uint32_t guesses_fit(struct generation *gen) {
    struct hold hold = gen->hold;
    uint32_t fit = 0;
    for (; fit < gen->guess_count; fit++) {
        if (endings_hold(gen->g->endings, gen->guesses[fit])) break;
        if (!gen->g->constraint) continue;
        enum hold_step step = hold_next(&hold, gen->guesses[fit], bytes_of(gen, gen->guesses[fit]));
        if (step != HOLD_ON || hold.place == PLACE_NONE) break;
    }
    return fit;
}

static void guesses_make(struct generation *gen, uint32_t most) {
    const struct generating *g = gen->g;
    uint32_t forced = 0;
    gen->guess_count = 0;
    if (!gen->draft) return;
    if (g->constraint && gen->hold.held) {
        forced =
            constraint_forced(g->constraint, g->tokenizer, gen->hold.place, most, gen->guesses);
    }
    gen->guess_count = draft_make(gen->draft, &gen->costs, 1, most, forced, gen->guesses);
    if (gen->guess_count == 0) return;
    gen->guess_count = guesses_fit(gen);
    draft_keep(gen->draft, gen->guess_count);
}

// Computes the last token's row, and those of a draft of at most `left` tokens behind it.
static enum err rows_run(struct generation *gen, uint32_t left) {
    const struct generating *g = gen->g;
    struct batch_row rows[DRAFT_ROWS];
    uint32_t most = network_rows_alike(g->network) - 1;
    if (most > DRAFT_TOKENS) most = DRAFT_TOKENS;
    if (most > left) most = left;
    guesses_make(gen, most);
    for (uint32_t i = 0; i <= gen->guess_count; i++) {
        uint32_t token = i ? gen->guesses[i - 1] : gen->last;
        rows[i] = (struct batch_row){gen->sequence, gen->sequence->length + i, token, true};
    }
    if (progress_cancelled(g->progress)) return ERR_CANCELLED;
    uint64_t start_us = clock_monotonic_us();
    enum err err = network_step(g->network, rows, 1 + gen->guess_count, gen->logits);
    uint64_t took_us = clock_monotonic_us() - start_us;
    draft_costs_note(&gen->costs, 1 + gen->guess_count, (double)took_us * 1e-6);
    return err;
}

static enum err tokens_run(struct generation *gen, uint32_t most, struct generated *out) {
    enum err err = OK;
    out->finish = FINISH_LENGTH;
    gen->over = most == 0;
    while (!gen->over && err == OK) {
        err = rows_take(gen, most, out);
        if (err != OK || gen->over) break;
        err = rows_run(gen, most - out->tokens - 1);
        out->steps++;
    }
    text_stream_end(&gen->stream, &gen->out);
    show(gen);
    return err;
}

static enum err generation_run(struct generation *gen, const uint32_t *prompt, uint32_t count,
                               struct generated *out) {
    const struct generating *g = gen->g;
    uint32_t vocabulary = network_about(g->network)->vocabulary;
    uint64_t start_us = clock_monotonic_us();
    uint32_t room = network_about(g->network)->context - count;
    uint32_t most = g->tokens_most < room ? g->tokens_most : room;
    gen->logits = memory_take_unset((size_t)DRAFT_ROWS * vocabulary * sizeof *gen->logits);
    if (!gen->logits) return ERR_MEMORY;
    enum err err = sampler_open(&g->sampling, vocabulary, &gen->sampler);
    if (err == OK && !g->no_drafts) err = draft_open(count + most, &gen->draft);
    if (err != OK) return err;
    for (uint32_t i = 0; i < count; i++) {
        sampler_see(gen->sampler, prompt[i]);
        if (gen->draft) draft_add(gen->draft, prompt[i]);
    }
    err = prompt_run(g->network, gen->sequence, prompt, count, g->progress, gen->logits);
    if (err != OK) return err;
    out->prompt_tokens = count;
    gen->last = prompt[count - 1];
    uint64_t middle_us = clock_monotonic_us();
    err = tokens_run(gen, most, out);
    out->prompt_s = (double)(middle_us - start_us) * 1e-6;
    out->tokens_s = (double)(clock_monotonic_us() - middle_us) * 1e-6;
    return err;
}

// A cache that holds `tokens` of one text.
static enum err cache_for(const struct network *network, uint64_t tokens, struct cache **out) {
    uint64_t pages = tokens / CACHE_PAGE_TOKENS + 1;
    if (pages > CACHE_PAGES_MAX) pages = CACHE_PAGES_MAX;
    return cache_open(network_cache_shape(network), (uint32_t)pages, out);
}

enum err text_generate(const struct generating *g, const uint32_t *prompt, uint32_t count,
                       struct generated *out, struct fault *fault) {
    const struct network_about *about = network_about(g->network);
    struct cache *cache = g->cache;
    struct sequence sequence;
    struct generation gen = {.g = g, .sequence = &sequence, .fault = fault};
    *out = (struct generated){0};
    if (about->encodes) return fault_set(fault, ERR_INPUT, "generate.encodes", STR_NONE);
    if (count == 0) return fault_set(fault, ERR_INPUT, "generate.empty", STR_NONE);
    if (count >= about->context) return fault_set(fault, ERR_LIMIT, "network.too_long", STR_NONE);
    uint64_t room = about->context - count;
    enum err err = OK;
    if (!cache) {
        err =
            cache_for(g->network, count + (g->tokens_most < room ? g->tokens_most : room), &cache);
    }
    if (err != OK) return fault_set(fault, err, "predict.no_memory", STR_NONE);
    if (g->constraint) gen.hold = hold_of(g->constraint, g->held);
    sequence_open(cache, &sequence);
    if (g->cache) sequence_share(&sequence, prompt, count);
    text_stream_open(&gen.stream, g->stops, g->stop_count);
    buf_open(&gen.piece, 1 << 16);
    buf_open(&gen.out, 1 << 20);
    err = generation_run(&gen, prompt, count, out);
    text_stream_end(&gen.stream, &gen.out);
    buf_close(&gen.piece);
    buf_close(&gen.out);
    sampler_close(gen.sampler);
    draft_close(gen.draft);
    memory_give(gen.logits);
    sequence_close(&sequence);
    if (!g->cache) cache_close(cache);
    if (err == ERR_MEMORY || err == ERR_LIMIT) {
        return fault_set(fault, ERR_MEMORY, "predict.no_memory", STR_NONE);
    }
    return err;
}
