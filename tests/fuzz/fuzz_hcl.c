/*
 * Any bytes as HCL: an error names its place, and a document that was read
 * can be written as JSON that we would read, but for what JSON forbids.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/hcl.h"
#include "lib/json.h"
#include "lib/jsonw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_document(struct arena *arena, const struct value *document)
{
	struct value *again = NULL;
	struct err err = { 0 };
	struct buf buf;

	if (document->type != VALUE_OBJECT)
		abort();
	buf_init(&buf, 64 << 20);
	jsonw_value(&buf, document, 0);
	/* HCL may repeat a key, and has larger numbers. */
	if (json_parse(buf_span(&buf), &json_limits_trusted, arena, &again,
		    &err) != 0 &&
		strstr(err.detail, "duplicate key") == NULL &&
		strstr(err.detail, "number out of range") == NULL)
		abort();
	buf_clear(&buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(64 << 20);
	struct value *document = NULL;
	struct err err = { 0 };

	if (arena == NULL)
		return 0;
	json_setup();
	if (hcl_parse(span_of(data, size), arena, &document, &err) == 0)
		check_document(arena, document);
	else if (err.code == ERR_INPUT && strncmp(err.message, "At ", 3) != 0)
		abort();
	arena_free(&arena);
	return 0;
}
