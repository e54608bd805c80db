// A box in a folder of its own, for tests of flow/: the store, the flow, and its operations called
// as a person would. The test's own program is the jobs' program: its main begins with BOX_MAIN.
// One thread; a box is opened and closed in the same process.
#pragma once

#include "base/call.h"
#include "flow/flow.h"
#include "store/store.h"

struct box_test {
    char dir[128];
    struct store *store;
    struct flow *flow;
    struct arena *arena;
    struct buf answer;
    struct json *reply; // of the last call; NULL if it failed or said nothing
    struct fault fault; // of the last call
};
extern const struct actor box_officer, box_reviewer, box_researcher, box_auditor, box_stranger;

// A new empty folder below TMPDIR or /tmp.
bool box_folder(char out[static 128]);
enum err box_test_open(struct box_test *box, const char *dir);
void box_test_close(struct box_test *box, bool stop_children);
void box_folder_remove(const char *dir);

// `body` may be NULL; `query` is "a=1&b=2" without escapes, or NULL.
enum err box_do(struct box_test *box, const struct actor *actor,
                enum err (*operation)(struct flow *flow, struct call *call), uint64_t id,
                uint64_t number, const char *query, const char *body);
uint64_t box_u64(const struct box_test *box, const char *name); // of the reply's object
struct str box_text(const struct box_test *box, const char *name);

// Sends `content` as an upload and makes a dataset of it; 0 if that failed.
uint64_t box_import(struct box_test *box, const char *name, struct str content, uint64_t *out_job);
// Waits until the job has ended; its state ("done", …) stands in `state`. False after timeout_ms.
bool box_wait_for(struct box_test *box, uint64_t job, int timeout_ms, char state[static 16]);
// Waits until nothing waits or runs.
bool box_settle(struct box_test *box, int timeout_ms);

// A table of patients with names, ages and an outcome that follows from them.
void box_patients(struct buf *out, unsigned rows, uint64_t seed);

#define BOX_MAIN                                                             \
    if (argc == 3 && strcmp(argv[1], "job") == 0) return step_main(argv[2]); \
    if (argc == 3 && strcmp(argv[1], "run") == 0) return step_main_handed(argv[2]);
