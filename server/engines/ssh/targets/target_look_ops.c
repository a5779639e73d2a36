/*
 * targets/:name/test, scan, repin: a login and no more; which host keys and
 * algorithms it has now; other pins, never blindly.
 */
#include <string.h>

#include "lib/log.h"
#include "server/engines/ssh/dynamic/dynamic_key.h"
#include "server/engines/ssh/records/target_index.h"
#include "server/engines/ssh/targets/tables.h"
#include "server/engines/ssh/targets/target_call.h"

/* ---- test --------------------------------------------------------------- */

static void
show_place(struct reply *reply, const struct target_call *call)
{
	reply_str(reply, "target", call->name);
	reply_str(reply, "host", call->target->host);
	reply_int(reply, "port", call->target->port);
}

static int
test_target(struct req *req, struct reply *reply, struct err *err)
{
	struct outbound_ssh_answer end = { 0 };
	struct target_call call;
	const char *state, *why;
	int rc = target_call_begin(req, 1, &call, err);

	if (rc == 0)
		rc = target_call_login(&call, err);
	if (rc == 0 && call.job.admin_key.len == 0)
		rc = err_set(err, ERR_INPUT, 400,
			"target \"%.64s\" has no key of its own to log in with: its doctor looks at its API",
			call.name);
	if (rc == 0)
		rc = target_call_test(&call, &end, err);
	if (rc != 0)
		return rc;
	state = target_state(call.target, &end);
	why = target_why(call.target, &end, req->arena);
	rc = target_call_note(&call, state, why, err);
	if (rc != 0)
		return rc;
	show_place(reply, &call);
	reply_str(reply, "state", state);
	reply_str(reply, "why", why);
	reply_str(reply, "fingerprint", end.fingerprint);
	reply_str(reply, "host_key", end.host_key);
	reply_str(reply, "banner", end.banner);
	return 0;
}

/* ---- scan --------------------------------------------------------------- */

/* "a,b" of a name list of RFC 4253 as a list. */
static struct value *
split(struct arena *arena, const char *names)
{
	struct value *list = value_list(arena);

	while (*names != '\0') {
		const size_t len = strcspn(names, ",");

		if (!value_add(list, value_span(arena, span_of(names, len))))
			return NULL;
		names += len + (names[len] == ',');
	}
	return list;
}

/* What a scan found: the pins, and those that no key fits any more. */
struct scan {
	const struct outbound_ssh_offer *offer;
	const struct str_list *pins;
	struct str_list missing;
};

/* One of the pins; in the place of one that is missing; or one more. */
static const char *
key_state(const struct scan *scan, const char *line, struct arena *arena)
{
	if (pins_have(scan->pins, line, arena))
		return "pinned";
	return pins_have_type_of(&scan->missing, line) ? "changed" : "new";
}

static struct value *
key_value(struct arena *arena, const struct scan *scan, const char *line)
{
	struct value *key = value_object(arena);
	const struct span type = span_of(line, strcspn(line, " "));

	return value_set(arena, key, "type", value_span(arena, type)) &&
			value_set_str(arena, key, "fingerprint",
				pins_fingerprint(line, arena)) &&
			value_set_str(arena, key, "public_key", line) &&
			value_set_str(arena, key, "state",
				key_state(scan, line, arena))
		? key
		: NULL;
}

static struct value *
key_values(struct arena *arena, const struct scan *scan)
{
	struct value *keys = value_list(arena);

	for (size_t i = 0; i < scan->offer->n_host_keys; i++) {
		if (!value_add(keys,
			    key_value(arena, scan, scan->offer->host_keys[i])))
			return NULL;
	}
	return keys;
}

/* False: no memory. */
static bool
find_missing(struct scan *scan, struct arena *arena)
{
	const struct outbound_ssh_offer *offer = scan->offer;

	for (size_t i = 0; i < scan->pins->n; i++) {
		const struct str_list one = { .items = &scan->pins->items[i],
			.n = 1 };
		bool found = false;

		for (size_t k = 0; !found && k < offer->n_host_keys; k++)
			found = pins_have(&one, offer->host_keys[k], arena);
		if (!found &&
			!str_list_add(arena, &scan->missing, one.items[0]))
			return false;
	}
	return true;
}

/* One that fits is enough to log in. */
static const char *
offer_state(const struct str_list *pins, const struct outbound_ssh_offer *offer,
	struct arena *arena)
{
	if (pins->n == 0)
		return TARGET_HOST_KEY_UNKNOWN;
	for (size_t i = 0; i < offer->n_host_keys; i++) {
		if (pins_have(pins, offer->host_keys[i], arena))
			return TARGET_OK;
	}
	return TARGET_HOST_KEY_CHANGED;
}

static int
scan_target(struct req *req, struct reply *reply, struct err *err)
{
	struct outbound_ssh_offer offer;
	struct scan scan = { .offer = &offer };
	struct arena *arena = req->arena;
	struct target_call call;
	int rc = target_call_begin(req, 1, &call, err);

	if (rc == 0)
		rc = target_call_scan(&call, &offer, err);
	if (rc != 0)
		return rc;
	scan.pins = &call.target->host_keys;
	if (!find_missing(&scan, arena))
		return err_set_memory(err);
	show_place(reply, &call);
	reply_str(reply, "banner", offer.banner);
	reply_str(reply, "state", offer_state(scan.pins, &offer, arena));
	reply_value(reply, "host_keys", key_values(arena, &scan));
	reply_value(reply, "missing", value_of_list(arena, &scan.missing));
	reply_value(reply, "kex", split(arena, offer.kex));
	reply_value(
		reply, "host_key_types", split(arena, offer.host_key_types));
	reply_value(reply, "ciphers", split(arena, offer.ciphers));
	reply_value(reply, "macs", split(arena, offer.macs));
	return 0;
}

/* ---- repin -------------------------------------------------------------- */

struct repin_in {
	struct str_list host_keys, fingerprints;
	bool add;
};

static const struct field repin_fields[] = {
	FIELD_LIST(struct repin_in, host_keys, .len_max = PINS_TEXT_MAX,
		.doc = "The keys to pin, as of targets/:name."),
	FIELD_LIST(struct repin_in, fingerprints, .len_max = PINS_TEXT_MAX,
		.doc = "Instead: SHA256 fingerprints of keys that the target has to show now; they are pinned."),
	FIELD_BOOL(struct repin_in, add,
		.doc = "Pin them beside those that are pinned."),
	FIELD_END,
};

struct repinning {
	struct target_call *call;
	struct str_list pins; /* from now on, or added */
	struct str_list former, result;
};

/* Each of the keys that the caller expects, as the target shows it. */
static int
find_expected(struct target_call *call, const struct str_list *expected,
	struct str_list *ret_pins, struct err *err)
{
	struct arena *arena = call->req->arena;
	struct outbound_ssh_offer offer;
	struct str_list pins = { NULL, 0 };
	int rc = target_call_scan(call, &offer, err);

	for (size_t i = 0; rc == 0 && i < expected->n; i++) {
		const struct str_list one = { .items = &expected->items[i],
			.n = 1 };
		const char *line = NULL;

		for (size_t k = 0; line == NULL && k < offer.n_host_keys; k++) {
			if (pins_have(&one, offer.host_keys[k], arena))
				line = offer.host_keys[k];
		}
		if (line == NULL)
			return err_set(err, ERR_INPUT, 400,
				"target \"%.64s\" shows no host key %s: nothing was pinned",
				call->name, expected->items[i]);
		if (!str_list_add(arena, &pins, line))
			return err_set_memory(err);
	}
	if (rc == 0)
		*ret_pins = pins;
	return rc;
}

/* What to pin, from what the caller says alone or from what is shown, too. */
static int
settle_pins(
	struct target_call *call, struct str_list *ret_pins, struct err *err)
{
	struct arena *arena = call->req->arena;
	struct repin_in in = *(const struct repin_in *)call->req->in;
	int rc;

	if ((in.host_keys.n == 0) == (in.fingerprints.n == 0))
		return err_set(err, ERR_INPUT, 400,
			"give one of host_keys, fingerprints: a target's key is never taken unseen");
	rc = pins_settle(arena, &in.host_keys, err);
	if (rc == 0)
		rc = pins_settle(arena, &in.fingerprints, err);
	if (rc == 0 && in.host_keys.n == 0 && in.fingerprints.n == 0)
		rc = err_set(err, ERR_INPUT, 400, "no host key is given");
	if (rc == 0 && in.fingerprints.n > 0)
		return find_expected(call, &in.fingerprints, ret_pins, err);
	if (rc == 0)
		*ret_pins = in.host_keys;
	return rc;
}

static int
store_pins(struct store_tx *tx, void *ctx, struct err *err)
{
	struct repinning *repinning = ctx;
	struct req *req = repinning->call->req;
	const struct repin_in *in = req->in;
	const struct kv *kv = &req->mount->kv;
	const char *name = repinning->call->name;
	const struct ssh_target *now = NULL;
	struct ssh_target target;
	int rc = target_get(tx, kv, name, req->arena, &now, err);

	if (rc != 0)
		return rc;
	target = *now;
	repinning->former = now->host_keys;
	repinning->result = in->add ? now->host_keys : repinning->pins;
	for (size_t i = 0; in->add && i < repinning->pins.n; i++) {
		if (!str_list_add(req->arena, &repinning->result,
			    repinning->pins.items[i]))
			return err_set_memory(err);
	}
	if (repinning->result.n > PINS_MAX)
		return err_set(err, ERR_INPUT, 400,
			"too many host keys (at most %d)", PINS_MAX);
	target.host_keys = repinning->result;
	target.state = "";
	target.state_why = "";
	target.state_s = 0;
	return target_put(tx, kv, name, &target, req->arena, err);
}

/* Those of `from` that are not in `of`. */
static struct value *
difference(struct arena *arena, const struct str_list *from,
	const struct str_list *of)
{
	struct value *list = value_list(arena);

	for (size_t i = 0; i < from->n; i++) {
		if (!str_list_has(of, from->items[i]) &&
			!value_add(list, value_string(arena, from->items[i])))
			return NULL;
	}
	return list;
}

/* The pins are stored; keys that could not be removed go now, or later. */
static void
hurry_removals(const struct target_call *call)
{
	struct err err = { 0 };

	if (dynamic_key_again(call->req, call->target->host, call->target->port,
		    &err) != 0)
		log_warn(
			"removals from a repinned target wait for their next try",
			LOG_STR("target", call->name), LOG_ERR(&err));
}

static int
repin_target(struct req *req, struct reply *reply, struct err *err)
{
	struct target_call call;
	struct repinning repinning = { .call = &call };
	int rc = target_call_begin(req, 1, &call, err);

	if (rc == 0)
		rc = settle_pins(&call, &repinning.pins, err);
	if (rc == 0)
		rc = req_write(req, store_pins, &repinning, err);
	if (rc != 0)
		return rc;
	log_info("host keys of a target were repinned",
		LOG_STR("target", call.name),
		LOG_STR("host", call.target->host));
	hurry_removals(&call);
	reply_value(reply, "host_keys",
		value_of_list(req->arena, &repinning.result));
	reply_value(reply, "added",
		difference(req->arena, &repinning.result, &repinning.former));
	reply_value(reply, "removed",
		difference(req->arena, &repinning.former, &repinning.result));
	return 0;
}

#define LOOK_ERRORS                                                            \
	{ 400, "its record lacks what the call needs" },                       \
		{ 404, "there is no such target" },                            \
	{                                                                      \
		503, "too many calls to other servers are under way"           \
	}

const struct op ssh_target_look_ops[] = {
	{
		.path = "targets/:name/test",
		.verb = OP_UPDATE,
		.flags = OP_SLOW,
		.handler = test_target,
		.summary = "Log in to a target, and do nothing there.",
		.text = "state is ok, unreachable, no_common_algorithm, host_key_unknown,\n"
			"host_key_changed, login_refused, connection_lost or timeout; why says it\n"
			"in words. It is kept with the record until that is written again.",
		.errors = { LOOK_ERRORS },
	},
	{
		.path = "targets/:name/scan",
		.verb = OP_UPDATE,
		.flags = OP_SLOW,
		.handler = scan_target,
		.summary = "Ask a target for its host keys and algorithms.",
		.text = "Nobody logs in, and nothing is pinned. Each key is pinned, changed\n"
			"(it may stand for one of missing) or new; missing are pins that no key\n"
			"fits. state is ok where one fits, else host_key_unknown or\n"
			"host_key_changed.",
		.errors = { LOOK_ERRORS,
			{ 502, "it did not answer as an SSH server does" } },
	},
	{
		.path = "targets/:name/repin",
		.verb = OP_UPDATE,
		.flags = OP_SLOW,
		.in_size = sizeof(struct repin_in),
		.fields = repin_fields,
		.handler = repin_target,
		.summary = "Pin other host keys of a target.",
		.text = "Where a target has a new key, compare its fingerprint with what the\n"
			"machine itself says (ssh-keygen -lf on it), and hand it in. Keys of ours that\n"
			"could not be removed because of the old one are tried at once.",
		.errors = { LOOK_ERRORS,
			{ 502, "it did not answer as an SSH server does" } },
	},
	OP_END,
};
