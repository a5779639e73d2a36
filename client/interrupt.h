/*
 * Signals while a server makes what would have to be taken back, or takes it
 * back: the first one waits for its answer, since nobody else would know of it;
 * a second one ends us there and then.
 */
#ifndef SALLYPORT_CLIENT_INTERRUPT_H
#define SALLYPORT_CLIENT_INTERRUPT_H

/* Begin, with signals held (client/child.h). */
void interrupt_wait(void);

/* The signal that came meanwhile, or 0; from here on they are held again. */
int interrupt_end(void);

#endif
