/*
 * What a machine with OpenSSH's sshd and a POSIX shell says of itself: its
 * clock, by which sshd ends keys, and whether sshd reads the file that we
 * write. Each command is fixed text.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/clock.h"
#include "lib/number.h"
#include "server/engines/ssh/profiles/doctor.h"

#define SKEW_WARN_S 30
#define SKEW_BAD_S 300
#define ASK_CLOCK "date -u +%s"
#define ASK_SSHD                                                               \
	"sudo -n /usr/sbin/sshd -T 2>/dev/null || /usr/sbin/sshd -T 2>/dev/null || cat /etc/ssh/sshd_config.d/*.conf /etc/ssh/sshd_config 2>/dev/null"

static void
look_at_clock(struct doctor *doctor)
{
	const int64_t now_s = clock_wall_ns(clock_system()) / CLOCK_NS_PER_S;
	const char *text = "", *seen;
	struct err err = { 0 };
	int64_t there_s = 0, skew_s;
	int status = -1;
	int rc = doctor_ask(doctor, ASK_CLOCK, &status, &text, &err);

	if (rc == 0 &&
		number_parse_i64(span_of(text, strcspn(text, "\r\n")), 0,
			INT64_MAX / 2, &there_s) != 0)
		rc = err_set(&err, ERR_PEER, 500, "date said: %.64s", text);
	if (rc != 0) {
		doctor_say(doctor, "clock", DOCTOR_SKIPPED, err.message, "");
		return;
	}
	skew_s = llabs(there_s - now_s);
	seen = arena_printf(doctor->arena, "%" PRId64 " s %s ours", skew_s,
		there_s < now_s ? "behind" : "ahead of");
	doctor_say(doctor, "clock",
		skew_s > SKEW_BAD_S            ? DOCTOR_BAD
			: skew_s > SKEW_WARN_S ? DOCTOR_WARN
					       : DOCTOR_OK,
		seen,
		skew_s > SKEW_WARN_S
			? "set it (NTP): sshd ends keys by this clock, too late or before they were used"
			: "");
}

/*
 * The rest of the first line that begins with word, as sshd takes the first
 * of several; "": none does. Copied into arena.
 */
static const char *
find_setting(struct arena *arena, const char *text, const char *word)
{
	const size_t len = strlen(word);
	const char *found = NULL;

	while (*text != '\0' && found == NULL) {
		const size_t line = strcspn(text, "\n");
		const size_t lead = strspn(text, " \t");

		if (lead + len < line &&
			strncasecmp(text + lead, word, len) == 0 &&
			strchr(" \t=", text[lead + len]) != NULL)
			found = arena_strndup(arena, text + lead + len + 1,
				line - lead - len - 1);
		text += line + (text[line] == '\n');
	}
	return found != NULL ? found : "";
}

static bool
reads_our_file(const char *files)
{
	return files[0] == '\0' ||
		strstr(files, ".ssh/authorized_keys") != NULL;
}

static void
look_at_sshd(struct doctor *doctor)
{
	const char *text = "", *files, *pubkey;
	struct err err = { 0 };
	int status = -1;

	if (doctor_ask(doctor, ASK_SSHD, &status, &text, &err) != 0 ||
		text[0] == '\0') {
		doctor_say(doctor, "sshd", DOCTOR_SKIPPED,
			err.message[0] != '\0' ? err.message
					       : "it does not show its rules",
			"");
		return;
	}
	files = find_setting(doctor->arena, text, "AuthorizedKeysFile");
	pubkey = find_setting(doctor->arena, text, "PubkeyAuthentication");
	if (strncasecmp(pubkey + strspn(pubkey, " \t"), "no", 2) == 0)
		doctor_say(doctor, "sshd", DOCTOR_BAD,
			"PubkeyAuthentication is no",
			"set PubkeyAuthentication yes in sshd_config");
	else if (!reads_our_file(files))
		doctor_say(doctor, "sshd", DOCTOR_BAD,
			arena_printf(doctor->arena, "AuthorizedKeysFile is %s",
				files),
			"let AuthorizedKeysFile have .ssh/authorized_keys: that is where keys are put");
	else
		doctor_say(doctor, "sshd", DOCTOR_OK,
			"it reads .ssh/authorized_keys", "");
}

void
doctor_linux(struct doctor *doctor)
{
	look_at_clock(doctor);
	look_at_sshd(doctor);
}
