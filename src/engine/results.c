/* results.c - what became of tickets, for as long as it is kept.
 *
 * Layer: engine. Threads: any, under the engine's lock. A ring by ticket. No ticket is given so
 * far ahead of the oldest open one that their places would be the same (submit.c), but for
 * tickets that wait for a guard: those must not hold the others up, and when a newer one needs
 * the place, they move to a list.
 */
#include "base/error.h"
#include "engine/engine.h"

static cz_result *place_of(const struct czi_results *r, uint64_t ticket)
{
    return &r->ring[ticket % r->max];
}

/* The list holds at least all open ones; of the others the oldest goes first. */
static void move_to_late(struct czi_results *r, const cz_result *result)
{
    uint32_t drop = 0;

    if (r->late_count == r->late_room) {
        while (r->late[drop].status == CZI_STATUS_PARKED)
            drop++;
        CZI_CHECK(drop < r->late_count);
        r->late_count--;
        memmove(r->late + drop, r->late + drop + 1, (r->late_count - drop) * sizeof *r->late);
    }
    r->late[r->late_count++] = *result;
}

static cz_result *find_late(const struct czi_results *r, uint64_t ticket)
{
    for (uint32_t i = r->late_count; i-- > 0;)
        if (r->late[i].ticket == ticket)
            return &r->late[i];
    return NULL;
}

const cz_result *czi_result_find(const cz_engine *g, uint64_t ticket)
{
    const cz_result *r = place_of(&g->results, ticket);

    return r->ticket == ticket ? r : find_late(&g->results, ticket);
}

void czi_result_put(cz_engine *g, const cz_result *result, bool was_parked)
{
    struct czi_results *r = &g->results;
    cz_result *place = place_of(r, result->ticket);

    if (CZI_UNLIKELY(was_parked)) {
        r->parked--;
        if (place->ticket != result->ticket)
            place = find_late(r, result->ticket);
        CZI_CHECK(place);
    } else if (CZI_UNLIKELY(r->parked) && place->status == CZI_STATUS_PARKED) {
        move_to_late(r, place);
    }
    *place = *result;
}

int czi_result_parked(cz_engine *g, uint64_t ticket, cz_error *err)
{
    struct czi_results *r = &g->results;
    cz_result *place = place_of(r, ticket), *late;

    if (r->parked + 1 >= r->late_room) {
        late = czi_realloc(r->late, (2 * r->late_room + 64) * sizeof *late);
        if (!late)
            return czi_nomem(err, "a result that is late");
        r->late = late;
        r->late_room = 2 * r->late_room + 64;
    }
    r->parked++;
    if (place->status == CZI_STATUS_PARKED)
        move_to_late(r, place);
    *place = (cz_result){.ticket = ticket, .status = CZI_STATUS_PARKED};
    czi_ticket_done(g, ticket);
    return CZ_OK;
}

/* Tickets that were acknowledged before an older one, now that it is too. */
static void catch_up(cz_engine *g)
{
    while (g->out_of_order && place_of(&g->results, g->oldest)->ticket == g->oldest) {
        g->out_of_order--;
        g->oldest++;
    }
}

void czi_ticket_done(cz_engine *g, uint64_t ticket)
{
    if (CZI_LIKELY(ticket == g->oldest))
        g->oldest++;
    else
        g->out_of_order++;
    catch_up(g);
}
