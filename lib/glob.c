/* One loop that goes back to the last '*' where it gets stuck. */
#include "lib/glob.h"

#include <stddef.h>

static uint8_t
fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool
same(uint8_t a, uint8_t b, bool folded)
{
	return a == b || (folded && fold(a) == fold(b));
}

static bool
matches(struct span glob, struct span text, bool folded)
{
	size_t g = 0, t = 0, star = SIZE_MAX, from = 0;

	while (t < text.len) {
		if (g < glob.len && glob.data[g] == '*') {
			star = g++;
			from = t;
		} else if (g < glob.len &&
			same(glob.data[g], text.data[t], folded)) {
			g++;
			t++;
		} else if (star != SIZE_MAX) {
			g = star + 1;
			t = ++from;
		} else {
			return false;
		}
	}
	while (g < glob.len && glob.data[g] == '*')
		g++;
	return g == glob.len;
}

bool
glob_matches(struct span glob, struct span text)
{
	return matches(glob, text, false);
}

bool
glob_matches_folded(struct span glob, struct span text)
{
	return matches(glob, text, true);
}
