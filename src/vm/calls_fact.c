/* calls_fact.c - a guest's calls about what is proven of the outside; see overlay.h. */
#include "fact/statement.h"
#include "vm/overlay.h"

/* The i-th cited one. */
static bool find_fact(const struct czi_call *c, struct czi_slice *ret_bytes, cz_id *ret_id,
                      unsigned *ret_finality, uint64_t *ret_number)
{
    const struct czi_world *w = c->m->in.world;

    return c->a[0] < CZI_CITATIONS_MAX &&
           w->fact(w->arg, (unsigned)c->a[0], ret_bytes, ret_id, ret_finality, ret_number);
}

static void put_text(void *to, size_t size, struct czi_slice text)
{
    if (text.len)
        memcpy(to, text.data, CZI_MIN(text.len, size));
}

/* What the fact says, when that is a deposit or withdrawal or a register's name; of other kinds
 * the claim is in its bytes. */
static void put_statement(const struct czi_fact *f, struct cz_guest_fact *ret)
{
    struct czi_statement s;

    if (!czi_statement_read(f->kind, f->claim_bytes, &s))
        return;
    put_text(ret->account, sizeof ret->account, s.account);
    put_text(ret->asset, sizeof ret->asset, s.asset);
    ret->amount[0] = s.amount;
}

/* (i, to struct cz_guest_fact) */
uint64_t czi_call_do_fact(struct czi_call *c)
{
    struct cz_guest_fact out = {.kind = 0};
    struct czi_slice bytes;
    struct czi_fact f;
    unsigned finality;
    cz_id id;

    if (!czi_call_can(c, c->a[1], sizeof out, true))
        return 0;
    if (!find_fact(c, &bytes, &id, &finality, &out.number) ||
        czi_fact_decode(bytes.data, bytes.len, &f, NULL) != CZ_OK)
        return czi_call_code(CZ_NOT_FOUND);
    memcpy(out.id, id.bytes, sizeof out.id);
    out.kind = f.kind;
    out.finality = finality;
    out.height = f.height;
    out.time = f.time;
    put_text(out.domain, sizeof out.domain, f.domain);
    put_statement(&f, &out);
    (void)czi_call_put(c, c->a[1], &out, sizeof out);
    return 0;
}

/* (i, offset, to, size); size 0: how long it is */
uint64_t czi_call_do_fact_bytes(struct czi_call *c)
{
    uint64_t offset = c->a[1], size = c->a[3], number;
    struct czi_slice bytes;
    unsigned finality;
    size_t n;
    cz_id id;

    if (!czi_call_can(c, c->a[2], size, true))
        return 0;
    if (!find_fact(c, &bytes, &id, &finality, &number))
        return czi_call_code(CZ_NOT_FOUND);
    if (!size)
        return bytes.len;
    n = offset < bytes.len ? (size_t)CZI_MIN(size, bytes.len - offset) : 0;
    return n && czi_call_put(c, c->a[2], bytes.data + offset, n) ? n : 0;
}

/* (name, size, to struct cz_guest_time) */
uint64_t czi_call_do_time(struct czi_call *c)
{
    const struct czi_world *w = c->m->in.world;
    struct cz_guest_time out = {.height = 0};
    uint8_t name[CZI_DOMAIN_SIZE_MAX];
    struct czi_slice domain = {name, c->a[1]};

    if (!czi_call_can(c, c->a[2], sizeof out, true))
        return 0;
    if (domain.len > sizeof name)
        return czi_call_code(CZ_NOT_FOUND);
    if (!czi_call_get(c, c->a[0], name, domain.len))
        return 0;
    if (!(w->time)(w->arg, domain, &out)) /* of a domain: no clock */
        return czi_call_code(CZ_NOT_FOUND);
    (void)czi_call_put(c, c->a[2], &out, sizeof out);
    return 0;
}
