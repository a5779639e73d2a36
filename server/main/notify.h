/* Word to the service manager (sd_notify(3)), where there is one. */
#ifndef SALLYPORT_SERVER_MAIN_NOTIFY_H
#define SALLYPORT_SERVER_MAIN_NOTIFY_H

/* Send "READY=1" and the like to $NOTIFY_SOCKET; nothing happens without. */
void notify_send(const char *state);

#endif
