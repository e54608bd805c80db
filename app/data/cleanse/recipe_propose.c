// A first recipe for a table, from its profile: readable, commented in both languages, and meant to
// be changed by a person. Direct columns become pseudonyms, personal data inside text is replaced,
// dates of people become coarser. A table without personal data gets only repairs.
#include "data/cleanse/operator_private.h"

struct proposal {
    const struct json *columns; // of the profile
    struct buf *out;
    bool personal; // the table is about people
};

static enum column_role role_of(const struct json *column) {
    enum column_role role = COLUMN_PLAIN;
    // What a person has confirmed goes before what was proposed.
    if (column_role_from_name(json_member_text(column, "role"), &role) && role != COLUMN_PLAIN) {
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

static bool has_personal_inside(const struct json *column) {
    return type_of(column) == COLUMN_TEXT && role_of(column) != COLUMN_DIRECT &&
           json_count(json_member(column, "personal")) > 0;
}

static bool contains(struct str name, const char *word) {
    struct str part = str_of(word);
    for (size_t at = 0; at + part.size <= name.size; at++) {
        if (str_equal((struct str){name.data + at, part.size}, part)) return true;
    }
    return false;
}

static bool is_date(const struct json *column) {
    return type_of(column) == COLUMN_DATE || type_of(column) == COLUMN_TIME;
}

static bool is_direct(const struct json *column) {
    return role_of(column) == COLUMN_DIRECT;
}

static bool is_quasi(const struct json *column) {
    return role_of(column) == COLUMN_QUASI;
}

static bool is_sensitive(const struct json *column) {
    return role_of(column) == COLUMN_SENSITIVE;
}

static bool is_birth(const struct json *column) {
    struct str name = json_member_text(column, "name");
    bool born = contains(name, "出生") || contains(name, "生日") || contains(name, "irth") ||
                contains(name, "BIRTH") || contains(name, "dob") || contains(name, "DOB");
    return is_date(column) && !is_direct(column) && born;
}

static bool is_other_date(const struct json *column) {
    return is_date(column) && !is_direct(column) && !is_birth(column);
}

static bool is_all_missing(const struct json *column) {
    return json_member_u64(column, "distinct", 1) == 0;
}

static uint32_t count_columns(const struct proposal *proposal,
                              bool (*wanted)(const struct json *)) {
    uint32_t count = 0;
    for (const struct json *one = json_first(proposal->columns); one; one = json_next(one)) {
        count += wanted(one);
    }
    return count;
}

// `before`, then the names of the wanted columns with commas; nothing if there are none.
static bool put_columns(const struct proposal *proposal, const char *before,
                        bool (*wanted)(const struct json *)) {
    if (count_columns(proposal, wanted) == 0) return false;
    bool first = true;
    buf_add_text(proposal->out, before);
    for (const struct json *one = json_first(proposal->columns); one; one = json_next(one)) {
        if (!wanted(one)) continue;
        if (!first) buf_add_char(proposal->out, ',');
        name_write(proposal->out, json_member_text(one, "name"));
        first = false;
    }
    return true;
}

static void put_roles(const struct proposal *proposal) {
    struct buf *out = proposal->out;
    bool any = count_columns(proposal, is_direct) || count_columns(proposal, is_quasi) ||
               count_columns(proposal, is_sensitive) ||
               count_columns(proposal, has_personal_inside);
    if (!any) return;
    buf_add_text(
        out,
        "\n# 各列的含义：直接标识、准标识、敏感、自由文本 / what columns mean for privacy\nfield");
    put_columns(proposal, " direct=", is_direct);
    put_columns(proposal, " quasi=", is_quasi);
    put_columns(proposal, " sensitive=", is_sensitive);
    put_columns(proposal, " text=", has_personal_inside);
    buf_add_char(out, '\n');
}

static void put_rows(const struct proposal *proposal, const struct json *profile) {
    struct buf *out = proposal->out;
    buf_add_text(out, "\n# 去除控制字符、不可见字符与首尾空白 / repair text\ndecode auto\n");
    if (count_columns(proposal, is_all_missing)) {
        buf_add_text(out, "\n# 去除全空的列 / columns without any value\ndrop missing>=1\n");
    }
    uint64_t duplicates = json_member_u64(json_member(profile, "duplicates"), "rows", 0);
    if (duplicates == 0) return;
    buf_add_text(out, "\n# 完全相同的行（如确属重复，去掉行首的 #）/ equal rows: ");
    buf_add_u64(out, duplicates);
    buf_add_text(out, "\n# dedup exact\n");
}

static void put_masks(const struct proposal *proposal) {
    struct buf *out = proposal->out;
    if (count_columns(proposal, is_direct)) {
        buf_add_text(out, "\n# 直接标识换成假名：同一人在全数据集中假名相同 / keyed pseudonyms\n");
        put_columns(proposal, "mask ", is_direct);
        buf_add_text(out, " how=pseudonym scope=dataset\n");
    }
    if (count_columns(proposal, has_personal_inside)) {
        buf_add_text(out, "\n# 文本中的证件号、手机号、银行卡号、邮箱 / identifiers inside text\n");
        put_columns(proposal, "mask text=", has_personal_inside);
        buf_add_text(out, " how=replace\n");
    }
    if (!proposal->personal) return;
    if (count_columns(proposal, is_birth)) {
        buf_add_text(out, "\n# 出生日期只留年 / the year of birth\n");
        put_columns(proposal, "date ", is_birth);
        buf_add_text(out, " coarsen=year\n");
    }
    if (count_columns(proposal, is_other_date)) {
        buf_add_text(out, "\n# 其他日期只留年月 / other dates to the month\n");
        put_columns(proposal, "date ", is_other_date);
        buf_add_text(out, " coarsen=month\n");
    }
}

enum err recipe_propose(const struct json *profile, struct buf *out, struct fault *fault) {
    struct proposal proposal = {json_member(profile, "columns"), out, false};
    if (!json_is_array(proposal.columns)) {
        return fault_set(fault, ERR_INPUT, "recipe.bad_profile", STR_NONE);
    }
    proposal.personal =
        count_columns(&proposal, is_direct) || count_columns(&proposal, has_personal_inside);
    buf_add_text(out, "recipe 1\n");
    put_roles(&proposal);
    put_rows(&proposal, profile);
    put_masks(&proposal);
    if (buf_err(out) != OK) return fault_set(fault, buf_err(out), "recipe.too_large", STR_NONE);
    return OK;
}
