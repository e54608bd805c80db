// Time. Wall time for records and people, monotonic time for time-outs and measuring. Tests may set
// the wall clock with clock_set_for_test. Any thread.
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

int64_t clock_now_ms(void); // since 1970-01-01 UTC
uint64_t clock_monotonic_us(void);
void clock_set_for_test(int64_t now_ms); // 0: the real clock again

// Proleptic Gregorian calendar; day 0 is 1970-01-01. Source: Howard Hinnant, "chrono-compatible
// low-level date algorithms".
int64_t days_from_civil(int64_t year, unsigned month, unsigned day);
void civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day);
// "2026-11-23T17:20:05Z"
void buf_add_time(struct buf *buf, int64_t time_ms);
