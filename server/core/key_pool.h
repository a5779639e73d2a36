/*
 * Key pairs for leases. RSA takes a processor up to seconds, so pairs of the
 * sizes that are asked for are made ahead, by threads of low priority; nobody
 * else makes any. Ed25519 is made when it is asked for. What is ready lies in
 * guarded memory, and is forgotten at seal.
 */
#ifndef SALLYPORT_SERVER_CORE_KEY_POOL_H
#define SALLYPORT_SERVER_CORE_KEY_POOL_H

#include "lib/arena.h"
#include "lib/secret.h"

#define KEY_POOL_BITS 2048 /* of RSA where none are said */
#define KEY_POOL_READY 16  /* pairs of a size, at most */

struct key_pool;

/* Closed. */
int key_pool_new(struct key_pool **ret_pool, struct err *err);

/* Ends the threads, after what they are making. NULL is fine. */
void key_pool_free(struct key_pool **pool);

/* Between unseal and seal pairs may be taken. */
void key_pool_open(struct key_pool *pool);

/* Forget what is ready or being made; whoever waits gets ERR_SEALED. */
void key_pool_close(struct key_pool *pool);

struct key_pool_pair {
	const char *public_key;  /* "type base64" */
	struct secret_view text; /* PKCS#1, or OpenSSH's form of Ed25519 */
};

/*
 * A pair that nobody else gets, into arena, which wipes it. type: "rsa" of
 * 2048 (or 0), 3072 or 4096 bits, or "ed25519". Waits where no RSA pair is
 * ready, which it tells lib/blocking.h: on workers. ERR_INPUT (400): "invalid
 * key_bits field", or another type; ERR_SEALED (503).
 */
int key_pool_take(struct key_pool *pool, const char *type, int64_t bits,
	struct arena *arena, struct key_pool_pair *ret_pair, struct err *err);

#endif
