// Small tables for tests, written as text: the first line names columns as name:type[:role], cells
// stand between |, an empty cell is missing. "\n" ends a row.
//   姓名:text:direct|年龄:integer
//   王某|34
#pragma once

#include "base/buf.h"
#include "base/fault.h"

// Writes the table file (removing what was there); aborts on a mistake in the text.
void small_table_write(const char *path, const char *text);
// The same text again from a table file, appended to `out`; dates and numbers as exported.
enum err small_table_read(const char *path, struct buf *out);
