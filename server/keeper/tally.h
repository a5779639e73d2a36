/*
 * What was signed in this run, as a number and a sum, so that it can be held
 * against the register (reliability.md 5.1): the order does not matter, for
 * many sign at once.
 *
 * The sum, modulo 2^256, is of one SHA-256 for each certificate, over what a
 * row of the register knows: SHA-256 of the key that was certified, then the
 * certificate's own bytes from the serial number to the CA's key.
 */
#ifndef SALLYPORT_SERVER_KEEPER_TALLY_H
#define SALLYPORT_SERVER_KEEPER_TALLY_H

#include "lib/sshcert.h"
#include "server/keeper/keeper.h"

/* The part of a certificate, without its signature. ERR_MEMORY. */
int tally_part(
	const struct sshcert *cert, uint8_t part[KEEPER_SUM], struct err *err);

void tally_add(struct keeper_tally *tally, const uint8_t part[KEEPER_SUM]);

#endif
