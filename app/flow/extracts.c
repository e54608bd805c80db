// What a cleansing set aside of the data for people to look at, as it wrote it: the sheet of
// samples, the row numbers of the technical sample, the keyword hits. Blobs of the revision, whose
// report names them by their hashes. Shown a page at a time with personal data hidden, handed out
// whole; either leaves a trace.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "data/detect/detect.h"
#include "flow/flow_private.h"

enum { CELL_SHOWN_BYTES = 16 << 10 }; // of one cell on a page; the whole is in the file
#define HIDDEN STR("•••")

const char *extract_file(enum extract_kind kind) {
    static const char *const files[EXTRACT_COUNT] = {
        [EXTRACT_SAMPLING] = "sampling.csv",
        [EXTRACT_TECHNICAL] = "sampling_technical.csv",
        [EXTRACT_WORDS] = "words.csv",
    };
    return files[kind];
}

// ---- which one ----------------------------------------------------------------------------------

struct extract {
    enum extract_kind kind;
    struct dataset dataset;
    struct revision revision;
    char path[LIMIT_PATH_BYTES];
};

static enum err kind_read(const struct call *call, enum extract_kind *out) {
    static const char *const names[EXTRACT_COUNT] = {"sampling", "technical", "words"};
    struct str name = call_query(call, "kind");
    if (name.size == 0) name = STR("sampling");
    for (uint32_t i = 0; i < EXTRACT_COUNT; i++) {
        if (!str_is(name, names[i])) continue;
        *out = (enum extract_kind)i;
        return OK;
    }
    return fault_set(call->fault, ERR_INPUT, "dataset.no_such_extract", name);
}

static enum err extract_find(struct flow *flow, const struct call *call, struct extract *out) {
    enum err err = allow(call, ROLE_DATA);
    if (err == OK) err = kind_read(call, &out->kind);
    if (err == OK) err = revision_find(flow, call, call->number, &out->dataset, &out->revision);
    if (err != OK) return err;
    const struct hash *hash = &out->revision.extracts[out->kind];
    if (hash_none(hash)) {
        return fault_set(call->fault, ERR_NOT_FOUND, "dataset.no_extract",
                         str_of(extract_file(out->kind)));
    }
    return blob_path(flow->store, hash, out->path, sizeof out->path, call->fault);
}

// ---- a page of it -------------------------------------------------------------------------------

// The next cell of CSV as cleanse/ writes it. False at the end of the text.
static bool cell_next(struct str *rest, struct buf *cell, bool *out_row_ends) {
    size_t at = 0;
    buf_clear(cell);
    if (rest->size == 0) return false;
    if (rest->data[0] == '"') {
        for (at = 1; at < rest->size; at++) {
            if (rest->data[at] == '"' && (at + 1 == rest->size || rest->data[++at] != '"')) break;
            buf_add_char(cell, rest->data[at]);
        }
    } else {
        while (at < rest->size && !memchr(",\r\n", rest->data[at], 3)) at++;
        buf_add(cell, rest->data, at);
    }
    *out_row_ends = at >= rest->size || rest->data[at] != ',';
    while (at < rest->size && rest->data[at] == '\r') at++;
    at += at < rest->size;
    *rest = (struct str){rest->data + at, rest->size - at};
    return true;
}

struct page {
    const struct extract *extract;
    struct json_writer *out;
    struct buf cell;
    uint64_t first, size, rows;
    uint32_t text_column; // UINT32_MAX: none
    bool reveal, direct;  // direct: columns that name people stand in the table untreated
};

static void cell_write(struct page *page, uint32_t column) {
    struct str text = buf_str(&page->cell);
    struct personal_hit hit;
    bool hides = !page->reveal && text.size > 0 &&
                 ((page->direct && column == page->text_column) ||
                  personal_scan(text, PERSONAL_IDENTIFIERS, &hit, 1) > 0);
    if (hides) text = HIDDEN;
    if (text.size > CELL_SHOWN_BYTES) {
        size_t keep = CELL_SHOWN_BYTES;
        while (keep > 0 && ((unsigned char)text.data[keep] & 0xC0) == 0x80) keep--;
        page->cell.size = keep;
        buf_add_text(&page->cell, "…");
        text = buf_str(&page->cell);
    }
    json_put_text(page->out, text);
}

static void head_write(struct page *page, struct str *rest) {
    bool ends = false;
    if (str_starts(*rest, STR("\xEF\xBB\xBF")))
        *rest = (struct str){rest->data + 3, rest->size - 3};
    json_put_name(page->out, "columns");
    json_open_array(page->out);
    for (uint32_t column = 0; !ends && cell_next(rest, &page->cell, &ends); column++) {
        if (str_is(buf_str(&page->cell), "text")) page->text_column = column;
        json_put_text(page->out, buf_str(&page->cell));
    }
    json_close_array(page->out);
}

static void rows_put(struct page *page, struct str rest) {
    json_put_name(page->out, "rows");
    json_open_array(page->out);
    while (rest.size > 0) {
        bool shown = page->rows >= page->first && page->rows - page->first < page->size;
        bool ends = false;
        if (shown) json_open_array(page->out);
        for (uint32_t column = 0; !ends && cell_next(&rest, &page->cell, &ends); column++) {
            if (shown) cell_write(page, column);
        }
        if (shown) json_close_array(page->out);
        page->rows++;
    }
    json_close_array(page->out);
}

static bool names_people(const struct revision *revision) {
    bool direct = false;
    for (uint32_t i = 0; i < revision->column_count; i++) {
        const struct revision_column *column = &revision->columns[i];
        direct |= column->role == COLUMN_DIRECT && !treatment_conceals(column->treatment);
    }
    return direct;
}

enum err flow_revision_extract(struct flow *flow, struct call *call) {
    struct extract extract;
    struct page page = {.extract = &extract, .out = call->out, .text_column = UINT32_MAX};
    struct file_map map;
    enum err err = extract_find(flow, call, &extract);
    if (err == OK) err = call_query_u64(call, "offset", 0, UINT64_MAX / 2, 0, &page.first);
    if (err == OK) err = call_query_u64(call, "size", 1, ROWS_PAGE_MAX, 50, &page.size);
    if (err == OK) {
        err = reveal_ask(flow, call, "dataset", str_of(extract_file(extract.kind)), &page.reveal);
    }
    if (err == OK) err = file_map(extract.path, &map, call->fault);
    if (err != OK) return err;
    page.direct = names_people(&extract.revision);
    buf_open(&page.cell, (size_t)LIMIT_COLUMNS * LIMIT_CELL_BYTES);
    struct str rest = {(const char *)map.data, map.size};
    json_open_object(call->out);
    json_set_text(call->out, "name", str_of(extract_file(extract.kind)));
    view_hash(call->out, "hash", &extract.revision.extracts[extract.kind]);
    json_set_u64(call->out, "bytes", map.size);
    head_write(&page, &rest);
    rows_put(&page, rest);
    json_set_u64(call->out, "total", page.rows);
    json_set_bool(call->out, "hidden", !page.reveal);
    json_close_object(call->out);
    err = buf_err(&page.cell);
    buf_close(&page.cell);
    file_unmap(&map);
    return err == OK ? answer_end(call) : err;
}

// ---- the whole file -----------------------------------------------------------------------------

enum err flow_extract_download(struct flow *flow, struct call *call, struct flow_download *out) {
    struct extract extract;
    struct flow_download download = {.content_type = "text/csv; charset=utf-8"};
    enum err err = extract_find(flow, call, &extract);
    if (err != OK) return err;
    const char *file = extract_file(extract.kind);
    const char *end = strrchr(file, '.');
    snprintf(download.name, sizeof download.name, "%.*s-%" PRIu64 "-%" PRIu64 "%s",
             (int)(end - file), file, call->id, call->number, end);
    if (!str_copy(download.path, sizeof download.path, str_of(extract.path))) return ERR_LIMIT;
    err = audit_note(flow, call, "dataset.reveal", "dataset", call->id, str_of(file));
    if (err == OK) *out = download;
    return err;
}
