// The table of steps, and what all of them read of their spec.
#include <string.h>

#include "base/file.h"
#include "flow/steps/steps_private.h"

#define MIB ((uint64_t)1 << 20)
#define HOUR_MS ((uint64_t)3600 * 1000)

static const struct step steps[] = {
    {"import", step_import, 2000, 1024 * MIB, 24 * HOUR_MS, 0, true},
    {"check", step_check, 2000, 2048 * MIB, 12 * HOUR_MS, 0, true},
    {"cleanse", step_cleanse, 2000, 1024 * MIB, 24 * HOUR_MS, 0, true},
    {"unmask", step_unmask, 1000, 1024 * MIB, 12 * HOUR_MS, 0, true},
    {"train", step_train, 4000, 4096 * MIB, 24 * HOUR_MS, 3000, true},
    {"search", step_search, 1000, 4096 * MIB, HOUR_MS, 0, true},
    {"predict", step_predict, 2000, 1024 * MIB, 12 * HOUR_MS, 0, true},
    {"drift", step_drift, 2000, 1024 * MIB, 12 * HOUR_MS, 0, true},
    {"export", step_export, 1000, 512 * MIB, 12 * HOUR_MS, 0, true},
    {"language", step_language, 1000, 1024 * MIB, 2 * HOUR_MS, 0, true},
    {"serve", step_serve, 4000, 1024 * MIB, 30 * 24 * HOUR_MS, 0, false},
    {"command", step_command, 1000, 1024 * MIB, HOUR_MS, 0, false},
};

const struct step *step_find(struct str name) {
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (str_is(name, steps[i].name)) return &steps[i];
    }
    return NULL;
}

enum err step_input(struct step_context *context, const char *name, const char **out) {
    struct str path = json_member_text(json_member(context->spec, "inputs"), name);
    if (path.size == 0 || path.size >= LIMIT_PATH_BYTES) {
        return fault_set(context->fault, ERR_INPUT, "job.input_missing", str_of(name));
    }
    char *copy = arena_take(context->arena, path.size + 1);
    if (!copy) return ERR_MEMORY;
    memcpy(copy, path.data, path.size);
    *out = copy;
    return OK;
}

enum err step_output(struct step_context *context, const char *name,
                     char out[static LIMIT_PATH_BYTES]) {
    char folder[LIMIT_PATH_BYTES];
    enum err err = path_join(folder, sizeof folder, context->folder, "out");
    if (err == OK) err = folder_make(folder, context->fault);
    if (err == OK) err = path_join(out, LIMIT_PATH_BYTES, folder, name);
    return err;
}

const struct json *step_options(const struct step_context *context) {
    return json_member(context->spec, "options");
}

uint32_t step_threads(const struct step_context *context) {
    uint64_t threads = json_member_u64(context->spec, "threads", 0);
    uint32_t usable = thread_count_usable();
    return threads == 0 || threads > usable ? usable : (uint32_t)threads;
}
