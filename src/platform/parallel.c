/* parallel.c - see parallel.h. */
#include "platform/parallel.h"

#include "base/limits.h"
#include "platform/platform.h"

#include <stdatomic.h>

struct search {
    czi_holds_fn holds;
    const void *arg;
    size_t count;
    _Atomic size_t next;
    _Atomic size_t found; /* the lowest one so far; count: none */
};

/* Numbers are given out in order, so behind one that was found nobody needs to look. */
static void search_some(void *arg)
{
    struct search *s = arg;
    size_t i;

    while ((i = atomic_fetch_add(&s->next, 1)) < s->count) {
        size_t found = atomic_load(&s->found);

        if (found < i)
            return;
        if (s->holds(s->arg, i))
            continue;
        while (i < found && !atomic_compare_exchange_weak(&s->found, &found, i))
            continue;
    }
}

size_t czi_parallel_find(size_t count, size_t alone, unsigned threads, czi_holds_fn holds,
                         const void *arg)
{
    struct search s = {.holds = holds, .arg = arg, .count = count};
    struct czi_thread *others[CZI_THREADS_MAX] = {0};

    atomic_init(&s.next, 0);
    atomic_init(&s.found, count);
    threads = CZI_MIN(threads, CZI_THREADS_MAX);
    for (unsigned i = 1; i < threads && i < count && count >= alone; i++)
        if (czi_thread_start(&others[i], search_some, &s, "cz-check", NULL))
            others[i] = NULL;
    search_some(&s);
    for (unsigned i = 1; i < threads; i++)
        czi_thread_join(others[i]);
    return atomic_load(&s.found);
}
