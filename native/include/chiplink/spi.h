/* The CH392 over SPI (manual V1.0, section 6.2): whole commands to a spidev device, or to the
 * simulator's wire. This is the one module of the core that does I/O.
 *
 * A command is one chip select. On a spidev device it is one ioctl, SPI_IOC_MESSAGE(n), of up to
 * three segments; the controller keeps the chip selected from the first to the last and waits
 * between them:
 *
 *     code | gap | arguments | turn | reply
 *
 * Neither the scheduler nor the interpreter comes between, so the gaps are as short as asked for.
 * `gapless` sends it as one segment in both directions instead, of whose bytes received the first
 * ones mean nothing; the clock's own period is then all the time the chip gets.
 *
 * spidev copies a message through two buffers of `bufsiz` bytes, one each way, in which a segment
 * takes a multiple of CL_SPI_ROUND: cl_spi_max_write and cl_spi_max_read say what fits.
 *
 * The simulator's wire is a stream socket: L selects, H releases, T with a 16-bit count exchanges
 * bytes, D with 32 bits says that microseconds passed, S with 32 bits states the clock in Hz;
 * numbers have the low byte first. T is answered by as many bytes as it has.
 *
 * An object is caller-owned and used by one thread at a time. The calls block: cl_spi_run for as
 * long as the controller takes, or on the wire for `deadline` at most. */
#ifndef CHIPLINK_SPI_H
#define CHIPLINK_SPI_H

#include "chiplink/ch392.h"

/* cdef */

#define CL_SPI_SPEED_MAX 8000000   /* Hz, section 2 */
#define CL_SPI_GAPLESS_MAX 1000000 /* Hz: a period lasts as long as the gap would */
#define CL_SPI_GAP_MAX 10000       /* microseconds */
#define CL_SPI_DEADLINE_MAX 60000  /* milliseconds */
#define CL_SPI_ROUND 128           /* bytes; the largest alignment of a segment, arm64's */
#define CL_SPI_BUFSIZ_MIN 2048     /* bytes: a whole datagram passes in one READ_RECV_BUF_SN */
#define CL_SPI_FRAME 4100          /* bytes of the longest command and its reply together */
#define CL_SPI_MESSAGE 4160        /* the same on the wire, with its letters */

enum {
    CL_E_SYSTEM = -7 /* the system refused, or the wire broke; the number is in `error` */
};

/* What a device is driven with. */
typedef struct {
    uint32_t wire;     /* 1: the path is a simulator's socket; 0: a spidev device */
    uint32_t mode;     /* 0 or 3 */
    uint32_t speed;    /* Hz, 1 to CL_SPI_SPEED_MAX; gapless to CL_SPI_GAPLESS_MAX */
    uint32_t gap;      /* microseconds after the code (TSC), at most CL_SPI_GAP_MAX */
    uint32_t turn;     /* microseconds before the first reply byte, at most CL_SPI_GAP_MAX */
    uint32_t gapless;  /* 1: one segment a command, gap and turn are not used */
    uint32_t bufsiz;   /* bytes of spidev's buffers, at least CL_SPI_BUFSIZ_MIN */
    uint32_t deadline; /* milliseconds that opening, or one call of cl_spi_run, may take on the
                          wire, 1 to CL_SPI_DEADLINE_MAX */
} cl_spi_settings_t;

/* An open device; cl_spi_open fills it in. `error` and `done` may be read after each call. */
typedef struct {
    cl_spi_settings_t settings;
    int32_t fd;                     /* -1 when closed */
    int32_t error;                  /* errno of the last CL_E_SYSTEM */
    uint32_t done;                  /* commands that the last cl_spi_run carried out */
    uint8_t sent[CL_SPI_MESSAGE];   /* room for what is being sent */
    uint8_t received[CL_SPI_FRAME]; /* and received */
} cl_spi_t;

/* Opens the device at `path`, for this program alone as far as others ask, and sets mode, MSB
 * first, 8 bits and the clock. Returns 0.
 *
 * CL_E_RANGE: a setting is outside its bounds. CL_E_LENGTH: the path is too long for a socket's.
 * CL_E_ARGUMENT: NULL. CL_E_SYSTEM with ENOENT: not there, the overlay is off. EACCES: not
 * permitted. EBUSY: another program has it. ENOTTY: no spidev device. EINVAL: the controller takes
 * no such mode or speed. ECONNREFUSED: no simulator listens. */
int cl_spi_open(cl_spi_t *self, const char *path, const cl_spi_settings_t *settings);

/* Closes the device; harmless when closed. */
void cl_spi_close(cl_spi_t *self);

/* Data bytes of the longest WRITE_SEND_BUF_SN that fits into `bufsiz`. A longer one is refused: it
 * would be several sends, each of which must wait for SENBUF_FREE. */
int cl_spi_max_write(const cl_spi_settings_t *settings);

/* Bytes of the longest READ_RECV_BUF_SN that fits. A longer one is carried out as several, which
 * section 5.27 allows; only a UDP server's buffer must be read at once (8.2.2). */
int cl_spi_max_read(const cl_spi_settings_t *settings);

/* Carries out `n` commands, each in a chip select of its own, and returns the bytes of their
 * replies.
 *
 * `commands` holds codes and arguments without gaps, `lengths` the bytes of each. `replies` gets
 * the replies without gaps, `sizes`, of `n` numbers, the bytes of each. The times between commands
 * (a row's `pause`) are the caller's.
 *
 * All commands are checked before the first is sent. Errors as in cl_ch392_reply for any of them;
 * CL_E_LENGTH also: a WRITE_SEND_BUF_SN beyond cl_spi_max_write. CL_E_SPACE: `cap` is less than all
 * replies. CL_E_SYSTEM: `done` commands were carried out, perhaps one more. On the wire it is
 * ETIMEDOUT (the deadline), ECONNRESET or EPIPE (the simulator is gone) or EPROTO (it sent what
 * nobody asked for), and nothing but cl_spi_close is of use then. */
int cl_spi_run(cl_spi_t *self, const uint8_t *commands, const uint32_t *lengths, size_t n,
               uint8_t *replies, size_t cap, uint32_t *sizes);

/* end */

#endif
