/* health, leader, seal-status: what load balancers and people ask first. */
#include <string.h>

#include "lib/number.h"
#include "server/api/reply.h"
#include "server/core/seal.h"
#include "server/sys/seal_reply.h"
#include "server/sys/tables.h"

/* These three wait for no disk and are answered on the I/O thread. */
#define HEALTH_FLAGS                                                           \
	(OP_BARE | OP_UNAUTHENTICATED | OP_UNAUDITED | OP_WHILE_SEALED)

struct health_in {
	const char *activecode, *standbycode, *sealedcode, *uninitcode,
		*drsecondarycode, *performancestandbycode;
	const char *standbyok, *perfstandbyok;
};

#define CODE_FIELD(member, state)                                              \
	FIELD_STR(struct health_in, member, .len_max = 16,                     \
		.flags = FIELD_QUERY,                                          \
		.doc = "Status to answer with when " state ".")

static const struct field health_fields[] = {
	CODE_FIELD(activecode, "active"),
	CODE_FIELD(standbycode, "standby"),
	CODE_FIELD(sealedcode, "sealed"),
	CODE_FIELD(uninitcode, "not initialised"),
	CODE_FIELD(drsecondarycode, "a disaster recovery secondary"),
	CODE_FIELD(performancestandbycode, "a performance standby"),
	FIELD_STR(struct health_in, standbyok, .len_max = 16,
		.flags = FIELD_QUERY,
		.doc = "Answer as if active when standby."),
	FIELD_STR(struct health_in, perfstandbyok, .len_max = 16,
		.flags = FIELD_QUERY,
		.doc = "Answer as if active when a performance standby."),
	FIELD_END,
};

struct health_code {
	const char *asked;
	int usual;
};

static int
choose_code(const struct health_code *code, int *ret_status, struct err *err)
{
	uint64_t n;

	if (code->asked[0] == '\0') {
		*ret_status = code->usual;
		return 0;
	}
	if (number_parse_u64(span_str(code->asked), 599, &n) != 0 || n < 200)
		return err_set(err, ERR_INPUT, 400, "%s", "");
	*ret_status = (int)n;
	return 0;
}

/* A bad number is refused even where its state does not hold. */
static int
choose_status(const struct health_in *in, const struct seal_status *seal,
	int *ret_status, struct err *err)
{
	const struct health_code codes[] = { { in->activecode, 200 },
		{ in->sealedcode, 503 }, { in->uninitcode, 501 },
		{ in->standbycode, 429 }, { in->drsecondarycode, 472 },
		{ in->performancestandbycode, 473 } };
	const size_t state = !seal->initialized ? 2 : seal->sealed ? 1 : 0;
	int status = 0;

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		int rc = choose_code(&codes[i], &status, err);

		if (rc != 0)
			return rc;
		if (i == state)
			*ret_status = status;
	}
	return 0;
}

static int
read_health(struct req *req, struct reply *reply, struct err *err)
{
	const int64_t ahead_s = store_clock_skew_s(req->server->store);
	struct seal_status seal;
	const char *replication;
	int rc;

	seal_get_status(req->server->seal, &seal);
	rc = choose_status(req->in, &seal, &reply->status, err);
	if (rc != 0)
		return rc;
	replication = seal.sealed ? "unknown" : "disabled";
	reply_bool(reply, "initialized", seal.initialized);
	reply_bool(reply, "sealed", seal.sealed);
	reply_bool(reply, "standby", seal.sealed);
	reply_bool(reply, "performance_standby", false);
	reply_str(reply, "replication_performance_mode", replication);
	reply_str(reply, "replication_dr_mode", replication);
	reply_int(reply, "server_time_utc", req_now_s(req));
	if (ahead_s != 0)
		reply_int(reply, "wall_clock_ahead_s", ahead_s);
	reply_str(reply, "version", SALLYPORT_API_VERSION);
	reply_str(reply, "sallyport_version", SALLYPORT_VERSION);
	if (!seal.sealed) {
		reply_str(reply, "cluster_name", seal.cluster_name);
		reply_str(reply, "cluster_id", seal.cluster_id);
	}
	return 0;
}

static int
read_leader(struct req *req, struct reply *reply, struct err *err)
{
	(void)req;
	(void)err;
	reply_bool(reply, "ha_enabled", false);
	reply_bool(reply, "is_self", false);
	reply_str(reply, "active_time", "0001-01-01T00:00:00Z");
	reply_str(reply, "leader_address", "");
	reply_str(reply, "leader_cluster_address", "");
	reply_bool(reply, "performance_standby", false);
	reply_int(reply, "performance_standby_last_remote_wal", 0);
	return 0;
}

void
reply_seal_status(struct req *req, struct reply *reply)
{
	struct seal_status seal;

	seal_get_status(req->server->seal, &seal);
	reply_str(reply, "type", seal.type);
	reply_bool(reply, "initialized", seal.initialized);
	reply_bool(reply, "sealed", seal.sealed);
	reply_int(reply, "t", seal.t);
	reply_int(reply, "n", seal.n);
	reply_int(reply, "progress", seal.progress);
	reply_str(reply, "nonce", seal.nonce);
	reply_str(reply, "version", SALLYPORT_API_VERSION);
	reply_str(reply, "sallyport_version", SALLYPORT_VERSION);
	reply_bool(reply, "migration", false);
	reply_bool(reply, "recovery_seal", false);
	reply_str(reply, "storage_type", store_kind(req->server->store));
	if (seal.sealed && seal.reason[0] != '\0')
		reply_str(reply, "sealed_reason", seal.reason);
	if (!seal.sealed) {
		reply_str(reply, "cluster_name", seal.cluster_name);
		reply_str(reply, "cluster_id", seal.cluster_id);
	}
}

static int
read_seal_status(struct req *req, struct reply *reply, struct err *err)
{
	(void)err;
	reply_seal_status(req, reply);
	return 0;
}

const struct op sys_health_ops[] = {
	{
		.path = "health",
		.verb = OP_READ,
		.flags = HEALTH_FLAGS | OP_HEAD,
		.in_size = sizeof(struct health_in),
		.fields = health_fields,
		.handler = read_health,
		.summary =
			"Tell whether the server is initialised, unsealed and active.",
		.text = "Answers 200 when active, 503 when sealed, 501 when not initialised;\n"
			"query parameters change these. wall_clock_ahead_s is there where the wall\n"
			"clock jumped by so many seconds and is not followed.",
	},
	{
		.path = "leader",
		.verb = OP_READ,
		.flags = HEALTH_FLAGS,
		.handler = read_leader,
		.summary = "Tell who leads; this server stands alone.",
	},
	{
		.path = "seal-status",
		.verb = OP_READ,
		.flags = HEALTH_FLAGS,
		.handler = read_seal_status,
		.summary =
			"Tell whether the server is sealed, and how far unsealing is.",
	},
	OP_END,
};
