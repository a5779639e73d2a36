/* Rows, schemes and lists of the helper's configuration. */
#include "helper/helper_settings.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/codec.h"
#include "lib/fsutil.h"
#include "lib/hcl.h"
#include "lib/netaddr.h"

#define FILE_MAX (64 * 1024)
#define LIST_MAX 8192
#define PATH_LEN_MAX 1024
#define PIN_LEN 32

#define ROW_STR(member, most, text, ...)                                       \
	SETTING_ROW_STR(struct helper_settings, member, .max = (most),         \
		.help = text, __VA_ARGS__)

const struct setting helper_settings_rows[] = {
	ROW_STR(vault_addr, 2048,
		"Address of the server; several with commas are tried in turn.",
		.initial = ""),
	ROW_STR(sallyport_addr, 2048, "Another name of vault_addr.",
		.initial = ""),
	ROW_STR(ssh_mount_point, 256, "Path of the ssh engine.",
		.initial = "ssh"),
	ROW_STR(namespace, 256, "Sent as X-Vault-Namespace.", .initial = ""),
	ROW_STR(ca_cert, 4096, "PEM file of authorities.", .initial = ""),
	ROW_STR(ca_path, 4096, "Directory of PEM files.", .initial = ""),
	SETTING_ROW_BOOL(struct helper_settings, tls_skip_verify,
		.help = "Accept any certificate; warned of at each use."),
	ROW_STR(tls_server_name, 255, "Name to expect in the certificate.",
		.initial = ""),
	ROW_STR(server_spki_sha256, 64,
		"Pin: base64 of SHA-256 of the server's public key.",
		.initial = ""),
	ROW_STR(client_cert, 4096, "PEM file of our own certificate.",
		.initial = ""),
	ROW_STR(client_key, 4096, "PEM file of its key.", .initial = ""),
	ROW_STR(allowed_roles, LIST_MAX,
		"Roles with commas, or \"*\"; empty refuses every login.",
		.initial = ""),
	ROW_STR(allowed_cidr_list, LIST_MAX,
		"Blocks of addresses that no interface has.", .initial = ""),
	SETTING_ROW_INT(struct helper_settings, timeout_seconds, .min = 1,
		.max = 100, .initial = "10", .help = "For everything."),
	ROW_STR(host_name, 255, "Name of this host, for the audit log.",
		.initial = ""),
	SETTING_ROW_BOOL(struct helper_settings, allow_loopback,
		.help = "Accept addresses that every host has; for tests."),
	ROW_STR(ssh_directory, PATH_LEN_MAX, "Where sshd's files lie.",
		.initial = "/etc/ssh"),
	ROW_STR(state_directory, PATH_LEN_MAX, "What an enrolled host keeps.",
		.initial = LOCALSTATEDIR "/lib/sallyport-helper"),
	ROW_STR(host_secret_file, PATH_LEN_MAX,
		"By what the server knows an enrolled host.",
		.initial = SYSCONFDIR "/sallyport/host.secret"),
	ROW_STR(sshd_program, PATH_LEN_MAX, "The daemon.",
		.initial = "/usr/sbin/sshd"),
	ROW_STR(sshd_config, PATH_LEN_MAX, "Its configuration.",
		.initial = "/etc/ssh/sshd_config"),
	ROW_STR(sshd_pid_file, PATH_LEN_MAX,
		"Reload the process in this file, not systemd's unit.",
		.initial = ""),
	ROW_STR(pam_file, PATH_LEN_MAX, "PAM's lines for sshd.",
		.initial = "/etc/pam.d/sshd"),
	SETTING_END,
};

/* ssh_helper: prefix as the peer prints it. */
static int
unknown_key(void *ctx, const struct value *member, const char *nearest,
	struct err *err)
{
	(void)ctx;
	if (nearest != NULL)
		return err_set(err, ERR_INPUT, 400,
			"ssh_helper: invalid key \"%.64s\" on line %d; did you mean \"%s\"?",
			member->key, member->line, nearest);
	return err_set(err, ERR_INPUT, 400,
		"ssh_helper: invalid key \"%.64s\" on line %d", member->key,
		member->line);
}

static int
check_cidrs(const char *list, struct err *err)
{
	struct span piece;
	struct cidr cidr;
	size_t pos = 0;

	while (comma_next(list, &pos, &piece)) {
		if (cidr_parse(piece, &cidr) != 0)
			return err_set(err, ERR_INPUT, 400,
				"invalid CIDR address: %.*s",
				(int)(piece.len > 64 ? 64 : piece.len),
				(const char *)piece.data);
	}
	return 0;
}

/* A pin that matches no key would be found out at the next login only. */
static int
check_pin(const char *pin, struct err *err)
{
	struct buf hash;
	bool good;

	if (pin[0] == '\0')
		return 0;
	buf_init(&hash, PIN_LEN);
	good = base64_decode(span_str(pin), &hash) == 0 && hash.len == PIN_LEN;
	buf_clear(&hash);
	return good
		? 0
		: err_set(err, ERR_INPUT, 400,
			  "server_spki_sha256 must be the base64 form of a SHA-256 hash");
}

static bool
has_scheme(struct span address, const char *scheme)
{
	const size_t len = strlen(scheme);

	return address.len > len &&
		strncasecmp((const char *)address.data, scheme, len) == 0;
}

static int
check_scheme(struct span address, bool dev, struct err *err)
{
	if (dev && has_scheme(address, "https://"))
		return err_set(err, ERR_INPUT, 400,
			"unsupported scheme in 'dev' mode");
	if (!dev && has_scheme(address, "http://"))
		return err_set(err, ERR_INPUT, 400,
			"unsupported scheme. use 'dev' mode");
	if (has_scheme(address, dev ? "http://" : "https://"))
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"unsupported scheme in vault_addr: must be https://");
}

static int
check_addresses(struct helper_settings *settings, bool dev, struct err *err)
{
	struct span piece;
	size_t pos = 0;
	size_t n = 0;

	if (settings->sallyport_addr[0] != '\0') {
		if (settings->vault_addr[0] != '\0')
			return err_set(err, ERR_INPUT, 400,
				"both \"vault_addr\" and \"sallyport_addr\" are set: keep one");
		settings->vault_addr = settings->sallyport_addr;
	}
	for (; comma_next(settings->vault_addr, &pos, &piece); n++) {
		int rc = check_scheme(piece, dev, err);

		if (rc != 0)
			return rc;
	}
	if (n == 0)
		return err_set(
			err, ERR_INPUT, 400, "missing config \"vault_addr\"");
	return 0;
}

/* Slashes around the mount point are no part of it. */
static int
clean_mount(
	struct helper_settings *settings, struct arena *arena, struct err *err)
{
	const char *mount = settings->ssh_mount_point;
	size_t len;

	mount += strspn(mount, "/");
	len = strlen(mount);
	while (len > 0 && mount[len - 1] == '/')
		len--;
	settings->ssh_mount_point =
		len == 0 ? "ssh" : arena_strndup(arena, mount, len);
	return settings->ssh_mount_point != NULL ? 0 : err_set_memory(err);
}

int
helper_settings_parse(struct span text, bool dev, struct arena *arena,
	struct helper_settings *ret_settings, struct err *err)
{
	struct helper_settings settings;
	struct value *document = NULL;
	struct err syntax = { 0 };
	int rc;

	if (hcl_parse(text, arena, &document, &syntax) != 0)
		return err_set(err, ERR_INPUT, 400,
			"error parsing config: %.512s", syntax.message);
	rc = settings_read(helper_settings_rows, document, arena, unknown_key,
		NULL, &settings, err);
	if (rc == 0)
		rc = check_addresses(&settings, dev, err);
	if (rc == 0)
		rc = clean_mount(&settings, arena, err);
	if (rc == 0)
		rc = check_cidrs(settings.allowed_cidr_list, err);
	if (rc == 0)
		rc = check_pin(settings.server_spki_sha256, err);
	if (rc != 0)
		return rc;
	if (dev)
		settings.ca_cert = settings.ca_path = "";
	*ret_settings = settings;
	return 0;
}

int
helper_settings_load_fd(int fd, bool dev, struct arena *arena,
	struct helper_settings *ret_settings, struct err *err)
{
	struct buf text;
	struct span copy;
	int rc;

	buf_init(&text, FILE_MAX);
	rc = fd_read_all(fd, &text, err);
	if (rc == 0) {
		copy = arena_dup(arena, buf_span(&text));
		rc = copy.data == NULL && text.len > 0
			? err_set_memory(err)
			: helper_settings_parse(
				  copy, dev, arena, ret_settings, err);
	}
	buf_clear(&text);
	return rc;
}

int
helper_settings_load(const char *path, bool dev, struct arena *arena,
	struct helper_settings *ret_settings, struct err *err)
{
	int fd = -1;
	int rc;

	/* The peer's words for a file that is not there. */
	if (access(path, F_OK) != 0)
		return err_set(
			err, ERR_INPUT, 400, "missing config \"vault_addr\"");
	rc = file_open_trusted(path, &fd, err);
	if (rc != 0)
		return rc;
	rc = helper_settings_load_fd(fd, dev, arena, ret_settings, err);
	(void)close(fd);
	return rc;
}
