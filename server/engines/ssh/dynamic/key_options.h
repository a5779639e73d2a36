/*
 * Options that stand before a key in authorized_keys (sshd(8)): name or
 * name="value", with commas between. Pure.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_KEY_OPTIONS_H
#define SALLYPORT_SERVER_ENGINES_SSH_DYNAMIC_KEY_OPTIONS_H

#include "lib/err.h"
#include "lib/span.h"

/*
 * Whether sshd would read text as the options of one key, and nothing in it
 * would end their field or the line. "" is fine. ERR_INPUT, 400, with why.
 */
int key_options_check(const char *text, struct err *err);

/* Whether an option of this name is among them; names have no case. */
bool key_options_have(const char *text, const char *name);

/* The first name that OpenSSH does not know; len 0: none. */
struct span key_options_find_unknown(const char *text);

#endif
