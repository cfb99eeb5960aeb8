/* What every module of the chiplink core shares: error codes and the frame descriptor.
 *
 * The core does no I/O (but for spi.h's), allocates nothing, keeps no globals and starts no
 * threads. Every object is a struct of the caller's; one thread at a time may use it. Functions
 * return a count or a length (0 or more) or one of the negative codes below; after an error nothing
 * was consumed, and what an output buffer holds is unspecified.
 *
 * The region between the cdef and end marks is also read by native/ffi_build.py. */
#ifndef CHIPLINK_CORE_H
#define CHIPLINK_CORE_H

#include <stddef.h>
#include <stdint.h>

/* cdef */

/* Errors: misuse by the caller. What a chip sends is never an error, it is a frame's status. */
enum {
    CL_E_ARGUMENT = -1, /* a pointer that is needed is NULL, or an output has no room at all */
    CL_E_SPACE = -2,    /* the output buffer is too small */
    CL_E_LENGTH = -3,   /* a length that the protocol, or the bound named there, does not allow */
    CL_E_RANGE = -4,    /* a value outside the range named there */
    CL_E_UNSUPPORTED = -5, /* the text holds a character that the key table cannot type */
    CL_E_TABLE = -6        /* a row of the key table is not usable */
};

/* What a frame is worth. A bad frame is a value: it is reported, counted and traced. */
enum {
    CL_FRAME_OK = 0,              /* legal length, right sum */
    CL_FRAME_BAD_SUM = 1,         /* legal length, wrong sum */
    CL_FRAME_BAD_LENGTH = 2,      /* illegal length, or the rest did not come before the flush */
    CL_FRAME_GARBAGE = 3,         /* bytes that belong to no frame; kind is -1 */
    CL_FRAME_UNKNOWN_COMMAND = 4, /* the chip does not know the command; this has no sum */
    CL_FRAME_LONG = 5,            /* more data than the length byte says, right sum at its end */
    CL_FRAME_HEADLESS = 6         /* a right frame whose first byte was lost */
};

/* One frame, 16 bytes. `offset` and `length` locate the payload in the buffer of the object that
 * reported it, until the next call on that object. `kind` is defined by each chip's header. */
typedef struct {
    uint32_t offset;
    uint32_t length;
    int32_t kind;
    int32_t status; /* CL_FRAME_ ... */
} cl_frame_t;

/* end */

#endif
