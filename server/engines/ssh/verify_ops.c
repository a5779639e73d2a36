/* verify: hand in a one-time password, learn what it opens, use it up. */
#include <string.h>

#include "server/api/guess.h"
#include "server/engines/ssh/otp.h"
#include "server/engines/ssh/tables.h"

#define ECHO_REQUEST "verify-echo-request"
#define ECHO_RESPONSE "verify-echo-response"
#define NOT_FOUND "OTP not found"

struct verify_in {
	struct secret_view otp;
	const char *username, *host;
	struct str_list ip, role;
};

static const struct field verify_fields[] = {
	FIELD_SECRET(struct verify_in, otp, .len_max = 255,
		.doc = "The password as typed, or verify-echo-request."),
	FIELD_STR(struct verify_in, username, .len_max = 255,
		.doc = "User that logs in; another one is refused and counted."),
	FIELD_LIST(struct verify_in, ip, .len_max = 3072,
		.doc = "Addresses of the host; one of them must be the password's."),
	FIELD_LIST(struct verify_in, role, .len_max = 3072,
		.doc = "Roles that the host accepts; \"*\" alone is any."),
	FIELD_STR(struct verify_in, host, .len_max = 255,
		.doc = "Name of the host, for the audit log."),
	FIELD_END,
};

static struct miss_limit misses = MISS_LIMIT_INIT;

static bool
has_address(const struct str_list *list, const char *ip)
{
	struct netaddr want, have;

	if (netaddr_parse(span_str(ip), &want) != 0)
		return false;
	for (size_t i = 0; i < list->n; i++) {
		if (netaddr_parse(span_str(list->items[i]), &have) == 0 &&
			netaddr_equal(&want, &have))
			return true;
	}
	return false;
}

/* A hint that was not sent fits everything: older helpers send none. */
static bool
fits_hints(const void *hints, const struct otp_grant *grant)
{
	const struct verify_in *in = hints;
	const bool any_role =
		in->role.n == 1 && strcmp(in->role.items[0], "*") == 0;

	if (in->username[0] != '\0' &&
		strcmp(in->username, grant->username) != 0)
		return false;
	if (in->ip.n > 0 && !has_address(&in->ip, grant->ip))
		return false;
	return in->role.n == 0 || any_role ||
		str_list_has(&in->role, grant->role);
}

static bool
is_echo(struct secret_view otp)
{
	return otp.len == strlen(ECHO_REQUEST) &&
		/* secure: the other side is a word that everybody knows */
		memcmp(otp.data, ECHO_REQUEST, otp.len) == 0;
}

/* One answer for unknown, spent, expired and revoked. */
static int
refuse(struct req *req, bool known, struct err *err)
{
	if (!known)
		return guess_refuse(req, &misses, NOT_FOUND, err);
	err_clear(err);
	return err_set(err, ERR_INPUT, 400, NOT_FOUND);
}

static int
answer_verify(struct req *req, void *ctx, int rc, struct reply *reply,
	struct err *err)
{
	const struct otp_question *question = ctx;
	const struct otp_grant *grant = &question->taken.grant;

	if (rc == ERR_ABSENT)
		return refuse(req, question->taken.known, err);
	if (rc != 0)
		return rc;
	reply_str(reply, "ip", grant->ip);
	reply_str(reply, "role_name", grant->role);
	reply_str(reply, "username", grant->username);
	return 0;
}

static int
verify_otp(struct req *req, struct reply *reply, struct err *err)
{
	const struct verify_in *in = req->in;
	struct otp_question *question =
		ARENA_NEW(req->arena, struct otp_question);
	int rc;

	if (question == NULL)
		return err_set_memory(err);
	if (is_echo(in->otp)) {
		reply_str(reply, "message", ECHO_RESPONSE);
		return 0;
	}
	*question = (struct otp_question){
		.text = in->otp, .fits = fits_hints, .hints = in
	};
	rc = otp_take(req, question, answer_verify, err);
	return rc == ERR_ABSENT ? refuse(req, question->taken.known, err) : rc;
}

const struct op ssh_verify_ops[] = {
	{
		.path = "verify",
		.verb = OP_UPDATE,
		.flags = OP_UNAUTHENTICATED | OP_SMALL_BODY | OP_ONE_WRITE,
		.in_size = sizeof(struct verify_in),
		.fields = verify_fields,
		.handler = verify_otp,
		.summary = "Verify a one-time password and use it up.",
		.text = "Asked by the host itself, without a token. Hints that do not fit refuse\n"
			"without using the password up; the third such attempt destroys it. The\n"
			"word verify-echo-request is answered with verify-echo-response.",
		.out =
			(const struct op_out[]){
				{ "username", FIELD_TYPE_STR,
					"User it is good for." },
				{ "ip", FIELD_TYPE_STR,
					"Address it is good for." },
				{ "role_name", FIELD_TYPE_STR,
					"Role it came from." },
				{ NULL, FIELD_TYPE_STR, NULL } },
		.errors = { { 400, "unknown, expired or already used" },
			{ 429, "too many unknown passwords from this address" } },
	},
	OP_END,
};
