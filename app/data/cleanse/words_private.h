// Keyword libraries: a text file of words and patterns, each of a risk kind, and the 31 kinds of
// GB/T 45654-2025, annex A. Depends on data/match. A library is read once and shared by threads; a
// reader holds the scratch of one.
//
// A file's line is "KIND<tab>WORD" or "WORD" alone (kind "other"); a word that begins with "re:" is
// a pattern; "#" begins a comment line. Kinds are written as in the standard: "A.1a", also "a1a".
#pragma once

#include "base/crypto.h"
#include "base/fault.h"
#include "base/json.h"
#include "data/match/match.h"

enum {
    RISK_KIND_COUNT = 32,         // the 31 of the standard and "other"
    LIMIT_WORDS_BYTES = 64 << 20, // of a file
    LIMIT_WORDS_PATTERNS = 100,   // each costs a pass over every text
};
// "a1a" … "a5b", "other"; the sentence is "risk.a1a".
const char *risk_kind_name(uint32_t kind);
// By "A.1a", "a1a", "other"; RISK_KIND_COUNT if it is none.
uint32_t risk_kind_find(struct str name);
// Bits of all kinds that begin with it: "a1" for eight of them; 0 if there is none.
uint32_t risk_kinds_begin(struct str name);

struct library;
// A file of `folder` by its plain name, or "risk31-sample", the program's own small one. Words are
// looked for folded unless `exact`. ERR_INPUT with the line as row: "words.no_folder",
// "words.bad_name", "words.file_absent", "words.unknown_kind", "keywords.…", "pattern.…";
// ERR_NOT_FOUND, ERR_LIMIT.
enum err library_open(struct str name, const char *folder, bool exact, struct library **out,
                      struct fault *fault) MUST_USE;
void library_close(struct library *library); // NULL is fine
uint32_t library_words(const struct library *library);
uint32_t library_patterns(const struct library *library);
struct hash library_hash(const struct library *library); // of the file
// Version: what stands behind "# version" in the file; empty if nothing does.
struct str library_version(const struct library *library);

struct library_hit {
    size_t start, size;
    uint32_t kind;
    uint32_t line; // of the file
};
struct library_reader;
enum err library_reader_open(const struct library *library, struct arena *arena,
                             struct library_reader **out) MUST_USE;
// All hits of kinds in `kinds` (bits), ordered by start; they may overlap and live until the next
// call.
enum err library_read(struct library_reader *reader, struct str text, uint32_t kinds,
                      const struct library_hit **out, size_t *count) MUST_USE;
