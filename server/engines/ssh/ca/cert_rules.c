/*
 * The rules of signing, a function for each step of spec/ssh-engine.md 8.2
 * from the key id (step 5) to the extensions (step 10). Steps 1 to 4 are
 * cert_key.c and the operations, 11 and 12 cert_issue.c.
 */
#include "server/engines/ssh/ca/cert_rules.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/codec.h"
#include "lib/fill.h"
#include "lib/sha256.h"
#include "lib/source_address.h"
#include "server/core/template.h"
#include "server/engines/ssh/ca/name_list.h"
#include "server/engines/ssh/records/principal.h"

#define KEY_ID_DEFAULT "vault-{{token_display_name}}-{{public_key_hash}}"
#define KEY_ID_NAMELESS "vault-{{public_key_hash}}"
#define OPTION_NAME_MAX 255
#define OPTIONS_MAX 256 /* of a request */

/* ---- 5. the key id (8.5) ------------------------------------------------ */

static int
refuse_long_key_id(struct err *err)
{
	return err_set(err, ERR_INPUT, 400, "key_id is longer than %d bytes",
		CERT_KEY_ID_MAX);
}

/* One pass: what a value brings along is never looked at again (G-21). */
static int
fill_key_id(const struct cert_question *question, const char *format,
	const char **ret_key_id, struct err *err)
{
	const struct cert_caller *caller = question->caller;
	char hash[2 * SHA256_BYTES + 1];
	const struct fill_variable variables[] = {
		{ "{{token_display_name}}", caller->display_name },
		{ "{{role_name}}", caller->role_name },
		{ "{{public_key_hash}}", hash },
	};
	uint8_t digest[SHA256_BYTES];
	const char *made = NULL;
	struct buf out;
	int rc;

	sha256(question->key, digest);
	hex_encode(digest, sizeof(digest), hash);
	buf_init(&out, CERT_KEY_ID_MAX + 1);
	rc = fill(&out, format, variables, ARRAY_LEN(variables));
	if (rc == 0) {
		made = arena_strdup(question->arena, buf_str(&out));
		rc = made != NULL ? 0 : ERR_MEMORY;
	}
	buf_clear(&out);
	if (rc == ERR_LIMIT)
		return refuse_long_key_id(err);
	if (rc != 0)
		return err_set_memory(err);
	*ret_key_id = made;
	return 0;
}

/* Control characters would reach sshd's log: those of ASCII, and U+0080 on. */
static bool
has_control(const char *text)
{
	const uint8_t *byte = (const uint8_t *)text;

	for (; *byte != '\0'; byte++) {
		if (*byte < 0x20 || *byte == 0x7f)
			return true;
		if (byte[0] == 0xc2 && byte[1] >= 0x80 && byte[1] < 0xa0)
			return true;
	}
	return false;
}

static const char *
key_id_format(const struct cert_question *question)
{
	if (question->role->key_id_format[0] != '\0')
		return question->role->key_id_format;
	return question->caller->display_name[0] != '\0' ? KEY_ID_DEFAULT
							 : KEY_ID_NAMELESS;
}

static int
set_key_id(const struct cert_question *question, struct cert_answer *answer,
	struct err *err)
{
	const char *key_id = question->asked->key_id;
	int rc = 0;

	if (key_id[0] != '\0' && !question->role->allow_user_key_ids)
		return err_set(err, ERR_INPUT, 400,
			"setting key_id is not allowed by role");
	if (key_id[0] == '\0')
		rc = fill_key_id(
			question, key_id_format(question), &key_id, err);
	if (rc != 0)
		return rc;
	if (strlen(key_id) > CERT_KEY_ID_MAX)
		return refuse_long_key_id(err);
	if (has_control(key_id))
		return err_set(err, ERR_INPUT, 400,
			"key_id contains control characters");
	answer->parts.key_id = span_str(key_id);
	return 0;
}

/* ---- 6. the type -------------------------------------------------------- */

static int
set_type(const struct cert_question *question, struct cert_answer *answer,
	struct err *err)
{
	const struct ssh_role *role = question->role;
	const char *asked = question->asked->cert_type;

	const struct {
		const char *name;
		enum sshcert_type type;
		bool allowed;
	} types[] = {
		{ "user", SSHCERT_USER, role->allow_user_certificates },
		{ "host", SSHCERT_HOST, role->allow_host_certificates },
	};

	if (asked[0] == '\0')
		asked = types[0].name;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(asked, types[i].name) != 0)
			continue;
		if (!types[i].allowed || !ssh_role_is_ca(role))
			return err_set(err, ERR_INPUT, 400,
				"cert_type '%s' is not allowed by role", asked);
		answer->parts.type = types[i].type;
		return 0;
	}
	return err_set(err, ERR_INPUT, 400,
		"cert_type must be either 'user' or 'host'");
}

/* ---- 7. principals (8.4) ------------------------------------------------ */

static struct template_scope
scope_of(const struct cert_question *question)
{
	return (struct template_scope){
		.identity = question->caller->identity,
		.now_s = question->caller->now_s,
		.commas = question->role->allow_commas_in_identity_templates ||
			question->caller->allow_commas,
	};
}

static int
read_names(const struct cert_question *question, const char *text,
	bool is_template, struct str_list *ret_list, struct err *err)
{
	const struct template_scope scope = scope_of(question);

	return is_template
		? name_list_fill(text, &scope, question->arena, ret_list, err)
		: name_list_split(text, question->arena, ret_list, err);
}

/* The default principals of user certificates; host ones have none. */
static int
default_names(const struct cert_question *question, enum sshcert_type type,
	struct str_list *ret_list, struct err *err)
{
	const struct ssh_role *role = question->role;
	int rc;

	if (type == SSHCERT_HOST || role->default_user[0] == '\0') {
		*ret_list = (struct str_list){ 0 };
		return 0;
	}
	rc = read_names(question, role->default_user,
		role->default_user_template, ret_list, err);
	/* What stands for somebody must not come to stand for everybody. */
	if (rc == 0 && role->default_user_template && ret_list->n == 0)
		return err_set(err, ERR_INPUT, 400,
			"template '%.256s' could not be rendered -> no entity found",
			role->default_user);
	return rc;
}

static bool
matches_domain(
	const struct ssh_role *role, const char *name, const char *domain)
{
	if (role->allow_bare_domains && strcmp(name, domain) == 0)
		return true;
	/* A pattern is good for many hosts: it must be listed as it is. */
	return role->allow_subdomains && !principal_is_pattern(name) &&
		principal_is_below(name, domain);
}

static bool
is_allowed_name(const struct ssh_role *role, enum sshcert_type type,
	const char *name, const struct str_list *allowed)
{
	if (type == SSHCERT_USER)
		return str_list_has(allowed, name);
	for (size_t i = 0; i < allowed->n; i++) {
		if (matches_domain(role, name, allowed->items[i]))
			return true;
	}
	return false;
}

static int
check_names(const struct cert_question *question, enum sshcert_type type,
	const struct str_list *names, struct err *err)
{
	const struct ssh_role *role = question->role;
	const bool is_user = type == SSHCERT_USER;
	const char *text =
		is_user ? role->allowed_users : role->allowed_domains;
	const bool is_template = is_user ? role->allowed_users_template
					 : role->allowed_domains_template;
	struct str_list allowed;
	int rc = read_names(question, text, is_template, &allowed, err);

	if (rc != 0)
		return rc;
	if (names->n == 0) {
		if (role->allow_empty_principals)
			return 0;
		return err_set(err, ERR_INPUT, 400,
			"refusing to issue unsafe, globally-valid certificate with no principals specified; set valid_principals or default_user");
	}
	if (names->n > SSHCERT_PRINCIPALS_MAX)
		return err_set(err, ERR_INPUT, 400,
			"more than %d valid_principals",
			SSHCERT_PRINCIPALS_MAX);
	if (allowed.n == 0)
		return err_set(err, ERR_INPUT, 400,
			"role is not configured to allow any principals");
	for (size_t i = 0; i < names->n; i++) {
		const char *name = names->items[i];

		if ((is_user ? principal_is_user(name)
			     : principal_is_host(name)) &&
			(strcmp(text, "*") == 0 ||
				is_allowed_name(role, type, name, &allowed)))
			continue;
		return err_set(err, ERR_INPUT, 400,
			"%.64s is not a valid value for valid_principals",
			name);
	}
	return 0;
}

static int
set_principals(const struct cert_question *question, struct cert_answer *answer,
	struct err *err)
{
	const char *asked = question->asked->valid_principals;
	struct str_list names;
	struct span *principals = NULL;
	int rc = asked[0] != '\0'
		? name_list_split(asked, question->arena, &names, err)
		: default_names(question, answer->parts.type, &names, err);

	if (rc != 0)
		return rc;
	str_list_sort(&names);
	rc = check_names(question, answer->parts.type, &names, err);
	if (rc != 0)
		return rc;
	principals = ARENA_ARRAY(question->arena, struct span, names.n + 1);
	if (principals == NULL)
		return err_set_memory(err);
	for (size_t i = 0; i < names.n; i++)
		principals[i] = span_str(names.items[i]);
	answer->parts.principals = principals;
	answer->parts.n_principals = names.n;
	return 0;
}

/* ---- 8. validity (8.6) -------------------------------------------------- */

static int
set_validity(const struct cert_question *question, struct cert_answer *answer,
	struct err *err)
{
	const struct ssh_role *role = question->role;
	const struct cert_caller *caller = question->caller;
	const int64_t asked_s = question->asked->ttl;
	int64_t ttl_s = asked_s != 0 ? asked_s : role->ttl;
	int64_t max_s = caller->max_ttl_s;

	if (role->max_ttl != 0 && role->max_ttl < max_s)
		max_s = role->max_ttl;
	if (ttl_s == 0)
		ttl_s = caller->default_ttl_s;
	if (asked_s > max_s)
		return err_set(err, ERR_INPUT, 400,
			"ttl is larger than maximum allowed %" PRId64, max_s);
	if (ttl_s > max_s)
		ttl_s = max_s;
	answer->parts.before_s = (uint64_t)(caller->now_s + ttl_s);
	answer->parts.after_s = caller->now_s > role->not_before_duration
		? (uint64_t)(caller->now_s - role->not_before_duration)
		: 1;
	return 0;
}

/* ---- 9. critical options (8.7) ------------------------------------------ */

static const char *
map_find(const struct str_map *map, const char *name)
{
	for (size_t i = 0; i < map->n; i++) {
		if (strcmp(map->keys[i], name) == 0)
			return map->values[i];
	}
	return NULL;
}

/* Names of map that fail the test, sorted, for the text of a refusal. */
typedef bool name_test(const void *ctx, const char *name);

static struct str_list
names_without(const struct str_map *map, name_test *has, const void *ctx,
	struct arena *arena)
{
	struct str_list out = { ARENA_ARRAY(arena, const char *, map->n + 1),
		0 };

	for (size_t i = 0; out.items != NULL && i < map->n; i++) {
		if (!has(ctx, map->keys[i]))
			out.items[out.n++] = map->keys[i];
	}
	str_list_sort(&out);
	return out;
}

/* What the role says of this option whatever is asked; NULL: nothing. */
static const char *
sticky_value(const struct ssh_role *role, const char *name)
{
	static const char *const sticky[] = { "force-command", SOURCE_ADDRESS,
		"verify-required" };
	const char *forced = map_find(&role->forced_critical_options, name);

	for (size_t i = 0; forced == NULL && i < ARRAY_LEN(sticky); i++) {
		if (strcmp(name, sticky[i]) == 0)
			return map_find(&role->default_critical_options, name);
	}
	return forced;
}

/* A caller may ask for it: listed, anything goes, or the role's own say. */
static bool
may_ask_critical(const void *ctx, const char *name)
{
	const struct ssh_role *role = ctx;
	struct span piece;
	size_t pos = 0;

	return !comma_next(role->allowed_critical_options, &pos, &piece) ||
		comma_list_has(
			role->allowed_critical_options, span_str(name)) ||
		sticky_value(role, name) != NULL;
}

static int
check_critical_names(const struct cert_question *question, struct err *err)
{
	const struct str_map *asked = &question->asked->critical_options;
	struct str_list refused = names_without(
		asked, may_ask_critical, question->role, question->arena);

	if (asked->n > OPTIONS_MAX)
		return err_set(err, ERR_INPUT, 400,
			"more than %d critical options", OPTIONS_MAX);
	if (refused.items == NULL)
		return err_set_memory(err);
	if (refused.n == 0)
		return 0;
	return err_set(err, ERR_INPUT, 400,
		"critical options not on allowed list: %s",
		name_list_show(&refused, question->arena));
}

/*
 * The value of a sticky option that the caller names too: the same, or for
 * source-address less.
 */
static int
narrow(const struct cert_question *question, const char *name,
	const char *fixed, const char *asked, const char **ret_value,
	struct err *err)
{
	const char *value = fixed;

	if (strcmp(name, SOURCE_ADDRESS) == 0 &&
		source_address_covers(fixed, asked)) {
		value = source_address_format(asked, question->arena);
		if (value == NULL)
			return err_set_memory(err);
	} else if (strcmp(fixed, asked) != 0) {
		return err_set(err, ERR_INPUT, 400,
			"critical option \"%.64s\" is fixed by role", name);
	}
	*ret_value = value;
	return 0;
}

/* A map with room for so many pairs. */
static int
map_new(struct arena *arena, size_t room, struct str_map *ret_map,
	struct err *err)
{
	struct str_map map = { .keys = ARENA_ARRAY(arena, const char *, room),
		.values = ARENA_ARRAY(arena, const char *, room) };

	if (map.keys == NULL || map.values == NULL)
		return err_set_memory(err);
	*ret_map = map;
	return 0;
}

static void
map_set(struct str_map *map, const char *name, const char *value)
{
	size_t i;

	for (i = 0; i < map->n && strcmp(map->keys[i], name) != 0; i++)
		;
	map->keys[i] = name;
	map->values[i] = value;
	map->n += i == map->n;
}

/*
 * What was asked, or the role's defaults; and over it what is sticky, either
 * as the role has it or narrowed by the caller.
 */
static int
merge_critical(const struct cert_question *question, struct str_map *options,
	struct err *err)
{
	const struct ssh_role *role = question->role;
	const struct str_map *asked = &question->asked->critical_options;
	const struct str_map *const maps[] = { &role->default_critical_options,
		&role->forced_critical_options };
	const struct str_map *base = asked->n > 0 ? asked : maps[0];

	for (size_t i = 0; i < base->n; i++)
		map_set(options, base->keys[i], base->values[i]);
	for (size_t m = 0; m < ARRAY_LEN(maps); m++) {
		for (size_t i = 0; i < maps[m]->n; i++) {
			const char *name = maps[m]->keys[i];
			const char *value = sticky_value(role, name);
			const char *wanted = map_find(asked, name);
			int rc = 0;

			if (value == NULL)
				continue;
			if (wanted != NULL)
				rc = narrow(question, name, value, wanted,
					&value, err);
			if (rc != 0)
				return rc;
			map_set(options, name, value);
		}
	}
	return 0;
}

/* Good from the caller's own address alone (bind_source_address). */
static int
bind_address(const struct cert_question *question, struct str_map *options,
	struct err *err)
{
	const struct netaddr *address = &question->caller->address;
	const char *others = map_find(options, SOURCE_ADDRESS);
	char *text = NULL;

	if (address->family == 0)
		return err_set(err, ERR_INPUT, 400,
			"role binds certificates to the caller's address, and this request came over a Unix socket");
	if (others != NULL && !source_address_has(others, address))
		return err_set(err, ERR_INPUT, 400,
			"role binds certificates to the caller's address, which is not in source-address");
	text = arena_alloc(question->arena, 1, NETADDR_TEXT_MAX);
	if (text == NULL)
		return err_set_memory(err);
	netaddr_format(address, text);
	map_set(options, SOURCE_ADDRESS, text);
	return 0;
}

bool
cert_rules_is_option_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > OPTION_NAME_MAX)
		return false;
	for (; *name != '\0'; name++) {
		if (*name <= ' ' || *name > '~')
			return false;
	}
	return true;
}

static int
compare_options(const void *a, const void *b)
{
	const struct sshcert_option *x = a, *y = b;

	return span_compare(x->name, y->name);
}

/* The map as it goes into a certificate: sorted by name. */
static int
write_options(const struct str_map *map, struct arena *arena,
	const struct sshcert_option **ret_options, size_t *ret_n,
	struct err *err)
{
	struct sshcert_option *options =
		ARENA_ARRAY(arena, struct sshcert_option, map->n + 1);

	if (options == NULL)
		return err_set_memory(err);
	for (size_t i = 0; i < map->n; i++) {
		if (!cert_rules_is_option_name(map->keys[i]))
			return err_set(err, ERR_INPUT, 400,
				"\"%.64s\" cannot be the name of an option",
				map->keys[i]);
		options[i] = (struct sshcert_option){ span_str(map->keys[i]),
			span_str(map->values[i]) };
	}
	if (map->n > 0)
		qsort(options, map->n, sizeof(*options), compare_options);
	*ret_options = options;
	*ret_n = map->n;
	return 0;
}

static int
set_critical_options(const struct cert_question *question,
	struct cert_answer *answer, struct err *err)
{
	const struct ssh_role *role = question->role;
	struct str_map options;
	int rc = check_critical_names(question, err);

	if (rc == 0)
		rc = map_new(question->arena,
			question->asked->critical_options.n +
				role->default_critical_options.n +
				role->forced_critical_options.n + 1,
			&options, err);
	if (rc == 0)
		rc = merge_critical(question, &options, err);
	if (rc == 0 && role->bind_source_address &&
		answer->parts.type == SSHCERT_USER)
		rc = bind_address(question, &options, err);
	if (rc == 0)
		rc = write_options(&options, question->arena,
			&answer->parts.critical, &answer->parts.n_critical,
			err);
	return rc;
}

/* ---- 10. extensions (8.7) ----------------------------------------------- */

static bool
may_ask_extension(const void *ctx, const char *name)
{
	const struct cert_question *question = ctx;
	const char *allowed = question->role->allowed_extensions;
	struct span piece = SPAN_NONE;
	size_t pos = 0;

	if (!comma_next(allowed, &pos, &piece))
		return !question->caller->strict_extensions;
	if (span_equal(piece, span_str("*")) &&
		!comma_next(allowed, &pos, &piece))
		return true;
	return comma_list_has(allowed, span_str(name));
}

static bool
is_not_denied(const void *ctx, const char *name)
{
	const struct ssh_role *role = ctx;

	return !str_list_has(&role->denied_extensions, name);
}

/* The five that the vault command asks for whatever the role says (C-5). */
static bool
is_vault_command(const struct str_map *asked)
{
	static const char *const always[] = { "permit-X11-forwarding",
		"permit-agent-forwarding", "permit-port-forwarding",
		"permit-pty", "permit-user-rc" };

	for (size_t i = 0; i < ARRAY_LEN(always); i++) {
		if (map_find(asked, always[i]) == NULL)
			return false;
	}
	return asked->n == ARRAY_LEN(always);
}

static bool
is_same_map(const struct str_map *a, const struct str_map *b)
{
	for (size_t i = 0; i < a->n; i++) {
		const char *value = map_find(b, a->keys[i]);

		if (value == NULL || strcmp(a->values[i], value) != 0)
			return false;
	}
	return a->n == b->n;
}

/* Under either of the names that the field has (requirements.md X11). */
static const struct str_map *
asked_extensions(const struct cert_asked *asked)
{
	return asked->extension.n > 0 ? &asked->extension : &asked->extensions;
}

static int
check_extension_names(const struct cert_question *question, struct err *err)
{
	const struct str_map *asked = asked_extensions(question->asked);
	struct arena *arena = question->arena;
	struct str_list refused =
		names_without(asked, may_ask_extension, question, arena);
	struct str_list denied =
		names_without(asked, is_not_denied, question->role, arena);

	if (question->asked->extensions.n > 0 &&
		!is_same_map(&question->asked->extensions, asked))
		return err_set(err, ERR_INPUT, 400,
			"extension and extensions are both given, and differ: they are names of one field");
	if (asked->n > OPTIONS_MAX)
		return err_set(err, ERR_INPUT, 400, "more than %d extensions",
			OPTIONS_MAX);
	if (refused.items == NULL || denied.items == NULL)
		return err_set_memory(err);
	if (refused.n > 0)
		return err_set(err, ERR_INPUT, 400,
			"extensions %s are not on allowed list%s",
			name_list_show(&refused, arena),
			is_vault_command(asked)
				? ": the command asks for all five permit-* extensions, and this role allows fewer; \"sallyport ssh\" asks for none, so that the role's defaults apply"
				: "");
	if (denied.n > 0)
		return err_set(err, ERR_INPUT, 400,
			"extensions %s are denied by role",
			name_list_show(&denied, arena));
	return 0;
}

/* The role's defaults; their values may be templates, their names never. */
static int
fill_default_extensions(const struct cert_question *question,
	struct str_map *extensions, bool *ret_skipped, struct err *err)
{
	const struct ssh_role *role = question->role;
	const struct str_map *defaults = &role->default_extensions;
	const struct template_scope scope = scope_of(question);

	for (size_t i = 0; i < defaults->n; i++) {
		struct span value = span_str(defaults->values[i]);
		int rc = 0;

		if (role->default_extensions_template)
			rc = template_fill(
				value, &scope, question->arena, &value, err);
		if (rc == ERR_ABSENT)
			*ret_skipped = true;
		else if (rc != 0)
			return rc;
		else
			map_set(extensions, defaults->keys[i],
				value.len > 0 ? (const char *)value.data : "");
	}
	return 0;
}

static int
set_extensions(const struct cert_question *question, struct cert_answer *answer,
	struct err *err)
{
	struct str_map extensions = *asked_extensions(question->asked);
	int rc = check_extension_names(question, err);

	if (rc == 0 && extensions.n == 0) {
		rc = map_new(question->arena,
			question->role->default_extensions.n + 1, &extensions,
			err);
		if (rc == 0)
			rc = fill_default_extensions(question, &extensions,
				&answer->skipped_extensions, err);
	}
	if (rc == 0)
		rc = write_options(&extensions, question->arena,
			&answer->parts.extensions, &answer->parts.n_extensions,
			err);
	return rc;
}

/* ---- all of it ---------------------------------------------------------- */

const struct cert_rule cert_rules[] = {
	{ "key_id",
		"the role lets the caller choose the key id, or makes it itself",
		set_key_id },
	{ "cert_type", "the role signs certificates of this type, user or host",
		set_type },
	{ "principals",
		"each principal is among those that the role allows, and there is one",
		set_principals },
	{ "ttl", "the lifetime is within the maximum of role and mount",
		set_validity },
	{ "critical_options",
		"the role allows the critical options that were asked for, and its own hold",
		set_critical_options },
	{ "extensions",
		"the role allows the extensions that were asked for, or gives its own",
		set_extensions },
	{ NULL, NULL, NULL },
};

int
cert_rules_apply(const struct cert_question *question,
	struct cert_answer *answer, struct err *err)
{
	*answer = (struct cert_answer){ .parts.key = question->key };
	for (const struct cert_rule *rule = cert_rules; rule->name != NULL;
		rule++) {
		int rc = rule->apply(question, answer, err);

		if (rc != 0)
			return rc;
		answer->n_true++;
	}
	return 0;
}
