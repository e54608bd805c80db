// Molecules on request: one drawn and described, the rows of a release most similar to one or that
// hold a pattern, and what a prediction owes to each atom.
#include <string.h>

#include "base/file.h"
#include "flow/flow_private.h"
#include "flow/steps/rows_in.h"
#include "pilot/molecule/molecule.h"

enum {
    SIDE_PIXELS_USUAL = 320,
    SIDE_PIXELS_LEAST = 60,
    SIMILAR_MOST = 50,
    DRAWN_ROWS_MOST = 20,
    SVG_BYTES_MOST = 1 << 20,
    UNDECIDED_MOST = 20, // molecules that a pattern was too hard for, before it is given up
};

struct picture {
    uint32_t width, height;
};

static enum err side_read(const struct call *call, const char *name, uint32_t *out) {
    uint64_t told = json_member_u64(call->body, name, SIDE_PIXELS_USUAL);
    if (told < SIDE_PIXELS_LEAST || told > DRAWING_PIXELS_MAX) {
        return fault_set(call->fault, ERR_INPUT, "call.bad_number", str_of(name));
    }
    *out = (uint32_t)told;
    return OK;
}

static enum err picture_read(const struct call *call, struct picture *out) {
    enum err err = side_read(call, "width", &out->width);
    return err == OK ? side_read(call, "height", &out->height) : err;
}

static enum err svg_put(struct json_writer *out, const struct molecule *molecule,
                        struct picture picture, const double *weights) {
    struct buf svg;
    buf_open(&svg, SVG_BYTES_MOST);
    enum err err = molecule_draw(molecule, picture.width, picture.height, weights, &svg);
    if (err == OK) json_set_text(out, "svg", buf_str(&svg));
    buf_close(&svg);
    return err;
}

static enum err text_put(struct json_writer *out, const char *name, const struct molecule *molecule,
                         enum err (*write)(const struct molecule *, struct buf *)) {
    struct buf text;
    buf_open(&text, SVG_BYTES_MOST);
    enum err err = write(molecule, &text);
    if (err == OK) json_set_text(out, name, buf_str(&text));
    buf_close(&text);
    return err;
}

static enum err smiles_read(const struct call *call, const char *name, struct arena *arena,
                            struct molecule **out) {
    struct str text;
    enum err err = call_text(call, name, 1, SMILES_BYTES_MAX, &text);
    return err == OK ? molecule_parse(text, arena, out, call->fault) : err;
}

// ---- one, drawn and described ---------------------------------------------------------------

// The pattern's atoms as weights for drawing. ERR_LIMIT: could not be decided.
static enum err pattern_mark(const struct molecule *molecule, const struct molecule *pattern,
                             struct arena *arena, double **weights, uint32_t *matches) {
    uint32_t count = molecule_atom_count(molecule);
    bool *marked = ARENA_ARRAY(arena, bool, count);
    double *made = ARENA_ARRAY(arena, double, count);
    if (!marked || !made) return ERR_MEMORY;
    enum err err = molecule_substructure(molecule, pattern, marked, matches);
    if (err != OK) return err;
    for (uint32_t i = 0; i < count; i++) made[i] = marked[i];
    *weights = made;
    return OK;
}

// The atoms of a pattern stand out.
static enum err pattern_weights(const struct call *call, struct arena *arena,
                                const struct molecule *molecule, double **weights) {
    struct molecule *pattern;
    uint32_t matches;
    if (!json_member(call->body, "pattern")) return OK;
    enum err err = smiles_read(call, "pattern", arena, &pattern);
    if (err != OK) return err;
    err = pattern_mark(molecule, pattern, arena, weights, &matches);
    if (err == ERR_LIMIT) return fault_set(call->fault, err, "molecule.hard_pattern", STR_NONE);
    if (err == OK) json_set_u64(call->out, "matches", matches);
    return err;
}

static enum err molecule_tell(struct call *call, struct arena *arena, struct picture picture) {
    struct molecule *molecule;
    double *weights = NULL, values[DESCRIPTOR_COUNT];
    enum err err = smiles_read(call, "smiles", arena, &molecule);
    if (err != OK) return err;
    json_open_object(call->out);
    err = text_put(call->out, "smiles", molecule, molecule_smiles);
    if (err == OK) err = text_put(call->out, "scaffold", molecule, molecule_scaffold);
    if (err == OK) err = pattern_weights(call, arena, molecule, &weights);
    if (err == OK) err = svg_put(call->out, molecule, picture, weights);
    if (err != OK) return err;
    molecule_descriptors(molecule, values);
    json_put_name(call->out, "descriptors");
    json_open_object(call->out);
    for (uint32_t i = 0; i < DESCRIPTOR_COUNT; i++) {
        json_set_number(call->out, descriptor_name((enum descriptor)i), values[i]);
    }
    json_close_object(call->out);
    json_close_object(call->out);
    return answer_end(call);
}

enum err flow_molecule_draw(struct flow *flow, struct call *call) {
    struct picture picture;
    struct arena *arena;
    (void)flow;
    enum err err = allow(call, ROLES_FLOW);
    if (err == OK) err = picture_read(call, &picture);
    if (err == OK) err = arena_open(MOLECULE_ARENA_BYTES, &arena);
    if (err != OK) return err;
    err = molecule_tell(call, arena, picture);
    arena_close(arena);
    return err;
}

// ---- of a release: the most similar, and those that hold a pattern ------------------------------

struct looking {
    struct call *call;
    struct table *table;
    struct arena *arena, *batch_arena; // of one molecule; of one batch
    struct buf text;
    uint32_t column, most, count;
    uint64_t fingerprint[FINGERPRINT_BITS / 64];
    const struct molecule *pattern; // NULL: it is likeness that counts
    uint64_t unreadable, holding, undecided;
    struct similar best[SIMILAR_MOST];
};

static struct str looking_cell(struct looking *looking, const struct batch *batch, uint64_t row) {
    buf_clear(&looking->text);
    column_write(&looking->text, &batch->columns[looking->column],
                 (uint32_t)(row - batch->first_row));
    return buf_str(&looking->text);
}

static enum err molecule_compare(struct looking *looking, const struct molecule *molecule,
                                 uint64_t row) {
    uint64_t bits[FINGERPRINT_BITS / 64];
    enum err err = molecule_fingerprint(molecule, 2, FINGERPRINT_BITS, bits);
    if (err != OK) return err;
    double similarity = fingerprint_similarity(bits, looking->fingerprint, FINGERPRINT_BITS);
    similar_offer(looking->best, looking->most, &looking->count, (struct similar){row, similarity});
    return OK;
}

// The first that hold it are kept, all are counted.
static enum err molecule_match(struct looking *looking, const struct molecule *molecule,
                               uint64_t row) {
    double *weights;
    uint32_t matches = 0;
    enum err err = pattern_mark(molecule, looking->pattern, looking->arena, &weights, &matches);
    if (err == ERR_LIMIT && ++looking->undecided <= UNDECIDED_MOST) return OK;
    if (err == ERR_LIMIT) {
        return fault_set(looking->call->fault, err, "molecule.hard_pattern", STR_NONE);
    }
    if (err != OK || matches == 0) return err;
    looking->holding++;
    if (looking->count < looking->most) {
        looking->best[looking->count++] = (struct similar){row, 0};
    }
    return OK;
}

static enum err rows_look(struct looking *looking, const struct batch *batch) {
    for (uint32_t i = 0; i < batch->row_count; i++) {
        struct molecule *molecule;
        struct fault fault = {0};
        uint64_t row = batch->first_row + i;
        arena_reset(looking->arena);
        struct str cell = looking_cell(looking, batch, row);
        enum err err = molecule_parse(cell, looking->arena, &molecule, &fault);
        if (err == ERR_MEMORY) return err;
        looking->unreadable += err != OK;
        if (err != OK) continue;
        err = looking->pattern ? molecule_match(looking, molecule, row)
                               : molecule_compare(looking, molecule, row);
        if (err != OK) return err;
    }
    return OK;
}

static enum err table_look(struct looking *looking) {
    enum err err = OK;
    for (uint32_t b = 0; b < table_batches(looking->table) && err == OK; b++) {
        struct batch batch;
        arena_reset(looking->batch_arena);
        err = table_batch(looking->table, b, looking->batch_arena, &batch, looking->call->fault);
        if (err == OK) err = rows_look(looking, &batch);
    }
    return err;
}

static enum err found_tell(struct looking *looking, const struct similar *found,
                           struct picture picture) {
    struct call *call = looking->call;
    struct batch batch;
    struct molecule *molecule;
    double *weights = NULL;
    uint32_t matches = 0, at = table_batch_of_row(looking->table, found->row);
    arena_reset(looking->batch_arena);
    arena_reset(looking->arena);
    enum err err = table_batch(looking->table, at, looking->batch_arena, &batch, call->fault);
    if (err != OK) return err;
    struct str cell = str_trim(looking_cell(looking, &batch, found->row));
    err = molecule_parse(cell, looking->arena, &molecule, call->fault);
    if (err == OK && looking->pattern) {
        err = pattern_mark(molecule, looking->pattern, looking->arena, &weights, &matches);
    }
    if (err != OK) return err;
    json_open_object(call->out);
    json_set_u64(call->out, "row", found->row + 1);
    if (looking->pattern) {
        json_set_u64(call->out, "matches", matches);
    } else {
        json_set_number(call->out, "similarity", found->similarity);
    }
    json_set_text(call->out, "smiles", cell);
    err = svg_put(call->out, molecule, picture, weights);
    json_close_object(call->out);
    return err;
}

static enum err looking_tell(struct looking *looking, struct picture picture) {
    struct call *call = looking->call;
    enum err err = OK;
    json_open_object(call->out);
    json_put_name(call->out, "items");
    json_open_array(call->out);
    for (uint32_t i = 0; i < looking->count && err == OK; i++) {
        err = found_tell(looking, &looking->best[i], picture);
    }
    json_close_array(call->out);
    json_set_u64(call->out, "unreadable", looking->unreadable);
    if (looking->pattern) {
        json_set_u64(call->out, "holding", looking->holding);
        json_set_u64(call->out, "undecided", looking->undecided);
    }
    json_close_object(call->out);
    return err == OK ? answer_end(call) : err;
}

static enum err looking_read(struct looking *looking, const char *name) {
    struct call *call = looking->call;
    struct molecule *molecule;
    uint64_t most = json_member_u64(call->body, "most", 10);
    if (most < 1 || most > SIMILAR_MOST) {
        return fault_set(call->fault, ERR_INPUT, "call.bad_number", STR("most"));
    }
    looking->most = (uint32_t)most;
    enum err err = smiles_read(call, name, call->arena, &molecule);
    if (err != OK) return err;
    if (str_is(str_of(name), "pattern")) {
        looking->pattern = molecule;
        if (molecule_atom_count(molecule) <= MOLECULE_PATTERN_ATOMS_MAX) return OK;
        return fault_set(call->fault, ERR_LIMIT, "molecule.hard_pattern", STR_NONE);
    }
    return molecule_fingerprint(molecule, 2, FINGERPRINT_BITS, looking->fingerprint);
}

static enum err column_known(struct looking *looking, const struct release *release) {
    struct str name;
    enum err err = call_text(looking->call, "column", 1, LIMIT_NAME_BYTES, &name);
    if (err != OK) return err;
    for (uint32_t i = 0; i < release->column_count; i++) {
        if (!str_equal(release->columns[i].name, name)) continue;
        if (release->columns[i].role == COLUMN_DIRECT) break;
        looking->column = i;
        return OK;
    }
    return fault_set(looking->call->fault, ERR_INPUT, "train.unknown_column", name);
}

static enum err release_look(struct flow *flow, struct call *call, const char *name) {
    struct release release;
    struct picture picture;
    struct looking looking = {.call = call};
    char path[LIMIT_PATH_BYTES];
    buf_open(&looking.text, LIMIT_CELL_BYTES);
    enum err err = picture_read(call, &picture);
    if (err == OK) err = release_seen(flow, call, &release);
    if (err == OK) err = column_known(&looking, &release);
    if (err == OK) err = looking_read(&looking, name);
    if (err == OK) err = blob_path(flow->store, &release.table, path, sizeof path, call->fault);
    if (err == OK) err = arena_open(MOLECULE_ARENA_BYTES, &looking.arena);
    if (err == OK) err = arena_open((size_t)256 << 20, &looking.batch_arena);
    if (err == OK) err = table_open(path, &looking.table, call->fault);
    if (err == OK) err = table_look(&looking);
    if (err == OK) err = looking_tell(&looking, picture);
    if (looking.table) table_close(looking.table);
    arena_close(looking.arena);
    arena_close(looking.batch_arena);
    buf_close(&looking.text);
    return err;
}

enum err flow_release_similar(struct flow *flow, struct call *call) {
    return release_look(flow, call, "smiles");
}

enum err flow_release_substructure(struct flow *flow, struct call *call) {
    return release_look(flow, call, "pattern");
}

// ---- what a prediction owes to each atom ------------------------------------------------------

static struct str row_text(const struct json *row, struct str name) {
    for (const struct json *item = json_first(row); item; item = json_next(item)) {
        if (str_equal(json_name(item), name)) return json_text(item);
    }
    return STR_NONE;
}

static enum err drawing_put(struct call *call, const struct asked *asked, const double *shares,
                            struct str text, struct arena *arena, struct picture picture) {
    struct molecule *molecule;
    struct fault unread = {0};
    struct json_writer *out = call->out;
    arena_reset(arena);
    json_open_object(out);
    json_set_text(out, "column", asked->name);
    enum err err = molecule_parse(text, arena, &molecule, &unread);
    if (err == OK) {
        uint32_t count = molecule_atom_count(molecule);
        double *weights = ARENA_ARRAY(arena, double, count);
        err = weights
                  ? prepare_molecule_atoms(asked->step, molecule, shares + asked->first, weights)
                  : ERR_MEMORY;
        if (err == OK) {
            json_put_name(out, "atoms");
            json_open_array(out);
            for (uint32_t i = 0; i < count; i++) json_put_number(out, weights[i]);
            json_close_array(out);
            err = svg_put(out, molecule, picture, weights);
        }
    } else if (err != ERR_MEMORY) {
        err = OK; // nothing to draw
    }
    json_close_object(out);
    return err;
}

// The drawings of one row: of every column of molecules that the model asks for.
static enum err row_draw(struct call *call, const struct rows_in *rows, const struct json *node,
                         const double *shares, struct arena *arena, struct picture picture) {
    enum err err = OK;
    json_open_array(call->out);
    for (uint32_t a = 0; a < rows->asking->count && err == OK; a++) {
        const struct asked *asked = &rows->asking->items[a];
        if (!asked->step || asked->step->kind != &prepare_molecule) continue;
        err = drawing_put(call, asked, shares, row_text(node, asked->name), arena, picture);
    }
    json_close_array(call->out);
    return err;
}

// Contributions of a row's features to the first output, or to the class that is likeliest.
struct shares {
    const float **values; // (F) of the row
    double *out, *all;    // (K), (K, F + 1)
};

static const double *shares_find(const struct rows_in *rows, struct shares *shares, uint32_t row) {
    const struct tabular_about *about = &rows->about;
    uint32_t best = 0;
    for (uint32_t f = 0; f < about->feature_count; f++) {
        shares->values[f] = rows->cells.values[f] + row;
    }
    struct frame frame = {.rows = 1,
                          .feature_count = about->feature_count,
                          .features = about->features,
                          .values = shares->values};
    if (tabular_predict(rows->model, &frame, 1, shares->out, shares->all) != OK) return NULL;
    for (uint32_t k = 1; k < about->outputs; k++) {
        best = shares->out[k] > shares->out[best] ? k : best;
    }
    return shares->all + (size_t)best * (about->feature_count + 1);
}

static enum err rows_draw(struct call *call, const struct rows_in *rows, const struct json *list,
                          struct picture picture) {
    size_t features = rows->about.feature_count, outputs = rows->about.outputs;
    struct shares shares = {
        .values = ARENA_ARRAY(call->arena, const float *, features),
        .out = ARENA_ARRAY(call->arena, double, outputs),
        .all = ARENA_ARRAY(call->arena, double, outputs *(features + 1)),
    };
    struct arena *arena;
    if (!shares.values || !shares.out || !shares.all) return ERR_MEMORY;
    enum err err = arena_open(MOLECULE_ARENA_BYTES, &arena);
    if (err != OK) return err;
    json_open_object(call->out);
    json_put_name(call->out, "rows");
    json_open_array(call->out);
    uint32_t row = 0;
    for (const struct json *node = json_first(list); node && err == OK; node = json_next(node)) {
        const double *found = shares_find(rows, &shares, row++);
        err = found ? row_draw(call, rows, node, found, arena, picture) : ERR_MEMORY;
    }
    json_close_array(call->out);
    json_close_object(call->out);
    arena_close(arena);
    return err;
}

enum err flow_model_molecules(struct flow *flow, struct call *call) {
    struct model model;
    struct loaded *loaded;
    struct rows_in rows;
    struct picture picture;
    const struct json *list = json_member(call->body, "rows");
    enum err err = picture_read(call, &picture);
    if (err == OK && json_count(list) > DRAWN_ROWS_MOST) {
        err = fault_set(call->fault, ERR_LIMIT, "molecule.too_many_rows", STR_NONE);
    }
    if (err == OK) err = model_ready(flow, call, &model);
    if (err == OK) err = models_take(flow, &model.file, &loaded, call->fault);
    if (err != OK) return err;
    err = rows_read(&rows, loaded_model(loaded), loaded_asking(loaded), call->arena, list,
                    call->fault);
    if (err == ERR_INPUT) call->findings = rows_findings(&rows);
    if (err == OK) err = rows_predict(&rows, call->fault);
    if (err == OK) err = rows_draw(call, &rows, list, picture);
    rows_in_close(&rows);
    models_give(flow->models, loaded);
    return err == OK ? answer_end(call) : err;
}
