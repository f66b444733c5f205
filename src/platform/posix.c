/* posix.c - the platform contract on Linux: files below a directory, local sockets, threads,
 * clock.
 *
 * Layer: platform. Threads: any; an open file belongs to one thread at a time, but two handles
 * of one file do not disturb each other (positions are given with every call).
 *
 * Every call is repeated after EINTR and after a short transfer, except fsync and fdatasync:
 * a failed sync is never retried (R15), because Linux marks the lost pages clean.
 * Locks are open file description locks (fcntl(2), F_OFD_SETLK): unlike flock they say nothing
 * to other protocols, unlike POSIX record locks they also exclude within one process and
 * survive the close of another handle.
 */
#include "base/error.h"
#include "platform/platform.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* ---- Files ---------------------------------------------------------------------------- */

struct posix_fs {
    struct czi_fs base;
    atomic_int dir; /* -1 until the directory is there */
    char root[];
};

struct posix_file {
    struct czi_file base;
    int fd;
    char path[];
};

static struct posix_fs *posix_of(struct czi_fs *fs)
{
    return (struct posix_fs *)fs;
}

static struct posix_file *posix_file_of(struct czi_file *f)
{
    return (struct posix_file *)f;
}

/* The store's own directory is "" in this contract and "." for the system. */
static const char *path_or_dot(const char *path)
{
    return path[0] ? path : ".";
}

static int posix_fail(struct czi_fs *fs, const char *verb, const char *path, int error,
                      cz_error *err)
{
    int code = error == ENOENT   ? CZ_NOT_FOUND
               : error == EEXIST ? CZ_CONFLICT
               : error == ENOMEM ? CZ_NOMEM
                                 : CZ_IO;
    char text[128];

    return czi_fail(err, code, "cannot %s %s%s%s: %s", verb, posix_of(fs)->root,
                    path[0] ? "/" : "", path, strerror_r(error, text, sizeof text));
}

static int file_fail(struct czi_file *f, const char *verb, int error, cz_error *err)
{
    int rc = posix_fail(f->fs, verb, posix_file_of(f)->path, error, err);

    return rc == CZ_NOMEM ? rc : CZ_IO;
}

/* The root's descriptor; it may appear later than the fs, made by us or by somebody else. */
static int root_fd(struct posix_fs *p)
{
    int fd = atomic_load(&p->dir), none = -1;

    if (fd >= 0)
        return fd;
    do
        fd = open(p->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return -1;
    if (atomic_compare_exchange_strong(&p->dir, &none, fd))
        return fd;
    close(fd);
    return none;
}

static int open_below(struct czi_fs *fs, const char *path, int flags)
{
    int dir = root_fd(posix_of(fs)), fd;

    if (dir < 0)
        return -1;
    do
        fd = openat(dir, path_or_dot(path), flags | O_CLOEXEC, 0666);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static int posix_open(struct czi_fs *fs, const char *path, enum czi_open_mode mode,
                      struct czi_file **ret, cz_error *err)
{
    static const int flags[] = {[CZI_OPEN_READ] = O_RDONLY,
                                [CZI_OPEN_WRITE] = O_RDWR,
                                [CZI_OPEN_CREATE] = O_RDWR | O_CREAT | O_EXCL};
    size_t len = strlen(path);
    struct posix_file *f = czi_alloc(sizeof *f + len + 1);

    if (!f)
        return czi_nomem(err, "an open file");
    f->base.fs = fs;
    memcpy(f->path, path, len + 1);
    f->fd = open_below(fs, path, flags[mode]);
    if (f->fd < 0) {
        int error = errno;

        czi_free(f);
        return posix_fail(fs, mode == CZI_OPEN_CREATE ? "create" : "open", path, error, err);
    }
    *ret = &f->base;
    return CZ_OK;
}

static int posix_read(struct czi_file *f, uint64_t offset, void *data, size_t len,
                      size_t *ret_len, cz_error *err)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = pread(posix_file_of(f)->fd, (uint8_t *)data + done, len - done,
                          (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_fail(f, "read", errno, err);
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *ret_len = done;
    return CZ_OK;
}

static int posix_write(struct czi_file *f, uint64_t offset, const void *data, size_t len,
                       cz_error *err)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = pwrite(posix_file_of(f)->fd, (const uint8_t *)data + done, len - done,
                           (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return file_fail(f, "write", n < 0 ? errno : ENOSPC, err);
        done += (size_t)n;
    }
    return CZ_OK;
}

static int posix_truncate(struct czi_file *f, uint64_t size, cz_error *err)
{
    while (ftruncate(posix_file_of(f)->fd, (off_t)size) < 0)
        if (errno != EINTR)
            return file_fail(f, "truncate", errno, err);
    return CZ_OK;
}

static int posix_size(struct czi_file *f, uint64_t *ret, cz_error *err)
{
    struct stat st;

    if (fstat(posix_file_of(f)->fd, &st) < 0)
        return file_fail(f, "stat", errno, err);
    *ret = (uint64_t)st.st_size;
    return CZ_OK;
}

static int posix_sync(struct czi_file *f, cz_error *err)
{
    if (fdatasync(posix_file_of(f)->fd) < 0)
        return file_fail(f, "sync", errno, err);
    return CZ_OK;
}

/* The holder leaves its process id in the file, for whoever comes second. */
static int posix_lock(struct czi_file *f, cz_error *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = posix_file_of(f)->fd, n;
    bool noted;
    char pid[24];

    while (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
        ssize_t got;

        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EACCES)
            return file_fail(f, "lock", errno, err);
        got = pread(fd, pid, sizeof pid - 1, 0);
        pid[got > 0 ? got : 0] = '\0';
        pid[strspn(pid, "0123456789")] = '\0';
        return czi_fail(err, CZ_BUSY, "%s is in use by another writer (process %s)",
                        posix_of(f->fs)->root, pid[0] ? pid : "unknown");
    }
    n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    /* A full disk must not keep anybody from opening: the note is a courtesy. */
    noted = ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)n, 0) == n;
    (void)noted;
    return CZ_OK;
}

static void posix_close(struct czi_file *f)
{
    if (!f)
        return;
    close(posix_file_of(f)->fd);
    czi_free(f);
}

static int posix_rename(struct czi_fs *fs, const char *from, const char *to, cz_error *err)
{
    int dir = root_fd(posix_of(fs));

    if (dir < 0 || renameat(dir, from, dir, to) < 0)
        return posix_fail(fs, "rename", from, errno, err);
    return CZ_OK;
}

static int posix_remove(struct czi_fs *fs, const char *path, cz_error *err)
{
    int dir = root_fd(posix_of(fs));

    if (dir < 0 || unlinkat(dir, path, 0) < 0)
        return posix_fail(fs, "remove", path, errno, err);
    return CZ_OK;
}

static int sync_fd(int fd)
{
    int rc, error;

    if (fd < 0)
        return -1;
    rc = fsync(fd);
    error = errno;
    close(fd);
    errno = error;
    return rc;
}

/* The root's own name lives in its parent, which no path of this contract reaches. */
static int make_root(struct posix_fs *p)
{
    CZI_AUTOBUF parent = {0};
    size_t len = strlen(p->root);

    if (mkdir(p->root, 0777) < 0)
        return -1;
    while (len > 1 && p->root[len - 1] == '/')
        len--;
    while (len && p->root[len - 1] != '/')
        len--;
    czi_buf_put(&parent, p->root, len);
    czi_buf_put(&parent, ".", 2);
    if (parent.failed) {
        errno = ENOMEM;
        return -1;
    }
    return sync_fd(open((const char *)parent.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int posix_make_dir(struct czi_fs *fs, const char *path, cz_error *err)
{
    struct posix_fs *p = posix_of(fs);
    int rc;

    if (!path[0])
        rc = make_root(p);
    else
        rc = root_fd(p) < 0 ? -1 : mkdirat(root_fd(p), path, 0777);
    return rc < 0 ? posix_fail(fs, "make directory", path, errno, err) : CZ_OK;
}

static int posix_sync_dir(struct czi_fs *fs, const char *path, cz_error *err)
{
    if (sync_fd(open_below(fs, path, O_RDONLY | O_DIRECTORY)) < 0)
        return posix_fail(fs, "sync directory", path, errno, err);
    return CZ_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Offsets first and pointers after, because the bytes move while they grow. */
static int read_names(DIR *dir, struct czi_buf *bytes, struct czi_buf *starts)
{
    const struct dirent *e;

    for (errno = 0; (e = readdir(dir)); errno = 0) {
        size_t at = bytes->len;

        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        czi_buf_put(bytes, e->d_name, strlen(e->d_name) + 1);
        czi_buf_put(starts, &at, sizeof at);
    }
    return errno;
}

static int posix_list(struct czi_fs *fs, const char *path, int (*fn)(void *arg, const char *),
                      void *arg, cz_error *err)
{
    CZI_AUTOBUF bytes = {0}, starts = {0};
    CZI_AUTOFREE const char **names = NULL;
    int fd = open_below(fs, path, O_RDONLY | O_DIRECTORY), error;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    size_t count;

    if (!dir) {
        error = errno;
        if (fd >= 0)
            close(fd);
        return posix_fail(fs, "list", path, error, err);
    }
    error = read_names(dir, &bytes, &starts);
    closedir(dir);
    if (error)
        return posix_fail(fs, "list", path, error, err);
    count = starts.len / sizeof(size_t);
    names = czi_alloc((count + 1) * sizeof *names);
    if (bytes.failed || starts.failed || !names)
        return czi_nomem(err, "a directory listing");
    for (size_t i = 0, at; i < count; i++) {
        memcpy(&at, starts.data + i * sizeof at, sizeof at);
        names[i] = (const char *)bytes.data + at;
    }
    qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        int rc = fn(arg, names[i]);

        if (rc)
            return rc;
    }
    return CZ_OK;
}

static void posix_free(struct czi_fs *fs)
{
    if (!fs)
        return;
    if (posix_of(fs)->dir >= 0)
        close(posix_of(fs)->dir);
    czi_free(fs);
}

static const struct czi_fs_ops posix_ops = {
    .open = posix_open,
    .read = posix_read,
    .write = posix_write,
    .truncate = posix_truncate,
    .size = posix_size,
    .sync = posix_sync,
    .lock = posix_lock,
    .close = posix_close,
    .rename = posix_rename,
    .remove = posix_remove,
    .make_dir = posix_make_dir,
    .sync_dir = posix_sync_dir,
    .list = posix_list,
    .free = posix_free,
};

int czi_fs_posix(const char *dir, struct czi_fs **ret, cz_error *err)
{
    size_t len = strlen(dir);
    struct posix_fs *p;

    if (!len)
        return czi_fail(err, CZ_INVALID, "the path of a store may not be empty");
    p = czi_alloc(sizeof *p + len + 1);
    if (!p)
        return czi_nomem(err, "a file system");
    memcpy(p->root, dir, len + 1);
    p->base = (struct czi_fs){.ops = &posix_ops, .root = p->root};
    atomic_init(&p->dir, -1);
    *ret = &p->base;
    return CZ_OK;
}

/* ---- Local sockets ---------------------------------------------------------------------- */

/* Clients that may wait to be accepted. */
#define LISTEN_BACKLOG 16
/* How soon a listener tries again when a process has no more descriptors or memory. */
#define ACCEPT_AGAIN_MS 100

struct czi_listener {
    int fd, dir;
    int stop; /* an eventfd: readable for good once the listener was stopped */
    bool bound;
    char name[];
};

struct czi_stream {
    int fd;
    int stop; /* the listener's; -1 on the side that dialled */
};

static int socket_fail(const char *what, const char *dir, const char *name, int error,
                       cz_error *err)
{
    int code = error == ENOENT || error == ECONNREFUSED ? CZ_NOT_FOUND
               : error == EEXIST                        ? CZ_CONFLICT
               : error == EAGAIN                        ? CZ_TIMEOUT
               : error == ENOMEM                        ? CZ_NOMEM
                                                        : CZ_IO;
    char text[128];

    return czi_fail(err, code, "cannot %s %s/%s: %s", what, dir, name,
                    strerror_r(error, text, sizeof text));
}

static int open_path(const char *dir)
{
    int fd;

    do
        fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* An address has 108 bytes and a path may have 4,096: a long one goes by the open directory. */
static struct sockaddr_un socket_address(const char *dir, int fd, const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t size = sizeof a.sun_path;
    int n = snprintf(a.sun_path, size, "%s/%s", dir, name);

    if (n < 0 || (size_t)n >= size)
        n = snprintf(a.sun_path, size, "/proc/self/fd/%d/%s", fd, name);
    CZI_CHECK(n > 0 && (size_t)n < size);
    return a;
}

/* CZ_OK: fd is ready, or has an error that the next call tells. */
static int wait_ready(int fd, short events, int stop, uint64_t deadline)
{
    struct pollfd p[2] = {{.fd = fd, .events = events}, {.fd = stop, .events = POLLIN}};

    for (;;) {
        uint64_t now = czi_clock_ns();
        int n;

        if (now >= deadline)
            return CZ_TIMEOUT;
        n = poll(p, 2,
                 deadline == UINT64_MAX
                     ? -1
                     : (int)CZI_MIN((deadline - now + 999999) / 1000000, 1000000u));
        if (n > 0)
            return p[1].revents ? CZ_CLOSED : CZ_OK;
        if (n < 0 && errno != EINTR && errno != ENOMEM)
            return CZ_IO;
    }
}

static uint64_t deadline_after(uint64_t timeout_ms)
{
    return czi_clock_ns() + CZI_MIN(timeout_ms, UINT64_MAX / 4000000) * 1000000;
}

/* Removes what a dead process left; EEXIST for anything but a socket. */
static int remove_stale(const struct czi_listener *l)
{
    struct stat st;

    if (fstatat(l->dir, l->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : errno;
    if (!S_ISSOCK(st.st_mode))
        return EEXIST;
    return unlinkat(l->dir, l->name, 0) < 0 ? errno : 0;
}

/* 0 or an errno. The mode is set between bind and listen: nobody can connect before. */
static int open_listener(struct czi_listener *l, const char *dir)
{
    struct sockaddr_un a;
    int error;

    l->dir = open_path(dir);
    if (l->dir < 0)
        return errno;
    l->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->stop < 0)
        return errno;
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return errno;
    error = remove_stale(l);
    if (error)
        return error;
    a = socket_address(dir, l->dir, l->name);
    if (bind(l->fd, (const struct sockaddr *)&a, sizeof a) < 0)
        return errno;
    l->bound = true;
    if (fchmodat(l->dir, l->name, 0600, 0) < 0 || listen(l->fd, LISTEN_BACKLOG) < 0)
        return errno;
    return 0;
}

int czi_listen(const char *dir, const char *name, struct czi_listener **ret, cz_error *err)
{
    size_t len = strlen(name);
    struct czi_listener *l = czi_alloc(sizeof *l + len + 1);
    int error;

    if (!l)
        return czi_nomem(err, "a socket");
    l->fd = l->dir = l->stop = -1;
    l->bound = false;
    memcpy(l->name, name, len + 1);
    error = open_listener(l, dir);
    if (error) {
        czi_listener_close(l);
        return socket_fail("listen at", dir, name, error, err);
    }
    *ret = l;
    return CZ_OK;
}

struct czi_stream *czi_accept(struct czi_listener *l)
{
    while (wait_ready(l->fd, POLLIN, l->stop, UINT64_MAX) == CZ_OK) {
        struct czi_stream *s = czi_alloc(sizeof *s);
        int fd = s ? accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;
        int error = s ? errno : ENOMEM;

        if (fd >= 0) {
            *s = (struct czi_stream){fd, l->stop};
            return s;
        }
        czi_free(s);
        /* Who waits keeps the listener readable: without a pause this would spin. */
        if (error != EINTR && error != EAGAIN && error != ECONNABORTED)
            (void)wait_ready(-1, 0, l->stop, deadline_after(ACCEPT_AGAIN_MS));
    }
    return NULL;
}

void czi_listener_stop(struct czi_listener *l)
{
    uint64_t one = 1;
    ssize_t n;

    do
        n = write(l->stop, &one, sizeof one);
    while (n < 0 && errno == EINTR);
    CZI_CHECK(n == sizeof one || errno == EAGAIN);
}

void czi_listener_close(struct czi_listener *l)
{
    if (!l)
        return;
    if (l->bound)
        (void)unlinkat(l->dir, l->name, 0);
    if (l->fd >= 0)
        close(l->fd);
    if (l->stop >= 0)
        close(l->stop);
    if (l->dir >= 0)
        close(l->dir);
    czi_free(l);
}

/* A socket that is connected and does not block, or -1. While it connects it blocks, because
 * only that waits for room in a full queue of clients. */
static int connect_to(const struct sockaddr_un *a, uint64_t timeout_ms)
{
    uint64_t ms = CZI_MAX(CZI_MIN(timeout_ms, 1000000000u), 1u);
    struct timeval wait = {.tv_sec = (time_t)(ms / 1000),
                           .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc, error;

    if (fd < 0)
        return -1;
    rc = setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    if (!rc)
        do
            rc = connect(fd, (const struct sockaddr *)a, sizeof *a);
        while (rc < 0 && errno == EINTR);
    if (!rc)
        rc = fcntl(fd, F_SETFL, O_NONBLOCK);
    if (!rc)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

int czi_dial(const char *dir, const char *name, uint64_t timeout_ms, struct czi_stream **ret,
             cz_error *err)
{
    struct czi_stream *s = czi_alloc(sizeof *s);
    int fd, error;

    if (!s)
        return czi_nomem(err, "a connection");
    *s = (struct czi_stream){-1, -1};
    fd = open_path(dir);
    if (fd >= 0) {
        struct sockaddr_un a = socket_address(dir, fd, name);

        s->fd = connect_to(&a, timeout_ms);
    }
    error = errno;
    if (fd >= 0)
        close(fd);
    if (s->fd < 0) {
        czi_free(s);
        return socket_fail("connect to", dir, name, error, err);
    }
    *ret = s;
    return CZ_OK;
}

/* What a stream's wait or transfer ended with. */
static int stream_fail(int rc, int error, cz_error *err)
{
    char text[128];

    if (rc == CZ_CLOSED)
        return czi_fail(err, rc, "this side stops listening");
    if (rc == CZ_TIMEOUT)
        return czi_fail(err, rc, "the other side is too slow");
    if (!error)
        return czi_fail(err, CZ_IO, "the other side ended the connection");
    return czi_fail(err, CZ_IO, "the connection broke: %s",
                    strerror_r(error, text, sizeof text));
}

/* Both parts, in one call if the socket has room: a short message arrives whole. */
static int send_all(struct czi_stream *s, struct iovec part[2], uint64_t deadline,
                    cz_error *err)
{
    const struct msghdr message = {.msg_iov = part, .msg_iovlen = 2};

    while (part[0].iov_len + part[1].iov_len) {
        ssize_t n = sendmsg(s->fd, &message, MSG_NOSIGNAL);
        bool failed = n < 0;
        int rc = CZ_IO;

        for (int i = 0; i < 2 && n > 0; i++) {
            size_t sent = CZI_MIN((size_t)n, part[i].iov_len);

            part[i].iov_base = (uint8_t *)part[i].iov_base + sent;
            part[i].iov_len -= sent;
            n -= (ssize_t)sent;
        }
        if (!failed || errno == EINTR)
            continue;
        if (errno == EAGAIN)
            rc = wait_ready(s->fd, POLLOUT, s->stop, deadline);
        if (rc)
            return stream_fail(rc, errno, err);
    }
    return CZ_OK;
}

static int receive_all(struct czi_stream *s, void *data, size_t len, uint64_t deadline,
                       cz_error *err)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = recv(s->fd, (uint8_t *)data + done, len - done, 0);
        int rc = CZ_IO;

        if (n > 0) {
            done += (size_t)n;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            rc = wait_ready(s->fd, POLLIN, s->stop, deadline);
        if (rc)
            return stream_fail(rc, n ? errno : 0, err);
    }
    return CZ_OK;
}

int czi_stream_send(struct czi_stream *s, const void *data, size_t len, uint64_t timeout_ms,
                    cz_error *err)
{
    uint8_t head[4];
    /* What is sent is only read. */
    struct iovec part[2] = {{head, sizeof head}, {(void *)(uintptr_t)data, len}};

    CZI_CHECK(len <= UINT32_MAX);
    czi_put_u32le(head, (uint32_t)len);
    return send_all(s, part, deadline_after(timeout_ms), err);
}

int czi_stream_receive(struct czi_stream *s, size_t size_max, uint64_t timeout_ms,
                       struct czi_buf *buf, cz_error *err)
{
    uint64_t deadline = deadline_after(timeout_ms);
    uint8_t head[4];
    uint32_t len;
    int rc = receive_all(s, head, sizeof head, deadline, err);

    if (rc)
        return rc;
    len = czi_get_u32le(head);
    if (len > size_max)
        return czi_fail(err, CZ_LIMIT, "a message of %u bytes; at most %zu are taken", len,
                        size_max);
    buf->len = 0;
    if (!czi_buf_reserve(buf, len))
        return czi_nomem(err, "a message");
    rc = receive_all(s, buf->data, len, deadline, err);
    if (!rc)
        buf->len = len;
    return rc;
}

void czi_stream_close(struct czi_stream *s)
{
    if (!s)
        return;
    close(s->fd);
    czi_free(s);
}

/* ---- Threads ---------------------------------------------------------------------------- */

struct czi_thread {
    pthread_t id;
    void (*fn)(void *arg);
    void *arg;
    char name[16]; /* the kernel's limit */
};

struct czi_mutex {
    pthread_mutex_t m;
};

struct czi_cond {
    pthread_cond_t c;
};

static void *thread_main(void *arg)
{
    struct czi_thread *t = arg;

    pthread_setname_np(pthread_self(), t->name);
    t->fn(t->arg);
    return NULL;
}

/* Signals belong to the application's own threads, so ours start with all of them blocked. */
int czi_thread_start(struct czi_thread **ret, void (*fn)(void *arg), void *arg,
                     const char *name, cz_error *err)
{
    struct czi_thread *t = czi_alloc_zero(1, sizeof *t);
    sigset_t all, before;
    char text[128];
    int error;

    if (!t)
        return czi_nomem(err, "a thread");
    t->fn = fn;
    t->arg = arg;
    snprintf(t->name, sizeof t->name, "%s", name);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    error = pthread_create(&t->id, NULL, thread_main, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        czi_free(t);
        return czi_fail(err, CZ_IO, "cannot start thread %s: %s", name,
                        strerror_r(error, text, sizeof text));
    }
    *ret = t;
    return CZ_OK;
}

void czi_thread_join(struct czi_thread *t)
{
    if (!t)
        return;
    CZI_CHECK(pthread_join(t->id, NULL) == 0);
    czi_free(t);
}

struct czi_mutex *czi_mutex_new(void)
{
    struct czi_mutex *m = czi_alloc(sizeof *m);

    if (m)
        CZI_CHECK(pthread_mutex_init(&m->m, NULL) == 0);
    return m;
}

void czi_mutex_free(struct czi_mutex *m)
{
    if (!m)
        return;
    CZI_CHECK(pthread_mutex_destroy(&m->m) == 0);
    czi_free(m);
}

void czi_mutex_lock(struct czi_mutex *m)
{
    CZI_CHECK(pthread_mutex_lock(&m->m) == 0);
}

void czi_mutex_unlock(struct czi_mutex *m)
{
    CZI_CHECK(pthread_mutex_unlock(&m->m) == 0);
}

bool czi_word_wait(const _Atomic uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
    struct timespec ts = {.tv_sec = (time_t)(timeout_ns / 1000000000),
                          .tv_nsec = (long)(timeout_ns % 1000000000)};

    return syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value,
                   timeout_ns == UINT64_MAX ? NULL : &ts, NULL, 0) == 0 ||
           errno != ETIMEDOUT;
}

void czi_word_wake(const _Atomic uint32_t *word, uint32_t count)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

static pthread_once_t barrier_once = PTHREAD_ONCE_INIT;
static bool has_barrier;

static void prepare_barrier(void)
{
    has_barrier = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void czi_barrier_all_prepare(void)
{
    CZI_CHECK(pthread_once(&barrier_once, prepare_barrier) == 0);
}

void czi_barrier_all(void)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (has_barrier)
        (void)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

static pthread_mutex_t process_mutex = PTHREAD_MUTEX_INITIALIZER;

void czi_process_lock(void)
{
    CZI_CHECK(pthread_mutex_lock(&process_mutex) == 0);
}

void czi_process_unlock(void)
{
    CZI_CHECK(pthread_mutex_unlock(&process_mutex) == 0);
}

static pthread_once_t exit_key_once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key;
static bool exit_key_made;

/* A thread that ends calls this with the function that it was told. */
static void at_thread_exit(void *fn)
{
    ((void (*)(void))(uintptr_t)fn)();
}

static void make_exit_key(void)
{
    exit_key_made = pthread_key_create(&exit_key, at_thread_exit) == 0;
}

bool czi_at_thread_exit(void (*fn)(void))
{
    CZI_CHECK(pthread_once(&exit_key_once, make_exit_key) == 0);
    return exit_key_made && pthread_setspecific(exit_key, (void *)(uintptr_t)fn) == 0;
}

struct czi_cond *czi_cond_new(void)
{
    struct czi_cond *c = czi_alloc(sizeof *c);
    pthread_condattr_t attr;

    if (!c)
        return NULL;
    CZI_CHECK(pthread_condattr_init(&attr) == 0);
    CZI_CHECK(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    CZI_CHECK(pthread_cond_init(&c->c, &attr) == 0);
    pthread_condattr_destroy(&attr);
    return c;
}

void czi_cond_free(struct czi_cond *c)
{
    if (!c)
        return;
    CZI_CHECK(pthread_cond_destroy(&c->c) == 0);
    czi_free(c);
}

/* A thread that is cancelled (pthread_cancel) while it waits inside of the library would leave
 * locks behind; it is cancelled afterwards. */
void czi_cond_wait(struct czi_cond *c, struct czi_mutex *m)
{
    int state;

    CZI_CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state) == 0);
    CZI_CHECK(pthread_cond_wait(&c->c, &m->m) == 0);
    CZI_CHECK(pthread_setcancelstate(state, NULL) == 0);
}

bool czi_cond_wait_ms(struct czi_cond *c, struct czi_mutex *m, uint64_t timeout_ms)
{
    uint64_t now = czi_clock_ns(),
             at = now + CZI_MIN(timeout_ms, UINT64_MAX / 4000000) * 1000000;
    struct timespec ts = {.tv_sec = (time_t)(at / 1000000000),
                          .tv_nsec = (long)(at % 1000000000)};
    int error, state;

    CZI_CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state) == 0);
    error = pthread_cond_timedwait(&c->c, &m->m, &ts);
    CZI_CHECK(pthread_setcancelstate(state, NULL) == 0);
    CZI_CHECK(error == 0 || error == ETIMEDOUT);
    return error == 0;
}

void czi_cond_signal(struct czi_cond *c)
{
    CZI_CHECK(pthread_cond_signal(&c->c) == 0);
}

void czi_cond_broadcast(struct czi_cond *c)
{
    CZI_CHECK(pthread_cond_broadcast(&c->c) == 0);
}

/* Of those that are online, the ones that this process may use. */
unsigned czi_cpu_count(void)
{
    cpu_set_t set;
    long online;

    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
    online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}

uint64_t czi_clock_ns(void)
{
    struct timespec ts;

    CZI_CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- Memory ----------------------------------------------------------------------------- */

#define HUGE_PAGE (2u << 20)

/* Given back and kept: the pages themselves hold the list. */
struct kept {
    struct kept *next;
    size_t size;
};
static struct kept *kept;
static bool keeping;
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;

void czi_memory_keep(void)
{
    keeping = true;
    (void)mallopt(M_MMAP_THRESHOLD, INT_MAX);
    (void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

static void *take_kept(size_t size)
{
    struct kept *found = NULL;

    pthread_mutex_lock(&kept_lock);
    for (struct kept **at = &kept; *at; at = &(*at)->next)
        if ((*at)->size == size) {
            found = *at;
            *at = found->next;
            break;
        }
    pthread_mutex_unlock(&kept_lock);
    return found ? memset(found, 0, size) : NULL;
}

static void put_kept(void *pages, size_t size)
{
    struct kept *k = pages;

    pthread_mutex_lock(&kept_lock);
    *k = (struct kept){kept, size};
    kept = k;
    pthread_mutex_unlock(&kept_lock);
}

void *czi_pages_take(size_t size)
{
    size_t room = size + HUGE_PAGE;
    uint8_t *all, *pages;

    if (czi_alloc_must_fail() || room < size)
        return NULL;
    pages = keeping ? take_kept(size) : NULL;
    if (pages)
        return pages;
    all = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
        return NULL;
    /* Cut to where a huge page begins. */
    pages = all + (HUGE_PAGE - ((uintptr_t)all & (HUGE_PAGE - 1))) % HUGE_PAGE;
    if (pages > all)
        (void)munmap(all, (size_t)(pages - all));
    if (pages + size < all + room) {
        uint8_t *end = pages + ((size + 4095) & ~(size_t)4095);

        if (end < all + room)
            (void)munmap(end, (size_t)(all + room - end));
    }
    (void)madvise(pages, size, MADV_HUGEPAGE);
    return pages;
}

void czi_pages_give(void *pages, size_t size)
{
    if (pages && keeping)
        put_kept(pages, size);
    else if (pages)
        (void)munmap(pages, (size + 4095) & ~(size_t)4095);
}

/* ---- Stacks ----------------------------------------------------------------------------- */

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13: a guard in the page table, no map of its own */
#endif

static atomic_size_t guards;                  /* in this process, of each kind */
static atomic_size_t guards_limit = SIZE_MAX; /* of a test */
static size_t guards_by_maps;
static pthread_once_t guards_once = PTHREAD_ONCE_INIT;

/* Half of the maps, two a guard: the page, and what it cuts off. */
static void count_maps(void)
{
    unsigned long maps = 0;
    FILE *f = fopen("/proc/sys/vm/max_map_count", "re");

    if (!f || fscanf(f, "%lu", &maps) != 1)
        maps = 65530;
    if (f)
        (void)fclose(f);
    guards_by_maps = maps / 4;
}

void *czi_stacks_take(size_t size)
{
    void *stacks;

    if (czi_alloc_must_fail())
        return NULL;
    stacks = mmap(NULL, size, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (stacks == MAP_FAILED)
        return NULL;
    (void)madvise(stacks, size, MADV_NOHUGEPAGE);
    return stacks;
}

void czi_stacks_give(void *stacks, size_t size, size_t guard_count)
{
    if (!stacks)
        return;
    (void)munmap(stacks, size);
    atomic_fetch_sub(&guards, guard_count);
}

bool czi_stack_guard(void *page)
{
    size_t limit = atomic_load(&guards_limit), count = atomic_fetch_add(&guards, 1);

    if (limit == SIZE_MAX) {
        if (madvise(page, CZI_STACK_PAGE, MADV_GUARD_INSTALL) == 0)
            return true;
        pthread_once(&guards_once, count_maps);
        limit = guards_by_maps;
    }
    if (count < limit && mprotect(page, CZI_STACK_PAGE, PROT_NONE) == 0)
        return true;
    atomic_fetch_sub(&guards, 1);
    return false;
}

void czi_stack_guards_limit(size_t max)
{
    atomic_store(&guards_limit, max);
}
