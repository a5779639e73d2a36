# Checking a Spin model whole, and that each fault which its head names
# ("M_… what it is") is found. Sourced by run_otp and run_revoke. TAP.
n=0
top=${top_srcdir:-.}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

skip() {
	echo "1..0 # SKIP $1"
	exit 0
}

# begin MODEL: work on it in a directory of its own; sets faults.
# OTP_VERIFIERS=0: not at all.
begin() {
	[ "${OTP_VERIFIERS:-}" != 0 ] || skip "another build's run checks it"
	command -v spin >/dev/null || skip 'spin is not installed'
	cp "$top/tests/model/$1" "$scratch/model.pml" && cd "$scratch" || exit 1
	faults=$(sed -n 's/^ \*   \(M_[A-Z]*\) .*/\1/p' model.pml)
}

# search OPTIMISATION DEFINE...: sets errors and states; empty where it did not run.
search() {
	errors='' states=''
	optimise=$1
	shift
	spin "$@" -a model.pml >log 2>&1 &&
		${CC:-gcc} "$optimise" -w -DSAFETY -DCOLLAPSE -o pan pan.c >>log 2>&1 &&
		./pan -m1000000 >>log 2>&1
	grep -q -e 'depth too small' -e 'out of memory' -e 'interrupted' log &&
		return
	errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' log)
	states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' log)
}

# say NAME ERRORS: whether the last search found as many.
say() {
	n=$((n + 1))
	if [ "$errors" = "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		sed 's/^/# /' log
	fi
}

# hold ROW NAME DEFINE...: the claim holds in every state.
hold() {
	row=$1 name=$2
	shift 2
	search -O2 "$@"
	echo "# $name: ${states:-no} states"
	[ -z "${SALLYPORT_FIGURES:-}" ] ||
		printf '%s\t%s\t%s\tstates of the model\n' "$row" "${states:-0}" \
			"${errors:-1}" >>"$SALLYPORT_FIGURES"
	say "$name" 0
}

# find_faults: each is found.
find_faults() {
	for fault in $faults; do
		search -O0 -D"$fault"
		say "the_fault_${fault}_is_found" 1
	done
}
