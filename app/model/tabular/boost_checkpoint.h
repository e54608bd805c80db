// A checkpoint of boosting: what is known between two rounds, as a file. Training that finds it
// goes on where the other process stopped and makes the same model to the bit, since everything
// that is drawn at random is drawn from the seed and the round's number. The scores of the rows are
// in the file as they are: summing the trees anew would cost as many rounds as have been made.
// The file is for the same binary on the same kind of machine, and is checked as a whole; one that
// is damaged or of another training counts as none.
#pragma once

#include "model/tabular/boost_private.h"

struct boost_state {
    uint32_t identity; // CRC-32C of data and options: whose checkpoint it is
    struct boosted *boosted;
    double best_loss;
    float *score, *validate_score;
    size_t scores, validate_scores;
};
// Replaces the file as a whole. ERR_FULL, ERR_IO, ERR_MEMORY.
enum err boost_checkpoint_write(const char *path, const struct boost_state *state) MUST_USE;
// Fills what `state` points to: the forest's trees (it must have none), curve (taken; of `rounds`),
// rounds, best_round, best_loss and the scores. ERR_NOT_FOUND: there is none that fits, and nothing
// was filled but scores that the caller sets anew. ERR_MEMORY.
enum err boost_checkpoint_read(const char *path, struct boost_state *state) MUST_USE;
