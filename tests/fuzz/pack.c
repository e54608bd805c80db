// Any bytes as a pack of driver libraries that came on a memory stick; and as the manifest of one
// whose signature is right, which is as far as a maker who means harm, or another tool, comes.
#include "appliance/packs/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What must hold of whatever opens.
static void opened_check(const struct pack_file *file) {
    char name[PACK_FILE_NAME_BYTES];
    uint64_t bytes = 0;
    pack_file_name(&file->about, name);
    if (strchr(name, '/') || name[0] == '.' || file->about.files == 0) abort();
    for (uint32_t i = 0; i < file->about.files; i++) {
        char path[PACK_PATH_BYTES_MAX + 3] = "/", to[PACK_PATH_BYTES_MAX + 1] = "";
        const struct pack_entry *entry = &file->entries[i];
        if (!str_copy(path + 1, sizeof path - 2, entry->path)) abort();
        if (!str_copy(to, sizeof to, entry->target) || to[0] == '/') abort();
        path[strlen(path)] = '/';
        if (strstr(path, "//") || strstr(path, "/../") || strstr(path, "/./")) abort();
        if (i > 0 && str_compare(file->entries[i - 1].path, entry->path) >= 0) abort();
        bytes += entry->bytes;
    }
    if (bytes != file->about.bytes || bytes > PACK_BYTES_MAX) abort();
    if (file->image_bytes % 4096 != 0 || file->sealed.member_offset % 512 != 0) abort();
    if (file->head.size + bytes + file->tail.size != file->image_bytes) abort();
}

static void look(const void *data, size_t size) {
    char path[64];
    struct pack_file file;
    struct fault fault = {0};
    int fd = memfd_create("pack", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    enum err err = pack_open(path, NULL, &file, &fault);
    if (err == OK) {
        opened_check(&file);
        err = pack_check(&file, NULL, &fault);
        pack_close(&file);
    }
    if ((err == OK) != (fault.code[0] == '\0')) abort();
    (void)pack_is_one(path);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct sign_key key;
    static bool made;
    struct buf head;
    if (!made && sign_key_make(&key) != OK) abort();
    made = true;
    look(data, size);
    buf_open(&head, size + 16384);
    struct str manifest = {(const char *)data, size};
    if (sealed_head(manifest, STR("pack.squashfs"), 0, &key, &head, NULL) != OK) abort();
    look(head.data, head.size);
    buf_close(&head);
    return 0;
}
