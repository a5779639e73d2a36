/*
 * metrics: what monitoring looks at, one row of a table for each. Reading one
 * must be cheap; whatever is asked for is made at the call.
 */
#include <string.h>
#include <time.h>

#include "server/api/reply.h"
#include "server/core/takeback.h"
#include "server/sys/tables.h"

#define TEXT_MAX ((size_t)64 * 1024)

/* What the metrics are made from, read once in a request. */
struct readings {
	struct lease_queue_size queue;
	struct takeback_counts takeback;
	uint64_t commits;
	int64_t clock_ahead_s;
};

static int64_t
read_one(const struct readings *readings)
{
	(void)readings;
	return 1;
}

static int64_t
read_pending(const struct readings *readings)
{
	return (int64_t)readings->queue.n_pending;
}

static int64_t
read_irrevocable(const struct readings *readings)
{
	return (int64_t)readings->queue.n_irrevocable;
}

static int64_t
read_done(const struct readings *readings)
{
	return (int64_t)readings->takeback.n_done;
}

static int64_t
read_failed(const struct readings *readings)
{
	return (int64_t)readings->takeback.n_failed;
}

static int64_t
read_commits(const struct readings *readings)
{
	return (int64_t)readings->commits;
}

static int64_t
read_clock_ahead(const struct readings *readings)
{
	return readings->clock_ahead_s;
}

/* Names as in JSON; '.' and '-' are '_' for Prometheus. */
static const struct metric {
	const char *name, *help;
	bool counts; /* a counter, else a gauge */
	int64_t (*read)(const struct readings *readings);
} metrics[] = {
	{ "vault.core.active", "1: this server answers.", false, read_one },
	{ "vault.core.unsealed", "1: it is unsealed.", false, read_one },
	{ "vault.expire.job_manager.queue_length",
		"Leases to be taken off other machines.", false, read_pending },
	{ "vault.expire.num_irrevocable_leases",
		"Those of them that failed six times or more.", false,
		read_irrevocable },
	{ "sallyport.takeback.done",
		"Leases taken off other machines since start.", true,
		read_done },
	{ "sallyport.takeback.failed", "Tries of that which failed.", true,
		read_failed },
	{ "sallyport.store.commits", "Commits of the store, ever.", true,
		read_commits },
	{ "sallyport.clock.ahead_seconds",
		"How far the wall clock is ahead of the store's; 0 where they agree.",
		false, read_clock_ahead },
};

static int
take_readings(struct req *req, struct readings *readings, struct err *err)
{
	struct server *server = req->server;

	takeback_count(server->takeback, &readings->takeback);
	readings->commits = store_durable_batch(server->store);
	readings->clock_ahead_s = store_clock_skew_s(server->store);
	return lease_queue_size(server->store, NULL, &readings->queue, err);
}

/* ---- Prometheus --------------------------------------------------------- */

static void
add_name(struct buf *text, const char *name)
{
	for (; *name != '\0'; name++)
		(void)buf_add_char(
			text, *name == '.' || *name == '-' ? '_' : *name);
}

static void
add_metric(struct buf *text, const struct metric *metric,
	const struct readings *readings)
{
	(void)buf_add_str(text, "# HELP ");
	add_name(text, metric->name);
	(void)buf_addf(text, " %s\n# TYPE ", metric->help);
	add_name(text, metric->name);
	(void)buf_addf(text, " %s\n", metric->counts ? "counter" : "gauge");
	add_name(text, metric->name);
	(void)buf_addf(text, " %lld\n", (long long)metric->read(readings));
}

static int
reply_prometheus(struct req *req, struct reply *reply,
	const struct readings *readings, struct err *err)
{
	struct span copy = SPAN_NONE;
	struct buf text;
	int rc;

	buf_init(&text, TEXT_MAX);
	for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
		add_metric(&text, &metrics[i], readings);
	rc = buf_check(&text, err);
	if (rc == 0)
		copy = arena_dup(req->arena, buf_span(&text));
	buf_clear(&text);
	if (rc == 0 && copy.data == NULL)
		rc = err_set_memory(err);
	if (rc == 0)
		reply_raw(reply, "text/plain; version=0.0.4; charset=utf-8",
			copy);
	return rc;
}

/* ---- JSON --------------------------------------------------------------- */

static bool
add_item(struct arena *arena, struct value *list, const struct metric *metric,
	const struct readings *readings)
{
	struct value *item = value_object(arena);

	return value_set_str(arena, item, "Name", metric->name) &&
		value_set_int(arena, item, metric->counts ? "Count" : "Value",
			metric->read(readings)) &&
		value_set(arena, item, "Labels", value_object(arena)) &&
		value_add(list, item);
}

/* "2026-11-21 09:06:00 +0000 UTC" */
static int
reply_timestamp(struct reply *reply, int64_t now_s, struct err *err)
{
	const time_t at = now_s;
	char text[64];
	struct tm tm;

	if (gmtime_r(&at, &tm) == NULL ||
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S +0000 UTC",
			&tm) == 0)
		return err_set(err, ERR_INTERNAL, 500, "internal error");
	reply_str(reply, "Timestamp", text);
	return 0;
}

static int
reply_json(struct req *req, struct reply *reply,
	const struct readings *readings, struct err *err)
{
	struct arena *arena = req->arena;
	struct value *gauges = value_list(arena), *counters = value_list(arena);
	bool fits = true;

	for (size_t i = 0; fits && i < ARRAY_LEN(metrics); i++)
		fits = add_item(arena, metrics[i].counts ? counters : gauges,
			&metrics[i], readings);
	if (!fits)
		return err_set_memory(err);
	reply_value(reply, "Gauges", gauges);
	reply_value(reply, "Points", value_list(arena));
	reply_value(reply, "Counters", counters);
	reply_value(reply, "Samples", value_list(arena));
	return reply_timestamp(reply, req_now_s(req), err);
}

/* ---- the operation ------------------------------------------------------ */

struct metrics_in {
	const char *format;
};

static const struct field metrics_fields[] = {
	FIELD_STR(struct metrics_in, format, .len_max = 32,
		.flags = FIELD_QUERY,
		.doc = "\"prometheus\"; JSON if left out, unless Accept begins with prometheus/telemetry or application/openmetrics-text."),
	FIELD_END,
};

/* Of those who say it by a header, as the peer reads that: by its begin. */
static bool
accepts_prometheus(const struct req *req)
{
	static const char *const types[] = { "prometheus/telemetry",
		"application/openmetrics-text" };

	for (size_t i = 0; req->accept != NULL && i < ARRAY_LEN(types); i++) {
		if (strncmp(req->accept, types[i], strlen(types[i])) == 0)
			return true;
	}
	return false;
}

static int
read_metrics(struct req *req, struct reply *reply, struct err *err)
{
	const struct metrics_in *in = req->in;
	const bool prometheus = in->format[0] != '\0'
		? strcmp(in->format, "prometheus") == 0
		: accepts_prometheus(req);
	struct readings readings = { 0 };
	int rc;

	if (!prometheus && in->format[0] != '\0')
		return err_set(err, ERR_INPUT, 400,
			"metric response format \"%s\" unknown", in->format);
	rc = take_readings(req, &readings, err);
	if (rc != 0)
		return rc;
	return prometheus ? reply_prometheus(req, reply, &readings, err)
			  : reply_json(req, reply, &readings, err);
}

const struct op sys_metrics_ops[] = {
	{
		.path = "metrics",
		.verb = OP_READ,
		.flags = OP_BARE,
		.in_size = sizeof(struct metrics_in),
		.fields = metrics_fields,
		.handler = read_metrics,
		.summary =
			"What monitoring looks at, for Prometheus or as JSON.",
		.errors = { { 400, "another format" } },
	},
	OP_END,
};
