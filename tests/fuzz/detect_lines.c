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

// A file of memory and the standard one in whose place it stands while a command runs.
struct stand_in {
    int standard, file, own;
};

static struct stand_in stand_in_make(int standard) {
    struct stand_in in = {standard, memfd_create("fuzz", 0), dup(standard)};
    if (in.file < 0 || in.own < 0) abort();
    return in;
}

static void stand_in_fill(const struct stand_in *in, const void *data, size_t size) {
    if (ftruncate(in->file, 0) || pwrite(in->file, data, size, 0) != (ssize_t)size) abort();
    if (lseek(in->file, 0, SEEK_SET) || dup2(in->file, in->standard) < 0) abort();
}

static void stand_in_back(const struct stand_in *in) {
    if (dup2(in->own, in->standard) < 0) abort();
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
    static struct stand_in in, out;
    static char said[OUT_MOST];
    if (!in.file) {
        in = stand_in_make(STDIN_FILENO);
        out = stand_in_make(STDOUT_FILENO);
    }
    stand_in_fill(&in, data, size);
    stand_in_fill(&out, "", 0);
    struct fault fault = {0};
    if (command_detect(NULL, &arguments, &fault) != OK) abort();
    stand_in_back(&in);
    stand_in_back(&out);
    ssize_t bytes = pread(out.file, said, sizeof said, 0);
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
