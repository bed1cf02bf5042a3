/* The limit: an echo server that does the framing of a line protocol and nothing else.

   usage: echo SOCKET

   One thread, epoll, level triggered. A readable connection gets one read, its LFs are found one by one, and all
   complete lines go back in one write. It ends when it is killed. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    LINE = 64 * 1024,
    /* Of one connection in a turn: with 16 KiB, 32 requests of 530 bytes take two turns and cost half as much again. */
    READ = 64 * 1024,
    BUFFER = LINE + READ,
};

struct connection {
    int fd;
    bool blocked;
    size_t sent;     /* of the complete lines */
    size_t complete; /* where the last complete line ends */
    size_t length;
    char buffer[BUFFER];
};

static int epoll;

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        fprintf(stderr, "echo: the path of the socket is too long: %s\n", path);
        exit(1);
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) fail(path);
    if (listen(fd, 4096) < 0) fail("listen");
    return fd;
}

static void watch(int operation, int fd, uint32_t events, void *whose)
{
    struct epoll_event event = {.events = events, .data.ptr = whose};
    if (epoll_ctl(epoll, operation, fd, &event) < 0) fail("epoll_ctl");
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = malloc(sizeof *connection);
        if (!connection) fail("malloc");
        connection->fd = fd;
        connection->blocked = false;
        connection->sent = connection->complete = connection->length = 0;
        watch(EPOLL_CTL_ADD, fd, EPOLLIN, connection);
    }
    if (errno != EAGAIN) fail("accept4");
}

static void drop(struct connection *connection)
{
    close(connection->fd);
    free(connection);
}

/* Returns false when the connection is gone. While a client does not read, it is not read from either. */
static bool answer(struct connection *connection)
{
    while (connection->sent < connection->complete) {
        ssize_t n = write(connection->fd, connection->buffer + connection->sent, connection->complete - connection->sent);
        if (n < 0 && errno != EAGAIN) return false;
        if (n < 0) {
            if (!connection->blocked) watch(EPOLL_CTL_MOD, connection->fd, EPOLLOUT, connection);
            connection->blocked = true;
            return true;
        }
        connection->sent += (size_t)n;
    }
    if (connection->blocked) watch(EPOLL_CTL_MOD, connection->fd, EPOLLIN, connection);
    connection->blocked = false;
    connection->length -= connection->complete;
    memmove(connection->buffer, connection->buffer + connection->complete, connection->length);
    connection->sent = connection->complete = 0;
    return true;
}

static bool serve(struct connection *connection)
{
    if (connection->blocked) return answer(connection);
    if (BUFFER - connection->length < READ) return false; /* a line longer than LINE */
    ssize_t n = read(connection->fd, connection->buffer + connection->length, READ);
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    const char *from = connection->buffer + connection->length;
    connection->length += (size_t)n;
    const char *end = connection->buffer + connection->length;
    const char *newline;
    while ((newline = memchr(from, '\n', (size_t)(end - from)))) from = newline + 1;
    if (from > connection->buffer + connection->length - (size_t)n) connection->complete = (size_t)(from - connection->buffer);
    return answer(connection);
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: echo SOCKET\n");
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) fail("epoll_create1");
    int listener = listen_on(arguments[1]);
    watch(EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
    struct epoll_event events[EVENTS];
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        if (n < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < n; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection) accept_all(listener);
            else if (!serve(connection)) drop(connection);
        }
    }
}
