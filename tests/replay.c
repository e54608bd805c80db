// Feeds every file of a corpus folder to a fuzz harness, in an ordinary program: replay FOLDER.
// The name is printed before each, so that the log of a crash ends with its cause.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int feed(const char *path) {
    enum { LIMIT_BYTES = 16 << 20 };
    FILE *file = fopen(path, "rb");
    if (!file) return 1;
    uint8_t *room = malloc(LIMIT_BYTES);
    size_t size = room ? fread(room, 1, LIMIT_BYTES, file) : 0;
    int bad = !room || ferror(file) || !feof(file);
    fclose(file);
    if (!bad) {
        // A block of exactly its size: reading one byte too far is then seen.
        uint8_t *exact = malloc(size ? size : 1);
        bad = !exact;
        if (exact) {
            if (size) memcpy(exact, room, size);
            LLVMFuzzerTestOneInput(exact, size);
        }
        free(exact);
    }
    free(room);
    return bad;
}

int main(int count, char **arguments) {
    struct dirent **entries = NULL;
    int passed = 0, failed = 0;
    int entry_count = count == 2 ? scandir(arguments[1], &entries, NULL, alphasort) : -1;
    if (entry_count < 0) {
        fprintf(stderr, "no corpus: %s\n", count == 2 ? arguments[1] : "name its folder");
        failed++;
    }
    for (int i = 0; i < entry_count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", arguments[1], entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            fprintf(stderr, "%s\n", path);
            if (feed(path) == 0)
                passed++;
            else
                failed++;
        }
        free(entries[i]);
    }
    free(entries);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
