// Published vectors, and what holds for every key and text.
#include "base/cipher.h"

#include "base/crypto.h"
#include "check.h"

static size_t bytes_of(const char *hex, uint8_t *out) {
    size_t count = 0;
    for (; hex[0] && hex[1]; hex += hex[2] == ' ' ? 3 : 2) {
        char pair[3] = {hex[0], hex[1], 0};
        out[count++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return count;
}

static struct str text_of(const char *hex, uint8_t *room) {
    size_t size = bytes_of(hex, room);
    return (struct str){(const char *)room, size};
}

static void siv_as_published(void) { // RFC 5297, appendix A
    static const struct {
        const char *key, *associated[3], *text, *sealed;
    } cases[] = {
        {"fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
         {"101112131415161718191a1b1c1d1e1f2021222324252627"},
         "112233445566778899aabbccddee",
         "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"},
        {"7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f",
         {"00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100",
          "102030405060708090a0", "09f911029d74e35bd84156c5635688c0"},
         "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d"
         "414553",
         "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17dba77ceb094fa663b7a3f748"
         "ba8af829ea64ad544a272e9c485b62a3fd5c0d"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t secret[64], rooms[3][64], plain[64], want[80], got[80], back[64];
        struct str associated[3], text = text_of(cases[i].text, plain);
        size_t count = 0;
        for (; count < 3 && cases[i].associated[count]; count++) {
            associated[count] = text_of(cases[i].associated[count], rooms[count]);
        }
        struct siv_key key;
        siv_key_set(&key, secret, bytes_of(cases[i].key, secret));
        siv_seal(&key, associated, count, text, got);
        size_t size = bytes_of(cases[i].sealed, want);
        CHECK_EQ(size, text.size + SIV_TAG_BYTES);
        CHECK(memcmp(got, want, size) == 0);
        CHECK(siv_open(&key, associated, count, (struct str){(const char *)got, size}, back));
        CHECK(memcmp(back, text.data, text.size) == 0);
    }
}

static void siv_opens_only_what_it_sealed(void) {
    uint8_t secret[SIV_KEY_BYTES], plain[100], sealed[116], back[100];
    struct siv_key key;
    for (size_t i = 0; i < sizeof secret; i++) secret[i] = (uint8_t)check_below(256);
    siv_key_set(&key, secret, sizeof secret);
    for (size_t size = 0; size <= sizeof plain; size++) {
        for (size_t i = 0; i < size; i++) plain[i] = (uint8_t)check_below(256);
        struct str label = STR("label"), text = {(const char *)plain, size};
        struct str whole = {(const char *)sealed, size + SIV_TAG_BYTES};
        siv_seal(&key, &label, 1, text, sealed);
        REQUIRE(siv_open(&key, &label, 1, whole, back));
        REQUIRE(memcmp(back, plain, size) == 0);
        CHECK(!siv_open(&key, &label, 0, whole, back));
        size_t flipped = check_below(whole.size);
        sealed[flipped] ^= (uint8_t)(1u << check_below(8));
        CHECK(!siv_open(&key, &label, 1, whole, back));
        for (size_t i = 0; i < size; i++) CHECK(back[i] == 0);
    }
    CHECK(!siv_open(&key, NULL, 0, STR("short"), back));
}

static const char *ff1(const char *key_hex, const char *tweak_hex, const char *digits, bool back) {
    static char out[64];
    uint8_t secret[32], tweak[64], values[64];
    struct ff1_key key;
    size_t count = strlen(digits);
    ff1_key_set(&key, secret, bytes_of(key_hex, secret));
    for (size_t i = 0; i < count; i++) values[i] = (uint8_t)(digits[i] - '0');
    struct str text = text_of(tweak_hex, tweak);
    if (back) {
        ff1_decrypt(&key, text, values, count);
    } else {
        ff1_encrypt(&key, text, values, count);
    }
    for (size_t i = 0; i < count; i++) out[i] = (char)('0' + values[i]);
    out[count] = '\0';
    return out;
}

static void ff1_as_published(void) { // NIST's samples 1, 2, 4, 5, 7, 8 of FF1
    static const char *const keys[] = {
        "2B7E151628AED2A6ABF7158809CF4F3C", "2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F",
        "2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94"};
    static const char *const plain[] = {"2433477484", "2830668132", "6657667009"};
    static const char *const tweaked[] = {"6124200773", "2496655549", "1001623463"};
    for (int i = 0; i < 3; i++) {
        CHECK_STR(ff1(keys[i], "", "0123456789", false), plain[i]);
        CHECK_STR(ff1(keys[i], "39383736353433323130", "0123456789", false), tweaked[i]);
        CHECK_STR(ff1(keys[i], "39383736353433323130", tweaked[i], true), "0123456789");
    }
}

static void ff1_goes_back(void) {
    uint8_t secret[32] = {1}, digits[FF1_DIGITS_MOST], kept[FF1_DIGITS_MOST];
    struct ff1_key key;
    ff1_key_set(&key, secret, sizeof secret);
    for (size_t count = FF1_DIGITS_LEAST; count <= FF1_DIGITS_MOST; count++) {
        for (size_t i = 0; i < count; i++) digits[i] = (uint8_t)check_below(10);
        memcpy(kept, digits, count);
        ff1_encrypt(&key, STR("tweak"), digits, count);
        for (size_t i = 0; i < count; i++) REQUIRE(digits[i] < 10);
        CHECK(memcmp(kept, digits, count) != 0);
        ff1_decrypt(&key, STR("tweak"), digits, count);
        CHECK(memcmp(kept, digits, count) == 0);
    }
}

int main(void) {
    CHECK_RUN(siv_as_published);
    CHECK_RUN(siv_opens_only_what_it_sealed);
    CHECK_RUN(ff1_as_published);
    CHECK_RUN(ff1_goes_back);
    return check_done();
}
