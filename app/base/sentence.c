// Filling the places of a message.
#include "base/sentence.h"

static struct str place_find(struct str name, const struct place *places, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (str_is(name, places[i].name)) return places[i].value;
    }
    return STR_NONE;
}

static void place_write(struct buf *out, struct str place, const struct place *places,
                        size_t count) {
    struct str words, many;
    struct str name = str_cut(place, '|', &words);
    struct str value = place_find(name, places, count);
    if (words.data) {
        struct str one = str_cut(words, '|', &many);
        value = str_is(value, "1") ? one : many;
    }
    buf_add_str(out, value);
}

void sentence_fill(struct buf *out, struct str sentence, const struct place *places, size_t count) {
    while (sentence.size > 0) {
        struct str after;
        struct str before = str_cut(sentence, '{', &after);
        buf_add_str(out, before);
        if (!after.data) return;
        struct str place = str_cut(after, '}', &sentence);
        place_write(out, place, places, count);
    }
}
