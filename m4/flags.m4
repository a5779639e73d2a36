# SALLYPORT_COMPILER_FLAGS: each flag of the house list is probed on its own,
# so that a compiler which lacks one still builds.

AC_DEFUN([SALLYPORT_TRY_CFLAG], [
  AS_VAR_PUSHDEF([have], [sallyport_cv_cflag_$2])
  AC_CACHE_CHECK([whether $CC takes $2], [have], [
    save_CFLAGS=$CFLAGS
    CFLAGS="$save_CFLAGS -Werror $2"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])], [AS_VAR_SET([have], [yes])], [AS_VAR_SET([have], [no])])
    CFLAGS=$save_CFLAGS
  ])
  AS_VAR_IF([have], [yes], [$1="$$1 $2"])
  AS_VAR_POPDEF([have])
])

AC_DEFUN([SALLYPORT_COMPILER_FLAGS], [
  WARN_CFLAGS=
  HARDEN_CFLAGS=
  m4_foreach_w([flag], [-std=gnu17 -Wall -Wextra -Wpedantic -Wshadow
    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    -Wwrite-strings -Wpointer-arith -Wcast-qual -Wformat=2 -Wundef -Wvla
    -Wnull-dereference -Wimplicit-fallthrough -Wconversion -Wno-sign-conversion
    -Walloca -Wunused-result -fno-common -fvisibility=hidden
    -fno-strict-aliasing -fno-strict-overflow
    -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wformat-signedness
    -Wcast-align=strict -Wformat-overflow=2 -Wformat-truncation=2
    -Warray-bounds=2 -Wstringop-overflow=4 -Wtrampolines
    -Wcomma -Wassign-enum -Wshorten-64-to-32
    -Wthread-safety -Werror=thread-safety],
    [SALLYPORT_TRY_CFLAG([WARN_CFLAGS], flag)])
  # gcc takes any -Wno-… in silence, and names it beside every later warning.
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [[
#ifndef __clang__
#error not clang
#endif]])],
    [WARN_CFLAGS="$WARN_CFLAGS -Wno-gnu-zero-variadic-macro-arguments"])
  m4_foreach_w([flag], [-ftrivial-auto-var-init=zero
    -fzero-call-used-regs=used-gpr -fstack-protector-strong
    -fstack-clash-protection -fcf-protection=full],
    [SALLYPORT_TRY_CFLAG([HARDEN_CFLAGS], flag)])
  AS_CASE([" $HARDEN_CFLAGS "], [*var-init=zero*], [],
    [SALLYPORT_TRY_CFLAG([HARDEN_CFLAGS], [-ftrivial-auto-var-init=pattern])])

  HARDEN_CPPFLAGS='-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3'
  HARDEN_LDFLAGS='-Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code -Wl,--as-needed'
  # Whole by itself, but for a sanitizer's calls into the program.
  MODULE_LDFLAGS='-Wl,-z,defs'
  SAN=
  AS_IF([test "x$enable_asan" = xyes], [SAN="$SAN,address"])
  AS_IF([test "x$enable_ubsan" = xyes], [SAN="$SAN,undefined"])
  AS_IF([test "x$enable_tsan" = xyes], [SAN="$SAN,thread"])
  AS_IF([test "x$enable_fuzz" = xyes], [SAN="$SAN,fuzzer-no-link,address,undefined"])
  SAN=${SAN#,}
  AS_IF([test -n "$SAN"], [
    HARDEN_CPPFLAGS='-U_FORTIFY_SOURCE'
    HARDEN_CFLAGS="-fsanitize=$SAN -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
    HARDEN_LDFLAGS="-fsanitize=$SAN"
    MODULE_LDFLAGS=
    AC_DEFINE([SALLYPORT_SANITIZED], [1], [Built with a sanitizer.])
  ])
  AS_IF([test "x$enable_werror" = xyes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
  AC_SUBST([WARN_CFLAGS])
  AC_SUBST([HARDEN_CFLAGS])
  AC_SUBST([HARDEN_CPPFLAGS])
  AC_SUBST([HARDEN_LDFLAGS])
  AC_SUBST([MODULE_LDFLAGS])
])
