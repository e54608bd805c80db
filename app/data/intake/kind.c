// What kind of file it is: by its first bytes, by what an archive holds, by the text's beginning.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "data/intake/xlsx_private.h"

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
}

// --- by its first bytes --------------------------------------------------------------------------

// What is plainly none that we read is told by its name, with what to do instead.
static enum err refuse(struct str head, struct fault *fault) {
    static const struct {
        struct str head;
        const char *code;
    } known[] = {
        {{"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", 8}, "intake.old_office"},
        {{"%PDF-", 5}, "intake.pdf"},
        {{"Rar!\x1A\x07", 6}, "intake.other_archive"},
        {{"7z\xBC\xAF\x27\x1C", 6}, "intake.other_archive"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (!str_starts(head, known[i].head)) continue;
        return fault_set(fault, ERR_INPUT, known[i].code, STR_NONE);
    }
    return OK;
}

static enum err read_head(const char *path, char *head, size_t room, size_t *out_size,
                          uint64_t *out_bytes, struct fault *fault) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fault_errno(fault, errno, str_of(path));
    ssize_t got = pread(fd, head, room, 0);
    off_t end = lseek(fd, 0, SEEK_END);
    close(fd);
    if (got < 0) return fault_errno(fault, errno, str_of(path));
    *out_bytes = end > 0 ? (uint64_t)end : 0;
    *out_size = (size_t)got;
    return OK;
}

// A member by itself: a workbook, or text.
static enum err kind_of_member(const struct package *package, const char *path, struct looked *out,
                               struct fault *fault) {
    struct source *source;
    struct str name = package->member->name;
    enum err err = source_open_member(package->zip, package->member, PACKING_NONE, &source, fault);
    if (err) return err;
    struct str head = source_head(source);
    bool inner = zip_begins((const uint8_t *)head.data, head.size);
    if (!inner) err = refuse(head, fault);
    source_close(source);
    out->options.packing = PACKING_ZIP;
    if (err || !inner) return err;
    struct package within;
    out->options.format = FORMAT_XLSX;
    err = package_open(path, name, true, &within, fault);
    if (err) return err;
    if (!xlsx_is(within.zip)) err = fault_set(fault, ERR_INPUT, "zip.nested", name);
    package_close(&within);
    return err;
}

// All members: as one text, or as tables, of which the first is looked at.
static enum err kind_of_archive(const struct package *package, struct arena *arena,
                                struct looked *out, struct str *out_member, struct fault *fault) {
    uint32_t *members, count;
    enum err err = archive_members(package->zip, package->arena, &members, &count, fault);
    if (err) return err;
    out->options.packing = PACKING_ZIP;
    if (archive_is_text(package->zip, members, count)) {
        out->options.format = FORMAT_TEXT;
        return OK;
    }
    struct str name = package->zip->members[members[0]].name;
    char *copy = arena_take(arena, name.size + 1);
    if (!copy) return no_memory(fault);
    if (name.size) memcpy(copy, name.data, name.size);
    *out_member = (struct str){copy, name.size};
    out->archive = true;
    return OK;
}

static enum err kind_of_zip(const char *path, const struct intake_options *told,
                            struct arena *arena, struct looked *out, struct str *out_member,
                            struct fault *fault) {
    struct package package;
    struct str member = told->member;
    enum err err = package_open(path, member, false, &package, fault);
    if (err) return err;
    if (!package.member && xlsx_is(package.zip)) {
        out->options.packing = PACKING_NONE;
        out->options.format = FORMAT_XLSX;
    } else if (!package.member && zip_find(package.zip, STR("word/document.xml")) >= 0) {
        err = fault_set(fault, ERR_INPUT, "intake.word", STR_NONE);
    } else if (!package.member) {
        err = kind_of_archive(&package, arena, out, &member, fault);
    }
    package_close(&package);
    *out_member = member;
    if (err || member.size == 0) return err;
    err = package_open(path, member, false, &package, fault);
    if (err) return err;
    err = kind_of_member(&package, path, out, fault);
    package_close(&package);
    return err;
}

enum err kind_of_file(const char *path, const struct intake_options *told, struct arena *arena,
                      struct looked *out, struct str *out_member, struct fault *fault) {
    char head[8];
    size_t size = 0;
    enum err err = read_head(path, head, sizeof head, &size, &out->file_bytes, fault);
    if (err) return err;
    bool packed = told->packing == PACKING_GZIP || told->packing == PACKING_ZSTD;
    if (!packed && zip_begins((const uint8_t *)head, size)) {
        return kind_of_zip(path, told, arena, out, out_member, fault);
    }
    if (told->format == FORMAT_XLSX || told->packing == PACKING_ZIP) {
        return fault_set(fault, ERR_INPUT, "zip.damaged", STR_NONE);
    }
    return refuse((struct str){head, size}, fault);
}

// --- by its text ---------------------------------------------------------------------------------

static void ignore_member(void *ctx, struct str name, struct cell value) {
    (void)ctx, (void)name, (void)value;
}

static bool told_table(const struct intake_options *told) {
    return told->delimiter || told->quote || told->header != HEADER_GUESS;
}

static struct str behind_space(struct str text) {
    while (text.size && str_trim((struct str){text.data, 1}).size == 0) text.data++, text.size--;
    return text;
}

// Markup that only a table, a page or Excel's XML has, near the beginning.
static bool is_html(struct str text) {
    static const char *const marks[] = {"<table",
                                        "<html",
                                        "<!doctype html",
                                        "<body",
                                        "<tr",
                                        "<head",
                                        "urn:schemas-microsoft-com:office:spreadsheet"};
    enum { HEAD_BYTES = 4096 };
    char head[HEAD_BYTES];
    size_t size = text.size < HEAD_BYTES ? text.size : HEAD_BYTES;
    if (size == 0 || text.data[0] != '<') return false;
    for (size_t i = 0; i < size; i++) {
        char c = text.data[i];
        head[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (memmem(head, size, marks[i], strlen(marks[i]))) return true;
    }
    return false;
}

// Is the first line a JSON object by itself?
static enum err is_json_lines(struct str text, bool whole, struct arena *work, bool *out) {
    const char *newline = memchr(text.data, '\n', text.size);
    *out = false;
    if (!newline && !whole) return OK;
    size_t size = newline ? (size_t)(newline - text.data) : text.size;
    char *copy = arena_take(work, size + 1); // reading changes the line
    if (!copy) return ERR_MEMORY;
    memcpy(copy, text.data, size);
    *out = json_line_read(copy, size, ignore_member, NULL) == 0;
    return OK;
}

// An array of objects, or an object with one inside.
static bool is_json(struct str text) {
    if (text.size == 0) return false;
    struct str next = behind_space((struct str){text.data + 1, text.size - 1});
    if (next.size == 0) return false;
    if (text.data[0] == '[') return next.data[0] == '{';
    if (text.data[0] != '{' || next.data[0] != '"') return false;
    while (next.size > 0) {
        const char *array = memchr(next.data, '[', next.size);
        if (!array) return false;
        next.size -= (size_t)(array + 1 - next.data);
        next.data = array + 1;
        struct str item = behind_space(next);
        if (item.size > 0 && item.data[0] == '{') return true;
    }
    return false;
}

// One line alone that has an array of objects inside is a document, not a line of JSON Lines.
static bool one_line_document(struct str text, bool whole) {
    const char *newline = memchr(text.data, '\n', text.size);
    bool alone =
        whole &&
        (!newline ||
         behind_space((struct str){newline, text.size - (size_t)(newline - text.data)}).size == 0);
    const char *array = memmem(text.data, text.size, "[{", 2);
    return alone && array != NULL;
}

enum err format_of_text(struct str text, bool whole, const struct intake_options *told,
                        struct arena *work, enum intake_format *out) {
    bool lines = false;
    *out = FORMAT_CSV;
    if (told->rows != ROWS_GUESS) {
        *out = FORMAT_TEXT;
        return OK;
    }
    if (told_table(told)) return OK;
    struct str head = behind_space(text);
    if (head.size && head.data[0] == '{') {
        if (is_json_lines(head, whole, work, &lines)) return ERR_MEMORY;
        if (lines && !one_line_document(head, whole)) {
            *out = FORMAT_JSON_LINES;
            return OK;
        }
    }
    bool cut = head.size > 1 && head.data[0] == '{' && head.data[1] == '"' && !whole &&
               !memchr(head.data, '\n', head.size);
    if (is_json(head))
        *out = FORMAT_JSON;
    else if (cut) // a first line longer than the sample
        *out = FORMAT_JSON_LINES;
    else if (is_html(head))
        *out = FORMAT_HTML;
    else if (guess_text(text, whole, told->file_name))
        *out = FORMAT_TEXT;
    return OK;
}
