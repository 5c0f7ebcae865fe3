// Matching indicators against images: words, reading, evidence, verdicts, who is suspect.
// SPDX-License-Identifier: Apache-2.0
#include "cli/ioc_cli.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MATCHED_ARENA_MAX = 2000 << 20, TERMS_SHOWN = 4 };
enum { WEIGHT_STRUCTURED = 3, WEIGHT_TEXT = 1 };

// ---- words ----------------------------------------------------------------------------------
static const struct word_option *option_named(
	const struct word_option *options, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(options[i].name, name))
			return &options[i];
	return NULL;
}

ei_error *words_take(const struct global *global, ei_arena *arena,
	const struct word_option *options, size_t count)
{
	const char *command = global->rest[0];
	struct words *into = options[0].at;
	for (size_t i = 0; i < count; i++)
		if (options[i].kind == WORD_LIST) {
			struct words *list = options[i].at;
			list->items = ei_alloc(
				arena, ((size_t)global->rest_count + 1) * sizeof *list->items);
			if (!list->items)
				return ei_fail(EI_E_NOMEM, "out of memory");
		}
	for (int i = 1; i < global->rest_count; i++) {
		const char *word = global->rest[i];
		if (word[0] != '-' || word[1] != '-' || !word[2]) {
			into->items[into->count++] = word;
			continue;
		}
		const struct word_option *option = option_named(options, count, word + 2);
		if (!option)
			return ei_fail(EI_E_USAGE,
				"ioc %s: there is no option '%s'; see 'eidetic ioc --help'",
				command, word);
		into = option->kind == WORD_LIST ? option->at : options[0].at;
		if (option->kind == WORD_FLAG)
			*(bool *)option->at = true;
		if (option->kind != WORD_TEXT)
			continue;
		if (++i == global->rest_count)
			return ei_fail(EI_E_USAGE, "ioc %s: %s needs a value", command, word);
		*(const char **)option->at = global->rest[i];
	}
	return NULL;
}

ei_error *output_folder_make(const struct global *global, const char *want)
{
	const char *path = global->output_dir;
	struct stat status;
	if (!path)
		return ei_fail(EI_E_USAGE, "%s", want);
	if (mkdir(path, 0777) && errno != EEXIST)
		return ei_fail(EI_E_IO, "cannot make the folder '%s': %s", path, strerror(errno));
	if (stat(path, &status) || !S_ISDIR(status.st_mode))
		return ei_fail(EI_E_USAGE, "output folder '%s' is not a folder", path);
	return access(path, W_OK | X_OK) ? ei_fail(EI_E_IO, "cannot write into the folder '%s': %s",
						   path, strerror(errno))
					 : NULL;
}

// ---- one image ------------------------------------------------------------------------------
static ei_error *image_gather(const struct global *global, const struct plugin_set *plugins,
	const struct matched *matched, bool identify, struct matched_image *image)
{
	struct global own = *global;
	struct profile_store store;
	struct progress progress;
	EI_OWNED(session) session = NULL;
	own.file = image->path;
	own.command = "ioc match";
	own.output_dir = NULL;
	EI_TRY(open_session(&own, &store, &session));
	if (identify)
		EI_TRY(identity_ask(&own, session, plugins, matched->arena, &image->identity));
	progress_init(&progress, global->quiet ? "never" : global->progress);
	const struct evidence_wish wish = {
		.session = session,
		.plugins = plugins,
		.set = matched->set,
		.program = matched->program,
		.cancelled = cancelled,
		.progress = progress_draw,
		.progress_context = &progress,
	};
	ei_error *error = evidence_gather(&wish, &image->evidence);
	progress_clear(&progress);
	return error;
}

// Structured evidence says more than text that lies somewhere, and each alternative that is true
// more than one of them.
static uint64_t weight_of(const struct ioc_verdict *verdict, const struct ioc_node *node)
{
	uint64_t weight = 0;
	if (verdict->nodes[node->index].truth != IOC_TRUE)
		return 0;
	if (node->kind == IOC_LEAF)
		return node->leaf.term->class == IOC_CLASS_C ? WEIGHT_TEXT : WEIGHT_STRUCTURED;
	for (const struct ioc_node *child = node->first; child; child = child->next) {
		uint64_t below = weight_of(verdict, child); // IOC_DEPTH_MAX deep
		weight = node->kind == IOC_OR ? weight + below : MAX(weight, below);
	}
	return weight;
}

static ei_error *image_evaluate(struct matched *matched, struct matched_image *image)
{
	size_t count = ioc_set_count(matched->set);
	image->verdicts = ei_alloc(matched->arena, (count + 1) * sizeof *image->verdicts);
	if (!image->verdicts)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; i < count; i++) {
		const struct ioc_indicator *indicator = ioc_set_at(matched->set, i);
		struct ioc_verdict *verdict = &image->verdicts[i];
		EI_TRY(ioc_evaluate(
			evidence_logic(image->evidence), indicator, matched->arena, verdict));
		image->by_truth[verdict->truth]++;
		if (verdict->truth == IOC_TRUE)
			image->weight += weight_of(verdict, indicator->root);
	}
	return NULL;
}

// ---- order ----------------------------------------------------------------------------------
static size_t *numbers(struct matched *matched, size_t count)
{
	size_t *all = ei_alloc(matched->arena, (count + 1) * sizeof *all);
	for (size_t i = 0; all && i < count; i++)
		all[i] = i;
	return all;
}

static int by_weight(const void *a, const void *b, void *context)
{
	const struct matched_image *images = context;
	const struct matched_image *x = &images[*(const size_t *)a];
	const struct matched_image *y = &images[*(const size_t *)b];
	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return *(const size_t *)a < *(const size_t *)b ? -1 : 1;
}

static int by_truth(const void *a, const void *b, void *context)
{
	const struct ioc_verdict *verdicts = context;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	if (verdicts[x].truth != verdicts[y].truth)
		return verdicts[x].truth < verdicts[y].truth ? 1 : -1;
	return x < y ? -1 : 1;
}

static ei_error *rank(struct matched *matched)
{
	size_t count = ioc_set_count(matched->set);
	matched->ranking = numbers(matched, matched->image_count);
	matched->orders =
		ei_alloc(matched->arena, (matched->image_count + 1) * sizeof *matched->orders);
	if (!matched->ranking || !matched->orders)
		return ei_fail(EI_E_NOMEM, "out of memory");
	qsort_r(matched->ranking, matched->image_count, sizeof(size_t), by_weight, matched->images);
	for (size_t i = 0; i < matched->image_count; i++) {
		matched->orders[i] = numbers(matched, count);
		if (!matched->orders[i])
			return ei_fail(EI_E_NOMEM, "out of memory");
		if (matched->images[i].verdicts)
			qsort_r(matched->orders[i], count, sizeof(size_t), by_truth,
				matched->images[i].verdicts);
	}
	return NULL;
}

// ---- all of them ----------------------------------------------------------------------------
static ei_error *set_fill(const struct match_wish *wish, struct matched *matched)
{
	struct ioc_read_wish how = { .recover = wish->recover, .cancelled = cancelled };
	EI_TRY(ioc_set_create(&how, &matched->set));
	for (size_t i = 0; i < wish->iocs.count; i++)
		EI_TRY(ioc_set_add(matched->set, wish->iocs.items[i]));
	if (!ioc_set_count(matched->set)) {
		size_t notes = ioc_set_note_count(matched->set);
		const struct ioc_note *note = notes ? ioc_set_note(matched->set, notes - 1) : NULL;
		return ei_fail(EI_E_FORMAT, "'%s': there is no indicator in it%s%s",
			note ? note->file : wish->iocs.items[0], note ? ": " : "",
			note ? note->text : "");
	}
	return ioc_compile(matched->set, &matched->program);
}

static ei_error *image_match(const struct global *global, const struct plugin_set *plugins,
	struct matched *matched, bool identify, struct matched_image *image)
{
	ei_error *error = image_gather(global, plugins, matched, identify, image);
	if (!error)
		return image_evaluate(matched, image);
	ei_code code = ei_error_code(error);
	if (matched->image_count == 1 || code == EI_E_CANCELLED || code == EI_E_NOMEM ||
		code == EI_E_USAGE)
		return error;
	image->failure = error;
	return NULL;
}

static ei_error *images_name(
	const struct global *global, const struct match_wish *wish, struct matched *matched)
{
	const struct list *files = &global->files;
	size_t count = files->count + wish->images.count;
	if (!count)
		return ei_fail(EI_E_USAGE,
			"no image was named: eidetic -f IMAGE ioc %s --ioc FILE...",
			global->rest[0]);
	matched->images = ei_alloc(matched->arena, count * sizeof *matched->images);
	if (!matched->images)
		return ei_fail(EI_E_NOMEM, "out of memory");
	for (size_t i = 0; i < count; i++)
		matched->images[i].path =
			i < files->count ? files->items[i] : wish->images.items[i - files->count];
	matched->image_count = count;
	return NULL;
}

ei_error *match_all(const struct global *global, const struct plugin_set *plugins,
	const struct match_wish *wish, struct matched **out)
{
	EI_OWNED(matched) matched = calloc(1, sizeof *matched);
	if (!matched)
		return ei_fail(EI_E_NOMEM, "out of memory");
	EI_TRY(ei_arena_create(MATCHED_ARENA_MAX, &matched->arena));
	EI_TRY(images_name(global, wish, matched));
	if (!wish->iocs.count)
		return ei_fail(EI_E_USAGE, "no indicators were named: ioc %s --ioc FILE...",
			global->rest[0]);
	EI_TRY(set_fill(wish, matched));
	for (size_t i = 0; i < matched->image_count; i++)
		EI_TRY(image_match(global, plugins, matched, wish->identify, &matched->images[i]));
	EI_TRY(rank(matched));
	*out = EI_GIVE(matched);
	return NULL;
}

void matched_drop(struct matched *matched)
{
	if (!matched)
		return;
	for (size_t i = 0; i < matched->image_count; i++) {
		evidence_drop(matched->images[i].evidence);
		ei_error_drop(matched->images[i].failure);
	}
	ioc_program_drop(matched->program);
	ioc_set_drop(matched->set);
	ei_arena_drop(matched->arena);
	free(matched);
}

// ---- words for people -----------------------------------------------------------------------
const char *leaf_value(const struct ioc_leaf *leaf)
{
	// Rules are numbered by their file, which is nobody's concern.
	const char *name = !strcmp(leaf->term->name, "Yara/Rule") ? strchr(leaf->value, ':') : NULL;
	return name ? name + 1 : leaf->value;
}

void leaf_describe(struct text *out, const struct ioc_leaf *leaf)
{
	const char *value = leaf_value(leaf);
	text_addf(out, "%s %s%s ", leaf->written ? leaf->written : leaf->term->name,
		leaf->negated || leaf->exclusion ? "not " : "",
		ioc_condition_name(leaf->condition));
	text_add(out, value, leaf->length - (size_t)(value - leaf->value));
}

const struct ioc_node *node_seen(const struct ioc_node *node, const struct ioc_node **group)
{
	while (node->kind != IOC_LEAF && node->kind != IOC_NOT && node->first &&
		!node->first->next) {
		*group = node->kind == IOC_AND ? node : *group;
		node = node->first;
	}
	return node;
}

static void unknown_leaves(struct text *out, const struct ioc_node *node,
	const struct ioc_verdict *verdict, const struct ioc_term **seen, size_t *count)
{
	for (const struct ioc_node *child = node->first; child; child = child->next)
		unknown_leaves(out, child, verdict, seen, count); // IOC_DEPTH_MAX deep
	const struct ioc_result *result = &verdict->nodes[node->index];
	if (node->kind != IOC_LEAF || result->truth != IOC_UNKNOWN || *count == TERMS_SHOWN)
		return;
	for (size_t i = 0; i < *count; i++)
		if (seen[i] == node->leaf.term)
			return;
	seen[(*count)++] = node->leaf.term;
	text_addf(out, "%s%s: %s", out->length ? "; " : "", node->leaf.term->name,
		ioc_reason_text(result->reason));
}

void unknown_describe(
	struct text *out, const struct ioc_indicator *indicator, const struct ioc_verdict *verdict)
{
	const struct ioc_term *seen[TERMS_SHOWN];
	size_t count = 0;
	unknown_leaves(out, indicator->root, verdict, seen, &count);
}

// ---- evidence of a leaf ---------------------------------------------------------------------
static bool is_of_term(const struct fact *fact, const struct ioc_term *term)
{
	for (; term; term = term->from)
		if (!strcasecmp(fact->term, term->name))
			return true;
	return false;
}

// Whether a value has the text of a condition in it; where that is not how it is compared, any has.
static bool is_of_value(const struct fact *fact, const struct ioc_leaf *leaf)
{
	if (leaf->condition > IOC_ENDS || !leaf->length || leaf->length > fact->length)
		return leaf->condition > IOC_ENDS;
	for (uint32_t i = 0; i + leaf->length <= fact->length; i++)
		if (!strncasecmp(fact->value + i, leaf->value, leaf->length))
			return true;
	return false;
}

static const struct fact *fact_after(
	const struct fact *fact, const struct ioc_leaf *leaf, bool strict)
{
	for (; fact; fact = fact->next)
		if (is_of_term(fact, leaf->term) && (!strict || is_of_value(fact, leaf)))
			return fact;
	return NULL;
}

// Whether two domains are of one document: "ProcessItem/HandleList/Handle" is of "ProcessItem".
static bool is_same_document(const char *a, const char *b)
{
	size_t length = strcspn(a, "/");
	return strcspn(b, "/") == length && !strncasecmp(a, b, length);
}

enum { HITS_COMPARED = 4096 };

// Hits of an atom come by entity.
static bool is_hit(const struct ioc_hit *hits, size_t count, uint32_t entity)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (hits[middle].entity < entity)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && hits[low].entity == entity && !hits[low].maybe;
}

// Whether a condition is true of the same entity, or of one of the same process.
static bool is_met_there(const struct matched_image *image, const struct ioc_leaf *leaf,
	const struct ioc_hit *hit, const struct holder *holder)
{
	size_t count;
	const struct ioc_hit *hits = ioc_hits(evidence_logic(image->evidence), leaf->atom, &count);
	if (leaf->negated || leaf->exclusion ||
		!is_same_document(leaf->term->domain, holder->domain))
		return true;
	if (!strcmp(leaf->term->domain, holder->domain) && is_hit(hits, count, hit->entity))
		return true;
	for (size_t i = 0; holder->pid != EVIDENCE_NO_PID && i < MIN(count, (size_t)HITS_COMPARED);
		i++) {
		const struct holder *other = evidence_holder(image->evidence, hits[i].mark);
		if (other && !hits[i].maybe && holder->pid == other->pid)
			return true;
	}
	return false;
}

// An AND is about one entity: what is elsewhere does not make it true.
static bool is_in_group(const struct matched_image *image, const struct ioc_node *group,
	const struct ioc_hit *hit, const struct holder *holder)
{
	if (!group || group->kind == IOC_NOT)
		return true;
	if (group->kind == IOC_LEAF)
		return is_met_there(image, &group->leaf, hit, holder);
	bool all = group->kind == IOC_AND;
	for (const struct ioc_node *child = group->first; child; child = child->next)
		if (is_in_group(image, child, hit, holder) != all) // IOC_DEPTH_MAX deep
			return !all;
	return all;
}

bool leaf_fact_next(const struct matched_image *image, const struct ioc_node *group,
	const struct ioc_leaf *leaf, struct leaf_facts *at, struct leaf_fact *out)
{
	size_t count;
	const struct ioc_hit *hits = ioc_hits(evidence_logic(image->evidence), leaf->atom, &count);
	for (; at->hit < count; at->hit++, at->fact = NULL) {
		const struct ioc_hit *hit = &hits[at->hit];
		const struct holder *holder = evidence_holder(image->evidence, hit->mark);
		if (!holder || hit->maybe || (!at->any && !is_in_group(image, group, hit, holder)))
			continue;
		bool first = !at->fact;
		const struct fact *from = first ? holder->facts : at->fact->next;
		bool strict = fact_after(holder->facts, leaf, true) != NULL;
		const struct fact *fact = fact_after(from, leaf, strict);
		if (!fact && !first)
			continue;
		*out = (struct leaf_fact){ holder, fact, hit->approximate };
		at->fact = fact;
		if (!fact)
			at->hit++;
		return true;
	}
	return false;
}
