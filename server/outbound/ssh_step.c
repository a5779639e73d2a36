/*
 * A step has a channel of its own. What comes is kept up to a bound and
 * dropped past it; what is to be sent follows the other side's window.
 */
#include "server/outbound/ssh_step.h"

#include <stdio.h>

#include "lib/buf.h"
#include "server/outbound/sftp_put.h"

/* libssh cuts a piece into the other side's packets without a pause. */
#define PIECE_MAX 2048
#define PACKET_MIN 256
#define SIGNAL_MAX 32
#define STATUS_UNKNOWN 255

struct running {
	struct ssh_peer *peer;
	const struct outbound_ssh_step *step;
	ssh_channel channel;
	struct ssh_channel_callbacks_struct callbacks;
	struct buf output, error;
	bool is_cut;
	bool is_at_end; /* no more output */
	bool is_closed;
	int exit_status; /* -1: none yet */
	char signal[SIGNAL_MAX];
	struct span unsent; /* of what may be sent now */
	bool has_more;      /* step->more waits for its line */
	bool sent_end;
};

/* ---- what comes ---------------------------------------------------------- */

static int
take_data(ssh_session session, ssh_channel channel, void *data, uint32_t len,
	int is_stderr, void *ctx)
{
	struct running *running = ctx;
	struct buf *to = is_stderr != 0 ? &running->error : &running->output;
	const size_t room = to->size_max - to->len;

	(void)session;
	(void)channel;
	if (len > room)
		running->is_cut = true;
	(void)buf_add(to, data, len > room ? room : len);
	return (int)len;
}

static void
take_end(ssh_session session, ssh_channel channel, void *ctx)
{
	struct running *running = ctx;

	(void)session;
	(void)channel;
	running->is_at_end = true;
}

static void
take_close(ssh_session session, ssh_channel channel, void *ctx)
{
	struct running *running = ctx;

	(void)session;
	(void)channel;
	running->is_closed = true;
}

static void
take_status(
	ssh_session session, ssh_channel channel, int exit_status, void *ctx)
{
	struct running *running = ctx;

	(void)session;
	(void)channel;
	/* It is a u32 on the wire. */
	running->exit_status = exit_status < 0 ? STATUS_UNKNOWN : exit_status;
}

static void
take_signal(ssh_session session, ssh_channel channel, const char *signal,
	int core, const char *message, const char *language, void *ctx)
{
	struct running *running = ctx;

	(void)session;
	(void)channel;
	(void)core;
	(void)message;
	(void)language;
	(void)snprintf(running->signal, sizeof(running->signal), "%s", signal);
}

/* It has ended, and how is known. */
static bool
has_ended(const struct running *running)
{
	return running->exit_status >= 0 || running->signal[0] != '\0';
}

/* ---- what goes ----------------------------------------------------------- */

/* As much as the window takes; the rest when it has opened. */
static void
send_piece(struct running *running)
{
	struct span piece = running->unsent;
	const uint32_t window = ssh_channel_window_size(running->channel);
	int n;

	if (piece.len > PIECE_MAX)
		piece.len = PIECE_MAX;
	if (piece.len > window)
		piece.len = window;
	n = ssh_channel_write(
		running->channel, piece.data, (uint32_t)piece.len);
	if (n > 0)
		running->unsent = span_skip(running->unsent, (size_t)n);
}

static void
send_pieces(struct running *running)
{
	size_t before = running->unsent.len + 1;

	while (running->unsent.len > 0 && running->unsent.len < before) {
		before = running->unsent.len;
		send_piece(running);
	}
}

/* Input, then where it waits for a line what comes behind that, then the end */
static void
send_input(struct running *running)
{
	if (running->is_closed || running->sent_end)
		return;
	send_pieces(running);
	if (running->unsent.len > 0)
		return;
	if (running->has_more) {
		if (!span_has_line(
			    buf_span(&running->output), running->step->await))
			return;
		running->has_more = false;
		running->unsent = running->step->more;
		send_input(running);
		return;
	}
	running->sent_end = true;
	(void)ssh_channel_send_eof(running->channel);
}

/* ---- opening ------------------------------------------------------------- */

static enum outbound_ssh_end
cut_off(const struct running *running)
{
	return ssh_peer_is_late(running->peer) ? OUTBOUND_SSH_LATE
					       : OUTBOUND_SSH_LOST;
}

/* Not made: the server said no, or is gone. */
static enum outbound_ssh_end
not_begun(struct running *running, int rc, const char *what)
{
	if (rc == SSH_AGAIN)
		return cut_off(running);
	ssh_peer_set_why(running->peer, what);
	return ssh_peer_is_lost(running->peer) ? OUTBOUND_SSH_LOST
					       : OUTBOUND_SSH_STEP;
}

static enum outbound_ssh_end
fail_step(struct running *running, const char *why)
{
	ssh_peer_say(running->peer, why);
	return OUTBOUND_SSH_STEP;
}

static int
try_open(void *ctx)
{
	struct running *running = ctx;

	return ssh_channel_open_session(running->channel);
}

/* Open the channel and ask for what is to run in it. */
static enum outbound_ssh_end
begin(struct running *running, ssh_peer_fn *try_request, const char *refusal,
	bool *ret_begun)
{
	int rc = ssh_peer_until_noting(running->peer, try_open, running);

	if (rc != SSH_OK)
		return not_begun(running, rc, "it opens no session");
	/* libssh 0.10 loops for ever where packets have room for nothing. */
	if (running->peer->packet_max < PACKET_MIN)
		return fail_step(running, "it takes next to nothing at a time");
	*ret_begun = true;
	rc = ssh_peer_until(running->peer, try_request, running);
	return rc == SSH_OK ? OUTBOUND_SSH_DONE
			    : not_begun(running, rc, refusal);
}

/* ---- a command ----------------------------------------------------------- */

static int
try_exec(void *ctx)
{
	struct running *running = ctx;

	return ssh_channel_request_exec(
		running->channel, running->step->command);
}

/* Until it has ended, or will not be heard of again. */
static void
await_end(struct running *running)
{
	do
		send_input(running);
	while (!running->is_closed &&
		!(running->is_at_end && has_ended(running)) &&
		ssh_peer_wait(running->peer));
}

static enum outbound_ssh_end
judge_end(struct running *running)
{
	char why[64];

	if (!has_ended(running) && !running->is_closed)
		return cut_off(running);
	if (running->step->may_fail)
		return OUTBOUND_SSH_DONE;
	if (!has_ended(running)) {
		(void)fail_step(running, "the command ended without a status");
		return OUTBOUND_SSH_LOST;
	}
	if (running->signal[0] != '\0') {
		(void)snprintf(why, sizeof(why),
			"the command was ended by signal %s", running->signal);
		return fail_step(running, why);
	}
	if (running->exit_status != 0) {
		(void)snprintf(why, sizeof(why), "the command's status is %d",
			running->exit_status);
		return fail_step(running, why);
	}
	if (running->has_more)
		return fail_step(running,
			"the command ended before it asked for its input");
	return OUTBOUND_SSH_DONE;
}

static enum outbound_ssh_end
run_command(struct running *running, bool *ret_begun)
{
	const enum outbound_ssh_end end =
		begin(running, try_exec, "it runs no command", ret_begun);

	if (end != OUTBOUND_SSH_DONE)
		return end;
	await_end(running);
	return judge_end(running);
}

/* ---- a file -------------------------------------------------------------- */

static int
try_sftp(void *ctx)
{
	struct running *running = ctx;

	return ssh_channel_request_subsystem(running->channel, "sftp");
}

/* Send what is due, take what came; until it is done or all is lost. */
static void
exchange(struct running *running, struct sftp_put *put)
{
	bool is_new;

	running->unsent = buf_span(&put->request);
	do {
		send_pieces(running);
		is_new = sftp_put_take(put, buf_span(&running->output));
		buf_reset(&running->output);
		if (is_new && running->unsent.len > 0)
			/* An answer to what it has not heard yet. */
			return;
		if (is_new)
			running->unsent = buf_span(&put->request);
	} while (put->state == SFTP_PUT_BUSY && !running->is_closed &&
		!running->is_at_end &&
		(is_new || ssh_peer_wait(running->peer)));
}

static enum outbound_ssh_end
judge_file(struct running *running, const struct sftp_put *put)
{
	char why[SFTP_PUT_WHY_MAX + 64];

	if (put->state == SFTP_PUT_BUSY && !ssh_peer_is_lost(running->peer) &&
		!ssh_peer_is_late(running->peer) &&
		!halt_is_on(running->peer->halt))
		(void)fail_step(running, "the file transfer was cut off");
	if (put->state == SFTP_PUT_BUSY)
		return cut_off(running);
	running->exit_status = put->state == SFTP_PUT_DONE ? 0 : 1;
	if (put->state == SFTP_PUT_DONE || running->step->may_fail)
		return OUTBOUND_SSH_DONE;
	(void)snprintf(
		why, sizeof(why), "the file was not written: %s", put->why);
	return fail_step(running, why);
}

static enum outbound_ssh_end
write_file(struct running *running, bool *ret_begun)
{
	enum outbound_ssh_end end =
		begin(running, try_sftp, "it has no SFTP", ret_begun);
	struct sftp_put put;

	if (end != OUTBOUND_SSH_DONE)
		return end;
	sftp_put_init(&put, running->step->command, running->step->input);
	exchange(running, &put);
	end = judge_file(running, &put);
	running->unsent = SPAN_NONE;
	sftp_put_clear(&put);
	return end;
}

/* ---- a step -------------------------------------------------------------- */

static int
open_channel(struct running *running, struct err *err)
{
	running->callbacks = (struct ssh_channel_callbacks_struct){
		.userdata = running,
		.channel_data_function = take_data,
		.channel_eof_function = take_end,
		.channel_close_function = take_close,
		.channel_exit_status_function = take_status,
		.channel_exit_signal_function = take_signal,
	};
	ssh_callbacks_init(&running->callbacks);
	running->channel = ssh_channel_new(running->peer->session);
	if (running->channel == NULL ||
		ssh_set_channel_callbacks(
			running->channel, &running->callbacks) != SSH_OK)
		return err_set_memory(err);
	return 0;
}

static void
close_channel(struct running *running)
{
	if (running->channel == NULL)
		return;
	(void)ssh_remove_channel_callbacks(
		running->channel, &running->callbacks);
	ssh_channel_free(running->channel);
}

static int
take_result(const struct running *running, struct arena *arena,
	struct outbound_ssh_result *ret_result, struct err *err)
{
	struct outbound_ssh_result result = {
		.exit_status = running->exit_status,
		.signal = ssh_peer_printable(arena, running->signal),
		.output = arena_dup(arena, buf_span(&running->output)),
		.error = arena_dup(arena, buf_span(&running->error)),
		.is_cut = running->is_cut,
	};

	if (result.signal == NULL || result.output.data == NULL ||
		result.error.data == NULL)
		return err_set_memory(err);
	*ret_result = result;
	return 0;
}

int
ssh_step_make(struct ssh_peer *peer, const struct outbound_ssh_step *step,
	struct arena *arena, struct outbound_ssh_result *ret_result,
	enum outbound_ssh_end *ret_end, bool *ret_begun, struct err *err)
{
	struct running running = { .peer = peer,
		.step = step,
		.exit_status = -1,
		.unsent = step->input,
		.has_more = step->await != NULL };
	int rc;

	buf_init(&running.output,
		step->is_list ? OUTBOUND_SSH_LIST_MAX
			      : OUTBOUND_SSH_OUTPUT_MAX);
	buf_init(&running.error, OUTBOUND_SSH_OUTPUT_MAX);
	rc = open_channel(&running, err);
	if (rc == 0) {
		*ret_end = step->kind == OUTBOUND_SSH_UPLOAD
			? write_file(&running, ret_begun)
			: run_command(&running, ret_begun);
		rc = take_result(&running, arena, ret_result, err);
	}
	close_channel(&running);
	buf_clear(&running.error);
	buf_clear(&running.output);
	return rc;
}
