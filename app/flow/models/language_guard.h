// The guard of language models: what the department's policy (allocation/policy.h) says of personal
// data in what is asked and answered, held against the text by data/screen/. Part of struct
// flow_answer; guard_asked runs on the caller's thread, the rest under the lock of struct language.
#pragma once

#include "allocation/policy.h"
#include "base/call.h"
#include "data/screen/screen.h"

struct language_guard {
    enum guard_rule rule[GUARD_SIDE_COUNT];
    struct screen_found found[GUARD_SIDE_COUNT];
    bool refused, masked; // something of what was asked or answered
};
struct flow_answer;
struct answer_part;
struct language_counts;

void guard_rules_take(struct language_guard *guard, const struct policy *policy,
                      const struct tenant *tenant);
// What is to be asked (answer->asked), screened and, where that is the rule, masked; and all made
// ready for the answer. ERR_INPUT "guard.prompt_refused" (counted), "guard.no_logprobs" where they
// would show what is masked, "guard.no_tokens" where a text is told as what nobody can look at.
enum err guard_asked(struct flow_answer *answer, const struct call *call) MUST_USE;
// The next text of a part, `over`: its last. Adds to `out` what may leave now. Sets part->filtered
// where the answer has to end there.
void guard_hear(struct flow_answer *answer, struct answer_part *part, struct str text, bool over,
                struct buf *out);
// Nothing leaves before it is screened.
bool guard_keeps(const struct flow_answer *answer);
// Calls of tools, whole, as calls_told gives them. False: they hold what the rule keeps back, and
// part->filtered is set.
struct json;
bool guard_calls(struct flow_answer *answer, struct answer_part *part, const struct json *calls);
// The client leaves: what it was given already is counted to its end.
void guard_leave(struct flow_answer *answer);
// What was found and done, as the member "courtyard"; nothing where nothing was found.
void guard_write(const struct flow_answer *answer, struct json_writer *out);
void guard_count_add(const struct flow_answer *answer, struct language_counts *counts);
