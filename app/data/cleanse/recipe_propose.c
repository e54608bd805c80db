// What the columns of a profile are for a proposal, and the names a line gives them.
#include "data/cleanse/recipe_propose_private.h"

enum { PROSE_LENGTH = 12 }; // characters on the average, from which on text is sentences

// By an earlier recipe: pseudonyms are not made once more of pseudonyms.
static bool is_treated(const struct json *column) {
    struct str treatment = json_member_text(column, "treatment");
    return treatment.size && !str_is(treatment, "none") && !str_is(treatment, "text_masked");
}

static enum column_role role_of(const struct json *column) {
    enum column_role role = COLUMN_PLAIN;
    // What a person has confirmed goes before what was proposed.
    if (column_role_from_name(json_member_text(column, "role"), &role) &&
        (role != COLUMN_PLAIN || is_treated(column))) {
        return role;
    }
    (void)column_role_from_name(json_member_text(column, "role_proposed"), &role);
    return role;
}

static enum column_type type_of(const struct json *column) {
    enum column_type type = COLUMN_TEXT;
    (void)column_type_from_name(json_member_text(column, "type"), &type);
    return type;
}

static bool contains(struct str name, const char *word) {
    struct str part = str_of(word);
    for (size_t at = 0; at + part.size <= name.size; at++) {
        if (str_equal((struct str){name.data + at, part.size}, part)) return true;
    }
    return false;
}

static bool contains_any(struct str name, const char *const *words) {
    for (; *words; words++) {
        if (contains(name, *words)) return true;
    }
    return false;
}

static bool is_date(const struct json *column) {
    return type_of(column) == COLUMN_DATE || type_of(column) == COLUMN_TIME;
}

bool column_is_direct(const struct json *column) {
    return role_of(column) == COLUMN_DIRECT;
}

bool column_is_quasi(const struct json *column) {
    return role_of(column) == COLUMN_QUASI;
}

bool column_is_sensitive(const struct json *column) {
    return role_of(column) == COLUMN_SENSITIVE;
}

bool column_is_birth(const struct json *column) {
    static const char *const words[] = {"出生", "生日", "irth", "BIRTH", "dob", "DOB", NULL};
    return is_date(column) && !column_is_direct(column) &&
           contains_any(json_member_text(column, "name"), words);
}

bool column_is_other_date(const struct json *column) {
    return is_date(column) && !column_is_direct(column) && !column_is_birth(column);
}

bool column_is_all_missing(const struct json *column) {
    return json_member_u64(column, "distinct", 1) == 0;
}

bool column_has_personal_inside(const struct json *column) {
    return type_of(column) == COLUMN_TEXT && role_of(column) != COLUMN_DIRECT &&
           !is_treated(column) && json_count(json_member(column, "personal")) > 0;
}

bool column_is_prose(const struct json *column) {
    if (type_of(column) != COLUMN_TEXT || column_is_direct(column)) return false;
    if (column_has_personal_inside(column)) return true;
    // In a column of words the commonest one stands more often than there are words.
    const struct json *top = json_first(json_member(column, "top"));
    bool varied = json_member_u64(top, "count", 1) <= json_member_u64(column, "distinct", 0);
    return varied && json_member_number(column, "length_mean", 0) >= PROSE_LENGTH;
}

bool column_is_age(const struct json *column) {
    static const char *const words[] = {"年龄", "周岁", "age", "Age", "AGE", NULL};
    static const char *const others[] = {"stage", "Stage", "page", "Page", "dosage", "image", NULL};
    struct str name = json_member_text(column, "name");
    bool number = type_of(column) == COLUMN_INTEGER || type_of(column) == COLUMN_NUMBER;
    return number && contains_any(name, words) && !contains_any(name, others);
}

bool column_numbers_people(const struct json *column) {
    static const char *const words[] = {"患者",   "病人", "住院号", "病案号", "病历号",
                                        "身份证", "证件", "医保",   "就诊卡", "登记号",
                                        "ID",     "id",   NULL};
    struct str kind = json_member_text(json_first(json_member(column, "personal")), "kind");
    return str_is(kind, "id") || str_is(kind, "mrn") || str_is(kind, "insurance") ||
           (contains_any(json_member_text(column, "name"), words) &&
            !contains(json_member_text(column, "name"), "姓名"));
}

bool column_is_checked(const struct json *column) {
    const struct json *found = json_first(json_member(column, "personal"));
    if (!str_is(json_member_text(found, "where"), "whole")) return false;
    struct str kind = json_member_text(found, "kind");
    return str_is(kind, "id") || str_is(kind, "uscc") || str_is(kind, "card");
}

uint32_t columns_count(const struct proposal *proposal, column_test *wanted) {
    uint32_t count = 0;
    for (const struct json *one = json_first(proposal->columns); one; one = json_next(one)) {
        count += wanted(one);
    }
    return count;
}

bool columns_put(const struct proposal *proposal, struct buf *line, const char *before,
                 column_test *wanted) {
    bool any = false;
    for (const struct json *one = json_first(proposal->columns); one; one = json_next(one)) {
        if (!wanted(one)) continue;
        if (any) {
            buf_add_char(line, ',');
        } else {
            buf_add_text(line, before);
        }
        name_write(line, json_member_text(one, "name"));
        any = true;
    }
    return any;
}
