// The program's own small keyword library.
#include "base/embed.h"

EMBED(words, "app/data/cleanse/embed/risk31-sample.txt")

struct str embedded_words_text(void);
struct str embedded_words_text(void) {
    return embedded_words();
}
