// Which of Slurm's two doors a call takes: a slurmrestd that answers, one that breaks off, one that
// is not there, and commands that list how they were called. (The real ones: tests/sim/slurm.)
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "allocation/slurm.h"
#include "base/file.h"
#include "check.h"
#include "support/scratch.h"

#define OPENAPI "{\"paths\":{\"/slurm/v0.0.42/job/submit\":{}}}"
#define REFUSED_ACCOUNT \
    "{\"errors\":[{\"error\":\"Invalid account or account/partition combination specified\"}]}"

// ---- a slurmrestd ------------------------------------------------------------------------------
static struct {
    char path[64];
    int fd;
    pthread_t thread;
    const char *submit, *jobs; // what it answers; NULL: it breaks off
    const char *refuse;        // a submission that holds this is refused
    _Atomic int submits;
} rest;

static void answer(int fd, const char *body) {
    char head[128];
    if (!body) return;
    int size =
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", strlen(body));
    (void)!write(fd, head, (size_t)size);
    for (size_t left = strlen(body), sent = 0; left > 0; left -= sent, body += sent) {
        ssize_t got = write(fd, body, left);
        if (got <= 0) return;
        sent = (size_t)got;
    }
}

static void *serve(void *ctx) {
    (void)ctx;
    for (;;) {
        char asked[4096] = "";
        int fd = accept(rest.fd, NULL, NULL);
        if (fd < 0) return NULL;
        ssize_t got = read(fd, asked, sizeof asked - 1);
        for (size_t all = got > 0 ? (size_t)got : 0; got > 0 && strstr(asked, "POST ") == asked;) {
            if (strstr(asked, "}}")) break; // the body's end
            got = read(fd, asked + all, sizeof asked - 1 - all);
            all += got > 0 ? (size_t)got : 0;
        }
        if (strstr(asked, "GET /openapi") == asked) answer(fd, OPENAPI);
        if (strstr(asked, "/jobs/ ")) answer(fd, rest.jobs);
        if (strstr(asked, "/associations/")) answer(fd, "{\"associations\":[{}],\"errors\":[]}");
        if (strstr(asked, "POST ") == asked) {
            bool refused = rest.refuse && strstr(asked, rest.refuse);
            rest.submits++;
            answer(fd, refused ? REFUSED_ACCOUNT : rest.submit);
        }
        close(fd);
    }
}

static bool rest_open(void) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memset(&rest, 0, sizeof rest);
    snprintf(rest.path, sizeof rest.path, "/tmp/slurm_doors-%d", (int)getpid());
    memcpy(at.sun_path, rest.path, strlen(rest.path) + 1);
    unlink(rest.path);
    rest.fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return bind(rest.fd, (const struct sockaddr *)&at, sizeof at) == 0 && listen(rest.fd, 8) == 0 &&
           pthread_create(&rest.thread, NULL, serve, NULL) == 0;
}

static void rest_close(void) {
    shutdown(rest.fd, SHUT_RDWR);
    pthread_join(rest.thread, NULL);
    close(rest.fd);
    unlink(rest.path);
}

// ---- commands ----------------------------------------------------------------------------------
static char bin[512];

static void command(const char *name, const char *script) {
    char path[600], text[1200];
    snprintf(path, sizeof path, "%s/%s", bin, name);
    snprintf(text, sizeof text, "#!/bin/sh\necho %s \"$@\" >>%s/called\n%s\n", name, bin, script);
    if (file_write(path, str_of(text), NULL) != OK) abort();
    chmod(path, 0755);
}

static const char *called(void) {
    static struct buf text;
    char path[600];
    buf_close(&text);
    buf_open(&text, 1 << 16);
    snprintf(path, sizeof path, "%s/called", bin);
    (void)!file_read(path, &text, NULL);
    buf_add_char(&text, '\0');
    unlink(path);
    return text.data;
}

static void commands_open(void) {
    char path[700];
    const char *usual = getenv("PATH");
    snprintf(bin, sizeof bin, "%s", scratch_folder());
    snprintf(path, sizeof path, "%s:%s", bin, usual ? usual : "/usr/bin:/bin");
    setenv("PATH", path, 1);
    command("sbatch", "case \"$*\" in *--account=t8*) echo 'sbatch: error: Invalid account' >&2; "
                      "exit 1;; esac; echo 71");
    command("squeue",
            "[ \"$1\" != --json ] || exit 1\necho '71|RUNNING|5|None|courtyard:7.1|t5|/d'");
    command("sacctmgr", "echo t5");
    command("id", "echo somebody");
}

static struct slurm_task task = {
    .job = 7, .attempt = 1, .cpus = 1, .program = "/p", .folder = "/d"};
static uint64_t id;
static bool later;
static struct fault fault;

static enum err submit(struct slurm *slurm, uint64_t tenant) {
    id = 0;
    fault = (struct fault){0};
    task.tenant = tenant;
    return slurm_submit(slurm, &task, &id, &later, &fault);
}

static struct slurm *site(const char *socket) {
    struct slurm *slurm = NULL;
    if (slurm_open(NULL, socket, &slurm) != OK) abort();
    (void)called();
    return slurm;
}

// ---- the tests ---------------------------------------------------------------------------------

static void by_the_socket_where_it_answers(void) {
    REQUIRE(rest_open());
    rest.submit = "{\"job_id\":31,\"errors\":[]}";
    rest.jobs =
        "{\"jobs\":[{\"job_id\":31,\"job_state\":[\"RUNNING\"],\"comment\":\"courtyard:7.1\","
        "\"account\":\"t5\"}],\"errors\":[]}";
    struct slurm *slurm = site(rest.path);
    CHECK_EQ(submit(slurm, 5), OK);
    CHECK_EQ(id, 31);
    CHECK_EQ(slurm_look(slurm, &fault), OK);
    REQUIRE(slurm_by_id(slurm, 31) != NULL);
    CHECK_STR(slurm_by_id(slurm, 31)->account, "t5");
    CHECK_EQ(slurm_by_rest(slurm), 42);
    CHECK(!strstr(called(), "sbatch") && !strstr(called(), "squeue"));
    slurm_close(slurm);
    rest_close();
}

// It was asked, and nobody knows whether it did it: no command may do it again.
static void a_lost_answer_is_no_reason_to_submit_again(void) {
    REQUIRE(rest_open());
    struct slurm *slurm = site(rest.path);
    CHECK_EQ(submit(slurm, 0), ERR_BUSY);
    CHECK(later);
    CHECK_EQ(rest.submits, 1);
    CHECK(!strstr(called(), "sbatch"));
    CHECK_EQ(slurm_by_rest(slurm), 0);
    // The look that settles it goes by the other door meanwhile.
    CHECK_EQ(slurm_look(slurm, &fault), OK);
    CHECK(slurm_by_comment(slurm, "courtyard:7.1", "/d") != NULL);
    slurm_close(slurm);
    rest_close();
}

static void by_commands_where_nobody_listens(void) {
    struct slurm *slurm = site("/tmp/no-such-socket");
    CHECK_EQ(submit(slurm, 5), OK);
    CHECK_EQ(id, 71);
    CHECK(strstr(called(), "--account=t5"));
    CHECK_EQ(slurm_by_rest(slurm), 0);
    slurm_close(slurm);
}

static void a_list_that_is_too_long_is_asked_of_squeue(void) {
    static char list[5 << 20];
    memset(list, ' ', sizeof list - 1);
    REQUIRE(rest_open());
    rest.jobs = list;
    rest.submit = "{\"job_id\":31,\"errors\":[]}";
    struct slurm *slurm = site(rest.path);
    CHECK_EQ(slurm_look(slurm, &fault), OK);
    CHECK(slurm_by_id(slurm, 71) != NULL);
    CHECK_EQ(slurm_by_rest(slurm), 42); // for all else it is there
    CHECK_EQ(submit(slurm, 0), OK);
    CHECK_EQ(id, 31);
    slurm_close(slurm);
    rest_close();
}

static void an_account_that_is_refused_is_left_out(void) {
    struct slurm *slurm = site("");
    CHECK_EQ(submit(slurm, 8), OK); // its association is there, yet Slurm refuses it
    CHECK_EQ(id, 71);
    const char *calls = called(), *first = strstr(calls, "sbatch");
    REQUIRE(first && strstr(first + 1, "sbatch"));
    CHECK(strstr(first, "--account=t8") && !strstr(strstr(first + 1, "sbatch"), "--account"));
    CHECK_EQ(submit(slurm, 8), OK); // it is remembered
    CHECK(!strstr(called(), "--account"));
    command("sacctmgr", "true"); // none such
    CHECK_EQ(submit(slurm, 9), OK);
    CHECK(!strstr(called(), "--account=t9 "));
    slurm_close(slurm);
    REQUIRE(rest_open());
    rest.submit = "{\"job_id\":32,\"errors\":[]}";
    rest.refuse = "\"t8\"";
    slurm = site(rest.path);
    CHECK_EQ(submit(slurm, 8), OK);
    CHECK_EQ(id, 32);
    CHECK_EQ(rest.submits, 2);
    slurm_close(slurm);
    rest_close();
}

int main(void) {
    signal(SIGPIPE, SIG_IGN); // one that is not listened to any more
    commands_open();
    CHECK_RUN(by_the_socket_where_it_answers);
    CHECK_RUN(a_lost_answer_is_no_reason_to_submit_again);
    CHECK_RUN(by_commands_where_nobody_listens);
    CHECK_RUN(a_list_that_is_too_long_is_asked_of_squeue);
    CHECK_RUN(an_account_that_is_refused_is_left_out);
    return check_done();
}
