/*
 * What a client of the agent sends: contents of a session-bind, which no fuzzer
 * can have signed, and bytes to sign, which fit a session only where they begin
 * with it.
 */
#include <stdlib.h>

#include "client/agent_bind.h"
#include "lib/sshwire.h"

#define SESSION "session"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct agent_bind bound = { .host_key = span_str("host"),
		.session = span_str(SESSION) };
	const struct span input = span_of(data, size);
	struct sshwire in = sshwire_of(input);
	struct agent_bind bind;

	if (agent_bind_read(input, &bind) == 0)
		abort();
	if (agent_bind_fits(&bound, span_str("key"), input) &&
		!span_equal(sshwire_string(&in), span_str(SESSION)))
		abort();
	return 0;
}
