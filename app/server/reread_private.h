// After an unclean shutdown (a power cut, a kill) every record is read once, in a thread of the
// lowest priority while the service answers, and the audit chain is verified. What does not
// decode, and where the chain breaks, is logged and stands in GET /api/v1/system; the service goes
// on without it. After a clean one nothing is read.
#pragma once

#include "base/fault.h"
#include "base/json.h"
#include "store/store.h"

struct reread;

enum err reread_start(struct store *store, struct reread **out, struct fault *fault) MUST_USE;
void reread_stop(struct reread *reread); // within a moment; NULL is fine
// "records": {"state": "clean"|"reading"|"read", "read", "finding_count", "findings"}.
void reread_write(struct reread *reread, struct json_writer *out);
