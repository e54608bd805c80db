#include "base/memory.h"
#include "server/server_private.h"

struct workers {
    pthread_mutex_t lock; // protects all below
    pthread_cond_t work;
    struct {
        struct task *first, *last;
        uint32_t running, most;
    } classes[TASK_CLASS_COUNT];
    uint32_t waiting;
    bool closing;
    uint32_t thread_count;
    pthread_t threads[LIMIT_THREADS];
};

// The next task of a class that has not used up its share; NULL if all must wait.
static struct task *take(struct workers *workers) {
    for (int c = 0; c < TASK_CLASS_COUNT; c++) {
        struct task *task = workers->classes[c].first;
        if (!task || workers->classes[c].running >= workers->classes[c].most) continue;
        workers->classes[c].first = task->next;
        if (!task->next) workers->classes[c].last = NULL;
        workers->classes[c].running++;
        workers->waiting--;
        return task;
    }
    return NULL;
}

static void *worker_main(void *argument) {
    struct workers *workers = argument;
    pthread_mutex_lock(&workers->lock);
    for (;;) {
        struct task *task = take(workers);
        if (!task) {
            if (workers->closing && workers->waiting == 0) break;
            pthread_cond_wait(&workers->work, &workers->lock);
            continue;
        }
        enum task_class class = task->class;
        pthread_mutex_unlock(&workers->lock);
        task->run(task);
        loop_post(task->loop, task);
        pthread_mutex_lock(&workers->lock);
        workers->classes[class].running--;
        // What waited for this class's share is taken by this thread in its next turn.
        if (workers->closing) pthread_cond_broadcast(&workers->work);
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

enum err workers_open(uint32_t thread_count, struct workers **out) {
    struct workers *workers = memory_take(sizeof *workers);
    if (!workers) return ERR_MEMORY;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->work, NULL);
    workers->classes[TASK_CALL].most = thread_count;
    workers->classes[TASK_COSTLY].most = thread_count / 4 ? thread_count / 4 : 1;
    workers->classes[TASK_TRANSFER].most = thread_count / 2 ? thread_count / 2 : 1;
    for (; workers->thread_count < thread_count; workers->thread_count++) {
        if (pthread_create(&workers->threads[workers->thread_count], NULL, worker_main, workers)) {
            workers_close(workers);
            return ERR_MEMORY;
        }
    }
    *out = workers;
    return OK;
}

void workers_close(struct workers *workers) {
    if (!workers) return;
    pthread_mutex_lock(&workers->lock);
    workers->closing = true;
    pthread_cond_broadcast(&workers->work);
    pthread_mutex_unlock(&workers->lock);
    for (uint32_t i = 0; i < workers->thread_count; i++) pthread_join(workers->threads[i], NULL);
    pthread_cond_destroy(&workers->work);
    pthread_mutex_destroy(&workers->lock);
    memory_give(workers);
}

enum err workers_give(struct workers *workers, struct task *task) {
    enum err err = ERR_BUSY;
    pthread_mutex_lock(&workers->lock);
    // Transfers have been let in already and are bounded by the connections.
    if (workers->waiting < SERVER_QUEUE_MAX || task->class == TASK_TRANSFER) {
        task->next = NULL;
        if (workers->classes[task->class].last) {
            workers->classes[task->class].last->next = task;
        } else {
            workers->classes[task->class].first = task;
        }
        workers->classes[task->class].last = task;
        workers->waiting++;
        pthread_cond_signal(&workers->work);
        err = OK;
    }
    pthread_mutex_unlock(&workers->lock);
    return err;
}
