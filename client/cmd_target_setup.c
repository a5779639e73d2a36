/* Setting up a target: what is asked for, what is shown, step by step. */
#include "client/target_setup.h"

#include <string.h>
#include <unistd.h>

#include "client/cli.h"
#include "client/output.h"
#include "client/target_call.h"
#include "lib/fsutil.h"

#define SECRET_MAX 4096
#define CA_MAX ((size_t)64 * 1024)

/* ---- what is sent -------------------------------------------------------- */

/* The first line that comes from a descriptor. */
static int
read_secret(struct cli *cli, int64_t fd, const char **ret_text, struct err *err)
{
	struct buf text;
	const char *copy = NULL;
	int rc;

	buf_init(&text, SECRET_MAX);
	rc = fd >= 0 && fd <= INT32_MAX
		? fd_read_all((int)fd, &text, err)
		: err_set(err, ERR_INPUT, 0, "no descriptor %lld",
			  (long long)fd);
	if (rc == 0)
		copy = arena_strndup(cli->arena, buf_str(&text),
			strcspn(buf_str(&text), "\r\n"));
	buf_clear(&text);
	if (rc != 0)
		return rc;
	if (copy == NULL)
		return err_set_memory(err);
	*ret_text = copy;
	return 0;
}

/* The credential comes from a descriptor or a terminal, never from a word. */
static int
add_secret(struct cli *cli, const char *field, int64_t fd, const char *prompt,
	struct value *body, struct err *err)
{
	const char *secret = "";
	int rc;

	if (prompt == NULL)
		return err_set_memory(err);
	rc = fd >= 0 ? read_secret(cli, fd, &secret, err)
		     : cli_read_hidden(cli, stderr, prompt, &secret, err);
	if (rc == 0 && !value_set_str(cli->arena, body, field, secret))
		rc = err_set_memory(err);
	return rc;
}

static int
add_credential(struct cli *cli, const struct target_setup_options *wanted,
	struct value *body, struct err *err)
{
	const bool is_password = strcmp(wanted->method, "manual") != 0;

	if (wanted->api_key_fd >= 0)
		return add_secret(
			cli, "api_key", wanted->api_key_fd, "", body, err);
	if (!is_password)
		return 0;
	return add_secret(cli, "password", wanted->password_fd,
		arena_printf(cli->arena,
			"Password of %s at %s (will be hidden): ",
			wanted->username, wanted->url),
		body, err);
}

static int
add_roots(
	struct cli *cli, const char *file, struct value *body, struct err *err)
{
	struct buf text;
	int rc;

	if (file[0] == '\0')
		return 0;
	buf_init(&text, CA_MAX);
	rc = file_read(file, &text, err);
	if (rc == 0 &&
		!value_set_str(cli->arena, body, "ca_cert", buf_str(&text)))
		rc = err_set_memory(err);
	buf_clear(&text);
	return rc;
}

/*
 * record and what setting up takes beside it, but for the credential. Who the
 * record says that one logs in as is the administrator.
 */
static int
build_body(struct cli *cli, const struct target_setup_options *wanted,
	const struct value *record, struct value **ret_body, struct err *err)
{
	struct value *body = value_object(cli->arena);
	bool good = true;

	VALUE_EACH (field, record) {
		if (strcmp(field->key, "user") != 0)
			good = good &&
				value_set(cli->arena, body, field->key,
					value_copy(cli->arena, field));
	}
	good = good &&
		value_set_str(cli->arena, body, "method", wanted->method) &&
		value_set_str(cli->arena, body, "url", wanted->url) &&
		value_set_str(cli->arena, body, "username",
			value_find_str(record, "user", wanted->username)) &&
		value_set_str(cli->arena, body, "tls_pin", wanted->tls_pin);
	*ret_body = body;
	return good ? add_roots(cli, wanted->api_ca, body, err)
		    : err_set_memory(err);
}

/* ---- what is shown ------------------------------------------------------- */

static const struct value *
answer_data(const struct cli *cli)
{
	return value_find(cli->answer.json, "data");
}

static void
print_steps(const struct cli *cli)
{
	int i = 1;

	VALUE_EACH (step, value_find(answer_data(cli), "steps"))
		printf("%d. %s: %s\n", i++, value_find_str(step, "name", ""),
			value_find_str(step, "detail", ""));
}

static int
print_stored(const struct cli *cli, const char *path)
{
	(void)output_warnings(cli->answer.json);
	print_steps(cli);
	printf("Success! The target is stored at: %s\n", path);
	return EXIT_DONE;
}

static void
print_paste(const struct cli *cli)
{
	const struct value *data = answer_data(cli);

	(void)output_warnings(cli->answer.json);
	print_steps(cli);
	printf("\nPaste this line into the machine:\n\n%s\n\n%s\nIt showed these host keys; compare them with what it says of itself:\n",
		value_find_str(data, "paste", ""),
		value_find_str(data, "instructions", ""));
	VALUE_EACH (key, value_find(data, "host_keys"))
		printf("  %s\n", value_str(key, ""));
	(void)fflush(stdout);
}

/* ---- the two ways -------------------------------------------------------- */

static int
set_up_semi_automatically(
	struct cli *cli, const char *path, const char *call, struct value *body)
{
	struct err err = { 0 };

	if (!value_set_str(cli->arena, body, "profile", "truenas"))
		return cli_usage("out of memory");
	if (!target_post(cli, call, body, "Setting up", path, &err))
		return cli_fail("Error setting up the target", &err);
	return print_stored(cli, path);
}

static int
check_pasted(
	struct cli *cli, const char *path, const char *call, struct value *body)
{
	struct err err = { 0 };

	if (!value_set_bool(cli->arena, body, "check", true))
		return cli_usage("out of memory");
	if (!target_post(cli, call, body, "Logging in to", path, &err))
		return cli_fail("Error setting up the target", &err);
	return print_stored(cli, path);
}

/* Whether somebody says that the line is there and the keys are right. */
static bool
ask_whether_pasted(void)
{
	char line[64];

	fprintf(stderr,
		"\nType yes when the line is there and the host keys are right: ");
	return fgets(line, sizeof(line), stdin) != NULL &&
		strcmp(line, "yes\n") == 0;
}

static int
set_up_by_hand(
	struct cli *cli, const char *path, const char *call, struct value *body)
{
	struct value *host_keys;
	struct err err = { 0 };
	int code;

	if (!target_post(cli, call, body, "Scanning", path, &err))
		return cli_fail("Error setting up the target", &err);
	print_paste(cli);
	host_keys = value_copy(
		cli->arena, value_find(answer_data(cli), "host_keys"));
	if (!value_set(cli->arena, body, "host_keys", host_keys))
		return cli_usage("out of memory");
	do {
		if (!ask_whether_pasted())
			return cli_usage(
				"Nothing is stored. Go on later with -check and -host-key.");
		code = check_pasted(cli, path, call, body);
	} while (code != EXIT_DONE);
	return code;
}

int
target_setup_run(struct cli *cli, const char *path,
	const struct target_setup_options *wanted, const struct value *record)
{
	const char *call = arena_printf(cli->arena, "%s/setup", path);
	const bool is_manual = strcmp(wanted->method, "manual") == 0;
	struct value *body = NULL;
	struct err err = { 0 };

	if (call == NULL)
		return cli_usage("out of memory");
	if (!is_manual && strcmp(wanted->method, "semi-automatic") != 0)
		return cli_usage("-method must be semi-automatic or manual");
	if (!is_manual && wanted->url[0] == '\0')
		return cli_usage("-method=semi-automatic needs -url=https://…");
	if (build_body(cli, wanted, record, &body, &err) != 0)
		return cli_usage("Error reading -api-ca: %s", err_reason(&err));
	if (add_credential(cli, wanted, body, &err) != 0)
		return cli_usage(
			"Error reading the credential: %s", err_reason(&err));
	if (!is_manual)
		return set_up_semi_automatically(cli, path, call, body);
	return wanted->check ? check_pasted(cli, path, call, body)
			     : set_up_by_hand(cli, path, call, body);
}
