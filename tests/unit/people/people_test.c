#include "people/people.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto_private.h"
#include "base/file.h"
#include "check.h"
#include "people/people_private.h"
#include "support/scratch.h"

// One box with its people, and one call after the other to it.
static struct {
    const char *dir;
    struct store *store;
    struct people *people;
    struct arena *arena;
    struct json *body, *answer;
    struct buf out;
    struct fault fault;
    char secret[SECRET_SIZE];
} box;

static int64_t now_ms = (int64_t)1795000000 * 1000;

static void box_reopen(void) {
    people_close(box.people);
    store_close(box.store);
    box.people = NULL;
    box.store = NULL;
    struct store_options options = {.map_bytes = 256 << 20};
    CHECK_EQ(store_open(box.dir, &options, &box.store, NULL), OK);
    CHECK_EQ(people_open(box.store, &box.people, &box.fault), OK);
}

static void box_open(void) {
    clock_set_for_test(now_ms);
    box.dir = scratch_folder();
    buf_open(&box.out, 1 << 20);
    CHECK_EQ(arena_open(1 << 20, &box.arena), OK);
    box_reopen();
}

static void box_close(void) {
    people_close(box.people);
    store_close(box.store);
    arena_close(box.arena);
    json_close(box.body);
    json_close(box.answer);
    buf_close(&box.out);
    memset(&box, 0, sizeof box);
    clock_set_for_test(0);
}

static void later(int64_t ms) {
    now_ms += ms;
    clock_set_for_test(now_ms);
}

// ---- calls -----------------------------------------------------------------------------------

struct ask {
    struct actor actor;
    uint64_t id;
    const char *query[6]; // name, value, …
    const char *body;     // JSON with ' for "
};
typedef enum err operation(struct people *people, struct call *call);
enum door { DOOR_OPERATION, DOOR_SETUP, DOOR_SIGN_IN };

static enum err ask_door(enum door door, operation *run, struct ask ask, const char *address) {
    static struct json_writer writer;
    struct call_query query[3];
    struct call call = {.actor = ask.actor, .id = ask.id, .query = query, .arena = box.arena};
    for (int i = 0; i < 3 && ask.query[2 * i]; i++) {
        query[call.query_count++] =
            (struct call_query){str_of(ask.query[2 * i]), str_of(ask.query[2 * i + 1])};
    }
    char text[2048];
    snprintf(text, sizeof text, "%s", ask.body ? ask.body : "{}");
    for (char *c = text; *c; c++) *c = *c == '\'' ? '"' : *c;
    json_close(box.body);
    json_close(box.answer);
    box.body = box.answer = NULL;
    CHECK_EQ(json_parse(str_of(text), &box.body, NULL), OK);
    buf_clear(&box.out);
    box.fault = (struct fault){0};
    writer = json_writer_of(&box.out);
    call.body = box.body;
    call.out = &writer;
    call.fault = &box.fault;
    enum err err = door == DOOR_SETUP ? people_setup(box.people, &call, str_of(address), box.secret)
                   : door == DOOR_SIGN_IN
                       ? people_sign_in(box.people, &call, str_of(address), box.secret)
                       : run(box.people, &call);
    // A failure says why; a success answers JSON, or nothing.
    CHECK((err == OK) == (box.fault.code[0] == '\0'));
    if (err == OK && box.out.size) CHECK_EQ(json_parse(buf_str(&box.out), &box.answer, NULL), OK);
    return err;
}

static enum err ask(operation *run, struct ask what) {
    return ask_door(DOOR_OPERATION, run, what, "");
}

static enum err sign_in_from(const char *name, const char *password, const char *address) {
    char body[512];
    snprintf(body, sizeof body, "{'name':'%s','password':'%s'}", name, password);
    return ask_door(DOOR_SIGN_IN, NULL, (struct ask){.body = body}, address);
}

static enum err sign_in(const char *name, const char *password) {
    return sign_in_from(name, password, "10.0.0.1");
}

static struct actor who(void) {
    struct actor actor = {0};
    (void)!people_actor(box.people, str_of(box.secret), box.arena, &actor);
    return actor;
}

static enum err setup_with(const char *code) {
    char body[512];
    snprintf(body, sizeof body,
             "{'code':'%s','name':'Wang','display_name':'王管理','password':'first long secret'}",
             code);
    return ask_door(DOOR_SETUP, NULL, (struct ask){.body = body}, "10.0.0.1");
}

static struct actor first_officer(void) {
    const char *code = people_setup_code(box.people);
    CHECK(code != NULL);
    CHECK_EQ(setup_with(code ? code : ""), OK);
    return who();
}

// Makes a person, gives the roles, and signs in with a changed password "NAME's long secret".
static struct actor person_with(struct actor officer, const char *name, const char *roles) {
    char body[256], once[64], password[128];
    snprintf(body, sizeof body, "{'name':'%s','display_name':'%s','department':'ICU'}", name, name);
    CHECK_EQ(ask(people_create, (struct ask){.actor = officer, .body = body}), OK);
    uint64_t id = json_member_u64(json_member(box.answer, "person"), "id", 0);
    struct str given = json_member_text(box.answer, "one_time_password");
    CHECK(str_copy(once, sizeof once, given));
    CHECK_EQ(sign_in(name, once), OK);
    CHECK_EQ(who().roles, 0);
    snprintf(password, sizeof password, "quite long %c secret", name[0]);
    snprintf(body, sizeof body, "{'old':'%s','new':'%s'}", once, password);
    CHECK_EQ(ask(people_password_change, (struct ask){.actor = who(), .body = body}), OK);
    snprintf(body, sizeof body, "{'roles':%s}", roles);
    CHECK_EQ(ask(people_change, (struct ask){.actor = officer, .id = id, .body = body}), OK);
    CHECK_EQ(sign_in(name, password), OK);
    return who();
}

static bool audit_one(void *ctx, const struct audit_entry *entry) {
    struct {
        const char *action, *result;
        uint64_t count;
    } *want = ctx;
    if (str_is(entry->action, want->action) && str_is(entry->result, want->result)) want->count++;
    return true;
}
static uint64_t audit_count(const char *action, const char *result) {
    struct {
        const char *action, *result;
        uint64_t count;
    } want = {action, result, 0};
    struct store_txn *txn;
    CHECK_EQ(store_read_begin(box.store, &txn), OK);
    CHECK_EQ(audit_scan(txn, 0, audit_one, &want), OK);
    store_read_end(txn);
    return want.count;
}

// ---- setup -----------------------------------------------------------------------------------

static void setup_code_is_kept_and_used_once(void) {
    box_open();
    struct stat about;
    char code[64];
    REQUIRE(people_setup_code(box.people));
    snprintf(code, sizeof code, "%s", people_setup_code(box.people));
    CHECK_EQ(strlen(code), 14);
    const char *path = scratch_path(box.dir, "keys/setup_code");
    CHECK_EQ(stat(path, &about), 0);
    CHECK_EQ(about.st_mode & 0777, 0600);
    box_reopen();
    CHECK_STR(people_setup_code(box.people), code);
    CHECK_EQ(setup_with("aaaa-bbbb-cccc"), ERR_DENIED);
    CHECK_STR(box.fault.code, "people.wrong_code");
    CHECK_EQ(setup_with(""), ERR_INPUT);
    for (char *c = code; *c; c++) *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c; // as typed
    CHECK_EQ(setup_with(code), OK);
    CHECK_EQ(json_member_u64(box.answer, "id", 0), 1);
    CHECK_TEXT(json_member_text(box.answer, "display_name"), "王管理");
    struct actor actor = who();
    CHECK_EQ(actor.person_id, 1);
    CHECK_EQ(actor.roles, ROLE_SYSTEM | ROLE_SECURITY);
    CHECK(people_setup_code(box.people) == NULL);
    CHECK(stat(scratch_path(box.dir, "keys/setup_code"), &about) != 0);
    CHECK_EQ(setup_with(code), ERR_CONFLICT);
    CHECK_STR(box.fault.code, "people.setup_done");
    box_reopen();
    CHECK(people_setup_code(box.people) == NULL);
    CHECK_EQ(who().person_id, 1); // sessions outlive a restart
    CHECK_EQ(audit_count("people.setup", "ok"), 1);
    box_close();
}

static void setup_codes_cannot_be_guessed(void) {
    box_open();
    int denied = 0;
    for (int i = 0; i < 20; i++) {
        enum err err = setup_with("aaaa-bbbb-cccc");
        if (err == ERR_DENIED)
            denied++;
        else
            CHECK_STR(box.fault.code, "people.locked");
    }
    CHECK_EQ(denied, 5);
    // The right one waits too.
    CHECK_EQ(setup_with(people_setup_code(box.people)), ERR_BUSY);
    later(3000);
    CHECK_EQ(setup_with(people_setup_code(box.people)), OK);
    box_close();
}

// ---- sign-in ---------------------------------------------------------------------------------

static void signs_in_and_out(void) {
    box_open();
    (void)first_officer();
    CHECK_EQ(sign_in("wang", "first long secret"), OK);
    CHECK_EQ(sign_in("ＷＡＮＧ", "first long secret"), OK); // names are folded
    struct actor actor = who();
    CHECK_EQ(actor.person_id, 1);
    CHECK_TEXT(actor.name, "Wang");
    CHECK(actor.session != 0);
    CHECK_EQ(people_sign_out(box.people, str_of(box.secret)), OK);
    CHECK_EQ(who().person_id, 0);
    CHECK_EQ(people_sign_out(box.people, str_of(box.secret)), ERR_DENIED);
    CHECK_EQ(audit_count("session.open", "ok"), 2);
    CHECK_EQ(audit_count("session.close", "ok"), 1);
    struct actor nobody = {0};
    CHECK_EQ(people_actor(box.people, STR(""), box.arena, &nobody), ERR_DENIED);
    CHECK_EQ(people_actor(box.people, STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), box.arena,
                          &nobody),
             ERR_DENIED);
    box_close();
}

static void wrong_and_unknown_look_alike(void) {
    password_rounds_for_test(0);
    box_open();
    (void)first_officer();
    struct timespec from, mid, to;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    CHECK_EQ(sign_in_from("wang", "wrong password", "10.0.0.2"), ERR_DENIED);
    CHECK_STR(box.fault.code, "people.wrong_password");
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &mid);
    CHECK_EQ(sign_in_from("nobody", "wrong password", "10.0.0.3"), ERR_DENIED);
    CHECK_STR(box.fault.code, "people.wrong_password");
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    double known = (double)(mid.tv_sec - from.tv_sec) + 1e-9 * (double)(mid.tv_nsec - from.tv_nsec);
    double unknown = (double)(to.tv_sec - mid.tv_sec) + 1e-9 * (double)(to.tv_nsec - mid.tv_nsec);
    CHECK(known < 2 * unknown + 0.02 && unknown < 2 * known + 0.02);
    CHECK_EQ(audit_count("session.open", "denied"), 2);
    CHECK(known + unknown > 0.02); // hundreds of thousands of rounds were run
    box_close();
    password_rounds_for_test(2);
}

static void lock_out_grows_and_survives(void) {
    box_open();
    (void)first_officer();
    char address[32];
    for (int i = 0; i < 5; i++) { // from many addresses: the name is what counts
        snprintf(address, sizeof address, "10.0.1.%d", i);
        CHECK_EQ(sign_in_from("wang", "wrong password", address), ERR_DENIED);
    }
    CHECK_EQ(sign_in_from("wang", "first long secret", "10.0.2.1"), ERR_BUSY);
    CHECK_STR(box.fault.code, "people.locked");
    CHECK_STR(box.fault.detail, "2");
    box_reopen();
    CHECK_EQ(sign_in_from("wang", "first long secret", "10.0.2.1"), ERR_BUSY);
    later(2100);
    CHECK_EQ(sign_in_from("wang", "wrong password", "10.0.2.2"), ERR_DENIED);
    CHECK_EQ(sign_in_from("wang", "wrong password", "10.0.2.2"), ERR_BUSY);
    CHECK_STR(box.fault.detail, "4");
    for (int i = 0; i < 10; i++) {
        later(1000 * 1000);
        CHECK_EQ(sign_in_from("wang", "wrong password", "10.0.2.3"), ERR_DENIED);
    }
    CHECK_EQ(sign_in_from("wang", "x", "10.0.2.4"), ERR_BUSY);
    CHECK_STR(box.fault.detail, "900");
    later(901 * 1000);
    CHECK_EQ(sign_in_from("wang", "first long secret", "10.0.2.4"), OK);
    CHECK_EQ(sign_in_from("wang", "wrong password", "10.0.2.5"), ERR_DENIED); // counted anew
    CHECK_EQ(sign_in_from("wang", "first long secret", "10.0.2.4"), OK);
    // One address with many names.
    for (int i = 0; i < 5; i++) {
        char name[24];
        snprintf(name, sizeof name, "name%d", i);
        CHECK_EQ(sign_in_from(name, "wrong password", "10.0.3.1"), ERR_DENIED);
    }
    CHECK_EQ(sign_in_from("wang", "first long secret", "10.0.3.1"), ERR_BUSY);
    CHECK_EQ(sign_in_from("wang", "first long secret", "10.0.3.2"), OK);
    // An unknown name is locked like a known one.
    for (int i = 0; i < 5; i++) {
        snprintf(address, sizeof address, "10.0.4.%d", i);
        CHECK_EQ(sign_in_from("ghost", "wrong password", address), ERR_DENIED);
    }
    CHECK_EQ(sign_in_from("Ghost", "wrong password", "10.0.4.9"), ERR_BUSY);
    box_close();
}

static void sessions_end_by_themselves(void) {
    box_open();
    (void)first_officer();
    for (int hour = 0; hour < 11; hour++) {
        CHECK_EQ(who().person_id, 1);
        later(3600 * 1000);
    }
    CHECK_EQ(who().person_id, 1);
    later(3600 * 1000);
    CHECK_EQ(who().person_id, 0); // 12 hours, though in use
    CHECK_EQ(sign_in("wang", "first long secret"), OK);
    later(2 * 3600 * 1000 - 1);
    CHECK_EQ(who().person_id, 1);
    later(2 * 3600 * 1000);
    CHECK_EQ(who().person_id, 0); // idle
    box_close();
}

static void oldest_session_gives_way(void) {
    box_open();
    (void)first_officer();
    char first[SECRET_SIZE];
    memcpy(first, box.secret, sizeof first);
    for (int i = 0; i < SESSIONS_MAX - 1; i++) {
        later(1000);
        CHECK_EQ(sign_in("wang", "first long secret"), OK);
    }
    struct actor actor = {0};
    CHECK_EQ(people_actor(box.people, str_of(first), box.arena, &actor), OK);
    later(1000);
    CHECK_EQ(sign_in("wang", "first long secret"), OK);
    CHECK_EQ(people_actor(box.people, str_of(first), box.arena, &actor), ERR_DENIED);
    box_close();
}

// ---- roles -----------------------------------------------------------------------------------

static void officers_stay_apart(void) {
    box_open();
    struct actor officer = first_officer();
    CHECK_EQ(ask(people_me, (struct ask){.actor = officer}), OK);
    CHECK(json_member_bool(box.answer, "officers_joined", false));
    struct actor data = person_with(officer, "Li", "['data','research']");
    CHECK_EQ(data.roles, ROLE_DATA | ROLE_RESEARCH);
    const struct {
        struct actor actor;
        uint64_t id;
        const char *body, *code;
    } cases[] = {
        {officer, data.person_id, "{'roles':['audit','system']}", "people.audit_apart"},
        {officer, data.person_id, "{'roles':['audit','security']}", "people.audit_apart"},
        {officer, data.person_id, "{'roles':['king']}", "people.unknown_role"},
        {officer, data.person_id, "{'roles':'data'}", "people.unknown_role"},
        {officer, officer.person_id, "{'roles':['audit']}", "people.own_roles"},
        {officer, officer.person_id, "{'disabled':true}", "people.own_disable"},
        {data, data.person_id, "{'roles':['system']}", "people.not_allowed"},
        {data, officer.person_id, "{'disabled':true}", "people.not_allowed"},
        {officer, 999, "{'disabled':true}", "people.no_such_person"},
        {officer, data.person_id, "{'disabled':'yes'}", "call.missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(ask(people_change, (struct ask){.actor = cases[i].actor,
                                              .id = cases[i].id,
                                              .body = cases[i].body}) != OK);
        CHECK_STR(box.fault.code, cases[i].code);
    }
    CHECK_EQ(audit_count("people.change", "denied"), 4);
    // Security alone changes roles but no people, system the other way round.
    struct actor security = person_with(officer, "Sun", "['security']");
    CHECK_EQ(
        ask(people_change,
            (struct ask){.actor = security, .id = data.person_id, .body = "{'disabled':true}"}),
        ERR_DENIED);
    CHECK_EQ(ask(people_create, (struct ask){.actor = security, .body = "{'name':'x'}"}),
             ERR_DENIED);
    CHECK_EQ(ask(people_change, (struct ask){.actor = security,
                                             .id = officer.person_id,
                                             .body = "{'roles':['system']}"}),
             OK);
    CHECK_EQ(ask(people_me, (struct ask){.actor = security}), OK);
    CHECK(!json_member_bool(box.answer, "officers_joined", true));
    officer.roles = ROLE_SYSTEM; // as people_actor would say now
    CHECK_EQ(
        ask(people_change,
            (struct ask){.actor = officer, .id = data.person_id, .body = "{'roles':['data']}"}),
        ERR_DENIED);
    // The last of each stays.
    CHECK_EQ(
        ask(people_change,
            (struct ask){.actor = security, .id = officer.person_id, .body = "{'roles':['data']}"}),
        ERR_DENIED);
    CHECK_STR(box.fault.code, "people.last_system");
    CHECK_EQ(
        ask(people_change,
            (struct ask){.actor = officer, .id = security.person_id, .body = "{'disabled':true}"}),
        ERR_DENIED);
    CHECK_STR(box.fault.code, "people.last_security");
    CHECK_EQ(sign_in("wang", "first long secret"), OK);
    CHECK_EQ(who().roles, ROLE_SYSTEM);
    box_close();
}

static void disabled_people_are_out(void) {
    box_open();
    struct actor officer = first_officer();
    struct actor li = person_with(officer, "Li", "['data']");
    CHECK_EQ(who().person_id, li.person_id);
    CHECK_EQ(ask(people_change, (struct ask){.actor = officer,
                                             .id = li.person_id,
                                             .body = "{'disabled':true,'department':'Lab'}"}),
             OK);
    CHECK(json_member_bool(box.answer, "disabled", false));
    CHECK_TEXT(json_member_text(box.answer, "department"), "Lab");
    CHECK_EQ(who().person_id, 0);
    CHECK_EQ(sign_in("Li", "quite long L secret"), ERR_DENIED);
    CHECK_STR(box.fault.code, "people.wrong_password");
    CHECK_EQ(ask(people_change,
                 (struct ask){.actor = officer, .id = li.person_id, .body = "{'disabled':false}"}),
             OK);
    CHECK_EQ(sign_in("Li", "quite long L secret"), OK);
    box_close();
}

static void lists_people_by_page(void) {
    box_open();
    struct actor officer = first_officer();
    struct actor out = {0};
    for (int i = 0; i < 5; i++) {
        char name[24];
        snprintf(name, sizeof name, "console%d", i);
        CHECK_EQ(people_console_actor(box.people, str_of(name), ROLE_DATA, box.arena, &out, NULL),
                 OK);
    }
    CHECK_TEXT(out.name, "console4@console");
    CHECK_EQ(out.person_id, 6);
    CHECK_EQ(people_console_actor(box.people, STR("console4"), ROLE_AUDIT, box.arena, &out, NULL),
             OK);
    CHECK_EQ(out.person_id, 6);
    CHECK_EQ(out.roles, ROLE_AUDIT);
    CHECK_EQ(people_console_actor(box.people, STR("a/b"), ROLE_AUDIT, box.arena, &out, NULL),
             ERR_INPUT);
    CHECK_EQ(ask(people_list, (struct ask){.actor = officer, .query = {"page", "2", "size", "4"}}),
             OK);
    CHECK_EQ(json_member_u64(box.answer, "total", 0), 6);
    CHECK_EQ(json_count(json_member(box.answer, "items")), 2);
    CHECK_EQ(json_member_u64(json_first(json_member(box.answer, "items")), "id", 0), 2);
    CHECK_EQ(ask(people_list, (struct ask){.actor = officer, .query = {"size", "0"}}), ERR_INPUT);
    officer.roles = ROLE_DATA;
    CHECK_EQ(ask(people_list, (struct ask){.actor = officer}), ERR_DENIED);
    CHECK_EQ(sign_in("console4", ""), ERR_INPUT);
    CHECK_EQ(sign_in("console4", "anything at all"), ERR_DENIED);
    box_close();
}

static void names_are_checked(void) {
    box_open();
    struct actor officer = first_officer();
    static const struct {
        const char *name, *code;
    } cases[] = {{"wang", "people.name_taken"},
                 {"ＷＡＮＧ", "people.name_taken"},
                 {"a b", "people.bad_name"},
                 {"a/b", "people.bad_name"},
                 {"a@console", "people.bad_name"},
                 {"\\u0001x", "people.bad_name"},
                 {"", "call.missing"},
                 {"a＠console", "people.bad_name"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[256];
        snprintf(body, sizeof body, "{'name':'%s','display_name':'x','department':''}",
                 cases[i].name);
        CHECK(ask(people_create, (struct ask){.actor = officer, .body = body}) != OK);
        CHECK_STR(box.fault.code, cases[i].code);
    }
    box_close();
}

// ---- passwords -------------------------------------------------------------------------------

static void password_rules_hold(void) {
    static const struct {
        const char *password, *code;
    } cases[] = {{"short", "people.password_short"},
                 {"十个字符的密码够长了吗", ""},
                 {"密码太短", "people.password_short"},
                 {"Password123", "people.password_common"},
                 {"aaaaaaaaaaaa", "people.password_common"},
                 {"abcdefghijkl", "people.password_common"},
                 {"1234567890", "people.password_common"},
                 {"zhangwei2024", "people.password_name"},
                 {"ＺＨＡＮＧＷＥＩ99", "people.password_name"},
                 {"a horse that zhangwei once rode home", ""},
                 {"correct horse battery", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fault fault = {0};
        enum err err =
            password_rules(str_of(cases[i].password), STR("zhangwei"), STR("张伟"), &fault);
        CHECK_EQ(err, cases[i].code[0] ? ERR_INPUT : OK);
        CHECK_STR(fault.code, cases[i].code);
    }
    char big[300];
    memset(big, 'x', sizeof big);
    CHECK_EQ(password_rules((struct str){big, 257}, STR_NONE, STR_NONE, NULL), ERR_LIMIT);
}

static void changed_password_ends_other_sessions(void) {
    box_open();
    (void)first_officer();
    char other[SECRET_SIZE];
    memcpy(other, box.secret, sizeof other);
    CHECK_EQ(sign_in("wang", "first long secret"), OK);
    struct actor officer = who(), nobody = {0};
    CHECK_EQ(ask(people_password_change,
                 (struct ask){.actor = officer,
                              .body = "{'old':'wrong long secret','new':'second long secret'}"}),
             ERR_DENIED);
    CHECK_STR(box.fault.code, "people.wrong_password");
    CHECK_EQ(ask(people_password_change,
                 (struct ask){.actor = officer,
                              .body = "{'old':'first long secret','new':'first long secret'}"}),
             ERR_INPUT);
    CHECK_EQ(ask(people_password_change,
                 (struct ask){.actor = officer,
                              .body = "{'old':'first long secret','new':'second long secret'}"}),
             OK);
    CHECK_EQ(box.out.size, 0);
    CHECK_EQ(who().person_id, 1);
    CHECK_EQ(people_actor(box.people, str_of(other), box.arena, &nobody), ERR_DENIED);
    CHECK_EQ(sign_in("wang", "first long secret"), ERR_DENIED);
    CHECK_EQ(sign_in("wang", "second long secret"), OK);
    box_close();
}

static void reset_gives_a_password_for_once(void) {
    box_open();
    struct actor officer = first_officer();
    struct actor li = person_with(officer, "Li", "['data']");
    CHECK_EQ(ask(people_password_reset, (struct ask){.actor = li, .id = 1}), ERR_DENIED);
    CHECK_EQ(ask(people_password_reset, (struct ask){.actor = officer, .id = 1}), ERR_DENIED);
    CHECK_STR(box.fault.code, "people.own_reset");
    CHECK_EQ(ask(people_password_reset, (struct ask){.actor = officer, .id = 77}), ERR_NOT_FOUND);
    CHECK_EQ(ask(people_password_reset, (struct ask){.actor = officer, .id = li.person_id}), OK);
    char once[64];
    CHECK(str_copy(once, sizeof once, json_member_text(box.answer, "one_time_password")));
    CHECK_EQ(who().person_id, 0);
    CHECK_EQ(sign_in("Li", "quite long L secret"), ERR_DENIED);
    CHECK_EQ(sign_in("Li", once), OK);
    CHECK(json_member_bool(box.answer, "must_change_password", false));
    CHECK_EQ(who().roles, 0);
    box_close();
}

// ---- tokens ----------------------------------------------------------------------------------

static void tokens_work_and_end(void) {
    box_open();
    struct actor officer = first_officer();
    struct actor li = person_with(officer, "Li", "['data','research']");
    CHECK_EQ(ask(people_token_create,
                 (struct ask){.actor = li,
                              .body = "{'name':'script','roles':['data'],'expires_days':2}"}),
             OK);
    uint64_t id = json_member_u64(box.answer, "id", 0);
    char secret[SECRET_SIZE];
    CHECK(str_copy(secret, sizeof secret, json_member_text(box.answer, "secret")));
    CHECK(str_starts(str_of(secret), STR("cy_")));
    struct actor actor = {0};
    CHECK_EQ(people_actor(box.people, str_of(secret), box.arena, &actor), OK);
    CHECK_EQ(actor.person_id, li.person_id);
    CHECK_EQ(actor.roles, ROLE_DATA);
    CHECK_EQ(actor.session, 0);
    // A token makes no token and no password.
    CHECK_EQ(ask(people_token_create, (struct ask){.actor = actor, .body = "{'name':'more'}"}),
             ERR_DENIED);
    CHECK_STR(box.fault.code, "people.session_needed");
    CHECK_EQ(ask(people_password_change, (struct ask){.actor = actor, .body = "{}"}), ERR_DENIED);
    CHECK_EQ(ask(people_token_create,
                 (struct ask){.actor = li, .body = "{'name':'x','roles':['audit']}"}),
             ERR_DENIED);
    CHECK_STR(box.fault.code, "people.token_roles");
    static const char *const bad_days[] = {"0", "367", "1.5", "'1'", "-1"};
    for (size_t i = 0; i < 5; i++) {
        char body[128];
        snprintf(body, sizeof body, "{'name':'x','expires_days':%s}", bad_days[i]);
        CHECK_EQ(ask(people_token_create, (struct ask){.actor = li, .body = body}), ERR_INPUT);
    }
    CHECK_EQ(ask(people_token_list, (struct ask){.actor = li}), OK);
    const struct json *item = json_first(json_member(box.answer, "items"));
    CHECK_EQ(json_member_u64(box.answer, "total", 0), 1);
    CHECK_TEXT(json_member_text(item, "name"), "script");
    CHECK(!json_member(item, "secret"));
    CHECK(json_is_number(json_member(item, "last_used_ms")));
    CHECK_EQ(ask(people_token_list, (struct ask){.actor = officer}), OK);
    CHECK_EQ(json_member_u64(box.answer, "total", 9), 0);
    // Roles taken from the person are taken from the token.
    CHECK_EQ(
        ask(people_change,
            (struct ask){.actor = officer, .id = li.person_id, .body = "{'roles':['research']}"}),
        OK);
    CHECK_EQ(people_actor(box.people, str_of(secret), box.arena, &actor), OK);
    CHECK_EQ(actor.roles, 0);
    CHECK_EQ(ask(people_token_delete, (struct ask){.actor = officer, .id = id}), ERR_NOT_FOUND);
    later((int64_t)2 * 24 * 3600 * 1000);
    CHECK_EQ(people_actor(box.people, str_of(secret), box.arena, &actor), ERR_DENIED);
    CHECK_EQ(ask(people_token_delete, (struct ask){.actor = li, .id = id}), OK);
    CHECK_EQ(ask(people_token_delete, (struct ask){.actor = li, .id = id}), ERR_NOT_FOUND);
    box_close();
}

// ---- audit -----------------------------------------------------------------------------------

static void auditor_reads_the_chain(void) {
    box_open();
    struct actor officer = first_officer();
    struct actor auditor = person_with(officer, "Qian", "['audit']");
    CHECK_EQ(ask(people_audit_list, (struct ask){.actor = officer}), ERR_DENIED);
    CHECK_EQ(ask(people_audit_list, (struct ask){.actor = auditor, .query = {"size", "2"}}), OK);
    const struct json *items = json_member(box.answer, "items");
    CHECK_EQ(json_count(items), 2);
    uint64_t next = 0, newest = json_member_u64(json_first(items), "sequence", 0), seen = 2;
    CHECK(newest >= 5);
    while (json_u64(json_member(box.answer, "next"), &next)) {
        char before[24];
        snprintf(before, sizeof before, "%" PRIu64, next);
        CHECK_EQ(ask(people_audit_list,
                     (struct ask){.actor = auditor, .query = {"size", "2", "before", before}}),
                 OK);
        seen += json_count(json_member(box.answer, "items"));
    }
    CHECK_EQ(seen, newest);
    CHECK_EQ(
        ask(people_audit_list,
            (struct ask){.actor = auditor, .query = {"action", "people.roles", "actor", "Wang"}}),
        OK);
    items = json_member(box.answer, "items");
    CHECK_EQ(json_count(items), 1);
    CHECK_TEXT(json_member_text(json_first(items), "detail"), "+audit");
    CHECK_TEXT(json_member_text(json_first(items), "object"), "person/2");
    CHECK_EQ(ask(people_audit_verify, (struct ask){.actor = auditor}), OK);
    CHECK(json_member_bool(box.answer, "ok", false));
    CHECK_EQ(json_member_u64(box.answer, "count", 0), newest);
    CHECK(json_is_null(json_member(box.answer, "broken_at")));
    box_close();
}

// ---- no memory -------------------------------------------------------------------------------

static int setup_step(void *ctx) {
    (void)ctx;
    struct person person = {.name = STR("x"), .display_name = STR("y"), .created_ms = 1};
    struct people *people = NULL;
    struct fault fault = {0};
    enum err err = people_open(box.store, &people, &fault);
    struct actor actor = {0};
    if (err == OK) {
        err = people_console_actor(people, person.name, ROLE_DATA, box.arena, &actor, &fault);
        people_close(people);
    }
    memory_fail_after(UINT64_MAX);
    CHECK(err == OK || (err == ERR_MEMORY && fault.code[0]));
    return err != OK;
}

static void without_memory(void) {
    box_open();
    CHECK(check_faults(memory_fail_after, setup_step, NULL) >= 2);
    box_close();
}

// ---- departments ------------------------------------------------------------------------------

// A box as it was before there were departments: people who name one, and no policy.
static enum err before_departments(struct store_txn *txn, void *ctx) {
    static const struct str names[] = {{"ma", 2}, {"zhao", 4}, {"qian", 4}};
    static const char *const departments[] = {"放射科", "内科", "放射科"};
    enum err err = store_delete(txn, TABLE_POLICY, key_of_id(1));
    (void)ctx;
    for (int i = 0; i < 3 && err == OK; i++) {
        struct person person = {
            .name = names[i], .display_name = names[i], .department = str_of(departments[i])};
        err = person_add(txn, &person);
        if (err == OK) err = store_delete(txn, TABLE_MEMBER, key_of_id(person.id));
    }
    return err;
}

static void departments_are_made_of_what_people_name(void) {
    struct policy policy;
    struct store_txn *txn;
    struct person ma, qian, zhao, first;
    box_open();
    (void)first_officer();
    REQUIRE(store_write(box.store, before_departments, NULL) == OK);
    box_reopen();
    REQUIRE(store_read_begin(box.store, &txn) == OK);
    REQUIRE(policy_load(txn, box.arena, &policy) == OK);
    CHECK_EQ(policy.count, 3);
    REQUIRE(person_find(txn, STR("ma"), &ma) == OK);
    REQUIRE(person_find(txn, STR("qian"), &qian) == OK);
    REQUIRE(person_find(txn, STR("zhao"), &zhao) == OK);
    REQUIRE(person_get(txn, 1, &first) == OK);
    CHECK_TEXT(policy_tenant(&policy, ma.member.tenant)->name, "放射科");
    CHECK_EQ(qian.member.tenant, ma.member.tenant);
    CHECK_TEXT(policy_tenant(&policy, zhao.member.tenant)->name, "内科");
    CHECK_EQ(first.member.tenant, TENANT_DEFAULT);
    uint64_t version = policy.version;
    store_read_end(txn);
    box_reopen(); // once only
    REQUIRE(store_read_begin(box.store, &txn) == OK);
    REQUIRE(policy_load(txn, box.arena, &policy) == OK);
    CHECK_EQ(policy.version, version);
    store_read_end(txn);
    CHECK_EQ(audit_count("policy.begin", "ok"), 2);
    box_close();
}

int main(void) {
    password_rounds_for_test(2);
    CHECK_RUN(setup_code_is_kept_and_used_once);
    CHECK_RUN(setup_codes_cannot_be_guessed);
    CHECK_RUN(signs_in_and_out);
    CHECK_RUN(wrong_and_unknown_look_alike);
    CHECK_RUN(lock_out_grows_and_survives);
    CHECK_RUN(sessions_end_by_themselves);
    CHECK_RUN(oldest_session_gives_way);
    CHECK_RUN(officers_stay_apart);
    CHECK_RUN(disabled_people_are_out);
    CHECK_RUN(lists_people_by_page);
    CHECK_RUN(names_are_checked);
    CHECK_RUN(password_rules_hold);
    CHECK_RUN(changed_password_ends_other_sessions);
    CHECK_RUN(reset_gives_a_password_for_once);
    CHECK_RUN(tokens_work_and_end);
    CHECK_RUN(auditor_reads_the_chain);
    CHECK_RUN(without_memory);
    CHECK_RUN(departments_are_made_of_what_people_name);
    return check_done();
}
