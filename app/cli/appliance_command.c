// courtyard appliance: update files of the USB appliance.
//   appliance key -o FILE                 FILE, and FILE.pub for the image and for receivers
//   appliance bundle SLOT.img --version V --arch A --key FILE -o OUT [--from V] [--build TEXT]
//   appliance show FILE [--key PUB] [--json]
#include <stdio.h>
#include <string.h>

#include "appliance/update.h"
#include "base/file.h"
#include "cli/cli_private.h"
#include "flow/flow.h"

enum { PEM_BYTES = 8192 };

static enum err pem_read(const char *path, struct buf *pem, struct fault *fault) {
    buf_open(pem, PEM_BYTES);
    return file_read(path, pem, fault);
}

static enum err key_make(const struct arguments *arguments, struct fault *fault) {
    const char *output;
    enum err err = argument_needed(arguments, "-o", &output, fault);
    if (err == OK && file_exists(output)) {
        err = fault_set(fault, ERR_CONFLICT, "base.file_exists", str_of(output));
    }
    if (err == OK) err = sign_key_create(output, fault);
    if (err == OK) SAY("cli.appliance_key", {"path", str_of(output)});
    return err;
}

static enum err bundle_make(const struct arguments *arguments, struct fault *fault) {
    struct update_content content = {.image = arguments->positional[1],
                                     .from = argument(arguments, "--from"),
                                     .build = argument(arguments, "--build")};
    struct sign_key key;
    struct buf pem;
    uint64_t bytes;
    const char *key_path, *output;
    enum err err = argument_needed(arguments, "--version", &content.version, fault);
    if (err == OK) err = argument_needed(arguments, "--arch", &content.architecture, fault);
    if (err == OK) err = argument_needed(arguments, "--key", &key_path, fault);
    if (err == OK) err = argument_needed(arguments, "-o", &output, fault);
    if (err != OK) return err;
    err = pem_read(key_path, &pem, fault);
    if (err == OK && sign_key_read(buf_str(&pem), &key) != OK) {
        err = fault_set(fault, ERR_INPUT, "bundle.bad_key", str_of(key_path));
    }
    if (pem.size) bytes_wipe(pem.data, pem.size);
    buf_close(&pem);
    if (err == OK) err = update_write(output, &content, &key, progress_of_process(), fault);
    bytes_wipe(&key, sizeof key);
    if (err == OK) err = file_size(output, &bytes, fault);
    if (err == OK) {
        SAY("cli.appliance_bundle", {"path", str_of(output)}, {"version", str_of(content.version)},
            {"machine", str_of(content.architecture)}, {"bytes", bytes_text(bytes)});
    }
    return err;
}

static void show_json(const struct update_about *about, bool checked) {
    struct buf text;
    char name[FINGERPRINT_SIZE], hex[SHA256_HEX_SIZE];
    verify_key_fingerprint(&about->signer, name);
    hash_hex(&about->image, hex);
    buf_open(&text, UPDATE_MANIFEST_BYTES);
    struct json_writer out = json_writer_of(&text);
    json_open_object(&out);
    json_set_text(&out, "product", str_of(UPDATE_PRODUCT));
    json_set_text(&out, "version", str_of(about->version));
    json_set_text(&out, "architecture", str_of(about->architecture));
    json_set_text(&out, "build", str_of(about->build));
    json_set_text(&out, "from", str_of(about->from));
    json_set_u64(&out, "bytes", about->image_bytes);
    json_set_text(&out, "sha256", str_of(hex));
    json_set_text(&out, "signer", str_of(name));
    json_set_bool(&out, "signer_checked", checked);
    json_close_object(&out);
    printf("%.*s\n", STR_ARG(buf_str(&text)));
    buf_close(&text);
}

static void show_lines(const struct update_about *about, bool checked) {
    char name[FINGERPRINT_SIZE];
    verify_key_fingerprint(&about->signer, name);
    SAY("cli.appliance_good", {"version", str_of(about->version)},
        {"machine", str_of(about->architecture)}, {"build", str_of(about->build)},
        {"from", str_of(about->from)}, {"bytes", bytes_text(about->image_bytes)},
        {"signer", str_of(name)});
    if (!checked) SAY("cli.bundle_any_signer", {"", STR_NONE});
}

static enum err show(const struct arguments *arguments, struct fault *fault) {
    const char *key_path = argument(arguments, "--key");
    struct verify_key from;
    struct update_about about;
    enum err err = OK;
    if (key_path) {
        struct buf pem;
        err = pem_read(key_path, &pem, fault);
        if (err == OK && verify_key_read(buf_str(&pem), &from) != OK) {
            err = fault_set(fault, ERR_INPUT, "bundle.bad_key", str_of(key_path));
        }
        buf_close(&pem);
    }
    if (err == OK) {
        err = update_show(arguments->positional[1], key_path ? &from : NULL, &about,
                          progress_of_process(), fault);
    }
    if (err != OK) return err;
    if (argument(arguments, "--json")) {
        show_json(&about, key_path != NULL);
    } else {
        show_lines(&about, key_path != NULL);
    }
    return OK;
}

enum err command_appliance(const struct command *command, const struct arguments *arguments,
                           struct fault *fault) {
    (void)command;
    const char *what = arguments->positional[0];
    uint32_t count = arguments->positional_count;
    if (strcmp(what, "key") == 0 && count == 1) return key_make(arguments, fault);
    if (strcmp(what, "bundle") == 0 && count == 2) return bundle_make(arguments, fault);
    if (strcmp(what, "show") == 0 && count == 2) return show(arguments, fault);
    return fault_set(fault, ERR_INPUT, "cli.appliance_what", str_of(what));
}
