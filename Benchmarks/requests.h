/* The lines that a load sends, and what their replies must begin with. */
#ifndef REQUESTS_H
#define REQUESTS_H

#include <stddef.h>
#include <stdint.h>

struct request {
    const char *line; /* its LF included */
    size_t length;
    const char *expected;
    size_t expected_length;
};

struct requests {
    struct request *all;
    size_t count;
};

/* Reads a file of `EXPECTED<TAB>LINE` or plain `LINE`, whose reply must begin with `{"ok":true`.
   Ends the process when there is no such file or no line in it. */
struct requests requests_read(const char *path);

/* From now on each reply must be the request itself. */
void requests_expect_echo(struct requests *requests);

/* From now on each line is a key that Redis is asked for (GET, as RESP), and what is expected is its whole value.
   No value may hold an LF. */
void requests_ask_redis(struct requests *requests);

#endif
