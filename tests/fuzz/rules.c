// Any bytes as a site's rule file: read whole with finite numbers for all names, or refused with
// the line.
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/cleanse/rules_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char path[64];
    if (path[0] == '\0') snprintf(path, sizeof path, "/dev/shm/fuzz_rules.%d", (int)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || close(fd) != 0) abort();
    struct rules *rules;
    struct fault fault = {0};
    enum err err = rules_open(path, &rules, &fault);
    unlink(path);
    if ((err == OK) != (fault.code[0] == '\0')) abort();
    if (err != OK && err != ERR_INPUT && err != ERR_LIMIT) abort();
    bool text = strcmp(fault.code, "rules.not_text") != 0;
    if (err == ERR_INPUT && text && fault.row == 0) abort();
    if (err != OK) return 0;
    double value = rules_number(rules, "quality.han_least");
    if (!isfinite(value) || value < 0 || rules_version(rules).size == 0) abort();
    rules_close(rules);
    return 0;
}
