#include "base/file.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "check.h"

static char folder[] = "/tmp/courtyard-file-XXXXXX";

static void at(char *out, const char *name) {
    CHECK_EQ(path_join(out, 256, folder, name), OK);
}

static void replaces_a_file_as_a_whole(void) {
    char path[256], copy[256];
    at(path, "a"), at(copy, "b");
    struct fault fault = {0};
    CHECK_EQ(file_write(path, STR("one"), &fault), OK);
    CHECK_EQ(file_write(path, STR("two, longer"), &fault), OK);
    CHECK_EQ(file_copy(path, copy, &fault), OK);
    struct stat about;
    CHECK(stat(copy, &about) == 0 && (about.st_mode & 0777) == 0600);
    struct buf content;
    buf_open(&content, 100);
    CHECK_EQ(file_read(copy, &content, &fault), OK);
    CHECK_TEXT(buf_str(&content), "two, longer");
    buf_close(&content);
    struct file_map map;
    CHECK_EQ(file_map(path, &map, &fault), OK);
    CHECK_BYTES(map.data, map.size, "two, longer", 11);
    file_map_forget(&map, map.data, map.size); // not a page
    file_unmap(&map);
    CHECK_EQ(file_write(path, STR(""), &fault), OK);
    CHECK_EQ(file_map(path, &map, &fault), OK);
    CHECK_EQ(map.size, 0);
    file_unmap(&map);
}

// What is forgotten reads as before.
static void forgotten_pages_are_read_again(void) {
    enum { SIZE = 40000 };
    static char bytes[SIZE];
    char path[256];
    at(path, "pages");
    struct fault fault = {0};
    struct file_map map;
    for (size_t i = 0; i < SIZE; i++) bytes[i] = (char)check_random();
    CHECK_EQ(file_write(path, (struct str){bytes, SIZE}, &fault), OK);
    REQUIRE(file_map(path, &map, &fault) == OK);
    CHECK_BYTES(map.data, map.size, bytes, SIZE);
    file_map_forget(&map, map.data + 1, map.size - 1);
    CHECK_BYTES(map.data, map.size, bytes, SIZE);
    file_unmap(&map);
}

static void names_what_is_wrong(void) {
    char path[256];
    at(path, "absent/file");
    struct fault fault = {0};
    struct buf content;
    buf_open(&content, 4);
    CHECK_EQ(file_read(path, &content, &fault), ERR_NOT_FOUND);
    CHECK_STR(fault.code, "base.no_such_file");
    fault = (struct fault){0};
    CHECK_EQ(file_write(path, STR("x"), &fault), ERR_NOT_FOUND);
    fault = (struct fault){0};
    at(path, "five");
    CHECK_EQ(file_write(path, STR("12345"), &fault), OK);
    CHECK_EQ(file_read(path, &content, &fault), ERR_LIMIT);
    CHECK_STR(fault.code, "base.file_too_large");
    buf_close(&content);
    CHECK_EQ(file_remove(path, &fault), OK);
    CHECK_EQ(file_remove(path, &fault), OK);
    char tiny[8];
    CHECK_EQ(path_join(tiny, sizeof tiny, "/long/folder", "name"), ERR_LIMIT);
}

// A write that runs out of room leaves the old file and no temporary one.
static void a_full_disk_changes_nothing(void) {
    char path[256];
    at(path, "kept");
    struct fault fault = {0};
    CHECK_EQ(file_write(path, STR("old"), &fault), OK);
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 1000;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    static char large[5000];
    enum err err = file_write(path, (struct str){large, sizeof large}, &fault);
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK_EQ(err, ERR_LIMIT);
    struct buf content;
    buf_open(&content, 100);
    CHECK_EQ(file_read(path, &content, NULL), OK);
    CHECK_TEXT(buf_str(&content), "old");
    buf_close(&content);
    CHECK_EQ(file_remove(path, NULL), OK);
}

static void makes_and_removes_folders(void) {
    char path[256], link_path[256], outside[256];
    at(path, "x/y/z");
    struct fault fault = {0};
    CHECK_EQ(folder_make(path, &fault), OK);
    CHECK_EQ(folder_make(path, &fault), OK);
    at(outside, "outside"), at(link_path, "x/y/link");
    CHECK_EQ(folder_make(outside, &fault), OK);
    at(path, "outside/file");
    CHECK_EQ(file_write(path, STR("stay"), &fault), OK);
    CHECK_EQ(symlink(outside, link_path), 0);
    at(path, "x");
    CHECK_EQ(folder_remove(path, &fault), OK);
    CHECK(!file_exists(path));
    CHECK_EQ(folder_remove(path, &fault), OK);
    at(path, "outside/file");
    CHECK(file_exists(path));
    CHECK_EQ(folder_make(path, &fault), ERR_CONFLICT);
}

int main(void) {
    if (!mkdtemp(folder)) return 1;
    CHECK_RUN(replaces_a_file_as_a_whole);
    CHECK_RUN(forgotten_pages_are_read_again);
    CHECK_RUN(names_what_is_wrong);
    CHECK_RUN(a_full_disk_changes_nothing);
    CHECK_RUN(makes_and_removes_folders);
    if (folder_remove(folder, NULL) != OK) return 1;
    return check_done();
}
