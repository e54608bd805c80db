#include "base/embed.h"
#include "data/language/chinese_private.h"

EMBED(opencc, "build/generated/opencc.gz")

struct str chinese_packed(void) {
    return embedded_opencc();
}
