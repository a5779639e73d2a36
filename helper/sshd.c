/* sshd -t, sshd -T, a reload, and ssh-keyscan for the handshake. */
#include "helper/sshd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "helper/program.h"
#include "lib/clock.h"
#include "lib/codec.h"
#include "lib/fsutil.h"
#include "lib/number.h"
#include "lib/sshcert.h"

#define RUN_MS 30000
#define OUTPUT_MAX (256 * 1024)
#define CERT_WAIT_S 20
#define CERT_PAUSE_NS 200000000
#define PID_MAX_TEXT 32

/* Match blocks need somebody to match. */
#define SOMEBODY "user=root,host=localhost,addr=127.0.0.1"

/* ---- its configuration ------------------------------------------------- */

/* sshd for its words alone. ERR_INPUT, with what and them, where it fails. */
static int
run_sshd(const char *const *words, const char *what, struct buf *out,
	struct err *err)
{
	int status = 0;
	int rc = program_run(words, RUN_MS, out, &status, err);

	return rc == 0 && status != 0 ? program_complain(err, what, out) : rc;
}

int
sshd_check(const struct helper_settings *settings, struct err *err)
{
	const char *const words[] = { settings->sshd_program, "-t", "-f",
		settings->sshd_config, NULL };
	struct buf out;
	int rc;

	buf_init(&out, OUTPUT_MAX);
	rc = run_sshd(words, "sshd -t refuses its configuration", &out, err);
	buf_clear(&out);
	return rc;
}

int
sshd_look(const struct helper_settings *settings, struct arena *arena,
	struct sshd_view *ret_view, struct err *err)
{
	const char *const words[] = { settings->sshd_program, "-T", "-C",
		SOMEBODY, "-f", settings->sshd_config, NULL };
	const char *text = NULL;
	struct buf out;
	int rc;

	buf_init(&out, OUTPUT_MAX);
	rc = run_sshd(words, "sshd -T fails", &out, err);
	if (rc == 0) {
		text = arena_strdup(arena, buf_str(&out));
		rc = text != NULL ? 0 : err_set_memory(err);
	}
	buf_clear(&out);
	if (rc == 0)
		ret_view->text = text;
	return rc;
}

/* Walk the values of a setting: true while one was found. */
static bool
next_value(const char **at, const char *name, struct span *ret_value)
{
	const size_t n = strlen(name);

	while (**at != '\0') {
		const char *line = *at;
		const size_t len = strcspn(line, "\n");

		*at = line + len + (line[len] == '\n');
		if (len > n && line[n] == ' ' && memcmp(line, name, n) == 0) {
			*ret_value = span_of(line + n + 1, len - n - 1);
			return true;
		}
	}
	return false;
}

const char *
sshd_value(const struct sshd_view *view, const char *name, struct arena *arena)
{
	const char *at = view->text;
	struct span value;
	const char *copy;

	if (!next_value(&at, name, &value))
		return "";
	copy = arena_strndup(arena, value.data, value.len);
	return copy != NULL ? copy : "";
}

bool
sshd_has(const struct sshd_view *view, const char *name, const char *value)
{
	const char *at = view->text;
	struct span found;

	while (next_value(&at, name, &found)) {
		if (span_equal(found, span_str(value)))
			return true;
	}
	return false;
}

/* ---- the running one --------------------------------------------------- */

static int
hang_up(const char *pid_file, struct err *err)
{
	struct buf text;
	uint64_t pid = 0;
	int rc;

	buf_init(&text, PID_MAX_TEXT);
	rc = file_read(pid_file, &text, err);
	if (rc == 0 && text.len > 0 && text.data[text.len - 1] == '\n')
		text.len--;
	if (rc == 0 &&
		(number_parse_u64(buf_span(&text), INT32_MAX, &pid) != 0 ||
			pid < 2))
		rc = err_set(
			err, ERR_INPUT, 400, "%s holds no process", pid_file);
	if (rc == 0 && kill((pid_t)pid, SIGHUP) != 0)
		rc = err_set(err, ERR_SYSTEM, 500, "sshd (%s): %s", pid_file,
			strerror(errno));
	buf_clear(&text);
	return rc;
}

/*
 * The unit is ssh.service on Debian, sshd.service elsewhere. One that does
 * not run, since a socket will start it, reads the new files then.
 */
static int
reload_unit(struct err *err)
{
	static const char *const units[] = { "ssh.service", "sshd.service" };
	struct buf out;
	int status = 1;
	int rc = 0;

	buf_init(&out, OUTPUT_MAX);
	for (size_t i = 0; rc == 0 && status != 0 && i < ARRAY_LEN(units);
		i++) {
		const char *const words[] = { "systemctl",
			"try-reload-or-restart", units[i], NULL };

		buf_reset(&out);
		rc = program_run(words, RUN_MS, &out, &status, err);
	}
	if (rc == 0 && status != 0)
		rc = program_complain(
			err, "systemctl cannot reload sshd", &out);
	buf_clear(&out);
	return rc;
}

int
sshd_reload(const struct helper_settings *settings, struct err *err)
{
	return settings->sshd_pid_file[0] != '\0'
		? hang_up(settings->sshd_pid_file, err)
		: reload_unit(err);
}

/* ---- a connection ------------------------------------------------------ */

/*
 * Where it listens; all addresses of IPv6 only where it says nothing else: it
 * names them on hosts that have none, too.
 */
static bool
find_listener(const struct sshd_view *view, struct span *ret_listener)
{
	const char *at = view->text;
	struct span value;
	bool found = false;

	while (next_value(&at, "listenaddress", &value)) {
		const bool is_any6 = span_has_prefix(value, span_str("[::]:"));

		if (!found || !is_any6)
			*ret_listener = value;
		if (!is_any6)
			return true;
		found = true;
	}
	return found;
}

int
sshd_address(const struct sshd_view *view, struct arena *arena,
	const char **ret_host, const char **ret_port, struct err *err)
{
	struct span listener;
	char *host, *colon;

	if (!find_listener(view, &listener))
		return err_set(err, ERR_INPUT, 400,
			"sshd -T says no address that it listens on");
	host = arena_strndup(arena, listener.data, listener.len);
	if (host == NULL)
		return err_set_memory(err);
	colon = strrchr(host, ':');
	if (colon == NULL || colon == host)
		return err_set(err, ERR_INPUT, 400,
			"sshd -T says an address without a port");
	*colon = '\0';
	if (host[0] == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		host++;
	}
	*ret_host = host;
	if (strcmp(host, "0.0.0.0") == 0)
		*ret_host = "127.0.0.1";
	else if (strcmp(host, "::") == 0)
		*ret_host = "::1";
	*ret_port = colon + 1;
	return 0;
}

/* As ssh-keyscan calls the sorts of keys. */
static const char *
scan_type(const struct sshkey *key)
{
	const char *name = sshkey_kind_name(key->kind);

	if (strcmp(name, "ssh-ed25519") == 0)
		return "ed25519";
	return strcmp(name, "ssh-rsa") == 0 ? "rsa" : "ecdsa";
}

static void
pause_a_moment(void)
{
	const struct timespec moment = { .tv_nsec = CERT_PAUSE_NS };

	(void)nanosleep(&moment, NULL);
}

/* One connection. *ret_shown: wanted is among what it was shown. */
static int
scan(const char *const *words, const char *wanted, bool *ret_shown,
	struct err *err)
{
	struct buf out;
	int status = 0;
	int rc;

	buf_init(&out, OUTPUT_MAX);
	rc = program_run(words, RUN_MS, &out, &status, err);
	if (rc == 0)
		*ret_shown = strstr(buf_str(&out), wanted) != NULL;
	buf_clear(&out);
	return rc;
}

static int
scan_until_shown(const char *const *words, const char *wanted, struct err *err)
{
	const int64_t end_ns =
		clock_boot_ns(clock_system()) + CERT_WAIT_S * CLOCK_NS_PER_S;
	bool shown = false;
	int rc = scan(words, wanted, &shown, err);

	while (rc == 0 && !shown) {
		if (clock_boot_ns(clock_system()) > end_ns)
			return err_set(err, ERR_TIMEOUT, 500,
				"sshd does not show the new certificate to who connects");
		pause_a_moment();
		rc = scan(words, wanted, &shown, err);
	}
	return rc;
}

int
sshd_wait_for_cert(const struct sshd_view *view, struct span cert,
	struct arena *arena, struct err *err)
{
	const char *host = NULL, *port = NULL;
	struct sshcert parsed;
	struct buf text;
	int rc;

	if (sshcert_parse(cert, &parsed) != 0)
		return err_set(err, ERR_INPUT, 400, "no certificate");
	rc = sshd_address(view, arena, &host, &port, err);
	if (rc != 0)
		return rc;
	buf_init(&text, 2 * SSHCERT_BLOB_MAX);
	rc = base64_encode(cert, &text);
	if (rc == 0) {
		const char *const words[] = { "ssh-keyscan", "-c", "-T", "5",
			"-t", scan_type(&parsed.key), "-p", port, "--", host,
			NULL };

		rc = scan_until_shown(words, buf_str(&text), err);
	} else {
		rc = err_set_memory(err);
	}
	buf_clear(&text);
	return rc;
}
