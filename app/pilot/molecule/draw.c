// A molecule as SVG: lines for bonds in one Kekulé form, letters for atoms that are not plain
// carbon, discs behind atoms that are to stand out (dashed where the weight is negative, so that
// colour is not all that tells). No script, no style sheet; it takes the page's colour.
#include <math.h>

#include "base/assert.h"
#include "pilot/molecule/molecule_private.h"

struct canvas {
    const struct molecule *molecule;
    const struct point *at;
    struct buf *out;
    double scale, left, top; // pixels a bond length; where the picture's corner lies
};

static struct point pixel(const struct canvas *canvas, struct point at) {
    return (struct point){(at.x - canvas->left) * canvas->scale,
                          (canvas->top - at.y) * canvas->scale};
}

static bool has_label(const struct atom *atom) {
    return atom->element != CARBON || atom->charge || atom->isotope || atom->radicals ||
           atom->degree == 0;
}

static void line(const struct canvas *canvas, struct point a, struct point b) {
    struct point from = pixel(canvas, a), to = pixel(canvas, b);
    buf_printf(canvas->out, "<path d=\"M%.1f %.1fL%.1f %.1f\"/>", from.x, from.y, to.x, to.y);
}

// The centre of a ring the bond lies in, the smallest one; false if it lies in none.
static bool ring_centre(const struct canvas *canvas, uint32_t bond, struct point *out) {
    const struct molecule *molecule = canvas->molecule;
    const struct ring *best = NULL;
    for (uint32_t r = 0; r < molecule->ring_count; r++) {
        const struct ring *ring = &molecule->rings[r];
        if (best && best->size <= ring->size) continue;
        for (uint32_t i = 0; i < ring->size; i++) {
            if (ring->bonds[i] == bond) best = ring;
        }
    }
    if (!best) return false;
    *out = (struct point){0};
    for (uint32_t i = 0; i < best->size; i++) {
        out->x += canvas->at[best->atoms[i]].x / best->size;
        out->y += canvas->at[best->atoms[i]].y / best->size;
    }
    return true;
}

// On which side of the bond lies the second line: 1 left, -1 right, 0 both.
static double second_side(const struct canvas *canvas, uint32_t index, struct point a,
                          struct point along) {
    const struct bond *bond = &canvas->molecule->bonds[index];
    struct point centre;
    if (ring_centre(canvas, index, &centre)) {
        double cross = along.x * (centre.y - a.y) - along.y * (centre.x - a.x);
        return cross >= 0 ? 1 : -1;
    }
    uint8_t from = canvas->molecule->atoms[bond->from].degree;
    uint8_t to = canvas->molecule->atoms[bond->to].degree;
    return from == 1 || to == 1 ? 0 : 1;
}

static void bond_draw(const struct canvas *canvas, uint32_t index) {
    const struct molecule *molecule = canvas->molecule;
    const struct bond *bond = &molecule->bonds[index];
    struct point a = canvas->at[bond->from], b = canvas->at[bond->to];
    double length = hypot(b.x - a.x, b.y - a.y), gap = 0.13;
    if (length < 0.05) return;
    struct point along = {(b.x - a.x) / length, (b.y - a.y) / length};
    double at_from = has_label(&molecule->atoms[bond->from]) ? 0.28 : 0;
    double at_to = has_label(&molecule->atoms[bond->to]) ? 0.28 : 0;
    struct point from = {a.x + along.x * at_from, a.y + along.y * at_from};
    struct point to = {b.x - along.x * at_to, b.y - along.y * at_to};
    double side = bond->order == 2 ? second_side(canvas, index, a, along) : 0;
    if (bond->order != 2 || side != 0) line(canvas, from, to);
    for (int sign = -1; sign <= 1 && bond->order > 1; sign += 2) {
        if (side != 0 && sign != (int)side) continue;
        double off = side == 0 && bond->order == 2 ? gap / 2 : gap, inset = side != 0 ? 0.12 : 0;
        struct point shift = {-along.y * off * sign, along.x * off * sign};
        double cut_from = at_from > 0 ? 0 : inset, cut_to = at_to > 0 ? 0 : inset;
        line(canvas,
             (struct point){from.x + shift.x + along.x * cut_from,
                            from.y + shift.y + along.y * cut_from},
             (struct point){to.x + shift.x - along.x * cut_to, to.y + shift.y - along.y * cut_to});
    }
}

static void hydrogens_write(struct buf *out, uint32_t count) {
    if (count == 0) return;
    buf_add_char(out, 'H');
    if (count > 1) buf_printf(out, "<tspan dy=\"3\" font-size=\"9\">%u</tspan>", count);
}

// Letters lean away from the neighbours: HO– on the left, –OH on the right.
static void label_draw(const struct canvas *canvas, uint32_t index) {
    const struct atom *atom = &canvas->molecule->atoms[index];
    struct point at = pixel(canvas, canvas->at[index]);
    struct buf *out = canvas->out;
    double lean = 0;
    LINKS_OF(canvas->molecule, index, link) {
        lean += canvas->at[link->atom].x - canvas->at[index].x;
    }
    bool before = atom->hydrogens && lean > 0.1 && atom->charge == 0;
    const char *symbol = elements[atom->element].symbol;
    double half = (symbol[1] ? 0.27 : 0.16) * canvas->scale;
    buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">",
               at.x + (before ? half : -half), at.y + 0.16 * canvas->scale,
               before ? "end" : "start");
    if (before) hydrogens_write(out, atom->hydrogens);
    if (atom->isotope) {
        buf_printf(
            out, "<tspan dy=\"-.4em\" font-size=\"65%%\">%u</tspan><tspan dy=\".26em\">%s</tspan>",
            atom->isotope, symbol);
    } else if (before && atom->hydrogens > 1) {
        buf_printf(out, "<tspan dy=\"-.13em\">%s</tspan>", symbol);
    } else {
        buf_add_text(out, symbol);
    }
    if (!before) hydrogens_write(out, atom->hydrogens);
    int size = atom->charge < 0 ? -atom->charge : atom->charge;
    if (size) {
        bool lowered = atom->hydrogens > 1;
        buf_printf(out, "<tspan dy=\"%s\" font-size=\"70%%\">", lowered ? "-.75em" : "-.5em");
        if (size > 1) buf_add_i64(out, size);
        buf_add_text(out, atom->charge > 0 ? "+</tspan>" : "\xE2\x88\x92</tspan>");
    }
    buf_add_text(out, "</text>");
}

static void discs_draw(const struct canvas *canvas, const double *weights) {
    double most = 0;
    for (uint32_t i = 0; i < canvas->molecule->atom_count; i++) {
        if (isfinite(weights[i])) most = fmax(most, fabs(weights[i]));
    }
    for (uint32_t i = 0; i < canvas->molecule->atom_count && most > 0; i++) {
        double strength = isfinite(weights[i]) ? weights[i] / most : 0;
        if (fabs(strength) < 0.05) continue;
        struct point at = pixel(canvas, canvas->at[i]);
        buf_printf(canvas->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\" ", at.x,
                   at.y, 0.42 * canvas->scale, strength > 0 ? "#e8590c" : "#1c7ed6");
        buf_printf(canvas->out, "fill-opacity=\"%.2f\"", 0.6 * fabs(strength));
        if (strength < 0) {
            buf_add_text(canvas->out, " stroke=\"#1c7ed6\" stroke-dasharray=\"3 2\"");
        }
        buf_add_text(canvas->out, "/>");
    }
}

// The scale that fits, at most 32 pixels a bond; the picture in the middle.
static void canvas_fit(struct canvas *canvas, double width, double height) {
    double left = HUGE_VAL, right = -HUGE_VAL, low = HUGE_VAL, high = -HUGE_VAL;
    for (uint32_t i = 0; i < canvas->molecule->atom_count; i++) {
        left = fmin(left, canvas->at[i].x);
        right = fmax(right, canvas->at[i].x);
        low = fmin(low, canvas->at[i].y);
        high = fmax(high, canvas->at[i].y);
    }
    double margin = 1.0;
    canvas->scale =
        fmin(fmin(width / (right - left + 2 * margin), height / (high - low + 2 * margin)), 32);
    canvas->left = (left + right) / 2 - width / canvas->scale / 2;
    canvas->top = (low + high) / 2 + height / canvas->scale / 2;
}

enum err molecule_draw(const struct molecule *molecule, uint32_t width, uint32_t height,
                       const double *weights, struct buf *out) {
    struct canvas canvas = {.molecule = molecule, .out = out};
    cy_assert(width <= DRAWING_PIXELS_MAX && height <= DRAWING_PIXELS_MAX);
    enum err err = molecule_layout(molecule, &canvas.at);
    if (err != OK) return err;
    canvas_fit(&canvas, width, height);
    buf_printf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"%u\" height=\"%u\" "
               "viewBox=\"0 0 %u %u\"><title>",
               width, height, width, height);
    err = molecule_smiles(molecule, out);
    if (err != OK) return err;
    buf_add_text(out, "</title>");
    if (weights) discs_draw(&canvas, weights);
    buf_printf(out,
               "<g fill=\"none\" stroke=\"currentColor\" stroke-width=\"%.1f\" "
               "stroke-linecap=\"round\">",
               canvas.scale > 20 ? 1.6 : 1.0);
    for (uint32_t b = 0; b < molecule->bond_count; b++) bond_draw(&canvas, b);
    buf_printf(out, "</g><g fill=\"currentColor\" font-family=\"sans-serif\" font-size=\"%.1f\">",
               0.45 * canvas.scale);
    for (uint32_t i = 0; i < molecule->atom_count; i++) {
        if (has_label(&molecule->atoms[i])) label_draw(&canvas, i);
    }
    buf_add_text(out, "</g></svg>");
    return buf_err(out);
}
