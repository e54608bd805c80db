// The tagger's core with AVX2: one register holds the scores of all labels.
#include "data/detect/tagger_core_private.h"

size_t tagger_segment_avx2(const struct tagger *tagger, const struct tagger_tokens *tokens,
                           struct tagger_lean lean, struct personal_hit spans[TAGGER_TOKENS_MAX]) {
    return segment(tagger, tokens, lean, spans);
}
