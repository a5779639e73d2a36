/*
 * sallyportd: harden, start the keeper, read the configuration, open the
 * store, unseal where that needs nobody, listen, wait for signals, close in the
 * reverse order.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "lib/codec.h"
#include "lib/fsutil.h"
#include "lib/json.h"
#include "lib/log.h"
#include "server/auth/auth.h"
#include "server/core/seal_open.h"
#include "server/engines/cubbyhole/cubbyhole.h"
#include "server/engines/identity/identity.h"
#include "server/engines/ssh/ssh.h"
#include "server/http/listener.h"
#include "server/keeper/keeper.h"
#include "server/main/dev.h"
#include "server/main/heartbeat.h"
#include "server/main/notify.h"
#include "server/main/options.h"
#include "server/main/privdrop.h"
#include "server/main/reload.h"
#include "server/sys/sys.h"
#include "storage/schema.h"

#define EXIT_USAGE 1
#define EXIT_START 1
#define EXIT_STORE 70
#define EXIT_KEEPER 71
#define STOP_GRACE_MS 20000
#define WATCHDOG_S 5
#define BEATS_MISSED_MAX 3
#define SETTINGS_ARENA (4 * 1024 * 1024)

static const struct mount_type *const mount_types[] = { &sys_mount_type,
	&token_mount_type, &userpass_mount_type, &approle_mount_type,
	&cert_mount_type, &jwt_mount_type, &kubernetes_mount_type,
	&sshkey_mount_type, &cubbyhole_mount_type, &identity_mount_type,
	&ssh_mount_type, NULL };

/* What one run of the process owns. */
struct run {
	struct options options;
	struct arena *arena;
	struct server_settings *settings;
	struct dev dev;
	struct keeper *keeper; /* until the server has it */
	struct server *server;
	struct heartbeat *heartbeat;
	struct listener *listener;
	bool has_pid_file; /* ours: one that is there may be another server's */
	sigset_t signals;
};

/* Set by whoever ends the process for another reason than a signal. */
static volatile sig_atomic_t exit_status;

/* server->stop: any thread may ask for the end. */
static void
stop_process(struct server *server, int status)
{
	(void)server;
	exit_status = status;
	(void)kill(getpid(), SIGTERM);
}

/* A store whose first sync failed is not to be used again (L42). */
static void
stop_after_failure(void *ctx)
{
	stop_process(ctx, EXIT_STORE);
}

static int
load_settings(struct run *run, struct err *err)
{
	const struct options *options = &run->options;
	int rc;

	if (!options->dev && options->n_configs == 0)
		return err_set(err, ERR_INPUT, 400,
			"no configuration: say -config=FILE, or -dev to try it out");
	if (!options->dev)
		return server_settings_load(options->configs,
			options->n_configs, run->arena, run->settings, err);
	rc = dev_prepare(options->dev_storage, &run->dev, err);
	if (rc == 0)
		rc = server_settings_dev(options->dev_listen_address,
			options->dev_root_token_id, run->dev.store_path,
			run->arena, run->settings, err);
	if (rc == 0 && options->dev_storage[0] != '\0') {
		/* A store that is kept must open again by itself. */
		run->settings->seal_type = "file";
		run->settings->seal_path = arena_printf(
			run->arena, "%s.unseal-key", options->dev_storage);
		if (run->settings->seal_path == NULL)
			return err_set_memory(err);
	}
	return rc;
}

static int
open_server(struct run *run, struct err *err)
{
	const struct store_settings store_settings = {
		.path = run->settings->storage_path,
		.clock = clock_system(),
		.cache_bytes = 32 * 1024 * 1024,
		.create = true,
	};
	struct store *store = NULL;
	int rc;

	rc = store_open_sqlite(&store_settings, &store, err);
	if (rc == 0)
		rc = schema_check(store, err);
	if (rc == 0) {
		log_info("store opened",
			LOG_STR("path", run->settings->storage_path),
			LOG_STR("backend", store_describe(store)));
		rc = server_new(run->settings, clock_system(), store,
			run->keeper, mount_types, &run->server, err);
	}
	if (rc != 0) {
		store_close(&store);
		return rc;
	}
	run->keeper = NULL;
	run->server->stop = stop_process;
	store_on_failure(store, stop_after_failure, run->server);
	return 0;
}

/*
 * A store that may not be opened as it is keeps the server sealed, with the
 * reason in seal-status and the log, for the operator to find; anything else
 * ends the start.
 */
static int
forgive_damage(struct run *run, int rc)
{
	struct seal_status status;

	seal_get_status(run->server->seal, &status);
	return status.reason[0] != '\0' ? 0 : rc;
}

/* Without somebody's shares: dev mode, or the unseal file. */
static int
unseal_at_start(struct run *run, struct err *err)
{
	struct seal_status status;

	if (run->options.dev)
		return forgive_damage(run,
			dev_unseal(run->server, run->options.dev_root_token_id,
				run->options.dev_listen_address,
				!run->options.dev_no_store_token, run->arena,
				err));
	seal_get_status(run->server->seal, &status);
	if (!status.initialized) {
		log_info(
			"the store is new: initialise it with \"sallyport operator init\"");
		return 0;
	}
	if (strcmp(run->settings->seal_type, "file") == 0)
		return forgive_damage(
			run, seal_unseal_file(run->server->seal, err));
	log_info(
		"sealed: give the key shares with \"sallyport operator unseal\"");
	return 0;
}

static void
print_banner(const struct run *run)
{
	const struct server_settings *settings = run->settings;

	printf("==> Sallyport server configuration:\n\n");
	for (size_t i = 0; i < settings->n_listeners; i++) {
		const struct listener_settings *listener =
			&settings->listeners[i];
		const bool is_unix = strcmp(listener->type, "unix") == 0;

		printf("%20s %zu: %s (%s: \"%s\", tls: \"%s\")\n", "Listener",
			i + 1, listener->type, is_unix ? "path" : "addr",
			is_unix ? listener->path : listener->address,
			is_unix || listener->tls_disable ? "disabled"
							 : "enabled");
	}
	printf("%22s: %s\n%22s: %s\n%22s: Sallyport v%s\n\n"
	       "==> Sallyport server started! Log data will stream in below:\n\n",
		"Log Level", settings->log_level, "Storage",
		settings->storage_type, "Version", SALLYPORT_VERSION);
	(void)fflush(stdout);
}

static int
write_pid_file(struct run *run, struct err *err)
{
	const char *path = run->settings->pid_file;
	char text[32];
	int rc;

	if (path == NULL || path[0] == '\0')
		return 0;
	(void)snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	rc = file_write_atomic(path, span_str(text), 0644, err);
	run->has_pid_file = rc == 0;
	return rc;
}

/*
 * Threads inherit the mask: every signal is taken by main alone. SIGCHLD is the
 * keeper's end; who started us may have left it ignored.
 */
static void
block_signals(sigset_t *signals)
{
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigemptyset(signals);
	(void)sigaddset(signals, SIGTERM);
	(void)sigaddset(signals, SIGINT);
	(void)sigaddset(signals, SIGHUP);
	(void)sigaddset(signals, SIGCHLD);
	(void)pthread_sigmask(SIG_BLOCK, signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static int
start(struct run *run, struct err *err)
{
	int rc;

	run->arena = arena_new(SETTINGS_ARENA);
	if (run->arena == NULL)
		return err_set_memory(err);
	run->settings = ARENA_NEW(run->arena, struct server_settings);
	if (run->settings == NULL)
		return err_set_memory(err);
	rc = load_settings(run, err);
	if (rc == 0)
		rc = reload_log(&run->options, run->settings, err);
	if (rc != 0)
		return rc;
	run->settings->accept_rollback = run->options.accept_rollback;
	privdrop_lock_memory(
		!run->settings->disable_mlock && !run->options.dev);
	rc = open_server(run, err);
	if (rc == 0)
		rc = heartbeat_start(run->server->keeper, &run->heartbeat, err);
	if (rc == 0)
		rc = unseal_at_start(run, err);
	if (rc == 0)
		rc = listener_start(run->server, &run->listener, err);
	if (rc == 0)
		rc = write_pid_file(run, err);
	return rc;
}

/* Without its keeper the server is of no use: a new pair has to be started. */
static bool
lost_keeper(struct run *run)
{
	int status = 0;

	if (!keeper_has_ended(run->server->keeper, &status))
		return false;
	if (WIFSIGNALED(status))
		log_error("the keeper was killed, so the server ends",
			LOG_INT("signal", WTERMSIG(status)));
	else
		log_error("the keeper has ended, so the server ends",
			LOG_INT("status", WEXITSTATUS(status)));
	exit_status = EXIT_KEEPER;
	return true;
}

/* Nor is it of any use with one that is stopped or hangs. */
static bool
has_mute_keeper(struct run *run)
{
	if (heartbeat_beat(run->heartbeat) < BEATS_MISSED_MAX)
		return false;
	log_error("the keeper does not answer, so the server ends",
		LOG_INT("seconds", BEATS_MISSED_MAX * WATCHDOG_S));
	keeper_kill(run->server->keeper);
	exit_status = EXIT_KEEPER;
	return true;
}

static void
wait_for_stop(struct run *run)
{
	const struct timespec watchdog = { .tv_sec = WATCHDOG_S };

	for (;;) {
		const int signal_no =
			sigtimedwait(&run->signals, NULL, &watchdog);
		const bool is_beat = signal_no < 0 && errno == EAGAIN;

		if (signal_no == SIGTERM || signal_no == SIGINT)
			return;
		if (signal_no == SIGHUP) {
			printf("==> Sallyport reload triggered\n");
			(void)fflush(stdout);
			reload_all(run->server, run->listener, &run->options);
		}
		if (lost_keeper(run) || (is_beat && has_mute_keeper(run)))
			return;
		notify_send("WATCHDOG=1");
	}
}

/* For whoever holds it against the register (server/keeper/tally.h). */
static void
log_tally(const struct run *run)
{
	char sum[2 * KEEPER_SUM + 1];
	struct keeper_tally tally;

	if (run->server == NULL ||
		keeper_get_tally(run->server->keeper, &tally, NULL) != 0 ||
		tally.n == 0)
		return;
	hex_encode(tally.sum, sizeof(tally.sum), sum);
	log_info("the keeper signed", LOG_INT("certificates", (int64_t)tally.n),
		LOG_STR("sum", sum));
}

static void
stop(struct run *run)
{
	if (run->server != NULL)
		run->server->stopping = true;
	listener_stop(&run->listener, STOP_GRACE_MS);
	if (run->has_pid_file)
		(void)unlink(run->settings->pid_file);
	heartbeat_stop(&run->heartbeat);
	log_tally(run);
	server_free(&run->server);
	keeper_free(&run->keeper);
	dev_remove(&run->dev);
	arena_free(&run->arena);
	arena_pool_drain();
}

/* From the first setting to the last signal; the exit status. */
static int
serve(struct run *run)
{
	struct err err = { 0 };

	block_signals(&run->signals);
	if (start(run, &err) != 0) {
		fprintf(stderr, "sallyportd: %s%s%s\n", err.message,
			err.detail[0] != '\0' ? ": " : "", err.detail);
		stop(run);
		return EXIT_START;
	}
	print_banner(run);
	notify_send("READY=1");
	wait_for_stop(run);
	printf("==> Sallyport shutdown triggered\n");
	(void)fflush(stdout);
	notify_send("STOPPING=1");
	stop(run);
	return exit_status;
}

int
main(int argc, char **argv)
{
	static struct run run;
	struct err err = { 0 };

	if (options_parse(argc, argv, &run.options, &err) != 0) {
		fprintf(stderr, "%s\n", err.message);
		return EXIT_USAGE;
	}
	if (run.options.help || run.options.version) {
		if (run.options.help)
			options_print_help();
		else
			printf("Sallyport v%s (%s), API %s\n",
				SALLYPORT_VERSION, SALLYPORT_REVISION,
				SALLYPORT_API_VERSION);
		return EXIT_SUCCESS;
	}
	if (privdrop_harden(&err) != 0 || sodium_init() < 0 ||
		keeper_spawn(argc, argv, &run.keeper, &err) != 0) {
		fprintf(stderr, "sallyportd: %s %s\n", err.message, err.detail);
		return EXIT_START;
	}
	json_setup();
	return serve(&run);
}
