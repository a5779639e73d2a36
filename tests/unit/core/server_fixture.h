/* A whole server over a store in memory, with two types of mounts. */
#ifndef SALLYPORT_TESTS_UNIT_CORE_SERVER_FIXTURE_H
#define SALLYPORT_TESTS_UNIT_CORE_SERVER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/log.h"
#include "server/core/mount.h"
#include "server/core/seal_init.h"
#include "server/core/seal_open.h"
#include "server/core/server.h"

static const struct mount_type fixture_system = {
	.name = "system",
	.builtin = true,
};
static const struct mount_type fixture_token = {
	.name = "token",
	.is_auth = true,
	.builtin = true,
};
/* Defined before this by tests of leases that lie on machines. */
#ifndef FIXTURE_LEASE_HOOKS
#define FIXTURE_LEASE_HOOKS NULL
#endif
static const struct mount_type fixture_ssh = {
	.name = "ssh",
	.lease_hooks = FIXTURE_LEASE_HOOKS,
};
static const struct mount_type fixture_login = {
	.name = "userpass",
	.is_auth = true,
};
static const struct mount_type *const fixture_types[] = { &fixture_system,
	&fixture_token, &fixture_ssh, &fixture_login, NULL };

/* Wall and boot time that tests move. */
struct fixture_clock {
	struct clock clock;
	_Atomic int64_t ns;
};

struct server_fixture {
	struct server *server;
	struct server_settings settings;
	struct fixture_clock clock;
	struct arena *arena; /* of the settings and the init result */
	struct seal_init_result made;
	const char *store_path; /* NULL: in memory */
};

static inline int64_t
fixture_now(void *ctx)
{
	const struct fixture_clock *clock = ctx;

	return atomic_load(&clock->ns);
}

static inline void
server_fixture_advance(struct server_fixture *fixture, int64_t s)
{
	atomic_fetch_add(&fixture->clock.ns, s * CLOCK_NS_PER_S);
}

/* A server not initialized yet; settings change before server_fixture_open. */
static inline struct server_fixture *
server_fixture_new(void)
{
	struct server_fixture *fixture = calloc(1, sizeof(*fixture));
	struct err err = { 0 };

	assert_non_null(fixture);
	log_set_level(LOG_OFF);
	fixture->arena = arena_new(16 * 1024 * 1024);
	assert_int_equal(server_settings_dev(NULL, NULL, "/nonexistent",
				 fixture->arena, &fixture->settings, &err),
		0);
	fixture->clock.clock = (struct clock){
		.wall_ns = fixture_now,
		.boot_ns = fixture_now,
		.ctx = &fixture->clock,
	};
	fixture->clock.ns = INT64_C(1795000000) * CLOCK_NS_PER_S;
	return fixture;
}

/* A server over a store that is open, which it then owns. */
static inline void
server_fixture_serve(struct server_fixture *fixture, struct store *store)
{
	struct err err = { 0 };

	assert_int_equal(
		server_new(&fixture->settings, &fixture->clock.clock, store,
			NULL, fixture_types, &fixture->server, &err),
		0);
}

static inline void
server_fixture_start(struct server_fixture *fixture)
{
	struct store_settings settings = {
		.clock = &fixture->clock.clock,
		.path = fixture->store_path,
		.create = true,
	};
	struct store *store = NULL;
	struct err err = { 0 };

	assert_int_equal(fixture->store_path != NULL
			? store_open_sqlite(&settings, &store, &err)
			: store_open_memory(&settings, &store, &err),
		0);
	server_fixture_serve(fixture, store);
}

static inline void
server_fixture_unseal(struct server_fixture *fixture)
{
	const struct keeper_share *share = &fixture->made.shares[0];
	struct err err = { 0 };

	if (seal_unseal(fixture->server->seal,
		    secret_view_of(share->bytes, share->len), &err) != 0)
		fail_msg("%s (%s)", err.message, err.detail);
}

/* One share; unsealed behind that. */
static inline void
server_fixture_init(struct server_fixture *fixture)
{
	struct err err = { 0 };

	if (seal_init(fixture->server->seal, 1, 1, "", fixture->arena,
		    &fixture->made, &err) != 0)
		fail_msg("%s (%s)", err.message, err.detail);
	server_fixture_unseal(fixture);
}

/* Initialized and unsealed; store_path: see the struct. */
static inline struct server_fixture *
server_fixture_open_at(const char *store_path)
{
	struct server_fixture *fixture = server_fixture_new();

	fixture->store_path = store_path;
	server_fixture_start(fixture);
	server_fixture_init(fixture);
	return fixture;
}

static inline struct server_fixture *
server_fixture_open(void)
{
	return server_fixture_open_at(NULL);
}

static inline void
server_fixture_free(struct server_fixture *fixture)
{
	server_free(&fixture->server);
	arena_free(&fixture->arena);
	free(fixture);
}

/* Seal and unseal again, as a restart would load everything. */
static inline int
server_fixture_reload(struct server_fixture *fixture, struct err *err)
{
	const struct keeper_share *share = &fixture->made.shares[0];

	assert_int_equal(seal_seal(fixture->server->seal, err), 0);
	return seal_unseal(fixture->server->seal,
		secret_view_of(share->bytes, share->len), err);
}

#endif
