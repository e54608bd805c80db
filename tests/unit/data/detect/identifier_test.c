// Identifiers: known numbers, and the divisions in force.
#include "data/detect/identifier_private.h"

#include "check.h"

static size_t digits_of(const char *text, uint8_t out[20]) {
    size_t count = 0;
    for (; text[count]; count++) {
        out[count] = text[count] == 'X' ? 10 : (uint8_t)(text[count] - '0');
    }
    return count;
}

static bool id_valid(const char *text) {
    uint8_t digit[20];
    return digits_of(text, digit) == 18 && resident_id_valid(digit);
}

static void knows_resident_ids(void) {
    CHECK(id_valid("11010519491231002X")); // the example of GB 11643-1999
    CHECK(id_valid("440524188001010014")); // its other example
    CHECK(!id_valid("110105194912310020"));
    CHECK(!id_valid("1101051949123100X2"));
    CHECK(!id_valid("440524190002290013")); // 1900 was no leap year
    CHECK(!id_valid("440524175001010016"));
    CHECK(id_valid("500103198001010016")); // Chongqing: the one province code that ends in 0
}

static bool old_valid(const char *text) {
    uint8_t digit[20];
    return digits_of(text, digit) == 15 && resident_id_old_valid(digit);
}

static void knows_old_resident_ids(void) {
    CHECK(old_valid("110105491231002"));
    CHECK(!old_valid("110105491301002"));
    CHECK(!old_valid("190105491231002"));
    CHECK(!old_valid("110100491231002"));
}

static bool card_is(const char *text, bool context) {
    uint8_t digit[20];
    size_t count = digits_of(text, digit);
    return card_valid(digit, count, context);
}

static void knows_cards(void) {
    CHECK(card_is("4111111111111111", false));
    CHECK(card_is("5555555555554444", false));
    CHECK(card_is("378282246310005", false));
    CHECK(card_is("3530111333300000", false));
    CHECK(card_is("6222021234567890128", false));
    CHECK(!card_is("30569309025904", false)); // a length that only a word nearby makes a card
    CHECK(card_is("30569309025904", true));
    CHECK(!card_is("4111111111111112", true));
    CHECK(!card_is("0000000000000000", true));
    CHECK(!card_is("411111111111", true));
}

static void one_wrong_digit_fails_luhn(void) {
    for (int round = 0; round < 5000; round++) {
        uint8_t digit[19];
        size_t count = 13 + check_below(7);
        for (size_t i = 0; i < count; i++) digit[i] = (uint8_t)check_below(10);
        while (!luhn_valid(digit, count)) digit[0] = (uint8_t)((digit[0] + 1) % 10);
        size_t at = check_below(count);
        digit[at] = (uint8_t)((digit[at] + 1 + check_below(9)) % 10);
        REQUIRE(!luhn_valid(digit, count));
    }
}

// Every county-level division in force is a place an ID can come from.
static void accepts_all_divisions(void) {
    const char *data = getenv("COURTYARD_DATA");
    char path[1024], row[512];
    snprintf(path, sizeof path, "%s/names_places/dist__areas.csv", data ? data : "../shared/data");
    FILE *file = fopen(path, "r");
    if (!file) CHECK_SKIP("no shared data");
    unsigned seen = 0;
    while (fgets(row, sizeof row, file)) {
        const char *start = row + (row[0] == '"');
        if (strspn(start, "0123456789") < 6 || memcmp(start, "71", 2) == 0) continue;
        char text[32];
        snprintf(text, sizeof text, "%.6s19800101001", start);
        uint8_t digit[20];
        digits_of(text, digit);
        digit[17] = resident_id_check_digit(digit);
        check_that(resident_id_valid(digit), __FILE__, __LINE__, "refused: %.6s", start);
        seen++;
    }
    fclose(file);
    CHECK(seen > 2800);
}

int main(void) {
    CHECK_RUN(knows_resident_ids);
    CHECK_RUN(knows_old_resident_ids);
    CHECK_RUN(knows_cards);
    CHECK_RUN(one_wrong_digit_fails_luhn);
    CHECK_RUN(accepts_all_divisions);
    return check_done();
}
