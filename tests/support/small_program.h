// The smallest program there is, for tests and measurements that start many: it ends at once with
// status 0, and costs as little after exec as a program can. x86-64 only.
#pragma once

#include <stdbool.h>

// Writes it, executable by all; false on another machine or where the file cannot be made.
bool small_program_write(const char *path);
