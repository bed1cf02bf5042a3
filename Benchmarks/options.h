/* What a load is asked to do. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct options {
    const char *socket, *requests;
    size_t connections, depth, idle;
    double seconds, warmup;
    double rate; /* requests a second; 0: closed loop */
    uint64_t seed;
    pid_t server; /* 0: not told */
    bool echo, redis, refresh;
};

/* Ends the process, and says how it is used, when the arguments make no sense. */
struct options options_parse(int count, char **arguments);

#endif
