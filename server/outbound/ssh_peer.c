/*
 * libssh never blocks here: its session is told so, its socket is made so, and
 * every wait is ssh_peer_wait's. It is given a connected socket and every
 * option whose default would make it look at the machine.
 */
#include "server/outbound/ssh_peer.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <libssh/server.h>

#include "lib/codec.h"
#include "lib/sshkey.h"

#define AES_CTR "aes256-ctr,aes192-ctr,aes128-ctr"
#define AES_CBC "aes256-cbc,aes192-cbc,aes128-cbc"
#define RSA_BITS_MIN 2048
#define RSA_BITS_MIN_LEGACY 1024

/* What is agreed on; "none" and MD5 are in no list. */
struct crypto {
	const char *kex, *ciphers, *macs, *public_keys;
	int rsa_bits_min;
};

#define KEX                                                                    \
	"curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"   \
	"ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group16-sha512," \
	"diffie-hellman-group18-sha512,diffie-hellman-group-exchange-sha256,"  \
	"diffie-hellman-group14-sha256"
#define CIPHERS                                                                \
	"aes256-gcm@openssh.com,aes128-gcm@openssh.com,"                       \
	"chacha20-poly1305@openssh.com," AES_CTR
#define MACS                                                                   \
	"hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,"         \
	"hmac-sha2-256,hmac-sha2-512"
#define PUBLIC_KEYS                                                            \
	"ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,"                 \
	"ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256"

static const struct crypto crypto_today = {
	.kex = KEX,
	.ciphers = CIPHERS,
	.macs = MACS,
	.public_keys = PUBLIC_KEYS,
	.rsa_bits_min = RSA_BITS_MIN,
};

static const struct crypto crypto_legacy = {
	.kex = KEX ",diffie-hellman-group14-sha1,"
		   "diffie-hellman-group-exchange-sha1,"
		   "diffie-hellman-group1-sha1",
	.ciphers = CIPHERS "," AES_CBC ",3des-cbc",
	.macs = MACS ",hmac-sha1-etm@openssh.com,hmac-sha1",
	.public_keys = PUBLIC_KEYS ",ssh-rsa",
	.rsa_bits_min = RSA_BITS_MIN_LEGACY,
};

/* ---- words --------------------------------------------------------------- */

static void
make_printable(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

const char *
ssh_peer_printable(struct arena *arena, const char *text)
{
	char *copy = arena_strdup(arena, text);

	if (copy != NULL)
		make_printable(copy);
	return copy;
}

void
ssh_peer_say(struct ssh_peer *peer, const char *why)
{
	(void)snprintf(peer->why, sizeof(peer->why), "%s", why);
	make_printable(peer->why);
}

void
ssh_peer_set_why(struct ssh_peer *peer, const char *what)
{
	const char *words = ssh_get_error(peer->session);

	(void)snprintf(peer->why, sizeof(peer->why), "%s: %s", what,
		words[0] == '\0' ? "the connection ended" : words);
	make_printable(peer->why);
}

/* ---- waiting ------------------------------------------------------------- */

bool
ssh_peer_is_late(const struct ssh_peer *peer)
{
	return tcp_left_ms(peer->deadline_ns) == 0;
}

bool
ssh_peer_is_lost(const struct ssh_peer *peer)
{
	return ssh_is_connected(peer->session) == 0;
}

static bool
is_flooding(struct ssh_peer *peer)
{
	if (peer->received.in_bytes <= SSH_PEER_RECEIVED_MAX)
		return false;
	(void)snprintf(peer->why, sizeof(peer->why),
		"it sent more than %zu bytes", SSH_PEER_RECEIVED_MAX);
	return true;
}

static bool
is_halted(struct ssh_peer *peer)
{
	if (!halt_is_on(peer->halt))
		return false;
	ssh_peer_say(peer, HALT_WHY);
	return true;
}

bool
ssh_peer_wait(struct ssh_peer *peer)
{
	const int left_ms = tcp_left_ms(peer->deadline_ns);

	if (is_halted(peer))
		return false;
	if (left_ms == 0) {
		ssh_peer_say(peer, "no answer in time");
		return false;
	}
	/* libssh makes its socket block once it is connected. */
	(void)fcntl(peer->tcp.fd, F_SETFL, O_RDWR | O_NONBLOCK);
	/* Without the session's own the event would wait for the halt alone. */
	if (ssh_get_fd(peer->session) < 0 ||
		ssh_event_dopoll(peer->event, left_ms) == SSH_ERROR) {
		if (!peer->has_no_match)
			ssh_peer_set_why(peer, "the connection was lost");
		return false;
	}
	return !is_flooding(peer) && !is_halted(peer);
}

int
ssh_peer_until(struct ssh_peer *peer, ssh_peer_fn *fn, void *ctx)
{
	int rc = fn(ctx);

	while (rc == SSH_AGAIN && ssh_peer_wait(peer))
		rc = fn(ctx);
	return rc;
}

/* ---- libssh's log -------------------------------------------------------- */

/*
 * The words of a failed exchange of keys may be written over by those of the
 * socket that closes then, and how long a packet of a channel may be is told
 * nowhere else.
 */
static void
note(int level, const char *function, const char *text, void *ctx)
{
	static const char no_match[] = "no match for method";
	static const char packet_max[] = "maxpacket : ";
	struct ssh_peer *peer = ctx;
	const char *found = strstr(text, packet_max);
	unsigned long size;

	(void)level;
	(void)function;
	if (found != NULL) {
		size = strtoul(found + strlen(packet_max), NULL, 10);
		/* Words of theirs that look alike can only make it smaller. */
		if (size < peer->packet_max)
			peer->packet_max = size;
	}
	if (peer->has_no_match || strstr(text, no_match) == NULL)
		return;
	peer->has_no_match = true;
	ssh_peer_say(peer, text);
}

int
ssh_peer_until_noting(struct ssh_peer *peer, ssh_peer_fn *fn, void *ctx)
{
	int rc;

	(void)ssh_set_log_userdata(peer);
	(void)ssh_set_log_callback(note);
	(void)ssh_set_log_level(SSH_LOG_TRACE);
	rc = ssh_peer_until(peer, fn, ctx);
	(void)ssh_set_log_level(SSH_LOG_NONE);
	(void)ssh_set_log_callback(NULL);
	(void)ssh_set_log_userdata(NULL);
	return rc;
}

/* ---- opening and closing ------------------------------------------------- */

/* Requests of theirs are refused at once; libssh would queue them for ever. */
static int
refuse_request(ssh_session session, ssh_message message, void *ctx)
{
	(void)session;
	(void)message;
	(void)ctx;
	return 1;
}

struct option {
	enum ssh_options_e name;
	const void *value;
};

/* libssh refuses users that a shell would take apart. */
static int
refuse_option(enum ssh_options_e name, const struct ssh_peer_settings *settings,
	struct err *err)
{
	return name == SSH_OPTIONS_USER
		? err_set(err, ERR_INPUT, 400,
			  "\"%.64s\" is no user to log in as", settings->user)
		: err_set_memory(err);
}

static int
set_options(struct ssh_peer *peer, const struct ssh_peer_settings *settings,
	struct err *err)
{
	const struct crypto *crypto =
		settings->legacy_crypto ? &crypto_legacy : &crypto_today;
	const bool no_config = false;
	const int fd = fcntl(peer->tcp.fd, F_DUPFD_CLOEXEC, 0);
	const struct option options[] = {
		{ SSH_OPTIONS_FD, &fd },
		{ SSH_OPTIONS_PROCESS_CONFIG, &no_config },
		{ SSH_OPTIONS_SSH_DIR, "/dev/null" },
		{ SSH_OPTIONS_KNOWNHOSTS, "/dev/null" },
		{ SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null" },
		{ SSH_OPTIONS_HOST, "target" },
		{ SSH_OPTIONS_USER, settings->user },
		{ SSH_OPTIONS_KEY_EXCHANGE, crypto->kex },
		{ SSH_OPTIONS_HOSTKEYS, settings->host_key_algorithms },
		{ SSH_OPTIONS_CIPHERS_C_S, crypto->ciphers },
		{ SSH_OPTIONS_CIPHERS_S_C, crypto->ciphers },
		{ SSH_OPTIONS_HMAC_C_S, crypto->macs },
		{ SSH_OPTIONS_HMAC_S_C, crypto->macs },
		{ SSH_OPTIONS_COMPRESSION, "no" },
		{ SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES, crypto->public_keys },
		{ SSH_OPTIONS_RSA_MIN_SIZE, &crypto->rsa_bits_min },
	};

	if (fd < 0)
		return err_set_errno(err, "fcntl");
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (ssh_options_set(peer->session, options[i].name,
			    options[i].value) != SSH_OK) {
			(void)close(fd);
			return refuse_option(options[i].name, settings, err);
		}
	return 0;
}

/* What it means is asked behind each wait. */
static int
wake(socket_t fd, int events, void *ctx)
{
	(void)fd;
	(void)events;
	(void)ctx;
	return SSH_OK;
}

static int
try_connect(void *ctx)
{
	struct ssh_peer *peer = ctx;
	int rc = ssh_connect(peer->session);

	/* The event takes over the waits of a session that has begun. */
	if (rc != SSH_AGAIN || peer->has_begun)
		return rc;
	peer->has_begun = true;
	return ssh_event_add_session(peer->event, peer->session) == SSH_OK
		? SSH_AGAIN
		: SSH_ERROR;
}

static enum outbound_ssh_end
exchange_keys(struct ssh_peer *peer)
{
	const int rc = ssh_peer_until_noting(peer, try_connect, peer);

	if (rc == SSH_OK)
		return OUTBOUND_SSH_DONE;
	if (peer->has_no_match)
		return OUTBOUND_SSH_NO_AGREEMENT;
	if (rc == SSH_ERROR)
		ssh_peer_set_why(peer, "no keys were agreed on");
	return OUTBOUND_SSH_NO_CONNECTION;
}

static int
connect_peer(const struct ssh_peer_settings *settings, struct ssh_peer *peer,
	enum outbound_ssh_end *ret_end, struct err *err)
{
	struct err why = { 0 };
	int rc = tcp_connect(settings->host, settings->port, settings->source,
		settings->deadline_ns, settings->halt, &peer->tcp, &why);

	if (rc == ERR_PEER || rc == ERR_TIMEOUT) {
		ssh_peer_say(peer, why.message);
		*ret_end = OUTBOUND_SSH_NO_CONNECTION;
		return 0;
	}
	return rc == 0 ? 0 : err_set(err, rc, why.status, "%s", why.message);
}

int
ssh_peer_open(const struct ssh_peer_settings *settings, struct ssh_peer *peer,
	enum outbound_ssh_end *ret_end, struct err *err)
{
	enum outbound_ssh_end end = OUTBOUND_SSH_DONE;
	int rc;

	*peer = (struct ssh_peer){ .tcp.fd = -1,
		.deadline_ns = settings->deadline_ns,
		.halt = settings->halt,
		.packet_max = ULONG_MAX };
	rc = connect_peer(settings, peer, &end, err);
	if (rc != 0 || end != OUTBOUND_SSH_DONE) {
		*ret_end = end;
		return rc;
	}
	peer->session = ssh_new();
	peer->event = ssh_event_new();
	if (peer->session == NULL || peer->event == NULL ||
		ssh_event_add_fd(peer->event, peer->halt->fd, POLLIN, wake,
			NULL) != SSH_OK)
		return err_set_memory(err);
	rc = set_options(peer, settings, err);
	if (rc != 0)
		return rc;
	ssh_set_blocking(peer->session, 0);
	ssh_set_counters(peer->session, NULL, &peer->received);
	ssh_set_message_callback(peer->session, refuse_request, NULL);
	*ret_end = exchange_keys(peer);
	return 0;
}

void
ssh_peer_close(struct ssh_peer *peer)
{
	if (peer->event != NULL && peer->session != NULL)
		(void)ssh_event_remove_session(peer->event, peer->session);
	if (peer->event != NULL) {
		(void)ssh_event_remove_fd(peer->event, peer->halt->fd);
		ssh_event_free(peer->event);
	}
	if (peer->session != NULL) {
		ssh_disconnect(peer->session);
		ssh_free(peer->session);
	}
	tcp_close(&peer->tcp);
	peer->event = NULL;
	peer->session = NULL;
}

/* ---- who it is, who we are ----------------------------------------------- */

const char *
ssh_peer_banner(struct ssh_peer *peer, struct arena *arena)
{
	const char *banner = peer->session == NULL
		? NULL
		: ssh_get_serverbanner(peer->session);

	return ssh_peer_printable(arena, banner == NULL ? "" : banner);
}

int
ssh_peer_host_key(struct ssh_peer *peer, struct arena *arena,
	struct span *ret_blob, struct err *err)
{
	ssh_key key = NULL;
	char *text = NULL;
	struct span blob;
	struct buf bytes;
	int rc = 0;

	buf_init(&bytes, SSHKEY_BLOB_MAX);
	if (ssh_get_server_publickey(peer->session, &key) != SSH_OK ||
		ssh_pki_export_pubkey_base64(key, &text) != SSH_OK ||
		base64_decode(span_str(text), &bytes) != 0)
		rc = err_set(err, ERR_PEER, 502, "it showed no host key");
	if (rc == 0) {
		blob = arena_dup(arena, buf_span(&bytes));
		if (blob.data == NULL)
			rc = err_set_memory(err);
		else
			*ret_blob = blob;
	}
	ssh_string_free_char(text);
	ssh_key_free(key);
	buf_clear(&bytes);
	return rc;
}

struct login {
	struct ssh_peer *peer;
	ssh_key key;
	int answer; /* SSH_AUTH_… */
};

static int
try_login(void *ctx)
{
	struct login *login = ctx;

	login->answer =
		ssh_userauth_publickey(login->peer->session, NULL, login->key);
	return login->answer == SSH_AUTH_AGAIN ? SSH_AGAIN : SSH_OK;
}

static enum outbound_ssh_end
judge_login(struct ssh_peer *peer, int answer)
{
	if (answer == SSH_AUTH_SUCCESS)
		return OUTBOUND_SSH_DONE;
	if (answer == SSH_AUTH_PARTIAL) {
		ssh_peer_say(peer, "it wants more than the key");
		return OUTBOUND_SSH_REFUSED;
	}
	if (answer == SSH_AUTH_DENIED) {
		ssh_peer_say(peer, "it does not take the key");
		return OUTBOUND_SSH_REFUSED;
	}
	ssh_peer_set_why(peer, "the login failed");
	return ssh_peer_is_lost(peer) ? OUTBOUND_SSH_NO_CONNECTION
				      : OUTBOUND_SSH_REFUSED;
}

enum outbound_ssh_end
ssh_peer_login(struct ssh_peer *peer, const char *key)
{
	struct login login = { .peer = peer };
	int rc;

	if (ssh_pki_import_privkey_base64(key, NULL, NULL, NULL, &login.key) !=
		SSH_OK) {
		ssh_peer_say(peer, "the key cannot be used");
		return OUTBOUND_SSH_REFUSED;
	}
	rc = ssh_peer_until(peer, try_login, &login);
	ssh_key_free(login.key);
	return rc == SSH_AGAIN ? OUTBOUND_SSH_NO_CONNECTION
			       : judge_login(peer, login.answer);
}
