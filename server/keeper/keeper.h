/*
 * The keeper holds the root key R. Shares or the unseal file give U, U opens
 * R, R opens the keyring, whose bytes go back to the caller; R never leaves
 * (design.md 6), and neither does a CA's private key. Everything crosses
 * keeper_call as messages of bytes to a process of its own; the functions below
 * are its callers' side. Any thread may call, also several at once.
 */
#ifndef SALLYPORT_SERVER_KEEPER_KEEPER_H
#define SALLYPORT_SERVER_KEEPER_KEEPER_H

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/secret.h"
#include "server/keeper/link.h"

#define KEEPER_MESSAGE_MAX 65536
#define KEEPER_SHARES_MAX 255
#define KEEPER_FORCED_MAX 16384 /* bytes of forced options */
#define KEEPER_SUM 32

struct keeper;

/* In this process: for tests. */
int keeper_new(struct keeper **ret_keeper, struct err *err);

/*
 * In a process of its own: first of all in main, before there are threads, open
 * files or secrets. argc and argv are main's, for the child's name in ps.
 */
int keeper_spawn(
	int argc, char **argv, struct keeper **ret_keeper, struct err *err);

/* Nobody calls any more. Its process has ended when this returns. */
void keeper_free(struct keeper **keeper);

/*
 * Whether its process has ended before its time (SIGCHLD says when to look);
 * true once. *ret_status as of waitpid.
 */
bool keeper_has_ended(struct keeper *keeper, int *ret_status);

/* End its process at once: whoever waits for an answer gets ERR_PEER. */
void keeper_kill(struct keeper *keeper);

/*
 * One message in, one out: op byte, then fields of u32 length and bytes; the
 * answer is a code byte (0 good), then fields, or a status and a text. ERR_PEER
 * (500) where its process is gone.
 */
int keeper_call(struct keeper *keeper, struct span in, struct buf *out,
	struct err *err);

/* The same without waiting, as link_begin. */
void keeper_begin(struct keeper *keeper, struct span in, struct link_job *job);

/* What is stored, unsealed, under core/: opaque to everybody else. */
struct keeper_blobs {
	struct span root;    /* R under U */
	struct span keyring; /* the keyring under R */
};

struct keeper_share {
	uint8_t bytes[33]; /* 32 of U's share and its index; 32 where n = 1 */
	size_t len;
};

/*
 * Make U and R, split U into n shares with threshold t, wrap R and the given
 * keyring. Texts of spec/core-api.md 2.1 for bad n and t. The keeper holds R
 * afterwards only if it is told to unseal.
 */
int keeper_init(struct keeper *keeper, unsigned n, unsigned t,
	struct secret_view keyring, struct arena *arena,
	struct keeper_share *ret_shares, struct keeper_blobs *ret_blobs,
	struct err *err);

/* The same with U given as 32 bytes of an unseal file, no shares. */
int keeper_init_file(struct keeper *keeper, struct secret_view file_key,
	struct secret_view keyring, struct arena *arena,
	struct keeper_blobs *ret_blobs, struct err *err);

struct keeper_progress {
	unsigned progress;   /* shares held of this round */
	char nonce[37];      /* of the round; "" when idle */
	bool opened;         /* the keyring is in the answer */
	struct span keyring; /* in the arena, where opened */
};

/*
 * Give a share (33 bytes, or 32 where t is 1). The same share twice: no
 * progress. At the threshold: open R and the keyring, or 400 "Unseal failed,
 * invalid key" with progress back at 0.
 */
int keeper_unseal(struct keeper *keeper, unsigned t, struct secret_view share,
	const struct keeper_blobs *blobs, struct arena *arena,
	struct keeper_progress *ret_progress, struct err *err);
int keeper_unseal_file(struct keeper *keeper, struct secret_view file_key,
	const struct keeper_blobs *blobs, struct arena *arena,
	struct keeper_progress *ret_progress, struct err *err);

/* Drop the shares of the round. */
int keeper_unseal_reset(struct keeper *keeper, struct err *err);
int keeper_unseal_progress(struct keeper *keeper,
	struct keeper_progress *ret_progress, struct err *err);

/* Wrap a changed keyring under R (rotate). ERR_SEALED while closed. */
int keeper_wrap_keyring(struct keeper *keeper, struct secret_view keyring,
	struct arena *arena, struct span *ret_blob, struct err *err);

/*
 * A CA's key as the keeper gives it out: sealed under a key derived from R,
 * with its hard limits inside. Only the keeper opens it, again for each
 * signature or from its cache of opened keys.
 */
struct keeper_ca {
	struct span sealed;
	struct span public_key; /* blob (lib/sshkey.h) */
};

/* What no certificate of this CA may pass, whatever the caller says. */
struct keeper_ca_limits {
	uint64_t validity_s; /* from after to before; 0: no limit */
	uint32_t per_s;      /* signatures a second, and at once; 0: no limit */
	/*
	 * Critical options that a user certificate has, with this value or, of
	 * source-address, less: as of sshcert_build_options; empty: none.
	 */
	struct span forced;
};

/*
 * A new CA key of a type and size of lib/sshkeypair.h. RSA takes seconds: from
 * slow workers only. ERR_SEALED while closed, ERR_INPUT (400) for the type.
 */
int keeper_ca_generate(struct keeper *keeper, const char *type, unsigned bits,
	const struct keeper_ca_limits *limits, struct arena *arena,
	struct keeper_ca *ret_ca, struct err *err);

/* The same with the text of a private key. ERR_INPUT (400) says what ails it.
 */
int keeper_ca_import(struct keeper *keeper, struct secret_view text,
	const struct keeper_ca_limits *limits, struct arena *arena,
	struct keeper_ca *ret_ca, struct err *err);

struct keeper_signed {
	struct span cert; /* whole, with serial number and signature */
	uint64_t serial;
};

/*
 * Sign a certificate that sshcert_build made with 0 for its serial number: the
 * keeper draws that, at random. It reads the certificate again: form and number
 * of principals, the CA's own key, validity and options within the limits;
 * ERR_DENIED (500) where it would break them. ERR_BUSY (429) where the CA has
 * signed too many of late. algorithm as of sshkeypair_sign.
 */
int keeper_ca_sign(struct keeper *keeper, struct span sealed,
	const char *algorithm, bool allow_sha1, struct span unsigned_cert,
	struct arena *arena, struct keeper_signed *ret_signed, struct err *err);

/*
 * The same for who does not wait: job.done is the caller's, as of link_begin;
 * then keeper_ca_sign_end, once. What is signed may go meanwhile.
 */
struct keeper_signing {
	struct link_job job; /* the first member */
	struct buf answer;
};

void keeper_ca_sign_begin(struct keeper *keeper, struct span sealed,
	const char *algorithm, bool allow_sha1, struct span unsigned_cert,
	struct keeper_signing *signing);
int keeper_ca_sign_end(struct keeper_signing *signing, struct arena *arena,
	struct keeper_signed *ret_signed, struct err *err);

/*
 * The same key, sealed with tighter limits. ERR_INPUT (400) where one would be
 * wider: what is sealed already cannot be taken back.
 */
int keeper_ca_narrow(struct keeper *keeper, struct span sealed,
	const struct keeper_ca_limits *limits, struct arena *arena,
	struct keeper_ca *ret_ca, struct err *err);

/*
 * Forget the opened key of this public half at once, and keep it open for no
 * later call of the next minute. Empty: forget all that are open.
 */
int keeper_ca_forget(
	struct keeper *keeper, struct span public_key, struct err *err);

/*
 * An admin key, which the server logs in to targets with: sealed under a key of
 * its own derived from R, made and imported as a CA's, without limits.
 */
struct keeper_admin {
	struct span sealed;
	struct span public_key; /* blob */
};

int keeper_admin_generate(struct keeper *keeper, const char *type,
	unsigned bits, struct arena *arena, struct keeper_admin *ret_admin,
	struct err *err);
int keeper_admin_import(struct keeper *keeper, struct secret_view text,
	struct arena *arena, struct keeper_admin *ret_admin, struct err *err);

/*
 * The private half as OpenSSH's text, into arena, which wipes it. ERR_CRYPTO
 * (500) for what is no sealed admin key: a sealed CA is none.
 */
int keeper_admin_open(struct keeper *keeper, struct span sealed,
	struct arena *arena, struct secret_view *ret_text, struct err *err);

/* What was signed since the keeper began (tally.h). */
struct keeper_tally {
	uint64_t n;
	uint8_t sum[KEEPER_SUM];
};

int keeper_get_tally(
	struct keeper *keeper, struct keeper_tally *ret_tally, struct err *err);

/* An answer, if it still gives any. */
int keeper_ping(struct keeper *keeper, struct err *err);

/* Forget R, any shares, and all opened CA keys. */
int keeper_seal(struct keeper *keeper, struct err *err);

#endif
