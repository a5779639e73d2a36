/*
 * principals: sshd's AuthorizedPrincipalsCommand. Prints the principals of
 * which a certificate must have one to log in as this user, a line each, as
 * the server says. While it cannot be asked, its last answer about the very
 * same login counts, for as long as it said then.
 */
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "helper/command.h"
#include "helper/login_cache.h"
#include "helper/request.h"
#include "lib/number.h"
#include "lib/sshcert.h"

#define TOTAL_MS 3000
#define GUARD_S 6 /* beyond that nobody waits for us */
#define VALID_MOST_S (7 * 86400)
#define PRINCIPALS_MAX 256
#define SHOWN_MAX 256

struct login_options {
	struct command_options common;
	const char *user, *serial, *key_id, *fingerprint, *ca_fingerprint;
};

static const struct flag login_flags[] = {
	COMMAND_FLAGS(struct login_options),
	FLAG_ROW_TEXT(struct login_options, user, "user",
		"The account that is logged in to: %u."),
	FLAG_ROW_TEXT(struct login_options, serial, "serial",
		"The certificate's serial number: %s."),
	FLAG_ROW_TEXT(struct login_options, key_id, "key-id",
		"The certificate's key id: %i."),
	FLAG_ROW_TEXT(struct login_options, fingerprint, "fingerprint",
		"Fingerprint of its key: %f."),
	FLAG_ROW_TEXT(struct login_options, ca_fingerprint, "ca-fingerprint",
		"Fingerprint of its CA's key: %F."),
	FLAG_END,
};

enum said {
	SAID_NOTHING, /* no answer: what is kept may count */
	SAID_NO,
	SAID_YES
};

/* What is to be said to sshd, and why, to the log. */
struct decision {
	enum said said;
	struct str_list principals;
	int64_t valid_for_s;
	const char *why;
};

/* ---- the log ----------------------------------------------------------- */

/* sshd's user may have sent anything: printable ASCII, and not much of it. */
static void
make_plain(const char *text, char out[SHOWN_MAX])
{
	size_t n = 0;

	for (; *text != '\0' && n < SHOWN_MAX - 1; text++)
		out[n++] = *text >= ' ' && *text <= '~' && *text != '"' ? *text
									: '?';
	out[n] = '\0';
}

static void
tell(const struct login_options *options, const struct decision *decision)
{
	char user[SHOWN_MAX], serial[SHOWN_MAX], key_id[SHOWN_MAX],
		why[SHOWN_MAX];
	const bool yes = decision->said == SAID_YES;

	make_plain(options->user, user);
	make_plain(options->serial, serial);
	make_plain(options->key_id, key_id);
	make_plain(decision->why, why);
	openlog("sallyport-helper", LOG_PID, LOG_AUTHPRIV);
	syslog(yes ? LOG_INFO : LOG_NOTICE,
		"principals: user \"%s\" serial %s key id \"%s\": %s (%s)",
		user, serial, key_id, yes ? "yes" : "no", why);
	closelog();
}

/* ---- the server's answer ----------------------------------------------- */

static int
ask(const struct host *host, const struct login_options *options,
	const char *secret, struct apiclient_answer *ret_answer,
	struct err *err)
{
	struct arena *arena = host->arena;
	struct value *body = value_object(arena);
	const char *name = apiclient_escape_path(arena, host->record.host);
	const struct request request = { .method = "POST",
		.path = name == NULL
			? NULL
			: arena_printf(arena, "principals/%s", name),
		.body = body,
		.total_ms = TOTAL_MS };
	uint64_t serial = 0;
	char hex[17];

	/* sshd has it in decimal, the server in hex. */
	if (number_parse_u64(span_str(options->serial), UINT64_MAX, &serial) !=
		0)
		return err_set(err, ERR_INPUT, 400, "-serial is no number");
	(void)snprintf(hex, sizeof(hex), "%llx", (unsigned long long)serial);
	if (request.path == NULL ||
		!value_set_str(arena, body, "host_secret", secret) ||
		!value_set_str(arena, body, "username", options->user) ||
		!value_set_str(arena, body, "serial_number", hex) ||
		!value_set_str(arena, body, "key_id", options->key_id) ||
		!value_set_str(
			arena, body, "fingerprint", options->fingerprint) ||
		!value_set_str(
			arena, body, "ca_fingerprint", options->ca_fingerprint))
		return err_set_memory(err);
	return request_send(host->settings, &request, arena, ret_answer, err);
}

/* sshd takes a line of it for one principal and no more: '#' is a comment. */
static bool
is_principal(struct span name)
{
	return name.len > 0 && name.len <= HOST_NAME_LEN_MAX &&
		name.data[0] != '#' && sshcert_is_principal(SSHCERT_USER, name);
}

/* One bad name makes the whole answer bad. */
static bool
are_principals(const struct value *list)
{
	if (list == NULL || list->type != VALUE_LIST ||
		list->n > PRINCIPALS_MAX)
		return false;
	VALUE_EACH (item, list) {
		if (item->type != VALUE_STRING ||
			!is_principal(value_text(item)))
			return false;
	}
	return true;
}

/* The list of a 200, or no. */
static void
read_list(const struct host *host, const struct apiclient_answer *answer,
	struct decision *decision)
{
	const struct value *data = value_find(answer->json, "data");
	const struct value *list = value_find(data, "principals");
	const int64_t valid_for_s = value_find_int(data, "valid_for", 0);

	decision->said = SAID_NO;
	decision->why = "the server's answer cannot be read";
	if (!are_principals(list) || valid_for_s < 0 ||
		!value_to_list(host->arena, list, &decision->principals))
		return;
	decision->why = "the server says so";
	if (decision->principals.n == 0)
		return;
	decision->said = SAID_YES;
	decision->valid_for_s =
		valid_for_s < VALID_MOST_S ? valid_for_s : VALID_MOST_S;
}

/* Answers of its own failing count as none, all others as its word. */
static void
judge(const struct host *host, const struct login_options *options,
	struct decision *decision, struct err *err)
{
	struct apiclient_answer answer = { .status = 0 };
	const char *secret = NULL;
	int rc = host_read_secret(host, &secret, err);

	if (rc == 0)
		rc = ask(host, options, secret, &answer, err);
	decision->why = err->message;
	if (rc != 0) {
		decision->said = rc == ERR_PEER || rc == ERR_TIMEOUT
			? SAID_NOTHING
			: SAID_NO;
		return;
	}
	if (answer.status == 200) {
		read_list(host, &answer, decision);
		return;
	}
	(void)request_fail(&answer, err);
	decision->said = answer.status >= 500 || answer.status == 429
		? SAID_NOTHING
		: SAID_NO;
}

/* ---- with what was kept ------------------------------------------------ */

static void
decide(const struct host *host, const struct login_options *options,
	struct decision *decision, struct err *err)
{
	const char *const words[] = { host->record.host, options->user,
		options->serial, options->key_id, options->fingerprint,
		options->ca_fingerprint };
	char key[LOGIN_CACHE_KEY_MAX];

	decision->why = err->message;
	if (login_cache_key(words, ARRAY_LEN(words), key, err) != 0)
		return;
	judge(host, options, decision, err);
	if (decision->said == SAID_YES)
		login_cache_put(host->paths.cache, key, &decision->principals,
			host->now_s, decision->valid_for_s);
	else if (decision->said == SAID_NO)
		login_cache_drop(host->paths.cache, key);
	else if (login_cache_find(host->paths.cache, key, host->now_s,
			 host->arena, &decision->principals) == 0) {
		decision->said = SAID_YES;
		decision->why = arena_printf(
			host->arena, "as it said before: %s", err->message);
		if (decision->why == NULL)
			decision->why = "as it said before";
	}
}

/* What was kept is looked at, too. */
static int
print_list(const struct str_list *principals, struct err *err)
{
	for (size_t i = 0; i < principals->n; i++) {
		if (!is_principal(span_str(principals->items[i])))
			return err_set(err, ERR_INPUT, 500,
				"a principal that is none");
	}
	for (size_t i = 0; i < principals->n; i++)
		printf("%s\n", principals->items[i]);
	return fflush(stdout) == 0 ? 0 : err_set_errno(err, "stdout");
}

static int
run_principals(struct host *host, const void *ctx, struct err *err)
{
	const struct login_options *options = ctx;
	struct decision decision = { .said = SAID_NO };

	if (options->user == NULL || options->serial == NULL ||
		options->key_id == NULL || options->fingerprint == NULL ||
		options->ca_fingerprint == NULL)
		return err_set(err, ERR_INPUT, 400,
			"-user, -serial, -key-id, -fingerprint and -ca-fingerprint are needed");
	if (host->record.host[0] == '\0')
		return err_set(
			err, ERR_INPUT, 400, "this host is not enrolled");
	(void)alarm(GUARD_S);
	decide(host, options, &decision, err);
	tell(options, &decision);
	if (decision.said != SAID_YES)
		return err->code;
	err_clear(err);
	return print_list(&decision.principals, err);
}

const struct command cmd_principals = {
	.name = "principals",
	.summary = "Say to sshd who may log in as whom.",
	.flags = login_flags,
	.run = run_principals,
};
