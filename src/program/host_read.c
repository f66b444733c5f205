/* host_read.c - what a program is told in its turn: resources, times, its own name and key.
 *
 * Layer: program. Thread: the host's. What is read was executed, and may not be on disk yet;
 * but whatever is recorded of it comes behind that in the journal (R15).
 */
#include "base/error.h"
#include "codec/ed25519.h"
#include "program/host.h"

#include <stdio.h>

/* ---- Itself ---------------------------------------------------------------------------------
 */

cz_id cz_program_self(const cz_program *p)
{
    return p->id;
}

const char *cz_program_label(const cz_program *p)
{
    return p->label;
}

void cz_key_of_program(const uint8_t secret[32], const cz_id *id, uint8_t ret[32])
{
    uint8_t seed[32];

    czi_program_seed(secret, id, seed);
    czi_ed25519_public(seed, ret);
}

int cz_host_program_key(const cz_host *h, const cz_id *id, uint8_t ret[32], cz_error *err)
{
    if (!h->has_secret)
        return czi_fail(err, CZ_UNSUPPORTED,
                        "the host has no secret, so programs have no keys");
    cz_key_of_program(h->secret, id, ret);
    return CZ_OK;
}

int cz_program_key(const cz_program *p, uint8_t ret[32], cz_error *err)
{
    return cz_host_program_key(p->host, &p->id, ret, err);
}

void cz_program_return(cz_program *p, uint64_t value)
{
    p->value = value;
}

/* ---- Answers --------------------------------------------------------------------------------
 */

/* A text with its terminating zero, so that it can be handed out where it is. */
static void put_text(struct czi_buf *b, const char *text)
{
    if (text)
        czi_cbor_add_string(b, CZI_CBOR_BYTES, text, strlen(text) + 1);
    else
        czi_buf_put_byte(b, 0xf6);
}

static const char *take_text(struct czi_cbor *c)
{
    struct czi_slice s;

    if (czi_cbor_null(c))
        return NULL;
    s = czi_cbor_bytes(c);
    if (!s.len || s.data[s.len - 1])
        czi_cbor_fail(c, "a text is not ended");
    return (const char *)s.data;
}

int czi_program_question(cz_program *p, const struct czi_question *q, struct czi_buf *ret,
                         cz_error *err)
{
    CZI_AUTOBUF found = {0};
    struct czi_input in = {.kind = q->kind};
    cz_error own = {0};
    bool past = false;
    int rc = czi_program_may(p, err);

    if (rc)
        return rc;
    in.number = czi_program_asks(p, q->kind, q->what);
    rc = czi_input_past(p, q->kind, in.number, &in, &past, err);
    if (rc)
        return rc;
    if (!past) {
        in.code = q->look(p, q->arg, &found, &own);
        if (in.code) {
            found.len = 0;
            czi_buf_put(&found, own.detail, strlen(own.detail));
        }
        in.payload = czi_buf_slice(&found);
    }
    ret->len = 0;
    if (in.payload.len)
        czi_buf_put(ret, in.payload.data, in.payload.len);
    if (found.failed || ret->failed) {
        ret->failed = false;
        czi_instance_stop(p, CZ_NOMEM, "out of memory for what a task reads");
        return czi_program_may(p, err);
    }
    czi_input_note(p, &in);
    rc = czi_program_may(p, err);
    if (!rc && in.code)
        rc = czi_fail(err, in.code, "%.*s", (int)ret->len, (const char *)ret->data);
    return rc;
}

/* The same, to what the task has seen last. */
static int see(cz_program *p, const struct czi_question *q, struct czi_slice *ret,
               cz_error *err)
{
    struct czi_task_part *t = czi_task_part_here(p);
    int rc =
        t ? czi_program_question(p, q, &t->seen, err) : czi_nomem(err, "what a task reads");

    if (!rc)
        *ret = czi_buf_slice(&t->seen);
    return rc;
}

/* ---- Resources ------------------------------------------------------------------------------
 */

static void put_resource(struct czi_buf *b, const struct czi_core *core, uint32_t slot)
{
    const struct czi_resource *x = czi_resource_at(&core->resources, slot);
    const struct czi_resource_name *n = czi_resource_name(&core->resources, slot);
    bool has_data = czi_kind_has_data(x->kind);

    czi_cbor_add_head(b, CZI_CBOR_ARRAY, 11);
    czi_cbor_add_string(b, CZI_CBOR_BYTES, &n->creator, sizeof(cz_id));
    czi_cbor_add_string(b, CZI_CBOR_BYTES, &n->controller, sizeof(cz_id));
    put_text(b, n->label);
    put_text(b, has_data ? NULL : core->assets[x->asset].name);
    czi_cbor_add_head(b, CZI_CBOR_UINT, x->kind);
    czi_cbor_add_head(b, CZI_CBOR_UINT, x->state);
    czi_cbor_add_quantity(b, has_data ? 0 : x->quantity);
    if (has_data)
        czi_cbor_add_string(b, CZI_CBOR_BYTES, n->data, n->data_len);
    else
        czi_buf_put_byte(b, 0xf6);
    czi_cbor_add_head(b, CZI_CBOR_UINT, x->version);
    czi_cbor_add_head(b, CZI_CBOR_UINT, x->position);
    czi_cbor_add_head(b, CZI_CBOR_UINT, x->lamport);
}

static int look_resource(cz_program *p, const void *arg, struct czi_buf *payload, cz_error *err)
{
    cz_engine *g = p->host->engine;
    const struct czi_core *core = &g->step.core;
    char text[CZ_ID_TEXT_SIZE];
    uint32_t slot;
    bool there;

    czi_manager_lock(g);
    slot = czi_id_table_find(&core->resources.ids, arg);
    there = slot != CZI_ID_NONE && czi_resource_at(&core->resources, slot)->position;
    if (there)
        put_resource(payload, core, slot);
    czi_manager_unlock(g);
    if (there)
        return CZ_OK;
    cz_id_print(arg, text);
    return czi_fail(err, CZ_NOT_FOUND, "no resource %s", text);
}

int cz_program_read(cz_program *p, const cz_id *id, cz_resource *ret, cz_error *err)
{
    CZI_AUTOBUF what = {0};
    const struct czi_question q = {CZI_INPUT_READ, &what, look_resource, id};
    struct czi_slice found = {0}, data = {0};
    struct czi_cbor c;
    cz_resource r = {.id = *id};
    int rc;

    czi_cbor_add_string(&what, CZI_CBOR_BYTES, id, sizeof *id);
    rc = see(p, &q, &found, err);
    if (rc)
        return rc;
    c = czi_cbor(found.data, found.len);
    czi_cbor_array_of(&c, 11);
    r.creator = czi_cbor_bytes32(&c);
    r.controller = czi_cbor_bytes32(&c);
    r.label = take_text(&c);
    r.asset = take_text(&c);
    r.kind = (enum cz_kind)czi_cbor_uint(&c);
    r.state = (enum cz_state)czi_cbor_uint(&c);
    r.quantity = czi_cbor_quantity(&c);
    if (!czi_cbor_null(&c))
        data = czi_cbor_bytes(&c);
    r.data = data.data;
    r.data_len = data.len;
    r.version = czi_cbor_uint(&c);
    r.position = czi_cbor_uint(&c);
    r.lamport = czi_cbor_uint(&c);
    rc = czi_cbor_end(&c, err);
    if (!rc)
        *ret = r;
    return rc;
}

/* ---- Time -----------------------------------------------------------------------------------
 */

static int look_time(cz_program *p, const void *arg, struct czi_buf *payload, cz_error *err)
{
    cz_engine *g = p->host->engine;
    const char *domain = arg;
    const struct czi_domain_time *at;
    bool there;

    czi_manager_lock(g);
    at = czi_time_map_find(czi_book_time(g->step.core.book),
                           (struct czi_slice){(const uint8_t *)domain, strlen(domain)});
    there = at != NULL;
    if (at) {
        czi_cbor_add_head(payload, CZI_CBOR_ARRAY, 6);
        put_text(payload, domain);
        czi_cbor_add_head(payload, CZI_CBOR_UINT, at->height);
        czi_cbor_add_head(payload, CZI_CBOR_UINT, at->time);
        czi_cbor_add_string(payload, CZI_CBOR_BYTES, at->hash, sizeof at->hash);
        czi_cbor_add_head(payload, CZI_CBOR_UINT, at->safe);
        czi_cbor_add_head(payload, CZI_CBOR_UINT, at->final);
    }
    czi_manager_unlock(g);
    return there ? CZ_OK
                 : czi_fail(err, CZ_NOT_FOUND, "nothing is known of a domain \"%.*s\"",
                            CZI_DOMAIN_SIZE_MAX, domain);
}

int cz_program_time(cz_program *p, const char *domain, cz_domain_time *ret, cz_error *err)
{
    CZI_AUTOBUF what = {0};
    const struct czi_question q = {CZI_INPUT_TIME, &what, look_time, domain};
    struct czi_slice found = {0};
    struct czi_cbor c;
    cz_domain_time t = {0};
    cz_id hash;
    int rc;

    czi_cbor_add_string(&what, CZI_CBOR_BYTES, domain, strlen(domain));
    rc = see(p, &q, &found, err);
    if (rc)
        return rc;
    c = czi_cbor(found.data, found.len);
    czi_cbor_array_of(&c, 6);
    t.domain = take_text(&c);
    t.height = czi_cbor_uint(&c);
    t.time = czi_cbor_uint(&c);
    hash = czi_cbor_bytes32(&c);
    memcpy(t.hash, &hash, sizeof t.hash);
    t.safe_height = czi_cbor_uint(&c);
    t.final_height = czi_cbor_uint(&c);
    rc = czi_cbor_end(&c, err);
    if (!rc)
        *ret = t;
    return rc;
}

/* ---- Accounts -------------------------------------------------------------------------------
 */

static int look_up(cz_program *p, const void *arg, struct czi_buf *payload, cz_error *err)
{
    struct czi_account_answer a = {0};
    int rc = czi_account_answer(p->host->engine, arg, &a, err);

    if (!rc && a.len)
        czi_buf_put(payload, a.bytes, a.len);
    return rc;
}

/* The program whose turn it is: mostly the one that was given the engine last. */
static cz_program *asking(const cz_host *h)
{
    cz_program *p = h->asks_engine, *found = NULL;

    if (p && p->tree.running)
        return p;
    czi_mutex_lock(h->lock);
    for (uint32_t i = 0; i < h->instance_room && !found; i++) {
        p = h->instances[i];
        if (p && p->has_tree && !p->is_over && p->tree.running)
            found = p;
    }
    czi_mutex_unlock(h->lock);
    return found;
}

int czi_host_answer(void *arg, cz_engine *g, const struct czi_account_question *asked,
                    struct czi_account_answer *ret, cz_error *err)
{
    CZI_AUTOBUF what = {0};
    CZI_AUTOBUF found = {0};
    const struct czi_question q = {CZI_INPUT_LOOKUP, &what, look_up, asked};
    cz_program *p = asking(arg);
    int rc;

    if (!p)
        return czi_account_answer(g, asked, ret, err);
    czi_cbor_add_head(&what, CZI_CBOR_ARRAY, 4);
    czi_cbor_add_head(&what, CZI_CBOR_UINT, (unsigned)asked->what);
    czi_cbor_add_string(&what, CZI_CBOR_BYTES, &asked->id, sizeof(cz_id));
    czi_cbor_add_string(&what, CZI_CBOR_BYTES, &asked->fact, sizeof(cz_id));
    if (asked->asset)
        czi_cbor_add_string(&what, CZI_CBOR_BYTES, asked->asset, strlen(asked->asset));
    else
        czi_buf_put_byte(&what, 0xf6);
    rc = czi_program_question(p, &q, &found, err);
    if (rc)
        return rc;
    *ret = (struct czi_account_answer){.len = (uint16_t)CZI_MIN(found.len, sizeof ret->bytes)};
    if (found.len)
        memcpy(ret->bytes, found.data, ret->len);
    return CZ_OK;
}

cz_engine *cz_program_engine(cz_program *p)
{
    p->host->asks_engine = p;
    return p->host->engine;
}
