// courtyard model import|export: a model as a file of others, both ways; model show.
#include <string.h>

#include "base/file.h"
#include "cli/cli_private.h"
#include "model/tabular/tabular.h"

static const size_t model_bytes_max = (size_t)1 << 30;

static enum err mapped(const char *path,
                       enum err (*read)(struct str bytes, struct tabular_model **out,
                                        struct fault *fault),
                       struct tabular_model **out, struct fault *fault) {
    struct file_map map;
    enum err err = file_map(path, &map, fault);
    if (err != OK) return err;
    err = read((struct str){(const char *)map.data, map.size}, out, fault);
    file_unmap(&map);
    return err;
}

static enum err import_run(const char *from, struct buf *out, struct fault *fault) {
    struct tabular_model *model;
    enum err err = mapped(from, tabular_xgboost_read, &model, fault);
    if (err != OK) return err;
    tabular_save(model, out);
    tabular_close(model);
    return buf_err(out) == ERR_LIMIT ? fault_set(fault, ERR_LIMIT, "model.too_large", STR_NONE)
                                     : buf_err(out);
}

static enum err export_run(const char *from, struct buf *out, struct fault *fault) {
    struct tabular_model *model;
    enum err err = mapped(from, tabular_load, &model, fault);
    if (err != OK) return err;
    err = tabular_xgboost_write(model, out, fault);
    tabular_close(model);
    return err;
}

enum err command_model(const struct command *command, const struct arguments *arguments,
                       struct fault *fault) {
    const char *action = arguments->positional[0], *from = arguments->positional[1], *to;
    bool in = strcmp(action, "import") == 0;
    (void)command;
    if (strcmp(action, "show") == 0) return model_show(arguments, fault);
    if (strcmp(action, "quantise") == 0) return model_quantise_command(arguments, fault);
    if (in && model_is_checkpoint(from)) return model_import_command(arguments, fault);
    if (!in && strcmp(action, "export") != 0) {
        return fault_set(fault, ERR_INPUT, "cli.unknown_action", str_of(action));
    }
    enum err err = argument_needed(arguments, "-o", &to, fault);
    if (err != OK) return err;
    struct buf bytes;
    buf_open(&bytes, model_bytes_max);
    err = in ? import_run(from, &bytes, fault) : export_run(from, &bytes, fault);
    if (err == OK) err = file_write(to, buf_str(&bytes), fault);
    buf_close(&bytes);
    if (err == OK) SAY("cli.written", {"path", str_of(to)});
    return err;
}
