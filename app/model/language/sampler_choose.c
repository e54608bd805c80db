// Choosing without sorting: Hoare's quickselect, by count and by mass.
#include "model/language/sampler_private.h"

// The order of candidates: the greater logit, then the smaller number.
static bool before(const struct candidate_token *a, const struct candidate_token *b) {
    return a->logit > b->logit || (a->logit == b->logit && a->token < b->token);
}

static void swap(struct candidate_token *a, struct candidate_token *b) {
    struct candidate_token held = *a;
    *a = *b;
    *b = held;
}

// Puts one of [first, end) where it belongs; what is before it comes before it. Which one: the
// middle of three places that no order of a vocabulary is likely to make bad ones.
static uint32_t part(struct candidate_token *all, uint32_t first, uint32_t end) {
    uint32_t size = end - first, hash = size * 2654435761u;
    uint32_t a = first + hash % size, b = first + (hash >> 8) % size, c = first + size / 2;
    if (before(&all[b], &all[a])) a ^= b, b ^= a, a ^= b;
    if (before(&all[c], &all[b])) b = before(&all[c], &all[a]) ? a : c;
    swap(&all[b], &all[end - 1]);
    uint32_t to = first;
    for (uint32_t i = first; i + 1 < end; i++) {
        if (before(&all[i], &all[end - 1])) swap(&all[i], &all[to++]);
    }
    swap(&all[to], &all[end - 1]);
    return to;
}

void candidates_top(struct candidate_token *candidates, uint32_t count, uint32_t keep) {
    uint32_t first = 0, end = count;
    while (keep < end && end - first > 1) {
        uint32_t middle = part(candidates, first, end);
        if (middle == keep || middle + 1 == keep) return;
        if (middle > keep)
            end = middle;
        else
            first = middle + 1;
    }
}

uint32_t candidates_mass(struct candidate_token *candidates, uint32_t count, double wanted) {
    uint32_t first = 0, end = count;
    while (first < end) {
        uint32_t middle = part(candidates, first, end);
        double better = 0;
        for (uint32_t i = first; i < middle; i++) better += (double)candidates[i].mass;
        if (middle > first && better >= wanted) {
            end = middle;
            continue;
        }
        wanted -= better + (double)candidates[middle].mass;
        if (wanted <= 0) return middle + 1;
        first = middle + 1;
    }
    return first;
}
