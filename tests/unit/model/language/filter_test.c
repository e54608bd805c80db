// Choosing by asking token by token, beside choosing of whole masks: the same tokens, or where
// everything is drawn from the same probabilities; over a vocabulary large enough that places where
// much may come are not walked through.
#include <math.h>

#include "base/memory.h"
#include "check.h"
#include "model/language/grammar/constraint.h"

enum { WORDS = 30000, VOCABULARY = WORDS + 400, END = 2, FIRST_WORD = 259 };

static struct buf bytes;
static struct tokenizer *tokenizer;
static struct token_tree *tree;

static void piece(struct str text) {
    int32_t size = (int32_t)text.size;
    buf_add(&bytes, &(float){0}, 4);
    buf_add(&bytes, &size, 4);
    buf_add_str(&bytes, text);
}

// All bytes, and words by chance of letters, digits, blanks, quotes and Chinese characters.
static void vocabulary_open(void) {
    static const char *const letters[] = {"a", "b", "c",  "d",  "e",  "f",  "A",  "B", "0",
                                          "1", "2", "北", "京", "市", "好", "\"", " ", "\n",
                                          ":", ",", "-",  ".",  "{",  "}",  "[",  "]", "\\"};
    char text[64];
    buf_add(&bytes, &(int32_t){64}, 4);
    for (uint32_t i = 0; i < 3; i++) piece(STR("<s>"));
    for (uint32_t i = 0; i < 256; i++) {
        snprintf(text, sizeof text, "<0x%02X>", i);
        piece(str_of(text));
    }
    for (uint32_t i = 0; i < WORDS; i++) {
        uint32_t count = 2 + (uint32_t)check_below(5);
        *text = 0;
        while (count-- > 0) {
            // Mostly letters: most of what is written is words.
            uint64_t which = check_below(4) ? check_below(8) : check_below(27);
            strncat(text, letters[which], 4);
        }
        piece(str_of(text));
    }
    if (tokenizer_view_llama2c(bytes.data, bytes.size, &tokenizer, NULL) != OK) abort();
    if (token_tree_open(tokenizer, VOCABULARY, &tree) != OK) abort();
}

static struct constraint *open_of(const char *regex, struct grammar **grammar) {
    struct constraint *c = NULL;
    struct fault fault = {0};
    CHECK_EQ(grammar_of_regex(str_of(regex), grammar, &fault), OK);
    CHECK_STR(fault.code, "");
    if (constraint_open(*grammar, tree, &(uint32_t){END}, 1, &c) != OK) abort();
    return c;
}

static const char *const regexes[] = {
    "([a-f]{1,5} ){20,50}(A|B)?",
    ".{100,300}",
    "[^\"]{0,300}",
    "(- [^\\n:]{1,9}: [^\\n]{3,30}\\n){20}",
    "[北京市好a-f]{60,200}",
    "(\\d{3}-\\d{2}, ){30}",
    "(a|b)*",
};
enum { REGEXES = sizeof regexes / sizeof *regexes };

// ---- what a filter tells -----------------------------------------------------------------------

// Asked token by token, at two constraints of one grammar: of one filters are asked for, of the
// other masks.
static void filters_say_what_masks_say(void) {
    uint32_t wide = 0, narrow = 0;
    for (uint32_t r = 0; r < REGEXES; r++) {
        struct grammar *a_grammar, *b_grammar;
        struct constraint *a = open_of(regexes[r], &a_grammar),
                          *b = open_of(regexes[r], &b_grammar);
        uint32_t place = constraint_start(a), other = constraint_start(b);
        for (uint32_t i = 0; i < 12; i++) {
            struct sampler_filter filter;
            const uint64_t *mask;
            struct fault fault = {0};
            CHECK(!constraint_ready(a, place) || i > 0);
            REQUIRE(constraint_filter(a, place, &filter, &fault) == OK);
            REQUIRE(constraint_mask(b, other, &mask, &fault) == OK);
            CHECK(constraint_ready(a, place) && constraint_ready(b, other));
            CHECK_EQ(filter.wide, filter.mask == NULL); // no mask was made here
            wide += filter.wide;
            narrow += !filter.wide;
            uint32_t next = TOKEN_NONE;
            for (uint32_t t = 0, from = (uint32_t)check_below(VOCABULARY); t < VOCABULARY; t++) {
                uint32_t token = (from + t) % VOCABULARY;
                bool wanted = mask[token / 64] >> (token % 64) & 1;
                bool told = filter.mask ? filter.mask[token / 64] >> (token % 64) & 1
                                        : filter.allows(filter.ctx, token);
                check_that(told == wanted, __FILE__, __LINE__, "%s: token %u", regexes[r], token);
                if (wanted && token != END && next == TOKEN_NONE) next = token;
            }
            REQUIRE(next != TOKEN_NONE);
            // A mask that is made afterwards changes no answer.
            if (!filter.mask && i == 3) CHECK(filter.mask_make(filter.ctx) != NULL);
            place = constraint_next(a, place, next);
            other = constraint_next(b, other, next);
        }
        constraint_close(a);
        constraint_close(b);
        grammar_close(a_grammar);
        grammar_close(b_grammar);
    }
    CHECK(wide > 12 && narrow > 12);
}

// ---- the same tokens ---------------------------------------------------------------------------

struct asking {
    const uint64_t *mask;
    uint32_t asked, made;
};
static bool allows(void *ctx, uint32_t token) {
    struct asking *asking = ctx;
    asking->asked++;
    return asking->mask[token / 64] >> (token % 64) & 1;
}
static const uint64_t *mask_make(void *ctx) {
    struct asking *asking = ctx;
    asking->made++;
    return asking->mask;
}

static double random_normal(void) {
    double sum = 0;
    for (int i = 0; i < 12; i++) sum += (double)(check_random() >> 11) * 0x1p-53;
    return sum - 6;
}

enum { COUNT = 5000, MASK_WORDS = (COUNT + 63) / 64 };

static void mask_random(uint64_t *mask, uint32_t one_of) {
    memset(mask, 0, MASK_WORDS * sizeof *mask);
    for (uint32_t i = 0; i < COUNT; i++) {
        if (check_below(one_of) == 0) mask[i / 64] |= 1ull << (i % 64);
    }
}

static struct sampling sampling_random(void) {
    static const uint32_t ks[] = {0, 5, 40, 300, 2000};
    struct sampling s = sampling_default();
    s.temperature = check_below(3) ? 0.5 + (double)check_below(10) * 0.1 : 0;
    s.top_k = ks[check_below(5)];
    s.top_p = check_below(2) ? 1 : 0.7;
    s.min_p = check_below(2) ? 0 : 0.1;
    // Draws of all are another matter (refusals_follow).
    if (s.top_k == 0 && s.min_p <= 0 && s.top_p >= 1) s.top_p = 0.6;
    s.repeat_penalty = check_below(2) ? 1 : 1.2;
    s.seed = check_random();
    s.log_probabilities = check_below(2);
    s.top = 3;
    return s;
}

static void tokens_are_the_same(void) {
    static float logits[COUNT], copy[COUNT];
    static uint64_t mask[MASK_WORDS];
    uint32_t asked = 0, made = 0;
    for (uint32_t round = 0; round < 300; round++) {
        struct sampling sampling = sampling_random();
        struct sampler *a, *b;
        REQUIRE(sampler_open(&sampling, COUNT, &a) == OK);
        REQUIRE(sampler_open(&sampling, COUNT, &b) == OK);
        for (uint32_t i = 0; i < 4; i++) {
            mask_random(mask, 1 + (uint32_t)check_below(round % 7 == 0 ? 2000 : 20));
            // Rounded, so that there are equals; some are no numbers.
            for (uint32_t t = 0; t < COUNT; t++) logits[t] = (float)rint(30 * random_normal()) / 9;
            if (round % 5 == 0) logits[check_below(COUNT)] = round % 2 ? NAN : INFINITY;
            memcpy(copy, logits, sizeof copy);
            struct asking asking = {.mask = mask};
            struct sampler_filter filter = {
                .allows = allows, .mask_make = mask_make, .ctx = &asking, .wide = round % 2};
            struct choice want = sampler_choose(a, copy, mask);
            struct choice got = sampler_choose_filtered(b, logits, &filter);
            CHECK_EQ(got.token, want.token);
            CHECK_NEAR(got.log_probability, want.log_probability, 0);
            CHECK_EQ(got.top_count, want.top_count);
            if (want.token != TOKEN_NONE) sampler_see(a, want.token), sampler_see(b, want.token);
            asked += asking.made == 0;
            made += asking.made;
        }
        sampler_close(a);
        sampler_close(b);
    }
    CHECK(asked > 300 && made > 30);
}

// Where the best tokens have nearly all of the mass, the top p asks for few and makes no mask;
// where all have the same, there is none but the mask that tells.
static void few_are_asked_for_the_top_p(void) {
    static float logits[COUNT];
    static uint64_t mask[MASK_WORDS];
    struct sampling sampling = sampling_default();
    struct sampler *s;
    sampling.top_k = 0, sampling.min_p = 0, sampling.top_p = 0.9, sampling.temperature = 1;
    mask_random(mask, 2);
    struct asking asking = {.mask = mask};
    struct sampler_filter filter = {
        .allows = allows, .mask_make = mask_make, .ctx = &asking, .wide = true};
    REQUIRE(sampler_open(&sampling, COUNT, &s) == OK);
    for (uint32_t i = 0; i < COUNT; i++) logits[i] = (float)(i * 7919 % COUNT) * -0.7f;
    CHECK(sampler_choose_filtered(s, logits, &filter).token != TOKEN_NONE);
    CHECK(asking.asked == 64 && asking.made == 0);
    memset(logits, 0, sizeof logits);
    CHECK(sampler_choose_filtered(s, logits, &filter).token != TOKEN_NONE);
    CHECK_EQ(asking.made, 1);
    memset(mask, 0, sizeof mask);
    CHECK_EQ(sampler_choose_filtered(s, logits, &filter).token, TOKEN_NONE);
    sampler_close(s);
}

// ---- the same probabilities --------------------------------------------------------------------

// Chi-square of draws by refusal; `one_of` great: nearly all tries are refused.
static void refusal_follows(uint32_t one_of) {
    enum { FEW = 300, DRAWS = 20000 };
    static float logits[FEW], copy[FEW];
    static uint64_t mask[MASK_WORDS];
    static uint32_t got[FEW];
    struct sampling sampling = sampling_default();
    struct sampler *s;
    double total = 0, chi = 0, rest = 0, rest_got = 0;
    uint32_t cells = 0, drawn = getenv("COURTYARD_EMULATOR") ? DRAWS / 5 : DRAWS;
    sampling.top_k = 0, sampling.min_p = 0, sampling.top_p = 1, sampling.temperature = 0.9;
    sampling.seed = check_random();
    do mask_random(mask, one_of);
    while (mask[0] == 0);
    memset(got, 0, sizeof got);
    for (uint32_t i = 0; i < FEW; i++) {
        logits[i] = (float)(2 * random_normal());
        if (mask[i / 64] >> (i % 64) & 1) total += exp((double)logits[i] / sampling.temperature);
    }
    REQUIRE(sampler_open(&sampling, FEW, &s) == OK);
    for (uint32_t i = 0; i < drawn; i++) {
        struct asking asking = {.mask = mask};
        struct sampler_filter filter = {.mask = i % 2 ? mask : NULL,
                                        .allows = allows,
                                        .mask_make = mask_make,
                                        .ctx = &asking,
                                        .wide = true};
        memcpy(copy, logits, sizeof copy);
        uint32_t token = sampler_choose_filtered(s, copy, &filter).token;
        REQUIRE(token < FEW);
        got[token]++;
    }
    sampler_close(s);
    for (uint32_t i = 0; i < FEW; i++) {
        bool may = mask[i / 64] >> (i % 64) & 1;
        double n = may ? exp((double)logits[i] / sampling.temperature) / total * drawn : 0;
        if (!may) CHECK_EQ(got[i], 0);
        if (n < 5) {
            rest += n, rest_got += got[i];
            continue;
        }
        chi += (got[i] - n) * (got[i] - n) / n;
        cells++;
    }
    if (rest >= 5) chi += (rest_got - rest) * (rest_got - rest) / rest, cells++;
    double freedom = cells > 1 ? cells - 1 : 0;
    check_that(chi <= freedom + 5 * sqrt(2 * freedom) + 12, __FILE__, __LINE__,
               "chi-square %g of %g, one of %u", chi, freedom, one_of);
}

static void refusals_follow(void) {
    refusal_follows(1);
    refusal_follows(2);
    refusal_follows(10);
    refusal_follows(40);
}

// One seed means one text, whether masks stand ready or not.
static void a_seed_means_one_text(void) {
    for (uint32_t r = 0; r < REGEXES; r++) {
        struct grammar *grammar;
        struct constraint *c = open_of(regexes[r], &grammar);
        struct buf texts[2];
        struct sampling sampling = sampling_default();
        static float logits[VOCABULARY], copy[VOCABULARY];
        if (r % 2) sampling.top_k = 0, sampling.min_p = 0, sampling.top_p = r == 3 ? 0.4 : 1;
        sampling.seed = check_random();
        for (uint32_t t = 0; t < VOCABULARY; t++) logits[t] = (float)random_normal();
        for (uint32_t k = 0; k < 2; k++) {
            struct sampler *s;
            buf_open(&texts[k], 1 << 16);
            REQUIRE(sampler_open(&sampling, VOCABULARY, &s) == OK);
            uint32_t place = constraint_start(c);
            for (uint32_t i = 0; i < 15 && !constraint_must_end(c, place); i++) {
                struct sampler_filter filter;
                const uint64_t *mask;
                if (k) REQUIRE(constraint_mask(c, place, &mask, NULL) == OK);
                REQUIRE(constraint_filter(c, place, &filter, NULL) == OK);
                if (k) CHECK(filter.mask);
                memcpy(copy, logits, sizeof copy);
                uint32_t token = sampler_choose_filtered(s, copy, &filter).token;
                REQUIRE(token != TOKEN_NONE);
                buf_add(&texts[k], &token, sizeof token);
                if (token == END) break;
                place = constraint_next(c, place, token);
            }
            sampler_close(s);
        }
        CHECK_BYTES(texts[1].data, texts[1].size, texts[0].data, texts[0].size);
        buf_close(&texts[0]);
        buf_close(&texts[1]);
        constraint_close(c);
        grammar_close(grammar);
    }
}

int main(void) {
    buf_open(&bytes, 1 << 24);
    vocabulary_open();
    CHECK_RUN(filters_say_what_masks_say);
    CHECK_RUN(tokens_are_the_same);
    CHECK_RUN(few_are_asked_for_the_top_p);
    CHECK_RUN(refusals_follow);
    CHECK_RUN(a_seed_means_one_text);
    token_tree_close(tree);
    tokenizer_close(tokenizer);
    buf_close(&bytes);
    return check_done();
}
