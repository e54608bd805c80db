#include "support/zip_writer.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/assert.h"

static void put(struct zip_writer *zip, const void *data, size_t size) {
    if (size > zip->room - zip->size) {
        zip->room = zip->room * 2 + size + 4096;
        zip->data = realloc(zip->data, zip->room);
        cy_assert(zip->data);
    }
    if (size) memcpy(zip->data + zip->size, data, size);
    zip->size += size;
}

static void put16(struct zip_writer *zip, uint32_t value) {
    put(zip, (uint8_t[]){(uint8_t)value, (uint8_t)(value >> 8)}, 2);
}

static void put32(struct zip_writer *zip, uint32_t value) {
    put16(zip, value & 0xFFFF);
    put16(zip, value >> 16);
}

void zip_writer_open(struct zip_writer *zip) {
    *zip = (struct zip_writer){0};
}

void zip_writer_close(struct zip_writer *zip) {
    free(zip->data);
    *zip = (struct zip_writer){0};
}

// Version, flags, method, time, date, CRC, sizes and the name's: what both headers have.
static void put_about(struct zip_writer *zip, uint32_t index) {
    put16(zip, 20);
    put16(zip, zip->members[index].flags);
    put16(zip, zip->members[index].method);
    put32(zip, 0x21 << 16);
    put32(zip, zip->members[index].crc);
    put32(zip, zip->members[index].packed);
    put32(zip, zip->members[index].size);
    put16(zip, (uint32_t)zip->members[index].name_size);
    put16(zip, 0);
}

void zip_writer_add(struct zip_writer *zip, const char *name, const void *data, size_t size,
                    bool deflated) {
    cy_assert(zip->count < ZIP_WRITER_MEMBERS_MAX && strlen(name) < 128);
    uint32_t index = zip->count++;
    uint8_t *packed = malloc(compressBound((uLong)size) + 64);
    uint32_t packed_size = (uint32_t)size;
    cy_assert(packed);
    if (deflated) {
        z_stream stream = {0};
        cy_assert(deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
        stream.next_in = (Bytef *)(uintptr_t)data;
        stream.avail_in = (uInt)size;
        stream.next_out = packed;
        stream.avail_out = (uInt)compressBound((uLong)size) + 64;
        cy_assert(deflate(&stream, Z_FINISH) == Z_STREAM_END);
        packed_size = (uint32_t)stream.total_out;
        deflateEnd(&stream);
    } else if (size) {
        memcpy(packed, data, size);
    }
    memcpy(zip->members[index].name, name, strlen(name));
    zip->members[index].name_size = strlen(name);
    zip->members[index].header = (uint32_t)zip->size;
    zip->members[index].packed = packed_size;
    zip->members[index].size = (uint32_t)size;
    zip->members[index].crc = (uint32_t)crc32(crc32(0, NULL, 0), data, (uInt)size);
    zip->members[index].method = deflated ? 8 : 0;
    zip->members[index].flags = zip->flags;
    put32(zip, 0x04034b50);
    put_about(zip, index);
    put(zip, name, strlen(name));
    put(zip, packed, packed_size);
    free(packed);
}

void zip_writer_text(struct zip_writer *zip, const char *name, const char *text) {
    zip_writer_add(zip, name, text, strlen(text), true);
}

void zip_writer_finish(struct zip_writer *zip) {
    uint32_t start = (uint32_t)zip->size;
    for (uint32_t i = 0; i < zip->count; i++) {
        put32(zip, 0x02014b50);
        put16(zip, 20);
        put_about(zip, i);
        put16(zip, 0); // comment
        put16(zip, 0); // disk
        put16(zip, 0);
        put32(zip, 0);
        put32(zip, zip->members[i].header);
        put(zip, zip->members[i].name, zip->members[i].name_size);
    }
    uint32_t size = (uint32_t)zip->size - start;
    put32(zip, 0x06054b50);
    put32(zip, 0);
    put16(zip, zip->count);
    put16(zip, zip->count);
    put32(zip, size);
    put32(zip, start);
    put16(zip, 0);
}

#define RELATION "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"

void zip_writer_workbook(struct zip_writer *zip, const struct xlsx_parts *parts) {
    static const char workbook[] =
        "<workbook><sheets><sheet name=\"一\" sheetId=\"1\" r:id=\"rId1\"/>"
        "<sheet name=\"二\" sheetId=\"2\" state=\"hidden\" r:id=\"rId2\"/></sheets></workbook>";
    static const char package[] = "<Relationships><Relationship Id=\"rId1\" Type=\"" RELATION
                                  "officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>";
    static const char relations[] =
        "<Relationships><Relationship Id=\"rId1\" Type=\"" RELATION
        "worksheet\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"rId2\" Type=\"" RELATION
        "worksheet\" Target=\"/xl/worksheets/sheet2.xml\"/></Relationships>";
    zip_writer_text(zip, "[Content_Types].xml", "<Types/>");
    zip_writer_text(zip, "_rels/.rels", package);
    zip_writer_text(zip, "xl/workbook.xml", parts->workbook ? parts->workbook : workbook);
    zip_writer_text(zip, "xl/_rels/workbook.xml.rels", relations);
    if (parts->strings) zip_writer_text(zip, "xl/sharedStrings.xml", parts->strings);
    if (parts->styles) zip_writer_text(zip, "xl/styles.xml", parts->styles);
    if (parts->second) zip_writer_text(zip, "xl/worksheets/sheet2.xml", parts->second);
    size_t size = parts->sheet_size ? parts->sheet_size : strlen(parts->sheet);
    zip_writer_add(zip, "xl/worksheets/sheet1.xml", parts->sheet, size, true);
}
