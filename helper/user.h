/* The user that the helper runs as where it answers sshd or PAM. */
#ifndef SALLYPORT_HELPER_USER_H
#define SALLYPORT_HELPER_USER_H

#define HELPER_USER "sallyport-helper"

#endif
