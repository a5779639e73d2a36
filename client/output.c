/* One answer, several forms. */
#include "client/output.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/say.h"
#include "client/yaml.h"
#include "lib/duration.h"
#include "lib/jsonw.h"
#include "lib/number.h"

#define OUTPUT_MAX ((size_t)1024 * 1024 * 1024)
#define GAP 4
#define BLANKS " \t\r\n\v\f"

struct table_row {
	const char *cells[TABLE_COLUMNS_MAX];
	struct table_row *next;
};

/* ---- the way out -------------------------------------------------------- */

/* Print what was put together, all of it, and clear it. */
static void
put(struct buf *out)
{
	if (buf_check(out, NULL) != 0) {
		say_error("Error writing the output: out of memory");
		exit(EXIT_USAGE);
	}
	(void)fwrite(out->data, 1, out->len, stdout);
	buf_clear(out);
}

/* ---- tables ------------------------------------------------------------- */

/* Without blanks and newlines at its ends; "n/a" where nothing is left. */
static const char *
trim_cell(struct arena *arena, const char *cell)
{
	size_t len;

	cell += strspn(cell, BLANKS);
	len = strlen(cell);
	while (len > 0 && strchr(BLANKS, cell[len - 1]) != NULL)
		len--;
	if (len == 0)
		return "n/a";
	return cell[len] == '\0' ? cell : arena_strndup(arena, cell, len);
}

void
table_add(struct table *table, const char *const *cells)
{
	struct table_row *row = ARENA_NEW(table->arena, struct table_row);
	size_t n = 0;

	if (row == NULL)
		return;
	for (; n < TABLE_COLUMNS_MAX && cells[n] != NULL; n++)
		row->cells[n] = trim_cell(table->arena, cells[n]);
	if (n > table->n_columns)
		table->n_columns = n;
	if (table->first == NULL)
		table->first = row;
	else
		table->last->next = row;
	table->last = row;
}

/* Characters, not bytes: continuation bytes of UTF-8 take no room. */
static size_t
width_of(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void
print_row(const struct table *table, const struct table_row *row,
	const size_t *widths)
{
	for (size_t i = 0; i < table->n_columns; i++) {
		const char *cell = row->cells[i] != NULL ? row->cells[i] : "";
		const bool last = i + 1 == table->n_columns;

		say_put(stdout, cell);
		for (size_t n = width_of(cell); !last && n < widths[i] + GAP;
			n++)
			fputc(' ', stdout);
	}
	fputc('\n', stdout);
}

/* A dash for each character of the header. */
static void
print_dashes(const struct table *table, const size_t *widths)
{
	struct table_row dashes = { .next = NULL };

	for (size_t i = 0; i < table->n_columns; i++) {
		const char *head = table->first->cells[i];
		const size_t n = head != NULL ? width_of(head) : 0;
		char *line = arena_alloc(table->arena, n + 1, 1);

		if (line == NULL)
			return;
		memset(line, '-', n);
		dashes.cells[i] = line;
	}
	print_row(table, &dashes, widths);
}

void
table_print(const struct table *table)
{
	size_t widths[TABLE_COLUMNS_MAX] = { 0 };

	for (const struct table_row *row = table->first; row != NULL;
		row = row->next) {
		for (size_t i = 0; i < table->n_columns; i++) {
			const size_t n = row->cells[i] != NULL
				? width_of(row->cells[i])
				: 0;

			if (n > widths[i])
				widths[i] = n;
		}
	}
	for (const struct table_row *row = table->first; row != NULL;
		row = row->next) {
		print_row(table, row, widths);
		if (row == table->first && !table->no_header)
			print_dashes(table, widths);
	}
}

struct table
table_key_value(struct cli *cli)
{
	struct table table = { .arena = cli->arena };

	TABLE_ADD(&table, "Key", "Value");
	return table;
}

/* ---- cells -------------------------------------------------------------- */

static void add_cell(struct buf *out, const struct value *value);

/* Members in order of name, as Go prints maps. */
static void
add_map(struct buf *out, const struct value *object)
{
	const struct value **members = value_by_name(object);

	if (members == NULL)
		return;
	(void)buf_add_str(out, "map[");
	for (size_t i = 0; i < object->n; i++) {
		(void)buf_addf(out, "%s%s:", i > 0 ? " " : "", members[i]->key);
		add_cell(out, members[i]);
	}
	(void)buf_add_char(out, ']');
	free(members);
}

static void
add_list(struct buf *out, const struct value *list)
{
	(void)buf_add_char(out, '[');
	VALUE_EACH (item, list) {
		if (item != list->first)
			(void)buf_add_char(out, ' ');
		add_cell(out, item);
	}
	(void)buf_add_char(out, ']');
}

static void
add_cell(struct buf *out, const struct value *value)
{
	switch (value->type) {
	case VALUE_NULL:
		(void)buf_add_str(out, "<nil>");
		break;
	case VALUE_BOOL:
		(void)buf_add_str(out, value->boolean ? "true" : "false");
		break;
	case VALUE_INT:
		(void)buf_addf(out, "%lld", (long long)value->integer);
		break;
	case VALUE_NUMBER:
	case VALUE_STRING:
		(void)buf_add_span(out, value_text(value));
		break;
	case VALUE_LIST:
		add_list(out, value);
		break;
	case VALUE_OBJECT:
		add_map(out, value);
		break;
	}
}

const char *
output_cell(struct cli *cli, const struct value *value)
{
	const char *text = NULL;
	struct buf out;

	buf_init(&out, OUTPUT_MAX);
	if (value != NULL)
		add_cell(&out, value);
	text = arena_strdup(cli->arena, buf_str(&out));
	buf_clear(&out);
	return text != NULL ? text : "";
}

const char *
output_duration(struct cli *cli, int64_t seconds)
{
	char text[DURATION_TEXT_MAX];
	const char *copy;

	duration_format_s(seconds, text);
	copy = arena_strdup(cli->arena, text);
	return copy != NULL ? copy : "";
}

static bool
ends_with(const char *text, const char *tail)
{
	const size_t len = strlen(text);
	const size_t tail_len = strlen(tail);

	return len >= tail_len && strcmp(text + len - tail_len, tail) == 0;
}

static bool
names_a_duration(const char *key)
{
	static const char *const whole[] = { "period", "ttl", "duration",
		"lease_max", "ttl_max" };
	static const char *const tails[] = { "_period", "_ttl", "_duration" };

	for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
		if (strcmp(key, whole[i]) == 0)
			return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
		if (ends_with(key, tails[i]))
			return true;
	}
	return false;
}

const char *
output_cell_of(struct cli *cli, const char *key, const struct value *value)
{
	int64_t seconds;

	if (value == NULL || value->type != VALUE_NUMBER ||
		!names_a_duration(key) ||
		number_parse_i64(
			value_text(value), INT64_MIN, INT64_MAX, &seconds) != 0)
		return output_cell(cli, value);
	return output_duration(cli, seconds);
}

/* ---- the rows of an answer ---------------------------------------------- */

/* ["default" "web"], as Go prints quoted lists. */
static const char *
quoted_list(struct cli *cli, const struct value *list)
{
	const char *text;
	struct buf out;

	buf_init(&out, OUTPUT_MAX);
	(void)buf_add_char(&out, '[');
	VALUE_EACH (item, list) {
		const struct span one = value_text(item);

		(void)buf_addf(&out, "%s\"%.*s\"",
			item != value_first(list) ? " " : "", (int)one.len,
			(const char *)one.data);
	}
	(void)buf_add_char(&out, ']');
	text = arena_strdup(cli->arena, buf_str(&out));
	buf_clear(&out);
	return text != NULL ? text : "";
}

static void
add_lease_rows(struct cli *cli, struct table *table, const struct value *answer)
{
	const int64_t seconds = value_find_int(answer, "lease_duration", 0);
	const char *id = value_find_str(answer, "lease_id", "");

	if (seconds <= 0)
		return;
	if (id[0] == '\0') {
		TABLE_ADD(table, "refresh_interval",
			output_duration(cli, seconds));
		return;
	}
	TABLE_ADD(table, "lease_id", id);
	TABLE_ADD(table, "lease_duration", output_duration(cli, seconds));
	TABLE_ADD(table, "lease_renewable",
		value_find_bool(answer, "renewable", false) ? "true" : "false");
}

static void
add_auth_rows(struct cli *cli, struct table *table, const struct value *auth)
{
	const int64_t seconds = value_find_int(auth, "lease_duration", 0);

	if (auth == NULL || auth->type != VALUE_OBJECT)
		return;
	TABLE_ADD(table, "token", value_find_str(auth, "client_token", ""));
	TABLE_ADD(
		table, "token_accessor", value_find_str(auth, "accessor", ""));
	TABLE_ADD(table, "token_duration",
		seconds == 0 ? "∞" : output_duration(cli, seconds));
	TABLE_ADD(table, "token_renewable",
		value_find_bool(auth, "renewable", false) ? "true" : "false");
	TABLE_ADD(table, "token_policies",
		quoted_list(cli, value_find(auth, "token_policies")));
	TABLE_ADD(table, "identity_policies",
		quoted_list(cli, value_find(auth, "identity_policies")));
	TABLE_ADD(table, "policies",
		quoted_list(cli, value_find(auth, "policies")));
	VALUE_EACH (meta, value_find(auth, "metadata")) {
		const char *key =
			arena_printf(cli->arena, "token_meta_%s", meta->key);

		if (key != NULL)
			TABLE_ADD(table, key, output_cell(cli, meta));
	}
}

/* "2026-11-21T09:06:14.8Z" as the peer prints times. */
static const char *
time_cell(struct cli *cli, const char *time)
{
	const size_t day = strcspn(time, "T");
	const size_t len = strlen(time);
	const char *text;

	if (time[day] != 'T' || time[len - 1] != 'Z')
		return time;
	text = arena_printf(cli->arena, "%.*s %.*s +0000 UTC", (int)day, time,
		(int)(len - day - 2), time + day + 1);
	return text != NULL ? text : "";
}

/* The colons belong to the names. */
static void
add_wrap_rows(struct cli *cli, struct table *table, const struct value *wrap)
{
	const char *wrapped = value_find_str(wrap, "wrapped_accessor", "");

	TABLE_ADD(table, "wrapping_token:", value_find_str(wrap, "token", ""));
	TABLE_ADD(table,
		"wrapping_accessor:", value_find_str(wrap, "accessor", ""));
	TABLE_ADD(table, "wrapping_token_ttl:",
		output_duration(cli, value_find_int(wrap, "ttl", 0)));
	TABLE_ADD(table, "wrapping_token_creation_time:",
		time_cell(cli, value_find_str(wrap, "creation_time", "")));
	TABLE_ADD(table, "wrapping_token_creation_path:",
		value_find_str(wrap, "creation_path", ""));
	if (wrapped[0] != '\0')
		TABLE_ADD(table, "wrapped_accessor:", wrapped);
}

static void
add_data_rows(struct cli *cli, struct table *table, const struct value *data)
{
	struct value *sorted;

	if (data == NULL || data->type != VALUE_OBJECT)
		return;
	sorted = value_copy(cli->arena, data);
	if (sorted == NULL)
		return;
	value_sort(sorted);
	VALUE_EACH (member, sorted)
		TABLE_ADD(table, member->key,
			output_cell_of(cli, member->key, member));
}

bool
output_warnings(const struct value *answer)
{
	const struct value *warnings = value_find(answer, "warnings");

	if (value_first(warnings) == NULL)
		return false;
	say_warning(
		"WARNING! The following warnings were returned from Vault:");
	VALUE_EACH (item, warnings)
		say_warning_item("* %s", value_str(item, ""));
	return true;
}

/* ---- JSON, YAML, one field ---------------------------------------------- */

void
output_value(struct cli *cli, const struct value *value)
{
	static const struct value nothing = { .type = VALUE_NULL };
	struct buf out;

	if (value == NULL)
		value = &nothing;
	buf_init(&out, OUTPUT_MAX);
	if (cli->format == FORMAT_RAW) {
		(void)buf_add_span(&out, cli->answer.body);
	} else if (cli->format == FORMAT_YAML) {
		yaml_write(&out, value);
	} else {
		jsonw_value(&out, value, 2);
		(void)buf_add_char(&out, '\n');
	}
	put(&out);
}

void
output_line(const struct value *value)
{
	struct buf out;

	buf_init(&out, OUTPUT_MAX);
	jsonw_value(&out, value, 0);
	(void)buf_add_char(&out, '\n');
	put(&out);
}

static const char *const envelope_names[] = { "request_id", "lease_id",
	"lease_duration", "renewable", "data", "warnings", NULL };
static const char *const auth_names[] = { "client_token", "accessor",
	"policies", "token_policies", "identity_policies", "metadata", "orphan",
	"entity_id", "lease_duration", "renewable", NULL };
static const char *const wrap_names[] = { "token", "accessor", "ttl",
	"creation_time", "creation_path", "wrapped_accessor", NULL };

/* The named members in this order, null where there are none. */
static struct value *
in_order(struct cli *cli, const struct value *object, const char *const *names)
{
	struct value *out = value_object(cli->arena);

	for (; *names != NULL; names++) {
		const struct value *member = value_find(object, *names);

		(void)value_set(cli->arena, out, *names,
			member != NULL ? value_copy(cli->arena, member)
				       : value_null(cli->arena));
	}
	return out;
}

/* The envelope as the peer's command prints it. */
static struct value *
ordered_envelope(struct cli *cli, const struct value *answer)
{
	const struct value *auth = value_find(answer, "auth");
	const struct value *wrap = value_find(answer, "wrap_info");
	struct value *out = in_order(cli, answer, envelope_names);
	struct value *inner;

	if (auth != NULL && auth->type == VALUE_OBJECT)
		(void)value_set(cli->arena, out, "auth",
			in_order(cli, auth, auth_names));
	if (!output_is_wrapped(answer))
		return out;
	inner = in_order(cli, wrap, wrap_names);
	if (value_find(wrap, "wrapped_accessor") == NULL)
		(void)value_set_str(cli->arena, inner, "wrapped_accessor", "");
	(void)value_set(cli->arena, out, "wrap_info", inner);
	return out;
}

/* Names of -field that stand outside data. */
static const struct value *
find_outer_field(const struct value *answer, const char *field)
{
	static const struct {
		const char *field, *part, *member;
	} outer[] = {
		{ "token", "auth", "client_token" },
		{ "token_accessor", "auth", "accessor" },
		{ "token_duration", "auth", "lease_duration" },
		{ "token_renewable", "auth", "renewable" },
		{ "token_policies", "auth", "token_policies" },
		{ "identity_policies", "auth", "identity_policies" },
		{ "policies", "auth", "policies" },
		{ "wrapping_token", "wrap_info", "token" },
		{ "wrapping_accessor", "wrap_info", "accessor" },
		{ "wrapping_token_ttl", "wrap_info", "ttl" },
		{ "wrapping_token_creation_time", "wrap_info",
			"creation_time" },
		{ "wrapping_token_creation_path", "wrap_info",
			"creation_path" },
		{ "wrapped_accessor", "wrap_info", "wrapped_accessor" },
		{ "lease_id", NULL, "lease_id" },
		{ "lease_duration", NULL, "lease_duration" },
		{ "refresh_interval", NULL, "lease_duration" },
		{ "renewable", NULL, "renewable" },
		{ "request_id", NULL, "request_id" },
		{ "data", NULL, "data" },
	};

	for (size_t i = 0; i < ARRAY_LEN(outer); i++) {
		const struct value *part = outer[i].part == NULL
			? answer
			: value_find(answer, outer[i].part);

		if (strcmp(outer[i].field, field) == 0 && part != NULL &&
			part->type == VALUE_OBJECT)
			return value_find(part, outer[i].member);
	}
	return NULL;
}

static int
print_field(struct cli *cli, const struct value *answer)
{
	const char *field = cli->options.field;
	const struct value *data = value_find(answer, "data");
	const struct value *value = find_outer_field(answer, field);
	struct buf out;

	if (value == NULL && data != NULL && data->type == VALUE_OBJECT)
		value = value_find(data, field);
	if (value == NULL)
		return cli_usage("Field \"%s\" not present in secret", field);
	buf_init(&out, OUTPUT_MAX);
	if (cli->format == FORMAT_TABLE)
		add_cell(&out, value);
	else
		jsonw_value(&out, value, 2);
	put(&out);
	if (isatty(STDOUT_FILENO))
		fputc('\n', stdout);
	return EXIT_DONE;
}

bool
output_is_wrapped(const struct value *answer)
{
	const struct value *wrap = value_find(answer, "wrap_info");

	return wrap != NULL && wrap->type == VALUE_OBJECT;
}

int
output_secret(struct cli *cli, const struct value *answer)
{
	struct table table;

	if (cli->options.field[0] != '\0')
		return print_field(cli, answer);
	if (cli->format != FORMAT_TABLE) {
		output_value(cli, ordered_envelope(cli, answer));
		return EXIT_DONE;
	}
	(void)output_warnings(answer);
	table = table_key_value(cli);
	add_lease_rows(cli, &table, answer);
	add_auth_rows(cli, &table, value_find(answer, "auth"));
	if (output_is_wrapped(answer))
		add_wrap_rows(cli, &table, value_find(answer, "wrap_info"));
	add_data_rows(cli, &table, value_find(answer, "data"));
	if (table.first != table.last)
		table_print(&table);
	return EXIT_DONE;
}

int
output_no_list(const struct cli *cli, const char *what, const char *path)
{
	if (cli->format == FORMAT_TABLE)
		say_error("%s %s", what, path);
	else
		printf("{}\n");
	return EXIT_SERVER;
}

int
output_keys(struct cli *cli, const struct value *keys)
{
	struct table table = { .arena = cli->arena };

	if (cli->format != FORMAT_TABLE) {
		output_value(cli, keys);
		return EXIT_DONE;
	}
	TABLE_ADD(&table, "Keys");
	VALUE_EACH (key, keys)
		TABLE_ADD(&table, output_cell(cli, key));
	table_print(&table);
	return EXIT_DONE;
}
