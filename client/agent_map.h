/*
 * Which role signs for which host: the file of ssh-agent -map, or
 * ~/.config/sallyport/ssh-agent.hcl.
 *
 *     role        = "dev"            # where no destination fits
 *     mount_point = "ssh"
 *     known_hosts = ["~/.ssh/known_hosts"]
 *
 *     destination "*.prod.example.com,!db*.prod.example.com" {
 *       role             = "ops"
 *       mount_point      = "ssh-prod"
 *       valid_principals = "deploy"
 *     }
 */
#ifndef SALLYPORT_CLIENT_AGENT_MAP_H
#define SALLYPORT_CLIENT_AGENT_MAP_H

#include "lib/settings.h"

/* Hosts, and how to get a certificate for them. */
struct agent_place {
	const char *patterns; /* as host_key_is takes them */
	const char *role, *mount_point, *valid_principals;
};

struct agent_map {
	struct agent_place otherwise; /* role "": nothing is listed then */
	struct agent_place *places;   /* the first that fits counts */
	size_t n_places;
	struct setting_list known_hosts; /* paths */
};

/*
 * Read the text of a file into arena; an empty one is a map without
 * destinations. ERR_INPUT with what is wrong and where.
 */
int agent_map_read(struct span text, struct arena *arena,
	struct agent_map *ret_map, struct err *err);

#endif
