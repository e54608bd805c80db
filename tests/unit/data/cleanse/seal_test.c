// What is sealed opens as it was, whatever it was; nothing else opens; no detector sees anything in
// a sealed value.
#include "data/cleanse/seal_private.h"

#include "base/text.h"
#include "check.h"
#include "data/detect/detect.h"

static struct hash secret_of(uint8_t byte) {
    struct hash secret;
    memset(secret.bytes, byte, sizeof secret.bytes);
    return secret;
}

static struct seal_key key_of(uint8_t byte) {
    struct seal_key key;
    struct hash secret = secret_of(byte);
    seal_key_set(&key, &secret);
    return key;
}

// Random characters of all lengths in UTF-8, brackets of ours among them.
static void random_text(struct buf *out, size_t characters) {
    static const uint32_t few[] = {0x27E6, 0x27E7, 'G', 'H', '1', ' ', 0x5F20, 0};
    for (size_t i = 0; i < characters; i++) {
        uint32_t c = few[check_below(8)];
        if (check_below(3) == 0) c = (uint32_t)check_below(0x110000);
        if (c >= 0xD800 && c < 0xE000) c = 'x';
        char bytes[4];
        buf_add(out, bytes, utf8_put(bytes, c));
    }
}

static void opens_what_it_sealed(void) {
    struct seal_key key = key_of(1), other = key_of(2);
    struct buf text, token, back;
    buf_open(&text, 1 << 20), buf_open(&token, 1 << 22), buf_open(&back, 1 << 20);
    for (size_t round = 0; round < 600; round++) {
        buf_clear(&text), buf_clear(&token), buf_clear(&back);
        random_text(&text, round < 300 ? round : check_below(5000));
        struct seal_spot spot = {round, 1, 2};
        seal_write(&key, round % 2 ? &spot : NULL, (uint8_t)(round % 6), buf_str(&text), &token);
        struct seal_found found;
        REQUIRE(seal_find(buf_str(&token), 0, &found));
        CHECK(found.start == 0 && found.size == token.size);
        CHECK(memcmp(found.mark, key.mark, sizeof key.mark) == 0);
        uint8_t type = 99;
        CHECK_EQ(seal_open(&other, buf_str(&token), &type, &back), ERR_NOT_FOUND);
        CHECK_EQ(seal_open(&key, buf_str(&token), &type, &back), OK);
        CHECK_EQ(type, round % 6);
        CHECK(str_equal(buf_str(&back), buf_str(&text)));
        if (token.size > 2000) continue;
        CHECK_EQ(personal_scan(buf_str(&token), PERSONAL_IDENTIFIERS, NULL, 0), 0);
    }
    buf_close(&text), buf_close(&token), buf_close(&back);
}

static void says_which_are_equal_only_if_asked(void) {
    struct seal_key key = key_of(1);
    struct buf a, b, c, d;
    buf_open(&a, 1000), buf_open(&b, 1000), buf_open(&c, 1000), buf_open(&d, 1000);
    seal_write(&key, NULL, 0, STR("张三"), &a);
    seal_write(&key, NULL, 0, STR("张三"), &b);
    seal_write(&key, &(struct seal_spot){1, 0, 0}, 0, STR("张三"), &c);
    seal_write(&key, &(struct seal_spot){2, 0, 0}, 0, STR("张三"), &d);
    CHECK(str_equal(buf_str(&a), buf_str(&b)));
    CHECK(!str_equal(buf_str(&a), buf_str(&c)));
    CHECK(!str_equal(buf_str(&c), buf_str(&d)));
    buf_close(&a), buf_close(&b), buf_close(&c), buf_close(&d);
}

// A file of the sealed may come back in other letters; changed it does not open.
static void knows_what_was_changed(void) {
    struct seal_key key = key_of(1);
    struct buf token, back;
    buf_open(&token, 1000), buf_open(&back, 1000);
    seal_write(&key, NULL, 0, STR("13812345678"), &token);
    for (size_t i = 3; i + 3 < token.size; i++) {
        char kept = token.data[i];
        struct seal_found found;
        uint8_t type;
        token.data[i] = kept == 'G' ? 'H' : 'G';
        bool is_one = seal_find(buf_str(&token), 0, &found);
        CHECK(!is_one || seal_open(&key, buf_str(&token), &type, &back) == ERR_NOT_FOUND);
        CHECK_EQ(back.size, 0);
        token.data[i] = (char)(kept | 0x20);
        REQUIRE(seal_find(buf_str(&token), 0, &found));
        CHECK_EQ(seal_open(&key, buf_str(&token), &type, &back), OK);
        buf_clear(&back);
        token.data[i] = kept;
    }
    buf_close(&token), buf_close(&back);
}

static void finds_only_what_is_whole(void) {
    static const char *const none[] = {
        "", "⟦", "⟦⟧", "⟦GH⟧", "⟦GHJKLMNPQRSTVWXZ⟧", "⟦G H⟧", "x⟦GG⟦GG⟧", "⟧GHJ⟦", "\xE2\x9F"};
    struct seal_found found;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        CHECK(!seal_find(str_of(none[i]), 0, &found));
    }
    struct seal_key key = key_of(1);
    struct buf text;
    buf_open(&text, 1000);
    buf_add_text(&text, "前⟦HG");
    seal_write(&key, NULL, 0, STR("x"), &text);
    buf_add_text(&text, "⟧后");
    REQUIRE(seal_find(buf_str(&text), 0, &found));
    CHECK_EQ(found.start, 8);
    CHECK_EQ(found.start + found.size, text.size - 6);
    buf_close(&text);
}

static void tells_the_key_by_its_mark(void) {
    struct hash one = secret_of(1), two = secret_of(2);
    uint8_t first[SEAL_MARK_BYTES], second[SEAL_MARK_BYTES];
    key_mark(&one, first), key_mark(&two, second);
    CHECK(memcmp(first, second, sizeof first) != 0);
    struct seal_key key = key_of(2);
    struct unmask_counts counts = {0};
    struct buf text, back;
    buf_open(&text, 1000), buf_open(&back, 1000);
    buf_add_text(&text, "患者");
    seal_write(&key, NULL, 0, STR("张三"), &text);
    CHECK_EQ(unmask_text(&one, buf_str(&text), &back, &counts), OK);
    CHECK(str_equal(buf_str(&back), buf_str(&text)));
    CHECK_EQ(counts.foreign, 1);
    CHECK(memcmp(counts.foreign_mark, second, sizeof second) == 0);
    buf_clear(&back);
    CHECK_EQ(unmask_text(&two, buf_str(&text), &back, &counts), OK);
    CHECK(str_equal(buf_str(&back), STR("患者张三")));
    CHECK_EQ(counts.opened, 1);
    buf_close(&text), buf_close(&back);
}

int main(void) {
    CHECK_RUN(opens_what_it_sealed);
    CHECK_RUN(says_which_are_equal_only_if_asked);
    CHECK_RUN(knows_what_was_changed);
    CHECK_RUN(finds_only_what_is_whole);
    CHECK_RUN(tells_the_key_by_its_mark);
    return check_done();
}
