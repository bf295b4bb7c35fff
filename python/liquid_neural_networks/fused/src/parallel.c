#include "parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define MAX_THREADS 64

typedef struct {
    Task task;
    void *context;
    ptrdiff_t count;
    atomic_ptrdiff_t next;
} Queue;

typedef struct {
    Queue *queue;
    void *scratch;
    pthread_t thread;
} Worker;

void *aligned_memory(size_t size) { return aligned_alloc(64, (size + 127) / 64 * 64); }

static void *work(void *argument) {
    Worker *worker = argument;
    Queue *queue = worker->queue;
    ptrdiff_t index;
    while ((index = atomic_fetch_add(&queue->next, 1)) < queue->count)
        queue->task(queue->context, worker->scratch, index);
    return NULL;
}

int parallel(Task task, void *context, ptrdiff_t count, int threads, size_t scratch_size) {
    Queue queue = {task, context, count, 0};
    Worker workers[MAX_THREADS];
    int running = 0;
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    if (threads > count) threads = (int)count;
    workers[0] = (Worker){.queue = &queue, .scratch = aligned_memory(scratch_size)};
    if (!workers[0].scratch) return -1;
    /* A helper that cannot be had is done without. */
    for (int i = 1; i < threads; i++) {
        Worker *helper = &workers[running + 1];
        *helper = (Worker){.queue = &queue, .scratch = aligned_memory(scratch_size)};
        if (!helper->scratch) break;
        if (pthread_create(&helper->thread, NULL, work, helper)) {
            free(helper->scratch);
            break;
        }
        running++;
    }
    work(&workers[0]);
    for (int i = 1; i <= running; i++) pthread_join(workers[i].thread, NULL);
    for (int i = 0; i <= running; i++) free(workers[i].scratch);
    return 0;
}
