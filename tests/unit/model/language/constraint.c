// Constraints: what a grammar takes and refuses, byte by byte; masks against trying each token;
// walks at random whose texts an independent reader must find valid; what is refused, and how.
#include "model/language/grammar/constraint.h"
#include "base/json_text.h"
#include "base/memory.h"
#include "check.h"
#include "model/language/sampler.h"

static struct buf bytes;
static struct tokenizer *tokenizer;
static struct token_tree *tree;

static void piece(const char *text) {
    int32_t size = (int32_t)strlen(text);
    buf_add(&bytes, &(float){0}, 4);
    buf_add(&bytes, &size, 4);
    buf_add_text(&bytes, text);
}

// A vocabulary of llama2.c: all bytes, and pieces that reach over the joints of JSON.
static void vocabulary_open(void) {
    static const char *const pieces[] = {
        " ",    "  ",  "\n",    "\n  ", "{\"",   "\":",         "\": ",        ",\"",   "\", \"",
        "\"}",  "\"]", "]}",    "}}",   "[[",    "[]",          "{}",          "true",  "alse",
        "null", "ame", "age",   "nam",  "0",     "12",          "123",         "-1",    ".5",
        "e+",   "00",  "\\\"",  "\\n",  "\\u",   "4e2d",        "北京",        "北",    "京",
        "天气", "ab",  "abc",   "red",  "green", "hello world", "\", \"b\": ", "\"a\"", "\"c\":[",
        "]",    "}",   "2026-", "-0",   "10",    "yes",         "no",          "maybe"};
    char name[8];
    struct fault fault = {0};
    buf_add(&bytes, &(int32_t){20}, 4);
    piece("<unk>");
    piece("<s>");
    piece("</s>");
    for (int i = 0; i < 256; i++) {
        snprintf(name, sizeof name, "<0x%02X>", i);
        piece(name);
    }
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) piece(pieces[i]);
    if (tokenizer_view_llama2c(bytes.data, bytes.size, &tokenizer, &fault) != OK) abort();
    if (token_tree_open(tokenizer, 400, &tree) != OK) abort();
}

static struct grammar *of_schema(const char *text) {
    struct json *json = NULL;
    struct grammar *grammar = NULL;
    struct fault fault = {0};
    CHECK_EQ(json_parse(str_of(text), &json, &fault), OK);
    CHECK_EQ(grammar_of_schema(json, &grammar, &fault), OK);
    CHECK_STR(fault.code, "");
    json_close(json);
    return grammar;
}

static struct constraint *open_of(const struct grammar *grammar) {
    static const uint32_t ends[] = {2};
    struct constraint *constraint = NULL;
    if (!grammar || constraint_open(grammar, tree, ends, 1, &constraint) != OK) abort();
    return constraint;
}

static bool takes(struct constraint *c, const char *text) {
    uint32_t place = constraint_next_bytes(c, constraint_start(c), str_of(text));
    return constraint_may_end(c, place);
}

// Texts one a line; those behind a line "-" must be refused.
static void judged(struct grammar *grammar, const char *const *texts) {
    struct constraint *c = open_of(grammar);
    bool wanted = true;
    for (; *texts; texts++) {
        if (strcmp(*texts, "-") == 0) {
            wanted = false;
            continue;
        }
        check_that(takes(c, *texts) == wanted, __FILE__, __LINE__, "%s is %s", *texts,
                   wanted ? "refused" : "taken");
    }
    constraint_close(c);
    grammar_close(grammar);
}
#define JUDGED(grammar, ...) judged(grammar, (const char *const[]){__VA_ARGS__, NULL})

// ---- schemas -----------------------------------------------------------------------------------

static void types(void) {
    JUDGED(of_schema("{\"type\":\"boolean\"}"), "true", "false", "-", "True", "null", "tru",
           "truee");
    JUDGED(of_schema("{\"type\":\"null\"}"), "null", "-", "nul", "0");
    JUDGED(of_schema("{\"type\":[\"string\",\"null\"]}"), "null", "\"x\"", "-", "1");
    JUDGED(of_schema("{\"type\":\"integer\"}"), "0", "-5", "123456", "-", "-0", "01", "1.5", "1e3",
           "");
    JUDGED(of_schema("{\"type\":\"number\"}"), "0", "-0.5", "1e10", "1.25E-3", "-", ".5", "1.",
           "01", "+1", "1e", "--1");
    JUDGED(of_schema("{\"type\":\"string\",\"nullable\":true}"), "\"\"", "\"北京\"", "null",
           "\"a\\n\\u4e2d\\\"\"", "-", "\"", "\"\n\"", "\"\\x\"", "\"\\ud800\"", "\"\\u0000\"",
           "\"a\"b", "\"\xE5\x8C\"", "\"\xC0\x80\"");
    JUDGED(of_schema("{}"), "1", "[1, {\"a\":[]}]", "\"x\"", "{\"a\": 1, \"b\":\n  2}", "-", "[1,]",
           "{\"a\"}", "[1 2]", "{a:1}");
}

static void texts(void) {
    JUDGED(of_schema("{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}"), "\"ab\"",
           "\"北京市\"", "\"a\\n\"", "-", "\"a\"", "\"abcd\"", "\"\"");
    JUDGED(of_schema("{\"pattern\":\"^[A-Z]{2}-\\\\d+(\\\\.\\\\d)?$\"}"), "\"AB-12\"", "\"XY-1.5\"",
           "-", "\"A-1\"", "\"AB-\"", "\"AB-1.\"", "\"xAB-1\"");
    JUDGED(of_schema("{\"type\":\"string\",\"pattern\":\"b|cd\"}"), "\"b\"", "\"xby\"", "\"cd\"",
           "-", "\"c\"", "\"\"");
    JUDGED(of_schema("{\"type\":\"string\",\"format\":\"date\"}"), "\"2026-11-26\"", "-",
           "\"2026-13-01\"", "\"2026-1-1\"", "\"26\"");
    JUDGED(of_schema("{\"format\":\"date-time\"}"), "\"2026-11-26T17:00:00Z\"",
           "\"2026-11-26T17:00:00.25+08:00\"", "-", "\"2026-11-26\"", "\"2026-11-26T25:00:00Z\"");
    JUDGED(of_schema("{\"format\":\"uuid\"}"), "\"123e4567-e89b-12d3-a456-426614174000\"", "-",
           "\"1\"");
    JUDGED(of_schema("{\"format\":\"email\"}"), "\"a.b@c.org\"", "-", "\"a@b\"", "\"@c.org\"");
    JUDGED(of_schema("{\"format\":\"ipv4\"}"), "\"10.0.255.1\"", "-", "\"10.0.256.1\"",
           "\"1.2.3\"");
    JUDGED(of_schema("{\"enum\":[\"red\",\"绿\",1,null,[1,2],{\"a\":true}]}"), "\"red\"", "\"绿\"",
           "1", "null", "[1, 2]", "{\"a\":true}", "-", "\"blue\"", "2", "[1]");
    JUDGED(of_schema("{\"type\":\"string\",\"enum\":[\"red\",1]}"), "\"red\"", "-", "1");
    JUDGED(of_schema("{\"const\":\"yes\"}"), "\"yes\"", "-", "\"no\"", "yes");
}

// Every number of a range, and the ones around it.
static void bounds(void) {
    for (uint32_t round = 0; round < 60; round++) {
        char text[160], number[32];
        int64_t spread = round % 3 == 0 ? 20 : round % 3 == 1 ? 300 : 20000;
        int64_t least = (int64_t)check_below((uint64_t)(2 * spread)) - spread;
        int64_t most = least + (int64_t)check_below((uint64_t)spread);
        snprintf(text, sizeof text, "{\"type\":\"integer\",\"minimum\":%lld,\"%s\":%lld}",
                 (long long)least, round % 2 ? "maximum" : "exclusiveMaximum",
                 (long long)most + !(round % 2));
        struct grammar *grammar = of_schema(text);
        struct constraint *c = open_of(grammar);
        for (int64_t n = least - 120; n<most + 120; n += most - least> 500 ? 7 : 1) {
            snprintf(number, sizeof number, "%lld", (long long)n);
            check_that(takes(c, number) == (n >= least && n <= most), __FILE__, __LINE__,
                       "%s of %s", number, text);
        }
        constraint_close(c);
        grammar_close(grammar);
    }
    JUDGED(of_schema("{\"type\":\"integer\",\"minimum\":0}"), "0", "7", "123456789", "-", "-1");
    JUDGED(of_schema("{\"type\":\"integer\",\"exclusiveMaximum\":-3}"), "-4", "-1000", "-", "-3",
           "0");
    JUDGED(of_schema("{\"type\":\"integer\",\"minimum\":1.5,\"maximum\":3.5}"), "2", "3", "-", "1",
           "4");
    JUDGED(of_schema("{\"type\":\"number\",\"minimum\":0,\"maximum\":1}"), "0", "0.5", "1", "1.0",
           "0.999", "-", "1.1", "-0.1", "2");
    JUDGED(of_schema("{\"type\":\"number\",\"exclusiveMinimum\":0}"), "0.01", "5", "12.5", "-", "0",
           "0.0", "-1");
    JUDGED(of_schema("{\"type\":\"number\",\"minimum\":-2,\"exclusiveMaximum\":-1}"), "-2", "-1.5",
           "-2.0", "-", "-1", "-2.1", "-1.0", "1.5", "-0.5");
    JUDGED(of_schema("{\"type\":\"number\",\"minimum\":-10,\"maximum\":12}"), "-10", "-9.5", "0",
           "11.5", "12", "12.0", "-", "12.5", "-10.5", "13");
}

static void arrays(void) {
    JUDGED(of_schema("{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}"), "[]", "[1]",
           "[1,2, 3]", "[\n  1,\n  2\n]", "[ ]", "-", "[1,]", "[,1]", "[\"a\"]", "[1 ,2]");
    JUDGED(
        of_schema(
            "{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":2,\"maxItems\":3}"),
        "[1,2]", "[1,2,3]", "-", "[]", "[1]", "[1,2,3,4]");
    JUDGED(of_schema("{\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}"),
           "[1,\"a\"]", "-", "[1]", "[1,\"a\",2]", "[\"a\",1]");
    JUDGED(of_schema("{\"prefixItems\":[{\"type\":\"integer\"}],\"items\":{\"type\":\"boolean\"}}"),
           "[1]", "[1,true,false]", "-", "[]", "[1,2]");
    JUDGED(of_schema("{\"type\":\"array\",\"maxItems\":0}"), "[]", "-", "[1]");
}

static void objects(void) {
    static const char two[] =
        "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"age\":{\"type\":"
        "\"integer\"},\"x\":{\"type\":\"null\"}},\"required\":[\"name\"]}";
    JUDGED(of_schema(two), "{\"name\":\"a\"}", "{\"name\": \"a\", \"age\": 3}",
           "{\n  \"name\": \"a\",\n  \"x\": null\n}", "{\"name\":\"\",\"age\":1,\"x\":null}", "-",
           "{}", "{\"age\":3}", "{\"age\":3,\"name\":\"a\"}", "{\"name\":\"a\",}",
           "{\"name\":\"a\",\"y\":1}", "{\"name\":1}", "{\"name\":\"a\" ,\"age\":1}");
    JUDGED(of_schema(
               "{\"properties\":{\"a\":{\"type\":\"integer\"},\"ab\":{\"type\":\"integer\"},\"b\":"
               "{\"type\":\"integer\"}}}"),
           "{}", "{\"b\":1}", "{\"a\":1,\"b\":2}", "{\"ab\":1,\"b\":2}", "-", "{\"b\":1,\"a\":2}",
           "{,}");
    JUDGED(of_schema("{\"properties\":{\"a\":{\"type\":\"integer\"},\"年\":{\"type\":\"integer\"}},"
                     "\"additionalProperties\":{\"type\":\"boolean\"}}"),
           "{\"a\":1,\"年\":2,\"z\":true}", "{\"b\":true}", "{\"aa\":true,\"年龄\":false}",
           "{\"\":true}", "{\"a\":1}", "-", "{\"a\":true}", "{\"z\":1}", "{\"年\":true}",
           "{\"b\":true,\"a\":1}");
    JUDGED(of_schema("{\"type\":\"object\"}"), "{}", "{\"a\":[1,{}]}", "-", "[]", "1");
    JUDGED(of_schema("{\"type\":\"object\",\"additionalProperties\":false}"), "{}", "-",
           "{\"a\":1}");
    JUDGED(
        of_schema("{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"object\",\"properties\":{\"k\":{"
                  "\"const\":1}},\"required\":[\"k\"]}]}"),
        "5", "{\"k\":1}", "-", "{\"k\":2}", "{}");
    JUDGED(of_schema(
               "{\"$ref\":\"#/$defs/node\",\"$defs\":{\"node\":{\"type\":\"object\",\"properties\":"
               "{\"next\":{\"$ref\":\"#/$defs/node\"},\"v\":{\"type\":\"integer\"}},\"required\":"
               "[\"v\"]}}}"),
           "{\"v\":1}", "{\"next\":{\"next\":{\"v\":3},\"v\":2},\"v\":1}", "-",
           "{\"next\":{},\"v\":1}");
}

// ---- texts and choices -------------------------------------------------------------------------

static struct grammar *of_text(const char *text) {
    struct grammar *grammar = NULL;
    struct fault fault = {0};
    CHECK_EQ(grammar_of_text(str_of(text), &grammar, &fault), OK);
    CHECK_STR(fault.code, "");
    return grammar;
}

// ---- calls of tools ----------------------------------------------------------------------------

static const char tools_text[] =
    "[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\","
    "\"properties\":{\"n\":{\"$ref\":\"#/$defs/x\"}},\"required\":[\"n\"],"
    "\"$defs\":{\"x\":{\"enum\":[1,2]}}}}},{\"type\":\"function\",\"function\":{\"name\":\"g\"}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"h\",\"parameters\":{\"type\":\"object\","
    "\"properties\":{\"n\":{\"$ref\":\"#/$defs/x\"}},\"$defs\":{\"x\":{\"enum\":[3]}}}}}]";

static struct grammar *of_calls(struct grammar_calls calls, const char *otherwise) {
    struct grammar *grammar = NULL;
    struct json *tools = NULL, *other = NULL;
    struct fault fault = {0};
    CHECK_EQ(json_parse(str_of(tools_text), &tools, &fault), OK);
    if (otherwise) CHECK_EQ(json_parse(str_of(otherwise), &other, &fault), OK);
    calls.tools = tools;
    calls.otherwise = other;
    CHECK_EQ(grammar_of_calls(&calls, &grammar, &fault), OK);
    json_close(tools);
    json_close(other);
    return grammar;
}

static void calls_of_tools(void) {
    struct grammar_calls calls = {.arguments = STR("arguments"), .end = STR("!")};
    JUDGED(of_calls(calls, NULL), "{\"name\":\"f\",\"arguments\":{\"n\":1}}!",
           "{\"name\": \"g\", \"arguments\": {}}!", "{\"name\":\"h\",\"arguments\":{\"n\":3}}!",
           "-", "{\"name\":\"f\",\"arguments\":{\"n\":3}}!",
           "{\"name\":\"g\",\"arguments\":{\"n\":1}}!", "{\"name\":\"x\",\"arguments\":{}}!",
           "{\"name\":\"g\"}!", "{\"name\":\"g\",\"arguments\":{}}");
    calls = (struct grammar_calls){.arguments = STR("parameters"),
                                   .only = STR("g"),
                                   .begin = STR("<c>"),
                                   .between = STR(";"),
                                   .several = true};
    JUDGED(of_calls(calls, "{\"type\":\"integer\"}"), "<c>{\"name\":\"g\",\"parameters\":{}}",
           "<c>{\"name\":\"g\",\"parameters\":{}};{\"name\":\"g\",\"parameters\":{}}", "17", "-",
           "<c>", "{\"name\":\"g\",\"parameters\":{}}",
           "<c>{\"name\":\"f\",\"parameters\":{\"n\":1}}", "<c>17");
    // White space anywhere between them, and never behind the last.
    calls = (struct grammar_calls){.arguments = STR("arguments"),
                                   .only = STR("g"),
                                   .begin = STR("["),
                                   .between = STR(","),
                                   .end = STR("]"),
                                   .several = true,
                                   .loose = true};
    JUDGED(of_calls(calls, NULL), "[{\"name\":\"g\",\"arguments\":{}}]",
           "\n[ {\"name\":\"g\",\"arguments\":{}} ,\n{\"name\":\"g\",\"arguments\":{}}\n]", "-",
           "[{\"name\":\"g\",\"arguments\":{}}] ", "[]", "{\"name\":\"g\",\"arguments\":{}}",
           "[{\"name\":\"g\",\"arguments\":{}}");
    struct fault fault = {0};
    struct grammar *grammar = NULL;
    struct json *tools = NULL;
    CHECK_EQ(json_parse(str_of(tools_text), &tools, &fault), OK);
    calls = (struct grammar_calls){.tools = tools, .only = STR("none")};
    CHECK_EQ(grammar_of_calls(&calls, &grammar, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "grammar.no_rule");
    json_close(tools);
}

// A tool whose parameters no grammar says.
static void tool_is(const char *function, bool lenient, const char *code, const char *detail) {
    static const char given[] = "{\"name\":\"f\",\"arguments\":{\"x\": [1]}}";
    struct grammar_calls calls = {.arguments = STR("arguments"), .lenient = lenient};
    struct grammar *grammar = NULL;
    struct json *tools = NULL;
    struct fault fault = {0};
    char text[512];
    snprintf(text, sizeof text,
             "[{\"function\":{\"name\":\"g\"}},{\"function\":{\"name\":\"f\",%s}}]", function);
    CHECK_EQ(json_parse(str_of(text), &tools, NULL), OK);
    calls.tools = tools;
    enum err err = grammar_of_calls(&calls, &grammar, &fault);
    CHECK_STR(fault.code, code);
    CHECK_STR(fault.detail, detail);
    CHECK_EQ(err == OK, *code == '\0');
    if (err == OK) JUDGED(grammar, given, "-", "{\"name\":\"f\",\"arguments\":1}");
    json_close(tools);
}

static void tools_beyond_a_grammar(void) {
    static const char beyond[] = "\"parameters\":{\"properties\":{\"x\":{\"format\":\"iri\"}}}";
    static const char strict[] =
        "\"strict\":true,\"parameters\":{\"properties\":{\"x\":{\"format\":\"iri\"}}}";
    tool_is(beyond, true, "", "");
    tool_is(beyond, false, "grammar.unsupported", "tools[1].function.parameters.properties.x: iri");
    tool_is(strict, true, "grammar.unsupported", "tools[1].function.parameters.properties.x: iri");
    tool_is("\"parameters\":{\"properties\":{\"x\":{\"type\":\"txt\"}}}", true, "grammar.wrong",
            "tools[1].function.parameters.properties.x: type");
    tool_is("\"parameters\":{\"type\":\"string\"}", true, "grammar.wrong",
            "tools[1].function.parameters: type");
}

static void grammars(void) {
    JUDGED(of_text("root ::= \"yes\" | \"no\""), "yes", "no", "-", "", "yesno");
    JUDGED(of_text("# sums\nroot ::= term ([-+] term)*   # left to right\n"
                   "term ::= num | \"(\" root \")\"\n"
                   "num ::= [0-9]+\n"),
           "1", "1+2-3", "(1+(2))-3", "-", "1+", "()", "(1");
    JUDGED(of_text("root ::= a{2} b{1,2} c{2,}\na ::= \"a\"\n  b ::= [^a-c\\n]\nc ::= \"c\"\n"),
           "aaxcc", "aaxyccc", "aa天cc", "-", "axcc", "aaxc", "aaacc");
    JUDGED(of_text("root ::= (\n \"a\" |\n \"b\"\n)+ \"\\x2e\\u4f60\\\"\"?\n  | \"z\" .\n"), "ab",
           "aab.你\"", "z天", "-", "", "z", "ab.");
    JUDGED(of_text("root ::= \"a\"*"), "", "aaaa", "-", "b");
    JUDGED(of_text("root ::= (\"a\"?)* \"b\""), "b", "aab", "-",
           "a"); // what is repeated may be nothing
    JUDGED(of_text("root ::= x\nx ::= \"(\" x \")\" | \"\""), "", "(())", "-", "(()");
    struct str choices[] = {STR("阳性"), STR("阴性"), STR("阴性可疑")};
    struct grammar *grammar = NULL;
    CHECK_EQ(grammar_of_choices(choices, 3, &grammar, NULL), OK);
    JUDGED(grammar, "阳性", "阴性", "阴性可疑", "-", "阴", "");
}

static void refuses_text(const char *text, const char *code, uint64_t row) {
    struct grammar *grammar = NULL;
    struct fault fault = {0};
    CHECK(grammar_of_text(str_of(text), &grammar, &fault) != OK);
    CHECK_STR(fault.code, code);
    CHECK_EQ(fault.row, row);
}

static void refuses_schema(const char *text, const char *code, const char *detail) {
    struct json *json = NULL;
    struct grammar *grammar = NULL;
    struct fault fault = {0};
    CHECK_EQ(json_parse(str_of(text), &json, &fault), OK);
    CHECK(grammar_of_schema(json, &grammar, &fault) != OK);
    CHECK_STR(fault.code, code);
    CHECK_STR(fault.detail, detail);
    json_close(json);
}

static void refused(void) {
    refuses_text("", "grammar.no_rule", 1);
    refuses_text("root ::= a\n", "grammar.no_rule", 1);
    refuses_text("root ::= \"a\n", "grammar.syntax", 1);
    refuses_text("root ::= \"a\"\n\nb :: c", "grammar.syntax", 3);
    refuses_text("root ::= (\"a\"", "grammar.syntax", 1);
    refuses_text("root ::= [z-a]", "grammar.syntax", 1);
    refuses_text("root ::= \"\\q\"", "grammar.syntax", 1);
    refuses_text("root ::= \"a\"\nroot ::= \"b\"", "grammar.rule_twice", 2);
    refuses_text("root ::= root \"a\" | \"b\"", "grammar.left_recursive", 0);
    refuses_text("root ::= a \"x\" | \"c\"\na ::= b\nb ::= \"y\"? root \"z\"",
                 "grammar.left_recursive", 0);
    refuses_text("root ::= \"a\" root", "grammar.endless", 0);
    refuses_text("root ::= \"a\" | b\nb ::= \"(\" b \")\"", "grammar.endless", 0);
    refuses_text("root ::= \"a\"{999999}", "grammar.too_large", 1);
    refuses_schema("{\"type\":\"string\",\"contentEncoding\":\"base64\"}", "grammar.unsupported",
                   "contentEncoding");
    refuses_schema("{\"type\":\"object\",\"patternProperties\":{}}", "grammar.unsupported",
                   "patternProperties");
    refuses_schema("{\"type\":\"array\",\"uniqueItems\":true}", "grammar.unsupported",
                   "uniqueItems");
    refuses_schema("{\"type\":\"number\",\"multipleOf\":0.1}", "grammar.unsupported", "multipleOf");
    refuses_schema("{\"not\":{\"type\":\"string\"}}", "grammar.unsupported", "not");
    refuses_schema("{\"type\":\"string\",\"format\":\"iri\"}", "grammar.unsupported", "iri");
    refuses_schema("{\"type\":\"strnig\"}", "grammar.wrong", "type");
    // Where it stands, within.
    refuses_schema("{\"properties\":{\"a\":{\"items\":{\"anyOf\":[{},{\"not\":{}}]}}}}",
                   "grammar.unsupported", "properties.a.items.anyOf[1]: not");
    refuses_schema("{\"additionalProperties\":{\"$ref\":\"#/$defs/x\"},\"$defs\":{\"x\":{"
                   "\"prefixItems\":[{\"type\":1}]}}}",
                   "grammar.wrong", "additionalProperties #/$defs/x.prefixItems[0]: type");
    refuses_schema("{\"properties\":{\"a\":{\"pattern\":\"(?=a)b\"},\"b\":{}}}", "grammar.pattern",
                   "properties.a: (?=a)b");
    refuses_schema("{\"type\":\"integer\",\"minimum\":5,\"maximum\":4}", "grammar.wrong",
                   "minimum");
    refuses_schema("{\"type\":\"string\",\"minLength\":5,\"maxLength\":4}", "grammar.wrong",
                   "minLength");
    refuses_schema("{\"enum\":[]}", "grammar.wrong", "enum");
    refuses_schema("{\"$ref\":\"#/nowhere\"}", "grammar.no_rule", "#/nowhere");
    refuses_schema("{\"$ref\":\"#\"}", "grammar.endless", "root");
    refuses_schema("{\"type\":\"string\",\"pattern\":\"(?=a)b\"}", "grammar.pattern", "(?=a)b");
    refuses_schema(
        "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}",
        "grammar.endless", "root");
    struct grammar *grammar = NULL;
    struct fault fault = {0};
    CHECK_EQ(grammar_of_choices(NULL, 0, &grammar, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "grammar.no_choices");
}

// ---- masks and walks ---------------------------------------------------------------------------

// The mask says of each token what trying it says.
static void mask_is_true(struct constraint *c, uint32_t place, const uint64_t *mask) {
    for (uint32_t t = 0; t < tokenizer_count(tokenizer); t++) {
        bool allowed = mask[t / 64] >> (t % 64) & 1;
        bool wanted =
            t == 2 ? constraint_may_end(c, place) : constraint_next(c, place, t) != PLACE_NONE;
        check_that(allowed == wanted, __FILE__, __LINE__, "token %u", t);
    }
}

// A walk at random to its end; long ones are led home by preferring what closes.
static bool walk(struct constraint *c, struct buf *text, uint32_t most, bool check_masks) {
    uint32_t place = constraint_start(c);
    buf_clear(text);
    for (uint32_t i = 0; i < most; i++) {
        const uint64_t *mask;
        struct fault fault = {0};
        if (constraint_mask(c, place, &mask, &fault) != OK) {
            check_that(false, __FILE__, __LINE__, "%s after %.*s", fault.code, (int)text->size,
                       text->data);
            return false;
        }
        if (check_masks && i < 12) mask_is_true(c, place, mask);
        uint32_t allowed[512], count = 0;
        for (uint32_t t = 0; t < tokenizer_count(tokenizer); t++) {
            if (mask[t / 64] >> (t % 64) & 1) allowed[count++] = t;
        }
        bool end = mask[0] >> 2 & 1;
        if (end && (count == 1 || check_below(3) == 0)) return true;
        uint32_t token = allowed[check_below(count)];
        static const char closing[] = "\"}]";
        for (uint32_t k = 0; k < 3 && i > 20 && check_below(2); k++) {
            uint32_t byte = 3 + (uint32_t)closing[k];
            if (mask[byte / 64] >> (byte % 64) & 1) token = byte;
        }
        if (token == 2) return true;
        tokenizer_decode(tokenizer, token, false, text);
        place = constraint_next(c, place, token);
    }
    return false;
}

// Texts of bounded length: each place has room for so many characters and no more.
static void masks_count_characters(void) {
    static const uint32_t most[] = {1, 2, 5, 11, 12, 33, 40};
    struct buf text;
    char schema[160];
    buf_open(&text, 1 << 16);
    for (uint32_t i = 0; i < 21; i++) {
        if (i % 3 == 1) { // first of some characters, then of more
            snprintf(schema, sizeof schema,
                     "{\"type\":\"string\",\"pattern\":\"^[a-zA-Z ]{%u}[a-zA-Z 0-9]{3}$\"}",
                     most[i / 3]);
        } else {
            snprintf(schema, sizeof schema, "{\"type\":\"string\",\"maxLength\":%u%s}", most[i / 3],
                     i % 3 ? ",\"minLength\":1" : "");
        }
        struct grammar *grammar = of_schema(schema);
        struct constraint *c = open_of(grammar);
        for (int k = 0; k < 6; k++) CHECK(walk(c, &text, 200, true));
        constraint_close(c);
        grammar_close(grammar);
    }
    buf_close(&text);
}

static void walks_are_valid(void) {
    static const char *const schemas[] = {
        "{}",
        "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"age\":"
        "{\"type\":\"integer\",\"minimum\":0,\"maximum\":150},\"tags\":{\"type\":\"array\","
        "\"items\":{\"enum\":[\"red\",\"green\"]}},\"w\":{\"type\":\"number\"}},"
        "\"required\":[\"name\",\"tags\"],\"additionalProperties\":true}",
        "{\"type\":\"array\",\"items\":{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"number\","
        "\"minimum\":-3,\"maximum\":17}]},\"minItems\":1,\"maxItems\":5}",
        "{\"type\":\"string\",\"maxLength\":6}",
    };
    struct buf text;
    uint32_t whole = 0;
    buf_open(&text, 1 << 20);
    for (uint32_t s = 0; s < 4; s++) {
        struct grammar *grammar = of_schema(schemas[s]);
        struct constraint *c = open_of(grammar);
        for (uint32_t i = 0; i < 60; i++) {
            if (!walk(c, &text, 400, i < 3)) continue;
            struct json *json = NULL;
            struct fault fault = {0};
            struct json_text reader = json_text_of(buf_str(&text));
            json_text_skip(&reader);
            bool valid = json_text_end(&reader);
            if (json_parse(buf_str(&text), &json, &fault) != OK) {
                valid &= strcmp(fault.code, "json.name_twice") == 0 ||
                         strcmp(fault.code, "json.too_deep") == 0;
            }
            check_that(valid, __FILE__, __LINE__, "%s: %.*s", fault.code, (int)text.size,
                       text.data);
            if (s == 1 && json) {
                CHECK(json_is_string(json_member(json, "name")));
                CHECK(json_is_array(json_member(json, "tags")));
                double age = json_member_number(json, "age", 0);
                CHECK(age >= 0 && age <= 150 && age == (double)(int)age);
            }
            json_close(json);
            whole++;
        }
        constraint_close(c);
        grammar_close(grammar);
    }
    CHECK(whole > 120);
    buf_close(&text);
}

static void with_the_sampler(void) {
    struct str choices[] = {STR("yes"), STR("no"), STR("maybe")};
    struct grammar *grammar = NULL;
    struct sampling sampling = sampling_default();
    struct sampler *sampler;
    uint32_t met[3] = {0};
    uint32_t count = tokenizer_count(tokenizer);
    REQUIRE(grammar_of_choices(choices, 3, &grammar, NULL) == OK);
    struct constraint *c = open_of(grammar);
    sampling.top_k = 0, sampling.top_p = 1, sampling.min_p = 0, sampling.seed = check_random();
    REQUIRE(sampler_open(&sampling, count, &sampler) == OK);
    for (uint32_t i = 0; i < 200; i++) {
        struct buf text;
        buf_open(&text, 100);
        for (uint32_t place = constraint_start(c); !constraint_must_end(c, place);) {
            float logits[512] = {0};
            const uint64_t *mask;
            REQUIRE(constraint_mask(c, place, &mask, NULL) == OK);
            uint32_t token = sampler_choose(sampler, logits, mask).token;
            REQUIRE(token < count);
            tokenizer_decode(tokenizer, token, false, &text);
            place = constraint_next(c, place, token);
        }
        uint32_t k = 0;
        while (k < 3 && !str_equal(buf_str(&text), choices[k])) k++;
        REQUIRE(k < 3);
        met[k]++;
        buf_close(&text);
    }
    CHECK(met[0] > 20 && met[1] > 20 && met[2] > 20);
    sampler_close(sampler);
    constraint_close(c);
    grammar_close(grammar);
}

static void dead_ends_are_told(void) {
    struct grammar *grammar = NULL;
    struct constraint *c;
    struct fault fault = {0};
    const uint64_t *mask;
    REQUIRE(grammar_of_text(STR("root ::= \"a\" | \"\\u00e9\""), &grammar, NULL) == OK);
    c = open_of(grammar);
    CHECK_EQ(constraint_mask(c, PLACE_NONE, &mask, &fault), ERR_INPUT);
    CHECK_STR(fault.code, "constraint.dead_end");
    CHECK_EQ(constraint_next(c, constraint_start(c), 2), PLACE_NONE);
    CHECK_EQ(constraint_next(c, constraint_start(c), 99999), PLACE_NONE);
    constraint_close(c);
    grammar_close(grammar);
}

// Nesting is bounded, not the number of items.
static void long_lists(void) {
    struct grammar *grammar = of_schema("{\"type\":\"array\"}");
    struct constraint *c = open_of(grammar);
    uint32_t place = constraint_next_bytes(c, constraint_start(c), STR("[1"));
    for (uint32_t i = 0; i < 20000; i++) place = constraint_next_bytes(c, place, STR(", [2]"));
    CHECK(place != PLACE_NONE);
    place = constraint_start(c);
    uint32_t depth = 0;
    while (place != PLACE_NONE && depth < 10000) {
        place = constraint_next_bytes(c, place, STR("["));
        depth++;
    }
    CHECK(depth > 60 && depth < 10000);
    constraint_close(c);
    grammar_close(grammar);
}

static void memory_may_run_out(void) {
    struct json *json = NULL;
    bool done = false;
    REQUIRE(json_parse(STR("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}"),
                       &json, NULL) == OK);
    for (uint64_t n = 0; !done; n++) {
        struct grammar *grammar = NULL;
        struct constraint *c = NULL;
        struct fault fault = {0};
        const uint64_t *mask;
        REQUIRE(n < 3000);
        memory_fail_after(n);
        enum err err = grammar_of_schema(json, &grammar, &fault);
        if (err == OK) err = constraint_open(grammar, tree, NULL, 0, &c);
        if (err == OK) err = constraint_mask(c, constraint_start(c), &mask, &fault);
        memory_fail_after(UINT64_MAX);
        done = err == OK;
        constraint_close(c);
        grammar_close(grammar);
    }
    json_close(json);
}

int main(void) {
    buf_open(&bytes, 1 << 20);
    vocabulary_open();
    CHECK_RUN(types);
    CHECK_RUN(texts);
    CHECK_RUN(bounds);
    CHECK_RUN(arrays);
    CHECK_RUN(objects);
    CHECK_RUN(calls_of_tools);
    CHECK_RUN(tools_beyond_a_grammar);
    CHECK_RUN(grammars);
    CHECK_RUN(refused);
    CHECK_RUN(masks_count_characters);
    CHECK_RUN(walks_are_valid);
    CHECK_RUN(with_the_sampler);
    CHECK_RUN(dead_ends_are_told);
    CHECK_RUN(long_lists);
    CHECK_RUN(memory_may_run_out);
    token_tree_close(tree);
    tokenizer_close(tokenizer);
    buf_close(&bytes);
    return check_done();
}
