// The parts of a workbook: which sheets there are, how cells are shown, and the strings they share.
#include "data/intake/xlsx_private.h"

#include "base/number.h"
#include "data/intake/xml_private.h"

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
}

static enum err copy_value(struct arena *arena, struct str value, struct str *out) {
    char *copy = arena_take(arena, value.size + 1);
    if (!copy) return ERR_MEMORY;
    if (value.size) memcpy(copy, value.data, value.size);
    *out = (struct str){copy, xml_decode(copy, value.size)};
    return OK;
}

// --- going over a part ---------------------------------------------------------------------------

struct part {
    struct source *source;
    struct xml xml;
};

static void part_close(struct part *part) {
    xml_close(&part->xml);
    source_close(part->source);
}

static enum err part_open(const struct zip *zip, int32_t index, struct part *out,
                          struct fault *fault) {
    *out = (struct part){0};
    enum err err = source_open_member(zip, &zip->members[index], PACKING_NONE, &out->source, fault);
    if (!err) err = xml_open(out->source, &out->xml, fault);
    if (err) part_close(out);
    return err;
}

// Calls element() for each element that opens.
static enum err part_walk(const struct zip *zip, int32_t index,
                          enum err (*element)(void *ctx, const struct xml *xml), void *ctx,
                          struct fault *fault) {
    struct part part;
    enum err err = part_open(zip, index, &part, fault);
    if (err) return err;
    for (enum xml_kind kind = XML_OPEN; kind != XML_NOTHING && !err;) {
        err = xml_next(&part.xml, &kind, fault);
        if (!err && kind == XML_OPEN) err = element(ctx, &part.xml);
    }
    part_close(&part);
    if (err == ERR_MEMORY) return no_memory(fault);
    return err == ERR_LIMIT ? fault_set(fault, err, "xlsx.too_large", STR_NONE) : err;
}

// `target` as a relationship of a part in `folder` names it: relative, or from the root on.
static enum err join(struct arena *arena, struct str folder, struct str target, struct str *out) {
    while (str_starts(target, STR("./"))) target.data += 2, target.size -= 2;
    while (str_starts(target, STR("../"))) {
        target.data += 3, target.size -= 3;
        while (folder.size > 0 && folder.data[folder.size - 1] == '/') folder.size--;
        while (folder.size > 0 && folder.data[folder.size - 1] != '/') folder.size--;
    }
    bool rooted = target.size > 0 && (target.data[0] == '/' || target.data[0] == '\\');
    if (rooted) target.data++, target.size--;
    char *joined = arena_take(arena, folder.size + target.size + 1);
    if (!joined) return ERR_MEMORY;
    size_t at = rooted ? 0 : folder.size;
    if (at) memcpy(joined, folder.data, at);
    if (target.size) memcpy(joined + at, target.data, target.size);
    *out = (struct str){joined, at + target.size};
    return OK;
}

static struct str folder_of(struct str path) {
    while (path.size > 0 && path.data[path.size - 1] != '/') path.size--;
    return path;
}

// --- relationships -------------------------------------------------------------------------------

struct relations {
    struct xlsx *xlsx;
    struct str folder;
    struct str workbook; // of the package's own relationships
    struct {
        struct str id, part;
    } * sheets; // (XLSX_SHEETS_MAX)
    uint32_t sheet_count;
};

static enum err see_relation(void *ctx, const struct xml *xml) {
    struct relations *relations = ctx;
    struct xlsx *xlsx = relations->xlsx;
    struct str part, id, target;
    if (!str_is(xml->name, "Relationship")) return OK;
    struct str type = xml_attribute(xml, "Type");
    if (copy_value(xlsx->arena, xml_attribute(xml, "Target"), &target) ||
        copy_value(xlsx->arena, xml_attribute(xml, "Id"), &id) ||
        join(xlsx->arena, relations->folder, target, &part)) {
        return ERR_MEMORY;
    }
    if (str_ends(type, STR("/officeDocument"))) {
        if (relations->workbook.size == 0) relations->workbook = part;
    } else if (str_ends(type, STR("/sharedStrings"))) {
        xlsx->strings_part = part;
    } else if (str_ends(type, STR("/styles"))) {
        xlsx->styles_part = part;
    } else if (str_ends(type, STR("/worksheet")) && relations->sheets) {
        if (relations->sheet_count == XLSX_SHEETS_MAX) return ERR_LIMIT;
        relations->sheets[relations->sheet_count].id = id;
        relations->sheets[relations->sheet_count++].part = part;
    }
    return OK;
}

static enum err read_relations(struct xlsx *xlsx, struct relations *out, struct str part,
                               struct fault *fault) {
    int32_t index = zip_find(xlsx->zip, part);
    out->xlsx = xlsx;
    return index < 0 ? OK : part_walk(xlsx->zip, index, see_relation, out, fault);
}

// --- the workbook --------------------------------------------------------------------------------

struct workbook {
    struct xlsx *xlsx;
    const struct relations *relations;
};

static bool is_true(struct str value) {
    return str_is(value, "1") || str_is(value, "true") || str_is(value, "on");
}

static enum err see_workbook(void *ctx, const struct xml *xml) {
    struct workbook *workbook = ctx;
    struct xlsx *xlsx = workbook->xlsx;
    if (str_is(xml->name, "workbookPr")) {
        xlsx->from_1904 = is_true(xml_attribute(xml, "date1904"));
    }
    if (!str_is(xml->name, "sheet")) return OK;
    struct xlsx_sheet sheet = {0};
    struct str id, state = xml_attribute(xml, "state");
    // "r:id" and "sheetId" differ by more than their prefix.
    if (copy_value(xlsx->arena, xml_attribute(xml, "name"), &sheet.name) ||
        copy_value(xlsx->arena, xml_attribute(xml, "id"), &id)) {
        return ERR_MEMORY;
    }
    sheet.hidden = str_is(state, "hidden") || str_is(state, "veryHidden");
    for (uint32_t i = 0; i < workbook->relations->sheet_count; i++) {
        if (!str_equal(workbook->relations->sheets[i].id, id)) continue;
        if (xlsx->sheet_count == XLSX_SHEETS_MAX) return ERR_LIMIT;
        sheet.part = workbook->relations->sheets[i].part;
        if (zip_find(xlsx->zip, sheet.part) >= 0) xlsx->sheets[xlsx->sheet_count++] = sheet;
        break;
    }
    return OK; // a chart has no cells
}

// Where there is no usable list, every part that looks like a sheet is one.
static enum err find_sheets(struct xlsx *xlsx) {
    const struct zip *zip = xlsx->zip;
    for (uint32_t i = 0; i < zip->count && xlsx->sheet_count < XLSX_SHEETS_MAX; i++) {
        struct str name = zip->members[i].name;
        if (!str_ends(name, STR(".xml"))) continue;
        const char *at = memmem(name.data, name.size, "worksheets/", 11);
        if (!at || memmem(name.data, name.size, "_rels", 5)) continue;
        struct str title = {at + 11, name.size - (size_t)(at + 11 - name.data) - 4};
        xlsx->sheets[xlsx->sheet_count++] = (struct xlsx_sheet){title, name, false};
    }
    return OK;
}

// --- styles --------------------------------------------------------------------------------------

// Formats that every workbook has without naming them (ECMA-376 part 1, 18.8.30, with those that
// are dates in Chinese, Japanese and Korean).
static enum xlsx_style builtin_style(uint64_t id) {
    if ((id >= 14 && id <= 17) || (id >= 27 && id <= 31) || id == 36 || (id >= 50 && id <= 54) ||
        id == 57 || id == 58) {
        return STYLE_DATE;
    }
    if (id == 22) return STYLE_TIME;
    if ((id >= 18 && id <= 21) || (id >= 32 && id <= 35) || id == 45 || id == 47 || id == 55 ||
        id == 56) {
        return STYLE_CLOCK;
    }
    return STYLE_NUMBER; // 46, [h]:mm:ss, is a span and not a time of day
}

enum xlsx_style xlsx_format_style(struct str code) {
    bool date = false, clock = false, span = false, month = false;
    for (size_t i = 0; i < code.size; i++) {
        char c = code.data[i] | 0x20;
        if (code.data[i] == ';') break; // the format of positive numbers decides
        if (code.data[i] == '"') {
            const char *shut = memchr(code.data + i + 1, '"', code.size - i - 1);
            if (!shut) break;
            i = (size_t)(shut - code.data);
        } else if (code.data[i] == '\\' || code.data[i] == '_' || code.data[i] == '*') {
            i++;
        } else if (code.data[i] == '[') {
            char in = i + 1 < code.size ? code.data[i + 1] | 0x20 : 0;
            char behind = i + 2 < code.size ? code.data[i + 2] | 0x20 : 0;
            span |=
                (in == 'h' || in == 's' || in == 'm') && (behind == in || behind == (']' | 0x20));
            const char *shut = memchr(code.data + i, ']', code.size - i);
            if (!shut) break;
            i = (size_t)(shut - code.data);
        } else if (c == 'g') { // "General", and the era of Japanese dates
            if (code.size - i >= 7 && (code.data[i + 1] | 0x20) == 'e') i += 6;
        } else {
            date |= c == 'y' || c == 'd' || c == 'e';
            clock |= c == 'h' || c == 's';
            month |= c == 'm';
        }
    }
    if (span || !(date || clock || month)) return STYLE_NUMBER;
    // "e" alone is that of 0.00E+00.
    if (date && !month && !clock && memchr(code.data, '0', code.size)) return STYLE_NUMBER;
    date |= month && !clock;
    return date && clock ? STYLE_TIME : date ? STYLE_DATE : STYLE_CLOCK;
}

struct styles {
    struct xlsx *xlsx;
    struct {
        uint64_t id;
        enum xlsx_style style;
    } * formats; // (format_count)
    uint32_t format_count, format_room;
    bool in_cells;
};

static enum err add_format(struct styles *styles, const struct xml *xml) {
    struct str code;
    uint64_t id;
    if (!str_to_u64(xml_attribute(xml, "numFmtId"), &id)) return OK;
    if (styles->format_count == styles->format_room) return OK; // the rest are numbers
    if (copy_value(styles->xlsx->arena, xml_attribute(xml, "formatCode"), &code)) return ERR_MEMORY;
    styles->formats[styles->format_count].id = id;
    styles->formats[styles->format_count++].style = xlsx_format_style(code);
    return OK;
}

static enum err see_style(void *ctx, const struct xml *xml) {
    struct styles *styles = ctx;
    struct xlsx *xlsx = styles->xlsx;
    if (str_is(xml->name, "numFmt")) return add_format(styles, xml);
    if (str_is(xml->name, "cellXfs") || str_is(xml->name, "cellStyleXfs") ||
        str_is(xml->name, "cellStyles") || str_is(xml->name, "dxfs")) {
        styles->in_cells = str_is(xml->name, "cellXfs");
    }
    if (!styles->in_cells || !str_is(xml->name, "xf")) return OK;
    uint64_t id = 0;
    (void)str_to_u64(xml_attribute(xml, "numFmtId"), &id);
    enum xlsx_style style = builtin_style(id);
    for (uint32_t i = 0; i < styles->format_count; i++) {
        if (styles->formats[i].id == id) style = styles->formats[i].style;
    }
    if (xlsx->style_count == XLSX_STYLES_MAX) return ERR_LIMIT;
    xlsx->styles[xlsx->style_count++] = (uint8_t)style;
    return OK;
}

static enum err read_styles(struct xlsx *xlsx, struct fault *fault) {
    enum { FORMATS_MAX = 4096 };
    int32_t index = zip_find(xlsx->zip, xlsx->styles_part);
    if (index < 0) return OK;
    struct styles styles = {.xlsx = xlsx, .format_room = FORMATS_MAX};
    styles.formats = arena_take_array(xlsx->arena, FORMATS_MAX, sizeof *styles.formats);
    xlsx->styles = ARENA_ARRAY(xlsx->arena, uint8_t, XLSX_STYLES_MAX);
    if (!styles.formats || !xlsx->styles) return no_memory(fault);
    return part_walk(xlsx->zip, index, see_style, &styles, fault);
}

// --- open ----------------------------------------------------------------------------------------

static struct str or_default(const struct zip *zip, struct str part, const char *usual) {
    return part.size > 0 && zip_find(zip, part) >= 0 ? part : str_of(usual);
}

bool xlsx_is(const struct zip *zip) {
    if (zip_find(zip, STR("xl/workbook.xml")) >= 0) return true;
    if (zip_find(zip, STR("[Content_Types].xml")) < 0) return false;
    for (uint32_t i = 0; i < zip->count; i++) {
        struct str name = zip->members[i].name;
        if (memmem(name.data, name.size, "worksheets/", 11)) return true;
    }
    return false;
}

static enum err read_workbook(struct xlsx *xlsx, struct fault *fault) {
    struct relations package = {0}, relations = {0};
    struct str rels;
    enum err err = read_relations(xlsx, &package, STR("_rels/.rels"), fault);
    if (err) return err;
    struct str workbook = or_default(xlsx->zip, package.workbook, "xl/workbook.xml");
    relations.folder = folder_of(workbook);
    relations.sheets = arena_take_array(xlsx->arena, XLSX_SHEETS_MAX, sizeof *relations.sheets);
    char *name = arena_take(xlsx->arena, workbook.size + 16);
    if (!relations.sheets || !name) return no_memory(fault);
    size_t folder = relations.folder.size;
    memcpy(name, workbook.data, folder);
    memcpy(name + folder, "_rels/", 6);
    memcpy(name + folder + 6, workbook.data + folder, workbook.size - folder);
    memcpy(name + workbook.size + 6, ".rels", 5);
    rels = (struct str){name, workbook.size + 11};
    err = read_relations(xlsx, &relations, rels, fault);
    int32_t index = zip_find(xlsx->zip, workbook);
    struct workbook seen = {xlsx, &relations};
    if (!err && index >= 0) err = part_walk(xlsx->zip, index, see_workbook, &seen, fault);
    if (!err && xlsx->sheet_count == 0) err = find_sheets(xlsx);
    if (!err && xlsx->sheet_count == 0) {
        err = fault_set(fault, ERR_INPUT, "xlsx.no_sheets", STR_NONE);
    }
    xlsx->strings_part = or_default(xlsx->zip, xlsx->strings_part, "xl/sharedStrings.xml");
    xlsx->styles_part = or_default(xlsx->zip, xlsx->styles_part, "xl/styles.xml");
    return err;
}

enum err xlsx_open(const struct zip *zip, struct arena *arena, struct xlsx **out,
                   struct fault *fault) {
    struct xlsx *xlsx = ARENA_NEW(arena, struct xlsx);
    if (!xlsx) return no_memory(fault);
    *xlsx = (struct xlsx){.zip = zip, .arena = arena};
    xlsx->sheets = ARENA_ARRAY(arena, struct xlsx_sheet, XLSX_SHEETS_MAX);
    if (!xlsx->sheets) return no_memory(fault);
    enum err err = read_workbook(xlsx, fault);
    if (!err) err = read_styles(xlsx, fault);
    if (!err) *out = xlsx;
    return err;
}

void xlsx_close(struct xlsx *xlsx) {
    if (!xlsx) return;
    memory_give(xlsx->strings);
    memory_give(xlsx->ends);
    xlsx->strings = NULL;
    xlsx->ends = NULL;
}

// --- shared strings ------------------------------------------------------------------------------

static enum err string_add(struct xlsx *xlsx, struct str text, struct fault *fault) {
    if (text.size > XLSX_STRINGS_BYTES_MAX - xlsx->strings_size) {
        return fault_set(fault, ERR_LIMIT, "xlsx.too_many_strings", STR_NONE);
    }
    if (text.size > xlsx->strings_room - xlsx->strings_size) {
        size_t room = xlsx->strings_room * 2 + text.size + (64 << 10);
        if (room > XLSX_STRINGS_BYTES_MAX) room = XLSX_STRINGS_BYTES_MAX;
        char *strings = memory_resize(xlsx->strings, xlsx->strings_size, room);
        if (!strings) return no_memory(fault);
        xlsx->strings = strings;
        xlsx->strings_room = room;
    }
    if (text.size) memcpy(xlsx->strings + xlsx->strings_size, text.data, text.size);
    xlsx->strings_size += text.size;
    return OK;
}

static enum err string_end(struct xlsx *xlsx, struct fault *fault) {
    if (xlsx->string_count == XLSX_STRINGS_MAX) {
        return fault_set(fault, ERR_LIMIT, "xlsx.too_many_strings", STR_NONE);
    }
    if (xlsx->string_count == xlsx->string_room) {
        size_t room = xlsx->string_room * 2 + 4096;
        uint32_t *ends =
            memory_resize(xlsx->ends, xlsx->string_count * sizeof *ends, room * sizeof *ends);
        if (!ends) return no_memory(fault);
        xlsx->ends = ends;
        xlsx->string_room = room;
    }
    size_t start = xlsx->string_count ? (size_t)xlsx->ends[xlsx->string_count - 1] : 0;
    size_t size = xlsx->strings_size - start;
    if (size) xlsx->strings_size = start + xlsx_unescape(xlsx->strings + start, size);
    xlsx->ends[xlsx->string_count++] = (uint32_t)xlsx->strings_size;
    return OK;
}

enum err xlsx_strings_read(struct xlsx *xlsx, struct fault *fault) {
    int32_t index = zip_find(xlsx->zip, xlsx->strings_part);
    struct part part;
    if (index < 0 || xlsx->ends) return OK;
    enum err err = part_open(xlsx->zip, index, &part, fault);
    if (err) return err;
    bool in_text = false;
    uint32_t phonetic = 0; // depth within rPh
    for (enum xml_kind kind = XML_OPEN; kind != XML_NOTHING && !err;) {
        err = xml_next(&part.xml, &kind, fault);
        if (err) break;
        struct str name = part.xml.name;
        if (kind == XML_TEXT) {
            if (in_text && !phonetic) err = string_add(xlsx, part.xml.text, fault);
        } else if (str_is(name, "t")) {
            in_text = kind == XML_OPEN;
        } else if (str_is(name, "rPh")) {
            phonetic = kind == XML_OPEN;
        } else if (str_is(name, "si") && kind == XML_CLOSE) {
            err = string_end(xlsx, fault);
        }
    }
    part_close(&part);
    return err;
}

// --- which sheet ---------------------------------------------------------------------------------

// Is there a value in it? Looks no further than the first one.
static enum err holds_value(const struct xlsx *xlsx, const struct xlsx_sheet *sheet, bool *out,
                            struct fault *fault) {
    struct part part;
    int32_t index = zip_find(xlsx->zip, sheet->part);
    *out = false;
    if (index < 0) return OK;
    enum err err = part_open(xlsx->zip, index, &part, fault);
    if (err) return err;
    uint64_t rows = 0;
    for (enum xml_kind kind = XML_OPEN; kind != XML_NOTHING && !err && !*out;) {
        err = xml_next(&part.xml, &kind, fault);
        if (err || kind != XML_OPEN) continue;
        *out = str_is(part.xml.name, "v") || str_is(part.xml.name, "is");
        rows += str_is(part.xml.name, "row");
        if (rows > XLSX_ROWS_MAX) break;
    }
    part_close(&part);
    return err;
}

enum err xlsx_choose(struct xlsx *xlsx, struct str told, uint32_t *out_sheet, struct fault *fault) {
    uint64_t number;
    for (uint32_t i = 0; told.size && i < xlsx->sheet_count; i++) {
        if (!str_equal(xlsx->sheets[i].name, told)) continue;
        *out_sheet = i;
        return OK;
    }
    if (told.size) {
        bool numbered = str_to_u64(told, &number) && number >= 1 && number <= xlsx->sheet_count;
        if (!numbered) return fault_set(fault, ERR_INPUT, "xlsx.no_such_sheet", told);
        *out_sheet = (uint32_t)number - 1;
        return OK;
    }
    for (int hidden = 0; hidden < 2; hidden++) {
        for (uint32_t i = 0; i < xlsx->sheet_count; i++) {
            bool holds;
            if (xlsx->sheets[i].hidden != (hidden == 1)) continue;
            enum err err = holds_value(xlsx, &xlsx->sheets[i], &holds, fault);
            if (err) return err;
            if (!holds) continue;
            *out_sheet = i;
            return OK;
        }
    }
    return fault_set(fault, ERR_INPUT, "intake.empty", STR_NONE);
}
