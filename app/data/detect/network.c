// E-mail addresses, URLs, addresses of networks and of their cards.
#include <string.h>

#include "data/detect/finders_private.h"
#include "data/detect/fold_private.h"

void hit_set(struct personal_hit *hit, enum personal_kind kind, size_t start, size_t end,
             unsigned confidence) {
    *hit = (struct personal_hit){.start = (uint32_t)start,
                                 .size = (uint32_t)(end - start),
                                 .kind = kind,
                                 .confidence = (uint8_t)confidence};
}

// ---- e-mail ------------------------------------------------------------------------------------

static bool is_local(uint32_t c) {
    return fold_alnum(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-';
}

size_t domain_end(struct str text, size_t at) {
    size_t end = 0;
    uint32_t bytes, size = 0, labels = 0;
    bool letters = true;
    for (uint32_t count = 0; count <= 254; count++) {
        uint32_t c = fold_at(text, at, &bytes);
        if (fold_alnum(c) || (c == '-' && size > 0)) {
            letters &= fold_letter(c);
            size++;
            at += bytes;
            continue;
        }
        if (size == 0 || size > 63) break;
        if (labels > 0 && letters && size >= 2 && size <= 24) end = at;
        if (c != '.') break;
        at += bytes;
        labels++;
        letters = true;
        size = 0;
    }
    return end;
}

bool find_email(const struct view *view, size_t at, struct personal_hit *hit) {
    enum { LOCAL_MOST = 64 };
    struct str text = view->text;
    uint32_t bytes, sign;
    (void)fold_at(text, at, &sign);
    size_t start = at;
    uint32_t c = 0, size = 0, last = fold_before(text, view->least, at, &bytes);
    while (size < LOCAL_MOST && is_local(c = fold_before(text, view->least, start, &bytes))) {
        start -= bytes;
        size++;
    }
    for (; size > 0; size--, start += bytes) {
        c = fold_at(text, start, &bytes);
        if (c != '.' && c != '-' && c != '%' && c != '+') break;
    }
    if (size == 0 || last == '.') return false;
    size_t end = domain_end(text, at + sign);
    if (!end) return false;
    hit_set(hit, PERSONAL_EMAIL, start, end, 100);
    return true;
}

// ---- URLs --------------------------------------------------------------------------------------

// Where a known scheme that ends at `at` begins; `at` if there is none.
static size_t scheme_start(const struct view *view, size_t at) {
    static const char *const schemes[] = {
        "https", "http", "ftps", "sftp", "ftp",        "wss",   "ws",      "file", "rtsp",  "rtmp",
        "ssh",   "smb",  "ldap", "git",  "jdbc:mysql", "redis", "mongodb", "mqtt", "weixin"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t place = at, left = strlen(schemes[i]);
        uint32_t bytes;
        while (left > 0) {
            uint32_t c = fold_before(view->text, view->least, place, &bytes);
            if (fold_lower(c) != (uint8_t)schemes[i][left - 1]) break;
            place -= bytes;
            left--;
        }
        if (left == 0) return place;
    }
    return at;
}

static bool is_path_sign(uint32_t c) {
    return c < 0x80 && c > ' ' && !strchr("\"<>\\^`{|}", (int)c);
}

// One character of a URL. What is full-width belongs to it only in a URL that is full-width
// throughout, and commas, brackets and the like never: they end a Chinese clause.
static bool is_url_sign(struct str text, size_t at, bool wide, uint32_t *out, uint32_t *bytes) {
    *out = fold_at(text, at, bytes);
    if (*bytes == 0 || !is_path_sign(*out)) return false;
    if (*bytes == 1) return true;
    return wide && (fold_alnum(*out) || strchr("./:?=&_-%#~+@", (int)*out));
}

size_t url_end(struct str text, size_t at, bool wide) {
    enum { URL_MOST = 4096 };
    size_t end = at, from = at;
    uint32_t bytes, c, open = 0;
    for (; at - from < URL_MOST && is_url_sign(text, at, wide, &c, &bytes); at += bytes) {
        if (c == '(' || c == '[') open++;
        if (c == ')' || c == ']') {
            if (open == 0) break;
            open--;
            end = at + bytes;
        } else if (!strchr(".,;:!?'*([", (int)c)) {
            end = at + bytes;
        }
    }
    return end;
}

// A host of two labels, an address, or what a port or path follows.
static bool host_begins(struct str text, size_t at) {
    uint32_t bytes, c = fold_at(text, at, &bytes);
    if (c == '[' || c == '/') return true;
    bool dot = false;
    if (!fold_alnum(c) && c != '_') return false;
    for (uint32_t count = 0; count < 256; count++) {
        if (!fold_alnum(c) && c != '-' && c != '_' && c != '.') break;
        dot |= c == '.';
        at += bytes;
        c = fold_at(text, at, &bytes);
    }
    return c == ':' || c == '@' || (c == '/' && bytes == 1) || (dot && c != '[');
}

static bool url_from_colon(const struct view *view, size_t at, struct personal_hit *hit) {
    struct str text = view->text;
    uint32_t colon;
    (void)fold_at(text, at, &colon);
    size_t place = at + colon;
    if (!fold_takes(text, &place, "//")) return false;
    size_t start = scheme_start(view, at);
    if (start == at) return false;
    if (fold_takes(text, &place, "/")) place = at + colon + 2; // file:///
    bool wide = colon > 1;
    if (!host_begins(text, place)) return false;
    size_t end = url_end(text, place, wide);
    if (end <= place) return false;
    hit_set(hit, PERSONAL_URL, start, end, 100);
    return true;
}

static bool url_from_www(const struct view *view, size_t at, struct personal_hit *hit) {
    struct str text = view->text;
    size_t place = at;
    uint32_t bytes, width;
    (void)fold_at(text, at, &width);
    if (fold_alnum(fold_before(text, view->least, at, &bytes))) return false;
    if (!fold_takes(text, &place, "www.")) return false;
    size_t host = domain_end(text, place);
    if (!host) return false;
    size_t end = url_end(text, place, width > 1);
    hit_set(hit, PERSONAL_URL, at, end > host ? end : host, 95);
    return true;
}

bool find_url(const struct view *view, size_t at, struct personal_hit *hit) {
    return anchor_at(view->text, at) == ANCHOR_W ? url_from_www(view, at, hit)
                                                 : url_from_colon(view, at, hit);
}

// ---- addresses of networks ---------------------------------------------------------------------

static bool is_dotted_version(const struct view *view, size_t start, size_t end,
                              const unsigned *octet) {
    struct context context;
    context_read(view->text, start, end, &context);
    if (context_says(&context, LABEL_VERSION) || context_says(&context, LABEL_THING)) return true;
    if (context_has(&context, LABEL_IP)) return false;
    if (context_nearest(&context, NULL) == LABEL_VERSION) return true;
    uint32_t bytes, before = fold_before(view->text, view->least, start, &bytes);
    if (before == 'v' || before == 'V') return true;
    // 1.2.3.4 is the number of a chapter or a version sooner than an address.
    bool small = octet[0] < 10 && octet[1] < 20 && octet[2] < 20 && octet[3] < 20;
    bool same = octet[0] == octet[1] && octet[1] == octet[2] && octet[2] == octet[3];
    return small && !same;
}

static bool find_ip4(const struct view *view, size_t at, struct personal_hit *hit) {
    struct str text = view->text;
    uint32_t bytes, more, c = fold_before(view->text, view->least, at, &bytes);
    if (fold_digit(c) || c == '_') return false;
    if (c == '.' && fold_alnum(fold_before(text, view->least, at - bytes, &more))) return false;
    if (fold_letter(c) && fold_lower(c) != 'p' && fold_lower(c) != 'v') return false;
    unsigned octet[4];
    size_t place = at;
    for (int part = 0; part < 4; part++) {
        uint32_t count = 0;
        octet[part] = 0;
        for (; fold_digit(c = fold_at(text, place, &bytes)) && count < 4; count++) {
            octet[part] = octet[part] * 10 + (c - '0');
            place += bytes;
        }
        if (count == 0 || count > 3 || octet[part] > 255) return false;
        if (part == 3) break;
        if (c != '.') return false;
        place += bytes;
    }
    if (fold_alnum(c) || c == '_' || c == '%') return false;
    if (c == '.' && fold_alnum(fold_at(text, place + bytes, &more))) return false;
    if (octet[0] == 0 && (octet[1] || octet[2] || octet[3])) return false;
    if (is_dotted_version(view, at, place, octet)) return false;
    hit_set(hit, PERSONAL_IP, at, place, 95);
    return true;
}

// Whether groups with colons go on before `start`: behind a letter that is no label ("IP"), or a
// colon that is not the one of a label ("MAC：").
static bool is_continued(const struct view *view, size_t start) {
    uint32_t bytes, more, c = fold_before(view->text, view->least, start, &bytes);
    bool letters;
    if (c == ':') {
        size_t at = start - bytes;
        uint32_t before = fold_before(view->text, view->least, at, &more);
        bool goes_on = before == ':' || fold_hex(before);
        // "MAC:" and "IPv6:" are labels: a letter in them is no hexadecimal place.
        for (uint32_t count = 0; goes_on && count < 8 && fold_alnum(before); count++) {
            goes_on = fold_hex(before);
            at -= more;
            before = fold_before(view->text, view->least, at, &more);
        }
        return goes_on;
    }
    return c == '_' || is_behind_code(view->text, view->least, start, &letters);
}

struct groups6 {
    uint32_t count, before_gap; // before_gap: groups before "::", 9 if there is none
    bool digit, full;           // any digit; any group of four places
    bool four;                  // ends with an IPv4 address
    unsigned first;
};

// Reads groups of an IPv6 address; returns its end, 0 if it is none.
static size_t groups6_read(const struct view *view, size_t at, struct groups6 *out) {
    struct str text = view->text;
    *out = (struct groups6){.before_gap = 9};
    uint32_t bytes, c;
    size_t end = 0;
    if (fold_at(text, at, &bytes) == ':') {
        if (!fold_takes(text, &at, "::")) return 0;
        out->before_gap = 0;
        end = at;
    }
    while (out->count < 8) {
        size_t group = at;
        uint32_t size = 0;
        unsigned value = 0;
        for (; size < 5 && fold_hex(c = fold_at(text, at, &bytes)); size++, at += bytes) {
            out->digit |= fold_digit(c);
            value = value * 16 + (fold_digit(c) ? c - '0' : fold_lower(c) - 'a' + 10);
        }
        c = fold_at(text, at, &bytes);
        if (c == '.' && size > 0 && out->before_gap < 9) { // ::ffff:1.2.3.4
            struct view inner = {.text = text, .least = group};
            struct personal_hit four;
            if (!find_ip4(&inner, group, &four)) return end;
            out->four = true;
            return four.start + four.size;
        }
        if (size == 0) break;
        if (size > 4 || fold_letter(c) || c == '_') return 0;
        if (out->count == 0 && out->before_gap == 9) out->first = value;
        out->count++;
        out->full |= size == 4;
        end = at;
        if (c != ':') break;
        at += bytes;
        if (fold_at(text, at, &bytes) == ':') {
            if (out->before_gap < 9) return 0;
            out->before_gap = out->count;
            at += bytes;
            end = at;
        }
    }
    return end;
}

static bool find_ip6(const struct view *view, size_t at, struct personal_hit *hit) {
    struct str text = view->text;
    uint32_t bytes, c, back = 0;
    size_t start = at;
    // The anchor may stand within the first group, or be its colon.
    while (back < 5 && fold_hex(fold_before(text, view->least, start, &bytes))) {
        start -= bytes;
        back++;
    }
    if (back == 5 || is_continued(view, start)) return false;
    struct groups6 groups;
    size_t end = groups6_read(view, start, &groups);
    if (!end || end <= at) return false;
    bool whole = groups.count == 8 && groups.before_gap == 9;
    bool cut = groups.before_gap < 9 && groups.count >= 1 && groups.count < 8;
    c = fold_at(text, end, &bytes);
    if ((!whole && !cut && !groups.four) || fold_alnum(c) || c == ':') return false;
    struct context context;
    context_read(text, start, end, &context);
    bool says = context_has(&context, LABEL_IP);
    bool known = groups.first >> 13 == 1 || groups.first >> 9 == 0x7E ||
                 groups.first >> 6 == 0x3FA || groups.first >> 8 == 0xFF;
    bool likely = whole || groups.four || (known && groups.full && groups.digit) ||
                  (groups.before_gap == 0 && groups.count == 1 && groups.digit && says);
    if (!likely && !(says && groups.digit)) return false;
    hit_set(hit, PERSONAL_IP, start, end, says ? 100 : 90);
    return true;
}

bool find_ip(const struct view *view, size_t at, struct personal_hit *hit) {
    return find_ip4(view, at, hit) || find_ip6(view, at, hit);
}

// Pairs of hexadecimal places with one sort of sign between (size 2, six of them), or three groups
// of four with dots. Returns the end, 0 if there are none.
static size_t mac_end(struct str text, size_t at, uint32_t size, uint32_t parts, uint32_t *sign,
                      bool *letters) {
    uint32_t bytes, c;
    *sign = 0;
    *letters = false;
    for (uint32_t part = 0; part < parts; part++) {
        for (uint32_t i = 0; i < size; i++) {
            c = fold_at(text, at, &bytes);
            if (!fold_hex(c)) return 0;
            *letters |= fold_letter(c);
            at += bytes;
        }
        if (part + 1 == parts) break;
        c = fold_at(text, at, &bytes);
        if (fold_dash(c)) c = '-';
        bool good = size == 12 || c == ':' || c == '-' || c == '.' || c == ' ';
        if (!good || (*sign && c != *sign)) return 0;
        *sign = c;
        at += bytes;
    }
    return at;
}

bool find_mac(const struct view *view, size_t at, struct personal_hit *hit) {
    struct str text = view->text;
    size_t start = at;
    uint32_t bytes, c, back = 0;
    while (back < 12 && fold_hex(fold_before(text, view->least, start, &bytes))) {
        start -= bytes;
        back++;
    }
    // From a hyphen or colon the first place stands before it.
    uint32_t sign;
    bool letters;
    if (is_continued(view, start)) return false;
    size_t end = mac_end(text, start, 2, 6, &sign, &letters);
    if (!end) end = mac_end(text, start, 4, 3, &sign, &letters);
    bool bare = !end;
    if (bare) end = mac_end(text, start, 12, 1, &sign, &letters);
    if (!end) return false;
    c = fold_at(text, end, &bytes);
    if (fold_alnum(c) || c == '_' || c == ':' || (c == '-' && sign == '-')) return false;
    struct context context;
    context_read(text, start, end, &context);
    bool says = context_has(&context, LABEL_MAC);
    // 01-05-12-18-22-30 may be drawn numbers; twelve places in one may be anything.
    if (!says && (bare || sign == ' ' || (sign != ':' && !letters))) return false;
    if (bare && !context_says(&context, LABEL_MAC)) return false;
    hit_set(hit, PERSONAL_MAC, start, end, says ? 100 : 90);
    return true;
}
