/*
 * A revocation list from lines on standard input, to standard output:
 *
 *	version N		before the rest, with date and comment:
 *	date N
 *	comment TEXT
 *	ca LINE			a public key's, or "*"
 *	serial N
 *	id TEXT
 *	key LINE
 *	hash HEX		SHA-256 of a key's blob
 *
 * With the name of a list as argument it answers instead: for each line of a
 * key or certificate on standard input "revoked", "ok" or "bad".
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/codec.h"
#include "lib/number.h"
#include "lib/sshkrl.h"

#define LIST_MAX ((size_t)256 * 1024 * 1024)

struct job {
	struct sshkrl_writer writer;
	struct buf out, comment;
	struct arena *arena;
	uint64_t version, date_s;
	bool begun;
};

static uint64_t
number_of(const char *text)
{
	uint64_t n = 0;

	if (number_parse_u64(span_str(text), UINT64_MAX, &n) != 0)
		abort();
	return n;
}

static struct span
blob_of(struct job *job, const char *line)
{
	struct span blob;

	if (sshkey_parse_line(span_str(line), job->arena, &blob) != 0)
		abort();
	return blob;
}

static struct sshkrl_writer *
writer_of(struct job *job)
{
	if (!job->begun)
		sshkrl_begin(&job->writer, &job->out, job->version, job->date_s,
			buf_str(&job->comment));
	job->begun = true;
	return &job->writer;
}

static void
set_version(struct job *job, const char *text)
{
	job->version = number_of(text);
}

static void
set_date(struct job *job, const char *text)
{
	job->date_s = number_of(text);
}

static void
set_comment(struct job *job, const char *text)
{
	(void)buf_add_str(&job->comment, text);
}

static void
begin_ca(struct job *job, const char *text)
{
	sshkrl_begin_ca(writer_of(job),
		text[0] == '*' ? SPAN_NONE : blob_of(job, text));
}

static void
add_serial(struct job *job, const char *text)
{
	sshkrl_add_serial(writer_of(job), number_of(text));
}

static void
add_key_id(struct job *job, const char *text)
{
	sshkrl_add_key_id(writer_of(job), span_str(text));
}

static void
add_key(struct job *job, const char *text)
{
	sshkrl_add_key(writer_of(job), blob_of(job, text));
}

static void
add_hash(struct job *job, const char *text)
{
	uint8_t hash[SSHKRL_SHA256_LEN];
	size_t len = 0;

	if (hex_decode(span_str(text), hash, sizeof(hash), &len) != 0 ||
		len != sizeof(hash))
		abort();
	sshkrl_add_hash(writer_of(job), hash);
}

static const struct {
	const char *word;
	void (*run)(struct job *job, const char *text);
} words[] = {
	{ "version", set_version },
	{ "date", set_date },
	{ "comment", set_comment },
	{ "ca", begin_ca },
	{ "serial", add_serial },
	{ "id", add_key_id },
	{ "key", add_key },
	{ "hash", add_hash },
};

static void
run_line(struct job *job, char *line)
{
	char *blank = strchr(line, ' ');

	line[strcspn(line, "\n")] = '\0';
	if (blank == NULL)
		abort();
	*blank = '\0';
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(line, words[i].word) == 0) {
			words[i].run(job, blank + 1);
			return;
		}
	}
	abort();
}

static int
write_list(struct job *job)
{
	char *line = NULL;
	size_t cap = 0;
	int rc;

	while (getline(&line, &cap, stdin) > 0)
		run_line(job, line);
	free(line);
	rc = sshkrl_end(writer_of(job));
	if (rc == 0)
		(void)fwrite(job->out.data, 1, job->out.len, stdout);
	return rc == 0 ? 0 : 1;
}

static void
read_file(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "re");
	char part[65536];
	size_t len;

	if (file == NULL)
		abort();
	while ((len = fread(part, 1, sizeof(part), file)) > 0)
		(void)buf_add(out, part, len);
	(void)fclose(file);
}

static int
answer(struct job *job, const char *path)
{
	struct sshkrl krl;
	char *line = NULL;
	size_t cap = 0;

	read_file(path, &job->out);
	if (sshkrl_parse(buf_span(&job->out), &krl) != 0)
		return 1;
	while (getline(&line, &cap, stdin) > 0) {
		bool is_revoked = false;

		if (sshkrl_check(&krl, blob_of(job, line), &is_revoked) != 0)
			puts("bad");
		else
			puts(is_revoked ? "revoked" : "ok");
	}
	free(line);
	return 0;
}

int
main(int argc, char **argv)
{
	static struct job job;
	int rc;

	buf_init(&job.out, LIST_MAX);
	buf_init(&job.comment, 4096);
	job.arena = arena_new(64 << 20);
	if (job.arena == NULL)
		abort();
	rc = argc > 1 ? answer(&job, argv[1]) : write_list(&job);
	buf_clear(&job.comment);
	buf_clear(&job.out);
	arena_free(&job.arena);
	return rc;
}
