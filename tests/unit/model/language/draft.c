// Drafts: what followed before, as much of it as pays, and ever more seldom where nothing holds.
#include "model/language/draft.h"

#include "check.h"

static struct draft *draft;
static struct draft_costs costs;
static uint32_t out[DRAFT_TOKENS];

static void open_with(const char *text, uint32_t room) {
    REQUIRE(draft_open(room, &draft) == OK);
    for (; *text; text++) draft_add(draft, (uint8_t)*text);
    costs = (struct draft_costs){0};
}

static void drafts(const char *text, uint32_t most, const char *want) {
    open_with(text, 100);
    uint32_t count = draft_make(draft, &costs, 1, most, 0, out);
    CHECK_EQ(count, strlen(want));
    for (uint32_t i = 0; i < count; i++) CHECK_EQ(out[i], (uint8_t)want[i]);
    draft_close(draft);
}

static void says_what_followed(void) {
    drafts("", 3, "");
    drafts("a", 3, "");
    drafts("abcdef", 3, "");
    drafts("abcdef ab", 3, "cde");
    drafts("abcdef ab", 2, "cd");
    drafts("abcdef ab", 0, "");
    drafts("abc1 abc2 ab", 3, "c2 ");     // the latest
    drafts("xabc1 yabc2 xabc", 3, "1 y"); // the longest
    drafts("ababab", 3, "aba");           // on and on
    drafts("aaaa", 3, "aaa");
    drafts("zb ab", 3, ""); // one token alone says nothing
}

static void remembers_no_more_than_its_room(void) {
    open_with("abcabc", 6);
    CHECK_EQ(draft_make(draft, &costs, 1, 3, 0, out), 0);
    draft_add(draft, 'a');
    CHECK_EQ(draft_make(draft, &costs, 1, 3, 0, out), 0);
    draft_close(draft);
}

// Twice a token comes back whose pair was never seen: whatever the hash finds must be a match.
static void finds_only_what_stands_there(void) {
    enum { COUNT = 4000 };
    static uint32_t tokens[COUNT];
    uint32_t found = 0;
    REQUIRE(draft_open(COUNT + 1, &draft) == OK);
    for (uint32_t i = 0; i < COUNT; i++) {
        tokens[i] = (uint32_t)check_below(40);
        draft_add(draft, tokens[i]);
        uint32_t count = draft_make(draft, &costs, 1, 1, 0, out), at = 0;
        if (!count) continue;
        found++;
        for (at = 2; at <= i; at++) {
            if (tokens[at - 2] == tokens[i - 1] && tokens[at - 1] == tokens[i] &&
                tokens[at] == out[0]) {
                break;
            }
        }
        CHECK(at <= i);
        draft_learn(draft, 1);
    }
    CHECK(found > COUNT / 4);
    draft_close(draft);
}

// How many of `count` steps have drafts, of which `held` tokens hold each time.
static uint32_t made(uint32_t count, uint32_t held) {
    uint32_t drafted = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = draft_make(draft, &costs, 1, 3, 0, out);
        drafted += size > 0;
        draft_learn(draft, held < size ? held : size);
        draft_add(draft, "ab"[i % 2]);
    }
    return drafted;
}

static void stops_where_it_does_not_pay(void) {
    open_with("abababab", 8000);
    for (uint32_t rows = 1; rows <= DRAFT_ROWS; rows++) {
        for (uint32_t i = 0; i < 50; i++) draft_costs_note(&costs, rows, .01 * (1 + .2 * rows));
    }
    CHECK_EQ(made(200, 3), 200);
    made(200, 0);
    CHECK(made(1000, 0) < 20); // a try now and then
    CHECK(made(300, 3) < 300);
    made(3000, 3);
    CHECK_EQ(made(100, 3), 100); // and it comes back
    draft_close(draft);
}

static void costs_decide(void) {
    open_with("abababab", 4000);
    draft_costs_note(&costs, 1, .01);
    draft_costs_note(&costs, 2, .02);
    draft_costs_note(&costs, 3, .04);
    draft_costs_note(&costs, 4, .08); // four rows cost what they are worth, or more
    CHECK(made(100, 3) < 10);
    draft_close(draft);
    open_with("abababab", 4000);
    draft_costs_note(&costs, 1, .01);
    draft_costs_note(&costs, 2, .011);
    draft_costs_note(&costs, 3, .08);
    draft_costs_note(&costs, 4, .08);
    CHECK_EQ(draft_make(draft, &costs, 1, 3, 0, out), 1);
    draft_costs_note(&costs, 2, 1000); // one hiccup is not believed
    CHECK(costs.seconds[2] < .013);
    draft_costs_note(&costs, 0, 1);
    draft_costs_note(&costs, DRAFT_ROWS + 1, 1);
    draft_costs_note(&costs, 1, 0);
    CHECK_NEAR(costs.seconds[1], .01, 1e-12);
    draft_close(draft);
}

static void forced(const char *text, const char *form, const char *want) {
    open_with(text, 100);
    uint32_t size = (uint32_t)strlen(form);
    for (uint32_t i = 0; i < size; i++) out[i] = (uint8_t)form[i];
    uint32_t count = draft_make(draft, &costs, 1, 3, size, out);
    CHECK_EQ(count, strlen(want));
    for (uint32_t i = 0; i < count; i++) CHECK_EQ(out[i], (uint8_t)want[i]);
    draft_close(draft);
}

// What a form expects stands first; behind it what followed it before.
static void what_is_forced_goes_first(void) {
    forced("", "XY", "XY");
    forced("abcdef ab", "X", "X");
    forced("abcdef ab", "XYZ", "XYZ");
    forced("abcdef ab", "c", "cde");
    forced("abcdef ab", "cd", "cde");
    forced("ababab", "a", "aba");
    forced("1X2X1 1", "X", "X2X");
    open_with("abcdefg", 8000);
    for (uint32_t rows = 1; rows <= DRAFT_ROWS; rows++) {
        for (uint32_t i = 0; i < 50; i++) draft_costs_note(&costs, rows, .01 * (1 + .2 * rows));
    }
    uint32_t made_of[2] = {0};
    for (uint32_t i = 0; i < 2000; i++) { // never true, then always
        out[0] = out[1] = 'X';
        uint32_t size = draft_make(draft, &costs, 1, 3, 2, out);
        if (size > 1) draft_keep(draft, 1); // the form of an answer ends behind it, say
        made_of[i / 1000] += size > 0;
        draft_learn(draft, size && i >= 1000);
        draft_add(draft, 1000 + i);
    }
    CHECK(made_of[0] < 40 && made_of[1] > 4); // a try now and then, until it comes back
    for (uint32_t i = 0; i < 3000; i++) draft_learn(draft, draft_make(draft, &costs, 1, 3, 2, out));
    CHECK_EQ(draft_make(draft, &costs, 1, 3, 2, out), 2);
    draft_close(draft);
}

int main(void) {
    CHECK_RUN(says_what_followed);
    CHECK_RUN(remembers_no_more_than_its_room);
    CHECK_RUN(finds_only_what_stands_there);
    CHECK_RUN(stops_where_it_does_not_pay);
    CHECK_RUN(costs_decide);
    CHECK_RUN(what_is_forced_goes_first);
    return check_done();
}
