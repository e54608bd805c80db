// What a form leaves no choice about: its bytes against trying all of them, cut as the tokenizer
// cuts, and then as a model did; what an answer says is not remembered.
#include "base/json_text.h"
#include "base/memory.h"
#include "check.h"
#include "model/language/grammar/constraint.h"

enum { VOCABULARY = 400, BYTES_MAX = 256, FIRST_BYTE = 3 };

static struct buf bytes;
static struct tokenizer *tokenizer;
static struct token_tree *tree;

static void piece(const char *text, float score) {
    int32_t size = (int32_t)strlen(text);
    buf_add(&bytes, &score, 4);
    buf_add(&bytes, &size, 4);
    buf_add_text(&bytes, text);
}

// A vocabulary of llama2.c: all bytes, and pieces; those with the greater score are joined first.
static void vocabulary_open(void) {
    static const char *const pieces[] = {
        " ",  "pa",  "ti",   "en",    "ent", "tient", "patient", "_n",  "name", "am",  "na",
        "me", "\":", "\": ", "\",\"", "北",  "北京",  "{\"",     "\"}", "ab",   "abc", "bc"};
    char name[8];
    buf_add(&bytes, &(int32_t){20}, 4);
    piece("<unk>", 0);
    piece("<s>", 0);
    piece("</s>", 0);
    for (int i = 0; i < 256; i++) {
        snprintf(name, sizeof name, "<0x%02X>", i);
        piece(name, 0);
    }
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) piece(pieces[i], (float)i);
    if (tokenizer_view_llama2c(bytes.data, bytes.size, &tokenizer, NULL) != OK) abort();
    if (token_tree_open(tokenizer, VOCABULARY, &tree) != OK) abort();
}

static struct constraint *open_of(const struct grammar *grammar) {
    struct constraint *c = NULL;
    if (constraint_open(grammar, tree, &(uint32_t){2}, 1, &c) != OK) abort();
    return c;
}

static struct grammar *grammar_make(const char *text) {
    struct grammar *grammar = NULL;
    struct fault fault = {0};
    struct json *json;
    if (*text == '{') {
        if (json_parse(str_of(text), &json, &fault) != OK) abort();
        CHECK_EQ(grammar_of_schema(json, &grammar, &fault), OK);
        json_close(json);
    } else {
        CHECK_EQ(grammar_of_text(str_of(text), &grammar, &fault), OK);
    }
    if (!grammar) abort();
    return grammar;
}

// The reference: as long as one of all bytes leads on, and it may not end.
static uint32_t forced_bytes(struct constraint *c, uint32_t place, char *out) {
    uint32_t count = 0;
    while (count < BYTES_MAX && place != PLACE_NONE && !constraint_may_end(c, place)) {
        uint32_t next = PLACE_NONE, ways = 0;
        for (int i = 0; i < 256; i++) {
            uint32_t at = constraint_next_bytes(c, place, (struct str){&(char){(char)i}, 1});
            if (at == PLACE_NONE) continue;
            ways++;
            next = at;
            out[count] = (char)i;
        }
        if (ways != 1) break;
        place = next;
        count++;
    }
    return count;
}

static uint32_t text_of(const uint32_t *tokens, uint32_t count, char *out) {
    struct buf text;
    buf_open(&text, 4096);
    for (uint32_t i = 0; i < count; i++) tokenizer_decode(tokenizer, tokens[i], false, &text);
    if (text.size > BYTES_MAX) abort();
    if (text.size) memcpy(out, text.data, text.size);
    uint32_t size = (uint32_t)text.size;
    buf_close(&text);
    return size;
}

static uint32_t token_of(const char *text) {
    char got[BYTES_MAX];
    for (uint32_t t = FIRST_BYTE + 256; t < tokenizer_count(tokenizer); t++) {
        if (text_of(&t, 1, got) == strlen(text) && memcmp(got, text, strlen(text)) == 0) return t;
    }
    abort();
}

static const char patients[] =
    "{\"type\":\"object\",\"required\":[\"patient_name\"],\"additionalProperties\":false,"
    "\"properties\":{\"patient_name\":{\"type\":\"string\"}}}";

static void names_are_cut_as_the_tokenizer_cuts_them(void) {
    struct grammar *grammar = grammar_make(patients);
    struct constraint *c = open_of(grammar);
    uint32_t out[8], place = constraint_start(c), brace = FIRST_BYTE + '{';
    CHECK_EQ(constraint_forced(c, tokenizer, place, 8, out), 1);
    CHECK_EQ(out[0], brace); // then white space, or the name
    place = constraint_next_bytes(c, place, STR("{"));
    CHECK_EQ(constraint_forced(c, tokenizer, place, 8, out), 0);
    place = constraint_next_bytes(c, place, STR("\""));
    CHECK_EQ(constraint_forced(c, tokenizer, place, 8, out), 4);
    const uint32_t want[] = {token_of("patient"), FIRST_BYTE + '_', token_of("name"),
                             token_of("\":")};
    CHECK(memcmp(out, want, sizeof want) == 0);
    // As the model cuts it, from then on; what is behind is asked anew.
    constraint_took(c, place, token_of("pa"));
    CHECK_EQ(constraint_forced(c, tokenizer, place, 1, out), 1);
    CHECK_EQ(out[0], token_of("pa"));
    constraint_took(c, place, token_of("na")); // which cannot come
    constraint_took(c, place, TOKEN_NONE);
    constraint_took(c, PLACE_NONE, token_of("pa"));
    CHECK_EQ(constraint_forced(c, tokenizer, place, 1, out), 1);
    CHECK_EQ(out[0], token_of("pa"));
    // A token that reaches into what may be anything tells something of it.
    place = constraint_next_bytes(c, place, STR("patient_name"));
    uint32_t had = constraint_forced(c, tokenizer, place, 1, out) ? out[0] : TOKEN_NONE;
    CHECK(had == token_of("\":"));
    constraint_took(c, place, token_of("\": "));
    CHECK_EQ(constraint_forced(c, tokenizer, place, 1, out), 1);
    CHECK_EQ(out[0], had);
    constraint_close(c);
    grammar_close(grammar);
}

static const char *const grammars[] = {
    patients,
    "{\"type\":\"array\",\"minItems\":2,\"maxItems\":3,\"items\":{\"enum\":[\"北京 patient\","
    "\"北海 name\",true]}}",
    "root ::= \"abcabcabc\" (\"patient\" | \"patients\" | \"name\" [0-9]{2}) \"北京北京\"",
    "root ::= (\"ab\" | \"abc\")+ \"d\" [北京]{2} \"pa\" root?",
    "root ::= \"a\" [b-b] \"\\\"\" (\"c\" | [c-c]) \"patient_name\" \"x\"{70} \"end\"",
};

// Any tokens that may come, one after the other; at each place what is forced is asked first, and
// what came is remembered as it may be.
static void walk(struct constraint *c, struct constraint *plain, uint32_t *cut) {
    uint32_t place = constraint_start(c), alike = constraint_start(plain), out[BYTES_MAX];
    char want[BYTES_MAX], got[BYTES_MAX];
    for (int i = 0; i < 60 && place != PLACE_NONE; i++) {
        uint32_t forced = forced_bytes(plain, alike, want);
        uint32_t most = 1 + (uint32_t)check_below(BYTES_MAX);
        uint32_t count = constraint_forced(c, tokenizer, place, most, out);
        uint32_t size = text_of(out, count, got);
        CHECK(count <= most && size <= forced && memcmp(got, want, size) == 0);
        // Only within a character does the tokenizer say nothing.
        bool whole = forced && ((uint8_t)want[size == forced ? 0 : size] & 0xC0) != 0x80;
        CHECK(count == most || size == forced || !whole || ((uint8_t)want[size] & 0x80));
        *cut += count > 1;
        uint32_t token, tries = 0;
        do { // those of many bytes are few
            token = (uint32_t)check_below(tokenizer_count(tokenizer));
        } while (constraint_next(c, place, token) == PLACE_NONE && ++tries < 20000);
        if (tries == 20000) break;
        constraint_took(c, place, token);
        uint32_t now = constraint_forced(c, tokenizer, place, 1, out) ? out[0] : TOKEN_NONE;
        size = text_of(&token, 1, got);
        if (size <= forced) CHECK_EQ(now, token);
        if (size > forced && now != TOKEN_NONE) CHECK(text_of(&now, 1, got) <= forced);
        place = constraint_next(c, place, token);
        alike = constraint_next(plain, alike, token);
    }
}

static void only_what_must_come_is_forced(void) {
    uint32_t cut = 0;
    for (size_t i = 0; i < sizeof grammars / sizeof *grammars; i++) {
        struct grammar *grammar = grammar_make(grammars[i]);
        struct constraint *c = open_of(grammar), *plain = open_of(grammar);
        for (int k = 0; k < 20; k++) walk(c, plain, &cut);
        constraint_close(c);
        constraint_close(plain);
        grammar_close(grammar);
    }
    CHECK(cut > 20);
}

// Where there is no memory for it, nothing is expected.
static void memory_may_run_out(void) {
    struct grammar *grammar = grammar_make(patients);
    bool whole = false;
    uint32_t cut = 0;
    for (uint64_t n = 0; !whole; n++) {
        struct constraint *c = open_of(grammar);
        uint32_t out[8], place = constraint_next_bytes(c, constraint_start(c), STR("{\""));
        REQUIRE(n < 3000);
        memory_fail_after(n);
        uint32_t count = constraint_forced(c, tokenizer, place, 8, out);
        memory_fail_after(UINT64_MAX);
        char got[BYTES_MAX];
        uint32_t size = text_of(out, count, got);
        CHECK(size <= 14 && memcmp(got, "patient_name\":", size) == 0);
        whole = size == 14;
        cut += !whole;
        constraint_close(c);
    }
    CHECK(cut > 3);
    grammar_close(grammar);
}

int main(void) {
    buf_open(&bytes, 1 << 16);
    vocabulary_open();
    CHECK_RUN(names_are_cut_as_the_tokenizer_cuts_them);
    CHECK_RUN(only_what_must_come_is_forced);
    CHECK_RUN(memory_may_run_out);
    token_tree_close(tree);
    tokenizer_close(tokenizer);
    buf_close(&bytes);
    return check_done();
}
