// What went wrong, for a person. C holds no sentences: the code is the key of a message in
// web/messages/{zh-CN,en}.json, whose text may use {row}, {column} and {detail}; "CODE.hint", where
// it exists, says what to do. A fault is a plain value: copy it freely, it owns nothing.
#pragma once

#include "base/err.h"
#include "base/str.h"

enum { FAULT_CODE_SIZE = 64, FAULT_DETAIL_SIZE = 192 };

struct fault {
    char code[FAULT_CODE_SIZE];     // "" while there is none, else e.g. "csv.unclosed_quote"
    uint64_t row;                   // 1-based line or record of the input; 0: does not apply
    uint64_t column;                // 1-based; 0: does not apply
    char detail[FAULT_DETAIL_SIZE]; // a name, option or limit; never a cell's value
};

// Fills *fault (which may be NULL) unless it is filled already: the first cause wins. Returns err,
// so that `return fault_set(fault, ERR_INPUT, "csv.no_header", ...)` reads as one step.
// `code` must be a string literal "area.what". A detail too long is cut at a UTF-8 border.
enum err fault_set(struct fault *fault, enum err err, const char *code, struct str detail) MUST_USE;
enum err fault_at(struct fault *fault, enum err err, const char *code, uint64_t row,
                  uint64_t column, struct str detail) MUST_USE;
// ERR_MEMORY, ERR_FULL or ERR_IO from errno, with the path as detail.
enum err fault_errno(struct fault *fault, int error_number, struct str path) MUST_USE;
