/*
 * What an enrolled host puts into /etc/ssh, looked at before it goes there.
 */
#ifndef SALLYPORT_HELPER_HOST_FILES_H
#define SALLYPORT_HELPER_HOST_FILES_H

#include "helper/host.h"

#define HOST_KRL_MAX ((size_t)64 * 1024 * 1024)

/*
 * A host certificate's line: for this key (a blob), signed, in force at now_s,
 * with a principal. ERR_PEER says what is wrong. *ret_blob is in the arena.
 */
int host_files_check_cert(struct span line, struct span key, int64_t now_s,
	struct arena *arena, struct span *ret_blob, struct err *err);

/* Lines of public keys, one at least. ERR_PEER. */
int host_files_check_keys(
	struct span text, struct arena *arena, struct err *err);

/* A revocation list that sshd takes; its version. ERR_PEER. */
int host_files_check_krl(
	struct span bytes, uint64_t *ret_version, struct err *err);

/* Our part of sshd_config. program: the path of this program. */
int host_files_write_conf(
	const struct host *host, const char *program, struct buf *out);

#endif
