/* Exit codes as a shell has them (POSIX, "Exit Status for Commands"). */
#include "server/engines/ssh/exec_status.h"

#include <signal.h>
#include <string.h>

#define BY_SIGNAL 128
#define UNKNOWN (-1)

/* Names of RFC 4254 section 6.10; any other counts as no number. */
static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "ABRT", SIGABRT },
	{ "ALRM", SIGALRM },
	{ "FPE", SIGFPE },
	{ "HUP", SIGHUP },
	{ "ILL", SIGILL },
	{ "INT", SIGINT },
	{ "KILL", SIGKILL },
	{ "PIPE", SIGPIPE },
	{ "QUIT", SIGQUIT },
	{ "SEGV", SIGSEGV },
	{ "TERM", SIGTERM },
	{ "USR1", SIGUSR1 },
	{ "USR2", SIGUSR2 },
};

static int
signal_code(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		if (strcmp(name, signals[i].name) == 0)
			return BY_SIGNAL + signals[i].number;
	}
	return BY_SIGNAL;
}

static bool
has_result(const struct outbound_ssh_answer *answer)
{
	return answer->n_results > 0 &&
		(answer->results[0].exit_status >= 0 ||
			answer->results[0].signal[0] != '\0');
}

bool
exec_was_begun(const struct outbound_ssh_answer *answer)
{
	if (answer->n_results == 0)
		return false;
	return answer->end != OUTBOUND_SSH_STEP || has_result(answer);
}

struct exec_status
exec_status_of(const struct outbound_ssh_answer *answer)
{
	const struct outbound_ssh_result *result = &answer->results[0];

	if (result->signal[0] != '\0')
		return (struct exec_status){ signal_code(result->signal),
			"signaled", "" };
	if (result->exit_status >= 0)
		return (struct exec_status){ result->exit_status, "exited",
			"" };
	if (answer->end == OUTBOUND_SSH_LATE)
		return (struct exec_status){
			UNKNOWN, "timeout",
			"the command took too long: it may still run, and its effect is not known"
		};
	return (struct exec_status){
		UNKNOWN, "lost",
		answer->end == OUTBOUND_SSH_DONE
			? "the target did not say how the command ended"
			: "the connection was cut off while the command ran: its effect is not known"
	};
}
