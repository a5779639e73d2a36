/* What the tests of audit/ share: a directory, devices in it, entries. */
#ifndef SALLYPORT_TESTS_UNIT_AUDIT_SCRATCH_H
#define SALLYPORT_TESTS_UNIT_AUDIT_SCRATCH_H

#include "audit/audit.h"
#include "lib/buf.h"

/* A deadline that no machine is too slow for. */
#define SCRATCH_PATIENT_MS 600000

struct scratch {
	char dir[64];
	const char *dirs[1];
	struct arena *arena;
	struct audit *audit;
	struct audit_settings settings;
	struct err err;
};

/* cmocka's setup and teardown; *state is a struct scratch. */
int scratch_setup(void **state);
int scratch_teardown(void **state);

/* Close the devices and begin again with a deadline for each device. */
void scratch_restart(struct scratch *s, int64_t deadline_ms);

/* dir/name, in the arena. */
const char *scratch_path(struct scratch *s, const char *name);

/* A device "name/" with file_path and, if not NULL, one more option. */
struct audit_device_config scratch_config(struct scratch *s, const char *name,
	const char *file_path, const char *option, const char *text);
int scratch_enable(struct scratch *s, const char *name, const char *file_path,
	bool skip_test);

/* Log a request line; the response line, or both, and the completion's rc. */
int scratch_request(struct scratch *s, const char *id);
/* … without waiting: what then stands for the line. */
struct audit_ticket *scratch_begin(struct scratch *s, const char *id);
/* … which may lie, since more are at hand. */
struct audit_ticket *scratch_lay(struct scratch *s, const char *id);
int scratch_response(struct scratch *s, const char *id);
int scratch_both(struct scratch *s, const char *id);

/* A whole file; the text lives in the arena. */
const char *scratch_read(struct scratch *s, const char *path);
void scratch_write(const char *path, const char *text);

/* Feed a file to a check; false where the chain broke. */
bool scratch_check(struct auditline_check *check, const char *path);

/* The status of the device "name/". */
struct audit_device_status scratch_status(struct scratch *s, const char *name);

#endif
