/* names.c - numbers for origins, assets and tasks, and the end of the state; see core.h. */
#include "codec/blake3.h"
#include "engine/cite.h"
#include "engine/placement.h"

/* Room for one more element; the new part is zero. */
static bool grow(void *array, uint32_t *room, uint32_t count, size_t size)
{
    uint32_t wanted = *room ? *room * 2 : 64;
    char *old, *fresh;

    if (count < *room)
        return true;
    memcpy(&old, array, sizeof old);
    fresh = czi_realloc(old, wanted * size);
    if (!fresh)
        return false;
    memset(fresh + *room * size, 0, (wanted - *room) * size);
    memcpy(array, &fresh, sizeof fresh);
    *room = wanted;
    return true;
}

uint32_t czi_core_origin(struct czi_core *core, const uint8_t *id, bool add)
{
    uint32_t n = czi_id_table_find(&core->origin_ids, id), room = core->origin_room;
    cz_id copy;

    if (CZI_LIKELY(n != CZI_ID_NONE) || !add || core->origin_ids.count >= CZI_ORIGINS_MAX)
        return n;
    if (!grow(&core->origins, &core->origin_room, core->origin_ids.count,
              sizeof *core->origins))
        return CZI_ID_NONE;
    if (room != core->origin_room) {
        uint32_t *fresh = czi_realloc(core->dirty_origins, core->origin_room * sizeof *fresh);

        if (!fresh) {
            core->origin_room = room; /* the longer array is only not used yet */
            return CZI_ID_NONE;
        }
        core->dirty_origins = fresh;
    }
    memcpy(&copy, id, sizeof copy);
    return czi_id_table_insert(&core->origin_ids, &copy);
}

static cz_id name_id(struct czi_slice name)
{
    cz_id id;

    czi_blake3(name.data, name.len, id.bytes);
    return id;
}

static char *copy_name(struct czi_slice name)
{
    char *s = czi_alloc(name.len + 1);

    if (s) {
        memcpy(s, name.data, name.len);
        s[name.len] = 0;
    }
    return s;
}

uint32_t czi_core_asset(struct czi_core *core, struct czi_slice name, bool add)
{
    cz_id id = name_id(name);
    uint32_t n = czi_id_table_find(&core->asset_ids, &id), next = core->asset_ids.count;

    if (n != CZI_ID_NONE || !add || next >= CZI_ASSETS_MAX ||
        !grow(&core->assets, &core->asset_room, next, sizeof *core->assets))
        return n;
    czi_free(core->assets[next].name); /* left by an insertion that had no memory */
    core->assets[next].name = copy_name(name);
    if (!core->assets[next].name)
        return CZI_ID_NONE;
    core->assets[next].dirty = true;
    return czi_id_table_insert(&core->asset_ids, &id);
}

/* Names a task in the table. */
static cz_id task_key(const uint8_t *program, uint32_t task)
{
    uint8_t bytes[36];
    cz_id id;

    memcpy(bytes, program, 32);
    for (unsigned i = 0; i < 4; i++)
        bytes[32 + i] = (uint8_t)(task >> (8 * i));
    czi_blake3(bytes, sizeof bytes, id.bytes);
    return id;
}

uint32_t czi_core_task(struct czi_core *core, const uint8_t *program, uint32_t task, bool add)
{
    cz_id id = task_key(program, task);
    uint32_t n = czi_id_table_find(&core->task_ids, &id), next = core->task_ids.count, log;

    if (n != CZI_ID_NONE || !add || next >= CZI_PROGRAM_TASKS_MAX ||
        !grow(&core->tasks, &core->task_room, next, sizeof *core->tasks))
        return n;
    log = czi_core_program(core, program, true);
    if (log == CZI_ID_NONE)
        return CZI_ID_NONE;
    core->tasks[next] = (struct czi_task_clock){.task = task, .log = log};
    memcpy(&core->tasks[next].program, program, sizeof(cz_id));
    return czi_id_table_insert(&core->task_ids, &id);
}

#define PROGRAM_CHUNKS (CZI_PROGRAMS_MAX >> CZI_PROGRAM_CHUNK_BITS)

uint32_t czi_core_program(struct czi_core *core, const uint8_t *program, bool add)
{
    uint32_t n = czi_id_table_find(&core->program_ids, program), next = core->program_ids.count;
    struct czi_program_log **chunk;
    cz_id id;

    if (n != CZI_ID_NONE || !add || next >= CZI_PROGRAMS_MAX)
        return n;
    if (!core->programs)
        core->programs = czi_alloc_zero(PROGRAM_CHUNKS, sizeof(struct czi_program_log *));
    if (!core->programs)
        return CZI_ID_NONE;
    chunk = &core->programs[next >> CZI_PROGRAM_CHUNK_BITS];
    if (!*chunk)
        *chunk = czi_alloc_zero(CZI_PROGRAM_CHUNK, sizeof **chunk);
    if (!*chunk)
        return CZI_ID_NONE;
    memcpy(&id, program, sizeof id);
    return czi_id_table_insert(&core->program_ids, &id);
}

void czi_core_done(struct czi_core *core)
{
    for (uint32_t i = 0; core->programs && i < PROGRAM_CHUNKS && core->programs[i]; i++)
        czi_free(core->programs[i]);
    czi_free(core->programs);
    for (uint32_t i = 0; i < core->asset_room; i++)
        czi_free(core->assets[i].name);
    for (uint32_t i = 0; i < core->task_ids.count; i++)
        czi_clock_drop(core->tasks[i].clock);
    for (uint32_t i = 0; i < core->resources.ids.count && core->task_ids.count; i++)
        czi_clock_drop(czi_resource_name(&core->resources, i)->clock);
    czi_free(core->assets);
    czi_free(core->tasks);
    czi_free(core->domains);
    czi_free(core->origins);
    czi_free(core->dirty_origins);
    czi_core_scratch_done(core);
    czi_book_free(core->book);
    czi_id_table_done(&core->origin_ids);
    czi_id_table_done(&core->asset_ids);
    czi_id_table_done(&core->task_ids);
    czi_id_table_done(&core->program_ids);
    czi_resources_done(&core->resources);
    czi_parking_done(core);
    czi_placement_free(core->placement);
    *core = (struct czi_core){0};
}
