// Any bytes on the standard input of `courtyard detect --json`: one line of output for each of the
// input, each a JSON array whose hits lie within that line, in order.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MOST = 16 << 20 };

// A file of memory in the place of a standard one; it stays there for the next input.
static int stand_in(int standard) {
    int file = memfd_create("fuzz", 0);
    if (file < 0 || dup2(file, standard) < 0) abort();
    return file;
}

static void check_line(struct str line, struct str said) {
    struct json *array;
    struct fault fault = {0};
    uint64_t before = 0, start, end;
    if (line.size && line.data[line.size - 1] == '\r') line.size--;
    if (json_parse(said, &array, &fault) != OK || !json_is_array(array)) abort();
    for (const struct json *hit = json_first(array); hit; hit = json_next(hit)) {
        if (!json_u64(json_member(hit, "start"), &start)) abort();
        if (!json_u64(json_member(hit, "end"), &end)) abort();
        if (start < before || end <= start || end > line.size) abort();
        if (!json_is_string(json_member(hit, "text"))) abort();
        before = end;
    }
    json_close(array);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct arguments arguments = {
        .options = {{"--json", ""}, {"--kinds", "id,mobile,email,url,wechat,qq,mrn"}},
        .option_count = 2,
    };
    static int in = -1, out = -1;
    static char said[OUT_MOST];
    if (in < 0) {
        in = stand_in(STDIN_FILENO);
        out = stand_in(STDOUT_FILENO);
    }
    if (ftruncate(in, 0) || ftruncate(out, 0)) abort();
    if (pwrite(in, data, size, 0) != (ssize_t)size) abort();
    if (lseek(in, 0, SEEK_SET) || lseek(out, 0, SEEK_SET)) abort();
    struct fault fault = {0};
    if (command_detect(NULL, &arguments, &fault) != OK) abort();
    ssize_t bytes = pread(out, said, sizeof said, 0);
    if (bytes < 0 || bytes == OUT_MOST) abort();
    struct str lines = {(const char *)data, size}, answers = {said, (size_t)bytes};
    while (lines.size > 0) {
        struct str line = str_cut(lines, '\n', &lines);
        if (answers.size == 0) abort();
        check_line(line, str_cut(answers, '\n', &answers));
    }
    if (answers.size > 0) abort();
    return 0;
}
