// Which rows the next step of a served model computes: tokens that continue answers go before
// pieces of prompts, and both are dealt fairly among tenants. Fair is by tokens: each tenant has
// a clock that runs on by the rows it gets, divided by its weight, and the one behind goes first;
// who comes back after a pause begins at the clock of those who are there, so nobody saves up.
// A pure function on the caller's memory. Source: Goyal et al. 1996, start-time fair queueing.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    BATCH_TENANTS_MAX = 256, // with work at one time; beyond, the last one's clock is shared
    BATCH_PROMPT_ROWS = 256, // of prompts in one step, so that answers under way keep their pace
    BATCH_QUANTUM = 32       // rows that a prompt gets before others are looked at: a cache page
};

struct batch_tenant {
    uint64_t tenant;
    double weight, clock;
    bool here; // has work in the step that was dealt last
};
struct batch {
    struct batch_tenant tenants[BATCH_TENANTS_MAX];
    uint32_t count;
};

// Work that waits for its rows; by age, the oldest first. What is not begun yet stands there with
// nothing left, so that its tenant's turn comes.
struct batch_item {
    uint64_t tenant;
    double weight;  // above 0
    bool decode;    // one row wanted; else `left`
    uint32_t left;  // rows of the prompt that are not computed yet
    uint32_t dealt; // out: rows it gets; 0: none this time
};
// At most `rows_most` rows in all. A prompt's rows are the next ones of it. Cost: items².
void batch_deal(struct batch *batch, struct batch_item *items, uint32_t count, uint32_t rows_most);
// Of work that waits to be begun: the one whose turn it is; `count` where there is none.
uint32_t batch_first(const struct batch *batch, const struct batch_item *items, uint32_t count);
