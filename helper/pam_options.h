/* The words on the module's line in a PAM service file. */
#ifndef SALLYPORT_HELPER_PAM_OPTIONS_H
#define SALLYPORT_HELPER_PAM_OPTIONS_H

#include "lib/err.h"

struct pam_options {
	const char *config, *helper, *prompt;
	int64_t timeout_s;     /* 1..100: for everything */
	int64_t fail_delay_ms; /* after a refusal, whatever its cause */
	bool use_first_pass, try_first_pass, dev, debug;
};

/* ERR_INPUT names the word that is unknown or bad. Strings are argv's. */
int pam_options_parse(int argc, const char **argv,
	struct pam_options *ret_options, struct err *err);

#endif
