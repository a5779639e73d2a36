/* The rules of certificates, told in the order in which they are asked. */
#include "server/engines/ssh/ca/explain_cert.h"

#include "server/engines/ssh/ca/ca_role.h"

static struct value *
list_of(struct arena *arena, const struct span *names, size_t n)
{
	struct value *list = value_list(arena);

	for (size_t i = 0; i < n; i++) {
		if (!value_add(list, value_span(arena, names[i])))
			return NULL;
	}
	return list;
}

static struct value *
map_of(struct arena *arena, const struct sshcert_option *options, size_t n)
{
	struct value *map = value_object(arena);

	for (size_t i = 0; i < n; i++) {
		const char *name = arena_strndup(
			arena, options[i].name.data, options[i].name.len);

		if (name == NULL ||
			!value_append(arena, map, name,
				value_span(arena, options[i].value)))
			return NULL;
	}
	return map;
}

static const char *
type_name(enum sshcert_type type)
{
	if (type == SSHCERT_USER)
		return "user";
	return type == SSHCERT_HOST ? "host" : "";
}

/* As far as it was decided: the rest is empty. */
static void
show_parts(struct reply *reply, const struct cert_decision *decision)
{
	const struct sshcert_parts *parts = &decision->answer.parts;
	struct arena *arena = reply->req->arena;

	reply_str(reply, "cert_type", type_name(parts->type));
	reply_span(reply, "key_id", parts->key_id);
	reply_value(reply, "principals",
		list_of(arena, parts->principals, parts->n_principals));
	if (parts->before_s != 0)
		reply_int(reply, "ttl",
			(int64_t)parts->before_s - decision->caller.now_s);
	reply_value(reply, "critical_options",
		map_of(arena, parts->critical, parts->n_critical));
	reply_value(reply, "extensions",
		map_of(arena, parts->extensions, parts->n_extensions));
}

static void
add_warning(void *ctx, const char *warning)
{
	req_warn(ctx, "%s", warning);
}

int
explain_cert(struct req *req, const struct ssh_role *role,
	const struct cert_decision *decision, int rc, struct reply *reply,
	struct err *err)
{
	struct explanation explanation = {
		.n_true = decision->n_true, .rc = rc, .err = err
	};

	if (rc != 0 && rc != ERR_INPUT)
		return rc;
	explain_add(reply, &explanation, "key",
		"the role takes keys of this type and size");
	for (const struct cert_rule *rule = cert_rules; rule->name != NULL;
		rule++)
		explain_add(reply, &explanation, rule->name, rule->text);
	explain_add(reply, &explanation, "issuer",
		"there is a CA key for the role to sign with");
	explain_add(reply, &explanation, "algorithm",
		"that key signs by the role's algorithm_signer");
	explain_add(reply, &explanation, "limits",
		"it is within the limits of that issuer");
	explain_add(reply, &explanation, "revocation",
		"neither the key nor the key id is revoked");
	explain_end(reply, &explanation);
	show_parts(reply, decision);
	if (ssh_role_is_ca(role))
		ca_role_warn(role, add_warning, req);
	err_clear(err);
	return 0;
}
