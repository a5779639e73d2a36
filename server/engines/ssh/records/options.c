/* config/options in the store. */
#include "server/engines/ssh/records/options.h"

#define RECORD_NAME "options"
#define RECORD_KEY "config/" RECORD_NAME

#define RETENTION_MAX_S (100 * 365 * INT64_C(86400))
#define CACHE_MAX_S (30 * INT64_C(86400))

const struct field ssh_options_fields[] = {
	FIELD_BOOL(struct ssh_options, lookup_filter_by_policy,
		.doc = "lookup names only roles whose creds path the caller may write."),
	FIELD_BOOL(struct ssh_options, zeroaddress_requires_sudo,
		.doc = "Changing config/zeroaddress needs sudo on it."),
	FIELD_BOOL(struct ssh_options, strict_extensions,
		.doc = "A ca role's empty allowed_extensions allows none but the defaults; \"*\" allows any."),
	FIELD_BOOL(struct ssh_options, allow_commas_in_identity_templates,
		.doc = "Values of templates may have commas, in every ca role."),
	FIELD_BOOL(struct ssh_options, issue_requires_wrapping,
		.doc = "issue answers only where the caller asked for a wrapped answer, in every ca role."),
	FIELD_DURATION(struct ssh_options, cert_retention, .initial = "720h",
		.max = RETENTION_MAX_S,
		.doc = "How long the register knows a certificate past its end."),
	FIELD_DURATION(struct ssh_options, renewal_grace, .initial = "168h",
		.max = RETENTION_MAX_S,
		.doc = "How long past its end a host's certificate may be renewed."),
	FIELD_DURATION(struct ssh_options, principals_cache_ttl,
		.initial = "1h", .max = CACHE_MAX_S,
		.doc = "How long hosts may use an answer of principals/:host while the server cannot be asked."),
	FIELD_END,
};

static const struct record_type options_record = {
	.prefix = "config/",
	.fields = ssh_options_fields,
	.size = sizeof(struct ssh_options),
};

int
ssh_options_get(
	const struct req *req, struct ssh_options *ret_options, struct err *err)
{
	struct compiled *ref = NULL;
	const void *found = NULL;
	void *initial = NULL;
	int rc;

	rc = record_find(req->server->store, &req->mount->kv, &options_record,
		RECORD_NAME, &ref, &found, err);
	if (rc == ERR_ABSENT) {
		err_clear(err);
		rc = record_decode(ssh_options_fields, sizeof(*ret_options),
			NULL, req->arena, &initial, err);
		found = initial;
	}
	if (rc != 0)
		return rc;
	*ret_options = *(const struct ssh_options *)found;
	compiled_unref(&ref);
	return 0;
}

int
ssh_options_put(struct store_tx *tx, const struct kv *kv,
	const struct ssh_options *options, struct arena *arena, struct err *err)
{
	struct value *value = record_encode(ssh_options_fields, options, arena);

	return value == NULL ? err_set_memory(err)
			     : kv_put(tx, kv, RECORD_KEY, value, err);
}
