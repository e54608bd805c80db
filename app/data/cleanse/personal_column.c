// Personal data in columns: text as it is, numbers as they would be written. A check also takes the
// column's name for the word that says what its numbers are.
#include <math.h>

#include "base/text.h"
#include "data/cleanse/conceal_private.h"
#include "data/cleanse/part_private.h"

enum {
    CELL_HITS = 64,          // one is enough to count a cell; all kinds in it show within these
    NAMED_CELL_BYTES = 256,  // a longer cell has words of its own
    TAGGED_ROWS_MOST = 128,  // of one batch: the tagger is slow, and a share is all that is asked
    TAGGED_CELL_BYTES = 4096 // of one cell
};

static struct str trim_wide(struct str s) {
    for (;;) {
        struct str before = s;
        s = str_trim(s);
        if (str_starts(s, STR("　"))) s.data += 3, s.size -= 3;
        if (str_ends(s, STR("　"))) s.size -= 3;
        if (s.size == before.size) return s;
    }
}

// Where hits of a cell are counted, and how many cells each stands for.
struct counting {
    struct personal_counts *counts;
    struct personal_seen *seen; // NULL: no examples are wanted
    uint32_t row;
    uint64_t times;
    uint32_t kinds; // those that are counted
};

static void note_example(const struct counting *counting, const struct personal_hit *hit,
                         size_t before) {
    struct personal_seen *seen = counting->seen;
    if (!seen || seen->count[hit->kind] == PERSONAL_EXAMPLES) return;
    seen->place[hit->kind][seen->count[hit->kind]++] =
        (struct personal_place){counting->row, (uint32_t)(hit->start - before), hit->size};
}

// Counts the hits of one cell; `before` bytes of `text` are the column's name, not the cell.
static void count_hits(const struct counting *counting, struct str text, size_t before,
                       uint32_t kinds) {
    struct personal_hit hits[CELL_HITS];
    size_t found = personal_scan(text, kinds, hits, CELL_HITS), inside = 0;
    uint32_t seen = 0;
    for (size_t i = 0; i < found && i < CELL_HITS; i++) {
        uint32_t bit = PERSONAL_BIT(hits[i].kind);
        if (hits[i].start < before || !(counting->kinds & bit)) continue;
        inside++;
        if (seen & bit) continue;
        seen |= bit;
        counting->counts->cells[hits[i].kind] += counting->times;
        counting->counts->confidence[hits[i].kind] += counting->times * hits[i].confidence;
        note_example(counting, &hits[i], before);
    }
    if (inside != 1 || found > CELL_HITS) return;
    const struct personal_hit *hit = &hits[found - 1];
    struct str trimmed = trim_wide((struct str){text.data + before, text.size - before});
    if (text.data + hit->start == trimmed.data && hit->size == trimmed.size) {
        counting->counts->whole[hit->kind] += counting->times;
    }
}

static void count_cell(const struct counting *counting, struct str cell, struct str name,
                       uint32_t kinds) {
    char room[LIMIT_NAME_BYTES + NAMED_CELL_BYTES + 8];
    if (name.size == 0 || cell.size > NAMED_CELL_BYTES) {
        count_hits(counting, cell, 0, kinds);
        return;
    }
    struct buf text = {.data = room, .room = sizeof room, .cap_bytes = sizeof room};
    buf_add_str(&text, name);
    buf_add_text(&text, "：");
    size_t before = text.size;
    buf_add_str(&text, cell);
    if (buf_err(&text) == OK) count_hits(counting, buf_str(&text), before, kinds);
}

static void count_integer(const struct counting *counting, int64_t value, struct str name) {
    // The shortest identifier that needs no word has 11 digits.
    if (value < (name.size ? 90 : 10000000000)) return;
    char digits[20];
    size_t at = sizeof digits;
    for (; value > 0; value /= 10) digits[--at] = (char)('0' + value % 10);
    count_cell(counting, (struct str){digits + at, sizeof digits - at}, name, PERSONAL_IDENTIFIERS);
}

static void count_column(const struct column *column, uint32_t row_count, const uint32_t *gone,
                         struct str name, struct counting *counting) {
    bool whole = column->type == COLUMN_INTEGER;
    if (column->type != COLUMN_TEXT && column->type != COLUMN_NUMBER && !whole) return;
    size_t least = name.size ? 2 : 5; // "a@b.cn" has six
    for (uint32_t row = 0; row < row_count; row++) {
        if ((gone && gone[row]) || !column_valid(column, row)) continue;
        counting->row = row;
        if (column->type == COLUMN_TEXT) {
            struct str cell = column_text(column, row);
            if (cell.size >= least) count_cell(counting, cell, name, PERSONAL_IDENTIFIERS);
        } else if (whole) {
            count_integer(counting, column->integers[row], name);
        } else {
            double value = column->numbers[row];
            if (value >= 0 && value < 1e18 && value == floor(value)) {
                count_integer(counting, (int64_t)value, name);
            }
        }
    }
}

void personal_count(const struct column *column, uint32_t row_count, const uint32_t *gone,
                    struct personal_counts *counts) {
    struct counting counting = {.counts = counts, .times = 1, .kinds = PERSONAL_ALL};
    count_column(column, row_count, gone, STR_NONE, &counting);
}

// Names, addresses and institutions in rows that stand evenly in the batch, each for those near it.
static void count_tagged(const struct column *column, uint32_t row_count,
                         struct counting *counting) {
    counting->kinds = PERSONAL_TAGGED;
    uint32_t stride = (row_count + TAGGED_ROWS_MOST - 1) / TAGGED_ROWS_MOST;
    for (uint32_t row = 0; row < row_count; row += stride) {
        if (!column_valid(column, row)) continue;
        struct str cell = column_text(column, row);
        if (cell.size < 6) continue;
        if (cell.size > TAGGED_CELL_BYTES)
            cell.size = utf8_valid_prefix((struct str){cell.data, TAGGED_CELL_BYTES});
        counting->row = row;
        counting->times = row_count - row < stride ? row_count - row : stride;
        // The identifiers too: what they cover is no name.
        count_hits(counting, cell, 0, PERSONAL_ALL);
    }
}

void personal_profile(const struct column *column, uint32_t row_count, struct str name,
                      struct personal_counts *counts, struct personal_seen *seen) {
    struct counting counting = {
        .counts = counts, .seen = seen, .times = 1, .kinds = PERSONAL_IDENTIFIERS};
    unsigned kind = kind_of_column(name);
    bool says = kind != KIND_UNKNOWN && !(PERSONAL_TAGGED & PERSONAL_BIT(kind));
    count_column(column, row_count, NULL, says ? name : STR_NONE, &counting);
    if (column->type == COLUMN_TEXT) count_tagged(column, row_count, &counting);
}
