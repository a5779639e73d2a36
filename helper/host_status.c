/* From the record, the certificate and the list to one object. */
#include "helper/host_status.h"

#include <stdio.h>
#include <string.h>

#include "helper/host_files.h"
#include "lib/clock.h"
#include "lib/sshcert.h"

/* So many runs may be missed before it is a fault: a host may be suspended. */
#define MISSED_RUNS 3

/* The certificate in its place; its spans lie in the host's arena. */
static int
read_cert(const struct host *host, struct sshcert *ret_cert, struct err *err)
{
	const char *path = host_cert_path(host);
	struct span line, blob;
	int rc;

	if (path == NULL)
		return err_set_memory(err);
	rc = host_read_file(host, path, HOST_FILE_MAX, &line, err);
	if (rc != 0)
		return rc;
	if (sshkey_parse_line(line, host->arena, &blob) != 0 ||
		sshcert_parse(blob, ret_cert) != 0)
		return err_set(
			err, ERR_INPUT, 400, "%s is no certificate", path);
	return 0;
}

/* The version of the revocation list in its place; false: none is good. */
static bool
read_krl_version(const struct host *host, uint64_t *ret_version)
{
	struct span bytes;

	return host_read_file(host, host->paths.krl, HOST_KRL_MAX, &bytes,
		       NULL) == 0 &&
		host_files_check_krl(bytes, ret_version, NULL) == 0;
}

/* The first thing that is wrong, or "good". */
static const char *
find_state(const struct host *host, const struct sshcert *cert, bool has_krl)
{
	const struct host_record *record = &host->record;

	if (record->host[0] == '\0')
		return "not enrolled";
	if (cert == NULL)
		return "no certificate";
	if ((uint64_t)host->now_s >= cert->before_s)
		return "the certificate has ended";
	if (!has_krl)
		return "no revocation list";
	if (record->last_error[0] != '\0')
		return "the last run failed";
	if (host->now_s - record->last_run_s > MISSED_RUNS * HOST_RUN_EVERY_S)
		return "no run for a while: is sallyport-helper-renew.timer active?";
	return "good";
}

static bool
set_time(const struct host *host, struct value *object, const char *key,
	int64_t s)
{
	char text[CLOCK_TEXT_MAX] = "";

	if (s > 0)
		clock_format_s(s, text);
	return value_set_str(host->arena, object, key, text);
}

static bool
set_serial(const struct host *host, struct value *object,
	const struct sshcert *cert)
{
	char text[17] = "";

	if (cert != NULL)
		(void)snprintf(text, sizeof(text), "%llx",
			(unsigned long long)cert->serial);
	return value_set_str(host->arena, object, "serial_number", text);
}

static bool
fill(const struct host *host, const struct sshcert *cert, uint64_t krl_version,
	const char *state, struct value *object)
{
	const struct host_record *record = &host->record;
	struct arena *arena = host->arena;
	const char *path = record->key[0] != '\0' ? host_cert_path(host) : "";
	const int64_t next_s = record->last_run_s > 0
		? record->last_run_s + HOST_RUN_EVERY_S
		: 0;

	return path != NULL &&
		value_set_str(arena, object, "host", record->host) &&
		value_set_str(arena, object, "certificate", path) &&
		set_serial(host, object, cert) &&
		set_time(host, object, "valid_before",
			cert != NULL ? (int64_t)cert->before_s : 0) &&
		set_time(host, object, "renew_at", record->renew_at_s) &&
		value_set_int(
			arena, object, "krl_version", (int64_t)krl_version) &&
		set_time(host, object, "last_run", record->last_run_s) &&
		set_time(
			host, object, "last_success", record->last_success_s) &&
		value_set_str(
			arena, object, "last_error", record->last_error) &&
		value_set_int(
			arena, object, "retry_count", record->retry_count) &&
		set_time(host, object, "next_run", next_s) &&
		value_set_str(arena, object, "state", state);
}

int
host_status_describe(const struct host *host, struct value **ret_object,
	bool *ret_good, struct err *err)
{
	struct value *object = value_object(host->arena);
	struct sshcert cert;
	const bool has_cert = host->record.key[0] != '\0' &&
		read_cert(host, &cert, NULL) == 0;
	uint64_t krl_version = 0;
	const bool has_krl = read_krl_version(host, &krl_version);
	const struct sshcert *found = has_cert ? &cert : NULL;
	const char *state = find_state(host, found, has_krl);

	if (object == NULL || !fill(host, found, krl_version, state, object))
		return err_set_memory(err);
	*ret_object = object;
	*ret_good = strcmp(state, "good") == 0;
	return 0;
}

/* A label is the member's name, with blanks. */
static void
print_label(const char *key, struct buf *out)
{
	for (const char *at = key; *at != '\0'; at++)
		(void)buf_add_char(out, *at == '_' ? ' ' : *at);
	(void)buf_addf(out, ":%*s", (int)(15 - strlen(key)), "");
}

void
host_status_print(const struct value *object, struct buf *out)
{
	VALUE_EACH (member, object) {
		print_label(member->key, out);
		if (member->type == VALUE_INT)
			(void)buf_add_int(out, member->integer);
		else if (member->len == 0)
			(void)buf_add_char(out, '-');
		else
			(void)buf_add(out, member->str, member->len);
		(void)buf_add_char(out, '\n');
	}
}
