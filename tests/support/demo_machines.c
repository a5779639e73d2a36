/* Machines in memory; see demo_machines.h. */
#include "tests/support/demo_machines.h"

#include <stdlib.h>
#include <string.h>

struct demo_machine demo_machines[DEMO_MACHINES];
void (*demo_in_call)(struct demo_machine *machine);

void
demo_machines_reset(void)
{
	memset(demo_machines, 0, sizeof(demo_machines));
	demo_in_call = NULL;
}

struct demo_machine *
demo_machine_of(struct span data)
{
	char digits[3] = "";

	for (size_t i = 0; i < 2 && data.data[1 + i] != '/'; i++)
		digits[i] = (char)data.data[1 + i];
	return &demo_machines[strtoul(digits, NULL, 10)];
}

static int
call_machine(struct demo_machine *machine, struct err *err)
{
	const int at_once = atomic_fetch_add(&machine->at_once, 1) + 1;
	int most = atomic_load(&machine->at_once_max), rc;

	while (at_once > most &&
		!atomic_compare_exchange_weak(
			&machine->at_once_max, &most, at_once))
		;
	atomic_fetch_add(&machine->n_calls, 1);
	if (demo_in_call != NULL)
		demo_in_call(machine);
	rc = atomic_load(&machine->rc);
	atomic_fetch_sub(&machine->at_once, 1);
	return rc != 0 ? err_set(err, rc, 500, DEMO_WHY) : 0;
}

static int
take_back(struct server *server, const struct mount *mount,
	const struct lease *lease, struct arena *arena, struct err *err)
{
	struct demo_machine *machine = demo_machine_of(lease->data);
	int rc = call_machine(machine, err);

	(void)server;
	(void)mount;
	(void)arena;
	if (rc == 0)
		atomic_fetch_sub(&machine->n_keys, 1);
	return rc;
}

static int
target(const struct lease *lease, struct arena *arena, const char **ret_name,
	struct err *err)
{
	const uint8_t *end = memchr(lease->data.data, '/', lease->data.len);

	if (end == NULL)
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	*ret_name = arena_strndup(
		arena, lease->data.data, (size_t)(end - lease->data.data));
	return *ret_name == NULL ? err_set_memory(err) : 0;
}

static int
renew(struct req *req, const struct mount *mount, const struct lease *lease,
	int64_t expire_s, struct err *err)
{
	struct demo_machine *machine = demo_machine_of(lease->data);
	int rc = call_machine(machine, err);

	(void)req;
	(void)mount;
	if (rc == 0)
		atomic_store(&machine->told_end_s, expire_s);
	return rc;
}

const struct lease_hooks demo_lease_hooks = {
	.take_back = take_back,
	.target = target,
	.renew = renew,
};
