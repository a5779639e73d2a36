/* Reading a binding, and holding a request against it. */
#include "client/agent_bind.h"

#include "lib/sshcert.h"

#define USERAUTH_REQUEST 50
#define SERVICE "ssh-connection"
#define METHOD "publickey"
#define METHOD_HOSTBOUND "publickey-hostbound-v00@openssh.com"

static bool
is(struct span text, const char *word)
{
	return span_equal(text, span_str(word));
}

/* The key that signs for the host: a certificate's is the one in it. */
static int
read_host_key(struct span blob, struct sshkey *ret_key)
{
	struct sshcert cert;
	int rc;

	if (!sshcert_is(blob))
		return sshkey_parse(blob, ret_key);
	rc = sshcert_parse(blob, &cert);
	if (rc == 0)
		*ret_key = cert.key;
	return rc;
}

int
agent_bind_read(struct span contents, struct agent_bind *ret_bind)
{
	struct sshwire in = sshwire_of(contents);
	struct agent_bind bind = { .host_key = sshwire_string(&in),
		.session = sshwire_string(&in) };
	const struct span signature = sshwire_string(&in);
	struct sshkey key;
	uint8_t flags = 0;

	bind.forwarding = sshwire_u8(&in) != 0;
	if (!sshwire_end(&in) || bind.session.len == 0 ||
		read_host_key(bind.host_key, &key) != 0)
		return ERR_INPUT;
	if (sshkey_verify(&key, signature, bind.session, &flags) != 0)
		return ERR_CRYPTO;
	*ret_bind = bind;
	return 0;
}

bool
agent_bind_fits(
	const struct agent_bind *bind, struct span key, struct span data)
{
	struct sshwire in = sshwire_of(data);
	const struct span session = sshwire_string(&in);
	const uint8_t type = sshwire_u8(&in);
	struct span service, method, host_key;

	(void)sshwire_string(&in); /* the user */
	service = sshwire_string(&in);
	method = sshwire_string(&in);
	if (sshwire_u8(&in) != 1 || type != USERAUTH_REQUEST ||
		!is(service, SERVICE) || !span_equal(session, bind->session))
		return false;
	(void)sshwire_string(&in); /* the algorithm */
	if (!span_equal(sshwire_string(&in), key))
		return false;
	if (is(method, METHOD))
		return sshwire_end(&in);
	host_key = sshwire_string(&in);
	return is(method, METHOD_HOSTBOUND) && sshwire_end(&in) &&
		span_equal(host_key, bind->host_key);
}
