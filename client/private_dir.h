/*
 * A directory of our own (0700) for the time of one session: sockets and short
 * files that a program started by us opens by name. Memory-backed where the
 * machine has such a place for us.
 */
#ifndef SALLYPORT_CLIENT_PRIVATE_DIR_H
#define SALLYPORT_CLIENT_PRIVATE_DIR_H

#include "lib/err.h"
#include "lib/span.h"

#define PRIVATE_PATH_MAX 108 /* what a socket's address holds */

struct private_dir {
	char path[96]; /* "": none */
	int watched;   /* open while it is to be kept; 0: nobody watches */
};

int private_dir_open(struct private_dir *dir, struct err *err);

/* The same, and on no disk. ERR_ABSENT: the machine has no such place. */
int private_dir_open_in_memory(struct private_dir *dir, struct err *err);

/*
 * Have a process of its own remove it should we end without a word (SIGKILL).
 * Before a secret is in our memory, which is that process's too.
 */
int private_dir_watch(struct private_dir *dir, struct err *err);

/* Remove it with all that is in it. */
void private_dir_close(struct private_dir *dir);

/* A listening Unix socket in it, and its path. */
int private_dir_listen(const struct private_dir *dir, const char *name,
	char ret_path[PRIVATE_PATH_MAX], int *ret_fd, struct err *err);

/* The same at a path of somebody's choice (0600); the caller removes it. */
int private_listen(const char *path, int *ret_fd, struct err *err);

/* A file (0600) in it with this text, and its path. */
int private_dir_write(const struct private_dir *dir, const char *name,
	struct span text, char ret_path[PRIVATE_PATH_MAX], struct err *err);

/* The next connection, of our own user; -1: none, or of somebody else. */
int private_accept(int listen_fd);

#endif
