// Writes the small models of the tests as files, NAME.gguf each, into a folder, and the tokens that
// are asked about to standard output. For tests/support/small_language_expect.
#include <stdio.h>

#include "base/file.h"
#include "support/small_language.h"

int main(int argc, char **argv) {
    uint32_t tokens[SMALL_TOKENS];
    char path[1024];
    struct buf bytes;
    if (argc != 2) return 2;
    buf_open(&bytes, 1 << 28);
    for (uint32_t i = 0; i < small_language_count; i++) {
        buf_clear(&bytes);
        small_language_write(&small_languages[i], &bytes);
        snprintf(path, sizeof path, "%s/%s.gguf", argv[1], small_languages[i].name);
        if (buf_err(&bytes) != OK || file_write(path, buf_str(&bytes), NULL) != OK) return 1;
    }
    small_language_tokens(tokens);
    for (uint32_t i = 0; i < SMALL_TOKENS; i++) printf("%u ", tokens[i]);
    buf_close(&bytes);
    return 0;
}
