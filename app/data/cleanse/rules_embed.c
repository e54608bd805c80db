// The program's own rule file.
#include "base/embed.h"
#include "data/cleanse/rules_private.h"

EMBED(rules, "app/data/cleanse/rules.txt")

struct str embedded_rules_text(void) {
    return embedded_rules();
}
