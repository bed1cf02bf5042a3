/* One connection of the load: what it still has to write, what it has read, and which requests wait for their reply. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "requests.h"

/* The longest reply that is understood, in bytes. */
enum { CONNECTION_REPLY = 256 * 1024 };

struct waiting {
    const struct request *request; /* NULL: a REFRESH */
    uint64_t since;                /* nanoseconds */
};

struct connection {
    int fd;
    uint64_t random;
    /* A ring of `depth` requests, oldest first: replies come in the order of their requests. */
    struct waiting *waiting;
    size_t depth, oldest, in_flight;
    char *in;
    size_t in_length;
    char *out;
    size_t out_length, out_capacity;
    bool blocked;
};

/* A connected, non-blocking socket; ends the process when the server refuses. */
int connection_socket(const char *path);

/* A connection that may have `depth` requests in flight. `seed` begins its sequence of random numbers. */
struct connection connection_open(const char *path, size_t depth, uint64_t seed);

/* Evenly distributed in 0 ..< bound. */
size_t connection_random(struct connection *connection, size_t bound);

void connection_append(struct connection *connection, const char *bytes, size_t length);

void connection_push(struct connection *connection, struct waiting waiting);
struct waiting connection_pop(struct connection *connection);

/* Writes what the socket takes; what is left keeps `blocked` true. Ends the process when the server has gone. */
void connection_flush(struct connection *connection);

/* Reads once. Returns false when nothing was there; ends the process when the server has gone. */
bool connection_read(struct connection *connection);

#endif
