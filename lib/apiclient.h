/*
 * The API client that the command line and the helper share, over libcurl:
 * https with verification, no proxies of the environment, bounded answers,
 * total deadlines, several addresses tried in turn while nothing was sent.
 */
#ifndef SALLYPORT_LIB_APICLIENT_H
#define SALLYPORT_LIB_APICLIENT_H

#include "lib/buf.h"
#include "lib/secret.h"
#include "lib/value.h"

struct apiclient;

struct apiclient_settings {
	const char *const *addresses; /* "https://h:8200"; unix:///path too */
	size_t n_addresses;           /* tried in order until one connects */
	const char *ca_cert;          /* "" or PEM file; wins over ca_path */
	const char *ca_path;          /* "" or directory of PEM files */
	const char *client_cert, *client_key; /* "" or PEM files, both */
	const char *tls_server_name;          /* "" or name for SNI and check */
	const char *spki_sha256;              /* "" or pin, base64 of SHA-256 */
	const char *name_space;               /* "" or X-Vault-Namespace */
	bool tls_skip_verify;
	bool follow_redirect; /* one, never from https to http */
	int64_t connect_ms;   /* for each address */
	int64_t total_ms;     /* for everything of one call */
	int retries;          /* of 5xx (not 501), 412 and connect errors */
	size_t body_max;      /* largest answer accepted */
};

enum apiclient_outcome {
	APICLIENT_ANSWERED,    /* status and body are the server's */
	APICLIENT_UNREACHABLE, /* no connection was made; nothing was sent */
	APICLIENT_TLS,         /* the certificate or handshake was refused */
	APICLIENT_LOST,        /* sent, but no whole answer came */
	APICLIENT_TIMEOUT      /* the total deadline passed */
};

struct apiclient_request {
	const char *method; /* GET, PUT, POST, DELETE, LIST */
	const char *path;   /* "/v1/…", already escaped, with its query */
	struct secret_view token;   /* len 0: none */
	const char *wrap_ttl;       /* "" or X-Vault-Wrap-TTL */
	const char *const *headers; /* more "Name: value" lines, or NULL */
	size_t n_headers;
	struct span body; /* len 0: none */
};

struct apiclient_answer {
	enum apiclient_outcome outcome;
	int status;
	const char *url;    /* as asked, less a password; in the arena */
	const char *etag;   /* the field of that name; "" without one */
	int64_t date_s;     /* Date, as seconds since 1970; -1 without one */
	struct span body;   /* in the arena */
	struct value *json; /* the body as JSON, or NULL where it is none */
};

/*
 * Make libcurl allocate from memory that is wiped when freed; before its first
 * use, as often as one likes.
 */
void apiclient_setup(void);

/* A client; settings are copied. ERR_INPUT on a bad setting (CA file …). */
int apiclient_new(const struct apiclient_settings *settings,
	struct apiclient **ret_client, struct err *err);

void apiclient_free(struct apiclient **client);

/*
 * One call. 0 whenever the server answered, whatever its status; else
 * ERR_PEER or ERR_TIMEOUT with the transport's own words as message and
 * ret_answer->outcome set all the same.
 */
int apiclient_call(struct apiclient *client,
	const struct apiclient_request *request, struct arena *arena,
	struct apiclient_answer *ret_answer, struct err *err);

/*
 * What people may see of a URL: "***" for the password of its user part. In the
 * arena, or the URL itself; NULL: no memory.
 */
const char *apiclient_without_password(struct arena *arena, const char *url);

/* Percent-escape a path, keeping '/'; NULL: no memory. */
char *apiclient_escape_path(struct arena *arena, const char *path);

#endif
