// What stands for personal data must not look like personal data itself, whatever is around it.
#include "data/cleanse/conceal_private.h"

#include "check.h"

static struct conceal conceal_of(enum how how, uint8_t key_byte) {
    struct conceal conceal;
    struct hash key;
    memset(key.bytes, key_byte, sizeof key.bytes);
    conceal_start(&conceal, how, &key);
    return conceal;
}

static const char *concealed(const struct conceal *conceal, unsigned kind, const char *text) {
    static char out[256];
    struct buf buf = {.data = out, .room = sizeof out - 1, .cap_bytes = sizeof out - 1};
    conceal_write(conceal, kind, str_of(text), &buf);
    CHECK_EQ(buf_err(&buf), OK);
    out[buf.size] = '\0';
    return out;
}

static void pseudonyms_never_look_like_identifiers(void) {
    struct conceal conceal = conceal_of(HOW_PSEUDONYM, 3);
    for (int round = 0; round < 200000; round++) {
        char text[32], around[320];
        snprintf(text, sizeof text, "1%010u", (unsigned)check_below(1000000000));
        const char *name = concealed(&conceal, PERSONAL_MOBILE, text);
        snprintf(around, sizeof around, "电话%s 1234 5678", name);
        size_t hits = personal_scan(str_of(name), PERSONAL_IDENTIFIERS, NULL, 0) +
                      personal_scan(str_of(around), PERSONAL_IDENTIFIERS, NULL, 0);
        if (!check_that(hits == 0, __FILE__, __LINE__, "looks like one: %s", around)) return;
    }
}

static void pseudonyms_depend_on_key_and_kind(void) {
    struct conceal one = conceal_of(HOW_PSEUDONYM, 1), other = conceal_of(HOW_PSEUDONYM, 2);
    char first[64];
    snprintf(first, sizeof first, "%s", concealed(&one, PERSONAL_MOBILE, "+86 138-1234-5678"));
    CHECK_STR(concealed(&one, PERSONAL_MOBILE, "１３８１２３４５６７８"), first);
    CHECK(strcmp(concealed(&other, PERSONAL_MOBILE, "13812345678"), first) != 0);
    CHECK(strcmp(concealed(&one, KIND_UNKNOWN, "13812345678"), first) != 0);
    snprintf(first, sizeof first, "%s", concealed(&one, PERSONAL_EMAIL, "Zhang@Example.COM"));
    CHECK_STR(concealed(&one, PERSONAL_EMAIL, "zhang＠example.com"), first);
    // A value longer than what fits on the stack.
    char longer[1001];
    memset(longer, 'x', 1000);
    longer[1000] = '\0';
    CHECK_EQ(strlen(concealed(&one, KIND_UNKNOWN, longer)), PSEUDONYM_SIZE);
}

static void masks_show_little(void) {
    struct conceal conceal = conceal_of(HOW_MASK, 1);
    CHECK_STR(concealed(&conceal, PERSONAL_MOBILE, "13812345678"), "138****5678");
    CHECK_STR(concealed(&conceal, PERSONAL_MOBILE, "+86 138-1234-5678"), "+86 138-****-5678");
    CHECK_STR(concealed(&conceal, PERSONAL_ID, "110105 19491231 002X"), "110*** ******** 002X");
    CHECK_STR(concealed(&conceal, PERSONAL_CARD, "6222 0212 3456 7890"), "6222 **** **** 7890");
    CHECK_STR(concealed(&conceal, PERSONAL_EMAIL, "zhang@example.com"), "z***@example.com");
    CHECK_STR(concealed(&conceal, KIND_UNKNOWN, "王"), "*");
    CHECK_STR(concealed(&conceal, KIND_UNKNOWN, "王五"), "王*");
    CHECK_STR(concealed(&conceal, KIND_UNKNOWN, " 欧阳修 "), "欧**");
    CHECK_STR(concealed(&conceal, KIND_UNKNOWN, "北京市朝阳区某路"), "北******路");
}

int main(void) {
    CHECK_RUN(pseudonyms_never_look_like_identifiers);
    CHECK_RUN(pseudonyms_depend_on_key_and_kind);
    CHECK_RUN(masks_show_little);
    return check_done();
}
