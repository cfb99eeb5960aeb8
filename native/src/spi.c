#define _DEFAULT_SOURCE

#include "chiplink/spi.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/spi/spidev.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static_assert(CL_SPI_FRAME == CL_CH392_COMMAND_MAX, "a WRITE; a READ and its reply are as long");

enum {
    READ_RECV_BUF_SN = 0x3C,
    WRITE_SEND_BUF_SN = 0x39,
    READ_LENGTH = 4, /* code, socket, count */
    WRITE_HEAD = 3,  /* of the arguments: socket, count */
    BITS = 8,
    PATH_MAX_WIRE = sizeof((struct sockaddr_un *)0)->sun_path - 1
};

/* What goes over the bus while the chip is selected, and how long it rests then. Sent are `length`
 * bytes, of which `given` are in `tx`; of those received the last `kept` go to `rx`. */
typedef struct {
    const uint8_t *tx;
    size_t given;
    uint8_t *rx;
    size_t kept;
    size_t length;
    uint32_t rest;
} part_t;

static int refuse(cl_spi_t *self, int error) {
    self->error = error;
    return CL_E_SYSTEM;
}

static bool usable(const cl_spi_settings_t *settings) {
    uint32_t fastest = settings->gapless != 0 ? CL_SPI_GAPLESS_MAX : CL_SPI_SPEED_MAX;
    return settings->wire <= 1 && (settings->mode == 0 || settings->mode == 3) &&
           settings->speed > 0 && settings->speed <= fastest && settings->gapless <= 1 &&
           settings->gap <= CL_SPI_GAP_MAX && settings->turn <= CL_SPI_GAP_MAX &&
           settings->bufsiz >= CL_SPI_BUFSIZ_MIN && settings->deadline > 0 &&
           settings->deadline <= CL_SPI_DEADLINE_MAX;
}

/* Time. */

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until the socket is ready for `events`; 0, or an errno. */
static int await(int fd, short events, int64_t deadline) {
    for (;;) {
        int64_t left = deadline - now_ms();
        if (left <= 0) {
            return ETIMEDOUT;
        }
        struct pollfd item = {fd, events, 0};
        int ready = poll(&item, 1, (int)left);
        if (ready > 0) {
            return 0;
        }
        if (ready < 0 && errno != EINTR) {
            return errno;
        }
    }
}

/* The simulator's wire. */

static uint8_t *letter(uint8_t *at, char name, uint32_t value, size_t bytes) {
    *at++ = (uint8_t)name;
    for (size_t i = 0; i < bytes; i++) {
        *at++ = (uint8_t)(value >> 8 * i);
    }
    return at;
}

static int wire_send(int fd, const uint8_t *data, size_t len, int64_t deadline) {
    while (len > 0) {
        ssize_t count = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count >= 0) {
            data += count;
            len -= (size_t)count;
        } else if (errno == EAGAIN) {
            int error = await(fd, POLLOUT, deadline);
            if (error != 0) {
                return error;
            }
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

static int wire_receive(int fd, uint8_t *data, size_t len, int64_t deadline) {
    while (len > 0) {
        int error = await(fd, POLLIN, deadline);
        if (error != 0) {
            return error;
        }
        ssize_t count = recv(fd, data, len, MSG_DONTWAIT);
        if (count == 0) {
            return ECONNRESET;
        }
        if (count > 0) {
            data += count;
            len -= (size_t)count;
        } else if (errno != EAGAIN && errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

/* What came without being asked for cannot be told from an answer later. */
static int wire_idle(int fd) {
    uint8_t stray;
    ssize_t count = recv(fd, &stray, 1, MSG_DONTWAIT);
    if (count > 0) {
        return EPROTO;
    }
    if (count == 0) {
        return ECONNRESET;
    }
    return errno == EAGAIN ? 0 : errno;
}

static int wire_transfer(cl_spi_t *self, const part_t *parts, size_t count, int64_t deadline) {
    uint8_t *at = letter(self->sent, 'L', 0, 0);
    size_t due = 0;
    for (size_t i = 0; i < count; i++) {
        const part_t *part = &parts[i];
        at = letter(at, 'T', (uint32_t)part->length, 2);
        memset(at, 0, part->length);
        if (part->given > 0) {
            memcpy(at, part->tx, part->given);
        }
        at += part->length;
        due += part->length;
        if (part->rest > 0) {
            at = letter(at, 'D', part->rest, 4);
        }
    }
    at = letter(at, 'H', 0, 0);
    int error = wire_idle(self->fd);
    if (error == 0) {
        error = wire_send(self->fd, self->sent, (size_t)(at - self->sent), deadline);
    }
    if (error == 0) {
        error = wire_receive(self->fd, self->received, due, deadline);
    }
    if (error != 0) {
        return error;
    }
    const uint8_t *end = self->received;
    for (size_t i = 0; i < count; i++) {
        end += parts[i].length;
        if (parts[i].kept > 0) {
            memcpy(parts[i].rx, end - parts[i].kept, parts[i].kept);
        }
    }
    return 0;
}

static int wire_open(cl_spi_t *self, const char *path, int64_t deadline) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    self->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->fd < 0) {
        return errno;
    }
    /* A full queue of callers answers EAGAIN at once. */
    if (connect(self->fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        return errno == EAGAIN ? EBUSY : errno;
    }
    uint8_t clock[5];
    letter(clock, 'S', self->settings.speed, 4);
    return wire_send(self->fd, clock, sizeof clock, deadline);
}

/* A spidev device. */

static int device_open(cl_spi_t *self, const char *path) {
    self->fd = open(path, O_RDWR | O_CLOEXEC);
    if (self->fd < 0) {
        return errno;
    }
    /* The kernel lets any number of programs in; the lock keeps two bridges apart. */
    if (flock(self->fd, LOCK_EX | LOCK_NB) < 0) {
        return errno == EWOULDBLOCK ? EBUSY : errno;
    }
    uint8_t mode = (uint8_t)self->settings.mode; /* this sets MSB first too */
    uint8_t bits = BITS;
    if (ioctl(self->fd, SPI_IOC_WR_MODE, &mode) < 0 ||
        ioctl(self->fd, SPI_IOC_WR_BITS_PER_WORD, &bits) < 0 ||
        ioctl(self->fd, SPI_IOC_WR_MAX_SPEED_HZ, &self->settings.speed) < 0) {
        return errno;
    }
    return 0;
}

/* Lays a part of both directions out in the object's own buffers. */
static void lay_out(cl_spi_t *self, const part_t *part, struct spi_ioc_transfer *segment) {
    memset(self->sent, 0, part->length);
    memcpy(self->sent, part->tx, part->given);
    segment->tx_buf = (uintptr_t)self->sent;
    segment->rx_buf = (uintptr_t)self->received;
}

static int device_transfer(cl_spi_t *self, const part_t *parts, size_t count) {
    static const unsigned long MESSAGE[] = {SPI_IOC_MESSAGE(1), SPI_IOC_MESSAGE(2),
                                            SPI_IOC_MESSAGE(3)};
    /* cs_change stays 0: selected between the segments, released after the last. */
    struct spi_ioc_transfer segments[CL_CH392_SEGMENTS_MAX] = {0};
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        const part_t *part = &parts[i];
        if (part->given > 0 && part->kept > 0) {
            lay_out(self, part, &segments[i]);
        } else if (part->given > 0) {
            segments[i].tx_buf = (uintptr_t)part->tx;
        } else {
            segments[i].rx_buf = (uintptr_t)part->rx;
        }
        segments[i].len = (uint32_t)part->length;
        segments[i].speed_hz = self->settings.speed;
        segments[i].bits_per_word = BITS;
        segments[i].delay_usecs = (uint16_t)part->rest;
        total += part->length;
    }
    int moved = ioctl(self->fd, MESSAGE[count - 1], segments);
    if (moved < 0) {
        return errno;
    }
    if ((size_t)moved != total) {
        return EIO;
    }
    if (parts[0].given > 0 && parts[0].kept > 0) {
        memcpy(parts[0].rx, self->received + parts[0].length - parts[0].kept, parts[0].kept);
    }
    return 0;
}

/* Commands. */

/* Cuts a command into parts and returns how many. */
static size_t cut(const cl_spi_settings_t *settings, const uint8_t *command, size_t len,
                  uint8_t *reply, size_t size, part_t *parts) {
    if (settings->gapless != 0) {
        parts[0] = (part_t){command, len, reply, size, len + size, 0};
        return 1;
    }
    cl_ch392_segment_t segments[CL_CH392_SEGMENTS_MAX] = {{0}};
    int count = cl_ch392_segments(command, len, settings->gap, settings->turn, segments,
                                  CL_CH392_SEGMENTS_MAX);
    assert(count > 0);
    for (int i = 0; i < count; i++) {
        const cl_ch392_segment_t *segment = &segments[i];
        parts[i] = segment->reads != 0
                       ? (part_t){NULL, 0, reply, size, size, segment->gap}
                       : (part_t){command + segment->offset, segment->length, NULL, 0,
                                  segment->length,           segment->gap};
    }
    return (size_t)count;
}

static int transfer(cl_spi_t *self, const uint8_t *command, size_t len, uint8_t *reply, size_t size,
                    int64_t deadline) {
    part_t parts[CL_CH392_SEGMENTS_MAX];
    size_t count = cut(&self->settings, command, len, reply, size, parts);
    return self->settings.wire != 0 ? wire_transfer(self, parts, count, deadline)
                                    : device_transfer(self, parts, count);
}

/* Carries out a READ_RECV_BUF_SN as several, none longer than fits. */
static int read_in_pieces(cl_spi_t *self, const uint8_t *command, uint8_t *reply, size_t size,
                          size_t most, int64_t deadline) {
    while (size > 0) {
        size_t piece = size < most ? size : most;
        uint8_t part[READ_LENGTH] = {command[0], command[1], (uint8_t)piece, (uint8_t)(piece >> 8)};
        int error = transfer(self, part, sizeof part, reply, piece, deadline);
        if (error != 0) {
            return error;
        }
        reply += piece;
        size -= piece;
    }
    return 0;
}

static int carry_out(cl_spi_t *self, const uint8_t *command, size_t len, uint8_t *reply,
                     size_t size, int64_t deadline) {
    size_t most = (size_t)cl_spi_max_read(&self->settings);
    if (command[0] == READ_RECV_BUF_SN && size > most) {
        return read_in_pieces(self, command, reply, size, most, deadline);
    }
    return transfer(self, command, len, reply, size, deadline);
}

/* Checks every command and writes the sizes of the replies; returns their sum. */
static int check(const cl_spi_settings_t *settings, const uint8_t *commands,
                 const uint32_t *lengths, size_t n, size_t cap, uint32_t *sizes) {
    size_t longest = (size_t)cl_spi_max_write(settings);
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        int size = cl_ch392_reply(commands, lengths[i]);
        if (size < 0) {
            return size;
        }
        if (commands[0] == WRITE_SEND_BUF_SN && lengths[i] - 1 - WRITE_HEAD > longest) {
            return CL_E_LENGTH;
        }
        if (cap - total < (size_t)size) {
            return CL_E_SPACE;
        }
        sizes[i] = (uint32_t)size;
        total += (size_t)size;
        commands += lengths[i];
    }
    return total <= INT32_MAX ? (int)total : CL_E_LENGTH;
}

int cl_spi_open(cl_spi_t *self, const char *path, const cl_spi_settings_t *settings) {
    if (self == NULL || path == NULL || settings == NULL) {
        return CL_E_ARGUMENT;
    }
    self->settings = *settings;
    self->fd = -1;
    self->error = 0;
    self->done = 0;
    if (!usable(settings)) {
        return CL_E_RANGE;
    }
    if (settings->wire != 0 && strlen(path) > PATH_MAX_WIRE) {
        return CL_E_LENGTH;
    }
    int error = settings->wire != 0 ? wire_open(self, path, now_ms() + settings->deadline)
                                    : device_open(self, path);
    if (error != 0) {
        cl_spi_close(self);
        return refuse(self, error);
    }
    return 0;
}

void cl_spi_close(cl_spi_t *self) {
    if (self->fd >= 0) {
        close(self->fd);
        self->fd = -1;
    }
}

int cl_spi_max_write(const cl_spi_settings_t *settings) {
    size_t room = settings->bufsiz / CL_SPI_ROUND * CL_SPI_ROUND;
    size_t head = settings->gapless != 0 ? 1 + WRITE_HEAD : CL_SPI_ROUND + WRITE_HEAD;
    return room - head < CL_CH392_STREAM_MAX ? (int)(room - head) : CL_CH392_STREAM_MAX;
}

int cl_spi_max_read(const cl_spi_settings_t *settings) {
    size_t room = settings->bufsiz / CL_SPI_ROUND * CL_SPI_ROUND;
    size_t head = settings->gapless != 0 ? READ_LENGTH : 0;
    return room - head < CL_CH392_STREAM_MAX ? (int)(room - head) : CL_CH392_STREAM_MAX;
}

int cl_spi_run(cl_spi_t *self, const uint8_t *commands, const uint32_t *lengths, size_t n,
               uint8_t *replies, size_t cap, uint32_t *sizes) {
    if (self == NULL) {
        return CL_E_ARGUMENT;
    }
    self->done = 0;
    if (n > 0 && (commands == NULL || lengths == NULL || replies == NULL || sizes == NULL)) {
        return CL_E_ARGUMENT;
    }
    int total = check(&self->settings, commands, lengths, n, cap, sizes);
    if (total < 0) {
        return total;
    }
    if (self->fd < 0) {
        return refuse(self, EBADF);
    }
    int64_t deadline = now_ms() + self->settings.deadline;
    for (size_t i = 0; i < n; i++) {
        int error = carry_out(self, commands, lengths[i], replies, sizes[i], deadline);
        if (error != 0) {
            return refuse(self, error);
        }
        commands += lengths[i];
        replies += sizes[i];
        self->done++;
    }
    return total;
}
