// courtyard appliance: update files of the USB appliance, and packs of driver libraries for it.
//   appliance key -o FILE                 FILE, and FILE.pub for the image and for receivers
//   appliance bundle SLOT.img --version V --arch A --key FILE -o OUT [--from V] [--build TEXT]
//   appliance pack FOLDER --name N --vendor V --version V --key FILE -o OUT [--arch A]
//   appliance show FILE [--key PUB] [--json]
#include <stdio.h>
#include <string.h>

#include "appliance/packs/pack.h"
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

static enum err key_read(const char *path, struct sign_key *out, struct fault *fault) {
    struct buf pem;
    enum err err = pem_read(path, &pem, fault);
    if (err == OK && sign_key_read(buf_str(&pem), out) != OK) {
        err = fault_set(fault, ERR_INPUT, "bundle.bad_key", str_of(path));
    }
    if (pem.size) bytes_wipe(pem.data, pem.size);
    buf_close(&pem);
    return err;
}

static enum err bundle_make(const struct arguments *arguments, struct fault *fault) {
    struct update_content content = {.image = arguments->positional[1],
                                     .from = argument(arguments, "--from"),
                                     .build = argument(arguments, "--build")};
    struct sign_key key;
    uint64_t bytes;
    const char *key_path, *output;
    enum err err = argument_needed(arguments, "--version", &content.version, fault);
    if (err == OK) err = argument_needed(arguments, "--arch", &content.architecture, fault);
    if (err == OK) err = argument_needed(arguments, "--key", &key_path, fault);
    if (err == OK) err = argument_needed(arguments, "-o", &output, fault);
    if (err != OK) return err;
    err = key_read(key_path, &key, fault);
    if (err == OK) err = update_write(output, &content, &key, progress_of_process(), fault);
    bytes_wipe(&key, sizeof key);
    if (err == OK) err = file_size(output, &bytes, fault);
    if (err == OK) {
        SAY("cli.appliance_bundle", {"path", str_of(output)}, {"version", str_of(content.version)},
            {"machine", str_of(content.architecture)}, {"bytes", bytes_text(bytes)});
    }
    return err;
}

// ---- packs --------------------------------------------------------------------------------------
static enum err pack_make(const struct arguments *arguments, struct fault *fault) {
    const char *architecture = argument(arguments, "--arch");
    struct pack_content content = {.folder = arguments->positional[1],
                                   .architecture =
                                       architecture ? architecture : COURTYARD_ARCHITECTURE};
    struct pack_about about;
    struct sign_key key;
    const char *key_path, *output;
    enum err err = argument_needed(arguments, "--name", &content.name, fault);
    if (err == OK) err = argument_needed(arguments, "--vendor", &content.vendor, fault);
    if (err == OK) err = argument_needed(arguments, "--version", &content.version, fault);
    if (err == OK) err = argument_needed(arguments, "--key", &key_path, fault);
    if (err == OK) err = argument_needed(arguments, "-o", &output, fault);
    if (err == OK) err = key_read(key_path, &key, fault);
    if (err != OK) return err;
    err = pack_write(output, &content, &key, &about, progress_of_process(), fault);
    bytes_wipe(&key, sizeof key);
    if (err == OK) {
        SAY("cli.appliance_pack", {"path", str_of(output)}, {"name", str_of(about.name)},
            {"version", str_of(about.version)}, {"machine", str_of(about.architecture)},
            {"count", count_text(about.files)}, {"bytes", bytes_text(about.bytes)});
    }
    return err;
}

static void pack_json(const struct pack_file *file, bool checked) {
    struct buf text;
    char name[FINGERPRINT_SIZE];
    const struct pack_about *about = &file->about;
    verify_key_fingerprint(&about->signer, name);
    buf_open(&text, 2 * PACK_MANIFEST_BYTES_MAX);
    struct json_writer out = json_writer_of(&text);
    json_open_object(&out);
    json_set_text(&out, "name", str_of(about->name));
    json_set_text(&out, "vendor", str_of(about->vendor));
    json_set_text(&out, "version", str_of(about->version));
    json_set_text(&out, "architecture", str_of(about->architecture));
    json_set_u64(&out, "bytes", about->bytes);
    json_set_text(&out, "signer", str_of(name));
    json_set_bool(&out, "signer_checked", checked);
    json_put_name(&out, "files");
    json_write(&text, json_member(file->manifest, "files"));
    json_close_object(&out);
    printf("%.*s\n", STR_ARG(buf_str(&text)));
    buf_close(&text);
}

static void pack_lines(const struct pack_file *file, bool checked) {
    char name[FINGERPRINT_SIZE];
    const struct pack_about *about = &file->about;
    verify_key_fingerprint(&about->signer, name);
    SAY("cli.appliance_pack_good", {"name", str_of(about->name)}, {"vendor", str_of(about->vendor)},
        {"version", str_of(about->version)}, {"machine", str_of(about->architecture)},
        {"count", count_text(about->files)}, {"bytes", bytes_text(about->bytes)},
        {"signer", str_of(name)});
    if (!checked) SAY("cli.bundle_any_signer", {"", STR_NONE});
    for (uint32_t i = 0; i < about->files; i++) {
        const struct pack_entry *entry = &file->entries[i];
        if (entry->target.size) {
            printf("%.*s -> %.*s\n", STR_ARG(entry->path), STR_ARG(entry->target));
        } else {
            printf("%.*s\n", STR_ARG(entry->path));
        }
    }
}

static enum err pack_show(const struct arguments *arguments, const struct verify_key *from,
                          struct fault *fault) {
    struct pack_file file;
    enum err err = pack_open(arguments->positional[1], from, &file, fault);
    if (err != OK) return err;
    err = pack_check(&file, progress_of_process(), fault);
    if (err == OK && argument(arguments, "--json")) {
        pack_json(&file, from != NULL);
    } else if (err == OK) {
        pack_lines(&file, from != NULL);
    }
    pack_close(&file);
    return err;
}

// ---- showing ------------------------------------------------------------------------------------
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
    if (err == OK && pack_is_one(arguments->positional[1])) {
        return pack_show(arguments, key_path ? &from : NULL, fault);
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
    if (strcmp(what, "pack") == 0 && count == 2) return pack_make(arguments, fault);
    if (strcmp(what, "show") == 0 && count == 2) return show(arguments, fault);
    return fault_set(fault, ERR_INPUT, "cli.appliance_what", str_of(what));
}
