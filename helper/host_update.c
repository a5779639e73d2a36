/* A set of files, and what sshd makes of it. */
#include "helper/host_update.h"

#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "helper/file_set.h"
#include "helper/host_files.h"
#include "helper/sshd.h"
#include "helper/sshd_login.h"
#include "helper/user.h"
#include "lib/fsutil.h"
#include "lib/log.h"
#include "lib/sshkey.h"

#define PUBLIC_MODE 0644
#define SECRET_MODE 0640
#define TEXT_MAX 65536

/* A change under way. */
struct work {
	const struct host *host; /* with the record to come */
	struct file_set set;
	bool needs_reload;
	struct buf secret, record, conf;
};

static void
work_init(struct work *work, const struct host *host)
{
	*work = (struct work){ .host = host };
	work->set.journal = host->paths.journal;
	buf_init(&work->secret, HOST_SECRET_MAX);
	buf_init(&work->record, TEXT_MAX);
	buf_init(&work->conf, TEXT_MAX);
}

static void
work_clear(struct work *work)
{
	buf_clear(&work->secret);
	buf_clear(&work->record);
	buf_clear(&work->conf);
}

/* ---- which files ------------------------------------------------------- */

static bool
is_on_disk(const char *path, struct span content)
{
	struct buf now;
	bool same;

	buf_init(&now, content.len);
	same = file_read(path, &now, NULL) == 0 &&
		span_equal(buf_span(&now), content);
	buf_clear(&now);
	return same;
}

/* The file joins the set where it is not there already. *ret_differs or NULL */
static int
add(struct work *work, const char *path, struct span content, mode_t mode,
	gid_t gid, bool *ret_differs, struct err *err)
{
	const struct file_change change = {
		.path = path, .content = content, .mode = mode, .gid = gid
	};

	if (path == NULL)
		return err_set_memory(err);
	if (content.data == NULL || is_on_disk(path, content))
		return 0;
	if (ret_differs != NULL)
		*ret_differs = true;
	return file_set_add(&work->set, &change, err);
}

static int
add_public(struct work *work, const char *path, struct span content,
	bool *ret_differs, struct err *err)
{
	return add(
		work, path, content, PUBLIC_MODE, (gid_t)-1, ret_differs, err);
}

/* Where there is no such group, it stays root's, and sshd asks in vain. */
static int
add_secret(struct work *work, const struct host_issue *issue, struct err *err)
{
	const struct group *group = getgrnam(HELPER_USER);

	if (issue == NULL)
		return 0;
	(void)buf_addf(&work->secret, "%s\n", issue->secret);
	if (buf_check(&work->secret, err) != 0)
		return work->secret.rc;
	return add(work, work->host->paths.secret, buf_span(&work->secret),
		SECRET_MODE, group != NULL ? group->gr_gid : (gid_t)-1, NULL,
		err);
}

/* Where this program lies, or will when an upgrade has come to its end. */
static const char *
own_path(char path[PATH_MAX])
{
	const ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

	path[n > 0 ? n : 0] = '\0';
	return access(path, X_OK) == 0 ? path : LIBEXECDIR "/sallyport-helper";
}

static int
add_conf(struct work *work, struct err *err)
{
	char path[PATH_MAX];
	int rc = host_files_write_conf(work->host, own_path(path), &work->conf);

	if (rc != 0)
		return err_set_memory(err);
	return add_public(work, work->host->paths.conf, buf_span(&work->conf),
		&work->needs_reload, err);
}

/* In the order that the header tells of. */
static int
collect(struct work *work, const struct host_update *update, struct err *err)
{
	const struct host *host = work->host;
	int rc = add_secret(work, update->issue, err);

	if (rc == 0)
		rc = add_public(
			work, host->paths.user_ca, update->user_ca, NULL, err);
	if (rc == 0)
		rc = add_public(work, host->paths.krl, update->krl, NULL, err);
	if (rc == 0 && update->issue != NULL)
		rc = add_public(work, host_cert_path(host),
			update->issue->cert_line, &work->needs_reload, err);
	if (rc == 0)
		rc = host_record_write(&host->record, &work->record, err);
	if (rc == 0)
		rc = add_public(work, host->paths.record,
			buf_span(&work->record), NULL, err);
	return rc != 0 || update->issue == NULL ? rc : add_conf(work, err);
}

/* ---- what sshd makes of them ------------------------------------------- */

/*
 * First value wins: what stands before ours hides it. Where RevokedKeys names
 * no file, sshd lets nobody in.
 */
static int
check_in_force(
	const struct host *host, const struct sshd_view *view, struct err *err)
{
	const struct {
		const char *name, *value;
	} rows[] = {
		{ "hostcertificate", host_cert_path(host) },
		{ "trustedusercakeys", host->paths.user_ca },
		{ "revokedkeys", host->paths.krl },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].value == NULL)
			return err_set_memory(err);
		if (access(rows[i].value, R_OK) != 0)
			return err_set(err, ERR_ABSENT, 400,
				"%s is not there yet", rows[i].value);
		if (!sshd_has(view, rows[i].name, rows[i].value))
			return err_set(err, ERR_INPUT, 400,
				"sshd has no %s %s: %s does not include %s, or an earlier line says otherwise",
				rows[i].name, rows[i].value,
				host->settings->sshd_config, host->paths.conf);
	}
	return 0;
}

static int
try_login(const struct host *host, const struct sshd_view *view,
	struct span cert, struct err *err)
{
	const char *known_hosts = arena_printf(
		host->arena, "%s.known_hosts", host->paths.journal);

	if (known_hosts == NULL)
		return err_set_memory(err);
	return sshd_try_login(view, cert, known_hosts, host->arena, err);
}

/* *ret_reloaded is set as soon as the running sshd may have the new files. */
static int
load(const struct host *host, struct span cert, bool *ret_reloaded,
	struct err *err)
{
	struct sshd_view view;
	int rc = sshd_check(host->settings, err);

	if (rc == 0)
		rc = sshd_look(host->settings, host->arena, &view, err);
	if (rc == 0)
		rc = check_in_force(host, &view, err);
	if (rc != 0)
		return rc;
	*ret_reloaded = true;
	rc = sshd_reload(host->settings, err);
	if (rc == 0)
		rc = sshd_wait_for_cert(&view, cert, host->arena, err);
	return rc != 0 ? rc : try_login(host, &view, cert, err);
}

/* The one that is in its place now. */
static int
read_cert(const struct host *host, struct span *ret_cert, struct err *err)
{
	const char *path = host_cert_path(host);
	struct span line;
	int rc = path == NULL
		? err_set_memory(err)
		: host_read_file(host, path, HOST_FILE_MAX, &line, err);

	if (rc == 0 && sshkey_parse_line(line, host->arena, ret_cert) != 0)
		rc = err_set(err, ERR_INPUT, 400, "%s: no certificate", path);
	return rc;
}

static void
undo(const struct host *host, bool reloaded)
{
	struct err err = { 0 };
	bool found;
	int rc = file_set_restore(host->paths.journal, &found, &err);

	if (rc == 0 && reloaded)
		rc = sshd_reload(host->settings, &err);
	if (rc != 0)
		log_error("the old files could not be brought back",
			LOG_ERR(&err));
	else
		log_warn("the old files are back in place");
}

static int
commit(struct work *work, struct err *err)
{
	bool reloaded = false;
	struct span cert;
	int rc = file_set_apply(&work->set, err);

	if (rc != 0)
		return rc;
	if (work->needs_reload) {
		rc = read_cert(work->host, &cert, err);
		if (rc == 0)
			rc = load(work->host, cert, &reloaded, err);
	}
	if (rc == 0)
		rc = file_set_keep(&work->set, err);
	if (rc != 0)
		undo(work->host, reloaded);
	return rc;
}

int
host_update_install(
	struct host *host, const struct host_update *update, struct err *err)
{
	struct host next = *host;
	struct work work;
	int rc;

	next.record = update->record;
	work_init(&work, &next);
	rc = collect(&work, update, err);
	if (rc == 0 && work.set.n > 0)
		rc = commit(&work, err);
	work_clear(&work);
	if (rc == 0)
		host->record = update->record;
	return rc;
}

static int
recover(const struct host *host, struct err *err)
{
	bool found;
	int rc = file_set_restore(host->paths.journal, &found, err);

	if (rc != 0 || !found)
		return rc;
	log_warn("a change that did not come to its end is undone");
	return sshd_reload(host->settings, err);
}

int
host_update_begin(struct host *host, struct err *err)
{
	int rc = host_lock(host, err);

	if (rc == 0)
		rc = recover(host, err);
	return rc != 0 ? rc : host_load(host, err);
}
