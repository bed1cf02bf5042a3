#include "latency.h"

#include <stddef.h>

void latency_add(struct latency *latency, uint64_t nanoseconds)
{
    size_t bucket = (size_t)nanoseconds;
    if (nanoseconds >= LATENCY_STEPS) {
        int shift = 63 - __builtin_clzll(nanoseconds) - 6;
        bucket = (size_t)(shift + 1) * LATENCY_STEPS + (nanoseconds >> shift) % LATENCY_STEPS;
    }
    latency->buckets[bucket]++;
    latency->count++;
    latency->sum += nanoseconds;
    if (nanoseconds > latency->longest) latency->longest = nanoseconds;
}

/* The middle of a bucket, in nanoseconds. */
static double middle(size_t bucket)
{
    if (bucket < LATENCY_STEPS) return (double)bucket;
    uint64_t width = 1ULL << (bucket / LATENCY_STEPS - 1);
    return (double)((LATENCY_STEPS + bucket % LATENCY_STEPS) * width) + (double)width / 2;
}

double latency_quantile(const struct latency *latency, double share)
{
    uint64_t seen = 0;
    for (size_t bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
        seen += latency->buckets[bucket];
        if (seen > 0 && (double)seen >= share * (double)latency->count) return middle(bucket) / 1000;
    }
    return 0;
}

double latency_mean(const struct latency *latency)
{
    return latency->count ? (double)latency->sum / (double)latency->count / 1000 : 0;
}
