/*
 * Writing: serials come in order; those in a row make a run, runs close
 * together a cluster, and a cluster becomes whatever is shortest of a list, a
 * range and a bitmap. Lengths are filled in when a section ends.
 *
 * Reading: one walk, which checks the form of all that it passes and stops
 * where it meets the key that is asked for.
 */
#include "lib/sshkrl.h"

#include <openssl/evp.h>

#include "lib/sha256.h"

#define MAGIC "SSHKRL\n" /* its NUL belongs to it */
#define FORMAT_VERSION 1

#define SECTION_CERTIFICATES 1
#define SECTION_KEYS 2
#define SECTION_SHA1 3
#define SECTION_SHA256 5

#define CERT_LIST 0x20
#define CERT_RANGE 0x21
#define CERT_BITMAP 0x22
#define CERT_KEY_ID 0x23

#define SHA1_LEN 20
#define BITMAP_BITS_MAX (1U << 24) /* OpenSSH takes no longer ones */

/* A run as long as this is a range, whatever stands beside it. */
#define RUN_LONG 512
/* In a bitmap a gap of so many costs as much as a serial in a list. */
#define GAP_MAX 64

/* ---- writing: sections ------------------------------------------------ */

static void
fail(struct sshkrl_writer *writer, int rc)
{
	if (writer->rc == 0)
		writer->rc = rc;
}

/* A type, and room for the length of what follows; where that stands. */
static size_t
open_part(struct buf *out, uint8_t type)
{
	(void)buf_add_char(out, (char)type);
	(void)buf_add_u32be(out, 0);
	return out->len;
}

static void
close_part(struct sshkrl_writer *writer, size_t at)
{
	struct buf *out = writer->out;
	const size_t len = out->len - at;

	if (out->rc != 0)
		return;
	if (len > UINT32_MAX)
		fail(writer, ERR_LIMIT);
	for (size_t i = 0; i < 4; i++)
		out->data[at - 1 - i] = (uint8_t)(len >> 8 * i);
}

static void
close_subsection(struct sshkrl_writer *writer)
{
	if (writer->subsection != 0)
		close_part(writer, writer->subsection_at);
	writer->subsection = 0;
}

static void
open_subsection(struct sshkrl_writer *writer, uint8_t type)
{
	if (writer->subsection == type)
		return;
	close_subsection(writer);
	writer->subsection = type;
	writer->subsection_at = open_part(writer->out, type);
}

/* ---- writing: serials ------------------------------------------------- */

static void
write_range(struct sshkrl_writer *writer, uint64_t lo, uint64_t hi)
{
	open_subsection(writer, CERT_RANGE);
	(void)buf_add_u64be(writer->out, lo);
	(void)buf_add_u64be(writer->out, hi);
	close_subsection(writer);
}

static void
write_list(struct sshkrl_writer *writer)
{
	open_subsection(writer, CERT_LIST);
	for (uint64_t i = 0; i <= writer->hi - writer->lo; i++) {
		if ((writer->bits[i / 8] & 1U << i % 8) != 0)
			(void)buf_add_u64be(writer->out, writer->lo + i);
	}
}

/* A number whose bit i is the serial lo + i. */
static void
write_bitmap(struct sshkrl_writer *writer)
{
	const size_t len = (size_t)((writer->hi - writer->lo) / 8 + 1);
	uint8_t number[SSHKRL_CLUSTER_BITS / 8];

	for (size_t i = 0; i < len; i++)
		number[i] = writer->bits[len - 1 - i];
	open_subsection(writer, CERT_BITMAP);
	(void)buf_add_u64be(writer->out, writer->lo);
	(void)sshwire_add_mpint(writer->out, span_of(number, len));
	close_subsection(writer);
}

/* The bytes of each form; a range or bitmap also ends the list beside it. */
static void
flush_cluster(struct sshkrl_writer *writer)
{
	const uint64_t wide = writer->hi - writer->lo + 1;
	const uint64_t list = 8 * writer->n;
	const uint64_t range = 5 + 16 + 5;
	const uint64_t bitmap = 5 + 8 + 4 + 1 + (wide + 7) / 8 + 5;

	if (writer->n == 0)
		return;
	if (wide == writer->n && range < list && range <= bitmap)
		write_range(writer, writer->lo, writer->hi);
	else if (bitmap < list)
		write_bitmap(writer);
	else
		write_list(writer);
	memset(writer->bits, 0, (size_t)(wide + 7) / 8);
	writer->n = 0;
}

static void
add_to_cluster(struct sshkrl_writer *writer, uint64_t lo, uint64_t hi)
{
	if (writer->n > 0 &&
		(lo - writer->hi > GAP_MAX ||
			hi - writer->lo >= SSHKRL_CLUSTER_BITS))
		flush_cluster(writer);
	if (writer->n == 0)
		writer->lo = lo;
	for (uint64_t i = lo - writer->lo; i <= hi - writer->lo; i++)
		writer->bits[i / 8] |= (uint8_t)(1U << i % 8);
	writer->n += hi - lo + 1;
	writer->hi = hi;
}

static void
flush_run(struct sshkrl_writer *writer)
{
	const uint64_t lo = writer->run_lo, hi = writer->run_hi;

	if (lo == 0)
		return;
	if (hi - lo >= RUN_LONG - 1) {
		flush_cluster(writer);
		write_range(writer, lo, hi);
	} else {
		add_to_cluster(writer, lo, hi);
	}
	writer->run_lo = writer->run_hi = 0;
}

/* ---- writing: the list ------------------------------------------------ */

static void
close_section(struct sshkrl_writer *writer)
{
	flush_run(writer);
	flush_cluster(writer);
	close_subsection(writer);
	if (writer->section != 0)
		close_part(writer, writer->section_at);
	writer->section = 0;
}

static void
open_section(struct sshkrl_writer *writer, uint8_t type)
{
	if (writer->section == type)
		return;
	close_section(writer);
	writer->section = type;
	writer->section_at = open_part(writer->out, type);
}

/* For serials and key ids, once the first one comes. */
static bool
open_certificates(struct sshkrl_writer *writer)
{
	if (writer->section == SECTION_CERTIFICATES)
		return true;
	if (!writer->has_ca) {
		fail(writer, ERR_INPUT);
		return false;
	}
	open_section(writer, SECTION_CERTIFICATES);
	(void)sshwire_add_string(writer->out, writer->ca);
	(void)sshwire_add_string(writer->out, SPAN_NONE); /* reserved */
	return true;
}

void
sshkrl_begin(struct sshkrl_writer *writer, struct buf *out, uint64_t version,
	uint64_t date_s, const char *comment)
{
	*writer = (struct sshkrl_writer){ .out = out };
	(void)buf_add(out, MAGIC, sizeof(MAGIC));
	(void)buf_add_u32be(out, FORMAT_VERSION);
	(void)buf_add_u64be(out, version);
	(void)buf_add_u64be(out, date_s);
	(void)buf_add_u64be(out, 0); /* flags */
	(void)sshwire_add_string(out, SPAN_NONE);
	(void)sshwire_add_string(out, span_str(comment));
}

void
sshkrl_begin_ca(struct sshkrl_writer *writer, struct span ca)
{
	struct sshkey key;

	if (ca.len > 0 && sshkey_parse(ca, &key) != 0)
		fail(writer, ERR_INPUT);
	close_section(writer);
	writer->ca = ca;
	writer->has_ca = true;
}

void
sshkrl_add_serial(struct sshkrl_writer *writer, uint64_t serial)
{
	if (!open_certificates(writer))
		return;
	if (serial == 0 || writer->subsection == CERT_KEY_ID ||
		serial < writer->run_hi) {
		fail(writer, ERR_INPUT);
		return;
	}
	if (writer->run_lo != 0 && serial - writer->run_hi <= 1) {
		writer->run_hi = serial;
		return;
	}
	flush_run(writer);
	writer->run_lo = writer->run_hi = serial;
}

void
sshkrl_add_key_id(struct sshkrl_writer *writer, struct span key_id)
{
	if (key_id.len > 0 && memchr(key_id.data, 0, key_id.len) != NULL)
		fail(writer, ERR_INPUT);
	if (!open_certificates(writer))
		return;
	flush_run(writer);
	flush_cluster(writer);
	open_subsection(writer, CERT_KEY_ID);
	(void)sshwire_add_string(writer->out, key_id);
}

void
sshkrl_add_key(struct sshkrl_writer *writer, struct span blob)
{
	struct sshkey key;

	if (sshkey_parse(blob, &key) != 0)
		fail(writer, ERR_INPUT);
	open_section(writer, SECTION_KEYS);
	(void)sshwire_add_string(writer->out, blob);
}

void
sshkrl_add_hash(
	struct sshkrl_writer *writer, const uint8_t sha256[SSHKRL_SHA256_LEN])
{
	open_section(writer, SECTION_SHA256);
	(void)sshwire_add_string(
		writer->out, span_of(sha256, SSHKRL_SHA256_LEN));
}

int
sshkrl_end(struct sshkrl_writer *writer)
{
	close_section(writer);
	return writer->out->rc != 0 ? writer->out->rc : writer->rc;
}

/* ---- reading ---------------------------------------------------------- */

/* What is looked for. */
struct subject {
	struct span blob; /* of the plain key */
	uint8_t sha1[SHA1_LEN], sha256[SSHKRL_SHA256_LEN];
	const struct sshcert *cert; /* NULL: it is looked for as a key */
};

/* What came of a walk, or of a part of it. */
enum answer { BAD = -1, NOT_THERE, FOUND };

static enum answer
found_if(bool found)
{
	return found ? FOUND : NOT_THERE;
}

static enum answer
walk_list(struct sshwire *in, uint64_t wanted)
{
	bool found = false;

	while (in->rest.len > 0) {
		const uint64_t serial = sshwire_u64(in);

		if (serial == 0)
			return BAD;
		found = found || serial == wanted;
	}
	return found_if(found);
}

static enum answer
walk_range(struct sshwire *in, uint64_t wanted)
{
	const uint64_t lo = sshwire_u64(in), hi = sshwire_u64(in);

	if (lo == 0 || lo > hi)
		return BAD;
	return found_if(wanted >= lo && wanted <= hi);
}

/* How far its highest bit is above its lowest; a magnitude has no zeros. */
static uint64_t
highest_bit(struct span number)
{
	uint64_t at = 8 * (uint64_t)number.len - 1;

	for (uint8_t top = 0x80; (number.data[0] & top) == 0; top >>= 1)
		at--;
	return at;
}

static enum answer
walk_bitmap(struct sshwire *in, uint64_t wanted)
{
	const uint64_t lo = sshwire_u64(in), at = wanted - lo;
	const struct span number = sshwire_mpint(in);

	if (in->bad || number.len > BITMAP_BITS_MAX / 8 ||
		highest_bit(number) > UINT64_MAX - lo ||
		(lo == 0 && (number.data[number.len - 1] & 1) != 0))
		return BAD;
	if (wanted < lo || at / 8 >= number.len)
		return NOT_THERE;
	return found_if(
		(number.data[number.len - 1 - at / 8] & 1U << at % 8) != 0);
}

static enum answer
walk_key_ids(struct sshwire *in, const struct subject *subject)
{
	bool found = false;

	while (in->rest.len > 0) {
		const struct span id = sshwire_string(in);

		if (in->bad || (id.len > 0 && memchr(id.data, 0, id.len)))
			return BAD;
		found = found ||
			(subject != NULL &&
				span_equal(id, subject->cert->key_id));
	}
	return found_if(found);
}

/* One part of a CA's section; subject NULL: it is not looked for here. */
static enum answer
walk_subsection(uint8_t type, struct span bytes, const struct subject *subject)
{
	struct sshwire in = sshwire_of(bytes);
	/* 0 is in none. */
	const uint64_t wanted = subject != NULL ? subject->cert->serial : 0;
	enum answer answer = BAD;

	switch (type) {
	case CERT_LIST:
		answer = walk_list(&in, wanted);
		break;
	case CERT_RANGE:
		answer = walk_range(&in, wanted);
		break;
	case CERT_BITMAP:
		answer = walk_bitmap(&in, wanted);
		break;
	case CERT_KEY_ID:
		answer = walk_key_ids(&in, subject);
		break;
	default:
		break;
	}
	return sshwire_end(&in) ? answer : BAD;
}

static enum answer
walk_certificates(struct sshwire *in, const struct subject *subject)
{
	const struct span ca = sshwire_string(in);
	enum answer answer = NOT_THERE;
	struct sshkey key;

	(void)sshwire_string(in); /* reserved */
	if (in->bad || (ca.len > 0 && sshkey_parse(ca, &key) != 0))
		return BAD;
	if (subject != NULL &&
		(subject->cert == NULL ||
			(ca.len > 0 && !span_equal(ca, subject->cert->ca))))
		subject = NULL;
	while (in->rest.len > 0 && answer == NOT_THERE) {
		const uint8_t type = sshwire_u8(in);
		const struct span bytes = sshwire_string(in);

		answer = in->bad ? BAD : walk_subsection(type, bytes, subject);
	}
	return answer;
}

/* Strings, each as long as len where that is not 0, one of them wanted. */
static enum answer
walk_strings(struct sshwire *in, size_t len, struct span wanted)
{
	bool found = false;

	while (in->rest.len > 0) {
		const struct span one = sshwire_string(in);

		if (in->bad || (len != 0 && one.len != len))
			return BAD;
		found = found || (wanted.len > 0 && span_equal(one, wanted));
	}
	return found_if(found);
}

static enum answer
walk_section(uint8_t type, struct span bytes, const struct subject *subject)
{
	struct sshwire in = sshwire_of(bytes);
	struct span blob = SPAN_NONE, sha1 = SPAN_NONE, sha256_ = SPAN_NONE;

	if (subject != NULL) {
		blob = subject->blob;
		sha1 = span_of(subject->sha1, SHA1_LEN);
		sha256_ = span_of(subject->sha256, SSHKRL_SHA256_LEN);
	}
	switch (type) {
	case SECTION_CERTIFICATES:
		return walk_certificates(&in, subject);
	case SECTION_KEYS:
		return walk_strings(&in, 0, blob);
	case SECTION_SHA1:
		return walk_strings(&in, SHA1_LEN, sha1);
	case SECTION_SHA256:
		return walk_strings(&in, SSHKRL_SHA256_LEN, sha256_);
	default:
		return BAD;
	}
}

/* subject NULL: the form alone. */
static enum answer
walk(struct span sections, const struct subject *subject)
{
	struct sshwire in = sshwire_of(sections);
	enum answer answer = NOT_THERE;

	while (in.rest.len > 0 && answer == NOT_THERE) {
		const uint8_t type = sshwire_u8(&in);
		const struct span bytes = sshwire_string(&in);

		answer = in.bad ? BAD : walk_section(type, bytes, subject);
	}
	return answer;
}

int
sshkrl_parse(struct span bytes, struct sshkrl *ret_krl)
{
	const struct span magic = span_of(MAGIC, sizeof(MAGIC));
	struct sshwire in = sshwire_of(span_skip(bytes, magic.len));
	const uint32_t format = sshwire_u32(&in);
	struct sshkrl krl = { .version = 0 };

	krl.version = sshwire_u64(&in);
	krl.date_s = sshwire_u64(&in);
	(void)sshwire_u64(&in);    /* flags */
	(void)sshwire_string(&in); /* reserved */
	krl.comment = sshwire_string(&in);
	krl.sections = in.rest;
	if (!span_has_prefix(bytes, magic) || in.bad ||
		format != FORMAT_VERSION || walk(krl.sections, NULL) == BAD)
		return ERR_INPUT;
	*ret_krl = krl;
	return 0;
}

static enum answer
look_for(const struct sshkrl *krl, struct span blob, const struct sshcert *cert)
{
	struct subject subject = { .blob = blob, .cert = cert };
	size_t len;

	sha256(blob, subject.sha256);
	if (EVP_Q_digest(NULL, "SHA1", NULL, blob.data, blob.len, subject.sha1,
		    &len) != 1)
		return BAD;
	return walk(krl->sections, &subject);
}

/* The certificate and its key, then the key of its CA. */
static enum answer
look_for_cert(const struct sshkrl *krl, const struct sshcert *cert)
{
	enum answer answer = BAD;
	struct buf key;

	buf_init(&key, SSHKEY_BLOB_MAX);
	if (sshkey_build(&cert->key, &key) == 0)
		answer = look_for(krl, buf_span(&key), cert);
	buf_clear(&key);
	return answer == NOT_THERE ? look_for(krl, cert->ca, NULL) : answer;
}

int
sshkrl_check(const struct sshkrl *krl, struct span blob, bool *ret_is_revoked)
{
	enum answer answer;
	struct sshcert cert;
	struct sshkey key;

	if (sshcert_is(blob)) {
		if (sshcert_parse(blob, &cert) != 0)
			return ERR_INPUT;
		answer = look_for_cert(krl, &cert);
	} else {
		if (sshkey_parse(blob, &key) != 0)
			return ERR_INPUT;
		answer = look_for(krl, blob, NULL);
	}
	if (answer == BAD)
		return ERR_MEMORY;
	*ret_is_revoked = answer == FOUND;
	return 0;
}
