// Bytes into keys: what keyboards and terminals send, in any pieces, and what noise does.
#include "appliance/console/keys_private.h"

#include "check.h"

static struct {
    const char *bytes;
    int key;
} known[] = {
    {"\x1B[A", KEY_UP},
    {"\x1BOA", KEY_UP},
    {"\x1B[B", KEY_DOWN},
    {"\x1B[C", KEY_RIGHT},
    {"\x1B[D", KEY_LEFT},
    {"\x1B[H", KEY_HOME},
    {"\x1B[1~", KEY_HOME},
    {"\x1B[7~", KEY_HOME},
    {"\x1B[F", KEY_END},
    {"\x1B[4~", KEY_END},
    {"\x1B[3~", KEY_DELETE},
    {"\x1B[5~", KEY_PAGE_UP},
    {"\x1B[6~", KEY_PAGE_DOWN},
    {"\x1B[Z", KEY_BACK_TAB},
    {"\x1B[1;5A", KEY_UP},
    {"\x1BOM", KEY_ENTER},
    {"\r", KEY_ENTER},
    {"\n", KEY_ENTER},
    {"\t", KEY_TAB},
    {"\x7F", KEY_BACKSPACE},
    {"\b", KEY_BACKSPACE},
    {"\f", KEY_REDRAW},
    {"a", 'a'},
    {"~", '~'},
    {"\x1B[[A", KEY_UP},
    {"\x1B[24~", KEY_NONE},
    {"\x1B[?62;1c", KEY_NONE},
    {"\xE4\xB8\xAD", KEY_OTHER},
    {"\xE9", KEY_OTHER}, // of a terminal with Latin-1
    {"\x01", KEY_NONE},
    {"\x1B\x1B[A", KEY_UP},
};

static void sequences_come_in_any_pieces(void) {
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        size_t size = strlen(known[i].bytes);
        for (size_t cut = 0; cut <= size; cut++) {
            struct keys keys = {0};
            int got = KEY_NONE;
            for (size_t at = 0; at < size; at++) {
                int64_t now = at < cut ? 1000 : 1000 + KEYS_ESCAPE_MS - 1;
                CHECK_EQ(keys_late(&keys, now), KEY_NONE);
                int key = keys_next(&keys, (uint8_t)known[i].bytes[at], now);
                if (key != KEY_NONE && key != KEY_ESCAPE) got = key;
            }
            check_that(got == known[i].key, __FILE__, __LINE__, "%zu: got %d", i, got);
            CHECK_EQ(keys_due(&keys), INT64_MAX); // nothing is left waiting
        }
    }
}

static void an_escape_alone_is_the_key(void) {
    struct keys keys = {0};
    CHECK_EQ(keys_next(&keys, 0x1B, 5000), KEY_NONE);
    CHECK_EQ(keys_due(&keys), 5000 + KEYS_ESCAPE_MS);
    CHECK_EQ(keys_late(&keys, 5000 + KEYS_ESCAPE_MS - 1), KEY_NONE);
    CHECK_EQ(keys_late(&keys, 5000 + KEYS_ESCAPE_MS), KEY_ESCAPE);
    CHECK_EQ(keys_late(&keys, 9000), KEY_NONE);
    CHECK_EQ(keys_next(&keys, 'a', 9000), 'a');
    CHECK_EQ(keys_next(&keys, 0x1B, 9000), KEY_NONE);
    CHECK_EQ(keys_next(&keys, 0x1B, 9001), KEY_ESCAPE); // the first of two
    CHECK_EQ(keys_late(&keys, 9999), KEY_ESCAPE);
    CHECK_EQ(keys_next(&keys, 0x1B, 10000), KEY_NONE);
    CHECK_EQ(keys_next(&keys, '[', 10001), KEY_NONE);
    CHECK_EQ(keys_late(&keys, 20000), KEY_NONE); // cut off: forgotten
    CHECK_EQ(keys_next(&keys, 'A', 20001), 'A');
}

static void a_line_break_of_two_bytes_is_one_key(void) {
    struct keys keys = {0};
    CHECK_EQ(keys_next(&keys, '\r', 0), KEY_ENTER);
    CHECK_EQ(keys_next(&keys, '\n', 0), KEY_NONE);
    CHECK_EQ(keys_next(&keys, '\n', 0), KEY_ENTER);
    CHECK_EQ(keys_next(&keys, '\r', 0), KEY_ENTER);
    CHECK_EQ(keys_next(&keys, '\r', 0), KEY_ENTER);
}

static void noise_ends_and_keys_go_on(void) {
    for (int i = 0; i < 2000; i++) {
        struct keys keys = {0};
        int64_t now = 0;
        for (int k = 0; k < 100; k++) {
            int key = keys_next(&keys, (uint8_t)check_random(), now += (int64_t)check_below(300));
            CHECK(key == KEY_NONE || key == KEY_REDRAW || (key >= ' ' && key <= '~') ||
                  (key >= KEY_UP && key <= KEY_OTHER));
            (void)keys_late(&keys, now);
        }
        (void)keys_late(&keys, now + KEYS_ESCAPE_MS);
        CHECK_EQ(keys_next(&keys, 'q', now + 999), 'q');
        (void)keys_next(&keys, 0x1B, 0);
        (void)keys_next(&keys, '[', 0);
        for (int k = 0; k < KEYS_SEQUENCE_BYTES + 1; k++) (void)keys_next(&keys, '9', 0);
        CHECK_EQ(keys_next(&keys, 'q', 0), 'q'); // an endless sequence ends
    }
}

int main(void) {
    CHECK_RUN(sequences_come_in_any_pieces);
    CHECK_RUN(an_escape_alone_is_the_key);
    CHECK_RUN(a_line_break_of_two_bytes_is_one_key);
    CHECK_RUN(noise_ends_and_keys_go_on);
    return check_done();
}
