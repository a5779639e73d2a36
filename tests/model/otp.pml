/*
 * One password's row through group commit, crash and retry: it opens once, or
 * never, and an answered yes is on disk and in the audit log. Run by run_otp,
 * which also checks that each fault below is found:
 *   M_SPLIT     the row is looked at and marked in two steps
 *   M_EARLY     answered without waiting for the commit
 *   M_NOAUDIT   answered without a durable audit line
 *   M_REVEARLY  a revoke is answered before its commit
 * Words are those of storage/lease.h: a row is live, used or revoking.
 */
#ifndef VERIFIERS
#define VERIFIERS 2
#endif
#ifndef CRASHES
#define CRASHES 2
#endif

#define LIVE 1
#define USED 2
#define REVOKING 3

byte seen_state = LIVE;         /* in the view of the open transaction */
byte disk_state = LIVE;         /* after the last commit */
bool outbox = false;            /* the fact, in the same transaction */
bool disk_outbox = false;
bool audited = false;           /* the line is durable at a device */
bool expired = false;
bool revoke_answered = false;
byte life = 0;                  /* of the process: one more per crash */
byte accepted = 0;              /* answers 200 */
bool late = false;              /* won, though sent after revoke or expiry */
bool unaudited = false;         /* won without a durable line */

inline commit() { disk_state = seen_state; disk_outbox = outbox }

inline lost_answer() {          /* the host asks once more, then gives up */
	won = false;
	if
	:: tries < 1 -> tries++; goto again
	:: else -> goto done
	fi
}

proctype Verify() {
	byte mine; bool won; bool sent_late; byte tries = 0;
#ifdef M_SPLIT
	bool looked;
#endif
again:
	atomic {
		sent_late = revoke_answered || expired;
		mine = life; won = false
	}
#ifdef M_SPLIT
	looked = (seen_state == LIVE) && !expired;
	if
	:: looked -> atomic {
		if
		:: mine == life -> seen_state = USED; outbox = true; won = true
		:: else -> skip
		fi }
	:: else -> skip
	fi;
#else
	atomic {                /* take_otp: one closure of the writer */
		if
		:: mine == life && seen_state == LIVE && !expired ->
			seen_state = USED; outbox = true; won = true
		:: else -> skip
		fi
	}
#endif
#ifndef M_EARLY
	atomic { if :: mine == life -> commit() :: else -> skip fi }
#endif
	atomic {
		if :: mine != life -> lost_answer() :: else -> skip fi;
#ifndef M_NOAUDIT
		if :: won -> audited = true :: else -> skip fi
#endif
	}
	atomic {
		if
		:: mine != life -> lost_answer()
		:: mine == life && won ->
			accepted++;
			if :: sent_late -> late = true :: else -> skip fi;
			if :: !audited -> unaudited = true :: else -> skip fi
		:: else -> skip
		fi
	}
done:	skip
}

proctype Revoke() {
	byte mine;
	atomic { mine = life; seen_state = REVOKING }
#ifndef M_REVEARLY
	atomic { if :: mine == life -> commit() :: else -> goto out fi }
#endif
	atomic { if :: mine == life -> revoke_answered = true :: else -> skip fi }
out:	skip
}

proctype Expire() { expired = true }

proctype Crash() {
	byte n = 0;
	do
	:: n < CRASHES -> atomic { /* the outbox is delivered at start */
		n++; life++; seen_state = disk_state; outbox = disk_outbox;
		if :: disk_outbox -> audited = true :: else -> skip fi }
	:: break
	od
}

init {
	atomic {
		byte i = 0;
		do :: i < VERIFIERS -> run Verify(); i++ :: else -> break od;
		run Revoke(); run Expire(); run Crash()
	}
}

ltl once {
	[] (accepted <= 1 && !late && !unaudited &&
		!(accepted >= 1 && disk_state == LIVE))
}
