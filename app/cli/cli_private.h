// Inside of the command line: arguments, sentences, progress, and one step run in this process.
#pragma once

#include "base/buf.h"
#include "base/call.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/sentence.h"
#include "base/thread.h"

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_STOPPED = 130 };

// ---- arguments -----------------------------------------------------------------------------
// A shell's * may stand for many files.
enum { POSITIONALS_MAX = 4096, OPTIONS_MAX = 64 };

struct arguments;
// What a command takes; the table in cli.c.
struct command {
    const char *name;
    // Blank-separated: "--name" takes a value, "--name!" does not, "-o" too. "--type+" may repeat.
    const char *options;
    uint32_t least, most; // positional arguments
    enum err (*run)(const struct command *command, const struct arguments *arguments,
                    struct fault *fault);
};
struct arguments {
    const char *positional[POSITIONALS_MAX];
    uint32_t positional_count;
    struct option {
        const char *name, *value; // value "" for one that takes none
    } options[OPTIONS_MAX];
    uint32_t option_count;
};
// ERR_INPUT "cli.unknown_option" (detail: it), "cli.option_needs_value", "cli.too_few", …
enum err arguments_read(const struct command *command, int argc, char **argv, struct arguments *out,
                        struct fault *fault) MUST_USE;
const char *argument(const struct arguments *arguments, const char *name); // NULL if absent
const char *argument_or(const struct arguments *arguments, const char *name, const char *otherwise);
// ERR_INPUT "cli.option_missing" (detail: its name).
enum err argument_needed(const struct arguments *arguments, const char *name, const char **out,
                         struct fault *fault) MUST_USE;
// A whole number from `least` to `most`. ERR_INPUT "cli.bad_number" (detail: the option's name),
// "cli.out_of_range".
enum err argument_whole(const struct arguments *arguments, const char *name, uint64_t otherwise,
                        uint64_t least, uint64_t most, uint64_t *out, struct fault *fault) MUST_USE;

// ---- sentences -----------------------------------------------------------------------------
// The language of --lang or the locale.
const char *language_of(const char *told);
// Reads the messages of a language ("zh-CN", "en"); the process keeps them until messages_close.
enum err messages_open(const char *language) MUST_USE;
void messages_close(void);
const char *language_now(void); // of the messages that are open
// The sentence in "zh-CN" or "en", whichever are open; the key if there is none. Ends in NUL, lives
// as long as the process.
const char *sentence_in(const char *language, const char *key);
// One line on standard output (say) or standard error (warn). An unknown key prints itself.
void say(const char *key, const struct place *places, size_t count);
bool say_was_lost(void); // something of it, on a full disk
void warn(const char *key, const struct place *places, size_t count);
void message_write(struct buf *out, const char *key, const struct place *places, size_t count);
void say_fault(const struct fault *fault); // sentence, place and hint on standard error
#define SAY(key, ...)                                               \
    say((key), (const struct place[]){{"", STR_NONE}, __VA_ARGS__}, \
        sizeof((const struct place[]){{"", STR_NONE}, __VA_ARGS__}) / sizeof(struct place))
// Numbers as text for a place; lives until 16 more were made.
struct str number_text(double value);
struct str count_text(uint64_t value);
struct str bytes_text(uint64_t bytes); // "3.4 MB"

// ---- lines of standard input -----------------------------------------------------------------
// Each is handed to `line` without its line break and a carriage return before it; of one of more
// than `most_bytes` the beginning, told by `cut`. What it adds to `out` is written before more is
// read: a program may sit at the other end of a pipe and wait for it.
struct line_taker {
    size_t most_bytes;
    struct buf *out;
    enum err (*line)(void *ctx, struct str line, bool cut, struct fault *fault);
    void *ctx;
};
// ERR_IO "cli.input_read"; what `line` gave.
enum err lines_of_input(const struct line_taker *taker, struct fault *fault) MUST_USE;

// ---- progress ------------------------------------------------------------------------------
// The process' progress; SIGINT and SIGTERM set its cancel. A watcher thread shows it on standard
// error while one is open.
struct progress *progress_of_process(void);
enum err progress_show_open(void) MUST_USE;
void progress_show_close(void);
// Only the signals, for a command that waits for jobs of the box.
enum err progress_signals_open(void) MUST_USE;
// One line for a job of the box, from its JSON.
void progress_show_job(const struct json *job, uint64_t started_us);
void progress_line_end(void);

// ---- one step in this process --------------------------------------------------------------
// A temporary folder beside the output holds what the step writes; it goes at the end.
struct step_run {
    char folder[1024];
    struct buf spec;
    struct json_writer writer; // inside the spec's object
    struct json *summary;      // after step_run_go
};
// `near`: a path in whose folder the temporary one is made (so that results move by rename).
enum err step_run_open(struct step_run *run, const char *step, const char *near,
                       struct fault *fault) MUST_USE;
enum err step_run_go(struct step_run *run, struct fault *fault) MUST_USE;
// Moves out/NAME to `path`, replacing what is there.
enum err step_run_take(struct step_run *run, const char *name, const char *path,
                       struct fault *fault) MUST_USE;
void step_run_close(struct step_run *run);
// The path itself if it is a table file; else the files ("-": standard input) are imported into the
// run's folder first with the intake options of the command line, and the path of that table is
// written to out. What they were goes to `sources` (unless NULL) as the report's "inputs".
enum err table_of_files(struct step_run *run, const struct arguments *arguments,
                        const char *const *paths, uint32_t count, char *out, size_t out_size,
                        struct buf *sources, struct fault *fault) MUST_USE;
enum err table_of_file(struct step_run *run, const struct arguments *arguments, const char *path,
                       char *out, size_t out_size, struct fault *fault) MUST_USE;
// "sources" of an import's spec: [{"path","name"}].
enum err sources_write(struct step_run *run, const struct arguments *arguments,
                       const char *const *paths, uint32_t count, struct fault *fault) MUST_USE;
// What the ending of a path means, as an export step names it: .csv, .jsonl, .txt; NULL: none.
const char *export_name(const char *path);
// A table as a file ("-": standard output) of that kind.
enum err table_to_file(struct step_run *run, const char *table, const char *path, const char *kind,
                       bool mark, struct fault *fault) MUST_USE;
// --rows, --encoding, --delimiter, --header, --format, --packing, --missing, --type COLUMN=TYPE as
// intake options JSON.
enum err intake_arguments_write(struct json_writer *out, const struct arguments *arguments,
                                const char *source, struct fault *fault) MUST_USE;
#define INTAKE_OPTIONS \
    "--rows --sheet --member --format --packing --encoding --delimiter --header --missing --type+"

// ---- the box, opened for one command ---------------------------------------------------------
struct box {
    struct store *store;
    struct people *people;
    struct flow *flow;
    struct arena *arena; // of the last answer
    struct arena *names; // of actors, as long as the box
    struct buf answer;
    struct json *reply; // the last answer, parsed
};
enum err box_open(struct box *box, const char *dir, struct fault *fault) MUST_USE;
void box_close(struct box *box);
// Calls an operation of flow/ (or people/, see box_people) as `actor`; `body` is JSON or NULL.
// box->reply holds the answer until the next call.
struct flow;
enum err box_call(struct box *box, const struct actor *actor,
                  enum err (*operation)(struct flow *flow, struct call *call), uint64_t id,
                  const char *body, struct fault *fault) MUST_USE;
struct people;
enum err box_people(struct box *box, const struct actor *actor,
                    enum err (*operation)(struct people *people, struct call *call), uint64_t id,
                    const char *body, struct fault *fault) MUST_USE;
// Waits for a job, showing its progress; its fault becomes ours.
enum err box_wait(struct box *box, const struct actor *actor, uint64_t job,
                  struct fault *fault) MUST_USE;
// Waits for a dataset's newest job, and for the one that follows it. box->reply is the dataset.
enum err box_settle(struct box *box, const struct actor *actor, uint64_t dataset,
                    struct fault *fault) MUST_USE;
// Takes a file in as an upload.
enum err box_send(struct box *box, const struct actor *actor, const char *path,
                  uint64_t *out_upload, struct fault *fault) MUST_USE;
// This binary, for child processes.
const char *program_path(void);

// --series as the member "series" of a training's options; out_target: its value=COLUMN, or none.
// ERR_INPUT "series.bad_wish" (detail: the part).
enum err series_arguments_write(struct json_writer *out, const char *told, struct str *out_target,
                                struct fault *fault) MUST_USE;

// "AUC 0.99 (0.98 to 1.00)" by the sentence of `key`, from {"name","value","low","high"}.
void headline_say(const struct json *headline, const char *key);

// Which model its figures are of, and what it warns of: nobody shall take a number for more than it
// is.
void scorecard_remarks_say(const struct json *scorecard);
// The key of the pseudonyms: --key, or a new one in the run's folder that is not kept.
enum err clean_key_path(struct step_run *run, const struct arguments *arguments, char *out,
                        size_t out_size, struct fault *fault) MUST_USE;

// ---- commands ------------------------------------------------------------------------------
#define COMMAND(name)                                                               \
    enum err name(const struct command *command, const struct arguments *arguments, \
                  struct fault *fault) MUST_USE
COMMAND(command_import);
COMMAND(command_profile);
COMMAND(command_detect);
COMMAND(command_clean);
COMMAND(command_unmask);
COMMAND(command_bundle);
COMMAND(command_appliance);
COMMAND(command_export);
COMMAND(command_train);
COMMAND(command_search);
// model_commands.c: the options of a training as an object, and its input "table".
enum err train_options_write(struct json_writer *out, const struct arguments *arguments,
                             struct fault *fault) MUST_USE;
void table_input_write(struct json_writer *out, const char *table);
COMMAND(command_predict);
COMMAND(command_pilot);
COMMAND(command_drift);
COMMAND(command_model);
COMMAND(command_bench);
COMMAND(command_molecule);
COMMAND(command_tokenize);
COMMAND(command_generate);
COMMAND(command_perplexity);
COMMAND(command_chat);
enum err model_show(const struct arguments *arguments, struct fault *fault) MUST_USE;
// model_write_command.c: model quantise; model import of a folder with a checkpoint, or a file of
// llama2.c (.bin).
enum err model_quantise_command(const struct arguments *arguments, struct fault *fault) MUST_USE;
enum err model_import_command(const struct arguments *arguments, struct fault *fault) MUST_USE;
bool model_is_checkpoint(const char *path);
COMMAND(command_show);
COMMAND(command_serve);
COMMAND(command_demo);
COMMAND(command_check);
COMMAND(command_check_anonymity);
COMMAND(command_simulate);
COMMAND(command_replay);
enum err command_simulate_box(const struct arguments *arguments, struct fault *fault) MUST_USE;
COMMAND(command_backup);
COMMAND(command_restore);
COMMAND(command_backups);
COMMAND(command_recover);
// Says, where a box's database is broken, which copy of it could take its place, and how.
void recover_offer(const char *dir, const struct fault *fault);
COMMAND(command_person);
COMMAND(command_audit);
COMMAND(command_policy);
COMMAND(command_usage);
COMMAND(command_call);
// import with --data: into the box as a dataset.
COMMAND(command_import_box);
