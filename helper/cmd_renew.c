/*
 * renew: what the timer runs. Fetches what is revoked and whom to trust,
 * renews the certificate when two thirds of its life are over, and says how
 * it went. Each part is done for itself: a certificate that cannot be renewed
 * keeps no revocation from sshd.
 */
#include <string.h>
#include <unistd.h>

#include "helper/command.h"
#include "helper/host_files.h"
#include "helper/host_update.h"
#include "lib/log.h"
#include "lib/sshkrl.h"

#define RETRY_FIRST_S 300
#define RETRY_MOST_S 3600

struct renew_options {
	struct command_options common;
	const char *key, *host;
	bool force;
};

static const struct flag renew_flags[] = {
	COMMAND_FLAGS(struct renew_options),
	FLAG_ROW_BOOL(struct renew_options, force, "force",
		"Renew the certificate whether it is due or not."),
	FLAG_ROW_TEXT(struct renew_options, key, "key",
		"Certify this new host key (a .pub file) by the old one."),
	FLAG_ROW_TEXT(struct renew_options, host, "host",
		"This host's name, where an enrolment's answer was lost."),
	FLAG_END,
};

struct run {
	struct host *host;
	const struct renew_options *options;
	uint64_t krl_version; /* of the list that sshd has */
};

/* ---- revocation list and CA keys --------------------------------------- */

/* The list in its place, or version 0 where none can be read. */
static void
look_at_krl(struct run *run)
{
	const struct host *host = run->host;
	struct span text;
	struct sshkrl krl;

	run->krl_version = host_read_file(host, host->paths.krl, HOST_KRL_MAX,
				   &text, NULL) == 0 &&
			sshkrl_parse(text, &krl) == 0
		? krl.version
		: 0;
}

static int
renew_krl(struct run *run, struct err *err)
{
	struct host *host = run->host;
	struct host_update update = { .record = host->record };
	uint64_t version = 0;
	int rc;

	look_at_krl(run);
	rc = host_calls_fetch(host, "krl", HOST_KRL_MAX,
		run->krl_version > 0 ? host->record.krl_etag : "", &update.krl,
		&update.record.krl_etag, err);
	if (rc != 0 || update.krl.data == NULL)
		return rc;
	rc = host_files_check_krl(update.krl, &version, err);
	if (rc == 0 && version < run->krl_version)
		rc = err_set(err, ERR_PEER, 502,
			"the server's revocation list is older than this host's");
	if (rc == 0)
		rc = host_update_install(host, &update, err);
	if (rc == 0)
		run->krl_version = version;
	return rc;
}

static int
renew_user_ca(struct run *run, struct err *err)
{
	struct host *host = run->host;
	struct host_update update = { .record = host->record };
	const bool is_there = access(host->paths.user_ca, R_OK) == 0;
	int rc = host_calls_fetch(host, "public_key", HOST_FILE_MAX,
		is_there ? host->record.user_ca_etag : "", &update.user_ca,
		&update.record.user_ca_etag, err);

	if (rc != 0 || update.user_ca.data == NULL)
		return rc;
	rc = host_files_check_keys(update.user_ca, host->arena, err);
	return rc != 0 ? rc : host_update_install(host, &update, err);
}

/* ---- the certificate --------------------------------------------------- */

static bool
is_due(const struct run *run)
{
	const struct host_record *record = &run->host->record;
	const char *cert = host_cert_path(run->host);
	const int64_t now_s = run->host->now_s;

	if (run->options->force || run->options->key != NULL)
		return true;
	/* Farther off than any wait: the clock has been put back. */
	if (now_s < record->retry_at_s &&
		record->retry_at_s - now_s <= RETRY_MOST_S)
		return false;
	return now_s >= record->renew_at_s || record->next_key[0] != '\0' ||
		cert == NULL || access(cert, R_OK) != 0 ||
		access(run->host->paths.secret, R_OK) != 0;
}

/*
 * By the key that has the current certificate; where the server has heard of
 * the new one although its answer was lost, by that.
 */
static int
ask_for_cert(struct run *run, const char *path, struct host_issue *ret_issue,
	struct err *err)
{
	struct host *host = run->host;
	struct sshkeypair *now = NULL, *next = NULL;
	const bool same = strcmp(path, host->record.key) == 0;
	int rc = host_calls_load_key(path, &next, err);

	if (rc == 0 && !same)
		rc = host_calls_load_key(host->record.key, &now, err);
	if (rc == 0)
		rc = host_calls_renew(host, same ? next : now,
			sshkeypair_public(next), ret_issue, err);
	if (rc == ERR_PEER && err->status == 400 && !same) {
		err_clear(err);
		rc = host_calls_renew(
			host, next, sshkeypair_public(next), ret_issue, err);
	}
	sshkeypair_free(&now);
	sshkeypair_free(&next);
	return rc;
}

/* Longer each time: each try is one more certificate that is live. */
static void
put_off(struct host_record *record, int64_t now_s)
{
	int64_t wait_s = RETRY_FIRST_S;

	for (int64_t n = record->retry_count; n > 0 && wait_s < RETRY_MOST_S;
		n--)
		wait_s *= 2;
	record->retry_at_s =
		now_s + (wait_s < RETRY_MOST_S ? wait_s : RETRY_MOST_S);
}

/*
 * The key to certify. Another one than the present is noted before the server
 * hears of it: where its answer is lost, it may know that one alone.
 */
static int
choose_key(struct run *run, const char **ret_path, struct err *err)
{
	struct host_record *record = &run->host->record;
	const char *path =
		record->next_key[0] != '\0' ? record->next_key : record->key;

	if (run->options->key != NULL)
		path = host_key_path(run->host, run->options->key);
	if (path == NULL)
		return err_set_memory(err);
	*ret_path = path;
	if (strcmp(path, record->key) == 0)
		return 0;
	record->next_key = path;
	return host_save(run->host, err);
}

static int
renew_cert(struct run *run, struct err *err)
{
	struct host *host = run->host;
	struct host_issue issue;
	struct host_update update = { .issue = &issue };
	const char *path = NULL;
	int rc;

	if (!is_due(run))
		return 0;
	rc = choose_key(run, &path, err);
	if (rc == 0)
		rc = ask_for_cert(run, path, &issue, err);
	if (rc != 0)
		return rc;
	if (issue.user_ca.len > 0)
		update.user_ca = issue.user_ca;
	update.record = host->record;
	update.record.key = path;
	update.record.next_key = "";
	update.record.renew_at_s = issue.renew_at_s;
	update.record.retry_at_s = 0;
	rc = host_update_install(host, &update, err);
	if (rc == 0)
		log_info("the certificate is renewed");
	else
		put_off(&host->record, host->now_s);
	return rc;
}

/* ---- one run ----------------------------------------------------------- */

/*
 * A server that was put back from a backup may know another secret: the key
 * gets a new one.
 */
static int
report(struct run *run, struct err *err)
{
	struct host_record *record = &run->host->record;
	int rc = host_calls_report(run->host, run->krl_version, err);

	if (rc == ERR_PEER && err->status == 400 && record->renew_at_s > 0) {
		record->renew_at_s = 0;
		put_off(record, run->host->now_s);
	}
	return rc;
}

/* In this order; none waits for another's success. */
static const struct step {
	const char *what;
	int (*run)(struct run *run, struct err *err);
} steps[] = {
	{ "revocation list", renew_krl },
	{ "CA keys", renew_user_ca },
	{ "certificate", renew_cert },
};

/* The first failure is what is told; the others are in the log. */
static void
take(struct err *first, const struct err *err, const char *what)
{
	if (err->code == 0)
		return;
	if (first->code == 0)
		(void)err_set(first, err->code, err->status, "%s: %s", what,
			err->message);
	else
		log_error(what, LOG_ERR(err));
}

/* The server hears of it before it is kept: what it says counts, too. */
static int
run_steps(struct run *run, struct err *err)
{
	struct host *host = run->host;
	const struct host_record before = host->record;
	struct err one = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		err_clear(&one);
		(void)steps[i].run(run, &one);
		take(err, &one, steps[i].what);
	}
	host_record_result(host, err);
	err_clear(&one);
	if (report(run, &one) != 0) {
		take(err, &one, "report");
		host->record.retry_count = before.retry_count;
		host->record.last_success_s = before.last_success_s;
		host_record_result(host, err);
	}
	(void)host_save(host, err);
	return err->code;
}

static int
run_renew(struct host *host, const void *ctx, struct err *err)
{
	struct run run = { .host = host, .options = ctx };
	int rc;

	if (geteuid() != 0)
		return err_set(err, ERR_INPUT, 400, "only root can renew");
	rc = host_update_begin(host, err);
	if (rc != 0)
		return rc;
	if (run.options->host != NULL)
		host->record.host = run.options->host;
	if (host->record.host[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"this host is not enrolled: run sallyport-helper enrol");
	if (host->record.key[0] == '\0')
		host->record.key = host_key_path(host, NULL);
	return host->record.key == NULL ? err_set_memory(err)
					: run_steps(&run, err);
}

const struct command cmd_renew = {
	.name = "renew",
	.summary = "Fetch what is revoked; renew what is due.",
	.flags = renew_flags,
	.run = run_renew,
};
