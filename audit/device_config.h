/* The options of a device that do not concern where its lines go. */
#ifndef SALLYPORT_AUDIT_DEVICE_CONFIG_H
#define SALLYPORT_AUDIT_DEVICE_CONFIG_H

#include "audit/audit.h"

#define DEVICE_TIMEOUT_MIN_S 1 /* of write_timeout */

struct device_options {
	bool log_raw;
	bool hmac_accessor;
	int64_t timeout_ms; /* until a device counts as blocked; 0: as usual */
};

/*
 * Check type and options: 400 "unknown backend type …", "unknown format type
 * …", and what is not built.
 */
int device_config_parse(const struct audit_device_config *config,
	struct device_options *ret_options, struct err *err);

#endif
