// What a password must be: long enough, not the person's name, not one that everybody tries first.
#include "base/text.h"
#include "people/people_private.h"

// Of ten characters and more, from the top of what is published of leaked passwords, here and
// abroad.
static const char *const COMMON[] = {
    "1234567890",   "12345678910",   "123456789a",    "a123456789",   "0123456789",
    "0987654321",   "1234567891",    "123456789abc",  "1q2w3e4r5t",   "1q2w3e4r5t6y",
    "1qaz2wsx3edc", "qwertyuiop",    "qwerty12345",   "qwerty123456", "qwertyuiop123",
    "asdfghjkl123", "password12",    "password123",   "password1234", "password12345",
    "passw0rd123",  "p@ssw0rd123",   "administrator", "admin12345",   "admin123456",
    "adminadmin",   "root123456",    "welcome123",    "welcome1234",  "iloveyou123",
    "woaini1314",   "woaini1314520", "woaini520520",  "5201314520",   "1314520520",
    "aa123456789",  "abc1234567",    "abc123456789",  "qq123456789",  "abcd123456",
    "abcd1234567",  "abcdefghij",    "letmein1234",   "changeme123",  "changeme1234",
    "courtyard123", "courtyard1",    "hospital123",   "hospital1234", "yiyuan123456",
    "mima123456",   "qwe123456789",  "zxcvbnm123",    "1122334455",   "1212121212",
    "147258369147", "1472583690",    "6666666666",    "8888888888",
};

// One character again and again, or each the next of the one before.
static bool is_run(struct str folded) {
    bool same = true, up = true, down = true;
    for (size_t i = 1; i < folded.size; i++) {
        int step = (unsigned char)folded.data[i] - (unsigned char)folded.data[i - 1];
        same = same && step == 0;
        up = up && step == 1;
        down = down && step == -1;
    }
    return same || up || down;
}

static bool holds(struct str text, struct str part) {
    for (size_t at = 0; at + part.size <= text.size; at++) {
        if (str_starts((struct str){text.data + at, text.size - at}, part)) return true;
    }
    return false;
}

// A name of a few letters may stand in a good password by chance.
static bool is_name(struct str folded, struct str name) {
    enum { TELLING_BYTES = 4 };
    struct buf text;
    buf_open(&text, 4 * LIMIT_NAME_BYTES);
    text_fold(name, &text);
    struct str part = buf_str(&text);
    bool is = buf_err(&text) == OK && part.size >= TELLING_BYTES && holds(folded, part) &&
              folded.size < 2 * part.size + 6;
    buf_close(&text);
    return is;
}

enum err password_rules(struct str password, struct str name, struct str display_name,
                        struct fault *fault) {
    if (password.size > PASSWORD_BYTES_MAX) {
        return fault_set(fault, ERR_LIMIT, "people.password_long", STR_NONE);
    }
    if (!utf8_valid(password) || utf8_count(password) < PASSWORD_BYTES_MIN) {
        return fault_set(fault, ERR_INPUT, "people.password_short", STR_NONE);
    }
    struct buf text;
    buf_open(&text, 4 * PASSWORD_BYTES_MAX);
    text_fold(password, &text);
    enum err err = buf_err(&text);
    struct str folded = buf_str(&text);
    bool common = is_run(folded);
    for (size_t i = 0; i < sizeof COMMON / sizeof COMMON[0]; i++) {
        common = common || str_is(folded, COMMON[i]);
    }
    if (err != OK) {
        err = fault_set(fault, err, "base.no_memory", STR_NONE);
    } else if (common) {
        err = fault_set(fault, ERR_INPUT, "people.password_common", STR_NONE);
    } else if (is_name(folded, name) || is_name(folded, display_name)) {
        err = fault_set(fault, ERR_INPUT, "people.password_name", STR_NONE);
    }
    bytes_wipe(text.data, text.size);
    buf_close(&text);
    return err;
}
