// Bytes in, a table as CSV out: for the tests of what intake reads. One import at a time.
#pragma once

#include "check.h"
#include "data/intake/intake.h"

// Options of the next imports; a test sets back what it changes.
extern struct intake_options import_options;
// Of the last import.
extern struct intake_result import_result;
extern struct fault import_fault;
const char *import_folder(void); // for more files
const char *import_source(void); // the last import's file, as it was written

enum err import_run(const void *data, size_t size);
// The table of the last import as CSV; valid until the next one.
struct str import_csv(void);
struct str import_faults(void); // JSON Lines
// Imports, and compares the table with CSV whose records end in "\n".
void import_check(const void *data, size_t size, const char *want, const char *file, int line);
#define IMPORTS(data, size, want) import_check((data), (size), (want), __FILE__, __LINE__)
#define IMPORTS_TEXT(text, want) import_check((text), strlen(text), (want), __FILE__, __LINE__)
// The import fails with this code.
#define REFUSES(data, size, want)                \
    do {                                         \
        CHECK(import_run((data), (size)) != OK); \
        CHECK_STR(import_fault.code, (want));    \
    } while (0)
