// A checkpoint as its maker publishes it, taken in as a GGUF model: a folder with config.json,
// model.safetensors (or shards of it, with model.safetensors.index.json), tokenizer.json and, where
// they are there, tokenizer_config.json, generation_config.json, chat_template.jinja. Names, values
// and the vocabulary's tables are those that llama.cpp's converter writes, so that any program that
// reads its files reads these; numbers stay as stored (vectors become F32), for a model that
// reads the same text to the same answer.
//
//   llama, mistral   LlamaForCausalLM …: the rows of queries and keys change places, since GGUF's
//                    llama rotates neighbours and these rotate halves
//   qwen2, qwen3     and bert for embeddings
//
// Open one, write it with model_rewrite, close it. One thread opens; model_rewrite's threads read.
#pragma once

#include "base/fault.h"
#include "model/language/model_quantise.h"
#include "model/language/tokenizer/tokenizer.h"

// Everything is checked here, before a byte is written: ERR_INPUT or ERR_LIMIT "import.…",
// "safetensors.…", "network.…", "tokenizer.…" naming the file, the tensor or the value; ERR_IO;
// ERR_MEMORY.
struct language_import;
enum err language_import_open(const char *folder, struct language_import **out,
                              struct fault *fault) MUST_USE;
// A model of llama2.c with the vocabulary that stands in a file of its own, so that both are one
// file. `model` (language_file_open) must outlive it; "llama2c.other_words" where the vocabulary is
// of another size.
enum err language_import_llama2c(const struct gguf *model, const struct tokenizer *words,
                                 struct str name, struct language_import **out,
                                 struct fault *fault) MUST_USE;
void language_import_close(struct language_import *import); // NULL is fine
// Lives until the close.
const struct model_source *language_import_source(const struct language_import *import);
