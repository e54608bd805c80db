// What a tokenizer.json does to a text before pieces are made of it: normal forms, and the patterns
// that cut words. A vocabulary of GGUF names the patterns instead of having them: the name is that
// of the ones known here that are the same.
#include <string.h>

#include "model/language/import/import_private.h"
#include "model/language/tokenizer/tokenizer.h"

enum { STEPS_MAX = 16 };
// What the ByteLevel step cuts by when it is told to.
#define BYTE_LEVEL \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

struct steps {
    const struct json *list[STEPS_MAX];
    uint32_t count;
    bool too_many;
};

// The steps of a sequence, and of sequences in it, in their order.
static void steps_collect(const struct json *step, struct steps *out, uint32_t depth) {
    static const char *const parts[] = {"pretokenizers", "normalizers", "processors"};
    if (!json_is_object(step)) return;
    if (str_is(json_member_text(step, "type"), "Sequence")) {
        for (size_t i = 0; i < 3; i++) {
            const struct json *child = json_first(json_member(step, parts[i]));
            for (; child && depth < 4; child = json_next(child)) {
                steps_collect(child, out, depth + 1);
            }
        }
        return;
    }
    out->too_many |= out->count == STEPS_MAX;
    if (!out->too_many) out->list[out->count++] = step;
}

static const struct json *step_find(const struct json *root, const char *type) {
    struct steps steps = {0};
    steps_collect(root, &steps, 0);
    for (uint32_t i = 0; i < steps.count; i++) {
        if (str_is(json_member_text(steps.list[i], "type"), type)) return steps.list[i];
    }
    return NULL;
}

bool import_has_step(const struct json *step, const char *type) {
    return step_find(step, type);
}

// ---- normal forms ------------------------------------------------------------------------------

static enum err normal_wrong(struct import_words *words, struct str type) {
    return fault_set(words->fault, ERR_INPUT, "import.normal_form", type);
}

static enum err normal_forms(struct import_words *words, bool *composes) {
    struct steps steps = {0};
    *composes = false;
    steps_collect(words->normalizer, &steps, 0);
    for (uint32_t i = 0; i < steps.count; i++) {
        struct str type = json_member_text(steps.list[i], "type");
        bool known = false;
        switch (words->kind) {
        case IMPORT_BYTES:
            known = str_is(type, "NFC");
            *composes |= known;
            break;
        case IMPORT_PIECES: known = str_is(type, "Prepend") || str_is(type, "Replace"); break;
        case IMPORT_WORDPIECE: known = str_is(type, "BertNormalizer"); break;
        }
        if (!known) return normal_wrong(words, type);
    }
    return steps.too_many ? normal_wrong(words, STR("Sequence")) : OK;
}

static void wordpiece_put(const struct import_words *words, struct gguf_head *head) {
    const struct json *bert = step_find(words->normalizer, "BertNormalizer");
    const struct json *accents = json_member(bert, "strip_accents");
    bool small = json_member_bool(bert, "lowercase", bert != NULL);
    gguf_head_text(head, "tokenizer.ggml.pre", STR("default"));
    gguf_head_bool(head, "tokenizer.ggml.normalizer.lowercase", small);
    if (json_is_bool(accents)) {
        gguf_head_bool(head, "tokenizer.ggml.normalizer.strip_accents", json_bool(accents, false));
    }
}

// A space before the first word is put there by a step of its own, or with the marks for spaces.
static void pieces_put(const struct import_words *words, struct gguf_head *head) {
    const struct json *marks = step_find(words->pre_tokenizer, "Metaspace");
    struct str scheme = json_member_text(marks, "prepend_scheme");
    bool first = scheme.size ? !str_is(scheme, "never")
                             : json_member_bool(marks, "add_prefix_space", marks != NULL);
    first |= import_has_step(words->normalizer, "Prepend");
    gguf_head_text(head, "tokenizer.ggml.pre", STR("default"));
    gguf_head_bool(head, "tokenizer.ggml.add_space_prefix", first);
}

// ---- patterns ----------------------------------------------------------------------------------

// The pattern of one step; STR_NONE: one that is not known here.
static struct str pattern_of(const struct json *step) {
    struct str type = json_member_text(step, "type");
    if (str_is(type, "ByteLevel")) return STR(BYTE_LEVEL);
    if (str_is(type, "Digits")) {
        bool each = json_member_bool(step, "individual_digits", false);
        return each ? STR("\\p{N}") : STR("\\p{N}+");
    }
    // What lies between the matches is a word too, or nothing does.
    struct str behaviour = json_member_text(step, "behavior");
    bool invert = json_member_bool(step, "invert", false);
    bool cuts = str_is(behaviour, "Isolated") || (str_is(behaviour, "Removed") && invert);
    if (!str_is(type, "Split") || !cuts) return STR_NONE;
    return json_member_text(json_member(step, "pattern"), "Regex");
}

static enum err bytes_put(struct import_words *words, bool composes, struct gguf_head *head) {
    struct steps steps = {0};
    struct str patterns[STEPS_MAX], told = STR_NONE;
    uint32_t count = 0;
    steps_collect(words->pre_tokenizer, &steps, 0);
    bool known = !steps.too_many;
    for (uint32_t i = 0; i < steps.count && known; i++) {
        const struct json *step = steps.list[i];
        bool bytes = str_is(json_member_text(step, "type"), "ByteLevel");
        if (bytes && json_member_bool(step, "add_prefix_space", false)) {
            return fault_set(words->fault, ERR_INPUT, "import.words", STR("add_prefix_space"));
        }
        if (bytes && !json_member_bool(step, "use_regex", true)) continue;
        patterns[count] = pattern_of(step);
        known = patterns[count].size > 0;
        told = known ? patterns[count] : json_member_text(step, "type");
        count++;
    }
    const char *name =
        known ? tokenizer_pattern_name(patterns, count, words->ignore_merges, composes) : NULL;
    if (!name) return fault_set(words->fault, ERR_INPUT, "import.pattern", told);
    gguf_head_text(head, "tokenizer.ggml.pre", str_of(name));
    return OK;
}

enum err import_patterns(struct import_words *words, struct gguf_head *head) {
    bool composes;
    enum err err = normal_forms(words, &composes);
    if (err != OK) return err;
    if (words->kind == IMPORT_BYTES) return bytes_put(words, composes, head);
    if (words->kind == IMPORT_PIECES)
        pieces_put(words, head);
    else
        wordpiece_put(words, head);
    return OK;
}
