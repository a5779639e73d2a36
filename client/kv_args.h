/* K=V words into data (spec/cli.md 1.3). */
#ifndef SALLYPORT_CLIENT_KV_ARGS_H
#define SALLYPORT_CLIENT_KV_ARGS_H

#include "client/cli.h"

/*
 * The same as kv_args_parse, with errors in the peer's words alone.
 */
int kv_args_read(struct cli *cli, int argc, char **argv,
	struct value **ret_data, struct err *err);

/*
 * k=v, k=@file, k=- , @file, -: an object in the arena. ERR_INPUT with the
 * peer's words behind "Failed to parse K=V data: ".
 */
int kv_args_parse(struct cli *cli, int argc, char **argv,
	struct value **ret_data, struct err *err);

#endif
