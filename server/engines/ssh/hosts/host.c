/* Names and records of hosts. */
#include "server/engines/ssh/hosts/host.h"

#include <inttypes.h>
#include <string.h>

#include "lib/number.h"
#include "server/engines/ssh/records/principal.h"

/* The router takes more for a name than a host may have. */
int
host_name_check(struct arena *arena, const char *name, const char **ret_name,
	struct err *err)
{
	const char *lower = arena_strlower(arena, name);

	if (lower == NULL)
		return err_set_memory(err);
	if (!principal_is_host(lower) || principal_is_pattern(lower) ||
		strchr(lower, ':') != NULL)
		return err_set(err, ERR_INPUT, 400,
			"not the name of a host (a DNS name or an IPv4 address): %.64s",
			name);
	if (strcmp(lower, HOST_DEFAULT) == 0)
		return err_set(err, ERR_INPUT, 400,
			"\"%s\" stands for all hosts without accounts, and is none",
			lower);
	*ret_name = lower;
	return 0;
}

bool
host_is_enrolled(const struct ssh_host *host)
{
	return host->serial[0] != '\0';
}

/* ---- records ------------------------------------------------------------ */

int
host_get(struct store_tx *tx, struct req *req, const char *name,
	struct ssh_host *ret_host, struct err *err)
{
	const void *record = NULL;
	int rc = record_get(tx, &req->mount->kv, &ssh_host_record, name,
		req->arena, &record, err);

	if (rc == 0)
		*ret_host = *(const struct ssh_host *)record;
	return rc;
}

int
host_get_or_new(struct store_tx *tx, struct req *req, const char *name,
	struct ssh_host *ret_host, struct err *err)
{
	void *empty = NULL;
	int rc = host_get(tx, req, name, ret_host, err);

	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	rc = record_decode(ssh_host_record.fields, ssh_host_record.size, NULL,
		req->arena, &empty, err);
	if (rc == 0)
		*ret_host = *(const struct ssh_host *)empty;
	return rc;
}

int
host_put(struct store_tx *tx, struct req *req, const char *name,
	const struct ssh_host *host, struct err *err)
{
	struct value *value =
		record_encode(ssh_host_record.fields, host, req->arena);
	const char *full =
		arena_printf(req->arena, "%s%s", ssh_host_record.prefix, name);

	if (value == NULL || full == NULL)
		return err_set_memory(err);
	return kv_put(tx, &req->mount->kv, full, value, err);
}

/* ---- certificates ------------------------------------------------------- */

int64_t
host_cert_end_s(const struct ssh_host *host, size_t i)
{
	int64_t end_s = 0;

	/* Written by ourselves; what is no number has ended. */
	if (number_parse_i64(span_str(host->certificates.values[i]), 0,
		    INT64_MAX, &end_s) != 0)
		return 0;
	return end_s;
}

int
host_add_cert(struct ssh_host *host, const char *serial, int64_t end_s,
	int64_t now_s, struct arena *arena, struct err *err)
{
	const struct str_map *all = &host->certificates;
	struct str_map live = {
		.keys = ARENA_ARRAY(arena, const char *, all->n + 1),
		.values = ARENA_ARRAY(arena, const char *, all->n + 1),
	};
	const char *end = arena_printf(arena, "%" PRId64, end_s);

	if (live.keys == NULL || live.values == NULL || end == NULL)
		return err_set_memory(err);
	for (size_t i = 0; i < all->n; i++) {
		if (host_cert_end_s(host, i) <= now_s)
			continue;
		live.keys[live.n] = all->keys[i];
		live.values[live.n++] = all->values[i];
	}
	if (live.n >= HOST_CERTS_MAX)
		return err_set(err, ERR_LIMIT, 400,
			"%d certificates of this host are live: wait until one ends, or delete the host",
			HOST_CERTS_MAX);
	live.keys[live.n] = serial;
	live.values[live.n++] = end;
	host->certificates = live;
	host->serial = serial;
	host->valid_before_s = end_s;
	return 0;
}
