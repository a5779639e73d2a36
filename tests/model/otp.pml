/*
 * One password's row on its way through the server: audit line, group commit,
 * outbox, answer; with killed processes, power cuts, a device and a disk that
 * refuse, callers that ask again. Run by run_otp, which also checks that each
 * of these faults, built in, is found:
 *   M_SPLIT     the row is looked at on a snapshot and marked in a closure
 *   M_EARLY     the worker goes on without waiting for the commit
 *   M_NOAUDIT   answered before the response line is durable
 *   M_REVEARLY  a revoke is answered before its commit
 *   M_NOLINE    the writer runs a closure whose request line it did not await
 *   M_FORGET    the outbox row goes with the answer, line durable or not
 *   M_UNSYNCED  at start a line found in the file is taken for durable
 *
 * Where it stands in the code: ask() is server/api/pipeline.c up to the
 * handler and submit() of storage/writer.c; Writer is run_batch() there,
 * close_row() take_otp() of server/engines/ssh/otp.c under write_all() of
 * server/api/req.c; Device is audit/device.c; start() is deliver_outbox() of
 * server/core/audit_devices.c. A set of requests is a byte, one bit each; what
 * nobody will ask for again is set back, so that fewer states differ.
 */
#ifndef VERIFIERS
#define VERIFIERS 2
#endif
#ifndef CRASHES
#define CRASHES 2
#endif
#ifndef REFUSALS
#define REFUSALS 1              /* of the device or the disk, at most */
#endif

#define LIVE 1                  /* storage/lease.h */
#define USED 2
#define REVOKING 3

#define REVOKE 7                /* its number; verifiers have two each */
#define BIT(n) (1 << (n))
#define HAS(set, n) (((set) >> (n)) & 1)

/* the store: in the open transaction and on disk */
byte open_state = LIVE, disk_state = LIVE;
byte open_facts, disk_facts;    /* the outbox */
byte untold;                    /* changes on disk without a durable line */

/* the writer */
byte queued, batch, ran, won;
byte committed, failed;         /* what it told whom */
byte later;                     /* outbox rows to delete with a later batch */
bool batch_expired;             /* the batch's clock */

/* the audit device: handed over, in the file, on disk, not taken */
byte req_pushed, req_written, req_refused;
byte res_pushed, res_written, res_durable, res_refused;

/* the world */
bool expired, revoke_answered;
byte life, crashes, refusals, started;
byte accepted;                  /* answers 200 */
bool late, unaudited, unlined;  /* see the claim */
#ifdef M_SPLIT
byte looked;                    /* who saw it live on the snapshot */
#endif

/* ---- a request -------------------------------------------------------- */

/* The worker hands its line to the device and its closure to the writer. */
inline ask(n) {
	mine = life;
	queued = queued | BIT(n)
#ifdef M_SPLIT
	;
	if
	:: disk_state == LIVE && !expired -> looked = looked | BIT(n)
	:: else -> skip
	fi
#endif
}

proctype Verify(byte first) {
	byte mine, n = first;
	bool sent_late;
	/* They are all alike: let them come in the order of their numbers. */
	atomic { started == first -> started = started + 2 }
again:
	atomic {
		sent_late = revoke_answered || expired;
		req_pushed = req_pushed | BIT(n);
		ask(n)
	}
#ifdef M_EARLY
	atomic { (mine != life || HAS(won, n) || HAS(committed | failed, n)) }
#else
	atomic { (mine != life || HAS(committed | failed, n)) }
#endif
	atomic {
		if
		:: mine != life -> goto unanswered
		:: mine == life && HAS(failed, n) ->
			failed = failed & ~BIT(n);
			goto unanswered
		:: else -> committed = committed & ~BIT(n)
		fi;
		/* unknown, used, too late: the answer grants nothing */
		if
		:: !HAS(won, n) -> goto done
		:: else -> won = won & ~BIT(n)
		fi;
#ifdef M_FORGET
		later = later | BIT(n);
#endif
		res_pushed = res_pushed | BIT(n)
	}
#ifndef M_NOAUDIT
	atomic { (mine != life || HAS(res_durable | res_refused, n)) }
#endif
	atomic {
		if
		:: mine != life || HAS(res_refused, n) -> goto unanswered
		:: else -> skip
		fi;
		accepted++;
		late = late || sent_late;
		unaudited = unaudited || !HAS(res_durable, n);
		later = later | BIT(n);
		goto done
	}
unanswered:
	atomic {
		if
		:: n == first -> n++; goto again
		:: else -> skip
		fi
	}
done:	skip;
	d_step { mine = 0; n = 0; first = 0; sent_late = false }
}

/* Its line is always taken. */
proctype Revoke() {
	byte mine;
	atomic { req_written = req_written | BIT(REVOKE); ask(REVOKE) }
#ifndef M_REVEARLY
	atomic { (mine != life || HAS(committed | failed, REVOKE)) }
#endif
	atomic {
		if
		:: mine == life && !HAS(failed, REVOKE) ->
			revoke_answered = true;
			committed = committed & ~BIT(REVOKE)
		:: else -> skip
		fi;
		mine = 0
	}
}

/* ---- the writer ------------------------------------------------------- */

#define MAY_REFUSE (refusals < REFUSALS)

/* take_otp() and its like: decides on what it reads inside. */
inline close_row(n) {
	if
	:: n == REVOKE ->
		open_state = REVOKING;
		ran = ran | BIT(n)
#ifdef M_SPLIT
	:: n != REVOKE && HAS(looked, n) ->
#else
	:: n != REVOKE && open_state == LIVE && !batch_expired ->
#endif
		open_state = USED;
		open_facts = open_facts | BIT(n);
		unlined = unlined || !HAS(req_written, n);
		won = won | BIT(n);
		ran = ran | BIT(n)
	:: else -> ran = ran | BIT(n)
	fi
}

#ifdef M_NOLINE
#define READY batch
#else
#define READY (batch & (req_written | req_refused))
#endif

inline run_one(n) {
	HAS(READY, n) ->
	batch = batch & ~BIT(n);
	if
	:: HAS(req_refused, n) ->
		failed = failed | BIT(n);
		req_refused = req_refused & ~BIT(n)
	:: else ->
		close_row(n);
		req_written = req_written & ~BIT(n)
	fi
}

inline drop_facts() {
	open_facts = open_facts & ~later;
	disk_facts = open_facts;
	res_written = res_written & ~later;
	res_durable = res_durable & ~later;
	later = 0
}

active proctype Writer() {
	byte n;
end:	do
	:: atomic { batch == 0 && ran == 0 && queued != 0 ->
		batch = queued; queued = 0; batch_expired = expired }
	:: atomic { READY != 0 ->
		do
		:: run_one(n); break
		:: (READY >> (n + 1)) != 0 -> n++
		od; n = 0 }
	:: atomic { batch == 0 && ran != 0 ->     /* the commit's sync is over */
		disk_state = open_state;
		untold = untold | (open_facts & ~disk_facts);
		committed = committed | ran; ran = 0;
		drop_facts() }
	:: atomic { batch == 0 && ran != 0 && MAY_REFUSE -> /* full */
		refusals++;
		open_state = disk_state;
		open_facts = disk_facts;
		won = won & ~ran;
		failed = failed | ran; ran = 0 }
	:: atomic { batch == 0 && ran == 0 && later != 0 -> drop_facts() }
	od
}

/* ---- the audit device ------------------------------------------------- */

active proctype Device() {
end:	do
	:: atomic { (req_pushed | res_pushed) != 0 ->
		req_written = req_written | req_pushed; req_pushed = 0;
		res_written = res_written | res_pushed; res_pushed = 0 }
	:: atomic { (res_written & ~res_durable) != 0 ->
		res_durable = res_durable | res_written;
		untold = untold & ~res_durable }
	:: atomic { (req_pushed | res_pushed) != 0 && MAY_REFUSE ->
		refusals++;
		req_refused = req_refused | req_pushed; req_pushed = 0;
		res_refused = res_refused | res_pushed; res_pushed = 0 }
	:: atomic { (res_written & ~res_durable) != 0 && MAY_REFUSE ->
		refusals++;
		/* what a failed sync leaves of them is anybody's guess */
		res_refused = res_refused | (res_written & ~res_durable);
		res_written = res_durable }
	od
}

/* ---- crashes ---------------------------------------------------------- */

/* The outbox is delivered; its rows go with a later batch. */
inline start() {
#ifndef M_UNSYNCED
	res_durable = res_durable | res_written;
#endif
	untold = untold & ~(res_durable | (disk_facts & ~res_written));
	later = disk_facts
}

inline die() {
	life++;
	open_state = disk_state; open_facts = disk_facts;
	queued = 0; batch = 0; ran = 0; won = 0; committed = 0; failed = 0;
	req_pushed = 0; req_written = 0; req_refused = 0;
	res_pushed = 0; res_refused = 0
}

proctype Crash() {
	do
	:: crashes < CRASHES -> atomic { crashes++; die(); start() }
	:: crashes < CRASHES -> atomic { /* the power went as well */
		crashes++; die(); res_written = res_durable; start() }
	:: break
	od
}

proctype Expire() { expired = true }

init {
	atomic {
		byte i = 0;
		do
		:: i < VERIFIERS -> run Verify(2 * i); i++
		:: else -> break
		od;
		run Revoke(); run Expire(); run Crash()
	}
}

/*
 * One acceptance; none that was sent after the end; none whose line is not
 * durable; no change before its request line; what was accepted is on disk;
 * what is on disk has a durable line or a fact that will become one.
 */
ltl once {
	[] (accepted <= 1 && !late && !unaudited && !unlined &&
		!(accepted >= 1 && disk_state == LIVE) &&
		(untold & ~disk_facts) == 0)
}
