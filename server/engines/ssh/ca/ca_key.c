/* Checks of what was sent; the keeper makes, reads and seals private halves. */
#include "server/engines/ssh/ca/ca_key.h"

#include <string.h>

#include "lib/log.h"
#include "lib/random.h"
#include "server/keeper/keeper.h"

int
ssh_ca_key_check(struct req *req, const struct ssh_ca_key_in *in,
	bool *ret_generates, struct err *err)
{
	bool is_said = req_is_given(req, "generate_signing_key");
	bool has_public = in->public_key[0] != '\0';
	bool has_private = in->private_key.len > 0;

	if (is_said && in->generate_signing_key && (has_public || has_private))
		return err_set(err, ERR_INPUT, 400,
			"public_key and private_key must not be set when generate_signing_key is set to true");
	if (has_public != has_private)
		return err_set(err, ERR_INPUT, 400,
			"only one of public_key and private_key set; both must be set to use, or both must be blank to auto-generate");
	if (!has_public && is_said && !in->generate_signing_key)
		return err_set(err, ERR_INPUT, 400, "missing public_key");
	*ret_generates = !has_public;
	return 0;
}

int
ssh_ca_key_generate(struct req *req, const char *type, int64_t bits,
	struct ssh_issuer *issuer, struct err *err)
{
	struct keeper_ca_limits limits;
	const char *line = NULL;
	struct keeper_ca ca;
	int rc = ssh_issuer_limits_encode(
		&issuer->limits, req->arena, &limits, err);

	if (rc == 0)
		rc = keeper_ca_generate(req->server->keeper, type,
			(unsigned)bits, &limits, req->arena, &ca, err);
	if (rc != 0)
		return rc;
	line = sshkey_line(req->arena, ca.public_key);
	if (line != NULL)
		issuer->public_key = arena_printf(req->arena, "%s\n", line);
	if (line == NULL || issuer->public_key == NULL)
		return err_set_memory(err);
	issuer->public_blob = ca.public_key;
	issuer->sealed = ca.sealed;
	return 0;
}

/* What is wrong with a line that is no public key. */
static const char *
public_fault(const char *line)
{
	bool is_cert = false;
	size_t len = strcspn(line, " \t\r\n");
	const struct sshkey_kind *kind =
		sshkey_kind(span_of(line, len), &is_cert);

	if (kind == NULL)
		return "it does not begin with a type of key that is known";
	if (is_cert)
		return "key is a certificate";
	return "it is not one line of type and base64 of a whole key";
}

static int
read_public(struct req *req, const char *text, struct span *ret_blob,
	struct err *err)
{
	const char *line = text + strspn(text, " \t\r\n");
	struct sshkey key;
	int rc = sshkey_parse_line(
		span_of(line, strlen(line)), req->arena, ret_blob);

	if (rc == 0)
		rc = sshkey_parse(*ret_blob, &key);
	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	if (rc != 0)
		return err_set(err, ERR_INPUT, 400,
			"could not parse public_key provided value: %s",
			public_fault(line));
	return 0;
}

static int
read_private(struct req *req, struct secret_view text,
	const struct keeper_ca_limits *limits, struct keeper_ca *ret_ca,
	struct err *err)
{
	struct err why = { 0 };
	int rc = keeper_ca_import(
		req->server->keeper, text, limits, req->arena, ret_ca, &why);

	if (rc == ERR_INPUT)
		return err_set(err, ERR_INPUT, 400,
			"could not parse private_key provided value: %.900s",
			why.message);
	*err = why;
	return rc;
}

int
ssh_ca_key_import(struct req *req, const struct ssh_ca_key_in *in,
	struct ssh_issuer *issuer, struct err *err)
{
	struct keeper_ca_limits limits;
	struct keeper_ca ca;
	struct span blob;
	int rc = read_public(req, in->public_key, &blob, err);

	if (rc == 0)
		rc = ssh_issuer_limits_encode(
			&issuer->limits, req->arena, &limits, err);
	if (rc == 0)
		rc = read_private(req, in->private_key, &limits, &ca, err);
	if (rc != 0)
		return rc;
	if (!span_equal(blob, ca.public_key))
		return err_set(err, ERR_INPUT, 400,
			"public_key does not match private_key");
	issuer->public_key = in->public_key;
	issuer->public_blob = blob;
	issuer->sealed = ca.sealed;
	return 0;
}

int
ssh_ca_key_store(struct req *req, struct ssh_issuer *issuer,
	struct ssh_issuer_add *add, struct err *err)
{
	char id[RANDOM_UUID_MAX];

	random_uuid(id);
	issuer->id = arena_strdup(req->arena, id);
	if (issuer->id == NULL)
		return err_set_memory(err);
	add->req = req;
	add->issuer = issuer;
	return req_write(req, ssh_issuer_add, add, err);
}

int
ssh_ca_key_like(const struct ssh_issuer *issuer, const char **ret_type,
	int64_t *ret_bits, struct err *err)
{
	struct sshkey key;
	const char *type;

	if (sshkey_parse(issuer->public_blob, &key) != 0)
		return err_set(err, ERR_CRYPTO, 500, "internal error");
	type = sshkey_kind_name(key.kind);
	*ret_type = type;
	*ret_bits = 0;
	if (strcmp(type, "ssh-rsa") == 0)
		*ret_bits = 8 * (int64_t)key.bytes[1].len;
	return 0;
}

int
ssh_ca_key_narrow(struct req *req, struct ssh_issuer *issuer,
	const struct ssh_issuer_limits *limits, struct err *err)
{
	struct keeper_ca_limits wanted;
	struct keeper_ca ca;
	int rc = ssh_issuer_limits_encode(limits, req->arena, &wanted, err);

	if (rc == 0)
		rc = keeper_ca_narrow(req->server->keeper, issuer->sealed,
			&wanted, req->arena, &ca, err);
	if (rc != 0)
		return rc;
	issuer->limits = *limits;
	issuer->sealed = ca.sealed;
	return 0;
}

void
ssh_ca_key_forget(struct req *req, const struct ssh_issuer *issuer)
{
	struct err err = { 0 };

	if (keeper_ca_forget(req->server->keeper, issuer->public_blob, &err) !=
		0)
		log_warn("the keeper has not forgotten a deleted key",
			LOG_STR("issuer", issuer->id), LOG_ERR(&err));
}
