/* tags.h - the first element of every canonical tuple: what it is, and its version.
 *
 * Layer: codec. One list for all rooms, so that no number is used twice; values are for ever.
 * A log node, [previous, item], has none. See docs/reference/formats.md.
 */
#ifndef CZI_TAGS_H
#define CZI_TAGS_H

enum czi_tag {
    CZI_TAG_EFFECT = 1,
    CZI_TAG_RECEIPT = 3,
    CZI_TAG_RESOURCE = 4,    /* [4, creator, label]: its hash is the resource id */
    CZI_TAG_EFFECT_OPEN = 5, /* an effect that declares nothing (one byte, as the others') */
    CZI_TAG_FACT = 6,
    CZI_TAG_EXPORT = 7,
    CZI_TAG_PAGE = 8,     /* of an export's heads */
    CZI_TAG_ENVELOPE = 9, /* in exports, around bytes whose links would not resolve */
    /* What goes over the control socket. */
    CZI_TAG_ASK_WAIT_GRAPH = 10,
    CZI_TAG_WAIT_GRAPH = 11,
    CZI_TAG_REFUSAL = 12,
    CZI_TAG_ASK_CANCEL = 23,
    CZI_TAG_DONE = 24,
    CZI_TAG_EFFECT_FULL = 13, /* an effect that says more than CZI_TAG_EFFECT can */
    /* Items of a domain's fact log, beside facts. */
    CZI_TAG_RETRACTION = 14,
    CZI_TAG_DOMAIN = 15,
    CZI_TAG_DECISION = 16,
    CZI_TAG_TIME_MAP = 17,
    /* Data of resources of the kinds account, capability, outbox (resource/policy.h). */
    CZI_TAG_ACCOUNT = 18,
    CZI_TAG_CAPABILITY = 19,
    CZI_TAG_OUTBOX = 20,
    CZI_TAG_NOTE = 21,         /* in the log of a program: program/log.h */
    CZI_TAG_INSTANCE = 22,     /* [22, name, label, args]: its hash is a program's id */
    CZI_TAG_PROGRAM_PAGE = 23, /* of an export's programs */
    CZI_TAG_RECEIPT_RUN = 26,  /* of an effect that starts a guest */
};

#endif
