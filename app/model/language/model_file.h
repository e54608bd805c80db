// Writes GGUF files: values and descriptions of tensors first, then the tensors' bytes in the same
// order, piece by piece, so that a model larger than the memory passes through. The file takes its
// name when it is whole; until then, and after any error, there is only what was there before.
// One thread. Source: the specification of GGUF version 3 (ggml's docs/gguf.md).
//
//   open → values and tensors → begin → bytes … → keep;  close in any case
#pragma once

#include "base/fault.h"
#include "model/language/gguf_head.h"

struct model_file;
// ERR_MEMORY. `path` must outlive it.
enum err model_file_open(const char *path, struct model_file **out, struct fault *fault) MUST_USE;
void model_file_close(struct model_file *file); // NULL is fine

// Where values are put (gguf_head_text …), never tensors. Errors stick and are told by
// model_file_begin. Who replaces a value of another file leaves that one out.
struct gguf_head *model_file_head(struct model_file *file);

// The next tensor: `size` as in struct gguf_tensor. Its bytes are tensor_bytes of its elements.
void model_file_tensor(struct model_file *file, struct str name, uint32_t type, uint32_t dimensions,
                       const uint64_t size[GGUF_DIMENSIONS]);
// Bytes of the whole file, as told so far.
uint64_t model_file_bytes(const struct model_file *file);

// Looks whether the disk has room and writes the head. ERR_FULL "model_file.no_room",
// "model_file.too_large" (for its file system, or for the process's limit of a file) with the MB
// that the whole takes: from this, and from all that follows. ERR_LIMIT where there are more values
// or tensors than a file may have.
enum err model_file_begin(struct model_file *file, struct fault *fault) MUST_USE;
// The next bytes of the tensors in their order: whole tensors, or pieces of one; what aligns the
// next one is put between them here.
enum err model_file_bytes_put(struct model_file *file, const void *bytes, size_t size,
                              struct fault *fault) MUST_USE;
// All bytes are there: the file gets its name, on the disk.
enum err model_file_keep(struct model_file *file, struct fault *fault) MUST_USE;
// ERR_FULL "model_file.no_room" for a model of that size, whoever writes it.
enum err model_file_no_room(uint64_t bytes, struct fault *fault) MUST_USE;
