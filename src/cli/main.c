/* main.c - the entry of the command; everything else is in a library that tests link too. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return czi_cli_main(argc, argv);
}
