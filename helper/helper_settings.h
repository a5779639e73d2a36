/* The helper's configuration: a vault-ssh-helper file, and our own keys. */
#ifndef SALLYPORT_HELPER_HELPER_SETTINGS_H
#define SALLYPORT_HELPER_HELPER_SETTINGS_H

#include "lib/settings.h"

struct helper_settings {
	const char *vault_addr; /* one address, or several with commas */
	const char *sallyport_addr;
	const char *ssh_mount_point, *namespace;
	const char *ca_cert, *ca_path;
	bool tls_skip_verify;
	const char *tls_server_name, *server_spki_sha256;
	const char *client_cert, *client_key;
	const char *allowed_roles, *allowed_cidr_list;
	int64_t timeout_seconds;
	const char *host_name;
	bool allow_loopback;
	/* Of an enrolled host: where its files lie, and its sshd. */
	const char *ssh_directory, *state_directory, *host_secret_file;
	const char *sshd_program, *sshd_config, *sshd_pid_file;
	const char *pam_file;
};

extern const struct setting helper_settings_rows[];

/*
 * Read the text of a configuration and check all of it, the address list
 * included. Errors with the texts of spec/ssh-helper.md 2 and 3. dev: plain
 * http:// only, CA settings dropped.
 */
int helper_settings_parse(struct span text, bool dev, struct arena *arena,
	struct helper_settings *ret_settings, struct err *err);

/* The same from a file: regular, root's, not writable by others. */
int helper_settings_load(const char *path, bool dev, struct arena *arena,
	struct helper_settings *ret_settings, struct err *err);

/* The same from a descriptor that the module has checked. */
int helper_settings_load_fd(int fd, bool dev, struct arena *arena,
	struct helper_settings *ret_settings, struct err *err);

#endif
