// Scanning ranges with YARA: threads take one after the other, this one shows what they found, in
// the order of the ranges, and sees to it that they end when they should.
// SPDX-License-Identifier: Apache-2.0
#include "run/yara.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
	WORKERS_MAX = 64,
	RANGE_BYTES_MAX = 256 << 20,  // of matches that are kept of one range
	PENDING_MAX = 256 << 20,      // bytes of matches that wait to be shown
	LOOK_EVERY_NS = 10 * 1000000, // whether the run was ended
	META_MAX = 4096,
};

// One match; its bytes lie one behind the other: value, before, after.
struct found {
	const YR_RULE *rule;
	const char *string;
	uint64_t at;
	uint32_t matches; // of the string
	uint32_t length;
	uint32_t value_size, before_size, after_size;
	size_t bytes; // offset
};

// Strings that match more often than is shown, and the one that does most often.
struct common {
	uint64_t strings; // in as many ranges
	uint64_t matches, at;
	const char *rule, *string;
};

struct result {
	struct found *items;
	size_t count, room;
	uint8_t *bytes;
	size_t size, bytes_room;
	bool done, cut;
	int status; // of YARA
	struct common common;
};

struct scan;

struct worker {
	struct scan *scan;
	pthread_t thread;
	YR_SCANNER *scanners[YARA_SETS_MAX];
	struct yara_window *window;
	const struct yara_range *range; // at work on
	struct result *result;
	bool no_memory;
};

struct scan {
	ei_run *run;
	const ei_yara *rules;
	const struct yara_ranges *ranges;
	struct result *results; // one a range
	pthread_mutex_t lock;
	pthread_cond_t moved; // a range is done, or was shown
	size_t next;          // range to take
	size_t shown;
	size_t pending; // bytes
	size_t working; // workers that have not ended
	bool stop;
	struct common common; // of the ranges that were shown
	struct worker workers[WORKERS_MAX];
	size_t worker_count;
};

// ---- what was found -------------------------------------------------------------------------

static size_t result_bytes(const struct result *result)
{
	return result->size + result->count * sizeof result->items[0];
}

static bool result_grow(struct result *result, size_t bytes)
{
	if (result->count == result->room) {
		size_t room = result->room ? result->room * 2 : 8;
		struct found *more = realloc(result->items, room * sizeof *more);
		if (!more)
			return false;
		result->items = more;
		result->room = room;
	}
	if (result->size + bytes > result->bytes_room) {
		size_t room = MAX(result->bytes_room * 2, result->size + bytes);
		uint8_t *more = realloc(result->bytes, room);
		if (!more)
			return false;
		result->bytes = more;
		result->bytes_room = room;
	}
	return true;
}

// Bytes in front of a match: from where they can be read without a break.
static uint32_t before_read(struct worker *worker, uint64_t at, uint8_t *out)
{
	const struct yara_range *range = worker->range;
	struct reader *reader = yara_window_reader(worker->window);
	uint32_t size = (uint32_t)MIN((uint64_t)worker->scan->rules->context, at - range->start);
	if (space_read(&range->space, reader, at - size, out, size, NULL) == size)
		return size;
	size = (uint32_t)MIN((uint64_t)size, at % PAGE_SIZE);
	return space_read(&range->space, reader, at - size, out, size, NULL) == size ? size : 0;
}

static uint32_t after_read(struct worker *worker, uint64_t at, uint8_t *out)
{
	const struct yara_range *range = worker->range;
	uint64_t behind = at - range->start;
	uint64_t size = behind < range->size ? range->size - behind : 0;
	size = MIN(size, (uint64_t)worker->scan->rules->context);
	return (uint32_t)space_read(
		&range->space, yara_window_reader(worker->window), at, out, size, NULL);
}

static void match_add(struct worker *worker, const YR_RULE *rule, const YR_STRING *string,
	const YR_MATCH *match, uint32_t matches)
{
	struct result *result = worker->result;
	uint64_t offset = match ? (uint64_t)(match->base + match->offset) : 0;
	uint32_t value = match ? (uint32_t)MAX(match->data_length, 0) : 0;
	result->cut |= result_bytes(result) > RANGE_BYTES_MAX;
	if (result->cut || !result_grow(result, value + 2 * (size_t)worker->scan->rules->context)) {
		result->cut = true;
		return;
	}
	struct found found = { .rule = rule,
		.string = string ? string->identifier : NULL,
		.at = worker->range->start + offset,
		.matches = matches,
		.length = match ? (uint32_t)match->match_length : 0,
		.value_size = value,
		.bytes = result->size };
	uint8_t *bytes = result->bytes + result->size;
	if (match) {
		memcpy(bytes, match->data, value);
		found.before_size = before_read(worker, found.at, bytes + value);
		found.after_size = after_read(
			worker, found.at + found.length, bytes + value + found.before_size);
	}
	result->size += value + found.before_size + found.after_size;
	result->items[result->count++] = found;
}

// The next match that may be shown, from `*at` on; the library does not align them.
static bool match_next(const void **at, YR_MATCH *match)
{
	while (*at) {
		memcpy(match, *at, sizeof *match);
		*at = match->next;
		if (!match->is_private)
			return true;
	}
	return false;
}

static bool match_is_own(const struct worker *worker, const YR_MATCH *match)
{
	return (uint64_t)(match->base + match->offset) < worker->range->own;
}

static void common_note(struct common *common, struct common other)
{
	uint64_t strings = common->strings + other.strings;
	if (other.matches > common->matches)
		*common = other;
	common->strings = strings;
}

// Matches of a string; false when it has none, not even those that are left to the next range.
static bool matches_add(struct worker *worker, const YR_SCAN_CONTEXT *context, const YR_RULE *rule,
	const YR_STRING *string)
{
	const void *head = context->matches[string->idx].head;
	const uint64_t most = worker->scan->rules->max_matches;
	uint32_t matches = 0, shown = 0;
	bool any = false;
	YR_MATCH match;
	for (const void *at = head; match_next(&at, &match); any = true)
		matches += match_is_own(worker, &match);
	for (const void *at = head; shown < matches && (!most || shown < most);)
		if (match_next(&at, &match) && match_is_own(worker, &match)) {
			match_add(worker, rule, string, &match, matches);
			shown++;
		}
	if (shown < matches)
		common_note(
			&worker->result->common, (struct common){ 1, matches, worker->range->start,
							 rule->identifier, string->identifier });
	return any;
}

static int on_event(YR_SCAN_CONTEXT *context, int message, void *data, void *user)
{
	struct worker *worker = user;
	const YR_RULE *rule = data;
	YR_STRING *string;
	bool any = false;
	if (message != CALLBACK_MSG_RULE_MATCHING)
		return CALLBACK_CONTINUE;
	yr_rule_strings_foreach(rule, string)
	{
		any |= matches_add(worker, context, rule, string);
	}
	if (!any)
		match_add(worker, rule, NULL, NULL, 0);
	return CALLBACK_CONTINUE;
}

// ---- workers --------------------------------------------------------------------------------

static bool worker_prepare(struct worker *worker)
{
	const struct yara_library *yara = yara_functions();
	const ei_yara *rules = worker->scan->rules;
	ei_error *error = yara_window_create(worker->scan->run->session->image, &worker->window);
	ei_error_drop(error);
	for (size_t i = 0; !error && i < rules->set_count; i++) {
		if (yara->scanner_create(rules->sets[i], &worker->scanners[i]) != ERROR_SUCCESS)
			return false;
		yara->scanner_set_callback(worker->scanners[i], on_event, worker);
		yara->scanner_set_flags(worker->scanners[i],
			SCAN_FLAGS_NO_TRYCATCH | SCAN_FLAGS_REPORT_RULES_MATCHING);
		// Never 0: a scan without a limit could not be ended.
		yara->scanner_set_timeout(
			worker->scanners[i], rules->timeout ? (int)rules->timeout : INT32_MAX);
	}
	return !error;
}

static void worker_release(struct worker *worker)
{
	for (size_t i = 0; i < worker->scan->rules->set_count; i++)
		if (worker->scanners[i])
			yara_functions()->scanner_drop(worker->scanners[i]);
	yara_window_drop(worker->window);
}

static void range_scan(struct worker *worker)
{
	const ei_yara *rules = worker->scan->rules;
	struct result *result = worker->result;
	for (size_t i = 0; i < rules->set_count && result->status == ERROR_SUCCESS; i++) {
		YR_MEMORY_BLOCK_ITERATOR *blocks = yara_window_open(worker->window, worker->range);
		if (!yara_window_any(worker->window))
			return;
		result->status = yara_functions()->scan(worker->scanners[i], blocks);
	}
}

// Waits while what was found is more than is shown: whoever is at work on the next range to show
// never does.
static bool range_take(struct scan *scan, size_t *range)
{
	pthread_mutex_lock(&scan->lock);
	while (!scan->stop && scan->pending > PENDING_MAX && scan->next > scan->shown)
		pthread_cond_wait(&scan->moved, &scan->lock);
	bool more = !scan->stop && scan->next < scan->ranges->count;
	if (more)
		*range = scan->next++;
	pthread_mutex_unlock(&scan->lock);
	return more;
}

static void *worker_main(void *argument)
{
	struct worker *worker = argument;
	struct scan *scan = worker->scan;
	size_t range = 0;
	worker->no_memory = !worker_prepare(worker);
	while (!worker->no_memory && range_take(scan, &range)) {
		worker->range = &scan->ranges->items[range];
		worker->result = &scan->results[range];
		range_scan(worker);
		pthread_mutex_lock(&scan->lock);
		scan->pending += result_bytes(worker->result);
		worker->result->done = true;
		pthread_cond_broadcast(&scan->moved);
		pthread_mutex_unlock(&scan->lock);
	}
	pthread_mutex_lock(&scan->lock);
	scan->working--;
	pthread_cond_broadcast(&scan->moved);
	pthread_mutex_unlock(&scan->lock);
	return NULL;
}

// A scan looks at its time limit every few thousand bytes: that is the only place where it can be
// told to end.
static void scan_stop(struct scan *scan)
{
	scan->stop = true;
	for (size_t i = 0; i < scan->worker_count; i++)
		for (size_t j = 0; j < scan->rules->set_count; j++) {
			YR_SCANNER *scanner =
				__atomic_load_n(&scan->workers[i].scanners[j], __ATOMIC_RELAXED);
			if (scanner)
				__atomic_store_n(&scanner->timeout, 1, __ATOMIC_RELAXED);
		}
	pthread_cond_broadcast(&scan->moved);
}

// ---- showing --------------------------------------------------------------------------------

static const char *tags_text(ei_arena *arena, const YR_RULE *rule)
{
	const char *tag, *text = "";
	yr_rule_tags_foreach(rule, tag)
	{
		text = *text ? ei_text(arena, "%s %s", text, tag) : tag;
		if (!text)
			return "";
	}
	return text;
}

static const char *meta_text(ei_arena *arena, const YR_RULE *rule)
{
	struct text text;
	YR_META *meta;
	text_init(&text, META_MAX);
	yr_rule_metas_foreach(rule, meta)
	{
		text_addf(&text, "%s%s=", text.length ? ", " : "", meta->identifier);
		if (meta->type == META_TYPE_STRING)
			text_addf(&text, "%s", meta->string);
		else if (meta->type == META_TYPE_BOOLEAN)
			text_addf(&text, "%s", meta->integer ? "true" : "false");
		else
			text_addf(&text, "%lld", (long long)meta->integer);
	}
	const char *kept = text.length ? arena_text(arena, text.data, text.length) : "";
	text_deinit(&text);
	return kept ? kept : "";
}

static ei_yara_match match_make(struct scan *scan, const struct yara_range *range,
	const struct result *result, const struct found *found)
{
	ei_arena *arena = scan->run->scratch;
	const uint8_t *bytes = result->bytes + found->bytes;
	bool is_file = found->string != NULL;
	ei_val none = ei_absent(EI_NONE);
	return (ei_yara_match){
		.rule = found->rule->identifier,
		.name_space = found->rule->ns->name,
		.tags = tags_text(arena, found->rule),
		.meta = meta_text(arena, found->rule),
		.string = found->string,
		.matches = found->matches,
		.at = found->at,
		.length = found->length,
		.value = is_file ? ei_bytes(bytes, found->value_size) : none,
		.before = is_file ? ei_bytes(bytes + found->value_size, found->before_size) : none,
		.after = is_file ? ei_bytes(bytes + found->value_size + found->before_size,
					   found->after_size)
				 : none,
		.start = range->start,
		.size = range->size,
		.protection = range->protection ? ei_protection_text(
							  scan->run, ei_uint(range->protection - 1))
						: none,
		.name = ei_str(range->name),
	};
}

static void result_notes(
	struct scan *scan, const struct yara_range *range, const struct result *result)
{
	unsigned long long at = range->start;
	if (scan->stop)
		return;
	if (result->cut)
		ei_note(scan->run, "the range at 0x%llx matches more often than there is room for",
			at);
	if (result->status == ERROR_SCAN_TIMEOUT)
		ei_note(scan->run,
			"the range at 0x%llx took more than %u s, and was given up "
			"(--timeout)",
			at, scan->rules->timeout);
	else if (result->status == ERROR_INSUFFICIENT_MEMORY)
		ei_note(scan->run, "no memory to scan the range at 0x%llx", at);
	else if (result->status != ERROR_SUCCESS)
		ei_note(scan->run,
			"the range at 0x%llx was not scanned to its end: error %d of YARA", at,
			result->status);
}

static bool result_show(struct scan *scan, size_t index, ei_yara_found *found, void *context)
{
	const struct yara_range *range = &scan->ranges->items[index];
	const struct result *result = &scan->results[index];
	bool goes_on = true;
	for (size_t i = 0; i < result->count && goes_on; i++) {
		ei_mark mark = ei_arena_mark(scan->run->scratch);
		ei_yara_match match = match_make(scan, range, result, &result->items[i]);
		goes_on = found(scan->run, context, &match) && !ei_stopped(scan->run);
		ei_arena_rewind(scan->run->scratch, mark);
	}
	result_notes(scan, range, result);
	common_note(&scan->common, result->common);
	return goes_on;
}

static void result_drop(struct scan *scan, struct result *result)
{
	scan->pending -= result_bytes(result);
	free(result->items);
	free(result->bytes);
	*result = (struct result){ .done = true };
}

// One line of all of them: a string that is common in a range is so in many.
static void common_show(const struct scan *scan)
{
	const struct common *common = &scan->common;
	if (!common->strings || scan->stop)
		return;
	ei_note(scan->run,
		"only the first %llu matches of a string in a range are shown (--max-matches): "
		"%llu cut; the most, %llu%s, are of %s of '%s' in the range at 0x%llx",
		(unsigned long long)scan->rules->max_matches, (unsigned long long)common->strings,
		(unsigned long long)common->matches,
		common->matches < YR_MAX_STRING_MATCHES ? "" : " or more", common->string,
		common->rule, (unsigned long long)common->at);
}

// Until the next range is done, or something is to be looked at. With the lock.
static void scan_wait(struct scan *scan)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += LOOK_EVERY_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&scan->moved, &scan->lock, &until);
}

static void scan_show(struct scan *scan, ei_yara_found *found, void *context)
{
	pthread_mutex_lock(&scan->lock);
	while (scan->working || (scan->shown < scan->next && !scan->stop)) {
		if (!scan->stop && ei_stopped(scan->run))
			scan_stop(scan);
		bool ready = scan->shown < scan->next && scan->results[scan->shown].done;
		if (scan->stop || !ready) {
			if (!scan->working)
				break;
			scan_wait(scan);
			continue;
		}
		size_t index = scan->shown;
		pthread_mutex_unlock(&scan->lock);
		bool goes_on = result_show(scan, index, found, context);
		pthread_mutex_lock(&scan->lock);
		result_drop(scan, &scan->results[index]);
		scan->shown++;
		pthread_cond_broadcast(&scan->moved);
		if (!goes_on)
			scan_stop(scan);
	}
	pthread_mutex_unlock(&scan->lock);
}

static void workers_start(struct scan *scan)
{
	size_t wanted = MIN(MAX(scan->run->session->threads, 1u), (unsigned)WORKERS_MAX);
	wanted = MIN(wanted, scan->ranges->count);
	pthread_mutex_lock(&scan->lock);
	for (size_t i = 0; i < wanted; i++) {
		scan->workers[i].scan = scan;
		if (pthread_create(&scan->workers[i].thread, NULL, worker_main, &scan->workers[i]))
			break;
		scan->worker_count++;
		scan->working++;
	}
	pthread_mutex_unlock(&scan->lock);
}

static ei_error *workers_end(struct scan *scan)
{
	bool no_memory = scan->ranges->count && !scan->worker_count;
	for (size_t i = 0; i < scan->worker_count; i++) {
		pthread_join(scan->workers[i].thread, NULL);
		no_memory |= scan->workers[i].no_memory;
		worker_release(&scan->workers[i]);
	}
	for (size_t i = 0; i < scan->ranges->count; i++) {
		free(scan->results[i].items);
		free(scan->results[i].bytes);
	}
	return no_memory ? ei_fail(EI_E_NOMEM, "no memory to scan with YARA") : NULL;
}

ei_error *yara_scan(ei_run *run, const ei_yara *rules, const struct yara_ranges *ranges,
	ei_yara_found *found, void *context)
{
	struct scan *scan = calloc(1, sizeof *scan);
	struct result *results = calloc(ranges->count + 1, sizeof *results);
	if (!scan || !results) {
		free(scan);
		free(results);
		return ei_fail(EI_E_NOMEM, "out of memory");
	}
	scan->run = run;
	scan->rules = rules;
	scan->ranges = ranges;
	scan->results = results;
	pthread_mutex_init(&scan->lock, NULL);
	pthread_cond_init(&scan->moved, NULL);
	workers_start(scan);
	scan_show(scan, found, context);
	common_show(scan);
	ei_error *error = workers_end(scan);
	pthread_cond_destroy(&scan->moved);
	pthread_mutex_destroy(&scan->lock);
	free(results);
	free(scan);
	return error;
}
