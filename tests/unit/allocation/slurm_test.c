// What Slurm's commands print, as several versions print it, and as nobody should.
#include "allocation/slurm.h"
#include "check.h"

static struct slurm_list list;
static struct fault fault;

static const struct slurm_seen *only(void) {
    CHECK_EQ(list.count, 1);
    return &list.jobs[0];
}

static enum err json(const char *text) {
    fault = (struct fault){0};
    return slurm_read_queue_json(str_of(text), &list, &fault);
}

static enum err text_of(const char *text) {
    fault = (struct fault){0};
    return slurm_read_queue_text(str_of(text), &list, &fault);
}

static void reads_json_of_24_11(void) {
    REQUIRE(
        json("{\"jobs\":[{\"job_id\":12,\"job_state\":[\"FAILED\"],\"comment\":\"courtyard:7.2\","
             "\"state_reason\":\"NonZeroExitCode\",\"current_working_directory\":\"/d/jobs/7\","
             "\"start_time\":{\"set\":true,\"infinite\":false,\"number\":1795645390},"
             "\"exit_code\":{\"status\":[\"ERROR\"],\"return_code\":{\"set\":true,\"number\":3},"
             "\"signal\":{\"id\":{\"set\":false,\"number\":0},\"name\":\"\"}}}],"
             "\"errors\":[]}") == OK);
    CHECK_EQ(only()->id, 12);
    CHECK_EQ(only()->state, SLURM_FAILED);
    CHECK_EQ(only()->exit_status, 3);
    CHECK_EQ(only()->start_s, 1795645390);
    CHECK_STR(only()->comment, "courtyard:7.2");
    CHECK_STR(only()->reason, "");
    CHECK_EQ(only()->folder_hash == str_hash(STR("/d/jobs/7")), true);
}

static void reads_json_of_22_05(void) {
    REQUIRE(json("{\"jobs\":[{\"job_id\":3,\"job_state\":\"PENDING\",\"comment\":\"courtyard:1.1\","
                 "\"state_reason\":\"Resources\",\"current_working_directory\":\"/d/jobs/1\","
                 "\"start_time\":0,\"exit_code\":0},"
                 "{\"job_id\":4,\"job_state\":\"RUNNING\",\"comment\":\"somebody else's\"}]}") ==
            OK);
    CHECK_EQ(only()->state, SLURM_PENDING);
    CHECK_STR(only()->reason, "Resources");
    REQUIRE(json("{\"jobs\":[{\"job_id\":5,\"job_state\":\"FAILED\",\"comment\":\"courtyard:1.1\","
                 "\"exit_code\":9}]}") == OK);
    CHECK_EQ(only()->exit_status, 137);
}

static void completing_is_no_end(void) {
    REQUIRE(json("{\"jobs\":[{\"job_id\":3,\"job_state\":[\"CANCELLED\",\"COMPLETING\"],"
                 "\"comment\":\"courtyard:1.1\"}]}") == OK);
    CHECK_EQ(only()->state, SLURM_COMPLETING);
    CHECK(!slurm_state_ended(SLURM_COMPLETING));
}

static void refuses_what_is_no_queue(void) {
    list.count = 9;
    CHECK(json("") != OK);
    CHECK(json("{\"jobs\":{}}") == ERR_INPUT);
    CHECK(json("[]") == ERR_INPUT);
    CHECK(json("slurm_load_jobs error: Unable to contact slurm controller") == ERR_INPUT);
    CHECK(json("{\"jobs\":[1,null,\"x\",[],{},{\"job_id\":-1},{\"job_id\":1e99},"
               "{\"job_id\":7,\"comment\":7,\"job_state\":{\"a\":[]}}]}") == OK);
    CHECK_EQ(list.count, 0);
    CHECK(json("{\"jobs\":[{\"job_id\":7,\"comment\":\"courtyard:1.1\",\"job_state\":[[],3,null],"
               "\"exit_code\":[],\"start_time\":{\"number\":-5}}]}") == OK);
    CHECK_EQ(only()->state, SLURM_UNKNOWN);
    CHECK_EQ(only()->start_s, 0);
}

static void reads_lines(void) {
    REQUIRE(text_of("5|COMPLETED|1795645392|None|(null)|(null)|/\n"
                    " 1|RUNNING|1795645391|None|courtyard:1.1|t5|/tmp/a|b \n"
                    "4_[1-9]|PENDING|N/A|None|courtyard:2.1|t5|/\n") == OK);
    CHECK_EQ(only()->id, 1);
    CHECK_EQ(only()->state, SLURM_RUNNING);
    CHECK_EQ(only()->start_s, 1795645391);
    CHECK_STR(only()->account, "t5");
    CHECK(only()->folder_hash == str_hash(STR("/tmp/a|b")));
    REQUIRE(text_of("9|PENDING|N/A|Priority|courtyard:3.4|(null)|/d\n") == OK);
    CHECK_STR(only()->reason, "Priority");
    CHECK_STR(only()->account, "");
    CHECK_EQ(only()->start_s, 0);
    CHECK(text_of("") == OK);
    CHECK_EQ(list.count, 0);
}

static void hostile_lines_harm_nobody(void) {
    CHECK(text_of("|||||\n|\n\n9\n9|\n18446744073709551616|RUNNING|1|a|courtyard:1.1||/\n"
                  "-3|RUNNING|1|a|courtyard:1.1||/\n") == OK);
    CHECK_EQ(list.count, 0);
    // A comment longer than any of ours is none of ours; a reason is cut and made plain.
    char line[600];
    snprintf(line, sizeof line, "7|RUNNING|1|a|courtyard:%0200d||/\n", 1);
    CHECK(text_of(line) == OK);
    CHECK_EQ(list.count, 0);
    snprintf(line, sizeof line, "7|PENDING|1|\x1b[2J\xff%0200d|courtyard:1.1||/\n", 1);
    CHECK(text_of(line) == OK);
    CHECK_EQ(strlen(only()->reason), SLURM_REASON_BYTES - 1);
    CHECK_EQ(only()->reason[0], '?');
    CHECK_EQ(only()->reason[4], '?');
}

static void many_are_a_fault_and_no_silence(void) {
    struct buf text;
    buf_open(&text, 1 << 20);
    for (unsigned i = 0; i <= SLURM_SEEN_MAX; i++) {
        buf_printf(&text, "%u|RUNNING|1|a|courtyard:%u.1||/\n", i + 1, i + 1);
    }
    fault = (struct fault){0};
    CHECK_EQ(slurm_read_queue_text(buf_str(&text), &list, &fault), ERR_LIMIT);
    CHECK_STR(fault.code, "slurm.too_many");
    buf_close(&text);
}

static void random_bytes_harm_nobody(void) {
    static const char words[][24] = {
        "courtyard:1.1", "|",          "\n",          "RUNNING",        "7", "\0", "\xff",
        "N/A",           "COMPLETING", "{\"jobs\":[", "{\"job_id\":7,", "]}"};
    struct slurm_seen seen;
    bool later;
    for (int round = 0; round < 20000; round++) {
        char text[256];
        size_t size = 0;
        while (size < 200 && check_below(12) > 0) {
            const char *word = words[check_below(12)];
            size_t more = word[0] ? strlen(word) : 1;
            memcpy(text + size, word, more);
            size += more;
        }
        struct str all = {text, size};
        (void)!slurm_read_queue_text(all, &list, NULL);
        (void)!slurm_read_queue_json(all, &list, NULL);
        slurm_read_account(all, 7, &seen);
        slurm_minutes(all);
        (void)!slurm_refusal(all, &later, NULL);
    }
}

static void reads_accounts(void) {
    struct slurm_seen seen = {0};
    struct str text = STR("11|COMPLETED|0:0\n12|CANCELLED by 1000|0:15\n12.batch|CANCELLED|0:15\n");
    REQUIRE(slurm_read_account(text, 12, &seen));
    CHECK_EQ(seen.state, SLURM_CANCELLED);
    CHECK_EQ(seen.exit_status, 128 + 15);
    CHECK(!slurm_read_account(text, 13, &seen));
    REQUIRE(slurm_read_account(STR("4|OUT_OF_ME+|0:125"), 4, &seen));
    CHECK_EQ(seen.state, SLURM_UNKNOWN); // cut: -P never cuts
    REQUIRE(slurm_read_account(STR("4|OUT_OF_MEMORY|0:9"), 4, &seen));
    CHECK_EQ(seen.state, SLURM_OUT_OF_MEMORY);
    REQUIRE(slurm_read_account(STR("4|FAILED|77777777777777777777:1"), 4, &seen));
    CHECK_EQ(seen.exit_status, -1);
    REQUIRE(slurm_read_account(STR("4"), 4, &seen));
    CHECK_EQ(seen.state, SLURM_UNKNOWN);
}

static void reads_time_limits(void) {
    CHECK_EQ(slurm_minutes(STR("30:00")), 30);
    CHECK_EQ(slurm_minutes(STR("1:00:00")), 60);
    CHECK_EQ(slurm_minutes(STR("2-01:30:00")), 2 * 1440 + 90);
    CHECK_EQ(slurm_minutes(STR("infinite")), 0);
    CHECK_EQ(slurm_minutes(STR("")), 0);
    CHECK_EQ(slurm_minutes(STR("99999999-00:00:00")), 0);
    CHECK_EQ(slurm_minutes(STR("1:2:3:4")), 0);
}

static void refusal_is(const char *said, const char *code, bool wants_later, const char *detail) {
    bool later = !wants_later;
    struct fault told = {0};
    CHECK(slurm_refusal(str_of(said), &later, &told) != OK);
    CHECK_STR(told.code, code);
    CHECK_EQ(later, wants_later);
    CHECK_STR(told.detail, detail);
}

static void refusals_are_told_apart(void) {
    refusal_is("sbatch: error: invalid partition specified: nope\n"
               "sbatch: error: Batch job submission failed: Invalid partition name specified\n",
               "slurm.no_partition", false, "Invalid partition name specified");
    refusal_is("sbatch: error: Memory specification can not be satisfied\n"
               "sbatch: error: Batch job submission failed: Requested node configuration is not "
               "available\n",
               "slurm.memory_too_large", false, "Requested node configuration is not available");
    refusal_is("sbatch: error: Batch job submission failed: Unable to contact slurm controller "
               "(connect failure)",
               "slurm.not_reached", true, "Unable to contact slurm controller (connect failure)");
    refusal_is(
        "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
        "slurm.not_reached", true, "Socket timed out on send/recv operation");
    refusal_is("sbatch: error: Batch job submission failed: Invalid account or account/partition "
               "combination specified",
               "slurm.no_account", false,
               "Invalid account or account/partition combination specified");
    refusal_is("", "slurm.refused", false, "");
    refusal_is("no luck today", "slurm.refused", false, "no luck today");
}

int main(void) {
    CHECK_RUN(reads_json_of_24_11);
    CHECK_RUN(reads_json_of_22_05);
    CHECK_RUN(completing_is_no_end);
    CHECK_RUN(refuses_what_is_no_queue);
    CHECK_RUN(reads_lines);
    CHECK_RUN(hostile_lines_harm_nobody);
    CHECK_RUN(many_are_a_fault_and_no_silence);
    CHECK_RUN(random_bytes_harm_nobody);
    CHECK_RUN(reads_accounts);
    CHECK_RUN(reads_time_limits);
    CHECK_RUN(refusals_are_told_apart);
    return check_done();
}
