/*
 * Shamir's scheme byte by byte: for each byte of the secret a polynomial of
 * degree t - 1 whose constant term it is. Indices are public; everything else
 * goes through masks, never through a branch or a table.
 */
#include "server/keeper/shamir.h"

#include <string.h>

#include "lib/random.h"

#define INDICES 255

/* The product in GF(2^8): eight steps whatever the operands are. */
static uint8_t
gf_mul(uint8_t a, uint8_t b)
{
	unsigned x = a, y = b, product = 0;
	int i;

	for (i = 0; i < 8; i++) {
		product ^= (0U - (y & 1)) & x;
		x = (x << 1) ^ ((0U - (x >> 7)) & 0x11b);
		y >>= 1;
	}
	return (uint8_t)product;
}

/* a^254, which is 1/a; 0 gives 0. */
static uint8_t
gf_inverse(uint8_t a)
{
	uint8_t power = a, product = 1;
	int i;

	for (i = 0; i < 7; i++) {
		power = gf_mul(power, power);
		product = gf_mul(product, power);
	}
	return product;
}

/* Distinct indices in random order: the front of a shuffled 1..255. */
static void
draw_indices(uint8_t *out, unsigned n)
{
	uint8_t deck[INDICES];
	unsigned i, pick;

	for (i = 0; i < INDICES; i++)
		deck[i] = (uint8_t)(i + 1);
	for (i = 0; i < n; i++) {
		pick = i + (unsigned)random_below(INDICES - i);
		out[i] = deck[pick];
		deck[pick] = deck[i];
	}
}

/*
 * The polynomial's value at x, by Horner: coefficients of one secret byte lie
 * len apart in terms, the highest first, the constant one is given.
 */
static uint8_t
evaluate(const uint8_t *terms, unsigned n_terms, size_t len, uint8_t constant,
	uint8_t x)
{
	uint8_t value = 0;
	unsigned i;

	for (i = 0; i < n_terms; i++)
		value = gf_mul(value, x) ^ terms[i * len];
	return gf_mul(value, x) ^ constant;
}

int
shamir_split(struct secret_view secret, unsigned n, unsigned t, uint8_t *shares,
	struct err *err)
{
	uint8_t indices[INDICES];
	struct secret *terms = NULL;
	size_t i;
	unsigned k;

	if (t < 2 || t > n || n > INDICES || secret.len == 0)
		return err_set(err, ERR_INPUT, 400, "invalid number of shares");
	terms = secret_new((t - 1) * secret.len);
	if (terms == NULL)
		return err_set_memory(err);
	/* All uniform, the highest too: 0 there is as likely as any byte. */
	random_bytes(secret_bytes(terms), (t - 1) * secret.len);
	draw_indices(indices, n);
	for (k = 0; k < n; k++) {
		uint8_t *share = shares + k * (secret.len + 1);

		for (i = 0; i < secret.len; i++)
			share[i] = evaluate(secret_open(terms).data + i, t - 1,
				secret.len, secret.data[i], indices[k]);
		share[secret.len] = indices[k];
	}
	secret_free(&terms);
	return 0;
}

/* Lagrange's weight of share k at 0: the product of x_i / (x_i - x_k). */
static uint8_t
weight_at_zero(const uint8_t *indices, unsigned n, unsigned k)
{
	uint8_t above = 1, below = 1;
	unsigned i;

	for (i = 0; i < n; i++) {
		if (i == k)
			continue;
		above = gf_mul(above, indices[i]);
		below = gf_mul(below, indices[i] ^ indices[k]);
	}
	return gf_mul(above, gf_inverse(below));
}

/* Copy the index bytes out; ERR_INPUT where one is 0 or stands twice. */
static int
take_indices(const uint8_t *shares, unsigned n, size_t share_len,
	uint8_t *indices, struct err *err)
{
	bool seen[INDICES + 1] = { false };
	unsigned i;

	for (i = 0; i < n; i++) {
		uint8_t index = shares[(i + 1) * share_len - 1];

		if (index == 0 || seen[index])
			return err_set(err, ERR_INPUT, 400, "invalid share");
		seen[index] = true;
		indices[i] = index;
	}
	return 0;
}

int
shamir_combine(const uint8_t *shares, unsigned n, size_t share_len,
	uint8_t *ret_secret, struct err *err)
{
	uint8_t indices[INDICES];
	size_t i;
	unsigned k;
	int rc;

	if (n < 2 || n > INDICES || share_len < 2)
		return err_set(err, ERR_INPUT, 400, "invalid number of shares");
	rc = take_indices(shares, n, share_len, indices, err);
	if (rc != 0)
		return rc;
	memset(ret_secret, 0, share_len - 1);
	for (k = 0; k < n; k++) {
		uint8_t weight = weight_at_zero(indices, n, k);

		for (i = 0; i < share_len - 1; i++)
			ret_secret[i] ^=
				gf_mul(shares[k * share_len + i], weight);
	}
	return 0;
}
