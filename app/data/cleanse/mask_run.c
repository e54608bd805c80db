// mask at work: whole columns value by value; inside text what the detector, the site's patterns
// and the row's own direct columns find. Where finds overlap, the surer one has its place and what
// the others saw beside it is concealed as theirs, so that nothing that anyone found shows.
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "data/cleanse/mask_private.h"

// ---- columns ------------------------------------------------------------------------------------

static enum err conceal_cell(const struct mask *mask, const struct mask_column *column,
                             struct part *part, const struct piece *piece, struct text_edit *edit,
                             struct buf *scratch) {
    struct piece own = *piece;
    own.kind = kind_of_value(column->kind, piece->text);
    // What is sealed comes back as it was.
    if (own.kind != KIND_UNKNOWN && mask->how != HOW_ENCRYPT) own.text = str_trim(own.text);
    buf_clear(scratch);
    conceal_write(&mask->conceal, &own, scratch);
    if (buf_err(scratch) != OK) return buf_err(scratch);
    part->tally->reasons[own.kind]++;
    part->tally->cells_changed++;
    return text_edit_add(edit, buf_str(scratch));
}

// A number, a date or a truth value as its bytes, so that it comes back as the same.
static enum err seal_cell(const struct mask *mask, struct part *part, const struct column *column,
                          const struct seal_spot *spot, uint32_t row, struct text_edit *edit,
                          struct buf *scratch) {
    char bytes[8];
    size_t size = 8;
    if (column->type == COLUMN_BOOLEAN) {
        size = 1;
        bytes[0] = (char)column->booleans[row];
    } else if (column->type == COLUMN_NUMBER) {
        memcpy(bytes, &column->numbers[row], sizeof bytes);
    } else {
        memcpy(bytes, &column->integers[row], sizeof bytes);
    }
    buf_clear(scratch);
    seal_write(&mask->conceal.seal, mask->conceal.equal_hidden ? spot : NULL, (uint8_t)column->type,
               (struct str){bytes, size}, scratch);
    if (buf_err(scratch) != OK) return buf_err(scratch);
    part->tally->reasons[REASON_VALUE]++;
    part->tally->cells_changed++;
    return text_edit_add(edit, buf_str(scratch));
}

static enum err round_column(const struct mask *mask, struct part *part, uint32_t place) {
    double to = mask->conceal.broader.round;
    struct column *column = &part->columns[place];
    struct column rounded = {.type = column->type, .valid = column->valid};
    if (column->type == COLUMN_INTEGER && to != floor(to)) rounded.type = COLUMN_NUMBER;
    int64_t *integers = ARENA_ARRAY(part->arena, int64_t, part->row_count);
    double *numbers = ARENA_ARRAY(part->arena, double, part->row_count);
    if (!integers || !numbers) return ERR_MEMORY;
    for (uint32_t row = 0; row < part->row_count; row++) {
        if (part->gone[row] || !column_valid(column, row)) continue;
        numbers[row] = floor(column_number(column, row) / to + 0.5) * to;
        if (numbers[row] == 0) numbers[row] = 0; // no -0
        bool fits = fabs(numbers[row]) < 9e18;
        if (rounded.type == COLUMN_INTEGER) integers[row] = fits ? (int64_t)numbers[row] : 0;
        part->tally->cells_changed++;
    }
    rounded.integers = integers;
    if (rounded.type == COLUMN_NUMBER) {
        rounded.integers = NULL;
        rounded.numbers = numbers;
    }
    *column = rounded;
    return OK;
}

static enum err conceal_column(const struct mask *mask, const struct mask_column *wanted,
                               struct part *part, struct buf *scratch) {
    const struct column column = part->columns[wanted->place];
    bool number = column.type == COLUMN_INTEGER || column.type == COLUMN_NUMBER;
    if (number && mask->how == HOW_GENERALISE && mask->conceal.broader.round > 0) {
        return round_column(mask, part, wanted->place);
    }
    struct text_edit edit;
    struct buf written;
    buf_open(&written, LIMIT_CELL_BYTES);
    enum err err = text_edit_open(&edit, part, wanted->place);
    for (uint32_t row = 0; row < part->row_count && err == OK; row++) {
        struct piece piece = {.spot = {part->first_row + row, wanted->place, 0}};
        if (part->gone[row] || !column_valid(&column, row)) {
            err = text_edit_missing(&edit);
            continue;
        }
        if (column.type != COLUMN_TEXT && mask->how == HOW_ENCRYPT) {
            err = seal_cell(mask, part, &column, &piece.spot, row, &edit, scratch);
            continue;
        }
        if (column.type == COLUMN_TEXT) {
            piece.text = column_text(&column, row);
        } else {
            buf_clear(&written);
            column_write(&written, &column, row);
            err = buf_err(&written);
            piece.text = buf_str(&written);
        }
        if (err == OK) err = conceal_cell(mask, wanted, part, &piece, &edit, scratch);
    }
    buf_close(&written);
    if (err == OK) return text_edit_finish(&edit);
    text_edit_close(&edit);
    return err;
}

// ---- what is found in one text ------------------------------------------------------------------

// The surest last: it is painted over the others.
enum rank { RANK_DETECTED, RANK_ROW, RANK_CERTAIN, RANK_PATTERN, RANK_SEALED, RANK_COUNT };
enum { CERTAIN = 90 };

struct find {
    uint32_t start, size;
    uint16_t kind; // enum personal_kind or KIND_UNKNOWN
    uint8_t rank, reason;
};
struct finder {
    const struct mask *mask;
    struct part *part;
    struct pattern_scanner *scanners[LIMIT_MASK_PATTERNS]; // as mask->patterns
    struct match *matches;
    size_t match_room;
    struct personal_hit *hits;
    size_t hit_room;
    struct find *finds;
    size_t count, room;
    uint32_t *owners; // a find of each byte, counted from 1
    size_t owner_room;
    struct buf value, scratch;
};

// Room for more of what one cell may hold: grown in the part's arena.
static void *grown(struct finder *finder, void *old, size_t used, size_t *room, size_t wanted,
                   size_t each) {
    if (wanted <= *room) return old;
    size_t next = *room ? *room * 2 : 64;
    if (next < wanted) next = wanted;
    void *more = arena_take_array(finder->part->arena, next, each);
    if (!more) return NULL;
    if (used) memcpy(more, old, used * each);
    *room = next;
    return more;
}

static enum err find_add(struct finder *finder, struct find find) {
    struct find *finds = grown(finder, finder->finds, finder->count, &finder->room,
                               finder->count + 1, sizeof *finds);
    if (!finds) return ERR_MEMORY;
    finder->finds = finds;
    finds[finder->count++] = find;
    return OK;
}

static enum err find_detected(struct finder *finder, struct str cell) {
    uint32_t kinds = finder->mask->kinds;
    if (!kinds) return OK;
    if (!finder->hits) {
        finder->hits = grown(finder, NULL, 0, &finder->hit_room, 64, sizeof *finder->hits);
        if (!finder->hits) return ERR_MEMORY;
    }
    size_t found = personal_scan(cell, kinds, finder->hits, finder->hit_room);
    if (found > finder->hit_room) {
        struct personal_hit *hits =
            grown(finder, finder->hits, 0, &finder->hit_room, found, sizeof *hits);
        if (!hits) return ERR_MEMORY;
        finder->hits = hits;
        found = personal_scan(cell, kinds, hits, finder->hit_room);
    }
    enum err err = OK;
    for (size_t i = 0; i < found && err == OK; i++) {
        const struct personal_hit *hit = &finder->hits[i];
        bool tagged = PERSONAL_BIT(hit->kind) & PERSONAL_TAGGED;
        bool certain = !tagged && hit->confidence >= CERTAIN;
        err = find_add(finder,
                       (struct find){hit->start, hit->size, (uint16_t)hit->kind,
                                     certain ? RANK_CERTAIN : RANK_DETECTED, (uint8_t)hit->kind});
    }
    return err;
}

static enum err find_pattern(struct finder *finder, struct str cell, uint32_t index) {
    size_t found = 0;
    struct pattern_scanner *scanner = finder->scanners[index];
    enum err err = pattern_scan(scanner, cell, finder->matches, finder->match_room, &found);
    if (err == OK && found > finder->match_room) {
        struct match *matches =
            grown(finder, finder->matches, 0, &finder->match_room, found, sizeof *matches);
        if (!matches) return ERR_MEMORY;
        finder->matches = matches;
        err = pattern_scan(scanner, cell, matches, finder->match_room, &found);
    }
    for (size_t i = 0; i < found && err == OK; i++) {
        const struct match *match = &finder->matches[i];
        err = find_add(finder, (struct find){(uint32_t)match->start, (uint32_t)match->size,
                                             (uint16_t)finder->mask->patterns[index].kind,
                                             RANK_PATTERN, REASON_PATTERN});
    }
    return err;
}

static enum err find_patterns(struct finder *finder, struct str cell) {
    enum err err = OK;
    for (uint32_t i = 0; i < finder->mask->pattern_count && err == OK; i++) {
        err = find_pattern(finder, cell, i);
    }
    return err;
}

// What looks sealed already is sealed as it stands, so that opening gives back what was there.
static enum err find_sealed(struct finder *finder, struct str cell) {
    struct seal_found found;
    enum err err = OK;
    if (finder->mask->how != HOW_ENCRYPT) return OK;
    for (size_t at = 0; err == OK && seal_find(cell, at, &found); at = found.start + found.size) {
        err = find_add(finder, (struct find){(uint32_t)found.start, (uint32_t)found.size,
                                             KIND_UNKNOWN, RANK_SEALED, REASON_SEALED});
    }
    return err;
}

// ---- the row's own values in its text -----------------------------------------------------------

static bool is_word_byte(char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static size_t space_bytes(struct str text, size_t at) {
    if (at < text.size && text.data[at] == ' ') return 1;
    struct str rest = {text.data + at, text.size - at};
    return str_starts(rest, STR("　")) ? 3 : 0;
}

// Bytes of text from `at` that spell the value, with spaces between characters as people put them
// into names (张　三); 0 if it is not there.
static size_t spelled_at(struct str text, size_t at, struct str value) {
    size_t start = at;
    for (size_t in = 0; in < value.size;) {
        size_t space = space_bytes(value, in);
        if (space) {
            in += space;
            continue;
        }
        size_t from = in;
        (void)utf8_next(value, &in);
        if (at > start) {
            size_t skip;
            while ((skip = space_bytes(text, at)) != 0) at += skip;
        }
        if (at + (in - from) > text.size) return 0;
        if (memcmp(text.data + at, value.data + from, in - from) != 0) return 0;
        at += in - from;
    }
    bool glued =
        (start > 0 && is_word_byte(text.data[start]) && is_word_byte(text.data[start - 1])) ||
        (at < text.size && is_word_byte(text.data[at - 1]) && is_word_byte(text.data[at]));
    return glued ? 0 : at - start;
}

// Two Chinese characters, four letters and digits or six digits: less would be found by chance
// everywhere, a year or a dose for a number of a patient.
static bool is_telling(struct str value) {
    size_t weight = 0;
    bool digits = true;
    for (size_t at = 0; at < value.size;) {
        uint32_t c = utf8_next(value, &at);
        weight += c >= 0x2E80 ? 2 : c > ' ';
        digits = digits && c >= '0' && c <= '9';
    }
    return weight >= (digits ? 6 : 4);
}

static enum err find_value(struct finder *finder, struct str cell, struct str value,
                           unsigned column_kind) {
    value = str_trim(value);
    if (!is_telling(value) || value.size > cell.size) return OK;
    size_t first = 0;
    (void)utf8_next(value, &first);
    enum err err = OK;
    for (size_t at = 0; at + first <= cell.size && err == OK;) {
        const char *seen = memmem(cell.data + at, cell.size - at, value.data, first);
        if (!seen) break;
        at = (size_t)(seen - cell.data);
        size_t size = spelled_at(cell, at, value);
        if (size) {
            unsigned kind = kind_of_value(column_kind, value);
            err = find_add(finder, (struct find){(uint32_t)at, (uint32_t)size, (uint16_t)kind,
                                                 RANK_ROW, (uint8_t)kind});
        }
        at += size ? size : first;
    }
    return err;
}

static enum err find_row(struct finder *finder, struct str cell, uint32_t row) {
    enum err err = OK;
    for (uint32_t i = 0; i < finder->mask->from_count && err == OK; i++) {
        const struct mask_column *from = &finder->mask->from[i];
        const struct column *column = &finder->part->before[from->place];
        if (!column_valid(column, row)) continue;
        buf_clear(&finder->value);
        column_write(&finder->value, column, row);
        err = buf_err(&finder->value);
        if (err == OK) err = find_value(finder, cell, buf_str(&finder->value), from->kind);
    }
    return err;
}

// ---- one cell -----------------------------------------------------------------------------------

static bool is_blank(struct str piece) {
    for (size_t at = 0; at < piece.size;) {
        uint32_t c = utf8_next(piece, &at);
        bool letter = c >= 0x2E80 ? c < 0x3000 || (c >= 0x3040 && c < 0xFE30) || c >= 0xFF10
                                  : c >= 0xA1 || (c < 0x80 && is_word_byte((char)c));
        if (letter) return false;
    }
    return true;
}

static enum err paint(struct finder *finder, struct str cell) {
    uint32_t *owners =
        grown(finder, finder->owners, 0, &finder->owner_room, cell.size, sizeof *finder->owners);
    if (!owners) return ERR_MEMORY;
    finder->owners = owners;
    memset(owners, 0, cell.size * sizeof *owners);
    for (uint8_t rank = 0; rank < RANK_COUNT; rank++) {
        for (size_t i = finder->count; i-- > 0;) {
            const struct find *find = &finder->finds[i];
            if (find->rank != rank) continue;
            for (uint32_t k = 0; k < find->size; k++) owners[find->start + k] = (uint32_t)i + 1;
        }
    }
    return OK;
}

// Writes the cell with its finds concealed into the scratch buffer.
static void pieces_write(struct finder *finder, struct str cell, struct seal_spot spot) {
    const uint32_t *owners = finder->owners;
    struct buf *out = &finder->scratch;
    for (size_t at = 0; at < cell.size;) {
        uint32_t owner = owners[at];
        size_t start = at;
        while (at < cell.size && owners[at] == owner) at++;
        struct piece piece = {.text = {cell.data + start, at - start}, .spot = spot};
        const struct find *find = owner ? &finder->finds[owner - 1] : NULL;
        // What is left of a find beside a surer one may be but a comma.
        if (!find || (piece.text.size < find->size && is_blank(piece.text))) {
            buf_add_str(out, piece.text);
            continue;
        }
        piece.kind = find->kind;
        spot.nth++;
        conceal_write(&finder->mask->conceal, &piece, out);
        finder->part->tally->reasons[find->reason]++;
    }
}

static enum err mask_cell(struct finder *finder, struct str cell, uint32_t place, uint32_t row,
                          struct text_edit *edit) {
    finder->count = 0;
    enum err err = find_detected(finder, cell);
    if (err == OK) err = find_sealed(finder, cell);
    if (err == OK) err = find_patterns(finder, cell);
    if (err == OK) err = find_row(finder, cell, row);
    if (err != OK) return err;
    if (finder->count == 0) return text_edit_add(edit, cell);
    buf_clear(&finder->scratch);
    err = paint(finder, cell);
    struct seal_spot spot = {finder->part->first_row + row, place, 1};
    if (err == OK) pieces_write(finder, cell, spot);
    if (err == OK) err = buf_err(&finder->scratch);
    if (err != OK) return err;
    finder->part->tally->cells_changed++;
    return text_edit_add(edit, buf_str(&finder->scratch));
}

static enum err mask_text(struct finder *finder, uint32_t place) {
    struct part *part = finder->part;
    const struct column column = part->columns[place];
    struct text_edit edit;
    uint64_t changed = part->tally->cells_changed;
    enum err err = text_edit_open(&edit, part, place);
    for (uint32_t row = 0; row < part->row_count && err == OK; row++) {
        if (part->gone[row] || !column_valid(&column, row)) {
            err = text_edit_missing(&edit);
        } else {
            err = mask_cell(finder, column_text(&column, row), place, row, &edit);
        }
    }
    if (err == OK && part->tally->cells_changed > changed) return text_edit_finish(&edit);
    text_edit_close(&edit);
    return err;
}

// ---- one part -----------------------------------------------------------------------------------

static enum err finder_open(struct finder *finder, const struct mask_state *state) {
    enum err err = OK;
    for (uint32_t i = 0; i < finder->mask->pattern_count && err == OK; i++) {
        err = pattern_scanner_open(state->patterns[i], finder->part->arena, &finder->scanners[i]);
    }
    return err;
}

enum err mask_run(const struct bound *bound, struct part *part) {
    const struct mask *mask = bound->settings;
    struct finder finder = {.mask = mask, .part = part};
    buf_open(&finder.scratch, 8 * (size_t)LIMIT_CELL_BYTES);
    buf_open(&finder.value, LIMIT_CELL_BYTES);
    enum err err = finder_open(&finder, bound->state);
    // The text first: it is not to see what becomes of the columns.
    for (uint32_t i = 0; i < mask->text_count && err == OK; i++) {
        err = mask_text(&finder, mask->texts[i]);
    }
    for (uint32_t i = 0; i < mask->column_count && err == OK && mask->how != HOW_REMOVE; i++) {
        err = conceal_column(mask, &mask->columns[i], part, &finder.scratch);
    }
    buf_close(&finder.value);
    buf_close(&finder.scratch);
    return err;
}
