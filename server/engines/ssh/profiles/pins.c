/* Texts of host keys: read from what people paste, compared by their bytes. */
#include "server/engines/ssh/profiles/pins.h"

#include <string.h>

#include "lib/codec.h"
#include "lib/sshkey.h"

#define FINGERPRINT_PREFIX "SHA256:"
#define FINGERPRINT_DIGITS 43
#define BLANKS " \t\r"

static bool
is_fingerprint(struct span text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const struct span prefix = span_str(FINGERPRINT_PREFIX);

	if (text.len != prefix.len + FINGERPRINT_DIGITS ||
		!span_has_prefix(text, prefix))
		return false;
	for (size_t i = prefix.len; i < text.len; i++) {
		if (text.data[i] == '\0' ||
			strchr(digits, text.data[i]) == NULL)
			return false;
	}
	return true;
}

/* ---- reading ------------------------------------------------------------ */

static struct span
first_word(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (strchr(BLANKS, text.data[i]) != NULL)
			return span_of(text.data, i);
	}
	return text;
}

/* A type of key that a host can prove itself by, and no certificate. */
static bool
is_type(struct span word)
{
	bool is_cert = false;

	return sshkey_kind(word, &is_cert) != NULL && !is_cert;
}

/* A line of known_hosts has the names of its host in front. */
static struct span
skip_hosts(struct span line)
{
	const struct span word = first_word(line);
	const struct span rest = span_trim(span_skip(line, word.len));

	return !is_type(word) && is_type(first_word(rest)) ? rest : line;
}

/* One line as a pin, in arena. */
static int
settle_line(struct span line, struct arena *arena, const char **ret_pin,
	struct err *err)
{
	const struct span key = skip_hosts(line);
	struct span blob = SPAN_NONE;
	const char *pin = NULL;
	int rc = 0;

	if (is_fingerprint(line)) {
		pin = arena_strndup(arena, line.data, line.len);
	} else {
		rc = is_type(first_word(key))
			? sshkey_parse_line(key, arena, &blob)
			: ERR_INPUT;
		if (rc == ERR_INPUT)
			return err_set(err, ERR_INPUT, 400,
				"invalid host key: neither a public key nor a SHA256 fingerprint: %.*s",
				line.len < 64 ? (int)line.len : 64,
				(const char *)line.data);
		if (rc == 0)
			pin = sshkey_line(arena, blob);
	}
	if (pin == NULL)
		return err_set_memory(err);
	*ret_pin = pin;
	return 0;
}

static int
settle_item(const char *item, struct arena *arena, struct str_list *pins,
	struct err *err)
{
	int rc = 0;

	while (rc == 0 && *item != '\0') {
		const size_t len = strcspn(item, "\n");
		const struct span line = span_trim(span_of(item, len));
		const char *pin = NULL;

		item += len + (item[len] == '\n');
		if (line.len == 0 || line.data[0] == '#')
			continue;
		rc = settle_line(line, arena, &pin, err);
		if (rc == 0 && !str_list_add(arena, pins, pin))
			rc = err_set_memory(err);
		if (rc == 0 && pins->n > PINS_MAX)
			rc = err_set(err, ERR_INPUT, 400,
				"too many host keys (at most %d)", PINS_MAX);
	}
	return rc;
}

int
pins_settle(struct arena *arena, struct str_list *pins, struct err *err)
{
	struct str_list settled = { NULL, 0 };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < pins->n; i++)
		rc = settle_item(pins->items[i], arena, &settled, err);
	if (rc == 0)
		*pins = settled;
	return rc;
}

/* ---- comparing ---------------------------------------------------------- */

const char *
pins_fingerprint(const char *pin, struct arena *arena)
{
	char text[SSHKEY_FINGERPRINT_MAX];
	struct span blob = SPAN_NONE;
	const char *copy = NULL;

	if (is_fingerprint(span_str(pin)))
		return pin;
	if (sshkey_parse_line(span_str(pin), arena, &blob) != 0)
		return "";
	sshkey_fingerprint(blob, text);
	copy = arena_strdup(arena, text);
	return copy != NULL ? copy : "";
}

bool
pins_have(const struct str_list *pins, const char *line, struct arena *arena)
{
	const char *shown = pins_fingerprint(line, arena);

	if (shown[0] == '\0')
		return false;
	for (size_t i = 0; i < pins->n; i++) {
		if (strcmp(pins_fingerprint(pins->items[i], arena), shown) == 0)
			return true;
	}
	return false;
}

const char *
pins_text(const struct str_list *pins, struct arena *arena)
{
	const char *text = "";

	for (size_t i = 0; text != NULL && i < pins->n; i++)
		text = arena_printf(arena, "%s%s%s", text, i > 0 ? ", " : "",
			pins_fingerprint(pins->items[i], arena));
	return text;
}

bool
pins_have_type_of(const struct str_list *pins, const char *line)
{
	const struct span type = first_word(span_str(line));

	for (size_t i = 0; i < pins->n; i++) {
		const struct span pin = span_str(pins->items[i]);

		if (is_fingerprint(pin) || span_equal(first_word(pin), type))
			return true;
	}
	return false;
}

/* ---- policies ----------------------------------------------------------- */

int
pins_policy(const char *text, enum outbound_host_key_policy *ret_policy,
	struct err *err)
{
	static const struct {
		const char *name;
		enum outbound_host_key_policy policy;
	} policies[] = {
		{ "", OUTBOUND_HOST_KEY_STRICT },
		{ "strict", OUTBOUND_HOST_KEY_STRICT },
		{ "tofu", OUTBOUND_HOST_KEY_TOFU },
		{ "off", OUTBOUND_HOST_KEY_ANY },
	};

	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		if (strcmp(text, policies[i].name) != 0)
			continue;
		*ret_policy = policies[i].policy;
		return 0;
	}
	return err_set(err, ERR_INPUT, 400,
		"invalid host_key_policy: %.64s is none of strict, tofu, off",
		text);
}
