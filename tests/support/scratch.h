// A folder of a test's own below TMPDIR, removed when the program ends; and the small things tests
// do to files. For tests only: every function ends the program when it cannot do what it is for.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Makes a new empty folder and gives its path; valid until the program ends. At most 128.
const char *scratch_folder(void);
// "FOLDER/name", valid for the next seven calls.
const char *scratch_path(const char *folder, const char *name);
void scratch_write(const char *path, const void *data, size_t size);
// The file's bytes, to be freed with memory_give; NULL if there is none.
uint8_t *scratch_read(const char *path, size_t *out_size);
// Flips one bit in the middle of a file (mode bits aside), to see whether it is noticed.
void scratch_flip(const char *path, uint64_t offset, uint8_t bits);
