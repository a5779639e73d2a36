/* doctor: what is wrong with this host, and what to do about it. */
#include <unistd.h>

#include "helper/command.h"
#include "helper/doctor.h"
#include "lib/fsutil.h"

#define REPORT_MAX 65536

struct doctor_options {
	struct command_options common;
};

static const struct flag doctor_flags[] = {
	COMMAND_FLAGS(struct doctor_options),
	FLAG_END,
};

static int
run_doctor(struct host *host, const void *options, struct err *err)
{
	bool good = false;
	struct buf out;
	int rc;

	(void)options;
	buf_init(&out, REPORT_MAX);
	rc = doctor_run(host, &out, &good, err);
	if (rc == 0)
		rc = fd_write_all(STDOUT_FILENO, out.data, out.len, err);
	buf_clear(&out);
	return rc == 0 && !good ? ERR_ABSENT : rc;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "Find what is wrong, and say what to do about it.",
	.flags = doctor_flags,
	.run = run_doctor,
};
