#include "server/http_private.h"

#include <string.h>

#include "base/text.h"

const char *http_method_name(enum http_method method) {
    static const char *const names[HTTP_METHOD_COUNT] = {"",    "GET",   "HEAD",  "POST",
                                                         "PUT", "PATCH", "DELETE"};
    return method < HTTP_METHOD_COUNT ? names[method] : "";
}

static enum http_found bad(struct http_fault *fault, uint16_t status, const char *code) {
    *fault = (struct http_fault){status, code};
    return HTTP_BAD;
}

// ---- finding the end ---------------------------------------------------------------------------

// Goes on to the next LF with memchr; a line must end in CR LF and hold no other CR and no NUL.
enum http_found http_scan(struct http_scan *scan, struct str bytes, struct http_fault *fault) {
    while (scan->at < bytes.size) {
        const char *start = bytes.data + scan->at;
        const char *end = memchr(start, '\n', bytes.size - scan->at);
        size_t line_max = scan->lines == 0 ? HTTP_LINE_BYTES_MAX : HTTP_HEAD_BYTES_MAX;
        size_t line_end = end ? (size_t)(end - bytes.data) : bytes.size;
        if (line_end - scan->line_start > line_max) {
            return bad(fault, scan->lines == 0 ? 414 : 431,
                       scan->lines == 0 ? "server.uri_too_long" : "server.head_too_large");
        }
        if (line_end >= HTTP_HEAD_BYTES_MAX) return bad(fault, 431, "server.head_too_large");
        scan->at = line_end;
        if (!end) return HTTP_MORE;
        size_t size = line_end - scan->line_start;
        if (size == 0 || bytes.data[line_end - 1] != '\r') {
            return bad(fault, 400, "server.bad_line");
        }
        scan->at = line_end + 1;
        scan->line_start = scan->at;
        if (size == 1) {
            // An empty first line is tolerated by others; here nothing precedes a request.
            return scan->lines == 0 ? bad(fault, 400, "server.bad_line") : HTTP_WHOLE;
        }
        scan->lines++;
        if (scan->lines > HTTP_FIELDS_MAX + 1) return bad(fault, 431, "server.head_too_large");
    }
    return HTTP_MORE;
}

// ---- characters --------------------------------------------------------------------------------

static bool is_token_char(unsigned char c) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
    return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(struct str s) {
    for (size_t i = 0; i < s.size; i++) {
        if (!is_token_char((unsigned char)s.data[i])) return false;
    }
    return s.size > 0;
}

// Visible ASCII, blank, tab and the upper half; no control character, no DEL.
static bool is_field_text(struct str s) {
    for (size_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7F) return false;
    }
    return true;
}

static bool is_visible_ascii(struct str s) {
    for (size_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if (c <= 0x20 || c >= 0x7F) return false;
    }
    return true;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool same_word(struct str s, const char *word) {
    size_t size = strlen(word);
    if (s.size != size) return false;
    for (size_t i = 0; i < size; i++) {
        if (lower(s.data[i]) != word[i]) return false;
    }
    return true;
}

static struct str trim_blanks(struct str s) {
    while (s.size && (s.data[0] == ' ' || s.data[0] == '\t')) s.data++, s.size--;
    while (s.size && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t')) s.size--;
    return s;
}

// Host may hold a name, an IPv4 or a bracketed IPv6 address and a port.
static bool is_host(struct str s) {
    for (size_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.data[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '.' || c == '_' || c == ':' || c == '[' || c == ']';
        if (!fine) return false;
    }
    return s.size > 0 && s.size <= 255;
}

// ---- the request line --------------------------------------------------------------------------

static enum http_method method_of(struct str word) {
    for (int m = HTTP_GET; m < HTTP_METHOD_COUNT; m++) {
        if (str_is(word, http_method_name((enum http_method)m))) return (enum http_method)m;
    }
    return HTTP_NO_METHOD;
}

// "/path?query", or the absolute form, whose authority is handed out to be compared with Host.
static bool target_parse(struct str target, struct http_head *out, struct str *authority) {
    *authority = STR_NONE;
    if (!is_visible_ascii(target)) return false;
    if (str_starts(target, STR("http://")) || str_starts(target, STR("https://"))) {
        size_t skip = str_starts(target, STR("https://")) ? 8 : 7;
        struct str rest = {target.data + skip, target.size - skip};
        const char *slash = rest.size ? memchr(rest.data, '/', rest.size) : NULL;
        if (!slash) return false;
        *authority = (struct str){rest.data, (size_t)(slash - rest.data)};
        target = (struct str){slash, rest.size - authority->size};
        if (authority->size == 0) return false;
    }
    if (target.size == 0 || target.data[0] != '/') return false;
    if (memchr(target.data, '#', target.size)) return false;
    out->target = target;
    out->path = str_cut(target, '?', &out->query);
    return true;
}

static bool line_parse(struct str line, struct http_head *out, struct str *authority,
                       struct http_fault *fault) {
    struct str rest, version;
    struct str method = str_cut(line, ' ', &rest);
    struct str target = str_cut(rest, ' ', &version);
    if (!is_token(method) || !target_parse(target, out, authority)) {
        bad(fault, 400, "server.bad_request_line");
        return false;
    }
    out->method = method_of(method);
    if (str_is(version, "HTTP/1.0")) {
        out->minor_zero = out->close = true;
    } else if (!str_is(version, "HTTP/1.1")) {
        bool other = version.size == 8 && str_starts(version, STR("HTTP/"));
        bad(fault, other ? 505 : 400, "server.bad_version");
        return false;
    }
    return true;
}

// ---- fields ------------------------------------------------------------------------------------

// Calls nothing for empty members of a list: "close, , x".
static void connection_field(struct str value, struct http_head *out) {
    while (value.data) {
        struct str word = trim_blanks(str_cut(value, ',', &value));
        if (same_word(word, "close")) out->close = true;
        if (same_word(word, "keep-alive") && out->minor_zero) out->close = false;
    }
}

static void encoding_field(struct str value, struct http_head *out) {
    while (value.data) {
        struct str weight = STR_NONE;
        struct str coding = trim_blanks(str_cut(str_cut(value, ',', &value), ';', &weight));
        weight = trim_blanks(weight);
        bool refused = str_starts(weight, STR("q=0"));
        for (size_t i = 3; refused && i < weight.size; i++) {
            if (weight.data[i] >= '1' && weight.data[i] <= '9') refused = false;
        }
        if (same_word(coding, "gzip") || same_word(coding, "*")) out->takes_gzip = !refused;
    }
}

static bool length_field(struct str value, struct http_head *out) {
    if (out->has_length || value.size == 0 || value.size > 18) return false;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') return false;
    }
    out->has_length = true;
    return str_to_u64(value, &out->content_length);
}

// A field that may stand only once.
static bool once(struct str *slot, struct str value) {
    if (slot->data) return false;
    *slot = value;
    return true;
}

static bool field_take(struct str name, struct str value, struct http_head *out) {
    if (same_word(name, "host")) return is_host(value) && once(&out->host, value);
    if (same_word(name, "content-length")) return length_field(value, out);
    if (same_word(name, "authorization")) return once(&out->authorization, value);
    if (same_word(name, "cookie")) return once(&out->cookie, value);
    if (same_word(name, "origin")) return once(&out->origin, value);
    if (same_word(name, "range")) return once(&out->range, value);
    if (same_word(name, "if-range")) return once(&out->if_range, value);
    if (same_word(name, "if-none-match")) return once(&out->if_none_match, value);
    if (same_word(name, "x-courtyard")) return once(&out->courtyard, value);
    if (same_word(name, "connection")) connection_field(value, out);
    if (same_word(name, "accept-encoding")) encoding_field(value, out);
    if (same_word(name, "transfer-encoding")) out->transfer_coded = true;
    if (same_word(name, "expect")) {
        if (!same_word(value, "100-continue")) return false;
        out->expects_continue = true;
    }
    return true;
}

static bool field_parse(struct str line, struct http_head *out, struct http_fault *fault) {
    struct str value;
    struct str name = str_cut(line, ':', &value);
    // A blank before the colon or at the line's start (a folded line) makes the name no token.
    if (!value.data || !is_token(name) || !is_field_text(value) ||
        !field_take(name, trim_blanks(value), out)) {
        bad(fault, 400, "server.bad_field");
        return false;
    }
    return true;
}

static struct str next_line(struct str *rest) {
    struct str line = str_cut(*rest, '\n', rest);
    if (line.size) line.size--; // the CR, which http_scan has seen
    return line;
}

bool http_parse(struct str head, struct http_head *out, struct http_fault *fault) {
    *out = (struct http_head){0};
    struct str rest = head, authority = STR_NONE;
    if (!line_parse(next_line(&rest), out, &authority, fault)) return false;
    for (;;) {
        struct str line = next_line(&rest);
        if (line.size == 0) break;
        if (!field_parse(line, out, fault)) return false;
    }
    if (!out->host.data && !out->minor_zero) {
        bad(fault, 400, "server.no_host");
        return false;
    }
    if (authority.data && !str_equal(authority, out->host)) {
        bad(fault, 400, "server.bad_request_line");
        return false;
    }
    if (out->transfer_coded) {
        // Both lengths at once is how requests are smuggled; a coding alone is merely not served.
        if (out->has_length || out->minor_zero) {
            bad(fault, 400, "server.two_lengths");
        } else {
            bad(fault, 411, "server.length_required");
        }
        return false;
    }
    return true;
}
