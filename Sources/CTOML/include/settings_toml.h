#ifndef USHER_TOML_H
#define USHER_TOML_H
#include <stddef.h>
#include <stdint.h>

/* What Swift needs of toml++: a file's values, one after the other. (TOMLKit would bring Foundation into the daemon.) */

#ifdef __cplusplus
extern "C" {
#endif

enum usher_toml_kind {
    USHER_TOML_STRING,
    USHER_TOML_INTEGER,
    USHER_TOML_BOOLEAN,
    USHER_TOML_STRINGS, /* a list, all of its elements strings */
    USHER_TOML_TABLE,   /* an empty one, or each of a list, before what it holds; the others show in the paths of what they hold */
    USHER_TOML_OTHER,
};

struct usher_toml_value {
    const char *path; /* keys from the outermost table on, joined by '.', in quotes where they are no bare keys, UTF-8; behind the key
                         of a list of tables, which of them in brackets, from 1 */
    enum usher_toml_kind kind;
    const char *const *strings; /* of a string, the one; of strings, all */
    const size_t *lengths;
    size_t count;
    int64_t integer; /* of a boolean, 0 or 1 */
    int line, column; /* from 1 */
};

/* Calls visit for each value in the order of their names; what it is handed lives until it returns. On a syntax error it is not
   called: -1 is returned, and the message and its place are written. */
int usher_toml_read(const char *text, size_t length, void (*visit)(void *context, const struct usher_toml_value *value), void *context,
                    char *message, size_t room, int *line, int *column);

#ifdef __cplusplus
}
#endif
#endif
