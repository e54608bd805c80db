// The texts of the program's own templates, embedded (template_embed.c); they live as long as the
// program. template.c alone reads them, once; any thread.
#pragma once

#include <stdint.h>

#include "base/str.h"

// Returns how many there are; the text of that index, if there is one.
uint32_t template_text(uint32_t index, struct str *out);
