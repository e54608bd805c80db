// A small FAT file system (12 bits, clusters of one sector) as bytes, with some files in its root
// and in one folder. For tests only.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { FAT_WRITER_BYTES_MAX = 2000 * 1024 };

struct fat_writer_file {
    const char *folder; // eleven letters, "GRUB       "; NULL: the root
    const char *name;   // the same, "VERSION TXT"
    const void *data;
    size_t size;
};
// Fills out[size]; size is a multiple of 512, at most FAT_WRITER_BYTES_MAX.
void fat_writer_make(uint8_t *out, size_t size, const struct fat_writer_file *files, int count);
