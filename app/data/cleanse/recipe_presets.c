// A first recipe for a table, from its profile: readable, commented in both languages, and meant to
// be changed by a person. A preset is a choice among the pieces below; a piece is left out where
// the table gives it nothing to do, and a line that this program's operators do not take is never
// written. Where several pieces say the same in better and worse ways, the first that is taken
// counts.
#include <string.h>

#include "data/cleanse/recipe_propose_private.h"

enum {
    CUSTOM = 1 << PRESET_CUSTOM,
    CLINICAL = 1 << PRESET_CLINICAL,
    STATISTICS = 1 << PRESET_STATISTICS,
    CORPUS = 1 << PRESET_CORPUS,
    TABLES = CLINICAL | STATISTICS,
    ALL = CUSTOM | TABLES | CORPUS,
    LINE_BYTES_MAX = 128 * 1024,
};

static const char *const preset_names[PRESET_COUNT] = {"custom", "clinical", "statistics",
                                                       "corpus"};

bool recipe_preset_from_name(struct str name, enum recipe_preset *out) {
    for (int i = 0; i < PRESET_COUNT; i++) {
        if (!str_is(name, preset_names[i])) continue;
        *out = (enum recipe_preset)i;
        return true;
    }
    return false;
}

void recipe_presets_write(struct json_writer *out) {
    static const enum recipe_preset order[] = {PRESET_CLINICAL, PRESET_STATISTICS, PRESET_CORPUS,
                                               PRESET_CUSTOM};
    json_open_array(out);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        char room[64];
        struct buf key = {.data = room, .room = sizeof room, .cap_bytes = sizeof room};
        buf_add_text(&key, "preset.");
        buf_add_text(&key, preset_names[order[i]]);
        json_open_object(out);
        json_set_text(out, "name", str_of(preset_names[order[i]]));
        json_set_text(out, "text_key", buf_str(&key));
        buf_add_text(&key, ".hint");
        json_set_text(out, "hint_key", buf_str(&key));
        json_close_object(out);
    }
    json_close_array(out);
}

// ---- what the lines say ----------------------------------------------------------------------

// Each writes its line and says whether the table has anything for it.
typedef bool line_writer(const struct proposal *proposal, struct buf *line);

static bool put_fields(const struct proposal *proposal, struct buf *line) {
    bool prose = proposal->preset == PRESET_CLINICAL || proposal->preset == PRESET_CORPUS;
    buf_add_text(line, "field");
    bool any = columns_put(proposal, line, " direct=", column_is_direct);
    any |= columns_put(proposal, line, " quasi=", column_is_quasi);
    any |= columns_put(proposal, line, " sensitive=", column_is_sensitive);
    any |=
        columns_put(proposal, line, " text=", prose ? column_is_prose : column_has_personal_inside);
    return any;
}

static bool put_decode(const struct proposal *proposal, struct buf *line) {
    (void)proposal;
    buf_add_text(line, "decode auto");
    return true;
}

static bool put_decode_repair(const struct proposal *proposal, struct buf *line) {
    (void)proposal;
    buf_add_text(line, "decode auto mojibake");
    return true;
}

static bool put_html(const struct proposal *proposal, struct buf *line) {
    return columns_put(proposal, line, "html ", column_is_prose);
}

static bool put_normalise(const struct proposal *proposal, struct buf *line) {
    buf_add_text(line, "normalise text control width punct space lines nfc");
    return columns_count(proposal, column_is_prose) > 0;
}

static bool put_all_missing(const struct proposal *proposal, struct buf *line) {
    buf_add_text(line, "drop missing>=1");
    return columns_count(proposal, column_is_all_missing) > 0;
}

static bool put_ages(const struct proposal *proposal, struct buf *line) {
    bool any = columns_put(proposal, line, "check ", column_is_age);
    buf_add_text(line, ":0..130");
    return any;
}

static bool put_checked(const struct proposal *proposal, struct buf *line) {
    buf_add_text(line, "check");
    bool any = false;
    for (const struct json *one = json_first(proposal->columns); one; one = json_next(one)) {
        if (!column_is_checked(one)) continue;
        const struct json *found = json_first(json_member(one, "personal"));
        buf_add_char(line, ' ');
        name_write(line, json_member_text(one, "name"));
        buf_add_char(line, ':');
        buf_add_str(line, json_member_text(found, "kind"));
        any = true;
    }
    return any;
}

static bool put_drop_prose(const struct proposal *proposal, struct buf *line) {
    return columns_put(proposal, line, "drop columns=", column_is_prose);
}

static bool put_quality(const struct proposal *proposal, struct buf *line) {
    bool any = columns_put(proposal, line, "drop text=", column_is_prose);
    buf_add_text(line, " len<10 han<.30 repeat>.30");
    return any;
}

static bool put_quality_bare(const struct proposal *proposal, struct buf *line) {
    buf_add_text(line, "drop len<10 han<.30 repeat>.30");
    return columns_count(proposal, column_is_prose) > 0;
}

static bool put_words(const struct proposal *proposal, struct buf *line) {
    static const char *const start = "words risk31-sample action=drop columns=";
    return columns_put(proposal, line, start, column_is_prose);
}

static bool put_words_bare(const struct proposal *proposal, struct buf *line) {
    buf_add_text(line, "words risk31-sample action=drop");
    return columns_count(proposal, column_is_prose) > 0;
}

static bool put_dedup_near(const struct proposal *proposal, struct buf *line) {
    bool any = columns_put(proposal, line, "dedup near jaccard=.80 by=", column_is_prose);
    return any;
}

static bool put_dedup_near_bare(const struct proposal *proposal, struct buf *line) {
    buf_add_text(line, "dedup near jaccard=.80");
    return columns_count(proposal, column_is_prose) > 0;
}

static bool put_dedup_exact(const struct proposal *proposal, struct buf *line) {
    buf_add_text(line, "dedup exact");
    return json_member_u64(json_member(proposal->profile, "duplicates"), "rows", 0) > 0;
}

static bool put_pseudonyms(const struct proposal *proposal, struct buf *line) {
    bool any = columns_put(proposal, line, "mask ", column_is_direct);
    buf_add_text(line, " how=pseudonym scope=dataset");
    return any;
}

static bool put_removed(const struct proposal *proposal, struct buf *line) {
    bool any = columns_put(proposal, line, "mask ", column_is_direct);
    buf_add_text(line, " how=remove");
    return any;
}

static bool put_inside(const struct proposal *proposal, struct buf *line) {
    bool any = columns_put(proposal, line, "mask text=", column_has_personal_inside);
    buf_add_text(line, " how=replace");
    return any;
}

static bool put_prose(const struct proposal *proposal, struct buf *line) {
    bool any = columns_put(proposal, line, "mask text=", column_is_prose);
    buf_add_text(line, " how=replace");
    return any;
}

static bool put_births(const struct proposal *proposal, struct buf *line) {
    bool any = columns_put(proposal, line, "date ", column_is_birth);
    buf_add_text(line, " coarsen=year");
    return any && proposal->personal;
}

static bool put_months(const struct proposal *proposal, struct buf *line) {
    bool any = columns_put(proposal, line, "date ", column_is_other_date);
    buf_add_text(line, " coarsen=month");
    return any && proposal->personal;
}

static bool put_quarters(const struct proposal *proposal, struct buf *line) {
    bool any = columns_put(proposal, line, "date ", column_is_other_date);
    buf_add_text(line, " coarsen=quarter");
    return any && proposal->personal;
}

// By a column that tells persons apart, best by a number; else by the first direct one.
static bool put_shift(const struct proposal *proposal, struct buf *line) {
    const struct json *person = NULL, *one = json_first(proposal->columns);
    for (; one; one = json_next(one)) {
        if (!column_is_direct(one)) continue;
        bool better = column_numbers_people(one) && (!person || !column_numbers_people(person));
        if (!person || better) person = one;
    }
    if (!person || !columns_put(proposal, line, "date ", column_is_other_date)) return false;
    buf_add_text(line, " shift per=");
    name_write(line, json_member_text(person, "name"));
    buf_add_text(line, " window=180");
    return true;
}

static bool put_kanon(const struct proposal *proposal, struct buf *line) {
    buf_add_text(line, proposal->preset == PRESET_STATISTICS ? "kanon k=10" : "kanon k=5");
    if (columns_count(proposal, column_is_sensitive)) buf_add_text(line, " l=2");
    buf_add_text(line, " suppress<=.02");
    return columns_count(proposal, column_is_quasi) > 0;
}

static bool put_noise(const struct proposal *proposal, struct buf *line) {
    bool any = columns_put(proposal, line, "noise by=", column_is_quasi);
    buf_add_text(line, " epsilon=1");
    return any;
}

static bool put_sample(const struct proposal *proposal, struct buf *line) {
    (void)proposal;
    buf_add_text(line, "sample manual=4000 technical=.10");
    return true;
}

static bool put_pack(const struct proposal *proposal, struct buf *line) {
    (void)proposal;
    buf_add_text(line, "pack format=csv");
    return true;
}

// ---- the pieces --------------------------------------------------------------------------------

enum taken { MUST, OFFER }; // OFFER: as a comment; a person takes the # away
struct piece {
    uint32_t presets;
    const char *comment; // NULL: that of the piece before
    line_writer *write;
    enum taken taken;
    bool instead; // only if the piece before was not written
};

static const struct piece pieces[] = {
    {ALL, "各列的含义：直接标识、准标识、敏感、自由文本 / what columns mean for privacy",
     put_fields, MUST, false},
    {CORPUS, "修复乱码、控制字符、不可见字符与首尾空白 / repair text and its encoding",
     put_decode_repair, MUST, false},
    {ALL & ~CORPUS, "去除控制字符、不可见字符与首尾空白 / repair text", put_decode, MUST, false},
    {CORPUS, NULL, put_decode, MUST, true},
    {CORPUS, "去除网页标记，只留正文 / HTML to text", put_html, MUST, false},
    {CORPUS, "统一全角半角与标点 / width and punctuation", put_normalise, MUST, false},
    {ALL, "去除全空的列 / columns without any value", put_all_missing, MUST, false},
    {TABLES, "年龄应在 0 到 130 之间 / ages", put_ages, MUST, false},
    {TABLES, "证件号与校验位不符的会写入报告 / identifiers with a wrong check digit", put_checked,
     MUST, false},
    {STATISTICS, "统计用不到自由文本 / statistics need no free text", put_drop_prose, MUST, false},
    {CORPUS, "去除太短、汉字太少、重复太多的文本 / text of low quality", put_quality, MUST, false},
    {CORPUS, NULL, put_quality_bare, MUST, true},
    {CORPUS,
     "按词库去除违法不良的文本（示例词库，请换成自己的）/ keywords: a sample, put in your own",
     put_words, MUST, false},
    {CORPUS, NULL, put_words_bare, MUST, true},
    {CORPUS, "去除近似重复的文本，保留第一条 / near duplicates", put_dedup_near, MUST, false},
    {CORPUS, NULL, put_dedup_near_bare, MUST, true},
    {CORPUS, "去除完全相同的行 / equal rows", put_dedup_exact, MUST, true},
    {ALL & ~CORPUS, "完全相同的行（如确属重复，去掉行首的 #）/ equal rows", put_dedup_exact, OFFER,
     false},
    // Before the pseudonyms: a shift is per person, and the person's number is still there.
    {CLINICAL, "日期按人平移，同一人的间隔不变 / dates shifted per person", put_shift, MUST, false},
    {CLINICAL, "日期只留年月 / dates to the month", put_months, MUST, true},
    {CUSTOM, "日期只留年月 / dates to the month", put_months, MUST, false},
    {STATISTICS, "日期只留到季度 / dates to the quarter", put_quarters, MUST, false},
    {CUSTOM | TABLES, "出生日期只留年 / the year of birth", put_births, MUST, false},
    {CUSTOM | CLINICAL, "直接标识换成假名：同一人在全数据集中假名相同 / keyed pseudonyms",
     put_pseudonyms, MUST, false},
    {STATISTICS | CORPUS, "去除直接标识的列 / columns that name people go", put_removed, MUST,
     false},
    {CUSTOM, "文本中的证件号、手机号、银行卡号、邮箱 / identifiers inside text", put_inside, MUST,
     false},
    {CLINICAL | CORPUS, "文本中的个人信息换成类别 / personal data inside text", put_prose, MUST,
     false},
    {TABLES, "让每个人混在至少 k 个相同的人之中 / k-anonymity", put_kanon, MUST, false},
    {STATISTICS, "要发布计数时：加差分隐私噪声（去掉行首的 #）/ noisy counts", put_noise, OFFER,
     false},
    {CORPUS, "人工与技术抽检的样本 / samples for review", put_sample, MUST, false},
    {ALL & ~CUSTOM, "打包并签名 / pack and sign", put_pack, OFFER, false},
};

// ---- the proposal ------------------------------------------------------------------------------

static enum err schema_of(struct proposal *proposal) {
    uint32_t count = (uint32_t)json_count(proposal->columns);
    struct schema *schema = &proposal->schema;
    schema->fields = ARENA_ARRAY(proposal->arena, struct field, count + 1);
    if (!schema->fields) return ERR_MEMORY;
    for (const struct json *one = json_first(proposal->columns); one; one = json_next(one)) {
        struct field *field = &schema->fields[schema->count++];
        *field = (struct field){.name = json_member_text(one, "name")};
        (void)column_type_from_name(json_member_text(one, "type"), &field->type);
        (void)column_role_from_name(json_member_text(one, "role"), &field->role);
    }
    return OK;
}

// Whether the operators of this program take the line for this table.
static enum err try_line(const struct proposal *proposal, struct buf *scratch, struct str line,
                         bool *out_taken) {
    struct recipe *recipe;
    struct fault fault = {0};
    *out_taken = false;
    if (proposal->schema.count == 0) return OK;
    buf_clear(scratch);
    buf_add_text(scratch, "recipe 1\n");
    buf_add_str(scratch, line);
    if (buf_err(scratch) != OK) return buf_err(scratch);
    enum err err = recipe_parse(buf_str(scratch), &proposal->schema, NULL, NULL, &recipe, &fault);
    if (err == ERR_INPUT) return OK;
    if (err != OK) return err;
    recipe_close(recipe);
    *out_taken = true;
    return OK;
}

static enum err put_pieces(struct proposal *proposal, struct buf *line, struct buf *scratch) {
    struct buf *out = proposal->out;
    const char *comment = "";
    bool done = false; // this thing has been said
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        const struct piece *piece = &pieces[i];
        if (!(piece->presets & (1u << proposal->preset))) continue;
        if (piece->comment) comment = piece->comment;
        if (!piece->instead) done = false;
        buf_clear(line);
        if (done || !piece->write(proposal, line)) continue;
        bool taken;
        enum err err = try_line(proposal, scratch, buf_str(line), &taken);
        if (err != OK) return err;
        if (!taken) continue;
        buf_add_text(out, "\n# ");
        buf_add_text(out, comment);
        buf_add_text(out, piece->taken == OFFER ? "\n# " : "\n");
        buf_add_str(out, buf_str(line));
        buf_add_char(out, '\n');
        done = true;
    }
    return OK;
}

enum err recipe_propose(const struct json *profile, enum recipe_preset preset, struct buf *out,
                        struct fault *fault) {
    struct proposal proposal = {.profile = profile,
                                .columns = json_member(profile, "columns"),
                                .out = out,
                                .preset = preset};
    if (!json_is_array(proposal.columns)) {
        return fault_set(fault, ERR_INPUT, "recipe.bad_profile", STR_NONE);
    }
    proposal.personal = columns_count(&proposal, column_is_direct) ||
                        columns_count(&proposal, column_has_personal_inside);
    enum err err = arena_open(LIMIT_RECIPE_ARENA_BYTES, &proposal.arena);
    if (err == OK) err = schema_of(&proposal);
    if (err == OK) {
        struct buf line, scratch;
        buf_open(&line, LINE_BYTES_MAX);
        buf_open(&scratch, LINE_BYTES_MAX);
        buf_add_text(out, "recipe 1\n");
        err = put_pieces(&proposal, &line, &scratch);
        buf_close(&line);
        buf_close(&scratch);
    }
    arena_close(proposal.arena);
    if (err == ERR_MEMORY) return fault_set(fault, err, "base.no_memory", STR("recipe"));
    if (err != OK) return fault_set(fault, err, "recipe.too_large", STR_NONE);
    if (buf_err(out) != OK) return fault_set(fault, buf_err(out), "recipe.too_large", STR_NONE);
    return OK;
}
