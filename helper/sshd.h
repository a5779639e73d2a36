/*
 * The sshd of this host: what its configuration comes to, and how it takes a
 * changed one.
 */
#ifndef SALLYPORT_HELPER_SSHD_H
#define SALLYPORT_HELPER_SSHD_H

#include "helper/helper_settings.h"

/* What "sshd -T" prints: all settings that are in force for root. */
struct sshd_view {
	const char *text;
};

/* "sshd -t". ERR_INPUT with its own words where the configuration is bad. */
int sshd_check(const struct helper_settings *settings, struct err *err);

int sshd_look(const struct helper_settings *settings, struct arena *arena,
	struct sshd_view *ret_view, struct err *err);

/*
 * The value of a setting in lower case ("trustedusercakeys"), the first where
 * there are several. "" where sshd prints none.
 */
const char *sshd_value(
	const struct sshd_view *view, const char *name, struct arena *arena);

/* Whether one of a setting's lines has this value. */
bool sshd_has(
	const struct sshd_view *view, const char *name, const char *value);

/*
 * Host and port, in arena, at which it is reached from here: that of its first
 * listener, "[::]:22" and "0.0.0.0:22" as loopback. ERR_INPUT: it has none.
 */
int sshd_address(const struct sshd_view *view, struct arena *arena,
	const char **ret_host, const char **ret_port, struct err *err);

/* Tell the running one to read its configuration again. */
int sshd_reload(const struct helper_settings *settings, struct err *err);

/*
 * Connect, and wait until it shows this certificate (a blob) for a host key of
 * this kind. ERR_TIMEOUT where it does not, some seconds after a reload.
 */
int sshd_wait_for_cert(const struct sshd_view *view, struct span cert,
	struct arena *arena, struct err *err);

#endif
