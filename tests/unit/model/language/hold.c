// Answers held from a mark on: against a plain reading of all bytes from the beginning, over
// vocabularies that cut the mark in any way; and free text, which costs nothing.
#include "model/language/grammar/hold.h"

#include "base/memory.h"
#include "check.h"

static struct buf bytes;
static struct tokenizer *tokenizer;
static struct token_tree *tree;

static void piece(const char *text) {
    int32_t size = (int32_t)strlen(text);
    buf_add(&bytes, &(float){0}, 4);
    buf_add(&bytes, &size, 4);
    buf_add_text(&bytes, text);
}

static const char *const pieces[] = {"<tool_call>",
                                     "<tool",
                                     "_call>",
                                     "<",
                                     "tool_call>\n{",
                                     ">{\"",
                                     ">x",
                                     "call>\n",
                                     "</tool_call>",
                                     "</",
                                     "{\"name",
                                     "\": \"",
                                     "\"f\"",
                                     "\"look\"",
                                     "f",
                                     "}}",
                                     "\"}",
                                     ", ",
                                     "\"arguments\": {",
                                     "{}}",
                                     "hello ",
                                     "北",
                                     "{\"",
                                     "\"n\":",
                                     "<too",
                                     "a<tool_call>{\"name\":",
                                     "}}\n</tool_call>",
                                     "\"name\":\"f\"",
                                     "x\"y",
                                     "<tool_call",
                                     "<tool_call>x",
                                     "{\"name\":\"f\"",
                                     "{\"name\": \"look\"]"};
enum { PIECES = sizeof pieces / sizeof *pieces, TOKENS = 3 + 256 + PIECES };

// A vocabulary of llama2.c: all bytes, and pieces that reach over the joints of calls.
static void vocabulary_open(void) {
    char name[8];
    struct fault fault = {0};
    buf_add(&bytes, &(int32_t){32}, 4);
    piece("<unk>");
    piece("<s>");
    piece("</s>");
    for (int i = 0; i < 256; i++) {
        snprintf(name, sizeof name, "<0x%02X>", i);
        piece(name);
    }
    for (size_t i = 0; i < PIECES; i++) piece(pieces[i]);
    if (tokenizer_view_llama2c(bytes.data, bytes.size, &tokenizer, &fault) != OK) abort();
    if (token_tree_open(tokenizer, TOKENS, &tree) != OK) abort();
}

static struct grammar *grammar;
static struct constraint *constraint;

// What may come: in free text anything.
static const uint64_t *mask_of(const struct hold *hold) {
    const uint64_t *mask = NULL;
    if (hold->held && constraint_mask(constraint, hold->place, &mask, NULL) != OK) abort();
    return mask;
}

static void calls_open_for(const char *shut) {
    static const char tools_text[] =
        "[{\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{\"n\":{"
        "\"type\":\"integer\"}}}}},{\"function\":{\"name\":\"look\"}}]";
    static const uint32_t ends[] = {2};
    struct json *tools;
    if (json_parse(STR(tools_text), &tools, NULL) != OK) abort();
    struct grammar_calls calls = {
        .tools = tools, .arguments = STR("arguments"), .end = str_of(shut), .loose = true};
    if (grammar_of_calls(&calls, &grammar, NULL) != OK) abort();
    if (constraint_open(grammar, tree, ends, 1, &constraint) != OK) abort();
    json_close(tools);
}

static void calls_close(void) {
    constraint_close(constraint);
    grammar_close(grammar);
}

// ---- a plain reading ---------------------------------------------------------------------------

struct reading {
    bool held, over, wrong;
    uint32_t place, pieces;
};

// The end of what is held from `at` on, or where the text ends within it.
static size_t piece_read(struct str text, size_t at, size_t from, struct reading *out) {
    struct str begun = {text.data + from, at - from};
    out->place = constraint_next_bytes(constraint, constraint_start(constraint), begun);
    for (; at < text.size; at++) {
        struct str so_far = {text.data + from, at + 1 - from};
        out->place = constraint_next_bytes(constraint, constraint_start(constraint), so_far);
        out->wrong = out->place == PLACE_NONE;
        if (out->wrong) return text.size;
        if (constraint_must_end(constraint, out->place)) return at + 1;
    }
    out->held = true;
    return text.size;
}

// {"name": "…" at the beginning, as long as it fits: where that ends; 0: it is not there.
static size_t bare_end(struct str text) {
    size_t quotes = 0;
    for (size_t at = 0; at < text.size; at++) {
        struct str so_far = {text.data, at + 1};
        if (constraint_next_bytes(constraint, constraint_start(constraint), so_far) == PLACE_NONE) {
            return 0;
        }
        quotes += text.data[at] == '"' && (at == 0 || text.data[at - 1] != '\\');
        if (quotes == 4) return at + 1;
    }
    return 0;
}

static struct reading read_all(struct str text, const struct hold_form *form) {
    struct reading out = {.place = constraint_start(constraint)};
    size_t mark = strlen(form->mark), at = form->bare ? bare_end(text) : 0, end = 0;
    if (at) end = piece_read(text, at, 0, &out);
    for (;;) {
        if (at && !out.held && !out.wrong) out.pieces++;
        out.over = out.pieces == form->pieces_most;
        if (out.held || out.wrong || out.over) return out;
        const char *found =
            mark ? memmem(text.data + end, text.size - end, form->mark, mark) : NULL;
        if (!found) return out;
        at = (size_t)(found - text.data) + mark;
        end = piece_read(text, at, at, &out);
    }
}

// ---- walks -------------------------------------------------------------------------------------

static uint32_t token_any(void) {
    return check_below(3) ? 3 + 256 + (uint32_t)check_below(PIECES)
                          : 3 + (uint32_t)check_below(256);
}

// One that the mask allows; long walks are led home.
static uint32_t token_allowed(const uint64_t *mask, bool home) {
    static const char closing[] = "</tool_call>\"}";
    uint32_t allowed[TOKENS], count = 0;
    for (uint32_t t = 3; t < TOKENS; t++) {
        if (mask[t / 64] >> (t % 64) & 1) allowed[count++] = t;
    }
    if (!count) abort();
    for (size_t i = 0; home && i < sizeof closing - 1; i++) {
        uint32_t token = 3 + (uint32_t)(uint8_t)closing[i];
        if (mask[token / 64] >> (token % 64) & 1 && check_below(2)) return token;
    }
    return allowed[check_below(count)];
}

static struct { uint32_t held, refused, over, again, bare; } seen;

static void walk(const struct hold_form *form) {
    struct hold hold = hold_of(constraint, form);
    struct buf text, token_text;
    uint32_t within = 0;
    buf_open(&text, 1 << 16);
    buf_open(&token_text, 1 << 10);
    for (int i = 0; i < 120; i++) {
        const uint64_t *mask = mask_of(&hold);
        within = hold.held ? within + 1 : 0;
        uint32_t token = mask ? token_allowed(mask, within > 8) : token_any();
        buf_clear(&token_text);
        tokenizer_decode(tokenizer, token, true, &token_text);
        size_t before = text.size;
        buf_add_str(&text, buf_str(&token_text));
        struct reading want = read_all(buf_str(&text), form);
        struct hold was = hold;
        enum hold_step step = hold_next(&hold, token, buf_str(&token_text));
        CHECK_EQ(step == HOLD_REFUSED, want.wrong);
        if (step == HOLD_REFUSED) {
            CHECK(!was.held && memcmp(&was, &hold, sizeof hold) == 0);
            text.size = before;
            seen.refused++;
            continue;
        }
        CHECK_EQ(step == HOLD_OVER, want.over);
        CHECK_EQ(hold.pieces, want.pieces);
        if (step == HOLD_OVER) break;
        CHECK_EQ(hold.held, want.held);
        if (hold.held) CHECK_EQ(hold.place, want.place);
        seen.held += hold.held;
        seen.bare += hold.held && !memmem(text.data, text.size, "<tool_call>", 11);
        seen.again += hold.held && hold.pieces > 0;
    }
    seen.over += hold.pieces == form->pieces_most;
    buf_close(&text);
    buf_close(&token_text);
}

static void walks_are_as_read(void) {
    struct hold_form form = {.mark = "<tool_call>", .bare = true, .pieces_most = 2};
    calls_open_for("</tool_call>");
    for (int i = 0; i < 400; i++) {
        form.pieces_most = 1 + (uint32_t)check_below(3);
        form.bare = i % 2;
        walk(&form);
    }
    calls_close();
    CHECK(seen.held && seen.refused && seen.over && seen.again && seen.bare);
    calls_open_for("");
    form.bare = true;
    form.mark[0] = '\0';
    for (int i = 0; i < 400; i++) walk(&form);
    calls_close();
}

// What begins like a call at the beginning of an answer: which of them become held.
static void begins(const char *text, bool held, bool refused) {
    struct hold_form form = {.mark = "<tool_call>", .bare = true, .pieces_most = 1};
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        struct hold hold = hold_of(constraint, &form);
        struct str first = {text, cut}, rest = str_of(text + cut);
        bool no = hold_next(&hold, 3, first) == HOLD_REFUSED;
        if (hold.held) break; // the rest is for its mask
        no |= hold_next(&hold, 3, rest) == HOLD_REFUSED;
        CHECK_EQ(no, refused);
        CHECK_EQ(hold.held, held && !refused);
    }
}

static void beginnings(void) {
    calls_open_for("</tool_call>");
    begins("{\"name\": \"f\"", true, false);
    begins(" {\"name\":\"look\"", true, false);
    begins("{\"name\": \"f\", \"arguments\": {", true, false);
    begins("{\"name\": \"other\", \"arguments\"", false, false);
    begins("{\"name\": \"", false, false);
    begins("{\"names\": \"f\"", false, false);
    begins("x{\"name\": \"f\"", false, false);
    begins("{\"name\": \"f\"]", true, true);
    calls_close();
}

// Every cut of the mark over tokens: held behind its last byte, never before.
static void every_cut_of_the_mark(void) {
    static const char mark[] = "<tool_call>";
    struct hold_form form = {.mark = "<tool_call>", .pieces_most = 2};
    enum { SIZE = sizeof mark - 1 };
    calls_open_for("</tool_call>");
    for (uint32_t cuts = 0; cuts < 1u << (SIZE - 1); cuts++) {
        struct hold hold = hold_of(constraint, &form);
        CHECK_EQ(hold_next(&hold, 3, STR("so <to <tool_call ")), HOLD_ON);
        for (uint32_t at = 0, end; at < SIZE; at = end) {
            CHECK(!hold.held);
            for (end = at + 1; end < SIZE && !(cuts >> (end - 1) & 1); end++) continue;
            CHECK_EQ(hold_next(&hold, 3, (struct str){mark + at, end - at}), HOLD_ON);
        }
        CHECK(hold.held && hold.place == constraint_start(constraint));
    }
    calls_close();
}

// No mask is found, nor asked for, before a mark is there.
static void free_text_costs_nothing(void) {
    struct hold_form form = {.mark = "<tool_call>", .bare = true, .pieces_most = 2};
    calls_open_for("</tool_call>");
    struct hold hold = hold_of(constraint, &form);
    CHECK(hold_next(&hold, 3, STR("Once ")) == HOLD_ON && !hold.bare);
    size_t before = constraint_bytes(constraint);
    for (int i = 0; i < 10000; i++) {
        CHECK(!hold.held && !mask_of(&hold));
        CHECK_EQ(hold_next(&hold, 3, STR("{\"name\": \"f\"} <tool_cal ")), HOLD_ON);
    }
    CHECK_EQ(constraint_bytes(constraint), before);
    CHECK(!constraint_ready(constraint, constraint_start(constraint)));
    CHECK_EQ(hold_next(&hold, 3, STR("<tool_call>")), HOLD_ON);
    CHECK(hold.held && mask_of(&hold));
    CHECK(constraint_bytes(constraint) > before);
    calls_close();
}

// Without a form it is the constraint, from the first token to the last.
static void held_from_the_first(void) {
    if (grammar_of_text(STR("root ::= \"f\" \"<\""), &grammar, NULL) != OK) abort();
    if (constraint_open(grammar, tree, NULL, 0, &constraint) != OK) abort();
    struct hold hold = hold_of(constraint, NULL);
    CHECK(hold.held && mask_of(&hold));
    CHECK_EQ(hold_next(&hold, 3 + 'f', STR_NONE), HOLD_ON);
    CHECK_EQ(hold_next(&hold, 3 + '<', STR_NONE), HOLD_OVER);
    calls_close();
}

int main(void) {
    buf_open(&bytes, 1 << 20);
    vocabulary_open();
    CHECK_RUN(walks_are_as_read);
    CHECK_RUN(beginnings);
    CHECK_RUN(every_cut_of_the_mark);
    CHECK_RUN(free_text_costs_nothing);
    CHECK_RUN(held_from_the_first);
    token_tree_close(tree);
    tokenizer_close(tokenizer);
    buf_close(&bytes);
    return check_done();
}
