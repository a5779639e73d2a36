/* Limits read, written and compared. */
#include "server/keeper/ca_limits.h"

#include <inttypes.h>

#include "lib/source_address.h"
#include "lib/sshcert.h"

#define FOR_A_NEW_KEY "another one is for a new key (config/ca/rotate)"

struct keeper_ca_limits
ca_limits_take(struct ipc_message *message)
{
	struct keeper_ca_limits limits;

	limits.validity_s = ipc_take_u64(message);
	limits.per_s = ipc_take_u32(message);
	limits.forced = ipc_take_field(message, KEEPER_FORCED_MAX);
	if (!sshcert_are_options(limits.forced))
		message->bad = true;
	return limits;
}

void
ca_limits_add(struct buf *buf, const struct keeper_ca_limits *limits)
{
	ipc_add_u64(buf, limits->validity_s);
	ipc_add_u32(buf, limits->per_s);
	ipc_add_field(buf, limits->forced);
}

/* ---- forced options ------------------------------------------------------ */

/* As texts, in which no option of a certificate of ours has a NUL. */
static bool
covers(struct span outer, struct span inner)
{
	struct buf texts[2];
	bool yes;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		buf_init(&texts[i], KEEPER_MESSAGE_MAX);
		(void)buf_add_span(&texts[i], i == 0 ? outer : inner);
	}
	yes = texts[0].rc == 0 && texts[1].rc == 0 &&
		memchr(buf_str(&texts[1]), '\0', inner.len) == NULL &&
		source_address_covers(buf_str(&texts[0]), buf_str(&texts[1]));
	buf_clear(&texts[0]);
	buf_clear(&texts[1]);
	return yes;
}

static bool
has_option(struct span options, struct span name, struct span value)
{
	struct span one, found;

	while (sshcert_next_option(&options, &one, &found)) {
		if (span_equal(one, name))
			return span_equal(found, value) ||
				(span_equal(name, span_str(SOURCE_ADDRESS)) &&
					covers(value, found));
	}
	return false;
}

bool
ca_limits_are_forced(struct span forced, struct span options)
{
	struct span name, value;

	while (sshcert_next_option(&forced, &name, &value)) {
		if (!has_option(options, name, value))
			return false;
	}
	return true;
}

/* ---- tighter ------------------------------------------------------------- */

/* 0 is no limit. */
static bool
is_lower(uint64_t from, uint64_t to)
{
	return from == 0 || (to != 0 && to <= from);
}

int
ca_limits_check_narrower(const struct keeper_ca_limits *from,
	const struct keeper_ca_limits *to, struct err *err)
{
	if (!is_lower(from->validity_s, to->validity_s))
		return err_set(err, ERR_INPUT, 400,
			"max_validity can only be lowered from %" PRIu64
			" seconds: " FOR_A_NEW_KEY,
			from->validity_s);
	if (!is_lower(from->per_s, to->per_s))
		return err_set(err, ERR_INPUT, 400,
			"max_signatures_per_second can only be lowered from %" PRIu32
			": " FOR_A_NEW_KEY,
			from->per_s);
	if (!ca_limits_are_forced(from->forced, to->forced))
		return err_set(err, ERR_INPUT, 400,
			"forced_critical_options can only become more: " FOR_A_NEW_KEY);
	return 0;
}
