// Texts by one network: the same with drafts as without them, whatever the prompt, the seed and
// what an answer may be; rows of drafts and rows alone have the same logits, bit by bit.
#include "model/language/generate.h"

#include "check.h"
#include "support/small_language.h"
#include "support/small_words.h"

enum { V = SMALL_VOCABULARY, TEXT_MAX = 4096 };

static struct {
    struct buf bytes;
    struct gguf *file;
    struct tokenizer *tokenizer;
    struct network *network;
    struct endings endings;
    struct token_tree *tree;
} at;
static struct said {
    char text[TEXT_MAX];
    size_t size;
    struct generated generated;
} said[2];

static void open_model(const char *name) {
    struct fault fault = {0};
    const struct small_language *model = small_language_find(name);
    at.bytes.size = 0;
    REQUIRE(model);
    small_language_write(model, &at.bytes);
    REQUIRE(gguf_view(at.bytes.data, at.bytes.size, &at.file, &fault) == OK);
    REQUIRE(network_open(at.file, 2, &at.network, &fault) == OK);
}

static void close_model(void) {
    network_close(at.network);
    gguf_close(at.file);
}

static void text_take(void *ctx, struct str piece) {
    struct said *one = ctx;
    REQUIRE(one->size + piece.size < TEXT_MAX);
    memcpy(one->text + one->size, piece.data, piece.size);
    one->size += piece.size;
}

static struct generating generating_of(struct said *to, uint32_t tokens) {
    *to = (struct said){0};
    return (struct generating){.network = at.network,
                               .tokenizer = at.tokenizer,
                               .endings = &at.endings,
                               .sampling = sampling_default(),
                               .tokens_most = tokens,
                               .text = text_take,
                               .ctx = to};
}

// ---- with and without --------------------------------------------------------------------------

static uint32_t prompt_make(uint32_t out[64]) {
    uint32_t count = 1 + (uint32_t)check_below(60), period = 1 + (uint32_t)check_below(20);
    out[0] = 1;
    for (uint32_t i = 1; i < count; i++) {
        out[i] = i <= period ? 4 + (uint32_t)check_below(V - 4) : out[i - period];
    }
    return count;
}

static struct sampling sampling_make(void) {
    static const double temperatures[] = {0, 0, .3, 1, 2};
    struct sampling sampling = sampling_default();
    sampling.temperature = temperatures[check_below(5)];
    sampling.seed = check_random();
    if (check_below(3) == 0) sampling.repeat_penalty = 1.3;
    if (check_below(3) == 0) sampling.top_k = 3;
    sampling.log_probabilities = check_below(4) == 0;
    return sampling;
}

// The same answer twice, by the same prompt and seed; `constraint` or NULL, and when it holds.
static void both_ways(struct constraint *constraint, const struct hold_form *form, uint32_t *held,
                      uint32_t *missed) {
    static const struct str stops[] = {STR("ab"), STR("zzq")};
    uint32_t prompt[64], count = prompt_make(prompt);
    uint32_t most = 1 + (uint32_t)check_below(SMALL_CONTEXT);
    uint32_t stop_count = (uint32_t)check_below(3);
    struct sampling sampling = sampling_make();
    struct fault fault = {0};
    for (int i = 0; i < 2; i++) {
        struct generating g = generating_of(&said[i], most);
        g.sampling = sampling;
        g.constraint = constraint;
        g.held = form;
        g.stops = stops;
        g.stop_count = stop_count;
        g.no_drafts = i == 1;
        CHECK_EQ(text_generate(&g, prompt, count, &said[i].generated, &fault), OK);
    }
    const struct generated *with = &said[0].generated, *without = &said[1].generated;
    CHECK_EQ(with->tokens, without->tokens);
    CHECK_EQ(with->finish, without->finish);
    CHECK(said[0].size == said[1].size && memcmp(said[0].text, said[1].text, said[0].size) == 0);
    CHECK_EQ(without->drafted, 0);
    // Each step gives a token and those that held; the prompt gives the first. An end that is
    // chosen gives none; behind a token that the form lets nothing follow there is no step.
    for (int i = 0; i < 2; i++) {
        const struct generated *one = &said[i].generated;
        uint32_t told = 1 + one->steps + one->held, ended = one->finish == FINISH_END;
        CHECK(told == one->tokens + ended || (constraint && ended && told == one->tokens) ||
              (one->finish == FINISH_STOP && told > one->tokens));
    }
    *held += with->held;
    *missed += with->drafted - with->held;
}

static const char *const models[] = {"llama-F32",  "llama-F16",  "llama-BF16", "llama-Q4_0",
                                     "llama-Q4_K", "llama-Q6_K", "qwen2-Q8_0", "qwen3-F32"};
enum { MODELS = sizeof models / sizeof *models };

// An emulator is slow, and what it emulates drafts the same: it gets a fifth of the rounds. More
// come only until a drafted token has held: on a busy machine steps take what they like, and drafts
// seem to pay seldom.
static bool another(int round, int most, uint32_t held) {
    int least = getenv("COURTYARD_EMULATOR") ? most / 5 : most;
    return round < least || (round < 4 * most && held == 0);
}

static void drafts_change_no_text(void) {
    uint32_t missed = 0;
    for (uint32_t m = 0; m < MODELS; m++) {
        uint32_t held = 0;
        open_model(models[m]);
        for (int i = 0; another(i, 25, held); i++) both_ways(NULL, NULL, &held, &missed);
        check_that(held > 0, __FILE__, __LINE__, "%s: no drafted token held", models[m]);
        close_model();
    }
    CHECK(missed > 0);
}

static void drafts_keep_to_a_grammar(void) {
    static const char *const texts[] = {"root ::= (\"abc\" | \"hello \" | [x-z]{2})*",
                                        "root ::= \"a\" (\"bc\" root | \"d\")",
                                        "root ::= [a-z]+ (\",\" [a-z]+)*"};
    static const struct hold_form form = {.mark = "a", .pieces_most = 4}; // held behind each "a"
    uint32_t held = 0, missed = 0;
    open_model("llama-Q4_0");
    for (uint32_t t = 0; t < 3; t++) {
        struct grammar *grammar;
        struct constraint *constraint;
        struct fault fault = {0};
        REQUIRE(grammar_of_text(str_of(texts[t]), &grammar, &fault) == OK);
        REQUIRE(constraint_open(grammar, at.tree, at.endings.tokens, at.endings.count,
                                &constraint) == OK);
        for (int i = 0; another(i, 20, held); i++) both_ways(constraint, NULL, &held, &missed);
        for (int i = 0; another(i, 10, held); i++) both_ways(constraint, &form, &held, &missed);
        constraint_close(constraint);
        grammar_close(grammar);
    }
    CHECK(held > 0 && missed > 0);
    close_model();
}

// Names that nothing has said before, of letters that make no pair the vocabulary knows: they can
// be cut in one way only, and come several at a step.
static void what_a_grammar_forces_is_drafted(void) {
    char text[] = "root ::= \"zyxwvutsrq\" [x-z] \"ponmlkjihg\" [x-z]";
    struct grammar *grammar;
    struct constraint *constraint;
    struct fault fault = {0};
    open_model("llama-Q4_0");
    REQUIRE(grammar_of_text(str_of(text), &grammar, &fault) == OK);
    REQUIRE(constraint_open(grammar, at.tree, at.endings.tokens, at.endings.count, &constraint) ==
            OK);
    for (int i = 0; i < 2; i++) {
        struct generating g = generating_of(&said[i], SMALL_CONTEXT);
        g.constraint = constraint;
        g.no_drafts = i == 1;
        CHECK_EQ(text_generate(&g, (const uint32_t[]){1}, 1, &said[i].generated, &fault), OK);
    }
    const struct generated *with = &said[0].generated;
    CHECK_EQ(said[1].generated.steps, 21); // behind the prompt's, to the last
    CHECK_EQ(with->tokens, 22);
    CHECK(with->held > 0 && with->steps == 21 - with->held);
    CHECK(said[0].size == 22 && memcmp(said[0].text, said[1].text, 22) == 0);
    constraint_close(constraint);
    grammar_close(grammar);
    close_model();
}

// Turns of a conversation on one cache, each with what came before.
static void drafts_and_a_cache_go_together(void) {
    struct cache *caches[2];
    uint32_t prompt[64], count = prompt_make(prompt), first = count;
    struct fault fault = {0};
    open_model("llama-Q4_K");
    for (int i = 0; i < 2; i++) {
        REQUIRE(cache_open(network_cache_shape(at.network), 8, &caches[i]) == OK);
    }
    for (int turn = 0; turn < 20; turn++) {
        uint64_t seed = check_random();
        for (int i = 0; i < 2; i++) {
            struct generating g = generating_of(&said[i], 1 + turn * 3);
            g.cache = caches[i];
            g.sampling.seed = seed;
            g.no_drafts = i == 1;
            CHECK_EQ(text_generate(&g, prompt, count, &said[i].generated, &fault), OK);
        }
        CHECK(said[0].size == said[1].size &&
              memcmp(said[0].text, said[1].text, said[0].size) == 0);
        if (count < 60) prompt[count++] = 4 + (uint32_t)check_below(V - 4);
        if (turn == 10) count = first;
    }
    for (int i = 0; i < 2; i++) cache_close(caches[i]);
    close_model();
}

// ---- bits --------------------------------------------------------------------------------------

static void rows_together_have_the_bits_of_each(void) {
    static float alone[SMALL_TOKENS * V], together[SMALL_TOKENS * V];
    uint32_t tokens[SMALL_TOKENS];
    small_language_tokens(tokens);
    for (uint32_t m = 0; m < MODELS; m++) {
        open_model(models[m]);
        uint32_t most = network_rows_alike(at.network);
        CHECK(most >= 2);
        for (uint32_t size = 1; size <= most && size <= 8; size++) {
            struct cache *cache;
            struct sequence sequence;
            REQUIRE(cache_open(network_cache_shape(at.network), 4, &cache) == OK);
            sequence_open(cache, &sequence);
            float *logits = size == 1 ? alone : together;
            for (uint32_t i = 0; i < SMALL_TOKENS; i += size) {
                struct batch_row rows[SMALL_TOKENS];
                uint32_t count = SMALL_TOKENS - i < size ? SMALL_TOKENS - i : size;
                for (uint32_t r = 0; r < count; r++) {
                    rows[r] = (struct batch_row){&sequence, i + r, tokens[i + r], true};
                }
                CHECK(network_step(at.network, rows, count, logits + i * V) == OK);
            }
            check_that(size == 1 || memcmp(alone, together, sizeof alone) == 0, __FILE__, __LINE__,
                       "%s: %u rows at a time have other logits", models[m], size);
            sequence_close(&sequence);
            cache_close(cache);
        }
        close_model();
    }
}

int main(void) {
    struct fault fault = {0};
    buf_open(&at.bytes, 64 << 20);
    at.endings = (struct endings){{2}, 1};
    if (small_words_open(&at.tokenizer, &fault) != OK ||
        token_tree_open(at.tokenizer, V, &at.tree) != OK) {
        fprintf(stderr, "%s %s\n", fault.code, fault.detail);
        return 1;
    }
    CHECK_RUN(rows_together_have_the_bits_of_each);
    CHECK_RUN(drafts_change_no_text);
    CHECK_RUN(drafts_keep_to_a_grammar);
    CHECK_RUN(what_a_grammar_forces_is_drafted);
    CHECK_RUN(drafts_and_a_cache_go_together);
    token_tree_close(at.tree);
    tokenizer_close(at.tokenizer);
    buf_close(&at.bytes);
    return check_done();
}
