/* test_local_socket.c - the contract of local sockets in platform.h. */
#include "fs_fixture.h"
#include "platform/platform.h"
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NAME "door"
#define SOON_MS 10u
#define LONG_MS 60000u

static char dir[4096];

static int set_up(void **state)
{
    (void)state;
    fixture_temp_dir(dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_remove_tree(dir);
    return 0;
}

static struct czi_listener *listen_in(const char *where)
{
    struct czi_listener *l = NULL;
    cz_error err = {0};

    assert_ok(czi_listen(where, NAME, &l, &err), err);
    return l;
}

static struct czi_stream *dial(const char *where)
{
    struct czi_stream *s = NULL;
    cz_error err = {0};

    assert_ok(czi_dial(where, NAME, LONG_MS, &s, &err), err);
    return s;
}

static int path_of(char *out, size_t size, const char *name)
{
    int n = snprintf(out, size, "%s/%s", dir, name);

    assert_true(n > 0 && (size_t)n < size);
    return n;
}

/* Both ends of one connection; the socket queues it, so one thread can play both sides. */
static void connect_both(struct czi_listener *l, struct czi_stream **client,
                         struct czi_stream **server)
{
    *client = dial(dir);
    *server = czi_accept(l);
    assert_non_null(*server);
}

/* ---- Messages --------------------------------------------------------------------------- */

static void messages_arrive_whole_and_in_order(void **state)
{
    static const size_t sizes[] = {0, 1, 5, 4096, 100000};
    struct czi_listener *l = listen_in(dir);
    struct czi_stream *client, *server;
    CZI_AUTOBUF got = {0};
    static uint8_t data[100000];
    cz_error err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    connect_both(l, &client, &server);
    for (size_t i = 0; i < CZI_COUNTOF(sizes); i++) {
        assert_ok(czi_stream_send(client, data, sizes[i], LONG_MS, &err), err);
        assert_ok(czi_stream_receive(server, sizeof data, LONG_MS, &got, &err), err);
        assert_int_equal(got.len, sizes[i]);
        assert_true(!sizes[i] || memcmp(got.data, data, sizes[i]) == 0);
    }
    assert_ok(czi_stream_send(server, "back", 4, LONG_MS, &err), err);
    assert_ok(czi_stream_receive(client, 4, LONG_MS, &got, &err), err);
    assert_memory_equal(got.data, "back", 4);
    czi_stream_close(client);
    czi_stream_close(server);
    czi_listener_close(l);
}

static void a_message_beyond_the_bound_is_refused_by_its_length(void **state)
{
    struct czi_listener *l = listen_in(dir);
    struct czi_stream *client, *server;
    CZI_AUTOBUF got = {0};
    cz_error err = {0};

    (void)state;
    connect_both(l, &client, &server);
    assert_ok(czi_stream_send(client, "12345", 5, LONG_MS, &err), err);
    assert_int_equal(czi_stream_receive(server, 4, LONG_MS, &got, &err), CZ_LIMIT);
    czi_stream_close(client);
    czi_stream_close(server);
    czi_listener_close(l);
}

static void a_silent_or_full_peer_costs_its_time_and_no_more(void **state)
{
    static uint8_t data[8u << 20]; /* more than a socket's buffer */
    struct czi_listener *l = listen_in(dir);
    struct czi_stream *client, *server;
    CZI_AUTOBUF got = {0};
    cz_error err = {0};
    uint64_t start = czi_clock_ns();

    (void)state;
    connect_both(l, &client, &server);
    assert_int_equal(czi_stream_receive(server, 9, SOON_MS, &got, &err), CZ_TIMEOUT);
    assert_true(czi_clock_ns() - start >= SOON_MS * 1000000u);
    assert_int_equal(czi_stream_send(server, data, sizeof data, SOON_MS, &err), CZ_TIMEOUT);
    /* Part of a message is no message. */
    assert_int_equal(czi_stream_receive(client, sizeof data, SOON_MS, &got, &err), CZ_TIMEOUT);
    czi_stream_close(client);
    czi_stream_close(server);
    czi_listener_close(l);
}

static void a_peer_that_ended_is_an_error_and_no_signal(void **state)
{
    static uint8_t data[1u << 20];
    struct czi_listener *l = listen_in(dir);
    struct czi_stream *client, *server;
    CZI_AUTOBUF got = {0};
    cz_error err = {0};

    (void)state;
    connect_both(l, &client, &server);
    czi_stream_close(client);
    assert_int_equal(czi_stream_receive(server, 9, LONG_MS, &got, &err), CZ_IO);
    assert_non_null(strstr(err.detail, "ended the connection"));
    assert_int_equal(czi_stream_send(server, data, sizeof data, LONG_MS, &err), CZ_IO);
    czi_stream_close(server);
    czi_stream_close(NULL);
    czi_listener_close(l);
}

/* ---- Stopping --------------------------------------------------------------------------- */

static void wait_for_clients(void *arg)
{
    assert_null(czi_accept(arg));
}

static void wait_for_a_message(void *arg)
{
    CZI_AUTOBUF got = {0};

    assert_int_equal(czi_stream_receive(arg, 9, LONG_MS, &got, NULL), CZ_CLOSED);
}

static void stopping_ends_accepting_and_every_message(void **state)
{
    struct czi_listener *l = listen_in(dir);
    struct czi_stream *client, *server;
    struct czi_thread *t[2];
    cz_error err = {0};

    (void)state;
    connect_both(l, &client, &server);
    assert_ok(czi_thread_start(&t[0], wait_for_clients, l, "accepts", &err), err);
    assert_ok(czi_thread_start(&t[1], wait_for_a_message, server, "receives", &err), err);
    czi_listener_stop(l);
    czi_listener_stop(l);
    czi_thread_join(t[0]);
    czi_thread_join(t[1]);
    assert_null(czi_accept(l));
    czi_stream_close(client);
    czi_stream_close(server);
    czi_listener_close(l);
    czi_listener_close(NULL);
}

/* ---- The file --------------------------------------------------------------------------- */

static void the_file_is_the_users_alone_and_goes_with_the_listener(void **state)
{
    struct czi_listener *l = listen_in(dir);
    char path[4200];
    struct stat st;

    (void)state;
    path_of(path, sizeof path, NAME);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
    czi_listener_close(l);
    assert_int_equal(stat(path, &st), -1);
}

static void what_a_dead_process_left_is_replaced(void **state)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct czi_stream *s = NULL;
    struct czi_listener *l;
    cz_error err = {0};

    (void)state;
    path_of(a.sun_path, sizeof a.sun_path, NAME);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd); /* the file stays, as after a kill */
    assert_int_equal(czi_dial(dir, NAME, LONG_MS, &s, &err), CZ_NOT_FOUND);
    l = listen_in(dir);
    czi_stream_close(dial(dir));
    czi_listener_close(l);
}

static void another_kind_of_file_is_left_alone(void **state)
{
    struct czi_listener *l = NULL;
    char path[4200];
    cz_error err = {0};

    (void)state;
    path_of(path, sizeof path, NAME);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    assert_int_equal(czi_listen(dir, NAME, &l, &err), CZ_CONFLICT);
    assert_non_null(strstr(err.detail, path));
    assert_int_equal(access(path, F_OK), 0);
}

static void nobody_listens(void **state)
{
    struct czi_listener *l = NULL;
    struct czi_stream *s = NULL;
    char path[4200];
    cz_error err = {0};

    (void)state;
    assert_int_equal(czi_dial(dir, NAME, LONG_MS, &s, &err), CZ_NOT_FOUND);
    path_of(path, sizeof path, "no-such-folder");
    assert_int_equal(czi_dial(path, NAME, LONG_MS, &s, &err), CZ_NOT_FOUND);
    assert_int_equal(czi_listen(path, NAME, &l, &err), CZ_NOT_FOUND);
    assert_non_null(strstr(err.detail, path));
}

/* An address of a socket has 108 bytes. */
static void a_path_may_be_long(void **state)
{
    char path[4096];
    struct czi_listener *l;
    size_t len;

    (void)state;
    len = (size_t)path_of(path, sizeof path, "");
    while (len < 1000) {
        memset(path + len, 'x', 100);
        memcpy(path + len + 100, "/", 2);
        len += 101;
        assert_int_equal(mkdir(path, 0777), 0);
    }
    l = listen_in(path);
    czi_stream_close(dial(path));
    czi_listener_close(l);
}

/* ---- Want of things --------------------------------------------------------------------- */

static void a_full_queue_of_clients_is_a_timeout(void **state)
{
    enum { MANY = 64 };
    struct czi_listener *l = listen_in(dir);
    struct czi_stream *s[MANY] = {0};
    cz_error err = {0};
    unsigned n = 0;
    int rc = CZ_OK;

    (void)state;
    while (n < MANY && !rc) {
        rc = czi_dial(dir, NAME, SOON_MS, &s[n], &err);
        n += !rc;
    }
    assert_int_equal(rc, CZ_TIMEOUT);
    assert_true(n >= 16);
    while (n)
        czi_stream_close(s[--n]);
    czi_listener_close(l);
}

static void accepting_goes_on_after_want_of_memory(void **state)
{
    struct czi_listener *l = listen_in(dir);
    struct czi_stream *client = dial(dir), *server;

    (void)state;
    czi_alloc_fail_after(0);
    server = czi_accept(l);
    assert_true(czi_alloc_failed());
    assert_non_null(server);
    czi_stream_close(client);
    czi_stream_close(server);
    czi_listener_close(l);
}

static unsigned open_descriptors(bool *all_closed_by_exec)
{
    DIR *d = opendir("/proc/self/fd");
    struct dirent *e;
    unsigned n = 0;

    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        int fd = atoi(e->d_name);

        if (e->d_name[0] == '.')
            continue;
        n++;
        if (fd > STDERR_FILENO && !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
            *all_closed_by_exec = false;
    }
    closedir(d);
    return n;
}

static void no_descriptor_leaks_or_survives_an_exec(void **state)
{
    bool before = true, during = true;
    unsigned count = open_descriptors(&before);
    struct czi_listener *l = listen_in(dir);
    struct czi_stream *client, *server;

    (void)state;
    connect_both(l, &client, &server);
    assert_int_equal(open_descriptors(&during), count + 5);
    assert_true(during || !before);
    czi_stream_close(client);
    czi_stream_close(server);
    czi_listener_close(l);
    assert_int_equal(open_descriptors(&during), count);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_arrive_whole_and_in_order),
        TEST(a_message_beyond_the_bound_is_refused_by_its_length),
        TEST(a_silent_or_full_peer_costs_its_time_and_no_more),
        TEST(a_peer_that_ended_is_an_error_and_no_signal),
        TEST(stopping_ends_accepting_and_every_message),
        TEST(the_file_is_the_users_alone_and_goes_with_the_listener),
        TEST(what_a_dead_process_left_is_replaced),
        TEST(another_kind_of_file_is_left_alone),
        TEST(nobody_listens),
        TEST(a_path_may_be_long),
        TEST(a_full_queue_of_clients_is_a_timeout),
        TEST(accepting_goes_on_after_want_of_memory),
        TEST(no_descriptor_leaks_or_survives_an_exec),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
