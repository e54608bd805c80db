// What an answer is held to, step by step: a constraint from its first token to its last; or one
// that waits. Then text is free until a mark stands in it, what follows the mark is held to the
// constraint until nothing more may come by it, and text is free again, up to the next mark.
//
//   free text ──mark──▶ held ──the constraint's end──▶ free text … or over, where one is enough
//
// In free text no mask is found and nothing is asked of the constraint, but for the beginning of an
// answer whose form needs no mark (`bare`): as long as it fits the constraint it may become a held
// one, and is one from its fourth quotation mark on (of {"name": "…" that is where the name ends).
// A mark may be cut over tokens in any way, be a token of its own, or end within one: a token whose
// rest does not fit is refused, and the sampler chooses anew. Plain data: a copy is another place
// of the same answer. One thread, that of the constraint.
#pragma once

#include "model/language/grammar/constraint.h"

enum { HOLD_MARK_BYTES_MAX = 31, HOLD_PIECES_MAX = 64 };

struct hold_form {
    char mark[HOLD_MARK_BYTES_MAX + 1];
    bool bare;            // an answer may begin with what is held, without a mark
    uint32_t pieces_most; // of held ones, HOLD_PIECES_MAX at most; behind the last the answer ends
};

struct hold {
    struct constraint *constraint;
    struct hold_form form; // no mark and not bare: held from the first token to the last
    bool held;             // now; `place` tells where
    bool bare;             // free, and all so far fits the constraint: `place` tells where
    bool escaped;          // the last byte was a reverse solidus
    uint32_t place, quotes, pieces;
    char tail[HOLD_MARK_BYTES_MAX]; // the last bytes of free text that may be a mark's
    uint32_t tail_size;
};

// `form`: NULL: from the first token to the last. Outlives neither; asserts its bounds.
struct hold hold_of(struct constraint *constraint, const struct hold_form *form);

enum hold_step {
    HOLD_ON,
    HOLD_OVER,    // nothing may follow this token
    HOLD_REFUSED, // the token may not come here; the hold is as it was. In free text alone
};
// `bytes`: the token's, those of a control token too; where `held`, nobody looks at them, and the
// token is one that the constraint allows at `place`.
enum hold_step hold_next(struct hold *hold, uint32_t token, struct str bytes);
