/*
 * At a step a second a store of ten million records is through in half a day;
 * a smaller one is left alone for the rest of the day.
 */
#include "server/core/scrubber.h"

#include "lib/log.h"
#include "server/core/server.h"

#define STEP_NS CLOCK_NS_PER_S
#define DAY_NS (INT64_C(86400) * CLOCK_NS_PER_S)

static void
log_damage(void *ctx, const char *record)
{
	(void)ctx;
	log_error("a record of the store is damaged and is refused",
		LOG_STR("record", record));
}

static void
end_pass(struct scrubber *scrubber)
{
	const struct scrub *pass = &scrubber->pass;

	log_info("the store was looked through for damage",
		LOG_INT("records", (int64_t)pass->n_records),
		LOG_INT("damaged", (int64_t)pass->n_damaged));
	scrubber->pass = (struct scrub){ 0 };
}

void
scrubber_tick(struct scrubber *scrubber, struct server *server)
{
	const int64_t now_ns = clock_boot_ns(server->clock);
	struct err err = { 0 };
	int rc;

	if (now_ns < scrubber->next_ns)
		return;
	rc = scrub_step(server->store, &scrubber->pass, log_damage, NULL, &err);
	log_failing(&scrubber->failing,
		rc != 0 && rc != ERR_SEALED ? &err : NULL,
		"the store cannot be looked through",
		"the store can be looked through again");
	scrubber->next_ns = now_ns + STEP_NS;
	if (rc == 0 && scrubber->pass.done) {
		end_pass(scrubber);
		scrubber->next_ns = now_ns + DAY_NS;
	}
}
