/* The least that any server must do for a VERIFY, and nothing else: HMAC-SHA-256 by libcrypto, base64url of signature and payload,
   one scan of the payload's JSON. Prints the CPU time of one, in microseconds.

   usage: bare FILE SECONDS        FILE as for load, of VERIFY requests; the secret is in JWT_SECRET

   Ends with status 2 when a signature holds that should not, or the other way round. */
#define _GNU_SOURCE
#include <ctype.h>
#include <err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "requests.h"

enum { MAC = 32, LONGEST = 64 * 1024 };

static const char before[] = "{\"op\":\"VERIFY\",\"token\":\"", after[] = "\"}\n";
static const char bad[] = "{\"ok\":false,\"error\":\"token_invalid\"";
static uint8_t sextets[256];

static void fill_sextets(void)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    memset(sextets, 0xFF, sizeof sextets);
    for (uint8_t i = 0; i < 64; i++) sextets[(uint8_t)alphabet[i]] = i;
}

/* Returns the number of bytes; none when it is no base64url. */
static size_t decode(const char *text, size_t length, uint8_t *out)
{
    const uint8_t *from = (const uint8_t *)text;
    uint8_t *to = out, wrong = 0;
    for (; length >= 4; length -= 4, from += 4, to += 3) {
        uint8_t a = sextets[from[0]], b = sextets[from[1]], c = sextets[from[2]], d = sextets[from[3]];
        wrong |= a | b | c | d;
        to[0] = (uint8_t)(a << 2 | b >> 4);
        to[1] = (uint8_t)(b << 4 | c >> 2);
        to[2] = (uint8_t)(c << 6 | d);
    }
    if (length > 1) {
        uint8_t a = sextets[from[0]], b = sextets[from[1]], c = length == 3 ? sextets[from[2]] : 0;
        wrong |= a | b | c;
        *to++ = (uint8_t)(a << 2 | b >> 4);
        if (length == 3) *to++ = (uint8_t)(b << 4 | c >> 2);
    }
    return wrong & 0x80 || length == 1 ? 0 : (size_t)(to - out);
}

static const char *scan(const char *at, const char *end);

static const char *scan_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        if ((uint8_t)*at < 0x20) return NULL;
        if (*at == '\\') at++;
    }
    return at < end ? at + 1 : NULL;
}

/* An object or an array, whose members are parted by commas. */
static const char *scan_members(const char *at, const char *end, char close)
{
    if (++at < end && *at == close) return at + 1;
    while (at && at < end) {
        if (close == '}') {
            at = *at == '"' ? scan_string(at, end) : NULL;
            if (!at || at == end || *at++ != ':') return NULL;
        }
        at = scan(at, end);
        if (!at || at == end) return NULL;
        if (*at == close) return at + 1;
        if (*at++ != ',') return NULL;
    }
    return NULL;
}

/* What is behind the value, or NULL where there is none. Blanks are in no token. */
static const char *scan(const char *at, const char *end)
{
    if (at == end) return NULL;
    switch (*at) {
    case '"': return scan_string(at, end);
    case '{': return scan_members(at, end, '}');
    case '[': return scan_members(at, end, ']');
    default: break;
    }
    const char *from = at;
    while (at < end && (isalnum((uint8_t)*at) || *at == '-' || *at == '+' || *at == '.')) at++;
    return at > from ? at : NULL;
}

static EVP_MAC_CTX *keyed(const char *secret)
{
    EVP_MAC *method = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(method);
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};
    if (!EVP_MAC_init(context, (const uint8_t *)secret, strlen(secret), parameters)) errx(1, "libcrypto has no HMAC");
    return context;
}

/* Whether the token is signed with the key, and its payload JSON. */
static bool verify(EVP_MAC_CTX *key, const struct request *request)
{
    static uint8_t payload[LONGEST];
    uint8_t signature[MAC + 3], mac[MAC];
    const char *token = request->line + sizeof before - 1;
    size_t length = request->length - (sizeof before - 1) - (sizeof after - 1), written;
    const char *first = memchr(token, '.', length), *last = memrchr(token, '.', length), *end = token + length;
    if (length > LONGEST || !first || first == last || end - last - 1 != (MAC * 8 + 5) / 6) return false;
    if (decode(last + 1, (size_t)(end - last - 1), signature) != MAC) return false;
    if (!EVP_MAC_init(key, NULL, 0, NULL) || !EVP_MAC_update(key, (const uint8_t *)token, (size_t)(last - token)) ||
        !EVP_MAC_final(key, mac, &written, sizeof mac) || memcmp(mac, signature, MAC) != 0)
        return false;
    size_t count = decode(first + 1, (size_t)(last - first - 1), payload);
    const char *json = (const char *)payload;
    return count > 0 && scan(json, json + count) == json + count;
}

static double cpu_seconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int count, char **arguments)
{
    const char *secret = getenv("JWT_SECRET");
    if (count != 3 || !secret) errx(1, "usage: JWT_SECRET=... bare FILE SECONDS");
    struct requests requests = requests_read(arguments[1]);
    EVP_MAC_CTX *key = keyed(secret);
    fill_sextets();
    double until = cpu_seconds() + strtod(arguments[2], NULL), from = cpu_seconds(), now = from;
    size_t done = 0;
    for (size_t at = 0; now < until; at = (at + 1) % requests.count) {
        const struct request *request = &requests.all[at];
        bool expected = request->expected_length < sizeof bad - 1 || memcmp(request->expected, bad, sizeof bad - 1) != 0;
        if (verify(key, request) != expected) {
            warnx("a signature was misjudged: %.*s", (int)request->length - 1, request->line);
            return 2;
        }
        if (++done % 256 == 0) now = cpu_seconds();
    }
    printf("%.4f\n", (now - from) * 1e6 / (double)done);
    return 0;
}
