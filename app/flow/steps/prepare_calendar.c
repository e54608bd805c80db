// A preparation's kind "calendar": what a time says about traffic, air or visits.
//   parts  ["hour","weekday","month","weekend"] when absent; also "year", "day" (of the month),
//          "year_day" and "trend" (days since 1970)
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"
#include "flow/steps/prepare.h"

enum part { HOUR, WEEKDAY, MONTH, WEEKEND, YEAR, DAY, YEAR_DAY, TREND, PARTS };
static const char *const part_names[PARTS] = {"hour", "weekday", "month",    "weekend",
                                              "year", "day",     "year_day", "trend"};
static const char *const part_types[PARTS] = {"number",  "integer", "integer", "boolean",
                                              "integer", "integer", "integer", "number"};
enum { PARTS_BY_DEFAULT = 4 };

static enum err part_add(struct prepare_step *step, struct arena *arena, struct str name,
                         struct fault *fault) {
    uint8_t *parts = step->plan;
    for (uint8_t part = 0; part < PARTS; part++) {
        if (!str_is(name, part_names[part])) continue;
        if (memchr(parts, part, step->feature_count)) break;
        parts[step->feature_count] = part;
        return prepare_feature(step, arena, part_names[part], part_types[part]);
    }
    return fault_set(fault, ERR_INPUT, "prepare.bad_option", STR("parts"));
}

static enum err calendar_open(const struct json *options, struct arena *arena,
                              struct prepare_step *step, struct fault *fault) {
    const struct json *parts = json_member(options, "parts");
    step->plan = arena_take(arena, PARTS);
    step->features = ARENA_ARRAY(arena, struct feature, PARTS);
    if (!step->plan || !step->features) return ERR_MEMORY;
    enum err err = OK;
    if (!parts) {
        for (int part = 0; part < PARTS_BY_DEFAULT && err == OK; part++) {
            err = part_add(step, arena, str_of(part_names[part]), fault);
        }
        return err;
    }
    for (const struct json *part = json_first(parts); part && err == OK; part = json_next(part)) {
        err = part_add(step, arena, json_text(part), fault);
    }
    if (err == OK && step->feature_count == 0) {
        err = fault_set(fault, ERR_INPUT, "prepare.bad_option", STR("parts"));
    }
    return err;
}

static bool calendar_fill(const struct prepare_step *step, struct str text, struct arena *scratch,
                          float *const *columns, uint64_t row) {
    (void)scratch;
    int64_t seconds, day, year;
    unsigned month, month_day;
    if (!time_parse(text, &seconds)) {
        if (!date_parse(text, &day)) return false;
        seconds = day * 86400;
    }
    day = (seconds - (seconds % 86400 + 86400) % 86400) / 86400;
    civil_from_days(day, &year, &month, &month_day);
    int64_t weekday = ((day + 3) % 7 + 7) % 7 + 1; // 1: Monday, as ISO 8601 counts
    const double values[PARTS] = {
        [HOUR] = (double)(seconds - day * 86400) / 3600,
        [WEEKDAY] = (double)weekday,
        [MONTH] = month,
        [WEEKEND] = weekday > 5,
        [YEAR] = (double)year,
        [DAY] = month_day,
        [YEAR_DAY] = (double)(day - days_from_civil(year, 1, 1) + 1),
        [TREND] = (double)seconds / 86400,
    };
    const uint8_t *parts = step->plan;
    for (uint32_t f = 0; f < step->feature_count; f++) columns[f][row] = (float)values[parts[f]];
    return true;
}

const struct prepare_kind prepare_calendar = {
    .name = "calendar", .type = "time", .open = calendar_open, .fill = calendar_fill};
