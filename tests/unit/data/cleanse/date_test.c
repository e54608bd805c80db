// Dates: found in text as people write them, shifted by the same days for one person, and what lies
// between two dates stays.
#include "data/cleanse/date_private.h"

#include "base/clock.h"
#include "base/file.h"
#include "check.h"
#include "support/recipe_run.h"
#include "support/small_table.h"

// All dates of a text shifted.
static const char *shifted(const char *text, int64_t days) {
    static char out[512];
    struct buf buf = {.data = out, .room = sizeof out - 1, .cap_bytes = sizeof out - 1};
    struct str rest = str_of(text);
    struct date_found found;
    size_t at = 0;
    while (date_find(rest, at, 2023, &found)) {
        buf_add(&buf, text + at, found.start - at);
        date_write_shifted(rest, &found, days, &buf);
        at = found.start + found.size;
    }
    buf_add(&buf, text + at, rest.size - at);
    CHECK_EQ(buf_err(&buf), OK);
    out[buf.size] = '\0';
    return out;
}

static void finds_dates_as_people_write_them(void) {
    static const struct {
        const char *text, *later; // by 30 days
    } cases[] = {
        {"2023-05-12", "2023-06-11"},
        {"于2023年5月12日入院，", "于2023年6月11日入院，"},
        {"2023 年 12 月 5 日", "2024 年 1 月 4 日"},
        {"2023/5/2 和 2023.5.12。", "2023/6/1 和 2023.6.11。"},
        {"２０２３年５月１２日", "２０２３年６月１１日"},
        {"23年5月12号", "23年6月11号"},
        {"99年12月12日", "00年1月11日"},
        {"2023年5月复查", "2023年6月复查"},
        {"2023-05 出院", "2023-06 出院"},
        {"5月12日", "6月11日"},
        {"2月29日", "3月30日"},
        {"20230512", "20230611"},
        {"12/25/2023", "01/24/2024"},
        {"25/12/2023", "24/01/2024"},
        {"2023-05-12 08:30:00", "2023-06-11 08:30:00"},
        {"二〇二三年五月十二日入院", "二〇二三年六月十一日入院"},
        {"二零二三年十二月二十日", "二〇二四年一月十九日"},
        {"十月一日", "十月三十一日"},
        {"二〇二三年十月复查", "二〇二三年十一月复查"},
        {"2023-05-12至2023-05-20", "2023-06-11至2023-06-19"},
        // None of these is a date.
        {"2023-13-12", "2023-13-12"},
        {"2023-02-30", "2023-02-30"},
        {"192.168.1.12", "192.168.1.12"},
        {"1.2023.5.12", "1.2023.5.12"},
        {"2023.5.12.7", "2023.5.12.7"},
        {"ZY20230512", "ZY20230512"},
        {"120230512", "120230512"},
        {"血压 120/80/2000mg", "血压 120/80/2000mg"},
        {"5月内", "5月内"},
        {"三月内", "三月内"},
        {"一年三个月", "一年三个月"},
        {"二十三日", "二十三日"},
        {"三三两两", "三三两两"},
        {"13812345678", "13812345678"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_STR(shifted(cases[i].text, 30), cases[i].later);
    }
}

static void shifts_back_to_what_was_there(void) {
    for (int round = 0; round < 20000; round++) {
        char text[64], later[64];
        int64_t days = (int64_t)check_below(40000) - 15000, by = (int64_t)check_below(7000) - 3500;
        int64_t year;
        unsigned month, day;
        civil_from_days(days, &year, &month, &day);
        static const char *const forms[] = {"%04d-%02u-%02u", "%d年%u月%u日", "%d/%u/%u",
                                            "%d.%02u.%02u"};
        snprintf(text, sizeof text, forms[round % 4], (int)year, month, day);
        snprintf(later, sizeof later, "%s", shifted(text, by));
        struct date_found found;
        if (!CHECK(date_find(str_of(later), 0, 2001, &found))) return;
        if (!CHECK_EQ(found.days - days, by)) return;
    }
}

// ---- tables -------------------------------------------------------------------------------------

static struct hash key_of(uint8_t byte) {
    struct hash key;
    memset(key.bytes, byte, sizeof key.bytes);
    return key;
}

static const char *run(const char *recipe_text, uint8_t key, uint32_t threads) {
    struct cleanse_options options = {.key = key_of(key), .threads = threads};
    return recipe_rows(recipe_text, &options, false);
}

static const char *after(const char *table, const char *recipe_text) {
    small_table_write(recipe_in, table);
    return run(recipe_text, 7, 2);
}

static int64_t day_at(struct str text) {
    struct date_found found;
    if (!CHECK(date_find(text, 0, 2001, &found))) return 0;
    return found.days;
}

// person | in | out | note, all of one person's rows shifted alike.
static void keeps_what_lies_between(void) {
    struct buf table;
    int64_t shift_of_person[50] = {0};
    bool seen[50] = {0};
    buf_open(&table, 1 << 20);
    buf_add_text(&table, "患者ID:text:direct|in:date|out:time|note:text\n");
    for (int row = 0; row < 500; row++) {
        buf_printf(&table, "%s%d|2023-05-12|2023-05-20 08:30:00|2023年5月15日手术，5月20日出院\n",
                   row % 3 ? "" : " ", row % 50);
    }
    buf_add_char(&table, '\0');
    struct str rest = str_of(
        after(table.data,
              "recipe 1\nmask 患者ID how=remove\ndate shift per=患者ID window=30 text=note\n"));
    CHECK_TEXT(str_cut(rest, '\n', &rest), "in:date|out:time|note:text");
    int64_t in = days_from_civil(2023, 5, 12), least = 0, most = 0;
    for (int row = 0; row < 500; row++) {
        struct str line = str_cut(rest, '\n', &rest), cells[3];
        for (int i = 0; i < 3; i++) cells[i] = str_cut(line, '|', &line);
        int64_t shift = day_at(cells[0]) - in;
        CHECK(shift != 0 && shift >= -30 && shift <= 30);
        CHECK_EQ(day_at(cells[1]) - day_at(cells[0]), 8);
        CHECK_EQ(day_at(cells[2]) - day_at(cells[0]), 3);
        CHECK(str_ends(cells[1], STR("08:30:00")));
        CHECK(!seen[row % 50] || shift_of_person[row % 50] == shift);
        shift_of_person[row % 50] = shift;
        seen[row % 50] = true;
        if (shift < least) least = shift;
        if (shift > most) most = shift;
    }
    CHECK(least < -20 && most > 20);
    buf_close(&table);
}

static void only_the_key_decides(void) {
    char one[256];
    small_table_write(recipe_in, "p:text|d:date\n王五|2023-05-12\n|2023-05-12\n|2023-05-12\n");
    const char *recipe = "recipe 1\ndate d shift per=p window=3000\n";
    snprintf(one, sizeof one, "%s", run(recipe, 1, 1));
    CHECK_STR(run(recipe, 1, 2), one);
    CHECK(strcmp(run(recipe, 2, 1), one) != 0);
    // Rows of nobody are each their own.
    struct str rest = str_of(one), lines[4];
    for (int i = 0; i < 4; i++) lines[i] = str_cut(rest, '\n', &rest);
    CHECK(!str_equal(lines[2], lines[3]));
}

static void coarsens_to_weeks_and_bounds_ages(void) {
    CHECK_STR(after("d:date\n2023-01-01\n2023-01-02\n2020-12-31\n2021-01-03\n",
                    "recipe 1\ndate d coarsen=week\n"),
              "d:text\n2022-W52\n2023-W01\n2020-W53\n2020-W53\n");
    const char *table =
        "b:date|a:date\n1930-05-12|2026-01-01\n1950-01-01|2026-01-01\n1930-05-12|\n";
    CHECK_STR(after(table, "recipe 1\ndate b coarsen=year oldest=89 at=a\n"),
              "b:integer|a:date\n1936|2026-01-01\n1950|2026-01-01\n1930|\n");
    CHECK_STR(after(table, "recipe 1\ndate b oldest=89 at=2026-01-01\n"),
              "b:date|a:date\n1936-01-01|2026-01-01\n1950-01-01|2026-01-01\n1936-01-01|\n");
}

static void says_what_is_wrong(void) {
    const char *table = "p:text|d:date|n:integer\nx|2023-05-12|1\n";
    CHECK_STR(after(table, "recipe 1\ndate d\n"), "recipe.missing_option@2");
    CHECK_STR(after(table, "recipe 1\ndate d shift\n"), "recipe.missing_option@2");
    CHECK_STR(after(table, "recipe 1\ndate n shift per=p\n"), "recipe.wrong_type@2");
    CHECK_STR(after(table, "recipe 1\ndate d shift per=q\n"), "recipe.no_such_column@2");
    CHECK_STR(after(table, "recipe 1\ndate d shift per=p coarsen=year\n"),
              "recipe.shift_or_coarsen@2");
    CHECK_STR(after(table, "recipe 1\ndate d shift per=p window=0\n"), "recipe.bad_option@2");
    CHECK_STR(after(table, "recipe 1\ndate d coarsen=year oldest=89\n"), "recipe.missing_option@2");
    CHECK_STR(after(table, "recipe 1\ndate d coarsen=year text=p\n"), "recipe.text_needs_shift@2");
    CHECK_STR(after("p:text\nx\n", "recipe 1\ndate shift per=p\n"), "recipe.no_dates@2");
}

int main(void) {
    recipe_files_make();
    CHECK_RUN(finds_dates_as_people_write_them);
    CHECK_RUN(shifts_back_to_what_was_there);
    CHECK_RUN(keeps_what_lies_between);
    CHECK_RUN(only_the_key_decides);
    CHECK_RUN(coarsens_to_weeks_and_bounds_ages);
    CHECK_RUN(says_what_is_wrong);
    return check_done();
}
