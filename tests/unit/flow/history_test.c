// Recipes that people keep, share and change, and the way back to an earlier revision of a dataset.
#include "base/file.h"
#include "check.h"
#include "data/cleanse/cleanse.h"
#include "support/box.h"

enum { JOB_MS = 60000 };

static struct box_test box;
static char dir[128];

static enum err act(const struct actor *actor,
                    enum err (*operation)(struct flow *flow, struct call *call), uint64_t id,
                    const char *body) {
    return box_do(&box, actor, operation, id, 0, NULL, body);
}

static uint64_t listed(const struct actor *actor) {
    return act(actor, flow_recipe_list, 0, NULL) == OK ? box_u64(&box, "total") : 99;
}

static uint64_t version_count(const struct actor *actor, uint64_t id) {
    return act(actor, flow_recipe_versions, id, NULL) == OK ? json_count(box.reply) : 99;
}

static void a_recipe_is_ones_own_until_shared(void) {
    REQUIRE(act(&box_officer, flow_recipe_save, 0,
                "{\"name\":\"mine\",\"text\":\"recipe 1\\ndecode auto\"}") == OK);
    uint64_t id = box_u64(&box, "id");
    CHECK_TEXT(box_text(&box, "visibility"), "mine");
    CHECK_EQ(listed(&box_officer), 1);
    CHECK_EQ(listed(&box_reviewer), 0);
    CHECK_EQ(act(&box_reviewer, flow_recipe_versions, id, NULL), ERR_NOT_FOUND);
    CHECK_EQ(act(&box_reviewer, flow_recipe_delete, id, NULL), ERR_NOT_FOUND);
    CHECK_EQ(act(&box_officer, flow_recipe_change, id, "{\"visibility\":\"all\"}"), ERR_INPUT);
    REQUIRE(act(&box_officer, flow_recipe_change, id, "{\"visibility\":\"everybody\"}") == OK);
    CHECK_EQ(listed(&box_reviewer), 1);
    // To use, not to change.
    CHECK_EQ(act(&box_reviewer, flow_recipe_delete, id, NULL), ERR_DENIED);
    CHECK_STR(box.fault.code, "recipe.not_yours");
    CHECK_EQ(act(&box_reviewer, flow_recipe_change, id, "{\"visibility\":\"mine\"}"), ERR_DENIED);
    char body[96];
    snprintf(body, sizeof body, "{\"previous\":%u,\"text\":\"recipe 1\"}", (unsigned)id);
    CHECK_EQ(act(&box_reviewer, flow_recipe_save, 0, body), ERR_DENIED);
    REQUIRE(act(&box_officer, flow_recipe_delete, id, NULL) == OK);
    CHECK_EQ(listed(&box_officer), 0);
}

static void versions_follow_one_another(void) {
    char body[128];
    REQUIRE(act(&box_officer, flow_recipe_save, 0,
                "{\"name\":\"v\",\"text\":\"recipe 1\",\"visibility\":\"everybody\"}") == OK);
    uint64_t first = box_u64(&box, "id");
    snprintf(body, sizeof body, "{\"previous\":%u,\"text\":\"recipe 1\\ndecode auto\"}",
             (unsigned)first);
    REQUIRE(act(&box_officer, flow_recipe_save, 0, body) == OK);
    uint64_t second = box_u64(&box, "id");
    CHECK_EQ(box_u64(&box, "version"), 2);
    CHECK_TEXT(box_text(&box, "name"), "v");
    CHECK_TEXT(box_text(&box, "visibility"), "everybody");
    CHECK_EQ(act(&box_officer, flow_recipe_save, 0, body), ERR_CONFLICT);
    CHECK_STR(box.fault.code, "recipe.not_newest");
    CHECK_EQ(listed(&box_reviewer), 1);
    CHECK_EQ(version_count(&box_reviewer, second), 2);
    CHECK_EQ(act(&box_officer, flow_recipe_delete, first, NULL), ERR_CONFLICT);
    REQUIRE(act(&box_officer, flow_recipe_delete, second, NULL) == OK);
    CHECK_EQ(act(&box_officer, flow_recipe_versions, first, NULL), ERR_NOT_FOUND);
}

static void presets_are_told_and_used(void) {
    REQUIRE(act(&box_officer, flow_recipe_presets, 0, NULL) == OK);
    CHECK_EQ(json_count(box.reply), PRESET_COUNT);
    CHECK_EQ(act(&box_stranger, flow_recipe_presets, 0, NULL), ERR_DENIED);
    REQUIRE(act(&box_officer, flow_recipe_propose, 0,
                "{\"dataset\":1,\"preset\":\"statistics\"}") == OK);
    CHECK_EQ(act(&box_officer, flow_recipe_propose, 0, "{\"dataset\":1,\"preset\":\"fun\"}"),
             ERR_INPUT);
    CHECK_STR(box.fault.code, "recipe.no_such_preset");
}

// What an earlier recipe has treated is left alone by the next proposal.
static void what_is_treated_is_not_treated_again(void) {
    REQUIRE(box_do(&box, &box_officer, flow_revision_restore, 1, 1, NULL, NULL) == OK);
    REQUIRE(act(&box_officer, flow_recipe_propose, 0, "{\"dataset\":1}") == OK);
    CHECK(memmem(box.answer.data, box.answer.size, "mask name", 9) != NULL);
    REQUIRE(act(&box_officer, flow_dataset_cleanse, 1,
                "{\"recipe\":\"recipe 1\\nmask name,mobile how=pseudonym\\n\"}") == OK);
    REQUIRE(box_settle(&box, JOB_MS));
    REQUIRE(act(&box_officer, flow_recipe_propose, 0, "{\"dataset\":1}") == OK);
    CHECK(memmem(box.answer.data, box.answer.size, "mask", 4) == NULL);
}

static void going_back_keeps_everything(void) {
    REQUIRE(act(&box_officer, flow_dataset_cleanse, 1,
                "{\"recipe\":\"recipe 1\\ndrop columns=name\\n\"}") == OK);
    REQUIRE(box_settle(&box, JOB_MS));
    REQUIRE(box_do(&box, &box_officer, flow_revision_recipe, 1, 2, NULL, NULL) == OK);
    CHECK_TEXT(box_text(&box, "text"), "recipe 1\ndrop columns=name\n");
    CHECK_EQ(box_do(&box, &box_officer, flow_revision_recipe, 1, 1, NULL, NULL), ERR_NOT_FOUND);
    CHECK_STR(box.fault.code, "dataset.no_recipe");
    CHECK_EQ(box_do(&box, &box_officer, flow_revision_restore, 1, 2, NULL, NULL), ERR_CONFLICT);
    CHECK_EQ(box_do(&box, &box_officer, flow_revision_restore, 1, 9, NULL, NULL), ERR_NOT_FOUND);
    CHECK_EQ(box_do(&box, &box_auditor, flow_revision_restore, 1, 1, NULL, NULL), ERR_DENIED);
    REQUIRE(box_do(&box, &box_officer, flow_revision_restore, 1, 1, NULL, NULL) == OK);
    CHECK_EQ(box_u64(&box, "revision"), 3);
    const struct json *item = json_first(json_member(box.reply, "revisions"));
    char table[80];
    str_copy(table, sizeof table, json_member_text(item, "table"));
    for (uint32_t i = 0; i < 2; i++) item = json_next(item);
    CHECK_TEXT(json_member_text(item, "kind"), "restore");
    CHECK_TEXT(json_member_text(item, "table"), table);
    CHECK_EQ(json_member_u64(item, "parent", 0), 1);
    // A restored cleansing tells its recipe too, and a check of one takes no other's profile away.
    REQUIRE(box_do(&box, &box_officer, flow_revision_restore, 1, 2, NULL, NULL) == OK);
    REQUIRE(box_do(&box, &box_officer, flow_revision_recipe, 1, 4, NULL, NULL) == OK);
    REQUIRE(act(&box_officer, flow_dataset_check, 1, "{\"revision\":3}") == OK);
    REQUIRE(box_settle(&box, JOB_MS));
    for (uint64_t number = 1; number <= 4; number++) {
        CHECK_EQ(box_do(&box, &box_officer, flow_revision_profile, 1, number, NULL, NULL), OK);
        CHECK_EQ(box_do(&box, &box_officer, flow_revision_rows, 1, number, NULL, NULL), OK);
    }
    uint64_t findings = 1;
    CHECK_EQ(store_check(box.store, NULL, NULL, NULL, &findings), OK);
    CHECK_EQ(findings, 0);
}

// The blob that the report names, byte for byte; cells with personal data stay hidden.
static void what_a_cleansing_set_aside_is_kept(void) {
    REQUIRE(act(&box_officer, flow_dataset_show, 1, NULL) == OK);
    uint64_t next = box_u64(&box, "revision") + 1;
    REQUIRE(box_do(&box, &box_officer, flow_revision_restore, 1, 1, NULL, NULL) == OK);
    REQUIRE(act(&box_officer, flow_dataset_cleanse, 1,
                "{\"recipe\":\"recipe 1\\nsample manual=30 technical=1 columns=name,mobile\\n"
                "mask name,mobile how=mask\\n\"}") == OK);
    REQUIRE(box_settle(&box, JOB_MS));
    next++;
    char hash[80] = "", path[1100];
    REQUIRE(box_do(&box, &box_officer, flow_revision_report, 1, next, NULL, NULL) == OK);
    const struct json *file = json_first(json_member(box.reply, "files"));
    CHECK_TEXT(json_member_text(file, "name"), "sampling.csv");
    CHECK_EQ(json_member_u64(file, "rows", 0), 30);
    str_copy(hash, sizeof hash, json_member_text(file, "hash"));
    for (int turn = 0; turn < 2; turn++) { // the second one after going back to it
        REQUIRE(box_do(&box, &box_officer, flow_revision_extract, 1, next, "offset=20&size=20",
                       NULL) == OK);
        CHECK_TEXT(box_text(&box, "hash"), hash);
        CHECK_EQ(box_u64(&box, "total"), 30);
        const struct json *rows = json_member(box.reply, "rows");
        CHECK_EQ(json_count(rows), 10);
        CHECK_TEXT(json_text(json_first(json_first(rows))), "21");
        CHECK(memmem(box.answer.data, box.answer.size, "•••", strlen("•••")) != NULL);
        REQUIRE(box_do(&box, &box_officer, flow_revision_extract, 1, next, "size=1&reveal=1",
                       NULL) == OK);
        CHECK(memmem(box.answer.data, box.answer.size, "•••", strlen("•••")) == NULL);
        REQUIRE(box_do(&box, &box_officer, flow_revision_extract, 1, next, "kind=technical",
                       NULL) == OK);
        CHECK_EQ(box_u64(&box, "total"), 200);
        if (turn == 1) break;
        REQUIRE(box_do(&box, &box_officer, flow_revision_restore, 1, 1, NULL, NULL) == OK);
        REQUIRE(box_do(&box, &box_officer, flow_revision_restore, 1, next, NULL, NULL) == OK);
        REQUIRE(box_do(&box, &box_officer, flow_revision_delete, 1, next, NULL, NULL) == OK);
        CHECK_EQ(box_do(&box, &box_officer, flow_revision_extract, 1, next, NULL, NULL),
                 ERR_CONFLICT);
        next += 2;
    }
    struct hash wanted, made = {0};
    REQUIRE(hash_from_hex(str_of(hash), &wanted));
    REQUIRE(blob_path(box.store, &wanted, path, sizeof path, NULL) == OK);
    CHECK_EQ(file_hash(path, NULL, &made, &(uint64_t){0}, NULL), OK);
    CHECK(memcmp(&wanted, &made, sizeof made) == 0);
    CHECK_EQ(box_do(&box, &box_officer, flow_revision_extract, 1, next, "kind=words", NULL),
             ERR_NOT_FOUND);
    CHECK_STR(box.fault.code, "dataset.no_extract");
    CHECK_EQ(box_do(&box, &box_officer, flow_revision_extract, 1, next, "kind=x", NULL), ERR_INPUT);
    CHECK_EQ(box_do(&box, &box_auditor, flow_revision_extract, 1, next, NULL, NULL), ERR_DENIED);
    CHECK_EQ(box_do(&box, &box_researcher, flow_revision_extract, 1, next, NULL, NULL), ERR_DENIED);
}

static void a_former_revision_is_deleted_for_good(void) {
    REQUIRE(act(&box_officer, flow_dataset_show, 1, NULL) == OK);
    uint64_t newest = box_u64(&box, "revision");
    CHECK_EQ(box_do(&box, &box_auditor, flow_revision_delete, 1, 1, NULL, NULL), ERR_DENIED);
    CHECK_EQ(box_do(&box, &box_officer, flow_revision_delete, 1, newest, NULL, NULL), ERR_CONFLICT);
    CHECK_STR(box.fault.code, "dataset.revision_in_use");
    CHECK_EQ(box_do(&box, &box_officer, flow_revision_delete, 1, 99, NULL, NULL), ERR_NOT_FOUND);
    REQUIRE(
        act(&box_officer, flow_release_request, 1,
            "{\"revision\":2,\"sheet\":{\"title\":\"T\",\"purpose\":\"p\",\"source\":\"s\"}}") ==
        OK);
    uint64_t release = box_u64(&box, "id");
    CHECK_EQ(box_do(&box, &box_officer, flow_revision_delete, 1, 2, NULL, NULL), ERR_CONFLICT);
    CHECK_STR(box.fault.code, "dataset.revision_released");
    REQUIRE(act(&box_reviewer, flow_release_reject, release, "{\"reason\":\"not yet\"}") == OK);
    for (uint64_t number = 1; number <= 2; number++) {
        REQUIRE(box_do(&box, &box_officer, flow_revision_delete, 1, number, NULL, NULL) == OK);
        CHECK_EQ(box_do(&box, &box_officer, flow_revision_rows, 1, number, NULL, NULL),
                 ERR_CONFLICT);
        CHECK_STR(box.fault.code, "dataset.revision_deleted");
        CHECK_EQ(box_do(&box, &box_officer, flow_revision_restore, 1, number, NULL, NULL),
                 ERR_CONFLICT);
    }
    REQUIRE(box_do(&box, &box_officer, flow_revision_delete, 1, 1, NULL, NULL) == OK); // again
    CHECK_EQ(box_do(&box, &box_officer, flow_revision_report, 1, 2, NULL, NULL), OK);
    CHECK_EQ(box_do(&box, &box_officer, flow_revision_recipe, 1, 2, NULL, NULL), OK);
    // A copy made by going back stands on references of its own.
    CHECK_EQ(box_do(&box, &box_officer, flow_revision_rows, 1, 3, NULL, NULL), OK);
    REQUIRE(act(&box_officer, flow_dataset_show, 1, NULL) == OK);
    const struct json *first = json_first(json_member(box.reply, "revisions"));
    CHECK(json_member_u64(first, "deleted_ms", 0) > 0);
    CHECK_EQ(json_member_text(first, "table").size, 64);
    uint64_t findings = 1;
    CHECK_EQ(store_check(box.store, NULL, NULL, NULL, &findings), OK);
    CHECK_EQ(findings, 0);
}

int main(int argc, char **argv) {
    BOX_MAIN
    if (!box_folder(dir) || box_test_open(&box, dir) != OK) return 1;
    CHECK_RUN(a_recipe_is_ones_own_until_shared);
    CHECK_RUN(versions_follow_one_another);
    struct buf text;
    buf_open(&text, 1 << 20);
    box_patients(&text, 200, 1);
    if (!box_import(&box, "patients", buf_str(&text), NULL) || !box_settle(&box, JOB_MS)) return 1;
    buf_close(&text);
    CHECK_RUN(presets_are_told_and_used);
    CHECK_RUN(going_back_keeps_everything);
    CHECK_RUN(what_is_treated_is_not_treated_again);
    CHECK_RUN(what_a_cleansing_set_aside_is_kept);
    CHECK_RUN(a_former_revision_is_deleted_for_good);
    box_test_close(&box, true);
    box_folder_remove(dir);
    return check_done();
}
