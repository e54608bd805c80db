// Inside of grammars. Readers (grammar_text.c, grammar_schema.c, grammar_pattern.c) build
// expressions; grammar.c lowers them to rules of alternatives of elements, over which constraint.c
// walks with a stack.
#pragma once

#include "base/memory.h"
#include "model/language/grammar/grammar.h"

enum { GRAMMAR_NONE = 0xFFFFFFFFu };

enum element_kind { ELEMENT_END, ELEMENT_BYTES, ELEMENT_RULE };
struct element {
    enum element_kind kind;
    uint32_t index; // of a set of bytes, or of a rule
};
struct byte_set {
    uint64_t bits[4];
};
struct rule {
    struct str name;
    uint32_t first, count; // its alternatives
};
struct grammar {
    struct arena *arena;
    const struct element *elements; // each alternative's end in ELEMENT_END
    const struct byte_set *sets;
    const struct rule *rules;     // the first is the root
    const uint32_t *alternatives; // where each begins
    uint32_t element_count, set_count, rule_count, alternative_count;
    uint8_t byte_class[256]; // bytes that no set tells apart have one class
    uint8_t class_byte[256]; // one byte of each class
    uint32_t class_count;
};

// ---- expressions -------------------------------------------------------------------------------

enum expression_kind {
    EXPRESSION_EMPTY,
    EXPRESSION_BYTES,
    EXPRESSION_SEQUENCE, // first, second
    EXPRESSION_EITHER,   // first, second
    EXPRESSION_RULE,
    EXPRESSION_REPEAT // first, least to most times; most GRAMMAR_NONE: any
};
struct expression {
    enum expression_kind kind;
    uint32_t rule, set, least, most;
    uint32_t own_rule; // 1 + the rule it has become, so that a shared one becomes one only
    uint32_t tail;     // of a repetition: 1 + the rule of what may come beyond the least
    struct expression *first, *second;
};
struct grammar_builder {
    struct arena *arena; // of the grammar
    struct buf elements, sets, rules, alternatives;
    uint32_t depth;
    enum err err;
    struct fault *fault;
    uint64_t row;  // of a text
    struct where { // within a schema; what does not fit is not told
        char text[112];
        size_t size;
    } where;
};
// Of the functions below each takes NULL, which a fault leaves, and gives NULL again.

struct expression *grammar_fail(struct grammar_builder *b, enum err err, const char *code,
                                struct str detail); // NULL
struct expression *expression_empty(struct grammar_builder *b);
struct expression *expression_text(struct grammar_builder *b, struct str text);
struct expression *expression_bytes(struct grammar_builder *b, uint8_t from, uint8_t to);
struct expression *expression_set(struct grammar_builder *b, const struct byte_set *set);
// Characters in sorted, separate ranges (from, to).
struct range {
    uint32_t from, to;
};
struct expression *expression_characters(struct grammar_builder *b, const struct range *ranges,
                                         uint32_t count);
// Sorts and joins ranges; turned: what is not in them. `out` has room for count + 1.
uint32_t ranges_tidy(struct range *ranges, uint32_t count, bool turned, struct range *out);
struct expression *expression_then(struct grammar_builder *b, struct expression *first,
                                   struct expression *second);
struct expression *expression_or(struct grammar_builder *b, struct expression *first,
                                 struct expression *second);
struct expression *expression_repeat(struct grammar_builder *b, struct expression *e,
                                     uint32_t least, uint32_t most);
struct expression *expression_maybe(struct grammar_builder *b, struct expression *e);
struct expression *expression_rule(struct grammar_builder *b, uint32_t rule);

void builder_open(struct grammar_builder *b, struct fault *fault); // with the root as rule 0
uint32_t rule_new(struct grammar_builder *b, struct str name);
void rule_set(struct grammar_builder *b, uint32_t rule, struct expression *e);
// Checks the whole; gives back what the builder holds, also after faults.
enum err builder_close(struct grammar_builder *b, struct grammar **out);

// grammar_number.c: decimal numbers within bounds.
struct bounds {
    bool has_least, has_most, without_least, without_most;
    int64_t least, most;
};
struct expression *expression_whole(struct grammar_builder *b, const struct bounds *bounds);
struct expression *expression_number(struct grammar_builder *b, const struct bounds *bounds);

// grammar_pattern.c: a regular expression over what stands within a JSON text (grammar_of_regex is
// there too).
struct expression *expression_pattern(struct grammar_builder *b, struct str pattern);
