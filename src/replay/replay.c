/* replay.c - executing a store again from its journal alone (R16).
 *
 * Layer: replay. Threads: see journal.h. The state begins empty and every adapter is off: what
 * an effect reads is what the journal made before it, a cited fact is one that was recorded,
 * and every proof is checked again against the block that was, as is every signature.
 */
#include "base/error.h"
#include "replay/fact_audit.h"
#include "replay/journal.h"

static int replay_frame(void *arg, struct czi_journal *j, const struct czi_frame *frame,
                        struct czi_replayer *r, cz_error *err)
{
    struct czi_fact_audit *facts = arg;
    int rc = czi_replayer_run(r, &j->core, frame, err);

    return rc ? rc : czi_fact_audit_batch(facts, r->batch, err);
}

int czi_replay(struct czi_fs *fs, const cz_check_options *options, cz_journal_report *ret,
               cz_error *err)
{
    CZI_CLEANUP(czi_journal_close) struct czi_journal j;
    int rc = czi_journal_open(&j, fs, options, err);
    struct czi_fact_audit facts = {.core = &j.core, .threads = j.options.threads};

    czi_journal_verify(&j);
    if (!rc)
        rc = czi_journal_run(&j, replay_frame, &facts, err);
    czi_fact_audit_done(&facts);
    if (!rc)
        *ret = j.report;
    return rc;
}

int cz_replay(const char *dir, const cz_check_options *options, cz_journal_report *ret,
              cz_error *err)
{
    struct czi_fs *fs;
    int rc = czi_fs_posix(dir, &fs, err);

    if (rc)
        return rc;
    rc = czi_replay(fs, options, ret, err);
    fs->ops->free(fs);
    return rc;
}
