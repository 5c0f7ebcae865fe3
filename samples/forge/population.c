// The default population of a desktop: what a machine that is in use looks like.
// SPDX-License-Identifier: Apache-2.0
#include "population.h"
#include "forge.h"

struct population {
	struct forge *f;
	json_t *scenario;
	const char *user, *computer;
	size_t process_limit, driver_limit;
	uint64_t pids[128], created[128]; // by row of the table; 0: not in this build
};

static void add_environment(struct population *p, json_t *process, bool user)
{
	char profile[128], temp[160];
	snprintf(profile, sizeof profile, "C:\\Users\\%s", p->user);
	snprintf(temp, sizeof temp, user ? "%s\\AppData\\Local\\Temp" : "C:\\Windows\\TEMP",
		profile);
	json_t *e = json_object();
	json_object_set_new(e, "ALLUSERSPROFILE", json_string("C:\\ProgramData"));
	if (user)
		json_object_set_new(e, "APPDATA", json_sprintf("%s\\AppData\\Roaming", profile));
	json_object_set_new(
		e, "CommonProgramFiles", json_string("C:\\Program Files\\Common Files"));
	json_object_set_new(e, "COMPUTERNAME", json_string(p->computer));
	json_object_set_new(e, "ComSpec", json_string("C:\\Windows\\system32\\cmd.exe"));
	if (user)
		json_object_set_new(e, "HOMEPATH", json_sprintf("\\Users\\%s", p->user));
	json_object_set_new(e, "NUMBER_OF_PROCESSORS", json_sprintf("%u", p->f->processors));
	json_object_set_new(e, "OS", json_string("Windows_NT"));
	json_object_set_new(e, "Path",
		json_string("C:\\Windows\\system32;C:\\Windows;C:\\Windows\\System32\\Wbem"));
	json_object_set_new(e, "PATHEXT", json_string(".COM;.EXE;.BAT;.CMD;.VBS;.JS"));
	json_object_set_new(
		e, "PROCESSOR_ARCHITECTURE", json_string(p->f->pointer == 8 ? "AMD64" : "x86"));
	if (user)
		json_object_set_new(e, "SESSIONNAME", json_string("Console"));
	json_object_set_new(e, "SystemDrive", json_string("C:"));
	json_object_set_new(e, "SystemRoot", json_string("C:\\Windows"));
	json_object_set_new(e, "TEMP", json_string(temp));
	json_object_set_new(e, "TMP", json_string(temp));
	if (user)
		json_object_set_new(e, "USERNAME", json_string(p->user));
	if (user)
		json_object_set_new(e, "USERDOMAIN", json_string(p->computer));
	json_object_set_new(e, "USERPROFILE",
		json_string(user ? profile : "C:\\Windows\\system32\\config\\systemprofile"));
	json_object_set_new(e, "windir", json_string("C:\\Windows"));
	json_object_set_new(process, "environment", e);
}

static void add_dlls(json_t *process, uint32_t sets, bool old)
{
	json_t *dlls = json_array();
	for (const struct desktop_dll *d = desktop_dlls; d->name; d++) {
		if (d->set & sets && !(old && d->modern))
			json_array_append_new(dlls, json_string(d->name));
	}
	json_object_set_new(process, "dlls", dlls);
}

static void append_handles(json_t *handles, const struct desktop_handle *h, bool gui)
{
	for (; h->type; h++) {
		if (!h->gui || gui)
			json_array_append_new(handles,
				json_pack("{s:s, s:s*}", "type", h->type, "name", h->name));
	}
}

static void add_handles(json_t *process, bool gui)
{
	json_t *handles = json_pack("[{s:s,s:s},{s:s},{s:s,s:s},{s:s,s:s}]", "type", "File", "name",
		"\\Windows\\System32", "type", "Event", "type", "Key", "name",
		"MACHINE\\SYSTEM\\ControlSet001\\Control\\Session Manager", "type", "Mutant",
		"name", "");
	json_object_set_new(json_array_get(handles, 3), "name",
		json_sprintf("SM0:%llu:304:WilStaging_02",
			(unsigned long long)scenario_number(process, "pid", 0)));
	append_handles(handles, desktop_handles, gui);
	json_object_set_new(process, "handles", handles);
}

// "%U" stands for the user's name.
static json_t *expand(const struct population *p, const char *text)
{
	const char *mark = strstr(text, "%U");
	if (!mark)
		return json_string(text);
	return json_sprintf("%.*s%s%s", (int)(mark - text), text, p->user, mark + 2);
}

static uint64_t process_pid(struct population *p, size_t i, uint64_t *next)
{
	if (desktop_processes[i].fixed_pid)
		return desktop_processes[i].fixed_pid;
	return *next += 4 * (3 + forge_below(p->f, i < 12 ? 24 : 80));
}

static bool process_wanted(const struct forge *f, const struct desktop_process *d)
{
	if (d->since > f->build || (d->until && f->build >= d->until))
		return false;
	return !(d->wow64 && f->pointer == 4);
}

static int find_parent(const struct population *p, const char *parent)
{
	for (int i = 0; parent && desktop_processes[i].name; i++) {
		if (p->pids[i] && strcmp(desktop_processes[i].name, parent) == 0)
			return i;
	}
	return -1;
}

// In the order of the table, or minutes later; always after the parent.
static uint64_t process_created(
	struct population *p, const struct desktop_process *d, int parent, uint64_t order)
{
	struct forge *f = p->f;
	uint64_t created = f->booted + order * 4000000 + forge_below(f, 3000000);
	if (d->late_minutes)
		created = f->booted + d->late_minutes * 600000000ULL + forge_below(f, 300000000);
	if (parent >= 0)
		created = MAX(created, p->created[parent] + 2500000);
	return MIN(created, f->now - 10000000);
}

static void add_process(struct population *p, size_t i, uint64_t order)
{
	const struct desktop_process *d = &desktop_processes[i];
	struct forge *f = p->f;
	int parent = find_parent(p, d->parent);
	uint64_t created = p->created[i] = process_created(p, d, parent, order);
	json_t *process = json_pack("{s:I, s:s, s:I, s:I, s:o}", "pid", (json_int_t)p->pids[i],
		"name", d->name, "ppid", (json_int_t)(parent < 0 ? 0 : p->pids[parent]), "threads",
		(json_int_t)(d->threads + forge_below(f, d->threads / 2 + 1)), "created",
		truth_time(created));
	if (d->path)
		json_object_set_new(process, "path", expand(p, d->path));
	if (d->arguments)
		json_object_set_new(process, "cmdline", expand(p, d->arguments));
	if (d->session >= 0)
		json_object_set_new(process, "session",
			json_integer(d->session && f->build < 6000 ? 0 : d->session));
	if (d->minimal)
		json_object_set_new(process, "minimal", json_true());
	if (d->wow64)
		json_object_set_new(process, "wow64", json_true());
	if (d->exited)
		json_object_set_new(process, "exited", truth_time(created + 90000000));
	if (!d->minimal) {
		add_dlls(process, d->dlls, f->build < 7600);
		add_environment(p, process, d->session == 1 && d->dlls & DLL_GUI);
		add_handles(process, d->session == 1 && d->dlls & DLL_GUI);
	} else if (d->fixed_pid == 4) {
		json_t *handles = json_array();
		append_handles(handles, system_handles, false);
		json_object_set_new(process, "handles", handles);
	}
	json_array_append_new(json_object_get(p->scenario, "processes"), process);
}

static void add_processes(struct population *p)
{
	uint64_t next = 250, order = 1;
	for (size_t i = 0; desktop_processes[i].name && i < p->process_limit; i++) {
		if (!process_wanted(p->f, &desktop_processes[i]))
			continue;
		p->pids[i] = process_pid(p, i, &next) & ~3ULL;
		add_process(p, i, order++);
	}
}

static void add_drivers(struct population *p)
{
	for (size_t i = 0; desktop_drivers[i] && i < p->driver_limit; i++)
		json_array_append_new(json_object_get(p->scenario, "drivers"),
			json_pack("{s:s}", "name", desktop_drivers[i]));
}

static void add_callbacks(struct population *p, json_t *own)
{
	json_t *callbacks = json_array();
	for (const struct desktop_callback *c = desktop_callbacks; c->kind; c++)
		json_array_append_new(
			callbacks, json_pack("{s:s, s:s, s:s*}", "kind", c->kind, "module",
					   c->module, "altitude", c->altitude));
	if (own)
		json_array_extend(callbacks, own);
	json_object_set_new(p->scenario, "callbacks", callbacks);
}

// ---- hives
// ------------------------------------------------------------------------------------------
static json_t *value_data(const struct population *p, const struct desktop_value *v)
{
	if (strcmp(v->type, "REG_DWORD") == 0 || strcmp(v->type, "REG_QWORD") == 0)
		return json_integer((json_int_t)strtoll(v->data, NULL, 0));
	if (strcmp(v->type, "REG_BINARY") == 0)
		return json_pack("{s:s}", "hex", v->data);
	if (strcmp(v->type, "REG_MULTI_SZ") == 0)
		return json_pack("[s]", v->data);
	if (strcmp(v->data, "%C") == 0)
		return json_string(p->computer);
	if (strcmp(v->data, "%B") == 0)
		return json_sprintf("%u", p->f->build);
	return expand(p, v->data);
}

static void add_value(const struct population *p, json_t *keys, const struct desktop_value *v)
{
	json_t *key = json_array_get(keys, json_array_size(keys) - 1);
	if (!key || strcmp(scenario_text(key, "path", ""), v->key) != 0) {
		key = json_pack("{s:s, s:[]}", "path", v->key, "values");
		if (v->transient)
			json_object_set_new(key, "volatile", json_true());
		json_array_append_new(keys, key);
	}
	if (v->name)
		json_array_append_new(json_object_get(key, "values"),
			json_pack("{s:s, s:s, s:o}", "name", v->name, "type", v->type, "data",
				value_data(p, v)));
}

static json_t *hive_describe(const struct population *p, const struct desktop_hive *h)
{
	json_t *hive =
		json_pack("{s:s, s:s, s:s, s:o, s:i}", "root", h->root, "mount", h->mount, "about",
			h->name, "written", truth_time(p->f->booted + 36000000), "minor", h->minor);
	// The boot loader reads this one: since Vista the kernel knows it by its place alone.
	bool by_loader = p->f->vista && strcmp(h->name, "SYSTEM") == 0;
	if (h->file && !by_loader)
		json_object_set_new(hive, "file", expand(p, h->file));
	json_t *keys = json_array();
	for (const struct desktop_value *v = desktop_values; v->hive; v++) {
		if (strcmp(v->hive, h->name) == 0)
			add_value(p, keys, v);
	}
	json_object_set_new(hive, "keys", keys);
	return hive;
}

// A scenario's own hive of the same name adds its keys to the default one.
static void hive_merge(const struct population *p, json_t *hives, json_t *hive, const char *name)
{
	size_t i;
	json_t *own;
	json_array_foreach(json_object_get(p->scenario, "hives"), i, own)
	{
		if (strcmp(scenario_text(own, "extend", ""), name) == 0)
			json_array_extend(
				json_object_get(hive, "keys"), json_object_get(own, "keys"));
	}
	json_array_append_new(hives, hive);
}

static void add_hives(struct population *p)
{
	json_t *hives = json_array();
	size_t i;
	json_t *own;
	for (const struct desktop_hive *h = desktop_hives; h->name; h++)
		hive_merge(p, hives, hive_describe(p, h), h->name);
	json_array_foreach(json_object_get(p->scenario, "hives"), i, own)
	{
		if (!json_object_get(own, "extend"))
			json_array_append(hives, own);
	}
	json_object_set_new(p->scenario, "hives", hives);
}

// ---- what the scenario adds
// ------------------------------------------------------------------------
static json_t *find_named(json_t *list, const char *name)
{
	size_t i;
	json_t *one;
	json_array_foreach(list, i, one)
	{
		if (strcmp(scenario_text(one, "name", ""), name) == 0)
			return one;
	}
	return NULL;
}

// {"extend": "explorer.exe", …}: lists grow, objects merge, the rest is replaced.
static void extend_process(struct forge *f, json_t *process, const json_t *with)
{
	const char *key;
	json_t *value;
	if (!process) {
		forge_fail(f, EI_E_FORMAT, "no process '%s' to extend",
			scenario_text(with, "extend", ""));
		return;
	}
	json_object_foreach((json_t *)with, key, value)
	{
		json_t *own = json_object_get(process, key);
		if (strcmp(key, "extend") == 0)
			continue;
		if (json_is_array(own) && json_is_array(value))
			json_array_extend(own, value);
		else if (json_is_object(own) && json_is_object(value))
			json_object_update(own, value);
		else
			json_object_set(process, key, value);
	}
}

// A process of its own runs in the session of the desktop, with what every program has.
static void complete_process(struct population *p, json_t *process)
{
	bool old = p->f->build < 7600;
	if (scenario_flag(process, "minimal"))
		return;
	if (!json_object_get(process, "session"))
		json_object_set_new(process, "session", json_integer(p->f->build < 6000 ? 0 : 1));
	json_t *dlls = json_incref(json_object_get(process, "dlls"));
	add_dlls(process, DLL_NATIVE | DLL_BASE, old);
	if (dlls)
		json_array_extend(json_object_get(process, "dlls"), dlls);
	json_decref(dlls);
	if (!json_object_get(process, "environment"))
		add_environment(p, process, true);
}

static void merge_processes(struct population *p, json_t *own)
{
	json_t *processes = json_object_get(p->scenario, "processes");
	size_t i;
	json_t *process;
	json_array_foreach(own, i, process)
	{
		const char *name = scenario_text(process, "extend", NULL);
		if (name) {
			extend_process(p->f, find_named(processes, name), process);
			continue;
		}
		complete_process(p, process);
		json_array_append(processes, process);
	}
}

static json_t *take_array(json_t *scenario, const char *key)
{
	json_t *own = json_incref(json_object_get(scenario, key));
	json_object_set_new(scenario, key, json_array());
	return own;
}

// {"extend": "Ntfs.sys", …}: what is said of a driver that the population has.
static void merge_drivers(struct population *p, json_t *own)
{
	json_t *drivers = json_object_get(p->scenario, "drivers");
	size_t i;
	json_t *driver;
	json_array_foreach(own, i, driver)
	{
		const char *name = scenario_text(driver, "extend", NULL);
		json_t *with = name ? find_named(drivers, name) : NULL;
		if (with)
			json_object_update(with, driver);
		else if (name)
			forge_fail(p->f, EI_E_FORMAT, "no driver '%s' to extend", name);
		else
			json_array_append(drivers, driver);
	}
}

void population_add(struct forge *f, json_t *scenario, bool desktop)
{
	struct population p = {
		.f = f,
		.scenario = scenario,
		.user = scenario_text(scenario, "user", "m.okafor"),
		.computer = scenario_text(scenario, "computer", "DESKTOP-7K2Q9LM"),
		.process_limit = desktop ? ARRAY_LENGTH(p.pids) : 18,
		.driver_limit = desktop ? SIZE_MAX : 12,
	};
	json_t *processes = take_array(scenario, "processes");
	json_t *drivers = take_array(scenario, "drivers");
	add_processes(&p);
	add_drivers(&p);
	add_callbacks(&p, json_object_get(scenario, "callbacks"));
	add_hives(&p);
	merge_processes(&p, processes);
	merge_drivers(&p, drivers);
	json_decref(processes);
	json_decref(drivers);
}
