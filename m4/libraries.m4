# SALLYPORT_LIBRARIES: every library with the Debian package that brings it.

AC_DEFUN([SALLYPORT_LIBRARY], [
  PKG_CHECK_MODULES([$1], [$2], [],
    [AC_MSG_ERROR([$2 was not found: install the package $3 (Debian) and run configure again])])
])

AC_DEFUN([SALLYPORT_LIBRARIES], [
  SALLYPORT_LIBRARY([EVENT], [libevent_core >= 2.1.12], [libevent-dev])
  SALLYPORT_LIBRARY([EVENT_OPENSSL], [libevent_openssl >= 2.1.12], [libevent-dev])
  SALLYPORT_LIBRARY([EVENT_PTHREADS], [libevent_pthreads >= 2.1.12], [libevent-dev])
  SALLYPORT_LIBRARY([OPENSSL], [libssl >= 3.0 libcrypto >= 3.0], [libssl-dev])
  SALLYPORT_LIBRARY([SODIUM], [libsodium >= 1.0.18], [libsodium-dev])
  SALLYPORT_LIBRARY([SQLITE], [sqlite3 >= 3.40], [libsqlite3-dev])
  SALLYPORT_LIBRARY([JANSSON], [jansson >= 2.14], [libjansson-dev])
  SALLYPORT_LIBRARY([CURL], [libcurl >= 7.88], [libcurl4-openssl-dev])
  SALLYPORT_LIBRARY([LIBSSH], [libssh >= 0.10.4], [libssh-dev])
  PKG_CHECK_MODULES([CMOCKA], [cmocka >= 1.1.5], [have_cmocka=yes], [have_cmocka=no])
  AM_CONDITIONAL([HAVE_CMOCKA], [test "x$have_cmocka" = xyes])
  AC_CHECK_HEADER([security/pam_modules.h], [],
    [AC_MSG_ERROR([PAM headers were not found: install the package libpam0g-dev (Debian) and run configure again])])
  PAM_LIBS=-lpam
  AC_SUBST([PAM_LIBS])
])
