/* simulated.c - see simulated.h.
 *
 * Layer: platform. Threads: one mutex over the whole tree.
 *
 * The fault model (durable mode). The disk holds, of every file, the content of its last
 * successful sync, and of every directory the names of its last successful sync_dir. When the
 * power goes off, of what came later
 *   - each unsynced write is there wholly, partly or not at all, whatever became of the others:
 *     nothing; all; the first few with the last of them torn at any byte; any subset of their
 *     512-byte sectors, where a lost sector beyond the old end reads as zeroes or as garbage;
 *   - each unsynced truncate happened or did not, and each unsynced create, rename, remove and
 *     make_dir too, independently of one another; a rename is one step, never half;
 *   - bytes that were synced and not written again are never harmed, even in a shared sector.
 * An operation that is told to fail does so in one of the ways a kernel may:
 *   - write: disk full or device error, with any prefix of the bytes written;
 *   - sync: a device error, after which the unsynced data will either still reach the disk or
 *     never does, although reading shows it (Linux marks the lost pages clean);
 *   - truncate, rename, remove, make_dir, sync_dir: refused, with or without its effect;
 *   - open, read, list, lock: refused, without effect.
 * After power_off all operations fail, so that nothing the program does later can help it.
 * Not modelled: bits that rot (tests flip them by hand), reordering across a sync.
 *
 * Content lies in chunks, so appends copy each byte once and growing moves pointers only.
 */
#include "platform/simulated.h"

#include "base/error.h"
#include "base/rng.h"

#include <stdlib.h>

#define SECTOR_SIZE 512u

/* ---- Content: bytes in chunks ------------------------------------------------------------ */

/* The first chunks are small, since most files are; the others are huge pages, since a journal
 * in memory is written at a gigabyte a second and small pages would cost a third of it. */
#define SMALL_SIZE 65536u
#define SMALL_COUNT 32u
#define LARGE_SIZE (SMALL_SIZE * SMALL_COUNT)

struct content {
    struct czi_buf chunks; /* of uint8_t * */
    uint64_t size;
};

static uint8_t *chunk_at(const struct content *c, uint64_t index)
{
    uint8_t *p;

    memcpy(&p, c->chunks.data + index * sizeof p, sizeof p);
    return p;
}

static uint64_t chunk_size(uint64_t index)
{
    return index < SMALL_COUNT ? SMALL_SIZE : LARGE_SIZE;
}

/* The chunk that holds an offset; *ret_in is the place in it. */
static uint64_t chunk_of(uint64_t offset, uint64_t *ret_in)
{
    uint64_t size = offset < LARGE_SIZE ? SMALL_SIZE : LARGE_SIZE;

    *ret_in = offset % size;
    return offset < LARGE_SIZE ? offset / size : SMALL_COUNT - 1 + offset / size;
}

/* How many chunks so many bytes take. */
static uint64_t chunks_for(uint64_t size)
{
    uint64_t in;

    return size ? chunk_of(size - 1, &in) + 1 : 0;
}

static uint64_t chunk_count(const struct content *c)
{
    return c->chunks.len / sizeof(uint8_t *);
}

static void drop_chunk(const struct content *c, uint64_t index)
{
    if (index < SMALL_COUNT)
        czi_free(chunk_at(c, index));
    else
        czi_pages_give(chunk_at(c, index), LARGE_SIZE);
}

static void content_drop_chunks(struct content *c, uint64_t keep)
{
    while (chunk_count(c) > keep) {
        drop_chunk(c, chunk_count(c) - 1);
        c->chunks.len -= sizeof(uint8_t *);
    }
}

static void content_done(struct content *c)
{
    content_drop_chunks(c, 0);
    czi_buf_done(&c->chunks);
    c->size = 0;
}

static bool content_reserve(struct content *c, uint64_t size)
{
    while (chunk_count(c) < chunks_for(size)) {
        bool small = chunk_count(c) < SMALL_COUNT;
        uint8_t *p = small ? czi_alloc(SMALL_SIZE) : czi_pages_take(LARGE_SIZE);

        if (!p || !czi_buf_reserve(&c->chunks, sizeof p)) {
            c->chunks.failed = false;
            if (small)
                czi_free(p);
            else
                czi_pages_give(p, LARGE_SIZE);
            return false;
        }
        czi_buf_put(&c->chunks, &p, sizeof p);
    }
    return true;
}

/* Where offset lies and how much of len fits its chunk. */
static uint8_t *piece(const struct content *c, uint64_t offset, size_t len, size_t *ret_len)
{
    uint64_t in, index = chunk_of(offset, &in);

    *ret_len = (size_t)CZI_MIN((uint64_t)len, chunk_size(index) - in);
    return chunk_at(c, index) + in;
}

static bool content_resize(struct content *c, uint64_t size)
{
    if (!content_reserve(c, size))
        return false;
    for (size_t n; c->size < size; c->size += n) {
        uint8_t *to = piece(c, c->size, (size_t)CZI_MIN(size - c->size, LARGE_SIZE), &n);

        memset(to, 0, n);
    }
    c->size = size;
    content_drop_chunks(c, chunks_for(size));
    return true;
}

static bool content_write(struct content *c, uint64_t offset, const uint8_t *data, size_t len)
{
    if ((offset > c->size && !content_resize(c, offset)) || !content_reserve(c, offset + len))
        return false;
    c->size = CZI_MAX(c->size, offset + len);
    for (size_t n; len; offset += n, data += n, len -= n) {
        uint8_t *to = piece(c, offset, len, &n);

        memcpy(to, data, n);
    }
    return true;
}

static size_t content_read(const struct content *c, uint64_t offset, uint8_t *data, size_t len)
{
    size_t done = 0;

    len = offset >= c->size ? 0 : (size_t)CZI_MIN((uint64_t)len, c->size - offset);
    for (size_t n; done < len; done += n) {
        const uint8_t *from = piece(c, offset + done, len - done, &n);

        memcpy(data + done, from, n);
    }
    return len;
}

static bool content_copy(struct content *to, const struct content *from)
{
    size_t n;

    for (uint64_t at = 0; at < from->size; at += n) {
        const uint8_t *p = piece(from, at, (size_t)CZI_MIN(from->size - at, LARGE_SIZE), &n);

        if (!content_write(to, at, p, n))
            return false;
    }
    return true;
}

/* ---- Tree -------------------------------------------------------------------------------- */

/* A write or truncate since the last sync; the bytes of a write follow it in `dirty`. */
struct change {
    bool truncate;
    uint64_t offset; /* or the new size */
    uint64_t len;
};

/* A file or a directory, independent of its names. */
struct node {
    struct node *next; /* all nodes of a file system */
    bool is_dir, locked;
    unsigned users; /* live names and open files */
    struct content live, disk;
    struct czi_buf dirty;
};

/* A name bound to a node; node NULL (in pending only) unbinds it. */
struct name {
    char *path;
    struct node *node;
};

struct names {
    struct name *at;
    size_t count, cap;
};

/* A change of names since the last sync_dir: `to` is bound to node, `from` unbound. */
struct rebind {
    struct rebind *next;
    char *from, *to; /* either may be NULL */
    struct node *node;
};

struct sim_fs {
    struct czi_fs base;
    struct czi_mutex *mutex;
    bool durable;
    struct node *nodes;
    struct names live, disk;
    struct rebind *pending;
    bool armed, fired, power_off;
    uint64_t after;
    struct czi_rng rng;
};

struct sim_file {
    struct czi_file base;
    struct node *node;
    bool has_lock, writable;
    char path[];
};

static struct sim_fs *sim_of(struct czi_fs *fs)
{
    return (struct sim_fs *)fs;
}

static struct sim_file *sim_file_of(struct czi_file *f)
{
    return (struct sim_file *)f;
}

static char *copy_text(const char *text)
{
    size_t len = strlen(text) + 1;
    char *copy = czi_alloc(len);

    return copy ? memcpy(copy, text, len) : NULL;
}

static struct name *find_name(const struct names *n, const char *path)
{
    for (size_t i = 0; i < n->count; i++)
        if (!strcmp(n->at[i].path, path))
            return &n->at[i];
    return NULL;
}

static bool bind(struct names *n, const char *path, struct node *node)
{
    struct name *found = find_name(n, path);
    char *copy;

    if (found) {
        found->node = node;
        return true;
    }
    copy = copy_text(path);
    if (copy && n->count == n->cap) {
        size_t cap = n->cap ? 2 * n->cap : 16;
        struct name *grown = czi_realloc(n->at, cap * sizeof *grown);

        if (grown) {
            n->at = grown;
            n->cap = cap;
        }
    }
    if (!copy || n->count == n->cap) {
        czi_free(copy);
        return false;
    }
    n->at[n->count++] = (struct name){copy, node};
    return true;
}

static void unbind(struct names *n, const char *path)
{
    struct name *found = find_name(n, path);

    if (!found)
        return;
    CZI_CHECK(n->at && n->count);
    czi_free(found->path);
    *found = n->at[--n->count];
}

static void names_done(struct names *n)
{
    for (size_t i = 0; i < n->count; i++)
        czi_free(n->at[i].path);
    czi_free(n->at);
}

static struct node *new_node(struct sim_fs *s, bool is_dir)
{
    struct node *n = czi_alloc_zero(1, sizeof *n);

    if (n) {
        n->is_dir = is_dir;
        n->next = s->nodes;
        s->nodes = n;
    }
    return n;
}

static void free_content(struct node *n)
{
    content_done(&n->live);
    content_done(&n->disk);
    czi_buf_done(&n->dirty);
}

/* Durable trees keep all nodes, because the disk or a pending change may still name them. */
static void put_node(struct sim_fs *s, struct node *n)
{
    struct node **link = &s->nodes;

    if (!n || --n->users || s->durable)
        return;
    while (*link != n)
        link = &(*link)->next;
    *link = n->next;
    free_content(n);
    czi_free(n);
}

static size_t parent_len(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? (size_t)(slash - path) : 0;
}

static bool lies_in(const char *path, const char *dir)
{
    return path[0] && parent_len(path) == strlen(dir) && !strncmp(path, dir, strlen(dir));
}

static bool parent_exists(struct sim_fs *s, const char *path)
{
    for (size_t i = 0; i < s->live.count; i++)
        if (lies_in(path, s->live.at[i].path))
            return s->live.at[i].node->is_dir;
    return false;
}

static void free_rebind(struct rebind *r)
{
    if (!r)
        return;
    czi_free(r->from);
    czi_free(r->to);
    czi_free(r);
}

/* A change of names, prepared so that making it cannot fail. */
static struct rebind *new_rebind(const char *from, const char *to, struct node *node)
{
    struct rebind *r = czi_alloc_zero(1, sizeof *r);

    if (!r)
        return NULL;
    r->node = node;
    r->from = from ? copy_text(from) : NULL;
    r->to = to ? copy_text(to) : NULL;
    if ((!from || r->from) && (!to || r->to))
        return r;
    free_rebind(r);
    return NULL;
}

static bool apply_rebind(struct names *n, const struct rebind *r)
{
    if (r->to && !bind(n, r->to, r->node))
        return false;
    if (r->from)
        unbind(n, r->from);
    return true;
}

/* Renames, binds or unbinds in the live tree and notes it as not yet durable. */
static int change_names(struct sim_fs *s, const char *from, const char *to, struct node *node,
                        cz_error *err)
{
    struct name *old = to ? find_name(&s->live, to) : NULL;
    struct node *replaced = old ? old->node : from && !to ? node : NULL;
    struct rebind *r = new_rebind(from, to, to ? node : NULL), **end = &s->pending;

    if (!r || !apply_rebind(&s->live, r)) {
        free_rebind(r);
        return czi_nomem(err, "a simulated name");
    }
    if (to && !from)
        node->users++;
    put_node(s, replaced);
    if (!s->durable) {
        free_rebind(r);
        return CZ_OK;
    }
    while (*end)
        end = &(*end)->next;
    *end = r;
    return CZ_OK;
}

/* ---- Faults ------------------------------------------------------------------------------ */

enum verdict {
    GO,
    REFUSE,     /* fail without effect */
    HALF,       /* fail with some of the effect */
    REFUSE_ALL, /* no power */
};

static enum verdict judge(struct sim_fs *s)
{
    if (CZI_LIKELY(!s->armed))
        return GO;
    if (s->fired)
        return s->power_off ? REFUSE_ALL : GO;
    if (s->after--)
        return GO;
    s->fired = true;
    return czi_rng_below(&s->rng, 2) ? HALF : REFUSE;
}

static int refuse(struct sim_fs *s, enum verdict v, const char *verb, const char *path,
                  cz_error *err)
{
    const char *why = v == REFUSE_ALL || s->power_off ? "no power (simulated)"
                      : czi_rng_below(&s->rng, 2)     ? "no space left on device (simulated)"
                                                      : "input/output error (simulated)";

    return czi_fail(err, CZ_IO, "cannot %s %s: %s", verb, path[0] ? path : ".", why);
}

void czi_sim_arm(struct czi_fs *fs, const struct czi_sim_fault *fault)
{
    struct sim_fs *s = sim_of(fs);

    CZI_CHECK(s->durable);
    czi_mutex_lock(s->mutex);
    s->armed = fault != NULL;
    s->fired = false;
    if (fault) {
        s->after = fault->after;
        s->power_off = fault->power_off;
        s->rng = czi_rng(fault->seed);
    }
    czi_mutex_unlock(s->mutex);
}

void czi_sim_power_off(struct czi_fs *fs)
{
    struct sim_fs *s = sim_of(fs);

    CZI_CHECK(s->durable);
    czi_mutex_lock(s->mutex);
    s->armed = s->fired = s->power_off = true;
    czi_mutex_unlock(s->mutex);
}

bool czi_sim_fired(struct czi_fs *fs)
{
    bool fired;

    czi_mutex_lock(sim_of(fs)->mutex);
    fired = sim_of(fs)->fired;
    czi_mutex_unlock(sim_of(fs)->mutex);
    return fired;
}

/* ---- Operations: each `do_` runs under the mutex ------------------------------------------
 */

static int do_open(struct sim_fs *s, const char *path, enum czi_open_mode mode,
                   struct sim_file *f, cz_error *err)
{
    struct name *n = find_name(&s->live, path);
    enum verdict v = judge(s);

    if (v != GO)
        return refuse(s, v, "open", path, err);
    if (mode == CZI_OPEN_CREATE) {
        struct node *node;
        int rc;

        if (n)
            return czi_fail(err, CZ_CONFLICT, "cannot create %s: file exists", path);
        if (!parent_exists(s, path))
            return czi_fail(err, CZ_NOT_FOUND, "cannot create %s: no such directory", path);
        node = new_node(s, false);
        if (!node)
            return czi_nomem(err, "a simulated file");
        node->users = 1;
        rc = change_names(s, NULL, path, node, err);
        if (rc) {
            put_node(s, node);
            return rc;
        }
        f->node = node;
        return CZ_OK;
    }
    if (!n)
        return czi_fail(err, CZ_NOT_FOUND, "cannot open %s: no such file", path);
    if (n->node->is_dir)
        return czi_fail(err, CZ_IO, "cannot open %s: is a directory", path);
    n->node->users++;
    f->node = n->node;
    return CZ_OK;
}

static int sim_open(struct czi_fs *fs, const char *path, enum czi_open_mode mode,
                    struct czi_file **ret, cz_error *err)
{
    struct sim_fs *s = sim_of(fs);
    size_t len = strlen(path) + 1;
    struct sim_file *f = czi_alloc_zero(1, sizeof *f + len);
    int rc;

    if (!f)
        return czi_nomem(err, "an open file");
    f->base.fs = fs;
    f->writable = mode != CZI_OPEN_READ;
    memcpy(f->path, path, len);
    czi_mutex_lock(s->mutex);
    rc = do_open(s, path, mode, f, err);
    czi_mutex_unlock(s->mutex);
    if (rc) {
        czi_free(f);
        return rc;
    }
    *ret = &f->base;
    return CZ_OK;
}

static int sim_read(struct czi_file *file, uint64_t offset, void *data, size_t len,
                    size_t *ret_len, cz_error *err)
{
    struct sim_fs *s = sim_of(file->fs);
    struct sim_file *f = sim_file_of(file);
    enum verdict v;
    int rc = CZ_OK;

    czi_mutex_lock(s->mutex);
    v = judge(s);
    if (v != GO)
        rc = refuse(s, v, "read", f->path, err);
    else
        *ret_len = content_read(&f->node->live, offset, data, len);
    czi_mutex_unlock(s->mutex);
    return rc;
}

static bool note_change(struct node *n, const struct change *c, const void *data)
{
    if (!czi_buf_reserve(&n->dirty, sizeof *c + (size_t)c->len)) {
        n->dirty.failed = false;
        return false;
    }
    czi_buf_put(&n->dirty, c, sizeof *c);
    czi_buf_put(&n->dirty, data, (size_t)c->len);
    return true;
}

static int do_write(struct sim_fs *s, struct sim_file *f, uint64_t offset, const uint8_t *data,
                    size_t len, cz_error *err)
{
    enum verdict v = judge(s);
    struct change c = {.offset = offset, .len = len};

    CZI_CHECK(f->writable);
    if (v == HALF)
        c.len = czi_rng_below(&s->rng, len + 1);
    if (v == GO || v == HALF) {
        if ((s->durable && !note_change(f->node, &c, data)) ||
            !content_write(&f->node->live, offset, data, (size_t)c.len))
            return czi_nomem(err, "simulated file content");
    }
    return v == GO ? CZ_OK : refuse(s, v, "write", f->path, err);
}

static int sim_write(struct czi_file *file, uint64_t offset, const void *data, size_t len,
                     cz_error *err)
{
    struct sim_fs *s = sim_of(file->fs);
    int rc;

    czi_mutex_lock(s->mutex);
    rc = do_write(s, sim_file_of(file), offset, data, len, err);
    czi_mutex_unlock(s->mutex);
    return rc;
}

static int do_truncate(struct sim_fs *s, struct sim_file *f, uint64_t size, cz_error *err)
{
    enum verdict v = judge(s);
    struct change c = {.truncate = true, .offset = size};

    CZI_CHECK(f->writable);
    if (v == GO || v == HALF) {
        if ((s->durable && !note_change(f->node, &c, NULL)) ||
            !content_resize(&f->node->live, size))
            return czi_nomem(err, "simulated file content");
    }
    return v == GO ? CZ_OK : refuse(s, v, "truncate", f->path, err);
}

static int sim_truncate(struct czi_file *file, uint64_t size, cz_error *err)
{
    struct sim_fs *s = sim_of(file->fs);
    int rc;

    czi_mutex_lock(s->mutex);
    rc = do_truncate(s, sim_file_of(file), size, err);
    czi_mutex_unlock(s->mutex);
    return rc;
}

static int sim_size(struct czi_file *file, uint64_t *ret, cz_error *err)
{
    struct sim_fs *s = sim_of(file->fs);

    (void)err;
    czi_mutex_lock(s->mutex);
    *ret = sim_file_of(file)->node->live.size;
    czi_mutex_unlock(s->mutex);
    return CZ_OK;
}

/* Calls `fn` with each change and its bytes; false ends it. */
static bool each_change(const struct node *n,
                        bool (*fn)(void *arg, const struct change *c, const uint8_t *data),
                        void *arg)
{
    struct change c;

    for (size_t at = 0; at < n->dirty.len; at += sizeof c + (size_t)c.len) {
        memcpy(&c, n->dirty.data + at, sizeof c);
        if (!fn(arg, &c, n->dirty.data + at + sizeof c))
            return false;
    }
    return true;
}

static bool apply_change(void *arg, const struct change *c, const uint8_t *data)
{
    struct content *to = arg;

    return c->truncate ? content_resize(to, c->offset)
                       : content_write(to, c->offset, data, (size_t)c->len);
}

static int do_sync(struct sim_fs *s, struct sim_file *f, cz_error *err)
{
    enum verdict v = judge(s);

    if (!s->durable)
        return CZ_OK;
    if (v == GO && !each_change(f->node, apply_change, &f->node->disk))
        return czi_nomem(err, "simulated file content");
    if (v == GO || (v == HALF && !s->power_off))
        f->node->dirty.len = 0;
    return v == GO ? CZ_OK : refuse(s, v, "sync", f->path, err);
}

static int sim_sync(struct czi_file *file, cz_error *err)
{
    struct sim_fs *s = sim_of(file->fs);
    int rc;

    czi_mutex_lock(s->mutex);
    rc = do_sync(s, sim_file_of(file), err);
    czi_mutex_unlock(s->mutex);
    return rc;
}

static int sim_lock(struct czi_file *file, cz_error *err)
{
    struct sim_fs *s = sim_of(file->fs);
    struct sim_file *f = sim_file_of(file);
    enum verdict v;
    int rc = CZ_OK;

    czi_mutex_lock(s->mutex);
    v = judge(s);
    if (v != GO)
        rc = refuse(s, v, "lock", f->path, err);
    else if (f->node->locked)
        rc = czi_fail(err, CZ_BUSY, "the store in memory is in use by another writer");
    else
        f->has_lock = f->node->locked = true;
    czi_mutex_unlock(s->mutex);
    return rc;
}

static void sim_close(struct czi_file *file)
{
    struct sim_file *f = sim_file_of(file);
    struct sim_fs *s;

    if (!file)
        return;
    s = sim_of(file->fs);
    czi_mutex_lock(s->mutex);
    if (f->has_lock)
        f->node->locked = false;
    put_node(s, f->node);
    czi_mutex_unlock(s->mutex);
    czi_free(f);
}

static int do_rename(struct sim_fs *s, const char *from, const char *to, cz_error *err)
{
    struct name *n = find_name(&s->live, from);
    enum verdict v = judge(s);
    int rc;

    if (!n)
        return czi_fail(err, CZ_NOT_FOUND, "cannot rename %s: no such file", from);
    if (v == GO || v == HALF) {
        rc = change_names(s, from, to, n->node, err);
        if (rc)
            return rc;
    }
    return v == GO ? CZ_OK : refuse(s, v, "rename", from, err);
}

static int sim_rename(struct czi_fs *fs, const char *from, const char *to, cz_error *err)
{
    int rc;

    czi_mutex_lock(sim_of(fs)->mutex);
    rc = do_rename(sim_of(fs), from, to, err);
    czi_mutex_unlock(sim_of(fs)->mutex);
    return rc;
}

static int do_remove(struct sim_fs *s, const char *path, cz_error *err)
{
    struct name *n = find_name(&s->live, path);
    enum verdict v = judge(s);
    int rc;

    if (!n)
        return czi_fail(err, CZ_NOT_FOUND, "cannot remove %s: no such file", path);
    if (n->node->is_dir)
        return czi_fail(err, CZ_IO, "cannot remove %s: is a directory", path);
    if (v == GO || v == HALF) {
        rc = change_names(s, path, NULL, n->node, err);
        if (rc)
            return rc;
    }
    return v == GO ? CZ_OK : refuse(s, v, "remove", path, err);
}

static int sim_remove(struct czi_fs *fs, const char *path, cz_error *err)
{
    int rc;

    czi_mutex_lock(sim_of(fs)->mutex);
    rc = do_remove(sim_of(fs), path, err);
    czi_mutex_unlock(sim_of(fs)->mutex);
    return rc;
}

static int do_make_dir(struct sim_fs *s, const char *path, cz_error *err)
{
    enum verdict v = judge(s);
    struct node *node;
    int rc;

    if (find_name(&s->live, path))
        return czi_fail(err, CZ_CONFLICT, "cannot make directory %s: it exists",
                        path[0] ? path : ".");
    if (!parent_exists(s, path))
        return czi_fail(err, CZ_NOT_FOUND, "cannot make directory %s: no such directory", path);
    if (v == GO || v == HALF) {
        node = new_node(s, true);
        if (!node)
            return czi_nomem(err, "a simulated directory");
        node->users = 1; /* kept until the end: few and small */
        rc = change_names(s, NULL, path, node, err);
        if (rc)
            return rc;
    }
    return v == GO ? CZ_OK : refuse(s, v, "make directory", path, err);
}

static int sim_make_dir(struct czi_fs *fs, const char *path, cz_error *err)
{
    int rc;

    czi_mutex_lock(sim_of(fs)->mutex);
    rc = do_make_dir(sim_of(fs), path, err);
    czi_mutex_unlock(sim_of(fs)->mutex);
    return rc;
}

static int do_sync_dir(struct sim_fs *s, const char *path, cz_error *err)
{
    struct rebind **link = &s->pending, *r;
    enum verdict v = judge(s);

    if (!find_name(&s->live, path))
        return czi_fail(err, CZ_NOT_FOUND, "cannot sync directory %s: no such directory", path);
    while ((v == GO || v == HALF) && (r = *link)) {
        if (!lies_in(r->to ? r->to : r->from, path)) {
            link = &r->next;
            continue;
        }
        if (!apply_rebind(&s->disk, r))
            return czi_nomem(err, "a simulated name");
        *link = r->next;
        free_rebind(r);
    }
    return v == GO ? CZ_OK : refuse(s, v, "sync directory", path, err);
}

static int sim_sync_dir(struct czi_fs *fs, const char *path, cz_error *err)
{
    int rc;

    czi_mutex_lock(sim_of(fs)->mutex);
    rc = do_sync_dir(sim_of(fs), path, err);
    czi_mutex_unlock(sim_of(fs)->mutex);
    return rc;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Copies of the names in path, sorted, so that fn may change the tree. */
static int collect_names(struct sim_fs *s, const char *path, struct czi_buf *names,
                         cz_error *err)
{
    const struct name *dir = find_name(&s->live, path);
    enum verdict v = judge(s);

    if (v != GO)
        return refuse(s, v, "list", path, err);
    if (!dir || !dir->node->is_dir)
        return czi_fail(err, CZ_NOT_FOUND, "cannot list %s: no such directory", path);
    for (size_t i = 0; i < s->live.count; i++) {
        const char *full = s->live.at[i].path;
        size_t skip = path[0] ? strlen(path) + 1 : 0;
        char *copy;

        if (!lies_in(full, path))
            continue;
        copy = czi_buf_reserve(names, sizeof copy) ? copy_text(full + skip) : NULL;
        if (!copy)
            return czi_nomem(err, "a directory listing");
        czi_buf_put(names, &copy, sizeof copy);
    }
    if (names->len)
        qsort(names->data, names->len / sizeof(char *), sizeof(char *), by_path);
    return CZ_OK;
}

static int sim_list(struct czi_fs *fs, const char *path, int (*fn)(void *arg, const char *),
                    void *arg, cz_error *err)
{
    CZI_AUTOBUF names = {0};
    int rc;

    czi_mutex_lock(sim_of(fs)->mutex);
    rc = collect_names(sim_of(fs), path, &names, err);
    czi_mutex_unlock(sim_of(fs)->mutex);
    for (size_t at = 0; at < names.len; at += sizeof(char *)) {
        char *name;

        memcpy(&name, names.data + at, sizeof name);
        if (!rc)
            rc = fn(arg, name);
        czi_free(name);
    }
    return rc;
}

static void sim_free(struct czi_fs *fs)
{
    struct sim_fs *s = sim_of(fs);

    if (!fs)
        return;
    for (struct node *n = s->nodes, *next; n; n = next) {
        next = n->next;
        free_content(n);
        czi_free(n);
    }
    for (struct rebind *r = s->pending, *next; r; r = next) {
        next = r->next;
        free_rebind(r);
    }
    names_done(&s->live);
    names_done(&s->disk);
    czi_mutex_free(s->mutex);
    czi_free(s);
}

static const struct czi_fs_ops sim_ops = {
    .open = sim_open,
    .read = sim_read,
    .write = sim_write,
    .truncate = sim_truncate,
    .size = sim_size,
    .sync = sim_sync,
    .lock = sim_lock,
    .close = sim_close,
    .rename = sim_rename,
    .remove = sim_remove,
    .make_dir = sim_make_dir,
    .sync_dir = sim_sync_dir,
    .list = sim_list,
    .free = sim_free,
};

int czi_fs_simulated(enum czi_sim_mode mode, struct czi_fs **ret, cz_error *err)
{
    struct sim_fs *s = czi_alloc_zero(1, sizeof *s);
    struct node *root;

    if (!s)
        return czi_nomem(err, "a simulated file system");
    s->base.ops = &sim_ops;
    s->durable = mode == CZI_SIM_DURABLE;
    s->mutex = czi_mutex_new();
    root = new_node(s, true);
    if (!s->mutex || !root || !bind(&s->live, "", root) || !bind(&s->disk, "", root)) {
        sim_free(&s->base);
        return czi_nomem(err, "a simulated file system");
    }
    root->users = 1;
    *ret = &s->base;
    return CZ_OK;
}

/* ---- Crash ------------------------------------------------------------------------------- */

enum loss { KEEP_NOTHING, KEEP_ALL, KEEP_FIRST, KEEP_SECTORS, LOSS_KINDS };

struct fate {
    struct content *to;
    struct czi_rng *rng;
    enum loss loss;
    bool torn; /* KEEP_FIRST: the rest is lost */
};

static bool write_garbage(struct fate *f, uint64_t offset, size_t len)
{
    uint8_t garbage[SECTOR_SIZE];

    for (size_t i = 0; i < len; i++)
        garbage[i] = (uint8_t)czi_rng_next(f->rng);
    return content_write(f->to, offset, garbage, len);
}

static bool keep_sectors(struct fate *f, const struct change *c, const uint8_t *data)
{
    uint64_t old_size = f->to->size;

    for (uint64_t at = c->offset, end = c->offset + c->len, next; at < end; at = next) {
        bool kept = czi_rng_below(f->rng, 2), ok = true;

        next = CZI_MIN(end, (at / SECTOR_SIZE + 1) * SECTOR_SIZE);
        if (kept)
            ok = content_write(f->to, at, data + (at - c->offset), (size_t)(next - at));
        else if (at >= old_size && czi_rng_below(f->rng, 4) == 0)
            ok = write_garbage(f, at, (size_t)(next - at));
        if (!ok)
            return false;
    }
    return true;
}

static bool suffer(void *arg, const struct change *c, const uint8_t *data)
{
    struct fate *f = arg;
    struct change part = *c;

    if (f->loss == KEEP_NOTHING || f->torn)
        return true;
    if (f->loss == KEEP_SECTORS && !c->truncate)
        return keep_sectors(f, c, data);
    if (f->loss != KEEP_ALL && czi_rng_below(f->rng, 2)) {
        f->torn = f->loss == KEEP_FIRST;
        if (c->truncate)
            return true;
        part.len = czi_rng_below(f->rng, c->len + 1);
    }
    return apply_change(f->to, &part, data);
}

static bool crash_node(const struct node *from, struct node *to, struct czi_rng *rng)
{
    struct fate f = {&to->disk, rng, (enum loss)czi_rng_below(rng, LOSS_KINDS), false};

    return content_copy(&to->disk, &from->disk) && each_change(from, suffer, &f) &&
           content_copy(&to->live, &to->disk);
}

/* The names that the disk has: the synced ones and a choice of the later changes. */
static bool crash_names(const struct sim_fs *from, struct names *to, struct czi_rng *rng)
{
    bool all = czi_rng_below(rng, 3) == 0;

    for (size_t i = 0; i < from->disk.count; i++)
        if (!bind(to, from->disk.at[i].path, from->disk.at[i].node))
            return false;
    for (const struct rebind *r = from->pending; r; r = r->next)
        if ((all || czi_rng_below(rng, 2)) && !apply_rebind(to, r))
            return false;
    return true;
}

static bool fill_crashed(struct sim_fs *to, const struct names *names, struct czi_rng *rng)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct name *n = &names->at[i];
        struct node *copy;

        if (!n->path[0])
            continue;
        copy = new_node(to, n->node->is_dir);
        if (!copy || !crash_node(n->node, copy, rng) || !bind(&to->live, n->path, copy) ||
            !bind(&to->disk, n->path, copy))
            return false;
        copy->users = 1;
    }
    return true;
}

int czi_sim_crash(struct czi_fs *fs, uint64_t seed, struct czi_fs **ret, cz_error *err)
{
    struct sim_fs *s = sim_of(fs);
    struct names names = {0};
    struct czi_rng rng = czi_rng(seed);
    struct czi_fs *after = NULL;
    int rc = czi_fs_simulated(CZI_SIM_DURABLE, &after, err);

    CZI_CHECK(s->durable);
    if (rc)
        return rc;
    czi_mutex_lock(s->mutex);
    if (!crash_names(s, &names, &rng) || !fill_crashed(sim_of(after), &names, &rng))
        rc = czi_nomem(err, "the file system after a crash");
    czi_mutex_unlock(s->mutex);
    names_done(&names);
    if (rc)
        sim_free(after);
    else
        *ret = after;
    return rc;
}
