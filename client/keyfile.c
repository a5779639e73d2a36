/* Key files and their passphrases; whatever held one is wiped. */
#include "client/keyfile.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "lib/fsutil.h"
#include "lib/sshkey.h"

#define PASSPHRASE_MAX 1024

/* ---- passphrases -------------------------------------------------------- */

/* A copy of the first line. */
static int
take_line(struct cli *cli, struct span text, struct secret_view *ret_line,
	struct err *err)
{
	const uint8_t *end =
		text.len > 0 ? memchr(text.data, '\n', text.len) : NULL;
	struct span line = text;

	if (end != NULL)
		line.len = (size_t)(end - text.data);
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	if (line.len == 0)
		return err_set(err, ERR_INPUT, 400, "passphrase is empty");
	line = arena_dup(cli->arena, line);
	if (line.data == NULL)
		return err_set_memory(err);
	*ret_line = secret_view_of(line.data, line.len);
	return 0;
}

static int
read_descriptor(struct cli *cli, int64_t fd, struct secret_view *ret_passphrase,
	struct err *err)
{
	struct err cause = { 0 };
	struct buf text;
	int rc;

	buf_init(&text, PASSPHRASE_MAX);
	if (fd < 0 || fd > INT_MAX || fd_read_all((int)fd, &text, &cause) != 0)
		rc = err_set(err, ERR_INPUT, 400,
			"no passphrase can be read from descriptor %lld",
			(long long)fd);
	else
		rc = take_line(cli, buf_span(&text), ret_passphrase, err);
	buf_clear(&text);
	return rc;
}

static int
type_passphrase(struct cli *cli, const char *prompt,
	struct secret_view *ret_passphrase, struct err *err)
{
	const char *typed = NULL;
	int rc = cli_read_hidden(cli, stderr, prompt, &typed, err);

	return rc != 0 ? rc
		       : take_line(cli, span_str(typed), ret_passphrase, err);
}

int
keyfile_passphrase(struct cli *cli, int64_t fd, bool is_new,
	struct secret_view *ret_passphrase, struct err *err)
{
	struct secret_view passphrase, again;
	int rc;

	if (fd != KEYFILE_NO_FD)
		return read_descriptor(cli, fd, ret_passphrase, err);
	rc = type_passphrase(
		cli, "Passphrase (will be hidden): ", &passphrase, err);
	if (rc == 0 && is_new) {
		rc = type_passphrase(cli,
			"Passphrase again (will be hidden): ", &again, err);
		if (rc == 0 && !secret_equal(passphrase, again))
			rc = err_set(err, ERR_INPUT, 400,
				"the two passphrases differ");
	}
	if (rc == 0)
		*ret_passphrase = passphrase;
	return rc;
}

/* ---- reading ------------------------------------------------------------ */

static int
read_text(const char *path, struct buf *text, struct err *err)
{
	struct err cause = { 0 };
	const int rc = strcmp(path, "-") == 0
		? fd_read_all(STDIN_FILENO, text, &cause)
		: file_read(path, text, &cause);

	if (rc == 0)
		return 0;
	return err_set(err, ERR_INPUT, 400, "%s cannot be read: %s", path,
		rc == ERR_LIMIT ? "too long for a key" : err_reason(&cause));
}

int
keyfile_read(struct cli *cli, const char *path, int64_t passphrase_fd,
	struct sshkeypair **ret_pair, struct err *err)
{
	struct secret_view view, passphrase;
	struct buf text;
	int rc;

	buf_init(&text, SSHKEYPAIR_TEXT_MAX);
	rc = read_text(path, &text, err);
	if (rc != 0)
		goto out;
	view = secret_view_of(text.data, text.len);
	if (!sshkeypair_needs_passphrase(view)) {
		rc = sshkeypair_parse(view, ret_pair, err);
		goto out;
	}
	rc = keyfile_passphrase(cli, passphrase_fd, false, &passphrase, err);
	if (rc == 0)
		rc = sshkeypair_parse_encrypted(
			view, passphrase, ret_pair, err);
out:
	buf_clear(&text);
	return rc;
}

/* ---- writing ------------------------------------------------------------ */

int
keyfile_text(const struct sshkeypair *pair, const struct keyfile_form *form,
	const char *comment, struct buf *out, struct err *err)
{
	if (form->passphrase.len > 0)
		return sshkeypair_write_encrypted(
			pair, form->passphrase, out, err);
	return sshkeypair_write(pair, form->form, comment, out, err);
}

static const char *
public_path(struct cli *cli, const char *path)
{
	return arena_printf(cli->arena, "%s.pub", path);
}

int
keyfile_write(struct cli *cli, const char *path, const struct sshkeypair *pair,
	const struct keyfile_form *form, const char *comment, struct err *err)
{
	const char *line = sshkey_line(cli->arena, sshkeypair_public(pair));
	const char *beside = public_path(cli, path);
	const char *public_line = NULL;
	struct buf text;
	int rc;

	if (line != NULL)
		public_line =
			arena_printf(cli->arena, "%s %s\n", line, comment);
	if (public_line == NULL || beside == NULL)
		return err_set_memory(err);
	buf_init(&text, 2 * (size_t)SSHKEYPAIR_TEXT_MAX);
	rc = keyfile_text(pair, form, comment, &text, err);
	if (rc == 0)
		rc = file_write_new(path, 0600, buf_span(&text), err);
	buf_clear(&text);
	if (rc != 0)
		return rc;
	rc = file_write_new(beside, 0644, span_str(public_line), err);
	if (rc != 0)
		(void)unlink(path);
	return rc;
}

void
keyfile_remove(struct cli *cli, const char *path)
{
	const char *beside = public_path(cli, path);

	(void)unlink(path);
	if (beside != NULL)
		(void)unlink(beside);
}
