// What the service may ask of PID 1 and what it is told, with the very code that PID 1 runs: each
// request's answer, what is refused, how a wish goes from asked to ended.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/init_private.h"
#include "base/clock.h"
#include "check.h"

static struct init init;
static struct json *answer;

static void world_begin(void) {
    service_close(init.service);
    init = (struct init){.watchdog = -1};
    if (service_open(false, &init.service, NULL) != OK) abort();
    settings_default(&init.settings);
    snprintf(init.data.disk, sizeof init.data.disk, "nodisk0");
}

// Asks, and keeps the answer; NULL: it was no request.
static const struct json *ask(const char *text) {
    struct buf out;
    struct json *packet = NULL;
    json_close(answer);
    answer = NULL;
    buf_open(&out, SERVICE_PACKET_BYTES);
    if (json_parse(str_of(text), &packet, NULL) != OK) abort();
    if (request_answer(&init, packet, &out)) {
        CHECK_EQ(buf_err(&out), OK);
        CHECK_EQ(json_parse(buf_str(&out), &answer, NULL), OK);
        CHECK_EQ(json_member_u64(answer, "id", 0), json_member_u64(packet, "id", 0));
    }
    json_close(packet);
    buf_close(&out);
    return answer;
}

// The code of the fault of the last answer; "": there is none.
static const char *fault_of(const char *text) {
    static struct fault fault;
    fault = (struct fault){0};
    const struct json *told = json_member(ask(text), "fault");
    if (told) json_read_fault(told, &fault);
    return fault.code;
}

static const struct json *work(void) {
    return json_member(json_member(ask("{\"id\":9,\"do\":\"status\"}"), "answer"), "work");
}

static void all_that_is_no_request_is_passed_over(void) {
    world_begin();
    CHECK(!ask("{\"is\":\"alive\"}"));
    CHECK(!ask("{\"do\":\"status\"}"));
    CHECK(!ask("{\"id\":0,\"do\":\"status\"}"));
    CHECK(!ask("[1]"));
    CHECK_STR(fault_of("{\"id\":1,\"do\":\"shell\"}"), "appliance.unknown_request");
}

static void the_state_is_told(void) {
    world_begin();
    const struct json *told = json_member(ask("{\"id\":4,\"do\":\"status\"}"), "answer");
    const struct json *settings = json_member(told, "settings");
    CHECK(str_is(json_member_text(settings, "address"), "dhcp"));
    CHECK(json_member(settings, "interface") != NULL);
    CHECK(str_is(json_member_text(json_member(told, "data"), "state"), "none"));
    CHECK(!json_member(told, "work")); // nothing has been asked for yet
    const struct json *packs = json_member(told, "packs");
    CHECK(json_is_array(json_member(packs, "all")) && !json_member_bool(packs, "looking", true));
    const struct json *seen = json_member(ask("{\"id\":5,\"do\":\"sticks\"}"), "answer");
    CHECK(!json_member_bool(seen, "looking", true));
    CHECK(json_is_array(json_member(seen, "sticks")) && json_is_array(json_member(seen, "kept")));
    sticks_due(&init.sticks, 5);
    seen = json_member(ask("{\"id\":6,\"do\":\"sticks\"}"), "answer");
    CHECK(json_member_bool(seen, "looking", false));
}

static void it_is_told_who_opens_encrypted_data(void) {
    static const char *const names[] = {"passphrase", "stick", "recovery", "foreign"};
    for (unsigned roles = 0; roles < 1 << 4; roles++) {
        for (int encrypted = 0; encrypted < 2; encrypted++) {
            world_begin();
            init.data.roles = roles;
            init.data.encrypted = encrypted;
            const struct json *told = json_member(ask("{\"id\":4,\"do\":\"status\"}"), "answer");
            const struct json *data = json_member(told, "data");
            const struct json *keys = json_member(data, "opened_by");
            CHECK_EQ(json_member_bool(data, "encrypted", !encrypted), encrypted);
            const struct json *key = json_first(keys);
            for (unsigned i = 0; i < 4; i++) {
                if (!encrypted || !(roles >> i & 1)) continue;
                CHECK(key && str_is(json_text(key), names[i]));
                key = key ? json_next(key) : NULL;
            }
            CHECK(!key);
        }
    }
}

static void what_cannot_be_taken_back_wants_the_name(void) {
    static const char *const wrong[] = {
        "{\"id\":1,\"do\":\"reset\"}",
        "{\"id\":1,\"do\":\"reset\",\"confirm\":\"\"}",
        "{\"id\":1,\"do\":\"reset\",\"confirm\":\"ward-33\"}",
        "{\"id\":1,\"do\":\"reset\",\"confirm\":true}",
        "{\"id\":1,\"do\":\"restore\",\"stick\":true,\"disk\":\"sdb\"}",
        "{\"id\":1,\"do\":\"restore\",\"confirm\":\"WARD-3\"}",
    };
    world_begin();
    snprintf(init.settings.hostname, sizeof init.settings.hostname, "ward-3");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_STR(fault_of(wrong[i]), "appliance.wrong_confirm");
        CHECK_EQ(init.wish, WISH_NONE);
    }
    CHECK_STR(fault_of("{\"id\":1,\"do\":\"restore\",\"stick\":true,\"disk\":\"sdb\",\"name\":"
                       "\"courtyard-20261127-052000.tar\",\"confirm\":\"ward-3\"}"),
              "");
    CHECK_EQ(init.wish, WISH_RESTORE);
    CHECK(wish_holds_service(&init));
    wish_proceed(&init); // the answer has to reach whoever asked before the service ends
    CHECK(!init.working);
    int64_t now_ms = (int64_t)(clock_monotonic_us() / 1000);
    CHECK(wish_sticks(&init, now_ms) <= now_ms + 10 * 1000); // the loop looks again by then
    CHECK_STR(init.upkeep.wanted, "sdb");
    CHECK_STR(init.upkeep.name, "courtyard-20261127-052000.tar");
    CHECK_STR(init.upkeep.copy, "");
    world_begin();
    CHECK_STR(fault_of("{\"id\":1,\"do\":\"reset\",\"confirm\":\"courtyard\"}"), "");
    CHECK_EQ(init.wish, WISH_RESET);
}

static void a_copy_of_the_database_is_named_as_one(void) {
    static const char *const wrong[] = {"-h", "nightly", "nightly-/../../x", "../nightly-1",
                                        "nightly-0123456789012345678901234567890"};
    char text[200];
    world_begin();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(text, sizeof text,
                 "{\"id\":1,\"do\":\"restore\",\"copy\":\"%s\",\"confirm\":\"courtyard\"}",
                 wrong[i]);
        CHECK_STR(fault_of(text), "appliance.no_backup");
        CHECK_EQ(init.wish, WISH_NONE);
    }
    CHECK_STR(fault_of("{\"id\":1,\"do\":\"restore\",\"copy\":\"nightly-20261126\","
                       "\"confirm\":\"courtyard\"}"),
              "");
    CHECK_EQ(init.wish, WISH_RESTORE);
    CHECK_STR(init.upkeep.copy, "nightly-20261126");
}

static void one_wish_stands_at_a_time(void) {
    static const char *const others[] = {
        "{\"id\":1,\"do\":\"backup\",\"stick\":true,\"disk\":\"sdc\"}",
        "{\"id\":1,\"do\":\"restore\",\"name\":\"other\",\"confirm\":\"courtyard\"}",
        "{\"id\":1,\"do\":\"reset\",\"confirm\":\"courtyard\"}",
        "{\"id\":1,\"do\":\"update\",\"stick\":true,\"disk\":\"sdc\",\"name\":\"x.update\"}",
        "{\"id\":1,\"do\":\"pack\",\"stick\":true,\"disk\":\"sdc\",\"name\":\"x.pack\"}",
        "{\"id\":1,\"do\":\"pack-remove\",\"file\":\"demo-1.pack\"}",
    };
    world_begin();
    CHECK_STR(fault_of("{\"id\":1,\"do\":\"backup\",\"stick\":true,\"disk\":\"sdb\"}"), "");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        CHECK_STR(fault_of(others[i]), "appliance.busy");
    }
    CHECK_STR(init.upkeep.wanted, "sdb"); // what it goes by is as it was
    CHECK_STR(init.upkeep.name, "");
    CHECK_EQ(init.wish, WISH_BACKUP);
    const struct json *told = work();
    CHECK(str_is(json_member_text(told, "name"), "backup"));
    CHECK(json_member_bool(told, "running", false));
}

static void an_update_is_of_the_service_or_of_a_stick(void) {
    static const char *const wrong[] = {
        "{\"id\":1,\"do\":\"update\"}",
        "{\"id\":1,\"do\":\"update\",\"path\":\"/etc/passwd\"}",
        "{\"id\":1,\"do\":\"update\",\"path\":\"/data/courtyard/../appliance/history.jsonl\"}",
    };
    world_begin();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_STR(fault_of(wrong[i]), "appliance.no_update");
    }
    static const char stick[] = "{\"id\":1,\"do\":\"update\",\"stick\":true,\"disk\":\"sdb\","
                                "\"name\":\"a.update\",\"downgrade\":true}";
    CHECK_STR(fault_of(stick), "appliance.no_slots"); // of a machine without them
    init.slots_open = true;
    CHECK_STR(fault_of(stick), "");
    CHECK(init.downgrade);
    CHECK_STR(init.update, "");
    CHECK_STR(init.upkeep.name, "a.update");
    CHECK_STR(init.upkeep.wanted, "sdb");
}

static void a_pack_is_of_the_service_or_of_a_stick(void) {
    world_begin();
    CHECK_STR(fault_of("{\"id\":1,\"do\":\"pack\"}"), "appliance.no_pack");
    CHECK_STR(fault_of("{\"id\":1,\"do\":\"pack\",\"path\":\"/etc/passwd\"}"), "appliance.no_pack");
    CHECK_STR(fault_of("{\"id\":1,\"do\":\"pack-remove\",\"file\":\"../../x\"}"),
              "appliance.no_such_pack");
    CHECK_STR(fault_of("{\"id\":1,\"do\":\"pack\",\"path\":\"/data/courtyard/uploads/7\"}"), "");
    CHECK_EQ(init.wish, WISH_PACK);
    CHECK_STR(init.update, "/data/courtyard/uploads/7");
    CHECK(str_is(json_member_text(work(), "name"), "pack"));
}

static void settings_are_held_against_their_rules(void) {
    world_begin();
    CHECK_STR(fault_of("{\"id\":1,\"do\":\"settings\",\"address\":\"10.0.0.300/24\"}"),
              "appliance.settings");
    CHECK_STR(fault_of("{\"id\":1,\"do\":\"settings\",\"interface\":\"eth0\\nhostname = x\"}"),
              "appliance.settings");
    CHECK_STR(fault_of("{\"id\":1,\"do\":\"settings\",\"hostname\":\"\"}"), "appliance.settings");
    CHECK_STR(init.settings.hostname, "courtyard");
}

// As PID 1's loop does, until it is over.
static void wish_run(void) {
    for (int i = 0; i < 6000 && init.wish != WISH_NONE; i++) {
        int status;
        wish_proceed(&init);
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
            (void)(work_ended(&init.work, pid, status) || sticks_ended(&init.sticks, pid, status));
        }
        (void)usleep(10 * 1000);
    }
    CHECK_EQ(init.wish, WISH_NONE);
}

static void a_stick_that_has_gone_is_told(void) {
    bool made = mkdir(STICK_FOLDER, 0700) == 0;
    for (int twice = 0; twice < 2; twice++) {
        world_begin();
        CHECK_STR(fault_of("{\"id\":1,\"do\":\"backup\",\"stick\":true,\"disk\":\"gone0\"}"), "");
        wish_run();
        const struct json *told = work();
        CHECK(str_is(json_member_text(told, "name"), "backup"));
        CHECK(!json_member_bool(told, "running", true));
        struct fault fault = {0};
        json_read_fault(json_member(told, "fault"), &fault);
        CHECK_STR(fault.code, "appliance.no_stick");
        CHECK(init.sticks.due_ms != 0); // they are looked at anew
    }
    if (made) (void)rmdir(STICK_FOLDER);
}

// While a stick is being looked at, none is written to; the wish waits for it.
static void a_wish_waits_for_the_look(void) {
    world_begin();
    pid_t look = fork();
    if (look == 0) {
        for (;;) pause();
    }
    init.sticks.child = look;
    init.sticks.from_ms = (int64_t)(clock_monotonic_us() / 1000);
    CHECK_STR(fault_of("{\"id\":1,\"do\":\"backup\",\"stick\":true,\"disk\":\"gone0\"}"), "");
    for (int i = 0; i < 5; i++) wish_proceed(&init);
    CHECK(!init.working);
    CHECK_EQ(init.work.child, 0);
    kill(look, SIGKILL);
    wish_run();
    CHECK_STR(init.wish_fault.code, "appliance.no_stick");
    CHECK_EQ(init.sticks.child, 0);
}

int main(void) {
    CHECK_RUN(all_that_is_no_request_is_passed_over);
    CHECK_RUN(the_state_is_told);
    CHECK_RUN(it_is_told_who_opens_encrypted_data);
    CHECK_RUN(what_cannot_be_taken_back_wants_the_name);
    CHECK_RUN(a_copy_of_the_database_is_named_as_one);
    CHECK_RUN(one_wish_stands_at_a_time);
    CHECK_RUN(an_update_is_of_the_service_or_of_a_stick);
    CHECK_RUN(a_pack_is_of_the_service_or_of_a_stick);
    CHECK_RUN(settings_are_held_against_their_rules);
    CHECK_RUN(a_stick_that_has_gone_is_told);
    CHECK_RUN(a_wish_waits_for_the_look);
    json_close(answer);
    service_close(init.service);
    return check_done();
}
