// See boost_checkpoint.h. Layout, in the machine's own byte order:
//   head | curve (rounds) | nodes of each tree (u32 each) | nodes | sets | scores | CRC-32C of all
#include "model/tabular/boost_checkpoint.h"

#include <string.h>

#include "base/crc32c.h"
#include "base/file.h"

struct head {
    char magic[8];
    uint32_t identity, outputs;
    uint32_t node_bytes; // another build's nodes are not ours
    uint32_t rounds, best_round;
    uint32_t tree_count, node_count, set_count;
    uint64_t scores, validate_scores;
    double best_loss;
};
static const char magic[8] = {'C', 'Y', 'B', 'S', 'T', '0', '0', '1'};
static const size_t set_bytes = FOREST_SET_WORDS * sizeof(uint32_t);

// ---- writing ------------------------------

static struct str part_of(const void *data, size_t count, size_t size) {
    return (struct str){data, count * size};
}

enum err boost_checkpoint_write(const char *path, const struct boost_state *state) {
    const struct boosted *boosted = state->boosted;
    const struct forest *forest = &boosted->forest;
    struct head head = {.identity = state->identity,
                        .outputs = forest->outputs,
                        .node_bytes = sizeof(struct node),
                        .rounds = boosted->rounds,
                        .best_round = boosted->best_round,
                        .tree_count = forest->tree_count,
                        .node_count = forest->node_count,
                        .set_count = forest->set_count,
                        .scores = state->scores,
                        .validate_scores = state->validate_scores,
                        .best_loss = state->best_loss};
    memcpy(head.magic, magic, sizeof magic);
    uint32_t crc = 0;
    struct str parts[] = {
        part_of(&head, 1, sizeof head),
        part_of(boosted->curve, boosted->rounds, sizeof *boosted->curve),
        part_of(forest->starts, forest->tree_count ? forest->tree_count + 1 : 0, sizeof(uint32_t)),
        part_of(forest->nodes, forest->node_count, sizeof *forest->nodes),
        part_of(forest->sets, forest->set_count, set_bytes),
        part_of(state->score, state->scores, sizeof *state->score),
        part_of(state->validate_score, state->validate_scores, sizeof *state->validate_score),
        part_of(&crc, 1, sizeof crc),
    };
    size_t count = sizeof parts / sizeof *parts;
    for (size_t i = 0; i + 1 < count; i++) crc = crc32c(crc, parts[i].data, parts[i].size);
    return file_write_parts(path, parts, count, NULL);
}

// ---- reading ------------------------------

struct reader {
    const uint8_t *at;
    size_t left;
};

// NULL when the file is shorter than it says. Not aligned: copied before it is used.
static const uint8_t *take(struct reader *reader, uint64_t count, size_t size) {
    if (count > reader->left / size) return NULL;
    const uint8_t *taken = reader->at;
    reader->at += count * size;
    reader->left -= count * size;
    return taken;
}

static bool head_fits(const struct head *head, const struct boost_state *state) {
    const struct forest *forest = &state->boosted->forest;
    return memcmp(head->magic, magic, sizeof magic) == 0 && head->identity == state->identity &&
           head->outputs == forest->outputs && head->node_bytes == sizeof(struct node) &&
           head->scores == state->scores && head->validate_scores == state->validate_scores &&
           head->rounds > 0 && head->best_round <= head->rounds &&
           head->tree_count == (uint64_t)head->rounds * head->outputs;
}

// The checksum has been seen: what is inside was written by this program.
static enum err forest_fill(const struct head *head, const uint8_t *starts, const uint8_t *nodes,
                            const uint8_t *sets, struct forest *forest) {
    for (uint32_t t = 0; t < head->tree_count; t++) {
        uint32_t bounds[2];
        memcpy(bounds, starts + t * sizeof *bounds, sizeof bounds);
        uint32_t count = bounds[1] - bounds[0];
        enum err err = forest_reserve(forest, count + 1);
        if (err != OK) return err;
        struct node *tree = forest->nodes + bounds[0];
        memcpy(tree, nodes + bounds[0] * sizeof *tree, count * sizeof *tree);
        uint32_t first = forest->set_count;
        for (uint32_t n = 0; n < count; n++) forest->set_count += tree[n].set != 0;
        memcpy(forest->sets + (size_t)first * FOREST_SET_WORDS, sets + first * set_bytes,
               (forest->set_count - first) * set_bytes);
        forest->node_count = bounds[1];
        forest->tree_count = t + 1;
        forest->starts[t + 1] = bounds[1];
    }
    return OK;
}

static enum err fill(struct reader *reader, struct boost_state *state) {
    struct head head;
    const uint8_t *bytes = take(reader, 1, sizeof head);
    if (!bytes) return ERR_NOT_FOUND;
    memcpy(&head, bytes, sizeof head);
    if (!head_fits(&head, state)) return ERR_NOT_FOUND;
    const uint8_t *curve = take(reader, head.rounds, sizeof(struct round_loss));
    const uint8_t *starts = take(reader, (uint64_t)head.tree_count + 1, sizeof(uint32_t));
    const uint8_t *nodes = take(reader, head.node_count, sizeof(struct node));
    const uint8_t *sets = take(reader, head.set_count, set_bytes);
    const uint8_t *score = take(reader, head.scores, sizeof(float));
    const uint8_t *validate = take(reader, head.validate_scores, sizeof(float));
    if (!curve || !starts || !nodes || !sets || !score || !validate || reader->left != 0) {
        return ERR_NOT_FOUND;
    }
    struct boosted *boosted = state->boosted;
    struct round_loss *losses = memory_take(head.rounds * sizeof *losses);
    if (!losses) return ERR_MEMORY;
    memcpy(losses, curve, head.rounds * sizeof *losses);
    boosted->curve = losses;
    boosted->rounds = head.rounds;
    boosted->best_round = head.best_round;
    state->best_loss = head.best_loss;
    memcpy(state->score, score, head.scores * sizeof *state->score);
    memcpy(state->validate_score, validate, head.validate_scores * sizeof *state->validate_score);
    return forest_fill(&head, starts, nodes, sets, &boosted->forest);
}

enum err boost_checkpoint_read(const char *path, struct boost_state *state) {
    struct file_map map;
    uint32_t crc;
    if (!file_exists(path) || file_map(path, &map, NULL) != OK) return ERR_NOT_FOUND;
    enum err err = ERR_NOT_FOUND;
    if (map.size > sizeof crc) {
        struct reader reader = {map.data, map.size - sizeof crc};
        memcpy(&crc, map.data + reader.left, sizeof crc);
        if (crc32c(0, map.data, reader.left) == crc) err = fill(&reader, state);
    }
    file_unmap(&map);
    return err;
}
