// Inside of Slurm's part of allocation/: its two doors. `slurm_commands` runs sbatch, squeue and
// the others; `slurm_socket` asks slurmrestd over its unix socket. Both do the same, so that
// slurm.c may take either for each call; slurm_rest.c reads and writes what slurmrestd speaks. One
// thread at a time.
#pragma once

#include "allocation/slurm.h"
#include "base/command.h"
#include "base/json.h"

enum { SLURM_NAME_BYTES = 64 };

enum slurm_may { SLURM_MAY, SLURM_MAY_NOT, SLURM_MAY_UNKNOWN };
struct slurm_account_asked {
    uint64_t tenant; // 0: none asked
    uint64_t until_us;
    enum slurm_may may;
};
enum { SLURM_ACCOUNTS_ASKED = 64 };

struct slurm {
    char partition[SLURM_NAME_BYTES];
    char user[SLURM_NAME_BYTES]; // whom we are there; "": not known yet
    bool as_text, no_accounts;   // learnt of the commands
    uint64_t limit_minutes;      // of the partition
    struct slurm_list list;
    struct command_said said; // of a command; `out` also what the socket answered
    // slurmrestd
    char socket[SLURM_SOCKET_BYTES]; // "": none
    uint32_t rest;                   // version of its data parser, 42 for v0.0.42; 0: not there now
    uint64_t rest_again_us;          // it is not looked for before
    bool rest_lost;                  // what was asked last was not answered as it should be
    uint64_t rest_long_until_us;     // its list of jobs was too long to take
    struct slurm_account_asked asked[SLURM_ACCOUNTS_ASKED];
};

// One way of asking; every function as its namesake of slurm.h.
struct slurm_door {
    enum err (*pool_read)(struct slurm *slurm, struct slurm_pool *out, struct fault *fault);
    enum err (*submit)(struct slurm *slurm, const struct slurm_task *task, const char *account,
                       uint64_t *out_id, bool *out_later, struct fault *fault);
    enum err (*look)(struct slurm *slurm, struct fault *fault);
    enum err (*account)(struct slurm *slurm, uint64_t id, struct slurm_seen *out);
    // Whether our user may submit to this account; UNKNOWN also where no accounts are kept.
    enum slurm_may (*may)(struct slurm *slurm, const char *account);
    enum err (*ask)(struct slurm *slurm, uint64_t id);
    enum err (*cancel)(struct slurm *slurm, uint64_t id);
};
extern const struct slurm_door slurm_commands;
// A call that sets slurm->rest_lost has told nothing: the other door may be asked, but for a
// submission with *out_later, which may have arrived.
extern const struct slurm_door slurm_socket;
// Finds out what slurmrestd speaks: slurm->rest. ERR_NOT_FOUND: it is not there, or too old or new.
enum err slurm_socket_greet(struct slurm *slurm) MUST_USE;

// In minutes, as it is asked for; 0: none.
uint64_t slurm_limit_of(const struct slurm *slurm, const struct slurm_task *task);
// "exec PROGRAM job FOLDER ATTEMPT", as the shell takes it.
void slurm_line(const struct slurm_task *task, struct buf *out);
