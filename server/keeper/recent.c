/* A short list, for an entry goes when it says nothing any more. */
#include "server/keeper/recent.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/lock.h"
#include "lib/sha256.h"

#define SHUT_NS (60 * CLOCK_NS_PER_S)
#define ENTRIES_MAX 4096

static struct guard recent_guard;

struct entry {
	struct entry *next;
	uint8_t ca[SHA256_BYTES];
	int64_t paid_ns; /* when its signatures so far would be due, evenly */
	int64_t shut_ns; /* until when it is */
};

struct recent {
	pthread_mutex_t lock;
	struct entry *first GUARDED_BY(recent_guard);
	size_t n GUARDED_BY(recent_guard);
};

int
recent_new(struct recent **ret_recent, struct err *err)
{
	struct recent *recent = calloc(1, sizeof(*recent));

	if (recent == NULL)
		return err_set_memory(err);
	pthread_mutex_init(&recent->lock, NULL);
	*ret_recent = recent;
	return 0;
}

void
recent_free(struct recent **recent)
{
	struct recent *old = *recent;

	guard_unshared(&recent_guard);
	if (old == NULL)
		return;
	while (old->first != NULL) {
		struct entry *entry = old->first;

		old->first = entry->next;
		free(entry);
	}
	pthread_mutex_destroy(&old->lock);
	free(old);
	*recent = NULL;
}

/* The entry of this CA, or NULL. Those that are over go on the way. */
static struct entry *
find(struct recent *recent, const uint8_t ca[SHA256_BYTES], int64_t now_ns)
	REQUIRES(recent_guard)
{
	struct entry **at = &recent->first;
	struct entry *found = NULL;

	while (*at != NULL) {
		struct entry *entry = *at;

		if (memcmp(entry->ca, ca, sizeof(entry->ca)) == 0) {
			found = entry;
		} else if (entry->paid_ns <= now_ns &&
			entry->shut_ns <= now_ns) {
			*at = entry->next;
			recent->n--;
			free(entry);
			continue;
		}
		at = &entry->next;
	}
	return found;
}

/* No entry makes room for another: that would lift a limit. */
static int
find_or_add(struct recent *recent, struct span ca, int64_t now_ns,
	struct entry **ret_entry, struct err *err) REQUIRES(recent_guard)
{
	uint8_t hash[SHA256_BYTES];
	struct entry *entry = NULL;

	sha256(ca, hash);
	entry = find(recent, hash, now_ns);
	if (entry == NULL && recent->n >= ENTRIES_MAX)
		return err_set(err, ERR_BUSY, 503, "overloaded");
	if (entry == NULL) {
		entry = calloc(1, sizeof(*entry));
		if (entry == NULL)
			return err_set_memory(err);
		memcpy(entry->ca, hash, sizeof(hash));
		entry->next = recent->first;
		recent->first = entry;
		recent->n++;
	}
	*ret_entry = entry;
	return 0;
}

int
recent_pay(
	struct recent *recent, struct span ca, uint32_t per_s, struct err *err)
{
	const int64_t now_ns = clock_boot_ns(clock_system());
	const int64_t each_ns = CLOCK_NS_PER_S / per_s;
	struct entry *entry = NULL;
	int rc;

	lock_take(&recent->lock, &recent_guard);
	rc = find_or_add(recent, ca, now_ns, &entry, err);
	if (rc != 0)
		goto out;
	if (entry->paid_ns < now_ns)
		entry->paid_ns = now_ns;
	if (entry->paid_ns - now_ns > CLOCK_NS_PER_S - each_ns)
		rc = err_set(err, ERR_BUSY, 429,
			"the issuer signs at most %" PRIu32
			" certificates a second, try again",
			per_s);
	else
		entry->paid_ns += each_ns;
out:
	lock_give(&recent->lock, &recent_guard);
	return rc;
}

int
recent_shut(struct recent *recent, struct span ca, struct err *err)
{
	const int64_t now_ns = clock_boot_ns(clock_system());
	struct entry *entry = NULL;
	int rc;

	lock_take(&recent->lock, &recent_guard);
	rc = find_or_add(recent, ca, now_ns, &entry, err);
	if (rc == 0)
		entry->shut_ns = now_ns + SHUT_NS;
	lock_give(&recent->lock, &recent_guard);
	return rc;
}

bool
recent_is_shut(struct recent *recent, struct span ca)
{
	const int64_t now_ns = clock_boot_ns(clock_system());
	const struct entry *entry = NULL;
	uint8_t hash[SHA256_BYTES];
	bool is_shut;

	sha256(ca, hash);
	lock_take(&recent->lock, &recent_guard);
	entry = find(recent, hash, now_ns);
	is_shut = entry != NULL && entry->shut_ns > now_ns;
	lock_give(&recent->lock, &recent_guard);
	return is_shut;
}
