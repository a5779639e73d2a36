/*
 * Behind a byte that says which: any bytes as a revocation list, which may be
 * asked for anything once it was read; or steps from one serial to the next,
 * written as a list that holds these and none beside them.
 */
#include "lib/sshkrl.h"
#include "tests/support/revocable.h"

#define LIST_MAX ((size_t)4 * 1024 * 1024)
#define SERIALS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
has_serial(const struct sshkrl *krl, uint64_t serial)
{
	bool revoked = false;
	struct buf cert;

	if (sshkrl_check(krl, revocable_cert(REVOCABLE_CA, serial, "x", &cert),
		    &revoked) != 0)
		abort();
	buf_clear(&cert);
	return revoked;
}

static void
check_bytes(struct span bytes)
{
	struct sshkrl krl;
	bool revoked;

	if (sshkrl_parse(bytes, &krl) != 0)
		return;
	if (krl.sections.len > bytes.len ||
		sshkrl_check(&krl, REVOCABLE_USER, &revoked) != 0)
		abort();
	(void)has_serial(&krl, 0);
	(void)has_serial(&krl, 1);
	(void)has_serial(&krl, UINT64_MAX);
}

/* Two bytes a step: its size, and how often it is doubled. */
static size_t
read_serials(struct span steps, uint64_t serials[SERIALS_MAX])
{
	uint64_t at = 0;
	size_t n = 0;

	for (; steps.len >= 2 && n < SERIALS_MAX; steps = span_skip(steps, 2)) {
		const uint64_t step = (uint64_t)steps.data[0]
			<< steps.data[1] % 57;

		if (step == 0 || step > UINT64_MAX - at)
			break;
		at += step;
		serials[n++] = at;
	}
	return n;
}

static bool
is_among(const uint64_t *serials, size_t n, uint64_t serial)
{
	for (size_t i = 0; i < n; i++) {
		if (serials[i] == serial)
			return true;
	}
	return false;
}

static void
check_serials(struct span steps)
{
	static struct sshkrl_writer writer;
	uint64_t serials[SERIALS_MAX];
	const size_t n = read_serials(steps, serials);
	struct sshkrl krl;
	struct buf list;

	buf_init(&list, LIST_MAX);
	sshkrl_begin(&writer, &list, 1, 1, "");
	sshkrl_begin_ca(&writer, REVOCABLE_CA);
	for (size_t i = 0; i < n; i++)
		sshkrl_add_serial(&writer, serials[i]);
	if (sshkrl_end(&writer) != 0 ||
		sshkrl_parse(buf_span(&list), &krl) != 0)
		abort();
	for (size_t i = 0; i < n; i++) {
		const uint64_t near[] = { serials[i] - 1, serials[i],
			serials[i] + 1 };

		for (size_t j = 0; j < ARRAY_LEN(near); j++) {
			if (has_serial(&krl, near[j]) !=
				is_among(serials, n, near[j]))
				abort();
		}
	}
	buf_clear(&list);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct span rest = span_skip(span_of(data, size), 1);

	if (size == 0)
		return 0;
	if (data[0] % 2 == 0)
		check_bytes(rest);
	else
		check_serials(rest);
	return 0;
}
