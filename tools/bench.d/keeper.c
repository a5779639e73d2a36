/*
 * Signatures of a keeper process beside bare libsodium in the same run: how
 * many Ed25519 certificates a second 1, 8 and 64 threads get signed, and what
 * one thread of this process signs with the same bytes. usage: keeper ROUNDS
 * SECONDS; prints Markdown. Ratios are medians of the rounds' own.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <sodium.h>

#include "lib/sshcert.h"
#include "lib/sshkeypair.h"
#include "server/keeper/keeper.h"
#include "tools/bench.d/seconds.h"

#define ROUNDS_MAX 99
#define THREADS_MAX 64
#define ARENA_MAX ((size_t)1 << 20)
#define SOME 1024 /* calls between two looks at the clock, or arenas */
#define VALID_S 3600

static const int n_threads[] = { 1, 8, THREADS_MAX };

/* What was measured in a round. */
struct figures {
	double rate, ratio;
	double here_us, there_us; /* of a processor, for each */
};

static int n_words;
static char **words;
static double seconds;
static struct arena *arena;
static struct keeper *keeper;
static struct keeper_ca ca;
static struct buf cert;
static atomic_bool stop;
static _Atomic uint64_t n_signed;

static void
die(const char *what)
{
	(void)fprintf(stderr, "keeper: %s\n", what);
	exit(1);
}

/* Of this process, or of the keepers that have ended. */
static double
cpu_s(int who)
{
	struct rusage usage;

	(void)getrusage(who, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* ---- what is signed ---------------------------------------------------- */

static void
open_keeper(void)
{
	const struct keeper_ca_limits limits = { .validity_s = VALID_S };
	static const uint8_t u[32] = "the key of an hour, for figures";
	const struct secret_view key = secret_view_of(u, sizeof(u));
	static struct keeper_blobs blobs;
	struct keeper_progress progress;

	if (keeper_spawn(n_words, words, &keeper, NULL) != 0 ||
		(blobs.root.len == 0 &&
			keeper_init_file(keeper, key, secret_view_of("ring", 4),
				arena, &blobs, NULL) != 0) ||
		keeper_unseal_file(
			keeper, key, &blobs, arena, &progress, NULL) != 0 ||
		(ca.sealed.len == 0 &&
			keeper_ca_generate(keeper, "ed25519", 0, &limits, arena,
				&ca, NULL) != 0))
		die("the keeper does not open");
}

static void
make_cert(void)
{
	static const struct sshcert_option options[] = {
		{ { (const uint8_t *)"permit-agent-forwarding", 23 }, { 0 } },
		{ { (const uint8_t *)"permit-pty", 10 }, { 0 } }
	};
	const struct span name = span_str("ubuntu");
	struct sshkeypair *user = NULL;
	struct sshcert_parts parts;

	if (sshkeypair_generate("ed25519", 0, &user, NULL) != 0)
		die("no key");
	parts = (struct sshcert_parts){
		.nonce = span_str("thirty-two bytes that are chance"),
		.key = sshkeypair_public(user),
		.type = SSHCERT_USER,
		.key_id = span_str("vault-token-ubuntu and a hash of the key"),
		.principals = &name,
		.n_principals = 1,
		.after_s = 1700000000,
		.before_s = 1700000000 + VALID_S,
		.extensions = options,
		.n_extensions = ARRAY_LEN(options),
		.ca = ca.public_key,
	};
	buf_init(&cert, ARENA_MAX);
	if (sshcert_build(&parts, &cert) != 0)
		die("no certificate");
	sshkeypair_free(&user);
}

/* ---- the two ways ------------------------------------------------------ */

static struct figures
sign_bare(void)
{
	unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
	unsigned char key[crypto_sign_SECRETKEYBYTES];
	unsigned char signature[crypto_sign_BYTES];
	const double start = seconds_now(), cpu = cpu_s(RUSAGE_SELF);
	double at = start;
	uint64_t n = 0;

	(void)crypto_sign_keypair(public_key, key);
	while (at - start < seconds) {
		for (int i = 0; i < SOME; i++)
			(void)crypto_sign_detached(
				signature, NULL, cert.data, cert.len, key);
		n += SOME;
		at = seconds_now();
	}
	return (struct figures){ .rate = (double)n / (at - start),
		.ratio = 1,
		.here_us = (cpu_s(RUSAGE_SELF) - cpu) / (double)n * 1e6 };
}

static void *
sign_until_stopped(void *ctx)
{
	struct keeper_signed made;
	uint64_t n = 0;

	while (!atomic_load(&stop)) {
		struct arena *own = arena_new(ARENA_MAX);

		for (int i = 0; i < SOME && !atomic_load(&stop); i++, n++) {
			if (keeper_ca_sign(keeper, ca.sealed, NULL, false,
				    buf_span(&cert), own, &made, NULL) != 0)
				die("not signed");
		}
		arena_free(&own);
	}
	(void)atomic_fetch_add(&n_signed, n);
	return ctx;
}

static struct figures
sign_there(int n)
{
	const struct timespec length = { (time_t)seconds,
		(long)((seconds - (double)(time_t)seconds) * 1e9) };
	pthread_t threads[THREADS_MAX];
	double start, here, there, took;

	there = cpu_s(RUSAGE_CHILDREN);
	open_keeper();
	start = seconds_now();
	here = cpu_s(RUSAGE_SELF);
	atomic_store(&stop, false);
	atomic_store(&n_signed, 0);
	for (int i = 0; i < n; i++) {
		if (pthread_create(
			    &threads[i], NULL, sign_until_stopped, NULL) != 0)
			die("no thread");
	}
	(void)nanosleep(&length, NULL);
	atomic_store(&stop, true);
	for (int i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
	took = seconds_now() - start;
	here = cpu_s(RUSAGE_SELF) - here;
	keeper_free(&keeper);
	there = cpu_s(RUSAGE_CHILDREN) - there;
	return (struct figures){ .rate = (double)n_signed / took,
		.here_us = here / (double)n_signed * 1e6,
		.there_us = there / (double)n_signed * 1e6 };
}

/* ---- figures ----------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Of one member over the rounds. */
static double
median(const struct figures *rounds, int n, size_t member)
{
	double values[ROUNDS_MAX];

	for (int i = 0; i < n; i++)
		memcpy(&values[i], (const char *)&rounds[i] + member,
			sizeof(values[i]));
	qsort(values, (size_t)n, sizeof(*values), compare);
	return values[n / 2];
}

static void
print(const char *who, int n, const struct figures *rounds, int n_rounds)
{
	(void)printf("| %s, %d thread%s | %.0f | %.2f | %.1f | %.1f |\n", who,
		n, n == 1 ? "" : "s",
		median(rounds, n_rounds, offsetof(struct figures, rate)),
		median(rounds, n_rounds, offsetof(struct figures, ratio)),
		median(rounds, n_rounds, offsetof(struct figures, here_us)),
		median(rounds, n_rounds, offsetof(struct figures, there_us)));
}

static void
measure(int n_rounds)
{
	static struct figures bare[ROUNDS_MAX];
	static struct figures there[ARRAY_LEN(n_threads)][ROUNDS_MAX];

	for (int round = 0; round < n_rounds; round++) {
		bare[round] = sign_bare();
		for (size_t i = 0; i < ARRAY_LEN(n_threads); i++) {
			there[i][round] = sign_there(n_threads[i]);
			there[i][round].ratio =
				there[i][round].rate / bare[round].rate;
		}
	}
	(void)printf(
		"| Ed25519 certificates | a second | to bare signing | CPU us of the caller | CPU us of the keeper |\n"
		"|---|---|---|---|---|\n");
	print("bare signing", 1, bare, n_rounds);
	for (size_t i = 0; i < ARRAY_LEN(n_threads); i++)
		print("keeper", n_threads[i], there[i], n_rounds);
}

int
main(int argc, char **argv)
{
	const int n_rounds = argc == 3 ? (int)strtol(argv[1], NULL, 10) : 0;

	n_words = argc;
	words = argv;
	arena = arena_new(ARENA_MAX);
	seconds = argc == 3 ? strtod(argv[2], NULL) : 0;
	if (n_rounds < 1 || n_rounds > ROUNDS_MAX || seconds <= 0 ||
		arena == NULL || sodium_init() < 0) {
		(void)fputs("usage: keeper ROUNDS SECONDS\n", stderr);
		return 1;
	}
	open_keeper();
	make_cert();
	keeper_free(&keeper);
	measure(n_rounds);
	buf_clear(&cert);
	arena_free(&arena);
	return 0;
}
