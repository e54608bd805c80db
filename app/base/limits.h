// Every bound of the program in one place: name, unit, reason. Reaching one is ERR_LIMIT and shown
// to the person. A bound only one file cares about may stand on top of that file instead.
#pragma once

enum {
    // Names people give (datasets, models, columns) fit on one line of a page.
    LIMIT_NAME_BYTES = 200,
    // Longer free text of a data sheet.
    LIMIT_NOTE_BYTES = 16 * 1024,
    // A table's width. Hospital exports reach some 500 columns.
    LIMIT_COLUMNS = 4096,
    // One cell of text; a free-text medical record stays far below.
    LIMIT_CELL_BYTES = 1 << 20,
    // Rows in one batch of a table: a column of numbers then fits in the second-level cache.
    LIMIT_BATCH_ROWS = 16 * 1024,
    // Text bytes of one batch over all its columns; a batch ends early when it is reached.
    LIMIT_BATCH_TEXT_BYTES = 8 << 20,
    // A JSON document of the API or of a job; bodies that carry data are streamed instead.
    LIMIT_JSON_BYTES = 4 << 20,
    LIMIT_JSON_DEPTH = 64,
    // Faults of an import or a check that are kept one by one; the rest is counted.
    LIMIT_FAULTS_KEPT = 1000,
    // Worker threads of one process.
    LIMIT_THREADS = 256,
    // A path of this program below its data folder.
    LIMIT_PATH_BYTES = 1024,
};
