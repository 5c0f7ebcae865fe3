// Indicators of compromise: read from many formats, compiled together, evaluated over evidence.
// The one header of core/ioc.
//
//     EI_TRY(ioc_set_create(&wish, &set));
//     EI_TRY(ioc_set_add(set, "indicators/"));         // any format; folders too; what is wrong
//                                                      // with a file is a note, the rest goes on
//     EI_TRY(ioc_compile(set, &program));              // all leaves become distinct atoms
//     EI_TRY(ioc_evidence_create(program, &evidence)); // filled by whoever reads the image:
//     ...ioc_evidence_entity(), ioc_evidence_value(), ioc_evidence_hit()...
//     for (size_t i = 0; i < ioc_set_count(set); i++)
//             EI_TRY(ioc_evaluate(evidence, ioc_set_at(set, i), arena, &verdict));
//
// An indicator is a tree. Its inner nodes are AND, OR and NOT, its leaves compare a term, such as
// "ProcessItem/name", with a value. README.md says what AND binds together and what a missing
// answer does.
// SPDX-License-Identifier: Apache-2.0
#ifndef IOC_IOC_H
#define IOC_IOC_H

#include "base/base.h"

// ---- limits ---------------------------------------------------------------------------------
enum {
	IOC_DEPTH_MAX = 64,               // nodes above a leaf
	IOC_NODES_MAX = 2 << 20,          // of a set
	IOC_VALUE_MAX = 64 << 10,         // bytes of a leaf's value
	IOC_FILE_MAX = 256 << 20,         // bytes of a file
	IOC_FOLDER_DEPTH_MAX = 16,        // folders within folders
	IOC_NOTES_MAX = 100,              // of a file
	IOC_MATCH_STEPS_MAX = 200 * 1000, // of one regular expression over one value
	IOC_GIVE_UPS_MAX = 64,            // values that take more, before all are left unknown
	IOC_HITS_MAX = 16 << 20,          // of all atoms
};

// ---- truth ----------------------------------------------------------------------------------
// Kleene's three values in an order that makes AND the minimum and OR the maximum.
enum ioc_truth { IOC_FALSE, IOC_UNKNOWN, IOC_TRUE };

static inline enum ioc_truth ioc_and(enum ioc_truth a, enum ioc_truth b)
{
	return MIN(a, b);
}

static inline enum ioc_truth ioc_or(enum ioc_truth a, enum ioc_truth b)
{
	return MAX(a, b);
}

static inline enum ioc_truth ioc_not(enum ioc_truth a)
{
	return (enum ioc_truth)(IOC_TRUE - a);
}

// Why something is UNKNOWN; of several reasons the last of this list is given.
enum ioc_reason {
	IOC_NO_REASON,    // it is not unknown
	IOC_ABSENT,       // not among what was found, which proves nothing: not all is in memory
	IOC_UNREADABLE,   // the page, cell or field that says it is not in the image
	IOC_CUT,          // the value is longer than what is left of it, which fits
	IOC_OUT_OF_STEPS, // a limit was reached: steps of a regular expression, hits
	IOC_NO_SOURCE,    // nothing that was asked answers this term
	IOC_NO_VALUE,     // the indicator compares with nothing
	IOC_BAD_VALUE,    // the indicator's value cannot be understood as the term's type
	IOC_UNSUPPORTED,  // the format can say it, and it cannot be asked here: see the leaf's note
};

const char *ioc_truth_name(enum ioc_truth truth);    // "true", "false", "unknown"
const char *ioc_reason_text(enum ioc_reason reason); // one phrase for people; "" for none

// ---- terms ----------------------------------------------------------------------------------
// How well a memory image answers. See README.md.
enum ioc_class {
	IOC_CLASS_A = 1, // structured and exact
	IOC_CLASS_B,     // structured but partial: a hit proves presence, a miss proves nothing
	IOC_CLASS_C,     // by searching for text only
	IOC_CLASS_D,     // not from memory alone
};

// How values of a term are compared.
enum ioc_type {
	IOC_TEXT = 1, // as it is, case folded
	IOC_NAME,     // the same, blanks at the ends do not count
	IOC_PATH,     // of a file; in every spelling that the path has
	IOC_KEY,      // of the registry; likewise
	IOC_OBJECT,   // of a kernel object; likewise
	IOC_NUMBER,   // decimal or hexadecimal; ranges
	IOC_TIME,     // ISO 8601, UTC; ranges
	IOC_BOOL,
	IOC_ADDRESS, // an IP address; networks
	IOC_DIGEST,  // MD5, SHA-1, SHA-256 in hexadecimal
};

// A term that has no source of its own may be a part of another's values.
enum ioc_part {
	IOC_WHOLE,
	IOC_PART_FILE,      // "C:\Temp\a.exe": "a.exe"
	IOC_PART_FOLDER,    //                  "C:\Temp"
	IOC_PART_EXTENSION, //                  "exe", ".exe"
};

struct ioc_term {
	const char *name;            // "ProcessItem/HandleList/Handle/Name", as it is best known
	const char *domain;          // what it is a property of: "ProcessItem/HandleList/Handle"
	const struct ioc_term *from; // it can be had from this term's values, or NULL...
	enum ioc_part part;          // ...of which it is this part
	enum ioc_type type;
	enum ioc_class class;
	const char *artefact; // where memory has it
	bool listed;          // in the table; others have been guessed from their first segments
	uint32_t index;       // of the set's terms
};

// ---- indicators -----------------------------------------------------------------------------
enum ioc_format {
	IOC_OPENIOC_10 = 1,
	IOC_OPENIOC_11,
	IOC_STIX, // 2.0, 2.1
	IOC_MISP,
	IOC_CSV,
	IOC_LIST,
	IOC_LOKI,
	IOC_YARA,
	IOC_SIGMA,
};

const char *ioc_format_name(enum ioc_format format); // "OpenIOC 1.1"

enum ioc_condition {
	IOC_IS = 1,
	IOC_CONTAINS,
	IOC_STARTS,
	IOC_ENDS,
	IOC_MATCHES, // a regular expression, not anchored
	IOC_GREATER,
	IOC_LESS,
	IOC_AT_LEAST,
	IOC_AT_MOST,
	IOC_PRESENT, // there is a value
};

const char *ioc_condition_name(enum ioc_condition condition); // "starts-with"

// What an application says of a node beside its logic: "score", "note", "detail", "yara/wide"...
struct ioc_param {
	const char *name, *value;
	const struct ioc_param *next;
};

enum { IOC_NO_ATOM = UINT32_MAX };

struct ioc_leaf {
	const struct ioc_term *term;
	const char *written; // the term as the file has it, where that is another name; or NULL
	const char *value;   // NUL-terminated; never NULL
	uint32_t length;     // bytes
	uint32_t atom;       // set by ioc_compile(); IOC_NO_ATOM: unknown for `reason`
	uint8_t condition;   // enum ioc_condition
	uint8_t reason;      // enum ioc_reason, of a leaf that cannot be asked
	bool case_sensitive;
	bool negated;
	bool exclusion; // OpenIOC 1.0's isnot: takes away from what its siblings found
	bool recovered; // the value was not where it belongs
};

enum ioc_kind { IOC_AND = 1, IOC_OR, IOC_NOT, IOC_LEAF };

struct ioc_node {
	enum ioc_kind kind;
	bool alone;     // what is below binds on its own, not with what is beside: an observation
	uint32_t index; // in the order of the file; the root is 0
	uint32_t line;
	const char *id;   // as in the file; may be "", need not be unique
	const char *note; // what was not understood literally, or NULL
	const struct ioc_param *params;
	struct ioc_node *first, *last, *next; // children, in order; the next sibling
	struct ioc_leaf leaf;                 // of IOC_LEAF
};

struct ioc_indicator {
	const char *id, *name, *description; // never NULL
	enum ioc_format format;
	const char *file;
	uint32_t line;
	uint32_t nodes, leaves;
	struct ioc_node *root;         // never NULL
	const struct ioc_param *links; // what it is about: "family", "threatgroup"...
};

// A parameter of a node, or NULL.
const char *ioc_param(const struct ioc_node *node, const char *name);

// ---- sets: reading --------------------------------------------------------------------------
struct ioc_set;

struct ioc_read_wish {
	// Take the value of a leaf that has none from its id, where that has the form of the term's
	// type: one exporter writes it there.
	bool recover;
	const bool *cancelled; // looked at now and then; may be NULL
};

EI_CHECKED ei_error *ioc_set_create(const struct ioc_read_wish *wish, struct ioc_set **out);
void ioc_set_drop(struct ioc_set *set); // NULL is allowed
EI_OWNER(ioc_set, ioc_set_drop);

// Reads a file, or all files of a folder and of those in it, by name. A file that is broken is
// skipped and said in a note; so is one of no format that is known, which is not broken if it is in
// a folder. EI_E_IO: `path` cannot be opened at all.
// EI_E_LIMIT, EI_E_NOMEM, EI_E_CANCELLED: the set has what came before.
EI_CHECKED ei_error *ioc_set_add(struct ioc_set *set, const char *path);

// The same for the bytes of a file that is called `name`, which tells formats apart where their
// bytes do not: ".csv", "hash-iocs.txt", ".yar".
EI_CHECKED ei_error *ioc_set_add_bytes(
	struct ioc_set *set, const char *name, const void *bytes, size_t size);

size_t ioc_set_count(const struct ioc_set *set);
const struct ioc_indicator *ioc_set_at(const struct ioc_set *set, size_t index);
size_t ioc_set_term_count(const struct ioc_set *set);
const struct ioc_term *ioc_set_term(const struct ioc_set *set, size_t index);

struct ioc_file {
	const char *path;
	enum ioc_format format; // 0: not recognised
	bool broken;            // it was skipped
	size_t indicators, leaves, notes;
};
size_t ioc_set_file_count(const struct ioc_set *set);
const struct ioc_file *ioc_set_file(const struct ioc_set *set, size_t index);

// What the reader of an indicator should know: what is wrong, what was not understood.
struct ioc_note {
	const char *file;
	uint32_t line; // 0: none in particular
	bool broken;   // the file was skipped for it
	const char *text;
};
size_t ioc_set_note_count(const struct ioc_set *set);
const struct ioc_note *ioc_set_note(const struct ioc_set *set, size_t index);

// YARA rules, to be compiled by whoever scans: the text of each file, whose rules are leaves of the
// term "Yara/Rule" with the value "INDEX:RULE". They have been compiled once, as a check.
struct ioc_rules {
	const char *file, *text;
	size_t length;
};
size_t ioc_set_rules_count(const struct ioc_set *set);
const struct ioc_rules *ioc_set_rules(const struct ioc_set *set, size_t index);

// Defined for YARA rules besides what they say themselves: "filename" and the like.
extern const char *const ioc_yara_externals[]; // NULL-terminated

// ---- coverage -------------------------------------------------------------------------------
struct ioc_coverage {
	uint32_t leaves[IOC_CLASS_D + 1]; // by class; [0]: cannot be asked at all
	// The tree can become TRUE with leaves of this class and better ones; 0: never.
	enum ioc_class reach;
};
struct ioc_coverage ioc_coverage(const struct ioc_indicator *indicator);

// ---- compilation ----------------------------------------------------------------------------
// One question: leaves that ask the same share it, whatever indicator they are of.
struct ioc_atom {
	const struct ioc_term *term;
	const char *value;
	uint32_t length;
	uint8_t condition; // enum ioc_condition
	bool case_sensitive;
	uint32_t next; // of the same term; IOC_NO_ATOM
};

struct ioc_program;

// Gives every leaf of the set its atom. The set must outlive the program, and not grow.
EI_CHECKED ei_error *ioc_compile(struct ioc_set *set, struct ioc_program **out);
void ioc_program_drop(struct ioc_program *program); // NULL is allowed
EI_OWNER(ioc_program, ioc_program_drop);

size_t ioc_atom_count(const struct ioc_program *program);
const struct ioc_atom *ioc_atom(const struct ioc_program *program, uint32_t index);

// Whether values of a term are of any use: some atom compares with it, or with a part of it.
bool ioc_wants(const struct ioc_program *program, const char *term);

// The first atom of a term, for those who find hits by themselves; IOC_NO_ATOM.
uint32_t ioc_atoms_of(const struct ioc_program *program, const char *term);

// ---- evidence -------------------------------------------------------------------------------
// Entities have a domain: "ProcessItem", or the items of a list that belongs to entities of
// another, "ProcessItem/HandleList/Handle". Values are compared as they come and are not kept;
// what is kept are hits.
//
//     ioc_evidence_answers(evidence, "ProcessItem/name", true);
//     uint32_t process = ioc_evidence_entity(evidence, "ProcessItem", IOC_ROOT, pid, address);
//     ioc_evidence_value(evidence, "ProcessItem/name", process, ei_str("evil.exe"));
//     uint32_t handle = ioc_evidence_entity(evidence, "ProcessItem/HandleList/Handle", process,
//             IOC_NO_LINK, handle_value);
//
// Entities of a list come after the one they belong to.
struct ioc_evidence;

enum { IOC_ROOT = UINT32_MAX };
#define IOC_NO_LINK UINT64_MAX

EI_CHECKED ei_error *ioc_evidence_create(
	const struct ioc_program *program, struct ioc_evidence **out);
void ioc_evidence_drop(struct ioc_evidence *evidence); // NULL is allowed
EI_OWNER(ioc_evidence, ioc_evidence_drop);

// Somebody gives values of this term, and of those that are parts of it; a term that nobody answers
// is UNKNOWN. `all`: the entities that come are all that there are, so that what is not among them
// is not there. An entity that no value is given for, not even an absent one, is UNKNOWN.
void ioc_evidence_answers(struct ioc_evidence *evidence, const char *term, bool all);

// The drive letter of a volume: "\Device\HarddiskVolume3", 'C'. Before any path. Volumes without
// one are taken to be C.
void ioc_evidence_volume(struct ioc_evidence *evidence, const char *device, char letter);

// Which of the registry's control sets is the current one. Until it is known, each passes for it.
void ioc_evidence_control_set(struct ioc_evidence *evidence, unsigned number);

// A new entity of a domain, which is static text: its number. `link`: a number that entities of
// different domains share when they belong together, such as a process id. `mark` is the caller's,
// and given back with hits. After a failure, which ioc_evaluate() gives, it is 0.
uint32_t ioc_evidence_entity(struct ioc_evidence *evidence, const char *domain, uint32_t parent,
	uint64_t link, uint64_t mark);

// A value of an entity; a term may have several. Absent values count: EI_NONE is no value, the
// other states leave unknown what they are.
void ioc_evidence_value(
	struct ioc_evidence *evidence, const char *term, uint32_t entity, ei_val value);

// The same for a value of which only the beginning is there: a name of 15 bytes.
void ioc_evidence_cut_value(
	struct ioc_evidence *evidence, const char *term, uint32_t entity, ei_val value);

// Not all items of a list are here: the handles of `parent`, whose table is paged out.
void ioc_evidence_partial(struct ioc_evidence *evidence, const char *domain, uint32_t parent);

// A hit that was found otherwise: by text search, by YARA, by hashing.
void ioc_evidence_hit(struct ioc_evidence *evidence, uint32_t atom, uint32_t entity, uint64_t mark);

// Text as it lies in memory, a byte a character, and the part of it that an atom's value was found
// in.
struct ioc_text {
	const char *bytes;
	size_t length, start, end;
	bool labels; // the part is spelled as DNS has names: a length before each label
};

// Whether that part answers the atom: `contains`, or `is` by what is around it. A name is whole at
// labels, an address at digits, a URL where it ends, all else at words. False also for conditions
// that are about the text that the part is in: ioc_evidence_value() asks those.
bool ioc_text_answers(const struct ioc_atom *atom, const struct ioc_text *text);
bool ioc_term_is_host(const struct ioc_term *term); // its values are names of hosts
bool ioc_term_is_string(
	const struct ioc_term *term); // its values are strings of programs, each whole

// How many hits there are so far: more after a value that some condition is true of.
size_t ioc_evidence_hit_count(const struct ioc_evidence *evidence);

struct ioc_hit {
	uint32_t atom, entity; // entity of the domain of the atom's term
	uint64_t mark;         // of the entity, or of ioc_evidence_hit()
	bool maybe;            // IOC_CUT, IOC_OUT_OF_STEPS
	bool approximate;      // a relative registry path, a drive that had to be guessed
	bool device;           // only as "\Device\...", of a path that has a drive, or of all that
			       // have one: not for negated conditions
};

// The hits of an atom, by entity. Borrowed; until more evidence comes.
const struct ioc_hit *ioc_hits(struct ioc_evidence *evidence, uint32_t atom, size_t *count);

// ---- verdicts -------------------------------------------------------------------------------
struct ioc_result {
	uint8_t truth;  // enum ioc_truth: of some entity
	uint8_t reason; // enum ioc_reason, where that is UNKNOWN
};

struct ioc_witness {
	const char *domain;
	uint32_t entity;
	uint64_t mark, link;
};

enum { IOC_WITNESSES_MAX = 64 };

struct ioc_verdict {
	enum ioc_truth truth;
	enum ioc_reason reason;
	// The same if the conditions on a list's items need not hold for one and the same item.
	enum ioc_truth loose;
	int64_t score; // sum of the scores of what is true, of the entity with most
	bool scored;   // the score reaches 100: enough for those who write scores
	const struct ioc_result *nodes;      // by ioc_node.index
	const struct ioc_witness *witnesses; // what makes it TRUE: one set of entities
	uint32_t witness_count;
};

enum { IOC_SCORE_ENOUGH = 100 };

// Everything it gives lives in `arena`.
EI_CHECKED ei_error *ioc_evaluate(struct ioc_evidence *evidence,
	const struct ioc_indicator *indicator, ei_arena *arena, struct ioc_verdict *out);

#endif
