// Writes zip archives for tests: stored or deflated members, honest unless told to lie. In memory.
// For tests only: every function ends the program when it cannot do what it is for.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ZIP_WRITER_MEMBERS_MAX = 64 };
struct zip_writer {
    uint8_t *data; // the archive so far; whole after zip_writer_finish
    size_t size, room;
    struct {
        char name[128];
        size_t name_size;
        uint32_t header, packed, size, crc;
        uint16_t method, flags;
    } members[ZIP_WRITER_MEMBERS_MAX];
    uint32_t count;
    uint16_t flags; // of the members to come: 1 encrypted, 2048 UTF-8
};
void zip_writer_open(struct zip_writer *zip);
void zip_writer_add(struct zip_writer *zip, const char *name, const void *data, size_t size,
                    bool deflated);
void zip_writer_text(struct zip_writer *zip, const char *name, const char *text); // deflated
void zip_writer_finish(struct zip_writer *zip); // the central directory
void zip_writer_close(struct zip_writer *zip);

// A workbook of one sheet (or two, if `second`) whose XML is given; NULL: the usual empty ones.
struct xlsx_parts {
    const char *sheet, *second, *strings, *styles, *workbook;
    size_t sheet_size; // 0: up to its NUL
};
void zip_writer_workbook(struct zip_writer *zip, const struct xlsx_parts *parts);
