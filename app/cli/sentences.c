// Sentences: keys and places in, text in the person's language out.
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/cli_private.h"
#include "server/assets.h"

enum { SENTENCE_BYTES_MAX = 16 * 1024, TEXTS_KEPT = 16, TEXT_BYTES = 40 };

static const char *messages_language;
static struct json *messages; // of this process, between messages_open and messages_close

// "C" and "POSIX" name no language.
static bool names_language(const char *locale) {
    struct str rest;
    struct str name = str_cut(str_of(locale), '.', &rest);
    return name.size > 0 && !str_is(name, "C") && !str_is(name, "POSIX");
}

const char *language_of(const char *told) {
    const char *const locales[] = {told, getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG")};
    for (size_t i = 0; i < sizeof locales / sizeof locales[0]; i++) {
        if (!names_language(locales[i])) continue;
        return strncmp(locales[i], "en", 2) == 0 ? "en" : "zh-CN";
    }
    return "zh-CN";
}

static enum err messages_read(const char *language, struct json **out) {
    char path[64];
    int size = snprintf(path, sizeof path, "messages/%s.json", language);
    if (size < 0 || (size_t)size >= sizeof path) return ERR_LIMIT;
    const struct asset *asset = asset_find(str_of(path));
    if (!asset) return ERR_NOT_FOUND;
    return json_parse((struct str){(const char *)asset->data, asset->size}, out, NULL);
}

enum err messages_open(const char *language) {
    messages_language = language;
    return messages_read(language, &messages);
}

// The messages of a language in the order of their keys, so that a screen full of sentences is
// found in no time.
struct catalogue {
    const struct json **sentences;
    size_t count;
};

static int by_name(const void *one, const void *other) {
    return str_compare(json_name(*(const struct json *const *)one),
                       json_name(*(const struct json *const *)other));
}

static void catalogue_make(const char *language, struct catalogue *out) {
    struct json *all;
    if (messages_read(language, &all) != OK) return;
    size_t count = json_count(all), i = 0;
    const struct json **sentences = memory_take(count * sizeof(struct json *));
    if (!sentences) {
        json_close(all);
        return;
    }
    for (const struct json *at = json_first(all); at; at = json_next(at)) sentences[i++] = at;
    qsort(sentences, count, sizeof(struct json *), by_name);
    *out = (struct catalogue){sentences, count};
}

const char *sentence_in(const char *language, const char *key) {
    static struct catalogue both[2]; // for the life of the process
    struct catalogue *catalogue = &both[strcmp(language, "en") == 0];
    if (!catalogue->sentences) catalogue_make(language, catalogue);
    size_t low = 0, high = catalogue->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(json_name(catalogue->sentences[middle]), str_of(key));
        struct str sentence = json_text(catalogue->sentences[middle]);
        if (order == 0) return sentence.data ? sentence.data : key; // a JSON text ends in NUL
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return key;
}

void messages_close(void) {
    json_close(messages);
    messages = NULL;
}

const char *language_now(void) {
    return messages_language;
}

static struct str sentence_of(const char *key) {
    return json_text(json_member(messages, key));
}

void message_write(struct buf *out, const char *key, const struct place *places, size_t count) {
    struct str sentence = sentence_of(key);
    sentence_fill(out, sentence.data ? sentence : str_of(key), places, count);
}

static bool lost; // a line of standard output found no room

static void line_write(int fd, const char *key, const struct place *places, size_t count) {
    struct buf line;
    buf_open(&line, SENTENCE_BYTES_MAX);
    message_write(&line, key, places, count);
    buf_add_char(&line, '\n');
    ssize_t written = write(fd, line.data, line.size);
    if (written < 0 && errno == ENOSPC && fd == STDOUT_FILENO) lost = true;
    // That nobody is reading fails nothing.
    buf_close(&line);
}

bool say_was_lost(void) {
    return lost;
}

void say(const char *key, const struct place *places, size_t count) {
    progress_line_end();
    line_write(STDOUT_FILENO, key, places, count);
}

void warn(const char *key, const struct place *places, size_t count) {
    progress_line_end();
    line_write(STDERR_FILENO, key, places, count);
}

void say_fault(const struct fault *fault) {
    const struct place places[] = {
        {"row", count_text(fault->row)},
        {"column", count_text(fault->column)},
        {"detail", str_of(fault->detail)},
    };
    size_t count = sizeof places / sizeof places[0];
    struct buf sentence;
    buf_open(&sentence, SENTENCE_BYTES_MAX);
    if (sentence_of(fault->code).data) {
        message_write(&sentence, fault->code, places, count);
    } else {
        buf_printf(&sentence, "%s %s", fault->code, fault->detail);
    }
    struct str known = sentence_of(fault->code);
    bool tells_row = memmem(known.data ? known.data : "", known.size, "{row}", 5) != NULL;
    warn("cli.fault", (const struct place[]){{"sentence", buf_str(&sentence)}}, 1);
    if (fault->row && !tells_row) {
        warn(fault->column ? "cli.fault_at_cell" : "cli.fault_at_row", places, count);
    }
    char hint[FAULT_CODE_SIZE + 8];
    snprintf(hint, sizeof hint, "%s.hint", fault->code);
    if (sentence_of(hint).data) {
        buf_clear(&sentence);
        message_write(&sentence, hint, places, count);
        warn("cli.hint", (const struct place[]){{"sentence", buf_str(&sentence)}}, 1);
    }
    buf_close(&sentence);
}

// A ring of short texts, so that several places of one sentence can hold numbers.
static char *text_next(void) {
    static char texts[TEXTS_KEPT][TEXT_BYTES];
    static unsigned next;
    return texts[next++ % TEXTS_KEPT];
}

struct str number_text(double value) {
    char *text = text_next();
    int digits = fabs(value) >= 100 ? 1 : 4;
    snprintf(text, TEXT_BYTES, "%.*f", digits, value);
    return str_of(text);
}

struct str count_text(uint64_t value) {
    char *text = text_next();
    snprintf(text, TEXT_BYTES, "%" PRIu64, value);
    return str_of(text);
}

struct str bytes_text(uint64_t bytes) {
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1000 && unit + 1 < sizeof units / sizeof units[0]; unit++) value /= 1000;
    char *text = text_next();
    snprintf(text, TEXT_BYTES, "%.*f %s", unit == 0 ? 0 : 1, value, units[unit]);
    return str_of(text);
}
