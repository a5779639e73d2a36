/*
 * targets/:name/doctor: what every target has is looked at here, in the order
 * in which a key would need it; then its profile looks.
 */
#include <string.h>

#include "lib/netaddr.h"
#include "server/engines/ssh/profiles/doctor.h"
#include "server/engines/ssh/records/role.h"
#include "server/engines/ssh/targets/tables.h"
#include "server/engines/ssh/targets/target_call.h"

/* Calls that a doctor may make, each with the target's own timeout. */
#define CALLS_MAX 6

struct visit {
	struct target_call call;
	struct doctor doctor;
	struct outbound_ssh_offer offer;
	const char *state, *why; /* of the target, to be noted */
};

/* ---- before login ------------------------------------------------------- */

/* Whether it answers at all. */
static bool
look_at_connection(struct visit *visit)
{
	struct doctor *doctor = &visit->doctor;
	struct err err = { 0 };

	if (target_call_scan(&visit->call, &visit->offer, &err) == 0) {
		doctor_say(doctor, "reachable", DOCTOR_OK, visit->offer.banner,
			"");
		return true;
	}
	visit->state = err.code == ERR_TIMEOUT ? "timeout" : "unreachable";
	visit->why = arena_strdup(doctor->arena, err.message);
	doctor_say(doctor, "reachable", DOCTOR_BAD, err.message,
		"check host, port and source_address of the record, the network between, and that its SSH service is on (RouterOS: /ip service)");
	return false;
}

static void
look_at_host_key(struct visit *visit)
{
	struct doctor *doctor = &visit->doctor;
	const struct ssh_target *target = visit->call.target;
	const struct str_list *pins = &target->host_keys;
	const char *line = NULL, *seen;

	for (size_t i = 0; line == NULL && i < visit->offer.n_host_keys; i++) {
		if (pins_have(pins, visit->offer.host_keys[i], doctor->arena))
			line = visit->offer.host_keys[i];
	}
	if (line != NULL) {
		doctor_say(doctor, "host key", DOCTOR_OK,
			pins_fingerprint(line, doctor->arena), "");
		return;
	}
	seen = visit->offer.n_host_keys == 0
		? "it shows none"
		: pins_fingerprint(visit->offer.host_keys[0], doctor->arena);
	if (pins->n == 0)
		doctor_say(doctor, "host key",
			visit->call.job.policy == OUTBOUND_HOST_KEY_STRICT
				? DOCTOR_BAD
				: DOCTOR_WARN,
			arena_printf(doctor->arena,
				"none is pinned; it shows %s", seen),
			"compare it on the machine (ssh-keygen -lf), then: sallyport target repin");
	else
		doctor_say(doctor, "host key", DOCTOR_BAD,
			arena_printf(doctor->arena,
				"it shows %s, which is not pinned", seen),
			"find out why it changed; then: sallyport target repin");
}

/* Whether a name has one of the parts, which end with NULL. */
static bool
has_part(struct span name, const char *const *parts)
{
	for (size_t i = 0; parts[i] != NULL; i++) {
		if (memmem(name.data, name.len, parts[i], strlen(parts[i])) !=
			NULL)
			return true;
	}
	return false;
}

/* found and the names of a list that have a part, "a, b"; NULL: no memory. */
static const char *
add_names(struct arena *arena, const char *found, const char *list,
	const char *const *parts)
{
	struct span name;
	size_t pos = 0;

	while (found != NULL && comma_next(list, &pos, &name)) {
		if (has_part(name, parts))
			found = arena_printf(arena, "%s%s%.*s", found,
				found[0] != '\0' ? ", " : "", (int)name.len,
				(const char *)name.data);
	}
	return found;
}

static bool
offers(const char *list, const char *name)
{
	return comma_list_has(list, span_str(name));
}

/* What it offers is for all its clients, not for us alone. */
static void
look_at_algorithms(struct visit *visit)
{
	static const char *const ciphers[] = { "3des", "arcfour", "blowfish",
		"cast128", "-cbc", NULL };
	static const char *const macs[] = { "md5", "-96", NULL };
	static const char *const kex[] = { "group1-sha1", "group-exchange-sha1",
		NULL };
	struct doctor *doctor = &visit->doctor;
	const struct outbound_ssh_offer *offer = &visit->offer;
	const char *weak = "";

	if (offers(offer->ciphers, "none")) {
		doctor_say(doctor, "algorithms", DOCTOR_BAD,
			"it offers to encrypt nothing: cipher none",
			"turn it off (RouterOS: /ip ssh set allow-none-crypto=no)");
		return;
	}
	weak = add_names(doctor->arena, weak, offer->ciphers, ciphers);
	weak = add_names(doctor->arena, weak, offer->macs, macs);
	weak = add_names(doctor->arena, weak, offer->kex, kex);
	if (weak != NULL && weak[0] == '\0')
		doctor_say(doctor, "algorithms", DOCTOR_OK,
			"it offers no weak ones", "");
	else
		doctor_say(doctor, "algorithms", DOCTOR_WARN,
			arena_printf(doctor->arena, "it offers weak ones: %s",
				weak != NULL ? weak : ""),
			"leave them out on the machine (RouterOS: /ip ssh set strong-crypto=yes)");
}

/* ---- login and behind it ------------------------------------------------ */

static const char *
login_fix(const struct outbound_ssh_answer *end)
{
	switch (end->end) {
	case OUTBOUND_SSH_REFUSED:
		return "put the public half of the key (sallyport keypair export) into authorized_keys of the admin user";
	case OUTBOUND_SSH_HOST_KEY:
		return "see the row host key";
	case OUTBOUND_SSH_NO_AGREEMENT:
		return "let it offer algorithms of today, or set legacy_crypto=true";
	default:
		return "look into its log of sshd";
	}
}

/* Whether the admin's key opens it. */
static bool
look_at_login(struct visit *visit, struct err *err)
{
	struct doctor *doctor = &visit->doctor;
	struct outbound_ssh_answer end = { 0 };
	struct err why = { 0 };
	int rc = target_call_login(&visit->call, &why);

	if (rc == 0 && visit->call.job.admin_key.len == 0)
		return true;
	if (rc == 0)
		rc = target_call_test(&visit->call, &end, &why);
	if (rc != 0) {
		doctor_say(doctor, "login", DOCTOR_BAD, why.message,
			"set user and key of the record");
		if (rc == ERR_MEMORY)
			(void)err_set_memory(err);
		return false;
	}
	visit->state = target_state(visit->call.target, &end);
	visit->why = target_why(visit->call.target, &end, doctor->arena);
	if (end.end != OUTBOUND_SSH_DONE) {
		doctor_say(doctor, "login", DOCTOR_BAD, visit->why,
			login_fix(&end));
		return false;
	}
	doctor_say(doctor, "login", DOCTOR_OK,
		arena_printf(doctor->arena, "as %s with key %s",
			visit->call.target->user, visit->call.target->key),
		"");
	return true;
}

/* The steps that a revoke begins with: sudo, installer, API. */
static void
look_at_list(struct visit *visit)
{
	struct doctor *doctor = &visit->doctor;
	const struct profile *profile = visit->call.profile;
	struct profile_job job = visit->call.job;
	struct profile_result result = { 0 };
	struct err err = { 0 };

	if (profile->steps[PROFILE_LIST] == NULL)
		return;
	job.deadline_ms =
		clock_left_ms(clock_system(), doctor->end_ns, job.deadline_ms);
	if (profile_run(doctor->outbound, profile, PROFILE_LIST, &job,
		    doctor->arena, &result, &err) == 0)
		doctor_say(doctor, "profile", DOCTOR_OK,
			arena_printf(doctor->arena,
				"%s works; %zu keys of Sallyport are there",
				profile->name, result.n_keys),
			"");
	else
		doctor_say(doctor, "profile", DOCTOR_BAD, err.message,
			"make the machine ready as the profile says: sallyport target add -instructions");
}

static int
visit_target(struct visit *visit, struct err *err)
{
	const struct profile *profile = visit->call.profile;
	const bool has_ssh =
		visit->call.target->key[0] != '\0' || !profile->speaks_rest;
	bool opens = true;

	if (has_ssh) {
		if (!look_at_connection(visit))
			return 0;
		look_at_host_key(visit);
		look_at_algorithms(visit);
		opens = look_at_login(visit, err);
	}
	if (opens) {
		look_at_list(visit);
		if (profile->doctor != NULL)
			profile->doctor(&visit->doctor);
	}
	return err->code;
}

/* ---- the operation ------------------------------------------------------ */

static bool
is_fine(const struct value *rows)
{
	VALUE_EACH (row, rows) {
		if (strcmp(value_find_str(row, "state", ""),
			    doctor_state_name(DOCTOR_BAD)) == 0)
			return false;
	}
	return true;
}

static int
doctor_target(struct req *req, struct reply *reply, struct err *err)
{
	struct visit visit = { .state = "", .why = "" };
	int rc = target_call_begin(req, CALLS_MAX, &visit.call, err);

	if (rc != 0)
		return rc;
	visit.doctor = (struct doctor){
		.outbound = req->server->outbound,
		.job = &visit.call.job,
		.arena = req->arena,
		.end_ns = visit.call.end_ns,
		.rows = value_list(req->arena),
	};
	rc = visit_target(&visit, err);
	if (rc == 0 && visit.state[0] != '\0')
		rc = target_call_note(&visit.call, visit.state, visit.why, err);
	if (rc != 0)
		return rc;
	if (visit.doctor.rows == NULL)
		return err_set_memory(err);
	reply_str(reply, "target", visit.call.name);
	reply_str(reply, "profile", visit.call.profile->name);
	reply_bool(reply, "ok", is_fine(visit.doctor.rows));
	reply_value(reply, "checks", visit.doctor.rows);
	return 0;
}

const struct op ssh_target_doctor_ops[] = {
	{
		.path = "targets/:name/doctor",
		.verb = OP_UPDATE,
		.flags = OP_SLOW,
		.handler = doctor_target,
		.summary = "Look at a target for all that a key needs there.",
		.text = "checks has a row for each thing: check, state (ok, warn, bad, skipped),\n"
			"seen, and fix, which says what mends it. ok is whether none is bad. It\n"
			"changes nothing there.",
		.errors = { { 404, "there is no such target" } },
	},
	OP_END,
};
