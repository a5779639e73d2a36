/*
 * Private keys in files: read with a passphrase where one is needed, written
 * as the two files that ssh-keygen makes.
 */
#ifndef SALLYPORT_CLIENT_KEYFILE_H
#define SALLYPORT_CLIENT_KEYFILE_H

#include "client/cli.h"
#include "lib/sshkeypair.h"

#define KEYFILE_NO_FD (-1) /* ask on the terminal */

/*
 * A passphrase, into the run's arena: the first line that the descriptor
 * gives, or what is typed, twice where it is a new one. ERR_INPUT.
 */
int keyfile_passphrase(struct cli *cli, int64_t fd, bool is_new,
	struct secret_view *ret_passphrase, struct err *err);

/*
 * The pair of a file ("-": standard input), in any form of lib/sshkeypair.h; a
 * passphrase is asked for where the file needs one. ERR_INPUT says why not.
 */
int keyfile_read(struct cli *cli, const char *path, int64_t passphrase_fd,
	struct sshkeypair **ret_pair, struct err *err);

/* How a private half is written. */
struct keyfile_form {
	enum sshkeypair_form form;
	struct secret_view passphrase; /* PKCS#8: sealed with it; len 0: not */
};

int keyfile_text(const struct sshkeypair *pair, const struct keyfile_form *form,
	const char *comment, struct buf *out, struct err *err);

/*
 * New files: path (0600) with the private half, path.pub (0644) with the line
 * of the public one. Both or none; what is there is not overwritten.
 */
int keyfile_write(struct cli *cli, const char *path,
	const struct sshkeypair *pair, const struct keyfile_form *form,
	const char *comment, struct err *err);

/* Take both away again. */
void keyfile_remove(struct cli *cli, const char *path);

#endif
