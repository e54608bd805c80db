// What slurmrestd answers, as 24.11 does and as nobody should.
#include "allocation/slurm_rest.h"

#include "base/json.h"
#include "check.h"

static struct fault fault;

static void takes_the_nearest_parser(void) {
    static const struct {
        const char *paths;
        uint32_t version;
    } table[] = {
        {"\"/slurm/v0.0.40/job/submit\":1,\"/slurm/v0.0.42/job/submit\":1,"
         "\"/slurm/v0.0.43/job/submit\":1",
         42},
        {"\"\\/slurm\\/v0.0.41\\/job\\/submit\":1,\"\\/slurm\\/v0.0.40\\/job\\/submit\":1", 41},
        {"\"/slurm/v0.0.45/job/submit\":1,\"/slurm/v0.0.44/job/submit\":1", 44},
        {"\"/slurm/v0.0.41/job/submit\":1,\"/slurm/v0.0.43/job/submit\":1", 41},
        {"\"/slurm/v0.0.39/job/submit\":1", 0}, // written otherwise
        {"\"/slurm/v0.0.42/jobs\":1,\"/slurmdb/v0.0.42/job/submit\":1", 0},
        {"\"/slurm/v0.0./job/submit\":1,\"/slurm/v0.0.-1/job/submit\":1,"
         "\"/slurm/v0.0.9999999999999999999/job/submit\":1,"
         "\"/slurm/v0.0.4294967338/job/submit\":1",
         0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char text[600];
        snprintf(text, sizeof text, "{\"paths\":{%s}}", table[i].paths);
        CHECK_EQ(slurm_rest_version(str_of(text)), table[i].version);
    }
    CHECK_EQ(slurm_rest_version(STR("{\"paths\":[]}")), 0);
    CHECK_EQ(slurm_rest_version(STR("Unable find requested URL.")), 0);
}

static void writes_a_job(void) {
    struct slurm_task task = {
        .job = 7, .attempt = 2, .cpus = 3, .memory_mib = 500, .folder = "/d/\"7"};
    struct buf body;
    struct json *root = NULL;
    buf_open(&body, 10000);
    slurm_rest_job_write(&(struct slurm_rest_job){.task = &task,
                                                  .partition = "main",
                                                  .account = "t5",
                                                  .line = STR("exec 'a b' job"),
                                                  .limit_minutes = 9},
                         &body);
    REQUIRE(buf_err(&body) == OK && json_parse(buf_str(&body), &root, NULL) == OK);
    const struct json *job = json_member(root, "job");
    CHECK_TEXT(json_member_text(job, "script"), "#!/bin/sh\nexec 'a b' job\n");
    CHECK_TEXT(json_member_text(job, "comment"), "courtyard:7.2");
    CHECK_TEXT(json_member_text(job, "current_working_directory"), "/d/\"7");
    CHECK_TEXT(json_member_text(job, "standard_output"), "/d/\"7/log");
    CHECK_TEXT(json_member_text(job, "account"), "t5");
    CHECK_EQ(json_member_bool(job, "requeue", true), false);
    CHECK_EQ(json_member_u64(json_member(job, "time_limit"), "number", 0), 9);
    CHECK_EQ(json_member_u64(json_member(job, "memory_per_node"), "number", 0), 500);
    json_close(root);
    buf_close(&body);
}

static void submitted_is(const char *text, enum err err, uint64_t id, bool later,
                         const char *code) {
    uint64_t got = 0;
    bool got_later = !later;
    fault = (struct fault){0};
    CHECK_EQ(slurm_read_submitted(str_of(text), &got, &got_later, &fault), err);
    CHECK_EQ(got, id);
    if (err != OK) CHECK_EQ(got_later, later);
    CHECK_STR(fault.code, code);
}

static void reads_what_became_of_a_submission(void) {
    submitted_is("{\"job_id\":31,\"errors\":[],\"warnings\":[]}", OK, 31, false, "");
    submitted_is(
        "{\"errors\":[{\"description\":\"Batch job submission failed\",\"error_number\":2045,"
        "\"error\":\"Invalid account or account/partition combination specified\"}]}",
        ERR_INPUT, 0, false, "slurm.no_account");
    submitted_is(
        "{\"errors\":[{\"error\":\"Unable to contact slurm controller (connect failure)\"}]}",
        ERR_BUSY, 0, true, "slurm.not_reached");
    submitted_is("{\"errors\":[{\"description\":\"no luck\"}]}", ERR_IO, 0, false, "slurm.refused");
    submitted_is("{\"errors\":[7]}", ERR_IO, 0, false, "slurm.refused");
    // What cannot be read may have been taken.
    submitted_is("{\"job_id\":0,\"errors\":[]}", ERR_IO, 0, true, "");
    submitted_is("{\"job_id\":-4}", ERR_IO, 0, true, "");
    submitted_is("{\"job_id\":\"4\"}", ERR_IO, 0, true, "");
    submitted_is("{\"job_id\":4", ERR_IO, 0, true, "");
    submitted_is("", ERR_IO, 0, true, "");
}

#define PARTITION(name, time) \
    "{\"name\":\"" name "\",\"maximums\":{\"time\":{\"set\":true,\"number\":" time "}}}"

static void reads_what_there_is(void) {
    const char *two = "{\"partitions\":[" PARTITION("main", "0") "," PARTITION(
        "small", "60") "],"
                       "\"meta\":{\"slurm\":{\"release\":\"24.11.5\"}}}";
    const char *nodes =
        "{\"nodes\":[{\"cpus\":4,\"real_memory\":6000,\"partitions\":[\"main\"]},"
        "{\"cpus\":{\"set\":true,\"number\":8},\"real_memory\":9000,"
        "\"partitions\":[\"main\",\"small\"]},"
        "{\"cpus\":1e300,\"real_memory\":1,\"partitions\":[\"small\"]},"
        "{\"cpus\":9999999,\"real_memory\":1,\"partitions\":[\"small\"]},7,null,{}]}";
    struct slurm_pool pool = {.partition = "small"};
    REQUIRE(slurm_read_partitions(str_of(two), &pool, NULL) == OK);
    CHECK_EQ(pool.limit_minutes, 60);
    CHECK_STR(pool.version, "slurm 24.11.5");
    REQUIRE(slurm_read_nodes(str_of(nodes), &pool, NULL) == OK);
    CHECK_EQ(pool.cpus, 8); // what no machine has counts nothing
    CHECK_EQ(pool.memory_mib, 9001);
    CHECK_EQ(pool.node_cpus, 8);
    // It does not say which of several is the default one; where there is one alone, it is that.
    pool = (struct slurm_pool){0};
    CHECK_EQ(slurm_read_partitions(str_of(two), &pool, &fault), ERR_NOT_FOUND);
    REQUIRE(slurm_read_partitions(STR("{\"partitions\":[" PARTITION("only", "5") "]}"), &pool,
                                  NULL) == OK);
    CHECK_STR(pool.partition, "only");
    CHECK_EQ(slurm_read_nodes(str_of(nodes), &pool, NULL), ERR_NOT_FOUND);
    CHECK_EQ(slurm_read_nodes(STR("[]"), &pool, NULL), ERR_NOT_FOUND);
    CHECK_EQ(slurm_read_partitions(STR("{"), &pool, NULL), ERR_INPUT);
}

static void reads_accounts(void) {
    struct slurm_seen seen = {0};
    const char *text =
        "{\"jobs\":[{\"job_id\":1},{\"job_id\":12,\"state\":{\"current\":[\"FAILED\"]},"
        "\"exit_code\":{\"return_code\":{\"set\":true,\"number\":3}}}]}";
    uint64_t count = 9;
    REQUIRE(slurm_read_account_json(str_of(text), 12, &seen));
    CHECK_EQ(seen.state, SLURM_FAILED);
    CHECK_EQ(seen.exit_status, 3);
    CHECK(!slurm_read_account_json(str_of(text), 13, &seen));
    CHECK(slurm_read_associations(STR("{\"associations\":[],\"errors\":[]}"), &count));
    CHECK_EQ(count, 0);
    CHECK(slurm_read_associations(STR("{\"associations\":[{}]}"), &count));
    CHECK_EQ(count, 1);
    CHECK(!slurm_read_associations(STR("{\"associations\":[],\"errors\":[{}]}"), &count));
    CHECK(!slurm_read_associations(STR("{\"errors\":[]}"), &count));
}

static void an_end_that_was_there_is_no_fault(void) {
    CHECK(slurm_read_signalled(STR("{\"status\":[],\"errors\":[]}")));
    CHECK(slurm_read_signalled(STR("{\"status\":[{\"error\":{\"code\":2021}}]}")));
    CHECK(!slurm_read_signalled(STR("{\"status\":[{\"error\":{\"code\":2017}}]}")));
    CHECK(!slurm_read_signalled(STR("{\"errors\":[{\"error_number\":1}]}")));
    CHECK(!slurm_read_signalled(STR("gone")));
}

int main(void) {
    CHECK_RUN(takes_the_nearest_parser);
    CHECK_RUN(writes_a_job);
    CHECK_RUN(reads_what_became_of_a_submission);
    CHECK_RUN(reads_what_there_is);
    CHECK_RUN(reads_accounts);
    CHECK_RUN(an_end_that_was_there_is_no_fault);
    return check_done();
}
