/* targets/:name/setup: what comes in as a target that is not there yet. */
#include <string.h>

#include "lib/netaddr.h"
#include "server/engines/ssh/profiles/profile.h"
#include "server/engines/ssh/targets/setup.h"
#include "server/engines/ssh/targets/tables.h"

#define HOST_MAX 255
#define NAME_MAX_LEN 255
#define SECRET_MAX 4096
#define HTTPS "https://"

struct setup_in {
	const char *method;
	bool check;
	const char *profile;
	const char *url, *ca_cert, *tls_pin;
	const char *username;
	struct secret_view password, api_key;
	const char *host;
	int64_t port;
	const char *key;
	struct str_list host_keys;
	int64_t timeout;
	const char *source_address;
};

static const struct field setup_fields[] = {
	FIELD_STR(struct setup_in, method, .len_max = 32,
		.flags = FIELD_REQUIRED,
		.doc = "semi-automatic: an administrator's credential does it, once. manual: somebody pastes the key."),
	FIELD_BOOL(struct setup_in, check,
		.doc = "manual: the key has been pasted; log in, and store the target."),
	FIELD_STR(struct setup_in, profile, .len_max = 64, .initial = "truenas",
		.doc = "Of the target. semi-automatic knows truenas alone."),
	FIELD_STR(struct setup_in, url, .len_max = OUTBOUND_URL_MAX,
		.doc = "Of the machine's API, https://…; manual: where the profile speaks REST."),
	FIELD_STR(struct setup_in, ca_cert, .len_max = OUTBOUND_CA_MAX,
		.doc = "Roots to check that API by, as PEM text; the system's if left out."),
	FIELD_STR(struct setup_in, tls_pin, .len_max = 64,
		.doc = "Pin of that API's public key, sha256//… in base64."),
	FIELD_STR(struct setup_in, username, .len_max = 32, .initial = "root",
		.doc = "Administrator: of the API, and who the server logs in as."),
	FIELD_SECRET(struct setup_in, password, .len_max = SECRET_MAX,
		.doc = "The administrator's password: used here, kept nowhere."),
	FIELD_SECRET(struct setup_in, api_key, .len_max = SECRET_MAX,
		.doc = "An API key in place of the password, likewise. manual: kept, as the target's api_secret."),
	FIELD_STR(struct setup_in, host, .len_max = HOST_MAX,
		.doc = "Address or DNS name of its sshd; the url's if left out."),
	FIELD_INT(struct setup_in, port, .initial = "22", .min = 1,
		.max = UINT16_MAX, .doc = "Port of its sshd."),
	FIELD_STR(struct setup_in, key, .len_max = NAME_MAX_LEN,
		.doc = "Name in keys/, made where it is not there; the target's own if left out."),
	FIELD_LIST(struct setup_in, host_keys, .len_max = PINS_TEXT_MAX,
		.doc = "manual, check: its host keys, as the first call showed them and you compared them."),
	FIELD_DURATION(struct setup_in, timeout, .initial = "20s", .min = 1,
		.max = TARGET_TIMEOUT_MAX_S, .doc = "Deadline of each call."),
	FIELD_STR(struct setup_in, source_address, .len_max = NETADDR_TEXT_MAX,
		.doc = "Address of ours to call it from."),
	FIELD_END,
};

static const struct op_out setup_out[] = {
	{ "steps", FIELD_TYPE_OBJECT,
		"What was done: name and detail of each." },
	{ "stored", FIELD_TYPE_BOOL, "Whether the target is there now." },
	{ "key", FIELD_TYPE_STR, "Name in keys/." },
	{ "host_keys", FIELD_TYPE_LIST, "Pinned; manual: to be compared." },
	{ "paste", FIELD_TYPE_STR, "manual: the line for the machine." },
	{ "instructions", FIELD_TYPE_STR, "manual: where to paste it." },
	{ .name = NULL },
};

/* ---- what was asked for -------------------------------------------------- */

/* "nas.example" of "https://nas.example:444/"; "" where there is none. */
static const char *
host_of_url(const char *url, struct arena *arena)
{
	const char *at = url + strlen(HTTPS);
	const char *end = "/:";

	if (*at == '[') {
		at++;
		end = "]";
	}
	return arena_strndup(arena, at, strcspn(at, end));
}

/* Without the slashes at its end. */
static const char *
base_of_url(const char *url, struct arena *arena)
{
	size_t len = strlen(url);

	while (len > strlen(HTTPS) && url[len - 1] == '/')
		len--;
	return arena_strndup(arena, url, len);
}

static int
check_credential(const struct setup_in *in, struct err *err)
{
	if (strncmp(in->url, HTTPS, strlen(HTTPS)) != 0 ||
		in->url[strlen(HTTPS)] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"invalid url: \"%.64s\" does not begin with https://",
			in->url);
	if ((in->password.len > 0) == (in->api_key.len > 0))
		return err_set(err, ERR_INPUT, 400,
			"either password or api_key is needed");
	if (strcmp(in->profile, "truenas") != 0)
		return err_set(err, ERR_INPUT, 400,
			"profile %s is set up by method manual", in->profile);
	return 0;
}

/* A profile that speaks REST has more to be told before it can be stored. */
static int
check_manual(const struct setup_in *in, const struct profile *profile,
	struct err *err)
{
	if (in->check && in->host_keys.n == 0)
		return err_set(err, ERR_INPUT, 400, "missing host_keys");
	if (in->password.len > 0)
		return err_set(err, ERR_INPUT, 400,
			"password is for method semi-automatic");
	if (in->check && profile->speaks_rest &&
		(in->url[0] == '\0' || in->api_key.len == 0))
		return err_set(err, ERR_INPUT, 400,
			"profile %s needs url and api_key", in->profile);
	return 0;
}

static int
find_way(const struct setup_in *in, enum setup_way *ret_way, struct err *err)
{
	const struct profile *profile = profile_find(in->profile);

	if (profile == NULL)
		return err_set(err, ERR_INPUT, 400, "unknown profile \"%.64s\"",
			in->profile);
	if (strcmp(in->method, "semi-automatic") == 0) {
		*ret_way = SETUP_SEMI_AUTOMATIC;
		return check_credential(in, err);
	}
	if (strcmp(in->method, "manual") != 0)
		return err_set(err, ERR_INPUT, 400,
			"method must be semi-automatic or manual");
	*ret_way = in->check ? SETUP_CHECK : SETUP_PASTE;
	return check_manual(in, profile, err);
}

/* Without what check_tx of the record settles when it is stored. */
static int
prepare(struct setup *setup, enum setup_way way, struct err *err)
{
	const struct setup_in *in = setup->req->in;
	struct arena *arena = setup->req->arena;
	const bool by_credential = way == SETUP_SEMI_AUTOMATIC;

	setup->target = (struct ssh_target){
		.host = in->host[0] != '\0' || !by_credential
			? in->host
			: host_of_url(in->url, arena),
		.port = in->port,
		.user = in->username,
		.key = in->key[0] != '\0' ? in->key : setup->name,
		.host_keys = in->host_keys,
		.host_key_policy = "strict",
		.profile = in->profile,
		.timeout = in->timeout,
		.source_address = in->source_address,
		.url = by_credential ? base_of_url(in->url, arena) : in->url,
		.ca_cert = in->ca_cert,
		.tls_pin = in->tls_pin,
		.api_user = "",
		.api_secret = in->api_key,
		.state = "",
		.state_why = "",
	};
	if (setup->target.host == NULL || setup->target.url == NULL)
		return err_set_memory(err);
	if (setup->target.host[0] == '\0')
		return err_set(err, ERR_INPUT, 400, "missing host");
	/* Theirs, given for this once: the target gets one of its own. */
	if (by_credential)
		setup->target.api_secret = secret_view_of(NULL, 0);
	setup->nas = (struct truenas){
		.outbound = setup->req->server->outbound,
		.arena = arena,
		.url = setup->target.url,
		.ca_cert = in->ca_cert,
		.tls_pin = in->tls_pin,
		.user = in->password.len > 0 ? in->username : "",
		.secret = in->password.len > 0 ? in->password : in->api_key,
		.deadline_ms = in->timeout * 1000,
	};
	return pins_settle(arena, &setup->target.host_keys, err);
}

/* ---- the operation ------------------------------------------------------- */

static void
answer(const struct setup *setup, enum setup_way way, struct reply *reply)
{
	const char *instructions =
		profile_find(setup->target.profile)->instructions;
	struct arena *arena = setup->req->arena;

	reply_value(reply, "steps", setup->steps);
	reply_bool(reply, "stored", setup->stored);
	reply_str(reply, "key", setup->target.key);
	reply_value(reply, "host_keys",
		value_of_list(arena, &setup->target.host_keys));
	if (way != SETUP_PASTE)
		return;
	reply_str(reply, "paste", setup->line);
	reply_str(reply, "instructions",
		instructions != NULL ? instructions : "");
}

static int
set_up(struct req *req, struct reply *reply, struct err *err)
{
	struct setup setup = { .req = req, .name = req_capture(req, "name") };
	const struct setup_in *in = req->in;
	enum setup_way way = SETUP_PASTE;
	int rc = find_way(in, &way, err);

	if (rc == 0)
		rc = profile_check_user(in->username, err);
	if (rc == 0)
		rc = prepare(&setup, way, err);
	if (rc == 0)
		rc = req_read(req, setup_check_new, &setup, err);
	if (rc == 0)
		rc = req_announce(req, err);
	if (rc == 0)
		rc = setup_run(&setup, way, err);
	if (rc == 0)
		answer(&setup, way, reply);
	return rc;
}

const struct op ssh_setup_ops[] = {
	{
		.path = "targets/:name/setup",
		.verb = OP_UPDATE,
		.flags = OP_SLOW,
		.in_size = sizeof(struct setup_in),
		.fields = setup_fields,
		.handler = set_up,
		.summary =
			"Set up a new target: exchange keys, try a login, store it.",
		.text = "semi-automatic: url, username and password (or api_key) of an administrator of\n"
			"a TrueNAS; the credential is used for these steps and forgotten. manual: the\n"
			"first call answers the line to paste and the host keys to compare; the second,\n"
			"with check and host_keys, tries the login and stores the target. A step that\n"
			"fails is named in the error, with what was taken back.",
		.out = setup_out,
		.errors = { { 400, "the target is there already, or a field cannot be used" },
			{ 500, "a step failed; the message names it" } },
	},
	OP_END,
};
