// netscan: sockets of tcpip.sys, listed or damaged, and the choice of what they look like.
// SPDX-License-Identifier: Apache-2.0
#include "../fx/fx.h"
#include "../fx/test.h"

#define CREATED "2024-03-14T13:26:53"
#define POOL UINT64_C(0xffffa00010000000)
#define SHARED (POOL + 0x10000) // family and addresses
#define TIME UINT64_C(133548964130000000)

enum { BUILD_19041 = 19041, BUILD_18362 = 18362, IPV4 = 2, IPV6 = 23, ESTABLISHED = 4 };

// Where members are: endpoints of 19041, endpoints of 18362, and so on.
struct places {
	uint32_t owner, created, udp_address, udp_port;
};

static const struct places of_19041 = { 0x2d8, 0x2e8, 0xa8, 0xa0 };
static const struct places of_1909 = { 0x290, 0x2a0, 0x88, 0x80 };

static void put(struct fx *fx, uint64_t va, uint64_t value, size_t size)
{
	fx_write(&fx->tables, va, &value, size);
}

static void block(struct fx *fx, uint64_t va, const char *tag, uint32_t size)
{
	put(fx, va, (uint64_t)size / 16 << 16, 4);
	put(fx, va + 4, load_u32(tag), 4);
}

// One IPv4 family, local address 10.0.0.1, remote address 10.0.0.2.
static void shared_create(struct fx *fx)
{
	fx_map_fresh(&fx->tables, SHARED);
	put(fx, SHARED + 0x18, IPV4, 2);
	put(fx, SHARED + 0x100, SHARED + 0x200, 8); // _ADDRINFO
	put(fx, SHARED + 0x110, SHARED + 0x304, 8);
	put(fx, SHARED + 0x210, SHARED + 0x280, 8); // _LOCAL_ADDRESS
	put(fx, SHARED + 0x280, SHARED + 0x300, 8);
	put(fx, SHARED + 0x300, 0x0100000a, 4);
	put(fx, SHARED + 0x304, 0x0200000a, 4);
}

static uint64_t endpoint(struct fx *fx, uint64_t at, uint64_t owner, const struct places *places)
{
	block(fx, at, "TcpE", 0x310);
	uint64_t va = at + 16;
	put(fx, va + 0x10, SHARED, 8);
	put(fx, va + 0x18, SHARED + 0x100, 8);
	put(fx, va + 0x28, va + 0x28, 8); // alone on its list
	put(fx, va + 0x30, va + 0x28, 8);
	put(fx, va + 0x6c, ESTABLISHED, 4);
	put(fx, va + 0x70, 0x5000, 2); // 80
	put(fx, va + 0x72, 0xbb01, 2); // 443
	put(fx, va + places->owner, owner, 8);
	put(fx, va + places->created, TIME, 8);
	return va;
}

static uint64_t udp(struct fx *fx, uint64_t at, uint64_t owner, const struct places *places)
{
	block(fx, at, "UdpA", 0xd0);
	uint64_t va = at + 16;
	put(fx, va + 0x20, SHARED, 8);
	put(fx, va + 0x28, owner, 8);
	put(fx, va + 0x58, TIME, 8);
	put(fx, va + places->udp_address, 0, 8);
	put(fx, va + places->udp_port, 0x3500, 2); // 53
	return va;
}

static struct fx_object begin(struct fx *fx, uint32_t build)
{
	fx->session.identity.build = build;
	for (unsigned i = 0; i < 4; i++)
		fx_map_fresh(&fx->tables, POOL + i * PAGE_SIZE);
	shared_create(fx);
	return fx_process(fx, .pid = 500, .name = "a.exe", .created = CREATED);
}

static void connection_is_followed_to_its_addresses(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = begin(fx, BUILD_19041);
	endpoint(fx, POOL, p.va, &of_19041);

	expect_rows(fx, "netscan",
		"offset              proto  local_addr  local_port  foreign_addr  foreign_port  "
		"state        pid  owner  doubt\n"
		"0xffffa00010000010  TCPv4  10.0.0.1    80          10.0.0.2      443           "
		"ESTABLISHED  500  a.exe  -\n"
		"# connections: read as those of Windows 10 2004 x64: 1 of 1 pass\n");
}

static void socket_of_both_protocols_is_two_rows(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = begin(fx, BUILD_19041);
	put(fx, SHARED + 0x18, IPV6, 2);
	udp(fx, POOL, p.va, &of_19041);

	expect_rows(fx, "netscan",
		"proto  local_addr  local_port  foreign_addr  state  pid\n"
		"UDPv4  0.0.0.0     53          -             -      500\n"
		"UDPv6  ::          53          -             -      500\n"
		"# udp sockets: read as those of Windows 10 2004 x64: 1 of 1 pass\n");
}

static void objects_overrule_the_build(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = begin(fx, BUILD_19041);
	for (unsigned i = 0; i < 3; i++)
		endpoint(fx, POOL + i * PAGE_SIZE, p.va, &of_1909);

	expect_rows(fx, "netscan",
		"pid  state        created                      doubt\n"
		"500  ESTABLISHED  2024-03-14T13:26:53.000000Z  -\n"
		"500  ESTABLISHED  2024-03-14T13:26:53.000000Z  -\n"
		"500  ESTABLISHED  2024-03-14T13:26:53.000000Z  -\n"
		"# connections: read as those of Windows 10 1909 x64, which fits better than the "
		"build's: 3 of 3 pass\n");
}

static void owner_is_found_where_no_table_has_it(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = begin(fx, BUILD_19041);
	static const struct places nowhere = { 0x148, 0x1a0, 0, 0 };
	endpoint(fx, POOL, p.va, &nowhere);
	endpoint(fx, POOL + PAGE_SIZE, p.va, &nowhere);

	expect_rows(fx, "netscan",
		"pid  local_port  state        created                      doubt\n"
		"500  80          ESTABLISHED  2024-03-14T13:26:53.000000Z  -\n"
		"500  80          ESTABLISHED  2024-03-14T13:26:53.000000Z  -\n"
		"# connections: read as those of Windows 10 2004 x64, at places found on the "
		"image: 2 of 2 pass\n");
}

static void what_cannot_be_true_is_marked(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = begin(fx, BUILD_19041);
	uint64_t unknown = endpoint(fx, POOL, p.va, &of_19041);
	put(fx, unknown + 0x2d8, SHARED, 8);
	uint64_t future = endpoint(fx, POOL + PAGE_SIZE, p.va, &of_19041);
	put(fx, future + 0x2e8, TIME + UINT64_C(3155760000000000) * 30, 8);
	uint64_t unlinked = endpoint(fx, POOL + 2 * PAGE_SIZE, p.va, &of_19041);
	put(fx, unlinked + 0x28, future + 0x28, 8);

	expect_rows(fx, "netscan",
		"local_port  doubt\n"
		"80          owner\n"
		"80          time\n"
		"80          unlinked\n"
		"# connections: read as those of Windows 10 2004 x64: 1 of 3 pass\n");
}

static void what_is_no_socket_is_only_shown_on_request(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = begin(fx, BUILD_19041);
	uint64_t stateless = endpoint(fx, POOL, p.va, &of_19041);
	put(fx, stateless + 0x6c, 77, 4);
	uint64_t other = udp(fx, POOL + PAGE_SIZE, p.va, &of_19041);
	put(fx, SHARED + 0x48, 9, 2);
	put(fx, other + 0x20, SHARED + 0x30, 8);

	expect_rows(fx, "netscan",
		"proto\n"
		"# connections: read as those of Windows 10 2004 x64: 0 of 1 pass\n"
		"# udp sockets: read as those of Windows 10 2004 x64: 0 of 1 pass\n");
	expect_rows(fx, "netscan --include-corrupt",
		"proto  state  doubt\n"
		"TCPv4  !      state\n"
		"UDPv?  -      family\n"
		"# connections: read as those of Windows 10 2004 x64: 0 of 1 pass\n"
		"# udp sockets: read as those of Windows 10 2004 x64: 0 of 1 pass\n");
}

static void row_survives_missing_addresses(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = begin(fx, BUILD_19041);
	endpoint(fx, POOL, p.va, &of_19041);
	fx_drop_page(fx, SHARED);

	expect_rows(fx, "netscan",
		"proto  local_addr  local_port  foreign_addr  foreign_port  state        pid  "
		"doubt\n"
		"TCPv?  ?           80          ?             443           ESTABLISHED  500  "
		"family address\n"
		"# connections: read as those of Windows 10 2004 x64: 0 of 1 pass\n");
}

static void object_cut_by_a_missing_page_is_marked(void **state)
{
	(void)state;
	FX_WINDOWS(fx, "win10-19041-x64");
	struct fx_object p = begin(fx, BUILD_19041);
	endpoint(fx, POOL + 0xe00, p.va, &of_19041);
	fx_drop_page(fx, POOL + PAGE_SIZE);

	expect_rows(fx, "netscan",
		"proto  local_addr  local_port  state        pid  created  doubt\n"
		"TCPv4  10.0.0.1    80          ESTABLISHED  ?    ?        owner\n"
		"# connections: read as those of Windows 10 2004 x64: 0 of 1 pass\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connection_is_followed_to_its_addresses),
		cmocka_unit_test(socket_of_both_protocols_is_two_rows),
		cmocka_unit_test(objects_overrule_the_build),
		cmocka_unit_test(owner_is_found_where_no_table_has_it),
		cmocka_unit_test(what_cannot_be_true_is_marked),
		cmocka_unit_test(what_is_no_socket_is_only_shown_on_request),
		cmocka_unit_test(row_survives_missing_addresses),
		cmocka_unit_test(object_cut_by_a_missing_page_is_marked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
