// A recipe over a small table in a folder of the test's own, and what it wrote. For tests only: one
// thread; what a function returns is valid until its next call.
#pragma once

#include "data/cleanse/cleanse.h"

// The folder and the files in it: the table, the table after the recipe, the report.
extern const char *recipe_folder;
extern char recipe_in[512], recipe_out[512], recipe_report[512];
void recipe_files_make(void);

// Runs the recipe over recipe_in; what an earlier one wrote is removed first.
enum err recipe_run(const char *recipe_text, const struct cleanse_options *options,
                    struct fault *fault) MUST_USE;
// The same as text: the table after it, or "code@line" if it failed, "code@line(detail)" with
// `detail`.
const char *recipe_rows(const char *recipe_text, const struct cleanse_options *options,
                        bool detail);
