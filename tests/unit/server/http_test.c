#include "check.h"
#include "server/http_private.h"

// Reads a whole head, first in one piece, then byte by byte: both must say the same.
static bool parse(const char *text, struct http_head *head, struct http_fault *fault) {
    struct str all = str_of(text);
    struct http_scan scan = {0};
    enum http_found whole = http_scan(&scan, all, fault);
    struct http_scan slow = {0};
    enum http_found found = HTTP_MORE;
    struct http_fault slow_fault = {0};
    for (size_t size = 1; size <= all.size && found == HTTP_MORE; size++) {
        found = http_scan(&slow, (struct str){text, size}, &slow_fault);
    }
    CHECK_EQ(found, whole);
    if (whole == HTTP_BAD) CHECK_EQ(slow_fault.status, fault->status);
    if (whole == HTTP_WHOLE) CHECK_EQ(slow.at, scan.at);
    return whole == HTTP_WHOLE && http_parse((struct str){text, scan.at}, head, fault);
}

static void reads_an_ordinary_request(void) {
    struct http_head head;
    struct http_fault fault = {0};
    REQUIRE(parse("GET /api/v1/datasets?page=2&size=50 HTTP/1.1\r\nHost: box.local:8443\r\n"
                  "Cookie: a=b; courtyard=SECRET; c=d\r\nAccept-Encoding: br, gzip;q=0.8\r\n"
                  "X-Courtyard: 1\r\nIf-None-Match: \"x\"\r\n\r\n",
                  &head, &fault));
    CHECK_EQ(head.method, HTTP_GET);
    CHECK_TEXT(head.path, "/api/v1/datasets");
    CHECK_TEXT(head.query, "page=2&size=50");
    CHECK_TEXT(head.host, "box.local:8443");
    CHECK_TEXT(http_cookie(head.cookie, "courtyard"), "SECRET");
    CHECK_EQ(http_cookie(head.cookie, "court").data == NULL, true);
    CHECK(head.takes_gzip);
    CHECK(!head.close);
    CHECK_TEXT(head.courtyard, "1");
}

static void knows_lengths_and_connections(void) {
    struct http_head head;
    struct http_fault fault = {0};
    REQUIRE(parse("POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 17\r\nConnection: x, close\r\n"
                  "Expect: 100-continue\r\n\r\n",
                  &head, &fault));
    CHECK(head.has_length && head.content_length == 17 && head.close && head.expects_continue);
    REQUIRE(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &head, &fault));
    CHECK(head.minor_zero && !head.close);
    REQUIRE(parse("GET / HTTP/1.0\r\n\r\n", &head, &fault));
    CHECK(head.close);
    REQUIRE(parse("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip;q=0\r\n\r\n", &head, &fault));
    CHECK(!head.takes_gzip);
    REQUIRE(parse("GET https://a:1/x?y HTTP/1.1\r\nHost: a:1\r\n\r\n", &head, &fault));
    CHECK_TEXT(head.target, "/x?y");
    REQUIRE(parse("OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n", &head, &fault));
    CHECK_EQ(head.method, HTTP_NO_METHOD);
}

static void refuses_what_could_be_read_two_ways(void) {
    static const struct {
        const char *text;
        uint16_t status;
    } cases[] = {
        {"GET / HTTP/1.1\nHost: a\n\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400},
        {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 411},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 411},
        {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
        {"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\xe4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"GET / http/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\r\nHost: a\r\n\r\n", 400},
        {"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nCookie: a\r\nCookie: b\r\n\r\n", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_head head;
        struct http_fault fault = {0};
        if (!CHECK(!parse(cases[i].text, &head, &fault)) ||
            !CHECK_EQ(fault.status, cases[i].status)) {
            fprintf(stderr, "case %zu: %s\n", i, cases[i].text);
        }
    }
}

static void has_limits(void) {
    static char text[64 * 1024];
    struct http_scan scan = {0};
    struct http_fault fault = {0};
    memset(text, 'a', sizeof text);
    CHECK_EQ(http_scan(&scan, (struct str){text, HTTP_LINE_BYTES_MAX}, &fault), HTTP_MORE);
    CHECK_EQ(http_scan(&scan, (struct str){text, HTTP_LINE_BYTES_MAX + 1}, &fault), HTTP_BAD);
    CHECK_EQ(fault.status, 414);
    memcpy(text, "GET / HTTP/1.1\r\nX: ", 19);
    scan = (struct http_scan){0};
    CHECK_EQ(http_scan(&scan, (struct str){text, HTTP_HEAD_BYTES_MAX}, &fault), HTTP_BAD);
    CHECK_EQ(fault.status, 431);
    size_t at = 16;
    for (int i = 0; i < HTTP_FIELDS_MAX + 1; i++, at += 6) memcpy(text + at, "X: y\r\n", 6);
    memcpy(text + at, "\r\n", 2);
    scan = (struct http_scan){0};
    CHECK_EQ(http_scan(&scan, (struct str){text, at + 2}, &fault), HTTP_BAD);
    CHECK_EQ(fault.status, 431);
}

static void decodes(void) {
    char room[64];
    size_t size = 0;
    REQUIRE(http_decode(STR("%e6%95%b0+a%2Bb"), true, room, &size));
    CHECK_TEXT(((struct str){room, size}), "数 a+b");
    CHECK(!http_decode(STR("%00"), false, room, &size));
    CHECK(!http_decode(STR("%zz"), false, room, &size));
    CHECK(!http_decode(STR("a%4"), false, room, &size));
    CHECK(!http_decode(STR("%ff"), false, room, &size));
    struct call_query query[HTTP_QUERY_MAX];
    uint32_t count = 0;
    REQUIRE(http_query_parse(STR("a=1&b=%3D&&c&d="), room, query, &count));
    CHECK_EQ(count, 4);
    CHECK_TEXT(query[1].value, "=");
    CHECK_TEXT(query[2].name, "c");
    CHECK_EQ(query[2].value.size, 0);
    char many[3 * (HTTP_QUERY_MAX + 1)], space[sizeof many];
    for (int i = 0; i <= HTTP_QUERY_MAX; i++) memcpy(many + 3 * i, "a=&", 3);
    CHECK(!http_query_parse((struct str){many, sizeof many}, space, query, &count));
}

static void reads_ranges(void) {
    uint64_t first = 0, count = 0;
    CHECK_EQ(http_range_parse(STR("bytes=0-9"), 100, &first, &count), HTTP_RANGE_PART);
    CHECK(first == 0 && count == 10);
    CHECK_EQ(http_range_parse(STR("bytes=90-"), 100, &first, &count), HTTP_RANGE_PART);
    CHECK(first == 90 && count == 10);
    CHECK_EQ(http_range_parse(STR("bytes=-7"), 100, &first, &count), HTTP_RANGE_PART);
    CHECK(first == 93 && count == 7);
    CHECK_EQ(http_range_parse(STR("bytes=99-1000"), 100, &first, &count), HTTP_RANGE_PART);
    CHECK(first == 99 && count == 1);
    CHECK_EQ(http_range_parse(STR("bytes=100-"), 100, &first, &count), HTTP_RANGE_OUTSIDE);
    CHECK_EQ(http_range_parse(STR("bytes=-0"), 100, &first, &count), HTTP_RANGE_OUTSIDE);
    CHECK_EQ(http_range_parse(STR("bytes=5-2"), 100, &first, &count), HTTP_RANGE_NONE);
    CHECK_EQ(http_range_parse(STR("bytes=0-1,3-4"), 100, &first, &count), HTTP_RANGE_NONE);
    CHECK_EQ(http_range_parse(STR("lines=0-1"), 100, &first, &count), HTTP_RANGE_NONE);
    CHECK_EQ(http_range_parse(STR("bytes=-"), 100, &first, &count), HTTP_RANGE_NONE);
    CHECK_EQ(http_range_parse(STR_NONE, 100, &first, &count), HTTP_RANGE_NONE);
}

int main(void) {
    CHECK_RUN(reads_an_ordinary_request);
    CHECK_RUN(knows_lengths_and_connections);
    CHECK_RUN(refuses_what_could_be_read_two_ways);
    CHECK_RUN(has_limits);
    CHECK_RUN(decodes);
    CHECK_RUN(reads_ranges);
    return check_done();
}
