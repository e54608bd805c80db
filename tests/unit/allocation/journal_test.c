// Random worlds written down and replayed: the same decisions to the last event. Torn, flipped and
// left-out events are seen and said.
#include "allocation/journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "check.h"
#include "support/box.h"
#include "support/core_world.h"

static struct world world;
static struct journal *journal;
static char folder[128];
static uint64_t told, left_out; // events so far; one that is not written

static void write_down(const struct world *of, const struct core_event *event) {
    if (++told != left_out) journal_event(journal, of->core, event);
}

static void begin(void *memory, uint64_t seed) {
    struct core_limits limits;
    struct fault fault = {0};
    world_limits(&limits);
    world_open(&world, memory, seed);
    told = 0;
    REQUIRE(journal_open(folder, &limits, WORLD_DECISIONS, world.core, &journal, &fault) == OK);
    world.told = write_down;
}

static void act(uint64_t *random, int actions) {
    for (int i = 0; i < actions && !world.wrong; i++) {
        struct action action = world_action(random);
        world_do(&world, &action);
    }
}

static void replay(struct journal_report *report) {
    struct fault fault = {0};
    REQUIRE(journal_replay(folder, 0, 0, report, &fault) == OK);
}

static void empty(void) {
    struct fault fault = {0};
    REQUIRE(folder_remove(folder, &fault) == OK);
}

static void decides_the_same(void) {
    void *memory = memory_take(world_core_size());
    struct journal_report report;
    REQUIRE(memory);
    for (int round = 0; round < 40; round++) {
        uint64_t seed = check_random(), random = seed;
        begin(memory, seed);
        act(&random, 200);
        REQUIRE(journal_rotate(journal, world.core) == OK); // a long life
        act(&random, 100);
        journal_close(journal);
        replay(&report);
        CHECK(!report.differs && report.torn == 0 && report.skipped == 0);
        CHECK_EQ(report.segments, 2);
        CHECK_EQ(report.events, told);
        CHECK(report.hash == core_hash(world.core));
        empty();
    }
    memory_give(memory);
}

static void an_event_left_out_is_found(void) {
    void *memory = memory_take(world_core_size());
    struct journal_report report;
    int found = 0;
    REQUIRE(memory);
    for (int round = 0; round < 20; round++) {
        uint64_t seed = check_random(), random = seed;
        left_out = 20 + (uint64_t)round;
        begin(memory, seed);
        act(&random, 150);
        journal_close(journal);
        replay(&report);
        if (report.differs) {
            CHECK(report.event >= left_out && report.segment[0] != '\0');
            found++;
        }
        empty();
    }
    left_out = 0;
    CHECK(found >= 3); // many events change nothing
    memory_give(memory);
}

static void only_segment(char out[static LIMIT_PATH_BYTES]) {
    DIR *dir = opendir(folder);
    struct dirent *entry;
    REQUIRE(dir);
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.') continue;
        REQUIRE(path_join(out, LIMIT_PATH_BYTES, folder, entry->d_name) == OK);
    }
    closedir(dir);
}

// A crash cuts the file anywhere; a bad disk flips a bit anywhere.
static void a_torn_tail_is_said(void) {
    void *memory = memory_take(world_core_size());
    char path[LIMIT_PATH_BYTES];
    struct journal_report report;
    struct stat info;
    uint64_t seed = 77, random = seed, torn = 0;
    REQUIRE(memory);
    begin(memory, seed);
    for (int i = 0; i < 40; i++) {
        act(&random, 10);
        journal_flush(journal);
    }
    journal_close(journal);
    only_segment(path);
    REQUIRE(stat(path, &info) == 0);
    for (int i = 0; i < 60; i++) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        uint8_t byte = 0;
        off_t at = (off_t)(check_random() % (uint64_t)info.st_size);
        REQUIRE(fd >= 0 && pread(fd, &byte, 1, at) == 1);
        byte ^= (uint8_t)(1 << i % 8);
        REQUIRE(pwrite(fd, &byte, 1, at) == 1);
        replay(&report);
        CHECK(report.torn + report.skipped == 1 && !report.differs && report.events < told);
        byte ^= (uint8_t)(1 << i % 8);
        REQUIRE(pwrite(fd, &byte, 1, at) == 1);
        close(fd);
    }
    replay(&report);
    CHECK(report.torn == 0 && report.events == told);
    for (off_t size = info.st_size - 1; size > 0; size -= 1 + size / 50) {
        REQUIRE(truncate(path, size) == 0);
        replay(&report);
        CHECK(!report.differs && report.events < told);
        torn += report.torn;
    }
    CHECK(torn > 20);
    empty();
    memory_give(memory);
}

static void costs_little(void) {
    enum { EVENTS = 200000 };
    struct core_limits limits;
    struct journal_report report;
    struct fault fault = {0};
    struct core_decision decisions[64];
    core_limits_default(&limits);
    void *memory = memory_take_unset(core_size(&limits));
    REQUIRE(memory);
    struct core *core = core_open(memory, &limits);
    struct core_capacity capacity = {.amount = {{64000, 1 << 20, 0, 0}}};
    (void)!core_step(core, &(struct core_event){.kind = EVENT_CAPACITY, .capacity = &capacity},
                     decisions, 64);
    REQUIRE(journal_open(folder, &limits, 64, core, &journal, &fault) == OK);
    uint64_t began = clock_monotonic_us(), spent = 0;
    for (uint64_t i = 1; i <= EVENTS; i++) {
        struct core_job job = {.id = i, .need = {{1000, 512, 0, 0}}, .members = 1};
        struct core_event event = {
            .kind = EVENT_SUBMIT, .now_ms = (int64_t)i, .job = i, .submit = &job};
        if (i % 2 == 0) {
            event = (struct core_event){
                .kind = EVENT_EXITED, .now_ms = (int64_t)i, .job = i - 1, .attempt = 1};
        }
        (void)!core_step(core, &event, decisions, 64);
        uint64_t before = clock_monotonic_us();
        journal_event(journal, core, &event);
        spent += clock_monotonic_us() - before;
    }
    journal_close(journal);
    double whole = (double)(clock_monotonic_us() - began) / 1e6;
    began = clock_monotonic_us();
    replay(&report);
    printf(
        "    %d events in %.2f s, %.2f s of it the journal, %llu bytes each; replayed in %.2f s\n",
        EVENTS, whole, (double)spent / 1e6, (unsigned long long)(report.bytes / EVENTS),
        (double)(clock_monotonic_us() - began) / 1e6);
    CHECK(!report.differs && report.events == EVENTS && report.hash == core_hash(core));
    empty();
    memory_give(memory);
}

static void the_old_ones_go(void) {
    static const char *const old[] = {"0000000000001-0000.journal", "0001795564800-0003.journal"};
    char path[LIMIT_PATH_BYTES];
    void *memory = memory_take(world_core_size());
    struct fault fault = {0};
    REQUIRE(memory && folder_make(folder, &fault) == OK);
    for (int i = 0; i < 2; i++) {
        REQUIRE(path_join(path, sizeof path, folder, old[i]) == OK);
        REQUIRE(file_write(path, STR("old"), &fault) == OK);
    }
    REQUIRE(path_join(path, sizeof path, folder, "note.txt") == OK);
    REQUIRE(file_write(path, STR("not ours"), &fault) == OK);
    begin(memory, 3);
    journal_close(journal);
    CHECK(file_exists(path)); // what is no segment stays
    REQUIRE(file_remove(path, &fault) == OK);
    struct journal_report report;
    replay(&report);
    CHECK_EQ(report.segments, 1);
    empty();
    memory_give(memory);
}

// The disk is full: the journal ends there, the box goes on, what was written is whole or said.
static void a_full_disk_ends_it(void) {
    void *memory = memory_take(world_core_size());
    struct journal_report report;
    struct rlimit before, small;
    uint64_t random = 5;
    REQUIRE(memory && getrlimit(RLIMIT_FSIZE, &before) == 0);
    begin(memory, 5);
    signal(SIGXFSZ, SIG_IGN);
    small = before;
    small.rlim_cur = 12 << 10;
    REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
    for (int i = 0; i < 60; i++) {
        act(&random, 10);
        journal_flush(journal);
    }
    journal_close(journal);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    replay(&report);
    CHECK(!report.differs && report.torn == 1 && report.events < told);
    empty();
    memory_give(memory);
}

static void nothing_there(void) {
    struct journal_report report;
    struct fault fault = {0};
    CHECK(journal_replay(folder, 0, 0, &report, &fault) == ERR_NOT_FOUND);
    CHECK_STR(fault.code, "journal.none");
}

int main(void) {
    if (!box_folder(folder)) return 1;
    CHECK_RUN(decides_the_same);
    CHECK_RUN(an_event_left_out_is_found);
    CHECK_RUN(a_torn_tail_is_said);
    CHECK_RUN(the_old_ones_go);
    CHECK_RUN(a_full_disk_ends_it);
    CHECK_RUN(costs_little);
    CHECK_RUN(nothing_there);
    return check_done();
}
