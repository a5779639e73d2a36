/* targets/:name/setup while others use the key that it made. */
#include "server/core/server.h"
#include "server/engines/ssh/records/target.h"
#include "tests/unit/ssh/ssh_fixture.h"
#include "tests/unit/ssh/stub_outbound.h"

#define CHECK                                                                  \
	"{\"method\":\"manual\",\"check\":true,\"profile\":\"linux\","         \
	"\"host\":\"10.0.0.1\",\"username\":\"admin\",\"host_keys\":"          \
	"\"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"

/* What somebody does while a login goes on, which is refused. */
static void (*meanwhile)(void);

static int
log_in(UNUSED const struct outbound_ssh *call,
	struct outbound_ssh_answer *ret_answer)
{
	if (meanwhile != NULL)
		meanwhile();
	*ret_answer = (struct outbound_ssh_answer){ .end = OUTBOUND_SSH_REFUSED,
		.why = "",
		.host_key = "",
		.fingerprint = "",
		.banner = "" };
	return 0;
}

static int
set_up_while(void (*fn)(void))
{
	stub_ssh = log_in;
	meanwhile = fn;
	api_call(fixture, OP_UPDATE, "ssh/targets/nas/setup", CHECK, &reply);
	return reply.status;
}

static int
status_of(const char *path)
{
	struct api_reply read;

	api_call(fixture, OP_READ, path, NULL, &read);
	return read.status;
}

static void
use_its_key(void)
{
	struct api_reply written;

	api_call(fixture, OP_UPDATE, "ssh/targets/other",
		"{\"host\":\"10.0.0.2\",\"key\":\"nas\"}", &written);
	assert_int_equal(written.status, 204);
}

static void
replace_its_key(void)
{
	struct api_reply written;

	api_call(fixture, OP_UPDATE, "ssh/keys/nas", "{\"generate\":true}",
		&written);
	assert_int_equal(written.status, 200);
}

static void
a_key_that_was_made_goes_unless_somebody_took_to_it(void **state)
{
	(void)state;
	assert_int_equal(set_up_while(NULL), 500);
	assert_non_null(
		strstr(api_error(&reply), "; taken back: take the key"));
	assert_int_equal(status_of("ssh/keys/nas"), 404);
	assert_int_equal(set_up_while(replace_its_key), 500);
	assert_non_null(strstr(api_error(&reply),
		"; NOT taken back: take the key (key \"nas\" was replaced meanwhile)"));
	assert_int_equal(status_of("ssh/keys/nas"), 200);
	api_call(fixture, OP_DELETE, "ssh/keys/nas", NULL, &reply);
	assert_int_equal(reply.status, 204);
	assert_int_equal(set_up_while(use_its_key), 500);
	assert_non_null(strstr(api_error(&reply),
		"; NOT taken back: take the key (key \"nas\" is in use by now)"));
	assert_int_equal(status_of("ssh/keys/nas"), 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(a_key_that_was_made_goes_unless_somebody_took_to_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
