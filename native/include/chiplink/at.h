/* The scanner of what a modem sends in answer to AT commands: SIM800, SIM7028 and G series.
 *
 * The stream is lines, `\r\n<text>\r\n`, and between them what is no line:
 *   - a prompt, `\r\n>` or `\r\n> `, with no line end after it;
 *   - an echo, the command and one CR;
 *   - a header and so many bytes of payload as it counts, which are never searched:
 *
 *         +IPD16\r\n            SIM7028                  +IPD:11\r\n   G series, its example
 *         +IPD,5:               SIM800                   +IPD, 11:     G series, its text
 *         +IPD,5,TCP:           SIM800 with CIPSHOWTP    +CIPRCV:5,    its relatives
 *         +RECEIVE,0,17:\r\n    SIM800, several links; SIM7028 with or without the colon
 *         +RECEIVE,0,17,1.2.3.4:80:\r\n                  the same with CIPSRIP
 *         +CIPRXGET: 2,0,5,11\r\n                        a read: mode, link, bytes here, bytes left
 *         +CIPRXGET:2,11,0\r\n                           SIM800, one link: no link number
 *         +CIPRXGET: 3,0,5,6\r\n                         twice as many characters, hexadecimal
 *
 * A payload needs no line end before or after it. Spaces after `+IPD`'s separator and after a colon
 * before a number may be any number up to 4. A header that counts more than CL_AT_PAYLOAD_MAX is a
 * line.
 *
 * What a pending command produces is told by cl_at_expect: only then is `>` a prompt and
 * `+CIPRXGET: 2` a header. The pushed headers come unasked and are always known.
 *
 * Lines. All trailing CRs are stripped and empty lines skipped. A control character other than TAB,
 * 7F or FF does not belong into a line: it, and what stands before it in its line, is JUNK, and a
 * line begins behind it. So the junk of a modem that boots takes no `RDY` with it.
 *
 * The reports do not depend on how the stream is cut, except that payloads, JUNK and BROKEN
 * lines come in the pieces of the calls. */
#ifndef CHIPLINK_AT_H
#define CHIPLINK_AT_H

#include "chiplink/core.h"

/* cdef */

/* A descriptor, 16 bytes: what stands from `start` up to `end`. */
typedef struct {
    uint32_t start;
    uint32_t end;
    int32_t kind;
    int32_t status; /* CL_FRAME_ ... */
} cl_at_frame_t;

#define CL_AT_LINE_MAX 1024 /* bytes of a line with its end; a list of operators is the longest */
#define CL_AT_PAYLOAD_MAX 4096 /* bytes of a payload; the documents have 1500 and 1460 */
#define CL_AT_BUFFER 2048      /* bytes of a scanner's own buffer: a line reported, a line begun */
#define CL_AT_EVEN_MAX 64      /* lines whose kinds are kept */
#define CL_AT_SEND_MAX 1500    /* bytes of one CIPSEND: SIM7028, 2.1.4 */
#define CL_AT_DATA_MAX 3001    /* the same escaped, and Ctrl-Z */

/* What a descriptor stands for, in the low byte of `kind`. */
enum {
    CL_AT_LINE = 0,    /* any line that is none of the following */
    CL_AT_FINAL = 1,   /* OK, ERROR, +CME ERROR: ..., +CMS ERROR: ... */
    CL_AT_URC = 2,     /* a line that answers no command: RDY, CLOSED, +PDP: DEACT, *PSUTTZ: ... */
    CL_AT_SENDER = 3,  /* RECV FROM:..., whose payload comes next */
    CL_AT_PROMPT = 4,  /* > */
    CL_AT_ECHO = 5,    /* AT..., ended by a CR */
    CL_AT_HEAD = 6,    /* the header of a payload, with its last colon or comma, without line end */
    CL_AT_PAYLOAD = 7, /* a piece of the payload that follows every header, if only of 0 bytes */
    CL_AT_JUNK = 8,    /* bytes that are no line, with the status GARBAGE */
    CL_AT_BROKEN = 9,  /* a line that is too long, or had no end before the flush: BAD_LENGTH */
    CL_AT_TORN = 10    /* the end of a payload that is not whole, without bytes: BAD_LENGTH */
};

/* Added to `kind`: `start` and `end` count in `self->buffer`, not in `data`. */
#define CL_AT_KEPT 256

/* A status besides CL_FRAME_OK, CL_FRAME_BAD_LENGTH and CL_FRAME_GARBAGE. */
enum {
    CL_AT_PART = 16 /* a piece of a payload; more of it follows */
};

/* What the pending command produces. */
enum {
    CL_AT_EXPECT_PROMPT = 1, /* a prompt; forgotten when it came */
    CL_AT_EXPECT_READ = 2,   /* +CIPRXGET: 2 or 3 with a payload */
    CL_AT_EXPECT_RAW = 4     /* transparent mode: all is payload, nothing is a line */
};

/* A scanner. Caller-owned, prepared by cl_at_init; the members are its own. `buffer` comes first:
 * with CL_AT_KEPT `start` and `end` count from the struct's address too. */
typedef struct {
    uint8_t buffer[CL_AT_BUFFER];
    uint32_t start;    /* where the line begun stands in `buffer` */
    uint32_t held;     /* its bytes */
    uint32_t missing;  /* bytes of a payload that are still to come */
    uint32_t expected; /* CL_AT_EXPECT_ ... */
    uint32_t skipping; /* in a line that is too long */
    uint32_t prompted; /* a prompt was the last thing: one space belongs to it */
    uint8_t even;      /* how many descriptors the last feed filled, if they are even; else 0 */
    uint8_t kinds[CL_AT_EVEN_MAX]; /* their kinds, then */
} cl_at_t;

/* Makes the scanner empty: nothing is expected. */
void cl_at_init(cl_at_t *self);

/* Says what the command about to be sent produces, CL_AT_EXPECT_ values added, in place of what was
 * said before. CL_E_RANGE: another bit. CL_E_ARGUMENT: NULL. */
int cl_at_expect(cl_at_t *self, uint32_t what);

/* Takes in bytes and reports what they complete, in order.
 *
 * Returns how many descriptors of `out` are filled, at most `cap`. `*used` is how much of `data`
 * was taken; while it is less than `len`, call again with the rest. Three results: a negative
 * error; 0 while cl_at_pending is more than 0, incomplete; 0 else, nothing came but line ends.
 * `data` may be NULL when `len` is 0.
 *
 * What begins and ends within `data` is a range of it. Only the first descriptor of a call can have
 * CL_AT_KEPT: the end of what an earlier call began; it stands at 0 and holds until the next call.
 * Only the last can have the status CL_AT_PART. With fewer than `cap` - 1 descriptors filled all
 * was taken (of up to 2 GiB).
 *
 * They are even when all of `data` was taken, there are several, all are lines (LINE, FINAL, URC),
 * and behind each stands `\r\n\r\n` and then the next. Splitting `data` there then finds all but
 * the first, in the second piece and those behind it; the rest is none.
 *
 * CL_E_ARGUMENT: a NULL pointer, or `cap` is less than 2. */
int cl_at_feed(cl_at_t *self, const uint8_t *data, size_t len, size_t *used, cl_at_frame_t *out,
               size_t cap);

/* Gives up what is incomplete, at most one descriptor: a line begun is BROKEN, a payload TORN. What
 * is expected stays so. CL_E_ARGUMENT: NULL, or `cap` is 0. */
int cl_at_flush(cl_at_t *self, cl_at_frame_t *out, size_t cap);

/* The bytes that an incomplete line has, or that are still to come of a payload. */
size_t cl_at_pending(const cl_at_t *self);

/* Writes what is sent behind a prompt that was asked for without a length: the data and Ctrl-Z.
 * Returns its bytes.
 *
 * With `escapes` each 1A, 1B and 03 has an ETX (03) before it: SIM7028, 2.1.4. Without, 1A and 1B
 * cannot be carried: CL_E_RANGE. CL_E_LENGTH: no bytes, or more than CL_AT_SEND_MAX. CL_E_SPACE:
 * `cap` is too small; CL_AT_DATA_MAX always does. CL_E_ARGUMENT: NULL. */
int cl_at_data(const uint8_t *data, size_t len, int escapes, uint8_t *out, size_t cap);

/* end */

#endif
