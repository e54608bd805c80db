// The best full-domain generalisation: one level a column, rows of classes too small suppressed,
// the geometric loss (ARX's "Loss": mean of what each cell loses, aggregated over the columns as
// geometric mean of 1 + loss, minus 1) proven minimal.
//
// Branch and bound. Columns are taken one after another, each refines the classes so far. Two
// things only grow on the way down, whatever the other columns will be: the rows in classes smaller
// than k, and the loss with all open columns at their leaves. So a branch ends when it suppresses
// too many rows, and when it cannot be better than the best found. A greedy descent gives the first
// best. l and t do not grow that way: they are looked at when all levels are chosen.
#include "base/assert.h"
#include "data/anonymity/anonymity_private.h"

#include <string.h>

// Records looked at before the search gives up proving: some tens of seconds.
#define LATTICE_WORK (6ull << 30)

// Classes while columns refine them: (class, node) to the new class's number.
struct pair_slot {
    uint64_t key;
    uint32_t stamp, number;
};
struct pairs {
    struct pair_slot *slots;
    uint64_t mask;
    uint32_t stamp;
};

// Records alive at one depth and the class each is in.
struct stage {
    uint32_t *entries, *classes; // (entry_count)
    uint32_t *rows;              // (entry_count): rows each stands for
    uint32_t entry_count, class_count;
    uint32_t buried_count;      // records in classes too small so far
    uint64_t suppressed;        // their rows
    double dead[LIMIT_QUASI];   // what they add to the loss of the columns so far, in rows
    uint8_t least[LIMIT_QUASI]; // of an open column: lower levels suppress too many rows
};

struct lattice {
    const struct coded_table *table;
    const struct guard *guard;
    struct progress *progress;
    uint32_t k, columns, order[LIMIT_QUASI];
    uint64_t suppress_most;
    double *mean[LIMIT_QUASI]; // (level_count): mean loss of the column at a level
    uint32_t entry_count;      // different records
    uint32_t *entry_row;       // (entry_count): the first row that is one
    uint32_t *entry_rows;      // (entry_count): how many rows are
    uint32_t *row_entry;       // (rows)
    // (columns)(entry_count): what an entry is in the columns from order[d] on and in the sensitive
    // ones: equal numbers, equal values. Entries of one class that are equal in it may be merged.
    uint32_t *suffix[LIMIT_QUASI];
    bool merges;
    uint32_t *buried_rows; // (entry_count)
    uint32_t *buried;      // (entry_count): those of the branch, in order
    // Stage d: after d columns; two more for the greedy descent.
    struct stage stages[LIMIT_QUASI + 3];
    struct pairs pairs;
    uint32_t *sizes;             // (entry_count): of classes
    uint32_t *starts;            // (entry_count + 1)
    uint8_t levels[LIMIT_QUASI]; // of the branch, by column
    double best;                 // product
    uint8_t best_levels[LIMIT_QUASI];
    bool found;
    uint64_t checked, work;
    bool gave_up;
    struct class_counts counts;
};

// ---- pairs --------------------------------------------------------------------------------------

static void pairs_clear(struct pairs *pairs) {
    if (++pairs->stamp != 0) return;
    memset(pairs->slots, 0, (pairs->mask + 1) * sizeof *pairs->slots);
    pairs->stamp = 1;
}

// The number of the pair; `count` if it is new.
static uint32_t pairs_put(struct pairs *pairs, uint64_t key, uint32_t count) {
    uint64_t at = key * 0x9E3779B97F4A7C15u;
    at = (at ^ at >> 32) & pairs->mask;
    struct pair_slot *slot = &pairs->slots[at];
    while (slot->stamp == pairs->stamp && slot->key != key) {
        at = (at + 1) & pairs->mask;
        slot = &pairs->slots[at];
    }
    if (slot->stamp != pairs->stamp) *slot = (struct pair_slot){key, pairs->stamp, count};
    return slot->number;
}

// From the last column on backwards: what follows and the column's value make a pair.
static enum err number_suffixes(struct lattice *lattice) {
    const struct coded_table *table = lattice->table;
    uint32_t *after = memory_take((size_t)lattice->entry_count * sizeof *after);
    if (!after) return ERR_MEMORY;
    uint32_t sensitive = lattice->guard->needed ? table->sensitive_count : 0;
    for (uint32_t i = 0; i < lattice->columns + sensitive; i++) {
        bool quasi = i >= sensitive;
        uint32_t depth = quasi ? lattice->columns - 1 - (i - sensitive) : 0, count = 0;
        const uint32_t *codes =
            quasi ? table->quasi[lattice->order[depth]].codes : table->sensitive[i].codes;
        pairs_clear(&lattice->pairs);
        for (uint32_t entry = 0; entry < lattice->entry_count; entry++) {
            uint64_t key = (uint64_t)after[entry] << 32 | codes[lattice->entry_row[entry]];
            uint32_t number = pairs_put(&lattice->pairs, key, count);
            count += number == count;
            after[entry] = number;
        }
        if (!quasi) continue;
        uint32_t *suffix = memory_take((size_t)lattice->entry_count * sizeof *suffix);
        if (!suffix) {
            memory_give(after);
            return ERR_MEMORY;
        }
        memcpy(suffix, after, lattice->entry_count * sizeof *suffix);
        lattice->suffix[depth] = suffix;
    }
    memory_give(after);
    return OK;
}

// ---- records ------------------------------------------------------------------------------------

static uint32_t leaf_of(const struct lattice *lattice, uint32_t entry, uint32_t column) {
    return lattice->table->quasi[column].codes[lattice->entry_row[entry]];
}

static bool rows_equal(const struct coded_table *table, uint32_t sensitive, uint32_t a,
                       uint32_t b) {
    for (uint32_t i = 0; i < table->quasi_count; i++) {
        if (table->quasi[i].codes[a] != table->quasi[i].codes[b]) return false;
    }
    for (uint32_t i = 0; i < sensitive; i++) {
        if (table->sensitive[i].codes[a] != table->sensitive[i].codes[b]) return false;
    }
    return true;
}

static uint64_t row_hash(const struct coded_table *table, uint32_t sensitive, uint32_t row) {
    uint64_t hash = 0;
    for (uint32_t i = 0; i < table->quasi_count + sensitive; i++) {
        uint32_t code = i < table->quasi_count
                            ? table->quasi[i].codes[row]
                            : table->sensitive[i - table->quasi_count].codes[row];
        hash = (hash ^ code) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 29;
    }
    return hash;
}

// Rows that are equal in all that matters become one record.
static enum err find_entries(struct lattice *lattice) {
    const struct coded_table *table = lattice->table;
    uint32_t sensitive = lattice->guard->needed ? table->sensitive_count : 0;
    uint64_t room = 16;
    while (room < table->rows * 2) room *= 2;
    uint32_t *slots = memory_take(room * sizeof *slots);
    if (!slots) return ERR_MEMORY;
    for (uint32_t row = 0; row < table->rows; row++) {
        uint64_t at = row_hash(table, sensitive, row) & (room - 1);
        while (slots[at] && !rows_equal(table, sensitive, lattice->entry_row[slots[at] - 1], row)) {
            at = (at + 1) & (room - 1);
        }
        if (!slots[at]) {
            lattice->entry_row[lattice->entry_count++] = row;
            slots[at] = lattice->entry_count;
        }
        lattice->row_entry[row] = slots[at] - 1;
        lattice->entry_rows[slots[at] - 1]++;
    }
    memory_give(slots);
    return OK;
}

// The mean loss of each level, and the columns in the order of their entropy: those that tell most
// apart come first, so that what cannot be shows itself early.
static enum err measure_columns(struct lattice *lattice) {
    const struct coded_table *table = lattice->table;
    double entropy[LIMIT_QUASI];
    for (uint32_t column = 0; column < lattice->columns; column++) {
        const struct hierarchy *tree = table->quasi[column].hierarchy;
        lattice->mean[column] = memory_take(tree->level_count * sizeof(double));
        uint64_t *count = memory_take((size_t)tree->leaf_count * sizeof *count);
        if (!lattice->mean[column] || !count) {
            memory_give(count);
            return ERR_MEMORY;
        }
        for (uint64_t row = 0; row < table->rows; row++) count[table->quasi[column].codes[row]]++;
        entropy[column] = 0;
        for (uint32_t leaf = 0; leaf < tree->leaf_count; leaf++) {
            if (count[leaf]) entropy[column] -= x_log2_x(lattice->guard->logs, count[leaf]);
            for (uint32_t level = 0; level < tree->level_count; level++) {
                lattice->mean[column][level] +=
                    (double)count[leaf] * hierarchy_loss(tree, hierarchy_node(tree, level, leaf));
            }
        }
        memory_give(count);
        for (uint32_t i = 0; i < tree->level_count; i++) {
            lattice->mean[column][i] /= (double)table->rows;
        }
        uint32_t at = column;
        for (; at > 0 && entropy[lattice->order[at - 1]] < entropy[column]; at--) {
            lattice->order[at] = lattice->order[at - 1];
        }
        lattice->order[at] = column;
    }
    return OK;
}

static enum err open_stages(struct lattice *lattice) {
    size_t entries = lattice->entry_count;
    for (uint32_t depth = 0; depth < lattice->columns + 3; depth++) {
        struct stage *stage = &lattice->stages[depth];
        stage->entries = memory_take(entries * 3 * sizeof(uint32_t));
        if (!stage->entries) return ERR_MEMORY;
        stage->classes = stage->entries + entries;
        stage->rows = stage->classes + entries;
    }
    struct stage *first = &lattice->stages[0];
    for (uint32_t entry = 0; entry < entries; entry++) {
        first->entries[entry] = entry;
        first->rows[entry] = lattice->entry_rows[entry];
    }
    first->entry_count = (uint32_t)entries;
    first->class_count = 1;
    uint64_t room = 64;
    while (room < entries * 2) room *= 2;
    lattice->pairs.mask = room - 1;
    lattice->pairs.slots = memory_take(room * sizeof *lattice->pairs.slots);
    lattice->sizes = memory_take((entries + 1) * sizeof(uint32_t));
    lattice->starts = memory_take((entries + 1) * sizeof(uint32_t));
    lattice->buried = memory_take((entries + 1) * 2 * sizeof(uint32_t));
    if (!lattice->pairs.slots || !lattice->sizes || !lattice->starts || !lattice->buried) {
        return ERR_MEMORY;
    }
    lattice->buried_rows = lattice->buried + entries + 1;
    return OK;
}

static enum err lattice_open(const struct coded_table *table, const struct anonymity_goal *goal,
                             const struct guard *guard, struct progress *progress,
                             struct lattice *out) {
    out->table = table;
    out->guard = guard;
    out->progress = progress;
    out->k = goal->k ? goal->k : 1;
    out->columns = table->quasi_count;
    out->suppress_most = (uint64_t)(goal->suppress_most * (double)table->rows);
    out->entry_row = memory_take((size_t)table->rows * sizeof(uint32_t));
    out->entry_rows = memory_take((size_t)table->rows * sizeof(uint32_t));
    out->row_entry = memory_take((size_t)table->rows * sizeof(uint32_t));
    if (!out->entry_row || !out->entry_rows || !out->row_entry) return ERR_MEMORY;
    enum err err = find_entries(out);
    if (err == OK) err = measure_columns(out);
    if (err == OK) err = open_stages(out);
    if (err == OK) err = number_suffixes(out);
    if (err == OK) err = class_counts_open(guard, &out->counts);
    return err;
}

static void lattice_close(struct lattice *lattice) {
    for (uint32_t i = 0; i < LIMIT_QUASI + 3; i++) memory_give(lattice->stages[i].entries);
    for (uint32_t i = 0; i < LIMIT_QUASI; i++) {
        memory_give(lattice->mean[i]);
        memory_give(lattice->suffix[i]);
    }
    memory_give(lattice->entry_row);
    memory_give(lattice->entry_rows);
    memory_give(lattice->row_entry);
    memory_give(lattice->pairs.slots);
    memory_give(lattice->sizes);
    memory_give(lattice->starts);
    memory_give(lattice->buried);
    class_counts_close(&lattice->counts);
}

// ---- refining -----------------------------------------------------------------------------------

// Splits the classes of `from` by the column's node at a level, into `to`. Sizes of the new classes
// stand in lattice->sizes.
static void refine(struct lattice *lattice, const struct stage *from, uint32_t column,
                   uint32_t level, struct stage *to) {
    const struct hierarchy *tree = lattice->table->quasi[column].hierarchy;
    const uint32_t *codes = lattice->table->quasi[column].codes;
    const uint32_t *above = tree->above + (size_t)level * tree->leaf_count;
    pairs_clear(&lattice->pairs);
    uint32_t count = 0;
    for (uint32_t i = 0; i < from->entry_count; i++) {
        uint32_t entry = from->entries[i];
        uint64_t key = (uint64_t)from->classes[i] << 32 | above[codes[lattice->entry_row[entry]]];
        uint32_t number = pairs_put(&lattice->pairs, key, count);
        if (number == count) lattice->sizes[count++] = 0;
        to->entries[i] = entry;
        to->classes[i] = number;
        to->rows[i] = from->rows[i];
        lattice->sizes[number] += from->rows[i];
    }
    to->entry_count = from->entry_count;
    to->class_count = count;
    lattice->work += from->entry_count;
}

// How many rows stand in too small classes once the column refines the classes of `stage`.
static uint64_t too_small_with(struct lattice *lattice, const struct stage *stage, uint32_t column,
                               uint32_t level) {
    refine(lattice, stage, column, level, &lattice->stages[lattice->columns + 1]);
    uint32_t count = lattice->stages[lattice->columns + 1].class_count;
    uint64_t rows = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (lattice->sizes[i] < lattice->k) rows += lattice->sizes[i];
    }
    return rows;
}

static double left_of(const struct lattice *lattice, uint32_t entry, uint32_t rows, uint32_t column,
                      uint32_t level) {
    const struct hierarchy *tree = lattice->table->quasi[column].hierarchy;
    uint32_t node = hierarchy_node(tree, level, leaf_of(lattice, entry, column));
    return (1 - hierarchy_loss(tree, node)) * rows;
}

// Takes the records of too small classes out. The loss of the `depth` columns chosen grows by what
// these had not lost yet.
static void bury(struct lattice *lattice, struct stage *stage, uint32_t depth) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < stage->entry_count; i++) {
        uint32_t entry = stage->entries[i];
        if (lattice->sizes[stage->classes[i]] >= lattice->k) {
            stage->entries[kept] = entry;
            stage->rows[kept] = stage->rows[i];
            stage->classes[kept++] = stage->classes[i];
            continue;
        }
        uint32_t rows = stage->rows[i];
        stage->suppressed += rows;
        lattice->buried_rows[stage->buried_count] = rows;
        lattice->buried[stage->buried_count++] = entry;
        for (uint32_t d = 0; d < depth; d++) {
            uint32_t column = lattice->order[d];
            stage->dead[column] += left_of(lattice, entry, rows, column, lattice->levels[column]);
        }
    }
    stage->entry_count = kept;
}

// The least product of 1 + loss that this branch can have. The open columns lose at least the rows
// that are dead already.
static double bound_of(const struct lattice *lattice, const struct stage *stage, uint32_t depth) {
    double rows = (double)lattice->table->rows, product = 1;
    for (uint32_t d = 0; d < depth; d++) {
        uint32_t column = lattice->order[d];
        product *= 1 + lattice->mean[column][lattice->levels[column]] + stage->dead[column] / rows;
    }
    for (uint32_t d = depth; d < lattice->columns; d++) {
        uint32_t column = lattice->order[d];
        double least = lattice->mean[column][stage->least[column]];
        double dead = (double)stage->suppressed / rows;
        product *= 1 + (least > dead ? least : dead);
    }
    return product;
}

// ---- whole choices ------------------------------------------------------------------------------

// Records of each class together, classes in order: a counting sort. Places in the stage.
static void sort_by_class(struct lattice *lattice, const struct stage *stage, uint32_t *sorted) {
    uint32_t *starts = lattice->starts;
    memset(starts, 0, (stage->class_count + 1) * sizeof *starts);
    for (uint32_t i = 0; i < stage->entry_count; i++) starts[stage->classes[i] + 1]++;
    for (uint32_t i = 0; i < stage->class_count; i++) starts[i + 1] += starts[i];
    for (uint32_t i = 0; i < stage->entry_count; i++) {
        sorted[starts[stage->classes[i]]++] = i;
    }
}

// Where l or t are asked for: classes that do not hold them count as too small.
static enum err bury_unguarded(struct lattice *lattice, struct stage *stage) {
    const struct coded_table *table = lattice->table;
    uint32_t *sorted = memory_take(((size_t)stage->entry_count + 1) * sizeof *sorted);
    if (!sorted) return ERR_MEMORY;
    sort_by_class(lattice, stage, sorted);
    for (uint32_t class = 0, at = 0; class < stage->class_count; class ++) {
        struct class_counts *counts = &lattice->counts;
        for (; at < lattice->starts[class]; at++) {
            uint32_t row = lattice->entry_row[stage->entries[sorted[at]]];
            uint32_t rows = stage->rows[sorted[at]];
            counts->rows += rows;
            for (uint32_t i = 0; i < table->sensitive_count; i++) {
                class_counts_add(counts, i, table->sensitive[i].codes[row], rows);
            }
        }
        bool held = counts->rows > 0 && guard_holds(lattice->guard, counts);
        class_counts_clear(lattice->guard, counts);
        lattice->sizes[class] = held ? UINT32_MAX : 0;
    }
    memory_give(sorted);
    bury(lattice, stage, lattice->columns);
    return OK;
}

static enum err consider(struct lattice *lattice, struct stage *stage) {
    lattice->checked++;
    if (lattice->guard->needed) {
        enum err err = bury_unguarded(lattice, stage);
        if (err != OK) return err;
        if (stage->suppressed > lattice->suppress_most) return OK;
    }
    double product = bound_of(lattice, stage, lattice->columns);
    if (lattice->found && product >= lattice->best) return OK;
    if (stage->suppressed == lattice->table->rows) return OK;
    lattice->found = true;
    lattice->best = product;
    memcpy(lattice->best_levels, lattice->levels, sizeof lattice->levels);
    return OK;
}

// ---- a first solution ---------------------------------------------------------------------------

static bool better_greedy(struct lattice *lattice, const struct stage *from, uint32_t column,
                          struct stage *to, double *best, enum err *err) {
    lattice->levels[column]--;
    to->suppressed = 0;
    to->buried_count = 0;
    memset(to->dead, 0, sizeof to->dead);
    refine(lattice, from, column, lattice->levels[column], to);
    bury(lattice, to, lattice->columns);
    if (lattice->guard->needed) *err = bury_unguarded(lattice, to);
    double product = bound_of(lattice, to, lattice->columns);
    bool better = *err == OK && to->suppressed <= lattice->suppress_most && product < *best;
    lattice->levels[column]++;
    if (better) *best = product;
    return better;
}

// From all roots down, each time the column whose next level is best; ends where none is better.
static enum err greedy(struct lattice *lattice) {
    struct stage *at = &lattice->stages[lattice->columns + 1], *next = at + 1;
    double best = 1;
    for (uint32_t i = 0; i < lattice->columns; i++) {
        lattice->levels[i] = (uint8_t)(lattice->table->quasi[i].hierarchy->level_count - 1);
        best *= 2;
    }
    refine(lattice, &lattice->stages[0], 0, lattice->levels[0], at);
    enum err err = OK;
    for (bool going = true; going && err == OK;) {
        uint32_t choice = UINT32_MAX;
        for (uint32_t column = 0; column < lattice->columns && err == OK; column++) {
            if (lattice->levels[column] == 0) continue;
            if (better_greedy(lattice, at, column, next, &best, &err)) choice = column;
        }
        going = choice != UINT32_MAX;
        if (!going || err != OK) break;
        lattice->levels[choice]--;
        refine(lattice, at, choice, lattice->levels[choice], next);
        struct stage *swap = at;
        at = next;
        next = swap;
        lattice->found = true;
    }
    lattice->best = best;
    memcpy(lattice->best_levels, lattice->levels, sizeof lattice->levels);
    return err;
}

// ---- the search ---------------------------------------------------------------------------------

// Entries of a class that are equal in all open columns go on as one.
static void merge(struct lattice *lattice, struct stage *stage, uint32_t depth) {
    if (!lattice->merges || depth == 0 || depth >= lattice->columns) return;
    if (lattice->levels[lattice->order[depth - 1]] == 0) return;
    const uint32_t *suffix = lattice->suffix[depth];
    pairs_clear(&lattice->pairs);
    uint32_t count = 0;
    for (uint32_t i = 0; i < stage->entry_count; i++) {
        uint32_t entry = stage->entries[i], class = stage->classes[i], rows = stage->rows[i];
        uint32_t number = pairs_put(&lattice->pairs, (uint64_t) class << 32 | suffix[entry], count);
        if (number == count) {
            stage->entries[count] = entry;
            stage->classes[count] = class;
            stage->rows[count++] = rows;
        } else {
            stage->rows[number] += rows;
        }
    }
    lattice->work += stage->entry_count;
    stage->entry_count = count;
}

// Looks one column ahead for each that is open: which levels are out of the question by now. That
// raises the bound, and ends the branch early.
static bool look_ahead(struct lattice *lattice, struct stage *stage, uint32_t depth) {
    for (uint32_t d = depth; d < lattice->columns; d++) {
        uint32_t column = lattice->order[d];
        uint8_t top = (uint8_t)(lattice->table->quasi[column].hierarchy->level_count - 1);
        bool raised = false;
        while (stage->least[column] < top &&
               stage->suppressed + too_small_with(lattice, stage, column, stage->least[column]) >
                   lattice->suppress_most) {
            stage->least[column]++;
            raised = true;
        }
        if (raised && lattice->found && bound_of(lattice, stage, depth) >= lattice->best) {
            return false;
        }
    }
    return true;
}

// One column more at a level; false: nothing good can come of it.
static bool descend(struct lattice *lattice, uint32_t depth, uint32_t level, bool *too_many) {
    struct stage *from = &lattice->stages[depth], *to = &lattice->stages[depth + 1];
    uint32_t column = lattice->order[depth];
    lattice->levels[column] = (uint8_t)level;
    *too_many = false;
    memcpy(to->dead, from->dead, sizeof to->dead);
    to->suppressed = from->suppressed;
    to->buried_count = from->buried_count;
    memcpy(to->least, from->least, sizeof to->least);
    to->dead[column] = 0;
    for (uint32_t i = 0; i < from->buried_count; i++) {
        to->dead[column] +=
            left_of(lattice, lattice->buried[i], lattice->buried_rows[i], column, level);
    }
    // Before any counting: perhaps what is lost already is too much.
    if (lattice->found && bound_of(lattice, to, depth + 1) >= lattice->best) return false;
    refine(lattice, from, column, level, to);
    bury(lattice, to, depth + 1);
    *too_many = to->suppressed > lattice->suppress_most;
    if (*too_many) return false;
    if (lattice->found && bound_of(lattice, to, depth + 1) >= lattice->best) return false;
    merge(lattice, to, depth + 1);
    return true;
}

static enum err search(struct lattice *lattice, uint32_t depth) {
    if (depth == lattice->columns) return consider(lattice, &lattice->stages[depth]);
    uint32_t column = lattice->order[depth];
    uint32_t levels = lattice->table->quasi[column].hierarchy->level_count;
    // From the root down: once too many rows are suppressed, lower levels only suppress more.
    for (uint32_t level = levels; level-- > lattice->stages[depth].least[column];) {
        if (progress_cancelled(lattice->progress)) return ERR_CANCELLED;
        if (lattice->work > LATTICE_WORK) lattice->gave_up = true;
        if (lattice->gave_up && lattice->found) return OK;
        bool too_many;
        bool good = descend(lattice, depth, level, &too_many);
        if (too_many) break;
        if (!good) continue;
        enum err err = search(lattice, depth + 1);
        if (err != OK) return err;
    }
    return OK;
}

// Rows as the best choice leaves them.
static enum err give_levels(struct lattice *lattice, struct recoding *out) {
    const struct coded_table *table = lattice->table;
    uint8_t *lost = memory_take(lattice->entry_count);
    if (!lost) return ERR_MEMORY;
    memcpy(lattice->levels, lattice->best_levels, sizeof lattice->levels);
    struct stage *from = &lattice->stages[0];
    for (uint32_t depth = 0; depth < lattice->columns; depth++) {
        bool too_many;
        lattice->found = lattice->merges = false; // nothing ends this descent
        (void)descend(lattice, depth, lattice->levels[lattice->order[depth]], &too_many);
        cy_assert(!too_many);
        from = &lattice->stages[depth + 1];
    }
    enum err err = lattice->guard->needed ? bury_unguarded(lattice, from) : OK;
    for (uint32_t i = 0; i < from->buried_count; i++) lost[lattice->buried[i]] = 1;
    for (uint64_t row = 0; row < table->rows; row++) {
        uint8_t *levels = out->levels + row * table->quasi_count;
        if (lost[lattice->row_entry[row]]) {
            memset(levels, LEVEL_SUPPRESSED, table->quasi_count);
        } else {
            memcpy(levels, lattice->levels, table->quasi_count);
        }
    }
    memory_give(lost);
    out->suppressed = from->suppressed;
    memcpy(out->chosen, lattice->levels, sizeof out->chosen);
    out->checked = lattice->checked;
    out->proven = !lattice->gave_up;
    out->combinations = 1;
    for (uint32_t i = 0; i < table->quasi_count; i++) {
        out->combinations *= table->quasi[i].hierarchy->level_count;
    }
    return err;
}

// The n-th root by Newton's steps: no libm, the same bits everywhere.
static double root_of(double x, uint32_t n) {
    double y = x < 1 ? 1 : x;
    for (int step = 0; step < 200; step++) {
        double power = 1;
        for (uint32_t i = 1; i < n; i++) power *= y;
        double next = y + (x / power - y) / n;
        if (next >= y) break;
        y = next;
    }
    return y;
}

enum err recode_optimal(const struct coded_table *table, const struct anonymity_goal *goal,
                        const struct guard *guard, struct progress *progress,
                        struct recoding *out) {
    struct lattice *lattice = memory_take(sizeof *lattice);
    if (!lattice) return ERR_MEMORY;
    enum err err = lattice_open(table, goal, guard, progress, lattice);
    if (err == OK) err = greedy(lattice);
    lattice->merges = true;
    if (err == OK) (void)look_ahead(lattice, &lattice->stages[0], 0);
    if (err == OK) err = search(lattice, 0);
    if (err == OK && !lattice->found) err = ERR_INPUT;
    if (err == OK) out->loss = root_of(lattice->best, lattice->columns) - 1;
    if (err == OK) err = give_levels(lattice, out);
    lattice_close(lattice);
    memory_give(lattice);
    return err;
}
