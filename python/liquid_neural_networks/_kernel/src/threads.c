/* Threads: those of torch's own OpenMP pool where there is one, else threads for one call.
 *
 * After a parallel region OpenMP's threads keep their cores busy for some milliseconds, waiting
 * for the next one. Threads of our own would have to share the cores with them; the pool's are
 * already awake. The pool does not survive a fork, so a child process does without it.
 */
#define _GNU_SOURCE
#include "threads.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define MAX_THREADS 64

typedef struct {
    Task task;
    void *context;
    ptrdiff_t count;
    size_t scratch_size;
    atomic_ptrdiff_t next;
} Queue;

/* GNU OpenMP: runs member(queue) on `threads` threads, the calling one included. */
typedef void (*Pool)(void (*member)(void *), void *queue, unsigned threads, unsigned flags);

static Pool pool;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void forget_pool(void) { pool = NULL; }

static void find_pool(void) {
    void *symbol = dlsym(RTLD_DEFAULT, "GOMP_parallel");
    if (symbol && !pthread_atfork(NULL, NULL, forget_pool)) pool = (Pool)symbol;
}

void *aligned_memory(size_t size) { return aligned_alloc(64, (size + 127) / 64 * 64); }

/* A thread that finds no memory leaves its share to the others. */
static void work(void *argument) {
    Queue *queue = argument;
    void *scratch = aligned_memory(queue->scratch_size);
    ptrdiff_t index;
    while (scratch && (index = atomic_fetch_add(&queue->next, 1)) < queue->count)
        queue->task(queue->context, scratch, index);
    free(scratch);
}

static void *work_thread(void *queue) {
    work(queue);
    return NULL;
}

/* A thread that cannot be had is done without. */
static void work_on_own_threads(Queue *queue, int threads) {
    pthread_t helpers[MAX_THREADS];
    int running = 0;
    while (running + 1 < threads &&
           !pthread_create(&helpers[running], NULL, work_thread, queue))
        running++;
    work(queue);
    for (int i = 0; i < running; i++) pthread_join(helpers[i], NULL);
}

int parallel(Task task, void *context, ptrdiff_t count, int threads, size_t scratch_size) {
    Queue queue = {task, context, count, scratch_size, 0};
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    if (threads > count) threads = (int)count;
    pthread_once(&once, find_pool);
    if (threads <= 1)
        work(&queue);
    else if (pool)
        pool(work, &queue, (unsigned)threads, 0);
    else
        work_on_own_threads(&queue, threads);
    return atomic_load(&queue.next) < count ? -1 : 0;
}
