/*
 * The server's configuration file: the rows of its keys, and the reader that
 * puts several files and directories together. Blocks (storage, seal,
 * listener) have tables of their own.
 */
#include "server/core/settings_table.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fsutil.h"
#include "lib/hcl.h"
#include "lib/log.h"

#define CONFIG_BYTES_MAX (1024 * 1024)
#define DEV_ADDRESS "127.0.0.1:8200"

#define STR(member, ...)                                                       \
	SETTING_ROW_STR(struct server_settings, member, __VA_ARGS__)
#define INT(member, ...)                                                       \
	SETTING_ROW_INT(struct server_settings, member, __VA_ARGS__)
#define BOOL(member, ...)                                                      \
	SETTING_ROW_BOOL(struct server_settings, member, __VA_ARGS__)
#define DURATION(member, ...)                                                  \
	SETTING_ROW_DURATION(struct server_settings, member, __VA_ARGS__)

#define TTL_MAX INT64_C(3153600000) /* a hundred years */

const struct setting server_settings_rows[] = {
	SETTING_ROW_LIST(struct server_settings, audit_directories,
		.initial = LOCALSTATEDIR "/log/sallyport",
		.help = "File audit devices may stand below these directories only."),
	STR(api_addr, .max = 1024,
		.help = "URL at which clients reach this server."),
	STR(log_level, .max = 16, .initial = "info",
		.help = "off, error, warn, info, debug or trace."),
	STR(log_format, .max = 16, .initial = "standard",
		.help = "standard (text) or json."),
	STR(pid_file, .max = 4096,
		.help = "File that holds the process id while the server runs."),
	STR(cluster_name, .max = 63,
		.help = "Name shown in sys/health; one is made at init if absent."),
	BOOL(disable_mlock,
		.help = "Do not insist on memory that is never swapped out."),
	BOOL(allow_sha1_signatures,
		.help = "Allow certificates signed with ssh-rsa (SHA-1)."),
	DURATION(default_lease_ttl, .min = 1, .max = TTL_MAX, .initial = "768h",
		.help = "Lifetime of a lease by default."),
	DURATION(max_lease_ttl, .min = 1, .max = TTL_MAX, .initial = "768h",
		.help = "Longest lifetime of a lease."),
	DURATION(otp_default_ttl, .min = 0, .max = TTL_MAX, .initial = "10m",
		.help = "Lifetime of a one-time password by default; 0: as other leases."),
	INT(max_request_size, .min = 1024, .max = 1 << 30,
		.initial = "33554432",
		.help = "Largest request body in bytes."),
	INT(io_threads, .min = 0, .max = 64,
		.help = "Threads for connections; 0: as many as cores, at most 4."),
	INT(workers_max, .min = 1, .max = 1024, .initial = "256",
		.help = "Most threads that work on requests."),
	INT(queue_max, .min = 1, .max = 65536, .initial = "4096",
		.help = "Most requests that wait for a thread."),
	INT(connections_max, .min = 0, .max = 1000000,
		.help = "Most open connections; 0: by the limit of descriptors."),
	SETTING_END,
};

#define L_STR(member, ...)                                                     \
	SETTING_ROW_STR(struct listener_settings, member, __VA_ARGS__)
#define L_BOOL(member, ...)                                                    \
	SETTING_ROW_BOOL(struct listener_settings, member, __VA_ARGS__)

const struct setting listener_settings_rows[] = {
	L_STR(address, .max = 1024,
		.help = "tcp: address and port, \"127.0.0.1:8200\"."),
	L_STR(path, .max = 107, .help = "unix: path of the socket."),
	SETTING_ROW_INT(struct listener_settings, socket_mode, .min = 0,
		.max = 0777, .initial = "0660",
		.help = "unix: mode of the socket, octal."),
	L_BOOL(tls_disable, .help = "tcp: plain HTTP."),
	L_STR(tls_cert_file, .max = 4096,
		.help = "PEM file of the certificate and its chain."),
	L_STR(tls_key_file, .max = 4096, .help = "PEM file of the key."),
	L_STR(tls_client_ca_file, .max = 4096,
		.help = "PEM file of the CAs for client certificates."),
	L_STR(tls_min_version, .max = 8, .initial = "tls12",
		.help = "tls12 or tls13."),
	L_STR(tls_max_version, .max = 8, .help = "tls12 or tls13; empty: any."),
	L_BOOL(tls_require_and_verify_client_cert,
		.help = "Refuse clients without a good certificate."),
	L_BOOL(tls_disable_client_certs,
		.help = "Do not ask clients for a certificate."),
	L_BOOL(unauthenticated_rekey,
		.help = "Let anybody who reaches this address rekey."),
	SETTING_ROW_INT(struct listener_settings, max_request_size, .min = 0,
		.max = 1 << 30,
		.help = "Largest request body in bytes; 0: the server's."),
	SETTING_END,
};

/* storage "sqlite" and seal "file" have one key. */
struct path_block {
	const char *path;
};

static const struct setting path_rows[] = {
	SETTING_ROW_STR(struct path_block, path, .max = 4096,
		.help = "Path of the file."),
	SETTING_END,
};

static const struct setting no_rows[] = { SETTING_END };

/* Keys that Vault knows and that have no meaning here. */
static const char *const vault_keys[] = { "ui", "cluster_addr", "raft",
	"telemetry", "disable_cache", "disable_clustering", "plugin_directory",
	"plugin_file_uid", "plugin_file_permissions", "ha_storage",
	"service_registration", "cache_size", "disable_sealwrap",
	"disable_printable_check", "disable_performance_standby",
	"disable_indexing", "raw_storage_endpoint", "introspection_endpoint",
	"default_max_request_duration", "enable_response_header_hostname",
	"enable_response_header_raft_node_id", "entropy", "license_path",
	"sentinel", "hsm", "verbose_oidc_logging", "log_requests_level",
	"detect_deadlocks", "administrative_namespace_path", "user_lockout",
	NULL };
static const char *const vault_listener_keys[] = { "cluster_address",
	"http_idle_timeout", "http_read_header_timeout", "http_read_timeout",
	"http_write_timeout", "max_request_duration",
	"tls_prefer_server_cipher_suites", "telemetry", "profiling",
	"socket_user", "socket_group", NULL };

/* ---- reading ---------------------------------------------------------- */

struct load {
	struct arena *arena;
	struct server_settings *settings;
	struct value *plain; /* top-level keys of all files, in order */
	const char *file;    /* the one being read */
	struct err *err;
};

static bool
is_listed(const char *const *names, const char *name)
{
	while (*names != NULL && strcmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

/* Put the file's name before what a reader said. */
static int
blame_file(const struct load *load, const struct err *why)
{
	return err_set(load->err, why->code, why->status, "%s: %s", load->file,
		why->message);
}

static void
warn_key(const struct load *load, const struct value *member,
	const char *message, const char *nearest)
{
	log_warn(message, LOG_STR("key", member->key),
		LOG_STR("file", load->file), LOG_INT("line", member->line),
		nearest != NULL ? LOG_STR("nearest", nearest) : LOG_END);
}

static int
unknown_top(void *ctx, const struct value *member, const char *nearest,
	struct err *err)
{
	(void)err;
	if (is_listed(vault_keys, member->key))
		warn_key(ctx, member, "configuration key is not used here",
			NULL);
	else
		warn_key(ctx, member, "unknown configuration key", nearest);
	return 0;
}

/* Inside blocks an unknown key is an error, unless Vault has it. */
static int
unknown_in_listener(void *ctx, const struct value *member, const char *nearest,
	struct err *err)
{
	if (is_listed(vault_listener_keys, member->key)) {
		warn_key(ctx, member, "configuration key is not used here",
			NULL);
		return 0;
	}
	return err_set(err, ERR_INPUT, 400,
		"invalid key \"%.64s\" in listener on line %d%s%s%s",
		member->key, member->line,
		nearest != NULL ? ", did you mean \"" : "",
		nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

/* ---- blocks ----------------------------------------------------------- */

/* body is the inside of a block called "kind "type" { … }". */
typedef int block_fn(struct load *load, const char *type,
	const struct value *body, struct err *err);

static int
read_path_block(struct load *load, const char *type, const struct value *body,
	const char **ret_path, struct err *err)
{
	struct path_block block = { 0 };
	int rc = settings_read(
		path_rows, body, load->arena, NULL, NULL, &block, err);

	if (rc != 0)
		return rc;
	if (block.path[0] == '\0')
		return err_set(err, ERR_INPUT, 400,
			"\"%s\" on line %d needs a path", type, body->line);
	*ret_path = block.path;
	return 0;
}

static int
read_storage(struct load *load, const char *type, const struct value *body,
	struct err *err)
{
	struct server_settings *settings = load->settings;

	if (strcmp(type, "sqlite") != 0)
		return err_set(err, ERR_INPUT, 400,
			"storage \"%.64s\" on line %d is not supported: use \"sqlite\"",
			type, body->line);
	settings->storage_type = "sqlite";
	return read_path_block(load, type, body, &settings->storage_path, err);
}

static int
read_seal(struct load *load, const char *type, const struct value *body,
	struct err *err)
{
	struct server_settings *settings = load->settings;

	if (strcmp(type, "file") == 0) {
		settings->seal_type = "file";
		return read_path_block(
			load, type, body, &settings->seal_path, err);
	}
	if (strcmp(type, "shamir") != 0)
		return err_set(err, ERR_INPUT, 400,
			"seal \"%.64s\" on line %d is not supported: use \"shamir\" or \"file\"",
			type, body->line);
	settings->seal_type = "shamir";
	settings->seal_path = "";
	return settings_read(
		no_rows, body, load->arena, NULL, NULL, settings, err);
}

static bool
is_tls_version(const char *name)
{
	return strcmp(name, "tls12") == 0 || strcmp(name, "tls13") == 0;
}

static const char *
check_tcp(struct listener_settings *listener)
{
	bool has_files = listener->tls_cert_file[0] != '\0' &&
		listener->tls_key_file[0] != '\0';

	if (listener->address[0] == '\0')
		listener->address = DEV_ADDRESS;
	if (listener->path[0] != '\0')
		return "path is for unix sockets";
	if (!listener->tls_disable && !has_files)
		return "needs tls_cert_file and tls_key_file, or tls_disable = true";
	if (!is_tls_version(listener->tls_min_version) ||
		(listener->tls_max_version[0] != '\0' &&
			!is_tls_version(listener->tls_max_version)))
		return "tls versions are \"tls12\" and \"tls13\"";
	if (listener->tls_require_and_verify_client_cert &&
		listener->tls_disable_client_certs)
		return "client certificates cannot be both required and disabled";
	return NULL;
}

static const char *
check_unix(struct listener_settings *listener)
{
	if (listener->path[0] == '\0')
		listener->path = listener->address;
	if (listener->path[0] != '/')
		return "needs an absolute path";
	listener->address = "";
	return NULL;
}

static const struct {
	const char *type;
	const char *(*check)(struct listener_settings *listener);
} listener_types[] = {
	{ "tcp", check_tcp },
	{ "unix", check_unix },
};

static int
check_listener(struct listener_settings *listener, const char *type,
	const struct value *body, struct err *err)
{
	const char *why = "is not supported: use \"tcp\" or \"unix\"";
	size_t i;

	for (i = 0; i < ARRAY_LEN(listener_types); i++) {
		if (strcmp(type, listener_types[i].type) != 0)
			continue;
		listener->type = listener_types[i].type;
		why = listener_types[i].check(listener);
	}
	return why == NULL ? 0
			   : err_set(err, ERR_INPUT, 400,
				     "listener \"%.64s\" on line %d: %s", type,
				     body->line, why);
}

static int
read_listener(struct load *load, const char *type, const struct value *body,
	struct err *err)
{
	struct server_settings *settings = load->settings;
	struct listener_settings listener = { 0 };
	int rc;

	if (settings->n_listeners == LISTENERS_MAX)
		return err_set(err, ERR_INPUT, 400,
			"more than %d listeners (line %d)", LISTENERS_MAX,
			body->line);
	rc = settings_read(listener_settings_rows, body, load->arena,
		unknown_in_listener, load, &listener, err);
	if (rc == 0)
		rc = check_listener(&listener, type, body, err);
	if (rc == 0)
		settings->listeners[settings->n_listeners++] = listener;
	return rc;
}

static const struct block_kind {
	const char *name;
	block_fn *read;
} block_kinds[] = {
	{ "storage", read_storage },
	{ "seal", read_seal },
	{ "listener", read_listener },
	{ NULL, NULL },
};

/* { type: body }, where body may be a list of bodies in JSON. */
static int
read_types(struct load *load, const struct block_kind *kind,
	const struct value *types, struct err *err)
{
	int rc = 0;

	VALUE_EACH (child, types) {
		if (child->type == VALUE_OBJECT) {
			rc = kind->read(load, child->key, child, err);
		} else if (child->type == VALUE_LIST) {
			VALUE_EACH (body, child) {
				rc = kind->read(load, child->key, body, err);
				if (rc != 0)
					break;
			}
		} else {
			rc = err_set(err, ERR_INPUT, 400,
				"\"%s\" on line %d must be a block with a type",
				kind->name, types->line);
		}
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* "kind "type" { … }", or in JSON a list of { type: { … } }. */
static int
read_block(struct load *load, const struct block_kind *kind,
	const struct value *block, struct err *err)
{
	int rc = 0;

	if (block->type == VALUE_OBJECT)
		return read_types(load, kind, block, err);
	if (block->type != VALUE_LIST)
		return err_set(err, ERR_INPUT, 400,
			"\"%s\" on line %d must be a block", kind->name,
			block->line);
	VALUE_EACH (item, block) {
		if (item->type == VALUE_OBJECT)
			rc = read_types(load, kind, item, err);
		else
			rc = err_set(err, ERR_INPUT, 400,
				"\"%s\" on line %d must be a block", kind->name,
				block->line);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* ---- files ------------------------------------------------------------ */

static const struct block_kind *
find_block_kind(const char *name)
{
	const struct block_kind *kind = NULL;

	for (kind = block_kinds; kind->name != NULL; kind++) {
		if (strcmp(kind->name, name) == 0)
			return kind;
	}
	return NULL;
}

/* Blocks are read at once; plain keys are moved to plain. */
static int
sort_members(struct load *load, struct value *document, struct value *plain,
	struct err *err)
{
	struct value *member = NULL, *next = NULL;
	int rc = 0;

	for (member = document->first; member != NULL && rc == 0;
		member = next) {
		const struct block_kind *kind = find_block_kind(member->key);

		next = member->next;
		if (kind == NULL)
			(void)value_add(plain, member);
		else if (member->type == VALUE_OBJECT ||
			member->type == VALUE_LIST)
			rc = read_block(load, kind, member, err);
		else
			rc = err_set(err, ERR_INPUT, 400,
				"\"%s\" on line %d must be a block", kind->name,
				member->line);
	}
	return rc;
}

/* Read one document's keys; each file is checked alone for good messages. */
static int
read_document(struct load *load, struct value *document)
{
	struct value *plain = value_object(load->arena);
	struct server_settings scratch = { 0 };
	struct value *member = NULL, *next = NULL;
	struct err why = { 0 };
	int rc;

	if (plain == NULL)
		return err_set_memory(load->err);
	rc = sort_members(load, document, plain, &why);
	if (rc == 0)
		rc = settings_read(server_settings_rows, plain, load->arena,
			unknown_top, load, &scratch, &why);
	if (rc != 0)
		return blame_file(load, &why);
	for (member = plain->first; member != NULL; member = next) {
		next = member->next;
		(void)value_add(load->plain, member);
	}
	return 0;
}

static int
load_file(struct load *load, const char *path)
{
	struct value *document = NULL;
	struct err why = { 0 };
	struct buf buf;
	int fd = -1, rc;

	load->file = path;
	buf_init(&buf, CONFIG_BYTES_MAX);
	rc = file_open_trusted(path, &fd, load->err);
	if (rc == 0)
		rc = fd_read_all(fd, &buf, load->err);
	if (rc != 0)
		goto out;
	rc = hcl_parse(buf_span(&buf), load->arena, &document, &why);
	rc = rc != 0 ? blame_file(load, &why) : read_document(load, document);
out:
	if (fd >= 0)
		(void)close(fd);
	buf_clear(&buf);
	return rc;
}

static int
is_config_name(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot != NULL && entry->d_name[0] != '.' &&
		(strcmp(dot, ".hcl") == 0 || strcmp(dot, ".json") == 0);
}

static int
load_directory(struct load *load, const char *path)
{
	struct dirent **entries = NULL;
	int i, n = scandir(path, &entries, is_config_name, alphasort);
	int rc = 0;

	if (n < 0)
		return err_set_errno(load->err, path);
	for (i = 0; i < n; i++) {
		char *file = arena_printf(
			load->arena, "%s/%s", path, entries[i]->d_name);

		if (file == NULL)
			rc = err_set_memory(load->err);
		if (rc == 0)
			rc = load_file(load, file);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

/* Whoever may write into the directory may add a file to it. */
static int
load_path(struct load *load, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return err_set(load->err, ERR_INPUT, 400,
			"cannot read configuration %s: %s", path,
			strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return load_file(load, path);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
		(st.st_uid != 0 && st.st_uid != geteuid()))
		return err_set(load->err, ERR_INPUT, 400,
			"configuration directory %s must belong to root or the server's user and be writable by nobody else (mode 0755)",
			path);
	return load_directory(load, path);
}

/* ---- the whole -------------------------------------------------------- */

static int
check_whole(const struct server_settings *settings, struct err *err)
{
	const char *why = NULL;
	enum log_level level;

	if (log_level_parse(settings->log_level, &level) != 0)
		why = "log_level must be off, error, warn, info, debug or trace";
	else if (strcmp(settings->log_format, "standard") != 0 &&
		strcmp(settings->log_format, "json") != 0)
		why = "log_format must be standard or json";
	else if (settings->default_lease_ttl > settings->max_lease_ttl)
		why = "default_lease_ttl must not be larger than max_lease_ttl";
	else if (settings->storage_path == NULL)
		why = "a storage block is needed: storage \"sqlite\" { path = \"…\" }";
	else if (settings->n_listeners == 0)
		why = "a listener block is needed: listener \"tcp\" { … }";
	return why == NULL ? 0 : err_set(err, ERR_INPUT, 400, "%s", why);
}

/* Plain keys into settings, whose blocks stay as they are. */
static int
read_plain(struct load *load)
{
	return settings_read(server_settings_rows, load->plain, load->arena,
		setting_pass_unknown, NULL, load->settings, load->err);
}

int
server_settings_load(const char *const *paths, size_t n_paths,
	struct arena *arena, struct server_settings *ret_settings,
	struct err *err)
{
	struct server_settings settings = {
		.seal_type = "shamir",
		.seal_path = "",
		.dev_root_token_id = "",
	};
	struct load load = {
		.arena = arena,
		.settings = &settings,
		.plain = value_object(arena),
		.err = err,
	};
	size_t i;
	int rc = 0;

	if (load.plain == NULL)
		return err_set_memory(err);
	for (i = 0; i < n_paths && rc == 0; i++)
		rc = load_path(&load, paths[i]);
	if (rc == 0)
		rc = read_plain(&load);
	if (rc == 0)
		rc = check_whole(&settings, err);
	if (rc == 0)
		*ret_settings = settings;
	return rc;
}

int
server_settings_dev(const char *address, const char *root_token_id,
	const char *storage_path, struct arena *arena,
	struct server_settings *ret_settings, struct err *err)
{
	struct server_settings settings = {
		.storage_type = "sqlite",
		.seal_type = "shamir",
		.seal_path = "",
		.dev = true,
		.n_listeners = 1,
	};
	struct listener_settings *listener = &settings.listeners[0];
	struct load load = {
		.arena = arena,
		.settings = &settings,
		.plain = value_object(arena),
		.err = err,
	};
	int rc;

	if (load.plain == NULL)
		return err_set_memory(err);
	rc = settings_read(listener_settings_rows, load.plain, arena, NULL,
		NULL, listener, err);
	if (rc == 0)
		rc = read_plain(&load);
	if (rc != 0)
		return rc;
	listener->type = "tcp";
	listener->address =
		arena_strdup(arena, address != NULL ? address : DEV_ADDRESS);
	listener->tls_disable = true;
	settings.storage_path = arena_strdup(arena, storage_path);
	settings.dev_root_token_id =
		arena_strdup(arena, root_token_id != NULL ? root_token_id : "");
	if (listener->address == NULL || settings.storage_path == NULL ||
		settings.dev_root_token_id == NULL)
		return err_set_memory(err);
	*ret_settings = settings;
	return 0;
}
