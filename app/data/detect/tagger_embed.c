// The weights that the program carries. What they were taught on stands at the file's beginning.
#include "base/embed.h"
#include "data/detect/tagger_private.h"

EMBED(tagger, "app/data/detect/embed/tagger.bin")

struct str detect_weights(void) {
    return embedded_tagger();
}
