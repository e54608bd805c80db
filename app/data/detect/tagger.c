// How the tagger leans, and its core for any processor.
#include "data/detect/tagger_core_private.h"

// Chosen on labelled text that no weight was taught on: plain for forms and news alike, privacy for
// names above all.
const struct tagger_lean tagger_plain = {{80, 100, 0}};
const struct tagger_lean tagger_privacy = {{200, 60, 30}};

size_t tagger_segment_plain(const struct tagger *tagger, const struct tagger_tokens *tokens,
                            struct tagger_lean lean, struct personal_hit spans[TAGGER_TOKENS_MAX]) {
    return segment(tagger, tokens, lean, spans);
}

size_t tagger_segment(const struct tagger *tagger, const struct tagger_tokens *tokens,
                      struct tagger_lean lean, struct personal_hit spans[TAGGER_TOKENS_MAX]) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) return tagger_segment_avx2(tagger, tokens, lean, spans);
#endif
    return tagger_segment_plain(tagger, tokens, lean, spans);
}
