// Any bytes up to the first NUL as a keyword library, what stands behind as a text: the file is
// read whole or refused with the line; hits lie in the text, in order, with the line of their word.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/cleanse/words_private.h"
#include "support/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_with(const struct library *library, struct str text, size_t lines) {
    struct arena *arena;
    struct library_reader *reader;
    const struct library_hit *hits;
    size_t count, before = 0;
    if (arena_open(1 << 28, &arena) != OK) abort();
    if (library_reader_open(library, arena, &reader) != OK) abort();
    enum err err = library_read(reader, text, UINT32_MAX, &hits, &count);
    if (err != OK && err != ERR_MEMORY) abort();
    for (size_t i = 0; err == OK && i < count; i++) {
        if (hits[i].start < before || hits[i].start + hits[i].size > text.size) abort();
        if (hits[i].kind >= RISK_KIND_COUNT || hits[i].line == 0 || hits[i].line > lines) abort();
        before = hits[i].start;
    }
    arena_close(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *folder;
    if (!folder) {
        setenv("TMPDIR", "/dev/shm", 0);
        folder = scratch_folder();
    }
    const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
    size_t cut = nul ? (size_t)(nul - data) : size, lines = 1;
    for (size_t i = 0; i < cut; i++) lines += data[i] == '\n';
    struct str text = {(const char *)data + cut, size - cut};
    scratch_write(scratch_path(folder, "words.txt"), data, cut);
    for (int exact = 0; exact < 2; exact++) {
        struct library *library;
        struct fault fault = {0};
        enum err err = library_open(STR("words.txt"), folder, exact, &library, &fault);
        if ((err == OK) != (fault.code[0] == '\0')) abort();
        if (err != OK && err != ERR_INPUT && err != ERR_LIMIT) abort();
        if (err != OK) continue;
        if (library_words(library) + library_patterns(library) > lines) abort();
        read_with(library, text, lines);
        library_close(library);
    }
    return 0;
}
