/*
 * The keeper's messages (form: ipc.h). Each line: fields in, fields of a good
 * answer. A refusal is its code byte (minus the code of lib/err.h), then
 * status (u32), message and detail.
 */
#ifndef SALLYPORT_SERVER_KEEPER_KEEPER_OP_H
#define SALLYPORT_SERVER_KEEPER_KEEPER_OP_H

/*
 * "progress": progress u32, nonce, opened u32, keyring ("" if not opened).
 * "limits": validity u64, signatures a second u32, forced options.
 */
enum keeper_op {
	KEEPER_INIT = 1,    /* n u32, t u32, keyring; shares, root, keyring */
	KEEPER_INIT_FILE,   /* file key, keyring; root, keyring */
	KEEPER_UNSEAL,      /* t u32, share, root, keyring; progress */
	KEEPER_UNSEAL_FILE, /* file key, root, keyring; progress */
	KEEPER_RESET,       /* none; none */
	KEEPER_PROGRESS,    /* none; progress */
	KEEPER_WRAP,        /* keyring; keyring */
	KEEPER_SEAL,        /* none; none */
	KEEPER_CA_GENERATE, /* type, bits u32, limits; sealed, public key */
	KEEPER_CA_IMPORT,   /* text, limits; sealed, public key */
	KEEPER_CA_SIGN,     /* sealed, algorithm, SHA-1 u32, cert; whole cert,
			       serial u64 */
	KEEPER_CA_NARROW,   /* sealed, limits; sealed, public key */
	KEEPER_CA_FORGET,   /* public key, or "" for all; none */
	KEEPER_TALLY,       /* none; number u64, sum */
	KEEPER_PING,        /* none; none */
	KEEPER_ADMIN_GENERATE, /* type, bits u32; sealed, public key */
	KEEPER_ADMIN_IMPORT,   /* text; sealed, public key */
	KEEPER_ADMIN_OPEN      /* sealed; text */
};

#endif
