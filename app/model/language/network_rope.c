// How far a head's pairs turn from one token to the next, with what files say about texts longer
// than those a model was made with.
// Sources: Su et al. 2021 (RoFormer); Chen et al. 2023 (linear); Peng et al. 2023 (YaRN).
#include <math.h>

#include "model/language/network_private.h"

struct scaling {
    double factor; // texts are this many times longer than in training
    bool yarn;
    double context;    // of training
    double fast, slow; // turns within it: pairs with more keep their speed
    double scale;      // of cosines and sines
};

static double number(const struct network *network, const struct gguf *file, const char *name,
                     double otherwise) {
    char text[96];
    return gguf_number(file, network_value_name(network, name, text).data, otherwise);
}

static enum err scaling_read(const struct network *network, const struct gguf *file,
                             struct scaling *out, struct fault *fault) {
    char name[96];
    struct str key = network_value_name(network, "rope.scaling.type", name);
    struct str kind = gguf_text(file, key.data, STR("linear"));
    double old = number(network, file, "rope.scale_linear", 1); // as early files call it
    out->factor = number(network, file, "rope.scaling.factor", old);
    out->yarn = str_is(kind, "yarn");
    if (str_is(kind, "none")) out->factor = 1;
    if (!out->yarn && !str_is(kind, "linear") && !str_is(kind, "none")) {
        return fault_set(fault, ERR_INPUT, "network.rope", kind);
    }
    if (out->factor == 0) out->factor = 1;
    out->context =
        number(network, file, "rope.scaling.original_context_length", network->about.context);
    out->fast = number(network, file, "rope.scaling.yarn_beta_fast", 32);
    out->slow = number(network, file, "rope.scaling.yarn_beta_slow", 1);
    out->scale = number(network, file, "rope.scaling.attn_factor", 1);
    if (!(out->factor >= 1e-3 && out->factor <= 1e6) || !(out->context >= 1) ||
        !(out->fast > 0 && out->slow > 0) || !isfinite(out->scale)) {
        return fault_set(fault, ERR_INPUT, "network.rope", kind);
    }
    return OK;
}

// The pair that turns `turns` times within the training's context.
static double pair_turning(const struct network *network, const struct scaling *scaling,
                           double base, double turns) {
    return network->rope_size * log(scaling->context / (turns * 2 * M_PI)) / (2 * log(base));
}

static void speeds_fill(struct network *network, const struct scaling *scaling, double base) {
    uint32_t pairs = network->rope_size / 2;
    double low = fmax(0, floor(pair_turning(network, scaling, base, scaling->fast)));
    double high =
        fmin(network->rope_size - 1, ceil(pair_turning(network, scaling, base, scaling->slow)));
    for (uint32_t i = 0; i < pairs; i++) {
        double speed = pow(base, -2.0 * i / network->rope_size);
        if (network->weights.rope_factors) speed /= (double)network->weights.rope_factors[i];
        double slowed = speed / scaling->factor;
        double kept = 1 - fmin(1, fmax(0, (i - low) / fmax(.001, high - low)));
        network->rope_speeds[i] = scaling->yarn ? slowed * (1 - kept) + speed * kept : slowed;
    }
    double grown = scaling->yarn ? 1 + .1 * log(scaling->factor) : 1;
    network->rope_scale = (float)(grown * scaling->scale);
}

enum err rope_read(struct network *network, const struct gguf *file, struct fault *fault) {
    struct scaling scaling = {0};
    if (network->rope_size == 0) return OK;
    double base = number(network, file, "rope.freq_base", 10000);
    if (!(base > 1 && base < 1e30)) {
        char name[96];
        return fault_set(fault, ERR_INPUT, "network.value",
                         network_value_name(network, "rope.freq_base", name));
    }
    enum err err = scaling_read(network, file, &scaling, fault);
    if (err != OK) return err;
    network->rope_speeds = ARENA_ARRAY(network->arena, double, network->rope_size / 2);
    if (!network->rope_speeds) return ERR_MEMORY;
    speeds_fill(network, &scaling, base);
    return OK;
}

void rope_angles(const struct network *network, uint32_t position, float *cosines, float *sines) {
    for (uint32_t i = 0; i < network->rope_size / 2; i++) {
        double angle = position * network->rope_speeds[i];
        cosines[i] = (float)cos(angle) * network->rope_scale;
        sines[i] = (float)sin(angle) * network->rope_scale;
    }
}
