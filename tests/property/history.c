/* history.c - records histories; see history.h. */
#include "history.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void *history_allocate(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);

    if (!p) {
        (void)fputs("history: out of memory\n", stderr);
        abort();
    }
    return p;
}

#define CHUNK_MIN ((size_t)4 * 1024)
#define CHUNK_MAX ((size_t)256 * 1024)

struct history_chunk {
    struct history_chunk *next;
    size_t used, size;
    _Alignas(max_align_t) unsigned char bytes[];
};

/* Zeroed; lives as long as the history. */
static void *take(struct history *h, size_t size)
{
    struct history_chunk *chunk = h->chunks;
    void *p;

    if (!chunk || chunk->size - chunk->used < size) {
        size_t room = !chunk                    ? CHUNK_MIN
                      : chunk->size < CHUNK_MAX ? chunk->size * 2
                                                : CHUNK_MAX;

        chunk = history_allocate(1, sizeof(*chunk) + room);
        chunk->size = room;
        chunk->next = h->chunks;
        h->chunks = chunk;
    }
    p = chunk->bytes + chunk->used;
    chunk->used += (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    if (chunk->used > chunk->size)
        chunk->used = chunk->size;
    return p;
}

void history_init(struct history *h)
{
    *h = (struct history){0};
}

void history_done(struct history *h)
{
    struct history_chunk *chunk = h->chunks;

    while (chunk) {
        struct history_chunk *next = chunk->next;

        free(chunk);
        chunk = next;
    }
    *h = (struct history){0};
}

void history_merge(struct history *h, struct history *from)
{
    struct history_chunk **chunk = &from->chunks;
    struct history_access **initial = &from->initial;

    assert(h != from);
    if (from->first) {
        if (h->last)
            h->last->next = from->first;
        else
            h->first = from->first;
        h->last = from->last;
    }
    while (*initial)
        initial = &(*initial)->next;
    *initial = h->initial;
    h->initial = from->initial;
    while (*chunk)
        chunk = &(*chunk)->next;
    *chunk = h->chunks;
    h->chunks = from->chunks;
    h->tx_count += from->tx_count;
    h->access_count += from->access_count;
    *from = (struct history){0};
}

void history_initial(struct history *h, uint64_t resource, uint64_t version, uint64_t value)
{
    struct history_access *a = take(h, sizeof(*a));

    *a = (struct history_access){h->initial, resource, version, value, true};
    h->initial = a;
    h->access_count++;
}

struct history_tx *history_begin(struct history *h, uint64_t id, uint64_t now)
{
    struct history_tx *tx = take(h, sizeof(*tx));

    *tx = (struct history_tx){.history = h, .id = id, .start = now, .end = UINT64_MAX};
    if (h->last)
        h->last->next = tx;
    else
        h->first = tx;
    h->last = tx;
    h->tx_count++;
    return tx;
}

static void record(struct history_tx *tx, struct history_access access)
{
    struct history_access *a = take(tx->history, sizeof(*a));

    assert(tx->outcome == HISTORY_UNFINISHED);
    *a = access;
    if (tx->last)
        tx->last->next = a;
    else
        tx->first = a;
    tx->last = a;
    tx->history->access_count++;
}

void history_read(struct history_tx *tx, uint64_t resource, uint64_t version, uint64_t value)
{
    record(tx, (struct history_access){NULL, resource, version, value, false});
}

void history_write(struct history_tx *tx, uint64_t resource, uint64_t version, uint64_t value)
{
    record(tx, (struct history_access){NULL, resource, version, value, true});
}

static void finish(struct history_tx *tx, enum history_outcome outcome, uint64_t now)
{
    assert(tx->outcome == HISTORY_UNFINISHED);
    tx->outcome = outcome;
    tx->end = now;
}

void history_commit(struct history_tx *tx, uint64_t now)
{
    finish(tx, HISTORY_WAS_COMMITTED, now);
}

void history_abort(struct history_tx *tx, uint64_t now)
{
    finish(tx, HISTORY_WAS_ABORTED, now);
}

struct written {
    uint64_t version, id;
};

static int by_version(const void *a, const void *b)
{
    const struct written *x = a, *y = b;

    return (x->version > y->version) - (x->version < y->version);
}

size_t history_writers(const struct history *h, uint64_t resource, uint64_t *ids, size_t room)
{
    struct written *written = history_allocate(h->access_count, sizeof(*written));
    size_t count = 0;

    for (const struct history_tx *tx = h->first; tx; tx = tx->next) {
        if (tx->outcome != HISTORY_WAS_COMMITTED)
            continue;
        for (const struct history_access *a = tx->first; a; a = a->next)
            if (a->write && a->resource == resource)
                written[count++] = (struct written){a->version, tx->id};
    }
    qsort(written, count, sizeof(*written), by_version);
    for (size_t i = 0; i < count && i < room; i++)
        ids[i] = written[i].id;
    free(written);
    return count;
}
