// What decode, normalise and html share: which text columns a line means, its bare words as flags,
// and cells that are rewritten one by one. Depends on operator_private.h.
#pragma once

#include "data/cleanse/operator_private.h"

// The bare words of a line from word `first` on, each one of `names` (ends with NULL): bits in
// *out. Tells "recipe.unknown_option" for others (detail: the nearest name),
// "recipe.unexpected_word" for signs that are no options.
enum err line_flags(const struct line *line, uint32_t first, const char *const *names,
                    struct teller *teller, uint32_t *out) MUST_USE;
// Whether the first word behind the operator's name names columns: it is quoted, has several heads,
// or is none of `names`.
bool line_starts_with_columns(const struct line *line, const char *const *names);

// The columns a line works on: given by its first word (`columns_first`; "text" means the free-text
// columns, or all text where none is declared), by its option `columns=`, else all text columns
// that are still there. Tells unknown columns and those of another type. plan NULL: nothing.
enum err text_places(const struct line *line, bool columns_first, const struct plan *plan,
                     struct arena *arena, struct teller *teller, uint32_t **out_places,
                     uint32_t *out_count) MUST_USE;

// One cell: *out is what it becomes, the cell itself or bytes in `scratch` (empty when it is
// called); *reasons gets a bit for each reason to be counted.
typedef enum err rewrite_cell(void *ctx, struct str cell, struct buf *scratch, struct str *out,
                              uint32_t *reasons);
// Goes over the cells of the columns. A cell that becomes empty is missing and counts for
// `reason_emptied`; a column in which nothing changes stays as it is.
enum err part_rewrite(struct part *part, const uint32_t *places, uint32_t place_count,
                      rewrite_cell *cell, void *ctx, uint32_t reason_emptied) MUST_USE;
