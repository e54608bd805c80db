// Models in memory: a few, counted, the one unused longest goes first. What is in use is never
// freed.
#include <string.h>

#include "base/file.h"
#include "flow/flow_private.h"
#include "flow/steps/prepare.h"

enum { LOADED_MAX = 16 };
#define LOADED_BYTES_MAX ((uint64_t)256 << 20) // files of those not in use, together

struct loaded {
    struct hash file;
    struct tabular_model *model; // NULL: the place is free
    struct arena *arena;         // of what it asks for
    struct asking asking;
    uint64_t bytes, used, users;
};
struct models {
    pthread_mutex_t lock; // protects all below; loading itself is done outside
    struct loaded loaded[LOADED_MAX];
    uint64_t clock;
};

enum err models_open(struct models **out) {
    struct models *models = memory_take(sizeof *models);
    if (!models) return ERR_MEMORY;
    pthread_mutex_init(&models->lock, NULL);
    *out = models;
    return OK;
}

static void loaded_drop(struct loaded *loaded) {
    tabular_close(loaded->model);
    if (loaded->arena) arena_close(loaded->arena);
    *loaded = (struct loaded){0};
}

void models_close(struct models *models) {
    if (!models) return;
    for (uint32_t i = 0; i < LOADED_MAX; i++) {
        if (models->loaded[i].model) loaded_drop(&models->loaded[i]);
    }
    pthread_mutex_destroy(&models->lock);
    memory_give(models);
}

const struct tabular_model *loaded_model(const struct loaded *loaded) {
    return loaded->model;
}

const struct asking *loaded_asking(const struct loaded *loaded) {
    return &loaded->asking;
}

void models_give(struct models *models, struct loaded *loaded) {
    pthread_mutex_lock(&models->lock);
    loaded->users--;
    pthread_mutex_unlock(&models->lock);
}

// Under the lock, as all that follow.
static struct loaded *known(struct models *models, const struct hash *file) {
    for (uint32_t i = 0; i < LOADED_MAX; i++) {
        struct loaded *loaded = &models->loaded[i];
        if (loaded->model && memcmp(&loaded->file, file, sizeof *file) == 0) return loaded;
    }
    return NULL;
}

static struct loaded *oldest_unused(struct models *models) {
    struct loaded *oldest = NULL;
    for (uint32_t i = 0; i < LOADED_MAX; i++) {
        struct loaded *loaded = &models->loaded[i];
        if (!loaded->model || loaded->users) continue;
        if (!oldest || loaded->used < oldest->used) oldest = loaded;
    }
    return oldest;
}

static struct loaded *room(struct models *models, uint64_t bytes) {
    for (;;) {
        uint64_t sum = bytes;
        struct loaded *empty = NULL, *oldest = oldest_unused(models);
        for (uint32_t i = 0; i < LOADED_MAX; i++) {
            sum += models->loaded[i].bytes;
            if (!models->loaded[i].model) empty = &models->loaded[i];
        }
        if (empty && (sum <= LOADED_BYTES_MAX || !oldest)) return empty;
        if (!oldest) return NULL; // all in use
        loaded_drop(oldest);
    }
}

enum { ASKING_BYTES = 64 << 20 }; // of the widest model

static enum err asking_load(struct loaded *loaded, struct fault *fault) {
    struct tabular_about about = tabular_about(loaded->model);
    enum err err = arena_open(ASKING_BYTES, &loaded->arena);
    if (err != OK) return err;
    return asking_of_model(&about, loaded->arena, &loaded->asking, fault);
}

static enum err file_load(struct flow *flow, const struct hash *file, struct loaded *out,
                          struct fault *fault) {
    char path[LIMIT_PATH_BYTES];
    struct file_map map;
    enum err err = blob_path(flow->store, file, path, sizeof path, fault);
    if (err == OK) err = file_map(path, &map, fault);
    if (err != OK) return err;
    struct loaded made = {.file = *file, .bytes = map.size};
    err = tabular_load((struct str){(const char *)map.data, map.size}, &made.model, fault);
    file_unmap(&map);
    if (err == OK) err = asking_load(&made, fault);
    if (err == OK)
        *out = made;
    else
        loaded_drop(&made);
    return err;
}

enum err models_take(struct flow *flow, const struct hash *file, struct loaded **out,
                     struct fault *fault) {
    struct models *models = flow->models;
    struct loaded made = {0};
    enum err err = OK;
    pthread_mutex_lock(&models->lock);
    struct loaded *loaded = known(models, file);
    if (!loaded) {
        pthread_mutex_unlock(&models->lock);
        err = file_load(flow, file, &made, fault);
        if (err != OK) return err;
        pthread_mutex_lock(&models->lock);
        loaded = known(models, file); // another thread may have been faster
        struct loaded *place = loaded ? NULL : room(models, made.bytes);
        if (place) {
            *place = made;
            made = (struct loaded){0};
            loaded = place;
        }
    }
    if (loaded) {
        loaded->users++;
        loaded->used = ++models->clock;
    }
    pthread_mutex_unlock(&models->lock);
    if (made.model) loaded_drop(&made);
    if (!loaded) return fault_set(fault, ERR_BUSY, "predict.busy", STR_NONE);
    *out = loaded;
    return OK;
}
