// Runs the tagger as the product has it, with any weights, on plain lines.
//   tag WEIGHTS [LEAN [raw]] <lines >labelled        raw: segments only, no grammar, no second pass
//   LEAN: plain, privacy, or three numbers with commas, see tagger_private.h
// Writes what the trainer reads: "text TAB start,end,TYPE;…", positions in characters; at the end,
// to stderr, bytes and processor time of the tagging alone.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../../app/data/detect/tagger_private.h"

enum { SPANS_MOST = 1 << 20 };

static char *read_all(FILE *file, size_t *size) {
    size_t room = 1 << 20;
    char *data = malloc(room);
    *size = 0;
    for (size_t got; (got = fread(data + *size, 1, room - *size, file)) > 0;) {
        *size += got;
        if (*size == room) data = realloc(data, room *= 2);
    }
    return data;
}

static size_t characters(const char *text, size_t from, size_t to) {
    size_t count = 0;
    for (size_t k = from; k < to; k++) count += (text[k] & 0xC0) != 0x80;
    return count;
}

static size_t scan_raw(const struct tagger *tagger, struct str text, struct tagger_lean lean,
                       struct personal_hit *spans) {
    static struct tagger_tokens tokens;
    size_t count = 0;
    for (size_t at = 0; at < text.size;) {
        at = tagger_tokens_next(&tagger->tables, text, at, &tokens);
        count += tagger_segment(tagger, &tokens, lean, spans + count);
    }
    return count;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

int main(int count, char **arguments) {
    static struct personal_hit spans[SPANS_MOST];
    static const char *const names[] = {"PER", "LOC", "ORG"};
    if (count < 2) return 2;
    FILE *file = fopen(arguments[1], "rb");
    struct tagger *tagger = NULL;
    struct str weights = STR_NONE;
    if (file) weights.data = read_all(file, &weights.size);
    if (!file || tagger_open(weights, &tagger) != OK) {
        fprintf(stderr, "tag: no weights\n");
        return 1;
    }
    struct tagger_lean lean = tagger_plain;
    char *number = count > 2 ? arguments[2] : NULL;
    if (number && strcmp(number, "privacy") == 0) lean = tagger_privacy;
    for (int k = 0; number && number[0] >= '0' && number[0] <= '9' && k < TAGGER_KINDS; k++) {
        lean.kind[k] = (int16_t)strtol(number, &number, 10);
        if (*number == ',') number++;
    }
    bool raw = count > 3;
    size_t size;
    char *data = read_all(stdin, &size);
    double spent = 0;
    for (size_t at = 0; at < size;) {
        char *next = memchr(data + at, '\n', size - at);
        size_t end = next ? (size_t)(next - data) : size;
        struct str line = {data + at, end - at};
        double start = now();
        size_t found = raw ? scan_raw(tagger, line, lean, spans)
                           : tagger_scan(tagger, line, lean, spans, SPANS_MOST);
        spent += now() - start;
        printf("%.*s\t", (int)line.size, line.data);
        for (size_t k = 0, last = 0, place = 0; k < found; k++) {
            size_t first = place + characters(line.data, last, spans[k].start);
            place = first + characters(line.data, spans[k].start, spans[k].start + spans[k].size);
            last = spans[k].start + spans[k].size;
            printf("%zu,%zu,%s;", first, place, names[spans[k].kind - PERSONAL_NAME]);
        }
        printf("\n");
        at = end + 1;
    }
    fprintf(stderr, "%zu bytes, %.2f s, %.1f MB/s\n", size, spent, (double)size / spent / 1e6);
    tagger_close(tagger);
    return 0;
}
