// argv as options and positional arguments, checked against what the command takes.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli_private.h"

enum option_kind { OPTION_UNKNOWN, OPTION_VALUE, OPTION_FLAG, OPTION_REPEATED };

// Every command takes these beside its own.
static const char common_options[] = "--lang --quiet! --help!";

static enum option_kind kind_in(const char *list, struct str name) {
    struct str rest = str_of(list);
    while (rest.data) {
        struct str word = str_cut(rest, ' ', &rest);
        enum option_kind kind = OPTION_VALUE;
        if (str_ends(word, STR("!"))) kind = OPTION_FLAG;
        if (str_ends(word, STR("+"))) kind = OPTION_REPEATED;
        if (kind != OPTION_VALUE) word.size--;
        if (str_equal(word, name)) return kind;
    }
    return OPTION_UNKNOWN;
}

static enum option_kind kind_of(const struct command *command, const char *name) {
    enum option_kind kind = kind_in(command->options, str_of(name));
    return kind != OPTION_UNKNOWN ? kind : kind_in(common_options, str_of(name));
}

static enum err option_add(struct arguments *out, enum option_kind kind, const char *name,
                           const char *value, struct fault *fault) {
    if (kind != OPTION_REPEATED && argument(out, name)) {
        return fault_set(fault, ERR_INPUT, "cli.option_twice", str_of(name));
    }
    if (out->option_count == OPTIONS_MAX) {
        return fault_set(fault, ERR_LIMIT, "cli.too_many", str_of(name));
    }
    out->options[out->option_count++] = (struct option){name, value};
    return OK;
}

enum err arguments_read(const struct command *command, int argc, char **argv, struct arguments *out,
                        struct fault *fault) {
    struct arguments read = {0};
    bool only_positional = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (!only_positional && strcmp(word, "--") == 0) {
            only_positional = true;
        } else if (only_positional || word[0] != '-' || word[1] == '\0') {
            if (read.positional_count == command->most) {
                return fault_set(fault, ERR_INPUT, "cli.too_many", str_of(word));
            }
            read.positional[read.positional_count++] = word;
        } else {
            enum option_kind kind = kind_of(command, word);
            if (kind == OPTION_UNKNOWN) {
                return fault_set(fault, ERR_INPUT, "cli.unknown_option", str_of(word));
            }
            const char *value = "";
            if (kind != OPTION_FLAG) value = ++i < argc ? argv[i] : NULL;
            if (!value) return fault_set(fault, ERR_INPUT, "cli.option_needs_value", str_of(word));
            enum err err = option_add(&read, kind, word, value, fault);
            if (err != OK) return err;
        }
    }
    *out = read;
    if (argument(out, "--help")) return OK;
    if (read.positional_count < command->least) {
        return fault_set(fault, ERR_INPUT, "cli.too_few", str_of(command->name));
    }
    return OK;
}

const char *argument(const struct arguments *arguments, const char *name) {
    for (uint32_t i = 0; i < arguments->option_count; i++) {
        if (strcmp(arguments->options[i].name, name) == 0) return arguments->options[i].value;
    }
    return NULL;
}

const char *argument_or(const struct arguments *arguments, const char *name,
                        const char *otherwise) {
    const char *value = argument(arguments, name);
    return value ? value : otherwise;
}

enum err argument_needed(const struct arguments *arguments, const char *name, const char **out,
                         struct fault *fault) {
    const char *value = argument(arguments, name);
    if (!value) return fault_set(fault, ERR_INPUT, "cli.option_missing", str_of(name));
    *out = value;
    return OK;
}

enum err argument_whole(const struct arguments *arguments, const char *name, uint64_t otherwise,
                        uint64_t least, uint64_t most, uint64_t *out, struct fault *fault) {
    const char *told = argument(arguments, name);
    *out = otherwise;
    if (!told) return OK;
    if (!str_to_u64(str_of(told), out)) {
        return fault_set(fault, ERR_INPUT, "cli.bad_number", str_of(name));
    }
    if (*out >= least && *out <= most) return OK;
    char detail[96];
    snprintf(detail, sizeof detail, "%s: %" PRIu64 " … %" PRIu64, name, least, most);
    return fault_set(fault, ERR_INPUT, "cli.out_of_range", str_of(detail));
}
