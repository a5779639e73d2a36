/* Filling a struct err; see the header for how one travels. */
#include "lib/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#ifdef SALLYPORT_ANALYZER
#undef err_set
#undef err_set_errno
#undef err_set_memory
#endif

int
err_set(struct err *err, int code, int status, const char *fmt, ...)
{
	va_list args;

	if (err == NULL || err->code != 0)
		return code;
	err->code = code;
	err->status = status;
	va_start(args, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, args);
	va_end(args);
	return code;
}

int
err_set_errno(struct err *err, const char *what)
{
	int errnum = errno;
	char text[128];

	if (err == NULL || err->code != 0)
		return ERR_SYSTEM;
	/* The GNU form returns the text, which need not stand in the buffer. */
	(void)snprintf(err->detail, sizeof(err->detail), "%s: %s", what,
		strerror_r(errnum, text, sizeof(text)));
	return err_set(err, ERR_SYSTEM, 500, "internal error");
}

int
err_set_memory(struct err *err)
{
	return err_set(err, ERR_MEMORY, 500, "out of memory");
}

int
err_wrap(struct err *err, const char *fmt, ...)
{
	char inner[ERR_DETAIL_MAX];
	va_list args;
	size_t len, room;

	if (err == NULL)
		return ERR_INTERNAL;
	memcpy(inner, err->detail, sizeof(inner));
	va_start(args, fmt);
	vsnprintf(err->detail, sizeof(err->detail), fmt, args);
	va_end(args);
	len = strlen(err->detail);
	room = sizeof(err->detail) - len;
	if (inner[0] != '\0' &&
		snprintf(err->detail + len, room, ": %s", inner) >= (int)room)
		err->detail[sizeof(err->detail) - 1] = '\0';
	return err->code;
}

const char *
err_reason(const struct err *err)
{
	return err->code == ERR_SYSTEM && err->detail[0] != '\0' ? err->detail
								 : err->message;
}

void
err_clear(struct err *err)
{
	*err = (struct err){ 0 };
}
