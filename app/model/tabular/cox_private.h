// Cox's partial likelihood of one side, ties by Breslow: its sum, each row's derivatives, and the
// baseline hazard. With S(t) the sum of w exp(margin) over rows whose time is at least t, and
// A, B the sums of w/S and w/S² over events up to a row's time, the loss is
//   - sum over events of w (margin - log S),  derivatives w (r A - event), w (r A - w r² B),
// r = exp(margin). One run costs O(N): rows are put in the order of time once. Sums go through the
// rows in that order whatever the number of threads.
// Shapes: N rows, T distinct times.
// Sources: Cox 1972; Breslow 1974.
#pragma once

#include "base/fault.h"
#include "base/thread.h"
#include "model/tabular/truth_private.h"

struct cox;
// ERR_MEMORY. Takes 40 bytes per row; keeps nothing of `truth`. N is below 2^32.
enum err cox_open(const struct truth *truth, struct cox **out) MUST_USE;
void cox_close(struct cox *cox);
double *cox_margins(struct cox *cox); // (N) by the side's rows: filled by the caller
// Works out the sums for the margins as they stand.
void cox_run(struct cox *cox, struct pool *pool);
// After a run: the loss's sum, and the weight of all events.
double cox_loss(const struct cox *cox);
double cox_event_weight(const struct cox *cox);
// Of row i of the side; without the leading w.
struct cox_derivatives {
    double first, second;
};
struct cox_derivatives cox_derivatives(const struct cox *cox, uint64_t i);
// The cumulative baseline hazard after each distinct time with an event, rising, at most `room`
// points (evenly by hazard when there are more); of margin 0. Returns how many.
uint32_t cox_hazard(const struct cox *cox, double *times, double *hazard, uint32_t room);
