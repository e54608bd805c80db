// backups, recover: the copies of its state that a box keeps of itself (store/keep.h).
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_private.h"
#include "store/keep.h"

enum { TIME_SIZE = 32 };

static struct str time_of(int64_t ms, char out[static TIME_SIZE]) {
    struct buf text;
    buf_open(&text, TIME_SIZE);
    buf_add_time(&text, ms);
    (void)str_copy(out, TIME_SIZE, buf_str(&text));
    buf_close(&text);
    return str_of(out);
}

enum err command_backups(const struct command *command, const struct arguments *arguments,
                         struct fault *fault) {
    (void)command;
    const char *dir;
    size_t count = 0;
    static struct kept list[KEEP_LIST_MAX];
    enum err err = argument_needed(arguments, "--data", &dir, fault);
    if (err == OK && arguments->positional_count > 0) {
        err = fault_set(fault, ERR_INPUT, "cli.unknown_option", str_of(arguments->positional[0]));
    }
    if (err == OK && !file_exists(dir)) {
        err = fault_set(fault, ERR_NOT_FOUND, "store.absent", str_of(dir));
    }
    if (err == OK) err = keep_list(dir, list, KEEP_LIST_MAX, &count, fault);
    if (err != OK) return err;
    if (count == 0) SAY("cli.backups_none", {"path", str_of(dir)});
    for (size_t i = 0; i < count; i++) {
        char time[TIME_SIZE];
        SAY(list[i].whole ? "cli.backup_item" : "cli.backup_item_bad",
            {"name", str_of(list[i].name)}, {"time", time_of(list[i].made_ms, time)},
            {"bytes", bytes_text(list[i].bytes)});
    }
    return OK;
}

void recover_offer(const char *dir, const struct fault *fault) {
    struct kept kept;
    char time[TIME_SIZE];
    if (strncmp(fault->code, "store.", 6) != 0) return;
    if (keep_newest_good(dir, &kept, NULL) == OK) {
        warn("cli.recover_offer",
             (struct place[]){{"name", str_of(kept.name)},
                              {"time", time_of(kept.made_ms, time)},
                              {"path", str_of(dir)}},
             3);
    } else {
        warn("cli.recover_no_offer", (struct place[]){{"path", str_of(dir)}}, 1);
    }
}

enum err command_recover(const struct command *command, const struct arguments *arguments,
                         struct fault *fault) {
    (void)command;
    const char *dir, *name = arguments->positional_count ? arguments->positional[0] : NULL;
    char time[TIME_SIZE], path[LIMIT_PATH_BYTES];
    struct recovery recovery;
    struct kept kept;
    enum err err = argument_needed(arguments, "--data", &dir, fault);
    if (err == OK && !name) {
        err = keep_newest_good(dir, &kept, fault);
        name = kept.name;
    } else if (err == OK) {
        err = keep_look(dir, name, &kept, fault);
    }
    if (err == OK) err = keep_recover(dir, name, "wish", &recovery, fault);
    if (err != OK) return err;
    snprintf(path, sizeof path, "%s/quarantine/%s", dir, recovery.quarantine);
    SAY("cli.recovered", {"name", str_of(recovery.copy)}, {"time", time_of(kept.made_ms, time)});
    SAY("cli.recovered_aside", {"path", str_of(path)}, {"moved", count_text(recovery.blobs_moved)});
    if (recovery.blobs_missing) {
        SAY("cli.recovered_missing", {"count", count_text(recovery.blobs_missing)});
    }
    return OK;
}
