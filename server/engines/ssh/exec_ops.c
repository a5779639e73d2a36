/*
 * exec/:role: run one command on a target with a key that is made for it, put
 * there, used once by ourselves and taken off again. Whoever asks never sees
 * the key. What fails before the command is begun is an error and may be tried
 * again; from there on the answer is 200 and says what is known.
 */
#include <string.h>

#include "lib/codec.h"
#include "server/engines/ssh/creds_rules.h"
#include "server/engines/ssh/dynamic/dynamic_role.h"
#include "server/engines/ssh/dynamic/dynamic_way.h"
#include "server/engines/ssh/exec_rules.h"
#include "server/engines/ssh/exec_status.h"
#include "server/engines/ssh/tables.h"

/* Beside the command's own time: installing, and what an answer takes. */
#define LEASE_MARGIN_S 120
#define ENCODED_MAX (4 * OUTBOUND_SSH_OUTPUT_MAX)
#define FAILURE "failed to run the command on the target"

struct exec_in {
	const char *ip, *target, *username;
	const char *command, *source_address, *encoding;
	int64_t timeout;
	bool explain;
};

static const struct field exec_fields[] = {
	FIELD_STR(struct exec_in, ip, .len_max = 255,
		.doc = "Address of the host, an IPv4 or IPv6 literal. Required without target."),
	FIELD_STR(struct exec_in, target, .len_max = 255,
		.doc = "Name of a target (targets/) in the place of ip."),
	FIELD_STR(struct exec_in, username, .len_max = 255,
		.doc = "User to run it as; the role's default user if left out."),
	FIELD_STR(struct exec_in, command, .len_max = EXEC_COMMAND_MAX,
		.doc = "The command, one line, as one of the role's allowed_commands has it. Required."),
	FIELD_STR(struct exec_in, source_address, .len_max = 255,
		.doc = "Address of the server to connect from; the role's or target's if left out."),
	FIELD_DURATION(struct exec_in, timeout, .max = EXEC_TIMEOUT_MAX_S,
		.doc = "How long it may take, login included; at most, and by default, the role's exec_timeout."),
	FIELD_STR(struct exec_in, encoding, .len_max = 16,
		.doc = "base64: output, stdout and stderr are base64 of the very bytes. Else they are text, bytes that are no UTF-8 as U+FFFD."),
	FIELD_BOOL(struct exec_in, explain,
		.doc = "Answer which rules hold and which was the first that does not; nothing is run."),
	FIELD_END,
};

struct exec {
	struct creds_place place;
	const struct ssh_role *role;
	char source[NETADDR_TEXT_MAX];
	int64_t timeout_s;
	bool as_base64;
	const char *pattern; /* of allowed_commands, that has the command */
	struct dynamic_issued issued;
	struct dynamic_way way; /* with explain */
};

/* ---- the rules ----------------------------------------------------------- */

static int
check_type(UNUSED const struct exec_in *in, struct exec *exec, struct err *err)
{
	return ssh_role_is_dynamic(exec->role)
		? 0
		: err_set(err, ERR_INPUT, 400,
			  "role key type '%s' not allowed to run commands",
			  exec->role->key_type);
}

static int
check_command(const struct exec_in *in, struct exec *exec, struct err *err)
{
	return exec_rules_check_command(&exec->role->allowed_commands,
		in->command, &exec->pattern, err);
}

static int
check_source(const struct exec_in *in, struct exec *exec, struct err *err)
{
	return exec_rules_source(in->source_address, exec->source, err);
}

static int
check_timeout(const struct exec_in *in, struct exec *exec, struct err *err)
{
	const int64_t role_s = exec->role->exec_timeout;

	return exec_rules_timeout_s(in->timeout,
		role_s != 0 ? role_s : EXEC_TIMEOUT_S, &exec->timeout_s, err);
}

static int
check_encoding(const struct exec_in *in, struct exec *exec, struct err *err)
{
	exec->as_base64 = strcmp(in->encoding, "base64") == 0;
	if (exec->as_base64 || in->encoding[0] == '\0')
		return 0;
	return err_set(err, ERR_INPUT, 400, "encoding must be base64, or none");
}

/* In the order in which they are asked, behind those of creds. */
static const struct {
	const char *name, *text;
	int (*ask)(
		const struct exec_in *in, struct exec *exec, struct err *err);
} rules[] = {
	{ "key_type", "the role is of type dynamic", check_type },
	{ "allowed_commands",
		"the command is one line that one of the role's allowed_commands matches",
		check_command },
	{ "source_address", "the source is an address, or left out",
		check_source },
	{ "exec_timeout", "the time is within the role's exec_timeout",
		check_timeout },
	{ "encoding", "the answer is wanted as text or as base64",
		check_encoding },
};

/* *ret_n: so many held. */
static int
ask_rules(struct req *req, struct exec *exec, size_t *ret_n, struct err *err)
{
	int rc = creds_rules_ask(req, exec->role, &exec->place, ret_n, err);

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(rules); i++) {
		rc = rules[i].ask(req->in, exec, err);
		*ret_n += rc == 0;
	}
	return rc;
}

/* The key outlives the command, but not for long. */
static struct dynamic_wish
wish_of(struct req *req, const struct exec *exec)
{
	const int64_t ttl_s = exec->timeout_s + LEASE_MARGIN_S;

	return (struct dynamic_wish){
		.role_name = req_capture(req, "role"),
		.role = exec->role,
		.ip = exec->place.address,
		.target = exec->place.ip[0] != '\0' ? "" : exec->place.target,
		.username = exec->place.user,
		.ttl_s = ttl_s,
		.max_ttl_s = ttl_s,
		.own_source = exec->source,
	};
}

static int
explain_exec(struct req *req, struct exec *exec, size_t n_true, int rc,
	struct reply *reply, struct err *err)
{
	const struct dynamic_wish wish = wish_of(req, exec);

	if (rc == 0)
		rc = dynamic_way_ask(req, &wish, &exec->way, &n_true, err);
	if (rc != 0 && rc != ERR_INPUT)
		return rc;
	struct explanation explanation = {
		.n_true = n_true, .rc = rc, .err = err
	};
	creds_rules_explain(reply, &explanation);
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		explain_add(reply, &explanation, rules[i].name, rules[i].text);
	dynamic_way_explain(reply, &explanation);
	explain_end(reply, &explanation);
	creds_place_show(reply, &exec->place);
	if (exec->timeout_s != 0)
		reply_int(reply, "timeout", exec->timeout_s);
	if (exec->pattern != NULL)
		reply_str(reply, "command_match", exec->pattern);
	dynamic_way_show(reply, &exec->way, exec->role->port);
	err_clear(err);
	return 0;
}

/* ---- the answer ---------------------------------------------------------- */

static void
show_bytes(struct reply *reply, const struct exec *exec, const char *name,
	struct span bytes)
{
	struct buf text;

	if (!exec->as_base64) {
		reply_span(reply, name, bytes);
		return;
	}
	buf_init(&text, ENCODED_MAX);
	if (base64_encode(bytes, &text) == 0)
		reply_span(reply, name, buf_span(&text));
	else
		reply->out_of_memory = true;
	buf_clear(&text);
}

/* Both streams, one behind the other. */
static void
show_output(struct reply *reply, const struct exec *exec,
	const struct outbound_ssh_result *result)
{
	struct buf both;

	buf_init(&both, 2 * OUTBOUND_SSH_OUTPUT_MAX);
	if (buf_add_span(&both, result->output) != 0 ||
		buf_add_span(&both, result->error) != 0)
		reply->out_of_memory = true;
	show_bytes(reply, exec, "output", buf_span(&both));
	show_bytes(reply, exec, "stdout", result->output);
	show_bytes(reply, exec, "stderr", result->error);
	buf_clear(&both);
}

static void
answer_exec(struct reply *reply, const struct exec *exec,
	const struct outbound_ssh_answer *answer)
{
	const struct outbound_ssh_result *result = &answer->results[0];
	const struct exec_status status = exec_status_of(answer);

	reply_int(reply, "exit-code", status.code);
	show_output(reply, exec, result);
	reply_str(reply, "status", status.name);
	reply_str(reply, "signal", result->signal);
	reply_str(reply, "error", status.why);
	reply_bool(reply, "truncated", result->is_cut);
	reply_str(reply, "lease_id", exec->issued.lease_id);
}

/* ---- the command --------------------------------------------------------- */

static int
run_command(struct req *req, const struct exec *exec,
	struct outbound_ssh_answer *ret_answer, struct err *err)
{
	const struct exec_in *in = req->in;
	const struct dynamic_issued *issued = &exec->issued;
	const struct outbound_ssh_step step = { .kind = OUTBOUND_SSH_EXEC,
		.command = in->command,
		.may_fail = true };
	const struct outbound_ssh call = {
		.host = issued->host,
		.port = issued->port,
		.source = issued->source,
		.user = exec->place.user,
		.key = issued->private_key,
		.host_keys = issued->host_keys.items,
		.n_host_keys = issued->host_keys.n,
		.policy = issued->policy,
		.legacy_crypto = issued->legacy_crypto,
		.deadline_ms = exec->timeout_s * 1000,
		.steps = &step,
		.n_steps = 1,
	};

	return outbound_ssh(
		req->server->outbound, &call, req->arena, ret_answer, err);
}

/* The command is over: so is its key. What cannot be done now is done later. */
static void
end_key(struct req *req, const struct exec *exec)
{
	struct err err = { 0 };

	if (dynamic_key_end(req, &exec->issued, &err) != 0)
		req_warn(req,
			"the key is still on the target and will be taken off later: %s",
			err.message);
}

static int
use_key(struct req *req, const struct exec *exec, struct reply *reply,
	struct err *err)
{
	struct outbound_ssh_answer answer = { .n_results = 0 };
	int rc = run_command(req, exec, &answer, err);

	end_key(req, exec);
	if (rc != 0)
		return rc;
	if (!exec_was_begun(&answer))
		return err_set(err, ERR_PEER, 500, FAILURE ": %s", answer.why);
	answer_exec(reply, exec, &answer);
	return 0;
}

static int
make_key(struct req *req, struct exec *exec, struct err *err)
{
	const struct dynamic_wish wish = wish_of(req, exec);

	return dynamic_key_issue(req, &wish, &exec->issued, err);
}

static int
exec_for_role(struct req *req, const struct ssh_role *role, struct reply *reply,
	struct err *err)
{
	struct exec *exec = ARENA_NEW(req->arena, struct exec);
	const struct exec_in *in = req->in;
	size_t n_true;
	int rc;

	if (exec == NULL)
		return err_set_memory(err);
	exec->role = role;
	exec->place = (struct creds_place){
		.ip = in->ip, .target = in->target, .username = in->username
	};
	rc = ask_rules(req, exec, &n_true, err);
	if (in->explain)
		return explain_exec(req, exec, n_true, rc, reply, err);
	if (rc == 0)
		rc = req_check_lease_allowed(req, err);
	if (rc == 0)
		rc = make_key(req, exec, err);
	return rc == 0 ? use_key(req, exec, reply, err) : rc;
}

static int
exec_command(struct req *req, struct reply *reply, struct err *err)
{
	const struct exec_in *in = req->in;

	return creds_under_role(req, in->ip[0] != '\0' || in->target[0] != '\0',
		exec_for_role, reply, err);
}

const struct op ssh_exec_ops[] = {
	{
		.path = "exec/:role",
		.verb = OP_UPDATE,
		.in_size = sizeof(struct exec_in),
		.fields = exec_fields,
		.handler = exec_command,
		.summary = "Run one command on a host with a key made for it.",
		.text = "The role is of type dynamic and has allowed_commands. Its key is put on\n"
			"the host, used once by the server, pinned to the host key that was seen\n"
			"at installing, and taken off again; nobody is given it. An error means\n"
			"that the command was not begun. Each stream is kept up to 64 KiB.",
		.out = (const struct
			op_out[]){ { "exit-code", FIELD_TYPE_INT,
					   "The command's status; 128 and the signal's number where one ended it; -1: not known." },
			{ "output", FIELD_TYPE_STR,
				"Standard output, and standard error behind it." },
			{ "stdout", FIELD_TYPE_STR, "Standard output." },
			{ "stderr", FIELD_TYPE_STR, "Standard error." },
			{ "status", FIELD_TYPE_STR,
				"exited; signaled; lost: the connection was cut off while it ran; timeout: it took too long." },
			{ "signal", FIELD_TYPE_STR,
				"Name of the signal that ended it, or \"\"." },
			{ "error", FIELD_TYPE_STR,
				"Why its end is not known, or \"\"." },
			{ "truncated", FIELD_TYPE_BOOL,
				"A stream was longer than what is kept of it." },
			{ "lease_id", FIELD_TYPE_STR,
				"The lease that its key had; it is over." },
			EXPLAIN_OUT,
			{ "username", FIELD_TYPE_STR, "With explain." },
			{ "ip", FIELD_TYPE_STR, "With explain." },
			{ "timeout", FIELD_TYPE_INT, "With explain: s." },
			{ "command_match", FIELD_TYPE_STR,
				"With explain: the one of allowed_commands that has the command." },
			{ "target", FIELD_TYPE_STR,
				"With explain: the target that was named, or found by its address." },
			{ "port", FIELD_TYPE_INT, "With explain." },
			DYNAMIC_WAY_OUT, { NULL, FIELD_TYPE_STR, NULL } },
		.errors = { { 400, "no such role; user, host or command not allowed" },
			{ 500, "the key could not be put on the host, or no login was made with it" } },
	},
	OP_END,
};
