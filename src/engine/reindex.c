/* reindex.c - dropping the derived index of a store.
 *
 * Layer: engine. Thread: any; the writer's lock keeps others out meanwhile.
 */
#include "ledger/ledger.h"

int cz_reindex(const char *dir, cz_error *err)
{
    struct czi_fs *fs;
    int rc = czi_fs_posix(dir, &fs, err);

    if (rc)
        return rc;
    rc = czi_ledger_drop_index(fs, err);
    fs->ops->free(fs);
    return rc;
}
