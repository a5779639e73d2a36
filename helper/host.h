/*
 * What an enrolled host keeps: where its files lie, and a record of how the
 * last runs went. The record belongs to root and everybody may read it.
 */
#ifndef SALLYPORT_HELPER_HOST_H
#define SALLYPORT_HELPER_HOST_H

#include "helper/helper_settings.h"
#include "lib/buf.h"

#define HOST_NAME_LEN_MAX 255
#define HOST_SECRET_MAX 256
#define HOST_FILE_MAX (1024 * 1024)
#define HOST_RUN_EVERY_S 300 /* as the timer has it */

/* Absolute paths; what the settings do not name follows from them. */
struct host_paths {
	const char *user_ca;  /* TrustedUserCAKeys */
	const char *krl;      /* RevokedKeys */
	const char *conf;     /* our part of sshd_config */
	const char *conf_dir; /* where that lies */
	const char *secret;   /* what the server knows this host by */
	const char *record;   /* struct host_record */
	const char *journal;  /* of a change under way */
	const char *lock;     /* held while something is changed */
	const char *cache;    /* directory of the answers for logins */
	const char *config;   /* that the settings came from */
};

/* Times are seconds since 1970; 0: never. */
struct host_record {
	const char *host; /* as the server calls it; "": none */
	const char *key;  /* path of the private host key */
	/* Of one that the server may have certified in its place; or "". */
	const char *next_key;
	bool principals;    /* sshd asks us at each login */
	int64_t renew_at_s; /* when the certificate is due */
	int64_t retry_at_s; /* not before, after a failure */
	const char *krl_etag, *user_ca_etag;
	int64_t last_run_s, last_success_s;
	const char *last_error; /* "": the last run was good */
	int64_t retry_count;    /* failed runs since the last good one */
};

struct host {
	const struct helper_settings *settings;
	struct arena *arena;
	bool dev; /* plain http:// was allowed */
	int64_t now_s;
	struct host_paths paths;
	struct host_record record;
};

/* Paths, time, and the record as far as there is one. config is absolute. */
int host_open(const struct helper_settings *settings, const char *config,
	bool dev, struct arena *arena, struct host *ret_host, struct err *err);

/* The record as it is to lie on the disk. */
int host_record_write(
	const struct host_record *record, struct buf *out, struct err *err);

/* Read one; what is missing is 0, "" or false. */
int host_record_read(struct span text, struct arena *arena,
	struct host_record *ret_record, struct err *err);

/* Read the record again; where there is none, all of it is 0, "" or false. */
int host_load(struct host *host, struct err *err);

/* Into the record: how a run went that ended with err (code 0: well). */
void host_record_result(struct host *host, const struct err *err);

/* Put the record in its place. */
int host_save(const struct host *host, struct err *err);

/*
 * Wait for the only lock there is; it lasts until the process ends. The state
 * directory is made where it is missing.
 */
int host_lock(const struct host *host, struct err *err);

/* Path of the certificate that belongs to the key. NULL: no memory. */
const char *host_cert_path(const struct host *host);

/*
 * The private key's path: of the public one that is named, as ssh-add does;
 * named NULL: the record's, or sshd's own Ed25519 key. NULL: no memory.
 */
const char *host_key_path(const struct host *host, const char *named);

/* The secret that the server gave, in the arena. */
int host_read_secret(
	const struct host *host, const char **ret_secret, struct err *err);

/* A whole file in the arena. ERR_ABSENT, ERR_LIMIT past HOST_FILE_MAX, … */
int host_read_file(const struct host *host, const char *path, size_t max,
	struct span *ret_text, struct err *err);

#endif
