/*
 * Console servers: an SSH user stands for a serial port. The credential of a
 * role opens that user, and with it the port; we do not speak serial.
 */
#include "server/engines/ssh/profiles/profile_step.h"

const struct profile profile_console_server = {
	.name = "console-server",
	.doc = "A console server: users that are bound to serial ports. Certificates, or keys put on by people.",
	.instructions =
		"One user for each port, with nothing but that port: on RouterOS\n"
		"  /user add name=console1 group=read password=\"\"; /special-login add user=console1 port=serial0 channel=0 disabled=no\n"
		"and Ctrl-A Q ends the session; on a Linux console server a user whose shell or ForceCommand is its serial client.\n"
		"Where its sshd takes certificates, trust the CA (TrustedUserCAKeys) and let a role of type ca sign for console1, with the\n"
		"extension permit-pty alone. Where keys can be changed by command, dynamic roles do it: profile routeros or linux, with\n"
		"default_user=console1.\n",
};
