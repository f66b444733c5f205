/* run_memory.h - handlers of loads, stores and atomics.
 *
 * Layer: vm, a piece of run() in run.c.
 */

/* What is at an address, for entry e: into a variable of that type. */
#define LOAD(e, address, type, log2, loaded)                                                   \
    type loaded;                                                                               \
    value = (address);                                                                         \
    if (!is_fast(memory, value, log2, CZI_FAST_READ) &&                                        \
        !czi_space_touch(space, value, sizeof loaded, false)) {                                \
        ip = (e);                                                                              \
        goto bad_load;                                                                         \
    }                                                                                          \
    memcpy(&loaded, memory + value, sizeof loaded)
#define STORE(e, address, type, log2)                                                          \
    do {                                                                                       \
        type stored_ = (type)x[(e)->rs2];                                                      \
                                                                                               \
        value = (address);                                                                     \
        if (!is_fast(memory, value, log2, CZI_FAST_WRITE) &&                                   \
            !czi_space_touch(space, value, sizeof stored_, true)) {                            \
            ip = (e);                                                                          \
            goto bad_store;                                                                    \
        }                                                                                      \
        memcpy(memory + value, &stored_, sizeof stored_);                                      \
    } while (0)

#define DO_LOAD(name, type, log2)                                                              \
    op_##name:                                                                                 \
    {                                                                                          \
        LOAD(ip, x[ip->rs1] + IMM(ip), type, log2, loaded);                                    \
        x[ip->rd] = (uint64_t)(int64_t)loaded;                                                 \
        NEXT(1);                                                                               \
    }
#define DO_STORE(name, type, log2)                                                             \
    op_##name : STORE(ip, x[ip->rs1] + IMM(ip), type, log2);                                   \
    NEXT(1);

#define ALIGNED(type)                                                                          \
    do {                                                                                       \
        value = x[ip->rs1];                                                                    \
        if (value & (sizeof(type) - 1))                                                        \
            goto misaligned;                                                                   \
    } while (0)

#define DO_LR(name, type, log2)                                                                \
    op_##name : ALIGNED(type);                                                                 \
    {                                                                                          \
        LOAD(ip, value, type, log2, loaded);                                                   \
        h->reserved = value;                                                                   \
        h->reserved_size = sizeof loaded;                                                      \
        x[ip->rd] = (uint64_t)(int64_t)loaded;                                                 \
        NEXT(1);                                                                               \
    }

/* One that fails needs memory that could be written too, and does not touch it. */
#define DO_SC(name, type, log2)                                                                \
    op_##name : ALIGNED(type);                                                                 \
    {                                                                                          \
        bool holds = h->reserved == value && h->reserved_size == sizeof(type);                 \
                                                                                               \
        if (holds)                                                                             \
            STORE(ip, value, type, log2);                                                      \
        else if (!czi_space_can(space, value, sizeof(type), true))                             \
            goto bad_store;                                                                    \
        h->reserved = UINT64_MAX;                                                              \
        x[ip->rd] = !holds;                                                                    \
        NEXT(1);                                                                               \
    }

/* v, b: as registers have them, words sign-extended. */
#define DO_AMO(name, type, log2, result)                                                       \
    op_##name : ALIGNED(type);                                                                 \
    if (!(is_fast(memory, value, log2, CZI_FAST_READ) &&                                       \
          is_fast(memory, value, log2, CZI_FAST_WRITE)) &&                                     \
        !(czi_space_touch(space, value, sizeof(type), true) &&                                 \
          czi_space_touch(space, value, sizeof(type), false)))                                 \
        goto bad_store;                                                                        \
    {                                                                                          \
        type loaded, stored;                                                                   \
        uint64_t v, b = x[ip->rs2];                                                            \
                                                                                               \
        memcpy(&loaded, memory + value, sizeof loaded);                                        \
        v = (uint64_t)(int64_t)loaded;                                                         \
        stored = (type)(result);                                                               \
        memcpy(memory + value, &stored, sizeof stored);                                        \
        x[ip->rd] = v;                                                                         \
        NEXT(1);                                                                               \
    }

CZI_OPS_LOAD(DO_LOAD)
CZI_OPS_STORE(DO_STORE)
CZI_OPS_LR(DO_LR)
CZI_OPS_SC(DO_SC)
CZI_OPS_AMO(DO_AMO)

bad_load : kind = CZI_TRAP_LOAD;
goto stop_at_ip;
bad_store : kind = CZI_TRAP_STORE;
goto stop_at_ip;
misaligned : kind = CZI_TRAP_MISALIGNED;
goto stop_at_ip;

#undef DO_LOAD
#undef DO_STORE
#undef DO_LR
#undef DO_SC
#undef DO_AMO
#undef ALIGNED
