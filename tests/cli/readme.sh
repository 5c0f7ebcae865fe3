# README: the commands of the indicators' six steps print what it says.
# SPDX-License-Identifier: Apache-2.0
. tests/cli/common
ln -s "$build" "$work/build"
ln -s "$tree/samples" "$work/samples"
cat >"$work/walk.py" <<'END'
# Runs the commands of the section in one shell; prints each expected line that did not come.
import re, subprocess, sys

section = re.search(r'^## Indicators: .*?(?=^## )', open(sys.argv[1], encoding='utf-8').read(), re.S | re.M).group(0)
commands = []
for block in re.findall(r'^```\n(.*?)^```', section, re.S | re.M):
    for line in block.splitlines():
        if line.startswith('$ '):
            commands.append([line[2:], []])
        elif commands[-1][0].endswith('\\'):
            commands[-1][0] = commands[-1][0][:-1] + line.strip()
        elif line and line != '...':
            commands[-1][1].append(line)
# What is shown as a terminal shows it is asked for by name.
script = '\n'.join("echo '@@@'\n" + (re.sub(r'(match .*\*\.raw)$', r'\1 -r pretty', command)) for command, _ in commands)
done = subprocess.run(['sh', '-c', script], cwd=sys.argv[2], capture_output=True, text=True)
parts = done.stdout.split('@@@\n')[1:]
for (command, expected), part in zip(commands, parts):
    for line in expected:
        if line not in part.splitlines():
            print('%s: no line %r' % (command, line))
print(done.stderr, end='')
if len(parts) != len(commands) or len(commands) < 8:
    print('%d commands, %d ran' % (len(commands), len(parts)))
END
claim readme_walks_the_six_steps "$(python3 "$work/walk.py" README.md "$work" 2>&1)"
claim page_of_the_walk_is_there "$([ -s "$work/report/ioc-report.html" ] || ls "$work/report")"
claim evidence_of_the_walk_is_there "$([ -s "$work/evidence/first.raw/manifest.jsonl" ] || ls "$work/evidence")"
finish
