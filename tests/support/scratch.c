#include "support/scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

enum { FOLDERS_MAX = 128, PATH_SIZE = 1024 };

static char folders[FOLDERS_MAX][PATH_SIZE];
static int folder_count;
static pid_t owner;

static void die(const char *what) {
    perror(what);
    abort();
}

static void remove_all(void) {
    if (getpid() != owner) return; // a forked child
    for (int i = 0; i < folder_count; i++) {
        if (folder_remove(folders[i], NULL) != OK) fprintf(stderr, "left: %s\n", folders[i]);
    }
}

const char *scratch_folder(void) {
    const char *above = getenv("TMPDIR");
    if (folder_count == FOLDERS_MAX) die("scratch_folder");
    char *folder = folders[folder_count];
    snprintf(folder, PATH_SIZE, "%s/courtyard-XXXXXX", above ? above : "/tmp");
    if (!mkdtemp(folder)) die(folder);
    if (folder_count++ == 0) {
        owner = getpid();
        atexit(remove_all);
    }
    return folder;
}

const char *scratch_path(const char *folder, const char *name) {
    static char paths[8][PATH_SIZE];
    static unsigned next;
    char *path = paths[next++ % 8];
    int size = snprintf(path, PATH_SIZE, "%s/%s", folder, name);
    if (size < 0 || size >= PATH_SIZE) die(name);
    return path;
}

void scratch_write(const char *path, const void *data, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) die(path);
    close(fd);
}

uint8_t *scratch_read(const char *path, size_t *out_size) {
    int fd = open(path, O_RDONLY);
    struct stat about;
    if (fd < 0) return NULL;
    if (fstat(fd, &about) != 0) die(path);
    uint8_t *data = memory_take((size_t)about.st_size + 1);
    if (!data) die(path);
    size_t size = 0;
    for (ssize_t got; (got = read(fd, data + size, (size_t)about.st_size - size)) > 0;) {
        size += (size_t)got;
    }
    close(fd);
    *out_size = size;
    return data;
}

void scratch_flip(const char *path, uint64_t offset, uint8_t bits) {
    uint8_t byte;
    if (chmod(path, 0600) != 0) die(path);
    int fd = open(path, O_RDWR);
    if (fd < 0 || pread(fd, &byte, 1, (off_t)offset) != 1) die(path);
    byte ^= bits;
    if (pwrite(fd, &byte, 1, (off_t)offset) != 1) die(path);
    close(fd);
}
