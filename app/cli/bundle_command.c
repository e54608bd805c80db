// courtyard bundle: a key to sign with, and whether a bundle is what was packed and by whom.
//   bundle key -o FILE             FILE, and FILE.pub for receivers
//   bundle verify FILE [--key PUB]
#include <string.h>

#include "base/file.h"
#include "cli/cli_private.h"
#include "data/exchange/bundle.h"
#include "flow/flow.h"

static enum err open_key_read(const char *path, struct verify_key *out, struct fault *fault) {
    struct buf pem;
    buf_open(&pem, 8192);
    enum err err = file_read(path, &pem, fault);
    if (err == OK && verify_key_read(buf_str(&pem), out) != OK) {
        err = fault_set(fault, ERR_INPUT, "bundle.bad_key", str_of(path));
    }
    buf_close(&pem);
    return err;
}

static enum err verify(const struct arguments *arguments, const char *path, struct fault *fault) {
    const char *key_path = argument(arguments, "--key");
    char name[FINGERPRINT_SIZE];
    struct verify_key from;
    struct bundle_info info;
    struct buf manifest;
    enum err err = key_path ? open_key_read(key_path, &from, fault) : OK;
    if (err != OK) return err;
    buf_open(&manifest, LIMIT_MANIFEST_BYTES + 1);
    err = bundle_verify(path, key_path ? &from : NULL, &manifest, &info, progress_of_process(),
                        fault);
    struct json *root = NULL;
    if (err == OK) err = json_parse(buf_str(&manifest), &root, fault);
    if (err == OK) {
        verify_key_fingerprint(&info.signer, name);
        SAY("cli.bundle_good", {"name", json_member_text(root, "name")},
            {"members", count_text(info.members)}, {"bytes", bytes_text(info.bytes)},
            {"signer", str_of(name)});
        if (!key_path) SAY("cli.bundle_any_signer", {"", STR_NONE});
    }
    json_close(root);
    buf_close(&manifest);
    return err;
}

enum err command_bundle(const struct command *command, const struct arguments *arguments,
                        struct fault *fault) {
    (void)command;
    const char *what = arguments->positional[0], *output;
    if (strcmp(what, "verify") == 0 && arguments->positional_count == 2) {
        return verify(arguments, arguments->positional[1], fault);
    }
    if (strcmp(what, "key") != 0 || arguments->positional_count != 1) {
        return fault_set(fault, ERR_INPUT, "cli.bundle_what", str_of(what));
    }
    enum err err = argument_needed(arguments, "-o", &output, fault);
    if (err == OK && file_exists(output)) {
        err = fault_set(fault, ERR_CONFLICT, "base.file_exists", str_of(output));
    }
    if (err == OK) err = sign_key_create(output, fault);
    if (err == OK) SAY("cli.bundle_key", {"path", str_of(output)});
    return err;
}
