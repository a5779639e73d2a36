/*
 * Keys of the agent are tried one after the other, as ssh does: certificates
 * first, six at most. What is signed is looked at before it is: nothing but a
 * login of ours.
 */
#include "client/login_ssh.h"

#include <string.h>
#include <unistd.h>

#include "client/agent.h"
#include "lib/fsutil.h"
#include "lib/sshcert.h"
#include "lib/sshsig.h"

#define TRIES_MAX 6
#define NAMESPACE_START "sallyport-login@"
#define HASH "sha512"
#define MESSAGE_MAX 512
#define PUB_FILE_MAX 65536

struct attempt {
	struct cli *cli;
	const char *mount, *role;
	int agent;
};

/* What the server wants signed. */
struct question {
	const char *nonce, *name, *message;
};

/* ---- which keys ------------------------------------------------------- */

/* The fingerprint that "key" stands for: itself, or that of a .pub file. */
static int
wanted_fingerprint(struct cli *cli, const char *key,
	char out[SSHKEY_FINGERPRINT_MAX], struct err *err)
{
	struct err why = { 0 };
	struct span blob;
	struct buf text;
	int rc;

	if (strncmp(key, "SHA256:", strlen("SHA256:")) == 0) {
		if (strlen(key) >= SSHKEY_FINGERPRINT_MAX)
			return err_set(
				err, ERR_INPUT, 0, "'key' is no fingerprint");
		memcpy(out, key, strlen(key) + 1);
		return 0;
	}
	buf_init(&text, PUB_FILE_MAX);
	rc = file_read(key, &text, &why);
	if (rc == 0)
		rc = sshkey_parse_line(buf_span(&text), cli->arena, &blob);
	if (rc == 0)
		sshkey_fingerprint(blob, out);
	else
		rc = err_set(err, ERR_INPUT, 0,
			"'key' names no file with a public key: %s",
			why.code != 0 ? err_reason(&why) : key);
	buf_clear(&text);
	return rc;
}

/* The fingerprint of a blob; of a certificate, that of its key too. */
static bool
has_fingerprint(struct span blob, const char *wanted)
{
	char found[SSHKEY_FINGERPRINT_MAX];
	struct sshcert cert;
	struct buf key;
	bool same;

	sshkey_fingerprint(blob, found);
	same = strcmp(found, wanted) == 0;
	if (same || !sshcert_is(blob) || sshcert_parse(blob, &cert) != 0)
		return same;
	buf_init(&key, SSHKEY_BLOB_MAX);
	if (sshkey_build(&cert.key, &key) == 0) {
		sshkey_fingerprint(buf_span(&key), found);
		same = strcmp(found, wanted) == 0;
	}
	buf_clear(&key);
	return same;
}

static bool
is_usable(struct span blob, bool certs, const char *wanted)
{
	struct sshkey key;

	if (sshcert_is(blob) != certs ||
		(!certs && sshkey_parse(blob, &key) != 0))
		return false;
	return wanted[0] == '\0' || has_fingerprint(blob, wanted);
}

/* ---- one key ---------------------------------------------------------- */

static int
ask_challenge(struct attempt *attempt, struct span blob,
	struct question *ret_question, struct err *err)
{
	struct cli *cli = attempt->cli;
	struct value *body = value_object(cli->arena);
	const char *path =
		arena_printf(cli->arena, "auth/%s/challenge", attempt->mount);
	const char *line = sshkey_line(cli->arena, blob);
	const int64_t wrap_ttl = cli->options.wrap_ttl;
	const struct value *data = NULL;
	bool good;

	if (path == NULL || line == NULL ||
		!value_set_str(cli->arena, body, "public_key", line))
		return err_set_memory(err);
	cli->options.wrap_ttl = 0;
	good = cli_call(cli, "PUT", path, body, err);
	cli->options.wrap_ttl = wrap_ttl;
	if (!good)
		return ERR_PEER;
	data = value_find(cli->answer.json, "data");
	*ret_question = (struct question){
		.nonce = value_find_str(data, "nonce", ""),
		.name = value_find_str(data, "namespace", ""),
		.message = value_find_str(data, "message", ""),
	};
	return 0;
}

/* An agent signs whatever it is given: this must be a login and no more. */
static int
check_question(const struct question *question, struct err *err)
{
	const struct span nonce = span_str(question->nonce);

	if (strncmp(question->name, NAMESPACE_START, strlen(NAMESPACE_START)) ==
			0 &&
		nonce.len > 0 && strlen(question->message) <= MESSAGE_MAX &&
		span_has_prefix(span_str(question->message), nonce))
		return 0;
	return err_set(err, ERR_PEER, 0,
		"the server's challenge is not one to log in with");
}

/* One key of the agent. */
struct signer {
	const struct attempt *attempt;
	struct span blob;
};

static int
sign_with_agent(
	const void *ctx, struct span data, struct buf *out, struct err *err)
{
	const struct signer *signer = ctx;
	struct span blob;
	int rc = agent_sign(signer->attempt->agent, signer->blob, data,
		signer->attempt->cli->arena, &blob, err);

	if (rc != 0)
		return rc;
	(void)buf_add_span(out, blob);
	return buf_check(out, err);
}

/* The whole signature, as base64 in the run's memory. */
static int
sign(const struct attempt *attempt, struct span blob,
	const struct question *question, const char **ret_text, struct err *err)
{
	struct signer signer = { attempt, blob };
	const struct sshsig sig = { .key = blob,
		.name = span_str(question->name),
		.hash_name = span_str(HASH) };
	struct buf text;
	int rc;

	buf_init(&text, 4 * SSHSIG_MAX);
	rc = sshsig_make(&sig, span_str(question->message), sign_with_agent,
		&signer, &text, err);
	if (rc == 0) {
		*ret_text = arena_strdup(attempt->cli->arena, buf_str(&text));
		if (*ret_text == NULL)
			rc = err_set_memory(err);
	}
	buf_clear(&text);
	return rc;
}

static int
send_login(struct attempt *attempt, const struct question *question,
	const char *signature, struct err *err)
{
	struct cli *cli = attempt->cli;
	struct value *body = value_object(cli->arena);
	const char *path =
		arena_printf(cli->arena, "auth/%s/login", attempt->mount);

	if (path == NULL ||
		!value_set_str(cli->arena, body, "role", attempt->role) ||
		!value_set_str(cli->arena, body, "nonce", question->nonce) ||
		!value_set_str(cli->arena, body, "signature", signature))
		return err_set_memory(err);
	return cli_call(cli, "PUT", path, body, err) ? 0 : ERR_PEER;
}

/* *ret_next: another key may do better. */
static int
try_key(struct attempt *attempt, struct span blob, bool *ret_next,
	struct err *err)
{
	struct question question = { .nonce = NULL };
	const char *signature = NULL;
	int rc = ask_challenge(attempt, blob, &question, err);

	*ret_next = false;
	if (rc == 0)
		rc = check_question(&question, err);
	if (rc != 0)
		return rc;
	rc = sign(attempt, blob, &question, &signature, err);
	*ret_next = rc == ERR_PEER;
	if (rc != 0)
		return rc;
	rc = send_login(attempt, &question, signature, err);
	*ret_next = rc != 0 && attempt->cli->answer.status == 400;
	return rc;
}

/* Certificates, then plain keys. */
static int
try_keys(struct attempt *attempt, const struct agent_keys *keys,
	const char *wanted, struct err *err)
{
	size_t tries = 0;
	bool next = true;
	int rc = ERR_ABSENT;

	for (int certs = 1; certs >= 0 && next; certs--) {
		for (size_t i = 0; i < keys->n && next; i++) {
			if (!is_usable(keys->items[i].blob, certs != 0, wanted))
				continue;
			if (tries++ == TRIES_MAX)
				return rc;
			err_clear(err);
			rc = try_key(attempt, keys->items[i].blob, &next, err);
		}
	}
	if (tries == 0)
		return err_set(err, ERR_INPUT, 0,
			"the ssh-agent holds no key that could log in; add one with ssh-add");
	return rc;
}

int
login_ssh(struct cli *cli, UNUSED const struct login_method *method,
	const char *mount, const struct value *settings, struct err *err)
{
	struct attempt attempt = { .cli = cli,
		.mount = mount,
		.role = value_find_str(settings, "role", ""),
		.agent = -1 };
	const char *key = value_find_str(settings, "key", "");
	char wanted[SSHKEY_FINGERPRINT_MAX] = "";
	struct agent_keys keys;
	int rc = 0;

	if (key[0] != '\0')
		rc = wanted_fingerprint(cli, key, wanted, err);
	if (rc == 0)
		rc = agent_open(&attempt.agent, err);
	if (rc == 0)
		rc = agent_list(attempt.agent, cli->arena, &keys, err);
	if (rc == 0)
		rc = try_keys(&attempt, &keys, wanted, err);
	if (attempt.agent >= 0)
		(void)close(attempt.agent);
	return rc;
}
