# What a user gets: make install, and a plugin built against that and nothing else.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
root=$work/root
# The headers and the library of this tree must not be found by chance.
install_into() { make -s BUILD="$build" DESTDIR="$root" PREFIX=/usr "$1" >"$work/make.log" 2>&1; }

install_into install
claim install_succeeds "$([ $? = 0 ] || tail -3 "$work/make.log")"
cd "$root/usr" || exit 1
missing=
for file in bin/eidetic lib/libeidetic.a lib/libeidetic.so lib/libeidetic.so.0 lib/pkgconfig/eidetic.pc share/man/man1/eidetic.1 \
	$(cd "$tree/core" && echo include/eidetic/*.h); do
	[ -s "$file" ] || missing="$missing $file"
done
claim everything_is_installed "${missing:+missing:$missing}"
claim nothing_is_left_to_fill_in "$(grep -l '@[A-Z]*@' lib/pkgconfig/eidetic.pc share/man/man1/eidetic.1)"
cd "$tree" || exit 1

# Libraries that only a static link needs are not the plugin author's: pkg-config sees none of them.
flags() { PKG_CONFIG_LIBDIR="$root/usr/lib/pkgconfig" PKG_CONFIG_PATH='' PKG_CONFIG_SYSROOT_DIR="$root" pkg-config "$@" eidetic; }
claim flags_are_those_of_the_headers "$([ "$(flags --cflags | tr -d ' ')" = "-I$root/usr/include" ] || flags --cflags 2>&1)"

cp -r samples/plugin-example "$work/example"
(cd "$work/example" && PKG_CONFIG_LIBDIR="$root/usr/lib/pkgconfig" PKG_CONFIG_PATH='' PKG_CONFIG_SYSROOT_DIR="$root" \
	MAKEFLAGS='' make -s CFLAGS=-Werror) >"$work/make.log" 2>&1
claim example_builds_without_a_warning "$([ $? = 0 ] || tail -3 "$work/make.log")"
exported=$(nm -D --defined-only "$work/example/impostors.so" | awk '{ print $3 }')
claim example_exports_one_symbol "$([ "$exported" = ei_plugin_impostors ] || echo "$exported")"
claim guide_shows_the_example_as_it_is "$(sed -n '/^\/\/ impostors/,/^```/p' plugins/README.md | sed '$d' | cmp - samples/plugin-example/impostors.c 2>&1)"

# Two impostors in a machine of honest processes.
cat >"$work/scenario.json" <<'JSON'
{
	"about": "Two programs that borrow a name, beside all those that own it.",
	"population": "minimal",
	"processes": [
		{ "name": "svchost.exe", "pid": 7000, "parent": "System", "path": "C:\\Temp\\Windows\\System32\\svchost.exe", "created": "2024-03-14T10:00:00Z" },
		{ "name": "LSASS.EXE", "pid": 7004, "parent": "System", "path": "C:\\Users\\Public\\LSASS.EXE", "created": "2024-03-14T10:00:01Z" },
		{ "name": "svchost.exe", "pid": 7008, "path": "c:\\windows\\system32\\SVCHOST.EXE", "created": "2024-03-14T10:00:02Z" }
	]
}
JSON
forge image --scenario "$work/scenario.json"
"$root/usr/bin/eidetic" -f "$work/image" -q -p "$work/example" impostors >"$work/out" 2>"$work/err"
status=$?
cat >"$work/want" <<'ROWS'
pid	ppid	name	path	created
7000	4	svchost.exe	\Device\HarddiskVolume2\Temp\Windows\System32\svchost.exe	2024-03-14T10:00:00.000000Z
7004	4	LSASS.EXE	\Device\HarddiskVolume2\Users\Public\LSASS.EXE	2024-03-14T10:00:01.000000Z
ROWS
claim example_finds_both_impostors_and_no_one_else "$([ $status = 0 ] || cat "$work/err"; diff "$work/want" "$work/out")"
"$root/usr/bin/eidetic" plugins -p "$work/example" >"$work/out" 2>&1
claim example_is_listed "$(grep -q '^impostors  *processes with the name' "$work/out" || grep -c . "$work/out")"

install_into uninstall
claim uninstall_leaves_nothing "$(find "$root" -type f -o -type l | head -3)"
finish
