// The test that reads the source: the rules of layout that a compiler does not hold. It first feeds
// itself bad samples, each of which must be found, then reads the tree it is started in:
//   - includes point down the layers, wings never include one another, private headers stay
//     in their folder and those below it
//   - functions up to 70 lines, files up to 800, lines up to 100 columns
//   - no banned function, no malloc outside base/, no exit() outside main.c, no typedef of a struct
//   - every header opens with its paragraph; no leftovers (unfinished-work marks)
//   - every message key in use has its sentence in both languages, with the same {places}, and no
//     sentence is without use
//   - archives in vendor/cache are those that vendor/LOCK names; no word that belongs to the
//     building machine ($COURTYARD_UNWANTED, divided by blanks) is in any file
#include <dirent.h>
#include <stddef.h>
#include <sys/stat.h>

#include "check.h"

enum {
    FUNCTION_LINES_MAX = 70,
    FILE_LINES_MAX = 800,
    COLUMNS_MAX = 100,
    PARAGRAPH_BYTES_MIN = 60,
    FILES_MAX = 4096,
    KEYS_MAX = 8192,
    KEY_SIZE = 128,
};

enum rule {
    INCLUDES,
    FUNCTION_LENGTH,
    FILE_LENGTH,
    LINE_LENGTH,
    BANNED,
    PARAGRAPH,
    TYPEDEF,
    LEFTOVER,
    MESSAGES,
    LANGUAGES,
    UNUSED,
    UNWANTED,
    ARCHIVES,
    RULE_COUNT
};

struct file {
    char path[512];
    char *text; // as it is, with a closing NUL
    char *code; // the same size; comments and what is inside quotes are blanks
    size_t size;
};

struct messages {
    char keys[KEYS_MAX][KEY_SIZE];
    char *sentences[KEYS_MAX];
    size_t count;
};

static struct file files[FILES_MAX];
static size_t file_count;
static unsigned found[RULE_COUNT];
static bool quiet; // while the samples run

__attribute__((format(printf, 4, 5))) static void finding(enum rule rule, const char *path,
                                                          size_t line, const char *format, ...) {
    found[rule]++;
    if (quiet) return;
    va_list values;
    va_start(values, format);
    fprintf(stderr, "%s:%zu: ", path, line);
    vfprintf(stderr, format, values);
    fprintf(stderr, "\n");
    va_end(values);
}

// --- reading -----------------------------------------------------------------------------------

static void *need(void *memory) {
    if (memory) return memory;
    fprintf(stderr, "tidy: no memory\n");
    abort();
}

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static bool starts_with(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

static bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Blanks comments, strings and character constants of C; lines and offsets stay.
static void blank_out(const char *text, char *code, size_t size) {
    enum { CODE, LINE_COMMENT, COMMENT, STRING, CHARACTER } state = CODE;
    for (size_t i = 0; i < size; i++) {
        char c = text[i], next = text[i + 1];
        bool keep = state == CODE || c == '\n';
        if (state == CODE) {
            if (c == '/' && (next == '/' || next == '*')) {
                state = next == '/' ? LINE_COMMENT : COMMENT;
                keep = false;
            } else if (c == '"') {
                state = STRING;
            } else if (c == '\'' && (i == 0 || !is_word_char(text[i - 1]))) {
                state = CHARACTER;
            }
        } else if ((state == STRING || state == CHARACTER) && c == '\\') {
            code[i++] = ' ';
            keep = text[i] == '\n';
            c = text[i];
        } else if ((state == STRING && c == '"') || (state == CHARACTER && c == '\'')) {
            state = CODE;
            keep = true;
        } else if (state == LINE_COMMENT && c == '\n') {
            state = CODE;
        } else if (state == COMMENT && c == '*' && next == '/') {
            code[i++] = ' ';
            c = text[i];
            state = CODE;
        }
        code[i] = keep ? c : ' ';
    }
    code[size] = '\0';
}

static struct file *file_add(const char *path, const char *text, size_t size) {
    if (file_count == FILES_MAX) {
        fprintf(stderr, "tidy: more than %d files\n", FILES_MAX);
        abort();
    }
    struct file *file = &files[file_count++];
    snprintf(file->path, sizeof file->path, "%s", path);
    file->text = need(malloc(size + 2));
    file->code = need(malloc(size + 2));
    memcpy(file->text, text, size);
    file->text[size] = file->text[size + 1] = '\0';
    file->size = size;
    blank_out(file->text, file->code, size);
    return file;
}

static void file_read(const char *path) {
    struct stat info;
    FILE *stream = fopen(path, "rb");
    if (!stream || fstat(fileno(stream), &info) != 0) {
        fprintf(stderr, "tidy: cannot read %s\n", path);
        abort();
    }
    char *text = need(malloc((size_t)info.st_size + 1));
    size_t size = fread(text, 1, (size_t)info.st_size, stream);
    fclose(stream);
    if (!memchr(text, '\0', size)) file_add(path, text, size); // a picture is not read
    free(text);
}

// Folders that are made, fetched or bytes for the fuzzers are left out.
static void folder_read(const char *path) {
    static const char *const skipped[] = {"build", "cache", "node_modules", ".git", "corpus"};
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        bool skip = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
        for (size_t s = 0; s < sizeof skipped / sizeof *skipped; s++) {
            skip |= strcmp(name, skipped[s]) == 0;
        }
        char below[512];
        struct stat info;
        snprintf(below, sizeof below, "%s/%s", path, name);
        if (lstat(below, &info) == 0) {
            if (S_ISDIR(info.st_mode) && !skip) folder_read(below);
            if (S_ISREG(info.st_mode)) file_read(below + strlen("./"));
        }
        free(entries[i]);
    }
    free(entries);
}

static bool is_c(const struct file *file) {
    return ends_with(file->path, ".c") || ends_with(file->path, ".h");
}

static bool is_app_c(const struct file *file) {
    return starts_with(file->path, "app/") && is_c(file);
}

// The line that `at` stands on in the text (or code) `in`.
static size_t line_of(const char *at, const char *in) {
    size_t line = 1;
    for (const char *p = in; p < at; p++) line += *p == '\n';
    return line;
}

// --- layers ------------------------------------------------------------------------------------

// Who stands where: a file may include its own folder and what has a lower rank. Folders of the
// same rank are wings and never include one another.
static int rank_of(const char *path) { // below app/
    static const struct {
        const char *folder;
        int rank;
    } layers[] = {{"base/", 0}, {"store/", 1},      {"appliance/", 1}, {"people/", 3},
                  {"data/", 2}, {"allocation/", 2}, {"model/", 2},     {"pilot/", 2},
                  {"flow/", 3}, {"server/", 4},     {"cli/", 5},       {"main.c", 6}};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        if (starts_with(path, layers[i].folder)) return layers[i].rank;
    }
    return -1;
}

static size_t top_folder_size(const char *path) {
    const char *slash = strchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

static void check_include(const struct file *file, size_t line, const char *target) {
    const char *own = file->path + strlen("app/");
    int own_rank = rank_of(own), rank = rank_of(target);
    if (own_rank < 0) {
        finding(INCLUDES, file->path, line, "this folder is in no layer; see rank_of in tidy.c");
    } else if (rank < 0) {
        finding(INCLUDES, file->path, line, "\"%s\" is not a path below app/", target);
    } else if (rank > own_rank) {
        finding(INCLUDES, file->path, line, "\"%s\" lies higher than this file", target);
    } else if (rank == own_rank && strncmp(own, target, top_folder_size(target)) != 0) {
        finding(INCLUDES, file->path, line, "\"%s\" is another wing", target);
    } else if (ends_with(target, "_private.h")) {
        const char *slash = strrchr(target, '/');
        size_t folder = slash ? (size_t)(slash - target) + 1 : 0;
        if (strncmp(own, target, folder) != 0) {
            finding(INCLUDES, file->path, line, "\"%s\" is private to its folder", target);
        }
    }
}

static void check_includes(const struct file *file) {
    if (!is_app_c(file)) return;
    for (const char *at = file->text; (at = strstr(at, "#include \"")); at++) {
        char target[256];
        const char *start = at + strlen("#include \"");
        size_t size = strcspn(start, "\"\n");
        if (file->code[at - file->text] != '#' || size >= sizeof target) continue;
        snprintf(target, sizeof target, "%.*s", (int)size, start);
        check_include(file, line_of(at, file->text), target);
    }
}

// --- lengths -----------------------------------------------------------------------------------

static size_t columns_of(const char *line, size_t size) {
    size_t columns = 0;
    for (size_t i = 0; i < size; i++) columns += ((unsigned char)line[i] & 0xC0) != 0x80;
    return columns;
}

// Functions begin at the margin, with a parenthesis and no `=` before their `{`, and end with a `}`
// at the margin: the formatter sees to that.
static void check_lengths(const struct file *file) {
    if (!is_c(file)) return;
    size_t line = 0, start = 0, body = 0;
    bool parenthesis = false, assigned = false;
    for (const char *at = file->code; *at;) {
        size_t size = strcspn(at, "\n");
        line++;
        size_t columns = columns_of(file->text + (at - file->code), size);
        if (columns > COLUMNS_MAX) {
            finding(LINE_LENGTH, file->path, line, "%zu columns, up to %d", columns, COLUMNS_MAX);
        }
        bool margin = size > 0 && at[0] != ' ' && at[0] != '#';
        if (margin && at[0] == '}') {
            if (body && line - start + 1 > FUNCTION_LINES_MAX && is_app_c(file)) {
                finding(FUNCTION_LENGTH, file->path, start, "a function of %zu lines, up to %d",
                        line - start + 1, FUNCTION_LINES_MAX);
            }
            start = body = 0;
            parenthesis = assigned = false;
        } else if (!body) {
            if (margin && !start) start = line;
            parenthesis |= memchr(at, '(', size) != NULL;
            assigned |= memchr(at, '=', size) != NULL;
            size_t last = size;
            while (last > 0 && at[last - 1] == ' ') last--;
            if (last > 0 && at[last - 1] == '{' && parenthesis && !assigned) body = line;
            if (last > 0 && (at[last - 1] == ';' || at[last - 1] == '}')) {
                start = 0;
                parenthesis = assigned = false;
            }
            if (last == 0) start = 0;
        }
        at += size + (at[size] == '\n');
    }
    if (line > FILE_LINES_MAX && is_app_c(file) && !ends_with(file->path, "_table.c")) {
        finding(FILE_LENGTH, file->path, line, "%zu lines, up to %d", line, FILE_LINES_MAX);
    }
}

// --- words of C --------------------------------------------------------------------------------

static const char *find_word(const char *from, const char *start, const char *word) {
    for (const char *at = from; (at = strstr(at, word)); at++) {
        bool before = at == start || !is_word_char(at[-1]);
        if (before && !is_word_char(at[strlen(word)])) return at;
    }
    return NULL;
}

static bool is_called(const char *code, const char *at, size_t size) {
    const char *after = at + size;
    while (*after == ' ') after++;
    bool member = (at > code && at[-1] == '.') || (at > code + 1 && at[-1] == '>' && at[-2] == '-');
    return *after == '(' && !member;
}

static void check_calls(const struct file *file, const char *word, const char *instead) {
    for (const char *at = file->code; (at = find_word(at, file->code, word)); at++) {
        if (!is_called(file->code, at, strlen(word))) continue;
        finding(BANNED, file->path, line_of(at, file->code), "%s(): %s", word, instead);
    }
}

static void check_words(const struct file *file) {
    static const char *const everywhere[][2] = {
        {"strcpy", "str_copy or buf_add"},
        {"strcat", "buf_add"},
        {"strncpy", "str_copy"},
        {"strncat", "buf_add"},
        {"sprintf", "buf_printf, snprintf"},
        {"vsprintf", "buf_printf, vsnprintf"},
        {"strtok", "str_cut"},
        {"strtok_r", "str_cut"},
        {"atoi", "str_to_i64"},
        {"atol", "str_to_i64"},
        {"atoll", "str_to_i64"},
        {"atof", "number.h"},
        {"sscanf", "number.h, str_cut"},
        {"gets", "file.h"},
        {"alloca", "an arena"},
        {"system", "no shell, ever"},
        {"popen", "no shell, ever"},
    };
    static const char *const memory[] = {"malloc",    "calloc",         "realloc",       "free",
                                         "strdup",    "strndup",        "aligned_alloc", "asprintf",
                                         "vasprintf", "posix_memalign", "reallocarray"};
    if (!is_app_c(file)) return;
    for (size_t i = 0; i < sizeof everywhere / sizeof *everywhere; i++) {
        check_calls(file, everywhere[i][0], everywhere[i][1]);
    }
    for (size_t i = 0; !starts_with(file->path, "app/base/") && i < sizeof memory / sizeof *memory;
         i++) {
        check_calls(file, memory[i], "memory comes from base/memory.h");
    }
    if (strcmp(file->path, "app/main.c") != 0) check_calls(file, "exit", "only in main.c");
    for (const char *at = file->code; (at = find_word(at, file->code, "typedef")); at++) {
        const char *next = at + strlen("typedef") + strspn(at + strlen("typedef"), " ");
        if (starts_with(next, "struct ") || starts_with(next, "union ")) {
            finding(TYPEDEF, file->path, line_of(at, file->code), "no typedef of a struct");
        }
    }
}

// Spelt in halves, so that this file does not find itself.
static void check_leftovers(const struct file *file) {
    static const char *const marks[] = {"TO"
                                        "DO",
                                        "FIX"
                                        "ME",
                                        "XX"
                                        "X"};
    if (!is_c(file) && !ends_with(file->path, ".ts") && !ends_with(file->path, ".tsx")) return;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const char *at = find_word(file->text, file->text, marks[i]);
        if (at) finding(LEFTOVER, file->path, line_of(at, file->text), "%s", marks[i]);
    }
}

static void check_paragraph(const struct file *file) {
    if (!is_app_c(file) || !ends_with(file->path, ".h")) return;
    size_t bytes = 0;
    for (const char *at = file->text; starts_with(at, "//");) {
        size_t size = strcspn(at, "\n");
        bytes += size;
        at += size + (at[size] == '\n');
    }
    if (bytes < PARAGRAPH_BYTES_MIN) {
        finding(PARAGRAPH, file->path, 1,
                "open with a paragraph: what it is, who owns what, which thread may call");
    }
    if (!strstr(file->code, "#pragma once")) finding(PARAGRAPH, file->path, 1, "#pragma once");
}

// --- messages ----------------------------------------------------------------------------------

static struct messages chinese, english;

// Reads one JSON string that starts at `at` (on its quote); returns what follows it, or NULL.
static const char *json_string(const char *at, char *out, size_t out_size) {
    size_t used = 0;
    if (*at != '"') return NULL;
    for (at++; *at && *at != '"'; at++) {
        if (used + 2 >= out_size) return NULL;
        if (*at == '\\' && at[1]) out[used++] = *at++;
        out[used++] = *at;
    }
    out[used] = '\0';
    return *at == '"' ? at + 1 : NULL;
}

static const char *skip_blanks(const char *at) {
    return at + strspn(at, " \t\r\n");
}

static ptrdiff_t message_find(const struct messages *messages, const char *key) {
    for (size_t i = 0; i < messages->count; i++) {
        if (strcmp(messages->keys[i], key) == 0) return (ptrdiff_t)i;
    }
    return -1;
}

// One flat object of strings; anything else is a finding.
static void messages_read(const struct file *file, struct messages *messages) {
    static char sentence[16384];
    char key[KEY_SIZE];
    messages->count = 0;
    const char *at = skip_blanks(file->text);
    bool good = *at == '{';
    at = skip_blanks(at + good);
    while (good && *at != '}' && messages->count < KEYS_MAX) {
        const char *start = at;
        at = json_string(at, key, sizeof key);
        at = at ? skip_blanks(at) : NULL;
        at = at && *at == ':' ? json_string(skip_blanks(at + 1), sentence, sizeof sentence) : NULL;
        at = at ? skip_blanks(at) : NULL;
        if (!at || (*at != ',' && *at != '}')) {
            finding(LANGUAGES, file->path, line_of(start, file->text),
                    "not a flat object of strings");
            return;
        }
        if (message_find(messages, key) >= 0) {
            finding(LANGUAGES, file->path, line_of(start, file->text), "%s twice", key);
        }
        snprintf(messages->keys[messages->count], KEY_SIZE, "%s", key);
        messages->sentences[messages->count++] = need(strdup(sentence));
        if (*at == ',') at = skip_blanks(at + 1);
    }
    if (!good || *at != '}' || *skip_blanks(at + 1))
        finding(LANGUAGES, file->path, 1, "not a flat object of strings");
}

// Every {place} of one sentence is in the other; what follows its name may differ.
static bool same_places(const char *one, const char *other) {
    for (const char *at = one; (at = strchr(at, '{')); at++) {
        char place[64];
        size_t size = 1 + strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_");
        if (size == 1 || size >= sizeof place) continue;
        snprintf(place, sizeof place, "%.*s", (int)size, at);
        const char *match = strstr(other, place);
        while (match && is_word_char(match[size])) match = strstr(match + 1, place);
        if (!match) return false;
    }
    return true;
}

static void compare_languages(const struct messages *one, const struct messages *other,
                              const char *other_path) {
    for (size_t i = 0; i < one->count; i++) {
        ptrdiff_t match = message_find(other, one->keys[i]);
        if (match < 0) {
            finding(LANGUAGES, other_path, 1, "%s is missing", one->keys[i]);
        } else if (!same_places(one->sentences[i], other->sentences[match])) {
            finding(LANGUAGES, other_path, 1, "%s lacks a {place} of the other language",
                    one->keys[i]);
        }
    }
}

// "area.what": small letters, digits, underscores and at least one dot between them.
static bool is_key(const char *text) {
    bool dot = false;
    if (*text < 'a' || *text > 'z') return false;
    for (const char *at = text; *at; at++) {
        if (*at == '.') {
            if (!is_word_char(at[1])) return false;
            dot = true;
        } else if (!is_word_char(*at) || (*at >= 'A' && *at <= 'Z')) {
            return false;
        }
    }
    return dot;
}

static void check_key(const struct file *file, const char *at, const char *key) {
    if (!is_key(key)) return;
    if (message_find(&chinese, key) < 0 || message_find(&english, key) < 0) {
        finding(MESSAGES, file->path, line_of(at, file->text), "no sentence for \"%s\"", key);
    }
}

// The literals that stand directly among the arguments of a call: not those of calls inside it.
static void check_call_keys(const struct file *file, size_t open) {
    int depth = 1;
    for (size_t i = open + 1; i < file->size && depth > 0; i++) {
        char c = file->code[i];
        depth += (c == '(') - (c == ')');
        if (c != '"') continue;
        char key[KEY_SIZE];
        const char *end = json_string(file->text + i, key, sizeof key);
        if (depth == 1 && end) check_key(file, file->text + i, key);
        i += strcspn(file->code + i + 1, "\"") + 1;
    }
}

// A key in C stands in a call whose name speaks of faults or warnings; in the pages in t("...").
static void check_keys(const struct file *file) {
    if (is_app_c(file)) {
        for (size_t i = 0; i < file->size; i++) {
            if (file->code[i] != '(') continue;
            size_t start = i;
            while (start > 0 && is_word_char(file->code[start - 1])) start--;
            char name[64];
            snprintf(name, sizeof name, "%.*s", (int)(i - start), file->code + start);
            if (strstr(name, "fault") || strstr(name, "warn")) check_call_keys(file, i);
        }
    } else if (starts_with(file->path, "web/src/")) {
        for (const char *at = file->text; (at = find_word(at, file->text, "t")); at++) {
            char key[KEY_SIZE];
            if (at[1] != '(' || (at[2] != '"' && at[2] != '\'')) continue;
            size_t size = strcspn(at + 3, "\"'\n");
            if (size >= sizeof key) continue;
            snprintf(key, sizeof key, "%.*s", (int)size, at + 3);
            check_key(file, at, key);
        }
    }
}

// A key is used where it stands between quotes, or where its beginning does and the rest is put
// together at run time ("phase.%s", `phase.${name}`, "phase." + name). "KEY.hint" goes with KEY.
static bool is_used(const char *sources, const char *key) {
    static const char *const whole[][2] = {{"\"", "\""}, {"'", "'"}, {"`", "`"}};
    static const char *const begun[][2] = {{"\"", "\""}, {"\"", "%"}, {"'", "'"}, {"`", "${"}};
    char pattern[KEY_SIZE + 8];
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        snprintf(pattern, sizeof pattern, "%s%s%s", whole[i][0], key, whole[i][1]);
        if (strstr(sources, pattern)) return true;
    }
    for (const char *dot = key; (dot = strpbrk(dot, "._")); dot++) {
        for (size_t i = 0; i < sizeof begun / sizeof *begun; i++) {
            snprintf(pattern, sizeof pattern, "%s%.*s%s", begun[i][0], (int)(dot - key) + 1, key,
                     begun[i][1]);
            if (strstr(sources, pattern)) return true;
        }
    }
    if (!ends_with(key, ".hint")) return false;
    char base[KEY_SIZE];
    snprintf(base, sizeof base, "%.*s", (int)(strlen(key) - strlen(".hint")), key);
    return is_used(sources, base);
}

// All sources that may use a key, one after the other; the caller frees them.
static char *joined_sources(void) {
    size_t size = 1;
    for (size_t i = 0; i < file_count; i++) size += files[i].size;
    char *all = need(malloc(size)), *end = all;
    for (size_t i = 0; i < file_count; i++) {
        bool web =
            starts_with(files[i].path, "web/") && !starts_with(files[i].path, "web/messages");
        if (!web && !starts_with(files[i].path, "app/")) continue;
        memcpy(end, files[i].text, files[i].size);
        end += files[i].size;
    }
    *end = '\0';
    return all;
}

static void check_messages(void) {
    chinese.count = english.count = 0;
    const char *zh = "web/messages/zh-CN.json", *en = "web/messages/en.json";
    for (size_t i = 0; i < file_count; i++) {
        if (strcmp(files[i].path, zh) == 0) messages_read(&files[i], &chinese);
        if (strcmp(files[i].path, en) == 0) messages_read(&files[i], &english);
    }
    compare_languages(&chinese, &english, en);
    compare_languages(&english, &chinese, zh);
    for (size_t i = 0; i < file_count; i++) check_keys(&files[i]);
    char *sources = joined_sources();
    for (size_t i = 0; i < chinese.count; i++) {
        if (!is_used(sources, chinese.keys[i])) {
            finding(UNUSED, zh, 1, "nobody uses %s", chinese.keys[i]);
        }
    }
    free(sources);
}

// --- what must not ship ------------------------------------------------------------------------

static void check_unwanted(const struct file *file, const char *words) {
    while (*(words += strspn(words, " \n"))) {
        char word[256];
        size_t size = strcspn(words, " \n");
        snprintf(word, sizeof word, "%.*s", (int)size, words);
        words += size;
        for (const char *at = file->text; (at = strstr(at, word)); at++) {
            // "/home/" in "web/home/" is another path.
            if (at > file->text && (is_word_char(at[-1]) || strchr(".-/", at[-1]))) continue;
            finding(UNWANTED, file->path, line_of(at, file->text), "\"%s\"", word);
        }
    }
}

static void check_files(const char *unwanted) {
    for (size_t i = 0; i < file_count; i++) {
        const struct file *file = &files[i];
        check_includes(file);
        check_lengths(file);
        check_words(file);
        check_leftovers(file);
        check_paragraph(file);
        check_unwanted(file, unwanted);
    }
    check_messages();
}

// --- the samples -------------------------------------------------------------------------------

static void forget_files(void) {
    for (size_t i = 0; i < file_count; i++) {
        free(files[i].text);
        free(files[i].code);
    }
    file_count = 0;
    memset(found, 0, sizeof found);
}

// Adds a sample to those already there, and counts what all of them together break of a rule.
static unsigned breaks(enum rule rule, const char *path, const char *text) {
    file_add(path, text, strlen(text));
    memset(found, 0, sizeof found);
    quiet = true;
    check_files("/mill/ mirror.example");
    quiet = false;
    unsigned count = found[rule];
    return count;
}

static unsigned breaks_alone(enum rule rule, const char *path, const char *text) {
    forget_files();
    unsigned count = breaks(rule, path, text);
    forget_files();
    return count;
}

#define TOP "// A paragraph that says what this is, who owns what, and which thread may call it.\n"

static void finds_includes_that_point_up(void) {
    CHECK_EQ(breaks_alone(INCLUDES, "app/base/a.c", "#include \"store/store.h\"\n"), 1);
    CHECK_EQ(breaks_alone(INCLUDES, "app/model/m.c", "#include \"data/table.h\"\n"), 1);
    CHECK_EQ(breaks_alone(INCLUDES, "app/flow/f.c", "#include \"server/server.h\"\n"), 1);
    CHECK_EQ(breaks_alone(INCLUDES, "app/flow/f.c", "#include \"data/x/in_private.h\"\n"), 1);
    CHECK_EQ(breaks_alone(INCLUDES, "app/data/y/f.c", "#include \"data/x/in_private.h\"\n"), 1);
    CHECK_EQ(breaks_alone(INCLUDES, "app/data/x/f.c", "#include \"../table.h\"\n"), 1);
    CHECK_EQ(breaks_alone(INCLUDES, "app/data/x/y/f.c", "#include \"data/x/in_private.h\"\n"), 0);
    CHECK_EQ(breaks_alone(INCLUDES, "app/cellar/f.c", "#include \"base/err.h\"\n"), 1);
    CHECK_EQ(breaks_alone(INCLUDES, "app/data/x/f.c",
                          "#include \"data/x/in_private.h\"\n#include \"data/table.h\"\n"
                          "#include \"base/err.h\"\n#include <stdio.h>\n"
                          "// #include \"server/server.h\"\n"),
             0);
}

static void finds_what_is_too_long(void) {
    char text[16384];
    for (int lines = FUNCTION_LINES_MAX; lines <= FUNCTION_LINES_MAX + 1; lines++) {
        size_t used = (size_t)snprintf(text, sizeof text, "static int f(int a,\n  int b) {\n");
        for (int i = 0; i < lines - 3; i++) {
            used += (size_t)snprintf(text + used, sizeof text - used, "    a++;\n");
        }
        snprintf(text + used, sizeof text - used, "}\n");
        CHECK_EQ(breaks_alone(FUNCTION_LENGTH, "app/base/a.c", text), lines > FUNCTION_LINES_MAX);
    }
    size_t used = (size_t)snprintf(text, sizeof text, "static const int a[] = {\n");
    for (int i = 0; i < FUNCTION_LINES_MAX + 9; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "    f(1),\n");
    }
    snprintf(text + used, sizeof text - used, "};\n");
    CHECK_EQ(breaks_alone(FUNCTION_LENGTH, "app/base/a.c", text), 0);
    memset(text, '\n', FILE_LINES_MAX + 1);
    text[FILE_LINES_MAX + 1] = '\0';
    CHECK_EQ(breaks_alone(FILE_LENGTH, "app/base/a.c", text), 1);
    CHECK_EQ(breaks_alone(FILE_LENGTH, "app/base/a_table.c", text), 0);
    CHECK_EQ(breaks_alone(FILE_LENGTH, "app/base/a.c", text + 1), 0);
    memset(text, 'a', COLUMNS_MAX + 1);
    text[COLUMNS_MAX + 1] = '\0';
    CHECK_EQ(breaks_alone(LINE_LENGTH, "app/base/a.c", text), 1);
    CHECK_EQ(breaks_alone(LINE_LENGTH, "app/base/a.c", text + 1), 0);
}

static void finds_banned_functions(void) {
    CHECK_EQ(breaks_alone(BANNED, "app/base/a.c", "int a = atoi(b);\nstrcpy (a, b);\n"), 2);
    CHECK_EQ(breaks_alone(BANNED, "app/flow/a.c", "free(malloc(3));\n"), 2);
    CHECK_EQ(breaks_alone(BANNED, "app/base/a.c", "free(malloc(3));\n"), 0);
    CHECK_EQ(breaks_alone(BANNED, "app/flow/a.c", "exit(1);\n"), 1);
    CHECK_EQ(breaks_alone(BANNED, "app/main.c", "exit(1);\n"), 0);
    CHECK_EQ(breaks_alone(BANNED, "app/flow/a.c",
                          "/* exit(1) */ a->free(b); my_free(c);\n"
                          "log(\"exit(\\\"1\\\")\"); // free(a)\n"),
             0);
    CHECK_EQ(breaks_alone(TYPEDEF, "app/flow/a.c", "typedef struct a {int b;} a;\n"), 1);
    CHECK_EQ(breaks_alone(LEFTOVER, "app/flow/a.c",
                          "// TO"
                          "DO: the rest\n"),
             1);
}

static void finds_headers_without_paragraph(void) {
    CHECK_EQ(breaks_alone(PARAGRAPH, "app/flow/a.h", "#pragma once\n"), 1);
    CHECK_EQ(breaks_alone(PARAGRAPH, "app/flow/a.h", TOP), 1);
    CHECK_EQ(breaks_alone(PARAGRAPH, "app/flow/a.h", TOP "#pragma once\n"), 0);
}

static void finds_missing_and_spare_messages(void) {
    const char *use =
        "int f(void) {\n    return fault_set(f, 1, \"csv.odd\", STR(\"no.key\"));\n}\n";
    forget_files();
    file_add("app/data/a.c", use, strlen(use));
    CHECK_EQ(breaks(MESSAGES, "web/messages/zh-CN.json", "{\"csv.odd\": \"怪{row}\"}"), 1);
    CHECK_EQ(found[LANGUAGES], 1);
    CHECK_EQ(breaks(MESSAGES, "web/messages/en.json", "{\n  \"csv.odd\": \"odd {row}\"\n}\n"), 0);
    CHECK_EQ(found[LANGUAGES], 0);
    CHECK_EQ(found[UNUSED], 0);
    CHECK_EQ(breaks(MESSAGES, "web/src/a.ts", "x = t(\"csv.even\") + t('csv.odd');\n"), 1);
    forget_files();
    file_add("web/src/a.ts", "t(`phase.${x}`)", 15);
    const char *keys =
        "{\"phase.start\": \"a {n}\", \"other.key\": \"b\", \"other.key.hint\": \"c\"}";
    file_add("web/messages/en.json", keys, strlen(keys));
    CHECK_EQ(breaks(UNUSED, "web/messages/zh-CN.json",
                    "{\"phase.start\": \"a\", \"other.key\": \"b\", \"other.key.hint\": \"c\"}"),
             2);
    CHECK_EQ(found[LANGUAGES], 1); // {n}
    forget_files();
    // Damage in one file; for the second sample also the key that the other language lacks.
    CHECK_EQ(breaks_alone(LANGUAGES, "web/messages/en.json", "{\"a\": {\"b\": \"c\"}}"), 1);
    CHECK_EQ(breaks_alone(LANGUAGES, "web/messages/en.json", "{\"a\": \"b\"}x{"), 2);
}

static void finds_words_of_the_machine(void) {
    CHECK_EQ(breaks_alone(UNWANTED, "README.md", "see /mill/a and http:mirror.example/b"), 1 + 1);
    CHECK_EQ(breaks_alone(UNWANTED, "README.md", "see windmill/a and wind/mill/a"), 0);
}

// --- the tree ----------------------------------------------------------------------------------

#define TREE_TEST(name, rule)       \
    static void name(void) {        \
        CHECK_EQ(found[(rule)], 0); \
    }
TREE_TEST(includes_point_down, INCLUDES)
TREE_TEST(functions_are_short, FUNCTION_LENGTH)
TREE_TEST(files_are_short, FILE_LENGTH)
TREE_TEST(lines_are_short, LINE_LENGTH)
TREE_TEST(no_banned_function, BANNED)
TREE_TEST(headers_open_with_a_paragraph, PARAGRAPH)
TREE_TEST(no_typedef_of_a_struct, TYPEDEF)
TREE_TEST(no_leftovers, LEFTOVER)
TREE_TEST(keys_in_use_have_sentences, MESSAGES)
TREE_TEST(languages_say_the_same, LANGUAGES)
TREE_TEST(no_sentence_is_spare, UNUSED)
TREE_TEST(no_word_of_the_machine, UNWANTED)

static void archives_are_those_of_the_lock(void) {
    CHECK_EQ(system("vendor/fetch --check"), 0);
}

int main(void) {
    CHECK_RUN(finds_includes_that_point_up);
    CHECK_RUN(finds_what_is_too_long);
    CHECK_RUN(finds_banned_functions);
    CHECK_RUN(finds_headers_without_paragraph);
    CHECK_RUN(finds_missing_and_spare_messages);
    CHECK_RUN(finds_words_of_the_machine);
    forget_files();
    folder_read(".");
    const char *unwanted = getenv("COURTYARD_UNWANTED");
    check_files(unwanted ? unwanted : "");
    CHECK_RUN(includes_point_down);
    CHECK_RUN(functions_are_short);
    CHECK_RUN(files_are_short);
    CHECK_RUN(lines_are_short);
    CHECK_RUN(no_banned_function);
    CHECK_RUN(headers_open_with_a_paragraph);
    CHECK_RUN(no_typedef_of_a_struct);
    CHECK_RUN(no_leftovers);
    CHECK_RUN(keys_in_use_have_sentences);
    CHECK_RUN(languages_say_the_same);
    CHECK_RUN(no_sentence_is_spare);
    CHECK_RUN(no_word_of_the_machine);
    CHECK_RUN(archives_are_those_of_the_lock);
    return check_done();
}
