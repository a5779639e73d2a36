/* Roles and targets are asked page by page, each page in memory of its own. */
#include "server/engines/ssh/dynamic/key_users.h"

#include <string.h>

#include "server/engines/ssh/dynamic/dynamic_key.h"
#include "server/engines/ssh/records/role.h"
#include "server/engines/ssh/records/target.h"

#define PAGE 200
#define PAGE_MEMORY_MAX ((size_t)64 * 1024 * 1024)

/* ---- records ------------------------------------------------------------ */

struct user_scan {
	const char *kind;
	key_user_fn *fn;
	void *ctx;
	size_t n;
	char last[KV_KEY_MAX];
};

static bool
needs_key(const char *kind, const struct value *record)
{
	return strcmp(kind, "role") != 0 ||
		strcmp(value_find_str(record, "key_type", ""), "dynamic") == 0;
}

static int
note_user(void *ctx, const char *name, const struct value *record,
	struct err *err)
{
	struct user_scan *scan = ctx;
	const char *key = value_find_str(record, "key", "");

	if (strlen(name) >= sizeof(scan->last))
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	memcpy(scan->last, name, strlen(name) + 1);
	scan->n++;
	if (key[0] == '\0' || !needs_key(scan->kind, record))
		return 0;
	return scan->fn(scan->ctx, scan->kind, name, key, err);
}

static int
scan_page(struct store_tx *tx, const struct kv *kv, const char *prefix,
	struct user_scan *scan, struct err *err)
{
	struct arena *arena = arena_new(PAGE_MEMORY_MAX);
	char after[KV_KEY_MAX];
	int rc;

	if (arena == NULL)
		return err_set_memory(err);
	memcpy(after, scan->last, sizeof(after));
	scan->n = 0;
	rc = kv_scan(tx, kv, prefix, after[0] == '\0' ? NULL : after, PAGE,
		arena, note_user, scan, err);
	arena_free(&arena);
	return rc;
}

int
key_users_each(struct store_tx *tx, const struct kv *kv, key_user_fn *fn,
	void *ctx, struct err *err)
{
	const struct {
		const char *kind, *prefix;
	} users[] = {
		{ "role", ssh_role_record.prefix },
		{ "target", ssh_target_record.prefix },
	};

	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(users); i++) {
		struct user_scan scan = {
			.kind = users[i].kind, .fn = fn, .ctx = ctx
		};

		do
			rc = scan_page(tx, kv, users[i].prefix, &scan, err);
		while (rc == 0 && scan.n == PAGE);
	}
	return rc;
}

/* ---- leases ------------------------------------------------------------- */

struct lease_count {
	struct arena *arena;
	struct key_leases *first;
};

static struct key_leases *
find(struct key_leases *leases, const char *key, int64_t version)
{
	while (leases != NULL &&
		(leases->version != version || strcmp(leases->key, key) != 0))
		leases = leases->next;
	return leases;
}

static int
count_lease(void *ctx, UNUSED const struct lease *lease,
	const struct dynamic_place *place, struct err *err)
{
	struct lease_count *count = ctx;
	struct key_leases *leases =
		find(count->first, place->key, place->key_version);

	if (leases == NULL) {
		leases = ARENA_NEW(count->arena, struct key_leases);
		if (leases == NULL)
			return err_set_memory(err);
		leases->key = arena_strdup(count->arena, place->key);
		leases->version = place->key_version;
		leases->next = count->first;
		count->first = leases;
		if (leases->key == NULL)
			return err_set_memory(err);
	}
	leases->n++;
	return 0;
}

int
key_leases_count(struct server *server, const struct mount *mount,
	struct arena *arena, struct key_leases **ret_leases, struct err *err)
{
	struct lease_count count = { .arena = arena };
	int rc = dynamic_key_each(server, mount, count_lease, &count, err);

	if (rc == 0)
		*ret_leases = count.first;
	return rc;
}

int64_t
key_leases_of(const struct key_leases *leases, const char *key, int64_t version)
{
	int64_t n = 0;

	for (; leases != NULL; leases = leases->next) {
		if (strcmp(leases->key, key) == 0 &&
			(version == 0 || leases->version == version))
			n += leases->n;
	}
	return n;
}
