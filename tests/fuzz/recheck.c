// Any bytes as the CSV file that check-anonymity reads: an answer whose figures fit together, or a
// fault; never a crash.
#include <stdlib.h>

#include "base/buf.h"
#include "data/recheck/recheck_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct str quasi[] = {STR("a"), STR("b")}, sensitive[] = {STR("s")};
    struct recheck_question question = {.quasi = quasi,
                                        .sensitive = sensitive,
                                        .quasi_count = 2,
                                        .sensitive_count = 1,
                                        .k = 2,
                                        .l = 1,
                                        .t = .5};
    struct cells cells = {.width = 3, .question = &question};
    struct fault fault = {0};
    if (arena_open(64 << 20, &cells.arena) != OK) return 0;
    // The header that is asked for, then whatever comes.
    struct buf text;
    buf_open(&text, size + 64);
    if (size && data[0] & 1) buf_add_text(&text, data[0] & 2 ? "a;s;b\n" : "a,s,b\n");
    buf_add(&text, data, size);
    enum err err = cells_read_csv(buf_str(&text), &cells, &fault);
    if ((err == OK) != (fault.code[0] == '\0')) abort();
    struct recheck_answer answer;
    if (err == OK && cells_answer(&cells, &answer, &fault) == OK) {
        if (answer.rows != cells.rows || answer.classes > answer.rows || answer.k == 0) abort();
        if (answer.k * answer.classes > answer.rows) abort();
        const struct recheck_column *column = &answer.columns[0];
        if (column->distinct < 1 || column->effective > (double)column->distinct + 1e-6) abort();
        if (!(column->distance >= 0 && column->distance <= 1 + 1e-6)) abort();
    }
    memory_give(cells.cells);
    arena_close(cells.arena);
    buf_close(&text);
    return 0;
}
