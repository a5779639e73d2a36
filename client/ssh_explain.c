/*
 * -explain of ssh and exec: what would happen, rule by rule, and nothing else.
 * The rules of a role are told by the server, which asks them as it always
 * does; before them stand those of this side: which role, which mode, may the
 * token ask at all?
 */
#include <string.h>

#include "client/output.h"
#include "client/say.h"
#include "client/ssh_call.h"
#include "lib/netaddr.h"

#define NAME_WIDTH 19   /* of a column of names */
#define RESULT_WIDTH 13 /* "not reached" and a gap */

/* Ours, in the order in which they are asked; exec has one mode alone. */
static const char *const ssh_rules[] = { "lookup", "mode", "policy", "role",
	NULL };
static const char *const exec_rules[] = { "lookup", "policy", "role", NULL };

struct telling {
	struct ssh_call *call;
	struct value *told; /* the whole, as programs get it */
	struct value *rules;
	const char *const *own; /* the next rule of ours */
	const struct ssh_mode *mode;
	const char *first_false; /* "": none */
	const char *why;         /* its text */
};

/* ---- what is told ------------------------------------------------------- */

static void
set_str(struct telling *telling, const char *name, const char *text)
{
	(void)value_set_str(
		telling->call->cli->arena, telling->told, name, text);
}

/* Of an answer; what is said already stays. */
static void
copy_member(struct telling *telling, const struct value *member)
{
	struct arena *arena = telling->call->cli->arena;

	if (member != NULL &&
		value_find_str(telling->told, member->key, "")[0] == '\0')
		(void)value_set(arena, telling->told, member->key,
			value_copy(arena, member));
}

static void
add_rule(struct telling *telling, const char *result, const char *text)
{
	struct arena *arena = telling->call->cli->arena;
	struct value *rule = value_object(arena);

	(void)value_set_str(arena, rule, "rule", *telling->own++);
	(void)value_set_str(arena, rule, "result", result);
	(void)value_set_str(arena, rule, "text", text != NULL ? text : "");
	(void)value_add(telling->rules, rule);
}

/* The next rule of ours holds. */
static void
hold(struct telling *telling, const char *text)
{
	add_rule(telling, "true", text);
}

/* It does not: there is no use in asking further. */
static int
fail(struct telling *telling, const char *text)
{
	telling->first_false = *telling->own;
	telling->why = text != NULL ? text : "";
	add_rule(telling, "false", text);
	while (*telling->own != NULL)
		add_rule(telling, "not reached", "");
	return EXIT_SERVER;
}

/* ---- our own rules ------------------------------------------------------ */

static int
find_role(struct telling *telling)
{
	struct ssh_call *call = telling->call;
	struct arena *arena = call->cli->arena;
	const struct value *roles = NULL;
	struct err err = { 0 };

	if (call->role[0] != '\0') {
		hold(telling, "-role names the role");
		return EXIT_DONE;
	}
	if (!ssh_lookup(call, &roles, &err))
		return err.status == 403
			? fail(telling,
				  arena_printf(arena,
					  "the policy does not let the token ask %s/lookup: name the role with -role",
					  call->mount))
			: cli_fail("Error choosing role", &err);
	if (roles == NULL)
		return fail(telling,
			arena_printf(arena,
				"no role of %s is good for the address %s",
				call->mount, call->ip));
	if (roles->n > 1)
		return fail(telling,
			arena_printf(arena,
				"several roles are good for the address %s: name one of them with -role: %s",
				call->ip, ssh_join_names(call, roles)));
	call->role = value_str(roles->first, "");
	hold(telling,
		arena_printf(arena,
			"one role is good for the address %s: lookup gives it",
			call->ip));
	return EXIT_DONE;
}

/* The role's type, where the policy lets it be read. */
static int
read_mode(struct telling *telling, const char **ret_name)
{
	struct ssh_call *call = telling->call;
	struct arena *arena = call->cli->arena;
	struct err err = { 0 };

	if (ssh_read_role(call, &err)) {
		*ret_name = value_find_str(
			value_find(call->cli->answer.json, "data"), "key_type",
			"");
		return EXIT_DONE;
	}
	if (err.status != 403 && err.status != 404)
		return cli_fail("Error reading the role's mode", &err);
	return fail(telling,
		arena_printf(arena,
			err.status == 404
				? "there is no role %s/roles/%s"
				: "the policy does not let the token read %s/roles/%s: say -mode",
			call->mount, call->role));
}

static int
find_mode(struct telling *telling)
{
	const char *name = telling->call->options->mode;
	const bool is_given = name[0] != '\0';
	int rc = is_given ? EXIT_DONE : read_mode(telling, &name);

	if (rc != EXIT_DONE)
		return rc;
	telling->mode = ssh_mode_find(name);
	if (telling->mode == NULL)
		return cli_usage("Unknown SSH mode: %s", name);
	hold(telling, is_given ? "-mode names it" : "the role is of this type");
	return EXIT_DONE;
}

/* ---- asking ------------------------------------------------------------- */

/* The first of the server's errors. */
static const char *
refusal(const struct cli *cli)
{
	return value_str(
		value_first(value_find(cli->answer.json, "errors")), "");
}

/* What the token may do with a path, "update, read"; "": nobody says. */
static const char *
capabilities(struct telling *telling, const char *path)
{
	struct cli *cli = telling->call->cli;
	struct value *body = value_object(cli->arena);
	struct err err = { 0 };

	(void)value_set_str(cli->arena, body, "path", path);
	if (!cli_call(cli, "PUT", "sys/capabilities-self", body, &err))
		return "";
	return ssh_join_names(telling->call,
		value_find(
			value_find(cli->answer.json, "data"), "capabilities"));
}

static int
fail_by_policy(struct telling *telling, const char *path)
{
	struct arena *arena = telling->call->cli->arena;
	const char *may = capabilities(telling, path);

	if (strstr(may, "update") != NULL)
		return fail(telling,
			arena_printf(arena,
				"the policy lets the token update %s, but not with these parameters (explain is one of them)",
				path));
	return fail(telling,
		arena_printf(arena,
			"permission denied: the token needs update on %s%s%s",
			path, may[0] != '\0' ? ", and has " : "", may));
}

/* Somebody else's server made what it was asked to explain. */
static int
throw_away(struct telling *telling)
{
	struct ssh_call *call = telling->call;
	const char *lease_id =
		value_find_str(call->cli->answer.json, "lease_id", "");

	say_error(
		"The server does not know \"explain\", and has made a credential. It was thrown away.");
	return lease_id[0] != '\0'
		? ssh_revoke_lease(call, lease_id, EXIT_SERVER)
		: EXIT_SERVER;
}

/* What the server says of its rules goes behind ours. */
static void
take_answer(struct telling *telling, const struct value *data)
{
	static const char *const taken[] = { "role", "allowed", "first_false",
		"rules" };
	struct arena *arena = telling->call->cli->arena;

	telling->first_false = value_find_str(data, "first_false", "");
	VALUE_EACH (rule, value_find(data, "rules")) {
		if (strcmp(value_find_str(rule, "result", ""), "false") == 0)
			telling->why = value_find_str(rule, "text", "");
		(void)value_add(telling->rules, value_copy(arena, rule));
	}
	VALUE_EACH (member, data) {
		size_t i = 0;

		while (i < ARRAY_LEN(taken) &&
			strcmp(member->key, taken[i]) != 0)
			i++;
		if (i == ARRAY_LEN(taken))
			copy_member(telling, member);
	}
}

static int
ask(struct telling *telling)
{
	struct ssh_call *call = telling->call;
	struct cli *cli = call->cli;
	const char *path = arena_printf(cli->arena, "%s/%s/%s", call->mount,
		telling->mode->verb, call->role);
	struct err err = { 0 };
	int rc = telling->mode->ask(call, &err);

	/* There are words already where it did not come to asking. */
	if (rc != EXIT_DONE && err.code == 0)
		return rc;
	if (rc != EXIT_DONE && err.status == 403)
		return fail_by_policy(telling, path);
	if (rc != EXIT_DONE && err.status == 400 && cli->token.len == 0)
		return fail(telling, "there is no token: log in first");
	if (rc != EXIT_DONE && err.status != 400)
		return cli_fail("failed to explain", &err);
	hold(telling,
		arena_printf(cli->arena, "the token may update %s", path));
	if (rc != EXIT_DONE)
		return fail(telling, refusal(cli));
	hold(telling, "there is such a role");
	return EXIT_DONE;
}

/* ---- a role for addresses ------------------------------------------------ */

/* The block of a list that has the address; "": none has. */
static const char *
find_block(struct telling *telling, const char *list)
{
	struct netaddr address;
	struct span piece;
	struct cidr block;
	size_t pos = 0;

	if (netaddr_parse(span_str(telling->call->ip), &address) != 0)
		return "";
	while (comma_next(list, &pos, &piece)) {
		if (cidr_parse(piece, &block) == 0 &&
			cidr_contains(&block, &address))
			return arena_strndup(telling->call->cli->arena,
				piece.data, piece.len);
	}
	return "";
}

/* What the rules were asked of, for those who may read the role. */
static void
show_role(struct telling *telling)
{
	static const struct {
		const char *name, *match;
	} shown[] = { { "default_user", NULL }, { "allowed_users", NULL },
		{ "cidr_list", "cidr_match" },
		{ "exclude_cidr_list", "exclude_cidr_match" } };
	const struct value *role;
	struct err err = { 0 };

	if (strcmp(telling->mode->verb, "sign") == 0 ||
		!ssh_read_role(telling->call, &err))
		return;
	role = value_find(telling->call->cli->answer.json, "data");
	for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
		const char *text = value_find_str(role, shown[i].name, "");

		set_str(telling, shown[i].name, text);
		if (shown[i].match != NULL)
			set_str(telling, shown[i].match,
				find_block(telling, text));
	}
	if (telling->call->wish != NULL) {
		copy_member(telling, value_find(role, "targets"));
		copy_member(telling, value_find(role, "allowed_commands"));
	}
}

/* ---- for people --------------------------------------------------------- */

/* Items of a list by line, since any may have a comma; "k=v, k" of an object.
 */
static const char *
plain(struct cli *cli, const struct value *value)
{
	const bool is_map = value->type == VALUE_OBJECT;
	const char *text = "";

	if (!is_map && value->type != VALUE_LIST)
		return output_cell_of(cli, value->key, value);
	VALUE_EACH (item, value) {
		const char *cell = output_cell(cli, item);

		text = arena_printf(cli->arena, "%s%s%s%s%s", text,
			item == value->first ? ""
				: is_map     ? ", "
					     : "\n",
			is_map ? item->key : "",
			is_map && cell[0] != '\0' ? "=" : "", cell);
		if (text == NULL)
			return "";
	}
	return text;
}

static void
print_facts(struct telling *telling)
{
	struct cli *cli = telling->call->cli;

	VALUE_EACH (member, telling->told) {
		const char *text = plain(cli, member);

		if (text[0] == '\0')
			continue;
		printf("%-*s", NAME_WIDTH, member->key);
		say_beside(stdout, text, NAME_WIDTH);
	}
	printf("\n");
}

static void
print_rules(const struct telling *telling)
{
	VALUE_EACH (rule, telling->rules) {
		printf("%-*s%-*s", RESULT_WIDTH,
			value_find_str(rule, "result", ""), NAME_WIDTH,
			value_find_str(rule, "rule", ""));
		say_beside(stdout, value_find_str(rule, "text", ""),
			RESULT_WIDTH + NAME_WIDTH);
	}
	printf("\n");
}

static void
print_verdict(struct telling *telling)
{
	const struct ssh_call *call = telling->call;
	const char *user = value_find_str(telling->told, "username", "");
	const struct ssh_mode *mode = telling->mode;
	const char *const end = mode == NULL ? "gets none." : mode->refused;
	const char *who = arena_printf(call->cli->arena, "%s%s%s",
		call->args.user[0] != '\0' ? call->args.user : user,
		call->args.user[0] != '\0' || user[0] != '\0' ? "@" : "",
		call->target != NULL ? call->target : call->args.host);

	if (mode != NULL && telling->first_false[0] == '\0')
		say_text(stdout,
			arena_printf(call->cli->arena, "Allowed: %s %s", who,
				mode->allowed));
	else
		say_text(stdout,
			arena_printf(call->cli->arena,
				"Refused: %s %s The first rule that is not true: %s: %s",
				who, end, telling->first_false, telling->why));
}

/* ---- all of it ---------------------------------------------------------- */

/* As a table, or for programs. */
static int
print(struct telling *telling)
{
	struct cli *cli = telling->call->cli;
	struct value *answer = value_object(cli->arena);
	const bool allowed = telling->first_false[0] == '\0';

	if (cli->format == FORMAT_TABLE && cli->options.field[0] == '\0') {
		print_facts(telling);
		print_rules(telling);
		print_verdict(telling);
		return allowed ? EXIT_DONE : EXIT_SERVER;
	}
	(void)value_set_bool(cli->arena, telling->told, "allowed", allowed);
	set_str(telling, "first_false", telling->first_false);
	(void)value_set(cli->arena, telling->told, "rules", telling->rules);
	(void)value_set(cli->arena, answer, "data", telling->told);
	if (cli->options.field[0] != '\0')
		return output_secret(cli, answer);
	output_value(cli, telling->told);
	return allowed ? EXIT_DONE : EXIT_SERVER;
}

static void
describe_call(struct telling *telling)
{
	const struct ssh_call *call = telling->call;

	set_str(telling, "mode",
		telling->mode != NULL ? telling->mode->name : "");
	set_str(telling, "mount", call->mount);
	set_str(telling, "role", call->role);
	set_str(telling, "user", call->args.user);
	set_str(telling, "target", call->target != NULL ? call->target : "");
	set_str(telling, "host", call->args.host);
	set_str(telling, "address", call->ip);
}

/* The server has answered. */
static int
tell_answer(struct telling *telling)
{
	struct cli *cli = telling->call->cli;
	const struct value *answer = cli->answer.json;
	const struct value *data = value_find(answer, "data");
	const struct value *warnings = value_find(answer, "warnings");

	if (output_is_wrapped(answer))
		return output_secret(cli, answer);
	if (value_find(data, "rules") == NULL)
		return throw_away(telling);
	describe_call(telling);
	take_answer(telling, data);
	show_role(telling);
	if (cli->format == FORMAT_TABLE)
		(void)output_warnings(answer);
	else if (warnings != NULL)
		(void)value_set(cli->arena, telling->told, "warnings",
			value_copy(cli->arena, warnings));
	return print(telling);
}

int
ssh_explain(struct ssh_call *call, const struct ssh_mode *mode)
{
	struct arena *arena = call->cli->arena;
	struct telling telling = { .call = call,
		.told = value_object(arena),
		.rules = value_list(arena),
		.own = mode != NULL ? exec_rules : ssh_rules,
		.mode = mode,
		.first_false = "",
		.why = "" };
	int rc = find_role(&telling);

	if (rc == EXIT_DONE && mode == NULL)
		rc = find_mode(&telling);
	if (rc == EXIT_DONE)
		rc = ask(&telling);
	if (rc == EXIT_DONE)
		return tell_answer(&telling);
	if (telling.first_false[0] == '\0')
		return rc;
	describe_call(&telling);
	return print(&telling);
}
