// The archive itself: what is read of it, and what is refused.
#include "data/intake/zip_private.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/import_check.h"
#include "support/scratch.h"
#include "support/zip_writer.h"

static struct arena *arena;
static struct fault fault;

static enum err open_bytes(const void *data, size_t size, struct zip **out, int *out_fd) {
    const char *path = scratch_path(import_folder(), "zip");
    scratch_write(path, data, size);
    *out_fd = open(path, O_RDONLY);
    fault = (struct fault){0};
    arena_reset(arena);
    return zip_open(*out_fd, arena, out, &fault);
}

static enum err read_all(const struct zip *zip, uint32_t index, struct buf *out) {
    struct zip_stream *stream;
    fault = (struct fault){0};
    enum err err = zip_stream_open(zip, &zip->members[index], &stream, &fault);
    if (err) return err;
    char piece[1000];
    for (size_t got = 1; !err && got > 0;) {
        err = zip_stream_read(stream, piece, sizeof piece, &got, &fault);
        if (!err) buf_add(out, piece, got);
    }
    zip_stream_close(stream);
    return err;
}

static void make(struct zip_writer *zip) {
    zip_writer_open(zip);
    zip_writer_add(zip, "a.txt", "hello", 5, false);
    zip_writer_text(zip, "d/b.txt",
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
    zip_writer_text(zip, "../out.txt", "x");
    zip_writer_text(zip, "\xB1\xED.csv", "gbk name");
    zip_writer_finish(zip);
}

static void reads_members(void) {
    struct zip_writer writer;
    struct zip *zip;
    struct buf text;
    int fd;
    make(&writer);
    CHECK_EQ(open_bytes(writer.data, writer.size, &zip, &fd), OK);
    CHECK_EQ(zip->count, 3);
    CHECK_EQ(zip->left_out, 1);
    CHECK_EQ(zip_find(zip, STR("D\\B.TXT")), 1);
    CHECK_EQ(zip_find(zip, STR("表.csv")), 2);
    CHECK_EQ(zip_find(zip, STR("../out.txt")), -1);
    buf_open(&text, 1000);
    CHECK_EQ(read_all(zip, 0, &text), OK);
    CHECK_EQ(read_all(zip, 1, &text), OK);
    CHECK_EQ(text.size, 5 + 61);
    CHECK(memcmp(text.data, "helloaaaa", 9) == 0);
    buf_close(&text);
    close(fd);
    zip_writer_close(&writer);
}

// Whatever byte is changed: an error, or the members as they were.
static void notices_damage(void) {
    struct zip_writer writer;
    struct zip *zip;
    uint32_t right = 0, told = 0;
    make(&writer);
    for (size_t i = 0; i < writer.size; i++) {
        int fd;
        writer.data[i] ^= 0x10;
        enum err err = open_bytes(writer.data, writer.size, &zip, &fd);
        for (uint32_t m = 0; !err && m < zip->count; m++) {
            struct buf text;
            buf_open(&text, 1000);
            err = read_all(zip, m, &text);
            buf_close(&text);
        }
        right += err == OK;
        told += err != OK && fault.code[0] != '\0';
        writer.data[i] ^= 0x10;
        close(fd);
    }
    CHECK_EQ(right + told, writer.size);
    CHECK(told > writer.size / 3);
    for (size_t size = 0; size < writer.size; size++) {
        int fd;
        CHECK(open_bytes(writer.data, size, &zip, &fd) != OK);
        close(fd);
    }
    zip_writer_close(&writer);
}

static void refuses(void) {
    struct zip_writer writer;
    zip_writer_open(&writer);
    writer.flags = 1;
    zip_writer_text(&writer, "a.csv", "a,b\n1,2\n");
    zip_writer_finish(&writer);
    REFUSES(writer.data, writer.size, "zip.encrypted");
    CHECK_STR(import_fault.detail, "a.csv");
    zip_writer_close(&writer);
    // Two members at one place.
    zip_writer_open(&writer);
    zip_writer_add(&writer, "a.csv", "a,b\n1,2\n3,4\n5,6\n7,8\n9,10\n11,12\n13,14\n", 37, false);
    for (int i = 0; i < 5; i++) writer.members[writer.count++] = writer.members[0];
    zip_writer_finish(&writer);
    REFUSES(writer.data, writer.size, "zip.overlap");
    zip_writer_close(&writer);
    REFUSES("PK\3\4 and nothing more", 20, "zip.damaged");
}

// 80 MB of one row, a thousand times smaller.
static void refuses_bombs(void) {
    enum { SIZE = 80 << 20 };
    struct zip_writer writer;
    char *text = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++) text[i] = i % 4 == 1 ? ',' : i % 4 == 3 ? '\n' : '1';
    zip_writer_open(&writer);
    zip_writer_add(&writer, "a.csv", text, SIZE, true);
    zip_writer_finish(&writer);
    free(text);
    REFUSES(writer.data, writer.size, "zip.bomb");
    CHECK_STR(import_fault.detail, "a.csv");
    zip_writer_close(&writer);
}

int main(void) {
    CHECK_EQ(arena_open(1 << 20, &arena), OK);
    CHECK_RUN(reads_members);
    CHECK_RUN(notices_damage);
    CHECK_RUN(refuses);
    CHECK_RUN(refuses_bombs);
    arena_close(arena);
    return check_done();
}
