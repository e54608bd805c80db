// The version of this program, as the API and the banner tell it, and the order of versions
// (Semantic Versioning 2.0.0, sections 9 to 11). Any thread.
#pragma once

#include <stdbool.h>

#include "base/str.h"

#define COURTYARD_VERSION "0.1.0"

// Of the processor it is built for, as images, updates and packs name it.
#if defined(__aarch64__)
#define COURTYARD_ARCHITECTURE "aarch64"
#else
#define COURTYARD_ARCHITECTURE "x86_64"
#endif

enum { VERSION_BYTES_MAX = 63 };

// "1.2.3", "1.2.3-rc.1", "1.2.3-rc.1+build.5"; at most VERSION_BYTES_MAX.
bool version_is_one(struct str text);
// <0, 0, >0; what follows a '+' does not count. Both must be versions.
int version_compare(struct str one, struct str other);
