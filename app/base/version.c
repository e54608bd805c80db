#include "base/version.h"

#include "base/assert.h"

enum { PARTS = 3 }; // major, minor, patch

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_number(struct str text) {
    for (size_t i = 0; i < text.size; i++) {
        if (!is_digit(text.data[i])) return false;
    }
    return text.size > 0;
}

// A number of the order has no leading zeros.
static bool is_plain_number(struct str text) {
    return is_number(text) && (text.size == 1 || text.data[0] != '0');
}

static bool is_identifier(struct str text) {
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !is_digit(c) && c != '-') return false;
    }
    return text.size > 0;
}

// Blank-free identifiers between dots; those of a pre-release that are numbers are plain ones.
static bool are_identifiers(struct str list, bool ordered) {
    struct str rest = list;
    do {
        struct str one = str_cut(rest, '.', &rest);
        if (!is_identifier(one)) return false;
        if (ordered && is_number(one) && !is_plain_number(one)) return false;
    } while (rest.data);
    return true;
}

struct version {
    struct str parts[PARTS];
    struct str before; // the pre-release; data NULL: none
};

static bool version_split(struct str text, struct version *out) {
    struct str build, rest;
    if (text.size == 0 || text.size > VERSION_BYTES_MAX) return false;
    text = str_cut(text, '+', &build);
    if (build.data && !are_identifiers(build, false)) return false;
    rest = str_cut(text, '-', &out->before);
    if (out->before.data && !are_identifiers(out->before, true)) return false;
    for (int i = 0; i < PARTS; i++) {
        if (!rest.data) return false;
        out->parts[i] = str_cut(rest, '.', &rest);
        if (!is_plain_number(out->parts[i])) return false;
    }
    return rest.data == NULL;
}

bool version_is_one(struct str text) {
    struct version version;
    return version_split(text, &version);
}

// Numbers without leading zeros: the longer one is the larger one.
static int number_compare(struct str one, struct str other) {
    if (one.size != other.size) return one.size < other.size ? -1 : 1;
    return str_compare(one, other);
}

static int identifier_compare(struct str one, struct str other) {
    bool one_number = is_number(one), other_number = is_number(other);
    if (one_number && other_number) return number_compare(one, other);
    if (one_number != other_number) return one_number ? -1 : 1;
    return str_compare(one, other);
}

// A release comes after all of its pre-releases.
static int before_compare(struct str one, struct str other) {
    if (!one.data || !other.data) return (other.data != NULL) - (one.data != NULL);
    for (;;) {
        int order = identifier_compare(str_cut(one, '.', &one), str_cut(other, '.', &other));
        if (order != 0) return order;
        if (!one.data || !other.data) return (one.data != NULL) - (other.data != NULL);
    }
}

int version_compare(struct str one, struct str other) {
    struct version a, b;
    bool good = version_split(one, &a) && version_split(other, &b);
    cy_assert(good);
    for (int i = 0; i < PARTS; i++) {
        int order = number_compare(a.parts[i], b.parts[i]);
        if (order != 0) return order;
    }
    return before_compare(a.before, b.before);
}
