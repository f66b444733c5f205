/* account.h - what the actions of `causality account` share.
 *
 * Layer: cli. Thread: main. Each action that changes something makes one effect. Its origin is
 * the hash of (account, "cli"), its nonce the next one of that origin in the store: so users
 * of different accounts use different origins, and the same command again is another effect.
 * With --id TEXT the origin is the hash of (that, TEXT) and the nonce is 1: the same command
 * with the same text is the same effect, done once however often it is run. It is proposed, so
 * that what is not allowed is refused with its reason and leaves no trace.
 */
#ifndef CZI_CLI_ACCOUNT_H
#define CZI_CLI_ACCOUNT_H

#include "cli/cli.h"

struct czi_account_run {
    struct czi_cli *cli;
    cz_effect *effect;
    cz_id account; /* whose origin is used; set by build */
    uint8_t seeds[CZ_OWNERS_MAX][32];
    unsigned seed_count;
    bool has_capability, withdraws; /* what else to tell of the result; set by build */
    cz_id capability;
    const char *destination;
};

/* Opens the store for writing, presents the capabilities of --use, lets `build` add to the
 * effect, signs and proposes it, and tells what became of it. Returns an exit code, build too:
 * CZI_EXIT_OK, or what it has said is wrong. */
CZI_MUST_USE int czi_account_propose(struct czi_cli *cli, char **argv,
                                     int (*build)(struct czi_account_run *r, char **argv));

/* The rest return exit codes. */
CZI_MUST_USE int czi_account_named(struct czi_cli *cli, const char *text, cz_id *ret);
CZI_MUST_USE int czi_account_quantity(const struct czi_cli *cli, const char *text,
                                      cz_quantity *ret);
/* What an option was given as a public key. */
CZI_MUST_USE int czi_account_key(const struct czi_cli *cli, const char *option,
                                 const char *text, uint8_t ret[32]);

int czi_account_grant_run(struct czi_cli *cli, int argc, char **argv);
int czi_account_revoke_run(struct czi_cli *cli, int argc, char **argv);
int czi_account_new_run(struct czi_cli *cli, int argc, char **argv);
int czi_account_policy_run(struct czi_cli *cli, int argc, char **argv);
int czi_account_show_run(struct czi_cli *cli, int argc, char **argv);
int czi_account_inbox_run(struct czi_cli *cli, int argc, char **argv);
int czi_account_outbox_run(struct czi_cli *cli, int argc, char **argv);

#endif
