// How fast this machine computes a language model: tokens a second of a prompt and of decoding, and
// beside them the bytes a second that the same threads read from memory, which bounds decoding.
// What is computed does not matter: tokens are made up. One thread calls.
#pragma once

#include "model/language/network.h"
#include "model/tensor/team.h"

// Tokens a second of one text of `tokens` read in as few steps as the network allows, with the
// logits of the last one. ERR_LIMIT: longer than the context; ERR_MEMORY.
enum err speed_prompt(struct network *network, uint32_t tokens, double *out) MUST_USE;
// Tokens a second over all `sequences` that grow together by `tokens` each, from nothing.
// `sequences` as many as a step has rows at most.
enum err speed_decode(struct network *network, uint32_t sequences, uint32_t tokens,
                      double *out) MUST_USE;
// Bytes that decoding one token reads of the weights.
uint64_t speed_token_bytes(const struct gguf *file);

// Memory that is read to see how fast it can be.
struct speed_memory {
    struct team *team;
    uint8_t *area;
    uint64_t sums[64]; // of each member, so that nothing is left out
};
enum err speed_memory_open(uint32_t threads, struct speed_memory *out) MUST_USE;
void speed_memory_close(struct speed_memory *memory);
double speed_memory_read(struct speed_memory *memory); // bytes a second, of one reading
