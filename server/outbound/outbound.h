/*
 * Calls to other servers, made by nobody else (design.md 6). They cross
 * outbound_call as messages of bytes, so that outbound can become a process of
 * its own; the functions below are its callers' side. A call blocks until its
 * deadline at most: for workers, never for an I/O thread or a store function.
 */
#ifndef SALLYPORT_SERVER_OUTBOUND_OUTBOUND_H
#define SALLYPORT_SERVER_OUTBOUND_OUTBOUND_H

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/secret.h"

#define OUTBOUND_URL_MAX 2048
#define OUTBOUND_CA_MAX ((size_t)64 * 1024)
#define OUTBOUND_ANSWER_MAX ((size_t)1024 * 1024)
#define OUTBOUND_MESSAGE_MAX (3 * OUTBOUND_ANSWER_MAX)

/* Calls under way at once; more are refused, so that workers stay free. */
#define OUTBOUND_CALLS_MAX 16

struct outbound;

int outbound_new(struct outbound **ret_outbound, struct err *err);
void outbound_free(struct outbound **outbound);

/*
 * End the calls under way, as a lost connection would, and refuse others until
 * resume: while the server is sealed. Returns when none is under way any more,
 * after a second or so.
 */
void outbound_halt(struct outbound *outbound);
void outbound_resume(struct outbound *outbound);
bool outbound_is_halted(const struct outbound *outbound);

/*
 * One message in, one out: op byte, then fields; the answer is a code byte (0
 * good), then fields, or a status and a text. ERR_BUSY, 503, where
 * OUTBOUND_CALLS_MAX are under way; ERR_SEALED, 503, when halted.
 */
int outbound_call(struct outbound *outbound, struct span in, struct buf *out,
	struct err *err);

struct outbound_request {
	const char *url; /* https://…; http://… where allows_plain */
	/* GET, POST, PUT, PATCH or DELETE; NULL: POST with JSON, else GET. */
	const char *method;
	const char *ca_pem; /* roots; "": the system's */
	/*
	 * "sha256//" and base64 of the hash of the server's public key, or
	 * NULL. Without ca_pem any certificate with that key will do.
	 */
	const char *tls_pin;
	const char *source;        /* address to bind to; NULL: any */
	struct secret_view bearer; /* of Authorization; len 0: none */
	const char *user;          /* of Basic, without ':'; NULL: none */
	struct secret_view password;
	struct span json;    /* body; data NULL: none */
	size_t answer_max;   /* bytes; more is ERR_PEER */
	int64_t deadline_ms; /* for all of it */
	bool allows_plain;   /* for development: http too */
};

struct outbound_answer {
	int status;
	struct span body; /* in the arena */
};

/*
 * A bearer's token without the end of its line, which it comes with from a
 * file. ERR_INPUT, 400, with this name for it, where a header cannot hold it.
 */
int outbound_clean_bearer(
	struct secret_view *token, const char *name, struct err *err);

/*
 * 0 whenever the server answered, whatever its status. ERR_INPUT, 400, for a
 * URL, roots and the like that cannot be used; ERR_PEER or ERR_TIMEOUT, 502,
 * with why.
 */
int outbound_https(struct outbound *outbound,
	const struct outbound_request *request, struct arena *arena,
	struct outbound_answer *ret_answer, struct err *err);

/* ---- SSH to targets ------------------------------------------------------ */

#define OUTBOUND_SSH_OUTPUT_MAX ((size_t)64 * 1024) /* of each stream */
#define OUTBOUND_SSH_LIST_MAX ((size_t)1024 * 1024) /* of a list's output */
#define OUTBOUND_SSH_STEPS_MAX 16
#define OUTBOUND_HOST_KEYS_MAX 64

/* What to do where a server shows a key that is not among the pinned ones. */
enum outbound_host_key_policy {
	OUTBOUND_HOST_KEY_STRICT = 0, /* end */
	OUTBOUND_HOST_KEY_TOFU,       /* take it where none is pinned */
	OUTBOUND_HOST_KEY_ANY         /* take it; the answer names it */
};

enum outbound_ssh_kind {
	OUTBOUND_SSH_EXEC = 1, /* run command, in a channel of its own */
	OUTBOUND_SSH_UPLOAD    /* write input to the file named by command */
};

/* One thing to do in a connection. A step that fails is the last one. */
struct outbound_ssh_step {
	enum outbound_ssh_kind kind;
	const char *command; /* no NUL, CR or LF; or the file's path (SFTP) */
	struct span input;   /* to standard input, whose end follows … */
	/* … unless this line is awaited first: then more is sent. NULL: not. */
	const char *await;
	struct span more;
	bool may_fail; /* go on whatever its status is, or without one */
	bool is_list;  /* may say OUTBOUND_SSH_LIST_MAX; one of a call */
};

struct outbound_ssh {
	const char *host; /* address literal or name */
	int64_t port;
	const char *source; /* address to bind to; "": any */
	const char *user;
	struct secret_view key; /* a private key's text, not encrypted */
	/* Lines ("type base64 …") or fingerprints ("SHA256:…"). */
	const char *const *host_keys;
	size_t n_host_keys;
	enum outbound_host_key_policy policy;
	bool legacy_crypto;  /* weak algorithms too, for old devices */
	int64_t deadline_ms; /* for all of it */
	const struct outbound_ssh_step *steps;
	size_t n_steps; /* 0: log in, and that is all */
};

/*
 * How far it came. Before the first step is begun the other side does nothing,
 * so a deadline that passes there is NO_CONNECTION too.
 */
enum outbound_ssh_end {
	OUTBOUND_SSH_DONE = 0, /* every step was made */
	OUTBOUND_SSH_NO_CONNECTION,
	OUTBOUND_SSH_NO_AGREEMENT, /* no algorithm in common */
	OUTBOUND_SSH_HOST_KEY,     /* unknown or changed: nothing was sent */
	OUTBOUND_SSH_REFUSED,      /* it does not take our key */
	OUTBOUND_SSH_STEP,         /* the last step of the answer failed */
	/*
	 * Cut off: no result came of the last step begun (status -1 and no
	 * signal), whose effect is unknown; or it was between two of them.
	 */
	OUTBOUND_SSH_LOST,
	OUTBOUND_SSH_LATE /* the deadline passed, likewise */
};

struct outbound_ssh_result {
	int exit_status;    /* -1: none came */
	const char *signal; /* name that ended it; "": none */
	struct span output, error;
	bool is_cut; /* one of them was longer than is read */
};

struct outbound_ssh_answer {
	enum outbound_ssh_end end;
	const char *why;         /* text for people; "" when done */
	const char *host_key;    /* "type base64" that was shown, or "" */
	const char *fingerprint; /* SHA256:… of it, or "" */
	const char *banner;      /* "SSH-2.0-…", or "" */
	const struct outbound_ssh_result *results; /* of the steps begun */
	size_t n_results;
};

/*
 * Log in to a target with a key and make the steps, one after the other. 0
 * whenever the call was made: the answer, in arena, says how it ended.
 * ERR_INPUT for arguments that cannot be sent (a command of two lines, a key
 * that is none), ERR_BUSY as of outbound_call.
 */
int outbound_ssh(struct outbound *outbound, const struct outbound_ssh *call,
	struct arena *arena, struct outbound_ssh_answer *ret_answer,
	struct err *err);

/* What a server offers before anybody logs in. */
struct outbound_ssh_offer {
	const char *banner;
	/* Name lists as sent (RFC 4253 7.1); server to client. */
	const char *kex, *host_key_types, *ciphers, *macs;
	const char *const *host_keys; /* a line for each type there is */
	size_t n_host_keys;
};

/* ERR_PEER or ERR_TIMEOUT (502) with why. */
int outbound_ssh_scan(struct outbound *outbound, const char *host, int64_t port,
	const char *source, int64_t deadline_ms, struct arena *arena,
	struct outbound_ssh_offer *ret_offer, struct err *err);

#endif
