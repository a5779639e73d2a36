/*
 * The ways to log in, a row each: what login -method=NAME takes, and what
 * auth help NAME says of it.
 */
#ifndef SALLYPORT_CLIENT_LOGIN_METHODS_H
#define SALLYPORT_CLIENT_LOGIN_METHODS_H

#include "client/cli.h"

/* A K=V word of a method. */
struct login_setting {
	const char *name;
	const char *help;
	bool required;
	bool trimmed;       /* without white space at its ends */
	const char *prompt; /* asked for without echo if left out; or NULL */
	const char *file;   /* read if left out; or NULL */
};

struct login_method {
	const char *name; /* and where it is mounted if nothing else is said */
	const char *summary;
	const char *example;                  /* words behind "login " */
	const struct login_setting *settings; /* ends with a NULL name */
	const char *name_in_path; /* setting that ends the path; or NULL */

	/*
	 * Log in below auth/<mount>/ with the checked settings, without a
	 * token; the answer stands in cli->answer. NULL: write them to login.
	 */
	int (*log_in)(struct cli *cli, const struct login_method *method,
		const char *mount, const struct value *settings,
		struct err *err);
};

/* The method of this name; NULL: none. */
const struct login_method *login_method_find(const char *name);

/* Its help, on standard output. */
void login_method_help(const struct login_method *method);

/*
 * Log in with K=V words; "mount" among them, then path, then the method's
 * name say where. The answer of the server stands in cli->answer.
 */
int login_method_run(struct cli *cli, const struct login_method *method,
	const char *path, const struct value *words, struct err *err);

#endif
