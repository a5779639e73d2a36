/*
 * One run of the command line: its options, its token, its connection, and
 * how it calls the server and tells of failures.
 */
#ifndef SALLYPORT_CLIENT_CLI_H
#define SALLYPORT_CLIENT_CLI_H

#include <stdio.h>

#include "client/command.h"
#include "lib/apiclient.h"

#define CLI_BODY_MAX (64 * 1024 * 1024)

enum output_format { FORMAT_TABLE, FORMAT_JSON, FORMAT_YAML, FORMAT_RAW };

/* What the global flags fill. */
struct cli_options {
	const char *address, *agent_address, *ca_cert, *ca_path;
	const char *client_cert, *client_key, *tls_server_name;
	const char *namespace;
	int64_t wrap_ttl; /* s; 0: as it comes */
	struct flag_list mfa;
	bool tls_skip_verify, policy_override;
	bool output_curl_string, output_policy;
	const char *format, *field;
};

struct cli {
	const struct command *command;
	struct cli_options options;
	enum output_format format;
	struct arena *arena;
	struct apiclient *client; /* opened at the first call */
	struct secret_view token; /* in the arena; len 0: none */
	bool token_read;
	bool no_token;     /* send none: login */
	bool takes_text;   /* an answer may be other than JSON */
	int64_t more_s;    /* a call may take, where nobody says how long */
	const char *doing; /* said on a terminal during calls; NULL: nothing */
	struct apiclient_answer answer; /* of the last call */
};

/*
 * Call the server; body NULL: none. With -output-curl-string or
 * -output-policy the call is shown instead, and the run ends here. True where
 * it answered 200 to 299, or, to a GET, pointed elsewhere twice; then
 * cli->answer is the answer: JSON or nothing, but for takes_text. Else err has
 * what a person should read.
 */
bool cli_call(struct cli *cli, const char *method, const char *path,
	const struct value *body, struct err *err);

/* The same with a query: members of object query, or NULL. */
bool cli_call_query(struct cli *cli, const char *method, const char *path,
	const struct value *query, struct err *err);

/* The server's address, or that of the agent before it. */
const char *cli_address(const struct cli *cli);

/* Close the connection and wipe what the run held. */
void cli_clear(struct cli *cli);

/* The token in use: variable, then token helper. ERR_INPUT with its reason. */
int cli_load_token(struct cli *cli, struct err *err);

/* From now on this token, which must outlive the run (the arena). */
void cli_use_token(struct cli *cli, const char *token);

/* "<what>: <message>" on standard error; returns EXIT_SERVER. */
int cli_fail(const char *what, const struct err *err);

/* A line on standard error; returns EXIT_USAGE. */
int cli_usage(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* A path without blanks and slashes at its ends, in the arena. */
char *cli_clean_path(struct cli *cli, const char *path);

/* "ssh" as "ssh/", in the arena. */
const char *cli_with_slash(struct cli *cli, const char *path);

/* Join a fixed prefix and a path: "sys/mounts/" and "ssh". */
char *cli_path(struct cli *cli, const char *prefix, const char *path);

/* Read one line without echo from the terminal. ERR_INPUT: no terminal. */
int cli_read_hidden(struct cli *cli, FILE *prompt_to, const char *prompt,
	const char **ret_text, struct err *err);

/* One line of standard input, without its end. ERR_INPUT: nothing came. */
int cli_read_line(struct cli *cli, const char **ret_text, struct err *err);

/* All of standard input, in the arena. */
int cli_read_stdin(struct cli *cli, struct span *ret_text, struct err *err);

#endif
