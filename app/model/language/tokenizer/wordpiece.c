// WordPiece, as BERT has it: the text is cleaned, cut at spaces, punctuation and ideographs, and
// each word goes by the longest beginnings the vocabulary knows; a word that does not come out, or
// one of more than a hundred characters, is unknown as a whole. In GGUF a piece that begins a word
// carries TOKEN_SPACE.
// Source: Hugging Face tokenizers' BertNormalizer, BertPreTokenizer and WordPiece.
#include <string.h>

#include "base/text.h"
#include "base/unicode.h"
#include "model/language/tokenizer/tokenizer_private.h"

enum { WORD_CHARACTERS_MAX = 100 };

static bool ideograph(uint32_t c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

static bool dropped(uint32_t c) {
    if (c == '\t' || c == '\n' || c == '\r') return false;
    return c == 0 || c == 0xFFFD || (UNICODE_BIT(unicode_category(c)) & UNICODE_OTHER);
}

static bool mark_of_its_own(uint32_t c) {
    bool ascii = c < 128 && c > ' ' && c != 127 && !((c | 32) >= 'a' && (c | 32) <= 'z') &&
                 !(c >= '0' && c <= '9');
    return ascii || ideograph(c) || (UNICODE_BIT(unicode_category(c)) & UNICODE_PUNCTUATION);
}

static void character_add(struct buf *word, uint32_t c) {
    char bytes[4];
    buf_add(word, bytes, utf8_put(bytes, c));
}

static void word_put(struct work *work, struct buf *word) {
    const struct tokenizer *t = work->tokenizer;
    size_t before = work->out->size, at = 0;
    struct str text = buf_str(word);
    bool known = utf8_count(text) <= WORD_CHARACTERS_MAX + 1;
    while (known && at < text.size) {
        size_t size = text.size - at < t->longest_bytes ? text.size - at : t->longest_bytes;
        uint32_t token = TOKEN_NONE;
        // The text's own U+2581 begins no word, and what stands before a word is no piece of it.
        bool own = at > 0 && str_starts((struct str){text.data + at, size}, STR(TOKEN_SPACE));
        size_t least = at == 0 ? strlen(TOKEN_SPACE) : 0;
        if (own && size > strlen(TOKEN_SPACE)) size = strlen(TOKEN_SPACE);
        for (; size > least; size--) {
            token = tokenizer_find(t, (struct str){text.data + at, size});
            if (token != TOKEN_NONE) break;
        }
        known = token != TOKEN_NONE;
        if (known) work_put(work, token);
        at += size;
    }
    if (!known) {
        work->out->size = before;
        if (t->unknown != TOKEN_NONE) work_put(work, t->unknown);
    }
}

static void word_end(struct work *work) {
    struct buf *word = &work->text;
    if (word->size > strlen(TOKEN_SPACE)) word_put(work, word);
    buf_clear(word);
    buf_add_text(word, TOKEN_SPACE);
}

// A character in its plain form. A mark of its own is a word; the rest goes to the word it is in.
static void plain_add(struct work *work, uint32_t c) {
    if (work->tokenizer->small_letters) {
        if (c == 0x130) { // its small letter is two characters
            character_add(&work->text, 'i');
            c = 0x307;
        }
        c = unicode_lower(c);
    }
    bool alone = mark_of_its_own(c);
    if (alone) word_end(work);
    character_add(&work->text, c);
    if (alone) word_end(work);
}

enum err wordpiece_encode(struct work *work, struct str text) {
    word_end(work);
    for (size_t at = 0; at < text.size;) {
        uint32_t c = utf8_next(text, &at), plain[3], count = 1;
        if (dropped(c)) continue;
        if (unicode_space(c)) {
            word_end(work);
            continue;
        }
        plain[0] = c;
        if (ideograph(c)) word_end(work);
        if (work->tokenizer->no_accents) count = unicode_without_marks(c, plain);
        for (uint32_t i = 0; i < count; i++) plain_add(work, plain[i]);
        if (ideograph(c)) word_end(work);
    }
    word_end(work);
    return buf_err(&work->text);
}
