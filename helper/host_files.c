/* Certificate, keys, revocation list and configuration of an enrolled host. */
#include "helper/host_files.h"

#include <string.h>

#include "helper/user.h"
#include "lib/sshcert.h"
#include "lib/sshkrl.h"

#define KEYS_MAX 64

static int
bad_cert(struct err *err, const char *why)
{
	return err_set(err, ERR_PEER, 502, "the server's certificate %s", why);
}

int
host_files_check_cert(struct span line, struct span key, int64_t now_s,
	struct arena *arena, struct span *ret_blob, struct err *err)
{
	struct span blob = SPAN_NONE;
	struct sshcert cert;

	if (sshkey_parse_line(line, arena, &blob) != 0 ||
		sshcert_parse(blob, &cert) != 0)
		return bad_cert(err, "cannot be read");
	if (cert.type != SSHCERT_HOST)
		return bad_cert(err, "is none of a host");
	if (!sshcert_is_of(&cert, key))
		return bad_cert(err, "is for another key");
	if (cert.principals.len == 0 || cert.critical.len > 0)
		return bad_cert(err, "names no host, or has options");
	if ((uint64_t)now_s < cert.after_s || (uint64_t)now_s >= cert.before_s)
		return bad_cert(err,
			"is not in force now: compare this host's clock with the server's");
	if (sshcert_verify(&cert) != 0)
		return bad_cert(err, "is not signed by its CA");
	*ret_blob = blob;
	return 0;
}

int
host_files_check_keys(struct span text, struct arena *arena, struct err *err)
{
	size_t n = 0;

	while (text.len > 0 && n < KEYS_MAX) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		struct span line = span_of(text.data,
			end != NULL ? (size_t)(end - text.data) : text.len);
		struct sshkey key;
		struct span blob;

		if (sshkey_parse_line(line, arena, &blob) != 0 ||
			sshkey_parse(blob, &key) != 0)
			break;
		text = span_skip(text, line.len + (end != NULL));
		n++;
	}
	return n > 0 && text.len == 0
		? 0
		: err_set(err, ERR_PEER, 502,
			  "the server's CA keys cannot be read");
}

int
host_files_check_krl(struct span bytes, uint64_t *ret_version, struct err *err)
{
	struct sshkrl krl;

	if (sshkrl_parse(bytes, &krl) != 0)
		return err_set(err, ERR_PEER, 502,
			"the server's revocation list cannot be read");
	*ret_version = krl.version;
	return 0;
}

int
host_files_write_conf(
	const struct host *host, const char *program, struct buf *out)
{
	const char *cert = host_cert_path(host);

	if (cert == NULL)
		return ERR_MEMORY;
	(void)buf_addf(out,
		"# Written by sallyport-helper, which writes it again.\n"
		"HostCertificate %s\n"
		"TrustedUserCAKeys %s\n"
		"RevokedKeys %s\n",
		cert, host->paths.user_ca, host->paths.krl);
	if (host->record.principals)
		(void)buf_addf(out,
			"AuthorizedPrincipalsCommand %s principals%s -config=%s "
			"-user=%%u -serial=%%s -key-id=%%i -fingerprint=%%f "
			"-ca-fingerprint=%%F\n"
			"AuthorizedPrincipalsCommandUser %s\n",
			program, host->dev ? " -dev" : "", host->paths.config,
			HELPER_USER);
	return buf_check(out, NULL);
}
