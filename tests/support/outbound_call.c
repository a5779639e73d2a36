/*
 * One call of outbound: its arguments as a JSON object on standard input, its
 * answer as one on standard output. With "url" over HTTPS, with "scan" a scan.
 * SIGTERM halts outbound.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/json.h"
#include "lib/jsonw.h"
#include "server/engines/ssh/profiles/profile.h"
#include "server/outbound/outbound.h"

#define TEXT_MAX ((size_t)16 * 1024 * 1024)
#define DEADLINE_MS 60000

static struct arena *arena;
static struct value *answer;

static void
must(bool good, const char *what, const struct err *err)
{
	if (good)
		return;
	(void)fprintf(
		stderr, "%s: %s\n", what, err == NULL ? "" : err->message);
	exit(2);
}

static struct value *
read_arguments(void)
{
	struct err err = { 0 };
	struct value *arguments;
	char part[4096];
	struct buf text;
	size_t len;

	buf_init(&text, TEXT_MAX);
	while ((len = fread(part, 1, sizeof(part), stdin)) > 0)
		(void)buf_add(&text, part, len);
	must(json_parse(buf_span(&text), &json_limits_trusted, arena,
		     &arguments, &err) == 0,
		"arguments", &err);
	buf_clear(&text);
	return arguments;
}

static struct secret_view
find_secret(const struct value *arguments, const char *name)
{
	const char *text = value_find_str(arguments, name, "");

	return secret_view_of(text, strlen(text));
}

static struct outbound_ssh_step
read_step(const struct value *from)
{
	return (struct outbound_ssh_step){
		.kind = value_find(from, "upload") != NULL ? OUTBOUND_SSH_UPLOAD
							   : OUTBOUND_SSH_EXEC,
		.command = value_find_str(
			from, "upload", value_find_str(from, "exec", "")),
		.input = span_str(value_find_str(from, "input", "")),
		.await = value_find_str(from, "await", NULL),
		.more = span_str(value_find_str(from, "more", "")),
		.may_fail = value_find_bool(from, "may_fail", false),
		.is_list = value_find_bool(from, "is_list", false),
	};
}

static void
read_steps(const struct value *from, struct outbound_ssh *call)
{
	static struct outbound_ssh_step steps[OUTBOUND_SSH_STEPS_MAX];

	VALUE_EACH (step, from) {
		must(call->n_steps < ARRAY_LEN(steps), "steps", NULL);
		steps[call->n_steps++] = read_step(step);
	}
	call->steps = steps;
}

static void
add_result(struct value *to, const struct outbound_ssh_result *result)
{
	struct value *object = value_object(arena);

	must(value_set_int(arena, object, "status", result->exit_status) &&
			value_set_str(
				arena, object, "signal", result->signal) &&
			value_set(arena, object, "output",
				value_span(arena, result->output)) &&
			value_set(arena, object, "error",
				value_span(arena, result->error)) &&
			value_set_bool(
				arena, object, "is_cut", result->is_cut) &&
			value_add(to, object),
		"memory", NULL);
}

static int
make_call(struct outbound *outbound, const struct value *arguments,
	struct err *err)
{
	struct outbound_ssh call = {
		.host = value_find_str(arguments, "host", "127.0.0.1"),
		.port = value_find_int(arguments, "port", 0),
		.source = value_find_str(arguments, "source", ""),
		.user = value_find_str(arguments, "user", "root"),
		.policy = (enum outbound_host_key_policy)value_find_int(
			arguments, "policy", OUTBOUND_HOST_KEY_STRICT),
		.legacy_crypto =
			value_find_bool(arguments, "legacy_crypto", false),
		.deadline_ms =
			value_find_int(arguments, "deadline_ms", DEADLINE_MS),
	};
	struct value *results = value_list(arena);
	struct outbound_ssh_answer made;
	struct str_list pins;
	int rc;

	must(value_to_list(arena, value_find(arguments, "host_keys"), &pins),
		"memory", NULL);
	call.key = find_secret(arguments, "key");
	call.host_keys = pins.items;
	call.n_host_keys = pins.n;
	read_steps(value_find(arguments, "steps"), &call);
	rc = outbound_ssh(outbound, &call, arena, &made, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < made.n_results; i++)
		add_result(results, &made.results[i]);
	must(value_set_int(arena, answer, "end", made.end) &&
			value_set_str(arena, answer, "why", made.why) &&
			value_set_str(
				arena, answer, "host_key", made.host_key) &&
			value_set_str(arena, answer, "fingerprint",
				made.fingerprint) &&
			value_set_str(arena, answer, "banner", made.banner) &&
			value_set(arena, answer, "results", results),
		"memory", NULL);
	return 0;
}

static int
make_scan(struct outbound *outbound, const struct value *arguments,
	struct err *err)
{
	struct outbound_ssh_offer offer;
	struct str_list keys;
	int rc = outbound_ssh_scan(outbound,
		value_find_str(arguments, "host", "127.0.0.1"),
		value_find_int(arguments, "port", 0),
		value_find_str(arguments, "source", ""),
		value_find_int(arguments, "deadline_ms", DEADLINE_MS), arena,
		&offer, err);

	if (rc != 0)
		return rc;
	keys.items = (const char **)(uintptr_t)offer.host_keys;
	keys.n = offer.n_host_keys;
	must(value_set_str(arena, answer, "banner", offer.banner) &&
			value_set_str(arena, answer, "kex", offer.kex) &&
			value_set_str(arena, answer, "host_key_types",
				offer.host_key_types) &&
			value_set_str(
				arena, answer, "ciphers", offer.ciphers) &&
			value_set_str(arena, answer, "macs", offer.macs) &&
			value_set(arena, answer, "host_keys",
				value_of_list(arena, &keys)),
		"memory", NULL);
	return 0;
}

static int
make_request(struct outbound *outbound, const struct value *arguments,
	struct err *err)
{
	const char *json = value_find_str(arguments, "json", NULL);
	const struct outbound_request request = {
		.url = value_find_str(arguments, "url", ""),
		.method = value_find_str(arguments, "method", NULL),
		.ca_pem = value_find_str(arguments, "ca_pem", ""),
		.tls_pin = value_find_str(arguments, "tls_pin", NULL),
		.source = value_find_str(arguments, "source", NULL),
		.bearer = find_secret(arguments, "bearer"),
		.user = value_find_str(arguments, "user", NULL),
		.password = find_secret(arguments, "password"),
		.json = span_str(json),
		.answer_max = OUTBOUND_ANSWER_MAX,
		.deadline_ms =
			value_find_int(arguments, "deadline_ms", DEADLINE_MS),
	};
	struct outbound_answer made;
	int rc = outbound_https(outbound, &request, arena, &made, err);

	if (rc == 0)
		must(value_set_int(arena, answer, "status", made.status) &&
				value_set(arena, answer, "body",
					value_span(arena, made.body)),
			"memory", NULL);
	return rc;
}

static struct profile_job
read_job(const struct value *from)
{
	const char *key = value_find_str(from, "key", "");
	const char *secret = value_find_str(from, "api_secret", "");
	struct profile_job job = {
		.host = value_find_str(from, "host", "127.0.0.1"),
		.port = value_find_int(from, "port", 0),
		.source = "",
		.admin_user = value_find_str(from, "user", "root"),
		.admin_key = secret_view_of(key, strlen(key)),
		.legacy_crypto = value_find_bool(from, "legacy_crypto", false),
		.url = value_find_str(from, "url", ""),
		.ca_cert = value_find_str(from, "ca_cert", ""),
		.tls_pin = value_find_str(from, "tls_pin", ""),
		.api_user = value_find_str(from, "api_user", ""),
		.api_secret = secret_view_of(secret, strlen(secret)),
		.deadline_ms = value_find_int(from, "deadline_ms", DEADLINE_MS),
		.username = value_find_str(from, "username", ""),
		.tag = value_find_str(from, "tag", ""),
		.public_key = value_find_str(from, "public_key", ""),
		.options = value_find_str(from, "options", ""),
		.install_script = value_find_str(from, "install_script", ""),
		.accept_password_lockout =
			value_find_bool(from, "accept_password_lockout", false),
	};

	must(value_to_list(
		     arena, value_find(from, "host_keys"), &job.host_keys),
		"memory", NULL);
	return job;
}

static int
make_profile_run(struct outbound *outbound, const struct value *arguments,
	const char *name, struct err *err)
{
	static const char *const actions[PROFILE_ACTIONS] = { "install",
		"remove", "list" };
	const char *action = value_find_str(arguments, "action", "");
	const struct profile *profile = profile_find(name);
	const struct profile_job job = read_job(arguments);
	struct value *keys = value_list(arena);
	struct profile_result result = { 0 };
	size_t i = 0;
	int rc;

	while (i < PROFILE_ACTIONS && strcmp(action, actions[i]) != 0)
		i++;
	must(profile != NULL && i < PROFILE_ACTIONS, "profile, action", NULL);
	rc = profile_run(outbound, profile, (enum profile_action)i, &job, arena,
		&result, err);
	for (size_t k = 0; k < result.n_keys; k++) {
		struct value *key = value_object(arena);

		must(value_set_str(
			     arena, key, "username", result.keys[k].username) &&
				value_set_str(arena, key, "tag",
					result.keys[k].tag) &&
				value_add(keys, key),
			"memory", NULL);
	}
	must(value_set(arena, answer, "keys", keys) &&
			value_set_bool(arena, answer, "may_be_there",
				result.may_be_there),
		"memory", NULL);
	return rc;
}

static int
make(struct outbound *outbound, const struct value *arguments, struct err *err)
{
	const char *profile = value_find_str(arguments, "profile", NULL);

	if (profile != NULL)
		return make_profile_run(outbound, arguments, profile, err);
	if (value_find(arguments, "url") != NULL)
		return make_request(outbound, arguments, err);
	if (value_find(arguments, "scan") != NULL)
		return make_scan(outbound, arguments, err);
	return make_call(outbound, arguments, err);
}

static void *
halt_when_told(void *ctx)
{
	sigset_t set;
	int number;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	if (sigwait(&set, &number) == 0)
		outbound_halt(ctx);
	return NULL;
}

/* On a thread that ends with the program. */
static void
await_halt(struct outbound *outbound)
{
	pthread_t thread;
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0 &&
			pthread_create(
				&thread, NULL, halt_when_told, outbound) == 0 &&
			pthread_detach(thread) == 0,
		"a thread", NULL);
}

int
main(void)
{
	const struct value *arguments;
	static struct outbound *outbound;
	struct err err = { 0 };
	struct buf text;
	int rc;

	arena = arena_new(TEXT_MAX);
	answer = value_object(arena);
	must(outbound_new(&outbound, &err) == 0, "outbound", &err);
	await_halt(outbound);
	arguments = read_arguments();
	rc = make(outbound, arguments, &err);
	if (rc != 0)
		must(value_set_int(arena, answer, "code", rc) &&
				value_set_int(arena, answer, "http_status",
					err.status) &&
				value_set_str(
					arena, answer, "message", err.message),
			"memory", NULL);
	buf_init(&text, TEXT_MAX);
	jsonw_value(&text, answer, 0);
	printf("%s\n", buf_str(&text));
	buf_clear(&text);
	arena_free(&arena);
	arena_pool_drain();
	return 0;
}
