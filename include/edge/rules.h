/* edge/rules.h: part of layer 6. Rules as files in DATA/rules/, over HTTP, and tried over past orders. */
#ifndef ORDERD_EDGE_RULES_H
#define ORDERD_EDGE_RULES_H
#include "flow.h"

struct read;
/* Reads DATA/rules/NAME.rule into r->rule_set, with a sandbox of its own. keep: a file that cannot be read is told of and
 * left out; else it is false with *why, and nothing is set. */
bool rule_files_read(struct arena *a, const char *data, bool keep, struct rules *r, const char **why);
void rule_files_close(struct rules *r);
enum err rules_read(struct read *rd, struct db *db);
enum err rule_read(struct read *rd, struct db *db);
enum err rules_dry_run(struct read *rd, struct db *db); /* POST, and changes nothing */

#endif
