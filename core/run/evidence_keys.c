// Things that keys of the registry stand for: scheduled tasks, accounts.
// SPDX-License-Identifier: Apache-2.0
#include "run/evidence_keys.h"

#include <strings.h>

#define CURRENT "\\REGISTRY\\MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\"
static const char tasks[] = CURRENT "Schedule\\TaskCache\\Tree\\";
static const char users[] = "\\REGISTRY\\MACHINE\\SAM\\SAM\\Domains\\Account\\Users\\Names\\";

static const char *const terms[] = { "TaskItem/Name", "TaskItem/path", "UserItem/Username" };

const char *evidence_keys_say(size_t nth)
{
	return nth < ARRAY_LENGTH(terms) ? terms[nth] : NULL;
}

bool evidence_keys_wanted(const struct evidence *evidence)
{
	for (size_t i = 0; i < ARRAY_LENGTH(terms); i++)
		if (evidence_asks(evidence, terms[i]))
			return true;
	return false;
}

void evidence_keys_answer(struct evidence *evidence)
{
	for (size_t i = 0; i < ARRAY_LENGTH(terms); i++)
		if (evidence_asks(evidence, terms[i]))
			ioc_evidence_answers(evidence->logic, terms[i], false);
}

static const char *behind(const char *path, const char *head)
{
	size_t length = strlen(head);
	return !strncasecmp(path, head, length) && path[length] ? path + length : NULL;
}

static const char *last_step(const char *path)
{
	const char *slash = strrchr(path, '\\');
	return slash ? slash + 1 : path;
}

static struct known thing_new(struct evidence *evidence, const char *domain, uint64_t hive)
{
	struct holder holder = { .source = "registry", .pid = EVIDENCE_NO_PID, .address = hive };
	return evidence_new(evidence, domain, IOC_ROOT, IOC_NO_LINK, &holder);
}

// Folders of tasks have no id.
static void task_give(struct evidence *evidence, const char *path, const char *task,
	const ei_key *key, uint64_t hive)
{
	ei_value id = ei_key_value(key, "Id");
	struct place place = { .where = path };
	if (id.state != EI_OK)
		return;
	struct known known = thing_new(evidence, "TaskItem", hive);
	evidence_value(evidence, "TaskItem/Name", known, ei_str(last_step(task)), &place);
	evidence_value(evidence, "TaskItem/path", known, ei_str(task - 1), &place);
}

void evidence_key_give(
	struct evidence *evidence, const char *path, const ei_key *key, uint64_t hive)
{
	const char *task = behind(path, tasks), *user = behind(path, users);
	struct place place = { .where = path };
	if (task)
		task_give(evidence, path, task, key, hive);
	if (user && !strchr(user, '\\'))
		evidence_value(evidence, "UserItem/Username", thing_new(evidence, "UserItem", hive),
			ei_str(user), &place);
}
