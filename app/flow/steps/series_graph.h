// A graph between series as people keep it, in a CSV file of UTF-8 or GB18030: lines
// "from,to[,weight]", a first one whose weight is no number being a header; or a square matrix of
// weights, whose cell (i, j) is what j tells of i, with or without a line of names above it (in
// their order otherwise). Cells may be quoted. Read line by line and not by intake, which would
// make a file of typed columns first, and cannot know that a line of numbers is one of names. Any
// thread.
#pragma once

#include "base/fault.h"
#include "base/json.h"

enum { SERIES_GRAPH_BYTES_MAX = 64 << 20 };

// A JSON array of the edges, as a wish for a forecast takes them: [from, to, weight], ends by name
// or by number from 0. ERR_INPUT "series.bad_graph" (row: the line from 1), ERR_LIMIT
// "base.file_too_large", "series.too_many_edges".
enum err series_graph_write(struct json_writer *out, const char *path,
                            struct fault *fault) MUST_USE;
