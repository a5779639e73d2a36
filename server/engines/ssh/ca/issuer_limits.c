/* Limits of issuers: what may be set, and what they make of certificates. */
#include "server/engines/ssh/ca/issuer_limits.h"

#include <inttypes.h>
#include <string.h>

#include "lib/source_address.h"

/* ---- setting them -------------------------------------------------------- */

bool
ssh_issuer_limits_are_given(const struct req *req)
{
	return req_is_given(req, SSH_ISSUER_MAX_VALIDITY) ||
		req_is_given(req, SSH_ISSUER_MAX_PER_S) ||
		req_is_given(req, SSH_ISSUER_FORCED);
}

static int
check_forced(struct req *req, struct str_map *forced, struct err *err)
{
	for (size_t i = 0; i < forced->n; i++) {
		const char *name = forced->keys[i];

		if (!cert_rules_is_option_name(name))
			return err_set(err, ERR_INPUT, 400,
				"\"%.64s\" cannot be the name of an option",
				name);
		if (strcmp(name, SOURCE_ADDRESS) != 0)
			continue;
		if (!source_address_is_good(forced->values[i]))
			return err_set(err, ERR_INPUT, 400,
				"source-address is no comma list of addresses or CIDR blocks: %.64s",
				forced->values[i]);
		forced->values[i] =
			source_address_format(forced->values[i], req->arena);
		if (forced->values[i] == NULL)
			return err_set_memory(err);
	}
	return 0;
}

int
ssh_issuer_limits_settle(struct req *req,
	const struct ssh_issuer_limits *present,
	struct ssh_issuer_limits *limits, struct err *err)
{
	if (!req_is_given(req, SSH_ISSUER_MAX_VALIDITY))
		limits->max_validity_s = present->max_validity_s;
	if (!req_is_given(req, SSH_ISSUER_MAX_PER_S))
		limits->max_per_s = present->max_per_s;
	if (!req_is_given(req, SSH_ISSUER_FORCED)) {
		limits->forced = present->forced;
		return 0;
	}
	return check_forced(req, &limits->forced, err);
}

static int
refuse_forced(int rc, struct err *err)
{
	if (rc == ERR_MEMORY)
		return err_set_memory(err);
	return err_set(err, ERR_INPUT, 400,
		"forced_critical_options cannot stand in a certificate");
}

int
ssh_issuer_limits_encode(const struct ssh_issuer_limits *limits,
	struct arena *arena, struct keeper_ca_limits *ret_limits,
	struct err *err)
{
	const struct str_map *forced = &limits->forced;
	struct sshcert_option *options =
		ARENA_ARRAY(arena, struct sshcert_option, forced->n + 1);
	struct keeper_ca_limits made = {
		.validity_s = (uint64_t)limits->max_validity_s,
		.per_s = (uint32_t)limits->max_per_s,
	};
	struct buf list;
	int rc;

	if (options == NULL)
		return err_set_memory(err);
	for (size_t i = 0; i < forced->n; i++)
		options[i] = (struct sshcert_option){ span_str(forced->keys[i]),
			span_str(forced->values[i]) };
	buf_init(&list, KEEPER_FORCED_MAX);
	rc = sshcert_build_options(options, forced->n, &list);
	if (rc == 0) {
		made.forced = arena_dup(arena, buf_span(&list));
		if (made.forced.data == NULL)
			rc = ERR_MEMORY;
	}
	buf_clear(&list);
	if (rc != 0)
		return refuse_forced(rc, err);
	*ret_limits = made;
	return 0;
}

bool
ssh_issuer_limits_dup(struct arena *arena,
	const struct ssh_issuer_limits *limits,
	struct ssh_issuer_limits *ret_copy)
{
	const struct str_map *forced = &limits->forced;
	struct ssh_issuer_limits copy = *limits;
	struct str_list names, values;

	if (forced->n == 0) {
		copy.forced = (struct str_map){ .n = 0 };
		*ret_copy = copy;
		return true;
	}
	if (!str_list_dup(arena, &(struct str_list){ forced->keys, forced->n },
		    &names) ||
		!str_list_dup(arena,
			&(struct str_list){ forced->values, forced->n },
			&values))
		return false;
	copy.forced = (struct str_map){ names.items, values.items, names.n };
	*ret_copy = copy;
	return true;
}

/* ---- what they ask of a certificate -------------------------------------- */

/* The role's own ttl is cut; one that was asked for is refused. */
static int
limit_validity(const struct ssh_issuer_limits *limits,
	const struct cert_question *question, struct cert_answer *answer,
	struct err *err)
{
	const int64_t max_s = limits->max_validity_s;
	const int64_t after_s = (int64_t)answer->parts.after_s;
	const int64_t back_s = question->caller->now_s - after_s;

	if (max_s == 0 || (int64_t)answer->parts.before_s - after_s <= max_s)
		return 0;
	if (max_s <= back_s)
		return err_set(err, ERR_INPUT, 400,
			"the issuer's max_validity of %" PRId64
			" seconds is used up by the role's not_before_duration of %" PRId64,
			max_s, back_s);
	if (question->asked->ttl != 0)
		return err_set(err, ERR_INPUT, 400,
			"ttl is larger than maximum allowed %" PRId64
			": the issuer's max_validity of %" PRId64
			" seconds counts from %" PRId64 " seconds ago",
			max_s - back_s, max_s, back_s);
	answer->parts.before_s = (uint64_t)(after_s + max_s);
	return 0;
}

/* One list of addresses lies in the other: the narrower one; else NULL. */
static const char *
narrower(const char *one, const char *other)
{
	if (source_address_covers(one, other))
		return other;
	return source_address_covers(other, one) ? one : NULL;
}

static int
force(const struct cert_question *question, const char *name, const char *value,
	struct sshcert_option *options, size_t *n, struct err *err)
{
	const char *present = NULL;
	size_t i = 0;

	while (i < *n && !span_equal(options[i].name, span_str(name)))
		i++;
	if (i == *n) {
		options[(*n)++] = (struct sshcert_option){ span_str(name),
			span_str(value) };
		return 0;
	}
	if (span_equal(options[i].value, span_str(value)))
		return 0;
	present = arena_strndup(
		question->arena, options[i].value.data, options[i].value.len);
	if (present == NULL)
		return err_set_memory(err);
	if (strcmp(name, SOURCE_ADDRESS) == 0)
		value = narrower(value, present);
	else
		value = NULL;
	if (value == NULL)
		return err_set(err, ERR_INPUT, 400,
			"critical option \"%.64s\" is fixed by issuer", name);
	options[i].value = span_str(value);
	return 0;
}

static int
force_options(const struct ssh_issuer_limits *limits,
	const struct cert_question *question, struct cert_answer *answer,
	struct err *err)
{
	const struct str_map *forced = &limits->forced;
	struct sshcert_parts *parts = &answer->parts;
	struct sshcert_option *options = NULL;
	size_t n = parts->n_critical;
	int rc = 0;

	if (forced->n == 0 || parts->type != SSHCERT_USER)
		return 0;
	options = ARENA_ARRAY(
		question->arena, struct sshcert_option, n + forced->n);
	if (options == NULL)
		return err_set_memory(err);
	if (n > 0)
		memcpy(options, parts->critical, n * sizeof(*options));
	for (size_t i = 0; rc == 0 && i < forced->n; i++)
		rc = force(question, forced->keys[i], forced->values[i],
			options, &n, err);
	parts->critical = options;
	parts->n_critical = n;
	return rc;
}

int
ssh_issuer_limits_apply(const struct ssh_issuer_limits *limits,
	const struct cert_question *question, struct cert_answer *answer,
	struct err *err)
{
	int rc = limit_validity(limits, question, answer, err);

	return rc != 0 ? rc : force_options(limits, question, answer, err);
}

void
ssh_issuer_limits_show(
	struct reply *reply, const struct ssh_issuer_limits *limits)
{
	reply_int(reply, SSH_ISSUER_MAX_VALIDITY, limits->max_validity_s);
	reply_int(reply, SSH_ISSUER_MAX_PER_S, limits->max_per_s);
	reply_value(reply, SSH_ISSUER_FORCED,
		value_of_map(reply->req->arena, &limits->forced));
}
