/* The server's configuration file: its rows, and the struct that they fill. */
#ifndef SALLYPORT_SERVER_CORE_SETTINGS_TABLE_H
#define SALLYPORT_SERVER_CORE_SETTINGS_TABLE_H

#include "lib/settings.h"

#define LISTENERS_MAX 16

struct listener_settings {
	const char *type;    /* "tcp" or "unix" */
	const char *address; /* tcp: "host:port" */
	const char *path;    /* unix */
	int64_t socket_mode; /* unix: 0660 */
	bool tls_disable;
	const char *tls_cert_file, *tls_key_file, *tls_client_ca_file;
	const char *tls_min_version, *tls_max_version;
	bool tls_require_and_verify_client_cert;
	bool tls_disable_client_certs;
	bool unauthenticated_rekey;
	int64_t max_request_size; /* bytes; 0: the server's */
};

struct server_settings {
	/* storage */
	const char *storage_type; /* "sqlite" */
	const char *storage_path;
	/* seal */
	const char *seal_type; /* "shamir" (default) or "file" */
	const char *seal_path;
	struct listener_settings listeners[LISTENERS_MAX];
	size_t n_listeners;
	struct setting_list audit_directories;
	const char *api_addr;
	const char *log_level, *log_format;
	const char *pid_file;
	const char *cluster_name;
	bool disable_mlock;
	bool allow_sha1_signatures;
	int64_t default_lease_ttl, max_lease_ttl; /* s */
	int64_t otp_default_ttl;                  /* s */
	int64_t max_request_size;                 /* bytes */
	int64_t io_threads;                       /* 0: cores, at most 4 */
	int64_t workers_max;                      /* 256 */
	int64_t queue_max;                        /* 4,096 */
	int64_t connections_max;                  /* 0: by descriptor limit */
	/* flags, not in the file */
	bool accept_rollback; /* at the first unseal */
	bool dev;
	const char *dev_root_token_id;
	uint64_t key_uses_max; /* values under one key; 0: the usual number */
};

/* Rows for help texts and docs; ends with SETTING_END. */
extern const struct setting server_settings_rows[];
extern const struct setting listener_settings_rows[];

/*
 * Read one or more files (or directories of *.hcl and *.json, in order) into
 * settings; strings live in arena. Unknown keys: a warning with the nearest
 * name, an error inside listener, seal and storage (spec/README.md).
 */
int server_settings_load(const char *const *paths, size_t n_paths,
	struct arena *arena, struct server_settings *ret_settings,
	struct err *err);

/* What dev mode starts from; the listener is plain HTTP at address. */
int server_settings_dev(const char *address, const char *root_token_id,
	const char *storage_path, struct arena *arena,
	struct server_settings *ret_settings, struct err *err);

#endif
