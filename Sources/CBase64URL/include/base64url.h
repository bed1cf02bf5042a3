#ifndef USHER_BASE64URL_H
#define USHER_BASE64URL_H
#include <stddef.h>
#include <stdint.h>

/* Decodes base64url (RFC 4648 §5) many characters at a time, as far as the processor can: 24 bytes for each whole block of 32
   characters, up to the first block in which there is another character. Returns how many characters that were: none, if the
   processor has no means for it. */
size_t usher_base64url_decode_blocks(const uint8_t *text, size_t count, uint8_t *bytes);

/* Encodes many bytes at a time: 32 characters for each whole block of 24 bytes. Returns how many bytes that were: none, if the
   processor has no means for it. */
size_t usher_base64url_encode_blocks(const uint8_t *bytes, size_t count, uint8_t *text);

#endif
