/* Hex and base64 (RFC 4648), strict: nothing is skipped, nothing tolerated. */
#ifndef SALLYPORT_LIB_CODEC_H
#define SALLYPORT_LIB_CODEC_H

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/err.h"

/* Lower-case hex and a NUL; out has 2 * len + 1 bytes. */
void hex_encode(const void *data, size_t len, char *out);

#define HEX_UUID_MAX 37

/* 16 bytes as a UUID prints them, 8-4-4-4-12 digits, and a NUL. */
void hex_encode_uuid(const uint8_t bytes[16], char out[HEX_UUID_MAX]);

/* Either case, even length, exactly 2 * cap digits at most. ERR_INPUT. */
int hex_decode(struct span text, uint8_t *out, size_t cap, size_t *ret_len);

/* Standard alphabet, padded. */
int base64_encode(struct span data, struct buf *out);

/* Standard alphabet, padding required, zero spare bits. ERR_INPUT. */
int base64_decode(struct span text, struct buf *out);

/* The same into an arena. NULL: no memory. ERR_INPUT, ERR_MEMORY. */
const char *base64_text(struct arena *arena, struct span data);
int base64_bytes(struct arena *arena, const char *text, struct span *ret_data);

/* The alphabet of RFC 4648 section 5, no padding. */
int base64url_encode(struct span data, struct buf *out);

/* The same alphabet, no padding, zero spare bits. ERR_INPUT. */
int base64url_decode(struct span text, struct buf *out);

#endif
