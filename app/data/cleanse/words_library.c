#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "data/cleanse/words_private.h"

struct str embedded_words_text(void);

static const char *const kind_names[RISK_KIND_COUNT] = {
    "a1a", "a1b", "a1c", "a1d", "a1e", "a1f", "a1g", "a1h", "a2a", "a2b",  "a2c",
    "a2d", "a2e", "a2f", "a2g", "a2h", "a2i", "a3a", "a3b", "a3c", "a3d",  "a3e",
    "a4a", "a4b", "a4c", "a4d", "a4e", "a4f", "a4g", "a5a", "a5b", "other"};
enum { KIND_OTHER = RISK_KIND_COUNT - 1 };

// ---- kinds --------------------------------------------------------------------------------------

const char *risk_kind_name(uint32_t kind) {
    cy_assert(kind < RISK_KIND_COUNT);
    return kind_names[kind];
}

// "A.1 a" as "a1a".
static struct str kind_plain(struct str name, char out[static 8]) {
    size_t size = 0;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        if (c == '.' || c == ' ' || c == '-' || c == ')') continue;
        if (size == 7) return STR_NONE;
        out[size++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    return (struct str){out, size};
}

uint32_t risk_kind_find(struct str name) {
    char room[8];
    struct str plain = kind_plain(name, room);
    uint32_t kind = 0;
    while (kind < RISK_KIND_COUNT && !str_is(plain, kind_names[kind])) kind++;
    return kind;
}

uint32_t risk_kinds_begin(struct str name) {
    char room[8];
    struct str plain = kind_plain(name, room);
    uint32_t bits = 0;
    for (uint32_t kind = 0; plain.size && kind < RISK_KIND_COUNT; kind++) {
        if (str_starts(str_of(kind_names[kind]), plain)) bits |= 1u << kind;
    }
    return bits;
}

// ---- the file -----------------------------------------------------------------------------------

struct entry {
    struct str word;
    uint32_t kind, line;
};
struct library {
    struct arena *arena;
    struct entry *words; // (word_count)
    uint32_t word_count;
    struct keywords *folded;
    // Words that folding leaves nothing of, or all of them.
    struct keywords *exact;
    struct entry *exact_words;
    struct entry *patterns;    // (pattern_count)
    struct pattern **compiled; // (pattern_count)
    uint32_t pattern_count;
    struct hash hash;
    struct str version;
};

static enum err line_read_entry(struct library *library, struct str line, uint32_t number,
                                struct fault *fault) {
    struct str word, first = str_cut(line, '\t', &word);
    struct entry entry = {.kind = KIND_OTHER, .line = number};
    if (word.data) {
        entry.kind = risk_kind_find(str_trim(first));
        if (entry.kind == RISK_KIND_COUNT) {
            return fault_at(fault, ERR_INPUT, "words.unknown_kind", number, 1, str_trim(first));
        }
    } else {
        word = first;
    }
    entry.word = str_trim(word);
    if (entry.word.size == 0) return OK;
    if (!str_starts(entry.word, STR("re:"))) {
        library->words[library->word_count++] = entry;
        return OK;
    }
    if (library->pattern_count == LIMIT_WORDS_PATTERNS) {
        return fault_at(fault, ERR_LIMIT, "words.too_many_patterns", number, 0, STR_NONE);
    }
    entry.word.data += 3, entry.word.size -= 3;
    library->patterns[library->pattern_count++] = entry;
    return OK;
}

static enum err lines_read(struct library *library, struct str text, struct fault *fault) {
    size_t lines = 1;
    for (size_t i = 0; i < text.size; i++) lines += text.data[i] == '\n';
    library->words = ARENA_ARRAY(library->arena, struct entry, lines);
    library->patterns = ARENA_ARRAY(library->arena, struct entry, LIMIT_WORDS_PATTERNS);
    if (!library->words || !library->patterns) return ERR_MEMORY;
    if (str_starts(text, STR("\xEF\xBB\xBF"))) text.data += 3, text.size -= 3;
    for (uint32_t number = 1; text.data; number++) {
        struct str line = str_cut(text, '\n', &text);
        struct str trimmed = str_trim(line);
        if (str_starts(trimmed, STR("# version "))) {
            library->version = str_trim((struct str){trimmed.data + 10, trimmed.size - 10});
        }
        if (trimmed.size == 0 || trimmed.data[0] == '#') continue;
        enum err err = line_read_entry(library, line, number, fault);
        if (err != OK) return err;
    }
    return OK;
}

// A fault of the word `at` of a list, told with its line.
static enum err word_fault(struct fault *fault, enum err err, const struct fault *wrong,
                           uint32_t line) {
    return fault_at(fault, err, wrong->code, line, wrong->column, str_of(wrong->detail));
}

// Words that the folded set left out are looked for as they are.
static enum err exact_open(struct library *library, struct str *list, struct fault *fault) {
    uint32_t count = 0;
    library->exact_words = ARENA_ARRAY(library->arena, struct entry, library->word_count + 1);
    if (!library->exact_words) return ERR_MEMORY;
    for (uint32_t i = 0; i < library->word_count; i++) {
        if (keywords_has(library->folded, i)) continue;
        list[count] = library->words[i].word;
        library->exact_words[count++] = library->words[i];
    }
    return count ? keywords_open(list, count, KEYWORDS_RAW, &library->exact, fault) : OK;
}

static enum err sets_open(struct library *library, bool exact, struct fault *fault) {
    uint32_t count = library->word_count;
    struct str *list = ARENA_ARRAY(library->arena, struct str, (size_t)count + 1);
    if (!list) return ERR_MEMORY;
    for (uint32_t i = 0; i < count; i++) list[i] = library->words[i].word;
    struct fault wrong = {0};
    unsigned flags = exact ? KEYWORDS_RAW : KEYWORDS_FOLDED | KEYWORDS_LEAVE_OUT;
    struct keywords **set = exact ? &library->exact : &library->folded;
    enum err err = keywords_open(list, count, flags, set, &wrong);
    if (err != OK) {
        uint32_t line = wrong.row ? library->words[wrong.row - 1].line : 0;
        return word_fault(fault, err, &wrong, line);
    }
    library->exact_words = library->words;
    return exact ? OK : exact_open(library, list, fault);
}

static enum err patterns_open(struct library *library, struct fault *fault) {
    library->compiled = ARENA_ARRAY(library->arena, struct pattern *, library->pattern_count + 1);
    if (!library->compiled) return ERR_MEMORY;
    for (uint32_t i = 0; i < library->pattern_count; i++) {
        const struct entry *entry = &library->patterns[i];
        struct fault wrong = {0};
        enum err err = pattern_open(entry->word, 0, &library->compiled[i], &wrong);
        if (err != OK) return word_fault(fault, err, &wrong, entry->line);
    }
    return OK;
}

// A plain file name: a recipe must not reach out of its folder.
static bool good_name(struct str name) {
    if (name.size == 0 || name.size > LIMIT_NAME_BYTES || name.data[0] == '.') return false;
    return !memchr(name.data, '/', name.size) && !memchr(name.data, '\0', name.size);
}

static enum err text_read(struct library *library, struct str name, const char *folder,
                          struct str *out, struct fault *fault) {
    if (str_is(name, "risk31-sample")) {
        *out = embedded_words_text();
        return OK;
    }
    char plain[LIMIT_NAME_BYTES + 1], path[LIMIT_PATH_BYTES];
    if (!good_name(name)) return fault_set(fault, ERR_INPUT, "words.bad_name", name);
    if (!folder) return fault_set(fault, ERR_INPUT, "words.no_folder", name);
    if (!str_copy(plain, sizeof plain, name) || path_join(path, sizeof path, folder, plain) != OK) {
        return fault_set(fault, ERR_LIMIT, "base.path_too_long", name);
    }
    if (!file_exists(path)) return fault_set(fault, ERR_NOT_FOUND, "words.file_absent", name);
    struct buf text;
    buf_open(&text, LIMIT_WORDS_BYTES);
    enum err err = file_read(path, &text, fault);
    char *copy = err == OK ? ARENA_ARRAY(library->arena, char, text.size + 1) : NULL;
    if (err == OK && !copy) err = ERR_MEMORY;
    if (err == OK && text.size) memcpy(copy, text.data, text.size);
    if (err == OK) *out = (struct str){copy, text.size};
    buf_close(&text);
    return err;
}

enum err library_open(struct str name, const char *folder, bool exact, struct library **out,
                      struct fault *fault) {
    struct arena *arena;
    enum err err = arena_open((size_t)1 << 30, &arena);
    if (err != OK) return fault_set(fault, err, "base.no_memory", STR("words"));
    struct library *library = ARENA_NEW(arena, struct library);
    struct str text = STR_NONE;
    err = library ? OK : ERR_MEMORY;
    if (err == OK) {
        library->arena = arena;
        err = text_read(library, name, folder, &text, fault);
    }
    if (err == OK) library->hash = sha256_of(text.data, text.size);
    if (err == OK) err = lines_read(library, text, fault);
    if (err == OK) err = sets_open(library, exact, fault);
    if (err == OK) err = patterns_open(library, fault);
    if (err == ERR_MEMORY) err = fault_set(fault, err, "base.no_memory", STR("words"));
    if (err != OK) {
        if (library) {
            library_close(library);
        } else {
            arena_close(arena);
        }
        return err;
    }
    *out = library;
    return OK;
}

void library_close(struct library *library) {
    if (!library) return;
    keywords_close(library->folded);
    keywords_close(library->exact);
    for (uint32_t i = 0; library->compiled && i < library->pattern_count; i++) {
        pattern_close(library->compiled[i]);
    }
    arena_close(library->arena);
}

uint32_t library_words(const struct library *library) {
    return library->word_count;
}

uint32_t library_patterns(const struct library *library) {
    return library->pattern_count;
}

struct hash library_hash(const struct library *library) {
    return library->hash;
}

struct str library_version(const struct library *library) {
    return library->version;
}

// ---- reading texts ------------------------------------------------------------------------------

struct library_reader {
    const struct library *library;
    struct arena *arena;
    struct keyword_scanner *folded, *exact;
    struct pattern_scanner **patterns; // (pattern_count)
    struct library_hit *hits;
    size_t room, count;
    struct keyword_hit *words;
    struct match *matches;
    size_t scan_room; // of words and matches
};

static enum err rooms_grow(struct library_reader *reader, size_t scan_room, size_t hit_room) {
    if (scan_room > reader->scan_room) {
        reader->words = ARENA_ARRAY(reader->arena, struct keyword_hit, scan_room);
        reader->matches = ARENA_ARRAY(reader->arena, struct match, scan_room);
        reader->scan_room = scan_room;
    }
    if (hit_room > reader->room) {
        struct library_hit *hits = ARENA_ARRAY(reader->arena, struct library_hit, hit_room);
        if (hits && reader->count) memcpy(hits, reader->hits, reader->count * sizeof *hits);
        reader->hits = hits;
        reader->room = hit_room;
    }
    return reader->words && reader->matches && reader->hits ? OK : ERR_MEMORY;
}

enum err library_reader_open(const struct library *library, struct arena *arena,
                             struct library_reader **out) {
    struct library_reader *reader = ARENA_NEW(arena, struct library_reader);
    if (!reader) return ERR_MEMORY;
    *reader = (struct library_reader){.library = library, .arena = arena};
    enum err err = rooms_grow(reader, 256, 256);
    if (err == OK && library->folded) {
        err = keyword_scanner_open(library->folded, arena, &reader->folded);
    }
    if (err == OK && library->exact) {
        err = keyword_scanner_open(library->exact, arena, &reader->exact);
    }
    reader->patterns = ARENA_ARRAY(arena, struct pattern_scanner *, library->pattern_count + 1);
    if (!reader->patterns) return ERR_MEMORY;
    for (uint32_t i = 0; i < library->pattern_count && err == OK; i++) {
        err = pattern_scanner_open(library->compiled[i], arena, &reader->patterns[i]);
    }
    *out = reader;
    return err;
}

static enum err hit_add(struct library_reader *reader, const struct entry *entry, size_t start,
                        size_t size, uint32_t kinds) {
    if (!(kinds >> entry->kind & 1)) return OK;
    if (reader->count == reader->room) {
        enum err err = rooms_grow(reader, 0, reader->room * 2);
        if (err != OK) return err;
    }
    reader->hits[reader->count++] = (struct library_hit){start, size, entry->kind, entry->line};
    return OK;
}

static enum err read_words(struct library_reader *reader, struct keyword_scanner *scanner,
                           const struct entry *entries, struct str text, uint32_t kinds) {
    size_t count = keyword_scan(scanner, text, reader->words, reader->scan_room);
    if (count > reader->scan_room) {
        enum err err = rooms_grow(reader, count * 2, 0);
        if (err != OK) return err;
        count = keyword_scan(scanner, text, reader->words, reader->scan_room);
    }
    for (size_t i = 0; i < count; i++) {
        const struct keyword_hit *hit = &reader->words[i];
        const struct entry *entry = &entries[hit->word];
        enum err err = hit_add(reader, entry, hit->start, hit->size, kinds);
        if (err != OK) return err;
    }
    return OK;
}

static enum err read_pattern(struct library_reader *reader, uint32_t index, struct str text,
                             uint32_t kinds) {
    size_t count;
    struct pattern_scanner *scanner = reader->patterns[index];
    enum err err = pattern_scan(scanner, text, reader->matches, reader->scan_room, &count);
    if (err == OK && count > reader->scan_room) {
        err = rooms_grow(reader, count, 0);
        if (err == OK) {
            err = pattern_scan(scanner, text, reader->matches, reader->scan_room, &count);
        }
    }
    for (size_t i = 0; i < count && err == OK; i++) {
        err = hit_add(reader, &reader->library->patterns[index], reader->matches[i].start,
                      reader->matches[i].size, kinds);
    }
    return err;
}

static int compare_hits(const void *a, const void *b) {
    const struct library_hit *left = a, *right = b;
    if (left->start != right->start) return left->start < right->start ? -1 : 1;
    if (left->size != right->size) return left->size < right->size ? -1 : 1;
    return left->line < right->line ? -1 : left->line > right->line;
}

enum err library_read(struct library_reader *reader, struct str text, uint32_t kinds,
                      const struct library_hit **out, size_t *count) {
    reader->count = 0;
    enum err err = OK;
    const struct library *library = reader->library;
    if (reader->folded) err = read_words(reader, reader->folded, library->words, text, kinds);
    if (err == OK && reader->exact) {
        err = read_words(reader, reader->exact, library->exact_words, text, kinds);
    }
    for (uint32_t i = 0; i < library->pattern_count && err == OK; i++) {
        err = read_pattern(reader, i, text, kinds);
    }
    if (err == OK && reader->count > 1) {
        qsort(reader->hits, reader->count, sizeof *reader->hits, compare_hits);
    }
    *out = reader->hits;
    *count = reader->count;
    return err;
}
