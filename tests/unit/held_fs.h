/* held_fs.h - a file system whose disk stops on command: a sync waits until it is let go, and
 * fails then if that is asked for. Everything else is the file system below. */
#ifndef CZI_HELD_FS_H
#define CZI_HELD_FS_H

#include "base/alloc.h"
#include "platform/simulated.h"
#include "test.h"

#include <pthread.h>

struct held_fs {
    struct czi_fs base; /* first */
    struct czi_fs *below;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool held, fails;
    unsigned asleep; /* syncs that wait */
};

struct held_file {
    struct czi_file base; /* first */
    struct czi_file *below;
};

static inline struct held_fs *held_of(struct czi_fs *fs)
{
    return (struct held_fs *)fs;
}

static inline struct czi_file *held_below(struct czi_file *f)
{
    return ((struct held_file *)f)->below;
}

static inline int held_open(struct czi_fs *fs, const char *path, enum czi_open_mode mode,
                            struct czi_file **ret, cz_error *err)
{
    struct held_file *f = czi_alloc(sizeof *f);
    struct czi_fs *below = held_of(fs)->below;
    int rc;

    if (!f)
        return czi_nomem(err, "a file");
    f->base.fs = fs;
    rc = below->ops->open(below, path, mode, &f->below, err);
    if (rc)
        czi_free(f);
    else
        *ret = &f->base;
    return rc;
}

static inline int held_read(struct czi_file *f, uint64_t offset, void *data, size_t len,
                            size_t *ret_len, cz_error *err)
{
    return held_of(f->fs)->below->ops->read(held_below(f), offset, data, len, ret_len, err);
}

static inline int held_write(struct czi_file *f, uint64_t offset, const void *data, size_t len,
                             cz_error *err)
{
    return held_of(f->fs)->below->ops->write(held_below(f), offset, data, len, err);
}

static inline int held_truncate(struct czi_file *f, uint64_t size, cz_error *err)
{
    return held_of(f->fs)->below->ops->truncate(held_below(f), size, err);
}

static inline int held_size(struct czi_file *f, uint64_t *ret, cz_error *err)
{
    return held_of(f->fs)->below->ops->size(held_below(f), ret, err);
}

static inline int held_sync(struct czi_file *f, cz_error *err)
{
    struct held_fs *h = held_of(f->fs);
    bool fails;

    pthread_mutex_lock(&h->lock);
    h->asleep++;
    pthread_cond_broadcast(&h->moved);
    while (h->held)
        pthread_cond_wait(&h->moved, &h->lock);
    h->asleep--;
    fails = h->fails;
    pthread_mutex_unlock(&h->lock);
    if (fails)
        return czi_fail(err, CZ_IO, "sync: the disk is gone");
    return h->below->ops->sync(held_below(f), err);
}

static inline int held_lock(struct czi_file *f, cz_error *err)
{
    return held_of(f->fs)->below->ops->lock(held_below(f), err);
}

static inline void held_close(struct czi_file *f)
{
    if (!f)
        return;
    held_of(f->fs)->below->ops->close(held_below(f));
    czi_free(f);
}

static inline int held_rename(struct czi_fs *fs, const char *from, const char *to,
                              cz_error *err)
{
    return held_of(fs)->below->ops->rename(held_of(fs)->below, from, to, err);
}

static inline int held_remove(struct czi_fs *fs, const char *path, cz_error *err)
{
    return held_of(fs)->below->ops->remove(held_of(fs)->below, path, err);
}

static inline int held_make_dir(struct czi_fs *fs, const char *path, cz_error *err)
{
    return held_of(fs)->below->ops->make_dir(held_of(fs)->below, path, err);
}

static inline int held_sync_dir(struct czi_fs *fs, const char *path, cz_error *err)
{
    return held_of(fs)->below->ops->sync_dir(held_of(fs)->below, path, err);
}

static inline int held_list(struct czi_fs *fs, const char *path,
                            int (*fn)(void *arg, const char *name), void *arg, cz_error *err)
{
    return held_of(fs)->below->ops->list(held_of(fs)->below, path, fn, arg, err);
}

static inline void held_free(struct czi_fs *fs)
{
    (void)fs; /* the test's */
}

static inline void held_init(struct held_fs *h)
{
    static const struct czi_fs_ops ops = {held_open,     held_read,     held_write,
                                          held_truncate, held_size,     held_sync,
                                          held_lock,     held_close,    held_rename,
                                          held_remove,   held_make_dir, held_sync_dir,
                                          held_list,     held_free};
    cz_error err = {0};

    *h = (struct held_fs){.base.ops = &ops};
    assert_int_equal(pthread_mutex_init(&h->lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&h->moved, NULL), 0);
    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &h->below, &err), err);
}

static inline void held_done(struct held_fs *h)
{
    h->below->ops->free(h->below);
    pthread_cond_destroy(&h->moved);
    pthread_mutex_destroy(&h->lock);
}

/* From now on syncs wait. */
static inline void held_hold(struct held_fs *h)
{
    pthread_mutex_lock(&h->lock);
    h->held = true;
    pthread_mutex_unlock(&h->lock);
}

static inline void held_until_asleep(struct held_fs *h)
{
    pthread_mutex_lock(&h->lock);
    while (!h->asleep)
        pthread_cond_wait(&h->moved, &h->lock);
    pthread_mutex_unlock(&h->lock);
}

static inline void held_let_go(struct held_fs *h, bool fails)
{
    pthread_mutex_lock(&h->lock);
    h->held = false;
    h->fails = fails;
    pthread_cond_broadcast(&h->moved);
    pthread_mutex_unlock(&h->lock);
}

#endif
