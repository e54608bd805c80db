#include "server/assets.h"

#include <string.h>

#include "server/server_private.h"

const struct asset *asset_find(struct str path) {
    size_t low = 0, high = asset_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(path, str_of(assets[middle].path));
        if (order == 0) return &assets[middle];
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

// "app-3F2AB81C.js": the build put a hash of the content into the name, so it never changes.
static bool name_is_hashed(const char *path) {
    enum { HASH_DIGITS = 8 };
    const char *dash = strrchr(path, '-'), *dot = strrchr(path, '.');
    if (!dash || !dot || dot - dash != HASH_DIGITS + 1) return false;
    bool digit = false;
    for (const char *c = dash + 1; c < dot; c++) {
        bool fine =
            (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z');
        if (!fine) return false;
        digit |= *c <= '9' || (*c >= 'A' && *c <= 'Z');
    }
    return digit; // "half-finished.js" is a word
}

// One of several quoted tags, or "*". The gzip form has the same content, so the same weak tag.
static bool tag_stands_in(const char *etag, struct str field) {
    if (str_is(field, "*")) return true;
    while (field.data) {
        struct str tag = str_trim(str_cut(field, ',', &field));
        if (str_starts(tag, STR("W/"))) tag = (struct str){tag.data + 2, tag.size - 2};
        if (str_is(tag, etag)) return true;
    }
    return false;
}

void respond_asset(struct request *request) {
    struct str path = request->head.path;
    path = (struct str){path.data + 1, path.size - 1};
    const struct asset *asset = path.size ? asset_find(path) : NULL;
    // Pages have addresses of their own, which the one page reads: "/datasets/3".
    if (!asset) asset = asset_find(STR("index.html"));
    if (!asset) {
        request_refuse(request, 404, "server.no_such_path", "");
        return;
    }
    bool packed = asset->gzip && request->head.takes_gzip;
    struct buf *fields = &request->fields;
    buf_printf(fields, "ETag: W/%s\r\nVary: Accept-Encoding\r\n", asset->etag);
    buf_add_text(fields, name_is_hashed(asset->path)
                             ? "Cache-Control: public, max-age=31536000, immutable\r\n"
                             : "Cache-Control: no-cache\r\n");
    if (tag_stands_in(asset->etag, request->head.if_none_match)) {
        respond_bytes(request, 304, NULL, STR_NONE);
        return;
    }
    if (packed) buf_add_text(fields, "Content-Encoding: gzip\r\n");
    struct str bytes = packed ? (struct str){(const char *)asset->gzip, asset->gzip_size}
                              : (struct str){(const char *)asset->data, asset->size};
    respond_bytes(request, 200, asset->content_type, bytes);
}
