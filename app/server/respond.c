#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/clock.h"
#include "server/server_private.h"

enum {
    COPY_BYTES_MAX = 12 * 1024,       // up to here head and body go out as one TLS record
    PACK_BYTES_MIN = 1024,            // below, gzip costs more than it saves
    PACK_BYTES_LOOP_MAX = 128 * 1024, // a loop does not stand still for more (about 1 ms)
};

static const char *reason_of(uint16_t status) {
    switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 416: return "Range Not Satisfiable";
    case 423: return "Locked";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "";
    }
}

// Written once a second.
static const char *date_of(struct loop *loop) {
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t now = clock_now_ms() / 1000;
    if (now != loop->date_second) {
        loop->date_second = now;
        int64_t year, day = now / 86400, second = now % 86400;
        unsigned month, date;
        civil_from_days(day, &year, &month, &date);
        snprintf(loop->date, sizeof loop->date, "%s, %02u %s %04d %02d:%02d:%02d GMT",
                 days[(uint64_t)day % 7], date, months[(month - 1) % 12], (int)year,
                 (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
    }
    return loop->date;
}

// A browser that believes it for "localhost" would refuse other programs of the same machine.
static bool wants_hsts(struct str host) {
    return host.size > 0 && !str_starts(host, STR("localhost")) && host.data[0] != '[';
}

void respond_head(struct request *request, uint16_t status, const char *content_type,
                  int64_t size) {
    struct connection *connection = request->connection;
    struct buf *out = &connection->out;
    request->status = status;
    buf_add_text(out, "HTTP/1.1 ");
    buf_add_u64(out, status);
    buf_add_char(out, ' ');
    buf_add_text(out, reason_of(status));
    buf_add_text(out, "\r\nDate: ");
    buf_add_text(out, date_of(connection->loop));
    if (content_type) {
        buf_add_text(out, "\r\nContent-Type: ");
        buf_add_text(out, content_type);
    }
    if (size >= 0 && status != 204 && status != 304) {
        buf_add_text(out, "\r\nContent-Length: ");
        buf_add_u64(out, (uint64_t)size);
    }
    buf_add_text(out, "\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
                      "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'; "
                      "base-uri 'none'; form-action 'self'; object-src 'none'\r\n");
    if (wants_hsts(request->head.host)) {
        buf_add_text(out, "Strict-Transport-Security: max-age=31536000\r\n");
    }
    if (connection->last || connection->body_left > 0) {
        buf_add_text(out, "Connection: close\r\n");
    } else if (request->head.minor_zero) {
        buf_add_text(out, "Connection: keep-alive\r\n");
    }
    buf_add_str(out, buf_str(&request->fields));
    buf_add_text(out, "\r\n");
}

static void respond_body(struct request *request, struct str body) {
    struct connection *connection = request->connection;
    if (request->head.method != HTTP_HEAD && request->status != 204 && request->status != 304) {
        if (body.size <= COPY_BYTES_MAX) {
            buf_add_str(&connection->out, body);
        } else {
            connection->tail = body;
            connection->tail_at = 0;
        }
    }
    connection_answer(connection, buf_err(&connection->out) != OK);
}

void respond_bytes(struct request *request, uint16_t status, const char *content_type,
                   struct str bytes) {
    respond_head(request, status, content_type, (int64_t)bytes.size);
    respond_body(request, bytes);
}

void respond_out(struct request *request) {
    struct str body = buf_str(&request->out);
    buf_add_text(&request->fields, "Cache-Control: no-store\r\n");
    if (request->packed) {
        buf_add_text(&request->fields, "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n");
    }
    respond_bytes(request, request->status, body.size ? request->content_type : NULL, body);
}

void respond_pack(struct request *request) {
    struct str plain = buf_str(&request->out);
    size_t most = request->route->speed == ROUTE_FAST ? PACK_BYTES_LOOP_MAX : UINT32_MAX;
    if (request->packed || !request->head.takes_gzip || plain.size < PACK_BYTES_MIN ||
        plain.size > most)
        return;
    enum { GZIP_WINDOW = 15 + 16, MEMORY_LEVEL = 8, LEVEL = 1 };
    z_stream stream = {0};
    if (deflateInit2(&stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        return; // no memory for it: the plain text does as well
    }
    struct buf packed;
    buf_open(&packed, SERVER_ANSWER_BYTES);
    size_t bound = deflateBound(&stream, plain.size);
    char *room = buf_reserve(&packed, bound);
    if (room) {
        union {
            const char *given;
            Bytef *taken;
        } in = {.given = plain.data}; // zlib only reads it
        stream.next_in = in.taken;
        stream.avail_in = (uInt)plain.size;
        stream.next_out = (Bytef *)room;
        stream.avail_out = (uInt)bound;
        if (deflate(&stream, Z_FINISH) == Z_STREAM_END) {
            packed.size = stream.total_out;
            struct buf old = request->out;
            request->out = packed;
            packed = old;
            request->packed = true;
        }
    }
    deflateEnd(&stream);
    buf_close(&packed);
}
