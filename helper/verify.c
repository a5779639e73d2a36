/* One request, one answer, three comparisons. */
#include "helper/verify.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "helper/otp_form.h"
#include "helper/request.h"
#include "lib/netaddr.h"

#define METHOD "PUT"
#define ECHO_REQUEST "verify-echo-request"
#define ECHO_RESPONSE "verify-echo-response"
#define NO_INTERFACE                                                           \
	"IP did not match any of the network interface addresses. If this was expected, configure the 'allowed_cidr_list' option to allow the IP."

/* ---- the addresses of this host --------------------------------------- */

typedef bool address_fn(void *ctx, const struct netaddr *addr);

/* Addresses that only this host has, unless loopback ones count too. */
static bool
counts(const struct ifaddrs *entry, bool allow_loopback,
	struct netaddr *ret_addr)
{
	if (entry->ifa_addr == NULL ||
		netaddr_from_sockaddr(entry->ifa_addr, ret_addr) != 0)
		return false;
	if (allow_loopback)
		return true;
	return (entry->ifa_flags & IFF_UP) != 0 &&
		(entry->ifa_flags & IFF_LOOPBACK) == 0 &&
		!netaddr_is_loopback(ret_addr) &&
		!netaddr_is_link_local(ret_addr);
}

/* Call fn for each address until it says true; whether it did. */
static bool
any_address(bool allow_loopback, address_fn *fn, void *ctx)
{
	struct ifaddrs *list = NULL;
	struct netaddr addr;
	bool found = false;

	if (getifaddrs(&list) != 0)
		return false;
	for (const struct ifaddrs *at = list; at != NULL && !found;
		at = at->ifa_next)
		found = counts(at, allow_loopback, &addr) && fn(ctx, &addr);
	freeifaddrs(list);
	return found;
}

static bool
is_wanted(void *ctx, const struct netaddr *addr)
{
	return netaddr_equal(ctx, addr);
}

struct hint_ctx {
	struct arena *arena;
	struct value *list;
};

static bool
add_hint(void *ctx, const struct netaddr *addr)
{
	struct hint_ctx *hint = ctx;
	char text[NETADDR_TEXT_MAX];

	netaddr_format(addr, text);
	(void)value_add(hint->list, value_string(hint->arena, text));
	return false;
}

/* ---- the request ------------------------------------------------------- */

/* Hints let the server refuse without spending the password (G-2). */
static void
add_hints(const struct helper_settings *settings,
	const struct verify_login *login, struct arena *arena,
	struct value *body)
{
	struct hint_ctx hint = { arena, value_list(arena) };

	(void)value_set_str(arena, body, "username", login->user);
	if (strcmp(settings->allowed_roles, "*") != 0)
		(void)value_set_str(
			arena, body, "role", settings->allowed_roles);
	if (settings->host_name[0] != '\0')
		(void)value_set_str(arena, body, "host", settings->host_name);
	if (settings->allowed_cidr_list[0] != '\0')
		return;
	(void)any_address(settings->allow_loopback, add_hint, &hint);
	(void)value_set(arena, body, "ip", hint.list);
}

static int
ask(const struct helper_settings *settings, const struct verify_login *login,
	struct arena *arena, struct apiclient_answer *ret_answer,
	struct err *err)
{
	struct value *body = value_object(arena);
	const struct request request = { .method = METHOD,
		.path = "verify",
		.body = body,
		.total_ms = login->total_ms };

	if (!value_set(arena, body, "otp",
		    value_span(
			    arena, span_of(login->otp.data, login->otp.len))))
		return err_set_memory(err);
	if (login->user != NULL)
		add_hints(settings, login, arena, body);
	return request_send(settings, &request, arena, ret_answer, err);
}

/* ---- the answer -------------------------------------------------------- */

static int
check_address(
	const struct helper_settings *settings, struct span ip, struct err *err)
{
	struct netaddr addr;
	struct span piece;
	struct cidr cidr;
	size_t pos = 0;

	if (netaddr_parse(ip, &addr) != 0)
		return err_set(err, ERR_DENIED, 400, "invalid IP");
	if (any_address(settings->allow_loopback, is_wanted, &addr))
		return 0;
	if (settings->allowed_cidr_list[0] == '\0')
		return err_set(err, ERR_DENIED, 400, NO_INTERFACE);
	while (comma_next(settings->allowed_cidr_list, &pos, &piece)) {
		if (cidr_parse(piece, &cidr) == 0 &&
			cidr_contains(&cidr, &addr))
			return 0;
	}
	return err_set(err, ERR_DENIED, 400, "invalid IP");
}

static int
check_role(const struct helper_settings *settings, struct span role,
	struct err *err)
{
	struct span piece;
	size_t pos = 0;

	if (strcmp(settings->allowed_roles, "*") == 0)
		return 0;
	if (role.len == 0)
		return err_set(err, ERR_DENIED, 400,
			"missing role name in the verification response");
	while (comma_next(settings->allowed_roles, &pos, &piece)) {
		if (span_equal(piece, role))
			return 0;
	}
	return err_set(err, ERR_DENIED, 400,
		"role name in the verification response not matching any of the allowed_roles");
}

static int
check_answer(const struct helper_settings *settings, const char *user,
	const struct value *data, struct err *err)
{
	int rc;

	if (data == NULL || data->type != VALUE_OBJECT)
		return err_set(
			err, ERR_PEER, 500, "unexpected response from server");
	if (!span_equal(request_text(data, "username"), span_str(user)))
		return err_set(err, ERR_DENIED, 400, "username mismatch");
	rc = check_address(settings, request_text(data, "ip"), err);
	return rc != 0
		? rc
		: check_role(settings, request_text(data, "role_name"), err);
}

static int
ask_and_check(const struct helper_settings *settings,
	const struct verify_login *login, struct arena *arena,
	struct verdict_line *line, struct err *err)
{
	struct apiclient_answer answer;
	const struct value *data;
	int rc = ask(settings, login, arena, &answer, err);

	if (rc != 0)
		return rc;
	(void)snprintf(line->request_id, sizeof(line->request_id), "%s",
		value_find_str(answer.json, "request_id", ""));
	if (answer.status != 200) {
		rc = request_refusal(METHOD, &answer, err);
		return answer.status == 400 ? ERR_DENIED : rc;
	}
	data = value_find(answer.json, "data");
	rc = check_answer(settings, login->user, data, err);
	if (rc != 0)
		return rc;
	(void)snprintf(line->role, sizeof(line->role), "%s",
		value_find_str(data, "role_name", ""));
	(void)snprintf(line->ip, sizeof(line->ip), "%s",
		value_find_str(data, "ip", ""));
	return 0;
}

void
verify_otp(const struct helper_settings *settings,
	const struct verify_login *login, struct arena *arena,
	struct verdict_line *ret_line)
{
	struct verdict_line line = { .verdict = VERDICT_DENY };
	struct err err = { 0 };
	int rc = otp_form_check(login->otp, &err);

	if (rc == 0 && settings->allowed_roles[0] == '\0')
		rc = err_set(&err, ERR_DENIED, 400, "missing allowed_roles");
	if (rc == 0) {
		line.verdict = VERDICT_UNAVAILABLE;
		rc = ask_and_check(settings, login, arena, &line, &err);
	}
	if (rc == ERR_DENIED)
		line.verdict = VERDICT_DENY;
	(void)snprintf(line.why, sizeof(line.why), "%.500s", err.message);
	if (rc == 0)
		line.verdict = VERDICT_ALLOW;
	*ret_line = line;
}

int
verify_probe(const struct helper_settings *settings, int64_t total_ms,
	struct arena *arena, struct err *err)
{
	const struct verify_login probe = { .otp = secret_view_of(ECHO_REQUEST,
						    strlen(ECHO_REQUEST)),
		.total_ms = total_ms };
	struct apiclient_answer answer;
	const struct value *data;
	int rc = ask(settings, &probe, arena, &answer, err);

	if (rc != 0)
		return rc;
	if (answer.status != 200)
		return request_refusal(METHOD, &answer, err);
	data = value_find(answer.json, "data");
	if (strcmp(value_find_str(data, "message", ""), ECHO_RESPONSE) != 0)
		return err_set(err, ERR_PEER, 500, "invalid echo response");
	return 0;
}
