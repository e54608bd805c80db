// Many texts at one time: each is what it is alone, whoever else is answered, waits or goes away.
#include "model/language/responder.h"

#include "check.h"
#include "model/language/generate.h"
#include "support/small_language.h"
#include "support/small_words.h"

enum { TEXTS_MAX = 256, PIECE_MAX = 4096 };

static struct {
    struct buf bytes;
    struct gguf *file;
    struct tokenizer *tokenizer;
    struct responder *responder;
} at;

static struct seen {
    uint64_t id;
    char text[PIECE_MAX];
    size_t size;
    uint32_t tokens, shared, drafted, held;
    enum responder_finish finish;
    bool ended, failed;
    uint32_t order; // when its first token came
} seen[TEXTS_MAX];
static uint32_t seen_count, order;

static struct seen *seen_of(uint64_t id) {
    for (uint32_t i = 0; i < seen_count; i++) {
        if (seen[i].id == id) return &seen[i];
    }
    seen[seen_count] = (struct seen){.id = id};
    return &seen[seen_count++];
}

static struct {
    uint32_t count;
    uint32_t tokens[256];
    float given[256]; // log-probabilities; 1: none
    uint32_t best[256];
} judged;
static uint32_t answered; // the last token of an answer

static void prompt_seen(const struct responder_event *event) {
    REQUIRE(judged.count < 256);
    judged.tokens[judged.count] = event->token;
    judged.given[judged.count] = event->choice ? event->choice->log_probability : 1;
    judged.best[judged.count++] =
        event->choice && event->choice->top_count ? event->choice->top[0].token : UINT32_MAX;
}

static void on_event(void *ctx, const struct responder_event *event) {
    struct seen *one = seen_of(event->id);
    (void)ctx;
    CHECK(!one->ended);
    if (event->kind == RESPONDER_PROMPT) {
        prompt_seen(event);
        return;
    }
    if (event->kind == RESPONDER_TOKEN) answered = event->choice->token;
    if (event->text.size && one->size + event->text.size < PIECE_MAX) {
        memcpy(one->text + one->size, event->text.data, event->text.size);
        one->size += event->text.size;
    }
    if (event->kind == RESPONDER_TOKEN && one->tokens == 0) one->order = ++order;
    one->tokens = event->tokens;
    one->shared = event->shared_tokens;
    one->drafted = event->drafted;
    one->held = event->held;
    one->finish = event->finish;
    one->ended = event->kind != RESPONDER_TOKEN;
    one->failed = event->kind == RESPONDER_FAILED;
}

static void forget_all(void) {
    responder_cancel_all(at.responder);
    seen_count = order = 0;
}

static bool no_drafts;

static void open_one(uint64_t tokens) {
    struct fault fault = {0};
    const struct network_about *about;
    struct network_about looked;
    REQUIRE(network_look(at.file, &looked, &fault) == OK);
    struct responder_setup setup = {
        .file = at.file,
        .tokenizer = at.tokenizer,
        .threads = 2,
        .cache_bytes = responder_cache_bytes(&looked, tokens),
        .no_drafts = no_drafts,
        .event = on_event,
    };
    REQUIRE(responder_open(&setup, &at.responder, &fault) == OK);
    about = responder_about(at.responder);
    CHECK(!about->encodes && responder_context(at.responder) <= about->context);
    seen_count = order = 0;
}

// None ends before its tokens are given: 2 is the end's token.
static const struct token_bias no_end = {2, -INFINITY};

static struct responder_request request_of(uint64_t id, uint64_t tenant, const char *prompt) {
    struct responder_request request = {.id = id,
                                        .tenant = tenant,
                                        .weight = 1,
                                        .prompt = str_of(prompt),
                                        .sampling = sampling_default(),
                                        .tokens_most = 12};
    request.sampling.temperature = 1;
    request.sampling.seed = 5;
    request.sampling.biases = &no_end;
    request.sampling.bias_count = 1;
    return request;
}

static enum err ask(uint64_t id, uint64_t tenant, const char *prompt) {
    struct responder_request request = request_of(id, tenant, prompt);
    struct fault fault = {0};
    return responder_ask(at.responder, &request, &fault);
}

static void run(void) {
    for (int i = 0; i < 5000 && responder_step(at.responder); i++) continue;
    CHECK_EQ(responder_count(at.responder), 0);
}

static const char *const prompts[] = {"abc", "hello there", "a", "abcabcabcabcabcabc", "zzz yyy"};

static void each_is_answered_as_if_alone(void) {
    char alone[5][PIECE_MAX];
    size_t sizes[5];
    open_one(2048);
    for (uint64_t i = 0; i < 5; i++) {
        CHECK_EQ(ask(i + 1, i, prompts[i]), OK);
        run();
        const struct seen *one = seen_of(i + 1);
        CHECK(one->ended && !one->failed && one->tokens > 0 && one->tokens <= 12);
        memcpy(alone[i], one->text, one->size);
        sizes[i] = one->size;
    }
    forget_all();
    for (uint64_t i = 0; i < 40; i++) CHECK_EQ(ask(100 + i, i % 3, prompts[i % 5]), OK);
    run();
    for (uint64_t i = 0; i < 40; i++) {
        const struct seen *one = seen_of(100 + i);
        CHECK(one->ended && !one->failed && one->size == sizes[i % 5]);
        CHECK(memcmp(one->text, alone[i % 5], one->size) == 0);
    }
    responder_close(at.responder);
}

static void cancelled_nothing_more_is_told(void) {
    open_one(2048);
    for (uint64_t i = 1; i <= 8; i++) CHECK_EQ(ask(i, 0, prompts[i % 5]), OK);
    for (int i = 0; i < 3; i++) CHECK(responder_step(at.responder));
    uint32_t had[9];
    for (uint64_t i = 1; i <= 8; i++) had[i] = seen_of(i)->tokens;
    for (uint64_t i = 2; i <= 8; i += 2) responder_cancel(at.responder, i);
    responder_cancel(at.responder, 77); // nobody
    CHECK_EQ(responder_count(at.responder), 4);
    run();
    for (uint64_t i = 1; i <= 8; i++) {
        CHECK(seen_of(i)->ended == (i % 2 == 1));
        if (i % 2 == 0) CHECK_EQ(seen_of(i)->tokens, had[i]);
    }
    responder_close(at.responder);
}

// A cache for hardly one text: the others wait, and all come to their turn.
static void a_small_cache_serves_all_in_turn(void) {
    open_one(64);
    for (uint64_t i = 1; i <= 10; i++) CHECK_EQ(ask(i, i % 2, prompts[i % 5]), OK);
    responder_step(at.responder);
    CHECK(responder_place(at.responder, 10) > 0);
    run();
    for (uint64_t i = 1; i <= 10; i++) CHECK(seen_of(i)->ended && !seen_of(i)->failed);
    CHECK_EQ(responder_place(at.responder, 10), 0);
    responder_close(at.responder);
}

// One tenant asks forty times, then another once: it does not wait for the forty.
static void few_do_not_wait_for_many(void) {
    open_one(64);
    for (uint64_t i = 1; i <= 40; i++) CHECK_EQ(ask(i, 1, prompts[i % 5]), OK);
    for (int i = 0; i < 5; i++) responder_step(at.responder);
    uint32_t before = order;
    CHECK_EQ(ask(1000, 2, "abc"), OK);
    run();
    CHECK(seen_of(1000)->order <= before + 4);
    responder_close(at.responder);
}

static void refuses_what_it_cannot_do(void) {
    struct fault fault = {0};
    static char wide[4096];
    open_one(2048);
    memset(wide, 'a', sizeof wide - 1);
    CHECK_EQ(ask(1, 0, wide), ERR_LIMIT);
    struct responder_request request = request_of(2, 0, "abc");
    request.tokens_most = 1 << 30; // as many as there is room for
    CHECK_EQ(responder_ask(at.responder, &request, &fault), OK);
    run();
    CHECK(seen_of(2)->ended && seen_of(2)->tokens < SMALL_CONTEXT);
    request.prompt = STR("\xff\xfe");
    request.id = 3;
    CHECK(responder_ask(at.responder, &request, &fault) != OK ||
          responder_count(at.responder) == 1);
    forget_all();
    uint32_t taken = 0;
    while (ask(10 + taken, 0, "a") == OK) taken++;
    CHECK_EQ(taken, RESPONDER_WAITING);
    responder_close(at.responder);
}

// Asked at any time, cancelled at any time: whoever is not cancelled is answered.
static void whatever_comes_and_goes(void) {
    open_one(256);
    uint64_t asked = 0, gone = 0;
    for (int i = 0; i < 120; i++) {
        if (check_below(2) && responder_count(at.responder) < 40 && asked < TEXTS_MAX - 2) {
            asked++;
            struct responder_request request =
                request_of(asked, check_below(4), prompts[check_below(5)]);
            struct fault fault = {0};
            request.tokens_most = 1 + (uint32_t)check_below(30);
            request.sampling.seed = check_random();
            CHECK_EQ(responder_ask(at.responder, &request, &fault), OK);
            seen_of(asked);
        }
        if (check_below(5) == 0 && asked) {
            uint64_t one = 1 + check_below(asked);
            if (!seen_of(one)->ended) {
                responder_cancel(at.responder, one);
                seen_of(one)->failed = true;
                gone++;
            }
        }
        responder_step(at.responder);
    }
    run();
    for (uint64_t i = 1; i <= asked; i++) CHECK(seen_of(i)->ended != seen_of(i)->failed);
    responder_close(at.responder);
}

// ---- constrained -------------------------------------------------------------------------------

static enum err grammar_make(void *ctx, struct grammar **out, struct fault *fault) {
    return grammar_of_text(str_of(ctx), out, fault);
}

static enum err ask_for(uint64_t id, uint64_t tenant, const char *grammar) {
    struct responder_request request = request_of(id, tenant, prompts[id % 5]);
    struct constraint_wish wish = {str_of(grammar), grammar_make, (void *)(uintptr_t)grammar};
    struct fault fault = {0};
    request.constraint = &wish;
    request.tokens_most = 30;
    return responder_ask(at.responder, &request, &fault);
}

// Each place of this one has a mask of its own.
static const char counting[] = "root ::= \"x\" [a-y]{20} \"z\"";

// Some held to a form beside others who are not: each is what it is alone, and fits.
static void held_to_a_form_beside_others(void) {
    char alone[6][PIECE_MAX];
    size_t sizes[6];
    open_one(2048);
    for (uint64_t i = 0; i < 6; i++) {
        CHECK_EQ(i % 2 ? ask_for(i + 1, 0, counting) : ask(i + 1, 0, prompts[(i + 1) % 5]), OK);
        run();
        const struct seen *one = seen_of(i + 1);
        CHECK(one->ended && !one->failed);
        memcpy(alone[i], one->text, one->size);
        sizes[i] = one->size;
        if (i % 2 == 0) continue;
        CHECK(one->finish == RESPONDER_STOP && one->size == 22);
        CHECK(one->text[0] == 'x' && one->text[21] == 'z' && !memchr(one->text, 'z', 21));
    }
    forget_all();
    for (uint64_t i = 0; i < 24; i++) {
        uint64_t id = 60 * (i + 1) + i % 6 + 1; // the same prompt as alone
        CHECK_EQ(i % 2 ? ask_for(id, i % 3, counting) : ask(id, i % 3, prompts[id % 5]), OK);
    }
    run();
    for (uint64_t i = 0; i < 24; i++) {
        const struct seen *one = seen_of(60 * (i + 1) + i % 6 + 1);
        CHECK(one->ended && !one->failed && one->size == sizes[i % 6]);
        CHECK(memcmp(one->text, alone[i % 6], one->size) == 0);
    }
    responder_close(at.responder);
}

static void a_form_that_cannot_be_kept(void) {
    open_one(2048);
    CHECK_EQ(ask_for(1, 0, "root ::= other"), ERR_INPUT);
    CHECK_EQ(ask_for(2, 0, "root ::= \"7\""), ERR_INPUT); // no such word
    CHECK_EQ(responder_count(at.responder), 0);
    CHECK_EQ(ask_for(3, 0, "root ::= \"a7\""), OK); // found out on the way
    CHECK_EQ(ask(4, 0, "abc"), OK);
    run();
    CHECK(seen_of(3)->failed && seen_of(4)->ended && !seen_of(4)->failed);
    // Cancelled ones give back what they had; more forms than are kept.
    for (uint64_t i = 0; i < 3 * CONSTRAINT_STORE_COUNT; i++) {
        char text[64];
        snprintf(text, sizeof text, "root ::= [a-z]{%u}", (unsigned)(i % 90 + 1));
        CHECK_EQ(ask_for(100 + i, 0, text), OK);
        if (i % 2) responder_cancel(at.responder, 100 + i);
        if (i % 2 == 0) run();
        if (seen_count > TEXTS_MAX / 2) forget_all();
    }
    responder_close(at.responder);
}

// What goes round in circles is drafted, within a form too: in fewer steps, the same text.
static void drafts_keep_to_the_form(void) {
    static const char *const forms[] = {"root ::= ([ab] \"c\" [de])+", "root ::= ([a-z]{3} \" \")+",
                                        "root ::= [a-f]{4} ([g-k] | \"x\" [l-p]+)*"};
    enum { COUNT = 36 };
    static struct seen with[COUNT + 1];
    uint64_t seed = check_random();
    uint32_t steps[2] = {0};
    for (int pass = 0; pass < 2; pass++) {
        no_drafts = pass == 1;
        open_one(512);
        for (uint64_t i = 1; i <= COUNT; i++) {
            struct responder_request request = request_of(i, i % 3, prompts[i % 5]);
            char *form = (char *)(uintptr_t)forms[i % 3];
            struct constraint_wish wish = {str_of(form), grammar_make, form};
            struct fault fault = {0};
            request.constraint = i % 4 ? &wish : NULL; // beside one that says what it likes
            request.sampling.temperature = i % 2 ? 0 : 1;
            request.sampling.seed = seed + i;
            request.tokens_most = 90;
            CHECK_EQ(responder_ask(at.responder, &request, &fault), OK);
            bool go = i >= 20 || i % 2 == 0;
            for (int s = 0; s < 900 && go && responder_count(at.responder); s++) {
                responder_step(at.responder);
                steps[pass]++;
            }
        }
        run();
        for (uint64_t i = 1; i <= COUNT; i++) {
            const struct seen *one = seen_of(i);
            CHECK(one->ended && !one->failed);
            if (pass == 0) with[i] = *one;
            if (pass == 0) continue;
            CHECK(one->size == with[i].size && one->tokens == with[i].tokens);
            CHECK(one->finish == with[i].finish);
            CHECK(memcmp(one->text, with[i].text, one->size) == 0);
        }
        responder_close(at.responder);
    }
    no_drafts = false;
    check_that(steps[0] < steps[1] * 9 / 10, __FILE__, __LINE__, "%u steps with drafts, %u without",
               steps[0], steps[1]);
}

// Letters that are said once, and can be cut into words in one way only: nothing but the form knows
// what comes. Asked twice: at first a busy machine may have no time to find what may come ahead.
static void what_a_form_forces_is_drafted(void) {
    open_one(512);
    for (uint64_t id = 1; id <= 2; id++) {
        CHECK_EQ(ask_for(id, 0, "root ::= \"zyxwvutsrqponmlkjihg\" [x-z]"), OK);
        uint32_t steps = 0;
        while (responder_count(at.responder) && steps < 100) {
            responder_step(at.responder);
            steps++;
        }
        const struct seen *one = seen_of(id);
        CHECK(one->ended && !one->failed && one->tokens == 21 && one->size == 21);
        CHECK(memcmp(one->text, "zyxwvutsrqponmlkjihg", 20) == 0);
        CHECK_EQ(steps, 21 - one->held);
        CHECK(id == 1 || one->held > 0);
    }
    responder_close(at.responder);
}

// Free until a mark stands in the text, then held, and free again: with drafts and without the same
// texts; beside others.
static void held_from_a_mark_on(void) {
    enum { COUNT = 36 };
    static struct seen with[COUNT + 1];
    static char grammar[] = "root ::= \"x\" [a-y]{5} \"z\"";
    const struct hold_form form = {.mark = "q", .pieces_most = 2};
    // Likely, and refused as long as the text is free: the mark and, in the same token, a "b".
    const struct token_bias biases[] = {no_end, {30 + 'q' - 'a', 6}};
    uint64_t seed = check_random();
    uint32_t marks = 0, over = 0;
    for (int pass = 0; pass < 2; pass++) {
        no_drafts = pass == 1;
        open_one(512);
        for (uint64_t i = 1; i <= COUNT; i++) {
            struct responder_request request = request_of(i, i % 3, prompts[i % 5]);
            struct constraint_wish wish = {STR("held"), grammar_make, grammar};
            struct fault fault = {0};
            request.constraint = i % 4 ? &wish : NULL; // beside one that says what it likes
            request.held = &form;
            request.sampling.biases = biases;
            request.sampling.bias_count = 2;
            request.sampling.temperature = i % 2;
            request.sampling.seed = seed + i;
            request.tokens_most = 60;
            CHECK_EQ(responder_ask(at.responder, &request, &fault), OK);
            for (int s = 0; i % 3 == 0 && s < 900 && responder_count(at.responder); s++) {
                responder_step(at.responder);
            }
        }
        run();
        for (uint64_t i = 1; i <= COUNT; i++) {
            const struct seen *one = seen_of(i);
            CHECK(one->ended && !one->failed);
            if (pass == 0) with[i] = *one;
            CHECK(one->size == with[i].size && one->finish == with[i].finish);
            CHECK(memcmp(one->text, with[i].text, one->size) == 0);
            if (i % 4 == 0) continue;
            uint32_t pieces = 0;
            for (size_t k = 0; k < one->size; k++) {
                if (one->text[k] != 'q') continue;
                size_t left = one->size - ++k;
                marks++;
                for (size_t b = 0; b < 7 && b < left; b++) {
                    char c = one->text[k + b];
                    CHECK(b == 0 ? c == 'x' : b == 6 ? c == 'z' : c != 'z');
                }
                pieces += left >= 7;
                k += left >= 7 ? 6 : left;
                if (pieces == 2) CHECK(k + 1 == one->size && one->finish == RESPONDER_STOP);
                over += pieces == 2;
            }
        }
        responder_close(at.responder);
    }
    no_drafts = false;
    CHECK(marks > 0 && over > 0);
}

// ---- the prompt itself -------------------------------------------------------------------------

// What a model gives to the words of a prompt is what it gives to them as an answer.
static void a_prompt_is_judged(void) {
    struct fault fault = {0};
    uint32_t tokens[40];
    open_one(2048);
    for (uint32_t i = 0; i < 40; i++) tokens[i] = 3 + (uint32_t)check_below(SMALL_VOCABULARY - 3);
    for (int beside = 0; beside < 2; beside++) {
        judged.count = 0;
        struct responder_request request = request_of(1, 1, "");
        request.tokens = tokens;
        request.token_count = 40;
        request.judged = request.no_answer = true;
        request.sampling.log_probabilities = true;
        request.sampling.top = 2;
        if (beside) CHECK_EQ(ask(2, 0, prompts[1]), OK);
        CHECK_EQ(responder_ask(at.responder, &request, &fault), OK);
        if (beside) CHECK_EQ(ask(3, 1, prompts[3]), OK);
        run();
        CHECK(seen_of(1)->ended && !seen_of(1)->failed && seen_of(1)->tokens == 0);
        CHECK_EQ(seen_of(1)->finish, RESPONDER_LENGTH);
        if (beside) CHECK(seen_of(2)->tokens == 12 && seen_of(3)->tokens == 12);
        REQUIRE(judged.count == 40);
        CHECK_EQ(judged.given[0], 1);
        for (uint32_t i = 0; i < 40; i++) CHECK_EQ(judged.tokens[i], tokens[i]);
        for (uint32_t i = 1; i < 40; i++) CHECK(judged.given[i] <= 0 && judged.given[i] > -100);
        forget_all();
    }
    // The likeliest behind the first tokens is what a greedy answer says, with the same chances.
    uint32_t best = judged.best[39];
    struct responder_request request = request_of(4, 1, "");
    request.tokens = tokens;
    request.token_count = 39;
    request.judged = true;
    request.sampling.log_probabilities = true;
    request.sampling.top = 1;
    request.sampling.temperature = 0;
    request.sampling.bias_count = 0;
    request.tokens_most = 1;
    judged.count = 0;
    answered = TOKEN_NONE;
    CHECK_EQ(responder_ask(at.responder, &request, &fault), OK);
    run();
    CHECK_EQ(judged.count, 39);
    CHECK(answered == best || answered == TOKEN_NONE);
    tokens[3] = SMALL_VOCABULARY;
    CHECK_EQ(responder_ask(at.responder, &request, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "generate.no_token");
    responder_close(at.responder);
}

// One or three at a time, with drafts and without: the same texts, in fewer steps.
static void drafts_change_no_text(void) {
    enum { COUNT = 60 };
    static struct seen with[COUNT + 1];
    uint64_t seed = check_random();
    uint32_t steps[2] = {0}, drafted = 0, texts = getenv("COURTYARD_EMULATOR") ? COUNT / 2 : COUNT;
    for (int pass = 0; pass < 2; pass++) {
        no_drafts = pass == 1;
        open_one(512);
        for (uint64_t i = 1; i <= texts; i++) {
            struct responder_request request = request_of(i, i % 3, prompts[i % 5]);
            struct fault fault = {0};
            request.sampling.temperature = i % 2 ? 0 : 1;
            request.sampling.seed = seed + i;
            request.tokens_most = (uint32_t)(1 + i);
            CHECK_EQ(responder_ask(at.responder, &request, &fault), OK);
            bool go = 3 * i >= 2 * texts || i % 3 == 0; // three at a time, then one by one
            bool alone = responder_count(at.responder) == 1;
            uint32_t before = steps[pass];
            for (int s = 0; s < 500 && go && responder_count(at.responder); s++) {
                responder_step(at.responder);
                steps[pass]++;
            }
            if (!alone || !go || seen_of(i)->finish != RESPONDER_LENGTH) continue;
            CHECK_EQ(steps[pass] - before, seen_of(i)->tokens - seen_of(i)->held);
        }
        run();
        for (uint64_t i = 1; i <= texts; i++) {
            const struct seen *one = seen_of(i);
            CHECK(one->ended && !one->failed);
            CHECK(one->held <= one->drafted && (pass == 0 || one->drafted == 0));
            drafted += one->drafted;
            if (pass == 0) with[i] = *one;
            if (pass == 0) continue;
            CHECK(one->size == with[i].size && one->tokens == with[i].tokens);
            CHECK(one->finish == with[i].finish);
            CHECK(memcmp(one->text, with[i].text, one->size) == 0);
        }
        responder_close(at.responder);
    }
    no_drafts = false;
    CHECK(drafted > 0);
    check_that(steps[0] < steps[1], __FILE__, __LINE__, "%u steps with drafts, %u without",
               steps[0], steps[1]);
}

// A conversation's next turn costs what is new in it, while its tenant's pages are there; another
// tenant with the same words computes all of them.
static void a_next_turn_costs_what_is_new(void) {
    static char turn[512];
    open_one(256);
    for (int i = 0; i < 70; i++) turn[i] = (char)('a' + check_below(26));
    CHECK_EQ(ask(1, 1, turn), OK);
    run();
    CHECK_EQ(seen_of(1)->shared, 0);
    memcpy(turn + strlen(turn), seen_of(1)->text, seen_of(1)->size);
    strcat(turn, "zq");
    CHECK_EQ(ask(2, 2, turn), OK); // at the same time
    CHECK_EQ(ask(3, 1, turn), OK);
    run();
    CHECK_EQ(seen_of(2)->shared, 0);
    CHECK(seen_of(3)->shared >= 32);
    for (uint64_t i = 10; i < 20; i++) { // others need the room
        char other[80] = {0};
        for (int k = 0; k < 70; k++) other[k] = (char)('a' + check_below(26));
        CHECK_EQ(ask(i, 3, other), OK);
        run();
    }
    CHECK_EQ(ask(4, 1, turn), OK);
    run();
    CHECK_EQ(seen_of(4)->shared, 0);
    responder_close(at.responder);
}

int main(void) {
    struct fault fault = {0};
    const struct small_language *model = small_language_find("llama-Q4_0");
    buf_open(&at.bytes, 64 << 20);
    if (model) small_language_write(model, &at.bytes);
    if (!model || gguf_view(at.bytes.data, at.bytes.size, &at.file, &fault) != OK ||
        small_words_open(&at.tokenizer, &fault) != OK) {
        fprintf(stderr, "%s %s\n", fault.code, fault.detail);
        return 1;
    }
    CHECK_RUN(each_is_answered_as_if_alone);
    CHECK_RUN(cancelled_nothing_more_is_told);
    CHECK_RUN(a_small_cache_serves_all_in_turn);
    CHECK_RUN(few_do_not_wait_for_many);
    CHECK_RUN(refuses_what_it_cannot_do);
    CHECK_RUN(whatever_comes_and_goes);
    CHECK_RUN(drafts_change_no_text);
    CHECK_RUN(drafts_keep_to_the_form);
    CHECK_RUN(what_a_form_forces_is_drafted);
    CHECK_RUN(a_prompt_is_judged);
    CHECK_RUN(held_to_a_form_beside_others);
    CHECK_RUN(a_form_that_cannot_be_kept);
    CHECK_RUN(held_from_a_mark_on);
    CHECK_RUN(a_next_turn_costs_what_is_new);
    tokenizer_close(at.tokenizer);
    gguf_close(at.file);
    buf_close(&at.bytes);
    return check_done();
}
