// Published vectors: FIPS 180-4 examples and NIST's long message, RFC 4231 (HMAC), RFC 7914 (PBKDF2
// with SHA-256) and the CPU's path against the plain one at every size.
#include "base/crypto_private.h"
#include "check.h"

static const char *hex(struct hash hash) {
    static char text[4][SHA256_HEX_SIZE];
    static int next;
    char *out = text[next++ & 3];
    hash_hex(&hash, out);
    return out;
}

static void sha256_vectors(void) {
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrl"
         "mnopqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str text = str_of(cases[i].text);
        CHECK_STR(hex(sha256_of(text.data, text.size)), cases[i].want);
        CHECK_STR(hex(sha256_reference(text.data, text.size)), cases[i].want);
    }
}

static void sha256_million(void) {
    char piece[1000];
    memset(piece, 'a', sizeof piece);
    struct sha256 ctx;
    sha256_start(&ctx);
    for (int i = 0; i < 1000; i++) sha256_add(&ctx, piece, sizeof piece);
    CHECK_STR(hex(sha256_finish(&ctx)),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void cpu_path_is_the_reference(void) {
    uint8_t data[700];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)check_random();
    for (size_t size = 0; size <= sizeof data; size++) {
        struct hash want = sha256_reference(data, size);
        struct hash got = sha256_of(data, size);
        CHECK(hash_equal(&got, &want));
        // In pieces of random size, the address unaligned.
        struct sha256 ctx;
        sha256_start(&ctx);
        for (size_t at = 0; at < size;) {
            size_t piece = check_below(130);
            if (piece > size - at) piece = size - at;
            sha256_add(&ctx, data + at, piece);
            at += piece;
        }
        got = sha256_finish(&ctx);
        CHECK(hash_equal(&got, &want));
    }
}

static void hex_both_ways(void) {
    struct hash hash = sha256_of("x", 1), back;
    char text[SHA256_HEX_SIZE];
    hash_hex(&hash, text);
    CHECK(hash_from_hex(str_of(text), &back));
    CHECK(hash_equal(&hash, &back));
    CHECK(!hash_from_hex((struct str){text, 63}, &back));
    text[5] = 'G';
    CHECK(!hash_from_hex(str_of(text), &back));
    text[5] = 'A';
    CHECK(!hash_from_hex(str_of(text), &back));
    CHECK(!hash_from_hex(STR_NONE, &back));
}

static void hmac_vectors(void) {
    static const char key_1[20] = {11, 11, 11, 11, 11, 11, 11, 11, 11, 11,
                                   11, 11, 11, 11, 11, 11, 11, 11, 11, 11};
    CHECK_STR(hex(hmac_sha256((struct str){key_1, 20}, STR("Hi There"))),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    CHECK_STR(hex(hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"))),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    char key_6[131];
    memset(key_6, 0xaa, sizeof key_6);
    struct str long_key = {key_6, sizeof key_6};
    CHECK_STR(
        hex(hmac_sha256(long_key, STR("Test Using Larger Than Block-Size Key - Hash Key First"))),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    struct hmac_key key;
    hmac_key_set(&key, STR("Jefe"));
    for (int i = 0; i < 2; i++) { // the key stays usable
        CHECK_STR(hex(hmac_with(&key, STR("what do ya want for nothing?"))),
                  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}

static void pbkdf2_vectors(void) {
    // RFC 7914, section 11: the first half of each 64-byte output.
    CHECK_STR(hex(pbkdf2_sha256(STR("passwd"), STR("salt"), 1)),
              "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
    CHECK_STR(hex(pbkdf2_sha256(STR("Password"), STR("NaCl"), 80000)),
              "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56");
    CHECK_STR(hex(pbkdf2_sha256(STR("password"), STR("salt"), 4096)),
              "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a");
}

static void pbkdf2_of_any_size(void) {
    // RFC 7914, section 11, all 64 bytes.
    static const uint8_t want[64] = {
        0x55, 0xac, 0x04, 0x6e, 0x56, 0xe3, 0x08, 0x9f, 0xec, 0x16, 0x91, 0xc2, 0x25,
        0x44, 0xb6, 0x05, 0xf9, 0x41, 0x85, 0x21, 0x6d, 0xde, 0x04, 0x65, 0xe6, 0x8b,
        0x9d, 0x57, 0xc2, 0x0d, 0xac, 0xbc, 0x49, 0xca, 0x9c, 0xcc, 0xf1, 0x79, 0xb6,
        0x45, 0x99, 0x16, 0x64, 0xb3, 0x9d, 0x77, 0xef, 0x31, 0x7c, 0x71, 0xb8, 0x45,
        0xb1, 0xe3, 0x0b, 0xd5, 0x09, 0x11, 0x20, 0x41, 0xd3, 0xa1, 0x97, 0x83};
    for (size_t size = 1; size <= sizeof want; size++) {
        uint8_t got[sizeof want + 1] = {0};
        got[size] = 0x5A;
        pbkdf2_sha256_fill(STR("passwd"), STR("salt"), 1, got, size);
        CHECK_BYTES(got, size, want, size);
        CHECK_EQ(got[size], 0x5A);
    }
}

static void passwords(void) {
    char stored[PASSWORD_STORED_SIZE], again[PASSWORD_STORED_SIZE];
    password_store(STR("correct horse"), stored);
    password_store(STR("correct horse"), again);
    CHECK(strcmp(stored, again) != 0);
    CHECK(str_starts(str_of(stored), STR("pbkdf2-sha256$600000$")));
    CHECK(password_check(STR("correct horse"), str_of(stored)));
    CHECK(!password_check(STR("correct horsf"), str_of(stored)));
    CHECK(!password_check(STR(""), str_of(stored)));
}

static void malformed_password_is_as_slow(void) {
    static const char *const bad[] = {
        "", "x", "pbkdf2-sha256$600000$00$00", "md5$1$00112233445566778899aabbccddeeff$00",
        "pbkdf2-sha256$4000000000$00112233445566778899aabbccddeeff$"
        "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"};
    char stored[PASSWORD_STORED_SIZE];
    password_store(STR("secret"), stored);
    clock_t start = clock();
    CHECK(!password_check(STR("wrong"), str_of(stored)));
    clock_t good = clock() - start;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        start = clock();
        CHECK(!password_check(STR("secret"), str_of(bad[i])));
        clock_t took = clock() - start;
        CHECK(took * 3 > good && took < good * 3 + CLOCKS_PER_SEC / 50);
    }
}

static void random_is_spread(void) {
    char code[13];
    unsigned seen[256] = {0};
    for (int i = 0; i < 1000; i++) {
        random_code(code, 12);
        CHECK_EQ(strlen(code), 12);
        for (int j = 0; j < 12; j++) seen[(uint8_t)code[j]]++;
    }
    unsigned letters = 0;
    for (int c = 0; c < 256; c++) {
        if (!seen[c]) continue;
        letters++;
        CHECK(strchr("abcdefghijkmnpqrstuvwxyz23456789", c) != NULL);
        CHECK(seen[c] > 200 && seen[c] < 600); // 375 are expected, the deviation is 19
    }
    CHECK_EQ(letters, 32);
    CHECK(bytes_equal("abc", "abc", 3));
    CHECK(!bytes_equal("abc", "abd", 3));
    char wiped[5] = "abcd";
    bytes_wipe(wiped, sizeof wiped);
    CHECK_BYTES(wiped, 5, "\0\0\0\0\0", 5);
}

static void a_short_code_fits_as_it_is_typed(void) {
    static const char *const right[] = {"abcd-efgh-2345", "ABCDEFGH2345", " abcd efgh 2345 ",
                                        "a-b-c-d-e-f-g-h-2-3-4-5"};
    static const char *const wrong[] = {"",
                                        "-",
                                        "abcd-efgh-234",
                                        "abcd-efgh-23456",
                                        "abcd-efgh-2346",
                                        "bbcd-efgh-2345",
                                        "abcd_efgh_2345"};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        CHECK(short_code_fits("abcd-efgh-2345", str_of(right[i])));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK(!short_code_fits("abcd-efgh-2345", str_of(wrong[i])));
    }
    CHECK(!short_code_fits("abcd-efgh-2345", (struct str){"abcd-efgh-234\0", 14}));
    char code[SHORT_CODE_SIZE], other[SHORT_CODE_SIZE];
    short_code_make(code);
    short_code_make(other);
    CHECK(short_code_is_one(str_of(code)));
    CHECK(!short_code_is_one(STR("abcd-efgh-234")));
    CHECK(!short_code_is_one(STR("abcdefgh-2345x")));
    CHECK(short_code_fits(code, str_of(code)));
    CHECK(!short_code_fits(code, str_of(other)));
}

int main(void) {
    CHECK_RUN(a_short_code_fits_as_it_is_typed);
    CHECK_RUN(sha256_vectors);
    CHECK_RUN(sha256_million);
    CHECK_RUN(cpu_path_is_the_reference);
    CHECK_RUN(hex_both_ways);
    CHECK_RUN(hmac_vectors);
    CHECK_RUN(pbkdf2_vectors);
    CHECK_RUN(pbkdf2_of_any_size);
    CHECK_RUN(passwords);
    CHECK_RUN(malformed_password_is_as_slow);
    CHECK_RUN(random_is_spread);
    return check_done();
}
