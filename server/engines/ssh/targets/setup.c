/* The steps of a set-up, and their way back. */
#include "server/engines/ssh/targets/setup.h"

#include <inttypes.h>
#include <string.h>

#include "lib/authorized_keys.h"
#include "lib/clock.h"
#include "lib/codec.h"
#include "lib/random.h"
#include "lib/sshkey.h"
#include "server/engines/ssh/dynamic/key_users.h"
#include "server/engines/ssh/profiles/target_lock.h"
#include "server/engines/ssh/records/target_index.h"
#include "server/keeper/keeper.h"

#define KEY_TYPE "ed25519"
#define KEYS_TEXT_MAX ((size_t)256 * 1024)
#define SUFFIX_DIGITS 6

struct setup_step {
	const char *name;
	/* Do it; *ret_detail, for people, is "" before. */
	int (*make)(
		struct setup *setup, const char **ret_detail, struct err *err);
	/* Undo what it did, if anything, also where it failed; or NULL. */
	int (*take_back)(struct setup *setup, bool *ret_did, struct err *err);
};

static int64_t
call_ms(const struct setup *setup)
{
	return setup->target.timeout * 1000;
}

static struct arena *
arena_of(const struct setup *setup)
{
	return setup->req->arena;
}

static const struct kv *
records_of(const struct setup *setup)
{
	return &setup->req->mount->kv;
}

/* text is NULL where memory ran out. */
static int
set_detail(const char **ret_detail, const char *text, struct err *err)
{
	if (text == NULL)
		return err_set_memory(err);
	*ret_detail = text;
	return 0;
}

/* ---- the API and its version --------------------------------------------- */

static int
reach_api(struct setup *setup, const char **ret_detail, struct err *err)
{
	return truenas_version(&setup->nas, ret_detail, err);
}

/* "TrueNAS-13.0-U6.1", "TrueNAS-SCALE-22.12": both have the calls. */
static int
check_version(struct setup *setup, const char **ret_detail, struct err *err)
{
	const struct value *last = setup->steps->last;
	const char *version = value_find_str(last, "detail", "");

	if (strncmp(version, "TrueNAS-", strlen("TrueNAS-")) != 0)
		return err_set(err, ERR_PEER, 500,
			"\"%.64s\" is no version of TrueNAS", version);
	return set_detail(ret_detail, version, err);
}

/* ---- the key pair -------------------------------------------------------- */

struct making {
	struct setup *setup;
	struct ssh_named_key key;
	const char *sealed;
	bool is_there;
};

static int
find_key(struct store_tx *tx, void *ctx, struct err *err)
{
	struct making *making = ctx;
	struct setup *setup = making->setup;
	struct err why = { 0 };
	int rc = named_key_get(tx, records_of(setup), setup->target.key,
		arena_of(setup), &setup->key, &why);

	making->is_there = rc == 0;
	if (rc != 0 && rc != ERR_ABSENT)
		*err = why;
	return rc == ERR_ABSENT ? 0 : rc;
}

/* Somebody else may have made one of this name meanwhile: then it is that. */
static int
put_key(struct store_tx *tx, void *ctx, struct err *err)
{
	struct making *making = ctx;
	struct setup *setup = making->setup;
	int rc = find_key(tx, ctx, err);

	if (rc == 0 && !making->is_there)
		rc = named_key_put(tx, records_of(setup), setup->target.key,
			&making->key, making->sealed, arena_of(setup), err);
	return rc;
}

static int
generate_key(struct making *making, struct err *err)
{
	struct setup *setup = making->setup;
	struct arena *arena = arena_of(setup);
	char fingerprint[SSHKEY_FINGERPRINT_MAX];
	struct keeper_admin admin = { .sealed = SPAN_NONE };
	struct buf text;
	int rc = keeper_admin_generate(
		setup->req->server->keeper, KEY_TYPE, 0, arena, &admin, err);

	if (rc != 0)
		return rc;
	buf_init(&text, 2 * admin.sealed.len + 4);
	(void)base64_encode(admin.sealed, &text);
	sshkey_fingerprint(admin.public_key, fingerprint);
	making->sealed = arena_strdup(arena, buf_str(&text));
	making->key = (struct ssh_named_key){
		.public_key = sshkey_line(arena, admin.public_key),
		.fingerprint = arena_strdup(arena, fingerprint),
		.generated = true,
	};
	buf_clear(&text);
	return making->sealed != NULL && making->key.public_key != NULL &&
			making->key.fingerprint != NULL
		? 0
		: err_set_memory(err);
}

static int
make_key(struct making *making, struct err *err)
{
	struct setup *setup = making->setup;
	int rc = generate_key(making, err);

	if (rc == 0)
		rc = req_write(setup->req, put_key, making, err);
	if (rc != 0 || making->is_there)
		return rc;
	setup->made_key = true;
	setup->key = (struct named_key_info){
		.version = making->key.version,
		.public_key = making->key.public_key,
		.fingerprint = making->key.fingerprint,
	};
	return 0;
}

static int
take_key(struct setup *setup, const char **ret_detail, struct err *err)
{
	struct making making = { .setup = setup };
	int rc = store_read(setup->req->server->store, find_key, &making, err);

	if (rc == 0 && !making.is_there)
		rc = make_key(&making, err);
	if (rc != 0)
		return rc;
	setup->line = arena_printf(arena_of(setup), "%s sallyport-admin@%s",
		setup->key.public_key, setup->name);
	if (setup->line == NULL)
		return err_set_memory(err);
	return set_detail(ret_detail,
		arena_printf(arena_of(setup), "%s %s%s", setup->target.key,
			setup->key.fingerprint,
			setup->made_key ? ", made now" : ""),
		err);
}

static int
refuse_used(void *ctx, UNUSED const char *kind, UNUSED const char *name,
	const char *key, struct err *err)
{
	const struct setup *setup = ctx;

	return strcmp(key, setup->target.key) != 0
		? 0
		: err_set(err, ERR_INPUT, 400, "key \"%.64s\" is in use by now",
			  key);
}

/* Others have seen the key since it was made, and may have taken to it. */
static int
check_still_ours(struct store_tx *tx, struct setup *setup, struct err *err)
{
	struct named_key_info info;
	int rc = named_key_get(tx, records_of(setup), setup->target.key,
		arena_of(setup), &info, err);

	if (rc == 0 && info.version != setup->key.version)
		rc = err_set(err, ERR_INPUT, 400,
			"key \"%.64s\" was replaced meanwhile",
			setup->target.key);
	return rc != 0 ? rc
		       : key_users_each(tx, records_of(setup), refuse_used,
				 setup, err);
}

static int
drop_key(struct store_tx *tx, void *ctx, struct err *err)
{
	struct setup *setup = ctx;
	const char *record = arena_printf(arena_of(setup), "%s%s",
		ssh_named_key_record.prefix, setup->target.key);
	int rc = record == NULL ? err_set_memory(err)
				: check_still_ours(tx, setup, err);

	if (rc == ERR_ABSENT) {
		err_clear(err);
		return 0;
	}
	if (rc == 0)
		rc = named_key_drop_version(tx, records_of(setup),
			setup->target.key, setup->key.version, arena_of(setup),
			err);
	return rc == 0 ? kv_delete(tx, records_of(setup), record, err) : rc;
}

static int
untake_key(struct setup *setup, bool *ret_did, struct err *err)
{
	*ret_did = setup->made_key;
	return setup->made_key
		? store_write(setup->req->server->store, drop_key, setup, err)
		: 0;
}

/* ---- its public half on the machine -------------------------------------- */

/*
 * A user's keys are read, changed and written whole, here as by the profile:
 * each has its turn, or one would undo what the other did.
 */
static int
take_turn(struct setup *setup, struct target_lock *turn, struct err *err)
{
	return target_lock_take(turn, setup->nas.url,
		clock_boot_ns(clock_system()) +
			call_ms(setup) * CLOCK_NS_PER_MS,
		err);
}

static int
put_line(struct setup *setup, const char **ret_detail, struct err *err)
{
	const char *key = setup->key.public_key;
	struct truenas_user user = { 0 };
	struct buf text;
	size_t n = 0;
	int rc = truenas_find_user(&setup->nas, setup->target.user, &user, err);

	if (rc != 0)
		return rc;
	buf_init(&text, KEYS_TEXT_MAX);
	rc = authorized_keys_drop(
		span_str(user.sshpubkey), key, &text, &n, err);
	if (rc == 0 && n > 0) {
		/* Somebody put it there; it is not ours to take away. */
		buf_clear(&text);
		return set_detail(ret_detail, "is there already", err);
	}
	buf_reset(&text);
	if (rc == 0)
		rc = authorized_keys_put(
			span_str(user.sshpubkey), setup->line, &text, err);
	if (rc == 0) {
		/* Whatever the answer is, it may be there from here on. */
		setup->wrote_line = true;
		rc = truenas_set_keys(
			&setup->nas, user.id, buf_str(&text), err);
	}
	buf_clear(&text);
	return rc;
}

static int
install_line(struct setup *setup, const char **ret_detail, struct err *err)
{
	struct target_lock turn;
	int rc = take_turn(setup, &turn, err);

	if (rc != 0)
		return rc;
	rc = put_line(setup, ret_detail, err);
	target_lock_give(&turn);
	return rc;
}

static int
drop_line(struct setup *setup, struct err *err)
{
	struct truenas_user user = { 0 };
	struct buf text;
	size_t n = 0;
	int rc = truenas_find_user(&setup->nas, setup->target.user, &user, err);

	if (rc != 0)
		return rc;
	buf_init(&text, KEYS_TEXT_MAX);
	rc = authorized_keys_drop(span_str(user.sshpubkey),
		setup->key.public_key, &text, &n, err);
	if (rc == 0 && n > 0)
		rc = truenas_set_keys(
			&setup->nas, user.id, buf_str(&text), err);
	buf_clear(&text);
	return rc;
}

static int
uninstall_line(struct setup *setup, bool *ret_did, struct err *err)
{
	struct target_lock turn;
	int rc;

	if (!setup->wrote_line)
		return 0;
	*ret_did = true;
	rc = take_turn(setup, &turn, err);
	if (rc != 0)
		return rc;
	rc = drop_line(setup, err);
	target_lock_give(&turn);
	return rc;
}

/* ---- the machine's host keys --------------------------------------------- */

/*
 * The machine says it itself, over the TLS that the credential was sent by:
 * what answers at the SSH port is then held against that.
 */
static int
ask_host_keys(struct setup *setup, const char **ret_detail, struct err *err)
{
	struct str_list *pins = &setup->target.host_keys;
	int rc = truenas_host_keys(&setup->nas, setup->target.port, pins, err);

	if (rc == 0)
		rc = pins_settle(arena_of(setup), pins, err);
	if (rc == 0 && pins->n == 0)
		rc = err_set(err, ERR_PEER, 500, "it names no host key");
	if (rc != 0)
		return rc;
	return set_detail(ret_detail, pins_text(pins, arena_of(setup)), err);
}

/* What the port shows to us: for somebody to compare, not to be believed. */
static int
scan_host_keys(struct setup *setup, const char **ret_detail, struct err *err)
{
	struct ssh_target *target = &setup->target;
	struct outbound_ssh_offer offer = { 0 };
	int rc = outbound_ssh_scan(setup->req->server->outbound, target->host,
		target->port, target->source_address, call_ms(setup),
		arena_of(setup), &offer, err);

	if (rc != 0)
		return rc;
	target->host_keys = (struct str_list){ NULL, 0 };
	for (size_t i = 0; i < offer.n_host_keys; i++) {
		if (!str_list_add(arena_of(setup), &target->host_keys,
			    offer.host_keys[i]))
			return err_set_memory(err);
	}
	rc = pins_settle(arena_of(setup), &target->host_keys, err);
	return rc != 0
		? rc
		: set_detail(ret_detail,
			  pins_text(&target->host_keys, arena_of(setup)), err);
}

/* ---- the login ----------------------------------------------------------- */

static int
refuse_login(const struct setup *setup,
	const struct outbound_ssh_answer *answer, struct err *err)
{
	const struct ssh_target *target = &setup->target;

	if (answer->end == OUTBOUND_SSH_HOST_KEY)
		return err_set(err, ERR_PEER, 500,
			"host key %s of %s is not among %s",
			answer->fingerprint, target->host,
			pins_text(&target->host_keys, arena_of(setup)));
	if (answer->end == OUTBOUND_SSH_REFUSED)
		return err_set(err, ERR_PEER, 500,
			"%s does not let %s in with the key", target->host,
			target->user);
	return err_set(err,
		answer->end == OUTBOUND_SSH_LATE ? ERR_TIMEOUT : ERR_PEER, 500,
		"%s port %" PRId64 ": %s", target->host, target->port,
		answer->why);
}

static int
log_in(struct setup *setup, const char **ret_detail, struct err *err)
{
	const struct ssh_target *target = &setup->target;
	struct server *server = setup->req->server;
	struct outbound_ssh call = {
		.host = target->host,
		.port = target->port,
		.source = target->source_address,
		.user = target->user,
		.host_keys = target->host_keys.items,
		.n_host_keys = target->host_keys.n,
		.policy = OUTBOUND_HOST_KEY_STRICT,
		.legacy_crypto = target->legacy_crypto,
		.deadline_ms = call_ms(setup),
	};
	struct outbound_ssh_answer answer = { 0 };
	int rc = named_key_open(server, records_of(setup), target->key, 0,
		arena_of(setup), &call.key, err);

	if (rc == 0)
		rc = outbound_ssh(
			server->outbound, &call, arena_of(setup), &answer, err);
	if (rc == 0 && answer.end != OUTBOUND_SSH_DONE)
		rc = refuse_login(setup, &answer, err);
	return rc != 0 ? rc
		       : set_detail(ret_detail,
				 arena_printf(arena_of(setup), "%s@%s",
					 target->user, target->host),
				 err);
}

/* ---- what the profile calls with from now on ----------------------------- */

static int
make_api_key(struct setup *setup, const char **ret_detail, struct err *err)
{
	char suffix[SUFFIX_DIGITS + 1];
	const char *name;
	int rc;

	random_base62(suffix, SUFFIX_DIGITS);
	name = arena_printf(
		arena_of(setup), "sallyport %s %s", setup->name, suffix);
	if (name == NULL)
		return err_set_memory(err);
	rc = truenas_make_api_key(&setup->nas, name, &setup->api_key_id,
		&setup->target.api_secret, err);
	return rc != 0 ? rc : set_detail(ret_detail, name, err);
}

static int
drop_api_key(struct setup *setup, bool *ret_did, struct err *err)
{
	*ret_did = setup->api_key_id != 0;
	return setup->api_key_id == 0
		? 0
		: truenas_drop_api_key(&setup->nas, setup->api_key_id, err);
}

/* ---- the record ---------------------------------------------------------- */

int
setup_check_new(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct setup *setup = ctx;
	const struct ssh_target *target = NULL;
	struct err why = { 0 };
	int rc = target_get(tx, records_of(setup), setup->name, arena_of(setup),
		&target, &why);

	if (rc == 0)
		return err_set(err, ERR_EXISTS, 400,
			"target \"%.64s\" is there already", setup->name);
	if (rc != ERR_ABSENT)
		*err = why;
	return rc == ERR_ABSENT ? 0 : rc;
}

static int
put_target(struct store_tx *tx, void *ctx, struct err *err)
{
	struct setup *setup = ctx;
	struct ssh_target target = setup->target;
	int rc = setup_check_new(tx, ctx, err);

	if (rc == 0)
		rc = ssh_target_record.check_tx(
			tx, setup->req, setup->name, &target, err);
	return rc != 0 ? rc
		       : target_put(tx, records_of(setup), setup->name, &target,
				 arena_of(setup), err);
}

static int
store_target(struct setup *setup, const char **ret_detail, struct err *err)
{
	int rc = req_write(setup->req, put_target, setup, err);

	setup->stored = rc == 0;
	return rc != 0 ? rc : set_detail(ret_detail, setup->name, err);
}

/* ---- the tables ---------------------------------------------------------- */

static const struct setup_step semi_automatic[] = {
	{ "reach the API", reach_api, NULL },
	{ "check the version", check_version, NULL },
	{ "take the key", take_key, untake_key },
	{ "install the public key", install_line, uninstall_line },
	{ "fetch the host key", ask_host_keys, NULL },
	{ "log in", log_in, NULL },
	{ "make an API key", make_api_key, drop_api_key },
	{ "store the target", store_target, NULL },
	{ NULL, NULL, NULL },
};

static const struct setup_step paste[] = {
	{ "take the key", take_key, untake_key },
	{ "fetch the host key", scan_host_keys, NULL },
	{ NULL, NULL, NULL },
};

static const struct setup_step check[] = {
	{ "take the key", take_key, untake_key },
	{ "log in", log_in, NULL },
	{ "store the target", store_target, NULL },
	{ NULL, NULL, NULL },
};

static const struct setup_step *const tables[] = {
	[SETUP_SEMI_AUTOMATIC] = semi_automatic,
	[SETUP_PASTE] = paste,
	[SETUP_CHECK] = check,
};

/* ---- the run ------------------------------------------------------------- */

static int
note_step(struct setup *setup, const char *name, const char *detail,
	struct err *err)
{
	struct arena *arena = arena_of(setup);
	struct value *step = value_object(arena);

	return value_set_str(arena, step, "name", name) &&
			value_set_str(arena, step, "detail", detail) &&
			value_add(setup->steps, step)
		? 0
		: err_set_memory(err);
}

/* ", taken back: a, b" and what could not be, from the last step to the first.
 */
static const char *
take_back(struct setup *setup, const struct setup_step *steps, size_t n)
{
	const char *text = "";

	while (text != NULL && n-- > 0) {
		struct err why = { 0 };
		bool did = false;
		int rc = 0;

		if (steps[n].take_back != NULL)
			rc = steps[n].take_back(setup, &did, &why);
		if (rc != 0)
			text = arena_printf(arena_of(setup),
				"%s; NOT taken back: %s (%s)", text,
				steps[n].name, why.message);
		else if (did)
			text = arena_printf(arena_of(setup),
				"%s; taken back: %s", text, steps[n].name);
	}
	return text != NULL ? text : "; what was taken back is not known";
}

static int
fail(struct setup *setup, const struct setup_step *steps, size_t at,
	const struct err *why, struct err *err)
{
	const char *back = take_back(setup, steps, at + 1);
	size_t n = 0;

	while (steps[n].name != NULL)
		n++;
	return err_set(err, why->code, why->status == 400 ? 400 : 500,
		"step %zu of %zu, %s: %s%s", at + 1, n, steps[at].name,
		why->message, back);
}

int
setup_run(struct setup *setup, enum setup_way way, struct err *err)
{
	const struct setup_step *steps = tables[way];

	setup->steps = value_list(arena_of(setup));
	if (setup->steps == NULL)
		return err_set_memory(err);
	for (size_t i = 0; steps[i].name != NULL; i++) {
		struct err why = { 0 };
		const char *detail = "";
		int rc = steps[i].make(setup, &detail, &why);

		if (rc == 0)
			rc = note_step(setup, steps[i].name, detail, &why);
		if (rc != 0)
			return fail(setup, steps, i, &why, err);
	}
	return 0;
}
