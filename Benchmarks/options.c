#define _GNU_SOURCE
#include "options.h"

#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static _Noreturn void usage(void)
{
    fprintf(stderr,
            "usage: load --socket PATH --requests FILE [--connections 1] [--depth 1] [--seconds 2] [--warmup 0.5]\n"
            "            [--seed 1] [--server PID] [--idle 0] [--echo | --redis | --refresh | --open RATE]\n"
            "FILE holds lines of EXPECTED<TAB>REQUEST; a reply must begin with EXPECTED, without it with {\"ok\":true.\n"
            "--server PID   tells the CPU time that the server uses for a request\n"
            "--idle N       holds N more connections, on which nothing is sent; with --connections 0 no FILE is needed\n"
            "--echo         each reply must be the request itself\n"
            "--redis        each request is a key, which Redis is asked for; its value must be EXPECTED, to the last byte\n"
            "--refresh      FILE holds refresh tokens, one for each connection; each is exchanged over and over\n"
            "--open RATE    so many requests a second, sent when they are due\n");
    exit(1);
}

struct options options_parse(int count, char **arguments)
{
    enum { SOCKET = 1, REQUESTS, CONNECTIONS, DEPTH, SECONDS, WARMUP, SEED, SERVER, IDLE, ECHO, REDIS, REFRESH, OPEN };
    static const struct option known[] = {
        {"socket", required_argument, NULL, SOCKET},
        {"requests", required_argument, NULL, REQUESTS},
        {"connections", required_argument, NULL, CONNECTIONS},
        {"depth", required_argument, NULL, DEPTH},
        {"seconds", required_argument, NULL, SECONDS},
        {"warmup", required_argument, NULL, WARMUP},
        {"seed", required_argument, NULL, SEED},
        {"server", required_argument, NULL, SERVER},
        {"idle", required_argument, NULL, IDLE},
        {"echo", no_argument, NULL, ECHO},
        {"redis", no_argument, NULL, REDIS},
        {"refresh", no_argument, NULL, REFRESH},
        {"open", required_argument, NULL, OPEN},
        {0},
    };
    struct options options = {.connections = 1, .depth = 1, .seconds = 2, .warmup = 0.5, .seed = 1};
    int option;
    while ((option = getopt_long(count, arguments, "", known, NULL)) != -1) {
        switch (option) {
        case SOCKET: options.socket = optarg; break;
        case REQUESTS: options.requests = optarg; break;
        case CONNECTIONS: options.connections = strtoul(optarg, NULL, 10); break;
        case DEPTH: options.depth = strtoul(optarg, NULL, 10); break;
        case SECONDS: options.seconds = strtod(optarg, NULL); break;
        case WARMUP: options.warmup = strtod(optarg, NULL); break;
        case SEED: options.seed = strtoull(optarg, NULL, 10); break;
        case SERVER: options.server = (pid_t)strtol(optarg, NULL, 10); break;
        case IDLE: options.idle = strtoul(optarg, NULL, 10); break;
        case ECHO: options.echo = true; break;
        case REDIS: options.redis = true; break;
        case REFRESH: options.refresh = true; break;
        case OPEN: options.rate = strtod(optarg, NULL); break;
        default: usage();
        }
    }
    bool sends = options.connections > 0;
    if (optind != count || !options.socket || (sends && !options.requests) || options.depth == 0 || options.seconds <= 0) usage();
    if (options.echo + options.redis + options.refresh + (options.rate > 0) > 1 || (options.rate > 0 && !sends)) usage();
    if (options.refresh && options.depth != 1) errx(1, "a session has one refresh token: --refresh needs --depth 1");
    return options;
}
