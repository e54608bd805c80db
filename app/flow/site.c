// The site's own files in the data folder: its rule file and its keyword libraries.
#include "base/file.h"
#include "flow/flow_private.h"

bool site_rules_path(const struct flow *flow, char out[static LIMIT_PATH_BYTES]) {
    path_of(out, "%s/rules.txt", store_dir(flow->store));
    return file_exists(out);
}

void site_words_folder(const struct flow *flow, char out[static LIMIT_PATH_BYTES]) {
    path_of(out, "%s/words", store_dir(flow->store));
}
