// Identity cards of Hong Kong, Macao and Taiwan: A123456(3), 1234567(8), A123456789. Of Hong Kong's
// and Taiwan's the check digit counts, Macao has published none; what has neither brackets nor a
// word beside it is no card.
#include "data/detect/finders_private.h"
#include "data/detect/fold_private.h"
#include "data/detect/identifier_private.h"

enum { CARD_PLACES = 10 };

// What is read from the first letter or digit on.
struct card {
    size_t start, end;
    char places[CARD_PLACES + 1]; // large letters and digits
    uint32_t count, letters;      // letters: in front
    bool bracket;                 // the last place stands in brackets
    bool small;
};

// (3) behind the number, a blank before it or not.
static bool bracket_take(struct str text, struct card *card) {
    uint32_t bytes;
    size_t at = fold_skip(text, card->end, 1);
    if (fold_at(text, at, &bytes) != '(') return false;
    at += bytes;
    uint32_t c = fold_at(text, at, &bytes);
    if (!fold_digit(c) && c != 'A' && c != 'a') return false;
    at += bytes;
    if (fold_at(text, at, &bytes) != ')') return false;
    card->places[card->count++] = (char)(c == 'a' ? 'A' : c);
    card->end = at + bytes;
    card->bracket = true;
    return true;
}

// Letters, digits, one blank between them; nothing else touches it.
static bool card_read(const struct view *view, size_t at, struct card *out) {
    struct str text = view->text;
    uint32_t bytes, c, before;
    *out = (struct card){.start = at};
    c = fold_before(text, view->least, at, &bytes);
    if (fold_blank(c) && fold_letter(fold_before(text, view->least, at - bytes, &before))) {
        out->start -= bytes;
    }
    while (fold_letter(c = fold_before(text, view->least, out->start, &bytes)) &&
           out->letters < 3) {
        out->start -= bytes;
        out->small |= c >= 'a';
        out->letters++;
    }
    if (out->letters == 0) out->start = at;
    if (out->letters > 2 || fold_alnum(c) || c == '_' || fold_dash(c) || c == '.') return false;
    out->end = out->start;
    bool blank = false;
    while (out->count < CARD_PLACES) {
        c = fold_at(text, out->end, &bytes);
        if (fold_blank(c) && out->count == out->letters && out->count > 0 && !blank) {
            blank = true;
            out->end += bytes;
            continue;
        }
        if (!fold_alnum(c)) break;
        out->places[out->count++] = (char)(fold_letter(c) ? c & 0x5F : c);
        out->end += bytes;
    }
    if (out->count < CARD_PLACES) (void)bracket_take(text, out);
    c = fold_at(text, out->end, &bytes);
    return !fold_alnum(c) && c != '_' && !fold_dash(c) && c != '@';
}

static bool digits_from(const struct card *card, uint32_t first, uint32_t end) {
    for (uint32_t i = first; i < end; i++) {
        if (!fold_digit((uint8_t)card->places[i])) return false;
    }
    return true;
}

static bool is_hong_kong(const struct card *card) {
    uint32_t digits = card->count - card->letters;
    return card->letters >= 1 && digits == 7 && digits_from(card, card->letters, card->count - 1) &&
           hong_kong_id_valid(card->places, card->count);
}

static bool is_taiwan(const struct card *card) {
    return card->letters == 1 && card->count == TAIWAN_ID_PLACES && !card->bracket &&
           digits_from(card, 1, TAIWAN_ID_PLACES) && taiwan_id_valid(card->places);
}

// 1234567(8): the first digit says from when the holder has it.
static bool is_macao(const struct card *card) {
    char first = card->places[0];
    return card->letters == 0 && card->count == 8 && digits_from(card, 0, 8) &&
           (first == '1' || first == '5' || first == '7');
}

bool find_identity(const struct view *view, size_t at, struct personal_hit *hit) {
    struct card card;
    if (!card_read(view, at, &card)) return false;
    bool hong_kong = is_hong_kong(&card), checked = hong_kong || is_taiwan(&card);
    if (!checked && !is_macao(&card)) return false;
    struct context context;
    context_read(view->text, card.start, card.end, &context);
    bool says = context_has(&context, LABEL_ID);
    bool named = context_says(&context, LABEL_ID);
    // Another word has the better claim; without any only the brackets say what it is.
    if (context_claims(&context, LABEL_ID) && !context_follows(&context, LABEL_ID)) return false;
    if (!says && !(hong_kong && card.bracket && !card.small)) return false;
    if (!checked && !(named && (card.bracket || context_has(&context, LABEL_MACAO)))) return false;
    hit_set(hit, PERSONAL_ID, card.start, card.end, !checked ? 80 : says ? 98 : 85);
    return true;
}
