/*
 * Rendering of entries. Members go straight from the entry into the buffer:
 * no copy of a value is made, hashed or not.
 */
#include "audit/entry.h"

#include <string.h>

#include "lib/jsonw.h"

/* What both lines of a request say alike is kept for the second if as short. */
#define COMMON_KEPT_MAX 16384

/* The hash of a text that an entry names twice: the token, its accessor. */
struct known_hash {
	struct span text; /* told by where it lies */
	char form[HASHER_TEXT + 1];
};

struct render {
	struct buf *out;
	const struct entry_style *style;
	struct known_hash known[2];
	size_t n_known;
};

/* What must stand before a member: nothing if it is the object's first. */
static void
add_comma(struct render *r)
{
	if (r->out->len > 0 && r->out->data[r->out->len - 1] != '{')
		buf_add_char(r->out, ',');
}

/* A member's name that a caller chose. */
static void
add_foreign_key(struct render *r, const char *key)
{
	add_comma(r);
	jsonw_string(r->out, span_str(key));
	buf_add_char(r->out, ':');
}

/* A member's name of our own, which needs no escape. */
static void
add_key(struct render *r, const char *key)
{
	add_comma(r);
	buf_add_char(r->out, '"');
	buf_add_str(r->out, key);
	buf_add(r->out, "\":", 2);
}

static void
open_object(struct render *r, const char *key)
{
	add_key(r, key);
	buf_add_char(r->out, '{');
}

static void
close_object(struct render *r)
{
	buf_add_char(r->out, '}');
}

static void
add_text(struct render *r, const char *key, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	add_key(r, key);
	jsonw_string(r->out, span_str(text));
}

static void
add_int(struct render *r, const char *key, int64_t n)
{
	if (n == 0)
		return;
	add_key(r, key);
	buf_add_int(r->out, n);
}

static void
add_true(struct render *r, const char *key, bool on)
{
	if (!on)
		return;
	add_key(r, key);
	buf_add_str(r->out, "true");
}

static void
add_time(struct render *r, const char *key, int64_t wall_ns)
{
	char text[CLOCK_TEXT_MAX];

	clock_format_ns(wall_ns, text);
	add_text(r, key, text);
}

static void
add_strings(struct render *r, const char *key, struct str_list strings)
{
	size_t i;

	if (strings.n == 0)
		return;
	add_key(r, key);
	for (i = 0; i < strings.n; i++) {
		buf_add_char(r->out, i == 0 ? '[' : ',');
		jsonw_string(r->out, span_str(strings.items[i]));
	}
	buf_add_char(r->out, ']');
}

/* A list or object of what is shown as it is, left out when empty. */
static void
add_clear(struct render *r, const char *key, const struct value *value)
{
	if (value == NULL || value->n == 0)
		return;
	add_key(r, key);
	jsonw_value(r->out, value, 0);
}

/* A hash as a JSON string. */
static void
add_form(struct render *r, const char form[HASHER_TEXT + 1])
{
	buf_add_char(r->out, '"');
	buf_add(r->out, form, HASHER_TEXT);
	buf_add_char(r->out, '"');
}

static void
add_hash(struct render *r, struct span text)
{
	char form[HASHER_TEXT + 1];

	hasher_text(r->style->hasher, text, form);
	add_form(r, form);
}

/* As add_hash, for a text that may have come before. */
static void
add_known_hash(struct render *r, struct span text)
{
	struct known_hash *known = r->known;
	size_t i = 0;

	while (i < r->n_known &&
		(known[i].text.data != text.data ||
			known[i].text.len != text.len))
		i++;
	if (i == ARRAY_LEN(r->known)) {
		add_hash(r, text);
		return;
	}
	if (i == r->n_known) {
		r->n_known++;
		known[i].text = text;
		hasher_text(r->style->hasher, text, known[i].form);
	}
	add_form(r, known[i].form);
}

/* A token or an accessor. */
static void
add_hashed(struct render *r, const char *key, struct span text, bool clear)
{
	if (text.len == 0)
		return;
	add_key(r, key);
	if (clear || r->style->log_raw)
		jsonw_string(r->out, text);
	else
		add_known_hash(r, text);
}

static void
add_token(struct render *r, const char *key, struct secret_view token)
{
	add_hashed(r, key, span_of(token.data, token.len), false);
}

static void
add_accessor(struct render *r, const char *key, const char *accessor)
{
	add_hashed(r, key, span_str(accessor), r->style->clear_accessor);
}

/*
 * A value of data. Whether its text stays clear is decided by the innermost
 * name around it. Recursive: depth is bounded by whoever read or built it.
 */
static void
add_data_value(struct render *r, const struct value *value,
	struct str_list clear_keys, bool clear)
{
	switch (value->type) {
	case VALUE_OBJECT:
		buf_add_char(r->out, '{');
		VALUE_EACH (child, value) {
			add_foreign_key(r, child->key);
			add_data_value(r, child, clear_keys,
				str_list_has(&clear_keys, child->key));
		}
		buf_add_char(r->out, '}');
		break;
	case VALUE_LIST:
		buf_add_char(r->out, '[');
		VALUE_EACH (child, value) {
			if (child != value->first)
				buf_add_char(r->out, ',');
			add_data_value(r, child, clear_keys, clear);
		}
		buf_add_char(r->out, ']');
		break;
	case VALUE_STRING:
	case VALUE_NUMBER:
		if (!clear && !r->style->log_raw) {
			add_hash(r, value_text(value));
			break;
		}
		jsonw_value(r->out, value, 0);
		break;
	case VALUE_NULL:
	case VALUE_BOOL:
	case VALUE_INT:
		jsonw_value(r->out, value, 0);
		break;
	}
}

static void
add_data(struct render *r, const struct value *data, struct str_list clear_keys)
{
	if (data == NULL || data->n == 0)
		return;
	add_key(r, "data");
	add_data_value(r, data, clear_keys, false);
}

static void
add_auth(struct render *r, const struct audit_auth *auth)
{
	static const struct audit_auth unknown = { 0 };
	bool has_type;

	if (auth == NULL)
		auth = &unknown;
	open_object(r, "auth");
	add_token(r, "client_token", auth->client_token);
	add_accessor(r, "accessor", auth->accessor);
	add_text(r, "display_name", auth->display_name);
	add_strings(r, "policies", auth->policies);
	add_strings(r, "token_policies", auth->token_policies);
	add_strings(r, "identity_policies", auth->identity_policies);
	add_true(r, "no_default_policy", auth->no_default_policy);
	add_clear(r, "metadata", auth->metadata);
	add_int(r, "num_uses", auth->num_uses);
	add_int(r, "remaining_uses", auth->remaining_uses);
	add_text(r, "entity_id", auth->entity_id);
	has_type = auth->token_type != NULL && auth->token_type[0] != '\0';
	add_text(r, "token_type", has_type ? auth->token_type : "default");
	add_int(r, "token_ttl", auth->token_ttl_s);
	/* Whole seconds, as the peer has it. */
	if (auth->token_issue_ns != 0)
		add_time(r, "token_issue_time",
			auth->token_issue_ns -
				auth->token_issue_ns % CLOCK_NS_PER_S);
	close_object(r);
}

static void
add_request(struct render *r, const struct audit_entry *entry)
{
	open_object(r, "request");
	add_text(r, "id", entry->request_id);
	add_text(r, "operation", entry->operation);
	add_text(r, "mount_type", entry->mount_type);
	add_token(r, "client_token", entry->client_token);
	add_accessor(r, "client_token_accessor", entry->client_token_accessor);
	add_key(r, "namespace");
	buf_add_str(r->out, "{\"id\":\"root\"}");
	add_text(r, "path", entry->path);
	add_data(r, entry->request_data, entry->clear_request_keys);
	add_text(r, "remote_address", entry->remote_address);
	add_int(r, "wrap_ttl", entry->wrap_ttl_s);
	add_text(r, "client_certificate_serial_number", entry->client_serial);
	close_object(r);
}

/*
 * Who asks and for what. The second line of a request copies this from the
 * first, if this device has rendered it.
 */
static void
add_common(struct render *r, const struct audit_entry *entry)
{
	struct audit_common *common = entry->common;
	size_t start = r->out->len, len;

	if (common != NULL && common->text.len > 0 &&
		common->hasher_id == hasher_id(r->style->hasher)) {
		buf_add_span(r->out, common->text);
		return;
	}
	add_auth(r, entry->auth);
	add_request(r, entry);
	len = r->out->len - start;
	if (common == NULL || common->text.len > 0 || r->out->rc != 0 ||
		len > COMMON_KEPT_MAX)
		return;
	common->text =
		arena_dup(common->arena, span_of(r->out->data + start, len));
	common->hasher_id = hasher_id(r->style->hasher);
}

static void
add_wrap_info(struct render *r, const struct audit_wrap *wrap)
{
	open_object(r, "wrap_info");
	add_int(r, "ttl", wrap->ttl_s);
	add_token(r, "token", wrap->token);
	add_accessor(r, "accessor", wrap->accessor);
	add_time(r, "creation_time", wrap->creation_ns);
	add_text(r, "creation_path", wrap->creation_path);
	add_accessor(r, "wrapped_accessor", wrap->wrapped_accessor);
	close_object(r);
}

static void
add_response(struct render *r, const struct audit_entry *entry)
{
	open_object(r, "response");
	if (entry->response_auth != NULL)
		add_auth(r, entry->response_auth);
	add_text(r, "mount_type", entry->mount_type);
	if (entry->lease_id != NULL && entry->lease_id[0] != '\0') {
		open_object(r, "secret");
		add_text(r, "lease_id", entry->lease_id);
		close_object(r);
	}
	add_data(r, entry->response_data, entry->clear_response_keys);
	add_clear(r, "warnings", entry->warnings);
	add_text(r, "redirect", entry->redirect);
	if (entry->wrap_info != NULL)
		add_wrap_info(r, entry->wrap_info);
	close_object(r);
}

int
entry_render(const struct audit_entry *entry, const struct entry_style *style,
	struct buf *out, struct err *err)
{
	struct render r = { .out = out, .style = style };

	buf_add_char(out, '{');
	add_time(&r, "time", entry->time_ns);
	add_text(&r, "type", entry->is_response ? "response" : "request");
	add_common(&r, entry);
	if (entry->is_response)
		add_response(&r, entry);
	add_text(&r, "error", entry->error);
	add_true(&r, "recovered", entry->recovered);
	add_int(&r, "status", entry->status);
	close_object(&r);
	return buf_check(out, err);
}
