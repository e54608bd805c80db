// The commands on a data folder: serve, check, backup, restore, person, audit.
#include <pwd.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_private.h"
#include "people/people.h"
#include "server/server.h"
#include "store/store.h"

// Whose people's own programs run as: a name or a number, and never the one who may do all.
static enum err job_user_find(const char *name, struct server_options *options,
                              struct fault *fault) {
    uint64_t number;
    if (!name) return OK;
    const struct passwd *user =
        str_to_u64(str_of(name), &number) ? getpwuid((uid_t)number) : getpwnam(name);
    if (!user || user->pw_uid == 0 || user->pw_gid == 0) {
        return fault_set(fault, ERR_INPUT, "cli.no_job_user", str_of(name));
    }
    options->job_uid = user->pw_uid;
    options->job_gid = user->pw_gid;
    return OK;
}

enum err command_serve(const struct command *command, const struct arguments *arguments,
                       struct fault *fault) {
    (void)command;
    struct server_options options = {
        .listen = argument(arguments, "--listen"),
        .program = program_path(),
        .executor = argument(arguments, "--executor"),
        .slurm_partition = argument(arguments, "--slurm-partition"),
        .slurm_socket = argument(arguments, "--slurm-socket"),
        .commands = argument(arguments, "--commands") != NULL,
        .quiet = argument(arguments, "--quiet") != NULL,
    };
    enum err err = argument_needed(arguments, "--data", &options.dir, fault);
    if (err == OK) err = job_user_find(argument(arguments, "--job-user"), &options, fault);
    if (err != OK) return err;
    err = server_run(&options, fault);
    if (err == ERR_CORRUPT) recover_offer(options.dir, fault);
    return err;
}

static void finding_say(void *ctx, const struct fault *finding) {
    (void)ctx;
    say_fault(finding);
}

enum err command_check(const struct command *command, const struct arguments *arguments,
                       struct fault *fault) {
    (void)command;
    const char *dir;
    struct store *store = NULL;
    uint64_t findings = 0;
    enum err err = argument_needed(arguments, "--data", &dir, fault);
    if (err == OK) err = store_open(dir, &(struct store_options){.read_only = true}, &store, fault);
    if (err != OK) return err;
    err = progress_show_open();
    if (err == OK) {
        err = store_check(store, progress_of_process(), finding_say, NULL, &findings);
        progress_show_close();
    }
    store_close(store);
    if (err == OK && findings == 0) SAY("cli.check_whole", {"path", str_of(dir)});
    if (err == OK && findings > 0) {
        err = fault_set(fault, ERR_CORRUPT, "cli.check_findings", count_text(findings));
    }
    return err;
}

enum err command_backup(const struct command *command, const struct arguments *arguments,
                        struct fault *fault) {
    (void)command;
    const char *dir, *archive = arguments->positional[0];
    enum err err = argument_needed(arguments, "--data", &dir, fault);
    if (err == OK && file_exists(archive)) {
        err = fault_set(fault, ERR_CONFLICT, "base.file_exists", str_of(archive));
    }
    if (err == OK) err = progress_show_open();
    if (err != OK) return err;
    err = store_backup(dir, archive, progress_of_process(), fault);
    progress_show_close();
    uint64_t bytes = 0;
    if (err == OK) err = file_size(archive, &bytes, fault);
    if (err == OK) SAY("cli.backed_up", {"path", str_of(archive)}, {"bytes", bytes_text(bytes)});
    return err;
}

enum err command_restore(const struct command *command, const struct arguments *arguments,
                         struct fault *fault) {
    (void)command;
    const char *dir;
    enum err err = argument_needed(arguments, "--data", &dir, fault);
    if (err == OK) err = progress_show_open();
    if (err != OK) return err;
    err = store_restore(arguments->positional[0], dir, progress_of_process(), fault);
    progress_show_close();
    if (err == OK) SAY("cli.restored", {"path", str_of(dir)});
    return err;
}

// ---- people ----------------------------------------------------------------------------------

static void person_say(const struct json *person) {
    struct buf roles;
    buf_open(&roles, 400);
    const struct json *role = json_first(json_member(person, "roles"));
    for (; role; role = json_next(role)) {
        if (roles.size) buf_add_char(&roles, ',');
        buf_add_str(&roles, json_text(role));
    }
    bool disabled = json_member_bool(person, "disabled", false);
    SAY(disabled ? "cli.person_disabled" : "cli.person",
        {"id", count_text(json_member_u64(person, "id", 0))},
        {"name", json_member_text(person, "name")}, {"roles", buf_str(&roles)});
    buf_close(&roles);
}

static enum err people_say(struct box *box, const struct actor *actor, struct fault *fault) {
    enum err err = box_people(box, actor, people_list, 0, NULL, fault);
    if (err != OK) return err;
    const struct json *person = json_first(json_member(box->reply, "items"));
    if (!person) SAY("cli.no_people", {"", STR_NONE});
    for (; person; person = json_next(person)) person_say(person);
    return OK;
}

static enum err password_reset(struct box *box, const struct actor *actor, struct str name,
                               struct fault *fault) {
    enum err err = box_people(box, actor, people_list, 0, NULL, fault);
    if (err != OK) return err;
    uint64_t id = 0;
    const struct json *person = json_first(json_member(box->reply, "items"));
    for (; person && id == 0; person = json_next(person)) {
        if (str_equal(json_member_text(person, "name"), name))
            id = json_member_u64(person, "id", 0);
    }
    if (id == 0) return fault_set(fault, ERR_NOT_FOUND, "cli.no_such_person", name);
    err = box_people(box, actor, people_password_reset, id, NULL, fault);
    if (err == OK) {
        SAY("cli.one_time_password", {"name", name},
            {"password", json_member_text(box->reply, "one_time_password")});
    }
    return err;
}

// A folder that serves nobody yet has no people to list: no mistake of who asks, but said as it is.
static enum err box_set_up(struct box *box, const char *dir, struct fault *fault) {
    char state[LIMIT_PATH_BYTES];
    enum err err = path_join(state, sizeof state, dir, "state");
    if (err == OK && !file_exists(state)) {
        return fault_set(fault, ERR_NOT_FOUND, "store.absent", str_of(dir));
    }
    if (err == OK) err = box_open(box, dir, fault);
    if (err != OK) return err;
    if (!people_setup_code(box->people)) return OK;
    box_close(box);
    return fault_set(fault, ERR_CONFLICT, "cli.not_set_up", str_of(dir));
}

enum err command_person(const struct command *command, const struct arguments *arguments,
                        struct fault *fault) {
    (void)command;
    const char *dir, *verb = arguments->positional[0];
    struct box box;
    struct actor console;
    enum err err = argument_needed(arguments, "--data", &dir, fault);
    if (err == OK) err = box_set_up(&box, dir, fault);
    if (err != OK) return err;
    err = people_console_actor(box.people, STR("root"), ROLE_SYSTEM, box.names, &console, fault);
    if (err != OK) {
        box_close(&box);
        return err;
    }
    if (strcmp(verb, "list") == 0) {
        err = people_say(&box, &console, fault);
    } else if (strcmp(verb, "reset") == 0 && arguments->positional_count == 2) {
        err = password_reset(&box, &console, str_of(arguments->positional[1]), fault);
    } else {
        err = fault_set(fault, ERR_INPUT, "cli.person_usage", STR_NONE);
    }
    box_close(&box);
    return err;
}

enum err command_audit(const struct command *command, const struct arguments *arguments,
                       struct fault *fault) {
    (void)command;
    const char *dir;
    struct store *store = NULL;
    struct store_txn *txn = NULL;
    uint64_t count = 0;
    struct hash head;
    enum err err = argument_needed(arguments, "--data", &dir, fault);
    if (err == OK && strcmp(arguments->positional[0], "verify") != 0) {
        err = fault_set(fault, ERR_INPUT, "cli.audit_usage", STR_NONE);
    }
    if (err == OK) err = store_open(dir, &(struct store_options){.read_only = true}, &store, fault);
    if (err == OK) err = store_read_begin(store, &txn);
    if (err == OK) {
        err = audit_verify(txn, &count, &head, fault);
        store_read_end(txn);
    }
    if (store) store_close(store);
    if (err != OK) return err;
    char hex[SHA256_HEX_SIZE];
    hash_hex(&head, hex);
    SAY("cli.audit_whole", {"count", count_text(count)}, {"hash", str_of(hex)});
    return OK;
}
