/* A histogram of latencies in logarithmic buckets: 64 to each power of two, so that a quantile is right within 1 %. */
#ifndef LATENCY_H
#define LATENCY_H

#include <stdint.h>

enum { LATENCY_STEPS = 64, LATENCY_BUCKETS = 59 * LATENCY_STEPS };

struct latency {
    uint64_t count;
    uint64_t sum;     /* nanoseconds */
    uint64_t longest; /* nanoseconds */
    uint64_t buckets[LATENCY_BUCKETS];
};

void latency_add(struct latency *latency, uint64_t nanoseconds);

/* The latency that the given share of all did not exceed, in microseconds; 0 when there are none. */
double latency_quantile(const struct latency *latency, double share);

/* Microseconds; 0 when there are none. */
double latency_mean(const struct latency *latency);

#endif
