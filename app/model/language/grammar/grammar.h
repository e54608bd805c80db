// What an answer may be, as a grammar over bytes: from a JSON Schema, from a text in GBNF (the EBNF
// of llama.cpp), from a regular expression, or from a list of choices. constraint.h turns one into
// masks over tokens. A grammar never changes once it is made; any thread may use it.
//
// JSON Schema, and what is written for it:
//   type, nullable, enum, const, anyOf and oneOf (read as anyOf), allOf of one, $ref to itself
//   string    minLength, maxLength, pattern (of what a grammar can say), format: date, time,
//             date-time, uuid, email, ipv4
//   integer   minimum, maximum, exclusive ones; up to 18 digits
//   number    the same, whole bounds
//   array     items, prefixItems, minItems, maxItems
//   object    properties in their order, required, additionalProperties. Other members than those
//             named come only where additionalProperties says so, or where none are named.
// White space is nothing, one blank, or a line's end and up to 20 blanks. What else a schema asks
// for is refused, never passed over; titles, descriptions and the like ask for nothing.
#pragma once

#include "base/fault.h"
#include "base/json.h"

enum { GRAMMAR_ELEMENTS_MAX = 1 << 19, GRAMMAR_NESTING_MAX = 64, GRAMMAR_CHOICES_MAX = 65536 };

struct grammar;
// ERR_INPUT "grammar.unsupported" (detail: where, and the keyword), "grammar.wrong" (what),
// "grammar.no_rule", "grammar.pattern", "grammar.endless" (it can never come to an end),
// "grammar.left_recursive"; ERR_LIMIT "grammar.too_large"; ERR_MEMORY.
enum err grammar_of_schema(const struct json *schema, struct grammar **out,
                           struct fault *fault) MUST_USE;
enum err grammar_of_json(struct grammar **out, struct fault *fault) MUST_USE; // any object
// Calls of tools as a model writes them: `begin`; objects of a name and what it is given by the
// tool's schema `parameters` (absent: an empty object), one, or `several` with `between` between
// them; `end`. Or what the schema `otherwise` says, if there is one. Without the name of a member
// for what it is given, a call is the tool's name as it is, `after`, the object, and `behind`.
// Marks in all these texts (marks.h) may be tokens of their own.
struct grammar_calls {
    const struct json *tools; // of OpenAI's form: {"type":"function","function":{…}}, …
    struct str only;          // the name of the one that may be called; size 0: any
    struct str arguments;     // the name of the member: "arguments", "parameters"
    struct str after, behind;
    bool numbered; // MARK_MISTRAL_ID and nine letters or digits stand before `after`
    struct str begin, between, end;
    bool several;
    bool loose;   // white space may stand before each of these
    bool lenient; // a tool that is not "strict", whose schema says what no grammar can: any object
    const struct json *otherwise;
};
// What grammar_of_schema gives; "grammar.no_rule": there is none of that name.
enum err grammar_of_calls(const struct grammar_calls *calls, struct grammar **out,
                          struct fault *fault) MUST_USE;
// Rules "name ::= …", of which "root" is the whole. Faults name the line.
enum err grammar_of_text(struct str text, struct grammar **out, struct fault *fault) MUST_USE;
// A regular expression that the whole answer matches, as Python's re.fullmatch means it. What
// grammar_pattern.c lists, and \n \r \t \f \v \xHH \uHHHH, groups with names, ^ \A and $ \Z around
// the whole or its alternatives; "." is all but a line's end, \d \w \s are those of ASCII, and a
// quantifier with "?" behind it means what it means without. Looking ahead or back, back
// references, \b, flags and \p are refused: ERR_INPUT "grammar.regex" (column: the character, from
// 1; detail: what stands there), "grammar.regex_end" (something is missing at the end),
// "tokenizer.not_utf8"; ERR_LIMIT "grammar.too_large": also by its counts or its nesting.
enum { GRAMMAR_REGEX_BYTES_MAX = 64 << 10 };
enum err grammar_of_regex(struct str regex, struct grammar **out, struct fault *fault) MUST_USE;
enum err grammar_of_choices(const struct str *choices, uint32_t count, struct grammar **out,
                            struct fault *fault) MUST_USE;
void grammar_close(struct grammar *grammar); // NULL is fine
