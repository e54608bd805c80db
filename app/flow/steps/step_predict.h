// What the steps that ask a model about a table share: reading the model, and a file with the
// types the model knows.
#pragma once

#include "flow/steps/prepare.h"

// *out is the caller's to tabular_close.
enum err model_of_file(const char *path, struct tabular_model **out, struct fault *fault) MUST_USE;
// Imports `source` as `table` by options' "intake"; columns that the model asks for get its types,
// whatever a guess would say. Rows that cannot be read go to `faults`.
enum err source_for_model(struct step_context *context, const struct asking *asking,
                          const char *source, const char *table, const char *faults) MUST_USE;
