// Signatures: a published vector, PEM there and back, and what must not verify.
#include "base/sign.h"

#include "check.h"

static void bytes_of(const char *hex, uint8_t *out) {
    for (size_t i = 0; hex[2 * i]; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
}

// RFC 6979, A.2.5: P-256, SHA-256, message "sample".
static void signs_as_published(void) {
    struct sign_key key;
    uint8_t want[SIGNATURE_BYTES], got[SIGNATURE_BYTES];
    bytes_of("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721", key.secret);
    bytes_of("0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
             "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
             key.open.point);
    bytes_of("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
             "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
             want);
    struct hash hash = sha256_of("sample", 6);
    CHECK_EQ(sign_hash(&key, &hash, got), OK);
    CHECK(memcmp(got, want, sizeof got) == 0);
    CHECK(verify_hash(&key.open, &hash, got));
}

static void only_what_was_signed_verifies(void) {
    struct sign_key key, other;
    uint8_t signature[SIGNATURE_BYTES];
    REQUIRE(sign_key_make(&key) == OK && sign_key_make(&other) == OK);
    struct hash hash = sha256_of("abc", 3), wrong = sha256_of("abd", 3);
    REQUIRE(sign_hash(&key, &hash, signature) == OK);
    CHECK(verify_hash(&key.open, &hash, signature));
    CHECK(!verify_hash(&key.open, &wrong, signature));
    CHECK(!verify_hash(&other.open, &hash, signature));
    for (int i = 0; i < SIGNATURE_BYTES; i++) {
        signature[i] ^= 1;
        CHECK(!verify_hash(&key.open, &hash, signature));
        signature[i] ^= 1;
    }
    struct verify_key bad = key.open;
    bad.point[40] ^= 1; // no point of the curve
    CHECK(!verify_hash(&bad, &hash, signature));
    memset(signature, 0, sizeof signature);
    CHECK(!verify_hash(&key.open, &hash, signature));
}

static void keys_travel_as_pem(void) {
    struct sign_key key, back;
    struct verify_key open;
    struct buf pem;
    buf_open(&pem, 4096);
    REQUIRE(sign_key_make(&key) == OK);
    CHECK_EQ(sign_key_write(&key, &pem), OK);
    CHECK(str_starts(buf_str(&pem), STR("-----BEGIN EC PRIVATE KEY-----")));
    CHECK_EQ(sign_key_read(buf_str(&pem), &back), OK);
    CHECK(memcmp(&key, &back, sizeof key) == 0);
    CHECK_EQ(verify_key_read(buf_str(&pem), &open), ERR_INPUT);
    buf_clear(&pem);
    CHECK_EQ(verify_key_write(&key.open, &pem), OK);
    CHECK(str_starts(buf_str(&pem), STR("-----BEGIN PUBLIC KEY-----")));
    CHECK_EQ(verify_key_read(buf_str(&pem), &open), OK);
    CHECK(memcmp(&key.open, &open, sizeof open) == 0);
    CHECK_EQ(sign_key_read(buf_str(&pem), &back), ERR_INPUT);
    CHECK_EQ(sign_key_read(STR("no key"), &back), ERR_INPUT);
    CHECK_EQ(sign_key_read(STR_NONE, &back), ERR_INPUT);
    // What openssl genpkey writes.
    CHECK_EQ(sign_key_read(STR("-----BEGIN PRIVATE KEY-----\n"
                               "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgya+p2EW6dRZrXCFX\n"
                               "Z7HWk05Qw9s26JsSe4piKxIPZyGhRANCAARg/tS6JVqdMclh63TGNW1owEm4kjth\n"
                               "+mzmaWIuYPKftnkD/hAIuLyZpBrp6VYovGTy8bIMLX6fUXejwpTURiKZ\n"
                               "-----END PRIVATE KEY-----\n"),
                           &back),
             OK);
    CHECK_EQ(back.secret[0], 0xC9);
    buf_close(&pem);
}

int main(void) {
    CHECK_RUN(signs_as_published);
    CHECK_RUN(only_what_was_signed_verifies);
    CHECK_RUN(keys_travel_as_pem);
    return check_done();
}
