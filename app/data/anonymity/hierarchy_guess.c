// What a column's values are, for a hierarchy: each kind reads them, the first that reads nearly
// all is guessed.
#include <string.h>

#include "base/number.h"
#include "data/anonymity/hierarchy_private.h"
#include "data/regions/regions.h"

enum {
    GUESS_VALUES = 2000, // values looked at
    GUESS_SHARE = 95,    // of them, in the hundred, must be of the kind
    REGION_ROOM = 16,
};

// ---- regions ------------------------------------------------------------------------------------

// A code of six digits; one of 9 or 12 (towns, villages) by its first six.
static bool region_from_code(struct str text, uint32_t *out) {
    uint64_t code;
    if ((text.size != 6 && text.size != 9 && text.size != 12) ||
        !str_to_u64((struct str){text.data, 6}, &code) || !region_issued((uint32_t)code)) {
        return false;
    }
    *out = (uint32_t)code;
    return true;
}

// By name: a path of names, or one name. *sure: there is only one such division.
static bool region_from_name(struct str text, uint32_t *out, bool *sure) {
    struct region found[REGION_ROOM];
    size_t count = region_find(text, 0, found, REGION_ROOM);
    if (count > 0) {
        *out = found[0].code;
        *sure = count == 1 || found[1].withdrawn;
        return true;
    }
    struct region last;
    if (region_path(text, &last) != text.size || text.size == 0) return false;
    *out = last.code;
    *sure = true;
    return true;
}

static uint32_t province_of(uint32_t code) {
    return code / 10000 * 10000;
}

// A county's city; a city, and a county right below its province, are their own.
static uint32_t city_of(uint32_t code) {
    if (region_level(code) != REGION_COUNTY) return code;
    uint32_t parent = region_parent(code);
    return parent ? parent : province_of(code);
}

// Where most of the sure ones lie, an unsure name lies too: 鼓楼区 among the districts of Nanjing.
static void settle_region(const struct making *making, struct meaning *meaning) {
    struct region found[REGION_ROOM];
    size_t count = region_find(meaning->text, 0, found, REGION_ROOM);
    if (count > REGION_ROOM) count = REGION_ROOM;
    uint64_t best = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t near = found[i].withdrawn ? 0 : 1;
        for (uint32_t k = 0; k < making->count && k < GUESS_VALUES; k++) {
            const struct meaning *other = &making->meanings[k];
            if (!other->known || other->number == 0) continue;
            near += city_of(other->region) == city_of(found[i].code) ? 1000 : 0;
            near += province_of(other->region) == province_of(found[i].code) ? 10 : 0;
        }
        if (near > best) {
            best = near;
            meaning->region = found[i].code;
        }
    }
}

static void read_regions(struct making *making) {
    for (uint32_t i = 0; i < making->count; i++) {
        struct meaning *meaning = &making->meanings[i];
        bool sure = true;
        meaning->coded = region_from_code(meaning->text, &meaning->region);
        meaning->known = meaning->coded || region_from_name(meaning->text, &meaning->region, &sure);
        meaning->number = meaning->known && sure ? meaning->region : 0;
    }
    for (uint32_t i = 0; i < making->count; i++) {
        struct meaning *meaning = &making->meanings[i];
        if (meaning->known && meaning->number == 0) settle_region(making, meaning);
    }
    for (uint32_t i = 0; i < making->count; i++) {
        making->meanings[i].number = making->meanings[i].region;
    }
}

void region_name_write(const struct meaning *meaning, uint32_t level, struct buf *out) {
    uint32_t province = province_of(meaning->region);
    uint32_t code = level == 1 ? city_of(meaning->region) : province;
    if (meaning->coded) {
        buf_printf(out, "%06u", code);
        return;
    }
    struct region region;
    if (code != province && region_of(province, &region)) buf_add_str(out, region.name);
    if (region_of(code, &region)) buf_add_str(out, region.name);
}

// ---- reading by a rule --------------------------------------------------------------------------

static void read_date(struct making *making, struct meaning *meaning) {
    int64_t seconds;
    if (date_parse(meaning->text, &meaning->days)) {
        meaning->known = true;
        meaning->number = (double)meaning->days * 86400;
    } else if (time_parse(meaning->text, &seconds)) {
        meaning->known = making->timed = true;
        meaning->days = seconds / 86400 - (seconds % 86400 < 0);
        meaning->number = (double)seconds;
    }
}

static void read_number(struct making *making, struct meaning *meaning) {
    const struct hierarchy_rule *rule = &making->rule;
    double most = rule->kind == HIERARCHY_AGE ? 200 : 1e15;
    // A number of more than 1e15 of the narrowest width keeps itself.
    if (rule->step_count && rule->steps[0] < 1) most *= rule->steps[0];
    meaning->known = number_parse(meaning->text, &meaning->number) && meaning->number <= most &&
                     meaning->number >= -most;
    if (!meaning->known) {
        meaning->number = 0;
    } else if (meaning->number != (double)(int64_t)meaning->number) {
        making->whole = false;
    }
}

void meanings_read(struct making *making, const struct str *values) {
    making->whole = making->same_length = true;
    making->timed = false;
    size_t length = 0;
    for (uint32_t i = 0; i < making->count; i++) {
        struct meaning *meaning = &making->meanings[i];
        *meaning = (struct meaning){.text = values[i], .index = i};
        if (values[i].size == 0) continue;
        size_t here = utf8_count(values[i]);
        if (length && here != length) making->same_length = false;
        length = here;
        switch (making->rule.kind) {
        case HIERARCHY_DATE: read_date(making, meaning); break;
        case HIERARCHY_AGE:
        case HIERARCHY_NUMBER: read_number(making, meaning); break;
        case HIERARCHY_PREFIX: meaning->known = true; break;
        default: break;
        }
    }
    if (making->rule.kind == HIERARCHY_REGION) read_regions(making);
}

// ---- guessing -----------------------------------------------------------------------------------

static bool is_letter(struct str text, size_t at) {
    char c = at < text.size ? text.data[at] : '\0';
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Letters must stand alone: an age is in "patient_age", none in "percentage".
static bool name_holds(struct str name, const char *const *words) {
    for (; *words; words++) {
        size_t size = strlen(*words);
        for (size_t at = 0; at + size <= name.size; at++) {
            if (memcmp(name.data + at, *words, size) != 0) continue;
            bool alone = (at == 0 || !is_letter(name, at - 1)) && !is_letter(name, at + size);
            if ((uint8_t) * *words >= 0x80 || alone) return true;
        }
    }
    return false;
}

struct looked {
    uint32_t values, numbers, ages, dates, regions, codes, digits, icd;
    size_t length;
    bool same_length;
};

// I10, E11.9, C34.100: the codes of diagnoses.
static bool is_icd(struct str text) {
    if (text.size < 3 || text.size > 10 || text.data[0] < 'A' || text.data[0] > 'Z') return false;
    for (size_t i = 1; i < text.size; i++) {
        char c = text.data[i];
        bool digit = c >= '0' && c <= '9';
        if (i == 3 ? c != '.' : i < 3 ? !digit : !digit && c != 'x' && c != '+' && c != '*') {
            return false;
        }
    }
    return true;
}

static void look_at(struct looked *looked, struct str text) {
    double number;
    int64_t whole;
    uint32_t region;
    bool sure, digits = true, alphanumeric = true;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        digits &= c >= '0' && c <= '9';
        alphanumeric &= (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                        (c >= 'a' && c <= 'z') || c == '.' || c == '-';
    }
    if (looked->values && looked->length != text.size) looked->same_length = false;
    looked->length = text.size;
    looked->values++;
    bool is_number = number_parse(text, &number);
    looked->numbers += is_number;
    looked->ages += is_number && number >= 0 && number <= 150;
    looked->dates +=
        !(digits && text.size < 8) && (date_parse(text, &whole) || time_parse(text, &whole));
    looked->regions += region_from_code(text, &region) ||
                       (!alphanumeric && region_from_name(text, &region, &sure));
    looked->digits += digits;
    looked->codes += alphanumeric;
    looked->icd += is_icd(text);
}

static bool nearly_all(const struct looked *looked, uint32_t count) {
    return looked->values > 0 && (uint64_t)count * 100 >= (uint64_t)looked->values * GUESS_SHARE;
}

static enum hierarchy_kind guess_kind(struct str name, enum column_type type,
                                      const struct looked *looked, bool *icd) {
    static const char *const ages[] = {"年龄", "岁", "age", "Age", "AGE", NULL};
    static const char *const posts[] = {"邮编", "邮政", "zip", "Zip", "ZIP", "post", "Post", NULL};
    static const char *const regions[] = {"区", "县", "市", "省", "籍贯", "地", "region", NULL};
    *icd = false;
    if (type == COLUMN_DATE || type == COLUMN_TIME) return HIERARCHY_DATE;
    if (type == COLUMN_BOOLEAN || looked->values == 0) return HIERARCHY_FLAT;
    if (nearly_all(looked, looked->ages) && name_holds(name, ages)) return HIERARCHY_AGE;
    bool post = name_holds(name, posts) && looked->same_length;
    if (post && nearly_all(looked, looked->codes)) return HIERARCHY_PREFIX;
    bool number = type == COLUMN_INTEGER || type == COLUMN_NUMBER;
    if (nearly_all(looked, looked->regions) && (!number || name_holds(name, regions))) {
        return HIERARCHY_REGION;
    }
    if (nearly_all(looked, looked->dates)) return HIERARCHY_DATE;
    if (nearly_all(looked, looked->icd)) {
        *icd = true;
        return HIERARCHY_PREFIX;
    }
    if (looked->values <= 8) return HIERARCHY_FLAT;
    if (number) return HIERARCHY_NUMBER;
    bool fixed = looked->same_length && looked->length >= 4 && looked->length <= 18;
    if (fixed && nearly_all(looked, looked->codes)) return HIERARCHY_PREFIX;
    return nearly_all(looked, looked->numbers) ? HIERARCHY_NUMBER : HIERARCHY_FLAT;
}

struct hierarchy_rule hierarchy_guess(struct str name, enum column_type type,
                                      const struct str *values, uint32_t count) {
    struct looked looked = {.same_length = true};
    uint32_t step = count / GUESS_VALUES + 1;
    for (uint32_t i = 0; i < count; i += step) {
        if (values[i].size) look_at(&looked, values[i]);
    }
    bool icd;
    struct hierarchy_rule rule = {.kind = guess_kind(name, type, &looked, &icd)};
    if (icd) {
        rule.steps[0] = 3;
        rule.steps[1] = 1;
        rule.step_count = 2;
    }
    return rule;
}
