// The text that records are cut from: the file's own, or what a reader makes of it. Memory is that
// of the reader and some pieces.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "data/intake/readers_private.h"
#include "data/intake/xlsx_private.h"

enum {
    // Of the names in an archive, a workbook's styles and sheets.
    PACKAGE_BYTES = 256 << 20,
    // What a reader makes in one step; a sheet's blank rows come at once.
    MADE_BYTES_MAX = 64 << 20,
    // A workbook within an archive is unpacked in memory, for its parts are read in any order.
    INNER_BYTES_MAX = 256 << 20,
};

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
}

void note_add(struct notes *notes, const char *code, uint64_t count) {
    for (uint32_t i = 0; i < notes->count; i++) {
        if (notes->items[i].code != code) continue;
        notes->items[i].count += count;
        return;
    }
    if (notes->count == NOTES_MAX) return;
    notes->items[notes->count++] = (struct intake_note){code, count, {0}};
}

// --- packages ------------------------------------------------------------------------------------

static enum err open_zip(struct package *package, struct fault *fault) {
    return zip_open(package->fd, package->arena, &package->zip, fault);
}

// A zip that is a member of another.
static enum err open_inner(struct package *package, const struct zip_member *member,
                           struct fault *fault) {
    if (member->size > INNER_BYTES_MAX) {
        return fault_set(fault, ERR_LIMIT, "zip.inner_too_large", member->name);
    }
    struct zip_stream *stream = NULL;
    enum { PIECE = 64 << 10 };
    char *piece = arena_take(package->arena, PIECE);
    int inner = memfd_create("courtyard", MFD_CLOEXEC);
    enum err err = inner < 0 ? fault_errno(fault, errno, member->name) : OK;
    if (!err && !piece) err = no_memory(fault);
    if (!err) err = zip_stream_open(package->zip, member, &stream, fault);
    for (size_t got = 1; !err && got > 0;) {
        err = zip_stream_read(stream, piece, PIECE, &got, fault);
        if (!err && got) err = file_write_all(inner, piece, got, fault);
    }
    zip_stream_close(stream);
    if (err) {
        if (inner >= 0) close(inner);
        return err;
    }
    close(package->fd);
    package->fd = inner;
    package->member = NULL;
    return open_zip(package, fault);
}

enum err package_open(const char *path, struct str member, bool inner, struct package *out,
                      struct fault *fault) {
    struct package package = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
    enum err err = package.fd < 0 ? fault_errno(fault, errno, str_of(path)) : OK;
    if (!err && arena_open(PACKAGE_BYTES, &package.arena)) err = no_memory(fault);
    if (!err) err = open_zip(&package, fault);
    if (!err && member.size > 0) {
        int32_t index = zip_find(package.zip, member);
        if (index < 0) err = fault_set(fault, ERR_INPUT, "zip.no_such_member", member);
        if (!err) package.member = &package.zip->members[index];
        if (!err && inner) err = open_inner(&package, package.member, fault);
    }
    if (err)
        package_close(&package);
    else
        *out = package;
    return err;
}

void package_close(struct package *package) {
    if (package->fd >= 0) close(package->fd);
    arena_close(package->arena);
    *package = (struct package){.fd = -1};
}

// --- feeds ---------------------------------------------------------------------------------------

struct feed {
    enum intake_format format;
    struct source *source;  // of the text
    struct package package; // what holds it, or the workbook
    struct xlsx *xlsx;
    struct xlsx_rows *rows;
    uint32_t sheet;
    struct json_items *items;
    struct text_parts *parts;
    struct html_rows *html;
    uint64_t file_bytes;
    struct notes notes;
    struct buf made; // text a reader made, and how much of it was handed out
    size_t made_at;
    bool made_ended;
    uint64_t made_total;
};

static enum err open_xlsx(struct feed *feed, const char *path, const struct intake_options *options,
                          uint32_t width, struct fault *fault) {
    enum err err = package_open(path, options->member, true, &feed->package, fault);
    if (!err) err = xlsx_open(feed->package.zip, feed->package.arena, &feed->xlsx, fault);
    if (!err) err = xlsx_choose(feed->xlsx, options->sheet, &feed->sheet, fault);
    if (!err) err = xlsx_strings_read(feed->xlsx, fault);
    if (!err)
        err = xlsx_rows_open(feed->xlsx, feed->sheet, width, &feed->notes, &feed->rows, fault);
    if (err) return err;
    int32_t part = zip_find(feed->package.zip, feed->xlsx->sheets[feed->sheet].part);
    feed->file_bytes = feed->package.zip->members[part].packed;
    return OK;
}

static enum err open_text(struct feed *feed, const char *path, const struct intake_options *options,
                          uint32_t width, struct fault *fault) {
    enum err err;
    if (options->member.size > 0) {
        err = package_open(path, options->member, false, &feed->package, fault);
        if (!err) {
            err = source_open_member(feed->package.zip, feed->package.member, PACKING_GUESS,
                                     &feed->source, fault);
        }
    } else {
        err = source_open(path, options->packing, &feed->source, fault);
    }
    if (err) return err;
    source_decode(feed->source, options->encoding);
    feed->file_bytes = source_file_bytes(feed->source);
    if (options->format == FORMAT_JSON) {
        return json_items_open(feed->source, &feed->items, fault);
    }
    if (options->format == FORMAT_HTML) {
        uint64_t table = 0;
        (void)str_to_u64(options->sheet, &table);
        return html_rows_open(feed->source, (uint32_t)table, width, &feed->html, fault);
    }
    if (options->format == FORMAT_TEXT && options->rows > ROWS_LINE) {
        return text_parts_open(NULL, NULL, 1, feed->source, options->rows, ENCODING_UNKNOWN,
                               &feed->parts, fault);
    }
    return OK;
}

// The text files of an archive, one after another.
static enum err open_texts(struct feed *feed, const char *path,
                           const struct intake_options *options, struct fault *fault) {
    uint32_t *members, count;
    enum err err = package_open(path, STR_NONE, false, &feed->package, fault);
    if (!err) {
        err = archive_members(feed->package.zip, feed->package.arena, &members, &count, fault);
    }
    if (err) return err;
    for (uint32_t i = 0; i < count; i++) {
        feed->file_bytes += feed->package.zip->members[members[i]].packed;
    }
    return text_parts_open(feed->package.zip, members, count, NULL, options->rows,
                           options->encoding, &feed->parts, fault);
}

enum err feed_open(const char *path, const struct intake_options *options, uint32_t width,
                   struct feed **out, struct fault *fault) {
    struct feed *feed = memory_take(sizeof *feed);
    if (!feed) return no_memory(fault);
    *feed = (struct feed){.format = options->format, .package.fd = -1};
    buf_open(&feed->made, MADE_BYTES_MAX);
    enum err err;
    if (options->format == FORMAT_XLSX)
        err = open_xlsx(feed, path, options, width, fault);
    else if (options->packing == PACKING_ZIP && options->member.size == 0)
        err = open_texts(feed, path, options, fault);
    else
        err = open_text(feed, path, options, width, fault);
    if (err)
        feed_close(feed);
    else
        *out = feed;
    return err;
}

void feed_close(struct feed *feed) {
    if (!feed) return;
    xlsx_rows_close(feed->rows);
    xlsx_close(feed->xlsx);
    json_items_close(feed->items);
    text_parts_close(feed->parts);
    html_rows_close(feed->html);
    source_close(feed->source);
    package_close(&feed->package);
    buf_close(&feed->made);
    memory_give(feed);
}

static enum err make_more(struct feed *feed, struct fault *fault) {
    struct buf *made = &feed->made;
    if (feed->rows) return xlsx_rows_next(feed->rows, made, &feed->made_ended, fault);
    if (feed->html) return html_rows_next(feed->html, made, &feed->made_ended, fault);
    if (feed->items) return json_items_next(feed->items, made, &feed->made_ended, fault);
    return text_parts_next(feed->parts, made, &feed->made_ended, fault);
}

static bool is_made(const struct feed *feed) {
    return feed->rows || feed->html || feed->items || feed->parts;
}

enum err feed_text(struct feed *feed, char *out, size_t room, size_t *out_size,
                   struct fault *fault) {
    *out_size = 0;
    if (!is_made(feed)) return source_text(feed->source, out, room, out_size, fault);
    while (feed->made_at == feed->made.size && !feed->made_ended) {
        buf_clear(&feed->made);
        feed->made_at = 0;
        enum err err = make_more(feed, fault);
        if (err) return err;
    }
    size_t left = feed->made.size - feed->made_at;
    *out_size = left < room ? left : room;
    if (*out_size) memcpy(out, feed->made.data + feed->made_at, *out_size);
    feed->made_at += *out_size;
    feed->made_total += *out_size;
    return OK;
}

uint64_t feed_file_bytes(const struct feed *feed) {
    return feed->file_bytes;
}

uint64_t feed_bytes_read(const struct feed *feed) {
    if (feed->rows) return xlsx_rows_packed(feed->rows);
    return feed->source ? source_bytes_read(feed->source) : text_parts_packed(feed->parts);
}

uint64_t feed_bytes_decoded(const struct feed *feed) {
    return is_made(feed) ? feed->made_total : source_bytes_decoded(feed->source);
}

uint64_t feed_invalid(const struct feed *feed) {
    return feed->source ? source_invalid(feed->source) : 0;
}

const struct notes *feed_notes(const struct feed *feed) {
    return &feed->notes;
}

static enum err sheet_items(const struct feed *feed, struct arena *arena, struct looked *out) {
    const struct xlsx *xlsx = feed->xlsx;
    out->items = ARENA_ARRAY(arena, struct intake_item, xlsx->sheet_count);
    if (!out->items) return ERR_MEMORY;
    for (uint32_t i = 0; i < xlsx->sheet_count; i++) {
        const struct xlsx_sheet *sheet = &xlsx->sheets[i];
        struct intake_item *item = &out->items[i];
        char *name = arena_take(arena, sheet->name.size + 1);
        if (!name) return ERR_MEMORY;
        if (sheet->name.size) memcpy(name, sheet->name.data, sheet->name.size);
        item->name = (struct str){name, sheet->name.size};
        item->state = i == feed->sheet ? "used" : sheet->hidden ? "hidden" : "visible";
        if (sheet->hidden) note_add(&out->notes, "xlsx.hidden_sheets", 1);
        if (i == feed->sheet) out->options.sheet = item->name;
    }
    out->item_count = xlsx->sheet_count;
    return OK;
}

static enum err table_items(const struct feed *feed, struct arena *arena, struct looked *out) {
    enum { NAME_BYTES = 12 };
    uint32_t count = html_rows_tables(feed->html), used = html_rows_table(feed->html);
    out->items = ARENA_ARRAY(arena, struct intake_item, count + 1);
    if (!out->items) return ERR_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        char *name = arena_take(arena, NAME_BYTES);
        if (!name) return ERR_MEMORY;
        int size = snprintf(name, NAME_BYTES, "%u", i + 1);
        out->items[i].name = (struct str){name, (size_t)size};
        out->items[i].state = i + 1 == used ? "used" : "visible";
        if (i + 1 == used) out->options.sheet = out->items[i].name;
    }
    out->item_count = count;
    return OK;
}

enum err feed_sheets(const struct feed *feed, struct arena *arena, struct looked *out) {
    if (feed->xlsx) return sheet_items(feed, arena, out);
    return feed->html ? table_items(feed, arena, out) : OK;
}
