/* Limits on the process itself. */
#include "server/main/privdrop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/arena.h"
#include "lib/log.h"

/* Variables that change what a library loads, trusts or prints. */
static const char *const unwanted[] = { "LD_", "MALLOC_", "OPENSSL_",
	"SSL_CERT_", "EVENT_", "SQLITE_", "LC_", "LANG", "GCONV_", "TZ",
	"BASH_ENV", "http_proxy", "https_proxy", "all_proxy" };

static bool
is_unwanted(const char *variable)
{
	for (size_t i = 0; i < ARRAY_LEN(unwanted); i++) {
		if (strncmp(variable, unwanted[i], strlen(unwanted[i])) == 0)
			return true;
	}
	return false;
}

static void
clean_environment(void)
{
	char **keep = environ;

	if (environ == NULL)
		return;
	for (char **at = environ; *at != NULL; at++) {
		if (!is_unwanted(*at))
			*keep++ = *at;
	}
	*keep = NULL;
}

/* Nothing that is opened later may be what somebody prints to. */
static int
fill_standard_files(struct err *err)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return err_set_errno(err, "/dev/null");
	(void)close(fd);
	return 0;
}

int
privdrop_harden(struct err *err)
{
	const struct rlimit none = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return err_set_errno(err, "prctl(PR_SET_DUMPABLE)");
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return err_set_errno(err, "setrlimit(RLIMIT_CORE)");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_set_errno(err, "prctl(PR_SET_NO_NEW_PRIVS)");
	(void)umask(077);
	clean_environment();
	if (close_range(STDERR_FILENO + 1, ~0U, 0) != 0 && errno != ENOSYS)
		return err_set_errno(err, "close_range");
	return fill_standard_files(err);
}

void
privdrop_lock_memory(bool required)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)
		return;
	arena_require_lock(required);
	if (!required)
		log_warn("memory is not locked: secrets may reach swap",
			LOG_STR("why", strerror(errno)));
}
