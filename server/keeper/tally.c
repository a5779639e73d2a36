/* A hash for each, added up as big-endian numbers. */
#include "server/keeper/tally.h"

#include "lib/sha256.h"

int
tally_part(
	const struct sshcert *cert, uint8_t part[KEEPER_SUM], struct err *err)
{
	uint8_t fingerprint[SHA256_BYTES];
	struct buf bytes;
	int rc;

	buf_init(&bytes, KEEPER_MESSAGE_MAX);
	rc = sshkey_build(&cert->key, &bytes);
	sha256(buf_span(&bytes), fingerprint);
	buf_reset(&bytes);
	(void)buf_add(&bytes, fingerprint, sizeof(fingerprint));
	(void)buf_add_span(
		&bytes, span_skip(cert->signed_bytes, cert->serial_at));
	if (rc == 0)
		rc = buf_check(&bytes, err);
	if (rc == 0)
		sha256(buf_span(&bytes), part);
	buf_clear(&bytes);
	return rc;
}

void
tally_add(struct keeper_tally *tally, const uint8_t part[KEEPER_SUM])
{
	unsigned carry = 0;

	tally->n++;
	for (size_t i = KEEPER_SUM; i-- > 0;) {
		carry += (unsigned)tally->sum[i] + part[i];
		tally->sum[i] = (uint8_t)carry;
		carry >>= 8;
	}
}
