/* One text for new tokens, renewed tokens and renewed leases. */
#include "server/api/cap.h"

#include "lib/duration.h"

void
req_warn_cap(struct req *req, int64_t asked_s, int64_t max_s)
{
	char asked[DURATION_TEXT_MAX];
	char max[DURATION_TEXT_MAX];

	duration_format_s(asked_s, asked);
	duration_format_s(max_s, max);
	req_warn(req,
		"TTL of \"%s\" exceeded the effective max_ttl of \"%s\"; TTL value is capped accordingly",
		asked, max);
}

void
req_warn_renewal_cap(struct req *req, const struct lease *lease,
	const struct lease_renewal *renewal)
{
	int64_t asked_s = renewal->default_s;

	if (!renewal->ret_capped)
		return;
	if (renewal->increment_s != 0)
		asked_s = renewal->increment_s;
	if (renewal->period_s != 0)
		asked_s = renewal->period_s;
	req_warn_cap(
		req, asked_s, lease->max_s - lease->issue_ns / CLOCK_NS_PER_S);
}
