/*
 * enrol: a one-time token for a host certificate, and everything that sshd
 * needs to show it, to trust user certificates and to know revoked ones.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/command.h"
#include "helper/host_files.h"
#include "helper/host_update.h"
#include "helper/sshd.h"
#include "lib/fsutil.h"
#include "lib/log.h"

#define TOKEN_MAX 256

struct enrol_options {
	struct command_options common;
	const char *token_file, *key, *host;
	bool principals;
};

static const struct flag enrol_flags[] = {
	COMMAND_FLAGS(struct enrol_options),
	FLAG_ROW_TEXT(struct enrol_options, token_file, "token-file",
		"File with the enrolment token; - is standard input."),
	FLAG_ROW_TEXT(struct enrol_options, key, "key",
		"Host key; /etc/ssh/ssh_host_ed25519_key.pub."),
	FLAG_ROW_TEXT(struct enrol_options, host, "host",
		"Refuse a token that is for another name."),
	FLAG_ROW_BOOL(struct enrol_options, principals, "principals",
		"Let sshd ask the server at each login."),
	FLAG_END,
};

/* The token, in the host's arena, which is wiped. */
static int
read_token(const struct host *host, const char *path, const char **ret_token,
	struct err *err)
{
	struct buf text;
	int rc;

	if (path == NULL || path[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"the enrolment token is read from a file: say -token-file=FILE, or - for standard input");
	buf_init(&text, TOKEN_MAX);
	rc = strcmp(path, "-") == 0 ? fd_read_all(STDIN_FILENO, &text, err)
				    : file_read(path, &text, err);
	while (text.len > 0 && strchr(" \r\n", text.data[text.len - 1]) != NULL)
		text.len--;
	if (rc == 0 && text.len == 0)
		rc = err_set(err, ERR_INPUT, 400, "no token in %s", path);
	if (rc == 0) {
		*ret_token = arena_strndup(host->arena, text.data, text.len);
		rc = *ret_token != NULL ? 0 : err_set_memory(err);
	}
	buf_clear(&text);
	return rc;
}

/* What would fail later fails while the token is still good. */
static int
check_before(const struct host *host, struct err *err)
{
	struct stat st;

	if (geteuid() != 0)
		return err_set(err, ERR_INPUT, 400, "only root can enrol");
	if (stat(host->paths.conf_dir, &st) != 0 || !S_ISDIR(st.st_mode))
		return err_set(err, ERR_INPUT, 400,
			"%s is no directory: make it, and let %s begin with \"Include %s/*.conf\"",
			host->paths.conf_dir, host->settings->sshd_config,
			host->paths.conf_dir);
	return sshd_check(host->settings, err);
}

/*
 * The server has said yes, this host's sshd has not: what "renew" needs to go
 * on, with no other token.
 */
static void
remember_failure(struct host *host, const struct err *why)
{
	struct err err = { 0 };

	host_record_result(host, why);
	if (host_save(host, &err) != 0)
		log_error("the record cannot be written", LOG_ERR(&err));
	else
		log_warn(
			"the server knows this host now: mend sshd and run renew");
}

static int
install(struct host *host, const struct host_issue *issue, struct span krl,
	const char *krl_etag, struct err *err)
{
	struct host_update update = {
		.issue = issue, .user_ca = issue->user_ca, .krl = krl
	};
	const struct err none = { .code = 0 };
	struct host next = *host;
	int rc;

	host_record_result(&next, &none);
	update.record = next.record;
	update.record.renew_at_s = issue->renew_at_s;
	update.record.krl_etag = krl_etag;
	rc = host_update_install(host, &update, err);
	if (rc != 0)
		remember_failure(host, err);
	return rc;
}

static int
check_name(const struct enrol_options *options, const struct host_issue *issue,
	struct err *err)
{
	return options->host == NULL || strcmp(options->host, issue->host) == 0
		? 0
		: err_set(err, ERR_INPUT, 400,
			  "the token is for %s, not for %s: nothing was changed",
			  issue->host, options->host);
}

static int
enrol_key(struct host *host, const struct enrol_options *options,
	const struct sshkeypair *pair, const char *token, struct err *err)
{
	struct host_issue issue;
	struct span krl = SPAN_NONE;
	const char *krl_etag = "";
	struct err why = { 0 };
	uint64_t version = 0;
	int rc = host_calls_fetch(
		host, "krl", HOST_KRL_MAX, "", &krl, &krl_etag, err);

	if (rc == 0)
		rc = host_files_check_krl(krl, &version, err);
	if (rc == 0)
		rc = host_calls_enrol(
			host, token, sshkeypair_public(pair), &issue, err);
	if (rc == 0)
		rc = check_name(options, &issue, err);
	if (rc != 0)
		return rc;
	host->record.host = issue.host;
	rc = install(host, &issue, krl, krl_etag, err);
	if (rc != 0)
		return rc;
	printf("%s is enrolled: sshd shows %s-cert.pub\n", host->record.host,
		host->record.key);
	if (host_calls_report(host, version, &why) != 0)
		log_warn("the server was not told", LOG_ERR(&why));
	return 0;
}

static int
run_enrol(struct host *host, const void *ctx, struct err *err)
{
	const struct enrol_options *options = ctx;
	struct sshkeypair *pair = NULL;
	const char *token = NULL;
	int rc = read_token(host, options->token_file, &token, err);

	if (rc == 0)
		rc = check_before(host, err);
	if (rc == 0)
		rc = host_update_begin(host, err);
	if (rc != 0)
		return rc;
	host->record = (struct host_record){ .host = "",
		.key = host_key_path(host, options->key),
		.next_key = "",
		.principals = options->principals,
		.krl_etag = "",
		.user_ca_etag = "",
		.last_error = "" };
	if (host->record.key == NULL)
		return err_set_memory(err);
	rc = host_calls_load_key(host->record.key, &pair, err);
	if (rc == 0)
		rc = enrol_key(host, options, pair, token, err);
	sshkeypair_free(&pair);
	return rc;
}

const struct command cmd_enrol = {
	.name = "enrol",
	.summary = "Get a host certificate with a one-time token.",
	.flags = enrol_flags,
	.run = run_enrol,
};
