/* A load generator for line protocols on Unix sockets: one thread, epoll; prints one JSON object.

   Closed loop (the default): each connection keeps `--depth` requests in flight, and the moment a reply is read is the
   moment the next request begins. Open loop (`--open RATE`): requests are due at fixed times whatever the server does,
   and their latency counts from the time they were due, so a stall of the server is seen by all that came due in it.

   Exit status: 0, 1 when nothing could be measured, 2 when a reply was wrong or missing. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "latency.h"
#include "options.h"

static const uint64_t SECOND = 1000000000;

enum {
    EVENTS = 256,
    /* How long replies may come in after the last request was sent, in seconds. */
    DRAIN = 15,
};

enum phase { WARMING, COUNTING, DRAINING };

struct load {
    struct options options;
    struct requests requests;
    struct connection *connections;
    int *idle;
    int epoll;
    enum phase phase;
    uint64_t now, phase_ends, due, due_count;
    uint64_t counting_from, counting_to;
    uint64_t server_cpu, own_cpu; /* when the window began; after it, what it took */
    size_t next_connection;
    uint64_t wrong;
    struct latency latency;
};

static uint64_t nanoseconds(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) < 0) err(1, "clock_gettime");
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

/* CPU time of the server, all its threads, in nanoseconds. */
static uint64_t server_cpu(const struct options *options)
{
    clockid_t clock;
    if (options->server == 0) return 0;
    if (clock_getcpuclockid(options->server, &clock) != 0) errx(1, "no process %d", (int)options->server);
    return nanoseconds(clock);
}

static void watch(struct load *load, int operation, struct connection *connection, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(load->epoll, operation, connection->fd, &event) < 0) err(1, "epoll_ctl");
}

static void flush(struct load *load, struct connection *connection)
{
    bool blocked = connection->blocked;
    connection_flush(connection);
    if (connection->blocked != blocked)
        watch(load, EPOLL_CTL_MOD, connection, connection->blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* Appends a request that began at `since`; the caller flushes. */
static void send_any(struct load *load, struct connection *connection, uint64_t since)
{
    const struct request *request = &load->requests.all[connection_random(connection, load->requests.count)];
    connection_append(connection, request->line, request->length);
    connection_push(connection, (struct waiting){.request = request, .since = since});
}

static void send_refresh(struct connection *connection, const char *token, size_t length, uint64_t since)
{
    static const char before[] = "{\"op\":\"REFRESH\",\"refresh_token\":\"", after[] = "\"}\n";
    connection_append(connection, before, sizeof before - 1);
    connection_append(connection, token, length);
    connection_append(connection, after, sizeof after - 1);
    connection_push(connection, (struct waiting){.since = since});
}

static void wrong(struct load *load, const struct request *request, const char *reply, size_t length)
{
    if (load->wrong++ > 0) return;
    warnx("a wrong reply: %.*s", (int)(length < 300 ? length : 300), reply);
    if (request) warnx("expected at its start: %.*s", (int)request->expected_length, request->expected);
}

/* Sends the session's next token. A session whose reply was wrong has none, and stays silent. */
static void refreshed(struct load *load, struct connection *connection, const char *reply, size_t length)
{
    static const char success[] = "{\"ok\":true", member[] = "\"refresh_token\":\"";
    const char *token = memmem(reply, length, member, sizeof member - 1);
    if (token) token += sizeof member - 1;
    const char *quote = token ? memchr(token, '"', length - (size_t)(token - reply)) : NULL;
    if (length < sizeof success - 1 || memcmp(reply, success, sizeof success - 1) != 0 || !quote) {
        wrong(load, NULL, reply, length);
    } else if (load->phase != DRAINING) {
        send_refresh(connection, token, (size_t)(quote - token), load->now);
    }
}

static void answered(struct load *load, struct connection *connection, const char *reply, size_t length)
{
    if (connection->in_flight == 0) errx(1, "a reply to no request: %.*s", (int)(length < 300 ? length : 300), reply);
    struct waiting waiting = connection_pop(connection);
    if (load->phase == COUNTING) latency_add(&load->latency, load->now - waiting.since);
    const struct request *request = waiting.request;
    if (!request) {
        refreshed(load, connection, reply, length);
        return;
    }
    if (length < request->expected_length || memcmp(reply, request->expected, request->expected_length) != 0)
        wrong(load, request, reply, length);
    if (load->phase != DRAINING && load->options.rate == 0) send_any(load, connection, load->now);
}

/* The LF that ends a reply, or NULL. A value from Redis has one behind its length too. */
static char *reply_end(const struct load *load, char *from, char *end)
{
    char *newline = memchr(from, '\n', (size_t)(end - from));
    if (newline && load->options.redis) newline = memchr(newline + 1, '\n', (size_t)(end - newline - 1));
    return newline;
}

static void readable(struct load *load, struct connection *connection)
{
    size_t scanned = load->options.redis ? 0 : connection->in_length;
    if (!connection_read(connection)) return;
    load->now = nanoseconds(CLOCK_MONOTONIC);
    char *start = connection->in, *from = start + scanned, *end = start + connection->in_length, *newline;
    while ((newline = reply_end(load, from, end))) {
        answered(load, connection, start, (size_t)(newline - start));
        start = from = newline + 1;
    }
    connection->in_length = (size_t)(end - start);
    memmove(connection->in, start, connection->in_length);
    flush(load, connection);
}

/* Open loop: sends what is due. When every connection is at its depth the rest waits here, and its latency with it. */
static void send_due(struct load *load)
{
    size_t full = 0;
    while (load->due <= load->now && full < load->options.connections) {
        struct connection *connection = &load->connections[load->next_connection];
        load->next_connection = (load->next_connection + 1) % load->options.connections;
        if (connection->in_flight == connection->depth) {
            full++;
            continue;
        }
        full = 0;
        send_any(load, connection, load->due);
        flush(load, connection);
        load->due_count++;
        load->due = load->counting_from + (uint64_t)((double)load->due_count * (double)SECOND / load->options.rate);
    }
}

static size_t in_flight(const struct load *load)
{
    size_t sum = 0;
    for (size_t i = 0; i < load->options.connections; i++) sum += load->connections[i].in_flight;
    return sum;
}

/* Returns false when all is done. */
static bool advance(struct load *load)
{
    if (load->phase == DRAINING) return in_flight(load) > 0 && load->now < load->phase_ends;
    if (load->now < load->phase_ends) return true;
    load->now = nanoseconds(CLOCK_MONOTONIC);
    uint64_t server = server_cpu(&load->options), own = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    if (load->phase == WARMING) {
        load->server_cpu = server;
        load->own_cpu = own;
        load->phase = COUNTING;
        load->counting_from = load->due = load->now;
        load->due_count = 0;
        load->phase_ends = load->now + (uint64_t)(load->options.seconds * (double)SECOND);
    } else {
        load->phase = DRAINING;
        load->server_cpu = server - load->server_cpu;
        load->own_cpu = own - load->own_cpu;
        load->counting_to = load->now;
        load->phase_ends = load->now + DRAIN * SECOND;
        return in_flight(load) > 0;
    }
    return true;
}

static int wait_for_events(struct load *load, struct epoll_event *events)
{
    uint64_t until = load->phase_ends;
    bool open = load->options.rate > 0 && load->phase != DRAINING;
    if (open && load->due > load->now && load->due < until) until = load->due;
    uint64_t left = until > load->now ? until - load->now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left / SECOND), .tv_nsec = (long)(left % SECOND)};
    int n = epoll_pwait2(load->epoll, events, EVENTS, &timeout, NULL);
    if (n < 0 && errno != EINTR) err(1, "epoll_pwait2");
    return n;
}

static void run(struct load *load)
{
    struct epoll_event events[EVENTS];
    do {
        if (load->options.rate > 0 && load->phase != DRAINING) send_due(load);
        int n = wait_for_events(load, events);
        if (n <= 0 || load->options.rate > 0) load->now = nanoseconds(CLOCK_MONOTONIC);
        for (int i = 0; i < n; i++) {
            struct connection *connection = events[i].data.ptr;
            if (events[i].events & ~(uint32_t)EPOLLOUT) readable(load, connection);
            else flush(load, connection);
        }
    } while (advance(load));
}

static void start(struct load *load)
{
    const struct options *options = &load->options;
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->connections = calloc(options->connections + 1, sizeof *load->connections);
    load->idle = calloc(options->idle + 1, sizeof *load->idle);
    if (load->epoll < 0 || !load->connections || !load->idle) err(1, "start");
    for (size_t i = 0; i < options->idle; i++) load->idle[i] = connection_socket(options->socket);
    for (size_t i = 0; i < options->connections; i++) {
        load->connections[i] = connection_open(options->socket, options->depth, options->seed + i);
        watch(load, EPOLL_CTL_ADD, &load->connections[i], EPOLLIN);
    }
    load->now = load->due = load->counting_from = nanoseconds(CLOCK_MONOTONIC);
    load->phase_ends = load->now + (uint64_t)(options->warmup * (double)SECOND);
    if (options->rate > 0) return;
    for (size_t i = 0; i < options->connections; i++) {
        struct connection *connection = &load->connections[i];
        if (options->refresh) {
            const struct request *token = &load->requests.all[i];
            send_refresh(connection, token->line, token->length - 1, load->now);
        } else {
            for (size_t n = 0; n < options->depth; n++) send_any(load, connection, load->now);
        }
        flush(load, connection);
    }
}

/* Idle connections that the server has closed. */
static size_t lost_idle(const struct load *load)
{
    size_t lost = 0;
    char byte;
    for (size_t i = 0; i < load->options.idle; i++)
        lost += recv(load->idle[i], &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN;
    return lost;
}

static int report(const struct load *load)
{
    const struct options *options = &load->options;
    const struct latency *latency = &load->latency;
    double elapsed = (double)(load->counting_to - load->counting_from);
    size_t unanswered = in_flight(load), lost = lost_idle(load);
    printf("{\"connections\":%zu,\"depth\":%zu,\"idle\":%zu,\"rate\":%g,\"seconds\":%.6f,\"requests\":%" PRIu64,
           options->connections, options->depth, options->idle, options->rate, elapsed / 1e9, latency->count);
    printf(",\"requests_per_second\":%.1f,\"mean_us\":%.3f,\"p50_us\":%.3f,\"p99_us\":%.3f,\"p999_us\":%.3f,\"longest_us\":%.3f",
           (double)latency->count / elapsed * 1e9, latency_mean(latency), latency_quantile(latency, 0.5),
           latency_quantile(latency, 0.99), latency_quantile(latency, 0.999), (double)latency->longest / 1000);
    printf(",\"load_busy\":%.4f", (double)load->own_cpu / elapsed);
    if (options->server) {
        printf(",\"server_busy\":%.4f", (double)load->server_cpu / elapsed);
        if (latency->count) printf(",\"server_cpu_us\":%.4f", (double)load->server_cpu / (double)latency->count / 1000);
    }
    printf(",\"wrong\":%" PRIu64 ",\"unanswered\":%zu,\"lost_idle\":%zu}\n", load->wrong, unanswered, lost);
    return load->wrong || unanswered || lost ? 2 : 0;
}

int main(int count, char **arguments)
{
    struct load load = {.options = options_parse(count, arguments)};
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (load.options.connections > 0) load.requests = requests_read(load.options.requests);
    if (load.options.echo) requests_expect_echo(&load.requests);
    if (load.options.redis) requests_ask_redis(&load.requests);
    if (load.options.refresh && load.requests.count < load.options.connections)
        errx(1, "%s: fewer tokens than connections", load.options.requests);
    start(&load);
    run(&load);
    return report(&load);
}
