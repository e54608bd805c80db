#include "model/language/responder.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/memory.h"
#include "model/language/batch.h"
#include "model/language/draft.h"
#include "model/language/generate.h"
#include "model/language/stream.h"

#define TOKENS_BYTES_MAX ((size_t)NETWORK_CONTEXT_MAX * sizeof(uint32_t))
enum { TEXTS_MAX = RESPONDER_SLOTS + RESPONDER_WAITING, PIECE_BYTES_MAX = 1 << 20 };
enum { JUDGED_ROWS = 16 };           // of a step, with logits of a prompt's tokens
enum { MASK_CREDIT_US = 50 * 1000 }; // saved up, or owed, at most

enum text_state { TEXT_WAITING, TEXT_PROMPT, TEXT_ANSWER };
struct text { // one request and its answer
    uint64_t id, tenant;
    double weight;
    enum text_state state;
    uint32_t *prompt; // (prompt_count)
    uint32_t prompt_count, shared, tokens_most, given;
    uint32_t pages;                // of the cache that are promised to it
    uint32_t next;                 // the token that the next step computes
    struct constraint *constraint; // of the responder's store, or NULL
    struct hold hold;              // where the answer stands in it
    bool control, judged, no_answer;
    struct sequence sequence;
    struct sampler *sampler;
    struct draft *draft;                         // NULL: none are made
    uint32_t guesses[DRAFT_TOKENS], guess_count; // that this step computes behind `next`
    uint32_t guess_held;                         // so many of them have come true
    uint32_t drafted, held;                      // of all steps
    struct text_stream stream;
    struct str stops[RESPONDER_STOPS_MAX]; // in stop_text
    uint32_t stop_count;
    struct buf stop_text;
    bool over; // goes at the end of the step
};

struct responder {
    struct responder_setup setup;
    struct network *network;
    struct network_about about;
    struct cache *cache;
    uint32_t pages, pages_promised;
    struct text *texts[TEXTS_MAX]; // the oldest first
    uint32_t count;
    struct batch batch;
    struct draft_costs costs;
    struct batch_row *rows; // (rows_most)
    uint32_t rows_most;
    float *logits;          // (RESPONDER_SLOTS + JUDGED_ROWS, vocabulary)
    struct endings endings; // tokens that end an answer
    struct constraint_store *constraints;
    int64_t mask_credit_us; // that masks may take now
    struct buf bytes, piece;
};

// ---- life ---------------------------------------------------------------------------------------

uint64_t responder_cache_bytes(const struct network_about *about, uint64_t tokens) {
    uint64_t pages = tokens / CACHE_PAGE_TOKENS + 1;
    return pages * CACHE_PAGE_TOKENS * about->token_bytes;
}

static enum err room_take(struct responder *responder) {
    const struct network_about *about = &responder->about;
    responder->rows_most = network_rows_max(responder->network);
    responder->rows = memory_take(responder->rows_most * sizeof *responder->rows);
    if (!responder->rows) return ERR_MEMORY;
    if (about->encodes) return OK;
    uint64_t page_bytes = cache_page_bytes(network_cache_shape(responder->network));
    uint64_t pages = responder->setup.cache_bytes / page_bytes;
    if (pages > CACHE_PAGES_MAX) pages = CACHE_PAGES_MAX;
    responder->pages = (uint32_t)pages;
    responder->logits = memory_take_unset((size_t)(RESPONDER_SLOTS + JUDGED_ROWS) *
                                          about->vocabulary * sizeof(float));
    if (!responder->logits || responder->pages == 0) return ERR_MEMORY;
    return cache_open(network_cache_shape(responder->network), responder->pages, &responder->cache);
}

static enum err constraints_open(struct responder *responder) {
    return constraint_store_open(responder->setup.tokenizer, responder->about.vocabulary,
                                 responder->endings.tokens, responder->endings.count,
                                 &responder->constraints);
}

enum err responder_open(const struct responder_setup *setup, struct responder **out,
                        struct fault *fault) {
    struct responder *responder = memory_take(sizeof *responder);
    if (!responder) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    responder->setup = *setup;
    endings_of(setup->file, setup->tokenizer, &responder->endings);
    buf_open(&responder->bytes, PIECE_BYTES_MAX);
    buf_open(&responder->piece, PIECE_BYTES_MAX);
    enum err err = network_open(setup->file, setup->threads, &responder->network, fault);
    if (err == OK) {
        responder->about = *network_about(responder->network);
        if (tokenizer_count(setup->tokenizer) > responder->about.vocabulary) {
            err = fault_set(fault, ERR_INPUT, "network.words", STR_NONE);
        }
    }
    if (err == OK && (room_take(responder) != OK || constraints_open(responder) != OK)) {
        err = fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    }
    if (err != OK) {
        responder_close(responder);
        return err;
    }
    *out = responder;
    return OK;
}

static void text_close(struct responder *responder, struct text *text) {
    if (text->state != TEXT_WAITING) {
        sequence_close(&text->sequence);
        responder->pages_promised -= text->pages;
    }
    responder->piece.size = 0;
    text_stream_end(&text->stream, &responder->piece); // for its memory
    sampler_close(text->sampler);
    draft_close(text->draft);
    if (text->constraint) constraint_store_give(responder->constraints, text->constraint);
    buf_close(&text->stop_text);
    memory_give(text->prompt);
    memory_give(text);
}

void responder_close(struct responder *responder) {
    if (!responder) return;
    for (uint32_t i = 0; i < responder->count; i++) text_close(responder, responder->texts[i]);
    constraint_store_close(responder->constraints);
    cache_close(responder->cache);
    network_close(responder->network);
    memory_give(responder->rows);
    memory_give(responder->logits);
    buf_close(&responder->bytes);
    buf_close(&responder->piece);
    memory_give(responder);
}

const struct network_about *responder_about(const struct responder *responder) {
    return &responder->about;
}

uint32_t responder_context(const struct responder *responder) {
    uint64_t cached = (uint64_t)responder->pages * CACHE_PAGE_TOKENS;
    return cached < responder->about.context ? (uint32_t)cached : responder->about.context;
}

uint32_t responder_count(const struct responder *responder) {
    return responder->count;
}

// ---- asking -------------------------------------------------------------------------------------

static enum err tokens_read(const struct responder *responder,
                            const struct responder_request *request, struct buf *out,
                            struct fault *fault) {
    if (!request->token_count) {
        return tokenizer_encode(responder->setup.tokenizer, request->prompt, request->flags, out,
                                fault);
    }
    for (uint32_t i = 0; i < request->token_count; i++) {
        if (request->tokens[i] < responder->about.vocabulary) continue;
        char detail[16];
        snprintf(detail, sizeof detail, "%u", request->tokens[i]);
        return fault_set(fault, ERR_INPUT, "generate.no_token", str_of(detail));
    }
    buf_add(out, request->tokens, request->token_count * sizeof *request->tokens);
    return buf_err(out);
}

static enum err prompt_take(struct responder *responder, const struct responder_request *request,
                            struct text *text, struct fault *fault) {
    struct buf tokens;
    buf_open(&tokens, TOKENS_BYTES_MAX);
    enum err err = tokens_read(responder, request, &tokens, fault);
    uint32_t count = (uint32_t)(tokens.size / sizeof(uint32_t)),
             context = responder_context(responder);
    if (err == OK && count == 0) err = fault_set(fault, ERR_INPUT, "generate.empty", STR_NONE);
    if (err == OK && count >= context) {
        char detail[48];
        snprintf(detail, sizeof detail, "%u / %u", count, context);
        err = fault_set(fault, ERR_LIMIT, "network.too_long", str_of(detail));
    }
    text->prompt = err == OK ? memory_take_unset(tokens.size) : NULL;
    if (err == OK && !text->prompt) err = ERR_MEMORY;
    if (err == OK) memcpy(text->prompt, tokens.data, tokens.size);
    text->prompt_count = count;
    buf_close(&tokens);
    if (err != OK) return err;
    uint32_t most = request->no_answer     ? 1
                    : request->tokens_most ? request->tokens_most
                                           : RESPONDER_TOKENS;
    text->tokens_most = most < context - count ? most : context - count;
    text->pages = (count + text->tokens_most) / CACHE_PAGE_TOKENS + 1;
    if (text->pages > responder->pages) text->pages = responder->pages;
    return OK;
}

static enum err stops_take(const struct responder_request *request, struct text *text) {
    buf_open(&text->stop_text, (size_t)RESPONDER_STOPS_MAX * STOP_TEXT_BYTES_MAX);
    for (uint32_t i = 0; i < request->stop_count && i < RESPONDER_STOPS_MAX; i++) {
        buf_add_str(&text->stop_text, request->stops[i]);
    }
    if (buf_err(&text->stop_text) != OK) return buf_err(&text->stop_text);
    size_t at = 0;
    for (uint32_t i = 0; i < request->stop_count && i < RESPONDER_STOPS_MAX; i++) {
        text->stops[i] = (struct str){text->stop_text.data + at, request->stops[i].size};
        at += request->stops[i].size;
        text->stop_count++;
    }
    text_stream_open(&text->stream, text->stops, text->stop_count);
    return OK;
}

static void mask_pay(struct responder *responder, uint64_t begun_us) {
    responder->mask_credit_us -= (int64_t)(clock_monotonic_us() - begun_us);
    if (responder->mask_credit_us < -MASK_CREDIT_US) responder->mask_credit_us = -MASK_CREDIT_US;
}

// What may come there is at hand afterwards: nothing, in free text.
static enum err filter_find(struct text *text, const struct hold *hold, struct fault *fault) {
    struct sampler_filter filter;
    return hold->held ? constraint_filter(text->constraint, hold->place, &filter, fault) : OK;
}

static bool filter_ready(const struct text *text, const struct hold *hold) {
    return !hold->held || constraint_ready(text->constraint, hold->place);
}

// What may come at its beginning is found here and now, and paid for later.
static enum err constraint_take(struct responder *responder,
                                const struct responder_request *request, struct text *text,
                                struct fault *fault) {
    if (!request->constraint) return OK;
    enum err err = constraint_store_prepare(responder->constraints);
    if (err != OK) return fault_set(fault, err, "base.no_memory", STR_NONE);
    uint64_t begun_us = clock_monotonic_us();
    err = constraint_store_take(responder->constraints, request->constraint, &text->constraint,
                                fault);
    if (err != OK) return err;
    text->hold = hold_of(text->constraint, request->held);
    err = filter_find(text, &text->hold, fault);
    mask_pay(responder, begun_us);
    return err;
}

enum err responder_ask(struct responder *responder, const struct responder_request *request,
                       struct fault *fault) {
    uint32_t waiting = 0;
    if (responder->about.encodes) return fault_set(fault, ERR_INPUT, "language.embeds", STR_NONE);
    for (uint32_t i = 0; i < responder->count; i++) {
        waiting += responder->texts[i]->state == TEXT_WAITING;
    }
    if (waiting >= RESPONDER_WAITING || responder->count == TEXTS_MAX) {
        return fault_set(fault, ERR_BUSY, "language.queue_full", STR_NONE);
    }
    struct text *text = memory_take(sizeof *text);
    if (!text) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    text->id = request->id;
    text->tenant = request->tenant;
    text->weight = request->weight > 0 ? request->weight : 1;
    text->control = request->control;
    text->judged = request->judged;
    text->no_answer = request->no_answer;
    enum err err = stops_take(request, text);
    if (err == OK) err = prompt_take(responder, request, text, fault);
    if (err == OK)
        err = sampler_open(&request->sampling, responder->about.vocabulary, &text->sampler);
    if (err == OK) err = constraint_take(responder, request, text, fault);
    if (err == OK && !responder->setup.no_drafts) {
        err = draft_open(text->prompt_count + text->tokens_most, &text->draft);
    }
    if (err != OK) {
        text_close(responder, text);
        if (err == ERR_MEMORY) return fault_set(fault, err, "base.no_memory", STR_NONE);
        return err;
    }
    responder->texts[responder->count++] = text;
    return OK;
}

static void forget(struct responder *responder, uint32_t at) {
    text_close(responder, responder->texts[at]);
    responder->count--;
    memmove(&responder->texts[at], &responder->texts[at + 1],
            (responder->count - at) * sizeof responder->texts[0]);
}

void responder_cancel(struct responder *responder, uint64_t id) {
    for (uint32_t i = 0; i < responder->count; i++) {
        if (responder->texts[i]->id != id) continue;
        forget(responder, i);
        return;
    }
}

void responder_cancel_all(struct responder *responder) {
    while (responder->count) forget(responder, responder->count - 1);
}

uint32_t responder_place(const struct responder *responder, uint64_t id) {
    uint32_t before = 0;
    for (uint32_t i = 0; i < responder->count; i++) {
        const struct text *text = responder->texts[i];
        if (text->state != TEXT_WAITING) continue;
        before++;
        if (text->id == id) return before;
    }
    return 0;
}

// ---- a step -------------------------------------------------------------------------------------

static struct batch_item item_of(const struct text *text) {
    struct batch_item item = {.tenant = text->tenant, .weight = text->weight};
    item.decode = text->state == TEXT_ANSWER;
    if (text->state == TEXT_PROMPT) item.left = text->prompt_count - text->sequence.length;
    return item;
}

// False: its pages are not free yet, or as many are under way as may be.
static bool begin_one(struct responder *responder) {
    struct batch_item items[TEXTS_MAX];
    struct text *waiting[TEXTS_MAX];
    uint32_t count = 0, begun = 0;
    for (uint32_t i = 0; i < responder->count; i++) {
        struct text *text = responder->texts[i];
        if (text->state != TEXT_WAITING) {
            begun++;
            continue;
        }
        items[count] = item_of(text);
        waiting[count++] = text;
    }
    uint32_t first = batch_first(&responder->batch, items, count);
    if (first == count || begun == RESPONDER_SLOTS) return false;
    struct text *text = waiting[first];
    if (responder->pages_promised + text->pages > responder->pages) return false;
    responder->pages_promised += text->pages;
    text->state = TEXT_PROMPT;
    sequence_open(responder->cache, &text->sequence);
    text->sequence.owner = text->tenant;
    // Each token that is judged has to be computed.
    if (!text->judged) sequence_share(&text->sequence, text->prompt, text->prompt_count);
    text->shared = text->sequence.length;
    for (uint32_t i = 0; i < text->prompt_count; i++) {
        sampler_see(text->sampler, text->prompt[i]);
        if (text->draft) draft_add(text->draft, text->prompt[i]);
    }
    return true;
}

static void tell(struct responder *responder, const struct text *text,
                 struct responder_event event) {
    event.id = text->id;
    event.prompt_tokens = text->prompt_count;
    event.shared_tokens = text->shared;
    event.tokens = text->given;
    event.drafted = text->drafted;
    event.held = text->held;
    responder->setup.event(responder->setup.ctx, &event);
}

static void text_end(struct responder *responder, struct text *text, enum responder_finish finish) {
    buf_clear(&responder->piece);
    text_stream_end(&text->stream, &responder->piece);
    text->over = true;
    tell(responder, text,
         (struct responder_event){
             .kind = RESPONDER_ENDED, .text = buf_str(&responder->piece), .finish = finish});
}

static void text_fail_by(struct responder *responder, struct text *text,
                         const struct fault *fault) {
    text->over = true;
    tell(responder, text, (struct responder_event){.kind = RESPONDER_FAILED, .fault = fault});
}

static void text_fail(struct responder *responder, struct text *text, const char *code) {
    struct fault fault = {0};
    (void)!fault_set(&fault, ERR_LIMIT, code, STR_NONE);
    text_fail_by(responder, text, &fault);
}

// The logits of a prompt's rows: each tells about the token behind.
static float *prompt_judge(struct responder *responder, struct text *text, uint32_t rows,
                           float *logits) {
    uint32_t at = text->sequence.length - rows;
    if (at == 0) {
        tell(responder, text,
             (struct responder_event){.kind = RESPONDER_PROMPT, .token = text->prompt[0]});
    }
    for (uint32_t next = at + 1; next <= at + rows && next < text->prompt_count; next++) {
        struct choice choice = sampler_judge(text->sampler, logits, text->prompt[next]);
        tell(responder, text,
             (struct responder_event){
                 .kind = RESPONDER_PROMPT, .token = choice.token, .choice = &choice});
        logits += responder->about.vocabulary;
    }
    return logits;
}

static struct str token_bytes(struct responder *responder, uint32_t token, bool control) {
    buf_clear(&responder->bytes);
    tokenizer_decode(responder->setup.tokenizer, token, control, &responder->bytes);
    return buf_str(&responder->bytes);
}

// A token that its form allows; what goes wrong is in `fault`.
static enum err choose_by_form(struct responder *responder, struct text *text, float *logits,
                               struct choice *out, struct fault *fault) {
    struct sampler_filter filter;
    const uint64_t *mask;
    enum err err = constraint_filter(text->constraint, text->hold.place, &filter, fault);
    if (err != OK) return err;
    *out = sampler_choose_filtered(text->sampler, logits, &filter);
    constraint_took(text->constraint, text->hold.place, out->token);
    if (out->token == TOKEN_NONE) {
        return constraint_mask(text->constraint, text->hold.place, &mask, fault);
    }
    if (constraint_store_fits(responder->constraints)) return OK;
    return fault_set(fault, ERR_LIMIT, "constraint.too_large", STR_NONE);
}

// The next token, and what it means for what the text is held to; in free text one that may not
// stand there is chosen anew. *out_over: nothing may come behind it.
static enum err token_choose(struct responder *responder, struct text *text, float *logits,
                             struct choice *out, bool *out_over, struct fault *fault) {
    bool held = text->constraint && text->hold.held;
    *out_over = false;
    if (held) {
        enum err err = choose_by_form(responder, text, logits, out, fault);
        if (err != OK) return err;
    } else {
        *out = sampler_choose(text->sampler, logits, NULL);
    }
    while (text->constraint && out->token != TOKEN_NONE &&
           !endings_hold(&responder->endings, out->token)) {
        struct str bytes = held ? STR_NONE : token_bytes(responder, out->token, true);
        enum hold_step step = hold_next(&text->hold, out->token, bytes);
        *out_over = step == HOLD_OVER;
        if (step != HOLD_REFUSED) break;
        *out = sampler_choose_other(text->sampler, logits, out);
    }
    return OK;
}

// A token has been chosen: what of the text is sure, and whether it ends.
static void token_take(struct responder *responder, struct text *text, const struct choice *choice,
                       bool over) {
    sampler_see(text->sampler, choice->token);
    if (text->draft) draft_add(text->draft, choice->token);
    text->next = choice->token;
    text->given++;
    if (text->guess_held < text->guess_count && text->guesses[text->guess_held] == text->next) {
        text->guess_held++;
        text->held++;
    }
    buf_clear(&responder->piece);
    struct str bytes = token_bytes(responder, choice->token, text->control);
    bool stopped = text_stream_put(&text->stream, bytes, &responder->piece);
    tell(responder, text,
         (struct responder_event){
             .kind = RESPONDER_TOKEN, .text = buf_str(&responder->piece), .choice = choice});
    stopped = stopped || over;
    if (stopped || text->given >= text->tokens_most) {
        text_end(responder, text, stopped ? RESPONDER_STOP : RESPONDER_LENGTH);
    }
}

// Its next token, by the logits of one row.
static void text_go_on(struct responder *responder, struct text *text, float *logits) {
    struct choice choice;
    struct fault fault = {0};
    bool over;
    if (text->no_answer) {
        text_end(responder, text, RESPONDER_LENGTH);
        return;
    }
    if (token_choose(responder, text, logits, &choice, &over, &fault) != OK) {
        text_fail_by(responder, text, &fault);
        return;
    }
    if (choice.token == TOKEN_NONE) {
        text_fail(responder, text, "generate.no_number");
        return;
    }
    text->state = TEXT_ANSWER;
    if (endings_hold(&responder->endings, choice.token)) {
        text_end(responder, text, RESPONDER_STOP);
        return;
    }
    token_take(responder, text, &choice, over);
}

// Its next tokens, by the logits of its `rows` rows, as far as its draft held.
static void text_rows_take(struct responder *responder, struct text *text, uint32_t rows,
                           float *logits) {
    uint32_t held;
    if (text->state == TEXT_PROMPT && text->judged) {
        logits = prompt_judge(responder, text, rows, logits);
        if (text->sequence.length < text->prompt_count) return;
    }
    text->drafted += text->guess_count;
    text->guess_held = 0;
    do {
        held = text->guess_held;
        text_go_on(responder, text, logits + (size_t)held * responder->about.vocabulary);
        if (text->over) return;
    } while (text->guess_held > held);
    sequence_cut(&text->sequence, text->sequence.length - (text->guess_count - held));
    if (text->draft) draft_learn(text->draft, held);
    text->guess_count = 0;
}

static void mask_find(struct responder *responder, struct text *text) {
    struct fault fault = {0};
    uint64_t begun_us = clock_monotonic_us();
    enum err err = filter_find(text, &text->hold, &fault);
    if (err == OK && !constraint_store_fits(responder->constraints)) {
        err = fault_set(&fault, ERR_LIMIT, "constraint.too_large", STR_NONE);
    }
    mask_pay(responder, begun_us);
    if (err != OK) text_fail_by(responder, text, &fault);
}

// How many of its guesses may stand there: none ends it, and its form lets them through, as far as
// the masks of their places are there or may be found now: what is drafted is chosen by the masks
// that it would be chosen by alone.
static uint32_t guesses_fit(struct responder *responder, struct text *text) {
    struct hold hold = text->hold;
    uint32_t fit = 0;
    for (; fit < text->guess_count && filter_ready(text, &hold); fit++) {
        uint32_t guess = text->guesses[fit];
        if (endings_hold(&responder->endings, guess)) break; // no row behind it is looked at
        if (filter_find(text, &hold, NULL) != OK) break;
        if (hold.held && !constraint_allows(text->constraint, hold.place, guess)) break;
        struct str bytes = hold.held ? STR_NONE : token_bytes(responder, guess, true);
        if (hold_next(&hold, guess, bytes) != HOLD_ON || hold.place == PLACE_NONE) break;
        if (filter_ready(text, &hold)) continue;
        if (responder->mask_credit_us <= 0) break;
        uint64_t begun_us = clock_monotonic_us();
        // What is wrong with a place is told when the text itself comes there.
        (void)!filter_find(text, &hold, NULL);
        mask_pay(responder, begun_us);
    }
    // The row behind the last of them is chosen from too.
    if (fit && !filter_ready(text, &hold)) fit--;
    return fit;
}

// What its form leaves no choice about.
static uint32_t forced_make(struct responder *responder, struct text *text, uint32_t most) {
    if (!text->constraint || !text->hold.held) return 0;
    return constraint_forced(text->constraint, responder->setup.tokenizer, text->hold.place, most,
                             text->guesses);
}

// Rows that a step of few texts has room for go to drafts; `rows`: those it has.
static void drafts_make(struct responder *responder, const struct batch_item *items,
                        uint32_t rows) {
    uint32_t rows_most = network_rows_alike(responder->network);
    if (rows_most > DRAFT_ROWS) rows_most = DRAFT_ROWS;
    for (uint32_t i = 0; i < responder->count && rows < rows_most; i++) {
        struct text *text = responder->texts[i];
        if (!text->draft || !items[i].decode || !items[i].dealt) continue;
        uint32_t most = rows_most - rows, left = text->tokens_most - text->given - 1;
        if (most > left) most = left;
        uint32_t forced = forced_make(responder, text, most);
        text->guess_count =
            draft_make(text->draft, &responder->costs, rows, most, forced, text->guesses);
        if (text->guess_count) {
            text->guess_count = guesses_fit(responder, text);
            draft_keep(text->draft, text->guess_count);
        }
        rows += text->guess_count;
    }
}

static bool waits_for_mask(const struct text *text) {
    return text->state == TEXT_ANSWER && text->constraint && !filter_ready(text, &text->hold);
}

// Finds the masks of what the next step's logits will be chosen by. Who has to wait for one is left
// out of the step; where all would have to, none does.
static void masks_find(struct responder *responder, struct batch_item *items) {
    bool others = false;
    for (uint32_t i = 0; i < responder->count; i++) {
        bool works = items[i].decode || items[i].left;
        others = others || (works && !waits_for_mask(responder->texts[i]));
    }
    for (uint32_t i = 0; i < responder->count; i++) {
        struct text *text = responder->texts[i];
        if (!waits_for_mask(text)) continue;
        if (!others || responder->mask_credit_us > 0) mask_find(responder, text);
        if (text->over || waits_for_mask(text)) items[i].decode = false;
    }
}

static uint32_t rows_of(const struct text *text, uint32_t dealt, struct batch_row *rows) {
    uint32_t at = text->sequence.length;
    bool answer = text->state == TEXT_ANSWER;
    for (uint32_t i = 0; i < dealt + text->guess_count; i++) {
        uint32_t token = !answer ? text->prompt[at + i] : i ? text->guesses[i - 1] : text->next;
        bool wanted = answer || text->judged || at + i + 1 == text->prompt_count;
        rows[i] = (struct batch_row){
            // The network writes what it remembers; the text stays as it is.
            .sequence = (struct sequence *)(uintptr_t)&text->sequence,
            .position = at + i,
            .token = token,
            .logits = wanted,
        };
    }
    return dealt + text->guess_count;
}

static bool rows_run(struct responder *responder, uint32_t count) {
    uint64_t start_us = clock_monotonic_us();
    if (network_step(responder->network, responder->rows, count, responder->logits) != OK) {
        return false;
    }
    draft_costs_note(&responder->costs, count, (double)(clock_monotonic_us() - start_us) * 1e-6);
    return true;
}

static void step_run(struct responder *responder, const struct batch_item *items) {
    struct text *wanted[TEXTS_MAX];
    uint32_t count = 0, logits = 0, wanted_count = 0, first[TEXTS_MAX], rows[TEXTS_MAX];
    for (uint32_t i = 0; i < responder->count; i++) count += items[i].dealt;
    if (count == 0) return; // the only ones have failed
    drafts_make(responder, items, count);
    count = 0;
    for (uint32_t i = 0; i < responder->count; i++) {
        struct text *text = responder->texts[i];
        if (items[i].dealt == 0) continue;
        bool judged = text->state == TEXT_PROMPT && text->judged;
        count += rows_of(text, items[i].dealt, responder->rows + count);
        if (!responder->rows[count - 1].logits) continue;
        first[wanted_count] = logits;
        rows[wanted_count] = items[i].dealt;
        wanted[wanted_count++] = text;
        logits += judged ? items[i].dealt : 1 + text->guess_count;
    }
    cy_assert(logits <= RESPONDER_SLOTS + JUDGED_ROWS && count <= responder->rows_most);
    if (!rows_run(responder, count)) {
        for (uint32_t i = 0; i < responder->count; i++) {
            if (items[i].dealt) text_fail(responder, responder->texts[i], "base.no_memory");
        }
        return;
    }
    for (uint32_t i = 0; i < wanted_count; i++) {
        text_rows_take(responder, wanted[i], rows[i],
                       responder->logits + (size_t)first[i] * responder->about.vocabulary);
    }
}

// There is room for the logits of one prompt's rows, and of so many of them.
static void judged_bound(const struct responder *responder, struct batch_item *items) {
    uint32_t room = JUDGED_ROWS;
    for (uint32_t i = 0; i < responder->count; i++) {
        const struct text *text = responder->texts[i];
        if (text->state != TEXT_PROMPT || !text->judged) continue;
        if (items[i].left > room) items[i].left = room;
        room = 0;
    }
}

bool responder_step(struct responder *responder) {
    struct batch_item items[TEXTS_MAX];
    if (responder->count == 0) return false;
    while (begin_one(responder)) continue;
    for (uint32_t i = 0; i < responder->count; i++) items[i] = item_of(responder->texts[i]);
    judged_bound(responder, items);
    masks_find(responder, items);
    uint64_t begun_us = clock_monotonic_us();
    batch_deal(&responder->batch, items, responder->count, responder->rows_most);
    step_run(responder, items);
    uint64_t step_us = clock_monotonic_us() - begun_us;
    responder->mask_credit_us += (int64_t)(step_us / RESPONDER_MASK_SHARE);
    if (responder->mask_credit_us > MASK_CREDIT_US) responder->mask_credit_us = MASK_CREDIT_US;
    for (uint32_t i = responder->count; i-- > 0;) {
        if (responder->texts[i]->over) forget(responder, i);
    }
    return true;
}

enum err responder_embed(struct responder *responder, const uint32_t *tokens, uint32_t count,
                         float *out, struct fault *fault) {
    if (count == 0) return fault_set(fault, ERR_INPUT, "generate.empty", STR_NONE);
    return network_embed(responder->network, tokens, count, out, fault);
}
