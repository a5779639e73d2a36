/* The rules behind those of a role: a way to the machine, a key, its pins. */
#include "server/engines/ssh/dynamic/dynamic_way.h"

#include "server/engines/ssh/profiles/pins.h"
#include "server/engines/ssh/records/named_key.h"

static int
find_way(struct req *req, const struct dynamic_wish *wish,
	struct dynamic_way *way, struct err *err)
{
	int rc = dynamic_lease_plan(req, wish, &way->plan, err);

	way->is_planned = rc == 0;
	return rc;
}

struct key_look {
	struct req *req;
	const char *name;
};

static int
look_key(struct store_tx *tx, void *ctx, struct err *err)
{
	const struct key_look *look = ctx;
	struct named_key_info ignored;

	return named_key_get(tx, &look->req->mount->kv, look->name,
		look->req->arena, &ignored, err);
}

/* Over REST the target's API secret is what logs in. */
static int
find_key(struct req *req, UNUSED const struct dynamic_wish *wish,
	struct dynamic_way *way, struct err *err)
{
	struct key_look look = { .req = req, .name = way->plan.key };
	int rc = look.name[0] != '\0' ? req_read(req, look_key, &look, err) : 0;

	if (rc != ERR_ABSENT)
		return rc;
	err_clear(err);
	return err_set(
		err, ERR_INPUT, 400, "key \"%.64s\" not found", look.name);
}

static int
find_pins(struct req *req, UNUSED const struct dynamic_wish *wish,
	struct dynamic_way *way, struct err *err)
{
	const struct dynamic_lease *plan = &way->plan;
	int rc = dynamic_lease_machine(
		req->server, req->mount, plan, req->arena, &way->job, err);

	way->is_known = rc == 0;
	if (rc != 0 || way->job.policy != OUTBOUND_HOST_KEY_STRICT ||
		way->job.host_keys.n > 0 ||
		profile_find(plan->profile)->speaks_rest)
		return rc;
	return err_set(err, ERR_INPUT, 400,
		"no host key is pinned for %s port %lld: role and target name none",
		plan->host, (long long)plan->port);
}

/* In the order in which an install comes to them. */
static const struct {
	const char *name, *text;
	int (*ask)(struct req *req, const struct dynamic_wish *wish,
		struct dynamic_way *way, struct err *err);
} rules[] = {
	{ "target",
		"role and target say how the server gets there: profile, user and key",
		find_way },
	{ "key", "the key that the server logs in with is there", find_key },
	{ "host_keys",
		"the machine has a host key pinned, or needs none before the first login",
		find_pins },
};

int
dynamic_way_ask(struct req *req, const struct dynamic_wish *wish,
	struct dynamic_way *way, size_t *n_true, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(rules); i++) {
		rc = rules[i].ask(req, wish, way, err);
		*n_true += rc == 0;
	}
	return rc;
}

void
dynamic_way_explain(struct reply *reply, struct explanation *explanation)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		explain_add(reply, explanation, rules[i].name, rules[i].text);
}

/* Each once, though both role and target have it. */
static struct value *
fingerprints(struct arena *arena, const struct str_list *pins)
{
	struct str_list shown = { NULL, 0 };

	for (size_t i = 0; i < pins->n; i++) {
		const char *text = pins_fingerprint(pins->items[i], arena);

		if (text[0] != '\0')
			(void)str_list_add(arena, &shown, text);
	}
	return value_of_list(arena, &shown);
}

void
dynamic_way_show(
	struct reply *reply, const struct dynamic_way *way, int64_t port)
{
	const struct dynamic_lease *plan = &way->plan;

	reply_int(reply, "port", way->is_planned ? plan->port : port);
	if (!way->is_planned)
		return;
	if (plan->target[0] != '\0')
		reply_str(reply, "target", plan->target);
	reply_str(reply, "host", plan->host);
	reply_str(reply, "profile", plan->profile);
	reply_str(reply, "host_key_policy", plan->host_key_policy);
	if (way->is_known)
		reply_value(reply, "host_keys",
			fingerprints(reply->req->arena, &way->job.host_keys));
}
