// A preparation's kind "molecule": a SMILES as a circular fingerprint and descriptors.
//   bits         2048 when absent, a multiple of 64 up to 16,384; 0: no fingerprint
//   radius       2 (ECFP4), up to 3
//   descriptors  true: weight, logp, tpsa and the others of molecule.h
#include <stdio.h>
#include <string.h>

#include "flow/steps/prepare.h"
#include "pilot/molecule/molecule.h"

struct plan {
    uint32_t bits, radius;
    bool descriptors;
};

static enum err count_read(const struct json *options, const char *name, uint32_t most,
                           uint32_t *out, struct fault *fault) {
    const struct json *node = json_member(options, name);
    uint64_t value;
    if (!node) return OK;
    if (!json_u64(node, &value) || value > most) {
        return fault_set(fault, ERR_INPUT, "prepare.bad_option", str_of(name));
    }
    *out = (uint32_t)value;
    return OK;
}

static enum err plan_read(const struct json *options, struct plan *plan, struct fault *fault) {
    *plan = (struct plan){.bits = FINGERPRINT_BITS, .radius = 2};
    enum err err = count_read(options, "bits", FINGERPRINT_BITS_MAX, &plan->bits, fault);
    if (err == OK)
        err = count_read(options, "radius", FINGERPRINT_RADIUS_MAX, &plan->radius, fault);
    if (err != OK) return err;
    plan->descriptors = json_member_bool(options, "descriptors", true);
    if (plan->bits % 64 || (plan->bits == 0 && !plan->descriptors)) {
        return fault_set(fault, ERR_INPUT, "prepare.bad_option", STR("bits"));
    }
    return OK;
}

static enum err molecule_open(const struct json *options, struct arena *arena,
                              struct prepare_step *step, struct fault *fault) {
    struct plan *plan = ARENA_NEW(arena, struct plan);
    step->plan = plan;
    if (!plan) return ERR_MEMORY;
    enum err err = plan_read(options, plan, fault);
    if (err != OK) return err;
    step->features = ARENA_ARRAY(arena, struct feature, plan->bits + DESCRIPTOR_COUNT);
    if (!step->features) return ERR_MEMORY;
    for (uint32_t d = 0; plan->descriptors && d < DESCRIPTOR_COUNT && err == OK; d++) {
        err = prepare_feature(step, arena, descriptor_name(d), "number");
    }
    for (uint32_t bit = 0; bit < plan->bits && err == OK; bit++) {
        char name[24];
        snprintf(name, sizeof name, "ecfp_%04u", bit);
        err = prepare_feature(step, arena, name, "boolean");
    }
    return err;
}

static bool molecule_fill(const struct prepare_step *step, struct str text, struct arena *scratch,
                          float *const *columns, uint64_t row) {
    const struct plan *plan = step->plan;
    uint64_t bits[FINGERPRINT_BITS_MAX / 64];
    double values[DESCRIPTOR_COUNT];
    struct molecule *molecule;
    struct fault fault = {0};
    uint32_t first = plan->descriptors ? DESCRIPTOR_COUNT : 0;
    if (molecule_parse(text, scratch, &molecule, &fault) != OK) return false;
    if (plan->bits && molecule_fingerprint(molecule, plan->radius, plan->bits, bits) != OK) {
        return false;
    }
    if (plan->descriptors) molecule_descriptors(molecule, values);
    for (uint32_t d = 0; d < first; d++) columns[d][row] = (float)values[d];
    for (uint32_t bit = 0; bit < plan->bits; bit++) {
        columns[first + bit][row] = (float)(bits[bit / 64] >> (bit % 64) & 1);
    }
    return true;
}

const struct prepare_kind prepare_molecule = {
    .name = "molecule", .type = "smiles", .open = molecule_open, .fill = molecule_fill};

// ---- groups -------------------------------------------------------------------------------------

struct str group_column(struct str name, bool *by_scaffold) {
    struct str ending = STR(":scaffold");
    *by_scaffold = name.size > ending.size && str_ends(name, ending);
    if (*by_scaffold) name.size -= ending.size;
    return name;
}

struct str group_of_smiles(struct str smiles, struct arena *scratch, struct buf *room) {
    struct molecule *molecule;
    struct fault fault = {0};
    if (molecule_parse(smiles, scratch, &molecule, &fault) != OK) return smiles;
    buf_clear(room);
    return molecule_scaffold(molecule, room) == OK ? buf_str(room) : smiles;
}

// ---- what an atom owes ------------------------------------------------------------------------

enum err prepare_molecule_atoms(const struct prepare_step *step, const struct molecule *molecule,
                                const double *contributions, double *out) {
    const struct plan *plan = step->plan;
    const struct environment *environments;
    uint32_t count, sharing[FINGERPRINT_BITS_MAX];
    const double *bits = contributions + (plan->descriptors ? DESCRIPTOR_COUNT : 0);
    for (uint32_t i = 0; i < molecule_atom_count(molecule); i++) out[i] = 0;
    if (plan->bits == 0) return OK;
    enum err err = molecule_environments(molecule, plan->radius, &environments, &count);
    if (err != OK) return err;
    memset(sharing, 0, plan->bits * sizeof *sharing);
    for (uint32_t i = 0; i < count; i++) sharing[environments[i].number % plan->bits]++;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bit = environments[i].number % plan->bits;
        double share = bits[bit] / sharing[bit];
        molecule_environment_share(molecule, &environments[i], share, out);
    }
    return OK;
}
