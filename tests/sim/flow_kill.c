// A box killed (SIGKILL) at random points while its jobs run. Each life of the box is a process
// that imports and cleanses and tells its parent, through a pipe, what was acknowledged; then it
// dies in the middle. After the last life a box is opened once more and left in peace: everything
// that was acknowledged must be there, exactly once.
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "check.h"
#include "support/box.h"

enum {
    ROWS = 400,
    TOLD_MAX = 64 * 1024,
    DATASETS_MAX = 40,
    SETTLE_MS = 60000,
    SETTLE_MS_EACH = 2000
};
static uint32_t lives = 30; // COURTYARD_LIVES

// What a life tells: a dataset was made, a cleansing was queued.
struct told {
    uint64_t kind; // 1: dataset, 2: cleanse job
    uint64_t id, job;
};
static struct told told[TOLD_MAX];
static uint32_t told_count;
static const char recipe_body[] = "{\"recipe\":\"recipe 1\\nfield direct=name,mobile\\n"
                                  "mask name,mobile how=pseudonym scope=dataset\\n\"}";

static void tell(int pipe_fd, uint64_t kind, uint64_t id, uint64_t job) {
    struct told one = {kind, id, job};
    ssize_t written = write(pipe_fd, &one, sizeof one);
    if (written != (ssize_t)sizeof one) _exit(3);
}

// The killed one's store lock may outlive it by a moment, in a child between fork and exec.
static enum err open_patiently(struct box_test *box, const char *dir) {
    enum err err = ERR_BUSY;
    for (int i = 0; i < 100 && err == ERR_BUSY; i++) {
        err = box_test_open(box, dir);
        if (err == ERR_BUSY) usleep(20000);
    }
    return err;
}

_Noreturn static void live(const char *dir, int pipe_fd, uint64_t seed, uint32_t known) {
    struct box_test box;
    struct buf text;
    enum err err = open_patiently(&box, dir);
    if (err != OK) {
        fprintf(stderr, "a life could not begin: %s %s\n", err_name(err), box.fault.code);
        _exit(4);
    }
    buf_open(&text, 1 << 20);
    for (uint64_t i = 0;; i++) {
        uint64_t job = 0, dataset = 0;
        if (known + i < DATASETS_MAX) {
            buf_clear(&text);
            box_patients(&text, ROWS, seed + i);
            dataset = box_import(&box, "patients", buf_str(&text), &job);
            if (dataset == 0) _exit(5);
            tell(pipe_fd, 1, dataset, job);
        }
        uint64_t any = (seed + i) % DATASETS_MAX + 1;
        if (box_do(&box, &box_officer, flow_dataset_cleanse, any, 0, NULL, recipe_body) == OK) {
            tell(pipe_fd, 2, any, box_u64(&box, "id"));
        }
        usleep(30000);
    }
}

static void life(const char *dir, uint32_t known) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    uint64_t seed = check_random(), lasts_us = 20000 + check_below(350000);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        live(dir, ends[1], seed, known);
    }
    close(ends[1]);
    uint64_t end_us = clock_monotonic_us() + lasts_us;
    struct pollfd readable = {.fd = ends[0], .events = POLLIN};
    for (uint64_t now = 0; (now = clock_monotonic_us()) < end_us;) {
        if (poll(&readable, 1, (int)((end_us - now) / 1000) + 1) <= 0) continue;
        struct told one;
        if (read(ends[0], &one, sizeof one) != (ssize_t)sizeof one) break; // it died by itself
        if (told_count < TOLD_MAX) told[told_count++] = one;
    }
    kill(pid, SIGKILL);
    int status = 0;
    waitpid(pid, &status, 0);
    CHECK(WIFSIGNALED(status)); // by us, not by a failure of its own
    struct told one;            // what it still managed to say counts too
    while (read(ends[0], &one, sizeof one) == (ssize_t)sizeof one) {
        if (told_count < TOLD_MAX) told[told_count++] = one;
    }
    close(ends[0]);
    while (waitpid(-1, NULL, WNOHANG) > 0) continue; // orphaned jobs that have ended
}

static uint32_t datasets_told(void) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < told_count; i++) count += told[i].kind == 1;
    return count;
}

// Every acknowledged job stands there and has ended well.
static uint32_t jobs_check(struct box_test *box) {
    uint32_t cleansed = 0;
    for (uint32_t i = 0; i < told_count; i++) {
        if (!CHECK(box_do(box, &box_officer, flow_job_show, told[i].job, 0, NULL, NULL) == OK)) {
            return 0;
        }
        CHECK_TEXT(box_text(box, "state"), "done");
        CHECK_TEXT(box_text(box, "step"), told[i].kind == 1 ? "import" : "cleanse");
        CHECK(box_u64(box, "attempt") >= 1);
        cleansed += told[i].kind == 2;
    }
    return cleansed;
}

// Every dataset: one import, its revisions numbered without gaps, each checked, each with its rows.
static uint64_t revisions_check(struct box_test *box, uint64_t dataset) {
    uint64_t number = 0, cleansed = 0;
    if (!CHECK(box_do(box, &box_officer, flow_dataset_show, dataset, 0, NULL, NULL) == OK))
        return 0;
    CHECK_TEXT(box_text(box, "state"), "ready");
    const struct json *revision = json_first(json_member(box->reply, "revisions"));
    for (; revision; revision = json_next(revision)) {
        CHECK_EQ(json_member_u64(revision, "number", 0), ++number);
        bool first = number == 1;
        CHECK_TEXT(json_member_text(revision, "kind"), first ? "import" : "cleanse");
        CHECK_EQ(json_member_u64(revision, "rows", 0), ROWS);
        CHECK(json_member_bool(revision, "profile", false));
        cleansed += !first;
    }
    CHECK(number >= 1);
    return cleansed;
}

static bool count_one(void *ctx, struct str key, struct record_reader *record) {
    (void)key;
    (void)record;
    ++*(uint64_t *)ctx;
    return true;
}

static uint64_t table_count(struct box_test *box, enum store_table table) {
    struct store_txn *txn;
    uint64_t count = 0;
    if (store_read_begin(box->store, &txn) != OK) return UINT64_MAX;
    enum err err = store_scan(txn, table, (struct key){.size = 0}, false, count_one, &count);
    store_read_end(txn);
    return err == OK ? count : UINT64_MAX;
}

static void tell_finding(void *ctx, const struct fault *finding) {
    (void)ctx;
    fprintf(stderr, "finding: %s %s\n", finding->code, finding->detail);
}

// The ledger is whole, holds each attempt of each job once, and nothing counts as still waiting.
static void ledger_check(struct box_test *box, uint64_t jobs) {
    uint64_t attempts = 0;
    for (uint64_t id = 1; id <= jobs; id++) {
        if (!CHECK(box_do(box, &box_officer, flow_job_show, id, 0, NULL, NULL) == OK)) return;
        attempts += box_u64(box, "attempt");
    }
    REQUIRE(box_do(box, &box_auditor, flow_usage_verify, 0, 0, NULL, NULL) == OK);
    CHECK(json_member_bool(box->reply, "ok", false));
    CHECK(box_u64(box, "count") >= attempts); // what came back has entries of its own
    REQUIRE(box_do(box, &box_officer, flow_share, 0, 0, NULL, NULL) == OK);
    CHECK_EQ(json_member_u64(json_member(box->reply, "used"), "attempts", 0), attempts);
    CHECK_EQ(box_u64(box, "jobs"), 0);
}

static void nothing_lost_nothing_doubled(void) {
    char dir[128];
    struct box_test box;
    REQUIRE(box_folder(dir));
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    const char *wanted = getenv("COURTYARD_LIVES");
    uint64_t count;
    if (wanted && str_to_u64(str_of(wanted), &count)) lives = (uint32_t)count;
    for (uint32_t i = 0; i < lives; i++) life(dir, datasets_told());
    REQUIRE(open_patiently(&box, dir) == OK);
    REQUIRE(box_settle(&box, SETTLE_MS + (int)lives * SETTLE_MS_EACH));
    CHECK(told_count > lives); // they did something between the kills
    uint32_t cleanse_told = jobs_check(&box);
    REQUIRE(box_do(&box, &box_officer, flow_dataset_list, 0, 0, "size=200", NULL) == OK);
    uint64_t datasets = box_u64(&box, "total"), revisions = 0;
    CHECK(datasets >= datasets_told());
    for (uint64_t id = 1; id <= datasets; id++) revisions += revisions_check(&box, id);
    // A job may have been committed whose acknowledgement died with the box: a few more, never
    // less.
    CHECK(revisions >= cleanse_told);
    CHECK(revisions <= cleanse_told + lives);
    REQUIRE(box_do(&box, &box_auditor, flow_job_list, 0, 0, "state=done&size=1", NULL) == OK);
    uint64_t done = box_u64(&box, "total");
    CHECK_EQ(table_count(&box, TABLE_JOB), done);     // none failed, none is left
    CHECK_EQ(table_count(&box, TABLE_LINEAGE), done); // one lineage record for each step, no more
    CHECK_EQ(done, datasets + revisions + (datasets + revisions)); // each revision's check too
    ledger_check(&box, done);
    uint64_t findings = 1;
    CHECK_EQ(store_check(box.store, NULL, tell_finding, NULL, &findings), OK);
    CHECK_EQ(findings, 0);
    printf("%u lives, %u acknowledged, %llu datasets, %llu cleansings, %llu jobs done\n", lives,
           told_count, (unsigned long long)datasets, (unsigned long long)revisions,
           (unsigned long long)done);
    box_test_close(&box, true);
    box_folder_remove(dir);
}

int main(int argc, char **argv) {
    BOX_MAIN
    CHECK_RUN(nothing_lost_nothing_doubled);
    return check_done();
}
