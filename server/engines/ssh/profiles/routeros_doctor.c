/* The doctor looks at RouterOS: over SSH, or over REST. */
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "server/engines/ssh/profiles/profile_template.h"
#include "server/engines/ssh/profiles/routeros.h"
#include "server/engines/ssh/profiles/routeros_checks.h"

/* Without these no key comes on or off. */
static const char *const needed_for_ssh[] = { "ssh", "ftp", "read", "write",
	"policy", NULL };

static const char *const needed_for_rest[] = { "rest-api", "read", "write",
	"policy", NULL };

#define ANSWER_MAX ((size_t)256 * 1024)

/* ---- over SSH ------------------------------------------------------------ */

/* What a command prints; false: that it cannot be had has been said. */
static bool
ask(struct doctor *doctor, const char *check, const char *command,
	struct span *ret_printed)
{
	struct err err = { 0 };
	const char *text = "";
	int status = 0;

	if (doctor_ask(doctor, command, &status, &text, &err) != 0) {
		doctor_say(doctor, check, DOCTOR_SKIPPED, err.message, "");
		return false;
	}
	if (strstr(text, "not enough permissions") != NULL) {
		doctor_say(doctor, check, DOCTOR_BAD,
			"the admin user's group may not read this",
			"/user group set (the admin user's) policy=read");
		return false;
	}
	*ret_printed = span_str(text);
	return true;
}

/* The group in what is printed of a user. */
static const char *
group_of(struct doctor *doctor, struct span printed)
{
	struct span line, group = SPAN_NONE;
	const char *name;

	while (group.data == NULL && routeros_next_line(&printed, &line))
		group = routeros_column(line, "group");
	name = arena_strndup(doctor->arena, group.data, group.len);
	return name != NULL ? name : "";
}

/* A command or path with {name} in it; NULL: no memory. */
static const char *
with_name(struct doctor *doctor, const char *text, enum profile_place place,
	const char *name)
{
	struct str_map values = { 0 };
	struct err err = { 0 };
	const char *filled = NULL;

	if (profile_template_set(&values, "name", name, doctor->arena, &err) !=
			0 ||
		profile_template_fill(text, place, &values, doctor->arena,
			&filled, &err) != 0)
		return NULL;
	return filled;
}

static void
ask_policies(struct doctor *doctor)
{
	const char *command =
		with_name(doctor, "/user print terse where name={name}",
			PROFILE_IN_ROUTEROS, doctor->job->admin_user);
	struct span printed;
	const char *group;

	if (command == NULL || !ask(doctor, "policies", command, &printed))
		return;
	group = group_of(doctor, printed);
	command = with_name(doctor, "/user group print terse where name={name}",
		PROFILE_IN_ROUTEROS, group);
	if (command != NULL && ask(doctor, "policies", command, &printed))
		routeros_check_policies(doctor, printed, needed_for_ssh);
}

void
routeros_doctor(struct doctor *doctor)
{
	struct span printed;

	if (ask(doctor, "version", ":put [/system resource get version]",
		    &printed))
		routeros_check_version(doctor, printed);
	if (ask(doctor, "ip ssh", "/ip ssh print", &printed))
		routeros_check_ssh(doctor, printed);
	if (ask(doctor, "services", "/ip service print terse", &printed))
		routeros_check_services(doctor, printed);
	ask_policies(doctor);
}

/* ---- over REST ----------------------------------------------------------- */

/* A member as the console has it, "name=value " or "name: value" on a line. */
static void
print_members(struct buf *out, const struct value *object, const char *between,
	const char *end)
{
	VALUE_EACH (member, object) {
		const struct span text = value_text(member);

		(void)buf_addf(out, "%s%s%.*s%s", member->key, between,
			(int)text.len, (const char *)text.data, end);
	}
}

/* What the console would print of an answer. */
static void
print_answer(struct buf *out, const struct value *answer)
{
	if (answer->type == VALUE_OBJECT)
		print_members(out, answer, ": ", "\n");
	if (answer->type != VALUE_LIST)
		return;
	VALUE_EACH (row, answer) {
		print_members(out, row, "=", " ");
		(void)buf_addf(out, "\n");
	}
}

static int
fetch(struct doctor *doctor, const char *path,
	struct outbound_answer *ret_answer, struct err *err)
{
	const struct profile_job *job = doctor->job;
	const struct outbound_request request = {
		.url = arena_printf(doctor->arena, "%s%s", job->url, path),
		.ca_pem = job->ca_cert,
		.tls_pin = job->tls_pin[0] != '\0' ? job->tls_pin : NULL,
		.source = job->source[0] != '\0' ? job->source : NULL,
		.user = job->api_user,
		.password = job->api_secret,
		.answer_max = ANSWER_MAX,
		.deadline_ms = clock_left_ms(
			clock_system(), doctor->end_ns, job->deadline_ms),
	};

	if (request.url == NULL)
		return err_set_memory(err);
	if (request.deadline_ms == 0)
		return err_set(err, ERR_TIMEOUT, 500, "no time was left");
	return outbound_https(
		doctor->outbound, &request, doctor->arena, ret_answer, err);
}

/* As ask does. */
static bool
get(struct doctor *doctor, const char *check, const char *path,
	struct span *ret_printed)
{
	struct outbound_answer answer = { 0 };
	struct value *value = NULL;
	struct err err = { 0 };
	struct buf out;
	int rc = fetch(doctor, path, &answer, &err);

	if (rc == 0)
		rc = json_parse(answer.body, &json_limits_trusted,
			doctor->arena, &value, &err);
	if (rc != 0) {
		doctor_say(doctor, check, DOCTOR_SKIPPED, err.message, "");
		return false;
	}
	if (answer.status != 200) {
		doctor_say(doctor, check, DOCTOR_BAD,
			value_find_str(value, "detail",
				value_find_str(value, "message", "")),
			answer.status == 401
				? "give api_user and api_secret of a user whose group has the policy rest-api"
				: "give the group of api_user the policy read");
		return false;
	}
	buf_init(&out, ANSWER_MAX);
	print_answer(&out, value);
	*ret_printed = arena_dup(doctor->arena, buf_span(&out));
	buf_clear(&out);
	return ret_printed->data != NULL;
}

static void
get_policies(struct doctor *doctor)
{
	const char *path = with_name(doctor, "/rest/user?name={name}",
		PROFILE_IN_PATH, doctor->job->api_user);
	struct span printed;

	if (path == NULL || !get(doctor, "policies", path, &printed))
		return;
	path = with_name(doctor, "/rest/user/group?name={name}",
		PROFILE_IN_PATH, group_of(doctor, printed));
	if (path != NULL && get(doctor, "policies", path, &printed))
		routeros_check_policies(doctor, printed, needed_for_rest);
}

void
routeros_rest_doctor(struct doctor *doctor)
{
	struct span printed;

	/* Who is not let in need not be told four times. */
	if (!get(doctor, "version", "/rest/system/resource", &printed))
		return;
	routeros_check_version(doctor, routeros_setting(printed, "version"));
	if (get(doctor, "ip ssh", "/rest/ip/ssh", &printed))
		routeros_check_ssh(doctor, printed);
	if (get(doctor, "services", "/rest/ip/service", &printed))
		routeros_check_services(doctor, printed);
	get_policies(doctor);
}
