/* A barrier and 200 records that it has sealed. */
#ifndef SALLYPORT_TESTS_UNIT_STORAGE_SEALED_FIXTURE_H
#define SALLYPORT_TESTS_UNIT_STORAGE_SEALED_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/barrier.h"

#define N_RECORDS 200

struct sealed {
	char key[32];
	struct buf bytes;
};

struct fixture {
	struct barrier *barrier;
	struct sealed records[N_RECORDS];
};

/* 200 records of 1 to 200 bytes. */
static inline int
setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	uint8_t value[N_RECORDS];

	*state = fixture;
	memset(value, 'v', sizeof(value));
	fixture->barrier = barrier_new_keyring(1000);
	for (size_t i = 0; i < N_RECORDS; i++) {
		struct sealed *record = &fixture->records[i];

		(void)snprintf(record->key, sizeof(record->key), "row/%zu", i);
		buf_init(&record->bytes, 4096);
		if (barrier_seal(fixture->barrier, span_str(record->key),
			    span_of(value, i + 1), &record->bytes, NULL) != 0)
			return 1;
	}
	return 0;
}

static inline int
teardown(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < N_RECORDS; i++)
		buf_clear(&fixture->records[i].bytes);
	barrier_free(&fixture->barrier);
	free(fixture);
	return 0;
}

#endif
