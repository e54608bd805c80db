#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "appliance/appliance.h"
#include "appliance/program.h"
#include "base/log.h"
#include "cli/language_private.h"
#include "flow/flow.h"

#define LEARNER_OPTIONS                                                                     \
    "--target --group --task --positive --prepare --learner --seed --trees --grow "         \
    "--depth --leaves --learning-rate --l2 --min-child-weight --row-share --column-share "  \
    "--early-stop --bins --alpha --l1-share --test-milli --validate-milli --points-base "   \
    "--points-odds --points-double --folds --cost-false-alarm --cost-miss --time --entity " \
    "--judge-by+ --monotone --interactions --loss --quantile --weight --event "             \
    "--class-weights --times --keep-test! --start --end --unit --within"

#define CLEAN_OPTIONS "--files --sampling --technical --hits --mark! "

// When you add a command, also add its sentences "cli.usage.NAME" in both languages.
static const struct command commands[] = {
    {"serve", "--data --listen --executor --slurm-partition --slurm-socket --commands! --job-user",
     0, 0, command_serve},
    {"demo", "--data --listen --target --no-serve!", 1, 1, command_demo},
    {"import", "-o --faults --data --as --name " INTAKE_OPTIONS, 1, POSITIONALS_MAX,
     command_import},
    {"detect", "--json! --kinds --privacy!", 0, 0, command_detect},
    {"profile", "-o " INTAKE_OPTIONS, 1, 1, command_profile},
    {"clean", "-o --key --sign --bundle --report --rules " CLEAN_OPTIONS INTAKE_OPTIONS, 2,
     POSITIONALS_MAX, command_clean},
    {"unmask", "-o --key --mark! " INTAKE_OPTIONS, 1, 1, command_unmask},
    {"bundle", "-o --key", 1, 2, command_bundle},
    {"appliance", "-o --version --arch --key --from --build --name --vendor --json!", 1, 2,
     command_appliance},
    {"export", "-o --no-mark! " INTAKE_OPTIONS, 1, 1, command_export},
    {"train", "-o --scorecard --predictions --series --json! " LEARNER_OPTIONS " " INTAKE_OPTIONS,
     1, 1, command_train},
    {"search",
     "-o --scorecard --series --tries --ranges --search-seed " LEARNER_OPTIONS " " INTAKE_OPTIONS,
     1, 1, command_search},
    {"pilot", "-o --json! --column+ --positive --graph --seed --key " INTAKE_OPTIONS, 1, 3,
     command_pilot},
    {"predict", "-o --contributions! --json! --times " INTAKE_OPTIONS, 2, 2, command_predict},
    {"forecast", "-o --json! " INTAKE_OPTIONS, 2, 2, command_predict},
    {"model", "-o --json! --tokenizer --type --threads", 2, 3, command_model},
    {"molecule", "-o --column --to --most --pattern " INTAKE_OPTIONS, 1, 2, command_molecule},
    {"drift", "-o --json! " INTAKE_OPTIONS, 2, 2, command_drift},
    {"tokenize", "--json! --decode! --control! --ends!", 1, 1, command_tokenize},
    {"generate", "--prompt --file " ANSWER_OPTIONS, 1, 1, command_generate},
    {"chat", "--system --messages --template --tools " ANSWER_OPTIONS, 1, 1, command_chat},
    {"perplexity", "--context --chunks --tokenizer --threads --json!", 2, 2, command_perplexity},
    {"bench", "--threads --prompt --generate --sequences --runs --json!", 2, 2, command_bench},
    {"show", "", 1, 1, command_show},
    {"call", "--data --as --body -o", 2, 2, command_call},
    {"check", "--data", 0, 0, command_check},
    {"check-anonymity", "--quasi --sensitive --k --l --l-entropy --t --json!", 1, 1,
     command_check_anonymity},
    {"simulate",
     "--format --policy --capacity --checkpoint --load --seed --compare --json! --data --from "
     "--until",
     1, POSITIONALS_MAX, command_simulate},
    {"replay", "--data --from --until --json!", 0, 0, command_replay},
    {"backup", "--data", 1, 1, command_backup},
    {"restore", "--data", 1, 1, command_restore},
    {"backups", "--data", 0, 1, command_backups},
    {"recover", "--data", 0, 1, command_recover},
    {"person", "--data", 1, 2, command_person},
    {"audit", "--data", 1, 1, command_audit},
    {"policy", "--data --format --cluster --user --namespace -o", 1, 1, command_policy},
    {"usage", "--data --month --department -o", 1, 1, command_usage},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void usage_say_one(const struct command *command) {
    char key[64];
    snprintf(key, sizeof key, "cli.usage.%s", command->name);
    SAY(key, {"", STR_NONE});
}

static int usage_say_all(void) {
    SAY("cli.usage", {"", STR_NONE});
    for (size_t i = 0; i < COMMAND_COUNT; i++) usage_say_one(&commands[i]);
    SAY("cli.usage_end", {"", STR_NONE});
    return EXIT_DONE;
}

static const struct command *command_find(const char *name) {
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    }
    return NULL;
}

static int command_run(const struct command *command, int argc, char **argv) {
    struct arguments arguments;
    struct fault fault = {0};
    enum err err = arguments_read(command, argc, argv, &arguments, &fault);
    if (err != OK) {
        say_fault(&fault);
        usage_say_one(command);
        return EXIT_USAGE;
    }
    if (argument(&arguments, "--help")) {
        usage_say_one(command);
        return EXIT_DONE;
    }
    err = command->run(command, &arguments, &fault);
    // What has not been said has not been done, whoever should have read it.
    if (err == OK && (fflush(stdout) != 0 || ferror(stdout) || say_was_lost())) {
        err = fault_set(&fault, ERR_FULL, "cli.output_failed", STR_NONE);
    }
    if (err == OK) return EXIT_DONE;
    if (err == ERR_CANCELLED) {
        warn("cli.stopped", NULL, 0);
        return EXIT_STOPPED;
    }
    if (fault.code[0] == '\0') {
        err = fault_set(&fault, err, "cli.failed", str_of(err_name(err)));
    }
    say_fault(&fault);
    program_fault_tell(&fault);
    return EXIT_FAILED;
}

// --lang may stand anywhere; it is needed before anything can be said.
static const char *language_told(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--lang") == 0) return argv[i + 1];
    }
    return NULL;
}

// The names by which the appliance's kernel starts this binary. -1: another one.
static int as_appliance(int argc, char **argv) {
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "";
    if (strcmp(name, "modprobe") == 0) return appliance_modprobe(argc, argv);
    if (strcmp(name, "init") != 0 || getpid() != 1) return -1;
    static const struct appliance_texts texts = {.text = sentence_in};
    return appliance_main(&texts);
}

int cli_main(int argc, char **argv) {
    signal(SIGXFSZ, SIG_IGN); // a file that grows too large is an error, told in a sentence
    int appliance = as_appliance(argc, argv);
    if (appliance >= 0) return appliance;
    // What happens inside is told by sentences; only the server writes its log for a machine.
    const char *first = argc > 1 ? argv[1] : "";
    bool child = strcmp(first, "job") == 0 || strcmp(first, "run") == 0;
    bool to_machine = child || strcmp(first, "serve") == 0;
    log_level_set(to_machine ? LOG_INFO : LOG_ERROR);
    // The child of a job speaks to no person.
    if (argc == 3 && strcmp(argv[1], "job") == 0) return step_main(argv[2]);
    if (argc == 3 && strcmp(argv[1], "run") == 0) return step_main_handed(argv[2]);
    if (argc == 4 && strcmp(argv[1], "job") == 0) return step_main_away(argv[2], argv[3]);
    if (messages_open(language_of(language_told(argc, argv))) != OK) {
        fputs("courtyard: the messages inside this binary cannot be read\n", stderr);
        return EXIT_FAILED;
    }
    int status = EXIT_USAGE;
    const char *name = argc > 1 ? argv[1] : "help";
    const struct command *command = command_find(name);
    if (command) {
        status = command_run(command, argc - 2, argv + 2);
    } else if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0) {
        status = usage_say_all();
    } else {
        struct fault fault = {0};
        enum err err = fault_set(&fault, ERR_INPUT, "cli.unknown_command", str_of(name));
        if (err != OK) say_fault(&fault);
        usage_say_all();
    }
    messages_close();
    return status;
}
