// Any bytes as a bundle that came on a memory stick.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "data/exchange/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    struct bundle_info info;
    struct fault fault = {0};
    struct buf manifest;
    int fd = memfd_create("bundle", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    buf_open(&manifest, LIMIT_MANIFEST_BYTES + 1);
    enum err err = bundle_verify(path, NULL, &manifest, &info, NULL, &fault);
    if ((err == OK) != (fault.code[0] == '\0')) abort();
    if (err != OK && manifest.size) abort();
    struct verify_key key;
    struct sign_key secret;
    struct str text = {(const char *)data, size};
    if (size < 4096) (void)!verify_key_read(text, &key);
    if (size < 4096) (void)!sign_key_read(text, &secret);
    buf_close(&manifest);
    close(fd);
    return 0;
}
