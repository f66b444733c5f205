/* print_run.c - how a guest's run ended, as JSON and for people.
 *
 * Layer: cli. Thread: main.
 */
#include "cli/code.h"

#include "base/bytes.h"
#include "codec/dag_cbor.h"
#include "vm/vm.h"

static const char *const statuses[] = {"exited", "trapped", "out-of-gas"};

/* Messages are as the engine wrote or checked them: each its length, then its bytes. */
static bool next_message(struct czi_cursor *c, struct czi_slice *ret)
{
    if (!czi_cursor_left(c))
        return false;
    ret->len = czi_cursor_varint(c);
    ret->data = czi_cursor_take(c, ret->len);
    return !c->failed;
}

void czi_print_run_json(struct czi_json *j, const char *key, const cz_guest_run *run)
{
    struct czi_cursor c;
    struct czi_slice message;

    if (!run) {
        czi_json_string(j, key, NULL);
        return;
    }
    c = czi_cursor(run->messages, run->messages_len);
    czi_json_open(j, key, '{');
    czi_json_string(j, "status", statuses[run->status]);
    czi_json_u64(j, "code", run->code);
    czi_json_string(j, "trap", run->trap ? czi_trap_text((enum czi_trap)run->trap) : NULL);
    czi_json_u64(j, "pc", run->pc);
    czi_json_u64(j, "gas", run->gas);
    czi_json_base64(j, "output", run->output, run->output_len);
    czi_json_open(j, "messages", '[');
    while (next_message(&c, &message))
        czi_json_base64(j, NULL, message.data, message.len);
    czi_json_close(j, ']');
    czi_json_close(j, '}');
}

/* Text as it is, anything else in hex; so much of it as a person reads. */
#define SHOWN 256u

static bool is_printable(struct czi_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((s.data[i] < 0x20 && s.data[i] != '\n' && s.data[i] != '\t') || s.data[i] == 0x7f)
            return false;
    return czi_utf8_valid(s.data, s.len);
}

static void print_bytes(const char *key, struct czi_slice s)
{
    size_t shown = CZI_MIN(s.len, (size_t)SHOWN);

    printf("%-11s%zu bytes: ", key, s.len);
    if (is_printable(s))
        (void)czi_print_text(stdout, (const char *)s.data, shown);
    for (size_t i = 0; i < shown && !is_printable(s); i++)
        printf("%02x", s.data[i]);
    printf("%s\n", s.len > shown ? "…" : "");
}

static void print_trap(const cz_guest_run *run)
{
    char name[CZI_CALL_NAME_SIZE];

    printf("trapped at 0x%llx: %s (", (unsigned long long)run->pc,
           czi_trap_text((enum czi_trap)run->trap));
    if (run->trap == CZI_TRAP_CALL)
        printf("%s)", czi_call_name(run->code, name));
    else
        printf("0x%llx)", (unsigned long long)run->code);
}

void czi_print_run(const cz_guest_run *run)
{
    struct czi_cursor c = czi_cursor(run->messages, run->messages_len);
    struct czi_slice message;

    printf("%-11s", "guest");
    if (run->status == CZ_GUEST_EXITED)
        printf("exited with %lld", (long long)(int64_t)run->code);
    else if (run->status == CZ_GUEST_NO_GAS)
        printf("out of gas at 0x%llx", (unsigned long long)run->pc);
    else
        print_trap(run);
    printf("\n%-11s%llu\n", "gas", (unsigned long long)run->gas);
    if (run->output_len)
        print_bytes("output", (struct czi_slice){run->output, run->output_len});
    while (next_message(&c, &message))
        print_bytes("message", message);
}
