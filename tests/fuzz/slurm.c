// What a cluster says, over slurmrestd's socket and by its commands: an answer reads the same in
// one piece and in two, its body lies within what came, and no reader trusts it further than its
// bounds.
#include <string.h>

#include "allocation/slurm_rest.h"
#include "base/assert.h"
#include "base/rest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void list_holds(const struct slurm_list *list) {
    cy_assert(list->count <= SLURM_SEEN_MAX);
    for (uint32_t i = 0; i < list->count; i++) {
        const struct slurm_seen *seen = &list->jobs[i];
        cy_assert(seen->id > 0 && seen->state < SLURM_STATE_COUNT && seen->start_s >= 0);
        cy_assert(seen->exit_status >= -1 && seen->exit_status < 256);
        cy_assert(memchr(seen->reason, '\0', sizeof seen->reason));
        cy_assert(memchr(seen->account, '\0', sizeof seen->account));
        cy_assert(strncmp(seen->comment, "courtyard:", 10) == 0);
    }
}

static void read_all(struct str body) {
    static struct slurm_list list;
    struct slurm_pool pool = {.partition = "main"}, any = {0};
    struct slurm_seen seen;
    struct fault fault = {0};
    uint64_t id = 0, count = 0;
    bool later = false;
    if (slurm_read_queue_json(body, &list, NULL) == OK) list_holds(&list);
    if (slurm_read_queue_text(body, &list, NULL) == OK) list_holds(&list);
    uint32_t version = slurm_rest_version(body);
    cy_assert(version == 0 || version >= SLURM_REST_OLDEST);
    enum err err = slurm_read_submitted(body, &id, &later, &fault);
    // No number is no submission; and what is not understood is never taken for a refusal.
    cy_assert((err == OK) == (id > 0));
    cy_assert(err == OK || later || fault.code[0]);
    if (slurm_read_partitions(body, &pool, NULL) == OK) cy_assert(pool.partition[0]);
    if (slurm_read_partitions(body, &any, NULL) == OK) cy_assert(any.partition[0]);
    if (slurm_read_nodes(body, &pool, NULL) == OK) cy_assert(pool.nodes > 0);
    if (slurm_read_account_json(body, 12, &seen)) cy_assert(seen.id == 12);
    if (slurm_read_account(body, 12, &seen)) cy_assert(seen.id == 12);
    (void)slurm_read_associations(body, &count);
    (void)slurm_read_signalled(body);
    (void)!slurm_read_errors(body, &later, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    // The first byte says where the answer is cut in two.
    if (size == 0) return 0;
    struct str all = {(const char *)data + 1, size - 1};
    struct str first = {all.data, all.size * data[0] / 256};
    struct rest_answer whole = {0}, cut = {0};
    enum rest_part part = rest_read(all, true, &whole);
    enum rest_part begun = rest_read(first, false, &cut);
    // What was bad stays bad, what was whole stays as it was.
    if (begun == REST_BAD) cy_assert(part == REST_BAD);
    if (begun == REST_WHOLE) {
        cy_assert(part == REST_WHOLE && cut.status == whole.status);
        cy_assert(str_equal(cut.body, whole.body));
    }
    cy_assert(part != REST_MORE);
    if (part == REST_WHOLE) {
        cy_assert(whole.status >= 200 && whole.status < 1000);
        cy_assert(whole.body.data >= all.data);
        cy_assert(whole.body.data + whole.body.size <= all.data + all.size);
        read_all(whole.body);
    } else {
        read_all(all);
    }
    return 0;
}
