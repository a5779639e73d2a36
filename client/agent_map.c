/* The map's file: settings, and a block for each destination. */
#include "client/agent_map.h"

#include <string.h>

#include "lib/hcl.h"

#define DESTINATION "destination"
#define MOUNT_POINT "ssh"

static const struct setting place_settings[] = {
	SETTING_ROW_STR(struct agent_place, role, .help = "Role to ask."),
	SETTING_ROW_STR(struct agent_place, mount_point,
		.help = "Where the engine is mounted; as above it if left out."),
	SETTING_ROW_STR(struct agent_place, valid_principals,
		.help = "Names to log in as; the role's default user if left out."),
	SETTING_END,
};

struct top {
	const char *role, *mount_point, *valid_principals;
	struct setting_list known_hosts;
};

static const struct setting top_settings[] = {
	SETTING_ROW_STR(struct top, role,
		.help = "Role to ask where no destination fits."),
	SETTING_ROW_STR(struct top, mount_point, .initial = MOUNT_POINT,
		.help = "Where the engine is mounted."),
	SETTING_ROW_STR(struct top, valid_principals,
		.help = "Names to log in as where no destination fits."),
	SETTING_ROW_LIST(struct top, known_hosts,
		.initial = "~/.ssh/known_hosts,/etc/ssh/ssh_known_hosts",
		.help = "Files that tell hosts by their keys."),
	SETTING_END,
};

struct reading {
	struct arena *arena;
	struct agent_map *map;
};

/* destination "patterns" { … } */
static int
read_place(const struct reading *reading, const struct value *member,
	struct err *err)
{
	const struct value *body =
		member->type == VALUE_OBJECT ? member->first : NULL;
	struct agent_place *place =
		&reading->map->places[reading->map->n_places];
	int rc;

	if (body == NULL || body->next != NULL || body->type != VALUE_OBJECT)
		return err_set(err, ERR_INPUT, 400,
			"line %d: a destination is written destination \"HOST,*.DOMAIN\" { role = \"…\" }",
			member->line);
	rc = settings_read(
		place_settings, body, reading->arena, NULL, NULL, place, err);
	if (rc != 0)
		return rc;
	if (place->role[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"line %d: the destination \"%.64s\" names no role",
			member->line, body->key);
	place->patterns = body->key;
	reading->map->n_places++;
	return 0;
}

static int
read_other(void *ctx, const struct value *member, const char *nearest,
	struct err *err)
{
	if (strcmp(member->key, DESTINATION) == 0)
		return read_place(ctx, member, err);
	return err_set(err, ERR_INPUT, 400,
		"invalid key \"%.64s\" on line %d%s%s%s", member->key,
		member->line, nearest != NULL ? "; did you mean \"" : "",
		nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

/* With known_hosts as ssh has them. */
static int
read_tree(const struct value *tree, struct arena *arena,
	struct agent_map *ret_map, struct err *err)
{
	struct agent_map map = { .places = ARENA_ARRAY(arena,
					 struct agent_place, tree->n + 1) };
	struct reading reading = { .arena = arena, .map = &map };
	struct top top;
	int rc;

	if (map.places == NULL)
		return err_set_memory(err);
	rc = settings_read(
		top_settings, tree, arena, read_other, &reading, &top, err);
	if (rc != 0)
		return rc;
	map.otherwise = (struct agent_place){ .patterns = "*",
		.role = top.role,
		.mount_point = top.mount_point,
		.valid_principals = top.valid_principals };
	map.known_hosts = top.known_hosts;
	for (size_t i = 0; i < map.n_places; i++) {
		if (map.places[i].mount_point[0] == '\0')
			map.places[i].mount_point = top.mount_point;
	}
	*ret_map = map;
	return 0;
}

int
agent_map_read(struct span text, struct arena *arena, struct agent_map *ret_map,
	struct err *err)
{
	const struct span kept = arena_dup(arena, text);
	struct value *tree = NULL;
	int rc;

	if (text.len > 0 && kept.data == NULL)
		return err_set_memory(err);
	rc = hcl_parse(kept, arena, &tree, err);
	return rc != 0 ? rc : read_tree(tree, arena, ret_map, err);
}
