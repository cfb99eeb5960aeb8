/* The CH392's commands (manual V1.0, section 5), and its serial line (section 6.3).
 *
 * A command is a code and its arguments. Over UART the host sends
 *
 *     57 AB | code | arguments
 *
 * and the chip answers with the bare reply bytes: no head, no length, no sum. Over SPI a command is
 * one chip select: the code, a gap, the arguments, a gap, the reply.
 *
 * How a reply is read
 *   - Its length follows from the command alone, so cl_ch392_expect comes before the bytes. Up to
 *     CL_CH392_EXPECTED_MAX replies wait, in the order of their commands.
 *   - A flipped byte is invisible. A lost one leaves the reply incomplete until cl_ch392_flush.
 *   - Bytes that come while nothing is expected are GARBAGE; section 6.3, step 6, lets the chip
 * push interrupt status bytes.
 *   - The payload of READ_RECV_BUF_SN, up to 4096 bytes, is reported as it comes, in ranges of the
 *     caller's own data.
 *
 * The replies do not depend on how the stream is cut, except that the payload of READ_RECV_BUF_SN
 * and a run of GARBAGE come in the pieces of the calls.
 *
 * The table. One row a command: the manual's 40, and eight that it names or leaves out and the
 * CH395, its bigger sister, has. */
#ifndef CHIPLINK_CH392_H
#define CHIPLINK_CH392_H

#include "chiplink/core.h"

/* cdef */

#define CL_CH392_BUFFER 320       /* bytes of a framer's own buffer: 16 replies of 20 */
#define CL_CH392_EXPECTED_MAX 16  /* replies that may be expected at once */
#define CL_CH392_STREAM_MAX 4096  /* bytes of one data stream, section 5 */
#define CL_CH392_COMMAND_MAX 4100 /* bytes of the longest command, without its head */
#define CL_CH392_HEAD 2           /* bytes before a command on the UART: 57 AB */
#define CL_CH392_SEGMENTS_MAX 3   /* parts of a command over SPI */

/* Which chips have a command. */
enum {
    CL_CH392_F = 1,       /* CH392F: the manual's table, and what its sentences name */
    CL_CH392_T = 2,       /* CH392T: the same, and what public code for it uses */
    CL_CH392_OPTIONAL = 4 /* a CH395's: nothing is known of a CH392 that has it */
};

/* What is particular about a command. */
enum {
    CL_CH392_STATUS = 1,   /* GET_CMD_STATUS must follow, and no other command before it is done */
    CL_CH392_COUNT_IN = 2, /* arguments 1 and 2 count the bytes behind them, low byte first */
    CL_CH392_COUNT_OUT = 4 /* arguments 1 and 2 count the reply's bytes, low byte first */
};

/* One command, 20 bytes. Times are microseconds.
 *
 * `pause` is the least time before the next command, `typical` how long the chip needs to carry it
 * out (0: at once). For SET_BAUDRATE they are the time until the reply, which comes at the new
 * rate. */
typedef struct {
    uint8_t code;
    uint8_t chips;  /* CL_CH392_F, CL_CH392_T, CL_CH392_OPTIONAL */
    uint8_t flags;  /* CL_CH392_STATUS, CL_CH392_COUNT_IN, CL_CH392_COUNT_OUT */
    uint8_t reply;  /* bytes of the reply; 0 with CL_CH392_COUNT_OUT */
    uint16_t least; /* fewest argument bytes */
    uint16_t most;  /* most argument bytes */
    uint16_t gap;   /* SPI: after the code (TSC) */
    uint16_t turn;  /* SPI: before the first reply byte */
    uint32_t pause;
    uint32_t typical;
} cl_ch392_row_t;

/* The row of a command, or NULL. It lives as long as the program. */
const cl_ch392_row_t *cl_ch392_lookup(uint8_t code);

/* Checks one command, `len` bytes of code and arguments, and returns the length of its reply.
 *
 * CL_E_RANGE: no such code. CL_E_LENGTH: not the arguments of this code, or a count that is not
 * what follows or above CL_CH392_STREAM_MAX. CL_E_ARGUMENT: `command` is NULL or `len` is 0. */
int cl_ch392_reply(const uint8_t *command, size_t len);

/* Writes `n` commands as UART packets one behind the other and returns their bytes.
 *
 * `commands` holds them without gaps, `lengths` the bytes of each. Errors as in cl_ch392_reply for
 * any of them; CL_E_SPACE: `cap` is less than all their bytes and 2 for each. CL_E_LENGTH also:
 * more than an int counts. */
int cl_ch392_encode(const uint8_t *commands, const uint32_t *lengths, size_t n, uint8_t *out,
                    size_t cap);

/* A part of a command over SPI: `length` bytes of the command from `offset` on are sent, or, where
 * `reads` is 1, so many bytes of the reply received and kept from `offset` on. Then `gap`
 * microseconds pass, with the chip selected. */
typedef struct {
    uint32_t offset;
    uint32_t length;
    uint32_t reads;
    uint32_t gap;
} cl_ch392_segment_t;

/* Lays one command out for SPI and returns how many segments that are, 1 to 3; empty ones are left
 * out, and the last has no gap.
 *
 * `gap` and `turn` are microseconds, as in cl_ch392_row_t. Errors as in cl_ch392_reply; CL_E_SPACE:
 * `cap` is too small. */
int cl_ch392_segments(const uint8_t *command, size_t len, uint32_t gap, uint32_t turn,
                      cl_ch392_segment_t *out, size_t cap);

/* A status besides CL_FRAME_OK, CL_FRAME_BAD_LENGTH and CL_FRAME_GARBAGE. */
enum {
    CL_CH392_PART = 16 /* a piece of READ_RECV_BUF_SN's payload; more of it follows */
};

/* One reply that is expected. */
typedef struct {
    uint16_t length;
    uint8_t code;
} cl_ch392_expected_t;

/* A framer of the UART's replies. Caller-owned, prepared by cl_ch392_init; the members are its own.
 * `buffer` comes first: an `offset` counts from the struct's address too. */
typedef struct {
    uint8_t buffer[CL_CH392_BUFFER];
    cl_ch392_expected_t expected[CL_CH392_EXPECTED_MAX];
    uint32_t count; /* of `expected` */
    uint32_t start; /* where the first reply's bytes begin in `buffer` */
    uint32_t came;  /* how many of them there are */
} cl_ch392_t;

/* Makes the framer empty: nothing is expected. */
void cl_ch392_init(cl_ch392_t *self);

/* Says that a command was sent whose reply will have `length` bytes; returns how many replies are
 * expected then. A `length` of 0 expects nothing.
 *
 * CL_E_RANGE: no such code. CL_E_LENGTH: not the length of this reply, or above
 * CL_CH392_STREAM_MAX. CL_E_SPACE: CL_CH392_EXPECTED_MAX are expected already. CL_E_ARGUMENT: NULL.
 */
int cl_ch392_expect(cl_ch392_t *self, uint8_t code, size_t length);

/* Takes in bytes and reports the replies they complete, in order.
 *
 * Returns how many descriptors of `out` are filled, at most `cap`. `*used` is how much of `data`
 * was taken; while it is less than `len`, call again with the rest. With room for
 * CL_CH392_EXPECTED_MAX + 1 descriptors all is taken (of up to 2 GiB). `data` may be NULL when
 * `len` is 0.
 *
 * `kind` is the command's code, or -1 for GARBAGE.
 *   - A reply of fixed length lies in `self->buffer` until the next call.
 *   - READ_RECV_BUF_SN's payload, and GARBAGE, are ranges of `data`. The last piece has the status
 *     OK, those before it CL_CH392_PART.
 *
 * CL_E_ARGUMENT: a NULL pointer, or `cap` is 0. */
int cl_ch392_feed(cl_ch392_t *self, const uint8_t *data, size_t len, size_t *used, cl_frame_t *out,
                  size_t cap);

/* Gives up what is expected: the caller's deadline has passed and no more bytes come.
 *
 * Each reply is reported as BAD_LENGTH with the bytes that came, which are none but for the first;
 * those of READ_RECV_BUF_SN were reported before and are not repeated. Returns how many
 * descriptors are filled; call again while cl_ch392_pending is not 0. CL_E_ARGUMENT as in
 * cl_ch392_feed. */
int cl_ch392_flush(cl_ch392_t *self, cl_frame_t *out, size_t cap);

/* How many bytes are still to come of the replies that are expected. */
size_t cl_ch392_pending(const cl_ch392_t *self);

/* end */

#endif
