// One operation a person asks for, by whichever door: the API's routes and the command line fill
// the same struct and call the same function, `enum err area_verb(struct area *, struct call *)`.
// The function checks what the actor may, reads `body` and `query`, writes its answer to `out`, or
// fills `fault`. Everything in a call lives until the function has returned; the arena is the
// call's own.
#pragma once

#include "base/fault.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"

// What a person may do. Three officers apart: system (the machine and its people), security (who
// holds which role), audit (reads the chain); beside them data and research.
enum role {
    ROLE_SYSTEM = 1 << 0,
    ROLE_SECURITY = 1 << 1,
    ROLE_AUDIT = 1 << 2,
    ROLE_DATA = 1 << 3,
    ROLE_RESEARCH = 1 << 4,
    ROLE_ANYONE_SIGNED_IN = (1 << 5) - 1,
};

struct actor {
    uint64_t person_id; // 0: nobody signed in
    struct str name;    // sign-in name; "NAME@console" from the command line
    uint32_t roles;     // bits of enum role
    uint64_t session;   // which of their sessions asks; 0: an API token, or the console
};

struct call_query {
    struct str name, value; // decoded
};

struct call {
    struct actor actor;
    uint64_t id;     // first {id} of the path; 0 if it has none
    uint64_t number; // second {number} of the path
    struct str word; // a {word} of the path
    const struct call_query *query;
    uint32_t query_count;
    const struct json *body; // NULL if there was none
    struct str body_text;    // the same as it came; STR_NONE if there was none, or from the console
    struct arena *arena;
    struct json_writer *out; // nothing is sent if the function fails
    struct fault *fault;
    uint64_t pilot_run;  // the pilot's run for which flow itself asks; 0: none
    struct str findings; // a JSON array of all that is wrong, told beside the fault; STR_NONE: none
};

struct str call_query(const struct call *call, const char *name); // STR_NONE if absent
// Absent: `otherwise`. ERR_INPUT "call.bad_number" if it is none or outside.
enum err call_query_u64(const struct call *call, const char *name, uint64_t least, uint64_t most,
                        uint64_t otherwise, uint64_t *out) MUST_USE;
// A text member of the body, trimmed. ERR_INPUT "call.missing" / "call.too_long" / "call.not_text".
enum err call_text(const struct call *call, const char *name, size_t least_bytes, size_t most_bytes,
                   struct str *out) MUST_USE;
