// Writing a plugin: columns, options, requirements, rows. See plugins/README.md for the guide.
//
// A plugin is one C file that exports one constant, `ei_plugin_NAME`, made with EI_PLUGIN. The
// same source is a built-in (dropped into plugins/) or a shared object (loaded with -p DIR). It
// declares its columns once and emits rows; it never prints, never frees, never checks for Ctrl-C,
// and has no writable statics, because several plugins run at once over one shared session.
//
//     static ei_error *run(ei_run *r)
//     {
//             ei_iter it = ei_processes(r);
//             for (eprocess p = ei_handle(r, eprocess); ei_next(&it, &p);)
//                     ei_emit(r, (ei_val[COLUMNS]){
//                             [PID]  = ei_get(p, UniqueProcessId),
//                             [NAME] = ei_get(p, ImageFileName),
//                     });
//             return NULL;
//     }
// SPDX-License-Identifier: Apache-2.0
#ifndef EIDETIC_PLUGIN_H
#define EIDETIC_PLUGIN_H

#include <eidetic/object.h>

// ---- Columns --------------------------------------------------------------------------------
typedef struct ei_column {
	const char *name; // snake_case, stable: json, jsonl, csv, SQL
	ei_kind kind;
	const char *doc;          // one line for people
	const char *vol3;         // exact title of Volatility 3's column; NULL: --compat drops it
	const char *vol3_absent;  // what Volatility prints where there is nothing; NULL: null
	const char *vol3_with;    // Volatility has the column only when this option is given...
	const char *vol3_without; // ... or only when this one is not
	bool vol3_only;           // only shown with --compat
	const char *ioc;          // OpenIOC term that this column answers, or NULL
} ei_column;

// ---- Options --------------------------------------------------------------------------------
enum {
	EI_MANY = 1,       // may be given several times, or several values at once
	EI_POSITIONAL = 2, // takes the words that belong to no option
};

typedef struct ei_option {
	const char *name; // without the dashes
	ei_kind kind;     // EI_UINT (decimal or 0x), EI_STR, EI_BOOL (a switch)
	uint32_t flags;   // EI_MANY
	const char *doc;
} ei_option;

// ---- The descriptor -------------------------------------------------------------------------
enum {
	EI_ABI_MAJOR = 1, // differs: refused
};

enum ei_need {
	EI_NEEDS_WINDOWS = 0, // kernel found and profile loaded: the usual case
	EI_NEEDS_IMAGE = 1,   // an opened image is enough; the rest may be missing
	EI_NEEDS_KERNEL = 2,  // kernel found; the profile may be missing
	EI_NEEDS_NOTHING = 3, // can do something without an image; see ei_require()
};

// Every member that is 0 means "not used", for good: that is what lets older and newer plugins
// and hosts meet. Members are only ever added at the end.
typedef struct ei_plugin {
	uint32_t abi;  // EI_ABI_MAJOR
	uint32_t size; // sizeof(ei_plugin) as the plugin was compiled
	// Sizes of the structs passed by value, so that a mix-up of headers is named.
	uint16_t val_size, field_size, obj_size, iter_size, column_size, option_size;
	uint32_t needs; // ei_need
	const char *name;
	const char *vol3;    // Volatility 3's full name, "windows.pslist.PsList", or NULL
	const char *purpose; // one line
	const ei_column *columns;
	const ei_option *options;
	const ei_type_spec *const *types; // fields marked MUST are checked before run
	const char *const *symbols;       // likewise
	uint16_t column_count, option_count, type_count, symbol_count;
	ei_error *(*run)(ei_run *run); // an error stops the run: nothing more could be done
	// Pool tags, of four characters, that it will ask ei_pool_hits() for. Memory is then
	// searched once for the tags of all plugins that run together, and for terms in the same
	// pass.
	const char *const *tags;
	uint16_t tag_count;
	// What it must be told before it is of use ("rules"): then it is not among "all" plugins.
	const char *asks;
	// The plugin whose times its own are, too ("pslist"): a timeline takes that one.
	const char *retells;
} ei_plugin;

#define EI_PLUGIN(plugin_name)                                                                     \
	extern EI_API const ei_plugin ei_plugin_##plugin_name;                                     \
	const ei_plugin ei_plugin_##plugin_name

#define EI_HEAD(plugin_name)                                                                       \
	.abi = EI_ABI_MAJOR, .size = sizeof(ei_plugin), .val_size = sizeof(ei_val),                \
	.field_size = sizeof(ei_field), .obj_size = sizeof(ei_obj), .iter_size = sizeof(ei_iter),  \
	.column_size = sizeof(ei_column), .option_size = sizeof(ei_option), .name = #plugin_name

#define EI_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define EI_COLUMNS(array) .columns = (array), .column_count = EI_COUNT(array)
#define EI_OPTIONS(array) .options = (array), .option_count = EI_COUNT(array)
#define EI_TYPES(...)                                                                              \
	.types = (const ei_type_spec *const[]){ __VA_ARGS__ },                                     \
	.type_count = EI_COUNT(((const ei_type_spec *const[]){ __VA_ARGS__ }))
#define EI_TAGS(...)                                                                               \
	.tags = (const char *const[]){ __VA_ARGS__ },                                              \
	.tag_count = EI_COUNT(((const char *const[]){ __VA_ARGS__ }))
#define EI_SYMBOLS(...)                                                                            \
	.symbols = (const char *const[]){ __VA_ARGS__ },                                           \
	.symbol_count = EI_COUNT(((const char *const[]){ __VA_ARGS__ }))

// ---- Rows -----------------------------------------------------------------------------------
// Emits one row: one value per column, in the order of the columns. Rendered at once; strings
// need to live only until then. False after Ctrl-C, --limit or a full disk: a plain loop over an
// iterator ends by itself then, a loop of your own should look.
EI_API bool ei_emit(ei_run *run, const ei_val *cells);

// The same in a tree: `depth` 0 is a root, depth n + 1 hangs under the last row of depth n.
EI_API bool ei_emit_at(ei_run *run, uint32_t depth, const ei_val *cells);

// A finding about the evidence ("list broken after 0x..."): beside the rows, never in them.
EI_API void ei_note(ei_run *run, const char *format, ...) EI_PRINTF(2, 3);

// True when the run should end. Iterators look by themselves.
EI_API bool ei_stopped(const ei_run *run);
EI_API void ei_progress(ei_run *run, uint64_t done, uint64_t total);

// ---- Options, read --------------------------------------------------------------------------
EI_API size_t ei_opt_count(const ei_run *run, unsigned option);        // how many values
EI_API ei_val ei_opt(const ei_run *run, unsigned option);              // the first; EI_NONE
EI_API ei_val ei_opt_at(const ei_run *run, unsigned option, size_t n); // the nth; EI_NONE
// True when the option was not given, or one of its values is `value`: "only these".
EI_API bool ei_opt_allows(const ei_run *run, unsigned option, ei_val value);

// For a plugin that can do something with less than it would like: NULL when `need`, the types and
// the symbols are there, else the error that the engine would have given.
EI_API EI_CHECKED ei_error *ei_require(ei_run *run, enum ei_need need);

// Run-lived scratch memory: freed when the iterator in whose loop you stand moves on.
EI_API ei_arena *ei_scratch(ei_run *run);

#endif
