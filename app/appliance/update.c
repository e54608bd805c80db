#include "appliance/update.h"

#include <string.h>
#include <zstd.h>

#include "appliance/slots_private.h"
#include "base/assert.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/tar.h"

enum { CHUNK_BYTES = 1 << 20, SECTOR = BLOCK_SECTOR_BYTES, ZSTD_LEVEL = 6 };
static const struct str IMAGE = {"slot.img", 8}, IMAGE_PACKED = {"slot.img.zst", 12};
const char UPDATE_PRODUCT[] = "courtyard-appliance";
static const struct sealed_words WORDS = {
    .none = "appliance.no_update",
    .signature = "appliance.update_signature",
    .other_signer = "appliance.update_other_signer",
    .damaged = "appliance.update_damaged",
};

static enum err damaged(const struct update_file *file, struct fault *fault) {
    return fault_set(fault, ERR_CORRUPT, "appliance.update_damaged", str_of(file->sealed.path));
}

static enum err no_memory(struct fault *fault) {
    return fault_set(fault, ERR_MEMORY, "base.no_memory", STR("update"));
}

static enum err cancelled(struct fault *fault) {
    return fault_set(fault, ERR_CANCELLED, "appliance.cancelled", STR_NONE);
}

// ---- writing ------------------------------------------------------------------------------------

static void put_file(struct json_writer *out, const char *name, const char *path, uint64_t bytes,
                     const struct hash *hash) {
    char hex[SHA256_HEX_SIZE];
    hash_hex(hash, hex);
    json_put_name(out, name);
    json_open_object(out);
    if (path) json_set_text(out, "path", str_of(path));
    json_set_u64(out, "bytes", bytes);
    json_set_text(out, "sha256", str_of(hex));
    json_close_object(out);
}

static void manifest_make(struct buf *text, const struct update_about *about) {
    struct json_writer out = json_writer_of(text);
    json_open_object(&out);
    json_set_u64(&out, "update", 1);
    json_set_text(&out, "product", str_of(UPDATE_PRODUCT));
    json_set_text(&out, "architecture", str_of(about->architecture));
    json_set_text(&out, "version", str_of(about->version));
    json_set_text(&out, "build", str_of(about->build));
    json_set_text(&out, "from", str_of(about->from));
    put_file(&out, "image", about->packed ? IMAGE_PACKED.data : IMAGE.data, about->member_bytes,
             &about->member);
    put_file(&out, "unpacked", NULL, about->image_bytes, &about->image);
    json_close_object(&out);
    buf_add_char(text, '\n');
}

// The image is a slot, and of this version.
static enum err image_look(const struct update_content *content, struct update_about *about,
                           struct fault *fault) {
    struct block image;
    struct slot_about slot;
    enum err err = block_open(content->image, BLOCK_READ, &image, fault);
    if (err != OK) return err;
    slot_look(&image, 0, &slot);
    about->image_bytes = image.bytes;
    block_close(&image);
    if (!slot.usable || about->image_bytes % SECTOR != 0 ||
        about->image_bytes > UPDATE_IMAGE_BYTES_MAX) {
        return fault_set(fault, ERR_INPUT, "appliance.bad_slot_image", str_of(content->image));
    }
    if (strcmp(slot.version, about->version) != 0 ||
        strcmp(slot.architecture, about->architecture) != 0) {
        return fault_set(fault, ERR_INPUT, "appliance.image_other_version", str_of(slot.version));
    }
    return OK;
}

static enum err about_fill(const struct update_content *content, struct update_about *about,
                           struct fault *fault) {
    const char *from = content->from ? content->from : "0.0.0";
    if (!version_is_one(str_of(content->version)) || !version_is_one(str_of(from)) ||
        !str_copy(about->version, sizeof about->version, str_of(content->version)) ||
        !str_copy(about->from, sizeof about->from, str_of(from))) {
        return fault_set(fault, ERR_INPUT, "appliance.bad_version", str_of(content->version));
    }
    if (!str_copy(about->architecture, sizeof about->architecture, str_of(content->architecture)) ||
        !str_copy(about->build, sizeof about->build, str_of(content->build))) {
        return fault_set(fault, ERR_LIMIT, "appliance.bad_version", str_of(content->architecture));
    }
    return image_look(content, about, fault);
}

// Packs the image into memory, `*out` to be given back.
static enum err image_pack(const struct update_content *content, struct update_about *about,
                           uint8_t **out, struct progress *progress, struct fault *fault) {
    struct file_map map;
    enum err err = file_map(content->image, &map, fault);
    if (err != OK) return err;
    progress_set(progress, PHASE_HASH, 0, map.size);
    about->image = sha256_of(map.data, map.size);
    size_t room = ZSTD_compressBound(map.size);
    uint8_t *packed = memory_take_unset(room);
    if (!packed) err = no_memory(fault);
    if (err == OK) {
        progress_set(progress, PHASE_WRITE, 0, map.size);
        size_t size = ZSTD_compress(packed, room, map.data, map.size, ZSTD_LEVEL);
        if (ZSTD_isError(size)) err = no_memory(fault);
        about->member_bytes = size;
        about->packed = true;
    }
    file_unmap(&map);
    if (err == OK) {
        about->member = sha256_of(packed, (size_t)about->member_bytes);
        *out = packed;
    } else {
        memory_give(packed);
    }
    return err;
}

static const uint8_t TAIL[3 * TAR_BLOCK_BYTES];

static enum err update_put(const char *path, struct str head, const uint8_t *member, size_t size,
                           struct fault *fault) {
    struct file_stream stream;
    if (file_exists(path)) return fault_set(fault, ERR_CONFLICT, "base.file_exists", str_of(path));
    enum err err = file_stream_open(path, &stream, fault);
    if (err != OK) return err;
    err = file_write_all(stream.fd, head.data, head.size, fault);
    if (err == OK) err = file_write_all(stream.fd, member, size, fault);
    if (err == OK) err = file_write_all(stream.fd, TAIL, sealed_tail_bytes(size), fault);
    if (err == OK) err = file_stream_keep(&stream, fault);
    if (err != OK) file_stream_drop(&stream);
    return err;
}

enum err update_write(const char *path, const struct update_content *content,
                      const struct sign_key *key, struct progress *progress, struct fault *fault) {
    struct update_about about = {0};
    struct buf manifest, head;
    uint8_t *member = NULL;
    buf_open(&manifest, UPDATE_MANIFEST_BYTES);
    buf_open(&head, 2 * UPDATE_MANIFEST_BYTES);
    enum err err = about_fill(content, &about, fault);
    if (err == OK) err = image_pack(content, &about, &member, progress, fault);
    if (err == OK) {
        if (!content->build) {
            char hex[SHA256_HEX_SIZE];
            hash_hex(&about.image, hex);
            memcpy(about.build, hex, 16);
        }
        manifest_make(&manifest, &about);
        err = sealed_head(buf_str(&manifest), IMAGE_PACKED, about.member_bytes, key, &head, fault);
        if (err == OK) err = buf_err(&manifest);
        if (err == ERR_MEMORY || err == ERR_LIMIT) err = no_memory(fault);
    }
    if (err == OK) {
        err = update_put(path, buf_str(&head), member, (size_t)about.member_bytes, fault);
    }
    memory_give(member);
    buf_close(&manifest);
    buf_close(&head);
    return err;
}

// ---- opening ------------------------------------------------------------------------------------

static bool file_take(const struct json *node, uint64_t *bytes, struct hash *hash) {
    *bytes = json_member_u64(node, "bytes", 0);
    return *bytes > 0 && *bytes <= UPDATE_IMAGE_BYTES_MAX &&
           hash_from_hex(json_member_text(node, "sha256"), hash);
}

static enum err manifest_take(struct str text, struct update_about *about, struct fault *fault) {
    struct json *root = NULL;
    if (json_parse(text, &root, NULL) != OK) root = NULL;
    const struct json *image = json_member(root, "image");
    struct str path = json_member_text(image, "path");
    about->packed = str_equal(path, IMAGE_PACKED);
    bool good =
        json_member_u64(root, "update", 0) == 1 &&
        str_is(json_member_text(root, "product"), UPDATE_PRODUCT) &&
        str_copy(about->architecture, sizeof about->architecture,
                 json_member_text(root, "architecture")) &&
        str_copy(about->version, sizeof about->version, json_member_text(root, "version")) &&
        str_copy(about->build, sizeof about->build, json_member_text(root, "build")) &&
        str_copy(about->from, sizeof about->from, json_member_text(root, "from")) &&
        version_is_one(str_of(about->version)) && version_is_one(str_of(about->from)) &&
        (about->packed || str_equal(path, IMAGE)) &&
        file_take(image, &about->member_bytes, &about->member) &&
        file_take(json_member(root, "unpacked"), &about->image_bytes, &about->image) &&
        about->image_bytes % SECTOR == 0 && about->image_bytes >= BLOCK_SECTOR_BYTES_MAX;
    json_close(root);
    return good ? OK : fault_set(fault, ERR_INPUT, "appliance.update_unknown", STR_NONE);
}

enum err update_open(const char *path, const struct verify_key *from, struct update_file *out,
                     struct fault *fault) {
    struct update_file file = {0};
    enum err err = sealed_open(path, &WORDS, UPDATE_MANIFEST_BYTES, from, &file.sealed, fault);
    if (err != OK) return err;
    struct update_about *about = &file.about;
    about->signer = file.sealed.signer;
    err = manifest_take(buf_str(&file.sealed.manifest), about, fault);
    if (err == OK) {
        struct str name = about->packed ? IMAGE_PACKED : IMAGE;
        err = sealed_member(&file.sealed, name, about->member_bytes);
        if (err != OK) err = no_memory(fault);
    }
    if (err == OK) {
        *out = file;
    } else {
        update_close(&file);
    }
    return err;
}

void update_close(struct update_file *file) {
    sealed_close(&file->sealed);
}

// ---- the image ----------------------------------------------------------------------------------

enum err image_open(struct update_file *file, struct image_reader *out, struct fault *fault) {
    struct image_reader reader = {.file = file, .left = file->about.member_bytes};
    sha256_start(&reader.member);
    sha256_start(&reader.image);
    if (file->about.packed) {
        reader.zstd = ZSTD_createDStream();
        reader.packed = memory_take_unset(CHUNK_BYTES);
        if (!reader.zstd || !reader.packed) {
            image_close(&reader);
            return no_memory(fault);
        }
        reader.frame_open = true;
    }
    *out = reader;
    return OK;
}

void image_close(struct image_reader *reader) {
    if (reader->zstd) ZSTD_freeDStream(reader->zstd);
    memory_give(reader->packed);
}

// The next bytes of the member as they are.
static enum err member_read(struct image_reader *reader, void *out, size_t size,
                            struct fault *fault) {
    cy_assert(size <= reader->left);
    const struct sealed *sealed = &reader->file->sealed;
    uint64_t at = sealed->member_offset + sealed->member_bytes - reader->left;
    enum err err = sealed_read(sealed, at, out, size, fault);
    if (err != OK) return err;
    sha256_add(&reader->member, out, size);
    reader->left -= size;
    return OK;
}

static enum err packed_refill(struct image_reader *reader, struct fault *fault) {
    if (reader->left == 0) return damaged(reader->file, fault); // within a frame
    reader->packed_at = 0;
    reader->packed_size = reader->left < CHUNK_BYTES ? (size_t)reader->left : CHUNK_BYTES;
    return member_read(reader, reader->packed, reader->packed_size, fault);
}

// Fills `out`, or less at the frame's end.
static enum err unpack(struct image_reader *reader, uint8_t *out, size_t size, size_t *out_size,
                       struct fault *fault) {
    ZSTD_outBuffer to = {out, size, 0};
    while (to.pos < size && reader->frame_open) {
        if (reader->packed_at == reader->packed_size) {
            enum err err = packed_refill(reader, fault);
            if (err != OK) return err;
        }
        ZSTD_inBuffer from = {reader->packed, reader->packed_size, reader->packed_at};
        size_t more = ZSTD_decompressStream(reader->zstd, &to, &from);
        reader->packed_at = from.pos;
        if (ZSTD_isError(more)) return damaged(reader->file, fault);
        if (more == 0) reader->frame_open = false;
    }
    *out_size = to.pos;
    return OK;
}

// At the image's end all was read and is what the manifest says.
static enum err end_check(struct image_reader *reader, struct fault *fault) {
    const struct update_about *about = &reader->file->about;
    struct hash member = sha256_finish(&reader->member), image = sha256_finish(&reader->image);
    bool whole = reader->left == 0 && reader->packed_at == reader->packed_size &&
                 reader->done == about->image_bytes && hash_equal(&member, &about->member) &&
                 hash_equal(&image, &about->image);
    return whole ? OK : damaged(reader->file, fault);
}

enum err image_read(struct image_reader *reader, void *out, size_t size, size_t *out_size,
                    struct fault *fault) {
    size_t got = 0;
    enum err err;
    if (reader->file->about.packed) {
        err = unpack(reader, out, size, &got, fault);
    } else {
        got = reader->left < size ? (size_t)reader->left : size;
        err = member_read(reader, out, got, fault);
    }
    if (err != OK) return err;
    sha256_add(&reader->image, out, got);
    reader->done += got;
    if (reader->done > reader->file->about.image_bytes) return damaged(reader->file, fault);
    if (got == 0) err = end_check(reader, fault);
    if (err == OK) *out_size = got;
    return err;
}

// ---- checking -----------------------------------------------------------------------------------

enum err update_check(struct update_file *file, struct progress *progress, struct fault *fault) {
    struct image_reader reader;
    enum err err = sealed_check(&file->sealed, fault);
    if (err == OK) err = image_open(file, &reader, fault);
    if (err != OK) return err;
    uint8_t *chunk = memory_take_unset(CHUNK_BYTES);
    size_t got = 1;
    if (!chunk) err = no_memory(fault);
    progress_set(progress, PHASE_HASH, 0, file->about.image_bytes);
    while (err == OK && got > 0) {
        err = image_read(&reader, chunk, CHUNK_BYTES, &got, fault);
        if (progress) progress->done = reader.done;
        if (err == OK && progress_cancelled(progress)) err = cancelled(fault);
    }
    memory_give(chunk);
    image_close(&reader);
    return err;
}

enum err update_show(const char *path, const struct verify_key *from, struct update_about *out,
                     struct progress *progress, struct fault *fault) {
    struct update_file file;
    enum err err = update_open(path, from, &file, fault);
    if (err != OK) return err;
    err = update_check(&file, progress, fault);
    if (err == OK) *out = file.about;
    update_close(&file);
    return err;
}
