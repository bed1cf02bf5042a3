#define _GNU_SOURCE
#include "connection.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int connection_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) errx(1, "the path of the socket is too long: %s", path);
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) err(1, "socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) err(1, "%s", path);
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) err(1, "fcntl");
    return fd;
}

struct connection connection_open(const char *path, size_t depth, uint64_t seed)
{
    struct connection connection = {
        .fd = connection_socket(path),
        .random = seed,
        .depth = depth,
        .waiting = calloc(depth, sizeof *connection.waiting),
        .in = malloc(CONNECTION_REPLY),
    };
    if (!connection.waiting || !connection.in) err(1, "malloc");
    return connection;
}

/* SplitMix64: neighbouring seeds give unrelated sequences. */
size_t connection_random(struct connection *connection, size_t bound)
{
    uint64_t z = connection->random += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return (size_t)(((z ^ (z >> 31)) >> 32) * (uint64_t)bound >> 32);
}

void connection_append(struct connection *connection, const char *bytes, size_t length)
{
    if (connection->out_capacity - connection->out_length < length) {
        connection->out_capacity = 2 * (connection->out_length + length);
        connection->out = realloc(connection->out, connection->out_capacity);
        if (!connection->out) err(1, "realloc");
    }
    memcpy(connection->out + connection->out_length, bytes, length);
    connection->out_length += length;
}

void connection_push(struct connection *connection, struct waiting waiting)
{
    size_t place = connection->oldest + connection->in_flight++;
    if (place >= connection->depth) place -= connection->depth;
    connection->waiting[place] = waiting;
}

struct waiting connection_pop(struct connection *connection)
{
    struct waiting waiting = connection->waiting[connection->oldest];
    if (++connection->oldest == connection->depth) connection->oldest = 0;
    connection->in_flight--;
    return waiting;
}

void connection_flush(struct connection *connection)
{
    connection->blocked = false;
    if (connection->out_length == 0) return;
    ssize_t n = write(connection->fd, connection->out, connection->out_length);
    if (n < 0 && errno != EAGAIN) err(1, "write");
    if (n < 0) n = 0;
    connection->out_length -= (size_t)n;
    connection->blocked = connection->out_length > 0;
    if (connection->blocked) memmove(connection->out, connection->out + n, connection->out_length);
}

bool connection_read(struct connection *connection)
{
    size_t room = CONNECTION_REPLY - connection->in_length;
    if (room == 0) errx(1, "a reply is longer than %d bytes", CONNECTION_REPLY);
    ssize_t n = read(connection->fd, connection->in + connection->in_length, room);
    if (n == 0) errx(1, "the server closed a connection");
    if (n < 0 && errno != EAGAIN) err(1, "read");
    if (n < 0) return false;
    connection->in_length += (size_t)n;
    return true;
}
