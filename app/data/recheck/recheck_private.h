// The cells that a check looks at, read from a CSV or a table file. Depends on recheck.h.
#pragma once

#include "base/memory.h"
#include "data/recheck/recheck.h"

// Of each data row the asked cells, in the order of the question: quasi, then sensitive.
struct cells {
    struct arena *arena;
    struct str *cells; // (rows, width)
    uint64_t rows, room;
    uint32_t width;
    const struct recheck_question *question;
    int32_t place[RECHECK_QUASI + RECHECK_SENSITIVE]; // column of the file
};
enum err cells_read_csv(struct str text, struct cells *cells, struct fault *fault) MUST_USE;
enum err cells_read_table(const char *path, struct cells *cells, struct fault *fault) MUST_USE;
// ERR_INPUT "recheck.no_rows".
enum err cells_answer(const struct cells *cells, struct recheck_answer *out,
                      struct fault *fault) MUST_USE;
struct str question_name(const struct recheck_question *question, uint32_t index);
