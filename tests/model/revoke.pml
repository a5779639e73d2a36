/*
 * One dynamic lease on its way to a machine and off it again: row, queue,
 * claims, calls; with killed servers, a machine that is down, a renewal, two who
 * take back, a revoke and an expiry at any time, an operator who forces. Run by
 * run_revoke, which also checks that each of these faults, built in, is found:
 *   M_DELETE    what is revoked is deleted, not queued
 *   M_NOWAIT    a revoked install is taken back before it is over for sure
 *   M_EARLYNOW  who asks for a try now gets it while the install goes on
 *   M_NOCLAIM   a claim takes the row out of the queue
 *   M_DONEFIRST the row goes before the call, not behind it
 *   M_GIVEUP    a call that failed was the last one
 *   M_BLIND     the row is made LIVE by who does not look at it
 *   M_NOBACK    an install whose row was forced away does not put it back
 *   M_NODUE     a row is not due before it is LIVE
 *   M_TWO       two calls to one machine at a time
 *   M_RELEASE   a new server makes due what may still be being installed
 *   M_UNMARKED  a renewal puts the key there again and the row does not say so
 *
 * Where it stands in the code: Maker is dynamic_key_issue() of
 * server/engines/ssh/dynamic/dynamic_key.c and lease_end_install() of
 * storage/lease_queue.c; Renewer is renew() of the one and lease_begin_renewal()
 * and lease_end_renewal() of the other; end_row() is lease_mark_revoking() of storage/lease.c;
 * Taker is takeback_try_row() of server/core/takeback.c, the second one takeback_now()
 * of takeback_ask.c beside it;
 * Time is server/core/expire.c and what next_try_s says; the end of Crash() is
 * lease_queue_release() of storage/lease_queue.c. It is taken for granted
 * that an install which lives ends within its deadline and that a claim outlives
 * its call: storage/lease.h and server/core/takeback.h say so.
 */
#ifndef CRASHES
#define CRASHES 2
#endif

#define ABSENT 0
#define LIVE 1                  /* storage/lease.h */
#define REVOKING 3
#define INSTALLING 4

#define NOT_BEGUN 0
#define FLYING 1                /* the machine may still do it */
#define OVER 2

/* the row, as it is on disk */
byte row = ABSENT;
bool due;                       /* its next try has come */
bool fresh;                     /* is_installing: not to be forced */
bool marked;                    /* LIVE, and its key is put there again */
bool lost;                      /* in no index any more: M_NOCLAIM */

/* the machine */
bool key, up = true;
byte install = NOT_BEGUN;

/* the server */
byte life, crashes, calls;
bool busy;                      /* somebody is at the machine */
bool making;                    /* the request lives */

/* the world */
bool begun, past_deadline, revoked, forced;
bool excused;                   /* what was forced may stay behind */
bool late;                      /* handed out though it was revoked before */

/* Whatever ends a row. */
inline end_row() {
#ifdef M_DELETE
	row = ABSENT;
#else
	if
	:: row == INSTALLING || (row == LIVE && marked) ->
#ifdef M_NOWAIT
		fresh = false; due = true
#else
		fresh = !past_deadline; due = past_deadline
#endif
	:: else -> due = true
	fi;
	row = REVOKING
#endif
}

proctype Maker() {
	byte mine;
	atomic { mine = life; making = true; begun = true; row = INSTALLING }
	atomic {
		if
		:: mine != life -> goto dead
		:: else -> install = FLYING
		fi
	}
	atomic { (mine != life || install == OVER) }
	atomic {
		if
		:: mine != life -> goto dead
#ifdef M_BLIND
		:: mine == life && key ->
#else
		:: mine == life && key && row == INSTALLING ->
#endif
			row = LIVE;
			late = late || revoked
#ifdef M_NOBACK
		:: mine == life && row == ABSENT -> skip
#endif
		:: else -> row = REVOKING; due = true; fresh = false
		fi;
		making = false
	}
dead:	skip
}

/* The flight, the deadline and the request are the install's, which is over. */
proctype Renewer() {
	byte mine;
	atomic {
		if
		:: row == LIVE ->
			mine = life; making = true; install = NOT_BEGUN;
#ifndef M_UNMARKED
			marked = true;
#endif
			past_deadline = false
		:: true -> goto dead
		fi
	}
	atomic {
		if
		:: mine != life -> goto dead
		:: else -> install = FLYING
		fi
	}
	atomic { (mine != life || install == OVER) }
	atomic {
		if
		:: mine != life -> goto dead
		:: mine == life && row == LIVE -> marked = false
		:: else -> row = REVOKING; due = true; fresh = false
		fi;
		making = false
	}
dead:	skip
}

/* The machine does it, or does not, whoever is left to see it. */
active proctype Machine() {
end:	do
	:: atomic { install == FLYING ->
		if
		:: up -> key = true
		:: true -> skip
		fi;
		install = OVER }
	od
}

active proctype Time() {
end:	do
	:: atomic { begun && !past_deadline && install != FLYING &&
		(install == OVER || !making) -> past_deadline = true }
#ifndef M_NODUE
	:: atomic { past_deadline && row == INSTALLING -> end_row() }
#endif
	:: atomic { row == LIVE -> revoked = true; end_row() }
	:: atomic { row == REVOKING && fresh && past_deadline ->
		fresh = false; due = true }
	/* a claim's time is over, or a wait between two tries */
	:: atomic { row == REVOKING && !fresh && !due && !busy && !lost ->
		due = true }
	od
}

/* It may, and need not. */
proctype Revoke() {
	atomic {
		if
		:: row == INSTALLING || row == LIVE ->
			revoked = true; end_row()
		:: true -> skip
		fi }
}

#ifdef M_EARLYNOW
#define MAY_NOW now
#else
#define MAY_NOW (now && !fresh)
#endif
#ifdef M_TWO
#define FREE true
#else
#define FREE !busy
#endif

proctype Taker(bool now) {
	byte mine;
	bool well;
end:	do
	:: atomic { FREE && row == REVOKING && !lost && (due || MAY_NOW) ->
		mine = life; busy = true; due = false; fresh = false;
#ifdef M_NOCLAIM
		lost = true;
#endif
#ifdef M_DONEFIRST
		row = ABSENT;
#endif
		well = false }
	   atomic {
		if
		:: mine == life -> calls++; assert(calls <= 1)
		:: else -> skip
		fi }
	   atomic {
		if
		:: mine == life && up -> key = false; well = true
		:: else -> skip
		fi }
	   atomic {
		if
		:: mine == life ->
			if
			:: well && row == REVOKING -> row = ABSENT
#ifdef M_GIVEUP
			:: !well && row == REVOKING -> row = ABSENT
#endif
			:: else -> skip
			fi;
			lost = false; busy = false; calls--
		:: else -> skip
		fi;
		mine = 0; well = false }
	od
}

/* What lies there, or comes with nobody to see it, stays. */
proctype Force() {
	atomic {
		if
		:: row != ABSENT ->
			forced = true;
			excused = key || (install == FLYING && !making);
			row = ABSENT; due = false; fresh = false
		:: true -> skip
		fi }
}

proctype Crash() {
	do
	:: crashes < CRASHES -> atomic {
		crashes++; life++;
		busy = false; calls = 0; making = false;
#ifdef M_RELEASE
		fresh = false;
#endif
		due = due || (row == REVOKING && !fresh);
		excused = excused || (forced && row == ABSENT) }
	:: break
	od
}

proctype Down() {
	up = false;
	up = true
}

/* When nothing is left to do, nothing is left. */
proctype Rest() {
	timeout;
	assert(row == ABSENT && (!key || excused))
}

init {
	atomic {
		run Maker(); run Renewer(); run Revoke(); run Taker(false); run Taker(true);
		run Force(); run Crash(); run Down(); run Rest()
	}
}

/*
 * No key, there or on its way, without a row that leads to it; nothing is
 * handed out that was revoked before.
 */
ltl taken {
	[] (!late && !(begun && row == ABSENT && (key || install == FLYING) &&
		!excused && !(forced && making)))
}
