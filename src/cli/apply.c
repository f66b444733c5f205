/* apply.c - `causality apply`: effects in, results out as they become durable.
 *
 * Layer: cli. Threads: main reads, parses and submits in runs; the engine's thread hands each
 * result to on_done in the order of submission; with --json a printer writes them, so that a
 * slow reader of ours holds up neither parsing nor, until the ring is full, the engine.
 * The n-th result belongs to the n-th record, whose line number waits in a ring.
 */
#include "cli/apply_input.h"
#include "cli/cli.h"
#include "cli/effects_json.h"

#include "base/error.h"
#include "base/limits.h"
#include "effect/effect.h"
#include "platform/platform.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Effects that are submitted together. */
#define RUN_MAX 4096u
/* Results that wait to be printed. */
#define PRINT_MAX 65536u
/* Records that are submitted and not printed yet are in the backlog, in the print ring, or in
 * the hands of the two threads. */
#define LINES_MAX (4u * PRINT_MAX)
_Static_assert(LINES_MAX >= CZI_BACKLOG_MAX + PRINT_MAX + 2 * RUN_MAX,
               "no line is overwritten");

/* Places that the summary names for each reason. */
#define PLACES_MAX 5
#define REASONS_MAX 80
#define CHECK_REASON(reason, value, name, text)                                                \
    _Static_assert((value) < REASONS_MAX, "there is a row for it");
CZ_REASONS(CHECK_REASON)
#undef CHECK_REASON

struct printed {
    cz_result result;
    uint64_t line;
};

struct apply {
    struct czi_cli *cli;
    struct czi_input in;
    struct czi_effect_reader reader;
    struct czi_progress progress;
    cz_effect *effect;
    uint64_t *lines; /* ring: record number -> line */
    uint64_t submitted;
    cz_submission run[RUN_MAX];
    size_t offsets[RUN_MAX]; /* of JSON effects in bytes */
    uint64_t run_lines[RUN_MAX];
    size_t run_count;
    struct czi_buf bytes;
    bool propose;
    uint64_t item_at; /* byte at which the current record begins */

    /* The engine's thread; others after the last result. */
    uint64_t done;
    uint64_t applied, duplicates, rejected, negative;
    uint64_t by_reason[REASONS_MAX];
    uint64_t places[REASONS_MAX][PLACES_MAX];

    /* The printer; under lock. */
    struct czi_mutex *lock;
    struct czi_cond *some, *room;
    struct printed *ring;
    uint32_t head, count;
    bool end;
    struct czi_thread *printer;
    int wake;                 /* readable when main shall not wait for input any more */
    _Atomic int out_error;    /* errno: standard output is gone */
    _Atomic bool engine_gone; /* a result will never be known */
};

/* ---- Results ---------------------------------------------------------------------------- */

static void wake_main(struct apply *a)
{
    uint64_t one = 1;

    /* It only ever fails when it is readable already. */
    if (write(a->wake, &one, sizeof one) < 0)
        return;
}

static void print_result(const struct printed *p)
{
    struct czi_json j = {.out = stdout};
    const cz_result *r = &p->result;

    czi_json_open(&j, NULL, '{');
    czi_json_number(&j, "line", p->line);
    czi_json_id(&j, "effect", &r->effect);
    czi_json_string(&j, "status", cz_status_name((int)r->status));
    if (r->has_receipt)
        czi_json_id(&j, "receipt", &r->receipt);
    else
        czi_json_string(&j, "receipt", NULL);
    czi_json_string(&j, "reason", r->reason ? cz_reason_name((int)r->reason) : NULL);
    if (r->position)
        czi_json_u64(&j, "position", r->position);
    else
        czi_json_string(&j, "position", NULL);
    czi_json_close(&j, '}');
    (void)putc_unlocked('\n', stdout);
}

/* Prints what there is, and flushes whenever there is no more for now. */
static void printer(void *arg)
{
    struct apply *a = arg;
    struct printed batch[64];

    for (;;) {
        uint32_t n = 0;
        bool last;

        czi_mutex_lock(a->lock);
        while (!a->count && !a->end)
            czi_cond_wait(a->some, a->lock);
        for (; a->count && n < CZI_COUNTOF(batch); n++, a->count--) {
            batch[n] = a->ring[a->head];
            a->head = (a->head + 1) % PRINT_MAX;
        }
        last = !a->count;
        czi_cond_signal(a->room);
        czi_mutex_unlock(a->lock);
        if (!n)
            return;
        for (uint32_t i = 0; i < n && !a->out_error; i++)
            print_result(&batch[i]);
        if (!a->out_error && ((last && fflush(stdout) != 0) || ferror(stdout))) {
            a->out_error = errno;
            wake_main(a);
        }
    }
}

static void hand_to_printer(struct apply *a, const cz_result *r, uint64_t line)
{
    czi_mutex_lock(a->lock);
    while (a->count == PRINT_MAX)
        czi_cond_wait(a->room, a->lock);
    a->ring[(a->head + a->count++) % PRINT_MAX] = (struct printed){*r, line};
    czi_cond_signal(a->some);
    czi_mutex_unlock(a->lock);
}

static void on_done(void *arg, const cz_result *r)
{
    struct apply *a = arg;
    uint64_t line = a->lines[a->done % LINES_MAX];

    if (r->status == CZ_STATUS_UNKNOWN) {
        a->engine_gone = true;
        wake_main(a);
        return;
    }
    a->done++;
    a->applied += r->status == CZ_STATUS_APPLIED;
    a->duplicates += r->status == CZ_STATUS_DUPLICATE;
    a->negative += r->reason != CZ_APPLIED;
    if (r->status == CZ_STATUS_REJECTED) {
        uint64_t n = a->by_reason[r->reason]++;

        a->rejected++;
        if (n < PLACES_MAX)
            a->places[r->reason][n] = line;
    }
    if (a->printer)
        hand_to_printer(a, r, line);
}

static int start_printer(struct apply *a)
{
    a->lock = czi_mutex_new();
    a->some = czi_cond_new();
    a->room = czi_cond_new();
    a->ring = czi_alloc(PRINT_MAX * sizeof *a->ring);
    if (!a->lock || !a->some || !a->room || !a->ring)
        return czi_nomem(&a->cli->err, "results that wait to be printed");
    return czi_thread_start(&a->printer, printer, a, "cz-print", &a->cli->err);
}

static void stop_printer(struct apply *a)
{
    if (!a->printer)
        return;
    czi_mutex_lock(a->lock);
    a->end = true;
    czi_cond_signal(a->some);
    czi_mutex_unlock(a->lock);
    czi_thread_join(a->printer);
    a->printer = NULL;
}

/* ---- Input ------------------------------------------------------------------------------ */

/* FILE:LINE:COLUMN: what, or FILE: item N: byte …: what; keeps the code. */
static int place_error(struct apply *a, int code)
{
    char detail[CZ_DETAIL_SIZE];
    unsigned long long n = a->in.number;

    memcpy(detail, a->cli->err.detail, sizeof detail);
    if (a->in.format == CZI_INPUT_CBOR)
        return czi_fail(&a->cli->err, code, "%s: item %llu at byte %llu: %s", a->in.name, n,
                        (unsigned long long)a->item_at, detail);
    return czi_fail(&a->cli->err, code, "%s:%llu:%s", a->in.name, n, detail);
}

/* Checks the facts that it cites and submits it; what does not hold is told like a rejection,
 * in its turn. */
static int propose(struct apply *a, const uint8_t *bytes, size_t len)
{
    cz_result result = {.status = CZ_STATUS_REJECTED};
    uint64_t ticket;
    cz_error *err = &a->cli->err;
    int rc = CZ_OK, fault;
    bool again = false;

    if (a->in.format == CZI_INPUT_CBOR)
        rc = cz_effect_decode(a->effect, bytes, len, err);
    if (!rc)
        rc = cz_effect_id(a->effect, &result.effect, err);
    if (rc)
        return place_error(a, rc);
    a->lines[a->submitted % LINES_MAX] = a->in.number;
    do {
        fault = cz_propose(a->cli->engine, a->effect, on_done, a, &ticket, err);
        if (fault == CZ_OK) {
            a->submitted++;
            return CZ_OK;
        }
        rc = cz_flush(a->cli->engine, err);
        /* Records before this one may be what makes the difference. */
        again = !again && fault >= CZ_BAD_SIGNATURE;
    } while ((fault == CZ_BUSY || again) && !rc);
    if (rc || (fault < CZ_UNKNOWN_DOMAIN && fault != CZ_NOT_FOUND))
        return rc ? rc : place_error(a, fault);
    a->submitted++;
    result.reason = fault == CZ_NOT_FOUND ? CZ_UNKNOWN_FACT : (enum cz_reason)fault;
    on_done(a, &result); /* no other is due */
    return CZ_OK;
}

/* Checks one record; with `keep` it joins the run. */
static int take_record(struct apply *a, struct czi_slice record, bool keep)
{
    struct czi_effect_view view;
    const uint8_t *bytes = record.data;
    size_t len = record.len;
    int rc;

    if (a->in.format == CZI_INPUT_CBOR) {
        rc = czi_effect_view(bytes, len, &view, &a->cli->err);
    } else {
        rc = czi_effect_read(&a->reader, (const char *)record.data, record.len, a->effect,
                             &a->cli->err);
        if (!rc)
            rc = cz_effect_encode(a->effect, &bytes, &len, &a->cli->err);
    }
    if (rc || !keep)
        return rc ? place_error(a, rc) : CZ_OK;
    if (a->propose)
        return propose(a, bytes, len);
    a->run_lines[a->run_count] = a->in.number;
    if (a->in.format == CZI_INPUT_JSON) {
        a->offsets[a->run_count] = a->bytes.len;
        czi_buf_put(&a->bytes, bytes, len);
        if (a->bytes.failed)
            return czi_nomem(&a->cli->err, "effects to be submitted");
    }
    a->run[a->run_count++] = (cz_submission){bytes, len};
    return CZ_OK;
}

static int submit_run(struct apply *a)
{
    size_t accepted = 0;
    int rc = CZ_OK;

    if (a->in.format == CZI_INPUT_JSON)
        for (size_t i = 0; i < a->run_count; i++)
            a->run[i].bytes = a->bytes.data + a->offsets[i];
    for (size_t i = 0; i < a->run_count; i++)
        a->lines[(a->submitted + i) % LINES_MAX] = a->run_lines[i];
    if (a->run_count)
        rc = cz_submit_batch(a->cli->engine, a->run, a->run_count, on_done, a, NULL, &accepted,
                             &a->cli->err);
    a->submitted += accepted;
    a->run_count = 0;
    a->bytes.len = 0;
    return rc;
}

/* Nothing more will be said, or nobody listens. */
static bool is_over(const struct apply *a)
{
    return a->out_error || a->engine_gone;
}

/* Until there is input, or no reason left to wait for it. */
static int wait_for_input(struct apply *a)
{
    struct pollfd fds[] = {{.fd = a->in.fd, .events = POLLIN},
                           {.fd = a->wake, .events = POLLIN},
                           {.fd = a->cli->json ? STDOUT_FILENO : -1}};

    while (!is_over(a)) {
        if (poll(fds, CZI_COUNTOF(fds), -1) < 0)
            continue;
        if (fds[2].revents & (POLLERR | POLLHUP))
            a->out_error = EPIPE;
        if (fds[0].revents)
            return CZ_OK;
    }
    return CZ_OK;
}

/* Takes everything: checks it, and with `keep` submits it. */
static int walk(struct apply *a, bool keep)
{
    struct czi_slice record;
    int rc = CZ_OK;

    while (!rc && !is_over(a)) {
        a->item_at = a->in.taken;
        switch (czi_input_next(&a->in, &record)) {
        case CZI_INPUT_END:
            return submit_run(a);
        case CZI_INPUT_RECORD:
            rc = take_record(a, record, keep);
            if (a->run_count == RUN_MAX || (rc && a->run_count)) {
                int submitted = submit_run(a);

                rc = rc ? rc : submitted;
            }
            break;
        case CZI_INPUT_MORE:
            rc = submit_run(a);
            czi_progress_show(a->cli, &a->progress, keep ? "apply" : "check", a->in.taken,
                              a->in.size);
            if (!rc && !a->in.regular)
                rc = wait_for_input(a);
            if (!rc && !is_over(a))
                rc = czi_input_fill(&a->in, &a->cli->err);
        }
    }
    return rc;
}

/* ---- The verb --------------------------------------------------------------------------- */

/* What the engine did for effects with guests, if there were any. */
static void print_guests(const struct apply *a)
{
    cz_stats s;

    if (cz_stats_get(a->cli->engine, &s, NULL) || !s.guests)
        return;
    printf("guests     %llu, which used %llu gas\n", (unsigned long long)s.guests,
           (unsigned long long)s.guest_gas);
    if (s.guests_ahead || s.guests_again)
        printf("  ran ahead of their turn %llu, again %llu\n",
               (unsigned long long)s.guests_ahead, (unsigned long long)s.guests_again);
    if (s.predicted)
        printf("  predicted %llu: hit %llu, of which too wide %llu\n",
               (unsigned long long)s.predicted, (unsigned long long)s.predicted_hits,
               (unsigned long long)s.predicted_too_wide);
}

static void print_summary(const struct apply *a, uint64_t started_ns)
{
    double seconds = (double)(czi_clock_ns() - started_ns) / 1e9;

    printf("applied    %llu\n", (unsigned long long)a->applied);
    printf("rejected   %llu\n", (unsigned long long)a->rejected);
    for (int r = 0; r < REASONS_MAX; r++) {
        uint64_t n = a->by_reason[r];

        if (!n)
            continue;
        printf("  %-18s %llu: %s; line", cz_reason_name(r), (unsigned long long)n,
               cz_reason_text(r));
        for (uint64_t i = 0; i < CZI_MIN(n, (uint64_t)PLACES_MAX); i++)
            printf("%s %llu", i ? "," : "", (unsigned long long)a->places[r][i]);
        printf("%s\n", n > PLACES_MAX ? ", …" : "");
    }
    printf("duplicate  %llu", (unsigned long long)a->duplicates);
    if (a->negative > a->rejected)
        printf(", of which %llu were rejected the first time",
               (unsigned long long)(a->negative - a->rejected));
    printf("\n");
    print_guests(a);
    if (a->cli->out_terminal)
        printf("took       %.3f s\n", seconds);
}

static int prepare(struct apply *a, const char *path)
{
    const char *format = czi_cli_option(a->cli, "format");
    enum czi_input_format forced = !format                       ? CZI_INPUT_UNKNOWN
                                   : strcmp(format, "cbor") == 0 ? CZI_INPUT_CBOR
                                                                 : CZI_INPUT_JSON;
    int rc = czi_input_open(&a->in, path, forced, &a->cli->err);

    if (rc)
        return rc;
    a->effect = cz_effect_new();
    a->lines = czi_alloc(LINES_MAX * sizeof *a->lines);
    if (!a->effect || !a->lines)
        return czi_nomem(&a->cli->err, "reading effects");
    a->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (a->wake < 0)
        return czi_fail(&a->cli->err, CZ_IO, "eventfd failed");
    if (!a->in.regular)
        return CZ_OK;
    rc = walk(a, false);
    return rc ? rc : czi_input_rewind(&a->in, &a->cli->err);
}

static void finish(struct apply *a)
{
    stop_printer(a);
    czi_progress_clear(&a->progress);
    czi_input_close(&a->in);
    czi_effect_reader_done(&a->reader);
    cz_effect_free(a->effect);
    czi_buf_done(&a->bytes);
    czi_free(a->lines);
    czi_free(a->ring);
    czi_mutex_free(a->lock);
    czi_cond_free(a->some);
    czi_cond_free(a->room);
    if (a->wake > 0)
        (void)close(a->wake);
}

/* Submits everything and waits for the last result. */
static int apply(struct apply *a)
{
    cz_error late = {0};
    int rc = a->cli->json ? start_printer(a) : CZ_OK, flushed;

    if (!rc)
        rc = walk(a, true);
    flushed = cz_flush(a->cli->engine, &late);
    if (flushed && (!rc || rc == CZ_CLOSED)) {
        rc = flushed;
        a->cli->err = late;
    }
    stop_printer(a);
    a->cli->out_error = a->out_error;
    czi_progress_clear(&a->progress);
    return rc;
}

/* A pipe may have been applied in part. */
static int fail_in_part(struct apply *a, int rc)
{
    if (a->done)
        czi_cli_say("%llu effects before that were taken: %llu applied, %llu rejected, %llu "
                    "duplicate",
                    (unsigned long long)a->done, (unsigned long long)a->applied,
                    (unsigned long long)a->rejected, (unsigned long long)a->duplicates);
    return rc;
}

int czi_cli_apply(struct czi_cli *cli, int argc, char **argv)
{
    CZI_AUTOFREE struct apply *a = czi_alloc_zero(1, sizeof *a);
    uint64_t threads = 0, batch = 0, started = czi_clock_ns();
    cz_options options = {.ordered = true};
    int rc, exit_code = CZI_EXIT_OK;

    (void)argc;
    if (!czi_cli_number(cli, "threads", 1, CZI_THREADS_MAX, &threads) ||
        !czi_cli_number(cli, "batch", 1, CZI_BATCH_ENTRIES_MAX, &batch))
        return CZI_EXIT_USAGE;
    if (!a)
        return czi_cli_fail(czi_nomem(&cli->err, "applying"), &cli->err);
    options.threads = (unsigned)threads;
    options.batch_max = (unsigned)batch;
    a->cli = cli;
    a->wake = -1;
    a->propose = czi_cli_option(cli, "propose");
    rc = prepare(a, argv[0]);
    if (rc)
        exit_code = czi_cli_fail(rc, &cli->err);
    else if (czi_cli_open(cli, &options, &exit_code)) {
        rc = apply(a);
        if (rc)
            exit_code = fail_in_part(a, czi_cli_fail(rc, &cli->err));
        else if (!cli->json)
            print_summary(a, started);
        if (!exit_code && a->negative)
            exit_code = CZI_EXIT_NO;
        /* Its threads hold what is freed below. */
        exit_code = czi_cli_close(cli, exit_code);
    }
    finish(a);
    return exit_code;
}
