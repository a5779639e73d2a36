/*
 * target add -method=semi-automatic|manual: a target that is set up together
 * with its machine, by an administrator's credential or by pasting a key.
 */
#ifndef SALLYPORT_CLIENT_TARGET_SETUP_H
#define SALLYPORT_CLIENT_TARGET_SETUP_H

#include "client/command.h"
#include "lib/value.h"

struct target_setup_options {
	const char *method, *url, *username, *api_ca, *tls_pin;
	int64_t password_fd, api_key_fd; /* -1: none */
	bool check;
};

/* Rows for the flags of a command whose options have these as `setup`. */
#define TARGET_SETUP_FLAGS(record)                                                                     \
	TEXT_FLAG(record, setup.method, "method",                                                      \
		.help = "How: semi-automatic (TrueNAS, with an administrator's password) or manual."), \
		TEXT_FLAG(record, setup.url, "url",                                                    \
			.help = "semi-automatic: the machine's web address, https://…"),               \
		TEXT_FLAG(record, setup.username, "username",                                          \
			.initial = "root",                                                             \
			.help = "Administrator there, also for SSH."),                                 \
		INT_FLAG(record, setup.password_fd, "password-fd",                                     \
			.initial = "-1",                                                               \
			.help = "Descriptor to read the password from; without it it is asked for."),  \
		INT_FLAG(record, setup.api_key_fd, "api-key-fd",                                       \
			.initial = "-1",                                                               \
			.help = "Descriptor to read an API key from, in place of a password."),        \
		TEXT_FLAG(record, setup.api_ca, "api-ca",                                              \
			.help = "File with the roots of the machine's web address."),                  \
		TEXT_FLAG(record, setup.tls_pin, "tls-pin",                                            \
			.help = "Pin of its public key, sha256//… in base64."),                        \
		BOOL_FLAG(record, setup.check, "check",                                                \
			.help = "manual: the key has been pasted; log in and store.")

/*
 * Set up the target at path ("ssh/targets/nas1"); record has what else was said
 * of it: host, port, key, profile, host_keys. Prints, and returns the exit
 * code.
 */
int target_setup_run(struct cli *cli, const char *path,
	const struct target_setup_options *wanted, const struct value *record);

#endif
