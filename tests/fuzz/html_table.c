// Any bytes as an HTML file, as one of its tables or as its text.
#include "support/fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct intake_options options = {.format = FORMAT_HTML, .encoding = ENCODING_UTF8};
    if (size > 0 && data[0] == '2') options.sheet = STR("2");
    fuzz_import(data, size, &options);
    return 0;
}
