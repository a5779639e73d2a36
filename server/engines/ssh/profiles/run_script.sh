# Runs a role's install_script on a target, as its admin user. Standard input:
# install or uninstall, the user, the key's line, the length of the script,
# the script; then "commit", without which nothing is run. The script gets
# three arguments: the first of these, a file with the line, and the path of
# the user's authorized_keys. Status 65 says that it was not run, 66 that it
# did not end well.
set -fu
mask=$(umask)
umask 077
fail() {
	echo "sallyport: $*" >&2
	exit 65
}

IFS= read -r action && IFS= read -r user && IFS= read -r line &&
	IFS= read -r size || fail "standard input ended too early"
# By name alone: getent takes one of digits for a uid.
case $user in
*[!0-9]*) entry=$(getent passwd "$user" 2>/dev/null) ;;
*) false ;;
esac || entry=$({ getent passwd || cat /etc/passwd; } 2>/dev/null |
	awk -F: -v user="$user" '$1 "" == user { print; exit }')
[ -n "$entry" ] || fail "there is no user $user"
home=$(printf '%s\n' "$entry" | cut -d: -f6)
place=$(mktemp -d "$HOME/.sallyport.XXXXXX" 2>/dev/null || mktemp -d) ||
	fail "no place for the script"
trap 'rm -rf "$place"' EXIT
trap 'exit 65' HUP INT PIPE TERM
dd bs=1 count="$size" of="$place/script" 2>/dev/null
[ "$(wc -c <"$place/script")" -eq "$size" ] || fail "the script is cut off"
printf %s "$line" >"$place/key" && chmod 700 "$place/script" ||
	fail "cannot write the script"
printf '\nsallyport: ready\n'
word=$(dd bs=1 count=7 2>/dev/null)
[ "$word" = commit ] || fail "no commit came: nothing was run"
umask "$mask"
trap 'exit 66' HUP INT PIPE TERM
"$place/script" "$action" "$place/key" "$home/.ssh/authorized_keys" </dev/null
status=$?
[ "$status" = 0 ] || {
	echo "sallyport: the script ended with status $status" >&2
	exit 66
}
echo "sallyport: done"
