/*
 * Writes the reference of the API from the tables of operations: a page for
 * each mount type and the OpenAPI document.
 * usage: tools/refgen DIRECTORY
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/jsonw.h"
#include "server/api/help.h"
#include "server/auth/auth.h"
#include "server/engines/cubbyhole/cubbyhole.h"
#include "server/engines/identity/identity.h"
#include "server/engines/ssh/ssh.h"
#include "server/sys/sys.h"

#define PAGE_MAX (16 * 1024 * 1024)

static const struct page {
	const char *file; /* without ".md" */
	struct openapi_mount mount;
} pages[] = {
	{ "sys", { "sys/", &sys_mount_type } },
	{ "auth-token", { "auth/token/", &token_mount_type } },
	{ "auth-approle", { "auth/approle/", &approle_mount_type } },
	{ "auth-userpass", { "auth/userpass/", &userpass_mount_type } },
	{ "auth-cert", { "auth/cert/", &cert_mount_type } },
	{ "auth-jwt", { "auth/jwt/", &jwt_mount_type } },
	{ "auth-kubernetes", { "auth/kubernetes/", &kubernetes_mount_type } },
	{ "auth-ssh", { "auth/ssh/", &sshkey_mount_type } },
	{ "cubbyhole", { "cubbyhole/", &cubbyhole_mount_type } },
	{ "identity", { "identity/", &identity_mount_type } },
	{ "ssh", { "ssh/", &ssh_mount_type } },
};

static int
write_all(int fd, struct span text)
{
	ssize_t n;

	while (text.len > 0) {
		n = write(fd, text.data, text.len);
		if (n < 0)
			return -1;
		text = span_skip(text, (size_t)n);
	}
	return 0;
}

static int
write_file(const char *directory, const char *name, const char *suffix,
	struct buf *text)
{
	char path[1024];
	int fd, rc;

	(void)snprintf(path, sizeof(path), "%s/%s%s", directory, name, suffix);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0) {
		perror(path);
		return -1;
	}
	rc = write_all(fd, buf_span(text));
	if (close(fd) != 0)
		rc = -1;
	if (rc != 0)
		perror(path);
	return rc;
}

static int
write_page(const char *directory, const struct page *page)
{
	struct err err = { 0 };
	struct buf text;
	int rc;

	buf_init(&text, PAGE_MAX);
	rc = refdoc_mount(page->mount.type, page->mount.path, &text, &err);
	if (rc != 0)
		(void)fprintf(stderr, "%s: %s\n", page->file, err.message);
	else
		rc = write_file(directory, page->file, ".md", &text);
	buf_clear(&text);
	return rc;
}

static int
write_openapi(const char *directory)
{
	struct openapi_mount mounts[ARRAY_LEN(pages)];
	struct arena *arena = arena_new(PAGE_MAX);
	struct value *document = NULL;
	struct buf text;
	size_t i;
	int rc = -1;

	for (i = 0; i < ARRAY_LEN(pages); i++)
		mounts[i] = pages[i].mount;
	if (arena != NULL)
		document = openapi_document(arena, mounts, ARRAY_LEN(pages));
	buf_init(&text, PAGE_MAX);
	if (document != NULL) {
		jsonw_value(&text, document, 2);
		(void)buf_add_char(&text, '\n');
		if (buf_check(&text, NULL) == 0)
			rc = write_file(directory, "openapi", ".json", &text);
	}
	buf_clear(&text);
	arena_free(&arena);
	return rc;
}

int
main(int argc, char **argv)
{
	size_t i;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: tools/refgen DIRECTORY\n");
		return 1;
	}
	for (i = 0; i < ARRAY_LEN(pages); i++) {
		if (write_page(argv[1], &pages[i]) != 0)
			return 1;
	}
	return write_openapi(argv[1]) != 0;
}
