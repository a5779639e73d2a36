/*
 * A call from its arguments to its answer: connect, look at the host key, log
 * in, make the steps.
 */
#include "server/outbound/ssh.h"

#include "lib/sshkey.h"
#include "lib/sshkeypair.h"
#include "server/outbound/host_key.h"
#include "server/outbound/ssh_peer.h"
#include "server/outbound/ssh_step.h"

/* One call on its way. */
struct call {
	const struct outbound_ssh *asked;
	const struct halt *halt;
	struct host_key_pins pins;
	int64_t deadline_ns;
	struct buf key; /* in the form that libssh reads */
	struct arena *arena;
	struct ssh_peer peer;
	struct outbound_ssh_answer answer;
	struct outbound_ssh_result *results;
};

static const struct outbound_ssh_answer no_answer = {
	.host_key = "", .fingerprint = "", .banner = ""
};

/* ---- arguments ----------------------------------------------------------- */

static int
check_line(const char *line, const char *what, struct err *err)
{
	if (line[0] != '\0' && strpbrk(line, "\r\n") == NULL)
		return 0;
	return err_set(err, ERR_INPUT, 400, "%s must be one line", what);
}

static int
check_step(const struct outbound_ssh_step *step, struct err *err)
{
	int rc = check_line(step->command,
		step->kind == OUTBOUND_SSH_UPLOAD ? "a path" : "a command",
		err);

	if (rc == 0 && step->await != NULL)
		rc = check_line(step->await, "what is awaited", err);
	return rc;
}

static int
check_steps(const struct outbound_ssh *asked, struct err *err)
{
	int rc = check_line(asked->user, "a user", err);

	for (size_t i = 0; i < asked->n_steps && rc == 0; i++)
		rc = check_step(&asked->steps[i], err);
	return rc;
}

/* Whatever form it has, libssh gets the one that cannot ask for a password. */
static int
read_key(struct call *call, struct err *err)
{
	struct sshkeypair *pair = NULL;
	int rc = sshkeypair_parse(call->asked->key, &pair, err);

	if (rc == 0)
		rc = sshkeypair_write(
			pair, SSHKEYPAIR_OPENSSH, "", &call->key, err);
	sshkeypair_free(&pair);
	return rc;
}

/* ---- the host key -------------------------------------------------------- */

static bool
is_accepted(const struct call *call, struct span blob)
{
	return host_key_is_pinned(&call->pins, blob) ||
		call->asked->policy == OUTBOUND_HOST_KEY_ANY ||
		(call->asked->policy == OUTBOUND_HOST_KEY_TOFU &&
			call->pins.n == 0);
}

static int
judge_host_key(struct call *call, unsigned *types, struct err *err)
{
	struct outbound_ssh_answer *answer = &call->answer;
	char fingerprint[SSHKEY_FINGERPRINT_MAX];
	struct span blob = SPAN_NONE;
	int rc = ssh_peer_host_key(&call->peer, call->arena, &blob, err);

	if (rc != 0)
		return rc;
	sshkey_fingerprint(blob, fingerprint);
	answer->fingerprint = arena_strdup(call->arena, fingerprint);
	answer->host_key = sshkey_line(call->arena, blob);
	if (is_accepted(call, blob))
		return 0;
	answer->end = OUTBOUND_SSH_HOST_KEY;
	answer->why = host_key_refusal(&call->pins, blob, call->arena);
	*types &= ~host_key_type(blob);
	return answer->why == NULL ? err_set_memory(err) : 0;
}

/* Connect, and ask for keys of these types; one that is refused leaves them. */
static int
meet(struct call *call, unsigned *types, struct err *err)
{
	const struct outbound_ssh *asked = call->asked;
	const struct ssh_peer_settings settings = {
		.host = asked->host,
		.port = asked->port,
		.source = asked->source,
		.user = asked->user,
		.host_key_algorithms = host_key_algorithms(
			&call->pins, *types, asked->legacy_crypto, call->arena),
		.legacy_crypto = asked->legacy_crypto,
		.deadline_ns = call->deadline_ns,
		.halt = call->halt,
	};
	int rc;

	if (settings.host_key_algorithms == NULL)
		return err_set_memory(err);
	call->answer = no_answer;
	rc = ssh_peer_open(&settings, &call->peer, &call->answer.end, err);
	if (rc != 0)
		return rc;
	call->answer.banner = ssh_peer_banner(&call->peer, call->arena);
	if (call->answer.banner == NULL)
		return err_set_memory(err);
	return call->answer.end == OUTBOUND_SSH_DONE
		? judge_host_key(call, types, err)
		: 0;
}

/*
 * Of several keys a server shows the one whose type was asked for first. That
 * of a pinned fingerprint is not known, so the others are asked for in turn.
 */
static int
find_pinned(struct call *call, struct err *err)
{
	unsigned types = HOST_KEY_ANY_TYPE, before = HOST_KEY_ANY_TYPE;
	int rc = meet(call, &types, err);
	const struct outbound_ssh_answer refused = call->answer;

	while (rc == 0 && call->answer.end == OUTBOUND_SSH_HOST_KEY &&
		types != 0 && types != before &&
		host_key_has_fingerprint(&call->pins)) {
		before = types;
		ssh_peer_close(&call->peer);
		rc = meet(call, &types, err);
	}
	/* It has none of those that are left: what it has is not pinned. */
	if (rc == 0 && call->answer.end == OUTBOUND_SSH_NO_AGREEMENT &&
		refused.end == OUTBOUND_SSH_HOST_KEY)
		call->answer = refused;
	return rc;
}

/* ---- the steps ----------------------------------------------------------- */

static int
make_steps(struct call *call, struct err *err)
{
	struct outbound_ssh_answer *answer = &call->answer;
	bool begun;
	int rc = 0;

	for (size_t i = 0; i < call->asked->n_steps && rc == 0 &&
		answer->end == OUTBOUND_SSH_DONE;
		i++) {
		begun = false;
		rc = ssh_step_make(&call->peer, &call->asked->steps[i],
			call->arena, &call->results[i], &answer->end, &begun,
			err);
		if (begun || answer->end == OUTBOUND_SSH_STEP)
			answer->n_results++;
		else if (rc == 0 && answer->n_results == 0)
			answer->end = OUTBOUND_SSH_NO_CONNECTION;
	}
	answer->results = call->results;
	return rc;
}

static int
log_in_and_make(struct call *call, struct err *err)
{
	int rc = find_pinned(call, err);

	if (rc == 0 && call->answer.end == OUTBOUND_SSH_DONE)
		call->answer.end =
			ssh_peer_login(&call->peer, buf_str(&call->key));
	if (rc == 0 && call->answer.end == OUTBOUND_SSH_DONE)
		rc = make_steps(call, err);
	if (rc == 0 && call->answer.why == NULL)
		call->answer.why = arena_strdup(call->arena,
			call->answer.end == OUTBOUND_SSH_DONE ? ""
							      : call->peer.why);
	ssh_peer_close(&call->peer);
	if (rc == 0 && call->answer.why == NULL)
		rc = err_set_memory(err);
	return rc;
}

int
ssh_make(const struct outbound_ssh *asked, const struct halt *halt,
	struct arena *arena, struct outbound_ssh_answer *ret_answer,
	struct err *err)
{
	struct call call = { .asked = asked, .halt = halt, .arena = arena };
	int rc = check_steps(asked, err);

	call.deadline_ns = tcp_deadline(asked->deadline_ms);
	buf_init(&call.key, SSHKEYPAIR_TEXT_MAX);
	call.results = ARENA_ARRAY(
		arena, struct outbound_ssh_result, asked->n_steps + 1);
	if (rc == 0 && call.results == NULL)
		rc = err_set_memory(err);
	if (rc == 0)
		rc = host_key_read_pins(asked->host_keys, asked->n_host_keys,
			arena, &call.pins, err);
	if (rc == 0)
		rc = read_key(&call, err);
	if (rc == 0)
		rc = log_in_and_make(&call, err);
	if (rc == 0)
		*ret_answer = call.answer;
	buf_clear(&call.key);
	return rc;
}
