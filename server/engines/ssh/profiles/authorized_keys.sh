#!/bin/sh
# Adds a public key to a user's authorized_keys, removes it, or lists the keys
# of Sallyport. The server sends it to targets over SSH; installed as
# /usr/libexec/sallyport/authorized-keys it is what a narrow sudoers line allows.
#
# Standard input has a line each for: "sallyport-keys 1"; install, remove or
# list; the user (list: or none, for all of them); the tag; the key, as "type
# base64"; options of the key; when it ends, in seconds since 1970, or 0; the
# same as expiry-time= has it, in UTC. Then "sallyport: ready" is said, and
# nothing changes until "commit" is read. "sallyport: done" ends it well. Any
# status but 0 says that nothing was changed.
#
# Other lines stay byte for byte. What lies in a user's hands is touched with
# the user's own rights, so that no trick in a home leads root elsewhere.
set -fu
umask 077
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
unset CDPATH IFS
new=.authorized_keys.sallyport

fail() {
	echo "sallyport: $*" >&2
	exit 65
}

finish() {
	echo "sallyport: done"
	exit 0
}

read_job() {
	IFS= read -r version && IFS= read -r action && IFS= read -r user &&
		IFS= read -r tag && IFS= read -r key &&
		IFS= read -r options && IFS= read -r end_s &&
		IFS= read -r end_utc || fail "standard input ended too early"
}

# The words that stand in patterns below are what they should be.
check_job() {
	[ "$version" = "sallyport-keys 1" ] ||
		fail "this script and the server are not of one version"
	case $user in
	*[!A-Za-z0-9_.\$-]* | -*) fail "no name of a user: $user" ;;
	'') [ "$action" = list ] || fail "no user is named" ;;
	esac
	[ "$action" != list ] || return 0
	case $action in install | remove) ;; *) fail "unknown action" ;; esac
	case $tag in
	*[!0-9A-Za-z:]*) fail "no tag: $tag" ;;
	sallyport:????????:?*) ;;
	*) fail "no tag: $tag" ;;
	esac
	case $key in
	"ssh-rsa AAAA"* | "ssh-ed25519 AAAA"*) blob=${key#* } ;;
	*) fail "no key: $key" ;;
	esac
	case $blob in *[!A-Za-z0-9+/=]*) fail "no key: $key" ;; esac
	[ "${#blob}" -ge 64 ] || fail "no key: $key"
	case $end_s in '' | *[!0-9]*) fail "no time: $end_s" ;; esac
}

# ---- whose hands ----------------------------------------------------------

# By name alone: getent takes one of digits for a uid.
find_user() {
	case $1 in
	*[!0-9]*) entry=$(getent passwd "$1" 2>/dev/null) ;;
	*) false ;;
	esac || entry=$({ getent passwd || cat /etc/passwd; } 2>/dev/null |
		awk -F: -v user="$1" '$1 "" == user { print; exit }')
	[ -n "$entry" ] || return 1
	uid=$(printf '%s\n' "$entry" | cut -d: -f3)
	gid=$(printf '%s\n' "$entry" | cut -d: -f4)
	home=$(printf '%s\n' "$entry" | cut -d: -f6)
}

# Whether only root can change what is in this directory.
is_roots() {
	[ -n "$(find "$1" -prune -type d -user 0 ! -perm -020 ! -perm -002 \
		2>/dev/null)" ]
}

# What this script does with the user's rights: itself, from "edit" on. With
# "+" a number is no name, which may be of digits and another's.
become() {
	if setpriv --reuid="+$uid" --regid="+$gid" --init-groups true \
		</dev/null >/dev/null 2>&1; then
		setpriv --reuid="+$uid" --regid="+$gid" --init-groups \
			/bin/sh -c "$script" sallyport "$@"
	elif runuser -u "$user" -- true </dev/null >/dev/null 2>&1; then
		runuser -u "$user" -- /bin/sh -c "$script" sallyport "$@"
	else
		su -s /bin/sh "$user" -c "$script" sallyport "$@"
	fi
}

run_edit() {
	become edit "$action" "$user" "$tag" "$key" "$options" "$end_s" \
		"$end_utc" "$home"
}

# Root's own directory: nobody can put anything in our way.
edit_as_root() {
	top=$(cd -P "$home" && pwd -P) && cd -P "$home/.ssh" &&
		[ "$(pwd -P)" = "${top%/}/.ssh" ] && is_roots . ||
		fail "$home/.ssh is not where it seems to be"
	is_ours=no
	edit_here
}

# A home that only root can change: its .ssh is made by root, for the user.
make_directory_as_root() {
	cd -P "$home" && is_roots . && mkdir .ssh &&
		chown "$user:" .ssh || fail "cannot make $home/.ssh"
	restorecon .ssh >/dev/null 2>&1
}

work_for_user() {
	case $home in /*) ;; *) fail "$user has no home directory" ;; esac
	if [ "$(id -u)" = "$uid" ]; then
		edit_in_home
	elif [ "$(id -u)" != 0 ]; then
		fail "neither root nor $user"
	elif is_roots "$home/.ssh"; then
		edit_as_root
	fi
	[ "$action" != install ] || [ -e "$home/.ssh" ] ||
		! is_roots "$home/." || make_directory_as_root
	run_edit
}

# ---- the file, with the user's rights -------------------------------------

edit_in_home() {
	is_ours=yes
	cd -P "$home" 2>/dev/null || nothing_there "cannot enter $home"
	[ ! -L .ssh ] || fail "$home/.ssh is a symbolic link"
	if [ ! -e .ssh ]; then
		nothing_there ""
		why=$(mkdir .ssh 2>&1) || fail "$why"
		restorecon .ssh >/dev/null 2>&1
	fi
	[ -d .ssh ] || fail "$home/.ssh is not a directory"
	cd -P .ssh 2>/dev/null || fail "cannot enter $home/.ssh"
	edit_here
}

# Where there is nothing there is no key of ours either.
nothing_there() {
	case $action in
	list) exit 0 ;;
	remove) ready && finish ;;
	esac
	[ -z "$1" ] || fail "$1"
}

check_file() {
	[ ! -L authorized_keys ] ||
		fail "authorized_keys of $user is a symbolic link"
	[ -e authorized_keys ] || return 0
	[ -f authorized_keys ] ||
		fail "authorized_keys of $user is not a regular file"
	[ "$is_ours" = no ] || [ -O authorized_keys ] ||
		fail "authorized_keys of $user belongs to somebody else"
}

# One of us at a time. flock takes the directory itself, so that nothing is
# left behind; where it cannot, a directory stands for it, at most 2 minutes.
lock() {
	tries=0
	exec 9<.
	until flock -n 9 2>/dev/null && locked=yes; do
		if [ $? != 1 ] && lock_by_directory; then
			break
		fi
		tries=$((tries + 1))
		[ "$tries" -lt 100 ] ||
			fail "authorized_keys of $user is locked by another"
		sleep 0.1 2>/dev/null || sleep 1
	done
}

lock_by_directory() {
	find .authorized_keys.lock -prune -mmin +2 -exec rmdir {} \; \
		2>/dev/null
	mkdir .authorized_keys.lock 2>/dev/null && locked=by-directory
}

# Before the lock is ours, what lies there is another's.
unlock() {
	[ "$locked" = no ] || rm -f "$new"
	[ "$locked" != by-directory ] || rmdir .authorized_keys.lock
}

# Inode, size and times: whether somebody else wrote meanwhile.
look() {
	stat -c '%i %s %y %z' authorized_keys 2>/dev/null ||
		ls -lin authorized_keys 2>/dev/null
}

bytes() {
	wc -c | tr -d ' '
}

# The option that ends the key, as the sshd of this machine reads it: from 9.1
# on in UTC, before that in the machine's own time, before 7.7 not at all.
expiry_option() {
	[ "$end_s" != 0 ] || return 0
	# shellcheck disable=SC2046 # two words
	set -- $({ sshd -V || ssh -V; } 2>&1 </dev/null |
		sed -n 's/.*OpenSSH_\([0-9]*\)\.\([0-9]*\).*/\1 \2/p' |
		sed -n 1p)
	[ $# = 2 ] || return 0
	if [ $(($1 * 100 + $2)) -ge 901 ]; then
		printf 'expiry-time="%s"' "$end_utc"
	elif [ $(($1 * 100 + $2)) -ge 707 ]; then
		date -d "@$((end_s + 60))" '+expiry-time="%Y%m%d%H%M"' \
			2>/dev/null
	fi
}

make_line() {
	expiry=$(expiry_option)
	line="$key $tag"
	case $options,$expiry in
	,) ;;
	,?*) line="$expiry $line" ;;
	*,) line="$options $line" ;;
	*) line="$options,$expiry $line" ;;
	esac
}

# The file as it is to be, without the key and, to install, with it in front:
# the others' last line may have no end. Attributes are those of the old file.
write_new() {
	rm -f "$new"
	if [ -e authorized_keys ]; then
		old=$(bytes <authorized_keys) &&
			gone=$(sed -n "\\|$key|p" authorized_keys | bytes) &&
			{ cp -a authorized_keys "$new" 2>/dev/null ||
				cp -p authorized_keys "$new"; } &&
			mode=$(find "$new" -perm -200) &&
			{ [ -n "$mode" ] || chmod u+w "$new"; } || return 1
	else
		old=0 gone=0 mode=yes
	fi
	{
		[ "$action" = remove ] || printf '%s\n' "$line"
		[ ! -e authorized_keys ] || sed "\\|$key|d" authorized_keys
	} >"$new" || return 1
	[ -n "$mode" ] || chmod u-w "$new" || return 1
	now=$(bytes <"$new")
	[ "$action" = remove ] || now=$((now - $(printf '%s\n' "$line" | bytes)))
	[ "$now" = $((old - gone)) ] && settle "$new"
}

# Onto the disk; where sync takes no names it would be all disks.
settle() {
	case $(sync --version 2>/dev/null) in
	*coreutils*) sync "$1" 2>/dev/null ;;
	esac
	return 0
}

prepare() {
	seen=$(look)
	why=$(write_new 2>&1) && return
	fail "cannot write in $home/.ssh: ${why:-it came out wrong}"
}

# Wait for the word, but not for ever where the network swallows the end.
ready() {
	printf '\nsallyport: ready\n'
	if timeout 5 true </dev/null >/dev/null 2>&1; then
		word=$(timeout 90 dd bs=1 count=7 2>/dev/null)
	else
		word=$(dd bs=1 count=7 2>/dev/null)
	fi
	[ "$word" = commit ] || fail "no commit came: nothing was changed"
}

edit_here() {
	check_file
	if [ "$action" = list ]; then
		list_here
	fi
	[ -e authorized_keys ] || nothing_there ""
	locked=no
	trap unlock EXIT
	trap 'exit 65' HUP INT PIPE TERM
	lock
	check_file
	make_line
	prepare
	ready
	tries=0
	until [ "$(look)" = "$seen" ]; do
		tries=$((tries + 1))
		[ "$tries" -lt 5 ] ||
			fail "authorized_keys of $user changes all the time"
		check_file
		prepare
	done
	# From here on a signal could no longer say that nothing was changed.
	trap '' HUP INT PIPE TERM
	why=$(mv -f "$new" authorized_keys 2>&1) || fail "$why"
	settle .
	finish
}

# ---- listing --------------------------------------------------------------

list_here() {
	[ ! -e authorized_keys ] || sed -n "s/^.*\(ssh-[a-z0-9-]* AAAA[A-Za-z0-9+\/=]* sallyport:[A-Za-z0-9:]*\)[[:space:]]*\$/sallyport: key $user \1/p" \
		authorized_keys
	exit 0
}

list_all() {
	echo "sallyport: ready"
	for user in ${user:-$(getent passwd 2>/dev/null | cut -d: -f1)}; do
		find_user "$user" && [ -e "$home/.ssh/authorized_keys" ] &&
			(work_for_user) </dev/null
	done
	finish
}

# ---- the way --------------------------------------------------------------

if [ "${1-}" = edit ]; then
	action=$2 user=$3 tag=$4 key=$5 options=$6 end_s=$7 end_utc=$8 home=$9
	uid=$(id -u)
	edit_in_home
fi
case ${0##*/} in authorized[-_]keys*) script=$(cat "$0") ;; esac
read_job
check_job
[ "$action" != list ] || list_all
if ! find_user "$user"; then
	nothing_there "there is no user $user"
fi
work_for_user
exit
