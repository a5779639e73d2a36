/* Rows of the doctor, and questions to a machine within its time. */
#include "server/engines/ssh/profiles/doctor.h"

#include "lib/clock.h"

const char *
doctor_state_name(enum doctor_state state)
{
	static const char *const names[] = {
		[DOCTOR_OK] = "ok",
		[DOCTOR_WARN] = "warn",
		[DOCTOR_BAD] = "bad",
		[DOCTOR_SKIPPED] = "skipped",
	};

	return names[state];
}

void
doctor_say(struct doctor *doctor, const char *check, enum doctor_state state,
	const char *seen, const char *fix)
{
	struct arena *arena = doctor->arena;
	struct value *row = value_object(arena);

	if (doctor->rows == NULL)
		return;
	if (seen == NULL || !value_set_str(arena, row, "check", check) ||
		!value_set_str(arena, row, "state", doctor_state_name(state)) ||
		!value_set_str(arena, row, "seen", seen) ||
		!value_set_str(arena, row, "fix", fix) ||
		!value_add(doctor->rows, row))
		doctor->rows = NULL;
}

int
doctor_ask(struct doctor *doctor, const char *command, int *ret_status,
	const char **ret_text, struct err *err)
{
	const struct outbound_ssh_step step = {
		.kind = OUTBOUND_SSH_EXEC,
		.command = command,
		.may_fail = true,
	};
	struct outbound_ssh call = profile_ssh_call(doctor->job,
		clock_left_ms(clock_system(), doctor->end_ns,
			doctor->job->deadline_ms));
	struct outbound_ssh_answer end;
	const char *text;
	int rc;

	if (call.deadline_ms == 0)
		return err_set(err, ERR_TIMEOUT, 500, "no time was left");
	call.steps = &step;
	call.n_steps = 1;
	rc = outbound_ssh(doctor->outbound, &call, doctor->arena, &end, err);
	if (rc != 0)
		return rc;
	if (end.n_results == 0 || end.results[0].exit_status < 0)
		return err_set(err,
			end.end == OUTBOUND_SSH_LATE ? ERR_TIMEOUT : ERR_PEER,
			500, "%s",
			end.why[0] != '\0' ? end.why : "it has no exit status");
	text = arena_strndup(doctor->arena, end.results[0].output.data,
		end.results[0].output.len);
	if (text == NULL)
		return err_set_memory(err);
	*ret_status = end.results[0].exit_status;
	*ret_text = text;
	return 0;
}
