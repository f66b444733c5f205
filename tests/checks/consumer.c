/* consumer.c - the least program of a user of the installed library; see install.py. */
#include <causality/causality.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    char expected[32];

    snprintf(expected, sizeof expected, "%d.%d.%d", CZ_VERSION_MAJOR, CZ_VERSION_MINOR,
             CZ_VERSION_PATCH);
    if (strcmp(cz_version(), expected) != 0) {
        fprintf(stderr, "header %s, library %s\n", expected, cz_version());
        return 1;
    }
    printf("causality %s\n", cz_version());
    return 0;
}
