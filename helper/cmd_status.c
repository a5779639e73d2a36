/* status: how the enrolment of this host stands; 0 where all is well. */
#include <string.h>
#include <unistd.h>

#include "helper/command.h"
#include "helper/host_status.h"
#include "lib/fsutil.h"
#include "lib/jsonw.h"

#define STATUS_MAX 65536

struct status_options {
	struct command_options common;
	const char *format;
};

static const struct flag status_flags[] = {
	COMMAND_FLAGS(struct status_options),
	FLAG_ROW_TEXT(struct status_options, format, "format",
		"text, which is the default, or json."),
	FLAG_END,
};

static int
run_status(struct host *host, const void *ctx, struct err *err)
{
	const struct status_options *options = ctx;
	const char *format = options->format != NULL ? options->format : "text";
	const bool is_json = strcmp(format, "json") == 0;
	struct value *object = NULL;
	bool good = false;
	struct buf out;
	int rc;

	if (!is_json && strcmp(format, "text") != 0)
		return err_set(err, ERR_INPUT, 400, "-format is text or json");
	rc = host_status_describe(host, &object, &good, err);
	if (rc != 0)
		return rc;
	buf_init(&out, STATUS_MAX);
	if (is_json) {
		jsonw_value(&out, object, 2);
		(void)buf_add_char(&out, '\n');
	} else {
		host_status_print(object, &out);
	}
	rc = buf_check(&out, err);
	if (rc == 0)
		rc = fd_write_all(STDOUT_FILENO, out.data, out.len, err);
	buf_clear(&out);
	return rc == 0 && !good ? ERR_ABSENT : rc;
}

const struct command cmd_status = {
	.name = "status",
	.summary = "Say how this host's enrolment stands.",
	.flags = status_flags,
	.run = run_status,
};
