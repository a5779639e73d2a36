/* The eight keys in their order, written straight into the answer's buffer. */
#include "server/api/envelope.h"

#include <string.h>

#include "lib/jsonw.h"
#include "server/api/bind.h"

static void
add_key(struct buf *buf, const char *key)
{
	(void)buf_add_str(buf, ",\"");
	(void)buf_add_str(buf, key);
	(void)buf_add_str(buf, "\":");
}

static void
add_value(struct buf *buf, const struct value *value)
{
	if (value != NULL)
		jsonw_value(buf, value, 0);
	else
		(void)buf_add_str(buf, "null");
}

static bool
is_envelope_key(const char *key)
{
	static const char *const keys[] = { "request_id", "lease_id",
		"renewable", "lease_duration", "data", "wrap_info", "warnings",
		"auth" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(key, keys[i]) == 0)
			return true;
	}
	return false;
}

/* The members of data once more, beside the envelope's keys. */
static void
add_doubled(struct buf *buf, const struct value *data)
{
	VALUE_EACH (member, data) {
		if (is_envelope_key(member->key))
			continue;
		(void)buf_add_char(buf, ',');
		jsonw_string(buf, span_str(member->key));
		(void)buf_add_char(buf, ':');
		jsonw_value(buf, member, 0);
	}
}

static void
add_envelope(struct req *req, const struct reply *reply)
{
	struct buf *buf = &req->out.body;

	(void)buf_add_str(buf, "{\"request_id\":\"");
	(void)buf_add_str(buf, req->id);
	(void)buf_add_str(buf, "\",\"lease_id\":");
	jsonw_string(buf, span_str(reply->lease_id));
	add_key(buf, "renewable");
	(void)buf_add_str(buf, reply->renewable ? "true" : "false");
	add_key(buf, "lease_duration");
	(void)buf_add_int(buf, reply->lease_duration_s);
	add_key(buf, "data");
	add_value(buf, reply->data);
	(void)buf_add_str(buf, ",\"wrap_info\":null,\"warnings\":");
	add_value(buf, req->warnings);
	add_key(buf, "auth");
	add_value(buf, reply->auth);
	if ((req->op->flags & OP_DOUBLED) != 0)
		add_doubled(buf, reply->data);
	(void)buf_add_str(buf, "}\n");
}

/* The eight keys of an answer that was wrapped. */
static void
add_wrapped(struct req *req, const struct wrap_info *wrap)
{
	struct buf *buf = &req->out.body;
	char time[CLOCK_TEXT_MAX];

	clock_format_ns(wrap->creation_ns, time);
	(void)buf_add_str(buf,
		"{\"request_id\":\"\",\"lease_id\":\"\",\"renewable\":false,"
		"\"lease_duration\":0,\"data\":null,\"wrap_info\":{\"token\":");
	jsonw_string(buf, span_str(wrap->token));
	add_key(buf, "accessor");
	jsonw_string(buf, span_str(wrap->accessor));
	add_key(buf, "ttl");
	(void)buf_add_int(buf, wrap->ttl_s);
	add_key(buf, "creation_time");
	jsonw_string(buf, span_str(time));
	add_key(buf, "creation_path");
	jsonw_string(buf, span_str(wrap->creation_path));
	if (wrap->wrapped_accessor[0] != '\0') {
		add_key(buf, "wrapped_accessor");
		jsonw_string(buf, span_str(wrap->wrapped_accessor));
	}
	(void)buf_add_str(buf, "},\"warnings\":null,\"auth\":null}\n");
}

/* A list without names, with nothing else to say, is no such thing. */
static bool
is_empty_list(const struct req *req, const struct reply *reply)
{
	const struct value *keys = value_find(reply->data, "keys");

	if (req->verb != OP_LIST || req->warnings != NULL)
		return false;
	if (reply->data == NULL || reply->data->n == 0)
		return true;
	return reply->data->n == 1 && keys != NULL &&
		keys->type == VALUE_LIST && keys->n == 0;
}

static bool
has_content(const struct req *req, const struct reply *reply)
{
	return reply->data != NULL || reply->auth != NULL ||
		reply->wrap != NULL || reply->lease_id != NULL ||
		reply->raw_type != NULL || req->warnings != NULL;
}

static int
derive_status(const struct req *req, const struct reply *reply)
{
	if (reply->wrap != NULL)
		return 200;
	if (reply->status != 0)
		return reply->status;
	if (has_content(req, reply))
		return is_empty_list(req, reply) ? 404 : 200;
	return req->verb == OP_READ || req->verb == OP_LIST ? 404 : 204;
}

int
envelope_write(struct req *req, const struct reply *reply, struct err *err)
{
	struct buf *buf = &req->out.body;
	int status = derive_status(req, reply);

	if (reply->out_of_memory)
		return err_set_memory(err);
	if (status == 404 && reply->raw_type == NULL) {
		envelope_error(req, 404, "");
		return 0;
	}
	buf_reset(buf);
	req->out.status = status;
	req->out.content_type = reply->raw_type;
	req->out.etag = reply->etag;
	if (status == 204 || status == 304 || !has_content(req, reply))
		return 0;
	if (reply->raw_type != NULL) {
		(void)buf_add_span(buf, reply->raw);
	} else if (reply->wrap != NULL) {
		add_wrapped(req, reply->wrap);
	} else if (req->is_help || (req->op->flags & OP_BARE) != 0) {
		add_value(buf, reply->data);
		(void)buf_add_char(buf, '\n');
	} else {
		bind_warn(req);
		add_envelope(req, reply);
	}
	return buf_check(buf, err);
}

void
envelope_error(struct req *req, int status, const char *text)
{
	struct buf *buf = &req->out.body;

	buf_clear(buf); /* also what failed of an answer */
	req->out.status = status;
	req->out.content_type = NULL;
	req->out.etag = NULL;
	(void)buf_add_str(buf, "{\"errors\":[");
	if (text[0] != '\0')
		jsonw_string(buf, span_str(text));
	(void)buf_add_str(buf, "]}\n");
}
