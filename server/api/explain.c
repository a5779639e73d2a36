/* Rules as people read of them. */
#include "server/api/explain.h"

void
explain_add(struct reply *reply, struct explanation *explanation,
	const char *name, const char *text)
{
	struct arena *arena = reply->req->arena;
	struct value *rule = value_object(arena);
	const char *result = "true";

	if (explanation->rules == NULL)
		explanation->rules = value_list(arena);
	if (explanation->n_true > 0) {
		explanation->n_true--;
	} else if (explanation->rc != 0 && explanation->first_false == NULL) {
		explanation->first_false = name;
		result = "false";
		text = explanation->err->message;
	} else {
		result = "not reached";
	}
	if (!value_set_str(arena, rule, "rule", name) ||
		!value_set_str(arena, rule, "result", result) ||
		!value_set_str(arena, rule, "text", text) ||
		!value_add(explanation->rules, rule))
		reply->out_of_memory = true;
}

void
explain_end(struct reply *reply, const struct explanation *explanation)
{
	const char *first_false = explanation->first_false;

	reply_str(reply, "role", req_capture(reply->req, "role"));
	reply_bool(reply, "allowed", first_false == NULL);
	reply_str(reply, "first_false", first_false != NULL ? first_false : "");
	reply_value(reply, "rules", explanation->rules);
}
