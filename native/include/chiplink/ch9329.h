/* The CH9329's serial frames, both directions (protocol document V1.1, section 2.1):
 *
 *     57 AB | address | command | length | data, 0 to 64 bytes | sum
 *
 * `sum` is the low byte of the sum of all bytes before it. A reply's command code is the command's
 * with 80H added, or with C0H for an error.
 *
 * How a stream is read
 *   - Length. Each code has its legal lengths (sections 2.2.1 to 2.2.13, and 2.3: an error reply
 *     has one byte), so that a damaged length byte cannot make the framer wait for data that never
 *     comes. The keyboard media command has 2 or 4 bytes (appendix 1). A code that the document
 *     does not have may bring 0 to 64.
 *   - After BAD_SUM and BAD_LENGTH the reading resumes two bytes on, right after the head, so a
 *     good frame inside a torn one is found. Those bytes are read again: what is not part of a
 *     frame is reported as GARBAGE behind the bad frame.
 *   - UNKNOWN_COMMAND: `57 AB xx FE 00`, five bytes without a sum, as some firmware answers.
 *   - LONG: the CH9329F answers GET_PARA_CFG with length 32H, 65 data bytes and the sum at byte 70,
 *     71 bytes in all. If byte 55 is the sum of the 55 before it, this is an ordinary reply: in a
 *     long one this happens by chance once in 256, and then the 15 bytes that follow are GARBAGE
 *     and the payload is right all the same. Otherwise byte 70 decides between LONG and BAD_SUM,
 *     and until it came the frame is incomplete. The payload is the first 50 bytes.
 *   - HEADLESS: a status reply without its first byte, `AB 00 89 01 00 8C`: accepted for the codes
 *     that carry one status byte (82-86, 89, 8B, 8C, 8F, C1-CF) when the sum with 57H is right.
 *
 * The frames do not depend on how the stream is cut, except that a run of GARBAGE may come in
 * pieces. No frame is longer than 71 bytes, so no more than 70 bytes ever wait. */
#ifndef CHIPLINK_CH9329_H
#define CHIPLINK_CH9329_H

#include "chiplink/core.h"

/* cdef */

#define CL_CH9329_BUFFER 4096  /* bytes of a framer's own buffer */
#define CL_CH9329_DATA_MAX 64  /* data bytes of a frame, section 2.1 */
#define CL_CH9329_FRAME_MAX 70 /* bytes of a frame that is encoded */

/* A framer. Caller-owned, prepared by cl_ch9329_init; the members are its own. `buffer` comes
 * first: an `offset` counts from the struct's address too. */
typedef struct {
    uint8_t buffer[CL_CH9329_BUFFER];
    uint32_t start; /* the first byte that is not reported yet */
    uint32_t end;   /* behind the last byte taken in */
} cl_ch9329_t;

/* Makes the framer empty; also forgets what was pending. */
void cl_ch9329_init(cl_ch9329_t *self);

/* Takes in bytes and reports the frames they complete.
 *
 * Returns how many descriptors of `out` are filled, at most `cap`. `*used` is how much of `data`
 * was taken; while it is less than `len`, call again with the rest. `data` is copied and may be
 * NULL when `len` is 0. Descriptors locate payloads in `self->buffer` until the next call.
 *
 * `kind` is address << 8 | command code, or -1 for GARBAGE. The payload is
 *   - OK, HEADLESS: the data bytes;          - LONG: the first 50 of them;
 *   - BAD_SUM: the data bytes as they came;  - GARBAGE: the bytes of the run;
 *   - BAD_LENGTH from here, UNKNOWN_COMMAND: empty.
 *
 * CL_E_ARGUMENT: a NULL pointer, or `cap` is 0. */
int cl_ch9329_feed(cl_ch9329_t *self, const uint8_t *data, size_t len, size_t *used,
                   cl_frame_t *out, size_t cap);

/* Gives up what is incomplete: the caller's deadline has passed and no more bytes come.
 *
 * A candidate whose first five bytes came is reported as BAD_LENGTH with the data bytes that came,
 * or as BAD_SUM if only the LONG form was still possible; a shorter one as GARBAGE. The bytes
 * behind its head are read again. Returns how many descriptors are filled; call again while
 * cl_ch9329_pending is not 0. CL_E_ARGUMENT as in cl_ch9329_feed. */
int cl_ch9329_flush(cl_ch9329_t *self, cl_frame_t *out, size_t cap);

/* How many bytes wait for the rest of their frame. */
size_t cl_ch9329_pending(const cl_ch9329_t *self);

/* Writes one frame to `out` and returns its length, 6 + `len`.
 *
 * `data` may be NULL when `len` is 0. CL_E_LENGTH: not a legal length for this code. CL_E_SPACE:
 * `cap` is less than 6 + `len`. CL_E_ARGUMENT: a NULL pointer. */
int cl_ch9329_encode(uint8_t address, uint8_t command, const uint8_t *data, size_t len,
                     uint8_t *out, size_t cap);

/* end */

#endif
