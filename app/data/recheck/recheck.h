// An independent check of k-anonymity, distinct and entropy l-diversity and t-closeness, of a CSV
// file or a table file as it stands. It shares no code with data/anonymity (only base/ and
// data/table.h) and works in another way: rows are sorted by the bytes of their quasi-identifiers,
// and neighbours are compared byte by byte. What it does not know it does not assume: no
// hierarchies, no recipe. Holds the keys and the file in memory. One call, one thread.
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/str.h"

enum {
    RECHECK_QUASI = 64,
    RECHECK_SENSITIVE = 16,
};

struct recheck_question {
    const struct str *quasi, *sensitive; // names of columns
    uint32_t quasi_count, sensitive_count;
    uint64_t k;       // 0: not asked
    double l;         // different values a class has at least; 0: not asked
    double l_entropy; // 2^entropy at least; 0: not asked
    double t;         // at most so far from the whole; negative: not asked
};
// Of each sensitive column the worst class. Distance: earth mover's, over the order of the values
// where all are numbers or ISO dates (a missing value stands last), else all differ alike.
struct recheck_column {
    uint64_t distinct;
    double effective; // 2^entropy
    double distance;
    bool ordered;
    uint64_t distinct_row, effective_row, distance_row; // a data row of that class, from 1
};
struct recheck_answer {
    uint64_t rows, classes, k, uniques;
    uint64_t k_row; // a data row of the smallest class, from 1
    struct recheck_column columns[RECHECK_SENSITIVE];
    bool holds; // all that was asked
};
// ERR_INPUT "recheck.no_column" (detail: the name), "recheck.no_quasi", "recheck.uneven" (row),
// "recheck.unclosed_quote" (row), "recheck.no_rows"; ERR_LIMIT, ERR_MEMORY, ERR_IO.
enum err recheck_file(const char *path, const struct recheck_question *question,
                      struct recheck_answer *out, struct fault *fault) MUST_USE;
void recheck_write(struct json_writer *out, const struct recheck_question *question,
                   const struct recheck_answer *answer);
