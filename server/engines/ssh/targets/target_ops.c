/* targets, targets/:name: the record, its checks, what a read shows. */
#include <string.h>

#include "lib/codec.h"
#include "lib/netaddr.h"
#include "server/api/bind.h"
#include "server/engines/ssh/dynamic/dynamic_key.h"
#include "server/engines/ssh/profiles/profile.h"
#include "server/engines/ssh/records/named_key.h"
#include "server/engines/ssh/records/principal.h"
#include "server/engines/ssh/records/target_index.h"
#include "server/engines/ssh/targets/tables.h"

#define HOST_MAX 255
#define NAME_MAX_LEN 255
#define TLS_PIN_PREFIX "sha256//"
#define TLS_PIN_LEN (sizeof(TLS_PIN_PREFIX) - 1 + 44) /* base64 of 32 bytes */

/* ---- fields ------------------------------------------------------------- */

static const struct field target_fields[] = {
	FIELD_STR(struct ssh_target, host, .len_max = HOST_MAX,
		.doc = "Address or DNS name; fe80::1%eth0 for a link-local address. Required."),
	FIELD_INT(struct ssh_target, port, .initial = "22",
		.doc = "Port of its sshd, 1 to 65535."),
	FIELD_STR(struct ssh_target, user, .len_max = 32,
		.doc = "Admin user that the server logs in as; the role's if left out."),
	FIELD_STR(struct ssh_target, key, .len_max = NAME_MAX_LEN,
		.doc = "Name in keys/ of the key that it logs in with; the role's if left out."),
	FIELD_LIST(struct ssh_target, host_keys, .len_max = PINS_TEXT_MAX,
		.doc = "Its host keys: public key lines, known_hosts lines or SHA256 fingerprints; any of them is good."),
	FIELD_STR(struct ssh_target, host_key_policy, .len_max = 16,
		.initial = "strict",
		.doc = "strict: one of host_keys, always. tofu: the first key seen is pinned. off: any key."),
	FIELD_STR(struct ssh_target, profile, .len_max = 64, .initial = "linux",
		.doc = "How it takes a key: the name of a profile."),
	FIELD_DURATION(struct ssh_target, timeout, .initial = "20s",
		.doc = "Deadline of a call to it, 1 s to 60 s."),
	FIELD_STR(struct ssh_target, source_address,
		.len_max = NETADDR_TEXT_MAX,
		.doc = "Address of ours to call it from."),
	FIELD_BOOL(struct ssh_target, legacy_crypto,
		.doc = "Weak algorithms are good enough: for devices that know no better ones."),
	FIELD_BOOL(struct ssh_target, accept_password_lockout,
		.doc = "routeros: a user with a key can log in by password no more; that is fine."),
	FIELD_STR(struct ssh_target, url, .len_max = OUTBOUND_URL_MAX,
		.doc = "Base of its REST API, https://…, for profiles that speak REST."),
	FIELD_STR(struct ssh_target, ca_cert, .len_max = OUTBOUND_CA_MAX,
		.doc = "Roots to check that API by, as PEM text; the system's if left out."),
	FIELD_STR(struct ssh_target, tls_pin, .len_max = TLS_PIN_LEN,
		.doc = "Pin of that API's public key, sha256//… in base64."),
	FIELD_STR(struct ssh_target, api_user, .len_max = 255,
		.doc = "User of that API; empty where api_secret is an API key."),
	FIELD_SECRET(struct ssh_target, api_secret,
		.doc = "Password or API key for it; never shown."),
	FIELD_STR(struct ssh_target, state, .flags = FIELD_STORED,
		.doc = "What was seen last."),
	FIELD_STR(struct ssh_target, state_why, .flags = FIELD_STORED,
		.doc = "In words."),
	FIELD_INT(struct ssh_target, state_s, .flags = FIELD_STORED,
		.doc = "When."),
	FIELD_END,
};

/* ---- checks ------------------------------------------------------------- */

static int
format_zoned(const struct netaddr *addr, struct span zone, struct arena *arena,
	const char **ret_host, struct err *err)
{
	char text[NETADDR_TEXT_MAX];

	netaddr_format(addr, text);
	*ret_host = arena_printf(arena, "%s%%%.*s", text, (int)zone.len,
		(const char *)zone.data);
	return *ret_host != NULL ? 0 : err_set_memory(err);
}

/* One spelling for each machine: it is found by it. */
static int
settle_host(struct arena *arena, const char **host, struct err *err)
{
	const char *lower = arena_strlower(arena, *host);
	char text[NETADDR_TEXT_MAX];
	struct netaddr addr;
	struct span zone;

	if (lower == NULL)
		return err_set_memory(err);
	if (lower[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "missing host");
	if (netaddr_parse_zoned(span_str(*host), &addr, &zone) == 0)
		return format_zoned(&addr, zone, arena, host, err);
	if (netaddr_parse(span_str(lower), &addr) == 0) {
		netaddr_format(&addr, text);
		lower = arena_strdup(arena, text);
	} else if (!principal_is_host(lower) || principal_is_pattern(lower)) {
		return err_set(err, ERR_INPUT, 400,
			"invalid host: %.64s is neither an address nor a DNS name",
			*host);
	}
	*host = lower;
	return lower != NULL ? 0 : err_set_memory(err);
}

static int
check_numbers(const struct ssh_target *target, struct err *err)
{
	if (target->port < 1 || target->port > UINT16_MAX)
		return err_set(err, ERR_INPUT, 400,
			"invalid port: must be from 1 to 65535");
	if (target->timeout < 1 || target->timeout > TARGET_TIMEOUT_MAX_S)
		return err_set(err, ERR_INPUT, 400,
			"invalid timeout: it must be 1 s to %d s",
			TARGET_TIMEOUT_MAX_S);
	return 0;
}

static int
settle_source(struct arena *arena, const char **source, struct err *err)
{
	char text[NETADDR_TEXT_MAX];
	struct netaddr addr;

	if ((*source)[0] == '\0')
		return 0;
	if (netaddr_parse(span_str(*source), &addr) != 0)
		return err_set(err, ERR_INPUT, 400,
			"invalid source_address: %.64s is no address", *source);
	netaddr_format(&addr, text);
	*source = arena_strdup(arena, text);
	return *source != NULL ? 0 : err_set_memory(err);
}

static bool
is_tls_pin(const char *text)
{
	struct buf hash;
	bool good;

	if (strncmp(text, TLS_PIN_PREFIX, strlen(TLS_PIN_PREFIX)) != 0)
		return false;
	buf_init(&hash, 64);
	good = base64_decode(span_str(text + strlen(TLS_PIN_PREFIX)), &hash) ==
			0 &&
		buf_span(&hash).len == 32;
	buf_clear(&hash);
	return good;
}

static int
check_rest(const struct ssh_target *target, struct err *err)
{
	if (target->url[0] != '\0' &&
		strncasecmp(target->url, "https://", strlen("https://")) != 0)
		return err_set(err, ERR_INPUT, 400,
			"invalid url: \"%.64s\" does not begin with https://",
			target->url);
	if (target->ca_cert[0] != '\0' &&
		strstr(target->ca_cert, "-----BEGIN CERTIFICATE-----") == NULL)
		return err_set(err, ERR_INPUT, 400,
			"invalid ca_cert: no certificate as PEM text");
	if (target->tls_pin[0] != '\0' && !is_tls_pin(target->tls_pin))
		return err_set(err, ERR_INPUT, 400,
			"invalid tls_pin: it is sha256// and the base64 of 32 bytes");
	return 0;
}

static int
check_login(struct ssh_target *target, struct err *err)
{
	enum outbound_host_key_policy policy;

	if (target->user[0] != '\0' && !principal_is_user(target->user))
		return err_set(err, ERR_INPUT, 400, "invalid user: %.64s",
			target->user);
	/* An empty text asks for the default. */
	if (target->host_key_policy[0] == '\0')
		target->host_key_policy = "strict";
	return pins_policy(target->host_key_policy, &policy, err);
}

/* "linux, script" for an error; "": no memory. */
static const char *
profile_names(struct arena *arena)
{
	const char *names = "";

	for (size_t i = 0; names != NULL && profiles[i] != NULL; i++)
		names = arena_printf(arena, "%s%s%s", names, i > 0 ? ", " : "",
			profiles[i]->name);
	return names != NULL ? names : "";
}

static int
check_profile(struct ssh_target *target, struct arena *arena, struct err *err)
{
	const struct profile *profile;

	if (target->profile[0] == '\0')
		target->profile = "linux";
	profile = profile_find(target->profile);
	if (profile == NULL)
		return err_set(err, ERR_INPUT, 400,
			"invalid profile: %.64s is none of %s", target->profile,
			profile_names(arena));
	if (profile->speaks_rest && target->url[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"missing url: profile %s speaks REST", profile->name);
	return 0;
}

static int
settle_target(struct ssh_target *target, struct arena *arena, struct err *err)
{
	int rc = settle_host(arena, &target->host, err);

	if (rc == 0)
		rc = check_numbers(target, err);
	if (rc == 0)
		rc = check_login(target, err);
	if (rc == 0)
		rc = pins_settle(arena, &target->host_keys, err);
	if (rc == 0)
		rc = settle_source(arena, &target->source_address, err);
	if (rc == 0)
		rc = check_rest(target, err);
	if (rc == 0)
		rc = check_profile(target, arena, err);
	return rc;
}

static int
check_key(struct store_tx *tx, const struct kv *kv,
	const struct ssh_target *target, struct arena *arena, struct err *err)
{
	struct named_key_info info;
	struct err why = { 0 };
	int rc = target->key[0] == '\0'
		? 0
		: named_key_get(tx, kv, target->key, arena, &info, &why);

	if (rc == ERR_ABSENT)
		return err_set(err, ERR_INPUT, 400, "%s", why.message);
	if (rc != 0)
		*err = why;
	return rc;
}

/* The former record's entry of addresses goes. */
static int
drop_former(
	struct store_tx *tx, struct req *req, const char *name, struct err *err)
{
	const struct ssh_target *former = NULL;
	struct err why = { 0 };
	int rc = target_get(
		tx, &req->mount->kv, name, req->arena, &former, &why);

	if (rc == ERR_ABSENT)
		return 0;
	if (rc != 0) {
		*err = why;
		return rc;
	}
	return target_index_drop(
		tx, &req->mount->kv, name, former, req->arena, err);
}

/* Misspelt, host_key_policy or source_address would not hold, unseen. */
static int
check_names(struct req *req, UNUSED const char *name, UNUSED void *record,
	struct err *err)
{
	static const char *const shown[] = { "api_secret_set", "state",
		"state_why", "state_at", NULL };

	return bind_refuse_unknown(req, shown, err);
}

/* What was seen of it says nothing of what it is from now on. */
static int
check_target(struct store_tx *tx, struct req *req, const char *name,
	void *record, struct err *err)
{
	struct ssh_target *target = record;
	const struct kv *kv = &req->mount->kv;
	int rc = settle_target(target, req->arena, err);

	if (rc == 0)
		rc = check_key(tx, kv, target, req->arena, err);
	target->state = "";
	target->state_why = "";
	target->state_s = 0;
	if (rc == 0)
		rc = drop_former(tx, req, name, err);
	if (rc == 0)
		rc = target_index_add(tx, kv, name, target, req->arena, err);
	if (rc == 0)
		rc = target_forget_pins(
			tx, kv, target->host, target->port, req->arena, err);
	return rc;
}

/* ---- what is shown ------------------------------------------------------ */

static void
warn(struct req *req, const struct ssh_target *target)
{
	if (strcmp(target->host_key_policy, "off") == 0)
		req_warn(req,
			"host_key_policy is off: whoever answers at this address is taken for the target");
	if (strcmp(target->host_key_policy, "tofu") == 0)
		req_warn(req,
			"host_key_policy is tofu: whoever answers first at this address is taken for the target");
	if (strcmp(target->host_key_policy, "strict") == 0 &&
		target->host_keys.n == 0)
		req_warn(req,
			"no host key is pinned: nothing will log in to this target until one is (targets/:name/scan, repin)");
	if (target->legacy_crypto)
		req_warn(req,
			"legacy_crypto is on: weak algorithms are accepted");
}

static void
show_target(struct req *req, UNUSED const char *name, const void *record,
	struct reply *reply)
{
	const struct ssh_target *target = record;

	record_show(reply, target_fields, target);
	reply_bool(reply, "api_secret_set", target->api_secret.len > 0);
	reply_str(reply, "state", target->state);
	reply_str(reply, "state_why", target->state_why);
	reply_time_s(reply, "state_at", target->state_s);
	warn(req, target);
}

static struct value *
target_info(struct req *req, UNUSED const char *name, const void *record)
{
	const struct ssh_target *target = record;
	struct arena *arena = req->arena;
	struct value *info = value_object(arena);

	return value_set_str(arena, info, "host", target->host) &&
			value_set_int(arena, info, "port", target->port) &&
			value_set_str(arena, info, "user", target->user) &&
			value_set_str(arena, info, "key", target->key) &&
			value_set_str(
				arena, info, "profile", target->profile) &&
			value_set_int(arena, info, "host_keys",
				(int64_t)target->host_keys.n) &&
			value_set_str(arena, info, "state", target->state)
		? info
		: NULL;
}

static int
forget_target(
	struct store_tx *tx, struct req *req, const char *name, struct err *err)
{
	return drop_former(tx, req, name, err);
}

const struct record_type ssh_target_record = {
	.prefix = "targets/",
	.capture = "name",
	.merges = true,
	.fields = target_fields,
	.size = sizeof(struct ssh_target),
	.check = check_names,
	.check_tx = check_target,
	.show = show_target,
	.key_info = target_info,
	.on_delete = forget_target,
};

/* ---- delete ------------------------------------------------------------- */

struct delete_in {
	bool force;
};

static const struct field delete_fields[] = {
	FIELD_BOOL(struct delete_in, force, .flags = FIELD_QUERY,
		.doc = "Although live leases name it: their keys may stay on it."),
	FIELD_END,
};

struct counting {
	const char *name;
	int64_t n;
};

static int
count_lease(void *ctx, UNUSED const struct lease *lease,
	const struct dynamic_place *place, UNUSED struct err *err)
{
	struct counting *counting = ctx;

	counting->n += strcmp(place->target, counting->name) == 0;
	return 0;
}

/*
 * Leases are too many to be counted inside the closure. One that is made
 * between the count and the delete has copies of what SSH needs; over REST it
 * waits in the queue until the target is back.
 */
static int
delete_target(struct req *req, struct reply *reply, struct err *err)
{
	const struct delete_in *in = req->in;
	struct counting counting = { .name = req_capture(req, "name") };
	int rc = in->force ? 0
			   : dynamic_key_each(req->server, req->mount,
				     count_lease, &counting, err);

	if (rc == 0 && counting.n > 0)
		rc = err_set(err, ERR_INPUT, 400,
			"%lld leases have their keys on target \"%.64s\": revoke them, or say force=true",
			(long long)counting.n, counting.name);
	return rc != 0 ? rc : record_delete(req, reply, err);
}

const struct op ssh_target_ops[] = {
	{
		.path = "targets",
		.verb = OP_LIST,
		.handler = record_list,
		.record = &ssh_target_record,
		.summary = "List the targets.",
		.text = "key_info says where each is, and what was seen of it last.",
	},
	{
		.path = "targets/:name",
		.verb = OP_READ,
		.handler = record_read,
		.record = &ssh_target_record,
		.summary = "Read a target.",
		.text = "api_secret is not shown; api_secret_set says whether there is one. state\n"
			"is what test or doctor saw last since it was written.",
	},
	{
		.path = "targets/:name",
		.verb = OP_UPDATE,
		.handler = record_write,
		.record = &ssh_target_record,
		.summary = "Create or change a target.",
		.text = "Fields that are left out stay as they are.",
		.errors = { { 400,
			"a field cannot be or is none of these, or the key is not there" } },
	},
	{
		.path = "targets/:name",
		.verb = OP_DELETE,
		.in_size = sizeof(struct delete_in),
		.fields = delete_fields,
		.handler = delete_target,
		.record = &ssh_target_record,
		.summary = "Delete a target.",
		.errors = { { 400, "leases have their keys on it" } },
	},
	OP_END,
};
