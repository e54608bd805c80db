// Regular expressions as what an answer may be: what they take and refuse, with another
// reader's opinion, where they are wrong, and patterns that are meant to do harm.
#include <string.h>

#include "check.h"
#include "model/language/grammar/constraint.h"

static struct constraint *open_of(const char *regex, struct grammar **out) {
    struct constraint *c = NULL;
    struct fault fault = {0};
    enum err err = grammar_of_regex(str_of(regex), out, &fault);
    check_that(err == OK, __FILE__, __LINE__, "%s: %s", regex, fault.code);
    if (err != OK) return NULL;
    if (constraint_open(*out, NULL, NULL, 0, &c) != OK) abort();
    return c;
}

static bool takes(struct constraint *c, struct str text) {
    return constraint_may_end(c, constraint_next_bytes(c, constraint_start(c), text));
}

// Texts; those behind "-" must be refused.
static void judged(const char *regex, const char *const *texts) {
    struct grammar *grammar = NULL;
    struct constraint *c = open_of(regex, &grammar);
    bool wanted = true;
    for (; c && *texts; texts++) {
        if (strcmp(*texts, "-") == 0) {
            wanted = false;
            continue;
        }
        check_that(takes(c, str_of(*texts)) == wanted, __FILE__, __LINE__, "%s: %s is %s", regex,
                   *texts, wanted ? "refused" : "taken");
    }
    constraint_close(c);
    grammar_close(grammar);
}
#define JUDGED(regex, ...) judged(regex, (const char *const[]){__VA_ARGS__, NULL})

static void whole_answers(void) {
    JUDGED("abc", "abc", "-", "ab", "abcd", "xabc");
    JUDGED("[A-Z]{2}-\\d+(\\.\\d)?", "AB-12", "XY-1.5", "-", "A-1", "AB-", "AB-1.");
    JUDGED("a.c", "abc", "a天c", "a\"c", "a\\c", "-", "a\nc", "ac");
    JUDGED("(?:yes|no)(?P<mark>[!?])?(?<more>x)*", "yes", "no!", "yes?xx", "-", "yes!!", "maybe");
    JUDGED("^a|b$|^cd$", "a", "b", "cd", "-", "ab", "^a", "c");
    JUDGED("\\A\\w+\\Z", "ab_9", "-", "", "a-b");
    JUDGED("[^\\d\\s]+", "ab天", "-", "a1", "a\tb");
    JUDGED("\\D\\S\\W", "ab-", "-", "1b-", "a -", "abc");
    JUDGED("\\x41\\u5929\\t\\n\\r\\f\\v\\.\\[\\]\\{\\}\\/\\-", "A天\t\n\r\f\v.[]{}/-", "-", "A");
    JUDGED("[]a-]+[\\]\\-\\\\b-d]", "]]", "a-c", "-\\", "-", "x]", "]e");
    JUDGED("[\\D5]+[\\W_]", "ab5-", "天_", "-", "4-", "ab");
    JUDGED("a{2}b{1,2}c{2,}d{,1}}", "aabcc}", "aabbcccd}", "-", "abcc}", "aabbbcc}", "aabccdd}");
    JUDGED("a+?b*?c??", "a", "aabbc", "-", "", "b", "acc");
    JUDGED("(|a)(b|)", "", "a", "b", "ab", "-", "ba");
    JUDGED("(a*)*b", "b", "aaab", "-", "a", "ba");
    JUDGED("北京|[一-龥]{2}市|é", "北京", "上海市", "é", "-", "北", "上海");
}

// ---- refused -----------------------------------------------------------------------------------

static void refuses(const char *regex, const char *code, uint64_t column, const char *detail) {
    struct grammar *grammar = NULL;
    struct fault fault = {0};
    enum err err = grammar_of_regex(str_of(regex), &grammar, &fault);
    check_that(err != OK && strcmp(fault.code, code) == 0 && fault.column == column, __FILE__,
               __LINE__, "%s: %s at %llu", regex, fault.code, (unsigned long long)fault.column);
    if (detail) CHECK_STR(fault.detail, detail);
    if (err == OK) grammar_close(grammar);
}

static void places_are_told(void) {
    refuses("ab(?=c)d", "grammar.regex", 3, "(?=c)d");
    refuses("北京(?!x)", "grammar.regex", 3, "(?!x)");
    refuses("(?<=a)b", "grammar.regex", 1, "(?<=a)b");
    refuses("(?i)abc", "grammar.regex", 1, "(?i)abc");
    refuses("(?P=name)", "grammar.regex", 1, NULL);
    refuses("(a)\\1", "grammar.regex", 4, "\\1");
    refuses("\\bword\\b", "grammar.regex", 1, "\\bword\\b");
    refuses("x\\p{L}", "grammar.regex", 2, "\\p{L}");
    refuses("a\\x4", "grammar.regex", 2, "\\x4");
    refuses("\\ud800", "grammar.regex", 1, NULL);
    refuses("a**", "grammar.regex", 3, "*");
    refuses("a++", "grammar.regex", 3, "+");
    refuses("*a", "grammar.regex", 1, "*a");
    refuses("a|?", "grammar.regex", 3, "?");
    refuses("a{x}", "grammar.regex", 2, "{x}");
    refuses("a{3,2}", "grammar.regex", 2, "{3,2}");
    refuses("a{,}", "grammar.regex", 2, "{,}");
    refuses("[b-a]", "grammar.regex", 2, "b-a]");
    refuses("x[^\\s\\S]", "grammar.regex", 2, "[^\\s\\S]");
    refuses("[abc", "grammar.regex", 1, "[abc");
    refuses("a(b|c", "grammar.regex", 2, "(b|c");
    refuses("a)b", "grammar.regex", 2, ")b");
    refuses("a^b", "grammar.regex", 2, "^b");
    refuses("a$b", "grammar.regex", 2, "$b");
    refuses("(^a)", "grammar.regex", 2, NULL);
    refuses("abc\\", "grammar.regex", 4, "\\");
    refuses("a{2", "grammar.regex", 2, "{2");
    refuses("a\xFF", "tokenizer.not_utf8", 0, NULL);
    struct grammar *grammar = NULL;
    CHECK_EQ(grammar_of_regex((struct str){"a\0b", 3}, &grammar, NULL), ERR_INPUT);
}

// ---- harm --------------------------------------------------------------------------------------

// Of each: built or refused, and a walk ends, whatever it says.
static void walked(struct str regex) {
    struct grammar *grammar = NULL;
    struct constraint *c = NULL;
    struct fault fault = {0};
    if (grammar_of_regex(regex, &grammar, &fault) != OK) {
        CHECK_STR(fault.code, "grammar.too_large");
        return;
    }
    REQUIRE(constraint_open(grammar, NULL, NULL, 0, &c) == OK);
    uint32_t place = constraint_start(c);
    for (uint32_t i = 0; i < 400 && place != PLACE_NONE; i++) {
        place = constraint_next_bytes(c, place, STR("a"));
    }
    constraint_close(c);
    grammar_close(grammar);
}

static void hostile_patterns_end(void) {
    static const char *const hostile[] = {"(a*)*b",
                                          "(a|a)*b",
                                          "(a|aa)+$",
                                          "((a*)*)*b",
                                          "(.*)*(.*)*(.*)*x",
                                          "(a?){300}a{300}",
                                          "(a{0,1000}){0,1000}",
                                          "a{100000}",
                                          "(a{1000}){1000}",
                                          "((a{1000}){1000}){1000}",
                                          "a{0,999999}",
                                          "a{9999999}",
                                          "(()*)*()+",
                                          "(a*b*c*d*)*e"};
    struct buf text;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) walked(str_of(hostile[i]));
    buf_open(&text, 1 << 20);
    for (uint32_t deep = 1; deep <= 4096; deep = deep < 70 ? deep + 1 : deep * 2) {
        buf_clear(&text);
        for (uint32_t i = 0; i < deep; i++) buf_add_text(&text, i & 1 ? "(b?" : "(c|");
        buf_add_text(&text, "a");
        for (uint32_t i = 0; i < deep; i++) buf_add_text(&text, i & 1 ? ")*" : "){1,3}x?");
        walked(buf_str(&text));
    }
    buf_clear(&text);
    for (uint32_t i = 0; i < 20000; i++) buf_add_text(&text, i ? "|ab" : "ab"); // long, not deep
    walked(buf_str(&text));
    CHECK(text.size < GRAMMAR_REGEX_BYTES_MAX);
    buf_clear(&text);
    for (uint32_t i = 0; i < GRAMMAR_REGEX_BYTES_MAX + 1; i++) buf_add_char(&text, 'a');
    struct grammar *grammar = NULL;
    CHECK_EQ(grammar_of_regex(buf_str(&text), &grammar, NULL), ERR_LIMIT);
    text.size--;
    CHECK_EQ(grammar_of_regex(buf_str(&text), &grammar, NULL), OK);
    grammar_close(grammar);
    buf_close(&text);
}

// ---- a second opinion --------------------------------------------------------------------------
//
// A pattern is made at random and, as it is made, matched against a word: `from` and what comes
// back are sets of places in the word, a bit each. Nothing is shared with what is tested.

struct word {
    char text[12];
    uint32_t size;
};
enum { WORDS = 40 };
static struct word words[WORDS];
struct node {
    enum { NODE_CHARACTER, NODE_SEQUENCE, NODE_EITHER } kind;
    uint32_t character; // of `characters`
    uint32_t least, most;
    struct node *first, *second;
};
static const struct {
    const char *text, *takes;
} characters[] = {{"a", "a"},     {"b", "b"},      {"c", "c"},      {".", "abc."},
                  {"[ab]", "ab"}, {"[^a]", "bc."}, {"[b-c]", "bc"}, {"\\.", "."}};
static const struct {
    const char *text;
    uint32_t least, most;
} times[] = {{"", 1, 1},  {"", 1, 1},    {"", 1, 1},      {"*", 0, 99},    {"+", 1, 99},
             {"?", 0, 1}, {"{2}", 2, 2}, {"{1,2}", 1, 2}, {"{0,3}", 0, 3}, {"{2,}", 2, 99}};
static struct node nodes[512];
static uint32_t node_count;

static struct node *node_make(uint32_t deep, struct buf *out) {
    struct node *node = &nodes[node_count++];
    uint32_t kind = deep && node_count < 200 ? (uint32_t)check_below(3) : NODE_CHARACTER;
    *node = (struct node){.kind = kind};
    if (kind == NODE_CHARACTER) {
        node->character = (uint32_t)check_below(8);
        buf_add_text(out, characters[node->character].text);
    } else {
        buf_add_char(out, '(');
        node->first = node_make(deep - 1, out);
        if (kind == NODE_EITHER) buf_add_char(out, '|');
        node->second = node_make(deep - 1, out);
        buf_add_char(out, ')');
    }
    uint32_t time = (uint32_t)check_below(10);
    buf_add_text(out, times[time].text);
    node->least = times[time].least;
    node->most = times[time].most;
    return node;
}

static uint32_t node_match(const struct node *node, const struct word *word, uint32_t from);

static uint32_t once(const struct node *node, const struct word *word, uint32_t from) {
    uint32_t to = 0;
    if (node->kind == NODE_EITHER) {
        return node_match(node->first, word, from) | node_match(node->second, word, from);
    }
    if (node->kind == NODE_SEQUENCE) {
        return node_match(node->second, word, node_match(node->first, word, from));
    }
    for (uint32_t i = 0; i < word->size; i++) {
        bool here = from >> i & 1 && strchr(characters[node->character].takes, word->text[i]);
        if (here) to |= 1u << (i + 1);
    }
    return to;
}

static uint32_t node_match(const struct node *node, const struct word *word, uint32_t from) {
    uint32_t all = node->least == 0 ? from : 0;
    for (uint32_t i = 1; i <= node->most && i < 20 && from; i++) {
        from = once(node, word, from);
        if (i >= node->least) all |= from;
    }
    return all;
}

static void as_another_reader_says(void) {
    struct buf text;
    uint32_t taken = 0, refused = 0;
    buf_open(&text, 1 << 16);
    for (uint32_t n = 0; n < 200; n++) {
        struct grammar *grammar = NULL;
        buf_clear(&text);
        node_count = 0;
        const struct node *pattern = node_make(4, &text);
        buf_add_char(&text, '\0');
        struct constraint *c = open_of(text.data, &grammar);
        for (uint32_t k = 0; c && k < WORDS; k++) {
            struct word *word = &words[k];
            word->size = (uint32_t)check_below(9);
            for (uint32_t i = 0; i < word->size; i++) word->text[i] = "aabbcc."[check_below(7)];
            word->text[word->size] = '\0';
            bool wanted = node_match(pattern, word, 1) >> word->size & 1;
            check_that(takes(c, str_of(word->text)) == wanted, __FILE__, __LINE__, "%s: %s is %s",
                       text.data, word->text, wanted ? "refused" : "taken");
            *(wanted ? &taken : &refused) += 1;
        }
        constraint_close(c);
        grammar_close(grammar);
    }
    CHECK(taken > 100 && refused > 100); // both were asked
    buf_close(&text);
}

int main(void) {
    CHECK_RUN(whole_answers);
    CHECK_RUN(places_are_told);
    CHECK_RUN(hostile_patterns_end);
    CHECK_RUN(as_another_reader_says);
    return check_done();
}
