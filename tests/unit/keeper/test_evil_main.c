/*
 * R36: somebody else's code in main. A stub speaks to a real keeper process
 * with messages of every kind, well-formed, mutated, out of order and made of
 * parts of earlier answers. Whatever it says, no answer holds R, U or the
 * private half of the CA's key, and each certificate that comes out is within
 * the CA's limits, as they are judged here: validity, forced options, a serial
 * number that the stub did not choose, so many a second; and the keeper's tally
 * has every one. Admin keys, whose private halves do come out, are sealed and
 * opened beside them: no CA's is opened as one, and none of them signs.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/codec.h"
#include "lib/number.h"
#include "lib/random.h"
#include "lib/sshcert.h"
#include "lib/sshkeypair.h"
#include "server/keeper/ca_limits.h"
#include "server/keeper/frame.h"
#include "server/keeper/ipc.h"
#include "server/keeper/keeper.h"
#include "server/keeper/keeper_op.h"
#include "server/keeper/spawn.h"
#include "server/keeper/wrap.h"
#include "tests/support/figures.h"

#define KEY 32
#define HOUR 3600
#define N_BLOBS 24
#define LOT 16 /* messages in flight */
#define PER_S 10
#define COMMAND "date"
#define NET "10.0.0.0/8"

/* What the stub knows and has got hold of. */
struct evil {
	pid_t pid;
	int fd;
	struct inbox inbox;
	struct buf out;
	uint64_t chance;
	/* Of the true key ring and CA. */
	uint8_t u[KEY], r[KEY], seed[KEY];
	struct buf root, keyring, sealed;
	/* One more CA, of so many signatures a second and no other limit. */
	struct buf slow_sealed;
	int64_t began_ns; /* this keeper */
	struct sshkeypair *ca, *slow, *user;
	struct buf admin_text, admin_sealed; /* of a key that may come out */
	/* Fields of answers and others, to be used anywhere. */
	struct buf blobs[N_BLOBS];
	/* The certificates of the lot, by the number of their message. */
	struct buf certs[LOT];
	struct buf messages[LOT];
	uint64_t n_signed, n_refused, n_busy, n_opened, n_bad;
	uint64_t n_tally, n_slow; /* of them, by this keeper; of slow */
	uint64_t last_serial;
};

/* ---- chance: xorshift, so that a run can be had again ------------------ */

static uint64_t
draw(struct evil *evil)
{
	evil->chance ^= evil->chance << 13;
	evil->chance ^= evil->chance >> 7;
	evil->chance ^= evil->chance << 17;
	return evil->chance;
}

static size_t
below(struct evil *evil, size_t n)
{
	return (size_t)(draw(evil) % n);
}

/* ---- the oracle -------------------------------------------------------- */

static bool
names_are_good(const struct sshcert *cert)
{
	struct span rest = cert->principals, name;
	size_t n = 0;

	while (sshcert_next_principal(&rest, &name)) {
		if (name.len == 0 || name.len > 255 || ++n > 256)
			return false;
		for (size_t i = 0; i < name.len; i++) {
			const int c = name.data[i];
			const bool star = i == 0 && c == '*' &&
				cert->type == SSHCERT_HOST;

			if (!isgraph(c) || c > 126 ||
				(!star && strchr(",\"\\*?!", c) != NULL))
				return false;
		}
	}
	return true;
}

/* No address of it is outside NET, however it is written. */
static bool
lies_in_net(struct span list)
{
	const char *at = (const char *)list.data, *end = at + list.len;

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *stop = comma != NULL ? comma : end;
		const char *slash = memchr(at, '/', (size_t)(stop - at));
		const char *bits = slash != NULL ? slash + 1 : stop;
		uint64_t n_bits = 32;

		if (slash != NULL &&
			number_parse_u64(span_of(bits, (size_t)(stop - bits)),
				32, &n_bits) != 0)
			return false;
		if (stop - at < 3 || memcmp(at, "10.", 3) != 0 || n_bits < 8)
			return false;
		at = stop + 1;
	}
	return list.len > 0;
}

/* The CA forces a command, and addresses that may be narrower. */
static bool
options_are_forced(const struct sshcert *cert)
{
	struct span rest = cert->critical, name, value;
	bool command = false, address = false;

	if (cert->type == SSHCERT_HOST)
		return true;
	while (sshcert_next_option(&rest, &name, &value)) {
		if (span_equal(name, span_str("force-command")))
			command = span_equal(value, span_str(COMMAND));
		if (span_equal(name, span_str("source-address")))
			address = lies_in_net(value);
	}
	return command && address;
}

/* It says what was asked, but for a serial number that was not chosen. */
static bool
is_numbered(struct evil *evil, struct span asked, const struct sshcert *cert)
{
	const struct span made = cert->signed_bytes;
	const size_t at = cert->serial_at, rest = at + sizeof(cert->serial);
	struct sshcert before;
	const bool is_new =
		cert->serial != 0 && cert->serial != evil->last_serial;

	evil->last_serial = cert->serial;
	return is_new && sshcert_parse_unsigned(asked, &before) == 0 &&
		before.serial == 0 && made.len == asked.len &&
		memcmp(made.data, asked.data, at) == 0 &&
		memcmp(made.data + rest, asked.data + rest, made.len - rest) ==
		0;
}

/* So many at once, and as many a second, by whatever blob of the key. */
static bool
are_too_many(const struct evil *evil)
{
	const int64_t took_ns = clock_boot_ns(clock_system()) - evil->began_ns;

	return (double)evil->n_slow >
		PER_S * (1 + (double)took_ns / (double)CLOCK_NS_PER_S);
}

/* Whether the CA may have made this of what was asked. */
static bool
may_be_signed(struct evil *evil, struct span asked, struct span whole)
{
	struct sshcert cert;

	if (sshcert_parse(whole, &cert) != 0 || sshcert_verify(&cert) != 0 ||
		!is_numbered(evil, asked, &cert) || !names_are_good(&cert) ||
		cert.before_s <= cert.after_s)
		return false;
	if (span_equal(cert.ca, sshkeypair_public(evil->slow))) {
		evil->n_slow++;
		return cert.before_s != UINT64_MAX && !are_too_many(evil);
	}
	return span_equal(cert.ca, sshkeypair_public(evil->ca)) &&
		cert.before_s - cert.after_s <= HOUR &&
		options_are_forced(&cert);
}

/* The text of an admin key: neither CA's. */
static bool
may_come_out(const struct evil *evil, struct span text)
{
	struct sshkeypair *pair = NULL;
	bool may = sshkeypair_parse(secret_view_of(text.data, text.len), &pair,
			   NULL) == 0;

	may = may &&
		!span_equal(
			sshkeypair_public(pair), sshkeypair_public(evil->ca)) &&
		!span_equal(
			sshkeypair_public(pair), sshkeypair_public(evil->slow));
	sshkeypair_free(&pair);
	return may;
}

static bool
leaks(const struct evil *evil, struct span answer)
{
	const uint8_t *const secrets[] = { evil->u, evil->r, evil->seed };

	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		if (answer.len >= KEY &&
			memmem(answer.data, answer.len, secrets[i], KEY) !=
				NULL)
			return true;
	}
	return false;
}

/* ---- sending and receiving --------------------------------------------- */

static void
send_all(struct evil *evil)
{
	assert_int_equal(frame_send(evil->fd, buf_span(&evil->out)), 0);
	buf_reset(&evil->out);
}

/* The next answer; false: the keeper ended the connection. */
static bool
receive(struct evil *evil, struct frame *ret_frame)
{
	int there;

	while ((there = inbox_peek(&evil->inbox, ret_frame)) == 0) {
		if (inbox_receive(&evil->inbox, evil->fd) != 0)
			return false;
	}
	assert_int_equal(there, 1);
	return true;
}

/* One good call; its answer's fields, up to three. */
static void
call(struct evil *evil, const struct buf *in, struct span fields[3])
{
	struct ipc_message answer;
	struct frame frame;

	assert_int_equal(frame_add(&evil->out, 0, buf_span(in)), 0);
	send_all(evil);
	assert_true(receive(evil, &frame));
	answer = ipc_read(frame.body);
	assert_int_equal(ipc_take_byte(&answer), 0);
	for (size_t i = 0; i < 3 && answer.rest.len > 0; i++)
		fields[i] = ipc_take_field(&answer, KEEPER_MESSAGE_MAX);
}

static void
end_call(struct evil *evil)
{
	struct frame frame;

	assert_true(receive(evil, &frame));
	inbox_take(&evil->inbox, &frame);
}

/* ---- the keeper that is attacked --------------------------------------- */

static void
begin(struct buf *in, enum keeper_op op)
{
	buf_reset(in);
	buf_add_char(in, (char)op);
}

static void
unseal(struct evil *evil)
{
	struct span fields[3];
	struct buf in;

	buf_init(&in, KEEPER_MESSAGE_MAX);
	begin(&in, KEEPER_UNSEAL_FILE);
	ipc_add_field(&in, span_of(evil->u, KEY));
	ipc_add_field(&in, buf_span(&evil->root));
	ipc_add_field(&in, buf_span(&evil->keyring));
	call(evil, &in, fields);
	end_call(evil);
	buf_clear(&in);
}

static void
spawn(struct evil *evil)
{
	struct err err = { 0 };

	assert_int_equal(spawn_keeper(0, NULL, &evil->pid, &evil->fd, &err), 0);
	inbox_init(&evil->inbox);
	evil->n_tally = evil->n_slow = 0;
	evil->began_ns = clock_boot_ns(clock_system());
}

/* It has counted what it signed. */
static void
check_tally(struct evil *evil)
{
	struct span fields[3];
	struct sshwire number;
	struct buf in;

	buf_init(&in, KEEPER_MESSAGE_MAX);
	begin(&in, KEEPER_TALLY);
	call(evil, &in, fields);
	number = sshwire_of(fields[0]);
	if (sshwire_u64(&number) != evil->n_tally)
		evil->n_bad++;
	end_call(evil);
	buf_clear(&in);
}

static void
end(struct evil *evil)
{
	(void)close(evil->fd);
	assert_int_equal(waitpid(evil->pid, NULL, 0), evil->pid);
	inbox_clear(&evil->inbox);
	buf_reset(&evil->out);
}

/* U, R and the key ring; what the stub must not learn is kept to compare. */
static void
init(struct evil *evil)
{
	struct span fields[3];
	struct buf in;

	buf_init(&in, KEEPER_MESSAGE_MAX);
	random_bytes(evil->u, KEY);
	begin(&in, KEEPER_INIT_FILE);
	ipc_add_field(&in, span_of(evil->u, KEY));
	ipc_add_field(&in, span_str("the ring"));
	call(evil, &in, fields);
	buf_add_span(&evil->root, fields[0]);
	buf_add_span(&evil->keyring, fields[1]);
	end_call(evil);
	assert_int_equal(
		wrap_open(secret_view_of(evil->u, KEY), "sallyport root key",
			buf_span(&evil->root), evil->r, NULL),
		0);
	buf_clear(&in);
}

/* The seed stands before the last copy of the public half. */
static void
find_seed(struct evil *evil, struct span text)
{
	const struct span public = sshkeypair_public(evil->ca);
	const uint8_t *half = public.data + public.len - KEY, *at, *last = NULL;
	struct buf lines, blob;

	buf_init(&lines, SSHKEYPAIR_TEXT_MAX);
	buf_init(&blob, SSHKEYPAIR_TEXT_MAX);
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '-')
			while (i < text.len && text.data[i] != '\n')
				i++;
		else if (text.data[i] != '\n')
			buf_add_char(&lines, (char)text.data[i]);
	}
	assert_int_equal(base64_decode(buf_span(&lines), &blob), 0);
	at = blob.data;
	while ((at = memmem(at, (size_t)(blob.data + blob.len - at), half,
			KEY)) != NULL)
		last = at++;
	assert_non_null(last);
	memcpy(evil->seed, last - KEY, KEY);
	buf_clear(&lines);
	buf_clear(&blob);
}

static void
import_pair(struct evil *evil, const struct sshkeypair *pair,
	const struct keeper_ca_limits *limits, struct buf *sealed)
{
	struct span fields[3];
	struct buf in, text;

	buf_init(&in, KEEPER_MESSAGE_MAX);
	buf_init(&text, SSHKEYPAIR_TEXT_MAX);
	assert_int_equal(
		sshkeypair_write(pair, SSHKEYPAIR_OPENSSH, "", &text, NULL), 0);
	if (pair == evil->ca)
		find_seed(evil, buf_span(&text));
	begin(&in, KEEPER_CA_IMPORT);
	ipc_add_field(&in, buf_span(&text));
	ca_limits_add(&in, limits);
	call(evil, &in, fields);
	buf_add_span(sealed, fields[0]);
	end_call(evil);
	buf_clear(&in);
	buf_clear(&text);
}

static void
import_admin(struct evil *evil)
{
	struct sshkeypair *pair = NULL;
	struct span fields[3];
	struct buf in;

	buf_init(&in, KEEPER_MESSAGE_MAX);
	assert_int_equal(sshkeypair_generate("ed25519", 0, &pair, NULL), 0);
	assert_int_equal(sshkeypair_write(pair, SSHKEYPAIR_OPENSSH, "",
				 &evil->admin_text, NULL),
		0);
	begin(&in, KEEPER_ADMIN_IMPORT);
	ipc_add_field(&in, buf_span(&evil->admin_text));
	call(evil, &in, fields);
	buf_add_span(&evil->admin_sealed, fields[0]);
	end_call(evil);
	buf_clear(&in);
	sshkeypair_free(&pair);
}

static void
import_cas(struct evil *evil)
{
	const struct sshcert_option options[] = { { span_str("force-command"),
							  span_str(COMMAND) },
		{ span_str("source-address"), span_str(NET) } };
	const struct keeper_ca_limits slow = { .per_s = PER_S };
	struct keeper_ca_limits limits = { .validity_s = HOUR };
	struct buf forced;

	buf_init(&forced, KEEPER_FORCED_MAX);
	assert_int_equal(sshcert_build_options(options, 2, &forced), 0);
	limits.forced = buf_span(&forced);
	assert_int_equal(sshkeypair_generate("ed25519", 0, &evil->ca, NULL), 0);
	assert_int_equal(
		sshkeypair_generate("ed25519", 0, &evil->slow, NULL), 0);
	assert_int_equal(
		sshkeypair_generate("ed25519", 0, &evil->user, NULL), 0);
	import_pair(evil, evil->ca, &limits, &evil->sealed);
	import_pair(evil, evil->slow, &slow, &evil->slow_sealed);
	buf_clear(&forced);
}

/* ---- messages ---------------------------------------------------------- */

static void
learn(struct evil *evil, struct span field)
{
	struct buf *blob = &evil->blobs[below(evil, N_BLOBS)];

	if (field.len == 0 || field.len > 4096)
		return;
	buf_reset(blob);
	buf_add_span(blob, field);
}

static struct span
any_blob(struct evil *evil)
{
	switch (below(evil, 9)) {
	case 0:
		return buf_span(&evil->root);
	case 1:
		return buf_span(&evil->keyring);
	case 2:
		return buf_span(&evil->sealed);
	case 3:
		return sshkeypair_public(
			below(evil, 2) ? evil->ca : evil->slow);
	case 4:
		return buf_span(&evil->slow_sealed);
	case 5:
		return buf_span(&evil->admin_sealed);
	default:
		return buf_span(&evil->blobs[below(evil, N_BLOBS)]);
	}
}

/* Some of a certificate is wrong, as a rule. */
static void
make_cert(struct evil *evil, const struct sshkeypair *ca, struct buf *cert)
{
	static const char *const names[] = { "alice", "root", "*", "a,b",
		"*.example.org", "host.example.org", "a b", "", "10.0.0.1",
		"x\ny" };
	static const uint64_t times[] = { 0, 1, HOUR - 1, HOUR, HOUR + 1,
		UINT64_MAX - 1, UINT64_MAX };
	static const char *const addresses[] = { NET, "10.1.2.3", "0.0.0.0/0",
		"10.0.0.0/7", "10.1.2.3,::/0", "x", "" };
	const struct sshcert_option options[] = {
		{ span_str("force-command"),
			span_str(below(evil, 8) ? COMMAND : "sh") },
		{ span_str("source-address"),
			span_str(addresses[below(evil, 4)
					? below(evil, 2)
					: below(evil, ARRAY_LEN(addresses))]) },
	};
	const struct span name = span_str(
		names[below(evil, 2) ? below(evil, ARRAY_LEN(names)) : 0]);
	const bool bold = below(evil, 2) == 0;
	const size_t first_option = below(evil, 16) ? 0 : 1;
	const struct sshcert_parts parts = {
		.nonce = span_str("thirty-two bytes that are chance"),
		.key = sshkeypair_public(
			below(evil, 16) ? evil->user : evil->ca),
		.serial = below(evil, 16) ? 0 : draw(evil) | 1,
		.type = below(evil, 4) ? SSHCERT_USER : SSHCERT_HOST,
		.key_id = span_str("evil"),
		.principals = &name,
		.n_principals = below(evil, 8) ? 1 : 0,
		.after_s = 1000000,
		.before_s = bold ? times[below(evil, ARRAY_LEN(times))]
				 : 1000000 + times[below(evil, 5)],
		.critical = options + first_option,
		.n_critical = below(evil, 16) ? 2 - first_option : 0,
		.ca = sshkeypair_public(below(evil, 16) ? ca : evil->user),
	};

	buf_reset(cert);
	if (sshcert_build(&parts, cert) != 0)
		buf_reset(cert);
}

/* Flip, cut or stretch a few bytes. */
static void
mutate(struct evil *evil, struct buf *bytes)
{
	for (size_t n = 1 + below(evil, 3); n > 0 && bytes->len > 0; n--) {
		const size_t at = below(evil, bytes->len);

		switch (below(evil, 4)) {
		case 0:
			bytes->len = at;
			break;
		case 1:
			buf_add_char(bytes, (char)draw(evil));
			break;
		case 2:
			bytes->data[at] = (uint8_t)draw(evil);
			break;
		default:
			bytes->data[at] ^= (uint8_t)(1 << below(evil, 8));
			break;
		}
	}
}

static void
make_sign(struct evil *evil, struct buf *in, struct buf *cert)
{
	static const char *const algorithms[] = { "", "ssh-ed25519",
		"rsa-sha2-256", "ssh-rsa", "x" };
	const bool slow = below(evil, 4) == 0;
	const struct buf *sealed = slow ? &evil->slow_sealed : &evil->sealed;

	make_cert(evil, slow ? evil->slow : evil->ca, cert);
	if (below(evil, 4) == 0)
		mutate(evil, cert);
	begin(in, KEEPER_CA_SIGN);
	ipc_add_field(in, below(evil, 16) ? buf_span(sealed) : any_blob(evil));
	ipc_add_field(in,
		span_str(algorithms[below(evil, 8) % ARRAY_LEN(algorithms)]));
	ipc_add_u32(in, (uint32_t)below(evil, 2));
	ipc_add_field(in, buf_span(cert));
}

static void
make_other(struct evil *evil, struct buf *in)
{
	static const enum keeper_op ops[] = { KEEPER_INIT, KEEPER_INIT_FILE,
		KEEPER_UNSEAL, KEEPER_UNSEAL_FILE, KEEPER_RESET,
		KEEPER_PROGRESS, KEEPER_WRAP, KEEPER_CA_IMPORT,
		KEEPER_CA_NARROW, KEEPER_CA_FORGET, KEEPER_TALLY, KEEPER_PING,
		KEEPER_ADMIN_IMPORT, KEEPER_ADMIN_OPEN };
	const enum keeper_op op = ops[below(evil, ARRAY_LEN(ops))];

	begin(in, op);
	if (op == KEEPER_INIT) {
		ipc_add_u32(in, (uint32_t)below(evil, 5));
		ipc_add_u32(in, (uint32_t)below(evil, 5));
	}
	if (op == KEEPER_UNSEAL)
		ipc_add_u32(in, 1 + (uint32_t)below(evil, 4));
	if (op == KEEPER_UNSEAL || op == KEEPER_UNSEAL_FILE ||
		op == KEEPER_INIT_FILE)
		ipc_add_field(in,
			below(evil, 4) ? any_blob(evil)
				       : span_of(evil->user, KEY));
	if (op == KEEPER_UNSEAL || op == KEEPER_UNSEAL_FILE)
		ipc_add_field(in, any_blob(evil));
	if (op == KEEPER_ADMIN_IMPORT && below(evil, 2))
		ipc_add_field(in, buf_span(&evil->admin_text));
	else if (op != KEEPER_RESET && op != KEEPER_PROGRESS &&
		op != KEEPER_TALLY && op != KEEPER_PING)
		ipc_add_field(in, any_blob(evil));
	if (op == KEEPER_CA_IMPORT || op == KEEPER_CA_NARROW) {
		ipc_add_u64(in, below(evil, 2) ? below(evil, 2 * HOUR) : 0);
		ipc_add_u32(in, (uint32_t)below(evil, 2 * PER_S));
		ipc_add_field(in, SPAN_NONE);
	}
}

static void
make_message(struct evil *evil, size_t i)
{
	struct buf *in = &evil->messages[i];

	buf_reset(&evil->certs[i]);
	if (below(evil, 4) != 0)
		make_sign(evil, in, &evil->certs[i]);
	else
		make_other(evil, in);
	if (below(evil, 8) == 0)
		mutate(evil, in);
	if (in->len > 1 && below(evil, 64) == 0)
		in->data[0] = (uint8_t)below(evil, KEEPER_ADMIN_OPEN + 4);
	/* Making keys is slow, and sealing ends the game: now and then. */
	if (in->len > 0 &&
		(in->data[0] == KEEPER_CA_GENERATE ||
			in->data[0] == KEEPER_ADMIN_GENERATE))
		in->data[0] = KEEPER_CA_SIGN;
	if (in->len > 0 && in->data[0] == KEEPER_SEAL && below(evil, 8) != 0)
		in->data[0] = KEEPER_PROGRESS;
}

/* ---- answers ----------------------------------------------------------- */

/* The certificate of a message that asks for the signature of one. */
static struct span
cert_of(const struct buf *message)
{
	struct ipc_message in = ipc_read(buf_span(message));

	if (ipc_take_byte(&in) != KEEPER_CA_SIGN)
		return SPAN_NONE;
	(void)ipc_take_field(&in, KEEPER_MESSAGE_MAX);
	(void)ipc_take_field(&in, KEEPER_MESSAGE_MAX);
	(void)ipc_take_u32(&in);
	return ipc_take_field(&in, KEEPER_MESSAGE_MAX);
}

static void
judge(struct evil *evil, const struct frame *frame)
{
	const struct buf *message = &evil->messages[frame->id];
	struct ipc_message answer = ipc_read(frame->body);
	const uint8_t code = ipc_take_byte(&answer);
	struct span field;

	if (leaks(evil, frame->body))
		evil->n_bad++;
	evil->n_busy += code == (uint8_t)-ERR_BUSY;
	if (code != 0) {
		evil->n_refused++;
		return;
	}
	if (message->data[0] == KEEPER_CA_SIGN) {
		field = ipc_take_field(&answer, KEEPER_MESSAGE_MAX);
		evil->n_signed++;
		evil->n_tally++;
		if (!may_be_signed(evil, cert_of(message), field))
			evil->n_bad++;
		return;
	}
	if (message->data[0] == KEEPER_ADMIN_OPEN) {
		field = ipc_take_field(&answer, KEEPER_MESSAGE_MAX);
		evil->n_opened++;
		if (!may_come_out(evil, field))
			evil->n_bad++;
		learn(evil, field);
		return;
	}
	while (!answer.bad && answer.rest.len > 0) {
		field = ipc_take_field(&answer, KEEPER_MESSAGE_MAX);
		learn(evil, field);
	}
}

static void
play_lot(struct evil *evil)
{
	bool seen[LOT] = { false };

	for (uint32_t i = 0; i < LOT; i++) {
		make_message(evil, i);
		assert_int_equal(
			frame_add(&evil->out, i, buf_span(&evil->messages[i])),
			0);
	}
	send_all(evil);
	for (size_t n = 0; n < LOT; n++) {
		struct frame frame;

		/* Each is answered, once. */
		assert_true(receive(evil, &frame));
		assert_true(frame.id < LOT && !seen[frame.id]);
		seen[frame.id] = true;
		judge(evil, &frame);
		inbox_take(&evil->inbox, &frame);
	}
}

/* What is no frame at all: the connection ends, and with it the keeper. */
static void
break_frames(struct evil *evil)
{
	struct frame frame;

	check_tally(evil);
	make_message(evil, 0);
	(void)frame_add(&evil->out, 0, buf_span(&evil->messages[0]));
	evil->out.data[below(evil, 4)] ^= (uint8_t)(1 << below(evil, 8));
	send_all(evil);
	if (receive(evil, &frame))
		evil->n_bad++;
	end(evil);
	spawn(evil);
	unseal(evil);
}

static void
init_bufs(struct evil *evil)
{
	buf_init(&evil->out, (LOT + 1) * ((size_t)KEEPER_MESSAGE_MAX + 16));
	buf_init(&evil->root, KEEPER_MESSAGE_MAX);
	buf_init(&evil->keyring, KEEPER_MESSAGE_MAX);
	buf_init(&evil->sealed, KEEPER_MESSAGE_MAX);
	buf_init(&evil->slow_sealed, KEEPER_MESSAGE_MAX);
	buf_init(&evil->admin_text, SSHKEYPAIR_TEXT_MAX);
	buf_init(&evil->admin_sealed, KEEPER_MESSAGE_MAX);
	for (size_t i = 0; i < N_BLOBS; i++)
		buf_init(&evil->blobs[i], KEEPER_MESSAGE_MAX);
	for (size_t i = 0; i < LOT; i++) {
		buf_init(&evil->certs[i], KEEPER_MESSAGE_MAX);
		buf_init(&evil->messages[i], KEEPER_MESSAGE_MAX);
	}
}

static void
clear_bufs(struct evil *evil)
{
	buf_clear(&evil->out);
	buf_clear(&evil->root);
	buf_clear(&evil->keyring);
	buf_clear(&evil->sealed);
	buf_clear(&evil->slow_sealed);
	buf_clear(&evil->admin_text);
	buf_clear(&evil->admin_sealed);
	for (size_t i = 0; i < N_BLOBS; i++)
		buf_clear(&evil->blobs[i]);
	for (size_t i = 0; i < LOT; i++) {
		buf_clear(&evil->certs[i]);
		buf_clear(&evil->messages[i]);
	}
}

static void
no_message_gets_a_key_or_a_certificate_beyond_the_limits(void **state)
{
	const uint64_t n = figures_count("EVIL_MESSAGES", 100000, 10000000);
	static struct evil evil;
	uint64_t tried = 0;

	(void)state;
	init_bufs(&evil);
	evil.chance = figures_count("EVIL_SEED", 0, 0);
	if (evil.chance == 0)
		random_bytes(&evil.chance, sizeof(evil.chance));
	print_message("# EVIL_SEED=%llu\n", (unsigned long long)evil.chance);
	spawn(&evil);
	init(&evil);
	unseal(&evil);
	import_cas(&evil);
	import_admin(&evil);
	while (tried < n) {
		play_lot(&evil);
		tried += LOT;
		/* Back to the true key, whatever was put in its place. */
		if (below(&evil, 2) == 0)
			unseal(&evil);
		if (below(&evil, 200) == 0) {
			break_frames(&evil);
			tried++;
		}
	}
	check_tally(&evil);
	end(&evil);
	print_message(
		"# %llu messages: %llu signatures, %llu admin keys, %llu refusals, %llu of them for now\n",
		(unsigned long long)tried, (unsigned long long)evil.n_signed,
		(unsigned long long)evil.n_opened,
		(unsigned long long)evil.n_refused,
		(unsigned long long)evil.n_busy);
	figures_report("R36", tried, evil.n_bad, "messages of an evil main");
	assert_int_equal(evil.n_bad, 0);
	/* It was not refused for another reason each time. */
	assert_true(evil.n_signed > tried / 100);
	assert_true(evil.n_busy > 0);
	assert_true(evil.n_opened > 0);
	sshkeypair_free(&evil.ca);
	sshkeypair_free(&evil.slow);
	sshkeypair_free(&evil.user);
	clear_bufs(&evil);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			no_message_gets_a_key_or_a_certificate_beyond_the_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
