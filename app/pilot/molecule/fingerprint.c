// Circular fingerprints (Rogers and Hahn 2010, "Extended-Connectivity Fingerprints"). An atom's
// number starts from what it is; each round mixes in its neighbours' numbers and bonds. An
// environment that covers the same bonds as an earlier one says nothing new and is dropped.
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "pilot/molecule/molecule_private.h"

struct pair {
    uint64_t bond, number;
};
struct grown {             // one atom's environment of this round
    const uint64_t *bonds; // (words)
    uint64_t number;
    uint32_t atom, words;
};
struct circles {
    const struct molecule *molecule;
    uint32_t words;
    uint64_t *numbers, *next;         // (atom_count)
    uint64_t *covered, *next_covered; // (atom_count, words) bonds
    bool *done;                       // (atom_count) says nothing new any more
    struct grown *grown;              // (atom_count)
    uint64_t *known;                  // (known_count, words) what was covered in earlier rounds
    uint32_t known_count;
    struct environment *out;
    uint32_t out_count;
};

static uint64_t atom_number(const struct atom *atom) {
    uint64_t number = hash_mix(0, atom->element);
    number = hash_mix(number, (uint64_t)atom->degree + atom->hydrogens);
    number = hash_mix(number, atom->hydrogens);
    number = hash_mix(number, (uint64_t)(atom->charge + 128));
    number = hash_mix(number, atom->isotope);
    return hash_mix(number, atom->ring);
}

static int pair_order(const void *a, const void *b) {
    const struct pair *x = a, *y = b;
    if (x->bond != y->bond) return x->bond < y->bond ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static int grown_order(const void *a, const void *b) {
    const struct grown *x = a, *y = b;
    int order = memcmp(x->bonds, y->bonds, x->words * sizeof *x->bonds);
    if (order) return order;
    if (x->number != y->number) return x->number < y->number ? -1 : 1;
    return x->atom < y->atom ? -1 : x->atom > y->atom;
}

static void circle_grow(struct circles *circles, uint32_t index, uint32_t radius) {
    const struct molecule *molecule = circles->molecule;
    struct pair pairs[UINT8_MAX];
    uint32_t count = 0, words = circles->words;
    uint64_t *covered = circles->next_covered + (size_t)index * words;
    memcpy(covered, circles->covered + (size_t)index * words, words * sizeof *covered);
    LINKS_OF(molecule, index, link) {
        const struct bond *bond = &molecule->bonds[link->bond];
        uint64_t kind = bond->aromatic ? 12 : bond->order;
        pairs[count++] = (struct pair){kind, circles->numbers[link->atom]};
        covered[link->bond / 64] |= (uint64_t)1 << (link->bond % 64);
        const uint64_t *other = circles->covered + (size_t)link->atom * words;
        for (uint32_t w = 0; w < words; w++) covered[w] |= other[w];
    }
    qsort(pairs, count, sizeof *pairs, pair_order);
    uint64_t number = hash_mix(hash_mix(0, radius), circles->numbers[index]);
    for (uint32_t i = 0; i < count; i++)
        number = hash_mix(hash_mix(number, pairs[i].bond), pairs[i].number);
    circles->next[index] = number;
}

static bool is_known(const struct circles *circles, const uint64_t *bonds) {
    size_t bytes = circles->words * sizeof *bonds;
    for (uint32_t i = 0; i < circles->known_count; i++) {
        if (memcmp(circles->known + (size_t)i * circles->words, bonds, bytes) == 0) return true;
    }
    return false;
}

static void circles_round(struct circles *circles, uint32_t radius) {
    uint32_t count = 0, atoms = circles->molecule->atom_count, words = circles->words;
    for (uint32_t i = 0; i < atoms; i++) {
        circle_grow(circles, i, radius);
        circles->done[i] |= circles->molecule->atoms[i].degree == 0;
        if (circles->done[i]) continue;
        const uint64_t *bonds = circles->next_covered + (size_t)i * words;
        circles->grown[count++] = (struct grown){bonds, circles->next[i], i, words};
    }
    qsort(circles->grown, count, sizeof *circles->grown, grown_order);
    for (uint32_t i = 0; i < count; i++) {
        const struct grown *grown = &circles->grown[i];
        if (is_known(circles, grown->bonds)) {
            circles->done[grown->atom] = true;
            continue;
        }
        uint64_t *known = circles->known + (size_t)circles->known_count++ * words;
        memcpy(known, grown->bonds, words * sizeof *known);
        circles->out[circles->out_count++] =
            (struct environment){grown->number, (uint16_t)grown->atom, (uint16_t)radius};
    }
    uint64_t *numbers = circles->numbers, *covered = circles->covered;
    circles->numbers = circles->next;
    circles->next = numbers;
    circles->covered = circles->next_covered;
    circles->next_covered = covered;
}

static bool circles_open(struct circles *circles, uint32_t radius) {
    struct arena *arena = circles->molecule->arena;
    size_t atoms = circles->molecule->atom_count, words = circles->words;
    circles->numbers = ARENA_ARRAY(arena, uint64_t, atoms);
    circles->next = ARENA_ARRAY(arena, uint64_t, atoms);
    circles->covered = ARENA_ARRAY(arena, uint64_t, atoms * words);
    circles->next_covered = ARENA_ARRAY(arena, uint64_t, atoms * words);
    circles->done = ARENA_ARRAY(arena, bool, atoms);
    circles->grown = ARENA_ARRAY(arena, struct grown, atoms);
    circles->known = ARENA_ARRAY(arena, uint64_t, atoms * words * radius + 1);
    circles->out = ARENA_ARRAY(arena, struct environment, atoms * (radius + 1));
    return circles->numbers && circles->next && circles->covered && circles->next_covered &&
           circles->done && circles->grown && circles->known && circles->out;
}

enum err molecule_environments(const struct molecule *molecule, uint32_t radius,
                               const struct environment **out, uint32_t *count) {
    struct circles circles = {.molecule = molecule, .words = (molecule->bond_count + 63) / 64};
    cy_assert(radius <= FINGERPRINT_RADIUS_MAX);
    if (circles.words == 0) circles.words = 1;
    if (!circles_open(&circles, radius)) return ERR_MEMORY;
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        circles.numbers[i] = atom_number(&molecule->atoms[i]);
        circles.out[circles.out_count++] = (struct environment){circles.numbers[i], (uint16_t)i, 0};
    }
    for (uint32_t round = 1; round <= radius; round++) circles_round(&circles, round);
    *out = circles.out;
    *count = circles.out_count;
    return OK;
}

enum err molecule_fingerprint(const struct molecule *molecule, uint32_t radius, uint32_t bits,
                              uint64_t *out) {
    const struct environment *environments;
    uint32_t count;
    enum err err = molecule_environments(molecule, radius, &environments, &count);
    if (err != OK) return err;
    memset(out, 0, (bits + 63) / 64 * sizeof *out);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bit = environments[i].number % bits;
        out[bit / 64] |= (uint64_t)1 << (bit % 64);
    }
    return OK;
}

double fingerprint_similarity(const uint64_t *a, const uint64_t *b, uint32_t bits) {
    uint32_t both = 0, any = 0;
    for (uint32_t w = 0; w < (bits + 63) / 64; w++) {
        both += (uint32_t)__builtin_popcountll(a[w] & b[w]);
        any += (uint32_t)__builtin_popcountll(a[w] | b[w]);
    }
    return any ? (double)both / any : 1;
}

// The atoms within reach, in rings around the first: an environment is small.
void molecule_environment_share(const struct molecule *molecule,
                                const struct environment *environment, double share, double *out) {
    enum { REACHED_MAX = 1 + 16 + 16 * 16 };
    uint16_t reached[REACHED_MAX];
    uint32_t count = 0, from = 0;
    reached[count++] = environment->atom;
    for (uint32_t round = 0; round < environment->radius; round++) {
        uint32_t end = count;
        for (; from < end; from++) {
            LINKS_OF(molecule, reached[from], link) {
                bool known = false;
                for (uint32_t i = 0; i < count; i++) known |= reached[i] == link->atom;
                if (!known && count < REACHED_MAX) reached[count++] = link->atom;
            }
        }
    }
    for (uint32_t i = 0; i < count; i++) out[reached[i]] += share / count;
}
