/*
 * New files for sshd: written as one, checked, loaded and looked at from
 * outside; back to the old ones where any of that fails.
 *
 * Order of the files: secret, CA keys, revocation list, certificate, record,
 * and last our part of sshd_config, which refers to the others. Each of the
 * others works with old and new ones of the rest: the server takes both
 * secrets until the newer one reports, keys and lists are read for themselves,
 * and a certificate belongs to a key that stays. So a crash between two
 * renames leaves an sshd that starts; the next run finds the journal of
 * helper/file_set.h and puts the old set back. Renewing goes on from there.
 */
#ifndef SALLYPORT_HELPER_HOST_UPDATE_H
#define SALLYPORT_HELPER_HOST_UPDATE_H

#include "helper/host_calls.h"

struct host_update {
	const struct host_issue *issue; /* NULL: no new certificate */
	struct span user_ca, krl;       /* SPAN_NONE: as they are */
	struct host_record record;      /* as it will be */
};

/*
 * Put the files in place that are not as they should be, and the record with
 * them; with a certificate, our part of sshd_config, too. sshd is reloaded,
 * must show the certificate and let ssh begin a login by it, only where one of
 * those two has changed: it reads keys and lists at each login. host->record is
 * update->record afterwards; on failure all is as it was.
 */
int host_update_install(
	struct host *host, const struct host_update *update, struct err *err);

/*
 * Before anything is changed: alone, with what a run has left undone that did
 * not come to its end, and with the record that is true then.
 */
int host_update_begin(struct host *host, struct err *err);

#endif
