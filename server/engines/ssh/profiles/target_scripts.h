/*
 * What runs on targets: the shell scripts of this folder, made a part of the
 * program when it is built (Makefile.inc). Each ends with a NUL.
 */
#ifndef SALLYPORT_SERVER_ENGINES_SSH_PROFILES_TARGET_SCRIPTS_H
#define SALLYPORT_SERVER_ENGINES_SSH_PROFILES_TARGET_SCRIPTS_H

extern const char target_script_authorized_keys[];
extern const char target_script_reach_root[];
extern const char target_script_run_script[];

#endif
