#include "base/embed.h"
#include "data/language/chinese_private.h"

EMBED(opencc, "build/generated/opencc.gz")

struct str chinese_dictionaries(void) {
    return embedded_opencc();
}
