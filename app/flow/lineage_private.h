// Inside of flow/: the way something has come, as JSON. Owns nothing; any thread.
#pragma once

#include "flow/flow_private.h"

// The chain of steps up to `id`, oldest first, as an array with nothing in it but what was done to
// which bytes: no time, no person, no number of a record.
enum err lineage_write_fixed(struct flow *flow, struct arena *arena, uint64_t id,
                             struct json_writer *out) MUST_USE;
