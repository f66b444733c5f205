/* platform.h - the contract between Causality and an operating system.
 *
 * Layer: platform (above base). posix.c implements it on Linux; simulated.c implements the
 * files in memory with faults on command. Nothing else in the core touches the OS: no file,
 * socket, thread, clock or environment.
 *
 * Threads: everything here may be called from any thread; an open file belongs to one thread
 * at a time. Errors: CZ_IO with the operation, the path and the system's reason, except where
 * another code is named.
 */
#ifndef CZI_PLATFORM_H
#define CZI_PLATFORM_H

#include "base/bytes.h"
#include "causality/causality.h"

/* ---- Files ---------------------------------------------------------------------------- */

/* A directory tree with the durability rules of POSIX: file data is durable after sync of
 * the file, names (create, rename, remove) after sync_dir of their directory. Paths are
 * relative to the root given at creation and use '/'. */
struct czi_fs;
struct czi_file;

enum czi_open_mode {
    CZI_OPEN_READ,   /* must exist; CZ_NOT_FOUND otherwise */
    CZI_OPEN_WRITE,  /* must exist; read and write */
    CZI_OPEN_CREATE, /* must not exist; CZ_CONFLICT otherwise */
};

struct czi_fs_ops {
    int (*open)(struct czi_fs *fs, const char *path, enum czi_open_mode mode,
                struct czi_file **ret, cz_error *err);
    /* Up to len bytes at offset; *ret_len is shorter only at the end of the file. */
    int (*read)(struct czi_file *f, uint64_t offset, void *data, size_t len, size_t *ret_len,
                cz_error *err);
    /* All of it, or an error after which any part may have been written. */
    int (*write)(struct czi_file *f, uint64_t offset, const void *data, size_t len,
                 cz_error *err);
    int (*truncate)(struct czi_file *f, uint64_t size, cz_error *err);
    int (*size)(struct czi_file *f, uint64_t *ret, cz_error *err);
    /* Data durable. After an error the state of earlier writes is unknown for good: callers
     * never retry (R15). */
    int (*sync)(struct czi_file *f, cz_error *err);
    /* An exclusive lock until close, across processes; CZ_BUSY when held. */
    int (*lock)(struct czi_file *f, cz_error *err);
    /* Also releases. f NULL is a no-op. */
    void (*close)(struct czi_file *f);
    int (*rename)(struct czi_fs *fs, const char *from, const char *to, cz_error *err);
    int (*remove)(struct czi_fs *fs, const char *path, cz_error *err);
    /* CZ_CONFLICT when it exists. */
    int (*make_dir)(struct czi_fs *fs, const char *path, cz_error *err);
    int (*sync_dir)(struct czi_fs *fs, const char *path, cz_error *err);
    /* Calls fn with each name in the directory, in bytewise order. CZ_NOT_FOUND. */
    int (*list)(struct czi_fs *fs, const char *path, int (*fn)(void *arg, const char *name),
                void *arg, cz_error *err);
    void (*free)(struct czi_fs *fs);
};
struct czi_fs {
    const struct czi_fs_ops *ops;
    /* Absolute or working-directory-relative root for libraries that do their own I/O
     * (RocksDB); NULL in simulation, where such libraries are not used. */
    const char *root;
};
struct czi_file {
    struct czi_fs *fs;
};

/* Files below dir of the real file system. dir need not exist yet. */
CZI_MUST_USE int czi_fs_posix(const char *dir, struct czi_fs **ret, cz_error *err);

/* ---- Local sockets (posix.c) ------------------------------------------------------------ */

/* Messages between processes of one machine, by a socket that is a file in a directory. A
 * message is a u32 length, little-endian, and as many bytes. No descriptor survives an exec,
 * and a peer that is gone raises no signal. A stream belongs to one thread at a time. */
struct czi_listener;
struct czi_stream;

/* Listens at dir/name, for the owner of the process only (mode 0600). The path of dir may be
 * longer than an address of a socket. A socket that is there already is replaced: the caller
 * knows that nobody else listens (a store's writer has its lock). CZ_CONFLICT: another kind of
 * file is there. */
CZI_MUST_USE int czi_listen(const char *dir, const char *name, struct czi_listener **ret,
                            cz_error *err);
/* Waits for the next client; NULL when the listener was stopped. Where the system has no room
 * for one more it tries again now and then. The stream ends before the listener does. */
CZI_MUST_USE struct czi_stream *czi_accept(struct czi_listener *l);
/* Ends accepting, and every message on the listener's streams, for good: those return
 * CZ_CLOSED. From any thread, any number of times. */
void czi_listener_stop(struct czi_listener *l);
/* Removes the file. NULL: no-op. */
void czi_listener_close(struct czi_listener *l);

/* CZ_NOT_FOUND when nobody listens there, CZ_TIMEOUT when who does has no room for more. */
CZI_MUST_USE int czi_dial(const char *dir, const char *name, uint64_t timeout_ms,
                          struct czi_stream **ret, cz_error *err);
/* One whole message, within timeout_ms in all, however slowly the other side goes: CZ_TIMEOUT.
 * CZ_IO also when the other side ended. After an error the stream is of no use. */
CZI_MUST_USE int czi_stream_send(struct czi_stream *s, const void *data, size_t len,
                                 uint64_t timeout_ms, cz_error *err);
/* Replaces what buf holds. CZ_LIMIT: it is longer than size_max; nothing of it was read. */
CZI_MUST_USE int czi_stream_receive(struct czi_stream *s, size_t size_max, uint64_t timeout_ms,
                                    struct czi_buf *buf, cz_error *err);
void czi_stream_close(struct czi_stream *s); /* NULL: no-op */

/* ---- Memory (posix.c) -------------------------------------------------------------------- */

/* Zeroed pages, in huge ones where the system has them; NULL when out of memory. For arrays
 * that are large and visited at random. Counts as an allocation for czi_alloc_fail_after. */
CZI_MUST_USE void *czi_pages_take(size_t size);
void czi_pages_give(void *pages, size_t size); /* NULL: no-op */
/* For benches, once, before other threads: from now on this process keeps the memory that it
 * gives back, by czi_pages_give and by the heap, for the next who takes some. What a system
 * charges for fresh memory (in a virtual machine up to a microsecond a kilobyte) then falls on
 * the first of several runs only. */
void czi_memory_keep(void);

/* ---- Stacks (posix.c) ------------------------------------------------------------------- */

/* A stack begins and ends at multiples of this, and a guard is one of it. */
#define CZI_STACK_PAGE 4096u

/* Zeroed memory for stacks, a multiple of CZI_STACK_PAGE: it is committed page by page, as it
 * is touched, and never as huge pages. NULL when out of memory. Counts as an allocation for
 * czi_alloc_fail_after. */
CZI_MUST_USE void *czi_stacks_take(size_t size);
/* `guards` is how many guards were put into it. NULL: no-op. */
void czi_stacks_give(void *stacks, size_t size, size_t guards);
/* From now on, who touches this page dies by SIGSEGV. False when that cannot be: before Linux
 * 6.13 a guard takes two of the memory maps of which a process may have 65,530
 * (vm.max_map_count), and guards leave half of them to others. */
bool czi_stack_guard(void *page);
/* Tests only: be a system before 6.13 with room for so many guards. */
void czi_stack_guards_limit(size_t max);

/* ---- Threads (posix.c) ------------------------------------------------------------------ */

struct czi_thread;
struct czi_mutex;
struct czi_cond;

CZI_MUST_USE int czi_thread_start(struct czi_thread **ret, void (*fn)(void *arg), void *arg,
                                  const char *name, cz_error *err);
void czi_thread_join(struct czi_thread *t); /* and frees; NULL: no-op */
CZI_MUST_USE struct czi_mutex *czi_mutex_new(void);
void czi_mutex_free(struct czi_mutex *m);
void czi_mutex_lock(struct czi_mutex *m);
void czi_mutex_unlock(struct czi_mutex *m);
/* Sleeps while *word is `value`, at most timeout_ns (UINT64_MAX: no bound), or wakes for no
 * reason. False: the time went by. */
bool czi_word_wait(const _Atomic uint32_t *word, uint32_t value, uint64_t timeout_ns);
/* Wakes up to `count` of those who sleep on a word. */
void czi_word_wake(const _Atomic uint32_t *word, uint32_t count);
/* Every thread of the process passes a full barrier before this returns. To be prepared once
 * before; where the system cannot do it, only the calling thread passes one. */
void czi_barrier_all_prepare(void);
void czi_barrier_all(void);
/* One mutex of the whole process, which needs no making. */
void czi_process_lock(void);
void czi_process_unlock(void);
/* fn is called when the calling thread ends, however it does; one fn for the whole process.
 * False when the system has no room for that. */
CZI_MUST_USE bool czi_at_thread_exit(void (*fn)(void));
/* Tells the processor that this is a loop that waits for another one. */
static inline void czi_cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}
CZI_MUST_USE struct czi_cond *czi_cond_new(void);
void czi_cond_free(struct czi_cond *c);
void czi_cond_wait(struct czi_cond *c, struct czi_mutex *m);
/* False when timeout_ms went by (monotonic clock). */
bool czi_cond_wait_ms(struct czi_cond *c, struct czi_mutex *m, uint64_t timeout_ms);
void czi_cond_signal(struct czi_cond *c);
void czi_cond_broadcast(struct czi_cond *c);
/* Online processors, at least 1. */
unsigned czi_cpu_count(void);
/* Monotonic nanoseconds, for progress display, benches and timeouts at the edges only. */
uint64_t czi_clock_ns(void);

#endif
