/*
 * What the PAM module and its helper say to each other: one frame in, one
 * line out. Both link this; it needs libbase alone.
 */
#ifndef SALLYPORT_HELPER_VERDICT_H
#define SALLYPORT_HELPER_VERDICT_H

#include "lib/buf.h"
#include "lib/secret.h"

/* Far apart in bits, so that a flipped one never makes an allow (L69). */
enum verdict {
	VERDICT_ALLOW = 0x35a6c94b,
	VERDICT_DENY = 0x4ad93692,        /* password, user, address or role */
	VERDICT_UNAVAILABLE = 0x5c5ca3e5, /* server, network, TLS */
	VERDICT_CONFIG = 0x639a5c1d       /* the configuration is bad */
};

/* The only place that says what is a yes. */
bool verdict_is_allow(uint32_t verdict);

#define VERDICT_NONCE_LEN 32
#define VERDICT_FRAME_MAX 4096 /* what one write to a pipe takes whole */
#define VERDICT_LINE_MAX 1024

/* Descriptors of a helper that the module started. */
#define VERDICT_FD_FRAME 0
#define VERDICT_FD_LINE 1
#define VERDICT_FD_CONFIG 3
#define VERDICT_FD_CONTROL 4 /* closes when nobody waits any more */

struct verdict_frame {
	char nonce[VERDICT_NONCE_LEN + 1];
	struct span user, rhost;
	struct secret_view otp;
	uint32_t timeout_ms;
	bool dev, debug;
};

/* The frame as bytes; ERR_LIMIT past VERDICT_FRAME_MAX. */
int verdict_frame_write(
	const struct verdict_frame *frame, struct buf *out, struct err *err);

/* Views into bytes. ERR_INPUT for anything but one whole frame. */
int verdict_frame_read(
	struct span bytes, struct verdict_frame *ret_frame, struct err *err);

struct verdict_line {
	uint32_t verdict;
	char role[256], ip[64]; /* of an allow */
	char request_id[64];    /* "" where there was no answer */
	char why[512];          /* of a refusal */
};

/* One line with its newline; control bytes become '?'. */
int verdict_line_write(const char *nonce, const struct verdict_line *line,
	struct buf *out, struct err *err);

/*
 * The helper's answer: exactly one line, with this nonce. Anything else gives
 * VERDICT_UNAVAILABLE and says so in why.
 */
void verdict_line_read(
	const char *nonce, struct span bytes, struct verdict_line *ret_line);

#endif
