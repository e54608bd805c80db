// Personal data in columns: text as it is, numbers as they would be written.
#include <math.h>

#include "data/cleanse/part_private.h"

enum { CELL_HITS = 64 }; // one is enough to count a cell; all kinds in it show within these

static struct str trim_wide(struct str s) {
    for (;;) {
        struct str before = s;
        s = str_trim(s);
        if (str_starts(s, STR("　"))) s.data += 3, s.size -= 3;
        if (str_ends(s, STR("　"))) s.size -= 3;
        if (s.size == before.size) return s;
    }
}

static void count_text(struct str cell, struct personal_counts *counts) {
    struct personal_hit hits[CELL_HITS];
    size_t found = personal_scan(cell, PERSONAL_IDENTIFIERS, hits, CELL_HITS);
    if (found == 0) return;
    bool seen[PERSONAL_KIND_COUNT] = {false};
    for (size_t i = 0; i < found && i < CELL_HITS; i++) {
        if (!seen[hits[i].kind]) counts->cells[hits[i].kind]++;
        seen[hits[i].kind] = true;
    }
    struct str trimmed = trim_wide(cell);
    bool whole =
        found == 1 && cell.data + hits[0].start == trimmed.data && hits[0].size == trimmed.size;
    if (whole) counts->whole[hits[0].kind]++;
}

static void count_integer(int64_t value, struct personal_counts *counts) {
    // The shortest identifier has 11 digits.
    if (value < 10000000000) return;
    char digits[20];
    size_t at = sizeof digits;
    for (; value > 0; value /= 10) digits[--at] = (char)('0' + value % 10);
    count_text((struct str){digits + at, sizeof digits - at}, counts);
}

void personal_count(const struct column *column, uint32_t row_count, const uint32_t *gone,
                    struct personal_counts *counts) {
    bool whole = column->type == COLUMN_INTEGER;
    if (column->type != COLUMN_TEXT && column->type != COLUMN_NUMBER && !whole) return;
    for (uint32_t row = 0; row < row_count; row++) {
        if ((gone && gone[row]) || !column_valid(column, row)) continue;
        if (column->type == COLUMN_TEXT) {
            struct str cell = column_text(column, row);
            if (cell.size >= 5) count_text(cell, counts); // "a@b.cn" has six
        } else if (whole) {
            count_integer(column->integers[row], counts);
        } else {
            double value = column->numbers[row];
            if (value >= 1e10 && value < 1e18 && value == floor(value)) {
                count_integer((int64_t)value, counts);
            }
        }
    }
}
