// Random worlds written down and replayed: the same decisions to the last event. Torn, flipped and
// left-out events are seen and said, and so is a span in which the disk was full.
#include "allocation/journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
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

// ---- a full disk -------------------------------------------------------------------------------
// The journal's clock is the world's, so that the times of gaps and of events are of one kind.
static void write_down_by_its_clock(const struct world *of, const struct core_event *event) {
    clock_set_for_test(event->now_ms);
    write_down(of, event);
}

// Less than a day of it, after which a segment would end by itself.
static void act_and_flush(uint64_t *random) {
    for (int i = 0; i < 100; i++) {
        act(random, 1);
        journal_flush(journal);
    }
}

static struct journal_report replay_of(int64_t from_ms, int64_t until_ms) {
    struct journal_report report = {0};
    struct fault fault = {0};
    CHECK_EQ(journal_replay(folder, from_ms, until_ms, &report, &fault), OK);
    return report;
}

static void act_until_it_stops(uint64_t *random) {
    for (int i = 0; i < 2000 && replay_of(0, 0).gaps == 0; i++) {
        act(random, 1);
        journal_flush(journal);
    }
}

static uint32_t segments(void) {
    DIR *dir = opendir(folder);
    struct dirent *entry;
    uint32_t count = 0;
    while (dir && (entry = readdir(dir)) != NULL) count += entry->d_name[0] != '.';
    if (dir) closedir(dir);
    return count;
}

// What is told of a time in a gap, and of those beside it.
static void the_gap_is_told(int64_t stopped_ms) {
    struct journal_report report = replay_of(0, 0);
    CHECK(!report.differs && report.torn == 0 && report.skipped == 0 && report.events < told);
    CHECK_EQ(report.segments, 2);
    CHECK_EQ(report.gaps, 1);
    CHECK(report.gap_from_ms <= stopped_ms && report.gap_until_ms > stopped_ms);
    CHECK(report.hash == core_hash(world.core));
    CHECK_EQ(replay_of(stopped_ms, stopped_ms).gaps, 1);
    CHECK_EQ(replay_of(report.gap_until_ms + 1, 0).gaps, 0);
    CHECK_EQ(replay_of(0, report.gap_from_ms - 1).gaps, 0);
}

static void tick_after(int64_t after_ms) {
    struct core_event tick = {.kind = EVENT_TICK, .now_ms = world.now_ms + after_ms};
    clock_set_for_test(tick.now_ms);
    journal_event(journal, world.core, &tick);
}

static void files_grow_to(rlim_t bytes) {
    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = bytes;
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void begins_and_stops(void *memory, uint64_t *random) {
    clock_set_for_test(999000); // the world begins a second later
    begin(memory, 5);
    world.told = write_down_by_its_clock;
    signal(SIGXFSZ, SIG_IGN);
    files_grow_to(12 << 10);
    act_until_it_stops(random);
}

// No file may grow: the journal stops at a whole frame, the box goes on; as soon as it may be
// written again another segment begins, and the span between is told.
static void a_stop_is_told_and_it_goes_on(void) {
    void *memory = memory_take(world_core_size());
    struct journal_report report;
    struct rlimit before;
    uint64_t random = 5;
    REQUIRE(memory && getrlimit(RLIMIT_FSIZE, &before) == 0);
    begins_and_stops(memory, &random);
    files_grow_to(100); // not even a beginning fits
    act_and_flush(&random);
    CHECK_EQ(segments(), 1); // nothing is left of what was tried
    report = replay_of(0, 0);
    CHECK(!report.differs && report.torn == 0 && report.events > 0 && report.events < told);
    CHECK(report.gaps == 1 && report.gap_until_ms == 0);
    CHECK(report.gap_from_ms == report.until_ms && report.gap_from_ms < world.now_ms);
    int64_t stopped_ms = world.now_ms;
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    act(&random, 300);
    journal_close(journal);
    the_gap_is_told(stopped_ms);
    clock_set_for_test(0);
    empty();
    memory_give(memory);
}

// All of the disk's room is taken, or given back.
static void fill_disk(const char *dir, bool full) {
    static const char block[4096] = {1};
    char path[LIMIT_PATH_BYTES];
    REQUIRE(path_join(path, sizeof path, dir, "filler") == OK);
    if (!full) {
        REQUIRE(unlink(path) == 0);
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    while (write(fd, block, sizeof block) > 0) {
    }
    close(fd);
}

// A try in vain; within ten seconds of it nothing, though there is room; then it goes on.
static void waits_before_it_goes_on(const char *dir) {
    tick_after(20000);
    fill_disk(dir, false);
    for (int i = 0; i < 100; i++) tick_after(20000 + i % 2 * 9999);
    CHECK_EQ(segments(), 1);
    tick_after(30000);
    CHECK_EQ(segments(), 2);
    world.now_ms += 30000;
}

static int log_taken(void) {
    int kept = dup(2), fd = memfd_create("log", MFD_CLOEXEC);
    CHECK(kept >= 0 && fd >= 0 && dup2(fd, 2) == 2);
    close(fd);
    return kept;
}

static uint32_t log_count(const char *log, const char *name) {
    uint32_t count = 0;
    for (const char *at = log; (at = strstr(at, name)) != NULL; at++) count++;
    return count;
}

// The log since log_taken, which is where it was again.
static void log_given(int kept, char *out, size_t size) {
    ssize_t got = pread(2, out, size - 1, 0);
    out[got > 0 ? got : 0] = '\0';
    dup2(kept, 2);
    close(kept);
    fputs(out, stderr);
}

static void on_a_small_disk(void (*test)(const char *dir)) {
    char kept[sizeof folder], dir[sizeof folder + 8];
    struct fault fault = {0};
    memcpy(kept, folder, sizeof kept);
    snprintf(dir, sizeof dir, "%s.disk", kept);
    REQUIRE(folder_make(dir, &fault) == OK);
    if (mount("none", dir, "tmpfs", 0, "size=24m") != 0) {
        rmdir(dir);
        CHECK_SKIP("may not mount");
    }
    REQUIRE(snprintf(folder, sizeof folder, "%s/j", dir) < (int)sizeof folder);
    test(dir);
    clock_set_for_test(0);
    memcpy(folder, kept, sizeof kept);
    CHECK_EQ(umount(dir), 0);
    CHECK_EQ(rmdir(dir), 0);
}

static void stops_and_goes_on(const char *dir) {
    void *memory = memory_take(world_core_size());
    static char log[1 << 16];
    uint64_t random = 9;
    REQUIRE(memory);
    clock_set_for_test(999000);
    begin(memory, 9);
    world.told = write_down_by_its_clock;
    act_and_flush(&random);
    int kept = log_taken();
    fill_disk(dir, true);
    act_and_flush(&random);
    act_and_flush(&random);
    log_given(kept, log, sizeof log);
    CHECK_EQ(log_count(log, "journal.stopped result=full"), 1);
    CHECK_EQ(log_count(log, "\n"), 1); // and nothing else
    int64_t stopped_ms = world.now_ms;
    CHECK(replay_of(0, 0).torn == 0 && replay_of(0, 0).gaps == 1);
    kept = log_taken();
    waits_before_it_goes_on(dir);
    act(&random, 300);
    journal_close(journal);
    log_given(kept, log, sizeof log);
    CHECK_EQ(log_count(log, "journal.goes_on missing_ms="), 1);
    CHECK_EQ(log_count(log, "\n"), 1);
    the_gap_is_told(stopped_ms);
    memory_give(memory);
}

static void a_full_disk_stops_it_until_there_is_room(void) {
    on_a_small_disk(stops_and_goes_on);
}

// The box starts on a full disk, without a folder even.
static void begins_and_goes_on(const char *dir) {
    void *memory = memory_take(world_core_size());
    uint64_t random = 11;
    REQUIRE(memory);
    clock_set_for_test(999000);
    fill_disk(dir, true);
    begin(memory, 11);
    world.told = write_down_by_its_clock;
    act_and_flush(&random);
    CHECK_EQ(segments(), 0);
    int64_t stopped_ms = world.now_ms;
    fill_disk(dir, false);
    world.now_ms += 20000;
    act(&random, 300);
    journal_close(journal);
    struct journal_report report = replay_of(0, 0);
    CHECK(!report.differs && report.torn == 0 && report.events > 0 && report.events < told);
    CHECK(report.segments == 1 && report.gaps == 1 && report.gap_from_ms == 999000);
    CHECK(report.gap_until_ms > stopped_ms && report.hash == core_hash(world.core));
    CHECK_EQ(replay_of(stopped_ms, stopped_ms).gaps, 1);
    memory_give(memory);
}

static void a_start_on_a_full_disk(void) {
    on_a_small_disk(begins_and_goes_on);
}

// The box ends while nothing is written; its next life has room: the stopped segment has said so.
static void a_life_that_ends_in_a_gap(void) {
    void *memory = memory_take(world_core_size());
    struct rlimit before;
    uint64_t random = 5;
    REQUIRE(memory && getrlimit(RLIMIT_FSIZE, &before) == 0);
    begins_and_stops(memory, &random);
    journal_close(journal);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    int64_t stopped_ms = world.now_ms, began_ms = stopped_ms + 60000;
    clock_set_for_test(began_ms);
    begin(memory, 5);
    journal_close(journal);
    struct journal_report report = replay_of(0, 0);
    CHECK(report.segments == 2 && report.torn == 0 && report.gaps == 1);
    CHECK(report.gap_from_ms <= stopped_ms && report.gap_until_ms == began_ms);
    clock_set_for_test(0);
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
    CHECK_RUN(a_stop_is_told_and_it_goes_on);
    CHECK_RUN(a_full_disk_stops_it_until_there_is_room);
    CHECK_RUN(a_start_on_a_full_disk);
    CHECK_RUN(a_life_that_ends_in_a_gap);
    CHECK_RUN(costs_little);
    CHECK_RUN(nothing_there);
    return check_done();
}
