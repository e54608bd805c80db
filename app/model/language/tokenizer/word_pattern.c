#include "model/language/tokenizer/word_pattern.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/unicode.h"

enum { NODES_MAX = 256, SETS_MAX = 96, RANGES_MAX = 512, NONE = 0xFFFF, NO_MATCH = -1 };

enum node_kind { NODE_SET, NODE_SPLIT, NODE_LOOK, NODE_NOT, NODE_END, NODE_MATCH };

// A node and what follows it. NODE_SET: `set` between `least` and `most` times; NODE_SPLIT: first
// `inner`, and if that leads nowhere `next`; NODE_LOOK, NODE_NOT: whether `inner` matches here.
struct node {
    uint16_t kind, next, inner, set;
    uint32_t least, most;
};

// Characters: `ascii` answers for those below 128, categories and ranges for the rest.
struct set {
    uint64_t ascii[2];
    uint32_t categories; // bits of unicode.h
    uint16_t range_first, range_count;
    bool space, negated;
};
struct range {
    uint32_t first, last;
};

struct word_pattern {
    struct node nodes[NODES_MAX];
    struct set sets[SETS_MAX];
    struct range ranges[RANGES_MAX];
    uint16_t node_count, set_count, range_count, start;
};

// ---- matching --------------------------------------------------------------------------------

static bool set_has_plain(const struct word_pattern *p, const struct set *set, uint32_t c) {
    if (set->categories & UNICODE_BIT(unicode_category(c))) return true;
    if (set->space && unicode_space(c)) return true;
    for (uint32_t i = 0; i < set->range_count; i++) {
        const struct range *range = &p->ranges[set->range_first + i];
        if (c >= range->first && c <= range->last) return true;
    }
    return false;
}

static bool set_has(const struct word_pattern *p, const struct set *set, uint32_t c) {
    if (c < 128) return set->ascii[c >> 6] >> (c & 63) & 1;
    return set_has_plain(p, set, c) != set->negated;
}

static size_t step_back(struct str text, size_t at) {
    do at--;
    while (at > 0 && ((uint8_t)text.data[at] & 0xC0) == 0x80);
    return at;
}

static ptrdiff_t match_at(const struct word_pattern *p, uint16_t index, struct str text, size_t at);

// As many as there are, then back one by one until the rest matches.
static ptrdiff_t repeat_at(const struct word_pattern *p, const struct node *node, struct str text,
                           size_t at) {
    const struct set *set = &p->sets[node->set];
    uint32_t count = 0;
    while (count < node->most && at < text.size) {
        size_t next = at;
        if (!set_has(p, set, utf8_next(text, &next))) break;
        at = next;
        count++;
    }
    for (;; count--) {
        if (count < node->least) return NO_MATCH;
        ptrdiff_t end = match_at(p, node->next, text, at);
        if (end != NO_MATCH || count == 0) return end;
        at = step_back(text, at);
    }
}

static ptrdiff_t match_at(const struct word_pattern *p, uint16_t index, struct str text,
                          size_t at) {
    for (;;) {
        const struct node *node = &p->nodes[index];
        switch (node->kind) {
        case NODE_MATCH: return (ptrdiff_t)at;
        case NODE_SET: return repeat_at(p, node, text, at);
        case NODE_SPLIT: {
            ptrdiff_t end = match_at(p, node->inner, text, at);
            if (end != NO_MATCH) return end;
            break;
        }
        case NODE_END:
            if (at != text.size) return NO_MATCH;
            break;
        default:
            if ((match_at(p, node->inner, text, at) != NO_MATCH) != (node->kind == NODE_LOOK)) {
                return NO_MATCH;
            }
        }
        index = node->next;
    }
}

bool word_pattern_find(const struct word_pattern *pattern, struct str text, size_t from,
                       size_t *start, size_t *end) {
    while (from < text.size) {
        ptrdiff_t found = match_at(pattern, pattern->start, text, from);
        if (found != NO_MATCH && (size_t)found > from) {
            *start = from;
            *end = (size_t)found;
            return true;
        }
        utf8_next(text, &from);
    }
    return false;
}

// ---- reading a pattern -----------------------------------------------------------------------

struct reader {
    struct word_pattern *pattern;
    struct str text;
    size_t at;
    bool any_case, bad;
};

static bool take(struct reader *r, const char *what) {
    size_t size = strlen(what);
    if (r->text.size - r->at < size || memcmp(r->text.data + r->at, what, size) != 0) return false;
    r->at += size;
    return true;
}

static bool peek(const struct reader *r, char c) {
    return r->at < r->text.size && r->text.data[r->at] == c;
}

static uint16_t node_add(struct reader *r, struct node node) {
    struct word_pattern *p = r->pattern;
    if (p->node_count == NODES_MAX) {
        r->bad = true;
        return 0;
    }
    p->nodes[p->node_count] = node;
    return p->node_count++;
}

static struct set *set_add(struct reader *r, uint16_t *index) {
    struct word_pattern *p = r->pattern;
    *index = p->set_count < SETS_MAX ? p->set_count++ : SETS_MAX - 1;
    r->bad |= p->set_count == SETS_MAX;
    struct set *set = &p->sets[*index];
    *set = (struct set){.range_first = p->range_count};
    return set;
}

static void range_add(struct reader *r, struct set *set, uint32_t first, uint32_t last) {
    struct word_pattern *p = r->pattern;
    if (p->range_count == RANGES_MAX || first > last) {
        r->bad = true;
        return;
    }
    p->ranges[p->range_count++] = (struct range){first, last};
    set->range_count++;
}

// A letter of either case, as (?i: means it: the long s is an s too.
static void letter_add(struct reader *r, struct set *set, uint32_t c) {
    range_add(r, set, c, c);
    bool letter = (c | 32) >= 'a' && (c | 32) <= 'z' && c < 128;
    if (!r->any_case || !letter) return;
    range_add(r, set, c ^ 32, c ^ 32);
    if ((c | 32) == 's') range_add(r, set, 0x17F, 0x17F);
}

static uint32_t categories_named(struct str name) {
    static const struct {
        const char *name;
        uint32_t bits;
    } groups[] = {{"L", UNICODE_LETTER},      {"M", UNICODE_MARK},   {"N", UNICODE_NUMBER},
                  {"P", UNICODE_PUNCTUATION}, {"S", UNICODE_SYMBOL}, {"Z", UNICODE_SEPARATOR},
                  {"C", UNICODE_OTHER}};
    static const char names[] = "LuLlLtLmLoMnMcMeNdNlNoPcPdPsPePiPfPoSmScSkSoZsZlZpCcCfCsCoCn";
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (str_is(name, groups[i].name)) return groups[i].bits;
    }
    for (uint32_t i = 0; i < UNICODE_CATEGORY_COUNT && name.size == 2; i++) {
        if (memcmp(names + (size_t)i * 2, name.data, 2) == 0) return UNICODE_BIT(i);
    }
    return 0;
}

// What stands behind a backslash, added to `set`; false: a literal character, in *character.
static bool escape_read(struct reader *r, struct set *set, uint32_t *character) {
    if (take(r, "s")) {
        set->space = true;
    } else if (take(r, "d")) {
        set->categories |= UNICODE_BIT(UNICODE_ND);
    } else if (take(r, "p{")) {
        struct str name = {r->text.data + r->at, 0};
        while (r->at < r->text.size && !peek(r, '}')) r->at++, name.size++;
        uint32_t bits = categories_named(name);
        r->bad |= bits == 0 || !take(r, "}");
        set->categories |= bits;
    } else {
        *character = take(r, "r") ? '\r' : take(r, "n") ? '\n' : take(r, "t") ? '\t' : 0;
        if (!*character && r->at < r->text.size) *character = utf8_next(r->text, &r->at);
        return false;
    }
    return true;
}

static void set_finish(struct word_pattern *p, struct set *set) {
    for (uint32_t c = 0; c < 128; c++) {
        if (set_has_plain(p, set, c) != set->negated) set->ascii[c >> 6] |= 1ull << (c & 63);
    }
}

// [..], the bracket read already.
static void class_read(struct reader *r, struct set *set) {
    set->negated = take(r, "^");
    while (!r->bad && !take(r, "]")) {
        uint32_t first, last;
        if (r->at >= r->text.size) {
            r->bad = true;
            return;
        }
        first = utf8_next(r->text, &r->at);
        if (first == '\\' && escape_read(r, set, &first)) continue;
        last = first;
        bool range = peek(r, '-') && r->at + 1 < r->text.size && r->text.data[r->at + 1] != ']';
        if (range) {
            r->at++;
            last = utf8_next(r->text, &r->at);
            if (last == '\\') r->bad |= escape_read(r, set, &last);
            range_add(r, set, first, last);
        } else {
            letter_add(r, set, first);
        }
    }
}

static uint32_t digits_read(struct reader *r, uint32_t otherwise) {
    uint32_t value = 0;
    size_t start = r->at;
    for (; r->at < r->text.size && r->text.data[r->at] >= '0' && r->text.data[r->at] <= '9';
         r->at++) {
        value = value * 10 + (uint32_t)(r->text.data[r->at] - '0');
    }
    return r->at == start ? otherwise : value;
}

static void quantifier_read(struct reader *r, uint32_t *least, uint32_t *most) {
    *least = *most = 1;
    if (take(r, "?")) {
        *least = 0;
    } else if (take(r, "*")) {
        *least = 0, *most = UINT32_MAX;
    } else if (take(r, "+")) {
        *most = UINT32_MAX;
    } else if (take(r, "{")) {
        *least = *most = digits_read(r, 0);
        if (take(r, ",")) *most = digits_read(r, UINT32_MAX);
        r->bad |= !take(r, "}");
    }
}

static uint16_t branches_read(struct reader *r, uint16_t next);

// A group, its parenthesis read already: what stands in it, leading on to `next`.
static uint16_t group_read(struct reader *r, uint16_t next) {
    bool look = take(r, "?="), not = !look && take(r, "?!"), any_case = r->any_case;
    if (take(r, "?i:")) {
        r->any_case = true;
    } else if (!look && !not ) {
        take(r, "?:");
    }
    uint16_t end = look || not ? node_add(r, (struct node){.kind = NODE_MATCH}) : next;
    uint16_t inner = branches_read(r, end);
    r->bad |= !take(r, ")");
    r->any_case = any_case;
    if (look || not ) {
        return node_add(
            r, (struct node){.kind = not ? NODE_NOT : NODE_LOOK, .inner = inner, .next = next});
    }
    if (take(r, "?")) {
        inner = node_add(r, (struct node){.kind = NODE_SPLIT, .inner = inner, .next = next});
    }
    r->bad |= peek(r, '*') || peek(r, '+') || peek(r, '{'); // of single characters only
    return inner;
}

// Where the piece ends that starts here: a group, or one character with its quantifier.
static size_t piece_end(struct reader *r) {
    size_t start = r->at, depth = 0;
    bool in_class = false;
    do {
        char c = r->text.data[r->at++];
        if (c == '\\') {
            if (r->at < r->text.size && take(r, "p{")) {
                while (r->at < r->text.size && r->text.data[r->at] != '}') r->at++;
            }
            r->at++;
        } else if (in_class) {
            in_class = c != ']';
        } else if (c == '[') {
            in_class = true;
        } else if (c == '(') {
            depth++;
        } else if (c == ')') {
            depth--;
        } else if ((c & 0xC0) == 0xC0) {
            while (r->at < r->text.size && (r->text.data[r->at] & 0xC0) == 0x80) r->at++;
        }
    } while ((depth > 0 || in_class) && r->at < r->text.size);
    uint32_t least, most;
    quantifier_read(r, &least, &most);
    size_t end = r->at < r->text.size ? r->at : r->text.size;
    r->at = start;
    return end;
}

static uint16_t single_read(struct reader *r, uint16_t next) {
    uint16_t index;
    struct set *set = set_add(r, &index);
    uint32_t c = utf8_next(r->text, &r->at);
    if (c == '[') {
        class_read(r, set);
    } else if (c == '\\') {
        bool not = take(r, "S");
        if (not ) {
            set->space = set->negated = true;
        } else if (!escape_read(r, set, &c)) {
            letter_add(r, set, c);
        }
    } else {
        letter_add(r, set, c);
    }
    struct node node = {.kind = NODE_SET, .next = next, .set = index};
    quantifier_read(r, &node.least, &node.most);
    set_finish(r->pattern, set);
    return node_add(r, node);
}

// A row of pieces is read from its end, so that each knows what follows it.
static uint16_t sequence_read(struct reader *r, size_t end, uint16_t next) {
    if (r->at >= end || r->bad) return next;
    size_t start = r->at;
    r->at = piece_end(r);
    uint16_t rest = sequence_read(r, end, next);
    r->at = start;
    if (take(r, "$")) return node_add(r, (struct node){.kind = NODE_END, .next = rest});
    return take(r, "(") ? group_read(r, rest) : single_read(r, rest);
}

static uint16_t branches_read(struct reader *r, uint16_t next) {
    size_t end = r->at;
    struct reader ahead = *r;
    while (ahead.at < r->text.size && !peek(&ahead, '|') && !peek(&ahead, ')')) {
        ahead.at = end = piece_end(&ahead);
    }
    uint16_t inner = sequence_read(r, end, next);
    r->at = end;
    if (r->bad || !take(r, "|")) return inner;
    uint16_t other = branches_read(r, next);
    return node_add(r, (struct node){.kind = NODE_SPLIT, .inner = inner, .next = other});
}

enum err word_pattern_open(const char *text, struct word_pattern **out) {
    struct word_pattern *pattern = memory_take(sizeof *pattern);
    *out = NULL;
    if (!pattern) return ERR_MEMORY;
    struct reader reader = {.pattern = pattern, .text = str_of(text)};
    uint16_t end = node_add(&reader, (struct node){.kind = NODE_MATCH});
    pattern->start = branches_read(&reader, end);
    if (reader.bad || reader.at != reader.text.size) {
        word_pattern_close(pattern);
        return ERR_INPUT;
    }
    *out = pattern;
    return OK;
}

void word_pattern_close(struct word_pattern *pattern) {
    memory_give(pattern);
}
