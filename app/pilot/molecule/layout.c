// Flat coordinates for drawing, in bond lengths. Each ring system is laid out by itself: regular
// polygons side by side over shared bonds, spiro rings across from each other, bridges as arcs.
// Then systems and chains are put together outwards from a ring, chains in zigzag; sides of single
// bonds are turned over where atoms would lie on each other; the whole is turned to lie flat.
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "pilot/molecule/molecule_private.h"

enum { NONE = UINT16_MAX, RELIEF_ATOMS_MAX = 300, RELIEF_ROUNDS = 3 };
static const double PI = 3.14159265358979323846;
static const double NEAR = 0.75; // two atoms closer than this lie on each other

struct layout {
    const struct molecule *molecule;
    struct point *at; // (atom_count)
    uint16_t *system; // (atom_count) ring system; NONE: in no ring
    uint8_t *placed;  // (atom_count) 1: within its ring system, 2: in the whole
    int8_t *turn;     // (atom_count) which way a chain turned last: 1, -1
    uint16_t *queue;  // (atom_count)
    bool *side;       // (atom_count) scratch of the relief
    uint32_t system_count;
};
enum { LOOSE, WITHIN_SYSTEM, IN_WHOLE };

static struct point plus(struct point a, struct point b) {
    return (struct point){a.x + b.x, a.y + b.y};
}

static struct point minus(struct point a, struct point b) {
    return (struct point){a.x - b.x, a.y - b.y};
}

static struct point towards(double angle, double length) {
    return (struct point){length * cos(angle), length * sin(angle)};
}

static double angle_of(struct point direction) {
    return atan2(direction.y, direction.x);
}

static double distance(struct point a, struct point b) {
    return hypot(a.x - b.x, a.y - b.y);
}

// --- ring systems --------------------------------------------------------------------------------

static void systems_find(struct layout *layout) {
    const struct molecule *molecule = layout->molecule;
    memset(layout->system, 0xFF, molecule->atom_count * sizeof *layout->system);
    for (uint32_t start = 0; start < molecule->atom_count; start++) {
        if (!molecule->atoms[start].ring || layout->system[start] != NONE) continue;
        uint16_t number = (uint16_t)layout->system_count++;
        uint32_t head = 0, tail = 0;
        layout->system[start] = number;
        layout->queue[tail++] = (uint16_t)start;
        while (head < tail) {
            uint16_t at = layout->queue[head++];
            LINKS_OF(molecule, at, link) {
                if (!molecule->bonds[link->bond].ring || layout->system[link->atom] != NONE)
                    continue;
                layout->system[link->atom] = number;
                layout->queue[tail++] = link->atom;
            }
        }
    }
}

// The centre of what is placed of a system.
static struct point system_centre(const struct layout *layout, uint16_t system) {
    struct point sum = {0};
    uint32_t count = 0;
    for (uint32_t i = 0; i < layout->molecule->atom_count; i++) {
        if (layout->system[i] != system || layout->placed[i] == LOOSE) continue;
        sum = plus(sum, layout->at[i]);
        count++;
    }
    return count ? (struct point){sum.x / count, sum.y / count} : sum;
}

// Angle of a step such that `steps` unit steps along a circle span the chord.
static double arc_step(double chord, uint32_t steps) {
    double low = 1e-6, high = 2 * PI / steps - 1e-6;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (sin(steps * middle / 2) / sin(middle / 2) > chord)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

static bool is_taken(const struct layout *layout, uint16_t system, struct point at) {
    for (uint32_t i = 0; i < layout->molecule->atom_count; i++) {
        if (layout->system[i] != system || layout->placed[i] == LOOSE) continue;
        if (distance(layout->at[i], at) < 0.12) return true;
    }
    return false;
}

// Places the loose atoms first … first + count - 1 of a ring between the placed ones at both ends,
// on an arc that leads away from `centre`.
static void arc_place(struct layout *layout, const struct ring *ring, uint32_t first,
                      uint32_t count, struct point centre) {
    uint32_t size = ring->size;
    struct point from = layout->at[ring->atoms[(first + size - 1) % size]];
    struct point to = layout->at[ring->atoms[(first + count) % size]];
    struct point chord = minus(to, from), middle = {(from.x + to.x) / 2, (from.y + to.y) / 2};
    double length = distance(from, to), base = angle_of(chord);
    double step = length < count + 1 ? arc_step(length, count + 1) : 0;
    struct point away = minus(middle, centre);
    // Left of the chord, or right, whichever leads away.
    double sign = chord.x * away.y - chord.y * away.x >= 0 ? 1 : -1;
    double each = step > 0 ? 1 : length / (count + 1);
    double heading = base + sign * step * count / 2;
    struct point at = from;
    bool crowded = false;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t atom = ring->atoms[(first + i) % size];
        at = plus(at, towards(heading, each));
        heading -= sign * step;
        crowded |= is_taken(layout, layout->system[atom], at);
        layout->at[atom] = at;
    }
    // Where a bridge would lie on another one, it goes straight across, a little aside.
    struct point aside = towards(base + sign * PI / 2, -0.25);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t atom = ring->atoms[(first + i) % size];
        double share = (double)(i + 1) / (count + 1);
        struct point across = {from.x + chord.x * share, from.y + chord.y * share};
        if (crowded) layout->at[atom] = plus(across, aside);
        layout->placed[atom] = WITHIN_SYSTEM;
    }
}

static void polygon_place(struct layout *layout, const struct ring *ring, uint32_t first,
                          struct point centre, double start) {
    double radius = 0.5 / sin(PI / ring->size);
    for (uint32_t i = 0; i < ring->size; i++) {
        uint16_t atom = ring->atoms[(first + i) % ring->size];
        if (layout->placed[atom] != LOOSE) continue;
        layout->at[atom] = plus(centre, towards(start + 2 * PI * i / ring->size, radius));
        layout->placed[atom] = WITHIN_SYSTEM;
    }
}

// A ring that shares one atom: across from what is there already.
static void spiro_place(struct layout *layout, const struct ring *ring, uint32_t shared) {
    uint16_t atom = ring->atoms[shared];
    struct point out = {0};
    LINKS_OF(layout->molecule, atom, link) {
        if (layout->placed[link->atom] == LOOSE) continue;
        out = plus(out, minus(layout->at[atom], layout->at[link->atom]));
    }
    double angle = angle_of(out), radius = 0.5 / sin(PI / ring->size);
    struct point centre = plus(layout->at[atom], towards(angle, radius));
    polygon_place(layout, ring, shared, centre, angle + PI);
}

static void ring_join(struct layout *layout, const struct ring *ring, uint32_t placed) {
    uint32_t size = ring->size, start = 0;
    if (placed == 0) {
        polygon_place(layout, ring, 0, (struct point){0}, 0);
        return;
    }
    while (layout->placed[ring->atoms[start]] == LOOSE) start++;
    if (placed == 1) {
        spiro_place(layout, ring, start);
        return;
    }
    struct point centre = system_centre(layout, layout->system[ring->atoms[0]]);
    for (uint32_t i = 0; i < size;) {
        uint32_t place = (start + i) % size, count = 0;
        if (layout->placed[ring->atoms[place]] != LOOSE) {
            i++;
            continue;
        }
        while (layout->placed[ring->atoms[(place + count) % size]] == LOOSE) count++;
        arc_place(layout, ring, place, count, centre);
        i += count;
    }
}

// How well a ring joins what is placed: over one bond best, then over one atom, then any way.
static uint32_t join_rank(const struct layout *layout, const struct ring *ring, uint32_t *placed) {
    uint32_t bonds = 0;
    *placed = 0;
    for (uint32_t i = 0; i < ring->size; i++) {
        bool here = layout->placed[ring->atoms[i]] != LOOSE;
        bool next = layout->placed[ring->atoms[(i + 1) % ring->size]] != LOOSE;
        *placed += here;
        bonds += here && next;
    }
    if (*placed == ring->size || *placed == 0) return 0;
    if (*placed == 2 && bonds == 1) return 4;
    if (bonds + 1 == *placed && *placed > 1) return 3;
    return *placed == 1 ? 2 : 1;
}

static void system_place(struct layout *layout, uint16_t system) {
    const struct molecule *molecule = layout->molecule;
    bool first = true;
    for (;;) {
        const struct ring *best = NULL;
        uint32_t best_rank = 0, best_placed = 0;
        for (uint32_t r = 0; r < molecule->ring_count; r++) {
            const struct ring *ring = &molecule->rings[r];
            uint32_t placed, rank;
            if (layout->system[ring->atoms[0]] != system) continue;
            rank = join_rank(layout, ring, &placed);
            if (first && !best) best = ring;
            if (rank <= best_rank || first) continue;
            best = ring;
            best_rank = rank;
            best_placed = placed;
        }
        if (!best) return;
        ring_join(layout, best, best_placed);
        first = false;
    }
}

// --- the whole -----------------------------------------------------------------------------------

// The direction away from an atom's neighbours in its ring system.
static double outward(const struct layout *layout, uint16_t atom) {
    struct point sum = {0};
    LINKS_OF(layout->molecule, atom, link) {
        if (layout->system[link->atom] != layout->system[atom]) continue;
        if (layout->placed[link->atom] == LOOSE) continue;
        struct point step = minus(layout->at[atom], layout->at[link->atom]);
        double length = hypot(step.x, step.y);
        if (length > 0) sum = plus(sum, (struct point){step.x / length, step.y / length});
    }
    return angle_of(sum);
}

// Moves a whole ring system so that `atom` comes to `to`, its outside facing `facing`.
static void system_move(struct layout *layout, uint16_t atom, struct point to, double facing,
                        uint32_t *tail) {
    struct point origin = layout->at[atom];
    double turn = facing - outward(layout, atom), c = cos(turn), s = sin(turn);
    for (uint32_t i = 0; i < layout->molecule->atom_count; i++) {
        if (layout->system[i] != layout->system[atom]) continue;
        struct point from = minus(layout->at[i], origin);
        layout->at[i] = plus(to, (struct point){c * from.x - s * from.y, s * from.x + c * from.y});
        layout->placed[i] = IN_WHOLE;
        layout->queue[(*tail)++] = (uint16_t)i;
    }
}

static void neighbour_place(struct layout *layout, uint16_t parent, uint16_t atom, double angle,
                            uint32_t *tail) {
    struct point to = plus(layout->at[parent], towards(angle, 1));
    if (layout->system[atom] != NONE) {
        system_move(layout, atom, to, angle + PI, tail);
        return;
    }
    layout->at[atom] = to;
    layout->placed[atom] = IN_WHOLE;
    layout->queue[(*tail)++] = atom;
}

static bool is_straight(const struct molecule *molecule, uint16_t atom) {
    uint32_t twofold = 0, triple = 0;
    LINKS_OF(molecule, atom, link) {
        twofold += molecule->bonds[link->bond].order == 2;
        triple += molecule->bonds[link->bond].order >= 3;
    }
    return triple || twofold >= 2;
}

// The widest free part around an atom: where it starts and how wide it is.
static double widest_gap(const double *angles, uint32_t count, double *start) {
    double widest = 0;
    *start = 0;
    if (count == 0) return 2 * PI;
    for (uint32_t i = 0; i < count; i++) {
        double gap = 2 * PI; // to the next one, counter-clockwise
        for (uint32_t j = 0; j < count; j++) {
            double between = fmod(angles[j] - angles[i] + 4 * PI, 2 * PI);
            if (j != i && between > 1e-9 && between < gap) gap = between;
        }
        if (gap <= widest + 1e-9) continue;
        widest = gap;
        *start = angles[i];
    }
    return widest;
}

static void around_place(struct layout *layout, uint16_t atom, uint32_t *tail) {
    const struct molecule *molecule = layout->molecule;
    double angles[UINT8_MAX], start;
    uint32_t placed = 0, loose = 0, next = 0;
    LINKS_OF(molecule, atom, link) {
        if (layout->placed[link->atom] != IN_WHOLE) {
            loose++;
        } else {
            angles[placed++] = angle_of(minus(layout->at[link->atom], layout->at[atom]));
        }
    }
    double gap = widest_gap(angles, placed, &start);
    bool chain = placed == 1 && loose == 1 && !is_straight(molecule, atom);
    LINKS_OF(molecule, atom, link) {
        if (layout->placed[link->atom] == IN_WHOLE) continue;
        double angle = start + gap * (next + 1) / (loose + (placed > 0));
        if (chain) angle = angles[0] + layout->turn[atom] * 2 * PI / 3;
        layout->turn[link->atom] = (int8_t)(chain ? -layout->turn[atom] : next % 2 ? -1 : 1);
        neighbour_place(layout, atom, link->atom, angle, tail);
        next++;
    }
}

static void part_place(struct layout *layout, uint16_t start, uint32_t *from, uint32_t *tail) {
    *from = *tail;
    uint32_t head = *tail;
    layout->turn[start] = 1;
    if (layout->system[start] != NONE) {
        system_move(layout, start, layout->at[start], outward(layout, start), tail);
    } else {
        layout->placed[start] = IN_WHOLE;
        layout->at[start] = (struct point){0};
        layout->queue[(*tail)++] = start;
    }
    while (head < *tail) around_place(layout, layout->queue[head++], tail);
}

// --- relief --------------------------------------------------------------------------------------

// Marks what hangs on bond `cut` on the side of `start`. Returns how many atoms.
static uint32_t side_mark(struct layout *layout, uint16_t start, uint16_t cut, uint16_t *stack) {
    const struct molecule *molecule = layout->molecule;
    uint32_t depth = 0, count = 0;
    memset(layout->side, 0, molecule->atom_count);
    layout->side[start] = true;
    stack[depth++] = start;
    while (depth) {
        uint16_t at = stack[--depth];
        count++;
        LINKS_OF(molecule, at, link) {
            if (link->bond == cut || layout->side[link->atom]) continue;
            layout->side[link->atom] = true;
            stack[depth++] = link->atom;
        }
    }
    return count;
}

static struct point mirrored(struct point point, struct point on, struct point axis) {
    struct point from = minus(point, on);
    double along = from.x * axis.x + from.y * axis.y;
    return (struct point){on.x + 2 * along * axis.x - from.x, on.y + 2 * along * axis.y - from.y};
}

// How badly the marked side lies on the rest; as it is, or turned over.
static double crowding(const struct layout *layout, bool turned, struct point on,
                       struct point axis) {
    double sum = 0;
    uint32_t count = layout->molecule->atom_count;
    for (uint32_t i = 0; i < count; i++) {
        if (!layout->side[i]) continue;
        struct point at = turned ? mirrored(layout->at[i], on, axis) : layout->at[i];
        for (uint32_t j = 0; j < count; j++) {
            if (layout->side[j]) continue;
            double apart = distance(at, layout->at[j]);
            if (apart < NEAR) sum += (NEAR - apart) * (NEAR - apart) + 0.01;
        }
    }
    return sum;
}

static bool turn_over(struct layout *layout, const struct bond *bond, uint16_t index) {
    struct point on = layout->at[bond->from], to = layout->at[bond->to], axis = minus(to, on);
    double length = hypot(axis.x, axis.y);
    if (length <= 0) return false;
    axis = (struct point){axis.x / length, axis.y / length};
    (void)side_mark(layout, bond->to, index, layout->queue);
    double now = crowding(layout, false, on, axis);
    if (now <= 0 || crowding(layout, true, on, axis) >= now - 1e-6) return false;
    for (uint32_t i = 0; i < layout->molecule->atom_count; i++) {
        if (layout->side[i]) layout->at[i] = mirrored(layout->at[i], on, axis);
    }
    return true;
}

static void relieve(struct layout *layout) {
    const struct molecule *molecule = layout->molecule;
    if (molecule->atom_count > RELIEF_ATOMS_MAX) return;
    for (int round = 0; round < RELIEF_ROUNDS; round++) {
        bool moved = false;
        for (uint32_t b = 0; b < molecule->bond_count; b++) {
            const struct bond *bond = &molecule->bonds[b];
            if (bond->ring || bond->order != 1) continue;
            moved |= turn_over(layout, bond, (uint16_t)b);
        }
        if (!moved) return;
    }
}

// --- parts side by side, lying flat --------------------------------------------------------------

struct box {
    double left, right, low, high;
};

static struct box box_of(const struct layout *layout, uint32_t from, uint32_t to, double turn) {
    struct box box = {HUGE_VAL, -HUGE_VAL, HUGE_VAL, -HUGE_VAL};
    double c = cos(turn), s = sin(turn);
    for (uint32_t i = from; i < to; i++) {
        struct point at = layout->at[layout->queue[i]];
        double x = c * at.x - s * at.y, y = s * at.x + c * at.y;
        box.left = fmin(box.left, x);
        box.right = fmax(box.right, x);
        box.low = fmin(box.low, y);
        box.high = fmax(box.high, y);
    }
    return box;
}

static void part_settle(struct layout *layout, uint32_t from, uint32_t to, double *right) {
    double best = 0, lowest = HUGE_VAL;
    for (int step = 0; step < 12; step++) {
        struct box box = box_of(layout, from, to, step * PI / 12);
        double height = box.high - box.low;
        if (height >= lowest - 1e-6) continue;
        lowest = height;
        best = step * PI / 12;
    }
    struct box box = box_of(layout, from, to, best);
    double c = cos(best), s = sin(best);
    for (uint32_t i = from; i < to; i++) {
        struct point *at = &layout->at[layout->queue[i]];
        struct point turned = {c * at->x - s * at->y, s * at->x + c * at->y};
        at->x = turned.x - box.left + *right;
        at->y = turned.y - (box.low + box.high) / 2;
    }
    *right += box.right - box.left + 1.5;
}

// Where to start a part: in its first ring system, else at an end of a chain.
static uint16_t part_start(const struct layout *layout, uint16_t first, bool *seen,
                           uint16_t *stack) {
    const struct molecule *molecule = layout->molecule;
    uint32_t depth = 0;
    uint16_t best = first;
    seen[first] = true;
    stack[depth++] = first;
    while (depth) {
        uint16_t at = stack[--depth];
        bool ring = layout->system[at] != NONE, best_ring = layout->system[best] != NONE;
        bool end = molecule->atoms[at].degree < molecule->atoms[best].degree;
        if ((ring && !best_ring) || (!ring && !best_ring && end)) best = at;
        LINKS_OF(molecule, at, link) {
            if (seen[link->atom]) continue;
            seen[link->atom] = true;
            stack[depth++] = link->atom;
        }
    }
    return best;
}

static bool layout_open(struct layout *layout) {
    struct arena *arena = layout->molecule->arena;
    uint32_t count = layout->molecule->atom_count;
    layout->at = ARENA_ARRAY(arena, struct point, count);
    layout->system = ARENA_ARRAY(arena, uint16_t, count);
    layout->placed = ARENA_ARRAY(arena, uint8_t, count);
    layout->turn = ARENA_ARRAY(arena, int8_t, count);
    layout->queue = ARENA_ARRAY(arena, uint16_t, count);
    layout->side = ARENA_ARRAY(arena, bool, count);
    return layout->at && layout->system && layout->placed && layout->turn && layout->queue &&
           layout->side;
}

enum err molecule_layout(const struct molecule *molecule, const struct point **out) {
    struct layout layout = {.molecule = molecule};
    uint32_t count = molecule->atom_count, tail = 0, part = 0;
    bool *seen = ARENA_ARRAY(molecule->arena, bool, count);
    uint16_t *stack = ARENA_ARRAY(molecule->arena, uint16_t, count);
    uint32_t *ends = ARENA_ARRAY(molecule->arena, uint32_t, count + 1);
    if (!seen || !stack || !ends || !layout_open(&layout)) return ERR_MEMORY;
    systems_find(&layout);
    for (uint32_t s = 0; s < layout.system_count; s++) system_place(&layout, (uint16_t)s);
    for (uint32_t i = 0; i < count; i++) {
        if (seen[i]) continue;
        uint16_t start = part_start(&layout, (uint16_t)i, seen, stack);
        part_place(&layout, start, &ends[part], &tail);
        part++;
    }
    ends[part] = tail;
    memcpy(stack, layout.queue, tail * sizeof *stack);
    relieve(&layout);
    memcpy(layout.queue, stack, tail * sizeof *stack);
    double right = 0;
    for (uint32_t p = 0; p < part; p++) part_settle(&layout, ends[p], ends[p + 1], &right);
    *out = layout.at;
    return OK;
}
