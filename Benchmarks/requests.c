#define _GNU_SOURCE
#include "requests.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char success[] = "{\"ok\":true";

/* The whole file, with an LF at its end if it lacks one. */
static char *contents(const char *path, size_t *length)
{
    FILE *file = fopen(path, "re");
    struct stat status;
    if (!file || fstat(fileno(file), &status) < 0) err(1, "%s", path);
    char *bytes = malloc((size_t)status.st_size + 1);
    if (!bytes) err(1, "malloc");
    *length = fread(bytes, 1, (size_t)status.st_size, file);
    if (ferror(file)) err(1, "%s", path);
    fclose(file);
    if (*length > 0 && bytes[*length - 1] != '\n') bytes[(*length)++] = '\n';
    return bytes;
}

struct requests requests_read(const char *path)
{
    size_t length;
    const char *from = contents(path, &length);
    const char *end = from + length;
    size_t lines = 0;
    for (const char *byte = from; byte < end; byte++) lines += *byte == '\n';
    if (lines == 0) errx(1, "%s: no requests", path);
    struct requests requests = {.all = calloc(lines, sizeof *requests.all)};
    if (!requests.all) err(1, "calloc");
    while (from < end) {
        const char *next = (const char *)memchr(from, '\n', (size_t)(end - from)) + 1;
        const char *tab = memchr(from, '\t', (size_t)(next - from));
        const char *line = tab ? tab + 1 : from;
        requests.all[requests.count++] = (struct request){
            .line = line,
            .length = (size_t)(next - line),
            .expected = tab ? from : success,
            .expected_length = tab ? (size_t)(tab - from) : sizeof success - 1,
        };
        from = next;
    }
    return requests;
}

void requests_expect_echo(struct requests *requests)
{
    for (size_t i = 0; i < requests->count; i++) {
        struct request *request = &requests->all[i];
        request->expected = request->line;
        request->expected_length = request->length - 1;
    }
}

void requests_ask_redis(struct requests *requests)
{
    for (size_t i = 0; i < requests->count; i++) {
        struct request *request = &requests->all[i];
        char *line, *expected;
        int length = asprintf(&line, "*2\r\n$3\r\nGET\r\n$%zu\r\n%.*s\r\n", request->length - 1, (int)request->length - 1,
                              request->line);
        int expected_length = asprintf(&expected, "$%zu\r\n%.*s\r", request->expected_length,
                                       (int)request->expected_length, request->expected);
        if (length < 0 || expected_length < 0) err(1, "asprintf");
        *request = (struct request){line, (size_t)length, expected, (size_t)expected_length};
    }
}
