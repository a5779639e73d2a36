/* Checking a device's configuration, with the peer's texts. */
#include "audit/device_config.h"

#include <string.h>

#include "lib/duration.h"

#define TIMEOUT_MAX_S 3600

/* What Go's strconv.ParseBool takes. */
static int
parse_bool(const struct value *options, const char *name, bool fallback,
	bool *ret_on, struct err *err)
{
	static const char *const words[][2] = { { "0", "1" }, { "f", "t" },
		{ "F", "T" }, { "false", "true" }, { "FALSE", "TRUE" },
		{ "False", "True" } };
	const char *text = value_find_str(options, name, "");
	size_t i, on;

	*ret_on = fallback;
	if (text[0] == '\0')
		return 0;
	for (i = 0; i < ARRAY_LEN(words); i++) {
		for (on = 0; on < 2; on++) {
			if (strcmp(text, words[i][on]) != 0)
				continue;
			*ret_on = on == 1;
			return 0;
		}
	}
	return err_set(err, ERR_INPUT, 400,
		"strconv.ParseBool: parsing \"%.40s\": invalid syntax", text);
}

/* As the peer's socket devices have it; 0 where it is absent. */
static int
parse_timeout(
	const struct value *options, int64_t *ret_timeout_ms, struct err *err)
{
	const char *text = value_find_str(options, "write_timeout", "");
	int64_t timeout_s = 0;

	*ret_timeout_ms = 0;
	if (text[0] == '\0')
		return 0;
	if (duration_parse_s(span_str(text), &timeout_s, NULL) != 0 ||
		timeout_s < DEVICE_TIMEOUT_MIN_S || timeout_s > TIMEOUT_MAX_S)
		return err_set(err, ERR_INPUT, 400,
			"write_timeout must be from 1s to 1h");
	*ret_timeout_ms = timeout_s * 1000;
	return 0;
}

static int
check_format(const char *format, struct err *err)
{
	if (format[0] == '\0' || strcmp(format, "json") == 0)
		return 0;
	return err_set(err, ERR_INPUT, 400, "unknown format type \"%.40s\"%s",
		format,
		strcmp(format, "jsonx") == 0 ? ": jsonx is not supported" : "");
}

int
device_config_parse(const struct audit_device_config *config,
	struct device_options *ret_options, struct err *err)
{
	struct device_options options;
	int rc;

	if (strcmp(config->type, "file") != 0)
		return err_set(err, ERR_INPUT, 400,
			"unknown backend type: \"%.40s\"", config->type);
	rc = check_format(value_find_str(config->options, "format", ""), err);
	if (rc != 0)
		return rc;
	/* Text of the caller's before each line could make it a program. */
	if (value_find_str(config->options, "prefix", "")[0] != '\0')
		return err_set(err, ERR_INPUT, 400, "prefix is not supported");
	rc = parse_bool(
		config->options, "log_raw", false, &options.log_raw, err);
	if (rc == 0)
		rc = parse_bool(config->options, "hmac_accessor", true,
			&options.hmac_accessor, err);
	if (rc == 0)
		rc = parse_timeout(config->options, &options.timeout_ms, err);
	if (rc == 0)
		*ret_options = options;
	return rc;
}
