#define _DEFAULT_SOURCE

#include "check.h"

#include "chiplink/spi.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/spi/spidev.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* A spidev device: what ioctl was asked, and what it answers. Reads get 01 02 03 … */
static struct {
    int fails; /* errno of the next message, 0 for none */
    int refuses_speed;
    int count; /* of messages */
    size_t segments;
    struct spi_ioc_transfer last[3];
    unsigned char sent[3][8]; /* the first bytes of each segment */
    unsigned mode, bits, speed;
    int next;
    int moves_less;
} device;

static int fail(int error) {
    errno = error;
    return -1;
}

static int message(const struct spi_ioc_transfer *segments, size_t count) {
    if (device.fails != 0) {
        return fail(device.fails);
    }
    int total = 0;
    device.count++;
    device.segments = count;
    memcpy(device.last, segments, count * sizeof *segments);
    for (size_t i = 0; i < count; i++) {
        size_t len = segments[i].len;
        const void *tx = (const void *)(uintptr_t)segments[i].tx_buf;
        unsigned char *rx = (unsigned char *)(uintptr_t)segments[i].rx_buf;
        if (tx != NULL) {
            memcpy(device.sent[i], tx, len < 8 ? len : 8);
        }
        for (size_t j = 0; rx != NULL && j < len; j++) {
            rx[j] = (unsigned char)++device.next;
        }
        total += (int)len;
    }
    return total - device.moves_less;
}

/* Stands in for the C library's. */
int ioctl(int fd, unsigned long request, ...) {
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    CHECK(fd >= 0);
    switch (request) {
    case SPI_IOC_WR_MODE:
        device.mode = *(unsigned char *)argument;
        return 0;
    case SPI_IOC_WR_BITS_PER_WORD:
        device.bits = *(unsigned char *)argument;
        return 0;
    case SPI_IOC_WR_MAX_SPEED_HZ:
        device.speed = *(unsigned *)argument;
        return device.refuses_speed ? fail(EINVAL) : 0;
    case SPI_IOC_MESSAGE(1):
        return message(argument, 1);
    case SPI_IOC_MESSAGE(2):
        return message(argument, 2);
    case SPI_IOC_MESSAGE(3):
        return message(argument, 3);
    default:
        return fail(ENOTTY);
    }
}

static char folder[] = "/tmp/test_spi_XXXXXX";
static char node[64];
static char wire[64];

static cl_spi_t spi;
static uint8_t replies[8192];
static uint32_t sizes[4];
static uint8_t commands[8300];

static cl_spi_settings_t usual(void) {
    return (cl_spi_settings_t){0, 3, 8000000, 2, 2, 0, 4096, 1000};
}

static void open_device(cl_spi_settings_t settings) {
    memset(&device, 0, sizeof device);
    CHECK(cl_spi_open(&spi, node, &settings) == 0);
}

/* Runs commands given by hand; `n` of them, with their lengths. */
static int run(size_t n, const uint32_t *lengths, const uint8_t *bytes) {
    return cl_spi_run(&spi, bytes, lengths, n, replies, sizeof replies, sizes);
}

static int run_one(uint32_t length, const uint8_t *bytes) { return run(1, &length, bytes); }

#define RUN(...) run_one((uint32_t)sizeof((uint8_t[]){__VA_ARGS__}), (const uint8_t[]){__VA_ARGS__})

static void segment(size_t i, unsigned len, unsigned delay, int writes, int reads) {
    const struct spi_ioc_transfer *is = &device.last[i];
    CHECK(is->len == len);
    CHECK(is->delay_usecs == delay);
    CHECK((is->tx_buf != 0) == (writes != 0));
    CHECK((is->rx_buf != 0) == (reads != 0));
    CHECK(is->cs_change == 0);
    CHECK(is->bits_per_word == 8);
    CHECK(is->speed_hz == spi.settings.speed);
}

static void one_ioctl_a_command(void) {
    open_device(usual());
    CHECK(device.mode == 3 && device.bits == 8 && device.speed == 8000000);
    CHECK(RUN(0x06, 0x57) == 1);
    CHECK(device.count == 1 && device.segments == 3 && spi.done == 1);
    segment(0, 1, 2, 1, 0);
    segment(1, 1, 2, 1, 0);
    segment(2, 1, 0, 0, 1);
    SAME(device.sent[0], 1, 0x06);
    SAME(device.sent[1], 1, 0x57);
    SAME(replies, sizes[0], 0x01);

    CHECK(RUN(0x2C) == 1);
    CHECK(device.segments == 2);
    segment(0, 1, 2, 1, 0);
    segment(1, 1, 0, 0, 1);
    CHECK(RUN(0x05) == 0);
    CHECK(device.segments == 1);
    segment(0, 1, 0, 1, 0);
    CHECK(RUN(0x35, 0x00) == 0);
    CHECK(device.segments == 2);
    segment(0, 1, 2, 1, 0);
    segment(1, 1, 0, 1, 0);
    cl_spi_close(&spi);
}

static void several_commands_in_a_call(void) {
    open_device(usual());
    const uint32_t lengths[] = {1, 2, 1};
    const uint8_t bytes[] = {0x29, 0x3B, 0x00, 0x26};
    CHECK(run(3, lengths, bytes) == 4);
    CHECK(device.count == 3 && spi.done == 3);
    CHECK(sizes[0] == 1 && sizes[1] == 2 && sizes[2] == 1);
    SAME(replies, 4, 1, 2, 3, 4);
    CHECK(run(0, NULL, NULL) == 0);
    cl_spi_close(&spi);
}

static void what_fits(void) {
    cl_spi_settings_t set = usual();
    CHECK(cl_spi_max_read(&set) == 4096);
    CHECK(cl_spi_max_write(&set) == 3965); /* 4096 - 128 of the code - 3 */
    set.gapless = 1;
    CHECK(cl_spi_max_read(&set) == 4092);
    CHECK(cl_spi_max_write(&set) == 4092);
    set.bufsiz = 65536;
    CHECK(cl_spi_max_read(&set) == 4096 && cl_spi_max_write(&set) == 4096);
    set.gapless = 0;
    set.bufsiz = 2100; /* only 2048 of them are whole segments */
    CHECK(cl_spi_max_read(&set) == 2048);
    CHECK(cl_spi_max_write(&set) == 1917);
}

static void a_long_read_is_cut(void) {
    cl_spi_settings_t set = usual();
    set.bufsiz = 2048;
    open_device(set);
    CHECK(RUN(0x3C, 0x01, 0x00, 0x10) == 4096);
    CHECK(device.count == 2 && spi.done == 1 && sizes[0] == 4096);
    SAME(device.sent[1], 3, 0x01, 0x00, 0x08);
    segment(2, 2048, 0, 0, 1);
    CHECK(replies[0] == 1 && replies[2047] == 0 && replies[2048] == 1 && replies[4095] == 0);
    CHECK(RUN(0x3C, 0x01, 0x01, 0x08) == 2049);
    CHECK(device.count == 4);
    SAME(device.sent[1], 3, 0x01, 0x01, 0x00);
    segment(2, 1, 0, 0, 1);
    cl_spi_close(&spi);
}

static void a_long_write_is_refused(void) {
    open_device(usual());
    memset(commands, 0, sizeof commands);
    commands[0] = 0x39;
    commands[2] = 0x7D;
    commands[3] = 0x0F; /* 3965 */
    CHECK(run_one(4 + 3965, commands) == 0);
    segment(1, 3968, 0, 1, 0);
    commands[2] = 0x7E;
    CHECK(run_one(4 + 3966, commands) == CL_E_LENGTH);
    CHECK(device.count == 1 && spi.done == 0);
    cl_spi_close(&spi);
}

static void gapless(void) {
    cl_spi_settings_t set = usual();
    set.gapless = 1;
    CHECK(cl_spi_open(&spi, node, &set) == CL_E_RANGE);
    set.speed = 1000000;
    open_device(set);
    CHECK(RUN(0x3B, 0x02) == 2);
    CHECK(device.count == 1 && device.segments == 1);
    segment(0, 4, 0, 1, 1);
    SAME(device.sent[0], 4, 0x3B, 0x02, 0x00, 0x00);
    SAME(replies, 2, 3, 4); /* 1 and 2 came while the command went */
    CHECK(RUN(0x05) == 0);
    segment(0, 1, 0, 1, 0);
    CHECK(RUN(0x3C, 0x00, 0x00, 0x10) == 4096);
    segment(0, 8, 0, 1, 1); /* 4092 and 4 */
    cl_spi_close(&spi);
}

static void nothing_is_sent_if_one_is_wrong(void) {
    open_device(usual());
    const uint32_t lengths[] = {1, 2};
    const uint8_t bytes[] = {0x29, 0x29, 0x00};
    CHECK(run(2, lengths, bytes) == CL_E_LENGTH);
    CHECK(RUN(0x04) == CL_E_RANGE);
    CHECK(cl_spi_run(&spi, bytes, lengths, 1, replies, 0, sizes) == CL_E_SPACE);
    CHECK(cl_spi_run(&spi, NULL, lengths, 1, replies, 1, sizes) == CL_E_ARGUMENT);
    CHECK(device.count == 0);
    cl_spi_close(&spi);
    CHECK(RUN(0x2C) == CL_E_SYSTEM && spi.error == EBADF);
    cl_spi_close(&spi);
}

static void settings_have_bounds(void) {
    cl_spi_settings_t set;
#define REFUSED(member, value)                                                                     \
    set = usual();                                                                                 \
    set.member = (value);                                                                          \
    CHECK(cl_spi_open(&spi, node, &set) == CL_E_RANGE)
    REFUSED(mode, 1);
    REFUSED(wire, 2);
    REFUSED(speed, 0);
    REFUSED(speed, 8000001);
    REFUSED(gap, 10001);
    REFUSED(turn, 10001);
    REFUSED(gapless, 2);
    REFUSED(bufsiz, 2047);
    REFUSED(deadline, 0);
    REFUSED(deadline, 60001);
    CHECK(cl_spi_open(&spi, NULL, &set) == CL_E_ARGUMENT);
}

static void what_the_system_refuses(void) {
    cl_spi_settings_t set = usual();
    CHECK(cl_spi_open(&spi, "/dev/no/spidev", &set) == CL_E_SYSTEM && spi.error == ENOENT);
    CHECK(spi.fd == -1);

    memset(&device, 0, sizeof device);
    device.refuses_speed = 1;
    CHECK(cl_spi_open(&spi, node, &set) == CL_E_SYSTEM && spi.error == EINVAL);

    int other = open(node, O_RDWR);
    CHECK(flock(other, LOCK_EX) == 0);
    CHECK(cl_spi_open(&spi, node, &set) == CL_E_SYSTEM && spi.error == EBUSY);
    close(other);

    open_device(set);
    CHECK(RUN(0x2C) == 1);
    device.fails = EMSGSIZE;
    CHECK(RUN(0x2C) == CL_E_SYSTEM && spi.error == EMSGSIZE && spi.done == 0);
    device.fails = 0;
    device.moves_less = 1;
    CHECK(RUN(0x2C) == CL_E_SYSTEM && spi.error == EIO);
    cl_spi_close(&spi);
}

/* The wire: a child that expects bytes and answers, given by hand. */

typedef struct {
    const char *expects; /* hex */
    const char *answers;
} step_t;

static size_t from_hex(const char *hex, uint8_t *out) {
    size_t count = 0;
    while (*hex != '\0') {
        out[count++] = (uint8_t)strtoul((const char[]){hex[0], hex[1], '\0'}, NULL, 16);
        hex += hex[2] == ' ' ? 3 : 2;
    }
    return count;
}

static int serve(int listener, const step_t *steps, size_t count) {
    int peer = accept(listener, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        uint8_t expected[128];
        uint8_t got[128];
        size_t size = from_hex(steps[i].expects, expected);
        for (size_t at = 0; at < size;) {
            ssize_t came = recv(peer, got + at, size - at, 0);
            if (came <= 0) {
                return 1;
            }
            at += (size_t)came;
        }
        if (memcmp(got, expected, size) != 0) {
            return 1;
        }
        size = from_hex(steps[i].answers, expected);
        if (send(peer, expected, size, MSG_NOSIGNAL) != (ssize_t)size) {
            return 1;
        }
    }
    return 0;
}

/* Opens the wire; the child ends after its steps, which closes it. */
static pid_t open_wire(const step_t *steps, size_t count, uint32_t deadline) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, wire, strlen(wire) + 1);
    unlink(wire);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(listener, 1) == 0);
    cl_spi_settings_t set = usual();
    set.wire = 1;
    set.deadline = deadline;
    pid_t child = fork();
    if (child == 0) {
        _exit(serve(listener, steps, count));
    }
    close(listener);
    CHECK(cl_spi_open(&spi, wire, &set) == 0);
    return child;
}

static void done(pid_t child) {
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* S 8000000, then CHECK_EXIST: L, T 06, D 2, T 57, D 2, T and one byte, H. */
#define CLOCK "53 00 12 7A 00 "
#define CHECK_EXIST "4C 54 01 00 06 44 02 00 00 00 54 01 00 57 44 02 00 00 00 54 01 00 00 48"

static void the_wire(void) {
    const step_t steps[] = {{CLOCK CHECK_EXIST, "FF FF A8"}, {CHECK_EXIST, "00 00 A8"}};
    pid_t child = open_wire(steps, 2, 10000);
    CHECK(RUN(0x06, 0x57) == 1);
    SAME(replies, sizes[0], 0xA8);
    CHECK(RUN(0x06, 0x57) == 1);
    SAME(replies, sizes[0], 0xA8);
    done(child);
    CHECK(RUN(0x06, 0x57) == CL_E_SYSTEM && spi.error == ECONNRESET);
    cl_spi_close(&spi);
}

static void the_wire_breaks_in_the_middle(void) {
    const step_t steps[] = {{CLOCK CHECK_EXIST, "FF FF"}};
    pid_t child = open_wire(steps, 1, 10000);
    CHECK(RUN(0x06, 0x57) == CL_E_SYSTEM && spi.error == ECONNRESET && spi.done == 0);
    done(child);
    cl_spi_close(&spi);
}

static void the_wire_says_too_much(void) {
    const step_t steps[] = {{CLOCK CHECK_EXIST, "FF FF A8 00"}};
    pid_t child = open_wire(steps, 1, 10000);
    CHECK(RUN(0x06, 0x57) == 1);
    done(child);
    CHECK(RUN(0x06, 0x57) == CL_E_SYSTEM && spi.error == EPROTO);
    cl_spi_close(&spi);
}

static void the_wire_is_silent(void) {
    /* The child waits for more than it gets. */
    const step_t steps[] = {{CLOCK CHECK_EXIST, ""}, {CHECK_EXIST, ""}};
    pid_t child = open_wire(steps, 2, 50);
    CHECK(RUN(0x06, 0x57) == CL_E_SYSTEM && spi.error == ETIMEDOUT);
    cl_spi_close(&spi);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
}

static void nobody_at_the_wire(void) {
    cl_spi_settings_t set = usual();
    set.wire = 1;
    CHECK(cl_spi_open(&spi, wire, &set) == CL_E_SYSTEM && spi.error == ECONNREFUSED);
    unlink(wire);
    CHECK(cl_spi_open(&spi, wire, &set) == CL_E_SYSTEM && spi.error == ENOENT);
    char path[200];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    CHECK(cl_spi_open(&spi, path, &set) == CL_E_LENGTH);
}

int main(void) {
    CHECK(mkdtemp(folder) != NULL);
    snprintf(node, sizeof node, "%s/spidev0.0", folder);
    snprintf(wire, sizeof wire, "%s/wire", folder);
    close(open(node, O_CREAT | O_RDWR, 0600));
    one_ioctl_a_command();
    several_commands_in_a_call();
    what_fits();
    a_long_read_is_cut();
    a_long_write_is_refused();
    gapless();
    nothing_is_sent_if_one_is_wrong();
    settings_have_bounds();
    what_the_system_refuses();
    the_wire();
    the_wire_breaks_in_the_middle();
    the_wire_says_too_much();
    the_wire_is_silent();
    nobody_at_the_wire();
    unlink(node);
    rmdir(folder);
    return report("spi");
}
