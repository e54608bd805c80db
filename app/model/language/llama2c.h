// llama2.c's model files (legacy form: seven numbers, then floats) as what GGUF files are, without
// copying the weights: the architecture is llama's. Their vocabulary stands in a file of its own
// (tokenizer_open_llama2c). Every length is checked.
// Source: karpathy/llama2.c, export.py, legacy_export().
#pragma once

#include "model/language/gguf.h"

// A mapped file, which becomes the gguf's own, in failure too. ERR_INPUT "llama2c.…".
enum err llama2c_take(struct file_map *map, struct gguf **out, struct fault *fault) MUST_USE;
// A model file of either form, by its first bytes. What gguf_open gives, and llama2c_take.
enum err language_file_open(const char *path, struct gguf **out, struct fault *fault) MUST_USE;
