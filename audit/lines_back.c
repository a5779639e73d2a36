/*
 * A window of bytes moves from the end to the start; it doubles where a line
 * does not fit into it.
 */
#include "audit/lines_back.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/buf.h"

#define WINDOW_MIN ((size_t)1 << 16)
#define WINDOW_MAX ((size_t)1 << 28)

struct reader {
	int fd;
	off_t first; /* read nothing before this */
	off_t end;   /* all from here on has been handed out */
	struct buf window;
	lines_back_fn *fn;
	void *ctx;
	bool stopped;
};

/* The bytes [end - len, end) into the window. */
static int
fill(struct reader *reader, size_t len, struct err *err)
{
	off_t at = reader->end - (off_t)len;
	uint8_t *room = NULL;
	ssize_t n;

	buf_reset(&reader->window);
	room = buf_reserve(&reader->window, len);
	if (room == NULL)
		return buf_check(&reader->window, err);
	while (reader->window.len < len) {
		n = pread(reader->fd, room + reader->window.len,
			len - reader->window.len,
			at + (off_t)reader->window.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, "read");
		if (n == 0)
			return err_set(err, ERR_SYSTEM, 500, "file was cut");
		reader->window.len += (size_t)n;
	}
	return 0;
}

/* Where the last line of the len bytes starts; false: before them. */
static bool
find_start(const uint8_t *data, size_t len, size_t *ret_start)
{
	const uint8_t *newline = NULL;

	/* The last byte is the line's own newline, or its last byte. */
	if (len > 1)
		newline = memrchr(data, '\n', len - 1);
	if (newline == NULL)
		return false;
	*ret_start = (size_t)(newline - data) + 1;
	return true;
}

static void
hand_out(struct reader *reader, size_t start, size_t end)
{
	const uint8_t *data = reader->window.data;
	bool whole = data[end - 1] == '\n';

	reader->stopped = reader->fn(
		reader->ctx, span_of(data + start, end - start - whole), whole);
	reader->end -= (off_t)(end - start);
}

/* Hand out the window's lines; false where not even one fits into it. */
static bool
use_window(struct reader *reader)
{
	size_t len = reader->window.len, start = 0, used = 0;
	bool at_start = reader->end - (off_t)len == 0;

	while (len > 0 && !reader->stopped) {
		if (!find_start(reader->window.data, len, &start)) {
			if (!at_start)
				break;
			start = 0;
		}
		hand_out(reader, start, len);
		used += len - start;
		len = start;
	}
	return used > 0;
}

static int
read_lines(struct reader *reader, struct err *err)
{
	size_t len = WINDOW_MIN;
	int rc;

	while (reader->end > reader->first && !reader->stopped) {
		off_t left = reader->end - reader->first;

		if ((off_t)len > left)
			len = (size_t)left;
		rc = fill(reader, len, err);
		if (rc != 0)
			return rc;
		if (use_window(reader))
			continue;
		/* A line that began before first is not wholly inside. */
		if ((off_t)len == left)
			return 0;
		len *= 2;
	}
	return 0;
}

int
lines_back(
	int fd, off_t bytes_max, lines_back_fn *fn, void *ctx, struct err *err)
{
	struct reader reader = { .fd = fd, .fn = fn, .ctx = ctx };
	struct stat st;
	int rc;

	if (fstat(fd, &st) != 0)
		return err_set_errno(err, "fstat");
	reader.end = st.st_size;
	reader.first = st.st_size > bytes_max ? st.st_size - bytes_max : 0;
	buf_init(&reader.window, WINDOW_MAX);
	rc = read_lines(&reader, err);
	buf_clear(&reader.window);
	return rc;
}
