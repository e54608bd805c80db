// The head of an HTTP/1.1 request: request line and fields, read strictly. What two programs could
// read in two ways is refused, so that nothing can be smuggled past a proxy: bare LF or CR, folded
// lines, blanks before the colon, two lengths, a length beside a transfer coding, two Host fields,
// NUL. Owns nothing: http_scan looks for the end in the bytes the caller has, http_parse fills a
// struct whose texts point into them. Depends on base/ only, so that the fuzzer can drive it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/call.h"
#include "base/str.h"

enum {
    HTTP_LINE_BYTES_MAX = 8 * 1024,  // the request line: a filter of a page fits many times
    HTTP_HEAD_BYTES_MAX = 16 * 1024, // request line and fields together
    HTTP_FIELDS_MAX = 64,
    HTTP_QUERY_MAX = 32, // name=value pairs
};

enum http_method {
    HTTP_NO_METHOD,
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_METHOD_COUNT
};
const char *http_method_name(enum http_method method); // "GET"; "" for HTTP_NO_METHOD

// Looks for the empty line that ends a head; goes on where it stopped, so that a head that comes
// byte by byte is read once.
struct http_scan {
    size_t at;         // bytes looked at
    size_t line_start; // of the line `at` stands in
    uint32_t lines;    // ended so far
};
enum http_found { HTTP_MORE, HTTP_WHOLE, HTTP_BAD };
struct http_fault {
    uint16_t status;  // of the answer
    const char *code; // message key
};
// HTTP_WHOLE: scan->at is the size of the head with its empty line. HTTP_BAD: *fault says why.
enum http_found http_scan(struct http_scan *scan, struct str bytes, struct http_fault *fault);

struct http_head {
    enum http_method method; // HTTP_NO_METHOD: a well-formed one we do not serve
    bool minor_zero;         // HTTP/1.0
    struct str target;       // as sent, from its first "/"
    struct str path;         // as sent, without the query
    struct str query;        // as sent, without "?"; data NULL if there is none
    struct str host;
    struct str authorization, cookie, origin, range, if_range, if_none_match, courtyard;
    uint64_t content_length;
    bool has_length;
    bool transfer_coded; // a Transfer-Encoding field was there
    bool close;          // "Connection: close", or HTTP/1.0 without keep-alive
    bool expects_continue;
    bool takes_gzip;
};
// `head` is what http_scan found whole. False: *fault says why, *out is not to be used.
bool http_parse(struct str head, struct http_head *out, struct http_fault *fault);

// Decodes %XX in place of a copy: out has at least in.size bytes. False for a broken sequence, a
// NUL, a control character, or text that is not UTF-8; with `plus`, "+" becomes a blank.
bool http_decode(struct str in, bool plus, char *out, size_t *out_size);
// Cuts a query into decoded pairs; `room` has at least query.size bytes and lives as long as they.
bool http_query_parse(struct str query, char *room, struct call_query out[static HTTP_QUERY_MAX],
                      uint32_t *out_count);
// The value of a cookie; STR_NONE if absent.
struct str http_cookie(struct str field, const char *name);

// "bytes=A-B" for a file of `size` bytes. HTTP_RANGE_NONE: serve the whole (no range, several
// ranges, another unit, or not well-formed: a server may ignore those).
enum http_range { HTTP_RANGE_NONE, HTTP_RANGE_PART, HTTP_RANGE_OUTSIDE };
enum http_range http_range_parse(struct str field, uint64_t size, uint64_t *out_first,
                                 uint64_t *out_count);
