#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void cy_assert_failed(const char *file, int line, const char *what) {
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
    abort();
}
