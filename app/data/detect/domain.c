// Addresses of the web that say neither scheme nor www: example.com.cn, t.cn/A6xyz. Only ends that
// are hardly ever the end of a file's name or of a word of a program count: report.doc, index.html,
// main.py, socket.io and ASP.NET are none.
#include <string.h>

#include "data/detect/finders_private.h"
#include "data/detect/fold_private.h"

enum { HOST_MOST = 128 };

struct host {
    size_t start, end;
    char name[HOST_MOST + 1]; // small letters
    uint32_t size, labels;
    uint32_t last;     // where the last label begins
    uint32_t owned;    // characters of the label that was registered: example
    bool large, small; // letters of that size are in it
};

static bool is_one_of(const char *word, const char *const *words) {
    for (; *words; words++) {
        if (strcmp(word, *words) == 0) return true;
    }
    return false;
}

static const char *const ends[] = {"com", "cn", "net", "org", "gov", "edu", "hk", "tw", "mo", NULL};
// Ends that programs and files have too: with three labels or a path behind them.
static const char *const weak_ends[] = {"biz", "top", "xyz", "vip", "club", "shop", "online",
                                        "io",  "tv",  "cc",  "uk",  "jp",   "kr",   "sg",
                                        "us",  "de",  "fr",  "ru",  "eu",   NULL};
// Second labels that are part of the end: com.cn, gov.hk.
static const char *const seconds[] = {"com", "net", "org", "gov", "edu", "ac", "mil", "co", NULL};

// Where the host around the dot begins.
static size_t host_start(const struct view *view, size_t at) {
    uint32_t bytes, c, count = 0;
    size_t start = at;
    while (count < HOST_MOST) {
        c = fold_before(view->text, view->least, start, &bytes);
        if (!fold_alnum(c) && c != '-' && c != '.') break;
        start -= bytes;
        count++;
    }
    while (start < at) {
        c = fold_at(view->text, start, &bytes);
        if (c != '-' && c != '.') break;
        start += bytes;
    }
    return start;
}

static bool host_read(const struct view *view, size_t at, struct host *out) {
    struct str text = view->text;
    *out = (struct host){.start = host_start(view, at), .labels = 1};
    out->end = domain_end(text, out->start);
    if (out->start == at || out->end <= at) return false;
    uint32_t bytes, label = 0, before = 0;
    for (size_t place = out->start; place < out->end; place += bytes) {
        uint32_t c = fold_at(text, place, &bytes);
        if (out->size == HOST_MOST) return false;
        out->small |= c >= 'a' && c <= 'z';
        out->large |= c >= 'A' && c <= 'Z';
        out->name[out->size++] = (char)fold_lower(c);
        if (c != '.') continue;
        before = label;
        label = out->size;
        out->labels++;
    }
    if (label == 0) return false; // no dot
    out->last = label;
    char second[HOST_MOST + 1];
    uint32_t size = label - 1 - before;
    if (size > HOST_MOST) return false;
    memcpy(second, out->name + before, size);
    second[size] = '\0';
    out->owned = size;
    if (is_one_of(second, seconds) || (size == 2 && strcmp(out->name + label, "cn") == 0)) {
        // com.cn, bj.cn: what was registered stands before, if anything does.
        uint32_t start = before > 1 ? before - 1 : 0;
        while (start > 0 && out->name[start - 1] != '.') start--;
        if (before > 1) out->owned = before - 1 - start;
        if (before == 0 && is_one_of(second, seconds)) return false;
    }
    return true;
}

// Names of programs and packages: com.example.net, asp.net.
static bool is_program(const struct host *host) {
    static const char *const names[] = {"asp.net", "ado.net",    "vb.net", "ml.net",
                                        "c.net",   "system.net", NULL};
    bool package = strncmp(host->name, "com.", 4) == 0 || strncmp(host->name, "org.", 4) == 0 ||
                   strncmp(host->name, "java", 4) == 0;
    return (package && host->labels > 2) || is_one_of(host->name, names);
}

bool find_domain(const struct view *view, size_t at, struct personal_hit *hit) {
    struct str text = view->text;
    struct host host;
    uint32_t bytes, more, width;
    if (!host_read(view, at, &host)) return false;
    uint32_t before = fold_before(text, view->least, host.start, &bytes);
    if (before == '@' || before == '_' || before == '/' || before == '\\' || before == '$') {
        return false;
    }
    uint32_t after = fold_at(text, host.end, &bytes), next = fold_at(text, host.end + bytes, &more);
    if (after == '@' || after == '_' || after == '+' || after == '-' || after == '(') return false;
    if (fold_alnum(after) || (after == '.' && fold_alnum(next))) return false;
    bool path = bytes > 0 && (after == '/' || after == '?' || after == '#') && fold_alnum(next);
    bool port = after == ':' && fold_digit(next);
    bool strong = is_one_of(host.name + host.last, ends);
    bool weak = !strong && is_one_of(host.name + host.last, weak_ends);
    if (!strong && !(weak && (host.labels > 2 || path))) return false;
    // Amazon.com and Battle.net are names of firms and products.
    if ((host.large && host.small && !path) || is_program(&host)) return false;
    if (host.owned < 2 && !path) return false;
    (void)fold_at(text, at, &width);
    size_t end = path || port || after == '/' ? url_end(text, host.end, width > 1) : host.end;
    hit_set(hit, PERSONAL_URL, host.start, end > host.end ? end : host.end, strong ? 85 : 75);
    return true;
}
