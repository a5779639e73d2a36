/*
 * A stream of frames to an open keeper, in pieces of whatever size: the same
 * messages come out, each gets one answer of good form, and a signature is over
 * a certificate that the rules allow. The first byte is the size of the pieces.
 * A body that begins with 'C' is a certificate, for which the keeper's own CA
 * is asked: what no fuzzer could guess is its sealed key. One that begins with
 * 'K' is the text of an admin key: what is taken in comes out as the same key.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/sshkeypair.h"
#include "server/keeper/cert_check.h"
#include "server/keeper/frame.h"
#include "server/keeper/keeper_op.h"
#include "server/keeper/safe.h"
#include "tests/fuzz/keeper_answer.h"

#define CERT_MARK 'C'
#define KEY_MARK 'K'
#define STREAM_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct keeper *keeper;
static struct arena *arena;
static struct keeper_ca ca;
static const struct keeper_ca_limits limits = { .validity_s = 3600 };

static void
must(bool good)
{
	if (!good)
		abort();
}

/* An open keeper, as often as a message closed it. */
static void
open_keeper(void)
{
	static const uint8_t u[32] = "a key that everybody may know.";
	static struct keeper_blobs blobs;
	struct arena *scratch = arena_new(STREAM_MAX);
	struct keeper_progress progress;

	if (keeper == NULL) {
		arena = arena_new(STREAM_MAX);
		must(keeper_new(&keeper, NULL) == 0);
		must(keeper_init_file(keeper, secret_view_of(u, sizeof(u)),
			     secret_view_of("ring", 4), arena, &blobs,
			     NULL) == 0);
	}
	must(keeper_unseal_file(keeper, secret_view_of(u, sizeof(u)), &blobs,
		     scratch, &progress, NULL) == 0);
	arena_free(&scratch);
	if (ca.sealed.len == 0)
		must(keeper_ca_generate(keeper, "ed25519", 0, &limits, arena,
			     &ca, NULL) == 0);
}

/* The key of the CA, which ends it, is put right. */
static void
check_cert(struct span bytes)
{
	struct arena *scratch = arena_new(STREAM_MAX);
	struct span named = SPAN_NONE;
	struct keeper_signed made;
	struct sshcert cert, whole;
	struct buf copy;

	buf_init(&copy, KEEPER_MESSAGE_MAX);
	must(buf_add_span(&copy, bytes) == 0);
	if (bytes.len > ca.public_key.len)
		memcpy(copy.data + bytes.len - ca.public_key.len,
			ca.public_key.data, ca.public_key.len);
	named = buf_span(&copy);
	if (keeper_ca_sign(keeper, ca.sealed, NULL, false, named, scratch,
		    &made, NULL) == 0)
		must(sshcert_parse_unsigned(named, &cert) == 0 &&
			cert_check(&cert, ca.public_key, &limits, NULL) == 0 &&
			sshcert_parse(made.cert, &whole) == 0 &&
			whole.serial == made.serial && made.serial != 0);
	buf_clear(&copy);
	arena_free(&scratch);
}

static void
check_admin_key(struct span text)
{
	struct arena *scratch = arena_new(STREAM_MAX);
	struct sshkeypair *pair = NULL;
	struct keeper_admin key;
	struct secret_view opened;

	if (keeper_admin_import(keeper, secret_view_of(text.data, text.len),
		    scratch, &key, NULL) == 0) {
		must(keeper_admin_open(
			     keeper, key.sealed, scratch, &opened, NULL) == 0);
		must(sshkeypair_parse(opened, &pair, NULL) == 0);
		must(span_equal(sshkeypair_public(pair), key.public_key));
		sshkeypair_free(&pair);
	}
	arena_free(&scratch);
}

static void
handle(struct span body)
{
	struct buf out;

	if (body.len > 0 && body.data[0] == CERT_MARK) {
		check_cert(span_skip(body, 1));
		return;
	}
	if (body.len > 0 && body.data[0] == KEY_MARK) {
		check_admin_key(span_skip(body, 1));
		return;
	}
	/* Which would only be slow. */
	if (safe_is_slow(body))
		return;
	buf_init(&out, KEEPER_MESSAGE_MAX);
	must(keeper_call(keeper, body, &out, NULL) == 0);
	check_answer(buf_span(&out));
	buf_clear(&out);
}

/* What is read of a stream in pieces: the frames again, and how it ended. */
static int
reread(struct span stream, size_t piece, struct buf *frames, bool act)
{
	struct inbox inbox;
	struct frame frame;
	int rc = 0;

	inbox_init(&inbox);
	while (stream.len > 0 && rc == 0) {
		const size_t n = stream.len < piece ? stream.len : piece;
		uint8_t *at = inbox_reserve(&inbox, n);

		must(at != NULL);
		memcpy(at, stream.data, n);
		inbox_added(&inbox, n);
		stream = span_skip(stream, n);
		while ((rc = inbox_peek(&inbox, &frame)) > 0) {
			if (act)
				handle(frame.body);
			must(frame_add(frames, frame.id, frame.body) == 0);
			inbox_take(&inbox, &frame);
		}
	}
	inbox_clear(&inbox);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf in_pieces, at_once;
	struct span stream;

	if (len < 1 || len > 32768)
		return 0;
	open_keeper();
	stream = span_of(data + 1, len - 1);
	buf_init(&in_pieces, STREAM_MAX);
	buf_init(&at_once, STREAM_MAX);
	must(reread(stream, 1 + (size_t)data[0], &in_pieces, true) ==
		reread(stream, len, &at_once, false));
	must(span_equal(buf_span(&in_pieces), buf_span(&at_once)));
	must(at_once.len <= stream.len &&
		(at_once.len == 0 ||
			memcmp(at_once.data, stream.data, at_once.len) == 0));
	buf_clear(&in_pieces);
	buf_clear(&at_once);
	return 0;
}
