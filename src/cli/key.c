/* key.c - `causality key`: seeds of Ed25519 keys, with which observers sign. */
#include "cli/cli.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

static void print_key(const struct czi_cli *cli, const char *path, const uint8_t seed[32])
{
    uint8_t key[32];
    char text[65];

    cz_public_key(seed, key);
    czi_hex(text, key, sizeof key);
    if (cli->json)
        czi_json_line("file", path, "public", text);
    else
        printf("%s\n", text);
}

/* Never over a file that is there: a key that is lost cannot be made again. */
static int write_seed(const char *path, const uint8_t seed[32], cz_error *err)
{
    char line[66];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok;

    if (fd < 0)
        return czi_fail(err, errno == EEXIST ? CZ_CONFLICT : CZ_IO, "%s: %s", path,
                        strerror(errno));
    czi_hex(line, seed, 32);
    line[64] = '\n';
    ok = write(fd, line, 65) == 65 && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    return ok ? CZ_OK : czi_fail(err, CZ_IO, "%s: %s", path, strerror(errno));
}

static int key_new(struct czi_cli *cli, int argc, char **argv)
{
    uint8_t seed[32];
    int rc;

    (void)argc;
    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        rc =
            czi_fail(&cli->err, CZ_IO, "the system gives no random bytes: %s", strerror(errno));
    else
        rc = write_seed(argv[0], seed, &cli->err);
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    print_key(cli, argv[0], seed);
    return CZI_EXIT_OK;
}

static int key_show(struct czi_cli *cli, int argc, char **argv)
{
    const uint8_t *seed;
    uint8_t room[32];
    int rc = czi_cli_seed(argv[0], room, &seed, &cli->err);

    (void)argc;
    if (rc)
        return czi_cli_fail(rc, &cli->err);
    print_key(cli, argv[0], seed);
    return CZI_EXIT_OK;
}

int czi_cli_key(struct czi_cli *cli, int argc, char **argv)
{
    static const struct czi_action actions[] = {
        {"new", "FILE", 1, 1, NULL, key_new},
        {"show", "FILE", 1, 1, NULL, key_show},
        {0},
    };

    return czi_cli_act(cli, actions, argc, argv);
}
