/* ssh's words: who, where, which port, and what ssh itself gets. */
#include "client/sshargs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX 12

/* One row: words with blanks between, what they say, what ssh gets. */
struct row {
	const char *words, *user, *host, *port, *for_ssh;
};

static int
split(struct arena *arena, const char *text, char *words[WORDS_MAX])
{
	char *rest = arena_strdup(arena, text);
	char *word;
	int n = 0;

	while (n < WORDS_MAX && (word = strsep(&rest, " ")) != NULL)
		words[n++] = word;
	return n;
}

static int
parse(struct arena *arena, const char *text, struct sshargs *ret_args)
{
	char **words = ARENA_ARRAY(arena, char *, WORDS_MAX);
	struct err err = { 0 };

	return sshargs_parse(
		arena, split(arena, text, words), words, ret_args, &err);
}

static void
assert_row(const struct row *row)
{
	struct arena *arena = arena_new(1024 * 1024);
	struct sshargs args;
	char joined[512] = "";
	size_t used = 0;

	assert_int_equal(parse(arena, row->words, &args), 0);
	assert_string_equal(args.user, row->user);
	assert_string_equal(args.host, row->host);
	assert_string_equal(args.port, row->port);
	for (int i = 0; i < args.n_words; i++)
		used += (size_t)snprintf(joined + used, sizeof(joined) - used,
			"%s%s", i > 0 ? " " : "", args.words[i]);
	assert_string_equal(
		joined, row->for_ssh != NULL ? row->for_ssh : row->words);
	arena_free(&arena);
}

static void
words_are_read_as_ssh_reads_them(void **state)
{
	static const struct row rows[] = {
		{ "h", "", "h", "", NULL },
		{ "bob@h", "bob", "h", "", NULL },
		{ "bob@corp@h", "bob@corp", "h", "", NULL },
		{ "-p22 h", "", "h", "22", NULL },
		{ "-p 22 h", "", "h", "22", NULL },
		{ "-oPort=22 h", "", "h", "22", NULL },
		{ "-o PORT=22 h", "", "h", "22", NULL },
		{ "-p 1 -oPort=22 h", "", "h", "1", NULL },
		{ "-oPort=22 -p 1 h", "", "h", "1", NULL },
		{ "-p 1 -p 2 h", "", "h", "1", NULL },
		{ "-lbob h", "bob", "h", "", NULL },
		{ "-l bob al@h", "bob", "h", "", NULL },
		{ "al@h -l bob", "al", "h", "", NULL },
		{ "-oUser=bob h", "bob", "h", "", NULL },
		{ "-ouser=bob h", "bob", "h", "", NULL },
		{ "-oUserKnownHostsFile=x h", "", "h", "", NULL },
		{ "-oPortX=2 h", "", "h", "", NULL },
		{ "-4Tv -i key h", "", "h", "", NULL },
		{ "-2 h", "", "h", "", NULL },
		{ "-4Tvp 22 h", "", "h", "22", NULL },
		{ "-D 1080 -L 1:2:3 -J jump -F f -W a:1 h", "", "h", "", NULL },
		{ "h -p 22 uptime", "", "h", "22", NULL },
		{ "h uptime -p 22", "", "h", "", NULL },
		{ "h uptime -l bob", "", "h", "", NULL },
		{ "h -- uptime -p 22", "", "h", "", NULL },
		{ "-p 1 -- bob@h ls", "bob", "h", "1", NULL },
		{ "2001:db8::1", "", "2001:db8::1", "", NULL },
		{ "bob@fe80::1%eth0", "bob", "fe80::1%eth0", "", NULL },
		{ "[::1]", "", "::1", "", "::1" },
		{ "bob@[fe80::1%eth0]:2222 ls -l", "bob", "fe80::1%eth0",
			"2222", "-p 2222 bob@fe80::1%eth0 ls -l" },
		{ "-v [10.0.0.7]:22", "", "10.0.0.7", "22",
			"-p 22 -v 10.0.0.7" },
		{ "-p 1 bob@[::1]:2", "bob", "::1", "1", "-p 1 -p 1 bob@::1" },
		{ "-v -- bob@[::1]:2 ls", "bob", "::1", "2",
			"-p 2 -v -- bob@::1 ls" },
		{ "-l bob [::1]:2", "bob", "::1", "2", "-p 2 -l bob ::1" },
		{ "-l bob al@[::1]:2", "bob", "::1", "2",
			"-p 2 -l bob al@::1" },
		{ "CORP\\bob.b+x_y-z@h", "CORP\\bob.b+x_y-z", "h", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_row(&rows[i]);
}

static void
words_without_a_host_are_refused(void **state)
{
	static const char *const bad[] = { "", "-p 22", "-v", "--", "bob@",
		"[::1", "[]", "[]:22", "[::1]x", "[::1]:", "bob@[::1", "@h",
		"u@-oProxyCommand=x", "[-oProxyCommand=x]:22", "-- -x@-y",
		"-- -oProxyCommand=x@h", "-l -oProxyCommand=x h",
		"-l -oProxyCommand=x [::1]:22", "-oUser=-x h", "a;b@h", "a\\@h",
		"$x@h", "u@h;x", "u@$x", "u@a\\b", "u@a\nb", "a\nb@h",
		"h -l `x`" };
	struct arena *arena = arena_new(1024 * 1024);
	struct sshargs args;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(parse(arena, bad[i], &args), ERR_INPUT);
	arena_free(&arena);
}

static void
literals_resolve_to_themselves(void **state)
{
	static const struct {
		const char *host, *ip;
	} rows[] = { { "10.0.0.7", "10.0.0.7" },
		{ "2001:DB8::1", "2001:db8::1" }, { "::1", "::1" },
		{ "::ffff:10.0.0.7", "10.0.0.7" },
		{ "fe80::1%lo", "fe80::1" } };

	char ip[NETADDR_TEXT_MAX];
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(sshargs_resolve(rows[i].host, ip, &err), 0);
		assert_string_equal(ip, rows[i].ip);
	}
	assert_int_not_equal(sshargs_resolve("no such host", ip, &err), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_read_as_ssh_reads_them),
		cmocka_unit_test(words_without_a_host_are_refused),
		cmocka_unit_test(literals_resolve_to_themselves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
