/* world.c - the power goes while three clerks write into one book. In a simulated world the
 * disk, the clock and who is next follow from a seed: the same seed, the same story.
 *
 *     build/examples/world DIR [SEED]
 *
 * Each clerk adds her letter ten times, and goes on where the book says after the power came
 * back. What somebody was told is in the book, whatever happens. DIR is made: `causality -C DIR
 * log book` shows the store that is left.
 */
#include <causality/causality.h>
#include <causality/sim.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLERKS = 3, LETTERS = 10, CRASHES = 4 };

static cz_engine *engine;
static char told[CLERKS * LETTERS + 1]; /* the book as it was when a commit was acknowledged */

static void check(int rc, const cz_error *err)
{
    if (rc) {
        (void)fprintf(stderr, "%s\n", err->detail);
        exit(1);
    }
}

/* With room for one more letter. */
static int look(const cz_guard *guard, char text[CLERKS * LETTERS + 2], cz_contents *ret,
                cz_error *err)
{
    int rc = cz_guard_contents(guard, ret, err);

    if (!rc)
        (void)snprintf(text, CLERKS * LETTERS + 2, "%.*s", (int)ret->data_len,
                       (const char *)ret->data);
    return rc;
}

static int write_letters(void *arg, cz_error *err)
{
    char letter = *(const char *)arg, text[CLERKS * LETTERS + 2];
    cz_id creator = cz_operator();
    cz_claim claim = {.mode = CZ_WRITE};
    int rc = cz_resource_id(&creator, "book", &claim.resource, err);

    while (!rc) {
        CZ_GUARD(guard);
        cz_contents book;
        unsigned count = 0;

        rc = cz_acquire(engine, &claim, CZ_FOREVER, &guard, err);
        if (!rc)
            rc = look(&guard, text, &book, err);
        for (const char *at = text; !rc && (at = strchr(at, letter)); at++)
            count++;
        if (rc || count == LETTERS)
            break;
        text[book.data_len] = letter;
        book.data = (const uint8_t *)text;
        book.data_len++;
        rc = cz_guard_update(&guard, &book, err);
        if (!rc)
            rc = cz_guard_commit(&guard, NULL, err);
        if (!rc)
            (void)snprintf(told, sizeof told, "%.*s", (int)book.data_len, text);
    }
    return rc;
}

/* The book on disk begins with what somebody was told. */
static void say(cz_sim_world *world, const cz_id *book)
{
    cz_error err = {.detail = "something that was told is lost"};
    cz_resource r;

    check(cz_resource_get(engine, book, &r, &err), &err);
    (void)printf("step %4llu  told %-30s  in the book %.*s\n",
                 (unsigned long long)cz_sim_steps(world), told, (int)r.data_len,
                 (const char *)r.data);
    check(r.data_len < strlen(told) || memcmp(r.data, told, strlen(told)) != 0, &err);
}

/* Until the power goes (false), or all is done. */
static bool live(cz_sim_world *world)
{
    static char letters[CLERKS + 1] = "abc";
    cz_scheduler *clerks;
    cz_error err = {0};

    check(cz_scheduler_new(engine, NULL, &clerks, &err), &err);
    for (int i = 0; i < CLERKS; i++) {
        cz_task_spec spec = {.fn = write_letters, .arg = &letters[i], .detached = true};

        check(cz_task_spawn(clerks, &spec, NULL, &err), &err);
    }
    do
        cz_sim_settle(world);
    while (cz_sim_advance(world, CZ_FOREVER));
    (void)cz_scheduler_close(clerks, &err);
    return !cz_sim_crashed(world);
}

int main(int argc, char **argv)
{
    cz_sim_options options = {.disorder = 300};
    cz_creation book = {.label = "book", .kind = CZ_DATA, .data = (const uint8_t *)""};
    cz_error err = {.detail = "usage: world DIR [SEED]"};
    cz_sim_world *world;
    cz_id id;

    check(argc != 2 && argc != 3, &err);
    options.seed = argc == 3 ? strtoull(argv[2], NULL, 10) : 3;
    check(cz_sim_world_new(&options, &world, &err), &err);
    check(cz_sim_open(world, &engine, &err), &err);
    book.creator = book.controller = cz_operator();
    check(cz_register(engine, &book, &id, &err), &err);
    for (unsigned crashes = 0;; crashes++) {
        if (crashes < CRASHES)
            cz_sim_crash_after(world, 20 + (options.seed + 5 * crashes) % 17);
        if (live(world))
            break;
        cz_sim_crash(world);
        check(cz_sim_open(world, &engine, &err), &err);
        say(world, &id);
    }
    say(world, &id);
    check(cz_close(engine, &err), &err);
    check(cz_sim_save(world, argv[1], &err), &err);
    cz_sim_world_free(world);
    return 0;
}
