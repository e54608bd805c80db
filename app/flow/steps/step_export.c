// Export: a table as a file of text.
//   inputs  table
//   options format (csv, json_lines, text), default csv; mark (a byte order mark, for spreadsheet
//           programs), default true
//   out     export
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "data/intake/intake.h"
#include "flow/steps/steps_private.h"

struct export {
    int fd;
    struct fault *fault;
};

static enum err export_write(void *ctx, const void *data, size_t size) {
    struct export *export = ctx;
    return file_write_all(export->fd, data, size, export->fault);
}

static enum export_format format_told(const struct json *options) {
    struct str format = json_member_text(options, "format");
    if (str_is(format, "json_lines")) return EXPORT_JSON_LINES;
    if (str_is(format, "text")) return EXPORT_TEXT;
    return json_member_bool(options, "mark", true) ? EXPORT_CSV_MARK : EXPORT_CSV;
}

enum err step_export(struct step_context *context) {
    const char *path;
    char output[LIMIT_PATH_BYTES];
    struct table *table = NULL;
    struct fault *fault = context->fault;
    enum err err = step_input(context, "table", &path);
    if (err == OK) err = step_output(context, "export", output);
    if (err == OK) err = table_open(path, &table, fault);
    if (err != OK) return err;
    struct export export = {open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), fault};
    if (export.fd < 0) err = fault_errno(fault, errno, str_of(output));
    if (err == OK) {
        err = table_export(table, format_told(step_options(context)), export_write, &export,
                           context->progress, fault);
    }
    if (err == OK && fsync(export.fd) != 0) err = fault_errno(fault, errno, str_of(output));
    if (export.fd >= 0) close(export.fd);
    json_set_u64(context->summary, "rows", table_rows(table));
    table_close(table);
    return err;
}
