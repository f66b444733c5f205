/* consumer.c - the least program of a user of the installed library; see install.py. */
#include <causality/causality.h>
#include <causality/sim.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    cz_sim_chain *chain;
    char expected[32];
    cz_error err;

    memset(&err, 0, sizeof err);
    snprintf(expected, sizeof expected, "%d.%d.%d", CZ_VERSION_MAJOR, CZ_VERSION_MINOR,
             CZ_VERSION_PATCH);
    if (strcmp(cz_version(), expected) != 0) {
        fprintf(stderr, "header %s, library %s\n", expected, cz_version());
        return 1;
    }
    if (cz_sim_new("moon", 1, &chain, &err) || cz_sim_mine(chain, 1, &err)) {
        fprintf(stderr, "%s\n", err.detail);
        return 1;
    }
    cz_sim_free(chain);
    printf("causality %s\n", cz_version());
    return 0;
}
