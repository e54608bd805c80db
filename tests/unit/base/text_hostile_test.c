// Bytes that are no text in any encoding: nothing is lost silently, whatever the pieces, and a
// guess is made all the same.
#include "base/text.h"
#include "check.h"

enum { BYTES_MAX = 400 };

static size_t decode(enum encoding encoding, const uint8_t *bytes, size_t size, bool pieces,
                     char *out, struct decoder *decoder) {
    size_t done = 0, out_size = 0;
    decoder_start(decoder, encoding);
    do {
        size_t piece = pieces ? 1 + check_below(5) : size;
        if (piece > size - done) piece = size - done;
        bool last = done + piece == size;
        struct str in = {(const char *)bytes + done, piece};
        out_size += decoder_run(decoder, in, last, out + out_size);
        done += piece;
    } while (done < size);
    return out_size;
}

static size_t count_below(const uint8_t *bytes, size_t size, uint8_t limit) {
    size_t count = 0;
    for (size_t i = 0; i < size; i++) count += bytes[i] < limit;
    return count;
}

// Bytes that make pairs, halves of pairs and delimiters likely.
static size_t hostile_bytes(uint8_t *bytes) {
    static const uint8_t likely[] = {0x81, 0xFE, 0xFF, 0x80, 0xA1, 0x30, 0x39, 0x40,
                                     0x7E, 0x7F, ',',  '\n', 0xD8, 0xDC, 0x00, 0xE4,
                                     0xB8, 0xAD, 0xF4, 0x90, 0x88, 0x62};
    size_t size = 1 + check_below(BYTES_MAX - 1);
    for (size_t i = 0; i < size; i++) {
        bool any = check_below(3) == 0;
        bytes[i] = any ? (uint8_t)check_random() : likely[check_below(sizeof likely)];
    }
    return size;
}

static void counts_every_broken_sequence(void) {
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[BYTES_MAX];
        char whole[BYTES_MAX * 3 + 8], pieces[BYTES_MAX * 3 + 4096];
        size_t size = hostile_bytes(bytes);
        enum encoding encoding =
            (enum encoding)(ENCODING_UTF8 + check_below(ENCODING_COUNT - ENCODING_UTF8));
        struct decoder one, other;
        size_t whole_size = decode(encoding, bytes, size, false, whole, &one);
        size_t pieces_size = decode(encoding, bytes, size, true, pieces, &other);
        CHECK_BYTES(pieces, pieces_size, whole, whole_size);
        CHECK_EQ(other.invalid_count, one.invalid_count);
        CHECK_EQ(other.invalid_first, one.invalid_first);
        struct str text = {whole, whole_size};
        CHECK(utf8_valid(text));
        uint64_t replaced = 0;
        for (size_t at = 0; at < text.size;) replaced += utf8_next(text, &at) == 0xFFFD;
        CHECK(replaced >= one.invalid_count);
        if (one.invalid_count) CHECK(one.invalid_first < size);
        // A delimiter is never swallowed by half a pair: those bytes are in no pair.
        bool wide = encoding == ENCODING_UTF16LE || encoding == ENCODING_UTF16BE;
        if (wide) continue;
        CHECK_EQ(count_below((const uint8_t *)whole, whole_size, 0x30),
                 count_below(bytes, size, 0x30));
    }
}

static void guesses_all_the_same(void) {
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[BYTES_MAX];
        size_t size = hostile_bytes(bytes);
        double confidence = -1;
        bool whole = check_below(2);
        enum encoding guess = encoding_guess((struct str){(char *)bytes, size}, whole, &confidence);
        CHECK(guess > ENCODING_UNKNOWN && guess < ENCODING_COUNT);
        CHECK(confidence >= 0 && confidence <= 1);
    }
}

// "姓名,年龄,诊断\n王某,34,高血压病史十年，头痛三天\n" with one byte in forty broken.
static void knows_broken_gbk(void) {
    static const char gbk[] =
        "\xD0\xD5\xC3\xFB,\xC4\xEA\xC1\xE4,\xD5\xEF\xB6\xCF\n\xCD\xF5\xC4\xB3,34,\xB8\xDF\xD1\xAA"
        "\xD1\xB9\xB2\xA1\xCA\xB7\xCA\xAE\xC4\xEA\xA3\xAC\xCD\xB7\xCD\xB4\xC8\xFD\xCC\xEC\n";
    uint64_t right = 0, rounds = 200;
    for (uint64_t round = 0; round < rounds; round++) {
        char bytes[(sizeof gbk - 1) * 20];
        for (int i = 0; i < 20; i++) memcpy(bytes + i * (sizeof gbk - 1), gbk, sizeof gbk - 1);
        for (size_t i = 0; i < sizeof bytes / 40; i++) {
            bytes[check_below(sizeof bytes)] = (char)(0x80 + check_below(0x80));
        }
        double confidence;
        right += encoding_guess((struct str){bytes, sizeof bytes}, true, &confidence) ==
                 ENCODING_GB18030;
    }
    CHECK_EQ(right, rounds);
}

int main(void) {
    CHECK_RUN(counts_every_broken_sequence);
    CHECK_RUN(guesses_all_the_same);
    CHECK_RUN(knows_broken_gbk);
    return check_done();
}
