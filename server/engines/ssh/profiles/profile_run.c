/*
 * Makes the steps of a profile's table. Steps over SSH that follow one another
 * go out in one connection, and are judged when it has ended.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/jsonw.h"
#include "lib/random.h"
#include "server/engines/ssh/profiles/pins.h"
#include "server/engines/ssh/profiles/profile_step.h"
#include "server/engines/ssh/profiles/profile_template.h"
#include "server/engines/ssh/profiles/target_lock.h"

#define SAID_MAX 200
#define ANSWER_MAX ((size_t)512 * 1024)
#define BODY_MAX ((size_t)512 * 1024)

/* ---- what hooks use ------------------------------------------------------ */

const char *
profile_get(const struct profile_run *run, const char *name)
{
	const char *value = profile_template_get(&run->values, name);

	return value != NULL ? value : "";
}

int
profile_set(struct profile_run *run, const char *name, const char *text,
	struct err *err)
{
	return profile_template_set(&run->values, name, text, run->arena, err);
}

int
profile_set_sized(struct profile_run *run, const char *name, const char *text,
	struct err *err)
{
	const char *size_name = arena_printf(run->arena, "%s_size", name);
	const char *size = arena_printf(run->arena, "%zu", strlen(text));
	int rc = profile_set(run, name, text, err);

	if (rc == 0 && (size_name == NULL || size == NULL))
		rc = err_set_memory(err);
	return rc != 0 ? rc : profile_set(run, size_name, size, err);
}

int
profile_answer(struct profile_run *run, const struct value **ret_value,
	struct err *err)
{
	struct value *value = NULL;

	if (json_parse(run->output, &json_limits_trusted, run->arena, &value,
		    NULL) != 0)
		return profile_fail(run, err, "the answer is not JSON");
	*ret_value = value;
	return 0;
}

struct span
profile_output(const struct profile_run *run, const char *name)
{
	const struct profile_said *said = run->said;

	while (said != NULL && strcmp(said->name, name) != 0)
		said = said->earlier;
	return said != NULL ? said->output : SPAN_NONE;
}

/* Room for 1, 2, 4, … keys: it is full at each of these numbers. */
static int
add_key(struct arena *arena, const struct profile_key *key,
	struct profile_key **keys, size_t *n_keys, struct err *err)
{
	const size_t n = *n_keys;

	if ((n & (n - 1)) == 0) {
		struct profile_key *more = ARENA_ARRAY(
			arena, struct profile_key, n == 0 ? 1 : 2 * n);

		if (more == NULL)
			return err_set_memory(err);
		if (n > 0)
			memcpy(more, *keys, n * sizeof(*more));
		*keys = more;
	}
	(*keys)[(*n_keys)++] = *key;
	return 0;
}

int
profile_add_key(
	struct profile_run *run, const struct profile_key *key, struct err *err)
{
	return add_key(
		run->arena, key, &run->result->keys, &run->result->n_keys, err);
}

int
profile_add_foreign(
	struct profile_run *run, const struct profile_key *key, struct err *err)
{
	return add_key(run->arena, key, &run->result->foreign,
		&run->result->n_foreign, err);
}

int
profile_fail(struct profile_run *run, struct err *err, const char *fmt, ...)
{
	char text[ERR_MESSAGE_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return err_set(err, ERR_PEER, 500, "%s: %s",
		run->step != NULL ? run->step->name : "target", text);
}

/* ---- what the peer said -------------------------------------------------- */

static bool
has_text(struct span said, const char *text)
{
	return said.len > 0 &&
		memmem(said.data, said.len, text, strlen(text)) != NULL;
}

/* The last line with something on it, fit for people. */
static const char *
last_line(struct span said, char out[SAID_MAX + 1])
{
	size_t len = 0, begin;

	while (said.len > 0 && said.data[said.len - 1] <= ' ')
		said.len--;
	for (begin = said.len; begin > 0 && said.data[begin - 1] != '\n';)
		begin--;
	for (size_t i = begin; i < said.len && len < SAID_MAX; i++) {
		if (said.data[i] >= ' ' && said.data[i] != 0x7f)
			out[len++] = (char)said.data[i];
	}
	out[len] = '\0';
	return out;
}

static const struct profile_verdict *
find_verdict(const struct profile_run *run)
{
	const struct profile_verdict *row = run->step->verdicts;

	if (row == NULL)
		return NULL;
	for (; row->status != 0 || row->text != NULL || row->is_good ||
		row->why != NULL;
		row++) {
		if (row->status != PROFILE_ANY && row->status != run->status)
			continue;
		if (row->text == NULL || has_text(run->output, row->text) ||
			has_text(run->error, row->text))
			return row;
	}
	return NULL;
}

static bool
is_good_status(const struct profile_run *run)
{
	return run->step->kind == PROFILE_REST
		? run->status >= 200 && run->status < 300
		: run->status == 0;
}

/* Say why a step is not good, in the words of its table or of the peer. */
static int
refuse(struct profile_run *run, const struct profile_verdict *verdict,
	struct err *err)
{
	char said[SAID_MAX + 1];

	if (run->is_cut)
		return profile_fail(run, err, "it says more than is read");
	if (verdict != NULL && verdict->why != NULL)
		return profile_fail(run, err, "%s", verdict->why);
	if (last_line(run->error, said)[0] == '\0')
		(void)last_line(run->output, said);
	return profile_fail(run, err, "%s%sstatus %d", said,
		said[0] != '\0' ? ", " : "", run->status);
}

/* Whether a step got as far as to put something there. */
static bool
may_have_installed(const struct profile_run *run)
{
	return run->step->installs &&
		(run->step->await == NULL ||
			span_has_line(run->output, run->step->await));
}

/* A call of which nothing is known but that it failed, if it was made at all.
 */
static void
note_unknown(struct profile_run *run, bool installs, int rc)
{
	if (installs && rc != ERR_INPUT && rc != ERR_BUSY && rc != ERR_SEALED)
		run->result->may_be_there = true;
}

/* What a step that was made means for the run. */
static int
judge(struct profile_run *run, struct err *err)
{
	const struct profile_verdict *verdict = find_verdict(run);
	const bool is_good =
		verdict != NULL ? verdict->is_good : is_good_status(run);

	if (may_have_installed(run) &&
		(verdict == NULL || !verdict->left_nothing))
		run->result->may_be_there = true;
	return is_good || run->step->may_fail ? 0 : refuse(run, verdict, err);
}

/* ---- over SSH ------------------------------------------------------------ */

/* Steps that go out together, and the rows that they are of. */
struct group {
	struct outbound_ssh_step steps[OUTBOUND_SSH_STEPS_MAX];
	const struct profile_step *rows[OUTBOUND_SSH_STEPS_MAX];
	size_t n;
};

static int
fill(struct profile_run *run, const char *text, enum profile_place place,
	const char **ret_text, struct err *err)
{
	*ret_text = NULL;
	return text == NULL ? 0
			    : profile_template_fill(text, place, &run->values,
				      run->arena, ret_text, err);
}

static int
add_step(struct profile_run *run, struct group *group, struct err *err)
{
	static const enum profile_place places[] = {
		[PROFILE_WORD] = PROFILE_IN_WORD,
		[PROFILE_QUOTE_SHELL] = PROFILE_IN_SHELL,
		[PROFILE_QUOTE_ROUTEROS] = PROFILE_IN_ROUTEROS,
	};
	const struct profile_step *row = run->step;
	struct outbound_ssh_step *step = &group->steps[group->n];
	const char *input = NULL, *more = NULL;
	int rc;

	if (group->n == OUTBOUND_SSH_STEPS_MAX)
		return err_set(err, ERR_LIMIT, 500,
			"%s: more steps than one connection makes", row->name);
	*step = (struct outbound_ssh_step){
		.kind = row->kind == PROFILE_EXEC ? OUTBOUND_SSH_EXEC
						  : OUTBOUND_SSH_UPLOAD,
		.await = row->await,
		.may_fail = row->may_fail || row->verdicts != NULL,
		.is_list = row->is_list,
	};
	rc = fill(run, row->command, places[row->quote], &step->command, err);
	if (rc == 0)
		rc = fill(run, row->input, PROFILE_IN_RAW, &input, err);
	if (rc == 0)
		rc = fill(run, row->more, PROFILE_IN_RAW, &more, err);
	step->input = span_str(input);
	step->more = span_str(more);
	if (rc == 0)
		group->rows[group->n++] = row;
	return rc;
}

/* Make a step once, or once for each line of a value. */
static int
for_each(struct profile_run *run,
	int (*fn)(
		struct profile_run *run, struct group *group, struct err *err),
	struct group *group, struct err *err)
{
	const char *at;
	int rc = 0;

	if (run->step->when != NULL &&
		profile_get(run, run->step->when)[0] == '\0')
		return 0;
	if (run->step->each == NULL)
		return fn(run, group, err);
	at = profile_get(run, run->step->each);
	while (rc == 0 && *at != '\0') {
		const size_t len = strcspn(at, "\n");
		const char *each = arena_strndup(run->arena, at, len);

		rc = each != NULL ? profile_set(run, "each", each, err)
				  : err_set_memory(err);
		if (rc == 0 && len > 0)
			rc = fn(run, group, err);
		at += len + (at[len] == '\n');
	}
	return rc;
}

static int
refuse_host_key(const struct profile_run *run,
	const struct outbound_ssh_answer *answer, struct err *err)
{
	const char *pins = pins_text(&run->job->host_keys, run->arena);

	if (pins == NULL)
		return err_set_memory(err);
	if (run->job->host_keys.n == 0)
		return err_set(err, ERR_PEER, 500,
			"host key %s of %s is not known: none is pinned",
			answer->fingerprint, run->job->host);
	return err_set(err, ERR_PEER, 500,
		"host key %s of %s is not the pinned %s", answer->fingerprint,
		run->job->host, pins);
}

/* A connection that did not come to its end. */
static int
refuse_end(const struct profile_run *run,
	const struct outbound_ssh_answer *answer, const char *step,
	struct err *err)
{
	const struct profile_job *job = run->job;

	switch (answer->end) {
	case OUTBOUND_SSH_HOST_KEY:
		return refuse_host_key(run, answer, err);
	case OUTBOUND_SSH_REFUSED:
		return err_set(err, ERR_PEER, 500,
			"%s does not let %s in with this key: %s", job->host,
			job->admin_user, answer->why);
	case OUTBOUND_SSH_LATE:
		return err_set(err, ERR_TIMEOUT, 500,
			"%s: no answer in time from %s", step, job->host);
	case OUTBOUND_SSH_LOST:
		return err_set(err, ERR_PEER, 500, "%s: connection lost: %s",
			step, answer->why);
	default:
		return err_set(err, ERR_PEER, 500, "%s port %lld: %s",
			job->host, (long long)job->port, answer->why);
	}
}

static int
remember(struct profile_run *run, const struct outbound_ssh_result *result,
	struct err *err)
{
	struct profile_said *said = ARENA_NEW(run->arena, struct profile_said);

	run->status = result->exit_status;
	run->output = result->output;
	run->error = result->error;
	run->is_cut = result->is_cut;
	if (said == NULL)
		return err_set_memory(err);
	*said = (struct profile_said){ .name = run->step->name,
		.output = result->output,
		.earlier = run->said };
	run->said = said;
	return 0;
}

static int
judge_group(struct profile_run *run, const struct group *group,
	const struct outbound_ssh_answer *answer, struct err *err)
{
	const bool was_cut_off = answer->end == OUTBOUND_SSH_LOST ||
		answer->end == OUTBOUND_SSH_LATE;
	const char *last = "log in";
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < answer->n_results; i++) {
		run->step = group->rows[i];
		last = run->step->name;
		rc = remember(run, &answer->results[i], err);
		if (rc != 0 || (was_cut_off && i + 1 == answer->n_results))
			run->result->may_be_there |= may_have_installed(run);
		else
			rc = judge(run, err);
	}
	if (rc == 0 && answer->end != OUTBOUND_SSH_DONE)
		rc = refuse_end(run, answer, last, err);
	return rc;
}

struct outbound_ssh
profile_ssh_call(const struct profile_job *job, int64_t deadline_ms)
{
	return (struct outbound_ssh){
		.host = job->host,
		.port = job->port,
		.source = job->source,
		.user = job->admin_user,
		.key = job->admin_key,
		.host_keys = job->host_keys.items,
		.n_host_keys = job->host_keys.n,
		.policy = job->policy,
		.legacy_crypto = job->legacy_crypto,
		.deadline_ms = deadline_ms,
	};
}

static bool
installs_any(const struct group *group)
{
	for (size_t i = 0; i < group->n; i++) {
		if (group->rows[i]->installs)
			return true;
	}
	return false;
}

static int
send_group(struct profile_run *run, const struct group *group, struct err *err)
{
	struct outbound_ssh call = profile_ssh_call(run->job,
		clock_left_ms(
			clock_system(), run->end_ns, run->job->deadline_ms));
	struct outbound_ssh_answer answer = { 0 };
	int rc;

	call.steps = group->steps;
	call.n_steps = group->n;
	rc = outbound_ssh(run->outbound, &call, run->arena, &answer, err);
	if (rc != 0) {
		note_unknown(run, installs_any(group), rc);
		return rc;
	}
	run->result->host_key = answer.host_key;
	run->result->fingerprint = answer.fingerprint;
	run->result->end = answer.end;
	return judge_group(run, group, &answer, err);
}

static bool
is_over_ssh(const struct profile_step *step)
{
	return step->kind == PROFILE_EXEC || step->kind == PROFILE_UPLOAD;
}

/* From run->step up to the first that is none of SSH, which run->step is then.
 */
static int
run_group(struct profile_run *run, struct err *err)
{
	struct group group = { .n = 0 };
	const struct profile_step *end = run->step;
	int rc = 0;

	for (; rc == 0 && is_over_ssh(end); end++) {
		run->step = end;
		rc = for_each(run, add_step, &group, err);
	}
	if (rc == 0 && group.n > 0)
		rc = send_group(run, &group, err);
	run->step = end;
	return rc;
}

/* ---- over REST ----------------------------------------------------------- */

static int
build_body(struct profile_run *run, struct span *ret_json, struct err *err)
{
	const struct profile_member *member = run->step->members;
	struct value *object = value_object(run->arena);
	int rc = 0;

	for (; rc == 0 && member->name != NULL; member++) {
		struct value *value = NULL;
		const char *filled = NULL;

		if (member->json != NULL)
			rc = json_parse(span_str(member->json),
				&json_limits_trusted, run->arena, &value, err);
		else
			rc = fill(run, member->text, PROFILE_IN_RAW, &filled,
				err);
		if (filled != NULL)
			value = value_string(run->arena, filled);
		if (rc == 0 &&
			!value_set(run->arena, object, member->name, value))
			rc = err_set_memory(err);
	}
	if (rc != 0)
		return rc;
	return jsonw_bytes(object, BODY_MAX, run->arena, ret_json, err);
}

static const char *
or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

static int
run_rest(struct profile_run *run, UNUSED struct group *group, struct err *err)
{
	const struct profile_job *job = run->job;
	const int64_t left_ms =
		clock_left_ms(clock_system(), run->end_ns, job->deadline_ms);
	struct outbound_request request = {
		.method = run->step->method,
		.ca_pem = job->ca_cert,
		.tls_pin = or_null(job->tls_pin),
		.source = or_null(job->source),
		.user = or_null(job->api_user),
		.answer_max = ANSWER_MAX,
		.deadline_ms = left_ms > 0 ? left_ms : 1, /* 0: no end */
	};
	struct outbound_answer answer = { 0 };
	const char *path = NULL;
	int rc = fill(run, run->step->command, PROFILE_IN_PATH, &path, err);

	/* A key of an API stands in for a user with a password. */
	if (request.user != NULL)
		request.password = job->api_secret;
	else
		request.bearer = job->api_secret;
	if (rc == 0 && run->step->members != NULL)
		rc = build_body(run, &request.json, err);
	if (rc != 0)
		return rc;
	request.url = arena_printf(run->arena, "%s%s", job->url, path);
	if (request.url == NULL)
		return err_set_memory(err);
	rc = outbound_https(run->outbound, &request, run->arena, &answer, err);
	if (rc != 0) {
		run->result->end = OUTBOUND_SSH_NO_CONNECTION;
		note_unknown(run, run->step->installs, rc);
		return rc;
	}
	run->status = answer.status;
	run->output = answer.body;
	run->error = SPAN_NONE;
	run->is_cut = false;
	return judge(run, err);
}

/* ---- the run ------------------------------------------------------------- */

static int
run_table(struct profile_run *run, const struct profile_step *steps,
	struct err *err)
{
	int rc = 0;

	for (run->step = steps; rc == 0 && run->step->kind != PROFILE_END;) {
		if (is_over_ssh(run->step)) {
			rc = run_group(run, err);
			continue;
		}
		if (run->step->kind == PROFILE_REST)
			rc = for_each(run, run_rest, NULL, err);
		else if (run->step->hook != NULL &&
			(run->step->when == NULL ||
				profile_get(run, run->step->when)[0] != '\0'))
			rc = run->step->hook(run, err);
		run->step++;
	}
	return rc;
}

/* No line ends in what is sent: it stands in lines of its own there. */
static int
check_job(const struct profile *profile, enum profile_action action,
	const struct profile_job *job, struct err *err)
{
	const char *const texts[] = { job->host, job->source, job->admin_user,
		job->url, job->api_user, job->username, job->tag,
		job->public_key, job->options };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (texts[i] != NULL && !profile_template_is_one_line(texts[i]))
			return err_set(err, ERR_INPUT, 500,
				"a control character cannot be sent to a target");
	}
	if (profile->speaks_rest && (job->url == NULL || job->url[0] == '\0'))
		return err_set(err, ERR_INPUT, 500,
			"profile %s needs a target with a url", profile->name);
	return action == PROFILE_LIST ? 0
				      : profile_check_user(job->username, err);
}

/* expiry-time= of sshd(8), in UTC: the minute that begins behind expire_s. */
static const char *
format_minute(int64_t expire_s, struct arena *arena)
{
	const time_t at = (expire_s / 60 + 1) * 60;
	struct tm tm;
	char text[16];

	if (expire_s == 0)
		return "";
	if (gmtime_r(&at, &tm) == NULL ||
		strftime(text, sizeof(text), "%Y%m%d%H%MZ", &tm) == 0)
		return NULL;
	return arena_strdup(arena, text);
}

static int
set_values(struct profile_run *run, struct err *err)
{
	const struct profile_job *job = run->job;
	const struct secret_view key = job->private_key;
	const char *colon = strrchr(job->tag, ':');
	struct arena *arena = run->arena;
	char file[PROFILE_TAG_LEASE_DIGITS + 1];
	int rc = 0;

	random_base62(file, PROFILE_TAG_LEASE_DIGITS);
	const char *const values[][2] = {
		{ "username", job->username },
		{ "tag", job->tag },
		{ "lease", colon != NULL ? colon + 1 : "" },
		{ "public_key", job->public_key },
		{ "private_key",
			key.len > 0 ? arena_strndup(arena, key.data, key.len)
				    : "" },
		{ "options", job->options },
		{ "install_script", job->install_script },
		{ "line",
			arena_printf(arena, "%s%s%s %s", job->options,
				job->options[0] != '\0' ? " " : "",
				job->public_key, job->tag) },
		{ "expire_s",
			arena_printf(arena, "%lld", (long long)job->expire_s) },
		{ "expire_utc", format_minute(job->expire_s, arena) },
		{ "file", arena_printf(arena, "sallyport-%s", file) },
	};
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(values); i++)
		rc = values[i][1] != NULL
			? profile_set(run, values[i][0], values[i][1], err)
			: err_set_memory(err);
	return rc;
}

int
profile_run(struct outbound *outbound, const struct profile *profile,
	enum profile_action action, const struct profile_job *job,
	struct arena *arena, struct profile_result *ret_result, struct err *err)
{
	struct profile_run run = { .job = job,
		.action = action,
		.arena = arena,
		.result = ret_result,
		.outbound = outbound };
	struct target_lock turn;
	int rc;

	*ret_result =
		(struct profile_result){ .host_key = "", .fingerprint = "" };
	run.end_ns = clock_boot_ns(clock_system()) +
		job->deadline_ms * CLOCK_NS_PER_MS;
	if (profile->steps[action] == NULL)
		return err_set(err, ERR_INPUT, 500, "profile %s cannot do that",
			profile->name);
	rc = check_job(profile, action, job, err);
	if (rc == 0)
		rc = set_values(&run, err);
	if (rc == 0 && profile->takes_turns)
		rc = target_lock_take(&turn,
			profile->speaks_rest ? job->url : job->host, run.end_ns,
			err);
	if (rc != 0)
		return rc;
	rc = run_table(&run, profile->steps[action], err);
	if (profile->takes_turns)
		target_lock_give(&turn);
	return rc;
}
