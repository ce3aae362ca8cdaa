/* SPDX-License-Identifier: Apache-2.0 */
/* What programs read of tasks is what /proc says: each ancestor, and the task itself. */
#define _GNU_SOURCE
#include "cli/shell.h"

#include <stdlib.h>
#include <string.h>

#include "lib/test.h"

/* Compares the report j with /proc. The chain is the caller, skep, and then our own ancestors. */
static const char compare[] =
    "import json, os\n"
    "def stat(pid):\n"
    "    text = open('/proc/%d/stat' % pid).read()\n"
    "    return text[text.index('(') + 1:text.rindex(')')], text[text.rindex(')') + 2:].split()\n"
    "def values(name):\n"
    "    maps = [json.loads(line).get('maps', {}) for line in open('j')]\n"
    "    return [e['value'] for m in maps if name in m for e in m[name]['entries']]\n"
    "seen = values('chain')\n"
    "assert seen[0]['comm'] == 'caller' and seen[1]['comm'] == 'skep', seen[:2]\n"
    "pid, n = os.getppid(), 2\n"
    "tick = 10**9 // os.sysconf('SC_CLK_TCK')\n"
    "while pid:\n"
    "    one, (comm, fields) = seen[n], stat(pid)\n"
    "    want = {'pid': pid, 'tgid': pid, 'leader': pid, 'comm': comm, 'is_its_own_parent': 0,\n"
    "            'start': int(fields[19]) * tick, 'uid': int([l for l in\n"
    "            open('/proc/%d/status' % pid) if l.startswith('Uid:')][0].split()[1])}\n"
    "    for key in want:\n"
    "        assert one[key] == want[key], (n, key, one[key], want[key])\n"
    "    pid, n = int(fields[1]), n + 1\n"
    "idle = seen[n]\n"
    "assert idle['pid'] == 0 and idle['comm'] == 'swapper/0' and idle['is_its_own_parent'], idle\n"
    "me, st = values('self')[0], os.stat(os.environ['CALLER'])\n"
    "assert me['exe'] == 'caller' and me['size'] == st.st_size and me['mode'] == st.st_mode, me\n"
    "assert me['umask'] == 0o027 and me['dir'] == 'inner' and me['above'] == 'outer', me\n"
    "assert me['total_vm'] > 100 and me['min_flt'] > 10 and me['arg_start'] > 1 << 32, me\n"
    "print('the same')\n";

static void check(bool nobody)
{
	char caller[4096];
	struct ran ran;

	need("python3");
	snprintf(caller, sizeof(caller), "%s", test_build_path("tests/cli/caller"));
	setenv("CALLER", caller, 1);
	setenv("OBJECTS", test_build_path("tests/cli"), 1);
	setenv("COMPARE", compare, 1);
	ran = shell(nobody, "umask 027; mkdir -p outer/inner; cd outer/inner; "
			    "\"$SKEP\" run \"$OBJECTS/ancestors.bpf.o\" --json -o j -- "
			    "\"$CALLER\" getppid 3 && python3 -c \"$COMPARE\"");
	EXPECT_EXIT(&ran, 0);
	CHECK(says(&ran, "the same\n"));
	ran_free(&ran);
}

TEST(ancestors_up_to_the_first_are_as_proc_says)
{
	check(false);
}

TEST(nobody_sees_them_too)
{
	need_nobody();
	check(true);
}
