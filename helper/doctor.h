/* What may be wrong with a host, found one by one, each with its remedy. */
#ifndef SALLYPORT_HELPER_DOCTOR_H
#define SALLYPORT_HELPER_DOCTOR_H

#include "helper/host.h"
#include "helper/sshd.h"

#define FINDING_MAX 512

struct finding {
	bool good;
	char text[FINDING_MAX]; /* what is */
	char fix[FINDING_MAX];  /* of a bad one: what to do */
};

/* What the checks look at; found out once. */
struct doctor {
	const struct host *host;
	struct sshd_view view; /* text NULL: sshd -T fails */
	int64_t server_s;      /* the server's clock; -1: it said none */
};

struct check {
	const char *name;
	/* Whether it is one for this host; NULL: for all. */
	bool (*applies)(const struct host *host);
	void (*run)(struct doctor *doctor, const void *what,
		struct finding *finding);
	const void *what; /* which of its kind */
};

/* In the order in which they are run; ends with a NULL name. */
extern const struct check doctor_checks[];

/* Run all; the report, and whether everything is good. */
int doctor_run(const struct host *host, struct buf *out, bool *ret_good,
	struct err *err);

#endif
