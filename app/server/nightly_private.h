// The copies that the box makes of its own state (store/keep.h): once a day at a quiet minute, in a
// thread of its own, and on a person's wish. A day on which the machine was off is made up for soon
// after the start. What came of it stands in the audit chain and in GET /api/v1/system/backups.
#pragma once

#include "base/fault.h"
#include "store/store.h"

struct nightly;
struct keeper;

// Notes in the audit chain what was recovered while no server ran, and ends all sessions, which may
// be ones that were ended since the copy was made.
enum err recovery_note(struct store *store, struct fault *fault) MUST_USE;

// COURTYARD_NIGHTLY_TICK_MS says how often it looks whether one is due, else once a minute; the
// first time after ten of these. It also lets go of the copy from before an update, once that is
// there to stay: when PID 1 says so on the appliance, elsewhere when this version has served ten
// such times.
enum err nightly_start(struct store *store, struct keeper *keeper, struct nightly **out,
                       struct fault *fault) MUST_USE;
void nightly_stop(struct nightly *nightly); // after the copy that is being made; NULL is fine

// The part that decides: when the last one was due (ms; `minute` of the day, UTC), and whether it
// must be made now, the newest being of `made_ms` (0: none).
int64_t nightly_due_ms(int64_t now_ms, uint64_t minute);
bool nightly_is_due(int64_t now_ms, uint64_t minute, int64_t made_ms);
