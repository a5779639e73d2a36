/* lookup, against a matcher that looks at every bit of every block. */
#include "tests/unit/ssh/ssh_fixture.h"

#define ROLES 30
#define ADDRESSES 300
#define LARGE 700 /* roles of 100 KiB */

struct block {
	uint32_t addr;
	unsigned bits;
};

struct plain_role {
	struct block in[2], out;
	bool listed;
};

static struct plain_role roles[ROLES];
static uint64_t random_state = 0x5a11;

static uint32_t
draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 20) % below;
}

/* Few networks, so that blocks and addresses meet. */
static struct block
draw_block(void)
{
	const uint32_t addr =
		(10U << 24) | (draw(4) << 16) | (draw(4) << 8) | draw(8);

	return (struct block){ addr, 8 + draw(25) };
}

static bool
holds(struct block block, uint32_t addr)
{
	unsigned bit;

	for (bit = 0; bit < block.bits; bit++) {
		const uint32_t mask = 1U << (31 - bit);

		if ((block.addr & mask) != (addr & mask))
			return false;
	}
	return true;
}

static void
print_addr(uint32_t addr, char text[16])
{
	(void)snprintf(text, 16, "%u.%u.%u.%u", addr >> 24, (addr >> 16) & 255,
		(addr >> 8) & 255, addr & 255);
}

static void
store_role(size_t i)
{
	struct plain_role *role = &roles[i];
	char path[32], body[256], in[2][16], out[16];

	*role = (struct plain_role){ { draw_block(), draw_block() },
		draw_block(), i % 7 == 0 };
	print_addr(role->in[0].addr, in[0]);
	print_addr(role->in[1].addr, in[1]);
	print_addr(role->out.addr, out);
	(void)snprintf(path, sizeof(path), "ssh/roles/r%02zu", i);
	(void)snprintf(body, sizeof(body),
		"{\"key_type\":\"otp\",\"default_user\":\"u\",\"cidr_list\":\"%s/%u,%s/%u\",\"exclude_cidr_list\":\"%s/%u\"}",
		in[0], role->in[0].bits, in[1], role->in[1].bits, out,
		role->out.bits);
	api_call(fixture, OP_UPDATE, path, body, &reply);
	assert_int_equal(reply.status, 204);
}

static void
add_name(struct buf *text, const char *name)
{
	(void)buf_addf(text, "%s%s", text->len > 0 ? "," : "", name);
}

static void
add_names(uint32_t addr, bool by_list, struct buf *text)
{
	size_t i;

	for (i = 0; i < ROLES; i++) {
		const struct plain_role *role = &roles[i];
		const bool in =
			holds(role->in[0], addr) || holds(role->in[1], addr);
		char name[24];

		if (holds(role->out, addr) ||
			(by_list ? in || !role->listed : !in))
			continue;
		(void)snprintf(name, sizeof(name), "r%02zu", i);
		add_name(text, name);
	}
}

static void
list_roles(void)
{
	struct buf body;
	size_t i;

	buf_init(&body, 4096);
	(void)buf_add_str(&body, "{\"roles\":\"r00");
	for (i = 1; i < ROLES; i++) {
		if (roles[i].listed)
			(void)buf_addf(&body, ",r%02zu", i);
	}
	(void)buf_add_str(&body, "\"}");
	api_call(fixture, OP_UPDATE, "ssh/config/zeroaddress", buf_str(&body),
		&reply);
	assert_int_equal(reply.status, 204);
	buf_clear(&body);
}

/* True where any role fits. */
static bool
compare_answers(uint32_t addr)
{
	struct buf want, have;
	char text[16], body[64];
	bool found;

	buf_init(&want, 4096);
	buf_init(&have, 4096);
	print_addr(addr, text);
	(void)snprintf(body, sizeof(body), "{\"ip\":\"%s\"}", text);
	api_call(fixture, OP_UPDATE, "ssh/lookup", body, &reply);
	assert_int_equal(reply.status, 200);
	add_names(addr, false, &want);
	add_names(addr, true, &want);
	VALUE_EACH (name, value_find(reply.data, "roles"))
		add_name(&have, name->str);
	assert_string_equal(buf_str(&have), buf_str(&want));
	found = want.len > 0;
	buf_clear(&want);
	buf_clear(&have);
	return found;
}

static void
lookup_agrees_with_the_plain_matcher(void **state)
{
	size_t i, found = 0;

	(void)state;
	api_call(fixture, OP_DELETE, "ssh/roles/web", NULL, &reply);
	for (i = 0; i < ROLES; i++)
		store_role(i);
	list_roles();
	for (i = 0; i < ADDRESSES; i++)
		found += compare_answers(draw_block().addr);
	assert_true(found > ADDRESSES / 4);
}

static void
add_blocks(struct buf *body, const char *name, const char *first)
{
	(void)buf_addf(body, ",\"%s\":\"%s", name, first);
	for (size_t i = 0; i < 4000; i++)
		(void)buf_add_str(body, ",192.0.2.0/24");
	(void)buf_add_str(body, "\"");
}

/* With about as many blocks as a role may have. */
static const char *
large_role(void)
{
	const char *text;
	struct buf body;

	buf_init(&body, 1 << 20);
	(void)buf_add_str(
		&body, "{\"key_type\":\"otp\",\"default_user\":\"u\"");
	add_blocks(&body, "cidr_list", "10.1.0.0/16");
	add_blocks(&body, "exclude_cidr_list", "192.0.2.0/24");
	(void)buf_add_str(&body, "}");
	text = arena_strdup(fixture->arena, buf_str(&body));
	buf_clear(&body);
	return text;
}

/* Together they are more than a request may have in memory. */
static void
roles_with_many_blocks_are_all_looked_at(void **state)
{
	const char *body = large_role();
	char path[32];

	(void)state;
	for (size_t i = 0; i < LARGE; i++) {
		(void)snprintf(path, sizeof(path), "ssh/roles/r%03zu", i);
		api_call(fixture, OP_UPDATE, path, body, &reply);
		assert_int_equal(reply.status, 204);
	}
	api_call(fixture, OP_UPDATE, "ssh/lookup", "{\"ip\":\"10.1.2.3\"}",
		&reply);
	assert_int_equal(reply.status, 200);
	assert_int_equal(value_find(reply.data, "roles")->n, LARGE + 1);
}

static void
askers_are_told_what_is_wrong(void **state)
{
	static const struct api_step steps[] = {
		{ "POST", "ssh/lookup", "{}", 400, "Missing ip", NULL },
		{ "POST", "ssh/lookup", "{\"ip\":\"10.1.2.300\"}", 400,
			"Invalid IP \"10.1.2.300\"", NULL },
		{ "POST", "ssh/lookup", "{\"ip\":\"192.0.2.1\"}", 200, NULL,
			"\"roles\":null" },
		{ "POST", "ssh/lookup", "{\"ip\":\"10.9.0.1\"}", 200, NULL,
			"\"roles\":null" },
		{ "POST", "ssh/lookup", "{\"ip\":\"::ffff:10.1.2.3\"}", 200,
			NULL, "\"roles\":[\"web\"]" },
	};

	(void)state;
	API_RUN_STEPS(fixture, steps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED(lookup_agrees_with_the_plain_matcher),
		MOUNTED(roles_with_many_blocks_are_all_looked_at),
		MOUNTED(askers_are_told_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
