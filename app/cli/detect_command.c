// detect: personal data in the lines of standard input. With --json one array a line, for programs
// and evaluations; without, a table of what was found, the examples masked.
#include <string.h>

#include "cli/cli_private.h"
#include "data/cleanse/cleanse.h"
#include "data/detect/detect.h"

enum {
    // A line longer than this is looked at as far as this: it is no text that a person wrote.
    LINE_BYTES_MOST = 64 << 20,
    OUT_BYTES_MOST = 1 << 30, // what one read of input may say
    HITS_AT_FIRST = 1024,
    EXAMPLES_MOST = 3,
};

struct found {
    uint64_t hits, lines;
    struct buf examples; // masked
    uint32_t example_count;
};

struct detecting {
    bool json;
    uint32_t kinds;
    struct buf out, hits;
    uint64_t lines, cut; // lines, and those of them that were too long
    struct found found[PERSONAL_KIND_COUNT];
};

// ---- what is said about a line -----------------------------------------------------------------

static void line_write(struct detecting *detecting, struct str line,
                       const struct personal_hit *hits, size_t count) {
    struct json_writer writer = json_writer_of(&detecting->out);
    json_open_array(&writer);
    for (size_t i = 0; i < count; i++) {
        struct str text = {line.data + hits[i].start, hits[i].size};
        json_open_object(&writer);
        json_set_text(&writer, "kind", str_of(personal_kind_name(hits[i].kind)));
        json_set_u64(&writer, "start", hits[i].start);
        json_set_u64(&writer, "end", (uint64_t)hits[i].start + hits[i].size);
        json_set_text(&writer, "text", text);
        json_set_u64(&writer, "confidence", hits[i].confidence);
        json_close_object(&writer);
    }
    json_close_array(&writer);
    buf_add_char(&detecting->out, '\n');
}

static void line_count(struct detecting *detecting, struct str line,
                       const struct personal_hit *hits, size_t count) {
    uint32_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        struct found *found = &detecting->found[hits[i].kind];
        found->hits++;
        found->lines += !(seen & PERSONAL_BIT(hits[i].kind));
        seen |= PERSONAL_BIT(hits[i].kind);
        if (found->example_count == EXAMPLES_MOST) continue;
        if (found->example_count++) buf_add_text(&found->examples, "  ");
        personal_mask(hits[i].kind, (struct str){line.data + hits[i].start, hits[i].size},
                      &found->examples);
    }
}

// The hits of a line, all of them: the room grows to what the scan counts.
static enum err line_scan(struct detecting *detecting, struct str line, size_t *out_count) {
    size_t room = detecting->hits.room / sizeof(struct personal_hit), count = 0;
    for (;;) {
        struct personal_hit *hits = (struct personal_hit *)(void *)detecting->hits.data;
        count = personal_scan(line, detecting->kinds, hits, room);
        if (count <= room) break;
        room = count < HITS_AT_FIRST ? HITS_AT_FIRST : count;
        buf_clear(&detecting->hits);
        if (!buf_reserve(&detecting->hits, room * sizeof *hits)) return buf_err(&detecting->hits);
    }
    *out_count = count;
    return OK;
}

static enum err line_done(void *ctx, struct str line, bool cut, struct fault *fault) {
    struct detecting *detecting = ctx;
    size_t count = 0;
    (void)fault;
    detecting->lines++;
    if (cut) {
        detecting->cut++;
        warn("cli.detect_line_cut",
             (const struct place[]){{"line", count_text(detecting->lines)},
                                    {"bytes", bytes_text(LINE_BYTES_MOST)}},
             2);
    }
    enum err err = line_scan(detecting, line, &count);
    const struct personal_hit *hits = (const struct personal_hit *)(void *)detecting->hits.data;
    if (err != OK) return err;
    if (detecting->json) {
        line_write(detecting, line, hits, count);
    } else {
        line_count(detecting, line, hits, count);
    }
    return OK;
}

// ---- the command -------------------------------------------------------------------------------

static enum err kinds_read(const char *told, uint32_t *out, struct fault *fault) {
    struct str left = str_of(told);
    uint32_t kinds = 0;
    while (left.size > 0) {
        const char *comma = memchr(left.data, ',', left.size);
        struct str name = {left.data, comma ? (size_t)(comma - left.data) : left.size};
        enum personal_kind kind;
        if (!personal_kind_from_name(str_trim(name), &kind)) {
            return fault_set(fault, ERR_INPUT, "cli.detect_kind", name);
        }
        kinds |= PERSONAL_BIT(kind);
        size_t used = name.size + (comma != NULL);
        left = (struct str){left.data + used, left.size - used};
    }
    *out = kinds;
    return OK;
}

static void found_say(struct detecting *detecting) {
    SAY("cli.detect_done", {"lines", count_text(detecting->lines)});
    for (int kind = 0; kind < PERSONAL_KIND_COUNT; kind++) {
        struct found *found = &detecting->found[kind];
        if (found->hits == 0) continue;
        char key[64] = "personal.";
        struct buf name;
        buf_open(&name, 256);
        if (str_copy(key + 9, sizeof key - 9,
                     str_of(personal_kind_name((enum personal_kind)kind)))) {
            message_write(&name, key, NULL, 0);
        }
        SAY("cli.detect_kind_found", {"kind", buf_str(&name)}, {"hits", count_text(found->hits)},
            {"lines", count_text(found->lines)}, {"examples", buf_str(&found->examples)});
        buf_close(&name);
    }
}

enum err command_detect(const struct command *command, const struct arguments *arguments,
                        struct fault *fault) {
    (void)command;
    struct detecting detecting = {.json = argument(arguments, "--json"), .kinds = PERSONAL_ALL};
    const char *told = argument(arguments, "--kinds");
    enum err err = told ? kinds_read(told, &detecting.kinds, fault) : OK;
    if (err != OK) return err;
    if (argument(arguments, "--privacy")) detecting.kinds |= PERSONAL_PRIVACY;
    buf_open(&detecting.out, OUT_BYTES_MOST);
    buf_open(&detecting.hits, (size_t)LINE_BYTES_MOST * sizeof(struct personal_hit));
    for (int i = 0; i < PERSONAL_KIND_COUNT; i++) buf_open(&detecting.found[i].examples, 4096);
    err = lines_of_input(
        &(struct line_taker){LINE_BYTES_MOST, &detecting.out, line_done, &detecting}, fault);
    if (err == OK && !detecting.json) found_say(&detecting);
    if (err == OK && detecting.cut > 0) {
        err = fault_set(fault, ERR_LIMIT, "cli.detect_cut", count_text(detecting.cut));
    }
    for (int i = 0; i < PERSONAL_KIND_COUNT; i++) buf_close(&detecting.found[i].examples);
    buf_close(&detecting.hits);
    buf_close(&detecting.out);
    return err;
}
