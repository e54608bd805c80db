// Screen: personal data in what people and models say to each other, found by detect/ and replaced
// by a word for its kind ("[手机号]"). A whole text is looked at in one go; a text that comes piece
// by piece is held back until what was said can no longer be part of a finding.
//
// A text in pieces is decided by stretches: to the end of a sentence or a line, and for a stretch
// that has a number near its end so much further that the number is over and the words behind it
// are known. A sentence longer than SCREEN_STRETCH_BYTES is cut. Where stretches end depends on the
// text alone, never on its pieces: any two ways to cut a text into pieces give the same words.
// A person's name found once is found again in what follows, not in what has left.
//
// Depends on detect/, and on cleanse/ for the words. A struct screen belongs to one thread at a
// time; the rest are pure functions.
#pragma once

#include "base/buf.h"
#include "data/detect/detect.h"

enum {
    SCREEN_STRETCH_BYTES = 1536, // of the longest stretch: what may be held back, and
    SCREEN_REACH_BYTES = 128,    // so much more
};
// What tells of a person. Addresses of the web and of networks, coordinates, organisations, their
// codes, and ages do not by themselves; of places only those with a door's or a house's number.
#define SCREEN_KINDS                                                                   \
    (PERSONAL_ALL & ~(PERSONAL_BIT(PERSONAL_USCC) | PERSONAL_BIT(PERSONAL_URL) |       \
                      PERSONAL_BIT(PERSONAL_IP) | PERSONAL_BIT(PERSONAL_COORDINATES) | \
                      PERSONAL_BIT(PERSONAL_AGE) | PERSONAL_BIT(PERSONAL_ORGANISATION)))

struct screen_found {
    uint64_t of[PERSONAL_KIND_COUNT];
};
uint64_t screen_count(const struct screen_found *found); // of all kinds

// The text with words in place of what was found; `out` NULL: only counts. Adds to *found.
// ERR_MEMORY, ERR_LIMIT: what `out` then has is not to be used.
enum err screen_text(struct str text, struct buf *out, struct screen_found *found) MUST_USE;

struct screen;
// `stops`: at the first stretch that has something, of which nothing is given out, nor of what
// follows.
enum err screen_open(bool stops, struct screen **out) MUST_USE;
void screen_close(struct screen *screen); // NULL is fine
// Takes the next piece and adds what is decided now to `out` (NULL: only counts). ERR_MEMORY,
// ERR_LIMIT: nothing more of this text may be given out.
enum err screen_put(struct screen *screen, struct str piece, struct buf *out,
                    struct screen_found *found) MUST_USE;
// The text is over: the rest of it.
enum err screen_end(struct screen *screen, struct buf *out, struct screen_found *found) MUST_USE;
bool screen_stopped(const struct screen *screen);
// Makes the detector ready, which takes a moment the first time.
void screen_warm(void);
