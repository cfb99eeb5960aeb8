/* A kernel with a spidev device, for one program: LD_PRELOAD answers open, ioctl, flock and close
 * on SPIDEV_NODE from a simulator's SPI wire, as drivers/spi/spidev.c does it.
 *
 *   SPIDEV_NODE    the device's path, /dev/spidev0.0 unless told
 *   SPIDEV_WIRE    the simulator's socket
 *   SPIDEV_LOG     a file that gets a line for each message
 *   SPIDEV_BUFSIZ  bytes of the buffers, 4096 unless told
 *   SPIDEV_FAIL    NAME:ERRNO, of open, flock, mode, speed or message, which then fails
 *
 * A line of the log has the segments, and of each its letter (t sends, r receives, b both), length,
 * delay, speed and cs_change:
 *
 *   3 mode=0 bits=8 t1+2@8000000 t1+2@8000000 r1+0@8000000 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/spi/spidev.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    SEGMENTS_MAX = 16,
    ROUND = 128,
    DEFAULT_BUFSIZ = 4096,
    BUFSIZ_MAX = 65408,
    WIRE_MAX = 3 * BUFSIZ_MAX,
    LINE = 1024
};

/* The one device. Between messages chip select is high, unless the last segment asked otherwise. */
static struct {
    int fd;
    uint8_t mode, bits;
    uint32_t speed;
    uint32_t told; /* clock that the wire was told */
    int selected;
} device = {.fd = -1};

static const char *setting(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value != NULL ? value : otherwise;
}

/* Looks a function of the C library up; ISO C has no cast from an object to a function. */
static void next(const char *name, void *function) {
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, sizeof found);
}

static int fails(const char *name) {
    const char *wanted = setting("SPIDEV_FAIL", "");
    size_t length = strlen(name);
    if (strncmp(wanted, name, length) != 0 || wanted[length] != ':') {
        return 0;
    }
    errno = atoi(wanted + length + 1);
    return 1;
}

/* The wire: what a message says, gathered, so that it crosses at once as a bus's does. */

static struct {
    uint8_t bytes[WIRE_MAX];
    size_t count;
} wire;

static void letter(char name, uint32_t value, size_t bytes) {
    wire.bytes[wire.count++] = (uint8_t)name;
    for (size_t i = 0; i < bytes; i++) {
        wire.bytes[wire.count++] = (uint8_t)(value >> 8 * i);
    }
}

static int gone(void) {
    errno = ESHUTDOWN;
    return -1;
}

static int put(void) {
    for (size_t at = 0; at < wire.count;) {
        ssize_t count = send(device.fd, wire.bytes + at, wire.count - at, MSG_NOSIGNAL);
        if (count <= 0) {
            return gone();
        }
        at += (size_t)count;
    }
    return 0;
}

static int get(size_t len) {
    for (size_t at = 0; at < len;) {
        ssize_t count = recv(device.fd, wire.bytes + at, len - at, 0);
        if (count <= 0) {
            return gone();
        }
        at += (size_t)count;
    }
    return 0;
}

static void select_chip(int selected) {
    if (selected != device.selected) {
        device.selected = selected;
        letter(selected ? 'L' : 'H', 0, 0);
    }
}

static void say(const struct spi_ioc_transfer *segment) {
    const void *tx = (const void *)(uintptr_t)segment->tx_buf;
    uint32_t speed = segment->speed_hz != 0 ? segment->speed_hz : device.speed;
    if (speed != device.told) {
        device.told = speed;
        letter('S', speed, 4);
    }
    select_chip(1);
    letter('T', segment->len, 2);
    memset(wire.bytes + wire.count, 0, segment->len);
    if (tx != NULL) {
        memcpy(wire.bytes + wire.count, tx, segment->len);
    }
    wire.count += segment->len;
    if (segment->delay_usecs > 0) {
        letter('D', segment->delay_usecs, 4);
    }
}

/* A message. */

static int append(char *line, int at, const struct spi_ioc_transfer *segment) {
    char kind = segment->tx_buf == 0 ? 'r' : segment->rx_buf == 0 ? 't' : 'b';
    return at + snprintf(line + at, (size_t)(LINE - at), " %c%u+%u@%u%s", kind, segment->len,
                         segment->delay_usecs, segment->speed_hz, segment->cs_change ? "!" : "");
}

static void log_message(const struct spi_ioc_transfer *segments, size_t count) {
    const char *path = setting("SPIDEV_LOG", "");
    if (*path == '\0') {
        return;
    }
    char line[LINE];
    int at = snprintf(line, sizeof line, "%zu mode=%u bits=%u", count, device.mode, device.bits);
    for (size_t i = 0; i < count; i++) {
        at = append(line, at, &segments[i]);
    }
    line[at++] = '\n';
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ssize_t written = write(file, line, (size_t)at);
    (void)written;
    close(file);
}

/* spidev_message: the sums of what is sent and what is received are bounded apart. */
static int fits(const struct spi_ioc_transfer *segments, size_t count) {
    size_t bufsiz = (size_t)atoi(setting("SPIDEV_BUFSIZ", "0"));
    size_t tx = 0;
    size_t rx = 0;
    bufsiz = bufsiz != 0 && bufsiz <= BUFSIZ_MAX ? bufsiz : DEFAULT_BUFSIZ;
    for (size_t i = 0; i < count; i++) {
        size_t rounded = ((size_t)segments[i].len + ROUND - 1) / ROUND * ROUND;
        tx += segments[i].tx_buf != 0 ? rounded : 0;
        rx += segments[i].rx_buf != 0 ? rounded : 0;
        if (tx > bufsiz || rx > bufsiz || (segments[i].tx_buf | segments[i].rx_buf) == 0) {
            return 0;
        }
    }
    return 1;
}

static int message(const struct spi_ioc_transfer *segments, size_t count) {
    if (fails("message")) {
        return -1;
    }
    if (!fits(segments, count)) {
        errno = EMSGSIZE;
        return -1;
    }
    size_t total = 0;
    wire.count = 0;
    for (size_t i = 0; i < count; i++) {
        int last = i + 1 == count;
        say(&segments[i]);
        total += segments[i].len;
        /* Asked for, it falls between two segments, and stays low after the last. */
        if (last ? !segments[i].cs_change : segments[i].cs_change) {
            select_chip(0);
        }
    }
    if (put() < 0 || get(total) < 0) {
        return -1;
    }
    const uint8_t *at = wire.bytes;
    for (size_t i = 0; i < count; at += segments[i++].len) {
        if (segments[i].rx_buf != 0) {
            memcpy((void *)(uintptr_t)segments[i].rx_buf, at, segments[i].len);
        }
    }
    log_message(segments, count);
    return (int)total;
}

static int spidev_ioctl(unsigned long request, void *argument) {
    if (_IOC_TYPE(request) != SPI_IOC_MAGIC) {
        errno = ENOTTY;
        return -1;
    }
    switch (request) {
    case SPI_IOC_WR_MODE:
        device.mode = *(uint8_t *)argument;
        errno = EINVAL; /* the chip has modes 0 and 3, MSB first */
        return fails("mode") || (device.mode != 0 && device.mode != 3) ? -1 : 0;
    case SPI_IOC_WR_BITS_PER_WORD:
        device.bits = *(uint8_t *)argument;
        return 0;
    case SPI_IOC_WR_MAX_SPEED_HZ:
        device.speed = *(uint32_t *)argument;
        return fails("speed") ? -1 : 0;
    default:
        break;
    }
    size_t size = _IOC_SIZE(request);
    size_t count = size / sizeof(struct spi_ioc_transfer);
    if (_IOC_NR(request) != 0 || size % sizeof(struct spi_ioc_transfer) != 0 || count == 0 ||
        count > SEGMENTS_MAX) {
        errno = EINVAL;
        return -1;
    }
    return message(argument, count);
}

static int spidev_open(void) {
    if (fails("open")) {
        return -1;
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", setting("SPIDEV_WIRE", ""));
    struct timeval deadline = {.tv_sec = 10};
    device.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(device.fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    if (connect(device.fd, (struct sockaddr *)&address, sizeof address) < 0) {
        close(device.fd);
        device.fd = -1;
        errno = ENOENT;
        return -1;
    }
    device.told = 0;
    device.selected = 0;
    return device.fd;
}

/* The C library's functions. */

int open(const char *path, int flags, ...) {
    static int (*real)(const char *, int, ...);
    if (strcmp(path, setting("SPIDEV_NODE", "/dev/spidev0.0")) == 0) {
        return spidev_open();
    }
    va_list list;
    va_start(list, flags);
    int mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, int) : 0;
    va_end(list);
    if (real == NULL) {
        next("open", &real);
    }
    return real(path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int ioctl(int fd, unsigned long request, ...) {
    static int (*real)(int, unsigned long, ...);
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (fd >= 0 && fd == device.fd) {
        return spidev_ioctl(request, argument);
    }
    if (real == NULL) {
        next("ioctl", &real);
    }
    return real(fd, request, argument);
}

int flock(int fd, int operation) {
    static int (*real)(int, int);
    if (fd >= 0 && fd == device.fd) {
        return fails("flock") ? -1 : 0;
    }
    if (real == NULL) {
        next("flock", &real);
    }
    return real(fd, operation);
}

int close(int fd) {
    static int (*real)(int);
    if (fd >= 0 && fd == device.fd) {
        device.fd = -1;
    }
    if (real == NULL) {
        next("close", &real);
    }
    return real(fd);
}
