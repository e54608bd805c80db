// From segments to a text: what the tagger finds segment by segment, forms ("姓名：…"), the address
// grammar, and every further place where a name stands that was found once.
#include <stdlib.h>
#include <string.h>

#include "data/detect/tagger_private.h"

struct list {
    struct personal_hit *spans;
    size_t count, room; // count goes on beyond room
};

static void add(struct list *list, struct personal_hit span) {
    if (list->count < list->room) list->spans[list->count] = span;
    list->count++;
}

static size_t kept(const struct list *list) {
    return list->count < list->room ? list->count : list->room;
}

static uint32_t end_of(struct personal_hit span) {
    return span.start + span.size;
}

// One UTF-8 character of the text, white space and signs included; empty at the end.
static struct str character(struct str text, size_t at) {
    if (at >= text.size) return (struct str){text.data + text.size, 0};
    size_t size = 1;
    while (at + size < text.size && size < 4 && (text.data[at + size] & 0xC0) == 0x80) size++;
    return (struct str){text.data + at, size};
}

static bool is_one_of(struct str one, const char *characters) {
    return one.size > 0 && memmem(characters, strlen(characters), one.data, one.size) != NULL;
}

static bool is_digit(struct str one) {
    return (one.size == 1 && one.data[0] >= '0' && one.data[0] <= '9') ||
           (one.size == 3 && memcmp(one.data, "０", 3) >= 0 && memcmp(one.data, "９", 3) <= 0);
}

static bool is_han(struct str one) {
    return one.size == 4 || (one.size == 3 && (unsigned char)one.data[0] >= 0xE4 &&
                             (unsigned char)one.data[0] <= 0xE9);
}

// Letters and digits alone are no name: a code, a bed, a sample.
static bool has_han(struct str text) {
    for (size_t at = 0; at < text.size; at += character(text, at).size) {
        if (is_han(character(text, at))) return true;
    }
    return false;
}

// ---- forms --------------------------------------------------------------------------------------

struct label {
    const char *word;
    enum personal_kind kind;
};
// What stands before a colon and says what stands behind it.
static const struct label labels[] = {
    {"姓名", PERSONAL_NAME},
    {"名字", PERSONAL_NAME},
    {"联系人", PERSONAL_NAME},
    {"监护人", PERSONAL_NAME},
    {"医师", PERSONAL_NAME},
    {"护士", PERSONAL_NAME},
    {"签名", PERSONAL_NAME},
    {"签字", PERSONAL_NAME},
    {"助手", PERSONAL_NAME},
    {"经办人", PERSONAL_NAME},
    {"申请人", PERSONAL_NAME},
    {"负责人", PERSONAL_NAME},
    {"代表人", PERSONAL_NAME},
    {"收件人", PERSONAL_NAME},
    {"寄件人", PERSONAL_NAME},
    {"户主", PERSONAL_NAME},
    {"户名", PERSONAL_NAME},
    {"报警人", PERSONAL_NAME},
    {"当事人", PERSONAL_NAME},
    {"嫌疑人", PERSONAL_NAME},
    {"被告人", PERSONAL_NAME},
    {"投保人", PERSONAL_NAME},
    {"被保险人", PERSONAL_NAME},
    {"受益人", PERSONAL_NAME},
    {"持卡人", PERSONAL_NAME},
    {"借款人", PERSONAL_NAME},
    {"来电人", PERSONAL_NAME},
    {"投诉人", PERSONAL_NAME},
    {"反映人", PERSONAL_NAME},
    {"审核者", PERSONAL_NAME},
    {"检验者", PERSONAL_NAME},
    {"记录者", PERSONAL_NAME},
    {"记录人", PERSONAL_NAME},
    {"住址", PERSONAL_ADDRESS},
    {"地址", PERSONAL_ADDRESS},
    {"籍贯", PERSONAL_ADDRESS},
    {"出生地", PERSONAL_ADDRESS},
    {"户籍地", PERSONAL_ADDRESS},
    {"居住地", PERSONAL_ADDRESS},
    {"所在地", PERSONAL_ADDRESS},
    {"工作单位", PERSONAL_ORGANISATION},
};

static const struct label *label_before(struct str text, size_t colon) {
    struct str before = {text.data, colon};
    while (str_ends(before, STR(" "))) before.size--;
    for (size_t k = 0; k < sizeof labels / sizeof labels[0]; k++) {
        if (str_ends(before, str_of(labels[k].word))) return &labels[k];
    }
    return NULL;
}

// Where the value behind a label ends: at a sign, white space or the text's end.
static size_t value_end(struct str text, size_t start, enum personal_kind kind) {
    size_t at = start;
    while (at < text.size) {
        struct str one = character(text, at);
        bool inner = is_han(one) || (kind == PERSONAL_NAME && is_one_of(one, "·•")) ||
                     (kind != PERSONAL_NAME &&
                      (is_digit(one) || is_one_of(one, "-－#（）()") ||
                       (one.size == 1 && (one.data[0] | 32) >= 'a' && (one.data[0] | 32) <= 'z')));
        if (!inner) break;
        at += one.size;
    }
    return at;
}

static bool is_surname(const struct tagger_tables *tables, struct str text) {
    struct tagger_tokens tokens;
    tagger_tokens_next(tables, text, 0, &tokens);
    return tokens.count > 1 &&
           ((tokens.name[TAGGER_EDGE] & 3) > 0 || tokens.word[TAGGER_EDGE + 1] >> 5 == 5);
}

static bool is_common_word(const struct tagger_tables *tables, struct str name) {
    struct tagger_tokens tokens;
    tagger_tokens_next(tables, name, 0, &tokens);
    if (tokens.count > TAGGER_WORD_TOKENS) return false;
    uint8_t word = tokens.word[TAGGER_EDGE];
    return word >> 5 == 4 && (word & 3u) + 1 == tokens.count;
}

static bool is_value(const struct tagger_tables *tables, struct str value,
                     enum personal_kind kind) {
    if (kind == PERSONAL_NAME) {
        if (memmem(value.data, value.size, "·", 2)) return value.size <= 60;
        return value.size >= 6 && value.size <= 12 && is_surname(tables, value) &&
               !is_common_word(tables, value);
    }
    bool unit = false;
    for (size_t at = 0; at < value.size; at += character(value, at).size) {
        unit |= is_one_of(character(value, at), kind == PERSONAL_ADDRESS
                                                    ? "省市区县镇乡村街路巷弄号栋幢室州旗屯道"
                                                    : "院局厅部所社团会厂行校处站馆店司学队");
    }
    return unit && value.size >= 9 && value.size <= 240;
}

// The next colon of either width; text.size if there is none. *size its bytes.
static size_t next_colon(struct str text, size_t at, size_t *size) {
    for (; at < text.size; at++) {
        *size = text.data[at] == ':' ? 1 : 3;
        if (text.data[at] == ':') return at;
        if (text.data[at] == '\xEF' && at + 2 < text.size && memcmp(text.data + at, "：", 3) == 0) {
            return at;
        }
    }
    return text.size;
}

static void mark_forms(const struct tagger *tagger, struct str text, struct list *list) {
    for (size_t at = 0; at < text.size;) {
        size_t size, mark = next_colon(text, at, &size);
        if (mark == text.size) return;
        at = mark + size;
        const struct label *label = label_before(text, mark);
        if (!label) continue;
        size_t start = at;
        while (start < text.size && text.data[start] == ' ') start++;
        struct str value = {text.data + start, value_end(text, start, label->kind) - start};
        if (!is_value(&tagger->tables, value, label->kind)) continue;
        add(list, (struct personal_hit){(uint32_t)start, (uint32_t)value.size, label->kind, 97});
        at = start + value.size;
    }
}

// ---- addresses ----------------------------------------------------------------------------------

// Behind a street or an estate: "138号3幢2单元501室", "12-3-401", "A座". Returns its end.
static size_t door_end(struct str text, size_t start) {
    size_t end = start, at = start;
    for (;;) {
        size_t from = at;
        while (is_digit(character(text, at)) ||
               is_one_of(character(text, at), "一二三四五六七八九十ABCDEFGHabcdef")) {
            at += character(text, at).size;
        }
        if (at == from || at - from > 18) return end;
        struct str rest = {text.data + at, text.size - at};
        static const char *const units[] = {"号院", "号楼", "单元", "号", "弄", "栋", "幢", "座",
                                            "楼",   "层",   "室",   "组", "门", "房", "#",  "户"};
        size_t unit = 0;
        for (size_t k = 0; k < sizeof units / sizeof units[0] && unit == 0; k++) {
            if (str_starts(rest, str_of(units[k]))) unit = strlen(units[k]);
        }
        if (unit > 0) {
            end = at += unit;
            continue;
        }
        bool dash = is_one_of(character(text, at), "-－—");
        if (end == start && !dash) return end;
        if (from > start && !dash)
            return is_digit(character(text, from)) && at - from > 2 ? at : end;
        at += character(text, at).size;
        if (!is_digit(character(text, at))) return end;
        size_t last = at;
        while (is_digit(character(text, last))) last += character(text, last).size;
        end = last;
    }
}

static struct str last_character(struct str text, size_t end) {
    size_t at = end;
    while (at > 0 && (text.data[at - 1] & 0xC0) == 0x80 && end - at < 3) at--;
    return at > 0 ? (struct str){text.data + at - 1, end - at + 1} : STR_NONE;
}

static bool is_fine(struct str text, struct personal_hit span) {
    return is_one_of(last_character(text, end_of(span)),
                     "路街巷弄道号楼栋幢座室层组村屯庄里园苑城厦院区寨镇乡");
}

static bool ends_with_one_of(struct str text, const char *const *words, size_t count) {
    for (size_t k = 0; k < count; k++) {
        if (str_ends(text, str_of(words[k]))) return true;
    }
    return false;
}

// Down to a street, an estate or a door.
static bool is_street(struct str text, struct personal_hit span) {
    static const char *const ends[] = {"路", "街", "巷", "弄", "胡同", "道",   "号",   "楼",
                                       "栋", "幢", "座", "室", "层",   "组",   "门",   "户",
                                       "#",  "苑", "院", "社", "小区", "花园", "家园", "公寓"};
    struct str one = last_character(text, end_of(span));
    return is_digit(one) || ends_with_one_of((struct str){text.data + span.start, span.size}, ends,
                                             sizeof ends / sizeof ends[0]);
}

// "家住", "地址：", "籍贯 ", or nothing else in the whole text: one address, however coarse.
static bool is_told(struct str text, size_t start, size_t stop) {
    if (start == 0 && stop == text.size) return true;
    static const char *const words[] = {"住", "址", "籍", "贯", "居", "居于", "住于", "住在"};
    size_t end = start;
    for (struct str one; end > 0 && is_one_of(one = last_character(text, end), "：: ");) {
        end -= one.size;
    }
    return ends_with_one_of((struct str){text.data, end}, words, sizeof words / sizeof words[0]);
}

static void take_doors(struct str text, struct list *list) {
    size_t count = kept(list);
    for (size_t k = 0; k < count; k++) {
        struct personal_hit *span = &list->spans[k];
        if (span->kind != PERSONAL_ADDRESS || !is_fine(text, *span)) continue;
        size_t end = door_end(text, end_of(*span));
        size_t most = k + 1 < count && list->spans[k + 1].kind != PERSONAL_ADDRESS
                          ? list->spans[k + 1].start
                          : text.size;
        if (end <= most) span->size = (uint32_t)(end - span->start);
    }
}

// Divisions one behind another are places of their own ("河北省平山县西柏坡村"); down to a street or a
// house, or where it is told that somebody lives there, they are one address with its door.
static void join_addresses(struct str text, struct list *list) {
    take_doors(text, list);
    size_t out = 0, count = kept(list);
    for (size_t k = 0; k < count;) {
        struct personal_hit whole = list->spans[k];
        size_t next = k + 1;
        bool one = is_street(text, whole), overlap = false;
        while (next < count && whole.kind == PERSONAL_ADDRESS &&
               list->spans[next].kind == PERSONAL_ADDRESS &&
               list->spans[next].start <= end_of(whole)) {
            struct personal_hit span = list->spans[next++];
            one |= is_street(text, span);
            overlap |= span.start < end_of(whole);
            uint32_t end = end_of(span) > end_of(whole) ? end_of(span) : end_of(whole);
            whole.size = end - whole.start;
            if (span.confidence > whole.confidence) whole.confidence = span.confidence;
        }
        if (next > k + 1 && (one || overlap || is_told(text, whole.start, end_of(whole)))) {
            list->spans[out++] = whole;
        } else {
            for (size_t j = k; j < next; j++) list->spans[out++] = list->spans[j];
        }
        k = next;
    }
    list->count -= count - out;
}

// ---- order --------------------------------------------------------------------------------------

static int by_start(const void *a, const void *b) {
    const struct personal_hit *x = a, *y = b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    if (x->confidence != y->confidence) return x->confidence > y->confidence ? -1 : 1;
    return x->size > y->size ? -1 : x->size < y->size;
}

// Sorts; of two that overlap the surer one stays, the earlier one if they are alike.
static void settle(struct list *list) {
    size_t out = 0, count = kept(list);
    if (count > 1) qsort(list->spans, count, sizeof *list->spans, by_start);
    for (size_t k = 0; k < count; k++) {
        struct personal_hit span = list->spans[k];
        while (out > 0 && span.start < end_of(list->spans[out - 1]) &&
               span.confidence > list->spans[out - 1].confidence) {
            out--;
        }
        if (out == 0 || span.start >= end_of(list->spans[out - 1])) list->spans[out++] = span;
    }
    list->count -= count - out;
}

// ---- the second pass ----------------------------------------------------------------------------

// Persons' names of the text, to be found by their first two characters (six bytes).
enum { NAMES_MOST = 512, NAME_SLOTS = 2048, NAME_HEAD = 6, NAME_SURE = 75 };
struct names {
    uint64_t filter[NAME_SLOTS * 4 / 64];
    struct str name[NAME_SLOTS]; // open addressing by the head's hash
    uint32_t count;
};

static uint32_t head_hash(const char *at) {
    uint64_t head = 0;
    memcpy(&head, at, NAME_HEAD);
    return (uint32_t)(head * UINT64_C(0x9E3779B97F4A7C15) >> 48);
}

static void names_add(struct names *names, struct str name) {
    if (names->count == NAMES_MOST) return;
    uint32_t hash = head_hash(name.data), slot = hash % NAME_SLOTS;
    for (; names->name[slot].data; slot = (slot + 1) % NAME_SLOTS) {
        if (str_equal(names->name[slot], name)) return;
    }
    names->name[slot] = name;
    names->count++;
    names->filter[hash % (NAME_SLOTS * 4) / 64] |= UINT64_C(1) << hash % 64;
}

// The longest known name that stands at `at`; 0 if none does.
static size_t names_at(const struct names *names, struct str text, size_t at) {
    uint32_t hash = head_hash(text.data + at);
    if (!(names->filter[hash % (NAME_SLOTS * 4) / 64] >> hash % 64 & 1)) return 0;
    size_t longest = 0;
    struct str rest = {text.data + at, text.size - at};
    for (uint32_t slot = hash % NAME_SLOTS; names->name[slot].data;
         slot = (slot + 1) % NAME_SLOTS) {
        struct str name = names->name[slot];
        if (name.size > longest && str_starts(rest, name)) longest = name.size;
    }
    return longest;
}

static void mark_again(const struct tagger *tagger, struct str text, struct list *list) {
    struct names names = {{0}, {STR_NONE}, 0};
    size_t count = kept(list);
    for (size_t k = 0; k < count; k++) {
        struct personal_hit span = list->spans[k];
        struct str name = {text.data + span.start, span.size};
        if (span.kind == PERSONAL_NAME && span.confidence >= NAME_SURE && span.size >= NAME_HEAD &&
            span.size <= 60 && is_han(character(text, span.start)) &&
            !is_common_word(&tagger->tables, name)) {
            names_add(&names, name);
        }
    }
    if (names.count == 0 || text.size < NAME_HEAD) return;
    size_t next = 0;
    for (size_t at = 0; at + NAME_HEAD <= text.size;) {
        while (next < count && end_of(list->spans[next]) <= at) next++;
        if (next < count && list->spans[next].start <= at) {
            at = end_of(list->spans[next]);
            continue;
        }
        size_t size = (text.data[at] & 0xC0) == 0x80 ? 0 : names_at(&names, text, at);
        if (size > 0 && (next == count || at + size <= list->spans[next].start)) {
            add(list, (struct personal_hit){(uint32_t)at, (uint32_t)size, PERSONAL_NAME, 80});
        }
        at += size > 0 ? size : 1;
    }
}

// A name that is a common word as well has to be sure; what clinicians write of bodies is none.
static bool is_word(const struct tagger_tables *tables, struct personal_hit span,
                    struct str inner) {
    static const char *const bodies[] = {"张口", "张嘴", "马尾"};
    if (span.kind != PERSONAL_NAME) return false;
    for (size_t k = 0; k < sizeof bodies / sizeof bodies[0]; k++) {
        if (str_is(inner, bodies[k])) return true;
    }
    return span.confidence < NAME_SURE && is_common_word(tables, inner);
}

// A law's name begins with the state's: "《中华人民共和国民法典》" is no place.
static bool is_laws(struct str text, struct personal_hit span) {
    static const char state[] = "《中华人民共和国";
    size_t mark = sizeof "《" - 1;
    return span.start >= mark && span.size == sizeof state - 1 - mark &&
           memcmp(text.data + span.start - mark, state, sizeof state - 1) == 0;
}

// ---- texts --------------------------------------------------------------------------------------

size_t tagger_scan(const struct tagger *tagger, struct str text, struct tagger_lean lean,
                   struct personal_hit *spans, size_t room) {
    struct list list = {spans, 0, room};
    struct tagger_tokens tokens;
    struct personal_hit found[TAGGER_TOKENS_MAX];
    for (size_t at = 0; at < text.size;) {
        at = tagger_tokens_next(&tagger->tables, text, at, &tokens);
        size_t count = tagger_segment(tagger, &tokens, lean, found);
        for (size_t k = 0; k < count; k++) {
            struct str inner = {text.data + found[k].start, found[k].size};
            bool word = is_word(&tagger->tables, found[k], inner);
            if (has_han(inner) && !word && !is_laws(text, found[k])) {
                add(&list, found[k]);
            }
        }
    }
    mark_forms(tagger, text, &list);
    bool lost = list.count > room;
    settle(&list);
    join_addresses(text, &list);
    if (!lost) mark_again(tagger, text, &list);
    lost |= list.count > room;
    settle(&list);
    return lost && list.count <= room ? room + 1 : list.count;
}

size_t tagger_add(struct str text, uint32_t kinds, struct personal_hit *hits, size_t count,
                  size_t room) {
    const struct tagger *tagger = tagger_shared();
    size_t fixed = count < room ? count : room;
    struct tagger_lean lean = kinds & PERSONAL_PRIVACY ? tagger_privacy : tagger_plain;
    size_t found =
        tagger ? tagger_scan(tagger, text, lean, fixed ? hits + fixed : hits, room - fixed) : 0;
    bool lost = count > room || found > room - fixed;
    size_t stored = found < room - fixed ? found : room - fixed, out = fixed, next = 0;
    for (size_t k = fixed; k < fixed + stored; k++) {
        struct personal_hit span = hits[k];
        while (next < fixed && end_of(hits[next]) <= span.start) next++;
        bool cut = next < fixed && hits[next].start < end_of(span);
        if (cut && hits[next].start <= span.start) continue;
        if (cut) span.size = hits[next].start - span.start;
        if (kinds & PERSONAL_BIT(span.kind)) hits[out++] = span;
    }
    if (out > 1) qsort(hits, out, sizeof *hits, by_start);
    return lost ? count + found + (count + found <= room) : out;
}
