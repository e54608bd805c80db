// molecule: descriptors, canonical SMILES and scaffolds of a column of SMILES as CSV; the rows most
// similar to a molecule, and those that hold a pattern.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"
#include "cli/cli_private.h"
#include "data/table.h"
#include "pilot/molecule/molecule.h"

enum { OUT_BYTES_MOST = 1 << 30, SIMILAR_MOST = 1000, SIMILAR_USUAL = 10 };

struct asked {
    struct arena *arena, *asked_arena; // of a row's molecule; of the one asked for
    struct buf out, text;              // what is written; a cell
    uint32_t column;
    const struct molecule *pattern; // holding: the pattern
    bool *marks;
    uint64_t fingerprint[FINGERPRINT_BITS / 64]; // similar: of the molecule asked for
    struct similar best[SIMILAR_MOST];
    uint32_t most, best_count;
    uint64_t unreadable;
    // Says what there is to say of a row; molecule is NULL where the SMILES could not be read.
    enum err (*row)(struct asked *asked, uint64_t row, const struct molecule *molecule,
                    const struct fault *unread);
};

// ---- what is said of a row ------------------------------------------------------------------

static enum err describe_row(struct asked *asked, uint64_t row, const struct molecule *molecule,
                             const struct fault *unread) {
    double values[DESCRIPTOR_COUNT];
    buf_add_u64(&asked->out, row + 1);
    if (!molecule) {
        for (uint32_t i = 0; i < DESCRIPTOR_COUNT + 3; i++) buf_add_char(&asked->out, ',');
        buf_add_text(&asked->out, unread->code);
        if (unread->column) buf_printf(&asked->out, " %llu", (unsigned long long)unread->column);
        buf_add_char(&asked->out, '\n');
        return OK;
    }
    buf_add_char(&asked->out, ',');
    enum err err = molecule_smiles(molecule, &asked->out);
    buf_add_char(&asked->out, ',');
    if (err == OK) err = molecule_scaffold(molecule, &asked->out);
    molecule_descriptors(molecule, values);
    for (uint32_t i = 0; i < DESCRIPTOR_COUNT; i++) {
        buf_printf(&asked->out, ",%.6g", values[i]);
    }
    buf_add_text(&asked->out, ",\n");
    return err;
}

static enum err similar_row(struct asked *asked, uint64_t row, const struct molecule *molecule,
                            const struct fault *unread) {
    uint64_t bits[FINGERPRINT_BITS / 64];
    (void)unread;
    if (!molecule) return OK;
    enum err err = molecule_fingerprint(molecule, 2, FINGERPRINT_BITS, bits);
    if (err != OK) return err;
    double similarity = fingerprint_similarity(bits, asked->fingerprint, FINGERPRINT_BITS);
    similar_offer(asked->best, asked->most, &asked->best_count, (struct similar){row, similarity});
    return OK;
}

static enum err holding_row(struct asked *asked, uint64_t row, const struct molecule *molecule,
                            const struct fault *unread) {
    uint32_t matches = 0;
    (void)unread;
    if (!molecule) return OK;
    enum err err = molecule_substructure(molecule, asked->pattern, asked->marks, &matches);
    if (err != OK || matches == 0) return err == ERR_LIMIT ? OK : err;
    buf_printf(&asked->out, "%llu,%u,", (unsigned long long)row + 1, matches);
    err = molecule_smiles(molecule, &asked->out);
    buf_add_char(&asked->out, '\n');
    return err;
}

// ---- the rows -------------------------------------------------------------------------------

static struct str cell_of(const struct column *column, uint32_t row, struct buf *text) {
    buf_clear(text);
    column_write(text, column, row);
    return buf_str(text);
}

static enum err row_read(struct asked *asked, const struct column *column, uint32_t at,
                         uint64_t row) {
    struct molecule *molecule = NULL;
    struct fault unread = {0};
    arena_reset(asked->arena);
    struct str cell = cell_of(column, at, &asked->text);
    enum err err = molecule_parse(cell, asked->arena, &molecule, &unread);
    if (err == ERR_MEMORY) return err;
    asked->unreadable += err != OK;
    return asked->row(asked, row, molecule, &unread);
}

static enum err rows_read(struct asked *asked, struct table *table, struct fault *fault) {
    struct arena *arena;
    enum err err = arena_open((size_t)1 << 30, &arena);
    if (err != OK) return err;
    for (uint32_t b = 0; b < table_batches(table) && err == OK; b++) {
        struct batch batch;
        arena_reset(arena);
        err = table_batch(table, b, arena, &batch, fault);
        for (uint32_t row = 0; err == OK && row < batch.row_count; row++) {
            err = row_read(asked, &batch.columns[asked->column], row, batch.first_row + row);
        }
    }
    arena_close(arena);
    return err;
}

// The rows of the best are read again for their text: they are few.
static enum err best_write(struct asked *asked, struct table *table, struct fault *fault) {
    struct arena *arena;
    enum err err = arena_open((size_t)1 << 30, &arena);
    if (err != OK) return err;
    buf_add_text(&asked->out, "row,similarity,smiles\n");
    for (uint32_t i = 0; i < asked->best_count && err == OK; i++) {
        struct batch batch;
        uint64_t row = asked->best[i].row;
        arena_reset(arena);
        err = table_batch(table, table_batch_of_row(table, row), arena, &batch, fault);
        if (err != OK) break;
        uint32_t at = (uint32_t)(row - batch.first_row);
        struct str smiles = cell_of(&batch.columns[asked->column], at, &asked->text);
        buf_printf(&asked->out, "%llu,%.4f,", (unsigned long long)row + 1,
                   asked->best[i].similarity);
        buf_add_str(&asked->out, str_trim(smiles));
        buf_add_char(&asked->out, '\n');
    }
    arena_close(arena);
    return err;
}

// ---- what is asked --------------------------------------------------------------------------

static enum err molecule_asked(struct asked *asked, const struct arguments *arguments,
                               const char *option, struct molecule **out, struct fault *fault) {
    const char *text;
    enum err err = argument_needed(arguments, option, &text, fault);
    return err == OK ? molecule_parse(str_of(text), asked->asked_arena, out, fault) : err;
}

static enum err similar_open(struct asked *asked, const struct arguments *arguments,
                             struct fault *fault) {
    struct molecule *molecule;
    uint64_t most = SIMILAR_USUAL;
    const char *told = argument(arguments, "--most");
    if (told && (!str_to_u64(str_of(told), &most) || most == 0 || most > SIMILAR_MOST)) {
        return fault_set(fault, ERR_INPUT, "cli.not_a_number", STR("--most"));
    }
    asked->most = (uint32_t)most;
    asked->row = similar_row;
    enum err err = molecule_asked(asked, arguments, "--to", &molecule, fault);
    if (err != OK) return err;
    return molecule_fingerprint(molecule, 2, FINGERPRINT_BITS, asked->fingerprint);
}

static enum err holding_open(struct asked *asked, const struct arguments *arguments,
                             struct fault *fault) {
    struct molecule *pattern;
    enum err err = molecule_asked(asked, arguments, "--pattern", &pattern, fault);
    if (err != OK) return err;
    asked->row = holding_row;
    asked->pattern = pattern;
    asked->marks = ARENA_ARRAY(asked->asked_arena, bool, MOLECULE_ATOMS_MAX);
    buf_add_text(&asked->out, "row,matches,smiles\n");
    return asked->marks ? OK : ERR_MEMORY;
}

static void describe_open(struct asked *asked) {
    asked->row = describe_row;
    buf_add_text(&asked->out, "row,smiles,scaffold");
    for (uint32_t i = 0; i < DESCRIPTOR_COUNT; i++) {
        buf_printf(&asked->out, ",%s", descriptor_name((enum descriptor)i));
    }
    buf_add_text(&asked->out, ",fault\n");
}

static enum err asked_open(struct asked *asked, const struct arguments *arguments,
                           struct fault *fault) {
    struct str verb = str_of(arguments->positional[0]);
    enum err err = arena_open(MOLECULE_ARENA_BYTES, &asked->arena);
    if (err == OK) err = arena_open(MOLECULE_ARENA_BYTES, &asked->asked_arena);
    if (err != OK) return err;
    if (arguments->positional_count == 1) {
        describe_open(asked);
        return OK;
    }
    if (str_is(verb, "similar")) return similar_open(asked, arguments, fault);
    if (str_is(verb, "holding")) return holding_open(asked, arguments, fault);
    return fault_set(fault, ERR_INPUT, "cli.molecule_what", verb);
}

static enum err table_answer(struct asked *asked, const struct arguments *arguments,
                             const char *path, struct fault *fault) {
    struct table *table;
    struct str column = str_of(argument_or(arguments, "--column", "smiles"));
    enum err err = table_open(path, &table, fault);
    if (err != OK) return err;
    int32_t found = schema_find(table_schema(table), column);
    asked->column = (uint32_t)found;
    if (found < 0) err = fault_set(fault, ERR_INPUT, "train.unknown_column", column);
    if (err == OK) err = rows_read(asked, table, fault);
    if (err == OK && asked->row == similar_row) err = best_write(asked, table, fault);
    table_close(table);
    if (err == OK) err = buf_err(&asked->out);
    return err;
}

static enum err answer_write(const struct asked *asked, const char *path, struct fault *fault) {
    if (path) return file_write(path, buf_str(&asked->out), fault);
    return file_write_all(STDOUT_FILENO, asked->out.data, asked->out.size, fault);
}

enum err command_molecule(const struct command *command, const struct arguments *arguments,
                          struct fault *fault) {
    (void)command;
    static struct asked asked;
    char table[LIMIT_PATH_BYTES], near[LIMIT_PATH_BYTES];
    const char *file = arguments->positional[arguments->positional_count - 1];
    const char *folder = getenv("TMPDIR");
    struct step_run run;
    buf_open(&asked.out, OUT_BYTES_MOST);
    buf_open(&asked.text, LIMIT_CELL_BYTES);
    enum err err = asked_open(&asked, arguments, fault);
    if (err == OK) {
        err = path_join(near, sizeof near, folder && *folder ? folder : "/tmp", "molecules");
    }
    if (err == OK) err = step_run_open(&run, "import", near, fault);
    if (err == OK) {
        err = table_of_file(&run, arguments, file, table, sizeof table, fault);
        if (err == OK) err = table_answer(&asked, arguments, table, fault);
        step_run_close(&run);
    }
    if (err == OK) err = answer_write(&asked, argument(arguments, "-o"), fault);
    if (err == OK && asked.unreadable) {
        warn("cli.molecules_unread", &(struct place){"count", count_text(asked.unreadable)}, 1);
    }
    buf_close(&asked.out);
    buf_close(&asked.text);
    arena_close(asked.arena);
    arena_close(asked.asked_arena);
    return err;
}
