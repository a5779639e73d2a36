/*
 * ssh, and not code of ours, says whether the certificate is good: what it
 * refuses is what people would see.
 */
#include "helper/sshd_login.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "helper/program.h"
#include "lib/codec.h"
#include "lib/fsutil.h"
#include "lib/sshcert.h"

#define LOGIN_MS 30000
#define OUTPUT_MAX (16 * 1024)

/* What ssh ends with where it got as far as it can. */
#define DENIED "Permission denied ("

/* "@cert-authority * type base64" of the CA that signed cert. */
static int
write_known_hosts(const char *path, const struct sshcert *cert, struct err *err)
{
	struct sshkey ca;
	struct buf line;
	int rc;

	if (sshkey_parse(cert->ca, &ca) != 0)
		return err_set(err, ERR_INPUT, 400,
			"the certificate's CA is of no known type");
	buf_init(&line, 2 * SSHCERT_BLOB_MAX);
	(void)buf_addf(
		&line, "@cert-authority * %s ", sshkey_kind_name(ca.kind));
	(void)base64_encode(cert->ca, &line);
	(void)buf_addf(&line, "\n");
	rc = buf_check(&line, err);
	if (rc == 0)
		rc = file_write_atomic(path, buf_span(&line), 0600, err);
	buf_clear(&line);
	return rc;
}

/* Any of the names that the certificate is for; NULL: no memory. */
static const char *
name_of(const struct sshcert *cert, struct arena *arena)
{
	struct span rest = cert->principals, name;

	if (!sshcert_next_principal(&rest, &name))
		return "localhost";
	return arena_strndup(arena, name.data, name.len);
}

static int
run_ssh(const char *const *words, struct err *err)
{
	struct buf out;
	int status = 0;
	int rc;

	buf_init(&out, OUTPUT_MAX);
	rc = program_run(words, LOGIN_MS, &out, &status, err);
	if (rc == 0 && strstr(buf_str(&out), DENIED) == NULL)
		rc = program_complain(err,
			"no login can be begun with the new certificate", &out);
	buf_clear(&out);
	return rc;
}

int
sshd_try_login(const struct sshd_view *view, struct span cert,
	const char *known_hosts, struct arena *arena, struct err *err)
{
	const char *host = NULL, *port = NULL, *file, *alias;
	struct sshcert parsed;
	int rc;

	if (sshcert_parse(cert, &parsed) != 0)
		return err_set(err, ERR_INPUT, 400, "no certificate");
	rc = sshd_address(view, arena, &host, &port, err);
	if (rc != 0)
		return rc;
	file = arena_printf(arena, "UserKnownHostsFile=%s", known_hosts);
	alias = name_of(&parsed, arena);
	if (alias != NULL)
		alias = arena_printf(arena, "HostKeyAlias=%s", alias);
	if (file == NULL || alias == NULL)
		return err_set_memory(err);
	rc = write_known_hosts(known_hosts, &parsed, err);
	if (rc == 0) {
		const char *const words[] = { "ssh", "-F", "/dev/null", "-n",
			"-T", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR",
			"-o", "ConnectTimeout=10", "-o",
			"PreferredAuthentications=none", "-o",
			"StrictHostKeyChecking=yes", "-o",
			"GlobalKnownHostsFile=/dev/null", "-o", file, "-o",
			alias, "-l", "root", "-p", port, "--", host, "true",
			NULL };

		rc = run_ssh(words, err);
		(void)unlink(known_hosts);
	}
	return rc;
}
