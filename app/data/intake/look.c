// Looks at the head of a file and fills in everything a person did not tell.
#include <stdio.h>
#include <string.h>

#include "data/intake/intake_private.h"

enum {
    LOOK_BYTES = 256 << 20,   // memory of one look: 1 MiB of single-byte fields fits
    PREVIEW_CELL_BYTES = 200, // of one cell shown; what is longer ends in "…"
};

// One look: `work` ends with it, `arena` is the caller's.
struct look {
    struct arena *work, *arena;
    struct looked *out;
    const struct intake_options *told;
    uint32_t sample_limit;
    char *text; // decoded sample
    size_t size;
    bool whole; // the sample is the whole file
};

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
}

static enum err copy_str(struct arena *arena, struct str s, struct str *out) {
    char *copy = arena_take(arena, s.size ? s.size : 1);
    if (!copy) return ERR_MEMORY;
    if (s.size) memcpy(copy, s.data, s.size);
    *out = (struct str){copy, s.size};
    return OK;
}

static size_t cut_size(struct str s, size_t most) {
    if (s.size <= most) return s.size;
    while (most > 0 && ((uint8_t)s.data[most] & 0xC0) == 0x80) most--;
    return most;
}

static enum err copy_preview(struct arena *arena, struct str s, struct str *out) {
    if (s.size <= PREVIEW_CELL_BYTES) return copy_str(arena, s, out);
    size_t size = cut_size(s, PREVIEW_CELL_BYTES - 3);
    char *copy = arena_take(arena, size + 3);
    if (!copy) return ERR_MEMORY;
    memcpy(copy, s.data, size);
    memcpy(copy + size, "…", 3);
    *out = (struct str){copy, size + 3};
    return OK;
}

// --- the sample's bytes --------------------------------------------------------------------------

// The beginning of the file, or of the member of it that was told.
static enum err read_sample(struct look *look, const char *path, struct fault *fault) {
    struct package package = {.fd = -1};
    struct source *source = NULL;
    char *raw = arena_take(look->work, SAMPLE_BYTES);
    if (!raw) return no_memory(fault);
    enum err err = OK;
    if (look->told->member.size > 0) {
        err = package_open(path, look->told->member, false, &package, fault);
        if (!err) {
            err = source_open_member(package.zip, package.member, PACKING_GUESS, &source, fault);
        }
    } else if (look->out->options.packing == PACKING_ZIP) {
        err = fault_set(fault, ERR_INPUT, "zip.damaged", STR_NONE);
    } else {
        err = source_open(path, look->told->packing, &source, fault);
    }
    if (err) {
        package_close(&package);
        return err;
    }
    size_t size = 0;
    while (size < SAMPLE_BYTES) {
        size_t got;
        err = source_raw(source, raw + size, SAMPLE_BYTES - size, &got, fault);
        if (err) goto done;
        look->whole = got == 0;
        if (got == 0) break;
        size += got;
    }
    struct looked *out = look->out;
    out->feed_bytes = source_file_bytes(source);
    out->options.packing = package.zip ? PACKING_ZIP : source_packing(source);
    out->options.encoding = look->told->encoding;
    out->encoding_confidence = 1;
    struct str bytes = {raw, size};
    if (out->options.encoding == ENCODING_UNKNOWN) {
        out->options.encoding = encoding_guess(bytes, look->whole, &out->encoding_confidence);
    }
    look->text = arena_take(look->work, 3 * size + 8);
    if (!look->text) {
        err = no_memory(fault);
        goto done;
    }
    struct decoder decoder;
    decoder_start(&decoder, out->options.encoding);
    look->size = decoder_run(&decoder, bytes, look->whole, look->text);
    if (str_trim((struct str){look->text, look->size}).size == 0) {
        err = fault_set(fault, ERR_INPUT, "intake.empty", STR_NONE);
    }
done:
    source_close(source);
    package_close(&package);
    return err;
}

// A sheet may have its data far down: blank lines at the start go, and many in a row become few.
static size_t fewer_blank_lines(char *text, size_t size) {
    enum { KEPT = 8 };
    size_t to = 0, run = KEPT;
    for (size_t from = 0; from < size; from++) {
        run = text[from] == '\n' ? run + 1 : 0;
        if (run <= KEPT) text[to++] = text[from];
    }
    return to;
}

// What a reader makes of the file's beginning.
static enum err read_made(struct look *look, const char *path, struct fault *fault) {
    struct looked *out = look->out;
    struct feed *feed;
    const size_t room = SAMPLE_BYTES + SOURCE_ROOM_MIN;
    look->text = arena_take(look->work, room);
    if (!look->text) return no_memory(fault);
    struct intake_options told = out->options;
    told.member = look->told->member;
    enum err err = feed_open(path, &told, 0, &feed, fault);
    if (err) return err;
    look->size = 0;
    look->whole = false;
    while (!err && !look->whole && look->size < SAMPLE_BYTES) {
        size_t got;
        err = feed_text(feed, look->text + look->size, room - look->size, &got, fault);
        if (err) break;
        look->whole = got == 0;
        look->size += got;
        look->size = fewer_blank_lines(look->text, look->size);
    }
    if (!err && look->size == 0) err = fault_set(fault, ERR_INPUT, "intake.empty", STR_NONE);
    if (out->options.format == FORMAT_XLSX) {
        out->encoding_confidence = 1;
        out->options.encoding = ENCODING_UTF8;
    }
    out->feed_bytes = feed_file_bytes(feed);
    out->notes = *feed_notes(feed);
    if (!err && feed_sheets(feed, look->arena, out)) err = no_memory(fault);
    feed_close(feed);
    return err;
}

// --- columns -------------------------------------------------------------------------------------

static bool name_taken(struct str name, const struct intake_column *columns, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (str_equal(columns[i].name, name)) return true;
    }
    return false;
}

enum err look_name(struct arena *arena, struct str raw, const struct intake_column *columns,
                   uint32_t at, struct str *out) {
    char text[LIMIT_NAME_BYTES + 1], tried[LIMIT_NAME_BYTES + 1];
    raw = str_trim(raw);
    struct str name = {text, cut_size(raw, LIMIT_NAME_BYTES)};
    for (size_t i = 0; i < name.size; i++) {
        text[i] = (uint8_t)raw.data[i] < ' ' ? ' ' : raw.data[i];
    }
    if (name.size == 0) name.size = (size_t)snprintf(text, sizeof text, "column_%u", at + 1);
    const struct str base = {text, cut_size(name, LIMIT_NAME_BYTES - 6)};
    // name_2 to name_9, then by its place: a header of one name only must not cost cubic time.
    for (uint32_t again = 2; name_taken(name, columns, at);) {
        int size = snprintf(tried, sizeof tried, "%.*s_%u", STR_ARG(base), again);
        name = (struct str){tried, (size_t)size};
        again = again == 9 && at > 9 ? at + 1 : again + 1;
    }
    return copy_str(arena, name, out);
}

// Names, types and what was told, for all columns. `names`: raw, may be fewer than there are
// columns.
static enum err make_columns(struct look *look, const struct str *names, uint32_t name_count,
                             const struct type_counts *counts, uint32_t count) {
    struct intake_options *options = &look->out->options;
    options->columns = ARENA_ARRAY(look->arena, struct intake_column, count);
    if (!options->columns) return ERR_MEMORY;
    options->column_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct intake_column *column = &options->columns[i];
        struct str raw = i < name_count ? names[i] : STR_NONE;
        enum err err = look_name(look->arena, raw, options->columns, i, &column->name);
        if (err) return err;
        column->type = type_decide(&counts[i], column->name);
        column->month_first = type_month_first(&counts[i]);
        if (i >= look->told->column_count) continue;
        const struct intake_column *told = &look->told->columns[i];
        err = copy_str(look->arena, told->rename, &column->rename);
        if (err) return err;
        column->skip = told->skip;
        column->type_told = told->type_told;
        if (told->type_told) column->type = told->type;
    }
    return OK;
}

// --- CSV -----------------------------------------------------------------------------------------

// The header's width, or what most records have if that is more.
static uint32_t count_columns(const struct sample *sample, bool header, uint32_t *votes) {
    uint32_t best = 0;
    for (uint32_t row = header ? 1 : 0; row < sample->row_count; row++) {
        uint32_t fields = sample->starts[row + 1] - sample->starts[row];
        if (fields > LIMIT_COLUMNS) fields = LIMIT_COLUMNS + 1;
        if (++votes[fields] > votes[best] || (votes[fields] == votes[best] && fields > best)) {
            best = fields;
        }
    }
    uint32_t first = sample->starts[1] - sample->starts[0];
    return header && first > best ? first : best;
}

static enum err preview_csv(struct look *look, const struct sample *sample, uint32_t first) {
    struct looked *out = look->out;
    uint32_t count = out->options.column_count, rows = sample->row_count - first;
    out->sample_rows = rows < look->sample_limit ? rows : look->sample_limit;
    out->sample = ARENA_ARRAY(look->arena, struct str, (size_t)out->sample_rows * count);
    if (!out->sample) return ERR_MEMORY;
    for (uint32_t row = 0; row < out->sample_rows; row++) {
        uint32_t start = sample->starts[first + row], end = sample->starts[first + row + 1];
        for (uint32_t i = 0; i < count && start + i < end; i++) {
            enum err err = copy_preview(look->arena, sample->cells[start + i].text,
                                        &out->sample[(size_t)row * count + i]);
            if (err) return err;
        }
    }
    return OK;
}

// Lines are fields and records alike, and are what they are: nothing is a name or a number.
static enum err look_text(struct look *look, struct fault *fault) {
    static const struct str name = {"text", 4};
    struct looked *out = look->out;
    struct sample sample;
    struct type_counts none = {0};
    out->dialect = (struct dialect){.delimiter = '\n', .newline = '\n'};
    out->options.header = HEADER_NO;
    out->options.rows = ROWS_LINE;
    enum err err =
        sample_csv(&out->dialect, look->text, look->size, look->whole, look->work, &sample);
    if (err) return no_memory(fault);
    if (sample.row_count == 0) {
        return fault_set(fault, ERR_LIMIT, "text.line_too_long", STR_NONE);
    }
    err = make_columns(look, &name, 1, &none, 1);
    if (!err) err = preview_csv(look, &sample, 0);
    return err ? no_memory(fault) : OK;
}

static enum err look_csv(struct look *look, struct fault *fault) {
    struct looked *out = look->out;
    struct sample sample;
    bool text = out->options.format == FORMAT_TEXT;
    if (out->options.format == FORMAT_CSV) {
        guess_dialect((struct str){look->text, look->size}, look->whole, look->told, &out->dialect);
        out->options.delimiter = out->dialect.delimiter;
        out->options.quote = out->dialect.quote;
    } else { // made by a reader
        out->dialect = (struct dialect){',', '"', '\n', true};
        out->options.delimiter = out->options.quote = '\0';
    }
    enum err err =
        sample_csv(&out->dialect, look->text, look->size, look->whole, look->work, &sample);
    if (err) return no_memory(fault);
    if (sample.row_count == 0) {
        // Not one whole record within the sample.
        return fault_set(fault, ERR_LIMIT, "csv.record_too_long", STR_NONE);
    }
    bool header = text || out->options.header == HEADER_YES ||
                  (out->options.header == HEADER_GUESS && guess_header(&sample, &out->missing));
    out->options.header = header ? HEADER_YES : HEADER_NO;
    uint32_t *votes = ARENA_ARRAY(look->work, uint32_t, LIMIT_COLUMNS + 2);
    if (!votes) return no_memory(fault);
    uint32_t count = count_columns(&sample, header, votes);
    if (count > LIMIT_COLUMNS) {
        return fault_set(fault, ERR_LIMIT, "intake.too_many_columns", STR_NONE);
    }
    struct type_counts *counts = ARENA_ARRAY(look->work, struct type_counts, count);
    struct str *names = ARENA_ARRAY(look->work, struct str, count);
    if (!counts || !names) return no_memory(fault);
    uint32_t name_count = header ? sample.starts[1] : 0;
    for (uint32_t i = 0; i < name_count && i < count; i++) names[i] = sample.cells[i].text;
    for (uint32_t row = header ? 1 : 0; row < sample.row_count && !text; row++) {
        uint32_t start = sample.starts[row], end = sample.starts[row + 1];
        for (uint32_t i = 0; i < count && start + i < end; i++) {
            const struct cell *cell = &sample.cells[start + i];
            if (!cell_missing(&out->missing, cell)) type_count(&counts[i], cell);
        }
    }
    err = make_columns(look, names, name_count < count ? name_count : count, counts, count);
    if (!err) err = preview_csv(look, &sample, header ? 1 : 0);
    return err ? no_memory(fault) : OK;
}

// --- JSON Lines ----------------------------------------------------------------------------------

struct json_look {
    struct look *look;
    struct name_set names;
    struct type_counts *counts; // (LIMIT_COLUMNS)
    struct {
        uint32_t row, column;
        struct str text;
    } * previews;
    size_t preview_count, preview_room;
    uint32_t row;
    enum err err;
};

static void look_member(void *ctx, struct str name, struct cell value) {
    struct json_look *json = ctx;
    struct look *look = json->look;
    if (json->err) return;
    uint32_t column = name_set_find(&json->names, name);
    if (column == UINT32_MAX) {
        struct str copy;
        json->err = copy_str(look->arena, name, &copy);
        if (json->err) return;
        column = name_set_add(&json->names, copy);
        if (column == UINT32_MAX) json->err = ERR_LIMIT;
        if (json->err) return;
    }
    if (!cell_missing(&look->out->missing, &value)) type_count(&json->counts[column], &value);
    if (json->row >= look->sample_limit || value.kind == CELL_NULL) return;
    if (json->preview_count == json->preview_room) {
        size_t room = json->preview_room * 2 + 256;
        void *previews = arena_take_array(look->work, room, sizeof *json->previews);
        if (!previews) {
            json->err = ERR_MEMORY;
            return;
        }
        size_t size = json->preview_count * sizeof *json->previews;
        if (size) memcpy(previews, json->previews, size);
        json->previews = previews;
        json->preview_room = room;
    }
    json->previews[json->preview_count].row = json->row;
    json->previews[json->preview_count].column = column;
    json->previews[json->preview_count++].text = value.text;
}

static enum err preview_json(struct look *look, const struct json_look *json) {
    struct looked *out = look->out;
    uint32_t count = json->names.count;
    out->sample_rows = json->row < look->sample_limit ? json->row : look->sample_limit;
    out->sample = ARENA_ARRAY(look->arena, struct str, (size_t)out->sample_rows * count);
    if (!out->sample) return ERR_MEMORY;
    for (size_t i = 0; i < json->preview_count; i++) {
        if (json->previews[i].row >= out->sample_rows) continue; // of a line that was not whole
        enum err err = copy_preview(
            look->arena, json->previews[i].text,
            &out->sample[(size_t)json->previews[i].row * count + json->previews[i].column]);
        if (err) return err;
    }
    return OK;
}

static enum err look_json(struct look *look, struct fault *fault) {
    struct json_look json = {.look = look};
    json.counts = ARENA_ARRAY(look->work, struct type_counts, LIMIT_COLUMNS);
    if (!json.counts || name_set_open(look->arena, &json.names)) return no_memory(fault);
    size_t at = 0;
    if (!look->whole && !memchr(look->text, '\n', look->size)) {
        return fault_set(fault, ERR_LIMIT, "json_lines.too_long", STR_NONE);
    }
    while (at < look->size && !json.err) {
        char *newline = memchr(look->text + at, '\n', look->size - at);
        if (!newline && !look->whole && json.row > 0) break; // cut by the sample
        size_t end = newline ? (size_t)(newline - look->text) : look->size;
        if (json_line_read(look->text + at, end - at, look_member, &json) == 0) json.row++;
        at = end + 1;
    }
    if (json.err == ERR_LIMIT) {
        return fault_set(fault, ERR_LIMIT, "intake.too_many_columns", STR_NONE);
    }
    if (json.err) return no_memory(fault);
    if (json.names.count == 0) return fault_set(fault, ERR_INPUT, "intake.empty", STR_NONE);
    look->out->members = json.names.names;
    look->out->options.header = HEADER_NO;
    enum err err =
        make_columns(look, json.names.names, json.names.count, json.counts, json.names.count);
    if (!err) err = preview_json(look, &json);
    return err ? no_memory(fault) : OK;
}

// --- both ----------------------------------------------------------------------------------------

// Text of which each row is more than a line, or less than the file.
static bool is_made(const struct intake_options *options) {
    switch (options->format) {
    case FORMAT_XLSX:
    case FORMAT_HTML:
    case FORMAT_JSON: return true;
    case FORMAT_TEXT: return options->rows > ROWS_LINE;
    default: return false;
    }
}

static enum err look_text_and_kind(struct look *look, const char *path, struct fault *fault) {
    struct looked *out = look->out;
    struct intake_options *options = &out->options;
    bool texts = options->format == FORMAT_TEXT && options->packing == PACKING_ZIP &&
                 look->told->member.size == 0;
    enum err err = OK;
    if (options->format != FORMAT_XLSX && !texts) err = read_sample(look, path, fault);
    if (!err && options->format == FORMAT_GUESS) {
        struct str text = {look->text, look->size};
        err = format_of_text(text, look->whole, look->told, look->work, &options->format);
        if (err) return no_memory(fault);
    }
    if (options->format == FORMAT_TEXT && options->rows == ROWS_GUESS) options->rows = ROWS_LINE;
    out->missing.marks = options->format == FORMAT_XLSX;
    bool made = is_made(options) || texts;
    if (!err && made) err = read_made(look, path, fault);
    if (err) return err;
    bool json = options->format == FORMAT_JSON || options->format == FORMAT_JSON_LINES;
    out->parse_as = json                                      ? FORMAT_JSON_LINES
                    : options->format == FORMAT_TEXT && !made ? FORMAT_TEXT
                                                              : FORMAT_CSV;
    switch (out->parse_as) {
    case FORMAT_JSON_LINES: return look_json(look, fault);
    case FORMAT_TEXT: return look_text(look, fault);
    default: return look_csv(look, fault);
    }
}

enum err look_at(const char *path, const struct intake_options *told, uint32_t sample_limit,
                 struct arena *arena, struct looked *out, struct fault *fault) {
    struct looked looked = {.options = *told};
    struct intake_options named = *told;
    struct look look = {NULL, arena, &looked, &named, sample_limit, NULL, 0, false};
    looked.options.columns = NULL;
    looked.options.column_count = 0;
    const char *slash = strrchr(path, '/');
    if (named.file_name.size == 0) named.file_name = str_of(slash ? slash + 1 : path);
    looked.options.file_name = STR_NONE; // a hint for this look, nothing to tell
    if (copy_str(arena, told->missing, &looked.options.missing) ||
        copy_str(arena, told->sheet, &looked.options.sheet) ||
        copy_str(arena, told->member, &looked.options.member)) {
        return no_memory(fault);
    }
    enum err err = missing_words_set(&looked.missing, looked.options.missing, fault);
    if (err) return err;
    if (arena_open(LOOK_BYTES, &look.work)) return no_memory(fault);
    err = kind_of_file(path, told, arena, &looked, &named.member, fault);
    if (named.member.size > 0 && looked.archive) named.file_name = named.member;
    if (!err) err = look_text_and_kind(&look, path, fault);
    arena_close(look.work);
    if (!err) *out = looked;
    return err;
}

enum err intake_look(const char *path, const struct intake_options *told, uint32_t sample_limit,
                     struct arena *arena, struct intake_guess *out, struct fault *fault) {
    struct looked looked;
    enum err err = look_at(path, told, sample_limit, arena, &looked, fault);
    if (err) return err;
    *out = (struct intake_guess){
        .options = looked.options,
        .encoding_confidence = looked.encoding_confidence,
        .file_bytes = looked.file_bytes,
        .sample = looked.sample,
        .sample_rows = looked.sample_rows,
        .items = looked.items,
        .item_count = looked.item_count,
        .note_count = looked.notes.count,
        .notes = ARENA_ARRAY(arena, struct intake_note, NOTES_MAX),
    };
    if (!out->notes) return no_memory(fault);
    memcpy(out->notes, looked.notes.items, sizeof looked.notes.items);
    bool members = looked.options.packing == PACKING_ZIP && told->member.size == 0;
    if (!members) return OK;
    err = archive_items(path, told, arena, out, fault);
    if (looked.archive) { // what holds for its first member is not told of all
        struct intake_options *options = &out->options;
        options->format = told->format;
        options->encoding = told->encoding;
        options->header = told->header;
        options->delimiter = told->delimiter;
        options->quote = told->quote;
        options->sheet = told->sheet;
    }
    return err;
}
