#include "base64url.h"

#include <string.h>

enum { CHARACTERS = 32, BYTES = 24 };

typedef uint8_t block __attribute__((vector_size(CHARACTERS)));
typedef uint32_t groups __attribute__((vector_size(CHARACTERS)));
typedef uint64_t words __attribute__((vector_size(CHARACTERS)));

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first character is the lowest of its group");

/* A mask of the characters from `first` to `last`. */
#define AMONG(text, first, last) ((block)((block)((text) - (first)) <= (uint8_t)((last) - (first))))

static inline __attribute__((always_inline)) size_t decode(const uint8_t *text, size_t count, uint8_t *bytes)
{
    size_t done = 0;
    for (; count - done >= CHARACTERS; done += CHARACTERS, bytes += BYTES) {
        block characters;
        memcpy(&characters, text + done, CHARACTERS);
        block upper = AMONG(characters, 'A', 'Z'), lower = AMONG(characters, 'a', 'z'), digit = AMONG(characters, '0', '9');
        block minus = (block)(characters == '-'), underscore = (block)(characters == '_');
        words others = (words) ~(upper | lower | digit | minus | underscore);
        if (others[0] | others[1] | others[2] | others[3]) break;

        groups sixes = (groups)(characters + ((upper & (uint8_t)-'A') | (lower & (uint8_t)(26 - 'a')) | (digit & (uint8_t)(52 - '0')) |
                                              (minus & (uint8_t)(62 - '-')) | (underscore & (uint8_t)(63 - '_'))));
        block triples = (block)((sixes << 18 & 0xfc0000) | (sixes << 4 & 0x3f000) | (sixes >> 10 & 0xfc0) | sixes >> 24);
        triples = __builtin_shufflevector(
            triples, triples, 2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 18, 17, 16, 22, 21, 20, 26, 25, 24, 30, 29, 28, -1, -1, -1, -1, -1,
            -1, -1, -1);
        memcpy(bytes, &triples, BYTES);
    }
    return done;
}

static inline __attribute__((always_inline)) size_t encode(const uint8_t *bytes, size_t count, uint8_t *text)
{
    size_t done = 0;
    for (; count - done >= BYTES; done += BYTES, text += CHARACTERS) {
        block triples = {0};
        memcpy(&triples, bytes + done, BYTES);
        groups group = (groups)__builtin_shufflevector(
            triples, triples, 2, 1, 0, 31, 5, 4, 3, 31, 8, 7, 6, 31, 11, 10, 9, 31, 14, 13, 12, 31, 17, 16, 15, 31, 20, 19, 18, 31, 23, 22,
            21, 31);
        block sixes = (block)((group >> 18) | (group >> 4 & 0x3f00) | (group << 10 & 0x3f0000) | (group << 24 & 0x3f000000));

        block characters = sixes + ((AMONG(sixes, 0, 25) & (uint8_t)'A') | (AMONG(sixes, 26, 51) & (uint8_t)('a' - 26)) |
                                    (AMONG(sixes, 52, 61) & (uint8_t)('0' - 52)) | ((block)(sixes == 62) & (uint8_t)('-' - 62)) |
                                    ((block)(sixes == 63) & (uint8_t)('_' - 63)));
        memcpy(text, &characters, CHARACTERS);
    }
    return done;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static size_t decode_with_avx2(const uint8_t *text, size_t count, uint8_t *bytes)
{
    return decode(text, count, bytes);
}

__attribute__((target("avx2"))) static size_t encode_with_avx2(const uint8_t *bytes, size_t count, uint8_t *text)
{
    return encode(bytes, count, text);
}
#endif

size_t usher_base64url_decode_blocks(const uint8_t *text, size_t count, uint8_t *bytes)
{
#if defined(__x86_64__)
    /* Without AVX2 it would be slower than a table. */
    return __builtin_cpu_supports("avx2") ? decode_with_avx2(text, count, bytes) : 0;
#else
    return decode(text, count, bytes);
#endif
}

size_t usher_base64url_encode_blocks(const uint8_t *bytes, size_t count, uint8_t *text)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") ? encode_with_avx2(bytes, count, text) : 0;
#else
    return encode(bytes, count, text);
#endif
}
