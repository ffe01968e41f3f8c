import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { type AddressFacts, isOwn, type OwnPlace } from "../../src/upstream/own";
import { sourceTo } from "../../src/upstream/source";
import { until } from "../stage/waiting";

const PORT = 110;

const nic = (address: string, internal = false) => ({ address, internal }) as never;

/** A machine with a loopback, one other interface, and one without a carrier, which the list of interfaces leaves out. */
const facts: AddressFacts = {
  interfaces: () => ({
    lo: [nic("127.0.0.1", true), nic("::1", true)],
    "br-1": [nic("192.0.2.7"), nic("2001:db8::7"), nic("fe80::7")],
  }),
  async source(address) {
    if (/^(?:::ffff:)?172\.17\.0\.1$|^2001:db8:5::9$|^fe80::9%docker0$/.test(address)) return address;
    return address.includes(":") ? "2001:db8::7" : "192.0.2.7";
  },
};

const own = (listener: string, to: string, port = PORT) => isOwn([{ host: listener, port: PORT }], to, port, facts);

test("B25: a listener is meant by every spelling of its address, and by unspecified addresses", async () => {
  for (const [listener, ...targets] of [
    ["127.0.0.1", "127.0.0.1", "0.0.0.0", "::", "::ffff:0.0.0.0", "::ffff:0:0", "::ffff:127.0.0.1", "::%lo"],
    ["::ffff:127.0.0.1", "127.0.0.1", "::ffff:7f00:1", "::ffff:127.0.0.1%lo", "0.0.0.0"],
    ["::1", "::1", "0:0:0:0:0:0:0:1", "::1%lo", "::1%1", "::", "0.0.0.0"],
    ["fe80::7%br-1", "fe80::7%br-1", "fe80::7%2", "::"],
    ["192.0.2.7", "192.0.2.7", "::ffff:192.0.2.7", "0.0.0.0"],
  ] as [string, ...string[]][]) {
    for (const to of targets) assert.ok(await own(listener, to), `${listener} is ${to}`);
  }
});

test("B25: a wildcard listener is meant by every address of this machine", async () => {
  const all = ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "192.0.2.7", "::ffff:192.0.2.7", "2001:db8::7"];
  const zoned = ["fe80::7", "fe80::7%br-1", "fe80::7%2", "fe80::1%lo", "fe80::1%1", "::1%lo", "2001:DB8:0::7"];
  const carrierless = ["172.17.0.1", "::ffff:172.17.0.1", "2001:db8:5::9", "fe80::9%docker0"];
  for (const listener of ["::", "0.0.0.0", "::ffff:0.0.0.0"]) {
    for (const to of [...all, ...zoned, ...carrierless]) assert.ok(await own(listener, to), `${listener} is ${to}`);
  }
});

test("B25: a connection that inetd has accepted on all addresses means every address of this machine", async () => {
  let asked = 0;
  const place = (onAll: boolean): OwnPlace => ({ host: "192.0.2.7", port: PORT, onAll: () => ++asked > 0 && onAll });
  for (const to of ["127.0.0.1", "::1", "2001:db8::7", "172.17.0.1"]) {
    assert.ok(await isOwn([place(true)], to, PORT, facts), to);
    assert.ok(!(await isOwn([place(false)], to, PORT, facts)), to);
  }
  asked = 0;
  assert.ok(await isOwn([place(false)], "192.0.2.7", PORT, facts));
  assert.ok(!(await isOwn([place(true)], "192.0.2.8", PORT, facts)));
  assert.equal(asked, 0, "the slow question is not asked for other machines");
});

test("other addresses, and other ports, are other servers", async () => {
  assert.ok(!(await own("127.0.0.1", "127.0.0.2")));
  assert.ok(!(await own("192.0.2.7", "127.0.0.1")));
  for (const to of ["192.0.2.8", "2001:db8::8", "fe80::8%br-1", "fe80::8", "::ffff:192.0.2.8"]) {
    assert.ok(!(await own("::", to)), to);
  }
  for (const to of ["127.0.0.1", "0.0.0.0", "::1"]) assert.ok(!(await own("::", to, 111)), to);
  assert.ok(!(await isOwn([], "0.0.0.0", PORT, facts)));
});

test("a zone with a name that every object of JavaScript has is no interface", async () => {
  for (const zone of ["constructor", "toString", "hasOwnProperty"]) assert.ok(!(await own("::", `fe80::8%${zone}`)));
});

test("B25: where the interfaces can't be listed, the source address of a connection tells", async () => {
  const blind: AddressFacts = {
    ...facts,
    interfaces() {
      throw new Error("uv_interface_addresses returned EAFNOSUPPORT");
    },
  };
  for (const to of ["127.0.0.1", "::1", "192.0.2.7", "2001:db8::7", "172.17.0.1", "fe80::1%1"]) {
    assert.ok(await isOwn([{ host: "::", port: PORT }], to, PORT, blind), to);
  }
  assert.ok(!(await isOwn([{ host: "::", port: PORT }], "192.0.2.8", PORT, blind)));
});

test("the system says from which address it connects, if it can", async () => {
  assert.equal(await sourceTo("127.0.0.1", PORT), "127.0.0.1");
  assert.equal(await sourceTo("::1", PORT), "::1");
  assert.equal(await sourceTo("::ffff:127.0.0.1", PORT), "::ffff:127.0.0.1");
  assert.equal(await sourceTo("fe80::1%constructor", PORT), "");
});

test("a question that the system refuses leaves no descriptor", async () => {
  const open = () => readdirSync("/proc/self/fd").length;
  const before = open();
  for (let count = 0; count < 20; count++) assert.equal(await sourceTo("255.255.255.255", PORT), "");
  await until(() => open() <= before, "closed sockets");
});
