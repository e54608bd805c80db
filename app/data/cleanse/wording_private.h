// What the output may be called: 去标识化 (de-identified: still personal information, PIPL art. 73)
// or 匿名化 (anonymised: not any more). The latter needs no surviving key, no column that names a
// person, no identifier found in the output, free text removed or looked through by a person, and a
// known risk under the threshold. Depends on operator_private.h. Pure; any thread.
#pragma once

#include "data/cleanse/operator_private.h"

enum { WORDING_REASONS_MOST = 6 };

struct wording_facts {
    bool key_forgotten;     // the keys of this run were not kept by anybody
    bool text_reviewed;     // a person has looked through the text and signed the sheet
    uint64_t personal_left; // cells of the output in which the detector still finds something
    double risk_highest; // of a person to be found by their quasi-identifiers, 0..1; NAN: unknown
    double risk_threshold;
};
struct wording {
    const char *name;                          // "deidentified" or "anonymised"
    const char *reasons[WORDING_REASONS_MOST]; // message keys: why it is not anonymised
    uint32_t reason_count;
};
struct wording wording_of(const struct bound_recipe *bound, const struct wording_facts *facts);
