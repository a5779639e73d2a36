/*
 * ssh -mode=ca: a public key is signed for the user and the host is shown the
 * certificate. The key is a named one, or one made for this session, which
 * never leaves our memory.
 */
#include <string.h>
#include <unistd.h>

#include "client/cert_store.h"
#include "client/child.h"
#include "client/home.h"
#include "client/host_authority.h"
#include "client/output.h"
#include "client/sign_key.h"
#include "client/ssh_call.h"
#include "client/ssh_session.h"
#include "lib/clock.h"
#include "lib/fsutil.h"
#include "lib/sshkey.h"

#define KEY_FILE_MAX 65536
#define PUBLIC_ENDING ".pub"
#define SSH_FAILED 255

/* The key that is signed, and what became of it. */
struct ca_session {
	struct ssh_call *call;
	const char *public_path, *private_path; /* of a named key; or NULL */
	struct sshkeypair *made;                /* else */
	const char *public_line;
	struct span public_blob;
	const char *principals;
	const char *signed_key;  /* the certificate's line */
	const char *stored_path; /* where it is kept; NULL: nowhere */
	const char *known_hosts; /* of the CA of hosts; NULL: none */
	struct ssh_session ssh;
};

/* ---- the key ---------------------------------------------------------- */

/* One path names both halves. */
static int
find_halves(struct ca_session *session)
{
	const struct ssh_options *options = session->call->options;
	struct arena *arena = session->call->cli->arena;
	const size_t ending = strlen(PUBLIC_ENDING);
	const char *pub = home_expand(arena, options->public_key_path);
	const char *key = home_expand(arena, options->private_key_path);
	const size_t len = strlen(pub);

	if (key[0] == '\0') {
		if (len <= ending ||
			strcmp(pub + len - ending, PUBLIC_ENDING) != 0)
			return cli_usage(
				"the public key %s does not end in %s: name its private half with "
				"-private-key-path",
				pub, PUBLIC_ENDING);
		key = arena_strndup(arena, pub, len - ending);
	}
	if (pub[0] == '\0')
		pub = arena_printf(arena, "%s%s", key, PUBLIC_ENDING);
	session->public_path = pub;
	session->private_path = key;
	return pub != NULL && key != NULL ? EXIT_DONE : EXIT_SERVER;
}

static int
read_named_key(struct ca_session *session)
{
	struct arena *arena = session->call->cli->arena;
	struct err err = { 0 };
	struct buf text;
	int rc;

	buf_init(&text, KEY_FILE_MAX);
	rc = file_read(session->public_path, &text, &err);
	if (rc == 0)
		rc = sshkey_parse_line(
			buf_span(&text), arena, &session->public_blob);
	if (rc == 0)
		session->public_line =
			arena_strndup(arena, text.data, text.len);
	buf_clear(&text);
	if (rc == 0 && session->public_line != NULL)
		return EXIT_DONE;
	return cli_usage("failed to read public key %s: %s",
		session->public_path,
		err.code != 0 ? err_reason(&err)
			      : "it is no public key of SSH");
}

static int
make_key(struct ca_session *session)
{
	struct err err = { 0 };

	if (sshkeypair_generate("ed25519", 0, &session->made, &err) != 0)
		return cli_fail("failed to make a key", &err);
	session->public_blob = sshkeypair_public(session->made);
	session->public_line =
		sshkey_line(session->call->cli->arena, session->public_blob);
	return session->public_line != NULL ? EXIT_DONE : EXIT_SERVER;
}

static int
choose_key(struct ca_session *session)
{
	const struct ssh_options *options = session->call->options;
	int rc;

	if (options->public_key_path[0] == '\0' &&
		options->private_key_path[0] == '\0') {
		if (options->no_exec && !options->explain)
			return cli_usage(
				"-no-exec prints the certificate of a key of yours: name one with "
				"-public-key-path");
		return make_key(session);
	}
	rc = find_halves(session);
	return rc == EXIT_DONE ? read_named_key(session) : rc;
}

/* ---- the certificate -------------------------------------------------- */

static struct sign_wish
wish_of(const struct ca_session *session)
{
	return (struct sign_wish){
		.mount = session->call->mount,
		.role = session->call->role,
		.principals = session->principals,
		.public_line = session->public_line,
		.path = session->public_path,
	};
}

static int
get_signed(struct ca_session *session)
{
	const struct sign_wish wish = wish_of(session);

	return sign_key(session->call->cli, &wish, &session->signed_key);
}

/* A named key's certificate is used again while it is good. */
static int
get_certificate(struct ca_session *session)
{
	const struct ssh_call *call = session->call;
	struct arena *arena = call->cli->arena;
	const struct cert_wanted wanted = {
		.address = cli_address(call->cli),
		.mount = call->mount,
		.role = call->role,
		.principals = session->principals,
		.key = session->public_blob,
	};
	int rc;

	if (session->made != NULL)
		return get_signed(session);
	session->stored_path = cert_store_path(arena, &wanted);
	if (session->stored_path != NULL &&
		cert_store_is_good(session->stored_path, session->public_blob,
			clock_wall_ns(clock_system()) / CLOCK_NS_PER_S, arena))
		return EXIT_DONE;
	rc = get_signed(session);
	if (rc == EXIT_DONE && session->stored_path != NULL)
		cert_store_keep(session->stored_path, session->signed_key);
	return rc;
}

/* ---- the CA of hosts ------------------------------------------------- */

static int
get_host_authority(struct ca_session *session)
{
	const struct ssh_options *options = session->call->options;

	if (options->host_key_mount_point[0] == '\0')
		return EXIT_DONE;
	return host_authority_lines(session->call->cli,
		options->host_key_mount_point, options->host_key_hostnames, "",
		&session->known_hosts);
}

/* ---- the session ------------------------------------------------------ */

/* ssh gets the files of a named key. */
static int
show_files(struct ca_session *session, struct err *err)
{
	struct arena *arena = session->call->cli->arena;
	const char *path = session->stored_path;
	char written[PRIVATE_PATH_MAX];
	int rc;

	if (path == NULL) {
		rc = private_dir_write(&session->ssh.dir, "id-cert.pub",
			span_str(session->signed_key), written, err);
		if (rc != 0)
			return rc;
		path = arena_strdup(arena, written);
	}
	ssh_session_add(&session->ssh, "-i");
	ssh_session_add(&session->ssh, session->private_path);
	ssh_session_add(&session->ssh,
		arena_printf(arena, "-oCertificateFile=%s", path));
	return 0;
}

/* ssh gets an agent that has the made key and nothing else. */
static int
show_agent(struct ca_session *session, struct err *err)
{
	struct arena *arena = session->call->cli->arena;
	struct span certificate;

	if (sshkey_parse_line(
		    span_str(session->signed_key), arena, &certificate) != 0)
		return err_set(err, ERR_PEER, 0,
			"the server's certificate cannot be read");
	return ssh_session_add_agent(
		&session->ssh, arena, session->made, certificate, err);
}

static int
prepare(struct ca_session *session, struct sshrun *run, struct err *err)
{
	char path[PRIVATE_PATH_MAX];
	int rc = private_dir_open(&session->ssh.dir, err);

	if (rc == 0 && session->known_hosts != NULL) {
		rc = private_dir_write(&session->ssh.dir, "known_hosts",
			span_str(session->known_hosts), path, err);
		run->known_hosts =
			arena_strdup(session->call->cli->arena, path);
		run->strict = "yes";
	}
	if (rc == 0)
		rc = session->made != NULL ? show_agent(session, err)
					   : show_files(session, err);
	ssh_session_lend(&session->ssh, run);
	return rc;
}

static int
run_session(struct ca_session *session)
{
	const struct ssh_call *call = session->call;
	struct sshrun run = ssh_call_sshrun(call);
	struct err err = { 0 };
	int status;

	child_hold_signals(&run.old_mask);
	if (prepare(session, &run, &err) != 0)
		return cli_fail("failed to prepare the session", &err);
	status = sshrun_session(
		call->cli, &run, secret_view_of(NULL, 0), false, false);
	/* Perhaps it was refused: the next run asks for another. */
	if (status == SSH_FAILED && session->stored_path != NULL)
		(void)unlink(session->stored_path);
	return status;
}

static int
log_in(struct ca_session *session)
{
	int rc = get_certificate(session);

	if (rc == EXIT_DONE)
		rc = get_host_authority(session);
	return rc == EXIT_DONE ? run_session(session) : rc;
}

static int
print_certificate(struct ca_session *session)
{
	struct cli *cli = session->call->cli;
	const int rc = get_signed(session);

	return rc == EXIT_DONE ? output_secret(cli, cli->answer.json) : rc;
}

static const char *
principals_of(const struct ssh_call *call)
{
	return call->options->valid_principals[0] != '\0'
		? call->options->valid_principals
		: call->args.user;
}

int
ssh_ca_ask(struct ssh_call *call, struct err *err)
{
	struct ca_session session = { .call = call,
		.principals = principals_of(call) };
	int rc = choose_key(&session);

	if (rc == EXIT_DONE) {
		struct sign_wish wish = wish_of(&session);

		wish.explain = true;
		if (!sign_key_ask(call->cli, &wish, err))
			rc = EXIT_SERVER;
	}
	sshkeypair_free(&session.made);
	return rc;
}

int
ssh_ca_run(struct ssh_call *call)
{
	struct ca_session session = { .call = call,
		.principals = principals_of(call) };
	int rc = choose_key(&session);

	if (rc == EXIT_DONE)
		rc = call->options->no_exec ? print_certificate(&session)
					    : log_in(&session);
	ssh_session_clear(&session.ssh);
	sshkeypair_free(&session.made);
	return rc;
}
