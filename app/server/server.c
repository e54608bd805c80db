#include "server/server.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "base/version.h"
#include "server/keeper_private.h"
#include "server/nightly_private.h"
#include "server/reread_private.h"
#include "server/rescue_private.h"
#include "server/server_private.h"

// ---- the banner ---------------------------------------------------------------------------------

static void print_address(const char *host, uint16_t port) {
    bool v6 = strchr(host, ':') != NULL;
    printf("  https://%s%s%s:%u/\n", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

// Bound to all addresses: each one a browser could use, the ones of other machines' view first.
static void print_all_addresses(uint16_t port) {
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0) all = NULL;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        char text[INET_ADDRSTRLEN];
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET) continue;
        if (!(one->ifa_flags & IFF_UP) || (one->ifa_flags & IFF_LOOPBACK)) continue;
        struct sockaddr_in address;
        memcpy(&address, one->ifa_addr, sizeof address);
        if (inet_ntop(AF_INET, &address.sin_addr, text, sizeof text)) print_address(text, port);
    }
    freeifaddrs(all);
    print_address("localhost", port);
}

static void print_banner(const struct server *server, const char *address) {
    struct str host = str_of(address);
    char name[128];
    while (host.size && host.data[host.size - 1] != ':') host.size--;
    if (host.size) host.size--;
    if (host.size && host.data[0] == '[') host = (struct str){host.data + 1, host.size - 2};
    printf("合院 Courtyard " COURTYARD_VERSION "\n");
    if (host.size == 0 || str_is(host, "0.0.0.0") || str_is(host, "::") ||
        !str_copy(name, sizeof name, host)) {
        print_all_addresses(server->port);
    } else {
        print_address(name, server->port);
    }
    printf("  SHA-256 %s\n", server->identity.fingerprint);
    const char *code = people_setup_code(server->people);
    if (code) printf("  设置码 setup code %s\n", code);
    fflush(stdout);
}

// ---- start and end ------------------------------------------------------------------------------

static void job_changed(void *ctx, uint64_t job_id) {
    struct server *server = ctx;
    if (atomic_load(&server->serving)) events_changed(server, job_id);
}

static uint32_t roles_of(void *ctx, uint64_t person) {
    struct server *server = ctx;
    return people_roles(server->people, person);
}

static enum err note_backup(struct store_txn *txn, void *ctx) {
    const struct str *actor = ctx;
    struct audit_entry entry = {.actor = *actor,
                                .action = STR("system.backup"),
                                .object = STR("system"),
                                .result = STR("ok")};
    return audit_append(txn, &entry);
}

static enum err backup_audited(struct store *store, struct str actor,
                               enum err (*write)(void *ctx, const void *data, size_t size),
                               void *ctx, struct fault *fault) {
    enum err err = store_write(store, note_backup, &actor);
    if (err != OK) return fault_set(fault, err, "server.audit_failed", STR_NONE);
    return store_backup_stream(store_dir(store), write, ctx, NULL, fault);
}

static void back_set(struct server *server) {
    server->back = (struct server_back){.look = people_actor_look,
                                        .who = people_actor,
                                        .upload_begin = flow_upload_begin,
                                        .upload_add = flow_upload_add,
                                        .upload_end = flow_upload_end,
                                        .upload_show = flow_upload_show,
                                        .job_show = flow_job_show,
                                        .metrics = flow_metrics,
                                        .backup = backup_audited};
}

// An idle loop costs nothing, a busy one a processor: with one for two processors, requests a
// second were halved.
static uint32_t loops_wanted(void) {
    uint32_t usable = thread_count_usable();
    return usable < SERVER_LOOPS_MAX ? usable : SERVER_LOOPS_MAX;
}

// Ctrl-C and SIGTERM are taken by this thread alone; a second one ends at once.
static void wait_for_signal(const sigset_t *ends) {
    int number = 0;
    while (sigwait(ends, &number) != 0) continue;
    log_event(LOG_INFO, "server.stopping", "signal=%d", number);
    pthread_sigmask(SIG_UNBLOCK, ends, NULL);
}

static const char *address_of(const struct server_options *options) {
    return options->listen ? options->listen : "0.0.0.0:8443";
}

static enum err serve(struct server *server, const struct server_options *options,
                      const sigset_t *ends, struct fault *fault) {
    enum err err = server_core_open(server, loops_wanted(), fault);
    if (err != OK) return err;
    atomic_store(&server->serving, true);
    if (!options->quiet && !server->keeper) print_banner(server, address_of(options));
    log_event(LOG_INFO, "server.started", "port=%u loops=%" PRIu32, server->port,
              server->loop_count);
    err = keeper_start(server->keeper, server, fault);
    if (err == OK) wait_for_signal(ends);
    keeper_stop(server->keeper);
    server_core_stop(server);
    return err;
}

static enum err open_all(struct server *server, const struct server_options *options,
                         struct fault *fault) {
    struct flow_options flow_options = {
        .program = options->program,
        .executor = options->executor,
        .slurm_partition = options->slurm_partition,
        .slurm_socket = options->slurm_socket,
        .commands = options->commands,
        .job_uid = options->job_uid,
        .job_gid = options->job_gid,
        .job_changed = job_changed,
        .roles_of = roles_of,
        .ctx = server,
    };
    // Where a start that does not come far is undone by the machine itself, so is what it wrote.
    struct store_options store_options = {.take_back = server->keeper != NULL};
    enum err err = store_open(options->dir, &store_options, &server->store, fault);
    if (err == OK) err = recovery_note(server->store, fault);
    // Before flow, which starts jobs: one that cannot listen should start nothing.
    if (err == OK) {
        err = listen_open(address_of(options), &server->listen_fd, &server->port, fault);
    }
    if (err == OK) err = people_open(server->store, &server->people, fault);
    if (err == OK) err = flow_open(server->store, &flow_options, &server->flow, fault);
    if (err == OK) err = nightly_start(server->store, server->keeper, &server->nightly, fault);
    if (err == OK) err = reread_start(server->store, &server->reread, fault);
    return err;
}

// On the appliance nobody reads a message on standard error: the pages are served, and say why all
// else is not, and what can be done.
static enum err serve_nothing(struct server *server, const struct server_options *options,
                              enum err err, struct fault *fault) {
    server->unfit = *fault;
    server->routes = rescue_routes;
    server->route_count = rescue_route_count;
    rescue_open(server, err);
    *fault = (struct fault){0};
    if (server->listen_fd >= 0) return OK;
    return listen_open(address_of(options), &server->listen_fd, &server->port, fault);
}

enum err server_run(const struct server_options *options, struct fault *fault) {
    struct server *server = memory_take(sizeof *server);
    if (!server) return fault_set(fault, ERR_MEMORY, "base.no_memory", STR_NONE);
    sigset_t ends, before;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    // Before the first thread is made: all inherit it.
    pthread_sigmask(SIG_BLOCK, &ends, &before);
    signal(SIGPIPE, SIG_IGN);
    server->dir = options->dir;
    server->routes = routes;
    server->route_count = route_count;
    server->listen_fd = -1;
    back_set(server);
    enum err err = keeper_open(&server->keeper, fault);
    const char *unfit = server->keeper ? getenv("COURTYARD_APPLIANCE_UNFIT") : NULL;
    if (err == OK && unfit) {
        err = fault_set(fault, ERR_CORRUPT, "appliance.data_damaged", STR_NONE);
        (void)str_copy(fault->code, sizeof fault->code, str_of(unfit));
    } else if (err == OK) {
        err = open_all(server, options, fault);
    }
    if (err != OK && server->keeper) err = serve_nothing(server, options, err, fault);
    if (err == OK) err = serve(server, options, &ends, fault);
    if (err != OK) keeper_tell_fault(server->keeper, fault);
    // Jobs go on as processes of their own; the next start adopts them.
    reread_stop(server->reread);
    nightly_stop(server->nightly);
    if (server->flow) flow_close(server->flow, false);
    server_core_close(server);
    if (server->listen_fd >= 0) close(server->listen_fd);
    if (server->people) people_close(server->people);
    if (server->store) store_close(server->store);
    rescue_close(server->rescue);
    keeper_close(server->keeper);
    memory_give(server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return err;
}
