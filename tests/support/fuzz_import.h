// What every fuzz harness of intake checks: an import of any bytes either fails with a fault or
// gives a table that is whole, and a look before it agrees on whether it can be read.
#pragma once

#include "data/intake/intake.h"

void fuzz_import(const void *data, size_t size, const struct intake_options *options);
