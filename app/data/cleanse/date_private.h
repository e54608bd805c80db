// What a line of date does: read by operator_date.c, shifted by date_shift.c; dates inside text are
// found and written by date_text.c. Depends on conceal_private.h and part_private.h.
#pragma once

#include "data/cleanse/conceal_private.h"
#include "data/cleanse/part_private.h"

enum coarseness {
    COARSE_YEAR,
    COARSE_QUARTER,
    COARSE_MONTH,
    COARSE_WEEK,
    COARSE_DECADE,
    COARSE_NOT
};
enum {
    REASON_DATE_OLDEST,    // a date of somebody over the age that is told
    REASON_DATE_NO_PERSON, // a row that says not whose it is: shifted on its own
    REASON_DATE_TEXT,      // dates inside text
    DATE_REASONS,
    // Days a shift may go at most, and what it is without `window`.
    DATE_WINDOW_MOST = 3650,
    DATE_WINDOW = 180,
};
#define PLACE_NONE UINT32_MAX

struct date {
    enum coarseness coarseness;
    bool shift;
    uint32_t *places; // date and time columns
    uint32_t place_count;
    uint32_t *texts; // dates inside these are shifted
    uint32_t text_count;
    uint32_t per;      // the column that says whose row it is
    unsigned per_kind; // of its values
    uint32_t window;
    uint32_t oldest;     // 0: ages are not looked at
    uint32_t at_place;   // the column with the day ages count at, or PLACE_NONE:
    int64_t at_days;     // that day
    struct hmac_key key; // set by start
};

int64_t days_of(const struct column *column, uint32_t row);
// The earliest day of birth that is written in this row; INT64_MIN if there is no bound.
int64_t oldest_day(const struct date *date, const struct part *part, uint32_t row);

// ---- date_shift.c -------------------------------------------------------------------------------
enum err date_shift_run(const struct date *date, struct part *part);

// ---- date_text.c --------------------------------------------------------------------------------
struct date_number {
    size_t start, size; // bytes; size 0: it is not written there
    uint8_t digits;
    bool wide; // full-width
    bool han;  // 二〇二三, 十二
};
struct date_found {
    size_t start, size;
    struct date_number year, month, day;
    int64_t days; // a month without a day: its 15th
    bool compact; // 20230512
};
// The next date at or after `from`: 2023-05-12, 2023/5/12, 2023.5.12, 20230512, 5/12/2023,
// 2023年5月12日, 23年5月12日, 2023年5月, 2023-05, 5月12日 (of `year`, when the text says none),
// 二〇二三年五月十二日.
bool date_find(struct str text, size_t from, int64_t year, struct date_found *out);
// Appends the date so many days later, written as it was.
void date_write_shifted(struct str text, const struct date_found *found, int64_t days,
                        struct buf *out);
