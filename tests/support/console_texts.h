// The messages of both languages for the console's tests, as PID 1 hands them in; and a check that
// every sentence asked for exists. Owned by the process.
#pragma once

#include "appliance/appliance.h"
#include "base/json.h"

const struct appliance_texts *console_texts(void);
const struct json *console_messages(const char *language);
unsigned console_texts_missing(void); // sentences asked for that do not exist, hints left out
