// What operators write beside the table: sheets for people to look at, as CSV. The run keeps the
// list, the report names each file by its hash. One thread, after the last pass.
#pragma once

#include "base/buf.h"
#include "data/cleanse/cleanse.h"

enum {
    LIMIT_FURTHER_FILES = 4,
    // A sheet is held in memory while it is written; people read no more of it.
    LIMIT_FURTHER_BYTES = 1 << 30,
};

struct further_file {
    const char *name; // "sampling.csv"; static
    struct hash hash;
    uint64_t bytes, rows;
};
struct further {
    struct further_file files[LIMIT_FURTHER_FILES];
    uint32_t count;
};
// A cell in quotes; one that a spreadsheet would calculate gets an apostrophe in front.
void csv_cell_write(struct buf *out, struct str cell);
// Writes options->folder/NAME, or adds the lines to it where a line before has written it.
// ERR_LIMIT, faults of the disk.
enum err further_write(const struct cleanse_options *options, const char *name, struct str head,
                       struct str lines, uint64_t rows) MUST_USE;
// "files" of the report: [{"name","hash","bytes","rows"}].
void further_report(const struct further *further, struct json_writer *out);
