// The inside of number: powers of five made by number_table.py.
#pragma once

#include <stdint.h>

enum { NUMBER_POWER_MIN = -342, NUMBER_POWER_MAX = 308 };

// The 128 most significant bits of 5^q at index q - NUMBER_POWER_MIN: high word, low word.
extern const uint64_t number_powers[NUMBER_POWER_MAX - NUMBER_POWER_MIN + 1][2];
